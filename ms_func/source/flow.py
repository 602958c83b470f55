"""Where control may go, and which names are still needed there.

Completions of a statement: it ends normally (N), or leaves by `return` (R), `break` (B),
`continue` (C) or by raising (X). Liveness runs backwards over the structured program; what it
finds is kept per statement for the rewriting that follows.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any, NamedTuple

from ms_func.source.resolver import EMPTY, Resolver, Set
from ms_func.source.scoping import Names, target_names

NORMAL: Set = frozenset("N")
_ABRUPT: dict[type, Set] = {
    ast.Return: frozenset("R"),
    ast.Break: frozenset("B"),
    ast.Continue: frozenset("C"),
    ast.Raise: frozenset("X"),
}


class Targets(NamedTuple):
    """Names needed at the places where control may go, other than the next statement."""

    on_return: Set = EMPTY
    on_break: Set = EMPTY
    on_continue: Set = EMPTY
    on_raise: Set = EMPTY

    def through(self, names: Set) -> Targets:
        """The same places, reached through a `finally` block that needs `names`."""
        return Targets(*(x | names for x in self))


class Live(NamedTuple):
    """What liveness found at a statement.

    Attributes:
        after: names needed after the statement.
        body: names needed at the start of its body.
        orelse: names needed at the start of its `else` block.
        head: for loops, names needed when the next round is decided on.
        to: names needed at the other places where control may go.
    """

    after: Set
    body: Set = EMPTY
    orelse: Set = EMPTY
    head: Set = EMPTY
    to: Targets = Targets()

    def needed(self, completions: Set, after: Set) -> Set:
        """Names needed wherever a piece of code that starts here may end."""
        found = after if "N" in completions else EMPTY
        for letter, names in zip("RBC", self.to, strict=False):
            if letter in completions:
                found |= names
        return found | self.to.on_raise


class Flow:
    """Completions and liveness of the statements of one function.

    Attributes:
        live: what was found at each statement.
        shared: names that an exception handler needs with the value they had when a statement
            of a converted block raised; they must live in cells.
    """

    def __init__(self, names: Names, resolver: Resolver) -> None:
        self.names = names
        self.resolver = resolver
        self.live: dict[ast.AST, Live] = {}
        self.shared: set[str] = set()
        self._completions: dict[ast.AST, Set] = {}
        self._binds: dict[ast.AST, Set] = {}
        self._needs: dict[ast.AST, Set] = {}
        self._yields: dict[ast.AST, bool] = {}

    # --- completions ------------------------------------------------------------------------

    def completions(self, stmts: Sequence[ast.stmt]) -> Set:
        """How a block may end."""
        found: Set = EMPTY
        for s in stmts:
            one = self.completion(s)
            found |= one - NORMAL
            if "N" not in one:
                return found
        return found | NORMAL

    def completion(self, s: ast.stmt) -> Set:
        """How a statement may end."""
        abrupt = _ABRUPT.get(type(s))
        if abrupt is not None:
            return abrupt
        found = self._completions.get(s)
        if found is None:
            found = self._completions[s] = self._completion(s)
        return found

    def _completion(self, s: Any) -> Set:
        kind = type(s)
        if kind is ast.If:
            return self.completions(s.body) | self.completions(s.orelse)
        if kind in (ast.While, ast.For, ast.AsyncFor):
            body = self.completions(s.body)
            found = body - {"N", "B", "C"}
            if "B" in body:
                found |= NORMAL
            return found if is_endless(s) else found | self.completions(s.orelse)
        if kind in (ast.With, ast.AsyncWith):
            body = self.completions(s.body)
            return body if self.lets_through(s) else body | NORMAL
        if kind in (ast.Try, ast.TryStar):
            return self._try_completion(s)
        return NORMAL

    def _try_completion(self, s: Any) -> Set:
        found = self.completions(s.body)
        if "N" in found and s.orelse:
            found = (found - NORMAL) | self.completions(s.orelse)
        for h in s.handlers:
            found |= self.completions(h.body)
        if s.finalbody:
            last = self.completions(s.finalbody)
            found = found | (last - NORMAL) if "N" in last else last
        return found

    # --- what is inside ---------------------------------------------------------------------

    def binds(self, stmts: Sequence[ast.stmt]) -> Set:
        """Names that a block may bind."""
        found: Set = EMPTY
        for s in stmts:
            found |= self.bound_by(s)
        return found

    def bound_by(self, s: Any) -> Set:
        """Names that a statement may bind."""
        found = self._binds.get(s)
        if found is None:
            found = self._binds[s] = self._bound_by(s)
        return found

    def _bound_by(self, s: Any) -> Set:
        kind = type(s)
        if kind in (ast.If, ast.While):
            return self._of(s.test) | self.binds(s.body) | self.binds(s.orelse)
        if kind in (ast.For, ast.AsyncFor):
            head = self._of(s.iter) | self._of(s.target)
            return head | self.binds(s.body) | self.binds(s.orelse)
        if kind in (ast.With, ast.AsyncWith):
            head = frozenset().union(*(self._of(i) for i in s.items))
            return head | self.binds(s.body)
        if kind in (ast.Try, ast.TryStar):
            found = self.binds(s.body) | self.binds(s.orelse) | self.binds(s.finalbody)
            for h in s.handlers:
                found |= self.binds(h.body) | ({h.name} if h.name else EMPTY)
            return found
        return self._of(s)

    def _of(self, node: ast.AST) -> Set:
        return self.names.uses(node).binds

    def yields(self, stmts: Sequence[ast.stmt]) -> bool:
        """Whether a `yield` or `await` stands in a block, outside functions inside it."""
        return self.names.generator and any(self._has_yield(s) for s in stmts)

    def _has_yield(self, s: ast.AST) -> bool:
        found = self._yields.get(s)
        if found is None:
            found = self._yields[s] = holds_yield(s)
        return found

    # --- liveness ---------------------------------------------------------------------------

    def block(self, stmts: Sequence[ast.stmt], after: Set, to: Targets, keep: bool = True) -> Set:
        """Names needed before a block; with `keep`, results are noted for each statement."""
        for s in reversed(stmts):
            after = self._statement(s, after, to, keep)
            if to.on_raise:
                after |= to.on_raise
        return after

    def _statement(self, s: Any, after: Set, to: Targets, keep: bool) -> Set:
        rule = _LIVENESS.get(type(s))
        if rule is not None:
            return rule(self, s, after, to, keep)
        if keep:
            self.live[s] = Live(after, to=to)
        reads, binds, *_ = self.names.uses(s)
        return (after - binds) | reads

    def _leave(self, s: Any, after: Set, to: Targets, keep: bool) -> Set:
        if keep:
            self.live[s] = Live(EMPTY, to=to)
        if type(s) is ast.Break:
            return to.on_break
        if type(s) is ast.Continue:
            return to.on_continue
        reads = self.names.uses(s).reads
        return reads | (to.on_return if type(s) is ast.Return else EMPTY)

    def _if(self, s: ast.If, after: Set, to: Targets, keep: bool) -> Set:
        body = self.block(s.body, after, to, keep)
        orelse = self.block(s.orelse, after, to, keep)
        if keep:
            self.live[s] = Live(after, body, orelse, to=to)
        return self._reads(s.test) | body | orelse

    def _loop(self, s: Any, after: Set, to: Targets, keep: bool) -> Set:
        orelse = self.block(s.orelse, after, to, keep)
        head = self._loop_needs(s) | orelse | to.on_raise
        if "B" in self.completions(s.body):
            head |= after
        if keep:
            inner = to._replace(on_break=after, on_continue=head)
            body = self.block(s.body, head, inner)
            self.live[s] = Live(after, body, orelse, head, to)
        return head if type(s) is ast.While else head | self._reads(s.iter)

    def _loop_needs(self, s: Any) -> Set:
        """Names that one round reads before it binds them."""
        found = self._needs.get(s)
        if found is None:
            found = self.block(s.body, EMPTY, Targets(), keep=False)
            if type(s) is ast.While:
                found |= self._reads(s.test)
            else:
                found = (found - target_names(s.target)) | self._reads(s.target)
            self._needs[s] = found
        return found

    def _with(self, s: Any, after: Set, to: Targets, keep: bool) -> Set:
        inner = to
        if not self.lets_through(s):
            inner = to._replace(on_raise=to.on_raise | after)
            if keep and self.is_converted(s):
                entered = EMPTY.union(*(self.names.uses(i).binds for i in s.items))
                self.shared |= (entered | self.binds(s.body)) & after
            elif keep:
                self._share(s.body, after)
        found = self.block(s.body, after, inner, keep)
        if keep:
            self.live[s] = Live(after, found, to=to)
        for item in reversed(s.items):
            reads, binds, *_ = self.names.uses(item)
            found = (found - binds) | reads
        return found

    def _try(self, s: Any, after: Set, to: Targets, keep: bool) -> Set:
        last = self.block(s.finalbody, after, to, keep)
        needed = self.block(s.finalbody, EMPTY, to, keep=False) if s.finalbody else EMPTY
        outer = to.through(needed)
        handlers = EMPTY
        for h in s.handlers:
            found = self.block(h.body, last, outer, keep) - ({h.name} if h.name else EMPTY)
            handlers |= found | (self._reads(h.type) if h.type is not None else EMPTY)
        orelse = self.block(s.orelse, last, outer, keep)
        inner = outer._replace(on_raise=outer.on_raise | handlers)
        body = self.block(s.body, orelse, inner, keep)
        if keep:
            self.live[s] = Live(after, body, orelse, to=to)
            self._share(s.body, handlers | needed)
            if self.is_converted(s):
                self.shared |= self.binds(s.body) & (handlers | needed)
            inside = [*s.body, *s.orelse, *(x for h in s.handlers for x in h.body)]
            ways = self.completions(inside) & {"R", "B", "C"}
            if s.finalbody and ways and not self.is_converted(s):
                self.shared |= self.binds(s.finalbody)  # bound after the way out is taken
            for part in (s.orelse, *(h.body for h in s.handlers)):
                self._share(part, needed)
        return body

    def _share(self, stmts: Sequence[ast.stmt], needed: Set) -> None:
        """Names bound in converted blocks among `stmts` that are needed after they raise."""
        if any(self._converts(s) for s in stmts):
            self.shared |= self.binds(stmts) & needed

    def _converts(self, s: Any) -> bool:
        """Whether a part of `s` becomes a function."""
        kind = type(s)
        if kind in (ast.While, ast.For) or self.is_converted(s):
            return True
        if kind is ast.If:
            static = self.resolver.is_static(s.test)
            return not static or any(map(self._converts, s.body + s.orelse))
        parts = [getattr(s, f, []) for f in ("body", "orelse", "finalbody")]
        parts += [h.body for h in getattr(s, "handlers", [])]
        return kind in (ast.With, ast.Try, ast.TryStar) and any(
            self._converts(x) for p in parts for x in p
        )

    def is_converted(self, s: Any) -> bool:
        """Whether the parts of a `try` or a `with` become functions."""
        if type(s) is ast.With:
            return not self.yields([s]) and not self.lets_through(s)
        return type(s) is ast.Try and not self.yields([s]) and not self.jumps_out(s)

    def lets_through(self, s: Any) -> bool:
        """Whether a `with` does nothing about what is raised in it."""
        return all(self.resolver.lets_through(i.context_expr) for i in s.items)

    def jumps_out(self, s: Any) -> bool:
        """Whether the `finally` of a `try` is left by a jump."""
        return bool(self.completions(s.finalbody) & {"R", "B", "C"})

    def _reads(self, node: ast.AST) -> Set:
        return self.names.uses(node).reads


def is_endless(s: ast.stmt) -> bool:
    """Whether a loop ends by leaving it only, as `while True` does."""
    return isinstance(s, ast.While) and isinstance(s.test, ast.Constant) and bool(s.test.value)


_LIVENESS: dict[type, Any] = {
    ast.Return: Flow._leave,
    ast.Break: Flow._leave,
    ast.Continue: Flow._leave,
    ast.Raise: Flow._leave,
    ast.If: Flow._if,
    ast.While: Flow._loop,
    ast.For: Flow._loop,
    ast.AsyncFor: Flow._loop,
    ast.With: Flow._with,
    ast.AsyncWith: Flow._with,
    ast.Try: Flow._try,
    ast.TryStar: Flow._try,
}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def holds_yield(node: ast.AST) -> bool:
    """Whether `node` yields or awaits in the function it stands in."""
    if isinstance(node, (ast.Yield, ast.YieldFrom, ast.Await)):
        return True
    if isinstance(node, _FUNCTIONS):
        return False
    if isinstance(node, ast.comprehension) and node.is_async:
        return True
    return any(holds_yield(x) for x in ast.iter_child_nodes(node))
