"""Eager calls of functions made of several operations, run as one compiled program.

A program is found by the runtime's dispatcher from the types of its operands, without a Python
frame beyond that of the function itself. While something is recorded, the function is just called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from ms_func import config, tree
from ms_func.errors import ConcretizationTypeError
from ms_func.execution.array import Array, handle
from ms_func.execution.dispatch import bottom, program_of
from ms_func.ir.function import Literal
from ms_func.ir.primitive import current
from ms_func.ir.types import typeof
from ms_func.numpy.promotion import literal_of
from ms_func.tracing.tracer import Staging

F = TypeVar("F", bound=Callable[..., Any])

_programs: dict[Any, Any] = {}
_constants: dict[Any, Array] = {}
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
    """What the dispatcher takes for an operand: the buffer, but for keys."""
    if isinstance(x, np.generic):
        x = Literal(x, typeof(x))  # such a scalar tends to come again
    array = bottom.operand(x)
    return array.buffer if type(array) is Array else array


def _program(body: Callable[..., Any], static: Sequence[Any] = (), options: Any = None) -> Any:
    """Dispatcher of `body(*arrays, *static, **options)`."""

    def record(types: Sequence[Any]) -> tuple[Any, list[Any], Any]:
        trace = Staging(body.__name__.strip("_"))
        with trace:
            params = [trace.parameter(t) for t in types]
            outs, form = tree.flatten(body(*params, *static, **(options or {})))
            fn, captured = trace.finish(params, outs)
        return fn, [bottom.operand(x) for x in captured], form

    return program_of(body.__name__.strip("_"), record)


_HOST = (np.ndarray, np.generic)


def _ours(x: Any) -> Any:
    """NumPy's arrays and scalars of numbers as arrays, for eager calls; anything else as it is."""
    if not isinstance(x, _HOST) or current.interpreter is not bottom:
        return x
    if x.dtype.kind not in "biufc" or (isinstance(x, np.ndarray) and type(x) is not np.ndarray):
        return x
    return bottom.operand(x if type(x) is np.ndarray else Literal(x, typeof(x)))


# --- functions whose eager calls are programs -----------------------------------------------------


def one(function: F) -> F:
    """A function of one operand whose eager call on an array is one program."""
    fast = _program(function)

    @wraps(function)
    def call(x: Any, /) -> Any:
        if type(x) is not Array:
            x = _ours(x)
        if type(x) is Array and current.interpreter is bottom:
            return handle(fast(x.buffer))
        return function(x)

    call.fast = fast  # type: ignore[attr-defined]
    return call  # type: ignore[return-value]


def two(function: F) -> F:
    """A function of two operands whose eager call on arrays and numbers is one program."""
    fast = _program(function)

    @wraps(function)
    def call(x: Any, y: Any, /) -> Any:
        if type(x) is Array and type(y) is Array and current.interpreter is bottom:
            return handle(fast(x.buffer, y.buffer))
        return _with_numbers(function, fast, x, y)

    call.fast = fast  # type: ignore[attr-defined]
    return call  # type: ignore[return-value]


def _with_numbers(function: Any, fast: Any, x: Any, y: Any) -> Any:
    """A function of two operands of which one may be a number, or either one of NumPy's arrays."""
    if current.interpreter is bottom:
        x, y = _ours(x), _ours(y)
        if type(x) is Array and type(y) is Array:
            return handle(fast(x.buffer, y.buffer))
        if type(x) is Array and type(y) in NUMBERS:
            found = constant(y, x)
            if found is not None:
                return handle(fast(x.buffer, found.buffer))
        elif type(y) is Array and type(x) in NUMBERS:
            found = constant(x, y)
            if found is not None:
                return handle(fast(found.buffer, y.buffer))
    return function(x, y)


NUMBERS = frozenset({int, float})
"""Python numbers whose arrays are kept, see `constant`."""


def constant(value: Any, like: Array) -> Any:
    """Array of a Python number as it stands beside `like`; None where it does not fit its dtype.

    Raises:
        OverflowError: an integer does not fit.
    """
    kind, type_ = type(value), like.buffer.aval
    exact = value if value or kind is int else repr(value)  # 0.0 is not -0.0
    key = (kind, exact, type_, config.default_device.value, config.x64.value)
    found = _constants.get(key)
    if found is None:
        literal = literal_of(value, type_)
        if literal is None:
            return None
        if len(_constants) > _LIMIT:
            _constants.clear()
        found = _constants[key] = bottom.operand(literal)
    return found


