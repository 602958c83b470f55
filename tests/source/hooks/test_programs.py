"""Programs with ordinary control flow: compiled they mean what Python means."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import ms_func as ms
from tests.source.hooks import programs as p

F, I = np.float64, np.int32
_XS = np.arange(10, dtype=F)
CASES = [
    (p.newton, [(F(2),), (F(100),)]),
    (p.collatz, [(I(27),), (I(1),)]),
    (p.early_return, [(F(1),), (F(-20),), (F(-2),)]),
    (p.break_continue_else, [(_XS,), (np.array([1, 2, 9, 3, -1, 5, 5, 5, 5, 5], F),)]),
    (p.first_above, [(_XS, F(4.5)), (np.arange(30, dtype=F), F(22)), (_XS, F(99))]),
    (p.nested_loops, [(_XS,)]),
    (p.endless_with_break, [(F(100),), (F(1e300),)]),
    (p.while_else, [(F(100),), (F(6),)]),
    (p.list_of_branches, [(np.array([1, -2, 3, -4, 5], F),)]),
    (p.object_state, [(F(5),), (F(-1),)]),
    (p.choice_of_functions, [(F(0.5),), (F(-0.5),), (F(1.5),)]),
    (p.folds, [(F(1), F(3), F(2)), (F(-1), F(-3), F(2))]),
    (p.logic, [(F(1), F(3)), (F(0), F(3)), (F(6), F(0))]),
    (p.zipped, [(np.arange(20, dtype=F), np.arange(20, dtype=F)[::-1].copy())]),
    (p.traced_range, [(I(5), F(1)), (I(0), F(1)), (I(-3), F(1))]),
    (p.range_of_three, [(I(10), I(0), I(-3)), (I(0), I(10), I(3)), (I(5), I(5), I(1))]),
    (p.keys_of_text, [(F(1),)]),
    (p.maybe_unbound, [(F(1),), (F(-1),)]),
    (p.matched, [(F(1), I(0)), (F(1), I(2)), (F(1), I(7))]),
    (p.nonlocal_counter, [(F(2.5),), (F(-1),)]),
    (p.late_binding, [(F(2.5),), (F(-1),)]),
    (p.bisect, [(F(1), F(2))]),
    (p.factorial, [(I(5),), (I(0),)]),
    (p.fibonacci, [(I(10),), (I(1),)]),
    (p.gcd, [(I(48), I(18)), (I(7), I(0))]),
    (p.power, [(F(1.5), I(9)), (F(1.5), I(0))]),
    (p.ackermann, [(I(2), I(3))]),
    (p.is_even, [(I(7),), (I(4),)]),
    (p.gaussian_integral, [(F(3),)]),
    (p.dormand_prince, [(F(0.7), F(1), F(2))]),
]


def same(got, want):
    got, want = ms.tree.leaves(got), ms.tree.leaves(want)
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize(("f", "calls"), CASES, ids=lambda x: getattr(x, "__name__", ""))
def test_compiled_means_what_python_means(f, calls):
    """One program for all values: it is recorded once."""
    jitted = ms.jit(f)
    for args in calls:
        same(jitted(*args), f(*args))
    assert len({tuple(map(np.shape, args)) for args in calls}) == jitted._cache_size()


@pytest.mark.parametrize(("f", "calls"), CASES, ids=lambda x: getattr(x, "__name__", ""))
def test_converted_on_concrete_values_is_python(f, calls):
    converted = ms.convert(f)
    for args in calls:
        same(converted(*args), f(*args))


_LANES = [c for c in CASES if len({tuple(map(np.shape, a)) for a in c[1]}) == 1]


@pytest.mark.parametrize(("f", "calls"), _LANES, ids=lambda x: getattr(x, "__name__", ""))
def test_lanes_of_a_batch_are_separate_calls(f, calls):
    """Lanes that are done neither diverge nor hold up the others."""
    columns = [np.stack(column) for column in zip(*calls, strict=True)]
    got = ms.jit(ms.vmap(f))(*columns)
    for i, args in enumerate(calls):
        same(ms.tree.map(lambda x, i=i: x[i], got), ms.jit(f)(*args))


def test_static_depth_is_laid_out_and_long_recursion_is_not():
    for depth in (3, 200):
        f = ms.jit(lambda x, depth=depth: p.bounded_depth(x, depth))
        for x in (F(2.5), F(-1), F(7)):
            same(f(x), p.bounded_depth(x, depth))


def test_a_compiled_function_calls_itself_by_its_own_name():
    @ms.jit
    def power(x, n):
        if n == 0:
            return 1.0
        half = power(x, n // 2)
        return half * half * x if n % 2 else half * half

    @partial(ms.jit, static_argnums=1)
    def horner(x, k):
        return 1.0 if k == 0 else 1 + x * horner(x, k - 1)

    for n in (0, 1, 6, 11):
        np.testing.assert_allclose(power(F(1.5), I(n)), 1.5**n)
        np.testing.assert_allclose(ms.grad(power)(F(1.5), I(n)), n * 1.5 ** (n - 1))
    assert power._cache_size() == 1
    assert float(horner(F(0.5), 4)) == sum(0.5**i for i in range(5))


def test_a_tree_in_arrays_is_evaluated_and_differentiated():
    kinds, left, right = (np.array(v, I) for v in ([0, 1, 0, 0, 0], [1, 3, -1, -1, -1],
                                                    [2, 4, -1, -1, -1]))  # fmt: skip
    values = np.array([0, 0, 2, 3, 4], F)
    f = lambda values, i: p.evaluate_tree(kinds, left, right, values, i)
    same(ms.jit(f)(values, I(0)), 14.0)
    np.testing.assert_array_equal(ms.jit(ms.grad(f))(values, I(0)), [0, 0, 1, 4, 3])


def test_decoding_stops_at_the_stop_token():
    table = np.full((5, 5), -1.0)
    for i, j in ((0, 2), (2, 4), (4, 1), (1, 3), (3, 0)):
        table[i, j] = -0.25
    out, length, score = ms.jit(lambda t, s: p.greedy_decode(t, I(0), s, 8))(table, I(1))
    assert out.tolist() == [2, 4, 1, 0, 0, 0, 0, 0]
    assert int(length) == 3
    assert float(score) == -0.75


def test_beam_search_agrees_with_enumeration():
    rng = np.random.default_rng(0)
    table = np.log(rng.dirichlet(np.ones(3), size=3))
    scores, _ = ms.jit(lambda t: p.beam_search(t, 9, 2, 2))(table)
    every = []
    for i in range(3):
        every += [table[0, i]] if i == 2 else [table[0, i] + table[i, j] for j in range(3)]
    np.testing.assert_allclose(np.sort(scores)[::-1][: len(every)], sorted(every)[::-1], rtol=1e-6)


def test_kmeans_finds_separate_groups():
    rng = np.random.default_rng(1)
    groups = np.array([[0.0, 0], [10, 0], [0, 10]])
    points = (groups[:, None, :] + rng.normal(size=(3, 20, 2)) * 0.3).reshape(-1, 2)
    centers, steps = ms.jit(p.kmeans)(points, points[[0, 20, 40]] + 0.5)
    want = points.reshape(3, 20, 2).mean(1)
    np.testing.assert_allclose(centers, want, rtol=1e-9)
    assert 2 <= int(steps) < 10


# --- derivatives --------------------------------------------------------------------------------

_SMOOTH = [
    (lambda a: p.newton(a)[0], F(2.0)),
    (p.early_return, F(-3.5)),
    (lambda x: p.list_of_branches(x)[1] * p.list_of_branches(x)[0], np.array([1, -2, 3, -4, 5.0])),
    (lambda x: p.object_state(x)[0] ** 2, F(5.3)),
    (p.choice_of_functions, F(0.5)),
    (lambda x: p.endless_with_break(x)[0] ** 2, F(77.3)),
    (lambda x: (p.in_place(x) * x).sum(), np.linspace(-1, 1.1, 20)),
    (lambda x: (p.in_place(x) * x).sum(), np.array([0.5, -0.7, 1.2])),
    (p.late_binding, F(1.3)),
    (lambda x: p.power(x, I(9)), F(1.1)),
    (lambda x: p.dormand_prince(x, F(1), F(1)), F(0.7)),
    (lambda n: p.traced_range(I(6), n), F(0.7)),
]


def _differences(f, x):
    x = np.asarray(x, F)
    out = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        e = np.zeros_like(x)
        e[i] = 1e-6
        out[i] = (float(f(x + e)) - float(f(x - e))) / 2e-6
    return out


@pytest.mark.parametrize(("f", "x"), _SMOOTH)
def test_derivatives_in_both_modes(f, x):
    jitted = ms.jit(f)
    want = _differences(jitted, x)
    for g in (ms.grad(jitted), ms.jit(ms.grad(f)), ms.grad(f), ms.jit(ms.grad(ms.checkpoint(f)))):
        np.testing.assert_allclose(g(x), want, rtol=1e-4, atol=1e-6)
    _, dot = ms.jvp(jitted, (x,), (np.ones_like(x),))
    np.testing.assert_allclose(dot, want.sum(), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("f", "x"), _SMOOTH[:9])
def test_second_derivatives_do_not_depend_on_the_modes(f, x):
    f = ms.jit(f)
    want = ms.jacfwd(ms.jacfwd(f))(x)
    for g in (ms.jacfwd(ms.jacrev(f)), ms.jacrev(ms.jacfwd(f)), ms.jacrev(ms.jacrev(f))):
        np.testing.assert_allclose(g(x), want, rtol=1e-6, atol=1e-9)


def test_untaken_branches_put_no_nan_into_gradients_of_a_batch():
    def f(x):
        if x > 0:
            return np.e * ms.numpy.log(x) * x
        return -x

    xs = np.array([2.0, -1.0, 0.0])
    np.testing.assert_allclose(ms.vmap(ms.grad(f))(xs), [np.e * (np.log(2) + 1), -1, -1], rtol=1e-6)


def test_loops_inside_scan_and_custom_rules():
    def steps_to_one(x):
        n = 0
        while x > 1:
            x = x / 2
            n += 1
        return n

    _, ns = ms.lax.scan(lambda c, x: (c, steps_to_one(x)), 0.0, np.array([1.0, 5.0, 100.0]))
    assert ns.tolist() == [0, 3, 7]

    @ms.custom_jvp
    def clipped(x):
        return x if x < 1 else 1.0

    @clipped.defjvp
    def _(primals, tangents):
        (x,), (t,) = primals, tangents
        return clipped(x), t if x < 1 else t * 5

    assert float(ms.jit(ms.grad(clipped))(F(0.5))) == 1
    assert float(ms.jit(ms.grad(clipped))(F(2.0))) == 5


def test_devices_of_a_shard_map_take_their_own_branches_and_steps():
    if ms.device_count() < 2:
        pytest.skip("needs two devices")

    def f(x):
        s, n, t = x.sum(), 0, 0.0
        y = x * 2 if s > 3 else x - 1
        while s < 100:
            s = s * 2
            n += 1
        for i in range(30):
            t = t + x[0] * i
            if t > 50:
                break
        return y + n + t

    mesh, spec = ms.make_mesh((2,), ("i",)), ms.P("i")
    g = ms.shard_map(f, mesh=mesh, in_specs=spec, out_specs=spec)
    x = np.arange(4, dtype=np.float32)
    np.testing.assert_allclose(ms.jit(g)(x), np.concatenate([f(x[:2]), f(x[2:])]))
    slopes = ms.grad(lambda x: ms.jit(g)(x).sum())(x)
    np.testing.assert_allclose(slopes, [1 + 2 * sum(range(30)), 1, 2 + 2 * sum(range(8)), 2])
