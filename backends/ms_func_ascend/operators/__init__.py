"""Translation rules, one file per family; importing this package registers all of them."""

from ms_func_ascend.operators import (
    arithmetic,
    attention,
    collective,
    control_flow,
    conv,
    dot,
    elementwise,
    fused,
    indexing,
    lapack,
    linalg,
    pooling,
    reduce,
    shape,
)
from ms_func_ascend.operators.registry import RULES, Rule

__all__ = [
    "RULES",
    "Rule",
    "arithmetic",
    "attention",
    "collective",
    "control_flow",
    "conv",
    "dot",
    "elementwise",
    "fused",
    "indexing",
    "lapack",
    "linalg",
    "pooling",
    "reduce",
    "shape",
]
