"""Collectives that move pieces between lanes or devices: gather, scatter, exchange.

The primitives are the tiled forms, which keep the rank: pieces are joined or cut along an
existing dimension. The public functions make the other forms out of them with a dimension of
size 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ms_func import tree
from ms_func.errors import ArgumentValueError, ShapeError
from ms_func.ir.axes import BATCH_AXIS, Axes, find_axis, total_size
from ms_func.ir.primitive import LANES, Linear, Primitive, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering import context as mlir
from ms_func.primitives.arithmetic import mul
from ms_func.primitives.axis_slices import dynamic_slice_in_dim
from ms_func.primitives.basis import transpose
from ms_func.primitives.batching import move_batch, to_front
from ms_func.primitives.collective import (
    NO_REF,
    NO_SPLIT,
    Groups,
    alone,
    checked_axes,
    differing,
    even_groups,
    group_attributes,
    group_size,
    in_groups,
    index_groups,
    moved_cost,
    named_axes,
    only_lanes,
    pvary_p,
)
from ms_func.primitives.collective_places import axis_index_p
from ms_func.primitives.families import literal
from ms_func.primitives.pieces import slice as slice_
from ms_func.primitives.reduce import reduce_sum
from ms_func.primitives.shape import expand_dims, reshape, squeeze


def _past(dimension: int, lanes: int | None) -> int:
    """A dimension of one lane as a dimension of the array with all lanes."""
    return dimension + (lanes is not None and dimension >= lanes)


def _resized(x: ArrayType, dimension: int, size: int) -> ArrayType:
    return ArrayType((*x.shape[:dimension], size, *x.shape[dimension + 1 :]), x.dtype, x.weak_type)


def _cut(x: Any, dimension: int, count: int) -> Any:
    """`x` with a dimension cut into (count, rest)."""
    s = typeof(x).shape
    pieces = (count, s[dimension] // count)
    return reshape(x, (*s[:dimension], *pieces, *s[dimension + 1 :]))


def _joined(x: Any, dimension: int) -> Any:
    """`x` with a dimension and the next one made into one."""
    s = typeof(x).shape
    return reshape(x, (*s[:dimension], s[dimension] * s[dimension + 1], *s[dimension + 2 :]))


# --- all_gather -------------------------------------------------------------------------------


def _gather_abstract(
    x: ArrayType, *, axes: Axes, dimension: int, count: int, groups: Groups | None
) -> ArrayType:
    return _resized(x, dimension, x.shape[dimension] * count)


def _gather_lower(b: Any, eqn: Any, x: Any) -> Any:
    axes, groups = eqn.params["axes"], eqn.params["groups"]
    if alone(b, axes, eqn):
        return x
    attributes = group_attributes(b, axes, groups)
    attributes["all_gather_dim"] = mlir.integer(eqn.params["dimension"])
    return b.op("stablehlo.all_gather", [eqn.outputs[0].type], [x], attributes)


def _gather_batch(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    def batch(
        size: int, args: Any, dims: Any, *, axes: Axes, dimension: int, groups: Any, **params: Any
    ) -> Any:
        """Over the lanes: they become part of the dimension, and all share the result."""
        (x,), (dim,) = args, dims
        if BATCH_AXIS not in axes:
            past = _past(dimension, dim)
            return primitive().bind(x, axes=axes, dimension=past, groups=groups, **params), dim
        only_lanes(axes, "all_gather")
        if groups is not None:
            return in_groups(
                lambda n, rows: (_joined(move_batch(rows, 1, dimension + 1, n), dimension + 1),
                                 None),
                size, x, dim, groups, "all_gather",
            )  # fmt: skip
        return _joined(move_batch(x, dim, dimension, size), dimension), None

    return batch


def _gather_transpose(ct: Any, x: Any, **params: Any) -> list[Any]:
    return [reduce_scatter_p.bind(ct, **params)]


def _invariant_transpose(
    ct: Any, x: Any, *, axes: Axes, dimension: int, count: int, groups: None
) -> list[Any]:
    """All devices along the one axis hold the same cotangent: each takes its own piece."""
    size = x.type.shape[dimension]
    start = mul(axis_index_p.bind(axes=axes, checked=True), np.int32(size))
    return [dynamic_slice_in_dim(pvary_p.bind(ct, axes=axes), start, size, dimension)]


def _gathering(name: str, **rules: Any) -> Primitive:
    """Make and register a gather; both kinds compute the same."""
    primitive = register(
        Primitive(
            name,
            abstract=_gather_abstract,
            ref=NO_REF,
            lower=_gather_lower,
            jvp=Linear(0),
            batch=_gather_batch(lambda: primitive),
            shard=NO_SPLIT,
            cost=moved_cost,
            words=LANES,
            **rules,
        )
    )
    return primitive


all_gather_p = _gathering("all_gather", transpose=_gather_transpose)
all_gather_invariant_p = _gathering(
    "all_gather_invariant",
    transpose=_invariant_transpose,
    varying=lambda held, *, axes, **params: held.difference(axes),
)
"""The gather whose result counts as the same on all devices along the axes."""


# --- reduce_scatter -----------------------------------------------------------------------------


def _scatter_abstract(
    x: ArrayType, *, axes: Axes, dimension: int, count: int, groups: Groups | None
) -> ArrayType:
    if x.shape[dimension] % count:
        raise ShapeError(
            f"reduce_scatter of {x}: dimension {dimension} cannot be cut into {count} pieces"
        )
    return _resized(x, dimension, x.shape[dimension] // count)


def _scatter_lower(b: Any, eqn: Any, x: Any) -> Any:
    axes, groups, out = eqn.params["axes"], eqn.params["groups"], eqn.outputs[0].type
    if alone(b, axes, eqn):
        return x
    attributes = group_attributes(b, axes, groups)
    attributes["scatter_dimension"] = mlir.integer(eqn.params["dimension"])
    made = b.operation("stablehlo.reduce_scatter", [out], [x], attributes)
    b.reducer(made, "stablehlo.add", out.dtype)
    return made.results[0]


def _scatter_batch(
    size: int, args: Any, dims: Any, *, axes: Axes, dimension: int, groups: Any, **params: Any
) -> Any:
    """Over the lanes: their sum, whose pieces are the lanes of the result."""
    (x,), (dim,) = args, dims
    if BATCH_AXIS not in axes:
        past = _past(dimension, dim)
        out = reduce_scatter_p.bind(x, axes=axes, dimension=past, groups=groups, **params)
        return out, dim
    only_lanes(axes, "reduce_scatter")
    if groups is not None:
        return in_groups(
            lambda n, rows: (_cut(reduce_sum(rows, (1,)), dimension + 1, n), dimension + 1),
            size, x, dim, groups, "reduce_scatter",
        )  # fmt: skip
    total = mul(x, literal(size, x)) if dim is None else reduce_sum(x, (dim,))
    return _cut(total, dimension, size), dimension


def _scatter_transpose(ct: Any, x: Any, **params: Any) -> list[Any]:
    return [all_gather_p.bind(ct, **params)]


reduce_scatter_p = register(
    Primitive(
        "reduce_scatter",
        abstract=_scatter_abstract,
        ref=NO_REF,
        lower=_scatter_lower,
        jvp=Linear(0),
        transpose=_scatter_transpose,
        batch=_scatter_batch,
        shard=NO_SPLIT,
        cost=moved_cost,
    )
)


# --- all_to_all -----------------------------------------------------------------------------------


def _exchange_abstract(
    x: ArrayType, *, axes: Axes, split: int, concat: int, count: int, groups: Groups | None
) -> ArrayType:
    if x.shape[split] % count:
        raise ShapeError(f"all_to_all of {x}: dimension {split} cannot be cut into {count} pieces")
    less = _resized(x, split, x.shape[split] // count)
    return _resized(less, concat, less.shape[concat] * count)


def _exchange_lower(b: Any, eqn: Any, x: Any) -> Any:
    axes, groups, count = (eqn.params[k] for k in ("axes", "groups", "count"))
    if alone(b, axes, eqn):
        return x
    attributes = group_attributes(b, axes, groups)
    del attributes["use_global_device_ids"]
    attributes["split_dimension"] = mlir.integer(eqn.params["split"])
    attributes["concat_dimension"] = mlir.integer(eqn.params["concat"])
    attributes["split_count"] = mlir.integer(count)
    return b.op("stablehlo.all_to_all", [eqn.outputs[0].type], [x], attributes)


def _exchange_batch(
    size: int, args: Any, dims: Any, *, axes: Axes, split: int, concat: int, groups: Any,
    **params: Any,
) -> Any:  # fmt: skip
    """Over the lanes: pieces and lanes change places."""
    (x,), (dim,) = args, dims
    if BATCH_AXIS not in axes:
        past = {"split": _past(split, dim), "concat": _past(concat, dim)}
        return all_to_all_p.bind(x, axes=axes, groups=groups, **past, **params), dim
    only_lanes(axes, "all_to_all")
    if groups is not None:
        return in_groups(
            lambda n, rows: _exchanged(rows, 1, split + 1, concat + 1, n),
            size, x, dim, groups, "all_to_all",
        )  # fmt: skip
    return _exchanged(to_front(x, dim, size), 0, split, concat, size)


def _exchanged(x: Any, lanes: int, split: int, concat: int, size: int) -> tuple[Any, int]:
    """Pieces along `split` become the lanes, the lanes are joined along `concat`."""
    x = _cut(x, _past(split, lanes), size)
    pieces = _past(split, lanes)
    old = lanes if lanes < pieces else lanes + 1
    rest = [d for d in range(typeof(x).ndim) if d not in (old, pieces)]
    order = [*rest[:concat], old, *rest[concat:]]
    return _joined(transpose(x, [pieces, *order]), concat + 1), 0


def _exchange_transpose(ct: Any, x: Any, *, split: int, concat: int, **params: Any) -> list[Any]:
    return [all_to_all_p.bind(ct, split=concat, concat=split, **params)]


all_to_all_p = register(
    Primitive(
        "all_to_all",
        abstract=_exchange_abstract,
        ref=NO_REF,
        lower=_exchange_lower,
        jvp=Linear(0),
        transpose=_exchange_transpose,
        batch=_exchange_batch,
        shard=NO_SPLIT,
        cost=moved_cost,
        words=LANES,
    )
)


# --- what users call ------------------------------------------------------------------------------


def _dimension(number: Any, ndim: int, what: str) -> int:
    """A dimension counted from the front.

    Raises:
        ValueError: there is no such dimension.
    """
    if not -ndim <= number < ndim:
        raise ArgumentValueError(
            f"{what}: axis {number} is out of bounds for array of dimension {ndim}"
        )
    return int(number) % ndim


def _settings(axis_name: Any, groups: Any, what: str) -> dict[str, Any]:
    axes = named_axes(axis_name, what)
    found = index_groups(groups, axes, what)
    even_groups(found, what)
    return {"axes": axes, "groups": found, "count": group_size(axes, found, what)}


def _one_by_one(
    axis_name: Any, groups: Any, what: str, apart: bool = False
) -> list[dict[str, Any]]:
    """Settings for each of several axes, or for all at once where they are those of a mesh."""
    axes = named_axes(axis_name, what)
    together = not apart and all(find_axis(a, what).mesh is not None for a in axes)
    if len(axes) < 2 or groups is not None or together:
        return [_settings(axes, groups, what)] if axes else []
    return [_settings((a,), None, what) for a in axes]


def all_gather(
    x: Any, axis_name: Any, *, axis_index_groups: Any = None, axis: int = 0, tiled: bool = False,
    to: str = "varying",
) -> Any:  # fmt: skip
    """Values of all lanes or devices along a named axis, laid side by side.

    Args:
        x: array or tree of arrays.
        axis_name: name of an axis, or a tuple of names, major first.
        axis_index_groups: lists of indices that cover the axis; each group gathers by itself.
        axis: dimension of the result along which the values are laid.
        tiled: join the values along the dimension instead of making a new one.
        to: "varying" or "invariant": whether the result counts as one that may differ between the
            devices, where `shard_map` keeps account of it.

    Raises:
        NameError: a name is not in force.
        ValueError: the dimension does not exist, or groups are uneven.

    Example:
        >>> from ms_func.api.vectorize import vmap
        >>> vmap(lambda x: all_gather(x, "i"), axis_name="i")(np.array([1, 2])).tolist()
        [[1, 2], [1, 2]]
    """
    if to not in ("varying", "invariant", "invarying"):
        raise ArgumentValueError(f"all_gather: `to` must be 'varying' or 'invariant', got {to!r}")
    steps = _one_by_one(axis_name, axis_index_groups, "all_gather", to != "varying")

    def leaf(v: Any) -> Any:
        dimension = _dimension(axis, typeof(v).ndim + (not tiled), "all_gather")
        v = v if tiled else expand_dims(v, (dimension,))
        for settings in reversed(steps):  # the minor axis lies inside
            axes = settings["axes"]
            same = to != "varying" and checked_axes(axes) and settings["groups"] is None
            primitive = all_gather_invariant_p if same else all_gather_p
            v = primitive.bind(differing(v, axes), dimension=dimension, **settings)
        return v

    return tree.map(leaf, x)


def psum_scatter(
    x: Any, axis_name: Any, *, scatter_dimension: int = 0, axis_index_groups: Any = None,
    tiled: bool = False,
) -> Any:  # fmt: skip
    """Sum along a named axis, of which each lane or device gets one piece.

    Args:
        x: array or tree of arrays.
        axis_name: name of an axis, or a tuple of names, major first.
        scatter_dimension: dimension that is cut into pieces.
        axis_index_groups: lists of indices that cover the axis; each group sums by itself.
        tiled: keep the dimension, of the size of a piece; else its size must be the number of
            lanes, and it disappears.

    Raises:
        NameError: a name is not in force.
        ValueError: the dimension cannot be cut so.

    Example:
        >>> from ms_func.api.vectorize import vmap
        >>> x = np.array([[1, 2], [10, 20]])
        >>> vmap(lambda v: psum_scatter(v, "i"), axis_name="i")(x).tolist()
        [11, 22]
    """
    steps = _one_by_one(axis_name, axis_index_groups, "psum_scatter")
    size = math.prod(settings["count"] for settings in steps)

    def leaf(v: Any) -> Any:
        dimension = _dimension(scatter_dimension, typeof(v).ndim, "psum_scatter")
        n = typeof(v).shape[dimension]
        if n % size or (n != size and not tiled):
            how = "has to be divisible by" if tiled else "must match"
            raise ArgumentValueError(
                f"psum_scatter: the size {n} of scatter_dimension {dimension} {how} the size of "
                f"the axis (or group), {size}"
            )
        for settings in steps:
            v = differing(v, settings["axes"])
            v = reduce_scatter_p.bind(v, dimension=dimension, **settings)
        return v if tiled else squeeze(v, (dimension,))

    return tree.map(leaf, x)


def all_to_all(
    x: Any, axis_name: Any, split_axis: int, concat_axis: int, *, axis_index_groups: Any = None,
    tiled: bool = False,
) -> Any:  # fmt: skip
    """Cut each value into pieces, send piece k to lane or device k, join what arrives.

    Args:
        x: array or tree of arrays.
        axis_name: name of an axis, or a tuple of names, major first.
        split_axis: dimension that is cut.
        concat_axis: dimension along which the pieces that arrive are laid.
        axis_index_groups: lists of indices that cover the axis; each group exchanges by itself.
        tiled: pieces keep the dimension; else its size must be the number of lanes, it
            disappears, and `concat_axis` is a new dimension.

    Raises:
        NameError: a name is not in force.
        ValueError: the dimension cannot be cut so.

    Example:
        >>> from ms_func.api.vectorize import vmap
        >>> x = np.array([[1, 2], [3, 4]])
        >>> vmap(lambda v: all_to_all(v, "i", 0, 0), axis_name="i")(x).tolist()
        [[1, 3], [2, 4]]
    """
    settings = _settings(axis_name, axis_index_groups, "all_to_all")

    def leaf(v: Any) -> Any:
        ndim, size = typeof(v).ndim, settings["count"]
        split = _dimension(split_axis, ndim, "all_to_all")
        concat = _dimension(concat_axis, ndim, "all_to_all")
        n = typeof(v).shape[split]
        v = differing(v, settings["axes"])
        if tiled:
            if n % size:
                raise ArgumentValueError(
                    f"The size of all_to_all split_axis ({n}) has to be divisible by the size of "
                    f"the named axis {axis_name} ({size})"
                )
            return all_to_all_p.bind(v, split=split, concat=concat, **settings)
        if n != size:
            raise ArgumentValueError(
                "all_to_all requires the size of the mapped axis axis_name to equal "
                f"x.shape[split_axis], but they are {size} and {n} respectively."
            )
        at = concat + (concat > split)  # the place of the new dimension while both are there
        moved = split + (concat <= split)
        pieces = expand_dims(v, (at,))
        return squeeze(all_to_all_p.bind(pieces, split=moved, concat=at, **settings), (moved,))

    return tree.map(leaf, x)


def pswapaxes(x: Any, axis_name: Any, axis: int, *, axis_index_groups: Any = None) -> Any:
    """Exchange a named axis and a dimension of the same size; see `all_to_all`.

    Args:
        x: array or tree of arrays.
        axis_name: name of an axis.
        axis: dimension of `x` with the size of that axis, or of its groups.
        axis_index_groups: lists of indices along the axis, each a group of its own; None for one.

    Returns:
        Tree of arrays of the shapes and dtypes of `x`.

    Raises:
        NameError: the name is not in force.
        ValueError: sizes differ.

    Example:
        >>> x = np.array([[1, 2], [3, 4]])
        >>> ms.vmap(lambda v: lax.pswapaxes(v, "i", 0), axis_name="i")(x).tolist()
        [[1, 3], [2, 4]]
    """
    return all_to_all(x, axis_name, axis, axis, axis_index_groups=axis_index_groups)


def pbroadcast(x: Any, axis_name: Any, source: int) -> Any:
    """Value of lane or device `source` for all of them.

    Args:
        x: array or tree of arrays.
        axis_name: name of an axis.
        source: index along it.

    Returns:
        Tree of arrays of the shapes and dtypes of `x`.

    Raises:
        NameError: a name is not in force.
        ValueError: `source` is out of range.

    Example:
        >>> x = np.array([5, 6, 7])
        >>> ms.vmap(lambda v: lax.pbroadcast(v, "i", 1), axis_name="i")(x).tolist()
        [6, 6, 6]
    """
    size = total_size(named_axes(axis_name, "pbroadcast"), "pbroadcast")
    if not 0 <= source < size:
        raise ArgumentValueError(f"pbroadcast: source {source} of an axis of size {size}")

    def leaf(v: Any) -> Any:
        rows = all_gather(v, axis_name)
        shape = typeof(rows).shape
        rest = len(shape) - 1
        row = slice_(rows, (source, *(0,) * rest), (source + 1, *shape[1:]))
        return squeeze(row, (0,))

    return tree.map(leaf, x)
