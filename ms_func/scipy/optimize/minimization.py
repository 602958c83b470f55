"""`minimize`: the point where a function is least, differentiated by the equation it satisfies."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ms_func import numpy as np
from ms_func.api.differentiate import grad, value_and_grad
from ms_func.api.vectorize import vmap
from ms_func.control_flow.linear_solve import custom_root
from ms_func.dtypes import to_inexact
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.ir.types import typeof
from ms_func.numpy.linalg import solve
from ms_func.scipy.optimize.quasi_newton import bfgs, lbfgs
from ms_func.scipy.sparse.linalg import cg

_METHODS = {
    "bfgs": bfgs,
    "l-bfgs": lbfgs,
    "l-bfgs-experimental-do-not-rely-on-this": lbfgs,
}
_DENSE = 128
"""Largest number of unknowns for which derivatives factor the Hessian."""


class OptimizeResults(NamedTuple):
    """What `minimize` found.

    Attributes:
        x: the point.
        success: whether it converged: the gradient is as small as asked for or, "L-BFGS", the
            function decreases no more.
        status: 0 the gradient is small; 1 largest number of steps. "BFGS": 3 no step lowers the
            function. "L-BFGS": 2 and 3 largest number of evaluations, 4 the function decreases by
            less than `ftol`, 5 no step lowers it.
        fun: value of the function.
        jac: its gradient.
        hess_inv: "BFGS": inverse of the Hessian, approximately; of real and imaginary parts
            where `x` is complex. Else None.
        nfev: evaluations of the function.
        njev: evaluations of the gradient.
        nit: steps.

    Example:
        >>> found = minimize(lambda x: ((x - 3.0) ** 2).sum(), np.zeros(1), method="BFGS")
        >>> found.success.item(), found.status.item(), f"{found.x[0]:.3f}"
        (True, 0, '3.000')
    """

    x: Any
    success: Any
    status: Any
    fun: Any
    jac: Any
    hess_inv: Any
    nfev: Any
    njev: Any
    nit: Any


def minimize(
    fun: Callable[..., Any], x0: Any, args: tuple[Any, ...] = (), *, method: str,
    tol: float | None = None, options: Mapping[str, Any] | None = None,
) -> OptimizeResults:  # fmt: skip
    """A local minimum of `fun`, near `x0`.

    `x` and `fun` of the result are differentiable, in both modes and to any order, with respect to
    `args` and whatever `fun` closes over: by the implicit function theorem, with the Hessian at
    the minimum and without a look at the steps that led there. The derivative with respect to
    `x0` is zero. It means something where the gradient vanishes and the Hessian can be inverted.

    Args:
        fun: function `fun(x, *args)` giving a real number; twice differentiable where the result
            is to be differentiated.
        x0: array where to start.
        args: further arguments: arrays or trees of arrays.
        method: "BFGS", or "L-BFGS", which is also called
            "l-bfgs-experimental-do-not-rely-on-this".
        tol: norm of the gradient at which to end, unless the options give another.
        options: `maxiter`, `norm`, `gtol`, and for "BFGS" `line_search_maxiter`, for "L-BFGS"
            `maxcor`, `ftol`, `maxfun`, `maxgrad`, `maxls`.

    Raises:
        TypeError: `args` is no tuple, there is no such option, or `fun` gives no real number.
        ValueError: there is no such method.

    Example:
        >>> result = minimize(lambda x, a: ((x - a) ** 2).sum(), np.zeros(2), (3.0,), method="BFGS")
        >>> np.allclose(result.x, 3.0, atol=1e-3)
        Array(True, dtype=bool)

    Reference:
        Nocedal and Wright, Numerical Optimization, second edition (2006); Blondel et al.,
        "Efficient and modular implicit differentiation", NeurIPS 2022.
    """
    if not isinstance(args, tuple):
        raise ArgumentTypeError(
            f"args argument to scipy.optimize.minimize must be a tuple, got {args}\n"
            "fix: write args=(value,) for one argument"
        )
    run = _METHODS.get(method.lower())
    if run is None:
        raise ArgumentValueError(
            f"Method {method} not recognized\nfix: method='BFGS' or method='L-BFGS'"
        )
    settings = _settings(run, method, tol, options)
    flat, back = _as_real_vector(x0)

    def objective(v: Any) -> Any:
        return fun(back(v), *args)

    def search(_: Any, start: Any) -> tuple[Any, Any]:
        found = run(value_and_grad(objective), start, **settings)
        return found.x, found._replace(x=())

    x, rest = custom_root(grad(objective), flat, search, _solve_hessian, has_aux=True)
    jac = back(rest.gradient)
    return OptimizeResults(
        x=back(x),
        success=(rest.status == 0) | (rest.status == 4),
        status=rest.status,
        fun=objective(x),
        jac=np.conj(jac) if jac.dtype.kind == "c" else jac,
        hess_inv=rest.curvature if run is bfgs else None,
        nfev=rest.evaluations,
        njev=rest.evaluations,
        nit=rest.steps,
    )


def _settings(
    run: Callable[..., Any], method: str, tol: float | None, options: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Keyword arguments of a method.

    Raises:
        TypeError: it does not know an option.
    """
    settings = {} if tol is None else {"gtol": tol}
    settings.update(options or {})
    known = [p.name for p in inspect.signature(run).parameters.values() if p.kind is p.KEYWORD_ONLY]
    for name in settings:
        if name not in known:
            raise ArgumentTypeError(
                f"method {method} got an unexpected keyword argument {name!r} among its options\n"
                f"fix: it knows {', '.join(known)}"
            )
    return settings


def _as_real_vector(x0: Any) -> tuple[Any, Callable[[Any], Any]]:
    """The unknowns as one real vector, complex ones as real and imaginary parts; the way back."""
    x0 = np.asarray(x0)
    x0 = x0.astype(to_inexact(typeof(x0).dtype))
    shape, size = x0.shape, x0.size
    flat = np.ravel(x0)
    if x0.dtype.kind != "c":
        return flat, lambda v: np.reshape(v, shape)
    parts = np.concatenate([flat.real, flat.imag])
    return parts, lambda v: np.reshape(v[:size] + 1j * v[size:], shape)


def _solve_hessian(product: Callable[[Any], Any], right: Any) -> Any:
    """Solution of a system that is known by its products: factored, or iterated where large."""
    if right.size <= _DENSE:
        return solve(vmap(product)(np.eye(right.size, dtype=right.dtype)).T, right)
    return cg(product, right, tol=4 * float(np.finfo(right.dtype).eps))[0]
