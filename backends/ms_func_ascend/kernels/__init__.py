"""What each operator computes, in NumPy: the definitions that `simulate` runs.

A kernel is called as `kernel(node, *inputs)`; unfed optional inputs are None. It returns an
array, or a tuple for several outputs.
"""

from ms_func_ascend.kernels import elementwise, linear, neural, reduce, shape
from ms_func_ascend.kernels.base import KERNELS
from ms_func_ascend.kernels.collective import COLLECTIVES

__all__ = ["COLLECTIVES", "KERNELS", "elementwise", "linear", "neural", "reduce", "shape"]
