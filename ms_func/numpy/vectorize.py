"""Functions lifted over arrays: `vectorize`, `apply_along_axis`, `apply_over_axes`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.function import Literal
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy import manipulation
from ms_func.numpy.axes import axis_index
from ms_func.numpy.creation import asarray
from ms_func.numpy.promotion import ArrayLike, as_handle, operand
from ms_func.tracing.arguments import beside_doubles
from ms_func.tracing.policy import user_function
from ms_func.tracing.stage import stage
from ms_func.transforms.batch import batch

# --- lanes ------------------------------------------------------------------------------------


def over_lanes(
    name: str, call: Callable[..., Any], arrays: Sequence[Any], mapped: Sequence[bool], size: int
) -> Any:
    """`call` on `size` lanes at once, along the first dimension of the arrays that are mapped."""
    types = [
        ArrayType(t.shape[1:] if m else t.shape, t.dtype, t.weak_type)
        for t, m in zip(map(typeof, arrays), mapped, strict=True)
    ]
    staged = stage(lambda tracers: call(*tracers), types, name=name, role="lanes")
    dims = (None,) * len(staged.captured) + tuple(0 if m else None for m in mapped)
    fn, _ = batch(staged.fn, size, dims, (0,) * len(staged.fn.results))
    outs = current.interpreter.apply(fn, [*staged.captured, *arrays])
    return staged.unflatten([as_handle(x) if type(x) is Literal else x for x in outs])


def apply_along_axis(
    func1d: Callable[..., Any], axis: int, arr: ArrayLike, *args: Any, **kwargs: Any
) -> Array:
    """`func1d` applied to every vector along a dimension, all of them at once, as by `vmap`.

    Args:
        func1d: function of a vector, traced; may return an array of any shape.
        axis: dimension of the vectors.
        arr: array.
        *args: passed to `func1d` after the vector.
        **kwargs: passed to `func1d`.

    Returns:
        Array in whose shape that of the function's result stands in place of the dimension.

    Raises:
        ValueError: there is no such dimension.

    Example:
        >>> x = np.array([[3, 1, 2], [9, 7, 8]])
        >>> np.apply_along_axis(lambda v: v[:2] - v.min(), 1, x)
        Array([[2, 0],
               [2, 0]], dtype=int32)
    """
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
    """`func(a, axis)` for each dimension in turn; reduced dimensions keep size 1.

    Args:
        func: function of an array and an axis, such as `sum`; its result has as many dimensions or
            one less.
        a: array.
        axes: dimensions, one or several.

    Raises:
        ValueError: a result has another number of dimensions.

    Example:
        >>> np.apply_over_axes(np.sum, np.ones((2, 3, 4), int), (0, 2))
        Array([[[8],
                [8],
                [8]]], dtype=int32)
    """
    a = asarray(operand("apply_over_axes", a))
    for axis in (axes,) if isinstance(axes, int) else axes:
        out = func(a, axis)
        if out.ndim == a.ndim - 1:  # pyright: ignore[reportAttributeAccessIssue]
            out = manipulation.expand_dims(out, axis)
        if out.ndim != a.ndim:  # pyright: ignore[reportAttributeAccessIssue]
            raise ArgumentValueError("function is not returning an array of the correct shape")
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

    Unlike NumPy's it is no loop: all lanes are one program, as by `vmap`.

    Args:
        pyfunc: function of traced arrays.
        excluded: positions or names of arguments that are passed as they are.
        signature: dimensions the function works on, such as `"(m,n),(n)->(m)"`; leading
            dimensions of the arguments broadcast.

    Raises:
        ValueError: the signature is not of that form, or the arguments do not fit it.

    Example:
        >>> np.vectorize(lambda x, y: x * y + 1)(np.array([[1], [2]]), np.array([10, 20]))
        Array([[11, 21],
               [21, 41]], dtype=int32)
        >>> rows = np.ones((2, 3))
        >>> np.vectorize(lambda a, b: a @ b, signature="(n),(n)->()")(rows, rows)
        Array([3., 3.], dtype=float32)
    """
    core = None if signature is None else _parsed(signature)
    excluded = frozenset(excluded)
    if any(isinstance(e, int) and e < 0 for e in excluded):
        raise ArgumentValueError(f"excluded={set(excluded)} contains negative numbers")
    if any(not isinstance(e, (int, str)) for e in excluded):
        raise ArgumentTypeError(
            f"vectorize can only exclude integer or string arguments, but {excluded=}"
        )

    def vectorized(*args: Any, **kwargs: Any) -> Any:
        kept = [i for i in range(len(args)) if i not in excluded]
        bound = {k: v for k, v in kwargs.items() if k not in excluded}
        values = beside_doubles([*(args[i] for i in kept), *bound.values()])
        arrays = [as_handle(v) if type(v) is Literal else asarray(v) for v in values]

        def call(*found: Any) -> Any:
            full_args = list(args)
            for i, v in zip(kept, found, strict=False):
                full_args[i] = v
            named = dict(zip(bound, found[len(kept) :], strict=True))
            return user_function(pyfunc)(*full_args, **{**kwargs, **named})

        return _vectorized(pyfunc, call, arrays, core)

    vectorized.__name__ = getattr(pyfunc, "__name__", "vectorized")
    vectorized.__doc__ = pyfunc.__doc__
    return vectorized


