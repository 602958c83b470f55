"""What JAX offers for several processes, in one."""

from __future__ import annotations

import numpy as np
import pytest

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
        for held in (wide, jax.numpy.asarray(x)):
            assert np.array_equal(hosts.global_array_to_host_local_array(held, mesh, jax.P("x")), x)
        with pytest.raises(ValueError, match="process_index 3"):
            jax.local_devices(3)
        f = jax.sharding.auto_axes(lambda v: v * 2, out_sharding=wide.sharding)
        assert np.array_equal(jax.jit(f)(x), 2 * x)
        assert np.array_equal(jax.sharding.reshard(x, wide.sharding), x)


def test_pieces_along_one_axis():
    with as_jax() as jax:
        x = np.arange(16.0, dtype="f").reshape(2, 8)
        with jax.set_mesh(jax.make_mesh((8,), ("x",))):
            total = jax.smap(lambda v, s: (jax.lax.psum(v * s, "x"), v + s), in_axes=(1, None),
                             out_axes=(None, 1), axis_name="x")  # fmt: skip
            found, more = jax.jit(total)(x, np.float32(2))
        assert np.array_equal(found[:, 0], 2 * x.sum(1))
        assert np.array_equal(more, x + 2)


def test_types_of_axes_may_stand_third():
    with as_jax() as jax:
        mesh = jax.make_mesh((8,), ("x",), (jax.sharding.AxisType.Auto,))
        assert mesh.auto_axes == ("x",)
        assert mesh.are_all_axes_auto
        assert not mesh.are_all_axes_explicit


def test_axes_that_are_explicit_within_a_function():
    """What the types tell is what JAX's documentation says; the values are those of NumPy."""
    with as_jax() as jax:
        P = jax.sharding.PartitionSpec
        mesh = jax.make_mesh((4, 2), ("x", "y"), axis_types=(jax.sharding.AxisType.Auto,) * 2)
        x = np.arange(32.0, dtype="f").reshape(8, 4)
        seen = []
        with jax.set_mesh(mesh):
            for axes, wanted in ((None, P("x", "y")), ("x", P("x", None))):

                def f(v):
                    seen.append(jax.typeof(v).sharding.spec)
                    return v * 2

                g = jax.sharding.explicit_axes(f, axes=axes, in_sharding=wanted)

                def h(v, g=g):
                    out = g(v)
                    seen.append(jax.typeof(out).sharding.spec)
                    return out + 1

                out = jax.jit(h)(x)
                assert seen[-2:] == [wanted, P(None, None)]
                assert np.array_equal(out[1:3], 2 * x[1:3] + 1)
                assert out.sharding.is_equivalent_to(jax.NamedSharding(mesh, wanted), 2)
                assert out.sharding.mesh == mesh
            for decorator, word in (
                (jax.sharding.explicit_axes, "in"),
                (jax.sharding.auto_axes, "out"),
            ):
                with pytest.raises(TypeError, match=f"Missing required .*'{word}_sharding'"):
                    decorator(lambda v: v)(x)
