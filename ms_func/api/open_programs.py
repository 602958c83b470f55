"""Programs of functions of arrays some of whose lengths are names.

The texts of the programs for different numbers differ in numbers only, and each of these is a
polynomial in the names, or a quotient or a root of one. What differs otherwise is refused: a
function may have asked how long its arguments are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ms_func.api.open_sizes import Trials
from ms_func.dtypes import parse_dtype
from ms_func.errors import UnsupportedError
from ms_func.ir import parse, to_text
from ms_func.ir.function import Function
from ms_func.ir.sizes import Name, Scope, names_of, parse_sizes, size_at
from ms_func.ir.text import float_text
from ms_func.ir.types import ShapeDtypeStruct

__all__ = ["OpenProgram", "open_program"]

_TOKEN = re.compile(
    r'@?"(?:[^"\\]|\\.)*"|[%@]?[A-Za-z_][\w.\-]*|[%@]\d+|-?\d+(?:\.\d+)?(?:e[-+]?\d+)?|\s+|.'
)
_NUMBER = re.compile(r"-?\d")


class Hole(NamedTuple):
    """A number that depends on the names: a size, or a float `(size / parts) ** power`.

    Attributes:
        size: a polynomial in the names.
        power: 1, -1, 1/2 or -1/2.
        parts: its sign is that of the float.
        dtype: of a float; empty for a size.
    """

    size: Any
    power: float = 1.0
    parts: int = 1
    dtype: str = ""

    def text(self, numbers: Mapping[str, int]) -> str:
        """The number as it stands in a text."""
        n = size_at(self.size, numbers)
        return float_text(self.value(n)) if self.dtype else str(n)

    def value(self, n: int) -> Any:
        """The float for a number of the size."""
        return parse_dtype(self.dtype).type(
            math.copysign((n / abs(self.parts)) ** self.power, self.parts)
        )


class OpenProgram(NamedTuple):
    """The text of a program with holes for numbers that depend on names of sizes."""

    pieces: tuple[str | Hole, ...]

    def at(self, numbers: Mapping[str, int]) -> Function:
        """The program for these numbers."""
        return _parsed("".join(p if isinstance(p, str) else p.text(numbers) for p in self.pieces))

    def written(self) -> list[Any]:
        """As JSON."""
        return [p if isinstance(p, str) else [str(p.size), *p[1:]] for p in self.pieces]

    @classmethod
    def read(cls, data: Sequence[Any], scope: Scope) -> OpenProgram:
        """What `written` gave, with the names of a scope."""
        return cls(tuple(p if isinstance(p, str) else Hole(*parse_sizes(p[0], scope), *p[1:])
                         for p in data))  # fmt: skip


@lru_cache(maxsize=256)
def _parsed(text: str) -> Function:
    return parse(text)


def open_program(
    record: Callable[[Mapping[str, int]], Function], names: Mapping[str, Name], what: str
) -> tuple[OpenProgram, tuple[Any, ...], tuple[Any, ...]]:
    """A program for all numbers that names may stand for, and its arguments' and results' types.

    Args:
        record: gives the program for numbers in place of the names.
        names: the names.
        what: name of the function, for messages.

    Raises:
        NotImplementedError: programs for different numbers differ in more than numbers.
    """
    for floors in (False, True):
        trials = Trials(names, small=True, floors=floors)
        programs = [_recorded(record, at) for at in trials.numbers]
        rows = [_TOKEN.findall(to_text(fn, locs="none")) for fn in programs]
        rows = [_renamed(row, rows[0]) for row in rows]
        made = [_piece(column, i, rows[0], trials) for i, column in
                enumerate(zip(*rows, strict=False))]  # fmt: skip
        if None not in made and len({len(row) for row in rows}) == 1:
            break
    else:
        _refuse(rows, made, trials, what)
    ins, outs = ([fn.free_types for fn in programs], [fn.out_types for fn in programs])
    return OpenProgram(tuple(_joined(made))), _structs(ins, trials), _structs(outs, trials)


def _renamed(row: Sequence[str], first: Sequence[str]) -> list[str]:
    """A text with the names that functions have in another one.

    The same program may have been recorded before, under another name, for some sizes.
    """
    own, wanted = ([*dict.fromkeys(t for t in r if t[0] == "@")] for r in (row, first))
    names = dict(zip(own, wanted, strict=False))
    return [names.get(token, token) for token in row]


def _structs(types: Sequence[Sequence[Any]], trials: Trials) -> tuple[ShapeDtypeStruct, ...]:
    return tuple(_struct(each, trials) for each in zip(*types, strict=True))


def _struct(each: Sequence[Any], trials: Trials) -> ShapeDtypeStruct:
    shape = tuple(trials.fit(d) for d in zip(*[t.shape for t in each], strict=True))
    return ShapeDtypeStruct(shape, each[0].face, weak_type=each[0].weak_type)


def _recorded(record: Callable[[Mapping[str, int]], Function], at: Mapping[str, int]) -> Function:
    try:
        return record(at)
    except Exception as error:
        said = ", ".join(f"{name} = {n}" for name, n in at.items())
        error.add_note(f"This arose for {said}: sizes with names are tried at several numbers; "
                       "bounds such as constraints=['b >= 8'] restrict which.")  # fmt: skip
        raise


def _piece(column: Sequence[str], i: int, row: Sequence[str], trials: Trials) -> str | Hole | None:
    """What stands at one place of all texts: text, or a number that depends on the names."""
    first = column[0]
    if all(text == first for text in column):
        return first
    if not all(_NUMBER.match(text) for text in column):
        return None
    if not any(c in text for text in column for c in ".e"):
        size = trials.fit(map(int, column))
        return None if size is None else Hole(size)
    typed = row[i + 1 : i + 2] == [":"]
    return _float(column, row[i + 2] if typed else "f64", trials)


def _float(column: Sequence[str], dtype: str, trials: Trials) -> Hole | None:
    """A float that is the power of a polynomial, times a small fraction."""
    kind = parse_dtype(dtype)
    values = np.array([float(text) for text in column])
    sign = 1 if values[0] > 0 else -1
    close = 4 * float(np.finfo(kind).eps if kind.kind == "f" else 2.0**-7)
    for power, parts in product((1.0, -1.0, 0.5, -0.5), range(1, 13)):
        with np.errstate(all="ignore"):
            base = parts * np.abs(values) ** (1 / power)
        size = trials.fit(map(round, base)) if np.isfinite(base).all() else None
        hole = Hole(size, power, sign * parts, dtype)
        if names_of(size) and all(
            abs(float(hole.value(size_at(size, at))) - v) <= close * abs(v)
            for at, v in zip(trials.numbers, values, strict=True)
        ):
            return hole
    return None


def _joined(made: Sequence[Any]) -> list[str | Hole]:
    """Pieces with neighbouring texts as one."""
    out: list[str | Hole] = []
    for piece in made:
        if isinstance(piece, str) and out and isinstance(out[-1], str):
            out[-1] += piece
        else:
            out.append(piece)
    return out


def _refuse(rows: Sequence[Sequence[str]], made: Sequence[Any], trials: Trials, what: str) -> Any:
    """Say for which numbers the programs differ, and in which line."""
    place = made.index(None) if None in made else len(made) - 1
    other = next(
        k for k, row in enumerate(rows) if row[place : place + 1] != rows[0][place : place + 1]
    )

    def said(k: int) -> str:
        at = ", ".join(f"{name} = {n}" for name, n in trials.numbers[k].items())
        line = "".join(rows[k][: place + 1]).count("\n")
        return f"    {at}: {''.join(rows[k]).splitlines()[line].strip()[:100]}"

    raise UnsupportedError(
        f"the program of `{what}` is not the same for all sizes with names: numbers in it are no "
        f"polynomials in them, or it depends on comparisons\n{said(0)}\n{said(other)}\n"
        "fix: bound the names by constraints such as 'b >= 8', or give numbers"
    )
