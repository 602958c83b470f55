"""Statements that leave a block, guard one, or define functions and classes."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ms_func.source.frames import RETURNED, VALUE, meet
from ms_func.source.nodes import assign, constant, define, hook, hook_itself, load, placed
from ms_func.source.resolver import EMPTY, Set

if TYPE_CHECKING:
    from ms_func.source.rewrite import Rewriter


def return_(r: Rewriter, s: ast.Return, rest: Any, tail: bool, out: list[ast.stmt]) -> None:
    """`return`: of the user's function, or flags that say so."""
    value = s.value if s.value is None or r.stays(s) else r.expr(s.value)
    r.bound = None
    if r.frame.state is None:
        s.value = value
        out.append(s)
        return
    out.append(assign(VALUE, value or constant(None, s), s))
    out += [assign(n, constant(True, s), s) for n in dict.fromkeys((RETURNED, *r.frame.stops))]
    out.append(r.give_back(s, r.frame))


def break_(r: Rewriter, s: ast.Break, rest: Any, tail: bool, out: list[ast.stmt]) -> None:
    """`break`, as a flag that ends the loop."""
    loop = r.frame.loop
    r.bound = None
    if loop is None or loop.kind == "native":
        out.append(s)
        return
    out.append(assign(loop.stop, constant(True, s), s))
    out.append(r.give_back(s, r.frame))


def continue_(r: Rewriter, s: ast.Continue, rest: Any, tail: bool, out: list[ast.stmt]) -> None:
    """`continue`: the end of a round, or a flag."""
    loop = r.frame.loop
    r.bound = None
    if loop is None or loop.kind == "native":
        out.append(s)
        return
    if loop.kind == "outside":
        out.append(assign(loop.skip, constant(True, s), s))
    out.append(r.give_back(s, r.frame))


def raise_(r: Rewriter, s: ast.Raise, rest: Any, tail: bool, out: list[ast.stmt]) -> None:
    """`raise`, of an exception that is marked as ours."""
    r.touched = True
    if s.exc is not None:
        s.exc = hook("raise_", s, r.expr(s.exc))
    if s.cause is not None:
        s.cause = r.expr(s.cause)
    r.bound = None
    out.append(s)


def try_(r: Rewriter, s: Any, rest: Any, tail: bool, out: list[ast.stmt]) -> tuple[bool, Set]:
    """`try`: native, its parts rewritten."""
    before = r.bound
    body, flags = r.block(s.body, tail=False)
    if s.handlers:
        where = s.body[0]
        item = ast.withitem(hook_itself("catching", where), None)
        body = [placed(ast.With([item], body, None), where)]
    orelse, flags = _if_unbroken(r, s.orelse, flags)
    after = r.bound
    start = None if before is None else before - r.deleted(s.body)
    handlers = []
    for h in s.handlers:
        r.bound = start
        handler, extra = _handler(r, h, s)
        handlers.append(handler)
        flags |= extra
        after = meet(after, r.bound)
    if start is not None:
        parts = [s.orelse, *(h.body for h in s.handlers)]
        start -= r.deleted([x for p in parts for x in p]) | {h.name or "" for h in s.handlers}
    r.bound = start
    last, extra = r.block(s.finalbody, tail=False)
    if extra:  # a jump out of `finally` ends the exception that is under way
        r.leave_natively(extra, last, s.finalbody[-1])
    added = EMPTY if r.bound is None or start is None else r.bound - start
    r.bound = None if after is None else after | added
    out.append(placed(type(s)(body, handlers, orelse, last), s))
    return False, flags


def _if_unbroken(r: Rewriter, stmts: list[ast.stmt], flags: Set) -> tuple[list[ast.stmt], Set]:
    """The `else` of a `try`, which runs where no flag is set."""
    out: list[ast.stmt] = []
    if not stmts:
        return out, flags
    if flags:
        done, flags = r.guard(flags, stmts, False, out, stmts[0])
        if done:
            return out, flags
    more, extra = r.block(stmts, tail=False)
    return out + more, flags | extra


