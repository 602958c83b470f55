"""`jax.example_libraries.optimizers`: optimizers as triples of functions.

`init_fun(params)` gives a state, `update_fun(step, gradients, state)` the next one, and
`get_params(state)` the parameters in it. An optimizer is written for one array; `optimizer` makes
it one for trees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce, wraps
from typing import Any, NamedTuple

import ms_func.numpy as np
from ms_func import tree_util
from ms_func.tree_util import tree_flatten, tree_map, tree_unflatten

__all__ = [
    "JoinPoint", "Optimizer", "OptimizerState", "adagrad", "adam", "adamax", "clip_grads",
    "constant", "exponential_decay", "inverse_time_decay", "l2_norm", "make_schedule", "momentum",
    "nesterov", "optimizer", "pack_optimizer_state", "piecewise_constant", "polynomial_decay",
    "rmsprop", "rmsprop_momentum", "sgd", "sm3", "unpack_optimizer_state",
]  # fmt: skip

Schedule = Callable[[Any], Any]


class OptimizerState(NamedTuple):
    """The states of all arrays, taken apart.

    Attributes:
        packed_state: for each array of the parameters, the leaves of its state.
        tree_def: structure of the parameters.
        subtree_defs: for each array of the parameters, the structure of its state.
    """

    packed_state: tuple[Any, ...]
    tree_def: Any
    subtree_defs: tuple[Any, ...]


tree_util.register_pytree_node(
    OptimizerState,
    lambda s: ((s.packed_state,), (s.tree_def, s.subtree_defs)),
    lambda static, children: OptimizerState(children[0], *static),
)


class Optimizer(NamedTuple):
    """The functions of an optimizer."""

    init_fn: Callable[[Any], OptimizerState]
    update_fn: Callable[[Any, Any, OptimizerState], OptimizerState]
    params_fn: Callable[[OptimizerState], Any]


def optimizer(opt_maker: Callable[..., Any]) -> Callable[..., Optimizer]:
    """Decorator: a maker of functions for one array becomes a maker of functions for trees."""

    @wraps(opt_maker)
    def make(*args: Any, **kwargs: Any) -> Optimizer:
        init, update, get_params = opt_maker(*args, **kwargs)

        def tree_init(params: Any) -> OptimizerState:
            leaves, structure = tree_flatten(params)
            return _packed([init(x) for x in leaves], structure)

        def tree_update(i: Any, grads: Any, state: OptimizerState) -> OptimizerState:
            leaves, structure = tree_flatten(grads)
            if structure != state.tree_def:
                raise TypeError(
                    "optimizer update function was passed a gradient tree that did not match the "
                    f"parameter tree structure with which it was initialized: {structure} and "
                    f"{state.tree_def}"
                )
            new = [update(i, g, s) for g, s in zip(leaves, _states(state), strict=True)]
            made = _packed(new, structure)
            for before, after in zip(state.subtree_defs, made.subtree_defs, strict=True):
                if before != after:
                    raise TypeError(
                        "the update of the optimizer changes the structure of a state from "
                        f"{before} to {after}"
                    )
            return made

        def tree_params(state: OptimizerState) -> Any:
            return tree_unflatten(state.tree_def, [get_params(s) for s in _states(state)])

        return Optimizer(tree_init, tree_update, tree_params)

    return make


def _packed(states: Sequence[Any], structure: Any) -> OptimizerState:
    parts = [tree_flatten(s) for s in states]
    leaves, structures = tuple(tuple(x) for x, _ in parts), tuple(t for _, t in parts)
    return OptimizerState(leaves, structure, structures)


def _states(state: OptimizerState) -> list[Any]:
    return list(map(tree_unflatten, state.subtree_defs, state.packed_state))


class JoinPoint:
    """The state of one array within `unpack_optimizer_state`; a leaf."""

    def __init__(self, subtree: Any) -> None:
        self.subtree = subtree

    def __iter__(self) -> Any:
        yield self.subtree


def unpack_optimizer_state(opt_state: OptimizerState) -> Any:
    """The state as a tree like the parameters, for storing: each leaf a `JoinPoint`."""
    return tree_unflatten(opt_state.tree_def, [JoinPoint(s) for s in _states(opt_state)])


def pack_optimizer_state(marked_pytree: Any) -> OptimizerState:
    """The state that `unpack_optimizer_state` took apart."""
    points, structure = tree_flatten(marked_pytree)
    if not all(isinstance(p, JoinPoint) for p in points):
        raise ValueError("pack_optimizer_state takes a tree whose leaves are JoinPoints")
    return _packed([p.subtree for p in points], structure)


# --- optimizers -----------------------------------------------------------------------------------


@optimizer
def sgd(step_size: Any) -> Any:
    """Gradient descent: x - step * g."""
    step_size = make_schedule(step_size)
    return lambda x: x, lambda i, g, x: x - step_size(i) * g, lambda x: x


@optimizer
def momentum(step_size: Any, mass: float) -> Any:
    """Gradient descent along a decaying sum of gradients (Polyak, 1964)."""
    step_size = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, velocity = state
        velocity = mass * velocity + g
        return x - step_size(i) * velocity, velocity

    return lambda x: (x, np.zeros_like(x)), update, _first


@optimizer
def nesterov(step_size: Any, mass: float) -> Any:
    """Momentum that looks one step ahead (Nesterov, 1983)."""
    step_size = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, velocity = state
        velocity = mass * velocity + g
        return x - step_size(i) * (mass * velocity + g), velocity

    return lambda x: (x, np.zeros_like(x)), update, _first


@optimizer
def adagrad(step_size: Any, momentum: float = 0.9) -> Any:
    """Steps divided by the root of the sum of squared gradients (Duchi, Hazan, Singer, 2011)."""
    step_size = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, squares, m = state
        squares = squares + np.square(g)
        m = (1.0 - momentum) * (g * _inverse_root(squares)) + momentum * m
        return x - step_size(i) * m, squares, m

    return lambda x: (x, np.zeros_like(x), np.zeros_like(x)), update, _first


@optimizer
def rmsprop(step_size: Any, gamma: float = 0.9, eps: float = 1e-8) -> Any:
    """Steps divided by the root of the decaying mean of squared gradients (Hinton, 2012)."""
    step_size = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, mean = state
        mean = mean * gamma + np.square(g) * (1.0 - gamma)
        return x - step_size(i) * g / np.sqrt(mean + eps), mean

    return lambda x: (x, np.zeros_like(x)), update, _first


@optimizer
def rmsprop_momentum(
    step_size: Any, gamma: float = 0.9, eps: float = 1e-8, momentum: float = 0.9
) -> Any:
    """`rmsprop` along a decaying sum of its steps."""
    step_size = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, mean, total = state
        mean = mean * gamma + np.square(g) * (1.0 - gamma)
        total = momentum * total + step_size(i) * g / np.sqrt(mean + eps)
        return x - total, mean, total

    return lambda x: (x, np.zeros_like(x), np.zeros_like(x)), update, _first


@optimizer
def adam(step_size: Any, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Any:
    """Adam (Kingma, Ba, 2014, algorithm 1)."""
    step_size = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, m, v = state
        m, v = (1 - b1) * g + b1 * m, (1 - b2) * np.square(g) + b2 * v
        mean = m / (1 - np.asarray(b1, m.dtype) ** (i + 1))
        square = v / (1 - np.asarray(b2, m.dtype) ** (i + 1))
        return x - step_size(i) * mean / (np.sqrt(square) + eps), m, v

    return lambda x: (x, np.zeros_like(x), np.zeros_like(x)), update, _first


@optimizer
def adamax(step_size: Any, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Any:
    """AdaMax (Kingma, Ba, 2014, algorithm 2)."""
    step_size = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, m, u = state
        m, u = (1 - b1) * g + b1 * m, np.maximum(b2 * u, np.abs(g))
        scale = step_size(i) / (1 - np.asarray(b1, m.dtype) ** (i + 1))
        return x - scale * m / (u + eps), m, u

    return lambda x: (x, np.zeros_like(x), np.zeros_like(x)), update, _first


@optimizer
def sm3(step_size: Any, momentum: float = 0.9) -> Any:
    """Adagrad that keeps a vector for each dimension (Anil, Gupta, Koren, Singer, 2019)."""
    step_size = make_schedule(step_size)

    def init(x: Any) -> Any:
        return x, np.zeros_like(x), [np.zeros(n, dtype=x.dtype) for n in np.shape(x)]

    def update(i: Any, g: Any, state: Any) -> Any:
        x, m, kept = state
        n = np.ndim(x)
        spread = [v.reshape([-1 if j == k else 1 for j in range(n)]) for k, v in enumerate(kept)]
        total = reduce(np.minimum, spread, np.inf if n else 0.0) + np.square(g)
        m = (1.0 - momentum) * (g * _inverse_root(total)) + momentum * m
        kept = [total.max(tuple(j for j in range(n) if j != k)) for k in range(n)]
        return x - step_size(i) * m, m, kept

    return init, update, _first


def _first(state: Any) -> Any:
    return state[0]


def _inverse_root(x: Any) -> Any:
    return np.where(x > 0, 1.0 / np.sqrt(np.where(x > 0, x, 1.0)), 0.0)


# --- sizes of steps -------------------------------------------------------------------------------


def constant(step_size: Any) -> Schedule:
    """The same size at all steps."""
    return lambda i: step_size


def inverse_time_decay(
    step_size: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False
) -> Schedule:
    """step_size / (1 + decay_rate * i / decay_steps), the quotient rounded down if `staircase`."""
    if staircase:
        return lambda i: step_size / (1 + decay_rate * np.floor(i / decay_steps))
    return lambda i: step_size / (1 + decay_rate * i / decay_steps)


def exponential_decay(step_size: Any, decay_steps: Any, decay_rate: Any) -> Schedule:
    """step_size * decay_rate ** (i / decay_steps)."""
    return lambda i: step_size * decay_rate ** (i / decay_steps)


def polynomial_decay(
    step_size: Any, decay_steps: Any, final_step_size: Any, power: float = 1.0
) -> Schedule:
    """From `step_size` to `final_step_size` in `decay_steps` steps along a power."""

    def schedule(step: Any) -> Any:
        left = (1 - np.minimum(step, decay_steps) / decay_steps) ** power
        return left * (step_size - final_step_size) + final_step_size

    return schedule


def piecewise_constant(boundaries: Any, values: Any) -> Schedule:
    """`values[k]` after k of the `boundaries`."""
    boundaries, values = np.array(boundaries), np.array(values)
    if boundaries.ndim != 1 or values.ndim != 1:
        raise ValueError("boundaries and values must be sequences")
    if boundaries.shape[0] != values.shape[0] - 1:
        raise ValueError("boundaries length must be one shorter than values length")
    return lambda i: values[np.sum(i > boundaries)]


def make_schedule(scalar_or_schedule: Any) -> Schedule:
    """A function of the step, from one or from a number.

    Raises:
        TypeError: it is neither.
    """
    if callable(scalar_or_schedule):
        return scalar_or_schedule
    if np.ndim(scalar_or_schedule) == 0:
        return constant(scalar_or_schedule)
    raise TypeError(type(scalar_or_schedule))


# --- gradients ------------------------------------------------------------------------------------


def l2_norm(tree: Any) -> Any:
    """Root of the sum of the squares of all elements."""
    return np.sqrt(sum(np.vdot(x, x) for x in tree_util.tree_leaves(tree)))


def clip_grads(grad_tree: Any, max_norm: Any) -> Any:
    """Gradients scaled so that their norm is `max_norm` at most."""
    norm = l2_norm(grad_tree)
    return tree_map(lambda g: np.where(norm < max_norm, g, g * (max_norm / norm)), grad_tree)