def _parsed(signature: str) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Core dimensions of the arguments and of the results."""
    text = signature.replace(" ", "")
    if not _SIGNATURE.match(text):
        raise ArgumentValueError(f"not a valid gufunc signature: {signature}")
    left, right = (
        [tuple(re.findall(_NAME, c)) for c in re.findall(_CORE, side)] for side in text.split("->")
    )
    return left, right


def _vectorized(pyfunc: Any, call: Any, arrays: Sequence[Any], core: Any) -> Any:
    cores = [()] * len(arrays) if core is None else core[0]
    if len(cores) != len(arrays):
        raise ArgumentTypeError(
            f"wrong number of positional arguments: expected {len(cores)}, got {len(arrays)}"
        )
    lanes, sizes = _shapes(arrays, cores)
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


def _shapes(
    arrays: Sequence[Any], cores: Sequence[tuple[str, ...]]
) -> tuple[list[tuple[int, ...]], dict[str, int]]:
    """Loop dimensions of each operand, and the sizes of core dimensions by name."""
    sizes: dict[str, int] = {}
    lanes = []
    for a, names in zip(arrays, cores, strict=True):
        if a.ndim < len(names):
            raise ArgumentValueError(
                f"input with shape {a.shape} does not have enough dimensions for all core "
                f"dimensions {names}"
            )
        split = a.ndim - len(names)
        _same_sizes(names, a.shape[split:], sizes)
        lanes.append(a.shape[:split])
    return lanes, sizes


def _same_sizes(names: tuple[str, ...], shape: tuple[int, ...], sizes: dict[str, int]) -> None:
    """Note the sizes of core dimensions, and see that those noted before are the same."""
    for name, n in zip(names, shape, strict=True):
        if sizes.setdefault(name, n) != n:
            raise ArgumentValueError(
                f"inconsistent size for core dimension {name!r}: {n} vs {sizes[name]}"
            )


def _checked(pyfunc: Any, out: Any, loop: tuple[int, ...], core: Any, sizes: Any) -> Any:
    """Results with the loop dimensions spread out, held to the signature."""
    many = isinstance(out, tuple)
    outs = list(out) if many else [out]
    lead = 1 if loop else 0
    outs = [manipulation.reshape(o, (*loop, *np.shape(o)[lead:])) for o in outs]
    if core is not None:
        if len(core[1]) != len(outs):
            raise ArgumentTypeError(
                f"wrong number of output arguments: expected {len(core[1])} by the signature, got "
                f"{len(outs)}"
            )
        for o, names in zip(outs, core[1], strict=True):
            own = o.shape[len(loop) :]
            if len(own) != len(names):
                raise ArgumentValueError(
                    f"output shape {own} does not match core dimensions {names} of {pyfunc}"
                )
            _same_sizes(names, own, sizes)
    return tuple(outs) if many else outs[0]
