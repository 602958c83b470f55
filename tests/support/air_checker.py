"""A reader of AIR files that shares no code with the writer: what a loader would find wrong.

The bytes are taken apart by the protobuf wire format alone, and every node is held against the
table of operator prototypes. `complaints` lists what breaks a rule; a good file has none.
"""

from __future__ import annotations

import json
import math
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import ms_func_ascend
from tests.support.air_shapes import At, wrong_shapes

TABLE = json.loads((Path(ms_func_ascend.__file__).parent / "prototypes.json").read_text())
OPERATORS, NUMBERS = TABLE["operators"], TABLE["dtypes"]
IN_FILES = {numbers[0]: name for name, numbers in NUMBERS.items()}
IN_ATTRIBUTES = {numbers[1]: name for name, numbers in NUMBERS.items()}
SIZES = {"BOOL": 1, "INT8": 1, "UINT8": 1, "INT16": 2, "UINT16": 2, "FLOAT16": 2, "BF16": 2,
         "INT32": 4, "UINT32": 4, "FLOAT": 4, "INT64": 8, "UINT64": 8, "DOUBLE": 8,
         "COMPLEX64": 8, "COMPLEX128": 16}  # fmt: skip

Fields = dict[int, list[Any]]


def fields(data: bytes) -> Fields:
    """Number of a field -> its values in order: integers, or the bytes of what has a length."""
    found: Fields = {}
    place = 0
    while place < len(data):
        tag, place = varint(data, place)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, place = varint(data, place)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value, place = data[place : place + size], place + size
        elif kind == 2:
            size, place = varint(data, place)
            value, place = data[place : place + size], place + size
            if len(value) != size:
                raise ValueError(f"field {number} ends after the file")
        else:
            raise ValueError(f"wire type {kind}")
        found.setdefault(number, []).append(value)
    return found


