"""The profiler of the runtime; its traces are read with TensorBoard or Perfetto."""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ms_func.api.devices import devices
from ms_func.errors import ArgumentValueError

__all__ = [
    "ProfileData", "ProfileOptions", "StepTraceAnnotation", "TraceAnnotation", "annotate_function",
    "device_memory_profile", "save_device_memory_profile", "start_server", "start_trace",
    "stop_server", "stop_trace", "trace",
]  # fmt: skip
__dir__ = __all__.copy

_runtime: Any = importlib.import_module("jaxlib._profiler")
ProfileOptions = _runtime.ProfileOptions
ProfileData = importlib.import_module("jaxlib._profile_data").ProfileData
_running: list[tuple[Any, str]] = []
_server: list[Any] = []


class TraceAnnotation(_runtime.TraceMe):
    """Context manager that names a stretch of Python in the trace of the profiler."""


class StepTraceAnnotation(TraceAnnotation):
    """Context manager that marks one step of a training loop."""

    def __init__(self, name: str, **kwargs: Any) -> None:
        super().__init__(name, _r=1, **kwargs)


def annotate_function(
    func: Callable[..., Any], name: str | None = None, **decorator_kwargs: Any
) -> Callable[..., Any]:
    """`func`, shown under its name in the trace of the profiler."""
    name = name or getattr(func, "__qualname__", type(func).__name__)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with TraceAnnotation(name, **decorator_kwargs):
            return func(*args, **kwargs)

    return wrapper


def start_trace(
    log_dir: os.PathLike[str] | str, create_perfetto_link: bool = False,
    create_perfetto_trace: bool = False, profiler_options: Any = None,
) -> None:  # fmt: skip
    """Start to profile; `stop_trace` writes what was found below `log_dir`.

    Raises:
        RuntimeError: a profile is being taken already.
        NotImplementedError: a Perfetto link or trace is asked for.
    """
    if create_perfetto_link or create_perfetto_trace:
        raise NotImplementedError("fix: open the .trace.json.gz file below log_dir in Perfetto")
    if _running:
        raise RuntimeError(
            "Profile has already been started. Only one profile may be run at a time."
        )
    devices()  # the profiler sees only what was there when it started
    made = profiler_options or ProfileOptions()
    _running.append((_runtime.ProfilerSession(made), os.fspath(log_dir)))


def stop_trace() -> None:
    """Stop the profile that was started and write it.

    Raises:
        RuntimeError: none was started.
    """
    if not _running:
        raise RuntimeError("No profile started")
    session, place = _running.pop()
    session.stop_and_export(place)


@contextmanager
def trace(
    log_dir: os.PathLike[str] | str, create_perfetto_link: bool = False,
    create_perfetto_trace: bool = False, profiler_options: Any = None,
) -> Iterator[None]:  # fmt: skip
    """Profile what runs in a `with` block."""
    start_trace(log_dir, create_perfetto_link, create_perfetto_trace, profiler_options)
    try:
        yield
    finally:
        stop_trace()


def device_memory_profile(backend: str | None = None) -> bytes:
    """Arrays and programs that lie in the memory of devices now, in the format of `pprof`.

    Args:
        backend: kind of device; the default one if None.
    """
    return devices(backend)[0].client.heap_profile()


def save_device_memory_profile(
    filename: os.PathLike[str] | str, backend: str | None = None
) -> None:
    """Write `device_memory_profile` to a file.

    >>> import ms_func.profiler as profiler, tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     profiler.save_device_memory_profile(f"{folder}/memory.prof")
    ...     pathlib.Path(f"{folder}/memory.prof").stat().st_size > 0
    True
    """
    with open(filename, "wb") as f:
        f.write(device_memory_profile(backend))


def start_server(port: int, requires_backend: bool = True) -> Any:
    """Start the server that TensorBoard asks for profiles."""
    if _server:
        raise ArgumentValueError("Only one profiler server can be active at a time.")
    _server.append(_runtime.start_server(port))
    return _server[0]


def stop_server() -> None:
    """Stop that server."""
    if not _server:
        raise ArgumentValueError("No active profiler server.")
    _server.clear()
