"""The laws that transforms obey, on random programs.

Each law is tested by two engines: the NumPy rules of the primitives ("reference", fast, many
examples) and compiled programs ("compiled", fewer examples). Oracles are NumPy, Python loops,
differences, and forward mode along single directions.
"""

import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import ms_func as ms
from ms_func import jit, lax, tree, vmap
from ms_func.ir import evaluate, parse, to_text, verify
from ms_func.ir.evaluate import Reference
from ms_func.ir.primitive import Zero
from ms_func.tracing.tracer import build
from ms_func.transforms.jvp import jvp_walk
from ms_func.transforms.partial_eval import partial_eval
from ms_func.transforms.zeros import zeros
from tests.support.all_primitives import POOL, all_programs
from tests.support.programs import moderate, nonempty_shapes, programs

seeds = st.integers(0, 2**16)
ENGINES = {
    "reference": (False, 25),
    "compiled": (False, 4),
    "reference-control": (True, 10),
    "compiled-control": (True, 2),
}
MANY = {
    "reference": (False, 400),
    "compiled": (False, 60),
    "reference-control": (True, 150),
    "compiled-control": (True, 40),
}


def law(others=None, **kind):
    """Test on both engines, without and with control flow; the `slow` run takes many examples."""

    def decorate(check):
        def test(engine, control, count):
            @settings(max_examples=count)
            @given(program=programs(control=control, **kind), seed=seeds, **(others or {}))
            def run(program, seed, **drawn):
                if engine.startswith("reference"):
                    with Reference():
                        check(program, seed, **drawn)
                else:
                    check(program, seed, **drawn)

            run()

        test.__doc__ = check.__doc__
        cases = [pytest.param(e, c, n, id=e) for e, (c, n) in ENGINES.items()]
        cases += [
            pytest.param(e, c, n, id=f"{e}-many", marks=pytest.mark.slow)
            for e, (c, n) in MANY.items()
        ]
        return pytest.mark.parametrize(("engine", "control", "count"), cases)(test)

    return decorate


def close(got, wanted, rtol=1e-9, atol=1e-9):
    """Compare trees of arrays, shapes and dtypes included."""
    mine, theirs = tree.leaves(got), tree.leaves(wanted)
    assert len(mine) == len(theirs)
    for a, b in zip(mine, theirs, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        scale = max(1.0, float(np.max(np.abs(b), initial=0.0)))
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol * scale)


def directions(arrays, seed):
    rng = np.random.default_rng(seed + 1)
    return tuple(rng.uniform(-1, 1, np.shape(a)) for a in arrays)


def dot(xs, ys):
    return sum(float(np.sum(np.asarray(x) * np.asarray(y))) for x, y in zip(xs, ys, strict=True))


def point(program, seed):
    """Arguments at which the program and its first derivative are moderate."""
    args = program.arguments(seed)
    with Reference():
        values = ms.jvp(program, tuple(args), directions(args, seed))
    assume(moderate([np.asarray(v) for v in tree.leaves(values)]))
    return args


# --- meaning ------------------------------------------------------------------------------------


@law(kinks=True)
def test_law_1_recording_keeps_the_meaning(program, seed):
    args = program.arguments(seed)
    with Reference():
        wanted = program(*args)
    fn = program.function()
    verify(fn, locs=True)
    close(evaluate(fn, *args), wanted, 0, 0)
    close(program(*args), wanted)


@law(kinks=True)
def test_law_2_jit_keeps_the_meaning_and_runs_side_effects_once(program, seed):
    args, calls = program.arguments(seed), []

    def f(*xs):
        calls.append(1)
        return program(*xs)

    compiled = jit(f)
    first = compiled(*args)
    close(first, program(*args))
    close(compiled(*args), first, 0, 0)
    close(jit(jit(f))(*args), first)
    assert len(calls) <= 2


@given(st.one_of(programs(kinks=True), programs(control=True)), seeds)
def test_law_13_printing_and_parsing_are_inverse(program, seed):
    fn, args = program.function(), program.arguments(seed)
    n = len(args)
    derived = [
        fn,
        program.function(lambda *xs: ms.jvp(program, xs, xs)),
        program.function(lambda *xs: ms.grad(program.scalar, tuple(range(n)))(*xs)),
    ]
    for made in derived:
        text = to_text(made)
        back = parse(text)
        assert back == made
        assert hash(back) == hash(made)
        assert to_text(back) == text
        close(evaluate(back, *args), evaluate(made, *args), 0, 0)


