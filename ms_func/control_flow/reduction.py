"""Reductions and sliding windows with any function of two elements.

The function must be associative and commutative, since nothing is promised about the order
of application, and the initial value must not change what it is combined with. Known
functions (sum, product, extrema, logic) become the reductions of their own, whatever the
user's function looks like; others stay functions. Derivatives of these come from a program
that applies the function to whole arrays, halving them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ms_func import tree
from ms_func.errors import ArgumentValueError, ShapeError, SizeError, UnsupportedError
from ms_func.ir.evaluate import evaluate
from ms_func.ir.function import Function, Literal
from ms_func.ir.primitive import NotSupported, Primitive, current, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering import context as mlir
from ms_func.primitives import arithmetic, bits
from ms_func.primitives import reduce as reductions
from ms_func.primitives import window as windows
from ms_func.primitives.basis import canonical_axes, kept_axes, transpose
from ms_func.primitives.batching import move_batch
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.families import literal
from ms_func.primitives.reduce import slice_along
from ms_func.primitives.shape import broadcast_in_dim, reshape
from ms_func.primitives.window_geometry import (
    Window,
    attributes,
    parts,
    shard_terms,
    window_of,
)
from ms_func.tracing.policy import user_function
from ms_func.tracing.stage import stage
from ms_func.tracing.tracer import Tracer, build
from ms_func.transforms.batch import batch
from ms_func.transforms.jvp import jvp
from ms_func.transforms.zeros import is_live, nonzeros, with_zeros

# --- known functions --------------------------------------------------------------------------

_MONOIDS: dict[Primitive, tuple[Callable[..., Any], Callable[[np.dtype], Any]]] = {
    arithmetic.add_p: (reductions.reduce_sum, lambda d: 0),
    arithmetic.mul_p: (reductions.reduce_prod, lambda d: 1),
    arithmetic.max_p: (reductions.reduce_max, reductions.lowest),
    arithmetic.min_p: (reductions.reduce_min, reductions.highest),
    bits.and_p: (reductions.reduce_and, reductions.all_ones),
    bits.or_p: (reductions.reduce_or, lambda d: 0),
    bits.xor_p: (reductions.reduce_xor, lambda d: 0),
}
_WINDOWED: dict[Primitive, Callable[..., Any]] = {
    arithmetic.add_p: windows.reduce_window_sum,
    arithmetic.max_p: windows.reduce_window_max,
    arithmetic.min_p: windows.reduce_window_min,
}


def _monoid(fn: Function) -> Primitive | None:
    """The known operation that `fn` applies to its two parameters, if it does just that.

    Sums and products of booleans are logic, and have no reduction of their own.
    """
    if len(fn.params) != 2 or len(fn.eqns) != 1:
        return None
    (eqn,) = fn.eqns
    known = eqn.primitive in _MONOIDS and fn.results == tuple(eqn.outputs)
    if eqn.primitive in (arithmetic.add_p, arithmetic.mul_p):
        known = known and fn.params[0].type.dtype.kind != "b"
    return eqn.primitive if known and set(eqn.inputs) == set(fn.params) else None


def _is_identity(init: Any, monoid: Primitive, dtype: np.dtype) -> bool:
    """Whether `init` is known and is the identity."""
    if isinstance(init, Tracer):
        return False
    value = np.asarray(init.value if isinstance(init, Literal) else init).astype(dtype)
    return bool(value == np.asarray(_MONOIDS[monoid][1](dtype)).astype(dtype))


# --- arguments --------------------------------------------------------------------------------


def _flat(name: str, operands: Any, init_values: Any) -> tuple[list[Any], list[Any], Any]:
    """Operands and initial values as lists, and the structure of either."""
    xs, structure = tree.flatten(operands)
    inits, other = tree.flatten(init_values)
    if structure != other:
        raise ArgumentValueError(
            f"{name}: operands must have the same tree structure as init_values: {structure} "
            f"vs. {other}"
        )
    if not xs:
        raise ArgumentValueError(f"{name} must have at least one operand.")
    shapes = {typeof(x).shape for x in xs}
    if len(shapes) > 1:
        raise ShapeError(f"{name} requires operands of one shape, got {sorted(shapes)}")
    return xs, [_init(name, x, i) for x, i in zip(xs, inits, strict=True)], structure


def _init(name: str, x: Any, init: Any) -> Any:
    """Initial value with the dtype of the operand; Python scalars take it."""
    kind, given = typeof(x), typeof(init)
    if given.shape:
        raise SizeError(
            f"{name} expected init_values to be scalars but init_values have shapes "
            f"[{given.shape}]."
        )
    if isinstance(init, (bool, int, float, complex)):
        return literal(init, x)
    if given.dtype == kind.dtype:
        return init
    if given.weak_type:
        return convert_element_type(init, kind.dtype)
    raise ShapeError(
        f"{name} requires an initial value of the dtype of its operand, got {given} for {kind}\n"
        "fix: convert it with .astype"
    )


def _program(name: str, computation: Callable[..., Any], xs: Sequence[Any], tree_def: Any) -> Any:
    """The user's function of (accumulated, element) as a program on scalars."""
    scalars = [ArrayType((), typeof(x).dtype) for x in xs]
    n = len(xs)
    computation = user_function(computation)

    def call(args: list[Any]) -> Any:
        return computation(tree.unflatten(tree_def, args[:n]), tree.unflatten(tree_def, args[n:]))

    staged = stage(call, [*scalars, *scalars], name=getattr(computation, "__name__", "computation"))
    if staged.captured:
        raise UnsupportedError(
            f"the function given to {name} uses an array or a traced value from outside\n"
            "fix: pass it through an operand, or use lax.scan"
        )
    if staged.out_tree != tree_def or staged.fn.out_types != tuple(scalars):
        got = ", ".join(map(str, staged.fn.out_types))
        raise ShapeError(
            f"the function given to {name} must return scalars like those it gets, "
            f"{', '.join(map(str, scalars))}; it returned {got}"
        )
    return staged.fn


