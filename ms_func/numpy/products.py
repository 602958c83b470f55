"""Products that contract dimensions: matmul, dot, tensordot and their relatives."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ms_func import config
from ms_func.config import jax_rules
from ms_func.dtypes import canonicalize_dtype, is_inexact
from ms_func.errors import ArgumentTypeError, ArgumentValueError, ShapeError, SizeError
from ms_func.execution.array import Array
from ms_func.ir.loc import user_loc
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy import fusion
from ms_func.numpy.arithmetic import multiply, subtract
from ms_func.numpy.axes import axes_tuple, axis_index
from ms_func.numpy.elementwise import conjugate
from ms_func.numpy.manipulation import moveaxis, ravel, reshape
from ms_func.numpy.promotion import ArrayLike, admit, convert, inexact, join_types, no_out
from ms_func.primitives import basis, pieces
from ms_func.primitives import shape as sh
from ms_func.primitives.algorithms import algorithm_of, by_algorithm
from ms_func.primitives.conv import conv_general_dilated
from ms_func.primitives.dot import canonical_precision, dot_general_p
from ms_func.primitives.sharding import laid_out


def _operands(name: str, a: Any, b: Any) -> tuple[Any, Any]:
    """Operands of one dtype; shapes stay."""
    ta, tb = getattr(a, "type", None), getattr(b, "type", None)
    if type(ta) is ArrayType and type(tb) is ArrayType and ta.dtype is tb.dtype:
        return a, b
    a, b = admit(name, a), admit(name, b, 1)
    dtype, weak = join_types([typeof(a), typeof(b)], name)
    return convert(a, dtype, weak), convert(b, dtype, weak)


def _cores(name: str, a: Any, b: Any, *ndims: int) -> tuple[Any, Any]:
    """Operands of one dtype with at least `ndims` dimensions."""
    a, b = _operands(name, a, b)
    for i, (x, ndim) in enumerate(zip((a, b), ndims, strict=True)):
        if typeof(x).ndim < ndim:
            raise ArgumentValueError(
                f"{name}: operand {i} must have at least {ndim} dimension{'s' * (ndim > 1)}, got "
                f"shape {typeof(x).shape}"
            )
    return a, b


def contract(
    a: Any, b: Any, contracted: Any, batch: Any = ((), ()), precision: Any = None,
    preferred_element_type: Any = None, out_sharding: Any = None,
) -> Any:  # fmt: skip
    """`dot_general` of operands of one dtype with dimensions counted from the front."""
    if out_sharding is not None:
        return laid_out(
            out_sharding, contract, a, b, contracted, batch, precision, preferred_element_type
        )
    algorithm = algorithm_of(precision)
    if algorithm is not None:
        return by_algorithm(
            lambda x, y, p, dtype: contract(x, y, contracted, batch, p, dtype), a, b, algorithm,
            preferred_element_type,
        )  # fmt: skip
    return dot_general_p.bind(
        a, b, dimension_numbers=(contracted, batch),
        precision=canonical_precision(precision),
        preferred_element_type=None if preferred_element_type is None
        else canonicalize_dtype(preferred_element_type),
    )  # fmt: skip


@fusion.whole(2)
def matmul(
    a: ArrayLike, b: ArrayLike, *, precision: Any = None, preferred_element_type: Any = None,
    out_sharding: Any = None,
) -> Array:  # fmt: skip
    """Matrix product over the last two dimensions; leading dimensions broadcast.

    Shapes: `[..., m, k] [..., k, n] -> [..., m, n]`; a vector counts as a row on the left and
        as a column on the right, and the result lacks that dimension.

    Args:
        a: array of at least one dimension.
        b: array of at least one dimension.
        precision: as for `lax.dot_general`.
        preferred_element_type: dtype of the sums and the result; by default what the operands
            promote to, in which short integers wrap around.
        out_sharding: sharding of the result.

    Raises:
        ValueError: an operand has no dimension, or the leading dimensions do not broadcast.
        TypeError: the contracted sizes differ.

    Example:
        >>> x = np.array([[1, 2], [3, 4]])
        >>> np.matmul(x, x), np.matmul(x, np.array([0.5, 1.0]))
        (Array([[ 7, 10],
               [15, 22]], dtype=int32), Array([2.5, 5.5], dtype=float32))
        >>> np.matmul(np.ones((5, 1, 2, 3)), np.ones((4, 3, 2))).shape
        (5, 4, 2, 2)
        >>> y = np.array([100, 100], "int8")
        >>> np.matmul(y, y, preferred_element_type="int32")
        Array(20000, dtype=int32)
    """
    a, b = _operands("matmul", a, b)
    left, right = typeof(a).shape, typeof(b).shape
    for i, s in enumerate((left, right)):
        if not s:
            raise ArgumentValueError(
                f"matmul input operand {i} must have ndim at least 1, but it has ndim 0"
            )
    inner = len(right) - 2 if len(right) > 1 else 0
    if left[-1] != right[inner]:
        raise SizeError(
            "matmul, as a dot_general, requires contracting dimensions to have the same shape, got "
            f"{left} and {right}: {left[-1]} != {right[inner]}\n"
            "fix: transpose or reshape one operand, for example with .T",
            user_loc(),
        )
    contracted = ((len(left) - 1,), (inner,))
    if len(right) <= 2 or (len(left) == 1 and len(right) == 1):
        return contract(a, b, contracted, ((), ()), precision, preferred_element_type, out_sharding)
    if precision is None:
        precision = config.default_matmul_precision.value
    static = (precision, preferred_element_type)
    if out_sharding is not None:
        return laid_out(out_sharding, _batched, a, b, *static)
    if not all(v is None or isinstance(v, (str, np.dtype, type)) for v in static):
        return _batched(a, b, *static)
    return fusion.run(_batched, (a, b), *static)


def _batched(a: Any, b: Any, precision: Any, preferred: Any) -> Any:
    """Product where `b` has leading dimensions: those of both are batch dimensions.

    A leading dimension of size 1 beside a larger one is dropped, not repeated.
    """
    left, right = typeof(a).shape, typeof(b).shape
    rows = left[-2:-1]
    lead_a, lead_b = left[:-2], right[:-2]
    n = max(len(lead_a), len(lead_b))
    sizes_a, sizes_b = (1,) * (n - len(lead_a)) + lead_a, (1,) * (n - len(lead_b)) + lead_b
    both: list[int] = []
    only_a: list[int] = []
    only_b: list[int] = []
    for i, (p, q) in enumerate(zip(sizes_a, sizes_b, strict=True)):
        if p != q and 1 not in (p, q):
            raise SizeError(
                f"matmul got incompatible shapes for broadcasting: {left}, {right}.", user_loc()
            )
        (both if p == q else only_b if p == 1 else only_a).append(i)
    a = sh.reshape(a, [*(sizes_a[i] for i in sorted(both + only_a)), *rows, left[-1]])
    b = sh.reshape(b, [*(sizes_b[i] for i in sorted(both + only_b)), *right[-2:]])
    order_a, order_b = sorted(both + only_a), sorted(both + only_b)
    batch = tuple(order_a.index(i) for i in both), tuple(order_b.index(i) for i in both)
    contracted = ((typeof(a).ndim - 1,), (typeof(b).ndim - 2,))
    out = contract(a, b, contracted, batch, precision, preferred)
    names = [*both, *only_a, *(["m"] if rows else []), *only_b, "n"]
    wanted = [*range(n), *(["m"] if rows else []), "n"]
    if names != wanted:
        out = basis.transpose_p.bind(out, permutation=tuple(names.index(v) for v in wanted))
    return out


@fusion.whole(2)
def dot(
    a: ArrayLike, b: ArrayLike, *, precision: Any = None, preferred_element_type: Any = None,
    out_sharding: Any = None,
) -> Array:  # fmt: skip
    """Sum over the last dimension of `a` and the last but one of `b`, as `numpy.dot`.

    Shapes: `[..., k] [k] -> [...]`, `[i..., k] [j..., k, n] -> [i..., j..., n]`: leading
        dimensions do not broadcast, as those of `matmul` do. A number multiplies every element.

    Args:
        a: array or number.
        b: array or number.
        precision: as for `lax.dot_general`.
        preferred_element_type: dtype of the sums and the result.
        out_sharding: sharding of the result.

    Raises:
        TypeError: the contracted sizes differ.

    Example:
        >>> np.dot(np.array([1, 2]), np.array([3, 4]))
        Array(11, dtype=int32)
        >>> np.dot(np.ones((2, 3, 4)), np.ones((5, 4, 6))).shape
        (2, 3, 5, 6)
    """
    a, b = _operands("dot", a, b)
    left, right = typeof(a).ndim, typeof(b).ndim
    if not left or not right:
        contracted: Any = ((), ())
    else:
        contracted = ((left - 1,), (max(right - 2, 0),))
        _same_size("dot", a, b, contracted)
    return contract(a, b, contracted, ((), ()), precision, preferred_element_type, out_sharding)


def _same_size(name: str, a: Any, b: Any, contracted: Any) -> None:
    left, right = typeof(a).shape, typeof(b).shape
    for i, j in zip(*contracted, strict=True):
        if left[i] != right[j]:
            raise ShapeError(
                f"{name}, as a dot_general, requires contracting dimensions to have the same "
                f"shape, got {left} and {right}: {left[i]} != {right[j]}",
                user_loc(),
            )


@fusion.whole(2)
def tensordot(
    a: ArrayLike, b: ArrayLike, axes: Any = 2, *, precision: Any = None,
    preferred_element_type: Any = None, out_sharding: Any = None,
) -> Array:  # fmt: skip
    """Sum over pairs of dimensions.

    Args:
        a: array.
        b: array.
        axes: how many dimensions at the end of `a` and the start of `b`, or two lists.
        precision: as for `lax.dot_general`.
        preferred_element_type: dtype of the sum.
        out_sharding: sharding of the result.

    Returns:
        Array of the other dimensions of `a`, then those of `b`.

    Raises:
        TypeError: paired sizes or the lengths of the lists differ.

    Example:
        >>> x, y = np.ones((2, 3, 4)), np.ones((3, 4, 5))
        >>> np.tensordot(x, y).shape
        (2, 5)
        >>> np.tensordot(x, y, axes=([2, 1], [1, 0]))
        Array([[12., 12., 12., 12., 12.],
               [12., 12., 12., 12., 12.]], dtype=float32)
        >>> np.tensordot(x, y, axes=0).shape
        (2, 3, 4, 3, 4, 5)
    """
    a, b = _operands("tensordot", a, b)
    left, right = typeof(a).ndim, typeof(b).ndim
    if isinstance(axes, (int, np.integer)):
        if axes > min(left, right) or axes < 0:
            raise ArgumentTypeError(
                f"Number of tensordot axes (axes {axes}) exceeds input ranks ({left} and {right})"
            )
        pairs: Any = (tuple(range(left - axes, left)), tuple(range(axes)))
    else:
        if not isinstance(axes, (tuple, list, np.ndarray)) or len(axes) != 2:
            raise ArgumentTypeError(
                "tensordot axes argument must be an int, a pair of ints, or a pair of lists/tuples "
                f"of ints, got {axes}"
            )
        if any(isinstance(axis, str) for axis in axes):
            raise ArgumentTypeError(
                "tensordot requires both axes lists to be either ints, tuples or lists, got "
                f"{axes[0]} and {axes[1]}"
            )
        pairs = axes_tuple(_seq(axes[0]), left), axes_tuple(_seq(axes[1]), right)
        if len(pairs[0]) != len(pairs[1]):
            raise ArgumentTypeError(
                f"tensordot requires axes lists to have equal length, got {axes}"
            )
    _same_size("tensordot", a, b, pairs)
    return contract(a, b, pairs, ((), ()), precision, preferred_element_type, out_sharding)


def _seq(axis: Any) -> tuple[int, ...]:
    return (operator.index(axis),) if isinstance(axis, (int, np.integer)) else tuple(axis)


@fusion.whole(2)
def vdot(
    a: ArrayLike, b: ArrayLike, *, precision: Any = None, preferred_element_type: Any = None
) -> Array:
    """Sum of `conj(a) * b` over all elements of the flat arrays.

    Args:
        a: array or number.
        b: array of as many elements, of whatever shape.
        precision: as for `lax.dot_general`.
        preferred_element_type: dtype of the sum.

    Raises:
        TypeError: the numbers of elements differ.

    Example:
        >>> np.vdot(np.array([1 + 2j, 1]), np.array([1j, 1]))
        Array(3.+1.j, dtype=complex64)
    """
    a, b = _operands("vdot", a, b)
    return dot(ravel(conjugate(a)), ravel(b), precision=precision,
               preferred_element_type=preferred_element_type)  # fmt: skip


@fusion.whole(2)
def vecdot(
    x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1, precision: Any = None,
    preferred_element_type: Any = None,
) -> Array:  # fmt: skip
    """Sum of `conj(x1) * x2` along a dimension; the others broadcast.

    Args:
        x1: array of at least one dimension.
        x2: array of at least one dimension.
        axis: dimension, of each of them.
        precision: as for `lax.dot_general`.
        preferred_element_type: dtype of the sums.

    Raises:
        ValueError: the sizes along the dimension differ, or an operand has no dimension.

    Example:
        >>> np.vecdot(np.array([[1, 2], [3, 4]]), np.array([10, 1]))
        Array([12, 34], dtype=int32)
        >>> np.vecdot(np.array([1j, 0]), np.array([1j, 2]))
        Array(1.+0.j, dtype=complex64)
    """
    x1, x2 = _cores("vecdot", x1, x2, 1, 1)
    one, two = moveaxis(x1, axis, -1), moveaxis(x2, axis, -1)
    if typeof(one).shape[-1] != typeof(two).shape[-1]:
        raise ArgumentValueError(
            f"vecdot: axes must match; got shapes {typeof(x1).shape} and {typeof(x2).shape} with "
            f"{axis=}"
        )
    left = reshape(conjugate(one), (*typeof(one).shape[:-1], 1, typeof(one).shape[-1]))
    right = reshape(two, (*typeof(two).shape, 1))
    out = matmul(left, right, precision=precision, preferred_element_type=preferred_element_type)
    return reshape(out, typeof(out).shape[:-2])


@fusion.whole(2)
def matvec(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Products of matrices and vectors: `[..., m, k] [..., k] -> [..., m]`.

    Args:
        x1: array of at least two dimensions; the leading ones broadcast.
        x2: array of at least one dimension.

    Raises:
        TypeError: the sizes do not fit.
        ValueError: an operand has too few dimensions.

    Example:
        >>> np.matvec(np.array([[1, 2], [3, 4]]), np.array([[1, 0], [0, 1]]))
        Array([[1, 3],
               [2, 4]], dtype=int32)
    """
    x1, x2 = _cores("matvec", x1, x2, 2, 1)
    out = matmul(x1, reshape(x2, (*typeof(x2).shape, 1)))
    return reshape(out, typeof(out).shape[:-1])


