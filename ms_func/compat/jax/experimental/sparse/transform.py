"""`jax.experimental.sparse.transform`."""

from ms_func.experimental.sparse import (
    sparsify,
)

__all__ = [
    "sparsify",
]  # fmt: skip
