"""Running a linear program backwards: from cotangents of its results to those of its inputs.

If `y = A x` the transpose maps `ct_y` to `A^T ct_y`. Equations are visited in reverse; each
gives its cotangent to its operands, and what reaches a variable along several ways is added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ms_func.errors import ArgumentValueError, ShardingTypeError, UnsupportedError
from ms_func.ir.explicit import chosen
from ms_func.ir.function import Eqn, Function, Literal, Var
from ms_func.ir.loc import transformed
from ms_func.ir.primitive import NONLINEAR, NotSupported, UndefinedPrimal, Zero, current, named
from ms_func.ir.sharding import NamedSharding, PartitionSpec
from ms_func.ir.types import ArrayType, typeof
from ms_func.stopwatch import timed
from ms_func.tracing.tracer import Tracer, build
from ms_func.transforms.recorded import Code, worked_out
from ms_func.transforms.zeros import add, instantiate, zeros


def backward(
    eqns: Sequence[Eqn],
    results: Sequence[Any],
    cotangents: Sequence[Any],
    known: Mapping[Var, Any],
) -> dict[Var, Any]:
    """Cotangents of the linear variables that `results` depend on.

    Args:
        eqns: equations linear in every variable that is not `known`.
        results: atoms of the results.
        cotangents: one per result, or Zero.
        known: values of the variables that are not linear (the residuals).
    """
    cts: dict[Var, Any] = {}
    for atom, ct in zip(results, cotangents, strict=True):
        if type(atom) is not Literal and atom not in known:
            cts[atom] = add(cts.get(atom), ct)
    trace = current.interpreter
    outer_loc = trace.loc
    try:
        for eqn in reversed(eqns):
            out = [cts.pop(v, None) for v in eqn.outputs]
            if not out and eqn.effects:
                raise _effect_on_linear(eqn)
            if all(ct is None or type(ct) is Zero for ct in out):
                continue
            trace.loc = transformed(eqn.loc, "transpose")
            _accumulate(cts, eqn, _transpose(eqn, out, known), known)
    finally:
        trace.loc = outer_loc
    return cts


def _effect_on_linear(eqn: Eqn) -> Exception:
    return UnsupportedError(
        f"`{eqn.primitive.name}` of a value that is differentiated linearly cannot be transposed: "
        "reverse mode never computes that value\n"
        "fix: print or check the value itself, not its tangent, or use forward mode (jvp, jacfwd)",
        eqn.loc,
    )


def _transpose(eqn: Eqn, out: list[Any], known: Mapping[Var, Any]) -> Sequence[Any]:
    """Cotangents of the operands of one equation, None where there is none."""
    operands = [
        a if type(a) is Literal else known[a] if a in known else UndefinedPrimal(a.type)  # type: ignore[index]
        for a in eqn.inputs
    ]
    linear = tuple([type(x) is UndefinedPrimal for x in operands])
    cts = [None if type(ct) is Zero else ct for ct in out]
    given = tuple([None if ct is None else typeof(ct) for ct in cts])
    types = tuple([typeof(x) for x in operands])
    found = worked_out("transpose", eqn, types, (linear, given), _code)
    if found is None:
        return _run(eqn, cts, operands)
    code, reached = found
    args = [x for x in operands if type(x) is not UndefinedPrimal]
    rest = iter(code.write([*args, *[ct for ct in cts if ct is not None]], current.interpreter.loc))
    return [next(rest) if r else None for r in reached]


def _code(
    eqn: Eqn,
    types: tuple[ArrayType, ...],
    rest: tuple[tuple[bool, ...], tuple[ArrayType | None, ...]],
) -> tuple[Code, tuple[bool, ...]]:
    """The rule, run on tracers: code, and which operands it reaches.

    Arguments are the operands that are not linear and the cotangents that are given.
    """
    linear, given = rest
    reached: list[bool] = []

    def body(*args: Any) -> list[Any]:
        values = iter(args)
        operands = [
            UndefinedPrimal(t) if lin else next(values)
            for t, lin in zip(types, linear, strict=True)
        ]
        found = _run(eqn, [None if t is None else next(values) for t in given], operands)
        wanted = [
            lin and ct is not None and type(ct) is not Zero
            for ct, lin in zip(found, linear, strict=True)
        ]
        reached.extend(wanted)
        return [ct for ct, w in zip(found, wanted, strict=True) if w]

    params = [t for t, lin in zip(types, linear, strict=True) if not lin]
    params += [t for t in given if t is not None]
    return Code(build(eqn.primitive.name, params, body)), tuple(reached)


def _run(eqn: Eqn, cts: Sequence[Any], operands: Sequence[Any]) -> Sequence[Any]:
    """Cotangents of the operands of one equation by its transpose rule."""
    rule = eqn.primitive.transpose
    if rule is NONLINEAR or type(rule) is NotSupported:
        reason = "it is not linear" if rule is NONLINEAR else rule.reason
        raise UnsupportedError(
            "Transpose rule (for reverse-mode differentiation) for "
            f"'{eqn.primitive.name}' not implemented: it cannot be transposed, {reason}\n"
            "fix: use forward mode (jvp, jacfwd), or give the derivative with custom_vjp",
            eqn.loc,
        )
    given = cts[0]
    if eqn.primitive.multiple_results:
        given = [
            Zero(v.type.tangent) if ct is None else ct
            for v, ct in zip(eqn.outputs, cts, strict=True)
        ]
    try:
        found = rule(given, *operands, **eqn.params)
    except ShardingTypeError:
        with chosen():  # the layout of a cotangent is that of its operand
            found = rule(given, *operands, **eqn.params)
    for ct, x in zip(found, operands, strict=True):
        if type(ct) is Tracer and (
            ct.type.manual is not x.type.manual or ct.type.explicit is not x.type.explicit
        ):
            return [_like_operand(eqn, ct, x) for ct, x in zip(found, operands, strict=True)]
    return found


def _like_operand(eqn: Eqn, ct: Any, x: Any) -> Any:
    """A cotangent in the layout of its operand."""
    if type(ct) is not Tracer:
        return ct
    if ct.type.vma - x.type.vma:
        raise _counted_wrong(eqn, ct.type, x.type)
    held, wanted = ct.type.explicit, x.type.explicit
    if held is wanted:
        return ct
    if wanted is None and held is not None:
        wanted = NamedSharding(held.mesh, PartitionSpec())
    return named("sharding_constraint").bind(ct, sharding=wanted)


def _counted_wrong(eqn: Eqn, ct: ArrayType, t: ArrayType) -> Exception:
    extra = ", ".join(sorted(map(str, ct.vma - t.vma)))
    return ArgumentValueError(
        f"the cotangent of an operand of `{eqn.primitive.name}` may differ along {extra}, but the "
        f"operand does not: {ct} for {t}\n"
        f"fix: in a rule of custom_vjp sum it with lax.psum along {extra}",
        eqn.loc,
    )


def _accumulate(
    cts: dict[Any, Any], eqn: Eqn, found: Sequence[Any], known: Mapping[Var, Any]
) -> None:
    for atom, ct in zip(eqn.inputs, found, strict=True):
        if ct is None or type(ct) is Zero or type(atom) is Literal or atom in known:
            continue
        old = cts.get(atom)
        cts[atom] = ct if old is None else add(old, ct)


@timed("transform")
def transpose(fn: Function, linear: tuple[bool, ...], integers: bool = False) -> Function:
    """Function of (values of the other parameters, cotangents of the results).

    Equations that do not depend on a linear parameter are evaluated first.

    Args:
        fn: the program, linear in the parameters marked.
        linear: for each parameter, whether it is one of these.
        integers: the function is linear over the integers, whose cotangents are integers.

    Returns:
        Program whose results are the cotangents of the parameters marked, zeros materialised.

    Raises:
        NotImplementedError: an operation is not linear in a parameter marked.

    Example:
        >>> program = ms.make_ir(lambda c, x: c * x)(0.0, 0.0)
        >>> back = ms.extend.transpose_program(program, (False, True))
        >>> ms.extend.apply(back, [3.0, 1.0])[0].item()
        3.0
    """
    key = ("transpose", linear, integers)
    if key not in fn.memo:
        others = [t for t, is_lin in zip(fn.in_types, linear, strict=True) if not is_lin]

        def body(*args: Any) -> list[Any]:
            head, cts = args[: len(others)], args[len(others) :]
            return transpose_walk(fn, linear, head, cts, integers)

        types = [*others, *(t if integers else t.tangent for t in fn.out_types)]
        fn.memo[key] = build(f"transpose_{fn.name}", types, body)
    return fn.memo[key]


def transpose_walk(
    fn: Function, linear: Sequence[bool], others: Sequence[Any], cotangents: Sequence[Any],
    integers: bool,
) -> list[Any]:  # fmt: skip
    """Transpose `fn` under the interpreter in force; zeros are materialised."""
    rest = iter(others)
    known = {v: next(rest) for v, lin in zip(fn.params, linear, strict=True) if not lin}
    waiting, dependent = [], {v for v, lin in zip(fn.params, linear, strict=True) if lin}
    for eqn in fn.eqns:
        if any(a in dependent for a in eqn.inputs if type(a) is not Literal):
            dependent.update(eqn.outputs)
            waiting.append(eqn)
        else:
            _forward(eqn, known)
    cts = backward(waiting, fn.results, cotangents, known)
    return [
        instantiate(cts[v]) if v in cts else zeros(v.type if integers else v.type.tangent)
        for v, lin in zip(fn.params, linear, strict=True)
        if lin
    ]


def _forward(eqn: Eqn, known: dict[Var, Any]) -> None:
    ins = [a if type(a) is Literal else known[a] for a in eqn.inputs]  # type: ignore[index]
    out = eqn.primitive.bind(*ins, **eqn.params)
    known.update(zip(eqn.outputs, out if eqn.primitive.multiple_results else (out,), strict=True))
