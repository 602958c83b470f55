"""`jax.experimental.sparse.coo`."""

from ms_func.experimental.sparse import (
    COO,
    coo_fromdense,
    coo_matmat,
    coo_matvec,
    coo_todense,
)

__all__ = [
    "COO", "coo_fromdense", "coo_matmat", "coo_matvec", "coo_todense",
]  # fmt: skip
