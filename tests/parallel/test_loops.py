"""Plans of programs with loops and branches: their bodies are planned with what is around."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import lax
from ms_func.parallel.unfold import TRIPS
from ms_func.sharding import Mesh, P
from tests.parallel.nets import (
    arrays,
    difference,
    product,
    scanned_transformer,
    shapes,
    transformer,
)

MIB = 2**20
MESH = Mesh((2, 4), ("a", "b"))
RNG = np.random.default_rng(0)
X = (RNG.standard_normal((64, 64)) * 0.1).astype(np.float32)
W = (RNG.standard_normal((64, 64)) * 0.1).astype(np.float32)


def planned(f, *args, objective="communication", **options):
    g = ms.jit(ms.shard(f, mesh=MESH, objective=objective, **options))
    return g, g.plan(*args)


def test_scanned_layers_cost_what_unrolled_ones_do():
    """Four layers: the limit is what the best expert plan sends."""
    seen = []
    for step, types in (scanned_transformer(4, 8, 128, 512), transformer(4, 8, 128, 512)):
        split = ms.shard(step, mesh=MESH, objective="communication", search_seconds=60)
        plan = ms.jit(split, donate_argnums=0).plan(*types)
        assert plan.solution.exact
        assert plan.redundancy < 1.25
        seen.append(plan.wire_bytes)
    assert seen[0] == pytest.approx(seen[1], rel=1e-3)
    assert seen[0] <= 48.1 * MIB


@pytest.mark.slow
def test_a_compiled_scan_sends_what_was_planned():
    step, types = scanned_transformer(4, 8, 128, 512)
    f = ms.jit(ms.shard(step, mesh=MESH, objective="communication"), donate_argnums=0)
    compiled = f.lower(*types).compile()
    assert abs(f.plan(*types).verify(compiled).surplus) < 0.001


def deep(around):
    """Training step of scanned layers, each of them behind a call of some kind."""

    def loss(w, x):
        layer = around(lambda h, w: lax.tanh(product(h, w)))
        h, _ = lax.scan(lambda h, w: (layer(h, w), None), x, w)
        return lax.reduce_sum(h * h, axes=(0, 1))

    return ms.value_and_grad(loss), (
        ms.ShapeDtypeStruct((3, 64, 64), "float32"),
        ms.ShapeDtypeStruct((512, 64), "float32"),
    )


@pytest.mark.parametrize(
    "around",
    [
        ms.jit,
        ms.checkpoint,
        lambda f: ms.checkpoint(ms.jit(f)),
        lambda f: lambda h, w: lax.cond(w[0, 0] > 0, ms.jit(f), ms.jit(f), h, w),
        ms.shard,
    ],
    ids=["jit", "checkpoint", "both", "cond", "shard"],
)  # fmt: skip
def test_calls_in_bodies_are_planned_like_what_they_call(around):
    plain, types = deep(lambda f: f)
    want = planned(plain, *types)[1]
    _, plan = planned(deep(around)[0], *types)
    assert plan.redundancy <= 1.01 * want.redundancy < 1.3
    assert plan.wire_bytes <= 1.01 * want.wire_bytes + 100  # the condition


@pytest.mark.slow
def test_a_scanned_training_step_equals_that_of_one_device():
    step, types = scanned_transformer(2, 8, 32, 64)
    state, batch = arrays(types)
    want = ms.jit(step)(state, batch)
    f = ms.jit(ms.shard(step, mesh=MESH, objective="communication"))
    assert difference(want, f(state, batch)) < 1e-4


def test_the_carry_keeps_one_layout():
    def f(x, w):
        def body(c, _):
            return lax.tanh(product(c, w)), lax.reduce_max(c, axes=(1,))

        return lax.scan(body, x, None, length=5)

    g, plan = planned(f, X, W)
    assert difference(ms.jit(f)(X, W), g(X, W)) < 2e-5
    (carry,) = [p for p in plan.graph.sheet.carries if p[0].type.shape == (64, 64)]
    assert plan.spec(carry[0]) == plan.spec(carry[1])


def test_loops_count_their_trips():
    """A product cut along the contracted index costs one all-reduce for each trip."""
    pins = {"in_specs": (P(None, ("a", "b")), P(("a", "b"), None))}

    def once(x, w):
        return product(x, w)

    def many(x, w):
        return lax.scan(lambda c, _: (c + product(x, w), None), x * 0, None, length=7)[0]

    _, one = planned(once, X, W, **pins)
    _, seven = planned(many, X, W, **pins)
    assert one.wire_bytes > 0
    assert seven.graph.flops == pytest.approx(7 * one.graph.flops, rel=0.05)


def test_while_loops_and_branches():
    def loop(x, w):
        def test(c):
            return c[0] < 3

        def body(c):
            return c[0] + 1, lax.tanh(product(c[1], w))

        return lax.while_loop(test, body, (np.int32(0), x))[1]

    g, plan = planned(loop, X, W)
    assert difference(ms.jit(loop)(X, W), g(X, W)) < 2e-5
    assert plan.graph.flops >= TRIPS * 2 * 64**3

    def branch(x, w, p):
        return lax.cond(p > 0, lambda x: product(x, w), lambda x: lax.transpose(x, (1, 0)), x)

    g, plan = planned(branch, X, W, np.float32(1))
    for p in (np.float32(1), np.float32(-1)):
        assert difference(branch(X, W, p), g(X, W, p)) < 2e-5


def test_gradients_through_loops():
    rows = np.stack([X, X * 2, X * 3])

    def loss(w, x, rows):
        def body(c, row):
            c = lax.tanh(product(c, w) + row)
            return c, lax.reduce_sum(c * c, axes=(1,))

        c, ys = lax.scan(body, x, rows)
        return lax.reduce_sum(c, axes=(0, 1)) + lax.reduce_sum(ys, axes=(0, 1))

    want = ms.jit(ms.grad(loss))(W, X, rows)
    for objective in ("communication", "time"):
        got = ms.shard(ms.grad(loss), mesh=MESH, objective=objective)(W, X, rows)
        assert difference(want, got) < 2e-5


def test_nested_loops():
    def f(x, w):
        def outer(c, _):
            inner = lax.fori_loop(0, 2, lambda _, d: lax.tanh(product(d, w)), c)
            return lax.cond(inner[0, 0] > 0, lambda y: y, lambda y: y * 0.5, inner), inner

        return lax.scan(outer, x, None, length=3)

    g, _ = planned(f, X, W)
    assert difference(ms.jit(f)(X, W), g(X, W)) < 2e-5


def test_recomputed_and_custom_functions_are_planned_inside():
    @ms.custom_jvp
    def square(x):
        return x * x

    square.defjvp(lambda p, t: (square(*p), 2 * p[0] * t[0]))
    layer = ms.checkpoint(lambda x, w: square(lax.tanh(product(x, w))))

    def loss(w, x):
        return lax.reduce_sum(layer(layer(x, w), w), axes=(0, 1))

    for f in (loss, ms.grad(loss)):
        g, plan = planned(f, W, X)
        assert difference(ms.jit(f)(W, X), g(W, X)) < 2e-5
        names = {e.primitive.name for e in plan.graph.eqns}
        assert "dot_general" in names
        assert not names & {"custom_jvp_call", "remat_call", "call", "shard_region"}


# --- sums that a loop gathers ---------------------------------------------------------------------


def recurrent_loss(w, x):
    def step(h, x):
        return mnp.tanh(x @ w["x"] + h @ w["h"]), None

    return (lax.scan(step, mnp.zeros((64, 16)), x)[0] ** 2).mean()


def gathered_gradients(w, batches):
    """Loss and gradients, summed over batches by a loop around the recurrent one."""

    def step(total, x):
        return ms.tree.map(mnp.add, total, ms.value_and_grad(recurrent_loss)(w, x)), None

    zeros = ms.tree.map(mnp.zeros_like, w)
    return lax.scan(step, (mnp.float32(0), zeros), batches)[0]


WEIGHTS = {"x": shapes(32, 16), "h": shapes(16, 16)}
GATHERED = {
    "a recurrent network": (ms.value_and_grad(recurrent_loss), (WEIGHTS, shapes(8, 64, 32))),
    "batches of one": (gathered_gradients, (WEIGHTS, shapes(4, 8, 64, 32))),
    "differences": (
        lambda w, x: lax.scan(lambda c, x: (c - mnp.tanh(x @ w["x"]).T @ x, None),
                              mnp.zeros((16, 32)), x)[0],
        (WEIGHTS, shapes(4, 64, 32)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("mesh", [Mesh((8,), ("a",)), Mesh((2, 4), ("a", "b"))])
@pytest.mark.parametrize("name", sorted(GATHERED))
def test_a_sum_over_steps_and_devices_is_reduced_once(name, mesh):
    f, types = GATHERED[name]
    rows = P(*(None,) * (len(types[1].shape) - 2), mesh.axis_names)
    g = ms.jit(ms.shard(f, mesh=mesh, in_specs=(P(), rows), objective="communication"))
    results = ms.eval_shape(f, *types)
    size = sum(4 * t.size for t in ms.tree.leaves(results))
    seen = g.plan(*types).verify(g.lower(*types).compile())
    assert seen.compiled <= 2 * 7 / 8 * size
    assert seen.surplus == 0, str(seen)
    rng = np.random.default_rng(0)
    args = ms.tree.map(lambda t: rng.normal(size=t.shape).astype(t.dtype) * 0.3, types)
    assert difference(ms.jit(f)(*args), g(*args)) < 1e-5


def test_a_sum_that_does_not_start_at_zero_or_is_read_on_the_way_is_reduced_in_each_step():
    def read(w, x):
        def step(c, x):
            c = c + x.T @ x
            return c, c.max()

        return lax.scan(step, mnp.zeros((32, 32)), x)

    def started(w, x):
        return lax.scan(lambda c, x: (c + x.T @ x, None), w["x"] @ w["x"].T, x)[0]

    def exchanged(w, x):
        """The sum of one place is that of the other in the next step."""
        zero = mnp.zeros((32, 32))
        return lax.scan(lambda c, x: ((c[1] * c[1], c[0] + x.T @ x), None), (zero, zero), x)[0]

    args = {"x": np.ones((32, 16), np.float32)}, np.ones((4, 64, 32), np.float32)
    mesh = Mesh((8,), ("a",))
    for f in (read, started, exchanged):
        g = ms.jit(ms.shard(f, mesh=mesh, in_specs=(P(), P(None, "a")), objective="communication"))
        assert difference(ms.jit(f)(*args), g(*args)) < 1e-5
