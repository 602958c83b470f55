"""Functions with a batching rule of their own, under the field's names; no code of its own."""

from ms_func.control_flow.custom_vmap import custom_vmap as custom_vmap
from ms_func.control_flow.custom_vmap import sequential_vmap as sequential_vmap

__all__ = ["custom_vmap", "sequential_vmap"]
__dir__ = __all__.copy
