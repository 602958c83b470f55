"""`odeint` against closed forms and SciPy's integrators; its adjoints against differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import ms_func as ms
import ms_func.numpy as mnp
from ms_func.experimental import ode as by_its_other_name
from ms_func.ir.evaluate import Reference
from ms_func.ode import odeint

TS = np.linspace(0.0, 3.0, 7)
Y0 = np.array([1.0, 0.0])
ADJOINTS = ["continuous", "discrete"]


def oscillator(y, t, a, b):
    return mnp.stack([y[1], a * (1 - y[0] ** 2) * y[1] - b * y[0] + mnp.sin(t)])


def reference(ts, y0=Y0, a=1.3, b=0.7):
    def f(t, y):
        return [y[1], a * (1 - y[0] ** 2) * y[1] - b * y[0] + np.sin(t)]

    return solve_ivp(f, (ts[0], ts[-1]), y0, t_eval=ts, method="DOP853", rtol=1e-12, atol=1e-12).y.T


def test_values():
    want = reference(TS)
    got = odeint(oscillator, Y0, TS, 1.3, 0.7)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, want, atol=2e-7)
    back = odeint(oscillator, want[-1], TS[::-1].copy(), 1.3, 0.7)
    np.testing.assert_allclose(back, want[::-1], atol=2e-7)
    assert by_its_other_name.odeint is odeint


def test_error_follows_the_tolerance():
    want = reference(TS)
    errors = [
        np.abs(np.asarray(odeint(oscillator, Y0, TS, 1.3, 0.7, rtol=r, atol=r)) - want).max()
        for r in (1e-4, 1e-10)
    ]
    assert 1e-6 < errors[0] < 1e-2
    assert errors[1] < 1e-8


def test_dense_output_agrees_with_sparse_output():
    many = np.linspace(0.0, 3.0, 301)
    np.testing.assert_allclose(odeint(oscillator, Y0, many, 1.3, 0.7), reference(many), atol=2e-7)


def test_step_limits():
    def rate(y, t):
        return mnp.cos(t)

    few = odeint(rate, 0.0, TS, mxstep=1, hmax=0.01)
    assert float(few[0]) == 0.0
    assert np.isnan(few[1:]).all()  # what was not reached is not made up
    fine = odeint(rate, np.float64(0.0), TS, rtol=1.0, atol=1.0, hmax=0.01)
    np.testing.assert_allclose(fine, np.sin(TS), atol=1e-9)


@pytest.mark.parametrize("adjoint", ADJOINTS)
def test_a_solution_that_ends(adjoint):
    """1 / (1 - t) is infinite at 1, and neither loops for ever nor comes back as a number."""
    ts = np.array([0.0, 0.5, 0.9, 1.5])
    got = np.asarray(odeint(lambda y, t: y * y, np.float64(1.0), ts, adjoint=adjoint))
    np.testing.assert_allclose(got[:3], [1.0, 2.0, 10.0], rtol=1e-5)
    assert np.isnan(got[3])
    assert np.isnan(odeint(lambda y, t: y * np.nan, 1.0, ts, adjoint=adjoint)[1:]).all()


def test_trees_complex_states_and_closures():
    turn = mnp.asarray(np.array(2.0))

    def f(state, t, speed):
        return {"z": 1j * turn * state["z"], "x": (speed["v"], -state["x"][1])}

    y0 = {"z": np.array([1.0 + 0j, 2.0]), "x": (np.float32(0.0), np.ones(2))}
    got = odeint(f, y0, TS, {"v": np.float64(3.0)})
    turned = np.exp(2j * TS)[:, None] * np.array([1.0, 2.0])
    np.testing.assert_allclose(got["z"], turned, atol=1e-6)
    np.testing.assert_allclose(got["x"][0], 3 * TS, rtol=1e-6)
    np.testing.assert_allclose(got["x"][1], np.exp(-TS)[:, None] * np.ones(2), atol=1e-6)
    assert got["x"][0].dtype == np.float32


def test_single_precision_and_one_time():
    got = odeint(lambda y, t: -y, np.float32(1.0), np.linspace(0, 2, 5, dtype=np.float32))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, np.exp(-np.linspace(0, 2, 5)), rtol=1e-5)
    assert odeint(lambda y, t: -y, np.ones(3), np.array([0.5])).shape == (1, 3)
    whole = odeint(lambda y, t: -y, 2, np.array([0, 1]))
    np.testing.assert_allclose(whole, [2, 2 / np.e], rtol=1e-5)


def test_lanes_take_their_own_steps():
    rates = np.array([0.1, 1.0, 40.0])

    def solve(rate):
        return odeint(lambda y, t, k: -k * (y - mnp.cos(t)), np.float64(0.0), TS, rate)

    many = ms.jit(ms.vmap(solve))(rates)
    for i, rate in enumerate(rates):
        np.testing.assert_allclose(many[i], solve(rate), atol=1e-12)
    ends = ms.vmap(lambda y: odeint(lambda y, t: y * y, y, np.array([0.0, 1.0])))(rates / 2)
    np.testing.assert_allclose(ends[:2, 1], rates[:2] / (2 - rates[:2]), rtol=1e-6)
    assert np.isnan(ends[2, 1])


WEIGHTS = np.arange(14.0).reshape(7, 2)
POINT = (Y0, TS, np.array(1.3), np.array(0.7))


def loss(adjoint):
    def f(y0, ts, a, b):
        return (odeint(oscillator, y0, ts, a, b, adjoint=adjoint) ** 2 * WEIGHTS).sum()

    return f


def difference(i, direction, step=1e-5):
    """Central difference of the reference solution."""

    def at(h):
        y0, ts, a, b = (x + h * direction if k == i else x for k, x in enumerate(POINT))
        if i != 1:
            return (reference(ts, y0, a, b) ** 2 * WEIGHTS).sum()
        states = [reference(np.array([ts[0], t]), y0, a, b)[-1] for t in ts[1:]]
        return (np.stack([y0, *states]) ** 2 * WEIGHTS).sum()

    return (at(step) - at(-step)) / (2 * step)


@pytest.mark.parametrize("adjoint", ADJOINTS)
def test_derivatives(adjoint):
    f = loss(adjoint)
    grads = ms.jit(ms.grad(f, (0, 1, 2, 3)))(*POINT)
    rng = np.random.default_rng(0)
    for i, x in enumerate(POINT):
        v = rng.normal(size=x.shape)
        want = difference(i, v)
        np.testing.assert_allclose(np.sum(np.asarray(grads[i]) * v), want, rtol=2e-5)
        if i in (1, 2):
            dots = [v if k == i else np.zeros_like(y) for k, y in enumerate(POINT)]
            with Reference():
                tangent = ms.jvp(f, POINT, tuple(dots))[1]
            np.testing.assert_allclose(tangent, want, rtol=2e-5)


@pytest.mark.parametrize("adjoint", ADJOINTS)
def test_closed_forms(adjoint):
    """y' = -k y: dy/dk = -t y, of a value closed over and beside an integer, and for lanes."""
    k = np.array([0.8, 0.3])
    want = np.exp(-1.5 * k)
    np.testing.assert_allclose(ms.vmap(ms.grad(decay(adjoint)))(k), -1.5 * want, rtol=1e-6)


