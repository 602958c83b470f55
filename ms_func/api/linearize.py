"""jvp, linearize, vjp and linear_transpose: derivatives as linear maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ms_func import config, tree
from ms_func.api.compile import jit
from ms_func.api.programs import (
    apply,
    check_written,
    simplified,
    with_aux,
    written_without_tangent,
    zero_value,
)
from ms_func.control_flow.mismatch import structure_differences
from ms_func.dtypes import float0, is_inexact
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution import key_reuse
from ms_func.ir.function import Function
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.cast import convert_element_type
from ms_func.tracing.arguments import (
    beside_doubles,
    function_name,
    kind,
    leaf_types,
    normalize_argnums,
)
from ms_func.tracing.policy import user_function
from ms_func.tracing.reference import Ref, operands, swap
from ms_func.tracing.stage import Staged, stage
from ms_func.tracing.tracebacks import user_traceback
from ms_func.transforms.jvp import jvp as jvp_program
from ms_func.transforms.linearize import linearize as linearize_program
from ms_func.transforms.linearize import pullback as pullback_program
from ms_func.transforms.transpose import transpose as transpose_program


def stage_call(
    what: str,
    fun: Callable[..., Any],
    primals: Sequence[Any],
    has_aux: bool,
    convert: Any = "auto",
) -> tuple[Staged, list[Any], Any]:
    """Stage `fun` on all of its arguments; the leaves and their structure."""
    name = function_name(fun)
    leaves, in_tree = tree.flatten(tuple(primals))
    leaves = beside_doubles(leaves)
    types = leaf_types(leaves, what, name)
    run = user_function(fun, convert)
    staged = stage(
        lambda tracers: with_aux(run(*tree.unflatten(in_tree, tracers)), has_aux, what, name),
        types,
        name=name,
        values=leaves,
        keep_constants=has_aux,
        refs="write",
        role="derivative",
    )
    values = operands(leaves)
    key_reuse.look(staged.fn, [*staged.captured, *values])
    return staged, values, in_tree


def _active(staged: Staged) -> tuple[bool, ...]:
    """Parameters that have a tangent: the inexact ones that were not captured."""
    n = len(staged.captured)
    types = staged.fn.in_types
    return (False,) * n + tuple(is_inexact(t.dtype) for t in types[n:])


def value_types(staged: Staged, has_aux: bool) -> list[ArrayType]:
    """Types of the results that belong to the value."""
    return list(staged.fn.out_types[: _aux_start(staged, has_aux)])


def _aux_start(staged: Staged, has_aux: bool) -> int:
    """Number of flat results that belong to the value; the rest is auxiliary data."""
    if not has_aux:
        return staged.own
    return tree.num_leaves(tree.children(staged.out_tree)[0])


@user_traceback
def jvp(
    fun: Callable[..., Any],
    primals: Any,
    tangents: Any,
    has_aux: bool = False,
    *,
    convert: Any = "auto",
) -> tuple[Any, ...]:
    """Value of `fun` and its derivative in one direction.

    Args:
        fun: function of arrays or trees of arrays.
        primals: tuple of arguments.
        tangents: tuple of directions, of the structure, shapes and tangent dtypes of `primals`.
        has_aux: whether `fun` returns `(value, auxiliary data)`.
        convert: what to do about Python control flow on traced values; see `jit`.

    Returns:
        `(value, tangent)`, or `(value, tangent, aux)` with `has_aux`.

    Raises:
        TypeError: structures or dtypes of primals and tangents differ.
        ValueError: their shapes differ.

    Example:
        >>> y, dy = jvp(lambda x: x * x, (3.0,), (1.0,))
        >>> float(y), float(dy)
        (9.0, 6.0)
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise ArgumentTypeError(
            f"primal and tangent arguments to {_public('jvp')} must be tuples or lists; "
            f"found {type(primals).__name__} and {type(tangents).__name__}"
        )
    if type(primals) is not type(tangents) and {type(primals), type(tangents)} == {list, tuple}:
        raise ArgumentTypeError(
            f"primal and tangent arguments to {_public('jvp')} must have the same tree structure; "
            f"primals have tree structure {tree.structure(primals)} whereas tangents have tree "
            f"structure {tree.structure(tangents)}: one is a list and the other a tuple"
        )
    staged, leaves, in_tree = stage_call("jvp", fun, primals, has_aux, convert)
    given, dot_tree = tree.flatten(tuple(tangents))
    dots = operands(given)
    types = staged.fn.in_types[len(staged.captured) :]
    _check_tangents("jvp", types, in_tree, dots, dot_tree)
    targets = {id(x): d for x, d in zip(tree.leaves(tuple(primals)), given, strict=True)}
    return pushed(staged, leaves, dots, has_aux, targets if staged.writes else {})


