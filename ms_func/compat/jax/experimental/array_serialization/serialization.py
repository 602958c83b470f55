"""`jax.experimental.array_serialization.serialization`: the base of managers of checkpoints.

A manager that writes arrays through TensorStore is not there: libraries import its name, and use it
for arrays that are spread over several processes only.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any

from ms_func.errors import UnsupportedError

__all__ = ["GlobalAsyncCheckpointManager", "GlobalAsyncCheckpointManagerBase",
           "get_tensorstore_spec"]  # fmt: skip


class GlobalAsyncCheckpointManagerBase(abc.ABC):
    """Interface of a manager that writes and reads arrays while the program goes on."""

    @abc.abstractmethod
    def check_for_errors(self) -> None:
        """Raise what went wrong while writing."""

    @abc.abstractmethod
    def wait_until_finished(self) -> None:
        """Wait for what is being written."""

    @abc.abstractmethod
    def serialize(
        self, arrays: Sequence[Any], tensorstore_specs: Sequence[dict[str, Any]], *,
        on_commit_callback: Callable[[], None],
    ) -> None:  # fmt: skip
        """Begin to write arrays."""

    @abc.abstractmethod
    def deserialize(
        self, shardings: Sequence[Any], tensorstore_specs: Sequence[dict[str, Any]],
        global_shapes: Any = None, dtypes: Any = None,
    ) -> Any:  # fmt: skip
        """Arrays that were written, laid out as given."""


class GlobalAsyncCheckpointManager:
    """Manager that writes through TensorStore: refused when one is made."""

    def __init__(self, timeout_secs: int = 300) -> None:
        raise _refused("GlobalAsyncCheckpointManager")


def get_tensorstore_spec(ckpt_path: str, ocdbt: bool = False) -> dict[str, Any]:
    """Where and how TensorStore would write an array: refused."""
    raise _refused("get_tensorstore_spec")


def _refused(name: str) -> Exception:
    return UnsupportedError(
        f"{name}: arrays are not written through TensorStore here\n"
        "fix: gather the arrays (multihost_utils.process_allgather) and save them as NumPy's, or "
        "save them with a checkpointer of orbax"
    )
