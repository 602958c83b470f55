"""`jax.experimental.colocated_python`: Python beside far devices, which are not there.

Libraries import it to look at its classes; what would use it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from ms_func.errors import UnsupportedError

__all__ = ["colocated_cpu_devices", "colocated_python", "colocated_python_class"]


def _refused(name: str) -> NoReturn:
    raise UnsupportedError(
        f"{name}: all devices belong to this process\nfix: call the function itself"
    )


def colocated_cpu_devices(devices_or_mesh: Sequence[Any] | Any) -> Any:
    """Refused."""
    _refused("colocated_cpu_devices")


def colocated_python(fun: Callable[..., Any]) -> Any:
    """Refused."""
    _refused("colocated_python")


def colocated_python_class(cls: type) -> Any:
    """Refused."""
    _refused("colocated_python_class")
