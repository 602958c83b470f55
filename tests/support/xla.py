"""StableHLO text compiled and run by XLA on the CPU, through jaxlib alone: an oracle."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from jaxlib import xla_client
from jaxlib.mlir import ir

from ms_func import config
from ms_func.lowering.context import context


class _Type:
    """What the runtime reads of a type."""

    def __init__(self, shape: Sequence[int], dtype: np.dtype) -> None:
        self.shape, self.dtype, self.weak_type = tuple(shape), np.dtype(dtype), False


_QUICK: list[tuple[str, Any]] = [("xla_backend_optimization_level", 0)]
if xla_client._version < 495:  # jaxlib 0.10; the option is gone in 0.11
    _QUICK.append(("xla_cpu_use_fusion_emitters", False))


@cache
def _client() -> Any:
    config.install()  # the settings without which the runtime does not run, one set per process
    return xla_client.make_cpu_client(num_devices=1)


def run(text: str | ir.Module, *arguments: np.ndarray) -> list[np.ndarray]:
    """Results of a module's `main` on XLA's CPU backend."""
    module = text if isinstance(text, ir.Module) else ir.Module.parse(text, context())
    client = _client()
    device = client.local_devices()[0]
    options = xla_client.CompileOptions()
    options.device_assignment = xla_client.DeviceAssignment.create(np.array([[0]], np.int32))
    options.env_option_overrides = _QUICK
    program = client.compile_and_load(module, xla_client.DeviceList((device,)), options)
    sharding = _sharding(device)
    buffers = [
        xla_client.batched_device_put(_Type(a.shape, a.dtype), sharding, [a], [device])
        for a in (np.asarray(a, order="C") for a in arguments)
    ]
    results = program.execute_sharded(buffers).disassemble_into_single_device_arrays()
    return [np.array(r[0]._single_device_array_to_np_array_did_copy()[0]) for r in results]


def _sharding(device: Any) -> Any:
    sharding = xla_client.SingleDeviceSharding(device)
    replicated = xla_client.HloSharding.replicate()
    sharding._to_xla_hlo_sharding = lambda ndim: replicated
    return sharding
