"""Gradients of layer norm and RMS norm, recognised by what they compute.

Differentiation spells the gradient out in some twenty operations on rows, which depend on how the
norm was written. They are evaluated on a few random rows and compared with the formula
(Ba, Kiros and Hinton, Layer Normalization, 2016, differentiated).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import numpy as np

from ms_func_ascend.operators.region import binary_kind
from ms_func_ascend.reader import Block, Op, Value
from ms_func_ascend.recognise.algebra import LAYOUT, bare, constant, made_by
from ms_func_ascend.recognise.elementwise import COMPARE, STEPS, is_step
from ms_func_ascend.recognise.found import Found
from ms_func_ascend.recognise.normalise import mean_of, normalise, parameter, scaled_along

Array = np.ndarray
_LIMIT = 64
_ROWS = 3
_POINTS = 64
"""Most elements of a row that are looked at; each stands for as many as the row has more."""


@dataclass(eq=False)
class Norm:
    """A norm of the program: its operator, operands and attributes as `normalise` finds them.

    Attributes:
        known: values that follow from x (and the scale) alone, at random rows that stand for x.
        rows: values that `works_on_rows` has been asked about.
    """

    name: str
    x: Value
    gamma: Value | None
    beta: Value | None
    attrs: dict[str, Any]
    known: dict[Value, Array] = field(default_factory=dict)
    rows: dict[Value, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.known[self.x] = self.samples[0]

    @property
    def width(self) -> int:
        """Elements of a row."""
        return math.prod(self.x.type.shape[d] for d in self.axes)

    @property
    def samples(self) -> tuple[Array, Array, Array]:
        """Random rows that stand for x, for the gradient that comes in and for the scale."""
        return _sampled(min(self.width, _POINTS), self.scaled == self.axes)

    @property
    def axes(self) -> tuple[int, ...]:
        """Axes along which mean and mean square are taken."""
        return self.attrs["axes"]

    @property
    def kept(self) -> tuple[int, ...]:
        """The other dimensions."""
        return tuple(d for d in range(len(self.x.type.shape)) if d not in self.axes)

    @property
    def scaled(self) -> tuple[int, ...]:
        """Dimensions that scale and shift vary along."""
        return scaled_along(self.name, self.axes, len(self.x.type.shape))

    @property
    def given(self) -> list[Value]:
        """Scale and shift, as far as there are any."""
        return [v for v in (self.gamma, self.beta) if v is not None]

    @cached_property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of x, and of one number for each row: without the dimensions of a row, or with."""
        whole = self.x.type.shape
        ones = tuple(1 if d in self.axes else n for d, n in enumerate(whole))
        return whole, tuple(whole[d] for d in self.kept), ones

    def works_on_rows(self, value: Value) -> bool:
        """Whether a value is made by an operation that works on each row for itself."""
        if value not in self.rows:
            self.rows[value] = value.op is not None and self._on_rows(value.op)
        return self.rows[value]

    def _on_rows(self, op: Op) -> bool:
        shape, (whole, lead, _) = op.results[0].type.shape, self.shapes
        if shape not in self.shapes:
            return False
        if is_step(op) or op.name == "stablehlo.compare":
            return shape != whole or op.name not in _IN_PIECES
        if op.name not in (*LAYOUT, "stablehlo.reduce"):
            return False
        source = op.operands[0].type.shape
        if op.name == "stablehlo.reduce":
            axes = tuple(sorted(op.attrs["dimensions"]))
            start = constant(op.operands[1])
            kind = binary_kind(op.regions[0])
            return (source, axes, start, kind) == (whole, self.axes, 0, "add")
        if source not in self.shapes:
            return False
        dims = op.attrs.get("broadcast_dimensions")
        places = self.kept if source == lead else range(len(source))
        return dims is None or shape == source or list(dims) == list(places)


