"""Traced values still held when their recording has ended (`config.check_tracer_leaks`)."""

from __future__ import annotations

import gc
from typing import Any

from ms_func.errors import UnexpectedTracerError
from ms_func.tracing.tracer import Staging, Tracer


def check(trace: Staging) -> None:
    """Look through memory for traced values of a recording that has ended.

    Raises:
        UnexpectedTracerError: something holds one.
    """
    trace.handles.clear()
    gc.collect()
    left = [x for x in gc.get_objects() if type(x) is Tracer and x.recorder is trace]
    if not left:
        return
    holders = {_described(h) for h in gc.get_referrers(*left) if h is not left}
    raise UnexpectedTracerError(
        f"Leaked {len(left)} traced values of the recording of `{trace.name}`, the first of type "
        f"{left[0].type}; held by: {', '.join(sorted(holders)) or 'nothing that is known'}\n"
        "fix: return values from the function instead of storing them outside of it"
    )


def _described(holder: Any) -> str:
    if isinstance(holder, dict) and "__name__" in holder:
        return f"the module {holder['__name__']}"
    code = getattr(holder, "f_code", None)
    return f"a {type(holder).__name__}" if code is None else f"the function {code.co_name}"