def decay(adjoint):
    def y(k):
        rate = k * 1.0

        def f(y, t, n):
            return -rate * y * n

        return odeint(f, np.float64(1.0), np.array([0.0, 1.5]), 1, adjoint=adjoint)[1]

    return y


@pytest.mark.slow
@pytest.mark.parametrize("adjoint", ADJOINTS)
@pytest.mark.parametrize("outer", [ms.grad, ms.jacfwd])
@pytest.mark.parametrize("inner", [ms.grad, ms.jacfwd])
def test_second_derivatives(adjoint, outer, inner):
    got = outer(inner(decay(adjoint)))(np.float64(0.8))
    np.testing.assert_allclose(got, 2.25 * np.exp(-1.2), rtol=1e-5)


@pytest.mark.parametrize("adjoint", ADJOINTS)
def test_complex_derivatives(adjoint):
    """The derivative of abs(exp(i w t) z)^2 by z is that of abs(z)^2, and 0 by w."""

    def size(z, w):
        out = odeint(lambda z, t, w: 1j * w * z, z, np.array([0.0, 0.7]), w, adjoint=adjoint)
        return mnp.abs(out[1]) ** 2

    z, w = np.complex128(0.5 - 2j), np.float64(1.1)
    by_z, by_w = ms.grad(size, (0, 1))(z, w)
    np.testing.assert_allclose(by_z, ms.grad(lambda z: mnp.abs(z) ** 2)(z), rtol=1e-6)
    np.testing.assert_allclose(by_w, 0, atol=1e-6)


def test_failed_steps_leave_no_trace_in_discrete_derivatives():
    """Long first steps ask for the square root of negative numbers, which is NaN."""

    def end(y0):
        fall = odeint(lambda y, t: -2 * mnp.sqrt(y), y0, np.array([0.0, 0.9]), adjoint="discrete",
                      rtol=1e-3, atol=1e-3)  # fmt: skip
        return fall[1]

    y0 = np.float64(1.0)
    np.testing.assert_allclose(end(y0), 0.01, atol=5e-3)
    slope = ms.grad(end)(y0)
    np.testing.assert_allclose(slope, 0.1, atol=5e-2)  # (sqrt(y0) - t)^2


def test_bad_input():
    def f(y, t):
        return -y

    with pytest.raises(ValueError, match="increasing or in decreasing order"):
        odeint(f, 1.0, np.array([0.0, 2.0, 1.0]))
    with pytest.raises(ValueError, match="one dimension"):
        odeint(f, 1.0, np.zeros((2, 2)))
    with pytest.raises(ValueError, match="adjoint='backwards'"):
        odeint(f, 1.0, TS, adjoint="backwards")
    with pytest.raises(TypeError, match="must give a slope like y0"):
        odeint(lambda y, t: y[None], np.ones(2), TS)
    with pytest.raises(TypeError, match="complex slope for a real state"):
        odeint(lambda y, t: 1j * y, np.ones(2), TS)
    with pytest.raises(TypeError, match="args must be arrays or scalars, but got 'fast'"):
        odeint(lambda y, t, s: y, np.ones(2), TS, "fast")
