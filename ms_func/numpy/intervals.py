"""Numbers between two ends: by a step, evenly spaced, and in geometric progression."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.config import jax_rules
from ms_func.dtypes import canonicalize_dtype, is_inexact, join, type_of_value
from ms_func.errors import ArgumentTypeError, ArgumentValueError, ConcretizationTypeError
from ms_func.execution.array import Array, wrap
from ms_func.execution.buffers import put
from ms_func.ir.loc import user_loc
from ms_func.ir.types import typeof
from ms_func.numpy import fusion
from ms_func.numpy.axes import axis_index
from ms_func.numpy.creation import on_device, placed
from ms_func.numpy.elementwise import log10, sign
from ms_func.numpy.filled import full, stored
from ms_func.numpy.manipulation import moveaxis
from ms_func.numpy.promotion import ArrayLike, convert, lay, promote_all, strong
from ms_func.primitives import arithmetic as ar
from ms_func.primitives import compare, shape
from ms_func.primitives.powers import pow_p
from ms_func.primitives.rounding import floor
from ms_func.tracing.tracer import Tracer


def arange(
    start: ArrayLike, stop: ArrayLike | None = None, step: ArrayLike | None = None,
    dtype: Any = None, *, device: Any = None, out_sharding: Any = None,
) -> Array:  # fmt: skip
    """Numbers from `start` (0 if `stop` is not given) up to `stop`, itself excluded, by `step`.

    Args:
        start: first number; with one argument, the end.
        stop: end.
        step: distance of neighbours, 1 by default; may be negative.
        dtype: of the result; by default that of the arguments promoted together.
        device: device or sharding to put it on.
        out_sharding: layout of the result.

    Returns:
        `[n]` with n = ceil((stop - start) / step), none where that is negative. With a step that
        floats do not hold exactly n may be one more than expected: `linspace` takes the number.

    Raises:
        ConcretizationTypeError: a bound is known only at run time, so the length is not known.
        TypeError: there is no bound.
        ValueError: a bound is complex.
        ZeroDivisionError: `step` is 0.

    Example:
        >>> np.arange(4)
        Array([0, 1, 2, 3], dtype=int32)
        >>> np.arange(5, 0, -2)
        Array([5, 3, 1], dtype=int32)
        >>> np.arange(0, 1, 0.25)
        Array([0.  , 0.25, 0.5 , 0.75], dtype=float32)
        >>> np.arange(3, 0)
        Array([], shape=(0,), dtype=int32)
    """
    if stop is None and step is not None:
        start, stop = 0, start
    bounds = [v for v in (start, stop, step) if v is not None]
    if not bounds:
        raise ArgumentTypeError("arange needs a number as its bound, got None")
    if any(type(v) is Tracer for v in bounds):
        names = ("stop",) if stop is None else ("start", "stop", "step")
        bounds = [_known(v, name) for v, name in zip(bounds, names, strict=False)]
        start, stop, step = (*bounds, *[None] * (3 - len(bounds)))  # type: ignore[assignment]
    kind = _common_dtype(bounds) if dtype is None else canonicalize_dtype(dtype)
    if kind.kind == "b" and jax_rules():
        raise ArgumentTypeError(
            "iota does not accept dtype bool. Accepted dtypes are subtypes of integer, floating, "
            "complexfloating"
        )
    host = [_plain(v) for v in bounds]
    if any(np.iscomplexobj(v) for v in host):
        raise ArgumentValueError(
            "arange counts real numbers: Passing complex start/stop/step to it is refused"
        )
    if len(host) == 3 and not host[2]:
        raise ZeroDivisionError("arange: division by zero, the step is 0")
    if kind.kind in "iu" and all(type(v) is int for v in host):
        out = _counted(*([0, host[0]] if len(host) == 1 else host), kind=kind)
    else:
        out = wrap(put(_ranged(host, kind)))
    return placed(out, device, out_sharding)


def _plain(v: Any) -> Any:
    """A bound, if whole as an integer of Python: differences of those do not overflow."""
    found = np.asarray(v)[()]
    return int(found) if isinstance(found, np.integer) else found


def _common_dtype(bounds: Sequence[Any]) -> np.dtype:
    """The dtype that numbers promote to together, the weak ones last."""
    (kind, weak), *others = map(type_of_value, bounds)
    for other, other_weak in others:
        kind, weak = join(kind, weak, other, other_weak)
    return kind


def _ranged(host: Sequence[Any], kind: np.dtype) -> np.ndarray:
    """NumPy's range; where whole numbers are asked for its step is whole, too."""
    inner = np.dtype(np.int64) if kind.kind in "iu" and kind != np.uint64 else None
    return np.arange(*host, dtype=inner).astype(kind)


