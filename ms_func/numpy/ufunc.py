"""Functions lifted over arrays: `vectorize`, `apply_along_axis`, reduce and outer of ufuncs."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.control_flow.scan import scan
from ms_func.execution.array import Array
from ms_func.ir.function import Literal
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy import arithmetic, logic, manipulation, reductions
from ms_func.numpy.creation import asarray, full
from ms_func.numpy.manipulation import axis_index
from ms_func.numpy.promotion import ArrayLike, as_handle, no_out, operand
from ms_func.numpy.searching import where as choose
from ms_func.tracing.policy import user_function
from ms_func.tracing.stage import stage
from ms_func.transforms.batch import batch

# --- lanes ------------------------------------------------------------------------------------


def over_lanes(
    name: str, call: Callable[..., Any], arrays: Sequence[Any], mapped: Sequence[bool], size: int
) -> Any:
    """`call` on `size` lanes at once, along the first dimension of the arrays that are mapped."""
    types = [
        ArrayType(typeof(a).shape[1:] if m else typeof(a).shape, typeof(a).dtype)
        for a, m in zip(arrays, mapped, strict=True)
    ]
    call = user_function(call)
    staged = stage(lambda tracers: call(*tracers), types, name=name)
    dims = (None,) * len(staged.captured) + tuple(0 if m else None for m in mapped)
    fn, _ = batch(staged.fn, size, dims, (0,) * len(staged.fn.results))
    outs = current.interpreter.apply(fn, [*staged.captured, *arrays])
    return staged.unflatten([as_handle(x) if type(x) is Literal else x for x in outs])


def apply_along_axis(
    func1d: Callable[..., Any], axis: int, arr: ArrayLike, *args: Any, **kwargs: Any
) -> Array:
    """`func1d` applied to every vector along a dimension, all of them at once."""
    arr = asarray(operand("apply_along_axis", arr))
    axis = axis_index(axis, arr.ndim)
    rows = manipulation.moveaxis(arr, axis, -1)
    lead, n = rows.shape[:-1], rows.shape[-1]
    size = math.prod(lead)
    flat = manipulation.reshape(rows, (size, n))
    func1d = user_function(func1d)
    out = over_lanes("apply_along_axis", lambda v: func1d(v, *args, **kwargs), [flat], [True], size)
    out = manipulation.reshape(out, (*lead, *out.shape[1:]))
    new = out.ndim - len(lead)
    places = range(axis, axis + new)
    return manipulation.moveaxis(out, tuple(range(len(lead), out.ndim)), tuple(places))


def apply_over_axes(func: Callable[[Any, int], Any], a: ArrayLike, axes: Any) -> Array:
    """`func(a, axis)` for each dimension in turn; reduced dimensions keep size 1."""
    a = asarray(operand("apply_over_axes", a))
    for axis in (axes,) if isinstance(axes, int) else axes:
        out = func(a, axis)
        if out.ndim == a.ndim - 1:  # pyright: ignore[reportAttributeAccessIssue]
            out = manipulation.expand_dims(out, axis)
        if out.ndim != a.ndim:  # pyright: ignore[reportAttributeAccessIssue]
            raise ValueError("function is not returning an array of the correct shape")
        a = out
    return a  # pyright: ignore[reportReturnType]


# --- vectorize -----------------------------------------------------------------------------------

_NAME = r"\w+"
_CORE = rf"\((?:{_NAME}(?:,{_NAME})*)?\)"
_SIGNATURE = re.compile(rf"^{_CORE}(?:,{_CORE})*->{_CORE}(?:,{_CORE})*$")


def vectorize(
    pyfunc: Callable[..., Any], *, excluded: Any = frozenset(), signature: str | None = None
) -> Callable[..., Any]:
    """Function of arrays from a function of scalars, or of the dimensions in `signature`.

    Args:
        pyfunc: function of traced arrays.
        excluded: positions or names of arguments that are passed as they are.
        signature: dimensions the function works on, such as `"(m,n),(n)->(m)"`; leading
            dimensions of the arguments broadcast.

    Raises:
        ValueError: the signature is not of that form, or the arguments do not fit it.

    Example:
        >>> rows = np.ones((2, 3), np.float32)
        >>> vectorize(lambda a, b: a @ b, signature="(n),(n)->()")(rows, rows)
        Array([3., 3.], dtype=float32)
    """
    core = None if signature is None else _parsed(signature)
    excluded = frozenset(excluded)

    def vectorized(*args: Any, **kwargs: Any) -> Any:
        kept = [i for i in range(len(args)) if i not in excluded]
        bound = {k: v for k, v in kwargs.items() if k not in excluded}
        arrays = [asarray(args[i]) for i in kept] + [asarray(v) for v in bound.values()]

        def call(*found: Any) -> Any:
            full_args = list(args)
            for i, v in zip(kept, found, strict=False):
                full_args[i] = v
            named = dict(zip(bound, found[len(kept) :], strict=True))
            return pyfunc(*full_args, **{**kwargs, **named})

        return _vectorized(pyfunc, call, arrays, core)

    vectorized.__name__ = getattr(pyfunc, "__name__", "vectorized")
    vectorized.__doc__ = pyfunc.__doc__
    return vectorized


def _parsed(signature: str) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Core dimensions of the arguments and of the results."""
    text = signature.replace(" ", "")
    if not _SIGNATURE.match(text):
        raise ValueError(f"not a valid gufunc signature: {signature}")
    left, right = (
        [tuple(re.findall(_NAME, c)) for c in re.findall(_CORE, side)] for side in text.split("->")
    )
    return left, right


