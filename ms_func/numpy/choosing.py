"""Choosing between arrays by conditions, and of elements by masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.control_flow.identities import stop_gradient
from ms_func.dtypes import is_inexact, issubdtype
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import logic
from ms_func.numpy.arithmetic import remainder
from ms_func.numpy.axes import axis_index
from ms_func.numpy.creation import asarray
from ms_func.numpy.manipulation import broadcast_to, ravel
from ms_func.numpy.promotion import (
    ArrayLike,
    as_handle,
    common_shape,
    convert,
    no_out,
    operand,
    promote_dtype,
    strong,
)
from ms_func.numpy.searching import concrete, nonzero, where
from ms_func.numpy.taking import take
from ms_func.tracing.tracer import Tracer


def select(
    condlist: Sequence[ArrayLike], choicelist: Sequence[ArrayLike], default: ArrayLike = 0
) -> Array:
    """For each element the choice of the first condition that holds, else `default`.

    Args:
        condlist: arrays; nonzero elements hold.
        choicelist: as many arrays or numbers; all broadcast together.
        default: array or number.

    Returns:
        Array of the dtype that the choices and `default` promote to.

    Raises:
        ValueError: there are no conditions, or not as many choices.

    Example:
        >>> x = np.arange(5)
        >>> np.select([x < 2, x < 4], [-x, x * 10], 99)
        Array([ 0, -1, 20, 30, 99], dtype=int32)
    """
    if len(condlist) != len(choicelist):
        raise ArgumentValueError(
            f"condlist must have length equal to choicelist ({len(condlist)} vs {len(choicelist)})"
        )
    if not condlist:
        raise ArgumentValueError("condlist must be non-empty")
    *choices, out = _one_kind("select", [*choicelist, default])
    for condition, choice in zip(condlist[::-1], choices[::-1], strict=True):
        out = where(condition, choice, out)
    return as_handle(out)


def _one_kind(name: str, values: Sequence[Any]) -> list[Any]:
    """Operands of one dtype; shapes stay."""
    return promote_dtype(name, *values)


def choose(
    a: ArrayLike, choices: Sequence[ArrayLike], out: None = None, mode: str = "raise"
) -> Array:
    """For each element of the integer array `a` the element of `choices[a]` at its place.

    Args:
        a: integers.
        choices: arrays that broadcast against `a`.
        out: not supported.
        mode: "clip" or "wrap"; "raise" checks where the values are known.

    Returns:
        Array of the shape that all broadcast to and the dtype the choices promote to.

    Raises:
        ValueError: `a` does not hold integers, or a known value is out of bounds and `mode` is
            "raise".
        ConcretizationTypeError: `mode` is "raise" and the values are known only at run time.

    Example:
        >>> np.choose(np.array([0, 1, 0]), [np.array([1, 2, 3]), np.array([10, 20, 30])])
        Array([ 1, 20,  3], dtype=int32)
        >>> np.choose(np.array([-1, 5]), [np.array([1, 2]), 7], mode="clip")
        Array([1, 7], dtype=int32)
    """
    no_out("choose", out)
    a = operand("choose", a)
    if not issubdtype(typeof(a).dtype, np.integer):
        raise ArgumentValueError(f"choose: `a` array must be integer typed, got {typeof(a).dtype}")
    rows = (
        list(choices)
        if isinstance(choices, (tuple, list))
        else [choices[i] for i in range(np.shape(choices)[0])]  # pyright: ignore[reportArgumentType, reportCallIssue]
    )
    n = len(rows)
    if mode == "raise":
        value = concrete("choose with mode='raise'", a, "use mode='clip' or mode='wrap'")
        if ((value < 0) | (value >= n)).any():
            raise ArgumentValueError("invalid entry in choice array")
    elif mode not in ("clip", "wrap"):
        raise ArgumentValueError(
            f"mode={mode!r} not understood. Must be 'raise', 'wrap', or 'clip'"
        )
    if mode == "wrap":
        a = remainder(a, n)
    result: Any = None
    for i, row in enumerate(_one_kind("choose", rows)):
        test = logic.less_equal(a, 0) if i == 0 else logic.greater_equal(a, i)
        result = row if result is None else where(test, row, result)
    return strong(broadcast_to(result, common_shape("choose", [np.shape(result), np.shape(a)])))


def piecewise(x: ArrayLike, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Array:
    """For each element the function of the last condition that holds, else the extra one or 0.

    Functions are called on the whole of `x`; what they compute for elements of others has no
    part in the result or in its derivative.

    Args:
        x: array.
        condlist: boolean arrays of the shape of `x`, or one of them.
        funclist: one function or number for each condition, and perhaps one more for the elements
            at which none holds.
        *args: passed to the functions after `x`.
        **kw: passed to the functions.

    Returns:
        Array with the shape and dtype of `x`.

    Raises:
        ValueError: the numbers of conditions and functions do not fit.

    Example:
        >>> x = np.array([-2.0, 0.5, 3.0])
        >>> np.piecewise(x, [x < 0, x > 1], [lambda v: -v, 9.0, lambda v: v * 2])
        Array([2., 1., 9.], dtype=float32)
    """
    x = operand("piecewise", x)
    conditions = (
        list(condlist)
        if isinstance(condlist, (list, tuple))
        else [condlist[i] for i in range(np.shape(condlist)[0])]
        if np.ndim(condlist) > typeof(x).ndim
        else [condlist]
    )
    if len(funclist) not in (len(conditions), len(conditions) + 1):
        raise ArgumentValueError(
            f"with {len(conditions)} condition(s), either {len(conditions)} or "
            f"{len(conditions) + 1} functions are expected; got {len(funclist)}"
        )
    rest = 0 if len(funclist) == len(conditions) else funclist[-1]
    turns = [(True, rest), *zip(conditions, funclist, strict=False)]
    out: Any = None
    free: Any = True  # where no condition that counts more holds
    for condition, case in reversed(turns):
        mine = logic.logical_and(condition, free)
        free = logic.logical_and(free, logic.logical_not(condition))
        value = _case(case, x, mine, args, kw)
        out = value if out is None else where(mine, value, out)
    return strong(convert(broadcast_to(out, typeof(x).shape), typeof(x).dtype))


def _case(case: Any, x: Any, mine: Any, args: Sequence[Any], kw: dict[str, Any]) -> Any:
    """What a function gives; elements that others decide send no derivative back."""
    if not callable(case):
        return convert(asarray(promote_dtype("piecewise", x, case)[1]), typeof(x).dtype)
    guarded = where(mine, x, stop_gradient(x)) if is_inexact(typeof(x).dtype) else x
    return convert(case(guarded, *args, **kw), typeof(x).dtype)


def extract(
    condition: ArrayLike, arr: ArrayLike, *, size: int | None = None, fill_value: ArrayLike = 0
) -> Array:
    """Elements of the flat `arr` where `condition` holds.

    Args:
        condition: array; nonzero elements hold.
        arr: array of as many elements.
        size: length of the result, needed where `condition` is known only at run time: more
            elements are cut off, fewer are padded.
        fill_value: pads.

    Raises:
        ConcretizationTypeError: `condition` is known only at run time and there is no `size`.

    Example:
        >>> x = np.array([[1, 2], [3, 4]])
        >>> np.extract(x > 2, x), np.extract(x > 2, x, size=3, fill_value=-1)
        (Array([3, 4], dtype=int32), Array([ 3,  4, -1], dtype=int32))
    """
    return compress(ravel(condition), ravel(arr), size=size, fill_value=fill_value)


def compress(
    condition: ArrayLike, a: ArrayLike, axis: int | None = None, *, size: int | None = None,
    fill_value: ArrayLike = 0, out: None = None,
) -> Array:  # fmt: skip
    """Slices of `a` along a dimension where `condition` holds.

    Args:
        condition: vector; nonzero elements hold. Slices that it is too short for are left out.
        a: array.
        axis: dimension; None takes the flat array.
        size: number of slices of the result, needed where `condition` is known only at run time:
            more are cut off, fewer are padded.
        fill_value: pads.
        out: not supported.

    Raises:
        ValueError: `condition` is no vector, or holds beyond the end of the dimension.
        ConcretizationTypeError: `condition` is known only at run time and there is no `size`.

    Example:
        >>> x = np.array([[1, 2, 3], [4, 5, 6]])
        >>> np.compress(np.array([True, False, True]), x, axis=1)
        Array([[1, 3],
               [4, 6]], dtype=int32)
        >>> np.compress(np.array([False, True]), x, axis=0, size=2, fill_value=-1)
        Array([[ 4,  5,  6],
               [-1, -1, -1]], dtype=int32)
    """
    no_out("compress", out)
    condition, a = asarray(operand("compress", condition)), asarray(operand("compress", a))
    if condition.ndim != 1:
        raise ArgumentValueError("condition must be a 1D array")
    if axis is None:
        a, axis = ravel(a), 0
    axis = axis_index(axis, a.ndim)
    n = a.shape[axis]
    if condition.shape[0] > n and type(condition) is not Tracer and condition[n:].any():
        raise ArgumentValueError("condition contains entries that are out of bounds")
    (places,) = nonzero(condition[:n], size=size, fill_value=n)
    return take(a, places, axis, mode="fill", fill_value=fill_value)
