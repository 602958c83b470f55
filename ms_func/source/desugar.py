"""Forms that are other forms in disguise, spelled out before anything else is done."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from ms_func.source.flow import holds_yield
from ms_func.source.nodes import LOAD, STORE, assign, constant, hook, load, placed, store, thunk

_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


def desugar(node: Any) -> None:
    """Take the disguises off `node`, in place.

    These are `match`, `while` conditions that bind names, `yield` in the branches of an `if`, the
    `else` and `finally` of a `try`, and `with` of several objects.
    """
    _Desugar().inside(node)


class _Desugar:
    """Statements of one function; functions inside are included."""

    def __init__(self) -> None:
        self._count = 0

    def inside(self, node: Any) -> None:
        """Spell out the statements in the blocks of `node`."""
        for field in _BLOCKS:
            block = getattr(node, field, None)
            if isinstance(block, list):
                setattr(node, field, self._block(block))

    def _block(self, stmts: Sequence[Any]) -> list[Any]:
        out: list[Any] = []
        for s in stmts:
            if isinstance(s, ast.If) and _gives(s):
                out += self._given(s, None)
                continue
            self.inside(s)
            if isinstance(s, ast.While):
                out += self._while(s)
            elif isinstance(s, ast.Match):
                out += self._match(s)
            elif isinstance(s, ast.Try):
                out += self._try(s)
            elif isinstance(s, ast.With):
                out.append(_nested(s))
            else:
                out.append(s)
        return out

    def _fresh(self, what: str) -> str:
        self._count += 1
        return f"__ms_{what}{self._count}"

    def _while(self, s: ast.While) -> list[ast.stmt]:
        """`while (y := f()): ...` becomes a loop over a flag."""
        if not any(isinstance(x, ast.NamedExpr) for x in ast.walk(s.test)):
            return [s]
        go, at = self._fresh("go"), s.test
        body = [assign(go, s.test, at), placed(ast.If(load(go, at), s.body, []), at)]
        loop = placed(ast.While(load(go, at), body, s.orelse), s)
        return [assign(go, constant(True, at), at), loop]

    def _try(self, s: ast.Try) -> list[ast.stmt]:
        """`else` is what follows where the body came to its end; `finally` has its own `try`."""
        if holds_yield(s) or not s.handlers:
            return [s]
        out: list[ast.stmt] = [s]
        if s.orelse:
            done, at = self._fresh("done"), s.orelse[0]
            s.body.append(assign(done, constant(True, at), at))
            follows = placed(ast.If(load(done, at), s.orelse, []), at)
            out, s.orelse = [assign(done, constant(False, s), s), s, follows], []
        if not s.finalbody:
            return out
        last, s.finalbody = s.finalbody, []
        return [placed(ast.Try(out, [], [], last), s)]

    # --- yield ------------------------------------------------------------------------------

    def _given(self, s: ast.If, around: str | None) -> list[ast.stmt]:
        """`if c: yield x` gives `x` on condition; what stands before and after it is guarded."""
        at, sides = s.test, ((s.body, self._fresh("go")), (s.orelse, self._fresh("go")))
        test = s.test if around is None else _both(around, s.test)
        out: list[ast.stmt] = [assign(sides[0][1], test, at)]
        if s.orelse:
            no = placed(ast.UnaryOp(ast.Not(), load(sides[0][1], at)), at)
            out.append(assign(sides[1][1], no if around is None else _both(around, no), at))
        for stmts, go in sides:
            run: list[ast.stmt] = []
            for x in stmts:
                if not holds_yield(x):
                    run.append(x)
                    continue
                out += _guarded(self._block(run), go, at)
                run = []
                out += self._given(x, go) if isinstance(x, ast.If) else [_on_condition(x, go)]
            out += _guarded(self._block(run), go, at)
        return out

    # --- match ------------------------------------------------------------------------------

    def _match(self, s: ast.Match) -> list[ast.stmt]:
        subject = self._fresh("subject")
        start = assign(subject, s.subject, s.subject)
        return [start, *self._cases(subject, s.cases)]

    def _cases(self, subject: str, cases: Sequence[ast.match_case]) -> list[ast.stmt]:
        """The first case, with the others in its `else`."""
        if not cases:
            return []
        case, at = cases[0], cases[0].pattern
        others = self._cases(subject, cases[1:])
        if case.guard is None and isinstance(at, ast.MatchAs) and at.pattern is None:
            bind = [] if at.name is None else [assign(at.name, load(subject, at), at)]
            return [*bind, *case.body]
        names: list[str] = []
        test = _plain_test(subject, at)
        start: list[ast.stmt] = []
        if test is None:
            fits, found = self._fresh("fits"), self._fresh("found")
            pattern = _described(at, names)
            call = hook("match_", at, load(subject, at), pattern, constant(len(names), at))
            target = placed(ast.Tuple([store(fits, at), store(found, at)], STORE), at)
            start.append(placed(ast.Assign([target], call), at))
            test = load(fits, at)
            binds = _unpacked(names, found, at)
        else:
            binds = []
        if case.guard is None:
            return [*start, placed(ast.If(test, [*binds, *case.body], others), at)]
        go = self._fresh("go")
        decide: list[ast.stmt] = [*binds, assign(go, case.guard, case.guard)]
        no = assign(go, constant(False, at), at)
        return [
            *start,
            placed(ast.If(test, decide, [no]), at),
            placed(ast.If(load(go, at), case.body, others), at),
        ]


def _nested(s: ast.With) -> ast.With:
    """`with a, b` is `with a: with b`."""
    if len(s.items) > 1 and not holds_yield(s):
        inner = placed(ast.With(s.items[1:], s.body), s)
        return placed(ast.With(s.items[:1], [_nested(inner)]), s)
    return s


def _gives(s: ast.stmt) -> bool:
    """Whether an `if` yields in ways that can be guarded: statements of their own, no jumps."""
    parts = (*s.body, *s.orelse) if isinstance(s, ast.If) else ()
    inside = [x for x in parts if holds_yield(x)]
    jumps = (ast.Return, ast.Break, ast.Continue, ast.Raise)
    return (
        bool(inside)
        and not holds_yield(s.test)  # type: ignore[attr-defined]
        and all(_is_yield(x) or (isinstance(x, ast.If) and _gives(x)) for x in inside)
        and not any(isinstance(x, jumps) for part in parts for x in ast.walk(part))
    )


def _is_yield(s: ast.stmt) -> bool:
    return isinstance(s, ast.Expr) and isinstance(s.value, ast.Yield) and not (
        s.value.value is not None and holds_yield(s.value.value)
    )  # fmt: skip


def _on_condition(s: Any, go: str) -> ast.stmt:
    value = constant(None, s) if s.value.value is None else s.value.value
    made = hook("given", s, load(go, s), thunk(value, s))
    return placed(ast.Expr(placed(ast.YieldFrom(made), s)), s)


def _guarded(stmts: list[ast.stmt], go: str, at: Any) -> list[ast.stmt]:
    return [placed(ast.If(load(go, at), stmts, []), at)] if stmts else []


def _both(first: str, second: ast.expr) -> ast.expr:
    return placed(ast.BoolOp(ast.And(), [load(first, second), second]), second)


def _unpacked(names: Sequence[str], found: str, at: Any) -> list[ast.stmt]:
    if not names:
        return []
    target = placed(ast.Tuple([store(n, at) for n in names], STORE), at)
    return [placed(ast.Assign([target], load(found, at)), at)]


def _plain_test(subject: str, p: ast.pattern) -> ast.expr | None:
    """Condition of a pattern of values; None if there is more to it."""
    if isinstance(p, ast.MatchValue):
        return placed(ast.Compare(load(subject, p), [ast.Eq()], [p.value]), p)
    if isinstance(p, ast.MatchSingleton):
        return placed(ast.Compare(load(subject, p), [ast.Is()], [constant(p.value, p)]), p)
    if isinstance(p, ast.MatchOr):
        parts = [_plain_test(subject, x) for x in p.patterns]
        if None not in parts:
            return placed(ast.BoolOp(ast.Or(), parts), p)  # type: ignore[arg-type]
    return None


def _described(p: Any, names: list[str]) -> ast.expr:
    """The pattern as an expression for `patterns.match_`; names it binds are numbered."""

    def number(name: str | None) -> ast.expr:
        if name is None:
            return constant(-1, p)
        if name not in names:
            names.append(name)
        return constant(names.index(name), p)

    def several(patterns: Sequence[Any]) -> ast.expr:
        return _tuple([_described(x, names) for x in patterns], p)

    def made(kind: str, *parts: ast.expr) -> ast.expr:
        return _tuple([constant(kind, p), *parts], p)

    if isinstance(p, ast.MatchValue):
        return made("value", p.value)
    if isinstance(p, ast.MatchSingleton):
        return made("is", constant(p.value, p))
    if isinstance(p, ast.MatchOr):
        return made("or", *[_described(x, names) for x in p.patterns])
    if isinstance(p, ast.MatchAs):
        inner = constant(None, p) if p.pattern is None else _described(p.pattern, names)
        return made("as", inner, number(p.name))
    if isinstance(p, ast.MatchSequence):
        stars = [i for i, x in enumerate(p.patterns) if isinstance(x, ast.MatchStar)]
        star = stars[0] if stars else -1
        plain = [x for x in p.patterns if not isinstance(x, ast.MatchStar)]
        name: Any = p.patterns[star].name if stars else None  # type: ignore[attr-defined]
        return made("sequence", several(plain), constant(star, p), number(name))
    if isinstance(p, ast.MatchMapping):
        return made("mapping", _tuple(p.keys, p), several(p.patterns), number(p.rest))
    patterns = [*p.patterns, *p.kwd_patterns]
    return made("class", p.cls, several(patterns), constant(tuple(p.kwd_attrs), p))


def _tuple(parts: Sequence[ast.expr], at: Any) -> ast.Tuple:
    return placed(ast.Tuple(list(parts), LOAD), at)
