"""Arrays from Python and NumPy values, filled arrays, ranges, grids."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func import config
from ms_func.dtypes import DEFAULTS, canonicalize_dtype, join, type_of_value
from ms_func.errors import (
    ArgumentTypeError,
    ArgumentValueError,
    ConcretizationTypeError,
    SizeError,
)
from ms_func.execution.array import ARRAYS, Array, wrap
from ms_func.execution.buffers import put
from ms_func.execution.dispatch import bottom, fresh
from ms_func.ir.function import Literal
from ms_func.ir.loc import user_loc
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy.promotion import (
    HANDLES,
    SCALARS,
    ArrayLike,
    admit,
    as_handle,
    broadcast,
    convert,
    fill,
    operand,
    promote_all,
    strong,
)
from ms_func.primitives import arithmetic as ar
from ms_func.primitives import cast, shape
from ms_func.primitives.sharding import constrained
from ms_func.tracing.policy import user_function
from ms_func.tracing.tracer import Tracer

# --- from values ----------------------------------------------------------------------

_NO_ARRAY = "Value {!r} of type {} is not a valid JAX array type: it is not an array or a number"


def array(
    object: Any, dtype: Any = None, *, copy: bool = True, order: str | None = "K",
    ndmin: int = 0, device: Any = None, out_sharding: Any = None,
) -> Array:  # fmt: skip
    """Array with the elements of `object`.

    Args:
        object: array, number, or nested sequences of them.
        dtype: element type; by default that of the elements promoted together, where Python
            numbers count as int32, float32 and complex64.
        copy: arrays are values: the result never shares what assignment could reach.
        order: accepted for compatibility; arrays have no memory order.
        ndmin: least number of dimensions; ones are put in front.
        device: device or sharding; by default it stays, or goes to the default device.
        out_sharding: sharding of the result.

    Raises:
        TypeError: an element is no number.
        ValueError: `object` is None, or sequences have unequal lengths.
        OverflowError: a Python integer does not fit the dtype.
    """
    if order not in ("K", "C", "A", None):
        raise NotImplementedError(f"only order 'K', 'C' and 'A' are supported, got {order!r}")
    target = None if dtype is None else canonicalize_dtype(dtype)
    out = _from_object(object, target)
    eager = current.interpreter is bottom
    if copy and eager and type(object) in ARRAYS and out.buffer is object.buffer:
        out = fresh(out)
    if ndmin > out.ndim:
        out = shape.reshape(out, (1,) * (ndmin - out.ndim) + out.shape)
    return placed(out, device, out_sharding)


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
        return fill(_host_cast(x, dtype), ArrayType((), dtype or t.dtype, weak))
    if isinstance(x, (np.ndarray, np.generic)):
        return _from_numpy(x, dtype)
    if x is None:
        raise ArgumentValueError("None is not a valid value for array")
    if hasattr(x, "__jax_array__"):
        return _from_object(x.__jax_array__(), dtype)
    if isinstance(x, (list, tuple)):
        return _from_sequence(x, dtype)
    if isinstance(x, (str, bytes)) or callable(x):
        raise ArgumentTypeError(_NO_ARRAY.format(x, kind.__name__))
    if hasattr(x, "__array__") or isinstance(x, (memoryview, bytearray)) or _has_buffer(x):
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


def _host_cast(x: Any, dtype: np.dtype | None) -> Any:
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
    if x.dtype.kind in "OSUMm":
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
    if any(type(v) in HANDLES or hasattr(v, "__jax_array__") for v in leaves):
        return _joined(leaves, sizes, dtype)
    if dtype is None:
        dtype = _common_dtype(leaves)
    with np.errstate(all="ignore"):
        try:
            made = np.array(x, dtype)
        except (TypeError, OverflowError):
            if dtype.kind == "c" or any(isinstance(v, int) for v in leaves):
                raise
            made = np.array(x).astype(dtype)
    return wrap(put(made))


def _measure(x: Any, leaves: list[Any]) -> tuple[int, ...]:
    """Shape of nested sequences down to their leaves, which are collected in order."""
    if not isinstance(x, (list, tuple)):
        if x is None:
            raise ArgumentValueError("None is not a valid value for array")
        if isinstance(x, (str, bytes)):
            raise ArgumentTypeError(_NO_ARRAY.format(x, type(x).__name__))
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

    Raises:
        ValueError: `copy` is False and a copy is needed.
    """
    same = type(a) in HANDLES and (dtype is None or (a.dtype == dtype and not a.weak_type))
    if same and device is None and not copy:
        return a if out_sharding is None else constrained(a, out_sharding)
    if type(a) is np.ndarray and dtype is order is copy is device is out_sharding is None:
        return _from_numpy(a, None)  # what is wanted most, without a look at the rest
    if copy is False and type(a) not in HANDLES and not config.jax_rules():  # JAX makes the copy
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
    """`x` on a device or with a sharding; traced values stay where the program runs."""
    if type(x) is Tracer:
        return x
    return wrap(put(np.asarray(x), x.type, device))


