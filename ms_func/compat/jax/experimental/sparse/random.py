"""`jax.experimental.sparse.random`."""

from ms_func.experimental.sparse import (
    random_bcoo,
)

__all__ = [
    "random_bcoo",
]  # fmt: skip
