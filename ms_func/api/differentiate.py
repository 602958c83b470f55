"""grad, vjp, jvp and their relatives.

Each stages the user's function once, asks `transforms` for the derived program, and applies
it: at top level that runs one compiled program, found again by the structure of the staged
function; inside another transform it records the program's equations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from ms_func import tree
from ms_func.dtypes import float0, is_inexact
from ms_func.ir.function import Function, Literal
from ms_func.ir.primitive import Zero, current
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.shape import broadcast_in_dim
from ms_func.tracing.arguments import (
    function_name,
    leaf_types,
    normalize_argnums,
    split_arguments,
)
from ms_func.tracing.stage import Staged, stage
from ms_func.tracing.tracer import build
from ms_func.transforms.jvp import jvp as jvp_program
from ms_func.transforms.linearize import linearize as linearize_program
from ms_func.transforms.linearize import vjp_walk
from ms_func.transforms.passes import simplify
from ms_func.transforms.transpose import transpose as transpose_program
from ms_func.transforms.zeros import zeros

ArgNums = int | Sequence[int]


def apply(fn: Function, args: Sequence[Any]) -> list[Any]:
    """Run a program or record its equations; results are never bare literals."""
    return [_value(x) for x in current.interpreter.apply(fn, args)]


def _value(x: Any) -> Any:
    """An array in place of a literal result."""
    return broadcast_in_dim(x, (), ()) if type(x) is Literal else x


# --- grad -------------------------------------------------------------------------------------


def grad(
    fun: Callable[..., Any],
    argnums: ArgNums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    reduce_axes: Sequence[str] = (),
) -> Callable[..., Any]:
    """Function that computes the gradient of `fun`.

    Args:
        fun: function whose result is a real scalar (a complex one with `holomorphic`), or a
            pair of it and auxiliary data with `has_aux`.
        argnums: positions of the arguments to differentiate by.
        has_aux: whether `fun` returns a pair; the auxiliary data is returned beside the gradient.
        holomorphic: promise that `fun` is holomorphic; inputs and result must be complex.
        allow_int: allow integer and boolean arguments; their gradient has dtype `float0`.
        reduce_axes: accepted for compatibility; must be empty.

    Returns:
        A function of the same arguments. Its result has the structure, shapes and dtypes of
        the argument, or is a tuple of them if `argnums` is a sequence. For a real function of
        a complex argument z = x + iy the gradient is df/dx - i df/dy.

    Raises:
        TypeError: an argument is not floating, or the result is not a real scalar.

    Example:
        >>> float(grad(lambda x: x * x)(3.0))
        6.0
    """
    both = _value_and_grad("grad", fun, argnums, has_aux, holomorphic, allow_int, reduce_axes)

    @wraps(fun, updated=())
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, g = both(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return gradient


def value_and_grad(
    fun: Callable[..., Any],
    argnums: ArgNums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    reduce_axes: Sequence[str] = (),
) -> Callable[..., Any]:
    """Function that computes `fun` and its gradient together; arguments as for `grad`.

    Returns:
        A function giving `(value, gradient)`, or `((value, aux), gradient)` with `has_aux`.

    Example:
        >>> value, slope = value_and_grad(lambda x: x * x)(3.0)
        >>> float(value), float(slope)
        (9.0, 6.0)
    """
    return _value_and_grad(
        "value_and_grad", fun, argnums, has_aux, holomorphic, allow_int, reduce_axes
    )


def _value_and_grad(
    what: str,
    fun: Callable[..., Any],
    argnums: ArgNums,
    has_aux: bool,
    holomorphic: bool,
    allow_int: bool,
    reduce_axes: Sequence[str],
) -> Callable[..., Any]:
    if not callable(fun):
        raise TypeError(f"{what} expects a function, got {fun!r} of type {type(fun).__name__}")
    if reduce_axes:
        raise NotImplementedError("reduce_axes is not supported; sum over the axis with lax.psum")
    name = function_name(fun)

    @wraps(fun, updated=())
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        numbers = normalize_argnums(argnums, len(args), f"{what} of `{name}`")
        leaves, in_tree, rebuild = split_arguments(args, numbers)
        types = leaf_types(leaves, what, name)
        for t in types:
            _check_input(what, name, t, holomorphic, allow_int)
        staged = stage(
            lambda tracers: _with_aux(fun(*rebuild(tracers), **kwargs), has_aux, what, name),
            types,
            name=name,
            values=leaves,
            keep_constants=has_aux,
        )
        _check_output(what, name, staged, has_aux, holomorphic)
        program = _gradient_program(staged.fn, len(staged.captured), len(types))
        outs = apply(program, [*staged.captured, *leaves])
        n = len(staged.fn.results)
        grads = iter(outs[n:])
        cotangents = [
            next(grads) if is_inexact(t.dtype) else np.zeros(t.shape, float0) for t in types
        ]
        parts = tree.unflatten(in_tree, cotangents)
        return staged.unflatten(outs[:n]), (
            parts if isinstance(argnums, (tuple, list)) else parts[0]
        )

    return value_and_gradient


def _with_aux(out: Any, has_aux: bool, what: str, name: str) -> Any:
    if has_aux and (not isinstance(out, (tuple, list)) or len(out) != 2):
        raise TypeError(
            f"{what} of `{name}` with has_aux=True expects the function to return a pair "
            f"(value, auxiliary data), got {type(out).__name__}"
        )
    return tuple(out) if has_aux else out


def _gradient_program(fn: Function, captured: int, count: int) -> Function:
    """Program of the results of `fn` and the gradient of its first result."""
    key = ("grad", captured)
    if key not in fn.memo:
        active = (False,) * captured + tuple(
            is_inexact(t.dtype) for t in fn.in_types[captured : captured + count]
        )

        def body(*args: Any) -> list[Any]:
            outs, grads = vjp_walk(fn, args, active, _one_then_zeros)
            return [*outs, *grads]

        fn.memo[key] = simplify(build(f"grad_{fn.name}", fn.in_types, body))
    return fn.memo[key]


def _one_then_zeros(outs: Sequence[Any]) -> list[Any]:
    """Cotangents that pick the first result."""
    first = typeof(outs[0])
    return [Literal(1, ArrayType((), first.dtype)), *(Zero(typeof(x).tangent) for x in outs[1:])]


def _check_input(
    what: str, name: str, t: ArrayType, holomorphic: bool, allow_int: bool
) -> None:
    if holomorphic and t.dtype.kind != "c":
        raise TypeError(
            f"{what} of `{name}` with holomorphic=True requires inputs of complex dtype, got {t}"
        )
    if not is_inexact(t.dtype) and not allow_int:
        raise TypeError(
            f"{what} of `{name}` requires real- or complex-valued inputs (input dtype that is a "
            f"sub-dtype of np.inexact), but got {t.dtype.name}\n"
            "fix: pass a float, for example 3.0 instead of 3, or x.astype('float32'); with "
            "allow_int=True the gradient of integers has dtype float0"
        )


def _check_output(
    what: str, name: str, staged: Staged, has_aux: bool, holomorphic: bool
) -> None:
    value = tree.children(staged.out_tree)[0] if has_aux else staged.out_tree
    if value != tree.structure(0.0) or 0 in staged.constants:
        raise TypeError(
            f"Gradient only defined for scalar-output functions. `{name}` returned "
            f"{tree.unflatten(staged.out_tree, staged.fn.out_types)}\n"
            "fix: return one number; more results go out with has_aux=True"
        )
    out = staged.fn.out_types[0]
    if out.shape != ():
        raise TypeError(
            f"Gradient only defined for scalar-output functions. `{name}` returned an array of "
            f"shape {out.shape}\nfix: reduce it, for example with .sum() or .mean(), or use jacrev"
        )
    if holomorphic and out.dtype.kind != "c":
        raise TypeError(f"{what} of `{name}` with holomorphic=True requires a complex output, got {out}")
    if not holomorphic and (not is_inexact(out.dtype) or out.dtype.kind == "c"):
        raise TypeError(
            f"{what} of `{name}` requires real-valued outputs (output dtype that is a sub-dtype of "
            f"np.floating), but got {out.dtype.name}\n"
            "fix: for a holomorphic function pass holomorphic=True; otherwise take .real or convert"
        )


# --- jvp, linearize, vjp ------------------------------------------------------------------------


def _stage_call(
    what: str, fun: Callable[..., Any], primals: Sequence[Any], has_aux: bool
) -> tuple[Staged, list[Any], Any]:
    """Stage `fun` on all of its arguments; the leaves and their structure."""
    name = function_name(fun)
    leaves, in_tree = tree.flatten(tuple(primals))
    types = leaf_types(leaves, what, name)
    staged = stage(
        lambda tracers: _with_aux(
            fun(*tree.unflatten(in_tree, tracers)), has_aux, what, name
        ),
        types,
        name=name,
        values=leaves,
        keep_constants=has_aux,
    )
    return staged, leaves, in_tree


def _active(staged: Staged) -> tuple[bool, ...]:
    """Parameters that have a tangent: the inexact ones that were not captured."""
    n = len(staged.captured)
    types = staged.fn.in_types
    return (False,) * n + tuple(is_inexact(t.dtype) for t in types[n:])


def _aux_start(staged: Staged, has_aux: bool) -> int:
    """Number of flat results that belong to the value; the rest is auxiliary data."""
    if not has_aux:
        return len(staged.fn.results)
    return tree.num_leaves(tree.children(staged.out_tree)[0])


def jvp(
    fun: Callable[..., Any], primals: Any, tangents: Any, has_aux: bool = False
) -> tuple[Any, ...]:
    """Value of `fun` and its derivative in one direction.

    Args:
        fun: function of arrays or trees of arrays.
        primals: tuple of arguments.
        tangents: tuple of directions, of the structure, shapes and tangent dtypes of `primals`.
        has_aux: whether `fun` returns `(value, auxiliary data)`.

    Returns:
        `(value, tangent)`, or `(value, tangent, aux)` with `has_aux`.

    Raises:
        TypeError: structures, shapes or dtypes of primals and tangents differ.

    Example:
        >>> y, dy = jvp(lambda x: x * x, (3.0,), (1.0,))
        >>> float(y), float(dy)
        (9.0, 6.0)
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TypeError(
            "primal and tangent arguments to jvp must be tuples or lists; "
            f"found {type(primals).__name__} and {type(tangents).__name__}"
        )
    staged, leaves, in_tree = _stage_call("jvp", fun, primals, has_aux)
    dots, dot_tree = tree.flatten(tuple(tangents))
    _check_tangents("jvp", leaves, in_tree, dots, dot_tree)
    active = _active(staged)
    program, nonzero = _simplified_jvp(staged.fn, active)
    n_captured, n = len(staged.captured), len(staged.fn.results)
    live = [d for d, a in zip(dots, active[n_captured:], strict=True) if a]
    outs = apply(program, [*staged.captured, *leaves, *live])
    rest = iter(outs[n:])
    out_dots = [
        next(rest) if nz else _value(zeros(t.tangent))
        for nz, t in zip(nonzero, staged.fn.out_types, strict=True)
    ]
    return _value_and_dual(staged, outs[:n], out_dots, has_aux)


