"""AIR files: graphs of Ascend operators as the `atc` compiler loads them.

A file is one serialized `ModelDef` message: the root graph first, then every sub-graph,
found by name. Only attributes that differ from their default are written, so that the same
file means the same to older and newer versions; names of ports are written because a loader
cannot recover those of dynamic ports.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ms_func_ascend.graph import Graph, GraphError, Node, Tensor, check_graph
from ms_func_ascend.prototypes import (
    attribute_number,
    file_number,
    from_attribute_number,
    from_file_number,
    lookup,  # fmt: skip
)
from ms_func_ascend.wire import Message, decode, encode

_LIMIT = 2**31 - 1
_LIST_TYPES = {"String": 1, "Int": 2, "Float": 3, "Bool": 4, "Type": 10}
_LIST_FIELDS = {"String": "s", "Int": "i", "Float": "f", "Bool": "b", "Type": "dt"}
_SCALAR_FIELDS = {"Int": "i", "Float": "f", "Bool": "b", "String": "s", "Type": "dt"}


def to_bytes(graph: Graph) -> bytes:
    """The file that holds `graph` and its sub-graphs.

    Raises:
        GraphError: the graph breaks a rule, or the file would reach 2 GiB, which no
            protobuf reader accepts.

    Example:
        >>> from ms_func_ascend import translate
        >>> graph = translate(ms.jit(np.tanh).lower(np.ones(3)).as_text())
        >>> [node.op for node in from_bytes(to_bytes(graph)).nodes]
        ['Data', 'Tanh']
    """
    check_graph(graph)
    data = encode("ModelDef", {"name": graph.name, "graph": _graphs(graph)})
    if len(data) >= _LIMIT:
        raise GraphError(
            f"the file of {graph.name} would have {len(data)} bytes; the limit is 2 GiB\n"
            "fix: pass large constants as arguments of the function"
        )
    return data


def write(graph: Graph, path: str | Path) -> Path:
    """Write `graph` to an AIR file and return its path; errors as for `to_bytes`."""
    path = Path(path)
    path.write_bytes(to_bytes(graph))
    return path


def _graphs(graph: Graph) -> list[Message]:
    """Messages of the root graph and of everything below it."""
    roles: dict[str, str] = {}
    for one in graph.walk():
        for node in one.nodes:
            for k, sub in enumerate(node.graphs):
                roles[sub.name] = _role(node, k)
    return [_graph(one, roles.get(one.name, "root")) for one in graph.walk()]


def _role(node: Node, k: int) -> str:
    if node.op == "While":
        return ("condition", "body")[k]
    return "branch" if node.op in ("If", "Case") else "body"


def _graph(graph: Graph, role: str) -> Message:
    ops = [_node(node, role) for node in graph.nodes]
    ops.append(_net_output(graph, role))
    return {"name": graph.name, "op": ops}


def _node(node: Node, role: str) -> Message:
    attrs = {name: _attr(node.op, name, value) for name, value in node.attrs.items()}
    inputs = [_edge_descriptor(node, t, n) for t, n in _slots(node)]
    outputs = [
        _descriptor(n, t.shape, t.dtype, node.layouts.get(n, "ND"))
        for t, n in zip(node.outputs, node.output_names, strict=True)
    ]
    if node.op == "Data":
        out = node.outputs[0]
        inputs = [_descriptor("x", out.shape, out.dtype)]
        if role != "root":
            shift = 1 if role == "branch" else 0
            attrs["_parent_node_index"] = {"i": node.attrs["index"] + shift}
    attrs |= _port_names([d["name"] for d in inputs], [d["name"] for d in outputs])
    if node.source:
        attrs["_source"] = {"s": node.source.encode()}
    made: Message = {"name": node.name, "type": node.op}
    if node.ranks:
        listed = {"i": list(node.ranks), "val_type": _LIST_TYPES["Int"]}
        attrs["_ranks"] = {"list": listed}
    made["input"] = ["" if t is None else t.edge for t, _ in _slots(node)]
    made["input"] += _control_edge(node.after)
    made |= {"attr": attrs, "input_desc": inputs, "output_desc": outputs}
    if node.graphs:
        made["subgraph_name"] = [g.name for g in node.graphs]
    return made


def _control_edge(node: Node | None) -> list[str]:
    return [] if node is None else [f"{node.name}:-1"]


def _slots(node: Node) -> list[tuple[Tensor | None, str]]:
    return list(zip(node.inputs, node.input_names, strict=True))


def _net_output(graph: Graph, role: str) -> Message:
    """The node that names the results. Branches and loop bodies number them for their node."""
    name = "NetOutput"
    while any(node.name == name for node in graph.nodes):
        name += "_"
    descriptors = []
    for k, t in enumerate(graph.results):
        made = _descriptor(f"input{k}", t.shape, t.dtype)
        if role in ("body", "branch"):
            made["attr"] = {"_parent_node_index": {"i": k}}
        descriptors.append(made)
    return {
        "name": name,
        "type": "NetOutput",
        "input": [*(t.edge for t in graph.results), *_control_edge(graph.last)],
        "attr": _port_names([d["name"] for d in descriptors], []),
        "input_desc": descriptors,
    }


def _port_names(inputs: Sequence[str], outputs: Sequence[str]) -> dict[str, Message]:
    made = {}
    for side, names in (("input", inputs), ("output", outputs)):
        made[f"_{side}_name_key"] = {
            "list": {"s": [n.encode() for n in names], "val_type": _LIST_TYPES["String"]}
        }
        made[f"_{side}_name_value"] = {
            "list": {"i": list(range(len(names))), "val_type": _LIST_TYPES["Int"]}
        }
    return made


def _descriptor(name: str, shape: tuple[int, ...], dtype: np.dtype, layout: str = "ND") -> Message:
    return {
        "name": name,
        "dtype": file_number(dtype),
        "shape": {"dim": list(shape)},
        "layout": layout,
        "device_type": "NPU",
    }


def _edge_descriptor(node: Node, t: Tensor | None, name: str) -> Message:
    if t is None:
        return {
            "name": name,
            "dtype": 0,
            "layout": "ND",
            "attr": {"_is_unfed_optional": {"i": 1}},
            "device_type": "NPU",
        }
    return _descriptor(name, t.shape, t.dtype, node.layouts.get(name, "ND"))


def _attr(op: str, name: str, value: Any) -> Message:
    """Attribute value as the field that the prototype's type asks for."""
    prototype = lookup(op)
    assert prototype is not None, op
    kind = prototype.attributes[name].type
    if kind == "Tensor":
        desc = _descriptor("y", value.shape, value.dtype)  # as the output is described
        return {"t": {"desc": desc, "data": np.ascontiguousarray(value).tobytes()}}
    if kind == "ListListInt":
        return {"list_list_int": {"list_list_i": [{"list_i": list(row)} for row in value]}}
    if kind.startswith("List"):
        item = kind[4:]
        values = [_plain(item, v) for v in value]
        return {"list": {_LIST_FIELDS[item]: values, "val_type": _LIST_TYPES[item]}}
    return {_SCALAR_FIELDS[kind]: _plain(kind, value)}


