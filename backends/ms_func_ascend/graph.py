"""Graphs of Ascend operators. Every node is checked against its prototype when it is made.

A graph lists its nodes in an order in which they can run. `Data` nodes stand for the
arguments, `Const` nodes for constants; the results are tensors of the graph. Nodes of
control flow own their sub-graphs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ms_func_ascend.prototypes import Attribute, Port, Prototype, lookup, version

_FOREIGN = re.compile(r"[^0-9A-Za-z_./-]")


class GraphError(ValueError):
    """A node or a graph breaks a rule of the operator prototypes or of the file format."""


class Tensor:
    """One output of a node: its shape and dtype are known; `readers` are nodes that it feeds."""

    __slots__ = ("dtype", "index", "node", "readers", "shape")

    def __init__(self, node: Node, index: int, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.node, self.index, self.shape, self.dtype = node, index, shape, dtype
        self.readers: dict[Node, None] = {}

    @property
    def value(self) -> np.ndarray | None:
        """Elements, where they are constant."""
        return self.node.attrs["value"] if self.node.op == "Const" else None

    @property
    def number(self) -> float | None:
        """The only element, where it is constant."""
        value = self.value
        return None if value is None or value.size != 1 else float(value.reshape(-1)[0])

    @property
    def edge(self) -> str:
        """How a file refers to it: `node:index`."""
        return f"{self.node.name}:{self.index}"

    def __repr__(self) -> str:
        return f"{self.edge} {self.dtype.name}{list(self.shape)}"


class Node:
    """One use of an operator.

    Attributes:
        name: unique in its graph.
        op: name of the operator.
        inputs: tensor per input slot; None where an optional port is not fed.
        input_names: port name per slot (`x0`, `x1`, ... for a dynamic port).
        attrs: attribute values; those left out have the prototype's default. Dtypes stand
            for `Type` attributes, arrays for tensors.
        outputs: the tensors it makes.
        output_names: port name per output.
        graphs: sub-graphs in the prototype's order.
        layouts: layout of ports that are not plain (`ND`).
        source: line of the user's program, for messages.
        after: node that runs before this one although nothing of it is read.
        ranks: devices that run a collective operator together; empty for others.
    """

    __slots__ = ("after", "attrs", "graphs", "input_names", "inputs", "layouts", "name", "op",
                 "output_names", "outputs", "ranks", "source")  # fmt: skip

    def __init__(
        self,
        name: str,
        op: str,
        inputs: Sequence[Tensor | None],
        input_names: Sequence[str],
        attrs: dict[str, Any],
        outputs: Sequence[tuple[tuple[int, ...], np.dtype]],
        output_names: Sequence[str],
        graphs: Sequence[Graph] = (),
        layouts: dict[str, str] | None = None,
        source: str = "",
    ) -> None:
        self.name, self.op, self.source = name, op, source
        self.inputs, self.input_names = list(inputs), list(input_names)
        for t in self.inputs:
            if t is not None:
                t.readers[self] = None
        self.attrs, self.graphs, self.layouts = attrs, list(graphs), layouts or {}
        self.outputs = [Tensor(self, k, s, d) for k, (s, d) in enumerate(outputs)]
        self.output_names = list(output_names)
        self.after: Node | None = None
        self.ranks: tuple[int, ...] = ()

    def feed(self, k: int, t: Tensor) -> None:
        """Let input `k` read `t`."""
        old, self.inputs[k] = self.inputs[k], t
        if old is not None and all(x is not old for x in self.inputs):
            old.readers.pop(self, None)
        t.readers[self] = None

    def attr(self, name: str) -> Any:
        """Value of an attribute, the prototype's default where it is not given."""
        if name in self.attrs:
            return self.attrs[name]
        prototype = lookup(self.op)
        if prototype is None or name not in prototype.attributes:
            raise GraphError(f"{self.op} has no attribute {name!r}")
        return prototype.attributes[name].default

    def before(self) -> list[Node]:
        """Nodes that must run before this one."""
        read = [t.node for t in self.inputs if t is not None]
        return read if self.after is None else [*read, self.after]

    def communicates(self) -> bool:
        """Whether it, or a node of its sub-graphs, exchanges values with other devices."""
        return bool(self.ranks) or any(n.communicates() for g in self.graphs for n in g.nodes)

    def permutation(self) -> list[int] | None:
        """How a transpose orders dimensions; None for other operators."""
        order = self.inputs[1] if self.op == "Transpose" else None
        return None if order is None or order.value is None else order.value.tolist()

    def multiple(self) -> tuple[Tensor | None, float]:
        """What is multiplied with a number, and the number; None for what no number scales."""
        if self.op not in ("Mul", "RealDiv"):
            return None, 1.0
        x, y = self.inputs
        for one, other in ((x, y), (y, x)) if self.op == "Mul" else ((x, y),):
            number = None if other is None else other.number
            if number is not None and (number or self.op == "Mul"):
                return one, number if self.op == "Mul" else 1 / number
        return None, 1.0

    def __repr__(self) -> str:
        return f"<{self.op} {self.name}>"


