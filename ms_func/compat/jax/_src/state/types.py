"""Types of references."""

from ms_func.ir.types import RefType as AbstractRef

__all__ = ["AbstractRef"]
