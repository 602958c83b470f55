"""cond and switch against Python's own `if`."""

import numpy as np
import pytest

import ms_func as ms
from ms_func.control_flow.cond import cond, switch
from ms_func.control_flow.scan import scan
from ms_func.control_flow.while_loop import while_loop
from ms_func.ir.evaluate import Reference, evaluate
from ms_func.lowering.lower import lower_function
from tests.support.operations import lax
from tests.support.staged import names, program, total


def f(x):
    return lax.sin(x) * x


def g(x):
    return x * x + 1.0


def df(x):
    return np.cos(x) * x + np.sin(x)


def choose(x):
    return cond(x > 0, f, g, x)


POINTS = [-1.5, 0.5, 2.0]


@pytest.mark.parametrize("x", POINTS)
def test_value_and_derivatives_are_those_of_the_branch_taken(x):
    want, slope = (np.sin(x) * x, df(x)) if x > 0 else (x * x + 1, 2 * x)
    x = np.float64(x)
    for run in (choose, ms.jit(choose)):
        np.testing.assert_allclose(run(x), want)
        np.testing.assert_allclose(ms.grad(run)(x), slope)
        np.testing.assert_allclose(ms.jvp(run, (x,), (2.0 * x,))[1], 2 * x * slope)
        curve = 2 * np.cos(x) - np.sin(x) * x if x > 0 else 2.0
        np.testing.assert_allclose(ms.hessian(run)(x), curve)
        np.testing.assert_allclose(ms.grad(ms.grad(run))(x), curve)


def test_vmap_of_a_predicate_that_differs_between_lanes():
    xs = np.array(POINTS)
    np.testing.assert_allclose(ms.vmap(choose)(xs), [choose(x) for x in xs])
    np.testing.assert_allclose(ms.vmap(ms.grad(choose))(xs), [ms.grad(choose)(x) for x in xs])
    gradient = ms.grad(lambda v: total(ms.vmap(choose)(v)))
    np.testing.assert_allclose(gradient(xs), [ms.grad(choose)(x) for x in xs])


def test_vmap_of_a_shared_predicate_keeps_the_choice():
    xs = np.array(POINTS)
    batched = ms.vmap(lambda p, x: cond(p, f, g, x), in_axes=(None, 0))
    made = program(batched, True, xs)
    assert "cond" in names(made)
    assert "select" not in names(made)
    np.testing.assert_allclose(batched(True, xs), np.sin(xs) * xs)
    np.testing.assert_allclose(batched(False, xs), xs * xs + 1)


@pytest.mark.parametrize("index", [-2, 0, 1, 2, 7])
def test_switch_takes_the_nearest_branch(index):
    branches = [lambda x: x, lambda x: 2 * x, lambda x: 3 * x]
    want = 5.0 * (1 + min(max(index, 0), 2))
    assert switch(index, branches, 5.0) == want
    assert ms.jit(lambda i, x: switch(i, branches, x))(index, 5.0) == want
    assert ms.jit(lambda i, x: switch(i, branches, x))(np.int64(index), 5.0) == want
    many = ms.vmap(lambda i: switch(i, branches, 5.0))(np.array([index, 1], np.int32))
    np.testing.assert_allclose(many, [want, 10.0])


def test_switch_of_one_branch_and_of_none():
    assert switch(3, [lambda x: x + 1], 1.0) == 2.0
    with pytest.raises(ValueError, match="Empty branch sequence"):
        switch(0, [], 1.0)


def test_older_forms():
    assert cond(True, lambda x: x + 1, lambda x: x - 1, operand=3.0) == 4.0
    assert cond(False, 3.0, lambda x: x + 1, 10.0, lambda x: x - 1) == 9.0
    assert cond(True, lambda: 1.0, lambda: 2.0) == 1.0
    assert cond(True, lambda x: 1.0, lambda x: 2.0, operand=None) == 1.0
    assert switch(1, [lambda x: x, lambda x: -x], operand=2.0) == -2.0


def test_a_number_is_true_unless_it_is_zero():
    run = ms.jit(lambda p: cond(p, lambda: 1, lambda: 2))
    assert [int(run(p)) for p in (0, 3, -1, 0.0, 0.5)] == [2, 1, 1, 2, 1]


