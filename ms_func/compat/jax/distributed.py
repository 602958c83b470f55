"""`jax.distributed`: besides the public names the state, which libraries ask for."""

from __future__ import annotations

from typing import Any

from ms_func.execution import buffers

__all__: list[str] = []


class _State:
    """What this process knows of the group that it has joined, if it has."""

    @property
    def _group(self) -> Any:
        return buffers.default_backend().group

    client = property(lambda self: self._group and self._group.client)
    service = property(lambda self: self._group and self._group.service)
    coordinator_address = property(lambda self: self._group and self._group.address)
    process_id = property(lambda self: self._group.index if self._group else 0)
    num_processes = property(lambda self: self._group.count if self._group else 1)


global_state = _State()
