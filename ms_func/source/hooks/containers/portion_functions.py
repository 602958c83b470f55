"""What operators and functions make of parts of arrays of a size that data decide."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from types import BuiltinFunctionType
from typing import Any

import numpy as np

import ms_func.numpy as xp
from ms_func.dtypes import is_inexact
from ms_func.numpy.protocol import counterpart
from ms_func.source.hooks import above
from ms_func.source.hooks.containers import portions, uneven
from ms_func.source.hooks.containers.portions import Portion, Some, first, same_size
from ms_func.source.hooks.heap.anatomy import is_number
from ms_func.source.hooks.values import failures
from ms_func.source.hooks.values.elements import KINDS, Rows
from ms_func.source.hooks.values.growing import grown
from ms_func.source.hooks.values.nodes import Slot
from ms_func.source.hooks.values.perhaps import Perhaps
from ms_func.tracing.tracer import Tracer

_ELEMENTWISE = frozenset((
    "where", "clip", "round", "around", "real", "imag", "isclose", "nan_to_num", "astype", "angle",
    "i0", "sinc", "fix", "isreal", "relu", "sigmoid", "copy",
))  # fmt: skip


def call(f: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """`f(*args, **kwargs)` with a part among the arguments; NotImplemented where Python is to."""
    if type(f) in (type, BuiltinFunctionType) and f in _OF_PYTHON:
        return _OF_PYTHON[f](*args, **kwargs)
    if type(f) in (type, BuiltinFunctionType) and f in _BY_LIST:
        lists = [listed(x) if type(x) is Portion else x for x in args]
        return above.call(f, *lists, **kwargs)
    module = getattr(f, "__module__", None) or ""
    name = getattr(f, "__name__", "")
    if not isinstance(f, np.ufunc) and not module.startswith(("numpy", "ms_func.")):
        if getattr(f, "__self__", None) is None or not isinstance(f.__self__, np.ufunc):
            return NotImplemented
        module = "numpy"
    if module.startswith("ms_func.source"):
        return NotImplemented
    rule = _FUNCTIONS.get(name)
    if rule is not None and args and type(args[0]) is Portion:
        return rule(*args, **kwargs)
    if isinstance(f, np.ufunc) or name in _ELEMENTWISE or _is_ufunc(name):
        return elementwise(getattr(xp, name, None) or counterpart(f) or f, *args, **kwargs)
    if rule is not None:
        return rule(*args, **kwargs)
    raise Portion.complaint(f"`{name}`")


def _is_ufunc(name: str) -> bool:
    return isinstance(getattr(np, name, None), np.ufunc)


# --- elements -----------------------------------------------------------------------------------


def elementwise(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A function of elements, of parts whose elements correspond."""
    if kwargs.get("out") is not None or "where" in kwargs:
        raise Portion.complaint("`out=`")
    ndim = max(map(np.ndim, [x for x in args if type(x) is not Portion]), default=0)
    ndim = max(ndim, *(x.ndim for x in args if type(x) is Portion))
    given = list(args)
    axes = [_aligned(given, k - ndim) for k in range(ndim)]
    arrays = [x.array if type(x) is Portion else x for x in given]
    found = f(*arrays, **kwargs)
    if isinstance(found, (tuple, list)):
        return type(found)([Portion(x, axes) for x in found])
    return Portion(found, axes) if any(a is not None for a in axes) else found


def _aligned(given: list[Any], axis: int) -> Some | None:
    """Make the operands correspond along an axis, counted from the end; which positions are."""
    long = [i for i, x in enumerate(given) if np.ndim(_array(x)) >= -axis]
    own = [i for i in long if type(given[i]) is Portion and given[i].axes[axis] is not None]
    if not own:
        return None
    rest = [i for i in long if i not in own and np.shape(_array(given[i]))[axis] != 1]
    some = given[own[0]].axes[axis]
    if not rest and all(given[i].axes[axis].is_same(some) for i in own[1:]):
        return some
    n = min(np.shape(_array(given[i]))[axis] for i in (rest or own))
    for i in own:
        given[i] = given[i].cut(given[i].ndim + axis, n)
        same_size(given[i].axes[axis], None if rest else given[own[0]].axes[axis], n)
    return None if rest else given[own[0]].axes[axis]


def _array(x: Any) -> Any:
    return x.array if type(x) is Portion else x


def _as_part(x: Any) -> Portion:
    return x if type(x) is Portion else Portion(xp.asarray(x), (None,) * np.ndim(x))


