"""Random programs for property tests: typed straight-line code over the primitive table.

A `Program` is a Python function of float64 arrays, so every transform can be applied to it,
and it can be recorded as an `ir.Function`. Magnitudes are kept moderate and inputs off
kinks, so that derivatives can be compared with differences.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

import ms_func as ms
from ms_func import lax
from ms_func.ir import ArrayType, Function
from ms_func.ir.types import typeof
from ms_func.tracing.stage import stage
from ms_func.tracing.tracer import Staging

F64 = np.dtype(np.float64)


class Step(NamedTuple):
    """One operation on values made before."""

    label: str
    apply: Callable[..., Any]
    operands: tuple[int, ...]


class Program:
    """Straight-line program: `steps` on the arguments and on earlier values.

    Attributes:
        types: types of the arguments.
        steps: operations in order.
        outs: which values are returned.
    """

    def __init__(
        self, types: Sequence[ArrayType], steps: Sequence[Step], outs: Sequence[int]
    ) -> None:
        self.types, self.steps, self.outs = tuple(types), tuple(steps), tuple(outs)
        self.__name__ = "program"

    def __call__(self, *args: Any) -> tuple[Any, ...]:
        values = list(args)
        for step in self.steps:
            values.append(step.apply(*[values[i] for i in step.operands]))
        return tuple(values[i] for i in self.outs)

    def scalar(self, *args: Any) -> Any:
        """Sum of all results, weighted so that no two count alike."""
        total = None
        for k, x in enumerate(self(*args)):
            part = lax.mul(lax.reduce_sum(x, tuple(range(typeof(x).ndim))), 1.0 + 0.5 * k)
            total = part if total is None else lax.add(total, part)
        return total

    def function(self, call: Callable[..., Any] | None = None) -> Function:
        """The program, or `call` with its arguments, as an `ir.Function`."""
        call = call or self
        staged = stage(lambda xs: call(*xs), self.types, name="program")
        assert not staged.captured
        return staged.fn

    def arguments(self, seed: int = 0) -> list[np.ndarray]:
        """Arguments in [-1, 1]."""
        rng = np.random.default_rng(seed)
        return [rng.uniform(-1, 1, t.shape) for t in self.types]

    def __repr__(self) -> str:
        lines = [f"v{i}: {t}" for i, t in enumerate(self.types)]
        for i, s in enumerate(self.steps, len(self.types)):
            lines.append(f"v{i} = {s.label}({', '.join(f'v{k}' for k in s.operands)})")
        return "\n".join(["", *lines, f"return {', '.join(f'v{i}' for i in self.outs)}"])


# --- elementwise --------------------------------------------------------------------------------


def _above_one(x: Any) -> Any:
    return lax.add(lax.mul(x, x), 1.0)


UNARY: dict[str, Callable[[Any], Any]] = {
    "sin": lax.sin,
    "cos": lax.cos,
    "tanh": lax.tanh,
    "logistic": lax.logistic,
    "neg": lax.neg,
    "square": lambda x: lax.mul(x, x),
    "atan": lax.atan,
    "asinh": lax.asinh,
    "erf": lax.erf,
    "exp.tanh": lambda x: lax.exp(lax.tanh(x)),
    "log.1+x2": lambda x: lax.log(_above_one(x)),
    "sqrt.1+x2": lambda x: lax.sqrt(_above_one(x)),
    "rsqrt.1+x2": lambda x: lax.rsqrt(_above_one(x)),
    "log1p.x2": lambda x: lax.log1p(lax.mul(x, x)),
    "expm1.sin": lambda x: lax.expm1(lax.sin(x)),
    "cube.tanh": lambda x: lax.integer_pow(lax.tanh(x), 3),
    "inverse.1+x2": lambda x: lax.integer_pow(_above_one(x), -1),
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": lax.add,
    "sub": lax.sub,
    "mul": lax.mul,
    "div.1+y2": lambda x, y: lax.div(x, _above_one(y)),
    "atan2.1+y2": lambda x, y: lax.atan2(x, _above_one(y)),
    "pow.1+x2": lambda x, y: lax.pow(_above_one(x), lax.tanh(y)),
}
KINKED: dict[str, Callable[[Any, Any], Any]] = {
    "max": lax.max,
    "min": lax.min,
    "select.gt": lambda x, y: lax.select(lax.gt(x, y), x, lax.mul(y, 2.0)),
}
CONSTANTS = (0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -3.0, 0.1)


@st.composite
def _unary(draw: Any, type: ArrayType) -> tuple[str, Callable[..., Any]]:
    return draw(st.sampled_from(list(UNARY.items())))


@st.composite
def _with_constant(draw: Any, type: ArrayType) -> tuple[str, Callable[..., Any]]:
    c = draw(st.sampled_from(CONSTANTS))
    name = draw(st.sampled_from(["add", "sub", "mul"]))
    op = BINARY[name]
    if draw(st.booleans()):
        return f"{name} {c}, ", lambda x: op(c, x)
    return f"{name} , {c}", lambda x: op(x, c)


# --- shapes -------------------------------------------------------------------------------------


@st.composite
def _moved(draw: Any, type: ArrayType) -> tuple[str, Callable[..., Any]] | None:
    """Operations that only move elements."""
    rank = type.ndim
    choices = [_reshaped(type, draw), _broadcast(type, draw)]
    if rank:
        order = tuple(draw(st.permutations(range(rank))))
        axis = draw(st.integers(0, rank - 1))
        n = type.shape[axis]
        lo = draw(st.integers(0, n))
        step = draw(st.integers(1, 2))
        starts = tuple(lo if d == axis else 0 for d in range(rank))
        strides = tuple(step if d == axis else 1 for d in range(rank))
        margins = draw(st.tuples(st.integers(-1, 2), st.integers(0, 2), st.integers(0, 1)))
        config = tuple(margins if d == axis and n else (0, 0, 0) for d in range(rank))
        mask = lax.broadcasted_iota
        choices += [
            (f"transpose{order}", lambda x: lax.transpose(x, order)),
            (f"rev{axis}", lambda x: lax.rev(x, (axis,))),
            (f"slice{starts}{strides}", lambda x: lax.slice(x, starts, type.shape, strides)),
            (f"pad{config}", lambda x: lax.pad(x, 0.5, config)),
            (
                f"mask{axis}",
                lambda x: lax.select(
                    lax.lt(mask(np.int32, type.shape, axis), np.int32(2)), x, lax.sin(x)
                ),
            ),
        ]
    return draw(st.sampled_from(choices))


def _reshaped(type: ArrayType, draw: Any) -> tuple[str, Callable[..., Any]]:
    size = type.size
    shapes = [(size,), (1, size), (size, 1)]
    shapes += [(n, size // n) for n in (2, 3) if size and size % n == 0]
    shape = draw(st.sampled_from(shapes))
    return f"reshape{shape}", lambda x: lax.reshape(x, shape)


def _broadcast(type: ArrayType, draw: Any) -> tuple[str, Callable[..., Any]]:
    if type.ndim > 2:
        return "identity", lambda x: x
    at, n = draw(st.integers(0, type.ndim)), draw(st.integers(1, 2))
    shape = (*type.shape[:at], n, *type.shape[at:])
    dims = tuple(d for d in range(type.ndim + 1) if d != at)
    return f"broadcast{shape}", lambda x: lax.broadcast_in_dim(x, shape, dims)


@st.composite
def _reduced(draw: Any, type: ArrayType) -> tuple[str, Callable[..., Any]] | None:
    if not type.ndim:
        return None
    axes = tuple(sorted(draw(st.sets(st.integers(0, type.ndim - 1), min_size=1))))
    choices = [(f"sum{axes}", lambda x: lax.reduce_sum(x, axes))]
    choices.append((f"cumsum{axes[0]}", lambda x: lax.cumsum(x, axes[0])))
    if type.size:
        choices.append((f"max{axes}", lambda x: lax.reduce_max(x, axes)))
        choices.append((f"prod{axes}", lambda x: lax.reduce_prod(lax.tanh(x), axes)))
    return draw(st.sampled_from(choices))


@st.composite
def _joined(
    draw: Any, a: ArrayType, b: ArrayType, kinks: bool
) -> tuple[str, Callable[..., Any]] | None:
    """Operations of two values."""
    choices: list[tuple[str, Callable[..., Any]]] = []
    if a.shape == b.shape or not a.shape or not b.shape:
        table = {**BINARY, **KINKED} if kinks else BINARY
        choices += list(table.items())
    if a.ndim == b.ndim and a.ndim:
        axis = draw(st.integers(0, a.ndim - 1))
        rest = [d for d in range(a.ndim) if d != axis]
        if all(a.shape[d] == b.shape[d] for d in rest) and a.shape[axis] + b.shape[axis] <= 8:
            choices.append((f"concatenate{axis}", lambda x, y: lax.concatenate([x, y], axis)))
    if a.ndim and b.ndim and a.ndim + b.ndim <= 4 and a.shape[-1] == b.shape[0]:
        numbers = (((a.ndim - 1,), (0,)), ((), ()))
        choices.append(("dot", lambda x, y: lax.dot_general(x, y, numbers)))
    return draw(st.sampled_from(choices)) if choices else None


# --- control flow -------------------------------------------------------------------------------


def _total(x: Any) -> Any:
    return lax.reduce_sum(x, tuple(range(typeof(x).ndim)))


def _halving(x: Any) -> Any:
    """A loop whose number of steps depends on the data."""
    far = lambda c: lax.gt(_total(lax.mul(c[1], c[1])), 0.1)  # noqa: E731
    few = lambda c: lax.lt(c[0], np.int32(4))  # noqa: E731
    step = lambda c: (lax.add(c[0], np.int32(1)), lax.mul(lax.sin(c[1]), 0.7))  # noqa: E731
    return lax.while_loop(lambda c: lax.bitwise_and(far(c), few(c)), step, (np.int32(0), x))[1]


CONTROL: dict[str, Callable[[Any], Any]] = {
    "jit": ms.jit(lambda x: lax.mul(lax.sin(x), x)),
    "checkpoint": ms.checkpoint(lambda x: lax.mul(lax.cos(x), lax.tanh(x))),
    "cond": lambda x: lax.cond(lax.gt(_total(x), 0.123), lax.sin, lambda y: lax.mul(y, 0.5), x),
    "switch": lambda x: lax.switch(
        lax.convert_element_type(lax.mul(lax.tanh(_total(x)), 2.0), np.int32),
        [lax.sin, lax.cos, lambda y: lax.mul(y, y)], x,
    ),
    "scan.carry": lambda x: lax.scan(
        lambda c, _: (lax.sin(lax.mul(c, 1.1)), None), x, None, length=3
    )[0],
    "scan.closure": lambda x: lax.scan(
        lambda c, _: (lax.mul(c, lax.cos(x)), c), x, None, length=2
    )[1],
    "fori": lambda x: lax.fori_loop(0, 3, lambda i, c: lax.sub(c, lax.mul(lax.sin(c), 0.2)), x),
    "while": _halving,
}  # fmt: skip


def _scanned(x: Any) -> Any:
    """Scan over the rows of an array with two outputs."""
    shape = typeof(x).shape
    start = lax.broadcast_in_dim(np.float64(0.5), shape[1:], ())
    carry, rows = lax.scan(lambda c, r: (lax.add(lax.tanh(c), r), lax.mul(c, r)), start, x)
    return lax.concatenate([lax.expand_dims(carry, (0,)), rows], 0)


@st.composite
def _controlled(draw: Any, type: ArrayType) -> tuple[str, Callable[..., Any]]:
    choices = list(CONTROL.items())
    if type.ndim:
        choices.append(("scan.rows", _scanned))
    return draw(st.sampled_from(choices))


# --- programs -----------------------------------------------------------------------------------

shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)
nonempty_shapes = st.lists(st.integers(1, 3), max_size=3).map(tuple)


@st.composite
def programs(
    draw: Any,
    *,
    max_args: int = 3,
    max_steps: int = 8,
    shapes: Any = shapes,
    kinks: bool = False,
    control: bool = False,
    results: int = 2,
) -> Program:
    """Random straight-line programs.

    Args:
        draw: given by hypothesis.
        max_args: largest number of arguments.
        max_steps: largest number of operations.
        shapes: strategy of argument shapes.
        kinks: whether operations may have kinks.
        control: whether there are calls, branches and loops.
        results: largest number of results.
    """
    first = draw(st.lists(shapes, min_size=1, max_size=max_args))
    types = [ArrayType(s, F64) for s in first]
    steps: list[Step] = []
    trace = Staging("draw")
    with trace:
        values: list[Any] = [trace.parameter(t) for t in types]
        for _ in range(draw(st.integers(1, max_steps))):
            step = _draw_step(draw, [v.type for v in values], kinks, control)
            made = step.apply(*[values[i] for i in step.operands])
            if typeof(made).size <= 64:
                values.append(made)
                steps.append(step)
    last = len(values) - 1
    others = draw(st.lists(st.integers(0, last), max_size=results - 1, unique=True))
    return Program(types, steps, [last, *(i for i in others if i != last)])


def _draw_step(draw: Any, types: list[ArrayType], kinks: bool, control: bool) -> Step:
    recent = st.integers(0, len(types) - 1).map(lambda k: len(types) - 1 - k)
    i, j = draw(recent), draw(recent)
    kinds = ["unary", "constant", "binary", "binary", "move", "reduce", *["control"] * 2 * control]
    kind = draw(st.sampled_from(kinds))
    found = None
    if kind == "binary":
        found = draw(_joined(types[i], types[j], kinks))
    elif kind == "move":
        found = draw(_moved(types[i]))
    elif kind == "reduce":
        found = draw(_reduced(types[i]))
    elif kind == "control":
        found = draw(_controlled(types[i]))
    elif kind == "constant":
        found = draw(_with_constant(types[i]))
    label, apply = found or draw(_unary(types[i]))
    return Step(label, apply, (i, j) if kind == "binary" and found else (i,))


def moderate(values: Sequence[np.ndarray], bound: float = 1e3) -> bool:
    """Whether all values are finite and small enough to compare derivatives."""
    return all(np.all(np.isfinite(v)) and np.all(np.abs(v) < bound) for v in values)
