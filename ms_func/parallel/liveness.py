"""Which values of a program take memory, and from which step to which.

What the compiler does with a program is foreseen by a few rules.

* Chains of elementwise operations are fused: a value inside one is not kept, what it is computed
  from is. Sums form products on their way.
* A value that another operation reads is kept for that. Elementwise readers compute it again where
  it is cheap and from a single array, or where it is kept in another shape, as products of
  matrices want it; then what it is computed from is kept as well.
* Products and convolutions read operands whose dimensions stand in another order from copies.
* What stores into an array, is elementwise or loops takes over the memory of an operand that nobody
  reads afterwards.

As XLA's scheduler does by depth, each step runs right before the one that needs it, and of those
that one step needs first the one with most behind it. XLA tries another order as well and takes
what needs less memory; it seldom is that one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ms_func.ir.function import Eqn, Function, Literal, Var
from ms_func.ir.primitive import ELEMENTWISE
from ms_func.parallel.graph import Graph
from ms_func.parallel.unfold import places

_VIEWS = ("broadcast_in_dim", "reshape", "iota", "squeeze", "expand_dims")
"""Operations whose results the compiler computes where they are read, or does not copy."""

_STORES = ("dynamic_update_slice", "scatter", "scatter_add", "scatter_mul", "scatter_min",
          "scatter_max", "scatter_sub", "optimization_barrier")  # fmt: skip
"""Operations whose results take over the memory of the operand in the same place."""

_PRODUCTS = ("mul", "square", "integer_pow")
"""Operations that a sum over their results does by the way."""

_MANY = 1e300
"""Sums over all paths grow beyond every number; they are only compared."""

Reads = frozenset[Any]


class Span(NamedTuple):
    """Steps from the one at which a value gets its memory to the last that needs it."""

    first: int
    last: int


class Liveness:
    """When the values of a program take memory.

    Args:
        graph: the program.
        ties: pairs (parameter, result) that share memory.

    Attributes:
        steps: number of steps.
        at: step of every equation that computes something by itself.
        spans: steps through which each value is kept, arguments left out.
        copies: the same for operands that are read in another order of their dimensions.
        readers: places (equation, operand) that read each value.
    """

    def __init__(self, graph: Graph, ties: Sequence[tuple[int, int]] = ()) -> None:
        self.graph, self.eqns = graph, graph.eqns
        self.number = {id(e): i for i, e in enumerate(graph.eqns)}
        self.readers = _readers(graph.eqns)
        self.makers = {v: e for e in graph.eqns for v in e.outputs}
        carried = {w for _, w in graph.sheet.carries if type(w) is Var}
        self.ends = carried.union(graph.fn.results)
        self.bodies: dict[int, list[tuple[Function, list[int], int]]] = {
            i: places(graph.eqns[i]) for i in graph.sheet.opened
        }
        self.at: dict[int, int] = {}
        self.reads: dict[int, Reads] = {}
        self.kept: set[Any] = set()
        self._find_kept()
        self.steps = 0
        self._place(graph.fn)
        self.spans = self._span({graph.fn.params[i] for i, _ in ties})
        self.copies = self._reordered()

    # --- what is kept -----------------------------------------------------------------------------

    def _find_kept(self) -> None:
        """Values with memory of their own, and of these what each equation reads."""
        graph = self.graph
        carries = {v for v, _ in graph.sheet.carries}
        behind: dict[Any, Reads] = {v: frozenset([v]) for v in (*graph.fn.params, *carries)}
        fused: dict[Any, Reads] = {}
        views = {b.target: b.source for b in graph.sheet.bridges if b.lead == 0}
        self.kept.update(behind)
        self.rank = {v: n for n, v in enumerate((*behind, *self.makers))}

        def below(a: Any, lean: bool) -> Reads:
            while a not in behind and a in views:
                a = views[a]
            return fused[a] if lean and a in fused else behind.get(a, frozenset())

        for i, eqn in enumerate(self.eqns):
            lean = not self._takes_arrays(i)
            inputs = [
                below(a, lean or self.order(i, k) is not None)
                for k, a in enumerate(eqn.inputs)
                if type(a) is not Literal
            ]
            self.reads[i] = frozenset().union(*inputs)
            for v in eqn.outputs:
                behind[v] = self.reads[i]
                if self._is_kept(i, eqn, v):
                    self.kept.add(v)
                    behind[v] = frozenset([v])
                    if lean and (self._is_cheap(eqn) or self._is_flattened(eqn, v)):
                        fused[v] = self.reads[i]

    def _is_kept(self, i: int, eqn: Eqn, v: Any) -> bool:
        """Whether a result gets memory, not only a place inside a fusion."""
        if i in self.bodies or v in self.ends:
            return True
        readers = self.readers.get(v, ())
        if self._is_view(eqn):  # what several operations store into is made once, and copied
            stores = sum(k == 0 and self.eqns[j].primitive.name in _STORES for j, k in readers)
            return stores > 1 or any(self._is_summed(j) for j, _ in readers)
        if self.is_whole(i) or (len(readers) > 1 and _is_dear(eqn)):
            return True
        return not self._is_summed(i) and any(
            self._takes_arrays(j) and self.order(j, k) is None for j, k in readers
        )

    def _is_view(self, eqn: Eqn) -> bool:
        """Whether nothing is computed or copied; products read matrices as they stand or turned."""
        if eqn.primitive.name == "transpose" and eqn.outputs[0].type.ndim == 2:
            readers = self.readers.get(eqn.outputs[0], ())
            return all(self.eqns[j].primitive.orders is not None for j, _ in readers)
        return eqn.primitive.name in _VIEWS

    def _takes_arrays(self, i: int) -> bool:
        """Whether an equation needs its operands as arrays in memory."""
        return self.is_whole(i) or self._is_summed(i)

    def _is_summed(self, i: int) -> bool:
        """Whether an equation forms products that are only added up."""
        if self.eqns[i].primitive.name not in _PRODUCTS:
            return False
        readers = self.readers.get(self.eqns[i].outputs[0], ())
        return bool(readers) and all(
            self.eqns[j].primitive.name == "reduce_sum" for j, _ in readers
        )

    def is_whole(self, i: int) -> bool:
        """Whether an equation is computed by itself; additions of open sums are fused as well."""
        graph = self.graph
        opened = i in graph.sheet.opened
        return opened or (i in graph.eqn_node and graph.eqns[i].primitive.shard is not ELEMENTWISE)

    def order(self, i: int, k: int) -> tuple[int, ...] | None:
        """Order of the dimensions in which an operand (or a result behind them) is copied."""
        eqn = self.eqns[i]
        orders = eqn.primitive.orders
        if orders is None or not self.graph.model.profile.row_major:
            return None
        return orders(*[a.type.ndim for a in eqn.inputs], **eqn.params)[k]

    def _is_cheap(self, eqn: Eqn) -> bool:
        """Whether elementwise readers compute a value again although it is kept for others."""
        shape, makers = eqn.outputs[0].type.shape, self.makers
        large = [
            a
            for a in eqn.inputs
            if type(a) is not Literal
            and a.type.shape == shape
            and (a not in makers or makers[a].primitive.name not in _VIEWS)
        ]
        return len(large) <= 1 and not _is_dear(eqn)

    def _is_flattened(self, eqn: Eqn, v: Any) -> bool:
        """Whether all that need a value as an array read it in another shape, which is computed."""
        if _is_dear(eqn):
            return False
        return all(
            self._flattens(j, k) for j, k in self.readers.get(v, ()) if self._takes_arrays(j)
        )

    def _flattens(self, i: int, k: int) -> bool:
        """Whether an equation reads an operand in another shape: products read matrices."""
        eqn = self.eqns[i]
        if eqn.primitive.name == "reshape":
            return True
        if eqn.primitive.name != "dot_general":
            return False
        summed, batch = (pair[k] for pair in eqn.params["dimension_numbers"])
        free = eqn.inputs[k].type.ndim - len(summed) - len(batch)
        return free > 1 or len(summed) > 1 or len(batch) > 1

    # --- the order of steps -----------------------------------------------------------------------

    def _place(self, fn: Function) -> None:
        """Give steps to the equations of a function, those of bodies before what they belong to."""
        units = [i for i in (self.number[id(e)] for e in fn.eqns) if self._is_step(i)]
        for i in self._depth_first(units):
            for body, _, _ in self.bodies.get(i, ()):
                self._place(body)
            self.at[i] = self.steps
            self.steps += 1

    def _depth_first(self, units: Sequence[int]) -> list[int]:
        """Equations right after what they need, and right before what needs them."""
        made = {v: i for i in units for v in self.eqns[i].outputs if v in self.kept}
        users = Counter(v for i in units for v in self.reads[i])
        behind: dict[int, tuple[float, float]] = {}
        before: dict[int, list[int]] = {}
        for i in units:
            outputs = self.eqns[i].outputs
            others = sorted({made[v] for v in self.reads[i] if v in made})
            shared = sum(max(0, users[v] - 1) for v in outputs)
            size = sum(v.type.nbytes for v in outputs if v in made)
            behind[i] = (
                min(_MANY, shared + sum(behind[j][0] for j in others)),
                min(_MANY, size + sum(behind[j][1] for j in others)),
            )
            before[i] = sorted(others, key=lambda j: (behind[j], -j))
        ends = [i for i in units if not any(users[v] for v in self.eqns[i].outputs)]
        todo = sorted(ends, key=lambda j: (behind[j], -j))
        found: dict[int, None] = {}
        while todo:
            waits = [j for j in before[todo[-1]] if j not in found]
            if waits and todo[-1] not in found:
                todo += waits
            else:
                found[todo.pop()] = None
        return list(found)

    def _is_step(self, i: int) -> bool:
        outputs = self.eqns[i].outputs
        return not outputs or not self.kept.isdisjoint(outputs)

    # --- spans ------------------------------------------------------------------------------------

    def _span(self, lent: set[Any]) -> dict[Any, Span]:
        """From where to where each value is kept; those in the memory of an argument are not."""
        taken = self._carried()
        first = {v: self.begin(i) for v, (i, _) in taken.items()}
        last = dict(first)
        for i, at in self.at.items():
            last.update((v, max(last.get(v, at), at)) for v in self.reads[i])
            for k, v in enumerate(self.eqns[i].outputs):
                if v in self.kept:
                    first[v] = self.begin(i) if self._is_stacked(i, k) else at
                    last.setdefault(v, at)
        last.update((v, self.steps) for v in self.graph.fn.results if v in first)
        for i, bodies in self.bodies.items():
            made = [a for body, _, _ in bodies for a in body.results if a in first]
            last.update((a, max(last[a], self.at[i] - 1)) for a in made)
        self._take_over(first, last, lent, taken)
        own = (v for v in first if v not in lent and first[v] <= last[v])
        return {v: Span(first[v], last[v]) for v in own}

    def _is_stacked(self, i: int, k: int) -> bool:
        """Whether a result grows during a loop."""
        eqn = self.eqns[i]
        return eqn.primitive.name == "scan" and k >= eqn.params["num_carry"]

    def _take_over(
        self, first: dict[Any, int], last: dict[Any, int], lent: set[Any], taken: dict[Any, Any]
    ) -> None:
        """Values that need no memory of their own: they go on in that of an operand.

        The operand is let go one step earlier; what goes on in a lent argument takes nothing.
        """
        for v, (i, k) in taken.items():
            a = self.eqns[i].inputs[k]
            if a in lent and last.get(a, -1) <= self.at[i]:
                lent.add(v)
            elif a in first and last[a] <= self.at[i]:
                last[a] = min(last[a], first[v] - 1)
        for i, at in self.at.items():
            for v in self.eqns[i].outputs:
                free = (
                    a
                    for a in (self._candidates(i, v) if v in self.kept else ())
                    if last.get(a) == at and (a in first or a in lent)
                )
                source = next((a for a in free if a.type.nbytes == v.type.nbytes), None)
                if source is not None:
                    last[source] = at - 1
                if source in lent:
                    lent.add(v)

    def _candidates(self, i: int, v: Any) -> Iterable[Any]:
        """Values whose memory a result may take over if it is the last to read them."""
        eqn = self.eqns[i]
        if eqn.primitive.name in _STORES:
            return [eqn.inputs[eqn.outputs.index(v)]]
        return () if self.is_whole(i) else sorted(self.reads[i], key=self.rank.__getitem__)

    def begin(self, i: int) -> int:
        """First step inside of a loop or branch."""
        inside = [
            self.begin(j) if j in self.bodies else self.at[j]
            for body, _, _ in self.bodies[i]
            for j in (self.number[id(e)] for e in body.eqns)
            if j in self.at
        ]
        return min(inside, default=self.at[i])

    def _carried(self) -> dict[Any, tuple[int, int]]:
        """What stands for carried operands in bodies: the loop, and which operand it is."""
        carries = {v for v, _ in self.graph.sheet.carries}
        return {
            v: (i, n)
            for i, bodies in self.bodies.items()
            for body, operands, _ in bodies
            for v, n in zip(body.params, operands, strict=True)
            if v in carries
        }

    def _reordered(self) -> dict[tuple[Any, int, int], Span]:
        """Copies of operands and results in another order of dimensions, by value and reader.

        Operands that are read in the same order share one copy.
        """
        found: dict[tuple[Any, tuple[int, ...]], tuple[int, int, Span]] = {}
        for i, at in self.at.items():
            eqn = self.eqns[i]
            if eqn.primitive.orders is None:
                continue
            for k, a in enumerate((*eqn.inputs, *eqn.outputs)):
                order = self.order(i, k)
                if order is None or type(a) is not Var:
                    continue
                n, m, span = found.get((a, order), (i, k, Span(at, at)))
                found[a, order] = n, m, Span(min(span.first, at), max(span.last, at))
        return {(a, i, k): span for (a, _), (i, k, span) in found.items()}


def _readers(eqns: Sequence[Eqn]) -> dict[Any, list[tuple[int, int]]]:
    found: dict[Any, list[tuple[int, int]]] = {}
    for i, eqn in enumerate(eqns):
        for k, a in enumerate(eqn.inputs):
            if type(a) is not Literal:
                found.setdefault(a, []).append((i, k))
    return found


def _is_dear(eqn: Eqn) -> bool:
    """Whether the compiler keeps a value that is read twice instead of computing it again."""
    ins, outs = [a.type for a in eqn.inputs], [v.type for v in eqn.outputs]
    return eqn.primitive.cost(ins, outs, **eqn.params).transcendentals > 0
