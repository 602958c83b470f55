"""Whole Jacobians and Hessians: jvp and vjp over a basis, all directions at once by vmap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func import tree
from ms_func.api.differentiate import as_imported, check_input, grad, no_real_output
from ms_func.api.linearize import jvp, linearized, pushed, stage_call, value_types, vjp
from ms_func.api.programs import ArgNums, pick
from ms_func.api.vectorize import vmap
from ms_func.dtypes import float0, is_inexact
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.pieces import slice as slice_
from ms_func.primitives.shape import full, reshape
from ms_func.tracing.arguments import (
    check_callable,
    function_name,
    leaf_types,
    normalize_argnums,
    split_arguments,
    wraps,
)
from ms_func.tracing.policy import user_function
from ms_func.tracing.tracebacks import user_traceback


def _standard_basis(leaves: Sequence[Any]) -> list[Any]:
    """For each leaf the rows that walk through all coordinates of all leaves together."""
    sizes = [typeof(x).size for x in leaves]
    total, rows, start = sum(sizes), [], 0
    for x, n in zip(leaves, sizes, strict=True):
        t = typeof(x)
        block = np.zeros((total, n), t.tangent.dtype)
        block[start : start + n] = np.eye(n, dtype=t.tangent.dtype)
        rows.append(block.reshape((total, *t.shape)))
        start += n
    return rows


def jacfwd(
    fun: Callable[..., Any],
    argnums: ArgNums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Jacobian of `fun` by forward mode, one column at a time, all at once by `vmap`.

    Good for tall Jacobians (more results than inputs).

    Args:
        fun: function of floating arrays or trees of them.
        argnums: positions of the arguments to differentiate by.
        has_aux: whether `fun` returns a pair; the second, auxiliary part is returned as it is.
        holomorphic: promise that `fun` is holomorphic; inputs and result must be complex.

    Returns:
        Function of the same arguments. Each leaf of the result, of shape `s`, gives for each input
        leaf of shape `t` an array of shape `s + t`.

    Raises:
        TypeError: an argument is not floating.

    Example:
        >>> jacfwd(lambda x: x * x)(np.array([1.0, 2.0])).tolist()
        [[2.0, 0.0], [0.0, 4.0]]
    """
    check_callable("jacfwd", fun)
    name = function_name(fun)

    @user_traceback
    @wraps(
        fun,
        f"Jacobian of {{fun}} by argument(s) {argnums}; takes the arguments of {{fun}}.",
    )
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        numbers = normalize_argnums(argnums, len(args), f"jacfwd of `{name}`",
                                    ArgumentValueError)  # fmt: skip
        leaves, in_tree, rebuild = split_arguments(args, numbers)
        for t in leaf_types(leaves, "jacfwd", name):
            _check_forward_input(name, t, holomorphic)

        def flat(*xs: Any) -> Any:
            return user_function(fun)(*rebuild(xs), **kwargs)

        staged, values, tree_of_leaves = stage_call("jacfwd", flat, leaves, has_aux)
        types = value_types(staged, has_aux)
        if holomorphic:
            _check_holomorphic("jacfwd", name, types)
        columns, aux = _columns(staged, values, tree_of_leaves, has_aux)
        found, out_tree = tree.flatten(columns)
        jac = tree.unflatten(out_tree, [
            _split_columns(c, t, leaves, in_tree, argnums)
            for c, t in zip(found, types, strict=True)
        ])  # fmt: skip
        return (jac, aux) if has_aux else jac

    return jacobian


def _check_forward_input(name: str, t: ArrayType, holomorphic: bool) -> None:
    """Raise TypeError where there is no direction along a value of this type."""
    if holomorphic or (is_inexact(t.dtype) and t.dtype.kind != "c"):
        check_input("jacfwd", name, t, holomorphic, False)
        return
    remedy = as_imported(
        "For holomorphic differentiation, pass holomorphic=True. For differentiation of "
        "non-holomorphic functions involving complex inputs or integer inputs, use jax.jvp "
        "directly."
    )
    raise ArgumentTypeError(
        "jacfwd requires real-valued inputs (input dtype that is a sub-dtype of np.floating), but "
        f"got {t.face.name}. {remedy} This was a call of `{name}`\n"
        "fix: for a holomorphic function pass holomorphic=True; else convert"
    )


def _columns(staged: Any, leaves: Sequence[Any], in_tree: Any, has_aux: bool) -> tuple[Any, Any]:
    """Derivatives in the directions of the basis along the last dimension, and auxiliary data."""
    basis = _standard_basis(leaves)
    if staged.fn.effects:  # these happen once, not once for each direction
        _, push, *rest = linearized(staged, leaves, in_tree, has_aux)
        return vmap(push, out_axes=-1)(*basis), rest[0] if has_aux else None

    def both(*dots: Any) -> Any:
        out = pushed(staged, leaves, dots, has_aux)
        return (out[1], out[2]) if has_aux else (out[1], None)

    return vmap(both, out_axes=(-1, None))(*basis)


def _split_columns(
    columns: Any, out: ArrayType, leaves: Sequence[Any], in_tree: Any, argnums: ArgNums
) -> Any:
    """Cut the last dimension into the coordinates of each leaf, with the leaf's shape."""
    parts, start = [], 0
    shape = typeof(columns).shape[:-1]
    for x in leaves:
        t = typeof(x)
        piece = _cut(columns, start, t.size, -1)
        parts.append(_typed(reshape(piece, shape + t.shape), out))
        start += t.size
    return pick(tree.unflatten(in_tree, parts), argnums)