# --- first derivatives --------------------------------------------------------------------------


@law()
def test_law_3_jvp_is_the_limit_of_differences(program, seed):
    args = point(program, seed)
    dots, h = directions(args, seed), 1e-5
    value, tangent = ms.jvp(program, tuple(args), dots)
    close(value, program(*args))
    with Reference():
        ahead = program(*[x + h * d for x, d in zip(args, dots, strict=True)])
        behind = program(*[x - h * d for x, d in zip(args, dots, strict=True)])
    differences = tuple((a - b) / (2 * h) for a, b in zip(ahead, behind, strict=True))
    close(tangent, differences, rtol=1e-5, atol=1e-5)


@law()
def test_law_3_jvp_is_linear_in_the_tangents(program, seed):
    args = point(program, seed)
    u, v = directions(args, seed), directions(args, seed + 7)
    push = lambda dots: ms.jvp(program, tuple(args), dots)[1]  # noqa: E731
    both = push(tuple(2.0 * a - 3.0 * b for a, b in zip(u, v, strict=True)))
    apart = tuple(
        2.0 * np.asarray(a) - 3.0 * np.asarray(b) for a, b in zip(push(u), push(v), strict=True)
    )
    close(both, apart)


@law()
def test_law_4_vjp_is_the_adjoint_of_jvp(program, seed):
    args = point(program, seed)
    dots = directions(args, seed)
    value, tangent = ms.jvp(program, tuple(args), dots)
    again, pull = ms.vjp(program, *args)
    close(again, value)
    cts = directions(value, seed + 3)
    left, right = dot(pull(cts), dots), dot(cts, tangent)
    assert abs(left - right) <= 1e-9 * max(1.0, abs(left))


COMPLEX = {
    "sin": lax.sin,
    "exp.tanh": lambda z: lax.exp(lax.tanh(z)),
    "square": lambda z: lax.mul(z, z),
    "conj": lax.conj,
    "parts": lambda z: lax.complex(lax.mul(lax.real(z), 2.0), lax.neg(lax.imag(z))),
    "modulus": lambda z: lax.mul(z, lax.conj(z)),
    "abs": lambda z: lax.complex(lax.abs(z), lax.imag(z)),
    "inverse": lambda z: lax.div(lax.full_like(z, 1), lax.add(lax.mul(z, lax.conj(z)), 1.0 + 0j)),
    "cube": lambda z: lax.integer_pow(z, 3),
    "log": lambda z: lax.log(lax.add(lax.mul(z, lax.conj(z)), 2.0 + 0j)),
}


@settings(max_examples=15)
@given(names=st.lists(st.sampled_from(sorted(COMPLEX)), min_size=1, max_size=4), seed=seeds)
def test_laws_3_and_4_of_complex_functions(names, seed):
    """Real parts agree: the maps are linear over the real numbers only."""

    def f(z):
        for name in names:
            z = COMPLEX[name](z)
        return z

    rng = np.random.default_rng(seed)
    z, v, ct = (rng.uniform(-1, 1, (2, 3)) + 1j * rng.uniform(-1, 1, (2, 3)) for _ in range(3))

    def derivatives(z, v, ct):
        return (*ms.jvp(f, (z,), (v,)), ms.vjp(f, z)[1](ct)[0])

    with Reference():
        found = _, tangent, back = derivatives(z, v, ct)
        ahead, behind = f(z + 1e-5 * v), f(z - 1e-5 * v)
    left, right = np.sum(ct * tangent).real, np.sum(back * v).real
    assert abs(left - right) <= 1e-9 * max(1.0, abs(left))
    close(tangent, (ahead - behind) / 2e-5, 1e-5, 1e-5)
    close(ms.jit(derivatives)(z, v, ct), found)


@law()
def test_law_5_linearize_is_jvp_and_runs_the_function_once(program, seed):
    args, calls = point(program, seed), []

    def f(*xs):
        calls.append(1)
        return program(*xs)

    value, push = ms.linearize(f, *args)
    for k in range(3):
        dots = directions(args, seed + k)
        close((value, push(*dots)), ms.jvp(program, tuple(args), dots))
    assert len(calls) == 1


