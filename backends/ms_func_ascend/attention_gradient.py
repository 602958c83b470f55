"""Attention and its gradients as two operators, where training has spelled out the parts.

With P = softmax(scale Q K^T + shift), perhaps masked, and O = P V a training step computes, from
the gradient dO of the result,

    dV = P^T dO,   dM = scale * softmax'(P, dO V^T),   dQ = dM K,   dK = dM^T Q.

Where these three products and the forward one are all that P is for, `FlashAttentionScore` and
`FlashAttentionScoreGrad` compute the same without ever holding P. Programs in 16 bits take the
softmax in 32; so do the operators, and the conversions go with the rest.

Between the products tensors are transposed, and reshaped where several heads of queries share one
of keys. Each dimension is followed by what it is made of: b(atch), n (heads of keys), g (queries'
heads for each of those), t (queries), s (keys) and d (features); those of size 1 are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ms_func_ascend.emitter import Emitter
from ms_func_ascend.graph import Graph, Node, Tensor
from ms_func_ascend.legalize import holds, is_float
from ms_func_ascend.operators.arithmetic import negate
from ms_func_ascend.operators.attention import Scores, aligned, score, scores, takes

GRADIENT = "FlashAttentionScoreGrad"
_WEIGHTS = {3: ("b", "t", "s"), 4: ("b", "ng", "t", "s"), 5: ("b", "n", "g", "t", "s")}
"""The weights' dimensions, by their number."""
_LAYOUTS = {"BNSD": ("b", "n", "t", "d"), "BSND": ("b", "t", "n", "d")}

Dims = tuple[str, ...]
"""What each dimension of a tensor is made of: `("b", "ng", "t", "s")`."""


class View(NamedTuple):
    """A tensor before it was laid out anew, and what its dimensions are made of."""

    source: Tensor
    dims: Dims


class Product(NamedTuple):
    """A batched product of the weights or their gradient with another tensor.

    Attributes:
        out: the result.
        summed: the dimension that is summed over.
        other: the other operand.
    """

    out: View
    summed: str
    other: View


class Logits(NamedTuple):
    """Queries, keys, and how their products become logits of a shape."""

    q: View
    k: View
    scale: float
    shift: Tensor | None
    sign: int
    keep: Tensor | None
    fill: float
    shape: tuple[int, ...]


def attention_gradient(e: Emitter, slope: Node) -> None:
    """Replace attention around a `SoftmaxGrad` by the two operators, where everything fits."""
    reads = Readers(e.graph)
    p, dp = slope.inputs
    assert p is not None
    assert dp is not None
    p = _bare(p)
    sizes = _sizes(p, reads)
    if sizes is None or reads.returned(p):
        return
    d, whole = Dimensions(sizes), _WEIGHTS[len(p.shape)]
    if d.shape(whole) != p.shape:
        return
    whole = d.made(whole)
    logits = _logits(p.node, whole, d, reads)
    forward = _products(View(p, whole), d, reads, slope)
    inner = d.back(dp, whole, rounded=True)
    if logits is None or forward is None or inner is None or not reads.only(inner.source):
        return
    out, dv = forward
    dm = _scaled(View(slope.outputs[0], whole), logits, d, reads)
    backward = None if dm is None else _products(dm, d, reads)
    if backward is None or {*(_operands(inner, d) or ())} != {out.other, dv.other}:
        return
    dq, dk = backward
    if (dq.other, dk.other) == (logits.k, logits.q):
        _replace(e, d, logits, (out, dq, dk, dv), reads)


