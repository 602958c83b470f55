"""`jax.experimental.hijax`: types of one's own in programs, which are not there.

Libraries define such types when they are imported, and most programs never use one. So the names
are there, and the use is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ms_func.compat.jax.interpreters.ad import instantiate_zeros, is_undefined_primal
from ms_func.errors import UnsupportedError
from ms_func.ir.primitive import Zero
from ms_func.ir.types import ArrayType as ShapedArray
from ms_func.ir.types import RefType as AbstractRef

__all__ = ["AbstractRef", "AbstractValue", "AvalMutableQDD", "AvalQDD", "HiPrimitive", "HiType",
           "MutableHiType", "ShapedArray", "VJPHiPrimitive", "Zero", "aval_method",
           "aval_property", "control_flow_allowed_effects", "instantiate_zeros",
           "is_undefined_primal", "register_hitype"]  # fmt: skip


def _refused(what: str) -> Exception:
    return UnsupportedError(
        f"{what}: values of types that a library defines cannot stand in programs here\n"
        "fix: use arrays, and pytrees of them"
    )


class AbstractValue:
    """Base class of types of values that libraries define."""


class HiType(AbstractValue):
    """Base class of types that stand for several arrays."""


class MutableHiType(AbstractValue):
    """Base class of such types whose values change."""


class AvalQDD:
    """A type and the state of a value."""

    def __init__(self, aval: Any, qdd: Any) -> None:
        self.aval, self.qdd = aval, qdd


class AvalMutableQDD(AvalQDD):
    """A type and a state that changes."""


class HiPrimitive:
    """Base class of operations on such values.

    Raises:
        NotImplementedError: by `bind`.
    """

    multiple_results = True

    def __init__(self, name: str) -> None:
        self.name = name

    def bind(self, *args: Any, **params: Any) -> Any:
        """Refused."""
        raise _refused(f"operation `{self.name}`")


class VJPHiPrimitive(HiPrimitive):
    """Base class of operations with a rule for reverse mode."""

    def __init__(self, *args: Any, **params: Any) -> None:
        super().__init__(type(self).__name__)

    def __call__(self, *args: Any) -> Any:
        """Refused."""
        return self.bind(*args)


class aval_property:
    """A property that traced values of a type have."""

    def __init__(self, fget: Callable[..., Any]) -> None:
        self.fget = fget


class aval_method:
    """A method that traced values of a type have."""

    def __init__(self, fun: Callable[..., Any]) -> None:
        self.fun = fun


class _Effects:
    """Effects that may stand in loops and branches."""

    def __init__(self) -> None:
        self.types: set[type] = set()

    def add_type(self, effect_type: type) -> None:
        """Allow effects of a class."""
        self.types.add(effect_type)


control_flow_allowed_effects = _Effects()


def register_hitype(val_cls: type, typeof_fn: Callable[..., Any]) -> None:
    """Accepted. Values of the class are refused where they would enter a program."""
