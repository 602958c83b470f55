"""Eager calls of functions made of several operations, run as one compiled program.

A program is found by the runtime's dispatcher from the types of its operands and the values of
its other arguments, without a Python frame beyond that of the function itself. Python numbers
and NumPy's arrays go to the dispatcher as they are: a program serves ever new numbers. While
something is recorded, the function is just called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from ms_func import config, tree
from ms_func.errors import ConcretizationTypeError
from ms_func.execution.array import ARRAYS, Array, handle
from ms_func.execution.buffers import put
from ms_func.execution.dispatch import WIDE, bottom, dispatcher, recorded_answer
from ms_func.ir.function import Literal, Var
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.cast import convert_p
from ms_func.tracing.tracer import Staging, Tracer

F = TypeVar("F", bound=Callable[..., Any])

_programs: dict[Any, Any] = {}
_LIMIT = 4096


def run(body: Callable[..., Any], arrays: Sequence[Any], *static: Any) -> Any:
    """`body(*arrays, *static)`: recorded as it is while tracing, one program otherwise.

    Args:
        body: a function of arrays and hashable values that captures nothing; its result is
            an array or a tree of arrays.
        arrays: operands.
        *static: hashable values; a program is compiled for each combination.
    """
    if current.interpreter is not bottom:
        return body(*arrays, *static)
    key = (body, static)
    found = _programs.get(key)
    if found is None:
        if len(_programs) > _LIMIT:
            _programs.clear()
        found = _programs[key] = _program(body, static)
    return handle(found(*[a.buffer if type(a) is Array else _operand(a) for a in arrays]))


def _operand(x: Any) -> Any:
    """What the dispatcher takes for an operand: numbers and NumPy's arrays as they are."""
    kind = type(x)
    if kind is Literal and x.type is typeof(x.value):
        x, kind = x.value, type(x.value)
    if kind in _DIRECT or (kind is int and -_FAR <= x < _FAR):
        return x
    array = bottom.operand(x)
    return array.buffer if type(array) is Array else array


# --- programs -------------------------------------------------------------------------------------

_FAR = 2**31
"""Integers from here on are checked in Python: a program that narrows them would wrap silently."""
_DOUBLE = frozenset({np.dtype(np.float64), np.dtype(np.complex128), np.float64, np.complex128})
_DOUBLE_NAMES = frozenset({"float64", "complex128", "double", "cdouble", "f8", "c16", "d", "D"})


def _is_plain(dtype: np.dtype) -> bool:
    """Whether the dispatcher takes NumPy's arrays of this dtype as they are."""
    return dtype.kind in "biufc" and dtype.isnative


def _takes(x: Any) -> bool:
    """Whether `x` is an operand as it is."""
    kind = type(x)
    if kind in ARRAYS or kind in WIDE:
        return True
    return (kind is np.ndarray or isinstance(x, np.generic)) and _is_plain(x.dtype)


def _parameters(
    trace: Staging, operands: Sequence[Any], seen: Sequence[Any], double: bool
) -> tuple[list[Any], list[Any]]:
    """Parameters of a program for the given operands, and what the function gets for them.

    Python numbers come in at double width, where the dispatcher has `seen` arrays in their place or
    makes doubles of them. They are weak and have the default width, but where `double` or an array
    asks for more: what they are in a call that is not one program.
    """
    params, given = [], []
    types = [typeof(x) for x in operands]
    double = double or any(t.dtype in _DOUBLE for t in types)
    for x, t, given_as in zip(operands, types, seen, strict=True):
        wide = WIDE.get(type(x)) if config.x64.value is None else None
        dtype = wide if wide is not None and double and wide.kind != "i" else t.dtype
        if wide is None or wide == t.dtype or (type(given_as) in WIDE and not config.widens()):
            t = t if dtype == t.dtype else ArrayType((), dtype, weak_type=True)
            params.append(trace.parameter(t))
            given.append(params[-1])
            continue
        params.append(Tracer(trace, Var(ArrayType((), wide))))
        given.append(convert_p.bind(params[-1], new_dtype=dtype, weak_type=True))
    return params, given


def _answer(
    name: str, operands: Sequence[Any], seen: Sequence[Any], body: Callable[[list[Any]], Any],
    double: bool = False,
) -> Any:  # fmt: skip
    """Answer of a dispatcher's miss: `body` of a list of operands, recorded for their types.

    `seen` is what the dispatcher has of them.
    """
    trace = Staging(name)
    with trace:
        params, given = _parameters(trace, operands, seen, double)
        outs, form = tree.flatten(body(given))
        fn, captured = trace.finish(params, outs)
    return recorded_answer(fn, [bottom.operand(x) for x in captured], operands, form, seen)


