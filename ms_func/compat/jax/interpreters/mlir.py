"""`jax.interpreters.mlir`: lowering of primitives of one's own to other operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ms_func.compat.rules import LowerFun, lowerings

__all__ = ["LoweringRuleContext", "lower_fun", "register_lowering"]


class LoweringRuleContext:
    """First argument of lowering rules that emit MLIR by themselves, for annotations.

    Raises:
        TypeError: on making one. Such rules are not called here.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError(
            "rules that emit MLIR are not called under ms_func.as_jax()\n"
            "fix: mlir.register_lowering(primitive, mlir.lower_fun(f))"
        )


def lower_fun(fun: Callable[..., Any], multiple_results: bool = True) -> LowerFun:
    """Lowering rule that computes a primitive as `fun(*operands, **params)`."""
    return LowerFun(fun, multiple_results)


def register_lowering(
    prim: Any, rule: Any, platform: str | None = None, inline: bool = True, cacheable: bool = True
) -> Any:
    """Compile `prim` by a rule made with `lower_fun`, on one kind of device or on all.

    A rule that emits MLIR by itself is written against the inside of JAX; a program with that
    primitive is refused when it is compiled.
    """
    names = {"cuda": "cuda", "gpu": "cuda", None: None}
    lowerings[prim, names.get(platform, platform)] = rule
    return rule
