"""Universal functions: elementwise ones with `reduce`, `accumulate`, `reduceat`, `outer`, `at`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ms_func.config import jax_rules
from ms_func.control_flow.scan import scan
from ms_func.dtypes import issubdtype
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.numpy import (
    arithmetic,
    bitwise,
    elementwise,
    joining,
    logic,
    manipulation,
    reductions,
    running,
)
from ms_func.numpy.axes import axes_tuple, axis_index
from ms_func.numpy.creation import asarray
from ms_func.numpy.filled import full
from ms_func.numpy.promotion import SCALARS, ArrayLike, no_out, operand
from ms_func.numpy.searching import where as choose
from ms_func.numpy.vectorize import vectorize
from ms_func.tracing.tracer import Tracer


class ufunc:
    """An elementwise function with methods `reduce`, `accumulate`, `reduceat`, `outer` and `at`.

    Made by `frompyfunc` from a function of scalars; `add`, `multiply`, `maximum` and their like
    are of this class. Calling one calls the function.

    Attributes:
        nin, nout: numbers of operands, of results.
        nargs: number of arguments, that of operands: none is written to, as NumPy's `out` is.
        identity: value that leaves the other operand as it is, None where there is none.

    Example:
        >>> np.add.reduce(np.array([1, 2, 3])), np.add.identity, np.maximum.identity
        (Array(6, dtype=int32), 0, None)
    """

    def __init__(
        self, func: Callable[..., Any], nin: int, nout: int, *, identity: Any = None,
        name: str | None = None, direct: bool = False, sums: Any = None, running: Any = None,
        scatter: str | None = None,
    ) -> None:  # fmt: skip
        """A ufunc.

        Args:
            func: function of scalars, or of arrays where `direct`.
            nin: number of operands.
            nout: number of results.
            identity: see the class.
            name: name, by default that of `func`.
            direct: `func` is defined on arrays already.
            sums: the function's reduction, where there is a fast one.
            running: its running reduction.
            scatter: method of `x.at[...]` that applies it.
        """
        self.nin, self.nout, self.nargs, self.identity = nin, nout, nin, identity
        self._func = func if direct else vectorize(func)
        self._sums, self._running, self._scatter = sums, running, scatter
        self.__name__ = self.__qualname__ = name or getattr(func, "__name__", "ufunc")
        self.__doc__ = func.__doc__
        self.__signature__ = _signature(func, nin)

    def __call__(self, *args: ArrayLike, out: None = None, where: None = None) -> Any:
        """The function of each element.

        Args:
            *args: operands, as many as `nin`; they broadcast.
            out: not supported.
            where: not supported: use `numpy.where` on the result.

        Returns:
            Array, or a tuple of arrays where `nout` is not 1.

        Raises:
            NotImplementedError: `out` or `where` is given.
            TypeError: there are more or fewer operands.

        Example:
            >>> np.add(np.array([1, 2]), 10)
            Array([11, 12], dtype=int32)
        """
        if out is not None or where is not None:
            given, remedy = ("where", "jnp.where on the result") if out is None else ("out", "it")
            raise NotImplementedError(
                f"{given} argument of {self!r} is not supported: a call gives a new array\n"
                f"fix: use {remedy}"
            )
        if len(args) != self.nin:
            raise ArgumentTypeError(f"{self.__name__} takes {self.nin} arguments, got {len(args)}")
        return self._func(*args)

    def __repr__(self) -> str:
        return f"<{'jnp' if jax_rules() else 'ms_func.numpy'}.ufunc '{self.__name__}'>"

    def __reduce__(self) -> Any:
        found = globals().get(self.__name__)
        return self.__name__ if found is self else (ufunc, (self._func, self.nin, self.nout))

    def reduce(
        self, a: ArrayLike, axis: Any = 0, dtype: Any = None, out: None = None,
        keepdims: bool = False, initial: ArrayLike | None = None, where: ArrayLike | None = None,
    ) -> Array:  # fmt: skip
        """The function of the elements along dimensions, from the first to the last.

        Args:
            a: array.
            axis: dimension, several of them, or None for all; the first by default.
            dtype: dtype of the result; integers keep theirs by default, unlike in `sum`.
            out: not supported.
            keepdims: keep the reduced dimensions with size 1.
            initial: value to begin with, by default the identity.
            where: which elements take part; needs an identity or `initial`.

        Returns:
            Array without the reduced dimensions.

        Raises:
            ValueError: the function does not take two operands, or there is nothing to reduce
                and no identity.

        Example:
            >>> np.multiply.reduce(np.array([[1, 2], [3, 4]])), np.add.reduce(np.int8([100, 100]))
            (Array([3, 8], dtype=int32), Array(-56, dtype=int8))
            >>> np.maximum.reduce(np.array([[1, 2], [3, 4]]), axis=None, initial=9)
            Array(9, dtype=int32)
        """
        no_out("reduce", out)
        self._two("reduce")
        logical = self._sums in (reductions.all, reductions.any)
        if self._sums is None or (logical and initial is not None):
            return _reduce(self, a, axis, dtype, keepdims, initial, where)
        options = {k: v for k, v in (("initial", initial), ("where", where)) if v is not None}
        if self._sums in (reductions.sum, reductions.prod):
            options |= {"promote_integers": False, "dtype": dtype}
        elif dtype is not None:
            a = asarray(operand("reduce", a)).astype(dtype)
        return self._sums(a, axis, keepdims=keepdims, **options)

    def accumulate(self, a: ArrayLike, axis: int = 0, dtype: Any = None, out: None = None) -> Array:
        """All intermediate results of `reduce` along a dimension.

        Args:
            a: array of at least one dimension.
            axis: dimension, the first by default.
            dtype: dtype of the results; integers keep theirs by default.
            out: not supported.

        Returns:
            Array of the shape of `a`, which begins with its first element.

        Raises:
            ValueError: the function does not take two operands, or there is no such dimension.

        Example:
            >>> np.maximum.accumulate(np.array([3, 1, 4, 1, 5]))
            Array([3, 3, 4, 4, 5], dtype=int32)
        """
        no_out("accumulate", out)
        self._two("accumulate")
        if axis is None:
            raise ArgumentValueError("accumulate does not allow multiple axes")
        if self._running is not None:
            return self._running(a, axis, dtype)
        return _accumulate(self, a, axis, dtype)

    def reduceat(
        self, a: ArrayLike, indices: Any, axis: int = 0, dtype: Any = None, out: None = None
    ) -> Array:
        """`reduce` of pieces of a dimension.

        Piece i begins at `indices[i]` and ends before `indices[i + 1]`, the last at the end; where
        the next index is not larger, it is the one element at `indices[i]`.

        Args:
            a: array of at least one dimension.
            indices: vector of integers; negative ones are not counted from the end.
            axis: dimension, the first by default.
            dtype: dtype of the result; integers keep theirs by default.
            out: not supported.

        Returns:
            Array with as many elements along `axis` as there are indices.

        Raises:
            IndexError: an index known beforehand is out of range.
            TypeError: `indices` is no vector of integers.
            ValueError: the function does not take two operands.

        Example:
            >>> np.add.reduceat(np.arange(8), np.array([0, 4, 1, 5]))
            Array([ 6,  4, 10, 18], dtype=int32)
        """
        no_out("reduceat", out)
        self._two("reduceat")
        return _reduceat(self, a, indices, axis, dtype)

    def outer(self, A: ArrayLike, B: ArrayLike, /) -> Array:
        """The function of all pairs of elements.

        Args:
            A: array or number.
            B: array or number.

        Returns:
            Array of the shape `A.shape + B.shape`.

        Raises:
            ValueError: the function does not take two operands.

        Example:
            >>> np.subtract.outer(np.array([10, 20]), np.array([1, 2, 3]))
            Array([[ 9,  8,  7],
                   [19, 18, 17]], dtype=int32)
        """
        self._two("outer")
        if type(A) in SCALARS or type(B) in SCALARS:
            return self(A, B)
        one, two = asarray(operand("outer", A)), asarray(operand("outer", B))
        return self(manipulation.reshape(one, (*one.shape, *[1] * two.ndim)), two)

    def at(
        self, a: ArrayLike, indices: Any, b: ArrayLike | None = None, /, *, inplace: bool = True
    ) -> Array:
        """New array with the function applied at `indices`, once for every time one occurs.

        Args:
            a: array; it stays as it is.
            indices: index, array of indices, or a tuple for several dimensions.
            b: second operand, broadcast against the elements; for functions of two.
            inplace: must be False: arrays do not change.

        Returns:
            Array of the shape and dtype of `a`.

        Raises:
            NotImplementedError: `inplace` is not False.
            ValueError: the function takes two operands and `b` is left out.

        Example:
            >>> np.add.at(np.zeros(3), np.array([0, 2, 2]), 1.0, inplace=False)
            Array([1., 0., 2.], dtype=float32)
        """
        return _at(self, a, indices, b, inplace)

    def _two(self, method: str) -> None:
        if self.nin != 2 or self.nout != 1:
            raise ArgumentValueError(
                f"{method} only supported for binary ufuncs with one result, not {self!r}"
            )


def _signature(func: Callable[..., Any], nin: int) -> inspect.Signature:
    """Operands by position, under the names of the function where it has some; two options."""
    code = getattr(inspect.unwrap(func), "__code__", None)
    names = code.co_varnames[: code.co_argcount] if code is not None else ()
    names = names if len(names) == nin else [f"x{i + 1}" for i in range(nin)]
    options = [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=None)
               for n in ("out", "where")]  # fmt: skip
    return inspect.Signature(
        [*(inspect.Parameter(n, inspect.Parameter.POSITIONAL_ONLY) for n in names), *options]
    )


def frompyfunc(func: Callable[..., Any], /, nin: int, nout: int, *, identity: Any = None) -> ufunc:
    """`ufunc` of a Python function of scalars.

    Args:
        func: function of scalars; it is mapped over the elements as `vmap` does.
        nin: number of operands.
        nout: number of results.
        identity: value that leaves the other operand as it is; what `reduce` of nothing gives.

    Returns:
        A `ufunc`.

    Example:
        >>> steps = np.frompyfunc(lambda x, y: 2 * x + y, 2, 1, identity=0)
        >>> steps(np.array([1, 2]), 10), steps.accumulate(np.array([1, 1, 1]))
        (Array([12, 14], dtype=int32), Array([1, 3, 7], dtype=int32))
    """
    return ufunc(func, nin, nout, identity=identity)


# --- methods, in terms of the function ----------------------------------------------------------


def _reduce(
    fn: ufunc, a: Any, axis: Any, dtype: Any, keepdims: bool, initial: Any, where: Any
) -> Any:
    a = _elements(fn, "reduce", a, dtype)
    axes = tuple(range(a.ndim)) if axis is None else axes_tuple(axis, a.ndim)
    if where is not None:
        if initial is None and fn.identity is None:
            raise ArgumentValueError(
                f"reduction operation {fn.__name__!r} does not have an identity, so to use a where "
                "mask one has to specify 'initial'."
            )
        return _masked(fn, a, axes, keepdims, initial, where)
    rows = manipulation.moveaxis(a, axes, tuple(range(len(axes))))
    rows = manipulation.reshape(rows, (-1, *rows.shape[len(axes) :]))
    first, rest = _start(fn, rows, initial)
    out, _ = scan(lambda c, x: (fn(c, x).astype(c.dtype), None), first, rest)
    return manipulation.expand_dims(out, axes) if keepdims else out


def _elements(fn: ufunc, method: str, a: Any, dtype: Any) -> Any:
    """What is reduced: results of the logical functions, and so all they combine, are booleans."""
    a = asarray(operand(method, a))
    if fn.__name__.startswith("logical_"):
        return a.astype(np.bool_)
    return a if dtype is None else a.astype(dtype)


def _masked(fn: ufunc, a: Any, axes: Any, keepdims: bool, initial: Any, where: Any) -> Any:
    """Reduction that passes over the elements where the mask is false."""
    lead = tuple(range(len(axes)))
    mask = manipulation.broadcast_to(where, a.shape)
    rows, flags = (manipulation.moveaxis(v, axes, lead) for v in (a, mask))
    flat = (-1, *rows.shape[len(axes) :])
    rows, flags = manipulation.reshape(rows, flat), manipulation.reshape(flags, flat)
    start = full(rows.shape[1:], fn.identity if initial is None else initial, rows.dtype)

    def step(c: Any, row: Any) -> Any:
        x, use = row
        return choose(use, fn(c, x).astype(c.dtype), c), None

    out, _ = scan(step, start, (rows, flags))
    return manipulation.expand_dims(out, axes) if keepdims else out


def _start(fn: ufunc, rows: Any, initial: Any) -> tuple[Any, Any]:
    if initial is None and rows.shape[0] and fn.identity is None:
        return rows[0], rows[1:]
    value = fn.identity if initial is None else initial
    if value is None:
        raise ArgumentValueError(
            f"zero-size array to reduction operation {fn.__name__} which has no identity"
        )
    return full(rows.shape[1:], value, rows.dtype), rows


def _accumulate(fn: ufunc, a: Any, axis: int, dtype: Any) -> Any:
    a = _elements(fn, "accumulate", a, dtype)
    axis = axis_index(axis, a.ndim)
    rows = manipulation.moveaxis(a, axis, 0)
    if not rows.shape[0]:
        return a

    def step(c: Any, x: Any) -> Any:
        new = fn(c, x).astype(c.dtype)
        return new, new

    _, rest = scan(step, rows[0], rows[1:])
    return manipulation.moveaxis(joining.concatenate([rows[:1], rest]), 0, axis)


def _reduceat(fn: ufunc, a: Any, indices: Any, axis: int, dtype: Any) -> Any:
    """One pass over the dimension with the running result of every piece."""
    a = asarray(operand("reduceat", a))
    a = a if dtype is None else a.astype(dtype)
    axis = axis_index(axis, a.ndim)
    rows = manipulation.moveaxis(a, axis, 0)
    n = rows.shape[0]
    starts = _starts(fn, indices, n)
    if not starts.shape[0]:
        return manipulation.moveaxis(rows[:0], 0, axis)
    after = joining.concatenate([starts[1:], asarray([n], np.int32)])
    ends = choose(logic.greater(after, starts), after, arithmetic.add(starts, 1))
    tail = (-1, *[1] * (rows.ndim - 1))
    starts, ends = manipulation.reshape(starts, tail), manipulation.reshape(ends, tail)

    def step(c: Any, x: Any) -> Any:
        place, held = c
        new = fn(held, manipulation.broadcast_to(x, held.shape)).astype(held.dtype)
        inside = logic.logical_and(logic.greater(place, starts), logic.less(place, ends))
        held = choose(logic.equal(place, starts), x, choose(inside, new, held))
        return (arithmetic.add(place, 1), held), None

    first = full((starts.shape[0], *rows.shape[1:]), 0, rows.dtype)
    (_, out), _ = scan(step, (asarray(0, np.int32), first), rows)
    return manipulation.moveaxis(out, 0, axis)


def _starts(fn: ufunc, indices: Any, n: int) -> Any:
    """Where pieces of a dimension of length `n` begin."""
    starts = asarray(np.asarray(indices) if isinstance(indices, (list, tuple)) else indices)
    if starts.ndim != 1 or not issubdtype(starts.dtype, np.integer):
        raise ArgumentTypeError(f"reduceat takes a vector of integer indices, got {starts.aval}")
    if type(starts) is not Tracer:
        for i in np.asarray(starts):
            if not 0 <= i < n:
                raise IndexError(f"index {i} out-of-bounds in {fn.__name__}.reduceat [0, {n})")
    return starts.astype(np.int32)


def _at(fn: ufunc, a: Any, indices: Any, b: Any, inplace: bool) -> Any:
    if inplace:
        raise NotImplementedError(
            f"Because {'JAX ' * jax_rules()}arrays are immutable, jnp.ufunc.at() cannot operate "
            "inplace like np.ufunc.at(). Instead, pass inplace=False and use the result"
        )
    a = asarray(operand("at", a))
    if fn.nin == 1:
        return a.at[indices].apply(fn)
    if b is None:
        raise ArgumentValueError(f"{fn.__name__}.at takes a second operand")
    if fn._scatter is not None:
        return getattr(a.at[indices], fn._scatter)(b)
    return _at_in_order(fn, a, indices, asarray(b))


def _at_in_order(fn: ufunc, a: Any, indices: Any, b: Any) -> Any:
    """Apply the function to one element after the other."""
    places = manipulation.reshape(running.cumsum(full((a.size,), 1, np.int32)), a.shape)[indices]
    flat = manipulation.ravel(places)
    values = manipulation.ravel(manipulation.broadcast_to(b, places.shape))

    def step(c: Any, row: Any) -> Any:
        i, v = row
        return c.at[i - 1].set(fn(c[i - 1], v).astype(c.dtype)), None

    out, _ = scan(step, manipulation.ravel(a), (flat, values))
    return manipulation.reshape(out, a.shape)


# --- the ufuncs of this package -------------------------------------------------------------------


def _binary(func: Callable[..., Any], identity: Any = None, **fast: Any) -> ufunc:
    return ufunc(func, 2, 1, identity=identity, direct=True, **fast)


add = _binary(arithmetic.add, 0, sums=reductions.sum, running=running.cumsum, scatter="add")
subtract = _binary(arithmetic.subtract, scatter="subtract")
multiply = _binary(arithmetic.multiply, 1, sums=reductions.prod, running=running.cumprod,
                   scatter="multiply")  # fmt: skip
divide = _binary(arithmetic.divide)
floor_divide = _binary(arithmetic.floor_divide)
remainder = _binary(arithmetic.remainder)
power = _binary(arithmetic.power)
maximum = _binary(arithmetic.maximum, sums=reductions.max, scatter="max")
minimum = _binary(arithmetic.minimum, sums=reductions.min, scatter="min")
negative = ufunc(arithmetic.negative, 1, 1, direct=True)
logaddexp = _binary(elementwise.logaddexp, -np.inf)
logaddexp2 = _binary(elementwise.logaddexp2, -np.inf)
logical_and = _binary(logic.logical_and, True, sums=reductions.all)
logical_or = _binary(logic.logical_or, False, sums=reductions.any)
logical_xor = _binary(logic.logical_xor, False)
bitwise_and = _binary(bitwise.bitwise_and, -1)
bitwise_or = _binary(bitwise.bitwise_or, 0)
bitwise_xor = _binary(bitwise.bitwise_xor, 0)
mod, pow, true_divide = remainder, power, divide
