"""Reading and writing elements of references; attached to `Ref` as indexing."""

from __future__ import annotations

from typing import Any

from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic, indexing, updates
from ms_func.numpy.creation import asarray
from ms_func.numpy.filled import full
from ms_func.numpy.promotion import SCALARS, admit, broadcast, convert
from ms_func.primitives.cast import convert_element_type
from ms_func.tracing import reference
from ms_func.tracing.reference import Ref

__all__ = ["addupdate", "empty_ref", "free_ref", "freeze", "get", "new_ref", "set", "swap"]


def new_ref(init_val: Any, *, memory_space: Any = None, kind: str | None = None) -> Ref:
    """A mutable cell that holds an array: `ref[...]` reads it, `ref[i] = v` writes to it.

    Functions under `jit`, `grad`, `vmap` and in loops may make references, take them as
    arguments, and read and write those they close over. They cannot return them.

    Args:
        init_val: array or number to hold at first; its shape and dtype stay.
        memory_space: must be None.
        kind: accepted for compatibility.

    Raises:
        TypeError: `init_val` is no array or number.

    Example:
        >>> ref = new_ref(np.zeros(3, "float32"))
        >>> ref[1] += 2
        >>> ref[...].tolist()
        [0.0, 2.0, 0.0]
        >>> total = new_ref(0.0)
        >>> @ms.jit
        ... def count(x):
        ...     total[...] += x
        >>> count(1.5), count(2.0), float(total[...])
        (None, None, 3.5)
    """
    if memory_space is not None:
        raise NotImplementedError("new_ref(memory_space=...): fix: leave it out")
    if type(init_val) is Ref or isinstance(init_val, (list, tuple)):
        raise ArgumentTypeError(f"new_ref takes an array or a number, got {init_val!r}")
    value = asarray(admit("new_ref", init_val))
    return reference.new(convert_element_type(value, value.type.dtype))


def empty_ref(ty: Any, memory_space: Any = None) -> Ref:
    """A reference of the shape and dtype of `ty`; it holds zeros.

    Args:
        ty: anything with a shape and a dtype, such as a `ShapeDtypeStruct`.
        memory_space: must be None.

    Raises:
        TypeError: `ty` has no type.

    Example:
        >>> empty_ref(ms.ShapeDtypeStruct((2,), np.int32))[...]
        Array([0, 0], dtype=int32)
    """
    kind = typeof(ty)
    return new_ref(full(kind.shape, 0, kind.face), memory_space=memory_space)


def free_ref(ref: Ref) -> None:
    """End the life of a reference without reading it.

    Args:
        ref: reference.

    Raises:
        TypeError: `ref` is no reference.
        ValueError: it was frozen before.

    Example:
        >>> ref = new_ref(np.zeros(3))
        >>> free_ref(ref)
    """
    freeze(ref)


def freeze(ref: Ref) -> Array:
    """The array that a reference holds, at the end of the reference's life.

    Args:
        ref: reference.

    Returns:
        Array of the shape and dtype of the reference, which can be read and written no more.

    Raises:
        TypeError: `ref` is no reference.
        ValueError: it was frozen before.

    Example:
        >>> ref = new_ref(np.array([1, 2]))
        >>> ref[0] = 5
        >>> freeze(ref)
        Array([5, 2], dtype=int32)
    """
    return reference.freeze(_checked("freeze", ref))


def _checked(name: str, ref: Any) -> Ref:
    if type(ref) is not Ref:
        raise ArgumentTypeError(
            f"`{name}` must be called on a reference, got {type(ref).__name__}\n"
            "fix: make one with new_ref"
        )
    return ref


def _is_all(idx: Any) -> bool:
    """Whether an index names the whole array."""
    return idx is None or idx is Ellipsis or (type(idx) is tuple and idx in ((), (Ellipsis,)))


def get(ref: Ref, idx: Any = None) -> Array:
    """The elements that `idx` names; the same as `ref[idx]`.

    Args:
        ref: reference.
        idx: index as of arrays; None takes all elements.

    Returns:
        Array of the dtype of the reference.

    Raises:
        TypeError: `ref` is no reference.
        IndexError: an integer known while tracing is out of bounds.
        ValueError: the reference was frozen.

    Example:
        >>> ms.ref.get(new_ref(np.array([1, 2, 3])), np.s_[1:])
        Array([2, 3], dtype=int32)
    """
    value = reference.read(_checked("get", ref))
    if _is_all(idx):
        return value
    indexing.parse(ref.shape, idx, strict=True)
    return indexing.getitem(value, idx)


