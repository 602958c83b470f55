"""dtypes: what they are called, how they promote, and what Python scalars become.

Promotion follows the lattice of JAX (type promotion semantics, JAX documentation): Python
scalars are weak and give way to the dtype of the other operand. An explicit dtype is honoured,
and only defaults are 32 bits wide; under `as_jax`, the setting `config.x64` changes that.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import ml_dtypes
import numpy as np

from ms_func.config import numpy_dtype_promotion, x64
from ms_func.errors import ArgumentTypeError, TypePromotionError

__all__ = ["bfloat16", "can_cast", "canonicalize_dtype", "extended", "float0", "issubdtype",
           "prng_key", "promote_types", "result_type", "scalar_type_of"]  # fmt: skip
__dir__ = __all__.copy

bfloat16 = np.dtype(ml_dtypes.bfloat16)
float0 = np.dtype([("float0", np.void, 0)])
"""The tangent dtype of integers and booleans: their tangent space has no dimension."""


class extended(np.generic):
    """What the scalar types of dtypes that NumPy does not have derive from.

    Example:
        >>> issubdtype(ms.random.key(0).dtype, extended), issubdtype(np.float32, extended)
        (True, False)
    """


class prng_key(extended):
    """Scalar type of random keys.

    Example:
        >>> issubdtype(ms.random.key(0).dtype, prng_key)
        True
    """


class KeyDtype:
    """dtype of random keys, as users see it; there is one object for each generator.

    Inside, keys have the NumPy dtype `dtype`, one field with the words of a key. Both compare
    equal and hash alike.

    Attributes:
        dtype: the NumPy dtype.
        impl: name of the generator, such as "threefry2x32".
        name: `key<...>` with a short name of it.
        words: number of 32-bit words of a key.
    """

    __slots__ = ("dtype", "impl", "name", "words")
    kind = "V"
    type = prng_key

    def __init__(self, impl: str, tag: str, words: int) -> None:
        self.impl, self.name, self.words = impl, f"key<{tag}>", words
        self.dtype = np.dtype([(tag, np.uint32, (words,))])

    @property
    def itemsize(self) -> int:
        """Bytes of one key."""
        return 4 * self.words

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, np.dtype) and self.dtype == other)

    def __hash__(self) -> int:
        return hash(self.dtype)

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return key_dtype, (self.impl,)


THREEFRY = KeyDtype("threefry2x32", "fry", 2)
RBG = KeyDtype("rbg", "rbg", 4)
UNSAFE_RBG = KeyDtype("unsafe_rbg", "urbg", 4)
_KEYS = {k.dtype: k for k in (THREEFRY, RBG, UNSAFE_RBG)}


def key_dtype(impl: str) -> KeyDtype:
    """The dtype of keys of the generator of that name.

    Raises:
        ValueError: there is no such generator.
    """
    for kind in _KEYS.values():
        if impl in (kind.impl, kind.name[4:-1]):
            return kind
    known = ", ".join(f'"{k.impl}"' for k in _KEYS.values())
    raise ValueError(f'unrecognized PRNG implementation "{impl}". Did you mean one of: {known}?')


def key_of(dtype: np.dtype) -> KeyDtype | None:
    """The key dtype that a NumPy dtype is, if it is one."""
    return _KEYS.get(dtype) if dtype.names is not None else None


_NARROW = {
    bool: np.dtype(np.bool_),
    int: np.dtype(np.int32),
    float: np.dtype(np.float32),
    complex: np.dtype(np.complex64),
}
_WIDE = {
    bool: np.dtype(np.bool_),
    int: np.dtype(np.int64),
    float: np.dtype(np.float64),
    complex: np.dtype(np.complex128),
}
TABLES = {None: _NARROW, False: _NARROW, True: _WIDE}
_HALVES = {
    np.dtype(wide): np.dtype(narrow)
    for wide, narrow in (("int64", "int32"), ("uint64", "uint32"), ("float64", "float32"),
                         ("complex128", "complex64"))
}  # fmt: skip


class _Defaults:
    """dtype of each Python number under the setting in force; reads like a dict."""

    __slots__ = ()

    def __getitem__(self, kind: type) -> np.dtype:
        return TABLES[x64.value][kind]

    def __contains__(self, kind: object) -> bool:
        return kind in _NARROW

    def __iter__(self) -> Iterator[type]:
        return iter(_NARROW)

    def get(self, kind: Any) -> np.dtype | None:
        return TABLES[x64.value].get(kind)


DEFAULTS = _Defaults()


def narrowed(dtype: np.dtype) -> np.dtype:
    """`dtype` in this machine's order of bytes, halved where `x64` allows no 64-bit dtypes."""
    if not dtype.isnative:
        dtype = dtype.newbyteorder("=")
    return _HALVES.get(dtype, dtype) if x64.value is False else dtype


