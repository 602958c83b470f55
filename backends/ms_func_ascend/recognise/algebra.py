"""Reading expressions of a program: products, sums and functions of whole rows.

What front ends write in many ways is brought to few forms: a product is a number and a list of
factors, a sum is a list of terms with signs, and a value that is the same along the axes of a
reduction is that reduction and the steps taken with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ms_func_ascend.legalize import is_float
from ms_func_ascend.operators.region import binary_kind
from ms_func_ascend.prototypes import BFLOAT16
from ms_func_ascend.reader import Op, Value

LAYOUT = ("stablehlo.broadcast_in_dim", "stablehlo.reshape")
"""Operations that only lay a value out in another shape."""


def is_rounding(op: Op | None) -> bool:
    """Whether an operation brings a value to another float dtype.

    Front ends compute a norm or a softmax of 16-bit numbers partly in 32 bits. So do the
    operators, which round their result alone: what an expression means does not depend on it.
    """
    if op is None or op.name != "stablehlo.convert":
        return False
    dtypes = [v.type.dtype for v in (op.operands[0], op.results[0])]
    return all(d is not None and is_float(d) and d.itemsize <= 4 for d in dtypes)


def bare(value: Value) -> Value:
    """A value before it was brought to other float dtypes."""
    while value.op is not None and is_rounding(value.op):
        value = value.op.operands[0]
    return value


def of_dtype(value: Value, dtype: np.dtype | None) -> Value | None:
    """A value, or the nearest it was rounded from, in a dtype."""
    while value.type.dtype != dtype:
        if value.op is None or not is_rounding(value.op):
            return None
        value = value.op.operands[0]
    return value


def made_by(value: Value, name: str) -> Op | None:
    """The operation `name` (`stablehlo.` is implied) that makes a value, or None."""
    op = bare(value).op
    full = name if "." in name else f"stablehlo.{name}"
    return op if op is not None and op.name == full else None


def constant(value: Value) -> float | None:
    """The number a value is, where it is one number everywhere."""
    if value.number is ...:
        value.number = _constant(value)
    return value.number


def _constant(value: Value) -> float | None:
    while value.op is not None and value.op.name in (*LAYOUT, "stablehlo.convert"):
        value = value.op.operands[0]
    if value.op is None or value.op.name != "stablehlo.constant":
        return None
    held = value.op.attrs["value"]
    if not held.size or held.dtype.kind == "c":
        return None
    first, last = held.flat[0], held.flat[-1]
    if first != last or (held != first).any():  # most arrays are told by their ends
        return None
    return float(first)


_ROUNDED = np.dtype(np.float32), np.dtype(np.float16), BFLOAT16


def near(x: float | None, wanted: float) -> bool:
    """Whether a number is the one of a formula, or its reciprocal's, rounded to a float dtype.

    Nothing else is: of 512 numbers the mean and the sum over 511 differ by 0.2 percent.
    """
    with np.errstate(all="ignore"):
        rounded = [float(np.array(wanted).astype(d)) for d in _ROUNDED]
        rounded += [1 / c for d in _ROUNDED if (c := float(np.array(1 / wanted).astype(d)))]
    return x is not None and any(abs(x - c) <= 3e-7 * abs(c) for c in rounded)


class Product(NamedTuple):
    """A number times values."""

    number: float
    factors: list[Value]


def product(value: Value, depth: int = 5) -> Product:
    """A value as a product: multiplications, divisions by numbers and signs are taken apart."""
    value = bare(value)
    op = value.op
    name = "" if op is None or not depth else op.name.removeprefix("stablehlo.")
    if op is not None and name == "multiply":
        x, y = (product(v, depth - 1) for v in op.operands)
        return Product(x.number * y.number, [*x.factors, *y.factors])
    if op is not None and name == "negate":
        x = product(op.operands[0], depth - 1)
        return Product(-x.number, x.factors)
    by = constant(op.operands[1]) if op is not None and name == "divide" else None
    if op is not None and by:
        x = product(op.operands[0], depth - 1)
        return Product(x.number / by, x.factors)
    number = constant(value)
    return Product(1.0, [value]) if number is None else Product(number, [])


class Rows(NamedTuple):
    """A value that is one number for each row of another one.

    Attributes:
        x: what is reduced, before it was brought to another float dtype.
        kind: how: `add`, `maximum`, ...
        axes: along which.
        steps: what is done with the result: `("multiply", c)`, `("add", c)`, `("rsqrt",)`, ...
    """

    x: Value
    kind: str
    axes: tuple[int, ...]
    steps: tuple[tuple, ...]


_UNARY = ("sqrt", "rsqrt", "log", "negate", "exponential")


def rows(value: Value, shape: Sequence[int], above: Sequence[Op] = ()) -> Rows | None:
    """A value of `shape` as a function of a reduction of a value of that shape.

    The reduction must start from its neutral element, and be laid out over the shape again so
    that each row meets its own number; `above` are further layouts of the value.
    """
    found = walked(value, above)
    if found is None or len(found[0].operands) != 2:
        return None
    op, layouts, steps = found
    x, start = op.operands
    kind = binary_kind(op.regions[0]) or ""
    neutral = {"add": 0.0, "maximum": -math.inf, "minimum": math.inf}.get(kind)
    whole, axes = tuple(shape), tuple(sorted(op.attrs["dimensions"]))
    rank = len((above[0].results[0] if above else value).type.shape)
    if neutral is None or constant(start) != neutral or x.type.shape != whole:
        return None
    if rank != len(whole) or not _laid_back(layouts[::-1], whole, axes):
        return None
    return Rows(bare(x), kind, axes, tuple(steps[::-1]))


def walked(
    value: Value, above: Sequence[Op] = (), end: str = "reduce"
) -> tuple[Op, list[Op], list[tuple]] | None:
    """The operation `end` that a value is made of, and the layouts and steps from it, last first.

    It is a reduction, or one that is no step: a subtraction of two values that are no numbers.
    """
    layouts, steps = list(above), []
    while (op := value.op) is not None and op.name != "stablehlo.reduce":
        name = op.name.removeprefix("stablehlo.")
        if op.name in LAYOUT or is_rounding(op):
            layouts += [op] if op.name in LAYOUT else []
            value = op.operands[0]
            continue
        step = (name,) if name in _UNARY else _step(op, name)
        if step is None:
            break
        if step[-1] is not None:
            steps.append(step)
        value = _operand(op, name)
    return (op, layouts, steps) if op is not None and op.name == f"stablehlo.{end}" else None


def row_factors(
    value: Value, shape: Sequence[int], above: Sequence[Op] = ()
) -> tuple[int, list[Rows]] | None:
    """A sign and the functions of rows that a value is the product of; see `rows`."""
    whole = rows(value, shape, above)
    if whole is not None:
        return 1, [whole]
    layouts = list(above)
    while value.op is not None and (value.op.name in LAYOUT or is_rounding(value.op)):
        layouts += [value.op] if value.op.name in LAYOUT else []
        value = value.op.operands[0]
    op = value.op
    if op is None or op.name not in _OF_ROWS:
        return None
    parts = [row_factors(v, shape, layouts) for v in op.operands]
    sign = -1 if op.name == "stablehlo.negate" else 1
    found: list[Rows] = []
    for k, part in enumerate(parts):
        if part is None:
            return None
        over = k == 1 and op.name == "stablehlo.divide"
        sign *= part[0]
        found += [f._replace(steps=(*f.steps, ("over", 1.0))) if over else f for f in part[1]]
    return sign, found


_OF_ROWS = ("stablehlo.multiply", "stablehlo.divide", "stablehlo.negate")


def _step(op: Op, name: str) -> tuple | None:
    """One operation with a number; `(name, None)` for one that changes nothing."""
    if name == "select":  # nn.logsumexp: an infinite maximum counts as 0
        finite = made_by(op.operands[0], "is_finite")
        same = finite is not None and bare(finite.operands[0]) is bare(op.operands[1])
        return ("finite",) if same and constant(op.operands[2]) == 0 else None
    if name not in ("multiply", "add", "divide", "subtract", "maximum"):
        return None
    left, right = (constant(v) for v in op.operands)
    if name == "divide":
        if left is not None:
            return ("over", left)
        return ("multiply", 1 / right) if right else None
    if name == "subtract":
        return None if right is None else ("add", -right)
    number = right if left is None else left
    if number is None or (name, number) == ("maximum", -math.inf):
        return None if number is None else (name, None)
    return name, number


def _operand(op: Op, name: str) -> Value:
    """The operand of a step that is not a number."""
    if name == "select":
        return op.operands[1]
    return next((v for v in op.operands if constant(v) is None), op.operands[0])


def _laid_back(layouts: Sequence[Op], shape: Sequence[int], axes: Sequence[int]) -> bool:
    """Whether a reduced value is repeated along the axes that were reduced away, and only those.

    Followed by numbering: where each dimension that was kept ends up.
    """
    kept = [d for d in range(len(shape)) if d not in axes]
    long = [k for k, d in enumerate(kept) if shape[d] != 1]  # a dimension of 1 may stand anywhere
    places = list(long)
    for op in layouts:
        if op.name == "stablehlo.broadcast_in_dim":
            places = [op.attrs["broadcast_dimensions"][p] for p in places]
            continue
        source, target = op.operands[0].type.shape, op.results[0].type.shape
        old, new = ([d for d, n in enumerate(s) if n != 1] for s in (source, target))
        if [source[d] for d in old] != [target[d] for d in new]:
            return False
        places = [new[old.index(p)] for p in places]
    return places == [kept[k] for k in long]
