"""The gamma distribution and those made of it.

References:
    Marsaglia, Tsang, "A simple method for generating gamma variables", ACM Transactions on
    Mathematical Software 26(3), 2000.
    Figurnov, Mohamed, Mnih, "Implicit reparameterization gradients", NeurIPS 2018: the
    derivative of a sample by the parameter.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.control_flow.custom_jvp import custom_jvp
from ms_func.control_flow.identities import stop_gradient
from ms_func.control_flow.while_loop import while_loop
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import logic, manipulation, reductions
from ms_func.numpy.filled import shape_tuple
from ms_func.numpy.fusion import run
from ms_func.numpy.promotion import ArrayLike, convert, fill, operand
from ms_func.numpy.searching import where
from ms_func.primitives.incomplete import random_gamma_grad
from ms_func.primitives.keys import random_split
from ms_func.random.continuous import exponential, normal, normal_of
from ms_func.random.discrete import rademacher
from ms_func.random.keys import checked_key, split
from ms_func.random.placing import placed
from ms_func.random.uniform import Shape, float_dtype, joint_shape, unit

# --- gamma ------------------------------------------------------------------------------------


@placed
def gamma(key: ArrayLike, a: ArrayLike, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Positive numbers of the gamma distribution, density proportional to `x**(a-1) * exp(-x)`.

    Args:
        key: single key, not used for anything else.
        a: shape of the distribution, positive; 0 gives 0, below it NaN. The derivative by `a` is
            that of the sample at a fixed place of its distribution, so that averages of
            derivatives are derivatives of expectations.
        shape: of the result, which `a` broadcasts to; by default, that of `a`.
        dtype: floating; float32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Returns:
        Numbers of scale 1, of mean and variance `a`; divide by a rate for others. For small `a`
        they underflow to 0: see `loggamma`.

    Raises:
        ValueError: `a` does not broadcast to `shape`, or the dtype is not floating.

    Reference:
        Marsaglia, Tsang, ACM Transactions on Mathematical Software 26(3), 2000; the derivative:
        Figurnov, Mohamed, Mnih, "Implicit reparameterization gradients", NeurIPS 2018.

    Example:
        >>> from ms_func import random
        >>> x = random.gamma(random.key(0), np.array([0.1, 1.0, 10.0]))
        >>> print(np.array_str(x, precision=2))
        [0.24 0.73 8.27]
    """
    return _sampled("gamma", key, a, shape, dtype, False)


