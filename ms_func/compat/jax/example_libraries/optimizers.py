"""Optimisers as three functions: `init(params)`, `update(i, grads, state)`, `get_params(state)`.

`optimizer` makes one for trees of arrays from one for single arrays. The rules are those of the
papers: momentum (Polyak 1964), Nesterov (1983), Adagrad (Duchi et al. 2011), RMSProp (Tieleman and
Hinton 2012), Adam and Adamax (Kingma and Ba 2015), SM3 (Anil et al. 2019).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ms_func import numpy as np
from ms_func import tree
from ms_func.errors import ArgumentTypeError

__all__ = [
    "JoinPoint", "Optimizer", "OptimizerState", "adagrad", "adam", "adamax", "clip_grads",
    "constant", "exponential_decay", "inverse_time_decay", "l2_norm", "make_schedule", "momentum",
    "nesterov", "optimizer", "pack_optimizer_state", "piecewise_constant", "polynomial_decay",
    "rmsprop", "rmsprop_momentum", "sgd", "sm3", "unpack_optimizer_state",
]  # fmt: skip

Array = Params = State = Updates = Any
InitFn = UpdateFn = ParamsFn = Schedule = Callable[..., Any]
Step = int


class OptimizerState(NamedTuple):
    """States of the leaves of a tree of parameters.

    Attributes:
        packed_state: for each leaf the arrays of its state.
        tree_def: structure of the parameters.
        subtree_defs: for each leaf the structure of its state.
    """

    packed_state: Any
    tree_def: Any
    subtree_defs: Any


tree.register_node(
    OptimizerState,
    lambda s: ((s.packed_state,), (s.tree_def, s.subtree_defs)),
    lambda aux, xs: OptimizerState(xs[0], *aux),
)


class Optimizer(NamedTuple):
    """The three functions of an optimiser."""

    init_fn: InitFn
    update_fn: UpdateFn
    params_fn: ParamsFn


def optimizer(opt_maker: Callable[..., Any]) -> Callable[..., Optimizer]:
    """An optimiser of trees of arrays from one of single arrays.

    Args:
        opt_maker: gives `init(x)`, `update(i, gradient, state)` and `get_params(state)`, for an
            array `x` and a state that is a tree.
    """

    @functools.wraps(opt_maker)
    def tree_opt_maker(*args: Any, **kwargs: Any) -> Optimizer:
        init, update, get_params = opt_maker(*args, **kwargs)

        def tree_init(x0_tree: Any) -> OptimizerState:
            leaves, structure = tree.flatten(x0_tree)
            return _packed(structure, [init(x) for x in leaves])

        def tree_update(i: Any, grad_tree: Any, opt_state: OptimizerState) -> OptimizerState:
            grads, structure = tree.flatten(grad_tree)
            if structure != opt_state.tree_def:
                raise ArgumentTypeError(
                    "optimizer update function was passed a gradient tree that did not match the "
                    f"parameter tree structure with which it was initialized: {structure} and "
                    f"{opt_state.tree_def}"
                )
            states = [update(i, g, s) for g, s in zip(grads, _states(opt_state), strict=True)]
            made = _packed(structure, states)
            for old, new in zip(opt_state.subtree_defs, made.subtree_defs, strict=True):
                if old != new:
                    raise ArgumentTypeError(
                        "optimizer update function produced an output structure that did not "
                        f"match its input structure: {new} and {old}"
                    )
            return made

        def tree_get_params(opt_state: OptimizerState) -> Any:
            return tree.unflatten(opt_state.tree_def, map(get_params, _states(opt_state)))

        return Optimizer(tree_init, tree_update, tree_get_params)

    return tree_opt_maker


def _packed(structure: Any, states: Sequence[Any]) -> OptimizerState:
    flat = [tree.flatten(s) for s in states]
    return OptimizerState(tuple(tuple(x) for x, _ in flat), structure, tuple(d for _, d in flat))


def _states(packed: OptimizerState) -> list[Any]:
    pairs = zip(packed.subtree_defs, packed.packed_state, strict=True)
    return [tree.unflatten(d, x) for d, x in pairs]


# --- optimisers ----------------------------------------------------------------------------


@optimizer
def sgd(step_size: Any) -> Any:
    """Gradient descent."""
    rate = make_schedule(step_size)
    return lambda x0: x0, lambda i, g, x: x - rate(i) * g, lambda x: x


@optimizer
def momentum(step_size: Any, mass: float) -> Any:
    """Gradient descent with momentum."""
    rate = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, v = state
        v = mass * v + g
        return x - rate(i) * v, v

    return lambda x0: (x0, np.zeros_like(x0)), update, lambda state: state[0]


@optimizer
def nesterov(step_size: Any, mass: float) -> Any:
    """Gradient descent with Nesterov's momentum."""
    rate = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, v = state
        v = mass * v + g
        return x - rate(i) * (mass * v + g), v

    return lambda x0: (x0, np.zeros_like(x0)), update, lambda state: state[0]