class Graph:
    """A graph under construction or read from a file.

    Args:
        name: unique among the graphs of a file.
        target: oldest version of the operator headers the graph must fit, such as `v1.3.0`.

    Attributes:
        last: collective operator that the graph ends after, whoever reads its result.
    """

    def __init__(self, name: str, target: str = "latest") -> None:
        self.name, self.target = name, target
        self.nodes: list[Node] = []
        self.data: list[Node] = []
        self.results: list[Tensor] = []
        self.last: Node | None = None
        self._names: dict[str, int] = {}  # and the last number behind each

    def add(
        self,
        op: str,
        inputs: Sequence[Any],
        outputs: Sequence[tuple[Sequence[int], np.dtype]],
        attrs: dict[str, Any] | None = None,
        *,
        graphs: Sequence[Graph] = (),
        layouts: dict[str, str] | None = None,
        source: str = "",
        name: str | None = None,
    ) -> Node:
        """Append a node.

        Args:
            op: the operator.
            inputs: one entry per port in the prototype's order: a tensor, None for an
                optional port, a list of tensors for a dynamic port. Trailing optional ports
                may be left out.
            outputs: shape and dtype of every output.
            attrs: attributes; those equal to their default are dropped.
            graphs: sub-graphs of control flow.
            layouts: layouts of ports that are not `ND`.
            source: line of the user's program.
            name: name of the node; made up from the operator when absent.

        Raises:
            GraphError: the node does not fit the prototype.
        """
        prototype = _prototype(op)
        fed, names = _slots(prototype, inputs)
        typed = [(tuple(int(d) for d in shape), np.dtype(dtype)) for shape, dtype in outputs]
        node = Node(
            self.fresh(name or op), op, fed, names, _given(prototype, attrs or {}), typed,
            _output_names(prototype, len(typed)), graphs, layouts, source,
        )  # fmt: skip
        check_node(node, self.target)
        self.nodes.append(node)
        if op == "Data":
            self.data.append(node)
        return node

    def fresh(self, stem: str) -> str:
        """A node name that the graph does not have yet, after `stem`."""
        cleaned = _FOREIGN.sub("_", stem) or "node"
        candidate = cleaned
        while candidate in self._names:
            self._names[cleaned] += 1
            candidate = f"{cleaned}_{self._names[cleaned]}"
        self._names[candidate] = 0
        return candidate

    def parameter(self, shape: Sequence[int], dtype: np.dtype, name: str | None = None) -> Tensor:
        """Append the `Data` node of the next argument and return its tensor."""
        index = len(self.data)
        node = self.add("Data", [None], [(shape, dtype)], {"index": index},
                        name=name or f"arg{index}")  # fmt: skip
        return node.outputs[0]

    def constant(self, value: np.ndarray, name: str = "Const") -> Tensor:
        """Append a `Const` node and return its tensor."""
        value = np.asarray(value)
        node = self.add("Const", [], [(value.shape, value.dtype)], {"value": value}, name=name)
        return node.outputs[0]

    def redirect(self, old: Tensor, new: Tensor) -> None:
        """Let whoever reads `old` read `new`."""
        for node in old.readers:
            node.inputs = [new if t is old else t for t in node.inputs]
        new.readers |= old.readers
        old.readers = {}
        self.results = [new if t is old else t for t in self.results]

    def chain(self) -> None:
        """Let each collective wait for the one before it: all devices start them in one order."""
        for node in self.nodes:
            if node.communicates():
                node.after, self.last = self.last, node

    def prune(self) -> None:
        """Remove nodes that no result depends on; `Data` nodes and collectives stay.

        Other devices wait for a collective, also where this one has no use for its result.
        """
        wanted = {id(t.node) for t in self.results} | {id(n) for n in self.data}
        wanted |= {id(n) for n in self.nodes if n.communicates()}
        for node in reversed(self.nodes):
            if id(node) in wanted:
                wanted.update(id(n) for n in node.before())
        for node in self.nodes:
            if id(node) not in wanted:
                for t in node.inputs:
                    if t is not None:
                        t.readers.pop(node, None)
        self.nodes = [n for n in self.nodes if id(n) in wanted]

    def walk(self) -> Iterator[Graph]:
        """This graph, then every graph below it, each once, parents first."""
        yield self
        for node in self.nodes:
            for graph in node.graphs:
                yield from graph.walk()

    def count(self) -> dict[str, int]:
        """How often each operator occurs, sub-graphs included."""
        found: dict[str, int] = {}
        for graph in self.walk():
            for node in graph.nodes:
                found[node.op] = found.get(node.op, 0) + 1
        return found


