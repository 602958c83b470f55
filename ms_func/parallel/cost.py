"""Prices: collectives, ways from one layout to another, work of one equation.

Every price is a pair (bytes each device sends, seconds); the objective turns pairs into the
one number that the search minimises.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ms_func.ir.mesh import AbstractMesh, Link
from ms_func.parallel.shard_rules import Spec


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
        flops: floating-point operations per second of one device.
        bandwidth: bytes per second of one device's memory.
        overlap: fraction of a collective that is hidden behind compute.
    """

    name: str
    reduce_scatter: bool
    flops: float
    bandwidth: float
    overlap: float = 0.0


# XLA's CPU pipeline was measured to form no reduce-scatter. The rates are those of one core of
# a server CPU, and of one A100 (312 TFLOP/s in bfloat16 at half efficiency, 1.5 TB/s).
PROFILES = {
    "cpu": Profile("cpu", False, 5e10, 1e10),
    "cuda": Profile("cuda", True, 1.5e14, 1.5e12),
    "ascend": Profile("ascend", True, 1.5e14, 1.2e12),
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
    _ways: dict[Any, dict[Spec, tuple[float, Spec, Step | None]]] = field(default_factory=dict)

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

    def local_bytes(self, size: int, spec: Spec) -> float:
        """Bytes each device holds of a value of `size` bytes."""
        return size / math.prod(self.axes[a] for d in spec.dims for a in d)

    def all_reduce(self, size: float, axes: Sequence[int]) -> Price:
        """Price of adding up a value of which each device holds `size` bytes."""
        n, link = self.group(axes)
        return collective("all_reduce", n, size, link)

    def reshard(self, shape: tuple[int, ...], itemsize: int, p: Spec, q: Spec) -> float:
        """Price of the cheapest way from layout `p` to layout `q`; infinite if there is none."""
        if p == q:
            return 0.0
        found = self._from(shape, itemsize, p).get(q)
        return math.inf if found is None else found[0]

    def path(self, shape: tuple[int, ...], itemsize: int, p: Spec, q: Spec) -> list[Step]:
        """Steps of the cheapest way from `p` to `q`."""
        ways, steps = self._from(shape, itemsize, p), []
        while q != p:
            _, before, step = ways[q]
            assert step is not None
            steps.append(step)
            q = before
        return steps[::-1]

    def matrix(
        self, shape: tuple[int, ...], itemsize: int, ps: Sequence[Spec], qs: Sequence[Spec]
    ) -> np.ndarray:
        """Prices from every layout of `ps` to every layout of `qs`."""
        table = np.empty((len(ps), len(qs)))
        for i, p in enumerate(ps):
            ways = self._from(shape, itemsize, p)
            table[i] = [ways[q][0] if q in ways else math.inf for q in qs]
        return table

    def _from(
        self, shape: tuple[int, ...], itemsize: int, p: Spec
    ) -> dict[Spec, tuple[float, Spec, Step | None]]:
        """Cheapest way to every layout that can be reached from `p` (Dijkstra)."""
        key = (shape, itemsize, p)
        found = self._ways.get(key)
        if found is not None:
            return found
        size = math.prod(shape) * itemsize
        best: dict[Spec, tuple[float, Spec, Step | None]] = {p: (0.0, p, None)}
        heap: list[tuple[float, int, int, Spec]] = [(0.0, 0, 0, p)]
        done, tie = set(), 0
        while heap:
            cost, hops, _, here = heapq.heappop(heap)
            if here in done:
                continue
            done.add(here)
            for step, price in self._moves(shape, size, here):
                # One byte (a nanosecond) per step keeps ties on the shorter way.
                total = cost + self.scalar(price) + (1e-9 if self.objective == "time" else 1e-3)
                old = best.get(step.to)
                if old is None or total < old[0]:
                    tie += 1
                    best[step.to] = (total, here, step)
                    heapq.heappush(heap, (total, hops + 1, tie, step.to))
        self._ways[key] = best
        return best

    def _moves(self, shape: tuple[int, ...], size: int, s: Spec) -> Iterator[tuple[Step, Price]]:
        """Single steps from a layout."""
        held = self.local_bytes(size, s)
        yield from self._sums(shape, held, s)
        used = {a for d in s.dims for a in d} | set(s.partial)
        for a, n in enumerate(self.axes):
            if n > 1 and a not in used:
                for d in self._room(shape, s, a):
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
                for d in self._room(shape, s, axes[0]):
                    to = _with(done, d, (*s.dims[d], axes[0]))
                    yield Step("reduce_scatter", axes, to), price

    def _swaps(
        self, shape: tuple[int, ...], held: float, s: Spec, d: int, axes: tuple[int, ...]
    ) -> Iterator[tuple[Step, Price]]:
        """Move the minor axis of a dimension to another one, or change the order of its axes."""
        a = axes[-1]
        n, link = self.group((a,))
        price = collective("all_to_all", n, held * n, link)
        less = _with(s, d, axes[:-1])
        for e in self._room(shape, s, a):
            if e != d:
                yield Step("all_to_all", (a,), _with(less, e, (*s.dims[e], a))), price
        if len(axes) > 1:
            n, link = self.group(axes)
            turned = (*axes[1:], axes[0])
            yield Step("permute", axes, _with(s, d, turned)), collective("permute", n, held, link)

    def _room(self, shape: tuple[int, ...], s: Spec, a: int) -> list[int]:
        """Dimensions that can be cut once more, by axis `a`."""
        return [
            d
            for d, n in enumerate(shape)
            if n and n % (math.prod(self.axes[b] for b in s.dims[d]) * self.axes[a]) == 0
        ]


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
