"""Statements: decisions and loops become calls of hooks on functions of the names they bind.

A block that may not run, or may run often, becomes a function from the names it needs and binds
to their new values (its *state*). Leaving a block by `return`, `break` or `continue` sets a flag
in the state, and what follows is guarded by it; where only one side of an `if` goes on, what
follows moves into that side instead and no flag is needed.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any, NamedTuple

from ms_func.source.expressions import Resolver
from ms_func.source.flow import EMPTY, Flow, Set, Targets, is_endless
from ms_func.source.nodes import (
    assign,
    constant,
    define,
    hook,
    hook_itself,
    load,
    names_tuple,
    place,
    store,
    thunk,
    undefined,
    unpack,
)
from ms_func.source.scoping import Names, all_arguments, names_of, target_names
from ms_func.source.stores import Stores

RETURNED, VALUE, ITEM = "__ms_returned", "__ms_value", "__ms_item"
_SHOWN = {RETURNED: "<returned>", VALUE: "<return>"}


class Loop(NamedTuple):
    """The innermost loop around a place.

    Attributes:
        stop: name of its break flag.
        skip: name of its continue flag.
        kind: "native" if it is a loop of the generated function itself, "body" if that
            function is its body, "outside" if it is further out.
    """

    stop: str
    skip: str
    kind: str


class Frame:
    """A function that is being generated, or the user's own.

    Attributes:
        state: names it returns; None where `return` returns from the user's function.
        loop: innermost loop around the place.
        stops: break flags of the loops between here and the user's function.
        unsure: names that must hold UNDEFINED at its start.
        flags: whether flags for `return` are needed at its start.
    """

    def __init__(self, state: list[str] | None, loop: Loop | None, stops: tuple[str, ...]) -> None:
        self.state = state
        self.loop = loop
        self.stops = stops
        self.unsure: set[str] = set()
        self.flags = False

    def flags_of(self, completions: Set) -> list[str]:
        """Flags that these completions set."""
        found: list[str] = []
        if "R" in completions:
            found += [RETURNED, VALUE, *self.stops]
        if self.loop is not None:
            if "B" in completions:
                found.append(self.loop.stop)
            if "C" in completions:
                found.append(self.loop.skip)
        return list(dict.fromkeys(found))


class Rewriter(Stores):
    """Rewrites one function of the user's."""

    def __init__(
        self, node: Any, resolver: Resolver, class_name: str | None, shown: dict[str, str],
        names: Names | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.node = node
        self.class_name = class_name
        self.shown = shown
        self.names = names_of(node, resolver.is_ours) if names is None else names
        self.local = frozenset(self.names.binds - self.names.globals - self.names.nonlocals)
        self.resolver = resolver.inside(self.local | self.names.nonlocals)
        self.flow = Flow(self.names, self.is_static, self.resolver.lets_through)
        self.depth = 0
        self.params: Set = frozenset(a.arg for a in all_arguments(node.args))
        self.bound: Set | None = self.params
        first = [*node.args.posonlyargs, *node.args.args]
        self.first_argument = first[0].arg if first else None
        self.frame = Frame(None, None, ())
        self.unsure = self.frame.unsure
        self.cells = EMPTY
        self.shown_flags.update(_SHOWN)
        self._loops = 0

    # --- the function -------------------------------------------------------------------------

    def function(self) -> None:
        """Rewrite the body of the definition or lambda in place."""
        node = self.node
        if isinstance(node, ast.Lambda):
            self.cells = frozenset(self.names.captured) & self.local
            self._in_lambda = 1
            node.body = self.expr(node.body)
            return
        self.flow.block(node.body, EMPTY, Targets())
        self.cells = self.local & (self.names.captured | self.names.late | self.flow.shared)
        stmts, at = node.body, node.body[0]
        docs = 1 if _is_text(stmts[0]) else 0
        body = self.frame_body(self.frame, stmts[docs:], node)
        missing = [assign(n, undefined(at), at) for n in sorted(self.unsure - self.params)]
        node.body = [*stmts[:docs], *self._declarations(node), *missing, *body]

    def _declarations(self, node: Any) -> list[ast.stmt]:
        at = node.body[0]
        found: list[ast.stmt] = []
        if self.names.generator:  # also where all that yields is dead code; generates no code
            nothing = ast.Expr(ast.Yield(None, **place(at)), **place(at))
            found.append(ast.If(constant(False, at), [nothing], [], **place(at)))
        if self.names.globals:
            found.append(ast.Global(sorted(self.names.globals), **place(at)))
        if self.names.nonlocals:
            found.append(ast.Nonlocal(sorted(self.names.nonlocals), **place(at)))
        found += [  # make these names local and generate no code
            ast.AnnAssign(store(name, at), constant(None, at), None, 1, **place(at))
            for name in sorted(self.cells - self.params)
        ]
        return found

    def frame_body(self, frame: Frame, stmts: Sequence[ast.stmt], at: Any) -> list[ast.stmt]:
        """Body of the function of `frame`, from the user's statements."""
        outer, self.frame, self.unsure = self.frame, frame, frame.unsure
        body, _ = self.block(stmts, tail=True)
        self.frame, self.unsure = outer, outer.unsure
        start: list[ast.stmt] = []
        where = stmts[0] if stmts else at
        if frame.flags:
            start.append(assign(RETURNED, constant(False, where), where))
            start.append(assign(VALUE, undefined(where), where))
        if frame.state is not None and not (body and isinstance(body[-1], ast.Return)):
            body.append(self.give_back(stmts[-1] if stmts else at, frame))
        return [*start, *body]

    def give_back(self, at: Any, frame: Frame) -> ast.Return:
        """End of a block's function: its state."""
        assert frame.state is not None
        return ast.Return(names_tuple(frame.state, at), **place(at))

    # --- blocks -------------------------------------------------------------------------------

    def block(self, stmts: Sequence[ast.stmt], tail: bool) -> tuple[list[ast.stmt], Set]:
        """Rewritten statements, and which flags may be set when they end.

        Args:
            stmts: the user's statements.
            tail: whether the function at hand ends where the block ends.
        """
        out: list[ast.stmt] = []
        pending: Set = EMPTY
        for i, s in enumerate(stmts):
            dead = "N" not in self.flow.completion(s)
            rest = () if dead else stmts[i + 1 :]
            moved, flags = self.statement(s, rest, tail, out)
            if flags and self.frame.loop is not None and self.frame.loop.kind == "native":
                self._leave_natively(flags, out, s)
                flags = EMPTY
            if moved:
                return out, pending | flags
            if dead and flags and self.frame.state is None and not self.frame.loop:
                out.append(ast.Return(load(VALUE, s), **place(s)))  # no way leads past `s`
                self.bound = None
                return out, pending
            if flags and (rest or tail):
                done, left = self.guard(flags, rest, tail, out, s)
                pending |= left
                if done:
                    return out, pending
            else:
                pending |= flags
            if dead:
                self.bound = None
                break
        return out, pending

    def statement(
        self, s: Any, rest: Sequence[ast.stmt], tail: bool, out: list[ast.stmt]
    ) -> tuple[bool, Set]:
        """Rewrite one statement; whether `rest` went along, and the flags that may be set."""
        rule = _STATEMENTS.get(type(s))
        if rule is not None:
            found = rule(self, s, rest, tail, out)
            return (False, EMPTY) if found is None else found
        self.simple(s, out)
        return False, EMPTY

    def guard(
        self, flags: Set, rest: Sequence[ast.stmt], tail: bool, out: list[ast.stmt], at: Any
    ) -> tuple[bool, Set]:
        """Let `rest` run only where no flag is set; whether it was taken care of, and flags."""
        frame = self.frame
        if self.flow.yields(rest):
            self._leave_natively(flags, out, at)
            return False, EMPTY
        if tail and frame.state is not None and not rest:
            return True, flags
        returned = load(RETURNED, at)
        ends = self.flow.completions(rest)
        whole = frame.state is None and flags == {"R"} and not {"B", "C"} & ends
        if whole and (tail or "N" not in ends):
            given = thunk(load(VALUE, at), at)
            value = self.value_of(rest, self.first(rest), at, out)
            out.append(ast.Return(hook("ifexp", at, returned, given, value), **place(at)))
            self.bound = None
            return True, EMPTY
        if not rest:
            return True, flags
        go = hook("not_", at, self._any_flag(flags, at))
        live = self.flow.live[rest[0]]
        after = self.flow.live[rest[-1]].after
        outcome = self.choose(go, rest, (), live.needed(ends, after), self.first(rest), EMPTY,
                              ends | {"N"}, at, out)  # fmt: skip
        return True, flags | outcome

    def first(self, stmts: Sequence[ast.stmt]) -> Set:
        """Names needed before `stmts`, which stand at the end of a block."""
        if not stmts:
            return EMPTY
        last = self.flow.live[stmts[-1]]
        return self.flow.block(stmts, last.after, last.to, keep=False)

    def _any_flag(self, flags: Set, at: Any) -> ast.expr:
        """Whether one of these flags is set."""
        loop = self.frame.loop
        names: list[str] = []
        if "R" in flags:
            names.append(self.frame.stops[-1] if self.frame.stops else RETURNED)
        if loop is not None and "B" in flags:
            names.append(loop.stop)
        if loop is not None and "C" in flags:
            names.append(loop.skip)
        names = list(dict.fromkeys(names))
        found: ast.expr = load(names.pop(), at)
        for name in reversed(names):
            found = hook("or_", at, load(name, at), thunk(found, at))
        return found

    def _leave_natively(self, flags: Set, out: list[ast.stmt], at: Any) -> None:
        """Leave a native loop, a generator or a `finally` block where a flag is set."""
        loop, frame = self.frame.loop, self.frame
        native = loop is not None and loop.kind == "native"
        ways: list[tuple[str, ast.stmt]] = []
        if "R" in flags:
            given = frame.state is None and ast.Return(load(VALUE, at), **place(at))
            ways.append((RETURNED, given or self.give_back(at, frame)))
        if loop is not None and "B" in flags:
            leave = ast.Break(**place(at)) if native else self.give_back(at, frame)
            ways.append((loop.stop, leave))
        if loop is not None and "C" in flags:
            leave = ast.Continue(**place(at)) if native else self.give_back(at, frame)
            ways.append((loop.skip, leave))
        what = constant("yield" if self.names.generator else "finally", at)
        for name, leave in ways:
            out.append(ast.If(hook("truth", at, load(name, at), what), [leave], [], **place(at)))

    # --- choices ------------------------------------------------------------------------------

    def _if(self, s: ast.If, rest: Any, tail: bool, out: list[ast.stmt]) -> tuple[bool, Set]:
        if self.is_static(s.test) or self.flow.yields([s]):
            return self._native_if(s, rest, tail, out)
        flow, live = self.flow, self.flow.live[s]
        body, orelse, after, moved = list(s.body), list(s.orelse), live.after, False
        goes_on = ["N" in flow.completions(body), "N" in flow.completions(orelse)]
        if rest and goes_on[0] != goes_on[1] and not flow.yields(rest):
            moved, after = True, flow.live[rest[-1]].after
            (body if goes_on[0] else orelse).extend(rest)
        ends = flow.completions(body) | flow.completions(orelse)
        if self._gives_value(ends, tail and (moved or not rest), moved):
            self._value_if(s, body, orelse, out)
            return True, EMPTY
        test = self._test(s, out)
        flags = self.choose(test, body, orelse, live.needed(ends, after), live.body, live.orelse,
                            ends, s.test, out)  # fmt: skip
        return moved, flags

    def _gives_value(self, ends: Set, tail: bool, moved: bool) -> bool:
        """Whether both sides give the value of the user's function."""
        if self.frame.state is not None or ends & {"B", "C"}:
            return False
        return ("R" in ends or (moved and "X" in ends)) and (tail or "N" not in ends)

    def _test(self, s: ast.If, out: list[ast.stmt]) -> ast.expr:
        """The condition, evaluated beforehand where it binds names."""
        binds = self.names.uses(s.test).binds
        test = self.whole(s.test)
        if not binds:
            return test
        out.append(assign("__ms_test", test, s.test))
        return load("__ms_test", s.test)

    def _value_if(self, s: ast.If, body: Any, orelse: Any, out: list[ast.stmt]) -> None:
        test, live = self._test(s, out), self.flow.live[s]
        then = self.value_of(body, live.body, s.test, out)
        other = self.value_of(orelse, live.orelse, s.test, out)
        value = hook("ifexp", s.test, test, then, other)
        out.append(ast.Return(value, **place(s.test)))
        self.bound = None

    def value_of(
        self, stmts: Sequence[ast.stmt], needed: Set, at: Any, out: list[ast.stmt]
    ) -> ast.expr:
        """Function without arguments that runs `stmts`, the rest of the user's function."""
        if not stmts:
            return thunk(constant(None, at), at)
        only = stmts[0]
        if isinstance(only, ast.Return) and not self.flow.bound_by(only):
            return self.piece(only.value) if only.value else thunk(constant(None, at), at)
        before = self.bound
        function = self.generated("value", stmts, Frame(None, None, ()), [], needed, at)
        self.bound = before
        out.append(function)
        return load(function.name, at)

    def choose(
        self, test: ast.expr, body: Sequence[ast.stmt], orelse: Sequence[ast.stmt], needed: Set,
        body_needs: Set, orelse_needs: Set, ends: Set, at: Any, out: list[ast.stmt],
    ) -> Set:  # fmt: skip
        """Call of `if_`; gives the flags that may be set."""
        flow = self.flow
        state = self.plain((flow.binds(body) | flow.binds(orelse)) & needed)
        state += self.prepared(ends, out, at)
        self.must_exist(state)
        before = self.bound
        then, then_bound = self.branch("then", body, state, body_needs, at)
        other: ast.expr = constant(None, at)
        other_bound = before
        if orelse:
            function, other_bound = self.branch("else", orelse, state, orelse_needs, at)
            out.append(then)
            out.append(function)
            other = load(function.name, at)
        else:
            out.append(then)
        self.bound = meet(then_bound, other_bound)
        call = hook("if_", at, test, load(then.name, at), other, names_tuple(state, at),
                    self.shown_names(state, at))  # fmt: skip
        out.append(unpack(state, call, at))
        return ends & {"R", "B", "C"}

    def branch(
        self, what: str, stmts: Sequence[ast.stmt], state: list[str], needed: Set, at: Any
    ) -> tuple[ast.FunctionDef, Set | None]:
        """Function of one side of a choice, and the names bound at its end."""
        loop, before = self.frame.loop, self.bound
        inner = None if loop is None else loop._replace(kind="outside")
        frame = Frame(state, inner, self.frame.stops)
        function = self.generated(what, stmts, frame, state, needed, at)
        after, self.bound = self.bound, before
        return function, after

    def generated(
        self, what: str, stmts: Sequence[ast.stmt], frame: Frame, params: Sequence[str],
        needed: Set, at: Any, given: Set = EMPTY,
    ) -> ast.FunctionDef:  # fmt: skip
        """Function of `frame` that runs `stmts`, with defaults for what only it needs.

        Names of `given` are bound by what the caller puts before `stmts`.
        """
        binds = self.flow.binds(stmts)
        extra = [n for n in self.plain(binds & needed) if n not in params]
        self.must_exist(extra)
        name = self.fresh(what)
        if self.bound is not None:  # what it binds is its own, and not bound at its start
            self.bound -= frozenset(self.plain(binds)).difference(params, extra, given)
        self.depth += 1
        body = self.frame_body(frame, stmts, at)
        self.depth -= 1
        known = {*params, *extra, *given}
        missing = [n for n in sorted(frame.unsure - known) if n in binds]
        start = [assign(n, undefined(at), at) for n in missing]
        self.unsure |= frame.unsure - known - set(missing)
        return define(name, params, extra, [*start, *body], at)

    def _native_if(self, s: ast.If, rest: Any, tail: bool, out: list[ast.stmt]) -> tuple[bool, Set]:
        test = self.decided(s.test, "yield")
        tail, before = tail and not rest, self.bound
        body, flags = self.block(s.body, tail)
        after, self.bound = self.bound, before
        orelse, more = self.block(s.orelse, tail)
        self.bound = meet(after, self.bound)
        out.append(ast.If(test, body or [ast.Pass(**place(s))], orelse, **place(s)))
        return False, flags | more

    def prepared(self, ends: Set, out: list[ast.stmt], at: Any) -> list[str]:
        """Flags that these completions set, given a value where that has not been done."""
        frame, loop = self.frame, self.frame.loop
        if "R" in ends and frame.state is None:
            frame.flags = True
        if loop is not None and loop.kind == "native":
            for letter, name in (("B", loop.stop), ("C", loop.skip)):
                if letter in ends:
                    out.append(assign(name, constant(False, at), at))
        return frame.flags_of(ends)

    # --- loops --------------------------------------------------------------------------------

    def _while(self, s: ast.While, rest: Any, tail: bool, out: list[ast.stmt]) -> Any:
        if self.flow.yields([s]):
            return self._native_loop(s, out)
        loop, state, entry = self.loop_state(s, out)
        function = self.loop_body(s, loop, state, [], s.body, entry)
        forever = is_endless(s)
        self.depth += 1
        before, self.bound = self.bound, entry
        test = constant(True, s.test) if forever else self.whole(s.test)
        if loop.stop in state:
            going = hook("not_", s.test, load(loop.stop, s.test))
            test = going if forever else hook("and_", s.test, going, thunk(test, s.test))
        self.bound = before
        self.depth -= 1
        check = define(self.fresh("test"), state, [], [ast.Return(test, **place(s.test))], s.test)
        out += [check, function]
        self.bound = entry
        call = hook("while_", s.test, load(check.name, s.test), load(function.name, s.test),
                    names_tuple(state, s.test), self.shown_names(state, s.test))  # fmt: skip
        out.append(unpack(state, call, s.test))
        return self.after_loop(s, loop, state, out)

    def _for(self, s: ast.For, rest: Any, tail: bool, out: list[ast.stmt]) -> Any:
        if self.flow.yields([s]):
            return self._native_loop(s, out)
        iterable = self.whole(s.iter)
        loop, state, entry = self.loop_state(s, out)
        function = self.loop_body(s, loop, state, [ITEM], s.body, entry, s.target)
        out.append(function)
        self.bound, at = entry, s.iter
        call = hook("for_", at, iterable, load(function.name, at), names_tuple(state, at),
                    self.shown_names(state, at))  # fmt: skip
        if loop.stop in state:
            call.args.append(constant(state.index(loop.stop), at))
        out.append(unpack(state, call, at))
        return self.after_loop(s, loop, state, out)

    def loop_state(self, s: Any, out: list[ast.stmt]) -> tuple[Loop, list[str], Set | None]:
        """The loop, its state, and the names bound at the start of each round."""
        live, flow = self.flow.live[s], self.flow
        self._loops += 1
        loop = Loop(f"__ms_stop{self._loops}", f"__ms_skip{self._loops}", "body")
        self.shown_flags[loop.stop], self.shown_flags[loop.skip] = "<break>", "<continue>"
        ends = flow.completions(s.body)
        binds = flow.binds(s.body) | (target_names(s.target) if isinstance(s, ast.For) else EMPTY)
        needed = live.head | live.needed(ends & {"R"} | {"N"}, live.after) | live.orelse
        state = self.plain(binds & needed) + self.prepared(ends & {"R"}, out, s)
        if ends & {"B", "R"}:
            state.append(loop.stop)
            out.append(assign(loop.stop, constant(False, s), s))
        self.must_exist(state)
        entry = self.bound
        if entry is not None:
            entry -= self.deleted(s.body)
        return loop, state, entry

    def loop_body(
        self, s: Any, loop: Loop, state: list[str], params: list[str],
        stmts: list[ast.stmt], entry: Set | None, target: ast.expr | None = None,
    ) -> ast.FunctionDef:  # fmt: skip
        """Function of one round."""
        frame = Frame(state, loop, (*self.frame.stops, loop.stop))
        before, self.bound = self.bound, entry
        start: list[ast.stmt] = []
        if target is not None:
            self.depth += 1
            outer, self.frame, self.unsure = self.frame, frame, frame.unsure
            self.assign_to(target, load(ITEM, target), start)
            self.frame, self.unsure = outer, outer.unsure
            self.depth -= 1
        if "C" in self.flow.completions(stmts):
            start.append(assign(loop.skip, constant(False, s), s))
        given = EMPTY if target is None else frozenset(target_names(target))
        function = self.generated("body", stmts, frame, [*params, *state], EMPTY, s, given)
        function.body[:0] = start
        self.bound = before
        return function

    def after_loop(self, s: Any, loop: Loop, state: list[str], out: list[ast.stmt]) -> Any:
        """The `else` block, and flags that may be set."""
        flags = self.flow.completions(s.body) & {"R"}
        if not s.orelse or is_endless(s):
            return False, flags
        if loop.stop not in state:
            body, more = self.block(s.orelse, tail=False)
            out += body
            return False, flags | more
        go = hook("not_", s, load(loop.stop, s))
        live, ends = self.flow.live[s], self.flow.completions(s.orelse)
        more = self.choose(go, s.orelse, (), live.needed(ends, live.after), live.orelse, EMPTY,
                           ends | {"N"}, s, out)  # fmt: skip
        return False, flags | more

    def _native_loop(self, s: Any, out: list[ast.stmt]) -> tuple[bool, Set]:
        """A loop that yields: it stays a loop of the generator."""
        frame, before = self.frame, self.bound
        self._loops += 1
        loop = Loop(f"__ms_stop{self._loops}", f"__ms_skip{self._loops}", "native")
        self.shown_flags[loop.stop], self.shown_flags[loop.skip] = "<break>", "<continue>"
        start: list[ast.stmt] = []
        if isinstance(s, ast.While):
            s.test = self.decided(s.test, "yield")
        else:
            s.iter = self.expr(s.iter)
            s.target = self.plain_target(s.target, start)
        if before is not None:
            targets = target_names(s.target) if isinstance(s, ast.For) else EMPTY
            self.bound = (before - self.deleted(s.body)) | targets
        outer, frame.loop = frame.loop, loop
        body, _ = self.block(s.body, tail=False)
        frame.loop, self.bound = outer, before
        s.body = [*start, *body] or [ast.Pass(**place(s))]
        s.orelse, flags = self.block(s.orelse, tail=False)
        self.bound = before
        out.append(s)
        return False, flags

    # --- leaving ------------------------------------------------------------------------------

    def _return(self, s: ast.Return, rest: Any, tail: bool, out: list[ast.stmt]) -> None:
        value = s.value if s.value is None or self.stays(s) else self.expr(s.value)
        self.bound = None
        if self.frame.state is None:
            s.value = value
            out.append(s)
            return
        out.append(assign(VALUE, value or constant(None, s), s))
        out += [assign(n, constant(True, s), s) for n in (RETURNED, *self.frame.stops)]
        out.append(self.give_back(s, self.frame))

    def _break(self, s: ast.Break, rest: Any, tail: bool, out: list[ast.stmt]) -> None:
        loop = self.frame.loop
        self.bound = None
        if loop is None or loop.kind == "native":
            out.append(s)
            return
        out.append(assign(loop.stop, constant(True, s), s))
        out.append(self.give_back(s, self.frame))

    def _continue(self, s: ast.Continue, rest: Any, tail: bool, out: list[ast.stmt]) -> None:
        loop = self.frame.loop
        self.bound = None
        if loop is None or loop.kind == "native":
            out.append(s)
            return
        if loop.kind == "outside":
            out.append(assign(loop.skip, constant(True, s), s))
        out.append(self.give_back(s, self.frame))

    def _raise(self, s: ast.Raise, rest: Any, tail: bool, out: list[ast.stmt]) -> None:
        if s.exc is not None:
            s.exc = hook("raise_", s, self.expr(s.exc))
        if s.cause is not None:
            s.cause = self.expr(s.cause)
        self.bound = None
        out.append(s)

    # --- try and with -------------------------------------------------------------------------

    def _try(self, s: Any, rest: Any, tail: bool, out: list[ast.stmt]) -> tuple[bool, Set]:
        before = self.bound
        body, flags = self.block(s.body, tail=False)
        if s.handlers:
            where = s.body[0]
            item = ast.withitem(hook_itself("catching", where), None)
            body = [ast.With([item], body, None, **place(where))]
        orelse: list[ast.stmt] = []
        if s.orelse:
            done = False
            if flags:
                done, flags = self.guard(flags, s.orelse, False, orelse, s.orelse[0])
            if not done:
                more, extra = self.block(s.orelse, tail=False)
                orelse, flags = orelse + more, flags | extra
        after = self.bound
        start = None if before is None else before - self.deleted(s.body)
        handlers = []
        for h in s.handlers:
            self.bound = start
            handler, extra = self._handler(h, s)
            handlers.append(handler)
            flags |= extra
            after = meet(after, self.bound)
        if start is not None:
            parts = [s.orelse, *(h.body for h in s.handlers)]
            start -= self.deleted([x for p in parts for x in p]) | {
                h.name or "" for h in s.handlers
            }
        self.bound = start
        last, extra = self.block(s.finalbody, tail=False)
        if extra:  # a jump out of `finally` ends the exception that is under way
            self._leave_natively(extra, last, s.finalbody[-1])
        added = EMPTY if self.bound is None or start is None else self.bound - start
        self.bound = None if after is None else after | added
        out.append(type(s)(body, handlers, orelse, last, **place(s)))
        return False, flags

    def _handler(self, h: ast.ExceptHandler, s: Any) -> tuple[ast.ExceptHandler, Set]:
        kind = None if h.type is None else self.expr(h.type)
        name, start = h.name, []
        if name is not None:
            wanted = name in self.flow.live[s].after or name in (self.frame.state or ())
            if self.writer(name) is None and not wanted:
                self._bind(name)
                body, flags = self.block(h.body, tail=False)
                self.unbind(name)
                return ast.ExceptHandler(kind, name, body, **place(h)), flags
            short = self.fresh("error")
            self.bind_name(name, load(short, h), h, start)
            body, flags = self.block(h.body, tail=False)
            gone: list[ast.stmt] = []
            self.delete_name(name, h, gone)
            attempt = ast.Try(body, [], [], gone, **place(h))
            return ast.ExceptHandler(kind, short, [*start, attempt], **place(h)), flags
        body, flags = self.block(h.body, tail=False)
        return ast.ExceptHandler(kind, None, body or [ast.Pass(**place(h))], **place(h)), flags

    def _with(self, s: Any, rest: Any, tail: bool, out: list[ast.stmt]) -> tuple[bool, Set]:
        passes = all(self.resolver.lets_through(i.context_expr) for i in s.items)
        start: list[ast.stmt] = []
        for item in s.items:
            item.context_expr = self.expr(item.context_expr)
            if item.optional_vars is not None:
                item.optional_vars = self.plain_target(item.optional_vars, start)
        entered = self.bound
        body, flags = self.block(s.body, tail=False)
        if not passes:
            self.bound = entered
        out.append(ast.With(s.items, [*start, *body], None, **place(s)))
        return False, flags

    # --- definitions --------------------------------------------------------------------------

    def _function(self, s: Any, rest: Any, tail: bool, out: list[ast.stmt]) -> None:
        s.decorator_list = [self.expr(x) for x in s.decorator_list]
        s.args.defaults = [self.expr(x) for x in s.args.defaults]
        s.args.kw_defaults = [x and self.expr(x) for x in s.args.kw_defaults]
        if isinstance(s, ast.FunctionDef):
            self.inner(s, self.class_name)
        self._define(s, out)

    def _define(self, s: Any, out: list[ast.stmt]) -> None:
        name = s.name
        if self.writer(name) is not None:
            s.name = self.fresh("def")
            self.shown[s.name] = name
            out.append(s)
            self.bind_name(name, load(s.name, s), s, out)
            return
        self._bind(name)
        out.append(s)

    def deleted(self, stmts: Sequence[ast.stmt]) -> Set:
        """Names that these statements may unbind."""
        return deleted(stmts) if self.names.unbinds else EMPTY

    def inner(self, node: ast.FunctionDef, class_name: str | None) -> None:
        """Rewrite a function inside this one."""
        names = self.names.inner.get(node)
        if names is not None and names.guessed:
            names = None  # now it is known which names are global
        rewriter = Rewriter(node, self.resolver, class_name, self.shown, names)
        if rewriter.names.dynamic is None:
            rewriter.function()

    def _class(self, s: ast.ClassDef, rest: Any, tail: bool, out: list[ast.stmt]) -> None:
        s.decorator_list = [self.expr(x) for x in s.decorator_list]
        s.bases = [self.expr(x) for x in s.bases]
        self._methods(s.body, s.name)
        if self.writer(s.name) is None:
            self._bind(s.name)
            out.append(s)
            return
        maker = self.fresh("class")
        body: list[ast.stmt] = [s, ast.Return(load(s.name, s), **place(s))]
        out.append(define(maker, [], [], body, s))
        self.bind_name(s.name, ast.Call(load(maker, s), [], [], **place(s)), s, out)

    def _methods(self, stmts: Sequence[ast.stmt], class_name: str) -> None:
        """Rewrite the methods of a class; the class body itself runs as it is."""
        for s in stmts:
            if isinstance(s, ast.FunctionDef):
                self.inner(s, class_name)
            elif isinstance(s, ast.ClassDef):
                self._methods(s.body, s.name)
            elif isinstance(s, (ast.If, ast.Try, ast.With)):
                self._methods([*s.body, *getattr(s, "orelse", [])], class_name)


def meet(a: Set | None, b: Set | None) -> Set | None:
    """Names bound where two ways come together; None is a way that is never taken."""
    if a is None or b is None:
        return b if a is None else a
    return a & b


def deleted(stmts: Sequence[ast.stmt]) -> Set:
    """Names that `del` statements, or the ends of handlers, unbind."""
    found: set[str] = set()
    for s in stmts:
        for node in ast.walk(s):
            if isinstance(node, ast.Name) and type(node.ctx) is ast.Del:
                found.add(node.id)
            elif isinstance(node, ast.ExceptHandler) and node.name:
                found.add(node.name)
    return frozenset(found)


def _is_text(s: ast.stmt) -> bool:
    return (
        isinstance(s, ast.Expr)
        and isinstance(s.value, ast.Constant)
        and isinstance(s.value.value, str)
    )


_STATEMENTS: dict[type, Any] = {
    ast.If: Rewriter._if,
    ast.While: Rewriter._while,
    ast.For: Rewriter._for,
    ast.Return: Rewriter._return,
    ast.Break: Rewriter._break,
    ast.Continue: Rewriter._continue,
    ast.Raise: Rewriter._raise,
    ast.Try: Rewriter._try,
    ast.TryStar: Rewriter._try,
    ast.With: Rewriter._with,
    ast.FunctionDef: Rewriter._function,
    ast.AsyncFunctionDef: Rewriter._function,
    ast.ClassDef: Rewriter._class,
}
