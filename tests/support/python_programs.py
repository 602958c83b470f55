"""Random Python functions with wild control flow, and a way to load and compare them.

The grammar favours what is hard to move into functions: names that may be unbound, closures over
names that change, jumps out of nested blocks, exceptions, `else` of loops, `del`, generators.
Loops are bounded by a budget, so that every program ends.
"""

from __future__ import annotations

import linecache
import random
import textwrap
from collections.abc import Callable
from typing import Any

NAMES = ("p", "q", "r", "s", "t")


class Budget(Exception):
    """A program took too many steps."""


class Blocks:
    """What all writers of programs share: names, blocks of statements, decisions."""

    names: tuple[str, ...] = NAMES

    def __init__(self, rnd: random.Random) -> None:
        self.rnd = rnd
        self.count = 0

    def pick(self, *options: Any) -> Any:
        return options[self.rnd.randrange(len(options))]

    def name(self) -> str:
        return self.pick(*self.names)

    def atom(self) -> str:
        raise NotImplementedError

    def expr(self, depth: int = 2) -> str:
        raise NotImplementedError

    def test(self, depth: int = 1) -> str:
        raise NotImplementedError

    def statement(self, depth: int, loop: bool) -> list[str]:
        raise NotImplementedError

    def comparison(self) -> str:
        return f"{self.expr(1)} {self.pick('<', '>', '==', '!=')} {self.atom()}"

    def block(self, depth: int, loop: bool) -> list[str]:
        lines: list[str] = []
        for _ in range(self.rnd.randrange(1, 4)):
            lines += self.statement(depth, loop)
        return lines

    def indented(self, depth: int, loop: bool) -> list[str]:
        return ["    " + line for line in self.block(depth, loop)]

    def choice(self, depth: int, loop: bool) -> list[str]:
        lines = [f"if {self.test()}:", *self.indented(depth, loop)]
        for _ in range(self.pick(0, 0, 1)):
            lines += [f"elif {self.test()}:", *self.indented(depth, loop)]
        return lines + self.perhaps_else(depth, loop, self.pick(True, False))

    def perhaps_else(self, depth: int, loop: bool, there: bool) -> list[str]:
        return ["else:", *self.indented(depth, loop)] if there else []


