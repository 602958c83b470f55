"""Small syntax trees of generated code, each at the place of the user's code it stands for."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from ms_func.source.build import HOOKS

Node = TypeVar("Node", bound=ast.AST)
LOAD, STORE, DEL = ast.Load(), ast.Store(), ast.Del()


_parts: dict[type, tuple[str, ...]] = {}
_NO_NODES = {"arg", "attr", "ctx", "id", "kind", "level", "module", "op", "ops", "type_comment"}


def parts_of(kind: type[ast.AST]) -> tuple[str, ...]:
    """Fields of a kind of node that may hold expressions or statements."""
    found = _parts.get(kind)
    if found is None:
        found = _parts[kind] = tuple(f for f in kind._fields if f not in _NO_NODES)
    return found


def place(at: Any) -> dict[str, Any]:
    """Place of a node, as keyword arguments for a new one; of a statement its first expression.

    It is kept with the node, for many nodes are made at the same place: do not change it.
    """
    try:
        return at.place
    except AttributeError:
        at.place = found = _place(at)
        return found


def _place(at: Any) -> dict[str, Any]:
    if isinstance(at, (ast.If, ast.While, ast.For)):
        at = at.iter if isinstance(at, ast.For) else at.test
    line, col = at.lineno, at.col_offset
    if isinstance(at, _WITH_BLOCKS):
        return {"lineno": line, "col_offset": col, "end_lineno": line, "end_col_offset": col + 1}
    return {
        "lineno": line,
        "col_offset": col,
        "end_lineno": at.end_lineno or line,
        "end_col_offset": at.end_col_offset or col,
    }


_WITH_BLOCKS = (ast.With, ast.Try, ast.TryStar, ast.FunctionDef, ast.ClassDef, ast.ExceptHandler)


def placed(node: Node, at: Any) -> Node:
    """`node` at the place of `at`."""
    node.__dict__.update(place(at))
    return node


def _put(node: Any, where: dict[str, Any]) -> Any:
    """`node` at a place; this takes half the time of giving it to the constructor."""
    node.__dict__.update(where)
    return node


def load(name: str, at: Any) -> ast.Name:
    """A name that is read."""
    return _put(ast.Name(name, LOAD), place(at))


def store(name: str, at: Any) -> ast.Name:
    """A name that is bound."""
    return _put(ast.Name(name, STORE), place(at))


def constant(value: Any, at: Any) -> ast.Constant:
    """A constant."""
    return _put(ast.Constant(value), place(at))


def hook(name: str, at: Any, *args: ast.expr) -> ast.Call:
    """Call of a run-time hook."""
    where = place(at)
    return _put(ast.Call(_hook_at(name, where), list(args), []), where)


def hook_itself(name: str, at: Any) -> ast.Attribute:
    """A run-time hook.

    It ends on the line where it starts: a call of an attribute over several lines would count
    as one of the last line.
    """
    return _hook_at(name, place(at))


def _hook_at(name: str, where: dict[str, Any]) -> ast.Attribute:
    if where["end_lineno"] != where["lineno"]:
        where = {**where, "end_lineno": where["lineno"], "end_col_offset": where["col_offset"]}
    return _put(ast.Attribute(_put(ast.Name(HOOKS, LOAD), where), name, LOAD), where)


def unbound(at: Any) -> ast.Attribute:
    """The value of a name that is not bound."""
    return hook_itself("UNBOUND", at)


def assign(name: str, value: ast.expr, at: Any) -> ast.Assign:
    """Binding of a name."""
    return placed(ast.Assign([store(name, at)], value), at)


def thunk(body: ast.expr, at: Any, *params: str) -> ast.Lambda:
    """Lambda of a few parameters."""
    return placed(ast.Lambda(_arguments(params, (), at), body), at)


def names_tuple(names: Iterable[str], at: Any) -> ast.Tuple:
    """Tuple of names that are read."""
    return placed(ast.Tuple([load(n, at) for n in names], LOAD), at)


def text_tuple(names: Iterable[str], at: Any) -> ast.Constant:
    """Constant tuple of strings."""
    return constant(tuple(names), at)


def unpack(names: Sequence[str], value: ast.expr, at: Any) -> ast.stmt:
    """Binding of names to the elements of a tuple."""
    if not names:
        return placed(ast.Expr(value), at)
    target = placed(ast.Tuple([store(n, at) for n in names], STORE), at)
    return placed(ast.Assign([target], value), at)


def define(
    name: str, params: Sequence[str], defaults: Sequence[str], body: list[ast.stmt], at: Any
) -> ast.FunctionDef:
    """Definition of a function; `defaults` are parameters that keep the value they have now."""
    node: Any = ast.FunctionDef(name, _arguments(params, defaults, at), body, [], None, None)
    if "type_params" in ast.FunctionDef._fields:
        node.type_params = []
    return placed(node, at)


_SOMEWHERE: dict[str, Any] = {"lineno": 1, "col_offset": 0, "end_lineno": 1, "end_col_offset": 0}


@lru_cache(maxsize=4096)
def _parameter(name: str) -> ast.arg:
    """A parameter; code objects do not say where it stands, so that all trees share it."""
    return ast.arg(name, **_SOMEWHERE)


@lru_cache(maxsize=4096)
def _parameters(names: tuple[str, ...]) -> ast.arguments:
    return ast.arguments([], [_parameter(n) for n in names], None, [], [], None, [])


def _arguments(params: Sequence[str], defaults: Sequence[str], at: Any) -> ast.arguments:
    if not defaults:
        return _parameters(tuple(params))
    args = [_parameter(n) for n in (*params, *defaults)]
    return ast.arguments([], args, None, [], [], None, [load(n, at) for n in defaults])


def is_simple(node: ast.AST) -> bool:
    """Whether evaluating `node` early or late makes no difference."""
    if isinstance(node, ast.Attribute):
        return is_simple(node.value)
    return isinstance(node, (ast.Constant, ast.Name))


def is_plain(node: ast.expr) -> bool:
    """Whether `node` is no container for certain: a constant, arithmetic with one, a formula."""
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.UnaryOp):
        return is_plain(node.operand)
    return isinstance(node, ast.BinOp) and (_is_number(node.left) or _is_number(node.right))


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, float)


def taken_apart(value: ast.expr, target: Any, by: str = "unpacked") -> ast.expr:
    """What a tuple of targets is given, a rewritten value."""
    stars = [isinstance(x, ast.Starred) for x in target.elts]
    star = stars.index(True) if any(stars) else -1
    if isinstance(value, (ast.Tuple, ast.List)) and star < 0:
        return value
    count = len(stars) - any(stars)
    return hook(by, target, value, constant(star, target), constant(count, target))