@law(max_args=2, max_steps=5)
def test_law_6_transposing_twice_is_the_identity(program, seed):
    args = point(program, seed)
    _, push = ms.linearize(program, *args)
    dots = directions(args, seed)
    back = ms.linear_transpose(push, *args)
    value = push(*dots)
    forth = ms.linear_transpose(back, value)
    close(forth(dots)[0], value)


@law(max_args=2, max_steps=5, shapes=nonempty_shapes)
def test_law_6_the_transpose_is_the_transposed_matrix(program, seed):
    args = point(program, seed)
    value, push = ms.linearize(program, *args)
    back = ms.linear_transpose(push, *args)
    matrix = _matrix(lambda xs: push(*xs), args)
    transposed = _matrix(lambda cts: back(tuple(cts)), value)
    close(transposed.T, matrix)


def _matrix(linear, like):
    """Matrix of a linear map, column by column."""
    shapes = [np.shape(x) for x in like]
    sizes = [int(np.prod(s)) for s in shapes]
    columns = []
    for k in range(sum(sizes)):
        flat = np.zeros(sum(sizes))
        flat[k] = 1.0
        parts = np.split(flat, np.cumsum(sizes)[:-1])
        out = linear([p.reshape(s) for p, s in zip(parts, shapes, strict=True)])
        columns.append(np.concatenate([np.ravel(x) for x in tree.leaves(out)]))
    if not columns:  # nothing goes in: the number of rows is that of any result
        out = linear([np.zeros(s) for s in shapes])
        return np.zeros((sum(np.size(x) for x in tree.leaves(out)), 0))
    return np.stack(columns, 1)


@given(programs(), st.data())
def test_law_16_known_then_unknown_is_the_whole(program, data):
    fn, args = program.function(), program.arguments()
    mask = tuple(data.draw(st.booleans()) for _ in args)
    known, rest, which = partial_eval(fn, mask)
    verify(known)
    verify(rest)
    ready = evaluate(known, *[a for a, u in zip(args, mask, strict=True) if not u])
    n = len(which) - sum(which)
    waiting = evaluate(rest, *ready[n:], *[a for a, u in zip(args, mask, strict=True) if u])
    first, last = iter(ready[:n]), iter(waiting)
    close([next(last) if u else next(first) for u in which], evaluate(fn, *args), 0, 0)
    if not any(mask):
        assert rest.eqns == ()
    assert len({id(r) for r in known.results[n:]}) == len(known.results) - n


@given(programs(), st.data())
def test_law_17_symbolic_zeros_are_zeros(program, data):
    fn, args = program.function(), program.arguments()
    live = [data.draw(st.booleans()) for _ in args]
    dots = [d for d, a in zip(directions(args, 0), live, strict=True) if a]

    def tangents(symbolic):
        def body(*xs):
            primals, rest = xs[: len(args)], iter(xs[len(args) :])
            ts = [
                next(rest) if a else Zero(t) if symbolic else zeros(t)
                for a, t in zip(live, fn.in_types, strict=True)
            ]
            _, out = jvp_walk(fn, primals, ts)
            return [zeros(t.type) if type(t) is Zero else t for t in out]

        types = [*fn.in_types, *(t for t, a in zip(fn.in_types, live, strict=True) if a)]
        return evaluate(build("jvp", types, body), *args, *dots)

    close(tangents(True), tangents(False))


# --- composition --------------------------------------------------------------------------------


def _all(program):
    return tuple(range(len(program.types)))


@law(max_steps=6)
def test_law_7_grad_and_jit_change_places(program, seed):
    args = point(program, seed)
    numbers = _all(program)
    plain = ms.grad(program.scalar, numbers)(*args)
    close(ms.grad(jit(program.scalar), numbers)(*args), plain)
    close(jit(ms.grad(program.scalar, numbers))(*args), plain)
    close(jit(ms.grad(jit(program.scalar), numbers))(*args), plain)


@law(max_steps=6)
def test_law_7_vmap_changes_places_with_grad_and_jit(program, seed):
    batch = [
        np.stack(xs) for xs in zip(point(program, seed), point(program, seed + 1), strict=True)
    ]
    gradient = ms.grad(program.scalar, _all(program))
    lanes = [gradient(*[b[k] for b in batch]) for k in range(2)]
    wanted = tuple(np.stack([np.asarray(x) for x in xs]) for xs in zip(*lanes, strict=True))
    close(vmap(gradient)(*batch), wanted)
    close(jit(vmap(gradient))(*batch), wanted)
    close(vmap(jit(gradient))(*batch), wanted)