def test_trees_and_operands_of_any_shape():
    def run(p, tree):
        return cond(p, lambda t: {"s": total(t["a"]), "b": t["b"]},
                    lambda t: {"s": lax.reduce_prod(t["a"], (0,)), "b": -t["b"]}, tree)  # fmt: skip

    data = {"a": np.arange(1.0, 5.0), "b": np.array([1, 2], np.int32)}
    out = ms.jit(run)(False, data)
    assert float(out["s"]) == 24.0
    assert out["b"].tolist() == [-1, -2]


def test_branches_close_over_traced_values_and_share_them():
    def run(p, x, y):
        z = x * y
        return cond(p, lambda: z + x, lambda: z * z)

    x, y = 2.0, 3.0
    made = program(run, True, x, y)
    (eqn,) = [e for e in made.eqns if e.primitive.name == "cond"]
    assert len(eqn.inputs) == 3  # the index, z once, x
    assert ms.grad(run, argnums=1)(True, x, y) == y + 1
    assert ms.grad(run, argnums=2)(False, x, y) == 2 * x * y * x


def test_python_scalars_take_the_dtype_of_the_other_branch():
    x = np.float16(2)
    out = ms.jit(lambda p, x: cond(p, lambda: 1, lambda: x))(True, x)
    assert out.dtype == np.float16
    assert out == 1


def test_the_branch_not_taken_does_not_spoil_gradients():
    def safe(x):
        return cond(x > 0, lambda x: lax.sqrt(x), lambda x: 0.0 * x, x)

    xs = np.array([-1.0, 0.0, 4.0])
    assert np.asarray(ms.vmap(ms.grad(safe))(xs)).tolist() == [0.0, 0.0, 0.25]
    assert np.asarray(ms.grad(lambda v: total(ms.vmap(safe)(v)))(xs)).tolist() == [0.0, 0.0, 0.25]


def test_shared_operands_of_a_branch_not_taken_get_finite_gradients():
    def loss(w, xs):
        lane = lambda x: cond(x > 0, lambda x: w * lax.log(x), lambda x: w + x, x)  # noqa: E731
        return total(ms.vmap(lane)(xs))

    xs = np.array([0.0, -1.0, 3.0])
    np.testing.assert_allclose(ms.grad(loss)(2.0, xs), np.log(3.0) + 2, rtol=1e-6)
    nobody = np.array([0.0, -1.0])
    assert float(ms.grad(loss)(2.0, nobody)) == 2.0

    def reciprocal(w, xs):
        return total(ms.vmap(lambda x: cond(x > 0, lambda: x / w, lambda: x))(xs))

    assert float(ms.grad(reciprocal)(0.0, nobody)) == 0.0


