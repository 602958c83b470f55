"""Values taken apart one level: containers, functions and plain objects into their parts.

Joining the outcomes of branches, and carrying values through loops, needs every Python value
as a nest of parts whose leaves are numbers, arrays and constants. `Overlay` makes the walk
see the heap as it was at the end of a region whose stores have been undone.
"""

from __future__ import annotations

import enum
import functools
import sys
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ms_func import tree
from ms_func.execution.array import Array
from ms_func.ir.function import Literal
from ms_func.ir.types import typeof
from ms_func.source.hooks.heap.journal import (
    MISSING,
    MUTABLE,
    Attribute,
    Cell,
    Contents,
    Handle,
    born,
    frozen_handle,
)
from ms_func.source.hooks.heap.undefined import Absent
from ms_func.tracing.tracer import Staging, Tracer

SCALARS = (bool, int, float, complex)
_SCALAR_TYPES = frozenset(SCALARS)


class Parts(NamedTuple):
    """A value taken apart one level.

    Attributes:
        kind: values with equal kinds have parts that correspond.
        children: the parts.
        keys: how each part is written after the name of the value, for messages.
        make: the value with other parts.
        mutable: whether stores can change the parts of the value itself.
        filled: of dictionaries, one of the same class with the contents of a plain one.
        blank: of objects, lists and dictionaries, which may hold themselves, one without parts.
        fill: puts the parts into one without parts.
    """

    kind: Any
    children: Sequence[Any]
    keys: Sequence[str]
    make: Callable[[Sequence[Any]], Any]
    mutable: bool = False
    filled: Callable[[dict[Any, Any]], Any] | None = None
    blank: Callable[[], Any] | None = None
    fill: Callable[[Any, Sequence[Any]], None] | None = None


class Overlay:
    """The heap as a region left it: what its locations held at the end, by location key.

    Attributes:
        finals: what they held.
        trace: recording of the region; None for the heap as it is now.
        born: identities of the objects of classes that were made in the region.
        late: locations that were stored to after the region had ended.
        wanted: objects that should have had numbers then, in a heap of the past; else None.
    """

    __slots__ = ("born", "finals", "late", "trace", "wanted")

    def __init__(
        self, finals: dict[Any, Any], trace: Staging | None = None,
        born: Container[int] = frozenset(),
    ) -> None:  # fmt: skip
        self.finals = finals
        self.trace = trace
        self.born = born
        self.late: dict[Any, Any] = {}
        self.wanted: list[Any] | None = None

    @contextmanager
    def reopened(self) -> Iterator[None]:
        """Record further operations at the end of the region."""
        if self.trace is None:
            yield
            return
        self.trace.alive = True
        with self.trace:
            yield

    def contents(self, x: Any) -> Any:
        """What a list, deque, dict or set holds."""
        return self.finals.get((Contents, id(x), None), x) if self.finals else x

    def handle(self, x: Tracer) -> Tracer:
        """The value that an array handle stands for, as a handle of its own."""
        found = self.finals.get((Handle, id(x), None)) if self.finals else None
        return frozen_handle(x) if found is None else found

    def attribute(self, x: Any, name: str) -> Any:
        """An attribute of a plain object, `MISSING` where there is none."""
        found = self.finals.get((Attribute, id(x), name), self) if self.finals else self
        return Attribute(x, name).read() if found is self else found

    def cell(self, cell: Any) -> Any:
        """What a cell holds."""
        found = self.finals.get((Cell, id(cell), None), self) if self.finals else self
        return Cell(cell).read() if found is self else found

    def is_touched(self, x: Any) -> bool:
        """Whether the region stored to an object itself."""
        return any(kind.is_part and owner == id(x) for kind, owner, _ in self.finals)

    def knows(self, x: Any) -> bool:
        """Whether what the region stored to an object is all that its recording put into it."""
        if id(x) not in self.born:
            return True
        stored = {name for kind, owner, name in self.finals if kind.is_part and owner == id(x)}
        return stored >= {*own_names(x)}

    def names(self, x: Any) -> list[str]:
        """Names of the attributes of a plain object."""
        found = own_names(x)
        for kind, owner, name in self.finals:
            if kind is Attribute and owner == id(x) and name not in found:
                found.append(name)
        return [n for n in found if self.attribute(x, n) is not MISSING]


