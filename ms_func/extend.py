"""Primitives and transforms of your own, outside the package.

A primitive is one frozen record with all of its rules; `register` enters it, and from then on
`jit`, `grad`, `vmap`, `jet`, `shard` and the printer know it like any other. A transform is a
function from program to program, or a walk over the equations of one; `as_transform` makes of
it something that nests with `jit`, `grad` and `vmap` in any order.

>>> import numpy
>>> import ms_func as ms
>>> from ms_func import extend
>>> cube_p = extend.elementwise(
...     "my_cube", ref=lambda x: x**3, derivative=lambda x, y: 3.0 * x * x,
...     lower=extend.lower_as(lambda x: x * x * x))
>>> float(ms.jit(ms.grad(cube_p.bind))(2.0))
12.0

`docs/extending.md` explains both with whole examples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from ms_func import tree
from ms_func.api.programs import apply, as_value
from ms_func.errors import ArgumentTypeError
from ms_func.errors import ShapeError as ShapeError
from ms_func.errors import UnsupportedError as UnsupportedError
from ms_func.ir import evaluate as evaluate
from ms_func.ir import parse as parse
from ms_func.ir import to_text as to_text
from ms_func.ir import verify as verify
from ms_func.ir.function import Eqn as Eqn
from ms_func.ir.function import Function as Function
from ms_func.ir.function import Literal as Literal
from ms_func.ir.function import Var as Var
from ms_func.ir.loc import hide_frames_of as hide_frames_of
from ms_func.ir.primitive import DEFAULT as DEFAULT
from ms_func.ir.primitive import ELEMENTWISE as ELEMENTWISE
from ms_func.ir.primitive import NONLINEAR as NONLINEAR
from ms_func.ir.primitive import PIECEWISE_LINEAR as PIECEWISE_LINEAR
from ms_func.ir.primitive import UNFOLDED as UNFOLDED
from ms_func.ir.primitive import VIA_JVP as VIA_JVP
from ms_func.ir.primitive import ZERO as ZERO
from ms_func.ir.primitive import Cost as Cost
from ms_func.ir.primitive import Linear as Linear
from ms_func.ir.primitive import Multilinear as Multilinear
from ms_func.ir.primitive import NotSupported as NotSupported
from ms_func.ir.primitive import Primitive as Primitive
from ms_func.ir.primitive import Recurrence as Recurrence
from ms_func.ir.primitive import UndefinedPrimal as UndefinedPrimal
from ms_func.ir.primitive import Zero as Zero
from ms_func.ir.primitive import primitives
from ms_func.ir.primitive import register as register
from ms_func.ir.text import register_param_type as register_param_type
from ms_func.ir.types import ArrayType as ArrayType
from ms_func.ir.types import typeof as typeof
from ms_func.ir.walk import walk as walked
from ms_func.primitives.arithmetic import smooth as elementwise
from ms_func.primitives.batching import move_batch as move_batch
from ms_func.primitives.batching import to_front as to_front
from ms_func.tracing.arguments import function_name, leaf_types
from ms_func.tracing.stage import stage
from ms_func.tracing.tracer import build as build
from ms_func.transforms import passes as passes
from ms_func.transforms.batch import batch as batch_program
from ms_func.transforms.jet import jet as jet_program
from ms_func.transforms.jvp import jvp as jvp_program
from ms_func.transforms.linearize import linearize as linearize_program
from ms_func.transforms.linearize import vjp as vjp_program
from ms_func.transforms.partial_eval import partial_eval as partial_eval
from ms_func.transforms.transpose import transpose as transpose_program
from ms_func.transforms.zeros import instantiate as instantiate

__all__ = [
    "DEFAULT", "ELEMENTWISE", "NONLINEAR", "PIECEWISE_LINEAR", "UNFOLDED", "VIA_JVP", "ZERO",
    "ArrayType", "Cost", "Eqn", "Function", "Linear", "Literal", "Multilinear", "NotSupported",
    "Primitive", "Recurrence", "ShapeError", "UndefinedPrimal", "UnsupportedError", "Var", "Zero",
    "apply", "as_transform", "batch_program", "build", "elementwise", "evaluate", "hide_frames_of",
    "instantiate", "jet_program", "jvp_program", "linearize_program", "lower_as", "move_batch",
    "parse",
    "partial_eval", "passes", "primitives", "register", "register_param_type", "to_front",
    "to_text", "transpose_program", "typeof", "verify", "vjp_program", "walk",
]  # fmt: skip
__dir__ = __all__.copy


def lower_as(fun: Callable[..., Any]) -> Callable[..., Any]:
    """Lowering rule that computes a primitive by other operations.

    Args:
        fun: function of the operands, and of the parameters by keyword, giving the result or a
            list of results.

    Example:
        >>> twice_p = elementwise("my_twice", ref=lambda x: 2 * x, lower=lower_as(lambda x: x + x),
        ...                       derivative=lambda x, y: 2.0 + 0.0 * x)
        >>> float(twice_p.bind(3.0))
        6.0
    """

    def lower(builder: Any, eqn: Eqn, *values: Any) -> Any:
        def body(args: Sequence[Any]) -> Sequence[Any]:
            out = fun(*args, **eqn.params)
            return out if eqn.primitive.multiple_results else [out]

        made = stage(body, [a.type for a in eqn.inputs], name=eqn.primitive.name)
        consts = [builder.array_constant(np.asarray(x)) for x in made.captured]
        outs = builder.inline(made.fn, [*consts, *values])
        return outs if eqn.primitive.multiple_results else outs[0]

    return lower


def walk(
    fn: Function, args: Sequence[Any], rule: Callable[[Eqn, list[Any]], Sequence[Any] | None]
) -> list[Any]:
    """Results of a program on values, some of its equations given another meaning.

    Args:
        fn: the program.
        args: a value for each parameter: arrays, traced values, or whatever `rule` makes of them.
        rule: called with each equation and the values of its operands; gives the values of
            its results, or None to apply the primitive as it is.

    Example:
        >>> import ms_func as ms
        >>> fn = ms.make_ir(lambda x: x * 3.0)(1.0)
        >>> seen = []
        >>> float(walk(fn, [2.0], lambda eqn, ins: seen.append(eqn.primitive.name))[0]), seen
        (6.0, ['mul'])
    """
    return [as_value(x) for x in walked(fn, args, rule)]


def as_transform(
    change: Callable[[Function], Function],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Transform of Python functions from a function of programs.

    The transform stages its function, changes the program, and applies it: runs it, or records it
    in whatever is being recorded, so that it nests with every other transform.

    Args:
        change: from a program to one with the same parameters and as many results.

    Example:
        >>> import ms_func as ms
        >>> def doubled(fn):
        ...     return build(fn.name, fn.in_types, lambda *xs: [2.0 * y for y in apply(fn, xs)])
        >>> float(as_transform(doubled)(lambda x: x * x)(3.0))
        18.0
    """

    @wraps(change)
    def transform(fun: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(fun, updated=())
        def changed(*args: Any, **kwargs: Any) -> Any:
            leaves, in_tree = tree.flatten((args, kwargs))

            def call(tracers: list[Any]) -> Any:
                positional, named = tree.unflatten(in_tree, tracers)
                return fun(*positional, **named)

            name = function_name(fun)
            types = leaf_types(leaves, function_name(change), name)
            staged = stage(call, types, name=name, values=leaves)
            made = change(staged.fn)
            if made.in_types != staged.fn.in_types or len(made.results) != len(staged.fn.results):
                raise ArgumentTypeError(
                    f"`{function_name(change)}` turned a program of {len(staged.fn.params)} "
                    f"parameters and {len(staged.fn.results)} results into one of "
                    f"{len(made.params)} and {len(made.results)}; a transform keeps both, and "
                    "the types of the parameters"
                )
            return staged.unflatten(apply(made, [*staged.captured, *leaves]))

        return changed

    return transform
