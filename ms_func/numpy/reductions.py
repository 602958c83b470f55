"""Sums, products, extrema and logic: many elements to one."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from ms_func.config import x64
from ms_func.dtypes import DEFAULTS, canonicalize_dtype, is_inexact, issubdtype
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy import fusion, logic
from ms_func.numpy.arithmetic import maximum, minimum, subtract
from ms_func.numpy.axes import axes_and_names, axes_tuple, axis_names
from ms_func.numpy.creation import asarray
from ms_func.numpy.floats import isclose
from ms_func.numpy.manipulation import broadcast_shapes, broadcast_to
from ms_func.numpy.promotion import (
    HANDLES,
    ArrayLike,
    admit,
    as_handle,
    convert,
    fill,
    no_out,
    operand,
    promote,
    settled,
)
from ms_func.primitives import arithmetic as ar
from ms_func.primitives import basis, bits, collective, compare, reduce
from ms_func.primitives import shape as sh

Axis = int | tuple[int, ...] | list[int] | None
_BOOL = np.dtype(np.bool_)

# --- the common way ---------------------------------------------------------------------


def mask_of(name: str, where: Any) -> Any:
    """The elements to count, as booleans.

    Raises:
        ValueError: they are given as numbers.
    """
    kind = typeof(where).dtype
    if kind != np.bool_:
        raise ArgumentValueError(
            f"jnp.{name}: where must be None or a boolean array; got where.dtype={kind!r}.\n"
            "fix: compare, for example where != 0"
        )
    return operand(name, where)


def _reduce(
    name: str,
    primitive: Any,
    a: Any,
    axis: Axis,
    keepdims: bool,
    where: Any,
    initial: Any,
    identity: Any,
    combine: Callable[[Any, Any], Any],
) -> Any:
    """Reduce `a`: masked elements become `identity`, `initial` is combined at the end."""
    if where is not None:
        a = masked(a, mask_of(name, where), identity)
    shape = typeof(a).shape
    names = axis_names(axis)
    axes = axes_and_names(axis, len(shape))
    axes = axes[: len(axes) - len(names)]
    if axes or primitive not in _KEEPERS:
        out = primitive.bind(a, axes=tuple(sorted(axes)))
    else:
        out = as_handle(a)
    if names:
        out = _over_lanes(name, primitive, out, names)
    if keepdims:
        sizes = tuple(1 if i in axes else n for i, n in enumerate(shape))
        out = sh.reshape_p.bind(out, new_sizes=sizes)
    if initial is None:
        return out
    initial = admit(name, initial)
    if np.shape(initial):
        raise ArgumentValueError(
            f"initial value must be a scalar. Got array of shape {np.shape(initial)}"
        )
    return combine(out, convert(initial, typeof(out).dtype))


def masked(a: Any, mask: Any, identity: Any) -> Any:
    """`a` with `identity` where `mask` does not hold, at the shape that the two broadcast to."""
    if np.shape(mask) != typeof(a).shape:
        shape = broadcast_shapes(typeof(a).shape, np.shape(mask))
        a = broadcast_to(a, shape)
        mask = broadcast_to(mask, shape) if np.shape(mask) else mask
    return compare.select(mask, a, identity)


def _over_lanes(name: str, primitive: Any, x: Any, names: tuple[Any, ...]) -> Any:
    """A reduction along named axes."""
    collective = _COLLECTIVES.get(primitive)
    if collective is None:
        raise NotImplementedError(f"Named reductions not implemented for {name}")
    return collective(x, names)


_COLLECTIVES = {
    basis.reduce_sum_p: collective.psum,
    reduce.reduce_max_p: collective.pmax,
    reduce.reduce_min_p: collective.pmin,
}


class _Plain(dict[Any, bool]):
    """Whether arrays of a type are summed as they are: not narrow, not weak, not of rank 0.

    Keys are the type and the setting `x64`.
    """

    def __missing__(self, key: tuple[ArrayType, bool | None]) -> bool:
        t = key[0]
        least = DEFAULTS[int].itemsize if t.dtype.kind in "iu" else 4
        wide = t.dtype != _BOOL and t.dtype.itemsize >= least
        found = self[key] = wide and t.ndim > 0 and not t.weak_type
        return found


_plain = _Plain()


def _axes(axis: Axis, ndim: int) -> tuple[int, ...] | None:
    """Increasing axes counted from the front; None where some have names."""
    if axis is None:
        return tuple(range(ndim))
    if type(axis) is int and -ndim <= axis < ndim:
        return (axis % ndim,)
    if axis_names(axis):
        return None
    return tuple(sorted(axes_tuple(axis, ndim)))


_KEEPERS = frozenset(
    {basis.reduce_sum_p, reduce.reduce_prod_p, reduce.reduce_max_p, reduce.reduce_min_p}
)
"""Reductions that leave an array alone when they reduce over no axis."""


def accumulator(name: str, a: Any, dtype: Any, widen: bool) -> tuple[Any, np.dtype]:
    """`a` in the dtype it is summed in, and the dtype of the result.

    Booleans and small integers widen to the default width; 16-bit and smaller floats are summed in
    float32 and rounded once.
    """
    a = settled(name, a)
    own = typeof(a).dtype
    if typeof(a).key is not None:
        raise ArgumentTypeError(f"{name} does not accept dtype {typeof(a).face.name}")
    if dtype is not None:
        out = canonicalize_dtype(dtype)
    elif own == _BOOL:
        out = DEFAULTS[int]
    elif widen and issubdtype(own, np.integer) and own.itemsize < DEFAULTS[int].itemsize:
        wide = DEFAULTS[int]
        out = wide if issubdtype(own, np.signedinteger) else np.dtype(f"u{wide.itemsize}")
    else:
        out = own
    if out == _BOOL:  # some, or all, of them
        return convert(convert(a, out), DEFAULTS[int]), out
    inner = np.dtype(np.float32) if is_inexact(out) and out.itemsize < 4 else out
    return convert(a, inner), out


@fusion.whole(1, "initial", "where")
def sum(
    a: ArrayLike, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
    initial: ArrayLike | None = None, where: ArrayLike | None = None,
    promote_integers: bool = True,
) -> Array:  # fmt: skip
    """Sum of the elements along dimensions.

    Args:
        a: array or number.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        dtype: of the sum; by default that of `a`, where booleans and integers widen to at least 32
            bits. Sums of 16-bit and shorter floats are kept in float32 and rounded once.
        out: not supported.
        keepdims: keep the reduced dimensions with size 1.
        initial: number that is added.
        where: mask of what counts; broadcasts against `a`.
        promote_integers: whether short integers widen.

    Returns:
        Array without the reduced dimensions; 0, or `initial`, of nothing.

    Raises:
        NotImplementedError: `out` is given.
        TypeError: `a` is a list or holds no numbers.
        ValueError: `a` has no such dimension, or `where` holds no booleans.

    Example:
        >>> a = np.array([[1, 2], [3, 4]])
        >>> np.sum(a), np.sum(a, axis=-1, keepdims=True).tolist()
        (Array(10, dtype=int32), [[3], [7]])
        >>> np.sum(a, where=a > 1, initial=100), np.sum(np.array([])).item()
        (Array(109, dtype=int32), 0.0)
        >>> np.sum(np.int8([100, 100])).dtype
        dtype('int32')
    """
    if (
        type(a) in HANDLES
        and _plain[a.type, x64.value]  # pyright: ignore[reportAttributeAccessIssue]
        and (where is initial is dtype is out is None and not keepdims)
    ):
        axes = _axes(axis, a.type.ndim)  # pyright: ignore[reportAttributeAccessIssue]
        if axes is not None:
            return basis.reduce_sum_p.bind(a, axes=axes)
    no_out("sum", out)
    a, kind = accumulator("sum", a, dtype, promote_integers)
    total = _reduce("sum", basis.reduce_sum_p, a, axis, keepdims, where, initial, 0, ar.add_p.bind)
    return convert(total, kind)


@fusion.whole(1, "initial", "where")
def prod(
    a: ArrayLike, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
    initial: ArrayLike | None = None, where: ArrayLike | None = None,
    promote_integers: bool = True,
) -> Array:  # fmt: skip
    """Product of the elements along dimensions.

    Args:
        a: array or number.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        dtype: of the product; by default that of `a`, where booleans and integers widen to at least
            32 bits.
        out: not supported.
        keepdims: keep the reduced dimensions with size 1.
        initial: number that is multiplied.
        where: mask of what counts; broadcasts against `a`.
        promote_integers: whether short integers widen.

    Returns:
        Array without the reduced dimensions; 1, or `initial`, of nothing. Integers wrap around.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: `a` has no such dimension, or `where` holds no booleans.

    Example:
        >>> np.prod(np.array([[1, 2], [3, 4]]), axis=0)
        Array([3, 8], dtype=int32)
    """
    no_out("prod", out)
    a, kind = accumulator("prod", a, dtype, promote_integers)
    total = _reduce(
        "prod", reduce.reduce_prod_p, a, axis, keepdims, where, initial, 1, ar.mul_p.bind
    )
    return convert(total, kind)


def _extremum(
    name: str, primitive: Any, bound: Any, a: Any, axis: Any, keepdims: bool, initial: Any,
    where: Any, combine: Any,
) -> Any:  # fmt: skip
    a = settled(name, a)
    t = typeof(a)
    if where is initial is None and not keepdims and t.ndim and t.size:
        axes = _axes(axis, t.ndim)
        if axes is not None:
            return primitive.bind(a, axes=axes)
    if where is not None and initial is None:
        raise ArgumentValueError(
            f"reduction operation {name} does not have an identity, so to use a where mask one "
            "has to specify 'initial'"
        )
    axes = axes_and_names(axis, t.ndim)
    if initial is None and builtins.any(type(i) is int and t.shape[i] == 0 for i in axes):
        raise ArgumentValueError(
            f"zero-size array to reduction operation {name} which has no identity"
        )
    identity = 0 if where is None else bound(t.dtype)
    return _reduce(name, primitive, a, axis, keepdims, where, initial, identity, combine)


@fusion.whole(1, "initial", "where")
def max(
    a: ArrayLike, axis: Axis = None, out: None = None, keepdims: bool = False,
    initial: ArrayLike | None = None, where: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """Maximum of the elements along dimensions; NaN wins. `amax` is the same.

    Args:
        a: array or number; complex numbers compare by real, then by imaginary part.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        out: not supported.
        keepdims: keep the reduced dimensions with size 1.
        initial: number that takes part; needed where there is no element or with `where`.
        where: mask of what counts; broadcasts against `a`.

    Returns:
        Array of the dtype of `a`, without the reduced dimensions.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: there is no element and no `initial`, `where` comes without `initial`, or there
            is no such dimension.

    Example:
        >>> np.max(np.array([[1.0, 4.0], [5.0, 2.0]]), axis=0)
        Array([5., 4.], dtype=float32)
        >>> a = np.array([1.0, np.nan, 3.0])
        >>> np.max(a), np.nanmax(a)
        (Array(nan, dtype=float32), Array(3., dtype=float32))
    """
    no_out("max", out)
    return _extremum("max", reduce.reduce_max_p, reduce.lowest, a, axis, keepdims, initial, where,
                     maximum)  # fmt: skip


@fusion.whole(1, "initial", "where")
def min(
    a: ArrayLike, axis: Axis = None, out: None = None, keepdims: bool = False,
    initial: ArrayLike | None = None, where: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """Minimum of the elements along dimensions; NaN wins. `amin` is the same.

    Args:
        a: array or number; complex numbers compare by real, then by imaginary part.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        out: not supported.
        keepdims: keep the reduced dimensions with size 1.
        initial: number that takes part; needed where there is no element or with `where`.
        where: mask of what counts; broadcasts against `a`.

    Returns:
        Array of the dtype of `a`, without the reduced dimensions.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: there is no element and no `initial`, `where` comes without `initial`, or there
            is no such dimension.

    Example:
        >>> np.min(np.array([[1.0, 4.0], [5.0, 2.0]]), axis=0)
        Array([1., 2.], dtype=float32)
        >>> a = np.array([1.0, np.nan, 3.0])
        >>> np.min(a), np.nanmin(a)
        (Array(nan, dtype=float32), Array(1., dtype=float32))
    """
    no_out("min", out)
    return _extremum("min", reduce.reduce_min_p, reduce.highest, a, axis, keepdims, initial, where,
                     minimum)  # fmt: skip


amax, amin = max, min


@fusion.whole(1, "where")
def all(
    a: ArrayLike, axis: Axis = None, out: None = None, keepdims: bool = False, *,
    where: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """Whether all elements along dimensions are nonzero.

    Args:
        a: array or number; NaN is not zero.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        out: not supported.
        keepdims: keep the reduced dimensions with size 1.
        where: mask of what counts; broadcasts against `a`.

    Returns:
        Booleans without the reduced dimensions; true of nothing.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: `a` has no such dimension, or `where` holds no booleans.

    Example:
        >>> np.all(np.array([[True, False], [True, True]]), axis=1)
        Array([False,  True], dtype=bool)
        >>> np.all(np.array([]))
        Array(True, dtype=bool)
    """
    no_out("all", out)
    a = logic.truth("all", a)
    return _reduce(
        "all", reduce.reduce_and_p, a, axis, keepdims, where, None, True, bits.and_p.bind
    )


@fusion.whole(1, "where")
def any(
    a: ArrayLike, axis: Axis = None, out: None = None, keepdims: bool = False, *,
    where: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """Whether an element along dimensions is nonzero.

    Args:
        a: array or number; NaN is not zero.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        out: not supported.
        keepdims: keep the reduced dimensions with size 1.
        where: mask of what counts; broadcasts against `a`.

    Returns:
        Booleans without the reduced dimensions; false of nothing.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: `a` has no such dimension, or `where` holds no booleans.

    Example:
        >>> np.any(np.array([[0, 2], [0, 0]]), axis=1)
        Array([ True, False], dtype=bool)
    """
    no_out("any", out)
    a = logic.truth("any", a)
    return _reduce("any", reduce.reduce_or_p, a, axis, keepdims, where, None, False, bits.or_p.bind)


@fusion.whole(1)
def count_nonzero(a: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Number of nonzero elements along dimensions.

    Args:
        a: array or number; NaN is not zero.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        keepdims: keep the reduced dimensions with size 1.

    Returns:
        int32 without the reduced dimensions.

    Raises:
        ValueError: `a` has no such dimension.

    Example:
        >>> a = np.array([[0, 7, 0], [1, 2, 0]])
        >>> np.count_nonzero(a), np.count_nonzero(a > 1, axis=1).tolist()
        (Array(3, dtype=int32), [1, 1])
    """
    return sum(logic.truth("count_nonzero", a), axis, DEFAULTS[int], keepdims=keepdims)


