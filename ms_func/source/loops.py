"""Loops become calls of hooks on a function of one round."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from ms_func.source.blocks import Blocks
from ms_func.source.flow import is_endless
from ms_func.source.frames import ITEM, RETURNED, Frame, Loop
from ms_func.source.nodes import (
    assign,
    constant,
    define,
    hook,
    load,
    names_tuple,
    placed,
    thunk,
    unpack,
)
from ms_func.source.resolver import EMPTY, Set
from ms_func.source.scoping import target_names


def while_(r: Blocks, s: ast.While, rest: Any, tail: bool, out: list[ast.stmt]) -> Any:
    """A `while` loop."""
    if r.flow.yields([s]):
        return _native(r, s, out)
    loop, state, entry = _state(r, s, out)
    function = _body(r, s, loop, state, s.body, entry)
    r.bound, at = entry, s.test
    test = _test(r, s, loop, state)
    check = define(r.fresh("test"), state, [], [placed(ast.Return(test), at)], at)
    out += [check, function]
    call = hook("while_", at, load(check.name, at), load(function.name, at),
                names_tuple(state, at), _shown(r, loop, state, at))  # fmt: skip
    out.append(unpack(state, call, at))
    return _after(r, s, loop, state, out)


def _test(r: Blocks, s: ast.While, loop: Loop, state: Sequence[str]) -> ast.expr:
    """Whether there is another round."""
    at, forever = s.test, is_endless(s)
    r.depth += 1
    test = constant(True, at) if forever else r.whole(at)
    r.depth -= 1
    if loop.stop not in state:
        return test
    going = hook("not_", at, load(loop.stop, at))
    return going if forever else hook("and_", at, going, thunk(test, at))


def for_(r: Blocks, s: ast.For, rest: Any, tail: bool, out: list[ast.stmt]) -> Any:
    """A `for` loop."""
    if r.flow.yields([s]):
        return _native(r, s, out)
    iterable = r.whole(s.iter)
    loop, state, entry = _state(r, s, out)
    function = _body(r, s, loop, state, s.body, entry, s.target)
    out.append(function)
    r.bound, at = entry, s.iter
    call = hook("for_", at, iterable, load(function.name, at), names_tuple(state, at),
                _shown(r, loop, state, at))  # fmt: skip
    if loop.stop in state:
        call.args.append(constant(state.index(loop.stop), at))
    out.append(unpack(state, call, at))
    return _after(r, s, loop, state, out)


def _state(r: Blocks, s: Any, out: list[ast.stmt]) -> tuple[Loop, list[str], Set | None]:
    """The loop, its state, and the names bound at the start of each round."""
    live, flow = r.flow.live[s], r.flow
    loop = r.new_loop("body")
    ends = flow.completions(s.body)
    binds = flow.binds(s.body) | (target_names(s.target) if isinstance(s, ast.For) else EMPTY)
    needed = live.head | live.needed(ends & {"R"} | {"N"}, live.after) | live.orelse
    state = r.plain(binds & needed) + r.prepared(ends & {"R"}, out, s)
    if "B" in ends:
        state.append(loop.stop)
    elif "R" in ends:  # `return` is the one way out: its flag ends the loop
        loop = loop._replace(stop=RETURNED)
    if loop.stop in state:
        out.append(assign(loop.stop, constant(False, s), s))
    r.must_exist(state)
    entry = r.bound
    if entry is not None:
        entry -= r.deleted(s.body)
    return loop, state, entry


def _body(
    r: Blocks, s: Any, loop: Loop, state: list[str], stmts: list[ast.stmt], entry: Set | None,
    target: ast.expr | None = None,
) -> ast.FunctionDef:  # fmt: skip
    """Function of one round."""
    frame = Frame(state, loop, (*r.frame.stops, loop.stop))
    before, r.bound = r.bound, entry
    start: list[ast.stmt] = []
    params, given = state, EMPTY
    if target is not None:
        with r.at(frame):
            params = [_item(r, target, state, start), *state]
        given = frozenset(target_names(target))
    function = r.generated("body", stmts, frame, params, EMPTY, s, given)
    function.body[:0] = start
    r.bound = before
    return function


def _item(r: Blocks, target: ast.expr, state: Sequence[str], start: list[ast.stmt]) -> str:
    """Parameter of a loop's body for the item; `start` binds what it does not."""
    if isinstance(target, ast.Name) and target.id not in state and not r.writer(target.id):
        r.bind(target.id)
        return target.id
    r.assign_to(target, load(ITEM, target), start)
    return ITEM


def _shown(r: Blocks, loop: Loop, state: Sequence[str], at: Any) -> ast.Constant:
    """Names of the state for the hook, which knows the flag that ends the loop by its name."""
    stop = r.shown_flags[loop.stop]
    r.shown_flags[loop.stop] = "<break>"
    found = r.shown_names(state, at)
    r.shown_flags[loop.stop] = stop
    return found


def _after(r: Blocks, s: Any, loop: Loop, state: list[str], out: list[ast.stmt]) -> Any:
    """The `else` block, and flags that may be set."""
    flags = r.flow.completions(s.body) & {"R"}
    left = (r.breaks.get(loop.stop) or EMPTY).intersection(state)
    if is_endless(s) and r.bound is not None:
        r.goes_on(r.bound | left, r.bound, state)
    if not s.orelse or is_endless(s):
        return False, flags
    if loop.stop not in state:
        body, more = r.block(s.orelse, tail=False)
        out += body
        return False, flags | more
    go = hook("not_", s, load(loop.stop, s))
    live, ends = r.flow.live[s], r.flow.completions(s.orelse)
    more = r.choose(go, s.orelse, (), live.needed(ends, live.after), live.orelse, EMPTY,
                    ends | {"N"}, s, out, skipped=left)  # fmt: skip
    return False, flags | more


def _native(r: Blocks, s: Any, out: list[ast.stmt]) -> tuple[bool, Set]:
    """A loop that yields: it stays a loop of the generator."""
    r.touched = True
    frame, before = r.frame, r.bound
    loop = r.new_loop("native")
    start: list[ast.stmt] = []
    targets: Any = EMPTY
    if isinstance(s, ast.While):
        s.test = r.decided(s.test, "yield")
    else:
        s.iter, targets = r.expr(s.iter), target_names(s.target)
        s.target = r.plain_target(s.target, start)
    if before is not None:
        r.bound = (before - r.deleted(s.body)) | targets
    outer, frame.loop = frame.loop, loop
    body, _ = r.block(s.body, tail=False)
    frame.loop, r.bound = outer, before
    s.body = [*start, *body] or [placed(ast.Pass(), s)]
    s.orelse, flags = r.block(s.orelse, tail=False)
    r.bound = before
    out.append(s)
    return False, flags
