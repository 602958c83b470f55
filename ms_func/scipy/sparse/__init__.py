"""`scipy.sparse`: solvers that know a matrix by its products only."""

from ms_func.scipy.sparse import linalg as linalg

__all__ = ["linalg"]
__dir__ = __all__.copy
