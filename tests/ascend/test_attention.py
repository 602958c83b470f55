"""Attention and its gradients: found in the forms that programs give them, equal to XLA."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import nn
from ms_func_ascend import simulate
from tests.support.recognised import Cases, check_found, graph_of, slope

RNG = np.random.default_rng(5)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


HEADS = [normal(2, 6, 4, 8) for _ in range(3)]
MASK = RNG.random((2, 1, 6, 6)) < 0.6
MASK[0, 0, 2] = False
"""Keys that a query sees; one query of the first sequence sees none."""
BIAS = normal(1, 4, 6, 6)
CAUSAL = np.where(np.tril(np.ones((6, 6))), 0, -1e9).astype(np.float32)


def attention_of(q: Any, k: Any, v: Any, keep: Any, fill: float) -> Any:
    """Heads before positions; `fill` in the place of masked elements."""
    q, k, v = (x.transpose(0, 2, 1, 3) for x in (q, k, v))
    scores = mnp.where(keep, q @ k.swapaxes(-1, -2) / math.sqrt(8), fill)
    weights = mnp.exp(scores - scores.max(-1, keepdims=True))
    return (weights / weights.sum(-1, keepdims=True) @ v).transpose(0, 2, 1, 3)


def biased(q: Any, k: Any, v: Any, bias: Any) -> Any:
    scores = mnp.einsum("bqhd,bkhd->bhqk", q, k) * 0.3 + bias
    return mnp.einsum("bhqk,bkhd->bqhd", nn.softmax(scores), v)


GROUPED = HEADS[0], HEADS[1][:, :, :2].copy(), HEADS[2][:, :, :2].copy()


def grouped(q: Any, k: Any, v: Any, bias: Any) -> Any:
    """Each head of keys with its queries' heads in a dimension of their own."""
    q = q.reshape(2, 6, 2, 2, 8)
    weights = nn.softmax(mnp.einsum("btngd,bsnd->bngts", q, k) * 0.3 + bias)
    return mnp.einsum("bngts,bsnd->btngd", weights, v).reshape(2, 6, 4, 8)


def rotated(x: Any) -> Any:
    """Pairs of features turned by their positions."""
    angle = (np.arange(6)[:, None, None] / 10.0 ** np.arange(4)).astype(np.float32)
    a, b = mnp.split(x, 2, -1)
    return mnp.concatenate([a * np.cos(angle) - b * np.sin(angle),
                            a * np.sin(angle) + b * np.cos(angle)], -1)  # fmt: skip


def mixed(f: Callable[..., Any]) -> Callable[..., Any]:
    """Attention of operands that others have made, and a result that others read."""
    return lambda q, k, v: mnp.tanh(f(mnp.sin(q), mnp.sin(k), mnp.sin(v)))


def spelled_attention(q: Any, k: Any, v: Any) -> Any:
    """Heads first, masked as training scripts write it."""
    q, k, v = (x.transpose(0, 2, 1, 3) for x in (q, k, v))
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(8)
    scores = mnp.where(np.tril(np.ones((6, 6), bool)), scores, -1e9)
    return (nn.softmax(scores, -1) @ v).transpose(0, 2, 1, 3)


BOTH_WAYS = {"FlashAttentionScore": 1, "FlashAttentionScoreGrad": 1}


