"""Linear algebra under its name in `lax.linalg`; no code of its own."""

from ms_func.lax.factorizations import EighImplementation as EighImplementation
from ms_func.lax.factorizations import EigImplementation as EigImplementation
from ms_func.lax.factorizations import SvdAlgorithm as SvdAlgorithm
from ms_func.lax.factorizations import eig as eig
from ms_func.lax.factorizations import eigh as eigh
from ms_func.lax.factorizations import svd as svd
from ms_func.lax.matrices import cholesky_update as cholesky_update
from ms_func.lax.matrices import householder_product as householder_product
from ms_func.lax.matrices import lu_pivots_to_permutation as lu_pivots_to_permutation
from ms_func.lax.matrices import ormqr as ormqr
from ms_func.lax.matrices import qdwh as qdwh
from ms_func.lax.matrices import symmetric_product as symmetric_product
from ms_func.primitives.decompositions import eig_p as eig_p
from ms_func.primitives.decompositions import eigh_p as eigh_p
from ms_func.primitives.decompositions import qr as qr
from ms_func.primitives.decompositions import qr_p as qr_p
from ms_func.primitives.linalg import cholesky as cholesky
from ms_func.primitives.linalg import cholesky_p as cholesky_p
from ms_func.primitives.linalg import lu as lu
from ms_func.primitives.linalg import lu_p as lu_p
from ms_func.primitives.linalg import triangular_solve as triangular_solve
from ms_func.primitives.linalg import triangular_solve_p as triangular_solve_p
from ms_func.primitives.similarity import hessenberg as hessenberg
from ms_func.primitives.similarity import hessenberg_p as hessenberg_p
from ms_func.primitives.similarity import schur as schur
from ms_func.primitives.similarity import schur_p as schur_p
from ms_func.primitives.similarity import tridiagonal as tridiagonal
from ms_func.primitives.similarity import tridiagonal_p as tridiagonal_p
from ms_func.primitives.singular_values import svd_p as svd_p
from ms_func.primitives.tridiagonal import tridiagonal_solve as tridiagonal_solve
from ms_func.primitives.tridiagonal import tridiagonal_solve_p as tridiagonal_solve_p

__all__ = [
    "EigImplementation",
    "EighImplementation",
    "SvdAlgorithm",
    "cholesky",
    "cholesky_p",
    "cholesky_update",
    "eig",
    "eig_p",
    "eigh",
    "eigh_p",
    "hessenberg",
    "hessenberg_p",
    "householder_product",
    "lu",
    "lu_p",
    "lu_pivots_to_permutation",
    "ormqr",
    "qdwh",
    "qr",
    "qr_p",
    "schur",
    "schur_p",
    "svd",
    "svd_p",
    "symmetric_product",
    "triangular_solve",
    "triangular_solve_p",
    "tridiagonal",
    "tridiagonal_p",
    "tridiagonal_solve",
    "tridiagonal_solve_p",
]  # fmt: skip
__dir__ = __all__.copy