def _operator(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: elementwise(f, *args)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and_", "or_", "xor",
              "lshift", "rshift"):  # fmt: skip
    _f = getattr(operator, _name)
    _own = _name.strip("_")
    setattr(Portion, f"__{_own}__", _operator(_f))
    setattr(Portion, f"__r{_own}__", _operator(lambda a, b, f=_f: f(b, a)))
for _name in ("lt", "le", "gt", "ge", "eq", "ne", "neg", "pos", "abs", "invert"):
    setattr(Portion, f"__{_name}__", _operator(getattr(operator, _name)))
Portion.__hash__ = object.__hash__  # type: ignore[method-assign]


# --- reductions ---------------------------------------------------------------------------------


def _axes(x: Portion, axis: Any) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(x.ndim))
    return tuple(a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,)))


def _left(x: Portion, found: Any, gone: Sequence[int], keepdims: bool) -> Any:
    """What a reduction leaves: an array, or a part along the other axes."""
    axes = [
        None if k in gone else a for k, a in enumerate(x.axes) if keepdims or k not in gone
    ]  # fmt: skip
    return Portion(found, axes) if any(a is not None for a in axes) else found


def _reduction(name: str, empty: str = "") -> Callable[..., Any]:
    """A reduction that takes `where=`; with `empty`, of no elements it is an error."""
    f = getattr(xp, name)

    def reduced(x: Portion, axis: Any = None, *args: Any, keepdims: bool = False, **kw: Any) -> Any:
        if kw.pop("out", None) is not None:
            raise Portion.complaint("`out=`")
        gone = _axes(x, axis)
        mask = x.mask(gone)
        if mask is not None:
            kw["where"] = xp.logical_and(mask, kw.get("where", True))
        if empty and mask is not None:
            _refuse_empty(x, gone, empty)
            kw["initial"] = _least(x.dtype, name)
        found = f(x.array, gone, *args, keepdims=keepdims, **kw)
        return _left(x, found, gone, keepdims)

    return reduced


def _refuse_empty(x: Portion, gone: Sequence[int], what: str) -> None:
    sizes = [x.axes[k].size for k in gone if x.axes[k] is not None]  # type: ignore[union-attr]
    error = ValueError(what)
    for n in sizes:
        failures.assert_raising(xp.greater(n, 0), error)


def _least(dtype: Any, name: str) -> Any:
    """What no element is beyond, for a maximum or minimum."""
    if is_inexact(dtype):
        return -np.inf if name == "max" else np.inf
    if dtype == np.bool_:
        return name != "max"
    info = np.iinfo(dtype)
    return int(info.min if name == "max" else info.max)


_EMPTY = "zero-size array to reduction operation {} which has no identity"


def _arg(name: str) -> Callable[..., Any]:
    f = getattr(xp, name)

    def found(x: Portion, axis: Any = None, **kw: Any) -> Any:
        if x.ndim != 1:
            raise Portion.complaint(f"`{name}` of several axes")
        x = x.gathered(0)
        _refuse_empty(x, (0,), f"attempt to get {name} of an empty sequence")
        return f(x.filled(_least(x.dtype, name.removeprefix("arg"))), **kw)

    return found


def _sort(x: Portion, axis: Any = -1, **kw: Any) -> Any:
    axis = axis % x.ndim
    some = x.axes[axis]
    if some is None:
        return Portion(xp.sort(x.array, axis), x.axes)
    array = xp.sort(x.filled(_least(x.dtype, "min"), (axis,)), axis)
    return x.replaced(array, axis, first(some.size, array.shape[axis]))