FORWARD: Cases = {
    "attention": (nn.dot_product_attention, (*HEADS,), {"FlashAttentionScore": 1}),
    "causal attention": (
        lambda q, k, v: nn.dot_product_attention(q, k, v, is_causal=True), (*HEADS,),
        {"FlashAttentionScore": 1},
    ),
    "attention of heads first": (
        lambda q, k, v: nn.softmax(q @ mnp.swapaxes(k, 2, 3) / math.sqrt(8)) @ v, (*HEADS,),
        {"FlashAttentionScore": 1},
    ),
    "attention of groups of heads": (
        lambda q, k, v: nn.dot_product_attention(q, k, v, is_causal=True),
        (HEADS[0], HEADS[1][:, :, :2].copy(), HEADS[2][:, :, :2].copy()),
        {"FlashAttentionScore": 1},
    ),
    "attention with a mask that is known later": (
        lambda q, k, v, m: nn.dot_product_attention(q, k, v, mask=m), (*HEADS, MASK),
        {"FlashAttentionScore": 1, "ReduceAny": 1, "LogicalNot": 1, "LogicalAnd": 1, "SelectV2": 1,
         "Reshape": 1},
    ),
    "attention with rows without any key": (
        lambda q, k, v: nn.dot_product_attention(
            q, k, v, mask=mnp.arange(6)[:, None] > mnp.arange(6)[None]), (*HEADS,),
        {"FlashAttentionScore": 1, "ReduceAny": 1, "LogicalAnd": 1, "SelectV2": 1, "Reshape": 1},
    ),
    "attention with minus infinity in rows without any key": (
        lambda q, k, v, m: attention_of(q, k, v, m, -np.inf), (*HEADS, MASK),
        {"FlashAttentionScore": 1, "ReduceAny": 1, "LogicalNot": 1, "LogicalAnd": 1, "SelectV2": 1,
         "Reshape": 1},
    ),
    "attention with a bias": (
        lambda q, k, v, b: nn.dot_product_attention(q, k, v, bias=b), (*HEADS, normal(1, 4, 6, 6)),
        {"FlashAttentionScore": 1, "Mul": 1},
    ),
    "attention with distances": (
        lambda q, k, v: nn.softmax(q @ mnp.swapaxes(k, 2, 3) - mnp.abs(
            mnp.arange(4.0)[:, None] - mnp.arange(4.0))) @ v, (*HEADS,),
        {"FlashAttentionScore": 1, "Sub": 1, "Abs": 1, "Neg": 1, "Reshape": 1, "BroadcastTo": 1},
    ),
    "attention with a bias and a mask with rows without any key": (
        lambda q, k, v, b, m: nn.dot_product_attention(q, k, v, b, m),
        (*HEADS, normal(2, 1, 6, 6), MASK),
        {"FlashAttentionScore": 1, "Mul": 1, "ReduceAny": 1, "LogicalNot": 1, "LogicalAnd": 1,
         "SelectV2": 2, "Reshape": 1, "BroadcastTo": 1},
    ),
    "attention with a mask that is added": (
        lambda q, k, v: biased(q, k, v, CAUSAL), (*HEADS,),
        {"FlashAttentionScore": 1},
    ),
    "attention with a mask that is added and known later": (
        lambda q, k, v, m: biased(q, k, v, mnp.where(m, 0, -np.inf)), (*HEADS, MASK),
        {"FlashAttentionScore": 1, "ReduceAny": 1, "LogicalNot": 1, "LogicalAnd": 1, "SelectV2": 1,
         "Reshape": 1},
    ),
    "attention with groups of heads apart": (
        lambda q, k, v: grouped(q, k, v, mnp.where(MASK[:, None], 0, -1e4)), GROUPED,
        {"FlashAttentionScore": 1, "SelectV2": 1, "Mul": 1, "Reshape": 1, "BroadcastTo": 1},
    ),
    "attention of one head": (
        lambda q, k, v: nn.softmax(mnp.where(MASK[:, 0, :, :4], q @ mnp.swapaxes(k, 1, 2), -1e9))
        @ v, (normal(2, 6, 8), normal(2, 4, 8), normal(2, 4, 8)),
        {"FlashAttentionScore": 1, "Reshape": 4, "ReduceAny": 1, "LogicalAnd": 1, "SelectV2": 1},
    ),
    "attention of many heads of queries to one": (
        lambda q, k, v: mnp.einsum(
            "bhts,bsd->bthd", nn.softmax(mnp.einsum("bthd,bsd->bhts", q, k)), v),
        (HEADS[0], normal(2, 5, 8), normal(2, 5, 8)), {"FlashAttentionScore": 1, "Reshape": 2},
    ),
}  # fmt: skip
TRAINING: Cases = {
    "attention": (slope(nn.dot_product_attention), (*HEADS,), BOTH_WAYS),
    "attention of heads first": (
        slope(lambda q, k, v: nn.softmax(q @ mnp.swapaxes(k, 2, 3) / math.sqrt(8)) @ v), (*HEADS,),
        BOTH_WAYS,
    ),
    "causal attention": (
        slope(mixed(spelled_attention)), (*HEADS,),
        {**BOTH_WAYS, "Sin": 3, "Cos": 3, "Mul": 3, "Tanh": 1, "TanhGrad": 1},
    ),
    "attention with a mask that is known later": (
        slope(lambda q, k, v: nn.dot_product_attention(q, k, v, mask=MASK)), (*HEADS,),
        {**BOTH_WAYS, "ReduceAny": 1, "LogicalAnd": 1, "SelectV2": 2, "Reshape": 1},
    ),
    "attention of groups of heads": (
        slope(lambda q, k, v: nn.dot_product_attention(q, k, v, is_causal=True)), GROUPED,
        BOTH_WAYS,
    ),
    "attention with groups of heads apart": (
        slope(lambda q, k, v: grouped(q, k, v, BIAS[0].reshape(2, 2, 6, 6))), GROUPED,
        {**BOTH_WAYS, "Mul": 2},
    ),
    "attention with a bias and rows without any key": (
        slope(lambda q, k, v: nn.dot_product_attention(q, k, v, BIAS, MASK)), (*HEADS,),
        {**BOTH_WAYS, "Mul": 2, "ReduceAny": 1, "LogicalAnd": 1, "SelectV2": 3, "Reshape": 1},
    ),
    "attention of rotated heads": (
        slope(lambda q, k, v: biased(rotated(q), rotated(k), v, CAUSAL)), (*HEADS,),
        {**BOTH_WAYS, "RotaryPositionEmbedding": 4},
    ),
    "attention of one head": (
        slope(lambda q, k, v: nn.softmax(q @ mnp.swapaxes(k, 1, 2) * 0.3) @ v),
        (normal(2, 6, 8), normal(2, 4, 8), normal(2, 4, 8)), {**BOTH_WAYS, "Reshape": 7},
    ),
}  # fmt: skip


@pytest.mark.parametrize("cases", [FORWARD, TRAINING], ids=["forward", "training"])
def test_found_and_equal_to_xla(cases: Cases) -> None:
    check_found(cases)


def test_attention_for_headers_without_its_operators() -> None:
    f, arguments, _ = FORWARD["attention of groups of heads"]
    for target, wanted in (("v2.0.0", set()), ("v2.2.10", {"SoftmaxV2"})):
        graph = graph_of(f, *arguments, target=target)
        assert graph.count().keys() & {"FlashAttentionScore", "SoftmaxV2"} == wanted, target
        want = ms.jit(f)(*arguments)
        np.testing.assert_allclose(simulate(graph, arguments)[0], want, rtol=2e-5, atol=3e-6)
