"""`jax.lax.linalg`: primitives that are functions here, for tables of rules by primitive."""

from __future__ import annotations

from ms_func.compat.composed import PRIMITIVES

__all__ = ["cholesky_update_p", "householder_product_p", "lu_pivots_to_permutation_p", "ormqr_p",
           "symmetric_product_p"]  # fmt: skip

cholesky_update_p = PRIMITIVES["cholesky_update"]
householder_product_p = PRIMITIVES["householder_product"]
lu_pivots_to_permutation_p = PRIMITIVES["lu_pivots_to_permutation"]
ormqr_p = PRIMITIVES["ormqr"]
symmetric_product_p = PRIMITIVES["symmetric_product"]