def _program(body: Callable[..., Any], static: Sequence[Any] = ()) -> Any:
    """Dispatcher of `body(*arrays, *static)`; operands are buffers, too."""
    name = body.__name__.strip("_")

    def miss(*args: Any) -> Any:
        operands = [_meant(a) for a in args]
        if not all(map(_takes, operands)):
            return body(*operands, *static), None, False
        return _answer(name, operands, args, lambda given: body(*given, *static))

    return dispatcher(name, miss)


_STATIC = frozenset({int, bool, str, type(None), tuple, type, np.dtype})
"""Classes of values that programs are kept for."""


# --- functions whose eager calls are programs -----------------------------------------------------

_SCALARS = frozenset(t for t in np.sctypeDict.values() if issubclass(t, (np.number, np.bool_)))
_DIRECT = frozenset({float, bool, complex, np.ndarray}) | _SCALARS
"""Classes of operands that the dispatcher takes as they are, whatever their value."""


def one(function: F) -> F:
    """A function of one operand whose eager call on an array or a number is one program."""
    fast = _program(function)

    @wraps(function)
    def call(x: Any, /) -> Any:
        if current.interpreter is bottom:
            if type(x) is Array:
                return handle(fast(x.buffer))
            if type(x) in _DIRECT or (type(x) is int and -_FAR <= x < _FAR):
                return handle(fast(x))
        return function(x)

    call.fast = fast  # type: ignore[attr-defined]
    return call  # type: ignore[return-value]


def two(function: F) -> F:
    """A function of two operands whose eager call on arrays and numbers is one program."""
    fast = _program(function)

    @wraps(function)
    def call(x: Any, y: Any, /) -> Any:
        if current.interpreter is bottom:
            if type(x) is Array and type(y) is Array:
                return handle(fast(x.buffer, y.buffer))
            first, second = beside(x, y), beside(y, x)
            if first is not None and second is not None:
                return handle(fast(first, second))
        return function(x, y)

    call.fast = fast  # type: ignore[attr-defined]
    return call  # type: ignore[return-value]


def beside(x: Any, other: Any) -> Any:
    """What the dispatcher takes for one of two operands; None where it is to be looked at."""
    kind = type(x)
    if kind is Array:
        return x.buffer
    if kind is float or kind is int:
        if type(other) is Array:
            return _numbers[other.buffer.aval, kind, x or repr(x)]
        return x if kind is float or _fits(x, getattr(other, "dtype", None)) else None
    return x if kind in _DIRECT else None


class _Numbers(dict[Any, Any]):
    """(type of an array, class of a number, number): what the dispatcher takes for the number.

    A number that comes again is kept as an array: to copy it to the device anew for each call
    takes longer than a small program. It is of the type that the dispatcher gives such numbers, so
    that the program is the same. Zeros, which have a sign, are keys by their text.
    """

    def __init__(self) -> None:
        self._once: set[Any] = set()

    def __missing__(self, key: tuple[ArrayType, type, Any]) -> Any:
        other, kind, value = key
        number = kind(value)
        if kind is int and not _fits(number, other.dtype):
            return None
        if len(self._once) > _LIMIT:  # ever new numbers
            self.clear()
            self._once.clear()
        if key not in self._once:
            self._once.add(key)
            return number
        self[key] = put(number, _kept_type(kind))
        return self[key]


_numbers = _Numbers()


def _kept_type(kind: type) -> ArrayType:
    """Type of kept numbers of a class; other arrays that have it mean the same beside others."""
    dtype = WIDE[kind] if config.x64.value is None else typeof(kind()).dtype
    return ArrayType((), dtype, weak_type=True)


def _meant(x: Any) -> Any:
    """An operand of a dispatcher as it was meant: an array, or a number that may be kept as one."""
    x = handle(x)
    if type(x) is Array and x.type.weak_type and not x.shape:
        for kind in (float, int):
            if x.type is _kept_type(kind):
                return kind(x)
    return x


_REACH = -_FAR, _FAR
_RANGES: dict[Any, tuple[int, int]] = {
    dtype: (max(info.min, -_FAR), min(info.max, _FAR - 1) + 1)
    for dtype in map(np.dtype, ("int8", "int16", "uint8", "uint16", "uint32", "uint64"))
    for info in [np.iinfo(dtype)]
}
"""Integers that fit dtypes which do not hold all of those that the dispatcher takes."""


def _fits(number: int, dtype: Any) -> bool:
    """Whether the dispatcher may take an integer beside an operand of this dtype."""
    low, high = _RANGES.get(dtype, _REACH)
    return low <= number < high


