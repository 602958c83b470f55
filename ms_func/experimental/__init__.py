"""What JAX keeps under `jax.experimental`, by the same names."""

from ms_func.primitives.callbacks import io_callback as io_callback

__all__ = ["io_callback"]
__dir__ = __all__.copy
