"""Stages of compilation under their field names; no code of its own."""

from ms_func.api.stages import ArgInfo as ArgInfo
from ms_func.api.stages import Compiled as Compiled
from ms_func.api.stages import Lowered as Lowered
from ms_func.api.stages import Traced as Traced

__all__ = ["ArgInfo", "Compiled", "Lowered", "Traced"]
__dir__ = __all__.copy
