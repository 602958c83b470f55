"""What the text of the array API standard says of special values, read sentence by sentence.

A sentence is one of `- If CONDITIONS, the result is RESULT.` in the docstrings that the package
`array-api-stubs` ships: `x_i`, or `x1_i` and `x2_i`, are real operands, `a` and `b` the parts of
a complex one. A sentence that is not understood is an error, so that none is passed over.
"""

from __future__ import annotations

import inspect
import itertools
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

NUMBERS = {
    "NaN": math.nan, "+infinity": math.inf, "infinity": math.inf, "-infinity": -math.inf,
    "+0": 0.0, "0": 0.0, "-0": -0.0, "1": 1.0, "+1": 1.0, "-1": -1.0,
}  # fmt: skip
VALUES = (math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 0.5, -0.5,
          2.5, -2.5, 1e10, -1e10, 5.0, -4.0)  # fmt: skip
Operands = dict[str, float]
Test = Callable[[float], bool]


def same(x: float, y: float) -> bool:
    """Equal, with NaN equal to itself and zeros of different signs not."""
    return (math.isnan(x) and math.isnan(y)) or (
        x == y and math.copysign(1, x) == math.copysign(1, y)
    )


def _whole(v: float) -> bool:
    return math.isfinite(v) and v == int(v)


KINDS: dict[str, Test] = {
    "NaN": math.isnan,
    "not NaN": lambda v: not math.isnan(v),
    "a finite number": math.isfinite,
    "a nonzero finite number": lambda v: math.isfinite(v) and v != 0,
    "a nonzero number": lambda v: v != 0 and not math.isnan(v),
    "a positive finite number": lambda v: math.isfinite(v) and v > 0,
    "a negative finite number": lambda v: math.isfinite(v) and v < 0,
    "an odd integer value": lambda v: _whole(v) and v % 2 == 1,
    "not an odd integer value": lambda v: not (_whole(v) and v % 2 == 1),
    "not an integer value": lambda v: math.isfinite(v) and not _whole(v),
    "already integer-valued": _whole,
}


def _of_value(text: str) -> Test:
    """The set of numbers that a phrase such as `less than ``0``` names."""
    text = re.sub(r" \(i\.e\., \S+ than 0\)", "", text.replace("``", ""))
    if text in KINDS:
        return KINDS[text]
    if text in NUMBERS:
        return lambda v: same(v, NUMBERS[text])
    if match := re.fullmatch(r"either (\S+) or (\S+)", text):
        return lambda v: any(same(v, NUMBERS[n]) for n in match.groups())
    relation, number = re.fullmatch(r"(less than|greater than|not equal to) (-?\d)", text).groups()
    bound = float(number)
    return {"less than": lambda v: v < bound, "greater than": lambda v: v > bound,
            "not equal to": lambda v: v != bound}[relation]  # fmt: skip


def _signs(agree: bool, finite: bool, given: Operands) -> bool:
    """Whether both operands have signs that agree or not, and are as finite as asked."""
    x, y = given.values()
    if math.isnan(x) or math.isnan(y) or (finite and not (x and y and math.isfinite(x + y))):
        return False
    return (math.copysign(1, x) == math.copysign(1, y)) == agree


def _conditions(text: str) -> Callable[[Operands], bool]:
    if text == "either ``x1_i`` or ``x2_i`` is ``NaN``":
        return lambda given: any(math.isnan(v) for v in given.values())
    if match := re.match(r"``x1_i`` and ``x2_i`` have (the same|different) math", text):
        return lambda given: _signs(match[1] == "the same", "nonzero finite" in text, given)
    tests: list[Callable[[Operands], bool]] = []
    for phrase in re.split(r", and (?=``)|, (?=``)| and (?=``)", text):
        size, name, rest = re.fullmatch(r"``(abs\()?(\w+)\)?`` is (.*)", phrase).groups()
        if rest == "``-x1_i``":
            tests.append(lambda given: given["x2_i"] == -given["x1_i"])
            continue
        test = _of_value(rest)
        tests.append(lambda given, n=name, s=size, t=test: t(abs(given[n]) if s else given[n]))
    return lambda given: all(t(given) for t in tests)


