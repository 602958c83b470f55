"""`scan` and `map`: loops over the leading dimension of arrays."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from ms_func import config, tree
from ms_func.control_flow import bodies
from ms_func.control_flow.carry import common_carry
from ms_func.control_flow.checkpoint import remat
from ms_func.control_flow.scan_primitive import scan_p
from ms_func.errors import (
    ArgumentTypeError,
    ArgumentValueError,
    ConcretizationTypeError,
    ShapeError,
)
from ms_func.ir.loc import user_loc
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.axis_slices import dynamic_index_in_dim, slice_in_dim
from ms_func.primitives.shape import concatenate, expand_dims, reshape
from ms_func.tracing import reference
from ms_func.tracing.arguments import (
    argument_paths,
    beside_doubles,
    function_name,
    leaf_types,
)
from ms_func.tracing.origins import Source
from ms_func.tracing.policy import user_function
from ms_func.tracing.reference import Ref
from ms_func.tracing.stage import stage
from ms_func.tracing.tracebacks import user_traceback


@user_traceback
def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
    _split_transpose: bool = False,
    *,
    checkpoint: int | str | None = None,
) -> tuple[Any, Any]:
    """Fold `f` over the leading dimension of `xs`, and stack what it returns on the way.

    Means `for x in xs: init, y = f(init, x)`, recorded once and run as one loop, with the
    `y` stacked.

    Args:
        f: function of (carry, element) giving (carry, result); the carry keeps its structure,
            shapes and dtypes.
        init: first carry: array or tree of arrays. A Python scalar takes the dtype that `f`
            returns.
        xs: array or tree of arrays with one leading size, or None.
        length: number of steps; needed only where `xs` is None.
        reverse: go through `xs` from the end; the result of each step stands at its place.
        unroll: steps laid out in one iteration of the compiled loop; True for all.
        checkpoint: what reverse mode keeps. None: the residuals of every step. An int: the
            carry after every so many steps, the steps between being run again.
            "sqrt": an int near the square root of the length.

    Returns:
        The last carry, and the results stacked along a new first dimension.

    Raises:
        TypeError: `f` returns no pair, or the carry changes structure or types.
        ValueError: leading sizes differ, or the length is not known.

    Example:
        >>> total, sums = scan(lambda c, x: (c + x, c + x), 0, np.arange(4))
        >>> int(total), sums.tolist()
        (6, [0, 1, 3, 6])
    """
    if not callable(f):
        raise ArgumentTypeError("lax.scan: f argument should be a callable.")
    f = user_function(f)
    x_leaves, x_tree = tree.flatten(xs)
    x_types = leaf_types(x_leaves, "scan", function_name(f))
    steps = _length(x_types, length)
    width = _unroll(unroll, steps)
    leaves, carry_tree = tree.flatten(init)
    leaf_types(leaves, "scan", function_name(f))
    if any(type(x) is Ref for x in x_leaves):
        return _over_references(f, init, x_leaves, x_tree, (steps, reverse, unroll), checkpoint)
    if config.disable_jit.value and steps > 0:
        return _run_in_python(f, init, xs, steps, reverse)
    if checkpoint is not None:
        return _in_segments(f, init, xs, steps, reverse, unroll, checkpoint)
    leaves = beside_doubles([*leaves, *x_leaves])[: len(leaves)]
    staged, leaves = _staged(f, leaves, carry_tree, x_tree, x_types)
    outs = scan_p.bind(
        *staged.captured, *leaves, *x_leaves,
        body=staged.fn, num_consts=len(staged.captured), num_carry=len(leaves), length=steps,
        reverse=bool(reverse), unroll=width,
    )  # fmt: skip
    return tree.unflatten(staged.out_tree, outs)


def _staged(
    f: Callable[[Any, Any], Any], leaves: list[Any], carry_tree: Any, x_tree: Any,
    x_types: Sequence[ArrayType],
) -> tuple[Any, list[Any]]:  # fmt: skip
    """One step as a program, and the first carry with the types that the step keeps."""
    elements, n, name = [t.without_dimension(0) for t in x_types], len(leaves), function_name(f)

    def call(tracers: list[Any]) -> Any:
        carry = tree.unflatten(carry_tree, tracers[:n])
        return _pair(f(carry, tree.unflatten(x_tree, tracers[n:])))

    def names() -> list[str]:
        parts = (carry_tree, n), (x_tree, len(elements))
        return argument_paths(f, [tree.unflatten(t, [0] * m) for t, m in parts], {})

    def step(types: Sequence[ArrayType]) -> Any:
        source = Source("scan", f, names)
        return stage(call, [*types, *elements], name=name, refs="keep", source=source)

    def next_carry(staged: Any) -> tuple[Any, Sequence[ArrayType]]:
        structure = tree.children(staged.out_tree)[0]
        return structure, staged.fn.out_types[:n] if structure.num_leaves == n else ()

    return common_carry("scan", f, leaves, carry_tree, step, next_carry)


def _pair(out: Any) -> Any:
    if not isinstance(out, tuple | list) or len(out) != 2:
        shown = tree.map(typeof, out) if not isinstance(out, str) else out
        raise ShapeError(
            f"scan body output must be a pair, got {shown}.\n"
            "fix: return (carry, result); the result may be None",
            user_loc(3),
        )
    return tuple(out)


def _length(types: Sequence[ArrayType], length: int | None) -> int:
    """Number of steps, from the elements and the argument."""
    for t in types:
        if not t.shape:
            raise ArgumentValueError(
                f"scan got value with no leading axis to scan over: {t}.\n"
                "fix: pass it in the carry, or let the function close over it"
            )
    if any(t.explicit is not None and t.explicit.dim_axes(t.ndim)[0] for t in types):
        specs = ", ".join(str(t.sharding.spec) for t in types)
        raise ArgumentValueError(
            f"0th dimension of all xs should be replicated. Got {specs}\n"
            "fix: lay that dimension out whole with reshard, or scan over another one"
        )
    sizes = list(dict.fromkeys(t.shape[0] for t in types))
    if length is not None:
        return _given_length(length, sizes)
    if len(sizes) > 1:
        raise ArgumentValueError(
            "scan got values with different leading axis sizes: "
            f"{', '.join(str(t.shape[0]) for t in types)}.\n"
            "fix: cut or pad them to one length; what all steps share goes in by closure"
        )
    if not sizes:
        raise ArgumentValueError(
            "scan got no values to scan over and `length` not provided.\n"
            "fix: pass length=, the number of steps"
        )
    return sizes[0]


def _given_length(length: int, sizes: Sequence[int]) -> int:
    try:
        length = operator.index(length)
    except ConcretizationTypeError as error:
        text = f"The `length` argument to `scan` expects a concrete `int` value.: {error}"
        raise type(error)(text) from None
    if any(n != length for n in sizes):
        raise ArgumentValueError(
            f"scan got `length` argument of {length} which disagrees with leading axis sizes "
            f"{sizes}."
        )
    if length < 0:
        raise ArgumentValueError(f"scan needs a length of at least 0, got {length}")
    return length


def _unroll(unroll: int | bool, steps: int) -> int:
    if isinstance(unroll, bool):
        return max(steps, 1) if unroll else 1
    if not isinstance(unroll, int) or unroll < 0:
        raise ArgumentValueError("`unroll` must be a `bool` or a non-negative `int`.")
    return max(unroll, 1)


def _over_references(
    f: Any, init: Any, xs: Sequence[Any], x_tree: Any, how: tuple[Any, ...], checkpoint: Any
) -> tuple[Any, Any]:
    """A scan some of whose elements are rows of references, which each step may write to."""
    refs = [x for x in xs if type(x) is Ref]

    def step(carry: Any, rows: list[Any]) -> Any:
        given = [reference.new(r) if type(x) is Ref else r for x, r in zip(xs, rows, strict=True)]
        carry, y = _pair(f(carry, tree.unflatten(x_tree, given)))
        return carry, (y, [reference.read(r) for r in given if type(r) is Ref])

    values = reference.operands(xs)
    try:
        for ref in refs:
            ref.busy = "inside of a scan over it\nfix: use the row that the function gets"
        carry, (ys, rows) = scan(step, init, values, *how, checkpoint=checkpoint)
    finally:
        for ref in refs:
            ref.busy = ""
    for ref, value in zip(refs, rows, strict=True):
        reference.swap(ref, value)
    return carry, ys


def _run_in_python(f: Any, init: Any, xs: Any, steps: int, reverse: bool) -> tuple[Any, Any]:
    """The loop as a Python loop, for debugging."""
    carry, ys = init, []
    for i in reversed(range(steps)) if reverse else range(steps):
        x = tree.map(lambda a, i=i: dynamic_index_in_dim(a, i, 0, keepdims=False), xs)
        carry, y = _pair(f(carry, x))
        ys.append(y)
    ys = ys[::-1] if reverse else ys
    return carry, tree.map(lambda *parts: concatenate([_row(p) for p in parts], 0), *ys)


def _row(x: Any) -> Any:
    return expand_dims(x, (0,))


def _in_segments(
    f: Any, init: Any, xs: Any, steps: int, reverse: bool, unroll: Any, checkpoint: int | str
) -> tuple[Any, Any]:
    """A scan over segments, each a scan that reverse mode runs again."""
    width = max(1, round(math.sqrt(steps))) if checkpoint == "sqrt" else checkpoint
    if not isinstance(width, int) or isinstance(width, bool) or width < 1:
        raise ArgumentValueError(
            f"scan takes checkpoint=None, 'sqrt' or a positive int, got {checkpoint!r}"
        )
    whole = steps // width

    def segment(carry: Any, part: Any) -> Any:
        n = width if part is None else None
        return scan(f, carry, part, n, reverse, unroll)

    def rest(carry: Any, part: Any) -> Any:
        n = steps - whole * width if part is None else None
        return scan(f, carry, part, n, reverse, unroll)

    bulk = tree.map(lambda x: _cut(x, 0, whole * width, (whole, width)), xs)
    tail = tree.map(lambda x: _cut(x, whole * width, steps, (steps - whole * width,)), xs)
    last = None
    if reverse and steps > whole * width:
        init, last = remat(rest)(init, tail)
    carry, ys = scan(remat(segment), init, bulk, whole, reverse)
    ys = tree.map(lambda y: reshape(y, (whole * width, *typeof(y).shape[2:])), ys)
    if steps == whole * width:
        return carry, ys
    if not reverse:
        carry, last = remat(rest)(carry, tail)
    return carry, tree.map(lambda a, b: concatenate([a, b], 0), ys, last)


def _cut(x: Any, start: int, stop: int, lead: tuple[int, ...]) -> Any:
    shape = typeof(x).shape
    return reshape(slice_in_dim(x, start, stop), (*lead, *shape[1:]))


@user_traceback
def map(f: Callable[[Any], Any], xs: Any, *, batch_size: int | None = None) -> Any:
    """Results of `f` on each element along the leading dimension of `xs`, one after another.

    Like `vmap`, with the memory of one element: `f` is recorded once and run as a loop.

    Args:
        f: function of an element.
        xs: array or tree of arrays with one leading size.
        batch_size: number of elements to compute at once, as by `vmap`; one if None or 0.

    Example:
        >>> map(lambda x: x * x, np.arange(4)).tolist()
        [0, 1, 4, 9]
    """
    f = user_function(f)
    if batch_size:
        return _map_in_batches(f, xs, batch_size)
    return scan(lambda _, x: ((), f(x)), (), xs)[1]


def _map_in_batches(f: Any, xs: Any, size: int) -> Any:
    leaves = tree.leaves(xs)
    types = leaf_types(leaves, "map", function_name(f))
    steps = _length(types, None)
    whole = steps // size
    parts = []
    if whole:
        bulk = tree.map(lambda x: _cut(x, 0, whole * size, (whole, size)), xs)
        _, ys = scan(lambda _, x: ((), _all_lanes(f, x, size)), (), bulk)
        parts.append(tree.map(lambda y: reshape(y, (whole * size, *typeof(y).shape[2:])), ys))
    if steps > whole * size or not whole:
        tail = tree.map(lambda x: slice_in_dim(x, whole * size, steps), xs)
        parts.append(_all_lanes(f, tail, steps - whole * size))
    if len(parts) == 1:
        return parts[0]
    return tree.map(lambda *ys: concatenate(ys, 0), *parts)


def _all_lanes(f: Any, xs: Any, size: int) -> Any:
    """`f` of `size` elements at once."""
    leaves, x_tree = tree.flatten(xs)
    lane_types = [typeof(x).without_dimension(0) for x in leaves]
    staged = stage(lambda ts: f(tree.unflatten(x_tree, ts)), lane_types, name=function_name(f))
    dims = (*(None for _ in staged.captured), *(0 for _ in leaves))
    made, _ = bodies.batch_to(staged.fn, size, dims, (0,) * len(staged.fn.results))
    outs = current.interpreter.apply(made, [*staged.captured, *leaves])
    return staged.unflatten(bodies.values(outs))
