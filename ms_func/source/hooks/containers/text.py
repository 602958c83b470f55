"""Text with traced values in it: f-strings, `print`, and what exceptions say."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ms_func import tree
from ms_func.errors import StagingBoolError
from ms_func.ir.primitive import current
from ms_func.primitives.effects import traced_print
from ms_func.source.hooks import above
from ms_func.source.hooks.containers import uneven
from ms_func.source.hooks.containers.comparisons import holds_traced
from ms_func.source.hooks.heap.anatomy import Parts, handles
from ms_func.source.hooks.heap.journal import is_inside
from ms_func.source.hooks.values.choice import Choice
from ms_func.source.hooks.values.failures import as_number
from ms_func.source.policy import is_users
from ms_func.tracing.tracer import Staging

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
        made = super().__new__(
            cls, "".join([p if isinstance(p, str) else repr(p[0]) for p in parts])
        )
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


def text(make: Callable[..., str], values: tuple[Any, ...], frame: tuple[Any, ...]) -> str:
    """The f-string `make(*values)`.

    Args:
        make: the f-string as a function of its values.
        values: what is shown in it.
        frame: its parts: texts, and for each value its number, conversion and format; this is a
            number where it is a value itself.
    """
    if type(current.interpreter) is not Staging:
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
    parts = tuple([p if isinstance(p, str) else _shown(*p) for p in parts])
    late = [i for i, p in enumerate(parts) if type(p) is tuple and is_late(p[0])]
    for i in late:
        x = parts[i][0]
        if type(x) is Choice and (len(late) == 1 or not all(map(_is_constant, x.alternatives))):
            return x.each(functools.partial(_with, parts, i))
    if not late:
        return _joined(parts)
    return Text([p if isinstance(p, str) else (above.leaving(p[0]), *p[1:]) for p in parts])


def _is_constant(x: Any) -> bool:
    return x is None or isinstance(x, (str, int, float))


def is_late(x: Any) -> bool:
    """Whether how a value looks is known only at run time."""
    held = x if isinstance(x, (list, tuple)) else (x,)
    return Text in map(type, held) or holds_traced(x)


def _with(parts: Sequence[Part], i: int, x: Any) -> str:
    """The text with another value at a place."""
    _, conversion, spec = parts[i]
    return text_of(*parts[:i], (x, conversion, spec), *parts[i + 1 :])


_MADE = 1 << 9
"""Flag of classes made by a class statement."""


def _shown(x: Any, conversion: str, spec: str) -> Part:
    """A part whose value, if it is of a class that says how it looks, is that text."""
    kind: Any = x.__class__
    if kind is dict and not spec and is_late(x) and not uneven.is_folded(x):
        return _of_entries(x), "", ""
    if not kind.__flags__ & _MADE and not isinstance(x, BaseException):
        return x, conversion, spec
    if not conversion and _is_users(kind.__format__):
        return above.call(kind.__format__, x, spec), "", ""
    method = kind.__repr__
    if conversion != "r" and kind.__str__ is not object.__str__:
        method = kind.__str__
    if method in _OF_ERRORS:
        return _of_error(x, method), "", spec
    if _is_of_fields(method):
        return _of_fields(x), "", spec
    return (above.call(method, x), "", spec) if _is_users(method) else (x, conversion, spec)


def _is_users(method: Any) -> bool:
    return hasattr(method, "__code__") and is_users(method.__code__.co_filename)


def _of_entries(x: dict[Any, Any]) -> str:
    """What a dictionary shows, in the order of its keys."""
    listed = [p for k, v in x.items() for p in (", ", (k, "r", ""), ": ", (v, "r", ""))]
    return text_of("{", *listed[1:], "}")


_OF_ERRORS = (BaseException.__str__, KeyError.__str__, BaseException.__repr__)


def _of_error(x: BaseException, method: Any) -> str:
    """What Python's own method shows of an exception."""
    if method is BaseException.__repr__:
        listed = [part for a in x.args for part in (", ", (a, "r", ""))]
        return text_of(f"{type(x).__name__}(", *listed[1:], ")")
    if len(x.args) != 1:
        return text_of((x.args, "s", "")) if x.args else ""
    return text_of((*x.args, "r" if method is KeyError.__str__ else "s", ""))


def _is_of_fields(method: Any) -> bool:
    """Whether a dataclass has made this method."""
    plain = inspect.unwrap(method)
    return plain is not method and getattr(plain, "__code__", plain).co_filename == "<string>"


def _of_fields(x: Any) -> str:
    """What a dataclass shows of itself."""
    parts: list[Part] = []
    for f in dataclasses.fields(x):
        if f.repr:
            parts += [", " if parts else "", f"{f.name}=", (getattr(x, f.name), "r", "")]
    return text_of(f"{type(x).__qualname__}(", *parts, ")")


_CONVERSIONS = {"s": str, "r": repr, "a": ascii}


def _joined(parts: Sequence[Part]) -> str:
    return "".join([p if isinstance(p, str) else _formatted(*p) for p in parts])


def _formatted(value: Any, conversion: str, spec: str) -> str:
    value = tree.map(as_number, value)
    return format(_CONVERSIONS[conversion](value) if conversion else value, spec)


def _flatten(x: Text) -> tuple[Any, Any]:
    values = tuple([p[0] for p in x.parts if not isinstance(p, str)])
    frame = tuple([p if isinstance(p, str) else p[1:] for p in x.parts])
    return values, frame


def _unflatten(frame: Any, values: Any) -> str:
    rest = iter(values)
    return text_of(*(p if isinstance(p, str) else (next(rest), *p) for p in frame))


def _apart(x: Text, overlay: Any) -> Parts:
    values, frame = _flatten(x)
    keys = [f" (text {i})" for i in range(len(values))]
    return Parts((Text, frame), values, keys, functools.partial(_unflatten, frame))


tree.register_node(Text, _flatten, _unflatten)
handles(Text, _apart)


def print_(*args: Any, **options: Any) -> None:
    """`print`; of traced values, and in what is compiled as a branch or loop, at run time."""
    if type(current.interpreter) is Staging:
        args = tuple([text_of((x, "s", "")) for x in args])
    late = is_inside() or Text in map(type, args)
    (traced_print if late else print)(*args, **options)
