"""Activation functions and their gradients, recognised by what they compute.

A program may spell a function in any way; the expression is evaluated at many points in double
precision and compared with the formula of each operator. A constant that is off in the fifth
digit is another function; so is one that is cut off anywhere, however far away or close to 0, or
that has another slope where it turns.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ms_func_ascend.reader import Op, Value
from ms_func_ascend.recognise.algebra import constant, is_rounding, made_by
from ms_func_ascend.recognise.found import Found

Array = np.ndarray
_LIMIT = 24
"""Operations of the longest function."""
_CONE = 40
"""Operations that are looked at: those of a function, and some that its arguments come from."""

_erf = np.vectorize(math.erf, otypes=[np.float64])
COMPARE = {"EQ": np.equal, "NE": np.not_equal, "LT": np.less, "LE": np.less_equal,
            "GT": np.greater, "GE": np.greater_equal}  # fmt: skip
STEPS: dict[str, Callable[..., Array]] = {
    "stablehlo.add": np.add, "stablehlo.subtract": np.subtract, "stablehlo.multiply": np.multiply,
    "stablehlo.divide": np.divide, "stablehlo.negate": np.negative, "stablehlo.abs": np.abs,
    "stablehlo.exponential": np.exp, "stablehlo.exponential_minus_one": np.expm1,
    "stablehlo.log": np.log, "stablehlo.log_plus_one": np.log1p, "stablehlo.tanh": np.tanh,
    "stablehlo.logistic": lambda x: 1 / (1 + np.exp(-x)), "stablehlo.power": np.power,
    "stablehlo.sqrt": np.sqrt, "stablehlo.rsqrt": lambda x: 1 / np.sqrt(x),
    "stablehlo.maximum": np.maximum, "stablehlo.minimum": np.minimum,
    "stablehlo.clamp": lambda low, x, high: np.clip(x, low, high),
    "stablehlo.select": np.where, "stablehlo.and": np.logical_and, "stablehlo.or": np.logical_or,
    "stablehlo.not": np.logical_not, "chlo.erf": _erf, "chlo.erfc": lambda x: 1 - _erf(x),
    "chlo.square": np.square, "stablehlo.convert": lambda x: x,
}  # fmt: skip


def is_step(op: Op) -> bool:
    """Whether `STEPS` has an operation; of conversions those between float dtypes alone."""
    return op.name in STEPS and (op.name != "stablehlo.convert" or is_rounding(op))


_PHI = 0.3989422804014327  # 1 / sqrt(2 pi)


def _tanh_gelu(x: Array) -> Array:
    return 0.5 * x * (1 + np.tanh(0.7978845608028654 * (x + 0.044715 * x**3)))


def _tanh_gelu_slope(x: Array) -> Array:
    t = np.tanh(0.7978845608028654 * (x + 0.044715 * x**3))
    inner = 0.7978845608028654 * (1 + 3 * 0.044715 * x**2)
    return 0.5 * (1 + t) + 0.5 * x * (1 - t**2) * inner


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(x))


_SELU = 1.0507009873554805


class _Function(NamedTuple):
    """An operator: its name here, its formula of x (and of a second operand), its attributes."""

    name: str
    formula: Callable[..., Array]
    attrs: dict[str, Any]


_UNARY = [
    _Function("Relu", lambda x: np.maximum(x, 0), {}),
    _Function("Gelu", _tanh_gelu, {}),
    _Function("GeluV2", lambda x: 0.5 * x * (1 + _erf(x / math.sqrt(2))), {}),
    _Function("Sigmoid", _sigmoid, {}),
    _Function("Swish", lambda x: x * _sigmoid(x), {}),
    _Function("Softplus", lambda x: np.logaddexp(x, 0), {}),
    _Function("Elu", _elu, {}),
    _Function("Selu", lambda x: _SELU * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)), {}),
    _Function("Relu6", lambda x: np.clip(x, 0, 6), {}),
    _Function("HardSwish", lambda x: x * np.clip(x + 3, 0, 6) / 6, {}),
    _Function("Mish", lambda x: x * np.tanh(np.logaddexp(x, 0)), {}),
    _Function("Softsign", lambda x: x / (1 + np.abs(x)), {}),
]
_BINARY = [
    _Function("ReluGrad", lambda x, g: np.where(x > 0, g, 0), {}),
    _Function("TanhGrad", lambda x, g: g * (1 - x * x), {}),
    _Function("SigmoidGrad", lambda x, g: g * x * (1 - x), {}),
    _Function("GeluGrad", lambda x, g: g * _tanh_gelu_slope(x), {}),
    _Function(
        "GeluGradV2",
        lambda x, g: g * (0.5 * (1 + _erf(x / math.sqrt(2))) + x * _PHI * np.exp(-x * x / 2)), {},
    ),
    _Function("SwishGrad", lambda x, g: g * _sigmoid(x) * (1 + x * (1 - _sigmoid(x))), {}),
    _Function("EluGrad", lambda x, g: g * np.where(x > 0, 1, np.exp(x)), {}),
    _Function("SoftplusGrad", lambda x, g: g * _sigmoid(x), {}),
    _Function("Relu6Grad", lambda x, g: np.where((x > 0) & (x < 6), g, 0), {}),
    _Function("SwiGlu", lambda x, g: x * _sigmoid(x) * g, {}),
]  # fmt: skip


@dataclass(frozen=True)
class Form:
    """An expression without its values: equal in all layers of a network, and looked at once.

    Values are numbered as they are met, the result is 0.

    Attributes:
        dtype: of the result.
        steps: operations, nearest first: which value they make, their name, and what they read:
            values by their number, numbers of the program each in a tuple.
        floats: values that are floats.
    """

    dtype: np.dtype
    steps: tuple[tuple[int, str, tuple[Any, ...]], ...]
    floats: frozenset[int]

    @cached_property
    def made(self) -> dict[int, tuple[str, tuple[Any, ...]]]:
        """Operation and operands of each value that has them."""
        return {k: (name, read) for k, name, read in self.steps}

    @cached_property
    def numbers(self) -> list[float]:
        """The numbers of an expression."""
        found = (r[0] for _, _, read in self.steps for r in read if isinstance(r, tuple))
        return [c for c in dict.fromkeys(found) if math.isfinite(c)]

    @cached_property
    def leaves(self) -> list[int]:
        """Floats that the operations read, farthest first: where the expression may be cut."""
        read = dict.fromkeys(r for _, _, refs in self.steps for r in refs if r in self.floats)
        return list(read)[::-1]

    def turns(self) -> list[int]:
        """What a gradient can be taken at: read more than once, or compared with a number."""
        reads = Counter(r for _, _, refs in self.steps for r in refs)
        compared = {r for _, name, refs in self.steps if name in COMPARE for r in refs}
        return [v for v in self.leaves if reads[v] > 1 or v in compared]

    def closed(self, k: int, ends: Sequence[int]) -> bool:
        """Whether a value is made of all `ends` and numbers alone, in few operations."""
        seen: set[int] = set()
        met: set[int] = set()
        todo = [k]
        while todo:
            if todo[-1] not in self.made or len(seen) > _LIMIT:
                return False
            for r in self.made[todo.pop()][1]:
                if r in ends:
                    met.add(r)
                elif r not in seen and not isinstance(r, tuple):
                    seen.add(r)
                    todo.append(r)
        return len(met) == len(ends)

    def at(self, held: dict[int, Array], k: int = 0) -> Array:
        """The result where some values are given."""
        if k not in held:
            name, read = self.made[k]
            xs = (np.float64(r[0]) if isinstance(r, tuple) else self.at(held, r) for r in read)
            held[k] = (COMPARE.get(name) or STEPS[name])(*xs)
        return held[k]


def _form(op: Op) -> tuple[Form, list[Value]]:
    """The elementwise operations that the result of one is made of, and their values."""
    (root,) = op.results
    numbers: dict[Value, int] = {root: 0}
    steps: list[tuple[int, str, tuple[Any, ...]]] = []
    todo = deque([op])
    while todo and len(steps) < _CONE:
        one = todo.popleft()
        read: list[Any] = []
        for v in one.operands:
            c = constant(v)
            if c is None and v not in numbers:
                numbers[v] = len(numbers)
                if v.op is not None and _elementwise(v.op):
                    todo.append(v.op)
            read.append(numbers[v] if c is None else (c,))
        name = one.attrs.get("comparison_direction", one.name)
        steps.append((numbers[one.results[0]], name, tuple(read)))
    floats = frozenset(k for v, k in numbers.items() if _float(v))
    assert root.type.dtype is not None
    return Form(root.type.dtype, tuple(steps), floats), list(numbers)


class _Points:
    """Arguments at which expressions are compared with formulas.

    Attributes:
        x: the argument.
        g: a gradient or another factor, and `scales` that it is multiplied with the second time:
            all functions are linear in it.
        extreme: which x are far away or close to 0.
    """

    def __init__(self, x: Array) -> None:
        self.x, count = x, np.arange(x.size)
        self.g, self.scales = np.sin(7 * count + 1), 10 ** (12 * np.sin(5 * count))
        self.extreme = (np.abs(x) > 11.9) | ((np.abs(x) < 1e-5) & (x != 0))
        self._known: dict[tuple[Any, ...], Array] = {}

    def wanted(self, one: _Function, count: int) -> Array:
        """Values of a function of `count` arguments."""
        key = one.name, *one.attrs.values()
        if key not in self._known:
            self._known[key] = one.formula(*(self.x, self.g)[:count])
        return self._known[key]

    def values(self, form: Form, ends: Sequence[int]) -> list[Array]:
        """What an expression makes of the arguments; twice where it has a factor."""
        made = [form.at(dict(zip(ends, (self.x, self.g), strict=False)))]
        if len(ends) > 1:
            made.append(form.at({ends[0]: self.x, ends[1]: self.g * self.scales}) / self.scales)
        return [np.broadcast_to(m, self.x.shape) for m in made]


_FAR = np.concatenate(  # 1 + exp(-35) has two digits of the exponential, which tell nothing
    [np.geomspace(12, 30, 8), np.geomspace(40, 6e4, 32), np.geomspace(1e6, 1e30, 9)]
)
_SMALL = np.array([1e-30, 1e-20, 1e-10, 1e-8, 1e-7, 1e-6, 1e-4, 1e-2])
_NEAR = np.concatenate(
    [np.linspace(-11.3, 11.3, 46), [0.0, 3.0, -3.0, 6.0, -0.02, 0.015, 1.0, -1.0]]
)
_BASE = _Points(np.concatenate([_FAR, -_FAR, _SMALL, -_SMALL, _NEAR]))


def _around(numbers: Sequence[float]) -> _Points:
    """Points at the numbers of an expression and on both sides of them: bounds of its pieces."""
    at = np.array([c * sign for c in numbers for sign in (1, -1)] + [0.0])
    return _Points(np.concatenate([at, at * (1 + 2**-9), at * (1 - 2**-9)]))


_ROOTS = ("multiply", "add", "subtract", "divide", "select", "maximum", "minimum", "clamp", "log",
          "log_plus_one", "convert")  # fmt: skip


_ALONE = ("maximum", "select", "clamp")
"""Of which one operation is a function."""


def activation(op: Op, options: Any) -> Iterator[Found]:
    """Operators that compute the result of an operation, the longest expression first."""
    if op.name.removeprefix("stablehlo.") not in _ROOTS or not _float(op.results[0]):
        return
    form, values = _form(op)
    if len(form.steps) < 2 and op.name.removeprefix("stablehlo.") not in _ALONE:
        return
    for name, attrs, ends, shared in _functions(form):
        operands = [values[k] for k in ends]
        if name != "SwiGlu":
            yield Found(name, operands, dict(attrs), tuple(values[k] for k in shared))
        elif (halves := _halves(*operands)) is not None:
            yield Found(name, [halves[0]], {"dim": halves[1]}, tuple(values[k] for k in shared))


class _Match(NamedTuple):
    """An operator that computes an expression of some of its values."""

    name: str
    attrs: dict[str, Any]
    ends: tuple[int, ...]
    shared: tuple[int, ...]


@lru_cache(maxsize=4096)
def _functions(form: Form) -> tuple[_Match, ...]:
    """What computes an expression; formulas overflow far away."""
    found: list[_Match] = []
    with np.errstate(all="ignore"):
        for x in form.leaves:
            if form.closed(0, [x]):
                found += [_Match(f.name, f.attrs, (x,), ()) for f in _unary(form, x)]
        for x in form.turns():
            # What follows from x alone belongs to the function as well as to its gradient.
            shared = tuple(k for k in form.made if form.closed(k, [x]))
            for g in form.leaves:
                if x != g and form.closed(0, [x, g]):
                    found += [_Match(f.name, f.attrs, (x, g), shared) for f in _binary(form, x, g)]
    return tuple(found)


def _float(value: Value) -> bool:
    dtype = value.type.dtype
    return dtype is not None and dtype.kind in "fV" and dtype.itemsize <= 4


def _elementwise(op: Op) -> bool:
    return is_step(op) or op.name == "stablehlo.compare"


def _agree(form: Form, points: _Points, got: Sequence[Array], want: Array) -> bool:
    """Equal as far as the numbers of the program can be: they are rounded to its dtype.

    Where a function may be as small as it likes, a constant added to it and a bound of it are told
    by ratios alone; where a spelling overflows, or loses all digits and gives 0, the operator
    may do better.
    """
    dtype = form.dtype
    unit = 2e-6 if dtype == np.float32 else 2e-3 if dtype == np.float16 else 1.6e-2
    least = 6e-8 if dtype == np.float16 else 1e-30
    size = np.abs(want)
    bound = np.where(points.extreme, 1e-2 * size + least, unit * (0.05 + size))
    beyond = (np.abs(points.x) > 6e4) & (dtype == np.float16)
    return all(
        ((np.abs(one - want) <= bound) | beyond | points.extreme & (
            ~np.isfinite(one) | ((one == 0) & (size < 1e-12)))).all()
        for one in got
    )  # fmt: skip


def _alike(form: Form, ends: Sequence[int], functions: Sequence[_Function]) -> list[_Function]:
    """Functions that an expression of `ends` is: everywhere, and around its own numbers."""
    found = list(functions)
    for points in (_BASE, _around(form.numbers)):
        got = points.values(form, ends) if found else []
        found = [f for f in found if _agree(form, points, got, points.wanted(f, len(ends)))]
    return found


def _unary(form: Form, x: int) -> list[_Function]:
    """Functions of x that an expression is."""
    slope = float(-np.broadcast_to(form.at({x: np.array([-1.0])}), (1,))[0])
    leaky = _Function("LeakyRelu", lambda x: np.where(x > 0, x, slope * x),
                      {"negative_slope": slope})  # fmt: skip
    return _alike(form, [x], [leaky, *_UNARY] if 0 < slope < 0.9 else _UNARY)


def _binary(form: Form, x: int, g: int) -> list[_Function]:
    """Functions of x and g that an expression is, most of them gradients."""
    held = form.at({x: np.array([-1.0]), g: np.array([1.0])})
    slope = float(np.broadcast_to(held, (1,))[0])
    leaky = _Function("LeakyReluGrad", lambda x, g: np.where(x > 0, g, slope * g),
                      {"negative_slope": slope})  # fmt: skip
    return _alike(form, [x, g], [leaky, *_BINARY] if 0 < slope < 0.9 else _BINARY)


def _halves(x: Value, g: Value) -> tuple[Value, int] | None:
    """What two values are the first and the second half of, and along which dimension."""
    a, b = made_by(x, "slice"), made_by(g, "slice")
    if a is None or b is None or a.operands[0] is not b.operands[0]:
        return None
    whole = a.operands[0].type.shape
    if any(s != 1 for one in (a, b) for s in one.attrs["strides"]):
        return None
    cut = [d for d, n in enumerate(x.type.shape) if n != whole[d]]
    if len(cut) != 1 or x.type.shape != g.type.shape or 2 * x.type.shape[cut[0]] != whole[cut[0]]:
        return None
    starts = a.attrs["start_indices"][cut[0]], b.attrs["start_indices"][cut[0]]
    return (a.operands[0], cut[0]) if starts == (0, x.type.shape[cut[0]]) else None
