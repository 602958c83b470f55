"""Random Python functions of two integers that can be compiled, with control flow on both.

All variables are integers below 97 from the start on, so that results are exact and every loop has
one type for each; loops are bounded by counters.
"""

from __future__ import annotations

import random
import textwrap

from tests.support.python_programs import Blocks


class TracedWriter(Blocks):
    """Writes one function from a source of random choices."""

    names = ("p", "q", "r")

    def fresh(self, what: str) -> str:
        self.count += 1
        return f"{what}{self.count}"

    def atom(self) -> str:
        return self.pick(self.name(), self.name(), "a", "b", str(self.rnd.randrange(5)))

    def expr(self, depth: int = 2) -> str:
        if depth == 0:
            return self.atom()
        e = lambda: self.expr(depth - 1)  # noqa: E731
        kind = self.rnd.randrange(14)
        if kind < 4:
            return f"({e()} {self.pick('+', '-', '*')} {e()}) % 97"
        if kind == 4:
            return f"({e()} if {self.test()} else {e()})"
        if kind == 5:
            return f"box[{self.rnd.randrange(2)}]"
        if kind == 6:
            return "obj.n"
        if kind == 7:
            return f"abs({e()} - {self.atom()})"
        if kind == 8:
            return f"max({e()}, {self.atom()})"
        if kind == 9:
            return f"sum([{self.atom()} * i for i in range(3)]) % 97"
        if kind == 10:
            return f"helper({e()}, {self.atom()})"
        if kind == 11:
            return f"(lambda x: x if x > {self.atom()} else {self.atom()})({e()})"
        if kind == 12:
            return f"int({self.test()})"
        return f"{e()} // {self.rnd.randrange(1, 4)}"

    def test(self, depth: int = 1) -> str:
        kind = self.rnd.randrange(7)
        t = lambda: self.test(depth - 1) if depth else self.comparison()  # noqa: E731
        if kind == 0:
            return f"({t()} and {t()})"
        if kind == 1:
            return f"({t()} or {t()})"
        if kind == 2:
            return f"(not {t()})"
        if kind == 3:
            return f"({self.atom()} < {self.expr(1)} <= {self.atom()})"
        if kind == 4:
            return f"{self.atom()} {self.pick('in', 'not in')} (0, 1, {self.atom()})"
        return self.comparison()

    def statement(self, depth: int, loop: bool) -> list[str]:
        if depth <= 0 or self.rnd.randrange(5) < 2:
            return self.simple(loop)
        return self.pick(
            self.choice, self.choice, self.choice, self.for_loop, self.while_loop, self.closure,
            self.cleanup, self.matching,
        )(depth - 1, loop)  # fmt: skip

    def simple(self, loop: bool) -> list[str]:
        kind = self.rnd.randrange(16)
        if kind < 5:
            return [f"{self.name()} = {self.expr()}"]
        if kind == 5:
            name = self.name()
            return [f"{name} += {self.expr(1)}", f"{name} %= 97"]
        if kind == 6:
            return [f"{self.name()}, {self.name()} = {self.expr(1)}, {self.expr(1)}"]
        if kind == 7:
            return [f"box[{self.rnd.randrange(2)}] = {self.expr(1)}"]
        if kind == 8:
            return [f"obj.n = {self.expr(1)}"]
        if kind == 9:
            return [f"return {self.expr()}"]
        if kind in (10, 11) and loop:
            return [self.pick("break", "continue")]
        if kind == 12:
            return [f"{self.name()} = ({self.name()} := {self.expr(1)})"]
        return [f"{self.name()} = {self.expr(1)}"]

    def for_loop(self, depth: int, loop: bool) -> list[str]:
        listed = f"(1, {self.atom()}, 3)"
        over = self.pick("range(3)", "range(a)", "range(b, 4)", listed, "range(20)",
                         "range(a, 0, -1)")  # fmt: skip
        target = self.pick(self.fresh("i"), self.name())
        lines = [f"for {target} in {over}:", *self.indented(depth, True)]
        return lines + self.perhaps_else(depth, loop, self.pick(True, False, False))

    def while_loop(self, depth: int, loop: bool) -> list[str]:
        i = self.fresh("i")
        test = self.pick(self.test(), self.test(), "True")
        lines = [f"{i} = 0", f"while {i} < {self.pick(3, 'a', 6)} and {test}:"]
        if test == "True":
            lines = [
                f"{i} = 0",
                "while True:",
                f"    if {i} >= {self.pick(3, 'a')}:",
                "        break",
            ]
        lines += [f"    {i} += 1", *self.indented(depth, True)]
        return lines + self.perhaps_else(depth, loop, self.pick(True, False, False))

    def closure(self, depth: int, loop: bool) -> list[str]:
        f, declared = self.fresh("g"), self.pick(None, self.name())
        lines = [f"def {f}(k):"]
        if declared is not None:
            lines += [f"    nonlocal {declared}", f"    {declared} = {self.expr(1)}"]
        other = [n for n in self.names if n != declared]
        value = f"(k + {self.pick(*other)}) % 97"
        lines += [
            f"    if k > {self.pick(*other)}:",
            f"        return {value}",
            f"    return {self.atom()}",
        ]
        return [*lines, f"{self.name()} = {f}({self.atom()})"]

    def cleanup(self, depth: int, loop: bool) -> list[str]:
        lines = ["try:", *self.indented(depth, loop)]
        return [*lines, "finally:", f"    {self.name()} = {self.expr(1)}"]

    def matching(self, depth: int, loop: bool) -> list[str]:
        lines = [f"match {self.atom()}:"]
        for _ in range(self.pick(1, 2)):
            guard = self.pick("", f" if {self.test()}")
            pattern = self.pick("0", "1 | 2", "3")
            lines += [
                f"    case {pattern}{guard}:",
                *("    " + x for x in self.indented(depth, loop)),
            ]
        return [*lines, "    case _:", *("    " + x for x in self.indented(depth, loop))]


def integer_program(rnd: random.Random, depths: tuple[int, ...] = (3, 2)) -> str:
    """Text of a function `f(a, b)` of small integers: one block of each of the depths."""
    w = TracedWriter(rnd)
    body = ["p, q, r = a, b, 1", "box = [a, 2]", "obj = Obj()", "obj.n = b"]
    for depth in depths:
        body += w.block(depth, False)
    body.append("return (p + 3 * q + 5 * r + 7 * box[0] + 11 * box[1] + 13 * obj.n) % 97")
    return _TOP + textwrap.indent("\n".join(body), "    ") + "\n"


_TOP = """
class Obj:
    pass

def helper(x, y):
    if x > y:
        return x - y
    while y > 3:
        y -= 2
    return y

def f(a, b):
"""
