"""Programs written to files, for a compiler or a machine elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ms_func import backend as backends
from ms_func.api.compile import jit
from ms_func.backend import CompileOptions
from ms_func.errors import UnsupportedError
from ms_func.execution.buffers import default_backend
from ms_func.ir.effects import calls_host
from ms_func.tracing.arguments import function_name


def export(
    fun: Callable[..., Any],
    *args: Any,
    backend: str = "xla",
    path: str | Path | None = None,
    options: dict[str, Any] | None = None,
    **kwargs: Any,
) -> Any:
    """The program of `fun` for these arguments in the file format of a backend.

    A program for several devices - its arguments have shardings, or `shard_map` or `shard` is in
    it - may be several files: "ascend" gives one for each device, and a description of them.

    Args:
        fun: function of arrays, jitted or not. Arrays it closes over are part of the program.
        *args: arrays or `ShapeDtypeStruct`s; only types matter.
        backend: "xla" gives a portable StableHLO artifact, "ascend" an AIR file for `atc`.
        path: where to write the bytes; None writes nothing. Several files are written beside
            each other, `step.air` as `step_rank0.air` and so on.
        options: settings of that backend.
        **kwargs: arguments by name.

    Returns:
        The bytes of the file; of several, a dictionary from the end of the name (`rank0.air`).

    Raises:
        RuntimeError: no such backend is installed.
        UnsupportedError: the program has operations the backend cannot translate; all of
            them are named. Or it calls Python.

    Example:
        >>> len(export(lambda x: x * 2, 1.0)) > 0
        True
    """
    traced = (getattr(fun, "trace", None) or jit(fun).trace)(*args, **kwargs)
    module = traced.closed().compiler_ir()
    chosen = backends.get(backend)
    name = function_name(fun)
    if calls_host(traced.ir) and chosen is default_backend():
        raise UnsupportedError(
            f"`{name}` calls Python while it runs (it prints, checks or has callbacks), and a file "
            "cannot carry Python functions\nfix: leave these out of what is exported"
        )
    data = chosen.export(module, CompileOptions(name, flags=options or {}))
    if path is not None:
        for file, held in backends.files(path, data).items():
            file.write_bytes(held)
    return data
