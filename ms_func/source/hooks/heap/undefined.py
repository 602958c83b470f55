"""What stands where there is no value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ms_func.errors import StagingBoolError
from ms_func.ir.loc import user_loc


class Absent:
    """A value that says that there is none; see `UNDEFINED` and `UNBOUND`."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


UNDEFINED = Absent("UNDEFINED")
"""Nobody can ask for what stands here: the code before it raises, or an element is not there."""
UNBOUND = Absent("UNBOUND")
"""A local name of the user's that no statement has bound yet."""
IS_BOUND = " (whether it is bound)"


class Unusable:
    """A stand-in that nobody may compute with; whatever is done with it is an error."""

    __slots__ = ()

    @staticmethod
    def complaint() -> Exception:
        """The error."""
        raise NotImplementedError

    def complain(self, *args: Any, **kwargs: Any) -> Any:
        """Raise the error.

        Raises:
            StagingError: MS102 or MS170.
        """
        raise self.complaint()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__jax_array__":
            raise AttributeError(name)
        return self.complain()


for _name in (
    "add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "floordiv", "rfloordiv",
    "mod", "rmod", "pow", "rpow", "matmul", "rmatmul", "and", "rand", "or", "ror", "xor", "rxor",
    "lt", "le", "gt", "ge", "eq", "ne", "neg", "pos", "abs", "invert", "bool", "int", "float",
    "index", "len", "iter", "getitem", "setitem", "call", "contains", "hash",
):  # fmt: skip
    setattr(Unusable, f"__{_name}__", Unusable.complain)


class Unsure(Unusable):
    """What a local name, or an attribute, holds that data decide whether it is bound.

    Attributes:
        is_bound: whether it is, a traced condition.
        value: its value where it is bound.
        check: the recording in which it was last checked, the check and its place there.
    """

    __slots__ = ("check", "is_bound", "value")

    def __init__(self, is_bound: Any, value: Any) -> None:
        self.is_bound, self.value = is_bound, value
        self.check: tuple[Any, Any, int] | None = None

    @staticmethod
    def complaint() -> Exception:
        """The error where Python reads it without asking us."""
        return StagingBoolError(
            "MS170 data decide whether this attribute is there, in an object whose class cannot be "
            "changed\nfix: give it a value before the condition",
            user_loc(2),
        )

    @classmethod
    def of(cls, parts: Any) -> Any:
        """Such a value where it is needed."""
        is_bound, value = parts
        if is_bound is True:
            return value
        return UNBOUND if is_bound is False else cls(is_bound, value)


class Doubted:
    """An attribute of a class in some of whose objects data decide whether it is there.

    Python reads attributes without asking us, also in functions of libraries. So the class gets
    this descriptor for it, which looks at what an object holds.

    Attributes:
        name: of the attribute.
        before: what the class had under the name, if anything: a default, a slot.
    """

    __slots__ = ("before", "name")
    exist: ClassVar[bool] = False
    value: ClassVar[Callable[[Any, str, Unsure], Any]]
    """The value that an object's doubtful attribute has; `binding` supplies it."""

    def __init__(self, name: str, before: Any) -> None:
        self.name, self.before = name, before

    @classmethod
    def guard(cls, kind: type, name: str) -> None:
        """Look after an attribute of a class."""
        cls.exist = True
        before = in_class(kind, name)
        if type(before) is not cls and kind.__flags__ & _CHANGEABLE:
            type.__setattr__(kind, name, cls(name, before))

    @classmethod
    def of(cls, obj: Any, name: str) -> Doubted | None:
        """What looks after an attribute of an object, if anything does."""
        found = in_class(type(obj), name) if cls.exist else None
        return found if type(found) is cls else None

    def raw(self, obj: Any) -> Any:
        """What an object holds, or its class.

        Raises:
            AttributeError: neither has it.
        """
        if hasattr(self.before, "__set__"):
            return self.before.__get__(obj)
        held = vars(obj)
        return held[self.name] if self.name in held else self.default(obj, type(obj))

    def default(self, obj: Any, kind: type) -> Any:
        """What the class gives.

        Raises:
            AttributeError: it has no such attribute.
        """
        if self.before is None:
            owner = f"type object {kind.__name__!r}" if obj is None else f"{kind.__name__!r} object"
            raise AttributeError(f"{owner} has no attribute {self.name!r}", name=self.name, obj=obj)
        get = getattr(type(self.before), "__get__", None)
        return self.before if get is None else get(self.before, obj, kind)

    def drop(self, obj: Any) -> None:
        """Take the attribute away from an object."""
        if hasattr(self.before, "__delete__"):
            self.before.__delete__(obj)
        else:
            del vars(obj)[self.name]

    def __get__(self, obj: Any, kind: type) -> Any:
        if obj is None:
            return self.default(None, kind)
        found = self.raw(obj)
        return Doubted.value(obj, self.name, found) if type(found) is Unsure else found

    def __set__(self, obj: Any, value: Any) -> None:
        if hasattr(self.before, "__set__"):
            self.before.__set__(obj, value)
        else:
            vars(obj)[self.name] = value

    def __delete__(self, obj: Any) -> None:
        self.__get__(obj, type(obj))
        self.drop(obj)


_CHANGEABLE = 1 << 9
"""Flag of classes made by a class statement."""


def in_class(kind: type, name: str) -> Any:
    """What a class has under a name, as it stands there."""
    for c in kind.__mro__:
        if name in vars(c):
            return vars(c)[name]
    return None