def varint(data: bytes, place: int) -> tuple[int, int]:
    """An unsigned number of seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def integers(values: Sequence[Any]) -> list[int]:
    """Repeated integers, packed or one by one."""
    made = []
    for value in values:
        place = 0
        while isinstance(value, bytes) and place < len(value):
            one, place = varint(value, place)
            made.append(signed(one))
        if isinstance(value, int):
            made.append(signed(value))
    return made


def text(found: Fields, number: int) -> str:
    return found.get(number, [b""])[-1].decode()


def texts(found: Fields, number: int) -> list[str]:
    return [value.decode() for value in found.get(number, [])]


def entries(found: Fields, number: int) -> dict[str, Fields]:
    """A map from names to attributes."""
    pairs = [fields(entry) for entry in found.get(number, [])]
    made = {text(pair, 1): fields(pair.get(2, [b""])[-1]) for pair in pairs}
    if len(made) != len(pairs):
        raise ValueError("a map has a key twice")
    return made


class Descriptor:
    """What a port holds: fields 1 name, 2 dtype, 3 shape, 4 layout, 5 attributes."""

    def __init__(self, data: bytes) -> None:
        found = fields(data)
        self.name, self.layout = text(found, 1), text(found, 4)
        self.dtype = IN_FILES.get(found.get(2, [0])[-1])
        self.shape = tuple(integers(fields(found.get(3, [b""])[-1]).get(1, [])))
        self.attrs = entries(found, 5)

    @property
    def type(self) -> tuple[Any, ...]:
        return self.dtype, self.shape


class Node:
    """An operator: fields 1 name, 2 type, 5 edges, 10 attributes, 33 and 34 ports, 35 graphs."""

    def __init__(self, data: bytes) -> None:
        found = fields(data)
        self.name, self.op = text(found, 1), text(found, 2)
        edges = texts(found, 5)
        self.edges = [e for e in edges if not e.endswith(":-1")]
        self.waits = [e.rpartition(":")[0] for e in edges if e.endswith(":-1")]
        self.waits_last = edges == self.edges + [e for e in edges if e.endswith(":-1")]
        self.attrs = entries(found, 10)
        self.inputs = [Descriptor(d) for d in found.get(33, [])]
        self.outputs = [Descriptor(d) for d in found.get(34, [])]
        self.graphs = texts(found, 35)

    def plain(self) -> dict[str, Fields]:
        """Attributes that the prototype should know."""
        return {name: value for name, value in self.attrs.items() if name[0] != "_"}


class Graph:
    """Fields 1 name and 6 operators."""

    def __init__(self, data: bytes) -> None:
        found = fields(data)
        self.name = text(found, 1)
        self.nodes = [Node(op) for op in found.get(6, [])]
        self.by_name = {node.name: node for node in self.nodes}

    def of(self, op: str) -> list[Node]:
        return [node for node in self.nodes if node.op == op]


def complaints(data: bytes) -> list[str]:
    """Everything in a file that a loader or the operators of its prototypes would not take."""
    graphs = [Graph(g) for g in fields(data).get(7, [])]
    found = [f"graph {name} twice" for name, n in Counter(g.name for g in graphs).items() if n > 1]
    named = {g.name: g for g in graphs}
    reads = Counter(name for g in graphs for node in g.nodes for name in node.graphs)
    found += [f"graph {n} is missing" for n in reads if n not in named]
    found += [f"graph {g.name} has {reads[g.name]} owners" for g in graphs[1:]
              if reads[g.name] != 1]  # fmt: skip
    if reads[graphs[0].name]:
        found.append("the first graph is not the root")
    for graph in graphs:
        found += [f"{graph.name}: {what}" for what in _graph(graph, named)]
    return found


def _graph(graph: Graph, named: dict[str, Graph]) -> Iterator[str]:
    if len(graph.by_name) != len(graph.nodes):
        yield "two nodes have one name"
    if len(graph.of("NetOutput")) != 1:
        yield "not one NetOutput"
    indices = [signed(n.attrs["index"][3][0]) for n in graph.of("Data")]
    if indices != list(range(len(indices))):
        yield f"arguments are numbered {indices}"
    seen: set[str] = set()
    read = {e.rpartition(":")[0] for n in graph.nodes for e in n.edges} | {
        w for n in graph.nodes for w in n.waits
    }
    for node in graph.nodes:
        place = f"{node.op} {node.name}"
        for what in (*_edges(node, graph, seen), *_ports(node), *_attributes(node),
                     *_types(node), *_constants(node, graph), *_shapes(node, graph),
                     *_inner(node, named)):  # fmt: skip
            yield f"{place}: {what}"
        if node.name not in read and node.op not in ("Data", "NetOutput"):
            yield f"{place}: nobody reads it"
        seen.add(node.name)


def _edges(node: Node, graph: Graph, seen: set[str]) -> Iterator[str]:
    """Every edge leads to an earlier node and to a port of the type that is described."""
    if not node.waits_last:
        yield "a control edge before a data edge"
    if set(node.waits) - seen:
        yield f"waits for {node.waits}"
    if len(node.edges) != len(node.inputs) - (node.op == "Data"):
        yield f"{len(node.edges)} edges, {len(node.inputs)} ports"
    for edge, port in zip(node.edges, node.inputs, strict=False):
        name, _, number = edge.rpartition(":")
        if not edge:
            if port.dtype is not None or port.attrs.get("_is_unfed_optional", {}).get(3) != [1]:
                yield f"{port.name} is not fed, and not marked as such"
        elif name not in seen:
            yield f"reads {edge} before it is made"
        elif int(number) >= len(graph.by_name[name].outputs):
            yield f"reads {edge}, which is no port"
        elif graph.by_name[name].outputs[int(number)].type != port.type:
            made = graph.by_name[name].outputs[int(number)].type
            yield f"{port.name} is described as {port.type}, {edge} is {made}"


def _ports(node: Node) -> Iterator[str]:
    """Names, order, dtypes and layouts of ports, as the prototype has them."""
    if node.op == "NetOutput":
        yield from _dynamic("input", [d.name for d in node.inputs])
        return
    if node.op not in OPERATORS:
        yield "no such operator"
        return
    symbols: dict[str, set[Any]] = {}
    for side, ports in (("inputs", node.inputs), ("outputs", node.outputs)):
        rest = list(ports)
        for name, kind, dtypes, *more in OPERATORS[node.op][side]:
            mine = 1
            if kind == "dynamic":
                mine = sum(d.name.rstrip("0123456789") == name != d.name for d in rest)
            taken, rest = rest[:mine], rest[mine:]
            names = [d.name for d in taken]
            for symbol in more[1] if len(more) > 1 else more:
                symbols.setdefault(symbol, set()).update(str(d.dtype) for d in taken if d.dtype)
            if kind == "dynamic":
                yield from _dynamic(name, names)
            elif names != [name]:
                yield f"{name} expected, not {names}"
            for d in taken:
                if d.dtype is None and kind != "optional":
                    yield f"{d.name} is not fed"
                elif d.dtype is not None and d.dtype not in dtypes.split():
                    yield f"{d.name} does not take {d.dtype}"
        yield from (f"no port {d.name}" for d in rest)
        listed = node.attrs[f"_{side[:-1]}_name_key"]
        if texts(fields(listed[1][0]), 2) != [d.name for d in ports]:
            yield f"_{side[:-1]}_name_key does not list the ports"
    yield from (f"ports of {t} have dtypes {sorted(held)}" for t, held in symbols.items()
                if len(held) > 1)  # fmt: skip
    for d in (*node.inputs, *node.outputs):
        if (
            any(n < 1 for n in d.shape)
            and (node.op, d.name) not in EMPTY
            and node.op not in HOLDERS
        ):
            yield f"{d.name} has shape {d.shape}"
        if d.layout not in LAYOUTS.get((node.op, d.name), ("ND",)):
            yield f"{d.name} has layout {d.layout}"


HOLDERS = ("Data", "Const", "Identity", "Complex")
"""Operators that may hold nothing where a program does."""
EMPTY = {("FlashAttentionScore", "softmax_out"), ("FlashAttentionScoreGrad", "dpse"),
         ("Reshape", "shape")}  # fmt: skip
"""Ports that may hold nothing."""
IMAGE, FILTER = ("NCHW", "NHWC"), ("NCHW", "HWCN")
LAYOUTS = {
    ("Conv2D", "x"): IMAGE, ("Conv2D", "filter"): FILTER, ("Conv2D", "y"): IMAGE,
    ("Conv2DBackpropInput", "filter"): FILTER, ("Conv2DBackpropInput", "out_backprop"): IMAGE,
    ("Conv2DBackpropInput", "y"): IMAGE, ("Conv2DBackpropFilter", "x"): IMAGE,
    ("Conv2DBackpropFilter", "out_backprop"): IMAGE, ("Conv2DBackpropFilter", "y"): FILTER,
} | {
    (op, port): IMAGE
    for op in OPERATORS if "Pool" in op or op.startswith(("BN", "BatchNorm"))
    for port in ("x", "y", "orig_input", "orig_output", "grad", "out_grad", "input_grad", "grads",
                 "x_backprop", "y_backprop")
}  # fmt: skip


def _dynamic(name: str, names: Sequence[str]) -> Iterator[str]:
    if list(names) != [f"{name}{k}" for k in range(len(names))]:
        yield f"ports {names} of {name}"


ONE_OF = {"Int": 3, "Float": 4, "Bool": 5, "String": 2, "Type": 15, "Tensor": 12}
LISTED = {"Int": (3, 2), "Float": (4, 3), "Bool": (5, 4), "String": (2, 1), "Type": (12, 10)}
"""Field of a list's elements, and the number that says what they are."""


