"""Questions about arrays and dtypes that are answered without looking at elements."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np

from ms_func.dtypes import DEFAULTS, is_inexact, issubdtype, narrowed, promote_types
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array, wrap
from ms_func.execution.buffers import default_backend, move
from ms_func.execution.dlpack import from_dlpack as _from_dlpack
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy.axes import axes_tuple
from ms_func.numpy.creation import array, asarray, on_device
from ms_func.numpy.promotion import admit, convert


def _type_of(name: str, x: Any) -> Any:
    """Type of an array, a number or nested sequences of them; None counts as a number."""
    if x is None:
        warnings.warn(
            f"{name} of None is (); it will be an error", DeprecationWarning, stacklevel=3
        )
        return ArrayType((), np.dtype(np.float32))
    return typeof(array(x) if isinstance(x, (list, tuple)) else admit(name, x))


def ndim(a: Any) -> int:
    """Number of dimensions.

    Args:
        a: array, number, or nested sequence.

    Returns:
        Python's int, known also while `a` is traced.

    Raises:
        TypeError: `a` holds no numbers.

    Example:
        >>> np.ndim(np.ones((2, 3))), np.ndim(5), np.ndim([[1, 2]])
        (2, 0, 2)
    """
    return a.ndim if hasattr(a, "ndim") else _type_of("ndim", a).ndim


def shape(a: Any) -> tuple[int, ...]:
    """Size of each dimension.

    Args:
        a: array, number, or nested sequence.

    Returns:
        Tuple of Python's ints, known also while `a` is traced.

    Raises:
        TypeError: `a` holds no numbers.

    Example:
        >>> np.shape(np.ones((2, 3))), np.shape(5), np.shape([[1, 2]])
        ((2, 3), (), (1, 2))
    """
    return tuple(a.shape) if hasattr(a, "shape") else _type_of("shape", a).shape


def size(a: Any, axis: int | Sequence[int] | None = None) -> int:
    """Number of elements, or the product of the sizes of some dimensions.

    Args:
        a: array, number, or nested sequence.
        axis: dimension, several of them, or all by default.

    Returns:
        Python's int, known also while `a` is traced.

    Raises:
        TypeError: `a` holds no numbers.
        ValueError: there is no such dimension.

    Example:
        >>> np.size(np.ones((2, 3))), np.size(np.ones((2, 3)), axis=-1), np.size(5)
        (6, 3, 1)
    """
    sizes = shape(a)
    return math.prod(sizes[i] for i in axes_tuple(axis, len(sizes)))


def isscalar(element: Any) -> bool:
    """Whether `element` is a number or an array without dimensions.

    Args:
        element: anything.

    Returns:
        Python's bool; of arrays without dimensions it is true here, false in NumPy.

    Example:
        >>> np.isscalar(3.5), np.isscalar(np.array(3.5)), np.isscalar(np.array([3.5]))
        (True, True, False)
    """
    if isinstance(element, (np.ndarray, np.generic, Array)):
        return np.ndim(element) == 0
    return hasattr(element, "__jax_array__") or np.isscalar(element)


def iterable(y: Any) -> bool:
    """Whether `y` can be iterated over.

    Args:
        y: anything.

    Returns:
        Python's bool.

    Example:
        >>> np.iterable(np.array([1, 2])), np.iterable(np.array(1)), np.iterable(1)
        (True, False, False)
    """
    return np.iterable(y)


def iscomplexobj(x: Any) -> bool:
    """Whether the dtype is complex; `iscomplex` looks at each element.

    Args:
        x: array, number, or nested sequence; false of None.

    Returns:
        Python's bool, known also while `x` is traced.

    Raises:
        TypeError: `x` holds no numbers.

    Example:
        >>> np.iscomplexobj(np.array([1 + 0j])), np.iscomplexobj(1.0)
        (True, False)
    """
    if x is None:
        return False
    kind = x.dtype if hasattr(x, "dtype") else _type_of("iscomplexobj", x).dtype
    return kind.kind == "c"


def isrealobj(x: Any) -> bool:
    """Whether the dtype is not complex; `isreal` looks at each element.

    Args:
        x: array, number, or nested sequence; true of None.

    Returns:
        Python's bool, known also while `x` is traced.

    Raises:
        TypeError: `x` holds no numbers.

    Example:
        >>> np.isrealobj(np.array([1, 2])), np.isrealobj(1j)
        (True, False)
    """
    return not iscomplexobj(x)


_KINDS = {
    "bool": lambda d: d.kind == "b",
    "signed integer": lambda d: issubdtype(d, np.signedinteger),
    "unsigned integer": lambda d: issubdtype(d, np.unsignedinteger),
    "integral": lambda d: issubdtype(d, np.integer),
    "real floating": lambda d: is_inexact(d) and d.kind != "c",
    "complex floating": lambda d: d.kind == "c",
    "numeric": lambda d: d.kind != "b",
}


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is of a kind, by the array API standard.

    Args:
        dtype: dtype, or what stands for one.
        kind: dtype, one of "bool", "signed integer", "unsigned integer", "integral",
            "real floating", "complex floating" and "numeric", or a tuple of these.

    Returns:
        Python's bool.

    Raises:
        ValueError: there is no kind of that name.

    Example:
        >>> np.isdtype(np.bfloat16, "real floating"), np.isdtype(np.bool_, "numeric")
        (True, False)
        >>> np.isdtype(np.int8, ("bool", np.int8))
        True
    """
    found = np.dtype(dtype)
    for k in kind if isinstance(kind, tuple) else (kind,):
        if isinstance(k, str) and k in _KINDS:
            if found.names is None and _KINDS[k](found):
                return True
        elif isinstance(k, str):
            raise ArgumentValueError(
                f"Unrecognized kind={k!r} expected one of {', '.join(map(repr, _KINDS))}"
            )
        elif found == np.dtype(k):
            return True
    return False


