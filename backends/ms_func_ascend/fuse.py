"""Rewrites of a finished graph that use more of an operator than its translation did.

A bias added to a product or a convolution goes into the operator's `bias` port, if nobody
else uses the product.
"""

from __future__ import annotations

from collections import Counter

from ms_func_ascend.graph import Graph, Node, Tensor
from ms_func_ascend.prototypes import accepts

_CHANNEL = {"MatMulV2": 1, "Conv2D": 1}
"""Dimension of the result that a bias runs along."""


def fuse(graph: Graph) -> None:
    """Fuse a graph and its sub-graphs in place."""
    for one in graph.walk():
        uses = _uses(one)
        for node in list(one.nodes):
            if node.op == "Add":
                _bias(one, node, uses)
        _sort(one)
        one.prune()


def _uses(graph: Graph) -> Counter[int]:
    uses = Counter(id(t) for node in graph.nodes for t in node.inputs if t is not None)
    uses.update(id(t) for t in graph.results)
    return uses


def _bias(graph: Graph, add: Node, uses: Counter[int]) -> None:
    """Move the vector of `add` into the operator whose result it is added to."""
    for product, vector in (add.inputs, reversed(add.inputs)):
        assert product is not None
        assert vector is not None
        found = _producer(product, uses)
        if found is None or product.shape != add.outputs[0].shape:
            continue
        node, axis = found
        bias = _vector(graph, vector, len(product.shape), axis)
        if bias is None or bias.shape != (product.shape[axis],):
            continue
        if node.inputs[2] is None and accepts(node.op, "bias", bias.dtype):
            node.inputs[2] = bias
            _redirect(graph, add.outputs[0], product)
            uses[id(product)] = uses[id(add.outputs[0])]
            return


def _producer(product: Tensor, uses: Counter[int]) -> tuple[Node, int] | None:
    """The operator behind a product, and the dimension of the product a bias runs along."""
    node = product.node
    if uses[id(product)] != 1:
        return None
    if node.op in _CHANNEL:
        return node, _CHANNEL[node.op]
    inner = node.inputs[0] if node.op == "Transpose" else None
    if inner is None or inner.node.op != "Conv2D" or uses[id(inner)] != 1:
        return None
    perm = node.inputs[1]
    if perm is None or perm.node.op != "Const":
        return None
    return inner.node, perm.node.attrs["value"].tolist().index(1)


def _vector(graph: Graph, x: Tensor, rank: int, axis: int) -> Tensor | None:
    """A tensor that varies along `axis` alone, as a vector."""
    shape = (1,) * (rank - len(x.shape)) + x.shape
    if any(n != 1 for d, n in enumerate(shape) if d != axis) or not x.shape:
        return None
    if len(x.shape) == 1:
        return x
    source = x.node.inputs[0] if x.node.op == "Reshape" else None
    if source is not None and source.shape == (shape[axis],):
        return source
    if x.node.op == "Const":
        return graph.constant(x.node.attrs["value"].reshape(-1), "bias")
    return None


def _redirect(graph: Graph, old: Tensor, new: Tensor) -> None:
    for node in graph.nodes:
        node.inputs = [new if t is old else t for t in node.inputs]
    graph.results = [new if t is old else t for t in graph.results]


def _sort(graph: Graph) -> None:
    """Put the nodes back into an order in which they can run."""
    order: list[Node] = []
    done: set[int] = set()
    for root in graph.nodes:
        stack = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if ready:
                order.append(node)
            elif id(node) not in done:
                done.add(id(node))
                stack.append((node, True))
                stack += [(n, False) for n in reversed(node.before())]
    graph.nodes = order
