"""What every function of this package does with its operands: check, promote, broadcast.

Dtypes promote by the lattice of `ms_func.dtypes`. A Python scalar becomes a literal of the
dtype of the other operand; operands of one type, the common case, pass untouched.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.config import jax_rules, numpy_dtype_promotion, numpy_rank_promotion, x64
from ms_func.dtypes import DEFAULTS, check_promotion, float0, is_inexact, join, to_inexact
from ms_func.errors import ArgumentTypeError, ArgumentValueError, SizeError
from ms_func.execution.array import Array, KeyArray, again, wrap
from ms_func.execution.buffers import put
from ms_func.ir.explicit import agrees
from ms_func.ir.function import Literal
from ms_func.ir.loc import user_loc
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.basis import broadcast_in_dim_p
from ms_func.primitives.cast import convert_p, converted
from ms_func.primitives.sharding import constrained
from ms_func.tracing.tracer import Tracer

ArrayLike = Array | Tracer | np.ndarray | np.generic | bool | int | float | complex
"""What functions take for an array: arrays, traced values, NumPy's arrays, Python scalars."""

HANDLES = frozenset({Array, KeyArray, Tracer})
"""Classes of values that carry their `type`."""
SCALARS = frozenset({bool, int, float, complex})


class _LiteralTypes(dict[Any, Any]):
    """(Python type, type of the other operand, setting `x64`): type of the literal.

    None if the other operand must widen.
    """

    def __missing__(self, key: tuple[type, ArrayType, bool | None]) -> ArrayType | None:
        kind, other, _ = key
        if other.key is not None:  # `promote_all` says which operation it is that refuses keys
            return None
        dtype, weak = join(DEFAULTS[kind], kind is not bool, other.dtype, other.weak_type)
        found = ArrayType((), dtype, weak) if dtype == other.dtype else None
        self[key] = found
        return found


_literal_types = _LiteralTypes()


def scalar(value: Any, type: ArrayType) -> Literal:
    """Literal of a Python or NumPy scalar.

    Raises:
        OverflowError: an integer does not fit the dtype.
    """
    dtype = type.dtype
    if dtype.kind in "iu":
        if not 0 <= value <= 127:
            np.asarray(value, dtype)
    elif isinstance(value, (bool, int)) and dtype.kind == "f":
        value = float(value)
    return Literal(value, type)


def _beside(value: Any, type: ArrayType) -> Literal:
    """`scalar` of an operand, which by JAX's rules wraps around to the dtype of the others."""
    if type.dtype.kind in "iu" and not 0 <= value <= 127 and jax_rules():
        own = np.iinfo(DEFAULTS[int])
        if own.min <= value <= own.max:
            return Literal(int(np.asarray(value).astype(type.dtype)), type)
    return scalar(value, type)


def promote(name: str, x: Any, y: Any) -> tuple[Any, Any]:
    """Operands of one dtype, of one shape unless one has rank 0.

    Raises:
        TypeError: an operand is no array or number, or there is no common dtype.
        SizeError: the shapes do not broadcast.
    """
    if type(x) in HANDLES:
        if type(y) in HANDLES:
            if x.type is y.type:
                return x, y
        elif type(y) in SCALARS:
            kind = _literal_types[type(y), x.type, x64.value]
            if kind is not None:
                return x, _beside(y, kind)
    elif type(x) in SCALARS and type(y) in HANDLES:
        kind = _literal_types[type(x), y.type, x64.value]
        if kind is not None:
            return _beside(x, kind), y
    return tuple(promote_all(name, (x, y)))  # type: ignore[return-value]


def promote_inexact(name: str, x: Any, y: Any) -> tuple[Any, Any]:
    """Like `promote`, and integers and booleans become floats."""
    if type(x) in HANDLES and is_inexact(x.type.dtype):
        return promote(name, x, y)
    return tuple(promote_all(name, (x, y), True))  # type: ignore[return-value]


_joined: dict[Any, tuple[np.dtype, bool, tuple[int, ...]]] = {}


def promote_all(name: str, args: Sequence[Any], inexact: bool = False) -> list[Any]:
    """Any number of operands brought to one dtype and shape; rank-0 ones keep their rank."""
    args = [admit(name, a, i) for i, a in enumerate(args)]
    types = tuple(typeof(a) for a in args)
    if numpy_rank_promotion.value != "allow":
        _check_ranks(name, types)
    if numpy_dtype_promotion.value == "strict":
        _check_dtypes(name, types)
    found = _joined.get((types, inexact, x64.value))
    if found is None:
        if any(t.key is not None for t in types) and len({t.face for t in types}) > 1:
            faces = ", ".join(t.face.name for t in types)
            raise ArgumentTypeError(f"{name} does not accept dtypes {faces}.")
        dtype, weak = _joined_types(types)
        dtype = to_inexact(dtype) if inexact else dtype
        shape = common_shape(name, [t.shape for t in types])
        if len(_joined) > 8192:
            _joined.clear()
        found = _joined[types, inexact, x64.value] = (dtype, weak, shape)
    dtype, weak, shape = found
    fitting = [convert(a, dtype, weak) for a in args]
    return (
        fitting if all(t.shape in ((), shape) for t in types) else broadcast_alike(fitting, shape)
    )


