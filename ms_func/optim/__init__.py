"""Gradient descent as pure functions over trees of arrays.

An optimiser is a pair `init(params) -> state` and `update(grads, state, params) -> (updates,
state)`; `apply_updates` adds the updates to the parameters. A learning rate is a number or a
schedule, a function of the step.

Example:
    >>> params, grads = {"w": np.ones(3)}, {"w": np.arange(3.0)}
    >>> opt = adam(1e-3)
    >>> state = opt.init(params)
    >>> updates, state = opt.update(grads, state, params)
    >>> params = apply_updates(params, updates)
"""

from ms_func.optim.schedules import (
    constant_schedule,
    cosine_decay_schedule,
    exponential_decay,
    join_schedules,
    linear_schedule,
    piecewise_constant_schedule,
    warmup_cosine_decay_schedule,
)
from ms_func.optim.transformations import (
    Optimizer,
    adam,
    adamw,
    add_decayed_weights,
    apply_updates,
    chain,
    clip,
    clip_by_global_norm,
    global_norm,
    momentum,
    rmsprop,
    scale,
    scale_by_adam,
    scale_by_learning_rate,
    scale_by_rms,
    sgd,
    trace,
)

__all__ = [
    "Optimizer", "adam", "adamw", "add_decayed_weights", "apply_updates", "chain", "clip",
    "clip_by_global_norm", "constant_schedule", "cosine_decay_schedule", "exponential_decay",
    "global_norm", "join_schedules", "linear_schedule", "momentum", "piecewise_constant_schedule",
    "rmsprop",
    "scale", "scale_by_adam", "scale_by_learning_rate", "scale_by_rms", "sgd", "trace",
    "warmup_cosine_decay_schedule",
]  # fmt: skip
__dir__ = __all__.copy
