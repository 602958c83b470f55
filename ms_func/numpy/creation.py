"""Arrays from Python and NumPy values, in a dtype and on a device."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.config import jax_rules
from ms_func.dtypes import DEFAULTS, canonicalize_dtype, join, type_of_value
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import ARRAYS, Array, wrap
from ms_func.execution.buffers import put
from ms_func.execution.dispatch import bottom, fresh
from ms_func.ir.function import Literal
from ms_func.ir.primitive import current
from ms_func.ir.sharding import NamedSharding
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy.promotion import (
    HANDLES,
    SCALARS,
    ArrayLike,
    as_handle,
    convert,
    fill,
    operand,
    promote_all,
    strong,
)
from ms_func.primitives import cast, shape
from ms_func.primitives.sharding import constrained, destination
from ms_func.tracing.tracer import Tracer

_NO_ARRAY = "Value {!r} of type {} is not a valid JAX array type: it is not an array or a number"


def array(
    object: Any, dtype: Any = None, *, copy: bool = True, order: str | None = "K",
    ndmin: int = 0, device: Any = None, out_sharding: Any = None,
) -> Array:  # fmt: skip
    """Array with the elements of `object`.

    Args:
        object: array, number, anything with a buffer, `__array__` or
            `__array_interface__`, or nested sequences of them.
        dtype: element type; by default that of the elements promoted together, where Python
            numbers count as int32, float32 and complex64. Arrays of NumPy keep their 64 bits.
        copy: arrays are values: the result never shares what assignment could reach.
        order: "K", "C", "A" or None; arrays have no memory order.
        ndmin: least number of dimensions; ones are put in front.
        device: device or sharding; by default it stays, or goes to the default device.
        out_sharding: sharding of the result.

    Returns:
        Array with the shape of `object`. A Python number gives one that is weakly typed: in
        operations it takes the dtype of the other operand.

    Raises:
        TypeError: an element is no number, or complex where `dtype` is real.
        ValueError: `object` is None, or sequences have unequal lengths.
        OverflowError: a Python integer does not fit the dtype.
        NotImplementedError: `order` is "F".

    Example:
        >>> np.array([1, 2.5, True])
        Array([1. , 2.5, 1. ], dtype=float32)
        >>> np.array([1, 2], "int8", ndmin=2)
        Array([[1, 2]], dtype=int8)
        >>> (np.array(2.0) * np.array([1, 2], "bfloat16")).dtype.name
        'bfloat16'
    """
    if order not in ("K", "C", "A", None):
        raise NotImplementedError(f"Only implemented for order='K', 'C' and 'A', got {order!r}")
    target = None if dtype is None else canonicalize_dtype(dtype)
    out = _from_object(object, target)
    eager = current.interpreter is bottom
    if copy and eager and type(object) in ARRAYS and out.buffer is object.buffer:
        out = fresh(out)
    if ndmin > out.ndim:
        out = shape.reshape(out, (1,) * (ndmin - out.ndim) + out.shape)
    return placed(out, device, out_sharding)


_NUMBERS: tuple[Any, ...] = (int, float, complex)


def _from_object(x: Any, dtype: np.dtype | None) -> Any:
    kind = type(x)
    if kind in HANDLES:
        return as_handle(x) if dtype is None else _in_dtype(x, dtype)
    if kind in SCALARS or kind is Literal:
        t = typeof(x)
        weak = dtype is None and t.weak_type
        if kind is Literal:
            x = x.value
        _check_number(x, dtype)
        return fill(host_cast(x, dtype), ArrayType((), dtype or t.dtype, weak))
    if isinstance(x, (np.ndarray, np.generic)):
        return _from_numpy(x, dtype)
    for plain in _NUMBERS:
        if isinstance(x, plain):  # a class derived from it, such as an `IntEnum`
            return _from_object(plain(x), dtype)
    if x is None:
        raise ArgumentValueError("None is not a valid value for jnp.array")
    if hasattr(x, "__jax_array__"):
        return _from_object(x.__jax_array__(), dtype)
    if isinstance(x, (list, tuple)):
        return _from_sequence(x, dtype)
    if isinstance(x, (str, bytes)) and dtype is not None:
        return _from_numpy(np.asarray(x), dtype)  # NumPy reads what number it says
    if isinstance(x, (str, bytes)) or callable(x):
        raise ArgumentTypeError(_NO_ARRAY.format(x, kind.__name__))
    if isinstance(x, (memoryview, bytearray)) or _has_buffer(x) or any(
        hasattr(x, name) for name in ("__array__", "__array_interface__")
    ):  # fmt: skip
        return _from_numpy(np.asarray(x), dtype)
    if isinstance(x, Sequence):
        return _from_sequence(list(x), dtype)
    raise ArgumentTypeError(_NO_ARRAY.format(x, kind.__name__))


def _check_number(x: Any, dtype: np.dtype | None) -> None:
    """Refuse a Python number that has no meaning in a dtype.

    Raises:
        TypeError: it is complex, the dtype is not.
        OverflowError: it is infinite, the dtype is one of integers.
        ValueError: it is NaN, the dtype is one of integers.
    """
    if dtype is None or dtype.kind in "cb":
        return
    if type(x) is complex:
        raise ArgumentTypeError(
            f"a complex number does not convert to {dtype.name}; fix: take x.real"
        )
    if type(x) is float and dtype.kind in "iu" and not math.isfinite(x):
        int(x)  # raises


def host_cast(x: Any, dtype: np.dtype | None) -> Any:
    """Python number as another dtype stores it, where the kinds differ."""
    if dtype is None or (dtype.kind in "iu" and type(x) in (int, bool)):
        return x
    if dtype.kind in "iub" and type(x) in (float, complex):
        with np.errstate(all="ignore"):
            return np.asarray(x).astype(dtype)[()]
    return x.real if type(x) is complex and dtype.kind != "c" else x


def _has_buffer(x: Any) -> bool:
    try:
        memoryview(x)
    except TypeError:
        return False
    return True


def _from_numpy(x: Any, dtype: np.dtype | None) -> Any:
    if x.dtype.kind in ("OMm" if dtype is not None else "OSUMm"):
        raise ArgumentTypeError(
            f"Value {x!r} with dtype {x.dtype} is not a valid array type: only arrays of numbers "
            "are supported"
        )
    if dtype is not None and dtype != x.dtype:
        with np.errstate(all="ignore"):
            x = np.asarray(x).astype(dtype)
    return wrap(put(x, typeof(x)))


def _from_sequence(x: Sequence[Any], dtype: np.dtype | None) -> Any:
    leaves: list[Any] = []
    sizes = _measure(x, leaves)
    if any(type(v) in HANDLES for v in leaves):
        return _joined(leaves, sizes, dtype)
    if dtype is None:
        dtype = _common_dtype(leaves)
    with np.errstate(all="ignore"):
        try:
            made = np.array(x, dtype)
        except (TypeError, OverflowError):
            if dtype.kind == "c" or any(isinstance(v, (int, complex)) for v in leaves):
                raise
            made = np.array(x).astype(dtype)
    return wrap(put(made))


def _measure(x: Any, leaves: list[Any]) -> tuple[int, ...]:
    """Shape of nested sequences down to their leaves, which are collected in order."""
    if not isinstance(x, (list, tuple)):
        if x is None:
            raise ArgumentValueError("None is not a valid value for jnp.array")
        if hasattr(x, "__jax_array__"):
            x = asarray(x.__jax_array__())
        leaves.append(x)
        return tuple(getattr(x, "shape", ()))
    inner: tuple[int, ...] | None = None
    for item in x:
        found = _measure(item, leaves)
        if inner is not None and found != inner:
            raise ArgumentValueError(
                "the nested sequences have an inhomogeneous shape: "
                f"{(len(x), *inner)} and {(len(x), *found)}"
            )
        inner = found
    return (len(x), *(inner or ()))


def _common_dtype(leaves: Sequence[Any]) -> np.dtype:
    """Promoted dtype of numbers and NumPy arrays; float32 for nothing."""
    if not leaves:
        return DEFAULTS[float]
    text = next((v for v in leaves if isinstance(v, (str, bytes))), None)
    if text is not None:
        raise ArgumentTypeError(_NO_ARRAY.format(text, type(text).__name__))
    kinds = {type_of_value(v) for v in leaves}
    (dtype, weak), *rest = kinds
    for other, other_weak in rest:
        dtype, weak = join(dtype, weak, other, other_weak)
    return dtype


def _joined(leaves: list[Any], sizes: tuple[int, ...], dtype: np.dtype | None) -> Any:
    """Array of nested sequences that hold arrays, at whatever depth: the leaves one by one."""
    parts = promote_all("array", leaves)
    if dtype is not None:
        parts = [convert(p, dtype) for p in parts]
    flat = [shape.reshape(p, (typeof(p).size,)) for p in parts]
    return strong(shape.reshape(shape.concatenate(flat, 0), sizes))


def asarray(
    a: Any, dtype: Any = None, order: str | None = None, *, copy: bool | None = None,
    device: Any = None, out_sharding: Any = None,
) -> Array:  # fmt: skip
    """Array with the elements of `a`; `a` itself if it is one of that dtype and `copy` is not set.

    Args:
        a: what `array` takes.
        dtype: element type; None keeps that of arrays and promotes numbers as `array` does.
        order: as of `array`.
        copy: True makes a new array, False refuses to, None makes one where it is needed.
        device: device or sharding of the result.
        out_sharding: sharding of the result.

    Raises:
        ValueError: `copy` is False and a copy is needed.

    Example:
        >>> x = np.zeros(2)
        >>> np.asarray(x) is x, np.asarray(x, copy=True) is x
        (True, False)
        >>> np.asarray([1, 2], float)
        Array([1., 2.], dtype=float32)
    """
    same = type(a) in HANDLES and (dtype is None or (a.dtype == dtype and not a.weak_type))
    if same and device is None and not copy:
        return a if out_sharding is None else constrained(a, out_sharding)
    if type(a) is np.ndarray and dtype is order is copy is device is out_sharding is None:
        return _from_numpy(a, None)  # what is wanted most, without a look at the rest
    if copy is False and not same and not jax_rules():  # JAX makes the copy
        raise ArgumentValueError(
            "asarray: a copy is needed to make this object an array, but copy=False"
        )
    return array(a, dtype, copy=bool(copy), order=order, device=device, out_sharding=out_sharding)


def placed(x: Any, device: Any = None, out_sharding: Any = None) -> Any:
    """`x` on a device, or with a sharding, if either is given.

    Raises:
        ValueError: both are.
    """
    if out_sharding is None:
        return x if device is None else on_device(x, device)
    if device is not None:
        raise ArgumentValueError("give either device or out_sharding, not both")
    return constrained(x, out_sharding)


def on_device(x: Any, device: Any) -> Any:
    """`x` on a device or with a sharding; traced values stay where the program runs.

    Raises:
        ValueError: `device` is neither.
    """
    where = destination("device", device)
    if type(x) is Tracer:
        return constrained(x, where) if isinstance(where, NamedSharding) else x
    return wrap(put(np.asarray(x), x.type, where))


def copy(a: ArrayLike, order: str | None = None) -> Array:
    """A new array with the elements of `a`.

    Assignment to elements of the copy does not show in `a`, as it would through a second name.

    Args:
        a: array or number.
        order: as of `array`.

    Raises:
        TypeError: `a` is neither, such as a list.

    Example:
        >>> x = np.array([1, 2])
        >>> y, z = x, np.copy(x)
        >>> x[0] = 9
        >>> y, z
        (Array([9, 2], dtype=int32), Array([1, 2], dtype=int32))
    """
    return array(operand("copy", a), order=order)


def astype(x: ArrayLike, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Array:
    """`x` converted to `dtype`.

    Floats become integers by truncation towards zero; those out of range give the nearest
    integer, NaN gives 0. Integers wrap around. To booleans everything but 0 is True. The real part
    of complex numbers is taken.

    Args:
        x: array or number of any dtype.
        dtype: dtype of the result; None means float32. The result is not weakly typed.
        copy: False gives `x` itself where it is an array of that dtype: assignment to elements of
            the one shows in the other.
        device: device or sharding of the result.

    Raises:
        TypeError: there is no such dtype.

    Example:
        >>> np.astype(np.array([1.7, -1.7, 1e10, np.nan]), "int32")
        Array([         1,         -1, 2147483647,          0], dtype=int32)
        >>> np.array([-1, 256]).astype("uint8")
        Array([255,   0], dtype=uint8)
        >>> np.array([0.0, 0.5]).astype(bool)
        Array([False,  True], dtype=bool)
    """
    kind = canonicalize_dtype(dtype or float)
    given: Any = x
    may_stay = not copy and device is None and type(x) in HANDLES
    if may_stay and given.dtype == kind and not given.weak_type:
        return given
    out = _in_dtype(operand("astype", x), kind)
    return out if device is None else on_device(out, device)


def _in_dtype(x: Any, dtype: np.dtype) -> Any:
    """`x` in a dtype that was asked for: it no longer gives way to others."""
    out = as_handle(convert(x, dtype))
    if out.weak_type:
        return cast.convert_p.bind(out, new_dtype=out.dtype, weak_type=False)
    return out


def frombuffer(buffer: Any, dtype: Any = float, count: int = -1, offset: int = 0) -> Array:
    """One-dimensional array over the bytes of `buffer`, which are copied.

    Args:
        buffer: object with a buffer, such as bytes.
        dtype: dtype of the elements as they are stored: `float` and `int` stand for 64 bits
            there, and give float32 and int32.
        count: number of elements; -1 takes all of them.
        offset: bytes to skip first.

    Raises:
        ValueError: the number of bytes is no multiple of the size of an element.
        TypeError: `buffer` has no buffer, or there is no such dtype.

    Example:
        >>> np.frombuffer(b"abcd", "uint8", count=2, offset=1)
        Array([98, 99], dtype=uint8)
        >>> np.frombuffer(bytes([1, 2]), ">i2")
        Array([258], dtype=int16)
    """
    return _read_as(dtype, np.frombuffer(buffer, _stored(dtype), count, offset))


def fromfile(file: Any, dtype: Any = float, *args: Any, **kwargs: Any) -> Array:
    """Array of the numbers in a file, in one dimension; see `numpy.fromfile`.

    Args:
        file: name or open file.
        dtype: dtype of the elements as they are stored; `float` and `int` as for `frombuffer`.
        *args: `count`, `sep` and `offset` as of NumPy: a `sep` makes it a text file.
        **kwargs: likewise by name.

    Raises:
        FileNotFoundError: there is no such file.

    Example:
        >>> import os, tempfile
        >>> name = os.path.join(tempfile.mkdtemp(), "numbers.txt")
        >>> with open(name, "w") as file:
        ...     _ = file.write("1, 2.5")
        >>> np.fromfile(name, sep=",")
        Array([1. , 2.5], dtype=float32)
    """
    return _read_as(dtype, np.fromfile(file, _stored(dtype), *args, **kwargs))


def fromiter(iter: Any, dtype: Any, *args: Any, **kwargs: Any) -> Array:
    """Array of the numbers that an iterable yields, in one dimension; see `numpy.fromiter`.

    Args:
        iter: iterable of numbers.
        dtype: dtype of the elements.
        *args: `count`, the number of elements to take; -1 takes all of them.
        **kwargs: likewise by name.

    Raises:
        ValueError: there are fewer than `count`.

    Example:
        >>> np.fromiter((i * i for i in range(9)), "int32", count=4)
        Array([0, 1, 4, 9], dtype=int32)
    """
    return _read_as(dtype, np.fromiter(iter, _stored(dtype), *args, **kwargs))


def fromstring(string: str, dtype: Any = float, count: int = -1, *, sep: str) -> Array:
    """Array of the numbers in a text, in one dimension.

    Args:
        string: numbers in decimal notation.
        dtype: dtype of the elements; float32 by default.
        count: how many to read; -1 reads all of them.
        sep: what stands between them; white space around it does not matter.

    Raises:
        ValueError: something between separators is no number.

    Example:
        >>> np.fromstring("1, 2,3", sep=",")
        Array([1., 2., 3.], dtype=float32)
        >>> np.fromstring("4 5 6", int, count=2, sep=" ")
        Array([4, 5], dtype=int32)
    """
    return _read_as(dtype, np.fromstring(string, _stored(dtype), count, sep=sep))


def _stored(dtype: Any) -> np.dtype:
    """The dtype of NumPy's that bytes hold: `float` is 64 bits wide there."""
    try:
        return np.dtype(dtype)
    except TypeError:
        return canonicalize_dtype(dtype)


def _read_as(dtype: Any, found: np.ndarray) -> Array:
    """What was read, in the dtype that was asked for."""
    return asarray(found, canonicalize_dtype(dtype))
