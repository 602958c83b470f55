"""Forms that are other forms in disguise, spelled out before anything else is done."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from ms_func.source.nodes import LOAD, STORE, assign, constant, hook, load, placed, store

_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


def desugared(node: Any) -> Any:
    """`node` without `match`, and without `while` conditions that bind names; in place."""
    _Desugar().inside(node)
    return node


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
            self.inside(s)
            if isinstance(s, ast.While):
                out += self._while(s)
            elif isinstance(s, ast.Match):
                out += self._match(s)
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
