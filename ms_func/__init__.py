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

from ms_func import (
    ad_checkpoint,
    config,
    custom_batching,
    custom_derivatives,
    debug,
    dtypes,
    errors,
    extend,
    flatten_util,
    lax,
    nn,
    numpy,
    ops,
    optim,
    random,
    ref,
    scipy,
    sharding,
    stages,
    tree,
    tree_util,
    typing,
)
from ms_func.api.compile import clear_caches, disable_jit, eval_shape, jit, make_ir, make_jaxpr
from ms_func.api.devices import (
    block_until_ready,
    copy_to_host_async,
    default_backend,
    device_count,
    device_get,
    device_put,
    devices,
    live_arrays,
    local_device_count,
    local_devices,
    make_array_from_callback,
    make_array_from_process_local_data,
    make_array_from_single_device_arrays,
    process_count,
    process_index,
    reshard,
)
from ms_func.api.differentiate import grad, value_and_grad
from ms_func.api.export import export
from ms_func.api.jacobian import hessian, hvp, jacfwd, jacobian, jacrev
from ms_func.api.linearize import fwd_and_bwd, jvp, linear_transpose, linearize, vjp
from ms_func.api.names import named_call, named_scope
from ms_func.api.pmap import pmap
from ms_func.api.profile import profile_compile
from ms_func.api.shard_map import shard_map
from ms_func.api.vectorize import vmap
from ms_func.control_flow.checkpoint import checkpoint, checkpoint_policies
from ms_func.control_flow.closure_convert import closure_convert
from ms_func.control_flow.custom_gradient import custom_gradient
from ms_func.control_flow.custom_jvp import custom_jvp
from ms_func.control_flow.custom_vjp import custom_vjp
from ms_func.control_flow.linear_solve import fixed_point
from ms_func.execution.array import Array
from ms_func.execution.eager import ensure_compile_time_eval
from ms_func.execution.guards import (
    transfer_guard,
    transfer_guard_device_to_device,
    transfer_guard_device_to_host,
    transfer_guard_host_to_device,
)
from ms_func.ir.mesh import Mesh, make_mesh, set_mesh
from ms_func.ir.sharding import NamedSharding, P, PartitionSpec
from ms_func.ir.types import ShapeDtypeStruct, typeof
from ms_func.numpy.protocol import attach as _let_numpy_ask
from ms_func.primitives.callbacks import pure_callback
from ms_func.primitives.effects import effects_barrier
from ms_func.primitives.sharding import constrain
from ms_func.ref import Ref, empty_ref, free_ref, freeze, new_ref

if _TYPE_CHECKING:
    from ms_func import distributed, dlpack, ffi, image, ode, profiler
    from ms_func.api.shard import shard
    from ms_func.compat.alias import as_jax
    from ms_func.source.convert import convert, converted_source, no_convert

if _collecting:
    if not _gc.get_freeze_count():  # to the oldest generation: the next search need not walk them
        _gc.freeze()
        _gc.unfreeze()
    _gc.enable()

_let_numpy_ask()
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

__all__ = [
    "Array", "Mesh", "NamedSharding", "P", "PartitionSpec", "Ref", "ShapeDtypeStruct",
    "__version__", "ad_checkpoint", "array_ref", "as_jax", "block_until_ready",
    "check_tracer_leaks", "checkpoint", "checkpoint_policies", "clear_caches", "closure_convert",
    "config", "constrain", "convert", "converted_source", "copy_to_host_async", "custom_batching",
    "custom_derivatives", "custom_gradient", "custom_jvp", "custom_vjp", "debug", "debug_infs",
    "debug_key_reuse", "debug_nans", "default_backend", "default_device",
    "default_matmul_precision", "default_prng_impl", "device_count", "device_get", "device_put",
    "devices", "disable_jit", "distributed", "dlpack", "dtypes", "effects_barrier", "empty_ref",
    "ensure_compile_time_eval", "errors", "eval_shape", "export", "extend", "ffi", "fixed_point",
    "flatten_util", "free_ref", "freeze", "fwd_and_bwd", "grad", "hessian", "hvp", "image",
    "jacfwd", "jacobian", "jacrev", "jit", "jvp", "lax", "linear_transpose", "linearize",
    "live_arrays", "local_device_count", "local_devices", "log_compiles",
    "make_array_from_callback", "make_array_from_process_local_data",
    "make_array_from_single_device_arrays", "make_ir", "make_jaxpr", "make_mesh", "named_call",
    "named_scope", "new_ref", "nn", "no_convert", "no_tracing", "numpy", "numpy_dtype_promotion",
    "numpy_rank_promotion", "ode", "ops", "optim", "pmap", "process_count", "process_index",
    "profile_compile", "profiler", "pure_callback", "random", "ref", "remat", "reshard", "scipy",
    "set_mesh", "shard", "shard_map", "sharding", "stages", "transfer_guard",
    "transfer_guard_device_to_device", "transfer_guard_device_to_host",
    "transfer_guard_host_to_device", "tree", "tree_util", "typeof", "typing", "value_and_grad",
    "vjp", "vmap",
]  # fmt: skip
__dir__ = __all__.copy

_LATE = {
    **{name: name for name in ("distributed", "dlpack", "ffi", "image", "ode", "profiler")},
    **dict.fromkeys(("convert", "converted_source", "no_convert"), "source.convert"),
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
