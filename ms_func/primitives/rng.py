"""The backend's own generator of random bits, fast on accelerators.

What it draws depends on the backend and its version. A state draws the same numbers whether
it stands alone or in an array of states, which are used one after another.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import canonicalize_dtype, is_inexact
from ms_func.errors import ArgumentTypeError, ArgumentValueError, ShapeError
from ms_func.ir.effects import EFFECTS
from ms_func.ir.primitive import ZERO, Cost, NotSupported, Primitive, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering.context import int_array, parsed
from ms_func.primitives.basis import int_tuple, letters
from ms_func.primitives.batching import to_front
from ms_func.primitives.sharding import constrained

_UINT32, _UINT64 = np.dtype(np.uint32), np.dtype(np.uint64)
_INDEX, _BOOL = ArrayType((), np.int32), ArrayType((), np.bool_)


class RandomAlgorithm(enum.IntEnum):
    """Which generator: the backend's choice, Threefry, or Philox.

    Example:
        >>> state = np.array([0, 1], np.uint64)
        >>> _, bits = lax.rng_bit_generator(state, (2,), algorithm=lax.RandomAlgorithm.RNG_PHILOX)
        >>> bits.shape, bits.dtype
        ((2,), dtype('uint32'))
    """

    RNG_DEFAULT = 0
    RNG_THREE_FRY = 1
    RNG_PHILOX = 2


_NAMES = {0: "DEFAULT", 1: "THREE_FRY", 2: "PHILOX"}


def _abstract(
    key: ArrayType, *, shape: tuple[int, ...], dtype: np.dtype, algorithm: int
) -> list[ArrayType]:
    sizes = {_UINT32: 4, _UINT64: 2}
    if key.dtype not in sizes or key.shape[-1:] != (sizes[key.dtype],):
        raise ShapeError(
            f"rng_bit_generator takes a state of 4 uint32 or 2 uint64, in the last dimension, "
            f"got {key}"
        )
    return [key, ArrayType((*key.shape[:-1], *shape), dtype)]


def _lower(b: Any, eqn: Any, key: Any) -> list[Any]:
    state, out = (v.type for v in eqn.outputs)
    lead = state.shape[:-1]
    count = math.prod(lead)
    flat = ArrayType((count, *state.shape[-1:]), state.dtype)
    drawn = ArrayType((count, *out.shape[len(lead) :]), out.dtype)
    if not lead:
        return _one(b, eqn, key)
    found = _each(b, eqn, b.reshape(key, flat), flat, drawn)
    return [b.reshape(x, t) for x, t in zip(found, (state, out), strict=True)]


def _one(b: Any, eqn: Any, key: Any) -> list[Any]:
    """State and bits of a single state."""
    kind = ArrayType(eqn.inputs[0].type.shape[-1:], eqn.inputs[0].type.dtype)
    p = eqn.params
    narrow = p["dtype"].itemsize < 4
    wide = ArrayType((2,), _UINT64)
    if kind.dtype == _UINT32:
        pairs = b.reshape(key, ArrayType((2, 2), _UINT32))
        key = b.op("stablehlo.bitcast_convert", [wide], [pairs])
    out = ArrayType(p["shape"], _UINT32 if narrow else p["dtype"])
    attributes = {"rng_algorithm": parsed(f"#stablehlo<rng_algorithm {_NAMES[p['algorithm']]}>")}
    key, bits = b.op("stablehlo.rng_bit_generator", [wide, out], [key], attributes)
    if kind.dtype == _UINT32:
        pairs = b.op("stablehlo.bitcast_convert", [ArrayType((2, 2), _UINT32)], [key])
        key = b.reshape(pairs, kind)
    return [key, b.convert(bits, ArrayType(p["shape"], p["dtype"])) if narrow else bits]


def _each(b: Any, eqn: Any, keys: Any, flat: ArrayType, drawn: ArrayType) -> list[Any]:
    """A loop over states, which writes new states and bits into place."""
    types = [_INDEX, flat, drawn]
    start = [b.constant(0, _INDEX), keys, b.constant(0, drawn)]
    made = b.operation("stablehlo.while", types, start, regions=2)

    def test(inner: Any, i: Any, *_: Any) -> list[Any]:
        less = {"comparison_direction": parsed("#stablehlo<comparison_direction LT>")}
        stop = inner.constant(flat.shape[0], _INDEX)
        return [inner.op("stablehlo.compare", [_BOOL], [i, stop], less)]

    def body(inner: Any, i: Any, states: Any, bits: Any) -> list[Any]:
        zero = inner.constant(0, _INDEX)
        row = ArrayType((1, *flat.shape[1:]), flat.dtype)
        taken = inner.op(
            "stablehlo.dynamic_slice", [row], [states, i, zero],
            {"slice_sizes": int_array(row.shape)},
        )  # fmt: skip
        found = _one(inner, eqn, inner.reshape(taken, ArrayType(row.shape[1:], row.dtype)))
        written = []
        for x, whole, t in zip(found, (states, bits), (flat, drawn), strict=True):
            piece = inner.reshape(x, ArrayType((1, *t.shape[1:]), t.dtype))
            at = [i, *[zero] * (t.ndim - 1)]
            written.append(inner.op("stablehlo.dynamic_update_slice", [t], [whole, piece, *at]))
        return [inner.op("stablehlo.add", [_INDEX], [i, inner.constant(1, _INDEX)]), *written]

    b.region(made, 0, types, test)
    b.region(made, 1, types, body)
    return list(made.results)[1:]


def _batch(size: int, args: Sequence[Any], dims: Sequence[Any], **params: Any) -> Any:
    key = to_front(args[0], dims[0], size)
    return rng_bit_generator_p.bind(key, **params), [0, 0]


def _shard(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> str:
    lead = ins[0].ndim - 1
    names = letters(lead)
    whole = ["."] * (outs[1].ndim - lead)
    state = " ".join([*names, "."])
    return f"{state} -> {state}, {' '.join([*names, *whole])}".strip()


def _cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
    moved = sum(t.nbytes for t in (*ins, *outs))
    return Cost(50.0 * outs[1].size, 0.0, float(moved))


rng_bit_generator_p = register(
    Primitive(
        "rng_bit_generator",
        abstract=_abstract,
        ref=NotSupported("what a backend's own generator draws has no form in NumPy"),
        lower=_lower,
        jvp=ZERO,
        transpose=NotSupported("random bits are not linear in the state"),
        batch=_batch,
        shard=_shard,
        cost=_cost,
        multiple_results=True,
    )
)


def rng_bit_generator(
    key: Any, shape: Sequence[int], dtype: Any = np.uint32,
    algorithm: RandomAlgorithm = RandomAlgorithm.RNG_DEFAULT, *, out_sharding: Any = None,
) -> tuple[Any, Any]:  # fmt: skip
    """The next state and uniform bits of the backend's own generator.

    Args:
        key: state, 4 uint32 or 2 uint64.
        shape: of the bits.
        dtype: unsigned integer dtype of 8 to 64 bits.
        algorithm: which generator; the default is the backend's choice.
        out_sharding: layout of the bits over devices.

    Raises:
        TypeError: the state has another dtype or shape, or `dtype` is no unsigned integer.
    """
    kind = canonicalize_dtype(dtype)
    if kind.kind != "u":
        raise ArgumentTypeError(
            f"rng_bit_generator: unsupported dtype {kind.name}\nfix: draw unsigned integers"
        )
    if typeof(key).ndim != 1:
        raise ArgumentTypeError(f"rng_bit_generator takes one state, got {typeof(key)}")
    state, bits = rng_bit_generator_p.bind(
        key, shape=int_tuple(shape, "shape"), dtype=kind, algorithm=int(algorithm)
    )
    return state, bits if out_sharding is None else constrained(bits, out_sharding)


# --- numbers from the backend's hidden state --------------------------------------------------


def _uniform_abstract(a: ArrayType, b: ArrayType, *, shape: tuple[int, ...]) -> ArrayType:
    if a.dtype != b.dtype:
        raise ArgumentValueError(
            "Arguments to rng_uniform must have identical dtypes, got "
            f"{a.face.name} and {b.face.name}"
        )
    if a.shape or b.shape:
        raise ArgumentValueError(
            f"Arguments to rng_uniform must be scalars; got shapes {a.shape} and {b.shape}"
        )
    if a.dtype.kind not in "iu" and (a.dtype.kind == "c" or not is_inexact(a.dtype)):
        raise ArgumentTypeError(f"rng_uniform draws integers and floats, not {a.dtype.name}")
    return ArrayType(shape, a.dtype, a.weak_type and b.weak_type)


def _uniform_lower(b: Any, eqn: Any, low: Any, high: Any) -> Any:
    out = eqn.outputs[0].type
    sizes = b.constant(np.asarray(out.shape, np.int64), ArrayType((out.ndim,), np.int64))
    kind = {"rng_distribution": parsed("#stablehlo<rng_distribution UNIFORM>")}
    return b.op("stablehlo.rng", [out], [low, high, sizes], kind)


rng_uniform_p = register(
    Primitive(
        "rng_uniform",
        abstract=_uniform_abstract,
        ref=NotSupported("what a backend's own generator draws has no form in NumPy"),
        lower=_uniform_lower,
        jvp=NotSupported("the draws have no derivative by their bounds; use random.uniform"),
        transpose=NotSupported("the draws are not linear in their bounds"),
        batch=NotSupported("each lane would need draws of its own; use random.uniform with keys"),
        shard=lambda ins, outs, **params: f", -> {' '.join(['.'] * outs[0].ndim)}".strip(),
        cost=lambda ins, outs, **params: Cost(50.0 * outs[0].size, 0.0, float(outs[0].nbytes)),
        effects=lambda **params: frozenset({EFFECTS["draw"]}),
    )
)


def rng_uniform(a: Any, b: Any, shape: Sequence[int]) -> Any:
    """Uniform numbers in `[a, b)` from a generator that the backend keeps and moves on itself.

    No key says what is drawn: each call, and each run of a program, draws other numbers, and
    nothing makes them come again. `random.uniform` is the function for almost every purpose.

    Args:
        a: lower bound, a scalar.
        b: upper bound, a scalar of the same dtype, above `a`.
        shape: of the result.

    Raises:
        ValueError: the bounds are not scalars of one dtype.
        NotImplementedError: under `vmap` over a bound, or when differentiated by one.

    Example:
        >>> rng_uniform(0.0, 1.0, (3,)).shape
        (3,)
    """
    return rng_uniform_p.bind(a, b, shape=int_tuple(shape, "shape"))
