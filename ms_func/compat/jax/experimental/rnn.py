"""`jax.experimental.rnn`: LSTM layers over padded sequences, batch first, with packed weights.

Source of the equations: Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation
1997, with the forget gate of Gers et al. 2000; gates lie in the order input, forget, cell, output.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import ms_func.numpy as jnp
from ms_func import config, lax, nn, random
from ms_func.errors import UnsupportedError

__all__ = ["get_num_params_in_lstm", "init_lstm_weight", "lstm", "lstm_ref", "unpack_lstm_weights"]

Weights = dict[int, Any]


def _shapes(
    input_size: int, hidden_size: int, num_layers: int, bidirectional: bool
) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Which weight (of input, of state, two biases), of which layer and direction, its shape."""
    directions = 2 if bidirectional else 1
    gates = 4 * hidden_size
    for k in range(num_layers * directions):
        width = input_size if k < directions else directions * hidden_size
        yield 0, k, (gates, width)
        yield 1, k, (gates, hidden_size)
    for k in range(num_layers * directions):
        yield 2, k, (gates,)
        yield 3, k, (gates,)


def get_num_params_in_lstm(
    input_size: int, hidden_size: int, num_layers: int, bidirectional: bool
) -> int:
    """Number of weights of all layers."""
    shapes = _shapes(input_size, hidden_size, num_layers, bidirectional)
    return sum(int(np.prod(shape)) for _, _, shape in shapes)


def init_lstm_weight(
    rng: Any, input_size: int, hidden_size: int, num_layers: int, bidirectional: bool
) -> Any:
    """Weights of all layers in one vector, uniform between -k and k with k = 1/sqrt(hidden)."""
    count = get_num_params_in_lstm(input_size, hidden_size, num_layers, bidirectional)
    bound = np.sqrt(1.0 / hidden_size)
    return random.uniform(rng, (count,), dtype=jnp.float32, minval=-bound, maxval=bound)


def unpack_lstm_weights(
    weights: Any, input_size: int, hidden_size: int, num_layers: int, bidirectional: bool
) -> tuple[Weights, Weights, Weights, Weights]:
    """Weights of inputs and of states and both biases, each by `layer * directions + direction`.

    Args:
        weights: [n], first all matrices, then all biases, layer by layer.
    """
    found: tuple[Weights, ...] = ({}, {}, {}, {})
    at = 0
    for which, k, shape in _shapes(input_size, hidden_size, num_layers, bidirectional):
        size = int(np.prod(shape))
        found[which][k] = weights[at : at + size].reshape(shape)
        at += size
    return found[0], found[1], found[2], found[3]


def _direction(x: Any, h: Any, c: Any, w: tuple[Any, ...], lengths: Any, back: bool) -> Any:
    """One layer in one direction over [time, batch, features]; past a length states stay."""
    w_ih, w_hh, b_ih, b_hh = w

    def step(state: Any, given: Any) -> Any:
        h, c = state
        x, alive = given
        i, f, g, o = jnp.split(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh, 4, axis=-1)
        new_c = nn.sigmoid(f) * c + nn.sigmoid(i) * jnp.tanh(g)
        new_h = nn.sigmoid(o) * jnp.tanh(new_c)
        keep = alive[:, None]
        y = jnp.where(keep, new_h, 0)
        return (jnp.where(keep, new_h, h), jnp.where(keep, new_c, c)), y

    alive = jnp.arange(x.shape[0])[:, None] < lengths[None, :]
    (h, c), y = lax.scan(step, (h, c), (x, alive), reverse=back)
    return y, h, c


def lstm_ref(
    x: Any, h_0: Any, c_0: Any, W_ih: Weights, W_hh: Weights, b_ih: Weights, b_hh: Weights,
    seq_lengths: Any, input_size: int, hidden_size: int, num_layers: int, dropout: float,
    bidirectional: bool,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """LSTM layers with their weights one by one.

    Args:
        x: [batch, time, input_size].
        h_0, c_0: [layers * directions, batch, hidden_size], states at the start.
        W_ih, W_hh, b_ih, b_hh: as `unpack_lstm_weights` gives them.
        seq_lengths: [batch], integers; what lies behind is not read, and zero in the result.
        input_size, hidden_size, num_layers: sizes.
        dropout: 0.
        bidirectional: whether a second set of weights reads each sequence from its end.

    Returns:
        [batch, time, directions * hidden_size], and the states at the end.

    Raises:
        NotImplementedError: `dropout` is not 0.
    """
    if dropout:
        raise UnsupportedError("LSTM layers take no dropout here\nfix: apply it between layers")
    directions = 2 if bidirectional else 1
    y, hs, cs = jnp.swapaxes(x, 0, 1), [], []
    lengths = jnp.asarray(seq_lengths)
    for layer in range(num_layers):
        outs = []
        for d in range(directions):
            k = layer * directions + d
            weights = (W_ih[k], W_hh[k], b_ih[k], b_hh[k])
            out, h, c = _direction(y, h_0[k], c_0[k], weights, lengths, back=d == 1)
            outs.append(out)
            hs.append(h)
            cs.append(c)
        y = jnp.concatenate(outs, axis=-1)
    return jnp.swapaxes(y, 0, 1), jnp.stack(hs), jnp.stack(cs)


def lstm(
    x: Any, h_0: Any, c_0: Any, weights: Any, seq_lengths: Any, input_size: int, hidden_size: int,
    num_layers: int, dropout: float, bidirectional: bool, precision: Any = None,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """`lstm_ref` with all weights in one vector; on every kind of device.

    Args:
        weights: [n], as `init_lstm_weight` makes them.
        precision: of the products; None for that in force.
    """
    parts = unpack_lstm_weights(weights, input_size, hidden_size, num_layers, bidirectional)
    if precision is None:
        precision = config.default_matmul_precision.value
    with config.default_matmul_precision(precision):
        return lstm_ref(
            x, h_0, c_0, *parts, seq_lengths, input_size, hidden_size, num_layers, dropout,
            bidirectional,
        )  # fmt: skip