def _number(text: str) -> tuple[float, float]:
    """A number that may be a fraction of pi, and how far from it a result may be."""
    if match := re.fullmatch(r"([+-]?)(\d?)π(?:/(\d))?", text):
        sign, times, parts = match.groups()
        value = int(times or 1) * math.pi / int(parts or 1)
        return (-value if sign == "-" else value), 1e-5
    return NUMBERS[text], 0.0


def _is(got: float, want: float, near: float = 0.0, unsigned: bool = False) -> bool:
    if unsigned:
        got, want = abs(got), abs(want)
    return abs(got - want) <= near if near else same(got, want)


def _complex_result(text: str, note: str, given: Operands, got: complex) -> bool:
    if match := re.fullmatch(r"(\S+) \* cis\(b\)", text):
        size, turn = NUMBERS[match[1]], (math.cos(given["b"]), math.sin(given["b"]))
        wants = [size * t if t else t for t in turn]
        return same(got.real, wants[0]) and same(got.imag, wants[1])
    re_, im = re.fullmatch(r"(\S+) \+ (\S+?) ?j", text).groups()
    free = "unspecified" in note
    return _is(got.real, *_number(re_), free and "real" in note) and _is(
        got.imag, *_number(im), free and "imaginary" in note
    )


def _result(text: str, given: Operands, got: Any) -> bool:
    """Whether a result is what the standard says it is."""
    if text.startswith("a signed infinity"):
        return math.isinf(got)
    if match := re.match(r"a (positive|negative) mathematical sign", text):
        return math.isnan(got) or math.copysign(1, got) == (1 if match[1] == "positive" else -1)
    if text.startswith("the even integer closest"):
        return got % 2 == 0 and abs(got - given["x_i"]) == 0.5
    value, note = re.match(
        r"(?:an implementation-dependent approximation to )?``(.*?)``(.*)", text
    ).groups()
    if isinstance(got, complex):
        return _complex_result(value, note, given, got)
    if value in given:
        return same(got, given[value])
    return got == 0 if value == "0" else _is(got, *_number(value))


@dataclass(frozen=True)
class Sentence:
    """One statement about one function."""

    function: str
    text: str

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the operands, or of the parts of one."""
        if "x1_i" in self.text or "x2_i" in self.text:
            return ("x1_i", "x2_i")
        return ("x_i",) if "x_i" in self.text else ("a", "b")

    def applies(self, given: Operands) -> bool:
        """Whether it speaks of these operands."""
        return self._halves()[0](given)

    def holds(self, given: Operands, got: Any) -> bool:
        """Whether `got` is the result it asks for."""
        return _result(self._halves()[1], given, got)

    def _halves(self) -> tuple[Callable[[Operands], bool], str]:
        text = re.sub(r"\s*\(\*\*note\*\*.*", "", self.text)
        if text.startswith("If two integers are equally close"):
            return (
                lambda given: math.isfinite(v := given["x_i"]) and abs(v % 1) == 0.5
            ), text.split("the result is ")[1]
        condition, result = re.match(r"If (.*?), the result (?:is|has) (.*?)\.?$", text).groups()
        return _conditions(condition), re.split(", even if|, unless", result)[0]


def grid(names: tuple[str, ...]) -> list[Operands]:
    """All combinations of `VALUES`."""
    combined = itertools.product(VALUES, repeat=len(names))
    return [dict(zip(names, v, strict=True)) for v in combined]


def sentences(module: ModuleType) -> Iterator[Sentence]:
    """Every statement about special values in a module of the standard."""
    for name, function in inspect.getmembers(module, inspect.isfunction):
        for line in (inspect.getdoc(function) or "").splitlines():
            if match := re.match(r"\s*- (If .*)", line):
                yield Sentence(name, match[1])
