"""Settings, read at the public edge and passed on.

Each setting has a process-wide value and may be overridden within a thread by a `with` block.
Settings that change what a compiled program does are part of the key of the C++ dispatch
cache, so changing one never runs a stale program.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from operator import attrgetter
from typing import Any

from ms_func import runtime
from ms_func.runtime import Config as _Config
from ms_func.runtime import extension

__all__ = [
    "Setting", "Width", "check_tracer_leaks", "convert", "debug_infs", "debug_key_reuse",
    "debug_nans", "default_backend", "default_device", "default_matmul_precision",
    "default_prng_impl", "disable_jit", "list_capacity", "log_compiles", "make_user_context",
    "no_tracing", "num_cpu_devices", "numpy_dtype_promotion", "numpy_rank_promotion", "platform",
    "recursion_limit", "threefry_partitionable", "traceback", "unroll_limit", "update", "x64",
]  # fmt: skip
__dir__ = __all__.copy


class Setting:
    """One setting; call it with a value for a scoped override in this thread.

    Attributes:
        value: what is in force in this thread.
        default: what is in force where nobody sets it.
        choices: the values there are, where they are few.

    Example:
        >>> with ms.config.disable_jit(True):
        ...     ms.config.disable_jit.value
        True
        >>> ms.config.traceback.set("brief")
        Traceback (most recent call last):
            ...
        ValueError: traceback must be one of 'short', 'full', got 'brief'
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
        """Set the process-wide value.

        Args:
            value: the value; threads inside of a `with` block keep theirs.

        Raises:
            ValueError: the setting has no such value.
        """
        self._check(value)
        self._config.set_global(value)

    def _check(self, value: Any) -> None:
        """Refuse a value that the setting does not have.

        Raises:
            ValueError: it is none of the few there are.
        """
        if self.choices and value not in self.choices:
            allowed = ", ".join(map(repr, self.choices))
            kind = f": new enum value must be in {list(self.choices)}, got {value} of type "
            raise ValueError(f"{self.name} must be one of {allowed}, got {value!r}"
                             + f"{kind}{type(value)}." * jax_rules())  # fmt: skip

    def __call__(self, value: Any = True) -> AbstractContextManager[None]:
        """Override the value in this thread within a `with` block.

        Raises:
            ValueError: the setting has no such value.
        """
        self._check(value)
        return self._held(value)

    @contextmanager
    def _held(self, value: Any) -> Iterator[None]:
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

    Example:
        >>> with ms.config.x64(True):
        ...     np.ones(2).dtype, np.arange(2).dtype
        (dtype('float64'), dtype('int64'))
    """

    def set(self, value: bool | None) -> None:
        """Set the process-wide value."""
        super().set(value)
        _wide.set_global(value is not False)

    @contextmanager
    def _held(self, value: bool | None) -> Iterator[None]:
        old = _wide.swap_local(value is not False)
        try:
            with super()._held(value):
                yield
        finally:
            _wide.set_local(old)


class Place(Setting):
    """A device, or the name of a platform for its first device."""

    def _check(self, value: Any) -> None:
        """Refuse what is neither.

        Raises:
            ValueError: it is no device, no known platform, and not None.
        """
        if value not in (None, "cpu", "gpu", "cuda") and not hasattr(value, "platform"):
            library = "jax" if jax_rules() else "ms_func"
            raise ValueError(
                f"{library}.{self.name} must be passed either a Device object (e.g. "
                f"`{library}.devices('cpu')[0]`) or a platform name string like 'cpu' or 'gpu', or "
                f"None, got {value!r}"
            )


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

    Example:
        >>> ms.config.jax_rules()
        False
    """
    return x64.value is not None


def widens() -> bool:
    """Whether the dispatcher makes 64 bits of Python's numbers, which programs then narrow."""
    return x64.value is None and runtime.jax.narrows() is False