def _plain(kind: str, value: Any) -> Any:
    if kind == "String":
        return value.encode()
    return attribute_number(value) if kind == "Type" else value


def read(path: str | Path) -> Graph:
    """Graph of an AIR file, checked as when it was made; errors as for `from_bytes`."""
    return from_bytes(Path(path).read_bytes())


def from_bytes(data: bytes) -> Graph:
    """Graph from the bytes of an AIR file.

    Raises:
        WireError: the bytes are not a `ModelDef` message.
        GraphError: the graph uses operators that this package does not know or breaks a rule.
    """
    model = decode("ModelDef", data)
    if not model["graph"]:
        raise GraphError("the file holds no graph")
    named = [{"name", "type"} <= op.keys() for g in model["graph"] for op in g["op"]]
    if not all(named) or not all("name" in g for g in model["graph"]):
        raise GraphError("a graph or a node has no name, or a node no type")
    messages = {g["name"]: g for g in model["graph"]}
    if len(messages) != len(model["graph"]):
        raise GraphError("two graphs have the same name")
    graph = _read_graph(model["graph"][0], messages, ())
    check_graph(graph)
    return graph


def _read_graph(message: Message, messages: dict[str, Message], above: tuple[str, ...]) -> Graph:
    name = message["name"]
    if name in above:
        raise GraphError(f"graph {name} contains itself")
    graph = Graph(name)
    tensors: dict[str, list[Tensor]] = {}
    nodes: dict[str, Node] = {}
    outputs = [op for op in message["op"] if op["type"] == "NetOutput"]
    if len(outputs) != 1:
        raise GraphError(f"graph {name} has {len(outputs)} NetOutput nodes, not one")
    for op in _ordered(message):
        subgraphs = []
        for sub in op["subgraph_name"]:
            if sub not in messages:
                raise GraphError(f"{op['name']}: there is no graph {sub!r}")
            subgraphs.append(_read_graph(messages[sub], messages, (*above, name)))
        node = _read_node(op, tensors, subgraphs)
        node.after = _waited_for(op, nodes)
        tensors[node.name], nodes[node.name] = node.outputs, node
        graph.nodes.append(node)
        if node.op == "Data":
            graph.data.append(node)
    graph.results = [t for t in (_resolve(e, tensors) for e in outputs[0]["input"]) if t]
    graph.last = _waited_for(outputs[0], nodes)
    graph.data.sort(key=lambda n: n.attrs.get("index", 0))
    return graph


