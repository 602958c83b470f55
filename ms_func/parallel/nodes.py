"""From a program to its graph of choices: which values share a layout, and what may be chosen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from ms_func.errors import ShardingError
from ms_func.ir.function import Eqn, Function, Literal, Var
from ms_func.ir.notation import Rule, rule_of, whole_rule
from ms_func.ir.primitive import ELEMENTWISE, UNFOLDED, NotSupported, Primitive
from ms_func.ir.sharding import UNCONSTRAINED, PartitionSpec, entry_axes
from ms_func.parallel.cost import Model
from ms_func.parallel.graph import Graph, Node, Way, flops_of, talk_inside
from ms_func.parallel.open_sums import open_sums
from ms_func.parallel.splits import Spec, Split, legal_specs, legal_splits
from ms_func.parallel.unfold import unfold

REDUNDANCY = 1.25
"""A plan may compute this many times the ideal work per device."""


def build_graph(
    fn: Function,
    model: Model,
    axis_names: Sequence[Any],
    *,
    ties: Sequence[tuple[int, int]] = (),
    pins_in: Mapping[int, PartitionSpec] | None = None,
    pins_out: Mapping[int, PartitionSpec] | None = None,
    redundancy: float = REDUNDANCY,
) -> Graph:
    """Graph of a program.

    Args:
        fn: program, calls inlined.
        model: prices on the mesh.
        axis_names: names of the mesh axes, for pins.
        ties: pairs (parameter, result) that must keep one layout, such as donated state.
        pins_in: wanted spec by parameter; pins_out: by result.
        redundancy: how many times the ideal work per device may be done; equations that alone
            would take it beyond that must use every device.
    """
    return _Builder(fn, model, tuple(axis_names), redundancy).build(
        ties, dict(pins_in or {}), dict(pins_out or {})
    )


class _Builder:
    """Builds one graph."""

    def __init__(
        self, fn: Function, model: Model, names: tuple[Any, ...], redundancy: float
    ) -> None:
        self.sheet = unfold(fn)
        self.model, self.names, self.redundancy = model, names, redundancy
        self.fn, self.eqns = self.sheet.fn, self.sheet.eqns
        self.graph = Graph(self.sheet, model)
        self.root: dict[Var, Var] = {}
        self.fixed: set[Var] = set()
        self.joined: set[int] = set()
        self.splits: dict[Any, list[Split]] = {}
        self.specs: dict[Any, list[Spec]] = {}
        self.open_eqns, self.open_values = open_sums(self.sheet)
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
        """Operations and bytes of the elementwise equations of each class.

        The compiler fuses them: values between two of them are neither written nor read, others
        count once.
        """
        inner = self._fused()
        work: dict[Var, float] = {}
        moved: dict[Var, dict[Var, float]] = {}
        for i in self.joined:
            eqn, weight = self.eqns[i], self.sheet.weights[i]
            root = self.find(eqn.outputs[0])
            work[root] = work.get(root, 0.0) + weight * flops_of(eqn)
            ends = moved.setdefault(root, {})
            for a in (*eqn.inputs, *eqn.outputs):
                if type(a) is Var and a not in inner:
                    ends[a] = max(weight, ends.get(a, 0.0))
        return {
            root: (flops, sum(w * a.type.nbytes for a, w in moved[root].items()))
            for root, flops in work.items()
        }

    def _fused(self) -> set[Var]:
        """Values that elementwise equations make for each other alone."""
        made = {v for i in self.joined for v in self.eqns[i].outputs}
        others = (e for i, e in enumerate(self.eqns) if i not in self.joined)
        read = {a for e in others for a in e.inputs}
        carried = {w for _, w in self.sheet.carries}
        return made - read - carried - set(self.fn.results)

    def _specs(self, members: Sequence[Var]) -> list[Spec]:
        """Layouts of a class: all legal ones, and sums left open."""
        is_open = all(v in self.open_values for v in members)
        return self._layouts(members[0].type.shape, is_open)

    def _layouts(self, shape: tuple[int, ...], is_open: bool) -> list[Spec]:
        """Layouts of a shape; the same list for equal questions."""
        key = (shape, is_open)
        if key not in self.specs:
            specs = legal_specs(shape, self.model.axes)
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
        work = self._work()
        spare = self._spare(sorted(work.values()))
        for i, done in work.items():
            eqn, weight, flops = self.eqns[i], self.sheet.weights[i], done
            rule, heavy = _rule(eqn), flops > spare
            bits = not self.model.profile.bitwise and any(
                v.type.dtype.kind in "iu" for v in eqn.outputs[:1]
            )
            splits = self._splits(rule, i in self.open_eqns, heavy, bits)
            moved = sum(a.type.nbytes for a in eqn.inputs) + sum(v.type.nbytes for v in eqn.outputs)
            moved = weight * moved if flops else 0.0
            work = [self.model.compute(flops, moved, s.parts) for s in splits]
            talk = [weight * self._talk(eqn, rule, s) for s in splits]
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

    def _work(self) -> dict[int, float]:
        """Operations of each equation that has choices of its own."""
        return {
            i: weight * flops_of(eqn)
            for i, (eqn, weight) in enumerate(zip(self.eqns, self.sheet.weights, strict=True))
            if not (i in self.joined or i in self.sheet.opened or _is_constraint(eqn))
        }

    def _spare(self, work: Sequence[float]) -> float:
        """Operations up to which equations may be computed by every device.

        All of that size together must not take more than what may be computed twice; a deep
        network has many equal ones.
        """
        others = math.prod(self.model.axes) - 1
        room = (self.redundancy - 1) * self.graph.flops / max(1, others)
        total, found = np.cumsum(work), 0.0
        for k, flops in enumerate(work):
            last = k + 1 == len(work) or work[k + 1] > flops
            if last and total[k] <= room:
                found = flops
        return found

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

    def _talk(self, eqn: Eqn, rule: Rule, s: Split) -> float:
        """Price of what devices tell each other in the middle of an equation."""
        return sum(self.model.scalar(t.price) for t in talk_inside(self.model, eqn, rule, s))

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
        if len({i for i, _ in plain}) > 1:
            specs = self._layouts(v.type.shape, False)
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


def reduces_bits(rule: Rule, split: Split) -> bool:
    """Whether a split needs a bitwise reduction across devices."""
    return any(
        cut and kind in ("and", "or", "xor")
        for cut, kind in zip(split.cuts, rule.kinds, strict=True)
    )


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
