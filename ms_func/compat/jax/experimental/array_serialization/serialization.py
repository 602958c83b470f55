"""`jax.experimental.array_serialization.serialization`: the base of managers of checkpoints."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["GlobalAsyncCheckpointManagerBase"]


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
