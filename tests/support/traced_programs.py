"""Random Python functions on numbers, whose control flow depends on the numbers.

Every program is total, ends, and keeps the dtype of its variables, so that NumPy scalars, traced
values and lanes of a batch must all give the same.
"""

from __future__ import annotations

import linecache
import math
import random
import textwrap
from collections.abc import Callable
from typing import Any

FLOATS = ("a", "b", "c")
INTS = ("n", "m")


class Writer:
    """Writes one function of (x: float, k: int) from a source of random choices."""

    def __init__(self, rnd: random.Random) -> None:
        self.rnd = rnd
        self.fresh = 0
        self.index: list[str] = []

    def pick(self, *options: Any) -> Any:
        return options[self.rnd.randrange(len(options))]

    def number(self, depth: int = 2) -> str:
        """A float expression of moderate size."""
        if depth == 0:
            return self.pick(*FLOATS, "x", "box[0]", "box[1]", "obj.v", "table['u']", "0.5")
        one, two = self.number(depth - 1), self.number(depth - 1)
        return self.pick(
            f"math.sin({one} + {two})", f"math.tanh({one} * {two})", f"({one} - {two}) * 0.5",
            f"min({one}, {two})", f"max({one}, {two}, -2.0)", f"abs({one})",
            f"({one} if {self.test(0)} else {two})", f"(lambda t: t * 0.3 + {one})({two})",
            f"half({one})", f"(0.1 * {self.whole(0)} + {one} * 0.5)", one,
        )  # fmt: skip

    def whole(self, depth: int = 1) -> str:
        """An integer expression of moderate size."""
        if depth == 0:
            return self.pick(*INTS, "k", "obj.n", "1", "2", *self.index)
        one, two = self.whole(depth - 1), self.whole(depth - 1)
        return self.pick(
            f"({one} + {two}) % 7", f"({one} - {two}) % 5", f"({one} * {two}) % 11",
            f"({one} if {self.test(0)} else {two})", f"int({self.number(0)})", f"bump({one})",
        )  # fmt: skip

    def test(self, depth: int = 1) -> str:
        if depth == 0:
            return self.pick(
                f"{self.number(0)} > {self.pick('0.1', '-0.3', '0.4')}",
                f"{self.whole(0)} {self.pick('<', '==', '!=')} {self.pick('2', '3', 'k')}",
                f"{self.whole(0)} % 2 == 0", f"-0.5 < {self.number(0)} < 0.6",
            )  # fmt: skip
        one, two = self.test(depth - 1), self.test(depth - 1)
        return self.pick(f"({one} and {two})", f"({one} or {two})", f"not {one}", one, one)

    # --- statements -------------------------------------------------------------------------

    def block(self, depth: int, loop: bool, least: int = 1) -> list[str]:
        lines: list[str] = []
        for _ in range(self.rnd.randrange(least, 4)):
            lines += self.statement(depth, loop)
        return ["    " + line for line in lines]

    def statement(self, depth: int, loop: bool) -> list[str]:
        if depth <= 0 or self.rnd.randrange(5) < 2:
            return self.simple(loop)
        return self.pick(self.choice, self.choice, self.loop, self.loop, self.closure)(
            depth - 1, loop
        )

    def simple(self, loop: bool) -> list[str]:
        return self.pick(
            lambda: [f"{self.pick(*FLOATS)} = {self.number()}"],
            lambda: [f"{self.pick(*FLOATS)} = {self.number()}"],
            lambda: [f"{self.pick(*INTS)} = {self.whole()}"],
            lambda: ["a, b = b, a"],
            lambda: [f"c {self.pick('+=', '-=')} {self.number(1)} * 0.1"],
            lambda: [f"box[{self.pick('0', '1', '-1')}] = {self.number(1)}"],
            lambda: [f"obj.v = {self.number(1)}"],
            lambda: [f"obj.step({self.number(0)})"],
            lambda: [f"table['{self.pick('u', 'w')}'] = {self.number(1)}"],
            lambda: [f"line[{self.whole(0)} % 4] = {self.number(0)}"],
            lambda: [f"line[{self.whole(0)} % 4] += 0.25"],
            lambda: [f"a = line[{self.whole(0)} % 4]"],
            lambda: [f"f = {self.pick('half', 'math.sin', 'lambda t: t + a', 'obj.scaled')}"],
            lambda: [f"{self.pick(*FLOATS)} = f({self.number(0)})"],
            lambda: [f"box = [{self.number(0)}, box[0]]"],
            lambda: [self.leave(loop)],
        )()

    def leave(self, loop: bool) -> str:
        if loop:
            return self.pick("break", "continue", "pass", "pass")
        return self.pick(f"return {self.number(1)}", "pass", "pass", "pass")

    def choice(self, depth: int, loop: bool) -> list[str]:
        lines = [f"if {self.test()}:", *self.block(depth, loop)]
        if self.pick(True, False, False):
            lines += [f"elif {self.test()}:", *self.block(depth, loop)]
        if self.pick(True, False):
            lines += ["else:", *self.block(depth, loop)]
        return lines

    def loop(self, depth: int, loop: bool) -> list[str]:
        self.fresh += 1
        i = f"i{self.fresh}"
        kind = self.rnd.randrange(5)
        if kind == 0:
            head = [f"{i} = 0"]
            lines = [f"while {i} < 5 and {self.test(0)}:", f"    {i} += 1"]
        else:
            over = self.pick("range(3)", "range(20)", "range(k)", "range(k, 0, -1)", "range(m)")
            head, lines = [], [f"for {i} in {over}:"]
        self.index.append(i)
        lines += self.block(depth, True)
        if self.pick(True, False, False):
            lines += ["    if " + self.test(0) + ":", f"        {self.pick('break', 'continue')}"]
            lines += self.block(0, True)
        self.index.pop()
        if self.pick(True, False, False, False):
            lines += ["else:", *self.block(0, loop)]
        return [*head, *lines]

    def closure(self, depth: int, loop: bool) -> list[str]:
        return [
            "def bump(t):",
            "    m2 = t % 3",
            f"    if {self.test(0)}:",
            "        return m2 + 1",
            "    return m2",
        ]

    def function(self) -> str:
        body = self.block(3, False, 3)
        lines = [
            "def program(x, k):",
            "    a, b, c, n, m = x, x * 0.5, 0.0, 0, 2",
            "    box, table, obj, line = [x, 0.25], {'u': x, 'w': 1.0}, Thing(x), row(x)",
            "    f, bump = half, bump0",
            *body,
            "    return a + 2 * b + 3 * c + n + 0.5 * m + box[0] - box[1] + obj.v + obj.n"
            " + table['u'] * table['w'] + line[1] + line[2] - line[3] + f(x)",
        ]
        return "\n".join(lines)


_PRELUDE = textwrap.dedent("""
    def half(t):
        return t * 0.5

    def bump0(t):
        return (t + 1) % 4

    class Thing:
        def __init__(self, v):
            self.v = v
            self.n = 0

        def step(self, d):
            if d > 0.2:
                self.v = self.v * 0.5 + d
                self.n += 1
            elif self.n > 2:
                self.n = 0

        def scaled(self, t):
            return self.v * t
""")


def load(source: str, row: Callable[[Any], Any], name: str) -> Callable[..., Any]:
    """The function `program` of a text, which makes its array by `row(x)`."""
    text = _PRELUDE + source + "\n"
    file = f"<traced program {name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    scope: dict[str, Any] = {"math": math, "row": row, "__name__": "traced_program"}
    exec(compile(text, file, "exec"), scope)
    return scope["program"]


def generate(seed: int) -> str:
    """A program for a seed."""
    return Writer(random.Random(seed)).function()
