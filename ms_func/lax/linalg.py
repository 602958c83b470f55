"""Linear algebra under its name in `lax.linalg`; no code of its own."""

from ms_func.lax.matrices import cholesky_update as cholesky_update
from ms_func.lax.matrices import householder_product as householder_product
from ms_func.lax.matrices import lu_pivots_to_permutation as lu_pivots_to_permutation
from ms_func.lax.matrices import ormqr as ormqr
from ms_func.lax.matrices import qdwh as qdwh
from ms_func.lax.matrices import symmetric_product as symmetric_product
from ms_func.primitives.decompositions import eig as eig
from ms_func.primitives.decompositions import eigh as eigh
from ms_func.primitives.decompositions import qr as qr
from ms_func.primitives.decompositions import svd as svd
from ms_func.primitives.linalg import cholesky as cholesky
from ms_func.primitives.linalg import lu as lu
from ms_func.primitives.linalg import triangular_solve as triangular_solve
from ms_func.primitives.similarity import hessenberg as hessenberg
from ms_func.primitives.similarity import schur as schur
from ms_func.primitives.similarity import tridiagonal as tridiagonal
from ms_func.primitives.tridiagonal import tridiagonal_solve as tridiagonal_solve

__all__ = [
    "cholesky", "cholesky_update", "eig", "eigh", "hessenberg", "householder_product", "lu",
    "lu_pivots_to_permutation", "ormqr", "qdwh", "qr", "schur", "svd", "symmetric_product",
    "triangular_solve", "tridiagonal", "tridiagonal_solve",
]  # fmt: skip