class Writer(Blocks):
    """Writes one function from a source of random choices."""

    def __init__(self, rnd: random.Random, generator: bool = False) -> None:
        super().__init__(rnd)
        self.generator = generator

    # --- expressions ------------------------------------------------------------------------

    def atom(self) -> str:
        return self.pick(self.name(), self.name(), str(self.rnd.randrange(-2, 4)), "a", "b")

    def expr(self, depth: int = 2) -> str:
        if depth == 0:
            return self.atom()
        e = lambda: self.expr(depth - 1)  # noqa: E731
        kind = self.rnd.randrange(17)
        if kind < 3:
            return self.pick(f"({e()} + {e()})", f"({e()} - {e()})", f"({e()} * {e()} % 97)")
        if kind == 3:
            return f"see({e()})"
        if kind == 4:
            return f"({e()} if {self.test()} else {e()})"
        if kind == 5:
            return f"int({self.test()})"
        if kind == 6:
            return f"({self.name()} := {e()})"
        if kind == 7:
            return f"box[{e()} % 3]"
        if kind == 8:
            return f"sum([{self.atom()} + i for i in range(3) if i != {self.atom()}])"
        if kind == 9:
            return f"(lambda x, y={self.atom()}: x + y + {self.atom()})({e()})"
        if kind == 10:
            return "obj.n"
        if kind == 11:
            return f"sum(i * {self.atom()} for i in (1, {self.atom()}))"
        if kind == 12:
            return f"helper({e()}, {self.atom()})"
        if kind == 13:
            return f"len(f'{{{self.atom()}}}{{{self.atom()}:>4}}')"
        return self.atom()

    def test(self, depth: int = 1) -> str:
        kind = self.rnd.randrange(9)
        t = lambda: self.test(depth - 1) if depth else self.comparison()  # noqa: E731
        if kind == 0:
            return f"({t()} and {t()})"
        if kind == 1:
            return f"({t()} or {t()} or {t()})"
        if kind == 2:
            return f"(not {t()})"
        if kind == 3:
            return f"({self.expr(1)} < {self.expr(1)} <= {self.expr(1)})"
        if kind == 4:
            return f"{self.atom()} {self.pick('in', 'not in')} (0, 1, {self.atom()})"
        return self.comparison()

    # --- statements -------------------------------------------------------------------------

    def statement(self, depth: int, loop: bool) -> list[str]:
        if depth <= 0 or self.rnd.randrange(5) < 2:
            return self.simple(loop)
        return self.pick(
            self.choice, self.choice, self.choice, self.for_loop, self.while_loop, self.attempt,
            self.closure, self.context, self.matching,
        )(depth - 1, loop)  # fmt: skip

    def simple(self, loop: bool) -> list[str]:
        kind = self.rnd.randrange(24)
        if kind < 6:
            return [f"{self.name()} = {self.expr()}"]
        if kind < 8:
            op = self.pick("+=", "-=", "%=")
            return [f"{self.name()} {op} {self.expr(1)}"]
        if kind == 8:
            return [f"{self.name()}, {self.name()} = {self.expr(1)}, {self.expr(1)}"]
        if kind == 9:
            return [f"box[{self.atom()} % 3] {self.pick('=', '+=')} {self.expr(1)}"]
        if kind == 10:
            return [f"obj.n {self.pick('=', '+=')} {self.expr(1)}"]
        if kind == 11:
            return [f"see({self.expr()})"]
        if kind == 12 and self.pick(True, False, False):
            return [f"del {self.name()}"]
        if kind == 13:
            return [f"return {self.expr()}"]
        if kind in (14, 15, 16) and loop:
            return [self.pick("break", "continue")]
        if kind == 17:
            return [f"raise {self.pick('ValueError', 'KeyError')}({self.atom()})"]
        if kind == 18:
            return [f"assert {self.test()}, {self.atom()}"]
        if kind == 19:
            return [f"seen.append({self.expr(1)})"]
        if kind == 20 and self.generator:
            return [self.pick(f"yield {self.expr(1)}", f"{self.name()} = yield {self.atom()}")]
        if kind == 21:
            return [f"{self.name()} = {self.name()} = {self.expr(1)}"]
        if kind == 22:
            return [f"{self.name()}, *{self.pick('box[:2]', 'rest')} = 1, 2, {self.expr(1)}"]
        return [f"{self.name()} = {self.expr(1)}"]

    def for_loop(self, depth: int, loop: bool) -> list[str]:
        over = self.pick("range(3)", f"(1, {self.atom()}, 3)", "range(see(2))", "enumerate((7, 8))")
        target = "i, " + self.name() if "enumerate" in over else self.name()
        lines = [f"for {target} in {over}:", "    spend()", *self.indented(depth, True)]
        return lines + self.perhaps_else(depth, loop, self.pick(True, False, False))

    def while_loop(self, depth: int, loop: bool) -> list[str]:
        test = self.pick(self.test(), self.test(), "True", f"({self.name()} := see({self.atom()}))")
        lines = [f"while {test}:", "    spend()", *self.indented(depth, True)]
        return lines + self.perhaps_else(depth, loop, self.pick(True, False, False))

    def attempt(self, depth: int, loop: bool) -> list[str]:
        lines = ["try:", *self.indented(depth, loop)]
        handlers = self.pick(0, 1, 1, 2)
        for i in range(handlers):
            kind = ("ValueError", "(KeyError, TypeError)")[i]
            bind = self.pick("", f" as {self.name()}")
            lines += [f"except {kind}{bind}:", *self.indented(depth, loop)]
        if handlers and self.pick(True, False):
            lines += ["else:", *self.indented(depth, loop)]
        if not handlers or self.pick(True, False, False):
            lines += ["finally:", *self.indented(depth, False)]
        return lines

    def closure(self, depth: int, loop: bool) -> list[str]:
        self.count += 1
        f = f"g{self.count}"
        declared = self.pick(None, None, self.name())
        lines = [f"def {f}({self.pick('k', 'k=1', 'k, q=2')}):"]
        if declared is not None and not (declared == "q" and "q=2" in lines[0]):
            lines.append(f"    nonlocal {declared}")
        lines += ["    " + x for x in self.block(depth, False) if "yield" not in x]
        if not any("yield" in x for x in lines):
            lines.append(f"    return k + {self.atom()}")
        use = self.pick(f"{self.name()} = see({f}(1))", f"fs.append({f})", f"see({f}(2))")
        call = self.pick([], ["if fs: see(fs[-1](3))"])
        return [*lines, use, *call]

    def context(self, depth: int, loop: bool) -> list[str]:
        kind = self.pick("note()", "quiet()")
        bind = self.pick("", f" as {self.name()}", " as obj.n")
        return [f"with {kind}{bind}:", *self.indented(depth, loop)]

    def matching(self, depth: int, loop: bool) -> list[str]:
        pair, mapping = f"({self.atom()}, {self.atom()})", f"{{'k': {self.atom()}}}"
        subject = self.pick(self.atom(), pair, mapping, "obj", "box")
        lines = [f"match {subject}:"]
        for _ in range(self.pick(1, 2, 3)):
            pattern = self.pattern(1)
            guard = self.pick("", "", f" if {self.test()}")
            lines += [f"    case {pattern}{guard}:",
                      *("    " + x for x in self.indented(depth, loop))]  # fmt: skip
        if self.pick(True, False):
            lines += ["    case _:", *("    " + x for x in self.indented(depth, loop))]
        return lines

    def pattern(self, depth: int) -> str:
        kind = self.rnd.randrange(10)
        inner = (lambda: self.pattern(depth - 1)) if depth else (lambda: self.pick("_", "1", "0"))
        if kind == 0:
            return f"{self.pick(0, 1, 2)} | {self.pick(3, -1)}"
        if kind == 1:
            return f"({inner()}, {inner()})"
        if kind == 2:
            return f"[{inner()}, *_]"
        if kind == 3:
            return f"{{'k': {inner()}, **other}}"
        if kind == 4:
            return f"Obj(n={inner()})"
        if kind == 5:
            return f"int() as m{self.rnd.randrange(99)}"
        if kind == 6:
            return f"(0 | 1 | 2) as {self.name()}"
        if kind == 7:
            return "None"
        return self.pick("0", "1", "2", "-1")