disable_jit = Setting(
    "disable_jit",
    False,
    """Run jitted functions operation by operation.

    Values: False (the default) and True. `ms_func.disable_jit` is the same as a context manager.

    Example:
        >>> with ms.config.disable_jit(True):
        ...     ms.jit(lambda x: type(x).__name__)(1.0)
        'float'
    """,
    in_key=True,
)
debug_nans = Setting(
    "debug_nans",
    False,
    """Raise FloatingPointError where a result is NaN, and find the line.

    A jitted function whose result is NaN is run once more, operation by operation, to find the one
    that made it.

    Values: False (the default) and True.

    Example:
        >>> with ms.debug_nans(True):
        ...     np.log(np.array(-1.0))
        Traceback (most recent call last):
            ...
        ms_func.errors.NonFiniteError: ...
    """,
    in_key=True,
)
debug_infs = Setting(
    "debug_infs",
    False,
    """Raise FloatingPointError where a result is infinite, and find the line.

    Values: False (the default) and True; see `debug_nans`.

    Example:
        >>> with ms.debug_infs(True):
        ...     1.0 / np.array(0.0)
        Traceback (most recent call last):
            ...
        ms_func.errors.NonFiniteError: ...
    """,
    in_key=True,
)
default_device = Place(
    "default_device",
    None,
    """Device of new arrays and of programs without placed operands.

    Values: a device, a platform ("cpu", "gpu", "cuda") for its first one, or None (the default) for
    the first of the platform in use.

    Example:
        >>> with ms.default_device("cpu"):
        ...     np.zeros(2).devices() == {ms.devices("cpu")[0]}
        True
    """,
    in_key=True,
)
default_matmul_precision = Setting(
    "default_matmul_precision",
    None,
    """Precision of products and convolutions that are not given one.

    Values: a `lax.Precision` or its name such as "highest" or "bfloat16", the name of a
    `lax.DotAlgorithmPreset`, or None (the default).

    Example:
        >>> x = np.array([1.0 + 2.0**-9])
        >>> with ms.default_matmul_precision("BF16_BF16_F32"):
        ...     (x @ x).item()
        1.0
    """,
    in_key=True,
)
traceback = Setting(
    "traceback",
    os.environ.get("MS_FUNC_TRACEBACK", "short"),
    """Which frames of the library a traceback shows.

    Values: "short" leaves those out that tell nothing, "full" shows all. The environment variable
    `MS_FUNC_TRACEBACK` gives the default, else it is "short".

    Example:
        >>> with ms.config.traceback("full"):
        ...     ms.config.traceback.value
        'full'
    """,
    choices=("short", "full"),
)
default_backend = Setting(
    "default_backend",
    os.environ.get("MS_FUNC_BACKEND", "xla"),
    """Backend that programs run on.

    Values: the name of an installed one. The environment variable `MS_FUNC_BACKEND` gives the
    default, else it is "xla".

    Example:
        >>> ms.config.default_backend.value
        'xla'
    """,
)
platform = Setting(
    "platform",
    os.environ.get("MS_FUNC_PLATFORM"),
    """Platform of the XLA backend.

    Values: "cpu", "cuda", or None, which takes CUDA where its plugin works. It is read when the
    first device is asked for. The environment variable `MS_FUNC_PLATFORM` gives the default.

    Example:
        >>> ms.config.platform.value in (None, "cpu", "cuda")
        True
    """,
)
num_cpu_devices = Setting(
    "num_cpu_devices",
    int(os.environ.get("MS_FUNC_NUM_CPU_DEVICES", 0)) or None,
    """Number of virtual CPU devices, read when the first is asked for.

    Values: a number, or None for what XLA_FLAGS says. The environment variable
    `MS_FUNC_NUM_CPU_DEVICES` gives the default.

    Example:
        >>> with ms.config.num_cpu_devices(8):  # before the first use of a device
        ...     ms.config.num_cpu_devices.value
        8
    """,
)


def cpu_devices() -> int:
    """Number of virtual CPU devices to make now.

    Example:
        >>> with ms.config.num_cpu_devices(8):
        ...     ms.config.cpu_devices()
        8
    """
    asked = _flag_from_environment("xla_force_host_platform_device_count")
    return num_cpu_devices.value or asked or 1


