"""`jax.extend.linear_util`: a function with wrappers that pass information out on the side."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

__all__ = ["StoreException", "WrappedFun", "cache", "merge_linear_aux", "transformation",
           "transformation2", "transformation_with_aux", "transformation_with_aux2",
           "wrap_init"]  # fmt: skip


class StoreException(Exception):
    """A side result was asked for before it was there, or given twice."""


class Store:
    """Holds one side result."""

    __slots__ = ("_full", "_value")

    def __init__(self) -> None:
        self._full, self._value = False, None

    def store(self, val: Any) -> None:
        """Keep the side result.

        Raises:
            StoreException: there is one.
        """
        if self._full:
            raise StoreException("Store occupied")
        self._full, self._value = True, val

    @property
    def val(self) -> Any:
        """The side result.

        Raises:
            StoreException: there is none.
        """
        if not self._full:
            raise StoreException("Store empty")
        return self._value

    def __bool__(self) -> bool:
        return self._full


class WrappedFun:
    """A function and wrappers around it, the outermost last added."""

    def __init__(self, f: Callable[..., Any], call: Callable[..., Any], in_type: Any = None,
                 debug_info: Any = None) -> None:  # fmt: skip
        self.f, self._call = f, call
        self.in_type, self.debug_info = in_type, debug_info

    @property
    def __name__(self) -> str:
        return getattr(self.f, "__name__", "<unnamed wrapped function>")

    def wrap(self, made: Callable[..., Any]) -> WrappedFun:
        """With one more wrapper: `made` takes the function and then its arguments."""
        return WrappedFun(self.f, partial(made, self._call), self.in_type, self.debug_info)

    def call_wrapped(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function through its wrappers."""
        return self._call(*args, **kwargs)

    def with_unknown_names(self) -> WrappedFun:
        """Itself; names of arguments are not kept."""
        return self


def wrap_init(
    f: Callable[..., Any], params: dict[str, Any] | None = None, *, debug_info: Any = None
) -> WrappedFun:
    """A function without wrappers."""
    return WrappedFun(f, partial(f, **params) if params else f, debug_info=debug_info)


def transformation2(gen: Callable[..., Any]) -> Callable[..., WrappedFun]:
    """Wrapper from `gen(function, *own_arguments, *arguments)`."""

    @wraps(gen)
    def transform(fun: WrappedFun, *gen_static_args: Any) -> WrappedFun:
        return fun.wrap(lambda f, *args, **kwargs: gen(f, *gen_static_args, *args, **kwargs))

    return transform


def transformation_with_aux2(gen: Callable[..., Any], *_: Any) -> Callable[..., Any]:
    """Wrapper from `gen(function, store, *own_arguments, *arguments)`, with its side result."""

    @wraps(gen)
    def transform(fun: WrappedFun, *gen_static_args: Any) -> tuple[WrappedFun, Callable[[], Any]]:
        store = Store()

        def call(f: Any, *args: Any, **kwargs: Any) -> Any:
            return gen(f, store, *gen_static_args, *args, **kwargs)

        return fun.wrap(call), lambda: store.val

    return transform


def _run(gen: Any, f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A wrapper written as a generator: it yields arguments, gets the result, yields its own."""
    running = gen(*args, **kwargs)
    inner, options = next(running)
    out = running.send(f(*inner, **options))
    running.close()
    return out


def transformation(gen: Callable[..., Any]) -> Callable[..., WrappedFun]:
    """Wrapper from a generator of `(*own_arguments, *arguments)`."""
    return transformation2(wraps(gen)(lambda f, *args, **kwargs: _run(gen, f, *args, **kwargs)))


def transformation_with_aux(gen: Callable[..., Any], *_: Any) -> Callable[..., Any]:
    """As `transformation`, of a generator that yields `(result, side result)` last."""

    def call(f: Any, store: Store, *args: Any, **kwargs: Any) -> Any:
        out, aux = _run(gen, f, *args, **kwargs)
        store.store(aux)
        return out

    return transformation_with_aux2(wraps(gen)(call))


def merge_linear_aux(aux1: Callable[[], Any], aux2: Callable[[], Any]) -> tuple[bool, Any]:
    """The one side result that is there, and whether it is the first.

    Raises:
        StoreException: both are there, or neither.
    """
    found = []
    for first, aux in ((True, aux1), (False, aux2)):
        try:
            found.append((first, aux()))
        except StoreException:
            continue
    if len(found) != 1:
        raise StoreException("neither store occupied" if not found else "both stores occupied")
    return found[0]


def cache(call: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """`call(wrapped_function, *arguments)`, remembered while the function object lives."""
    seen: dict[Any, Any] = {}

    @wraps(call)
    def cached(fun: WrappedFun, *args: Any) -> Any:
        key = (fun, args)
        if key not in seen:
            seen[key] = call(fun, *args)
        return seen[key]

    cached.cache_clear = seen.clear  # type: ignore[attr-defined]
    return cached
