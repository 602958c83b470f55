"""scatter: windows written to an array at places given by data.

The members of the family differ in how an update meets the element at its place: it replaces
it, is added to it, and so on. What they share stands in `scattering`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.errors import UnsupportedError
from ms_func.ir.function import Literal
from ms_func.ir.primitive import MADE, NONLINEAR, Linear, Primitive, Zero
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.arithmetic import add, div, mul, neg
from ms_func.primitives.basis import full_of, int_tuple
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import eq, select
from ms_func.primitives.families import is_linear, literal
from ms_func.primitives.gather import gather_p
from ms_func.primitives.indices import (
    CLIP,
    FILL,
    GatherScatterMode,
    ScatterDimensionNumbers,
    window_sizes,
)
from ms_func.primitives.scattering import scatter_primitive, scatter_windows
from ms_func.primitives.shape import iota, reshape

_INDEX = np.dtype(np.int32)

# --- reading back what a scatter wrote to ------------------------------------------------------


def _read_back(x: Any, indices: Any, updates: Any, params: dict[str, Any]) -> Any:
    """For each element of the updates, that of `x` at its place; 0 for those left out."""
    w = scatter_windows(params)
    return gather_p.bind(
        x,
        indices,
        offset_dims=w.dims,
        collapsed_slice_dims=w.collapsed,
        start_index_map=w.coordinates,
        operand_batching_dims=w.operand_batch,
        start_indices_batching_dims=w.indices_batch,
        slice_sizes=window_sizes(typeof(x).shape, typeof(updates).shape, w),
        indices_are_sorted=params["indices_are_sorted"],
        unique_indices=params["unique_indices"],
        mode=CLIP if params["mode"] == CLIP else FILL,
        fill_value=None if params["mode"] == CLIP else 0,
    )


def _scatter_zeros(out: Any) -> Any:
    kind = typeof(out)
    return full_of(0, ArrayType(kind.shape, kind.dtype))


# --- scatter-add ------------------------------------------------------------------------------


def _scatter_add_transpose(ct: Any, x: Any, indices: Any, updates: Any, **params: Any) -> list[Any]:
    back = _read_back(ct, indices, updates, params) if is_linear(updates) else None
    return [ct if is_linear(x) else None, None, back]


scatter_add_p = scatter_primitive(
    "scatter_add", ref=np.add, lower="stablehlo.add", jvp=Linear(0, 2),
    transpose=_scatter_add_transpose, kind="sum", sums=MADE,
)  # fmt: skip


# --- scatter: replacing -----------------------------------------------------------------------


def _scatter_transpose(ct: Any, x: Any, indices: Any, updates: Any, **params: Any) -> list[Any]:
    """What was overwritten has cotangent 0; of several updates to a place, one counts."""
    ct_x = ct_updates = None
    if is_linear(x):
        kind = typeof(updates)
        zeros = full_of(0, ArrayType(kind.shape, typeof(ct).dtype))
        ct_x = scatter_p.bind(ct, indices, zeros, **params)
    if is_linear(updates):
        ct_updates = _read_back(ct, indices, updates, params)
        if not params["unique_indices"]:
            wins = _winners(typeof(x).shape, indices, updates, params)
            ct_updates = select(wins, ct_updates, literal(0, ct))
    return [ct_x, None, ct_updates]


def _winners(shape: tuple[int, ...], indices: Any, updates: Any, params: dict[str, Any]) -> Any:
    """Which updates were the last to be written to their place: those that find their number."""
    kind = typeof(updates)
    numbers = reshape(iota(_INDEX, kind.size), kind.shape)
    written = scatter_p.bind(full_of(0, ArrayType(shape, _INDEX)), indices, numbers, **params)
    return eq(_read_back(written, indices, updates, params), numbers)


scatter_p = scatter_primitive(
    "scatter", ref=None, lower=None, jvp=Linear(0, 2), transpose=_scatter_transpose, kind="whole"
)


# --- scatter-mul ------------------------------------------------------------------------------


def _scatter_mul_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    (x, indices, updates), (tx, _, tu) = primals, tangents
    out = scatter_mul_p.bind(x, indices, updates, **params)
    terms = []
    if type(tx) is not Zero:
        terms.append(scatter_mul_p.bind(tx, indices, updates, **params))
    if type(tu) is not Zero:
        if not params["unique_indices"]:
            tu = mul(tu, _others(x, indices, updates, params))
        total = scatter_add_p.bind(_scatter_zeros(out), indices, tu, **params)
        terms.append(mul(x, total))
    if not terms:
        return out, Zero(typeof(out).tangent)
    return out, terms[0] if len(terms) == 1 else add(*terms)


def _others(x: Any, indices: Any, updates: Any, params: dict[str, Any]) -> Any:
    """For each update, the product of the other updates to its place, zeros counted apart."""
    zero, one = literal(0, updates), literal(1, updates)
    is_zero = eq(updates, zero)
    ones = full_of(1, ArrayType(typeof(x).shape, typeof(updates).dtype))
    nonzero = select(is_zero, one, updates)
    product = scatter_mul_p.bind(ones, indices, nonzero, **params)
    count = scatter_add_p.bind(
        full_of(0, ArrayType(typeof(x).shape, _INDEX)), indices,
        convert_element_type(is_zero, _INDEX), **params,
    )  # fmt: skip
    others = div(_read_back(product, indices, updates, params), nonzero)
    zeros = add(
        _read_back(count, indices, updates, params), neg(convert_element_type(is_zero, _INDEX))
    )
    return select(eq(zeros, literal(0, zeros)), others, zero)


def _scatter_mul_transpose(ct: Any, x: Any, indices: Any, updates: Any, **params: Any) -> list[Any]:
    if is_linear(updates):
        raise UnsupportedError("`scatter_mul` is linear in its operand only")
    return [scatter_mul_p.bind(ct, indices, updates, **params), None, None]


scatter_mul_p = scatter_primitive(
    "scatter_mul", ref=np.multiply, lower="stablehlo.multiply", jvp=_scatter_mul_jvp,
    transpose=_scatter_mul_transpose, kind="prod",
)  # fmt: skip


# --- scatter-min and scatter-max --------------------------------------------------------------


def _scatter_extremum_jvp(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    """All values equal to the extremum share its tangent equally."""

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
        (x, indices, updates), (tx, _, tu) = primals, tangents
        out = primitive().bind(x, indices, updates, **params)
        if type(tx) is Zero and type(tu) is Zero:
            return out, Zero(typeof(out).tangent)
        dtype = typeof(out).dtype
        chosen = convert_element_type(eq(x, out), dtype)
        hits = eq(updates, _read_back(out, indices, updates, params))
        hits = convert_element_type(hits, dtype)
        count = scatter_add_p.bind(chosen, indices, hits, **params)
        total = _scatter_zeros(out) if type(tx) is Zero else mul(tx, chosen)
        if type(tu) is not Zero:
            total = scatter_add_p.bind(total, indices, mul(tu, hits), **params)
        return out, div(total, count)

    return jvp


scatter_min_p = scatter_primitive(
    "scatter_min", ref=np.minimum, lower="stablehlo.minimum", kind="min",
    jvp=_scatter_extremum_jvp(lambda: scatter_min_p),
    transpose=NONLINEAR,
)  # fmt: skip
scatter_max_p = scatter_primitive(
    "scatter_max", ref=np.maximum, lower="stablehlo.maximum", kind="max",
    jvp=_scatter_extremum_jvp(lambda: scatter_max_p),
    transpose=NONLINEAR,
)  # fmt: skip


# --- public functions ---------------------------------------------------------------------------


def _bind_scatter(
    primitive: Primitive,
    operand: Any,
    indices: Any,
    updates: Any,
    numbers: ScatterDimensionNumbers,
    indices_are_sorted: bool,
    unique_indices: bool,
    mode: str | GatherScatterMode | None,
) -> Any:
    numbers = ScatterDimensionNumbers(*(int_tuple(d, "dimension_numbers") for d in numbers))
    if isinstance(updates, (bool, int, float)):
        updates = Literal(updates, ArrayType((), typeof(operand).dtype))
    return primitive.bind(
        operand,
        indices,
        updates,
        **numbers._asdict(),
        indices_are_sorted=bool(indices_are_sorted),
        unique_indices=bool(unique_indices),
        mode=GatherScatterMode.from_any(mode).name.lower(),
    )


def scatter(
    operand: Any,
    scatter_indices: Any,
    updates: Any,
    dimension_numbers: ScatterDimensionNumbers,
    *,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    mode: str | GatherScatterMode | None = None,
) -> Any:
    """`operand` with windows of `updates` written at the places that the indices give.

    Args:
        operand: array to write to; it is not changed, the result is a new array.
        scatter_indices: integers; the last dimension holds the coordinates of one window.
        updates: the windows, of the dtype of `operand`.
        dimension_numbers: which dimensions belong together.
        indices_are_sorted: promise that the indices increase.
        unique_indices: promise that no element is written twice. Else, which of the updates
            to one place stays is not defined.
        mode: what becomes of windows that are not inside; None leaves them out.

    Raises:
        TypeError: shapes, dtypes and dimension numbers do not fit.
        ValueError: the indices are no integers, or there is no such mode.

    Reference:
        StableHLO specification, "scatter".

    Example:
        >>> places = lax.ScatterDimensionNumbers((), (0,), (0,))  # x.at[[3, 9]].set([7, 8])
        >>> lax.scatter(np.arange(5), np.array([[3], [9]]), np.array([7, 8]), places)
        Array([0, 1, 2, 7, 4], dtype=int32)
    """
    return _bind_scatter(scatter_p, operand, scatter_indices, updates, dimension_numbers,
                         indices_are_sorted, unique_indices, mode)  # fmt: skip


def scatter_add(
    operand: Any,
    scatter_indices: Any,
    updates: Any,
    dimension_numbers: ScatterDimensionNumbers,
    *,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    mode: str | GatherScatterMode | None = None,
) -> Any:
    """`updates` added to `operand` at places given by indices.

    Several updates to one place are all added.

    Args:
        operand: array of numbers; it is not changed, the result is a new array.
        scatter_indices: integers; the last dimension holds the coordinates of one window.
        updates: the windows, of the dtype of `operand`.
        dimension_numbers: which dimensions belong together.
        indices_are_sorted: promise that the indices increase.
        unique_indices: promise that no element is named twice.
        mode: what becomes of windows that are not inside; None leaves them out.

    Returns:
        Array of the shape and dtype of `operand`.

    Raises:
        TypeError: shapes, dtypes and dimension numbers do not fit.
        ValueError: the indices are no integers, or there is no such mode.

    Reference:
        StableHLO specification, "scatter".

    Example:
        >>> places = lax.ScatterDimensionNumbers((), (0,), (0,))
        >>> lax.scatter_add(np.zeros(3, int), np.array([[1], [1]]), np.array([2, 3]), places)
        Array([0, 5, 0], dtype=int32)
    """
    return _bind_scatter(scatter_add_p, operand, scatter_indices, updates, dimension_numbers,
                         indices_are_sorted, unique_indices, mode)  # fmt: skip


def scatter_sub(
    operand: Any,
    scatter_indices: Any,
    updates: Any,
    dimension_numbers: ScatterDimensionNumbers,
    *,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    mode: str | GatherScatterMode | None = None,
) -> Any:
    """`updates` subtracted from `operand` at places given by indices.

    Several updates to one place are all subtracted.

    Args:
        operand: array of numbers; it is not changed, the result is a new array.
        scatter_indices: integers; the last dimension holds the coordinates of one window.
        updates: the windows, of the dtype of `operand`.
        dimension_numbers: which dimensions belong together.
        indices_are_sorted: promise that the indices increase.
        unique_indices: promise that no element is named twice.
        mode: what becomes of windows that are not inside; None leaves them out.

    Returns:
        Array of the shape and dtype of `operand`.

    Raises:
        TypeError: shapes, dtypes and dimension numbers do not fit.
        ValueError: the indices are no integers, or there is no such mode.

    Reference:
        StableHLO specification, "scatter".

    Example:
        >>> places = lax.ScatterDimensionNumbers((), (0,), (0,))
        >>> lax.scatter_sub(np.zeros(3, int), np.array([[1], [1]]), np.array([2, 3]), places)
        Array([ 0, -5,  0], dtype=int32)
    """
    return _bind_scatter(scatter_add_p, operand, scatter_indices, neg(updates), dimension_numbers,
                         indices_are_sorted, unique_indices, mode)  # fmt: skip


def scatter_mul(
    operand: Any,
    scatter_indices: Any,
    updates: Any,
    dimension_numbers: ScatterDimensionNumbers,
    *,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    mode: str | GatherScatterMode | None = None,
) -> Any:
    """`operand` multiplied by `updates` at places given by indices.

    Several updates to one place are all multiplied in.

    Args:
        operand: array of numbers; it is not changed, the result is a new array.
        scatter_indices: integers; the last dimension holds the coordinates of one window.
        updates: the windows, of the dtype of `operand`.
        dimension_numbers: which dimensions belong together.
        indices_are_sorted: promise that the indices increase.
        unique_indices: promise that no element is named twice.
        mode: what becomes of windows that are not inside; None leaves them out.

    Returns:
        Array of the shape and dtype of `operand`.

    Raises:
        TypeError: shapes, dtypes and dimension numbers do not fit.
        ValueError: the indices are no integers, or there is no such mode.

    Reference:
        StableHLO specification, "scatter".

    Example:
        >>> places = lax.ScatterDimensionNumbers((), (0,), (0,))
        >>> lax.scatter_mul(np.array([1, 10]), np.array([[1], [1]]), np.array([2, 3]), places)
        Array([ 1, 60], dtype=int32)
    """
    return _bind_scatter(scatter_mul_p, operand, scatter_indices, updates, dimension_numbers,
                         indices_are_sorted, unique_indices, mode)  # fmt: skip


def scatter_min(
    operand: Any,
    scatter_indices: Any,
    updates: Any,
    dimension_numbers: ScatterDimensionNumbers,
    *,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    mode: str | GatherScatterMode | None = None,
) -> Any:
    """Minimum of `operand` and `updates` at places given by indices.

    A tie shares its derivative equally.

    Args:
        operand: array of any dtype; it is not changed, the result is a new array.
        scatter_indices: integers; the last dimension holds the coordinates of one window.
        updates: the windows, of the dtype of `operand`.
        dimension_numbers: which dimensions belong together.
        indices_are_sorted: promise that the indices increase.
        unique_indices: promise that no element is named twice.
        mode: what becomes of windows that are not inside; None leaves them out.

    Returns:
        Array of the shape and dtype of `operand`.

    Raises:
        TypeError: shapes, dtypes and dimension numbers do not fit.
        ValueError: the indices are no integers, or there is no such mode.

    Reference:
        StableHLO specification, "scatter".

    Example:
        >>> places = lax.ScatterDimensionNumbers((), (0,), (0,))
        >>> lax.scatter_min(np.array([5, 5]), np.array([[0], [0]]), np.array([3, 4]), places)
        Array([3, 5], dtype=int32)
    """
    return _bind_scatter(scatter_min_p, operand, scatter_indices, updates, dimension_numbers,
                         indices_are_sorted, unique_indices, mode)  # fmt: skip


def scatter_max(
    operand: Any,
    scatter_indices: Any,
    updates: Any,
    dimension_numbers: ScatterDimensionNumbers,
    *,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    mode: str | GatherScatterMode | None = None,
) -> Any:
    """Maximum of `operand` and `updates` at places given by indices.

    A tie shares its derivative equally.

    Args:
        operand: array of any dtype; it is not changed, the result is a new array.
        scatter_indices: integers; the last dimension holds the coordinates of one window.
        updates: the windows, of the dtype of `operand`.
        dimension_numbers: which dimensions belong together.
        indices_are_sorted: promise that the indices increase.
        unique_indices: promise that no element is named twice.
        mode: what becomes of windows that are not inside; None leaves them out.

    Returns:
        Array of the shape and dtype of `operand`.

    Raises:
        TypeError: shapes, dtypes and dimension numbers do not fit.
        ValueError: the indices are no integers, or there is no such mode.

    Reference:
        StableHLO specification, "scatter".

    Example:
        >>> places = lax.ScatterDimensionNumbers((), (0,), (0,))
        >>> lax.scatter_max(np.array([5, 5]), np.array([[0], [1]]), np.array([3, 9]), places)
        Array([5, 9], dtype=int32)
    """
    return _bind_scatter(scatter_max_p, operand, scatter_indices, updates, dimension_numbers,
                         indices_are_sorted, unique_indices, mode)  # fmt: skip
