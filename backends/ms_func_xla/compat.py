"""What differs between the supported versions of jaxlib (0.10 to 0.12), in one place."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from jaxlib import xla_client

NEW = xla_client._version >= 495
"""Whether this is jaxlib 0.11 or later."""

REPLICATED = xla_client.HloSharding.replicate()


class SingleDeviceSharding(xla_client.SingleDeviceSharding):
    """Placement on one device; there is one object per device (`client.sharding_of`).

    Equality and hash are left to the C++ class: the dispatcher asks for them for every operand
    of every call, and methods in Python would cost more than the rest of the dispatch.
    """

    def _to_xla_hlo_sharding(self, ndim: int) -> Any:  # asked for by jaxlib 0.10
        return REPLICATED

    memory_kind = property(attrgetter("_memory_kind"), doc="Memory space of the device, or None.")

    @property
    def device_set(self) -> set[Any]:
        """The one device, as a set."""
        return {self._device}

    @property
    def is_fully_replicated(self) -> bool:
        """Every device (there is one) holds the whole array."""
        return True

    def __repr__(self) -> str:
        return f"SingleDeviceSharding({self._device})"


def portable_version() -> str:
    """StableHLO version that consumers up to twelve weeks old read."""
    from jaxlib.mlir.dialects import stablehlo  # takes long, seldom wanted

    return stablehlo.get_version_from_compatibility_requirement(
        stablehlo.StablehloCompatibilityRequirement.WEEK_12
    )


def result_handler(aval: Any, sharding: Any, committed: bool) -> Any:
    """Object that turns raw results of the runtime into arrays of the given type."""
    if NEW:
        return xla_client.array_result_handler(aval, sharding, committed)
    return xla_client.array_result_handler(aval, sharding, committed, _skip_checks=True)
