"""Mutable references: cells whose value changes in place, inside of transforms too."""

from ms_func.ir.types import RefType as AbstractRef
from ms_func.numpy.references import addupdate, freeze, get, new_ref, set, swap
from ms_func.tracing.reference import Ref

__all__ = ["AbstractRef", "Ref", "addupdate", "freeze", "get", "new_ref", "set", "swap"]
