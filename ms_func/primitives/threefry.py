"""Random bits from counters: the Threefry-2x32 block cipher with 20 rounds.

Every result is a pure function of a key and of the index of the element, so that the numbers
do not depend on how an array is split over devices. A key is a uint32 pair in the last
dimension. All rounds are written out instead of a loop over memory.

Reference:
    Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.errors import ArgumentTypeError, ShapeError
from ms_func.ir.primitive import ZERO, Cost, NotSupported, Primitive, register
from ms_func.ir.types import ArrayType
from ms_func.lowering.context import int_array, integer
from ms_func.primitives.basis import int_tuple, letters
from ms_func.primitives.batching import to_front

_UINT32 = np.dtype(np.uint32)
_UINT64 = np.dtype(np.uint64)
WIDTHS = {w: np.dtype(f"u{w // 8}") for w in (8, 16, 32, 64)}

PARITY = 0x1BD11BDA
"""Mixed into the third word of the key schedule (Skein's constant for 32 bits)."""
ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
"""Rotation distances of rounds 0 to 3 and 4 to 7, then again from the start."""
_FEW = 1024
"""Elements up to which a call of the cipher ran faster than copies of it in each fusion."""


def rounds(ops: Any, key: tuple[Any, Any], x: tuple[Any, Any]) -> tuple[Any, Any]:
    """The cipher in terms of `add`, `xor`, `rotate` and `constant` of `ops`."""
    schedule = (*key, ops.xor(ops.xor(*key), ops.constant(PARITY)))
    a, b = ops.add(x[0], schedule[0]), ops.add(x[1], schedule[1])
    for group in range(5):
        for distance in ROTATIONS[group % 2]:
            a = ops.add(a, b)
            b = ops.xor(ops.rotate(b, distance), a)
        a = ops.add(a, schedule[(group + 1) % 3])
        b = ops.add(ops.add(b, schedule[(group + 2) % 3]), ops.constant(group + 1))
    return a, b


class _Numpy:
    """The cipher's operations on NumPy arrays."""

    add = staticmethod(np.add)
    xor = staticmethod(np.bitwise_xor)
    constant = staticmethod(np.uint32)

    @staticmethod
    def rotate(x: Any, distance: int) -> Any:
        return (x << np.uint32(distance)) | (x >> np.uint32(32 - distance))


class _StableHlo:
    """The cipher's operations on values of one shape."""

    def __init__(self, b: Any, shape: tuple[int, ...]) -> None:
        self.b = b
        self.type = ArrayType(shape, _UINT32)

    def add(self, x: Any, y: Any) -> Any:
        return self.b.op("stablehlo.add", [self.type], [x, y])

    def xor(self, x: Any, y: Any) -> Any:
        return self.b.op("stablehlo.xor", [self.type], [x, y])

    def constant(self, value: int) -> Any:
        return self.b.constant(np.uint32(value), self.type)

    def rotate(self, x: Any, distance: int) -> Any:
        left = self.b.op("stablehlo.shift_left", [self.type], [x, self.constant(distance)])
        back = self.constant(32 - distance)
        right = self.b.op("stablehlo.shift_right_logical", [self.type], [x, back])
        return self.b.op("stablehlo.or", [self.type], [left, right])


def _cipher(
    b: Any, shape: tuple[int, ...], key: tuple[Any, Any], x: tuple[Any, Any]
) -> tuple[Any, Any]:
    """The rounds on values of one shape: for few elements a function that other code calls."""

    def body(b: Any, *words: Any) -> tuple[Any, Any]:
        return rounds(_StableHlo(b, shape), (words[0], words[1]), (words[2], words[3]))

    if math.prod(shape) > _FEW:  # here it pays off to fuse the rounds with what follows
        return body(b, *key, *x)
    word = ArrayType(shape, _UINT32)
    high, low = b.apart("threefry", [word] * 4, [word] * 2, body, [*key, *x])
    return high, low


def threefry(key: tuple[Any, Any], x: tuple[Any, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Threefry-2x32 of NumPy arrays of uint32, which broadcast."""
    with np.errstate(over="ignore"):
        words = [np.asarray(v, _UINT32) for v in (*key, *x)]
        return rounds(_Numpy, (words[0], words[1]), (words[2], words[3]))


# --- keys and counters in the forms that the primitives share ------------------------------


def _check_key(name: str, key: ArrayType) -> tuple[int, ...]:
    """Shape of an array of keys."""
    if key.dtype != _UINT32 or not key.shape or key.shape[-1] != 2:
        raise ShapeError(
            f"{name} takes keys of dtype uint32 with a last dimension of size 2, got {key}\n"
            "fix: make a key with random.key(seed) or random.split"
        )
    return key.shape[:-1]


def _key_words(b: Any, key: Any, type: ArrayType, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Both words of every key, repeated over the dimensions of `shape` behind its own."""
    lead = type.shape[:-1]
    words = []
    for k in range(2):
        attributes = {
            "start_indices": int_array((0,) * len(lead) + (k,)),
            "limit_indices": int_array((*lead, k + 1)),
            "strides": int_array((1,) * type.ndim),
        }
        piece = b.op("stablehlo.slice", [ArrayType((*lead, 1), _UINT32)], [key], attributes)
        word = b.reshape(piece, ArrayType(lead, _UINT32))
        words.append(b.broadcast(word, ArrayType(shape, _UINT32), tuple(range(len(lead)))))
    return words[0], words[1]


def _counters(b: Any, shape: tuple[int, ...], skip: int) -> tuple[Any, Any]:
    """High and low word of the row-major index over the dimensions from `skip` on."""
    size = math.prod(shape[skip:])
    kind = _UINT64 if size > 2**32 else _UINT32
    type = ArrayType(shape, kind)
    total = b.constant(0, type)
    for d in range(skip, len(shape)):
        stride = math.prod(shape[d + 1 :])
        step = b.op("stablehlo.iota", [type], [], {"iota_dimension": integer(d)})
        if stride != 1:
            step = b.op("stablehlo.multiply", [type], [step, b.constant(stride, type)])
        total = step if d == skip else b.op("stablehlo.add", [type], [total, step])
    narrow = ArrayType(shape, _UINT32)
    if kind == _UINT32:
        return b.constant(0, narrow), total
    high = b.op("stablehlo.shift_right_logical", [type], [total, b.constant(32, type)])
    return b.convert(high, narrow), b.convert(total, narrow)


def _numpy_counters(shape: tuple[int, ...], lead: int) -> tuple[np.ndarray, np.ndarray]:
    index = np.arange(math.prod(shape), dtype=_UINT64).reshape((1,) * lead + shape)
    return (index >> np.uint64(32)).astype(_UINT32), index.astype(_UINT32)


def _numpy_key(key: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    words = key.reshape(key.shape[:-1] + (1,) * rank + (2,))
    return words[..., 0], words[..., 1]


def _batch(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    """All lanes at once: keys may have leading dimensions, and results have them too."""

    def batch(size: int, args: Sequence[Any], dims: Sequence[Any], **params: Any) -> Any:
        lanes = [to_front(x, d, size) for x, d in zip(args, dims, strict=True)]
        return primitive().bind(*lanes, **params), 0

    return batch


def _cipher_cost(blocks: Callable[..., float]) -> Callable[..., Cost]:
    def cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
        moved = sum(t.nbytes for t in (*ins, *outs))
        return Cost(100.0 * blocks(outs[0]), 0.0, float(moved))  # 5 operations a round

    return cost


# --- threefry_bits ---------------------------------------------------------------------------


def _bits_abstract(key: ArrayType, *, shape: tuple[int, ...], width: int) -> ArrayType:
    return ArrayType((*_check_key("threefry_bits", key), *shape), WIDTHS[width])


def _bits_ref(key: np.ndarray, *, shape: tuple[int, ...], width: int) -> np.ndarray:
    lead = key.ndim - 1
    high, low = threefry(_numpy_key(key, len(shape)), _numpy_counters(shape, lead))
    if width == 64:
        return high.astype(_UINT64) << np.uint64(32) | low
    return np.asarray(high ^ low).astype(WIDTHS[width])


def _bits_lower(b: Any, eqn: Any, key: Any) -> Any:
    out, width = eqn.outputs[0].type, eqn.params["width"]
    kind = eqn.inputs[0].type
    words = _key_words(b, key, kind, out.shape)
    ops = _StableHlo(b, out.shape)
    high, low = _cipher(b, out.shape, words, _counters(b, out.shape, kind.ndim - 1))
    if width == 32:
        return ops.xor(high, low)
    if width < 32:
        return b.convert(ops.xor(high, low), out)
    shifted = b.op("stablehlo.shift_left", [out], [b.convert(high, out), b.constant(32, out)])
    return b.op("stablehlo.or", [out], [shifted, b.convert(low, out)])


def _bits_shard(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> str:
    names = letters(outs[0].ndim)
    lead = ins[0].ndim - 1
    placed = ", ".join(f"{n}: placed" for n in names[lead:])  # an element needs its global index
    return f"{' '.join([*names[:lead], '.'])} -> {' '.join(names)}" + (
        f"; {placed}" if placed else ""
    )


threefry_bits_p = register(
    Primitive(
        "threefry_bits",
        abstract=_bits_abstract,
        ref=_bits_ref,
        lower=_bits_lower,
        jvp=ZERO,
        transpose=NotSupported("random bits are not linear in the key"),
        batch=_batch(lambda: threefry_bits_p),
        shard=_bits_shard,
        cost=_cipher_cost(lambda out: float(out.size)),
    )
)


def threefry_bits(key: Any, width: int, shape: Sequence[int]) -> Any:
    """Uniform unsigned integers of `width` bits.

    Shapes: `key` is `[..., 2]`; the result is `[..., *shape]`.
    Dtypes: uint8, uint16, uint32 or uint64 by `width`.

    Raises:
        TypeError: `key` is no uint32 pair, or `width` is none of 8, 16, 32, 64.
    """
    if width not in WIDTHS:
        raise ArgumentTypeError(f"requires 8-, 16-, 32- or 64-bit field width, got {width}")
    return threefry_bits_p.bind(key, shape=int_tuple(shape, "shape"), width=width)


# --- threefry_split --------------------------------------------------------------------------


def _split_abstract(key: ArrayType, *, shape: tuple[int, ...]) -> ArrayType:
    return ArrayType((*_check_key("threefry_split", key), *shape, 2), _UINT32)


def _split_ref(key: np.ndarray, *, shape: tuple[int, ...]) -> np.ndarray:
    counters = _numpy_counters(shape, key.ndim - 1)
    return np.stack(threefry(_numpy_key(key, len(shape)), counters), -1)


def _pair(b: Any, words: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """Two words joined along a new last dimension."""
    column = ArrayType((*shape, 1), _UINT32)
    columns = [b.reshape(w, column) for w in words]
    attributes = {"dimension": integer(len(shape))}
    return b.op("stablehlo.concatenate", [ArrayType((*shape, 2), _UINT32)], columns, attributes)


def _split_lower(b: Any, eqn: Any, key: Any) -> Any:
    kind, shape = eqn.inputs[0].type, eqn.outputs[0].type.shape[:-1]
    words = _key_words(b, key, kind, shape)
    return _pair(b, _cipher(b, shape, words, _counters(b, shape, kind.ndim - 1)), shape)


def _split_shard(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> str:
    names = letters(outs[0].ndim - 1)
    lead = ins[0].ndim - 1
    placed = ", ".join(f"{n}: placed" for n in names[lead:])
    row = f"{' '.join([*names[:lead], '.'])} -> {' '.join([*names, '.'])}"
    return row + (f"; {placed}" if placed else "")


threefry_split_p = register(
    Primitive(
        "threefry_split",
        abstract=_split_abstract,
        ref=_split_ref,
        lower=_split_lower,
        jvp=ZERO,
        transpose=NotSupported("keys are not linear in the key they come from"),
        batch=_batch(lambda: threefry_split_p),
        shard=_split_shard,
        cost=_cipher_cost(lambda out: out.size / 2),
    )
)


# --- threefry_fold_in --------------------------------------------------------------------------


def _fold_abstract(key: ArrayType, data: ArrayType) -> ArrayType:
    lead = _check_key("threefry_fold_in", key)
    if data.dtype != _UINT32 or data.shape != lead:
        raise ShapeError(
            f"threefry_fold_in takes one uint32 for each of the keys {key}, got {data}"
        )
    return ArrayType(key.shape, _UINT32)


def _fold_lower(b: Any, eqn: Any, key: Any, data: Any) -> Any:
    kind = eqn.inputs[0].type
    shape = kind.shape[:-1]
    words = _key_words(b, key, kind, shape)
    zero = b.constant(0, ArrayType(shape, _UINT32))
    return _pair(b, _cipher(b, shape, words, (zero, data)), shape)


def _fold_shard(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> str:
    lead = " ".join(letters(ins[1].ndim))
    keys = f"{lead} .".strip()
    return f"{keys}, {lead} -> {keys}"


threefry_fold_in_p = register(
    Primitive(
        "threefry_fold_in",
        abstract=_fold_abstract,
        ref=lambda key, data: np.stack(threefry((key[..., 0], key[..., 1]), (0 * data, data)), -1),
        lower=_fold_lower,
        jvp=ZERO,
        transpose=NotSupported("keys are not linear in the key they come from"),
        batch=_batch(lambda: threefry_fold_in_p),
        shard=_fold_shard,
        cost=_cipher_cost(lambda out: out.size / 2),
    )
)