def _handler(r: Rewriter, h: ast.ExceptHandler, s: Any) -> tuple[ast.ExceptHandler, Set]:
    kind = None if h.type is None else r.expr(h.type)
    name, start = h.name, []
    if name is not None:
        wanted = name in r.flow.live[s].after or name in (r.frame.state or ())
        if r.writer(name) is None and not wanted:
            r.bind(name)
            body, flags = r.block(h.body, tail=False)
            r.unbind(name)
            return placed(ast.ExceptHandler(kind, name, body), h), flags
        short = r.fresh("error")
        r.bind_name(name, load(short, h), h, start)
        body, flags = r.block(h.body, tail=False)
        gone: list[ast.stmt] = []
        r.delete_name(name, h, gone)
        attempt = placed(ast.Try(body, [], [], gone), h)
        return placed(ast.ExceptHandler(kind, short, [*start, attempt]), h), flags
    body, flags = r.block(h.body, tail=False)
    return placed(ast.ExceptHandler(kind, None, body or [placed(ast.Pass(), h)]), h), flags


def with_(r: Rewriter, s: Any, rest: Any, tail: bool, out: list[ast.stmt]) -> tuple[bool, Set]:
    """`with`: native, its parts rewritten."""
    passes = all(r.resolver.lets_through(i.context_expr) for i in s.items)
    start: list[ast.stmt] = []
    for item in s.items:
        item.context_expr = r.expr(item.context_expr)
        if item.optional_vars is not None:
            item.optional_vars = r.plain_target(item.optional_vars, start)
    entered = r.bound
    body, flags = r.block(s.body, tail=False)
    if not passes:
        r.bound = entered
    out.append(placed(ast.With(s.items, [*start, *body], None), s))
    return False, flags


def function(r: Rewriter, s: Any, rest: Any, tail: bool, out: list[ast.stmt]) -> None:
    """A definition inside."""
    r.touched = True
    s.decorator_list = [r.expr(x) for x in s.decorator_list]
    s.args.defaults = [r.expr(x) for x in s.args.defaults]
    s.args.kw_defaults = [x and r.expr(x) for x in s.args.kw_defaults]
    if isinstance(s, ast.FunctionDef):
        r.inner(s, r.class_name)
    _define(r, s, out)


def _define(r: Rewriter, s: Any, out: list[ast.stmt]) -> None:
    name = s.name
    if r.writer(name) is not None:
        s.name = r.fresh("def")
        r.shown[s.name] = name
        out.append(s)
        r.bind_name(name, load(s.name, s), s, out)
        return
    r.bind(name)
    out.append(s)


def class_(r: Rewriter, s: ast.ClassDef, rest: Any, tail: bool, out: list[ast.stmt]) -> None:
    """A class inside."""
    r.touched = True
    s.decorator_list = [r.expr(x) for x in s.decorator_list]
    s.bases = [r.expr(x) for x in s.bases]
    _methods(r, s.body, s.name)
    if r.writer(s.name) is None:
        r.bind(s.name)
        out.append(s)
        return
    maker = r.fresh("class")
    body: list[ast.stmt] = [s, placed(ast.Return(load(s.name, s)), s)]
    out.append(define(maker, [], [], body, s))
    r.bind_name(s.name, placed(ast.Call(load(maker, s), [], []), s), s, out)


def _methods(r: Rewriter, stmts: Sequence[ast.stmt], class_name: str) -> None:
    """Rewrite the methods of a class; the class body itself runs as it is."""
    for s in stmts:
        if isinstance(s, ast.FunctionDef):
            r.inner(s, class_name)
        elif isinstance(s, ast.ClassDef):
            _methods(r, s.body, s.name)
        elif isinstance(s, (ast.If, ast.Try, ast.With)):
            _methods(r, [*s.body, *getattr(s, "orelse", [])], class_name)
