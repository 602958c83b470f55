"""Arithmetic, comparison and bit operations with StableHLO's meaning for every dtype.

These are functions of an emitter, used by the rules of all families. Integers wrap, division
by zero and shifts past the width have StableHLO's results, NaN goes through max and min; the
operators of the device promise none of that, so the guards are written into the graph.
"""

from __future__ import annotations

import numpy as np

from ms_func_ascend.emitter import BOOL, F32, I32, I64, Emitter, Unsupported
from ms_func_ascend.graph import Tensor
from ms_func_ascend.legalize import carrier, is_float, signed_twin, unsigned_twin
from ms_func_ascend.prototypes import accepts, lookup


def _port(op: str) -> str:
    prototype = lookup(op)
    assert prototype is not None, op
    return prototype.inputs[0].name


def exact(e: Emitter, op: str, *xs: Tensor, dtype: np.dtype | None = None) -> Tensor:
    """Operator `op` in the cheapest dtype that holds the operands; `dtype` if it fixes its own."""
    wide = carrier(op, _port(op), xs[0].dtype)
    if wide is None:
        raise Unsupported(f"{op} has no kernel for {xs[0].dtype.name}", "cast to float32 or int32")
    out = e.elementwise(op, *[e.cast(x, wide) for x in xs], dtype=dtype)
    return out if dtype is not None else e.cast(out, xs[0].dtype)


def wrapping(e: Emitter, op: str, *xs: Tensor) -> Tensor:
    """Operator `op` modulo 2**width for integers; unsigned bits go as signed ones."""
    dtype = xs[0].dtype
    if accepts(op, _port(op), dtype) or dtype.kind not in "iu":
        return exact(e, op, *xs)
    twin = signed_twin(dtype)
    if accepts(op, _port(op), twin):
        return e.bitcast(e.elementwise(op, *[e.bitcast(x, twin) for x in xs]), dtype)
    wide = carrier(op, _port(op), dtype)
    if wide is None:
        raise Unsupported(f"{op} has no kernel for {dtype.name}", "cast to int32")
    return to_integer(e, e.elementwise(op, *[e.cast(x, wide) for x in xs]), dtype)


def add(e: Emitter, x: Tensor, y: Tensor) -> Tensor:
    """Sum; `or` of booleans."""
    return e.elementwise("LogicalOr", x, y) if x.dtype == BOOL else wrapping(e, "Add", x, y)


def subtract(e: Emitter, x: Tensor, y: Tensor) -> Tensor:
    """Difference."""
    return wrapping(e, "Sub", x, y)


def multiply(e: Emitter, x: Tensor, y: Tensor) -> Tensor:
    """Product; `and` of booleans."""
    return e.elementwise("LogicalAnd", x, y) if x.dtype == BOOL else wrapping(e, "Mul", x, y)


def negate(e: Emitter, x: Tensor) -> Tensor:
    """The negative."""
    return wrapping(e, "Neg", x)


def absolute(e: Emitter, x: Tensor) -> Tensor:
    """Magnitude; real for complex numbers."""
    if x.dtype.kind == "u":
        return x
    if x.dtype.kind == "c":
        part = np.dtype(f"f{x.dtype.itemsize // 2}")
        extra = {} if part == F32 else {"Tout": part}
        return e.one("ComplexAbs", [x], x.shape, part, **extra)
    return exact(e, "Abs", x)


def sign(e: Emitter, x: Tensor) -> Tensor:
    """-1, 0 or 1; NaN for NaN."""
    if x.dtype.kind == "u":
        return e.cast(compare(e, "NE", x, e.like(0, x)), x.dtype)
    made = exact(e, "Sign", x)
    return e.select(e.is_nan(x), x, made) if e.may_be_nan(x) else made


def divide(e: Emitter, x: Tensor, y: Tensor) -> Tensor:
    """Quotient. Integers truncate; x / 0 is -1 (all bits set), min / -1 is min."""
    if x.dtype.kind not in "iu":
        return exact(e, "RealDiv", x, y)
    if x.dtype == np.dtype(np.uint64):
        return _divide_u64(e, x, y)[0]
    safe, zero, minus = _divisor(e, y)
    q = exact(e, "TruncateDiv", x, safe)
    if minus is not None:
        q = e.select(minus, wrapping(e, "Neg", x), q)
    return q if zero is None else e.select(zero, e.like(-1, x), q)


