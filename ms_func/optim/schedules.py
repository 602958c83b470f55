"""Learning rates as functions of the step."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.errors import ArgumentValueError
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import logic, searching
from ms_func.numpy.rounding import floor
from ms_func.numpy.trigonometry import cos

Schedule = Callable[[Any], Any]


def constant_schedule(value: float) -> Schedule:
    """The same value at every step.

    Args:
        value: number.

    Example:
        >>> constant_schedule(0.5)(1000)
        0.5
    """
    return lambda count: value


def linear_schedule(
    init_value: float, end_value: float, transition_steps: int, transition_begin: int = 0
) -> Schedule:
    """From `init_value` to `end_value` in `transition_steps` steps, constant around them.

    Args:
        init_value: value up to the step `transition_begin`.
        end_value: value `transition_steps` steps later and ever after.
        transition_steps: length of the line.
        transition_begin: where it begins.

    Example:
        >>> [float(linear_schedule(1.0, 0.0, 4)(step)) for step in (0, 1, 4, 9)]
        [1.0, 0.75, 0.0, 0.0]
    """

    def schedule(count: Any) -> Any:
        done = ar.clip(ar.subtract(count, transition_begin), 0, transition_steps)
        left = ar.subtract(1.0, ar.divide(done, max(transition_steps, 1)))
        return ar.add(ar.multiply(left, init_value - end_value), end_value)

    return schedule


def exponential_decay(
    init_value: float, transition_steps: int, decay_rate: float, transition_begin: int = 0,
    staircase: bool = False, end_value: float | None = None,
) -> Schedule:  # fmt: skip
    """`init_value * decay_rate ** (step / transition_steps)`, bounded by `end_value`.

    Args:
        init_value: value up to the step `transition_begin`.
        transition_steps: number of steps in which the value is multiplied by `decay_rate` once.
        decay_rate: below 1 for a value that falls.
        transition_begin: where it begins.
        staircase: change every `transition_steps` steps only.
        end_value: the value stops there; None for no bound.

    Example:
        >>> [float(exponential_decay(1.0, 2, 0.25)(step)) for step in (0, 1, 2)]
        [1.0, 0.5, 0.25]
    """

    def schedule(count: Any) -> Any:
        done = ar.maximum(ar.subtract(count, transition_begin), 0)
        power = ar.divide(done, transition_steps)
        power = floor(power) if staircase else power
        value = ar.multiply(init_value, ar.power(np.float32(decay_rate), power))
        if end_value is None:
            return value
        return (ar.maximum if decay_rate < 1 else ar.minimum)(value, end_value)

    return schedule


def cosine_decay_schedule(
    init_value: float, decay_steps: int, alpha: float = 0.0, exponent: float = 1.0
) -> Schedule:
    """Half a cosine from `init_value` to `alpha * init_value` in `decay_steps` steps.

    Args:
        init_value: value at step 0.
        decay_steps: length of the fall; constant after it.
        alpha: part of the value that is left.
        exponent: the cosine is raised to it.

    Raises:
        ValueError: `decay_steps` is not positive.

    Reference:
        Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.

    Example:
        >>> rate = cosine_decay_schedule(1.0, 4)
        >>> " ".join(f"{rate(step):.2f}" for step in (0, 2, 4, 9))
        '1.00 0.50 0.00 0.00'
    """
    if decay_steps <= 0:
        raise ArgumentValueError(f"decay_steps must be positive, got {decay_steps}")

    def schedule(count: Any) -> Any:
        part = ar.divide(ar.minimum(count, decay_steps), decay_steps)
        wave = ar.multiply(0.5, ar.add(1.0, cos(ar.multiply(math.pi, part))))
        wave = wave if exponent == 1.0 else ar.power(wave, exponent)
        return ar.multiply(init_value, ar.add(ar.multiply(wave, 1 - alpha), alpha))

    return schedule


def join_schedules(schedules: Sequence[Schedule], boundaries: Sequence[int]) -> Schedule:
    """Schedules one after the other; each counts its steps from its own boundary.

    Args:
        schedules: functions of the step.
        boundaries: first step of each but the first.

    Raises:
        ValueError: there is not one boundary between two schedules each.

    Example:
        >>> rate = join_schedules([constant_schedule(1.0), linear_schedule(1.0, 0.0, 2)], [10])
        >>> [float(rate(step)) for step in (0, 10, 11, 12)]
        [1.0, 1.0, 0.5, 0.0]
    """
    if len(boundaries) != len(schedules) - 1:
        raise ArgumentValueError(f"{len(schedules)} schedules need {len(schedules) - 1} boundaries")

    def schedule(count: Any) -> Any:
        value = schedules[0](count)
        for begin, part in zip(boundaries, schedules[1:], strict=True):
            late = part(ar.maximum(ar.subtract(count, begin), 0))
            value = searching.where(logic.less(count, begin), value, late)
        return value

    return schedule


def warmup_cosine_decay_schedule(
    init_value: float, peak_value: float, warmup_steps: int, decay_steps: int,
    end_value: float = 0.0, exponent: float = 1.0,
) -> Schedule:  # fmt: skip
    """Linear rise to `peak_value`, then half a cosine to `end_value` at step `decay_steps`.

    Args:
        init_value: value at step 0.
        peak_value: value at step `warmup_steps`.
        warmup_steps: length of the rise.
        decay_steps: length of all, the rise included.
        end_value: value from step `decay_steps` on.
        exponent: the cosine is raised to it.

    Raises:
        ValueError: nothing is left of `decay_steps` after the rise.

    Example:
        >>> rate = warmup_cosine_decay_schedule(0.0, 1.0, 2, 10)
        >>> " ".join(f"{rate(step):.1f}" for step in (0, 1, 2, 6, 10))
        '0.0 0.5 1.0 0.5 0.0'
    """
    alpha = 0.0 if peak_value == 0.0 else end_value / peak_value
    rise = linear_schedule(init_value, peak_value, warmup_steps)
    fall = cosine_decay_schedule(peak_value, decay_steps - warmup_steps, alpha, exponent)
    return join_schedules([rise, fall], [warmup_steps])


def piecewise_constant_schedule(
    init_value: float, boundaries_and_scales: dict[int, float] | Sequence[tuple[int, float]] = ()
) -> Schedule:
    """`init_value`, multiplied by each scale from the step behind its boundary on.

    Args:
        init_value: value at first.
        boundaries_and_scales: from steps to factors.

    Raises:
        ValueError: a factor is negative.

    Example:
        >>> rate = piecewise_constant_schedule(1.0, {2: 0.5, 4: 0.5})
        >>> [float(rate(step)) for step in (2, 3, 5)]
        [1.0, 0.5, 0.25]
    """
    rows = sorted(dict(boundaries_and_scales).items())
    if any(factor < 0 for _, factor in rows):
        raise ArgumentValueError("scales must not be negative")

    def schedule(count: Any) -> Any:
        value: Any = init_value
        for boundary, factor in rows:
            late = logic.greater(count, boundary)
            value = ar.multiply(value, searching.where(late, factor, 1.0))
        return value

    return schedule