@fusion.whole(2)
def vecmat(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Products of conjugated vectors and matrices: `[..., k] [..., k, n] -> [..., n]`.

    Args:
        x1: array of at least one dimension; the leading ones broadcast.
        x2: array of at least two dimensions.

    Raises:
        TypeError: the sizes do not fit.
        ValueError: an operand has too few dimensions.

    Example:
        >>> np.vecmat(np.array([1j, 0]), np.array([[1, 2], [3, 4]]))
        Array([0.-1.j, 0.-2.j], dtype=complex64)
    """
    x1, x2 = _cores("vecmat", x1, x2, 1, 2)
    *batch, k = typeof(x1).shape
    out = matmul(reshape(conjugate(x1), (*batch, 1, k)), x2)
    return reshape(out, (*typeof(out).shape[:-2], typeof(out).shape[-1]))


@fusion.whole(2)
def inner(
    a: ArrayLike, b: ArrayLike, *, precision: Any = None, preferred_element_type: Any = None
) -> Array:
    """Sum over the last dimensions of both operands: `[i..., k] [j..., k] -> [i..., j...]`.

    Nothing is conjugated. A number multiplies every element.

    Args:
        a: array or number.
        b: array or number.
        precision: as for `lax.dot_general`.
        preferred_element_type: dtype of the sums.

    Raises:
        TypeError: the last sizes differ.

    Example:
        >>> np.inner(np.array([[1, 2], [3, 4]]), np.array([10, 1]))
        Array([12, 34], dtype=int32)
    """
    a, b = _operands("inner", a, b)
    left, right = typeof(a).ndim, typeof(b).ndim
    pairs: Any = ((left - 1,), (right - 1,)) if left and right else ((), ())
    _same_size("inner", a, b, pairs)
    return contract(a, b, pairs, ((), ()), precision, preferred_element_type)


@fusion.whole(2)
def outer(a: ArrayLike, b: ArrayLike, out: None = None) -> Array:
    """Products of all pairs of elements of the flat arrays, `[a.size, b.size]`.

    Args:
        a: array or number.
        b: array or number.
        out: not supported.

    Example:
        >>> np.outer(np.array([1, 2]), np.array([3, 4, 5]))
        Array([[ 3,  4,  5],
               [ 6,  8, 10]], dtype=int32)
    """
    no_out("outer", out)
    return multiply(reshape(a, (-1, 1)), ravel(b))


@fusion.whole(2)
def kron(a: ArrayLike, b: ArrayLike) -> Array:
    """Kronecker product: blocks of `b`, scaled by the elements of `a`.

    Args:
        a: array or number.
        b: array or number; ones are put in front of the shape that is shorter.

    Returns:
        Array each of whose sizes is the product of theirs.

    Example:
        >>> np.kron(np.array([[1, 2]]), np.array([[1, 1], [0, 1]]))
        Array([[1, 1, 2, 2],
               [0, 1, 0, 2]], dtype=int32)
    """
    a, b = _operands("kron", a, b)
    left, right = typeof(a).shape, typeof(b).shape
    n = max(len(left), len(right))
    left, right = (1,) * (n - len(left)) + left, (1,) * (n - len(right)) + right
    rows = reshape(a, [v for m in left for v in (m, 1)])
    columns = reshape(b, [v for m in right for v in (1, m)])
    return reshape(multiply(rows, columns), [p * q for p, q in zip(left, right, strict=True)])


@fusion.whole(2)
def cross(
    a: ArrayLike, b: ArrayLike, axisa: int = -1, axisb: int = -1, axisc: int = -1,
    axis: int | None = None,
) -> Array:  # fmt: skip
    """Cross product of vectors of two or three elements along a dimension.

    Args:
        a: array; the dimensions other than that of the vectors broadcast.
        b: array.
        axisa: dimension of the vectors in `a`.
        axisb: dimension of the vectors in `b`.
        axisc: place of their dimension in the result.
        axis: all three at once.

    Returns:
        Vectors of three elements; a third one that is missing counts as 0. Where both have two,
        the third of the product alone.

    Raises:
        ValueError: a vector has another length.

    Example:
        >>> np.cross(np.array([1, 0, 0]), np.array([0, 1, 0]))
        Array([0, 0, 1], dtype=int32)
        >>> np.cross(np.array([1, 2]), np.array([3, 4]))
        Array(-2, dtype=int32)
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = _operands("cross", a, b)
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    m, n = typeof(a).shape[-1], typeof(b).shape[-1]
    if m not in (2, 3) or n not in (2, 3):
        raise ArgumentValueError("Dimension must be either 2 or 3 for cross product")
    if m == n == 2:
        parts = (
            pieces.split(a, (1, 1), typeof(a).ndim - 1),
            pieces.split(b, (1, 1), typeof(b).ndim - 1),
        )
        (a0, a1), (b0, b1) = ([reshape(p, typeof(p).shape[:-1]) for p in ps] for ps in parts)
        return subtract(multiply(a0, b1), multiply(a1, b0))
    a0, a1, a2 = _three(a)
    b0, b1, b2 = _three(b)
    rows = [
        subtract(multiply(a1, b2), multiply(a2, b1)),
        subtract(multiply(a2, b0), multiply(a0, b2)),
        subtract(multiply(a0, b1), multiply(a1, b0)),
    ]
    out = pieces.concatenate(rows, typeof(rows[0]).ndim - 1)
    return moveaxis(out, -1, axisc) if axis_index(axisc, out.ndim) != out.ndim - 1 else out


def _three(v: Any) -> list[Any]:
    """Components along the last dimension, the third one 0 where there are two."""
    last = typeof(v).ndim - 1
    if typeof(v).shape[-1] == 2:
        v = pieces.pad(v, convert(0, typeof(v).dtype), [(0, 0, 0)] * last + [(0, 1, 0)])
    return pieces.split(v, (1, 1, 1), last)


@fusion.whole(2)
def convolve(
    a: ArrayLike, v: ArrayLike, mode: str = "full", *, precision: Any = None,
    preferred_element_type: Any = None,
) -> Array:  # fmt: skip
    """Discrete convolution of two vectors: `sum_j a[j] v[n - j]`.

    Args:
        a: vector `[m]`.
        v: vector `[n]`.
        mode: "full" has all `m + n - 1` places at which they overlap, "same" the middle
            `max(m, n)`, "valid" the `max(m, n) - min(m, n) + 1` at which they do altogether.
        precision: as for `lax.dot_general`.
        preferred_element_type: dtype of the sums.

    Raises:
        ValueError: an operand is no vector or empty, or there is no such mode.

    Example:
        >>> x, y = np.array([1, 2, 3]), np.array([0.0, 1.0, 0.5])
        >>> np.convolve(x, y)
        Array([0. , 1. , 2.5, 4. , 1.5], dtype=float32)
        >>> np.convolve(x, y, "same"), np.convolve(x, y, "valid")
        (Array([1. , 2.5, 4. ], dtype=float32), Array([2.5], dtype=float32))
    """
    return _slide("convolve", a, v, mode, True, precision, preferred_element_type)


@fusion.whole(2)
def correlate(
    a: ArrayLike, v: ArrayLike, mode: str = "valid", *, precision: Any = None,
    preferred_element_type: Any = None,
) -> Array:  # fmt: skip
    """Cross-correlation of two vectors: `sum_j a[j + n] conj(v[j])`.

    Args:
        a: vector.
        v: vector.
        mode: "full", "same" or "valid": which n, as for `convolve`.
        precision: as for `lax.dot_general`.
        preferred_element_type: dtype of the sums.

    Raises:
        ValueError: an operand is no vector or empty, or there is no such mode.

    Example:
        >>> x, y = np.array([1, 2, 3]), np.array([0.0, 1.0, 0.5])
        >>> np.correlate(x, y), np.correlate(x, y, "full")
        (Array([3.5], dtype=float32), Array([0.5, 2. , 3.5, 3. , 0. ], dtype=float32))
    """
    return _slide("correlate", a, conjugate(v), mode, False, precision, preferred_element_type)


def _slide(name: str, x: Any, y: Any, mode: str, turn: bool, precision: Any, preferred: Any) -> Any:
    x, y = _operands(name, x, y)
    if jax_rules() and (preferred is None or is_inexact(np.dtype(preferred))):
        x, y = inexact(name, x), inexact(name, y)
    if typeof(x).ndim != 1 or typeof(y).ndim != 1:
        raise ArgumentValueError(f"{name}() only support 1-dimensional inputs.")
    m, n = typeof(x).shape[0], typeof(y).shape[0]
    if not m or not n:
        raise ArgumentValueError(f"{name}: inputs cannot be empty, got shapes ({m},) and ({n},).")
    swapped = m < n
    if swapped:
        x, y, m, n = y, x, n, m
    padding = {"valid": (0, 0), "same": (n // 2, n - n // 2 - 1), "full": (n - 1, n - 1)}
    if mode not in padding:
        raise ArgumentValueError("mode must be one of ['full', 'same', 'valid']")
    kernel = sh.rev_p.bind(y, dimensions=(0,)) if turn else y
    out = conv_general_dilated(
        reshape(x, (1, 1, m)), reshape(kernel, (1, 1, n)), (1,), [padding[mode]],
        precision=precision, preferred_element_type=preferred,
    )  # fmt: skip
    out = reshape(out, (-1,))
    return sh.rev_p.bind(out, dimensions=(0,)) if swapped and not turn else out
