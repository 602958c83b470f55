"""What JAX offers for several processes, in one."""

from __future__ import annotations

import numpy as np

from ms_func import as_jax


def test_one_process_agrees_with_itself():
    with as_jax() as jax:
        from jax.experimental import multihost_utils as hosts

        mesh = jax.make_mesh((8,), ("x",))
        x = np.arange(8.0, dtype="f")
        wide = hosts.host_local_array_to_global_array(x, mesh, jax.P("x"))
        assert len(wide.sharding.device_set) == 8
        assert np.array_equal(hosts.process_allgather(wide), x)
        assert hosts.process_allgather({"a": x})["a"].shape == (1, 8)
        assert np.array_equal(hosts.broadcast_one_to_all([x])[0], x)
        hosts.sync_global_devices("here")
        f = jax.sharding.auto_axes(lambda v: v * 2, out_sharding=wide.sharding)
        assert np.array_equal(jax.jit(f)(x), 2 * x)
        assert np.array_equal(jax.sharding.reshard(x, wide.sharding), x)