NONE_LIKE: dict[type, Callable[[Any], Any]] = {}
"""What stands for None beside a value of some types."""

PRESENT = Overlay({})
"""The heap as it is now."""


def is_number(x: Any) -> bool:
    """Whether `x` is a number or an array: what a compiled program can hold."""
    kind = type(x)
    if kind in _SCALAR_TYPES or kind is Tracer or kind is Array or kind is Literal:
        return True
    if isinstance(x, (np.ndarray, np.generic)):
        return x.dtype.kind not in "OSUMm" and x.dtype.names is None
    if isinstance(x, SCALARS):  # IntEnum and the like are constants with a meaning
        return not isinstance(x, enum.Enum)
    return False


def take_apart(x: Any, overlay: Overlay = PRESENT) -> Parts | None:
    """The parts of a value; None for numbers and for constants."""
    special = _SPECIAL.get(type(x))
    if special is not None:
        return special(x, overlay)
    if x is None or isinstance(x, (Absent, str, bytes, type, types.ModuleType, enum.Enum)):
        return None
    if is_number(x):
        return None
    flat = tree.registry.flatten_one_level(x)
    if flat is not None:
        return _node(x, flat, overlay)
    if _is_plain(x):
        return _object(x, overlay)
    if isinstance(x, Exception):
        return _exception(x, overlay)
    if isinstance(x, (list, dict)) and not own_names(x):  # a class of the user's, Counter
        return _dict(x, overlay) if isinstance(x, dict) else _list(x, overlay)
    return None


def _list(x: Any, overlay: Overlay) -> Parts:
    items = list(overlay.contents(x))
    keys = [f"[{i}]" for i in range(len(items))]
    cls: Any = type(x)

    blank = list if cls is list else lambda: cls.__new__(cls)

    def make(children: Sequence[Any]) -> Any:
        made = blank()
        list.extend(made, children)
        return made

    return Parts((cls, len(items)), items, keys, list if cls is list else make, mutable=True,
                 blank=blank, fill=list.extend)  # fmt: skip


def _deque(x: Any, overlay: Overlay) -> Parts:
    items = list(overlay.contents(x))
    keys, most = [f"[{i}]" for i in range(len(items))], x.maxlen
    make = lambda new: deque(new, most)  # noqa: E731
    return Parts((deque, most, len(items)), items, keys, make, mutable=True)


def _set(x: Any, overlay: Overlay) -> Parts:
    items = frozenset(overlay.contents(x))
    return Parts((set, items), (), (), lambda new: set(items), mutable=True)


def _tuple(x: Any, overlay: Overlay) -> Parts:
    return Parts((tuple, len(x)), x, [f"[{i}]" for i in range(len(x))], tuple)


def _dict(x: Any, overlay: Overlay) -> Parts:
    found = overlay.contents(x)
    names = list(found)
    kind = (type(x), tuple(names) if isinstance(x, OrderedDict) else frozenset(names))
    cls: Any = type(x)
    start: Any = (x.default_factory,) if isinstance(x, defaultdict) else ()
    put = (OrderedDict if issubclass(cls, OrderedDict) else dict).__setitem__

    def blank() -> Any:
        return cls(*start) if start else cls.__new__(cls)

    def filled(contents: dict[Any, Any]) -> Any:
        made = blank()
        for name, value in contents.items():
            put(made, name, value)
        return made

    def fill(made: Any, children: Sequence[Any]) -> None:
        values = dict(zip(ordered, children, strict=True))
        for name in names:
            put(made, name, values[name])

    def make(children: Sequence[Any]) -> Any:
        made = blank()
        fill(made, children)
        return made

    try:
        ordered = sorted(names)
    except TypeError:
        ordered = sorted(names, key=lambda k: (type(k).__name__, repr(k)))
    return Parts(
        kind, [found[n] for n in ordered], [f"[{n!r}]" for n in ordered], make, True, filled,
        blank, fill,
    )  # fmt: skip