def is_inexact(dtype: np.dtype) -> bool:
    """Whether `dtype` is a floating or complex type, those of ml_dtypes included."""
    if dtype.kind in "fc":
        return True
    return dtype.kind == "V" and dtype != float0 and dtype in _EXTENDED_FLOATS


_EXTENDED_FLOATS = frozenset(
    np.dtype(getattr(ml_dtypes, name))
    for name in dir(ml_dtypes)
    if name.startswith(("float", "bfloat")) and isinstance(getattr(ml_dtypes, name), type)
)

_SHORT = {"float": "f", "bfloat": "bf", "int": "i", "uint": "u", "complex": "c"}
_LONG = {short: long for long, short in _SHORT.items()}


@cache
def bits(dtype: np.dtype) -> int:
    """Bits of an element, fewer than those of its bytes where NumPy spends a whole byte on it."""
    if dtype.kind != "V" or dtype.fields or dtype.itemsize > 1:
        return 8 * dtype.itemsize
    integral = dtype.name.lstrip("u").startswith("int")
    return (ml_dtypes.iinfo if integral else ml_dtypes.finfo)(dtype).bits


def dtype_name(dtype: np.dtype) -> str:
    """Short name of a dtype as the text form prints it: `f32`, `bf16`, `i8`, `bool`."""
    if dtype.names is not None:
        return "float0" if dtype == float0 else _KEYS[dtype].name
    name = dtype.name
    stem = name.rstrip("0123456789")
    return _SHORT[stem] + name[len(stem) :] if stem in _SHORT else name


def parse_dtype(name: str) -> np.dtype:
    """Inverse of `dtype_name`."""
    if name == "float0":
        return float0
    if name.startswith("key<"):
        return key_dtype(name[4:-1]).dtype
    stem = name.rstrip("0123456789")
    long = _LONG[stem] + name[len(stem) :] if stem in _LONG else name
    return named(long)


# The lattice, one edge per promotion step; "i*", "f*", "c*" are Python int, float, complex.
_EDGES: dict[str, tuple[str, ...]] = {
    "bool": ("i*",),
    "i*": ("uint8", "int8", "uint4", "int4", "uint2", "int2"),
    "uint2": (), "int2": (), "uint4": (), "int4": (),
    "uint8": ("int16", "uint16"), "uint16": ("int32", "uint32"), "uint32": ("int64", "uint64"),
    "uint64": ("f*",),
    "int8": ("int16",), "int16": ("int32",), "int32": ("int64",), "int64": ("f*",),
    "f*": ("bfloat16", "float16", "c*", "float8_e4m3fn", "float8_e5m2", "float8_e4m3b11fnuz",
           "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e3m4", "float8_e4m3", "float8_e8m0fnu",
           "float4_e2m1fn"),
    "float8_e4m3fn": (), "float8_e5m2": (), "float8_e4m3b11fnuz": (), "float8_e4m3fnuz": (),
    "float8_e5m2fnuz": (), "float8_e3m4": (), "float8_e4m3": (), "float8_e8m0fnu": (),
    "float4_e2m1fn": (),
    "bfloat16": ("float32",), "float16": ("float32",), "float32": ("float64", "complex64"),
    "float64": ("complex128",), "c*": ("complex64",), "complex64": ("complex128",),
    "complex128": (),
}  # fmt: skip


@cache
def _above(node: str) -> frozenset[str]:
    found = {node}
    for nxt in _EDGES[node]:
        found |= _above(nxt)
    return frozenset(found)