def _simplified_jvp(fn: Function, active: tuple[bool, ...]) -> tuple[Function, tuple[bool, ...]]:
    key = ("simplified_jvp", active)
    if key not in fn.memo:
        program, nonzero = jvp_program(fn, active)
        fn.memo[key] = simplify(program), nonzero
    return fn.memo[key]


def _value_and_dual(
    staged: Staged, outs: Sequence[Any], dots: Sequence[Any], has_aux: bool
) -> tuple[Any, ...]:
    value = staged.unflatten(outs)
    if not has_aux:
        return value, tree.unflatten(staged.out_tree, dots)
    first = tree.children(staged.out_tree)[0]
    dual = tree.unflatten(first, dots[: tree.num_leaves(first)])
    return value[0], dual, value[1]


def _check_tangents(
    what: str, leaves: Sequence[Any], in_tree: Any, dots: Sequence[Any], dot_tree: Any
) -> None:
    if in_tree != dot_tree:
        raise TypeError(
            f"primal and tangent arguments to {what} must have the same tree structure; "
            f"primals have {in_tree}, tangents have {dot_tree}"
        )
    for x, d in zip(leaves, dots, strict=True):
        t, got = typeof(x), typeof(d)
        wanted = t.tangent
        if got.shape != t.shape or (
            got.dtype != wanted.dtype and not (got.weak_type and is_inexact(wanted.dtype))
        ):
            raise TypeError(
                f"primal and tangent arguments to {what} do not match: a primal of type {t} needs "
                f"a tangent of type {wanted}, got {got}\n"
                "fix: give the tangent the primal's shape and dtype"
            )


