"""What a plan says of itself, and of what the compiler made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ms_func.ir.function import Eqn
from ms_func.ir.notation import Rule
from ms_func.parallel.cost import Step, collective
from ms_func.parallel.graph import flops_of, talk_inside
from ms_func.parallel.hlo import Collective, collectives
from ms_func.parallel.search import forced
from ms_func.parallel.splits import Spec, Split

_MIB = 2**20


class Predicted(NamedTuple):
    """One collective of a plan.

    Attributes:
        kind: as in `cost.collective`.
        axes: names of the mesh axes it runs over.
        group: number of devices that take part together.
        wire: bytes that each device sends.
        eqn: equation that reads or makes the value.
    """

    kind: str
    axes: tuple[Any, ...]
    group: int
    wire: float
    eqn: Any


def predicted_collectives(plan: Any) -> list[Predicted]:
    """Collectives on all ways between layouts that the plan takes, shared ones once."""
    graph, found, seen = plan.graph, [], set()
    choices = plan.solution.choices
    for way in graph.ways:
        have, want = graph.ends(way)
        at, end = have[choices[way.source]], want[choices[way.target]]
        v, eqn = way.value, _place(graph, way)
        if graph.nodes[way.source].eqn is not None:
            seen.add((v, at))
        elif (v, end) in seen:
            continue
        width = graph.model.width(v.type)
        for step in graph.model.path(v.type.shape, width, at, end):
            key = (v, step.to)
            if step.kind != "slice" and key not in seen:
                found.append(_priced(plan, step, at, v.type.size * width, eqn, way.weight))
            seen.add(key)
            at = step.to
    return [*found, *_inside(plan)]


def _place(graph: Any, way: Any) -> Any:
    """Equation at the target of a way, else the one at its source."""
    for node in (way.target, way.source):
        if graph.nodes[node].eqn is not None:
            return graph.eqns[graph.nodes[node].eqn]
    return None


def _priced(plan: Any, step: Step, at: Spec, size: int, eqn: Any, weight: float) -> Predicted:
    """A step with the bytes it sends."""
    model = plan.graph.model
    n, link = model.group(step.axes)
    held = model.local_bytes(size, at)
    full = held * n if step.kind in ("all_gather", "all_to_all") else held
    wire = weight * collective(step.kind, n, full, link).wire
    return Predicted(step.kind, _names(plan, step.axes), n, wire, eqn)


def _inside(plan: Any) -> Iterator[Predicted]:
    """Collectives in the middle of equations."""
    graph = plan.graph
    for i, node in graph.eqn_node.items():
        eqn, split = graph.eqns[i], graph.nodes[node].choices[plan.solution.choices[node]]
        for kind, axes, price in talk_inside(graph.model, eqn, graph.rules[i], split):
            wire = graph.sheet.weights[i] * price.wire
            yield Predicted(kind, _names(plan, axes), graph.model.group(axes)[0], wire, eqn)


def _names(plan: Any, axes: Sequence[int]) -> tuple[Any, ...]:
    return tuple(plan.mesh.axis_names[a] for a in axes)


# --- the table ------------------------------------------------------------------------------


def table(plan: Any) -> str:
    """The plan as text: totals, layouts of arguments, and one row per distinct equation."""
    return "\n".join(
        [
            *_totals(plan),
            "",
            *_layout(_ARGUMENTS, _arguments(plan)),
            "",
            *_layout(_HEAD, _rows(plan)),
            "",
            "split: index notation of the operation, and by which mesh axes each index is cut; "
            "communication: of one such row,",
            "bytes that each device sends in one run",
        ]
    )


def _totals(plan: Any) -> list[str]:
    graph, solution = plan.graph, plan.solution
    axes = " x ".join(f"{n}={s}" for n, s in plan.mesh.shape_tuple)
    kinds: Counter[str] = Counter()
    for c in plan.collectives:
        kinds[f"{c.kind.replace('_', '-')} over {','.join(map(str, c.axes))}"] += c.wire  # type: ignore[assignment]
    choices = sum(len(n.choices) for n in graph.nodes)
    proof = "optimal" if solution.exact else f"within {_gap(solution):.1%} of the optimum"
    peak, held = plan.peak_bytes, _state(plan)
    return [
        f"Plan of `{plan.fn.name}` on {axes} ({plan.mesh.size} devices), objective "
        f"{plan.options.objective}",
        f"  sends   {_bytes(plan.wire_bytes)} per device and run",
        *(f"          {_bytes(b)}  {kind}" for kind, b in kinds.most_common()),
        f"  works   {plan.redundancy:.3f} times the ideal share of each device",
        *_seconds(plan),
        f"  holds   about {_bytes(peak)} per device at most: {_bytes(held)} arguments, the rest "
        "estimated",
        f"  search  {plan.seconds:.2f} s, {proof}; {choices} choices at {len(graph.nodes)} nodes, "
        f"{graph.dropped} left out because they leave devices idle",
    ]


def _seconds(plan: Any) -> list[str]:
    """Predicted time, where that is what was minimised."""
    if plan.options.objective != "time":
        return []
    pairs = list(zip(plan.graph.nodes, plan.solution.choices, strict=True))
    work = sum(float(n.work[c]) for n, c in pairs)
    whole = plan.graph.problem().price(plan.solution.choices)
    return [
        f"  takes   {whole * 1e3:.3f} ms by the rates of the kind of device: {work * 1e3:.3f} ms "
        f"work, {(whole - work) * 1e3:.3f} ms communication"
    ]


def _bytes(size: float) -> str:
    """A number of bytes in the unit that suits it."""
    for unit, name in ((2**30, "GiB"), (_MIB, "MiB"), (2**10, "KiB")):
        if size >= 0.5 * unit:
            return f"{size / unit:.2f} {name}"
    return f"{size:.0f} B"


_ARGUMENTS = ("argument", "type", "layout", "each device")


def _arguments(plan: Any) -> list[tuple[str, ...]]:
    """One row per type and layout of parameters."""
    params = plan.fn.params
    names = [f"captured {k}" for k in range(len(params) - len(plan.names))] + list(plan.names)
    places: dict[tuple[str, ...], list[str]] = {}
    for name, v, s in zip(names, params, plan.in_shardings, strict=True):
        held = plan.graph.model.local_bytes(v.type.nbytes, plan.spec(v))
        places.setdefault((str(v.type), str(s.spec), _bytes(held)), []).append(name)
    return [(_listed(found), *row) for row, found in places.items()]


def _listed(names: Sequence[str]) -> str:
    """The first names, and how many there are."""
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown}, ... ({len(names)})"


def _gap(solution: Any) -> float:
    return 1 - solution.bound / solution.price if solution.price else 0.0


def _state(plan: Any) -> float:
    model = plan.graph.model
    return sum(model.local_bytes(v.type.nbytes, plan.spec(v)) for v in plan.fn.params)


_HEAD = ("line", "operation", "result", "work", "split", "communication")


def _rows(plan: Any) -> list[tuple[str, ...]]:
    """One row per distinct equation that has a choice, with how often it occurs."""
    graph = plan.graph
    talk: dict[int, list[Predicted]] = {}
    for c in plan.collectives:
        if c.eqn is not None:
            talk.setdefault(id(c.eqn), []).append(c)
    rows: Counter[tuple[str, ...]] = Counter()
    for i, node in graph.eqn_node.items():
        eqn = graph.eqns[i]
        split = graph.nodes[node].choices[plan.solution.choices[node]]
        share = _share(graph, i)
        sent = talk.get(id(eqn), [])
        if share < 0.005 and not sent:
            continue
        text = "; ".join(
            f"{c.kind.replace('_', '-')}@{','.join(map(str, c.axes))} {_bytes(c.wire)}"
            for c in sent
        )
        rows[
            (
                _line(eqn), eqn.primitive.name, _result(eqn), f"{share:.1%}",
                _cut(plan, graph.rules[i], split), text or "-",
            )
        ] += 1  # fmt: skip
    return [(*row[:1], f"{row[1]} x{n}" if n > 1 else row[1], *row[2:]) for row, n in rows.items()]


def _result(eqn: Any) -> str:
    """Type of the first result; an application made for its effect may have none."""
    return str(eqn.outputs[0].type) if eqn.outputs else "-"


def _share(graph: Any, i: int) -> float:
    return graph.sheet.weights[i] * flops_of(graph.eqns[i]) / max(graph.flops, 1.0)


def _line(eqn: Eqn) -> str:
    return "-" if eqn.loc is None else f"{eqn.loc.file.rpartition('/')[2]}:{eqn.loc.line}"


def _cut(plan: Any, rule: Rule, split: Split) -> str:
    """Index notation with the mesh axes that cut each index."""
    names = plan.mesh.axis_names
    cuts = [
        f"{rule.names[f]}@{','.join(str(names[a]) for a in axes)}"
        for f, axes in enumerate(split.cuts)
        if axes
    ]
    notation = str(rule).partition(";")[0]
    return f"{notation}: {' '.join(cuts) or 'whole'}"


def _layout(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows in columns."""
    every = [head, *rows]
    widths = [max(len(r[k]) for r in every) for k in range(len(head))]
    return ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in every]


