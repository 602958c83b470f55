"""Attention and its gradients as two operators, where training has spelled out the parts.

With P = softmax(scale Q K^T), perhaps masked, and O = P V a training step computes, from the
gradient dO of the result,

    dV = P^T dO,   dM = scale * softmax'(P, dO V^T),   dQ = dM K,   dK = dM^T Q.

Where these three products and the forward one are all that P is for, `FlashAttentionScore` and
`FlashAttentionScoreGrad` compute the same without ever holding P.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ms_func_ascend.graph import Graph, Node, Tensor
from ms_func_ascend.prototypes import accepts, available

SCORE, GRADIENT = "FlashAttentionScore", "FlashAttentionScoreGrad"
WIDEST = 256
"""Widest head that the operators take."""
_HEADS_FIRST, _SWAPPED, _TURNED = (0, 1, 2, 3), (0, 2, 1, 3), (0, 1, 3, 2)

_SCALING = ("Mul", "RealDiv")


class Product(NamedTuple):
    """A batched product seen from one operand `t`: `t other`, each turned around or not.

    Attributes:
        node: the product.
        turned: whether `t` enters turned around.
        other: the other operand.
        other_turned: whether that enters turned around.
        result_turned: whether the result is that of the product turned around.
    """

    node: Node
    turned: bool
    other: Tensor
    other_turned: bool
    result_turned: bool


class Logits(NamedTuple):
    """scale Q K^T, and the elements that stay; K may lie turned around."""

    q: Tensor
    k: Tensor
    k_turned: bool
    scale: float
    keep: Tensor | None


class Held(NamedTuple):
    """Heads as batch, head, position, feature: the dimensions of a tensor in some order."""

    source: Tensor
    order: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of batch, heads, positions and features."""
        return tuple(self.source.shape[d] for d in self.order)


def attention_gradient(graph: Graph, slope: Node) -> None:
    """Replace attention around a `SoftmaxGrad` by the two operators, where everything fits."""
    readers = _readers(graph)
    p, dp = slope.inputs
    assert p is not None
    assert dp is not None
    logits = _logits(p, readers)
    forward = _products(p, [n for n in readers.get(id(p), []) if n is not slope])
    if logits is None or forward is None:
        return
    out, dv = forward
    inner = _product(dp.node, dv.other)
    if inner is None or inner[1:4] != (False, out.other, True) or inner.result_turned:
        return
    dm = _scaled(slope.outputs[0], logits, readers)
    backward = None if dm is None else _products(dm, readers.get(id(dm), []))
    if backward is None or len(readers[id(dp)]) != 1 or any(t is dm for t in graph.results):
        return
    dq, dk = backward
    turned = out.other_turned, dv.other_turned, dk.other_turned, dq.other_turned
    if turned != (False, False, False, logits.k_turned):
        return
    held = [_held(t) for t in (logits.q, logits.k, out.other, dv.other)]
    if logits.k_turned:
        held[1] = Held(held[1].source, tuple(held[1].order[d] for d in _TURNED))
    if dq.other is logits.k and dk.other is logits.q and _fit(graph, held, logits.keep):
        _replace(graph, held, logits, (out, dq, dk, dv), readers)


def _held(t: Tensor) -> Held:
    """A tensor, or what it is a transpose of."""
    order, source = _order(t.node), t.node.inputs[0] if t.node.inputs else None
    if order is None or source is None:
        return Held(t, _HEADS_FIRST)
    return Held(source, tuple(order))


def _readers(graph: Graph) -> dict[int, list[Node]]:
    found: dict[int, list[Node]] = {}
    for node in graph.nodes:
        for t in node.inputs:
            if t is not None:
                found.setdefault(id(t), []).append(node)
    return found


def _product(node: Node, t: Tensor) -> Product | None:
    if node.op != "BatchMatMulV2" or any(x is not None for x in node.inputs[2:]):
        return None
    x, y = node.inputs[:2]
    assert x is not None
    assert y is not None
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


def _logits(p: Tensor, readers: dict[int, list[Node]]) -> Logits | None:
    soft = p.node
    if soft.op != "SoftmaxV2" or len(p.shape) != 4 or list(soft.attr("axes")) not in ([3], [-1]):
        return None
    x, keep, scale = soft.inputs[0], None, 1.0
    assert x is not None
    if x.node.op == "SelectV2" and len(readers[id(x)]) == 1:
        keep, x, fill = x.node.inputs
        if (number := _number(fill)) is None or number > -1e4:
            return None
    if x is not None and x.node.op in _SCALING and len(readers[id(x)]) == 1:
        x, scale = _factor(x.node)
    if x is None or x.node.op != "BatchMatMulV2" or len(readers[id(x)]) != 1:
        return None
    q, k = x.node.inputs[:2]
    inner = None if q is None else _product(x.node, q)
    if q is None or k is None or inner is None or inner.turned or inner.result_turned:
        return None
    return Logits(q, k, not inner.other_turned, scale, keep)


