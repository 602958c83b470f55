"""Which functions may call themselves, as far as the names in them tell, and which are the same."""

from __future__ import annotations

from types import CodeType, FunctionType
from typing import Any

from ms_func.ir.loc import is_internal
from ms_func.source.hooks.heap.journal import Cell

_reaching: dict[CodeType, bool] = {}
_catches: dict[CodeType, bool] = {}
"""Whether functions may call themselves, by their code; whether these, or those that they call,
catch exceptions."""


def may_call_itself(f: Any) -> bool:
    """Whether a function may call itself, as far as the names in it tell."""
    code = f.__code__
    found = _reaching.get(code)
    if found is None:
        reached = _reached(f)
        found = _reaching[code] = f.__name__ in _names(code) or code in reached
        _catches[code] = any(map(_has_handlers, (code, *reached)))
    return found


def catches(f: Any) -> bool:
    """Whether a function that may call itself, or one that it calls, catches exceptions."""
    return may_call_itself(f) and _catches[f.__code__]


def _has_handlers(code: CodeType) -> bool:
    """Whether code holds a `try` or a `with`, which in converted code are calls of hooks."""
    return bool(code.co_exceptiontable) or not _TRYING.isdisjoint(_names(code))


_TRYING = frozenset(("try_", "guarded_", "with_"))


def _reached(f: Any) -> set[CodeType]:
    """Code of the functions that `f` names, and of those they name."""
    stack, seen = [f], set()
    while stack:
        for g in _named(stack.pop()):
            if g.__code__ not in seen:
                seen.add(g.__code__)
                stack.append(g)
    return seen


def _named(f: Any) -> list[Any]:
    """Functions of the user's that names in `f` stand for."""
    found = [f.__globals__.get(n) for n in _names(f.__code__)]
    found += [Cell(c).read() for c in f.__closure__ or ()]
    found = [getattr(g, "__wrapped__", g) for g in found]  # behind a cache
    return [g for g in found if type(g) is FunctionType and not is_internal(g.__code__.co_filename)]


def _names(code: CodeType) -> set[str]:
    """Names of globals and attributes in a function and those inside it."""
    inner = [c for c in code.co_consts if type(c) is CodeType]
    return set(code.co_names).union(*map(_names, inner))


def is_same(f: Any, g: Any) -> bool:
    """Whether two functions made by one piece of code close over the same objects."""
    return (
        getattr(f, "__code__", None) is getattr(g, "__code__", f)
        and f.__defaults__ == g.__defaults__
        and all(
            a is b or Cell(a).read() is Cell(b).read()
            for a, b in zip(f.__closure__ or (), g.__closure__ or (), strict=True)
        )
    )