class Dimensions:
    """Sizes of the dimensions, and what layouts do to them."""

    def __init__(self, size: dict[str, int]) -> None:
        self.size = size

    def made(self, dims: Sequence[str]) -> Dims:
        """Dimensions without the parts of size 1."""
        return tuple("".join(c for c in dim if self.size[c] != 1) for dim in dims)

    def shape(self, dims: Sequence[str]) -> tuple[int, ...]:
        """The sizes of dimensions."""
        return tuple(math.prod(self.size[c] for c in dim) for dim in dims)

    def through(self, node: Node, dims: Dims) -> Dims | None:
        """Dimensions behind a layout, from those before it; None where it is none of these."""
        if node.op == "Transpose":
            order = node.permutation()
            return None if order is None else tuple(dims[k] for k in order)
        return self._split(dims, node.outputs[0].shape) if node.op == "Reshape" else dims

    def before(self, node: Node, dims: Dims) -> Dims | None:
        """Dimensions before a layout, from those behind it."""
        if node.op == "Transpose":
            order = node.permutation()
            return None if order is None else tuple(dims[order.index(k)] for k in range(len(dims)))
        (x, *_) = node.inputs
        assert x is not None
        return self._split(dims, x.shape) if node.op == "Reshape" else dims

    def _split(self, dims: Dims, shape: Sequence[int]) -> Dims | None:
        """The parts of dimensions, shared out to those of another shape."""
        parts, made = "".join(dims), []
        for n in shape:
            count, size = 0, 1
            while size < n and count < len(parts):
                size *= self.size[parts[count]]
                count += 1
            if size != n:
                return None
            made.append(parts[:count])
            parts = parts[count:]
        return None if parts else tuple(made)

    def forward(self, view: View, form: Tensor) -> Dims | None:
        """Dimensions of another form of a tensor."""
        if form is view.source:
            return view.dims
        (x, *_) = form.node.inputs
        assert x is not None
        dims = self.forward(view, x)
        return None if dims is None else self.through(form.node, dims)

    def back(self, t: Tensor, dims: Dims, rounded: bool = False) -> View | None:
        """A tensor before all its layouts; None where its shape is not that of `dims`.

        Args:
            t: the tensor.
            dims: what its dimensions are made of.
            rounded: whether to look through conversions to a narrower dtype, too.
        """
        if self.shape(dims) != t.shape:
            return None
        while _lays_out(t.node) and (rounded or not _rounds(t.node)):
            held = self.before(t.node, dims)
            if held is None:
                break
            (x, *_) = t.node.inputs
            assert x is not None
            t, dims = x, held
        return View(t, dims)

    def arranged(self, e: Emitter, view: View, dims: Dims) -> Tensor:
        """A tensor laid out with the dimensions `dims`."""
        own, wanted = "".join(view.dims), "".join(self.made(dims))
        apart = e.reshape(view.source, self.shape(own))
        return e.reshape(e.transpose(apart, [own.index(c) for c in wanted]), self.shape(dims))


class Readers:
    """Who reads each tensor of a graph; conversions of floats and layouts are looked through."""

    def __init__(self, graph: Graph) -> None:
        self.results = {id(t) for t in graph.results}

    def direct(self, t: Tensor) -> list[Node]:
        """Nodes that read a tensor as it is, once for each input that does."""
        return [node for node in t.readers for x in node.inputs if x is t]

    def of(self, t: Tensor) -> list[tuple[Node, Tensor]]:
        """Nodes that read a tensor in any float dtype and layout, and what they read."""
        return [(n, one) for one in self._forms(t) for n in self.direct(one) if not _lays_out(n)]

    def returned(self, t: Tensor) -> bool:
        """Whether a tensor is a result of the graph, in any form."""
        return any(id(one) in self.results for one in self._forms(t))

    def only(self, t: Tensor) -> bool:
        """Whether a tensor has one reader and is no result."""
        return len(self.of(t)) == 1 and not self.returned(t)

    def _forms(self, t: Tensor) -> Iterator[Tensor]:
        yield t
        for node in self.direct(t):
            if _lays_out(node) and node.inputs[0] is t:
                yield from self._forms(node.outputs[0])


def _lays_out(node: Node) -> bool:
    """Whether a node brings a tensor to another layout or another float dtype."""
    if node.op in ("Reshape", "Transpose"):
        return True
    x = node.inputs[0] if node.op == "Cast" else None
    return x is not None and is_float(x.dtype) and is_float(node.outputs[0].dtype)


def _rounds(node: Node) -> bool:
    """Whether a layout brings a tensor to a dtype that does not hold all its values."""
    (x, *_), y = node.inputs, node.outputs[0]
    return x is not None and x.dtype != y.dtype and not holds(y.dtype, x.dtype)


def _bare(t: Tensor) -> Tensor:
    """A tensor before it was brought to other layouts and float dtypes."""
    while _lays_out(t.node):
        (x, *_) = t.node.inputs
        assert x is not None
        t = x
    return t


def _axes(node: Node, k: int) -> tuple[int, int]:
    """Which of the last dimensions of operand `k` a product keeps, and which it sums over."""
    turned = bool(node.attr(f"adj_x{k + 1}"))
    return (-2, -1) if turned == bool(k) else (-1, -2)


def _operand(node: Node, t: Tensor) -> int | None:
    """The place of `t` in a plain batched product; None where it is no such operand."""
    if node.op != "BatchMatMulV2" or any(x is not None for x in node.inputs[2:]):
        return None
    return next((k for k, x in enumerate(node.inputs[:2]) if x is t), None)


