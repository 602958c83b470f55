"""Linear systems with sparse matrices."""

from __future__ import annotations

from typing import Any

from ms_func import numpy as np
from ms_func.experimental.sparse.compressed import CSR

__all__ = ["spsolve"]
__dir__ = __all__.copy


def spsolve(
    data: Any, indices: Any, indptr: Any, b: Any, tol: float = 1e-6, reorder: int = 1
) -> Any:
    """Solution of `A x = b` for a matrix by compressed rows.

    It is solved with all elements of `A` at hand: O(n^3), and derivatives with respect to `data`
    and `b`.

    Args:
        data, indices, indptr: the matrix; see `CSR`.
        b: right side, `[n]`.
        tol, reorder: accepted for compatibility.
    """
    n = np.shape(b)[0]
    return np.linalg.solve(CSR((data, indices, indptr), shape=(n, n)).todense(), b)