# --- alternatives -------------------------------------------------------------------------------


def explain(plan: Any, what: str, count: int) -> str:
    """For matching equations: the choice taken, and the price of the plan with others.

    Raises:
        ValueError: no equation with a choice matches.
    """
    graph = plan.graph
    places = [i for i in graph.eqn_node if _matches(graph.eqns[i], what)]
    if not places:
        raise ValueError(f"no operation or source line of the plan contains {what!r}")
    problem = graph.problem()
    lines: list[str] = []
    for i in places[:count]:
        node, eqn = graph.eqn_node[i], graph.eqns[i]
        taken = plan.solution.choices[node]
        prices = [
            (problem.price(plan.solution.choices) if c == taken else forced(problem, node, c), c)
            for c in range(len(graph.nodes[node].choices))
        ]
        best = min(p for p, _ in prices)
        lines.append(f"{_line(eqn)}  {eqn.primitive.name} -> {_result(eqn)}")
        for price, c in sorted(prices)[:count]:
            cut = _cut(plan, graph.rules[i], graph.nodes[node].choices[c]).rpartition(": ")[2]
            mark = "*" if c == taken else " "
            lines.append(
                f"  {mark} {cut:24s} {_amount(plan, price)} (+{_amount(plan, price - best)})"
            )
    return "\n".join(lines)


