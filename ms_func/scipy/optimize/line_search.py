"""A step along a descent direction that satisfies the strong Wolfe conditions.

J. Nocedal and S. J. Wright, Numerical Optimization, second edition (2006), algorithms 3.5 and
3.6: doubled steps until an interval holds such a step, then interpolation inside it. One loop does
both, one evaluation of value and gradient an iteration.

Near a minimum, rounding hides the decrease of the function, so values count as equal within a few
ulps, as in W. W. Hager and H. Zhang, SIAM Journal on Optimization 16 (2005), section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ms_func import numpy as np
from ms_func import tree
from ms_func.control_flow.while_loop import while_loop

DECREASE, CURVATURE = 1e-4, 0.9
BRACKETING, ZOOMING, FOUND = 0, 1, 2


class Point(NamedTuple):
    """A step along the line, with value, slope along the line, and gradient."""

    step: Any
    value: Any
    slope: Any
    gradient: Any


class Search(NamedTuple):
    """State of a search: the ends of the interval, the better one first, and the next step."""

    phase: Any
    evaluations: Any
    low: Point
    high: Point
    trial: Any


class Found(NamedTuple):
    """Result of a search; `failed` if no step lowers the function."""

    point: Point
    evaluations: Any
    failed: Any


def line_search(
    value_and_grad: Callable[[Any], tuple[Any, Any]], x: Any, value: Any, gradient: Any,
    direction: Any, first: Any, limit: int,
) -> Found:  # fmt: skip
    """Search along `direction` from `x`, in at most `limit` evaluations.

    Args:
        value_and_grad: the function, real and of a real vector.
        x: where the line starts.
        value: the value there.
        gradient: the gradient there.
        direction: a direction of descent.
        first: first step to try.
        limit: largest number of evaluations.
    """
    start = Point(np.zeros_like(value), value, np.dot(gradient, direction), gradient)
    slack = 4 * np.finfo(value.dtype).eps * np.abs(value)

    def going(s: Search) -> Any:
        return (s.phase != FOUND) & (s.evaluations < limit)

    def move(s: Search) -> Search:
        v, g = value_and_grad(x + s.trial * direction)
        here = Point(s.trial, v, np.dot(g, direction), g)
        return _next(s, here, start, slack)

    first = np.asarray(first, value.dtype)
    s = while_loop(going, move, Search(BRACKETING, 0, start, start, first))
    lower = (s.low.step > 0) & (s.low.value <= value)
    return Found(s.low, s.evaluations, (s.phase != FOUND) & ~lower)


def _next(s: Search, here: Point, start: Point, slack: Any) -> Search:
    """State after an evaluation; `low` is the point found when the search is over."""
    enough = start.value + DECREASE * here.step * start.slope + slack
    above_low = here.value > s.low.value + slack
    too_high = ~(here.value <= enough) | ((s.evaluations > 0) & above_low)
    flat = np.abs(here.slope) <= -CURVATURE * start.slope
    found = ~too_high & flat
    bracketing = s.phase == BRACKETING
    away = np.where(bracketing, here.slope >= 0, here.slope * (s.high.step - s.low.step) >= 0)
    # The interval: a point that is too high ends it; a good one becomes the better end.
    high = _choose(too_high, here, _choose(away | bracketing, s.low, s.high))
    low = _choose(too_high, s.low, here)
    inside = ~bracketing | too_high | away
    trial = np.where(inside, _inside(low, high), 2 * here.step)
    phase = np.where(found, FOUND, np.where(inside, ZOOMING, BRACKETING))
    return Search(phase.astype(s.phase.dtype), s.evaluations + 1, low, high, trial)


def _choose(condition: Any, a: Point, b: Point) -> Point:
    return tree.map(lambda x, y: np.where(condition, x, y), a, b)


def _inside(a: Point, b: Point) -> Any:
    """Minimum of the cubic through two points with slopes; the middle where it is no use.

    Nocedal and Wright, equation 3.59.
    """
    width = b.step - a.step
    d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.step - b.step)
    square = d1 * d1 - a.slope * b.slope
    d2 = np.sign(width) * np.sqrt(np.maximum(square, 0))
    share = 1 - (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2)
    good = (square >= 0) & (share > 0.05) & (share < 0.95)
    return a.step + width * np.where(good, share, 0.5)
