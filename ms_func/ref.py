"""Mutable references: cells whose value changes in place, inside of transforms too."""

from ms_func.ir.types import RefType as AbstractRef
from ms_func.numpy.references import addupdate, empty_ref, free_ref, freeze, get, new_ref, set, swap
from ms_func.tracing.reference import Ref

__all__ = [
    "AbstractRef", "Ref", "addupdate", "empty_ref", "free_ref", "freeze", "get", "new_ref", "set",
    "swap",
]  # fmt: skip
__dir__ = __all__.copy
