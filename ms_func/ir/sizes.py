"""Lengths that have names: whole polynomials in names, for descriptions of arrays.

Programs have fixed sizes. A description may leave one open; `eval_shape` then records the function
for several numbers and tells how the lengths of the results depend on them.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from math import prod
from typing import Any, NoReturn

from ms_func.errors import ArgumentValueError, InconclusiveSizeError, UnsupportedError

__all__ = ["Scope", "Size", "names_of", "parse_sizes", "size_at", "solved"]

Monomial = tuple[tuple[Any, int], ...]
"""Atoms and their powers. An atom is a `Name` or a `Part`."""


class Scope:
    """Names that belong together, and what is known of the numbers that they stand for.

    Args:
        constraints: texts such as `"a >= 2"`, `"a <= 8"`, `"a >= 2*b"`; a name is at least 1.

    Raises:
        ValueError: a constraint cannot be read, or no numbers meet it.
        NotImplementedError: a constraint is an equation.
    """

    def __init__(self, constraints: str | Iterable[str] = ()) -> None:
        self.texts = (constraints,) if isinstance(constraints, str) else tuple(constraints)
        self.bounds: dict[str, tuple[int, int | None]] = {}
        self.gaps: list[Size] = []
        for text in self.texts:
            self._add(text)

    def _add(self, text: str) -> None:
        sign = next((s for s in (">=", "<=", "==") if s in text), None)
        if sign == "==":
            raise UnsupportedError(
                f"the constraint {text!r} on sizes is an equation\n"
                "fix: give bounds such as 'a >= 2' or 'a >= b', and write sizes in fewer names"
            )
        if sign is None:
            raise ArgumentValueError(
                f"cannot read the constraint {text!r}: must contain one of '==' or '>=' or '<='"
            )
        (left,), (right,) = (parse_sizes(part, self) for part in text.split(sign, 1))
        gap = left - right if sign == ">=" else right - left
        found = names_of(gap)
        name = next(iter(found), "")
        if len(found) == 1 and (line := _line(gap, name)) is not None:
            self._bound(name, *line)
        elif found:
            self.gaps.append(gap)
        elif gap < 0:
            raise ArgumentValueError(f"no numbers meet the constraint {text!r}")

    def _bound(self, name: str, factor: int, start: int) -> None:
        low, high = self.range(name)
        if factor > 0:
            low = max(low, -(start // factor))
        else:
            limit = start // -factor
            high = limit if high is None else min(limit, high)
        self.bounds[name] = (low, high)

    def range(self, name: str) -> tuple[int, int | None]:
        """Least and largest number of a name."""
        return self.bounds.get(name, (1, None))


class Name:
    """A name in its scope."""

    __slots__ = ("scope", "text")

    def __init__(self, text: str, scope: Scope) -> None:
        self.text, self.scope = text, scope

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Name) and (self.text, self.scope) == (other.text, other.scope)

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        return self.text


class Part:
    """A whole number that is no polynomial: a function of others, which has a text."""

    __slots__ = ("args", "fun", "text")

    def __init__(self, text: str, fun: Callable[..., int], args: tuple[Any, ...]) -> None:
        self.text, self.fun, self.args = text, fun, args

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Part) and (self.text, self.args) == (other.text, other.args)

    def __hash__(self) -> int:
        return hash((self.text, self.args))

    def __str__(self) -> str:
        return f"{self.text}({', '.join(map(str, self.args))})"


class Size:
    """A polynomial with whole coefficients in names of lengths; what is a number is an `int`.

    Example:
        >>> a, b = parse_sizes("a, b", Scope())
        >>> str(2 * a + b), a + b - b == a, size_at(a * b, {"a": 2, "b": 3})
        ('b + 2*a', True, 6)
    """

    __slots__ = ("terms",)

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        self.terms = dict(terms)

    @property
    def scope(self) -> Scope:
        """Whose names are in it."""
        return next(iter(names_of(self).values())).scope

    def __add__(self, other: Any) -> Any:
        return _ring(other, lambda o: _made(_sum(self.terms, o)))

    def __mul__(self, other: Any) -> Any:
        return _ring(other, lambda o: _made(_product(self.terms, o)))

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Any:
        return self * -1

    def __sub__(self, other: Any) -> Any:
        return _ring(other, lambda o: self + _made(o) * -1)

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __pow__(self, power: int) -> Any:
        return prod([self] * operator.index(power), start=1)

    def __floordiv__(self, other: Any) -> Any:
        return _divided(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _divided(other, self)

    def __mod__(self, other: Any) -> Any:
        return _remainder(self, other)

    def __rmod__(self, other: Any) -> Any:
        return _remainder(other, self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Size) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(frozenset(self.terms.items()))

    def __ge__(self, other: Any) -> bool:
        return self._decided(self - other, ">=", other)

    def __le__(self, other: Any) -> bool:
        return self._decided(other - self, "<=", other)

    def __gt__(self, other: Any) -> bool:
        return not self <= other

    def __lt__(self, other: Any) -> bool:
        return not self >= other

    def _decided(self, gap: Any, sign: str, other: Any) -> bool:
        known = [g for n in names_of(gap).values() for g in n.scope.gaps]
        if any((least := _range(gap - g)[0]) is not None and least >= 0 for g in (0, *known)):
            return True
        if any((most := _range(gap + g)[1]) is not None and most < 0 for g in (0, *known)):
            return False
        raise InconclusiveSizeError(
            f"Symbolic dimension comparison '{self}' {sign} '{other}' is inconclusive\n"
            "fix: bound the names by constraints, or compare numbers"
        )

    def __bool__(self) -> bool:
        return bool(self >= 1) or True

    def _refused(self) -> NoReturn:
        raise InconclusiveSizeError(
            f"the size '{self}' is a name, and programs here have fixed sizes\n"
            "fix: give numbers; `eval_shape` and `jax.export` take names"
        )

    def __index__(self) -> int:
        self._refused()

    def __int__(self) -> int:
        self._refused()

    def __str__(self) -> str:
        text = ""
        for monomial, k in sorted(self.terms.items(), key=lambda t: _rank(t[0]), reverse=True):
            sign = (" - " if k < 0 else " + ") if text else ("- " if k < 0 else "")
            size = str(abs(k)) if not monomial else _text(monomial)
            text += sign + (f"{abs(k)}*{size}" if monomial and abs(k) != 1 else size)
        return text

    __repr__ = __str__


def _rank(monomial: Monomial) -> tuple[int, list[Any]]:
    """Place of a monomial in a sum as JAX writes it: by degree, then by its factors."""
    factors = [(not isinstance(a, Name), str(a), p) for a, p in monomial]
    return sum(p for _, p in monomial), sorted(factors, reverse=True)


def _text(monomial: Monomial) -> str:
    return "*".join(str(a) if p == 1 else f"{a}^{p}" for a, p in monomial)


def _terms(x: Any) -> Mapping[Monomial, int]:
    if isinstance(x, Size):
        return x.terms
    return {(): x} if (x := operator.index(x)) else {}


def _same_scope(a: Mapping[Monomial, int], b: Mapping[Monomial, int]) -> None:
    scopes = [{n.scope for n in names_of(Size(t)).values()} for t in (a, b)]
    if scopes[0] and scopes[1] and scopes[0] != scopes[1]:
        raise ArgumentValueError("Invalid mixing of symbolic scopes: the names were made by "
                                 "different calls\nfix: pass one `scope` to all")  # fmt: skip


def _ring(other: Any, build: Callable[[Mapping[Monomial, int]], Any]) -> Any:
    try:
        return build(_terms(other))
    except TypeError:
        return NotImplemented


def _made(terms: Mapping[Monomial, int]) -> Any:
    kept = {m: k for m, k in terms.items() if k}
    return Size(kept) if any(kept) else kept.get((), 0)


def _sum(a: Mapping[Monomial, int], b: Mapping[Monomial, int]) -> dict[Monomial, int]:
    _same_scope(a, b)
    return {m: a.get(m, 0) + b.get(m, 0) for m in {**a, **b}}


def _product(a: Mapping[Monomial, int], b: Mapping[Monomial, int]) -> dict[Monomial, int]:
    _same_scope(a, b)
    out: dict[Monomial, int] = {}
    for m, j in a.items():
        for n, k in b.items():
            powers = dict(m)
            for atom, p in n:
                powers[atom] = powers.get(atom, 0) + p
            key = tuple(sorted(powers.items(), key=lambda t: str(t[0])))
            out[key] = out.get(key, 0) + j * k
    return out


def atom(a: Any) -> Size:
    """An atom as a size."""
    return Size({((a, 1),): 1})


def _divided(x: Any, y: Any) -> Any:
    """`x // y`: a polynomial where all coefficients are divisible by a number `y`."""
    if x == y:
        return 1
    if isinstance(y, int) and y and all(k % y == 0 for k in _terms(x).values()):
        return _made({m: k // y for m, k in _terms(x).items()})
    quotient = _quotient(x, y)
    return atom(Part("floordiv", operator.floordiv, (x, y))) if quotient is None else quotient


def _remainder(x: Any, y: Any) -> Any:
    rest = x - y * (x // y)
    return rest if isinstance(rest, int) else atom(Part("mod", operator.mod, (x, y)))


def _quotient(x: Any, y: Any) -> Any:
    """`x / y` where `y` is one monomial and divides each of those of `x`; else None."""
    if not isinstance(y, Size) or len(y.terms) != 1:
        return None
    ((below, d),) = y.terms.items()
    out = {}
    for m, k in _terms(x).items():
        powers = dict(m)
        for a, p in below:
            powers[a] = powers.get(a, 0) - p
        if k % d or any(p < 0 for p in powers.values()):
            return None
        out[tuple((a, p) for a, p in powers.items() if p)] = k // d
    return _made(out)


def _range(x: Any) -> tuple[int | None, int | None]:
    """Bounds of a size by those of its names, None where there is none."""
    low: int | None = 0
    high: int | None = 0
    for m, k in _terms(x).items():
        ends = [_atom_range(a) for a, p in m for _ in range(p)]
        least = prod(e[0] for e in ends)  # no atom is negative
        most = None if any(e[1] is None for e in ends) else prod(e[1] or 0 for e in ends)
        bottom, top = (least, most) if k > 0 else (most, least)
        low = None if low is None or bottom is None else low + k * bottom
        high = None if high is None or top is None else high + k * top
    return low, high


def _atom_range(a: Any) -> tuple[int, int | None]:
    """Bounds of a name, or of a part, none of which is negative."""
    if isinstance(a, Name):
        return a.scope.range(a.text)
    x, y = a.args[0], a.args[-1]
    (low, high), known = _range(x), isinstance(y, int) and y > 0
    if a.text == "floordiv" and known:
        return max(low or 0, 0) // y, None if high is None else high // y
    if a.text == "mod" and known:
        return 0, y - 1
    if a.text in ("max", "min"):
        return _range_of_two(a.fun, (low, high), _range(y))
    return 0, None


def _range_of_two(fun: Any, one: tuple[Any, Any], other: tuple[Any, Any]) -> tuple[int, Any]:
    """Bounds of the larger or smaller of two sizes."""
    low = fun(max(one[0] or 0, 0), max(other[0] or 0, 0))
    ends = [h for h in (one[1], other[1]) if h is not None]
    if not ends or (fun is max and len(ends) < 2):
        return low, None
    return low, fun(ends)


def names_of(x: Any) -> dict[str, Name]:
    """The names in a size."""
    found: dict[str, Name] = {}
    for a in [a for m in x.terms for a, _ in m] if isinstance(x, Size) else ():
        if isinstance(a, Name):
            found[a.text] = a
        else:
            found.update(n for arg in a.args for n in names_of(arg).items())
    return found


def size_at(x: Any, numbers: Mapping[str, int]) -> int:
    """The number that a size is where the names are numbers."""

    def value(a: Any) -> int:
        if isinstance(a, Name):
            return numbers[a.text]
        return a.fun(*[size_at(arg, numbers) for arg in a.args])

    return sum(k * prod(value(a) ** p for a, p in m) for m, k in _terms(x).items())


def solved(found: Iterable[tuple[Any, int, str]]) -> dict[str, int]:
    """The numbers that names stand for.

    Args:
        found: sizes, the number that each is, and where it stands, for messages.

    Raises:
        ValueError: no numbers within the bounds of the names give these sizes.
    """
    rows = list(found)
    numbers: dict[str, int] = {}
    for _ in rows:
        for size, n, where in rows:
            open_names = {k: v for k, v in names_of(size).items() if k not in numbers}
            if len(open_names) == 1:
                ((text, name),) = open_names.items()
                if (line := _line(size, text, numbers)) is not None:
                    numbers[text] = _solution(name, n - line[1], line[0], where, size)
    for size, n, where in rows:
        missing = [k for k in names_of(size) if k not in numbers]
        if missing or size_at(size, numbers) != n:
            _mismatch(
                f"Cannot solve for values of dimension variables {missing}" if missing else
                f"Found inconsistency between dimension size {where} (= {n}) and the specification "
                f"'{size}' (= {size_at(size, numbers)})"
            )  # fmt: skip
    for gap in {
        g for size, _, _ in rows for name in names_of(size).values() for g in name.scope.gaps
    }:
        if size_at(gap, numbers) < 0:
            _mismatch(f"The constraint '{gap} >= 0' is not met by {numbers}")
    return numbers


def _line(size: Any, name: str, others: Mapping[str, int] | None = None) -> Any:
    """`k, c` where a size is `k * name + c` and `k` is not 0; else None."""
    at = [size_at(size, {**(others or {}), name: i}) for i in range(9)]
    steps = {b - a for a, b in pairwise(at)}
    return (steps.pop(), at[0]) if len(steps) == 1 and 0 not in steps else None


def _solution(name: Name, n: int, factor: int, where: str, size: Any) -> int:
    value, rest = divmod(n, factor)
    if rest:
        _mismatch(f"Division had remainder {rest} when computing the value of '{name}' from "
                  f"{where}, which is '{size}'")  # fmt: skip
    low, high = name.scope.range(name.text)
    if value < low > 1:
        raise ArgumentValueError(
            f"Input shapes do not match the symbolic shape constraint {name}>={low}. Expected "
            f"'{name} - {low}' to be greater or equal to 0, but found {value - low}: value {value} "
            f"for dimension variable '{name}' from {where}, which is '{size}'"
        )
    if value < low or (high is not None and value > high):
        limit = f">= {low}" if value < low else f"<= {high}"
        _mismatch(f"Expected value {limit} for dimension variable '{name}', got {value} from "
                  f"{where}, which is '{size}'")  # fmt: skip
    return value


def _mismatch(why: str) -> NoReturn:
    raise ArgumentValueError(
        f"Input shapes do not match the polymorphic shapes specification. {why}"
    )


_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Pow: operator.pow,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "floordiv": operator.floordiv, "mod": operator.mod,
    "max": lambda x, y: _larger("max", max, x, y), "min": lambda x, y: _larger("min", min, x, y),
}  # fmt: skip


def _larger(text: str, fun: Callable[..., Any], x: Any, y: Any) -> Any:
    """The larger or smaller of two sizes: one of them where that is known."""
    try:
        return fun(x, y)
    except InconclusiveSizeError:
        return atom(Part(text, fun, (x, y)))


def parse_sizes(spec: str, scope: Scope, like: Any = None) -> tuple[Any, ...]:
    """Sizes from a text such as `"a, 2*b, 3"`.

    Args:
        spec: names, numbers, sums, products, `floordiv(a, 2)`, `mod(a, 2)`, `max(a, b)`,
            `min(a, b)`; `_` stands for the size of that place in `like`, `...` for all that are
            left.
        scope: whose names they are.
        like: a shape.

    Raises:
        ValueError: the text is none, or has no shape to be like.
    """
    text = spec.strip().replace("^", "**")
    text = text[1:-1] if text.startswith("(") and text.endswith(")") else text
    try:
        nodes = ast.parse(f"[{text}]", mode="eval").body
    except SyntaxError as error:
        raise ArgumentValueError(f"syntax error in symbolic shape {spec!r}") from error
    items = nodes.elts if isinstance(nodes, ast.List) else []
    dots = [isinstance(n, ast.Constant) and n.value is ... for n in items]
    if any(dots):
        if like is None or sum(dots) > 1 or len(items) - 1 > len(like):
            raise ArgumentValueError(
                f"syntax error in symbolic shape {spec!r}: '...' stands for no sizes of {like}"
            )
        i = dots.index(True)
        middle = like[i : len(like) - len(items) + i + 1]
        rest = [_parsed(n, scope, like, j - len(items)) for j, n in enumerate(items) if j > i]
        return (*[_parsed(n, scope, like, j) for j, n in enumerate(items[:i])], *middle, *rest)
    if like is not None and len(items) != len(like):
        raise ArgumentValueError(
            f"syntax error in symbolic shape {spec!r}: it has {len(items)} sizes, and "
            f"{tuple(like)} {len(like)}"
        )
    return tuple(_parsed(n, scope, like, j) for j, n in enumerate(items))


def _parsed(node: ast.expr, scope: Scope, like: Any, place: int) -> Any:
    def parsed(n: ast.expr) -> Any:
        match n:
            case ast.Constant(value=int(k)):
                return k
            case ast.Name(id="_") if like is not None:
                return like[place]
            case ast.Name(id=name) if name != "_":
                return atom(Name(name, scope))
            case ast.UnaryOp(op=ast.USub(), operand=x):
                return -parsed(x)
            case ast.BinOp(left=x, op=op, right=y) if type(op) in _OPERATORS:
                return _OPERATORS[type(op)](parsed(x), parsed(y))
            case ast.Call(func=ast.Name(id=name), args=[x, y]) if name in _FUNCTIONS:
                return _FUNCTIONS[name](parsed(x), parsed(y))
        raise ArgumentValueError(f"syntax error in symbolic shape: {ast.unparse(n)!r} is no size")

    return parsed(node)
