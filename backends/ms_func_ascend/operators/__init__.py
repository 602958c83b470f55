"""Translation rules, one file per family; importing this package registers all of them."""

from . import arithmetic, control_flow, conv, dot, elementwise, indexing, linalg, reduce, shape
from .registry import RULES, Rule

__all__ = ["RULES", "Rule", "arithmetic", "control_flow", "conv", "dot", "elementwise",
           "indexing", "linalg", "reduce", "shape"]  # fmt: skip
