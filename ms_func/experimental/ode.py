"""`odeint` under the name of `jax.experimental.ode`; no code of its own."""

from ms_func.ode import odeint as odeint

__all__ = ["odeint"]
__dir__ = __all__.copy
