"""First-order operations: one paragraph each, all of its rules together."""