def copy(a: ArrayLike, order: str | None = None) -> Array:
    """A new array with the elements of `a`."""
    return array(operand("copy", a), order=order)


def astype(x: ArrayLike, dtype: Any, /, *, copy: bool = False, device: Any = None) -> Array:
    """`x` converted to `dtype`, by truncation and saturation from floats to integers."""
    out = _in_dtype(operand("astype", x), canonicalize_dtype(dtype or float))
    return out if device is None else on_device(out, device)


def _in_dtype(x: Any, dtype: np.dtype) -> Any:
    """`x` in a dtype that was asked for: it no longer gives way to others."""
    out = as_handle(convert(x, dtype))
    if out.weak_type:
        return cast.convert_p.bind(out, new_dtype=out.dtype, weak_type=False)
    return out


def frombuffer(buffer: Any, dtype: Any = float, count: int = -1, offset: int = 0) -> Array:
    """One-dimensional array over the bytes of `buffer`."""
    return asarray(np.frombuffer(buffer, canonicalize_dtype(dtype), count, offset))


def fromfunction(
    function: Callable[..., Any], shape: Any, *, dtype: Any = float, **kwargs: Any
) -> Any:
    """`function` called once with the index arrays of `shape`."""
    return user_function(function)(*indices(shape, dtype=dtype), **kwargs)


def fromfile(*args: Any, **kwargs: Any) -> Array:
    """`numpy.fromfile`, as an array."""
    return asarray(np.fromfile(*args, **kwargs))


def fromiter(*args: Any, **kwargs: Any) -> Array:
    """`numpy.fromiter`, as an array."""
    return asarray(np.fromiter(*args, **kwargs))


def fromstring(string: str, dtype: Any = float, count: int = -1, *, sep: str) -> Array:
    """Array of the numbers in a text, separated by `sep`."""
    return asarray(np.fromstring(string, canonicalize_dtype(dtype), count, sep=sep))


