"""Composable function transformations on XLA: grad, jit, vmap, shard.

>>> import ms_func as ms
>>> float(ms.grad(lambda x: x * x)(3.0))
6.0
"""

from __future__ import annotations

import gc as _gc
from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

_collecting = _gc.isenabled()
_gc.disable()  # imports leave no garbage; looking for it in their midst costs a tenth of their time

from ms_func import ad_checkpoint as ad_checkpoint
from ms_func import config as config
from ms_func import custom_batching as custom_batching
from ms_func import custom_derivatives as custom_derivatives
from ms_func import debug as debug
from ms_func import dtypes as dtypes
from ms_func import errors as errors
from ms_func import extend as extend
from ms_func import flatten_util as flatten_util
from ms_func import lax as lax
from ms_func import nn as nn
from ms_func import numpy as numpy
from ms_func import ops as ops
from ms_func import optim as optim
from ms_func import random as random
from ms_func import ref as ref
from ms_func import scipy as scipy
from ms_func import sharding as sharding
from ms_func import stages as stages
from ms_func import tree as tree
from ms_func import tree_util as tree_util
from ms_func import typing as typing
from ms_func.api.compile import clear_caches as clear_caches
from ms_func.api.compile import disable_jit as disable_jit
from ms_func.api.compile import eval_shape as eval_shape
from ms_func.api.compile import jit as jit
from ms_func.api.compile import make_ir as make_ir
from ms_func.api.compile import make_jaxpr as make_jaxpr
from ms_func.api.devices import block_until_ready as block_until_ready
from ms_func.api.devices import copy_to_host_async as copy_to_host_async
from ms_func.api.devices import default_backend as default_backend
from ms_func.api.devices import device_count as device_count
from ms_func.api.devices import device_get as device_get
from ms_func.api.devices import device_put as device_put
from ms_func.api.devices import devices as devices
from ms_func.api.devices import live_arrays as live_arrays
from ms_func.api.devices import local_device_count as local_device_count
from ms_func.api.devices import local_devices as local_devices
from ms_func.api.devices import make_array_from_callback as make_array_from_callback
from ms_func.api.devices import (
    make_array_from_process_local_data as make_array_from_process_local_data,
)
from ms_func.api.devices import (
    make_array_from_single_device_arrays as make_array_from_single_device_arrays,
)
from ms_func.api.devices import process_count as process_count
from ms_func.api.devices import process_index as process_index
from ms_func.api.devices import reshard as reshard
from ms_func.api.differentiate import grad as grad
from ms_func.api.differentiate import value_and_grad as value_and_grad
from ms_func.api.export import export as export
from ms_func.api.jacobian import hessian as hessian
from ms_func.api.jacobian import hvp as hvp
from ms_func.api.jacobian import jacfwd as jacfwd
from ms_func.api.jacobian import jacobian as jacobian
from ms_func.api.jacobian import jacrev as jacrev
from ms_func.api.linearize import fwd_and_bwd as fwd_and_bwd
from ms_func.api.linearize import jvp as jvp
from ms_func.api.linearize import linear_transpose as linear_transpose
from ms_func.api.linearize import linearize as linearize
from ms_func.api.linearize import vjp as vjp
from ms_func.api.names import named_call as named_call
from ms_func.api.names import named_scope as named_scope
from ms_func.api.pmap import pmap as pmap
from ms_func.api.profile import profile_compile as profile_compile
from ms_func.api.shard_map import shard_map as shard_map
from ms_func.api.vectorize import vmap as vmap
from ms_func.control_flow.checkpoint import checkpoint as checkpoint
from ms_func.control_flow.checkpoint import checkpoint_policies as checkpoint_policies
from ms_func.control_flow.closure_convert import closure_convert as closure_convert
from ms_func.control_flow.custom_gradient import custom_gradient as custom_gradient
from ms_func.control_flow.custom_jvp import custom_jvp as custom_jvp
from ms_func.control_flow.custom_vjp import custom_vjp as custom_vjp
from ms_func.control_flow.linear_solve import fixed_point as fixed_point
from ms_func.execution.array import Array as Array
from ms_func.execution.eager import ensure_compile_time_eval as ensure_compile_time_eval
from ms_func.execution.guards import transfer_guard as transfer_guard
from ms_func.execution.guards import (
    transfer_guard_device_to_device as transfer_guard_device_to_device,
)
from ms_func.execution.guards import transfer_guard_device_to_host as transfer_guard_device_to_host
from ms_func.execution.guards import transfer_guard_host_to_device as transfer_guard_host_to_device
from ms_func.ir.mesh import Mesh as Mesh
from ms_func.ir.mesh import make_mesh as make_mesh
from ms_func.ir.mesh import set_mesh as set_mesh
from ms_func.ir.sharding import NamedSharding as NamedSharding
from ms_func.ir.sharding import P as P
from ms_func.ir.sharding import PartitionSpec as PartitionSpec
from ms_func.ir.types import ShapeDtypeStruct as ShapeDtypeStruct
from ms_func.ir.types import typeof as typeof
from ms_func.primitives.callbacks import pure_callback as pure_callback
from ms_func.primitives.effects import effects_barrier as effects_barrier
from ms_func.primitives.sharding import constrain as constrain
from ms_func.ref import Ref as Ref
from ms_func.ref import empty_ref as empty_ref
from ms_func.ref import free_ref as free_ref
from ms_func.ref import freeze as freeze
from ms_func.ref import new_ref as new_ref
from ms_func.source.convert import convert as convert
from ms_func.source.convert import converted_source as converted_source
from ms_func.source.convert import no_convert as no_convert

if _TYPE_CHECKING:
    from ms_func import image as image
    from ms_func import ode as ode
    from ms_func.api.shard import shard as shard
    from ms_func.compat.alias import as_jax as as_jax

if _collecting:
    if not _gc.get_freeze_count():  # to the oldest generation: the next search need not walk them
        _gc.freeze()
        _gc.unfreeze()
    _gc.enable()

array_ref = new_ref
remat = checkpoint
check_tracer_leaks = config.check_tracer_leaks
debug_infs = config.debug_infs
debug_key_reuse = config.debug_key_reuse
debug_nans = config.debug_nans
default_device = config.default_device
default_matmul_precision = config.default_matmul_precision
default_prng_impl = config.default_prng_impl
log_compiles = config.log_compiles
no_tracing = config.no_tracing
numpy_dtype_promotion = config.numpy_dtype_promotion
numpy_rank_promotion = config.numpy_rank_promotion

__version__ = "0.1.0"

_LATE = {
    **{name: name for name in ("distributed", "dlpack", "ffi", "image", "ode", "profiler")},
    "as_jax": "compat.alias",
    "shard": "api.shard",
}
"""What is imported when it is first used, and the modules that it is or is in."""


def __getattr__(name: str) -> _Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _import_module(f"{__name__}.{_LATE[name]}")
    found = globals()[name] = module if _LATE[name] == name else getattr(module, name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATE})