def _vectorized(pyfunc: Any, call: Any, arrays: Sequence[Any], core: Any) -> Any:
    cores = [()] * len(arrays) if core is None else core[0]
    if len(cores) != len(arrays):
        raise TypeError(
            f"wrong number of positional arguments: expected {len(cores)}, got {len(arrays)}"
        )
    sizes: dict[str, int] = {}
    lanes = []
    for a, names in zip(arrays, cores, strict=True):
        if a.ndim < len(names):
            raise ValueError(
                f"input with shape {a.shape} does not have enough dimensions for all core "
                f"dimensions {names}"
            )
        split = a.ndim - len(names)
        for name, n in zip(names, a.shape[split:], strict=True):
            if sizes.setdefault(name, n) != n:
                raise ValueError(
                    f"inconsistent size for core dimension {name!r}: {n} vs {sizes[name]}"
                )
        lanes.append(a.shape[:split])
    loop = manipulation.broadcast_shapes(*lanes)
    size = math.prod(loop)
    mapped = [bool(lane) for lane in lanes]
    flat = [
        manipulation.reshape(manipulation.broadcast_to(a, (*loop, *a.shape[len(lane) :])),
                             (size, *a.shape[len(lane) :])) if m else a
        for a, lane, m in zip(arrays, lanes, mapped, strict=True)
    ]  # fmt: skip
    if not any(mapped):
        return _checked(pyfunc, call(*arrays), (), core, sizes)
    out = over_lanes(getattr(pyfunc, "__name__", "vectorized"), call, flat, mapped, size)
    return _checked(pyfunc, out, loop, core, sizes)


def _checked(pyfunc: Any, out: Any, loop: tuple[int, ...], core: Any, sizes: Any) -> Any:
    """Results with the loop dimensions spread out, held to the signature."""
    many = isinstance(out, tuple)
    outs = list(out) if many else [out]
    lead = 1 if loop else 0
    outs = [manipulation.reshape(o, (*loop, *np.shape(o)[lead:])) for o in outs]
    if core is not None:
        if len(core[1]) != len(outs):
            raise TypeError(
                f"output must be {len(core[1])} arrays by the signature, got {len(outs)}"
            )
        for o, names in zip(outs, core[1], strict=True):
            own = o.shape[len(loop) :]
            if len(own) != len(names) or any(
                sizes.setdefault(name, n) != n for name, n in zip(names, own, strict=False)
            ):
                raise ValueError(
                    f"output shape {own} of {pyfunc} does not match core dimensions {names}"
                )
    return tuple(outs) if many else outs[0]


# --- ufuncs -------------------------------------------------------------------------------------


