"""Transforms: each a function from program to program, written once for all primitives."""
