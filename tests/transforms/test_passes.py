"""Passes preserve meaning, are idempotent, and give well-formed programs (law 14)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ms_func import grad, lax, make_ir
from ms_func.control_flow.call import call
from ms_func.ir import ArrayType, Eqn, Function, Literal, Var, evaluate, to_text, verify
from ms_func.ir.primitive import ZERO, NotSupported, Primitive
from ms_func.primitives.cast import complex, conj, convert_element_type, imag, real
from ms_func.test_util import check_grads
from ms_func.tracing.tracer import build
from ms_func.transforms.batch import batch
from ms_func.transforms.jvp import jvp
from ms_func.transforms.linearize import linearize, vjp
from ms_func.transforms.passes import (
    const_fold,
    cse,
    dce,
    dedupe_functions,
    hoist_invariants,
    inline,
    prune,
    simplify,
)
from tests.support.programs import programs

F32, I32 = np.dtype(np.float32), np.dtype(np.int32)
PASSES = {
    "dce": dce, "cse": cse, "simplify": simplify, "inline": inline, "const_fold": const_fold,
    "hoist_invariants": hoist_invariants, "dedupe_functions": dedupe_functions,
}  # fmt: skip
EXACT = ("dce", "cse", "inline", "hoist_invariants", "dedupe_functions")


def fresh(fn):
    """Copy of a function that remembers nothing."""
    return Function(fn.name, fn.params, fn.eqns, fn.results, fn.consts)


def check_pass(name, fn, args):
    """Law 14 for one pass on one program."""
    run = PASSES[name]
    made = run(fresh(fn))
    verify(made)
    assert made.in_types[: len(fn.params)] == fn.in_types
    assert made.out_types == fn.out_types
    again = run(fresh(made))
    assert again == made, f"not idempotent:\n{to_text(made)}\n{to_text(again)}"
    for mine, got in zip(evaluate(fn, *args), evaluate(made, *args), strict=True):
        if name in EXACT:
            np.testing.assert_array_equal(got, mine)
            assert got.tobytes() == mine.tobytes() or np.isnan(mine).any()
        else:
            np.testing.assert_allclose(got, mine, rtol=1e-11, atol=1e-11)
    return made


def derived(fn, args):
    """Programs that transforms make of `fn`, with arguments for them."""
    n = len(fn.params)
    active = (True,) * n
    rng = np.random.default_rng(1)
    dots = [rng.uniform(-1, 1, a.shape) for a in args]
    cts = [rng.uniform(-1, 1, t.shape) for t in fn.out_types]
    made, _ = jvp(fn, active)
    yield made, [*args, *dots]
    yield vjp(fn, active), [*args, *cts]
    made, _ = batch(fn, 2, (0,) * n, (0,) * len(fn.results))
    yield made, [np.stack([a, -a]) for a in args]
    second, _ = jvp(vjp(fn, active), (True,) * (n + len(cts)))
    yield second, [*args, *cts, *dots, *cts]


@given(
    st.one_of(programs(kinks=True), programs(kinks=True, control=True)),
    st.sampled_from(sorted(PASSES)),
    st.integers(0, 2**16),
)
def test_law_14_passes_keep_the_meaning(program, name, seed):
    check_pass(name, program.function(), program.arguments(seed))


@settings(max_examples=25)
@given(st.one_of(programs(max_steps=5), programs(max_steps=4, control=True)), st.integers(0, 2**16))
def test_law_14_passes_keep_the_meaning_of_derived_programs(program, seed):
    fn, args = program.function(), program.arguments(seed)
    for made, values in derived(fn, args):
        verify(made)
        for name in PASSES:
            check_pass(name, made, values)


@given(programs())
def test_simplified_programs_are_never_larger(program):
    for made, _ in derived(program.function(), program.arguments()):
        assert len(simplify(made).eqns) <= len(made.eqns)


# --- one rule, one line -----------------------------------------------------------------------


def _equations(body, *types):
    """Text of the equations that `simplify` leaves of `body`."""
    fn = build("f", [ArrayType(s, d) for s, d in types], body)
    made = simplify(fn)
    verify(made)
    rng = np.random.default_rng(0)
    args = [np.asarray(rng.uniform(1, 5, s)).astype(d) for s, d in types]
    for mine, got in zip(evaluate(fn, *args), evaluate(made, *args), strict=True):
        np.testing.assert_allclose(got, mine, rtol=1e-6)
    lines = to_text(made, locs="none").splitlines()[1:-1]
    return "; ".join(line.strip() for line in lines)


ONE = ((3,), F32)
RULES = [
    (lambda x: [lax.mul(x, 1.0)], "return %0"),
    (lambda x: [lax.mul(1.0, x)], "return %0"),
    (lambda x: [lax.add(x, 0.0)], "return %0"),
    (lambda x: [lax.sub(x, 0.0)], "return %0"),
    (lambda x: [lax.div(x, 1.0)], "return %0"),
    (lambda x: [lax.div(x, 4.0)], "%1: f32[3] = mul %0, 0.25:f32; return %1"),
    (lambda x: [lax.div(x, 3.0)], "%1: f32[3] = div %0, 3.0:f32; return %1"),
    (lambda x: [lax.reduce_sum(lax.neg(x), (0,))],
     "%1: f32[] = reduce_sum %0 {axes: (0,)}; %2: f32[] = neg %1; return %2"),
    (lambda x: [lax.reduce_sum(x, ())], "return %0"),
    (lambda x: [lax.reduce_sum(lax.full((3, 2), np.float32(1)), (0,))],
     "%1: f32[2] = broadcast_in_dim 3.0:f32 {broadcast_dimensions: (), shape: (2,)}; return %1"),
    (lambda x: [lax.slice(x, (0,), (3,))], "return %0"),
    (lambda x: [lax.pad(x, 0.0, ((0, 0, 0),))], "return %0"),
    (lambda x: [lax.reshape(lax.broadcast_in_dim(x, (3, 1), (0,)), (3,))], "return %0"),
    (lambda x: [lax.broadcast_in_dim(lax.reshape(x, (3, 1)), (3, 2), (0, 1))],
     "%1: f32[3,2] = broadcast_in_dim %0 {broadcast_dimensions: (0,), shape: (3, 2)}; return %1"),
    (lambda x: [lax.sub(0.0, x)], "%1: f32[3] = neg %0; return %1"),
    (lambda x: [lax.mul(x, -1.0)], "%1: f32[3] = neg %0; return %1"),
    (lambda x: [lax.div(x, -1.0)], "%1: f32[3] = neg %0; return %1"),
    (lambda x: [lax.neg(lax.neg(x))], "return %0"),
    (lambda x: [lax.mul(x, 0.0)], "%1: f32[3] = mul %0, 0.0:f32; return %1"),
    (lambda x: [lax.mul(lax.mul(x, 2.0), 3.0)], "%1: f32[3] = mul %0, 6.0:f32; return %1"),
    (lambda x: [lax.mul(lax.neg(x), 2.0)], "%1: f32[3] = mul %0, -2.0:f32; return %1"),
    (lambda x: [lax.neg(lax.mul(x, 2.0))], "%1: f32[3] = mul %0, -2.0:f32; return %1"),
    (lambda x: [lax.add(x, x)], "%1: f32[3] = mul %0, 2.0:f32; return %1"),
    (lambda x: [lax.add(lax.add(x, x), x)], "%1: f32[3] = mul %0, 3.0:f32; return %1"),
    (lambda x: [lax.sub(lax.mul(x, -3.0), x)], "%1: f32[3] = mul %0, -4.0:f32; return %1"),
    (lambda x: [lax.sub(lax.mul(x, 3.0), x)],
     "%1: f32[3] = mul %0, 3.0:f32; %2: f32[3] = sub %1, %0; return %2"),
    (lambda x: [lax.sub(x, x)], "%1: f32[3] = sub %0, %0; return %1"),
    (lambda x: [lax.reshape(lax.reshape(x, (3, 1)), (1, 3))],
     "%1: f32[1,3] = reshape %0 {new_sizes: (1, 3)}; return %1"),
    (lambda x: [lax.reshape(lax.reshape(x, (3, 1)), (3,))], "return %0"),
    (lambda x: [lax.broadcast_in_dim(lax.broadcast_in_dim(x, (2, 3), (1,)), (4, 2, 3), (1, 2))],
     "%1: f32[4,2,3] = broadcast_in_dim %0 {broadcast_dimensions: (2,), shape: (4, 2, 3)}; "
     "return %1"),
    (lambda x: [lax.mul(x, lax.broadcast_in_dim(2.0, (3,), ()))],
     "%1: f32[3] = mul %0, 2.0:f32*; return %1"),
    (lambda x: [convert_element_type(convert_element_type(x, "float64"), "float32")], "return %0"),
    (lambda x: [convert_element_type(convert_element_type(x, "float64"), "float16")],
     "%1: f16[3] = convert %0 {new_dtype: f16, weak_type: false}; return %1"),
    (lambda x: [lax.select(lax.gt(x, 2.0), x, x)], "return %0"),
    (lambda x: [lax.select(True, x, lax.sin(x))], "return %0"),
    (lambda x: [lax.max(x, x)], "return %0"),
    (lambda x: [real(complex(x, lax.sin(x)))], "return %0"),
    (lambda x: [imag(complex(lax.sin(x), x))], "return %0"),
    (lambda x: [lax.mul(lax.mul(2.0, 3.0), x)], "%1: f32[3] = mul 6.0:f32*, %0; return %1"),
    (lambda x: [lax.sin(x), lax.sin(x)], "%1: f32[3] = sin %0; return %1, %1"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), RULES)
def test_rules_of_one_operand(body, expected):
    assert _equations(body, ONE) == expected


TWO = [
    (lambda x, y: [lax.add(x, lax.neg(y))], "%2: f32[3] = sub %0, %1; return %2"),
    (lambda x, y: [lax.add(lax.neg(x), y)], "%2: f32[3] = sub %1, %0; return %2"),
    (lambda x, y: [lax.sub(x, lax.neg(y))], "%2: f32[3] = add %0, %1; return %2"),
    (lambda x, y: [lax.neg(lax.sub(x, y))], "%2: f32[3] = sub %1, %0; return %2"),
    (lambda x, y: [lax.mul(lax.neg(x), lax.neg(y))], "%2: f32[3] = mul %0, %1; return %2"),
    (lambda x, y: [lax.div(lax.neg(x), lax.neg(y))], "%2: f32[3] = div %0, %1; return %2"),
    (lambda x, y: [lax.sub(lax.mul(x, lax.neg(y)), x)],
     "%2: f32[3] = mul %0, %1; %3: f32[3] = add %2, %0; %4: f32[3] = neg %3; return %4"),
    (lambda x, y: [lax.mul(x, y), lax.mul(y, x)], "%2: f32[3] = mul %0, %1; return %2, %2"),
    (lambda x, y: [lax.sub(x, y), lax.sub(y, x)],
     "%2: f32[3] = sub %0, %1; %3: f32[3] = sub %1, %0; return %2, %3"),
    (lambda x, y: [lax.select(lax.bitwise_not(lax.gt(x, y)), x, y)],
     "%2: bool[3] = gt %0, %1; %3: f32[3] = select %2, %1, %0; return %3"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), TWO)
def test_rules_of_two_operands(body, expected):
    assert _equations(body, ONE, ONE) == expected


def test_transposes_meet():
    square = ((2, 3, 4), F32)
    body = lambda x: [lax.transpose(lax.transpose(x, (1, 2, 0)), (2, 0, 1))]  # noqa: E731
    assert _equations(body, square) == "return %0"


def test_a_scalar_is_not_taken_for_an_array():
    body = lambda x, s: [lax.mul(lax.neg(s), x), lax.add(lax.mul(s, 1.0), x)]  # noqa: E731
    assert _equations(body, ONE, ((), F32)) == (
        "%2: f32[] = neg %1; %3: f32[3] = mul %2, %0; %4: f32[3] = add %1, %0; return %3, %4"
    )


def test_integers_wrap_as_before():
    x = np.array([2**31 - 1, -(2**31), 7], np.int32)
    fn = build("f", [ArrayType((3,), I32)], lambda x: [lax.mul(lax.mul(x, 2**16), 2**16)])
    np.testing.assert_array_equal(evaluate(simplify(fn), x)[0], evaluate(fn, x)[0])


def test_constants_that_overflow_together_stay_apart():
    fn = build("f", [ArrayType((), F32)], lambda x: [lax.mul(lax.mul(x, 1e30), 1e30)])
    for x in (np.float32(1e-30), np.float32(0.0)):
        assert evaluate(simplify(fn), x)[0] == evaluate(fn, x)[0]


def test_nan_and_infinity_are_not_lost():
    kind = ArrayType((4,), np.float64)
    x = np.array([np.nan, np.inf, -np.inf, -0.0])
    fn = build(
        "f",
        [kind],
        lambda x: [
            lax.mul(x, 0.0),
            lax.sub(x, x),
            lax.add(lax.neg(x), lax.mul(x, 3.0)),
            lax.add(x, x),
        ],
    )
    for mine, got in zip(evaluate(fn, x), evaluate(simplify(fn), x), strict=True):
        np.testing.assert_array_equal(got, mine)


def test_weakness_of_results_is_kept():
    weak = ArrayType((), F32, True)
    fn = build("f", [weak], lambda x: [lax.mul(x, np.float32(1))])
    assert fn.out_types[0].weak_type is False
    assert simplify(fn).out_types == fn.out_types


# --- dead code, calls, constants --------------------------------------------------------------


def test_dead_equations_go_and_parameters_stay():
    def body(x, y):
        lax.sin(lax.cos(x))
        return [lax.exp(y)]

    fn = dce(build("f", [ArrayType((), F32)] * 2, body))
    assert [e.primitive.name for e in fn.eqns] == ["exp"]
    assert len(fn.params) == 2


def _effect(name):
    return Primitive(
        name, lambda x: x, lambda x: x, NotSupported(""), ZERO, None, None, None,
        effects=lambda: frozenset({name}),
    )  # fmt: skip


def test_equations_with_effects_stay_in_order_and_are_never_merged():
    shout, whisper = _effect("shout"), _effect("whisper")
    x, a, b, c = (Var(ArrayType((), F32)) for _ in range(4))
    eqns = [
        Eqn(shout, [x], [a], {}, None),
        Eqn(whisper, [x], [b], {}, None),
        Eqn(shout, [x], [c], {}, None),
    ]
    fn = Function("f", [x], eqns, [c])
    for run in (dce, cse, simplify, inline, const_fold):
        assert [e.primitive for e in run(fresh(fn)).eqns] == [shout, whisper, shout]


def test_an_unchanged_function_is_the_same_object():
    fn = build("f", [ArrayType((), F32)], lambda x: [lax.exp(lax.sin(x))])
    assert all(run(fn) is fn for run in PASSES.values())
    again = simplify(build("f", [ArrayType((), F32)], lambda x: [lax.mul(lax.sin(x), 1.0)]))
    assert simplify(again) is again


def test_calls_are_inlined_at_every_depth_with_variables_of_their_own():
    one = build("one", [ArrayType((), F32)], lambda x: [lax.exp(x)])
    two = build("two", [ArrayType((), F32)], lambda x: call(one, call(one, x)[0]))
    fn = build("f", [ArrayType((), F32)], lambda x: [*call(two, x), *call(two, lax.neg(x)), 1.0])
    made = check_pass("inline", fn, [np.float32(0.1)])
    assert [e.primitive.name for e in made.eqns] == ["exp", "exp", "neg", "exp", "exp"]


def test_nested_functions_are_simplified_and_lose_unused_results():
    def inner(x, y):
        return [lax.mul(lax.sin(x), 1.0), lax.exp(y)]

    scalar = ArrayType((), F32)
    body = build("inner", [scalar, scalar], inner)
    fn = build("f", [scalar, scalar], lambda x, y: [call(body, x, y)[0]])
    made = check_pass("simplify", fn, [np.float32(0.5), np.float32(0.25)])
    (eqn,) = made.eqns
    assert [a is v for a, v in zip(eqn.inputs, made.params, strict=False)] == [True]
    assert [e.primitive.name for e in eqn.params["fn"].eqns] == ["sin"]


def test_prune_keeps_what_the_wanted_results_need():
    scalar = ArrayType((), F32)
    fn = build("f", [scalar] * 3, lambda x, y, z: [lax.sin(x), lax.add(y, z), y])
    made, keep = prune(fn, (False, True, False))
    assert keep == (False, True, True)
    assert [e.primitive.name for e in made.eqns] == ["add"]


def test_what_depends_on_constants_alone_is_computed():
    def body(x):
        mask = lax.lt(lax.iota(np.int32, 4), np.int32(2))
        return [lax.select(mask, x, lax.exp(lax.sin(0.5)))]

    fn = build("f", [ArrayType((4,), F32)], body)
    made = check_pass("const_fold", fn, [np.arange(4, dtype=np.float32)])
    assert [e.primitive.name for e in made.eqns] == ["select"]
    np.testing.assert_array_equal(made.consts[0], [True, True, False, False])
    assert type(made.eqns[0].inputs[2]) is Literal


def test_large_constants_are_left_to_the_program():
    fn = build("f", [], lambda: [lax.iota(np.int32, 100)])
    assert const_fold(fn, limit=99) is fn
    assert const_fold(fn, limit=100).eqns == ()


def test_given_constants_take_part_and_stay():
    x, c = (Var(ArrayType((2,), np.float64)) for _ in range(2))
    inner = build("f", [x.type, c.type], lambda x, c: [lax.add(x, lax.sin(c))])
    fn = Function("f", inner.params, inner.eqns, inner.results, [np.array([0.5, 1.0])])
    made = check_pass("const_fold", fn, [np.zeros(2)])
    assert len(made.consts) == 2
    assert [e.primitive.name for e in made.eqns] == ["add"]


def test_high_derivatives_grow_slower_than_their_plain_expansion():
    """Growth per order stays below that of the plain product rule (a factor of 3)."""

    def chain(x):
        for _ in range(3):
            x = lax.mul(lax.sin(x), lax.tanh(x))
        return x

    sizes, g = [], chain
    for _ in range(5):
        g = grad(g)
        fn = build("f", [ArrayType((), F32)], lambda x, g=g: [g(x)])
        sizes.append(len(simplify(fn).eqns))
    assert sizes[4] < 0.6 * 3**4 * sizes[0]


def test_complex_parts():
    fn = build("f", [ArrayType((), np.complex64)], lambda z: [conj(conj(z))])
    assert simplify(fn).eqns == ()


def test_linear_programs_hold_no_repeated_work():
    fn = build("f", [ArrayType((), F32)], lambda x: [lax.mul(lax.tanh(x), lax.tanh(x))])
    primal, linear, _ = linearize(fn, (True,))
    assert len(simplify(primal).eqns) <= len(primal.eqns)
    assert len(simplify(linear).eqns) <= len(linear.eqns)


def loops(x, w, xs):
    """A while in a scan, each with values that its steps do not change."""

    def inner(c):
        return c[0] + 1, c[1] * lax.sin(w) + lax.exp(lax.cos(w) * 2.0)

    def step(c, e):
        c = lax.while_loop(lambda s: s[0] < 3, inner, (0, c * lax.tanh(w) + e))[1]
        return c, c * lax.sin(w)

    return lax.scan(step, x, xs)


def counted(fn, name, inside=False):
    """Applications of a primitive outside all loops, or within them."""
    own = sum(e.primitive.name == name for e in fn.eqns)
    nested = sum(counted(f, name) + counted(f, name, True) for e in fn.eqns for f in e.functions())
    return nested if inside else own


def test_what_no_step_changes_is_computed_before_all_loops():
    args = [np.float64(0.3), np.float64(0.7), np.arange(3.0)]
    fn = make_ir(loops)(*args)
    assert counted(fn, "sin") == counted(fn, "exp") == 0
    made = check_pass("hoist_invariants", fn, args)
    for name in ("sin", "exp", "cos", "tanh"):
        assert counted(made, name) >= 1
        assert counted(made, name, inside=True) == 0


def test_a_test_loses_what_it_computes_alike_as_well():
    def f(x, w):
        return lax.while_loop(lambda c: c < lax.exp(w), lambda c: c + 1.0, x)

    args = [np.float64(0.0), np.float64(2.0)]
    made = check_pass("hoist_invariants", make_ir(f)(*args), args)
    assert (counted(made, "exp"), counted(made, "exp", inside=True)) == (1, 0)


def test_what_is_larger_than_what_it_is_made_of_stays_in_the_loop():
    def f(x, w):
        wide = lax.scan(lambda c, _: (c + lax.broadcast(w, (4,)), None), x, None, length=9)[0]
        return lax.scan(  # but not where what is made of it leaves the loop
            lambda c, _: (c * lax.reduce_max(lax.sin(lax.broadcast(w, (4,))), (0,)), None),
            wide, None, length=9,
        )[0]  # fmt: skip

    args = [np.arange(4.0), np.float64(2.0)]
    made = check_pass("hoist_invariants", make_ir(f)(*args), args)
    assert (counted(made, "sin"), counted(made, "sin", inside=True)) == (1, 0)
    repeated = "broadcast_in_dim"
    assert (counted(made, repeated), counted(made, repeated, inside=True)) == (1, 1)


def test_a_part_of_a_weight_is_differentiated_once_for_all_steps():
    """Reverse mode adds up what the part gets, and lays it into the whole behind the loop."""

    def f(w, xs):
        return lax.scan(lambda c, x: (lax.tanh(w[:2, :2] @ c + x), None), xs[0], xs)[0].sum()

    args = [np.full((50, 50), 0.3), np.arange(6.0).reshape(3, 2)]
    program = make_ir(grad(f))(*args)

    def shapes(fn):
        yield from (v.type.shape for e in fn.eqns for v in e.outputs)
        for e in fn.eqns:
            yield from (shape for g in e.functions() for shape in shapes(g))

    loops = [g for e in program.eqns for g in e.functions()]
    assert loops
    assert not any((50, 50) in shapes(g) for g in loops)
    check_grads(f, args, 1, ["rev"])


def test_loops_and_effects_stay_where_they_are():
    """A loop that would not end must not run before a loop that makes no step."""

    def f(x, w):
        def body(c):
            endless = lax.while_loop(lambda s: s < 1.0, lambda s: s * w, x)
            return c + endless

        return lax.while_loop(lambda c: c < 0.0, body, x)

    args = [np.float64(0.5), np.float64(1.0)]
    made = check_pass("hoist_invariants", make_ir(f)(*args), args)
    assert counted(made, "while") == 1


def test_equal_functions_become_one():
    def f(x):
        one = lax.scan(lambda c, _: (lax.sin(c) * 2.0, None), x, None, length=2)[0]
        two = lax.scan(lambda c, _: (lax.sin(c) * 2.0, None), x, None, length=3)[0]
        return one + two

    fn = make_ir(f)(np.float64(0.3))
    copies = [Eqn(e.primitive, e.inputs, e.outputs, {
        k: fresh(v) if type(v) is Function else v for k, v in e.params.items()}, e.loc)
        for e in fn.eqns]  # fmt: skip
    apart = Function(fn.name, fn.params, copies, fn.results)
    made = check_pass("dedupe_functions", apart, [np.float64(0.3)])
    first, second = (e.params["body"] for e in made.eqns if e.primitive.name == "scan")
    assert first is second
