"""Distributions and descriptions of samples under the names of `scipy.stats`.

Each distribution is a module of functions: `norm.logpdf(x, loc, scale)`. Operands broadcast
and promote to one floating dtype.
"""

from ms_func.scipy.stats import (
    bernoulli as bernoulli,
)
from ms_func.scipy.stats import (
    beta as beta,
)
from ms_func.scipy.stats import (
    betabinom as betabinom,
)
from ms_func.scipy.stats import (
    binom as binom,
)
from ms_func.scipy.stats import (
    cauchy as cauchy,
)
from ms_func.scipy.stats import (
    chi2 as chi2,
)
from ms_func.scipy.stats import (
    dirichlet as dirichlet,
)
from ms_func.scipy.stats import (
    expon as expon,
)
from ms_func.scipy.stats import (
    gamma as gamma,
)
from ms_func.scipy.stats import (
    gennorm as gennorm,
)
from ms_func.scipy.stats import (
    geom as geom,
)
from ms_func.scipy.stats import (
    gumbel_l as gumbel_l,
)
from ms_func.scipy.stats import (
    gumbel_r as gumbel_r,
)
from ms_func.scipy.stats import (
    laplace as laplace,
)
from ms_func.scipy.stats import (
    logistic as logistic,
)
from ms_func.scipy.stats import (
    multinomial as multinomial,
)
from ms_func.scipy.stats import (
    multivariate_normal as multivariate_normal,
)
from ms_func.scipy.stats import (
    nbinom as nbinom,
)
from ms_func.scipy.stats import (
    norm as norm,
)
from ms_func.scipy.stats import (
    pareto as pareto,
)
from ms_func.scipy.stats import (
    poisson as poisson,
)
from ms_func.scipy.stats import (
    t as t,
)
from ms_func.scipy.stats import (
    truncnorm as truncnorm,
)
from ms_func.scipy.stats import (
    uniform as uniform,
)
from ms_func.scipy.stats import (
    vonmises as vonmises,
)
from ms_func.scipy.stats import (
    wrapcauchy as wrapcauchy,
)
from ms_func.scipy.stats.descriptive import mode as mode
from ms_func.scipy.stats.descriptive import rankdata as rankdata
from ms_func.scipy.stats.descriptive import sem as sem
from ms_func.scipy.stats.kde import gaussian_kde as gaussian_kde

__all__ = [
    "bernoulli", "beta", "betabinom", "binom", "cauchy", "chi2", "dirichlet", "expon", "gamma",
    "gaussian_kde", "gennorm", "geom", "gumbel_l", "gumbel_r", "laplace", "logistic", "mode",
    "multinomial", "multivariate_normal", "nbinom", "norm", "pareto", "poisson", "rankdata",
    "sem", "t", "truncnorm", "uniform", "vonmises", "wrapcauchy",
]  # fmt: skip
__dir__ = __all__.copy