def _median(x: Portion, axis: Any = None, **kw: Any) -> Any:
    if x.ndim != 1 or kw:
        raise Portion.complaint("`median` of several axes")
    made = _sort(x)
    n = made.axes[0].size
    low, high = (xp.take(made.array, xp.maximum(k, 0), 0) for k in ((n - 1) // 2, n // 2))
    return (low + high) / 2


def _scan(name: str, neutral: Any) -> Callable[..., Any]:
    f = getattr(xp, name)

    def scanned(x: Portion, axis: Any = None, **kw: Any) -> Any:
        if axis is None and x.ndim > 1:
            raise Portion.complaint(f"`{name}` of several axes")
        axis = 0 if axis is None else axis
        return Portion(f(x.filled(neutral, (axis % x.ndim,)), axis, **kw), x.axes)

    return scanned


def _diff(x: Portion, n: int = 1, axis: int = -1) -> Any:
    for _ in range(n):
        x = x.gathered(axis % x.ndim)
        some = x.axes[axis]
        array = xp.diff(x.array, axis=axis)
        if some is not None:
            some = first(xp.maximum(some.size - 1, 0), array.shape[axis])
        x = x.replaced(array, axis % x.ndim, some)
    return x


def matmul(a: Any, b: Any) -> Any:
    """`a @ b` of vectors and matrices."""
    a, b = (
        x if type(x) is Portion else Portion(xp.asarray(x), (None,) * np.ndim(x)) for x in (a, b)
    )
    if not (1 <= a.ndim <= 2 and 1 <= b.ndim <= 2):
        raise Portion.complaint("a product of several axes")
    turned = xp.swapaxes(b.array, -1, 0) if b.ndim == 2 else b.array
    other = Portion(turned, b.axes[::-1])
    pair: list[Any] = [a, other]
    if a.ndim == 2 and other.ndim == 2:
        pair = [Portion(x.array[:, None], (x.axes[0], None, x.axes[1])) for x in pair]
    _aligned(pair, -1)
    a, other = (x if x.ndim < 3 else Portion(x.array[:, 0], (x.axes[0], x.axes[2])) for x in pair)
    left, right = a.filled(0, (a.ndim - 1,)), other.filled(0, (other.ndim - 1,))
    found = xp.matmul(left, xp.swapaxes(right, -1, 0) if other.ndim == 2 else right)
    axes = [*a.axes[:-1], *other.axes[:-1]]
    return Portion(found, axes) if any(s is not None for s in axes) else found


def outer(a: Any, b: Any) -> Any:
    """`np.outer(a, b)` of vectors."""
    a, b = map(_as_part, (a, b))
    return Portion(xp.outer(a.array, b.array), (a.axes[0], b.axes[0]))


Portion.__matmul__ = matmul  # type: ignore[attr-defined]
Portion.__rmatmul__ = lambda self, other: matmul(other, self)  # type: ignore[attr-defined]


def _norm(x: Portion, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    gone = _axes(x, axis)
    if not (ord in (None, 2, 1, np.inf) and (len(gone) == 1 or ord is None)):
        raise Portion.complaint("this norm")
    found = xp.linalg.norm(x.filled(0, gone), ord, axis, keepdims)
    return _left(x, found, gone, keepdims)


def _joined(xs: Sequence[Any], axis: int = 0) -> Any:
    parts = list(map(_as_part, xs))
    array = xp.concatenate([p.array for p in parts], axis)
    masks: list[Any] = [
        np.ones(p.array.shape[axis], bool) if p.axes[axis] is None else p.axes[axis].mask  # type: ignore[union-attr]
        for p in parts
    ]
    others = [p.axes[k] for p in parts for k in range(p.ndim) if k != axis % p.ndim]
    if any(a is not None for a in others):
        raise Portion.complaint("`concatenate` of several axes")
    return parts[0].replaced(array, axis % array.ndim, Some(xp.concatenate(masks)))


def length(x: Portion) -> Any:
    """`len(x)`."""
    some = x.axes[0]
    return x.array.shape[0] if some is None else some.size


def listed(x: Portion) -> list[Any]:
    """The elements along the first axis, as a list of a length that data decide."""
    if any(a is not None for a in x.axes[1:]):
        raise Portion.complaint("a list of its rows")
    some = x.axes[0]
    if some is None:
        return list(x.array)
    return uneven.laid([(some.mask[i], x.array[i]) for i in range(x.array.shape[0])])


def of_list(x: Any) -> Any:
    """A list of numbers of a length that data decide, as an array of such a length; else `x`."""
    if not Perhaps.exist or not isinstance(x, (list, tuple)):
        return x
    if (whole := grown(x)) is not None:
        if type(whole.node) is not Slot:
            return x
        array, there = whole.ordered()[0], slice(None, whole.length)
    elif uneven.is_uneven(x) and all(is_number(v) for _, v in uneven.pairs(x)):
        given = uneven.pairs(x)
        array = xp.array([v for _, v in given])
        there = xp.stack([xp.asarray(c) for c, _ in given])
    else:
        return x
    return portions.take(array, portions.Taken((slice(None),), {0: there}))


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{n: _reduction(n) for n in (
        "sum", "prod", "mean", "var", "std", "any", "all", "nansum", "nanmean", "nanprod",
    )},
    "max": _reduction("max", _EMPTY.format("maximum")),
    "min": _reduction("min", _EMPTY.format("minimum")),
    "argmax": _arg("argmax"),
    "argmin": _arg("argmin"),
    "sort": _sort,
    "median": _median,
    "cumsum": _scan("cumsum", 0),
    "cumprod": _scan("cumprod", 1),
    "diff": _diff,
    "dot": matmul,
    "matmul": matmul,
    "inner": lambda a, b: matmul(a, b),
    "vdot": lambda a, b: matmul(a, b),
    "outer": outer,
    "norm": _norm,
    "concatenate": _joined,
    "append": lambda a, b: _joined((a, b)),
    "hstack": _joined,
    "count_nonzero": lambda x, axis=None: _FUNCTIONS["sum"](elementwise(lambda v: v != 0, x), axis),
    "size": lambda x: x.size,
    "shape": lambda x: x.shape,
    "ndim": lambda x: x.ndim,
    "abs": lambda x: elementwise(xp.abs, x),
    "flip": lambda x: element(x, slice(None, None, -1)),
    "asarray": lambda x, *a, **k: x,
    "array": lambda x, *a, **k: x,
    "ravel": lambda x: x if x.ndim == 1 else x.complain(),
    "ptp": lambda x: _FUNCTIONS["max"](x) - _FUNCTIONS["min"](x),
    "zeros_like": lambda x: elementwise(xp.zeros_like, x),
    "ones_like": lambda x: elementwise(xp.ones_like, x),
}  # fmt: skip
_FUNCTIONS["amax"], _FUNCTIONS["amin"] = _FUNCTIONS["max"], _FUNCTIONS["min"]
for _name in (
    "sum", "prod", "mean", "var", "std", "any", "all", "max", "min", "argmax", "argmin", "cumsum",
    "cumprod", "dot", "ravel",
):  # fmt: skip
    setattr(Portion, _name, _FUNCTIONS[_name])
for _name in ("round", "clip", "astype", "conj", "copy"):
    setattr(
        Portion, _name, lambda x, *a, n=_name, **k: elementwise(lambda v: getattr(v, n)(*a, **k), x)
    )
Portion.T = property(lambda x: Portion(x.array.T, x.axes[::-1]))  # type: ignore[attr-defined]
_OF_PYTHON: dict[Any, Callable[..., Any]] = {
    len: length,
    max: lambda x, *rest, **kw: _extremum(max, x, *rest, **kw),
    min: lambda x, *rest, **kw: _extremum(min, x, *rest, **kw),
    any: lambda x: _FUNCTIONS["any"](x),
    all: lambda x: _FUNCTIONS["all"](x),
    sum: lambda x, start=0: _FUNCTIONS["sum"](x, 0) + start,
    abs: lambda x: elementwise(xp.abs, x),
    list: listed,
    tuple: lambda x: tuple(listed(x)),
}


_BY_LIST = (sorted, map, filter, set, frozenset, functools.reduce)
"""Functions of Python that take elements one by one."""


def _extremum(plain: Any, x: Any, *rest: Any, **options: Any) -> Any:
    """`max` or `min`."""
    if rest or options or x.ndim > 1:
        return NotImplemented if rest else above.call(plain, listed(x), **options)
    return _FUNCTIONS[plain.__name__](x)


def holds(x: Portion, item: Any) -> Any:
    """`item in x`."""
    return _FUNCTIONS["any"](elementwise(operator.eq, x, item))


class Kept(Rows):
    """The elements of a part along its first axis."""

    def __init__(self, x: Portion) -> None:
        x = x.gathered(0)
        if any(a is not None for a in x.axes[1:]):
            raise Portion.complaint("a loop over its rows")
        super().__init__(x.array)
        self.length = length(x)


KINDS[Portion] = Kept


# --- elements at a place ------------------------------------------------------------------------


def element(x: Portion, index: Any) -> Any:
    """`x[index]` of a part."""
    taken = portions.parsed(x, index)
    if taken is not None:
        return portions.take(x, taken)
    entries = index if type(index) is tuple else (index,)
    axis, made = 0, x
    for e in entries:
        if type(e) is slice:
            if e != slice(None):
                made = portions.take(made, portions.Taken((), {axis: e}))
            axis += 1
        elif isinstance(e, (int, np.integer)) or (type(e) is Tracer and e.ndim == 0):
            made = _at(made, axis, e)
        else:
            raise Portion.complaint("an index of this kind")
    return made if any(a is not None for a in made.axes) else made.array


Portion.__getitem__ = element  # type: ignore[attr-defined]


def _at(x: Portion, axis: int, i: Any) -> Portion:
    """The elements at one position of an axis."""
    x = x.gathered(axis)
    some, n = x.axes[axis], x.array.shape[axis]
    if some is not None:
        place = uneven.from_start(i, some.count)
        error = IndexError(f"index is out of bounds for axis {axis}")
        inside = xp.logical_and(xp.greater_equal(place, 0), xp.less(place, some.count))
        failures.assert_raising(inside, error)
        i = xp.clip(place, 0, n - 1)
    array = xp.take(x.array, i, axis) if n else x.array
    return Portion(array, [a for k, a in enumerate(x.axes) if k != axis])