class ufunc:
    """A function of scalars with NumPy's `reduce`, `accumulate`, `outer`, `at`.

    Made by `frompyfunc`. The functions of two operands in this package have the methods too.
    """

    def __init__(
        self, func: Callable[..., Any], nin: int, nout: int, *, identity: Any = None
    ) -> None:
        self.func = vectorize(func)
        self.nin, self.nout, self.nargs, self.identity = nin, nout, nin + nout, identity
        self.__name__ = getattr(func, "__name__", "ufunc")
        self.__doc__ = func.__doc__

    def __call__(self, *args: ArrayLike) -> Any:
        """The function of each element."""
        if len(args) != self.nin:
            raise TypeError(f"{self.__name__} takes {self.nin} arguments, got {len(args)}")
        return self.func(*args)

    def __repr__(self) -> str:
        return f"<ufunc '{self.__name__}'>"

    def reduce(self, a: ArrayLike, axis: Any = 0, dtype: Any = None, keepdims: bool = False,
               initial: Any = None, where: Any = None) -> Array:  # fmt: skip
        """The function of the elements along a dimension, from the first to the last."""
        return _reduce(self, a, axis, dtype, keepdims, initial, where)

    def accumulate(self, a: ArrayLike, axis: int = 0, dtype: Any = None) -> Array:
        """All intermediate results of `reduce`."""
        return _accumulate(self, a, axis, dtype)

    def outer(self, a: ArrayLike, b: ArrayLike, /) -> Array:
        """The function of all pairs of elements."""
        return _outer(self, a, b)

    def at(self, a: ArrayLike, indices: Any, b: Any = None, /, *, inplace: bool = True) -> Array:
        """New array with the function applied at `indices`; `inplace` must be False."""
        return _at(self, a, indices, b, inplace)


def frompyfunc(func: Callable[..., Any], /, nin: int, nout: int, *, identity: Any = None) -> ufunc:
    """`ufunc` of a Python function of scalars."""
    return ufunc(func, nin, nout, identity=identity)


def _two(fn: Any) -> None:
    if getattr(fn, "nin", 2) != 2:
        raise ValueError("reduce, accumulate and outer are only supported for binary ufuncs")


def _reduce(
    fn: Any, a: Any, axis: Any, dtype: Any, keepdims: bool, initial: Any, where: Any
) -> Any:
    _two(fn)
    a = asarray(operand("reduce", a))
    a = a if dtype is None else a.astype(dtype)
    axes = tuple(range(a.ndim)) if axis is None else manipulation.axes_tuple(axis, a.ndim)
    if where is not None:
        if initial is None and fn.identity is None:
            raise ValueError("a reduction with a mask needs an identity or `initial`")
        a = choose(where, a, initial if fn.identity is None else fn.identity)
    rows = manipulation.moveaxis(a, axes, tuple(range(len(axes))))
    rows = manipulation.reshape(rows, (-1, *rows.shape[len(axes) :]))
    first, rest = _start(fn, rows, initial)
    out, _ = scan(lambda c, x: (fn(c, x).astype(c.dtype), None), first, rest)
    if keepdims:
        out = manipulation.expand_dims(out, axes)
    return out


def _start(fn: Any, rows: Any, initial: Any) -> tuple[Any, Any]:
    if initial is None and rows.shape[0] and fn.identity is None:
        return rows[0], rows[1:]
    value = fn.identity if initial is None else initial
    if value is None:
        raise ValueError("zero-size array to a reduction which has no identity")
    return full(rows.shape[1:], value, rows.dtype), rows


def _accumulate(fn: Any, a: Any, axis: int, dtype: Any) -> Any:
    _two(fn)
    a = asarray(operand("accumulate", a))
    a = a if dtype is None else a.astype(dtype)
    axis = axis_index(axis, a.ndim)
    rows = manipulation.moveaxis(a, axis, 0)
    if not rows.shape[0]:
        return a

    def step(c: Any, x: Any) -> Any:
        new = fn(c, x).astype(c.dtype)
        return new, new

    _, rest = scan(step, rows[0], rows[1:])
    return manipulation.moveaxis(manipulation.concatenate([rows[:1], rest]), 0, axis)


def _outer(fn: Any, a: Any, b: Any) -> Any:
    _two(fn)
    a, b = asarray(operand("outer", a)), asarray(operand("outer", b))
    return fn(manipulation.reshape(a, (*a.shape, *[1] * b.ndim)), b)


def _at(fn: Any, a: Any, indices: Any, b: Any, inplace: bool) -> Any:
    if inplace:
        raise NotImplementedError("ufunc.at: arrays do not change in place; pass inplace=False")
    a = asarray(operand("at", a))
    if b is None:
        return a.at[indices].apply(fn)
    name = _SCATTERS.get(fn)
    if name is not None:
        return getattr(a.at[indices], name)(b)
    return _at_in_order(fn, a, indices, asarray(b))