def linearize(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Value of `fun` and its derivative as a linear function.

    Runs `fun` once. The returned function applies the Jacobian at `primals` to a tangent
    without running `fun` again, so it pays off when many tangents are wanted.

    Args:
        fun: function of arrays or trees of arrays.
        *primals: the point.
        has_aux: whether `fun` returns `(value, auxiliary data)`.

    Returns:
        `(value, f_jvp)`, or `(value, f_jvp, aux)` with `has_aux`.

    Example:
        >>> y, f_jvp = linearize(lambda x: x * x, 3.0)
        >>> float(f_jvp(2.0))
        12.0

    Reference:
        Radul et al., "You Only Linearize Once", POPL 2023.
    """
    staged, leaves, in_tree = _stage_call("linearize", fun, primals, has_aux)
    active = _active(staged)
    primal, linear, nonzero = linearize_program(staged.fn, active)
    outs = apply(primal, [*staged.captured, *leaves])
    n, n_captured = len(staged.fn.results), len(staged.captured)
    value, residuals = staged.unflatten(outs[:n]), outs[n:]
    wanted = active[n_captured:]
    cut = _aux_start(staged, has_aux)
    out_tree = tree.children(staged.out_tree)[0] if has_aux else staged.out_tree

    def f_jvp(*tangents: Any) -> Any:
        dots, dot_tree = tree.flatten(tuple(tangents))
        _check_tangents("the linearized function", leaves, in_tree, dots, dot_tree)
        live = [d for d, a in zip(dots, wanted, strict=True) if a]
        rest = iter(apply(linear, [*residuals, *live]))
        full = [
            next(rest) if nz else _value(zeros(t.tangent))
            for nz, t in zip(nonzero, staged.fn.out_types, strict=True)
        ]
        return tree.unflatten(out_tree, full[:cut])

    return (value[0], f_jvp, value[1]) if has_aux else (value, f_jvp)


def vjp(
    fun: Callable[..., Any],
    *primals: Any,
    has_aux: bool = False,
    reduce_axes: Sequence[str] = (),
) -> tuple[Any, ...]:
    """Value of `fun` and a function from cotangents of the result to those of the arguments.

    Args:
        fun: function of arrays or trees of arrays.
        *primals: the point.
        has_aux: whether `fun` returns `(value, auxiliary data)`.
        reduce_axes: accepted for compatibility; must be empty.

    Returns:
        `(value, f_vjp)`, or `(value, f_vjp, aux)` with `has_aux`. `f_vjp` takes one argument
        of the structure of the value and returns a tuple with one entry per primal.

    Example:
        >>> y, f_vjp = vjp(lambda x: x * x, 3.0)
        >>> float(f_vjp(1.0)[0])
        6.0
    """
    if reduce_axes:
        raise NotImplementedError("reduce_axes is not supported; sum over the axis with lax.psum")
    staged, leaves, in_tree = _stage_call("vjp", fun, primals, has_aux)
    active = _active(staged)
    primal, linear, nonzero = linearize_program(staged.fn, active)
    n, n_captured = len(staged.fn.results), len(staged.captured)
    outs = apply(primal, [*staged.captured, *leaves])
    value, residuals = staged.unflatten(outs[:n]), outs[n:]
    n_live = sum(active)
    backward = transpose_program(linear, (False,) * len(residuals) + (True,) * n_live)
    cut = _aux_start(staged, has_aux)
    ct_tree = tree.children(staged.out_tree)[0] if has_aux else staged.out_tree
    out_types = staged.fn.out_types

    def f_vjp(*cotangents: Any) -> tuple[Any, ...]:
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        cts = _check_cotangents(given, ct_tree, out_types[:cut])
        full = [*cts, *(_value(zeros(t.tangent)) for t in out_types[cut:])]
        live = [ct for ct, nz in zip(full, nonzero, strict=True) if nz]
        found = iter(apply(backward, [*residuals, *live]))
        grads = [
            next(found) if a else np.zeros(t.shape, float0)
            for a, t in zip(active[n_captured:], staged.fn.in_types[n_captured:], strict=True)
        ]
        return tree.unflatten(in_tree, grads)

    return (value[0], f_vjp, value[1]) if has_aux else (value, f_vjp)


def _check_cotangents(given: Any, wanted_tree: Any, types: Sequence[ArrayType]) -> list[Any]:
    cts, ct_tree = tree.flatten(given)
    if ct_tree != wanted_tree:
        raise ValueError(
            f"the cotangent given to a vjp function has structure {ct_tree}, but the value of the "
            f"function has structure {wanted_tree}"
        )
    for ct, t in zip(cts, types, strict=True):
        got = typeof(ct)
        if got.shape != t.shape or (
            got.dtype != t.tangent.dtype and not (got.weak_type and is_inexact(t.dtype))
        ):
            raise ValueError(
                f"the cotangent given to a vjp function has type {got}, but the value has type {t}; "
                f"it must be {t.tangent}"
            )
    return [_converted(ct, t.tangent) for ct, t in zip(cts, types, strict=True)]


def _converted(x: Any, t: ArrayType) -> Any:
    """A Python scalar as a typed one; everything else as it is."""
    return np.asarray(x, t.dtype)[()] if isinstance(x, (bool, int, float, complex)) else x


def linear_transpose(fun: Callable[..., Any], *primals: Any, reduce_axes: Any = ()) -> Any:
    """Transpose of a function that is linear in all of its arguments.

    Args:
        fun: linear function.
        *primals: arrays or shape-dtype structs that tell shapes and dtypes; not evaluated.
        reduce_axes: accepted for compatibility; must be empty.

    Returns:
        Function from a cotangent of the result to a tuple of cotangents of the arguments.

    Raises:
        NotImplementedError: `fun` is not linear, naming the line that is not.

    Example:
        >>> back = linear_transpose(lambda x: 2 * x, 1.0)
        >>> float(back(3.0)[0])
        6.0
    """
    if reduce_axes:
        raise NotImplementedError("reduce_axes is not supported")
    name = function_name(fun)
    leaves, in_tree = tree.flatten(tuple(primals))
    types = leaf_types(leaves, "linear_transpose", name)
    staged = stage(lambda xs: fun(*tree.unflatten(in_tree, xs)), types, name=name)
    mask = (False,) * len(staged.captured) + (True,) * len(types)
    backward = transpose_program(staged.fn, mask)

    def transposed(cotangent: Any) -> Any:
        cts = _check_cotangents(cotangent, staged.out_tree, staged.fn.out_types)
        return tree.unflatten(in_tree, apply(backward, [*staged.captured, *cts]))

    return transposed


# --- Jacobians ----------------------------------------------------------------------------------


def _standard_basis(leaves: Sequence[Any]) -> list[Any]:
    """For each leaf the rows that walk through all coordinates of all leaves together."""
    sizes = [typeof(x).size for x in leaves]
    total, rows, start = sum(sizes), [], 0
    for x, n in zip(leaves, sizes, strict=True):
        t = typeof(x)
        block = np.zeros((total, n), t.tangent.dtype)
        block[start : start + n] = np.eye(n, dtype=t.tangent.dtype)
        rows.append(block.reshape((total, *t.shape)))
        start += n
    return rows


def jacfwd(
    fun: Callable[..., Any],
    argnums: ArgNums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Jacobian of `fun` by forward mode, one column at a time, all at once by `vmap`.

    Good for tall Jacobians (more results than inputs). Each leaf of the result, of shape
    `s`, gives for each input leaf of shape `t` an array of shape `s + t`.

    Example:
        >>> import numpy
        >>> jacfwd(lambda x: x * x)(numpy.float32([1, 2])).tolist()
        [[2.0, 0.0], [0.0, 4.0]]
    """
    from ms_func.api.vectorize import vmap  # vmap stands beside this module

    name = function_name(fun)

    @wraps(fun, updated=())
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        numbers = normalize_argnums(argnums, len(args), f"jacfwd of `{name}`")
        leaves, in_tree, rebuild = split_arguments(args, numbers)
        for t in leaf_types(leaves, "jacfwd", name):
            _check_input("jacfwd", name, t, holomorphic, False)

        def flat(*xs: Any) -> Any:
            return fun(*rebuild(xs), **kwargs)

        def push(*dots: Any) -> Any:
            out = jvp(flat, tuple(leaves), dots, has_aux=has_aux)
            return (out[1], out[2]) if has_aux else (out[1], None)

        columns, aux = vmap(push, out_axes=(-1, None))(*_standard_basis(leaves))
        jac = tree.map(lambda c: _split_columns(c, leaves, in_tree, argnums), columns)
        return (jac, aux) if has_aux else jac

    return jacobian


def _split_columns(columns: Any, leaves: Sequence[Any], in_tree: Any, argnums: ArgNums) -> Any:
    """Cut the last dimension into the coordinates of each leaf, with the leaf's shape."""
    parts, start = [], 0
    shape = typeof(columns).shape[:-1]
    for x in leaves:
        t = typeof(x)
        piece = columns[..., start : start + t.size]
        parts.append(piece.reshape(shape + t.shape))
        start += t.size
    found = tree.unflatten(in_tree, parts)
    return found if isinstance(argnums, (tuple, list)) else found[0]


def jacrev(
    fun: Callable[..., Any],
    argnums: ArgNums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable[..., Any]:
    """Jacobian of `fun` by reverse mode, one row at a time, all at once by `vmap`.

    Good for wide Jacobians (more inputs than results). Shapes as for `jacfwd`.

    Example:
        >>> import numpy
        >>> jacrev(lambda x: x * x)(numpy.float32([1, 2])).tolist()
        [[2.0, 0.0], [0.0, 4.0]]
    """
    from ms_func.api.vectorize import vmap  # vmap stands beside this module

    name = function_name(fun)

    @wraps(fun, updated=())
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        numbers = normalize_argnums(argnums, len(args), f"jacrev of `{name}`")
        leaves, in_tree, rebuild = split_arguments(args, numbers)
        for t in leaf_types(leaves, "jacrev", name):
            _check_input("jacrev", name, t, holomorphic, allow_int)

        def flat(*xs: Any) -> Any:
            return fun(*rebuild(xs), **kwargs)

        value, pull, *aux = vjp(flat, *leaves, has_aux=has_aux)
        outs, out_tree = tree.flatten(value)
        for x in outs:
            _check_jacobian_output(name, typeof(x), holomorphic)
        rows = vmap(lambda *cts: pull(tree.unflatten(out_tree, cts)))(*_standard_basis(outs))
        per_out = _split_rows(rows, outs, in_tree, argnums)
        jac = tree.unflatten(out_tree, per_out)
        return (jac, aux[0]) if has_aux else jac

    return jacobian


def _check_jacobian_output(name: str, t: ArrayType, holomorphic: bool) -> None:
    if not holomorphic and (not is_inexact(t.dtype) or t.dtype.kind == "c"):
        raise TypeError(
            f"jacrev of `{name}` requires real-valued outputs, got {t.dtype.name}; for a "
            "holomorphic function pass holomorphic=True"
        )


def _split_rows(
    rows: Sequence[Any], outs: Sequence[Any], in_tree: Any, argnums: ArgNums
) -> list[Any]:
    """Cut the first dimension into the coordinates of each result, with the result's shape."""
    per_out, start = [], 0
    for y in outs:
        t = typeof(y)
        pieces = [r[start : start + t.size].reshape(t.shape + typeof(r).shape[1:]) for r in rows]
        found = tree.unflatten(in_tree, pieces)
        per_out.append(found if isinstance(argnums, (tuple, list)) else found[0])
        start += t.size
    return per_out


def hessian(
    fun: Callable[..., Any],
    argnums: ArgNums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Second derivative of `fun`: forward mode over reverse mode.

    Example:
        >>> float(hessian(lambda x: x * x * x)(2.0))
        12.0
    """
    return jacfwd(
        jacrev(fun, argnums, has_aux=has_aux, holomorphic=holomorphic),
        argnums,
        has_aux=has_aux,
        holomorphic=holomorphic,
    )


def hvp(fun: Callable[..., Any], primals: Any, v: Any) -> Any:
    """Product of the Hessian of a scalar function with a vector, without forming the Hessian.

    Args:
        fun: function with a real scalar result.
        primals: tuple of arguments.
        v: tuple of directions.

    Returns:
        Structure of the first argument.

    Example:
        >>> float(hvp(lambda x: x * x * x, (2.0,), (1.0,)))
        12.0
    """
    return jvp(grad(fun), primals, v)[1]


jacobian = jacrev