def _node(dtype: np.dtype, weak: bool) -> str:
    if not weak or dtype.kind == "b":
        return dtype.name
    return {"i": "i*", "u": "i*", "f": "f*", "c": "c*"}.get(dtype.kind, "f*")


def join(a: np.dtype, a_weak: bool, b: np.dtype, b_weak: bool) -> tuple[np.dtype, bool]:
    """Least upper bound of two dtypes and whether it is weak.

    Raises:
        TypePromotionError: the two have no common dtype (two different 8-bit floats).
    """
    found = _join(a, a_weak, b, b_weak) or (DEFAULTS[float], True)
    if found[0].itemsize > 4 and x64.value is False:  # int32 and uint32 have int64 above them
        return narrowed(found[0]), found[1]
    return found


@cache
def _join(a: np.dtype, a_weak: bool, b: np.dtype, b_weak: bool) -> tuple[np.dtype, bool] | None:
    """`join`; None is the default float, which depends on a setting."""
    if a == b:
        return a, a_weak and b_weak
    if a.names is not None or b.names is not None:
        raise TypePromotionError(
            f"{dtype_name(a)} and {dtype_name(b)} do not promote: "
            f"dtype={dtype_name(a if a.names else b)} is not a valid dtype for "
            f"{'JAX ' if x64.value is not None else ''}type promotion"
        )
    one, two = _node(a, a_weak), _node(b, b_weak)
    for dtype, node in ((a, one), (b, two)):
        if node not in _EDGES:
            raise TypePromotionError(f"{dtype=} is not a valid dtype for JAX type promotion")
    common = _above(one) & _above(two)
    least = [n for n in common if common <= _above(n)]
    if not least:
        raise TypePromotionError(
            f"Input dtypes {(a.name, b.name)} have no available implicit dtype promotion path: "
            "there is no common dtype\nfix: convert one with astype"
        )
    return _meaning(least[0], a, b)


def _meaning(node: str, a: np.dtype, b: np.dtype) -> tuple[np.dtype, bool] | None:
    """Dtype of a lattice node; a weak node takes the wider operand of its own kind.

    None is a weak float of neither operand's kind: int64 and uint64 meet there.
    """
    if node[-1] != "*":
        return named(node), False
    kind = {"i": "iu", "f": "f", "c": "c"}[node[0]]
    own = [d for d in (a, b) if d.kind in kind]
    return (max(own, key=lambda d: d.itemsize), True) if own else None


@cache
def named(name: str) -> np.dtype:
    """Dtype of a NumPy or ml_dtypes name."""
    return np.dtype(getattr(ml_dtypes, name, name))


def promote_types(a: Any, b: Any) -> np.dtype:
    """Dtype that two dtypes promote to, by JAX's lattice: integers beside floats take the float's.

    Args:
        a: dtype, or what stands for one; Python's `int`, `float` and `complex` are weak.
        b: as `a`.

    Returns:
        The dtype.

    Raises:
        TypePromotionError: there is none, as for two 8-bit floats.

    Example:
        >>> promote_types("int32", "float16").name, promote_types(np.int8, float).name
        ('float16', 'float32')
    """
    one, two = _dtype_and_weak(a), _dtype_and_weak(b)
    joined = join(*one, *two)[0]
    check_promotion("promote_types", (one, two), joined)
    exact = (_join(*one, *two) or (joined, True))[0]
    return exact if exact in (one[0], two[0]) else joined  # what was given is not narrowed


def _dtype_and_weak(spec: Any) -> tuple[np.dtype, bool]:
    if isinstance(spec, type) and spec in DEFAULTS:  # np.dtype("float64") == float holds too
        return DEFAULTS[spec], spec is not bool
    return np.dtype(spec), False


def type_of_value(x: Any) -> tuple[np.dtype, bool]:
    """Dtype of a value and whether it is weak (Python scalars are)."""
    kind = DEFAULTS.get(type(x))
    if kind is not None:
        return kind, type(x) is not bool
    dtype = getattr(x, "dtype", None)
    if dtype is not None:
        return narrowed(np.dtype(dtype)), bool(getattr(x, "weak_type", False))
    if isinstance(x, (bool, int, float, complex)):
        return DEFAULTS[next(t for t in DEFAULTS if isinstance(x, t))], True
    return narrowed(np.asarray(x).dtype), False


