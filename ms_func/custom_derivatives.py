"""Functions with derivatives of their own, under the field's names; no code of its own."""

from ms_func.control_flow.closure_convert import closure_convert as closure_convert
from ms_func.control_flow.custom_gradient import custom_gradient as custom_gradient
from ms_func.control_flow.custom_jvp import custom_jvp as custom_jvp
from ms_func.control_flow.custom_vjp import CustomVJPPrimal as CustomVJPPrimal
from ms_func.control_flow.custom_vjp import custom_vjp as custom_vjp
from ms_func.control_flow.linear_call import linear_call as linear_call
from ms_func.control_flow.rules import SymbolicZero as SymbolicZero

__all__ = ["CustomVJPPrimal", "SymbolicZero", "closure_convert", "custom_gradient", "custom_jvp",
           "custom_vjp", "linear_call"]  # fmt: skip
__dir__ = __all__.copy
