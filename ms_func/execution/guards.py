"""Guards against copies between host and devices that nobody asked for.

The runtime itself watches every copy; here stand its switches. `device_put` and `device_get` are
explicit copies; all others, such as a NumPy array given to a compiled function, are implicit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ms_func.errors import ArgumentValueError
from ms_func.runtime import extension

_lib: Any = extension.guard_lib
_LEVELS: dict[str, Any] = {
    "allow": _lib.TransferGuardLevel.ALLOW,
    "log": _lib.TransferGuardLevel.LOG,
    "disallow": _lib.TransferGuardLevel.DISALLOW,
    "log_explicit": _lib.TransferGuardLevel.LOG_EXPLICIT,
    "disallow_explicit": _lib.TransferGuardLevel.DISALLOW_EXPLICIT,
}
_KINDS = ("host_to_device", "device_to_device", "device_to_host")
state = _lib.thread_local_state


class Guard:
    """What happens to copies of some kinds: for the process by `set`, in a block by a call.

    Args:
        kinds: names of the kinds.
        doc: docstring of the guard.

    Example:
        >>> with ms.transfer_guard("log"):  # lines on the standard error
        ...     x = ms.device_put(1.0)
    """

    def __init__(self, kinds: tuple[str, ...], doc: str) -> None:
        self.kinds, self.__doc__ = kinds, doc
        self._value: str | None = None

    @property
    def value(self) -> str | None:
        """Level set for the process."""
        return self._value

    def set(self, level: str | None) -> None:
        """Set the level for the process; None allows all."""
        found = None if level is None else _level(level)
        self._value = level
        for kind in self.kinds:
            setattr(_lib.global_state(), kind, found)

    @contextmanager
    def __call__(self, new_val: str) -> Iterator[None]:
        """Set the level in this thread within a `with` block.

        Args:
            new_val: "allow"; "log" writes a line about implicit copies, "disallow" makes them an
                error; "log_explicit" and "disallow_explicit" mean explicit ones too.

        Raises:
            ValueError: there is no such level.
        """
        found, local = _level(new_val), state()
        old = [getattr(local, kind) for kind in self.kinds]
        for kind in self.kinds:
            setattr(local, kind, found)
        try:
            yield
        finally:
            for kind, before in zip(self.kinds, old, strict=True):
                setattr(local, kind, before)


def _level(name: str) -> Any:
    if name not in _LEVELS:
        raise ArgumentValueError(
            f"there is no transfer guard {name!r}: new enum value must be None or in "
            f"{list(_LEVELS)}, got {name} of type {type(name)}."
        )
    return _LEVELS[name]


transfer_guard = Guard(
    _KINDS,
    """What happens to copies between host and devices, and between devices.

    Levels: "allow" (the default); "log" writes a line about implicit copies, "disallow" makes them
    an error; "log_explicit" and "disallow_explicit" mean explicit ones (`device_put`,
    `device_get`) too.

    Example:
        >>> import numpy
        >>> with ms.transfer_guard("disallow"):
        ...     np.sin(ms.device_put(0.0)).item()
        0.0
        >>> with ms.transfer_guard("disallow"):
        ...     ms.jit(np.sin)(numpy.zeros(3))
        Traceback (most recent call last):
            ...
        jaxlib._jax.JaxRuntimeError: INVALID_ARGUMENT: Disallowed host-to-device transfer: ...
    """,
)
transfer_guard_host_to_device = Guard(
    _KINDS[:1],
    """What happens to copies from the host to a device, such as of a NumPy array given to `jit`.

    Levels: "allow" (the default); "log" writes a line about implicit copies, "disallow" makes them
    an error; "log_explicit" and "disallow_explicit" mean explicit ones (`device_put`,
    `device_get`) too.

    Example:
        >>> import numpy
        >>> with ms.transfer_guard_host_to_device("disallow"):
        ...     ms.jit(np.sin)(numpy.zeros(3))
        Traceback (most recent call last):
            ...
        jaxlib._jax.JaxRuntimeError: INVALID_ARGUMENT: Disallowed host-to-device transfer: ...
    """,
)
transfer_guard_device_to_device = Guard(
    _KINDS[1:2],
    """What happens to copies from one device to another.

    Levels: "allow" (the default); "log" writes a line about implicit copies, "disallow" makes them
    an error; "log_explicit" and "disallow_explicit" mean explicit ones (`device_put`,
    `device_get`) too.

    Example:
        >>> with ms.transfer_guard_device_to_device("disallow"):
        ...     np.sin(np.zeros(2)).tolist()
        [0.0, 0.0]
    """,
)
transfer_guard_device_to_host = Guard(
    _KINDS[2:],
    """What happens to copies from a device to the host; those of CPUs share memory and are none.

    Levels: "allow" (the default); "log" writes a line about implicit copies, "disallow" makes them
    an error; "log_explicit" and "disallow_explicit" mean explicit ones (`device_put`,
    `device_get`) too.

    Example:
        >>> with ms.transfer_guard_device_to_host("disallow"):
        ...     ms.device_get(np.zeros(2)).tolist()
        [0.0, 0.0]
    """,
)
__test__ = {
    name: guard.__doc__ for name, guard in list(globals().items()) if isinstance(guard, Guard)
}  # examples of instances, for doctest


@contextmanager
def explicit(name: str) -> Iterator[None]:
    """Copies in the block were asked for; `name` is explicit_device_put or explicit_device_get."""
    local = state()
    old = getattr(local, name)
    setattr(local, name, True)
    try:
        yield
    finally:
        setattr(local, name, old)
