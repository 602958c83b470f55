"""Names of JAX's top level that denote settings and operations: each does what it says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import ms_func as ms
from ms_func import as_jax, ffi
from ms_func.lowering import kernels

np1 = np.ones(3, np.float32)


def test_leaks_are_found():
    kept = []
    with ms.check_tracer_leaks():
        assert float(ms.jit(lambda x: x + 1)(1.0)) == 2.0
        assert float(ms.grad(lambda x: ms.numpy.sin(x))(0.0)) == 1.0
        with pytest.raises(ms.errors.UnexpectedTracerError, match=r"Leaked trace.*held by: a list"):
            ms.jit(lambda x: kept.append(x) or x)(1.0)
    ms.jit(lambda x: kept.append(x) or x * 2)(1.0)


def test_what_a_program_keeps_is_no_leak():
    f = ms.jit(lambda x: ms.scipy.special.log_ndtr(x) + ms.nn.relu(x))
    with ms.check_tracer_leaks():
        assert np.isfinite(float(f(1.0)))
        assert np.isfinite(float(ms.grad(f)(1.0)))


def test_no_tracing():
    f = ms.jit(lambda x: x * 2)
    f(1.0)
    with ms.no_tracing():
        assert float(f(2.0)) == 4.0
        with pytest.raises(RuntimeError, match="no_tracing"):
            f(np1)


def test_transfer_guard_stops_copies_that_nobody_asked_for():
    f = ms.jit(lambda x: x * 2)
    f(np1)
    with ms.transfer_guard("disallow"):
        y = ms.device_put(np1)
        assert np.array_equal(ms.device_get(f(y)), 2 * np1)
        with pytest.raises(RuntimeError, match="Disallowed host-to-device"):
            f(np1)
    with ms.transfer_guard_host_to_device("disallow_explicit"), pytest.raises(RuntimeError):
        ms.device_put(np1)
    f(np1)
    with pytest.raises(ValueError, match="no transfer guard"), ms.transfer_guard("perhaps"):
        pass


def test_default_device_places_arrays():
    second = ms.devices()[1]
    with as_jax() as jax, jax.default_device(second):
        assert jax.numpy.ones(2).devices() == {second}
        assert jax.jit(lambda: jax.numpy.zeros(2))().devices() == {second}


def test_live_arrays():
    x = ms.numpy.arange(7) * 3
    found = [y for y in ms.live_arrays() if y.shape == (7,)]
    assert any(np.array_equal(y, x) for y in found)


def test_process_local_data_and_reshard():
    rows = ms.NamedSharding(ms.make_mesh((8,), ("x",)), ms.P("x"))
    data = np.arange(16)
    x = ms.make_array_from_process_local_data(rows, data)
    assert x.sharding == rows
    assert np.array_equal(x, data)
    with pytest.raises(ValueError, match="shape"):
        ms.make_array_from_process_local_data(rows, data, (32,))
    whole = ms.reshard(x, ms.NamedSharding(rows.mesh, ms.P()))
    assert whole.is_fully_replicated
    again = ms.jit(lambda v: ms.reshard(v, rows) * 2)(whole)
    assert np.array_equal(again, 2 * data)


def test_fwd_and_bwd_against_vjp():
    def f(x, n, y):
        return ms.numpy.sin(x) * y, n

    fwd, bwd = ms.fwd_and_bwd(f, (0, 2), has_aux=True)
    value, residuals, aux = fwd(0.5, 3, 2.0)
    expected, back, _ = ms.vjp(lambda x, y: f(x, 3, y), 0.5, 2.0, has_aux=True)
    assert np.allclose(value, expected)
    assert int(aux) == 3
    assert np.allclose(bwd(residuals, 1.5), back(1.5))
    _, one = ms.fwd_and_bwd(lambda x: x * x, 0)
    assert float(one(ms.fwd_and_bwd(lambda x: x * x, 0)[0](3.0)[1], 1.0)) == 6.0


def test_static_fields():
    @ms.tree_util.register_dataclass
    @dataclasses.dataclass
    class Line:
        slope: float
        name: str = ms.tree.static(default="line")

    assert ms.tree.leaves(Line(2.0)) == [2.0]
    assert ms.tree.map(lambda x: x + 1, Line(2.0, "a")) == Line(3.0, "a")


# --- kernels of others ---------------------------------------------------------------------------


def _cholesky(a):
    """LAPACK's, which reads columns: its lower factor is the upper one of rows."""
    outs = (ms.ShapeDtypeStruct(a.shape, "float32"), ms.ShapeDtypeStruct(a.shape[:-2], "int32"))
    name = kernels.target("potrf", np.dtype(np.float32))
    return ffi.ffi_call(name, outs, vmap_method="broadcast_all")(a, uplo=np.uint8(ord("L")))


