"""Value and linear derivative of a program, and reverse mode from them.

Forward mode on an equation whose operands are known and whose tangents are not falls into
two parts: what the tangents do not touch is computed now, the rest is a linear program that
waits (Radul et al., "You Only Linearize Once", POPL 2023). The derivative of a whole program
is the list of these linear parts, its `Tape`: run forwards it maps tangents to tangents;
run backwards, each part transposed, it maps cotangents to cotangents.

Known values that the linear parts use are the residuals. Where both directions are recorded
into one program they are ordinary values, and nothing is stored on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ms_func.ir.function import Eqn, Function, Var
from ms_func.ir.loc import transformed
from ms_func.ir.primitive import Zero, current
from ms_func.ir.types import ArrayType, typeof
from ms_func.ir.walk import walk
from ms_func.primitives.cast import convert_element_type
from ms_func.stopwatch import timed
from ms_func.tracing.tracer import Staging, build, by_value
from ms_func.transforms.jvp import apply_rule
from ms_func.transforms.partial_eval import Splitting
from ms_func.transforms.passes import hoist_invariants
from ms_func.transforms.recorded import Code, worked_out
from ms_func.transforms.transpose import backward
from ms_func.transforms.zeros import add, instantiate, is_live, nonzeros, zeros

Mask = tuple[bool, ...]
Types = tuple[ArrayType | None, ...]

# --- one equation -----------------------------------------------------------------------------


class _Derivative:
    """The linear part of one equation.

    Attributes:
        linear: residuals, tangents of the active operands -> tangents of some results.
        residuals: number of residuals.
        nonzero: which results have a tangent.
        forward: code of operands -> results, residuals; None for what is worked out each time.
    """

    __slots__ = ("_pulls", "_push", "forward", "linear", "nonzero", "residuals")

    def __init__(
        self, linear: Function, residuals: int, nonzero: Mask, forward: Code | None
    ) -> None:
        self.linear, self.residuals = linear, residuals
        self.nonzero, self.forward = nonzero, forward
        self._push: Code | None = None
        self._pulls: dict[Types, tuple[Code, Mask]] = {}

    def push(self, residuals: list[Any], dots: list[Any], loc: Any) -> list[Any]:
        """Tangents of the `nonzero` results."""
        if self._push is None:
            self._push = Code(self.linear)
        return self._push.write([*residuals, *dots], loc)

    def pull(self, residuals: list[Any], cts: list[Any], loc: Any) -> list[Any]:
        """Cotangents of the active operands from those of the `nonzero` results; None is zero."""
        if self.forward is None:
            return self._backward(residuals, cts)
        given = tuple([None if ct is None else typeof(ct) for ct in cts])
        known = self._pulls.get(given)
        if known is None:
            known = self._pulls[given] = self._pull_code(given)
        code, reached = known
        rest = iter(code.write([*residuals, *[ct for ct in cts if ct is not None]], loc))
        return [next(rest) if r else None for r in reached]

    def _pull_code(self, given: Types) -> tuple[Code, Mask]:
        reached: list[bool] = []
        n = self.residuals

        def body(*args: Any) -> list[Any]:
            rest = iter(args[n:])
            found = self._backward(args[:n], [None if t is None else next(rest) for t in given])
            reached.extend(ct is not None for ct in found)
            return [ct for ct in found if ct is not None]

        types = [*self.linear.in_types[:n], *[t for t in given if t is not None]]
        return Code(build(self.linear.name, types, body)), tuple(reached)

    def _backward(self, residuals: Sequence[Any], cts: Sequence[Any]) -> list[Any]:
        params = self.linear.params
        known = dict(zip(params, residuals, strict=False))
        found = backward(self.linear.eqns, self.linear.results, cts, known)
        wanted = [found.get(v) for v in params[self.residuals :]]
        return [None if type(ct) is Zero else ct for ct in wanted]


def _split(
    eqn: Eqn, ins: Sequence[Any], active: Mask
) -> tuple[Sequence[Any], Function, list[Any], Mask]:
    """Run the jvp rule of an equation with known operands and unknown tangents.

    Returns:
        results; the linear program; its residuals; which results have a tangent.
    """
    split = Splitting(current.interpreter, f"linear_{eqn.primitive.name}")
    split.loc = current.interpreter.loc
    with split:
        kinds = [typeof(x).tangent for x in ins]
        dots: list[Any] = [
            split.unknown.parameter(t) if a else Zero(t) for t, a in zip(kinds, active, strict=True)
        ]
        outs, tangents = apply_rule(eqn, ins, dots)
    if not eqn.primitive.multiple_results:
        outs, tangents = (outs,), (tangents,)
    linear, residuals = split.unknown.finish(nonzeros(dots), nonzeros(tangents))
    return outs, linear, residuals, is_live(tangents)


def _derivative(eqn: Eqn, types: tuple[ArrayType, ...], active: Mask) -> _Derivative:
    """Derivative of a first-order equation on operands of some types."""
    trace = Staging(eqn.primitive.name)
    with trace:
        params = [trace.parameter(t) for t in types]
        outs, linear, residuals, nonzero = _split(eqn, params, active)
        forward, captured = trace.finish(params, [*outs, *residuals])
    forward = by_value(forward, captured) if captured else forward
    return _Derivative(linear, len(residuals), nonzero, Code(forward))


# --- a program --------------------------------------------------------------------------------


class _Part(NamedTuple):
    """Derivative of an equation at a point: which variables it links, and its residuals."""

    derivative: _Derivative
    residuals: list[Any]
    inputs: list[Var]
    outputs: list[Var]
    loc: Any


class Tape:
    """The derivative of a program at a point: linear parts in order.

    Attributes:
        parts: derivatives of the equations that tangents reach.
        inputs: parameters with a tangent.
        results: results of the program; those in `live` have a tangent.
        live: variables with a tangent.
    """

    __slots__ = ("inputs", "live", "parts", "results")

    def __init__(self, fn: Function, active: Sequence[bool]) -> None:
        self.parts: list[_Part] = []
        self.inputs = [v for v, a in zip(fn.params, active, strict=True) if a]
        self.results = fn.results
        self.live = set(self.inputs)

    @property
    def nonzero(self) -> Mask:
        """Which results have a tangent."""
        return tuple([a in self.live for a in self.results])

    def push(self, dots: Sequence[Any]) -> list[Any]:
        """Tangents of the `nonzero` results from those of the inputs."""
        env: dict[Any, Any] = dict(zip(self.inputs, dots, strict=True))
        for part in self.parts:
            found = part.derivative.push(part.residuals, [env[v] for v in part.inputs], part.loc)
            env.update(zip(part.outputs, found, strict=True))
        return [env[a] for a in self.results if a in self.live]

    def pull(self, cotangents: Sequence[Any]) -> list[Any]:
        """Cotangents of the inputs from one per result, None or Zero where it is zero."""
        cts: dict[Any, Any] = {}
        for a, ct in zip(self.results, cotangents, strict=True):
            if a in self.live and ct is not None and type(ct) is not Zero:
                cts[a] = add(cts.get(a), ct)
        trace = current.interpreter
        outer_loc = trace.loc
        try:
            for part in reversed(self.parts):
                out = [cts.pop(v, None) for v in part.outputs]
                if any(ct is not None for ct in out):
                    loc = trace.loc = transformed(part.loc, "transpose")
                    _accumulate(cts, part, part.derivative.pull(part.residuals, out, loc))
        finally:
            trace.loc = outer_loc
        return [_owned(cts[v], v.type) if v in cts else zeros(v.type.tangent) for v in self.inputs]


def _owned(ct: Any, t: ArrayType) -> Any:
    """A cotangent of a value of type `t`; that of a weak one is weak."""
    ct = instantiate(ct)
    if not t.weak_type or typeof(ct).weak_type:
        return ct
    return convert_element_type(ct, t.tangent.dtype, weak_type=True)


def _accumulate(cts: dict[Any, Any], part: _Part, found: Sequence[Any]) -> None:
    for v, ct in zip(part.inputs, found, strict=True):
        if ct is not None:
            old = cts.get(v)
            cts[v] = ct if old is None else add(old, ct)


def linearize_walk(
    fn: Function, primals: Sequence[Any], active: Sequence[bool]
) -> tuple[list[Any], Tape]:
    """Results of `fn` and its derivative, under the recording in force.

    Args:
        fn: the program.
        primals: values of its parameters.
        active: which parameters have a tangent.
    """
    fn = hoist_invariants(fn)
    tape = Tape(fn, [*active, *[False] * len(fn.consts)])
    live = tape.live

    def rule(eqn: Eqn, ins: list[Any]) -> Sequence[Any] | None:
        return None if live.isdisjoint(eqn.inputs) else _linearize(tape, eqn, ins)

    return walk(fn, primals, rule, "jvp"), tape


def _linearize(tape: Tape, eqn: Eqn, ins: list[Any]) -> Sequence[Any]:
    """Results of an equation; its linear part goes onto the tape."""
    live = tape.live
    active, loc = tuple([a in live for a in eqn.inputs]), current.interpreter.loc
    types = tuple([typeof(x) for x in ins])
    derivative = worked_out("linearize", eqn, types, active, _derivative)
    outs: Sequence[Any]
    if derivative is None:
        outs, linear, residuals, nonzero = _split(eqn, ins, active)
        derivative = _Derivative(linear, len(residuals), nonzero, None)
    else:
        found = derivative.forward.write(ins, loc)
        n = len(eqn.outputs)
        outs, residuals = found[:n], found[n:]
    inputs: list[Any] = [v for v, a in zip(eqn.inputs, active, strict=True) if a]
    outputs = [v for v, nz in zip(eqn.outputs, derivative.nonzero, strict=True) if nz]
    live.update(outputs)
    tape.parts.append(_Part(derivative, residuals, inputs, outputs, loc))
    return outs


@timed("transform")
def linearize(fn: Function, active: Mask) -> tuple[Function, Function, Mask]:
    """Primal program with residuals, linear program, and which results have a tangent.

    Args:
        fn: the program.
        active: for each parameter, whether it has a tangent.

    Returns:
        `primal`: parameters -> results, then residuals;
        `linear`: residuals, then active tangents -> tangents that are not zero;
        for each result whether it has a tangent.

    Example:
        >>> program = ms.make_ir(lambda x: x * x)(0.0)
        >>> primal, linear, live = ms.extend.linearize_program(program, (True,))
        >>> square, *residuals = ms.extend.apply(primal, [3.0])
        >>> square.item(), ms.extend.apply(linear, [*residuals, 1.0])[0].item(), live
        (9.0, 6.0, (True,))
    """
    key = ("linearize", active)
    if key not in fn.memo:
        fn.memo[key] = _in_two(fn, active, f"linear_{fn.name}", _forwards)
    return fn.memo[key]


@timed("transform")
def pullback(fn: Function, active: Mask) -> tuple[Function, Function, Mask]:
    """Primal program with residuals, its transposed derivative, and which results count.

    `primal`: parameters -> results, then residuals.
    `pull`: residuals, then cotangents of the results that count -> cotangents of the active
    parameters.
    """
    key = ("pullback", active)
    if key not in fn.memo:
        fn.memo[key] = _in_two(fn, active, f"pullback_{fn.name}", _backwards)
    return fn.memo[key]


def _in_two(fn: Function, active: Mask, name: str, body: Any) -> tuple[Function, Function, Mask]:
    """The primal program, and one from residuals that `body` records from the tape."""
    trace = Staging(f"primal_{fn.name}")
    with trace:
        params = [trace.parameter(t) for t in fn.in_types]
        outs, tape = linearize_walk(fn, params, active)
        later = Staging(name)
        with later:
            waiting, found = body(tape, later)
        second, residuals = later.finish(waiting, found)
        first, _ = trace.finish(params, [*outs, *residuals])
    return first, second, tape.nonzero


def _forwards(tape: Tape, trace: Staging) -> tuple[list[Any], list[Any]]:
    dots = [trace.parameter(v.type.tangent) for v in tape.inputs]
    return dots, tape.push(dots)


def _backwards(tape: Tape, trace: Staging) -> tuple[list[Any], list[Any]]:
    cts = [
        trace.parameter(a.type.tangent) if nz else None
        for a, nz in zip(tape.results, tape.nonzero, strict=True)
    ]
    return [ct for ct in cts if ct is not None], tape.pull(cts)


def vjp_walk(
    fn: Function, primals: Sequence[Any], active: Sequence[bool], seed: Any
) -> tuple[list[Any], list[Any]]:
    """Results of `fn` and cotangents of its active parameters, under the recording in force.

    Args:
        fn: the program.
        primals: values of its parameters.
        active: which parameters to differentiate by.
        seed: function from the results to their cotangents (Zero allowed).
    """
    outs, tape = linearize_walk(fn, primals, active)
    return outs, tape.pull(seed(outs))


@timed("transform")
def vjp(fn: Function, active: Mask) -> Function:
    """Function of (parameters, cotangents of results) giving (results, cotangents of active).

    Args:
        fn: the program.
        active: for each parameter, whether its cotangent is wanted.

    Returns:
        The program of both.

    Example:
        >>> program = ms.make_ir(lambda x: x * x)(0.0)
        >>> pull = ms.extend.vjp_program(program, (True,))
        >>> [x.item() for x in ms.extend.apply(pull, [3.0, 1.0])]
        [9.0, 6.0]
    """
    key = ("vjp", active)
    if key not in fn.memo:
        n = len(fn.params)

        def body(*args: Any) -> list[Any]:
            outs, grads = vjp_walk(fn, args[:n], active, lambda _: args[n:])
            return [*outs, *grads]

        types = [*fn.in_types, *(t.tangent for t in fn.out_types)]
        fn.memo[key] = build(f"vjp_{fn.name}", types, body)
    return fn.memo[key]
