"""jit: a Python function becomes one compiled program for each set of argument types.

The callable that `jit` returns is the runtime's C++ dispatcher; `jitted.py` answers what it does
not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from ms_func import config
from ms_func.api.jit_options import (
    UNSPECIFIED,
    Options,
    check_device,
    names_and_numbers,
)
from ms_func.api.jitted import Jitted, in_use
from ms_func.api.open_sizes import eval_open_shape, open_names
from ms_func.errors import ArgumentValueError
from ms_func.execution.compile import option_items
from ms_func.execution.dispatch import (
    forget_programs,
)
from ms_func.tracing.arguments import check_callable, wraps
from ms_func.tracing.stage import forget_structures
from ms_func.tracing.tracebacks import user_traceback


def jit(
    fun: Any = UNSPECIFIED,
    /,
    *,
    in_shardings: Any = UNSPECIFIED,
    out_shardings: Any = UNSPECIFIED,
    static_argnums: int | Sequence[int] | None = None,
    static_argnames: str | Iterable[str] | None = None,
    donate_argnums: int | Sequence[int] | None = None,
    donate_argnames: str | Iterable[str] | None = None,
    keep_unused: bool = False,
    device: Any = None,
    backend: str | None = None,
    inline: bool = False,
    compiler_options: dict[str, Any] | None = None,
    convert: Any = "auto",
) -> Any:
    """Compile `fun` at its first call with each set of argument types, and run the program.

    Args:
        fun: function of arrays or trees of arrays; it runs in Python only while it is
            recorded, so side effects happen once for each signature. Without it the result is
            a decorator.
        in_shardings: placement of each argument, a prefix of the arguments.
        out_shardings: placement of each result, a prefix of the results.
        static_argnums: positions of arguments that are part of the program; hashable.
        static_argnames: names of such arguments; those of `static_argnums` are worked out
            from the signature and vice versa.
        donate_argnums: positions of arguments whose memory results may take over; they
            cannot be used afterwards.
        donate_argnames: names of such arguments.
        keep_unused: accepted; programs take only the arguments they use, which nobody can tell.
        device: device that the arguments are moved to and the program runs on; inside another
            recording it has no effect.
        backend: name of the backend to run on, or of a platform, whose first device it then is;
            None is the one that holds the arrays.
        inline: when called while recording, splice the operations in instead of a call.
        compiler_options: options of XLA by name, such as {"xla_cpu_enable_fast_math": True}, or
            settings of the other backend that `backend` names (those of Ascend: `docs/ascend.md`);
            only for a function that is not called by another jitted one.
        convert: what to do about Python control flow on traced values in `fun` and what it
            calls: "auto" converts it as far as `config.convert` allows, True insists on it,
            False leaves the functions as they are.

    Returns:
        A function of the same arguments. It has the methods `trace`, `lower`, `eval_shape`,
        `clear_cache` and `why_recompiled`.

    Raises:
        TypeError: the function returns something that is not an array.
        ValueError: a static argument is not hashable, or argument numbers are out of range.

    Example:
        >>> float(jit(lambda x: x * x)(3.0))
        9.0
    """
    if fun is UNSPECIFIED:
        given = {k: v for k, v in locals().items() if k != "fun"}
        return partial(jit, **given)
    check_callable("jit", fun)
    check_device(device, backend, in_shardings, out_shardings)
    statics = names_and_numbers(fun, static_argnums, static_argnames, "static_arg")
    donated = names_and_numbers(fun, donate_argnums, donate_argnames, "donate_arg")
    for form, i in (("names", 1), ("nums", 0)):
        both = {*statics[i]} & {*donated[i]}
        if both:
            raise ArgumentValueError(
                f"static_arg{form} and donate_arg{form} cannot intersect. Argument {form} {both} "
                f"appear in both static_arg{form} and donate_arg{form}"
            )
    options = Options(
        *statics, *donated, in_shardings, out_shardings, inline, backend, device,
        option_items(compiler_options), convert,
    )  # fmt: skip
    return Jitted(fun, options).callable


def disable_jit(disable: bool = True) -> Any:
    """Within a `with` block, run jitted functions, loops and branches as Python.

    Python then sees concrete values, so that debuggers and `print` show them.

    Args:
        disable: False turns compilation on again within an outer block.

    Example:
        >>> @jit
        ... def f(x):
        ...     return "positive" if x > 0 else "negative"
        >>> with disable_jit():
        ...     f(1.0)
        'positive'
    """
    return config.disable_jit(disable)


def clear_caches() -> None:
    """Forget all that was recorded and compiled; the next calls do both again.

    Example:
        >>> f = jit(lambda x: x + 1)
        >>> _ = f(1.0), clear_caches(), f(1.0)
        >>> f.why_recompiled()
        '`<lambda>` was not recorded more than once'
    """
    for jitted in in_use():
        jitted.clear_cache()
    forget_structures()
    forget_programs()


@user_traceback
def eval_shape(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Shapes and dtypes of `fun(*args, **kwargs)`, worked out without computing anything.

    Args:
        fun: function of arrays.
        *args: arrays or `ShapeDtypeStruct`s. Lengths may have names (`jax.export.symbolic_shape`
            under `as_jax()`): `fun` is then recorded for several numbers, and lengths of the
            result are told by the names.
        **kwargs: the same by name.

    Returns:
        The structure of the result with `ShapeDtypeStruct` leaves.

    Example:
        >>> eval_shape(lambda x: x * 2, ShapeDtypeStruct((3,), "float32")).shape
        (3,)
    """
    names = open_names((args, kwargs))
    recorded: Any = fun if hasattr(fun, "trace") and hasattr(fun, "eval_shape") else jit(fun)
    if names:
        return eval_open_shape(recorded.eval_shape, (args, kwargs), names)
    return recorded.eval_shape(*args, **kwargs)


def make_ir(
    fun: Callable[..., Any],
    static_argnums: int | tuple[int, ...] = (),
    return_shape: bool = False,
    *,
    convert: Any = "auto",
) -> Callable[..., Any]:
    """Function that shows the program recorded of `fun`.

    Args:
        fun: function of arrays or trees of arrays.
        static_argnums: positions of arguments that are part of the program.
        return_shape: also give the results as `ShapeDtypeStruct`s.
        convert: see `jit`.

    Returns:
        A function of the same arguments giving an `ir.Function`. Arrays that `fun` closes over are
        its first parameters; `jit(fun).trace(...).captured` has their values.

    Example:
        >>> [e.primitive.name for e in make_ir(lambda x: x * x)(3.0).eqns]
        ['mul']
    """
    check_callable("make_ir", fun)
    statics = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)

    @wraps(fun)
    @user_traceback
    def recorded(*args: Any, **kwargs: Any) -> Any:
        traced = jit(fun, static_argnums=statics, convert=convert).trace(*args, **kwargs)
        return (traced.ir, traced.out_info) if return_shape else traced.ir

    return recorded


make_jaxpr = make_ir