def _check_ranks(name: str, types: Sequence[ArrayType]) -> None:
    """Complain about ranks that differ, but for rank 0 (the setting `numpy_rank_promotion`)."""
    ranks = {t.ndim for t in types if t.ndim}
    if len(ranks) < 2:
        return
    message = (
        f"Operands could not be broadcast together for {name} on shapes "
        f"{' '.join(str(t.shape) for t in types)} and with the config option "
        "jax_numpy_rank_promotion='raise'"
    )
    if numpy_rank_promotion.value == "raise":
        raise ArgumentValueError(f"{message}\nfix: bring the operands to one rank with reshape")
    warnings.warn(
        f"Following NumPy automatic rank promotion for {name} on shapes "
        f"{' '.join(str(t.shape) for t in types)}. Set the jax_numpy_rank_promotion config option "
        "to 'allow' to disable this warning.",
        stacklevel=5,
    )


def _check_dtypes(name: str, types: Sequence[ArrayType]) -> None:
    """Refuse to join dtypes, but for Python scalars (the setting `numpy_dtype_promotion`)."""
    check_promotion(name, [(t.dtype, t.weak_type) for t in types], _joined_types(types)[0])


def join_types(types: Sequence[ArrayType], name: str = "the function") -> tuple[np.dtype, bool]:
    """Dtype that the types promote to, and whether it is weak.

    Raises:
        TypePromotionError: there is none, or the setting `numpy_dtype_promotion` forbids it.
    """
    if numpy_dtype_promotion.value == "strict":
        _check_dtypes(name, types)
    return _joined_types(types)


def _joined_types(types: Sequence[ArrayType]) -> tuple[np.dtype, bool]:
    dtype, weak = types[0].dtype, types[0].weak_type
    for t in types[1:]:
        dtype, weak = join(dtype, weak, t.dtype, t.weak_type)
    return dtype, weak


def convert(x: Any, dtype: np.dtype, weak: bool = False) -> Any:
    """`x` with the given dtype: scalars become literals, NumPy's arrays convert on the host."""
    if type(x) in HANDLES:
        if x.type.dtype == dtype:
            return x
        return convert_p.bind(x, new_dtype=dtype, weak_type=weak)
    if type(x) is Literal:
        return Literal(x.value, ArrayType((), dtype, weak))
    if isinstance(x, np.ndarray):
        if x.dtype == dtype and x.ndim:
            return x
        x = _converted(x, dtype)
        return x if x.ndim else Literal(x[()], ArrayType((), dtype))
    if isinstance(x, np.generic) or (type(x) is float and dtype.kind in "iu"):
        return Literal(_converted(np.asarray(x), dtype)[()], ArrayType((), dtype, weak))
    return _beside(x, ArrayType((), dtype, weak))


