"""Collectives over the lanes of a vmap, against NumPy on the stacked lanes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import lax
from ms_func.ir.evaluate import Reference
from ms_func.testing import check_grads

N = 4
GROUPS = [[0, 2], [3, 1]]


def lanes(f, **options):
    return ms.vmap(f, axis_name="i", **options)


def stacked(shape=(), n=N, dtype=np.float64):
    rng = np.random.default_rng(7)
    return (rng.normal(size=(n, *shape)) * 8).astype(dtype)


def rows_of(x, groups):
    """For each lane, the lanes of its group."""
    return [next(x[g] for g in map(list, groups) if i in g) for i in range(len(x))]


ALL = [list(range(N))]

# --- meaning ------------------------------------------------------------------------------------


@pytest.mark.parametrize("groups", [None, GROUPS])
@pytest.mark.parametrize("dtype", [np.float64, np.int32, np.complex64])
@pytest.mark.parametrize("dim", [0, 1, 2])
def test_reductions(groups, dtype, dim):
    x = stacked((3, 2), dtype=dtype)
    cases = {lax.psum: np.sum, lax.pmean: np.mean, lax.pmax: np.max, lax.pmin: np.min}
    for ours, theirs in cases.items():
        run = lanes(lambda v, ours=ours: ours(v, "i", axis_index_groups=groups), in_axes=dim)
        got = run(np.moveaxis(x, 0, dim))
        want = np.stack([theirs(r, 0) for r in rows_of(x, groups or ALL)])
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_booleans():
    b = np.array([True, False, True, True])
    np.testing.assert_array_equal(lanes(lambda v: lax.psum(v, "i"))(b), [3] * N)
    assert lanes(lambda v: lax.psum(v, "i"))(b).dtype == np.int32
    np.testing.assert_array_equal(lanes(lambda v: lax.pmean(v, "i"))(b), [0.75] * N)
    assert bool(lanes(lambda v: lax.pmax(v, "i"))(b).all())
    assert not lanes(lambda v: lax.pmin(v, "i"))(b).any()


def test_numbers_stay_numbers():
    seen = []

    def f(x):
        seen.extend([lax.psum(1, "i"), lax.psum(2.5, "i"), lax.pmean(3, "i"), lax.pmax(7, "i")])
        assert lax.axis_size("i") == N
        return x

    lanes(f)(np.zeros(N))
    assert seen == [N, 2.5 * N, 3.0, 7]
    assert [type(v) for v in seen] == [int, float, float, int]


def test_what_all_lanes_share_is_counted_for_each():
    c = np.arange(3.0)
    got = lanes(lambda x: lax.psum(mnp.asarray(c), "i") + x)(np.zeros(N))
    np.testing.assert_array_equal(got, np.tile(c * N, (N, 1)))
    got = lanes(lambda x: lax.pmax(mnp.asarray(c), "i") + x)(np.zeros(N))
    np.testing.assert_array_equal(got, np.tile(c, (N, 1)))


def test_trees_and_dimensions():
    x = stacked((3, 2))
    got = lanes(lambda t: lax.psum(t, "i"))({"a": x, "b": (x * 2, None)})
    np.testing.assert_allclose(got["a"][1], x.sum(0))
    np.testing.assert_allclose(got["b"][0][2], 2 * x.sum(0))
    for numbers in [(0,), (1,), (0, 1)]:
        got = lanes(lambda v, numbers=numbers: lax.psum(v, ("i", *numbers)))(x)
        np.testing.assert_allclose(got[3], x.sum(0).sum(tuple(numbers)))
        got = lanes(lambda v, numbers=numbers: lax.pmean(v, (*numbers, "i")))(x)
        np.testing.assert_allclose(got[3], x.mean(0).mean(tuple(numbers)))


@pytest.mark.parametrize("groups", [None, GROUPS])
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
@pytest.mark.parametrize("dim", [0, 1, 2])
def test_all_gather(groups, axis, dim):
    x = stacked((3, 2))
    moved = np.moveaxis(x, 0, dim)
    kw = {"axis_index_groups": groups, "axis": axis}
    got = lanes(lambda v: lax.all_gather(v, "i", **kw), in_axes=dim)(moved)
    want = [np.stack(list(r), axis) for r in rows_of(x, groups or ALL)]
    np.testing.assert_array_equal(got, np.stack(want))
    if axis < 2:
        got = lanes(lambda v: lax.all_gather(v, "i", tiled=True, **kw), in_axes=dim)(moved)
        want = [np.concatenate(list(r), axis) for r in rows_of(x, groups or ALL)]
        np.testing.assert_array_equal(got, np.stack(want))


@pytest.mark.parametrize("groups", [None, GROUPS])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("dim", [0, 1, 2])
def test_psum_scatter(groups, axis, dim):
    n = N if groups is None else 2
    listed = groups or ALL
    place = {i: g.index(i) for g in listed for i in g}
    for tiled, size in [(False, n), (True, n), (True, 3 * n)]:
        shape = [5, 5]
        shape[axis] = size
        x = stacked(tuple(shape))
        got = lanes(
            lambda v, tiled=tiled: lax.psum_scatter(
                v, "i", scatter_dimension=axis, axis_index_groups=groups, tiled=tiled
            ),
            in_axes=dim,
        )(np.moveaxis(x, 0, dim))
        want = []
        for i, r in enumerate(rows_of(x, listed)):
            piece = np.split(r.sum(0), n, axis)[place[i]]
            want.append(piece if tiled else piece.squeeze(axis))
        np.testing.assert_allclose(got, np.stack(want))


def exchanged(x, split, concat, listed, tiled):
    out = []
    for i in range(len(x)):
        group = next(g for g in listed if i in g)
        pieces = [np.split(x[j], len(group), split)[group.index(i)] for j in group]
        if tiled:
            out.append(np.concatenate(pieces, concat))
        else:
            out.append(np.stack([p.squeeze(split) for p in pieces], concat))
    return np.stack(out)


@pytest.mark.parametrize("groups", [None, GROUPS])
@pytest.mark.parametrize(("split", "concat"), list(itertools.product(range(3), range(3))))
@pytest.mark.parametrize("dim", [0, 2])
def test_all_to_all(groups, split, concat, dim):
    n = N if groups is None else 2
    for tiled, size in [(False, n), (True, n), (True, 2 * n)]:
        shape = [2, 3, 5]
        shape[split] = size
        x = stacked(tuple(shape))
        got = lanes(
            lambda v, tiled=tiled: lax.all_to_all(
                v, "i", split, concat, axis_index_groups=groups, tiled=tiled
            ),
            in_axes=dim,
        )(np.moveaxis(x, 0, dim))
        np.testing.assert_array_equal(got, exchanged(x, split, concat, groups or ALL, tiled))


PERMS = [
    [(0, 1), (1, 2), (2, 3), (3, 0)],
    [(3, 0), (2, 1), (1, 2), (0, 3)],
    [(0, 2), (2, 1), (1, 0), (3, 3)],
    [(0, 1), (1, 2)],
    [],
]


@pytest.mark.parametrize("perm", PERMS)
@pytest.mark.parametrize("dim", [0, 1])
def test_ppermute(perm, dim):
    x = stacked((3,))
    want = np.zeros_like(x)
    for source, to in perm:
        want[to] = x[source]
    got = lanes(lambda v: lax.ppermute(v, "i", perm), in_axes=dim)(np.moveaxis(x, 0, dim))
    np.testing.assert_array_equal(got, want)
    got = lanes(lambda v, c: v + lax.ppermute(c, "i", perm), in_axes=(0, None))(x * 0, x[0])
    want = np.zeros_like(x)
    want[[to for _, to in perm]] = x[0]
    np.testing.assert_array_equal(got, want)


def test_shuffles_swaps_broadcasts_and_indices():
    x = stacked((N,))
    order = [2, 0, 3, 1]
    np.testing.assert_array_equal(lanes(lambda v: lax.pshuffle(v, "i", order))(x), x[order])
    np.testing.assert_array_equal(lanes(lambda v: lax.pswapaxes(v, "i", 0))(x), x.T)
    got = lanes(lambda v: lax.pbroadcast(v, "i", 2))(x)
    np.testing.assert_array_equal(got, np.stack([x[2]] * N))
    index = lanes(lambda v: lax.axis_index("i"))(x)
    np.testing.assert_array_equal(index, np.arange(N))
    assert index.dtype == np.int32


def test_shared_results_may_have_no_lanes():
    x = stacked()
    assert lanes(lambda v: lax.psum(v, "i"), out_axes=None)(x).shape == ()
    np.testing.assert_array_equal(lanes(lambda v: lax.all_gather(v, "i"), out_axes=None)(x), x)


# --- names --------------------------------------------------------------------------------------


def test_two_names():
    x = stacked((3,))
    nested = lambda f: ms.vmap(ms.vmap(f, axis_name="j"), axis_name="i")  # noqa: E731
    np.testing.assert_allclose(nested(lambda v: lax.psum(v, ("i", "j")))(x)[1, 2], x.sum())
    np.testing.assert_allclose(nested(lambda v: lax.psum(v, "i"))(x)[1], x.sum(0))
    np.testing.assert_allclose(nested(lambda v: lax.psum(v, "j"))(x)[:, 1], x.sum(1))
    np.testing.assert_allclose(nested(lambda v: lax.pmax(v, ("j", "i")))(x)[0, 0], x.max())
    np.testing.assert_array_equal(
        nested(lambda v: lax.all_gather(v, ("i", "j")))(x)[2, 1], x.ravel()
    )
    got = nested(lambda v: lax.all_gather(v, ("j", "i")))(x)
    np.testing.assert_array_equal(got[0, 0], x.T.ravel())
    index = nested(lambda v: lax.axis_index(("i", "j")))(x)
    np.testing.assert_array_equal(index, np.arange(12).reshape(4, 3))
    index = nested(lambda v: lax.axis_index(("j", "i")))(x)
    np.testing.assert_array_equal(index, np.arange(12).reshape(3, 4).T)
    assert nested(lambda v: v * 0 + lax.axis_size(("i", "j")))(x)[0, 0] == 12
    wide = stacked((3, 12))
    got = nested(lambda v: lax.psum_scatter(v, ("i", "j")))(wide)
    np.testing.assert_allclose(got, wide.sum((0, 1)).reshape(4, 3))


def test_inner_names_hide_outer_ones():
    x = stacked((3,))
    got = lanes(lambda r: lanes(lambda v: lax.psum(v, "i"))(r) + lax.psum(r, "i"))(x)
    np.testing.assert_allclose(got, x.sum(1, keepdims=True) + x.sum(0))


def test_outer_name_inside_an_unnamed_vmap():
    x = stacked((3, 2))
    got = lanes(lambda m: ms.vmap(lambda v: v - lax.pmean(v, "i"), in_axes=1)(m))(x)
    np.testing.assert_allclose(got, np.swapaxes(x - x.mean(0), 1, 2))
    got = lanes(lambda m: ms.vmap(lambda v: lax.all_to_all(v, "i", 0, 0), in_axes=1)(m))(
        stacked((N, 3))
    )
    np.testing.assert_array_equal(
        got, np.swapaxes(exchanged(stacked((N, 3)), 0, 0, ALL, False), 1, 2)
    )


def test_names_are_any_hashable_object():
    name = ("a", frozenset([1]))
    key = object()
    x = stacked()
    np.testing.assert_allclose(ms.vmap(lambda v: lax.psum(v, key), axis_name=key)(x)[0], x.sum())
    with pytest.raises(TypeError, match="unhashable"):
        ms.vmap(lambda v: v, axis_name=[1])
    assert hash(name)


@pytest.mark.parametrize(
    "call",
    [
        lambda v: lax.psum(v, "k"),
        lambda v: lax.pmean(v, "k"),
        lambda v: lax.pmax(v, "k"),
        lambda v: lax.all_gather(v, "k"),
        lambda v: lax.psum_scatter(v, "k"),
        lambda v: lax.all_to_all(v, "k", 0, 0),
        lambda v: lax.ppermute(v, "k", [(0, 1)]),
        lambda v: lax.pshuffle(v, "k", [0]),
        lambda v: lax.pbroadcast(v, "k", 0),
        lambda v: lax.axis_index("k"),
        lambda v: lax.axis_size("k"),
        lambda v: lax.psum(1, ("i", "k")),
    ],
)
def test_unbound_names(call):
    with pytest.raises(NameError, match="unbound axis name: k"):
        lanes(call)(stacked((N,)))
    with pytest.raises(NameError, match=r"unbound axis name: [ik]"):
        call(np.ones(3))
    with pytest.raises(NameError, match=r"unbound axis name: [ik]"):
        ms.jit(call)(np.ones(3))


def test_a_jitted_function_is_recorded_for_each_environment():
    f = ms.jit(lambda v: v * lax.axis_size("i") + lax.psum(v, "i"))
    for n in (2, 3):
        x = stacked(n=n)
        np.testing.assert_allclose(lanes(f)(x), x * n + x.sum())
    with pytest.raises(NameError, match="unbound axis name: i"):
        f(1.0)


# --- mistakes -----------------------------------------------------------------------------------


def test_mistakes_are_named():
    x = np.ones((N, 3))

    def bad(f, message, error=ValueError):
        with pytest.raises(error, match=message):
            lanes(f)(x)

    bad(lambda v: lax.all_to_all(v, "i", 0, 0), "size of the mapped axis")
    bad(lambda v: lax.all_to_all(v, "i", 0, 0, tiled=True), "divisible")
    bad(lambda v: lax.all_to_all(v, "i", 1, 0), "out of bounds")
    bad(lambda v: lax.psum_scatter(v, "i"), "must match")
    bad(lambda v: lax.psum_scatter(v, "i", tiled=True), "divisible")
    bad(lambda v: lax.all_gather(v, "i", axis=3), "out of bounds")
    bad(lambda v: lax.ppermute(v, "i", [(0, 1), (1, 1)]), "sources and destinations must be unique")
    bad(lambda v: lax.ppermute(v, "i", [(0, N)]), "size 4")
    bad(lambda v: lax.pshuffle(v, "i", [0, 1]), "permutation")
    bad(lambda v: lax.pbroadcast(v, "i", N), "source 4")
    bad(lambda v: lax.psum(v, "i", axis_index_groups=[[0, 1], [1, 2]]), "exactly once")
    bad(lambda v: lax.all_gather(v, "i", axis_index_groups=[[0, 1, 2], [3]]), "same size")
    bad(lambda v: lax.psum("text", "i"), "not a valid array or number", TypeError)
    bad(lambda v: lax.psum(v, ("i", "i")), "duplicate value")
    bad(lambda v: lax.psum(v, 5), "5")


# --- inside control flow, rules and calls ---------------------------------------------------------


def test_inside_control_flow():
    x = stacked()
    total = x.sum()
    got = lanes(lambda v: lax.cond(True, lambda v: lax.psum(v, "i"), lambda v: v, v))(x)
    np.testing.assert_allclose(got, [total] * N)
    got = lanes(lambda v: lax.scan(lambda c, _: (lax.pmean(c, "i") + v, c), v, None, 3)[0])(x)
    want = x
    for _ in range(3):
        want = want.mean() + x
    np.testing.assert_allclose(got, want)
    got = lanes(lambda v: lax.fori_loop(0, 3, lambda i, c: c + lax.axis_index("i"), 0))(x)
    np.testing.assert_array_equal(got, 3 * np.arange(N))
    positive = np.abs(x) + 1
    got = lanes(lambda v: lax.while_loop(lambda c: lax.pmax(c, "i") < 99, lambda c: 2 * c, v))(
        positive
    )
    want = positive
    while want.max() < 99:
        want = 2 * want
    np.testing.assert_allclose(got, want)
    got = lanes(lambda v: lax.map(lambda u: lax.ppermute(u, "i", PERMS[0]), v))(stacked((3,)))
    np.testing.assert_array_equal(got, np.roll(stacked((3,)), 1, 0))
    got = lanes(lambda v: ms.checkpoint(lambda u: lax.psum(mnp.sin(u), "i"))(v))(x)
    np.testing.assert_allclose(got, [np.sin(x).sum()] * N)
    got = ms.jit(lanes(ms.jit(lambda v: ms.jit(lambda u: lax.psum(u, "i"))(v) * v)))(x)
    np.testing.assert_allclose(got, total * x)


def test_lanes_that_part_ways_do_not_communicate():
    x = stacked()
    with pytest.raises(NotImplementedError, match="its predicate differs"):
        lanes(lambda v: lax.cond(v > 0, lambda v: lax.psum(v, "i"), lambda v: v, v))(x)
    with pytest.raises(NotImplementedError, match="test differs"):
        lanes(lambda v: lax.while_loop(lambda c: c < 9, lambda c: c + lax.pmax(1.0 + c, "i"), v))(x)
    with ms.as_jax():  # all of them take part
        got = lanes(lambda v: lax.cond(v > 0, lambda v: lax.psum(v, "i"), lambda v: -v, v))(x)
        np.testing.assert_allclose(got, np.where(x > 0, x.sum(), -x), rtol=1e-6)
        grow = lambda v: lax.while_loop(lambda c: c < 9, lambda c: c + lax.pmax(c, "i"), v)  # noqa: E731
        got, want = lanes(grow)(np.arange(1.0, 5)), np.arange(1.0, 5)
        while (want < 9).any():
            want = np.where(want < 9, want + want.max(), want)
        np.testing.assert_allclose(got, want)
    got = lanes(lambda v: lax.cond(v > 0, lambda v: lax.axis_index("i"), lambda v: -1, v))(x)
    np.testing.assert_array_equal(got, np.where(x > 0, np.arange(N), -1))


def test_a_choice_along_another_axis_changes_nothing_that_is_sent():
    x = np.arange(6.0).reshape(2, 3)
    choose = lambda v: lax.cond(v > 1, lambda v: v + lax.psum(v, "i"), lambda v: v * 2, v)  # noqa: E731
    got = lanes(ms.vmap(choose))(x)
    np.testing.assert_allclose(got, np.where(x > 1, x + x.sum(0), 2 * x))


def test_inside_custom_rules():
    @ms.custom_jvp
    def f(v):
        return lax.psum(v, "i")

    @f.defjvp
    def f_jvp(primals, tangents):
        (v,), (t,) = primals, tangents
        return f(v), 3 * lax.psum(t, "i")

    @ms.custom_vjp
    def g(v):
        return lax.psum(v * v, "i")

    g.defvjp(lambda v: (g(v), v), lambda v, ct: (5 * v * lax.pmean(ct, "i"),))
    x = stacked()
    np.testing.assert_allclose(lanes(f)(x), [x.sum()] * N)
    np.testing.assert_allclose(ms.jvp(lanes(f), (x,), (x,))[1], [3 * x.sum()] * N)
    np.testing.assert_allclose(ms.grad(lambda x: lanes(f)(x)[1])(x), [3.0] * N)
    np.testing.assert_allclose(lanes(ms.grad(f))(x), [3.0 * N] * N)
    np.testing.assert_allclose(ms.grad(lambda x: lanes(g)(x).sum())(x), 5 * x)
    np.testing.assert_allclose(lanes(ms.grad(g))(x), 5 * x)
    np.testing.assert_allclose(ms.grad(lambda x: ms.jit(lanes(ms.jit(g)))(x).sum())(x), 5 * x)


def test_custom_vmap_inside_a_named_vmap():
    @ms.custom_batching.custom_vmap
    def f(v):
        return v + lax.axis_index("i")

    @f.def_vmap
    def rule(axis_size, in_batched, v):
        return v + 100, in_batched[0]

    np.testing.assert_array_equal(lanes(f)(np.zeros(N)), [100] * N)
    np.testing.assert_array_equal(lanes(lambda x: f(mnp.zeros(())))(np.zeros(N)), np.arange(N))


# --- derivatives ----------------------------------------------------------------------------------

MAPS = {
    "psum": lambda v: lax.psum(v, "i"),
    "psum_groups": lambda v: lax.psum(v, "i", axis_index_groups=GROUPS),
    "pmean": lambda v: lax.pmean(v, "i"),
    "all_gather": lambda v: lax.all_gather(v, "i"),
    "all_gather_tiled": lambda v: lax.all_gather(v, "i", axis=1, tiled=True),
    "all_gather_groups": lambda v: lax.all_gather(v, "i", axis_index_groups=GROUPS),
    "psum_scatter": lambda v: lax.psum_scatter(v, "i"),
    "psum_scatter_tiled": lambda v: lax.psum_scatter(v, "i", scatter_dimension=1, tiled=True),
    "all_to_all": lambda v: lax.all_to_all(v, "i", 0, 1),
    "all_to_all_tiled": lambda v: lax.all_to_all(v, "i", 1, 0, tiled=True),
    "ppermute": lambda v: lax.ppermute(v, "i", PERMS[2]),
    "ppermute_partial": lambda v: lax.ppermute(v, "i", PERMS[3]),
    "pbroadcast": lambda v: lax.pbroadcast(v, "i", 1),
}


@pytest.mark.parametrize("name", MAPS)
def test_derivatives(name):
    x = stacked((N, 2 * N))
    f = lambda x: lanes(lambda v: mnp.sin(MAPS[name](mnp.sin(v))))(x)  # noqa: E731
    with Reference():
        check_grads(f, (x / 8,), order=2)


@pytest.mark.parametrize("name", MAPS)
def test_transpose_inside_and_outside_agree(name):
    """The sum over lanes of `<J v, w>` does not depend on where the map is transposed."""
    x = stacked((N, 2 * N))
    run = MAPS[name]
    outside = ms.grad(lambda x: (lanes(run)(x) ** 2).sum())(x)
    inside = lanes(lambda v: ms.vjp(run, v)[1](2 * run(v))[0])(x)
    np.testing.assert_allclose(inside, outside, rtol=1e-12)
    linear = lanes(lambda v: ms.linearize(run, v)[1](v))(x)
    np.testing.assert_allclose(linear, lanes(run)(x))


def test_extrema():
    x = stacked((3,))
    with Reference():
        check_grads(
            lambda x: lanes(lambda v: lax.pmax(v, "i") * lax.pmin(v * v, "i"))(x), (x,), order=1
        )
    ties = np.array([1.0, 2.0, 2.0, 0.0])
    np.testing.assert_allclose(ms.grad(lambda x: lanes(lambda v: lax.pmax(v, "i"))(x)[0])(ties),
                               [0, 0.5, 0.5, 0])  # fmt: skip


def test_per_lane_losses():
    """`grad` of a lane's loss counts the effect on all lanes' losses: psum transposes to psum."""
    x = stacked()
    loss = lambda v: lax.psum(v**2, "i")  # noqa: E731
    np.testing.assert_allclose(lanes(ms.grad(loss))(x), 2 * x * N)
    np.testing.assert_allclose(lanes(ms.grad(lambda v: lax.pmean(v**2, "i")))(x), 2 * x)
    w = np.float64(0.5)
    step = lambda w, v: lax.pmean(ms.grad(lambda w: (w * v - 1) ** 2)(w), "i")  # noqa: E731
    got = lanes(step, in_axes=(None, 0), out_axes=None)(w, x)
    np.testing.assert_allclose(got, np.mean(2 * (w * x - 1) * x))


def test_hessian_and_normalisation():
    x = stacked((3,))
    f = lambda v: (v - lax.pmean(v, "i")) / mnp.sqrt(lax.pmean(v**2, "i"))  # noqa: E731
    want = (x - x.mean(0)) / np.sqrt((x**2).mean(0))
    np.testing.assert_allclose(lanes(f)(x), want)
    with Reference():
        check_grads(lambda x: lanes(f)(x), (x,), order=2)


def test_numpy_functions_with_names():
    x = stacked((3,))
    named = [mnp.sum, mnp.max, mnp.min, mnp.mean, mnp.var, mnp.std, mnp.ptp, mnp.nansum]
    for f in named:
        theirs = getattr(np, f.__name__)
        np.testing.assert_allclose(lanes(lambda v, f=f: f(v, axis="i"))(x)[2], theirs(x, 0))
        both = lanes(lambda v, f=f: f(v, axis=("i", 0)))(x)
        np.testing.assert_allclose(both, [theirs(x)] * N, rtol=1e-6)
        if f is not mnp.nansum:
            assert lanes(lambda v, f=f: f(v, axis=(-1, "i"), keepdims=True))(x).shape == (N, 1)
    mask = x > 0
    got = lanes(lambda v: mnp.mean(v, axis="i", where=v > 0))(x)
    np.testing.assert_allclose(got[0], np.mean(x, 0, where=mask), rtol=1e-6)
    np.testing.assert_array_equal(lanes(lambda v: mnp.count_nonzero(v, axis="i"))(x), [[N] * 3] * N)
    with pytest.raises(NotImplementedError, match="Named reductions"):
        lanes(lambda v: mnp.prod(v, axis="i"))(x)
    with pytest.raises(NameError, match="unbound axis name: k"):
        lanes(lambda v: mnp.sum(v, axis="k"))(x)
    with pytest.raises(NameError, match="unbound axis name: i"):
        mnp.mean(x, axis="i")


def test_neural_functions_with_names():
    x = stacked((3,))
    want = np.exp(x) / np.exp(x).sum(0)
    np.testing.assert_allclose(lanes(lambda v: ms.nn.softmax(v, axis="i"))(x), want)
    np.testing.assert_allclose(lanes(lambda v: ms.nn.log_softmax(v, axis="i"))(x), np.log(want))
    np.testing.assert_allclose(
        lanes(lambda v: ms.nn.logsumexp(v, axis="i"), out_axes=None)(x), np.log(np.exp(x).sum(0))
    )
    np.testing.assert_allclose(
        lanes(lambda v: ms.nn.standardize(v, axis="i", epsilon=0))(x),
        (x - x.mean(0)) / x.std(0),
    )
    labels = np.array([2, 0, 3])
    got = lanes(lambda v: ms.nn.one_hot(labels, N, axis="i"))(x)
    np.testing.assert_array_equal(got, np.eye(N)[labels].T)
    with pytest.raises(ValueError, match="num_classes"):
        lanes(lambda v: ms.nn.one_hot(labels, 7, axis="i"))(x)


def test_the_axis_size_may_stand_alone():
    got = ms.vmap(lambda: lax.axis_index("i") * lax.psum(1, "i"), axis_size=3, axis_name="i")()
    np.testing.assert_array_equal(got, [0, 3, 6])


def test_empty_and_single_lanes():
    for n in (0, 1):
        x = stacked((2,), n=n)
        np.testing.assert_allclose(lanes(lambda v: lax.psum(v, "i"))(x), x)
        stay = [(k, k) for k in range(n)]
        np.testing.assert_allclose(lanes(lambda v, p=stay: lax.ppermute(v, "i", p))(x), x)


def test_ragged_exchange():
    n, rows = 3, 6
    rng = np.random.default_rng(2)
    x, out = rng.normal(size=(n, rows, 2)), np.zeros((n, 8, 2))
    sizes = np.array([[1, 0, 2], [2, 1, 1], [0, 3, 1]], np.int32)
    starts = np.cumsum(sizes, 1) - sizes  # rows for each receiver lie one after the other
    places = (np.cumsum(sizes, 0) - sizes).astype(np.int32)
    want = out.copy()
    for i in range(n):
        for j in range(n):
            piece = x[i, starts[i, j] : starts[i, j] + sizes[i, j]]
            want[j, places[i, j] : places[i, j] + sizes[i, j]] = piece
    run = lanes(lambda *args: lax.ragged_all_to_all(*args, axis_name="i"))
    args = (starts.astype(np.int32), sizes, places, sizes.T)
    np.testing.assert_array_equal(run(x, out, *args), want)
    check_grads(lambda x, out: run(x, out, *args), (x, out), order=1)
    bad = lambda v, *rest: lax.ragged_all_to_all(v, v[:, 0], *rest, axis_name="i")  # noqa: E731
    with pytest.raises(ValueError, match="shapes must be equal"):
        lanes(bad)(x, *args)
    short = lambda v, o, a, *rest: lax.ragged_all_to_all(v, o, a[:2], *rest, axis_name="i")  # noqa: E731
    with pytest.raises(ValueError, match="input_offsets must be 3 integers"):
        lanes(short)(x, out, *args)
