"""The independent reader of files: what it finds wrong, and that it finds nothing in our files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ms_func as ms
from ms_func import lax
from ms_func.sharding import Mesh, P
from ms_func_ascend import export
from ms_func_ascend.wire import decode, encode
from tests.support.air_checker import complaints, disagreements
from tests.support.air_shapes import RULES

Message = dict[str, Any]


def program(x: Any, w: Any, key: Any) -> Any:
    """Control flow, sub-graphs, attributes of every kind, ports that are not fed."""
    noise = ms.random.bernoulli(key, 0.5, x.shape)
    while ms.numpy.sum(x) < 10:
        x = x * 2 + 1
    if x[0, 0] > 3:
        x = ms.numpy.concatenate([x[1:], x[:1]])
    return ms.numpy.where(noise, ms.nn.softmax(x @ w), 0.0), ms.numpy.sort(x, axis=0).astype(
        np.float16
    )


def data() -> bytes:
    x, w = np.ones((4, 3), np.float32), np.ones((3, 3), np.float32)
    return ms.export(program, x, w, np.asarray(ms.random.PRNGKey(0)), backend="ascend")


FILE = data()


def test_nothing_is_wrong_with_a_file() -> None:
    assert complaints(FILE) == []


def find(model: Message, kind: str) -> Message:
    return next(op for g in model["graph"] for op in g["op"] if op["type"] == kind)


def graph_with(model: Message, kind: str) -> Message:
    return next(g for g in model["graph"] if any(op["type"] == kind for op in g["op"]))


def name(model: Message, kind: str, new: str) -> None:
    find(model, kind)["name"] = new


BREAKS: dict[str, Callable[[Message], Any]] = {
    "twice": lambda m: m["graph"].append(m["graph"][1]),
    "is missing": lambda m: m["graph"].pop(),
    "has 0 owners": lambda m: m["graph"].append({**m["graph"][1], "name": "spare"}),
    "not one NetOutput": lambda m: m["graph"][0]["op"].pop(),
    "arguments are numbered": lambda m: find(m, "Data")["attr"].update(index={"i": 7}),
    "two nodes have one name": lambda m: name(m, "SoftmaxV2", "arg0"),
    "before it is made": lambda m: graph_with(m, "SoftmaxV2")["op"].reverse(),
    "no port": lambda m: find(m, "SoftmaxV2")["input"].__setitem__(
        0, find(m, "SoftmaxV2")["input"][0].replace(":0", ":3")),
    "is described as": lambda m: find(m, "SoftmaxV2")["input_desc"][0]["shape"].update(dim=[4, 4]),
    "nobody reads it": lambda m: find(m, "NetOutput")["input"].__setitem__(
        0, find(m, "NetOutput")["input"][1]),
    "not marked as such": lambda m: find(m, "MatMulV2")["input_desc"][2]["attr"].clear(),
    "edges": lambda m: find(m, "MatMulV2")["input"].pop(),
    "no such operator": lambda m: find(m, "SoftmaxV2").update(type="SoftmaxV9"),
    "expected, not": lambda m: find(m, "SoftmaxV2")["input_desc"][0].update(name="logits"),
    "does not take": lambda m: find(m, "SoftmaxV2")["output_desc"][0].update(dtype=7),
    "has layout": lambda m: find(m, "SoftmaxV2")["output_desc"][0].update(layout="NCHW"),
    "does not list the ports": lambda m: find(m, "SoftmaxV2")["attr"]["_input_name_key"].update(
        list={"s": [b"logits"], "val_type": 1}),
    "has shape": lambda m: find(m, "SoftmaxV2")["output_desc"][0]["shape"].update(dim=[0, 3]),
    "attribute dst_type is missing": lambda m: find(m, "Cast")["attr"].pop("dst_type"),
    "N is not 2": lambda m: find(m, "ConcatV2")["attr"].update(N={"i": 3}),
    "no attribute": lambda m: find(m, "SoftmaxV2")["attr"].update(axis={"i": 1}),
    "axes is no ListInt": lambda m: find(m, "SoftmaxV2")["attr"].update(axes={"i": 1}),
    "type is no Type": lambda m: find(m, "Bitcast")["attr"].update(type={"i": 3}),
    "dst_type is not the dtype": lambda m: find(m, "Cast")["attr"].update(dst_type={"i": 17}),
    "is its default": lambda m: find(m, "MatMulV2")["attr"].update(transpose_x1={"b": False}),
    "bytes for": lambda m: find(m, "Const")["attr"]["value"]["t"].update(data=b"1"),
    "FLOAT16 of FLOAT": lambda m: find(m, "SoftmaxV2")["output_desc"][0].update(dtype=2),
    "ports of T1 have dtypes": lambda m: find(m, "Mul")["output_desc"][0].update(dtype=2),
    "bytes as": lambda m: find(m, "Bitcast")["output_desc"][0]["shape"].update(dim=[7]),
    "is made by": lambda m: find(m, "ConcatV2")["input"].__setitem__(
        2, next(op["name"] + ":0" for op in graph_with(m, "ConcatV2")["op"]
                if op["type"] != "Const")),
    "graphs": lambda m: find(m, "If")["subgraph_name"].pop(),
    "takes": lambda m: find(m, "While")["input_desc"][0]["shape"].update(dim=[9]),
    "has parents": lambda m: next(
        op for op in graph_by(m, "If")["op"] if op["type"] == "Data")["attr"].update(
        _parent_node_index={"i": 0}),
    "gives": lambda m: find(m, "While")["output_desc"][0]["shape"].update(dim=[9]),
}  # fmt: skip


def graph_by(model: Message, kind: str) -> Message:
    """The first graph that a node of a kind owns."""
    wanted = find(model, kind)["subgraph_name"][0]
    return next(g for g in model["graph"] if g["name"] == wanted)


@pytest.mark.parametrize("reason", BREAKS)
def test_each_rule_can_be_broken(reason: str) -> None:
    model = decode("ModelDef", FILE)
    BREAKS[reason](model)
    found = complaints(encode("ModelDef", model))
    assert any(reason in line for line in found), found


def network(x: Any, w: Any, q: Any) -> Any:
    """Convolutions, pooling, norms and attention, with their gradients."""
    last = ("NHWC", "HWIO", "NHWC")

    def loss(x: Any, w: Any, q: Any) -> Any:
        y = lax.conv_general_dilated(x, w, (2, 1), "SAME", dimension_numbers=last)
        y = (y - y.mean((0, 1, 2))) * lax.rsqrt(y.var((0, 1, 2)) + 1e-5)
        y = lax.reduce_window(ms.nn.relu(y), -np.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        z = ms.nn.dot_product_attention(q, q, q, is_causal=True)
        z = (z - z.mean(-1, keepdims=True)) * lax.rsqrt(z.var(-1, keepdims=True) + 1e-5)
        return ms.numpy.cumsum(ms.nn.gelu(y)).sum() + ms.numpy.sort(z, 1)[:, ::2].max()

    return ms.grad(loss, (0, 1, 2))(x, w, q)


def test_results_of_any_operator_have_the_shapes_of_its_definition() -> None:
    shapes = (2, 6, 8, 3), (3, 3, 3, 4), (2, 5, 2, 8)
    data = ms.export(network, *(np.ones(s, np.float32) for s in shapes), backend="ascend")
    checked: set[str] = set()
    for file in (FILE, data):
        assert complaints(file) == []
        model = decode("ModelDef", file)
        ops = [op for g in model["graph"] for op in g["op"] if op["type"] in RULES]
        for op in ops:
            op["output_desc"][0]["shape"] = {"dim": [7, 7, 7]}
        found = complaints(encode("ModelDef", model))
        for op in ops:
            mine = [line for line in found if f"{op['type']} {op['name']}: " in line]
            assert any("has shape" in line or "does not take" in line for line in mine), op
            checked.add(op["type"])
    assert checked > {"Conv2D", "Conv2DBackpropFilter", "MaxPoolV3Grad", "FlashAttentionScoreGrad",
                      "BNTrainingReduceGrad", "ConcatV2", "Slice", "Reshape"}  # fmt: skip


def spread(x: Any) -> Any:
    total = lax.psum(x, "x")
    return lax.all_gather(total, "x"), lax.psum_scatter(total, "y", tiled=True)


def pieces() -> dict[str, bytes]:
    """Files of four devices."""
    mesh = Mesh((2, 2), ("x", "y"))
    run = ms.shard_map(spread, mesh=mesh, in_specs=P("x", "y"),
                       out_specs=(P(None, "x", "y"), P(("x", "y"))), check_vma=False)  # fmt: skip
    return ms.export(run, np.ones((4, 4), np.float32), backend="ascend")


TOGETHER: dict[str, Callable[[Message], Any]] = {
    "rank 2: HcomAllReduce": lambda m: find(m, "HcomAllReduce")["attr"]["group"].update(s=b"all"),
    "is no member": lambda m: find(m, "HcomAllReduce")["attr"]["group"].update(s=b"ranks_1_3"),
    "rank_size is not 2": lambda m: find(m, "HcomAllGather")["attr"]["rank_size"].update(i=4),
    "do not make the same calls": lambda m: find(m, "HcomAllReduce")["attr"]["reduction"].update(
        s=b"max"),
    "HcomAllReduce all_reduce: makes": lambda m: find(m, "HcomAllReduce")["output_desc"][0][
        "shape"].update(dim=[9, 9]),
    "arguments of": lambda m: find(m, "Data")["output_desc"][0]["shape"].update(dim=[9]),
}  # fmt: skip


def test_files_of_several_devices_fit_each_other() -> None:
    files = pieces()
    assert disagreements(files) == []
    for reason, breaks in TOGETHER.items():
        model = decode("ModelDef", files["rank2.air"])
        breaks(model)
        found = disagreements(files | {"rank2.air": encode("ModelDef", model)})
        assert any(reason in line for line in found), (reason, found)
    assert disagreements({k: v for k, v in files.items() if k != "rank1.air"})


def test_the_root_of_a_broadcast_is_a_member() -> None:
    files = export("""module @m attributes {mhlo.num_partitions = 2 : i32} {
  func.func public @main(%x: tensor<3xf32>) -> tensor<3xf32> {
    %y = "stablehlo.collective_broadcast"(%x) {replica_groups = dense<[[1, 0]]> : tensor<1x2xi64>,
      channel_handle = #stablehlo.channel_handle<handle = 1, type = 1>}
      : (tensor<3xf32>) -> tensor<3xf32>
    return %y : tensor<3xf32> } }""")
    assert isinstance(files, dict)
    assert disagreements(files) == []
    model = decode("ModelDef", files["rank1.air"])
    find(model, "HcomBroadcast")["attr"]["root_rank"].update(i=2)
    found = disagreements(files | {"rank1.air": encode("ModelDef", model)})
    assert any("the root is no member" in line for line in found), found
