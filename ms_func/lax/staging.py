"""Names for parts of programs: tokens, composites."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func import tree
from ms_func.control_flow.identities import optimization_barrier
from ms_func.dtypes import canonicalize_dtype
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.primitives.basis import broadcast_in_dim
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.collective_places import ppermute
from ms_func.primitives.gather import gather
from ms_func.primitives.indices import GatherDimensionNumbers, GatherScatterMode
from ms_func.primitives.shape import concatenate, expand_dims, full
from ms_func.tracing.tracer import Tracer


def create_token(_: Any = None) -> Any:
    """A value that carries nothing but the order of what depends on it: an array of size 0.

    Example:
        >>> lax.create_token().shape
        (0,)
    """
    return full((0,), False, np.bool_)


def after_all(*operands: Any) -> Any:
    """A token that depends on all the given ones.

    Args:
        *operands: tokens, as `create_token` gives them; any arrays will do.

    Returns:
        A token; a new one where there are no operands.

    Reference:
        StableHLO `after_all`.

    Example:
        >>> lax.after_all(lax.create_token(), lax.create_token()).shape
        (0,)
    """
    if not operands:
        return create_token()
    return optimization_barrier(operands)[0]


def psend(x: Any, axis_name: Any, perm: Any) -> Any:
    """Begin to send `x` along an axis: a token to give to the matching `precv`.

    Args:
        x: array, or tree of them.
        axis_name: axis of vmap, pmap or shard_map.
        perm: pairs (source, destination), as of `ppermute`.

    Returns:
        What arrives: here a token holds the data, so that sending and receiving is one `ppermute`.

    Raises:
        NameError: the axis is not in force.
        ValueError: a source or a destination stands twice in `perm`.
    """
    return ppermute(x, axis_name, perm)


def precv(token: Any, out_shape: Any, axis_name: Any, perm: Any) -> Any:
    """What the matching `psend` sent to here; zeros where `perm` sends nothing.

    Args:
        token: result of `psend`.
        out_shape: `ShapeDtypeStruct`, or tree of them, of what arrives.
        axis_name: axis, as given to `psend`.
        perm: pairs (source, destination), as given to `psend`.

    Raises:
        ValueError: the token is none of a `psend` of such arrays.
    """
    given = [(t.shape, t.dtype) for t in map(typeof, tree.leaves(token))]
    asked = [(tuple(s.shape), np.dtype(s.dtype)) for s in tree.leaves(out_shape)]
    if given != asked:
        raise ArgumentValueError(
            f"precv: the token holds arrays of {given}, but {asked} are to be received\n"
            "fix: give it the token that the matching psend returned"
        )
    return tree.unflatten(tree.structure(out_shape), tree.leaves(token))


def dce_sink(val: Any, *, prevent_mlir_dce: bool = False) -> None:
    """Say that `val` is used. Accepted: a value that nothing shows may be left out here.

    Args:
        val: array, or tree of them.
        prevent_mlir_dce: accepted.

    Raises:
        TypeError: a leaf is no array.
    """
    for leaf in tree.leaves(val):
        typeof(leaf)


def stage(x: Any, /) -> Any:
    """`x` as a value of the program being recorded; outside of one, as an array.

    Args:
        x: array or number.

    Returns:
        Array of the type of `x`; the type of a Python number is weak.

    Raises:
        TypeError: `x` is no array or number.

    Example:
        >>> lax.stage(3)
        Array(3, dtype=int32, weak_type=True)
    """
    if isinstance(x, (Tracer, Array)):
        return x
    kind = typeof(x)
    return convert_element_type(x, kind.dtype, weak_type=kind.weak_type)


def dtype(x: Any) -> np.dtype:
    """Dtype of a value, or that a type stands for; Python's numbers have their default ones.

    Args:
        x: array, number, dtype, or a class or name of one.

    Raises:
        TypeError: `x` is none of these.

    Example:
        >>> lax.dtype(1.0), lax.dtype(int), lax.dtype("bool")
        (dtype('float32'), dtype('int32'), dtype('bool'))
    """
    if isinstance(x, (type, np.dtype, str)):
        return canonicalize_dtype(x)
    return typeof(x).dtype


def shape_as_value(shape: Sequence[int]) -> Any:
    """The sizes of a shape as a vector of integers.

    Args:
        shape: Python ints.

    Returns:
        int32 array `[len(shape)]`.

    Example:
        >>> lax.shape_as_value((2, 3))
        Array([2, 3], dtype=int32)
    """
    if not shape:
        return full((0,), 0, np.int32)
    return concatenate([full((1,), int(n), np.int32) for n in shape], 0)


def broadcast_like(arr: Any, like_arr: Any) -> Any:
    """`arr` repeated to the shape of `like_arr`; dimensions align at the right.

    Args:
        arr: array of any dtype, with no more dimensions than `like_arr`.
        like_arr: array, or a type such as a `ShapeDtypeStruct`.

    Returns:
        Array of the dtype of `arr`.

    Raises:
        TypeError: a dimension is neither 1 nor of the size it is repeated to.

    Example:
        >>> lax.broadcast_like(np.array([1, 2]), np.zeros((2, 2)))
        Array([[1, 2],
               [1, 2]], dtype=int32)
    """
    shape = typeof(like_arr).shape
    own = typeof(arr).ndim
    return broadcast_in_dim(arr, shape, tuple(range(len(shape) - own, len(shape))))


def index_take(src: Any, idxs: Sequence[Any], axes: Sequence[int]) -> Any:
    """Slices of `src` at the places that vectors of indices give along some dimensions.

    Args:
        src: array of any dtype.
        idxs: vectors `[k]` of integers, one for each of `axes`, counted around the dimension.
        axes: dimensions of `src`.

    Returns:
        Array of the dtype of `src` with one dimension for the places, then the other dimensions of
        `src`.

    Raises:
        TypeError: the vectors differ in size.

    Example:
        >>> x = np.arange(6).reshape(2, 3)
        >>> lax.index_take(x, [np.array([1, 0])], (0,))
        Array([[3, 4, 5],
               [0, 1, 2]], dtype=int32)
        >>> lax.index_take(x, [np.array([1, 0]), np.array([2, 0])], (0, 1))
        Array([5, 0], dtype=int32)
    """
    sizes = list(typeof(src).shape)
    around = [i % sizes[axis] for i, axis in zip(idxs, axes, strict=True)]
    rows = concatenate([expand_dims(i, (1,)) for i in around], 1)
    for axis in axes:
        sizes[axis] = 1
    offset = tuple(range(1, len(sizes) - len(axes) + 1))
    numbers = GatherDimensionNumbers(offset, tuple(axes), tuple(axes))
    return gather(src, rows, numbers, tuple(sizes), mode=GatherScatterMode.CLIP)


def composite(decomposition: Callable[..., Any], name: str, version: int = 0) -> Callable[..., Any]:
    """A function with a name of its own, which a compiler may know how to replace.

    The compilers behind this library know none, so that the function is its decomposition.

    Args:
        decomposition: function of arrays, with attributes as keyword arguments.
        name: name with a namespace, such as "my.softmax".
        version: version of its meaning.

    Raises:
        ValueError: the name is empty.

    Example:
        >>> double = lax.composite(lambda x: 2 * x, "my.double")
        >>> double.__name__, double(1.5)
        ('double', Array(3., dtype=float32, weak_type=True))
    """
    if not name or not isinstance(name, str):
        raise ArgumentValueError(f"a composite needs a name, got {name!r}")

    def composed(*args: Any, **kwargs: Any) -> Any:
        return decomposition(*tree.map(stage, args), **kwargs)

    composed.__name__ = composed.__qualname__ = name.rpartition(".")[2]
    composed.__doc__ = decomposition.__doc__
    return composed
