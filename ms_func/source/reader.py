"""The syntax tree of a function, found by its code object.

A `def` is read from the block of lines that starts at its first line; a lambda from the tree of
its whole file, where the columns of its instructions tell it from its neighbours on the line.
Sources come from `linecache`, which also knows notebook cells, doctests and zipped modules.
"""

from __future__ import annotations

import ast
import linecache
import os
import sys
import time
from types import CodeType
from typing import Any, NamedTuple

from ms_func.source.build import HOOKS, bare, compile_function, same_code

_STARTED = time.time()
_SHARED = {"<string>", "<stdin>"}
"""Names under which Python compiles many texts, of which `linecache` may know another one."""


class Source(NamedTuple):
    """Where a function was found.

    Attributes:
        node: a `FunctionDef` or `Lambda` that nobody else uses.
        class_name: innermost class around it, whose name private names are mangled with.
        plain: whether there is nothing in it for `desugar`.
        shift: number of lines of the file before those that `node` knows of: it is read from the
            text of the function alone.
    """

    node: ast.FunctionDef | ast.Lambda
    class_name: str | None
    plain: bool
    shift: int


class SourceMissing(LookupError):
    """The source cannot be read, or is not what the function was compiled from."""


def read(code: CodeType, namespace: dict[str, Any], refresh: bool = True) -> Source:
    """Syntax tree of the function that `code` was compiled from.

    Args:
        code: code object of the function.
        namespace: its globals, which name the loader of a zipped module.
        refresh: look at the file again if what is known of it does not fit.

    Raises:
        SourceMissing: there is no source, or it has changed since.
    """
    lines = _lines(code.co_filename, namespace)
    if not lines or code.co_firstlineno > len(lines):
        raise _unreadable(code)
    found: tuple[Any, bool, int] | None
    if code.co_name == "<lambda>":
        inline = _find_lambda(code, lines)
        found = inline and (inline, True, 0)
    else:
        found = _find_def(code, lines)
    if found is None:
        if code.co_filename in _SHARED:
            raise _unreadable(code)
        raise SourceMissing(
            f"`{code.co_name}` is not at line {code.co_firstlineno} of {code.co_filename}\n"
            "fix: load the file again, if it was changed"
        )
    node, plain, shift = found
    class_name = _class_name(code.co_qualname)
    converted = HOOKS in code.co_freevars  # inside a function whose source was found
    if not converted and _recent(code.co_filename) and _changed(code, node, class_name, lines):
        if refresh:
            linecache.checkcache(code.co_filename)
            return read(code, namespace, refresh=False)
        if code.co_filename in _SHARED:
            raise _unreadable(code)
        raise SourceMissing(
            f"{code.co_filename} has changed since `{code.co_name}` was loaded\nfix: load it again"
        )
    return Source(node, class_name, plain, shift)


def _unreadable(code: CodeType) -> SourceMissing:
    return SourceMissing(
        f"the source of {code.co_filename} cannot be read\n"
        "fix: define the function in a file or in a notebook cell"
    )


def _lines(file: str, namespace: dict[str, Any]) -> list[str]:
    lines = linecache.getlines(file, namespace)
    if not lines and not os.path.isabs(file):
        lines = linecache.getlines(os.path.abspath(file), namespace)
    if not lines and file.startswith("<frozen "):
        lines = linecache.getlines(namespace.get("__file__") or "")
    if not lines and file == "<string>" and namespace.get("__name__") == "__main__":
        lines = _command()
    return lines


def _command() -> list[str]:
    """The text of `python -c`, where Python was started with one."""
    if sys.argv[:1] != ["-c"]:
        return []
    return sys.orig_argv[-len(sys.argv)].splitlines(keepends=True)


_DISGUISED = ("match", ":=", "yield", "try", "with")
"""What `desugar` looks for."""


# --- def ------------------------------------------------------------------------------------


def _find_def(code: CodeType, lines: list[str]) -> tuple[ast.FunctionDef, bool, int] | None:
    """The definition whose first line (of its decorators, if any) is that of `code`.

    Also whether its text is plain, and its shift, see `Source`.
    """
    first = code.co_firstlineno - 1
    margin = len(lines[first]) - len(lines[first].lstrip())
    last = max([line or 0 for _, _, line in code.co_lines()], default=0)
    stop = max(first + 1, last)
    while stop <= len(lines):
        stop = _next_stop(lines, stop, margin)
        text = "".join(lines[first:stop])
        found = _parse_block(text, margin)
        if found is not None:
            shift = first - 1 if margin else first
            node = _definition(found, code, code.co_firstlineno - shift)
            return node and (node, not any(word in text for word in _DISGUISED), shift)
        stop += 1
    return None


def _next_stop(lines: list[str], start: int, margin: int) -> int:
    """First line from `start` on that is not inside a block indented deeper than `margin`."""
    for i in range(start, len(lines)):
        text = lines[i].lstrip()
        if text and text[0] != "#" and len(lines[i]) - len(text) <= margin:
            return i
    return len(lines)


def _parse_block(text: str, margin: int) -> ast.stmt | None:
    """The one statement in `text`, which may be indented; None if there is none."""
    try:
        tree = ast.parse("if 1:\n" + text if margin else text)
    except (SyntaxError, ValueError):
        return None
    body: Any = tree.body[0].body if margin else tree.body  # type: ignore[attr-defined]
    return body[0] if len(body) == 1 else None


