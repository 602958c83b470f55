"""Appends nodes to a graph with what every translation rule needs: constants, casts, shapes.

Two habits keep the graph small. Equal nodes are made once. A tensor may be *compact*: a
scalar, or of length 1 along dimensions that the program has broadcast; elementwise operators
broadcast by themselves, so a broadcast becomes a node only where something else needs it.

The methods have the meaning of the StableHLO operation of their name for every dtype; where
an operator does not take a dtype they go through one that it takes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ms_func.errors import ArgumentValueError
from ms_func_ascend.graph import Graph, Node, Tensor
from ms_func_ascend.legalize import carrier, holds, signed_twin
from ms_func_ascend.prototypes import NAME_OF, accepts, attribute_number, available, is_version

BOOL = np.dtype(np.bool_)
I8, I32, I64 = np.dtype(np.int8), np.dtype(np.int32), np.dtype(np.int64)
F32, F64 = np.dtype(np.float32), np.dtype(np.float64)

FOLD_LIMIT = 1 << 16
"""Constants of up to this many bytes are reshaped, cast and cut when the graph is made."""


_FOLDED: dict[str, Any] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Neg": np.negative,
    "Maximum": np.maximum, "Minimum": np.minimum,
    "TruncateDiv": lambda x, y: (x - np.fmod(x, y)) // y, "TruncateMod": np.fmod,
    "Equal": np.equal, "NotEqual": np.not_equal, "Less": np.less, "LessEqual": np.less_equal,
    "Greater": np.greater, "GreaterEqual": np.greater_equal,
    "LogicalAnd": np.logical_and, "LogicalOr": np.logical_or, "LogicalNot": np.logical_not,
    "BitwiseAnd": np.bitwise_and, "BitwiseOr": np.bitwise_or, "BitwiseXor": np.bitwise_xor,
    "SelectV2": np.where,
}  # fmt: skip
"""Operators on integers and booleans that are computed when the graph is made."""


class Unsupported(Exception):
    """An operation has no translation: why, and the nearest rewrite."""

    def __init__(self, reason: str, fix: str = "") -> None:
        super().__init__(reason)
        self.reason, self.fix = reason, fix


@dataclass(frozen=True)
class Options:
    """How programs are translated.

    Attributes:
        nan_exact: NaN goes through max, min, sign, sort and pooling as StableHLO says. The
            device's kernels do not promise it, so extra operators are written; switch it off
            for programs without NaN.
        exact_casts: conversions out of range saturate (from floats) or wrap (from integers)
            as XLA does, through extra operators.
        fusions: what the program spells out and an operator computes - softmax, norms, attention,
            activations, their gradients, pooling, biases - uses that operator.
        target: oldest version of the operator headers the graph must fit.
        rank: number of the device, where the program is one for several; `partition_id` and
            what follows from it are constants of its graph.
        ranks: number of devices; that of the module where it says so.
        large_constant: splat constants of more bytes than this become `Fill`.
    """

    nan_exact: bool = True
    exact_casts: bool = True
    fusions: bool = True
    target: str = "latest"
    rank: int = 0
    ranks: int = 1
    large_constant: int = field(default=1024, repr=False)

    def __post_init__(self) -> None:
        for name in ("nan_exact", "exact_casts", "fusions"):
            if not isinstance(getattr(self, name), bool):
                raise ArgumentValueError(
                    f"the option {name!r} is True or False, not {getattr(self, name)!r}"
                )
        if not is_version(self.target) or not available("Data", self.target):
            raise ArgumentValueError(
                f"target={self.target!r} is no version of the operator headers that graphs can be "
                'written for\nfix: give "latest" or one from "v0.3.0" on'
            )


class Emitter:
    """Builds one graph."""

    def __init__(self, graph: Graph, options: Options) -> None:
        self.graph, self.options = graph, options
        self.stem, self.source = "op", ""
        self._made: dict[Any, Node] = {}

    # -- nodes -------------------------------------------------------------------------

    def node(
        self,
        op: str,
        inputs: Sequence[Any],
        outputs: Sequence[tuple[Sequence[int], np.dtype]],
        layouts: dict[str, str] | None = None,
        graphs: Sequence[Graph] = (),
        **attrs: Any,
    ) -> list[Tensor]:
        """Outputs of a node of operator `op`; an equal node is used again."""
        key = (
            op, _identity(inputs), tuple(sorted((k, _frozen(v)) for k, v in attrs.items())),
            tuple((tuple(s), d) for s, d in outputs), tuple(sorted((layouts or {}).items())),
        )  # fmt: skip
        found = None if graphs else self._made.get(key)
        if found is None:
            found = self._made[key] = self.graph.add(
                op, inputs, outputs, attrs, graphs=graphs, layouts=layouts, source=self.source,
                name=self.stem,
            )  # fmt: skip
        return found.outputs

    def one(
        self, op: str, inputs: Sequence[Any], shape: Sequence[int], dtype: np.dtype, /, **attrs: Any
    ) -> Tensor:
        """The only output of a node; what has no elements needs none."""
        if 0 in shape and op not in ("Identity", "Complex"):
            return self.const(np.zeros(shape, dtype))
        return self.node(op, inputs, [(shape, dtype)], **attrs)[0]

    def elementwise(self, op: str, *xs: Tensor, dtype: np.dtype | None = None) -> Tensor:
        """Node of an operator that broadcasts its operands; `dtype` of the result if another."""
        shape = np.broadcast_shapes(*[x.shape for x in xs])
        folded = self._folded(op, xs)
        return self.one(op, xs, shape, dtype or xs[0].dtype) if folded is None else folded

    def _folded(self, op: str, xs: Sequence[Tensor]) -> Tensor | None:
        """The result on small constants, of floats where it is exact: numbers of devices, signs."""
        if op not in _FOLDED or (op != "Neg" and any(x.dtype.kind not in "iub" for x in xs)):
            return None
        values = [self._foldable(x) for x in xs]
        if any(v is None for v in values):
            return None
        if math.prod(np.broadcast_shapes(*[x.shape for x in xs])) * 8 > FOLD_LIMIT:
            return None
        with np.errstate(all="ignore"):
            return self.const(_FOLDED[op](*values))

    def computed(self, x: Tensor) -> np.ndarray | None:
        """Elements of `x` where they follow from constants, large ones as well."""
        if x.value is not None:
            return x.value
        inputs = [t for t in x.node.inputs if t is not None]
        if x.node.op == "Reshape":
            value = self.computed(inputs[0])
            return None if value is None else value.reshape(x.shape)
        if x.node.op not in _FOLDED or any(t.dtype.kind not in "iub" for t in inputs):
            return None
        values = [self.computed(t) for t in inputs]
        return None if any(v is None for v in values) else _FOLDED[x.node.op](*values)

    def has(self, op: str) -> bool:
        """Whether operator `op` is old enough for the target."""
        return available(op, self.options.target)

    # -- constants ---------------------------------------------------------------------

    def const(self, value: Any, dtype: np.dtype | None = None) -> Tensor:
        """Constant tensor with the elements of `value`."""
        array = np.asarray(value, dtype)
        if array.dtype.kind == "c":
            part = np.dtype(f"f{array.dtype.itemsize // 2}")
            real, imag = self.const(np.real(array), part), self.const(np.imag(array), part)
            return self.complex(real, imag)
        if array.dtype not in NAME_OF:
            raise Unsupported(f"Ascend has no dtype {array.dtype.name}", "cast to bfloat16 or int8")
        key = ("Const", array.dtype, array.shape, array.tobytes())
        found = self._made.get(key)
        if found is None:
            made = self.graph.constant(np.ascontiguousarray(array).reshape(array.shape))
            found = self._made[key] = made.node
        return found.outputs[0]

    def ints(self, values: Sequence[int], dtype: np.dtype = I64) -> Tensor:
        """Constant vector of integers: shapes, axes, permutations."""
        return self.const(np.asarray(list(values), dtype))

    def like(self, value: Any, x: Tensor) -> Tensor:
        """Constant scalar of the dtype of `x`."""
        return self.const(np.asarray(value).astype(x.dtype))

    def _foldable(self, x: Tensor) -> np.ndarray | None:
        value = x.value
        return value if value is not None and value.nbytes <= FOLD_LIMIT else None

    # -- dtypes ------------------------------------------------------------------------

    def cast(self, x: Tensor, dtype: np.dtype) -> Tensor:
        """`x` in another dtype that holds all its values (or rounds, between floats)."""
        if x.dtype == dtype:
            return x
        source = x.node.inputs[0] if x.node.op == "Cast" else None
        if source is not None and source.dtype == dtype and holds(x.dtype, dtype):
            return source
        value = self._foldable(x)
        if value is not None and dtype.kind != "c":
            with np.errstate(all="ignore"):
                return self.const(value.astype(dtype))
        if dtype.kind == "c" and x.dtype.kind != "c":
            real = self.cast(x, np.dtype(f"f{dtype.itemsize // 2}"))
            return self.complex(real, self.like(0, real))
        return self.one("Cast", [x], x.shape, dtype, dst_type=_number(dtype))

    def bitcast(self, x: Tensor, dtype: np.dtype) -> Tensor:
        """The bits of `x` as another dtype of the same width."""
        if x.dtype == dtype:
            return x
        value = self._foldable(x)
        if value is not None:
            return self.const(value.view(dtype))
        source = self.bits_of(x)
        if source is not None:
            return self.bitcast(source, dtype)
        return self.one("Bitcast", [x], x.shape, dtype, type=dtype)

    def bits_of(self, x: Tensor) -> Tensor | None:
        """The tensor of another dtype that `x` has the bits of."""
        return x.node.inputs[0] if x.node.op == "Bitcast" else None

    def complex(self, real: Tensor, imag: Tensor) -> Tensor:
        """Complex tensor from its parts."""
        shape = np.broadcast_shapes(real.shape, imag.shape)
        real, imag = self.broadcast_to(real, shape), self.broadcast_to(imag, shape)
        if real.dtype == F32:
            return self.one("Complex", [real, imag], shape, np.dtype(np.complex64))
        dtype = np.dtype(np.complex128)
        return self.one("Complex", [real, imag], shape, dtype, Tout=_number(dtype))

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Real and imaginary part of a complex tensor."""
        part = np.dtype(f"f{x.dtype.itemsize // 2}")
        real_type = {} if part == F32 else {"Tout": _number(part)}
        imag_type = {} if part == F32 else {"Tout": part}
        return (
            self.one("Real", [x], x.shape, part, **real_type),
            self.one("Imag", [x], x.shape, part, **imag_type),
        )

    def moved(self, op: str, port: str, x: Tensor) -> tuple[Tensor, np.dtype]:
        """`x` in a dtype that the data movement operator `op` takes, and the dtype it had."""
        dtype = x.dtype
        if accepts(op, port, dtype):
            return x, dtype
        if dtype == BOOL:
            return self.cast(x, I8), dtype
        twin = signed_twin(dtype)
        if dtype.kind == "u" and accepts(op, port, twin):
            return self.bitcast(x, twin), dtype
        if dtype == F64 and accepts(op, port, I64):
            return self.bitcast(x, I64), dtype
        wide = carrier(op, port, dtype)
        if wide is None:
            raise Unsupported(f"{op} does not take {dtype.name}", "use float32 or int32")
        return self.cast(x, wide), dtype

    def back(self, x: Tensor, dtype: np.dtype) -> Tensor:
        """Undo `moved`."""
        if x.dtype == dtype:
            return x
        if dtype == BOOL:
            return self.elementwise("NotEqual", x, self.like(0, x), dtype=BOOL)
        same_width = x.dtype.itemsize == dtype.itemsize
        if same_width and (dtype.kind == "u" or x.dtype.kind in "iu") and dtype.kind != "V":
            return self.bitcast(x, dtype)
        return self.cast(x, dtype)

    # -- shapes ------------------------------------------------------------------------

    def reshape(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """`x` with another shape of as many elements."""
        shape = tuple(shape)
        if x.shape == shape:
            return x
        value = self._foldable(x)
        if value is not None:
            return self.const(value.reshape(shape))
        if x.node.op == "Reshape":
            return self.reshape(x.node.inputs[0], shape)  # type: ignore[arg-type]
        source = x.node.inputs[0] if x.node.op == "Cast" else None
        if source is not None and source.node.op == "Reshape":  # there and back, or two in one
            return self.cast(self.reshape(source, shape), x.dtype)
        return self.one("Reshape", [x, self.ints(shape)], shape, x.dtype)

    def broadcast_to(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """`x` repeated to the whole of `shape`."""
        shape = tuple(shape)
        if x.shape == shape:
            return x
        if math.prod(x.shape) == math.prod(shape):
            return self.reshape(x, shape)
        value = self._foldable(x)
        size = math.prod(shape) * x.dtype.itemsize
        if value is not None and size <= self.options.large_constant:
            return self.const(np.broadcast_to(value, shape))
        if value is not None and value.size == 1:
            return self.one("Fill", [self.ints(shape), self.reshape(x, ())], shape, x.dtype)
        if not x.shape:
            x = self.reshape(x, (1,) * len(shape))
        return self.one("BroadcastTo", [x, self.ints(shape)], shape, x.dtype)

    def transpose(self, x: Tensor, perm: Sequence[int]) -> Tensor:
        """`x` with dimension `perm[k]` in place k."""
        perm = list(perm)
        shape = tuple(x.shape[p] for p in perm)
        if perm == list(range(len(perm))):
            return x
        if [p for p in perm if x.shape[p] != 1] == [p for p in range(len(perm)) if x.shape[p] != 1]:
            return self.reshape(x, shape)
        value = self._foldable(x)
        if value is not None:
            return self.const(np.ascontiguousarray(value.transpose(perm)))
        if x.node.op == "Transpose":
            inner, before = x.node.inputs[0], x.node.permutation()
            if inner is not None and before is not None:
                return self.transpose(inner, [before[p] for p in perm])
        if 1 in x.shape:  # dimensions of 1 are left out: a reshape before may do the same
            long = [d for d, n in enumerate(x.shape) if n != 1]
            core = self.reshape(x, [x.shape[d] for d in long])
            order = [long.index(p) for p in perm if p in long]
            return self.reshape(self.transpose(core, order), shape)
        if len(perm) > MAX_RANK:
            return self._transpose_merged(x, perm)
        moved, dtype = self.moved("Transpose", "x", x)
        made = self.one("Transpose", [moved, self.ints(perm)], shape, moved.dtype)
        return self.back(made, dtype)

    def _transpose_merged(self, x: Tensor, perm: list[int]) -> Tensor:
        """Transpose of high rank: dimensions that stay neighbours are made one.

        Where too many are left, three are brought to the front, then the others.
        """
        runs: list[list[int]] = []
        for p in perm:
            if runs and (runs[-1][-1] + 1 == p):
                runs[-1].append(p)
            else:
                runs.append([p])
        if len(runs) > MAX_RANK:
            count = 3 + (len(runs[0]) if perm[0] == 0 else 0)
            front = [*perm[:count], *sorted(perm[count:])]
            return self.transpose(self.transpose(x, front), [front.index(p) for p in perm])
        order = sorted(range(len(runs)), key=lambda k: runs[k][0])
        merged = self.reshape(x, [math.prod(x.shape[d] for d in runs[k]) for k in order])
        made = self.transpose(merged, [order.index(k) for k in range(len(runs))])
        return self.reshape(made, [x.shape[p] for p in perm])

    def slice(
        self,
        x: Tensor,
        starts: Sequence[int],
        limits: Sequence[int],
        strides: Sequence[int] | None = None,
    ) -> Tensor:
        """Elements from `starts` below `limits` in steps of `strides`."""
        strides = [1] * len(x.shape) if strides is None else list(strides)
        starts, limits = list(starts), list(limits)
        shape = [max(0, -(-(b - a) // s)) for a, b, s in zip(starts, limits, strides, strict=True)]
        if tuple(shape) == x.shape:
            return x
        value = self._foldable(x)
        if value is not None:
            cut = tuple(map(slice, starts, limits, strides))
            return self.const(np.ascontiguousarray(value[cut]).reshape(shape))
        if all(s == 1 for s in strides):
            x, dtype = self.moved("Slice", "x", x)
            made = self.one("Slice", [x, self.ints(starts), self.ints(shape)], shape, x.dtype)
        else:
            x, dtype = self.moved("StridedSlice", "x", x)
            bounds = [self.ints(v) for v in (starts, limits, strides)]
            made = self.one("StridedSlice", [x, *bounds], shape, x.dtype)
        return self.back(made, dtype)

    def slice_axis(self, x: Tensor, axis: int, start: int, limit: int, stride: int = 1) -> Tensor:
        """A slice along one axis."""
        starts, limits, strides = [0] * len(x.shape), list(x.shape), [1] * len(x.shape)
        starts[axis], limits[axis], strides[axis] = start, limit, stride
        return self.slice(x, starts, limits, strides)

    def pad(self, x: Tensor, value: Tensor, low: Sequence[int], high: Sequence[int],
            interior: Sequence[int] | None = None) -> Tensor:  # fmt: skip
        """`x` with the scalar `value` around and between its elements; negative widths cut."""
        rank = len(x.shape)
        interior = [0] * rank if interior is None else list(interior)
        low, high = list(low), list(high)
        if any(interior):
            x = self._spread(x, value, interior)
            high = [h - i for h, i in zip(high, interior, strict=True)]
        if any(n + min(0, a) + min(0, b) < 0 for n, a, b in zip(x.shape, low, high, strict=True)):
            x = self.pad(x, value, [max(0, v) for v in low], [max(0, v) for v in high])
            low, high = [min(0, v) for v in low], [min(0, v) for v in high]
        if any(v < 0 for v in (*low, *high)):
            x = self.slice(x, [max(0, -v) for v in low],
                           [n + min(0, v) for n, v in zip(x.shape, high, strict=True)])  # fmt: skip
        low, high = [max(0, v) for v in low], [max(0, v) for v in high]
        if not any((*low, *high)):
            return x
        shape = [a + n + b for a, n, b in zip(low, x.shape, high, strict=True)]
        x, dtype = self.moved("PadV2", "x", x)
        value, _ = self.moved("PadV2", "constant_values", value)
        widths = self.const(np.array([low, high], np.int64).T)
        return self.back(self.one("PadV2", [x, widths, value], shape, x.dtype), dtype)

    def _spread(self, x: Tensor, value: Tensor, interior: Sequence[int]) -> Tensor:
        """`interior` padding elements behind every element along each dimension."""
        shape: list[int] = []
        high: list[int] = []
        for n, gap in zip(x.shape, interior, strict=True):
            shape += [n, 1] if gap else [n]
            high += [0, gap] if gap else [0]
        opened = self.pad(self.reshape(x, shape), value, [0] * len(high), high)
        return self.reshape(opened, [n * (g + 1) for n, g in zip(x.shape, interior, strict=True)])

    def concat(self, xs: Sequence[Tensor], axis: int) -> Tensor:
        """Tensors one after the other along `axis`."""
        xs = [x for x in xs if x.shape[axis]] or list(xs[:1])
        if len(xs) == 1:
            return xs[0]
        if len(xs) > 63:
            half = len(xs) // 2
            return self.concat([self.concat(xs[:half], axis), self.concat(xs[half:], axis)], axis)
        values = [self._foldable(x) for x in xs]
        if all(v is not None for v in values):
            return self.const(np.concatenate(values, axis))  # type: ignore[arg-type]
        shape = list(xs[0].shape)
        shape[axis] = sum(x.shape[axis] for x in xs)
        return self.one("ConcatV2", [xs, self.const(np.int64(axis))], shape, xs[0].dtype, N=len(xs))

    def reverse(self, x: Tensor, axes: Sequence[int]) -> Tensor:
        """`x` backwards along `axes`."""
        axes = [a for a in axes if x.shape[a] != 1]
        if not axes:
            return x
        value = self._foldable(x)
        if value is not None:
            return self.const(np.ascontiguousarray(np.flip(value, tuple(axes))))
        x, dtype = self.moved("ReverseV2", "x", x)
        return self.back(self.one("ReverseV2", [x, self.ints(axes)], x.shape, x.dtype), dtype)

    def rows(self, x: Tensor, indices: Tensor, axis: int = 0) -> Tensor:
        """Slices of `x` along `axis` at `indices`, which must be in range."""
        shape = x.shape[:axis] + indices.shape + x.shape[axis + 1 :]
        return self.one("GatherV2", [x, indices, self.const(np.int64(axis))], shape, x.dtype)

    # -- choices -----------------------------------------------------------------------

    def select(self, pred: Tensor, on_true: Tensor, on_false: Tensor) -> Tensor:
        """Elements of `on_true` where `pred` holds, of `on_false` elsewhere."""
        if on_true is on_false:
            return on_true
        if on_true.dtype == BOOL:
            shape = np.broadcast_shapes(pred.shape, on_true.shape, on_false.shape)
            full = [self.broadcast_to(v, shape) for v in (pred, on_true, on_false)]
            return self.one("Select", full, shape, BOOL)
        return self.elementwise("SelectV2", pred, on_true, on_false, dtype=on_true.dtype)

    def is_nan(self, x: Tensor) -> Tensor:
        """Where `x` is NaN."""
        return self.elementwise("IsNan", x, dtype=BOOL)

    def may_be_nan(self, x: Tensor, depth: int = 8) -> bool:
        """Whether NaN can occur in `x`, as far as the graph shows."""
        if x.dtype.kind not in "fV" or not self.options.nan_exact:
            return False
        value = x.value
        if value is not None:
            return bool(np.isnan(value.astype(np.float64)).any())
        node = x.node
        if node.op == "Cast":
            first = node.inputs[0]
            return first is not None and first.dtype.kind in "fV" and self.may_be_nan(first, depth)
        if node.op in ("Reshape", "BroadcastTo", "Transpose", "Slice", "Fill", "Identity"):
            source = node.inputs[1 if node.op == "Fill" else 0]
            return depth == 0 or (source is not None and self.may_be_nan(source, depth - 1))
        return True


MAX_RANK = 8
"""Most kernels of the device handle this many dimensions."""


def _number(dtype: np.dtype) -> int:
    if dtype not in NAME_OF:
        raise Unsupported(f"Ascend has no dtype {dtype.name}", "cast to bfloat16 or int8")
    return attribute_number(dtype)


def _identity(inputs: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(
        tuple(map(id, entry)) if isinstance(entry, (list, tuple)) else id(entry) for entry in inputs
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
