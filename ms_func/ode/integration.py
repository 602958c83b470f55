"""`odeint`: solutions of an initial value problem, and their derivatives.

`adjoint="continuous"` differentiates the equation. For dy/dt = f(y, t, p) the tangent s of y obeys
ds/dt = f_y s + f_p dp, and the cotangent l obeys dl/dt = -f_y^T l, backwards, with the
integral of f_p^T l for cotangent of p: L. S. Pontryagin et al., The Mathematical Theory of Optimal
Processes (1962); R. T. Q. Chen et al., "Neural ordinary differential equations", NeurIPS 2018. The
two are one linear function and its transpose, a `linear_call`. `adjoint="discrete"` differentiates
the steps that were made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as onp

from ms_func import numpy as np
from ms_func import tree
from ms_func.api.linearize import vjp
from ms_func.api.vectorize import vmap
from ms_func.control_flow import bodies
from ms_func.control_flow.custom_jvp import custom_jvp_p
from ms_func.control_flow.linear_call import linear_call
from ms_func.control_flow.rules import Deferred, Mask, Recorded
from ms_func.control_flow.scan import scan
from ms_func.dtypes import promote_types, to_inexact
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.flatten_util import ravel_pytree
from ms_func.ir.function import Function
from ms_func.ir.primitive import Zero, current
from ms_func.ir.types import ArrayType, typeof
from ms_func.ode.dormand_prince import Control, integrate
from ms_func.tracing.arguments import function_name
from ms_func.tracing.policy import user_function
from ms_func.tracing.stage import Staged, stage
from ms_func.tracing.tracer import Tracer
from ms_func.transforms.jvp import jvp_walk
from ms_func.transforms.zeros import instantiate


def odeint(
    func: Callable[..., Any], y0: Any, t: Any, *args: Any, rtol: float = 1.4e-8,
    atol: float = 1.4e-8, mxstep: float = np.inf, hmax: float = np.inf,
    adjoint: str = "continuous",
) -> Any:  # fmt: skip
    """Solve dy/dt = `func(y, t, *args)` by the Dormand-Prince method of order 5, adaptively.

    Values between the steps come from its interpolation of order 4. Under `vmap` each lane takes
    steps of its own. Both adjoints have forward and reverse mode, and derivatives of any order,
    with respect to `y0`, `t`, `args` and whatever `func` closes over.

    Args:
        func: function of the state, a time and `args`, giving a tree like `y0`.
        y0: state at `t[0]`: array or tree of arrays, real or complex.
        t: times `[n]` to give the state at, in increasing or in decreasing order.
        *args: arrays or trees of arrays.
        rtol: relative error to allow for each step.
        atol: absolute error to allow for each step.
        mxstep: largest number of steps between two times.
        hmax: largest length of a step.
        adjoint: "continuous" solves the adjoint equation backwards, from the states at `t`: memory
            does not depend on the number of steps, derivatives are right up to the tolerance.
            "discrete" differentiates the steps, whose lengths count as constants: derivatives
            of the computed solution, in the memory of a `while_loop`.

    Returns:
        Tree like `y0`, with a leading dimension of `n`. It is NaN from where the equation
        cannot be followed: the solution or the slope is not finite, or more than `mxstep` steps
        would be needed.

    Raises:
        TypeError: `func` gives another structure, other shapes, or complex slopes for a real
            state; an argument is no array.
        ValueError: `t` has not one dimension, is empty, or does not go in one direction.

    Example:
        >>> times = np.linspace(0.0, 1.0, 3)
        >>> decay = odeint(lambda y, t, rate: -rate * y, 1.0, times, 2.0)
        >>> [f"{y:.3f}" for y in decay.tolist()]
        ['1.000', '0.368', '0.135']
    """
    if adjoint not in ("continuous", "discrete"):
        raise ArgumentValueError(
            f"odeint got adjoint={adjoint!r}\nfix: adjoint='continuous' or adjoint='discrete'"
        )
    control = Control(float(rtol), float(atol), float(mxstep), float(hmax))
    y0 = tree.map(lambda x: np.asarray(x).astype(to_inexact(typeof(x).dtype)), y0)
    flat, unravel = ravel_pytree(y0)
    times = _times(t)
    dtype = promote_types(flat.dtype, times.dtype)
    system, leaves = _record(func, flat, y0, unravel, dtype, args)
    operands = flat.astype(dtype), times.astype(_real(dtype))
    values = [*system.captured, *operands, *leaves]
    types = [typeof(x) for x in values]
    problem = _Problem(system.fn, len(system.captured), types, control, adjoint == "discrete")
    return vmap(unravel)(problem.solve(values).astype(flat.dtype))


def _real(dtype: Any) -> Any:
    return np.finfo(dtype).dtype


def _is_traced(x: Any) -> bool:
    return isinstance(x, Tracer)


def _times(times: Any) -> Any:
    """The times as floats.

    Raises:
        ValueError: they are not one-dimensional, or go back and forth.
    """
    t: Any = np.asarray(times)
    if t.ndim != 1 or not t.size:
        raise ArgumentValueError(
            f"odeint needs times t in one dimension, at least one, got shape {t.shape}"
        )
    if t.dtype.kind == "c":
        raise ArgumentTypeError(f"odeint needs real times t, got dtype {t.dtype}")
    if t.size > 2 and not _is_traced(t):
        moves = onp.sign(onp.diff(onp.asarray(t, float)))
        if moves.min() < 0 < moves.max():
            raise ArgumentValueError(
                "odeint needs times t in increasing or in decreasing order\nfix: sort them"
            )
    return t.astype(to_inexact(t.dtype))


def _check_arguments(leaves: Sequence[Any]) -> None:
    """Raise TypeError where one is no array."""
    for x in leaves:
        try:
            typeof(x)
        except TypeError:
            raise ArgumentTypeError(
                f"The contents of odeint *args must be arrays or scalars, but got {x!r}."
            ) from None


def _record(
    func: Any, flat: Any, y0: Any, unravel: Any, dtype: Any, args: Any
) -> tuple[Staged, list[Any]]:
    """Program (captured values, state, time, leaves of the arguments) -> slope, and the leaves."""
    leaves, args_tree = tree.flatten(args)
    _check_arguments(leaves)
    name, fun = function_name(func), user_function(func)
    y_tree, shapes = tree.structure(y0), [np.shape(x) for x in tree.leaves(y0)]

    def slope(xs: list[Any]) -> Any:
        y, t, *rest = xs
        out = fun(unravel(y.astype(flat.dtype)), t, *tree.unflatten(args_tree, rest))
        found, found_tree = tree.flatten(out)
        got = [np.shape(x) for x in found]
        if found_tree != y_tree or got != shapes:
            raise ArgumentTypeError(
                f"odeint: `{name}` must give a slope like y0, of structure {y_tree} and shapes "
                f"{shapes}, but gives {found_tree} and {got}"
            )
        if dtype.kind != "c" and any(typeof(x).dtype.kind == "c" for x in found):
            raise ArgumentTypeError(
                f"odeint: `{name}` gives a complex slope for a real state\nfix: make y0 complex"
            )
        parts = [np.ravel(np.asarray(x)).astype(dtype) for x in found]
        return np.concatenate(parts) if parts else np.zeros(0, dtype)

    leaves = [np.asarray(x, _real(dtype) if type(x) is float else typeof(x).dtype) for x in leaves]
    types = [ArrayType(flat.shape, dtype), ArrayType((), _real(dtype)), *map(typeof, leaves)]
    return stage(slope, types, name=name), leaves


class _Problem:
    """Equation, tolerances and adjoint: a function of (captured values, state, times, arguments).

    Attributes:
        slope: program (captured values, state, time, arguments) -> slope.
        k: number of captured values, and so the position of the state; the times come next.
        types: types of all values.
    """

    def __init__(
        self, slope: Function, k: int, types: list[ArrayType], control: Control, discrete: bool
    ) -> None:
        self.slope, self.k, self.types = slope, k, types
        self.control, self.discrete = control, discrete
        self.rule = Deferred(("odeint", slope, k, tuple(types), control), self.record)

    def solve(self, values: Sequence[Any]) -> Any:
        """States at the times, with derivatives."""
        fn = stage(self.states, self.types, name="odeint").fn
        if self.discrete:
            return bodies.values(current.interpreter.apply(fn, values))[0]
        return custom_jvp_p.bind(*values, fn=fn, rule=self.rule, num_captured=0)[0]

    def states(self, values: Sequence[Any]) -> Any:
        """States at the times."""
        y0, ts = values[self.k : self.k + 2]
        rest = [*values[: self.k], *values[self.k + 2 :]]
        return integrate(self.at, y0, ts, rest, self.control, self.discrete)

    def joined(self, y: Any, t: Any, rest: Sequence[Any]) -> list[Any]:
        """Operands of the program for a state, a time, and all other values."""
        return [*rest[: self.k], y, t, *rest[self.k :]]

    def at(self, y: Any, t: Any, rest: Sequence[Any]) -> Any:
        """The slope."""
        operands = self.joined(y, t, rest)
        return bodies.values(current.interpreter.apply(self.slope, operands))[0]

    def again(self, f: Any, y0: Any, ts: Any, *args: Any) -> Any:
        """Solution of another equation with the same tolerances."""
        return odeint(f, y0, ts, *args, **self.control._asdict())

    # --- derivatives of the equation ------------------------------------------------------------

    def record(self, mask: Mask) -> Recorded:
        """Program (values, live tangents) -> (states, tangents of the states)."""
        n, k = len(mask), self.k
        live = [*mask[:k], *mask[k + 2 :]]
        of_y, of_t = mask[k : k + 2]

        def pick(dots: Sequence[Any]) -> tuple[Any, Any, list[Any]]:
            """Tangents of state, times and the rest, None where they vanish."""
            given = iter(dots)
            found = [next(given) if m else None for m in mask]
            return found[k], found[k + 1], [d for d in found[:k] + found[k + 2 :] if d is not None]

        def forward(known: Any, dots: Any) -> Any:
            values, states = known
            return self.tangents(values, states, live, *pick(dots))

        def backward(known: Any, cts: Any) -> Any:
            values, states = known
            y_ct, t_ct, rest = self.cotangents(values, states, cts, live, of_t)
            every = iter(rest)
            lead = [next(every) for m in live[:k] if m]
            return [*lead, *[y_ct] * of_y, *[t_ct] * of_t, *every]

        def body(xs: Sequence[Any]) -> Any:
            values, dots = list(xs[:n]), list(xs[n:])
            states = self.solve(values)
            return [states, linear_call(forward, backward, (values, states), dots)]

        dots = [t.tangent for t in bodies.chosen(self.types, mask)]
        made = stage(body, [*self.types, *dots], name="jvp_of_odeint")
        return Recorded(made.fn, tuple(made.captured))

    def parts(self, values: Sequence[Any]) -> tuple[Any, Any, list[Any]]:
        """State, times and the rest."""
        return values[self.k], values[self.k + 1], [*values[: self.k], *values[self.k + 2 :]]

    def tangents(
        self, values: Any, states: Any, live: Sequence[bool], y_dot: Any, t_dot: Any, dots: Any
    ) -> Any:
        """Tangents of the states: the equation together with that of its tangent."""
        y0, ts, rest = self.parts(values)
        start = np.zeros_like(y0) if y_dot is None else y_dot
        first = start
        if t_dot is not None:
            start = start - self.at(y0, ts[0], rest) * t_dot[0].astype(y0.dtype)

        def both(state: Any, t: Any, rest: Any, dots: Any) -> Any:
            y, moved = state
            given = iter(dots)
            full = [next(given) if m else Zero(typeof(x).tangent)
                    for m, x in zip(live, rest, strict=True)]  # fmt: skip
            operands = self.joined(y, t, rest)
            tangents = self.joined(moved, Zero(typeof(t).tangent), full)
            (slope,), (dot,) = jvp_walk(self.slope, operands, tangents)
            return bodies.values([slope, instantiate(dot)])

        found = self.again(both, [y0, start], ts, rest, dots)[1]
        if t_dot is not None:
            found = found + self.slopes(states, ts, rest) * t_dot[:, None].astype(y0.dtype)
        return np.concatenate([first[None], found[1:]])

    def slopes(self, states: Any, ts: Any, rest: Any) -> Any:
        """The slope at each of the times."""
        return vmap(lambda y, t: self.at(y, t, rest))(states, ts)

    def cotangents(
        self, values: Any, states: Any, cts: Any, live: Sequence[bool], of_t: bool
    ) -> tuple[Any, Any, list[Any]]:
        """Cotangents of state, times and the rest: the adjoint equation, from time to time back."""
        y0, ts, rest = self.parts(values)
        active = bodies.chosen(rest, live)

        def back(state: Any, t: Any, rest: Any) -> Any:
            y, ct, _ = state

            def slope(y: Any, active: Any) -> Any:
                given = iter(active)
                full = [next(given) if m else x for m, x in zip(live, rest, strict=True)]
                return self.at(y, t, full)

            out, pull = vjp(slope, y, bodies.chosen(rest, live))
            y_ct, sums = pull(ct)
            return out, -y_ct, [-x for x in sums]

        def interval(carry: Any, at: Any) -> tuple[Any, None]:
            (ct, sums), (y, y_ct, before, after) = carry, at
            ends = np.stack([after, before])
            found = self.again(back, (y, ct + y_ct, sums), ends, rest)
            return tree.map(lambda x: x[1], (found[1], found[2])), None

        none = [np.zeros_like(x) for x in active]
        steps = (states[1:], cts[1:], ts[:-1], ts[1:])
        (ct, sums), _ = scan(interval, (np.zeros_like(y0), none), steps, reverse=True)
        slopes = self.slopes(states, ts, rest) if of_t else None
        return ct + cts[0], None if slopes is None else _of_times(slopes, ct, cts, ts), sums


def _of_times(slopes: Any, ct: Any, cts: Any, ts: Any) -> Any:
    """Cotangents of the times: a later end moves its state, a later start all the others."""
    first = -np.sum(slopes[0] * ct, keepdims=True)
    later = np.sum(slopes[1:] * cts[1:], axis=1)
    return np.concatenate([first, later]).real.astype(ts.dtype)