def program(rnd: random.Random, generator: bool = False) -> str:
    """Text of a function `f(a, b)` of integers."""
    w = Writer(rnd, generator)
    body = [f"{n} = {rnd.randrange(3)}" for n in NAMES if rnd.randrange(9)]
    body += ["fs = []", "rest = ()"]
    body += w.block(3, False) + w.block(3, False)
    if generator:
        body.append("yield 9")
    body.append(f"return {', '.join(w.pick(n, '0') for n in NAMES)}")
    unbound = ["if a > 99:", *(f"    {n} = 0" for n in NAMES)]
    return "def f(a, b):\n" + textwrap.indent("\n".join([*unbound, *body]), "    ") + "\n"


_counter = 0


def load(text: str, namespace: dict[str, Any], name: str = "f") -> Any:
    """The function `name` of a program text, with its source where tools look for it."""
    global _counter
    _counter += 1
    file = f"<program {_counter}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), namespace)
    return namespace[name]


class Obj:
    def __init__(self) -> None:
        self.n = 1


class World:
    """What programs see and change."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.steps = 0
        self.box = [1, 2, 3]
        self.obj = Obj()

    def namespace(self) -> dict[str, Any]:
        world = self

        def see(x: Any) -> Any:
            world.seen.append(x if isinstance(x, (int, float, tuple, str, type(None))) else type(x))
            return x

        def spend() -> None:
            world.steps += 1
            if world.steps > 60:
                raise Budget

        class note:
            def __init__(self, swallow: bool = False) -> None:
                self.swallow = swallow

            def __enter__(self) -> int:
                world.seen.append("enter")
                return 5

            def __exit__(self, kind: Any, *rest: Any) -> bool:
                world.seen.append(("exit", kind and _kind(kind).__name__))
                return self.swallow and kind is not None and issubclass(kind, ValueError)

        def helper(x: Any, y: Any) -> Any:
            if x > y:
                return x - y
            while y > 3:
                y -= 2
                world.steps += 1
            return y

        return {"see": see, "spend": spend, "note": note, "quiet": lambda: note(True),
                "helper": helper, "box": self.box, "obj": self.obj, "seen": self.seen,
                "Obj": Obj}  # fmt: skip

    def outcome(self, f: Any, *args: Any) -> Any:
        """What calling `f` gives, raises and leaves behind."""
        try:
            result = f(*args)
            if hasattr(result, "send"):
                result = self.drained(result)
            end = ("value", comparable(result))
        except Budget:
            end = ("budget",)
        except Exception as error:
            end = ("error", _kind(type(error)), _wording(str(error)), _line(error))
        return end, comparable(self.seen), comparable(self.box), comparable(self.obj.n)

    def drained(self, gen: Any) -> Any:
        found = []
        try:
            found.append(next(gen))
            for i in range(40):  # a generator expression would turn StopIteration into an error
                found.append(gen.send(i % 3))  # noqa: PERF401
        except StopIteration as stop:
            found.append(("return", stop.value))
        return found


def _kind(error: type) -> type:
    """Where the unbound name belongs to a function around a comprehension, Python says NameError;
    since 3.12 it says UnboundLocalError there too."""
    return NameError if issubclass(error, NameError) else error


def _wording(text: str) -> Any:
    if text.startswith("cannot access "):
        return text.split("'")[1]
    return comparable(text)


def _line(error: BaseException) -> int:
    """Last line of a program in the traceback."""
    tb, line = error.__traceback__, 0
    while tb is not None:
        if tb.tb_frame.f_code.co_filename.startswith("<program"):
            line = tb.tb_lineno
        tb = tb.tb_next
    return line


def comparable(x: Any) -> Any:
    """Results with functions and exceptions replaced by what can be compared."""
    if isinstance(x, (tuple, list)):
        return type(x)(comparable(y) for y in x)
    if isinstance(x, str):
        return x.split(" at 0x")[0]
    if isinstance(x, (int, float, type(None), type)):
        return x
    return type(x).__name__


def table() -> tuple[list[Any], Callable[..., Any]]:
    """An empty table of functions, and the decorator that enters one with its arguments."""
    entries: list[Any] = []

    def case(*points: Any) -> Any:
        def enter(f: Any) -> Any:
            f.points = points
            entries.append(f)
            return f

        return enter

    return entries, case
