"""Settings, read at the public edge and passed on.

Each setting has a process-wide value and may be overridden within a thread by a `with` block.
Settings that change what a compiled program does are part of the key of the C++ dispatch
cache, so changing one never runs a stale program.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

from ms_func.runtime import Config as _Config
from ms_func.runtime import extension

__all__ = [
    "Setting", "Width", "check_tracer_leaks", "convert", "debug_infs", "debug_key_reuse",
    "debug_nans", "default_backend", "default_device", "default_matmul_precision",
    "default_prng_impl", "disable_jit", "log_compiles", "make_user_context", "no_tracing",
    "num_cpu_devices", "numpy_dtype_promotion", "numpy_rank_promotion", "platform",
    "recursion_limit", "threefry_partitionable", "traceback", "unroll_limit", "update", "x64",
]  # fmt: skip
__dir__ = __all__.copy


class Setting:
    """One setting; call it with a value for a scoped override in this thread.

    Example:
        >>> with disable_jit(True):
        ...     disable_jit.value
        True
    """

    def __init__(
        self, name: str, default: Any, doc: str, *, in_key: bool = False,
        choices: tuple[Any, ...] = (),
    ) -> None:  # fmt: skip
        self.name, self.choices = name, choices
        self.default = default
        self.__doc__ = doc
        self._config = _Config(f"ms_func_{name}", default, include_in_jit_key=in_key,
                               include_in_trace_context=in_key)  # fmt: skip

    value: Any = property(attrgetter("_config.value"))
    """Value in force in this thread; read through C, since many calls ask for it."""

    def set(self, value: Any) -> None:
        """Set the process-wide value."""
        self._check(value)
        self._config.set_global(value)

    def _check(self, value: Any) -> None:
        """Refuse a value that the setting does not have.

        Raises:
            ValueError: it is none of the few there are.
        """
        if self.choices and value not in self.choices:
            allowed = ", ".join(map(repr, self.choices))
            raise ValueError(f"{self.name} must be one of {allowed}, got {value!r}")

    @contextmanager
    def __call__(self, value: Any = True) -> Iterator[None]:
        """Override the value in this thread within a `with` block."""
        self._check(value)
        old = self._config.swap_local(value)
        try:
            yield
        finally:
            self._config.set_local(old)


class Width(Setting):
    """Which 64-bit dtypes there are; the runtime's own switch follows it.

    None, the default: an explicit dtype is honoured, defaults are 32 bits wide. False: 64-bit
    dtypes are narrowed wherever they come in. True: defaults are 64 bits wide. The last two are
    what JAX calls `jax_enable_x64`; `as_jax` sets them.
    """

    def set(self, value: bool | None) -> None:
        """Set the process-wide value."""
        super().set(value)
        _wide.set_global(value is not False)

    @contextmanager
    def __call__(self, value: bool | None = True) -> Iterator[None]:
        """Override the value in this thread within a `with` block."""
        old = _wide.swap_local(value is not False)
        try:
            with super().__call__(value):
                yield
        finally:
            _wide.set_local(old)


def _flag_from_environment(name: str) -> int | None:
    """Number of host devices that XLA_FLAGS asks for, which is respected and never changed."""
    for word in os.environ.get("XLA_FLAGS", "").split():
        if word.startswith(f"--{name}="):
            return int(word.partition("=")[2])
    return None


tracing = _Config("ms_func_tracing", False, include_in_jit_key=True)
"""Whether a program is being recorded in this thread; keeps the C++ fast path out of traces."""

forked = _Config("ms_func_forked", False, include_in_jit_key=True)
"""Whether this process is the child of one that used the runtime; keeps the C++ fast path out."""

# Explicit dtypes are honoured everywhere, so the runtime must not narrow 64-bit arrays.
_wide = _Config("ms_func_wide", True, include_in_jit_key=False)
_hook = _Config("ms_func_post_hook", None)
# The runtime's own switch would stop single operations too; `jit` looks at `disable_jit` itself.
_always = _Config("ms_func_dispatch_off", False)

x64 = Width("x64", None, Width.__doc__ or "", in_key=True)


def jax_rules() -> bool:
    """Whether the rules of `as_jax` are in force where JAX's and NumPy's differ.

    Indices out of bounds are clamped, and arrays do not change.
    """
    return x64.value is not None


disable_jit = Setting(
    "disable_jit", False, "Run jitted functions operation by operation.", in_key=True
)
debug_nans = Setting(
    "debug_nans", False, "Raise FloatingPointError where a result is NaN, and find the line.",
    in_key=True,
)  # fmt: skip
debug_infs = Setting(
    "debug_infs", False, "Raise FloatingPointError where a result is infinite, and find the line.",
    in_key=True,
)  # fmt: skip
default_device = Setting(
    "default_device", None, "Device of new arrays and of programs without placed operands.",
    in_key=True,
)  # fmt: skip
default_matmul_precision = Setting(
    "default_matmul_precision", None,
    "Precision of products and convolutions that are not given one: a name or a lax.Precision.",
    in_key=True,
)  # fmt: skip
traceback = Setting(
    "traceback", os.environ.get("MS_FUNC_TRACEBACK", "short"),
    "'short' leaves out the frames of the library where they tell nothing, 'full' shows them.",
    choices=("short", "full"),
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
    int(os.environ.get("MS_FUNC_NUM_CPU_DEVICES", 0)) or None,
    "Number of virtual CPU devices, read when the first is asked for; None follows XLA_FLAGS.",
)


def cpu_devices() -> int:
    """Number of virtual CPU devices to make now."""
    asked = _flag_from_environment("xla_force_host_platform_device_count")
    return num_cpu_devices.value or asked or 1


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
list_capacity = Setting(
    "list_capacity", 1024,
    "Elements for which a list has room that grows in a loop whose number of steps data decide.",
    in_key=True,
)  # fmt: skip
recursion_limit = Setting(
    "recursion_limit", 512,
    "Calls of a function that calls itself on traced data that may be under way at once.",
    in_key=True,
)  # fmt: skip
numpy_rank_promotion = Setting(
    "numpy_rank_promotion", "allow",
    "What happens to operands of different rank, neither of rank 0: 'allow', 'warn' or 'raise'.",
    in_key=True, choices=("allow", "warn", "raise"),
)  # fmt: skip
numpy_dtype_promotion = Setting(
    "numpy_dtype_promotion", "standard",
    "'standard', or 'strict': operands of two dtypes are an error, but for Python scalars.",
    in_key=True, choices=("standard", "strict"),
)  # fmt: skip
default_prng_impl = Setting(
    "default_prng_impl", "threefry2x32", "Generator of keys that are given none.", in_key=True
)
threefry_partitionable = Setting(
    "threefry_partitionable", True,
    "Whether a number drawn with Threefry depends on the place of its element alone; False gives "
    "the older layout, which depends on the size of what is drawn.",
    in_key=True,
)  # fmt: skip
debug_key_reuse = Setting(
    "debug_key_reuse", False, "Raise MS150 where a random key is used twice.", in_key=True
)
check_tracer_leaks = Setting(
    "check_tracer_leaks", False,
    "Raise where a traced value is still held when its recording has ended. Slow: it looks through "
    "all of memory after each recording.",
    in_key=True,
)  # fmt: skip
no_tracing = Setting(
    "no_tracing", False, "Raise where a jitted function would have to be recorded (again).",
    in_key=True,
)  # fmt: skip
log_compiles = Setting("log_compiles", False, "Log each compilation with its reason.")


def searching() -> bool:
    """Whether results are looked at for NaN or infinity."""
    return debug_nans.value or debug_infs.value


_recorded: list[Setting] = [
    x64, default_matmul_precision, numpy_rank_promotion, numpy_dtype_promotion, default_prng_impl,
    convert, unroll_limit, list_capacity, recursion_limit, debug_key_reuse, threefry_partitionable,
]  # fmt: skip
"""Settings that decide what is recorded of a function."""


def recording() -> tuple[Any, ...]:
    """Values of the settings that decide what is recorded of a function."""
    return tuple([s.value for s in _recorded])


def make_user_context(default_value: Any = None) -> Setting:
    """A setting of the user's: jitted functions are recorded for each of its values.

    Args:
        default_value: value outside of all `with` blocks; hashable, as all values.

    Returns:
        A setting: `.value` reads it, and called with a value it is a context manager.

    Example:
        >>> verbose = make_user_context(False)
        >>> with verbose(True):
        ...     verbose.value
        True
    """
    made = Setting(f"user_context_{len(_recorded)}", default_value, "A user's own.", in_key=True)
    _recorded.append(made)
    return made


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
