"""CUDA through PJRT's plugin, found and loaded without importing the package it ships in."""

from __future__ import annotations

import ctypes
import glob
import importlib.util
from functools import cache, partial
from pathlib import Path
from typing import Any

from jaxlib import xla_client
from jaxlib.plugin_support import import_from_plugin
from jaxlib.version import __version__

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
def _plugin() -> str | None:
    """Path of the plugin's library, or None without it."""
    try:
        spec = importlib.util.find_spec("jax_plugins")
    except (ImportError, ValueError):
        return None
    for root in (spec.submodule_search_locations or ()) if spec is not None else ():
        for name in _PACKAGES:
            for library in Path(root, name).glob("xla_cuda_plugin.so"):
                return str(library)
    return None


@cache
def _extension() -> Any:
    """The plugin's module for Python, or None where it fits no jaxlib of this version."""
    return import_from_plugin("cuda", "cuda_plugin_extension")  # warns of versions that differ


@cache
def available() -> bool:
    """Whether the plugin is installed and fits, and an NVIDIA device is visible."""
    seen = _plugin() is not None and bool(glob.glob("/dev/nvidia[0-9]*"))
    return seen and _extension() is not None


def make_client(group: Group | None) -> Any:
    """PJRT client for CUDA, of a group of processes where there is one.

    Raises:
        RuntimeError: the plugin is missing, or of another version than jaxlib.
    """
    library = _plugin()
    if library is None or _extension() is None:
        why = "not installed" if library is None else f"not of jaxlib's version, {__version__}"
        raise RuntimeError(
            f"Backend cuda failed to initialize: its plugin is {why}\n"
            f"fix: pip install 'jax-cuda13-plugin[with-cuda]=={__version__}', or use the CPU with "
            "MS_FUNC_PLATFORM=cpu"
        )
    extension.set_tracebacks_enabled(True)  # reading an array off the device asks who made it
    _preload_nvidia()
    capi = xla_client.load_pjrt_plugin_dynamically(_KEY, library)
    xla_client.initialize_pjrt_plugin(_KEY)
    _register(capi)
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


def _register(capi: Any) -> None:
    """Hand custom calls and types of this process on to the plugin, its own ones first."""
    plugin = _extension()
    xla_client.register_custom_type_handler("CUDA", partial(plugin.register_custom_type, capi))
    xla_client.register_custom_call_handler(
        "CUDA", partial(plugin.register_custom_call_target, capi)
    )
    for kind, made in plugin.ffi_types().items():
        xla_client.register_custom_type(kind, made, platform="CUDA")
    for target, handler in plugin.ffi_handlers().items():  # calls of Python are among them
        xla_client.register_custom_call_target(target, handler, platform="CUDA", api_version=1)
