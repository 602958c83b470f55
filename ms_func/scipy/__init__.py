"""Functions under the names of SciPy."""

from ms_func.scipy import special

__all__ = ["special"]