_STATIC = frozenset({int, bool, str, type(None), tuple, type, np.dtype})


def whole(arrays: int) -> Callable[[F], F]:
    """Decorator of a function whose eager call is one program, kept for each choice of options.

    Args:
        arrays: how many of the first positional arguments are arrays, 1 or 2; the rest must be
            numbers, names or tuples of these, else the function is called as it is.
    """

    def decorate(function: F) -> F:
        programs: dict[Any, Any] = {}

        def program(rest: tuple[Any, ...], options: dict[str, Any]) -> Any:
            """The program for these options; None where they are not all plain values."""
            for v in rest:
                if type(v) not in _STATIC:
                    return None
            for v in options.values():
                if type(v) not in _STATIC:
                    return None
            key = (rest, *options.items())
            try:
                found = programs.get(key)
            except TypeError:  # a tuple of something else
                return None
            if found is None:
                if len(programs) > _LIMIT:
                    programs.clear()
                found = programs[key] = _program(function, rest, options)
            return found

        made = wraps(function)((_of_one if arrays == 1 else _of_two)(function, program))
        made.fast = program((), {})  # type: ignore[attr-defined]
        return made  # type: ignore[return-value]

    return decorate


_NONE: Any = object()


def _of_one(function: Any, program: Any) -> Any:
    fast = program((), {})

    def call(x: Any = _NONE, /, *rest: Any, **options: Any) -> Any:
        if type(x) is not Array:
            x = _ours(x)
        if type(x) is Array and current.interpreter is bottom:
            found = program(rest, options) if rest or options else fast
            if found is not None:
                return handle(found(x.buffer))
        return function(**options) if x is _NONE else function(x, *rest, **options)

    return call


def _of_two(function: Any, program: Any) -> Any:
    fast = program((), {})

    def call(x: Any = _NONE, y: Any = _NONE, /, *rest: Any, **options: Any) -> Any:
        if type(x) is not Array or type(y) is not Array:
            x, y = _ours(x), _ours(y)
        if type(x) is Array and type(y) is Array and current.interpreter is bottom:
            found = program(rest, options) if rest or options else fast
            if found is not None:
                return handle(found(x.buffer, y.buffer))
        if y is _NONE:
            return function(**options) if x is _NONE else function(x, **options)
        return function(x, y, *rest, **options)

    return call


# --- arrays anywhere among the arguments ----------------------------------------------------------

_PLAIN = _STATIC - {tuple, type(None)}
_ARRAY = object()
"""Stands for an array in the key of a program."""
_AS_IT_IS = object()
"""Stands for a program that cannot be recorded without the values of arrays."""


def anywhere(function: F) -> F:
    """A function whose eager call on arrays and plain values, in whatever order, is one program.

    Where it depends on the value of an array, such as `axis=jnp.array(1)`, it is called as it is.
    """
    programs: dict[Any, Any] = {}

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        if current.interpreter is not bottom:
            return function(*args, **options)
        leaves, form = tree.flatten((args, options))
        buffers, rest = [], []
        for v in leaves:
            kind = type(v)
            if kind is Array:
                buffers.append(v.buffer)
                v = _ARRAY
            elif kind not in _PLAIN:
                return function(*args, **options)
            rest.append(v)
        if not buffers:
            return function(*args, **options)
        key = (form, *rest, *map(type, rest))  # 1 is not True
        found = programs.get(key)
        if found is None:
            if len(programs) > _LIMIT:
                programs.clear()
            found = programs[key] = _program(_filled(function, form, rest))
        if found is not _AS_IT_IS:
            try:
                return handle(found(*buffers))
            except ConcretizationTypeError:
                programs[key] = _AS_IT_IS
        return function(*args, **options)

    return call  # type: ignore[return-value]


def _filled(function: Any, form: Any, rest: Sequence[Any]) -> Any:
    """`function` of the arrays alone; the other arguments are those of `rest`."""

    @wraps(function)
    def body(*arrays: Any) -> Any:
        given = iter(arrays)
        args, options = form.unflatten([next(given) if v is _ARRAY else v for v in rest])
        return function(*args, **options)

    return body
