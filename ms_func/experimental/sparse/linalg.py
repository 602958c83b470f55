"""Linear systems with sparse matrices."""

from __future__ import annotations

from typing import Any

from ms_func import numpy as np
from ms_func.experimental.sparse.matrices import CSR

__all__ = ["spsolve"]
__dir__ = __all__.copy


def spsolve(
    data: Any, indices: Any, indptr: Any, b: Any, tol: float = 1e-6, reorder: int = 1
) -> Any:
    """Solution of `A x = b` for a matrix by compressed rows.

    It is solved with all elements of `A` at hand: O(n^3), and derivatives with respect to `data`
    and `b`.

    Args:
        data: elements `[nse]` of the matrix; see `CSR`.
        indices: their columns `[nse]`.
        indptr: where each row begins, `[n + 1]`.
        b: right side, `[n]`.
        tol: accepted for compatibility.
        reorder: accepted for compatibility.

    Returns:
        Vector `[n]`.

    Example:
        >>> m = CSR.fromdense(np.array([[2.0, 0.0], [0.0, 4.0]]))
        >>> spsolve(m.data, m.indices, m.indptr, np.array([1.0, 2.0])).tolist()
        [0.5, 0.5]
    """
    n = np.shape(b)[0]
    return np.linalg.solve(CSR((data, indices, indptr), shape=(n, n)).todense(), b)
