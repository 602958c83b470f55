"""Primitives that carry functions (calls, branches, loops), with rules built of transforms."""
