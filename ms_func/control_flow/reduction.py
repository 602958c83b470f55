"""Reductions by any function of the user's: `reduce` and `reduce_window`.

The function is recorded once on scalars. Where it is a single addition, maximum and the like,
the primitive of that name does the work. Any other function is applied to halves of the array
at a time, `log2(n)` times, so that every transform follows from those of the function.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func import tree
from ms_func.control_flow.bodies import stage_on_tree
from ms_func.errors import ShapeError
from ms_func.ir.function import Function, Literal
from ms_func.ir.primitive import Primitive, current
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives import arithmetic, bits
from ms_func.primitives.basis import reduce_sum, transpose
from ms_func.primitives.padding import padtype_to_pads
from ms_func.primitives.pieces import concatenate, pad, slice
from ms_func.primitives.reduce import (
    highest,
    lowest,
    reduce_and,
    reduce_max,
    reduce_min,
    reduce_or,
    reduce_prod,
    reduce_xor,
)
from ms_func.primitives.shape import broadcast_in_dim, expand_dims, reshape
from ms_func.primitives.window import reduce_window_max, reduce_window_min, reduce_window_sum
from ms_func.tracing.tracer import Tracer
from ms_func.transforms.batch import batch

_REDUCERS: dict[Primitive, Callable[..., Any]] = {
    arithmetic.add_p: reduce_sum,
    arithmetic.mul_p: reduce_prod,
    arithmetic.max_p: reduce_max,
    arithmetic.min_p: reduce_min,
    bits.and_p: reduce_and,
    bits.or_p: reduce_or,
    bits.xor_p: reduce_xor,
}
_WINDOWS: dict[Primitive, tuple[Callable[..., Any], Callable[[np.dtype], Any]]] = {
    arithmetic.add_p: (reduce_window_sum, lambda d: 0),
    arithmetic.max_p: (reduce_window_max, lowest),
    arithmetic.min_p: (reduce_window_min, highest),
}


# --- the user's function ----------------------------------------------------------------------


def _recorded(computation: Callable[..., Any], types: Sequence[ArrayType], in_tree: Any) -> Any:
    """The function of two trees of scalars as a program, captured values first."""
    scalars = [ArrayType((), t.dtype, t.weak_type) for t in types]
    both = tree.structure((0, 0)).compose(in_tree)
    staged = stage_on_tree(computation, both, [*scalars, *scalars])
    got = [(t.shape, t.dtype) for t in staged.fn.out_types]
    if got != [((), t.dtype) for t in scalars]:
        raise ShapeError(
            f"the computation of a reduction of {', '.join(map(str, types))} must give scalars of "
            f"the same dtypes, got {', '.join(map(str, staged.fn.out_types))}"
        )
    return staged


def _monoid(fn: Function) -> Primitive | None:
    """The primitive that `fn` applies to its two parameters, if it does nothing else."""
    if len(fn.eqns) != 1 or len(fn.params) != 2:
        return None
    (eqn,) = fn.eqns
    if tuple(fn.results) != tuple(eqn.outputs) or set(eqn.inputs) != set(fn.params):
        return None
    return eqn.primitive


def _is_identity(init: Any, value: Any) -> bool:
    """Whether an initial value is known to be `value`, so that it may be left out."""
    if type(init) is Tracer:
        return False
    known = init.value if type(init) is Literal else np.asarray(init)
    return bool(np.all(known == value))


# --- whole dimensions -------------------------------------------------------------------------


def reduce(
    operands: Any,
    init_values: Any,
    computation: Callable[[Any, Any], Any],
    dimensions: Sequence[int],
) -> Any:
    """Combine the elements along `dimensions` by a function of two.

    Args:
        operands: array or tree of arrays of one shape.
        init_values: scalar for each operand; an identity of the computation.
        computation: associative function of two scalars (or trees of them); the order in which
            elements meet is not specified.
        dimensions: dimensions that go.

    Raises:
        TypeError: shapes differ, or the computation changes a dtype.

    Example:
        >>> import ms_func.numpy as np
        >>> reduce(np.array([1, 2, 3]), 0, lambda x, y: x + y, (0,)).item()
        6
    """
    arrays, in_tree = tree.flatten(operands)
    inits, init_tree = tree.flatten(init_values)
    if init_tree != in_tree:
        raise ValueError(
            f"reduce got operands of structure {in_tree} and initial values of structure {init_tree}"
        )
    types = [typeof(x) for x in arrays]
    if len({t.shape for t in types}) > 1:
        raise ShapeError(f"reduce needs operands of one shape, got {', '.join(map(str, types))}")
    axes = tuple(d % types[0].ndim for d in dimensions)
    staged = _recorded(computation, types, in_tree)
    reducer = _REDUCERS.get(_monoid(staged.fn)) if not staged.captured else None  # type: ignore[arg-type]
    if reducer is not None:
        out = reducer(arrays[0], axes)
        typed = [_like(init, t) for init, t in zip(inits, types, strict=True)]
        return tree.unflatten(in_tree, [_combined(staged.fn, typed[0], out)])
    lead = [_reduced_first(x, axes) for x in arrays]
    outs = _fold(staged, lead, [_like(i, t) for i, t in zip(inits, types, strict=True)])
    return tree.unflatten(in_tree, outs)


def _like(init: Any, t: ArrayType) -> Any:
    """Initial value as a scalar of the operand's dtype."""
    found = typeof(init)
    if found.shape != ():
        raise ShapeError(f"the initial value of a reduction must be a scalar, got {found}")
    if isinstance(init, (bool, int, float, complex)):
        return Literal(init, ArrayType((), t.dtype))
    if found.dtype != t.dtype:
        raise ShapeError(f"initial value of type {found} for a reduction of {t}")
    return init


