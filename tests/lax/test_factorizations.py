"""Options of the decompositions in `lax.linalg`, by what they must satisfy."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
import scipy.linalg

import ms_func as ms
from ms_func.ir.evaluate import Reference
from ms_func.lax import linalg
from ms_func.test_util import check_grads
from tests.support.numpy_oracle import sample

A = sample("float64", 2, 4, 4)
H = A + np.swapaxes(A, -1, -2)


@pytest.mark.parametrize("kind", ["float64", "complex128"])
def test_left_and_right_eigenvectors(kind):
    a = sample(kind, 2, 4, 4)
    w, left, right = (np.asarray(v) for v in linalg.eig(a))
    np.testing.assert_allclose(a @ right, right * w[:, None, :], atol=1e-10)
    adjoint = np.conj(np.swapaxes(left, -1, -2))
    np.testing.assert_allclose(adjoint @ a, w[:, :, None] * adjoint, atol=1e-10)
    (alone,) = linalg.eig(a, compute_left_eigenvectors=False, compute_right_eigenvectors=False)
    np.testing.assert_allclose(np.sort_complex(alone[0]), np.sort_complex(w[0]))
    assert len(linalg.eig(a, compute_right_eigenvectors=False)) == 2


def test_eigenvectors_have_no_derivative():
    with pytest.raises(NotImplementedError, match="no derivative"):
        linalg.eig(A, enable_eigvec_derivs=True)
    with pytest.raises(NotImplementedError, match="no derivative"):
        ms.jvp(lambda a: linalg.eig(a)[1], (A,), (A,))


def test_subsets_of_singular_values():
    u, s, vh = linalg.svd(A, full_matrices=False, subset_by_index=(1, 3))
    whole = linalg.svd(A, full_matrices=False)
    np.testing.assert_array_equal(s, whole[1][:, 1:3])
    assert (u.shape, vh.shape) == ((2, 4, 2), (2, 2, 4))
    np.testing.assert_array_equal(linalg.svd(A, compute_uv=False, subset_by_index=(0, 1)), s_of(0))
    with pytest.raises(ValueError, match="cannot both"):
        linalg.svd(A, subset_by_index=(1, 3))
    with pytest.raises(ValueError, match="no range"):
        linalg.svd(A, full_matrices=False, subset_by_index=(1, 9))
    with pytest.raises(TypeError, match="SvdAlgorithm"):
        linalg.svd(A, algorithm=cast("Any", "QR"))
    algorithm = linalg.SvdAlgorithm.QR
    np.testing.assert_allclose(linalg.svd(A, compute_uv=False, algorithm=algorithm), whole[1])


def s_of(i):
    """The largest but i of the singular values."""
    return np.asarray(linalg.svd(A, compute_uv=False))[:, i : i + 1]


def test_subsets_of_eigenvalues():
    v, w = linalg.eigh(H, subset_by_index=(1, 3), sort_eigenvalues=True)
    np.testing.assert_allclose(w, np.linalg.eigvalsh(H)[:, 1:3])
    np.testing.assert_allclose(H @ np.asarray(v), np.asarray(v) * np.asarray(w)[:, None], atol=1e-9)


def test_the_derivative_of_det_at_a_singular_matrix_is_the_cofactors():
    a = np.array([[1.0, 2], [2, 4]])
    got = ms.grad(ms.numpy.linalg.det)(a)
    np.testing.assert_allclose(got, [[4, -2], [-2, 1]])


def test_derivatives_at_repeated_values():
    """Those of values exist; those of vectors do not, and say so with NaN."""
    eye = np.eye(3)
    np.testing.assert_allclose(ms.grad(lambda a: ms.numpy.linalg.svdvals(a).sum())(eye), eye)
    np.testing.assert_allclose(ms.grad(lambda a: ms.numpy.linalg.eigvalsh(a).sum())(eye), eye)
    assert np.isnan(ms.grad(lambda a: ms.numpy.linalg.eigh(a)[1].sum())(eye)).any()


@pytest.mark.parametrize("kind", ["float32", "float64", "complex128"])
@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 3), (2, 3, 4)])
def test_pivoted_qr(kind, shape):
    a = sample(kind, *shape)
    for full in (False, True):
        q, r, p = (np.asarray(v) for v in linalg.qr(a, pivoting=True, full_matrices=full))
        permuted = np.take_along_axis(a, np.broadcast_to(p[..., None, :], a.shape), -1)
        np.testing.assert_allclose(q @ r, permuted, atol=100 * np.finfo(kind).eps)
        sizes = np.abs(np.diagonal(r, axis1=-2, axis2=-1))
        assert (np.diff(sizes) <= 1e-6).all()
    for x, order in zip(a.reshape(-1, *shape[-2:]), p.reshape(-1, shape[-1]), strict=True):
        np.testing.assert_array_equal(order, scipy.linalg.qr(x, pivoting=True)[2])
        found = ms.scipy.linalg.qr(x, pivoting=True, mode="r")
        assert [f.shape for f in found] == [(shape[-2], shape[-1]), (shape[-1],)]


@pytest.mark.parametrize("shape", [(4, 2), (3, 5), (2, 0)])
@pytest.mark.parametrize("full", [False, True])
def test_derivatives_of_qr(shape, full):
    x = sample("float64", *shape) + np.eye(*shape)
    t = np.cos(np.arange(x.size)).reshape(x.shape)
    (q, r), (dq, dr) = ms.jvp(lambda a: linalg.qr(a, full_matrices=full), (x,), (t,))
    np.testing.assert_allclose(dq @ r + q @ dr, t, atol=1e-9)
    turn = np.asarray(q.T @ dq)
    np.testing.assert_allclose(turn, -turn.T, atol=1e-9)
    np.testing.assert_array_equal(np.tril(dr, -1), np.zeros(dr.shape))
    if min(shape):
        with Reference():
            check_grads(lambda a: linalg.qr(a, full_matrices=False), (x,), 1)


def test_no_rows_and_integers():
    factors, pivots, order = linalg.lu(np.zeros((2, 0, 3), np.float32))
    assert (factors.shape, pivots.shape, order.shape) == ((2, 0, 3), (2, 0), (2, 0))
    order = linalg.lu(np.zeros((3, 0), np.float32))[2]
    np.testing.assert_array_equal(order, [0, 1, 2])
    np.testing.assert_allclose(linalg.cholesky(4 * np.eye(2, dtype=np.int32)), 2 * np.eye(2))
    np.testing.assert_allclose(linalg.eigh(np.array([[2, 0], [0, 1]]))[1], [1, 2])


@pytest.mark.parametrize(
    "call",
    [
        lambda: linalg.cholesky(np.ones((2, 3))),
        lambda: linalg.eig(np.ones((2, 3))),
        lambda: linalg.triangular_solve(np.eye(3), np.ones((4, 3)), left_side=True),
        lambda: linalg.householder_product(np.ones((2, 3)), np.ones(2)),
        lambda: linalg.lu_pivots_to_permutation(np.arange(3), 2),
        lambda: linalg.qdwh(np.ones((2, 3))),
        lambda: linalg.symmetric_product(np.ones((2, 3)), np.eye(3)),
    ],
)
def test_sizes_that_do_not_fit(call):
    with pytest.raises(ValueError, match=r"Incompatible shapes|square|rows as columns|m >= n|size"):
        call()


def test_symmetric_product_takes_the_lower_triangle():
    a, c = sample("float32", 3, 2), sample("float32", 3, 3, seed=1)
    low = np.tril(2 * a @ a.T + 3 * c)
    out = linalg.symmetric_product(a, c, alpha=2, beta=3, symmetrize_output=True)
    np.testing.assert_allclose(out, low + np.tril(low, -1).T, rtol=1e-5)


def test_derivatives_of_pivoted_qr():
    a = sample("float64", 4, 3)
    with Reference():
        check_grads(lambda a: linalg.qr(a, pivoting=True, full_matrices=False)[:2], (a,), 1)
    out = ms.vmap(lambda a: linalg.qr(a, pivoting=True)[2])(A)
    np.testing.assert_array_equal(out, linalg.qr(A, pivoting=True)[2])
