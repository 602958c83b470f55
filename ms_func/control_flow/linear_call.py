"""`linear_call`: a linear function whose transpose is given instead of derived."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ms_func import tree
from ms_func.control_flow import bodies
from ms_func.control_flow.bodies import split_list
from ms_func.control_flow.program_primitive import computed_by
from ms_func.errors import ArgumentTypeError, ShapeError
from ms_func.ir.loc import user_loc
from ms_func.ir.primitive import (
    Primitive,
    Zero,
    register,
)
from ms_func.ir.types import typeof
from ms_func.primitives.families import is_linear
from ms_func.tracing.arguments import function_name, leaf_types
from ms_func.tracing.policy import user_function
from ms_func.transforms.jet import jet_walk
from ms_func.transforms.jvp import jvp_walk
from ms_func.transforms.zeros import add, instantiate, is_live

# --- the primitive ----------------------------------------------------------------------------


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    """Linear in the last operands; differentiated as it is written in the first ones."""
    fn, k = params["fn"], params["num_residuals"]
    known, (known_dots, dots) = primals[:k], split_list(tangents, k)
    outs = linear_call_p.bind(*primals, **params)
    found: list[Any] = [Zero(t.tangent) for t in fn.out_types]
    if any(is_live(dots)):
        found = linear_call_p.bind(*known, *map(instantiate, dots), **params)
    if any(is_live(known_dots)):
        fixed = [Zero(typeof(x).tangent) for x in primals[k:]]
        more = jvp_walk(fn, primals, [*known_dots, *fixed])[1]
        found = [add(x, y) for x, y in zip(found, more, strict=True)]
    return outs, found


def _jet(primals: Sequence[Any], series: Any, order: int, **params: Any) -> Any:
    return jet_walk(params["fn"], primals, series, order)


def _transpose(cts: Sequence[Any], *operands: Any, **params: Any) -> list[Any]:
    k = params["num_residuals"]
    swapped = {"fn": params["fn_transpose"], "fn_transpose": params["fn"], "num_residuals": k}
    found = linear_call_p.bind(*operands[:k], *map(instantiate, cts), **swapped)
    given = operands[k:]
    return [None] * k + [ct if is_linear(x) else None for ct, x in zip(found, given, strict=True)]


def _batch(size: int, args: Any, dims: Any, **params: Any) -> Any:
    """Both functions for all lanes; linear operands and results with the lanes in front."""
    fn, back, k = params["fn"], params["fn_transpose"], params["num_residuals"]
    known = tuple(dims[:k])
    n, m = len(dims) - k, len(fn.results)
    made = bodies.batch_to(fn, size, (*known, *(0,) * n), (0,) * m)[0]
    made_back = bodies.batch_to(back, size, (*known, *(0,) * m), (0,) * n)[0]
    moved = [
        bodies.move_batch(x, d, 0, size) if d != 0 else x
        for x, d in zip(args[k:], dims[k:], strict=True)
    ]
    outs = linear_call_p.bind(*args[:k], *moved, fn=made, fn_transpose=made_back, num_residuals=k)
    return outs, [0] * m


linear_call_p = register(
    Primitive(
        "linear_call",
        **computed_by("fn"),
        jvp=_jvp,
        jet=_jet,
        transpose=_transpose,
        batch=_batch,
    )
)


# --- what users call ----------------------------------------------------------------------------


def linear_call(
    fun: Callable[[Any, Any], Any],
    fun_transpose: Callable[[Any, Any], Any],
    residual_args: Any,
    linear_args: Any,
) -> Any:
    """`fun(residual_args, linear_args)`, which reverse mode transposes by `fun_transpose`.

    Both functions have all derivatives with respect to `residual_args`, as they are written.

    Args:
        fun: function of two trees of arrays, linear in the second.
        fun_transpose: function of `residual_args` and a tree like the result of `fun`, giving a
            tree like `linear_args`: its transpose.
        residual_args: array or tree of arrays.
        linear_args: array or tree of arrays.

    Returns:
        What `fun` returns.

    Raises:
        TypeError: the result of `fun_transpose` has another structure than `linear_args`.
        ShapeError: it has other shapes or dtypes.

    Example:
        >>> def scale(factor, x):
        ...     return factor * x
        >>> float(linear_call(scale, scale, 3.0, 2.0))
        6.0
    """
    fun, fun_transpose = user_function(fun), user_function(fun_transpose)
    known = tree.leaves(residual_args)
    linear, linear_tree = tree.flatten(linear_args)
    known_types = leaf_types(known, "linear_call", function_name(fun))
    types = leaf_types(linear, "linear_call", function_name(fun))
    in_tree = tree.structure((residual_args, linear_args))
    made = bodies.stage_on_tree(fun, in_tree, [*known_types, *types])
    outs = made.fn.out_types
    back_tree = tree.treedef_tuple([tree.structure(residual_args), made.out_tree])
    cts = [t.tangent for t in outs]
    back = bodies.stage_on_tree(fun_transpose, back_tree, [*known_types, *cts])
    _check_back(back.out_tree, back.fn.out_types, linear_tree, types)
    fns, captured = bodies.share_captured([made, back])
    found = linear_call_p.bind(
        *captured, *known, *linear,
        fn=fns[0], fn_transpose=fns[1], num_residuals=len(captured) + len(known),
    )  # fmt: skip
    return tree.unflatten(made.out_tree, found)


def _check_back(out_tree: Any, outs: Any, linear_tree: Any, types: Any) -> None:
    if out_tree != linear_tree:
        raise ArgumentTypeError(
            "transpose output pytree structure must match that of linear inputs, got output "
            f"structure {out_tree} and input structure {linear_tree}."
        )
    for got, wanted in zip(outs, types, strict=True):
        if got.shape != wanted.shape or got.dtype != wanted.tangent.dtype:
            raise ShapeError(
                "transpose output types must match those of linear inputs, got "
                f"{got} for an input of type {wanted}",
                user_loc(),
            )
