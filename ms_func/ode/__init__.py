"""Ordinary differential equations: `odeint`, an adaptive method with two adjoints."""

from ms_func.ode.integration import odeint as odeint

__all__ = ["odeint"]
__dir__ = __all__.copy
