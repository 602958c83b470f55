"""Matrix products over any batch and contracted dimensions."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from ms_func import config
from ms_func.dtypes import bits, canonicalize_dtype, is_inexact, issubdtype, join
from ms_func.errors import ArgumentValueError, ShapeError, SizeError
from ms_func.ir.primitive import MADE, Cost, Multilinear, Primitive, register
from ms_func.ir.text import register_param_type
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering import context as mlir
from ms_func.lowering import kernels
from ms_func.primitives.algorithms import NamedEnum, algorithm_of, by_algorithm
from ms_func.primitives.basis import sum_dtype, transpose_p
from ms_func.primitives.families import is_linear

Axes = tuple[int, ...]
Numbers = tuple[tuple[Axes, Axes], tuple[Axes, Axes]]
"""((contracted of lhs, of rhs), (batch of lhs, of rhs))"""


# --- precision ------------------------------------------------------------------------------


@register_param_type
class Precision(NamedEnum):
    """How exactly a product of floats is computed, where the hardware leaves a choice.

    `DEFAULT` is the fastest, `HIGHEST` computes as the dtype promises. CPUs always do.
    The names that other libraries use are accepted: `Precision("bfloat16")`,
    `Precision("tensorfloat32")`, `Precision("float32")`.

    Example:
        >>> lax.Precision("float32")
        Precision.HIGHEST
        >>> lax.dot(np.array([1.0, 2.0]), np.array([3.0, 4.0]), precision=lax.Precision.HIGHEST)
        Array(11., dtype=float32)
    """

    DEFAULT = 0
    HIGH = 1
    HIGHEST = 2

    @classmethod
    def _missing_(cls, value: object) -> Any:
        return _PRECISIONS.get(value) if value is None or isinstance(value, str) else None


_PRECISIONS: dict[str | None, Precision] = {
    None: Precision.DEFAULT, "default": Precision.DEFAULT, "fastest": Precision.DEFAULT,
    "bfloat16": Precision.DEFAULT,
    "high": Precision.HIGH, "bfloat16_3x": Precision.HIGH, "tensorfloat32": Precision.HIGH,
    "highest": Precision.HIGHEST, "float32": Precision.HIGHEST,
}  # fmt: skip

PrecisionPair = tuple[Precision, Precision] | None


def canonical_precision(precision: Any) -> PrecisionPair:
    """None, or one precision for each operand.

    Args:
        precision: None (the setting `default_matmul_precision`, None unless somebody set it),
            a `Precision`, a name of one, or a pair of these.

    Raises:
        ValueError: it is none of these.
    """
    if precision is None:
        precision = config.default_matmul_precision.value
        if precision is None:
            return None
    pair = tuple(precision) if isinstance(precision, (tuple, list)) else (precision, precision)
    try:
        lhs, rhs = map(Precision, pair)
    except ValueError:
        raise ArgumentValueError(
            "Precision argument must be one of: None, a string in "
            f"{sorted(filter(None, _PRECISIONS))}, a lax.Precision value, a pair of these, or a "
            f"lax.DotAlgorithmPreset; got {precision!r}"
        ) from None
    return lhs, rhs


@cache
def precision_config(precision: PrecisionPair) -> Any:
    """The `precision_config` attribute of a StableHLO product."""
    names = ", ".join(f"#stablehlo<precision {p}>" for p in precision or ("DEFAULT",) * 2)
    return mlir.parsed(f"[{names}]")


# --- types ----------------------------------------------------------------------------------


def _free(ndim: int, *taken: Axes) -> Axes:
    """Dimensions that are neither contracted nor batch."""
    return tuple(i for i in range(ndim) if not any(i in t for t in taken))


def result_dtype(lhs: ArrayType, rhs: ArrayType, preferred: np.dtype | None) -> np.dtype:
    """Dtype of a product: the preferred one, else what the operands promote to."""
    if preferred is not None:
        return preferred
    return lhs.dtype if lhs.dtype == rhs.dtype else join(lhs.dtype, False, rhs.dtype, False)[0]


def check_preferred(name: str, lhs: ArrayType, preferred: np.dtype | None) -> None:
    """Refuse a result dtype of another kind than the operands."""
    if preferred is None:
        return
    if is_inexact(lhs.dtype) and not is_inexact(preferred):
        raise ShapeError(
            f"{name}: Input type is incompatible with `preferred_element_type`, which must keep "
            f"floats floating, got {preferred.name} for {lhs.dtype.name}\n"
            "fix: convert the result with .astype"
        )
    if lhs.dtype.kind == "c" and preferred.kind != "c":
        raise ShapeError(
            f"{name} of complex operands cannot give {preferred.name}\n"
            "fix: take .real of the result"
        )
    if issubdtype(lhs.dtype, np.integer) and (
        preferred.kind == "b" or bits(preferred) < bits(lhs.dtype)
    ):
        raise ShapeError(
            f"{name}: `preferred_element_type` must not be narrower than the original type, got "
            f"preferred_element_type of {preferred.name} for result type of {lhs.dtype.name}\n"
            "fix: convert the result with .astype"
        )


def _abstract(
    lhs: ArrayType, rhs: ArrayType, *, dimension_numbers: Numbers, precision: PrecisionPair,
    preferred_element_type: np.dtype | None,
) -> ArrayType:  # fmt: skip
    (lc, rc), (lb, rb) = dimension_numbers
    _check_axes("lhs", lhs, lc, lb)
    _check_axes("rhs", rhs, rc, rb)
    for what, left, right in (("contracting", lc, rc), ("batch", lb, rb)):
        sizes = tuple(lhs.shape[i] for i in left), tuple(rhs.shape[i] for i in right)
        if sizes[0] != sizes[1]:
            raise ShapeError(
                f"dot_general requires {what} dimensions to have the same shape, got {sizes[0]} "
                f"and {sizes[1]}: dimensions {left} of {lhs} and {right} of {rhs}\n"
                "fix: transpose or reshape one operand, or choose other dimensions"
            )
    check_preferred("dot_general", lhs, preferred_element_type)
    shape = (
        *(lhs.shape[i] for i in lb),
        *(lhs.shape[i] for i in _free(lhs.ndim, lc, lb)),
        *(rhs.shape[i] for i in _free(rhs.ndim, rc, rb)),
    )
    weak = lhs.weak_type and rhs.weak_type and preferred_element_type is None
    return ArrayType(shape, result_dtype(lhs, rhs, preferred_element_type), weak)


def _check_axes(name: str, t: ArrayType, contracted: Axes, batch: Axes) -> None:
    given = f"got {name}_batch of {batch} and {name}_contracting of {contracted} for {name} of {t}"
    both = contracted + batch
    if any(not 0 <= i < t.ndim for i in both):
        why = (
            f"{name} dimension numbers to be nonnegative and less than the number of axes of the "
            f"{name} value"
        )
    elif len(set(contracted)) != len(contracted):
        why = f"{name} contracting dimensions to be distinct"
    elif len(set(batch)) != len(batch):
        why = f"{name} batch dimensions to be distinct"
    elif len(set(both)) != len(both):
        why = f"{name} batch dimensions to be disjoint from contracting dimensions"
    else:
        return
    raise ShapeError(f"dot_general requires {why}, {given}")


# --- meaning --------------------------------------------------------------------------------


def _letters(ndims: tuple[int, int], numbers: Numbers) -> tuple[list[int], list[int], list[int]]:
    """One number for each index of lhs, rhs and result."""
    (lc, rc), (lb, rb) = numbers
    left = list(range(ndims[0]))
    right = list(range(ndims[0], ndims[0] + ndims[1]))
    for i, j in zip(lc + lb, rc + rb, strict=True):
        right[j] = left[i]
    out = [left[i] for i in lb + _free(ndims[0], lc, lb)]
    return left, right, out + [right[j] for j in _free(ndims[1], rc, rb)]


def _ref(
    lhs: np.ndarray, rhs: np.ndarray, *, dimension_numbers: Numbers,
    preferred_element_type: np.dtype | None, **params: Any,
) -> np.ndarray:  # fmt: skip
    types = ArrayType(lhs.shape, lhs.dtype), ArrayType(rhs.shape, rhs.dtype)
    dtype = result_dtype(*types, preferred_element_type)
    left, right, out = _letters((lhs.ndim, rhs.ndim), dimension_numbers)
    lhs, rhs = lhs.astype(sum_dtype(dtype)), rhs.astype(sum_dtype(dtype))
    with np.errstate(all="ignore"):
        return np.asarray(np.einsum(lhs, left, rhs, right, out)).astype(dtype, copy=False)


@cache
def _attributes(numbers: Numbers, precision: PrecisionPair) -> dict[str, Any]:
    (lc, rc), (lb, rb) = numbers
    fields = {"lhs_batching": lb, "rhs_batching": rb, "lhs_contracting": lc, "rhs_contracting": rc}
    text = ", ".join(f"{name}_dimensions = {list(axes)}" for name, axes in fields.items())
    return {
        "dot_dimension_numbers": mlir.parsed(f"#stablehlo.dot<{text}>"),
        "precision_config": precision_config(precision),
    }


def compute_dtype(lhs: ArrayType, rhs: ArrayType, out: ArrayType) -> np.dtype:
    """Dtype that both operands of a product have when it is computed.

    Operands of one dtype stay as they are. Mixed ones meet in their common dtype; two
    different 8-bit floats have none and meet in float32.
    """
    if lhs.dtype == rhs.dtype:
        return lhs.dtype
    try:
        return join(lhs.dtype, False, rhs.dtype, False)[0]
    except TypeError:
        return out.dtype if out.dtype.itemsize > 1 else np.dtype(np.float32)


def _lower(b: Any, eqn: Any, lhs: Any, rhs: Any) -> Any:
    numbers, precision = eqn.params["dimension_numbers"], eqn.params["precision"]
    out, left, right = eqn.outputs[0].type, eqn.inputs[0].type, eqn.inputs[1].type
    meeting = compute_dtype(left, right, out)
    if kernels.kind(b) == "cuda" and _is_doubled(left, right, out, numbers):
        few = _terms(left, numbers) <= 2**10  # of at most 2^14
        meeting = np.dtype(np.float32 if few else np.float64)
        precision = (Precision.HIGHEST, Precision.HIGHEST)
    attributes = _attributes(numbers, precision)
    if left.dtype != meeting:
        lhs = b.convert(lhs, ArrayType(left.shape, meeting))
    if right.dtype != meeting:
        rhs = b.convert(rhs, ArrayType(right.shape, meeting))
    if out.dtype == meeting or out.dtype.itemsize > meeting.itemsize:
        return b.op("stablehlo.dot_general", [out], [lhs, rhs], attributes)
    exact = ArrayType(out.shape, meeting)
    return b.convert(b.op("stablehlo.dot_general", [exact], [lhs, rhs], attributes), out)


def _terms(left: ArrayType, numbers: Numbers) -> int:
    return math.prod(left.shape[d] for d in numbers[0][0])


def _is_doubled(left: ArrayType, right: ArrayType, out: ArrayType, numbers: Numbers) -> bool:
    """Whether XLA gives twice the product on CUDA: of 8-bit integers, in sizes not made of fours.

    Seen with jaxlib 0.11.2. Floats hold the sums exactly.
    """
    if not (left.dtype == right.dtype == np.int8 and out.dtype == np.int32):
        return False
    (lc, rc), (lb, rb) = numbers
    free = [
        math.prod(t.shape[d] for d in range(t.ndim) if d not in taken)
        for t, taken in ((left, lc + lb), (right, rc + rb))
    ]
    return any(n % 4 for n in (_terms(left, numbers), *free))


# --- derivative, batching, splitting ----------------------------------------------------------


def _transpose(
    ct: Any,
    lhs: Any,
    rhs: Any,
    *,
    dimension_numbers: Numbers,
    precision: PrecisionPair,
    **params: Any,
) -> list[Any]:
    if is_linear(lhs):
        return [_cotangent(ct, lhs.type, rhs, dimension_numbers, precision, True), None]
    (lc, rc), (lb, rb) = dimension_numbers
    swapped = (rc, lc), (rb, lb)
    return [None, _cotangent(ct, rhs.type, lhs, swapped, precision, False)]


def _cotangent(
    ct: Any, want: ArrayType, other: Any, numbers: Numbers, precision: PrecisionPair, is_lhs: bool
) -> Any:
    """Cotangent of one operand: the product of `ct` and the other one over the other's free dims.

    Args:
        ct: cotangent of the result.
        want: type of the operand.
        other: the other operand.
        numbers: dimension numbers with those of the wanted operand first.
        precision: of the product, in the order (lhs, rhs).
        is_lhs: whether the wanted operand is the left one.
    """
    types = typeof(ct), typeof(other)
    ct_first, dims, permutation = _plan(want.ndim, types[1].ndim, numbers, is_lhs)
    if precision is not None and ct_first != is_lhs:
        precision = precision[1], precision[0]
    same = types[0].dtype == types[1].dtype == want.dtype
    out = dot_general_p.bind(
        *((ct, other) if ct_first else (other, ct)), dimension_numbers=dims, precision=precision,
        preferred_element_type=None if same else want.dtype,
    )  # fmt: skip
    return out if permutation is None else transpose_p.bind(out, permutation=permutation)


@cache
def _plan(
    ndim: int, other_ndim: int, numbers: Numbers, is_lhs: bool
) -> tuple[bool, Numbers, Axes | None]:
    """Whether `ct` comes first, dimension numbers, and the permutation of the result, if any.

    Of the two orders of factors, the one that gives the dimensions as wanted is taken,
    where there is one, so that no transpose follows.
    """
    (wc, oc), (wb, ob) = numbers
    free, other_free = _free(ndim, wc, wb), _free(other_ndim, oc, ob)
    batch = tuple(range(len(wb)))
    start = len(wb) + (len(free) if is_lhs else 0)
    ct_free = tuple(range(start, start + len(other_free)))
    # The contracted dimensions come out in the order they have in `other`.
    tail = tuple(wc[oc.index(i)] for i in sorted(oc))
    order = wb + free + tail
    ct_first = order == tuple(range(ndim))
    if not ct_first:
        order = wb + tail + free
    if ct_first:
        dims = (ct_free, other_free), (batch, ob)
    else:
        dims = (other_free, ct_free), (ob, batch)
    permutation = tuple(order.index(i) for i in range(ndim))
    return ct_first, dims, None if permutation == tuple(range(ndim)) else permutation


def _batch(size: int, args: Any, dims: Any, *, dimension_numbers: Numbers, **params: Any) -> Any:
    (lc, rc), (lb, rb) = dimension_numbers
    left, right = dims
    if left is not None:
        lc, lb = _bump(lc, left), _bump(lb, left)
    if right is not None:
        rc, rb = _bump(rc, right), _bump(rb, right)
    if left is not None and right is not None:
        lb, rb, out_dim = (left, *lb), (right, *rb), 0
    elif left is not None:
        out_dim = len(lb) + len(_free(left, lc, lb))
    else:
        assert right is not None  # one operand is batched
        lhs_free = typeof(args[0]).ndim - len(lc) - len(lb)
        out_dim = len(rb) + lhs_free + len(_free(right, rc, rb))
    numbers = (lc, rc), (lb, rb)
    return dot_general_p.bind(*args, dimension_numbers=numbers, **params), out_dim


def _bump(axes: Axes, dim: int) -> Axes:
    return tuple(i + (i >= dim) for i in axes)


def _shard(
    ins: Sequence[ArrayType], outs: Any, *, dimension_numbers: Numbers, **params: Any
) -> str:
    terms = _letters((ins[0].ndim, ins[1].ndim), dimension_numbers)
    left, right, out = (" ".join(f"i{k}" for k in term) for term in terms)
    return f"{left}, {right} -> {out}"


def _cost(
    ins: Sequence[ArrayType],
    outs: Sequence[ArrayType],
    *,
    dimension_numbers: Numbers,
    **params: Any,
) -> Cost:
    contracted = math.prod(ins[0].shape[i] for i in dimension_numbers[0][0])
    moved = float(ins[0].nbytes + ins[1].nbytes + outs[0].nbytes)
    return Cost(2.0 * outs[0].size * contracted, 0.0, moved)


def _orders(*ranks: int, dimension_numbers: Numbers, **params: Any) -> list[tuple[int, ...] | None]:
    """Batches, then rows and columns of a matrix, which may stand turned where it is one."""
    found: list[tuple[int, ...] | None] = []
    for n, rank, summed, batch in zip((0, 1), ranks, *dimension_numbers, strict=True):
        free = [d for d in range(rank) if d not in summed and d not in batch]
        rows, turned = (*batch, *free, *summed), (*batch, *summed, *free)
        may_turn = n == 1 or bool(batch) or rank == 2
        stands = [*rows] == sorted(rows) or (may_turn and [*turned] == sorted(turned))
        found.append(None if stands else turned if n else rows)
    return [*found, None]


dot_general_p = register(
    Primitive(
        "dot_general",
        abstract=_abstract,
        ref=_ref,
        lower=_lower,
        jvp=Multilinear(0, 1),
        transpose=_transpose,
        batch=_batch,
        shard=_shard,
        cost=_cost,
        sums=MADE,
        orders=_orders,
    )
)


def dot_general(
    lhs: Any,
    rhs: Any,
    dimension_numbers: Any,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Any:
    """`lax.dot_general`, which describes the arguments, without a layout of the result."""
    numbers = canonical_numbers(typeof(lhs).ndim, typeof(rhs).ndim, dimension_numbers)
    algorithm = algorithm_of(precision)
    if algorithm is not None:
        return by_algorithm(lambda x, y, p, dtype: dot_general(x, y, numbers, p, dtype), lhs, rhs,
                            algorithm, preferred_element_type)  # fmt: skip
    return dot_general_p.bind(
        lhs,
        rhs,
        dimension_numbers=numbers,
        precision=canonical_precision(precision),
        preferred_element_type=_dtype_or_none(preferred_element_type),
    )


def _dtype_or_none(dtype: Any) -> np.dtype | None:
    return None if dtype is None else canonicalize_dtype(dtype)


def canonical_numbers(lhs_ndim: int, rhs_ndim: int, numbers: Any) -> Numbers:
    """Dimension numbers as nested tuples of non-negative ints."""
    try:
        return _canonical_numbers(lhs_ndim, rhs_ndim, numbers)
    except TypeError:  # lists are not hashable
        (lc, rc), (lb, rb) = numbers
        lists = (tuple(lc), tuple(rc)), (tuple(lb), tuple(rb))
        return _canonical_numbers(lhs_ndim, rhs_ndim, lists)


@cache
def _canonical_numbers(lhs_ndim: int, rhs_ndim: int, numbers: Any) -> Numbers:
    (lc, rc), (lb, rb) = numbers
    lc, rc, lb, rb = (
        tuple(operator.index(i) + (ndim if i < 0 else 0) for i in axes)
        for axes, ndim in ((lc, lhs_ndim), (rc, rhs_ndim), (lb, lhs_ndim), (rb, rhs_ndim))
    )
    if len(lc) != len(rc):
        raise ShapeError(
            "dot_general requires contracting dimensions to have the same shape, and so equal "
            f"numbers of them, got {lc} and {rc}"
        )
    if len(lb) != len(rb):
        raise ShapeError(
            "dot_general requires equal numbers of lhs_batch and rhs_batch dimensions, got "
            f"lhs_batch {lb} and rhs_batch {rb}"
        )
    return (lc, rc), (lb, rb)


def dot(
    lhs: Any,
    rhs: Any,
    *,
    dimension_numbers: Any = None,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Any:
    """Vector and matrix products: `[k] [k]`, `[m, k] [k]`, `[k] [k, n]`, `[m, k] [k, n]`.

    With `dimension_numbers` it is `dot_general`.

    Raises:
        TypeError: an operand is neither a vector nor a matrix, or sizes differ.
    """
    if dimension_numbers is None:
        left, right = typeof(lhs).shape, typeof(rhs).shape
        fits = 1 <= len(left) <= 2 and 1 <= len(right) <= 2 and left[-1] == right[0]
        if not fits:
            raise SizeError(
                "jax.lax.dot: dimension_numbers must be specified when not performing simple "
                "un-batched matrix-matrix, matrix-vector, or vector-vector products; got "
                f"lhs_shape={left} rhs_shape={right}. Incompatible shapes for dot: got {left} and "
                f"{right}"
            )
        dimension_numbers = (((len(left) - 1,), (0,)), ((), ()))
    return dot_general(lhs, rhs, dimension_numbers, precision, preferred_element_type)


def batch_matmul(lhs: Any, rhs: Any, precision: Any = None) -> Any:
    """Matrix product `[..., m, k] [..., k, n] -> [..., m, n]` with equal leading dimensions.

    Args:
        lhs: array of at least two dimensions.
        rhs: array of the same rank and leading dimensions; `ms_func.numpy.matmul` repeats them.
        precision: as for `dot_general`.

    Returns:
        Array of the common dtype of the operands.

    Raises:
        TypeError: the operands are not of one rank of at least 2, or sizes differ; a ValueError
            too.

    Reference:
        StableHLO `dot_general`.

    Example:
        >>> lax.batch_matmul(np.ones((2, 1, 3)), np.ones((2, 3, 1))).tolist()
        [[[3.0]], [[3.0]]]
    """
    ndim, other = typeof(lhs).ndim, typeof(rhs).ndim
    if ndim < 2 or ndim != other:
        need = "be at least 2D" if min(ndim, other) < 2 else "have same ndim"
        raise SizeError(
            f"Arguments to batch_matmul must {need}, got {ndim}, {other}\n"
            "fix: use ms_func.numpy.matmul, which broadcasts leading dimensions"
        )
    batch = tuple(range(ndim - 2))
    return dot_general(lhs, rhs, (((ndim - 1,), (ndim - 2,)), (batch, batch)), precision)
