"""The table of translation rules: StableHLO operation -> function that emits Ascend operators.

A rule is called as `rule(t, op, *operands)`: the translator, the operation and a tensor per
operand; it returns a tensor or a list of tensors, one per result. Rules marked `compact` take
and return tensors that broadcast to the type the program gives them; others get and return
the full shape.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Rule:
    """How one StableHLO operation is translated."""

    emit: Callable[..., Any]
    compact: bool


RULES: dict[str, Rule] = {}


def rule(*names: str, compact: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as the rule of the operations `names` (`stablehlo.` is implied)."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            full = name if "." in name else f"stablehlo.{name}"
            assert full not in RULES, full
            RULES[full] = Rule(function, compact)
        return function

    return register
