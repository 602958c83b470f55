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
    """Context manager that names a stretch of Python in the trace of the profiler.

    Args:
        name: what the trace shows.
        **kwargs: what it shows with it, by name.

    Example:
        >>> with ms.profiler.TraceAnnotation("load", batch=3):
        ...     x = np.ones(2)
    """


class StepTraceAnnotation(TraceAnnotation):
    """Context manager that marks one step of a training loop.

    Args:
        name: what the trace shows.
        **kwargs: what it shows with it; TensorBoard looks for `step_num`.

    Example:
        >>> for step in range(2):
        ...     with ms.profiler.StepTraceAnnotation("train", step_num=step):
        ...         x = np.ones(2)
    """

    def __init__(self, name: str, **kwargs: Any) -> None:
        super().__init__(name, _r=1, **kwargs)


def annotate_function(
    func: Callable[..., Any], name: str | None = None, **decorator_kwargs: Any
) -> Callable[..., Any]:
    """`func`, shown under its name in the trace of the profiler.

    Args:
        func: function, or any object that can be called.
        name: what the trace shows; the function's qualified name where None.
        **decorator_kwargs: what it shows with it.

    Example:
        >>> ms.profiler.annotate_function(lambda x: 2 * x, name="double")(4)
        8
    """
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

    Args:
        log_dir: folder, which is made where it is not there; TensorBoard reads it.
        create_perfetto_link: not supported.
        create_perfetto_trace: not supported; Perfetto opens the `.trace.json.gz` below `log_dir`.
        profiler_options: a `ProfileOptions`; None for the usual ones.

    Raises:
        RuntimeError: a profile is being taken already.
        NotImplementedError: a Perfetto link or trace is asked for.

    Example:
        >>> with ms.profiler.trace("unused", create_perfetto_link=True):
        ...     pass
        Traceback (most recent call last):
            ...
        NotImplementedError: fix: open the .trace.json.gz file below log_dir in Perfetto
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

    Example:
        >>> ms.profiler.stop_trace()
        Traceback (most recent call last):
            ...
        RuntimeError: No profile started
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
    """Profile what runs in a `with` block.

    Args:
        log_dir: as for `start_trace`, as are the other arguments.
        create_perfetto_link: not supported.
        create_perfetto_trace: not supported.
        profiler_options: a `ProfileOptions`; None for the usual ones.

    Raises:
        RuntimeError: a profile is being taken already.
        NotImplementedError: a Perfetto link or trace is asked for.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with ms.profiler.trace(folder):
        ...         x = ms.jit(np.sin)(1.0).block_until_ready()
        ...     len(list(pathlib.Path(folder).rglob("*.xplane.pb")))
        1
    """
    start_trace(log_dir, create_perfetto_link, create_perfetto_trace, profiler_options)
    try:
        yield
    finally:
        stop_trace()


def device_memory_profile(backend: str | None = None) -> bytes:
    """Arrays and programs that lie in the memory of devices now, in the format of `pprof`.

    Args:
        backend: "cpu", "gpu" or "cuda"; None for the platform in use.

    Returns:
        A protocol buffer, as bytes.

    Example:
        >>> len(ms.profiler.device_memory_profile()) > 0
        True
    """
    return devices(backend)[0].client.heap_profile()


def save_device_memory_profile(
    filename: os.PathLike[str] | str, backend: str | None = None
) -> None:
    """Write `device_memory_profile` to a file.

    Args:
        filename: path of the file.
        backend: "cpu", "gpu" or "cuda"; None for the platform in use.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ms.profiler.save_device_memory_profile(f"{folder}/memory.prof")
        ...     pathlib.Path(f"{folder}/memory.prof").stat().st_size > 0
        True
    """
    with open(filename, "wb") as f:
        f.write(device_memory_profile(backend))


def start_server(port: int, requires_backend: bool = True) -> Any:
    """Start the server that TensorBoard asks for profiles.

    Args:
        port: port to listen at; 0 for any that is free.
        requires_backend: accepted for compatibility.

    Returns:
        The server, which ends when nothing holds it and `stop_server` was called.

    Raises:
        ValueError: one is running already.

    Example:
        >>> server = ms.profiler.start_server(0)
        >>> ms.profiler.stop_server()
    """
    if _server:
        raise ArgumentValueError("Only one profiler server can be active at a time.")
    _server.append(_runtime.start_server(port))
    return _server[0]


def stop_server() -> None:
    """Stop the server of `start_server`.

    Raises:
        ValueError: none is running.

    Example:
        >>> ms.profiler.stop_server()
        Traceback (most recent call last):
            ...
        ms_func.errors.ArgumentValueError: ...No active profiler server...
    """
    if not _server:
        raise ArgumentValueError("No active profiler server.")
    _server.clear()
