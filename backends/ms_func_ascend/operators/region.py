"""What the body of a reduction, scatter or sort does: recognised by its behaviour.

A body that only compares, selects and combines booleans decides by the order of its operands
alone. There are finitely many orders, so trying them all proves what it computes, however
it is spelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_COMPARE = {"EQ": np.equal, "NE": np.not_equal, "LT": np.less, "LE": np.less_equal,
            "GT": np.greater, "GE": np.greater_equal}  # fmt: skip
_LOGIC = {"stablehlo.and": np.logical_and, "stablehlo.or": np.logical_or,
          "stablehlo.xor": np.logical_xor}  # fmt: skip


def binary_kind(block: Any) -> str | None:
    """Name of the one commutative operation a body of two arguments consists of, or None."""
    if len(block.ops) != 1 or len(block.params) != 2 or len(block.results) != 1:
        return None
    op = block.ops[0]
    if block.results[0] is not op.results[0] or set(op.operands) != set(block.params):
        return None
    name = op.name.removeprefix("stablehlo.")
    return name if name in ("add", "multiply", "maximum", "minimum", "and", "or", "xor") else None


def second_argument(block: Any) -> bool:
    """Whether a scatter's body just returns the update."""
    half = len(block.params) // 2
    return block.results == block.params[half:]


def decide(block: Any, arrays: Sequence[np.ndarray], constants: bool) -> list[np.ndarray] | None:
    """Results of a deciding body for vectors of arguments; None if it does anything else.

    Args:
        block: the body.
        arrays: one vector per argument.
        constants: whether constants are allowed: zero and NaN, which sort comparators compare
            with to treat all zeros and all NaN alike.
    """
    env = dict(zip(block.params, arrays, strict=True))
    for op in block.ops:
        if any(v not in env for v in op.operands):
            return None  # reads a value from outside
        value = _step(op, [env[v] for v in op.operands], constants)
        if value is None:
            return None
        env[op.results[0]] = value
    return [env[v] for v in block.results] if all(v in env for v in block.results) else None


def _step(op: Any, xs: list[np.ndarray], constants: bool) -> np.ndarray | None:
    name = op.name
    if name == "stablehlo.compare":
        if op.attrs.get("compare_type") == "TOTALORDER":
            xs = [total_order(x) for x in xs]
        return _COMPARE[op.attrs["comparison_direction"]](*xs)
    if name == "stablehlo.select":
        return np.where(xs[0], xs[1], xs[2]).astype(xs[1].dtype)
    if name in _LOGIC and xs[0].dtype == np.bool_:
        return _LOGIC[name](*xs)
    if name == "stablehlo.not" and xs[0].dtype == np.bool_:
        return ~xs[0]
    if name in ("stablehlo.real", "stablehlo.imag"):
        return np.real(xs[0]) if name == "stablehlo.real" else np.imag(xs[0])
    if name == "stablehlo.constant" and constants:
        value: np.ndarray = op.attrs["value"]
        known = bool(((value != value) | (value == 0)).all()) or value.dtype == np.bool_
        return value.reshape(()) if value.size == 1 and known else None
    return None


def total_order(x: np.ndarray) -> np.ndarray:
    """Integers in the total order of IEEE 754: -NaN < -inf < ... < -0 < 0 < ... < NaN."""
    if x.dtype.kind in "iub":
        return x
    bits = x.view(np.dtype(f"i{x.dtype.itemsize}"))
    return np.where(bits < 0, bits ^ np.iinfo(bits.dtype).max, bits)


def samples(dtype: np.dtype) -> np.ndarray:
    """Values that realise every order relation a body can see, NaN and zeros included."""
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind == "u":
        return np.array([0, 1, 2, np.iinfo(dtype).max], dtype)
    if dtype.kind == "i":
        return np.array([np.iinfo(dtype).min, -1, 0, 1, np.iinfo(dtype).max], dtype)
    return np.array([-np.inf, -1, -0.0, 0.0, 1, np.inf, np.nan]).astype(dtype)


