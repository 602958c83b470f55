"""A program as a graph of choices: layouts of values, splits of equations, prices between.

Values that elementwise equations connect share one node, because one layout serves them all:
a weight, its gradient and its moments; the activations between two products. Every other
equation is a node whose choices are its legal splits. An edge joins a value to an equation
that uses or makes it and holds the price of changing layout; sums that an equation leaves
open are finished there. Bodies of loops and branches are part of the graph, with prices
times how often they run. A value that several equations read has a second node, the copy
they read, so that a change of layout they share is paid once.

`nodes.py` builds it from a program.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ms_func.ir.function import Eqn, Function, Var
from ms_func.ir.notation import Rule
from ms_func.ir.types import ArrayType
from ms_func.parallel.cost import Model, Price
from ms_func.parallel.problem import Problem
from ms_func.parallel.splits import Spec, Split, local_extent
from ms_func.parallel.unfold import Sheet


@dataclass
class Node:
    """One decision.

    Attributes:
        kind: "value", "copy" or "equation".
        choices: `Spec`s of a value or copy, `Split`s of an equation.
        variables: the values that share the layout.
        eqn: number of the equation, or None.
        work: price of the work of each choice.
        talk: price of communication inside the node for each choice.
    """

    kind: str
    choices: list[Any]
    variables: list[Var] = field(default_factory=list)
    eqn: int | None = None
    work: np.ndarray = field(default_factory=lambda: np.zeros(0))
    talk: np.ndarray = field(default_factory=lambda: np.zeros(0))


class Way(NamedTuple):
    """Where a value may change its layout.

    Attributes:
        source: node that has the value.
        target: node that wants it.
        value: the value; the one with the leading dimension where `lead` is not 0.
        operand: which operand of the target it is, where that is an equation.
        lead: 1 where the target, -1 where the source lacks the leading dimension.
        weight: how often it happens in one run.
    """

    source: int
    target: int
    value: Any
    operand: int | None = None
    lead: int = 0
    weight: float = 1.0


def _places_of(choice: Spec | Split, axes: int) -> list[int]:
    """For each axis 0 where it does nothing, k where it cuts number k, -1 where a sum is open."""
    cut = choice.dims if isinstance(choice, Spec) else choice.cuts
    made = choice if isinstance(choice, Spec) else next(iter(choice.outs), None)
    is_open = () if made is None else made.partial
    found = [-1 if a in is_open else 0 for a in range(axes)]
    for k, group in enumerate(cut):
        for a in group:
            found[a] = k + 1
    return found


def led(s: Spec) -> Spec:
    """Layout with a leading dimension that is not cut."""
    return Spec(((), *s.dims), s.partial)


@dataclass
class Graph:
    """Nodes, and which node each value and equation belongs to.

    Attributes:
        sheet: the program, loops and branches laid open.
        model: prices.
        nodes: decisions.
        ways: every place where a layout may change.
        value_node: node that holds the layout of a value.
        read_node: node from which other equations read a value, where it has one.
        eqn_node: node of each equation that has one.
        rules: rule of each equation that has a node.
        open_eqns: equations that may work on open sums.
        pinned_out: node of each pinned result.
        flops: work of the whole program.
        dropped: choices removed because heavy equations must use every device.
    """

    sheet: Sheet
    model: Model
    nodes: list[Node] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)
    value_node: dict[Any, int] = field(default_factory=dict)
    read_node: dict[Any, int] = field(default_factory=dict)
    eqn_node: dict[int, int] = field(default_factory=dict)
    rules: dict[int, Rule] = field(default_factory=dict)
    open_eqns: set[int] = field(default_factory=set)
    pinned_out: dict[int, int] = field(default_factory=dict)
    flops: float = 0.0
    dropped: int = 0
    _tables: dict[Any, np.ndarray] = field(default_factory=dict)

    @property
    def fn(self) -> Function:
        """The program."""
        return self.sheet.fn

    @property
    def eqns(self) -> list[Eqn]:
        """All equations, those in loops and branches included."""
        return self.sheet.eqns

    def local_flops(self, choices: Sequence[int]) -> float:
        """Floating-point operations of one device under these choices."""
        total = 0.0
        for i, (eqn, weight) in enumerate(zip(self.eqns, self.sheet.weights, strict=True)):
            if i not in self.sheet.opened:
                total += weight * flops_of(eqn) / self.parts(i, choices)
        return total

    def least_flops(self) -> float:
        """Operations of one device if every equation used as many devices as it can."""
        total = 0.0
        for i, (eqn, weight) in enumerate(zip(self.eqns, self.sheet.weights, strict=True)):
            if i in self.sheet.opened:
                continue
            own = self.eqn_node.get(i)
            node = self.nodes[self.value_node[eqn.outputs[0]] if own is None else own]
            total += weight * flops_of(eqn) / max(self._ways_to_share(node))
        return total

    def _ways_to_share(self, node: Node) -> list[int]:
        if node.eqn is not None:
            return [s.parts for s in node.choices]
        return [self.model.pieces(s) for s in node.choices]

    def parts(self, i: int, choices: Sequence[int]) -> int:
        """Number of devices that share equation `i`."""
        node = self.eqn_node.get(i)
        if node is not None:
            return self.nodes[node].choices[choices[node]].parts
        node = self.value_node[self.eqns[i].outputs[0]]
        return self.model.pieces(self.nodes[node].choices[choices[node]])

    def problem(self, work: float = 1.0) -> Problem:
        """Tables to minimise; the price of work is multiplied by `work`."""
        places = [self._places(n) for n in self.nodes]
        found = Problem([n.talk + work * n.work for n in self.nodes], places=places)
        for way in self.ways:
            found.add_edge(way.source, way.target, self._matrix(way))
        return found

    def _places(self, node: Node) -> np.ndarray:
        """What each axis does in each choice; the same array for the same list of choices."""
        key = ("places", id(node.choices))
        if key not in self._tables:
            rows = [_places_of(c, len(self.model.axes)) for c in node.choices]
            self._tables[key] = np.array(rows, np.int64)
        return self._tables[key]

    def ends(self, way: Way) -> tuple[list[Spec], list[Spec]]:
        """Layouts of the value by the choices of the source, and of the target."""
        a, b = self.nodes[way.source], self.nodes[way.target]
        if a.eqn is None:
            have = a.choices
        else:
            k = list(self.eqns[a.eqn].outputs).index(way.value)
            have = [s.outs[k] for s in a.choices]
        want = b.choices if way.operand is None else [s.ins[way.operand] for s in b.choices]
        if way.lead == 1:
            want = [led(s) for s in want]
        elif way.lead == -1:
            have = [led(s) for s in have]
        return have, want

    def _matrix(self, way: Way) -> np.ndarray:
        """Prices of pairs of choices; equal layers share one table."""
        a, b = self.nodes[way.source], self.nodes[way.target]
        t = way.value.type
        k = -1 if a.eqn is None else list(self.eqns[a.eqn].outputs).index(way.value)
        key = (t.shape, self.model.width(t), id(a.choices), k, id(b.choices), *way[3:])
        found = self._tables.get(key)
        if found is None:
            found = self._tables[key] = way.weight * self._prices(way.value, *self.ends(way))
        return found

    def _prices(self, value: Var, have: Sequence[Spec], want: Sequence[Spec]) -> np.ndarray:
        """Prices between layouts, worked out once for equal ones."""
        rows, cols = list(dict.fromkeys(have)), list(dict.fromkeys(want))
        table = self.model.matrix(value.type.shape, self.model.width(value.type), rows, cols)
        i, j = {s: k for k, s in enumerate(rows)}, {s: k for k, s in enumerate(cols)}
        return table[np.ix_([i[s] for s in have], [j[s] for s in want])]


class Talk(NamedTuple):
    """A collective: its kind as in `cost.collective`, the mesh axes it runs over, its price."""

    kind: str
    axes: tuple[int, ...]
    price: Price


def talk_inside(model: Model, eqn: Eqn, rule: Rule, s: Split) -> Iterator[Talk]:
    """What devices tell each other in the middle of an equation that is split.

    Sums are not among it: they are finished where a value changes its layout.
    """
    for v, spec, axes in zip(eqn.outputs, s.outs, s.finish, strict=True):
        if axes:
            held = model.local_bytes(_under_way(model, v.type), spec)
            yield Talk("all_reduce", axes, model.all_reduce(held, axes))
    for f, low, high, k in rule.halos:
        if axes := s.cuts[f]:
            row = _row(model, eqn, rule, s, f, k)
            for count in filter(None, (low, high)):
                yield Talk("permute", axes, model.permute(count * row, axes))
    for f, axes in enumerate(s.cuts):
        if axes and rule.kinds[f] == "turned":
            held = model.local_bytes(_under_way(model, eqn.inputs[0].type), s.ins[0])
            yield Talk("permute", axes, model.permute(held, axes))
        elif axes:
            for size in _offered(model, eqn, rule, s, f):
                yield Talk("all_gather", axes, model.all_gather(size, axes))


def _offered(model: Model, eqn: Eqn, rule: Rule, s: Split, f: int) -> Iterator[float]:
    """Bytes that each device hands to all others where index `f` is cut."""
    if rule.kinds[f] == "running":
        yield from (_row(model, eqn, rule, s, f, k) for k in range(len(eqn.inputs)))
    elif rule.kinds[f] == "chosen":  # elements, and their places
        offered = model.local_bytes(eqn.outputs[-1].type.size, s.outs[-1])
        yield offered * model.width(eqn.inputs[0].type)
        yield offered * max(4, eqn.outputs[-1].type.dtype.itemsize)


def _under_way(model: Model, t: ArrayType) -> int:
    """Bytes of a value in messages."""
    return t.size * model.width(t)


def _row(model: Model, eqn: Eqn, rule: Rule, s: Split, f: int, operand: int) -> float:
    """Bytes of an operand on each device for one element along index `f`."""
    extent = local_extent(rule, f, model.group(s.cuts[f])[0], operand)
    size = _under_way(model, eqn.inputs[operand].type)
    return model.local_bytes(size, s.ins[operand]) / extent


def flops_of(eqn: Eqn) -> float:
    """Operations of one equation; a transcendental function counts as ten."""
    ins, outs = [a.type for a in eqn.inputs], [v.type for v in eqn.outputs]
    cost = eqn.primitive.cost(ins, outs, **eqn.params)
    return float(cost.flops + 10 * cost.transcendentals)
