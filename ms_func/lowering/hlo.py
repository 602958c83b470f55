"""StableHLO modules as computations of XLA."""

from __future__ import annotations

import importlib
from typing import Any


def hlo_computation(module: Any) -> Any:
    """The computation of a module; it has `as_hlo_text`."""
    convert = importlib.import_module("jaxlib._jax").mlir.mlir_module_to_xla_computation
    return convert(str(module), use_tuple_args=False, return_tuple=False)
