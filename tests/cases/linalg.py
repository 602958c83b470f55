"""Cases of factors of matrices and of systems of equations."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.cases.case import COMPLEX, Arg, Case

WIDE = ("float64", "float32", *COMPLEX)


def definite(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Symmetric positive definite matrices."""
    a = rng.normal(size=shape)
    return a @ np.swapaxes(a, -1, -2) + 3 * np.eye(shape[-1])


def symmetric(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Symmetric matrices with eigenvalues that lie apart."""
    q, _ = np.linalg.qr(rng.normal(size=shape))
    return (q * np.arange(1.0, shape[-1] + 1)) @ np.swapaxes(q, -1, -2)


def regular(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Matrices with singular values that lie apart."""
    m, n = shape[-2:]
    k = min(m, n)
    u, _ = np.linalg.qr(rng.normal(size=(*shape[:-1], k)))
    v, _ = np.linalg.qr(rng.normal(size=(*shape[:-2], n, k)))
    return (u * np.arange(1.0, k + 1)) @ np.swapaxes(v, -1, -2)


def regular_complex(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Complex matrices that lie apart from singular and from real ones."""
    turned = np.exp(1j * rng.uniform(0.5, 1, shape[-1]))
    return regular(rng, shape) * turned + 0.3j * rng.normal(size=shape)


def dominant(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Elements that outweigh two of the usual ones."""
    return rng.uniform(5, 7, size=shape)


def _case(shape: tuple[int, ...], domain: Any, dtypes: Any = WIDE, **params: Any) -> Case:
    return Case((Arg(shape, domain),), params, dtypes, ulps=4096, orders=1)


REAL = ("float64", "float32")
_SIDES = [
    {"left_side": True, "lower": True, "transpose_a": False, "unit_diagonal": False},
    {"left_side": False, "lower": False, "transpose_a": False, "unit_diagonal": True},
    {"left_side": True, "lower": False, "transpose_a": True, "unit_diagonal": False},
    {"left_side": False, "lower": True, "transpose_a": True, "unit_diagonal": True},
]

CASES = {
    "cholesky": [_case((3, 3), definite), _case((2, 3, 3), definite)],
    "triangular_solve": [
        Case((Arg((2, 3, 3), definite), Arg((2, 3, 3))), {**p, "conjugate_a": False}, WIDE,
             ulps=4096, orders=1)
        for p in _SIDES
    ],
    "lu": [_case(s, regular) for s in ((3, 3), (2, 4, 3), (3, 4))],
    "qr": [
        *[
            _case(s, domain, dtypes, full_matrices=False)
            for s in ((3, 3), (2, 4, 3))
            for domain, dtypes in ((regular, REAL), (regular_complex, COMPLEX))
        ],
        Case((Arg((2, 3, 4), regular),), {"full_matrices": True}, WIDE, smooth=False, ulps=4096),
    ],
    "geqrf": [
        Case((Arg(s, regular),), {}, WIDE, smooth=False, ulps=4096)
        for s in ((3, 3), (2, 4, 3), (2, 4))
    ],
    "qr_pivots": [
        Case((Arg(s, regular),), {}, WIDE, smooth=False) for s in ((3, 3), (2, 4, 3), (2, 3, 4))
    ],
    "eigh": [_case((3, 3), symmetric, REAL, lower=True), _case((2, 3, 3), symmetric, REAL,
                                                               lower=False)],
    "svd": [
        *[_case(s, regular, REAL, full_matrices=False, compute_uv=True)
          for s in ((3, 3), (2, 4, 3), (3, 4))],
        _case((2, 3, 4), regular, full_matrices=True, compute_uv=False),
        Case((Arg((2, 3, 4), regular),), {"full_matrices": True, "compute_uv": True}, REAL,
             smooth=False, ulps=8192),
    ],
    "tridiagonal_solve": [
        Case((Arg(s), Arg(s, dominant), Arg(s), Arg((*s, 2))), {}, WIDE, ulps=4096, orders=2)
        for s in ((4,), (2, 3), (1,))
    ],
    "schur": [
        Case((Arg(s, regular),), {"vectors": v}, WIDE, smooth=False, ulps=65536)
        for s, v in (((3, 3), True), ((2, 4, 4), True), ((3, 3), False))
    ],
    "hessenberg": [
        Case((Arg(s, regular),), {}, WIDE, smooth=False, ulps=4096) for s in ((4, 4), (2, 3, 3))
    ],
    "tridiagonal": [
        Case((Arg((2, 4, 4), symmetric),), {"lower": low}, WIDE, smooth=False, ulps=4096)
        for low in (True, False)
    ],
    "eig": [_case((2, 3, 3), regular, REAL, vectors=False, left=False)],
}  # fmt: skip
