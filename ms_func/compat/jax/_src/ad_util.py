"""Primitives of differentiation."""

from ms_func.control_flow.identities import stop_gradient_p

__all__ = ["stop_gradient_p"]
