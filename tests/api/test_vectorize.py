"""vmap: equal to a loop for every way of laying the batch, and clear about mistakes."""

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp


def loop(f, n, *picks):
    """Results of `f` lane by lane, stacked."""
    return np.stack([np.asarray(f(*(p(i) for p in picks))) for i in range(n)])


@pytest.mark.parametrize("size", [0, 1, 3])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_equal_to_a_loop(size, axis):
    rng = np.random.default_rng(0)
    x = np.moveaxis(rng.normal(size=(size, 4, 2)), 0, axis)
    w = rng.normal(size=(2,))
    f = lambda x, w: mnp.tanh(x @ w).sum() + w  # noqa: E731
    got = ms.vmap(f, in_axes=(axis, None))(x, w)
    assert got.shape == (size, 2)
    if size:
        expected = loop(f, size, lambda i: np.take(x, i, axis), lambda i: w)
        np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("out_axis", [0, 1, 2, -1])
def test_out_axes(out_axis):
    x = np.arange(24.0).reshape(2, 3, 4)
    got = ms.vmap(lambda x: x * 2, out_axes=out_axis)(x)
    np.testing.assert_array_equal(got, np.moveaxis(x * 2, 0, out_axis))


def test_trees_of_axes():
    f = lambda d, y: {"s": d["a"] + d["b"] * y, "y": y}  # noqa: E731
    d = {"a": np.arange(3.0), "b": np.arange(6.0).reshape(2, 3)}
    got = ms.vmap(f, in_axes=({"a": 0, "b": 1}, None), out_axes={"s": 0, "y": None})(d, 2.0)
    expected = np.stack([d["a"][i] + d["b"][:, i] * 2 for i in range(3)])
    np.testing.assert_array_equal(got["s"], expected)
    assert got["y"].shape == ()


def test_nested_twice():
    x = np.arange(3.0)
    got = ms.vmap(lambda a: ms.vmap(lambda b: a * b + 1)(x))(x)
    np.testing.assert_array_equal(got, np.outer(x, x) + 1)


def test_keyword_arguments_and_axis_size():
    got = ms.vmap(lambda x, *, y: x + y)(np.arange(3.0), y=np.ones(3))
    np.testing.assert_array_equal(got, [1, 2, 3])
    got = ms.vmap(lambda: mnp.ones(2), axis_size=3)()
    assert got.shape == (3, 2)


def test_with_derivatives_in_both_orders():
    x = np.array([0.5, 1.0, 2.0])
    f = lambda x: mnp.sin(x) * x  # noqa: E731
    slopes = np.cos(x) * x + np.sin(x)
    np.testing.assert_allclose(ms.vmap(ms.grad(f))(x), slopes, rtol=1e-12)
    np.testing.assert_allclose(ms.grad(lambda x: ms.vmap(f)(x).sum())(x), slopes, rtol=1e-12)
    np.testing.assert_allclose(ms.jit(ms.vmap(ms.jit(ms.grad(f))))(x), slopes, rtol=1e-12)


def test_mistakes_are_named():
    x = np.ones((3, 2))
    with pytest.raises(ValueError, match="inconsistent sizes"):
        ms.vmap(lambda a, b: a)(x, np.ones(4))
    with pytest.raises(ValueError, match="axis 2"):
        ms.vmap(lambda a: a, in_axes=2)(x)
    with pytest.raises(ValueError, match="at least one non-None"):
        ms.vmap(lambda a: a, in_axes=None)(x)
    with pytest.raises(ValueError, match="prefix"):
        ms.vmap(lambda a: a, in_axes=({"k": 0},))(x)
    with pytest.raises(ValueError, match="out_axes, got axis spec None"):
        ms.vmap(lambda a: a, out_axes=None)(x)
    with pytest.raises(ValueError, match=r"len\(in_axes\)=2"):
        ms.vmap(lambda a: a, in_axes=(0, 0))(x)
    with pytest.raises(TypeError, match="in_axes"):
        ms.vmap(lambda a: a, in_axes="a")(x)
