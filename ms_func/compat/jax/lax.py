"""`jax.lax`: primitives that are functions here, for tables of rules by primitive."""

from __future__ import annotations

from ms_func.compat.composed import PRIMITIVES

__all__ = ["copy_p", "mulhi_p", "select_n_p", "square_p", "squeeze_p", "stack_p", "tile_p",
           "unstack_p"]  # fmt: skip

copy_p, mulhi_p, select_n_p = (PRIMITIVES[n] for n in ("copy", "mulhi", "select_n"))
square_p, squeeze_p, stack_p = (PRIMITIVES[n] for n in ("square", "squeeze", "stack"))
tile_p, unstack_p = PRIMITIVES["tile"], PRIMITIVES["unstack"]
