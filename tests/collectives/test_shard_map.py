"""shard_map on 8 virtual devices: equal to the lanes of a vmap, to NumPy, and to mathematics."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import lax
from ms_func.experimental.shard_map import shard_map as old_shard_map
from ms_func.ir.evaluate import Reference, evaluate
from ms_func.ir.parse import parse
from ms_func.ir.text import to_text
from ms_func.ir.verify import verify
from ms_func.sharding import AbstractMesh, Mesh, NamedSharding, P, get_abstract_mesh, use_mesh
from ms_func.testing import check_grads

MESH = Mesh((2, 4), ("x", "y"))
RNG = np.random.default_rng(3)
X = RNG.normal(size=(8, 4))
V = RNG.normal(size=8)


def cut(f, in_specs, out_specs, **options):
    return ms.shard_map(f, mesh=MESH, in_specs=in_specs, out_specs=out_specs, **options)


def lanes(f, n=4):
    """`f` on pieces along the first dimension, as lanes named "y"."""

    def run(x):
        return ms.vmap(f, axis_name="y")(np.reshape(x, (n, len(x) // n, *np.shape(x)[1:])))

    return run


PERM = [(0, 1), (1, 2), (2, 0)]
COLLECTIVES = {
    "psum": lambda v: lax.psum(v, "y"),
    "psum_groups": lambda v: lax.psum(v, "y", axis_index_groups=[[0, 3], [2, 1]]),
    "pmean": lambda v: lax.pmean(v, "y"),
    "pmax": lambda v: lax.pmax(v, "y"),
    "pmin": lambda v: lax.pmin(v, "y"),
    "all_gather": lambda v: lax.all_gather(v, "y", axis=1),
    "all_gather_tiled": lambda v: lax.all_gather(v, "y", tiled=True),
    "all_gather_groups": lambda v: lax.all_gather(v, "y", axis_index_groups=[[0, 3], [2, 1]]),
    "psum_scatter": lambda v: lax.psum_scatter(v, "y", scatter_dimension=1),
    "psum_scatter_tiled": lambda v: lax.psum_scatter(v, "y", scatter_dimension=1, tiled=True),
    "all_to_all": lambda v: lax.all_to_all(v, "y", 1, 0),
    "all_to_all_tiled": lambda v: lax.all_to_all(v, "y", 1, 0, tiled=True),
    "ppermute": lambda v: lax.ppermute(v, "y", PERM),
    "pshuffle": lambda v: lax.pshuffle(v, "y", [3, 1, 0, 2]),
    "pbroadcast": lambda v: lax.pbroadcast(v, "y", 2),
    "axis_index": lambda v: v + lax.axis_index("y"),
    "axis_size": lambda v: v * lax.axis_size("y"),
}


@pytest.mark.parametrize("name", COLLECTIVES)
@pytest.mark.parametrize("check", [True, False])
def test_devices_do_what_lanes_do(name, check):
    f = lambda v: COLLECTIVES[name](v)[None]  # noqa: E731
    want = lanes(COLLECTIVES[name])(X)
    run = cut(f, P("y"), P("y"), check_vma=check)
    np.testing.assert_allclose(run(X), want, rtol=1e-12)
    np.testing.assert_allclose(ms.jit(run)(X), want, rtol=1e-12)
    np.testing.assert_allclose(run(X.astype(np.float32)), want, rtol=1e-5)
    program = ms.make_ir(run)(X)
    verify(program)
    np.testing.assert_allclose(evaluate(program, X)[0], want, rtol=1e-12)
    assert to_text(parse(to_text(program))) == to_text(program)


@pytest.mark.parametrize("name", sorted(set(COLLECTIVES) - {"axis_index"}))
@pytest.mark.parametrize("check", [True, False])
def test_derivatives_are_those_of_lanes(name, check):
    f = lambda v: COLLECTIVES[name](mnp.sin(v))[None]  # noqa: E731
    weights = np.cos(np.arange(np.size(lanes(COLLECTIVES[name])(X))))

    def loss(run):
        return lambda x: (run(x).reshape(-1) * weights).sum()

    run = cut(f, P("y"), P("y"), check_vma=check)
    plain = lanes(lambda v: COLLECTIVES[name](mnp.sin(v)))
    with Reference():
        want = ms.jvp(ms.grad(loss(plain)), (X,), (X,))
        tangent = ms.jvp(loss(run), (X,), (X,))[1]
    np.testing.assert_allclose(tangent, (want[0] * X).sum(), rtol=1e-9)
    np.testing.assert_allclose(ms.grad(loss(run))(X), want[0], rtol=1e-9, atol=1e-12)
    second = ms.jit(lambda x: ms.jvp(ms.grad(loss(ms.jit(run))), (x,), (x,)))
    for got, expected in zip(second(X), want, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


def test_integers_and_booleans():
    k = np.arange(8, dtype=np.int32)
    np.testing.assert_array_equal(cut(lambda v: lax.psum(v, "y"), P("y"), P())(k), [12, 16])
    got = cut(lambda v: (lax.psum(v, "y"), lax.pmax(v, "y"), lax.pmin(v, "y")), P("y"), P())(k > 2)
    np.testing.assert_array_equal(got[0], [2, 3])
    np.testing.assert_array_equal(got[1], [True, True])
    np.testing.assert_array_equal(got[2], [False, False])
    z = (X + 1j * X[::-1]).astype(np.complex64)
    np.testing.assert_allclose(cut(lambda v: lax.psum(v, "y"), P("y"), P())(z),
                               z.reshape(4, 2, 4).sum(0), rtol=1e-5)  # fmt: skip


def test_several_axes_at_once():
    both = P(("x", "y"))
    assert float(cut(lambda v: lax.psum(v.sum(), ("x", "y")), both, P())(V)) == pytest.approx(
        V.sum()
    )
    index = cut(lambda v: v * 0 + lax.axis_index(("x", "y")), both, both)(V)
    np.testing.assert_array_equal(index, np.arange(8))
    index = cut(lambda v: v * 0 + lax.axis_index(("y", "x")), both, both)(V)
    np.testing.assert_array_equal(index, np.arange(8).reshape(4, 2).T.ravel())
    gathered = cut(lambda v: lax.all_gather(v, ("x", "y"), tiled=True)[None], both, both)(V)
    np.testing.assert_array_equal(gathered, np.tile(V, (8, 1)))
    got = cut(lambda v: lax.psum_scatter(v, ("x", "y")), P(), both, check_vma=False)
    np.testing.assert_allclose(
        cut(lambda v: lax.psum_scatter(v, ("x", "y"), tiled=True), P(), both)(V), 8 * V
    )
    assert callable(got)
    moved = cut(
        lambda v: lax.ppermute(v, ("x", "y"), [(i, (i + 1) % 8) for i in range(8)]), both, both
    )
    np.testing.assert_array_equal(moved(V), np.roll(V, 1))
    np.testing.assert_allclose(cut(lambda v: lax.psum(v, "x"), P("x", "y"), P(None, "y"))(X),
                               X[:4] + X[4:])  # fmt: skip


def test_devices_in_another_order():
    order = [3, 1, 0, 2, 7, 6, 5, 4]
    mesh = Mesh(np.array(ms.devices())[order].reshape(2, 4), ("x", "y"))
    run = ms.shard_map(
        lambda v: (v * 0 + lax.axis_index(("x", "y")), lax.ppermute(v, "y", PERM)),
        mesh=mesh, in_specs=P(("x", "y")), out_specs=P(("x", "y")),
    )  # fmt: skip
    index, moved = run(V)
    np.testing.assert_array_equal(index, np.arange(8))
    want = np.zeros((2, 4))
    for source, to in PERM:
        want[:, to] = V.reshape(2, 4)[:, source]
    np.testing.assert_array_equal(np.asarray(moved).reshape(2, 4), want)


def test_results_lie_as_their_specs_say():
    y = cut(lambda v: v * 2, P("x", "y"), P("x", "y"))(X)
    assert y.sharding == NamedSharding(MESH, P("x", "y"))
    layouts = NamedSharding(MESH, P("y"))
    y = ms.jit(cut(lambda v: v * 2, P("y"), P("y")), in_shardings=layouts)(X)
    assert y.sharding.is_equivalent_to(layouts, 2)
    moved = cut(lambda v: v * 2, P("y"), P("y"))(ms.device_put(X, NamedSharding(MESH, P("x"))))
    np.testing.assert_array_equal(moved, 2 * X)


def test_trees_scalars_and_closures():
    w = mnp.asarray(V[:4])
    f = lambda d, k: {"s": d["a"] * k + w, "t": lax.psum(d["b"], "y")}  # noqa: E731
    got = cut(f, ({"a": P("y"), "b": P("y")}, P()), {"s": P("y"), "t": P()})({"a": X, "b": V}, 3.0)
    np.testing.assert_allclose(got["s"], X * 3 + V[:4])
    np.testing.assert_allclose(got["t"], V.reshape(4, 2).sum(0))
    gradient = ms.grad(lambda w: cut(lambda v: v * w, P("y"), P("y"))(X).sum())(V[:4])
    np.testing.assert_allclose(gradient, X.sum(0))
    assert cut(lambda: lax.axis_index("y")[None], (), P("y"))().tolist() == [0, 1, 2, 3]


def test_nothing_in_and_nothing_out():
    assert cut(lambda v: None, P("y"), P())(V) is None
    got = cut(lambda d: d, P("y"), P("y"))({"a": V, "b": None})
    np.testing.assert_array_equal(got["a"], V)
    assert got["b"] is None


def test_files_hold_programs_of_one_device():
    with pytest.raises(NotImplementedError, match="spans several devices"):
        ms.export(cut(lambda v: v, P("y"), P("y")), V)


def test_many_programs_in_flight_do_not_wait_for_each_other():
    run = ms.jit(cut(lambda v: lax.psum(v, "y"), P("y"), P()))
    results = [run(V + k) for k in range(100)]
    for k in (0, 57, 99):
        np.testing.assert_allclose(results[k], (V + k).reshape(4, 2).sum(0))


def test_as_decorator_and_with_the_mesh_in_force():
    @ms.shard_map(mesh=MESH, in_specs=P("y"), out_specs=P("y"))
    def double(v):
        return v * 2

    np.testing.assert_array_equal(double(V), 2 * V)
    with use_mesh(MESH):
        assert get_abstract_mesh() == MESH.abstract_mesh
        run = ms.shard_map(lambda v: lax.psum(v, "y"), in_specs=P("y"), out_specs=P())
        np.testing.assert_allclose(run(V), V.reshape(4, 2).sum(0))
    assert get_abstract_mesh().empty
    abstract = AbstractMesh((8,), ("d",))
    run = ms.shard_map(lambda v: v + lax.axis_index("d"), mesh=abstract, in_specs=P("d"),
                       out_specs=P("d"))  # fmt: skip
    np.testing.assert_allclose(run(V), V + np.arange(8))
    placed = ms.device_put(X, NamedSharding(MESH, P("y")))
    inferred = ms.shard_map(lambda v: v.sum(0, keepdims=True), mesh=MESH, out_specs=P("y"))
    np.testing.assert_allclose(inferred(placed), X.reshape(4, 2, 4).sum(1))
    old = old_shard_map(lambda v: lax.psum(v, "y"), MESH, P("y"), P(), auto=frozenset({"x"}))
    np.testing.assert_allclose(old(V), V.reshape(4, 2).sum(0))


# --- with other transforms ------------------------------------------------------------------------


def test_vmap_of_a_region():
    rows = np.stack([V, 2 * V, V**2])
    run = cut(lambda v: (lax.psum(v, "y"), v + 1), P("y"), (P(), P("y")))
    total, more = ms.vmap(run, in_axes=0, out_axes=(0, 1))(rows)
    np.testing.assert_allclose(total, rows.reshape(3, 4, 2).sum(1))
    np.testing.assert_allclose(more, (rows + 1).T)
    run = cut(lambda v: lax.psum(v, ("y", "l")), P("y"), P())
    got = ms.vmap(run, axis_name="l")(rows)
    np.testing.assert_allclose(got, np.tile(rows.reshape(3, 4, 2).sum((0, 1)), (3, 1)))
    spread = ms.vmap(cut(lambda v: v * lax.psum(v, "y"), P("y"), P("y")), spmd_axis_name="x")
    y = spread(rows[:2])
    assert y.sharding.is_equivalent_to(NamedSharding(MESH, P("x", "y")), 2)
    want = rows[:2].reshape(2, 4, 2)
    np.testing.assert_allclose(y, (want * want.sum(1, keepdims=True)).reshape(2, 8))
    gradient = ms.grad(lambda r: spread(r).sum())(rows[:2])
    np.testing.assert_allclose(
        gradient, np.repeat(2 * want.sum(1, keepdims=True), 4, 1).reshape(2, 8)
    )


def test_lanes_of_constraints_lie_along_the_axis_asked_for():
    laid = lambda v: lax.with_sharding_constraint(v, NamedSharding(MESH, P("y")))  # noqa: E731
    rows = np.stack([V, 2 * V])
    y = ms.jit(ms.vmap(laid, spmd_axis_name="x"))(rows)
    assert y.sharding.is_equivalent_to(NamedSharding(MESH, P("x", "y")), 2)
    np.testing.assert_array_equal(y, rows)
    y = ms.jit(ms.grad(lambda r: (ms.vmap(laid, spmd_axis_name="x")(r) ** 2).sum()))(rows)
    np.testing.assert_allclose(y, 2 * rows)


def test_a_rule_that_forgets_the_sum_is_refused():
    @ms.custom_vjp
    def scaled(w, v):
        return w * v

    scaled.defvjp(lambda w, v: (w * v, (w, v)), lambda r, ct: ((ct * r[1]).sum(), ct * r[0]))
    f = lambda w, v: ms.grad(lambda w: lax.psum(scaled(w, v).sum(), "y"))(w)  # noqa: E731
    with pytest.raises(ValueError, match=r"sum it with lax\.psum along y"):
        cut(f, (P(), P("y")), P())(np.float64(0.5), V)
    np.testing.assert_allclose(
        cut(lambda w, v: f(w, v)[None], (P(), P("y")), P("y"), check_vma=False)(np.float64(0.5), V),
        4 * V.reshape(4, 2).sum(1),
    )


def test_vmap_inside_a_region():
    run = cut(lambda v: ms.vmap(lambda u: lax.psum(u, ("y", "l")), axis_name="l")(v), P("y"), P())
    np.testing.assert_allclose(run(X), np.tile(X.sum(0), (2, 1)))


def test_axes_left_to_the_compiler():
    run = cut(lambda v: lax.psum(v, "y") + lax.axis_index("y").sum() * 0, P("y"), P("y"),
              axis_names={"y"})  # fmt: skip
    want = np.tile(X.reshape(4, 2, 4).sum(0), (4, 1))
    np.testing.assert_allclose(run(X), want)
    np.testing.assert_allclose(
        ms.jit(run)(ms.device_put(X, NamedSharding(MESH, P("y", "x")))), want
    )
    index = cut(lambda v: v * 0 + lax.axis_index("y"), P("y"), P("y"), axis_names={"y"})(V)
    np.testing.assert_array_equal(index, np.repeat(np.arange(4), 2))
    laid = cut(lambda v: lax.with_sharding_constraint(v, P(None, "x")), P("y"), P("y"),
               axis_names={"y"})  # fmt: skip
    np.testing.assert_array_equal(laid(X), X)
    with pytest.raises(ValueError, match="cut by hand"):
        cut(lambda v: lax.with_sharding_constraint(v, P("y")), P("y"), P("y"))(X)


def test_regions_inside_regions():
    def outer(v):
        inner = ms.shard_map(
            lambda u: lax.psum(u, ("x", "y")), in_specs=P("x"), out_specs=P(), axis_names={"x"}
        )
        return inner(v)

    run = cut(outer, P("y"), P(), axis_names={"y"})
    np.testing.assert_allclose(run(V), [V.sum()], rtol=1e-12)
    np.testing.assert_allclose(ms.grad(lambda v: run(v).sum())(V), np.ones(8))
    with pytest.raises(ValueError, match="already cut by hand"):
        cut(lambda v: cut(lambda u: u, P("y"), P("y"), axis_names={"y"})(v), P("y"), P("y"))(V)


def test_inside_calls_loops_checkpoints_and_custom_rules():
    @ms.custom_vjp
    def total(v):
        return lax.psum(v, "y")

    total.defvjp(lambda v: (total(v), None), lambda _, ct: (3 * lax.pcast(ct, "y", to="varying"),))

    def f(v):
        v = ms.jit(lambda u: mnp.sin(u) + lax.pmean(u, "y"))(v)
        v, _ = lax.scan(lambda c, _: (c + lax.ppermute(c, "y", PERM), None), v, None, 2)
        return ms.checkpoint(lambda u: mnp.cos(u) * lax.psum(u, "y"))(v)

    run = cut(f, P("y"), P("y"))
    np.testing.assert_allclose(run(X), lanes(f)(X).reshape(8, 4), rtol=1e-9)
    plain = lambda x: lanes(f)(x).reshape(8, 4)  # noqa: E731
    np.testing.assert_allclose(
        ms.grad(lambda x: (run(x) ** 2).sum())(X), ms.grad(lambda x: (plain(x) ** 2).sum())(X),
        rtol=1e-8,
    )  # fmt: skip
    gradient = ms.grad(lambda x: cut(total, P("y"), P())(x).sum())(V)
    np.testing.assert_allclose(gradient, np.full(8, 3.0))


def test_random_numbers_in_a_region():
    def f(seed, v):
        key = ms.random.fold_in(ms.random.key(0), lax.axis_index("y") + seed[0])
        return ms.random.normal(key, v.shape)

    got = np.asarray(cut(f, (P(), P("y")), P("y"))(np.array([5]), V))
    want = [ms.random.normal(ms.random.fold_in(ms.random.key(0), 5 + i), (2,)) for i in range(4)]
    np.testing.assert_array_equal(got.reshape(4, 2), np.stack(want))
    keys = ms.random.split(ms.random.key(1), 4)
    draw = lambda key, v: ms.random.normal(lax.ppermute(key, "y", PERM[:2])[0], v.shape)  # noqa: E731
    got = np.asarray(cut(draw, (P("y"), P("y")), P("y"))(keys, V)).reshape(4, 2)
    for source, to in PERM[:2]:
        np.testing.assert_array_equal(got[to], ms.random.normal(keys[source], (2,)))


# --- what differs between devices -----------------------------------------------------------------


def test_types_say_what_differs():
    seen = {}

    def f(v, w):
        found = {
            "v": v, "w": w, "vw": v * w, "psum": lax.psum(v, "y"), "pmax": lax.pmax(v, "y"),
            "gather": lax.all_gather(v, "y"), "same": lax.all_gather(v, "y", to="invariant"),
            "index": lax.axis_index("x"), "cast": lax.pcast(w, ("x", "y"), to="varying"),
        }  # fmt: skip
        seen.update({k: sorted(ms.typeof(x).vma) for k, x in found.items()})
        return v

    cut(f, (P("y"), P()), P("y"))(V, 2.0)
    assert seen == {
        "v": ["y"], "w": [], "vw": ["y"], "psum": [], "pmax": [], "gather": ["y"], "same": [],
        "index": ["x"], "cast": ["x", "y"],
    }  # fmt: skip


UNPROVEN = {
    "itself": lambda v: v,
    "gathered": lambda v: lax.all_gather(v, "y"),
    "permuted": lambda v: lax.ppermute(v, "y", PERM),
    "index": lambda v: lax.axis_index("y"),
    "chosen": lambda v: lax.cond(v[0] > 0, lambda: 1.0, lambda: 2.0),
    "looped": lambda v: lax.while_loop(lambda c: c < v[0], lambda c: c + 1, 0.0),
    "scanned": lambda v: lax.scan(lambda c, x: (c + x, None), 0.0, v)[0],
    "called": lambda v: ms.jit(lambda u: u * 2)(v),
    "groups": lambda v: lax.psum(v, "y", axis_index_groups=[[0, 1], [2, 3]]),
    "half": lambda v: lax.psum(v * lax.axis_index("x"), "y"),
}


@pytest.mark.parametrize("name", UNPROVEN)
def test_claims_without_proof_are_refused(name):
    with pytest.raises(ValueError, match=r"can't be statically inferred"):
        cut(UNPROVEN[name], P("y"), P())(V)
    cut(UNPROVEN[name], P("y"), P(), check_vma=False)(V)


PROVEN = {
    "summed": (lambda v: lax.psum(v, "y"), V.reshape(4, 2).sum(0)),
    "gathered": (lambda v: lax.all_gather(v, "y", to="invariant", tiled=True), V),
    "extrema": (lambda v: lax.pmax(v, "y") - lax.pmin(v, "y"), np.ptp(V.reshape(4, 2), axis=0)),
    "shared": (lambda v: mnp.arange(3) * 2, np.arange(3) * 2),
    "scanned": (
        lambda v: lax.scan(lambda c, x: (c + lax.psum(x, "y"), None), 0.0, v)[0],
        V.sum(),
    ),
}


@pytest.mark.parametrize("name", PROVEN)
def test_claims_with_proof_are_accepted(name):
    f, want = PROVEN[name]
    np.testing.assert_allclose(cut(f, P("y"), P())(V), want, rtol=1e-6)


def test_devices_that_part_ways_do_not_communicate():
    with pytest.raises(NotImplementedError, match="its predicate may differ"):
        cut(lambda v: lax.cond(v[0] > 0, lambda: lax.psum(v, "y"), lambda: v), P("y"), P("y"))(V)
    f = lambda v: lax.while_loop(lambda c: c[0] < 9, lambda c: c + lax.pmax(c, "y"), v)  # noqa: E731
    with pytest.raises(NotImplementedError, match="its test may differ"):
        cut(f, P("y"), P("y"))(V)
    f = lambda v: lax.while_loop(lambda c: lax.pmax(c.max(), "y") < 99, lambda c: 2 * c, v)  # noqa: E731
    got = cut(f, P("y"), P("y"))(np.abs(V))
    want = np.abs(V)
    while want.max() < 99:
        want = 2 * want
    np.testing.assert_allclose(got, want)


# --- derivatives inside ---------------------------------------------------------------------------


def test_gradients_by_shared_values_are_sums_over_devices():
    inside = lambda w, v: ms.grad(lambda w: (mnp.sin(w * v)).sum())(w)  # noqa: E731
    want = (V * np.cos(0.5 * V)).sum()
    assert float(cut(inside, (P(), P("y")), P())(0.5, V)) == pytest.approx(want)
    summed = lambda w, v: ms.grad(lambda w: lax.psum(mnp.sin(w * v).sum(), "y"))(w)  # noqa: E731
    assert float(cut(summed, (P(), P("y")), P())(0.5, V)) == pytest.approx(want)
    local = cut(lambda w, v: inside(w, v)[None], (P(), P("y")), P("y"), check_vma=False)(0.5, V)
    np.testing.assert_allclose(local, (V * np.cos(0.5 * V)).reshape(4, 2).sum(1))
    per = cut(lambda v: ms.grad(lambda v: lax.psum(mnp.sin(v).sum(), "y"))(v), P("y"), P("y"))(V)
    np.testing.assert_allclose(per, np.cos(V))
    hessian = cut(lambda w, v: ms.hessian(lambda w: lax.psum(mnp.sin(w * v).sum(), "y"))(w),
                  (P(), P("y")), P())(0.5, V)  # fmt: skip
    assert float(hessian) == pytest.approx(-(V**2 * np.sin(0.5 * V)).sum())


def test_a_training_loop_inside():
    def loss(w, v):
        return lax.pmean(((w * v - 1) ** 2).mean(), "y")

    def train(w, v):
        def step(w, _):
            value, g = ms.value_and_grad(loss)(w, v)
            return w - 0.1 * g, value

        return lax.scan(step, w, None, length=4)

    def plain(w):
        for _ in range(4):
            w = w - 0.1 * np.mean(2 * (w * V - 1) * V)
        return w

    run = cut(train, (P(), P("y")), P())
    assert float(run(0.3, V)[0]) == pytest.approx(plain(0.3))
    slope = (plain(0.3 + 1e-6) - plain(0.3 - 1e-6)) / 2e-6
    assert float(ms.grad(lambda w: run(w, V)[0])(np.float64(0.3))) == pytest.approx(slope, rel=1e-6)


def test_gradients_through_choices_and_loops_that_differ_between_devices():
    choose = lambda w, v: lax.cond(v[0] > 0, lambda: mnp.sin(w * v), lambda: w * v * 2).sum()  # noqa: E731
    first = V.reshape(4, 2)[:, :1] > 0
    slope = np.where(first, np.cos(0.5 * V.reshape(4, 2)), 2.0) * V.reshape(4, 2)
    inside = cut(lambda w, v: ms.grad(choose)(w, v), (P(), P("y")), P())
    assert float(inside(0.5, V)) == pytest.approx(slope.sum())
    whole = cut(lambda w, v: lax.psum(choose(w, v), "y"), (P(), P("y")), P())
    assert float(ms.grad(whole)(np.float64(0.5), V)) == pytest.approx(slope.sum())

    def grow(w, v):
        return lax.while_loop(lambda c: c.sum() < 30, lambda c: c * w + 1, v)

    def by_hand(w):
        total = 0.0
        for v in np.abs(V).reshape(4, 2):
            while v.sum() < 30:
                v = v * w + 1
            total += v.sum()
        return total

    run = cut(lambda w, v: lax.psum(grow(w, v).sum(), "y"), (P(), P("y")), P())
    assert float(run(1.7, np.abs(V))) == pytest.approx(by_hand(1.7))
    slope = (by_hand(1.7 + 1e-6) - by_hand(1.7 - 1e-6)) / 2e-6
    assert float(ms.grad(run)(np.float64(1.7), np.abs(V))) == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize("check", [True, False])
def test_derivatives_with_axes_that_specs_do_not_name(check):
    def f(w, v):
        return lax.psum(mnp.sin(w @ v.T), "x"), w * lax.pmean(v.sum(), ("x", "y"))

    run = cut(f, (P(), P("x")), (P(), P()), check_vma=check)
    w = RNG.normal(size=(3, 4))
    with Reference():
        check_grads(lambda w, v: run(w, v), (w, X), order=2)
    slope = ms.jit(ms.grad(lambda w: run(w, X)[0].sum()))(w)
    np.testing.assert_allclose(slope, np.cos(w @ X[:4].T) @ X[:4] + np.cos(w @ X[4:].T) @ X[4:])


# --- mistakes -------------------------------------------------------------------------------------


def test_mistakes_are_named():
    ident = lambda v: v  # noqa: E731
    with pytest.raises(
        ValueError, match=r"shard_map applied to the function .* not evenly divisible"
    ):
        cut(ident, P("y"), P("y"))(V[:6])
    with pytest.raises(ValueError, match="in_specs entry which is too long"):
        cut(ident, P("y", None, "x"), P("y"))(V)
    with pytest.raises(ValueError, match="out_specs entry which is too long"):
        cut(lambda v: v.sum(), P("y"), P("y"))(V)
    with pytest.raises(ValueError, match="pytree structure error"):
        cut(ident, (P("y"), P()), P("y"))(V)
    with pytest.raises(ValueError, match="pytree structure error"):
        cut(ident, P("y"), (P("y"), P()))(V)
    with pytest.raises(ValueError, match="must refer to an axis marked as manual"):
        cut(ident, P("q"), P("y"))(V)
    with pytest.raises(ValueError, match="must refer to an axis marked as manual"):
        cut(ident, P("x"), P("x"), axis_names={"y"})(V)
    with pytest.raises(ValueError, match="mesh cannot be empty"):
        ms.shard_map(ident, in_specs=P("y"), out_specs=P("y"))(V)
    with pytest.raises(TypeError, match="pytree of `jax"):
        cut(ident, ("y",), P("y"))(V)
    with pytest.raises(ValueError, match="to be a subset of"):
        cut(ident, P("y"), P("y"), axis_names={"q"})(V)
    with pytest.raises(NameError, match="unbound axis name: q"):
        cut(lambda v: lax.psum(v, "q"), P("y"), P("y"))(V)
    with pytest.raises(TypeError, match="unexpected keyword"):
        cut(ident, P("y"), P("y"))(v=V)
    with pytest.raises(ValueError, match="duplicate entries"):
        cut(ident, P("y", "y"), P("y"))(X)


def test_arguments_that_lie_nowhere_are_whole_on_every_device():
    out = ms.shard_map(lambda v: v, mesh=MESH, out_specs=P("y"))(V)
    assert out.shape == (MESH.shape["y"] * len(V),)


def test_groups_of_different_sizes():
    mesh = ms.make_mesh((8,), ("i",))
    total = ms.shard_map(
        lambda v: lax.psum(v, "i", axis_index_groups=[[0, 1], [2, 3, 4, 5, 6, 7]]),
        mesh=mesh, in_specs=P("i"), out_specs=P("i"), check_vma=False,
    )  # fmt: skip
    assert total(np.arange(8)).tolist() == [1, 1, *[27] * 6]