@fusion.whole(1)
def ptp(a: ArrayLike, axis: Axis = None, out: None = None, keepdims: bool = False) -> Array:
    """Maximum minus minimum along dimensions; NaN wins.

    Args:
        a: array or number.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        out: not supported.
        keepdims: keep the reduced dimensions with size 1.

    Returns:
        Array of the dtype of `a`, without the reduced dimensions.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: there is no element, or `a` has no such dimension.

    Example:
        >>> np.ptp(np.array([[1, 4], [5, 2]]), axis=1)
        Array([3, 3], dtype=int32)
    """
    no_out("ptp", out)
    return subtract(max(a, axis, keepdims=keepdims), min(a, axis, keepdims=keepdims))


# --- tests of whole arrays --------------------------------------------------------------


@fusion.whole(2, "rtol", "atol")
def allclose(
    a: ArrayLike, b: ArrayLike, rtol: ArrayLike = 1e-05, atol: ArrayLike = 1e-08,
    equal_nan: bool = False,
) -> Array:  # fmt: skip
    """Whether all elements are close in the sense of `isclose`.

    Args:
        a: array or number.
        b: what it is compared with: the tolerance is a part of this one. The two broadcast.
        rtol: tolerance as a part of `|b|`.
        atol: tolerance beside it.
        equal_nan: whether NaN is close to NaN.

    Returns:
        One boolean.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.allclose(np.array([1.0, 2.0]), np.array([1.0, 2.00001]))
        Array(True, dtype=bool)
        >>> np.allclose(np.nan, np.nan), np.allclose(np.nan, np.nan, equal_nan=True)
        (Array(False, dtype=bool), Array(True, dtype=bool))
    """
    return all(isclose(a, b, rtol, atol, equal_nan))


