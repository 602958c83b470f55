"""Device buffers as NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np


def to_numpy(buffer: Any) -> np.ndarray:
    """Elements of a buffer as a read-only array, without copy where host memory allows it."""
    sharding = buffer._sharding
    shards = buffer._arrays
    if len(shards) == 1:
        return _piece(buffer)
    if sharding.is_fully_replicated:
        return _piece(buffer._fully_replicated_shard())
    if not sharding.public.is_fully_addressable:
        raise RuntimeError(
            "an array that spans devices of other processes (non-addressable devices) cannot be "
            "read here\nfix: gather it with "
            "ms_func.experimental.multihost_utils.process_allgather, or read its addressable_shards"
        )
    kind = buffer.aval.words
    whole = np.empty(kind.shape, kind.dtype)
    if not whole.size:  # the compiler does not split what is empty
        return whole
    index = sharding.addressable_devices_indices_map(kind.shape)
    seen: set[Any] = set()
    for shard, where in zip(shards, index.values(), strict=True):
        key = tuple([(s.start, s.stop) for s in where])
        if key not in seen:  # of copies the first counts, should they differ
            whole[where] = _piece(shard)
            seen.add(key)
    whole.flags.writeable = False
    return whole


def _piece(buffer: Any) -> np.ndarray:
    """Elements on one device.

    By Python's buffer protocol, which knows host memory and NumPy's own dtypes; the runtime's
    conversion knows the rest, but takes longer.
    """
    try:
        return np.asarray(memoryview(buffer))
    except BufferError:
        return buffer._single_device_array_to_np_array_did_copy()[0]
