"""Texts that are put together by `%`, `format` and `join` of values known only at run time."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator
from typing import Any

from ms_func.source.hooks.containers import uneven
from ms_func.source.hooks.containers.text import Part, is_late, text_of
from ms_func.source.hooks.flow.iterators import begun
from ms_func.source.hooks.values.choice import Choice
from ms_func.source.hooks.values.growing import Growing
from ms_func.source.hooks.values.perhaps import Perhaps
from ms_func.tracing.tracer import Tracer

_MOST = 8
"""Texts of which data decide whether they are there, out of which one is made."""


def joined(sep: str, items: Any) -> str:
    """`sep.join(items)`.

    Raises:
        TypeError: one of them is no text.
        StagingError: MS170, data decide of too many texts whether they are there.
    """
    items = begun(items)
    if not uneven.is_folded(items):
        parts = [(x, "", "") for x in _texts(items)]
        if not any(is_late(x) for x, _, _ in parts):
            return sep.join([x for x, _, _ in parts])
        return text_of(*[p for one in parts for p in (sep, one)][1:])
    given = uneven.pairs(uneven.listed(items))
    values = [v for _, v in given]
    if Growing in map(type, values) or sum(c is not True for c, _ in given) > _MOST:
        raise Perhaps.complaint()
    _texts(values)
    return uneven.folded(uneven.laid(given), lambda out, v: out + sep + v, lambda: "")


def _texts(items: Iterable[Any]) -> list[Any]:
    found = list(items)
    for i, x in enumerate(found):
        for one in x.alternatives if type(x) is Choice else (x,):
            if not isinstance(one, str):
                kind = "Array" if type(one) is Tracer else type(one).__name__
                raise TypeError(f"sequence item {i}: expected str instance, {kind} found")
    return found


def formatted(template: str, args: Any, kwargs: dict[str, Any]) -> str:
    """`template.format(*args, **kwargs)`."""
    return text_of(*_fields(template, args, kwargs))


def _fields(template: str, args: Any, kwargs: dict[str, Any]) -> Iterator[Part]:
    formatter, place = string.Formatter(), 0
    for before, name, spec, conversion in formatter.parse(template):
        yield before
        if name is not None:
            if name == "" or name[0] in ".[":
                name, place = f"{place}{name}", place + 1
            value, _ = formatter.get_field(name, args, kwargs)
            yield value, conversion or "", (spec or "").format(*args, **kwargs)


_DIRECTIVE = re.compile(r"%(?:\((\w+)\))?([-+ 0#]*)(\d*)((?:\.\d+)?)([a-zA-Z%])")


def percent(template: Any, values: Any) -> Any:
    """`template % values`."""
    if not isinstance(template, str) or not is_late(values):
        return template % values
    return text_of(*_directives(template, values))


def _directives(template: str, values: Any) -> Iterator[Part]:
    listed: Any = values
    rest, end = iter(values if isinstance(values, tuple) else (values,)), 0
    for m in _DIRECTIVE.finditer(template):
        key, flags, width, precision, kind = m.groups()
        yield template[end : m.start()]
        end = m.end()
        if kind == "%":
            yield "%"
            continue
        value = next(rest) if key is None else listed[key]
        align = "<" if "-" in flags else "" if "0" in flags else ">"
        spec = "".join(c for c in "+ #0" if c in flags) + width + precision
        if kind in "sra":
            yield value, kind, align + width + precision
        else:
            yield value, "", align + spec + ("d" if kind in "iu" else kind)
    yield template[end:]
