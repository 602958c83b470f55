"""One value for what the branches of a choice, or the steps of a loop, leave in one place."""