def _node(x: Any, flat: Any, overlay: Overlay) -> Parts:
    """A registered container."""
    children, _ = flat
    if isinstance(x, dict):
        return _dict(x, overlay)
    shape = tree.structure(x, is_leaf=lambda y: y is not x)
    fields = getattr(x, "_fields", None)
    keys = [f".{n}" for n in fields] if fields else [f"[{i}]" for i in range(len(children))]
    plain = isinstance(x, tuple)
    if not plain and _is_plain(x) and overlay.finals:
        return _object(x, overlay)
    return Parts((type(x), shape), list(children), keys, shape.unflatten, mutable=not plain)


def _is_public(x: Any) -> bool:
    """Whether a function is what its module has under its name, which holds nothing of a trace."""
    module = sys.modules.get(x.__module__)
    return getattr(module, x.__name__, None) is x


def _function(x: Any, overlay: Overlay) -> Parts | None:
    """A Python function: its parts are what it closes over, and its default values."""
    cells = x.__closure__ or ()
    defaults = x.__defaults__ or ()
    keyword = x.__kwdefaults__ or {}
    if not cells and not defaults and not keyword:
        return None
    if x.__module__.partition(".")[0] == "ms_func" and _is_public(x):
        return None
    children = [*cells, *defaults, *keyword.values()]
    names = [*x.__code__.co_freevars, *("default" for _ in defaults), *keyword]
    made_of = (x.__code__, x.__globals__, x.__name__, x.__qualname__, dict(x.__dict__))
    n, d, known = len(cells), len(defaults), tuple(keyword)

    def make(new: Sequence[Any]) -> Any:
        code, scope, name, qualified, extra = made_of
        made = types.FunctionType(code, scope, name, tuple(new[n : n + d]), tuple(new[:n]))
        made.__kwdefaults__ = dict(zip(known, new[n + d :], strict=True)) or None
        made.__dict__.update(extra)
        made.__qualname__ = qualified
        return made

    kind = (types.FunctionType, x.__code__, id(x.__globals__), len(defaults), tuple(keyword))
    return Parts(kind, children, [f"'s {n}" for n in names], make)


def _cell(x: Any, overlay: Overlay) -> Parts:
    """A variable that functions share; it may be empty."""
    held = overlay.cell(x)
    inside = () if held is MISSING else (held,)
    kind = (types.CellType, len(inside))
    return Parts(kind, inside, ("",), lambda new: types.CellType(*new), mutable=True)


def _method(x: Any, overlay: Overlay) -> Parts:
    return Parts(
        (types.MethodType,),
        (x.__self__, x.__func__),
        (".__self__", ".__func__"),
        lambda new: types.MethodType(new[1], new[0]),
    )


def _partial(x: Any, overlay: Overlay) -> Parts:
    keywords = x.keywords

    def make(new: Sequence[Any]) -> Any:
        n = 1 + len(x.args)
        return type(x)(new[0], *new[1:n], **dict(zip(keywords, new[n:], strict=True)))

    children = [x.func, *x.args, *keywords.values()]
    keys = [".func", *(f".args[{i}]" for i in range(len(x.args))), *(f"'s {k}" for k in keywords)]
    return Parts((type(x), len(x.args), tuple(keywords)), children, keys, make)


_SPECIAL: dict[type, Callable[[Any, Overlay], Parts | None]] = {
    list: _list,
    deque: _deque,
    set: _set,
    OrderedDict: _dict,
    defaultdict: _dict,
    tuple: _tuple,
    dict: _dict,
    types.FunctionType: _function,
    types.CellType: _cell,
    types.MethodType: _method,
    functools.partial: _partial,
    Tracer: lambda x, overlay: None,
    Array: lambda x, overlay: None,
    **dict.fromkeys(SCALARS, lambda x, overlay: None),
}


def handles(kind: type, apart: Callable[[Any, Overlay], Parts | None]) -> None:
    """Take values of a class apart by `apart`."""
    _SPECIAL[kind] = apart


def _is_plain(x: Any) -> bool:
    """Whether `x` is an object of a Python class that keeps its state in attributes."""
    kind = type(x)
    return (
        bool(kind.__flags__ & (1 << 9))  # made by a class statement
        and kind.__reduce_ex__ is object.__reduce_ex__
        and not isinstance(x, (BaseException, *MUTABLE, np.ndarray, str, bytes, int, float))
        and not kind.__module__.startswith(("ms_func.", "jaxlib"))
    )


