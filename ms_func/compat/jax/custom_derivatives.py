"""`jax.custom_derivatives`."""

from __future__ import annotations

from typing import Any

from ms_func import tree
from ms_func.control_flow.custom_gradient import custom_gradient
from ms_func.control_flow.custom_jvp import custom_jvp_p as custom_jvp_call_p
from ms_func.control_flow.custom_vjp import CustomVJPPrimal
from ms_func.control_flow.custom_vjp_primitive import custom_vjp_p as custom_vjp_call_p
from ms_func.control_flow.rules import SymbolicZero
from ms_func.ir.types import typeof
from ms_func.transforms.zeros import zeros

__all__ = [
    "custom_gradient",
    "custom_jvp_call_p",
    "custom_vjp_call_p",
    "custom_vjp_primal_tree_values",
    "zero_from_primal",
]


def zero_from_primal(val: Any, symbolic_zeros: bool = False) -> Any:
    """The zero tangent of each leaf of `val`: a `SymbolicZero`, or an array of zeros."""

    def zero(leaf: Any) -> Any:
        kind = typeof(leaf).tangent
        return SymbolicZero(kind) if symbolic_zeros else zeros(kind)

    return tree.map(zero, val)


def custom_vjp_primal_tree_values(tree_: Any) -> Any:
    """A tree of `CustomVJPPrimal`s with the values in their places."""
    for leaf in tree.leaves(tree_):
        if type(leaf) is not CustomVJPPrimal:
            raise TypeError(f"unexpected leaf of type {type(leaf)}")
    return tree.map(lambda leaf: leaf.value, tree_)
