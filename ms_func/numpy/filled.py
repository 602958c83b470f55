"""Arrays of one value, with a given shape or that of another array."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ms_func import config
from ms_func.dtypes import DEFAULTS, canonicalize_dtype
from ms_func.errors import ArgumentTypeError, ArgumentValueError, ConcretizationTypeError, SizeError
from ms_func.execution.array import ARRAYS, Array
from ms_func.ir.loc import user_loc
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy.creation import array, host_cast, placed
from ms_func.numpy.promotion import SCALARS, ArrayLike, admit, broadcast, fill
from ms_func.primitives import cast


def shape_tuple(name: str, value: Any) -> tuple[int, ...]:
    """A shape as a tuple of ints.

    Raises:
        ConcretizationTypeError: a size is known only at run time.
        TypeError: a size is no integer, or negative.
    """
    sizes = value if isinstance(value, (tuple, list)) or np.ndim(value) else (value,)
    try:
        out = tuple([operator.index(n) for n in sizes])
    except ConcretizationTypeError as error:
        raise ConcretizationTypeError(
            f"Shapes must be 1D sequences of concrete values of integer type, got {value!r} for "
            f"{name}\n"
            "fix: pass the sizes as static arguments (static_argnums), or take them from .shape",
            user_loc(),
        ) from error
    except TypeError:
        raise ArgumentTypeError(
            f"Shapes must be 1D sequences of concrete values of integer type, got {value!r}."
        ) from None
    if any(n < 0 for n in out):
        raise SizeError(
            f"negative dimensions are not allowed: {name} shape must have every element be "
            f"nonnegative, got {out}"
        )
    return out


def _filled(name: str, sizes: Any, value: Any, dtype: Any, device: Any, sharding: Any) -> Any:
    kind = DEFAULTS[float] if dtype is None else canonicalize_dtype(dtype)
    out = fill(value, ArrayType(shape_tuple(name, sizes), kind))
    return out if device is None and sharding is None else placed(out, device, sharding)


def zeros(shape: Any, dtype: Any = None, *, device: Any = None, out_sharding: Any = None) -> Array:
    """Array of zeros.

    Args:
        shape: an int or several, known while tracing.
        dtype: float32 by default.
        device: device or sharding to put it on.
        out_sharding: layout of the result, as a `NamedSharding` or `PartitionSpec`.

    Raises:
        TypeError: a size is traced, negative or no integer; there is no such dtype.

    Example:
        >>> np.zeros((2, 3), "int8")
        Array([[0, 0, 0],
               [0, 0, 0]], dtype=int8)
        >>> np.zeros(())
        Array(0., dtype=float32)
    """
    return _filled("zeros", shape, 0, dtype, device, out_sharding)


def ones(shape: Any, dtype: Any = None, *, device: Any = None, out_sharding: Any = None) -> Array:
    """Array of ones.

    Args:
        shape: an int or several, known while tracing.
        dtype: float32 by default.
        device: device or sharding to put it on.
        out_sharding: layout of the result.

    Raises:
        TypeError: a size is traced, negative or no integer; there is no such dtype.

    Example:
        >>> np.ones(3)
        Array([1., 1., 1.], dtype=float32)
        >>> np.ones((1, 2), bool)
        Array([[ True,  True]], dtype=bool)
    """
    return _filled("ones", shape, 1, dtype, device, out_sharding)


def empty(shape: Any, dtype: Any = None, *, device: Any = None, out_sharding: Any = None) -> Array:
    """Array of unspecified elements: zeros here, so that programs give the same result every time.

    Args:
        shape: an int or several, known while tracing.
        dtype: float32 by default.
        device: device or sharding to put it on.
        out_sharding: layout of the result.

    Raises:
        TypeError: a size is traced, negative or no integer; there is no such dtype.

    Example:
        >>> np.empty((2, 0)).shape
        (2, 0)
    """
    return _filled("empty", shape, 0, dtype, device, out_sharding)


def full(
    shape: Any, fill_value: ArrayLike, dtype: Any = None, *, device: Any = None,
    out_sharding: Any = None,
) -> Array:  # fmt: skip
    """Array of `fill_value`, which broadcasts to `shape`.

    Args:
        shape: an int or several, known while tracing.
        fill_value: number or array.
        dtype: that of `fill_value` by default.
        device: device or sharding to put it on.
        out_sharding: layout of the result.

    Raises:
        TypeError: a size is traced, negative or no integer; `fill_value` does not broadcast.

    Example:
        >>> np.full(3, 7)
        Array([7, 7, 7], dtype=int32)
        >>> np.full((2, 2), np.array([0.5, 1.5]))
        Array([[0.5, 1.5],
               [0.5, 1.5]], dtype=float32)
    """
    sizes = shape_tuple("full", shape)
    value = fill_value if type(fill_value) in SCALARS else array(fill_value)
    kind = typeof(value).dtype if dtype is None else canonicalize_dtype(dtype)
    if type(value) in SCALARS:
        weak = dtype is None and config.jax_rules() and typeof(value).weak_type
        out = fill(stored(value, kind), ArrayType(sizes, kind, weak))
    else:
        if np.broadcast_shapes(typeof(value).shape, sizes) != sizes:
            raise ArgumentValueError(f"{fill_value!r} cannot be broadcast to the shape {sizes}")
        out = _weakly(broadcast(cast.convert_element_type(value, kind), sizes), value, dtype)
    return placed(out, device, out_sharding)


def stored(value: Any, kind: np.dtype) -> Any:
    """A number as `astype` converts it; by JAX's rules integers wrap around, too."""
    if kind.kind not in "iu" or type(value) not in (int, float):
        return host_cast(value, kind)
    info = np.iinfo(kind)
    if type(value) is float:
        return int(min(max(value, info.min), info.max)) if value == value else 0
    return (value - info.min) % 2**info.bits + info.min if config.jax_rules() else value


