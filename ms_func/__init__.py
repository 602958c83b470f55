"""Composable function transformations on XLA: grad, jit, vmap, shard.

    >>> import ms_func as ms
    >>> float(ms.grad(lambda x: x * x)(3.0))
    6.0
"""

from __future__ import annotations

from ms_func import config as config
from ms_func import tree as tree
from ms_func.execution.array import Array as Array
from ms_func.api.compile import eval_shape as eval_shape
from ms_func.api.compile import jit as jit
from ms_func.api.differentiate import grad as grad
from ms_func.api.jacobian import hessian as hessian
from ms_func.api.jacobian import hvp as hvp
from ms_func.api.jacobian import jacfwd as jacfwd
from ms_func.api.jacobian import jacobian as jacobian
from ms_func.api.jacobian import jacrev as jacrev
from ms_func.api.linearize import jvp as jvp
from ms_func.api.linearize import linear_transpose as linear_transpose
from ms_func.api.linearize import linearize as linearize
from ms_func.api.differentiate import value_and_grad as value_and_grad
from ms_func.api.linearize import vjp as vjp
from ms_func.api.vectorize import vmap as vmap
from ms_func.ir.types import ShapeDtypeStruct as ShapeDtypeStruct
from ms_func import numpy as numpy

__version__ = "0.1.0"
