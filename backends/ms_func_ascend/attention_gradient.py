"""Attention and its gradients as two operators, where training has spelled out the parts.

With P = softmax(scale Q K^T), perhaps masked, and O = P V a training step computes, from the
gradient dO of the result,

    dV = P^T dO,   dM = scale * softmax'(P, dO V^T),   dQ = dM K,   dK = dM^T Q.

Where these three products and the forward one are all that P is for, `FlashAttentionScore` and
`FlashAttentionScoreGrad` compute the same without ever holding P. Programs in 16 bits take the
softmax in 32; so do the operators, and the conversions go with the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ms_func_ascend.emitter import Emitter
from ms_func_ascend.graph import Graph, Node, Tensor
from ms_func_ascend.legalize import is_float
from ms_func_ascend.operators.attention import Masked, masked, score, takes

GRADIENT = "FlashAttentionScoreGrad"
_HEADS_FIRST, _SWAPPED, _TURNED = (0, 1, 2, 3), (0, 2, 1, 3), (0, 1, 3, 2)
_SCALING = ("Mul", "RealDiv")


class Product(NamedTuple):
    """A batched product seen from one operand `t`: `t other`, each turned around or not.

    Attributes:
        node: the product.
        turned: whether `t` enters turned around.
        other: the other operand, before it was brought to another dtype.
        other_turned: whether that enters turned around.
        result_turned: whether the result is that of the product turned around.
    """

    node: Node
    turned: bool
    other: Tensor
    other_turned: bool
    result_turned: bool


class Logits(NamedTuple):
    """scale Q K^T, the elements that stay and what others are; K may lie turned around."""

    q: Tensor
    k: Tensor
    k_turned: bool
    scale: float
    keep: Tensor | None
    fill: float


class Held(NamedTuple):
    """Heads as batch, head, position, feature: the dimensions of a tensor in some order."""

    source: Tensor
    order: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of batch, heads, positions and features."""
        return tuple(self.source.shape[d] for d in self.order)


def attention_gradient(e: Emitter, slope: Node) -> None:
    """Replace attention around a `SoftmaxGrad` by the two operators, where everything fits."""
    reads = Readers(e.graph)
    p, dp = (_bare(t) for t in slope.inputs)
    logits = _logits(p, reads)
    forward = _products(p, [n for n in reads.of(p) if n is not slope])
    if logits is None or forward is None:
        return
    out, dv = forward
    inner = _product(dp.node, dv.other)
    if inner is None or inner[1:4] != (False, out.other, True) or inner.result_turned:
        return
    dm = _scaled(slope.outputs[0], logits, reads)
    backward = None if dm is None else _products(dm, reads.of(dm))
    if dm is None or backward is None or len(reads.of(dp)) != 1 or reads.returned(dm):
        return
    dq, dk = backward
    turned = out.other_turned, dv.other_turned, dk.other_turned, dq.other_turned
    if turned != (False, False, False, logits.k_turned) or reads.returned(p):
        return
    held = [_held(t) for t in (logits.q, logits.k, out.other, dv.other)]
    if logits.k_turned:
        held[1] = Held(held[1].source, tuple(held[1].order[d] for d in _TURNED))
    if dq.other is logits.k and dk.other is logits.q:
        _replace(e, held, logits, (out, dq, dk, dv), reads)


class Readers:
    """Who reads each tensor of a graph; conversions between float dtypes are looked through."""

    def __init__(self, graph: Graph) -> None:
        self.results = {id(t) for t in graph.results}
        self.found: dict[int, list[Node]] = {}
        for node in graph.nodes:
            for t in node.inputs:
                if t is not None:
                    self.found.setdefault(id(t), []).append(node)

    def direct(self, t: Tensor) -> list[Node]:
        """Nodes that read a tensor as it is."""
        return self.found.get(id(t), [])

    def of(self, t: Tensor) -> list[Node]:
        """Nodes that read a tensor in any float dtype."""
        return [n for one in self._forms(t) for n in self.direct(one) if not _rounds(n)]

    def returned(self, t: Tensor) -> bool:
        """Whether a tensor is a result of the graph, in any float dtype."""
        return any(id(one) in self.results for one in self._forms(t))

    def _forms(self, t: Tensor) -> Iterator[Tensor]:
        yield t
        for node in self.direct(t):
            if _rounds(node):
                yield from self._forms(node.outputs[0])