def test_a_foreign_kernel():
    a = np.array([[4, 2, 0], [2, 3, 1], [0, 1, 5]], np.float32)
    for f in (_cholesky, ms.jit(_cholesky)):
        factor, info = f(a)
        upper = np.triu(factor)
        assert np.allclose(upper.T @ upper, a, atol=1e-5)
        assert int(info) == 0
    many, _ = ms.vmap(_cholesky)(np.stack([a, 2 * a]))
    assert np.allclose(np.triu(many[1]).T @ np.triu(many[1]), 2 * a, atol=1e-5)
    with pytest.raises(ValueError, match=r"FFI call to `.*` cannot be differentiated"):
        ms.grad(lambda x: _cholesky(x)[0].sum())(a)
    with pytest.raises(ValueError, match="vmap_method"):
        ffi.ffi_call("x", ms.ShapeDtypeStruct((), "float32"), vmap_method="never")


def test_operands_of_a_foreign_kernel_have_shapes_of_their_own():
    a, b = np.array([[2, 0], [1, 4]], np.float32), np.arange(6, dtype=np.float32).reshape(2, 3)
    out = ms.ShapeDtypeStruct(b.shape, "float32")
    rows = {"input_layouts": [(1, 0), (1, 0)], "output_layouts": (1, 0)}  # by columns, as LAPACK
    solve = ffi.ffi_call(kernels.target("trsm", np.dtype(np.float32)), out, **rows)
    letters = {"side": "L", "uplo": "L", "trans_x": "N", "diag": "N"}
    x = solve(a, b, **{k: np.uint8(ord(v)) for k, v in letters.items()})
    assert np.allclose(a @ np.asarray(x), b)
    with pytest.raises(TypeError, match="No attribute handler defined for type"):
        solve(a, b, side=object())


def test_a_foreign_kernel_lane_by_lane():
    def f(a):
        name = kernels.target("potrf", np.dtype(np.float32))
        outs = [ms.ShapeDtypeStruct(a.shape, "float32"), ms.ShapeDtypeStruct((), "int32")]
        return ffi.ffi_call(name, outs)(a, uplo=np.uint8(ord("L")))[0]

    a = np.eye(2, dtype=np.float32) * 4
    rows = ms.vmap(f)(np.stack([a, a / 4]))
    assert np.allclose(rows, [np.eye(2) * 2, np.eye(2)])


def test_headers_for_kernels_are_there():
    assert (Path(ffi.include_dir()) / "xla" / "ffi").is_dir()


def test_strict_promotion_wherever_dtypes_meet():
    with as_jax() as jax, jax.numpy_dtype_promotion("strict"):
        import jax.numpy as jnp

        i, f = jnp.arange(3), jnp.arange(3.0)
        for use in (
            lambda: i + f, lambda: jnp.concatenate([i, f]), lambda: jnp.stack([i, f]),
            lambda: jnp.dot(i, f), lambda: f.at[0].set(i[0]), lambda: jnp.where(i > 1, i, f),
            lambda: jnp.einsum("i,i->", i, f),
        ):  # fmt: skip
            with pytest.raises(ValueError, match="strict"):
                use()
        assert jnp.concatenate([i, f], dtype="float32").dtype == "float32"
        assert f.at[0].set(1).dtype == "float32"


