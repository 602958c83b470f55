"""Transformations of gradients, and the optimisers made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ms_func import tree
from ms_func.errors import ArgumentValueError
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import filled, logic, reductions, searching
from ms_func.numpy.promotion import convert
from ms_func.optim.schedules import Schedule
from ms_func.tracing.policy import user_function


class Optimizer(NamedTuple):
    """A transformation of gradients, a pair of functions.

    Attributes:
        init: from parameters to the initial state, a tree of arrays.
        update: from gradients, state and (where it needs them) parameters to updates and the
            next state.

    Example:
        >>> flip = Optimizer(lambda params: (), lambda g, state, params=None: (-g, state))
        >>> updates, _ = chain(flip, scale(2.0)).update(np.float32(3), ((), ()))
        >>> updates.item()
        -6.0
    """

    init: Callable[[Any], Any]
    update: Callable[..., tuple[Any, Any]]


def apply_updates(params: Any, updates: Any) -> Any:
    """Parameters plus updates, in the dtypes of the parameters.

    Args:
        params: tree of arrays.
        updates: tree of the same structure, as `update` of an optimiser gives it.

    Raises:
        ValueError: the structures differ.

    Example:
        >>> apply_updates({"w": np.float32(1)}, {"w": np.float32(-0.5)})
        {'w': Array(0.5, dtype=float32)}
    """
    return tree.map(lambda p, u: convert(ar.add(p, u), typeof(p).dtype), params, updates)


def chain(*parts: Optimizer) -> Optimizer:
    """Transformations one after the other; the state is the tuple of their states.

    Args:
        *parts: each gets the updates of the one before it, the first one the gradients.

    Raises:
        ValueError: in `update`, where the state is not one of this chain.

    Example:
        >>> opt = chain(clip_by_global_norm(1.0), adam(1e-3))
        >>> len(opt.init(np.zeros(3)))
        2
    """

    def init(params: Any) -> Any:
        return tuple(part.init(params) for part in parts)

    def update(grads: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        if len(state) != len(parts):
            raise ArgumentValueError(
                f"this optimiser has {len(parts)} parts, but its state has {len(state)}"
            )
        states = []
        for part, own in zip(parts, state, strict=True):
            grads, own = part.update(grads, own, params)
            states.append(own)
        return grads, tuple(states)

    return Optimizer(init, update)


def _stateless(function: Callable[[Any, Any], Any]) -> Optimizer:
    """Transformation `updates = function(grads, params)` without state."""
    return Optimizer(
        lambda params: (), lambda grads, state, params=None: (function(grads, params), state)
    )


# --- building blocks ------------------------------------------------------------------------


def scale(factor: float) -> Optimizer:
    """Multiply by a constant.

    Args:
        factor: number.

    Example:
        >>> scale(-0.5).update({"w": np.float32(3)}, ())[0]
        {'w': Array(-1.5, dtype=float32)}
    """
    return _stateless(lambda grads, params: tree.map(lambda g: ar.multiply(g, factor), grads))


class CountState(NamedTuple):
    """State of a schedule: the number of steps so far."""

    count: Any


def scale_by_learning_rate(learning_rate: float | Schedule) -> Optimizer:
    """Multiply by minus the learning rate, so that adding the updates goes downhill.

    Args:
        learning_rate: number, or a schedule: a function of the number of steps before this one.

    Example:
        >>> from ms_func.optim import linear_schedule
        >>> opt = scale_by_learning_rate(linear_schedule(1.0, 0.0, 2))
        >>> first, state = opt.update(np.float32(1), opt.init(0.0))
        >>> second, state = opt.update(np.float32(1), state)
        >>> float(first), float(second)
        (-1.0, -0.5)
    """
    if not callable(learning_rate):
        return scale(-learning_rate)

    def update(grads: Any, state: CountState, params: Any = None) -> tuple[Any, CountState]:
        rate = user_function(learning_rate)(state.count)
        scaled = tree.map(lambda g: convert(ar.multiply(g, ar.negative(rate)), typeof(g).dtype),
                          grads)  # fmt: skip
        return scaled, CountState(ar.add(state.count, 1))

    return Optimizer(lambda params: CountState(filled.zeros((), np.int32)), update)


class TraceState(NamedTuple):
    """State of `trace`: the decaying sum of gradients."""

    trace: Any


def trace(decay: float, nesterov: bool = False) -> Optimizer:
    """Momentum: a decaying sum of gradients, with Nesterov's look-ahead if asked for.

    Args:
        decay: factor of the sum at each step; the sum becomes `g + decay * sum`.
        nesterov: give `g + decay * sum` of the new sum instead of the sum.

    Reference:
        Sutskever et al., "On the importance of initialization and momentum", ICML 2013.

    Example:
        >>> opt = trace(0.5)
        >>> first, state = opt.update(np.float32(1), opt.init(np.float32(0)))
        >>> second, state = opt.update(np.float32(1), state)
        >>> first.item(), second.item()
        (1.0, 1.5)
    """

    def update(grads: Any, state: TraceState, params: Any = None) -> tuple[Any, TraceState]:
        def step(g: Any, t: Any) -> Any:
            return ar.add(g, ar.multiply(t, decay))

        moved = tree.map(step, grads, state.trace)
        return (tree.map(step, grads, moved) if nesterov else moved), TraceState(moved)

    return Optimizer(lambda params: TraceState(_zeros(params)), update)


def _zeros(params: Any) -> Any:
    return tree.map(filled.zeros_like, params)


def _mean(decay: float, order: int) -> Callable[[Any, Any], Any]:
    """Step of an exponential moving average of `g ** order`; of squared magnitudes for 2."""

    def step(g: Any, m: Any) -> Any:
        if order == 2:
            g = el.real(ar.multiply(g, el.conjugate(g))) if typeof(g).dtype.kind == "c" else (
                ar.square(g))  # fmt: skip
        return ar.add(ar.multiply(m, decay), ar.multiply(g, 1 - decay))

    return step


class AdamState(NamedTuple):
    """State of `scale_by_adam`: steps, mean gradient, mean squared gradient."""

    count: Any
    mu: Any
    nu: Any


def scale_by_adam(
    b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, eps_root: float = 0.0,
    nesterov: bool = False,
) -> Optimizer:  # fmt: skip
    """Mean gradient divided by the root of the mean square, both corrected for their start.

    Args:
        b1: decay of the mean.
        b2: decay of the mean square.
        eps: added to the root.
        eps_root: added under the root; needed to differentiate through updates.
        nesterov: look one step ahead in the mean.

    Reference:
        Kingma, Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1;
        Dozat, "Incorporating Nesterov momentum into Adam", 2016.

    Example:
        >>> opt = scale_by_adam()
        >>> first, _ = opt.update(np.float32(25), opt.init(np.float32(0)))
        >>> f"{first:.4f}"  # the sign, at first
        '1.0000'
    """

    def init(params: Any) -> AdamState:
        squares = tree.map(lambda p: el.real(filled.zeros_like(p)), params)
        return AdamState(filled.zeros((), np.int32), _zeros(params), squares)

    def update(grads: Any, state: AdamState, params: Any = None) -> tuple[Any, AdamState]:
        mu = tree.map(_mean(b1, 1), grads, state.mu)
        nu = tree.map(_mean(b2, 2), grads, state.nu)
        count = ar.add(state.count, 1)
        right = _corrections(b1, b2, count)
        ahead = _corrections(b1, b2, ar.add(count, 1))[0] if nesterov else None

        def direction(g: Any, m: Any, v: Any) -> Any:
            if nesterov:
                m = ar.add(ar.multiply(ar.divide(m, ahead), b1),  # pyright: ignore[reportArgumentType]
                           ar.multiply(ar.divide(g, right[0]), 1 - b1))  # fmt: skip
            else:
                m = ar.divide(m, right[0])
            root = el.sqrt(ar.add(ar.divide(v, right[1]), eps_root))
            return convert(ar.divide(m, ar.add(root, eps)), typeof(g).dtype)

        return tree.map(direction, grads, mu, nu), AdamState(count, mu, nu)

    return Optimizer(init, update)


def _corrections(b1: float, b2: float, count: Any) -> tuple[Any, Any]:
    """`1 - b ** count` for both averages: what they miss for having begun at 0."""
    steps = convert(count, np.dtype(np.float32))
    return tuple(ar.subtract(1.0, ar.power(np.float32(b), steps)) for b in (b1, b2))  # type: ignore[return-value]


class RmsState(NamedTuple):
    """State of `scale_by_rms`: the mean squared gradient."""

    nu: Any


def scale_by_rms(decay: float = 0.9, eps: float = 1e-8) -> Optimizer:
    """Gradient divided by the root of its mean square.

    Args:
        decay: of the mean square, which begins at 0 and is not corrected for that.
        eps: added under the root.

    Reference:
        Tieleman, Hinton, "Lecture 6.5: RMSProp", 2012.

    Example:
        >>> opt = scale_by_rms(decay=0.75)
        >>> first, _ = opt.update(np.float32(25), opt.init(np.float32(0)))
        >>> f"{first:.4f}"  # 1 / sqrt(1 - decay)
        '2.0000'
    """

    def update(grads: Any, state: RmsState, params: Any = None) -> tuple[Any, RmsState]:
        nu = tree.map(_mean(decay, 2), grads, state.nu)
        scaled = tree.map(lambda g, v: ar.divide(g, el.sqrt(ar.add(v, eps))), grads, nu)
        return scaled, RmsState(nu)

    return Optimizer(
        lambda params: RmsState(tree.map(lambda p: el.real(filled.zeros_like(p)), params)), update
    )


def add_decayed_weights(weight_decay: float, mask: Any = None) -> Optimizer:
    """Add a multiple of the parameters.

    Args:
        weight_decay: factor.
        mask: tree of booleans, or a function of the parameters that gives one: which of them
            decay. All by default.

    Raises:
        ValueError: in `update`, where the parameters are not given.

    Example:
        >>> opt = add_decayed_weights(0.5, mask={"w": True, "b": False})
        >>> ones = {"w": np.float32(1), "b": np.float32(1)}
        >>> {k: v.item() for k, v in opt.update(ones, (), ones)[0].items()}
        {'b': 1.0, 'w': 1.5}
    """

    def decayed(grads: Any, params: Any) -> Any:
        if params is None:
            raise ArgumentValueError(
                "weight decay needs the parameters\nfix: call update(grads, state, params)"
            )
        chosen = mask(params) if callable(mask) else mask
        if chosen is None:
            return tree.map(lambda g, p: ar.add(g, ar.multiply(p, weight_decay)), grads, params)
        return tree.map(
            lambda m, g, p: ar.add(g, ar.multiply(p, weight_decay)) if m else g,
            chosen, grads, params,
        )  # fmt: skip

    return _stateless(decayed)


def clip(max_delta: float) -> Optimizer:
    """Limit every element to `[-max_delta, max_delta]`.

    Args:
        max_delta: positive number.

    Example:
        >>> clip(1.0).update(np.float32([-3, 0.5]), ())[0].tolist()
        [-1.0, 0.5]
    """
    return _stateless(
        lambda grads, params: tree.map(lambda g: ar.clip(g, -max_delta, max_delta), grads)
    )


def global_norm(updates: Any) -> Any:
    """Euclidean norm of all elements of a tree together; of magnitudes where they are complex.

    Args:
        updates: tree of arrays.

    Returns:
        Scalar; 0 for a tree without leaves.

    Example:
        >>> float(global_norm([np.float32(3), np.float32([0, 4])]))
        5.0
    """
    total: Any = 0.0
    for x in tree.leaves(updates):
        total = ar.add(total, reductions.sum(_mean(0.0, 2)(x, 0.0)))
    return el.sqrt(total)


def clip_by_global_norm(max_norm: float) -> Optimizer:
    """Scale the gradients down where their norm, all together, exceeds `max_norm`.

    Args:
        max_norm: positive number; smaller gradients stay as they are.

    Reference:
        Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks",
        ICML 2013.

    Example:
        >>> opt = clip_by_global_norm(2.5)
        >>> opt.update(np.float32([3, 4]), ())[0].tolist()
        [1.5, 2.0]
    """

    def clipped(grads: Any, params: Any) -> Any:
        norm = global_norm(grads)
        small = logic.less(norm, max_norm)
        factor = ar.divide(max_norm, searching.where(small, max_norm, norm))
        return tree.map(lambda g: convert(ar.multiply(g, factor), typeof(g).dtype), grads)

    return _stateless(clipped)


# --- optimisers -----------------------------------------------------------------------------


def sgd(
    learning_rate: float | Schedule, momentum: float | None = None, nesterov: bool = False
) -> Optimizer:
    """Gradient descent, with momentum if given.

    Args:
        learning_rate: number, or a schedule.
        momentum: decay of the sum of gradients, see `trace`; None for none.
        nesterov: look one step ahead.

    Example:
        >>> opt = sgd(0.1)
        >>> updates, _ = opt.update(np.float32(2), opt.init(np.float32(1)))
        >>> float(apply_updates(np.float32(1), updates))
        0.800000011920929
    """
    step = scale_by_learning_rate(learning_rate)
    return step if momentum is None else chain(trace(momentum, nesterov), step)


def momentum(learning_rate: float | Schedule, decay: float = 0.9) -> Optimizer:
    """Gradient descent with momentum: `sgd` with `decay`.

    Args:
        learning_rate: number, or a schedule.
        decay: factor of the sum of gradients at each step.

    Example:
        >>> opt = momentum(1.0, 0.5)
        >>> first, state = opt.update(np.float32(1), opt.init(np.float32(0)))
        >>> second, _ = opt.update(np.float32(1), state)
        >>> first.item(), second.item()
        (-1.0, -1.5)
    """
    return sgd(learning_rate, decay)


def adam(
    learning_rate: float | Schedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8,
    eps_root: float = 0.0, nesterov: bool = False,
) -> Optimizer:  # fmt: skip
    """Adam: steps of about the learning rate in each direction, however long the gradient.

    Args:
        learning_rate: number, or a schedule.
        b1: decay of the mean gradient.
        b2: decay of the mean square.
        eps: added to the root of the mean square.
        eps_root: added under the root; needed to differentiate through updates.
        nesterov: look one step ahead in the mean.

    Example:
        >>> opt = adam(0.1)
        >>> updates, _ = opt.update(np.float32([5, -0.1]), opt.init(np.zeros(2, np.float32)))
        >>> updates.round(3).tolist() == np.float32([-0.1, 0.1]).tolist()
        True

    Reference:
        Kingma, Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, nesterov), scale_by_learning_rate(learning_rate)
    )


