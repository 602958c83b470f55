"""verify accepts what is built and refuses each broken rule, naming the place."""

import numpy as np
import pytest

from ms_func.control_flow.call import call_p
from ms_func.errors import IRError
from ms_func.ir import ArrayType, Eqn, Function, Literal, Var, verify
from ms_func.primitives.arithmetic import add_p
from ms_func.primitives.elementwise import exp, sin, sin_p
from ms_func.tracing.tracer import build

F32 = ArrayType((3,), np.float32)
F64 = ArrayType((3,), np.float64)


def test_a_recorded_program_is_well_formed():
    verify(build("f", [F32], lambda x: [exp(sin(x)), 2.0]), locs=True)


def _function(make):
    """Function of one parameter whose equations and results `make` gives."""
    x, y = Var(F32), Var(F32)
    eqns, results = make(x, y)
    return Function("f", [x], eqns, results)


def _nested(x, y):
    inner = Function("g", [Var(F32)], [Eqn(sin_p, [x], [Var(F32)], {}, None)], [])
    return [Eqn(call_p, [x], [], {"fn": inner, "name": "g", "inline": False}, None)], [x]


BROKEN = {
    "twice": (
        lambda x, y: ([Eqn(sin_p, [x], [x], {}, None)], [x]),
        r"equation 0 \(sin\) defines a variable of type f32\[3\] for the second time",
    ),
    "before": (
        lambda x, y: ([Eqn(sin_p, [y], [Var(F32)], {}, None)], [x]),
        r"equation 0 \(sin\), operand 0 is a variable of type f32\[3\] not defined before",
    ),
    "result": (lambda x, y: ([], [y]), "result 0 is a variable"),
    "type": (
        lambda x, y: ([Eqn(sin_p, [x], [Var(F64)], {}, None)], [x]),
        r"has results of types \[f64\[3\]\], but its rule gives \[f32\[3\]\]",
    ),
    "weak": (
        lambda x, y: ([Eqn(sin_p, [x], [Var(F32.update(weak_type=True))], {}, None)], [x]),
        "but its rule gives",
    ),
    "count": (
        lambda x, y: ([Eqn(sin_p, [x], [], {}, None)], [x]),
        r"types \[\], but its rule gives",
    ),
    "operands": (
        lambda x, y: ([Eqn(add_p, [x, Literal(1, ArrayType((), np.int32))], [y], {}, None)], [x]),
        "does not fit its operands",
    ),
    "array": (
        lambda x, y: ([Eqn(sin_p, [x], [y], {"a": np.zeros(3)}, None)], [x]),
        "parameter a is .* arrays and Python functions cannot be parameters",
    ),
    "callable": (lambda x, y: ([Eqn(sin_p, [x], [y], {"a": print}, None)], [x]), "parameter a"),
    "unhashable": (
        lambda x, y: ([Eqn(sin_p, [x], [y], {"a": [1]}, None)], [x]),
        "cannot be hashed",
    ),
    "literal": (lambda x, y: ([], [Literal(np.zeros(3), F32)]), "literals have rank 0"),
    "value": (
        lambda x, y: ([], [Literal(300, ArrayType((), np.int8))]),
        r"result 0 is no literal of type i8\[\]",
    ),
    "atom": (lambda x, y: ([], [1.0]), "result 0 is 1.0, neither a variable nor a literal"),
    "nested": (_nested, r"`g`, equation 0 \(sin\), operand 0"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_each_broken_rule_is_found(what):
    make, message = BROKEN[what]
    with pytest.raises(IRError, match=message):
        verify(_function(make))


def test_constants_must_fit():
    x = Var(F32)
    with pytest.raises(IRError, match=r"binds a parameter of type f32\[3\] to a constant"):
        verify(Function("f", [x], [], [x], [np.zeros(3)]))


def test_places_are_asked_for_on_demand():
    fn = _function(lambda x, y: ([Eqn(sin_p, [x], [y], {}, None)], [y]))
    verify(fn)
    with pytest.raises(IRError, match="does not know where it came from"):
        verify(fn, locs=True)


def test_declared_effects_are_those_of_the_equations():
    fn = _function(lambda x, y: ([Eqn(sin_p, [x], [y], {}, None)], [y]))
    fn._effects = frozenset({"print"})
    with pytest.raises(IRError, match="declares the effects"):
        verify(fn)