@law(max_steps=6, kinks=True, others={"data": st.data()})
def test_law_8_vmap_is_a_loop(program, seed, data):
    size = data.draw(st.sampled_from([1, 2, 3]))
    in_axes = tuple(
        data.draw(st.one_of(st.none(), st.integers(-t.ndim - 1, t.ndim))) for t in program.types
    )
    assume(any(a is not None for a in in_axes))
    lanes = [program.arguments(seed + k) for k in range(size)]
    args = [
        lanes[0][i] if a is None else np.stack([lane[i] for lane in lanes], a)
        for i, a in enumerate(in_axes)
    ]
    rows = []
    for lane in lanes:
        mine = [lanes[0][i] if a is None else lane[i] for i, a in enumerate(in_axes)]
        rows.append([np.asarray(x) for x in program(*mine)])
    out_axes = tuple(data.draw(st.integers(-x.ndim - 1, x.ndim)) for x in rows[0])
    wanted = tuple(np.stack(xs, a) for xs, a in zip(zip(*rows, strict=True), out_axes, strict=True))
    close(vmap(program, in_axes, out_axes)(*args), wanted)


@law(max_steps=5, kinks=True)
def test_law_8_vmap_of_vmap_and_of_no_lanes(program, seed):
    lanes = [[program.arguments(seed + 3 * i + k) for k in range(3)] for i in range(2)]
    args = [
        np.stack([np.stack([x[n] for x in row]) for row in lanes]) for n in range(len(lanes[0][0]))
    ]
    rows = [[[np.asarray(x) for x in program(*x)] for x in row] for row in lanes]
    wanted = tuple(
        np.stack([np.stack([x[n] for x in row]) for row in rows]) for n in range(len(rows[0][0]))
    )
    close(vmap(vmap(program))(*args), wanted)
    empty = vmap(program)(*[a[0][:0] for a in args])
    close(empty, tuple(w[0][:0] for w in wanted))


@law(max_steps=5)
def test_law_9_vmap_and_derivatives_change_places(program, seed):
    points = [point(program, seed + k) for k in range(2)]
    batch = [np.stack(xs) for xs in zip(*points, strict=True)]
    dots = directions(batch, seed)
    lanewise = vmap(lambda xs, ts: ms.jvp(program, xs, ts))(tuple(batch), dots)
    close(ms.jvp(vmap(program), tuple(batch), dots), lanewise)

    def total(*xs):
        return lax.reduce_sum(vmap(program.scalar)(*xs), (0,))

    numbers = _all(program)
    close(ms.grad(total, numbers)(*batch), vmap(ms.grad(program.scalar, numbers))(*batch))


@law(max_args=1, max_steps=4, shapes=st.lists(st.integers(1, 2), max_size=2).map(tuple))
def test_law_10_hessians_agree_in_every_mode_and_are_symmetric(program, seed):
    (x,) = point(program, seed)
    f, flat = program.scalar, (x.size, x.size)
    modes = [ms.jacfwd, ms.jacrev]
    found = [np.asarray(a(b(f))(x)) for a, b in itertools.product(modes, modes)]
    assume(moderate(found, 1e5))
    for h in found:
        assert h.shape == x.shape + x.shape
        close(h, found[0], 1e-7, 1e-8)
        matrix = h.reshape(flat)
        close(matrix, matrix.T, 1e-7, 1e-8)
    close(ms.jacrev(f)(x), ms.jacfwd(f)(x))
    close(ms.hessian(f)(x), found[0], 1e-7, 1e-8)
    v = directions([x], seed)
    product = np.tensordot(found[0], v[0], x.ndim)
    close(ms.hvp(f, (x,), v)[0] if isinstance(ms.hvp(f, (x,), v), tuple) else ms.hvp(f, (x,), v),
          product, 1e-7, 1e-8)  # fmt: skip


# --- three transforms on top of each other ------------------------------------------------------
#
# Each transform turns a function of one array into another one and keeps the shape of the
# argument; its oracle does the same by other means: loops for vmap, one forward derivative
# along each coordinate for grad, nothing for jit.


def _gradient(f):
    return ms.grad(lambda x: _total(f(x)))