def _converted(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """What a device makes of `x`: floats that an integer cannot hold saturate."""
    with np.errstate(all="ignore"):
        return np.asarray(converted(x, new_dtype=dtype))


def broadcast(x: Any, shape: tuple[int, ...]) -> Any:
    """`x` repeated to `shape` by NumPy's rule: shapes align at the right."""
    old = typeof(x).shape
    if old == shape:
        return x
    return lay(x, shape, tuple(range(len(shape) - len(old), len(shape))))


def broadcast_alike(xs: Sequence[Any], shape: tuple[int, ...]) -> list[Any]:
    """Arrays repeated to one shape, scalars left out.

    Where types tell layouts and something is repeated, dimensions of which one does not tell lie
    as the others do.
    """
    found = [broadcast(x, shape) if typeof(x).shape else x for x in xs]
    same = all(v is x for v, x in zip(found, xs, strict=True))
    return found if same else laid_alike(found)


def laid_alike(found: list[Any]) -> list[Any]:
    """Arrays of one shape, and scalars, with one layout: that which the types of some tell.

    They are as they were where types tell two layouts that do not go together.
    """
    held = [s for v in found if (s := typeof(v).explicit) is not None]
    if not held:
        return found
    ndim = max(typeof(v).ndim for v in found)
    each = zip(*(s.dim_axes(ndim) for s in held), strict=True)
    dims = [next(filter(None, axes), ()) for axes in each]
    axes = [a for dim in dims for a in dim]
    if len(set(axes)) < len(axes):
        return found
    joint = held[0].with_dims(dims)
    return [constrained(v, joint) if t.shape and t.explicit != joint and agrees(t, joint) else v
            for v, t in zip(found, map(typeof, found), strict=True)]  # fmt: skip


def lay(x: Any, shape: tuple[int, ...], dims: tuple[int, ...]) -> Any:
    """`x` with its dimension i along dimension `dims[i]` of `shape`, repeated along the others."""
    return broadcast_in_dim_p.bind(x, shape=shape, broadcast_dimensions=dims)


def common_shape(name: str, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Shape that all `shapes` broadcast to.

    Raises:
        SizeError: two lengths differ and neither is 1.
    """
    first = shapes[0]
    if all(s == first for s in shapes):
        return first
    ndim = max(len(s) for s in shapes)
    out = [1] * ndim
    for s in shapes:
        for i, n in enumerate(s, ndim - len(s)):
            if out[i] == 1:
                out[i] = n
            elif n not in (1, out[i]):
                raise SizeError(
                    f"{name} got incompatible shapes for broadcasting: "
                    f"{', '.join(str(s) for s in shapes)}.\n"
                    "fix: lengths must agree, or be 1, counted from the last dimension",
                    user_loc(),
                )
    return tuple(out)


class _Lists(threading.local):
    """How lists among the operands become arrays in this thread; None where they are refused."""

    convert: Callable[[Any], Any] | None = None


lists = _Lists()


def admit(name: str, x: Any, position: int = 0) -> Any:
    """`x`, checked to be an array or a number.

    Raises:
        TypeError: it is a list, a string, None or the like.
    """
    kind = type(x)
    if kind in HANDLES or kind in SCALARS or kind is Literal:
        return x
    if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind not in "OSUMm":
        if x.dtype == float0:
            raise ArgumentTypeError(
                f"{name} got a float0 operand at position {position}\n"
                "fix: float0 marks the derivative of an integer; leave it out of arithmetic"
            )
        return x
    if isinstance(x, (bool, int, float, complex)):
        return next(t for t in (bool, int, float, complex) if isinstance(x, t))(x)  # pyright: ignore[reportArgumentType]
    inner = getattr(x, "__jax_array__", None)
    if inner is not None:
        return admit(name, inner(), position)
    if lists.convert is not None and isinstance(x, (list, tuple)):
        return lists.convert(x)
    raise ArgumentTypeError(
        f"{name} requires ndarray or scalar arguments, got {kind} at position {position}."
    )


def inexact(name: str, x: Any) -> Any:
    """`x` as an operand of a function defined on floats: integers and booleans convert."""
    if type(x) in HANDLES and is_inexact(x.type.dtype):
        return x
    x = admit(name, x)
    t = typeof(x)
    return convert(x, to_inexact(t.dtype), t.weak_type)


def as_default_float(name: str, x: Any) -> Any:
    """As `inexact`, but integers of every width get the default dtype of floats."""
    t = typeof(admit(name, x))
    return inexact(name, x) if is_inexact(t.dtype) else convert(x, DEFAULTS[float])


def operand(name: str, x: Any) -> Any:
    """`x` as the one operand of a function that keeps its dtype."""
    if type(x) in HANDLES:
        return x
    x = admit(name, x)
    t = typeof(x)
    return convert(x, t.dtype, t.weak_type)


def settled(name: str, x: Any) -> Any:
    """Like `operand`, and no longer weak: a sum of Python numbers has their default dtype."""
    x = operand(name, x)
    t = typeof(x)
    return strong(x) if t.weak_type else x


def strong(x: Any) -> Any:
    """`x` with its dtype for good."""
    t = typeof(x)
    if not t.weak_type:
        return x
    if type(x) is Literal:
        return Literal(x.value, ArrayType((), t.dtype))
    return convert_p.bind(x, new_dtype=t.dtype, weak_type=False)


def no_out(name: str, out: Any) -> None:
    """Refuse NumPy's `out` argument: arrays here are values."""
    if out is not None:
        raise NotImplementedError(
            f"The 'out' argument to jnp.{name} is not supported.\nfix: use the returned array"
        )


def numbers(name: str, x: Any, y: Any) -> tuple[Any, Any]:
    """Promoted operands of a function that counts booleans as integers."""
    x, y = promote(name, x, y)
    if typeof(x).dtype.kind == "b":
        return convert(x, np.dtype(np.int32)), convert(y, np.dtype(np.int32))
    return x, y


def as_handle(x: Any) -> Any:
    """`x` as a new handle that shares its value, so that writing to one leaves the other."""
    kind = type(x)
    if kind is Array:
        return wrap(x.buffer)
    if kind is KeyArray:
        return again(x)
    if kind is Tracer:
        return Tracer(x.recorder, x.variable)
    if isinstance(x, np.ndarray):
        return wrap(put(x, typeof(x)))
    return fill(x.value, x.type) if kind is Literal else fill(x, typeof(x))


def fill(value: Any, type: ArrayType) -> Any:
    """Array of the given type with `value` everywhere; of `float0` a NumPy array."""
    if type.dtype == float0:
        return np.zeros(type.shape, float0)
    literal = scalar(value, ArrayType((), type.dtype, type.weak_type))
    return broadcast_in_dim_p.bind(literal, shape=type.shape, broadcast_dimensions=())


def promote_dtype(name: str, *args: Any) -> list[Any]:
    """Operands of one dtype; shapes stay."""
    args = tuple(admit(name, a, i) for i, a in enumerate(args))
    dtype, weak = join_types([typeof(a) for a in args])
    return [convert(a, dtype, weak) for a in args]
