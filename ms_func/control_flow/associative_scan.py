"""`associative_scan`: all partial combinations of an associative function, in parallel.

Neighbours are combined in pairs, the scan of the pairs gives every second result, and one
more combination gives the others (Blelloch, "Prefix Sums and Their Applications", 1990).
Depth is 2 log2(n), work about 2 n.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ms_func import tree
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.ir.types import typeof
from ms_func.primitives.axis_slices import slice_in_dim
from ms_func.primitives.shape import concatenate, expand_dims, reshape, rev
from ms_func.tracing.arguments import function_name, leaf_types
from ms_func.tracing.policy import user_function

Leaves = list[Any]


def associative_scan(
    fn: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0
) -> Any:
    """Results of combining the first 1, 2, ..., n elements along `axis`.

    Args:
        fn: associative function `(a, b) -> c` on trees like `elems`, whose leaves hold several
            elements along `axis`; it must work elementwise along that dimension.
        elems: array or tree of arrays of one size along `axis`.
        reverse: combine from the end instead.
        axis: dimension to scan along.

    Returns:
        Tree like `elems`.

    Raises:
        TypeError: `fn` is not callable.
        ValueError: the sizes along `axis` differ, or `fn` returns another number of arrays.

    Example:
        >>> from ms_func.primitives.arithmetic import add
        >>> associative_scan(add, np.arange(4)).tolist()
        [0, 1, 3, 6]
    """
    if not callable(fn):
        raise ArgumentTypeError("lax.associative_scan: fn argument should be callable.")
    fn = user_function(fn)
    leaves, treedef = tree.flatten(elems)
    if not leaves:
        return elems
    types = leaf_types(leaves, "associative_scan", function_name(fn))
    if not -types[0].ndim <= axis < types[0].ndim:
        raise ArgumentValueError(
            f"axis {axis} is out of bounds for array of dimension {types[0].ndim}, {types[0]}"
        )
    axis = axis % types[0].ndim
    sizes = {t.shape[axis] if axis < t.ndim else None for t in types}
    if len(sizes) > 1:
        raise ArgumentValueError(
            "Array inputs to associative_scan must have the same first dimension. "
            f"(saw: {[t.shape for t in types]})"
        )

    def combine(a: Leaves, b: Leaves) -> Leaves:
        out, out_tree = tree.flatten(fn(tree.unflatten(treedef, a), tree.unflatten(treedef, b)))
        if len(out) != len(leaves):  # a tuple in place of a named tuple does as well
            raise ArgumentValueError(
                f"associative_scan: fn returned {out_tree} for arguments of structure {treedef}"
            )
        return out

    if reverse:
        leaves = [rev(x, (axis,)) for x in leaves]
    found = _scan(combine, leaves, axis)
    if reverse:
        found = [rev(x, (axis,)) for x in found]
    return tree.unflatten(treedef, found)


def _scan(combine: Callable[[Leaves, Leaves], Leaves], xs: Leaves, axis: int) -> Leaves:
    """Partial combinations of `xs`; recursion depth is log2 of the size."""
    n = typeof(xs[0]).shape[axis]
    if n < 2:
        return xs
    pairs = combine(_every_second(xs, 0, n - 1, axis), _every_second(xs, 1, n, axis))
    odd = _scan(combine, pairs, axis)
    left = odd if n % 2 else [slice_in_dim(x, 0, n // 2 - 1, axis=axis) for x in odd]
    even = [slice_in_dim(x, 0, 1, axis=axis) for x in xs]
    if n > 2:
        rest = combine(left, _every_second(xs, 2, n, axis))
        even = [concatenate([a, b], axis) for a, b in zip(even, rest, strict=True)]
    return [_interleave(a, b, axis) for a, b in zip(even, odd, strict=True)]


def _every_second(xs: Sequence[Any], start: int, stop: int, axis: int) -> Leaves:
    return [slice_in_dim(x, start, stop, stride=2, axis=axis) for x in xs]


def _interleave(even: Any, odd: Any, axis: int) -> Any:
    """Elements of both in turn; `even` may have one more."""
    shape = typeof(odd).shape
    m = shape[axis]
    head = slice_in_dim(even, 0, m, axis=axis)
    both = concatenate([expand_dims(head, (axis + 1,)), expand_dims(odd, (axis + 1,))], axis + 1)
    mixed = reshape(both, (*shape[:axis], 2 * m, *shape[axis + 1 :]))
    if typeof(even).shape[axis] == m:
        return mixed
    return concatenate([mixed, slice_in_dim(even, m, m + 1, axis=axis)], axis)
