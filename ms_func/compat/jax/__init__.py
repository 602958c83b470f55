"""What `import jax` and its sub-modules give under `as_jax()` beyond the names of `ms_func`.

A module here stands for the module of JAX of the same path; its names come on top of those of
the module of that path in `ms_func`, and win over them.
"""

from __future__ import annotations

import enum
import functools
import platform
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np

import ms_func
from ms_func import config as _settings
from ms_func.api.compile import clear_caches
from ms_func.api.shard_map import INFER as _INFER
from ms_func.compat.flags import config
from ms_func.compat.flags import context as _context
from ms_func.compat.jax.api_util import debug_info as _debug_info
from ms_func.compat.jax.sharding import set_mesh as set_mesh
from ms_func.compat.rules import closed as _closed
from ms_func.control_flow.custom_gradient import custom_gradient
from ms_func.dtypes import float0
from ms_func.execution.eager import ensure_compile_time_eval
from ms_func.execution.shards import Shard
from ms_func.ir.axes import Axis as _Axis
from ms_func.ir.axes import bound as _bound
from ms_func.ir.mesh import AxisType as _AxisType
from ms_func.runtime import extension as _extension

__version__ = "0.10.2"
__version_info__ = (0, 10, 2)
Device = _extension.Device
custom_gradient, float0, Shard, config = custom_gradient, float0, Shard, config
clear_caches, ensure_compile_time_eval = clear_caches, ensure_compile_time_eval
make_user_context = _settings.make_user_context

enable_x64 = _context("enable_x64", "Within a `with` block, 64-bit dtypes are on or off.")
default_device = _context("default_device", "Device of new arrays within a `with` block.")
default_matmul_precision = _context(
    "default_matmul_precision", "Precision of products within a `with` block."
)
log_compiles = _context("log_compiles", "Log each compilation within a `with` block.")
debug_nans = _context("debug_nans", "Raise where a NaN appears, within a `with` block.")
debug_infs = _context("debug_infs", "Raise where an infinity appears, within a `with` block.")
debug_key_reuse = _context("debug_key_reuse", "Raise where a key is used twice, in a block.")
numpy_rank_promotion = _context(
    "numpy_rank_promotion", "'allow', 'warn' or 'raise' on operands of different rank."
)
numpy_dtype_promotion = _context(
    "numpy_dtype_promotion", "'standard' or 'strict' promotion of dtypes within a block."
)
check_tracer_leaks = _context("check_tracer_leaks", "Look for escaped traced values in a block.")
checking_leaks = functools.partial(check_tracer_leaks, True)
default_prng_impl = _context("default_prng_impl", "Kind of new keys within a `with` block.")
threefry_partitionable = _context(
    "threefry_partitionable", "Newer or older layout of the numbers drawn with Threefry."
)
enable_custom_prng = _context("enable_custom_prng", "Whether `PRNGKey` makes typed keys.")
enable_checks = _context("enable_checks", "Accepted; programs are always checked.")
explain_cache_misses = _context("explain_cache_misses", "Accepted; see `log_compiles`.")
legacy_prng_key = _context("legacy_prng_key", "Whether old-style keys are allowed.")
no_tracing = _context("no_tracing", "Raise where a function would be recorded, in a block.")
no_execution = _context("no_execution", "Not available.")
softmax_custom_jvp = _context("softmax_custom_jvp", "Accepted; softmax has its own derivative.")
transfer_guard = _context("transfer_guard", "What happens to copies between host and device.")
transfer_guard_host_to_device = _context(
    "transfer_guard_host_to_device", "What happens to copies to devices."
)
transfer_guard_device_to_device = _context(
    "transfer_guard_device_to_device", "What happens to copies between devices."
)
transfer_guard_device_to_host = _context(
    "transfer_guard_device_to_host", "What happens to copies to the host."
)
array_garbage_collection_guard = _context("array_garbage_collection_guard", "Only 'allow'.")
allow_f16_reductions = _context("allow_f16_reductions", "Only False.")
auto_pcast = _context("auto_pcast", "Only True.")
thread_guard = _context("thread_guard", "Only False.")
remove_size_one_mesh_axis_from_type = _context("remove_size_one_mesh_axis_from_type", "Only False.")
jax2tf_associative_scan_reductions = _context("jax2tf_associative_scan_reductions", "Only False.")


def disable_jit(disable: bool = True) -> AbstractContextManager[None]:
    """Run jitted functions operation by operation within a `with` block."""
    return _settings.disable_jit(disable)


