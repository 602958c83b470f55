"""What is known of a value before the program runs: shape, dtype, weakness, sharding.

Types are interned: two types are equal exactly when they are the same object, so every
cache of the system keys on them by identity.
"""

from __future__ import annotations

import math
import operator
from typing import Any, NamedTuple

import numpy as np

from ms_func.config import jax_rules, x64
from ms_func.dtypes import (
    TABLES,
    KeyDtype,
    canonicalize_dtype,
    dtype_name,
    float0,
    is_inexact,
    key_of,
    narrowed,
    type_of_value,
)
from ms_func.errors import ArgumentTypeError, ArgumentValueError, SizeError
from ms_func.ir.explicit import typed
from ms_func.ir.layout import Format
from ms_func.ir.mesh import get_abstract_mesh
from ms_func.ir.sharding import NamedSharding, PartitionSpec, Sharding
from ms_func.ir.sizes import Size


class _Special:
    """Whether this process has met a type that is not plain; until then nobody need look."""

    seen = False


special = _Special()
_interned: dict[tuple[Any, ...], ArrayType] = {}


class Varying:
    """What a type keeps in a region of manual computation that keeps account.

    Attributes:
        axes: axes of the mesh along which devices may hold different values.
    """

    __slots__ = ("axes",)

    def __init__(self, axes: frozenset[Any]) -> None:
        self.axes = axes

    def __eq__(self, other: object) -> bool:
        return type(other) is Varying and self.axes == other.axes

    def __hash__(self) -> int:
        return hash((Varying, self.axes))

    def __reduce__(self) -> tuple[Any, ...]:
        return Varying, (self.axes,)

    def __repr__(self) -> str:
        return f"{{V:{','.join(sorted(map(str, self.axes)))}}}"


class ManualAxisType(NamedTuple):
    """What a type tells of the axes of a region of manual computation.

    Attributes:
        varying: axes along which devices may hold different values.
        unreduced, reduced: no axes here: sums are always added up.
    """

    varying: frozenset[Any]
    unreduced: frozenset[Any] = frozenset()
    reduced: frozenset[Any] = frozenset()


_ALONG_NONE: frozenset[Any] = frozenset()


