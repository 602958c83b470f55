"""Named axes: the names in force while a function is recorded, and the names a program uses.

`vmap(axis_name=...)` and `shard_map` bring names into force; collectives refer to them. An
operation holds the names it communicates along in a parameter of type `Axes`, so that programs
can be searched for them and names replaced. `BATCH_AXIS` stands in a name's place for the axis that
is being batched: the batch rule of a collective removes it.
"""

from __future__ import annotations

import enum
import json
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from ms_func.errors import AxisNameError
from ms_func.ir.function import Eqn, Function
from ms_func.ir.text import register_param_type
from ms_func.ir.types import Varying


class _BatchAxis(enum.Enum):
    """The one value `BATCH_AXIS`: the axis of the batch that is being made."""

    BATCH_AXIS = "lanes"

    def __repr__(self) -> str:
        return "BATCH_AXIS"


BATCH_AXIS = _BatchAxis.BATCH_AXIS


class Axes(tuple[Any, ...]):
    """Names of the axes that an operation communicates along, major first."""

    __slots__ = ()


register_param_type(
    Axes,
    write=lambda axes: json.dumps([a if isinstance(a, str) else repr(a) for a in axes]),
    read=lambda text: Axes(json.loads(text)),
)


register_param_type(
    Varying,
    write=lambda held: json.dumps(sorted(map(str, held.axes))),
    read=lambda text: Varying(frozenset(json.loads(text))),
)


# --- names in force ---------------------------------------------------------------------------


class Axis(NamedTuple):
    """One name in force.

    Attributes:
        name: any hashable object.
        size: number of lanes or devices.
        mesh: mesh whose axis it is, in a region of manual computation; None for a `vmap`.
        checked: whether types keep account of what differs along it.
    """

    name: Any
    size: int
    mesh: Any = None
    checked: bool = False


class _Environment(threading.local):
    axes: tuple[Axis, ...] = ()


_environment = _Environment()


def environment() -> tuple[Axis, ...]:
    """All names in force in this thread, the innermost last; hashable."""
    return _environment.axes


@contextmanager
def bound(*axes: Axis) -> Iterator[None]:
    """Bring names into force; they hide outer ones of the same name."""
    with in_environment(_environment.axes + axes):
        yield


@contextmanager
def in_environment(axes: tuple[Axis, ...]) -> Iterator[None]:
    """Make `axes` the names in force."""
    outer, _environment.axes = _environment.axes, axes
    try:
        yield
    finally:
        _environment.axes = outer


def find_axis(name: Any, what: str) -> Axis:
    """The innermost axis of a name.

    Args:
        name: the name.
        what: function that asks, for the message.

    Raises:
        NameError: there is none.
    """
    for axis in reversed(_environment.axes):
        if axis.name == name:
            return axis
    known = ", ".join(sorted({repr(a.name) for a in _environment.axes})) or "none"
    raise AxisNameError(
        f"Found an unbound axis name: {name}. `{what}` communicates along an axis of vmap, pmap or "
        f"shard_map; axes in force here: {known}\n"
        f"fix: call it in a function under vmap(..., axis_name={name!r}) or shard_map"
    )


def is_name(x: Any) -> bool:
    """Whether `x` is the name of an axis in force."""
    return any(axis.name == x for axis in _environment.axes)


def total_size(names: tuple[Any, ...], what: str) -> int:
    """Product of the sizes of named axes."""
    return math.prod(find_axis(name, what).size for name in names)


# --- names in programs --------------------------------------------------------------------------


def names_of(fn: Function) -> frozenset[Any]:
    """Names of axes that a program refers to and does not bring into force itself."""
    found = fn.memo.get("axes")
    if found is None:
        seen: set[Any] = set()
        for eqn in fn.eqns:
            if eqn.params:
                seen |= eqn_names(eqn)
        found = fn.memo["axes"] = frozenset(seen)
    return found


def eqn_names(eqn: Eqn) -> frozenset[Any]:
    """Names of axes that one application refers to."""
    found: frozenset[Any] = frozenset()
    for value in eqn.params.values():
        found |= _names_in(value)
    binds = eqn.primitive.binds
    return found - frozenset(binds(**eqn.params)) if binds is not None and found else found


_NONE: frozenset[Any] = frozenset()


def _names_in(value: Any) -> frozenset[Any]:
    kind = type(value)
    if kind is Function:
        return names_of(value)
    if kind is Axes:
        return frozenset(value)
    if kind is tuple:
        return _NONE.union(*map(_names_in, value)) if value else _NONE
    names = getattr(value, "axis_names_used", None)  # a rule recorded later
    return _NONE if names is None else names


def renamed(fn: Function, names: Mapping[Any, Any], change: Change | None = None) -> Function:
    """`fn` with names of axes replaced, in nested programs too.

    Args:
        fn: the program.
        names: new name of each old one.
        change: further function of (equation, its parameters) to new parameters.
    """
    if change is None and names_of(fn).isdisjoint(names):
        return fn
    key = ("renamed", *names.items(), change)
    if key not in fn.memo:
        eqns = [_renamed_eqn(e, names, change) for e in fn.eqns]
        same = all(a is b for a, b in zip(eqns, fn.eqns, strict=True))
        fn.memo[key] = fn if same else Function(fn.name, fn.params, eqns, fn.results, fn.consts)
    return fn.memo[key]


Change = Callable[[Eqn, dict[str, Any]], dict[str, Any]]


def _renamed_eqn(eqn: Eqn, names: Mapping[Any, Any], change: Change | None) -> Eqn:
    if not eqn.params:
        return eqn
    binds = eqn.primitive.binds
    if binds is not None:
        own = binds(**eqn.params)
        names = {old: new for old, new in names.items() if old not in own}
    params = {k: _renamed_in(v, names, change) for k, v in eqn.params.items()}
    if change is not None:
        params = change(eqn, params)
    if all(params[k] is v for k, v in eqn.params.items()) and len(params) == len(eqn.params):
        return eqn
    return Eqn(eqn.primitive, eqn.inputs, eqn.outputs, params, eqn.loc)


def _renamed_in(value: Any, names: Mapping[Any, Any], change: Change | None) -> Any:
    kind = type(value)
    if kind is Function:
        return renamed(value, names, change)
    if kind is Axes:
        return value if names.keys().isdisjoint(value) else Axes(names.get(a, a) for a in value)
    if kind is tuple:
        found = tuple([_renamed_in(v, names, change) for v in value])
        return value if all(a is b for a, b in zip(found, value, strict=True)) else found
    later = getattr(value, "with_axes_renamed", None)
    return value if later is None else later(names, change)