# --- filled ---------------------------------------------------------------------------


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
        TypeError: a size is traced or no integer; there is no such dtype.

    Example:
        >>> zeros((2, 3), "int8").tolist()
        [[0, 0, 0], [0, 0, 0]]
    """
    return _filled("zeros", shape, 0, dtype, device, out_sharding)


def ones(shape: Any, dtype: Any = None, *, device: Any = None, out_sharding: Any = None) -> Array:
    """Array of ones; float32 unless a dtype is given."""
    return _filled("ones", shape, 1, dtype, device, out_sharding)


def empty(shape: Any, dtype: Any = None, *, device: Any = None, out_sharding: Any = None) -> Array:
    """Array of unspecified elements: zeros here."""
    return _filled("empty", shape, 0, dtype, device, out_sharding)


def full(
    shape: Any, fill_value: ArrayLike, dtype: Any = None, *, device: Any = None,
    out_sharding: Any = None,
) -> Array:  # fmt: skip
    """Array of `fill_value`, which broadcasts to `shape`.

    Arguments as for `zeros`; the dtype is that of `fill_value` by default.

    Example:
        >>> full((2, 2), 7).tolist()
        [[7, 7], [7, 7]]
    """
    sizes = shape_tuple("full", shape)
    value = fill_value if type(fill_value) in SCALARS else array(fill_value)
    kind = typeof(value).dtype if dtype is None else canonicalize_dtype(dtype)
    if type(value) in SCALARS:
        weak = dtype is None and config.jax_rules() and typeof(value).weak_type
        out = fill(_host_cast(value, kind), ArrayType(sizes, kind, weak))
    else:
        if np.broadcast_shapes(typeof(value).shape, sizes) != sizes:
            raise ArgumentValueError(f"{fill_value!r} cannot be broadcast to the shape {sizes}")
        out = broadcast(cast.convert_element_type(value, kind), sizes)
    return placed(out, device, out_sharding)


def _like(name: str, a: Any, dtype: Any, shape: Any) -> tuple[tuple[int, ...], Any]:
    if not hasattr(a, "shape"):
        a = admit(name, a)
    sizes = np.shape(a) if shape is None else shape_tuple(name, shape)
    return tuple(sizes), typeof(a).dtype if dtype is None else dtype


def _layout_like(a: Any, shape: Any, device: Any, out_sharding: Any) -> Any:
    """The layout asked for, else the one that the type of `a` tells."""
    if shape is not None or device is not None or out_sharding is not None:
        return out_sharding
    return typeof(a).explicit


def zeros_like(
    a: Any, dtype: Any = None, shape: Any = None, *, device: Any = None, out_sharding: Any = None
) -> Array:
    """Zeros with the shape and dtype of `a`, or those given."""
    sizes, kind = _like("zeros_like", a, dtype, shape)
    where = _layout_like(a, shape, device, out_sharding)
    return _weakly(zeros(sizes, kind, device=device, out_sharding=where), a, dtype)


def ones_like(
    a: Any, dtype: Any = None, shape: Any = None, *, device: Any = None, out_sharding: Any = None
) -> Array:
    """Ones with the shape and dtype of `a`, or those given."""
    sizes, kind = _like("ones_like", a, dtype, shape)
    where = _layout_like(a, shape, device, out_sharding)
    return _weakly(ones(sizes, kind, device=device, out_sharding=where), a, dtype)


def empty_like(
    prototype: Any, dtype: Any = None, shape: Any = None, *, device: Any = None
) -> Array:
    """Unspecified elements (zeros here) with the shape and dtype of `prototype`, or those given."""
    out = empty(*_like("empty_like", prototype, dtype, shape), device=device)
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
    """`fill_value` with the shape and dtype of `a`, or those given."""
    sizes, kind = _like("full_like", a, dtype, shape)
    where = _layout_like(a, shape, device, out_sharding)
    return _weakly(full(sizes, fill_value, kind, device=device, out_sharding=where), a, dtype)


# --- ranges ---------------------------------------------------------------------------


def arange(
    start: ArrayLike, stop: ArrayLike | None = None, step: ArrayLike | None = None,
    dtype: Any = None, *, device: Any = None, out_sharding: Any = None,
) -> Array:  # fmt: skip
    """Numbers from `start` (0 if `stop` is not given) up to `stop`, itself excluded, by `step`.

    Raises:
        ConcretizationTypeError: a bound is known only at run time, so the length is not known.
        TypeError: there is no bound.
        ValueError: a bound is complex.
        ZeroDivisionError: `step` is 0.
    """
    if stop is None and step is not None:
        start, stop = 0, start
    bounds = [v for v in (start, stop, step) if v is not None]
    if not bounds:
        raise ArgumentTypeError("arange needs a number as its bound, got None")
    if any(type(v) is Tracer for v in bounds):
        names = ("stop",) if stop is None else ("start", "stop", "step")
        bounds = [_known(v, name) for v, name in zip(bounds, names, strict=False)]
        start, stop, step = (*bounds, *[None] * (3 - len(bounds)))  # type: ignore[assignment]
    if dtype is None:
        joined = [type_of_value(v) for v in bounds]
        kind, weak = joined[0]
        for other, other_weak in joined[1:]:
            kind, weak = join(kind, weak, other, other_weak)
    else:
        kind = canonicalize_dtype(dtype)
    host = [np.asarray(v)[()] for v in bounds]
    if any(np.iscomplexobj(v) for v in host):
        raise ArgumentValueError("arange counts real numbers, got a complex start, stop or step")
    if len(host) == 3 and not host[2]:
        raise ZeroDivisionError("arange: division by zero, the step is 0")
    if kind.kind in "iu" and len(host) <= 2 and all(isinstance(v, (int, np.integer)) for v in host):
        out = _counted(*([0, host[0]] if len(host) == 1 else host), kind)  # pyright: ignore[reportCallIssue]
    else:
        out = wrap(put(_ranged(host, kind)))
    return placed(out, device, out_sharding)


def _ranged(host: Sequence[Any], kind: np.dtype) -> np.ndarray:
    """NumPy's range; where whole numbers are asked for its step is whole, too."""
    inner = np.dtype(np.int64) if kind.kind in "iu" and kind != np.uint64 else None
    return np.arange(*host, dtype=inner).astype(kind)  # pyright: ignore[reportCallIssue]


def _counted(start: Any, stop: Any, kind: np.dtype) -> Any:
    out = shape.broadcasted_iota(kind, (max(int(stop) - int(start), 0),), 0)
    return ar.add(out, int(start)) if start else out


def _known(v: Any, name: str) -> Any:
    """Value of a traced bound, if it is at hand."""
    try:
        return v.item()
    except ConcretizationTypeError as error:
        raise ConcretizationTypeError(
            f"arange needs bounds known while tracing, got {v!r}. It arose in the jnp.arange "
            f"argument '{name}'\n"
            "fix: pass them as static arguments, or use lax.iota with a static length",
            user_loc(),
        ) from error


def indices(dimensions: Sequence[int], dtype: Any = None, sparse: bool = False) -> Any:
    """Index of each element along each dimension: one array, or a tuple of open grids."""
    sizes = shape_tuple("indices", dimensions)
    kind = canonicalize_dtype(dtype or int)
    grids = []
    for i, n in enumerate(sizes):
        open_shape = tuple(n if i == j else 1 for j in range(len(sizes)))
        grids.append(shape.broadcasted_iota(kind, open_shape if sparse else sizes, i))
    if sparse:
        return tuple(grids)
    if not grids:
        return zeros((0,), kind)
    return shape.concatenate([shape.reshape(g, (1, *sizes)) for g in grids], 0)
