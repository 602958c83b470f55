"""Names for stretches of a program, seen in StableHLO, in compiled programs and in profiles."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, ContextDecorator
from typing import Any

from ms_func.errors import ArgumentTypeError
from ms_func.ir.loc import in_scope
from ms_func.tracing.arguments import function_name

__all__ = ["named_call", "named_scope"]


class named_scope(ContextDecorator):
    """A name for what is recorded in a `with` block, or by a decorated function.

    Scopes nest. Operations carry the path of names, as `encoder/layer/dot_general`, in the
    locations of the StableHLO module and in the metadata of the compiled program, where
    profilers read it. Transforms mark the outermost name of what they are applied to, as JAX's
    do: `vmap(encoder)/layer`, `jvp(encoder)/layer` for forward mode and for what reverse mode
    computes first, `transpose(jvp(encoder))/layer` for its way back.

    Args:
        name: the name; a text without meaning to the compiler.

    Raises:
        TypeError: `name` is no text.

    Example:
        >>> import ms_func as ms
        >>> def f(x):
        ...     with ms.named_scope("wave"):
        ...         return ms.numpy.sin(1.8125 * x)
        >>> "wave/sin" in ms.jit(f).lower(1.0).compile().as_text()
        True
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise ArgumentTypeError(f"named_scope name must be a string; got {name!r}")
        self.name = name
        self._entered: list[AbstractContextManager[None]] = []

    def __enter__(self) -> None:
        scope = in_scope(self.name)
        scope.__enter__()
        self._entered.append(scope)

    def __exit__(self, *error: Any) -> None:
        self._entered.pop().__exit__(None, None, None)


def named_call(fun: Callable[..., Any], *, name: str | None = None) -> Callable[..., Any]:
    """`fun`, recorded in a `named_scope` of its own name or of `name`.

    Args:
        fun: function.
        name: name of the scope, which profiles and StableHLO show.

    Returns:
        Function of the same arguments.

    Raises:
        TypeError: `fun` is not callable, or `name` is no text.

    Example:
        >>> wave = named_call(np.cos, name="wave")
        >>> "wave" in ms.jit(wave).lower(0.0).as_text(debug_info=True)
        True
    """
    if not callable(fun):
        raise ArgumentTypeError(f"named_call expects a function, got {fun!r}")
    path = function_name(fun) if name is None else name
    named_scope(path)

    def call(*args: Any, **kwargs: Any) -> Any:
        with in_scope(path):
            return fun(*args, **kwargs)

    return functools.update_wrapper(call, fun, updated=())