class ArrayType:
    """Type of an array: `shape`, `dtype`, `weak_type`, and what is known of its devices.

    Attributes:
        manual: in a region of manual computation, along which axes the values may differ.
        explicit: how the dimensions lie along the axes of a mesh that are `AxisType.Explicit`;
            None where none is split along such an axis.

    A weak type is that of a Python scalar: it gives way to the dtype of the other operand.
    The attributes are those that the runtime's C++ side reads from an abstract value. Of keys
    `dtype` is the NumPy dtype, `key` what users see in its place, which `face` gives for any type.

    Example:
        >>> ArrayType((2, 3), "float32") is ArrayType((2, 3), np.float32)
        True
    """

    __slots__ = ("__weakref__", "dtype", "explicit", "face", "key", "manual", "ndim", "plain",
                 "shape", "size", "weak_type")  # fmt: skip

    shape: tuple[int, ...]
    dtype: np.dtype
    weak_type: bool
    manual: Varying | None
    explicit: NamedSharding | None
    key: KeyDtype | None
    face: Any
    plain: bool

    def __new__(
        cls,
        shape: tuple[int, ...],
        dtype: Any,
        weak_type: bool = False,
        manual: Varying | None = None,
        explicit: NamedSharding | None = None,
        *, sharding: Any = None,
    ) -> ArrayType:  # fmt: skip
        """Return the one object that stands for this type; `sharding` is accepted only."""
        key = (shape, dtype, weak_type, manual, explicit)
        try:
            return _interned[key]
        except KeyError:
            return _intern(key)
        except TypeError:  # a list as shape
            return cls(tuple(shape), dtype, weak_type, manual, explicit)

    def update(self, **changes: Any) -> ArrayType:
        """Return the same type with some fields replaced; another shape has no layout."""
        changes.pop("sharding", None)
        fields = {"shape": self.shape, "dtype": self.dtype, "weak_type": self.weak_type,
                  "manual": self.manual, "explicit": self.explicit}  # fmt: skip
        if "shape" in changes:
            fields["explicit"] = None
        fields.update(changes)
        return ArrayType(**fields)

    def layout_with(self, other: ArrayType) -> NamedSharding | None:
        """Layout of a value that is one of two; None where theirs differ."""
        return self.explicit if self.explicit == other.explicit else None

    @property
    def whole(self) -> ArrayType:
        """The same type without a layout."""
        return self if self.explicit is None else self.update(explicit=None)

    def with_dimension(self, at: int, size: int, axes: tuple[Any, ...] = ()) -> ArrayType:
        """The same type with a dimension more; `axes` of the mesh of its layout cut that."""
        return self._resized((*self.shape[:at], size, *self.shape[at:]), at, at, (axes,))

    def without_dimension(self, at: int) -> ArrayType:
        """The same type with a dimension less."""
        return self._resized((*self.shape[:at], *self.shape[at + 1 :]), at, at + 1, ())

    def _resized(self, shape: Any, start: int, stop: int, dims: tuple[Any, ...]) -> ArrayType:
        """Another shape, where `dims` tell how the dimensions between are laid out."""
        held = self.explicit
        if held is not None:
            old = held.dim_axes(self.ndim)
            held = held.with_dims((*old[:start], *dims, *old[stop:]))
        return self.update(shape=shape, explicit=held)

    @property
    def tangent(self) -> ArrayType:
        """Type of a derivative in direction of this value: `float0` for discrete dtypes."""
        if is_inexact(self.dtype):
            return self
        return ArrayType(self.shape, float0)

    def str_short(self, short_dtypes: bool = False, mesh_axis_types: bool = False) -> str:
        """Text such as `float32[2,3]`, or `f32[2,3]` with `short_dtypes`."""
        name = dtype_name(self.dtype) if short_dtypes else self.face.name
        return f"{name}[{self._dims()}]"

    def _dims(self) -> str:
        """Sizes, and behind each the axes of a mesh that it is split along."""
        if self.explicit is None:
            return ",".join(map(str, self.shape))
        each = self.explicit.dim_axes(self.ndim)
        axes = [f"@({','.join(map(str, a))})" if len(a) > 1 else f"@{a[0]}" if a else ""
                for a in each]  # fmt: skip
        return ",".join(f"{n}{at}" for n, at in zip(self.shape, axes, strict=True))

    def to_tangent_aval(self) -> ArrayType:
        """`tangent`, as JAX spells it."""
        return self.tangent

    at_least_vspace = to_ct_aval = to_tangent_aval

    def strip_weak_type(self) -> ArrayType:
        """The type whose dtype does not give way, as JAX spells it."""
        return self.update(weak_type=False)

    @property
    def sharding(self) -> NamedSharding:
        """Layout along explicit axes of a mesh; over the mesh in force where nothing is split."""
        if self.explicit is not None:
            held = self.explicit
            if not jax_rules():
                return held
            mesh = held.mesh.abstract_mesh
            mesh.placed = held.mesh
            return held.update(mesh=mesh)
        return NamedSharding(get_abstract_mesh(), PartitionSpec(*[None] * self.ndim))

    @property
    def vma(self) -> frozenset[Any]:
        """Axes of a region of manual computation along which devices may hold different values."""
        return _ALONG_NONE if self.manual is None else self.manual.axes

    @property
    def manual_axis_type(self) -> ManualAxisType:
        """`vma`, as JAX spells it."""
        return ManualAxisType(self.vma)

    mat = manual_axis_type

    def varying(self, axes: frozenset[Any]) -> ArrayType:
        """The same type with other axes along which the values may differ."""
        return self.update(manual=Varying(axes) if axes else None)

    @property
    def words(self) -> ArrayType:
        """Type of the memory behind: for keys that of their words, in a dimension at the end."""
        if self.key is None:
            return self
        words = ArrayType((*self.shape, self.key.words), np.uint32, False, self.manual)
        held = self.explicit
        return (
            words
            if held is None
            else words.update(explicit=held.with_dims(held.dim_axes(words.ndim)))
        )

    @property
    def nbytes(self) -> int:
        """Bytes of one dense copy."""
        return self.size * self.dtype.itemsize

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrayType, (self.shape, self.dtype, self.weak_type, self.manual, self.explicit)

    def __copy__(self) -> ArrayType:
        return self

    def __deepcopy__(self, memo: Any) -> ArrayType:
        return self

    @property
    def text(self) -> str:
        """As the IR writes it: `f32[2,3]`, or `f32*[]` where the type is weak."""
        weak = "*" if self.weak_type else ""
        at = f"@{self.manual}" if self.manual is not None else ""
        return f"{dtype_name(self.dtype)}{weak}[{self._dims()}]{at}"

    def __str__(self) -> str:
        if not jax_rules():
            return self.text
        axes = ",".join(sorted(map(str, self.vma)))
        at = f"{{V:({axes})}}" if len(self.vma) > 1 else f"{{V:{axes}}}" if axes else ""
        return f"{'~' * self.weak_type}{self.str_short()}{at}"

    def __repr__(self) -> str:
        if not jax_rules():
            return self.text
        weak = ", weak_type=True" if self.weak_type else ""
        return f"ShapedArray({str(self).lstrip('~')}{weak})"


