"""What a recogniser finds."""

from __future__ import annotations

from typing import Any, NamedTuple

from ms_func_ascend.reader import Value


class Found(NamedTuple):
    """An operator that computes the result of an expression.

    Attributes:
        name: of the operator; the rule that writes it is `ascend.<name>`.
        operands: where the expression begins.
        attrs: for the rule.
        shared: parts that others may use as well: what an operand itself is made of.
        loose: operands of any dtype; the others have that of the result.
    """

    name: str
    operands: list[Value]
    attrs: dict[str, Any]
    shared: tuple[Value, ...] = ()
    loose: tuple[Value, ...] = ()
