"""Random numbers as pure functions of keys.

The same key always gives the same numbers, on every backend and however arrays are split:
make new keys with `split` or `fold_in`. `key` makes one from a seed; the uint32 words that
`PRNGKey` makes do as well. Numbers agree with those of `jax.random` for its default generator.
`Generator` keeps a key that its methods replace, under NumPy's names.

Example:
    >>> first, second = split(key(0))
    >>> normal(second, (3,)).shape
    (3,)
"""

from ms_func.random.binomial import binomial, multinomial
from ms_func.random.continuous import (
    cauchy,
    double_sided_maxwell,
    exponential,
    laplace,
    logistic,
    lognormal,
    maxwell,
    normal,
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
from ms_func.random.generator import Generator
from ms_func.random.keys import (
    PRNGKey,
    clone,
    fold_in,
    key,
    key_data,
    key_dtype,
    key_impl,
    split,
    wrap_key_data,
)  # fmt: skip
from ms_func.random.poisson import poisson
from ms_func.random.uniform import bits, randint, uniform
from ms_func.random.vectors import multivariate_normal, orthogonal

__all__ = [  # noqa: RUF022
    "Generator", "PRNGKey", "key", "split", "fold_in", "clone", "key_data", "key_dtype", "key_impl",
    "wrap_key_data",
    "bits", "uniform", "randint", "normal", "truncated_normal", "lognormal", "bernoulli",
    "rademacher", "permutation", "choice", "categorical", "gumbel", "exponential", "laplace",
    "logistic", "cauchy", "rayleigh", "pareto", "weibull_min", "maxwell", "double_sided_maxwell",
    "triangular", "wald", "geometric", "poisson", "binomial", "multinomial", "gamma", "loggamma",
    "beta", "dirichlet",
    "chisquare", "t", "f", "generalized_normal", "ball",
    "multivariate_normal", "orthogonal",
]  # fmt: skip
__dir__ = __all__.copy
