"""`Choice`: a value that depends on data in a way that no array can hold.

One of several functions, texts, objects of different classes, or None and something else. What is
done with it is done with each of them, in the branches of a `cond`.
"""

from __future__ import annotations

import enum
import operator
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from ms_func import tree
from ms_func.errors import StagingBoolError, StagingError
from ms_func.execution.array import Array
from ms_func.ir.loc import user_loc
from ms_func.primitives.bits import bitwise_and, bitwise_not, bitwise_or
from ms_func.primitives.compare import eq
from ms_func.source.hooks import above
from ms_func.source.hooks.heap.anatomy import Parts, handles, is_number
from ms_func.source.hooks.values import conditions

_CONSTANTS = (str, bytes, bool, int, float, complex, enum.Enum, type, type(None))


class Unreachable(Exception):
    """The program raises on every way to this line."""


class Choice:
    """One of several values, known only at run time.

    What `g = f1 if x > 0 else f2` gives where `x` is traced. Calling it runs the alternative
    that the index names. It is a container of the index and of what the alternatives hold, so
    that it goes through transforms and loops like data; once the index is known it is that
    alternative.

    Attributes:
        index: scalar integer.
        alternatives: the values.
    """

    __slots__ = ("alternatives", "index")
    __array_ufunc__ = None
    """Operators of arrays leave it to this class."""

    def __init__(self, index: Any, alternatives: tuple[Any, ...]) -> None:
        self.index = index
        self.alternatives = alternatives

    @property
    def are_functions(self) -> bool:
        """Whether the alternatives are functions."""
        return all(map(callable, self.alternatives))

    def each(self, f: Callable[[Any], Any]) -> Any:
        """`f` of the alternative that the index names; of those only that conditions leave."""
        left = self.left()
        if len(left) == 1:
            return f(*left.values())
        return above.switch(
            self.index,
            [
                (lambda a=a: f(a)) if k in left else _impossible
                for k, a in enumerate(self.alternatives)
            ],
        )

    def where(self, f: Callable[[Any], Any]) -> Any:
        """Whether a predicate that Python decides holds for the alternative."""
        return self._of_places([k for k, a in self.left().items() if f(a)])

    def _of_places(self, true: Sequence[int]) -> Any:
        """Whether the index is one of some places."""
        left = self.left()
        if len(true) in (0, len(left)):
            return bool(true)
        if len(true) * 2 > len(left):
            return bitwise_not(self._of_places([k for k in left if k not in true]))
        return self.holds(dict.fromkeys(true, True) | {k: False for k in left if k not in true})

    def compared(self, f: Callable[[Any], Any]) -> Any:
        """Whether `f`, a comparison, holds for the alternative."""
        if all(isinstance(a, _CONSTANTS) for a in self.alternatives):
            try:
                found = {k: f(a) for k, a in self.left().items()}
            except TypeError:
                found = {}
            if found and all(isinstance(x, bool) for x in found.values()):
                return self._of_places([k for k, x in found.items() if x])
        return self.each(lambda a: _tried(f, a))

    def truth(self) -> Any:
        """Whether the alternative is true."""
        return self.holds({k: above.call(bool, a) for k, a in self.left().items()})

    def left(self) -> dict[int, Any]:
        """The alternatives that conditions leave, by position."""
        places = conditions.possible(self.index, len(self.alternatives))
        return {k: self.alternatives[k] for k in sorted(places)}

    def holds(self, true: dict[int, Any]) -> Any:
        """Whether what was found of the alternatives left, a bool each, is true of the one."""
        if all(x is True for x in true.values()):
            return True
        found: Any = False
        for k, x in true.items():
            if x is not False:
                here = eq(self.index, np.int32(k))
                here = here if x is True else bitwise_and(here, x)
                found = here if found is False else bitwise_or(found, here)
        return found

    def settled(self) -> Any:
        """The alternative, where conditions leave only one."""
        left = self.left()
        return next(iter(left.values())) if len(left) == 1 else self

    def number(self, error: Exception) -> Any:
        """The one number or array among the alternatives; `error` at run time if it is another.

        The choice itself where there are several, or none.
        """
        left = self.left()
        numbers = {k: a for k, a in left.items() if is_number(a)}
        if len(numbers) != 1:
            return self
        above.assert_raising(self.holds({k: k in numbers for k in left}), error)
        return next(iter(numbers.values()))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function that the index names."""
        return self.each(lambda f: above.call(f, *args, **kwargs))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        left = self.left()
        if not any(type(a) is not FunctionType or hasattr(a, name) for a in left.values()):
            raise AttributeError(f"'function' object has no attribute {name!r}")
        if all(_is_method(a, name) for a in left.values()):
            return self._among({k: getattr(a, name) for k, a in left.items()})
        return self.each(lambda a: _tried(getattr, a, name))

    def _among(self, functions: dict[int, Any]) -> Choice:
        """The one of these functions, by position, that the index names."""
        places = range(len(self.alternatives))
        return Choice(self.index, tuple([functions.get(k, _impossible) for k in places]))

    def attribute_of(self, x: Any, *default: Any) -> Any:
        """`getattr(x, name)`, where the name is the choice."""
        left = self.left()
        if all(_is_method(x, name) for name in left.values()):
            return self._among({k: getattr(x, name) for k, name in left.items()})
        return self.each(lambda name: _tried(above.call, getattr, x, name, *default))

    def __getitem__(self, key: Any) -> Any:
        return self.each(lambda a: _tried(above.getitem, a, key))

    def __iter__(self) -> Iterator[Any]:
        sizes = {len(a) for a in self.left().values() if hasattr(type(a), "__len__")}
        if len(sizes) != 1:
            raise _needs_to_know("is taken apart")
        for i in range(sizes.pop()):
            yield self.each(lambda a, i=i: _tried(_unpacked, a, i))

    def __bool__(self) -> bool:
        if self.are_functions:
            return True
        raise _needs_to_know("decides what Python does")

    def __hash__(self) -> int:
        if self.are_functions:
            return object.__hash__(self)
        raise _needs_to_know("is a key or an element of a set")

    def __eq__(self, other: Any) -> Any:
        return True if self is other else self.compared(lambda a: a == other)

    def __ne__(self, other: Any) -> Any:
        return False if self is other else self.compared(lambda a: a != other)

    def __repr__(self) -> str:
        names = ", ".join(getattr(f, "__name__", repr(f)) for f in self.alternatives)
        return f"Choice({names})"

    def __jax_array__(self) -> Any:
        """The array that this is for certain, where it is given to a function of arrays."""
        found = self.settled()
        if found is not self:
            return found
        raise StagingError(
            f"MS102 branches disagree: this value is one of {self!r}, known only at run time, "
            "where an array is needed\n"
            "fix: give it one structure in all branches, or ask first (`if y is not None`)",
            user_loc(2),
        )


def _unpacked(x: Any, i: int) -> Any:
    """An element of what is taken apart."""
    if not isinstance(x, (tuple, list)):
        raise TypeError(f"cannot unpack non-iterable {type(x).__name__} object")
    return x[i]


def _impossible(*args: Any, **kwargs: Any) -> Any:
    """What an alternative gives that conditions around it rule out."""
    raise above.raise_(Unreachable())


def _tried(f: Callable[..., Any], *args: Any) -> Any:
    """`f(*args)`; what Python refuses of an alternative is an exception at run time."""
    try:
        return f(*args)
    except (StagingError, Unreachable):
        raise
    except (TypeError, AttributeError, LookupError) as error:
        raise above.raise_(error) from None


def _is_method(x: Any, name: str) -> bool:
    """Whether an attribute is a method, which may be taken without running anything."""
    found = getattr(type(x), name, None)
    return (
        callable(found) and not isinstance(found, type) and name not in getattr(x, "__dict__", ())
    )


def _needs_to_know(what: str) -> Exception:
    return StagingBoolError(
        f"MS170 a value that a condition at run time chose {what}\nfix: compare it in an `if`",
        user_loc(2),
    )


def _binary(plain: Callable[[Any, Any], Any], reflected: bool) -> Callable[[Any, Any], Any]:
    def method(self: Choice, other: Any) -> Any:
        def of(a: Any) -> Any:
            if type(other) is Choice:
                return other.each(lambda b: _tried(plain, a, b))
            return _tried(plain, other, a) if reflected else _tried(plain, a, other)

        return self.each(of)

    return method


def _ordering(plain: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda self, other: self.compared(lambda a: plain(a, other))


def _unary(plain: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda self: self.each(lambda a: _tried(plain, a))


for _name in (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor",
    "lshift", "rshift",
):  # fmt: skip
    _plain = getattr(operator, _name)
    setattr(Choice, f"__{_name.strip('_')}__", _binary(_plain, False))
    setattr(Choice, f"__r{_name.strip('_')}__", _binary(_plain, True))
for _name in ("lt", "le", "gt", "ge"):
    setattr(Choice, f"__{_name}__", _ordering(getattr(operator, _name)))
for _name in ("neg", "pos", "abs", "invert"):
    setattr(Choice, f"__{_name}__", _unary(getattr(operator, _name)))


# --- as a container -----------------------------------------------------------------------------

_DATA = type("Data", (), {"__repr__": lambda self: "data", "__slots__": ()})()


def is_function(x: Any) -> bool:
    """Whether a value is something to be called, and no choice, which might be anything."""
    return callable(x) and type(x) is not Choice


def _is_constant(x: Any) -> bool:
    return is_function(x) or type(x) in (str, bytes, type(None)) or isinstance(x, enum.Enum)


def _flatten(c: Choice) -> tuple[Any, Any]:
    data = [a for a in c.alternatives if not _is_constant(a)]
    return (c.index, *data), tuple(a if _is_constant(a) else _DATA for a in c.alternatives)


def _unflatten(frame: Any, kids: Any) -> Any:
    index, *data = kids
    rest = iter(data)
    alternatives = tuple(next(rest) if a is _DATA else a for a in frame)
    if isinstance(index, (Array, np.ndarray, np.integer)):
        if np.ndim(index):
            raise StagingError(
                f"MS102 branches disagree: one lane gives one of {alternatives}, another another\n"
                "fix: return arrays of one shape"
            )
        return alternatives[int(index)]
    return Choice(index, alternatives)


def _parts(c: Choice, overlay: Any) -> Parts:
    places = [f" (one of {len(c.alternatives)})"] * len(c.alternatives)
    return Parts(
        (Choice, len(places)), (c.index, *c.alternatives), (" (which)", *places),
        lambda new: Choice(new[0], tuple(new[1:])),
    )  # fmt: skip


tree.register_node(Choice, _flatten, _unflatten)
handles(Choice, _parts)


def number_among(value: Any, name: str) -> Any:
    """What is to be differentiated: the one number among what data chose.

    Raises:
        TypeError: there is none, when the program runs or now.
    """
    if type(value) is not Choice:
        return value
    others = [a for a in value.alternatives if not is_number(a)]
    found = f"`{name}` returned {others[0]!r}" if others else ""
    return value.number(TypeError(f"Gradient only defined for scalar-output functions. {found}"))
