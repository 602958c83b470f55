"""Operations between devices, as operators of the collective communication library (HCCL).

The graph is that of one device, `options.rank`: its number and its group are constants. HCCL
splits and joins along the first dimension and orders devices by their number, so other
dimensions and orders are brought there. Values that an operator does not take travel as bits.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ms_func_ascend.emitter import BOOL, F32, I8, I32, Emitter, Unsupported
from ms_func_ascend.graph import Tensor
from ms_func_ascend.legalize import carrier, signed_twin
from ms_func_ascend.operators import arithmetic as a
from ms_func_ascend.operators.reduce import reduced
from ms_func_ascend.operators.region import binary_kind
from ms_func_ascend.operators.registry import rule
from ms_func_ascend.prototypes import accepts

WORLD = "hccl_world_group"
"""Name that HCCL gives to the group of all devices."""

_REDUCTION = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}
_OF_BOOL = {"add": "max", "or": "max", "maximum": "max",
            "multiply": "min", "and": "min", "minimum": "min"}  # fmt: skip


@dataclass(frozen=True)
class Group:
    """Devices that take part in one operation.

    Attributes:
        members: their numbers, in the order that the program gives them.
        world: number of all devices.
    """

    members: tuple[int, ...]
    world: int

    @property
    def size(self) -> int:
        """Number of members."""
        return len(self.members)

    @property
    def ranks(self) -> tuple[int, ...]:
        """The members in HCCL's order."""
        return tuple(sorted(self.members))

    @property
    def name(self) -> str:
        """Name of the group, the same on all its members; the user makes the group under it."""
        if self.size == self.world:
            return WORLD
        listed = "_".join(map(str, self.ranks))
        if len(listed) > 80:
            digest = hashlib.sha256(listed.encode()).hexdigest()[:12]
            listed = f"{self.ranks[0]}_to_{self.ranks[-1]}_{digest}"
        return f"ranks_{listed}"

    def program_order(self) -> list[int]:
        """For each member in the program's order, its place in HCCL's."""
        return [self.ranks.index(m) for m in self.members]


def _group(t: Any, op: Any) -> Group | None:
    """The group of the device that the graph is for; None where it takes no part."""
    world, rank = t.options.ranks, t.options.rank
    listed = np.asarray(op.attrs["replica_groups"])
    rows = [[int(m) for m in row if m >= 0] for row in listed.reshape(-1, listed.shape[-1])]
    if not any(rows):
        rows = [list(range(world))]
    return next((Group(tuple(row), world) for row in rows if rank in row), None)


def _own_group(t: Any, op: Any) -> Group:
    group = _group(t, op)
    if group is None:
        raise Unsupported(f"device {t.options.rank} is in none of its groups")
    return group


def _hcom(
    e: Emitter, op: str, inputs: Sequence[Any], shape: Sequence[int], dtype: np.dtype,
    group: Group, **attrs: Any,
) -> Tensor:  # fmt: skip
    """A collective operator. Never shared with an equal one: other devices may see two."""
    attrs["group"] = group.name
    made = e.graph.add(op, inputs, [(shape, dtype)], attrs, source=e.source, name=e.stem)
    made.ranks = group.ranks
    return made.outputs[0]


# -- data movement -------------------------------------------------------------------------


def _moving(t: Any, op: str, port: str, x: Tensor, run: Callable[[Tensor], Tensor]) -> Tensor:
    """`run` on `x` in a dtype that the operator `op` takes; bits where it does not take numbers."""
    e, dtype = t.e, x.dtype
    if dtype.kind == "c":
        return e.complex(*(_moving(t, op, port, part, run) for part in e.parts(x)))
    if accepts(op, port, dtype):
        return run(x)
    if dtype == BOOL:
        return e.back(run(e.cast(x, I8)), BOOL)
    bits = next((d for d in (np.dtype(f"u{dtype.itemsize}"), signed_twin(dtype))
                 if accepts(op, port, d) and accepts("Bitcast", "x", dtype)), None)  # fmt: skip
    if bits is not None:
        return e.bitcast(run(e.bitcast(x, bits)), dtype)
    wide = carrier(op, port, dtype)
    if wide is None:
        raise Unsupported(f"{op} does not take {dtype.name}", "use float32 or int32")
    return e.cast(run(e.cast(x, wide)), dtype)


