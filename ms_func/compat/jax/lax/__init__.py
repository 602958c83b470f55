"""`jax.lax`: primitives that are functions here, for tables of rules by primitive."""

from __future__ import annotations

from ms_func.compat.composed import PRIMITIVES

__all__ = ["approx_top_k_p", "copy_p", "eq_to_p", "le_to_p", "lt_to_p", "mulhi_p", "select_n_p",
           "square_p", "squeeze_p", "stack_p", "stage_p", "tile_p", "unstack_p"]  # fmt: skip

approx_top_k_p, copy_p = PRIMITIVES["approx_top_k"], PRIMITIVES["copy"]
eq_to_p, le_to_p, lt_to_p = (PRIMITIVES[n] for n in ("eq_to", "le_to", "lt_to"))
mulhi_p, select_n_p, stage_p = (PRIMITIVES[n] for n in ("mulhi", "select_n", "stage"))
square_p, squeeze_p, stack_p = (PRIMITIVES[n] for n in ("square", "squeeze", "stack"))
tile_p, unstack_p = PRIMITIVES["tile"], PRIMITIVES["unstack"]