def _definition(node: ast.stmt, code: CodeType, line: int) -> ast.FunctionDef | None:
    """`node`, or the definition inside it on the same `line` (`if x: def f(): ...` is not)."""
    if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
        return node
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef) and _first_line(inner) == line:
            return inner if inner.name == code.co_name else None
    return None


def _first_line(node: ast.FunctionDef) -> int:
    return min([node.lineno, *(d.lineno for d in node.decorator_list)])


# --- lambda ---------------------------------------------------------------------------------


def _find_lambda(code: CodeType, lines: list[str]) -> ast.Lambda | None:
    """A copy of the lambda whose body spans what the instructions of `code` span.

    Where Python left out a part of the body (`f(x) if True else 0`) they span less; then it is
    the one that compiles to the same code.
    """
    found = _parsed(code.co_filename, lines).lambdas.get(code.co_firstlineno, [])
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    span = _span(code)
    named = [n for n in found if tuple(a.arg for a in _plain_arguments(n.args)) == names]
    fitting = [n for n in named if span is None or span == _place(n.body)]
    if not fitting and HOOKS not in code.co_freevars:
        class_name = _class_name(code.co_qualname)
        fitting = [n for n in named if not _changed(code, n, class_name, lines)]
    return copied(fitting[0]) if len(fitting) == 1 else None


def _plain_arguments(args: ast.arguments) -> list[ast.arg]:
    return [*args.posonlyargs, *args.args, *args.kwonlyargs]


def _span(code: CodeType) -> tuple[int, int, int, int] | None:
    """Smallest span that holds all instructions; None where columns were not kept."""
    places = [
        (line, end_line, col, end_col)
        for line, end_line, col, end_col in code.co_positions()
        if line is not None and end_line is not None and col is not None and end_col is not None
        and (line, col) != (end_line, end_col)
    ]  # fmt: skip
    if not places:
        return None
    start = min((line, col) for line, _, col, _ in places)
    end = max((line, col) for _, line, _, col in places)
    return start[0], end[0], start[1], end[1]


def _place(node: ast.expr) -> tuple[int, int, int, int]:
    end_line, end_col = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
    return node.lineno, end_line, node.col_offset, end_col


def copied(node: Any) -> Any:
    """A deep copy of a syntax tree."""
    if isinstance(node, list):
        return [copied(x) for x in node]
    if not isinstance(node, ast.AST):
        return node
    new = type(node)(**{f: copied(getattr(node, f)) for f in node._fields if hasattr(node, f)})
    return ast.copy_location(new, node) if hasattr(node, "lineno") else new


# --- the whole file -------------------------------------------------------------------------


class _File(NamedTuple):
    """What is known of the text of a file.

    Attributes:
        text: all of it.
        lambdas: those in it, by their first lines.
        imports: names that it imports outside of functions; Python compiles `name.f()` otherwise.
    """

    text: str
    lambdas: dict[int, list[ast.Lambda]]
    imports: list[str]


_files: dict[tuple[str, int, str], _File] = {}
_FILES = 64


def _parsed(file: str, lines: list[str]) -> _File:
    """What is known of a file, which is parsed once."""
    key = (file, len(lines), lines[-1])
    text = "".join(lines)
    found = _files.get(key)
    if found is not None and found.text == text:
        return found
    found = _File(text, {}, [])
    try:
        _look_through(ast.parse(text), found, True)
    except (SyntaxError, ValueError):
        return found
    if len(_files) >= _FILES:
        _files.pop(next(iter(_files)))
    _files[key] = found
    return found


def _look_through(node: ast.AST, found: _File, top: bool) -> None:
    """Enter what is in `node`, which is outside of functions and classes if `top`."""
    if type(node) is ast.Lambda:
        found.lambdas.setdefault(node.lineno, []).append(node)
    if top and isinstance(node, (ast.Import, ast.ImportFrom)):
        found.imports.extend(a.asname or a.name.partition(".")[0] for a in node.names)
    top = top and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    for inner in ast.iter_child_nodes(node):
        _look_through(inner, found, top)


# --- is it still the source? ----------------------------------------------------------------


def _recent(file: str) -> bool:
    """Whether the text may be another one than was compiled."""
    if file in _SHARED:
        return True
    entry = linecache.cache.get(file)
    if entry is None or len(entry) == 1 or entry[1] is None:
        return False  # a notebook cell or a doctest: the text in memory is the source
    return entry[1] >= _STARTED


def _changed(
    code: CodeType, node: ast.FunctionDef | ast.Lambda, class_name: str | None, lines: list[str]
) -> bool:
    """Whether `node`, compiled again, does something else than `code`."""
    if any(name.startswith("@py") for name in (*code.co_varnames, *code.co_names)):
        return False  # rewritten by pytest: its asserts differ from the source
    imports = _parsed(code.co_filename, lines).imports
    again = compile_function(bare(copied(node)), code, class_name, imports=imports)
    return not same_code(again, code)


def _class_name(qualname: str) -> str | None:
    """Innermost class around a function, from its qualified name."""
    parts = qualname.split(".")[:-1]
    while parts and parts[-1] == "<locals>":
        parts = parts[:-2]
    return parts[-1] if parts else None