def _intern(key: tuple[Any, ...]) -> ArrayType:
    """Canonicalise the fields, then find or make the type; both spellings are remembered."""
    shape, dtype, weak_type, manual, explicit = key
    shape = tuple(int(d) for d in shape)
    dtype = np.dtype(dtype)
    canonical = (shape, dtype, bool(weak_type), manual, explicit)
    found = _interned.get(canonical)
    if found is None:
        _check_dtype(dtype)
        _check_size(shape, dtype)
        found = object.__new__(ArrayType)
        found.shape, found.dtype, found.weak_type, found.manual, found.explicit = canonical
        found.ndim, found.size = len(shape), math.prod(shape)
        found.key = key_of(dtype)
        found.face = dtype if found.key is None else found.key
        found.plain = found.key is None
        special.seen = special.seen or not found.plain
        found = _interned.setdefault(canonical, found)
    if all(type(d) is int for d in key[0]):
        _interned[key] = found
    return found


def _check_dtype(dtype: np.dtype) -> None:
    """Refuse elements that no program computes with."""
    opaque = dtype.type is np.void and dtype != float0 and key_of(dtype) is None
    if opaque or dtype.kind not in "biufcV" or (dtype.char in "gG" and dtype.kind != "V"):
        raise ArgumentTypeError(
            "JAX only supports number, bool, and string dtypes, and here arrays hold numbers or "
            f"Booleans, of up to 64 bits a part; got dtype {dtype}\n"
            "fix: convert to a dtype such as float32 or int32 first"
        )


_LARGEST = 2**63 - 1


