"""Transforms: each a function from program to program, written once for all primitives."""

from ms_func.transforms import physical as physical  # fills the slot of `execution`
