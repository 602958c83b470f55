"""`jax.experimental.sparse.csr`."""

from ms_func.experimental.sparse import (
    CSC,
    CSR,
    csr_fromdense,
    csr_matmat,
    csr_matvec,
    csr_todense,
)

__all__ = [
    "CSC", "CSR", "csr_fromdense", "csr_matmat", "csr_matvec", "csr_todense",
]  # fmt: skip