class Norms:
    """All norms of a block, whoever uses their parts, and what follows from each argument alone."""

    def __init__(self, block: Block, options: Any) -> None:
        self.parts: dict[Value, list[Norm]] = {}
        self.read = {op: found for op in block.ops if (found := [*normalise(op, options)])}
        found: dict[tuple, Norm] = {}
        for forms in self.read.values():
            for one in forms:
                if one.name == "BNInfer":
                    continue
                held = iter(one.operands[1:])
                gamma, beta = (next(held) if one.attrs[k] else None for k in ("gamma", "beta"))
                key = (one.name, one.operands[0], one.attrs["axes"], one.attrs["epsilon"])
                if key not in found or len(found[key].given) < len(one.operands):
                    found[key] = Norm(one.name, one.operands[0], gamma, beta, one.attrs)
        for norm in found.values():
            self.parts.setdefault(norm.x, []).append(norm)
        for op in block.ops if found else ():
            self._follow(op)

    def _follow(self, op: Op) -> None:
        """Note the results of an operation that reads the parts of one norm and numbers."""
        read = [self.parts.get(v) for v in op.operands if constant(v) is None]
        if read and None not in read and (is_step(op) or op.name in _ON_ROWS):
            first = read[0]
            if first is not None and all(other == first for other in read):
                self.parts.update((v, first) for v in op.results)

    def behind(self, values: Sequence[Value], depth: int = 3) -> list[Norm]:
        """Norms whose parts are factors of some values."""
        found: list[Norm] = []
        for v in values:
            if v in self.parts:
                found += [n for n in self.parts[v] if n not in found]
            elif depth and v.op is not None and v.op.name in _FACTORS:
                found += [n for n in self.behind(v.op.operands, depth - 1) if n not in found]
        return found

    def forward(self, op: Op, options: Any) -> Iterator[Found]:
        """Norms whose result an operation is; what a batch norm makes beside may be read by others.

        Running means and variances are; `variance` finds them.
        """
        for found in self.read.get(op, []):
            shared: tuple[Value, ...] = ()
            if found.name == "BatchNorm":
                x = found.operands[0]
                shared = tuple(v for v, norms in self.parts.items() if norms[0].x is x)
            yield found._replace(shared=shared)

    def variance(self, op: Op, options: Any) -> Iterator[Found]:
        """Sums of squared distances from the mean that a batch norm takes anyway."""
        square = made_by(op.operands[0], "multiply") if op.name == "stablehlo.reduce" else None
        if square is None or bare(square.operands[0]) is not bare(square.operands[1]):
            return
        for norm in self.parts.get(bare(square.operands[0]), []):
            if (
                norm.name == "BatchNorm"
                and tuple(sorted(op.attrs["dimensions"])) == norm.axes
                and binary_kind(op.regions[0]) == "add"
                and constant(op.operands[1]) == 0
                and mean_of(square.operands[0], norm.axes) is norm.x
            ):
                shared = tuple(v for v, norms in self.parts.items() if norms[0].x is norm.x)
                attrs = norm.attrs | {"count": norm.width}
                yield Found("BatchVariance", [norm.x, *norm.given], attrs, shared)

    def gradient(self, op: Op, options: Any) -> Iterator[Found]:
        """The gradient of one of the norms, with respect to its argument or its scale."""
        if not self.parts or op.name not in _ROOTS:
            return
        shape = op.results[0].type.shape
        if op.name != "stablehlo.add":
            for norm in self.behind(op.operands):
                if norm.gamma is None:
                    continue
                if op.name == "stablehlo.multiply":
                    yield from _of_scales(op, norm)
                elif shape == norm.gamma.type.shape:
                    yield from _of_scale(op, norm)
            return
        summed = _terms(op.results[0], None)
        for norm in self.behind([v for v in summed if v not in self.parts]):
            if shape == norm.x.type.shape:
                splits = [s for s in _divided(op) if norm in self.behind(s[0])]
                yield from _of_argument(op, norm, splits)


_ROOTS = ("stablehlo.add", "stablehlo.reduce", "stablehlo.multiply")
_IN_PIECES = ("stablehlo.maximum", "stablehlo.minimum", "stablehlo.clamp", "stablehlo.select",
              "stablehlo.compare")  # fmt: skip
"""What random points tell too little about; a variance alone may be kept from being negative."""
_ON_ROWS = (*LAYOUT, "stablehlo.reduce")
_FACTORS = ("stablehlo.multiply", "stablehlo.divide", "stablehlo.negate", "stablehlo.convert")


def _of_argument(op: Op, norm: Norm, splits: Sequence[Split]) -> Iterator[Found]:
    """The sum of terms that is the gradient; one further term may be added to it."""
    for parts, extra in splits:
        if len(parts) < 2 or not all(map(norm.works_on_rows, parts)):
            continue
        cone = _Rows(norm, parts)
        if norm.x not in cone.values:
            continue
        for dy in cone.candidates():
            made = cone.evaluated(parts, dy)
            if made is not None and _close(op, made, _argument_slope(norm)):
                yield _found("x", norm, dy, cone, extra)
                break


