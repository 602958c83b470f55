"""Waiting for effects."""

from ms_func.primitives.effects import effects_barrier as wait_for_tokens

__all__ = ["wait_for_tokens"]