def _ordered(e: Emitter, x: Tensor, places: Sequence[int]) -> Tensor:
    """Blocks along the first dimension in another order."""
    if list(places) == list(range(len(places))):
        return x
    return e.rows(x, e.ints(places, I32))


def _split(e: Emitter, x: Tensor, dim: int, n: int) -> Tensor:
    """`x` cut in n along a dimension; the number of the piece comes first."""
    opened = e.reshape(x, [*x.shape[:dim], n, x.shape[dim] // n, *x.shape[dim + 1 :]])
    rest = [d for d in range(len(opened.shape)) if d != dim]
    return e.transpose(opened, [dim, *rest])


def _joined(e: Emitter, pieces: Tensor, dim: int) -> Tensor:
    """Pieces, their number first, one behind the other along a dimension."""
    rest = list(range(1, len(pieces.shape)))
    moved = e.transpose(pieces, [*rest[:dim], 0, *rest[dim:]])
    shape = list(pieces.shape[1:])
    shape[dim] *= pieces.shape[0]
    return e.reshape(moved, shape)


def gathered(t: Any, x: Tensor, group: Group, dim: int) -> Tensor:
    """The values of all members, one behind the other along `dim`."""
    e, n = t.e, group.size
    direct = dim == 0 and group.members == group.ranks

    def run(held: Tensor) -> Tensor:
        if not direct:
            held = e.reshape(held, (1, *held.shape))
        shape = (n * held.shape[0], *held.shape[1:])
        made = _hcom(e, "HcomAllGather", [held], shape, held.dtype, group, rank_size=n)
        return made if direct else _ordered(e, made, group.program_order())

    made = _moving(t, "HcomAllGather", "x", x, run)
    return made if direct else _joined(e, made, dim)


@rule("all_gather")
def _all_gather(t: Any, op: Any, *xs: Tensor) -> list[Tensor]:
    group = _own_group(t, op)
    dim = op.attrs["all_gather_dim"]
    return list(xs) if group.size == 1 else [gathered(t, x, group, dim) for x in xs]


@rule("all_to_all")
def _all_to_all(t: Any, op: Any, *xs: Tensor) -> list[Tensor]:
    group = _own_group(t, op)
    split, concat = op.attrs["split_dimension"], op.attrs["concat_dimension"]
    return list(xs) if group.size == 1 else [_exchanged(t, x, group, split, concat) for x in xs]


def _exchanged(t: Any, x: Tensor, group: Group, split: int, concat: int) -> Tensor:
    """Piece k of every member, at member k."""
    e, n = t.e, group.size
    direct = split == concat == 0 and group.members == group.ranks

    def run(held: Tensor) -> Tensor:
        if not direct:
            held = _split(e, held, split, n)
            held = _ordered(e, held, np.argsort(group.program_order()).tolist())
        if e.has("HcomAllToAll"):
            made = _hcom(e, "HcomAllToAll", [held], held.shape, held.dtype, group)
        else:
            each = math.prod(held.shape) // n
            starts = list(range(0, n * each, each))
            flat = _exchange_counted(e, held, [each] * n, starts, [each] * n, group)
            made = e.reshape(flat, held.shape)
        return made if direct else _ordered(e, made, group.program_order())

    made = _moving(t, "HcomAllToAllV", "send_data", x, run)
    return made if direct else _joined(e, made, concat)


def _exchange_counted(
    e: Emitter, x: Tensor, sent: Sequence[int], starts: Sequence[int], received: Sequence[int],
    group: Group,
) -> Tensor:  # fmt: skip
    """To each member so many elements of `x` from a place on; what is received, flat."""
    places = np.cumsum([0, *received])[:-1].tolist()
    counts = [e.ints(listed) for listed in (sent, starts, received, places)]
    flat = e.reshape(x, (math.prod(x.shape),))
    return _hcom(e, "HcomAllToAllV", [flat, *counts], (sum(received),), x.dtype, group)


@rule("collective_permute")
def _collective_permute(t: Any, op: Any, *xs: Tensor) -> list[Tensor]:
    """To one device, from one device; zeros where nothing arrives.

    One `HcomAllToAllV` in which all but one count are 0: unlike sending and receiving it
    cannot end in devices that wait for each other.
    """
    pairs = [(int(s), int(r)) for s, r in np.asarray(op.attrs["source_target_pairs"])]
    rank = t.options.rank
    members = _connected(pairs, rank)
    if len(members) == 1:
        stays = (rank, rank) in pairs
        return [x if stays else _zeros(t, x) for x in xs]
    group = Group(tuple(sorted(members)), t.options.ranks)
    return [_permuted(t, x, pairs, group) for x in xs]


def _connected(pairs: Sequence[tuple[int, int]], rank: int) -> set[int]:
    """Devices that `rank` exchanges values with, directly or through others."""
    found, size = {rank}, 0
    while len(found) != size:
        size = len(found)
        found |= {d for pair in pairs if found & set(pair) for d in pair}
    return found


def _zeros(t: Any, x: Tensor) -> Tensor:
    return t.e.broadcast_to(t.e.like(0, x), x.shape)


def _permuted(t: Any, x: Tensor, pairs: Sequence[tuple[int, int]], group: Group) -> Tensor:
    e, rank, size = t.e, t.options.rank, math.prod(x.shape)
    place = group.ranks.index
    sent, received = [0] * group.size, [0] * group.size
    for source, target in pairs:
        if source == rank:
            sent[place(target)] = size
        if target == rank:
            received[place(source)] = size
    empty = not any(received)
    if empty:  # an element of its own, because no operator may make an empty tensor
        sent[place(rank)] = received[place(rank)] = 1

    def run(held: Tensor) -> Tensor:
        made = _exchange_counted(e, held, sent, [0] * group.size, received, group)
        return made if empty else e.reshape(made, x.shape)

    made = _moving(t, "HcomAllToAllV", "send_data", x, run)
    return _zeros(t, x) if empty else made


@rule("collective_broadcast")
def _collective_broadcast(t: Any, op: Any, *xs: Tensor) -> list[Tensor]:
    """The value of the first member; zeros on devices of no group."""
    group = _group(t, op)
    if group is None or group.size == 1:
        return [_zeros(t, x) if group is None else x for x in xs]
    root = group.ranks.index(group.members[0])

    def run(x: Tensor) -> Tensor:
        return _hcom(t.e, "HcomBroadcast", [[x]], x.shape, x.dtype, group, root_rank=root)

    return [_moving(t, "HcomBroadcast", "x", x, run) for x in xs]


@rule("partition_id", "replica_id")
def _rank(t: Any, op: Any) -> Tensor:
    return t.e.const(np.uint32(t.options.rank))


# -- reductions ----------------------------------------------------------------------------


@rule("all_reduce")
def _all_reduce(t: Any, op: Any, *xs: Tensor) -> list[Tensor]:
    group, block = _own_group(t, op), op.regions[0]
    if group.size == 1:
        return list(xs)
    return [_reduced(t, block, x, _AllReduce(t, group)) for x in xs]


@rule("reduce_scatter")
def _reduce_scatter(t: Any, op: Any, x: Tensor) -> Tensor:
    group, block = _own_group(t, op), op.regions[0]
    if group.size == 1:
        return x
    return _reduced(t, block, x, _ReduceScatter(t, group, op.attrs["scatter_dimension"]))


class _AllReduce:
    """The reduction of all members' values, on each of them."""

    op = "HcomAllReduce"

    def __init__(self, t: Any, group: Group) -> None:
        self.t, self.group = t, group

    def run(self, x: Tensor, reduction: str) -> Tensor:
        """By the operator."""
        return _hcom(self.t.e, self.op, [x], x.shape, x.dtype, self.group, reduction=reduction,
                     fusion=0)  # fmt: skip

    def by_hand(self, x: Tensor, kind: str | None, block: Any) -> Tensor:
        """By bringing all values together first."""
        each = self.t.e.reshape(x, (1, *x.shape))
        return _combined(self.t, gathered(self.t, each, self.group, 0), kind, block)


class _ReduceScatter:
    """Of the reduction of all members' values, the piece along a dimension that is one's own."""

    op = "HcomReduceScatter"

    def __init__(self, t: Any, group: Group, dim: int) -> None:
        self.t, self.group, self.dim = t, group, dim

    def run(self, x: Tensor, reduction: str) -> Tensor:
        """By the operator."""
        e, group, n = self.t.e, self.group, self.group.size
        direct = self.dim == 0 and group.members == group.ranks
        if not direct:
            x = _ordered(e, _split(e, x, self.dim, n), np.argsort(group.program_order()).tolist())
        made = _hcom(e, self.op, [x], (x.shape[0] // n, *x.shape[1:]), x.dtype, group,
                     reduction=reduction, rank_size=n)  # fmt: skip
        return made if direct else e.reshape(made, made.shape[1:])

    def by_hand(self, x: Tensor, kind: str | None, block: Any) -> Tensor:
        """By exchanging pieces first."""
        n = self.group.size
        pieces = _split(self.t.e, x, self.dim, n)
        return _combined(self.t, _exchanged(self.t, pieces, self.group, 0, 0), kind, block)


def _combined(t: Any, x: Tensor, kind: str | None, block: Any) -> Tensor:
    """Values along the first dimension combined by a kind of reduction, or by any body."""
    return reduced(t, kind or "other", x, [0], block)


def _reduced(t: Any, block: Any, x: Tensor, how: Any) -> Tensor:
    """A reduction between devices with StableHLO's meaning for every dtype."""
    e, dtype, kind = t.e, x.dtype, binary_kind(block)
    if dtype == BOOL and kind in _OF_BOOL:
        return e.back(how.run(e.cast(x, I8), _OF_BOOL[kind]), BOOL)
    if kind not in _REDUCTION:
        return how.by_hand(x, kind, block)
    if dtype.kind == "c" and kind == "add":
        return e.complex(*(_reduced(t, block, part, how) for part in e.parts(x)))
    if kind in ("maximum", "minimum"):
        return _extreme(t, x, kind, how)
    return _arithmetic(t, x, kind, block, how)


def _arithmetic(t: Any, x: Tensor, kind: str, block: Any, how: Any) -> Tensor:
    e, dtype = t.e, x.dtype
    if accepts(how.op, "x", dtype):
        return how.run(x, _REDUCTION[kind])
    if dtype.kind == "u" and dtype.itemsize >= 4:  # the same bits as signed ones
        return e.bitcast(how.run(e.bitcast(x, signed_twin(dtype)), _REDUCTION[kind]), dtype)
    if dtype.kind in "iu":
        return a.to_integer(e, how.run(e.cast(x, I32), _REDUCTION[kind]), dtype)
    if dtype.itemsize == 2:
        return e.cast(how.run(e.cast(x, F32), _REDUCTION[kind]), dtype)
    return how.by_hand(x, kind, block)


def _extreme(t: Any, x: Tensor, kind: str, how: Any) -> Tensor:
    """Largest or smallest; where NaN may occur its places are reduced as well."""
    e, dtype, reduction = t.e, x.dtype, _REDUCTION[kind]
    if dtype.kind == "u":
        key = how.run(a.sort_key(e, x, False), reduction)
        return e.bitcast(a.sort_key(e, e.bitcast(key, dtype), False), dtype)
    wide = carrier(how.op, "x", dtype)
    if wide is None:
        return how.by_hand(x, kind, None)
    made = e.cast(how.run(e.cast(x, wide), reduction), dtype)
    if not e.may_be_nan(x):
        return made
    flags = how.run(e.cast(e.is_nan(x), I8), "max")
    return e.select(e.back(flags, BOOL), e.like(np.nan, x), made)
