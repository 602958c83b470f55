"""Familiar spelling of `ms_func.testing`; no code of its own."""

from ms_func.testing import check_grads as check_grads
from ms_func.testing import check_jvp as check_jvp
from ms_func.testing import check_primitive as check_primitive
from ms_func.testing import check_vjp as check_vjp

__all__ = ["check_grads", "check_jvp", "check_primitive", "check_vjp"]
__dir__ = __all__.copy