def pushed(
    staged: Staged, leaves: Sequence[Any], dots: Sequence[Any], has_aux: bool,
    targets: dict[int, Any] | None = None,
) -> tuple[Any, ...]:  # fmt: skip
    """`jvp` of a staged call at `leaves` in the direction of `dots`, one for each leaf.

    `targets` are references for the tangents of what is written, by identity of the references.
    """
    types, active = staged.fn.in_types[len(staged.captured) :], _active(staged)
    program, nonzero = _simplified_jvp(staged.fn, active)
    n_captured, n = len(staged.captured), len(staged.fn.results)
    live = [_converted(d, t) for d, t, a in zip(dots, types, active[n_captured:], strict=True) if a]
    outs = apply(program, [*staged.captured, *leaves, *live])
    rest = iter(outs[n:])
    out_dots = [
        next(rest) if nz else zero_value(t.tangent)
        for nz, t in zip(nonzero, staged.fn.out_types, strict=True)
    ]
    if staged.writes:
        _write_tangents(staged, targets or {}, nonzero, out_dots)
    return _value_and_dual(staged, outs[:n], out_dots, has_aux)


def _write_tangents(
    staged: Staged, tangent_refs: dict[int, Any], nonzero: Sequence[bool], dots: Sequence[Any]
) -> None:
    """Tangents of what is written to references go to the references of their tangents.

    Raises:
        ValueError: a reference that has none is written a value with a tangent.
    """
    for ref, live, dot in zip(
        staged.writes, nonzero[staged.own :], dots[staged.own :], strict=True
    ):
        target = tangent_refs.get(id(ref))
        if type(target) is Ref:
            swap(target, dot)
        elif live:
            raise written_without_tangent(staged.fn.name, ref)


def _simplified_jvp(fn: Function, active: tuple[bool, ...]) -> tuple[Function, tuple[bool, ...]]:
    key = ("simplified_jvp", active)
    if key not in fn.memo:
        program, nonzero = jvp_program(fn, active)
        fn.memo[key] = simplified(program), nonzero
    return fn.memo[key]


def _value_and_dual(
    staged: Staged, outs: Sequence[Any], dots: Sequence[Any], has_aux: bool
) -> tuple[Any, ...]:
    value = staged.unflatten(outs)
    if not has_aux:
        return value, tree.unflatten(staged.out_tree, dots[: staged.own])
    first = tree.children(staged.out_tree)[0]
    dual = tree.unflatten(first, dots[: tree.num_leaves(first)])
    return value[0], dual, value[1]


def _public(name: str) -> str:
    """Name of a transform as the user imported it."""
    return f"jax.{name}" if config.jax_rules() and " " not in name else name


def _check_tangents(
    what: str, types: Sequence[ArrayType], in_tree: Any, dots: Sequence[Any], dot_tree: Any
) -> None:
    if in_tree != dot_tree:
        raise ArgumentTypeError(
            f"primal and tangent arguments to {_public(what)} must have the same tree structure; "
            f"primals have tree structure {in_tree} whereas tangents have tree structure {dot_tree}"
        )
    for t, d in zip(types, dots, strict=True):
        got = typeof(d)
        if got.shape != t.shape or not _fits(got, t.tangent):
            raise _unlike(what, t, got)


def _unlike(what: str, primal: ArrayType, got: ArrayType) -> Exception:
    """The error of a tangent of another type than its primal's."""
    fix = "\nfix: give the tangent the primal's shape and dtype"
    if " " in what:
        return ArgumentValueError(
            f"{what} called on tangent values inconsistent with the original primal values:\n"
            f"Got tangent aval {got} for primal aval {primal} but expected {primal.tangent}.{fix}"
        )
    if got.shape != primal.shape:
        return ArgumentValueError(
            f"{what} called with different primal and tangent shapes;Got primal shape "
            f"{primal.shape} and tangent shape as {got.shape}: primal and tangent arguments to "
            f"{_public(what)} do not match{fix}"
        )
    return ArgumentTypeError(
        f"primal and tangent arguments to {_public(what)} do not match; dtypes must be equal, or "
        "in case of int/bool primal dtype the tangent dtype must be float0."
        f"Got primal dtype {primal.face.name} and so expected tangent dtype "
        f"{_dtype_text(primal.tangent)}, but got tangent dtype {_dtype_text(got)} instead.{fix}"
    )


