"""Generators turned inside out: `yield x` becomes a call of what takes `x`.

A loop over a generator runs two functions in turns, which no program can where data decide when a
turn ends. Turned inside out, the generator is an ordinary function that calls the body of the loop
for each of its values, and returns where the loop is left: its own loops and conditions may
then depend on data like those of any other function. A generator under `contextmanager` calls the
body of the `with`, and gets what that raises.
"""

from __future__ import annotations

import ast
from typing import Any

from ms_func.source import flow
from ms_func.source.flow import holds_yield
from ms_func.source.nodes import constant, hook, hook_itself, load, placed, store

TAKER = "__ms_taker"
"""Parameter for what takes the values."""

_BLOCKS = ("body", "orelse", "finalbody")
_LOOPS = (ast.For, ast.While)


def turned(node: Any, turn: str) -> bool:
    """Turn a generator inside out, in place; False where that cannot be.

    It cannot where a `yield` stands inside of an expression, or where the generator would catch
    what the loop raises. Where no loop of the generator yields, a loop has nothing to gain.

    Args:
        node: the generator function.
        turn: what takes its values: a "loop"; a "with", in whose generators no loop may yield; or
            a generator of which it is a part, "from" which that also gets what it returns.
    """
    manages = turn == "with"
    if turn != "from" and any(map(_repeats, ast.walk(node))) == manages:
        return False
    if not _can_turn(node.body, manages):
        return False
    first = node.body[0]
    mark = placed(ast.Expr(hook("endless", first, load(TAKER, first))), first)
    body = _block(node.body, turn == "from")
    node.body = [*([mark] if _is_endless(node) else ()), *body]
    node.args.posonlyargs.insert(0, placed(ast.arg(TAKER), node))
    return True


def _repeats(x: ast.AST) -> bool:
    return isinstance(x, ast.YieldFrom) or (isinstance(x, _LOOPS) and holds_yield(x))


def _can_turn(stmts: list[Any], manages: bool) -> bool:
    for s in stmts:
        if not holds_yield(s):
            continue
        if _is_yield(s):
            continue
        if not isinstance(s, (ast.If, ast.For, ast.While, ast.With, ast.Try)):
            return False
        heads = [getattr(s, f) for f in ("test", "iter") if hasattr(s, f)]
        heads += [i.context_expr for i in getattr(s, "items", [])]
        handlers = getattr(s, "handlers", [])
        if any(map(holds_yield, heads)) or (handlers and not manages):
            return False
        blocks = [getattr(s, f, []) for f in _BLOCKS] + [h.body for h in handlers]
        if not all(_can_turn(b, manages) for b in blocks):
            return False
    return True


def _is_endless(node: Any) -> bool:
    """Whether a generator goes on until nobody takes its values: its end is a `while True`."""
    loop = node.body[-1]
    return flow.is_endless(loop) and not any(
        isinstance(x, (ast.Break, ast.Return)) for s in node.body for x in ast.walk(s)
    )


def _is_yield(s: Any) -> bool:
    """Whether a statement is `yield x`, `yield from xs`, or one that binds what these give."""
    if not isinstance(s, (ast.Expr, ast.Assign)):
        return False
    if not isinstance(s.value, (ast.Yield, ast.YieldFrom)):
        return False
    inside = [s.value.value, *getattr(s, "targets", [])]
    return not any(x is not None and holds_yield(x) for x in inside)


def _block(stmts: list[Any], returns: bool) -> list[Any]:
    """Statements turned inside out; `returns` says that somebody gets what they return."""
    out: list[Any] = []
    for s in stmts:
        if isinstance(s, ast.Return) and not returns and s.value is not None:
            out.append(placed(ast.Expr(s.value), s))
            s.value = None
        elif _is_yield(s):
            out += _taken(s, returns)
            continue
        for field in _BLOCKS:
            inner = getattr(s, field, None)
            if isinstance(inner, list) and not isinstance(s, (ast.FunctionDef, ast.ClassDef)):
                setattr(s, field, _block(inner, returns))
        for case in [*getattr(s, "handlers", []), *getattr(s, "cases", [])]:
            case.body = _block(case.body, returns)
        out.append(s)
    return out


def _taken(s: Any, returns: bool) -> list[Any]:
    """`yield x`, to which a loop sends nothing; `yield from xs`; the same with targets."""
    taker, value = load(TAKER, s), s.value.value
    if isinstance(s.value, ast.Yield):
        given = hook("take", s, taker, constant(None, s) if value is None else value)
        s.value = constant(None, s)
        return [_left_if(given, s, returns), *([s] if isinstance(s, ast.Assign) else ())]
    if isinstance(s, ast.Assign):
        s.value = hook("delegated", s, taker, value)
        return [s, _left_if(hook("is_left", s, load(TAKER, s)), s, returns)]
    item = f"{TAKER}_item"
    body = [_left_if(hook("take", s, taker, load(item, s)), s, returns)]
    return [placed(ast.For(store(item, s), value, body, [], None), s)]


def _left_if(left: Any, at: Any, returns: bool) -> Any:
    """The end of the function, where the loop is left."""
    value = hook_itself("UNDEFINED", at) if returns else None
    return placed(ast.If(left, [placed(ast.Return(value), at)], []), at)