def test_an_endless_loop_in_a_branch_not_taken_ends():
    def halve(n):
        return while_loop(lambda c: c != 1, lambda c: c // 2, n)

    def lane(n):
        return cond(n > 0, halve, lambda n: n, n)

    assert np.asarray(ms.jit(ms.vmap(lane))(np.array([8, 0, -3]))).tolist() == [1, 0, -3]
    assert np.asarray(ms.jit(ms.vmap(lane))(np.array([0, -3]))).tolist() == [0, -3]


def test_residuals_share_slots_and_operands_pass_through():
    def run(p, x):
        return cond(p, lambda x: lax.sin(x), lambda x: x * x * x, x)

    made = program(lambda p, x: ms.vjp(lambda x: run(p, x), x)[0], True, np.ones(3))
    (eqn,) = [e for e in made.eqns if e.primitive.name == "cond"]
    # Value and cos(x) of one branch; the value and two products of the other, x itself shared.
    assert all(v.type.shape == (3,) for v in eqn.outputs)
    assert len(eqn.outputs) <= 3


def test_nested_choices():
    def run(x):
        return cond(x > 0, lambda: cond(x > 1, lambda: x * x, lambda: lax.sin(x)), lambda: -x)

    for x, want in ((2.0, 4.0), (0.5, np.cos(0.5)), (-1.0, -1.0)):
        np.testing.assert_allclose(ms.jit(ms.grad(run))(x), want, rtol=1e-6)
    xs = np.array([2.0, 0.5, -1.0])
    np.testing.assert_allclose(ms.vmap(ms.grad(run))(xs), [4.0, np.cos(0.5), -1.0])


def test_choice_inside_a_loop():
    def run(x):
        body = lambda c, i: (cond(i % 2 == 0, lambda c: c * x, lax.sin, c), None)  # noqa: E731
        return scan(body, x, np.arange(5))[0]

    def unrolled(x):
        c = x
        for i in range(5):
            c = c * x if i % 2 == 0 else lax.sin(c)
        return c

    np.testing.assert_allclose(ms.grad(run)(0.7), ms.grad(unrolled)(0.7), rtol=1e-6)
    np.testing.assert_allclose(ms.hessian(run)(0.7), ms.hessian(unrolled)(0.7), rtol=1e-5)


def test_reference_and_compiled_program_agree():
    fn = program(lambda i, x: switch(i, [f, g, lax.exp], x), np.int32(0), np.float64(1))
    for i in (-1, 0, 1, 2, 5):
        want = [np.sin(0.3) * 0.3, 0.3 * 0.3 + 1, np.exp(0.3)][min(max(i, 0), 2)]
        np.testing.assert_allclose(evaluate(fn, np.int32(i), np.float64(0.3))[0], want)
    assert "stablehlo.case" in str(lower_function(fn))
    assert "stablehlo.if" in str(lower_function(program(choose, 1.0)))


def test_work_of_nested_choices_is_linear_in_the_depth():
    calls = []

    def nest(depth, x):
        calls.append(depth)
        if depth == 0:
            return lax.sin(x)
        return cond(x > depth, lambda x: nest(depth - 1, x) * x, lambda x: x, x)

    ms.jit(ms.grad(lambda x: total(ms.vmap(lambda y: nest(8, x * y))(np.ones(3)))))(2.0)
    assert len(calls) == 9


def test_disable_jit_runs_one_branch_in_python():
    calls = []

    def branch(n):
        return lambda x: (calls.append(n), x + n)[1]

    with ms.config.disable_jit(True), Reference():
        assert float(cond(np.bool_(True), branch(1), branch(2), 1.0)) == 2.0
        assert float(switch(np.int32(7), [branch(3), branch(4)], 1.0)) == 5.0
    assert calls == [1, 4]


# --- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pred", "message"),
    [
        (lambda x: True, "Pred type must be either boolean or number"),
        ("foo", "Pred must be a scalar, got foo of type <class 'str'>"),
        ((1.0, 1.0), "Pred must be a scalar, got .* of type <class 'tuple'>"),
        (np.ones(2), r"Pred must be a scalar, got .* of shape \(2,\)"),
    ],
)
def test_predicates_that_are_none(pred, message):
    with pytest.raises(TypeError, match=message):
        cond(pred, lambda x: 2.0, lambda x: 3.0, 1.0)


def test_results_of_different_structure():
    with pytest.raises(TypeError, match="cond branch outputs must have the same pytree") as info:
        cond(True, lambda x: x, lambda x: (x, x), 1.0)
    assert "true_fun output is a pytree leaf but false_fun output is a tuple" in str(info.value)
    assert "fix:" in str(info.value)


def test_results_of_different_types_name_the_leaf():
    with pytest.raises(TypeError, match="cond branches must have equal output types") as info:
        cond(True, lambda x: {"a": np.ones(1, np.float32)}, lambda x: {"a": x}, np.float32(1))
    assert "at path ['a'] has type float32[1]" in str(info.value)
    assert "float32[], so the shapes do not match" in str(info.value)
    with pytest.raises(TypeError, match="so the dtypes do not match"):
        cond(True, lambda: np.int32(1), lambda: np.float32(1))


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("a", "Index type must be an integer"),
        (1.0, "Index type must be an integer"),
        (np.ones(2, np.int32), "Branch index must be scalar"),
    ],
)
def test_indices_that_are_none(index, message):
    with pytest.raises(TypeError, match=message):
        switch(index, [lambda x: x, lambda x: x], 1.0)


def test_what_is_not_callable():
    with pytest.raises(TypeError, match="should be callable"):
        cond(True, 1.0, lambda x: x, 1.0)
    with pytest.raises(TypeError, match="callables"):
        switch(0, [1.0, lambda x: x], 1.0)


def test_operands_handed_through_are_shared_by_all_lanes():
    def f(p, x):
        return ms.lax.cond(p, lambda x, y: (x, y + 1), lambda x, y: (x, y - 1), x, 2 * x)

    preds = np.array([True, False])
    same, other = ms.vmap(f, (0, None), out_axes=(None, 0))(preds, 3.0)
    assert float(same) == 3.0
    assert np.array_equal(other, [7.0, 5.0])