def whole(arrays: int, *more: str, fixed: Sequence[str] = ()) -> Callable[[F], F]:
    """Decorator of a function whose eager call is one program.

    Operands are arrays, numbers and trees of these; numbers among them may be ever new. The other
    arguments belong to the program, which is kept for each choice of them.

    Args:
        arrays: how many of the first parameters are operands.
        *more: names of further parameters that are.
        fixed: names of keyword arguments without a parameter of their own that are none.
    """

    def decorate(function: F) -> F:
        code = function.__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        static = frozenset(names).difference(names[:arrays], more).union(fixed)
        fast, general = _program(function), _general(function, static)
        made = _whole(function, arrays, bool(more), fast, general)
        call = wraps(function)(_of_three(fast, made) if arrays == 3 else made)
        call.fast = fast  # type: ignore[attr-defined]
        return call  # type: ignore[return-value]

    return decorate


def _whole(function: Any, arrays: int, more: bool, fast: Any, general: Any) -> Any:
    """The wrapper of a function: its arrays alone are looked at first.

    All is in one frame of Python, since a frame takes a tenth of the time of a small program.
    """

    def call(*args: Any, **options: Any) -> Any:
        if current.interpreter is not bottom:
            return function(*args, **options)
        if not options and len(args) == arrays:
            if arrays == 1:
                (x,) = args
                if type(x) is Array:
                    return handle(fast(x.buffer))
            elif arrays == 2:
                x, y = args
                if type(x) is Array and type(y) is Array:
                    return handle(fast(x.buffer, y.buffer))
        named = options and (more or len(args) < arrays)  # operands, maybe
        for v in (*args, *options.values()) if named else args:
            if type(v) is int and not -_FAR <= v < _FAR:
                return function(*args, **options)
        try:
            return handle(general(*args, **options))
        except Exception:
            if config.debug_key_reuse.value:  # keys are used up by now
                raise
        # What is wrong is to be seen in a plain call.
        return function(*args, **options)

    return call


def _of_three(fast: Any, rest: Any) -> Any:
    """The wrapper of a function that brings two or three operands to one dtype."""

    def call(*args: Any, **options: Any) -> Any:
        if not options and len(args) == 3 and current.interpreter is bottom:
            x, y, z = args
            other = z if type(z) is Array else y if type(y) is Array else x
            first = x.buffer if type(x) is Array else beside(x, other)
            second = y.buffer if type(y) is Array else beside(y, other)
            third = z.buffer if type(z) is Array else beside(z, other)
            if first is not None and second is not None and third is not None:
                return handle(fast(first, second, third))
        return rest(*args, **options)

    return call


def _general(function: Any, static: frozenset[str]) -> Any:
    """Dispatcher of a function with arguments that belong to the program.

    Whatever it cannot take makes the function be called as it is.
    """
    code = function.__code__
    places = [i for i, n in enumerate(code.co_varnames[: code.co_argcount]) if n in static]
    refused: set[Any] = set()

    def miss(*args: Any, **options: Any) -> Any:
        fixed = {i: args[i] for i in places if i < len(args)}
        named = {k: v for k, v in options.items() if k in static}
        free = [a for i, a in enumerate(args) if i not in fixed]
        free_named = {k: v for k, v in options.items() if k not in static}
        leaves, form = tree.flatten((free, free_named))
        key = (form, *fixed.items(), *named.items())
        if not _admits((*fixed.values(), *named.values()), leaves) or key in refused:
            return function(*args, **options), None, False

        def body(given: list[Any]) -> Any:
            values, options = form.unflatten(given)
            rest = iter(values)
            full = [fixed[i] if i in fixed else next(rest) for i in range(len(args))]
            return function(*full, **named, **options)

        try:
            double = any(map(_is_double, (*fixed.values(), *named.values())))
            results, path, forget = _answer(code.co_name, leaves, leaves, body, double)
        except ConcretizationTypeError:
            refused.add(key)
            return function(*args, **options), None, False
        nested = any(isinstance(v, (list, tuple, dict)) for v in (*free, *free_named.values()))
        unseen = nested and any(type(x) is int for x in leaves)  # by the check of the range
        return results, None if unseen else path, forget

    return dispatcher(
        code.co_name, miss, fun=function, static_argnums=places, static_argnames=sorted(static)
    )


def _is_double(value: Any) -> bool:
    """Whether an argument is a dtype of double width."""
    if isinstance(value, str):
        return value in _DOUBLE_NAMES
    return isinstance(value, (type, np.dtype)) and value in _DOUBLE


def _admits(static: Sequence[Any], leaves: Sequence[Any]) -> bool:
    """Whether a program can be kept for these arguments and take these operands.

    Python integers beside short or unsigned ones are left to the check whether they fit.
    """
    if any(type(v) not in _STATIC for v in static) or not all(map(_takes, leaves)):
        return False
    numbers = any(type(x) is int for x in leaves)
    return not (numbers and any(typeof(x).dtype in _RANGES for x in leaves))
