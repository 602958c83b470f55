"""Operators and methods of arrays and traced values, attached in one table.

`Array` lives in `execution` and `Tracer` in `tracing`, below the functions that give their
operators a meaning. `attach` puts those functions on both classes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ms_func.config import jax_rules
from ms_func.dtypes import DEFAULTS, bits, canonicalize_dtype
from ms_func.execution.array import ARRAYS, Array, handle
from ms_func.execution.dispatch import bottom, fresh
from ms_func.ir.primitive import current
from ms_func.ir.types import typeof
from ms_func.numpy import (
    arithmetic,
    at,
    bitwise,
    choosing,
    creation,
    diagonals,
    elementwise,
    fusion,
    indexing,
    joining,
    logic,
    manipulation,
    means,
    products,
    reductions,
    references,
    repeating,
    rounding,
    running,
    searching,
    sorting,
    taking,
    updates,
)
from ms_func.numpy.fusion import beside
from ms_func.numpy.promotion import HANDLES, SCALARS, as_handle, convert
from ms_func.primitives import cast
from ms_func.primitives import shape as sh
from ms_func.tracing.tracer import Tracer

_OPERANDS = HANDLES | SCALARS
VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")
"""Versions of the array API standard that `ms_func.numpy` follows; each contains the last."""

# --- operators ------------------------------------------------------------------------------


def _forward(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Operator method `self op other`."""
    fast = getattr(function, "fast", None)
    if fast is None:
        return _plain(function)

    def method(self: Any, other: Any) -> Any:
        if type(self) is Array and current.interpreter is bottom:
            if type(other) is Array:
                return handle(fast(self.buffer, other.buffer))
            found = beside(other, self)
            if found is not None:
                return handle(fast(self.buffer, found))
        if type(other) in _OPERANDS or _is_operand(other):
            return function(self, other)
        return NotImplemented

    return method


def _plain(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Operator method of a function that is no single program when called eagerly."""

    def method(self: Any, other: Any) -> Any:
        if type(other) in _OPERANDS or _is_operand(other):
            return function(self, other)
        return NotImplemented

    return method


def _equality(function: Callable[[Any, Any], Any], symbol: str) -> Callable[[Any, Any], Any]:
    """Operator method `self == other` or `self != other`.

    Raises:
        TypeError: the other is a list, tuple, set or dict: Python would answer False by itself.
    """
    inner = _forward(function)

    def method(self: Any, other: Any) -> Any:
        found = inner(self, other)
        if found is NotImplemented and isinstance(other, (list, tuple, set, dict)):
            raise TypeError(
                f"unsupported operand type(s) for {symbol}: {type(self).__name__!r} and "
                f"{type(other).__name__!r}\nfix: make an array of it with asarray"
            )
        return found

    return method


def _reflected(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Operator method `other op self`."""
    fast = getattr(function, "fast", None)
    if fast is None:
        return _plain(lambda self, other: function(other, self))

    def method(self: Any, other: Any) -> Any:
        if type(self) is Array and current.interpreter is bottom:
            found = beside(other, self)
            if found is not None:
                return handle(fast(found, self.buffer))
        if type(other) in _OPERANDS or _is_operand(other):
            return function(other, self)
        return NotImplemented

    return method


def _is_operand(x: Any) -> bool:
    """Whether an operator takes `x` itself instead of leaving it to `x`'s own operator.

    As for NumPy, a class that sets `__array_ufunc__` to None has operators of its own.
    """
    if isinstance(x, (np.ndarray, np.generic, bool, int, float, complex)):
        return True
    return hasattr(x, "__jax_array__") and getattr(type(x), "__array_ufunc__", x) is not None


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": arithmetic.add,
    "sub": arithmetic.subtract,
    "mul": arithmetic.multiply,
    "truediv": arithmetic.divide,
    "floordiv": arithmetic.floor_divide,
    "mod": arithmetic.remainder,
    "divmod": arithmetic.divmod,
    "pow": arithmetic.power,
    "matmul": products.matmul,
    "and": bitwise.bitwise_and,
    "or": bitwise.bitwise_or,
    "xor": bitwise.bitwise_xor,
    "lshift": bitwise.left_shift,
    "rshift": bitwise.right_shift,
}
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": logic.equal,
    "ne": logic.not_equal,
    "lt": logic.less,
    "le": logic.less_equal,
    "gt": logic.greater,
    "ge": logic.greater_equal,
}


