"""Linear algebra under the names of `scipy.linalg`."""

from ms_func.scipy.linalg import basic
from ms_func.scipy.linalg.basic import *  # noqa: F403
from ms_func.scipy.linalg.functions import eigh_tridiagonal as eigh_tridiagonal
from ms_func.scipy.linalg.functions import expm_frechet as expm_frechet
from ms_func.scipy.linalg.functions import funm as funm
from ms_func.scipy.linalg.functions import hessenberg as hessenberg
from ms_func.scipy.linalg.functions import polar as polar
from ms_func.scipy.linalg.functions import qr_multiply as qr_multiply
from ms_func.scipy.linalg.functions import rsf2csf as rsf2csf
from ms_func.scipy.linalg.functions import schur as schur
from ms_func.scipy.linalg.functions import solve_sylvester as solve_sylvester
from ms_func.scipy.linalg.functions import sqrtm as sqrtm
from ms_func.scipy.linalg.structured import circulant as circulant
from ms_func.scipy.linalg.structured import companion as companion
from ms_func.scipy.linalg.structured import convolution_matrix as convolution_matrix
from ms_func.scipy.linalg.structured import dft as dft
from ms_func.scipy.linalg.structured import fiedler as fiedler
from ms_func.scipy.linalg.structured import fiedler_companion as fiedler_companion
from ms_func.scipy.linalg.structured import hadamard as hadamard
from ms_func.scipy.linalg.structured import hankel as hankel
from ms_func.scipy.linalg.structured import helmert as helmert
from ms_func.scipy.linalg.structured import hilbert as hilbert
from ms_func.scipy.linalg.structured import invhilbert as invhilbert
from ms_func.scipy.linalg.structured import invpascal as invpascal
from ms_func.scipy.linalg.structured import leslie as leslie
from ms_func.scipy.linalg.structured import pascal as pascal
from ms_func.scipy.linalg.structured import toeplitz as toeplitz

__all__ = [
    "circulant", "companion", "convolution_matrix", "dft", "eigh_tridiagonal", "expm_frechet",
    "fiedler", "fiedler_companion", "funm", "hadamard", "hankel", "helmert", "hessenberg",
    "hilbert", "invhilbert", "invpascal", "leslie", "pascal", "polar", "qr_multiply", "rsf2csf",
    "schur", "solve_sylvester", "sqrtm", "toeplitz",
]  # fmt: skip
__all__ += basic.__all__
__dir__ = __all__.copy
