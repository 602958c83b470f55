"""Collectives that combine one value per lane or device: sum, maximum, minimum; and what all share.

A collective names axes. Over the axis that is being batched (`BATCH_AXIS`) its batch rule turns it
into operations on the batched array: a sum becomes a reduction over the lanes. In a region of
manual computation it is lowered to a collective of XLA over groups of devices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func import tree
from ms_func.config import jax_rules
from ms_func.dtypes import is_inexact
from ms_func.errors import ArgumentValueError, UnsupportedError
from ms_func.ir.axes import BATCH_AXIS, Axes, find_axis, total_size
from ms_func.ir.primitive import (
    LANES,
    NONLINEAR,
    Cost,
    Linear,
    NotSupported,
    Primitive,
    Zero,
    register,
)
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering import context as mlir
from ms_func.primitives.arithmetic import div, mul
from ms_func.primitives.batching import move_batch, to_front
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import eq, select
from ms_func.primitives.families import literal
from ms_func.primitives.pieces import concatenate
from ms_func.primitives.pieces import slice as slice_
from ms_func.primitives.reduce import reduce_max, reduce_min, reduce_sum
from ms_func.primitives.shape import full_like, reshape, rev

Groups = tuple[tuple[int, ...], ...]

NO_REF = NotSupported("a collective has a meaning only over all lanes or devices together")
NO_SPLIT = NotSupported("a collective already says how its axis is laid out")

# --- names and groups -------------------------------------------------------------------------


def named_axes(axis_name: Any, what: str) -> Axes:
    """The names that a user gave, each of them in force.

    Raises:
        NameError: a name is not in force.
        ValueError: a name stands twice.
    """
    names = axis_name if isinstance(axis_name, (tuple, list)) else (axis_name,)
    for name in names:
        find_axis(name, what)
    if len(set(names)) < len(names):
        raise ArgumentValueError(f"{what} got a duplicate value among its axis names {names}")
    return Axes(names)


def index_groups(groups: Any, axes: Axes, what: str) -> Groups | None:
    """`axis_index_groups` as nested tuples, each index in exactly one group.

    Raises:
        ValueError: the groups do not cover the axis.
    """
    if groups is None:
        return None
    found = tuple(tuple(int(i) for i in group) for group in groups)
    size = total_size(axes, what)
    listed = sorted(i for group in found for i in group)
    if listed != list(range(size)):
        raise ArgumentValueError(
            f"axis_index_groups of `{what}` must cover all indices of the axis exactly once: the "
            f"axis has size {size}, got {groups!r}"
        )
    return found


def even_groups(groups: Groups | None, what: str) -> None:
    """Raise ValueError where groups differ in size."""
    if groups is not None and len({len(g) for g in groups}) > 1:
        raise ArgumentValueError(
            f"axis_index_groups of `{what}` must all be of the same size, got {groups}"
        )


def group_size(axes: Axes, groups: Groups | None, what: str) -> int:
    """Number of values that one application combines."""
    return total_size(axes, what) if groups is None else len(groups[0])


# --- lanes ------------------------------------------------------------------------------------


def without_lanes(axes: Axes) -> Axes:
    """The other names."""
    return Axes(a for a in axes if a is not BATCH_AXIS)


def only_lanes(axes: Axes, what: str) -> None:
    """Raise where `what` communicates along the batch and other axes at once."""
    if len(axes) > 1:
        raise UnsupportedError(
            f"`{what}` along several axes, one of which is that of a vmap\n"
            "fix: apply it to one axis after the other"
        )


def rearranged(x: Any, order: Sequence[int | None], dim: int) -> Any:
    """Elements `order[i]` along dimension `dim`, zeros for None: a static gather.

    Neighbours stay together, so a shift takes two pieces and a reversal one.
    """
    n = typeof(x).shape[dim]
    if list(order) == list(range(n)):
        return x
    pieces = [_piece(x, run, dim) for run in _runs(order)]
    return pieces[0] if len(pieces) == 1 else concatenate(pieces, dim)


def _runs(order: Sequence[int | None]) -> list[list[int | None]]:
    """`order` cut into runs of zeros, of rising and of falling neighbours."""
    runs: list[list[int | None]] = []
    for i in order:
        run = runs[-1] if runs else None
        if run is None or not _continues(run, i):
            runs.append([i])
        else:
            run.append(i)
    return runs


def _continues(run: list[int | None], i: int | None) -> bool:
    last = run[-1]
    if last is None or i is None:
        return last is i
    step = i - last
    return abs(step) == 1 and (len(run) == 1 or step == last - run[-2])  # type: ignore[operator]


def _piece(x: Any, run: list[int | None], dim: int) -> Any:
    shape = list(typeof(x).shape)
    first, last = run[0], run[-1]
    if first is None or last is None:
        shape[dim] = len(run)
        return full_like(x, 0, shape=tuple(shape))
    start, stop = min(first, last), max(first, last) + 1
    limits = [*shape[:dim], stop, *shape[dim + 1 :]]
    piece = slice_(x, [0] * dim + [start] + [0] * (len(shape) - dim - 1), limits)
    return piece if first <= last else rev(piece, (dim,))


def in_groups(
    rule: Callable[..., Any], size: int, x: Any, dim: int | None, groups: Groups, what: str
) -> tuple[Any, int]:
    """A collective over the lanes within each of several groups of them.

    The lanes are sorted by group, and the groups become one more dimension of each lane.

    Args:
        rule: `(lanes of a group, array with lanes in dimension 1)` to (result, its lanes);
            dimension 0 counts the groups, and with lanes left out it still does.
        size: number of lanes.
        x: operand.
        dim: where its lanes are.
        groups: the lanes of each group.
        what: name of the collective.
    """
    even_groups(groups, what)
    order = [i for group in groups for i in group]
    rows = rearranged(to_front(x, dim, size), order, 0)
    count, each = len(groups), len(groups[0])
    y, at = rule(each, reshape(rows, (count, each, *typeof(rows).shape[1:])))
    y = move_batch(y, at, 1, each)
    back = [order.index(i) for i in range(size)]
    return rearranged(reshape(y, (size, *typeof(y).shape[2:])), back, 0), 0


# --- lowering -------------------------------------------------------------------------------------


def group_attributes(b: Any, axes: Axes, groups: Groups | None) -> dict[str, Any]:
    """Attributes that say which devices talk to each other."""
    rows = b.lowerer.manual.replica_groups(axes, groups)
    return {
        "replica_groups": mlir.int_matrix(rows),
        "channel_handle": mlir.parsed("#stablehlo.channel_handle<handle = 1, type = 1>"),
        "use_global_device_ids": mlir.parsed("unit"),
    }


def alone(b: Any, axes: Axes, eqn: Any) -> bool:
    """Whether each group holds one device, so that there is nothing to communicate.

    Raises:
        UnsupportedError: the program is not inside a region of manual computation.
    """
    if b.lowerer.manual is None:
        names = ", ".join(map(repr, axes))
        raise UnsupportedError(
            f"`{eqn.primitive.name}` communicates along {names}, but it is compiled outside of "
            "the vmap, pmap or shard_map that has this axis\n"
            "fix: keep the value inside of the mapped function",
            eqn.loc,
        )
    return b.lowerer.manual.size(axes) == 1


def moved_cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
    """Bytes read and written by one device; the wires are not part of it."""
    return Cost(0.0, 0.0, float(ins[0].nbytes + outs[0].nbytes))


# --- sum, maximum, minimum ------------------------------------------------------------------------


def _abstract(x: ArrayType, *, axes: Axes, groups: Groups | None) -> ArrayType:
    return x if x.manual is None else x.update(manual=None)


def _lower(operation: str) -> Callable[..., Any]:
    def lower(b: Any, eqn: Any, x: Any) -> Any:
        axes, groups, out = eqn.params["axes"], eqn.params["groups"], eqn.outputs[0].type
        if alone(b, axes, eqn):
            return x
        made = b.operation("stablehlo.all_reduce", [out], [x], group_attributes(b, axes, groups))
        b.reducer(made, operation, out.dtype)
        return made.results[0]

    return lower


def _cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
    return Cost(float(ins[0].size), 0.0, float(ins[0].nbytes + outs[0].nbytes))


def _batch(
    primitive: Callable[[], Primitive], reduce: Callable[[Any, tuple[int, ...]], Any]
) -> Callable[..., Any]:
    def combined(size: int, x: Any, dim: int | None) -> Any:
        """Result for all lanes, which share it."""
        if dim is not None:
            return reduce(x, (dim,))
        return mul(x, literal(size, x)) if primitive() in (psum_p, psum_invariant_p) else x

    def batch(size: int, args: Any, dims: Any, *, axes: Axes, groups: Groups | None) -> Any:
        (x,), (dim,) = args, dims
        if BATCH_AXIS not in axes:
            return primitive().bind(x, axes=axes, groups=groups), dim
        if groups is not None:
            name = primitive().name
            only_lanes(axes, name)
            return in_groups(lambda n, rows: (combined(n, rows, 1), None), size, x, dim, groups,
                             name)  # fmt: skip
        y, rest = combined(size, x, dim), without_lanes(axes)
        return (primitive().bind(y, axes=rest, groups=None) if rest else y), None

    return batch


def _still_differing(held: frozenset[Any], *, axes: Axes, groups: Groups | None) -> frozenset[Any]:
    """A result is the same for all devices along the axes, unless they form groups."""
    return held if groups is not None else held.difference(axes)


def _psum_invariant_transpose(ct: Any, x: Any, *, axes: Axes, groups: Any) -> list[Any]:
    return [pvary_p.bind(ct, axes=axes)]


def _psum_transpose(ct: Any, x: Any, *, axes: Axes, groups: Groups | None) -> list[Any]:
    return [psum_p.bind(ct, axes=axes, groups=groups)]


def _extremum_jvp(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    """Mean of the tangents of the lanes that hold the extremum."""

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
        (x,), (t,) = primals, tangents
        out = primitive().bind(x, **params)
        if type(t) is Zero:
            return out, Zero(typeof(out).tangent)
        chosen = eq(x, out)
        kept = params["groups"] is None and not typeof(x).vma.isdisjoint(params["axes"])
        summed = psum_invariant_p if kept else psum_p
        total = summed.bind(select(chosen, t, full_like(t, 0)), **params)
        count = summed.bind(convert_element_type(chosen, typeof(x).dtype), **params)
        return out, div(total, count)

    return jvp


def _combining(name: str, operation: str, reduce: Any, **rules: Any) -> Primitive:
    """Make and register a collective whose result has the type of its operand."""
    primitive = register(
        Primitive(
            name,
            abstract=_abstract,
            ref=NO_REF,
            lower=_lower(operation),
            batch=_batch(lambda: primitive, reduce),
            shard=NO_SPLIT,
            cost=_cost,
            varying=_still_differing,
            **rules,
        )
    )
    return primitive


psum_p = _combining(
    "psum", "stablehlo.add", reduce_sum, jvp=Linear(0), transpose=_psum_transpose
)  # fmt: skip
psum_invariant_p = _combining(
    "psum_invariant", "stablehlo.add", reduce_sum, jvp=Linear(0),
    transpose=_psum_invariant_transpose,
)  # fmt: skip
"""The sum where types keep account of what differs between devices: from values that do along the
axes to one that does not, so its transpose is `pvary`, which is free."""
pmax_p = _combining(
    "pmax", "stablehlo.maximum", reduce_max, jvp=_extremum_jvp(lambda: pmax_p),
    transpose=NONLINEAR,
)  # fmt: skip
pmin_p = _combining(
    "pmin", "stablehlo.minimum", reduce_min, jvp=_extremum_jvp(lambda: pmin_p),
    transpose=NONLINEAR,
)  # fmt: skip


# --- account of what differs between devices ------------------------------------------------------


def _pvary_batch(size: int, args: Any, dims: Any, *, axes: Axes) -> Any:
    (x,), (dim,) = args, dims
    rest = without_lanes(axes)
    return (pvary_p.bind(x, axes=rest) if rest else x), dim


pvary_p = register(
    Primitive(
        "pvary",
        abstract=lambda x, *, axes: x if x.manual is None else x.update(manual=None),
        ref=NO_REF,
        lower=lambda b, eqn, x: x,
        jvp=Linear(0),
        transpose=lambda ct, x, *, axes: [psum_invariant_p.bind(ct, axes=axes, groups=None)],
        batch=_pvary_batch,
        shard=NO_SPLIT,
        cost=lambda ins, outs, **params: Cost(0.0, 0.0, 0.0),
        varying=lambda held, *, axes: held.union(axes),
        words=LANES,
    )
)


def checked_axes(axes: Axes) -> Axes:
    """Names along which types keep account of what differs."""
    return Axes(a for a in axes if find_axis(a, "pcast").checked)


def differing(x: Any, axes: Axes) -> Any:
    """`x` marked as a value that may differ along those of the axes that are kept account of."""
    held = typeof(x).vma
    missing = Axes(a for a in checked_axes(axes) if a not in held)
    return pvary_p.bind(x, axes=missing) if missing else x


# --- what users call ------------------------------------------------------------------------------


def _split_axes(axis_name: Any, what: str) -> tuple[Axes, tuple[int, ...]]:
    """Named axes, and numbers of dimensions among them."""
    listed = axis_name if isinstance(axis_name, (tuple, list)) else (axis_name,)
    numbers = tuple(int(a) for a in listed if isinstance(a, (int, np.integer)))
    names = tuple(a for a in listed if not isinstance(a, (int, np.integer)))
    return named_axes(names, what), numbers


def _combine(
    what: str, primitive: Primitive, reduce: Any, x: Any, axis_name: Any, groups: Any
) -> Any:
    axes, numbers = _split_axes(axis_name, what)
    if groups is not None and numbers:
        raise ArgumentValueError(f"`{what}`: axis_index_groups only supported for named axes")
    found = index_groups(groups, axes, what)

    def leaf(v: Any) -> Any:
        typeof(v)  # raises on what is no array
        if numbers:
            v = reduce(v, numbers)
        if not axes:
            return v
        if isinstance(v, (bool, int, float, complex)):  # the same number on all lanes
            each = group_size(axes, found, what) if primitive is psum_p else 1
            return v * each if each != 1 else v
        return _bind(primitive, v, axes, found)

    return tree.map(leaf, x)


def _bind(primitive: Primitive, x: Any, axes: Axes, groups: Groups | None) -> Any:
    """One application, or two where types keep account of what differs along some axes."""
    kept = checked_axes(axes)
    if not kept or groups is not None:
        return primitive.bind(differing(x, axes), axes=axes, groups=groups)
    others = Axes(a for a in axes if a not in kept)
    if others:
        x = primitive.bind(x, axes=others, groups=None)
    primitive = psum_invariant_p if primitive is psum_p else primitive
    return primitive.bind(differing(x, kept), axes=kept, groups=None)


def psum(x: Any, axis_name: Any, *, axis_index_groups: Any = None) -> Any:
    """Sum over the lanes or devices along named axes; all of them get the result.

    Shapes and dtypes are those of `x`, booleans are counted as int32. A Python number is
    multiplied by the number of lanes and stays one, so `psum(1, "i")` is the size of an axis.

    Args:
        x: array or tree of arrays.
        axis_name: name of an axis of `vmap`, `pmap` or `shard_map`, or a tuple of names; numbers
            in it are dimensions of `x`, which are summed as well.
        axis_index_groups: lists of indices that cover the axis; each group has a sum of its own.

    Raises:
        NameError: a name is not in force.
        ValueError: the groups do not cover the axis.

    Example:
        >>> from ms_func.api.vectorize import vmap
        >>> vmap(lambda x: x / psum(x, "i"), axis_name="i")(np.array([1.0, 3.0])).tolist()
        [0.25, 0.75]
    """

    def number(v: Any) -> Any:
        kind = typeof(v)
        if kind.dtype != np.bool_:
            return v
        return int(v) if isinstance(v, bool) else convert_element_type(v, np.int32)

    return _combine("psum", psum_p, reduce_sum, tree.map(number, x), axis_name, axis_index_groups)


def pmean(x: Any, axis_name: Any, *, axis_index_groups: Any = None) -> Any:
    """Mean over the lanes or devices along named axes; see `psum`.

    Args:
        x: array or tree of arrays.
        axis_name: name of an axis, or a tuple of names.
        axis_index_groups: lists of indices along the axis, each a group of its own; None for one.

    Returns:
        Tree of arrays of the shapes of `x`; integers and booleans give floats.

    Raises:
        NameError: a name is not in force.
        ValueError: the groups do not cover the axis.

    Example:
        >>> ms.vmap(lambda x: lax.pmean(x, "i"), axis_name="i")(np.array([1, 4])).tolist()
        [2.5, 2.5]
    """
    total = psum(x, axis_name, axis_index_groups=axis_index_groups)
    axes, numbers = _split_axes(axis_name, "pmean")
    each = group_size(axes, index_groups(axis_index_groups, axes, "pmean"), "pmean")

    def mean(v: Any, before: Any) -> Any:
        count = each * math.prod(typeof(before).shape[n] for n in numbers)
        if isinstance(v, (bool, int, float, complex)):
            return v / count
        if not is_inexact(typeof(v).dtype):
            wide = typeof(v).dtype.itemsize == 8
            v = convert_element_type(v, np.float64 if wide else np.float32)
        return div(v, literal(count, v))

    return tree.map(mean, total, x)


def pmax(x: Any, axis_name: Any, *, axis_index_groups: Any = None) -> Any:
    """Maximum over the lanes or devices along named axes; arguments as for `psum`.

    NaN wins. The derivative is shared equally by the lanes that hold the maximum.

    Args:
        x: array or tree of arrays of any dtype.
        axis_name: name of an axis, or a tuple of names.
        axis_index_groups: lists of indices along the axis, each a group of its own; None for one.

    Returns:
        Tree of arrays of the dtypes of `x`, equal for all lanes of a group.

    Raises:
        NameError: a name is not in force.
        ValueError: the groups do not cover the axis.

    Example:
        >>> x = np.array([1.0, 3.0])
        >>> ms.vmap(lambda x: lax.pmax(x, "i") - x, axis_name="i")(x).tolist()
        [2.0, 0.0]
    """
    return _combine("pmax", pmax_p, reduce_max, x, axis_name, axis_index_groups)


def pmin(x: Any, axis_name: Any, *, axis_index_groups: Any = None) -> Any:
    """Minimum over the lanes or devices along named axes; see `pmax`.

    Args:
        x: array or tree of arrays of any dtype.
        axis_name: name of an axis, or a tuple of names.
        axis_index_groups: lists of indices along the axis, each a group of its own; None for one.

    Returns:
        Tree of arrays of the dtypes of `x`, equal for all lanes of a group. NaN wins.

    Raises:
        NameError: a name is not in force.
        ValueError: the groups do not cover the axis.

    Example:
        >>> x = np.array([3.0, 1.0, 2.0])
        >>> ms.vmap(lambda x: x - lax.pmin(x, "i"), axis_name="i")(x).tolist()
        [2.0, 0.0, 1.0]
    """
    return _combine("pmin", pmin_p, reduce_min, x, axis_name, axis_index_groups)


def pcast(x: Any, axis_name: Any, *, to: str) -> Any:
    """`x` counted as a value that may differ along named axes, where `shard_map` keeps account.

    Args:
        x: array or tree of arrays.
        axis_name: name of an axis, or a tuple of names.
        to: "varying".

    Returns:
        The values of `x`. Where axes are not kept account of, such as those of a `vmap`, `x`.

    Raises:
        NameError: a name is not in force.
        ValueError: `to` is another word.

    Example:
        >>> ms.vmap(lambda x: lax.pcast(x, "i", to="varying"), axis_name="i")(np.arange(2))
        Array([0, 1], dtype=int32)
    """
    axes = named_axes(axis_name, "pcast")
    if to != "varying":
        raise ArgumentValueError(f"pcast: `to` must be 'varying', got {to!r}")
    kept = frozenset(checked_axes(axes))
    for v in tree.leaves(x) if jax_rules() and kept else ():
        if typeof(v).vma >= kept:
            raise ArgumentValueError("Unsupported pcast from=varying, to='varying'")
    return tree.map(lambda v: differing(v, axes), x)


def pvary(x: Any, axis_name: Any) -> Any:
    """`pcast(x, axis_name, to="varying")`.

    Args:
        x: array or tree of arrays.
        axis_name: name of an axis, or a tuple of names.

    Returns:
        The values of `x`.

    Raises:
        NameError: a name is not in force.

    Example:
        >>> ms.vmap(lambda x: lax.pvary(x, "i"), axis_name="i")(np.arange(2))
        Array([0, 1], dtype=int32)
    """
    return pcast(x, axis_name, to="varying")
