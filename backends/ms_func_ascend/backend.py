"""The two backends: one for an NPU, one for its reference interpreter.

Both translate a module to the bytes of an AIR file and read those bytes back; the graph that
runs is the one in the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from ms_func.backend import CompileOptions
from ms_func.errors import UnsupportedError
from ms_func_ascend import air, cann
from ms_func_ascend.emitter import Options
from ms_func_ascend.graph import Graph
from ms_func_ascend.simulate import simulate
from ms_func_ascend.translate import translate

_OWN = {f.name for f in fields(Options)}


def _split(flags: dict[str, Any]) -> tuple[Options, dict[str, Any]]:
    """Options of the translation, and those of the compiler."""
    own = {k: v for k, v in flags.items() if k in _OWN}
    return Options(**own), {k: v for k, v in flags.items() if k not in _OWN}


def export(module: Any, path: str | Path | None = None, **flags: Any) -> bytes:
    """AIR file of a StableHLO module.

    Args:
        module: the module object, or its text or bytecode, with a public function `main`.
        path: where to write the file (`.air`); None writes nothing.
        **flags: fields of `Options`.

    Returns:
        The bytes of the file.

    Raises:
        UnsupportedOnAscend: operations without a translation; all of them are listed.

    Example:
        >>> text = '''func.func public @main(%x: tensor<2xf32>) -> tensor<2xf32> {
        ...   %y = stablehlo.tanh %x : tensor<2xf32>
        ...   return %y : tensor<2xf32> }'''
        >>> print(air.describe(air.from_bytes(export(text))))
        graph main
          arg0 = Data() index=0 -> float32[2]
          tanh = Tanh(arg0:0) -> float32[2]  # -:2
          return tanh:0 float32[2]
    """
    options, rest = _split(flags)
    if rest:
        raise TypeError(f"the Ascend translation has no option {sorted(rest)[0]!r}")
    data = air.to_bytes(translate(module, options))
    if path is not None:
        Path(path).write_bytes(data)
    return data


class AscendReference:
    """Runs translated programs in the NumPy interpreter: for tests and machines without a card."""

    name = "ascend-ref"

    def devices(self) -> list[str]:
        """The one device there is."""
        return ["ascend-ref:0"]

    def compile(self, module: Any, options: CompileOptions) -> ReferenceExecutable:
        """Translate a module; see `ms_func.backend.Backend`."""
        return ReferenceExecutable(air.from_bytes(self.export(module, options)))

    def export(self, module: Any, options: CompileOptions) -> bytes:
        """Bytes of the AIR file of a module."""
        _one_device(options)
        own, _ = _split(options.flags)
        return air.to_bytes(translate(module, own))

    def put(self, array: np.ndarray, placement: Any = None, type: Any = None) -> np.ndarray:
        """The array itself: buffers are NumPy arrays."""
        return np.asarray(array)

    def get(self, buffer: Any) -> np.ndarray:
        """Elements of a buffer."""
        return np.asarray(buffer)


class Ascend(AscendReference):
    """Compiles with CANN's `atc` and runs through pyACL.

    Flags of `CompileOptions`: the fields of `Options`, and `soc_version`, `precision`
    ("exact", "mixed" or "fp16"), `atc_options` (a list of further options), `keep_files`
    (a directory for the AIR and OM files) and `device_id`.
    """

    name = "ascend"

    def devices(self) -> list[str]:
        """NPUs that the runtime sees; none without CANN."""
        return [f"ascend:{k}" for k in range(cann.device_count())]

    def compile(self, module: Any, options: CompileOptions) -> Any:
        """Translate, compile and load a module.

        Raises:
            UnsupportedOnAscend: operations without a translation; all of them are listed.
            AscendUnavailable: CANN is missing here; the message says how to go on.
            AscendError: `atc` or the runtime failed.
        """
        data = self.export(module, options)
        _, settings = _split(options.flags)
        return cann.compile(data, options.name, **settings)


class ReferenceExecutable:
    """A graph that the interpreter runs."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def run(self, buffers: Sequence[Any]) -> list[np.ndarray]:
        """Results of the graph for arrays."""
        return simulate(self.graph, [np.asarray(b) for b in buffers])


def _one_device(options: CompileOptions) -> None:
    if options.num_partitions > 1 or len(options.devices) > 1:
        raise UnsupportedError(
            f"`{options.name}` is split over {max(options.num_partitions, len(options.devices))} "
            "devices; an AIR file is a program of one\nfix: export it without a mesh"
        )
