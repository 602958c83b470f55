"""The checker: a right graph passes, and every rule broken once is noticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ms_func_ascend import Graph, GraphError, SimulationError, check_graph, simulate
from ms_func_ascend.graph import check_node
from ms_func_ascend.prototypes import lookup, version

F32, F16, I32, I64 = (np.dtype(d) for d in (np.float32, np.float16, np.int32, np.int64))
BOOL = np.dtype(np.bool_)


def sample() -> Graph:
    """x (2, 3) and w (3, 2): tanh(x w) summed, then a loop that doubles it."""
    graph = Graph("main")
    x, w = graph.parameter((2, 3), F32), graph.parameter((3, 2), F32)
    product = graph.add("MatMulV2", [x, w], [((2, 2), F32)]).outputs[0]
    tanh = graph.add("Tanh", [product], [((2, 2), F32)]).outputs[0]
    axes = graph.constant(np.array([0, 1], np.int64), "axes")
    total = graph.add("ReduceSum", [tanh, axes], [((), F32)]).outputs[0]
    both = graph.add("Pack", [[total, total]], [((2,), F32)], {"N": 2}).outputs[0]
    half = graph.add("Cast", [both], [((2,), F16)], {"dst_type": 1}).outputs[0]
    cond, body = Graph("cond"), Graph("body")
    v = cond.parameter((), F32)
    limit = cond.constant(np.array(9, np.float32))
    cond.results = cond.add("Less", [v, limit], [((), BOOL)]).outputs
    u = body.parameter((), F32)
    one = body.add("Exp", [u], [((), F32)]).outputs[0]
    body.results = body.add("Add", [u, one], [((), F32)]).outputs
    loop = graph.add("While", [[total]], [((), F32)], graphs=[cond, body], name="loop")
    graph.results = [half, loop.outputs[0]]
    return graph


def node(graph: Graph, op: str) -> Any:
    return next(n for g in graph.walk() for n in g.nodes if n.op == op)


def test_a_right_graph_passes() -> None:
    graph = sample()
    check_graph(graph)
    half, value = simulate(graph, [np.ones((2, 3), np.float32), np.ones((3, 2), np.float32)])
    assert half.dtype == np.float16
    assert value > 9


def change(op: str, /, **fields: Any) -> Callable[[Graph], None]:
    def apply(graph: Graph) -> None:
        for name, value in fields.items():
            setattr(node(graph, op), name, value)

    return apply


def _retype(op: str, dtype: np.dtype) -> Callable[[Graph], None]:
    return lambda graph: setattr(node(graph, op).outputs[0], "dtype", dtype)


def _later(graph: Graph) -> None:
    graph.nodes.append(graph.nodes.pop(2))


def _share(graph: Graph) -> None:
    node(graph, "While").graphs[1].name = "cond"


def _swap_results(graph: Graph) -> None:
    loop = node(graph, "While")
    loop.graphs[1].results = []


def _condition(graph: Graph) -> None:
    loop = node(graph, "While")
    loop.graphs[0].results = [node(graph, "Const").outputs[0]]


BREAKS: dict[str, tuple[Callable[[Graph], None], str]] = {
    "unknown operator": (change("Tanh", op="Tangent"), "no operator 'Tangent'"),
    "input too few": (change("MatMulV2", inputs=[], input_names=[]), "port 'x1' expected"),
    "required input unfed": (
        lambda g: node(g, "MatMulV2").inputs.__setitem__(1, None), "'x2' is not fed"),
    "port misnamed": (change("Tanh", input_names=["y"]), "port 'x' expected, not y"),
    "port too many": (
        change("Tanh", input_names=["x", "z"], inputs=[None, None]), "not fed|no port 'z'"),
    "name without input": (change("Tanh", input_names=["x", "z"]), "1 inputs, 2 names"),
    "dynamic ports not counted from 0": (
        change("Pack", input_names=["x1", "x2"]), "no port 'x1'"),
    "N is not the count": (lambda g: node(g, "Pack").attrs.update(N=3), "N is not the number"),
    "input dtype": (_retype("MatMulV2", np.dtype(np.int64)), "does not take int64"),
    "output dtype": (_retype("Exp", I64), "'y' does not take int64"),
    "output misnamed": (change("Tanh", output_names=["z"]), "port 'y' expected"),
    "attribute missing": (lambda g: node(g, "Cast").attrs.clear(), "'dst_type' is missing"),
    "attribute unknown": (lambda g: node(g, "Tanh").attrs.update(speed=1), "no attribute 'speed'"),
    "attribute of another type": (
        lambda g: node(g, "ReduceSum").attrs.update(keep_dims=1), "must be Bool"),
    "integer attribute as boolean": (
        lambda g: node(g, "Cast").attrs.update(dst_type=True), "must be Int"),
    "constant without value": (lambda g: node(g, "Const").attrs.clear(), "'value' is missing"),
    "constant of another shape": (
        lambda g: node(g, "Const").attrs.update(value=np.zeros(3, np.int64)),
        "not what its output"),
    "argument without index": (lambda g: node(g, "Data").attrs.clear(), "'index' is missing"),
    "argument numbers": (lambda g: node(g, "Data").attrs.update(index=5), "not numbered 0..n-1"),
    "name twice": (change("Tanh", name="MatMulV2"), "two nodes are called"),
    "name that no reader takes": (change("Tanh", name="a b"), "not a node name"),
    "edge to a later node": (_later, "not made yet"),
    "edge to another graph": (
        lambda g: node(g, "Exp").inputs.__setitem__(0, node(g, "Tanh").outputs[0]),
        "not made yet"),
    "result of another graph": (
        lambda g: g.results.append(node(g, "Exp").outputs[0]), "is not made in it"),
    "sub-graph missing": (lambda g: node(g, "While").graphs.pop(), "1 sub-graphs"),
    "sub-graph where none belongs": (change("Tanh", graphs=[Graph("h")]), "1 sub-graphs"),
    "graph name twice": (_share, "two graphs have the same name"),
    "results of the body": (_swap_results, "results of body do not fit"),
    "result of the condition": (_condition, "not made in it|not one boolean"),
    "arguments of the body": (
        lambda g: node(g, "While").graphs[1].parameter((), F32), "arguments of body do not fit"),
    "loop that loses a value": (
        lambda g: node(g, "While").outputs.pop(), "1 in, 0 out|port"),
}  # fmt: skip


@pytest.mark.parametrize("rule", BREAKS)
def test_every_broken_rule_is_noticed(rule: str) -> None:
    apply, reason = BREAKS[rule]
    graph = sample()
    apply(graph)
    with pytest.raises(GraphError, match=reason):
        check_graph(graph)


def test_a_wrong_node_is_not_even_made() -> None:
    graph = Graph("g")
    x = graph.parameter((2,), np.dtype(np.uint32))
    with pytest.raises(GraphError, match="'x1' does not take uint32"):
        graph.add("Add", [x, x], [((2,), np.dtype(np.uint32))])
    with pytest.raises(GraphError, match="2 fed"):
        graph.add("Tanh", [x, x], [((2,), F32)])


def test_operands_of_one_symbol_have_one_dtype() -> None:
    graph = Graph("g")
    x, y = graph.parameter((2,), F32), graph.parameter((2,), F16)
    with pytest.raises(GraphError, match="different dtypes"):
        graph.add("Mul", [x, y], [((2,), F32)])
    with pytest.raises(GraphError, match="others with it"):
        graph.add("Complex", [x, graph.parameter((2,), np.dtype(np.float64))],
                  [((2,), np.dtype(np.complex64))])  # fmt: skip


def test_a_target_version_excludes_newer_operators() -> None:
    graph = Graph("g", target="v1.0.0")
    x = graph.parameter((2,), I32)
    with pytest.raises(GraphError, match=r"later version than v1\.0\.0"):
        graph.add("LeftShift", [x, x], [((2,), I32)])
    assert version("v0.5.0-beta") < version("v1.3.0") < version("v2.2.10") < version("latest")


def test_the_table_holds_no_surprise() -> None:
    """Spot checks against the published headers."""
    conv = lookup("Conv2D")
    assert conv is not None
    kinds = {p.name: p.kind for p in conv.inputs}
    assert list(kinds) == ["x", "filter", "bias", "offset_w"]
    assert list(kinds.values()) == ["required", "required", "optional", "optional"]
    assert conv.attributes["data_format"].default == "NHWC"
    assert conv.attributes["strides"].required
    case = lookup("Case")
    assert case is not None
    assert case.graphs == (("branches", "dynamic"),)
    assert lookup("NoSuchOperator") is None


def test_defaults_are_not_stored() -> None:
    graph = Graph("g")
    x = graph.parameter((2, 3), F32)
    axes = graph.constant(np.array([0], np.int64))
    made = graph.add("ReduceSum", [x, axes], [((3,), F32)], {"keep_dims": False})
    assert made.attrs == {}
    assert made.attr("keep_dims") is False
    with pytest.raises(GraphError, match="no attribute"):
        made.attr("speed")
    check_node(made)


def test_unused_nodes_are_pruned_and_arguments_kept() -> None:
    graph = Graph("g")
    x, _ = graph.parameter((2,), F32), graph.parameter((2,), F32)
    graph.add("Exp", [x], [((2,), F32)])
    graph.results = graph.add("Tanh", [x], [((2,), F32)]).outputs
    graph.prune()
    assert graph.count() == {"Data": 2, "Tanh": 1}


# -- the interpreter -----------------------------------------------------------------------


def run(op: str, *inputs: np.ndarray, out: Any, **attrs: Any) -> np.ndarray:
    graph = Graph("g")
    fed = [graph.parameter(x.shape, x.dtype) for x in inputs]
    graph.results = graph.add(op, fed, [out], attrs).outputs
    return simulate(graph, list(inputs))[0]


def test_the_interpreter_promises_no_more_than_the_operators() -> None:
    """What kernels leave open goes the unhelpful way, so that graphs do not lean on it."""
    nan, one = np.array([np.nan], np.float32), np.array([1], np.float32)
    kind = ((1,), F32)
    assert run("Maximum", nan, one, out=kind) == 1
    assert run("Sign", nan, out=kind) == 0
    assert run("ReduceMax", np.array([np.nan, 1], np.float32), np.array([0]), out=((), F32)) == 1
    assert run("Cast", nan, out=((1,), I32), dst_type=3) == -(2**31)
    i = np.array([1], np.int32)
    assert run("LeftShift", i, np.array([33], np.int32), out=((1,), I32)) == 2
    for op in ("TruncateDiv", "TruncateMod"):
        with pytest.raises(SimulationError, match="by zero"):
            run(op, i, i * 0, out=((1,), I32))
    with pytest.raises(SimulationError, match="out of range"):
        run("GatherV2", one, i, np.array(0), out=((1,), F32))
    with pytest.raises(SimulationError, match="slice of 2 from 0 out of 1"):
        run("Slice", one, np.array([0]), np.array([2]), out=((2,), F32))


def test_a_graph_that_lies_about_its_shapes_is_caught() -> None:
    with pytest.raises(SimulationError, match=r"makes float32\[1\], the graph says float32\[2\]"):
        run("Tanh", np.zeros(1, np.float32), out=((2,), F32))
    graph = sample()
    with pytest.raises(SimulationError, match="takes 2 arguments"):
        simulate(graph, [])
    with pytest.raises(SimulationError, match="argument arg0"):
        simulate(graph, [np.zeros((2, 3)), np.zeros((3, 2), np.float32)])
