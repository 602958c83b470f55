"""BFGS and L-BFGS for real functions of a real vector.

J. Nocedal and S. J. Wright, Numerical Optimization, second edition (2006), algorithms 6.1 and
7.5. Steps come from a strong Wolfe line search, so that the curvature `y^T s` is positive; an
update where rounding says otherwise is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ms_func import numpy as np
from ms_func.control_flow.while_loop import fori_loop, while_loop
from ms_func.numpy.linalg import norm
from ms_func.scipy.optimize.line_search import line_search

ValueAndGrad = Callable[[Any], tuple[Any, Any]]


class Progress(NamedTuple):
    """Where a minimisation stands.

    Attributes:
        x: the point.
        value: the value there.
        gradient: the gradient there.
        curvature: what the method knows of second derivatives.
        previous: the value before the last step.
        steps: steps made.
        evaluations: evaluations of value and gradient.
        status: -1 while it goes on; else why it ended.
    """

    x: Any
    value: Any
    gradient: Any
    curvature: Any
    previous: Any
    steps: Any
    evaluations: Any
    status: Any


class Pairs(NamedTuple):
    """The last changes of the point and of the gradient, newest last, and `1 / y^T s`, 0 if none.

    Attributes:
        s: changes of the point.
        y: changes of the gradient.
        rho: inverse products.
        scale: factor of the identity that the inverse Hessian starts from.
    """

    s: Any
    y: Any
    rho: Any
    scale: Any


def bfgs(
    f: ValueAndGrad, x: Any, *, maxiter: int | None = None, norm: float = np.inf,
    gtol: float = 1e-5, line_search_maxiter: int = 10,
) -> Progress:  # fmt: skip
    """Minimise with an approximation of the whole inverse Hessian.

    Args:
        f: value and gradient.
        x: where to start.
        maxiter: largest number of steps; 200 times the number of unknowns by default.
        norm: order of the norm of the gradient.
        gtol: norm of the gradient at which the minimisation ends.
        line_search_maxiter: largest number of evaluations of a line search.
    """
    limit = 200 * x.size if maxiter is None else maxiter
    value, gradient = f(x)
    previous = value + _length(gradient) / 2

    def step(p: Progress) -> Progress:
        direction = -np.matmul(p.curvature, p.gradient)
        slope = np.dot(p.gradient, direction)
        guess = np.minimum(1.0, 1.01 * 2 * (p.value - p.previous) / slope)
        first = np.where((guess > 0) & np.isfinite(guess), guess, 1.0)
        found = line_search(f, p.x, p.value, p.gradient, direction, first, line_search_maxiter)
        return _advance(p, found, direction, _updated)

    start = Progress(x, value, gradient, np.eye(x.size, dtype=x.dtype), previous, 0, 1, -1)

    def ended(p: Progress) -> Any:
        small = _is_small(p.gradient, norm, gtol)
        return np.where(small, 0, np.where(p.steps >= limit, 1, p.status))

    return _minimise(step, ended, start)


def lbfgs(
    f: ValueAndGrad, x: Any, *, maxiter: int | None = None, norm: float = np.inf,
    maxcor: int = 10, ftol: float = 2.220446049250313e-09, gtol: float = 1e-5,
    maxfun: int | None = None, maxgrad: int | None = None, maxls: int = 20,
) -> Progress:  # fmt: skip
    """Minimise with the last `maxcor` changes in place of the inverse Hessian.

    Args:
        f: value and gradient.
        x: where to start.
        maxiter: largest number of steps; 200 times the number of unknowns if none of the three
            limits is given.
        norm: order of the norm of the gradient.
        maxcor: number of changes to keep.
        ftol: decrease, relative to the value, at which the minimisation ends.
        gtol: norm of the gradient at which it ends.
        maxfun: largest number of evaluations of the function.
        maxgrad: largest number of evaluations of the gradient.
        maxls: largest number of evaluations of a line search.
    """
    if maxiter is None and maxfun is None and maxgrad is None:
        maxiter = 200 * x.size
    value, gradient = f(x)
    none = np.zeros((maxcor, x.size), x.dtype)
    pairs = Pairs(none, none, np.zeros(maxcor, x.dtype), np.ones((), x.dtype))

    def step(p: Progress) -> Progress:
        direction = -_times_inverse(p.curvature, p.gradient)
        first = np.where(p.steps == 0, np.minimum(1.0, 1 / _length(p.gradient)), 1.0)
        found = line_search(f, p.x, p.value, p.gradient, direction, first, maxls)
        return _advance(p, found, direction, _pushed)

    def ended(p: Progress) -> Any:
        scale = np.maximum(np.maximum(np.abs(p.value), np.abs(p.previous)), 1)
        status = np.where((p.steps > 0) & (p.previous - p.value <= ftol * scale), 4, p.status)
        status = np.where(p.status > 0, 5, status)
        for count, limit, code in (
            (p.evaluations, maxgrad, 3), (p.evaluations, maxfun, 2), (p.steps, maxiter, 1),
        ):  # fmt: skip
            status = status if limit is None else np.where(count >= limit, code, status)
        return np.where(_is_small(p.gradient, norm, gtol), 0, status)

    return _minimise(step, ended, Progress(x, value, gradient, pairs, value, 0, 1, -1))


def _minimise(step: Any, ended: Any, start: Progress) -> Progress:
    def look(p: Progress) -> Progress:
        return p._replace(status=np.asarray(ended(p), np.int32))

    return while_loop(lambda p: p.status < 0, lambda p: look(step(p)), look(start))


def _advance(p: Progress, found: Any, direction: Any, update: Any) -> Progress:
    """State after a line search; one that failed leaves the point where it is.

    So does one that lowers neither the value nor the gradient, where rounding hides the rest.
    """
    closer = _length(found.point.gradient) < _length(p.gradient)
    better = (found.point.value < p.value) | closer
    bad = found.failed | ~np.isfinite(found.point.value) | ~better
    s = np.where(bad, 0, found.point.step) * direction
    y = np.where(bad, 0, found.point.gradient - p.gradient)
    return Progress(
        x=np.where(bad, p.x, p.x + s),
        value=np.where(bad, p.value, found.point.value),
        gradient=np.where(bad, p.gradient, found.point.gradient),
        curvature=update(p.curvature, s, y),
        previous=p.value,
        steps=p.steps + 1,
        evaluations=p.evaluations + found.evaluations,
        status=np.where(bad, 3, -1).astype(p.status.dtype),
    )


def _length(v: Any) -> Any:
    return norm(v)


def _is_small(gradient: Any, order: Any, bound: Any) -> Any:
    return norm(gradient, ord=order) <= bound


def _inverse_product(s: Any, y: Any) -> Any:
    """`1 / y^T s`, and 0 where that is not safely positive."""
    product = np.dot(y, s)
    good = product > np.finfo(s.dtype).tiny
    return np.where(good, 1 / np.where(good, product, 1), 0)


def _updated(inverse: Any, s: Any, y: Any) -> Any:
    """`(I - rho s y^T) H (I - rho y s^T) + rho s s^T`, written with two products."""
    rho = _inverse_product(s, y)
    hy = np.matmul(inverse, y)
    cross = np.outer(hy, s)
    factor = rho * (1 + rho * np.dot(y, hy))
    return inverse - rho * (cross + cross.T) + factor * np.outer(s, s)


def _pushed(pairs: Pairs, s: Any, y: Any) -> Pairs:
    rho = _inverse_product(s, y)
    good = rho > 0

    def push(old: Any, new: Any) -> Any:
        return np.where(good, np.concatenate([old[1:], new[None]]), old)

    scale = np.where(good, 1 / np.where(good, rho * np.dot(y, y), 1), pairs.scale)
    return Pairs(push(pairs.s, s), push(pairs.y, y), push(pairs.rho, rho), scale)


def _times_inverse(pairs: Pairs, v: Any) -> Any:
    """Product of the approximate inverse Hessian with a vector, by the two-loop recursion."""
    count = pairs.rho.shape[0]

    def down(i: Any, state: Any) -> Any:
        k = count - 1 - i
        q, alphas = state
        alpha = pairs.rho[k] * np.dot(pairs.s[k], q)
        return q - alpha * pairs.y[k], alphas.at[k].set(alpha)

    q, alphas = fori_loop(0, count, down, (v, np.zeros_like(pairs.rho)))

    def up(k: Any, r: Any) -> Any:
        return r + (alphas[k] - pairs.rho[k] * np.dot(pairs.y[k], r)) * pairs.s[k]

    return fori_loop(0, count, up, pairs.scale * q)