def swap(ref: Ref, idx: Any, value: Any) -> Array:
    """Write `value` where `idx` names elements, and give what was there before.

    Args:
        ref: reference.
        idx: index as of arrays; None takes all elements.
        value: array or number that broadcasts to what the index names.

    Returns:
        Array of the elements before.

    Raises:
        TypeError: `ref` is no reference.
        ValueError: shape or dtype of `value` do not fit, or the reference was frozen.

    Example:
        >>> ref = new_ref(np.array([1, 2, 3]))
        >>> ms.ref.swap(ref, 0, 9), ref[...]
        (Array(1, dtype=int32), Array([9, 2, 3], dtype=int32))
    """
    old = get(ref, idx)
    set(ref, idx, value)
    return old


def set(ref: Ref, idx: Any, value: Any) -> None:
    """Write `value`, which broadcasts, where `idx` names elements; the same as `ref[idx] = value`.

    Args:
        ref: reference.
        idx: index as of arrays; None takes all elements.
        value: array or number; Python numbers are converted to the dtype of the reference.

    Raises:
        TypeError: `ref` is no reference.
        ValueError: shape or dtype of `value` do not fit, or the reference was frozen.

    Example:
        >>> ref = new_ref(np.array([1, 2, 3]))
        >>> ms.ref.set(ref, np.s_[1:], 0)
        >>> ref[...]
        Array([1, 0, 0], dtype=int32)
    """
    value = _fitting("set", _checked("set", ref), value)
    if not _is_all(idx):
        indexing.parse(ref.shape, idx, strict=True)
        value = updates.update(reference.read(ref), idx, value, "set")
    elif typeof(value).shape != ref.shape:
        value = _laid("set", ref, value)
    reference.swap(ref, asarray(value))


def addupdate(ref: Ref, idx: Any, x: Any) -> None:
    """Add `x` to the elements that `idx` names, each time one is named.

    Args:
        ref: reference.
        idx: index as of arrays; None takes all elements.
        x: array or number that broadcasts to what the index names.

    Raises:
        TypeError: `ref` is no reference.
        ValueError: shape or dtype of `x` do not fit, or the reference was frozen.

    Example:
        >>> ref = new_ref(np.array([1, 2, 3]))
        >>> ms.ref.addupdate(ref, np.array([0, 0]), 10)
        >>> ref[...]
        Array([21,  2,  3], dtype=int32)
    """
    x = _fitting("addupdate", _checked("addupdate", ref), x)
    old = reference.read(ref)
    if _is_all(idx):
        value = arithmetic.add(old, _laid("addupdate", ref, x))
    else:
        indexing.parse(ref.shape, idx, strict=True)
        value = updates.update(old, idx, x, "add")
    reference.swap(ref, value)


def _fitting(name: str, ref: Ref, value: Any) -> Any:
    """A value in the dtype of the reference; only Python numbers convert."""
    dtype = ref.type.dtype
    if type(value) in SCALARS:
        return convert(value, dtype)
    value = admit(name, value)
    t = typeof(value)
    if t.dtype != dtype and not t.weak_type:
        raise ArgumentValueError(
            f"Invalid dtype for `{name}`. Ref dtype: {ref.type.face.name}. Value dtype: "
            f"{t.face.name}.\nfix: convert the value with .astype"
        )
    return convert(value, dtype)


def _laid(name: str, ref: Ref, value: Any) -> Any:
    shape, own = ref.shape, typeof(value).shape
    if len(own) > len(shape) or any(
        n not in (1, m) for n, m in zip(own[::-1], shape[::-1], strict=False)
    ):
        raise ArgumentValueError(
            f"Invalid shape for `{name}`. Ref shape: {shape}. Expected shape: {shape}. "
            f"Value shape: {own}."
        )
    return broadcast(value, shape)


def _addupdate(self: Ref, x: Any, idx: Any = ()) -> None:
    """Add `x` to the elements that `idx` names, by default to all; see `ref.addupdate`.

    Args:
        x: array of the dtype of the reference, or a number.
        idx: what stands between brackets.
    """
    addupdate(self, idx, x)


def _set(self: Ref, value: Any, idx: Any = ()) -> None:
    """Write `value` where `idx` names elements, by default everywhere; see `ref.set`.

    Args:
        value: array of the dtype of the reference, or a number.
        idx: what stands between brackets.
    """
    set(self, idx, value)


def _swap(self: Ref, value: Any, idx: Any = ()) -> Array:
    """Write `value` where `idx` names elements, and give what was there; see `ref.swap`.

    Args:
        value: array of the dtype of the reference, or a number.
        idx: what stands between brackets.
    """
    return swap(self, idx, value)


def attach() -> None:
    """Put indexing and the functions of this module on `Ref`."""
    methods = {
        "__getitem__": get,
        "__setitem__": set,
        "addupdate": _addupdate,
        "get": get,
        "set": _set,
        "swap": _swap,
        "freeze": freeze,
    }
    for name, method in methods.items():
        setattr(Ref, name, method)