def _combine(fn: Function, xs: Sequence[Any], ys: Sequence[Any]) -> list[Any]:
    """`fn` applied elementwise to arrays of one shape."""
    shape = typeof(xs[0]).shape
    size = typeof(xs[0]).size
    flat = [reshape(v, (size,)) for v in (*xs, *ys)]
    made, _ = batch(fn, size, (0,) * len(flat), (0,) * len(xs))
    return [reshape(v, shape) for v in current.interpreter.apply(made, flat)]


def _spread(init: Any, like: Any) -> Any:
    return broadcast_in_dim(init, typeof(like).shape, ())


# --- reduction --------------------------------------------------------------------------------


def _abstract(*types: ArrayType, computation: Function, axes: tuple[int, ...]) -> list[ArrayType]:
    xs = types[: len(types) // 2]
    return [
        ArrayType(tuple(x.shape[d] for d in kept_axes(x.ndim, axes)), x.dtype) for x in xs
    ]  # fmt: skip


def _ref(*arrays: np.ndarray, computation: Function, axes: tuple[int, ...]) -> list[np.ndarray]:
    return evaluate(_by_halves(computation, tuple(typeof(a) for a in arrays), axes), *arrays)


def _lower(b: Any, eqn: Any, *values: Any) -> list[Any]:
    attributes = {"dimensions": mlir.int_array(eqn.params["axes"])}
    types = [v.type for v in eqn.outputs]
    made = b.operation("stablehlo.reduce", types, values, attributes)
    _fill(b, made, eqn.params["computation"])
    return list(made.results)


def _fill(b: Any, operation: Any, fn: Function) -> None:
    if b.state(fn):
        raise UnsupportedError(
            f"`{fn.name}` combines elements in an order that is not defined, so it cannot print, "
            "check or call Python for an effect\nfix: do so outside of the reduction"
        )
    b.region(operation, 0, fn.in_types, lambda inner, *args: inner.inline(fn, args))


@cache
def _by_halves(fn: Function, types: tuple[ArrayType, ...], axes: tuple[int, ...]) -> Function:
    """The reduction as a program that combines the halves of what is left."""
    n = len(types) // 2

    def body(*args: Any) -> list[Any]:
        if not axes:  # nothing is combined, as in XLA: an initial value is an identity
            return list(args[:n])
        order = axes + kept_axes(types[0].ndim, axes)
        rest = [types[0].shape[d] for d in order[len(axes) :]]
        rows = math.prod(types[0].shape[d] for d in axes)
        xs = [reshape(transpose(x, order), (rows, *rest)) for x in args[:n]]
        total = [broadcast_in_dim(i, tuple(rest), ()) for i in args[n:]]
        while (count := typeof(xs[0]).shape[0]) > 0:
            if count % 2:
                last = [reshape(slice_along(x, count - 1, count, 0), rest) for x in xs]
                total = _combine(fn, total, last)
            half = count // 2
            if not half:
                break
            xs = _combine(
                fn, [slice_along(x, 0, half, 0) for x in xs],
                [slice_along(x, half, 2 * half, 0) for x in xs],
            )  # fmt: skip
        return total

    return build(f"reduce_{fn.name}", types, body)


def _jvp_of(
    made: Function, outs: Sequence[Any], primals: Sequence[Any], tangents: Sequence[Any]
) -> Any:
    """Tangents of a program that computes what a primitive does; `outs` are its results."""
    derived, nonzero = jvp(made, is_live(tangents))
    found = current.interpreter.apply(derived, [*primals, *nonzeros(tangents)])
    return outs, with_zeros(nonzero, found[len(outs) :], [typeof(y) for y in outs])


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    outs = reduce_p.bind(*primals, **params)
    types = tuple(_plain(typeof(x)) for x in primals)
    return _jvp_of(_by_halves(params["computation"], types, params["axes"]), outs, primals,
                   tangents)  # fmt: skip


def _plain(t: ArrayType) -> ArrayType:
    return ArrayType(t.shape, t.dtype)


def _batch(size: int, args: Any, dims: Any, *, computation: Function, axes: tuple[int, ...]) -> Any:
    n = len(args) // 2
    if any(d is not None for d in dims[n:]):  # each lane has an initial value of its own
        lane = tuple(
            _plain(typeof(x)) if d is None else _one_lane(typeof(x), d)
            for x, d in zip(args, dims, strict=True)
        )
        made, out_dims = batch(_by_halves(computation, lane, axes), size, tuple(dims), (0,) * n)
        return current.interpreter.apply(made, args), list(out_dims)
    at = next(d for d in dims if d is not None)
    laid = [move_batch(x, d, at, size) for x, d in zip(args[:n], dims[:n], strict=True)]
    moved = tuple(a + (a >= at) for a in axes)
    outs = reduce_p.bind(*laid, *args[n:], computation=computation, axes=moved)
    return outs, [at - sum(a < at for a in moved)] * n


def _one_lane(t: ArrayType, dim: int) -> ArrayType:
    return ArrayType((*t.shape[:dim], *t.shape[dim + 1 :]), t.dtype)


def _shard(
    ins: Sequence[ArrayType], outs: Any, *, computation: Function, axes: tuple[int, ...]
) -> str:
    n, ndim = len(ins) // 2, ins[0].ndim
    term = " ".join(f"i{k}" for k in range(ndim))
    kept = " ".join(f"i{k}" for k in kept_axes(ndim, axes))
    kinds = ", ".join(f"i{k}: whole" for k in axes)
    notation = f"{', '.join([term] * n + [''] * n)} -> {', '.join([kept] * n)}"
    return f"{notation}; {kinds}" if kinds else notation


reduce_p = register(
    Primitive(
        "reduce",
        abstract=_abstract,
        ref=_ref,
        lower=_lower,
        jvp=_jvp,
        transpose=NotSupported("its derivative is made of the equations of its function"),
        batch=_batch,
        shard=_shard,
        multiple_results=True,
    )
)


def reduce(
    operands: Any,
    init_values: Any,
    computation: Callable[[Any, Any], Any],
    dimensions: Sequence[int],
    out_sharding: Any = None,
) -> Any:
    """Reduction over `dimensions` by any associative and commutative function.

    Shapes: operands `[..., n, ...]`, scalars as initial values; results `[..., ...]`.
    Dtypes: any; an initial value has the dtype of its operand.

    Args:
        operands: array or tree of arrays of one shape.
        init_values: scalars in the same structure; an identity of `computation`.
        computation: function of two trees of scalars (accumulated, element) to one.
        dimensions: dimensions to reduce over.
        out_sharding: not used; the planner decides.

    Raises:
        ValueError: structures differ, or a dimension is out of range or repeated.
        TypeError: shapes or dtypes do not fit.

    Example:
        >>> x = ms.numpy.arange(6.0).reshape(2, 3)
        >>> reduce(x, 0.0, lambda a, b: a + b, (0,)).tolist()  # the same as reduce_sum(x, (0,))
        [3.0, 5.0, 7.0]
    """
    xs, inits, structure = _flat("reduce", operands, init_values)
    axes = canonical_axes(typeof(xs[0]).ndim, tuple(dimensions))
    fn = _program("reduce", computation, xs, structure)
    monoid = _monoid(fn)
    if monoid is not None:
        out = _MONOIDS[monoid][0](xs[0], axes)
        if axes and not _is_identity(inits[0], monoid, typeof(xs[0]).dtype):
            out = monoid.bind(inits[0], out)
        return tree.unflatten(structure, [out])
    outs = reduce_p.bind(*xs, *inits, computation=fn, axes=axes)
    return tree.unflatten(structure, outs)


# --- windows ----------------------------------------------------------------------------------


def _window_abstract(*types: ArrayType, computation: Function, **params: Any) -> list[ArrayType]:
    window = Window(**params)
    return [ArrayType(window.out_shape(x.shape), x.dtype) for x in types[: len(types) // 2]]


def _window_ref(*arrays: np.ndarray, computation: Function, **params: Any) -> list[np.ndarray]:
    types = tuple(typeof(a) for a in arrays)
    return evaluate(_by_places(computation, types, Window(**params)), *arrays)


def _window_lower(b: Any, eqn: Any, *values: Any) -> list[Any]:
    params = dict(eqn.params)
    fn = params.pop("computation")
    settings = attributes(Window(**params))
    made = b.operation("stablehlo.reduce_window", [v.type for v in eqn.outputs], values, settings)
    _fill(b, made, fn)
    return list(made.results)


@cache
def _by_places(fn: Function, types: tuple[ArrayType, ...], window: Window) -> Function:
    """The reduction as a program that combines one strided slice for each place."""
    n = len(types) // 2

    def body(*args: Any) -> list[Any]:
        rows = [parts(x, i, window) for x, i in zip(args[:n], args[n:], strict=True)]
        total = [_spread(i, row[0]) for i, row in zip(args[n:], rows, strict=True)]
        for place in zip(*rows, strict=True):
            total = _combine(fn, total, place)
        return total

    return build(f"reduce_window_{fn.name}", types, body)


def _window_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    outs = reduce_window_p.bind(*primals, **params)
    types = tuple(_plain(typeof(x)) for x in primals)
    fn = params.pop("computation")
    return _jvp_of(_by_places(fn, types, Window(**params)), outs, primals, tangents)


def _window_batch(size: int, args: Any, dims: Any, *, computation: Function, **params: Any) -> Any:
    n, window = len(args) // 2, Window(**params)
    if any(d is not None for d in dims[n:]):
        lane = tuple(
            _plain(typeof(x)) if d is None else _one_lane(typeof(x), d)
            for x, d in zip(args, dims, strict=True)
        )
        made, out_dims = batch(_by_places(computation, lane, window), size, tuple(dims), (0,) * n)
        return current.interpreter.apply(made, args), list(out_dims)
    at = next(d for d in dims if d is not None)
    laid = [move_batch(x, d, at, size) for x, d in zip(args[:n], dims[:n], strict=True)]
    moved = window.with_lanes(at)._asdict()
    return reduce_window_p.bind(*laid, *args[n:], computation=computation, **moved), [at] * n


def _window_shard(
    ins: Sequence[ArrayType], outs: Sequence[ArrayType], *, computation: Function, **params: Any
) -> str:
    n = len(outs)
    full, counts, kinds = shard_terms(Window(**params), ins[0], outs[0])
    return f"{', '.join([full] * n + [''] * n)} -> {', '.join([counts] * n)}{kinds}"


reduce_window_p = register(
    Primitive(
        "reduce_window",
        abstract=_window_abstract,
        ref=_window_ref,
        lower=_window_lower,
        jvp=_window_jvp,
        transpose=NotSupported("its derivative is made of the equations of its function"),
        batch=_window_batch,
        shard=_window_shard,
        multiple_results=True,
    )
)


def reduce_window(
    operand: Any,
    init_value: Any,
    computation: Callable[[Any, Any], Any],
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] | None = None,
    padding: str | Sequence[tuple[int, int]] = "VALID",
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> Any:
    """Reduction over sliding windows by any associative and commutative function.

    Shapes: each dimension of the result counts the windows that fit along it.
    Dtypes: any; an initial value has the dtype of its operand.

    Args:
        operand: array or tree of arrays of one shape.
        init_value: scalars in the same structure, also what padding and holes hold.
        computation: function of two trees of scalars (accumulated, element) to one.
        window_dimensions: size of the window in each dimension.
        window_strides: from one window to the next; 1 where None.
        padding: "SAME", "SAME_LOWER", "VALID", or `(before, after)` for each dimension.
        base_dilation: spreads the operand: `d - 1` holes between neighbours.
        window_dilation: spreads the window, with places left out.

    Raises:
        ValueError: structures differ, or strides do not fit.
        TypeError: shapes or dtypes do not fit.

    Example:
        >>> x = ms.numpy.arange(8.0).reshape(2, 4)
        >>> reduce_window(x, -np.inf, lax.max, (2, 2), (2, 2), "VALID").tolist()  # max-pooling
        [[5.0, 7.0]]
    """
    xs, inits, structure = _flat("reduce_window", operand, init_value)
    fn = _program("reduce_window", computation, xs, structure)
    monoid = _monoid(fn)
    arguments = (window_dimensions, window_strides, padding, base_dilation, window_dilation)
    dtype = typeof(xs[0]).dtype
    known = monoid in _WINDOWED and (monoid is arithmetic.add_p or dtype.kind != "c")
    if monoid is not None and known and _is_identity(inits[0], monoid, dtype):
        return tree.unflatten(structure, [_WINDOWED[monoid](xs[0], *arguments)])
    window = window_of("reduce_window", xs[0], *arguments)
    outs = reduce_window_p.bind(*xs, *inits, computation=fn, **window._asdict())
    return tree.unflatten(structure, outs)
