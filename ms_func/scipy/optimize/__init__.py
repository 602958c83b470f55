"""Minimisation of functions, under the names of `scipy.optimize`."""

from ms_func.scipy.optimize.minimization import OptimizeResults as OptimizeResults
from ms_func.scipy.optimize.minimization import minimize as minimize

__all__ = ["OptimizeResults", "minimize"]
__dir__ = __all__.copy