def _coordinates(f):
    """Gradient by forward mode, one coordinate at a time."""

    def gradient(x):
        x = np.asarray(x)
        found = np.zeros(x.shape)
        for index in np.ndindex(x.shape):
            direction = np.zeros(x.shape)
            direction[index] = 1.0
            found[index] = ms.jvp(lambda x: _total(f(x)), (x,), (direction,))[1]
        return found

    return gradient


def _total(x):
    return lax.reduce_sum(x, tuple(range(np.ndim(x) if isinstance(x, np.ndarray) else x.ndim)))


def _directional(f):
    return lambda x: ms.jvp(f, (x,), (lax.sin(x),))[1]


def _pulled(f):
    """Derivative along sin(x) by reverse mode: the transpose of the transpose."""

    def tangent(x):
        y, pull = ms.vjp(f, x)
        back = ms.linear_transpose(lambda ct: pull(ct)[0], y)
        return back(lax.sin(x))[0]

    return tangent


def _linearized(f):
    return lambda x: ms.linearize(f, x)[1](lax.sin(x))


TRANSFORMS = {
    "grad": _gradient,
    "jvp": _directional,
    "vjp": _pulled,
    "linearize": _linearized,
    "jit": jit,
    "vmap": lambda f: vmap(f),
}


@law(
    max_args=1,
    max_steps=3,
    results=1,
    shapes=st.just((2, 2, 2)),
    others={"names": st.lists(st.sampled_from(sorted(TRANSFORMS)), min_size=3, max_size=3)},
)
def test_laws_7_to_10_three_transforms_deep(program, seed, names):
    (x,) = point(program, seed)
    got, lanes = lambda x: program(x)[0], x
    for name in names:
        if name == "vmap":
            lanes = np.stack([lanes, -0.5 * lanes])
        got = TRANSFORMS[name](got)
    found = np.asarray(got(lanes))
    assume(moderate([found], 1e6))
    with Reference():
        close(found, np.asarray(_oracle(names, program)(lanes)), 1e-7, 1e-8)


def _oracle(names, program):
    """The transforms by other means: loops, single coordinates, forward mode."""
    f = lambda x: program(x)[0]  # noqa: E731
    for k, name in enumerate(names):
        if name == "vmap":
            f = _looped(f)
        elif name == "grad":
            f = _coordinates(f) if k == len(names) - 1 else _gradient(f)
        elif name != "jit":
            f = _directional(f)
    return f


def _looped(f):
    return lambda xs: _stack([f(_lane(xs, k)) for k in range(2)])


def _lane(xs, k):
    shape = np.shape(xs) if isinstance(xs, np.ndarray) else xs.shape
    start, stop = (k, *(0,) * (len(shape) - 1)), (k + 1, *shape[1:])
    return lax.reshape(lax.slice(xs, start, stop), shape[1:])


def _stack(parts):
    return lax.concatenate([lax.expand_dims(p, (0,)) for p in parts], 0)


# --- the same over all primitives ---------------------------------------------------------------


def test_nearly_all_primitives_take_part():
    """What is left out has effects, no third derivative, or no derivative at all."""
    assert len(POOL) >= 100


def three_deep(program, seed, names, engine):
    (x,) = point(program, seed)
    got, lanes = lambda x: program(x)[0], x
    for name in names:
        if name == "vmap":
            lanes = np.stack([lanes, -0.5 * lanes])
        got = TRANSFORMS[name](got)
    if engine == "reference":
        with Reference():
            found = np.asarray(got(lanes))
    else:
        found = np.asarray(got(lanes))
    assume(moderate([found], 1e6))
    with Reference():
        close(found, np.asarray(_oracle(names, program)(lanes)), 1e-6, 1e-7)


# Shards of 500 programs: 4,500 by the reference, 500 compiled.
SHARDS = [("reference", k, 450) for k in range(10)] + [("compiled", k, 50) for k in range(10)]


@pytest.mark.parametrize(
    ("engine", "shard", "count"),
    [
        ("reference", 100, 12),
        ("compiled", 100, 2),
        *(pytest.param(*s, marks=pytest.mark.slow) for s in SHARDS),
    ],
)
def test_laws_7_to_10_three_deep_over_all_primitives(engine, shard, count):
    @hypothesis.seed(shard)
    @settings(max_examples=count)
    @given(
        program=all_programs(),
        seed=seeds,
        names=st.lists(st.sampled_from(sorted(TRANSFORMS)), min_size=3, max_size=3),
    )
    def run(program, seed, names):
        three_deep(program, seed, names, engine)

    run()
