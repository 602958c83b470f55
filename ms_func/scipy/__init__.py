"""Functions under the names of SciPy."""

from ms_func.scipy import linalg, special

__all__ = ["linalg", "special"]