def _of_scale(op: Op, norm: Norm) -> Iterator[Found]:
    """The scale's gradient as a sum of products."""
    lead = [d for d in range(len(norm.x.type.shape)) if d not in norm.scaled]
    if sorted(op.attrs["dimensions"]) != lead or binary_kind(op.regions[0]) != "add":
        return
    if len(op.operands) != 2 or constant(op.operands[1]) != 0:
        return
    cone = _Rows(norm, [op.operands[0]])
    if norm.x not in cone.values:
        return
    for dy in _factors(op.operands[0], 3):
        made = cone.evaluated([op.operands[0]], dy)
        if made is not None and _close(op, made, norm.samples[1] * _normal(norm)[0]):
            yield _found("gamma", norm, dy, cone, [])
            break


def _of_scales(op: Op, norm: Norm) -> Iterator[Found]:
    """The scale's gradient as a multiple of a sum for each row: where a row has one scale."""
    if norm.scaled != norm.kept or op.results[0].type.shape not in norm.shapes[1:]:
        return
    cone = _Rows(norm, op.results)
    wanted = norm.samples[1] * _normal(norm)[0]
    for dy in cone.candidates(1):
        made = cone.evaluated(op.results, dy)
        if made is not None and _close(op, made, wanted.mean(1, keepdims=True) * norm.width):
            yield _found("gamma", norm, dy, cone, [])
            break


def _factors(value: Value, depth: int) -> list[Value]:
    """Full factors of a product, and products of some of them."""
    if value.op is None or value.op.name != "stablehlo.multiply" or depth == 0:
        return []
    return [f for v in value.op.operands for f in (v, *_factors(v, depth - 1))]


def _found(of: str, norm: Norm, dy: Value, cone: _Rows, extra: list[Value]) -> Found:
    attrs = {**norm.attrs, "of": of, "plus": bool(extra)}
    operands = [norm.x, *norm.given, dy, *extra]
    # Both gradients of a norm read what comes in times the norm's parts, and sums of that.
    read = _readers(cone, "multiply", {dy})
    read |= _readers(cone, "reduce", read)
    return Found(f"{norm.name}Gradient", operands, attrs, (*cone.alone, *read))


def _readers(cone: _Rows, name: str, read: set[Value]) -> set[Value]:
    """Values that an operation makes of some others."""
    made = (v for v in cone.values if v.op is not None and v.op.name == f"stablehlo.{name}")
    return {v for v in made if v.op is not None and not read.isdisjoint(v.op.operands)}


Split = tuple[list[Value], list[Value]]


def _divided(op: Op) -> Iterator[Split]:
    """The terms of a sum: all of them, or those beside a term or a partial sum."""
    todo: list[Value | None] = [None, *op.operands]
    for _ in range(17):
        if not todo:
            return
        v = todo.pop(0)
        yield _terms(op.results[0], v), [] if v is None else [v]
        if v is not None and v.op is not None and v.op.name == "stablehlo.add":
            todo += v.op.operands


def _terms(value: Value, without: Value | None, depth: int = 0) -> list[Value]:
    if value is without:
        return []
    op = bare(value).op
    if op is None or op.name != "stablehlo.add" or depth > 8:
        return [value]
    return [t for v in op.operands for t in _terms(v, without, depth + 1)]


@cache
def _sampled(points: int, along: bool) -> tuple[Array, Array, Array]:
    """Random rows of so many points: argument, gradient, and a scale along or across the rows."""
    rng = np.random.default_rng(11)
    x = rng.standard_normal((_ROWS, points)) * 1.3 + 0.4
    dy = rng.standard_normal((_ROWS, points))
    return x, dy, rng.standard_normal((1, points) if along else (_ROWS, 1)) + 0.5


