"""Settings, read at the public edge and passed on.

Each setting has a process-wide value and may be overridden within a thread by a `with` block.
Settings that change what a compiled program does are part of the key of the C++ dispatch
cache, so changing one never runs a stale program.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ms_func.runtime import Config as _Config
from ms_func.runtime import extension


class Setting:
    """One setting; call it with a value for a scoped override in this thread.

    Example:
        >>> with disable_jit(True):
        ...     disable_jit.value
        True
    """

    def __init__(self, name: str, default: Any, doc: str, *, in_key: bool = False) -> None:
        self.name = name
        self.default = default
        self.__doc__ = doc
        self._config = _Config(f"ms_func_{name}", default, include_in_jit_key=in_key,
                               include_in_trace_context=in_key)  # fmt: skip

    @property
    def value(self) -> Any:
        """Value in force in this thread."""
        return self._config.value

    def set(self, value: Any) -> None:
        """Set the process-wide value."""
        self._config.set_global(value)

    @contextmanager
    def __call__(self, value: Any = True) -> Iterator[None]:
        """Override the value in this thread within a `with` block."""
        old = self._config.swap_local(value)
        try:
            yield
        finally:
            self._config.set_local(old)


def _flag_from_environment(name: str) -> int | None:
    """Number of host devices that XLA_FLAGS asks for, which is respected and never changed."""
    for word in os.environ.get("XLA_FLAGS", "").split():
        if word.startswith(f"--{name}="):
            return int(word.partition("=")[2])
    return None


tracing = _Config("ms_func_tracing", False, include_in_jit_key=True)
"""Whether a program is being recorded in this thread; keeps the C++ fast path out of traces."""

# Explicit dtypes are honoured everywhere, so the runtime must not narrow 64-bit arrays.
_wide = _Config("ms_func_wide", True, include_in_jit_key=False)
_hook = _Config("ms_func_post_hook", None)
# The runtime's own switch would stop single operations too; `jit` looks at `disable_jit` itself.
_always = _Config("ms_func_dispatch_off", False)

disable_jit = Setting(
    "disable_jit", False, "Run jitted functions operation by operation.", in_key=True
)
default_device = Setting(
    "default_device", None, "Device of new arrays and of programs without placed operands.",
    in_key=True,
)  # fmt: skip
default_matmul_precision = Setting(
    "default_matmul_precision", None,
    "Precision of products and convolutions that are not given one: a name or a lax.Precision.",
    in_key=True,
)  # fmt: skip
default_backend = Setting(
    "default_backend", os.environ.get("MS_FUNC_BACKEND", "xla"), "Backend programs run on."
)
platform = Setting(
    "platform", os.environ.get("MS_FUNC_PLATFORM"),
    "Platform of the XLA backend: 'cpu' or 'cuda'; None takes CUDA where its plugin works.",
)  # fmt: skip
num_cpu_devices = Setting(
    "num_cpu_devices",
    int(os.environ.get("MS_FUNC_NUM_CPU_DEVICES", 0))
    or _flag_from_environment("xla_force_host_platform_device_count")
    or 1,
    "Number of virtual CPU devices; read when the first device is asked for.",
)
convert = Setting(
    "convert", "auto",
    "Whether Python control flow on traced values is converted: 'auto', True (a function without "
    "source is an error) or False.",
)  # fmt: skip
unroll_limit = Setting(
    "unroll_limit", 16,
    "Steps up to which a Python loop of known length is laid out; a longer one is compiled as a "
    "loop where its body allows it.",
    in_key=True,
)  # fmt: skip
recursion_limit = Setting(
    "recursion_limit", 512,
    "Calls of a function that calls itself on traced data that may be under way at once.",
    in_key=True,
)  # fmt: skip
log_compiles = Setting("log_compiles", False, "Log each compilation with its reason.")

_settings = {s.name: s for s in list(globals().values()) if isinstance(s, Setting)}


def install() -> None:
    """Give the runtime's dispatcher the three settings that it insists on."""
    extension.jax_jit.set_enable_x64_state(_wide)
    extension.jax_jit.set_disable_jit_state(_always)
    extension.jax_jit.set_post_hook_state(_hook)


def update(name: str, value: Any) -> None:
    """Set a setting by name.

    Raises:
        AttributeError: there is no such setting.

    Example:
        >>> update("log_compiles", False)
    """
    if name not in _settings:
        known = ", ".join(sorted(_settings))
        raise AttributeError(f"unrecognized setting {name!r}; settings are {known}")
    _settings[name].set(value)