def _rounded(x: Any, ndigits: int | None = None) -> Any:
    """`round(x)` gives integers, `round(x, n)` what `x` is, as Python's numbers do.

    Halves go to the even neighbour.

    Example:
        >>> np.array([0.5, 1.5, -1.2]).__round__(), np.array([12.0, 16.0]).__round__(-1)
        (Array([ 0,  2, -1], dtype=int32), Array([10., 20.], dtype=float32))
    """
    out = rounding.round(x, ndigits or 0)
    return convert(out, DEFAULTS[int]) if ndigits is None else out


_UNARY: dict[str, Callable[..., Any]] = {
    "__neg__": arithmetic.negative,
    "__pos__": arithmetic.positive,
    "__abs__": elementwise.abs,
    "__invert__": bitwise.bitwise_not,
    "__round__": _rounded,
}

# --- containers -----------------------------------------------------------------------------

_AT_ONCE = 64
"""Rows that iteration takes in one program; a longer array is read row by row."""


def _iterate(self: Any) -> Iterator[Any]:
    """Rows along the first dimension.

    Raises:
        TypeError: the array has no dimension.

    Example:
        >>> [row.tolist() for row in np.array([[1, 2], [3, 4]])]
        [[1, 2], [3, 4]]
    """
    shape = self.shape
    if not shape:
        raise TypeError("iteration over a 0-d array")
    if type(self) is not Tracer and 0 < shape[0] <= _AT_ONCE:
        return iter(fusion.run(joining.unstack, (self,)))
    if type(self) is not Tracer:
        return (indexing.getitem(self, i) for i in range(shape[0]))
    return iter(joining.unstack(self))


def _contains(self: Any, value: Any) -> bool:
    """Whether an element equals `value`.

    Raises:
        TracerBoolConversionError: the array is known only at run time.
        ValueError: under `as_jax`, `value` has dimensions, or the array another number than one.

    Example:
        >>> 2 in np.array([[1, 2], [3, 4]])
        True
    """
    if jax_rules() and len(self.shape) != 1:
        raise ValueError(
            "Array.__contains__: search array must be one-dimensional, got "
            f"arr.shape={tuple(self.shape)}."
        )
    if jax_rules() and np.ndim(value):
        shape = np.shape(value)
        raise ValueError(
            f"Array.__contains__: query value must be a scalar, got query.shape={shape}"
        )
    return bool(reductions.any(logic.equal(self, value)))


def _namespace(self: Any, *, api_version: str | None = None) -> Any:
    """The module with the functions of the array API.

    Args:
        self: array.
        api_version: version of the standard, such as "2024.12"; None takes the newest.

    Raises:
        ValueError: there is no such version of the standard.

    Example:
        >>> np.ones(2).__array_namespace__().__name__
        'ms_func.numpy'
    """
    if api_version is not None and api_version not in VERSIONS:
        raise ValueError(
            f"{api_version=} is not available; available versions are: {list(VERSIONS)}"
        )
    alias = sys.modules.get("jax.numpy")
    return alias if hasattr(alias, "_alias_path") else sys.modules["ms_func.numpy"]


