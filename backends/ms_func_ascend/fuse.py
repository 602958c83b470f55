"""Rewrites of a finished graph that use more of an operator than its translation did.

A bias added to a product or a convolution goes into the operator's `bias` port, a sum that an
RMS norm begins with into the norm, the gradient of a shift is taken from the norm that makes it
anyway, attention whose gradients are taken becomes two operators, Adam's update of a parameter one,
and dimensions that a reduction drops only to get them back are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from ms_func_ascend.adam import adam
from ms_func_ascend.attention_gradient import attention_gradient
from ms_func_ascend.emitter import Emitter, Options
from ms_func_ascend.graph import Graph, Node, Tensor
from ms_func_ascend.layout import channels_last
from ms_func_ascend.prototypes import accepts, available

_CHANNEL = {"MatMulV2": 1, "Conv2D": 1}
"""Dimension of the result that a bias runs along."""


def fuse(graph: Graph) -> None:
    """Fuse a graph and its sub-graphs in place."""
    for one in graph.walk():
        e, uses = Emitter(one, Options(target=one.target)), _uses(one)
        for node in list(one.nodes):
            for rewrite in _REWRITES.get(node.op, ()):
                rewrite(e, node, uses)
        uses = _uses(one)
        for node in list(one.nodes):
            if node.op in ("Add", "Sub"):
                _multiple(e, node, uses)
        channels_last(one)
        _sort(one)
        one.prune()


def _uses(graph: Graph) -> Counter[int]:
    uses = Counter(id(t) for node in graph.nodes for t in node.inputs if t is not None)
    uses.update(id(t) for t in graph.results)
    return uses


def _bias(e: Emitter, add: Node, uses: Counter[int]) -> None:
    """Move the vector of `add` into the operator whose result it is added to."""
    graph = e.graph
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
            node.feed(2, bias)
            graph.redirect(add.outputs[0], product)
            uses[id(product)] = uses[id(add.outputs[0])]
            return


def _residual(e: Emitter, norm: Node, uses: Counter[int]) -> None:
    """Let the norm add up its argument: it also gives the sum to whoever else reads it."""
    graph, (x, gamma) = e.graph, norm.inputs
    add = None if x is None else x.node
    if x is None or add is None or add.op != "Add" or not available("AddRmsNorm", graph.target):
        return
    if any(t is None or (t.shape, t.dtype) != (x.shape, x.dtype) for t in add.inputs):
        return
    outputs = [(t.shape, t.dtype) for t in (*norm.outputs, x)]
    attrs = {"epsilon": norm.attr("epsilon")}
    made = graph.add("AddRmsNorm", [*add.inputs, gamma], outputs, attrs, source=norm.source,
                     name=norm.name)  # fmt: skip
    for old, new in zip((*norm.outputs, x), made.outputs, strict=True):
        uses[id(new)] = uses[id(old)]
        graph.redirect(old, new)


def _shift_gradient(e: Emitter, total: Node, uses: Counter[int]) -> None:
    """A sum over rows of what a gradient of a layer norm is given: its third result."""
    graph, (x, axes) = e.graph, total.inputs
    assert x is not None
    assert axes is not None
    narrow = x.node.inputs[0] if x.node.op == "Cast" else x  # sums of 16 bits are formed in 32
    assert narrow is not None
    if _batch_sums(e, total, narrow):
        return
    for node in narrow.readers:
        if node.op != "LayerNormGradV3" or node.inputs[0] is not narrow:
            continue
        shift, made = node.outputs[2], total.outputs[0]
        rows = list(range(len(x.shape) - len(shift.shape)))
        held = axes.value
        if held is not None and held.tolist() == rows and shift.shape == made.shape:
            back = [n.outputs[0] for n in made.readers if n.op == "Cast"]
            for t in (made, *back):
                if t.dtype == shift.dtype:
                    graph.redirect(t, shift)
            return


def _batch_sums(e: Emitter, total: Node, x: Tensor) -> bool:
    """Sums over images that a batch norm or its gradient makes anyway; whether it is one."""
    axes = total.inputs[1]
    if len(x.shape) != 4 or axes is None or axes.value is None:
        return False
    dims = sorted(axes.value.reshape(-1).tolist())
    y, other = x.node.inputs if x.node.op == "Mul" else (None, x)
    fed = [(x, node, 0) for node in x.readers]
    fed += [(y, node, 1) for node in y.readers] if y is not None and y is other else []
    for source, node, square in fed:
        read, made = _SUMS.get(node.op, (0, 0))
        if node.op not in _SUMS or node.inputs[read] is not source or (square and made):
            continue
        channel = node.layouts["x"].index("C")
        t = node.outputs[made + square]
        if dims == [d for d in range(4) if d != channel] and t.dtype == total.outputs[0].dtype:
            e.graph.redirect(total.outputs[0], e.reshape(t, total.outputs[0].shape))
            return True
    return False


_SUMS = {"BNTrainingReduce": (0, 0), "BNTrainingUpdateGrad": (0, 1)}
"""Operators whose results are sums over images: which input, which output; that of squares next."""


def _kept_dimensions(e: Emitter, reshape: Node, uses: Counter[int]) -> None:
    """Let a reduction keep the dimensions that a reshape would put back."""
    graph, x = e.graph, reshape.inputs[0]
    total = None if x is None else x.node
    if x is None or total is None or total.op not in _REDUCE or uses[id(x)] != 1:
        return
    source, axes = total.inputs
    if source is None or axes is None or axes.value is None or total.attr("keep_dims"):
        return
    dims = axes.value.reshape(-1).tolist()
    shape = tuple(1 if d in dims else n for d, n in enumerate(source.shape))
    if shape == reshape.outputs[0].shape:
        made = graph.add(total.op, [source, axes], [(shape, x.dtype)], {"keep_dims": True},
                         source=total.source, name=total.name)  # fmt: skip
        uses[id(made.outputs[0])] = uses[id(reshape.outputs[0])]
        graph.redirect(reshape.outputs[0], made.outputs[0])


def _mean(e: Emitter, node: Node, uses: Counter[int]) -> None:
    """Divide the sum of a window by its size where the operator has done so already."""
    sums, number = node.multiple()
    pool, area = (None, 1.0) if sums is None else sums.node.multiple()
    if sums is None or pool is None or pool.node.op not in _MEANS:
        return
    if uses[id(sums)] != 1 or uses[id(pool)] != 1:
        return
    if abs(number * area - 1) < 1e-6:
        uses[id(pool)] = uses[id(node.outputs[0])]
        e.graph.redirect(node.outputs[0], pool)


def _mean_gradient(e: Emitter, node: Node, uses: Counter[int]) -> None:
    """The same on the way back: the division comes first."""
    pool, area = node.multiple()
    if pool is None or pool.node.op not in _MEANS or uses[id(pool)] != 1:
        return
    divided = pool.node.inputs[-1]
    dy, number = (None, 1.0) if divided is None else divided.node.multiple()
    if dy is not None and uses[id(divided)] == 1 and abs(number * area - 1) < 1e-6:
        pool.node.feed(-1, dy)
        uses[id(pool)] = uses[id(node.outputs[0])]
        e.graph.redirect(node.outputs[0], pool)


def _multiple(e: Emitter, node: Node, uses: Counter[int]) -> None:
    """Add a multiple of one tensor to another in one step."""
    x, y = node.inputs
    for one, other in ((x, y), (y, x)) if node.op == "Add" else ((x, y),):
        assert one is not None
        assert other is not None
        scaled, number = other.node.multiple() if other.node.op == "Mul" else (None, 1.0)
        if scaled is None or uses[id(other)] != 1 or not e.has("Axpy"):
            continue
        made = node.outputs[0]
        if {one.shape, scaled.shape} != {made.shape} or made.dtype.kind not in "fV":
            continue
        if made.shape and made.dtype.itemsize <= 4:
            e.stem, e.source = "axpy", node.source
            alpha = float(number if node.op == "Add" else -number)
            total = e.one("Axpy", [one, scaled], made.shape, made.dtype, alpha=alpha)
            uses[id(total)] = uses[id(made)]
            e.graph.redirect(made, total)
            return


_MEANS = ("AvgPoolV2", "AvgPoolV2Grad")
_REDUCE = ("ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceAll", "ReduceAny")
_REWRITES: dict[str, tuple[Callable[[Emitter, Node, Counter[int]], None], ...]] = {
    "Add": (_bias, adam), "Sub": (adam,), "RmsNorm": (_residual,), "ReduceSum": (_shift_gradient,),
    "Reshape": (_kept_dimensions,), "RealDiv": (_mean,), "Mul": (_mean, _mean_gradient),
    "SoftmaxGrad": (lambda e, node, uses: attention_gradient(e, node),),
}  # fmt: skip


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
    order = node.permutation()
    return None if order is None else (inner.node, order.index(1))


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
    return None if x.value is None else graph.constant(x.value.reshape(-1), "bias")


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
