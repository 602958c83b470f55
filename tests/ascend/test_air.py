"""Files: what a loader needs is in them, byte for byte where it is small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ms_func_ascend import (
    Graph,
    GraphError,
    describe,
    export,
    from_bytes,
    read,
    simulate,
    to_bytes,
    translate,
    write,
)
from ms_func_ascend.prototypes import NAME_OF, attribute_number, file_number, lookup
from ms_func_ascend.wire import WireError, decode, encode
from tests.support.ascend import module, values

F32, I32, BOOL = np.dtype(np.float32), np.dtype(np.int32), np.dtype(np.bool_)
TANH = """func.func public @main(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %y = stablehlo.tanh %x : tensor<2x3xf32> loc("train.py":7:3)
  return %y : tensor<2x3xf32> }"""


def message(graph: Graph) -> dict[str, Any]:
    return decode("ModelDef", to_bytes(graph))


def ops(graph: Graph) -> dict[str, dict[str, Any]]:
    return {op["name"]: op for op in message(graph)["graph"][0]["op"]}


# Descriptor of x: name, dtype 1 (float in files), dims 2 and 3, layout, device.
DESC = "0a01{} 1001 1a04 0a020203 22024e44 72034e5055"


def _block(tag: str, *parts: str) -> str:
    body = "".join(parts).replace(" ", "")
    return f"{tag}{len(body) // 2:02x}{body}" if len(body) < 256 else (
        f"{tag}{(len(body) // 2) & 0x7F | 0x80:02x}{(len(body) // 2) >> 7:02x}{body}"
    )  # fmt: skip


def _text(tag: str, text: str) -> str:
    return _block(tag, text.encode().hex())


def _attr(key: str, value: str) -> str:
    return _block("52", _text("0a", key), _block("12", value))


def _names(side: str, names: list[str]) -> str:
    keys = "".join(_text("12", n) for n in names)
    places = _block("1a", "".join(f"{k:02x}" for k in range(len(names)))) if names else ""
    return _attr(f"_{side}_name_key", _block("0a", keys, "a00101")) + _attr(
        f"_{side}_name_value", _block("0a", places, "a00102"))  # fmt: skip


def test_the_bytes_of_a_small_file() -> None:
    """Put together by hand from the field numbers: ModelDef, GraphDef, three OpDefs."""
    x, y = _block("8a02", DESC.format("78")), _block("9202", DESC.format("79"))
    data = _block("32", _text("0a", "arg0"), _text("12", "Data"), _attr("index", "1800"),
                  _names("input", ["x"]), _names("output", ["y"]), x, y)  # fmt: skip
    tanh = _block("32", _text("0a", "tanh"), _text("12", "Tanh"), _text("2a", "arg0:0"),
                  _names("input", ["x"]), _names("output", ["y"]),
                  _attr("_source", _text("12", "train.py:7")), x, y)  # fmt: skip
    result = _block("8a02", "0a06696e70757430 1001 1a04 0a020203 22024e44 72034e5055")
    net = _block("32", _text("0a", "NetOutput"), _text("12", "NetOutput"), _text("2a", "tanh:0"),
                 _names("input", ["input0"]), _names("output", []), result)  # fmt: skip
    want = _text("0a", "main") + _block("3a", _text("0a", "main"), data, tanh, net)
    assert export(TANH).hex() == want


def test_arguments_have_an_index_and_both_descriptors() -> None:
    body = "  %r = stablehlo.add %arg0, %arg0 : tensor<2xf32>"
    x, i = values("float32", (2,), 1), np.array(1, np.int32)
    graph = translate(module(body, [x, i], ["tensor<2xf32>"], "%r"))
    found = ops(graph)
    for k, name in enumerate(("arg0", "arg1")):
        op = found[name]
        assert op["attr"]["index"] == {"i": k}
        assert [d["name"] for d in op["input_desc"] + op["output_desc"]] == ["x", "y"]
        first, second = op["input_desc"][0], op["output_desc"][0]
        assert {**first, "name": ""} == {**second, "name": ""}
        assert first["device_type"] == "NPU"
    assert found["arg1"]["input_desc"][0]["dtype"] == 7  # int32 in files
    assert found["arg1"]["input_desc"][0].get("shape") == {"dim": []}


def test_constants_hold_little_endian_rows() -> None:
    body = """  %c = stablehlo.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi16>
  %r = stablehlo.add %arg0, %c : tensor<2x3xi16>"""
    graph = translate(module(body, [np.zeros((2, 3), np.int16)], ["tensor<2x3xi16>"], "%r"))
    (const,) = (op for op in ops(graph).values() if op["type"] == "Const")
    held = const["attr"]["value"]["t"]
    assert held["data"] == bytes([1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0])
    assert held["desc"]["dtype"] == const["output_desc"][0]["dtype"] == 5
    assert held["desc"]["shape"]["dim"] == [2, 3]
    assert "input_desc" in const
    assert const["input_desc"] == []


def test_dtypes_have_two_numbers() -> None:
    """A cast to float16 says 1 in its attribute and 2 in its descriptor."""
    body = "  %r = stablehlo.convert %arg0 : (tensor<2xf32>) -> tensor<2xf16>"
    graph = translate(module(body, [np.zeros(2, np.float32)], ["tensor<2xf16>"], "%r"))
    (cast,) = (op for op in ops(graph).values() if op["type"] == "Cast")
    assert cast["attr"]["dst_type"] == {"i": 1}
    assert cast["output_desc"][0]["dtype"] == 2
    assert {NAME_OF[d]: (file_number(d), attribute_number(d)) for d in NAME_OF} == {
        "FLOAT": (1, 0), "FLOAT16": (2, 1), "INT8": (3, 2), "UINT8": (4, 4), "INT16": (5, 6),
        "UINT16": (6, 7), "INT32": (7, 3), "INT64": (8, 9), "UINT32": (9, 8), "UINT64": (10, 10),
        "BOOL": (11, 12), "DOUBLE": (12, 11), "COMPLEX64": (16, 16), "COMPLEX128": (17, 17),
        "BF16": (27, 27)}  # fmt: skip


def test_optional_inputs_that_are_not_fed_keep_their_slot() -> None:
    graph = Graph("g")
    x = graph.parameter((2, 3), F32)
    y = graph.parameter((2, 5), F32)
    product = graph.add("MatMulV2", [x, y], [((3, 5), F32)], {"transpose_x1": True})
    graph.results = product.outputs
    op = ops(graph)["MatMulV2"]
    assert op["input"] == ["arg0:0", "arg1:0", "", ""]
    assert [d["name"] for d in op["input_desc"]] == ["x1", "x2", "bias", "offset_w"]
    for d in op["input_desc"][2:]:
        assert d.get("dtype", 0) == 0
        assert d["attr"] == {"_is_unfed_optional": {"i": 1}}
    assert {k for k in op["attr"] if k[0] != "_"} == {"transpose_x1"}  # defaults are left out
    assert op["attr"]["transpose_x1"] == {"b": True}
    assert op["attr"]["_input_name_key"]["list"]["s"] == [b"x1", b"x2", b"bias", b"offset_w"]
    assert op["attr"]["_input_name_value"]["list"] | {} == op["attr"]["_input_name_value"]["list"]
    assert op["attr"]["_input_name_value"]["list"]["i"] == [0, 1, 2, 3]


def test_dynamic_inputs_are_numbered_and_counted() -> None:
    graph = Graph("g")
    xs = [graph.parameter((2,), F32) for _ in range(3)]
    axis = graph.constant(np.array(0, np.int64))
    graph.results = graph.add("ConcatV2", [xs, axis], [((6,), F32)], {"N": 3}).outputs
    op = ops(graph)["ConcatV2"]
    assert [d["name"] for d in op["input_desc"]] == ["x0", "x1", "x2", "concat_dim"]
    assert op["attr"]["N"] == {"i": 3}


def test_lists_say_what_they_hold() -> None:
    """A list without val_type is dropped by loaders."""
    graph = Graph("g")
    x = graph.parameter((1, 3, 8, 8), F32)
    pooled = graph.add("MaxPoolV3", [x], [((1, 3, 4, 4), F32)],
                       {"ksize": [1, 1, 2, 2], "strides": [1, 1, 2, 2]},
                       layouts={"x": "NCHW", "y": "NCHW"})  # fmt: skip
    graph.results = pooled.outputs
    op = ops(graph)["MaxPoolV3"]
    assert op["attr"]["ksize"]["list"]["val_type"] == 2
    assert op["attr"]["ksize"]["list"]["i"] == [1, 1, 2, 2]
    assert op["input_desc"][0]["layout"] == op["output_desc"][0]["layout"] == "NCHW"
    assert from_bytes(to_bytes(graph)).nodes[1].layouts == {"x": "NCHW", "y": "NCHW"}


WHILE = """func.func public @main(%n: tensor<i32>, %x: tensor<f32>) -> tensor<f32> {
  %z = stablehlo.constant dense<0> : tensor<i32>
  %s:2 = stablehlo.while(%i = %z, %v = %x) : tensor<i32>, tensor<f32>
    cond {
      %c = stablehlo.compare LT, %i, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %c : tensor<i1>
    } do {
      %o = stablehlo.constant dense<1> : tensor<i32>
      %j = stablehlo.add %i, %o : tensor<i32>
      %w = stablehlo.add %v, %v : tensor<f32>
      stablehlo.return %j, %w : tensor<i32>, tensor<f32>
    }
  return %s#1 : tensor<f32> }"""


def test_loops_are_graphs_of_their_own() -> None:
    made = message(translate(WHILE))
    names = [g["name"] for g in made["graph"]]
    (loop,) = (op for op in made["graph"][0]["op"] if op["type"] == "While")
    assert loop["subgraph_name"] == names[1:]
    assert [d["name"] for d in loop["input_desc"]] == ["input0", "input1", "input2"]
    assert [d["name"] for d in loop["output_desc"]] == ["output0", "output1", "output2"]
    for role, graph in zip(("cond", "body"), made["graph"][1:], strict=True):
        data = [op for op in graph["op"] if op["type"] == "Data"]
        assert [op["attr"]["index"]["i"] for op in data] == [0, 1, 2]
        assert [op["attr"]["_parent_node_index"]["i"] for op in data] == [0, 1, 2]
        (net,) = (op for op in graph["op"] if op["type"] == "NetOutput")
        marks = [d["attr"].get("_parent_node_index") for d in net["input_desc"]]
        assert marks == ([None] if role == "cond" else [{"i": 0}, {"i": 1}, {"i": 2}])
    assert simulate(from_bytes(to_bytes(translate(WHILE))), [np.int32(3), np.float32(1.5)]) == [
        12.0
    ]


def test_branches_count_their_inputs_after_the_condition() -> None:
    text = """func.func public @main(%p: tensor<i1>, %x: tensor<2xf32>) -> tensor<2xf32> {
  %r = "stablehlo.if"(%p) ({
    stablehlo.return %x : tensor<2xf32>
  }, {
    %a = stablehlo.tanh %x : tensor<2xf32>
    stablehlo.return %a : tensor<2xf32>
  }) : (tensor<i1>) -> tensor<2xf32>
  return %r : tensor<2xf32> }"""
    made = message(translate(text))
    for graph in made["graph"][1:]:
        (data,) = (op for op in graph["op"] if op["type"] == "Data")
        assert data["attr"]["index"] == {"i": 0}
        assert data["attr"]["_parent_node_index"] == {"i": 1}
        assert not any(edge.startswith("arg0") for op in graph["op"] if op["type"] == "NetOutput"
                       for edge in op["input"])  # fmt: skip


def test_files_round_trip(tmp_path: Path) -> None:
    graph = translate(WHILE)
    path = write(graph, tmp_path / "loop.air")
    again = read(path)
    assert describe(again) == describe(graph) == describe(path)
    assert to_bytes(again) == path.read_bytes()
    assert "While" in describe(path)
    assert "# train.py:7" in describe(translate(TANH))


def test_nodes_of_a_file_may_come_in_any_order() -> None:
    made = message(translate(WHILE))
    for graph in made["graph"]:
        graph["op"].reverse()
    again = from_bytes(encode("ModelDef", made))
    assert simulate(again, [np.int32(2), np.float32(1.0)]) == [4.0]


def _broken(change: Any) -> bytes:
    made = message(translate(WHILE))
    change(made)
    return encode("ModelDef", made)


def _op(made: dict[str, Any], kind: str, graph: int = 0) -> dict[str, Any]:
    return next(op for op in made["graph"][graph]["op"] if op["type"] == kind)


BREAKS: dict[str, Any] = {
    "holds no graph": lambda m: m["graph"].clear(),
    "two graphs have the same name": lambda m: m["graph"].append(m["graph"][1]),
    "there is no graph": lambda m: m["graph"].pop(),
    "NetOutput": lambda m: m["graph"][0]["op"].remove(_op(m, "NetOutput")),
    "does not exist": lambda m: _op(m, "NetOutput")["input"].__setitem__(0, "nobody:0"),
    "leads to nothing": lambda m: _op(m, "NetOutput")["input"].__setitem__(0, "while:7"),
    "read each other": lambda m: (
        _op(m, "Add", 2)["input"].__setitem__(0, _op(m, "Add", 2)["name"] + ":0")),
    "two nodes have the same name": lambda m: _op(m, "Data").__setitem__("name", "while"),
    "is not described as": lambda m: _op(m, "While")["input_desc"][1]["shape"].update(dim=[2]),
    "no operator": lambda m: _op(m, "Add", 2).__setitem__("type", "Frobnicate"),
    "no attribute": lambda m: _op(m, "Add", 2)["attr"].update(extra={"i": 1}),
    "is not a Int": lambda m: _op(m, "Data")["attr"].update(index={"b": True}),
    "arguments are not numbered": lambda m: _op(m, "Data")["attr"].update(index={"i": 4}),
    "does not fill": lambda m: _op(m, "Const")["attr"]["value"]["t"].update(data=b"1"),
    "no known dtype": lambda m: _op(m, "Add", 2)["output_desc"][0].update(dtype=99),
    "or a node no type": lambda m: _op(m, "Add", 2).pop("type"),
    "contains itself": lambda m: _op(m, "While")["subgraph_name"].__setitem__(0, "main"),
}  # fmt: skip


@pytest.mark.parametrize("reason", BREAKS)
def test_broken_files_are_refused(reason: str) -> None:
    with pytest.raises(GraphError, match=reason):
        from_bytes(_broken(BREAKS[reason]))


def test_files_with_wrong_bytes_are_refused_or_read() -> None:
    """Bytes changed, taken out and put in: an error of the format or of the graph, or nothing."""
    rng, data = np.random.default_rng(0), to_bytes(translate(WHILE))
    refused = 0
    for _ in range(400):
        place, count = int(rng.integers(len(data))), int(rng.integers(3))
        new = data[:place] + rng.bytes(int(rng.integers(3))) + data[place + count :]
        try:
            from_bytes(new)
        except (GraphError, WireError):
            refused += 1
    assert refused > 100


def test_every_operator_written_is_in_the_table_with_its_ports() -> None:
    graph = translate(WHILE)
    for one in message(graph)["graph"]:
        for op in one["op"]:
            if op["type"] == "NetOutput":
                continue
            prototype = lookup(op["type"])
            assert prototype is not None
            for port, d in zip(prototype.outputs, op["output_desc"], strict=False):
                assert d["name"].rstrip("0123456789") == port.name
