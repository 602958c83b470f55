"""What all scatters share: every rule but the derivatives.

They differ in how an update meets the element at its place: it replaces it, is added to it,
and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.ir.primitive import LANES, Cost, Primitive, register
from ms_func.ir.types import ArrayType
from ms_func.lowering import context as mlir
from ms_func.primitives.batching import to_front
from ms_func.primitives.indices import (
    CLIP,
    Windows,
    after,
    limits,
    notation,
    places,
    shard_terms,
    window_sizes,
)
from ms_func.primitives.indices_check import check_scatter


def scatter_windows(params: dict[str, Any]) -> Windows:
    """Dimension numbers among the parameters of a scatter."""
    return Windows(
        params["update_window_dims"],
        params["inserted_window_dims"],
        params["scatter_dims_to_operand_dims"],
        params["operand_batching_dims"],
        params["scatter_indices_batching_dims"],
    )


def _scatter_abstract(
    operand: ArrayType, indices: ArrayType, updates: ArrayType, **params: Any
) -> ArrayType:
    check_scatter(operand, indices, updates, scatter_windows(params))
    return ArrayType(operand.shape, operand.dtype, operand.weak_type and updates.weak_type)


def _scatter_ref(combine: Callable[..., Any] | None) -> Callable[..., Any]:
    def ref(
        operand: np.ndarray, indices: np.ndarray, updates: np.ndarray, **params: Any
    ) -> np.ndarray:
        out = np.array(operand, order="C")
        if not updates.size:
            return out
        w = scatter_windows(params)
        sizes = window_sizes(operand.shape, updates.shape, w)
        at, inside = places(operand.shape, indices, updates.shape, sizes, w)
        if params["mode"] == CLIP:
            inside = np.ones_like(inside)
        order = (*w.batch_positions(updates.ndim), *w.dims)  # one index after another
        at, inside, updates = (np.transpose(v, order) for v in (at, inside, updates))
        flat = out.reshape(-1)
        for k, u in zip(at[inside], updates[inside], strict=True):
            flat[k] = u if combine is None else combine(flat[k], u)
        return out

    return ref


def _scatter_lower(combine: str | None) -> Callable[..., Any]:
    def lower(b: Any, eqn: Any, operand: Any, indices: Any, updates: Any) -> Any:
        params, out, kind = eqn.params, eqn.outputs[0].type, eqn.inputs[1].type
        w = scatter_windows(params)
        if params["mode"] == CLIP and w.coordinates:
            sizes = window_sizes(out.shape, eqn.inputs[2].type.shape, w)
            high = b.array_constant(limits(out, sizes, kind.dtype, w))
            high = b.broadcast(high, kind, (kind.ndim - 1,))
            indices = b.op("stablehlo.clamp", [kind], [b.constant(0, kind), indices, high])
        attributes = {
            "scatter_dimension_numbers": mlir.parsed(
                f"#stablehlo.scatter<update_window_dims = {list(w.dims)}, "
                f"inserted_window_dims = {list(w.collapsed)}, "
                f"input_batching_dims = {list(w.operand_batch)}, "
                f"scatter_indices_batching_dims = {list(w.indices_batch)}, "
                f"scatter_dims_to_operand_dims = {list(w.coordinates)}, "
                f"index_vector_dim = {kind.ndim - 1}>"
            ),
            "indices_are_sorted": mlir.boolean(params["indices_are_sorted"]),
            "unique_indices": mlir.boolean(params["unique_indices"]),
        }
        made = b.operation("stablehlo.scatter", [out], [operand, indices, updates], attributes)
        if combine is None:
            scalar = ArrayType((), out.dtype)
            b.region(made, 0, [scalar, scalar], lambda inner, old, new: [new])
        else:
            b.reducer(made, combine, out.dtype)
        return made.results[0]

    return lower


def _scatter_batch(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    """Lanes become one more window dimension, or pair up where the indices have them too."""

    def batch(size: int, args: Any, dims: Any, **params: Any) -> Any:
        operand, indices, updates = args
        operand = to_front(operand, dims[0], size)
        updates = to_front(updates, dims[2], size)
        made = dict(params)
        for name in ("update_window_dims", "inserted_window_dims", "operand_batching_dims",
                     "scatter_dims_to_operand_dims"):  # fmt: skip
            made[name] = after(params[name])
        if dims[1] is None:
            made["update_window_dims"] = (0, *made["update_window_dims"])
        else:
            indices = to_front(indices, dims[1], size)
            made["operand_batching_dims"] = (0, *made["operand_batching_dims"])
            made["scatter_indices_batching_dims"] = (
                0, *after(params["scatter_indices_batching_dims"]),
            )  # fmt: skip
            made["indices_are_sorted"] = False
        return primitive().bind(operand, indices, updates, **made), 0

    return batch


def _scatter_shard(kind: str) -> Callable[..., str]:
    """Index notation: `kind` of the factors over which updates meet."""

    def shard(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> str:
        w = scatter_windows(params)
        sizes = window_sizes(ins[0].shape, ins[2].shape, w)
        own, index, updates, looked_up, free = shard_terms(
            ins[0], ins[2], sizes, w, params["mode"] == CLIP
        )
        kinds = [f"{name}: {kind}" for name in free] + [f"{name}: masked" for name in looked_up]
        return notation([own, index, updates], own, kinds)

    return shard


def _scatter_cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
    moved = ins[0].nbytes + outs[0].nbytes + ins[1].nbytes + 2 * ins[2].nbytes
    return Cost(float(ins[2].size), 0.0, float(moved))


def scatter_primitive(
    name: str,
    *,
    ref: Any,
    lower: str | None,
    jvp: Any,
    transpose: Any,
    kind: str,
    sums: Any = None,
) -> Primitive:
    """Make and register a scatter.

    Args:
        name: name in the IR.
        ref: NumPy function of the element at a place and the update; None replaces.
        lower: the same as a StableHLO operation.
        jvp: derivative rule.
        transpose: rule, or why there is none.
        kind: how the results of parts of the updates are joined.
        sums: rule, see `Primitive`.
    """
    primitive = register(
        Primitive(
            name,
            abstract=_scatter_abstract,
            ref=_scatter_ref(ref),
            lower=_scatter_lower(lower),
            jvp=jvp,
            transpose=transpose,
            batch=_scatter_batch(lambda: primitive),
            shard=_scatter_shard(kind),
            sums=sums,
            cost=_scatter_cost,
            words=LANES if lower is None else None,
        )
    )
    return primitive
