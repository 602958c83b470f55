"""`jax.lax`: primitives that are functions here, and functions that take less than ours."""

from __future__ import annotations

from ms_func.compat.composed import PRIMITIVES
from ms_func.compat.strict import STRICT

__all__ = [
    "after_all_p", "approx_top_k_p", "copy_p", "create_token_p", "dce_sink_p", "device_put_p",
    "eq_to_p", "le_to_p", "lt_to_p", "mulhi_p", "ragged_all_to_all_p", "scatter_sub_p",
    "select_and_scatter_p", "select_n_p", "square_p", "squeeze_p", "stack_p", "stage_p", "tile_p",
    "unstack_p",
]  # fmt: skip

after_all_p, create_token_p = PRIMITIVES["after_all"], PRIMITIVES["create_token"]
approx_top_k_p, copy_p = PRIMITIVES["approx_top_k"], PRIMITIVES["copy"]
dce_sink_p, device_put_p = PRIMITIVES["dce_sink"], PRIMITIVES["device_put"]
eq_to_p, le_to_p, lt_to_p = (PRIMITIVES[n] for n in ("eq_to", "le_to", "lt_to"))
mulhi_p, select_n_p, stage_p = (PRIMITIVES[n] for n in ("mulhi", "select_n", "stage"))
ragged_all_to_all_p = PRIMITIVES["ragged_all_to_all"]
scatter_sub_p, select_and_scatter_p = PRIMITIVES["scatter-sub"], PRIMITIVES["select_and_scatter"]
square_p, squeeze_p, stack_p = (PRIMITIVES[n] for n in ("square", "squeeze", "stack"))
tile_p, unstack_p = PRIMITIVES["tile"], PRIMITIVES["unstack"]
globals().update(STRICT)
__all__ += list(STRICT)  # pyright: ignore[reportUnsupportedDunderAll]
