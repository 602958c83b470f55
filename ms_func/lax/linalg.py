"""Linear algebra under its name in `lax.linalg`; no code of its own."""

from ms_func.primitives.decompositions import eig as eig
from ms_func.primitives.decompositions import eigh as eigh
from ms_func.primitives.decompositions import qr as qr
from ms_func.primitives.decompositions import svd as svd
from ms_func.primitives.linalg import cholesky as cholesky
from ms_func.primitives.linalg import lu as lu
from ms_func.primitives.linalg import triangular_solve as triangular_solve

__all__ = ["cholesky", "eig", "eigh", "lu", "qr", "svd", "triangular_solve"]