class _Rows:
    """Operations on rows that some values are made of.

    A value is full (of the shape of x), or one number for each row.

    Attributes:
        values: all of them, nearest first, and what they are made of.
        reads: how often each is read by the others.
    """

    def __init__(self, norm: Norm, roots: Sequence[Value]) -> None:
        self.norm, self.shape = norm, norm.x.type.shape
        self.values: dict[Value, None] = {}
        self.reads: Counter[Value] = Counter()
        todo = list(roots)
        while todo and len(self.values) < _LIMIT:
            v = todo.pop(0)
            if v in self.values or constant(v) is not None:
                continue
            self.values[v] = None
            if v is not norm.x and v.op is not None and norm.works_on_rows(v):
                read = v.op.operands[:1] if v.op.name == "stablehlo.reduce" else v.op.operands
                self.reads.update(read)
                todo += read

    def candidates(self, reads: int = 2) -> list[Value]:
        """Values that the gradient may come in by: read twice, perhaps times the scale."""
        full = [v for v in self.values if v is not self.norm.x and v.type.shape == self.shape]
        found: dict[Value, None] = {}
        for v in full:
            if self.reads[v] >= reads:
                found[v] = None
                made = v.op if v.op is not None and v.op.name == "stablehlo.multiply" else None
                found.update(dict.fromkeys(o for o in made.operands if o in full) if made else {})
        return sorted(found, key=lambda v: v in self.alone)

    def evaluated(self, roots: Sequence[Value], dy: Value) -> Array | None:
        """Sum of the roots at the points; None if they are made of anything else."""
        norm, (at_x, at_dy, _) = self.norm, self.norm.samples
        apart = dy not in self.alone  # then nothing that is known follows from it
        at = {**(norm.known if apart else {norm.x: at_x}), dy: at_dy}
        with np.errstate(all="ignore"):
            made = [self._value(v, at, set()) for v in roots]
        if any(m is None for m in made):
            return None
        return np.broadcast_to(sum(m for m in made if m is not None), at_x.shape)

    def _value(self, v: Value, at: dict[Value, Array], failed: set[Value]) -> Array | None:
        """A value, noted among the others; what cannot be computed is looked at once."""
        found = at.get(v)
        if found is None and v not in failed:
            found = self._computed(v, at, failed)
            if found is None:
                failed.add(v)
            else:
                at[v] = found
        return found

    def _computed(self, v: Value, at: dict[Value, Array], failed: set[Value]) -> Array | None:
        number = constant(v)
        if number is not None:
            return np.full((1, 1), number)
        gamma = self.norm.gamma
        whole = gamma is not None and v.type.shape == self.shape
        if (v is gamma and self.norm.scaled == self.norm.kept) or (
            whole and parameter(v, self.norm.scaled) is gamma
        ):
            return self.norm.samples[2]
        if v.op is None or v not in self.values or not self.norm.works_on_rows(v):
            return None
        reduces = v.op.name == "stablehlo.reduce"
        xs: list[Array] = []
        for o in v.op.operands[:1] if reduces else v.op.operands:
            x = self._value(o, at, failed)
            if x is None:
                return None
            xs.append(x)
        if reduces:
            whole = np.broadcast_to(xs[0], self.norm.samples[0].shape)
            return whole.sum(1, keepdims=True) * (self.norm.width / whole.shape[1])
        if v.op.name == "stablehlo.compare":
            return COMPARE[v.op.attrs["comparison_direction"]](*xs)
        return xs[0] if v.op.name in LAYOUT else STEPS[v.op.name](*xs)

    @cached_property
    def alone(self) -> dict[Value, None]:
        """Values that follow from x: the norm's own parts, which others may use."""
        failed: set[Value] = set()
        with np.errstate(all="ignore"):
            return {v: None for v in self.values
                    if self._value(v, self.norm.known, failed) is not None}  # fmt: skip


def _normal(norm: Norm) -> tuple[Array, Array]:
    """The random rows normalised, and what they are multiplied with."""
    x = norm.samples[0]
    if norm.name != "RmsNorm":
        x = x - x.mean(1, keepdims=True)
    rstd = 1 / np.sqrt((x * x).mean(1, keepdims=True) + norm.attrs["epsilon"])
    return x * rstd, rstd


def _argument_slope(norm: Norm) -> Array:
    (normal, rstd), (_, at_dy, scale) = _normal(norm), norm.samples
    g = at_dy if norm.gamma is None else at_dy * scale
    inner = g - normal * (g * normal).mean(1, keepdims=True)
    if norm.name != "RmsNorm":
        inner = inner - g.mean(1, keepdims=True)
    return rstd * inner


def _close(op: Op, got: Array, want: Array) -> bool:
    dtype = op.results[0].type.dtype
    unit = 1e-5 if dtype == np.float32 else 4e-3 if dtype == np.float16 else 3e-2
    return bool((np.abs(got - want) <= unit * (1 + np.abs(want))).all())
