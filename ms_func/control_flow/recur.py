"""The call that a function makes of itself while it is recorded."""

from __future__ import annotations

from ms_func.ir.function import Eqn, Function
from ms_func.ir.primitive import NotSupported, Primitive, register

_WHY = "it stands for a program that is still being recorded"

recur_p = register(
    Primitive(
        "recur",
        abstract=lambda *ins, number, types: list(types),
        ref=NotSupported(_WHY),
        lower=NotSupported(_WHY),
        jvp=NotSupported(_WHY),
        transpose=NotSupported(_WHY),
        batch=NotSupported(_WHY),
        shard=NotSupported(_WHY),
        multiple_results=True,
    )
)


def recurs(fn: Function, number: int) -> bool:
    """Whether a program, or one inside it, applies the `recur` of that number."""
    key = ("recurs", number)
    if key not in fn.memo:
        fn.memo[key] = any(is_call(e, number) or has_call(e, number) for e in fn.eqns)
    return fn.memo[key]


def is_call(eqn: Eqn, number: int) -> bool:
    """Whether an equation is the `recur` of that number."""
    return eqn.primitive is recur_p and eqn.params["number"] == number


def has_call(eqn: Eqn, number: int) -> bool:
    """Whether a function inside an equation applies it."""
    return any(recurs(f, number) for f in eqn.functions())