def _prototype(op: str) -> Prototype:
    prototype = lookup(op)
    if prototype is None:
        raise GraphError(f"the prototype table has no operator {op!r}")
    return prototype


def _slots(prototype: Prototype, inputs: Sequence[Any]) -> tuple[list[Tensor | None], list[str]]:
    """Flatten the entries of `inputs` into slots with port names."""
    if len(inputs) > len(prototype.inputs):
        raise GraphError(f"{prototype.name} has {len(prototype.inputs)} inputs, {len(inputs)} fed")
    fed: list[Tensor | None] = []
    names: list[str] = []
    for k, port in enumerate(prototype.inputs):
        entry = inputs[k] if k < len(inputs) else None
        if prototype.name == "Data":
            continue
        if port.kind == "dynamic":
            tensors = list(entry or ())
            fed += tensors
            names += [f"{port.name}{i}" for i in range(len(tensors))]
        else:
            fed.append(entry)
            names.append(port.name)
    return fed, names


def _output_names(prototype: Prototype, count: int) -> list[str]:
    ports = prototype.outputs
    if len(ports) == 1 and ports[0].kind == "dynamic":
        return [f"{ports[0].name}{k}" for k in range(count)]
    return [port.name for port in ports]


ALWAYS_WRITTEN = {("Data", "index"), ("ConcatV2", "N"), ("Pack", "N")}
"""Optional attributes that loaders need although they have a default."""


def _given(prototype: Prototype, attrs: dict[str, Any]) -> dict[str, Any]:
    """`attrs` without those that equal their default: older and newer readers agree on them."""
    kept = {}
    for name, value in attrs.items():
        declared = prototype.attributes.get(name)
        default = None if declared is None or declared.required else declared.default
        always = (prototype.name, name) in ALWAYS_WRITTEN or isinstance(value, np.ndarray)
        if always or default is None or not _equal(value, default):
            kept[name] = value
    return kept


def _equal(value: Any, default: Any) -> bool:
    """Whether a file could not tell two values apart: it holds floats in 32 bits."""
    if isinstance(value, float) and isinstance(default, float):
        return np.float32(value) == np.float32(default)
    return value == default