def copy(self: Any, order: Any = None) -> Any:
    """The value in memory of its own; within a program nothing needs to be copied.

    Args:
        self: array.
        order: accepted for compatibility; arrays have no memory order.

    Example:
        >>> x = np.array([1, 2])
        >>> y = x.copy()
        >>> x[0] = 9
        >>> y
        Array([1, 2], dtype=int32)
    """
    if type(self) in ARRAYS and current.interpreter is bottom:
        return fresh(self)
    return as_handle(self)


_NO_DIMENSION = "Changing the dtype of a 0d array is only supported if the itemsize is unchanged"
_NO_DIVISOR = (
    "When changing to a larger dtype, its size must be a divisor of the total size in bytes of the "
    "last axis of the array."
)


def view(self: Any, dtype: Any = None, type: None = None) -> Any:
    """The bits of the array read as another dtype, as `numpy.ndarray.view`.

    Args:
        self: array.
        dtype: dtype of the result; None gives the array itself. A narrower one makes the last
            dimension longer, a wider one shorter. Booleans count as bytes.
        type: not supported.

    Raises:
        ValueError: the last dimension does not fit the wider dtype.
        NotImplementedError: `type` is given.

    Example:
        >>> np.array([1.0, -2.0]).view("uint32")
        Array([1065353216, 3221225472], dtype=uint32)
        >>> np.array([1, 256], "int16").view("uint8")
        Array([1, 0, 0, 1], dtype=uint8)
    """
    if type is not None:
        raise NotImplementedError("`type` argument of array.view() is not supported.")
    if dtype is None:
        return as_handle(self)
    new, old = canonicalize_dtype(dtype), self.dtype
    if new != old and "c" in (new.kind, old.kind):
        return _view_complex(self, new)
    if old == np.bool_:
        self = cast.convert_element_type(self, np.uint8)
        return view(self, new)
    if new == np.bool_:
        return logic.not_equal(view(self, np.uint8), 0)
    size, before = bits(new), bits(old)
    if size == before:
        return cast.bitcast_convert_type(self, new)
    if not self.ndim:
        raise ValueError(_NO_DIMENSION)
    if size < before:
        parts = cast.bitcast_convert_type(self, new)
        last = self.shape[-1] * (before // size)
        return manipulation.reshape(parts, (*self.shape[:-1], last))
    ratio = size // before
    if self.shape[-1] % ratio:
        raise ValueError(_NO_DIVISOR)
    groups = manipulation.reshape(self, (*self.shape[:-1], self.shape[-1] // ratio, ratio))
    return cast.bitcast_convert_type(groups, new)


def astype(self: Any, dtype: Any, copy: bool = True, device: Any = None) -> Any:
    """`numpy.astype` of the array, whose options may also be given in order.

    Args:
        dtype: dtype of the result; None means float32.
        copy: False gives the array itself where it is of that dtype.
        device: device or sharding of the result.

    Raises:
        TypeError: there is no such dtype.

    Example:
        >>> np.array([1.7, -1.7]).astype(dtype="int32")
        Array([ 1, -1], dtype=int32)
    """
    return creation.astype(self, dtype, copy=copy, device=device)


def _view_complex(x: Any, new: np.dtype) -> Any:
    """`view` from or to complex numbers, which lie in memory as their two parts."""
    if not x.ndim:
        if new.itemsize != x.dtype.itemsize:
            raise ValueError(_NO_DIMENSION)
        return view(manipulation.reshape(x, (1,)), new)[0]
    if x.dtype.kind == "c":
        pairs = joining.stack([cast.real(x), cast.imag(x)], -1)
        return view(manipulation.reshape(pairs, (*x.shape[:-1], 2 * x.shape[-1])), new)
    parts = view(x, np.dtype(f"f{new.itemsize // 2}"))
    if parts.shape[-1] % 2:
        raise ValueError(_NO_DIVISOR)
    return cast.complex(parts[..., 0::2], parts[..., 1::2])


def byteswap(self: Any, inplace: bool = False) -> Any:
    """The bytes of each element in reverse order.

    Args:
        self: array.
        inplace: must be False.

    Raises:
        NotImplementedError: `inplace` is asked for.

    Example:
        >>> np.array([1, 256], "int16").byteswap()
        Array([256,   1], dtype=int16)
    """
    if inplace:
        raise NotImplementedError("byteswap(inplace=True): arrays are values here")
    if self.dtype.itemsize == 1:
        return as_handle(self)
    if self.dtype.kind == "c":
        return cast.complex(byteswap(cast.real(self)), byteswap(cast.imag(self)))
    parts = cast.bitcast_convert_type(self, np.dtype(np.uint8))
    return cast.bitcast_convert_type(sh.rev(parts, (self.ndim,)), self.dtype)


def to_device(self: Any, device: Any, *, stream: Any = None) -> Any:
    """The array on another device, or with a sharding.

    Args:
        self: array.
        device: device or sharding. Values that are traced stay where the program runs.
        stream: accepted for compatibility.

    Raises:
        ValueError: `device` is neither.

    Example:
        >>> x = np.ones(2)
        >>> x.to_device(ms.devices()[0]).device == ms.devices()[0]
        True
    """
    if isinstance(device, (str, int, float)):
        raise ValueError(
            "to_device takes a device or a sharding, as device_put. Received invalid value: "
            f"{device!r}"
        )
    return creation.on_device(self, device)


def flatten(self: Any, order: str = "C", *, out_sharding: Any = None) -> Any:
    """The elements in one dimension.

    Args:
        self: array.
        order: "C" reads the last index fastest, "F" the first.
        out_sharding: sharding of the result.

    Example:
        >>> np.array([[1, 2], [3, 4]]).flatten("F")
        Array([1, 3, 2, 4], dtype=int32)
    """
    return manipulation.ravel(self, order, out_sharding=out_sharding)


def reshape(
    self: Any, *args: Any, order: str = "C", copy: bool | None = None, out_sharding: Any = None
) -> Any:
    """`reshape` as a method: sizes as one tuple or as several arguments.

    Args:
        self: array.
        *args: sizes; one may be -1.
        order: "C" reads and writes the last index fastest, "F" the first.
        copy: accepted for compatibility; arrays are values.
        out_sharding: sharding of the result.

    Raises:
        TypeError: the sizes do not fit the number of elements.

    Example:
        >>> np.arange(6).reshape(2, -1)
        Array([[0, 1, 2],
               [3, 4, 5]], dtype=int32)
    """
    shape = args[0] if len(args) == 1 and not isinstance(args[0], int) else args
    return manipulation.reshape(self, shape, order, copy=copy, out_sharding=out_sharding)


def transpose(self: Any, *args: Any) -> Any:
    """`transpose` as a method: axes as one tuple or as several arguments.

    Args:
        self: array.
        *args: for each dimension of the result which one of the array it is; without any the
            order is reversed.

    Raises:
        TypeError: the axes are no permutation.
        ValueError: there is no such dimension.

    Example:
        >>> np.ones((2, 3, 4)).transpose(0, 2, 1).shape
        (2, 4, 3)
    """
    if not args or args == (None,):
        return manipulation.transpose(self)
    axes = args[0] if len(args) == 1 and not isinstance(args[0], int) else args
    return manipulation.transpose(self, axes)


def compress(
    self: Any, condition: Any, axis: int | None = None, *, out: None = None,
    size: int | None = None, fill_value: Any = 0,
) -> Any:  # fmt: skip
    """Slices along a dimension where a condition holds.

    Args:
        self: array.
        condition: vector; nonzero elements hold.
        axis: dimension; None takes the flat array.
        out: not supported.
        size: number of slices of the result, needed where `condition` is known only at run time.
        fill_value: pads where there are fewer.

    Raises:
        ValueError: `condition` is no vector, or holds beyond the end of the dimension.
        ConcretizationTypeError: `condition` is known only at run time and there is no `size`.

    Example:
        >>> np.array([1, 2, 3]).compress(np.array([True, False, True]))
        Array([1, 3], dtype=int32)
    """
    return choosing.compress(condition, self, axis, size=size, fill_value=fill_value, out=out)


def _reversed(self: Any) -> Any:
    """The array with its dimensions in reverse order: a matrix transposed.

    Example:
        >>> np.array([[1, 2, 3], [4, 5, 6]]).T
        Array([[1, 4],
               [2, 5],
               [3, 6]], dtype=int32)
    """
    return manipulation.transpose(self)


_METHODS: dict[str, Callable[..., Any]] = {
    "__array_namespace__": _namespace,
    "__contains__": _contains,
    "__copy__": copy,
    "__deepcopy__": copy,
    "__getitem__": indexing.getitem,
    "__iter__": _iterate,
    "__setitem__": updates.setitem,
    "all": reductions.all,
    "any": reductions.any,
    "argmax": searching.argmax,
    "argmin": searching.argmin,
    "argpartition": sorting.argpartition,
    "argsort": sorting.argsort,
    "astype": astype,
    "byteswap": byteswap,
    "choose": choosing.choose,
    "clip": arithmetic.clip,
    "clone": copy,
    "compress": compress,
    "conj": elementwise.conjugate,
    "conjugate": elementwise.conjugate,
    "copy": copy,
    "cumprod": running.cumprod,
    "cumsum": running.cumsum,
    "diagonal": diagonals.diagonal,
    "dot": products.dot,
    "flatten": flatten,
    "max": reductions.max,
    "mean": means.mean,
    "min": reductions.min,
    "nonzero": searching.nonzero,
    "prod": reductions.prod,
    "ptp": reductions.ptp,
    "ravel": manipulation.ravel,
    "repeat": repeating.repeat,
    "reshape": reshape,
    "round": rounding.round,
    "searchsorted": sorting.searchsorted,
    "sort": sorting.sort,
    "squeeze": manipulation.squeeze,
    "std": means.std,
    "sum": reductions.sum,
    "swapaxes": manipulation.swapaxes,
    "take": taking.take,
    "to_device": to_device,
    "trace": diagonals.trace,
    "transpose": transpose,
    "var": means.var,
    "view": view,
}


def _flat(self: Any) -> Any:
    """Refuse `numpy.ndarray.flat`, an iterator through which elements can be changed."""
    raise NotImplementedError(
        "arrays have no `flat`, through which elements could be changed\n"
        "fix: use arr.flatten(), or arr.at[...] to get a changed array"
    )


_PROPERTIES: dict[str, Callable[[Any], Any]] = {
    "T": _reversed,
    "at": at.IndexUpdater,
    "flat": _flat,
    "imag": elementwise.imag,
    "itemsize": lambda self: self.dtype.itemsize,
    "mT": manipulation.matrix_transpose,
    "nbytes": lambda self: typeof(self).nbytes,
    "real": elementwise.real,
}


def table() -> dict[str, Any]:
    """Every operator, method and property by name; `execution/operators.py` types them."""
    table: dict[str, Any] = {**_UNARY, **_METHODS}
    for name, function in _BINARY.items():
        table[f"__{name}__"] = _forward(function)
        table[f"__r{name}__"] = _reflected(function)
    table.update({f"__{name}__": _forward(f) for name, f in _COMPARISONS.items()})
    for name, symbol in (("eq", "=="), ("ne", "!=")):
        table[f"__{name}__"] = _equality(_COMPARISONS[name], symbol)
    table.update({name: property(f) for name, f in _PROPERTIES.items()})
    table["__array_priority__"] = 100
    return table


def attach() -> None:
    """Put the operators, methods and properties on `Array`, `Tracer` and `Ref`."""
    references.attach()
    for cls in (Array, Tracer):
        for name, member in table().items():
            if name not in vars(cls):
                setattr(cls, name, member)
