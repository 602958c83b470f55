"""Primitives that carry functions: calls, branches, loops. Their rules are built from transforms."""