def _attributes(node: Node) -> Iterator[str]:
    """Every attribute is declared, in the field of its type; required ones are there."""
    declared = {a[0]: a for a in OPERATORS.get(node.op, {"attrs": []})["attrs"]}
    for name, _, required, *_ in declared.values():
        if required and name not in node.attrs:
            yield f"attribute {name} is missing"
    for name, value in node.plain().items():
        if name not in declared:
            yield f"no attribute {name}"
            continue
        _, kind, required, *default = declared[name]
        if kind == "ListListInt":
            if list(value) != [14]:
                yield f"{name} is no list of lists"
        elif kind.startswith("List"):
            held = fields(value.get(1, [b""])[0])
            field, number = LISTED[kind[4:]]
            if list(value) != [1] or held.get(20) != [number] or set(held) - {field, 20}:
                yield f"{name} is no {kind}"
        elif list(value) != [ONE_OF[kind]]:
            yield f"{name} is no {kind}"
        if not required and default and _is_default(value, kind, default[0]) and (
            (node.op, name) not in {("Data", "index"), ("ConcatV2", "N"), ("Pack", "N")}
        ):  # fmt: skip
            yield f"{name} is its default"


def _is_default(value: Fields, kind: str, default: Any) -> bool:
    (held,) = (v[-1] for v in value.values())
    if kind in ("Int", "Bool"):
        return signed(held) == default
    if kind == "Float":
        return struct.unpack("<f", held)[0] == struct.unpack("<f", struct.pack("<f", default))[0]
    return kind == "String" and held.decode() == default


