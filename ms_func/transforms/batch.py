"""Vectorisation: a program over one element becomes a program over a batch of them.

Each value carries the position of its batch dimension, or None when all lanes share it.
An equation whose operands are all shared stays as it is, unless it has an effect, which happens
once for each lane, or communicates along the axis of the batch, which programs call `BATCH_AXIS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import local
from typing import Any

from ms_func.errors import UnsupportedError
from ms_func.ir.axes import BATCH_AXIS, eqn_names, names_of
from ms_func.ir.function import Eqn, Function
from ms_func.ir.primitive import ELEMENTWISE, NotSupported, current
from ms_func.ir.sharding import NamedSharding
from ms_func.ir.types import ArrayType, typeof
from ms_func.ir.walk import walk
from ms_func.primitives.batching import move_batch, to_front
from ms_func.primitives.shape import broadcast_in_dim
from ms_func.stopwatch import timed
from ms_func.tracing.tracer import build
from ms_func.transforms.passes import has_effects
from ms_func.transforms.recorded import Code, worked_out

Dims = Sequence[int | None]


@timed("transform")
def batch(
    fn: Function, size: int, dims: tuple[int | None, ...], out_dims: tuple[int | str | None, ...]
) -> tuple[Function, tuple[int | None, ...]]:
    """Batched version of `fn`.

    Args:
        fn: the program of one lane.
        size: number of lanes.
        dims: batch dimension of each parameter, None where all lanes share it.
        out_dims: wanted batch dimension of each result; None asks for a shared result where
            it is one; "any" takes it as it comes.

    Returns:
        The batched program, and the batch dimension of each of its results.

    Example:
        >>> program = ms.make_ir(np.sin)(0.0)
        >>> lanes, dims = ms.extend.batch_program(program, 3, (0,), (0,))
        >>> lanes.in_types, dims
        ((f32*[3],), (0,))
    """
    lanes = _lanes.layout
    key = ("batch", size, dims, out_dims, lanes)
    if key not in fn.memo:
        found: list[int | None] = []
        types = [
            t if d is None else lanes_type(t, d, size, lanes)
            for t, d in zip(fn.in_types, dims, strict=True)
        ]

        def body(*args: Any) -> list[Any]:
            outs, got = batch_walk(fn, size, args, dims)
            placed = [
                place(x, d, want, size) for x, d, want in zip(outs, got, out_dims, strict=True)
            ]
            found.extend(d for _, d in placed)
            return [x for x, _ in placed]

        made = build(f"vmap_{fn.name}", types, body)
        fn.memo[key] = made, tuple(found)
    return fn.memo[key]


class _Lanes(local):
    """Layout of a vector with one element for each lane, where types tell layouts."""

    layout: NamedSharding | None = None


_lanes = _Lanes()


@contextmanager
def lanes_laid_out(layout: NamedSharding | None) -> Iterator[None]:
    """Let lanes that are recorded meanwhile lie on devices as the elements of a vector do."""
    before, _lanes.layout = _lanes.layout, layout
    try:
        yield
    finally:
        _lanes.layout = before


def lanes_type(t: ArrayType, dim: int, size: int, lanes: NamedSharding | None) -> ArrayType:
    """Type of all lanes of a value, one along each place of dimension `dim`."""
    if lanes is not None and t.explicit is None:
        axes: list[Any] = [()] * t.ndim
        axes.insert(dim, lanes.dim_axes(1)[0])
        return t.with_dimension(dim, size).update(explicit=lanes.with_dims(axes))
    return t.with_dimension(dim, size, () if lanes is None else lanes.dim_axes(1)[0])


def place(x: Any, dim: int | None, want: int | str | None, size: int) -> tuple[Any, int | None]:
    """Move the batch dimension of a result to where it is wanted."""
    if want == "any" or dim == want:
        return x, dim
    if want is None:
        return x, dim
    assert isinstance(want, int)
    return move_batch(x, dim, want, size), want


def batch_walk(
    fn: Function, size: int, args: Sequence[Any], dims: Dims
) -> tuple[list[Any], list[int | None]]:
    """Apply `fn` to batched operands under the interpreter in force."""
    at: dict[Any, int] = {v: d for v, d in zip(fn.params, dims, strict=False) if d is not None}
    named = BATCH_AXIS in names_of(fn)  # then lanes may differ though all operands are shared

    def rule(eqn: Eqn, ins: list[Any]) -> Sequence[Any] | None:
        communicates = named and BATCH_AXIS in eqn_names(eqn)
        if at.keys().isdisjoint(eqn.inputs) and not communicates and not has_effects(eqn):
            return None
        outs, out_dims = apply_rule(eqn, size, ins, [at.get(a) for a in eqn.inputs])
        at.update((v, d) for v, d in zip(eqn.outputs, out_dims, strict=True) if d is not None)
        return outs

    return walk(fn, args, rule, "vmap"), [at.get(a) for a in fn.results]


def apply_rule(eqn: Eqn, size: int, args: Sequence[Any], dims: Dims) -> tuple[Any, Any]:
    """Results and their batch dimensions for one equation."""
    types = tuple([typeof(x) for x in args])
    known = worked_out("batch", eqn, types, (size, *dims), _code)
    if known is None:
        return run_rule(eqn, size, args, dims)
    code, out_dims = known
    return code.write(args, current.interpreter.loc), out_dims


def _code(
    eqn: Eqn, types: tuple[ArrayType, ...], rest: tuple[int, ...]
) -> tuple[Code, Sequence[int | None]]:
    """The rule, run on tracers: code, and the batch dimensions of its results."""
    size, *dims = rest
    found: list[int | None] = []

    def body(*args: Any) -> Sequence[Any]:
        outs, out_dims = run_rule(eqn, size, args, dims)
        found.extend(out_dims)
        return outs

    return Code(build(eqn.primitive.name, types, body)), found


def run_rule(eqn: Eqn, size: int, args: Sequence[Any], dims: Dims) -> tuple[Any, Any]:
    """Results and their batch dimensions by the rule of the primitive."""
    rule = eqn.primitive.batch
    if rule is ELEMENTWISE:
        out, dim = _elementwise(eqn, args, dims)
        return (out,), (dim,)
    if type(rule) is NotSupported:
        raise UnsupportedError(
            f"`{eqn.primitive.name}` cannot be vectorised: {rule.reason}\n"
            "fix: loop over the batch with lax.map, or give a rule with custom_vmap",
            eqn.loc,
        )
    out, out_dims = rule(size, args, dims, **eqn.params)
    return (out, out_dims) if eqn.primitive.multiple_results else ((out,), (out_dims,))


def _elementwise(eqn: Eqn, args: Sequence[Any], dims: Dims) -> tuple[Any, int]:
    """Elementwise operations work on all lanes at once where the lanes lie alike."""
    rank = max(a.type.ndim for a in eqn.inputs)
    shapes = {typeof(a).shape for a, d in zip(args, dims, strict=True) if d is not None}
    places = {d for d in dims if d is not None}
    same = len(shapes) == 1 and len(places) == 1
    if same and all(
        d is not None or not a.type.shape for a, d in zip(eqn.inputs, dims, strict=True)
    ):
        return eqn.primitive.bind(*args, **eqn.params), places.pop()
    laid = [
        x if d is None and not typeof(x).shape else _lay(x, d, rank)
        for x, d in zip(args, dims, strict=True)
    ]
    shape = _joint_shape(laid)
    laid = [x if not typeof(x).shape else _stretch(x, shape) for x in laid]
    return eqn.primitive.bind(*laid, **eqn.params), 0


def _lay(x: Any, dim: int | None, rank: int) -> Any:
    """Operand with the lanes (or a dimension of size 1) in front and rank + 1 dimensions."""
    if dim is None:
        shape = (1, *typeof(x).shape)
        return broadcast_in_dim(x, shape, tuple(range(1, len(shape))))
    x = to_front(x, dim, typeof(x).shape[dim])
    shape = typeof(x).shape
    full = (shape[0], *(1,) * (rank + 1 - len(shape)), *shape[1:])
    if full == shape:
        return x
    return broadcast_in_dim(x, full, (0, *range(len(full) - len(shape) + 1, len(full))))


def _joint_shape(args: Sequence[Any]) -> tuple[int, ...]:
    shapes = [s for s in (typeof(a).shape for a in args) if s]
    return tuple(next((n for n in sizes if n != 1), 1) for sizes in zip(*shapes, strict=True))


def _stretch(x: Any, shape: tuple[int, ...]) -> Any:
    """Operand with its dimensions of size 1 repeated to `shape`."""
    if typeof(x).shape == shape:
        return x
    return broadcast_in_dim(x, shape, tuple(range(len(shape))))
