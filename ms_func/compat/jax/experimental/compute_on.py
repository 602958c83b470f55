"""`jax.experimental.compute_on`: wishes where operations shall run, which change no value.

Programs here run whole on their devices, so a wish is checked for its wording and has no effect.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ContextDecorator
from typing import Any

from ms_func.api.devices import default_backend
from ms_func.errors import ArgumentValueError, UnsupportedError

__all__ = ["compute_on", "compute_on2"]


def _check(compute_type: str) -> None:
    known = ("device_host", "device", "tpu_sparsecore")
    if compute_type not in known and not str(compute_type).startswith("gpu_stream:"):
        raise ArgumentValueError(
            f"Invalid compute type {compute_type}: it is 'device' or 'device_host', "
            "'tpu_sparsecore' or 'gpu_stream:#'"
        )
    if compute_type == "device_host" and default_backend() != "cpu":
        raise UnsupportedError(
            "compute_on('device_host'): programs run on one kind of device here\n"
            "fix: compile the part for the host: jit(f, device=devices('cpu')[0])"
        )


class _Wish(ContextDecorator):
    """A block, or a decorator, whose operations would better run elsewhere."""

    def __enter__(self) -> None:
        """Nothing."""

    def __exit__(self, *error: object) -> None:
        """Nothing."""


def compute_on(compute_type: str) -> ContextDecorator:
    """Within a block, or as a decorator: wish that operations run on `compute_type`.

    Raises:
        ValueError: there is no such place.
        NotImplementedError: "device_host" where the host is not the device.
    """
    _check(compute_type)
    return _Wish()


def compute_on2(
    f: Callable[..., Any] | None = None, *, compute_type: str, out_memory_spaces: Any,
    compiler_options: Any = None,
) -> Any:  # fmt: skip
    """`f`, with the wish that it runs on `compute_type`; None gives a decorator.

    Raises:
        ValueError: there is no such place.
        NotImplementedError: "device_host" where the host is not the device.
    """
    _check(compute_type)
    return f if f is not None else lambda fun: fun
