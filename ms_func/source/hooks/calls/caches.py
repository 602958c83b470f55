"""Functions behind `lru_cache` while something is recorded.

What such a function gives may be traced, and belongs to the recording in which it was computed: in
another branch, or another program, it means nothing. So results are kept with the recording, and
only those that hold nothing traced are kept beyond it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ms_func import tree
from ms_func.execution.array import Array
from ms_func.ir.primitive import current
from ms_func.source.hooks import above
from ms_func.tracing.tracer import Staging, Tracer

_known: WeakKeyDictionary[Any, dict[Any, Any]] = WeakKeyDictionary()
_PLAIN = frozenset((bool, int, float, complex, str, bytes, Array))
_NUMPY = (np.ndarray, np.generic)


def call(f: Any, inner: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """`f(*args, **kwargs)`, where `inner` is the converted form of what is behind the cache."""
    trace = current.interpreter
    if type(trace) is not Staging:
        return f(*args, **kwargs)
    if any(type(x) is Tracer for x in tree.leaves((args, kwargs))):
        return above.call(f.__wrapped__, *args, **kwargs)  # traced values are no keys
    key = (args, tuple(kwargs.items()))
    known = _known.setdefault(f, {})
    for results in (known, *_around(trace, f)):
        if key in results:
            return results[key]
    found = inner(*args, **kwargs)
    if not all(type(x) in _PLAIN or isinstance(x, _NUMPY) for x in tree.leaves(found)):
        known = trace.results.setdefault(f, {})
    known[key] = found
    return found


def _around(trace: Any, f: Any) -> Iterator[dict[Any, Any]]:
    """What a recording and those around it hold of the function."""
    while type(trace) is Staging:
        yield trace.results.get(f, {})
        trace = trace.outer