@optimizer
def adagrad(step_size: Any, momentum: float = 0.9) -> Any:
    """Adagrad."""
    rate = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, squares, m = state
        squares = squares + g * g
        root = np.where(squares > 0, 1 / np.sqrt(np.where(squares > 0, squares, 1)), 0.0)
        m = (1 - momentum) * (g * root) + momentum * m
        return x - rate(i) * m, squares, m

    return lambda x0: (x0, np.zeros_like(x0), np.zeros_like(x0)), update, lambda state: state[0]


@optimizer
def rmsprop(step_size: Any, gamma: float = 0.9, eps: float = 1e-8) -> Any:
    """RMSProp."""
    rate = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, mean = state
        mean = gamma * mean + (1 - gamma) * g * g
        return x - rate(i) * g / np.sqrt(mean + eps), mean

    return lambda x0: (x0, np.zeros_like(x0)), update, lambda state: state[0]


@optimizer
def rmsprop_momentum(
    step_size: Any, gamma: float = 0.9, eps: float = 1e-8, momentum: float = 0.9
) -> Any:
    """RMSProp with momentum."""
    rate = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, mean, m = state
        mean = gamma * mean + (1 - gamma) * g * g
        m = momentum * m + rate(i) * g / np.sqrt(mean + eps)
        return x - m, mean, m

    return lambda x0: (x0, np.zeros_like(x0), np.zeros_like(x0)), update, lambda state: state[0]


