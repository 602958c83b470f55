"""Recomputation instead of storage, under the field's names; no code of its own."""

from ms_func.control_flow.checkpoint import checkpoint as checkpoint
from ms_func.control_flow.checkpoint import checkpoint_policies as checkpoint_policies
from ms_func.control_flow.identities import checkpoint_name as checkpoint_name
from ms_func.control_flow.residuals import print_saved_residuals as print_saved_residuals
from ms_func.control_flow.residuals import saved_residuals as saved_residuals

__all__ = [
    "checkpoint", "checkpoint_name", "checkpoint_policies", "print_saved_residuals",
    "saved_residuals",
]  # fmt: skip
__dir__ = __all__.copy
