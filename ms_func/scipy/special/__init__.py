"""Special functions under the names of `scipy.special`."""

from ms_func.scipy.special import basic, bessel, gamma_family
from ms_func.scipy.special.basic import *  # noqa: F403
from ms_func.scipy.special.bessel import *  # noqa: F403
from ms_func.scipy.special.discrete import bernoulli as bernoulli
from ms_func.scipy.special.discrete import bessel_jn as bessel_jn
from ms_func.scipy.special.discrete import boxcox as boxcox
from ms_func.scipy.special.discrete import boxcox1p as boxcox1p
from ms_func.scipy.special.discrete import comb as comb
from ms_func.scipy.special.error_family import dawsn as dawsn
from ms_func.scipy.special.error_family import erfcx as erfcx
from ms_func.scipy.special.error_family import fresnel as fresnel
from ms_func.scipy.special.error_family import log_ndtr as log_ndtr
from ms_func.scipy.special.error_family import ndtri as ndtri
from ms_func.scipy.special.error_family import owens_t as owens_t
from ms_func.scipy.special.error_family import wofz as wofz
from ms_func.scipy.special.gamma_family import *  # noqa: F403
from ms_func.scipy.special.hypergeometric import hyp1f1 as hyp1f1
from ms_func.scipy.special.hypergeometric import hyp2f1 as hyp2f1
from ms_func.scipy.special.integrals import exp1 as exp1
from ms_func.scipy.special.integrals import expi as expi
from ms_func.scipy.special.integrals import expn as expn
from ms_func.scipy.special.integrals import sici as sici
from ms_func.scipy.special.integrals import spence as spence
from ms_func.scipy.special.legendre import lpmn as lpmn
from ms_func.scipy.special.legendre import lpmn_values as lpmn_values
from ms_func.scipy.special.legendre import sph_harm_y as sph_harm_y

__all__ = [
    "bernoulli", "bessel_jn", "boxcox", "boxcox1p", "comb", "dawsn", "erfcx", "exp1", "expi",
    "expn", "fresnel", "hyp1f1", "hyp2f1", "log_ndtr", "lpmn", "lpmn_values", "ndtri", "owens_t",
    "sici", "spence", "sph_harm_y", "wofz",
]  # fmt: skip
__all__ += [*basic.__all__, *bessel.__all__, *gamma_family.__all__]
__dir__ = __all__.copy