def _types(node: Node) -> Iterator[str]:
    """Dtypes and shapes that the operator's definition ties together."""
    known = {d.name: d for d in (*node.inputs, *node.outputs) if d.dtype is not None}
    for group in SAME:
        held = {known[name].dtype for name in group if name in known}
        if len(held) > 1 and node.op not in MIXED:
            yield f"{group} have dtypes {sorted(map(str, held))}"
    (*_, taken), *_ = OPERATORS.get(node.op, {}).get("inputs") or [[None]]
    (*_, given), *_ = OPERATORS.get(node.op, {}).get("outputs") or [[None]]
    if taken is not None and taken == given and node.op not in MIXED and node.op not in CONTROL:
        x, y = node.inputs[0], node.outputs[0]
        if x.dtype != y.dtype:
            yield f"makes {y.dtype} of {x.dtype}"
    wanted = node.attrs.get("dst_type", {}).get(3, [None])[0] if node.op == "Cast" else None
    if wanted is not None and IN_ATTRIBUTES[wanted] != node.outputs[0].dtype:
        yield "dst_type is not the dtype of y"
    if node.op in HCOM:
        yield from _exchanged(node)
    if node.op == "Bitcast":
        bits = [math.prod(d.shape) * SIZES[d.dtype or ""] for d in (*node.inputs, *node.outputs)]
        if bits[0] != bits[1]:
            yield f"{bits[0]} bytes as {bits[1]}"
    if node.op in ("ConcatV2", "Pack", "AddN"):
        count = sum(d.name[0] == "x" for d in node.inputs)
        if node.attrs["N"][3] != [count]:
            yield f"N is not {count}"


def _shapes(node: Node, graph: Graph) -> Iterator[str]:
    """Shapes that follow from the inputs, as the operator is defined."""
    fed = [d for d in node.inputs if d.dtype is not None]
    values = {}
    for edge, port in zip(node.edges, node.inputs, strict=False):
        source = graph.by_name.get(edge.rpartition(":")[0])
        if source is not None and source.op == "Const" and port.dtype in ("INT32", "INT64"):
            values[port.name] = _elements(source)
    attrs = {a[0]: a[3] for a in OPERATORS.get(node.op, {"attrs": []})["attrs"] if len(a) > 3}
    attrs |= {name: _number(value) for name, value in node.plain().items()}
    layouts = {d.name: d.layout for d in (*node.inputs, *node.outputs)}
    made = [d.shape for d in node.outputs]
    yield from wrong_shapes(
        node.op, At({d.name: d.shape for d in fed}, layouts, values, attrs, made)
    )