@placed
def loggamma(key: ArrayLike, a: ArrayLike, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Logarithms of gamma numbers, which do not underflow for small `a`.

    Args:
        key: single key, not used for anything else.
        a: shape of the distribution, positive; differentiable, as for `gamma`.
        shape: of the result, which `a` broadcasts to; by default, that of `a`.
        dtype: floating; float32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: `a` does not broadcast to `shape`, or the dtype is not floating.

    Example:
        >>> from ms_func import random
        >>> random.loggamma(random.key(0), 0.001).round().item()  # its exponential is 0 in float32
        -111.0
    """
    return _sampled("loggamma", key, a, shape, dtype, True)


def _sampled(name: str, key: Any, a: Any, shape: Any, dtype: Any, logarithm: bool) -> Any:
    kind = float_dtype(name, dtype)
    shape = joint_shape(name, shape, a)
    a = convert(operand(name, a), kind)
    return run(_gamma_program, (checked_key(name, key), a), shape, logarithm)


def _gamma_program(key: Any, a: Any, shape: tuple[int, ...], logarithm: bool) -> Any:
    lanes = manipulation.ravel(manipulation.broadcast_to(a, shape))
    keys = random_split(key, (typeof(lanes).size,))
    sample = _log_gamma if logarithm else _gamma
    return manipulation.reshape(sample(keys, lanes), shape)


@custom_jvp
def _gamma(keys: Any, a: Any) -> Any:
    return _marsaglia_tsang(keys, a, False)


@custom_jvp
def _log_gamma(keys: Any, a: Any) -> Any:
    return _marsaglia_tsang(keys, a, True)


@_gamma.defjvp
def _gamma_jvp(primals: Any, tangents: Any) -> Any:
    (keys, a), (_, t) = primals, tangents
    out = _gamma(keys, a)
    return out, ar.multiply(t, random_gamma_grad(a, out))


@_log_gamma.defjvp
def _log_gamma_jvp(primals: Any, tangents: Any) -> Any:
    (keys, a), (_, t) = primals, tangents
    out = _log_gamma(keys, a)
    tiny = float(np.finfo(typeof(a).dtype).tiny)
    sample = el.exp(out)
    sample = where(logic.equal(sample, 0), tiny, sample)
    return out, ar.multiply(t, ar.divide(random_gamma_grad(a, sample), sample))


def _marsaglia_tsang(keys: Any, a: Any, logarithm: bool) -> Any:
    """Rejection in every lane at once; below 1 the parameter is raised and the sample shrunk."""
    kind = typeof(a).dtype
    large = logic.greater_equal(a, 1)
    d = ar.subtract(where(large, a, ar.add(a, 1)), 1 / 3)
    c = ar.divide(1 / 3, el.sqrt(d))
    pair = random_split(keys, (2,))
    lanes = typeof(a).shape
    zeros, ones, twos = (fill(v, ArrayType(lanes, kind)) for v in (0, 1, 2))

    def rejected(state: Any) -> Any:
        _, x, v, u = state
        bound = ar.subtract(1, ar.multiply(0.0331, ar.multiply(x, x)))
        exact = ar.add(ar.multiply(x, 0.5),
                       ar.multiply(d, ar.add(ar.subtract(1, v), el.log(v))))  # fmt: skip
        return logic.logical_and(logic.greater_equal(u, bound),
                                 logic.greater_equal(el.log(u), exact))  # fmt: skip

    def draw(state: Any) -> Any:
        three = random_split(state[0], (3,))
        x, v = _positive(three[:, 1], c, kind)
        new = three[:, 0], ar.multiply(x, x), ar.multiply(ar.multiply(v, v), v), unit(
            three[:, 2], (), kind)  # fmt: skip
        return _where_lanes(rejected(state), new, state)

    _, _, v, _ = while_loop(
        lambda state: reductions.any(rejected(state)), draw, (pair[:, 0], zeros, ones, twos)
    )
    shrink, drawn = ar.divide(1, a), unit(pair[:, 1], (), kind)
    if logarithm:
        drawn = el.log1p(ar.negative(drawn))
        none = logic.logical_or(large, logic.equal(drawn, 0))
        return ar.add(ar.add(el.log(d), el.log(v)), where(none, 0, ar.multiply(drawn, shrink)))
    power = ar.power(ar.subtract(1, drawn), shrink)
    return ar.multiply(ar.multiply(d, v), where(large, 1, power))


def _positive(keys: Any, c: Any, kind: np.dtype) -> tuple[Any, Any]:
    """Normal numbers `x` in every lane such that `v = 1 + c x` is positive."""
    lanes = typeof(c).shape

    def draw(state: Any) -> Any:
        pair = random_split(state[0], (2,))
        x = normal_of(pair[:, 1], (), kind)
        new = pair[:, 0], x, ar.add(1, ar.multiply(x, c))
        return _where_lanes(logic.less_equal(state[2], 0), new, state)

    start = (keys, *(fill(v, ArrayType(lanes, kind)) for v in (0, -1)))
    _, x, v = while_loop(lambda state: reductions.any(logic.less_equal(state[2], 0)), draw, start)
    return x, v


def _where_lanes(mask: Any, new: Any, old: Any) -> Any:
    """New state in the lanes of the mask."""
    return tuple(where(mask, n, o) for n, o in zip(new, old, strict=True))


# --- distributions made of gamma numbers --------------------------------------------------------


@placed
def beta(
    key: ArrayLike, a: ArrayLike, b: ArrayLike, shape: Shape | None = None, dtype: Any = None
) -> Array:
    """Numbers in [0, 1] with density proportional to `x ** (a - 1) * (1 - x) ** (b - 1)`.

    Args:
        key: single key, not used for anything else.
        a: positive; differentiable, as for `gamma`.
        b: positive; differentiable. The mean is `a / (a + b)`.
        shape: of the result, which the parameters broadcast to; by default, their own.
        dtype: floating; float32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: the parameters do not broadcast to `shape`, or the dtype is not floating.

    Example:
        >>> from ms_func import random
        >>> ms.eval_shape(lambda k: random.beta(k, np.ones((2, 1)), np.ones(3)), random.key(0))
        ShapeDtypeStruct(shape=(2, 3), dtype=float32)
    """
    kind = float_dtype("beta", dtype)
    shape = joint_shape("beta", shape, a, b)
    keys = split(key)
    one, two = loggamma(keys[0], a, shape, kind), loggamma(keys[1], b, shape, kind)
    top = ar.maximum(one, two)
    one, two = (el.exp(ar.subtract(v, top)) for v in (one, two))
    return ar.divide(one, ar.add(one, two))


@placed
def dirichlet(
    key: ArrayLike, alpha: ArrayLike, shape: Shape | None = None, dtype: Any = None
) -> Array:
    """Vectors of positive numbers that sum to 1, of the Dirichlet distribution.

    The density at `x` is proportional to the product of `x[i] ** (alpha[i] - 1)`.

    Args:
        key: single key, not used for anything else.
        alpha: `[..., k]`, positive; differentiable, as for `gamma`.
        shape: leading dimensions of the result, which those of `alpha` broadcast to; by default,
            those of `alpha`.
        dtype: floating; float32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Returns:
        Array of shape `(*shape, k)`; its mean is `alpha / alpha.sum(-1)`.

    Raises:
        ValueError: `alpha` has no dimension or does not broadcast, or the dtype is not floating.

    Example:
        >>> from ms_func import random
        >>> ms.eval_shape(lambda k: random.dirichlet(k, np.ones(3), (2,)), random.key(0))
        ShapeDtypeStruct(shape=(2, 3), dtype=float32)
    """
    kind = float_dtype("dirichlet", dtype)
    if not np.ndim(alpha):
        raise ArgumentValueError("dirichlet requires alpha.ndim >= 1, got alpha.ndim == 0")
    n = np.shape(alpha)[-1]
    lead = np.shape(alpha)[:-1] if shape is None else shape_tuple("dirichlet", shape)
    logs = loggamma(key, alpha, (*lead, n), kind)
    top = stop_gradient(reductions.max(logs, -1, keepdims=True))
    sizes = el.exp(ar.subtract(logs, top))
    return ar.divide(sizes, reductions.sum(sizes, -1, keepdims=True))


@placed
def chisquare(
    key: ArrayLike, df: ArrayLike, shape: Shape | None = None, dtype: Any = None
) -> Array:
    """Sums of squares of `df` standard normal numbers: gamma numbers of shape `df / 2`, doubled.

    Args:
        key: single key, not used for anything else.
        df: degrees of freedom, positive, not only integers; differentiable, as for `gamma`.
        shape: of the result, which `df` broadcasts to; by default, that of `df`.
        dtype: floating; float32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: `df` does not broadcast to `shape`, or the dtype is not floating.

    Example:
        >>> from ms_func import random
        >>> k = random.key(0)
        >>> ms.eval_shape(lambda k: random.chisquare(k, np.array([0.5, 2.0, 8.0])), k)
        ShapeDtypeStruct(shape=(3,), dtype=float32)
    """
    kind = float_dtype("chisquare", dtype)
    half = ar.multiply(0.5, convert(operand("chisquare", df), kind))
    return ar.multiply(2, el.exp(loggamma(key, half, shape, kind)))


@placed
def t(key: ArrayLike, df: ArrayLike, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Numbers of Student's distribution: normal numbers over the root of `chisquare(df) / df`.

    The density is proportional to `(1 + x**2 / df) ** (-(df + 1) / 2)`.

    Args:
        key: single key, not used for anything else.
        df: degrees of freedom, positive and finite; differentiable, as for `gamma`. 1 is Cauchy's
            distribution.
        shape: of the result, which `df` broadcasts to; by default, that of `df`.
        dtype: floating; float32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: `df` does not broadcast to `shape`, or the dtype is not floating.

    Example:
        >>> from ms_func import random
        >>> ms.eval_shape(lambda k: random.t(k, 3.0, (2, 3)), random.key(0))
        ShapeDtypeStruct(shape=(2, 3), dtype=float32)
    """
    kind = float_dtype("t", dtype)
    shape = joint_shape("t", shape, df)
    keys = split(key)
    half = ar.divide(convert(operand("t", df), kind), 2)
    ratio = ar.divide(half, gamma(keys[1], half, shape, kind))
    return ar.multiply(normal(keys[0], shape, kind), el.sqrt(ratio))


@placed
def f(
    key: ArrayLike, dfnum: ArrayLike, dfden: ArrayLike, shape: Shape | None = None,
    dtype: Any = None,
) -> Array:  # fmt: skip
    """Ratios of mean squares of `dfnum` and `dfden` normal numbers: Fisher's distribution.

    Args:
        key: single key, not used for anything else.
        dfnum: degrees of freedom above the line, positive; differentiable, as for `gamma`.
        dfden: degrees of freedom below the line, positive; differentiable. The mean is
            `dfden / (dfden - 2)` above 2.
        shape: of the result, which the parameters broadcast to; by default, their own.
        dtype: floating; float32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: the parameters do not broadcast to `shape`, or the dtype is not floating.

    Example:
        >>> from ms_func import random
        >>> ms.eval_shape(lambda k: random.f(k, np.array([1.0, 10.0]), 10.0), random.key(0))
        ShapeDtypeStruct(shape=(2,), dtype=float32)
    """
    kind = float_dtype("f", dtype)
    shape = joint_shape("f", shape, dfnum, dfden)
    keys = split(key)
    top, bottom = (
        ar.divide(chisquare(k, df, shape, kind), convert(operand("f", df), kind))
        for k, df in ((keys[1], dfnum), (keys[0], dfden))
    )
    return ar.divide(top, bottom)


@placed
def generalized_normal(key: ArrayLike, p: float, shape: Shape = (), dtype: Any = None) -> Array:
    """Numbers with density proportional to `exp(-abs(x) ** p)`.

    `p` 1 is the standard Laplace distribution, 2 the normal one of variance 1/2, and large `p`
    come near the uniform one on [-1, 1].

    Args:
        key: single key, not used for anything else.
        p: positive; differentiable, as for `gamma`. It broadcasts to `shape`.
        shape: of the result.
        dtype: floating; float32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: `p` does not broadcast to `shape`, or the dtype is not floating.

    Example:
        >>> from ms_func import random
        >>> ms.eval_shape(lambda k: random.generalized_normal(k, 4.0, (3,)), random.key(0))
        ShapeDtypeStruct(shape=(3,), dtype=float32)
    """
    kind = float_dtype("generalized_normal", dtype)
    sizes = shape_tuple("generalized_normal", shape)
    keys = split(key)
    size = gamma(keys[0], 1 / p, sizes, kind)
    return ar.multiply(rademacher(keys[1], sizes, kind), ar.power(size, 1 / p))


@placed
def ball(key: ArrayLike, d: int, p: float = 2, shape: Shape = (), dtype: Any = None) -> Array:
    """Points uniformly distributed in the unit ball of the `p`-norm in `d` dimensions.

    Args:
        key: single key, not used for anything else.
        d: number of dimensions.
        p: the ball is where `sum(abs(x) ** p) <= 1`; differentiable, as for `gamma`.
        shape: leading dimensions of the result.
        dtype: floating; float32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Returns:
        Array of shape `(*shape, d)`.

    Raises:
        ValueError: `d` is negative, or the dtype is not floating.

    Reference:
        Barthe, Guedon, Mendelson, Naor, "A probabilistic approach to the geometry of the l_p^n
        ball", Annals of Probability 33(2), 2005.

    Example:
        >>> from ms_func import random
        >>> ms.eval_shape(lambda k: random.ball(k, 3, shape=(100,)), random.key(0))
        ShapeDtypeStruct(shape=(100, 3), dtype=float32)
    """
    kind = float_dtype("ball", dtype)
    sizes = shape_tuple("ball", shape)
    keys = split(key)
    g = generalized_normal(keys[0], p, (*sizes, d), kind)
    e = exponential(keys[1], sizes, kind)
    length = ar.power(ar.add(reductions.sum(ar.power(el.abs(g), p), -1), e), 1 / p)
    return ar.divide(g, manipulation.expand_dims(length, -1))
