"""Programs over several processes, which are not there yet: a process is alone and says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func.errors import UnsupportedError

__all__ = ["initialize", "is_initialized", "shutdown"]


def initialize(
    coordinator_address: str | None = None, num_processes: int | None = None,
    process_id: int | None = None, local_device_ids: int | Sequence[int] | None = None,
    **options: Any,
) -> None:  # fmt: skip
    """Join a group of processes; a group of one is there without being joined.

    Raises:
        NotImplementedError: several processes are asked for, or their number is left open.
    """
    if num_processes != 1 or process_id not in (None, 0):
        raise UnsupportedError(
            "programs over several processes are not supported\n"
            "fix: use the devices of one process, which shard and jit span; "
            "initialize(num_processes=1) is allowed"
        )


def is_initialized() -> bool:
    """Whether a group of several processes was joined: never."""
    return False


def shutdown() -> None:
    """Leave the group, which is this process alone."""
