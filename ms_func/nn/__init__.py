"""Neural network functions, pure and without parameters of their own.

Activations, normalisation, attention, pooling, losses; `initializers` make parameters, and
`scaled_matmul` and its like multiply numbers of few bits.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any

from ms_func.nn import initializers
from ms_func.nn.activations import (
    celu,
    elu,
    gelu,
    glu,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    identity,
    leaky_relu,
    log1mexp,
    log_sigmoid,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_sign,
    softplus,
    sparse_plus,
    sparse_sigmoid,
    squareplus,
    swish,
)  # fmt: skip
from ms_func.nn.attention import dot_product_attention, one_hot
from ms_func.nn.normalization import (
    batch_norm,
    group_norm,
    layer_norm,
    log_softmax,
    logmeanexp,
    logsumexp,
    rms_norm,
    softmax,
    standardize,
)
from ms_func.numpy.trigonometry import tanh

if TYPE_CHECKING:
    from ms_func.nn import losses
    from ms_func.nn.block_scaled import (
        get_scaled_dot_general_config,
        scaled_dot_general,
        scaled_matmul,
    )
    from ms_func.nn.pooling import avg_pool, conv, conv_transpose, max_pool, min_pool

__all__ = [
    "avg_pool", "batch_norm", "celu", "conv", "conv_transpose", "dot_product_attention", "elu",
    "gelu", "get_scaled_dot_general_config", "glu", "group_norm", "hard_sigmoid", "hard_silu",
    "hard_swish", "hard_tanh", "identity", "initializers", "layer_norm", "leaky_relu", "log1mexp",
    "log_sigmoid", "log_softmax", "logmeanexp", "logsumexp", "losses", "max_pool", "min_pool",
    "mish", "one_hot", "relu", "relu6", "rms_norm", "scaled_dot_general", "scaled_matmul", "selu",
    "sigmoid", "silu", "soft_sign", "softmax", "softplus", "sparse_plus", "sparse_sigmoid",
    "squareplus", "standardize", "swish", "tanh",
]  # fmt: skip
__dir__ = __all__.copy

_LATE = {
    "losses": "losses",
    **dict.fromkeys(("avg_pool", "conv", "conv_transpose", "max_pool", "min_pool"), "pooling"),
    **dict.fromkeys(
        ("get_scaled_dot_general_config", "scaled_dot_general", "scaled_matmul"), "block_scaled"
    ),
}
"""Names whose module is imported when they are first used."""


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _import_module(f"{__name__}.{_LATE[name]}")
    found = globals()[name] = module if name == "losses" else getattr(module, name)
    return found