def _elements(node: Node) -> list[int]:
    """Integers of a constant."""
    held = fields(node.attrs["value"][12][0])
    size, data = SIZES[node.outputs[0].dtype or ""], held.get(2, [b""])[0]
    return [int.from_bytes(data[k : k + size], "little", signed=True)
            for k in range(0, len(data), size)]  # fmt: skip


def _number(value: Fields) -> Any:
    """An attribute that is an integer, a boolean, a list of integers, or a text."""
    if 2 in value:
        return value[2][0].decode()
    if 1 in value:
        return integers(fields(value[1][0]).get(3, []))
    return next((signed(value[k][0]) for k in (3, 5) if k in value), None)


def _exchanged(node: Node) -> Iterator[str]:
    """Collectives: what goes in and comes out, along the first dimension."""
    (x, *_), (y, *_) = node.inputs, node.outputs
    size = node.attrs.get("rank_size", {}).get(3, [1])[0]
    rows = x.shape[:1]
    wanted = {"HcomAllGather": tuple(n * size for n in rows),
              "HcomReduceScatter": tuple(n // size for n in rows)}.get(node.op, rows)  # fmt: skip
    if (y.dtype, y.shape) != (x.dtype, (*wanted, *x.shape[1:])):
        yield f"makes {y.type} of {x.type}"


HCOM = ("HcomAllReduce", "HcomAllGather", "HcomReduceScatter", "HcomAllToAll", "HcomBroadcast")


CONTROL = ("While", "If", "Case")
SAME = (("x1", "x2"), ("then", "else", "result"), ("x", "clip_value_min", "clip_value_max"),
        ("query", "key", "value", "attention_out"))  # fmt: skip
"""Ports that have one dtype wherever an operator has them."""
MIXED = {
    "Cast", "Bitcast", "IsNan", "IsInf", "IsFinite", "PopulationCount", "ReduceAll", "Sort",
    "ArgMaxV2", "ArgMin", "LayerNormV3", "Shape",
}  # fmt: skip


def _constants(node: Node, graph: Graph) -> Iterator[str]:
    """Constants are as long as they say; what decides about shapes is a constant."""
    if node.op == "Const":
        held = fields(node.attrs["value"][12][0])
        desc = Descriptor(held[1][0])
        count = SIZES[desc.dtype or ""]
        for n in desc.shape:
            count *= n
        if len(held.get(2, [b""])[0]) != count or desc.type != node.outputs[0].type:
            yield f"{len(held.get(2, [b''])[0])} bytes for {desc.type}"
    for edge, port in zip(node.edges, node.inputs, strict=False):
        source = graph.by_name.get(edge.rpartition(":")[0])
        if ((node.op, port.name) not in VALUES and port.name not in SHAPES) or source is None:
            continue
        if source.op != "Const" and node.op not in ANY_VALUE:
            yield f"{port.name} is made by {source.op}"
        if port.dtype not in ("INT32", "INT64"):
            yield f"{port.name} is {port.dtype}"


SHAPES = ("axes", "axis", "shape", "perm", "size", "paddings", "begin", "end", "strides",
          "concat_dim", "input_size", "filter_size", "k", "dims", "multiples",
          "dimension")  # fmt: skip
"""Ports whose values decide about the shape of a result."""
VALUES = {("OneHot", "depth"), ("Range", "limit")}
ANY_VALUE = {"Range", "ReverseV2", "Data"}


def _inner(node: Node, named: dict[str, Graph]) -> Iterator[str]:
    """Graphs of control flow: their arguments and results are those that the node passes."""
    wanted = OPERATORS.get(node.op, {}).get("graphs", [])
    if not wanted:
        if node.graphs:
            yield "has graphs"
        return
    if wanted[0][1] != "dynamic" and len(node.graphs) != len(wanted):
        yield f"{len(node.graphs)} graphs"
    shift = 1 if node.op in ("If", "Case") else 0
    for k, graph in enumerate(named[name] for name in node.graphs if name in named):
        passed = [d.type for d in node.inputs[shift:]]
        data, (net,) = graph.of("Data"), graph.of("NetOutput")
        if [d.outputs[0].type for d in data] != passed:
            yield f"{graph.name} takes {[d.outputs[0].type for d in data]}, not {passed}"
        parents = [d.attrs.get("_parent_node_index", {}).get(3, [None])[0] for d in data]
        if parents != list(range(shift, shift + len(data))):
            yield f"{graph.name} has parents {parents}"
        marks = [d.attrs.get("_parent_node_index", {}).get(3, [None])[0] for d in net.inputs]
        given, made = [d.type for d in net.inputs], [d.type for d in node.outputs]
        if node.op == "While" and k == 0:
            made, expected = [("BOOL", ())], [None]
        else:
            expected = list(range(len(made)))
        if given != made or marks != expected:
            yield f"{graph.name} gives {given} at {marks}, not {made}"


def disagreements(files: dict[str, bytes]) -> list[str]:
    """What is wrong with the files of several devices, and where they do not fit each other.

    Args:
        files: by the end of their names: `rank0.air`, ..., and `ranks.json`.
    """
    described = json.loads(files["ranks.json"])
    count, groups = described["devices"], described["groups"]
    if set(files) != {"ranks.json", *(f"rank{r}.air" for r in range(count))}:
        return [f"{sorted(files)} for {count} devices"]
    calls: dict[str, dict[int, list[tuple[Any, ...]]]] = {}
    found = []
    for rank in range(count):
        data = files[f"rank{rank}.air"]
        found += [f"rank {rank}: {what}" for what in (*complaints(data), *_pieces(data, described))]
        for node in _collectives(data):
            name, size = _string(node, "group"), node.attrs.get("rank_size")
            members = groups.get(name, [])
            place = f"rank {rank}: {node.op} {node.name}"
            if rank not in members or len(set(members)) != len(members):
                found.append(f"{place}: is no member of {name} {members}")
            if size is not None and size[3] != [len(members)]:
                found.append(f"{place}: rank_size is not {len(members)}")
            if node.op == "HcomBroadcast" and not 0 <= signed(node.attrs["root_rank"][3][0]) < len(
                members
            ):
                found.append(f"{place}: the root is no member")
            calls.setdefault(name, {}).setdefault(rank, []).append(_call(node))
    for name, of in calls.items():
        lists = [of.get(rank) for rank in groups.get(name, [])]
        if any(one != lists[0] for one in lists):
            found.append(f"members of {name} do not make the same calls: {lists}")
    return found


def _collectives(data: bytes) -> list[Node]:
    """The collectives of a file, graph by graph, in their order."""
    graphs = [Graph(g) for g in fields(data).get(7, [])]
    return [node for g in graphs for node in g.nodes if node.op.startswith("Hcom")]


def _string(node: Node, name: str) -> str:
    return text(node.attrs[name], 2)


def _call(node: Node) -> tuple[Any, ...]:
    """What all members of a group must say alike."""
    same = {n: node.attrs[n] for n in ("reduction", "rank_size", "root_rank") if n in node.attrs}
    if node.op == "HcomAllToAllV":  # how much is sent and received is each device's own affair
        return node.op, node.inputs[0].dtype, node.outputs[0].dtype
    return (node.op, *sorted(map(repr, same.items())), [d.type for d in node.inputs],
            [d.type for d in node.outputs])  # fmt: skip


def _pieces(data: bytes, described: dict[str, Any]) -> Iterator[str]:
    """Whether arguments and results have the shapes of the pieces that are described."""
    root = Graph(fields(data)[7][0])
    sides = {
        "arguments": [n.outputs[0] for n in root.of("Data")],
        "results": root.of("NetOutput")[0].inputs,
    }
    for side, ports in sides.items():
        told = [tuple(entry["piece"]) for entry in described[side]]
        if [d.shape for d in ports] != told:
            yield f"{side} of {[d.shape for d in ports]}, not {told}"