def check_promotion(name: str, pairs: Sequence[tuple[np.dtype, bool]], joined: np.dtype) -> None:
    """Refuse to join dtypes, but for weak ones, where `numpy_dtype_promotion` is "strict".

    Raises:
        TypePromotionError: it is, and they are joined.
    """
    if numpy_dtype_promotion.value != "strict":
        return
    strong = {dtype for dtype, weak in pairs if not weak}
    if len(strong) > 1 or (strong and joined not in strong):
        raise TypePromotionError(
            f"{name}: Input dtypes {tuple(dtype.name for dtype, _ in pairs)} have no available "
            "implicit dtype promotion path when jax_numpy_dtype_promotion=strict\n"
            "fix: convert the operands to one dtype with astype, or set it to 'standard'"
        )


def result_type(*args: Any, return_weak_type_flag: bool = False) -> Any:
    """Dtype that the given arrays, scalars and dtypes promote to together.

    Args:
        *args: arrays, numbers and dtypes; Python numbers are weak and give way. None is the default
            floating dtype.
        return_weak_type_flag: also return whether the result is weak.

    Returns:
        The dtype, or a pair.

    Raises:
        ValueError: nothing is given.
        TypePromotionError: there is no such dtype.

    Example:
        >>> result_type(np.zeros(3, "int8"), 1.5).name, result_type(np.zeros(3, "int8"), 1).name
        ('float32', 'int8')
        >>> result_type(1, 2.0, return_weak_type_flag=True)
        (dtype('float32'), True)
    """
    if not args:
        raise ValueError("result_type needs at least one array or dtype")
    pairs = [(narrowed(dtype), weak) for dtype, weak in map(_kind_of, args)]
    dtype, weak = pairs[0]
    for other, other_weak in pairs[1:]:
        dtype, weak = join(dtype, weak, other, other_weak)
    check_promotion("result_type", pairs, dtype)
    dtype = key_of(dtype) or narrowed(dtype)
    return (dtype, weak) if return_weak_type_flag else dtype


def _kind_of(x: Any) -> tuple[np.dtype, bool]:
    """Dtype that an argument of `result_type` stands for, and whether it is weak."""
    if x is None:
        return DEFAULTS[float], False
    if isinstance(x, (type, np.dtype, str)) or hasattr(x, "_scalar_dtype"):
        return _dtype_and_weak(x)
    dtype, weak = type_of_value(x)
    if dtype.hasobject:
        raise TypePromotionError(f"result_type takes arrays, numbers and dtypes, got {x!r}")
    return dtype, weak


def exact_dtype(dtype: Any) -> np.dtype:
    """As `canonicalize_dtype`, but a NumPy dtype is taken as it is.

    Operations are written with dtypes of 64 bits inside, whether or not users may have them.
    """
    return dtype if isinstance(dtype, np.dtype) else canonicalize_dtype(dtype)


def canonicalize_dtype(dtype: Any, allow_extended_dtype: bool = False) -> np.dtype:
    """`np.dtype(dtype)`, with Python's `int`, `float` and `complex` at their default width.

    Args:
        dtype: dtype, or what stands for one.
        allow_extended_dtype: accepted for compatibility.

    Returns:
        The dtype.

    Raises:
        TypeError: `dtype` stands for none.

    Warns:
        UserWarning: a 64-bit dtype was asked for and is narrowed (`config.x64` is False).

    Example:
        >>> canonicalize_dtype(float), canonicalize_dtype("float64")
        (dtype('float32'), dtype('float64'))
    """
    found = DEFAULTS.get(dtype) if isinstance(dtype, type) else None
    if found is not None:
        return found
    try:
        asked = np.dtype(dtype)
    except TypeError:
        raise ArgumentTypeError(f"data type {dtype!r} not understood") from None
    given = narrowed(asked)
    if given.itemsize != asked.itemsize:
        warnings.warn(
            f"Explicitly requested dtype {asked.name} is not available, and will be truncated to "
            f"dtype {given.name}. To enable more dtypes, set the jax_enable_x64 configuration "
            "option.",
            stacklevel=4,
        )
    return given


