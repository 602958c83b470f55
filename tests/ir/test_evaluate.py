"""The reference interpreter: programs mean what NumPy says."""

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func.errors import UnsupportedError
from ms_func.ir.evaluate import Reference, evaluate
from ms_func.ir.function import Eqn, Function, Literal, Var
from ms_func.ir.primitive import ZERO, NotSupported, Primitive, current
from ms_func.ir.types import ArrayType
from ms_func.primitives.arithmetic import add, mul
from ms_func.primitives.compare import lt, select
from ms_func.primitives.elementwise import exp, sin
from ms_func.primitives.powers import integer_pow
from ms_func.tracing.tracer import build

F64 = ArrayType((3,), np.float64)
X = np.array([0.5, -1.0, 2.0])


def test_a_program_means_what_numpy_says():
    fn = build("f", [F64, F64], lambda x, y: [add(mul(sin(x), y), 2.0), lt(x, y)])
    got = evaluate(fn, X, -X)
    np.testing.assert_array_equal(got[0], np.sin(X) * -X + 2.0)
    np.testing.assert_array_equal(got[1], -X > X)


def test_literal_results_and_parameters_as_results():
    fn = build("f", [F64], lambda x: [x, Literal(2, ArrayType((), np.float32))])
    got = evaluate(fn, X)
    assert got[0] is X
    assert got[1].dtype == np.float32
    assert got[1] == 2


@pytest.mark.parametrize(
    ("literal", "kind"),
    [
        (Literal(0, ArrayType((), np.float32)), np.float32),
        (Literal(2.0, ArrayType((), np.int32)), np.int32),
        (Literal(True, ArrayType((), np.bool_)), np.bool_),
        (Literal(1, ArrayType((), np.float32, True)), float),
        (Literal(1.5, ArrayType((), np.float16, True)), np.float16),
    ],
)
def test_the_value_of_a_literal_is_an_operand_of_its_type(literal, kind):
    assert type(literal.val) is kind
    assert literal.val == literal.value


def test_numbers_beyond_a_dtype_are_infinite_without_a_warning():
    x = np.array([1, -1], np.float16)
    masked = ms.jit(lambda x: mnp.where(x > 0, x, -1e9))
    np.testing.assert_array_equal(masked(x), [1, -np.inf])
    assert "-inf:f16" in str(ms.make_ir(masked)(x))


def test_constants_stand_behind_the_last_parameters():
    inner = build("f", [F64, F64], lambda x, y: [add(x, y)])
    fn = Function("g", inner.params, inner.eqns, inner.results, consts=[X])
    np.testing.assert_array_equal(evaluate(fn, X)[0], 2 * X)


@pytest.mark.parametrize("args", [(), (X, X), (X.astype(np.float32),), (X[:2],), (1.0,)])
def test_arguments_must_fit(args):
    fn = build("f", [F64], lambda x: [exp(x)])
    with pytest.raises(TypeError, match=r"`f` takes"):
        evaluate(fn, *args)


def test_the_interpreter_applies_primitives_at_once():
    with Reference():
        y = select(lt(X, 0.0), integer_pow(X, 3), exp(X))
    np.testing.assert_array_equal(y, np.where(X < 0, X**3, np.exp(X)))
    fn = build("f", [F64], lambda x: [exp(x)])
    with Reference() as reference:
        np.testing.assert_array_equal(reference.apply(fn, [X])[0], np.exp(X))


def test_the_interpreter_before_is_in_force_again():
    before = current.interpreter
    with pytest.raises(TypeError), Reference():
        add(X, np.float32(1))
    assert current.interpreter is before


def test_an_operation_without_meaning_says_why():
    stub = Primitive(
        "stub", lambda x: x, NotSupported("it needs a device"), NotSupported(""), ZERO, None, None,
        None,
    )  # fmt: skip
    x, y = Var(F64), Var(F64)
    fn = Function("f", [x], [Eqn(stub, [x], [y], {}, None)], [y])
    with pytest.raises(UnsupportedError, match="`stub` cannot be evaluated: it needs a device"):
        evaluate(fn, X)


def test_a_rule_that_breaks_its_promise_is_found():
    wrong = Primitive(
        "wrong", lambda x: x, lambda x: x.astype(np.float32), NotSupported(""), ZERO, None, None,
        None,
    )  # fmt: skip
    x, y = Var(F64), Var(F64)
    fn = Function("f", [x], [Eqn(wrong, [x], [y], {}, None)], [y])
    with pytest.raises(AssertionError, match="`wrong` gave"):
        evaluate(fn, X)
