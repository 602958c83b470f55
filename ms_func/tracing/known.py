"""What is known of a recording while it goes on.

A recording of `grad`, `vmap` and their like is made of a function that is about to run. What it
computes from constants alone has a value already, and so has what it computes from arguments at
hand. Nothing is computed until Python asks for it, as `int`, as an array of NumPy's or as text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from ms_func.dtypes import is_inexact
from ms_func.ir.function import Eqn, Var
from ms_func.ir.primitive import ZERO, current

CONSTANT, PLAIN, ACTIVE, UNKNOWN = range(4)
"""How a variable depends on the arguments: not at all, without a derivative, with one, or on
arguments that are not at hand."""


def _nothing(eqn: Eqn) -> Eqn | None:
    return None


quieted: Callable[[Eqn], Eqn | None] = _nothing
"""An equation that gives the same results without its effects; `transforms.passes` supplies it."""


class Knowledge:
    """What was found out about the variables of one recording.

    Attributes:
        levels: how each variable depends on the arguments, for those looked at so far.
        producers: the equation that defines a variable.
        values: what was computed where the recording has no values at hand.
    """

    __slots__ = ("captured", "last", "levels", "producers", "seen", "values")

    def __init__(self) -> None:
        self.levels: dict[Var, int] = {}
        self.producers: dict[Var, Eqn] = {}
        self.values: dict[Var, Any] = {}
        self.seen = self.captured = 0
        self.last: Eqn | None = None

    def level(self, trace: Any, var: Var) -> int:
        """How a variable of the recording depends on the arguments."""
        self.look(trace)
        found = self.levels.get(var)
        return self._parameter(trace, var) if found is None else found

    def look(self, trace: Any) -> None:
        """Take account of what was recorded since the last look."""
        levels = self.levels
        if self.captured < len(trace.captured):
            for x, var in islice(trace.captured.values(), self.captured, None):
                levels[var] = level(x)
            self.captured = len(trace.captured)
        eqns = trace.eqns
        if self.seen > len(eqns) or (self.seen and eqns[self.seen - 1] is not self.last):
            self.seen = 0  # some were taken back
        if self.seen < len(eqns):
            for eqn in eqns[self.seen :]:
                self._take(trace, eqn)
            self.seen, self.last = len(eqns), eqns[-1]

    def _take(self, trace: Any, eqn: Eqn) -> None:
        levels, top = self.levels, CONSTANT
        for a in eqn.inputs:
            if type(a) is Var:
                found = levels.get(a)
                top = max(top, self._parameter(trace, a) if found is None else found)
        if eqn.effects and top != UNKNOWN and quieted(eqn) is None:
            top = UNKNOWN
        for v in eqn.outputs:
            smooth = is_inexact(v.type.dtype) and eqn.primitive.jvp is not ZERO
            levels[v] = PLAIN if top == ACTIVE and not smooth else top
            self.producers[v] = eqn

    def _parameter(self, trace: Any, var: Var) -> int:
        """Level of an argument, by what it is at hand for and by the value at hand."""
        values = trace.values
        value = None if values is None else values.get(var)
        if value is None:
            found = UNKNOWN
        elif trace.role == "rule":
            found = max(PLAIN, _absorbed(value))
        else:
            found = max(ACTIVE if is_inexact(var.type.dtype) else PLAIN, level(value))
        self.levels[var] = found
        return found

    def own(self, trace: Any, var: Var) -> list[Eqn] | None:
        """Equations that compute a variable from outside values alone, in order, if there are."""
        self.look(trace)
        outside = {v for _, v in trace.captured.values()}
        needed, stack = set(), [var]
        while stack:
            v = stack.pop()
            if v in needed or v in outside:
                continue
            eqn = self.producers.get(v)
            if eqn is None or eqn.effects:
                return None
            needed.add(v)
            stack.extend(a for a in eqn.inputs if type(a) is Var)
        return [e for e in trace.eqns if not needed.isdisjoint(e.outputs)]


def level(x: Any) -> int:
    """How a value, traced or not, depends on the arguments of its recording."""
    trace = getattr(x, "recorder", None)
    return CONSTANT if trace is None else knowledge(trace).level(trace, x.variable)


def _absorbed(x: Any) -> int:
    """As `level`, for a custom rule, which itself stands for the derivative taken around it."""
    trace = getattr(x, "recorder", None)
    found = level(x)
    if found != ACTIVE or trace is None or trace.role != "derivative":
        return found
    outer = [*trace.values.values(), *(v for v, _ in trace.captured.values())]
    return PLAIN if all(getattr(v, "recorder", None) is None for v in outer) else found


def knowledge(trace: Any) -> Knowledge:
    """What is known of a recording, made when first asked for."""
    if trace.known is None:
        trace.known = Knowledge()
    return trace.known


def at_hand(trace: Any, wanted: Var, values: dict[Var, Any] | None = None) -> Any:
    """Compute a variable from known inputs by running the equations it depends on.

    Each equation is run at most once, by the interpreter at the bottom.

    Args:
        trace: the recording.
        wanted: the variable.
        values: what is known of others, which grows; by default what the recording has at hand.
    """
    facts = knowledge(trace)
    facts.look(trace)
    if values is None:
        values = trace.values
    assert values is not None
    for value, var in trace.captured.values():
        values.setdefault(var, value)
    stack = [wanted]
    while stack:
        eqn = facts.producers.get(stack[-1])
        if stack[-1] in values or eqn is None:
            stack.pop()
            continue
        missing = [a for a in eqn.inputs if type(a) is Var and a not in values]
        if missing and not all(a in facts.producers for a in missing):
            return None
        if missing:
            stack.extend(missing)
        else:
            _run(eqn, values)
    return _value(values.get(wanted))


def constant(trace: Any, var: Var) -> Any:
    """Value of a variable of a recording that runs at once, if it depends on no argument of it."""
    if not trace.at_once or knowledge(trace).level(trace, var) > PLAIN:
        return None
    return at_hand(trace, var, knowledge(trace).values)


def without_derivative(trace: Any, var: Var) -> Any:
    """Array for a variable that no derivative would be lost with; None where there is none."""
    found = knowledge(trace).level(trace, var)
    if found > PLAIN:
        return None
    value = constant(trace, var) if trace.values is None else at_hand(trace, var)
    return None if value is None else type(current).interpreter.operand(value)


def _value(x: Any) -> Any:
    """`x` itself, or what is known of a traced value of an enclosing recording."""
    trace = getattr(x, "recorder", None)
    if trace is None:
        return x
    found = trace.value_of(x.variable)
    return constant(trace, x.variable) if found is None else found


def _run(eqn: Eqn, values: dict[Var, Any]) -> None:
    """Run one equation outside all recordings and remember its results.

    Effects happen when the program runs, and only then: what computes and has an effect is run
    without it, and a value that an effect gives is not at hand.
    """
    quiet = quieted(eqn) if eqn.effects else eqn
    args = [_value(values[a]) if type(a) is Var else a for a in eqn.inputs]
    if quiet is None or any(a is None for a in args):
        values.update(dict.fromkeys(eqn.outputs))
        return
    inner = current.interpreter
    current.interpreter = type(current).interpreter
    try:
        out = quiet.primitive.bind(*args, **quiet.params)
    finally:
        current.interpreter = inner
    results = out if eqn.primitive.multiple_results else [out]
    values.update(zip(eqn.outputs, results, strict=True))


def outliving(x: Any) -> Any:
    """A value in place of a traced one whose recording has ended; None where it is lost.

    What was computed from values around a recording is computed again by the interpreter in force.
    """
    trace = x.recorder
    if not trace.role:
        return None
    found = without_derivative(trace, x.variable)
    if found is not None:
        return found
    eqns = knowledge(trace).own(trace, x.variable)
    return None if eqns is None else _again(eqns, x.variable, trace.captured.values())


def _again(eqns: Sequence[Eqn], wanted: Var, outside: Any) -> Any:
    env = {var: value for value, var in outside}
    for eqn in eqns:
        args = [env[a] if type(a) is Var else a for a in eqn.inputs]
        out = eqn.primitive.bind(*args, **eqn.params)
        results = out if eqn.primitive.multiple_results else [out]
        env.update(zip(eqn.outputs, results, strict=True))
    return env[wanted]