def _like(name: str, a: Any, dtype: Any, shape: Any) -> tuple[tuple[int, ...], Any]:
    if not hasattr(a, "shape"):
        a = admit(name, a)
    sizes = np.shape(a) if shape is None else shape_tuple(name, shape)
    return tuple(sizes), typeof(a).dtype if dtype is None else dtype


def _places_like(a: Any, shape: Any, device: Any, out_sharding: Any = None) -> dict[str, Any]:
    """The places asked for, else where `a` was put on purpose, or the layout its type tells."""
    if shape is None and device is None and out_sharding is None:
        out_sharding = typeof(a).explicit
        if type(a) in ARRAYS and a.committed and current.interpreter is type(current).interpreter:
            device, out_sharding = a.sharding, None
    return {"device": device, "out_sharding": out_sharding}


def zeros_like(
    a: Any, dtype: Any = None, shape: Any = None, *, device: Any = None, out_sharding: Any = None
) -> Array:
    """Zeros with the shape and dtype of `a`, or those given.

    Args:
        a: array, number, or anything with a shape and a dtype such as a `ShapeDtypeStruct`.
        dtype: dtype instead of that of `a`.
        shape: shape instead of that of `a`.
        device: device or sharding to put it on; by default that of `a` where that was put there.
        out_sharding: layout of the result; by default the one that the type of `a` tells.

    Raises:
        TypeError: `a` is a list, or `shape` is none.

    Example:
        >>> np.zeros_like(np.array([1, 2]))
        Array([0, 0], dtype=int32)
        >>> np.zeros_like(np.array([1, 2]), float, shape=3)
        Array([0., 0., 0.], dtype=float32)
    """
    sizes, kind = _like("zeros_like", a, dtype, shape)
    places = _places_like(a, shape, device, out_sharding)
    return _weakly(zeros(sizes, kind, **places), a, dtype)


def ones_like(
    a: Any, dtype: Any = None, shape: Any = None, *, device: Any = None, out_sharding: Any = None
) -> Array:
    """Ones with the shape and dtype of `a`, or those given.

    Args:
        a: array, number, or anything with a shape and a dtype such as a `ShapeDtypeStruct`.
        dtype: dtype instead of that of `a`.
        shape: shape instead of that of `a`.
        device: device or sharding to put it on; by default that of `a` where that was put there.
        out_sharding: layout of the result; by default the one that the type of `a` tells.

    Raises:
        TypeError: `a` is a list, or `shape` is none.

    Example:
        >>> np.ones_like(np.array([False, False]))
        Array([ True,  True], dtype=bool)
    """
    sizes, kind = _like("ones_like", a, dtype, shape)
    places = _places_like(a, shape, device, out_sharding)
    return _weakly(ones(sizes, kind, **places), a, dtype)


def empty_like(
    prototype: Any, dtype: Any = None, shape: Any = None, *, device: Any = None
) -> Array:
    """Unspecified elements (zeros here) with the shape and dtype of `prototype`, or those given.

    Args:
        prototype: array, number, or anything with a shape and a dtype.
        dtype: dtype instead of that of `prototype`.
        shape: shape instead of that of `prototype`.
        device: device or sharding to put it on; by default that of `prototype` where that was put
            there.

    Raises:
        TypeError: `prototype` is a list, or `shape` is none.

    Example:
        >>> np.empty_like(np.ones((2, 3), "int16")).dtype.name
        'int16'
    """
    places = _places_like(prototype, shape, device)
    out = empty(*_like("empty_like", prototype, dtype, shape), **places)
    return _weakly(out, prototype, dtype)


def _weakly(out: Array, a: Any, dtype: Any) -> Array:
    """An array made like `a`, weak where that is and JAX's rules hold."""
    if dtype is None and config.jax_rules() and typeof(a).weak_type:
        return cast.convert_p.bind(out, new_dtype=out.dtype, weak_type=True)
    return out


def full_like(
    a: Any, fill_value: ArrayLike, dtype: Any = None, shape: Any = None, *, device: Any = None,
    out_sharding: Any = None,
) -> Array:  # fmt: skip
    """`fill_value` with the shape and dtype of `a`, or those given.

    Args:
        a: array, number, or anything with a shape and a dtype.
        fill_value: number or array that broadcasts to the shape; converted to the dtype.
        dtype: dtype instead of that of `a`.
        shape: shape instead of that of `a`.
        device: device or sharding to put it on; by default that of `a` where that was put there.
        out_sharding: layout of the result; by default the one that the type of `a` tells.

    Raises:
        TypeError: `a` is a list, or `fill_value` does not broadcast.

    Example:
        >>> np.full_like(np.array([1, 2]), 0.5)
        Array([0, 0], dtype=int32)
        >>> np.full_like(np.array([1, 2]), 0.5, dtype=float)
        Array([0.5, 0.5], dtype=float32)
    """
    sizes, kind = _like("full_like", a, dtype, shape)
    places = _places_like(a, shape, device, out_sharding)
    return _weakly(full(sizes, fill_value, kind, **places), a, dtype)
