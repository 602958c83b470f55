"""Objects that hold objects of their kind: linked lists, trees, graphs that data build.

How many such objects there are, and which of them holds which, only the data know. Where a
function cannot be recorded with objects as they are, it is recorded anew with those of the user's
classes in *pools*: per attribute an array with a row for each object. A name then holds a `Ref`,
the number of a row, which is data like any other; 0 stands for None. What the attributes are is
found out as the function is recorded, which starts anew whenever there is something new.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FunctionType, MethodType
from typing import Any

import numpy as np

import ms_func.numpy as xp
from ms_func import config
from ms_func.control_flow.bodies import as_type
from ms_func.ir.types import ArrayType
from ms_func.lax import dynamic_index_in_dim, dynamic_update_index_in_dim
from ms_func.source.hooks import above
from ms_func.source.hooks.heap import aliases
from ms_func.source.hooks.heap.anatomy import NONE_LIKE, Parts, handles, is_number, own_names
from ms_func.source.hooks.heap.journal import Contents, frozen_handle, store
from ms_func.source.hooks.heap.trials import Again
from ms_func.source.hooks.values import binding, conditions, failures
from ms_func.source.hooks.values.choice import Choice
from ms_func.source.hooks.values.truths import RULES, at_hand, truth
from ms_func.source.hooks.values.types import converted, promoted, type_of
from ms_func.source.policy import is_users
from ms_func.tracing.tracer import Tracer

Kind = tuple[str, str]
"""A class by module and name: one inside of a function is made anew by each recording."""
INDEX = np.dtype(np.int32)


class Wanted(BaseException):
    """The recording should start anew, with pools."""


class Unfit(BaseException):
    """Objects that no pool can hold."""


class Schema:
    """What is known about the objects of a class.

    Attributes:
        types: of each attribute the type of its values; that of a number where it holds objects.
        kinds: of attributes that hold objects or None, their class, None while that is unknown.
    """

    def __init__(self) -> None:
        self.types: dict[str, ArrayType] = {}
        self.kinds: dict[str, Kind | None] = {}

    def learn(self, name: str, value: Any) -> bool:
        """Learn of a value of an attribute; whether that is news.

        Raises:
            Unfit: no array can hold such values.
        """
        if value is None or type(value) is Ref:
            return self._learn_object(name, None if value is None else value.pool.kind)
        if not is_number(value) or name in self.kinds:
            raise Unfit
        found, known = type_of(value), self.types.get(name)
        wanted = found if known is None else promoted(known, found)
        if wanted is None:
            raise Unfit
        self.types[name] = wanted
        return known is None or wanted != known

    def _learn_object(self, name: str, kind: Kind | None) -> bool:
        known = self.kinds.get(name, ())
        if (name in self.types and known == ()) or (known and kind and known != kind):
            raise Unfit
        self.types[name] = ArrayType((), INDEX)
        self.kinds[name] = kind or known or None
        return self.kinds[name] != known


class _State(threading.local):
    """What is known in this thread.

    Attributes:
        seen: classes of which the function being recorded makes objects.
        schemas: classes whose objects are in pools.
        pools: their pools.
        declined: whether they have been tried in vain.
    """

    def __init__(self) -> None:
        self.seen: set[Kind] = set()
        self.schemas: dict[Kind, Schema] = {}
        self.pools: dict[Kind, Pool] = {}
        self.declined = False


_state = _State()


class Pool:
    """The objects of one class.

    Attributes:
        kind: the class.
        schema: its attributes.
        rows: of each array; the first is that of None.
        cells: how many objects there are, and an array for each attribute.
        owner: the class itself, once one of its objects was made.
        making: the object that is being made.
        fresh: those of its attributes that have no array yet.
    """

    def __init__(self, kind: Kind, schema: Schema) -> None:
        self.kind = kind
        self.schema = schema
        self.owner: Any = object
        self.making: Ref | None = None
        self.fresh: dict[str, Any] = {}
        self.names = list(schema.types)
        self.rows = config.list_capacity.value + 1
        arrays = [xp.zeros((self.rows, *t.shape), t.dtype) for t in schema.types.values()]
        self.cells: list[Any] = [0, *arrays]

    def new(self, cls: type, args: Any, kwargs: Any) -> Ref:
        """A new object."""
        if self.owner is not cls:
            above.convert(cls)  # its special methods are, too
            self.owner = cls
        outer, self.making = self.making, self._blank()
        for name in self.names:
            default = getattr(cls, name, self)
            if default is not self and not hasattr(default, "__get__"):
                self.set(self.making, name, default)
        init = cls.__init__
        above.call(getattr(init, "__wrapped__", init), self.making, *args, **kwargs)
        if self.fresh:
            raise Again
        made, self.making = self.making, outer
        return made

    def copy(self, ref: Ref) -> Ref:
        """A new object with the attributes of another one."""
        made = self._blank()
        for name in self.names:
            self.set(made, name, self.get(ref, name))
        return made

    def _blank(self) -> Ref:
        """A row that is in no use."""
        row = self._store(0, self.cells[0] + 1)
        full = f"more than {self.rows - 1} objects of `{self.owner.__name__}`"
        if type(row) is Tracer:
            failures.assert_raising(xp.less(row, self.rows), MemoryError(full))
        elif row >= self.rows:
            raise failures.raise_(MemoryError(full))
        return Ref(self, row)

    def _store(self, place: int, value: Any) -> Any:
        cells = [*self.cells]
        cells[place] = frozen_handle(value) if type(value) is Tracer else value
        store(Contents(self.cells), cells)
        return cells[place]

    def get(self, ref: Ref, name: str) -> Any:
        """An attribute of an object."""
        if name in self.fresh:
            return self.fresh[name]
        if name not in self.names:
            return self._of_class(ref, name)
        column = self.cells[1 + self.names.index(name)]
        found = dynamic_index_in_dim(column, ref.row_of(name), keepdims=False)
        if name not in self.schema.kinds:
            return found
        kind = self.schema.kinds[name]
        return None if kind is None else Ref(_state.pools[kind], found)

    def _of_class(self, ref: Ref, name: str) -> Any:
        for c in self.owner.__mro__:
            if name in vars(c):
                found = vars(c)[name]
                if isinstance(found, property):
                    return above.call(getattr(found.fget, "__wrapped__", found.fget), ref)
                if type(found) is FunctionType:
                    ref.row_of(name)
                    return MethodType(getattr(found, "__wrapped__", found), ref)
                return getattr(self.owner, name)
        raise failures.raise_(
            AttributeError(f"'{self.owner.__name__}' object has no attribute '{name}'")
        )

    def _learn(self, name: str, value: Any) -> bool:
        """Whether something new is learnt of an attribute."""
        try:
            return self.schema.learn(name, value)
        except Unfit:
            raise without(self.kind) from None

    def set(self, ref: Ref, name: str, value: Any) -> None:
        """Store to an attribute.

        Raises:
            Again: it is one that not all objects have from the start, or that no array can hold.
            Unfit: so it is, and there is no other pool.
        """
        own = getattr(self.owner, name, None)
        if isinstance(own, property) and own.fset is not None:
            above.call(getattr(own.fset, "__wrapped__", own.fset), ref, value)
            return
        if name not in self.names and ref is not self.making:
            raise without(self.kind)
        if self._learn(name, value):
            if ref is not self.making:
                raise Again
            self.fresh[name] = value
        if name in self.fresh:
            return
        t, place = self.schema.types[name], 1 + self.names.index(name)
        if name in self.schema.kinds:
            value = 0 if value is None else value.row
        value = as_type(converted(value, t), t)
        row = ref.row_of(name)
        self._store(place, dynamic_update_index_in_dim(self.cells[place], value, row, 0))


class Ref:
    """An object in a pool, or None.

    Attributes:
        pool: where it is.
        row: its number; 0 for None.
        check: see `binding.was_checked`.
    """

    __slots__ = ("check", "pool", "row")

    def __init__(self, pool: Pool, row: Any) -> None:
        for name, value in (("pool", pool), ("row", row), ("check", None)):
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, pool: Pool, row: Any) -> Any:
        """The object; None where that is known."""
        return None if type(row) is int and row == 0 else cls(pool, row)

    @property
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The class of the object, for which `isinstance` asks."""
        return self.pool.owner

    def is_none(self) -> Any:
        """Whether it is None."""
        if type(self.row) is not Tracer:
            return self.row == 0
        if 0 not in conditions.possible(self.row, 1):
            return False
        return at_hand(xp.equal(self.row, 0))

    def row_of(self, name: str) -> Any:
        """Its number, where it has to be an object."""
        if binding.was_checked(self):
            return self.row
        there = self.is_none()
        if there is not False:
            text = f"'NoneType' object has no attribute '{name}'"
            if there is True:
                raise failures.raise_(AttributeError(text))
            failures.assert_raising(xp.logical_not(there), AttributeError(text))
            binding.note(self)
        return self.row

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.pool.get(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "check":
            object.__setattr__(self, name, value)
        else:
            self.pool.set(self, name, value)

    def special(self, name: str) -> Any:
        """A special method of the class, of a value that has to be an object; None without one."""
        own = getattr(self.pool.owner, name, None)
        if type(own) is not FunctionType:
            return None
        self.row_of(name)
        return MethodType(own, self)

    def __bool__(self) -> bool:
        raise without(self.pool.kind)

    def is_told_by_identity(self) -> bool:
        """Whether no other object equals this one."""
        return self.pool.owner.__eq__ is object.__eq__

    def __eq__(self, other: Any) -> Any:
        own = self.pool.owner.__eq__
        if self.is_told_by_identity() or other is None:
            return same(self, other)
        return above.call(getattr(own, "__wrapped__", own), self, other)

    def __ne__(self, other: Any) -> Any:
        own = self.pool.owner.__ne__
        if type(own) is FunctionType and other is not None:
            return above.call(getattr(own, "__wrapped__", own), self, other)
        return _not(self == other)

    def __hash__(self) -> int:
        raise without(self.pool.kind)

    def __copy__(self) -> Any:
        own = self.special("__copy__")
        return self.pool.copy(self) if own is None else above.call(own)

    def __reduce_ex__(self, protocol: Any) -> Any:  # copies would be the same object
        raise without(self.pool.kind)


def _operator(name: str) -> Any:
    """The special method of an operator, which another operand may have instead."""

    def method(self: Ref, *args: Any) -> Any:
        own = self.special(name)
        return NotImplemented if own is None else own(*args)

    return method


def _protocol(name: str, lacking: str) -> Any:
    """A special method without which there is an error."""

    def method(self: Ref, *args: Any) -> Any:
        own = self.special(name)
        if own is None:
            raise failures.raise_(TypeError(lacking.format(f"'{self.pool.owner.__name__}'")))
        return own(*args)

    return method


_OPERATORS = [
    *(f"{side}{name}" for side in ("", "r", "i") for name in (
        "add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "divmod", "pow", "lshift",
        "rshift", "and", "xor", "or",
    )),
    "lt", "le", "gt", "ge",
]  # fmt: skip
_PROTOCOLS = {
    "len": "object of type {} has no len()", "iter": "{} object is not iterable",
    "next": "{} object is not an iterator", "contains": "argument of type {} is not iterable",
    "getitem": "{} object is not subscriptable",
    "setitem": "{} object does not support item assignment",
    "delitem": "{} object does not support item deletion",
    "enter": "{} object does not support the context manager protocol",
    "exit": "{} object does not support the context manager protocol",
    "neg": "bad operand type for unary -: {}", "pos": "bad operand type for unary +: {}",
    "invert": "bad operand type for unary ~: {}", "abs": "bad operand type for abs(): {}",
    "round": "type {} doesn't define __round__ method",
    "float": "float() argument must be a string or a real number, not {}",
    "int": "int() argument must be a string, a bytes-like object or a real number, not {}",
}  # fmt: skip
for _name in _OPERATORS:
    setattr(Ref, f"__{_name}__", _operator(f"__{_name}__"))
for _name, _lacking in _PROTOCOLS.items():
    setattr(Ref, f"__{_name}__", _protocol(f"__{_name}__", _lacking))


def call_object(x: Ref, args: Any, kwargs: Any) -> Any:
    """`x(*args, **kwargs)`, of an object in a pool."""
    own = x.special("__call__")
    if own is None:
        raise failures.raise_(TypeError(f"'{x.pool.owner.__name__}' object is not callable"))
    return above.call(own, *args, **kwargs)


def same(a: Any, b: Any) -> Any:
    """`a is b`, of objects in pools and None."""
    if type(a) is not Ref:
        a, b = b, a
    if b is None:
        return a.is_none()
    if type(b) is not Ref or a.pool is not b.pool:
        return False
    return at_hand(xp.equal(a.row, b.row))


def _truth(x: Ref) -> Any:
    there, owner = _not(x.is_none()), x.pool.owner
    own = getattr(owner, "__bool__", None) or getattr(owner, "__len__", None)
    if type(own) is not FunctionType:
        return there
    return above.ifexp(there, lambda: _says(above.call(MethodType(own, x))), lambda: False)


def _not(x: Any) -> Any:
    return not x if isinstance(x, bool) else xp.logical_not(x)


def _says(found: Any) -> Any:
    return truth(found) if type(found) is Tracer else bool(found)


RULES[Ref] = _truth
NONE_LIKE[Ref] = lambda x: Ref(x.pool, 0)
handles(Ref, lambda x, overlay: Parts((Ref, id(x.pool)), (x.row,), ("",),
                                      lambda new: Ref.of(x.pool, new[0])))  # fmt: skip


# --- which objects ------------------------------------------------------------------------------


def made(cls: type) -> Pool | None:
    """The pool of a class of which an object is being made."""
    kind = _kind(cls)
    if kind not in _state.seen and _is_plain(cls):
        _state.seen.add(kind)
    return _state.pools.get(kind)


def _is_plain(cls: type) -> bool:
    """Whether objects of a class are attributes and no more, and what uses them is converted."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    return (
        bool(cls.__flags__ & (1 << 9))  # made by a class statement
        and cls.__new__ is object.__new__
        and cls.__reduce_ex__ is object.__reduce_ex__
        and cls.__setattr__ is object.__setattr__
        and not hasattr(cls, "__getattr__")
        and (file is None or is_users(file))
    )


def start() -> None:
    """A function is recorded as it is."""
    _state.seen.clear()
    _state.declined = False


def decline() -> None:
    """Pools are of no use for the function that is being recorded."""
    _state.declined = True


@contextmanager
def pooled() -> Iterator[None]:
    """A function is recorded with the objects of the classes seen in pools."""
    _state.schemas = {kind: Schema() for kind in _state.seen}
    try:
        yield
    finally:
        _state.schemas, _state.pools = {}, {}


def without(kind: Kind) -> BaseException:
    """What is raised where no pool can hold the objects of a class.

    The recording starts anew with pools for the other classes, if there are any.
    """
    _state.schemas.pop(kind, None)
    return Again() if _state.schemas else Unfit()


def may_help() -> bool:
    """Whether a recording that failed could do with pools."""
    return bool(_state.seen) and not _state.schemas


def suggest(values: Iterable[Any]) -> None:
    """A recursion is given values, which data may have chosen among objects and None.

    Raises:
        Wanted: pools are the better way, and have not been tried.
    """
    if may_help() and not _state.declined:
        for x in values:
            if type(x) is Choice and any(_kind(type(a)) in _state.seen for a in x.alternatives):
                raise Wanted


def suggest_for_links(values: Iterable[Any]) -> None:
    """A loop goes on with values, among which may be objects with links that data chose.

    Which objects these lead to would have to be told apart for each way.

    Raises:
        Wanted: pools are the better way, and have not been tried.
    """
    if may_help() and not _state.declined:
        for x in values:
            if any(_is_linked(a, type(x) is Choice) for a in _alternatives(x)):
                raise Wanted


def suggest_for_a_crowd(x: Any) -> None:
    """An object may be one of very many.

    Raises:
        Wanted: pools are the better way, and have not been tried.
    """
    if may_help() and not _state.declined and _kind(type(x)) in _state.seen:
        raise Wanted


aliases.Links.crowded = staticmethod(suggest_for_a_crowd)


def _is_linked(x: Any, is_chosen: bool) -> bool:
    """Whether an object that pools could hold has others, any of them chosen by data or itself."""
    if _kind(type(x)) not in _state.seen:
        return False
    parts = [getattr(x, name) for name in own_names(x)]
    return any(
        (is_chosen or type(v) is Choice) and _kind(type(y)) in _state.seen
        for v in parts
        for y in _alternatives(v)
    )


def _alternatives(x: Any) -> Sequence[Any]:
    return x.alternatives if type(x) is Choice else (x,)


def _kind(cls: type) -> Kind:
    return cls.__module__, cls.__qualname__


def fill() -> None:
    """Make the pools, empty, at the start of a recording."""
    _state.pools = {kind: Pool(kind, schema) for kind, schema in _state.schemas.items()}
