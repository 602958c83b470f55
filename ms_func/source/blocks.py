"""Statements: decisions and loops become calls of hooks on functions of the names they bind.

A block that may not run, or may run often, becomes a function from the names it needs and binds
to their new values (its *state*). Leaving a block by `return`, `break` or `continue` sets a flag
in the state, and what follows is guarded by it; where only one side of an `if` goes on, what
follows moves into that side instead and no flag is needed.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from ms_func.source.flow import Flow, Targets
from ms_func.source.frames import RETURNED, TEST, VALUE, Frame, Loop, meet
from ms_func.source.nodes import (
    assign,
    constant,
    define,
    hook,
    hook_itself,
    load,
    names_tuple,
    placed,
    store,
    thunk,
    unbound,
    unpack,
)
from ms_func.source.resolver import EMPTY, Resolver, Set
from ms_func.source.scoping import Names, all_arguments, deleted, names_of
from ms_func.source.stores import Stores

_SHOWN = {RETURNED: "<returned>", VALUE: "<return>"}


class Blocks(Stores):
    """Rewrites the statements of one function of the user's.

    Attributes:
        rules: what rewrites a statement of some kind; the others bind names or nothing.
    """

    rules: ClassVar[Mapping[type[ast.stmt], Callable[..., Any]]]

    def __init__(
        self, node: Any, resolver: Resolver, class_name: str | None, shown: dict[str, str],
        names: Names | None = None, inherited: tuple[Set, Set] = (EMPTY, EMPTY),
    ) -> None:  # fmt: skip
        super().__init__()
        self.node = node
        self.class_name = class_name
        self.shown = shown
        self.names = names_of(node, resolver) if names is None else names
        self.local = frozenset(self.names.binds - self.names.globals - self.names.nonlocals)
        self.doubted, self.loose = (names - self.local for names in inherited)
        self.resolver = resolver.inside(self.local | self.names.nonlocals)
        self.flow = Flow(self.names, self.resolver)
        self.depth = 0
        self.handled: str | None = None
        self.params: Set = frozenset(a.arg for a in all_arguments(node.args))
        self.bound: Set | None = self.params
        self.sure: Set = self.params
        first = [*node.args.posonlyargs, *node.args.args]
        self.first_argument = first[0].arg if first else None
        self.frame = Frame(None, None, ())
        self.unsure = self.frame.unsure
        self.jumped = EMPTY
        self.unbinding = EMPTY
        self.breaks: dict[str, Set | None] = {}
        self._keep_cells(())
        self.shown_flags.update(_SHOWN)
        self._loops = 0

    # --- the function -------------------------------------------------------------------------

    def function(self) -> bool:
        """Rewrite the body of the definition or lambda in place; whether anything changed."""
        node = self.node
        if isinstance(node, ast.Lambda):
            if self.stays(node.body):
                return False
            self._keep_cells(self.names.captured)
            self._in_lambda = 1
            node.body = self.expr(node.body)
            return True
        self.flow.block(node.body, EMPTY, Targets())
        self._keep_cells(self.names.captured | self.names.late | self.flow.shared)
        self.unbinding = self.deleted(node.body) & self.cells
        stmts, at = node.body, node.body[0]
        docs = 1 if _is_text(stmts[0]) else 0
        body = self.frame_body(self.frame, stmts[docs:], node)
        missing = [assign(n, unbound(at), at) for n in sorted(self.unsure - self.params)]
        made = [*stmts[:docs], *self._declarations(node), *missing, *body]
        if not self.touched and len(made) == len(stmts) and all(map(operator.is_, made, stmts)):
            return False
        node.body = made
        return True

    def _keep_cells(self, names: Iterable[str]) -> None:
        self.cells = self.local.intersection(names)
        self.variables = self.local - self.cells

    def _declarations(self, node: Any) -> list[ast.stmt]:
        at = node.body[0]
        found: list[ast.stmt] = []
        if self.names.generator:  # also where all that yields is dead code; generates no code
            nothing = placed(ast.Expr(placed(ast.Yield(None), at)), at)
            found.append(placed(ast.If(constant(False, at), [nothing], []), at))
        if self.names.globals:
            found.append(placed(ast.Global(sorted(self.names.globals)), at))
        if self.names.nonlocals:
            found.append(placed(ast.Nonlocal(sorted(self.names.nonlocals)), at))
        found += [  # make these names local and generate no code
            placed(ast.AnnAssign(store(name, at), constant(None, at), None, 1), at)
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
            start.append(assign(VALUE, hook_itself("UNDEFINED", where), where))
        if frame.skips and frame.loop is not None:
            start.append(assign(frame.loop.skip, constant(False, where), where))
        if frame.state is not None and not (body and isinstance(body[-1], ast.Return)):
            body.append(self.give_back(stmts[-1] if stmts else at, frame))
        return [*start, *body]

    def give_back(self, at: Any, frame: Frame) -> ast.Return:
        """End of a block's function: its state."""
        assert frame.state is not None
        return placed(ast.Return(names_tuple(frame.state, at)), at)

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
                self.leave_natively(flags, out, s)
                flags = EMPTY
            if moved:
                return out, pending | flags
            if dead and flags and self.frame.state is None and not self.frame.loop:
                out.append(placed(ast.Return(load(VALUE, s)), s))  # no way leads past `s`
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
        rule = self.rules.get(type(s))
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
            self.leave_natively(flags, out, at)
            return False, EMPTY
        if tail and frame.state is not None and not rest:
            return True, flags
        returned = load(RETURNED, at)
        ends = self.flow.completions(rest)
        whole = frame.state is None and flags == {"R"} and not {"B", "C"} & ends
        if whole and (tail or "N" not in ends):
            given = thunk(load(VALUE, at), at)
            value = self.value_of(rest, self.first(rest), at, out)
            out.append(placed(ast.Return(hook("ifexp", at, returned, given, value)), at))
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

    def leave_natively(self, flags: Set, out: list[ast.stmt], at: Any) -> None:
        """Leave a native loop, a generator or a `finally` block where a flag is set."""
        loop, frame = self.frame.loop, self.frame
        native = loop is not None and loop.kind == "native"
        ways: list[tuple[str, ast.stmt]] = []
        if "R" in flags:
            given = frame.state is None and placed(ast.Return(load(VALUE, at)), at)
            ways.append((RETURNED, given or self.give_back(at, frame)))
        if loop is not None and "B" in flags:
            leave = placed(ast.Break(), at) if native else self.give_back(at, frame)
            ways.append((loop.stop, leave))
        if loop is not None and "C" in flags:
            leave = placed(ast.Continue(), at) if native else self.give_back(at, frame)
            ways.append((loop.skip, leave))
        what = constant("yield" if self.names.generator else "finally", at)
        for name, leave in ways:
            out.append(placed(ast.If(hook("truth", at, load(name, at), what), [leave], []), at))

    # --- choices ------------------------------------------------------------------------------

    def if_(self, s: ast.If, rest: Any, tail: bool, out: list[ast.stmt]) -> tuple[bool, Set]:
        """Rewrite an `if`; what follows moves into the side that goes on, if only one does."""
        if self.resolver.is_static(s.test) or self.flow.yields([s]):
            return self._native_if(s, rest, tail, out)
        flow, live = self.flow, self.flow.live[s]
        body, orelse, after, moved = list(s.body), list(s.orelse), live.after, False
        goes_on = ["N" in flow.completions(body), "N" in flow.completions(orelse)]
        if rest and goes_on[0] != goes_on[1] and not flow.yields(rest):
            moved, after = True, flow.live[rest[-1]].after
            (body if goes_on[0] else orelse).extend(rest)
        ends, last = flow.completions(body) | flow.completions(orelse), moved or not rest
        if self._gives_value(ends, tail and last, moved):
            self._value_if(s, body, orelse, out)
            return True, EMPTY
        test = self._test(s, out)
        flags = self.choose(test, body, orelse, live.needed(ends, after), live.body, live.orelse,
                            ends, s.test, out, tail and last)  # fmt: skip
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
        out.append(assign(TEST, test, s.test))
        return load(TEST, s.test)

    def _value_if(self, s: ast.If, body: Any, orelse: Any, out: list[ast.stmt]) -> None:
        test, live = self._test(s, out), self.flow.live[s]
        then = self.value_of(body, live.body, s.test, out)
        other = self.value_of(orelse, live.orelse, s.test, out)
        value = hook("ifexp", s.test, test, then, other)
        out.append(placed(ast.Return(value), s.test))
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
        tail: bool = False, skipped: Set = EMPTY,
    ) -> Set:  # fmt: skip
        """Call of `if_`; gives the flags that may be set.

        `skipped` has names that are bound where `body` does not run.
        """
        flow, loop = self.flow, self.frame.loop
        tail = tail and loop is not None and loop.kind == "body"
        if tail:  # where a round ends, `continue` is no jump
            ends = ends - {"C"}
        state = self.plain((flow.binds(body) | flow.binds(orelse)) & needed)
        state += self.prepared(ends, out, at)
        self.must_exist(state)
        before = self.bound
        then, then_bound = self.branch("then", body, state, body_needs, at, tail)
        other, other_bound = None, None if before is None else before | skipped
        if orelse:
            other, other_bound = self.branch("else", orelse, state, orelse_needs, at, tail)
        jumps = bool(skipped or ends & {"R", "B", "C"})
        self.goes_on(meet(then_bound, other_bound), before, state, jumps)
        out += self._decision(test, then, other, state, at)
        return ends & {"R", "B", "C"}

    def goes_on(
        self, bound: Set | None, before: Set | None, state: Sequence[str], jumps: bool = True
    ) -> None:
        """After functions that gave back `state`, the names of `bound` are bound.

        `jumps` says that they may have come to their end by a jump.
        """
        if bound is not None and before is not None:
            fresh = (bound & self.variables) - before
            bound -= fresh.difference(state)  # other names stay in these functions
            if jumps:
                self.jumped |= fresh.intersection(state)
        self.bound = bound

    def _decision(
        self, test: ast.expr, then: ast.FunctionDef, orelse: ast.FunctionDef | None,
        state: Sequence[str], at: Any,
    ) -> list[ast.stmt]:  # fmt: skip
        """A condition that is a bool is decided here; any other by the hook `if_`."""
        asked, name = self._asked(test, at)
        other = constant(None, at) if orelse is None else load(orelse.name, at)
        call = hook("if_", at, load(name, at), load(then.name, at), other, names_tuple(state, at),
                    self.shown_names(state, at))  # fmt: skip
        if orelse is None:
            unless = placed(ast.Compare(asked, [ast.IsNot()], [constant(False, at)]), at)
            return [placed(ast.If(unless, [then, unpack(state, call, at)], []), at)]
        sides = [
            (placed(ast.Compare(x, [ast.Is()], [constant(value, at)]), at), f)
            for x, value, f in ((asked, True, then), (load(name, at), False, orelse))
        ]
        for is_known, f in sides[::-1]:
            chosen = placed(ast.Call(load(f.name, at), [load(n, at) for n in state], []), at)
            call = placed(ast.IfExp(is_known, chosen, call), at)
        return [then, orelse, unpack(state, call, at)]

    def _asked(self, test: ast.expr, at: Any) -> tuple[ast.expr, str]:
        """A condition that is evaluated here, and the name that it has from here on."""
        if isinstance(test, ast.Name):
            return test, test.id
        return placed(ast.NamedExpr(store(TEST, at), test), at), TEST

    def branch(
        self, what: str, stmts: Sequence[ast.stmt], state: list[str], needed: Set, at: Any,
        tail: bool,
    ) -> tuple[ast.FunctionDef, Set | None]:  # fmt: skip
        """Function of one side of a choice, and the names bound at its end."""
        before = self.bound
        function = self.generated(what, stmts, self.inside(state, tail), state, needed, at)
        after, self.bound = self.bound, before
        return function, after

    def inside(self, state: list[str], tail: bool = False) -> Frame:
        """The function of a block, from the names it gets to their new values."""
        loop = self.frame.loop
        inner = loop if loop is None or tail else loop._replace(kind="outside")
        return Frame(state, inner, self.frame.stops)

    @contextmanager
    def at(self, frame: Frame) -> Iterator[None]:
        """Within the function of `frame`, before its statements."""
        outer, self.frame, self.unsure = self.frame, frame, frame.unsure
        self.depth += 1
        yield
        self.depth -= 1
        self.frame, self.unsure = outer, outer.unsure

    def generated(
        self, what: str, stmts: Sequence[ast.stmt], frame: Frame, params: Sequence[str],
        needed: Set, at: Any, given: Set = EMPTY,
    ) -> ast.FunctionDef:  # fmt: skip
        """Function of `frame` that runs `stmts`, with defaults for what only it needs.

        Names of `given` are bound by what the caller puts before `stmts`.
        """
        binds = self.flow.binds(stmts)
        extra = [n for n in self.plain((binds & needed) - given) if n not in params]
        self.must_exist(extra)
        name = self.fresh(what)
        if self.bound is not None:  # what it binds is its own, and not bound at its start
            self.bound -= frozenset(self.plain(binds)).difference(params, extra, given)
        self.depth += 1
        body = self.frame_body(frame, stmts, at)
        self.depth -= 1
        known = {*params, *extra, *given}
        missing = [n for n in sorted(frame.unsure - known) if n in binds]
        start = [assign(n, unbound(at), at) for n in missing]
        self.unsure |= frame.unsure - known - set(missing)
        return define(name, params, extra, [*start, *body], at)

    def _native_if(self, s: ast.If, rest: Any, tail: bool, out: list[ast.stmt]) -> tuple[bool, Set]:
        test = self.decided(s.test, "yield")
        tail, before = tail and not rest, self.bound
        body, flags = self.block(s.body, tail)
        after, self.bound = self.bound, before
        orelse, more = self.block(s.orelse, tail)
        self.bound = meet(after, self.bound)
        out.append(placed(ast.If(test, body or [placed(ast.Pass(), s)], orelse), s))
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
        if loop is not None and loop.kind == "body" and "C" in ends:
            frame.skips = True
        return frame.flags_of(ends)

    def new_loop(self, kind: str) -> Loop:
        """A loop with flags of its own."""
        self._loops += 1
        loop = Loop(f"__ms_stop{self._loops}", f"__ms_skip{self._loops}", kind)
        self.shown_flags[loop.stop], self.shown_flags[loop.skip] = "<break>", "<continue>"
        return loop

    def deleted(self, stmts: Sequence[ast.stmt]) -> Set:
        """Names that these statements may unbind."""
        return deleted(stmts) if self.names.unbinds else EMPTY

    def inner(self, node: ast.FunctionDef, class_name: str | None) -> None:
        """Rewrite a function inside this one."""
        self.touched = True
        names = self.names.inner.get(node)
        if names is not None and names.guessed:
            names = None  # now it is known which names are global
        rewriter = type(self)(
            node, self.resolver, class_name, self.shown, names, self.inherited(node.name)
        )
        if rewriter.names.dynamic is None:
            rewriter.function()


def _is_text(s: ast.stmt) -> bool:
    return (
        isinstance(s, ast.Expr)
        and isinstance(s.value, ast.Constant)
        and isinstance(s.value.value, str)
    )
