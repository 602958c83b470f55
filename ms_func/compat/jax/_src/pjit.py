"""Names of `jax._src.pjit` that libraries use though public ones would do."""

from ms_func.compat.jax.sharding import auto_axes, explicit_axes, reshard

__all__ = ["auto_axes", "explicit_axes", "reshard"]