def _waited_for(op: Message, nodes: dict[str, Node]) -> Node | None:
    """The node that a control edge comes from; there is at most one in our files."""
    edges = [e for e in op["input"] if e.endswith(":-1")]
    if len(edges) > 1:
        raise GraphError(f"{op['name']} has {len(edges)} control edges")
    return nodes[edges[0].rpartition(":")[0]] if edges else None


def _ordered(message: Message) -> list[Message]:
    """Operations of a graph in an order in which every one follows what it reads."""
    by_name = {op["name"]: op for op in message["op"]}
    if len(by_name) != len(message["op"]):
        raise GraphError(f"graph {message['name']}: two nodes have the same name")
    order: list[Message] = []
    state: dict[str, int] = {}
    for root in message["op"]:
        stack = [(root, False)]
        while stack:
            op, done = stack.pop()
            name = op["name"]
            if done:
                state[name] = 2
                order.append(op)
            elif name not in state:
                state[name] = 1
                stack.append((op, True))
                stack += [(by_name[p], False) for p in _producers(op, by_name, state)]
    return [op for op in order if op["type"] != "NetOutput"]


def _producers(op: Message, by_name: dict[str, Message], state: dict[str, int]) -> list[str]:
    names = [edge.rpartition(":")[0] for edge in op["input"] if edge]
    for name in names:
        if name not in by_name:
            raise GraphError(f"{op['name']} reads {name!r}, which does not exist")
        if state.get(name) == 1:
            raise GraphError(f"{op['name']} and {name} read each other")
    return [name for name in names if name not in state][::-1]


def _resolve(edge: str, tensors: dict[str, list[Tensor]]) -> Tensor | None:
    """Tensor of an edge; None for an unfed input and for a control edge."""
    name, _, index = edge.rpartition(":")
    if not edge or index == "-1":
        return None
    outputs = tensors.get(name)
    if outputs is None or not index.isdigit() or int(index) >= len(outputs):
        raise GraphError(f"edge {edge!r} leads to nothing")
    return outputs[int(index)]


def _read_node(op: Message, tensors: dict[str, list[Tensor]], graphs: list[Graph]) -> Node:
    edges = [e for e in op["input"] if not e.endswith(":-1")]
    inputs = [_resolve(edge, tensors) for edge in edges]
    descriptors = op["input_desc"]
    names = [] if op.get("type") == "Data" else [d.get("name", "") for d in descriptors]
    if len(names) != len(inputs):
        raise GraphError(f"{op['name']}: {len(inputs)} edges, {len(names)} descriptors")
    for t, d in zip(inputs, descriptors, strict=False):
        if t is not None and _described(d) != (t.shape, t.dtype):
            raise GraphError(f"{op['name']}: {d.get('name')} is not described as {t}")
    layouts = {
        d["name"]: d["layout"]
        for d in [*descriptors, *op["output_desc"]]
        if d.get("layout", "ND") != "ND" and "name" in d
    }
    outputs = [_described(d) for d in op["output_desc"]]
    attrs = _read_attrs(op)
    source = op["attr"].get("_source", {}).get("s", b"").decode(errors="replace")
    out_names = [d.get("name", "") for d in op["output_desc"]]
    node = Node(op["name"], op["type"], inputs, names, attrs, outputs, out_names, graphs, layouts,
                source)  # fmt: skip
    node.ranks = tuple(op["attr"].get("_ranks", {}).get("list", {"i": ()})["i"])
    return node


