"""Other libraries' names for what is here. Nothing of the library itself imports this package."""

from ms_func.compat.alias import as_jax as as_jax

__all__ = ["as_jax"]
