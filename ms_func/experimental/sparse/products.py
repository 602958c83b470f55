"""Products of sparse arrays.

Every product is a sum over the stored elements: an element at place `i` of the left operand takes
the slice of the right one that its contracted indices name, and adds to the slice of the result
that its free indices name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as onp

from ms_func import lax
from ms_func import numpy as np
from ms_func.api.compile import jit
from ms_func.errors import ArgumentTypeError, ArgumentValueError, UnsupportedError
from ms_func.experimental.sparse.formats import BCOO, dense_dtype, is_sparse
from ms_func.experimental.sparse.layout import bcoo_update_layout
from ms_func.experimental.sparse.operations import sum_duplicates, taken

Dims = tuple[tuple[Sequence[int], Sequence[int]], tuple[Sequence[int], Sequence[int]]]


def bcoo_dot_general(
    lhs: Any, rhs: Any, *, dimension_numbers: Any, precision: Any = None,
    preferred_element_type: Any = None, out_sharding: Any = None,
) -> Any:  # fmt: skip
    """`lax.dot_general` where one operand is a `BCOO`, or both are.

    Args:
        lhs: array.
        rhs: array.
        dimension_numbers: contracted dimensions of both, batch dimensions of both.
        precision: taken by products of two ordinary arrays only.
        preferred_element_type: dtype of the result; that which the two promote to by default.
        out_sharding: must be None.

    Returns:
        A sparse array if both operands are, else an ordinary one: batch dimensions, then the free
        ones of `lhs` and of `rhs`.

    Raises:
        TypeError: dimensions that meet are not equally long.

    Example:
        >>> m = BCOO.fromdense(np.array([[0.0, 2.0], [3.0, 0.0]]))
        >>> bcoo_dot_general(m, np.array([1.0, 10.0]), dimension_numbers=(((1,), (0,)), ((), ())))
        Array([20.,  3.], dtype=float32)
    """
    dims = _checked(lhs, rhs, dimension_numbers)
    dtype = np.promote_types(dense_dtype(lhs), dense_dtype(rhs))
    dtype = dtype if preferred_element_type is None else onp.dtype(preferred_element_type)
    if isinstance(lhs, BCOO) and isinstance(rhs, BCOO):
        return _of_two(lhs, rhs, dims, dtype)
    if isinstance(lhs, BCOO):
        return _times_dense(lhs, np.asarray(rhs), dims, dtype)
    if isinstance(rhs, BCOO):
        (lc, rc), (lb, rb) = dims
        out = _times_dense(rhs, np.asarray(lhs), ((rc, lc), (rb, lb)), dtype)
        nb, nr = len(lb), rhs.ndim - len(rc) - len(rb)
        order = [*range(nb), *range(nb + nr, out.ndim), *range(nb, nb + nr)]
        return out.transpose(order)
    return lax.dot_general(lhs, rhs, dimension_numbers, precision=precision,
                           preferred_element_type=preferred_element_type)  # fmt: skip


def _checked(lhs: Any, rhs: Any, dimension_numbers: Any) -> Dims:
    (lc, rc), (lb, rb) = dimension_numbers
    found = tuple(tuple(int(i) for i in d) for d in (lc, rc, lb, rb))
    for left, right, what in ((found[0], found[1], "contracted"), (found[2], found[3], "batch")):
        a, b = [lhs.shape[i] for i in left], [np.shape(rhs)[i] if not is_sparse(rhs)
                                              else rhs.shape[i] for i in right]  # fmt: skip
        if a != b:
            raise ArgumentTypeError(f"{what} dimensions must be equally long, got {a} and {b}")
    return (found[0], found[1]), (found[2], found[3])


def _flat(mat: BCOO) -> BCOO:
    return bcoo_update_layout(mat, n_batch=0, n_dense=0)


@partial(jit, static_argnums=(2, 3))
def _times_dense(lhs: BCOO, rhs: Any, dims: Dims, dtype: Any) -> Any:
    """Product of a sparse and an ordinary array."""
    (lc, rc), (lb, rb) = dims
    mat = _flat(lhs)
    free = [d for d in range(lhs.ndim) if d not in (*lc, *lb)]
    rest = [d for d in range(rhs.ndim) if d not in (*rc, *rb)]
    right = rhs.transpose((*rb, *rc, *rest)).astype(dtype)
    columns = [mat.indices[:, d] for d in range(mat.ndim)]
    there = tuple(columns[d] for d in (*lb, *lc))
    shape = [*[lhs.shape[d] for d in (*lb, *free)], *[rhs.shape[d] for d in rest]]
    data = mat.data.astype(dtype).reshape((mat.nse, *(1,) * len(rest)))
    inside = (mat.indices < onp.array(lhs.shape)).all(-1).reshape(data.shape)
    terms = np.where(inside, data, 0) * (
        right.at[there].get(mode="fill", fill_value=0) if there else right[None]
    )
    to = tuple(columns[d] for d in (*lb, *free))
    if not to:
        return terms.sum(0)
    return np.zeros(shape, dtype).at[to].add(terms, mode="drop")


@partial(jit, static_argnums=(2, 3))
def _of_two(lhs: BCOO, rhs: BCOO, dims: Dims, dtype: Any) -> BCOO:
    """Product of two sparse arrays: an element for each pair that meets."""
    (lc, rc), (lb, rb) = dims
    a, b = _flat(lhs), _flat(rhs)
    left = [d for d in range(lhs.ndim) if d not in (*lc, *lb)]
    right = [d for d in range(rhs.ndim) if d not in (*rc, *rb)]
    met = (a.indices[:, None, onp.array([*lb, *lc], int)]
           == b.indices[None, :, onp.array([*rb, *rc], int)]).all(-1)  # fmt: skip
    met &= (a.indices < onp.array(lhs.shape)).all(-1)[:, None]
    met &= (b.indices < onp.array(rhs.shape)).all(-1)[None, :]
    shape = [*[lhs.shape[d] for d in (*lb, *left)], *[rhs.shape[d] for d in right]]
    full = (a.nse, b.nse)
    columns = [np.broadcast_to(a.indices[:, None, d], full) for d in (*lb, *left)]
    columns += [np.broadcast_to(b.indices[None, :, d], full) for d in right]
    places = np.stack(columns, -1) if columns else np.zeros((*full, 0), a.indices.dtype)
    places = np.where(met[..., None], places, onp.array(shape)).astype(a.indices.dtype)
    data = np.where(met, a.data.astype(dtype)[:, None] * b.data.astype(dtype)[None], 0)
    out = BCOO((data.reshape(-1), places.reshape(data.size, len(shape))), shape=shape)
    most = math.prod(shape)
    return sum_duplicates(out, most, True) if out.nse > most else out


def matmul(lhs: Any, rhs: Any) -> Any:
    """`lhs @ rhs`, where leading dimensions must be equal or missing."""
    a, b = (x if is_sparse(x) else np.asarray(x) for x in (lhs, rhs))
    if a.ndim == 0 or b.ndim == 0:
        raise ArgumentValueError(f"matmul of shapes {a.shape} and {b.shape}: scalars do not go")
    for x in (a, b):
        if is_sparse(x) and not isinstance(x, BCOO):
            raise UnsupportedError("products with other sparse formats: x.to_bcoo() first")
    common = min(a.ndim, b.ndim) - 2
    if common > 0 and a.shape[:-2] != b.shape[:-2]:
        raise UnsupportedError(
            f"matmul of shapes {a.shape} and {b.shape}: leading dimensions must be equal"
        )
    batch = tuple(range(common)) if common > 0 and a.ndim == b.ndim else ()
    left, right = a.ndim - 1, max(b.ndim - 2, 0)
    out = bcoo_dot_general(a, b, dimension_numbers=(((left,), (right,)), (batch, batch)))
    if b.ndim > 2 and not batch:  # the dimensions of the left operand come after the leading ones
        lead, n = a.ndim - 1, b.ndim - 2
        order = [*range(lead, lead + n), *range(lead), lead + n]
        return out.transpose(order)
    return out


def bcoo_dot_general_sampled(A: Any, B: Any, indices: Any, *, dimension_numbers: Any) -> Any:
    """Elements of `lax.dot_general(A, B)` at places: `bcoo_extract` of the product.

    Args:
        A: array.
        B: array.
        indices: places `[*batch, nse, n_sparse]`, as of a `BCOO`.
        dimension_numbers: as for `lax.dot_general`.

    Returns:
        Elements `[*batch, nse, *dense]`.

    Raises:
        TypeError: dimensions that meet are not equally long.

    Example:
        >>> a = np.arange(4.0).reshape(2, 2)
        >>> dims = (((1,), (0,)), ((), ()))
        >>> bcoo_dot_general_sampled(a, a, np.array([[1, 1]]), dimension_numbers=dims)
        Array([11.], dtype=float32)
    """
    out = lax.dot_general(A, B, dimension_numbers)
    return taken(out, np.asarray(indices), np.ndim(indices) - 2)


def bcoo_conv_general_dilated(lhs: Any, rhs: Any, **options: Any) -> Any:
    """Refused: convolutions of sparse arrays.

    Args:
        lhs: array.
        rhs: array.
        **options: as for `lax.conv_general_dilated`.

    Raises:
        NotImplementedError: always.

    Example:
        >>> bcoo_conv_general_dilated(None, None)
        Traceback (most recent call last):
        ms_func.errors.UnsupportedError: ...there is no convolution of sparse arrays...
    """
    raise UnsupportedError(
        "there is no convolution of sparse arrays\nfix: lax.conv_general_dilated(x.todense(), ...)"
    )