def check_node(node: Node, target: str = "latest") -> None:
    """Check one node against its prototype.

    Raises:
        GraphError: an unknown operator, wrong ports, dtypes, attributes or sub-graphs, or a
            signature newer than `target`.
    """
    prototype = _prototype(node.op)
    if prototype.since > version(target):
        raise GraphError(f"{node.op} needs a later version than {target}")
    if len(node.input_names) != len(node.inputs):
        raise GraphError(f"{node.name}: {len(node.inputs)} inputs, {len(node.input_names)} names")
    symbols: dict[str, np.dtype] = {}
    if node.op != "Data":
        fed = [None if t is None else t.dtype for t in node.inputs]
        _check_ports(node, prototype.inputs, node.input_names, fed, symbols)
    made = [t.dtype for t in node.outputs]
    _check_ports(node, prototype.outputs, node.output_names, made, symbols)
    _check_attributes(node, prototype)
    _check_graph_count(node, prototype)
    _check_counts(node)
    if node.op == "Const":
        _check_constant(node)


def _check_ports(
    node: Node,
    ports: Sequence[Port],
    names: Sequence[str],
    dtypes: Sequence[np.dtype | None],
    symbols: dict[str, np.dtype],
) -> None:
    place = 0
    for port in ports:
        if port.kind == "dynamic":
            count = 0
            while place + count < len(names) and names[place + count] == f"{port.name}{count}":
                count += 1
        else:
            count = 1
            if place >= len(names) or names[place] != port.name:
                found = names[place] if place < len(names) else "nothing"
                raise GraphError(f"{node.op} {node.name}: port {port.name!r} expected, not {found}")
        for dtype in dtypes[place : place + count]:
            _check_dtype(node, port, dtype, symbols)
        place += count
    if place != len(names):
        raise GraphError(f"{node.op} {node.name}: no port {names[place]!r}")


def _check_dtype(
    node: Node, port: Port, dtype: np.dtype | None, symbols: dict[str, np.dtype]
) -> None:
    if dtype is None:
        if port.kind != "optional":
            raise GraphError(f"{node.op} {node.name}: {port.kind} port {port.name!r} is not fed")
        return
    if dtype not in port.dtypes:
        raise GraphError(f"{node.op} {node.name}: port {port.name!r} does not take {dtype.name}")
    if port.promote:
        wanted = {symbols[s] for s in port.promote if s in symbols}
        if len(wanted) > 1:
            raise GraphError(f"{node.op} {node.name}: operands of different dtypes")
        if wanted and dtype not in wanted:
            raise GraphError(f"{node.op} {node.name}: {port.name!r} is {dtype.name}")
    elif port.symbol is not None and symbols.setdefault(port.symbol, dtype) != dtype:
        raise GraphError(
            f"{node.op} {node.name}: port {port.name!r} is {dtype.name}, others with it "
            f"{symbols[port.symbol].name}"
        )


_PYTHON = {"Int": int, "Float": float, "Bool": bool, "String": str, "Type": np.dtype,
           "Tensor": np.ndarray}  # fmt: skip


def _check_attributes(node: Node, prototype: Prototype) -> None:
    for name, declared in prototype.attributes.items():
        if declared.required and name not in node.attrs:
            raise GraphError(f"{node.op} {node.name}: attribute {name!r} is missing")
    for name, value in node.attrs.items():
        declared = prototype.attributes.get(name)
        if declared is None:
            raise GraphError(f"{node.op} {node.name}: no attribute {name!r}")
        if not _fits(declared, value):
            raise GraphError(f"{node.op} {node.name}: {name!r} must be {declared.type}: {value!r}")
    for name in ("value",) if node.op == "Const" else ("index",) if node.op == "Data" else ():
        if name not in node.attrs:
            raise GraphError(f"{node.op} {node.name}: attribute {name!r} is missing")


def _fits(declared: Attribute, value: Any) -> bool:
    kind = declared.type
    if kind == "ListListInt":
        return isinstance(value, list) and all(type(i) is int for row in value for i in row)
    if kind.startswith("List"):
        return isinstance(value, list) and all(_scalar_fits(kind[4:], v) for v in value)
    return _scalar_fits(kind, value)


def _scalar_fits(kind: str, value: Any) -> bool:
    wanted = _PYTHON[kind]
    return isinstance(value, wanted) if wanted in (np.dtype, np.ndarray) else type(value) is wanted


