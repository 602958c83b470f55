"""Slices a few elements apart, written as whole arrays that are shifted against each other.

Stencils are written as `u[2:] - u[:-2]`, results laid back by `u.at[1:-1].set(...)`, `pad` or
`concatenate`, sums taken of `u[1:] - u[:-1]`. The sizes of such values divide no mesh, and a
slice of a split array is a piece of another array, so that it would be gathered. Here the same
values are computed in arrays of the full size instead: element `j` of a shifted array is
element `j + at` of what it stands for, and what lies beyond an edge is never read. A shift of
a split array asks for the borders of its neighbours alone.

Only what is read at a small distance is rewritten, and only where a whole array results.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ms_func.ir.function import Atom, Eqn, Function, Literal
from ms_func.ir.primitive import ELEMENTWISE
from ms_func.ir.types import ArrayType
from ms_func.parallel.rewrite import rewritten
from ms_func.primitives.basis import broadcast_in_dim_p, reduce_sum_p
from ms_func.primitives.bits import bitwise_and
from ms_func.primitives.compare import ge, lt, select
from ms_func.primitives.families import literal
from ms_func.primitives.pieces import concatenate_p, pad, pad_p, slice_p
from ms_func.primitives.roll import roll_p
from ms_func.primitives.shape import broadcasted_iota, rev_p
from ms_func.primitives.sharding import sharding_constraint_p
from ms_func.primitives.slicing import dynamic_update_slice_p
from ms_func.transforms.passes import Rewriting

Place = tuple[int, ...]

_SHORT = 8
"""Elements up to which a reversed edge is read one by one."""


class Part(NamedTuple):
    """`size` elements of an array along some dimension, from `first` on."""

    array: Atom
    first: int
    size: int


class TooFarError(Exception):
    """A value cannot be read as whole arrays at small distances: its equation stays as it is."""


def shifted(fn: Function, ways: int) -> Function:
    """`fn` with stencils over whole arrays; the same object if it has none.

    Args:
        fn: a program without calls.
        ways: smallest number of devices that may share a dimension.
    """
    return rewritten(fn, lambda new, eqn, inputs: _whole(new, eqn, inputs, ways))


def _whole(new: Rewriting, eqn: Eqn, inputs: Sequence[Atom], ways: int) -> Atom | None:
    """The result of an equation that joins pieces, by shifts; None if it is no such equation."""
    if eqn.primitive is not reduce_sum_p and eqn.primitive not in _JOINS:
        return None
    out = eqn.outputs[0].type
    try:
        if eqn.primitive is slice_p and _takes_every(eqn):
            return None
        if eqn.primitive is reduce_sum_p:
            found = _total(new, inputs[0], eqn.params, ways)
        elif eqn.primitive is pad_p and out.ndim and max(steps := _steps(new, inputs[0], eqn)) > 1:
            found = _spread(steps, ways, *inputs, **eqn.params, new=new)
        elif _is_ragged(inputs, out, ways):
            reader = _Reader(new, out.shape, ways)
            made = Eqn(eqn.primitive, list(inputs), eqn.outputs, eqn.params, eqn.loc)
            found = reader.full(reader.joined(made, (0,) * out.ndim))
        else:
            return None
    except TooFarError:
        return None
    return found if found.type is out else None


def _is_ragged(inputs: Sequence[Atom], out: ArrayType, ways: int) -> bool:
    """Whether operands are a little longer or shorter than a result that can be split."""
    others = [x.type.shape for x in inputs if x.type.ndim == out.ndim]
    uneven = [d for d, n in enumerate(out.shape) if any(s[d] != n for s in others)]
    return bool(uneven) and all(_reach(out.shape[d], ways) for d in uneven)


def _reach(size: int, ways: int) -> int:
    """Distance up to which elements count as neighbours, 0 in a dimension that is not split."""
    return 0 if size % ways else size // (2 * ways)


def _total(new: Rewriting, x: Atom, params: dict[str, Any], ways: int) -> Atom:
    """A sum over a value that is a little smaller than the arrays it is made of."""
    shape = _source(new, x)
    if shape is None or shape == x.type.shape:
        raise TooFarError
    cut = [d for d, (n, m) in enumerate(zip(shape, x.type.shape, strict=True)) if n != m]
    if any(d not in params["axes"] or not _reach(shape[d], ways) for d in cut):
        raise TooFarError
    reader = _Reader(new, shape, ways)
    inside = reader.inside((0,) * len(shape), x.type.shape)
    value = reader.full(reader.read(x, (0,) * len(shape)))
    return reduce_sum_p.bind(select(inside, value, literal(0, value)), **params)


def _takes_every(eqn: Eqn) -> bool:
    """Whether a slice has one of each so many elements, which can be cut as it is."""
    strides = eqn.params["strides"] or (1,) * eqn.outputs[0].type.ndim
    shapes = zip(eqn.inputs[0].type.shape, eqn.outputs[0].type.shape, strides, strict=True)
    return all(n == m * k for n, m, k in shapes)


def _steps(new: Rewriting, x: Atom, eqn: Eqn) -> list[int]:
    """For each dimension the distance at which padding lays elements.

    A single element may be taken as one of those of the array it is from.
    """
    source, out = _source(new, x), eqn.outputs[0].type.shape
    found = []
    for d, (n, (*_, inner)) in enumerate(
        zip(x.type.shape, eqn.params["padding_config"], strict=True)
    ):
        size = source[d] if n == 1 and source is not None else 0
        found.append(out[d] // size if size and out[d] % size == 0 else inner + 1)
    return found


def _spread(
    steps: Sequence[int], ways: int, x: Atom, value: Atom, *, padding_config: Any, new: Rewriting
) -> Atom:
    """Elements laid at even distances: first whole and beside each other, then apart."""
    shape, start, rows = [], [], []
    for n, k, (low, high, inner) in zip(x.type.shape, steps, padding_config, strict=True):
        size = low + high + n + max(0, n - 1) * inner
        if size % k:
            raise TooFarError
        shape.append(size // k)
        start.append(low // k)
        rows.append((low % k, k - 1 - low % k, k - 1))
    ragged = [d for d, (n, m) in enumerate(zip(x.type.shape, shape, strict=True)) if n != m]
    if not ragged or not all(_reach(shape[d], ways) for d in ragged):
        raise TooFarError
    reader = _Reader(new, tuple(shape), ways)
    return pad(reader.full(reader.laid(x, value, tuple(start))), value, rows)


def _source(new: Rewriting, x: Atom) -> Place | None:
    """Shape of the arrays behind slices and elementwise operations."""
    while (eqn := new.producers.get(x)) is not None:
        if eqn.primitive is slice_p:
            return eqn.inputs[0].type.shape if eqn.params["strides"] is None else None
        if eqn.primitive.shard is not ELEMENTWISE:
            return None
        x = next((a for a in eqn.inputs if a.type.shape), x)
    return None


class _Reader:
    """Writes values as arrays of one shape, moved by a place.

    Attributes:
        shape: that of every array that is written.
        held: computed values of other shapes: the array that holds one, and its place.
    """

    def __init__(self, new: Rewriting, shape: Place, ways: int) -> None:
        self.new = new
        self.shape = shape
        self.reach = [_reach(n, ways) for n in shape]
        self.known: dict[tuple[Atom, Place], Atom] = {}
        self.held: dict[Atom, tuple[Atom, Place]] = {}

    def read(self, x: Atom, at: Place) -> Atom:
        """Array whose element `j` is element `j + at` of `x` wherever there is one.

        A scalar stands for an array that repeats it.

        Raises:
            TooFarError: `x` is made of something else than arrays of this shape nearby.
        """
        if not x.type.shape:
            return x
        if (x, at) not in self.known:
            self.known[x, at] = self._read(x, at)
        return self.known[x, at]

    def _read(self, x: Atom, at: Place) -> Atom:
        if x.type.shape == self.shape:
            return self._moved(x, at)
        eqn = self.new.producers.get(x)
        if eqn is None or len(eqn.outputs) != 1:
            raise TooFarError
        if eqn.primitive is broadcast_in_dim_p and not eqn.inputs[0].type.shape:
            return eqn.inputs[0]
        if eqn.primitive in _JOINS:
            return self.joined(eqn, at)
        if eqn.primitive.shard is not ELEMENTWISE or eqn.primitive is sharding_constraint_p:
            raise TooFarError
        return self._computed(x, eqn, at)

    def joined(self, eqn: Eqn, at: Place) -> Atom:
        """The result of an equation that moves and joins pieces."""
        return _JOINS[eqn.primitive](self, *eqn.inputs, at=at, **eqn.params)

    def _slice(
        self, x: Atom, *, at: Place, start_indices: Place, limit_indices: Place, strides: Any
    ) -> Atom:
        sizes = zip(x.type.shape, self.shape, start_indices, limit_indices, strict=True)
        steps, begins, places = [], [], []
        for d, (n, m, start, stop) in enumerate(sizes):
            step = 1 if strides is None else strides[d]
            k = n // m if n and m and n % m == 0 else 1
            if step != k and stop - start > step:  # more than one element
                raise TooFarError
            steps.append(k)
            begins.append(start % k)
            places.append(start // k)
        if max(steps, default=1) > 1:
            x = slice_p.bind(
                x, start_indices=tuple(begins), limit_indices=x.type.shape, strides=tuple(steps)
            )
            if x.type.shape != self.shape:
                raise TooFarError
        return self.read(x, _plus(at, tuple(places)))

    def _concatenate(self, *parts: Atom, at: Place, dimension: int) -> Atom:
        sizes = [x.type.shape[dimension] for x in parts]
        return self._joined(list(map(Part, parts, [0] * len(parts), sizes)), dimension, at)

    def _rev(self, x: Atom, *, at: Place, dimensions: Place) -> Atom:
        if len(dimensions) != 1 or (n := x.type.shape[dimensions[0]]) > _SHORT:
            raise TooFarError
        return self._joined([Part(x, n - 1 - i, 1) for i in range(n)], dimensions[0], at)

    def _pad(self, x: Atom, value: Atom, *, at: Place, padding_config: Any) -> Atom:
        if any(inner for *_, inner in padding_config):
            raise TooFarError
        return self.laid(x, value, _minus(tuple(low for low, *_ in padding_config), at))

    def _update(self, x: Atom, part: Atom, *starts: Atom, at: Place) -> Atom:
        known = [int(i.value) for i in starts if type(i) is Literal]
        if len(known) < len(starts):
            raise TooFarError
        room = zip(known, x.type.shape, part.type.shape, strict=True)
        start = tuple(min(max(i, 0), n - m) for i, n, m in room)
        return self.laid(part, self.read(x, at), _minus(start, at))

    def laid(self, x: Atom, around: Atom, start: Place) -> Atom:
        """`x` from `start` on, and another array around it."""
        inner = self.read(x, tuple(-i for i in start))
        return self._choice(self.inside(start, x.type.shape), inner, around)

    def _joined(self, parts: Sequence[Part], d: int, at: Place) -> Atom:
        """Parts side by side along a dimension."""
        begins = [sum(p.size for p in parts[:k]) - at[d] for k in range(len(parts))]
        if (turned := self._turned(parts, begins, d, at)) is not None:
            return turned
        found = None
        for part, begin in zip(parts, begins, strict=True):
            if begin < self.shape[d] and begin + part.size > 0:
                value = self.read(part.array, _at(at, d, part.first - begin))
                after = self._from(d, begin)
                found = value if found is None else self._choice(after, value, found)
        if found is None:
            raise TooFarError
        return found

    def _turned(
        self, parts: Sequence[Part], begins: Sequence[int], d: int, at: Place
    ) -> Atom | None:
        """All of one array turned around: its ends change places, one neighbour gives both."""
        n = self.shape[d]
        whole = [self._unsliced(p, d) for p in parts]
        arrays = {p.array for p in whole}
        by = {(p.first - begin) % n for p, begin in zip(whole, begins, strict=True)}
        if len(arrays) > 1 or len(by) > 1 or whole[0].array.type.shape[d] != n:
            return None
        found = self.read(whole[0].array, _at(at, d, 0))
        return self._rolled(found, by.pop(), d)

    def _unsliced(self, part: Part, d: int) -> Part:
        """The same part of what it is sliced from along one dimension."""
        eqn = self.new.producers.get(part.array)
        if eqn is None or eqn.primitive is not slice_p or eqn.params["strides"] is not None:
            return part
        x, start = eqn.inputs[0], eqn.params["start_indices"][d]
        if _at(x.type.shape, d, 0) != _at(part.array.type.shape, d, 0):
            return part
        return Part(x, start + part.first, part.size)

    def _computed(self, x: Atom, eqn: Eqn, at: Place) -> Atom:
        """An elementwise value: computed once, at the first place that leaves room for it."""
        if x in self.held:
            array, place = self.held[x]
            return self._moved(array, _minus(at, place))
        found = eqn.primitive.bind(*[self.read(a, at) for a in eqn.inputs], **eqn.params)
        rows = zip(at, x.type.shape, self.shape, strict=True)
        if found.type.shape and all(m - n <= i <= 0 for i, m, n in rows):
            self.held[x] = found, at
        return found

    def _moved(self, x: Atom, at: Place) -> Atom:
        """A whole array moved against the direction of `at`; what comes from beyond is anything."""
        if not x.type.shape:
            return x
        rows = []
        for d, by in enumerate(at):
            if abs(by) <= self.reach[d]:
                rows.append((-by, by, 0))
                continue
            rows.append((0, 0, 0))
            x = self._rolled(x, by, d)
        return pad(x, literal(0, x), rows) if any(map(any, rows)) else x

    def _rolled(self, x: Atom, by: int, d: int) -> Atom:
        n = self.shape[d]
        if min(by % n, -by % n) > self.reach[d]:
            raise TooFarError
        return roll_p.bind(x, shift=-by % n, dimension=d) if by % n else x

    def inside(self, start: Place, size: Place) -> Atom | None:
        """Mask of a box; None where it is everything."""
        mask = None
        for d, (begin, n) in enumerate(zip(start, size, strict=True)):
            for one in (self._from(d, begin), self._below(d, begin + n)):
                if one is not None:
                    mask = one if mask is None else bitwise_and(mask, one)
        return mask

    def _from(self, d: int, begin: int) -> Atom | None:
        if begin <= 0:
            return None
        count = broadcasted_iota(np.int32, self.shape, d)
        return ge(count, literal(begin, count))

    def _below(self, d: int, end: int) -> Atom | None:
        if end >= self.shape[d]:
            return None
        count = broadcasted_iota(np.int32, self.shape, d)
        return lt(count, literal(end, count))

    def _choice(self, mask: Atom | None, inner: Atom, outer: Atom) -> Atom:
        return inner if mask is None else select(mask, self.full(inner), outer)

    def full(self, x: Atom) -> Atom:
        """An array, of a scalar too."""
        if x.type.shape:
            return x
        return broadcast_in_dim_p.bind(x, shape=self.shape, broadcast_dimensions=())


_JOINS = {
    slice_p: _Reader._slice,
    concatenate_p: _Reader._concatenate,
    rev_p: _Reader._rev,
    pad_p: _Reader._pad,
    dynamic_update_slice_p: _Reader._update,
}
"""What makes whole arrays out of pieces of others, and how it is read."""


def _at(at: Place, d: int, i: int) -> Place:
    return (*at[:d], i, *at[d + 1 :])


def _plus(a: Place, b: Place) -> Place:
    return tuple(i + j for i, j in zip(a, b, strict=True))


def _minus(a: Place, b: Place) -> Place:
    return tuple(i - j for i, j in zip(a, b, strict=True))
