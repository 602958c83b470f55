"""CUDA through PJRT's plugin, found and loaded without importing the package it ships in."""

from __future__ import annotations

import ctypes
import glob
import importlib.util
from functools import cache, partial
from pathlib import Path
from typing import Any

from jaxlib import xla_client

from ms_func.runtime import extension
from ms_func_xla.processes import Group

_PACKAGES = ("xla_cuda13", "xla_cuda12")
_KEY = "ms_func_cuda"
"""What the runtime calls the plugin; JAX in the same process has it as "cuda"."""
_LIBRARIES = (
    "libcudart", "libnvrtc", "libnvJitLink", "libcublasLt", "libcublas", "libnccl", "libcupti",
    "libcusparse", "libcusolver", "libcufft", "libnvshmem_host", "libcudnn",
)  # fmt: skip
"""What the plugin opens, each after what it needs."""


@cache
def _plugin() -> tuple[str, str] | None:
    """Name of the plugin package and path of its library, or None without it."""
    try:
        spec = importlib.util.find_spec("jax_plugins")
    except (ImportError, ValueError):
        return None
    for root in (spec.submodule_search_locations or ()) if spec is not None else ():
        for name in _PACKAGES:
            for library in Path(root, name).glob("xla_cuda_plugin.so"):
                return name, str(library)
    return None


@cache
def available() -> bool:
    """Whether the plugin is installed and an NVIDIA device is visible."""
    return _plugin() is not None and bool(glob.glob("/dev/nvidia[0-9]*"))


def make_client(group: Group | None) -> Any:
    """PJRT client for CUDA, of a group of processes where there is one.

    Raises:
        RuntimeError: the plugin is missing.
    """
    found = _plugin()
    if found is None:
        raise RuntimeError(
            "Backend cuda failed to initialize: its plugin is not installed\n"
            "fix: pip install 'ms_func[cuda]', or use the CPU with MS_FUNC_PLATFORM=cpu"
        )
    name, library = found
    extension.set_tracebacks_enabled(True)  # reading an array off the device asks who made it
    _preload_nvidia()
    capi = xla_client.load_pjrt_plugin_dynamically(_KEY, library)
    xla_client.initialize_pjrt_plugin(_KEY)
    _register_extension(name, capi)
    options = {**xla_client.generate_pjrt_gpu_plugin_options()}
    if group is not None:
        options.update(group.plugin_options())
    return xla_client.make_c_api_client(_KEY, options, None if group is None else group.client)


def _preload_nvidia() -> None:
    """Load NVIDIA's libraries from their packages, so that the plugin finds them by name."""
    spec = importlib.util.find_spec("nvidia")
    roots = (spec.submodule_search_locations or ()) if spec is not None else ()
    for name in _LIBRARIES:
        for path in (p for root in roots for p in Path(root).glob(f"*/lib/{name}.so.*")):
            try:
                ctypes.CDLL(str(path))
            except OSError:  # the plugin then takes the system's, or reports what it lacks
                continue


def _register_extension(name: str, capi: Any) -> None:
    """Hand custom calls and types of this process on to the plugin, its own ones first."""
    version = name.removeprefix("xla_cuda")
    module = f"jax_cuda{version}_plugin.cuda_plugin_extension"
    try:
        plugin = importlib.import_module(module)
    except ImportError:
        return
    xla_client.register_custom_type_handler("CUDA", partial(plugin.register_custom_type, capi))
    xla_client.register_custom_call_handler(
        "CUDA", partial(plugin.register_custom_call_target, capi)
    )
    for kind, made in plugin.ffi_types().items():
        xla_client.register_custom_type(kind, made, platform="CUDA")
    for target, handler in plugin.ffi_handlers().items():  # calls of Python are among them
        xla_client.register_custom_call_target(target, handler, platform="CUDA", api_version=1)
