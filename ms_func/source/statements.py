"""Statements that leave a block, guard one, or define functions and classes."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from ms_func.source.blocks import Blocks
from ms_func.source.expressions import get_name
from ms_func.source.frames import ITEM, RETURNED, VALUE, meet
from ms_func.source.nodes import (
    assign,
    constant,
    define,
    hook,
    hook_itself,
    load,
    names_tuple,
    placed,
    unpack,
)
from ms_func.source.resolver import EMPTY, Set
from ms_func.source.scoping import target_names


def return_(r: Blocks, s: ast.Return, rest: Any, tail: bool, out: list[ast.stmt]) -> None:
    """`return`: of the user's function, or flags that say so."""
    get_name(s.value)
    value = s.value if s.value is None or r.stays(s) else r.expr(s.value)
    r.bound = None
    if r.frame.state is None:
        s.value = value
        out.append(s)
        return
    out.append(assign(VALUE, value or constant(None, s), s))
    out += [assign(n, constant(True, s), s) for n in dict.fromkeys((RETURNED, *r.frame.stops))]
    out.append(r.give_back(s, r.frame))


def break_(r: Blocks, s: ast.Break, rest: Any, tail: bool, out: list[ast.stmt]) -> None:
    """`break`, as a flag that ends the loop."""
    loop, bound = r.frame.loop, r.bound
    r.bound = None
    if loop is None or loop.kind == "native":
        out.append(s)
        return
    r.breaks[loop.stop] = meet(r.breaks.get(loop.stop), bound)
    out.append(assign(loop.stop, constant(True, s), s))
    out.append(r.give_back(s, r.frame))


def continue_(r: Blocks, s: ast.Continue, rest: Any, tail: bool, out: list[ast.stmt]) -> None:
    """`continue`: the end of a round, or a flag."""
    loop = r.frame.loop
    r.bound = None
    if loop is None or loop.kind == "native":
        out.append(s)
        return
    if loop.kind == "outside":
        out.append(assign(loop.skip, constant(True, s), s))
    out.append(r.give_back(s, r.frame))


def raise_(r: Blocks, s: ast.Raise, rest: Any, tail: bool, out: list[ast.stmt]) -> None:
    """`raise`, of an exception that is marked as ours."""
    r.touched = True
    given = [x for x in (s.exc, s.cause) if x is not None]
    if given:
        s.exc = hook("raise_", s, *map(r.expr, given))
    elif r.handled is not None:
        s.exc = hook("raise_", s, load(r.handled, s))
    s.cause = None
    r.bound = None
    out.append(s)


def try_(r: Blocks, s: Any, rest: Any, tail: bool, out: list[ast.stmt]) -> tuple[bool, Set]:
    """`try`: a call of a hook on functions of its parts; native where it yields."""
    if not r.flow.is_converted(s):
        return _native_try(r, s, out)
    return _finally(r, s, out) if s.finalbody else _caught(r, s, out)


def _caught(r: Blocks, s: ast.Try, out: list[ast.stmt]) -> tuple[bool, Set]:
    """`try` with handlers."""
    flow, live, at = r.flow, r.flow.live[s], s.body[0]
    parts = [s.body, *(h.body for h in s.handlers)]
    ends = EMPTY.union(*map(flow.completions, parts))
    needed, bound = live.needed(ends, live.after), flow.bound_by(s)
    state = r.plain(bound & needed) + r.prepared(ends, out, at)
    r.must_exist(state)
    body, after = r.branch("try", s.body, state, live.body, at, False)
    functions, pairs = [body], []
    before = r.bound
    for h in s.handlers:
        r.bound = None if before is None else before - r.deleted(s.body)
        kinds = constant(None, h) if h.type is None else r.piece(h.type)
        function, met = _handler_function(r, h, state)
        functions.append(function)
        pairs.append(placed(ast.Tuple([kinds, load(function.name, h)], ast.Load()), h))
        after = meet(after, met)
    r.goes_on(after, before, state)
    handlers = placed(ast.Tuple(pairs, ast.Load()), at)
    call = hook("try_", at, load(body.name, at), handlers, names_tuple(state, at),
                r.shown_names(state, at))  # fmt: skip
    out += [*functions, unpack(state, call, at)]
    return False, ends & {"R", "B", "C"}


def _handler_function(
    r: Blocks, h: ast.ExceptHandler, state: list[str]
) -> tuple[ast.FunctionDef, Set | None]:
    """A handler as a function of the exception and the state, and the names bound at its end."""
    short, (outer, before) = r.fresh("error"), (r.handled, r.bound)
    frame, start, needed = r.inside(state), [], r.first(h.body)
    given = EMPTY if h.name is None else frozenset((h.name,))
    if h.name is not None:
        with r.at(frame):
            r.bind_name(h.name, load(short, h), h, start)
    r.handled = short
    function = r.generated("except", h.body, frame, [short, *state], needed, h, given)
    r.handled = outer
    function.body[:0] = start
    if h.name is not None and (h.name in state or r.writer(h.name)):
        with r.at(frame):
            gone: list[ast.stmt] = []
            r.delete_name(h.name, h, gone)
        function.body[-1:-1] = gone
    after, r.bound = r.bound, before
    return function, after


