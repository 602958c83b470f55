"""Primitives that carry functions: calls, branches, loops. Their rules come from transforms."""