def own_names(x: Any) -> list[str]:
    """Names of the attributes that an object keeps itself, in its dictionary or in slots."""
    found = list(getattr(x, "__dict__", ()))
    for cls in type(x).__mro__:
        slots: Any = cls.__dict__.get("__slots__", ())
        found += [slots] if isinstance(slots, str) else list(slots)
    return [n for n in found if n not in ("__dict__", "__weakref__")]


def _object(x: Any, overlay: Overlay) -> Parts:
    names, cls = overlay.names(x), type(x)

    def blank() -> Any:
        return born(object.__new__(cls))

    def fill(made: Any, new: Sequence[Any]) -> None:
        for name, value in zip(names, new, strict=True):
            object.__setattr__(made, name, value)

    def make(new: Sequence[Any]) -> Any:
        made = blank()
        fill(made, new)
        return made

    children = [overlay.attribute(x, n) for n in names]
    return Parts(
        (type(x), frozenset(names)), children, [f".{n}" for n in names], make, mutable=True,
        blank=blank, fill=fill,
    )  # fmt: skip


def _exception(x: Exception, overlay: Overlay) -> Parts:
    names, cls, count, cause = overlay.names(x), type(x), len(x.args), x.__cause__
    of_cause = _exception(cause, overlay).kind if isinstance(cause, Exception) else None

    def make(new: Sequence[Any]) -> Any:
        held, rest = dict(zip(names, new[count:], strict=False)), new[count + len(names) :]
        return exception_of(cls, tuple(new[:count]), held, *rest)

    children = [*x.args, *(overlay.attribute(x, n) for n in names)]
    keys = [*(f".args[{i}]" for i in range(count)), *(f".{n}" for n in names)]
    if of_cause is not None:
        children, keys = [*children, cause], [*keys, ".__cause__"]
    return Parts((cls, count, frozenset(names), of_cause), children, keys, make)


def exception_of(
    kind: type[Exception], args: tuple[Any, ...], held: dict[str, Any], cause: Any = None
) -> Exception:
    """An exception of its arguments and attributes; a class may take others than it keeps."""
    by_python = type(kind.__init__) is not _SLOT
    made = kind.__new__(kind, *args) if by_python else kind(*args)
    made.args = args
    for name, value in held.items():
        BaseException.__setattr__(made, name, value)
    if cause is not None:
        made.__cause__ = cause
    return made


_SLOT = type(object.__init__)


def equal_constants(a: Any, b: Any) -> bool:
    """Whether two values that no program holds are the same to the user."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, (float, complex)):
        return repr(a) == repr(b)
    if isinstance(a, types.BuiltinMethodType):
        return a.__self__ is b.__self__ and a.__name__ == b.__name__
    if isinstance(a, (str, bytes, int, frozenset, set, range, slice, np.dtype, enum.Enum)):
        return bool(a == b)
    if isinstance(a, np.generic):
        return a.dtype == b.dtype and a.tobytes() == b.tobytes()
    return False


def describe(x: Any) -> str:
    """A value in a message: the type of an array, else what it is."""
    if type(x) is Absent:
        return "not assigned"
    if x is None or isinstance(x, (str, bytes, bool, int, float, complex)):
        text = repr(x)
        return text if len(text) < 40 else f"{text[:36]}...{text[-1]}"
    if is_number(x):
        t = typeof(x)
        return f"{t.dtype.name}[{','.join(map(str, t.shape))}]"
    if isinstance(x, types.FunctionType):
        return f"the function `{x.__name__}`"
    if isinstance(x, dict):
        return f"a {type(x).__name__} with keys {list(x)}"
    if isinstance(x, (list, tuple, deque, set)):
        return f"a {type(x).__name__} of length {len(x)}"
    return f"an object of type {type(x).__name__}"


class Mismatch(Exception):
    """Outcomes that cannot be joined.

    Attributes:
        path: position among the values joined, then how the part is written after the name.
        values: what stands there on each side.
        why: the reason, where the values alone do not show it.
    """

    def __init__(self, path: tuple[Any, ...], values: Sequence[Any], why: str = "") -> None:
        super().__init__(path, why)
        self.path = path
        self.values = values
        self.why = why
