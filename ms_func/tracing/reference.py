"""`Ref`: what users hold of a mutable cell, outside of traces and inside.

Outside, a `Ref` has the array it holds. Inside a trace it stands for a variable of the type
`ref<...>`; one from outside becomes an operand of the program when it is first touched.
Indexing is attached by `ms_func.numpy`.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from ms_func.errors import ArgumentValueError
from ms_func.ir.primitive import current
from ms_func.ir.references import freeze_p, new_ref_p, ref_get_p, ref_swap_p
from ms_func.ir.types import ArrayType, RefType

if TYPE_CHECKING:

    class _Operators:
        def __getitem__(self, index: Any) -> Any: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...
        def addupdate(self, x: Any, idx: Any = ()) -> None: ...
        def get(self, idx: Any = None) -> Any: ...
        def set(self, value: Any, idx: Any = ()) -> None: ...
        def swap(self, value: Any, idx: Any = ()) -> Any: ...
        def freeze(self) -> Any: ...

else:
    _Operators = object


class Ref(_Operators):
    """A mutable cell that holds an array: `ref[...]` reads it, `ref[i] = v` writes to it.

    Made by `new_ref`. Functions under `jit`, `grad`, `vmap` and in loops may make references,
    take them as arguments, and read and write those they close over.

    Attributes:
        type: type in programs, `ref<...>`.
        value: the array held; None inside of traces.
        tracer: what stands for the reference inside of a trace; None outside.
        busy: why it cannot be used: `freeze` has ended its life, or a loop goes over it.

    Example:
        >>> counter = ms.new_ref(np.int32(0))
        >>> @ms.jit
        ... def count(n):
        ...     counter[...] += n
        >>> count(2), count(3), counter[...].item()
        (None, None, 5)
        >>> ref = ms.new_ref(np.zeros(3))
        >>> ref[0] = 5
        >>> ref.addupdate(1, np.s_[1:])
        >>> ref.swap(9, 2), ref[...], ref.shape
        (Array(1., dtype=float32), Array([5., 1., 9.], dtype=float32), (3,))
    """

    __slots__ = ("__weakref__", "busy", "shared", "tracer", "type", "value")

    type: RefType

    def __init__(self, type: RefType, value: Any = None, tracer: Any = None) -> None:
        self.type, self.value, self.tracer = type, value, tracer
        self.busy = ""
        self.shared = True

    @property
    def aval(self) -> RefType:
        """The type, under the name that libraries written for JAX use."""
        return self.type

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension of the array held."""
        return self.type.shape

    @property
    def dtype(self) -> Any:
        """Type of the elements of the array held."""
        return self.type.face

    @property
    def ndim(self) -> int:
        """Number of dimensions of the array held."""
        return self.type.ndim

    @property
    def size(self) -> int:
        """Number of elements of the array held."""
        return self.type.size

    @property
    def sharding(self) -> Any:
        """How the array held lies on its devices."""
        return self.value.sharding

    def __len__(self) -> int:
        if not self.type.shape:
            raise TypeError("len() of unsized object")
        return self.type.shape[0]

    def __repr__(self) -> str:
        if self.tracer is not None:
            return f"Ref<{self.type}>"
        if self.busy == FROZEN:
            return f"Ref(frozen, {self.type})"
        return f"Ref{repr(self.value).removeprefix('Array')}"


FROZEN = "after freeze, which ended its life\nfix: use the array that freeze returned"


def _alive(ref: Any) -> Any:
    """The reference, or what stands for it.

    Raises:
        ValueError: it was frozen.
    """
    if type(ref) is not Ref:
        return ref
    if ref.busy:
        raise ArgumentValueError(f"a reference of type {ref.type} was used {ref.busy}")
    return ref if ref.tracer is None else ref.tracer


def _outside() -> bool:
    """Whether no trace is in force."""
    return current.interpreter is type(current).interpreter


def new(value: Any, lanes: str = "") -> Ref:
    """Reference that holds an array, of a strong type; see `RefType` for `lanes`."""
    kind = RefType(value.type, lanes)
    if _outside():
        return Ref(kind, copy(value))
    made = new_ref_p.bind(value, lanes=lanes) if lanes else new_ref_p.bind(value)
    return Ref(kind, tracer=made)


def read(ref: Any) -> Any:
    """The array held now."""
    alive = _alive(ref)
    if type(alive) is Ref and _outside():
        alive.shared = True
        return copy(alive.value)
    return ref_get_p.bind(alive)


def swap(ref: Any, value: Any) -> Any:
    """Hold another array of the same type, and give the one held before."""
    alive = _alive(ref)
    if type(alive) is Ref and _outside():
        old, alive.value = alive.value, copy(value)
        alive.shared = True
        return old
    return ref_swap_p.bind(alive, value)


def freeze(ref: Ref) -> Any:
    """The array held, at the end of the life of the reference."""
    alive = _alive(ref)
    outside = type(alive) is Ref and _outside()
    out = copy(alive.value) if outside else freeze_p.bind(alive)
    ref.busy = FROZEN
    return out


def operands(leaves: Any) -> list[Any]:
    """Leaves with the arrays that references among them hold now."""
    return [read(x) if type(x) is Ref else x for x in leaves]


def handed_out(tracer: Any) -> Any:
    """What a user's function gets for a tracer."""
    return tracer if type(tracer.type) is ArrayType else Ref(tracer.type, tracer=tracer)
