"""Users' objects and arrays: what they are made of; stores to them undone, redone, told apart."""