def argument_of_extreme(block: Any) -> str | None:
    """`max` or `min` where a body keeps the extreme value and its lowest index, NaN first."""
    if len(block.params) != 4 or len(block.results) != 2:
        return None
    value, index = block.params[0].type.dtype, block.params[1].type.dtype
    grid = samples(value)
    a, b, order = np.meshgrid(grid, grid, np.array([0, 1]), indexing="ij")
    a, b, order = a.ravel(), b.ravel(), order.ravel()
    i, j = np.where(order, 5, 3).astype(index), np.where(order, 3, 5).astype(index)
    made = decide(block, [a, i, b, j], constants=False)
    if made is None:
        return None
    nan_a, nan_b = a != a, b != b
    judged = ~(nan_a & nan_b)  # which of two NaN is kept depends on the order of evaluation
    for name, better in (("max", a > b), ("min", a < b)):
        first = better | nan_a | ((a == b) & (i < j))
        want = np.where(first, a, b), np.where(first, i, j)
        same = all(_same(m[judged], w[judged]) for m, w in zip(made, want, strict=True))
        if same:
            return name
    return None


def _same(x: np.ndarray, y: np.ndarray) -> bool:
    return bool(((x == y) | ((x != x) & (y != y))).all())


Key = tuple[int, bool, bool]
"""A key of a sort: the number of its part, whether descending, whether canonical."""


def lexicographic(block: Any) -> list[Key] | None:
    """Keys of a sort comparator, first key first; None if it is not an order by keys.

    The parts of the operands are numbered through: a complex one has two, the real part first. A
    canonical key treats the two zeros as equal and all NaN alike.
    """
    dtypes = [d for p in block.params[::2] for d in part_types(p.type.dtype)]
    keys = [_key(block, n, dtype) for n, dtype in enumerate(dtypes)]
    return _by_precedence(block, [k for k in keys if k is not None], dtypes)


def part_types(dtype: np.dtype) -> list[np.dtype]:
    """Dtypes of the real and imaginary part of a complex number, or that of a real one."""
    return [np.dtype(f"f{dtype.itemsize // 2}")] * 2 if dtype.kind == "c" else [dtype]


def _compared(block: Any, given: dict[int, tuple[np.ndarray, np.ndarray]]) -> np.ndarray | None:
    """What a comparator says for values of some parts, all others being 0; None if unknown."""
    shape = next(iter(given.values()))[0].shape
    arrays: list[np.ndarray] = []
    part = 0
    for param in block.params[::2]:
        pair = np.zeros((2, *shape), param.type.dtype)
        for view in (np.real(pair), np.imag(pair)) if pair.dtype.kind == "c" else (pair,):
            view[...] = given.get(part, 0)
            part += 1
        arrays += [pair[0], pair[1]]
    made = decide(block, arrays, constants=True)
    return None if made is None else np.broadcast_to(made[0], shape)


def _key(block: Any, part: int, dtype: np.dtype) -> Key | None:
    """How the comparator orders a part when all others are equal; None if it does not."""
    grid = samples(dtype)
    a, b = (v.ravel() for v in np.meshgrid(grid, grid, indexing="ij"))
    got = _compared(block, {part: (a, b)})
    if got is None:
        return None
    for canonical in (True, False):
        x, y = (_ranked(v, canonical) for v in (a, b))
        for descending in (False, True):
            if np.array_equal(got, (x > y) if descending else (x < y)):
                return part, descending, canonical
    plain = ~((a != a) | (b != b))
    for descending in (False, True):  # plain float comparison: NaN is not ordered at all
        if np.array_equal(got, (a > b) if descending else (a < b)) and not plain.all():
            return part, descending, True
    return None


def _ranked(x: np.ndarray, canonical: bool) -> np.ndarray:
    if x.dtype.kind == "b":
        return x.astype(np.int8)
    if canonical and x.dtype.kind not in "iu":
        x = np.where(x == 0, np.zeros((), x.dtype), x)
        x = np.where(x != x, np.array(np.nan, x.dtype), x)
    return total_order(x)


def _by_precedence(block: Any, keys: list[Key], dtypes: list[np.dtype]) -> list[Key] | None:
    """The keys in their order of precedence, found by making each pair disagree."""

    def says(earlier: Key, later: Key) -> bool:
        given = {}
        for (part, descending, _), smaller in ((earlier, True), (later, False)):
            low, high = np.zeros(1, dtypes[part]), np.ones(1, dtypes[part])
            given[part] = (low, high) if smaller != descending else (high, low)
        made = _compared(block, given)
        return made is not None and bool(made[0])

    def rank(key: Key) -> int:
        return sum(says(other, key) for other in keys if other is not key)

    ordered = sorted(keys, key=rank)
    return ordered if [rank(k) for k in ordered] == [*range(len(keys))] and keys else None
