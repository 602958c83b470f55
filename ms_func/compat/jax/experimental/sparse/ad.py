"""`jax.experimental.sparse.ad`."""

from ms_func.experimental.sparse import (
    grad,
    jacfwd,
    jacobian,
    jacrev,
    value_and_grad,
)

__all__ = [
    "grad", "jacfwd", "jacobian", "jacrev", "value_and_grad",
]  # fmt: skip