convert = Setting(
    "convert",
    "auto",
    """Whether Python control flow on traced values is converted.

    Values: "auto" (the default), True (a function without source is an error) or False.

    Example:
        >>> f = ms.jit(lambda x: x if x > 0 else -x)
        >>> with ms.config.convert(False):
        ...     f(-3.0)
        Traceback (most recent call last):
            ...
        ms_func.errors.TracerBoolConversionError: ...
    """,
)
unroll_limit = Setting(
    "unroll_limit",
    16,
    """Steps up to which a Python loop of known length is laid out.

    A longer one is compiled as a loop where its body allows it, and so are those inside of a loop
    that is laid out once they have taken eight times as many steps.

    Values: a number, 16 by default.

    Example:
        >>> with ms.config.unroll_limit(2):
        ...     ms.config.unroll_limit.value
        2
    """,
    in_key=True,
)
list_capacity = Setting(
    "list_capacity",
    1024,
    """Elements for which a list has room that grows in a loop whose number of steps data decide.

    Values: a number, 1024 by default.

    Example:
        >>> with ms.config.list_capacity(8):
        ...     ms.config.list_capacity.value
        8
    """,
    in_key=True,
)
recursion_limit = Setting(
    "recursion_limit",
    512,
    """Calls of a function that calls itself on traced data that may be under way at once.

    Values: a number, 512 by default.

    Example:
        >>> with ms.config.recursion_limit(10):
        ...     ms.config.recursion_limit.value
        10
    """,
    in_key=True,
)
numpy_rank_promotion = Setting(
    "numpy_rank_promotion",
    "allow",
    """What happens to operands of different rank, neither of rank 0.

    Values: "allow" (the default), "warn" or "raise".

    Example:
        >>> with ms.numpy_rank_promotion("raise"):
        ...     np.ones((2, 3)) + np.ones(3)
        Traceback (most recent call last):
            ...
        ms_func.errors.ArgumentValueError: ...
    """,
    in_key=True,
    choices=("allow", "warn", "raise"),
)
numpy_dtype_promotion = Setting(
    "numpy_dtype_promotion",
    "standard",
    """Whether operands of two dtypes are joined.

    Values: "standard" (the default), or "strict": they are an error, but for Python scalars.

    Example:
        >>> with ms.numpy_dtype_promotion("strict"):
        ...     np.ones(2, np.int32) + np.ones(2, np.float32)
        Traceback (most recent call last):
            ...
        ms_func.errors.TypePromotionError: ...
    """,
    in_key=True,
    choices=("standard", "strict"),
)
default_prng_impl = Setting(
    "default_prng_impl",
    "threefry2x32",
    """Generator of keys that are given none.

    Values: "threefry2x32" (the default), "rbg" or "unsafe_rbg".

    Example:
        >>> with ms.default_prng_impl("rbg"):
        ...     ms.random.key(0).dtype
        key<rbg>
    """,
    in_key=True,
    choices=("threefry2x32", "rbg", "unsafe_rbg"),
)
threefry_partitionable = Setting(
    "threefry_partitionable",
    True,
    """Whether a number drawn with Threefry depends on the place of its element alone.

    Values: True (the default), or False, which gives the older layout: there it depends on the size
    of what is drawn, too.

    Example:
        >>> draw = lambda n: ms.random.bits(ms.random.key(0), (n,))[0].item()
        >>> draw(2) == draw(3)
        True
        >>> with ms.config.threefry_partitionable(False):
        ...     draw(2) == draw(3)
        False
    """,
    in_key=True,
)
debug_key_reuse = Setting(
    "debug_key_reuse",
    False,
    """Raise MS150 where a random key is used twice.

    Values: False (the default) and True.

    Example:
        >>> key = ms.random.key(0)
        >>> with ms.debug_key_reuse(True):
        ...     ms.random.normal(key) + ms.random.normal(key)
        Traceback (most recent call last):
            ...
        ms_func.errors.KeyReuseError: ...
    """,
    in_key=True,
)
check_tracer_leaks = Setting(
    "check_tracer_leaks",
    False,
    """Raise where a traced value is still held when its recording has ended.

    Values: False (the default) and True, which is slow: it looks through all of memory after each
    recording.

    Example:
        >>> kept = []
        >>> with ms.check_tracer_leaks(True):
        ...     ms.jit(lambda x: kept.append(x))(1.0)
        Traceback (most recent call last):
            ...
        ms_func.errors.UnexpectedTracerError: ...
    """,
    in_key=True,
)
no_tracing = Setting(
    "no_tracing",
    False,
    """Raise where a jitted function would have to be recorded (again).

    Values: False (the default) and True.

    Example:
        >>> f = ms.jit(lambda x: x + 1)
        >>> f(1.0).item()
        2.0
        >>> with ms.no_tracing(True):
        ...     f(2.0).item()
        3.0
        >>> with ms.no_tracing(True):
        ...     f(np.ones(2))
        Traceback (most recent call last):
            ...
        RuntimeError: ...
    """,
    in_key=True,
)
log_compiles = Setting(
    "log_compiles",
    False,
    """Log each compilation with its reason.

    Values: False (the default) and True.

    Example:
        >>> with ms.log_compiles(False):
        ...     ms.jit(lambda x: x + 1)(1).item()
        2
    """,
)


def searching() -> bool:
    """Whether results are looked at for NaN or infinity.

    Example:
        >>> with ms.debug_infs(True):
        ...     ms.config.searching()
        True
    """
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

__test__ = {name: s.__doc__ for name, s in _settings.items()}  # examples of instances, for doctest


def install() -> None:
    """Give the runtime's dispatcher the three settings that it insists on; JAX's, if it is here."""
    if runtime.jax.here:
        return
    extension.jax_jit.set_enable_x64_state(_wide)
    extension.jax_jit.set_disable_jit_state(_always)
    extension.jax_jit.set_post_hook_state(_hook)


def update(name: str, value: Any) -> None:
    """Set a setting by name.

    Args:
        name: name of a setting.
        value: its value for the process.

    Raises:
        AttributeError: there is no such setting.
        ValueError: the setting has no such value.

    Example:
        >>> ms.config.update("log_compiles", False)
    """
    if name not in _settings:
        known = ", ".join(sorted(_settings))
        raise AttributeError(f"unrecognized setting {name!r}; settings are {known}")
    _settings[name].set(value)
