"""gather and scatter: windows of an array read and written at places given by data.

Gather and scatter-add are each other's transposes. Each takes the dimension numbers of
StableHLO with the coordinates of an index in the last dimension of the indices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from ms_func.dtypes import is_inexact
from ms_func.errors import UnsupportedError
from ms_func.ir.function import Literal
from ms_func.ir.primitive import (
    LANES,
    MADE,
    NONLINEAR,
    PIECEWISE_LINEAR,
    Cost,
    Linear,
    Primitive,
    Zero,
    register,
)
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering import context as mlir
from ms_func.primitives.arithmetic import add, div, mul, neg
from ms_func.primitives.basis import full_of, int_tuple
from ms_func.primitives.batching import to_front
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import eq, select
from ms_func.primitives.families import is_linear, literal
from ms_func.primitives.indices import (
    CLIP,
    FILL,
    GatherDimensionNumbers,
    GatherScatterMode,
    ScatterDimensionNumbers,
    Windows,
    after,
    check,
    limits,
    notation,
    places,
    shard_terms,
    window_sizes,
)
from ms_func.primitives.scattering import scatter_primitive, scatter_windows
from ms_func.primitives.shape import iota, reshape

__all__ = [
    "GatherDimensionNumbers", "GatherScatterMode", "ScatterDimensionNumbers", "gather", "gather_p",
    "scatter", "scatter_add", "scatter_add_p", "scatter_max", "scatter_max_p", "scatter_min",
    "scatter_min_p", "scatter_mul", "scatter_mul_p", "scatter_p", "scatter_sub",
]  # fmt: skip

_BOOL = np.dtype(np.bool_)
_INDEX = np.dtype(np.int32)


def _is_signed(dtype: np.dtype) -> bool:
    return not dtype.name.startswith("u")


# --- gather -----------------------------------------------------------------------------------


def _gather_windows(params: dict[str, Any]) -> Windows:
    return Windows(
        params["offset_dims"],
        params["collapsed_slice_dims"],
        params["start_index_map"],
        params["operand_batching_dims"],
        params["start_indices_batching_dims"],
    )


def _gather_abstract(
    operand: ArrayType, indices: ArrayType, *, slice_sizes: tuple[int, ...], **params: Any
) -> ArrayType:
    w = _gather_windows(params)
    check("gather", operand, indices, slice_sizes, w)
    batch = iter(indices.shape[:-1])
    window = iter([slice_sizes[d] for d in w.open_dims(operand.ndim)])
    rank = len(w.dims) + indices.ndim - 1
    shape = tuple([next(window) if d in w.dims else next(batch) for d in range(rank)])
    return ArrayType(shape, operand.dtype, operand.weak_type)


def fill_of(dtype: np.dtype, value: Any) -> Any:
    """What a gather reads outside: `value`, else NaN, the smallest or largest integer, or true."""
    if value is not None:
        return value
    if is_inexact(dtype):
        return np.nan
    if dtype.kind == "b":
        return True
    info = ml_dtypes.iinfo(dtype)
    return int(info.min if _is_signed(dtype) else info.max)


def _gather_ref(
    operand: np.ndarray, indices: np.ndarray, *, slice_sizes: tuple[int, ...], **params: Any
) -> np.ndarray:
    out = _gather_abstract(
        ArrayType(operand.shape, operand.dtype), ArrayType(indices.shape, indices.dtype),
        slice_sizes=slice_sizes, **params,
    )  # fmt: skip
    if not out.size:
        return np.zeros(out.shape, out.dtype)
    at, inside = places(operand.shape, indices, out.shape, slice_sizes, _gather_windows(params))
    found = operand.reshape(-1)[at]
    if params["mode"] != FILL:
        return found
    fill = np.asarray(fill_of(out.dtype, params["fill_value"])).astype(out.dtype)
    return np.where(inside, found, fill)


def _gather_lower(b: Any, eqn: Any, operand: Any, indices: Any) -> Any:
    params, out = eqn.params, eqn.outputs[0].type
    w = _gather_windows(params)
    index_type = eqn.inputs[1].type
    if index_type.dtype.itemsize < 4:  # XLA's partitioner aborts on narrower ones
        index_type = ArrayType(index_type.shape, np.dtype(np.int32))
        indices = b.convert(indices, index_type)
    attributes = {
        "dimension_numbers": mlir.parsed(
            f"#stablehlo.gather<offset_dims = {list(w.dims)}, "
            f"collapsed_slice_dims = {list(w.collapsed)}, "
            f"operand_batching_dims = {list(w.operand_batch)}, "
            f"start_indices_batching_dims = {list(w.indices_batch)}, "
            f"start_index_map = {list(w.coordinates)}, "
            f"index_vector_dim = {index_type.ndim - 1}>"
        ),
        "slice_sizes": mlir.int_array(params["slice_sizes"]),
        "indices_are_sorted": mlir.boolean(params["indices_are_sorted"]),
    }
    found = b.op("stablehlo.gather", [out], [operand, indices], attributes)
    if params["mode"] != FILL or not w.coordinates:
        return found
    inside = _inside(b, eqn.inputs[0].type, index_type, indices, params["slice_sizes"], w)
    batch = tuple(w.batch_positions(out.ndim))
    mask = b.broadcast(inside, ArrayType(out.shape, _BOOL), batch)
    fill = b.constant(fill_of(out.dtype, params["fill_value"]), out)
    return b.op("stablehlo.select", [out], [mask, found, fill])


def _inside(
    b: Any, operand: ArrayType, kind: ArrayType, indices: Any, sizes: Sequence[int], w: Windows
) -> Any:
    """Which windows lie inside the operand; one boolean for each index."""
    mask, last = ArrayType(kind.shape, _BOOL), kind.ndim - 1
    high = b.array_constant(limits(operand, sizes, kind.dtype, w))
    ok = b.op(
        "stablehlo.compare", [mask], [indices, b.broadcast(high, kind, (last,))],
        {"comparison_direction": mlir.parsed("#stablehlo<comparison_direction LE>")},
    )  # fmt: skip
    if _is_signed(kind.dtype):
        low = b.op(
            "stablehlo.compare", [mask], [indices, b.constant(0, kind)],
            {"comparison_direction": mlir.parsed("#stablehlo<comparison_direction GE>")},
        )  # fmt: skip
        ok = b.op("stablehlo.and", [mask], [ok, low])
    reduce = b.operation(
        "stablehlo.reduce", [ArrayType(kind.shape[:-1], _BOOL)],
        [ok, b.constant(True, ArrayType((), _BOOL))], {"dimensions": mlir.int_array((last,))},
    )  # fmt: skip
    b.reducer(reduce, "stablehlo.and", _BOOL)
    return reduce.results[0]


def _gather_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    """Outside the tangent is 0, whatever the fill value."""
    out = gather_p.bind(*primals, **params)
    if type(tangents[0]) is Zero:
        return out, Zero(typeof(out).tangent)
    params["fill_value"] = 0 if params["mode"] == FILL else None
    return out, gather_p.bind(tangents[0], primals[1], **params)


def _gather_transpose(ct: Any, operand: Any, indices: Any, **params: Any) -> list[Any]:
    zeros = full_of(0, ArrayType(operand.type.shape, typeof(ct).dtype))
    return [scatter_add_p.bind(zeros, indices, ct, **_scatter_params(params)), None]


def _scatter_params(params: dict[str, Any]) -> dict[str, Any]:
    """Parameters of the scatter that writes where a gather reads."""
    return {
        "update_window_dims": params["offset_dims"],
        "inserted_window_dims": params["collapsed_slice_dims"],
        "scatter_dims_to_operand_dims": params["start_index_map"],
        "operand_batching_dims": params["operand_batching_dims"],
        "scatter_indices_batching_dims": params["start_indices_batching_dims"],
        "indices_are_sorted": params["indices_are_sorted"],
        "unique_indices": params["unique_indices"],
        "mode": params["mode"],
    }


def _gather_batch(size: int, args: Any, dims: Any, **params: Any) -> Any:
    """Lanes of the operand become a window, those of the indices more indices, or both pair up."""
    (operand, indices), (at, at_indices) = args, dims
    made = {**params, "offset_dims": after(params["offset_dims"])}
    if at is not None:
        operand = to_front(operand, at, size)
        for name in ("collapsed_slice_dims", "start_index_map", "operand_batching_dims"):
            made[name] = after(params[name])
    if at_indices is None:
        made["offset_dims"] = (0, *made["offset_dims"])
        made["slice_sizes"] = (size, *params["slice_sizes"])
        return gather_p.bind(operand, indices, **made), 0
    indices = to_front(indices, at_indices, size)
    made["start_indices_batching_dims"] = after(params["start_indices_batching_dims"])
    made["indices_are_sorted"] = False
    if at is None:
        made["unique_indices"] = False
    else:
        made["operand_batching_dims"] = (0, *made["operand_batching_dims"])
        made["start_indices_batching_dims"] = (0, *made["start_indices_batching_dims"])
        made["slice_sizes"] = (min(size, 1), *params["slice_sizes"])
    return gather_p.bind(operand, indices, **made), 0


def _gather_shard(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> str:
    own, index, result, looked_up, _ = shard_terms(
        ins[0], ins[1], outs[0], params["slice_sizes"], _gather_windows(params),
        params["mode"] != FILL,
    )  # fmt: skip
    kinds = [f"{name}: masked" for name in looked_up]
    return notation([own, index], result, kinds)


def _gather_cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
    """Only what is read counts, not the whole operand."""
    return Cost(0.0, 0.0, float(2 * outs[0].nbytes + ins[1].nbytes))


gather_p = register(
    Primitive(
        "gather",
        abstract=_gather_abstract,
        ref=_gather_ref,
        lower=_gather_lower,
        jvp=_gather_jvp,
        jet=PIECEWISE_LINEAR,
        transpose=_gather_transpose,
        batch=_gather_batch,
        shard=_gather_shard,
        cost=_gather_cost,
        words=LANES,
    )
)


def gather(
    operand: Any,
    start_indices: Any,
    dimension_numbers: GatherDimensionNumbers,
    slice_sizes: Sequence[int],
    *,
    unique_indices: bool = False,
    indices_are_sorted: bool = False,
    mode: str | GatherScatterMode | None = None,
    fill_value: Any = None,
) -> Any:
    """Windows of `operand`, one for each index.

    Args:
        operand: array to read from.
        start_indices: integers; the last dimension holds the coordinates of one window.
        dimension_numbers: which dimensions belong together.
        slice_sizes: size of the windows in each dimension of `operand`.
        unique_indices: promise that no element is read twice.
        indices_are_sorted: promise that the indices increase.
        mode: what becomes of windows that are not inside; None promises that all are.
        fill_value: read outside in mode "fill"; NaN, the smallest signed or largest unsigned
            integer, or true where None.

    Raises:
        TypeError: shapes, sizes and dimension numbers do not fit.
        ValueError: the indices are no integers, or there is no such mode.

    Reference:
        StableHLO specification, "gather".
    """
    numbers = GatherDimensionNumbers(
        *(int_tuple(d, "dimension_numbers") for d in dimension_numbers)
    )
    parsed = (
        GatherScatterMode.PROMISE_IN_BOUNDS if mode is None else GatherScatterMode.from_any(mode)
    )
    return gather_p.bind(
        operand,
        start_indices,
        **numbers._asdict(),
        slice_sizes=int_tuple(slice_sizes, "slice_sizes"),
        indices_are_sorted=bool(indices_are_sorted),
        unique_indices=bool(unique_indices),
        mode=parsed.name.lower(),
        fill_value=None if fill_value is None else np.asarray(fill_value).item(),
    )


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
    """`updates` added to `operand` at places given by indices; arguments as for `scatter`.

    Several updates to one place are all added.
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
    """`updates` subtracted from `operand` at places given by indices; arguments as for `scatter`.

    Several updates to one place are all subtracted.
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
    """`operand` multiplied by `updates` at places given by indices; arguments as for `scatter`.

    Several updates to one place are all multiplied in.
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
    """Minimum of `operand` and `updates` at places given by indices; arguments as for `scatter`.

    A tie shares its derivative equally.
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
    """Maximum of `operand` and `updates` at places given by indices; arguments as for `scatter`.

    A tie shares its derivative equally.
    """
    return _bind_scatter(scatter_max_p, operand, scatter_indices, updates, dimension_numbers,
                         indices_are_sorted, unique_indices, mode)  # fmt: skip
