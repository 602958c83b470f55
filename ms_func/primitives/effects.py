"""Effects that users ask for: printing, callbacks for what they do, and checks."""

from __future__ import annotations

import logging
import string
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ms_func.config import jax_rules
from ms_func.errors import ArgumentTypeError, ArgumentValueError, UnsupportedError
from ms_func.execution import host
from ms_func.execution.dispatch import as_array, bottom
from ms_func.ir.host import host_function, identity_of
from ms_func.ir.loc import user_loc
from ms_func.ir.primitive import current
from ms_func.primitives.host_calls import Arguments, call_host, check_p
from ms_func.tracing.arguments import function_name

# --- printing -----------------------------------------------------------------------------------


class _Checker(string.Formatter):
    """Finds arguments that a format string does not use."""

    def check_unused_args(self, used_args: Any, args: Any, kwargs: Any) -> None:
        values = [a for i, a in enumerate(args) if i not in used_args]
        names = [k for k in kwargs if k not in used_args]
        for kind, unused in (("positional", values), ("keyword", names)):
            if unused:
                raise ArgumentValueError(
                    f"Unused {kind} arguments to `{'jax.' * jax_rules()}debug.print`: {unused}. "
                    'You may be passing an f-string (i.e, `f"{x}"`) into it, where a string with '
                    'places for values is wanted: `debug.print("{x}", x=x)`'
                )

    def format_field(self, value: Any, format_spec: str) -> str:
        return ""  # values are not known yet


_checker = _Checker()


def debug_print(
    fmt: str | None = None, *args: Any, ordered: bool = False, partitioned: bool = False,
    skip_format_check: bool = False, **kwargs: Any,
) -> Any:  # fmt: skip
    """Print values while the program runs, under any transform.

    Lines come in program order; under `vmap` one line for each lane that gets there, in the order
    of lanes; under `grad` once, when the value is computed.

    Args:
        fmt: format string, as of `str.format`; None gives the function with the options fixed.
        *args: values for it: arrays, trees of arrays, or anything that has a text.
        ordered: accepted; lines always keep the order of the program.
        partitioned: must be False: values split over devices are printed whole.
        skip_format_check: do not check that every argument is used.
        **kwargs: values by name.

    Raises:
        ValueError: an argument is not used by `fmt`.

    Example:
        >>> from ms_func.api.compile import jit
        >>> f = jit(lambda x: debug_print("x = {x:.2f}", x=x))
        >>> f(2.0)
        x = 2.00
    """
    if fmt is None:
        return partial(debug_print, ordered=ordered, skip_format_check=skip_format_check, **kwargs)
    return _write("debug.print", print, fmt, args, kwargs, partitioned, skip_format_check)


def debug_log(
    fmt: str | None = None, *args: Any, ordered: bool = False, partitioned: bool = False,
    skip_format_check: bool = False, **kwargs: Any,
) -> Any:  # fmt: skip
    """`debug_print` into the log: level INFO of the logger "ms_func.debug".

    Args:
        fmt: format string, as of `str.format`; None gives the function with the options fixed.
        *args: values for it.
        ordered: accepted; lines always keep the order of the program.
        partitioned: must be False.
        skip_format_check: do not check that every argument is used.
        **kwargs: values by name.

    Raises:
        ValueError: an argument is not used by `fmt`.

    Example:
        >>> import logging, sys
        >>> logger, shown = logging.getLogger("ms_func.debug"), logging.StreamHandler(sys.stdout)
        >>> logger.addHandler(shown)
        >>> logger.setLevel(logging.INFO)
        >>> ms.jit(lambda x: ms.debug.log("x = {}", x))(2)
        x = 2
        >>> logger.removeHandler(shown)
    """
    if fmt is None:
        return partial(debug_log, ordered=ordered, skip_format_check=skip_format_check, **kwargs)
    return _write("debug.log", _log.info, fmt, args, kwargs, partitioned, skip_format_check)


_log = logging.getLogger("ms_func.debug")


def _write(
    name: str, write: Callable[[str], Any], fmt: str, args: Any, kwargs: Any, partitioned: bool,
    skip_format_check: bool,
) -> None:  # fmt: skip
    """Give a formatted text to a function while the program runs."""
    if not isinstance(fmt, str):
        raise ArgumentTypeError(f"{name} expects a format string, got {fmt!r}")
    if partitioned:
        raise UnsupportedError(f"{name}(partitioned=True): fix: print the whole value")
    if not skip_format_check:
        try:
            _checker.vformat(fmt, args, kwargs)
        except IndexError:
            raise IndexError(
                f"{name}: {fmt!r} asks for more values than the {len(args)} that were given\n"
                "fix: give a value for each {}, or write {{ and }} for braces"
            ) from None
    found = Arguments((args, kwargs), numbers=False)

    def call(*arrays: np.ndarray) -> Sequence[Any]:
        a, k = found.rebuild(arrays)
        write(fmt.format(*a, **k))
        return ()

    call_host(name, call, (fmt, found.key), found.operands, (), "print")