def _described(descriptor: Message) -> tuple[tuple[int, ...], np.dtype]:
    dtype = from_file_number(descriptor.get("dtype", 0))
    if dtype is None:
        raise GraphError(f"descriptor {descriptor.get('name')!r} has no known dtype")
    return tuple(descriptor.get("shape", {"dim": []})["dim"]), dtype


def _read_attrs(op: Message) -> dict[str, Any]:
    prototype = lookup(op["type"])
    if prototype is None:
        raise GraphError(f"the prototype table has no operator {op['type']!r}")
    values = {}
    for name, message in op["attr"].items():
        if name.startswith("_"):
            continue
        if name not in prototype.attributes:
            raise GraphError(f"{op['type']} {op['name']}: no attribute {name!r}")
        values[name] = _read_attr(op, name, prototype.attributes[name].type, message)
    return values


def _read_attr(op: Message, name: str, kind: str, message: Message) -> Any:
    try:
        if kind == "Tensor":
            return _read_tensor(message["t"])
        if kind == "ListListInt":
            return [row["list_i"] for row in message["list_list_int"]["list_list_i"]]
        if kind.startswith("List"):
            listed = message["list"]
            if listed.get("val_type", 0) != _LIST_TYPES[kind[4:]]:
                raise GraphError(f"{op['name']}: list {name!r} has the wrong val_type")
            return [_unplain(kind[4:], v) for v in listed[_LIST_FIELDS[kind[4:]]]]
        return _unplain(kind, message[_SCALAR_FIELDS[kind]])
    except KeyError:
        raise GraphError(f"{op['name']}: attribute {name!r} is not a {kind}") from None


def _unplain(kind: str, value: Any) -> Any:
    if kind == "String":
        return value.decode(errors="replace")
    return from_attribute_number(value) if kind == "Type" else value


def _read_tensor(message: Message) -> np.ndarray:
    shape, dtype = _described(message["desc"])
    data = message.get("data", b"")
    if len(data) != int(np.prod(shape, dtype=np.int64)) * dtype.itemsize:
        raise GraphError(f"a constant of {len(data)} bytes does not fill {dtype.name}{list(shape)}")
    return np.frombuffer(data, dtype).reshape(shape)


def describe(source: str | Path | Graph) -> str:
    """Readable listing of an AIR file or of a graph: one line per node.

    Example:
        >>> from ms_func_ascend import translate
        >>> print(describe(translate(ms.jit(np.tanh).lower(np.ones(3)).as_text())))
        graph tanh
          arg0 = Data() index=0 -> float32[3]
          tanh = Tanh(arg0:0) -> float32[3]...
          return tanh:0 float32[3]
    """
    graph = source if isinstance(source, Graph) else read(source)
    lines: list[str] = []
    for one in graph.walk():
        lines.append(f"graph {one.name}")
        lines += [f"  {_line(node)}" for node in one.nodes]
        lines.append(f"  return {', '.join(map(repr, one.results))}")
    return "\n".join(lines)


def _line(node: Node) -> str:
    outs = ", ".join(f"{t.dtype.name}{list(t.shape)}" for t in node.outputs)
    ins = ", ".join("-" if t is None else t.edge for t in node.inputs)
    attrs = "".join(f" {name}={_short(value)}" for name, value in node.attrs.items())
    attrs += f" ranks={list(node.ranks)}" if node.ranks else ""
    graphs = "".join(f" {{{g.name}}}" for g in node.graphs)
    place = f"  # {node.source}" if node.source else ""
    return f"{node.name} = {node.op}({ins}){attrs}{graphs} -> {outs}{place}"


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return np.array2string(value, threshold=8, separator=",").replace("\n", "")
    return value.name if isinstance(value, np.dtype) else repr(value)
