"""Functions of arrays some of whose lengths are names.

The function is recorded for several numbers in place of each name. How a number in what is
recorded depends on them is read off: a polynomial, which more recordings confirm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import permutations, product
from math import lcm, prod
from typing import Any

from ms_func import tree
from ms_func.errors import ArgumentTypeError, UnsupportedError
from ms_func.ir.sizes import Name, Part, Size, atom, names_of, size_at
from ms_func.ir.types import ShapeDtypeStruct

__all__ = ["Trials", "eval_open_shape", "fixed", "open_names"]

_STEP = 48
"""Numbers that differ by this have the same remainders by 2, 3, 4, 6, 8, 12 and 16."""
_MOST = 4


def open_names(args: Any) -> dict[str, Name]:
    """Names of lengths in a tree of arguments."""
    found: dict[str, Name] = {}
    for x in tree.leaves(args):
        if isinstance(x, ShapeDtypeStruct):
            for d in x.shape:
                found.update(names_of(d) if type(d) is Size else {})
    return found


def fixed(args: Any, numbers: Mapping[str, int]) -> Any:
    """A tree of arguments with numbers in place of names."""

    def at(x: Any) -> Any:
        if not isinstance(x, ShapeDtypeStruct):
            return x
        return x.update(shape=tuple(size_at(d, numbers) for d in x.shape))

    return tree.map(at, args)


class Trials:
    """Numbers to try for names, and polynomials in the names through what is found for them.

    The monomials are products of different names, and the square of each name.

    Args:
        names: up to four of them.
        small: whether what is found has to hold for small numbers as well, which functions may
            treat by themselves.
        floors: also try numbers with all remainders, so that polynomials may be divided and
            rounded down.

    Raises:
        NotImplementedError: there are more, or the bounds of one leave fewer than three numbers.

    Example:
        >>> from ms_func.ir.sizes import Scope
        >>> trials = Trials({"a": Name("a", Scope())})
        >>> trials.fit([3 * at["a"] - 1 for at in trials.numbers])
        3*a - 1
    """

    def __init__(
        self, names: Mapping[str, Name], *, small: bool = False, floors: bool = False
    ) -> None:
        if len(names) > _MOST:
            raise UnsupportedError(
                f"up to {_MOST} sizes may have names, got {sorted(names)}\n"
                "fix: give numbers for some of them"
            )
        k = len(names)
        squares = [tuple(2 * (i == j) for i in range(k)) for j in range(k)]
        powers = [*product((0, 1), repeat=k), *squares]
        self.numbers = _tried(names, powers, small, 16 if floors else 2)
        atoms = [atom(name) for name in names.values()]
        self._monomials = [prod(a**p for a, p in zip(atoms, row, strict=True)) for row in powers]
        self._inverse = _inverse([[size_at(m, at) for m in self._monomials] for at in
                                  self.numbers[: len(powers)]])  # fmt: skip
        self.floors = floors
        self._found: dict[tuple[int, ...], Any] = {}

    def fit(self, values: Iterable[int]) -> Any:
        """The size with these values at `numbers`; None if none is found."""
        key = tuple(values)
        if key not in self._found:
            self._found[key] = self._fit(key)
        return self._found[key]

    def _fit(self, values: Sequence[int]) -> Any:
        factors = [sum(a * v for a, v in zip(row, values, strict=False)) for row in self._inverse]
        common = lcm(*[Fraction(f).denominator for f in factors])
        size = sum(int(common * f) * m for f, m in zip(factors, self._monomials, strict=True))
        if all(size_at(size, at) == common * v for at, v in zip(self.numbers, values, strict=True)):
            return size // common
        rest = range(common) if self.floors and common <= _STEP else ()
        fitting = [s for s in ((size + r) // common for r in rest) if self._holds(s, values)]
        return fitting[0] if len(fitting) == 1 else self._multiple(values) if self.floors else None

    def _multiple(self, values: Sequence[int]) -> Any:
        """A size that is some number of times a quotient, and more: where a stride ends."""
        for step in (2, 3, 4, 6, 8, 12, 16):
            if len({v % step for v in values}) == 1 and max(map(abs, values)) >= step:
                quotient = self.fit([v // step for v in values])
                return None if quotient is None else step * quotient + values[0] % step
        return None

    def _holds(self, size: Any, values: Sequence[int]) -> bool:
        return all(size_at(size, at) == v for at, v in zip(self.numbers, values, strict=True))


def _tried(
    names: Mapping[str, Name], powers: Sequence[Sequence[int]], small: bool, count: int
) -> list[dict[str, int]]:
    """Numbers for the names that keep to what their scopes say.

    First come those which determine the factors of the monomials, then those that confirm them.
    """
    gaps = [g for name in names.values() for g in name.scope.gaps if names_of(g).keys() <= {*names}]
    for places in permutations(range(len(names) + 3), len(names)):
        each = [_numbers(n, p) for n, p in zip(names.values(), places, strict=True)]
        more = [
            _confirming(n, p, small, count) for n, p in zip(names.values(), places, strict=True)
        ]
        rows = [[t[i] for t, i in zip(each, row, strict=True)] for row in powers]
        tried = [dict(zip(names, row, strict=True)) for row in (*rows, *zip(*more, strict=True))]
        if all(size_at(g, at) >= 0 for g in gaps for at in tried):
            return tried
    raise UnsupportedError(
        f"no numbers to try were found for {sorted(names)} that meet their constraints\n"
        "fix: give bounds of single names, or numbers"
    )


def _numbers(name: Name, place: int) -> list[int]:
    """Three numbers within the bounds of a name, which a program hardly has itself."""
    low, high = name.scope.range(name.text)
    tried = [low - low % _STEP + 1 + _STEP * (2 + 3 * place + i) for i in range(3)]
    if high is not None and tried[2] > high:
        tried = list(range(low, high + 1))[:3]
    if len(tried) < 3:
        raise UnsupportedError(
            f"the bounds of '{name}' leave {len(tried)} numbers\nfix: give numbers for it"
        )
    return tried


def _confirming(name: Name, place: int, small: bool, count: int) -> list[int]:
    """Numbers within the bounds of a name that have all remainders, and two small ones."""
    low, high = name.scope.range(name.text)
    tried = [low + (place + 1) * (1000 + i) for i in range(count)]
    tried += [low + 4 * (place + 1), low + 2 * (place + 1)] if small else []
    return tried if high is None else [low + t % (high - low + 1) for t in tried]


def _inverse(rows: Sequence[Sequence[int]]) -> list[list[Fraction]]:
    """Exact inverse of a matrix."""
    n = len(rows)
    work = [
        [Fraction(x) for x in (*row, *(i == j for j in range(n)))] for i, row in enumerate(rows)
    ]
    for i in range(n):
        pivot = next(j for j in range(i, n) if work[j][i])
        work[i], work[pivot] = work[pivot], work[i]
        work[i] = [x / work[i][i] for x in work[i]]
        for j in range(n):
            if j != i:
                work[j] = [x - work[j][i] * y for x, y in zip(work[j], work[i], strict=True)]
    return [row[n:] for row in work]


def eval_open_shape(evaluate: Callable[..., Any], args: Any, names: Mapping[str, Name]) -> Any:
    """Structure of the result, with sizes in terms of the names.

    What is no polynomial, as after a stride, is a size of its own of which no more is known.

    Args:
        evaluate: from arguments whose sizes are numbers to a tree of `ShapeDtypeStruct`s.
        args: positional and named arguments.
        names: the names in them.

    Raises:
        NotImplementedError: there are more than four names.
        TypeError: the structure or a dtype of the result depends on the numbers.
    """
    for trials in (Trials(names), Trials(names, floors=True)):
        found = []
        for at in trials.numbers:
            positional, named = fixed(args, at)
            found.append(tree.flatten(evaluate(*positional, **named)))
        structure = found[0][1]
        if any(other != structure for _, other in found):
            raise ArgumentTypeError("the structure of the result depends on sizes of the arguments")
        rows = list(zip(*[leaves for leaves, _ in found], strict=True))
        shapes = [_shape(each, trials) for each in rows]
        if all(None not in shape for shape in shapes):
            break
    made = [
        each[0].update(shape=[
            atom(Part("unknown", max, lengths)) if size is None else size
            for size, lengths in zip(shape, zip(*[x.shape for x in each], strict=True), strict=True)
        ])
        for each, shape in zip(rows, shapes, strict=True)
    ]  # fmt: skip
    return tree.unflatten(structure, made)


def _shape(each: Sequence[ShapeDtypeStruct], trials: Trials) -> list[Any]:
    first = each[0]
    other = next((x for x in each if (x.ndim, x.dtype) != (first.ndim, first.dtype)), None)
    if other is not None:
        raise ArgumentTypeError(f"the result is {first} or {other}, by the sizes of arguments")
    return [trials.fit(lengths) for lengths in zip(*[x.shape for x in each], strict=True)]
