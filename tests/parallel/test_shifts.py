"""Stencils over split arrays: neighbours exchange borders, and the numbers stay the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import lax
from ms_func.ir.evaluate import evaluate
from ms_func.ir.types import ArrayType
from ms_func.parallel.hlo import collectives
from ms_func.parallel.shifts import shifted
from ms_func.sharding import Mesh, P
from ms_func.tracing.tracer import build

LINE, GRID = Mesh((8,), ("a",)), Mesh((2, 4), ("a", "b"))
U = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
ROW = 4 * 64
"""Bytes of a row."""


def laplace(p):
    return p[2:, 1:-1] + p[:-2, 1:-1] + p[1:-1, 2:] + p[1:-1, :-2] - 4 * p[1:-1, 1:-1]


def inner(u):
    return u.at[1:-1, 1:-1].add(0.1 * laplace(u))


def stored(u):
    u[1:-1] = u[1:-1] - 0.1 * u[1:-1] * (u[2:] - u[:-2])
    return u


def flux(u):
    f = mnp.sin(u[1:]) * u[:-1]
    return u.at[1:-1].add(-0.1 * (f[1:] - f[:-1]))


def flux_from_the_edge(u):
    f = mnp.sin(u[1:]) * u[:-1]
    return mnp.pad(f[1:] - f[:-1], ((0, 2), (0, 0)))


def mirrored(u):
    u = u.at[0].set(u[1])
    return u.at[-1].set(u[-2])


def variation(u):
    return ms.grad(lambda u: ((u[1:] - u[:-1]) ** 2).sum() + abs(u[:, 1:] - u[:, :-1]).sum())(u)


def descent(u):
    def step(u, _):
        return inner(u), None

    return ms.grad(lambda u: (lax.scan(step, u, None, length=3)[0] ** 2).sum())(u)


# Rows that a device reads from its neighbours in one run, along a line of devices.
STENCILS = {
    "update": (inner, 2),
    "store": (stored, 2),
    "flux": (flux, 2),
    "flux from the edge": (flux_from_the_edge, 3),
    "mirrored ends": (mirrored, 2),
    "fixed ends": (lambda u: u.at[0].set(0.0).at[:, -1].set(1.0), 0),
    "zeros around": (lambda u: u + laplace(mnp.pad(u, 1)), 2),
    "edges around": (lambda u: u + laplace(mnp.pad(u, 1, mode="edge")), 2),
    "a torus": (lambda u: u + laplace(mnp.pad(u, 1, mode="wrap")), 2),
    "a mirror": (lambda u: u + laplace(mnp.pad(u, 1, mode="reflect")), 4),
    "turned by hand": (lambda u: u - mnp.concatenate([u[3:], u[:3]]), 3),
    "differences": (lambda u: mnp.diff(u, axis=0, append=u[-1:]), 1),
    "gradient": (lambda u: mnp.gradient(u)[0], 2),
    "total variation": (variation, 2),
    "a mean": (lambda u: u * ((u[2:] - 2 * u[1:-1] + u[:-2]) ** 2).mean(), 3),
    "a loop": (lambda u: lax.fori_loop(0, 4, lambda _, u: inner(u), u), 8),
    "gradient of a loop": (descent, 12),
}


@pytest.mark.parametrize("name", STENCILS)
def test_only_borders_are_sent(name):
    f, rows = STENCILS[name]
    split = ms.jit(ms.shard(f, mesh=LINE, in_specs=(P("a"),), out_specs=P("a")))
    compiled = split.lower(U).compile()
    sent = sum(c.wire for c in collectives(compiled.as_text(), 8))
    assert sent == split.plan(U).wire_bytes
    assert sent <= rows * ROW + 16
    np.testing.assert_allclose(split(U), ms.jit(f)(U), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["update", "flux", "gradient of a loop"])
def test_on_a_grid(name):
    f, _ = STENCILS[name]
    split = ms.jit(ms.shard(f, mesh=GRID, in_specs=(P("a", "b"),), out_specs=P("a", "b")))
    compiled = split.lower(U).compile()
    assert sum(c.wire for c in collectives(compiled.as_text(), 8)) == split.plan(U).wire_bytes
    np.testing.assert_allclose(split(U), ms.jit(f)(U), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "f",
    [
        lambda u: u[:32] * u[32:],  # halves are no neighbours
        lambda u: mnp.concatenate([-u[:, 32:], u[:, :32]], 1),
        lambda u: u[::2] + u[1::2],
        lambda u: mnp.concatenate([u, u[:1]]),  # the result cannot be split
        lambda u: (u[1:] @ u).sum(),
    ],
)
def test_other_programs_stay_as_they_are(f):
    fn = build("f", [ArrayType(U.shape, U.dtype)], lambda u: [f(u)])
    assert shifted(fn, 2) is fn


N = 16


@st.composite
def stencils(draw):
    """Programs of slices, pads, joins and elementwise operations on two arrays of one size."""
    steps = draw(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(0, 9),
                                    st.integers(-3, 3), st.integers(-3, 3)),
                          min_size=2, max_size=9))  # fmt: skip

    def program(*xs):
        values = list(xs)
        for kind, i, j, p, q in steps:
            x, y = values[i % len(values)], values[j % len(values)]
            n = x.shape[0]
            if kind == 0:
                values.append(x[abs(p) : n - abs(q)])
            elif kind == 1:
                m = min(n, y.shape[0])
                values.append(lax.sin(x[n - m :]) - 0.5 * y[:m])
            elif kind == 2:
                values.append(lax.pad(x, np.float32(0.25), [(p, q, 0)]))
            elif kind == 3:
                values.append(mnp.concatenate([x[: abs(p)], y, x[n - abs(q) :]]))
            elif kind == 4:
                values.append(x.at[abs(p) : n - abs(q)].set(0.5 * x[abs(p) : n - abs(q)] - 1))
            else:
                values.append(mnp.concatenate([x[abs(p) :], x[: abs(p)]]))
            values.append(whole(values[-1], q))
        return [*values[2:], values[-2].sum()]

    return program


def whole(x, shift):
    """A value of any length near N as one of length N."""
    n = x.shape[0]
    low = min(max(shift, 0), max(N - n, 0))
    return lax.pad(x, np.float32(0.0), [(low, N - n - low, 0)])


@settings(max_examples=150, deadline=None)
@given(program=stencils())
def test_shifts_mean_what_slices_mean(program):
    kind = ArrayType((N,), np.dtype(np.float32))
    fn = build("stencil", [kind, kind], program)
    xs = [np.random.default_rng(k).standard_normal(N).astype(np.float32) for k in range(2)]
    for got, want in zip(evaluate(shifted(fn, 2), *xs), evaluate(fn, *xs), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