def can_cast(from_: Any, to: Any, casting: str = "safe") -> bool:
    """Whether a cast is allowed by NumPy's rules; `numpy.can_cast` knows arrays and promotion, too.

    Args:
        from_: dtype.
        to: dtype.
        casting: "no", "equiv", "safe", "same_kind" or "unsafe".

    Returns:
        Python's bool.

    Raises:
        ValueError: there is no such rule.

    Example:
        >>> can_cast("int16", "int32"), can_cast("int32", "int16"), can_cast("f4", "i4", "unsafe")
        (True, False, True)
    """
    return np.can_cast(from_, to, casting)  # type: ignore[arg-type]


_SIGNED_BITS = frozenset(("int1", "int2", "int4"))
_UNSIGNED_BITS = frozenset(("uint1", "uint2", "uint4"))
_CATEGORIES = {
    np.inexact: is_inexact,
    np.floating: lambda d: is_inexact(d) and d.kind != "c",
    np.integer: lambda d: d.kind in "iu" or d.name in _SIGNED_BITS | _UNSIGNED_BITS,
    np.signedinteger: lambda d: d.kind == "i" or d.name in _SIGNED_BITS,
    np.unsignedinteger: lambda d: d.kind == "u" or d.name in _UNSIGNED_BITS,
    np.number: lambda d: d.kind in "iufc" or (d.kind == "V" and d.names is None),
}
_EXTENDED = {
    prng_key: frozenset((prng_key,)),
    extended: frozenset((prng_key, extended)),
    np.generic: frozenset((prng_key, extended)),
}


def issubdtype(arg1: Any, arg2: Any) -> bool:
    """Whether a dtype belongs to a category, or two are the same.

    Args:
        arg1: dtype, or what stands for one; bfloat16, 8-bit floats and integers of 1 to 4 bits
            belong to NumPy's categories here, and keys to `dtypes.prng_key`.
        arg2: category, such as `numpy.floating`, or dtype.

    Returns:
        Python's bool.

    Raises:
        TypeError: an argument stands for no dtype.

    Example:
        >>> issubdtype(np.bfloat16, np.floating), issubdtype(np.int4, np.integer)
        (True, True)
        >>> issubdtype(np.bool_, np.integer)
        False
    """
    if arg2 in _EXTENDED:
        kind = arg1 if isinstance(arg1, type) and issubclass(arg1, extended) else None
        kind = prng_key if isinstance(arg1, KeyDtype) or (kind is None and _is_key(arg1)) else kind
        if kind is not None or arg2 is not np.generic:
            return kind in _EXTENDED[arg2]
    elif isinstance(arg1, KeyDtype) or (isinstance(arg1, type) and issubclass(arg1, extended)):
        return arg1 is arg2 or arg1 == arg2
    if isinstance(arg1, type) and issubclass(arg1, np.generic) and arg1 in _CATEGORIES:
        return np.issubdtype(arg1, arg2)
    if arg2 in _CATEGORIES:
        return bool(_CATEGORIES[arg2](np.dtype(arg1)))
    return np.issubdtype(arg1, arg2) or np.dtype(arg1) == arg2


def _is_key(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and key_of(dtype) is not None


def to_inexact(dtype: np.dtype) -> np.dtype:
    """Dtype of the result of a function that leaves the integers, such as `sin`.

    It is the default one, but where that has 64 bits only integers of 64 bits get it.
    """
    if is_inexact(dtype):
        return dtype
    return DEFAULTS[float] if dtype.itemsize == 8 else np.dtype(np.float32)


def scalar_type_of(x: Any) -> type:
    """Python type of the elements of `x`.

    Args:
        x: array, number, or what NumPy makes an array of.

    Returns:
        `bool`, `int`, `float` or `complex`.

    Raises:
        TypeError: `x` holds no numbers.

    Example:
        >>> scalar_type_of(np.zeros(3, "bfloat16")), scalar_type_of(True)
        (<class 'float'>, <class 'bool'>)
    """
    kind = type_of_value(x)[0]
    if kind.kind in "OSUM":
        raise TypeError(f"Value {x!r} is not a valid JAX array type: it is no number")
    if kind.kind == "b":
        return bool
    if issubdtype(kind, np.integer):
        return int
    return complex if kind.kind == "c" else float
