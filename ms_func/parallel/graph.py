"""A program as a graph of choices: layouts of values, splits of equations, prices between.

Values that elementwise equations connect share one node, because one layout serves them all:
a weight, its gradient and its moments; the activations between two products. Every other
equation is a node whose choices are its legal splits. An edge joins a value to an equation
that uses or makes it and holds the price of changing layout; sums that an equation leaves
open are finished there. Bodies of loops and branches are part of the graph, with prices
times how often they run. A value that several equations read has a second node, the copy
they read, so that a change of layout they share is paid once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ms_func.errors import ShardingError
from ms_func.ir.function import Eqn, Function, Literal, Var
from ms_func.ir.primitive import ELEMENTWISE, UNFOLDED, NotSupported, Primitive
from ms_func.ir.sharding import UNCONSTRAINED, PartitionSpec, entry_axes
from ms_func.parallel.cost import Model
from ms_func.parallel.search import Problem
from ms_func.parallel.shard_rules import (
    Rule,
    Spec,
    Split,
    legal_specs,
    legal_splits,
    local_extent,
    rule_of,
    whole_rule,
)
from ms_func.parallel.unfold import Sheet, unfold

SMALL = 4096
"""Values of fewer bytes stay whole: cutting them saves nothing and costs a message."""
HEAVY = 0.01
"""Equations with more than this share of the work must use every device, and products and
convolutions already with a hundredth of that: a deep network has many equal ones."""
PRODUCTS = ("dot_general", "conv_general_dilated")
ADDING = ("add", "sub")
"""Elementwise operations through which sums may stay open: both operands are open."""
SUMMING = ("dot_general", "reduce_sum", "conv_general_dilated", "scatter_add")
"""Operations whose sums the partitioner was seen to leave open when told to."""
PASSING = ("transpose", "reshape", "neg")
"""Operations of one operand through which a sum may stay open."""


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
        found = Problem([n.talk + work * n.work for n in self.nodes])
        for way in self.ways:
            found.add_edge(way.source, way.target, self._matrix(way))
        return found

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
        key = (t.shape, t.dtype.itemsize, id(a.choices), k, id(b.choices), *way[3:])
        found = self._tables.get(key)
        if found is None:
            found = self._tables[key] = way.weight * self._prices(way.value, *self.ends(way))
        return found

    def _prices(self, value: Var, have: Sequence[Spec], want: Sequence[Spec]) -> np.ndarray:
        """Prices between layouts, worked out once for equal ones."""
        rows, cols = list(dict.fromkeys(have)), list(dict.fromkeys(want))
        table = self.model.matrix(value.type.shape, value.type.dtype.itemsize, rows, cols)
        i, j = {s: k for k, s in enumerate(rows)}, {s: k for k, s in enumerate(cols)}
        return table[np.ix_([i[s] for s in have], [j[s] for s in want])]


def build_graph(
    fn: Function,
    model: Model,
    axis_names: Sequence[Any],
    *,
    ties: Sequence[tuple[int, int]] = (),
    pins_in: Mapping[int, PartitionSpec] | None = None,
    pins_out: Mapping[int, PartitionSpec] | None = None,
    small: int | None = None,
    heavy: float = HEAVY,
) -> Graph:
    """Graph of a program.

    Args:
        fn: program, calls inlined.
        model: prices on the mesh.
        axis_names: names of the mesh axes, for pins.
        ties: pairs (parameter, result) that must keep one layout, such as donated state.
        pins_in: wanted spec by parameter; pins_out: by result.
        small: values of fewer bytes stay whole; `SMALL` if None.
        heavy: share of the work from which an equation must use every device.
    """
    small = SMALL if small is None else small
    return _Builder(fn, model, tuple(axis_names), small, heavy).build(
        ties, dict(pins_in or {}), dict(pins_out or {})
    )


class _Builder:
    """Builds one graph."""

    def __init__(
        self, fn: Function, model: Model, names: tuple[Any, ...], small: int, heavy: float
    ) -> None:
        self.sheet = unfold(fn)
        self.model, self.names, self.small, self.heavy = model, names, small, heavy
        self.fn, self.eqns = self.sheet.fn, self.sheet.eqns
        self.graph = Graph(self.sheet, model)
        self.root: dict[Var, Var] = {}
        self.fixed: set[Var] = set()
        self.joined: set[int] = set()
        self.splits: dict[Any, list[Split]] = {}
        self.specs: dict[Any, list[Spec]] = {}
        self.open_eqns, self.open_values = open_sums(self.eqns)
        self.graph.open_eqns = self.open_eqns

    def build(
        self,
        ties: Sequence[tuple[int, int]],
        pins_in: dict[int, PartitionSpec],
        pins_out: dict[int, PartitionSpec],
    ) -> Graph:
        graph = self.graph
        graph.flops = sum(
            w * flops_of(e)
            for i, (e, w) in enumerate(zip(self.eqns, self.sheet.weights, strict=True))
            if i not in self.sheet.opened
        )
        self.fixed = {self.fn.params[i] for i in pins_in}
        self.fixed |= {e.outputs[0] for e in self.eqns if _is_constraint(e)}
        self._join(ties, pins_out)
        self._value_nodes(pins_in)
        self._equation_nodes()
        self._copies_and_ways()
        self._bridges()
        self._pin_results(pins_out)
        return graph

    # --- classes of values ----------------------------------------------------------------

    def find(self, v: Var) -> Var:
        """Representative of the class of a value."""
        path = []
        while (up := self.root.get(v, v)) is not v:
            path.append(v)
            v = up
        for p in path:
            self.root[p] = v
        return v

    def _unite(self, v: Any, w: Any) -> None:
        a, b = self.find(v), self.find(w)
        if a is not b:
            self.root[b] = a

    def _join(self, ties: Sequence[tuple[int, int]], pins_out: Mapping[int, Any]) -> None:
        """Unite what elementwise equations and ties connect."""
        for i, eqn in enumerate(self.eqns):
            if i in self.open_eqns or not _is_elementwise(eqn):
                continue
            self.joined.add(i)
            for a in eqn.inputs:
                if _is_full(a, eqn) and a not in self.fixed:
                    self._unite(eqn.outputs[0], a)
            for v in eqn.outputs[1:]:
                self._unite(eqn.outputs[0], v)
        for i, j in ties:
            v, w = self.fn.params[i], self.fn.results[j]
            if type(w) is not Var or j in pins_out or {v, w} & self.fixed:
                continue
            if v.type.shape == w.type.shape:
                self._unite(v, w)
        for v, w in self.sheet.carries:
            if type(w) is Var and w not in self.fixed:
                self._unite(v, w)

    def _value_nodes(self, pins_in: Mapping[int, PartitionSpec]) -> None:
        classes: dict[Var, list[Var]] = {}
        everything = [
            *self.fn.params, *self.sheet.params, *(v for e in self.eqns for v in e.outputs)
        ]  # fmt: skip
        for v in everything:
            classes.setdefault(self.find(v), []).append(v)
        pinned = {self.fn.params[i]: spec for i, spec in pins_in.items()}
        pinned |= {e.outputs[0]: _constraint_spec(e) for e in self.eqns if _is_constraint(e)}
        work = self._class_work()
        for root, members in classes.items():
            specs = self._specs(members)
            if root in pinned:
                specs = self._allowed(root, pinned[root])
            parts = [self.model.pieces(s) for s in specs]
            flops, moved = work.get(root, (0.0, 0.0))
            prices = np.array([self.model.compute(flops, moved, n) for n in parts])
            node = Node("value", specs, members, None, prices, np.zeros(len(specs)))
            for v in members:
                self.graph.value_node[v] = len(self.graph.nodes)
            self.graph.nodes.append(node)

    def _class_work(self) -> dict[Var, tuple[float, float]]:
        """Operations and bytes of the elementwise equations of each class."""
        work: dict[Var, tuple[float, float]] = {}
        for i in self.joined:
            eqn, weight = self.eqns[i], self.sheet.weights[i]
            root = self.find(eqn.outputs[0])
            flops, moved = work.get(root, (0.0, 0.0))
            work[root] = (
                flops + weight * flops_of(eqn),
                moved + weight * eqn.outputs[0].type.nbytes,
            )
        return work

    def _specs(self, members: Sequence[Var]) -> list[Spec]:
        """Layouts of a class: whole if small, else all legal ones and sums left open."""
        small = max(v.type.nbytes for v in members) < max(self.small, 1)
        is_open = len(members) == 1 and members[0] in self.open_values
        return self._layouts(members[0].type.shape, small, is_open)

    def _layouts(self, shape: tuple[int, ...], small: bool, is_open: bool) -> list[Spec]:
        """Layouts of a shape; the same list for equal questions."""
        key = (shape, small, is_open)
        if key not in self.specs:
            specs = [Spec(((),) * len(shape))] if small else legal_specs(shape, self.model.axes)
            if is_open:
                specs = [w for s in specs for w in self._with_open(s)]
            self.specs[key] = specs
        return self.specs[key]

    def _with_open(self, s: Spec) -> list[Spec]:
        """A layout, and the same with sums open along axes it does not use."""
        used = {a for d in s.dims for a in d}
        free = [a for a, n in enumerate(self.model.axes) if n > 1 and a not in used]
        return [
            Spec(s.dims, tuple(a for a, on in zip(free, chosen, strict=True) if on))
            for chosen in product((False, True), repeat=len(free))
        ]

    def _allowed(self, v: Var, wanted: PartitionSpec) -> list[Spec]:
        """Layouts of a value that a pin permits; entries that are unconstrained are free."""
        shape, number = v.type.shape, {n: k for k, n in enumerate(self.names)}
        entries = [*wanted.partitions, *((None,) * (len(shape) - len(wanted)))]
        fixed: list[tuple[int, ...] | None] = [
            None if p is UNCONSTRAINED else tuple(number[a] for a in entry_axes(p)) for p in entries
        ]
        taken = {a for p in fixed if p is not None for a in p}
        for size, p in zip(shape, fixed, strict=True):
            if p and size % math.prod(self.model.axes[a] for a in p):
                raise ShardingError(
                    f"{wanted} cannot split an array of shape {shape}: {size} is not divisible by "
                    f"{math.prod(self.model.axes[a] for a in p)}"
                )
        loose = legal_specs(
            tuple(n if p is None else 0 for n, p in zip(shape, fixed, strict=True)), self.model.axes
        )
        found = []
        for s in loose:
            if not taken & {a for d in s.dims for a in d}:
                dims = tuple(d if p is None else p for d, p in zip(s.dims, fixed, strict=True))
                found.append(Spec(dims))
        return found

    # --- equations --------------------------------------------------------------------------

    def _equation_nodes(self) -> None:
        for i, eqn in enumerate(self.eqns):
            if i in self.joined or i in self.sheet.opened or _is_constraint(eqn):
                continue
            rule, weight = _rule(eqn), self.sheet.weights[i]
            flops = weight * flops_of(eqn)
            heavy = self._is_heavy(eqn, flops)
            bits = not self.model.profile.bitwise and any(
                v.type.dtype.kind in "iu" for v in eqn.outputs[:1]
            )
            splits = self._splits(rule, i in self.open_eqns, heavy, bits)
            moved = sum(a.type.nbytes for a in eqn.inputs) + sum(v.type.nbytes for v in eqn.outputs)
            moved = weight * moved if flops else 0.0
            work = [self.model.compute(flops, moved, s.parts) for s in splits]
            talk = [weight * self._finish(eqn, s) for s in splits]
            if rule.halos:
                talk = [
                    t + weight * self._halos(eqn, rule, s)
                    for t, s in zip(talk, splits, strict=True)
                ]
            self.graph.eqn_node[i] = len(self.graph.nodes)
            self.graph.rules[i] = rule
            self.graph.nodes.append(Node("equation", splits, [], i, np.array(work), np.array(talk)))

    def _open_splits(self, s: Split) -> list[Split]:
        """A split, and the same on open sums along axes it does not use."""
        found = []
        for spec in self._with_open(Spec(s.outs[0].dims)):
            ins = tuple(Spec(x.dims, spec.partial) for x in s.ins)
            found.append(s._replace(ins=ins, outs=(Spec(spec.dims, spec.partial),)))
        return found

    def _is_heavy(self, eqn: Eqn, flops: float) -> bool:
        """Whether an equation does so much work that it must use every device."""
        share = self.heavy / 100 if eqn.primitive.name in PRODUCTS else self.heavy
        return flops > 0 and flops >= share * self.graph.flops

    def _splits(self, rule: Rule, is_open: bool, is_heavy: bool, bits: bool) -> list[Split]:
        """Splits of a rule; the same list for equal questions.

        A heavy equation drops those that leave devices idle where others do not; `bits` drops
        those that need a bitwise reduction of integers.
        """
        key = (rule, is_open, is_heavy, bits)
        if key not in self.splits:
            splits = legal_splits(rule, self.model.axes)
            if bits:
                splits = [s for s in splits if not reduces_bits(rule, s)]
            if is_open:
                splits = [w for s in splits for w in self._open_splits(s)]
            if is_heavy:
                most = max(s.parts for s in splits)
                kept = [s for s in splits if s.parts == most]
                self.graph.dropped += len(splits) - len(kept)
                splits = kept
            self.splits[key] = splits
        return self.splits[key]

    def _finish(self, eqn: Eqn, s: Split) -> float:
        """Price of reductions other than sums, which are finished where they arise."""
        total = 0.0
        for v, spec, axes in zip(eqn.outputs, s.outs, s.finish, strict=True):
            if axes:
                held = self.model.local_bytes(v.type.nbytes, spec)
                total += self.model.scalar(self.model.all_reduce(held, axes))
        return total

    def _halos(self, eqn: Eqn, rule: Rule, s: Split) -> float:
        """Price of the borders that windows read from the neighbours."""
        return sum(
            self.model.scalar(self.model.permute(size, axes))
            for size, axes in borders(self.model, rule, s, eqn.inputs[0].type.nbytes)
        )

    # --- ways ---------------------------------------------------------------------------------

    def _copies_and_ways(self) -> None:
        readers: dict[Var, list[tuple[int, int]]] = {}
        nodes = self.graph.value_node
        for i, eqn in enumerate(self.eqns):
            weight = self.sheet.weights[i]
            if i in self.graph.eqn_node:
                for k, a in enumerate(eqn.inputs):
                    if type(a) is Var:
                        readers.setdefault(a, []).append((i, k))
                for v in eqn.outputs:
                    self._way(self.graph.eqn_node[i], nodes[v], v, weight=weight)
            elif _is_constraint(eqn):
                for a in eqn.inputs:
                    if type(a) is Var:
                        self._way(nodes[a], nodes[eqn.outputs[0]], a, weight=weight)
            elif i in self.joined:
                for a in eqn.inputs:  # pinned values are read in the layout of the result
                    if _is_full(a, eqn) and a in self.fixed:
                        self._way(nodes[a], nodes[eqn.outputs[0]], a, weight=weight)
        for v, places in readers.items():
            self._ways_to_readers(v, places)

    def _way(self, source: int, target: int, value: Any, **rest: Any) -> None:
        if source != target:
            self.graph.ways.append(Way(source, target, value, **rest))

    def _ways_to_readers(self, v: Var, places: Sequence[tuple[int, int]]) -> None:
        graph, source = self.graph, self.graph.value_node[v]
        plain = [p for p in places if p[0] not in self.open_eqns]
        weight = self.sheet.weights[places[0][0]]
        if len({i for i, _ in plain}) > 1 and v.type.nbytes >= self.small:
            specs = self._layouts(v.type.shape, False, False)
            node = Node("copy", specs, [v], None, np.zeros(len(specs)), np.zeros(len(specs)))
            graph.read_node[v] = len(graph.nodes)
            graph.nodes.append(node)
            self._way(source, graph.read_node[v], v, weight=weight)
        for i, k in places:
            start = graph.read_node.get(v, source) if i not in self.open_eqns else source
            self._way(start, graph.eqn_node[i], v, operand=k, weight=weight)

    def _bridges(self) -> None:
        """Values that enter and leave the bodies of loops and branches."""
        nodes = self.graph.value_node
        for b in self.sheet.bridges:
            value = b.target if b.lead == -1 else b.source
            self._way(nodes[b.source], nodes[b.target], value, lead=b.lead, weight=b.weight)
        inner = {
            v: w for e, w in zip(self.eqns, self.sheet.weights, strict=True) for v in e.outputs
        }
        for v, w in self.sheet.carries:
            if type(w) is Var:
                self._way(nodes[w], nodes[v], w, weight=inner.get(w, 1.0))

    def _pin_results(self, pins_out: Mapping[int, PartitionSpec]) -> None:
        for j, wanted in pins_out.items():
            v = self.fn.results[j]
            if type(v) is not Var:
                continue
            specs = self._allowed(v, wanted)
            self.graph.pinned_out[j] = len(self.graph.nodes)
            self.graph.nodes.append(
                Node("value", specs, [v], None, np.zeros(len(specs)), np.zeros(len(specs)))
            )
            self._way(self.graph.value_node[v], self.graph.pinned_out[j], v)


def borders(
    model: Model, rule: Rule, s: Split, size: int
) -> Iterator[tuple[float, tuple[int, ...]]]:
    """Bytes that a device reads from each neighbour, and along which axes.

    Args:
        model: prices on a mesh.
        rule: rule of the equation.
        s: how it is split.
        size: bytes of its first operand.
    """
    for f, halo in rule.halos:
        if axes := s.cuts[f]:
            extent = local_extent(rule, f, model.group(axes)[0])
            each = model.local_bytes(size, s.ins[0]) / extent
            yield from ((count * each, axes) for count in halo if count)


def reduces_bits(rule: Rule, split: Split) -> bool:
    """Whether a split needs a bitwise reduction across devices."""
    return any(
        cut and kind in ("and", "or", "xor")
        for cut, kind in zip(split.cuts, rule.kinds, strict=True)
    )


def open_sums(all_eqns: Sequence[Eqn]) -> tuple[set[int], set[Var]]:
    """Equations that may work on open sums, and the values between them.

    A sum is worth leaving open only on the way to an addition of two of them: the three
    gradients behind a query, a key and a value are added before one reduction.
    """
    makes: dict[Var, int] = {}
    summed: set[Var] = set()
    adds: set[int] = set()
    for i, eqn in enumerate(all_eqns):
        name, operands = eqn.primitive.name, eqn.inputs
        makes.update(dict.fromkeys(eqn.outputs, i))
        if name in ADDING:
            if all(type(a) is Var and a in summed for a in operands) and (
                operands[0].type.shape == operands[1].type.shape
            ):
                adds.add(i)
                summed.update(eqn.outputs)
        elif (name in PASSING and operands[0] in summed) or _leaves_sum(eqn):
            summed.update(eqn.outputs)
    eqns, values, todo = set(adds), set(), [a for i in adds for a in all_eqns[i].inputs]
    while todo:
        v = todo.pop()
        if v in values:
            continue
        values.add(v)
        i = makes[v]  # type: ignore[index]
        if all_eqns[i].primitive.name in PASSING and i not in eqns:
            eqns.add(i)
            todo.extend(all_eqns[i].inputs)
    values.update(v for i in adds for v in all_eqns[i].outputs)
    return eqns, values


def _leaves_sum(eqn: Eqn) -> bool:
    if eqn.primitive.name not in SUMMING:
        return False
    rule = rule_of(eqn)
    have = {f for d in rule.outs[0] for f in d}
    return any(k == "sum" and f not in have and rule.sizes[f] > 1 for f, k in enumerate(rule.kinds))


def _rule(eqn: Eqn) -> Rule:
    """Rule of an equation; what cannot be split, and bodies of loops, are kept whole."""
    primitive: Primitive = eqn.primitive
    if primitive.shard is UNFOLDED or type(primitive.shard) is NotSupported:
        return whole_rule([a.type for a in eqn.inputs], [v.type for v in eqn.outputs])
    return rule_of(eqn)


def _is_elementwise(eqn: Eqn) -> bool:
    return eqn.primitive.shard is ELEMENTWISE and not _is_constraint(eqn)


def _is_constraint(eqn: Eqn) -> bool:
    return eqn.primitive.name == "sharding_constraint"


def _constraint_spec(eqn: Eqn) -> PartitionSpec:
    return eqn.params["sharding"].spec


def _is_full(atom: Any, eqn: Eqn) -> bool:
    """Whether an operand has the shape of the result, not that of a scalar beside it."""
    return type(atom) is not Literal and atom.type.shape == eqn.outputs[0].type.shape


def flops_of(eqn: Eqn) -> float:
    """Operations of one equation; a transcendental function counts as ten."""
    ins, outs = [a.type for a in eqn.inputs], [v.type for v in eqn.outputs]
    cost = eqn.primitive.cost(ins, outs, **eqn.params)
    return float(cost.flops + 10 * cost.transcendentals)
