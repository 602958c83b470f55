"""Prices: collectives, ways from one layout to another, work of one equation.

Every price is a pair (bytes each device sends, seconds); the objective turns pairs into the
one number that the search minimises.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ms_func.ir.mesh import AbstractMesh, Link
from ms_func.ir.types import ArrayType
from ms_func.parallel.splits import Spec


class Price(NamedTuple):
    """Bytes that each device sends, and seconds."""

    wire: float
    seconds: float


@dataclass(frozen=True)
class Profile:
    """What a backend's compiler and devices do.

    Attributes:
        name: platform.
        reduce_scatter: whether the compiler forms reduce-scatter; if not, it emits an all-reduce
            and a slice.
        bitwise: whether integers can be reduced bit by bit across devices (booleans always can).
        flops: floating-point operations per second of one device.
        bandwidth: bytes per second of one device's memory.
        overlap: fraction of a collective that is hidden behind compute.
        row_major: whether products read operands in one order of dimensions, others from copies.
        widened: bytes of an element under way, by the name of a dtype that the compiler widens.
    """

    name: str
    reduce_scatter: bool
    bitwise: bool
    flops: float
    bandwidth: float
    overlap: float = 0.0
    row_major: bool = True
    widened: Mapping[str, int] = field(default_factory=dict)


# XLA's CPU pipeline was seen to form no reduce-scatter, to refuse bitwise reductions of integers,
# and to compute with bfloat16 as float32 and with floats of a byte as float16, collectives
# included. The rates are those of one core of a server CPU, and of one A100 (312 TFLOP/s in
# bfloat16 at half efficiency, 1.5 TB/s).
_WIDENED = {"bfloat16": 4, "float8_e4m3fn": 2, "float8_e5m2": 2}
PROFILES = {
    "cpu": Profile("cpu", False, False, 5e10, 1e10, widened=_WIDENED),
    "cuda": Profile("cuda", True, True, 1.5e14, 1.5e12, row_major=False),
    "ascend": Profile("ascend", True, False, 1.5e14, 1.2e12),
}


def collective(kind: str, n: int, size: float, link: Link) -> Price:
    """Price of a ring collective over `n` devices.

    Args:
        kind: "all_reduce", "all_gather", "reduce_scatter", "all_to_all" or "permute".
        n: devices in the group.
        size: bytes of the full value on the group: the result of a gather, the operand of a
            scatter or reduction, all parts together of an all-to-all, one part of a permute.
        link: connection of the devices.
    """
    if n == 1:
        return Price(0.0, 0.0)
    if kind == "all_reduce":
        sent, steps = 2 * (n - 1) / n * size, 2 * (n - 1)
    elif kind in ("all_gather", "reduce_scatter"):
        sent, steps = (n - 1) / n * size, n - 1
    elif kind == "all_to_all":
        sent, steps = (n - 1) / n * size / n, n - 1
    elif kind == "permute":
        sent, steps = size, 1
    else:
        raise ValueError(f"unknown collective {kind!r}")
    return Price(sent, steps * link.alpha + sent * link.beta)


class Step(NamedTuple):
    """One step on the way between two layouts: what is done, along which axes, where it leads."""

    kind: str
    axes: tuple[int, ...]
    to: Spec


@dataclass
class Model:
    """Prices on one mesh for one objective.

    Attributes:
        axes: sizes of the mesh axes.
        links: connection of each axis.
        profile: what the backend does.
        objective: "time", "communication" or "memory".
        work: price of one floating-point operation under "communication", where work only breaks
            ties until too much of it would be done twice.
    """

    axes: tuple[int, ...]
    links: tuple[Link, ...]
    profile: Profile
    objective: str = "time"
    work: float = 1e-9
    _known: dict[Any, Layouts] = field(default_factory=dict)

    def scalar(self, price: Price) -> float:
        """The number to minimise; a collective costs a little even if it sends little."""
        if self.objective == "time":
            return price.seconds * (1 - self.profile.overlap)
        return price.wire

    def compute(self, flops: float, moved: float, parts: float) -> float:
        """Price of the work of one equation whose work is shared by `parts` devices."""
        if self.objective == "time":
            seconds = max(flops / self.profile.flops, moved / self.profile.bandwidth)
            return seconds / parts
        return self.work * (flops + 1e-2 * moved) / parts

    def group(self, axes: Sequence[int]) -> tuple[int, Link]:
        """Devices along several axes together, and the slowest of their links."""
        n = math.prod(self.axes[a] for a in axes)
        links = [self.links[a] for a in axes] or [Link()]
        return n, Link(max(x.alpha for x in links), max(x.beta for x in links))

    def width(self, t: ArrayType) -> int:
        """Bytes of an element of a value in a message."""
        return self.profile.widened.get(t.dtype.name, t.dtype.itemsize)

    def pieces(self, spec: Spec) -> int:
        """Number of different pieces that a value is cut into."""
        return math.prod(self.axes[a] for d in spec.dims for a in d)

    def local_bytes(self, size: int, spec: Spec) -> float:
        """Bytes each device holds of a value of `size` bytes."""
        return size / self.pieces(spec)

    def all_reduce(self, size: float, axes: Sequence[int]) -> Price:
        """Price of adding up a value of which each device holds `size` bytes."""
        n, link = self.group(axes)
        return collective("all_reduce", n, size, link)

    def all_gather(self, size: float, axes: Sequence[int]) -> Price:
        """Price of every device getting what each holds, `size` bytes."""
        n, link = self.group(axes)
        return collective("all_gather", n, n * size, link)

    def permute(self, size: float, axes: Sequence[int]) -> Price:
        """Price of each device handing `size` bytes to its neighbour."""
        n, link = self.group(axes)
        return collective("permute", n, size, link)

    def reshard(self, shape: tuple[int, ...], itemsize: int, p: Spec, q: Spec) -> float:
        """Price of the cheapest way from layout `p` to layout `q`; infinite if there is none."""
        return float(self.matrix(shape, itemsize, [p], [q])[0, 0])

    def path(self, shape: tuple[int, ...], itemsize: int, p: Spec, q: Spec) -> list[Step]:
        """Steps of the cheapest way from `p` to `q`."""
        return [] if p == q else self._layouts(shape, itemsize).path(p, q)

    def matrix(
        self, shape: tuple[int, ...], itemsize: int, ps: Sequence[Spec], qs: Sequence[Spec]
    ) -> np.ndarray:
        """Prices from every layout of `ps` to every layout of `qs`."""
        return self._layouts(shape, itemsize).prices(ps, qs)

    def _layouts(self, shape: tuple[int, ...], itemsize: int) -> Layouts:
        key = (shape, itemsize)
        if key not in self._known:
            self._known[key] = Layouts(self, shape, math.prod(shape) * itemsize)
        return self._known[key]

    def moves(self, shape: tuple[int, ...], size: int, s: Spec) -> list[tuple[Step, float]]:
        """Single steps from a layout of a value of `size` bytes, with their prices.

        Each costs a little even if it sends nothing, so that ties go to the shorter way.
        """
        least = 1e-9 if self.objective == "time" else 1e-3
        return [(step, self.scalar(p) + least) for step, p in self._moves(shape, size, s)]

    def _moves(self, shape: tuple[int, ...], size: int, s: Spec) -> Iterator[tuple[Step, Price]]:
        """Single steps from a layout."""
        held = self.local_bytes(size, s)
        yield from self._sums(shape, held, s)
        used = {a for d in s.dims for a in d} | set(s.partial)
        for a, n in enumerate(self.axes):
            if n > 1 and a not in used:
                for d in self._room(shape, s, n):
                    yield Step("slice", (a,), _with(s, d, (*s.dims[d], a))), Price(0.0, 0.0)
        for d, axes in enumerate(s.dims):
            for k in range(len(axes)):
                gone = axes[k:]
                n, link = self.group(gone)
                price = collective("all_gather", n, held * n, link)
                yield Step("all_gather", gone, _with(s, d, axes[:k])), price
            if axes:
                yield from self._swaps(shape, held, s, d, axes)

    def _sums(self, shape: tuple[int, ...], held: float, s: Spec) -> Iterator[tuple[Step, Price]]:
        """Add up open sums: all of them or one axis; into a dimension where the backend can."""
        groups = {s.partial, *((a,) for a in s.partial)} if s.partial else set()
        for axes in sorted(groups):
            rest = tuple(a for a in s.partial if a not in axes)
            done = Spec(s.dims, rest)
            yield Step("all_reduce", axes, done), self.all_reduce(held, axes)
            if self.profile.reduce_scatter and len(axes) == 1:
                n, link = self.group(axes)
                price = collective("reduce_scatter", n, held, link)
                for d in self._room(shape, s, n):
                    to = _with(done, d, (*s.dims[d], axes[0]))
                    yield Step("reduce_scatter", axes, to), price

    def _swaps(
        self, shape: tuple[int, ...], held: float, s: Spec, d: int, axes: tuple[int, ...]
    ) -> Iterator[tuple[Step, Price]]:
        """Move minor axes of a dimension to another one, or change the order of its axes."""
        for k in range(len(axes)):
            moved = axes[k:]
            n, link = self.group(moved)
            price = collective("all_to_all", n, held * n, link)
            less = _with(s, d, axes[:k])
            for e in self._room(shape, s, n):
                if e != d:
                    yield Step("all_to_all", moved, _with(less, e, (*s.dims[e], *moved))), price
        if len(axes) > 1:
            n, link = self.group(axes)
            turned = (*axes[1:], axes[0])
            yield Step("permute", axes, _with(s, d, turned)), collective("permute", n, held, link)

    def _room(self, shape: tuple[int, ...], s: Spec, ways: int) -> list[int]:
        """Dimensions that can be cut once more, in so many pieces."""
        return [
            d
            for d, n in enumerate(shape)
            if n and n % (math.prod(self.axes[b] for b in s.dims[d]) * ways) == 0
        ]


class Layouts:
    """Layouts of one shape, the single steps between them, and the cheapest ways.

    Args:
        model: prices.
        shape: of the value.
        size: bytes of the value.
    """

    def __init__(self, model: Model, shape: tuple[int, ...], size: int) -> None:
        self.model, self.shape, self.size = model, shape, size
        self.states: list[Spec] = []
        self.number: dict[Spec, int] = {}
        self.steps: list[list[tuple[Step, float]]] = []
        self.rows: dict[Spec, np.ndarray] = {}
        self.direct = np.zeros((0, 0))

    def prices(self, ps: Sequence[Spec], qs: Sequence[Spec]) -> np.ndarray:
        """Prices from every layout of `ps` to every layout of `qs`; infinite where no way leads."""
        missing = [p for p in ps if p not in self.rows]
        if missing:
            self._reach([*ps, *qs])
            self.rows.update(zip(missing, self._cheapest(missing), strict=True))
        columns = [self.number.get(q, -1) for q in qs]
        table = np.full((len(ps), len(qs)), math.inf)
        for row, p in zip(table, ps, strict=True):
            known = self.rows[p]
            for k, c in enumerate(columns):
                if 0 <= c < len(known):
                    row[k] = known[c]
        return table

    def _reach(self, specs: Sequence[Spec]) -> None:
        """Number all layouts that can be reached, and lay out the prices of single steps."""
        todo = [s for s in specs if s not in self.number]
        before = len(self.states)
        while todo:
            s = todo.pop()
            if s in self.number:
                continue
            self.number[s] = len(self.states)
            self.states.append(s)
            self.steps.append(self.model.moves(self.shape, self.size, s))
            todo += [step.to for step, _ in self.steps[-1]]
        n = len(self.states)
        if n > before:
            self.direct = np.full((n, n), math.inf)
            for i, steps in enumerate(self.steps):
                for step, price in steps:
                    j = self.number[step.to]
                    self.direct[i, j] = min(self.direct[i, j], price)

    def _cheapest(self, sources: Sequence[Spec]) -> np.ndarray:
        """Prices from each source to every layout (Bellman and Ford)."""
        found = np.full((len(sources), len(self.states)), math.inf)
        for row, p in zip(found, sources, strict=True):
            row[self.number[p]] = 0.0
        while True:
            old = found.copy()
            for i, row in enumerate(self.direct):
                np.minimum(found, found[:, i : i + 1] + row, out=found)
            if np.array_equal(old, found):
                return found

    def path(self, p: Spec, q: Spec) -> list[Step]:
        """Steps of the cheapest way (Dijkstra), the first found among equals."""
        self._reach([p, q])
        best: dict[Spec, tuple[float, Step | None, Spec]] = {p: (0.0, None, p)}
        heap, done, tie = [(0.0, 0, p)], set(), 0
        while heap:
            cost, _, here = heapq.heappop(heap)
            if here in done:
                continue
            done.add(here)
            for step, price in self.steps[self.number[here]]:
                if step.to not in best or cost + price < best[step.to][0]:
                    tie += 1
                    best[step.to] = (cost + price, step, here)
                    heapq.heappush(heap, (cost + price, tie, step.to))
        found: list[Step] = []
        while q != p:
            _, step, q = best[q]
            assert step is not None
            found.append(step)
        return found[::-1]


def _with(s: Spec, d: int, axes: tuple[int, ...]) -> Spec:
    return Spec((*s.dims[:d], axes, *s.dims[d + 1 :]), s.partial)


def model_for(mesh: AbstractMesh, platform: str, objective: str) -> Model:
    """Prices on a mesh.

    Raises:
        ValueError: the objective is unknown.
    """
    if objective not in ("time", "communication", "memory"):
        raise ValueError(
            f"unknown objective {objective!r}; it is 'time', 'communication' or 'memory'"
        )
    links = tuple(mesh.link(a) for a in mesh.axis_names)
    profile = PROFILES.get(platform, PROFILES["cpu"])
    return Model(mesh.axis_sizes, links, profile, objective)