@optimizer
def adam(step_size: Any, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Any:
    """Adam."""
    rate = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, m, v = state
        m = (1 - b1) * g + b1 * m
        v = (1 - b2) * g * g + b2 * v
        n = np.asarray(i, m.dtype) + 1
        mean, spread = m / (1 - b1**n), v / (1 - b2**n)
        return x - rate(i) * mean / (np.sqrt(spread) + eps), m, v

    return lambda x0: (x0, np.zeros_like(x0), np.zeros_like(x0)), update, lambda state: state[0]


@optimizer
def adamax(step_size: Any, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Any:
    """Adamax: Adam by the largest gradient."""
    rate = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, m, u = state
        m = (1 - b1) * g + b1 * m
        u = np.maximum(b2 * u, abs(g))
        return x - rate(i) / (1 - b1 ** (i + 1)) * m / (u + eps), m, u

    return lambda x0: (x0, np.zeros_like(x0), np.zeros_like(x0)), update, lambda state: state[0]


@optimizer
def sm3(step_size: Any, momentum: float = 0.9) -> Any:
    """SM3: Adagrad that keeps one number for each row along each dimension."""
    rate = make_schedule(step_size)

    def init(x0: Any) -> Any:
        shape = np.shape(x0)
        sums = [np.zeros((n, *[1] * (len(shape) - 1))).swapaxes(0, d) for d, n in enumerate(shape)]
        return x0, np.zeros_like(x0), sums or [np.zeros(())]

    def update(i: Any, g: Any, state: Any) -> Any:
        x, m, sums = state
        least = functools.reduce(np.minimum, sums) + g * g
        root = np.where(least > 0, 1 / np.sqrt(np.where(least > 0, least, 1)), 0.0)
        m = (1 - momentum) * (g * root) + momentum * m
        shape = np.shape(x)
        others = [tuple(k for k in range(len(shape)) if k != d) for d in range(len(shape))]
        sums = [least.max(axes, keepdims=True) for axes in others] or [least]
        return x - rate(i) * m, m, sums

    return init, update, lambda state: state[0]


# --- step sizes ----------------------------------------------------------------------------


def constant(step_size: Any) -> Schedule:
    """The same at every step."""
    return lambda i: step_size


def exponential_decay(step_size: Any, decay_steps: Any, decay_rate: Any) -> Schedule:
    """`step_size * decay_rate ** (i / decay_steps)`."""
    return lambda i: step_size * decay_rate ** (i / decay_steps)


def inverse_time_decay(
    step_size: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False
) -> Schedule:
    """`step_size / (1 + decay_rate * i / decay_steps)`, in steps if `staircase`."""
    if staircase:
        return lambda i: step_size / (1 + decay_rate * np.floor(i / decay_steps))
    return lambda i: step_size / (1 + decay_rate * i / decay_steps)


def polynomial_decay(
    step_size: Any, decay_steps: Any, final_step_size: Any, power: float = 1.0
) -> Schedule:
    """From `step_size` to `final_step_size` within `decay_steps`."""

    def schedule(step: Any) -> Any:
        part = (1 - np.minimum(step, decay_steps) / decay_steps) ** power
        return part * (step_size - final_step_size) + final_step_size

    return schedule


def piecewise_constant(boundaries: Any, values: Any) -> Schedule:
    """`values[k]` from the step `boundaries[k - 1]` on.

    Raises:
        ValueError: there is not one value more than boundaries.
    """
    bounds, levels = np.array(boundaries), np.array(values)
    if not bounds.ndim == levels.ndim == 1:
        raise ValueError("boundaries and values must be sequences")
    if bounds.shape[0] != levels.shape[0] - 1:
        raise ValueError("boundaries length must be one shorter than values length")
    return lambda i: levels[np.sum(i > bounds)]


def make_schedule(scalar_or_schedule: Any) -> Schedule:
    """A step size, or a function that gives one, as a function.

    Raises:
        TypeError: it is neither.
    """
    if callable(scalar_or_schedule):
        return scalar_or_schedule
    if np.ndim(scalar_or_schedule) == 0:
        return constant(scalar_or_schedule)
    raise TypeError(type(scalar_or_schedule))


# --- gradients -----------------------------------------------------------------------------


def l2_norm(tree_: Any) -> Any:
    """Square root of the sum of all squares."""
    return np.sqrt(sum(np.vdot(x, x) for x in tree.leaves(tree_)))


def clip_grads(grad_tree: Any, max_norm: Any) -> Any:
    """Gradients scaled down to a norm where theirs is larger."""
    norm = l2_norm(grad_tree)
    return tree.map(lambda g: np.where(norm < max_norm, g, g * (max_norm / norm)), grad_tree)


# --- states as trees ------------------------------------------------------------------------


class JoinPoint:
    """Marks where the tree of parameters ends and that of a state begins."""

    def __init__(self, subtree: Any) -> None:
        self.subtree = subtree

    def __iter__(self) -> Any:
        yield self.subtree


def unpack_optimizer_state(opt_state: OptimizerState) -> Any:
    """States as a tree of the structure of the parameters, of `JoinPoint`s."""
    return tree.unflatten(opt_state.tree_def, map(JoinPoint, _states(opt_state)))


def pack_optimizer_state(marked_pytree: Any) -> OptimizerState:
    """The inverse of `unpack_optimizer_state`."""
    points, structure = tree.flatten(marked_pytree)
    if not all(isinstance(p, JoinPoint) for p in points):
        raise ArgumentTypeError("the leaves of a marked tree are JoinPoints")
    return _packed(structure, [p.subtree for p in points])
