"""The number of a lane or device along an axis, and values sent from one number to another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func import tree
from ms_func.errors import ArgumentValueError
from ms_func.ir.axes import BATCH_AXIS, Axes, find_axis, total_size
from ms_func.ir.primitive import LANES, NONLINEAR, ZERO, Linear, Primitive, register
from ms_func.ir.types import ArrayType
from ms_func.lowering import context as mlir
from ms_func.primitives.arithmetic import add, mul
from ms_func.primitives.batching import to_front
from ms_func.primitives.collective import (
    NO_REF,
    NO_SPLIT,
    Groups,
    alone,
    differing,
    moved_cost,
    named_axes,
    only_lanes,
    rearranged,
)
from ms_func.primitives.shape import iota

# --- axis_index -----------------------------------------------------------------------------------

_INDEX = ArrayType((), np.int32)


def _index_lower(b: Any, eqn: Any) -> Any:
    if alone(b, eqn.params["axes"], eqn):
        return b.constant(0, _INDEX)
    return b.lowerer.manual.axis_index(b, eqn.params["axes"])


def _index_batch(size: int, args: Any, dims: Any, **params: Any) -> Any:
    return iota(np.int32, size), 0


axis_index_p = register(
    Primitive(
        "axis_index",
        abstract=lambda *, axes, checked: _INDEX.varying(frozenset(axes if checked else ())),
        ref=NO_REF,
        lower=_index_lower,
        jvp=ZERO,
        transpose=NONLINEAR,
        batch=_index_batch,
        shard=NO_SPLIT,
    )
)


def _joint_index(axes: Axes) -> Any:
    """Index along several axes, major first; of none, 0."""
    found: Any = None
    for name in axes:
        axis = find_axis(name, "axis_index")
        index = axis_index_p.bind(axes=Axes((name,)), checked=axis.checked)
        found = index if found is None else add(mul(found, np.int32(axis.size)), index)
    return np.int32(0) if found is None else found


def axis_index(axis_name: Any) -> Any:
    """Index of this lane or device along a named axis; along several, major first.

    Args:
        axis_name: name of an axis of `vmap`, `pmap` or `shard_map`, or a tuple of names.

    Returns:
        Scalar of dtype int32.

    Raises:
        NameError: a name is not in force.

    Example:
        >>> ms.vmap(lambda x: x + lax.axis_index("i"), axis_name="i")(np.array([10, 10])).tolist()
        [10, 11]
    """
    return _joint_index(named_axes(axis_name, "axis_index"))


def axis_size(axis_name: Any) -> int:
    """Number of lanes or devices along a named axis; the product for a tuple of names.

    Args:
        axis_name: name of an axis of `vmap`, `pmap` or `shard_map`, or a tuple of names.

    Returns:
        A Python int.

    Raises:
        NameError: a name is not in force.

    Example:
        >>> ms.vmap(lambda x: x * lax.axis_size("i"), axis_name="i")(np.array([1, 2])).tolist()
        [2, 4]
    """
    return math.prod(total_size((a,), "axis_size") for a in named_axes(axis_name, "axis_size"))


# --- ppermute -------------------------------------------------------------------------------------


def _permute_abstract(x: ArrayType, *, axes: Axes, perm: Groups) -> ArrayType:
    return x if x.manual is None else x.update(manual=None)


def _permute_lower(b: Any, eqn: Any, x: Any) -> Any:
    axes, perm = eqn.params["axes"], eqn.params["perm"]
    if alone(b, axes, eqn):
        return x if perm else b.constant(0, eqn.outputs[0].type)
    pairs = [
        (row[source], row[to])
        for row in b.lowerer.manual.replica_groups(axes, None)
        for source, to in perm
    ]
    if not pairs:
        return b.constant(0, eqn.outputs[0].type)
    attributes = {
        "source_target_pairs": mlir.int_matrix(tuple(pairs)),
        "channel_handle": mlir.parsed("#stablehlo.channel_handle<handle = 1, type = 1>"),
    }
    return b.op("stablehlo.collective_permute", [eqn.outputs[0].type], [x], attributes)


def _permute_batch(size: int, args: Any, dims: Any, *, axes: Axes, perm: Groups) -> Any:
    (x,), (dim,) = args, dims
    if BATCH_AXIS not in axes:
        return ppermute_p.bind(x, axes=axes, perm=perm), dim
    only_lanes(axes, "ppermute")
    order: list[int | None] = [None] * size
    for source, to in perm:
        order[to] = source
    dim = 0 if dim is None else dim
    return rearranged(to_front(x, None, size) if dims[0] is None else x, order, dim), dim


def _permute_transpose(ct: Any, x: Any, *, axes: Axes, perm: Groups) -> list[Any]:
    return [ppermute_p.bind(ct, axes=axes, perm=tuple((to, source) for source, to in perm))]


ppermute_p = register(
    Primitive(
        "ppermute",
        abstract=_permute_abstract,
        ref=NO_REF,
        lower=_permute_lower,
        jvp=Linear(0),
        transpose=_permute_transpose,
        batch=_permute_batch,
        shard=NO_SPLIT,
        cost=moved_cost,
        words=LANES,
    )
)


def ppermute(x: Any, axis_name: Any, perm: Any) -> Any:
    """Send the value of each lane or device to another one.

    Args:
        x: array or tree of arrays.
        axis_name: name of an axis, or a tuple of names, major first.
        perm: pairs (source, destination); what is no destination gets zeros.

    Raises:
        NameError: a name is not in force.
        ValueError: sources or destinations stand twice, or are out of range.

    Example:
        >>> from ms_func.api.vectorize import vmap
        >>> vmap(lambda v: ppermute(v, "i", [(0, 1), (1, 2)]), axis_name="i")(
        ...     np.array([5, 6, 7])).tolist()
        [0, 5, 6]
    """
    axes = named_axes(axis_name, "ppermute")
    pairs = tuple((int(source), int(to)) for source, to in perm)
    size = total_size(axes, "ppermute")
    sources, destinations = [s for s, _ in pairs], [d for _, d in pairs]
    if len(set(sources)) < len(pairs) or len(set(destinations)) < len(pairs):
        raise ArgumentValueError(f"ppermute sources and destinations must be unique, got {perm}.")
    if any(not 0 <= i < size for i in (*sources, *destinations)):
        raise ArgumentValueError(
            f"ppermute: perm {perm} does not fit an axis of size {size}: indices run from 0 to "
            f"{size - 1}"
        )
    return tree.map(lambda v: ppermute_p.bind(differing(v, axes), axes=axes, perm=pairs), x)


def pshuffle(x: Any, axis_name: Any, perm: Sequence[int]) -> Any:
    """Value of lane or device `perm[i]` for each i: `ppermute` spelled by sources.

    Args:
        x: array or tree of arrays.
        axis_name: name of an axis.
        perm: permutation of the indices of the axis: the source of each.

    Returns:
        Tree of arrays of the shapes and dtypes of `x`.

    Raises:
        NameError: the name is not in force.
        ValueError: `perm` is not a permutation of the indices of the axis.

    Example:
        >>> x = np.array([5, 6, 7])
        >>> ms.vmap(lambda v: lax.pshuffle(v, "i", [2, 0, 1]), axis_name="i")(x).tolist()
        [7, 5, 6]
    """
    size = total_size(named_axes(axis_name, "pshuffle"), "pshuffle")
    if sorted(perm) != list(range(size)):
        raise ArgumentValueError(
            f"`perm` does not represent a permutation of the {size} indices of the axis: {perm}"
        )
    return ppermute(x, axis_name, list(zip(perm, range(len(perm)), strict=True)))