@fusion.whole(2)
def array_equal(a1: ArrayLike, a2: ArrayLike, equal_nan: bool = False) -> Array:
    """Whether two arrays have one shape and equal elements.

    Args:
        a1: array, or nested sequence.
        a2: array, or nested sequence; nothing broadcasts, see `array_equiv`.
        equal_nan: whether NaN equals NaN.

    Returns:
        One boolean.

    Raises:
        TypeError: an operand holds no numbers.

    Example:
        >>> np.array_equal([1, 2], np.array([1.0, 2.0])), np.array_equal([1, 1], 1)
        (Array(True, dtype=bool), Array(False, dtype=bool))
    """
    a1, a2 = asarray(a1), asarray(a2)
    if a1.shape != a2.shape:
        return fill(False, ArrayType((), _BOOL))
    same = logic.equal(a1, a2)
    if equal_nan:
        same = logic.logical_or(same, logic.logical_and(logic.isnan(a1), logic.isnan(a2)))
    return all(same)


def array_equiv(a1: ArrayLike, a2: ArrayLike) -> Array:
    """Whether two arrays broadcast to one shape and have equal elements there.

    Args:
        a1: array, or nested sequence.
        a2: array, or nested sequence.

    Returns:
        One boolean: false where the shapes do not broadcast.

    Raises:
        TypeError: an operand holds no numbers.

    Example:
        >>> np.array_equiv([1, 1], 1), np.array_equiv([1, 1], [1, 1, 1])
        (Array(True, dtype=bool), Array(False, dtype=bool))
    """
    a1, a2 = asarray(a1), asarray(a2)
    try:
        broadcast_shapes(a1.shape, a2.shape)
    except ValueError:
        return fill(False, ArrayType((), _BOOL))
    return all(logic.equal(*promote("array_equiv", a1, a2)))