def _matches(eqn: Eqn, what: str) -> bool:
    source = "" if eqn.loc is None else eqn.loc.excerpt()
    return what == eqn.primitive.name or bool(source and what in source.partition("\n")[0])


def _amount(plan: Any, price: float) -> str:
    """A price in the unit of the objective."""
    if plan.options.objective == "time":
        return f"{price * 1e3:.3f} ms"
    return f"{price / _MIB:.3f} MiB"


# --- verification ---------------------------------------------------------------------------


class Verification(NamedTuple):
    """Predicted beside compiled traffic and memory.

    Attributes:
        predicted: bytes that each device sends, as planned.
        compiled: the same, as compiled.
        found: the collectives of the compiled program.
        peak: bytes that each device holds at most, as planned.
        allocated: the same, as compiled; None where that is known from a text only.
    """

    predicted: float
    compiled: float
    found: tuple[Collective, ...]
    peak: float
    allocated: float | None

    @property
    def surplus(self) -> float:
        """How much more the compiled program sends, as a fraction of the prediction."""
        return (self.compiled - self.predicted) / max(self.predicted, 1.0)

    def __str__(self) -> str:
        kinds: Counter[tuple[str, int]] = Counter()
        for c in self.found:
            kinds[c.kind, c.group] += c.wire  # type: ignore[assignment]
        return "\n".join(
            [
                f"predicted {self.predicted / _MIB:.3f} MiB, compiled {self.compiled / _MIB:.3f} "
                "MiB per device and run",
                *(f"  {b / _MIB:.3f} MiB  {k} over {n}" for (k, n), b in kinds.most_common()),
                *self._memory(),
            ]
        )

    def _memory(self) -> list[str]:
        if self.allocated is None:
            return []
        return [
            f"holds: predicted {self.peak / _MIB:.3f} MiB, compiled {self.allocated / _MIB:.3f} "
            "MiB per device at most"
        ]


def verify(plan: Any, compiled: Any) -> Verification:
    """Compare a plan with a compiled program.

    Args:
        plan: the plan.
        compiled: result of `lower(...).compile()`, or the text of the optimised program.
    """
    text, allocated = compiled, None
    if not isinstance(compiled, str):
        text, seen = compiled.as_text(), compiled.memory_analysis()
        results = seen.output_size_in_bytes - seen.alias_size_in_bytes
        allocated = seen.argument_size_in_bytes + results + seen.temp_size_in_bytes
    found = tuple(collectives(text, plan.mesh.size))
    sent = sum(c.wire for c in found)
    return Verification(plan.wire_bytes, sent, found, plan.peak_bytes, allocated)
