"""What names of a function stand for while it is converted."""

from __future__ import annotations

import ast
import builtins
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import ms_func.numpy as xp

Set = frozenset[str]
"""Names."""
EMPTY: Set = frozenset()


_MAKERS = (xp.array, xp.asarray, xp.copy)
"""Functions whose result may be an array of constants, to which the function may store."""


class Resolver:
    """What expressions of global names stand for now; only hints are taken from it.

    Attributes:
        namespace: globals of the function.
        local: names that are not global in it.
        marks: "parts", where the function, or one inside it, may take parts out of arrays whose
            size data decide, which functions of this library then may be given.
    """

    def __init__(
        self, namespace: dict[str, Any], local: Set, marks: set[str] | None = None
    ) -> None:  # fmt: skip
        self.namespace = namespace
        self.local = local
        self.marks: set[str] = set() if marks is None else marks

    def inside(self, local: Set) -> Resolver:
        """The same for a function inside, which binds more names."""
        return Resolver(self.namespace, self.local | local, self.marks)

    def value(self, node: ast.expr) -> Any:
        """What a dotted global name stands for; None where that is not known."""
        if isinstance(node, ast.Name):
            if node.id in self.local:
                return None
            found = self.namespace.get(node.id)
            return getattr(builtins, node.id, None) if found is None else found
        if isinstance(node, ast.Attribute):
            owner = self.value(node.value)
            if isinstance(owner, ModuleType):
                return owner.__dict__.get(node.attr)
        return None

    def is_ours(self, node: ast.expr) -> bool:
        """Whether `node` is a function or module of this library."""
        return is_ours(self.value(node))

    def is_native(self, node: ast.expr) -> bool:
        """Whether `node` is a function of this library that the call hook has nothing to do for."""
        found = self.value(node)
        if any(found is f for f in _MAKERS):
            return False
        return is_ours(found) and _module(found) != "ms_func.tree"  # these call what they get

    def is_static(self, test: ast.expr) -> bool:
        """Whether Python can always decide `test` while tracing."""
        if isinstance(test, ast.Constant):
            return True
        if isinstance(test, ast.UnaryOp):
            return isinstance(test.op, ast.Not) and self.is_static(test.operand)
        if isinstance(test, ast.BoolOp):
            return all(self.is_static(x) for x in test.values)
        return isinstance(test, ast.Name) and test.id in ("TYPE_CHECKING", "__debug__")

    def lets_through(self, node: ast.expr) -> bool:
        """Whether a context manager is known to let exceptions pass."""
        found = self.value(node.func) if isinstance(node, ast.Call) else None
        return found is open or is_ours(found) or _module(found).startswith(("numpy", "threading"))


def _module(x: Any) -> str:
    if isinstance(x, ModuleType):
        return x.__name__
    name = getattr(x, "__module__", None)
    return name if isinstance(name, str) else ""


def is_ours(x: Any) -> bool:
    """Whether `x` is a function, class or module of this library, which is never converted."""
    if not isinstance(x, (FunctionType, BuiltinFunctionType, ModuleType, type)):
        return False
    name = _module(x)
    return name == "ms_func" or name.startswith("ms_func.")
