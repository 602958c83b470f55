"""Waiting for effects."""

from ms_func.compat.rules import apply_primitive
from ms_func.primitives.effects import effects_barrier as wait_for_tokens

__all__ = ["apply_primitive", "wait_for_tokens"]
