"""Traced values still held when their recording has ended (`config.check_tracer_leaks`)."""

from __future__ import annotations

import gc
from typing import Any

from ms_func.errors import UnexpectedTracerError
from ms_func.tracing.tracer import Staging, Tracer

internal: set[type] = {Staging}
"""Classes of the library whose lists and dicts hold traced values as long as a program is kept."""


def check(trace: Staging) -> None:
    """Look through memory for traced values of a recording that has ended.

    Raises:
        UnexpectedTracerError: something holds one.
    """
    trace.handles.clear()
    gc.collect()
    left = [x for x in gc.get_objects() if type(x) is Tracer and x.recorder is trace]
    ours: set[int] = {id(left)}
    left[:] = [x for x in left if _held_by_users(x, ours)]
    if not left:
        return
    holders = {_described(h) for h in gc.get_referrers(*left) if id(h) not in ours}
    held = ", ".join(sorted(holders)) or "nothing that is known"
    raise UnexpectedTracerError(
        f"Leaked trace of the recording of `{trace.name}`. Leaked tracer(s): {len(left)} traced "
        f"values, the first of type {left[0].type}; held by: {held}\n"
        "fix: return values from the function instead of storing them outside of it"
    )


def _held_by_users(x: Tracer, ours: set[int]) -> bool:
    """Whether something else than the library holds `x`; what is ours goes into `ours`."""
    holders = gc.get_referrers(x)
    for holder in holders:
        plain = type(holder) in (list, dict) and id(holder) not in ours
        if plain and any(type(h) in internal for h in gc.get_referrers(holder)):
            ours.add(id(holder))
    return any(id(h) not in ours for h in holders)


def _described(holder: Any) -> str:
    if isinstance(holder, dict) and "__name__" in holder:
        return f"the module {holder['__name__']}"
    code = getattr(holder, "f_code", None)
    return f"a {type(holder).__name__}" if code is None else f"the function {code.co_name}"