def _check_graph_count(node: Node, prototype: Prototype) -> None:
    if not prototype.graphs:
        expected = not node.graphs
    elif prototype.graphs[0][1] == "dynamic":
        expected = len(node.graphs) >= 1
    else:
        expected = len(node.graphs) == len(prototype.graphs)
    if not expected:
        raise GraphError(f"{node.op} {node.name}: {len(node.graphs)} sub-graphs")


def _check_counts(node: Node) -> None:
    if node.op in ("ConcatV2", "Pack", "AddN"):
        fed = sum(name[0] == "x" and name[1:].isdigit() for name in node.input_names)
        if node.attrs.get("N") != fed:
            raise GraphError(f"{node.op} {node.name}: N is not the number of tensors, {fed}")
    if node.op in ("While",) and len(node.inputs) != len(node.outputs):
        raise GraphError(f"While {node.name}: {len(node.inputs)} in, {len(node.outputs)} out")


def _check_constant(node: Node) -> None:
    value, out = node.attrs["value"], node.outputs[0]
    if value.shape != out.shape or value.dtype != out.dtype:
        raise GraphError(f"Const {node.name}: value is not what its output says")


def check_graph(graph: Graph) -> None:
    """Check a whole graph and its sub-graphs, as a loader would.

    Raises:
        GraphError: a name twice, an edge to nothing or to a later node, arguments that are
            not numbered 0..n-1, a node that breaks its prototype, or a sub-graph whose
            arguments or results do not fit its node.
    """
    names = [g.name for g in graph.walk()]
    if len(set(names)) != len(names):
        raise GraphError("two graphs have the same name")
    for one in graph.walk():
        _check_one(one)


def _check_one(graph: Graph) -> None:
    made: set[int] = set()
    names: set[str] = set()
    for node in graph.nodes:
        if node.name in names:
            raise GraphError(f"graph {graph.name}: two nodes are called {node.name!r}")
        if not is_name(node.name):
            raise GraphError(f"graph {graph.name}: {node.name!r} is not a node name")
        names.add(node.name)
        for t in node.inputs:
            if t is not None and id(t) not in made:
                raise GraphError(f"{node.op} {node.name}: reads {t.edge}, which is not made yet")
        if node.after is not None and node.after.name not in names:
            raise GraphError(f"{node.op} {node.name}: comes before {node.after.name}")
        check_node(node, graph.target)
        _check_subgraphs(node)
        made.update(id(t) for t in node.outputs)
    for t in graph.results:
        if id(t) not in made:
            raise GraphError(f"graph {graph.name}: result {t.edge} is not made in it")
    if sorted(n.attrs["index"] for n in graph.data) != list(range(len(graph.data))):
        raise GraphError(f"graph {graph.name}: arguments are not numbered 0..n-1")


def is_name(name: str) -> bool:
    """Whether every reader takes `name` for a node: letters, digits and `_./-` of ASCII."""
    return bool(name) and _FOREIGN.search(name) is None


def _check_subgraphs(node: Node) -> None:
    """Arguments and results of sub-graphs have the types that their node passes and returns."""
    if not node.graphs:
        return
    passed = node.inputs[1:] if node.op in ("If", "Case") else node.inputs
    ins = [_type(t) for t in passed]
    outs = [_type(t) for t in node.outputs]
    for k, graph in enumerate(node.graphs):
        taken = [_type(n.outputs[0]) for n in sorted(graph.data, key=lambda n: n.attrs["index"])]
        given = [_type(t) for t in graph.results]
        if taken != ins:
            raise GraphError(f"{node.op} {node.name}: arguments of {graph.name} do not fit")
        if node.op == "While" and k == 0:
            if given != [((), np.dtype(np.bool_))]:
                raise GraphError(f"While {node.name}: the condition is not one boolean scalar")
        elif given != outs:
            raise GraphError(f"{node.op} {node.name}: results of {graph.name} do not fit")


def _type(t: Tensor | None) -> tuple[tuple[int, ...], np.dtype] | None:
    return None if t is None else (t.shape, t.dtype)
