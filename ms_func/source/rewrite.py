"""What rewrites which statement."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from ms_func.source import loops, statements
from ms_func.source.blocks import Blocks


class Rewriter(Blocks):
    """Rewrites one function of the user's."""

    rules: ClassVar[Mapping[type[ast.stmt], Callable[..., Any]]] = {
        ast.If: Blocks.if_,
        ast.While: loops.while_,
        ast.For: loops.for_,
        ast.Return: statements.return_,
        ast.Break: statements.break_,
        ast.Continue: statements.continue_,
        ast.Raise: statements.raise_,
        ast.Try: statements.try_,
        ast.TryStar: statements.try_,
        ast.With: statements.with_,
        ast.FunctionDef: statements.function,
        ast.AsyncFunctionDef: statements.function,
        ast.ClassDef: statements.class_,
    }