def _sizes(p: Tensor, reads: Readers) -> dict[str, int] | None:
    """Sizes of the dimensions, from the weights and what they are multiplied with."""
    soft, last = p.node, len(p.shape) - 1
    if soft.op != "SoftmaxV2" or last + 1 not in _WEIGHTS or (
        list(soft.attr("axes")) not in ([last], [-1])
    ):  # fmt: skip
        return None
    (batch, *_, queries, keys), heads = p.shape, math.prod(p.shape[1:-2])
    for node, form in reads.of(p):
        k = _operand(node, form)
        other = None if k is None else node.inputs[1 - k]
        if k is None or other is None or 1 in (keys, queries):
            continue
        own, width = math.prod(other.shape[:-2]) // batch, other.shape[_axes(node, 1 - k)[0]]
        if own and heads % own == 0 and width > 1:
            return {"b": batch, "n": own, "g": heads // own, "t": queries, "s": keys, "d": width}
    return None


def _product(node: Node, form: Tensor, dims: Dims, d: Dimensions) -> Product | None:
    """A product with `form`, whose other operand adds the features."""
    k = _operand(node, form)
    if k is None:
        return None
    kept, summed = _axes(node, k)
    sides = {_axes(node, 1 - k)[0]: "d", _axes(node, 1 - k)[1]: dims[summed]}
    made = (dims[kept], "d") if k == 0 else ("d", dims[kept])
    other = node.inputs[1 - k]
    assert other is not None
    view = d.back(other, (*dims[:-2], sides[-2], sides[-1]))
    out = View(node.outputs[0], (*dims[:-2], *made))
    return None if view is None else Product(out, dims[summed], view)


def _products(
    view: View, d: Dimensions, reads: Readers, apart_from: Node | None = None
) -> tuple[Product, Product] | None:
    """The two readers of a tensor: products that sum over keys, and over queries."""
    found: list[Product] = []
    for node, form in reads.of(view.source):
        if node is not apart_from:
            dims = d.forward(view, form)
            made = None if dims is None else _product(node, form, dims, d)
            if made is None:
                return None
            found.append(made)
    found.sort(key=lambda p: p.summed != "s")
    return (found[0], found[1]) if [p.summed == "s" for p in found] == [True, False] else None


def _operands(product: View, d: Dimensions) -> tuple[View, View] | None:
    """Both operands of a product of queries or their like with keys or theirs."""
    node, dims = product.source.node, product.dims
    x, y = node.inputs[:2]
    if node.op != "BatchMatMulV2" or any(t is not None for t in node.inputs[2:]):
        return None
    views: list[View | None] = []
    for k, t in enumerate((x, y)):
        kept, _ = _axes(node, k)
        place = dims[-2 + k]
        assert t is not None
        views.append(d.back(t, (*dims[:-2], *((place, "d") if kept == -2 else ("d", place)))))
    first, second = views
    return None if first is None or second is None else (first, second)


def _logits(soft: Node, whole: Dims, d: Dimensions, reads: Readers) -> Logits | None:
    x, keep, fill = soft.inputs[0], None, 0.0
    assert x is not None
    x = _narrow(x)
    if x.node.op == "SelectV2" and reads.only(x):
        keep, kept, other = x.node.inputs
        number = None if other is None else other.number
        if number is None or number > -1e4:
            return None
        fill, x = number, _narrow(kept)
    ends: list[tuple[Tensor | None, Tensor | None, int]] = [(x, None, 1)]
    if x.node.op in ("Add", "Sub") and reads.only(x):
        one, other = x.node.inputs
        ends = [(one, other, 1), (other, one, 1)] if x.node.op == "Add" else [(one, other, -1)]
    for made, shift, sign in ends:
        found = _scaled_product(made, whole, d, reads)
        if found is not None:
            (q, k), scale = found
            return Logits(q, k, scale, shift, sign, keep, fill, soft.outputs[0].shape)
    return None


def _narrow(t: Tensor | None) -> Tensor:
    """A tensor before it was brought to other float dtypes."""
    assert t is not None
    while t.node.op == "Cast" and _lays_out(t.node):
        (x, *_) = t.node.inputs
        assert x is not None
        t = x
    return t


def _scaled_product(
    x: Tensor | None, whole: Dims, d: Dimensions, reads: Readers
) -> tuple[tuple[View, View], float] | None:
    """Queries and keys, and the number that their products are multiplied with."""
    scale = 1.0
    view = None if x is None else d.back(x, whole, rounded=True)
    while view is not None and reads.only(view.source):
        inner, number = view.source.node.multiple()
        if inner is None:
            break
        scale *= number
        view = d.back(inner, view.dims, rounded=True)
    sides = None if view is None or not reads.only(view.source) else _operands(view, d)
    if sides is None:
        return None
    one, other = sides
    return ((one, other) if any("t" in dim for dim in one.dims) else (other, one)), scale


def _scaled(view: View, logits: Logits, d: Dimensions, reads: Readers) -> View | None:
    """What is left of a gradient by masked and scaled logits: that by the product itself."""
    scale, open_ = 1.0, logits.keep is None
    while reads.only(view.source):
        ((node, form),) = reads.of(view.source)
        dims = d.forward(view, form)
        if node.op == "SelectV2" and node.inputs[0] is logits.keep and node.inputs[1] is form:
            if node.inputs[2] is None or node.inputs[2].number != 0:
                return None
            open_ = True
        elif node.multiple()[0] is form:
            scale *= node.multiple()[1]
        else:
            break
        if dims is None:
            return None
        view = View(node.outputs[0], dims)
    same = abs(scale - logits.scale) <= 1e-6 * abs(logits.scale)
    return view if open_ and same and not reads.returned(view.source) else None


def _replace(
    e: Emitter, d: Dimensions, logits: Logits, products: Sequence[Product], reads: Readers
) -> None:
    """The two operators in the place of the products."""
    out, _, _, dv = products
    fed = logits.q, logits.k, out.other, dv.other
    q = fed[0].source
    e.stem, e.source = "attention", out.out.source.node.source
    shapes = [d.shape(dims) for dims in _ports(_LAYOUTS["BNSD"])[:3]]
    turned = [d.made(dims) for dims in _ports(_LAYOUTS["BSND"])]
    whole = [*fed, *(p.out for p in products)]  # each holds the dimensions that it should
    fits = {view.source.dtype for view in fed} == {q.dtype} and all(
        sorted("".join(view.dims)) == sorted("".join(dims))
        for view, dims in zip(whole, (*turned, turned[0], *turned[:3]), strict=True)
    )
    how = None
    if fits and e.has(GRADIENT) and takes(e, q, shapes):
        how = _scores(e, logits, shapes, q)
    if how is None:
        return
    plain = sum("".join(v.dims) == "".join(t) for v, t in zip(fed, turned, strict=True))
    layout = "BSND" if plain > 2 else "BNSD"
    ports = _ports(_LAYOUTS[layout])
    held = [d.arranged(e, view, dims) for view, dims in zip(fed, ports, strict=True)]
    results = _operators(e, held, how, shapes[0], layout)
    for product, made, dims in zip(products, results, [ports[0], *ports[:3]], strict=True):
        _deliver(e, d, product.out, View(made, d.made(dims)), reads)


def _scores(
    e: Emitter, logits: Logits, shapes: Sequence[Sequence[int]], q: Tensor
) -> Scores | None:
    """How the operators are told what becomes of products of queries and keys."""
    full = *shapes[0][:3], shapes[1][2]
    keep, shift = (
        None if x is None else aligned(e, x, logits.shape, full)
        for x in (logits.keep, logits.shift)
    )
    if shift is not None and logits.sign < 0:
        shift = negate(e, shift)
    return scores(e, keep, logits.fill, shift, logits.scale, shapes, q.dtype)


def _ports(order: Sequence[str]) -> list[Dims]:
    """Dimensions of queries, keys, values and the gradient of the result in a layout."""
    queries = tuple({"n": "ng"}.get(c, c) for c in order)
    keys = tuple({"t": "s"}.get(c, c) for c in order)
    return [queries, keys, keys, queries]


def _operators(
    e: Emitter, fed: list[Tensor], how: Scores, shape: Sequence[int], layout: str
) -> list[Tensor]:
    """The result, and the gradients by queries, keys and values."""
    order = [0, 2, 1, 3] if layout == "BSND" else [0, 1, 2, 3]
    q, k, v, dy = how.queries(e, fed[0], order), *fed[1:]
    top, total, _, made = score(e, [q, k, v], how, shape, layout)
    # The gradient's default window is narrower than that of the score.
    attrs: dict[str, Any] = {
        "head_num": shape[1], "input_layout": layout, "scale_value": how.factor,
        "pre_tockens": 2**31 - 1, "next_tockens": 2**31 - 1,
    }  # fmt: skip
    dq, dk, dv, _ = e.node(
        GRADIENT, [q, k, v, dy, how.shift, None, None, how.out, top, total, None, made],
        [*((t.shape, t.dtype) for t in (q, k, v)), ((0,), q.dtype)], **attrs,
    )  # fmt: skip
    return [made, how.slopes(e, dq, order), dk, dv]


def _deliver(e: Emitter, d: Dimensions, old: View, made: View, reads: Readers) -> None:
    """A result to those who read `old` in any form."""
    t = old.source
    plain = id(t) in reads.results
    for node in reads.direct(t):
        dims = d.through(node, old.dims) if _lays_out(node) and node.inputs[0] is t else None
        if dims is None:
            plain = True
        else:
            _deliver(e, d, View(node.outputs[0], dims), made, reads)
    if plain:
        e.graph.redirect(t, e.cast(d.arranged(e, made, old.dims), t.dtype))
