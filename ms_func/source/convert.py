"""Which functions are converted, and what has been converted already."""

from __future__ import annotations

import ast
import gc
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from threading import RLock
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any, Literal, NamedTuple

from ms_func import config
from ms_func.errors import (
    TracerBoolConversionError,
    TracerIntegerConversionError,
    UnsupportedError,
)
from ms_func.source import classes, hooks
from ms_func.source.build import HOOKS, bare, cell_places, compile_function, dress, instantiate
from ms_func.source.desugar import desugar
from ms_func.source.hooks.calls import caches
from ms_func.source.policy import CONTAINERS, NEVER, kind_of, may_decide
from ms_func.source.pushing import turned
from ms_func.source.reader import Source, SourceMissing, read
from ms_func.source.resolver import Resolver
from ms_func.source.rewrite import Rewriter

Turn = Literal["loop", "with", "from", "sets", None]
"""What a generator is turned inside out for, see `source.pushing`; "sets" converts any function as
one whose operators are those of sets with traced elements."""


class Entry(NamedTuple):
    """What is known of a code object.

    Attributes:
        code: converted code; None where the function runs as it is.
        reason: why it could not be converted; None if it could, or need not be.
        places: where each cell of the converted code comes from.
    """

    code: CodeType | None = None
    reason: str | None = None
    places: tuple[int, ...] = ()


_AS_IT_IS = Entry()


class Refused(Exception):
    """A function cannot be converted, for the reason given."""


_known: dict[int, Entry] = {}
"""By the id of the code object, as long as that lives: equal codes may mean different things."""
_variants: dict[int, dict[Turn, Entry]] = {}
_alive: dict[int, weakref.KeyedRef[int, CodeType]] = {}
_lock = RLock()


# --- use -------------------------------------------------------------------------------------


def user_function(f: Any) -> Any:
    """The form of `f` to run on tracers, under the policy in force.

    Args:
        f: a function of the user's, or anything callable.

    Returns:
        The converted function, or `f` itself where there is nothing to convert.

    Raises:
        NotImplementedError: the policy is True and the source cannot be read.
    """
    mode = config.convert.value
    code = _code_of(f)
    if code is not None and code.co_flags & _ASYNC:
        raise UnsupportedError(
            f"`{code.co_name}` is an `async` function, which cannot be recorded\n"
            "fix: make it an ordinary function, and await outside of it"
        )
    if mode is False:
        return f
    found = for_call(f)
    if mode is True and found is f:
        reason = None if code is None else why_native(code)
        if reason is not None:
            name = getattr(f, "__name__", f)
            raise UnsupportedError(f"MS104 `{name}` cannot be converted: {reason}")
    return found


def for_call(f: Any) -> Any:
    """The form of `f` that converted code calls."""
    kind = type(f)
    if kind is FunctionType:
        found = _known.get(id(f.__code__))
        if found is None:
            if config.convert.value is False:
                return f
            found = _learn(f)
        made = found.code
        if made is None:
            return partial(_attempt, f) if found.reason is _LIBRARY else f
        return f if config.convert.value is False else instantiate(made, found.places, f, _hooks)
    rule = _KINDS.get(kind)
    return _other(f) if rule is None else rule(f)


_hooks = CellType(hooks)
"""The cell through which all converted functions reach the hooks."""


def _method(f: MethodType) -> Any:
    inner = f.__func__
    if type(inner) is not FunctionType:
        return f
    found = for_call(inner)
    return f if found is inner else MethodType(found, f.__self__)


def _partial(f: partial[Any]) -> Any:
    found = for_call(f.func)
    return f if found is f.func else partial(found, *f.args, **f.keywords)


def _itself(f: Any) -> Any:
    return f


def _other(f: Any) -> Any:
    """Objects whose class has a `__call__` written in Python, and classes with an `__init__`."""
    kind = type(f)
    if isinstance(f, partial):
        return _partial(f)
    call = getattr(kind, "__call__", None)  # noqa: B004
    if type(call) is FunctionType:
        code = call.__code__
        if (
            id(code) not in _known
            and kind_of(code.co_filename) == "standard"
            and hasattr(f, "__wrapped__")
        ):
            learn_anyway(call)  # a decorator around a function of the user's
        found = for_call(call)
        return f if found is call else MethodType(found, f)
    if isinstance(f, type):
        classes.prepare(f)
    if kind is type and type(f.__init__) is FunctionType and f.__new__ is object.__new__:
        found = for_call(f.__init__)
        return f if found is f.__init__ else partial(_construct, f, found)
    return f


def _construct(cls: type, init: Callable[..., None], /, *args: Any, **kwargs: Any) -> Any:
    """An object of `cls`, initialised by the converted `init`."""
    made = object.__new__(cls)
    init(made, *args, **kwargs)
    return made


def _cached(f: Any) -> Any:
    """A function behind `lru_cache`."""
    return lambda *args, **kwargs: caches.call(f, for_call(f.__wrapped__), args, kwargs)


_KINDS: dict[type, Callable[[Any], Any]] = {
    type(lru_cache(len)): _cached,
    MethodType: _method,
    partial: _partial,
    type(len): _itself,
    type(str.join): _itself,
}