def _combined(fn: Function, init: Any, out: Any) -> Any:
    """`computation(init, out)`, left out where `init` does nothing."""
    (eqn,) = fn.eqns
    dtype = typeof(out).dtype
    identity = {
        arithmetic.add_p: lambda d: 0, arithmetic.mul_p: lambda d: 1, arithmetic.max_p: lowest,
        arithmetic.min_p: highest,
    }.get(eqn.primitive)  # fmt: skip
    if identity is not None and _is_identity(init, identity(dtype)):
        return out
    return eqn.primitive.bind(init, out)


def _reduced_first(x: Any, axes: tuple[int, ...]) -> Any:
    """`x` with the reduced dimensions in front, as one."""
    shape = typeof(x).shape
    rest = tuple(d for d in range(len(shape)) if d not in axes)
    x = transpose(x, (*axes, *rest))
    return reshape(x, (math.prod(shape[d] for d in axes), *(shape[d] for d in rest)))


def _fold(staged: Any, arrays: Sequence[Any], inits: Sequence[Any]) -> list[Any]:
    """Combine the first dimension away, half of it at a time."""
    n = typeof(arrays[0]).shape[0]
    shape = typeof(arrays[0]).shape[1:]
    starts = [broadcast_in_dim(i, (1, *shape), ()) for i in inits]
    arrays = [concatenate([s, x], 0) for s, x in zip(starts, arrays, strict=True)]
    n += 1
    while n > 1:
        half = n // 2
        first = [_rows(x, 0, half) for x in arrays]
        second = [_rows(x, half, 2 * half) for x in arrays]
        done = _apply(staged, first, second)
        if n % 2:
            odd = [_rows(x, 2 * half, n) for x in arrays]
            done = [concatenate([d, o], 0) for d, o in zip(done, odd, strict=True)]
        arrays, n = done, half + n % 2
    return [reshape(x, shape) for x in arrays]


def _rows(x: Any, start: int, stop: int) -> Any:
    shape = typeof(x).shape
    return slice(x, (start, *(0,) * (len(shape) - 1)), (stop, *shape[1:]))


