"""Forward mode: the tangent of a program, equation by equation.

For each equation `y = p(x)` the rule of `p` gives `y` and `dy = p'(x) dx` together.
Equations whose operands have no tangent are recorded as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func.errors import UnsupportedError
from ms_func.ir.function import Eqn, Function, Literal
from ms_func.ir.primitive import ZERO, Linear, Multilinear, NotSupported, Zero, current
from ms_func.ir.types import ArrayType, typeof
from ms_func.ir.walk import walk
from ms_func.stopwatch import timed
from ms_func.tracing.tracer import build
from ms_func.transforms.passes import hoist_invariants
from ms_func.transforms.recorded import Code, worked_out
from ms_func.transforms.zeros import add, instantiate, is_live, nonzeros, with_zeros


@timed("transform")
def jvp(fn: Function, active: tuple[bool, ...]) -> tuple[Function, tuple[bool, ...]]:
    """Function of (primals, active tangents) giving (results, tangents that are not zero).

    Args:
        fn: the program.
        active: for each parameter, whether it has a tangent.

    Returns:
        The derivative program, and for each result whether it has a tangent.

    Example:
        >>> program = ms.make_ir(lambda x: x * x)(0.0)
        >>> tangent, live = ms.extend.jvp_program(program, (True,))
        >>> [x.item() for x in ms.extend.apply(tangent, [3.0, 1.0])], live
        ([9.0, 6.0], (True,))
    """
    key = ("jvp", active)
    if key not in fn.memo:
        nonzero: list[bool] = []
        tangents = [t.tangent for t, a in zip(fn.in_types, active, strict=True) if a]

        def body(*args: Any) -> list[Any]:
            n = len(fn.params)
            dots = with_zeros(active, args[n:], fn.in_types)
            outs, out_dots = jvp_walk(fn, args[:n], dots)
            nonzero.extend(is_live(out_dots))
            return [*outs, *nonzeros(out_dots)]

        made = build(f"jvp_{fn.name}", [*fn.in_types, *tangents], body)
        fn.memo[key] = made, tuple(nonzero)
    return fn.memo[key]


def jvp_walk(
    fn: Function, primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[list[Any], list[Any]]:
    """Apply `fn` to primals and tangents under the interpreter in force."""
    fn = hoist_invariants(fn)
    dots: dict[Any, Any] = {
        v: t for v, t in zip(fn.params, tangents, strict=False) if type(t) is not Zero
    }

    def rule(eqn: Eqn, ins: list[Any]) -> Sequence[Any] | None:
        if dots.keys().isdisjoint(eqn.inputs):
            return None
        outs, tangent = _equation(eqn, ins, [dots.get(a) for a in eqn.inputs])
        pairs = zip(eqn.outputs, tangent, strict=True)
        dots.update([(v, t) for v, t in pairs if t is not None and type(t) is not Zero])
        return outs

    return walk(fn, primals, rule, "jvp"), [_dot(dots, a) for a in fn.results]


def _equation(eqn: Eqn, ins: list[Any], dots: list[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    """Results of one equation, and their tangents or None; so are those of the operands."""
    types = tuple([typeof(x) for x in ins])
    dot_types = tuple([None if t is None else typeof(t) for t in dots])
    known = worked_out("jvp", eqn, types, dot_types, _code)
    if known is None:
        return _run(eqn, ins, dots)
    code, nonzero = known
    outs = code.write([*ins, *[t for t in dots if t is not None]], current.interpreter.loc)
    rest = iter(outs[len(nonzero) :])
    return outs[: len(nonzero)], [next(rest) if nz else None for nz in nonzero]


def _code(
    eqn: Eqn, types: tuple[ArrayType, ...], dot_types: tuple[ArrayType | None, ...]
) -> tuple[Code, tuple[bool, ...]]:
    """The rule, run on tracers: code, and which tangents are not zero."""
    n = len(types)
    nonzero: list[bool] = []

    def body(*args: Any) -> list[Any]:
        rest = iter(args[n:])
        dots = [None if t is None else next(rest) for t in dot_types]
        outs, tangents = _run(eqn, list(args[:n]), dots)
        nonzero.extend(is_live(tangents))
        return [*outs, *nonzeros(tangents)]

    params = [*types, *[t for t in dot_types if t is not None]]
    return Code(build(eqn.primitive.name, params, body)), tuple(nonzero)


def _run(eqn: Eqn, ins: list[Any], dots: list[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    """Results and tangents of one equation by its rule."""
    tangents = [
        Zero(a.type.tangent) if t is None else t for a, t in zip(eqn.inputs, dots, strict=True)
    ]
    out, tangent = apply_rule(eqn, ins, tangents)
    return (out, tangent) if eqn.primitive.multiple_results else ((out,), (tangent,))


def _dot(dots: dict[Any, Any], atom: Any) -> Any:
    """Tangent of an atom, Zero where it has none."""
    found = dots.get(atom) if type(atom) is not Literal else None
    return Zero(atom.type.tangent) if found is None else found


def apply_rule(eqn: Eqn, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Result and tangent of one equation by the jvp rule of its primitive."""
    rule = eqn.primitive.jvp
    kind = type(rule)
    if kind is Linear:
        return _linear(eqn, rule.argnums, primals, tangents)
    if kind is Multilinear:
        return _multilinear(eqn, rule.argnums, primals, tangents)
    if rule is ZERO:
        out = eqn.primitive.bind(*primals, **eqn.params)
        if eqn.primitive.multiple_results:
            return out, [Zero(v.type.tangent) for v in eqn.outputs]
        return out, Zero(eqn.outputs[0].type.tangent)
    if kind is NotSupported:
        raise UnsupportedError(
            f"`{eqn.primitive.name}` cannot be differentiated: {rule.reason}\n"
            "fix: keep it out of the differentiated part with stop_gradient, or give the "
            "derivative with custom_jvp",
            eqn.loc,
        )
    return rule(primals, tangents, **eqn.params)


def _linear(
    eqn: Eqn, argnums: tuple[int, ...], primals: Sequence[Any], tangents: Sequence[Any]
) -> Any:
    """Tangent of an operation that is linear in some operands together: the operation itself."""
    bind, many = eqn.primitive.bind, eqn.primitive.multiple_results
    out = bind(*primals, **eqn.params)
    if all(type(tangents[i]) is Zero for i in argnums):
        zeros = [Zero(v.type.tangent) for v in eqn.outputs]
        return out, zeros if many else zeros[0]
    args = list(primals)
    for i in argnums:
        args[i] = instantiate(tangents[i])
    return out, bind(*args, **eqn.params)


def _multilinear(
    eqn: Eqn, argnums: tuple[int, ...], primals: Sequence[Any], tangents: Sequence[Any]
) -> Any:
    """Product rule: one term for each operand that has a tangent."""
    out = eqn.primitive.bind(*primals, **eqn.params)
    total: Any = Zero(typeof(out).tangent)
    for i in argnums:
        if type(tangents[i]) is not Zero:
            args = list(primals)
            args[i] = tangents[i]
            total = add(total, eqn.primitive.bind(*args, **eqn.params))
    return out, total