def make_jaxpr(
    fun: Callable[..., Any], static_argnums: int | tuple[int, ...] = (), axis_env: Any = None,
    return_shape: bool = False, abstracted_axes: Any = None,
) -> Callable[..., Any]:  # fmt: skip
    """Function of the same arguments giving the program recorded of `fun`.

    What `fun` closes over are its constants, as in JAX. `axis_env` holds pairs (name, size) of axes
    that are in force while it is recorded.

    Raises:
        NotImplementedError: `abstracted_axes` is given.
    """
    if abstracted_axes is not None:
        raise NotImplementedError("make_jaxpr takes no abstracted_axes here")
    axes = [_Axis(name, size) for name, size in axis_env or ()]
    ms_func.jit(fun)  # raises TypeError on what is no function
    numbers = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)

    @functools.wraps(fun, updated=())
    def recorded(*args: Any, **kwargs: Any) -> Any:
        with _bound(*axes):
            traced = ms_func.jit(fun, static_argnums=numbers).trace(*args, **kwargs)
        program = _closed(traced.ir, traced.captured)
        program.jaxpr.memo["debug_info"] = _debug_info(
            "jit", fun, args, kwargs, static_argnums=numbers,
            result_paths=tuple(
                f"result{ms_func.tree.keystr(path)}"
                for path, _ in ms_func.tree.leaves_with_path(traced.out_info)
            ),
        )  # fmt: skip
        return (program, traced.out_info) if return_shape else program

    return recorded


def smap(f: Any = None, /, *, in_axes: Any = _INFER, out_axes: Any, axis_name: Any) -> Any:
    """`shard_map` along one axis of the mesh in force.

    Args:
        f: function of arrays, called with pieces; None gives a decorator.
        in_axes: for each argument the dimension that is cut, None for an argument that is not, or
            a tree of these; by default as the arguments lie.
        out_axes: the same for the results.
        axis_name: the axis of the mesh.
    """
    if f is None:
        return functools.partial(smap, in_axes=in_axes, out_axes=out_axes, axis_name=axis_name)

    def specs(axes: Any) -> Any:
        def spec(axis: int | None) -> Any:
            return ms_func.P() if axis is None else ms_func.P(*[None] * axis, axis_name)

        return ms_func.tree.map(spec, axes, is_leaf=lambda a: a is None)

    return ms_func.shard_map(
        f, in_specs=in_axes if in_axes is _INFER else specs(in_axes), out_specs=specs(out_axes),
        axis_names={axis_name},
    )  # fmt: skip


class MemorySpace(enum.Enum):
    """Kinds of memory of a device; all arrays of a device lie in one memory here."""

    Device = enum.auto()
    Host = enum.auto()
    Any = enum.auto()

    def __repr__(self) -> str:
        return f"MemorySpace.{self.name}"


memory = SimpleNamespace(Space=MemorySpace)


def device_put(
    x: Any, device: Any = None, *, src: Any = None, donate: bool = False, may_alias: Any = None
) -> Any:
    """`ms_func.device_put`; where a kind of memory is given, arrays stay where they are."""
    places = ms_func.tree.map(
        lambda d: None if isinstance(d, MemorySpace) else d, device, is_leaf=lambda d: d is None
    )
    return ms_func.device_put(x, places, src=src, donate=donate, may_alias=may_alias)


def process_indices(backend: Any = None) -> list[int]:
    """Numbers of all processes."""
    return list(range(ms_func.process_count()))


def host_id(backend: Any = None) -> int:
    """`process_index`, by its old name."""
    return ms_func.process_index()


def host_ids(backend: Any = None) -> list[int]:
    """`process_indices`, by its old name."""
    return process_indices()


def host_count(backend: Any = None) -> int:
    """`process_count`, by its old name."""
    return ms_func.process_count()


def ds(start: Any, size: int | None = None) -> slice:
    """`slice(start, start + size)`, for indices of a known size."""
    return slice(0, start) if size is None else slice(start, start + size)


def print_environment_info(return_string: bool = False) -> str | None:
    """Versions and devices, for reports of faults."""
    text = (
        f"ms_func: {ms_func.__version__} as jax {__version__}\n"
        f"jaxlib: {__import__('jaxlib').__version__}\nnumpy: {np.__version__}\n"
        f"ml_dtypes: {ml_dtypes.__version__}\npython: {sys.version}\n"
        f"devices: {ms_func.devices()}\nplatform: {platform.platform()}\n"
    )
    if return_string:
        return text
    print(text, end="")
    return None


def make_mesh(
    axis_shapes: Any, axis_names: Any, axis_types: Any = None, *, devices: Any = None
) -> ms_func.Mesh:
    """Mesh over the first devices; its axes are explicit unless others are asked for, as in JAX."""
    kinds = _AxisType.Explicit if axis_types is None else axis_types
    return ms_func.make_mesh(axis_shapes, axis_names, kinds, devices=devices)
