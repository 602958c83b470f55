"""grad and value_and_grad.

The user's function is staged once, `transforms` derives the gradient program from what was
recorded, and that program is applied: at top level it runs compiled, found again by the
structure of the staged function; inside another transform its equations are recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func import config, tree
from ms_func.api.programs import ArgNums, apply, check_written, pick, simplified, with_aux
from ms_func.dtypes import float0, is_inexact
from ms_func.errors import ArgumentTypeError, ConcretizationTypeError, StagingError
from ms_func.execution import key_reuse
from ms_func.ir.function import Function, Literal
from ms_func.ir.primitive import Zero
from ms_func.ir.types import ArrayType, typeof
from ms_func.tracing.arguments import (
    check_callable,
    function_name,
    leaf_types,
    normalize_argnums,
    split_arguments,
    wraps,
)
from ms_func.tracing.policy import slots, user_function
from ms_func.tracing.stage import Staged, stage
from ms_func.tracing.tracebacks import user_traceback
from ms_func.tracing.tracer import build
from ms_func.transforms.linearize import vjp_walk


def grad(
    fun: Callable[..., Any],
    argnums: ArgNums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    reduce_axes: Sequence[str] = (),
    *,
    convert: Any = "auto",
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
        convert: what to do about Python control flow on traced values; see `jit`.

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
    both = _value_and_grad("grad", fun, argnums, has_aux, holomorphic, allow_int, reduce_axes,
                           convert)  # fmt: skip

    @user_traceback
    @wraps(
        fun,
        f"Gradient of {{fun}} by argument(s) {argnums}; takes the arguments of {{fun}}.",
    )
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
    *,
    convert: Any = "auto",
) -> Callable[..., Any]:
    """Function that computes `fun` and its gradient together; arguments as for `grad`.

    Args:
        fun: function whose result is a real scalar, or a pair with `has_aux`.
        argnums: positions of the arguments to differentiate by.
        has_aux: whether `fun` returns a pair of the scalar and auxiliary data.
        holomorphic: promise that `fun` is holomorphic.
        allow_int: allow integer and boolean arguments.
        reduce_axes: accepted for compatibility; must be empty.
        convert: what to do about Python control flow on traced values; see `jit`.

    Returns:
        A function giving `(value, gradient)`, or `((value, aux), gradient)` with `has_aux`.

    Raises:
        TypeError: an argument is not floating, or the result is not a real scalar.

    Example:
        >>> value, slope = value_and_grad(lambda x: x * x)(3.0)
        >>> float(value), float(slope)
        (9.0, 6.0)
        >>> (value, aux), slope = value_and_grad(lambda x: (x * x, "any"), has_aux=True)(3.0)
        >>> aux
        'any'
    """
    return _value_and_grad(
        "value_and_grad", fun, argnums, has_aux, holomorphic, allow_int, reduce_axes, convert
    )


def _value_and_grad(
    what: str,
    fun: Callable[..., Any],
    argnums: ArgNums,
    has_aux: bool,
    holomorphic: bool,
    allow_int: bool,
    reduce_axes: Sequence[str],
    convert: Any,
) -> Callable[..., Any]:
    check_callable(what, fun)
    if reduce_axes:
        raise NotImplementedError("reduce_axes is not supported; sum over the axis with lax.psum")
    name = function_name(fun)

    @user_traceback
    @wraps(
        fun,
        f"Value and gradient of {{fun}} by argument(s) {argnums}; takes the arguments of {{fun}}.",
    )
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        numbers = normalize_argnums(argnums, len(args), f"{what} of `{name}`")
        leaves, in_tree, rebuild = split_arguments(args, numbers)
        types = leaf_types(leaves, what, name)
        for t in types:
            check_input(what, name, t, holomorphic, allow_int)
        run = user_function(fun, convert)

        def call(tracers: Any) -> Any:
            out = with_aux(run(*rebuild(tracers), **kwargs), has_aux, what, name)
            return (slots.number(out[0], name), out[1]) if has_aux else slots.number(out, name)

        staged = _recorded(call, types, leaves, name, has_aux)
        _check_output(what, name, staged, has_aux, holomorphic)
        skip = what == "grad"  # nobody sees the value
        outs, cotangents = _value_and_cotangents(staged, leaves, types, skip)
        return staged.unflatten(outs), pick(tree.unflatten(in_tree, cotangents), argnums)

    return value_and_gradient


def _recorded(
    call: Callable[[Any], Any], types: Sequence[ArrayType], leaves: Sequence[Any], name: str,
    has_aux: bool,
) -> Staged:  # fmt: skip
    def record(values: Sequence[Any] | None) -> Staged:
        return stage(
            call, types, name=name, values=values, keep_constants=has_aux, refs="write",
            role="derivative",
        )  # fmt: skip

    staged = record(leaves)
    return _on_all_ways(record, staged) if _is_python_int(staged) else staged


def _value_and_cotangents(
    staged: Staged, leaves: Sequence[Any], types: Sequence[ArrayType], skip: bool
) -> tuple[list[Any], list[Any]]:
    """Results, the first one None if it is to be skipped, and a cotangent for each leaf."""
    captured = len(staged.captured)
    key_reuse.look(staged.fn, [*staged.captured, *leaves])
    if staged.writes:
        check_written(staged, [i >= captured and is_inexact(t.dtype)
                               for i, t in enumerate(staged.fn.in_types)])  # fmt: skip
    program = _gradient_program(staged.fn, captured, len(types), skip)
    outs = [*[None] * skip, *apply(program, [*staged.captured, *leaves])]
    n = len(staged.fn.results)
    grads = iter(outs[n:])
    return outs[:n], [
        next(grads) if is_inexact(t.dtype) else np.zeros(t.shape, float0) for t in types
    ]


def _is_python_int(staged: Staged) -> bool:
    found = staged.fn.out_types[:1]
    return bool(found) and found[0].weak_type and found[0].dtype.kind in "iu"


def _on_all_ways(record: Callable[[None], Staged], staged: Staged) -> Staged:
    """The recording whose first result is a float because of another way through the function.

    With values at hand only the way taken is recorded. Where that ends in `return 0` and others
    in a float, the compiled function is one of floats, with derivative zero on this way.
    """
    try:
        found = record(None)
    except (StagingError, ConcretizationTypeError):
        return staged
    return found if is_inexact(found.fn.out_types[0].dtype) else staged


def _gradient_program(fn: Function, captured: int, count: int, skip: bool) -> Function:
    """Program of the results of `fn`, the first one perhaps left out, and its gradient."""
    key = ("grad", captured, skip)
    if key not in fn.memo:
        active = (False,) * captured + tuple(
            is_inexact(t.dtype) for t in fn.in_types[captured : captured + count]
        )

        def body(*args: Any) -> list[Any]:
            outs, grads = vjp_walk(fn, args, active, _one_then_zeros)
            return [*outs[skip:], *grads]

        fn.memo[key] = simplified(build(f"grad_{fn.name}", fn.in_types, body))
    return fn.memo[key]


def _one_then_zeros(outs: Sequence[Any]) -> list[Any]:
    """Cotangents that pick the first result."""
    first = typeof(outs[0])
    one = Literal(1, ArrayType((), first.dtype, first.weak_type))
    return [one, *(Zero(typeof(x).tangent) for x in outs[1:])]


def check_input(what: str, name: str, t: ArrayType, holomorphic: bool, allow_int: bool) -> None:
    """Raise TypeError where an argument of type `t` cannot be differentiated by."""
    if holomorphic and t.dtype.kind != "c":
        raise ArgumentTypeError(
            f"{what} with holomorphic=True requires inputs with complex dtype, but got "
            f"{t.face.name} in a call of `{name}`"
        )
    if not is_inexact(t.dtype) and not allow_int:
        raise ArgumentTypeError(
            f"{what} requires real- or complex-valued inputs (input dtype that is a sub-dtype of "
            f"np.inexact), but got {t.face.name}. If you want to use Boolean- or integer-valued "
            f"inputs, use vjp or set allow_int to True. This was a call of `{name}`\n"
            "fix: pass a float, for example 3.0 instead of 3, or x.astype('float32'); with "
            "allow_int=True the gradient of integers has dtype float0"
        )


def _check_output(what: str, name: str, staged: Staged, has_aux: bool, holomorphic: bool) -> None:
    value = tree.children(staged.out_tree)[0] if has_aux else staged.out_tree
    if value != tree.structure(0.0) or 0 in staged.constants:
        raise ArgumentTypeError(
            "Gradient only defined for scalar-output functions. Output was "
            f"{tree.unflatten(staged.out_tree, staged.fn.out_types)}, returned by `{name}`\n"
            "fix: return one number; more results go out with has_aux=True"
        )
    out = staged.fn.out_types[0]
    if out.shape != ():
        raise ArgumentTypeError(
            f"Gradient only defined for scalar-output functions. Output had shape: {out.shape}, "
            f"returned by `{name}`\n"
            "fix: reduce it, for example with .sum() or .mean(), or use jacrev"
        )
    if holomorphic and out.dtype.kind != "c":
        raise ArgumentTypeError(
            f"{what} with holomorphic=True requires outputs with complex dtype, but got "
            f"{out.dtype.name} from `{name}`"
        )
    if not holomorphic and (not is_inexact(out.dtype) or out.dtype.kind == "c"):
        raise no_real_output(what, name, out)


def no_real_output(what: str, name: str, t: ArrayType) -> Exception:
    """The error of differentiating a function whose result has no real dtype."""
    remedy = "For differentiation of functions with integer outputs, use jax.vjp directly."
    if t.dtype.kind == "c":
        remedy = (
            "For holomorphic differentiation, pass holomorphic=True. For differentiation of "
            "non-holomorphic functions involving complex outputs, use jax.vjp directly."
        )
    return ArgumentTypeError(
        f"{what} requires real-valued outputs (output dtype that is a sub-dtype of np.floating), "
        f"but got {t.face.name}. {as_imported(remedy)} This is the result of `{name}`\n"
        "fix: for a holomorphic function pass holomorphic=True; otherwise take .real or convert"
    )


def as_imported(text: str) -> str:
    """A text about `jax.f`, which users of this library know as `f`."""
    return text if config.jax_rules() else text.replace("jax.", "")
