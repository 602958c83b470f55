"""Which functions are converted: by whose file they come from, and by what their code does."""

from __future__ import annotations

import opcode
import os
from types import CodeType

from ms_func.ir import loc

CONTAINERS = {"collections", "heapq", "bisect"}
"""Modules of the standard library that are converted: they compare and store what users hold."""
NEVER = {"ms_func", "ms_func_xla", "ms_func_ascend", "numpy", "jaxlib", "ml_dtypes", "scipy"}
_STANDARD = os.path.dirname(os.__file__) + os.sep
_kinds: dict[str, str] = {}


def kind_of(file: str) -> str:
    """Whose file it is: "never" converted, a "library", "standard", or the "user"'s."""
    found = _kinds.get(file)
    if found is None:
        if loc.is_internal(file) or file.startswith("<frozen "):
            found = "never"
        elif "site-packages" in file or "dist-packages" in file:
            found = "library"
        elif file.startswith(_STANDARD):
            found = "standard"
        else:
            found = "user"
        _kinds[file] = found
    return found


def is_users(file: str) -> bool:
    """Whether a file is the user's own."""
    return kind_of(file) == "user"


def _interesting() -> frozenset[int]:
    """Opcodes of instructions that decide, compare, call, store or make functions."""
    words = ("JUMP", "CALL", "STORE_SUBSCR", "STORE_ATTR", "STORE_GLOBAL", "STORE_DEREF", "DELETE",
             "MAKE_FUNCTION", "FOR_ITER", "CONTAINS", "UNARY_NOT", "RAISE", "BINARY_SUBSCR",
             "BINARY_SLICE", "SEND", "STORE_SLICE", "BUILD_MAP", "BUILD_SET", "COMPARE_OP", "IS_OP",
             "UNPACK", "FORMAT", "LIST_EXTEND")  # fmt: skip
    return frozenset(n for name, n in opcode.opmap.items() if any(w in name for w in words))


_INTERESTING: frozenset[int] = _interesting()
_BINARY: int = opcode.opmap["BINARY_OP"]
_OF_NUMBERS = frozenset(
    i
    for i, (_, name) in enumerate(opcode._nb_ops)  # pyright: ignore[reportAttributeAccessIssue]
    if name in {*"+-*/%@", "//", "**", "<<", ">>"}
)
"""Operators that are neither those of sets, but for the difference, nor in place."""


def may_decide(code: CodeType) -> bool:
    """Whether there is anything in a function that conversion might change."""
    words = code.co_code
    return not _INTERESTING.isdisjoint(words[::2]) or any(
        op == _BINARY and kind not in _OF_NUMBERS
        for op, kind in zip(words[::2], words[1::2], strict=True)
    )
