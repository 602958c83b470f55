"""`jax.experimental.sparse.api`."""

from ms_func.experimental.sparse import (
    empty,
    eye,
    todense,
)

__all__ = [
    "empty", "eye", "todense",
]  # fmt: skip
