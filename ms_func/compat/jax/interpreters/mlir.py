"""`jax.interpreters.mlir`: lowering of primitives of one's own to other operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ms_func.compat.rules import LowerFun, lowerings

__all__ = ["LoweringRule", "LoweringRuleContext", "ModuleContext", "lower_fun",
           "register_lowering"]  # fmt: skip

LoweringRule = Callable[..., Any]


class LoweringRuleContext:
    """Class of what JAX hands to rules that emit MLIR, for annotations."""


class ModuleContext:
    """Class of what such rules share within a program, for annotations."""


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