def can_cast(from_: Any, to: Any, casting: str = "safe") -> bool:
    """Whether an array or dtype may be converted to another dtype.

    Args:
        from_: array or dtype.
        to: dtype.
        casting: NumPy's rule. "safe", the default, keeps every value, or is what promotion does.

    Returns:
        Python's bool.

    Raises:
        ValueError: there is no such rule.

    Example:
        >>> np.can_cast(np.int16, np.float32), np.can_cast(np.float32, np.int32)
        (True, False)
        >>> np.can_cast(np.float32, np.bfloat16), np.can_cast(np.bfloat16, np.float32)
        (False, True)
    """
    source = np.dtype(from_.dtype if hasattr(from_, "dtype") else from_)
    target = np.dtype(to)
    if casting == "safe":
        return (
            source == target
            or np.can_cast(source, target)
            or (promote_types(source, target) == target and not _narrower(source, target))
        )
    return np.can_cast(source, target, casting)  # type: ignore[arg-type]


def _narrower(source: np.dtype, target: np.dtype) -> bool:
    """Whether promotion would lose digits: from integers to short floats."""
    return issubdtype(source, np.integer) and source.itemsize >= target.itemsize


class Info:
    """What the library offers, in the form the array API standard asks for."""

    def capabilities(self) -> dict[str, Any]:
        """Boolean masks and shapes that depend on data work eagerly only."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": None}

    def default_device(self) -> Any:
        """The device that new arrays are put on."""
        return self.devices()[0]

    def devices(self) -> list[Any]:
        """Devices of the backend that holds arrays."""
        return list(default_backend().devices())

    def default_dtypes(self, *, device: Any = None) -> dict[str, np.dtype]:
        """Dtypes of results where none is asked for."""
        return {
            "real floating": DEFAULTS[float], "complex floating": DEFAULTS[complex],
            "integral": DEFAULTS[int], "indexing": DEFAULTS[int],
        }  # fmt: skip

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, np.dtype]:
        """Dtypes of the standard by name, all of them or those of a kind."""
        listed = [np.dtype(n) for n in _STANDARD]
        return {d.name: d for d in listed if kind is None or isdtype(d, kind)}


_STANDARD = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32",
    "float64", "complex64", "complex128",
)  # fmt: skip


def __array_namespace_info__() -> Info:
    """Information on the library, for programs written to the array API standard.

    Returns:
        Object with the methods `capabilities`, `default_device`, `default_dtypes`, `devices` and
        `dtypes`.

    Example:
        >>> np.__array_namespace_info__().default_dtypes()["integral"]
        dtype('int32')
    """
    return Info()


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Array:
    """Array that shares the memory of another library's, where its layout allows.

    Args:
        x: object with `__dlpack__` and `__dlpack_device__`, such as an array of NumPy or PyTorch.
        device: device or sharding to put it on; where it lies by default.
        copy: True for memory of its own, False to refuse a copy, None for one where needed.

    Returns:
        Array of the shape and dtype of `x`.

    Raises:
        ValueError: a copy to another device is needed and `copy` is False.
        BufferError: likewise, because the memory is laid out with gaps, or may not be written to.

    Example:
        >>> import numpy
        >>> np.from_dlpack(numpy.arange(3, dtype="int32"))
        Array([0, 1, 2], dtype=int32)
    """
    out = wrap(_from_dlpack(x, copy))
    out = convert(out, narrowed(out.dtype))
    if copy:
        return on_device(out, device)
    there = move(out.buffer, device)
    if copy is False and there is not out.buffer:
        raise ArgumentValueError("from_dlpack: a copy to the device is needed, but copy=False")
    return wrap(there)


def load(file: Any, *args: Any, **kwargs: Any) -> Any:
    """Arrays of a file that `save` or `savez` wrote, or NumPy's functions of these names.

    Args:
        file: path, or file open for reading bytes.
        *args: further arguments of `numpy.load`.
        **kwargs: as `*args`.

    Returns:
        Array, or for files of `savez` the mapping that `numpy.load` gives. Elements of 2 raw bytes
        are bfloat16, which such files do not name.

    Raises:
        ValueError: the file has another format.

    Example:
        >>> import io
        >>> file = io.BytesIO()
        >>> np.save(file, np.array([1.5, 2.0], np.bfloat16))
        >>> _ = file.seek(0)
        >>> np.load(file)
        Array([1.5, 2], dtype=bfloat16)
    """
    out = np.load(file, *args, **kwargs)
    if isinstance(out, np.ndarray) and out.dtype == np.dtype("V2"):  # NumPy's files do not name it
        out = out.view(ml_dtypes.bfloat16)
    return asarray(out) if isinstance(out, np.ndarray) else out


def save(file: Any, arr: Any, allow_pickle: bool = True) -> None:
    r"""Write an array to a file of NumPy's format `.npy`.

    Args:
        file: path, or file open for writing bytes.
        arr: array, number, or nested sequence.
        allow_pickle: whether arrays of Python objects may be written.

    Raises:
        TracerArrayConversionError: `arr` is traced.

    Example:
        >>> import io
        >>> file = io.BytesIO()
        >>> np.save(file, np.array([1, 2]))
        >>> file.getvalue()[:6]
        b'\x93NUMPY'
    """
    np.save(file, np.asarray(arr), allow_pickle)


def savez(file: Any, *args: Any, allow_pickle: bool = True, **kwds: Any) -> None:
    """Write several arrays to a file of NumPy's format `.npz`.

    Args:
        file: path, or file open for writing bytes.
        *args: arrays, kept as `arr_0`, `arr_1` and so on.
        allow_pickle: whether arrays of Python objects may be written.
        **kwds: arrays by name.

    Raises:
        TracerArrayConversionError: an array is traced.

    Example:
        >>> import io
        >>> file = io.BytesIO()
        >>> np.savez(file, np.array([1, 2]), bias=np.array(0.5))
        >>> sorted(np.load(io.BytesIO(file.getvalue())))
        ['arr_0', 'bias']
    """
    arrays = {k: np.asarray(v) for k, v in kwds.items()}
    np.savez(file, *[np.asarray(a) for a in args], allow_pickle=allow_pickle, **arrays)  # pyright: ignore[reportArgumentType]
