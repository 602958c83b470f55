"""Networks, their data and Adam, written in what ms_func and JAX have in common."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from benchmarks.library import Library

__ms_convert__ = False
"""Python loops are laid out by both libraries: they do the same work."""

Params = Any


def numbers(seed: int, *shape: int) -> numpy.ndarray:
    """Normal numbers, the same for every library."""
    return numpy.random.default_rng(seed).standard_normal(shape).astype(numpy.float32)


def dense(seed: int, n: int, m: int) -> dict[str, numpy.ndarray]:
    """Weights `[n, m]` and biases `[m]` of a layer."""
    return {"w": numbers(seed, n, m) / n**0.5, "b": numpy.zeros(m, numpy.float32)}


def one_hot(seed: int, count: int, classes: int) -> numpy.ndarray:
    """Random labels, `[count, classes]`."""
    labels = numpy.random.default_rng(seed).integers(0, classes, count)
    return numpy.eye(classes, dtype=numpy.float32)[labels]


def cross_entropy(lib: Library, logits: Any, targets: Any) -> Any:
    """Mean cross-entropy of `logits` and one-hot `targets`, both `[..., classes]`."""
    return -lib.np.mean(lib.np.sum(lib.nn.log_softmax(logits) * targets, axis=-1))


def train_step(lib: Library, loss: Callable[..., Any], rate: float = 1e-3) -> Callable[..., Any]:
    """`step(state, *batch) -> (state, loss)` with Adam; `adam_state` makes the first state."""
    np, tree = lib.np, lib.tree

    def step(state: Any, *batch: Any) -> Any:
        params, m, v, t = state
        value, g = lib.ms.value_and_grad(loss)(params, *batch)
        t = t + 1
        m = tree.tree_map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
        v = tree.tree_map(lambda a, b: 0.999 * a + 0.001 * b * b, v, g)
        scale_m, scale_v = 1 / (1 - 0.9**t), 1 / (1 - 0.999**t)
        params = tree.tree_map(
            lambda p, a, b: p - rate * (a * scale_m) / (np.sqrt(b * scale_v) + 1e-8), params, m, v
        )
        return (params, m, v, t), value

    return step


def adam_state(lib: Library, params: Params) -> Any:
    """Parameters on the device, their moments, and the count of steps."""
    params = lib.tree.tree_map(lib.array, params)
    m, v = (lib.tree.tree_map(lib.np.zeros_like, params) for _ in range(2))
    return params, m, v, lib.array(numpy.float32(0))


def mlp_params(sizes: Sequence[int]) -> list[dict[str, numpy.ndarray]]:
    """One layer for each two neighbouring sizes."""
    return [dense(i, n, m) for i, (n, m) in enumerate(itertools.pairwise(sizes))]


def mlp(lib: Library, params: Params, x: Any) -> Any:
    """Perceptron with relu between its layers; `x` is `[batch, features]`."""
    for layer in params[:-1]:
        x = lib.nn.relu(x @ layer["w"] + layer["b"])
    return x @ params[-1]["w"] + params[-1]["b"]


def mlp_loss(lib: Library) -> Callable[..., Any]:
    """Cross-entropy of the perceptron."""
    return lambda params, x, y: cross_entropy(lib, mlp(lib, params, x), y)


def lenet_params() -> dict[str, Any]:
    """LeNet for 28 x 28 images of one channel."""
    return {
        "c1": numbers(1, 5, 5, 1, 6) / 5,
        "c2": numbers(2, 5, 5, 6, 16) / 12,
        "d1": dense(3, 400, 120),
        "d2": dense(4, 120, 84),
        "d3": dense(5, 84, 10),
    }


def lenet(lib: Library, params: Params, x: Any) -> Any:
    """Two convolutions with max pooling, three dense layers; `x` is `[batch, 28, 28, 1]`."""
    lax, relu = lib.lax, lib.nn.relu
    for name, padding in (("c1", "SAME"), ("c2", "VALID")):
        x = lax.conv_general_dilated(
            x, params[name], (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        x = relu(x)
        x = lax.reduce_window(x, -numpy.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    x = x.reshape(x.shape[0], -1)
    for name in ("d1", "d2"):
        x = relu(x @ params[name]["w"] + params[name]["b"])
    return x @ params["d3"]["w"] + params["d3"]["b"]


def block_params(seed: int, width: int) -> dict[str, Any]:
    """One transformer block."""
    return {
        "qkv": dense(seed, width, 3 * width),
        "out": dense(seed + 1, width, width),
        "up": dense(seed + 2, width, 4 * width),
        "down": dense(seed + 3, 4 * width, width),
        "norm1": {"scale": numpy.ones(width, numpy.float32), "b": numbers(seed + 4, width) * 0.1},
        "norm2": {"scale": numpy.ones(width, numpy.float32), "b": numbers(seed + 5, width) * 0.1},
    }


def norm(lib: Library, p: Params, x: Any) -> Any:
    """Layer normalisation over the last dimension."""
    mean = lib.np.mean(x, axis=-1, keepdims=True)
    variance = lib.np.mean((x - mean) ** 2, axis=-1, keepdims=True)
    return (x - mean) / lib.np.sqrt(variance + 1e-5) * p["scale"] + p["b"]


def block(lib: Library, p: Params, x: Any, heads: int) -> Any:
    """Causal attention and a perceptron, each after a norm; `x` is `[batch, length, width]`."""
    np, nn = lib.np, lib.nn
    n, length, width = x.shape
    qkv = norm(lib, p["norm1"], x) @ p["qkv"]["w"] + p["qkv"]["b"]
    q, k, v = (
        part.reshape(n, length, heads, width // heads).transpose(0, 2, 1, 3)
        for part in np.split(qkv, 3, axis=-1)
    )
    scores = q @ k.transpose(0, 1, 3, 2) / (width // heads) ** 0.5
    mask = np.tril(np.ones((length, length), bool))
    attended = nn.softmax(np.where(mask, scores, -1e9)) @ v
    merged = attended.transpose(0, 2, 1, 3).reshape(n, length, width)
    x = x + merged @ p["out"]["w"] + p["out"]["b"]
    hidden = nn.gelu(norm(lib, p["norm2"], x) @ p["up"]["w"] + p["up"]["b"])
    return x + hidden @ p["down"]["w"] + p["down"]["b"]


def transformer_params(layers: int, width: int, vocabulary: int) -> dict[str, Any]:
    """Embedding, blocks, and the matrix to the logits."""
    return {
        "embed": numbers(90, vocabulary, width) * 0.1,
        "blocks": [block_params(10 * i, width) for i in range(layers)],
        "head": dense(91, width, vocabulary),
    }


def transformer(lib: Library, params: Params, tokens: Any, heads: int) -> Any:
    """Logits `[batch, length, vocabulary]` of `tokens` `[batch, length]`."""
    x = params["embed"][tokens]
    for p in params["blocks"]:
        x = block(lib, p, x, heads)
    return x @ params["head"]["w"] + params["head"]["b"]


def transformer_loss(lib: Library, heads: int) -> Callable[..., Any]:
    """Cross-entropy of the next token, given one-hot."""
    return lambda params, tokens, y: cross_entropy(lib, transformer(lib, params, tokens, heads), y)