def _counted(start: int, stop: int, step: int = 1, *, kind: np.dtype) -> Any:
    """Whole numbers, whose count is exact; beyond 64 bits they wrap around."""
    count = max(-((start - stop) // step), 0)
    if step != 1:
        numbers = np.arange(count, dtype=np.uint64) * np.uint64(step % 2**64)
        return wrap(put((numbers + np.uint64(start % 2**64)).astype(kind)))
    out = shape.broadcasted_iota(kind, (count,), 0)
    return ar.add(out, stored(start, kind)) if start else out


def _known(v: Any, name: str) -> Any:
    """Value of a bound, if it is at hand."""
    try:
        return v.item() if type(v) is Tracer else v
    except ConcretizationTypeError as error:
        raise ConcretizationTypeError(
            f"arange needs bounds known while tracing, got {v!r}. It arose in the jnp.arange "
            f"argument '{name}'\n"
            "fix: pass them as static arguments, or use lax.iota with a static length",
            user_loc(),
        ) from error


@fusion.whole(2)
def linspace(
    start: ArrayLike, stop: ArrayLike, num: int = 50, endpoint: bool = True,
    retstep: bool = False, dtype: Any = None, axis: int = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    """`num` evenly spaced numbers from `start` to `stop`, along a new `axis`.

    Args:
        start: first number, or an array of them.
        stop: last number, likewise; the two broadcast.
        num: how many, known while tracing.
        endpoint: whether `stop` is one of them.
        retstep: give their distance, too.
        dtype: of the result; floating by default. Integers are rounded down.
        axis: place of the new dimension.
        device: device or sharding to put it on.

    Returns:
        The numbers, with `num` of them along `axis`; and their distance for `retstep`, NaN where
        there is none.

    Raises:
        ValueError: `num` is negative.

    Example:
        >>> np.linspace(0, 1, 5).tolist()
        [0.0, 0.25, 0.5, 0.75, 1.0]
        >>> np.linspace(0, 1, 4, endpoint=False)
        Array([0.  , 0.25, 0.5 , 0.75], dtype=float32)
        >>> np.linspace(np.array([0, 10]), 20, 3, axis=-1)
        Array([[ 0., 10., 20.],
               [10., 15., 20.]], dtype=float32)
        >>> np.linspace(0, 9, 4, dtype=int, retstep=True)
        (Array([0, 3, 6, 9], dtype=int32), Array(3., dtype=float32))
    """
    count = operator.index(num)
    if count < 0:
        raise ArgumentValueError(f"Number of samples, {num}, must be non-negative.")
    start, stop = _ends("linspace", start, stop, dtype)
    kind = typeof(start).dtype
    sizes = np.broadcast_shapes(typeof(start).shape, typeof(stop).shape)
    parts = count - 1 if endpoint else count
    target = kind if dtype is None else canonicalize_dtype(dtype)
    static = (sizes, count, max(parts, 1), bool(endpoint), target)
    out = fusion.run(_interpolated, (start, stop), *static)
    place = axis_index(axis, len(sizes) + 1)
    if place:
        order = list(range(1, len(sizes) + 1))
        order.insert(place, 0)
        out = shape.transpose(out, order)
    out = out if device is None else on_device(out, device)
    if not retstep:
        return out
    if not parts:
        return out, full(sizes, np.nan, kind)
    return out, strong(ar.div(ar.sub(stop, start), parts))


def _ends(name: str, start: Any, stop: Any, dtype: Any) -> list[Any]:
    """Ends of an interval in the dtype to compute in: no narrower than the one asked for."""
    if dtype is not None and is_inexact(kind := canonicalize_dtype(dtype)):
        return promote_all(name, (start, stop, np.zeros((), kind)), inexact=True)[:2]
    return promote_all(name, (start, stop), inexact=True)


def _interpolated(
    start: Any, stop: Any, sizes: tuple[int, ...], count: int, parts: int, endpoint: bool,
    target: np.dtype,
) -> Any:  # fmt: skip
    """Weighted means of the ends, exact at both."""
    full_shape = (count, *sizes)
    kind = typeof(start).dtype
    real = np.dtype(f"f{kind.itemsize // 2}") if kind.kind == "c" else kind
    t = ar.div(shape.broadcasted_iota(real, full_shape, 0), parts)
    first, last = (
        lay(v, full_shape, tuple(range(len(full_shape) - len(typeof(v).shape), len(full_shape))))
        for v in (start, stop)
    )
    weights = convert(t, kind)
    out = ar.add(ar.mul(first, ar.sub(1, weights)), ar.mul(last, weights))
    if endpoint and count > 1:
        final = compare.eq(shape.broadcasted_iota(np.int32, full_shape, 0), count - 1)
        out = compare.select(final, last, out)
    return convert(out if is_inexact(target) or target.kind == "b" else floor(out), target)


@fusion.whole(2, "base")
def logspace(
    start: ArrayLike, stop: ArrayLike, num: int = 50, endpoint: bool = True,
    base: ArrayLike = 10.0, dtype: Any = None, axis: int = 0,
) -> Array:  # fmt: skip
    """`base` to the powers `linspace(start, stop, num)`.

    Args:
        start: exponent of the first number, or an array of them.
        stop: exponent of the last, likewise.
        num: how many, known while tracing.
        endpoint: whether `base**stop` is one of them.
        base: number or array that broadcasts.
        dtype: of the result; floating by default.
        axis: place of the new dimension.

    Raises:
        ValueError: `num` is negative.

    Example:
        >>> np.logspace(0, 3, 4, base=2)
        Array([1., 2., 4., 8.], dtype=float32)
        >>> np.logspace(0, 3, 4, base=2, dtype=int)
        Array([1, 2, 4, 8], dtype=int32)
    """
    start, stop = _ends("logspace", start, stop, dtype)
    powers = linspace(start, stop, num, endpoint, axis=axis)
    out = pow_p.bind(*promote_all("logspace", (base, powers), inexact=True))
    return out if dtype is None else convert(out, canonicalize_dtype(dtype))


@fusion.whole(2)
def geomspace(
    start: ArrayLike, stop: ArrayLike, num: int = 50, endpoint: bool = True, dtype: Any = None,
    axis: int = 0,
) -> Array:  # fmt: skip
    """`num` numbers from `start` to `stop` in geometric progression.

    Args:
        start: first number, or an array of them; not 0.
        stop: last number, likewise, of the same sign as real numbers have.
        num: how many, known while tracing.
        endpoint: whether `stop` is one of them.
        dtype: of the result; floating by default.
        axis: place of the new dimension.

    Returns:
        The numbers; NaN where `start` or `stop` is 0 or their signs differ.

    Raises:
        ValueError: `num` is negative.

    Example:
        >>> np.geomspace(1, 1000, 4).round(2)
        Array([   1.,   10.,  100., 1000.], dtype=float32)
        >>> np.geomspace(-1, -8, 4).round(2)
        Array([-1., -2., -4., -8.], dtype=float32)
        >>> np.geomspace(1, -8, 4)
        Array([nan, nan, nan, nan], dtype=float32)
    """
    start, stop = _ends("geomspace", start, stop, dtype)
    turn = sign(start) if typeof(start).dtype.kind != "c" else ar.div(start, start)
    logs = log10(ar.div(start, turn)), log10(ar.div(stop, turn))
    sizes = logspace(*logs, num, endpoint)
    out = moveaxis(ar.mul_p.bind(*promote_all("geomspace", (turn, sizes))), 0, axis)
    return out if dtype is None else convert(out, canonicalize_dtype(dtype))