def _apply(staged: Any, first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
    """The scalar computation on every pair of elements of arrays of one shape."""
    shape = typeof(first[0]).shape
    size, k = math.prod(shape), len(staged.captured)
    flat = [reshape(x, (size,)) for x in (*first, *second)]
    dims = (None,) * k + (0,) * len(flat)
    fn, _ = batch(staged.fn, size, dims, (0,) * len(first))
    outs = current.interpreter.apply(fn, [*staged.captured, *flat])
    return [reshape(x, shape) for x in outs]


# --- windows ----------------------------------------------------------------------------------


def reduce_window(
    operand: Any,
    init_value: Any,
    computation: Callable[[Any, Any], Any],
    window_dimensions: Sequence[int],
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> Any:
    """Combine the elements of every position of a sliding window by a function of two.

    Args:
        operand: array or tree of arrays of one shape.
        init_value: scalar for each operand; an identity of the computation, also used as padding.
        computation: associative function of two scalars (or trees of them).
        window_dimensions: size of the window in each dimension.
        window_strides: from one position to the next.
        padding: "SAME", "SAME_LOWER", "VALID" or `(before, after)` for each dimension.
        base_dilation: spreads the operand: `d - 1` gaps between neighbours.
        window_dilation: spreads the window.

    Example:
        >>> import ms_func.numpy as np
        >>> x = np.array([1.0, 3.0, 2.0])
        >>> reduce_window(x, -np.inf, lambda a, b: np.maximum(a, b), (2,), (1,), "VALID").tolist()
        [3.0, 3.0]
    """
    arrays, in_tree = tree.flatten(operand)
    inits = tree.leaves(init_value)
    types = [typeof(x) for x in arrays]
    staged = _recorded(computation, types, in_tree)
    typed = [_like(i, t) for i, t in zip(inits, types, strict=True)]
    known = _WINDOWS.get(_monoid(staged.fn)) if not staged.captured else None  # type: ignore[arg-type]
    if known is not None and _is_identity(typed[0], known[1](types[0].dtype)):
        out = known[0](arrays[0], window_dimensions, window_strides, padding, base_dilation,
                       window_dilation)  # fmt: skip
        return tree.unflatten(in_tree, [out])
    spread = [
        _padded(x, i, window_dimensions, window_strides, padding, base_dilation, window_dilation)
        for x, i in zip(arrays, typed, strict=True)
    ]
    views = [_views(x, window_dimensions, window_strides, window_dilation) for x in spread]
    return tree.unflatten(in_tree, _fold(staged, views, typed))


def _padded(
    x: Any, init: Any, window: Sequence[int], strides: Sequence[int], padding: Any,
    base_dilation: Sequence[int] | None, window_dilation: Sequence[int] | None,
) -> Any:  # fmt: skip
    """Operand with gaps and padding filled with the initial value."""
    shape = typeof(x).shape
    gaps = [1] * len(shape) if base_dilation is None else list(base_dilation)
    steps = [1] * len(shape) if window_dilation is None else list(window_dilation)
    if isinstance(padding, str):
        full = [(n - 1) * g + 1 if n else 0 for n, g in zip(shape, gaps, strict=True)]
        reach = [(w - 1) * s + 1 for w, s in zip(window, steps, strict=True)]
        padding = padtype_to_pads(full, reach, strides, padding)
    config = [(lo, hi, g - 1) for (lo, hi), g in zip(padding, gaps, strict=True)]
    return pad(x, init, config)


def _views(
    x: Any, window: Sequence[int], strides: Sequence[int], dilation: Sequence[int] | None
) -> Any:
    """For each place in the window, the elements that lie there, stacked in front."""
    shape = typeof(x).shape
    steps = [1] * len(shape) if dilation is None else list(dilation)
    counts = [
        max(0, (n - (w - 1) * s - 1) // k + 1) if n else 0
        for n, w, s, k in zip(shape, window, steps, strides, strict=True)
    ]
    stacked = []
    for place in itertools.product(*(range(w) for w in window)):
        low = [p * s for p, s in zip(place, steps, strict=True)]
        high = [
            a + (c - 1) * k + 1 if c else a for a, c, k in zip(low, counts, strides, strict=True)
        ]
        stacked.append(expand_dims(slice(x, low, high, strides), (0,)))
    return concatenate(stacked, 0)
