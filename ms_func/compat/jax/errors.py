"""`jax.errors`: JAX's names of our exceptions, so that `except` clauses mean the same."""

from ms_func.errors import (
    ConcretizationTypeError,
    InconclusiveSizeError,
    IRError,
    NonConcreteBooleanIndexError,
)
from ms_func.runtime import extension as _extension

__all__ = ["InconclusiveDimensionOperation", "JAXIndexError", "JAXTypeError", "JaxRuntimeError",
           "JaxprTypeError"]  # fmt: skip

JAXTypeError = ConcretizationTypeError
JAXIndexError = NonConcreteBooleanIndexError
JaxRuntimeError = _extension.JaxRuntimeError
JaxprTypeError = IRError
InconclusiveDimensionOperation = InconclusiveSizeError