def jacrev(
    fun: Callable[..., Any],
    argnums: ArgNums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable[..., Any]:
    """Jacobian of `fun` by reverse mode, one row at a time, all at once by `vmap`.

    Good for wide Jacobians (more inputs than results).

    Args:
        fun: function of floating arrays or trees of them.
        argnums: positions of the arguments to differentiate by.
        has_aux: whether `fun` returns a pair; the second, auxiliary part is returned as it is.
        holomorphic: promise that `fun` is holomorphic; inputs and result must be complex.
        allow_int: allow integer and boolean arguments; their parts have dtype `float0`.

    Returns:
        Function of the same arguments. Each leaf of the result, of shape `s`, gives for each input
        leaf of shape `t` an array of shape `s + t`.

    Raises:
        TypeError: an argument or a result is not floating.

    Example:
        >>> jacrev(lambda x: x * x)(np.array([1.0, 2.0])).tolist()
        [[2.0, 0.0], [0.0, 4.0]]
        >>> jacrev(lambda x, y: x * y, argnums=(0, 1))(2.0, 3.0)[1].item()
        2.0
    """
    check_callable("jacrev", fun)
    name = function_name(fun)

    @user_traceback
    @wraps(
        fun,
        f"Jacobian of {{fun}} by argument(s) {argnums}; takes the arguments of {{fun}}.",
    )
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        numbers = normalize_argnums(argnums, len(args), f"jacrev of `{name}`",
                                    ArgumentValueError)  # fmt: skip
        leaves, in_tree, rebuild = split_arguments(args, numbers)
        for t in leaf_types(leaves, "jacrev", name):
            check_input("jacrev", name, t, holomorphic, allow_int)

        def flat(*xs: Any) -> Any:
            return user_function(fun)(*rebuild(xs), **kwargs)

        value, pull, *aux = vjp(flat, *leaves, has_aux=has_aux)
        outs, out_tree = tree.flatten(value)
        for x in outs:
            _check_jacobian_output(name, typeof(x), holomorphic)
        rows = vmap(lambda *cts: pull(tree.unflatten(out_tree, cts)))(*_standard_basis(outs))
        per_out = _split_rows(rows, outs, leaves, in_tree, argnums)
        jac = tree.unflatten(out_tree, per_out)
        return (jac, aux[0]) if has_aux else jac

    return jacobian


def _typed(x: Any, t: ArrayType) -> Any:
    """A derivative with dtype and weakness of the value `t` it belongs to; zeros of integers."""
    if t.tangent.dtype == float0:
        return full(typeof(x).shape, 0, t.dtype) if t.dtype.kind in "biu" else x
    return convert_element_type(x, t.dtype, t.weak_type)


def _check_holomorphic(what: str, name: str, types: Sequence[ArrayType]) -> None:
    for t in types:
        if t.dtype.kind != "c":
            raise ArgumentTypeError(
                f"{what} with holomorphic=True requires outputs with complex dtype, but got "
                f"{t.face.name} from `{name}`"
            )


def _check_jacobian_output(name: str, t: ArrayType, holomorphic: bool) -> None:
    if holomorphic:
        _check_holomorphic("jacrev", name, [t])
    elif not is_inexact(t.dtype) or t.dtype.kind == "c":
        raise no_real_output("jacrev", name, t)


def _split_rows(
    rows: Sequence[Any], outs: Sequence[Any], leaves: Sequence[Any], in_tree: Any,
    argnums: ArgNums,
) -> list[Any]:  # fmt: skip
    """Cut the first dimension into the coordinates of each result, with the result's shape."""
    per_out, start = [], 0
    for y in outs:
        t = typeof(y)
        cut = [_cut(r, start, t.size, 0) for r in rows]
        pieces = [
            _typed(reshape(c, t.shape + typeof(c).shape[1:]), typeof(x))
            for c, x in zip(cut, leaves, strict=True)
        ]
        per_out.append(pick(tree.unflatten(in_tree, pieces), argnums))
        start += t.size
    return per_out


def hessian(
    fun: Callable[..., Any],
    argnums: ArgNums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Second derivative of `fun`: forward mode over reverse mode.

    Args:
        fun: function of floating arrays or trees of them.
        argnums: positions of the arguments to differentiate by.
        has_aux: whether `fun` returns a pair; the second, auxiliary part is returned as it is.
        holomorphic: promise that `fun` is holomorphic; inputs and result must be complex.

    Returns:
        Function of the same arguments. Results of shape `r` give, for arguments of shapes `s` and
        `t`, arrays of shape `r + s + t` in the structure of result, argument and argument.

    Raises:
        TypeError: an argument is not floating.

    Example:
        >>> hessian(lambda x: x[0] * x[1] ** 2)(np.array([2.0, 3.0])).tolist()
        [[0.0, 6.0], [6.0, 4.0]]
    """
    return jacfwd(
        jacrev(fun, argnums, has_aux=has_aux, holomorphic=holomorphic),
        argnums,
        has_aux=has_aux,
        holomorphic=holomorphic,
    )


def hvp(fun: Callable[..., Any], primals: Any, v: Any) -> Any:
    """Product of the Hessian of a scalar function with a vector, without forming the Hessian.

    Args:
        fun: function with a real scalar result.
        primals: tuple of arguments.
        v: tuple of directions.

    Returns:
        Structure of the first argument.

    Example:
        >>> float(hvp(lambda x: x * x * x, (2.0,), (1.0,)))
        12.0
    """
    return jvp(grad(fun), primals, v)[1]


jacobian = jacrev


def _cut(x: Any, start: int, size: int, axis: int) -> Any:
    """`size` entries of one dimension from `start` on."""
    shape = typeof(x).shape
    axis %= len(shape)
    lows = [start if d == axis else 0 for d in range(len(shape))]
    highs = [start + size if d == axis else n for d, n in enumerate(shape)]
    return slice_(x, lows, highs)
