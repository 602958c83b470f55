"""Primitives that stand for a program of other primitives.

Calls of all kinds hold the program among their parameters. The loops that reverse mode through a
`while` is made of record it; they have rules of their own only where those of the program would
lose something.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ms_func.control_flow import bodies
from ms_func.ir.evaluate import evaluate
from ms_func.ir.function import Function
from ms_func.ir.primitive import BY_FUNCTIONS, UNFOLDED, Primitive, current, fitting, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.tracing.tracer import build
from ms_func.transforms.batch import batch
from ms_func.transforms.jvp import jvp_walk
from ms_func.transforms.passes import simplify

Program = Callable[..., Function]
"""From types of operands, and parameters, to the program of them."""


def register_program(name: str, make: Callable[..., list[Any]], **rules: Any) -> Primitive:
    """Enter a primitive that stands for what `make` does to its operands.

    `make(args, **params)` records it. `rules` are those that do not follow from the program.
    """
    program = _remembered(name, make)
    return register(Primitive(name, **{**by_program(program), **rules}))


def apply(fn: Function, *parts: Sequence[Any]) -> list[Any]:
    """Results of a program on operands given in parts."""
    return current.interpreter.apply(fn, [x for part in parts for x in part])


def _remembered(name: str, make: Callable[..., list[Any]]) -> Callable[..., Function]:
    """Program of `make`, built once for each set of types and parameters."""

    def program(types: Sequence[ArrayType], **params: Any) -> Function:
        memo = params["body" if "body" in params else "step"].memo
        key = (name, tuple(types), *params.items())
        if key not in memo:
            memo[key] = simplify(build(name, types, lambda *args: make(args, **params)))
        return memo[key]

    return program


def _computed_as(program: Program) -> dict[str, Any]:
    """Slots of a primitive whose results are those of a program."""

    def abstract(*types: ArrayType, **params: Any) -> list[ArrayType]:
        fn = program(types, **params)
        fitting(types, fn.in_types)
        return list(fn.out_types)

    def lower(b: Any, eqn: Any, *values: Any) -> list[Any]:
        return b.inline(program([a.type for a in eqn.inputs], **eqn.params), values)

    return {
        "abstract": abstract,
        "varying": BY_FUNCTIONS,
        "ref": lambda *xs, **params: evaluate(program([typeof(x) for x in xs], **params), *xs),
        "lower": lower,
        "cost": lambda ins, outs, **params: bodies.cost_of(program(ins, **params)),
        "shard": UNFOLDED,
        "body": program,
        "multiple_results": True,
    }


def computed_by(parameter: str) -> dict[str, Any]:
    """Slots of a primitive whose results are those of a function among its parameters."""
    return _computed_as(lambda _, **params: params[parameter])


def by_program(program: Program) -> dict[str, Any]:
    """All slots that follow from a program; it is recorded anew for transformed operands."""
    return {
        **_computed_as(program),
        "jvp": lambda xs, dots, **params: _jvp(program, xs, dots, params),
        "batch": lambda size, xs, dims, **params: _batch(program, size, xs, dims, params),
    }


def jvp_by_program(
    primitive: Primitive, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
) -> Any:
    """The rule `jvp` that follows from the program, where one of its own does not apply."""
    assert primitive.body is not None
    return _jvp(primitive.body, primals, tangents, params)


def batch_by_program(primitive: Primitive, size: int, args: Any, dims: Any, **params: Any) -> Any:
    """The rule `batch` that follows from the program, where one of its own does not apply."""
    assert primitive.body is not None
    return _batch(primitive.body, size, args, dims, params)


def _jvp(program: Program, primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    return jvp_walk(program([typeof(x) for x in primals], **params), primals, tangents)


def _batch(program: Program, size: int, args: Any, dims: Any, params: dict[str, Any]) -> Any:
    types = [_lane(typeof(a), d) for a, d in zip(args, dims, strict=True)]
    fn = program(types, **params)
    made, found = batch(fn, size, tuple(dims), ("any",) * len(fn.results))
    return current.interpreter.apply(made, args), list(found)


def _lane(t: ArrayType, dim: int | None) -> ArrayType:
    return t if dim is None else t.without_dimension(dim)
