"""pmap on 8 virtual devices: a vmap whose lanes lie on devices."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import lax
from ms_func.sharding import PartitionSpec

RNG = np.random.default_rng(5)
X = RNG.normal(size=(8, 3))


@pytest.mark.parametrize("n", [1, 4, 8])
def test_equal_to_vmap(n):
    def f(x, w):
        total = lax.psum(x, "i")
        return {"a": x * w / total, "b": lax.ppermute(x, "i", [(k, (k + 1) % n) for k in range(n)])}

    got = ms.pmap(f, axis_name="i", in_axes=(0, None))(X[:n], 2.0)
    want = ms.vmap(f, axis_name="i", in_axes=(0, None))(X[:n], 2.0)
    for key in want:
        np.testing.assert_allclose(got[key], want[key])
        assert len(got[key].sharding.device_set) == n
        assert got[key].sharding.spec == PartitionSpec("i")


def test_what_a_recording_depends_on():
    f = ms.pmap(lambda x, n: x * n, static_broadcasted_argnums=1)
    x = np.arange(4, dtype=np.int32)
    assert [f(x, n).dtype.name for n in (1, 1.0, True)] == ["int32", "float32", "int32"]
    g = ms.pmap(lambda x: x + np.ones(3, np.float32))
    x = np.ones((2, 3, 3), np.float32)
    g(x)
    with ms.numpy_rank_promotion("raise"), pytest.raises(ValueError, match="rank_promotion"):
        g(x)


@pytest.mark.parametrize(("in_axis", "out_axis"), [(0, 0), (1, 0), (-1, 1), (0, -1)])
def test_axes(in_axis, out_axis):
    x = np.moveaxis(X, 0, in_axis)
    got = ms.pmap(lambda v: v * 2, in_axes=in_axis, out_axes=out_axis)(x)
    np.testing.assert_array_equal(got, np.moveaxis(2 * X, 0, out_axis))


def test_results_that_all_devices_share():
    got = ms.pmap(lambda v: lax.pmean(v, "i"), "i", out_axes=None)(X)
    np.testing.assert_allclose(got, X.mean(0))
    index = ms.pmap(lambda: lax.axis_index("i"), "i", axis_size=5)()
    np.testing.assert_array_equal(index, np.arange(5))
    got = ms.pmap(lambda v, *, w: v + w)(X, w=X)
    np.testing.assert_array_equal(got, 2 * X)


def test_static_arguments_and_recording_once():
    calls = []

    def f(x, n, w):
        calls.append(n)
        return x**n + w

    run = ms.pmap(f, in_axes=(0, None, 0), static_broadcasted_argnums=1)
    for n in (2, 2, 3, 2):
        np.testing.assert_allclose(run(X, n, X), X**n + X)
    assert calls == [2, 3]
    run.clear_cache()
    run(X, 2, X)
    assert calls == [2, 3, 2]


def test_chosen_devices_and_donation():
    chosen = ms.devices()[4:6]
    y = ms.pmap(lambda v: v + 1, devices=chosen)(X[:2])
    assert y.sharding.device_set == set(chosen)
    with pytest.raises(ValueError, match="2 devices were given"):
        ms.pmap(lambda v: v + 1, devices=chosen)(X)
    held = ms.pmap(lambda v: v)(X)
    np.testing.assert_allclose(ms.pmap(lambda v: v + 1, donate_argnums=0)(held), X + 1)
    assert held.is_deleted()


def test_under_other_transforms():
    run = ms.pmap(lambda v: mnp.sin(v) * lax.psum(v, "i"), "i")
    plain = ms.vmap(lambda v: mnp.sin(v) * lax.psum(v, "i"), axis_name="i")
    np.testing.assert_allclose(ms.jit(run)(X), plain(X))
    np.testing.assert_allclose(
        ms.grad(lambda x: run(x).sum())(X), ms.grad(lambda x: plain(x).sum())(X)
    )
    two = np.stack([X, X + 1])
    np.testing.assert_allclose(ms.vmap(run)(two), np.stack([plain(t) for t in two]))
    losses = ms.pmap(ms.grad(lambda v: lax.psum((v**2).sum(), "i")), "i")(X)
    np.testing.assert_allclose(losses, 16 * X)
    assert "manual_computation" in run.lower(X).as_text()
    assert run.eval_shape(X).shape == X.shape


def test_inside_each_other():
    x = X[:, 0].reshape(2, 4)
    f = lambda v: lax.psum(v, ("i", "j")) + 10 * lax.axis_index("i") + lax.axis_index("j")  # noqa: E731
    got = ms.pmap(ms.pmap(f, "j"), "i")(x)
    np.testing.assert_allclose(got, x.sum() + 10 * np.arange(2)[:, None] + np.arange(4))
    got = ms.pmap(ms.vmap(f, axis_name="j"), "i")(x)
    np.testing.assert_allclose(got, x.sum() + 10 * np.arange(2)[:, None] + np.arange(4))


def test_a_step_of_data_parallel_training():
    @ms.pmap
    def nothing(x):
        return x

    np.testing.assert_array_equal(nothing(X), X)

    def step(w, x):
        loss, g = ms.value_and_grad(lambda w: ((x @ w - 1) ** 2).mean())(w)
        return w - 0.1 * lax.pmean(g, "batch"), lax.pmean(loss, "batch")

    rows = RNG.normal(size=(8, 5, 3))
    w = np.stack([np.arange(3.0)] * 8)
    got, loss = ms.pmap(step, axis_name="batch")(w, rows)
    flat = rows.reshape(40, 3)
    residual = flat @ w[0] - 1
    np.testing.assert_allclose(loss, [np.mean(residual**2)] * 8)
    np.testing.assert_allclose(got[3], w[0] - 0.1 * 2 * flat.T @ residual / 40)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="requires 9 logical devices, but only 8"):
        ms.pmap(lambda v: v)(np.ones(9))
    with pytest.raises(ValueError, match="inconsistent sizes"):
        ms.pmap(lambda a, b: a)(X, X[:4])
    with pytest.raises(ValueError, match="at least one argument with a mapped axis"):
        ms.pmap(lambda a: a, in_axes=None)(X)
    with pytest.raises(ValueError, match="along axis 2"):
        ms.pmap(lambda a: a, in_axes=2)(X)
    with pytest.raises(ValueError, match="out_axes 3"):
        ms.pmap(lambda a: a, out_axes=3)(X)
    with pytest.raises(ValueError, match="in_axes must match"):
        ms.pmap(lambda a: a, in_axes=(0, 0))(X)
    with pytest.raises(NameError, match="unbound axis name: k"):
        ms.pmap(lambda a: lax.psum(a, "k"), "i")(X)
    with pytest.raises(TypeError, match="Expected a callable"):
        ms.pmap(3)