def _rounds(node: Node) -> bool:
    """Whether a node brings a tensor to another float dtype."""
    x = node.inputs[0] if node.op == "Cast" else None
    return x is not None and is_float(x.dtype) and is_float(node.outputs[0].dtype)


def _bare(t: Tensor | None) -> Tensor:
    """A tensor before it was brought to other float dtypes."""
    assert t is not None
    while _rounds(t.node):
        assert t.node.inputs[0] is not None
        t = t.node.inputs[0]
    return t


def _held(t: Tensor) -> Held:
    """A tensor, or what it is a transpose of."""
    order = _order(t.node)
    return Held(t, _HEADS_FIRST) if order is None else Held(_bare(t.node.inputs[0]), tuple(order))


def _product(node: Node, t: Tensor) -> Product | None:
    if node.op != "BatchMatMulV2" or any(x is not None for x in node.inputs[2:]):
        return None
    x, y = (_bare(operand) for operand in node.inputs[:2])
    first, second = bool(node.attr("adj_x1")), bool(node.attr("adj_x2"))
    if x is t:
        return Product(node, first, y, second, False)
    return Product(node, not second, x, not first, True) if y is t else None


def _products(t: Tensor, nodes: Sequence[Node]) -> tuple[Product, Product] | None:
    """The two readers of `t`: a product with it, and one with it turned around."""
    found = [_product(n, t) for n in nodes]
    if len(found) != 2 or found[0] is None or found[1] is None:
        return None
    plain, turned = sorted((found[0], found[1]), key=lambda p: p.turned)
    return (plain, turned) if (plain.turned, turned.turned) == (False, True) else None


def _logits(p: Tensor, reads: Readers) -> Logits | None:
    soft = p.node
    if soft.op != "SoftmaxV2" or len(p.shape) != 4 or list(soft.attr("axes")) not in ([3], [-1]):
        return None
    x, keep, scale, fill = _bare(soft.inputs[0]), None, 1.0, 0.0
    if x.node.op == "SelectV2" and len(reads.of(x)) == 1:
        number = _number(x.node.inputs[2])
        if number is None or number > -1e4:
            return None
        keep, fill, x = x.node.inputs[0], number, _bare(x.node.inputs[1])
    if x.node.op in _SCALING and len(reads.of(x)) == 1:
        scaled, scale = _factor(x.node)
        if scaled is None:
            return None
        x = _bare(scaled)
    if x.node.op != "BatchMatMulV2" or len(reads.of(x)) != 1:
        return None
    q, k = (_bare(operand) for operand in x.node.inputs[:2])
    inner = _product(x.node, q)
    if inner is None or inner.turned or inner.result_turned:
        return None
    return Logits(q, k, not inner.other_turned, scale, keep, fill)


def _scaled(ds: Tensor, logits: Logits, reads: Readers) -> Tensor | None:
    """What is left of a gradient by masked and scaled logits: that by the product itself."""
    scale, open_ = 1.0, logits.keep is None
    while len(reads.of(ds)) == 1 and not reads.returned(ds):
        (node,) = reads.of(ds)
        if node.op == "SelectV2" and node.inputs[0] is logits.keep and _bare(node.inputs[1]) is ds:
            if _number(node.inputs[2]) != 0:
                return None
            open_ = True
        elif node.op in _SCALING and _factor(node)[0] is not None and (
            _bare(_factor(node)[0]) is ds
        ):  # fmt: skip
            scale *= _factor(node)[1]
        else:
            break
        ds = node.outputs[0]
    same = abs(scale - logits.scale) <= 1e-6 * abs(logits.scale)
    return ds if open_ and same else None