def _dtype_text(t: ArrayType) -> str:
    return str(t.dtype) if t.dtype == float0 else t.face.name


@user_traceback
def linearize(
    fun: Callable[..., Any], *primals: Any, has_aux: bool = False, convert: Any = "auto"
) -> tuple[Any, ...]:
    """Value of `fun` and its derivative as a linear function.

    Runs `fun` once. The returned function applies the Jacobian at `primals` to a tangent
    without running `fun` again, so it pays off when many tangents are wanted.

    Args:
        fun: function of arrays or trees of arrays.
        *primals: the point.
        has_aux: whether `fun` returns `(value, auxiliary data)`.
        convert: what to do about Python control flow on traced values; see `jit`.

    Returns:
        `(value, f_jvp)`, or `(value, f_jvp, aux)` with `has_aux`.

    Example:
        >>> y, f_jvp = linearize(lambda x: x * x, 3.0)
        >>> float(f_jvp(2.0))
        12.0

    Reference:
        Radul et al., "You Only Linearize Once", POPL 2023.
    """
    return linearized(*stage_call("linearize", fun, primals, has_aux, convert), has_aux)


def linearized(
    staged: Staged, leaves: Sequence[Any], in_tree: Any, has_aux: bool
) -> tuple[Any, ...]:
    """`linearize` of a staged call at `leaves`."""
    active = _active(staged)
    if staged.writes:
        check_written(staged, active)
    primal, linear, nonzero = linearize_program(staged.fn, active)
    outs = apply(simplified(primal), [*staged.captured, *leaves])
    n = len(staged.fn.results)
    value, residuals = staged.unflatten(outs[:n]), outs[n:]
    push = _linear_map(Pushforward, linear, staged, (active, nonzero), in_tree, has_aux)
    f_jvp = tree.Partial(push, residuals)
    return (value[0], f_jvp, value[1]) if has_aux else (value, f_jvp)


class _LinearMap(NamedTuple):
    """What a linear map knows beside its residuals; equal for maps that compute alike.

    Attributes:
        program: residuals, then tangents (or cotangents) -> results.
        inputs: types of the arguments of the function.
        in_tree: structure of the arguments.
        outputs: types of the results of the function that belong to its value.
        out_tree: structure of the value.
        hidden: types of the results that are auxiliary data.
        active: which arguments have a tangent.
        nonzero: which results have a tangent.
    """

    program: Function
    inputs: tuple[ArrayType, ...]
    in_tree: Any
    outputs: tuple[ArrayType, ...]
    out_tree: Any
    hidden: tuple[ArrayType, ...]
    active: tuple[bool, ...]
    nonzero: tuple[bool, ...]


class Pushforward(_LinearMap):
    """The derivative as a function of tangents; `linearize` binds it to its residuals."""

    __slots__ = ()

    def __call__(self, residuals: Sequence[Any], *tangents: Any) -> Any:
        """Tangent of the value."""
        dots, dot_tree = tree.flatten(tuple(tangents))
        _check_tangents("linearized function", self.inputs, self.in_tree, dots, dot_tree)
        live = [
            _converted(d, t) for d, t, a in zip(dots, self.inputs, self.active, strict=True) if a
        ]
        rest = iter(apply(self.program, [*residuals, *live]))
        types = (*self.outputs, *self.hidden)
        full = [
            next(rest) if nz else zero_value(t.tangent)
            for nz, t in zip(self.nonzero, types, strict=True)
        ]
        return tree.unflatten(self.out_tree, full[: len(self.outputs)])


class Pullback(_LinearMap):
    """The transposed derivative as a function of cotangents; `vjp` binds its residuals."""

    __slots__ = ()

    def __call__(self, residuals: Sequence[Any], *cotangents: Any) -> tuple[Any, ...]:
        """Cotangents of the arguments, one entry per argument."""
        if len(cotangents) != 1:
            raise ArgumentTypeError(
                f"The function returned by `{_public('vjp')}` was called with {len(cotangents)} "
                f"arguments,\nbut functions returned by `{_public('vjp')}` must be called with a "
                "single argument\ncorresponding to the single value returned by the function being "
                "differentiated\n(even if that returned value is a tuple or other container), of "
                f"structure {self.out_tree}\n"
                "fix: put the cotangents of several results into one tuple"
            )
        given = cotangents[0]
        cts = _check_cotangents(given, self.out_tree, self.outputs)
        full = [*cts, *(zero_value(t.tangent) for t in self.hidden)]
        live = [ct for ct, nz in zip(full, self.nonzero, strict=True) if nz]
        found = iter(apply(self.program, [*residuals, *live]))
        grads = [
            next(found) if a else np.zeros(t.shape, float0)
            for a, t in zip(self.active, self.inputs, strict=True)
        ]
        return tree.unflatten(self.in_tree, grads)


