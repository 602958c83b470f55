"""`jax.experimental.pjit`: `jit` by its old name."""

from ms_func import jit as pjit

__all__ = ["pjit"]