def adamw(
    learning_rate: float | Schedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8,
    eps_root: float = 0.0, weight_decay: float = 1e-4, mask: Any = None, nesterov: bool = False,
) -> Optimizer:  # fmt: skip
    """Adam with weight decay apart from the gradient.

    Args:
        learning_rate: number, or a schedule.
        b1: decay of the mean gradient.
        b2: decay of the mean square.
        eps: added to the root of the mean square.
        eps_root: added under the root; needed to differentiate through updates.
        weight_decay: parameters lose this part of themselves, times the learning rate.
        mask: which parameters decay, as of `add_decayed_weights`.
        nesterov: look one step ahead in the mean.

    Raises:
        ValueError: in `update`, where the parameters are not given.

    Reference:
        Loshchilov, Hutter, "Decoupled weight decay regularization", ICLR 2019.

    Example:
        >>> opt, w = adamw(0.5, weight_decay=0.25), np.float32(8)
        >>> updates, _ = opt.update(np.float32(0), opt.init(w), w)
        >>> updates.item()
        -1.0
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, nesterov),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )


def rmsprop(
    learning_rate: float | Schedule, decay: float = 0.9, eps: float = 1e-8,
    momentum: float | None = None, nesterov: bool = False,
) -> Optimizer:  # fmt: skip
    """RMSProp, with momentum if given.

    Args:
        learning_rate: number, or a schedule.
        decay: of the mean square of the gradient.
        eps: added under its root.
        momentum: decay of the sum of steps, see `trace`; None for none.
        nesterov: look one step ahead in that sum.

    Reference:
        Tieleman, Hinton, "Lecture 6.5: RMSProp", 2012.

    Example:
        >>> opt = rmsprop(0.5, decay=0.75)
        >>> updates, _ = opt.update(np.float32(25), opt.init(np.float32(0)))
        >>> f"{updates:.4f}"
        '-1.0000'
    """
    parts = [scale_by_rms(decay, eps), scale_by_learning_rate(learning_rate)]
    return chain(*parts, *([] if momentum is None else [trace(momentum, nesterov)]))
