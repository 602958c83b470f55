"""Random numbers as pure functions of keys.

The same key always gives the same numbers, on every backend and however arrays are split:
make new keys with `split` or `fold_in`. A key is a uint32 pair; `key` and `PRNGKey` make one
from a seed. Numbers agree with those of `jax.random` for its default generator.

Example:
    >>> key, sub = split(PRNGKey(0))
    >>> normal(sub, (3,)).shape
    (3,)
"""

from ms_func.random.continuous import (
    cauchy,
    double_sided_maxwell,
    exponential,
    laplace,
    logistic,
    lognormal,
    maxwell,
    multivariate_normal,
    normal,
    orthogonal,
    pareto,
    rayleigh,
    triangular,
    truncated_normal,
    wald,
    weibull_min,
)  # fmt: skip
from ms_func.random.discrete import (
    bernoulli,
    categorical,
    choice,
    geometric,
    gumbel,
    permutation,
    rademacher,
)  # fmt: skip
from ms_func.random.gamma import (
    ball,
    beta,
    chisquare,
    dirichlet,
    f,
    gamma,
    generalized_normal,
    loggamma,
    t,
)  # fmt: skip
from ms_func.random.keys import (
    PRNGKey,
    clone,
    fold_in,
    key,
    key_data,
    key_impl,
    split,
    wrap_key_data,
)  # fmt: skip
from ms_func.random.poisson import poisson
from ms_func.random.uniform import bits, randint, uniform

__all__ = [  # noqa: RUF022
    "PRNGKey", "key", "split", "fold_in", "clone", "key_data", "key_impl", "wrap_key_data",
    "bits", "uniform", "randint", "normal", "truncated_normal", "lognormal", "bernoulli",
    "rademacher", "permutation", "choice", "categorical", "gumbel", "exponential", "laplace",
    "logistic", "cauchy", "rayleigh", "pareto", "weibull_min", "maxwell", "double_sided_maxwell",
    "triangular", "wald", "geometric", "poisson", "gamma", "loggamma", "beta", "dirichlet",
    "chisquare", "t", "f", "generalized_normal", "ball",
    "multivariate_normal", "orthogonal",
]  # fmt: skip
