"""References in programs: cells that hold an array, read and written in program order.

`ref<f32[3]>` is the type of a cell that holds an f32[3]. Four operations touch cells, and
each has an effect, so that it stays in its place. Their only meaning is that of the pass
`transforms.discharge`, which writes a program with references as one without: the value of a
cell becomes an ordinary value, which the operations pass on from one to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ms_func.errors import ShapeError
from ms_func.ir.effects import Effect
from ms_func.ir.primitive import BY_FUNCTIONS, NotSupported, Primitive, fitting, register
from ms_func.ir.types import ArrayType, RefType

READ, WRITE = Effect(3, "ref_read", host=False), Effect(4, "ref_write", host=False)


def held(name: str, t: Any) -> ArrayType:
    """Type of what a reference holds.

    Raises:
        TypeError: `t` is no type of references.
    """
    if type(t) is not RefType:
        raise ShapeError(f"{name} takes a reference, got {t}\nfix: make one with new_ref")
    return t.inner


def _swap_type(ref: Any, value: ArrayType) -> ArrayType:
    inner = held("ref_swap", ref)
    if value.shape != inner.shape or value.dtype != inner.dtype:
        raise ShapeError(f"a reference to {inner} cannot hold {value}")
    fitting([value], [inner], [inner.vma])
    return inner


_GONE = NotSupported("references become values before programs are compiled or transformed")


def _primitive(name: str, abstract: Callable[..., Any], *effects: Effect) -> Primitive:
    made = frozenset(effects)
    return register(
        Primitive(
            name,
            abstract=abstract,
            ref=_GONE,
            lower=_GONE,
            jvp=_GONE,
            transpose=_GONE,
            batch=_GONE,
            shard=_GONE,
            effects=lambda **params: made,
            words=_GONE,
            varying=BY_FUNCTIONS,
        )
    )


new_ref_p = _primitive("new_ref", lambda x, *, lanes="": RefType(x, lanes), READ, WRITE)
ref_get_p = _primitive("ref_get", lambda ref: held("ref_get", ref), READ)
ref_swap_p = _primitive("ref_swap", _swap_type, READ, WRITE)
freeze_p = _primitive("freeze", lambda ref: held("freeze", ref), READ, WRITE)


class _Discharge:
    """Slot for the pass that rids a program of references, filled by `transforms.discharge`.

    From a program to the one on values, whose last results are the final values of the
    references written, and the positions of these among the parameters.
    """

    rule: Callable[[Any], tuple[Any, tuple[int, ...]]]


discharge = _Discharge()