def test_settings_refuse_values_that_they_do_not_have():
    with as_jax() as jax:
        for manager in (jax.numpy_dtype_promotion, jax.numpy_rank_promotion,
                        jax.default_matmul_precision):  # fmt: skip
            with pytest.raises(ValueError, match="nonsense"), manager("nonsense"):
                pass
        with pytest.raises(ValueError, match="rank_promotion"):
            jax.config.update("jax_numpy_rank_promotion", "bad")
        with pytest.raises(NotImplementedError, match="jax_dynamic_shapes"):
            jax.config.update("jax_dynamic_shapes", True)
        with pytest.raises(AttributeError, match="Unrecognized"):
            jax.config.update("jax_nonsense", 1)
        jax.config.update("jax_compilation_cache_dir", None)
        assert jax.config.jax_num_cpu_devices in (-1, 8)


def test_places_and_hints_of_experimental_modules():
    with as_jax() as jax:
        import jax.numpy as jnp
        from jax.experimental.compute_on import compute_on
        from jax.experimental.xla_metadata import set_xla_metadata
        from jax.extend.core import primitives

        with compute_on("device_host"), set_xla_metadata(key="value"):
            assert float(jax.jit(jnp.sin)(0.0)) == 0.0
        with pytest.raises(ValueError, match="'device' or 'device_host'"), compute_on("moon"):
            pass
        assert float(set_xla_metadata(2.0, key="value")) == 2.0
        assert {"add_p", "scan_p", "square_p", "jit_p"} <= set(dir(primitives))
        assert isinstance(jax.profiler.device_memory_profile(), bytes)


def test_threefry_of_counters_is_the_published_cipher():
    with as_jax() as jax:
        cipher = jax.extend.random.threefry_2x32
        ones = jax.numpy.uint32(0xFFFFFFFF)
        # Random123's known answers for 20 rounds.
        assert [int(w) for w in cipher((ones, ones), jax.numpy.stack([ones, ones]))] == [
            0x1CB996FC, 0xBB002BE7,
        ]  # fmt: skip
        keys = jax.numpy.array([0x13198A2E, 0x03707344], "uint32")
        counts = jax.numpy.array([0x243F6A88, 0x85A308D3], "uint32")
        assert jax.jit(cipher)(keys, counts).tolist() == [0xC4923A9C, 0x483DF7A0]
        odd = cipher(keys, jax.numpy.arange(5, dtype="uint32"))
        even = cipher(keys, jax.numpy.array([0, 1, 2, 3, 4, 0], "uint32"))
        assert odd.tolist() == even.tolist()[:5]
        with pytest.raises(TypeError, match="uint32"):
            cipher(keys, jax.numpy.arange(4))


def test_generators_by_object():
    with as_jax() as jax:
        from jax.extend import random

        one = random.seed_with_impl(random.rbg_prng_impl, 7)
        assert one.dtype == jax.random.key(7, impl="rbg").dtype
        several = random.random_seed(np.arange(3), random.threefry_prng_impl)
        words = [jax.random.PRNGKey(i).tolist() for i in range(3)]
        assert jax.random.key_data(several).tolist() == words


def test_shard_alike_gives_both():
    with as_jax() as jax:
        from jax.experimental.shard_alike import shard_alike

        x, y = jax.jit(shard_alike)(np1, 2 * np1)
        assert np.array_equal(y, 2 * np.asarray(x))
        with pytest.raises(ValueError, match="one shape"):
            shard_alike(np1, 1.0)


def test_rare_settings_keep_their_one_value():
    with as_jax() as jax:
        jax.config.update("jax_mock_gpu_topology", "")
        with pytest.raises(NotImplementedError, match="jax_mock_gpu_topology"):
            jax.config.update("jax_mock_gpu_topology", "2x8x1")
        with pytest.raises(AttributeError, match="Unrecognized"):
            jax.config.update("jax_no_such_thing", 1)