def _at_in_order(fn: Any, a: Any, indices: Any, b: Any) -> Any:
    """Apply the function to one element after the other."""
    places = manipulation.reshape(reductions.cumsum(full((a.size,), 1, np.int32)), a.shape)[indices]
    flat = manipulation.ravel(places)
    values = manipulation.ravel(manipulation.broadcast_to(b, places.shape))

    def step(c: Any, row: Any) -> Any:
        i, v = row
        return c.at[i - 1].set(fn(c[i - 1], v).astype(c.dtype)), None

    out, _ = scan(step, manipulation.ravel(a), (flat, values))
    return manipulation.reshape(out, a.shape)


_SCATTERS: dict[Any, str] = {
    arithmetic.add: "add",
    arithmetic.subtract: "subtract",
    arithmetic.multiply: "multiply",
    arithmetic.maximum: "max",
    arithmetic.minimum: "min",
}
_FAST: dict[Any, tuple[Any, Any]] = {
    arithmetic.add: (reductions.sum, reductions.cumsum),
    arithmetic.multiply: (reductions.prod, reductions.cumprod),
    arithmetic.maximum: (reductions.max, None),
    arithmetic.minimum: (reductions.min, None),
    logic.logical_and: (reductions.all, None),
    logic.logical_or: (reductions.any, None),
}
"""The reduction, and the running one, that `reduce` and `accumulate` of a function are."""
_IDENTITIES = {
    arithmetic.add: 0, arithmetic.multiply: 1, logic.logical_and: True, logic.logical_or: False,
    logic.logical_xor: False, logic.bitwise_and: -1, logic.bitwise_or: 0, logic.bitwise_xor: 0,
}  # fmt: skip
_BINARY = (
    arithmetic.add, arithmetic.subtract, arithmetic.multiply, arithmetic.divide, arithmetic.power,
    arithmetic.floor_divide, arithmetic.remainder, arithmetic.maximum, arithmetic.minimum,
    logic.logical_and, logic.logical_or, logic.logical_xor, logic.bitwise_and, logic.bitwise_or,
    logic.bitwise_xor,
)  # fmt: skip


def give_methods() -> None:
    """Put `reduce`, `accumulate`, `outer` and `at` on the functions of two operands."""
    for fn in _BINARY:
        fn.nin, fn.nout, fn.nargs, fn.identity = 2, 1, 3, _IDENTITIES.get(fn)  # pyright: ignore[reportFunctionMemberAccess]
        fn.reduce, fn.accumulate = _reducer(fn), _accumulator(fn)  # pyright: ignore[reportFunctionMemberAccess]
        fn.outer = lambda a, b, /, fn=fn: _outer(fn, a, b)  # pyright: ignore[reportFunctionMemberAccess]
        fn.at = lambda a, indices, b=None, /, *, inplace=True, fn=fn: _at(  # pyright: ignore[reportFunctionMemberAccess]
            fn, a, indices, b, inplace
        )


def _reducer(fn: Any) -> Callable[..., Any]:
    fast = _FAST.get(fn, (None, None))[0]

    def reduce(a: ArrayLike, axis: Any = 0, dtype: Any = None, out: None = None,
               keepdims: bool = False, initial: Any = None, where: Any = None) -> Any:  # fmt: skip
        """The function of the elements along a dimension, from the first to the last."""
        no_out("reduce", out)
        if fast is None or (fast in (reductions.all, reductions.any) and initial is not None):
            return _reduce(fn, a, axis, dtype, keepdims, initial, where)
        options = {k: v for k, v in (("initial", initial), ("where", where)) if v is not None}
        a = a if dtype is None else asarray(operand("reduce", a)).astype(dtype)
        if fast in (reductions.sum, reductions.prod):
            options["promote_integers"] = False
        return fast(a, axis, keepdims=keepdims, **options)

    return reduce


def _accumulator(fn: Any) -> Callable[..., Any]:
    fast = _FAST.get(fn, (None, None))[1]

    def accumulate(a: ArrayLike, axis: int = 0, dtype: Any = None, out: None = None) -> Any:
        """All intermediate results of `reduce`."""
        no_out("accumulate", out)
        return _accumulate(fn, a, axis, dtype) if fast is None else fast(a, axis, dtype)

    return accumulate