def _linear_map(
    kind: type, program: Function, staged: Staged, mask: Sequence[Any], in_tree: Any, has_aux: bool
) -> Any:
    """Linear map of `kind` for a staged call; `mask` is which arguments and results count."""
    active, nonzero = mask
    n, cut = len(staged.captured), _aux_start(staged, has_aux)
    out_tree = tree.children(staged.out_tree)[0] if has_aux else staged.out_tree
    types = staged.fn.out_types
    return kind(simplified(program), staged.fn.in_types[n:], in_tree, types[:cut], out_tree,
                types[cut:], active[n:], nonzero)  # fmt: skip


@user_traceback
def vjp(
    fun: Callable[..., Any],
    *primals: Any,
    has_aux: bool = False,
    reduce_axes: Sequence[str] = (),
    convert: Any = "auto",
) -> tuple[Any, ...]:
    """Value of `fun` and a function from cotangents of the result to those of the arguments.

    Args:
        fun: function of arrays or trees of arrays.
        *primals: the point.
        has_aux: whether `fun` returns `(value, auxiliary data)`.
        convert: what to do about Python control flow on traced values; see `jit`.
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
    staged, leaves, in_tree = stage_call("vjp", fun, primals, has_aux, convert)
    active = _active(staged)
    if staged.writes:
        check_written(staged, active)
    primal, backward, nonzero = pullback_program(staged.fn, active)
    n = len(staged.fn.results)
    outs = apply(simplified(primal), [*staged.captured, *leaves])
    value, residuals = staged.unflatten(outs[:n]), outs[n:]
    pull = _linear_map(Pullback, backward, staged, (active, nonzero), in_tree, has_aux)
    f_vjp = tree.Partial(pull, residuals)
    return (value[0], f_vjp, value[1]) if has_aux else (value, f_vjp)


def fwd_and_bwd(
    fun: Callable[..., Any], argnums: int | Sequence[int], has_aux: bool = False,
    jitted: bool = True,
) -> tuple[Callable[..., Any], Callable[..., Any]]:  # fmt: skip
    """`vjp` in two functions, each compiled once.

    Args:
        fun: function of arrays or trees of arrays.
        argnums: positions of the arguments to differentiate by.
        has_aux: whether `fun` returns `(value, auxiliary data)`.
        jitted: whether both functions are jitted.

    Returns:
        `fwd(*args)`, giving `(value, residuals)`, or `(value, residuals, aux)`; and
        `bwd(residuals, cotangent)`, giving the cotangent of the argument, or a tuple of them where
        `argnums` is a sequence.

    Example:
        >>> fwd, bwd = fwd_and_bwd(lambda x, y: x * y, argnums=(0, 1))
        >>> value, residuals = fwd(2.0, 3.0)
        >>> float(value), [float(g) for g in bwd(residuals, 1.0)]
        (6.0, [3.0, 2.0])
    """

    def fwd(*args: Any) -> tuple[Any, ...]:
        numbers = normalize_argnums(argnums, len(args), "fwd_and_bwd")

        def chosen(*given: Any) -> Any:
            full = list(args)
            for n, x in zip(numbers, given, strict=True):
                full[n] = x
            return fun(*full)

        return vjp(chosen, *(args[n] for n in numbers), has_aux=has_aux)

    def bwd(residuals: Any, cotangent: Any) -> Any:
        found = residuals(cotangent)
        return found[0] if isinstance(argnums, int) else found

    return (jit(fwd), jit(bwd)) if jitted else (fwd, bwd)


def _check_cotangents(given: Any, wanted_tree: Any, types: Sequence[ArrayType]) -> list[Any]:
    cts, ct_tree = tree.flatten(given)
    if ct_tree != wanted_tree:
        parts = "".join(
            f"  * out{path} was {a} in the original output, but {b} here, {why}\n"
            for path, a, b, why in structure_differences(wanted_tree, ct_tree)
        )
        raise ArgumentValueError(
            "unexpected tree structure.\n"
            f"The argument to a VJP function returned by `{_public('vjp')}` must match the pytree\n"
            "structure of the value of the differentiated function.\n"
            f"But the tree structures differ:\n{parts}"
            "fix: give a cotangent for each array that the function returns"
        )
    for ct, t in zip(cts, types, strict=True):
        got = typeof(ct)
        if got.shape != t.shape or not (_fits(got, t.tangent) or _counts_as_zero(got, t)):
            raise ArgumentValueError(
                f"unexpected {kind()} (e.g. shape/dtype) for argument to VJP function: got "
                f"{got.str_short()}, but expected {t.tangent.str_short()} because the "
                "corresponding output of the differentiated function had "
                f"{'JAX type' if config.jax_rules() else 'type'} {t.str_short()}"
            )
    return [_converted(ct, t.tangent) for ct, t in zip(cts, types, strict=True)]


def _fits(got: ArrayType, wanted: ArrayType) -> bool:
    """Whether a tangent may stand where one of dtype `wanted` is expected: a Python float does."""
    return got.dtype == wanted.dtype or (
        got.weak_type and is_inexact(got.dtype) and is_inexact(wanted.dtype)
        and (got.dtype.kind != "c" or wanted.dtype.kind == "c")
    )  # fmt: skip


def _counts_as_zero(got: ArrayType, t: ArrayType) -> bool:
    """Whether a cotangent has the type of a value without derivative, as the value itself has."""
    return t.tangent.dtype == float0 and got.dtype == t.dtype


def _converted(x: Any, t: ArrayType) -> Any:
    """With the dtype of `t`, which weak types may lack; zero where there is no derivative."""
    if t.dtype == float0:
        return np.zeros(t.shape, float0)
    if isinstance(x, (bool, int, float, complex)):
        return np.asarray(x, t.dtype)[()]
    return x if x.dtype == t.dtype else convert_element_type(x, t.dtype)


@user_traceback
def linear_transpose(fun: Callable[..., Any], *primals: Any, reduce_axes: Any = ()) -> Any:
    """Transpose of a function that is linear in all of its arguments.

    Args:
        fun: linear function.
        *primals: arrays or shape-dtype structs that tell shapes and dtypes; not evaluated.
        reduce_axes: accepted for compatibility; must be empty.

    Returns:
        Function from a cotangent of the result to a tuple of cotangents of the arguments.

    Integers are transposed like floats: the cotangents are integers, too.

    Raises:
        NotImplementedError: `fun` is not linear, naming the line that is not.
        TypeError: some arguments or results are integers and others are not, or a cotangent is
            not of the structure, shape and dtype of the result.

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
    fun = user_function(fun)
    staged = stage(lambda xs: fun(*tree.unflatten(in_tree, xs)), types, name=name)
    _check_transposable(name, types, staged.fn.out_types)
    mask = (False,) * len(staged.captured) + (True,) * len(types)
    integers = not any(is_inexact(t.dtype) for t in types)
    backward = simplified(transpose_program(staged.fn, mask, integers))

    def transposed(cotangent: Any) -> Any:
        cts = _typed_cotangents(cotangent, staged.out_tree, staged.fn.out_types)
        return tree.unflatten(in_tree, apply(backward, [*staged.captured, *cts]))

    return transposed


def _check_transposable(name: str, ins: Sequence[ArrayType], outs: Sequence[ArrayType]) -> None:
    every = [t.dtype for t in (*ins, *outs)]
    if all(map(is_inexact, every)) or all(d.kind in "iu" for d in every):
        return
    raise ArgumentTypeError(
        "linear_transpose only supports [float or complex] -> [float or complex], and integer -> "
        f"integer functions, but got {[t.dtype for t in ins]} -> {[t.dtype for t in outs]} for "
        f"`{name}`"
    )


def _typed_cotangents(given: Any, wanted_tree: Any, types: Sequence[ArrayType]) -> list[Any]:
    """Flat cotangents for a transposed function, which takes integers for integers."""
    cts, ct_tree = tree.flatten(given)
    if ct_tree != wanted_tree:
        raise ArgumentTypeError(
            f"cotangent tree does not match function output, expected {wanted_tree} but got "
            f"{ct_tree}"
        )
    for ct, t in zip(cts, types, strict=True):
        got = typeof(ct)
        if got.shape != t.shape or not _fits(got, t):
            raise ArgumentTypeError(
                f"cotangent type does not match function output, expected {t} but got {got}"
            )
    return [_converted(ct, t) for ct, t in zip(cts, types, strict=True)]
