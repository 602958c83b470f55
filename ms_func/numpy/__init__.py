"""The array library: NumPy's functions on arrays of any backend, inside and outside of tracing."""

from ms_func.numpy.array_methods import attach

attach()
