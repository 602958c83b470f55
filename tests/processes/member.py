"""What each of two processes runs; the test starts both and reads what they print."""

from __future__ import annotations

import json
import sys

import numpy as np

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import lax
from ms_func.experimental import multihost_utils as hosts
from ms_func.sharding import Mesh, NamedSharding, P

X = np.arange(16, dtype=np.float32).reshape(8, 2)
W = np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4)


def loss(w, x):
    return (mnp.tanh(x @ w) ** 2).mean()


def report(number: int) -> dict:
    mesh = Mesh((4,), ("a",))
    rows, whole = NamedSharding(mesh, P("a")), NamedSharding(mesh, P())
    x = ms.device_put(X, rows)
    mine = np.arange(4, dtype=np.float32) + 4 * number
    joined = ms.make_array_from_process_local_data(rows, mine)
    local = hosts.global_array_to_host_local_array(x, mesh, P("a"))
    value, gradient = ms.jit(ms.shard(ms.value_and_grad(loss), mesh=mesh, in_specs=(P(), P("a"))))(
        W, x
    )
    total = ms.shard_map(lambda v: lax.psum(v, "a"), mesh=mesh, in_specs=P("a"), out_specs=P())
    try:
        np.asarray(x)
        refused = ""
    except RuntimeError as error:
        refused = str(error)
    hosts.sync_global_devices("here")
    return {
        "process": (ms.process_index(), ms.process_count(), ms.distributed.is_initialized()),
        "devices": (ms.device_count(), ms.local_device_count()),
        "held": [s.data.tolist() for s in x.addressable_shards],
        "text": repr(x),
        "refused": refused,
        "sum": float(ms.jit(lambda v: (v * v).sum())(x)),
        "whole": ms.jit(lambda v: v + 1, out_shardings=whole)(x).tolist(),
        "psum": ms.jit(total)(x).tolist(),
        "loss": float(value),
        "gradient": hosts.process_allgather(gradient, tiled=True).tolist(),
        "joined": hosts.process_allgather(joined, tiled=True).tolist(),
        "stacked": hosts.process_allgather(mine).tolist(),
        "tiled": hosts.process_allgather(mine, tiled=True).tolist(),
        "from 1": hosts.broadcast_one_to_all(mine, is_source=number == 1).tolist(),
        "local": (local.is_fully_addressable, local.tolist()),
        "again": hosts.process_allgather(
            hosts.host_local_array_to_global_array(local, mesh, P("a")), tiled=True
        ).tolist(),
        "alone": (mnp.arange(3.0) + number).tolist(),
        "other names": _named_apart(number),
    }


def _named_apart(number: int) -> str:
    try:
        hosts.sync_global_devices(f"place {number}")
    except AssertionError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    ms.config.update("num_cpu_devices", 2)
    ms.distributed.initialize(sys.argv[2], 2, int(sys.argv[1]), initialization_timeout=60)
    print(json.dumps(report(int(sys.argv[1]))))
