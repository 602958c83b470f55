"""Initial values of parameters: functions of a key, a shape and a dtype."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func import random
from ms_func.dtypes import DEFAULTS, canonicalize_dtype
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import creation, elementwise, filled, manipulation
from ms_func.numpy.trigonometry import cos, sin
from ms_func.primitives import cast

__all__ = [
    "Initializer", "constant", "delta_orthogonal", "glorot_normal", "glorot_uniform",
    "he_normal", "he_uniform", "kaiming_normal", "kaiming_uniform", "lecun_normal",
    "lecun_uniform", "normal", "ones", "orthogonal", "truncated_normal", "uniform",
    "variance_scaling", "xavier_normal", "xavier_uniform", "zeros",
]  # fmt: skip
__dir__ = __all__.copy

Initializer = Callable[..., Array]
Axes = int | Sequence[int]


def _kind(dtype: Any) -> np.dtype:
    return DEFAULTS[float] if dtype is None else canonicalize_dtype(dtype)


def _scalar(x: Any, dtype: np.dtype) -> Any:
    """A factor of a dtype; of a traced one a traced one."""
    return x.astype(dtype) if hasattr(x, "aval") else np.asarray(x, dtype)[()]


def zeros(key: Any, shape: Sequence[int], dtype: Any = None, out_sharding: Any = None) -> Array:
    """Zeros; the key is not used.

    Args:
        key: anything.
        shape: of the result.
        dtype: any; float32 by default.
        out_sharding: sharding of the result.

    Example:
        >>> print(zeros(None, (2, 3)))
        [[0. 0. 0.]
         [0. 0. 0.]]
    """
    return filled.zeros(shape, _kind(dtype), out_sharding=out_sharding)


def ones(key: Any, shape: Sequence[int], dtype: Any = None, out_sharding: Any = None) -> Array:
    """Ones; the key is not used.

    Args:
        key: anything.
        shape: of the result.
        dtype: any; float32 by default.
        out_sharding: sharding of the result.

    Example:
        >>> print(ones(None, (3,), int))
        [1 1 1]
    """
    return filled.ones(shape, _kind(dtype), out_sharding=out_sharding)


def constant(value: Any, dtype: Any = None) -> Initializer:
    """Initializer of a fixed value, which broadcasts to the shape.

    Args:
        value: number, or array.
        dtype: where the initializer is not given one; float32 by default.

    Returns:
        Function `(key, shape, dtype, out_sharding)`; it raises TypeError where `value` does not
        broadcast to `shape`.

    Example:
        >>> print(constant(np.array([1.0, 2.0]))(None, (3, 2)))
        [[1. 2.]
         [1. 2.]
         [1. 2.]]
    """
    default = dtype

    def init(
        key: Any, shape: Sequence[int], dtype: Any = default, out_sharding: Any = None
    ) -> Array:
        return filled.full(shape, value, _kind(dtype), out_sharding=out_sharding)

    return init


def uniform(scale: float = 1e-2, dtype: Any = None) -> Initializer:
    """Initializer of uniform numbers in `[0, scale)`.

    Args:
        scale: bound above.
        dtype: floating, where the initializer is not given one; float32 by default.

    Returns:
        Function `(key, shape, dtype, out_sharding)`; it raises ValueError for other dtypes.

    Example:
        >>> drawn = uniform(4.0)(random.key(0), (100,))
        >>> ((drawn >= 0) & (drawn < 4)).all().item()
        True
    """
    default = dtype

    def init(
        key: Any, shape: Sequence[int], dtype: Any = default, out_sharding: Any = None
    ) -> Array:
        kind = _kind(dtype)
        return creation.placed(
            ar.multiply(random.uniform(key, shape, kind), _scalar(scale, kind)),
            out_sharding=out_sharding,
        )

    return init


def normal(stddev: float = 1e-2, dtype: Any = None) -> Initializer:
    """Initializer of normal numbers of mean 0.

    Args:
        stddev: standard deviation.
        dtype: floating or complex, where the initializer is not given one; float32 by default.

    Returns:
        Function `(key, shape, dtype, out_sharding)`; it raises ValueError for other dtypes.

    Example:
        >>> drawn = normal(3.0)(random.key(0), (3,))
        >>> np.allclose(drawn, 3.0 * random.normal(random.key(0), (3,))).item()
        True
    """
    default = dtype

    def init(
        key: Any, shape: Sequence[int], dtype: Any = default, out_sharding: Any = None
    ) -> Array:
        kind = _kind(dtype)
        return creation.placed(
            ar.multiply(random.normal(key, shape, kind), _scalar(stddev, kind)),
            out_sharding=out_sharding,
        )

    return init


def truncated_normal(
    stddev: float = 1e-2, dtype: Any = None, lower: float = -2.0, upper: float = 2.0
) -> Initializer:
    """Initializer of normal numbers cut off at `lower` and `upper`, then multiplied by `stddev`.

    The cut makes the standard deviation of the result smaller than `stddev`, by 0.88 for the
    default bounds; `variance_scaling` makes up for that, this function does not.

    Args:
        stddev: standard deviation before the cut.
        dtype: floating, where the initializer is not given one; float32 by default.
        lower: bound below, in standard deviations.
        upper: bound above, in standard deviations.

    Returns:
        Function `(key, shape, dtype, out_sharding)`; it raises ValueError for other dtypes.

    Example:
        >>> drawn = truncated_normal(3.0)(random.key(0), (100,))
        >>> (abs(drawn) < 6).all().item()
        True
    """
    default = dtype

    def init(
        key: Any, shape: Sequence[int], dtype: Any = default, out_sharding: Any = None
    ) -> Array:
        kind = _kind(dtype)
        drawn = random.truncated_normal(key, lower, upper, shape, kind)
        return creation.placed(ar.multiply(drawn, _scalar(stddev, kind)), out_sharding=out_sharding)

    return init


def _axes(axes: Axes, ndim: int) -> tuple[int, ...]:
    listed = (axes,) if isinstance(axes, int) else tuple(axes)
    return tuple(a % ndim for a in listed)


def _fans(
    shape: Sequence[int], in_axis: Axes, out_axis: Axes, batch_axis: Axes
) -> tuple[float, float]:
    """Number of inputs of each output, and of outputs of each input.

    Raises:
        ValueError: the shape has fewer than two dimensions.
    """
    if len(shape) <= 1:
        raise ArgumentValueError(
            "Can't compute input and output sizes of a "
            f"{len(shape)}-dimensional weights tensor. Must be at least 2D."
        )
    n_in, n_out, n_batch = (
        math.prod(shape[i] for i in _axes(a, len(shape))) for a in (in_axis, out_axis, batch_axis)
    )
    field = math.prod(shape) / n_in / n_out / n_batch
    return n_in * field, n_out * field


def variance_scaling(
    scale: float, mode: str, distribution: str, in_axis: Axes = -2, out_axis: Axes = -1,
    batch_axis: Axes = (), dtype: Any = None,
) -> Initializer:  # fmt: skip
    """Initializer whose variance is `scale` divided by a number of connections.

    Args:
        scale: numerator.
        mode: "fan_in" divides by the inputs of an output, "fan_out" by the outputs of an
            input, "fan_avg" by their mean, "fan_geo_avg" by their geometric mean.
        distribution: "normal", "truncated_normal" (cut off at two standard deviations) or
            "uniform" (symmetric about 0).
        in_axis: dimensions of the inputs.
        out_axis: dimensions of the outputs.
        batch_axis: dimensions that count neither.
        dtype: floating or complex, where the initializer is not given one; float32 by default.

    Returns:
        Function `(key, shape, dtype, out_sharding)` that draws an array.

    Raises:
        ValueError: there is no such mode or distribution, or the shape has less than two
            dimensions; raised when the initializer is called.

    Example:
        >>> draw = variance_scaling(1.0, "fan_in", "uniform")
        >>> weights = draw(random.key(0), (300, 4))  # of variance 1/300, so within 1/10
        >>> (abs(weights) <= 0.1).all().item()
        True
    """
    default = dtype

    def init(
        key: Any, shape: Sequence[int], dtype: Any = default, out_sharding: Any = None
    ) -> Array:
        kind = _kind(dtype)
        fan_in, fan_out = _fans(shape, in_axis, out_axis, batch_axis)
        sizes = {
            "fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2,
            "fan_geo_avg": math.sqrt(fan_in * fan_out),
        }  # fmt: skip
        if mode not in sizes:
            raise ArgumentValueError(f"invalid mode for variance scaling initializer: {mode}")
        variance = scale / sizes[mode] if sizes[mode] else 0.0
        return creation.placed(
            _draw(distribution, key, shape, kind, variance), out_sharding=out_sharding
        )

    return init


_CUT = 1 - math.exp(-4)  # share of complex standard normal numbers of modulus below 2
_SQUARED_RADIUS: dict[str, Callable[[Any], Any]] = {
    "uniform": lambda u: ar.multiply(u, 2.0),
    "truncated_normal": lambda u: ar.multiply(
        ar.negative(elementwise.log1p(ar.multiply(u, -_CUT))), _CUT / (1 - 5 * math.exp(-4))
    ),
}
"""Squared modulus of complex numbers of mean square 1, from numbers uniform in [0, 1): uniform on a
disc, or normal with the modulus cut off at 2, where its mean square would be (1 - 5/e^4) / _CUT."""


def _complex(
    distribution: str, key: Any, shape: Sequence[int], kind: np.dtype, part: np.dtype
) -> Array:
    of_radius, of_angle = random.split(key)
    square = _SQUARED_RADIUS[distribution](random.uniform(of_radius, shape, part))
    angle = ar.multiply(random.uniform(of_angle, shape, part), 2 * math.pi)
    turn = cast.complex(cos(angle), sin(angle))
    return ar.multiply(elementwise.sqrt(square), turn)


def _draw(
    distribution: str, key: Any, shape: Sequence[int], kind: np.dtype, variance: float
) -> Array:
    part = np.dtype(f"f{kind.itemsize // 2}") if kind.kind == "c" else kind
    rounded = np.asarray(variance, part)[()]  # and every step after it, in the dtype
    if distribution == "normal":
        return ar.multiply(random.normal(key, shape, kind), np.sqrt(rounded))
    if kind.kind == "c" and distribution in _SQUARED_RADIUS:
        return ar.multiply(_complex(distribution, key, shape, kind, part), math.sqrt(variance))
    if distribution == "uniform":
        drawn = random.uniform(key, shape, kind, -1)
        return ar.multiply(drawn, np.sqrt(_scalar(3, kind) * rounded))
    if distribution == "truncated_normal":
        # standard deviation of a standard normal number cut off at -2 and 2
        stddev = np.sqrt(rounded) / _scalar(0.87962566103423978, kind)
        drawn = random.truncated_normal(key, -2, 2, shape, kind)
        return ar.multiply(drawn, stddev)
    raise ArgumentValueError(
        f"invalid distribution for variance scaling initializer: {distribution}"
    )


def _scaled(scale: float, mode: str, distribution: str, name: str, source: str) -> Any:
    def make(
        in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
    ) -> Initializer:
        return variance_scaling(scale, mode, distribution, in_axis, out_axis, batch_axis, dtype)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = _DOCUMENT.format(
        name=name, scale=scale, mode=mode, distribution=distribution, source=source
    )
    return make


_DOCUMENT = """`variance_scaling({scale}, {mode!r}, {distribution!r})`.

    Args:
        in_axis: dimensions of the inputs.
        out_axis: dimensions of the outputs; those that are in no list count for both, as the
            window of a convolution.
        batch_axis: dimensions that count for neither.
        dtype: floating or complex, where the initializer is not given one; float32 by default.

    Returns:
        Function `(key, shape, dtype, out_sharding)` that draws an array. It raises ValueError for
        shapes of less than two dimensions, and for dtypes of integers.

    Reference:
        {source}

    Example:
        >>> from ms_func import nn, random
        >>> nn.initializers.{name}()(random.key(0), (3, 4)).shape
        (3, 4)
    """
_GLOROT = "Glorot, Bengio, 'Understanding the difficulty of training deep networks', 2010."
_LECUN = "LeCun et al., 'Efficient BackProp', 1998."
_HE = "He et al., 'Delving deep into rectifiers', 2015."
glorot_uniform = _scaled(1.0, "fan_avg", "uniform", "glorot_uniform", _GLOROT)
glorot_normal = _scaled(1.0, "fan_avg", "truncated_normal", "glorot_normal", _GLOROT)
lecun_uniform = _scaled(1.0, "fan_in", "uniform", "lecun_uniform", _LECUN)
lecun_normal = _scaled(1.0, "fan_in", "truncated_normal", "lecun_normal", _LECUN)
he_uniform = _scaled(2.0, "fan_in", "uniform", "he_uniform", _HE)
he_normal = _scaled(2.0, "fan_in", "truncated_normal", "he_normal", _HE)
xavier_uniform, xavier_normal = glorot_uniform, glorot_normal
kaiming_uniform, kaiming_normal = he_uniform, he_normal


def orthogonal(scale: float = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """Initializer of matrices with orthonormal columns, or rows where there are fewer of them.

    Args:
        scale: factor.
        column_axis: dimension of the outputs; the others together are the rows.
        dtype: floating or complex, where the initializer is not given one; float32 by default.

    Returns:
        Function `(key, shape, dtype, out_sharding)`; it raises ValueError for shapes of less than
        two dimensions.

    Reference:
        Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning in
        deep linear neural networks", ICLR 2014.

    Example:
        >>> q = orthogonal()(random.key(0), (3, 2))
        >>> np.allclose(q.T @ q, np.eye(2), atol=1e-6).item()
        True
    """
    default = dtype

    def init(
        key: Any, shape: Sequence[int], dtype: Any = default, out_sharding: Any = None
    ) -> Array:
        if len(shape) < 2:
            raise ArgumentValueError("orthogonal initializer requires at least a 2D shape")
        columns = shape[column_axis]
        rows = math.prod(shape) // columns
        q = random.orthogonal(key, rows, (), _kind(dtype), columns)
        rest = [n for i, n in enumerate(shape) if i != column_axis % len(shape)]
        q = manipulation.moveaxis(manipulation.reshape(q, (*rest, columns)), -1, column_axis)
        return creation.placed(ar.multiply(q, _scalar(scale, q.dtype)), out_sharding=out_sharding)

    return init


def delta_orthogonal(scale: float = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """Initializer of convolution kernels that are an orthogonal matrix at their centre, else 0.

    Args:
        scale: factor.
        column_axis: dimension of the outputs of the matrix.
        dtype: floating or complex, where the initializer is not given one; float32 by default.

    Returns:
        Function `(key, shape, dtype, out_sharding)` for shapes `[*window, in, out]`; it raises
        ValueError where these have not 3 to 5 dimensions, or `out < in`.

    Reference:
        Xiao et al., "Dynamical isometry and a mean field theory of CNNs", ICML 2018.

    Example:
        >>> kernel = delta_orthogonal()(random.key(0), (3, 2, 4))
        >>> print(abs(kernel).sum((1, 2)) > 0)
        [False  True False]
    """
    default = dtype

    def init(
        key: Any, shape: Sequence[int], dtype: Any = default, out_sharding: Any = None
    ) -> Array:
        if len(shape) not in (3, 4, 5):
            raise ArgumentValueError("delta_orthogonal initializer requires a 3D, 4D, or 5D shape")
        if shape[-1] < shape[-2]:
            raise ArgumentValueError("`fan_in` must be less or equal than `fan_out`.")
        kind = _kind(dtype)
        centre = orthogonal(scale, column_axis, kind)(key, shape[-2:])
        at = tuple((n - 1) // 2 for n in shape[:-2])
        return creation.placed(
            filled.zeros(shape, kind).at[at].set(centre), out_sharding=out_sharding
        )

    return init
