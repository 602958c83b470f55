"""gather: windows of an array read at places given by data.

Gather and scatter-add are each other's transposes. Each takes the dimension numbers of
StableHLO with the coordinates of an index in the last dimension of the indices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np

from ms_func.dtypes import is_inexact
from ms_func.ir.primitive import (
    LANES,
    PIECEWISE_LINEAR,
    Cost,
    Primitive,
    Zero,
    named,
    register,
)
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering import context as mlir
from ms_func.primitives.basis import full_of, int_tuple
from ms_func.primitives.batching import to_front
from ms_func.primitives.cast import converted
from ms_func.primitives.indices import (
    FILL,
    GatherDimensionNumbers,
    GatherScatterMode,
    Windows,
    after,
    limits,
    notation,
    places,
    shard_terms,
)
from ms_func.primitives.indices_check import check_gather

_BOOL = np.dtype(np.bool_)


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
    check_gather(operand, indices, slice_sizes, w)
    batch = iter(indices.shape[:-1])
    window = iter([slice_sizes[d] for d in w.open_dims(operand.ndim)])
    rank = len(w.dims) + indices.ndim - 1
    shape = tuple([next(window) if d in w.dims else next(batch) for d in range(rank)])
    return ArrayType(shape, operand.dtype, operand.weak_type)


def fill_of(dtype: np.dtype, value: Any) -> Any:
    """What a gather reads outside: `value`, else NaN, the smallest or largest integer, or true."""
    if isinstance(value, float) and dtype.kind in "iu":  # saturates, as a conversion does
        with np.errstate(all="ignore"):
            return converted(np.asarray(value), new_dtype=dtype).item()
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
    return [named("scatter_add").bind(zeros, indices, ct, **_scatter_params(params)), None]


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
    w, sizes = _gather_windows(params), params["slice_sizes"]
    own, index, result, looked_up, _ = shard_terms(
        ins[0], outs[0], sizes, w, params["mode"] != FILL
    )
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

    Example:
        >>> x = np.array([[1, 2], [3, 4], [5, 6]])
        >>> rows = lax.GatherDimensionNumbers((1,), (0,), (0,))  # x[[2, 9]], one row for each index
        >>> lax.gather(x, np.array([[2], [9]]), rows, (1, 2), mode="clip")
        Array([[5, 6],
               [5, 6]], dtype=int32)
        >>> lax.gather(x, np.array([[2], [9]]), rows, (1, 2), mode="fill", fill_value=-1)
        Array([[ 5,  6],
               [-1, -1]], dtype=int32)
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
