"""Choosing among several arrays: `select`, `choose`, `piecewise`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import issubdtype
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import logic
from ms_func.numpy.arithmetic import remainder
from ms_func.numpy.creation import asarray
from ms_func.numpy.manipulation import broadcast_to
from ms_func.numpy.promotion import (
    ArrayLike,
    as_handle,
    common_shape,
    convert,
    fill,
    no_out,
    operand,
    promote_dtype,
)
from ms_func.numpy.searching import concrete, where


def select(
    condlist: Sequence[ArrayLike], choicelist: Sequence[ArrayLike], default: ArrayLike = 0
) -> Array:
    """For each element the choice of the first condition that holds, else `default`.

    Raises:
        ValueError: there are no conditions, or not as many choices.
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

    Raises:
        ValueError: the indices are no integers, or a known one is out of bounds and `mode` is
            "raise".
    """
    no_out("choose", out)
    a = operand("choose", a)
    if not issubdtype(typeof(a).dtype, np.integer):
        raise ArgumentValueError("`a` array must be integer typed")
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
    return broadcast_to(result, common_shape("choose", [np.shape(result), np.shape(a)]))


def piecewise(x: ArrayLike, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Array:
    """For each element the function of the last condition that holds, else the extra one or 0.

    Functions are called on the whole of `x`; numbers stand for constants.

    Raises:
        ValueError: the numbers of conditions and functions do not fit.
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
    cases = list(funclist)
    out = fill(0, typeof(x)) if len(cases) == len(conditions) else _case(cases.pop(), x, args, kw)
    for condition, case in zip(conditions, cases, strict=True):
        out = where(condition, _case(case, x, args, kw), out)
    return convert(out, typeof(x).dtype)


def _case(case: Any, x: Any, args: Sequence[Any], kw: dict[str, Any]) -> Any:
    value = case(x, *args, **kw) if callable(case) else asarray(operand("piecewise", case))
    return convert(value, typeof(x).dtype)
