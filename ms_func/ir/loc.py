"""Which line of the user's program an equation came from.

While tracing only the code object and the instruction offset are kept; file, line and
column are worked out when somebody asks, for an error or for the lowered module.
"""

from __future__ import annotations

import linecache
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from types import CodeType, FrameType
from typing import NamedTuple

import numpy as np

from ms_func import errors

_OURS: dict[str, bool] = {}
_INTERNAL_PREFIXES: list[str] = [
    __file__.rsplit("/ir/", 1)[0] + "/",
    np.__file__.rpartition("/")[0] + "/",  # the line that calls NumPy is what users look for
]


class _Scope(threading.local):
    path = ""


_scope = _Scope()


@contextmanager
def in_scope(name: str) -> Iterator[None]:
    """Equations recorded in the block belong to the scope `name`, inside those around it."""
    outer = _scope.path
    _scope.path = f"{outer}/{name}" if outer else name
    try:
        yield
    finally:
        _scope.path = outer


class Loc(NamedTuple):
    """A place in the user's program: a code object and an instruction in it.

    `scope` is the path of names that the user gave to this stretch of the program, or empty.
    """

    code: CodeType
    instruction: int
    scope: str = ""

    @property
    def file(self) -> str:
        """Path of the source file as Python knows it."""
        return self.code.co_filename

    @property
    def span(self) -> tuple[int, int, int, int]:
        """Line, end line, column and end column; lines from 1, columns from 0."""
        return _span(self.code, self.instruction)

    @property
    def line(self) -> int:
        """Line number, from 1."""
        return self.span[0]

    @property
    def function(self) -> str:
        """Name of the function the line stands in."""
        return self.code.co_name

    def excerpt(self) -> str:
        """The source line with a caret under the expression, or nothing without source."""
        return _excerpt(self.file, self.span)

    @property
    def name_stack(self) -> str:
        """`scope`, as JAX calls it."""
        return self.scope

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def transformed(loc: Loc | None, transform: str) -> Loc | None:
    """`loc` with the outermost scope of what is transformed marked: `grad/jvp(encoder)/layer`.

    Scopes that are in force now are those around the transform. Marks are JAX's: `jvp(...)` for
    forward mode and the values that reverse mode computes first, `transpose(jvp(...))` for its way
    back, `vmap(...)`.
    """
    if loc is None or not loc.scope:
        return loc
    return loc._replace(scope=_marked(loc.scope, _scope.path, transform))


@lru_cache(maxsize=4096)
def _marked(scope: str, outer: str, transform: str) -> str:
    if scope == outer:
        return scope
    around = f"{outer}/" if outer and scope.startswith(f"{outer}/") else ""
    first, slash, rest = scope[len(around) :].partition("/")
    return f"{around}{transform}({first}){slash}{rest}"


class Place(NamedTuple):
    """A place in the user's program read from a text; offers what `Loc` offers."""

    file: str
    line: int
    end_line: int
    col: int
    end_col: int
    function: str
    scope: str = ""

    @property
    def span(self) -> tuple[int, int, int, int]:
        """Line, end line, column and end column; lines from 1, columns from 0."""
        return self[1:5]

    def excerpt(self) -> str:
        """The source line with a caret under the expression, or nothing without source."""
        return _excerpt(self.file, self.span)

    name_stack = property(lambda self: self.scope)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


NOWHERE = Place("<unknown>", 0, 0, 0, 0, "")


def _excerpt(file: str, span: tuple[int, int, int, int]) -> str:
    line, end_line, col, end_col = span
    text = linecache.getline(file, line).rstrip("\n")
    if not text.strip():
        return ""
    end = end_col if end_line == line else len(text)
    indent = len(text) - len(text.lstrip())
    caret = " " * (col - indent) + "^" * max(1, end - col)
    return f"    {text.strip()}\n    {caret}"


@lru_cache(maxsize=65536)
def _span(code: CodeType, instruction: int) -> tuple[int, int, int, int]:
    found = next(islice(code.co_positions(), instruction // 2, None), (None,) * 4)
    line, end_line, col, end_col = (0 if v is None else v for v in found)
    line = line or code.co_firstlineno
    return line, end_line or line, col, end_col


def hide_frames_of(path: str) -> None:
    """Treat a file, or the files below a directory, as part of the library in user lines.

    Errors and equations then name the line that called it, for libraries built on this one.

    Args:
        path: file that ends in ".py", or directory.

    Example:
        >>> ms.extend.hide_frames_of("/path/of/my_library")
    """
    _INTERNAL_PREFIXES.append(path if path.endswith(".py") else path.rstrip("/") + "/")
    _OURS.clear()


def _is_ours(file: str) -> bool:
    ours = _OURS[file] = file.startswith(tuple(_INTERNAL_PREFIXES))
    return ours


def is_internal(file: str) -> bool:
    """Whether a file belongs to the library."""
    found = _OURS.get(file)
    return _is_ours(file) if found is None else found


def user_frames() -> Iterator[FrameType]:
    """Frames outside the library, from the innermost outwards."""
    frame = user_frame(2)
    while frame is not None:
        if not is_internal(frame.f_code.co_filename):
            yield frame
        frame = frame.f_back


def user_frame(depth: int = 1) -> FrameType | None:
    """Innermost frame outside the library, from the caller's frame outwards."""
    frame: FrameType | None = sys._getframe(depth)
    known = _OURS
    while frame is not None:
        file = frame.f_code.co_filename  # hashed once, unlike a code object
        ours = known.get(file)
        if ours is None:
            ours = _is_ours(file)
        if not ours:
            return frame
        frame = frame.f_back
    return None


def user_loc(depth: int = 2) -> Loc | None:
    """Place of the innermost user expression now being evaluated."""
    frame = user_frame(depth)
    return None if frame is None else Loc(frame.f_code, frame.f_lasti, _scope.path)


errors.find_user_line = user_loc