def _factor(node: Node) -> tuple[Tensor | None, float]:
    """The operand that a number is multiplied with, and the number; None where there is none."""
    x, y = node.inputs
    if node.op == "RealDiv":
        number = _number(y)
        return (x, 1 / number) if number else (None, 1.0)
    for one, other in ((x, y), (y, x)):
        if (number := _number(other)) is not None:
            return one, number
    return None, 1.0


def _number(x: Tensor | None) -> float | None:
    if x is None or x.node.op != "Const" or x.node.attrs["value"].size != 1:
        return None
    return float(x.node.attrs["value"].reshape(-1)[0])


def _replace(
    e: Emitter, held: Sequence[Held], logits: Logits, products: Sequence[Product],
    reads: Readers,
) -> None:  # fmt: skip
    q, k, v, dy = held
    e.stem, e.source = "attention", products[0].node.source
    one_dtype = all(t.source.dtype == q.source.dtype for t in held)
    fits = one_dtype and dy.shape == q.shape and q.shape[1] == k.shape[1]
    if not fits or not e.has(GRADIENT) or not takes(e, q.source, [t.shape for t in (q, k, v)]):
        return
    mask = None
    if logits.keep is not None:
        mask = masked(e, logits.keep, logits.fill, q.shape, k.shape[2])
        if mask is None:
            return
    order, layout = _HEADS_FIRST, "BNSD"
    if sum(t.order == _SWAPPED for t in held) > 2:
        order, layout = _SWAPPED, "BSND"
    fed = [e.transpose(t.source, [t.order[d] for d in order]) for t in held]
    results = _operators(e, fed, mask, q.shape, order, (layout, logits.scale))
    for product, made in zip(products, results, strict=True):
        perm = [order[d] for d in _TURNED] if product.result_turned else list(order)
        _deliver(e, product.node.outputs[0], made, perm, reads)


def _operators(
    e: Emitter, fed: list[Tensor], mask: Masked | None, shape: Sequence[int],
    order: Sequence[int], settings: tuple[str, float],
) -> list[Tensor]:  # fmt: skip
    """The result, and the gradients by queries, keys and values."""
    layout, scale = settings
    if mask is not None:
        fed = [mask.queries(e, fed[0], order), *fed[1:]]
    q, k, v, dy = fed
    out = None if mask is None else mask.out
    top, total, _, made = score(e, fed[:3], mask, shape, layout, scale)
    # The gradient's default window is narrower than that of the score.
    attrs: dict[str, Any] = {
        "head_num": shape[1], "input_layout": layout, "scale_value": scale,
        "pre_tockens": 2**31 - 1, "next_tockens": 2**31 - 1,
    }  # fmt: skip
    dq, dk, dv, _ = e.node(
        GRADIENT, [q, k, v, dy, None, None, None, out, top, total, None, made],
        [*((t.shape, t.dtype) for t in (q, k, v)), ((0,), q.dtype)], **attrs,
    )  # fmt: skip
    return [made, dq if mask is None else mask.slopes(e, dq, order), dk, dv]


def _deliver(e: Emitter, old: Tensor, made: Tensor, perm: Sequence[int], reads: Readers) -> None:
    """`made`, with its dimensions in another order, to those who read `old` in any form."""
    plain = id(old) in reads.results
    for node in reads.direct(old):
        more = _order(node)
        if more is not None:
            _deliver(e, node.outputs[0], made, [perm[d] for d in more], reads)
        elif _rounds(node):
            _deliver(e, node.outputs[0], made, perm, reads)
        else:
            plain = True
    if plain:
        e.graph.redirect(old, e.cast(e.transpose(made, perm), old.dtype))


def _order(node: Node) -> list[int] | None:
    perm = node.inputs[1] if node.op == "Transpose" else None
    return None if perm is None or perm.node.op != "Const" else perm.node.attrs["value"].tolist()
