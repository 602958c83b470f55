"""Training steps that plans are tested on, written with primitives: state in, state out."""

from __future__ import annotations

import numpy as np

import ms_func as ms
from ms_func import lax

F32 = np.float32


def shapes(*size):
    return ms.ShapeDtypeStruct(size, F32)


def product(x, w):
    return lax.dot_general(x, w, (((x.ndim - 1,), (0,)), ((), ())))


def spread(b, like):
    """A value of the last dimensions repeated over the first ones."""
    return lax.broadcast_in_dim(b, like.shape, tuple(range(like.ndim - b.ndim, like.ndim)))


def keep(b, like):
    """A value of the first dimensions repeated over the last ones."""
    return lax.broadcast_in_dim(b, like.shape, tuple(range(b.ndim)))


def total(x):
    return lax.reduce_sum(x, axes=tuple(range(x.ndim)))


def squared_error(y, t):
    d = y - t
    return total(d * d) * F32(1 / d.size)


def adam(params, grads, m, v):
    m = ms.tree.map(lambda m, g: m * F32(0.9) + g * F32(0.1), m, grads)
    v = ms.tree.map(lambda v, g: v * F32(0.999) + g * g * F32(0.001), v, grads)
    params = ms.tree.map(
        lambda p, m, v: p - m / (lax.sqrt(v) + F32(1e-8)) * F32(1e-3), params, m, v
    )
    return params, m, v


def step_of(loss):
    """Adam step of a loss: (state, batch) -> (state, loss)."""

    def step(state, batch):
        params, m, v = state
        value, grads = ms.value_and_grad(loss)(params, *batch)
        return adam(params, grads, m, v), value

    return step


# --- multilayer perceptron ------------------------------------------------------------------


def mlp_loss(p, x, t):
    h = product(x, p["w1"])
    h = lax.max(h + spread(p["b1"], h), F32(0))
    y = product(h, p["w2"])
    return squared_error(y + spread(p["b2"], y), t)


def mlp(batch, width=512, inner=2048):
    """Step and types of its arguments."""
    p = {"w1": shapes(width, inner), "b1": shapes(inner), "w2": shapes(inner, width),
         "b2": shapes(width)}  # fmt: skip
    return step_of(mlp_loss), ((p, p, p), (shapes(batch, width), shapes(batch, width)))


def mixed_loss(p, x, t):
    """The same, computed in half the width."""
    p, x = ms.tree.map(lambda a: lax.convert_element_type(a, ms.numpy.bfloat16), (p, x))
    h = lax.max(product(x, p["w1"]), ms.numpy.bfloat16(0))
    return squared_error(lax.convert_element_type(product(h, p["w2"]), F32), t)


def mixed(batch):
    """Step and types of its arguments."""
    return step_of(mixed_loss), mlp(batch)[1]


# --- transformer block ------------------------------------------------------------------------


def norm(x, gain):
    mean = lax.reduce_sum(x * x, axes=(x.ndim - 1,)) * F32(1 / x.shape[-1])
    return x * keep(lax.rsqrt(mean + F32(1e-6)), x) * spread(gain, x)


def gelu(x):
    return x * F32(0.5) * (lax.tanh((x + x * x * x * F32(0.044715)) * F32(0.79788456)) + F32(1))


def softmax(a):
    a = lax.exp(a - keep(lax.reduce_max(a, axes=(3,)), a))
    return a / keep(lax.reduce_sum(a, axes=(3,)), a)


def attention(h, p, heads):
    b, s, d = h.shape
    q, k, v = (lax.reshape(product(h, p[n]), (b, s, heads, d // heads)) for n in ("wq", "wk", "wv"))
    a = lax.dot_general(q, k, (((3,), (3,)), ((0, 2), (0, 2)))) * F32((heads / d) ** 0.5)
    o = lax.dot_general(softmax(a), v, (((3,), (1,)), ((0, 1), (0, 2))))
    return product(lax.reshape(lax.transpose(o, (0, 2, 1, 3)), (b, s, d)), p["wo"])


def block(p, x, heads=8):
    x = x + attention(norm(x, p["n1"]), p, heads)
    return x + product(gelu(product(norm(x, p["n2"]), p["w1"])), p["w2"])


def transformer_loss(layers, x, t):
    for p in layers:
        x = block(p, x)
    return squared_error(x, t)


def transformer(layers, batch, length, width):
    """Step and types of its arguments: pre-norm blocks, 8 heads, inner width 4 times."""
    w = shapes(width, width)
    p = {"wq": w, "wk": w, "wv": w, "wo": w, "w1": shapes(width, 4 * width),
         "w2": shapes(4 * width, width), "n1": shapes(width), "n2": shapes(width)}  # fmt: skip
    state = [p] * layers
    x = shapes(batch, length, width)
    return step_of(transformer_loss), ((state, state, state), (x, x))


def arrays(types, seed=0):
    """Random arrays of the given types; the second moments of Adam must not be negative."""
    rng = np.random.default_rng(seed)
    (p, m, v), batch = types
    draw = lambda t: (rng.standard_normal(t.shape) * 0.1).astype(F32)  # noqa: E731
    params, first, batch = (ms.tree.map(draw, x) for x in (p, m, batch))
    second = ms.tree.map(lambda t: np.abs(draw(t)), v)
    return (params, first, second), batch


def difference(a, b):
    """Largest difference of two trees of arrays, each relative to the largest element."""
    pairs = zip(ms.tree.leaves(a), ms.tree.leaves(b), strict=True)
    return max(
        float(np.abs(np.asarray(x) - np.asarray(y)).max() / (np.abs(np.asarray(x)).max() + 1e-30))
        for x, y in pairs
    )


def scanned_loss(layers, x, t):
    y, _ = lax.scan(lambda c, p: (block(p, c), None), x, layers)
    return squared_error(y, t)


def scanned_transformer(layers, batch, length, width):
    """The transformer with its layers stacked and scanned over."""
    _, ((state, _, _), x) = transformer(1, batch, length, width)
    p = ms.tree.map(lambda t: shapes(layers, *t.shape), state[0])
    return step_of(scanned_loss), ((p, p, p), x)
