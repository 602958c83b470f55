"""custom_vmap and sequential_vmap."""

import numpy as np
import pytest

import ms_func as ms
from ms_func.control_flow.custom_vmap import custom_vmap, sequential_vmap
from ms_func.control_flow.while_loop import while_loop
from tests.support.operations import lax
from tests.support.staged import names, program

XS = np.array([0.1, 0.6, 2.0])


@custom_vmap
def times(x, y):
    return lax.sin(x) * y


seen = []


@times.def_vmap
def times_rule(axis_size, in_batched, x, y):
    seen.append((axis_size, list(in_batched)))
    if all(in_batched):
        return 10.0 * lax.sin(x) * y, True
    return 10.0 * lax.sin(x) * y, True


@pytest.fixture(autouse=True)
def forget():
    seen.clear()


def test_without_vmap_the_function_runs():
    np.testing.assert_allclose(times(0.5, 2.0), np.sin(0.5) * 2, rtol=1e-6)
    np.testing.assert_allclose(ms.jit(times)(0.5, 2.0), np.sin(0.5) * 2, rtol=1e-6)
    np.testing.assert_allclose(ms.grad(times)(0.5, 2.0), np.cos(0.5) * 2, rtol=1e-6)
    assert seen == []


def test_vmap_asks_the_rule():
    np.testing.assert_allclose(ms.vmap(times)(XS, XS), 10 * np.sin(XS) * XS)
    np.testing.assert_allclose(ms.jit(ms.vmap(times, (None, 0)))(0.5, XS), 10 * np.sin(0.5) * XS,
                               rtol=1e-6)  # fmt: skip
    rows = np.stack([XS, XS + 1])
    got = ms.vmap(times, in_axes=(1, None), out_axes=1)(rows, 2.0)
    np.testing.assert_allclose(got, 20 * np.sin(rows), rtol=1e-6)
    assert seen == [(3, [True, True]), (3, [False, True]), (3, [True, False])]


def test_forward_mode_differentiates_the_rule():
    push = lambda x, t: ms.jvp(times, (x, 2.0), (t, 0.0))  # noqa: E731
    out, dot = ms.vmap(push)(XS, XS)
    np.testing.assert_allclose(out, 20 * np.sin(XS))
    np.testing.assert_allclose(dot, 20 * np.cos(XS) * XS)
    out, dot = ms.vmap(push, (None, 0))(np.float64(0.5), XS)
    np.testing.assert_allclose(dot, 20 * np.cos(0.5) * XS, rtol=1e-6)


def test_reverse_mode_of_vmap_differentiates_the_rule():
    gradient = ms.grad(lambda x: (ms.vmap(times)(x, XS)).sum())
    np.testing.assert_allclose(gradient(XS), 10 * np.cos(XS) * XS)


def test_sequential_vmap_loops():
    @sequential_vmap
    def steps(x, y):
        return while_loop(lambda c: c < 10, lambda c: c * y, x)

    made = program(ms.vmap(steps, (0, None)), XS, 2.0)
    assert "scan" in names(made)
    got = ms.vmap(steps, (0, None))(XS, 2.0)
    want = [next(v for v in (x * 2.0**k for k in range(20)) if v >= 10) for x in XS]
    np.testing.assert_allclose(got, want)


def test_refusals():
    with pytest.raises(AttributeError, match="No batching rule defined for custom_vmap function"):
        custom_vmap(lambda x: x)(1.0)
    wrong = custom_vmap(lambda x: x)
    wrong.def_vmap(lambda n, batched, x: (x, x, x))
    with pytest.raises(ValueError, match="must return a pair"):
        ms.vmap(wrong)(XS)

    for rule, words in (
        (lambda n, batched, x: (x, (True,)), "output batching specification returned by custom"),
        (lambda n, batched, x: ((x, x), (True, True)), "does not match that of original"),
        (lambda n, batched, x: (x[0], True), "says that a result of shape"),
    ):
        wrong.def_vmap(rule)
        with pytest.raises(ValueError, match=words):
            ms.vmap(wrong)(XS)

    def close_over(y):
        inner = custom_vmap(lambda x: x * y)
        inner.def_vmap(lambda n, batched, x: (x, batched[0]))
        return inner(1.0)

    with pytest.raises(NotImplementedError, match="closes over a value that differs"):
        ms.vmap(close_over)(XS)


def test_vmap_of_reverse_mode_differentiates_the_rule():
    slopes = ms.vmap(ms.grad(times, (0, 1)))(XS, XS)
    np.testing.assert_allclose(slopes[0], 10 * np.cos(XS) * XS)
    np.testing.assert_allclose(slopes[1], 10 * np.sin(XS))
    shared = ms.vmap(ms.grad(times, (0, 1)), (None, 0))(np.float64(0.5), XS)
    np.testing.assert_allclose(shared[0], 10 * np.cos(0.5) * XS)
    np.testing.assert_allclose(shared[1], 10 * np.sin([0.5] * 3))
    pull = lambda x, ct: ms.vjp(times, x, np.float64(2.0))[1](ct)  # noqa: E731
    np.testing.assert_allclose(ms.vmap(pull)(XS, XS)[0], 20 * np.cos(XS) * XS)
    np.testing.assert_allclose(ms.vmap(pull, (None, 0))(XS[0], XS)[1], np.sin(XS[0]) * XS * 10)


def test_second_derivatives_come_from_the_rule():
    one = lambda x: times(x, np.float64(2.0))  # noqa: E731
    along = lambda f: lambda x: ms.jvp(f, (x,), (np.float64(1),))[1]  # noqa: E731
    orders = [
        ms.grad(ms.grad(one)), along(ms.grad(one)), ms.grad(along(one)),
        ms.jit(along(along(one))),
    ]  # fmt: skip
    for second in orders:
        np.testing.assert_allclose(second(XS[0]), -2 * np.sin(XS[0]), rtol=1e-12)
        np.testing.assert_allclose(ms.vmap(second)(XS), -20 * np.sin(XS), rtol=1e-12)


def test_results_that_the_lanes_share():
    """The rule says that one result is the same for all lanes: its cotangents add up."""

    @custom_vmap
    def f(x, y):
        return x * y, y * y

    @f.def_vmap
    def rule(axis_size, in_batched, x, y):
        return (x * y, y * y), (True, in_batched[1])

    def scalar(x, y):
        a, b = f(x, y)
        return a + 3.0 * b

    dx, dy = ms.vmap(ms.grad(scalar, (0, 1)), (0, None))(XS, np.float64(2.0))
    np.testing.assert_allclose(dx, [2.0] * 3)
    np.testing.assert_allclose(dy, XS + 12.0)


def test_derivatives_of_loops_in_rules():
    f = custom_vmap(lambda x: x * x)

    @f.def_vmap
    def rule(axis_size, in_batched, x):
        return lax.fori_loop(0, 3, lambda i, c: c * x, x * 0.0 + 1.0), in_batched[0]

    np.testing.assert_allclose(ms.vmap(ms.grad(f))(XS), 3 * XS**2, rtol=1e-12)
    np.testing.assert_allclose(ms.vmap(ms.grad(ms.grad(f)))(XS), 6 * XS, rtol=1e-12)
    np.testing.assert_allclose(ms.grad(f)(XS[0]), 2 * XS[0])
