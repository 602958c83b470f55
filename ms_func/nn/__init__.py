"""Functions of neural networks: activations, normalisations, encodings, initialisers."""

from ms_func.nn import initializers as initializers
from ms_func.nn.activations import celu as celu
from ms_func.nn.activations import elu as elu
from ms_func.nn.activations import gelu as gelu
from ms_func.nn.activations import glu as glu
from ms_func.nn.activations import hard_sigmoid as hard_sigmoid
from ms_func.nn.activations import hard_silu as hard_silu
from ms_func.nn.activations import hard_swish as hard_swish
from ms_func.nn.activations import hard_tanh as hard_tanh
from ms_func.nn.activations import leaky_relu as leaky_relu
from ms_func.nn.activations import log_sigmoid as log_sigmoid
from ms_func.nn.activations import mish as mish
from ms_func.nn.activations import relu as relu
from ms_func.nn.activations import relu6 as relu6
from ms_func.nn.activations import selu as selu
from ms_func.nn.activations import sigmoid as sigmoid
from ms_func.nn.activations import silu as silu
from ms_func.nn.activations import soft_sign as soft_sign
from ms_func.nn.activations import softplus as softplus
from ms_func.nn.activations import sparse_plus as sparse_plus
from ms_func.nn.activations import squareplus as squareplus
from ms_func.nn.activations import swish as swish
from ms_func.nn.attention import dot_product_attention as dot_product_attention
from ms_func.nn.attention import one_hot as one_hot
from ms_func.nn.normalization import log_softmax as log_softmax
from ms_func.nn.normalization import logmeanexp as logmeanexp
from ms_func.nn.normalization import logsumexp as logsumexp
from ms_func.nn.normalization import softmax as softmax
from ms_func.nn.normalization import standardize as standardize

__all__ = [
    "celu",
    "dot_product_attention",
    "elu",
    "gelu",
    "glu",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "initializers",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "logmeanexp",
    "logsumexp",
    "mish",
    "one_hot",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_sign",
    "softmax",
    "softplus",
    "sparse_plus",
    "squareplus",
    "standardize",
    "swish",
]