def remainder(e: Emitter, x: Tensor, y: Tensor) -> Tensor:
    """Remainder with the sign of `x`. For integers x rem 0 is x, min rem -1 is 0."""
    if x.dtype.kind not in "iu":
        return exact(e, "Mod", x, y)
    if x.dtype == np.dtype(np.uint64):
        return _divide_u64(e, x, y)[1]
    safe, zero, _ = _divisor(e, y)
    r = exact(e, "TruncateMod", x, safe)  # by 1 where y is -1: 0
    return r if zero is None else e.select(zero, x, r)


def _divisor(e: Emitter, y: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """A divisor without 0 and -1, and where those were; None where they cannot be."""
    value = y.value
    signed = y.dtype.kind == "i"
    zero = minus = None
    safe = y
    if value is None or (value == 0).any():
        zero = compare(e, "EQ", y, e.like(0, y))
        safe = e.select(zero, e.like(1, y), safe)
    if signed and (value is None or (value == -1).any()):
        minus = compare(e, "EQ", y, e.like(-1, y))
        safe = e.select(minus, e.like(1, y), safe)
    return safe, zero, minus


def _divide_u64(e: Emitter, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Quotient and remainder of 64-bit unsigned integers with signed division.

    For y < 2**63 the quotient is 2 * ((x / 2) / y), or one more; for larger y it is 0 or 1
    (Hacker's Delight, section 9-3).
    """
    one, zero = e.like(1, x), e.like(0, x)
    big = compare(e, "LT", e.bitcast(y, I64), e.const(np.int64(0)))
    by_zero = compare(e, "EQ", y, zero)
    small = e.select(e.elementwise("LogicalOr", big, by_zero), one, y)
    half = e.bitcast(e.elementwise("RightShift", x, one), I64)
    q = e.bitcast(e.elementwise("TruncateDiv", half, e.bitcast(small, I64)), x.dtype)
    q = e.select(big, zero, e.elementwise("LeftShift", q, one))
    rest = subtract(e, x, multiply(e, q, y))
    more = e.elementwise("GreaterEqual", rest, y, dtype=BOOL)
    q = add(e, q, e.cast(more, x.dtype))
    rest = e.select(more, subtract(e, rest, y), rest)
    return e.select(by_zero, e.like(-1, x), q), e.select(by_zero, x, rest)


def maximum(e: Emitter, x: Tensor, y: Tensor) -> Tensor:
    """The larger; NaN where either is NaN; `or` of booleans."""
    return _extreme(e, "Maximum", "GT", x, y)


def minimum(e: Emitter, x: Tensor, y: Tensor) -> Tensor:
    """The smaller; NaN where either is NaN; `and` of booleans."""
    return _extreme(e, "Minimum", "LT", x, y)


def _extreme(e: Emitter, op: str, order: str, x: Tensor, y: Tensor) -> Tensor:
    if x.dtype == BOOL:
        return e.elementwise("LogicalOr" if op == "Maximum" else "LogicalAnd", x, y)
    if x.dtype.kind == "c":
        raise Unsupported(f"{op} of complex numbers", "compare their real parts")
    nan_x, nan_y = e.may_be_nan(x), e.may_be_nan(y)
    if not nan_x and not nan_y and accepts(op, "x1", x.dtype):
        return e.elementwise(op, x, y)
    if not nan_x:  # a comparison with NaN is false, so NaN in the other operand is chosen
        return e.select(compare(e, order, x, y), x, y)
    if not nan_y:
        return e.select(compare(e, order, y, x), y, x)
    mine = e.elementwise("LogicalOr", compare(e, order, x, y), e.is_nan(x))
    return e.select(mine, x, y)


def clamp(e: Emitter, low: Tensor, x: Tensor, high: Tensor) -> Tensor:
    """`x` brought between `low` and `high`; NaN goes through."""
    scalar = low.shape == () and high.shape == ()
    bounds = [e.computed(low), e.computed(high)]
    # Of bounds that cross StableHLO takes the upper one; the operator leaves it open.
    ordered = bounds[0] is not None and bounds[1] is not None and (bounds[0] <= bounds[1]).all()
    if not ordered or not (scalar or low.shape == x.shape == high.shape) or x.dtype.kind in "bc":
        return minimum(e, maximum(e, x, low), high)
    made = e.one("ClipByValue", [x, low, high], x.shape, x.dtype)
    return e.select(e.is_nan(x), x, made) if e.may_be_nan(x) else made


_COMPARE = {"EQ": "Equal", "NE": "NotEqual", "LT": "Less", "LE": "LessEqual", "GT": "Greater",
            "GE": "GreaterEqual"}  # fmt: skip


def compare(e: Emitter, direction: str, x: Tensor, y: Tensor) -> Tensor:
    """Comparison of two tensors; NaN is unordered and unequal to everything."""
    dtype = x.dtype
    if accepts(_COMPARE[direction], "x1", dtype):
        return e.elementwise(_COMPARE[direction], x, y, dtype=BOOL)
    other = {"EQ": "NE", "NE": "EQ"}.get(direction)
    if other and accepts(_COMPARE[other], "x1", dtype):
        return e.elementwise("LogicalNot", compare(e, other, x, y))
    return exact(e, _COMPARE[direction], x, y, dtype=BOOL)


def sort_key(e: Emitter, x: Tensor, canonical: bool) -> Tensor:
    """Signed integers in the total order of `x`: -NaN < -inf < ... < -0 < 0 < ... < NaN.

    Args:
        e: the emitter.
        x: integers, booleans or floats.
        canonical: treat all NaN alike (last) and the two zeros as equal.
    """
    if x.dtype.kind == "b":
        return e.cast(x, I32)
    if x.dtype.kind == "u":
        twin = signed_twin(x.dtype)
        top = e.const(np.array(np.iinfo(twin).min, twin))
        return e.elementwise("BitwiseXor", e.bitcast(x, twin), top)
    if x.dtype.kind == "i":
        return x
    if canonical:
        zero = compare(e, "EQ", x, e.like(0, x))
        x = e.select(zero, e.like(0, x), x)
        x = e.select(e.is_nan(x), e.like(np.nan, x), x)
    if not accepts("Bitcast", "x", x.dtype):
        x = e.cast(x, F32)
    twin = signed_twin(x.dtype)
    bits = e.bitcast(x, twin)
    flipped = e.elementwise("BitwiseXor", bits, e.const(np.array(np.iinfo(twin).max, twin)))
    return e.select(compare(e, "LT", bits, e.like(0, bits)), flipped, bits)


def logical_not(e: Emitter, x: Tensor) -> Tensor:
    """Complement of booleans or bits."""
    return e.elementwise("LogicalNot" if x.dtype == BOOL else "Invert", x)


def bitwise(e: Emitter, name: str, x: Tensor, y: Tensor) -> Tensor:
    """`And`, `Or` or `Xor` of booleans or bits."""
    if x.dtype != BOOL:
        return _on_bits(e, f"Bitwise{name}", x, y)
    return compare(e, "NE", x, y) if name == "Xor" else e.elementwise(f"Logical{name}", x, y)


def _on_bits(e: Emitter, op: str, *xs: Tensor) -> Tensor:
    """Operator `op` on unsigned or signed integers, as which the operands are at hand."""
    dtype = xs[0].dtype
    twin = signed_twin(dtype)
    if not any(_signed_at_hand(e, x) for x in xs):
        return e.elementwise(op, *xs)
    return e.bitcast(e.elementwise(op, *[e.bitcast(x, twin) for x in xs]), dtype)


def _signed_at_hand(e: Emitter, x: Tensor) -> bool:
    """Whether `x` is unsigned and has the bits of a signed tensor, as sums have."""
    source = e.bits_of(x)
    return x.dtype.kind == "u" and source is not None and source.dtype == signed_twin(x.dtype)


def shift(e: Emitter, kind: str, x: Tensor, amount: Tensor) -> Tensor:
    """Shift `left`, `right` (logical) or `right_arithmetic`; past the width all bits go."""
    dtype = x.dtype
    if kind == "left":
        op, held = "LeftShift", dtype
    else:
        op = "RightShift"
        held = signed_twin(dtype) if kind == "right_arithmetic" else unsigned_twin(dtype)
    width = 8 * dtype.itemsize
    value = amount.value
    if value is not None and ((value >= 0) & (value < width)).all():
        if kind == "left":
            return _on_bits(e, op, x, amount)
        if kind == "right" and _signed_at_hand(e, x):  # copies of the sign are cut off again
            rest = np.right_shift(np.array(-1).astype(dtype), value.astype(dtype))
            moved = e.elementwise(op, *[e.bitcast(v, signed_twin(dtype)) for v in (x, amount)])
            return bitwise(e, "And", e.bitcast(moved, dtype), e.const(rest))
        made = e.elementwise(op, e.bitcast(x, held), e.bitcast(amount, held))
        return e.bitcast(made, dtype)
    inside = e.elementwise("Less", e.bitcast(amount, unsigned_twin(dtype)),
                           e.const(np.array(width, unsigned_twin(dtype))), dtype=BOOL)  # fmt: skip
    if kind == "right_arithmetic":
        amount = e.select(inside, amount, e.like(width - 1, amount))
        made = e.elementwise(op, e.bitcast(x, held), e.bitcast(amount, held))
        return e.bitcast(made, dtype)
    safe = e.select(inside, amount, e.like(0, amount))
    made = e.bitcast(e.elementwise(op, e.bitcast(x, held), e.bitcast(safe, held)), dtype)
    return e.select(inside, made, e.like(0, x))


def population_count(e: Emitter, x: Tensor) -> Tensor:
    """Number of set bits."""
    count = e.elementwise("PopulationCount", x, dtype=np.dtype(np.uint8))
    return e.cast(count, x.dtype)


def leading_zeros(e: Emitter, x: Tensor) -> Tensor:
    """Number of zero bits before the first set bit: smear it to the right, count the rest."""
    bits = e.bitcast(x, unsigned_twin(x.dtype))
    step = 1
    while step < 8 * x.dtype.itemsize:
        moved = e.elementwise("RightShift", bits, e.like(step, bits))
        bits = e.elementwise("BitwiseOr", bits, moved)
        step *= 2
    return e.bitcast(population_count(e, e.elementwise("Invert", bits)), x.dtype)


def convert(e: Emitter, x: Tensor, dtype: np.dtype) -> Tensor:
    """`x` in another dtype as XLA converts: integers wrap, floats saturate, NaN becomes 0."""
    source = x.dtype
    if source == dtype:
        return x
    if dtype == BOOL:
        return compare(e, "NE", x, e.like(0, x))
    if source.kind == "c" and dtype.kind != "c":
        return convert(e, e.parts(x)[0], dtype)
    if source.kind in "iu" and dtype.kind in "iu":
        return to_integer(e, x, dtype)
    if is_float(source) and dtype.kind in "iu":
        return _saturate(e, x, dtype)
    return e.cast(x, dtype)


def to_integer(e: Emitter, x: Tensor, dtype: np.dtype) -> Tensor:
    """Integers modulo 2**width of `dtype`."""
    source = x.dtype
    if source == dtype:
        return x
    if source.itemsize == dtype.itemsize:
        return e.bitcast(x, dtype)
    if source.itemsize < dtype.itemsize:
        if source.kind == "i" and dtype.kind == "u":
            return e.bitcast(e.cast(x, signed_twin(dtype)), dtype)
        return e.cast(x, dtype)
    value = x.value
    limits = np.iinfo(dtype)
    fits = value is not None and ((value >= limits.min) & (value <= limits.max)).all()
    if fits or not e.options.exact_casts:
        return e.cast(x, dtype)
    if dtype.kind == "u":
        mask = e.const(np.array(limits.max, source))
        return e.cast(e.elementwise("BitwiseAnd", x, mask), dtype)
    signed = e.bitcast(x, signed_twin(source))
    by = e.like(8 * (source.itemsize - dtype.itemsize), signed)
    raised = e.elementwise("LeftShift", signed, by)
    return e.cast(e.elementwise("RightShift", raised, by), dtype)


def _saturate(e: Emitter, x: Tensor, dtype: np.dtype) -> Tensor:
    """Floats as integers: toward zero, to the nearest limit outside the range, 0 for NaN."""
    if not e.options.exact_casts:
        return e.cast(x, dtype)
    if x.dtype.itemsize == 2:
        x = e.cast(x, F32)
    limits = np.iinfo(dtype)
    low, high = _inside(limits.min, x.dtype), _inside(limits.max, x.dtype)
    clipped = e.one("ClipByValue", [x, e.const(low), e.const(high)], x.shape, x.dtype)
    made = e.cast(clipped, dtype)
    if int(high) != limits.max:
        over = compare(e, "GT", x, e.const(high))
        made = e.select(over, e.const(np.array(limits.max, dtype)), made)
    if int(low) != limits.min:
        under = compare(e, "LT", x, e.const(low))
        made = e.select(under, e.const(np.array(limits.min, dtype)), made)
    if e.may_be_nan(x) or not e.options.nan_exact:
        made = e.select(e.is_nan(x), e.const(np.array(0, dtype)), made)
    return made


def _inside(limit: int, dtype: np.dtype) -> np.ndarray:
    """The float nearest to `limit` that does not lie beyond it."""
    value = np.array(limit, np.float64).astype(dtype)
    while abs(int(value)) > abs(limit):
        value = np.nextafter(value, np.array(0, dtype))
    return value
