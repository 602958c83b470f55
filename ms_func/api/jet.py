"""jet: higher-order derivatives along a curve, by Taylor series."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func import tree
from ms_func.api.programs import apply, simplified, zero_value
from ms_func.dtypes import is_inexact
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.ir.function import Function
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.arithmetic import mul
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.families import literal
from ms_func.primitives.shape import broadcast
from ms_func.tracing.arguments import function_name, leaf_types
from ms_func.tracing.policy import user_function
from ms_func.tracing.stage import stage
from ms_func.transforms.jet import jet as jet_program


def jet(
    fun: Callable[..., Any],
    primals: Any,
    series: Any,
    factorial_scaled: bool = True,
    **_: Any,
) -> tuple[Any, Any]:
    """Value of `fun` along a curve, and its derivatives by the parameter of the curve.

    With arguments x(t) whose value at 0 is `primals` and whose n-th derivative there is the
    n-th entry of `series`, these are the value and the derivatives of `fun(x(t))` at 0. The
    cost grows with the square of their number, not exponentially as that of nested `jvp`.

    Args:
        fun: function of arrays or trees of arrays.
        primals: tuple of arguments.
        series: for each argument the list of its derivatives 1 to K, each like the argument.
        factorial_scaled: with False, entries of `series` and of the result are coefficients
            of the Taylor polynomial: derivatives over n!.
        **_: accepted for compatibility.

    Returns:
        The value, and a tree of the structure of the value with a list of K derivatives in
        the place of each array.

    Raises:
        TypeError: `primals` or `series` is no tuple or list, or a term does not fit.
        ValueError: the arguments have different numbers of terms.

    Example:
        >>> from ms_func.primitives.elementwise import sin
        >>> y, (dy, ddy) = jet(sin, (0.0,), ([1.0, 0.0],))
        >>> float(y), float(dy), float(ddy)
        (0.0, 1.0, 0.0)

    Reference:
        Griewank and Walther, "Evaluating Derivatives", chapter 13, SIAM 2008.
    """
    name = function_name(fun)
    order = _order(primals, series)
    leaves, in_tree = tree.flatten(tuple(primals))
    types = leaf_types(leaves, "jet", name)
    rows = _rows(primals, series, types)
    fun = user_function(fun)
    staged = stage(lambda xs: fun(*tree.unflatten(in_tree, xs)), types, name=name, values=leaves,
                   role="other")  # fmt: skip
    n_captured = len(staged.captured)
    moving = (False,) * n_captured + tuple(order > 0 and is_inexact(t.dtype) for t in types)
    program, found = _simplified_jet(staged.fn, order, moving)
    terms = [
        _term(c, t, k, factorial_scaled)
        for t, row, m in zip(types, rows, moving[n_captured:], strict=True)
        if m
        for k, c in enumerate(row, 1)
    ]
    outs = apply(program, [*staged.captured, *leaves, *terms])
    n = len(staged.fn.results)
    rest = iter(outs[n:])
    lists = [
        [_scaled(next(rest), k, factorial_scaled) if f else zero_value(t.tangent)
         for k in range(1, order + 1)]
        for f, t in zip(found, staged.fn.out_types, strict=True)
    ]  # fmt: skip
    return staged.unflatten(outs[:n]), tree.unflatten(staged.out_tree, lists)


def _order(primals: Any, series: Any) -> int:
    """Number of terms that all arguments have."""
    for what, given in (("primals", primals), ("series", series)):
        if not isinstance(given, (tuple, list)):
            raise ArgumentTypeError(
                f"{what} given to jet must be a tuple or a list, got {type(given).__name__}\n"
                "fix: jet(f, (x,), ([dx, ddx],)) for a function of one argument"
            )
    if len(primals) != len(series):
        raise ArgumentValueError(
            f"jet takes one list of terms for each argument, got {len(series)} for "
            f"{len(primals)} arguments"
        )
    lengths = {len(terms) for terms in series}
    if len(lengths) > 1:
        raise ArgumentValueError(
            "jet terms have inconsistent lengths for different arguments: "
            f"{[len(terms) for terms in series]}\nfix: fill up with zeros"
        )
    return lengths.pop() if lengths else 0


def _rows(primals: Any, series: Any, types: Sequence[ArrayType]) -> list[list[Any]]:
    """For each leaf of the arguments its terms."""
    rows: list[list[Any]] = []
    for i, (primal, terms) in enumerate(zip(primals, series, strict=True)):
        leaves, structure = tree.flatten(primal)
        columns = []
        for term in terms:
            flat, found = tree.flatten(term)
            if found != structure:
                raise ArgumentTypeError(
                    f"a term of argument {i} of jet has structure {found}, and the argument "
                    f"has {structure}"
                )
            columns.append(flat)
        rows += [[c[j] for c in columns] for j in range(len(leaves))]
    for row, t in zip(rows, types, strict=True):
        for x in row:
            shape = typeof(x).shape
            if shape not in (t.shape, ()):
                raise ArgumentTypeError(
                    f"a term given to jet has shape {shape}, and its argument has shape "
                    f"{t.shape}\nfix: give each term the argument's shape"
                )
    return rows


def _simplified_jet(
    fn: Function, order: int, active: tuple[bool, ...]
) -> tuple[Function, tuple[bool, ...]]:
    key = ("simplified_jet", order, active)
    if key not in fn.memo:
        program, found = jet_program(fn, order, active)
        fn.memo[key] = simplified(program), found
    return fn.memo[key]


def _term(x: Any, t: ArrayType, k: int, scaled: bool) -> Any:
    """Coefficient k of a leaf from what the user gave."""
    wanted = t.tangent
    if isinstance(x, (bool, int, float, complex)):
        x = np.full(t.shape, x, wanted.dtype)
    elif typeof(x).dtype != wanted.dtype:
        x = convert_element_type(x, wanted.dtype)
    if typeof(x).shape != t.shape:
        x = broadcast(x, t.shape)
    return mul(x, literal(1 / math.factorial(k), x)) if scaled and k > 1 else x


def _scaled(x: Any, k: int, scaled: bool) -> Any:
    return mul(x, literal(math.factorial(k), x)) if scaled and k > 1 else x