def _finally(r: Blocks, s: ast.Try, out: list[ast.stmt]) -> tuple[bool, Set]:
    """`try` with `finally` alone, which comes to its end without a jump."""
    flow, live, at, before = r.flow, r.flow.live[s], s.body[0], r.bound
    ends, last = flow.completions(s.body), r.first(s.finalbody)
    needed = last | live.needed(ends, live.after)
    state = r.plain(flow.binds(s.body) & needed) + r.prepared(ends, out, at)
    r.must_exist(state)
    body, after = r.branch("try", s.body, state, live.body, at, False)
    raised = r.temporary()
    call = hook("guarded_", at, load(body.name, at), names_tuple(state, at))
    out += [body, unpack([raised, *state], call, at)]
    start = r.bound = None if before is None else before - r.deleted(s.body)
    statements, _ = r.block(s.finalbody, tail=False)
    end = hook("ended", s.finalbody[-1], load(raised, s.finalbody[-1]))
    out += [*statements, placed(ast.Expr(end), s.finalbody[-1])]
    added = EMPTY if r.bound is None or start is None else r.bound - start
    r.goes_on(None if after is None else after | added, before, [*state, *added])
    return False, ends & {"R", "B", "C"}


def _native_try(r: Blocks, s: Any, out: list[ast.stmt]) -> tuple[bool, Set]:
    before = r.bound
    body, flags = r.block(s.body, tail=False)
    jumps = r.flow.jumps_out(s)
    if s.handlers or jumps:
        where = s.body[0]
        item = ast.withitem(hook_itself("ending" if jumps else "catching", where), None)
        body = [placed(ast.With([item], body, None), where)]
    orelse, flags = _if_unbroken(r, s.orelse, flags)
    after = r.bound
    start = None if before is None else before - r.deleted(s.body)
    handlers, outer, r.handled = [], r.handled, None
    for h in s.handlers:
        r.bound = start
        handler, extra = _handler(r, h, s)
        handlers.append(handler)
        flags |= extra
        after = meet(after, r.bound)
    if start is not None:
        parts = [s.orelse, *(h.body for h in s.handlers)]
        start -= r.deleted([x for p in parts for x in p]) | {h.name or "" for h in s.handlers}
    r.bound, r.handled = start, outer
    last, extra = r.block(s.finalbody, tail=False)
    if extra:  # a jump out of `finally` ends the exception that is under way
        r.leave_natively(extra, last, s.finalbody[-1])
    if jumps:  # nor may it end a refusal
        last.insert(0, placed(ast.Expr(hook("refuse", s.finalbody[0])), s.finalbody[0]))
    added = EMPTY if r.bound is None or start is None else r.bound - start
    r.bound = None if after is None else after | added
    out.append(placed(type(s)(body, handlers, orelse, last), s))
    return False, flags


def _if_unbroken(r: Blocks, stmts: list[ast.stmt], flags: Set) -> tuple[list[ast.stmt], Set]:
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


def _handler(r: Blocks, h: ast.ExceptHandler, s: Any) -> tuple[ast.ExceptHandler, Set]:
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


def with_(r: Blocks, s: Any, rest: Any, tail: bool, out: list[ast.stmt]) -> tuple[bool, Set]:
    """`with`: a call of a hook on a function of what is entered; native where it yields."""
    if not r.flow.is_converted(s):
        return _native_with(r, s, out)
    flow, live, (item,) = r.flow, r.flow.live[s], s.items
    at = item.context_expr
    manager, ends, before = r.expr(at), flow.completions(s.body), r.bound
    bound = flow.binds(s.body) | (target_names(item.optional_vars) if item.optional_vars else EMPTY)
    state = r.plain(bound & live.needed(ends | {"N"}, live.after)) + r.prepared(ends, out, at)
    r.must_exist(state)
    frame, start, given = r.inside(state), [], EMPTY
    if item.optional_vars is not None:
        with r.at(frame):
            r.assign_to(item.optional_vars, load(ITEM, at), start)
        given = frozenset(target_names(item.optional_vars))
    function = r.generated("with", s.body, frame, [ITEM, *state], live.body, at, given)
    function.body[:0] = start
    call = hook("with_", at, manager, load(function.name, at), names_tuple(state, at),
                r.shown_names(state, at))  # fmt: skip
    out += [function, unpack(state, call, at)]
    r.bound = before
    return False, ends & {"R", "B", "C"}


def _native_with(r: Blocks, s: Any, out: list[ast.stmt]) -> tuple[bool, Set]:
    passes = r.flow.lets_through(s)
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


def function(r: Blocks, s: Any, rest: Any, tail: bool, out: list[ast.stmt]) -> None:
    """A definition inside."""
    r.touched = True
    s.decorator_list = [r.expr(x) for x in s.decorator_list]
    s.args.defaults = [r.expr(x) for x in s.args.defaults]
    s.args.kw_defaults = [x and r.expr(x) for x in s.args.kw_defaults]
    if isinstance(s, ast.FunctionDef):
        r.inner(s, r.class_name)
    _define(r, s, out)


def _define(r: Blocks, s: Any, out: list[ast.stmt]) -> None:
    name = s.name
    if r.writer(name) is not None:
        s.name = r.fresh("def")
        r.shown[s.name] = name
        out.append(s)
        r.bind_name(name, load(s.name, s), s, out)
        return
    r.bind(name)
    out.append(s)


def class_(r: Blocks, s: ast.ClassDef, rest: Any, tail: bool, out: list[ast.stmt]) -> None:
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


def _methods(r: Blocks, stmts: Sequence[ast.stmt], class_name: str) -> None:
    """Rewrite the methods of a class; the class body itself runs as it is."""
    for s in stmts:
        if isinstance(s, ast.FunctionDef):
            r.inner(s, class_name)
        elif isinstance(s, ast.ClassDef):
            _methods(r, s.body, s.name)
        elif isinstance(s, (ast.If, ast.Try, ast.With)):
            _methods(r, [*s.body, *getattr(s, "orelse", [])], class_name)
