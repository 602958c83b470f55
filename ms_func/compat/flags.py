"""`jax.config`: JAX's settings by JAX's names, as far as something here answers to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from ms_func import config as settings
from ms_func.execution import guards
from ms_func.primitives.dot import canonical_precision
from ms_func.random import keys

__all__ = ["Flag", "config", "context", "flag"]


class Flag:
    """One setting of JAX: how it is read, set for the process and set within a `with` block.

    Attributes:
        name: JAX's name, such as `jax_enable_x64`.
        setting: the setting of ours behind it; None for a flag that has one possible value.
        into: from JAX's value to ours.
        out_of: the way back.
        only: the values allowed where no setting stands behind the flag.
        free: whether any value is, because there is nothing here that it could change.
    """

    def __init__(
        self, name: str, setting: Any = None, *, default: Any = None,
        only: tuple[Any, ...] = (), free: bool = False, into: Callable[[Any], Any] = lambda v: v,
        out_of: Callable[[Any], Any] = lambda v: v,
    ) -> None:  # fmt: skip
        self.name, self.setting, self.into, self.out_of = name, setting, into, out_of
        self.only, self.free = (default, *only), free
        self._value = default

    @property
    def value(self) -> Any:
        """The value in force."""
        return self._value if self.setting is None else self.out_of(self.setting.value)

    def set(self, value: Any) -> None:
        """Set the value for the process."""
        self.check(value)
        if self.setting is None:
            self._value = value
        else:
            self.setting.set(self.into(value))

    def check(self, value: Any) -> None:
        """Refuse a value that nothing here would honour.

        Raises:
            NotImplementedError: the flag stands for something that ms_func does not have.
        """
        if self.setting is None and not self.free and value not in self.only:
            allowed = ", ".join(repr(v) for v in self.only)
            raise NotImplementedError(
                f"{self.name}={value!r} asks for something that ms_func does not have; it can be "
                f"{allowed}\nfix: leave it at its default"
            )

    def __call__(self, new_val: Any = True) -> AbstractContextManager[None]:
        """Context manager that overrides the value in this thread."""
        self.check(new_val)
        if self.setting is not None:
            return self.setting(self.into(new_val))
        return self._held(new_val)

    @contextmanager
    def _held(self, value: Any) -> Iterator[None]:
        old, self._value = self._value, value
        try:
            yield
        finally:
            self._value = old


_flags: dict[str, Flag] = {}


def flag(name: str, setting: Any = None, **how: Any) -> Flag:
    """Make a flag known to `config`."""
    _flags[name] = made = Flag(name, setting, **how)
    return made


def context(name: str, doc: str) -> Callable[..., Any]:
    """The context manager `jax.<name>` of the flag `jax_<name>`."""

    def manager(new_val: Any = True) -> Any:
        return _flags[f"jax_{name}"](new_val)

    manager.__name__ = manager.__qualname__ = name
    manager.__doc__ = doc
    return manager


def _precision(value: Any) -> Any:
    """A name of a precision.

    Raises:
        ValueError: there is none of that name.
    """
    if value is not None:
        canonical_precision(value)
    return value


flag("jax_enable_x64", settings.x64, into=bool, out_of=bool)
flag("jax_disable_jit", settings.disable_jit)
flag("jax_default_device", settings.default_device)
flag("jax_default_matmul_precision", settings.default_matmul_precision, into=_precision)
flag("jax_log_compiles", settings.log_compiles)
flag("jax_num_cpu_devices", settings.num_cpu_devices, into=lambda n: n if n > 0 else None,
     out_of=lambda n: n or -1)  # fmt: skip
flag("jax_platforms", settings.platform)
flag("jax_platform_name", settings.platform, into=lambda v: v or None, out_of=lambda v: v or "")
for _name in ("numpy_rank_promotion", "numpy_dtype_promotion", "debug_nans", "debug_infs",
              "debug_key_reuse", "default_prng_impl", "check_tracer_leaks", "no_tracing",
              "threefry_partitionable"):  # fmt: skip
    flag(f"jax_{_name}", getattr(settings, _name))
flag("jax_legacy_prng_key", keys.legacy_prng_key)
flag("jax_enable_custom_prng", keys.enable_custom_prng)
for _guard in ("transfer_guard", "transfer_guard_host_to_device",
               "transfer_guard_device_to_device", "transfer_guard_device_to_host"):  # fmt: skip
    flag(f"jax_{_guard}", getattr(guards, _guard))
for _name, _default, _also in (
    ("jax_explicit_x64_dtypes", "warn", ()),
    ("jax_check_static_indices", False, ()),
    ("jax_log_checkpoint_residuals", False, ()),
    ("jax_error_checking_behavior_nan", "ignore", ()),
    ("jax_error_checking_behavior_divide", "ignore", ()),
    ("jax_error_checking_behavior_oob", "ignore", ()),
    ("jax_disallow_mesh_context_manager", False, ()),
    ("jax_mutable_array_checks", True, ()),
    ("jax_disable_bwd_checks", False, ()),
    ("jax_disable_vmap_shmap_error", False, ()),
    ("jax_optimization_level", "UNKNOWN", ()),
    ("jax_memory_fitting_level", "O2", ()),
    ("jax_exec_time_optimization_effort", 0.0, ()),
    ("jax_memory_fitting_effort", 0.0, ()),
    ("jax_dump_ir_to", "", ()),
    ("jax_cpu_collectives_implementation", "gloo", ()),
    ("jax_cuda_visible_devices", "all", ()),
    ("jax_xla_backend", "", ()),
    ("jax_pjrt_client_create_options", None, ()),
    ("jax_distributed_debug", False, ()),
    ("jax_enable_pgle", False, ()),
    ("jax_threefry_gpu_kernel_lowering", False, ()),
    ("jax_ragged_dot_use_ragged_dot_instruction", True, ()),
    ("eager_constant_folding", False, ()),
    ("check_vma", False, ()),
    ("jax_enable_checks", False, (True,)),
    ("jax_traceback_filtering", "auto", ("off", "tracebackhide", "remove_frames",
                                         "quiet_remove_frames")),
    ("jax_no_execution", False, ()),
    ("jax_softmax_custom_jvp", False, (True,)),
    ("jax_use_shardy_partitioner", True, ()),
    ("jax_cpu_enable_async_dispatch", True, ()),
    ("jax_disable_most_optimizations", False, ()),
    ("jax_array_garbage_collection_guard", None, ("allow",)),
    ("jax_high_dynamic_range_gumbel", False, ()),
    ("jax_dynamic_shapes", False, ()),
    ("jax_bcoo_cusparse_lowering", False, ()),
    ("jax_random_seed_offset", 0, ()),
    ("jax_remove_size_one_mesh_axis_from_type", False, ()),
    ("jax_allow_f16_reductions", True, ()),
    ("jax_auto_pcast", True, ()),
    ("jax_thread_guard", False, ()),
    ("jax2tf_associative_scan_reductions", False, ()),
    ("jax2tf_default_native_serialization", True, ()),
    ("jax_backend_target", "", ()),
    ("jax_cross_host_transfer_socket_address", "", ()),
    ("jax_cross_host_transfer_transfer_size", None, ()),
    ("jax_cross_host_transport_addresses", "", ()),
    ("jax_enable_recoverability", False, ()),
    ("jax_experimental_unsafe_xla_runtime_errors", False, ()),
    ("jax_force_dcn_cross_host_transfers", False, ()),
    ("jax_mock_gpu_topology", "", ()),
    ("jax_mosaic_allow_hlo", False, ()),
    ("jax_oneapi_visible_devices", "all", ()),
    ("jax_rocm_visible_devices", "all", ()),
    ("jax_refs_to_pins", False, ()),
    ("jax_share_binary_between_hosts", False, ()),
    ("jax_sort_devices_by_process_index", True, ()),
    ("jax_use_magma", "auto", ("off",)),
    ("mock_num_gpu_processes", 0, ()),
):  # fmt: skip
    flag(_name, default=_default, only=_also)
for _name, _default in (  # how JAX traces, logs, prints and keeps what it compiled
    ("jax_captured_constants_warn_bytes", 2_000_000_000),
    ("jax_captured_constants_report_frames", 0),
    ("jax_compilation_cache_dir", None),
    ("jax_compilation_cache_max_size", -1),
    ("jax_compilation_cache_include_metadata_in_key", False),
    ("jax_compilation_cache_check_contents", False),
    ("jax_compiler_detailed_logging_min_ops", 10),
    ("jax_compiler_enable_remat_pass", True),
    ("jax_debug_log_modules", ""),
    ("jax_embedded_constants_max_bytes", 32),
    ("jax_enable_compilation_cache", True),
    ("jax_explain_cache_misses", False),
    ("jax_export_ignore_forward_compatibility", False),
    ("jax_hlo_source_file_canonicalization_regex", None),
    ("jax_include_debug_info_in_dumps", True),
    ("jax_include_full_tracebacks_in_locations", True),
    ("jax_logging_level", "NOTSET"),
    ("jax_persistent_cache_enable_xla_caches", "xla_gpu_per_fusion_autotune_cache_dir"),
    ("jax_persistent_cache_min_compile_time_secs", 1.0),
    ("jax_persistent_cache_min_entry_size_bytes", 0),
    ("jax_pprint_use_color", True),
    ("jax_raise_persistent_cache_errors", False),
    ("jax_traceback_in_locations_limit", 100),
    ("jax_tracer_error_num_traceback_frames", 5),
    ("jax_use_direct_linearize", True),
    ("jax_check_proxy_envs", True),
    ("jax_compilation_cache_expect_pgle", False),
    ("jax_cpu_get_global_topology_timeout_minutes", 5),
    ("jax_cpu_get_local_topology_timeout_minutes", 2),
    ("jax_cross_host_transfer_timeout_seconds", None),
    ("jax_debug_leaked_clients_on_clear_backends", False),
    ("jax_dump_ir_modes", "stablehlo"),
    ("jax_enable_preemption_service", True),
    ("jax_export_calling_convention_version", 10),
    ("jax_pallas_enable_debug_checks", False),
    ("jax_pallas_poison_buffers", False),
    ("jax_pallas_use_mosaic_gpu", True),
    ("jax_pallas_verbose_errors", False),
    ("jax_pgle_aggregation_percentile", 90),
    ("jax_pgle_profiling_runs", 3),
    ("jax_ragged_dot_use_gpu_pallas_triton_lowering", False),
    ("jax_remove_custom_partitioning_ptr_from_cache_key", False),
    ("jax_send_traceback_to_runtime", "off"),
    ("jax_serialization_version", 0),
    ("jax_share_binary_between_hosts_timeout_ms", 1_200_000),
    ("jax_source_url_schema", None),
    ("jax_use_emit_pipeline_primitive", False),
    ("jax_xla_profile_version", 0),
    ("jax_use_simplified_jaxpr_constants", False),
    ("jax_scan3", False),
    ("jax_remat3", False),
    ("jax_custom_vjp3", False),
):
    flag(_name, default=_default, free=True)


class Config:
    """`jax.config`: `config.update("jax_enable_x64", True)`, and flags as attributes."""

    __slots__ = ()

    def update(self, name: str, val: Any) -> None:
        """Set a flag for the process.

        Raises:
            AttributeError: JAX has no such flag, or ms_func does not know it.
            NotImplementedError: ms_func would not honour that value.
        """
        if name not in _flags:
            raise AttributeError(f"Unrecognized config option: {name}")
        _flags[name].set(val)

    def read(self, name: str) -> Any:
        """Value of a flag."""
        return getattr(self, name)

    @property
    def values(self) -> dict[str, Any]:
        """All flags and their values."""
        return {n: f.value for n, f in _flags.items()}

    def parse_flags_with_absl(self) -> None:
        """Nothing: flags come from `update` and from environment variables."""

    def config_with_absl(self) -> None:
        """Nothing, as `parse_flags_with_absl`."""

    @property
    def x64_enabled(self) -> bool:
        """Whether 64-bit dtypes are on."""
        return bool(_flags["jax_enable_x64"].value)

    def __getattr__(self, name: str) -> Any:
        if name not in _flags:
            raise AttributeError(f"Unrecognized config option: {name}")
        return _flags[name].value

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"fix: jax.config.update({name!r}, {value!r})")


config = Config()
