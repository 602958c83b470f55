"""Text with traced values in it: f-strings, `print`, and what exceptions say."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ms_func import tree
from ms_func.errors import StagingBoolError
from ms_func.ir.primitive import current
from ms_func.primitives.effects import traced_print
from ms_func.source.hooks.heap.journal import is_inside
from ms_func.source.hooks.values.choice import Choice
from ms_func.tracing.tracer import Staging, Tracer

Part = str | tuple[Any, str, str]
"""A piece of an f-string: text, or a value with its conversion and its format."""


class Text(str):
    """An f-string some of whose values are traced, kept in parts until they are known.

    As a container its parts are the values, so that an effect that takes it puts the text
    together when the program runs.
    """

    parts: Sequence[Part]

    def __new__(cls, parts: Sequence[Part]) -> Text:
        """The text as it looks while the program is recorded."""
        made = super().__new__(cls, _joined(parts))
        made.parts = parts
        return made

    def __add__(self, other: str) -> str:
        return text_of(*self.parts, *_parts_of(other)) if isinstance(other, str) else NotImplemented

    def __radd__(self, other: str) -> str:
        return text_of(*_parts_of(other), *self.parts) if isinstance(other, str) else NotImplemented

    def __eq__(self, other: object) -> bool:
        raise _asked("text that shows the value is compared or looked up")

    __ne__ = __eq__

    def __hash__(self) -> int:
        return self == None  # noqa: E711  (raises)


def _parts_of(x: str) -> Sequence[Part]:
    return x.parts if type(x) is Text else (x,)


def _asked(why: str) -> Exception:
    return StagingBoolError(
        f"MS170 a value known only at run time decides what Python does: {why}\n"
        "fix: compare the value itself"
    )


def _refused(name: str) -> Callable[..., Any]:
    """A method of strings that would look at the text before it is known."""

    def method(self: Text, *args: Any, **kwargs: Any) -> Any:
        raise _asked("text that shows the value is taken apart or measured")

    method.__name__ = name
    return method


for _name in (
    *(n for n in vars(str) if not n.startswith("_") and n != "maketrans"),
    *("__contains__", "__getitem__", "__iter__", "__len__", "__mod__", "__mul__", "__rmul__"),
    *("__lt__", "__le__", "__gt__", "__ge__"),
):
    setattr(Text, _name, _refused(_name))


_SHOWN_LATER = frozenset((Tracer, Text, Choice))


def text(make: Callable[..., str], values: tuple[Any, ...], frame: tuple[Any, ...]) -> str:
    """The f-string `make(*values)`.

    Args:
        make: the f-string as a function of its values.
        values: what is shown in it.
        frame: its parts: texts, and for each value its number, conversion and format; this is a
            number where it is a value itself.
    """
    if _SHOWN_LATER.isdisjoint(map(type, values)):
        return make(*values)
    return text_of(*(_part(p, values) for p in frame))


def _part(part: Any, values: Sequence[Any]) -> Part:
    if isinstance(part, str):
        return part
    i, conversion, spec = part
    return values[i], conversion, values[spec] if isinstance(spec, int) else spec


def text_of(*parts: Part) -> str:
    """A text made of its parts."""
    if type(current.interpreter) is not Staging:
        return _joined(parts)
    for i, p in enumerate(parts):
        if type(p) is tuple and type(p[0]) is Choice:
            return p[0].each(functools.partial(_with, parts, i))
        if type(p) is tuple and type(p[0]) in (Tracer, Text):
            return Text(parts)
    return _joined(parts)


def _with(parts: Sequence[Part], i: int, x: Any) -> str:
    """The text with another value at a place."""
    _, conversion, spec = parts[i]
    return text_of(*parts[:i], (x, conversion, spec), *parts[i + 1 :])


_CONVERSIONS = {"s": str, "r": repr, "a": ascii}


def _joined(parts: Sequence[Part]) -> str:
    return "".join([p if isinstance(p, str) else _formatted(*p) for p in parts])


def _formatted(value: Any, conversion: str, spec: str) -> str:
    if type(value) is Tracer and not value.recorder.strict:
        return repr(value)
    return format(_CONVERSIONS[conversion](value) if conversion else value, spec)


def _flatten(x: Text) -> tuple[Any, Any]:
    values = tuple([p[0] for p in x.parts if not isinstance(p, str)])
    frame = tuple([p if isinstance(p, str) else p[1:] for p in x.parts])
    return values, frame


def _unflatten(frame: Any, values: Any) -> str:
    rest = iter(values)
    return text_of(*(p if isinstance(p, str) else (next(rest), *p) for p in frame))


tree.register_node(Text, _flatten, _unflatten)


def print_(*args: Any, **options: Any) -> None:
    """`print`; of traced values, and in what is compiled as a branch or loop, at run time."""
    if type(current.interpreter) is Staging and (is_inside() or _any_traced(args)):
        traced_print(*args, **options)
    else:
        print(*args, **options)


def _any_traced(args: Any) -> bool:
    return any(type(x) is Tracer for x in tree.leaves(args))