def _scaled(ds: Tensor, logits: Logits, readers: dict[int, list[Node]]) -> Tensor | None:
    """What is left of a gradient by masked and scaled logits: that by the product itself."""
    scale, masked = 1.0, logits.keep is None
    while len(readers.get(id(ds), [])) == 1:
        (node,) = readers[id(ds)]
        if node.op == "SelectV2" and node.inputs[0] is logits.keep and node.inputs[1] is ds:
            if _number(node.inputs[2]) != 0:
                return None
            masked = True
        elif node.op in _SCALING and _factor(node)[0] is ds:
            scale *= _factor(node)[1]
        else:
            break
        ds = node.outputs[0]
    same = abs(scale - logits.scale) <= 1e-6 * abs(logits.scale)
    return ds if masked and same else None


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


def _fit(graph: Graph, held: Sequence[Held], keep: Tensor | None) -> bool:
    """Whether the operators take these heads, and no row is masked altogether."""
    q, k, v, dy = held
    if not all(available(op, graph.target) for op in (SCORE, GRADIENT)):
        return False
    dtype = q.source.dtype
    if any(t.source.dtype != dtype for t in held) or not accepts(SCORE, "query", dtype):
        return False
    if q.shape[:2] != k.shape[:2] or v.shape != k.shape or dy.shape != q.shape:
        return False
    if q.shape[3] > WIDEST:
        return False
    return keep is None or _covers(keep, q.shape[0], q.shape[1])


def _covers(keep: Tensor, batch: int, heads: int) -> bool:
    """Whether a mask is a constant over whole rows, and leaves something of each."""
    if keep.node.op != "Const" or not keep.shape:
        return False
    lead = ((1,) * (4 - len(keep.shape)) + keep.shape)[:2]
    rows = keep.node.attrs["value"].any(-1)
    return bool(rows.all()) and lead in ((1, 1), (batch, 1), (batch, heads))


def _replace(
    graph: Graph, held: Sequence[Held], logits: Logits, products: Sequence[Product],
    readers: dict[int, list[Node]],
) -> None:  # fmt: skip
    order, layout = _HEADS_FIRST, "BNSD"
    if sum(t.order == _SWAPPED for t in held) > 2:
        order, layout = _SWAPPED, "BSND"
    shape = held[0].shape
    fed = [_turned(graph, t.source, [t.order[d] for d in order]) for t in held]
    mask = _mask(graph, logits.keep, (shape[2], held[1].shape[2]))
    attrs = {"head_num": shape[1], "input_layout": layout, "scale_value": logits.scale}
    results = _operators(graph, fed, mask, shape, attrs, products[0].node)
    for product, made in zip(products, results, strict=True):
        perm = tuple(order[d] for d in _TURNED) if product.result_turned else order
        _deliver(graph, product.node.outputs[0], made, perm, readers)


def _operators(
    graph: Graph, held: Sequence[Tensor], mask: Tensor | None, shape: Sequence[int],
    attrs: dict[str, Any], product: Node,
) -> list[Tensor]:  # fmt: skip
    """The result, and the gradients by queries, keys and values."""
    q, k, v, dy = held
    sums = ((*shape[:3], 8), np.dtype(np.float32))
    score = graph.add(
        SCORE, [q, k, v, None, None, None, mask],
        [sums, sums, ((0, 0, 0, 0), q.dtype), (q.shape, q.dtype)], attrs,
        source=product.source, name=SCORE,
    )  # fmt: skip
    top, total, _, out = score.outputs
    # The gradient's default window is narrower than that of the score.
    window: dict[str, Any] = {"pre_tockens": 2**31 - 1, "next_tockens": 2**31 - 1}
    slopes = graph.add(
        GRADIENT, [q, k, v, dy, None, None, None, mask, top, total, None, out],
        [*((t.shape, t.dtype) for t in (q, k, v)), ((0,), q.dtype)], attrs | window,
        source=product.source, name=GRADIENT,
    )  # fmt: skip
    return [out, *slopes.outputs[:3]]


def _mask(graph: Graph, keep: Tensor | None, pairs: tuple[int, int]) -> Tensor | None:
    """Ones where an element is taken out."""
    if keep is None:
        return None
    value = ~keep.node.attrs["value"]
    whole = value.reshape((1,) * (4 - value.ndim) + value.shape)
    shape = (*whole.shape[:2], *pairs)
    return graph.constant(np.ascontiguousarray(np.broadcast_to(whole, shape)), "mask")


def _deliver(
    graph: Graph, old: Tensor, made: Tensor, perm: Sequence[int], readers: dict[int, list[Node]]
) -> None:
    """`made`, with its dimensions in another order, to those who read `old`."""
    for node in readers.get(id(old), []):
        more = _order(node)
        if more is not None:
            graph.redirect(node.outputs[0], _turned(graph, made, [perm[d] for d in more]))
    if any(_order(n) is None for n in readers.get(id(old), [])) or old in graph.results:
        graph.redirect(old, _turned(graph, made, perm))


def _order(node: Node) -> list[int] | None:
    perm = node.inputs[1] if node.op == "Transpose" else None
    return None if perm is None or perm.node.op != "Const" else perm.node.attrs["value"].tolist()


def _turned(graph: Graph, t: Tensor, perm: Sequence[int]) -> Tensor:
    if list(perm) == sorted(perm):
        return t
    if t.node.op == "Const":
        return graph.constant(np.ascontiguousarray(t.node.attrs["value"].transpose(perm)))
    shape = [t.shape[d] for d in perm]
    made = graph.add("Transpose", [t, graph.constant(np.array(perm, np.int64))],
                     [(shape, t.dtype)], name="transpose")  # fmt: skip
    return made.outputs[0]
