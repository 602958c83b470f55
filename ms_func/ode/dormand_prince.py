"""The Dormand-Prince 5(4) method with step control and dense output, on one vector.

J. R. Dormand and P. J. Prince, Journal of Computational and Applied Mathematics 6 (1980); step
control, first step and interpolation after E. Hairer, S. P. Norsett and G. Wanner, Solving
Ordinary Differential Equations I, second edition (1993), sections II.4 and II.6.

Derivatives take the chosen steps for constants: what is differentiated is the formula of a step,
not the search for its length.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ms_func import numpy as np
from ms_func import tree
from ms_func.api.linearize import jvp
from ms_func.control_flow.custom_jvp import custom_jvp
from ms_func.control_flow.identities import stop_gradient
from ms_func.control_flow.scan import scan
from ms_func.control_flow.while_loop import while_loop

_TIMES = (1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0)
_STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
)
_WEIGHTS = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)
_ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
_DENSE = (
    -12715105075 / 11282082432, 0.0, 87487479700 / 32700410799, -10690763975 / 1880347072,
    701980252875 / 199316789632, -1453857185 / 822651844, 69997945 / 29380423,
)  # fmt: skip
_SAFETY, _SHRINK, _GROW, _ORDER = 0.9, 0.2, 10.0, 5


class Control(NamedTuple):
    """When a step is good, and how many and how long steps may be; hashable."""

    rtol: float
    atol: float
    mxstep: float
    hmax: float


class Dense(NamedTuple):
    """A polynomial of degree four over a step from `start` of length `width`."""

    start: Any
    width: Any
    terms: tuple[Any, ...]

    def at(self, t: Any) -> Any:
        """The state at a time."""
        first, second, third, fourth, fifth = self.terms
        s = ((t - self.start) / self.width).astype(first.real.dtype)
        r = 1 - s
        return first + s * (second + r * (third + s * (fourth + r * fifth)))


class Progress(NamedTuple):
    """Where an integration stands: after a step that ends at `t`, of which `dense` tells all."""

    y: Any
    slope: Any
    t: Any
    width: Any
    dense: Dense
    steps: Any
    going: Any


def integrate(f: Callable[..., Any], y0: Any, ts: Any, args: Any, control: Control,
              differentiable: bool) -> Any:  # fmt: skip
    """States at the times `ts`, the first of which is that of `y0`; NaN where it does not get to.

    Args:
        f: right side, a function of state, time and `args` that closes over nothing traced.
        y0: vector.
        ts: monotonic times.
        args: tree of arrays.
        control: tolerances and limits.
        differentiable: whether derivatives of the steps are to be taken.
    """
    sign = np.where(ts[-1] < ts[0], -1, 1).astype(ts.dtype)
    step = _differentiable(f) if differentiable else _step(f)

    def to(p: Progress, target: Any) -> tuple[Progress, Any]:
        def more(p: Progress) -> Any:
            wanted = p.going & ((target - p.t) * sign > 0)
            return wanted if control.mxstep == np.inf else wanted & (p.steps < control.mxstep)

        p = while_loop(more, lambda p: _move(step, args, p, control, sign), p._replace(steps=0))
        there = ((target - p.t) * sign <= 0) & ((target - p.dense.start) * sign >= 0)
        return p, np.where(there, p.dense.at(target), np.nan)

    rest = scan(to, _begin(f, y0, ts[0], args, control, sign), ts[1:])[1]
    return np.concatenate([y0[None], rest])


def _begin(f: Any, y0: Any, t0: Any, args: Any, control: Control, sign: Any) -> Progress:
    slope = f(y0, t0, args)
    fixed = stop_gradient((y0, t0, slope, args))
    width = sign * _first_width(f, fixed, control, sign)
    none = np.zeros_like(y0)
    dense = Dense(t0, np.ones_like(t0), (y0, none, none, none, none))
    return Progress(y0, slope, t0, width, dense, 0, np.isfinite(width) & (t0 + width != t0))


def _first_width(f: Any, start: tuple[Any, ...], control: Control, sign: Any) -> Any:
    """Length of the first step, from how the slope changes over an Euler step; section II.4."""
    y0, t0, slope, args = start
    scale = control.atol + control.rtol * np.abs(y0)
    size, speed = _mean(y0 / scale), _mean(slope / scale)
    small = (size < 1e-5) | (speed < 1e-5)
    trial = np.where(small, 1e-6, 0.01 * size / np.where(small, 1, speed))
    other = f(y0 + sign.astype(trial.dtype) * trial * slope, t0 + sign * trial, args)
    change = _mean((other - slope) / scale) / trial
    steep = np.maximum(speed, change)
    flat = steep <= 1e-15
    found = np.where(flat, np.maximum(1e-6, trial * 1e-3),
                     (0.01 / np.where(flat, 1, steep)) ** (1 / _ORDER))  # fmt: skip
    return np.minimum(np.minimum(100 * trial, found), control.hmax).astype(t0.dtype)


def _mean(v: Any) -> Any:
    """Root of the mean square, which is 0 for a vector of no elements."""
    return np.sqrt(np.sum(np.square(np.abs(v))) / max(v.size, 1))


def _combined(width: Any, weights: tuple[float, ...], slopes: list[Any]) -> Any:
    total: Any = None
    for w, k in zip(weights, slopes, strict=True):
        if w:
            total = w * k if total is None else total + w * k
    return width * total


def _step(f: Any) -> Callable[..., Any]:
    """Function of (state, slope, time, width, args) to what a step of this width gives."""

    def step(y: Any, slope: Any, t: Any, width: Any, args: Any) -> Any:
        h, slopes = width.astype(y.real.dtype), [slope]
        for c, weights in zip(_TIMES, _STAGES, strict=True):
            slopes.append(f(y + _combined(h, weights, slopes), t + c * width, args))
        change = _combined(h, _WEIGHTS, slopes)
        last = f(y + change, t + width, args)
        slopes.append(last)
        bend = h * slope - change
        rest = change - h * last - bend
        return y + change, last, _combined(h, _ERROR, slopes), (
            change, bend, rest, _combined(h, _DENSE, slopes),
        )  # fmt: skip

    return step


def _differentiable(f: Any) -> Callable[..., Any]:
    """Like `_step`, with derivatives that stay finite where the step fails and is not used.

    There a step of no width is differentiated instead: it only sees the slope where it starts.
    """
    plain = _step(f)
    step = custom_jvp(plain)

    @step.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        y, slope, t, width, args = primals
        outs = step(*primals)
        usable = np.all(np.isfinite(outs[0])) & np.all(np.isfinite(outs[1]))
        inputs = (y, slope, t, np.where(usable, width, 0), args)
        return outs, jvp(plain, inputs, tangents)[1]

    return step


def _move(step: Any, args: Any, p: Progress, control: Control, sign: Any) -> Progress:
    """Try a step; keep it if its error is small, and choose the width of the next one."""
    y, slope, error, terms = step(p.y, p.slope, p.t, p.width, args)
    error, old, new = stop_gradient((error, p.y, y))
    ratio = _mean(error / (control.atol + control.rtol * np.maximum(np.abs(old), np.abs(new))))
    good = (ratio <= 1) & np.all(np.isfinite(new))
    calm = np.where(ratio > 0, ratio, 1e-10)  # NaN counts as calm here and as not good above
    factor = np.clip(_SAFETY * calm ** (-1 / _ORDER), _SHRINK, np.where(good, _GROW, 1.0))
    factor = np.where(np.isfinite(ratio), factor, _SHRINK).astype(p.width.dtype)
    width = sign * np.minimum(np.abs(p.width) * factor, control.hmax)
    dense = Dense(p.t, p.width, (p.y, *terms))
    after = Progress(y, slope, p.t + p.width, width, dense, p.steps + 1, True)
    before = p._replace(width=width, steps=p.steps + 1)
    chosen = tree.map(lambda x, y: np.where(good, x, y), after, before)
    return chosen._replace(going=p.going & (chosen.t + width != chosen.t))
