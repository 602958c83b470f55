"""First-order optimisers as pairs of pure functions over trees of parameters.

Each optimiser is an `Optimizer`: `init(params)` gives a state, `update(grads, state, params)`
gives updates to add to the parameters and the next state. Optimisers are chained like other
transformations of gradients, such as clipping.

    >>> opt = adam(1e-3)
    >>> state = opt.init(params)
    >>> updates, state = opt.update(grads, state, params)
    >>> params = apply_updates(params, updates)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from ms_func import numpy as np
from ms_func import tree

Schedule = Callable[[Any], Any]
PyTree = Any


class Optimizer(NamedTuple):
    """A transformation of gradients.

    Attributes:
        init: from parameters to a state, a tree of arrays.
        update: from (gradients, state, parameters) to (updates, next state).
    """

    init: Callable[[PyTree], Any]
    update: Callable[..., tuple[PyTree, Any]]


def apply_updates(params: PyTree, updates: PyTree) -> PyTree:
    """Parameters plus updates, at the dtypes of the parameters."""
    return tree.map(lambda p, u: (p + u).astype(np.asarray(p).dtype), params, updates)


def chain(*parts: Optimizer) -> Optimizer:
    """Transformations one after the other."""

    def init(params: PyTree) -> Any:
        return tuple(p.init(params) for p in parts)

    def update(grads: PyTree, state: Any, params: PyTree = None) -> tuple[PyTree, Any]:
        states = []
        for part, s in zip(parts, state, strict=True):
            grads, s = part.update(grads, s, params)
            states.append(s)
        return grads, tuple(states)

    return Optimizer(init, update)


def _stateless(f: Callable[[PyTree, PyTree], PyTree]) -> Optimizer:
    return Optimizer(lambda params: (), lambda g, state, params=None: (f(g, params), state))


def _zeros(params: PyTree) -> PyTree:
    return tree.map(np.zeros_like, params)


# --- steps ----------------------------------------------------------------------------------


class Count(NamedTuple):
    """Number of updates made."""

    count: Any


def scale_by_learning_rate(learning_rate: float | Schedule) -> Optimizer:
    """Gradients times minus the learning rate; a schedule gets the number of past updates."""
    if not callable(learning_rate):
        return _stateless(lambda g, _: tree.map(lambda x: -learning_rate * x, g))
    schedule = learning_rate

    def update(grads: PyTree, state: Count, params: PyTree = None) -> tuple[PyTree, Count]:
        rate = schedule(state.count)
        return tree.map(lambda g: (-rate * g).astype(g.dtype), grads), Count(state.count + 1)

    return Optimizer(lambda params: Count(np.zeros((), np.int32)), update)


class Trace(NamedTuple):
    """Decaying sum of past gradients."""

    velocity: PyTree


def trace(decay: float, nesterov: bool = False) -> Optimizer:
    """Momentum: gradients replaced by their decaying sum.

    Reference:
        Sutskever et al., "On the importance of initialization and momentum in deep learning",
        2013, for Nesterov's form.
    """

    def update(grads: PyTree, state: Trace, params: PyTree = None) -> tuple[PyTree, Trace]:
        velocity = tree.map(lambda g, v: g + decay * v, grads, state.velocity)
        if nesterov:
            grads = tree.map(lambda g, v: g + decay * v, grads, velocity)
            return grads, Trace(velocity)
        return velocity, Trace(velocity)

    return Optimizer(lambda params: Trace(_zeros(params)), update)


def sgd(
    learning_rate: float | Schedule, momentum: float | None = None, nesterov: bool = False
) -> Optimizer:
    """Stochastic gradient descent, with momentum if asked for."""
    step = scale_by_learning_rate(learning_rate)
    return step if momentum is None else chain(trace(momentum, nesterov), step)


class Moments(NamedTuple):
    """Adam's state.

    Attributes:
        count: number of updates made.
        mu: decaying mean of gradients.
        nu: decaying mean of their squares.
    """

    count: Any
    mu: PyTree
    nu: PyTree


def scale_by_adam(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Optimizer:
    """Gradients replaced by their mean over the root of their mean square, bias corrected.

    Reference:
        Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, algorithm 1.
    """

    def init(params: PyTree) -> Moments:
        return Moments(np.zeros((), np.int32), _zeros(params), _zeros(params))

    def update(grads: PyTree, state: Moments, params: PyTree = None) -> tuple[PyTree, Moments]:
        count = state.count + 1
        mu = tree.map(lambda g, m: b1 * m + (1 - b1) * g, grads, state.mu)
        nu = tree.map(lambda g, v: b2 * v + (1 - b2) * np.square(g), grads, state.nu)
        steps = np.asarray(count).astype(np.float32)
        first, second = 1 - b1**steps, 1 - b2**steps
        updates = tree.map(
            lambda m, v: ((m / first) / (np.sqrt(v / second) + eps)).astype(m.dtype), mu, nu
        )
        return updates, Moments(count, mu, nu)

    return Optimizer(init, update)


def adam(
    learning_rate: float | Schedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
) -> Optimizer:
    """Adam; see `scale_by_adam`."""
    return chain(scale_by_adam(b1, b2, eps), scale_by_learning_rate(learning_rate))


def add_decayed_weights(weight_decay: float, mask: Any = None) -> Optimizer:
    """Gradients plus `weight_decay` times the parameters, where `mask` (a tree) is true."""

    def add(grads: PyTree, params: PyTree) -> PyTree:
        if params is None:
            raise ValueError("weight decay needs the parameters: update(grads, state, params)")
        chosen = mask(params) if callable(mask) else mask
        if chosen is None:
            return tree.map(lambda g, p: g + weight_decay * p, grads, params)
        return tree.map(lambda g, p, m: g + weight_decay * p if m else g, grads, params, chosen)

    return _stateless(add)


def adamw(
    learning_rate: float | Schedule,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 1e-4,
    mask: Any = None,
) -> Optimizer:
    """Adam with weight decay apart from the gradient.

    Reference:
        Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019, algorithm 2.
    """
    return chain(
        scale_by_adam(b1, b2, eps),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )


# --- clipping ---------------------------------------------------------------------------------


def global_norm(updates: PyTree) -> Any:
    """Euclidean norm of all leaves together."""
    return np.sqrt(sum(np.sum(np.square(np.abs(x))) for x in tree.leaves(updates)))


def clip_by_global_norm(max_norm: float) -> Optimizer:
    """Gradients shrunk so that their norm over all leaves is at most `max_norm`."""

    def clip(grads: PyTree, _: PyTree) -> PyTree:
        norm = global_norm(grads)
        factor = np.where(norm < max_norm, 1.0, max_norm / np.maximum(norm, 1e-30))
        return tree.map(lambda g: (g * factor).astype(g.dtype), grads)

    return _stateless(clip)


def clip(max_delta: float) -> Optimizer:
    """Each element limited to [-max_delta, max_delta]."""
    return _stateless(lambda g, _: tree.map(lambda x: np.clip(x, -max_delta, max_delta), g))


# --- schedules --------------------------------------------------------------------------------


def constant_schedule(value: float) -> Schedule:
    """The same value always."""
    return lambda count: value


def exponential_decay(
    init_value: float, transition_steps: int, decay_rate: float, staircase: bool = False
) -> Schedule:
    """`init_value * decay_rate ** (count / transition_steps)`, in whole steps if `staircase`."""

    def schedule(count: Any) -> Any:
        turns = np.asarray(count).astype(np.float32) / transition_steps
        return init_value * decay_rate ** (np.floor(turns) if staircase else turns)

    return schedule


def linear_schedule(init_value: float, end_value: float, transition_steps: int) -> Schedule:
    """A straight line from `init_value` to `end_value`, constant afterwards."""

    def schedule(count: Any) -> Any:
        part = np.clip(np.asarray(count).astype(np.float32) / transition_steps, 0.0, 1.0)
        return init_value + (end_value - init_value) * part

    return schedule


def cosine_decay_schedule(init_value: float, decay_steps: int, alpha: float = 0.0) -> Schedule:
    """Half a cosine from `init_value` down to `alpha * init_value`.

    Reference:
        Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017.
    """

    def schedule(count: Any) -> Any:
        part = np.clip(np.asarray(count).astype(np.float32) / decay_steps, 0.0, 1.0)
        return init_value * ((1 - alpha) * 0.5 * (1 + np.cos(math.pi * part)) + alpha)

    return schedule


def join_schedules(schedules: list[Schedule], boundaries: list[int]) -> Schedule:
    """One schedule after the other; each counts from its own boundary."""

    def schedule(count: Any) -> Any:
        value = schedules[0](count)
        for start, later in zip(boundaries, schedules[1:], strict=True):
            value = np.where(count < start, value, later(count - start))
        return value

    return schedule


def warmup_cosine_decay_schedule(
    init_value: float,
    peak_value: float,
    warmup_steps: int,
    decay_steps: int,
    end_value: float = 0.0,
) -> Schedule:
    """A line up to `peak_value`, then half a cosine down to `end_value` at `decay_steps`."""
    up = linear_schedule(init_value, peak_value, warmup_steps)
    down = cosine_decay_schedule(peak_value, decay_steps - warmup_steps, end_value / peak_value)
    return join_schedules([up, down], [warmup_steps])
