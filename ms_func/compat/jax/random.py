"""`jax.random`: a primitive that is a function here, for tables of rules by primitive."""

from __future__ import annotations

from ms_func.compat.composed import PRIMITIVES

__all__ = ["random_gamma_p"]

random_gamma_p = PRIMITIVES["random_gamma"]
