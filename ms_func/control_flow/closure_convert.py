"""`closure_convert`: what a function closes over becomes arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ms_func import tree
from ms_func.control_flow import bodies
from ms_func.control_flow.bodies import split_list
from ms_func.dtypes import is_inexact
from ms_func.errors import ArgumentTypeError
from ms_func.ir.primitive import (
    current,
)
from ms_func.ir.types import ArrayType, typeof
from ms_func.tracing.policy import user_function
from ms_func.tracing.tracer import Tracer


def closure_convert(
    fun: Callable[..., Any], *example_args: Any
) -> tuple[Callable[..., Any], list[Any]]:
    """`fun` with the traced values it closes over as further arguments, and these values.

    For the author of a `custom_vjp` function of functions: differentiation with respect to
    what `fun` closes over then goes through arguments.

    Args:
        fun: function of arrays or trees of arrays.
        *example_args: arguments that tell structure and types.

    Returns:
        A function of (`*args`, `*values`), and the list of floating values that `fun` closes
        over and that are being traced.

    Raises:
        TypeError: the function is called with other structures or types than those of
            `example_args`.

    Example:
        >>> converted, values = closure_convert(lambda x: x + 1, 2.0)
        >>> float(converted(3.0, *values))
        4.0
    """
    leaves, in_tree = tree.flatten(example_args)
    types = [typeof(x) for x in leaves]
    staged = bodies.stage_on_tree(user_function(fun), in_tree, types)
    hoist = [type(x) is Tracer and is_inexact(x.dtype) for x in staged.captured]
    values = bodies.chosen(staged.captured, hoist)
    kept = bodies.chosen(staged.captured, [not h for h in hoist])

    def converted(*args: Any) -> Any:
        own, given = split_list(args, len(args) - len(values))
        found, found_tree = tree.flatten(tuple(own))
        if found_tree != in_tree:
            raise ArgumentTypeError(
                f"the converted function takes arguments of structure {in_tree}, got {found_tree}"
            )
        _check_types(types, [typeof(x) for x in found])
        captured = bodies.merged(hoist, given, kept)
        outs = current.interpreter.apply(staged.fn, [*captured, *found])
        return staged.unflatten(bodies.values(outs))

    return converted, values


def _check_types(wanted: Sequence[ArrayType], given: Sequence[ArrayType]) -> None:
    for w, g in zip(wanted, given, strict=True):
        if (w.shape, w.face) != (g.shape, g.face):
            raise ArgumentTypeError(
                "the converted function takes arguments of the types of the examples that "
                f"closure_convert was given: {w.str_short()}, got {g.str_short()}\n"
                "fix: convert the function once more, with examples of these types"
            )