def _attempt(f: FunctionType, /, *args: Any, **kwargs: Any) -> Any:
    """Call a library's function as it is; convert it where that fails for want of it."""
    try:
        return f(*args, **kwargs)
    except (TracerBoolConversionError, TracerIntegerConversionError):
        if config.convert.value is False:
            raise
        with _lock:
            entry = _remember(f.__code__, _entry(f))
        if entry.code is None:
            raise
    return instantiate(entry.code, entry.places, f, _hooks)(*args, **kwargs)


def why_native(code: CodeType) -> str | None:
    """Why the function with this code object could not be converted."""
    found = _known.get(id(code))
    if found is None:
        return _unseen(code)
    return None if found.reason is _LIBRARY else found.reason


def _unseen(code: CodeType) -> str | None:
    """Why a method was never asked for: Python runs properties and operators by itself."""
    owner = code.co_qualname.rpartition(".")[0]
    if not owner or owner.endswith("<locals>") or config.convert.value is False:
        return None
    if kind_of(code.co_filename) != "user":
        return None
    return (
        "Python calls it without asking\n"
        f"fix: decorate `{owner.rpartition('.')[2]}` with @ms_func.convert"
    )


def _code_of(f: Any) -> CodeType | None:
    while isinstance(f, (partial, MethodType)):
        f = f.func if isinstance(f, partial) else f.__func__
    return getattr(f, "__code__", None)


# --- decorators ------------------------------------------------------------------------------


def convert(f: Any) -> Any:
    """Convert a function, or all methods of a class, whatever the policy says.

    Args:
        f: function or class; a class is changed in place.

    Returns:
        The converted function, or the class.

    Raises:
        NotImplementedError: the source cannot be read.

    Example:
        >>> def clipped(x):
        ...     return x if x > 0 else 0.0
        >>> convert(clipped)(2.0)
        2.0
    """
    if isinstance(f, type):
        for name, value in list(vars(f).items()):
            changed = _in_class(value, convert)
            if changed is not value:
                setattr(f, name, changed)
        return f
    if type(f) is not FunctionType:
        return for_call(f)
    with _lock:
        found = _known.get(id(f.__code__))
        if found is None or (found.code is None and found.reason is not None):
            found = _remember(f.__code__, _entry(f))
    if found.reason is not None:
        raise UnsupportedError(f"MS104 `{f.__name__}` cannot be converted: {found.reason}")
    return f if found.code is None else dress(instantiate(found.code, found.places, f, _hooks), f)


def no_convert(f: Any) -> Any:
    """Keep a function, or all methods of a class, as they are.

    Args:
        f: function or class.

    Returns:
        `f`.

    Example:
        >>> @no_convert
        ... def plain(x):
        ...     return x + 1
    """
    if isinstance(f, type):
        for value in vars(f).values():
            _in_class(value, no_convert)
    elif type(f) is FunctionType:
        _remember(f.__code__, Entry(None, _MARKED))
    return f


def _in_class(value: Any, change: Callable[[Any], Any]) -> Any:
    """A class attribute with its functions changed."""
    if type(value) is FunctionType:
        return change(value)
    if isinstance(value, (staticmethod, classmethod)):
        changed = _in_class(value.__func__, change)
        return value if changed is value.__func__ else type(value)(changed)
    if isinstance(value, property):
        parts = [value.fget, value.fset, value.fdel]
        changed = [_in_class(x, change) for x in parts]
        return value if changed == parts else property(*changed, doc=value.__doc__)
    return value


def converted_source(f: Any) -> str:
    """The Python text that a function is converted to.

    Args:
        f: a function.

    Raises:
        NotImplementedError: the function cannot be converted.

    Example:
        >>> def sign(x):
        ...     return 1.0 if x > 0 else -1.0
        >>> print(converted_source(sign))
        def sign(x):
            return __ms__.ifexp(x > 0, lambda: 1.0, lambda: -1.0)
    """
    while (inner := _inside(f)) is not None:
        f = inner
    if type(f) is not FunctionType:
        raise UnsupportedError(f"{f!r} is not a function written in Python")
    try:
        with _quietly():
            node = _rewritten(f)[0].node
    except (SourceMissing, Refused) as error:
        raise UnsupportedError(f"MS104 `{f.__name__}` cannot be converted: {error}") from None
    return ast.unparse(ast.fix_missing_locations(node))


def _inside(f: Any) -> Any:
    """The function inside a partial, a method or a decorated function; None if `f` is none."""
    if isinstance(f, partial):
        return f.func
    return f.__func__ if isinstance(f, MethodType) else getattr(f, "__wrapped__", None)


# --- conversion ------------------------------------------------------------------------------


def _learn(f: FunctionType) -> Entry:
    """Decide about a function that was not seen before."""
    with _lock:
        found = _known.get(id(f.__code__))
        if found is not None:
            return found
        return _remember(f.__code__, _verdict(f))