def traced_print(
    *args: Any, sep: str | None = " ", end: str | None = "\n", file: Any = None, flush: bool = False
) -> None:
    """`print` of values that may be traced: the built-in one, called while the program runs.

    Args:
        *args: values, as of `print`; trees of arrays among them are put together again.
        sep: text between two values.
        end: text behind the last one.
        file: where to write; None is `sys.stdout` at that time.
        flush: whether to flush it.
    """
    found = Arguments(args, numbers=False)

    def call(*arrays: np.ndarray) -> Sequence[Any]:
        values = found.rebuild(arrays)
        print(*values, sep=sep, end=end, file=file, flush=flush)
        return ()

    key = (sep, end, identity_of(file), flush, found.key)
    call_host("print", call, key, found.operands, (), "print")


def debug_callback(
    callback: Callable[..., Any] | None = None, *args: Any, ordered: bool = False,
    partitioned: bool = False, **kwargs: Any,
) -> Any:  # fmt: skip
    """Call a Python function with values of the program, for what it does.

    It is called once, and for each lane under `vmap`; see `debug_print` for the order.

    Args:
        callback: function of arrays; what it returns is dropped. None gives the function with
            the options fixed.
        *args: arrays or trees of arrays; anything else is passed as it is.
        ordered: accepted; calls always keep the order of the program.
        partitioned: must be False.
        **kwargs: arguments by name.

    Raises:
        CallbackError: `callback` raised; the error is of that class too.

    Example:
        >>> from ms_func.api.compile import jit
        >>> seen = []
        >>> f = jit(lambda x: debug_callback(lambda v: seen.append(float(v)), x))
        >>> f(2.0); seen
        [2.0]
    """
    if callback is None:
        return partial(debug_callback, ordered=ordered, **kwargs)
    if not callable(callback):
        raise ArgumentTypeError(
            "first argument to debug.callback must be callable, but got an object of type "
            f"{type(callback)}"
        )
    if partitioned:
        raise UnsupportedError("debug.callback(partitioned=True): fix: take the whole value")
    found = Arguments((args, kwargs), numbers=True)

    def call(*arrays: np.ndarray) -> Sequence[Any]:
        a, k = found.rebuild(arrays)
        callback(*a, **k)
        return ()

    key = (identity_of(callback), found.key)
    call_host(function_name(callback), call, key, found.operands, (), "callback")
    return None


# --- checks -------------------------------------------------------------------------------------


def check(
    ok: Any, error: type[Exception] = AssertionError, message: Any = None, *args: Any, **kwargs: Any
) -> None:
    """Raise an exception on the host if a condition does not hold, when the program has run.

    The first failure in program order wins, and what the program would do on the host after it does
    not happen. The condition must be a scalar; under `vmap` the first lane that fails is named.

    Args:
        ok: boolean scalar.
        error: class of the exception.
        message: its argument; a string is formatted with the other arguments if there are any.
            None raises `error()`.
        *args: values for the message: arrays, or anything that has a text.
        **kwargs: values by name.

    Example:
        >>> from ms_func.api.compile import jit
        >>> def f(x):
        ...     check(x > 0, ValueError, "x must be positive, got {}", x)
        >>> try:
        ...     jit(f)(-1.0)
        ... except ValueError as error:
        ...     str(error)
        'x must be positive, got -1.0'
    """

    def make(message: Any, args: Any, kwargs: Any) -> Exception:
        if message is None:
            return error()
        formatted = isinstance(message, str) and (args or kwargs)
        return error(message.format(*args, **kwargs) if formatted else message)

    check_raising(ok, make, message, args, kwargs, key=(identity_of(error), "message"))


def check_raising(
    ok: Any, make: Callable[..., BaseException], *args: Any, key: Hashable = None,
    debug: bool = False,
) -> None:  # fmt: skip
    """`check` whose exception is made by a function of the concrete values of `args`.

    Args:
        ok: boolean scalar.
        make: from values to an exception; arrays arrive as arrays on the CPU.
        *args: values, trees of arrays among them.
        key: what tells this `make` from others; its identity if None.
        debug: whether the check counts only within `checkify`.
    """
    found = Arguments(args, numbers=False)

    def call(ok: np.ndarray, *arrays: np.ndarray) -> Sequence[Any]:
        if not ok:
            raise host.Raised(make(*found.rebuild(arrays)))
        return ()

    operands = [ok, *found.operands]
    if current.interpreter is bottom:
        try:
            if not debug:
                call(*[np.asarray(as_array(x)) for x in operands])
        except host.Raised as raised:
            raise raised.error from None
        return
    loc = current.interpreter.loc or user_loc()
    key = (identity_of(make) if key is None else key, found.key, loc)
    check_p.bind(*operands, function=host_function("check", call, key), lanes=(), debug=debug)


def effects_barrier() -> None:
    """Wait until the effects of all programs started by this thread have happened.

    They have: a call of a program with effects returns when the last of them is done. Kept for
    programs written for JAX.

    Example:
        >>> ms.jit(lambda x: ms.debug.print("x = {}", x))(2)
        x = 2
        >>> ms.effects_barrier()
    """