def _check_size(shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Refuse sizes that the runtime cannot count: it would end the process."""
    if math.prod([d for d in shape if d]) * dtype.itemsize > _LARGEST:
        raise SizeError(
            f"an array of shape {shape} and dtype {dtype.name} would have "
            f"{math.prod(shape):.3g} elements, more than 64 bits can count the bytes of\n"
            "fix: use smaller dimensions; a dimension may have been multiplied in twice"
        )


_scalar_types = {
    mode: {kind: ArrayType((), dtype, kind is not bool) for kind, dtype in table.items()}
    for mode, table in TABLES.items()
}


class RefType:
    """Type of a reference: that of the array it holds, `inner`, with a strong dtype.

    `lanes` is what `vmap` does where all lanes share the reference: "" treats it as any other,
    "split" gives each lane a key split off the one it holds, "apart" refuses.

    Example:
        >>> RefType(ArrayType((3,), "float32"))
        ref<f32[3]>
    """

    __slots__ = ("__weakref__", "inner", "lanes")

    inner: ArrayType
    lanes: str
    key = None
    plain = False
    weak_type = False
    explicit = None

    def __new__(cls, inner: ArrayType, lanes: str = "") -> RefType:
        """Return the one object that stands for this type."""
        if inner.weak_type or inner.explicit is not None:
            inner = inner.update(weak_type=False, explicit=None)
        found = _references.get((inner, lanes))
        if found is None:
            found = object.__new__(cls)
            found.inner, found.lanes = inner, lanes
            special.seen = True
            found = _references.setdefault((inner, lanes), found)
        return found

    shape = property(lambda self: self.inner.shape)
    dtype = property(lambda self: self.inner.dtype)
    face = property(lambda self: self.inner.face)
    ndim = property(lambda self: self.inner.ndim)
    size = property(lambda self: self.inner.size)
    nbytes = property(lambda self: self.inner.nbytes)
    words = property(lambda self: self.inner.words)
    manual = property(lambda self: self.inner.manual)
    vma = property(lambda self: self.inner.vma)

    def update(self, **changes: Any) -> RefType:
        """Return the type of a reference to an array with some fields of its type replaced."""
        return RefType(self.inner.update(**changes), self.lanes)

    def with_dimension(self, at: int, size: int, axes: tuple[Any, ...] = ()) -> RefType:
        """Type of a reference to a value with a dimension more."""
        return RefType(self.inner.with_dimension(at, size, axes), self.lanes)

    def without_dimension(self, at: int) -> RefType:
        """Type of a reference to a value with a dimension less."""
        return RefType(self.inner.without_dimension(at), self.lanes)

    def varying(self, axes: frozenset[Any]) -> RefType:
        """The same type of a reference to values that may differ along other axes."""
        return RefType(self.inner.varying(axes), self.lanes)

    @property
    def tangent(self) -> RefType:
        """Type of a reference to a derivative of what this one holds."""
        return RefType(self.inner.tangent)

    def __reduce__(self) -> tuple[Any, ...]:
        return RefType, (self.inner, self.lanes)

    @property
    def text(self) -> str:
        """As the IR writes it."""
        return f"ref<{self.inner.text}; {self.lanes}>" if self.lanes else f"ref<{self.inner.text}>"

    def __str__(self) -> str:
        if jax_rules():
            return f"Ref{{{self.inner.str_short()}}}"
        return f"ref<{self.inner}; {self.lanes}>" if self.lanes else f"ref<{self.inner}>"

    __repr__ = __str__


_references: dict[tuple[ArrayType, str], RefType] = {}
TYPES = frozenset((ArrayType, RefType))
"""Classes of types that values in programs have."""


def _refuse_masked(x: Any) -> None:
    if type(x).__name__ == "MaskedArray" and isinstance(x, np.ndarray):
        raise ValueError(
            "numpy masked arrays are not supported as direct inputs: the mask would be lost\n"
            "fix: x.filled(value), and pass the mask as an array of its own"
        )


def typeof(x: Any) -> ArrayType:
    """Type of an array, a traced value, a NumPy array or a Python scalar.

    Args:
        x: value.

    Returns:
        The type, with `shape`, `dtype`, `weak_type`; its text is short, such as `f32[2,3]`.

    Raises:
        TypeError: `x` is not a number or an array of numbers.

    Example:
        >>> ms.typeof(np.zeros((2, 3))), ms.typeof(1.5), ms.typeof(1.5).weak_type
        (f32[2,3], f32*[], True)
    """
    found = _scalar_types[x64.value].get(type(x))
    if found is not None:
        return found
    if type(x) is np.ndarray:  # often, and without a look for attributes that it lacks
        dtype, weak, shape = narrowed(x.dtype), False, x.shape
    else:
        found = getattr(x, "type", None)
        if type(found) in TYPES:
            return found  # type: ignore[return-value]
        dtype, weak = type_of_value(x)
        _refuse_masked(x)
        shape = np.shape(x)
    if dtype.kind in "OSUM":
        kind = "JAX type" if jax_rules() else "array or number"
        raise TypeError(f"Argument {x!r} of type {type(x)} is not a valid {kind}")
    return ArrayType(shape, dtype, weak)


class ShapeDtypeStruct:
    """Shape, dtype and placement of an array that need not exist: for `eval_shape` and `lower`.

    Args:
        shape: length of each dimension, a number or, for `eval_shape`, a size that has a name.
        dtype: dtype, or a class or name of one.
        sharding: how the array lies over devices: a sharding, a `PartitionSpec`, a `Format` or
            None.
        weak_type: whether the dtype gives way to those of other operands.

    Attributes:
        shape: length of each dimension.
        dtype: dtype of the elements.
        ndim: number of dimensions.
        size: number of elements.
        sharding: how the array lies over devices, or None.
        weak_type: whether the dtype gives way.

    Raises:
        ValueError: `dtype` is None, or `sharding` is none of these.

    Example:
        >>> ShapeDtypeStruct((2, 3), "float32")
        ShapeDtypeStruct(shape=(2, 3), dtype=float32)
        >>> ms.eval_shape(lambda x: x.sum(0), ShapeDtypeStruct((2, 3), "float32")).shape
        (3,)
    """

    __slots__ = ("_asked", "_open", "sharding")

    def __init__(
        self, shape: Any, dtype: Any, *, sharding: Any = None, weak_type: bool = False
    ) -> None:
        if dtype is None:
            raise ValueError("ShapeDtypeStruct: dtype must be specified.")
        if isinstance(sharding, Format):
            sharding = sharding.place
        if not (sharding is None or isinstance(sharding, (Sharding, PartitionSpec))):
            raise ArgumentValueError(
                "sharding should be an instance of `Sharding`, `PartitionSpec` or `Format`. Got "
                f"{sharding} of type {type(sharding)}."
            )
        named = [isinstance(d, Size) for d in shape]
        self._open = tuple(shape) if any(named) else None
        sizes = tuple(1 if n else operator.index(d) for d, n in zip(shape, named, strict=True))
        # A description keeps its 64 bits where JAX's rules narrow those of arrays.
        asked = np.dtype(dtype) if x64.value is False else canonicalize_dtype(dtype)
        self._asked = typed(ArrayType(sizes, asked, weak_type), sharding)
        self.sharding = sharding

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(self, name):
            raise RuntimeError(
                f"Cannot reassign attributes ({name}) of immutable ShapeDtypeStruct objects\n"
                "fix: make another one, with update()"
            )
        super().__setattr__(name, value)

    shape = property(lambda self: self._asked.shape if self._open is None else self._open)
    dtype = property(lambda self: self._asked.face)
    ndim = property(lambda self: self._asked.ndim)
    size = property(lambda self: math.prod(self.shape))
    weak_type = property(lambda self: self._asked.weak_type)

    @property
    def type(self) -> ArrayType:
        """Type of an array of this description.

        Raises:
            NotImplementedError: a length is a name.
        """
        if self._open is not None:
            operator.index(next(d for d in self._open if isinstance(d, Size)))
        asked = self._asked
        return asked.update(dtype=narrowed(asked.dtype)) if asked.dtype.itemsize >= 8 else asked

    @property
    def format(self) -> Format:
        """The sharding as a format; how elements lie in memory is left open."""
        return Format(None, self.sharding)

    def update(self, **changes: Any) -> ShapeDtypeStruct:
        """Return the same description with some fields replaced.

        Args:
            **changes: `shape`, `dtype`, `sharding` or `weak_type`.

        Example:
            >>> ShapeDtypeStruct((2, 3), "float32").update(dtype="int8")
            ShapeDtypeStruct(shape=(2, 3), dtype=int8)
        """
        fields = {"shape": self.shape, "dtype": self.dtype, "sharding": self.sharding,
                  "weak_type": self.weak_type}  # fmt: skip
        return ShapeDtypeStruct(**{**fields, **changes})

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ShapeDtypeStruct)
            and self._asked is other._asked
            and self._open == other._open
            and self.sharding == other.sharding
        )

    def __hash__(self) -> int:
        return hash((self._asked, self.sharding))

    def __repr__(self) -> str:
        weak = ", weak_type=True" if self.weak_type else ""
        at = f", sharding={self.sharding}" if self.sharding is not None else ""
        return f"ShapeDtypeStruct(shape={self.shape}, dtype={self.dtype.name}{weak}{at})"
