"""Run a program lowered for a chosen kind of device, on the CPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ms_func.backend import CompileOptions
from ms_func.execution.buffers import default_backend, put, to_numpy
from ms_func.execution.compile import placement_of
from ms_func.ir.function import Function
from ms_func.lowering.lower import lower_function


def run(fn: Function, arrays: Sequence[np.ndarray], platform: str | None) -> list[np.ndarray]:
    """Results of `fn` in the form that `platform` gets; None is the form for all."""
    buffers = [put(a, v.type) for a, v in zip(arrays, fn.params, strict=True)]
    placement = placement_of(buffers)
    module = lower_function(fn, platform=platform)
    executable = default_backend().compile(module, CompileOptions("test", placement.devices))
    own = default_backend().sharding(placement.devices[0])
    executable.bind_types(fn.out_types, [own] * len(fn.results), False)
    return [to_numpy(x) for x in executable.run(buffers)]
