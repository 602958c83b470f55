"""Integration of samples under the names of `scipy.integrate`; no code of its own."""

from ms_func.numpy.calculus import trapezoid as trapezoid

__all__ = ["trapezoid"]
__dir__ = __all__.copy
