"""Objects and arrays that users store to: undone, redone and told apart."""