def _remember(code: CodeType, entry: Entry) -> Entry:
    """Keep what is known of a code object until it is gone, and its id may be another's."""
    key = id(code)
    _known[key] = entry
    _alive[key] = weakref.KeyedRef(code, _forget, key)
    if entry.code is not None:
        _settle(entry.code)
    return entry


def _forget(
    gone: weakref.KeyedRef[int, CodeType],
    tables: tuple[dict[int, Any], ...] = (_known, _variants, _alive),
) -> None:
    for table in tables:  # no global names: they may be gone when the process ends
        table.pop(gone.key, None)


def _settle(code: CodeType) -> None:
    """Code that is converted already, and functions inside it, stay as they are."""
    _remember(code, _AS_IT_IS)
    for inner in code.co_consts:
        if type(inner) is CodeType:
            _settle(inner)


_MARKED = "it is marked no_convert\nfix: take the mark away"
_LIBRARY = "it belongs to a library"


def _verdict(f: FunctionType) -> Entry:
    """What the policy says about a function."""
    code, opinion = f.__code__, f.__globals__.get("__ms_convert__")
    if opinion is False:
        return Entry(None, "its module sets __ms_convert__ = False\nfix: set it to True")
    kind = kind_of(code.co_filename)
    module = f.__globals__.get("__name__")
    if kind == "standard" and module not in CONTAINERS and "__wrapped__" not in f.__dict__:
        return _AS_IT_IS  # others are decorators around functions of the user's
    if kind == "never" or f.__globals__.get("__name__", "").partition(".")[0] in NEVER:
        return _AS_IT_IS
    if kind == "library" and opinion is not True:
        return Entry(None, _LIBRARY)
    classes.prepare_module(f.__globals__)
    return _entry(f) if may_decide(code) else _AS_IT_IS


def learn_anyway(f: FunctionType) -> None:
    """Convert a function of a library."""
    with _lock:
        _remember(f.__code__, _entry(f))


def _entry(f: FunctionType, turn: Turn = None) -> Entry:
    """Convert a function, also for a use of its own."""
    code = f.__code__
    try:
        with _quietly():
            found, shown, changed = _rewritten(f, turn)
            if not changed:
                return _AS_IT_IS
            made = compile_function(found.node, code, found.class_name, shown, found.shift)
    except (SourceMissing, Refused) as error:
        return Entry(None, str(error))
    except Exception as error:  # a fault of the converter must not stop what traces without it
        return Entry(None, f"the converter failed with {type(error).__name__}: {error}")
    if HOOKS not in made.co_freevars:
        return _AS_IT_IS
    return Entry(made, None, cell_places(made, code))


_ASYNC = 0x80 | 0x200  # CO_COROUTINE, CO_ASYNC_GENERATOR


def variant(f: FunctionType, turn: Turn = "loop") -> FunctionType | None:
    """A function converted for a use of its own; None where it cannot be."""
    code = f.__code__
    entry = _known.get(id(code))
    if entry is None or entry.reason is not None or config.convert.value is False:
        return None
    if entry.code is None and kind_of(code.co_filename) != "user":
        return None
    with _lock:
        known = _variants.setdefault(id(code), {})
        made = known.get(turn)
        if made is None:
            made = known[turn] = _entry(f, turn)
            if made.code is not None:
                _settle(made.code)
    return None if made.code is None else instantiate(made.code, made.places, f, _hooks)


_INSIDE_OUT = ("loop", "with", "from")


def _rewritten(f: FunctionType, turn: Turn = None) -> tuple[Source, dict[str, str], bool]:
    """A function whose tree is rewritten, names of generated functions; whether it changed."""
    code = f.__code__
    if code.co_flags & _ASYNC:
        raise Refused("it is an `async` function, which runs outside of the recording\n"
                      "fix: make it an ordinary function, and await outside of it")  # fmt: skip
    source = read(code, f.__globals__)
    node = bare(source.node)
    if isinstance(node, ast.FunctionDef):
        if turn in _INSIDE_OUT and not turned(node, turn):
            raise Refused("it cannot be turned inside out")
        if not source.plain:
            desugar(node)
    elif turn in _INSIDE_OUT:
        raise Refused("it is a lambda")
    shown: dict[str, str] = {}
    rewriter = Rewriter(node, Resolver(f.__globals__, frozenset(_local_names(code))),
                        source.class_name, shown)  # fmt: skip
    rewriter.converts = rewriter.converts or turn == "sets"
    found = rewriter.names.dynamic
    if found is not None:
        line = found.lineno + source.shift
        raise Refused(f"line {line} calls {ast.unparse(found.func)}(), which looks at its "
                      "local names\nfix: give that call a function of its own")  # fmt: skip
    with _room():
        changed = rewriter.function()
    return source, shown, changed


def _local_names(code: CodeType) -> tuple[str, ...]:
    return (*code.co_freevars, *code.co_cellvars, *code.co_varnames)


@contextmanager
def _room() -> Iterator[None]:
    """Room for the recursion over long `elif` chains, where each branch is inside the last."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 20000))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


@contextmanager
def _quietly() -> Iterator[None]:
    """No search for cycles: trees are many objects without any, and gone when they are used.

    Nor what Python has warned of before, when it compiled the original.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        if collects:
            gc.enable()
