"""Solutions of equations, differentiated by the equation and not by the algorithm.

`custom_linear_solve`: x with A x = b has dx = A^-1 (db - dA x), and its transpose solves with
A^T. `custom_root`: x with f(x, p) = 0 has f_x dx = -f_p dp. What `solve` does inside is never
looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ms_func import tree
from ms_func.control_flow import bodies
from ms_func.control_flow.bodies import split_list
from ms_func.control_flow.custom_jvp import custom_jvp_p
from ms_func.control_flow.program_primitive import computed_by
from ms_func.control_flow.rules import Deferred, Mask, Recorded
from ms_func.control_flow.while_loop import one_argument, while_loop
from ms_func.dtypes import is_inexact
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.ir.function import Function
from ms_func.ir.host import Identity
from ms_func.ir.primitive import (
    Primitive,
    Zero,
    current,
    register,
)
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.arithmetic import add, neg, sub
from ms_func.primitives.arithmetic import max as maximum
from ms_func.primitives.bits import bitwise_and
from ms_func.primitives.compare import gt, lt
from ms_func.primitives.elementwise import abs as absolute
from ms_func.primitives.families import is_linear
from ms_func.primitives.reduce import reduce_max
from ms_func.tracing.arguments import function_name, leaf_types
from ms_func.tracing.policy import user_function
from ms_func.tracing.stage import Staged, stage
from ms_func.transforms.jet import jet_walk
from ms_func.transforms.jvp import jvp_walk
from ms_func.transforms.transpose import transpose
from ms_func.transforms.zeros import add as add_tangents
from ms_func.transforms.zeros import instantiate, is_live, with_zeros, zeros

# --- the primitive ----------------------------------------------------------------------------


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    """A dx = db - dA x, solved by the same algorithm; what it returns besides has no tangent."""
    matvec, k = params["matvec"], params["num_consts"]
    outs = linear_solve_p.bind(*primals, **params)
    n = len(matvec.results)
    x, aux = split_list(outs, n)
    consts, (const_dots, dots) = primals[:k], split_list(tangents, k)
    if any(is_live(const_dots)):
        none = [Zero(typeof(v).tangent) for v in x]
        change = jvp_walk(matvec, [*consts, *x], [*const_dots, *none])[1]
        dots = [
            d if type(c) is Zero else add_tangents(d, neg(c))
            for d, c in zip(dots, change, strict=True)
        ]
    if not any(is_live(dots)):
        return outs, [Zero(typeof(v).tangent) for v in outs]
    found = linear_solve_p.bind(*consts, *map(instantiate, dots), **params)
    return outs, [*found[:n], *(Zero(typeof(v).tangent) for v in aux)]


def _jet(primals: Sequence[Any], series: Any, order: int, **params: Any) -> Any:
    """From A(t) x(t) = b(t): x_m solves with b_m less coefficient m of A(t) (x(t) without x_m)."""
    k, matvec = params["num_consts"], params["matvec"]
    n = len(matvec.results)
    consts, outs = primals[:k], linear_solve_p.bind(*primals, **params)
    x, aux = outs[:n], outs[n:]
    terms: list[list[Any]] = [[] for _ in x]
    for m in range(1, order + 1):
        given = [None if s is None else s[:m] for s in series[:k]]
        so_far = [[*row, Zero(typeof(v).tangent)] for row, v in zip(terms, x, strict=True)]
        moved = jet_walk(matvec, [*consts, *x], [*given, *so_far], m)[1]
        right = [
            add_tangents(None if s is None else s[m - 1], None if r is None else _minus(r[m - 1]))
            for s, r in zip(series[k:], moved, strict=True)
        ]
        filled = [
            zeros(typeof(v).tangent) if r is None else instantiate(r)
            for r, v in zip(right, x, strict=True)
        ]
        for row, term in zip(terms, linear_solve_p.bind(*consts, *filled, **params), strict=False):
            row.append(term)
    return outs, [*terms, *(None for _ in aux)]


def _minus(x: Any) -> Any:
    return x if type(x) is Zero else neg(x)


def _transpose(cts: Sequence[Any], *operands: Any, **params: Any) -> list[Any]:
    """The transposed system, solved by `transpose_solve`."""
    k, n = params["num_consts"], len(params["matvec"].results)
    if params["transpose_solve"] is None:
        raise ArgumentTypeError(
            "transpose_solve required for backwards mode automatic differentiation of "
            "custom_linear_solve\nfix: pass transpose_solve, or symmetric=True"
        )
    forward = bodies.keep_results(
        params["solve"], tuple(i < n for i in range(len(params["solve"].results)))
    )
    swapped = {
        "matvec": params["vecmat"], "vecmat": params["matvec"],
        "solve": params["transpose_solve"], "transpose_solve": forward, "num_consts": k,
    }  # fmt: skip
    found = linear_solve_p.bind(*operands[:k], *map(instantiate, cts[:n]), **swapped)
    given = operands[k:]
    return [None] * k + [ct if is_linear(x) else None for ct, x in zip(found, given, strict=True)]


def _batch(size: int, args: Any, dims: Any, **params: Any) -> Any:
    """All functions for all lanes, right sides and solutions with the lanes in front."""
    k, n = params["num_consts"], len(params["matvec"].results)
    lanes = (*dims[:k], *(0,) * n)
    made: dict[str, Any] = {"num_consts": k}
    for role in ("matvec", "vecmat", "solve", "transpose_solve"):
        fn = params[role]
        made[role] = fn and bodies.batch_to(fn, size, lanes, (0,) * len(fn.results))[0]
    right = [
        bodies.move_batch(x, d, 0, size) if d != 0 else x
        for x, d in zip(args[k:], dims[k:], strict=True)
    ]
    outs = linear_solve_p.bind(*args[:k], *right, **made)
    return outs, [0] * len(outs)


linear_solve_p = register(
    Primitive(
        "linear_solve",
        **computed_by("solve"),
        jvp=_jvp,
        jet=_jet,
        transpose=_transpose,
        batch=_batch,
    )
)


# --- linear systems -----------------------------------------------------------------------------


def custom_linear_solve(
    matvec: Callable[[Any], Any],
    b: Any,
    solve: Callable[..., Any],
    transpose_solve: Callable[..., Any] | None = None,
    symmetric: bool = False,
    has_aux: bool = False,
) -> Any:
    """The x with `matvec(x) = b`, found by `solve` and differentiated by the equation.

    Args:
        matvec: linear function of a tree like `b`, to a tree like `b`; it may close over values
            to differentiate by.
        b: right side: array or tree of arrays.
        solve: function `(matvec, b)` to a tree like `b`.
        transpose_solve: function `(vecmat, b)` that solves with the transposed of `matvec`;
            needed for reverse mode unless `symmetric`.
        symmetric: whether `matvec` is its own transpose, so that `solve` does for both.
        has_aux: whether `solve` and `transpose_solve` return `(x, auxiliary data)`.

    Returns:
        Tree like `b`, or a pair of it and the auxiliary data, which has no derivative.

    Raises:
        ValueError: a function returns another structure or other shapes than `b` has.
        TypeError: reverse mode without `transpose_solve`.

    Example:
        >>> float(custom_linear_solve(lambda x: 4.0 * x, 2.0, lambda f, b: b / 4.0))
        0.5
    """
    matvec, solve = user_function(matvec), user_function(solve)
    transpose_solve = user_function(transpose_solve)
    leaves, b_tree = tree.flatten(b)
    types = leaf_types(leaves, "custom_linear_solve", function_name(matvec))
    inner = one_argument(b_tree)
    a = bodies.stage_on_tree(matvec, inner, types)
    _check_like("matvec", a, b_tree, types)
    s = stage(lambda xs: _solved(solve(matvec, tree.unflatten(b_tree, xs)), has_aux), types,
              name=function_name(solve))  # fmt: skip
    _check_like("solve", s, b_tree, types, has_aux)
    recorded = [a, s]
    if symmetric or transpose_solve is not None:
        recorded += _record_transpose(
            matvec, a, transpose_solve or solve, symmetric, b_tree, types, has_aux
        )
    fns, captured = bodies.share_captured(recorded)
    roles = dict(zip(("matvec", "solve", "vecmat", "transpose_solve"), (*fns, None, None)))  # noqa: B905
    outs = linear_solve_p.bind(*captured, *leaves, num_consts=len(captured), **roles)
    return tree.unflatten(s.out_tree, outs)


def _solved(out: Any, has_aux: bool) -> Any:
    if has_aux and (not isinstance(out, tuple | list) or len(out) != 2):
        raise ArgumentTypeError("solve must return a pair (x, auxiliary data) with has_aux=True")
    return tuple(out) if has_aux else out


def _record_transpose(
    matvec: Any, a: Staged, solve: Any, symmetric: bool, b_tree: Any, types: Any, has_aux: bool
) -> list[Staged]:
    """The transposed of `matvec`, and the solver that is given it."""
    if symmetric:
        fn, vecmat = a, matvec
    else:
        k = len(a.captured)
        made = transpose(a.fn, (False,) * k + (True,) * len(types))
        fn = Staged(made, a.captured, b_tree, {})

        def vecmat(x: Any) -> Any:
            out = current.interpreter.apply(made, [*a.captured, *tree.leaves(x)])
            return tree.unflatten(b_tree, bodies.values(out))

    def run(xs: list[Any]) -> Any:
        out = _solved(solve(vecmat, tree.unflatten(b_tree, xs)), has_aux)
        return out[0] if has_aux else out

    backward = stage(run, types, name=f"transpose_{function_name(solve)}")
    _check_like("transpose_solve", backward, b_tree, types)
    return [fn, backward]


def _check_like(
    what: str, staged: Staged, b_tree: Any, types: Sequence[ArrayType], has_aux: bool = False
) -> None:
    out_tree = tree.children(staged.out_tree)[0] if has_aux else staged.out_tree
    got = [t.shape for t in staged.fn.out_types[: out_tree.num_leaves]]
    wanted = [t.shape for t in types]
    if got != wanted:
        raise ArgumentValueError(f"{what}() output shapes must match b, got {got} and {wanted}")
    if out_tree != b_tree:
        raise ArgumentTypeError(
            f"{what}() output pytree structure must match b, got {out_tree}, {b_tree}"
        )


# --- roots ----------------------------------------------------------------------------------------


def custom_root(
    f: Callable[[Any], Any],
    initial_guess: Any,
    solve: Callable[..., Any],
    tangent_solve: Callable[..., Any],
    has_aux: bool = False,
) -> Any:
    """The x with `f(x) = 0`, found by `solve` and differentiated by the implicit function theorem.

    Args:
        f: function of a tree like `initial_guess` to a tree like it; it may close over values
            to differentiate by.
        initial_guess: where `solve` starts; its derivative is zero.
        solve: function `(f, initial_guess)` to the root.
        tangent_solve: function `(g, y)` that solves the linear system `g(x) = y`, for instance
            `lambda g, y: y / g(1.0)` for scalars.
        has_aux: whether `solve` returns `(root, auxiliary data)`.

    Returns:
        The root, or a pair of it and the auxiliary data, which has no derivative.

    Raises:
        TypeError: a function returns another structure than `initial_guess` has.

    Example:
        >>> step = lambda f, x: x - f(x)
        >>> root = custom_root(lambda x: x - 2.0, 0.0, step, lambda g, y: y / g(1.0))
        >>> float(root)
        2.0
    """
    f, solve = user_function(f), user_function(solve)
    leaves, x_tree = tree.flatten(initial_guess)
    types = leaf_types(leaves, "custom_root", function_name(f))
    system = bodies.stage_on_tree(f, one_argument(x_tree), types)
    _check_structure("f", system.out_tree, x_tree)
    s = stage(lambda xs: _solved(solve(f, tree.unflatten(x_tree, xs)), has_aux), types,
              name=function_name(solve))  # fmt: skip
    found_tree = tree.children(s.out_tree)[0] if has_aux else s.out_tree
    _check_structure("solve", found_tree, x_tree)
    (system_fn, solve_fn), captured = bodies.share_captured([system, s])
    rule = _RootRule(system_fn, solve_fn, tangent_solve, x_tree)
    outs = rule.bind([*captured, *leaves])
    return tree.unflatten(s.out_tree, outs)


def _check_structure(what: str, got: Any, wanted: Any, like: str = "initial_guess") -> None:
    if got != wanted:
        raise ArgumentTypeError(
            f"{what}() output pytree structure must match {like}, got {got} and {wanted}."
        )


class _RootRule:
    """The derivative of a root, itself written with the root, so that all orders follow."""

    def __init__(
        self, system: Function, solve: Function, tangent_solve: Callable[..., Any], x_tree: Any
    ) -> None:
        self.system, self.solve = system, solve
        self.tangent_solve, self.x_tree = tangent_solve, x_tree
        key = ("root", system, solve, x_tree, Identity(tangent_solve))
        self.rule = Deferred(key, self.record)

    def bind(self, args: Sequence[Any]) -> list[Any]:
        """The root for (captured values, guess)."""
        return custom_jvp_p.bind(*args, fn=self.solve, rule=self.rule, num_captured=0)

    def record(self, mask: Mask) -> Recorded:
        """Program (arguments, live tangents) -> (root, tangent of the root)."""
        types = self.solve.in_types
        dots = [t.tangent for t in bodies.chosen(types, mask)]
        n = len(self.system.results)
        k = len(types) - n

        def body(*args: Any) -> list[Any]:
            outs = self.bind(args[: len(types)])
            given = with_zeros(mask, args[len(types) :], types)
            tangents = self._tangents(args[:k], given[:k], outs[:n])
            found = iter(tangents)
            return [
                *outs,
                *(
                    next(found) if i < n else zeros(t.tangent)
                    for i, t in enumerate(self.solve.out_types)
                    if is_inexact(t.dtype)
                ),
            ]

        made = stage(lambda xs: body(*xs), [*types, *dots], name=f"jvp_of_{self.solve.name}")
        return Recorded(made.fn, tuple(made.captured))

    def _tangents(self, consts: Sequence[Any], dots: Sequence[Any], x: Sequence[Any]) -> list[Any]:
        """Solution of f_x dx = -f_p dp."""
        none = [Zero(typeof(v).tangent) for v in x]
        change = jvp_walk(self.system, [*consts, *x], [*dots, *none])[1]
        if not any(is_live(change)):
            return [zeros(t.type) for t in change]
        right = [neg(instantiate(t)) for t in change]
        fixed = [Zero(typeof(v).tangent) for v in consts]

        def linearized(v: Any) -> Any:
            outs = jvp_walk(self.system, [*consts, *x], [*fixed, *tree.leaves(v)])[1]
            return tree.unflatten(self.x_tree, bodies.values([instantiate(t) for t in outs]))

        found = self.tangent_solve(linearized, tree.unflatten(self.x_tree, right))
        leaves, found_tree = tree.flatten(found)
        _check_structure("tangent_solve", found_tree, self.x_tree, like="x")
        return leaves


def fixed_point(
    f: Callable[[Any, Any], Any],
    x0: Any,
    params: Any,
    *,
    tol: float = 1e-6,
    max_trips: int = 10_000,
) -> Any:
    """The x with `f(params, x) = x`, found by iteration, differentiated by the equation.

    Args:
        f: contraction in its second argument, a tree like `x0`.
        x0: where the iteration starts; its derivative is zero.
        params: array or tree of arrays to differentiate by.
        tol: largest change of an element at which the iteration ends.
        max_trips: number of steps at which it ends in any case.

    Returns:
        Tree like `x0`. Derivatives solve their linear systems by the same iteration.

    Example:
        >>> float(fixed_point(lambda a, x: 0.5 * x + a, 0.0, 1.0, tol=0.0))
        2.0
    """
    iterate = partial(_iterate, tol=tol, max_trips=max_trips)

    def residual(x: Any) -> Any:
        return tree.map(sub, f(params, x), x)

    def tangent_solve(g: Callable[[Any], Any], y: Any) -> Any:
        """With g v = A v - v, the v with g v = y is the limit of v <- g v + v - y."""

        def solve(matvec: Callable[[Any], Any], b: Any) -> Any:
            def step(v: Any) -> Any:
                return tree.map(lambda m, v, b: sub(add(m, v), b), matvec(v), v, b)

            return iterate(step, tree.map(neg, b))

        return custom_linear_solve(g, y, solve, solve)

    return custom_root(residual, x0, lambda _, x: iterate(lambda x: f(params, x), x), tangent_solve)


def _iterate(step: Callable[[Any], Any], start: Any, *, tol: float, max_trips: int) -> Any:
    """What `step` gives again and again, until no element changes by more than `tol`."""

    def going(state: Any) -> Any:
        count, _, change = state
        return bitwise_and(lt(count, max_trips), gt(change, tol))

    def move(state: Any) -> Any:
        count, x, _ = state
        new = step(x)
        return add(count, 1), new, _largest_change(new, x)

    first = step(start)
    return while_loop(going, move, (1, first, _largest_change(first, start)))[1]


def _largest_change(a: Any, b: Any) -> Any:
    """Largest absolute difference over all leaves."""
    found = None
    for x, y in zip(tree.leaves(a), tree.leaves(b), strict=True):
        change = absolute(sub(x, y))
        one = reduce_max(change, tuple(range(typeof(change).ndim)))
        found = one if found is None else maximum(found, one)
    return found
