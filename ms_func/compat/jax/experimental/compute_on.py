"""`jax.experimental.compute_on`: a part of a program on the host of the device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ms_func.api.devices import default_backend
from ms_func.errors import ArgumentValueError

__all__ = ["compute_on"]


@contextmanager
def compute_on(compute_type: str) -> Iterator[None]:
    """Where the operations recorded in a `with` block run: "device" or "device_host".

    On a CPU both are the same place.

    Raises:
        ValueError: there is no such kind of place.
        NotImplementedError: "device_host" where the host is not the device.
    """
    if compute_type not in ("device", "device_host"):
        raise ArgumentValueError(
            f"compute_type is 'device' or 'device_host' here, not {compute_type!r}"
        )
    if compute_type == "device_host" and default_backend() != "cpu":
        raise NotImplementedError(
            "compute_on('device_host'): programs run on one kind of device here\n"
            "fix: compile the part for the host: jit(f, device=devices('cpu')[0])"
        )
    yield
