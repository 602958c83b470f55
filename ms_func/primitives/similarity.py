"""Orthogonal similarity transforms of square matrices: Schur, Hessenberg, tridiagonal form.

The factors are LAPACK's, in its packed form for the last two: below the part that is the
result stand the vectors v of the reflections I - tau v v^H whose product is the transform.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.errors import ArgumentTypeError
from ms_func.ir.primitive import NONLINEAR, NotSupported, Primitive, register
from ms_func.ir.types import ArrayType
from ms_func.primitives.basis import real_of
from ms_func.primitives.decompositions import scipy_linalg
from ms_func.primitives.matrices import (
    batch_rule,
    check_matrix,
    cubic_cost,
    driver,
    matrices,
    need,
    shard_leading,
)

_DISCRETE = NotSupported(
    "the factors depend on the order and phase that LAPACK chooses; differentiate eig or eigh"
)

# --- schur --------------------------------------------------------------------------------------


def _schur_abstract(a: ArrayType, *, vectors: bool) -> list[ArrayType]:
    check_matrix("schur", a, square=True)
    t = ArrayType(a.shape, a.dtype)
    return [t, t] if vectors else [t]


def _schur_single(a: np.ndarray, *, vectors: bool) -> tuple[np.ndarray, ...]:
    form, z = scipy_linalg().schur(a, "complex" if a.dtype.kind == "c" else "real")
    return (form, z) if vectors else (form,)


def _schur_lower(b: Any, eqn: Any, a: Any) -> list[Any]:
    need(b, eqn, "gees")
    t = eqn.inputs[0].type
    values = [ArrayType(t.shape[:-1], t.dtype)] * (1 if t.dtype.kind == "c" else 2)
    chosen = ArrayType(t.shape[:-2], np.int32)
    options = {"mode": "V" if eqn.params["vectors"] else "N", "sort": "N"}
    outs = [t, t, *values, chosen]
    found = driver(b, "gees", [a], [t], outs, options, range(2, len(outs)))
    return found[: len(eqn.outputs)]


schur_p = register(
    Primitive(
        "schur",
        abstract=_schur_abstract,
        ref=matrices(_schur_single),
        lower=_schur_lower,
        jvp=_DISCRETE,
        transpose=NONLINEAR,
        batch=batch_rule(lambda: schur_p),
        shard=shard_leading,
        cost=cubic_cost(25.0),
        multiple_results=True,
    )
)


def schur(
    x: Any, *, compute_schur_vectors: bool = True, sort_eig_vals: bool = False,
    select_callable: Any = None,
) -> Any:  # fmt: skip
    """Schur form `T`, and unitary `Q` with `x = Q T Q^H`, of square matrices.

    Args:
        x: matrices `[..., n, n]`, float32, float64, complex64 or complex128; on CPU.
        compute_schur_vectors: whether to return `Q`.
        sort_eig_vals: not supported.
        select_callable: not supported.

    Returns:
        List of `T` and, where asked for, `Q`, each `[..., n, n]`. `T` is upper triangular; for real
        matrices it has blocks of two rows where eigenvalues are a conjugate pair.

    Raises:
        TypeError: the matrices are not square.
        NotImplementedError: sorting is asked for.

    Reference:
        LAPACK `gees`.

    Example:
        >>> t, q = lax.linalg.schur(np.array([[1.0, 2.0], [0.0, 3.0]]))
        >>> t.tolist(), abs(q).tolist()
        ([[1.0, 2.0], [0.0, 3.0]], [[1.0, 0.0], [0.0, 1.0]])
    """
    if sort_eig_vals or select_callable is not None:
        raise NotImplementedError(
            "schur does not sort eigenvalues; the sorting features of LAPACK's gees take a "
            "function on the host"
        )
    return list(schur_p.bind(x, vectors=bool(compute_schur_vectors)))


# --- hessenberg ------------------------------------------------------------------------------


def _hessenberg_abstract(a: ArrayType) -> list[ArrayType]:
    lead = check_matrix("hessenberg", a, square=True)
    count = max(a.shape[-1] - 1, 0)
    return [ArrayType(a.shape, a.dtype), ArrayType((*lead, count), a.dtype)]


def _hessenberg_single(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if a.shape[-1] < 2:
        return a, np.zeros(0, a.dtype)
    (reduce,) = scipy_linalg().get_lapack_funcs(("gehrd",), (a,))
    packed, taus, _ = reduce(a)
    return packed, taus[: a.shape[-1] - 1]


def _hessenberg_lower(b: Any, eqn: Any, a: Any) -> list[Any]:
    need(b, eqn, "gehrd")
    t, taus = eqn.inputs[0].type, eqn.outputs[1].type
    if not taus.size:
        return [a, b.constant(0, taus)]
    options: dict[str, str | int] = {"low": 1, "high": t.shape[-1]}
    return driver(b, "gehrd", [a], [t], [t, taus], options, (1,))


hessenberg_p = register(
    Primitive(
        "hessenberg",
        abstract=_hessenberg_abstract,
        ref=matrices(_hessenberg_single),
        lower=_hessenberg_lower,
        jvp=_DISCRETE,
        transpose=NONLINEAR,
        batch=batch_rule(lambda: hessenberg_p),
        shard=shard_leading,
        cost=cubic_cost(10.0 / 3),
        multiple_results=True,
    )
)


def hessenberg(a: Any) -> list[Any]:
    """Upper Hessenberg form of square matrices, and the scales of the reflections.

    Args:
        a: matrices `[..., n, n]`, float32, float64, complex64 or complex128; on CPU.

    Returns:
        List of the packed form `[..., n, n]` and scales `[..., n - 1]`. Below the first subdiagonal
        stand the reflections, as `householder_product` takes them.

    Raises:
        TypeError: the matrices are not square.

    Reference:
        LAPACK `gehrd`.

    Example:
        >>> form, taus = lax.linalg.hessenberg(np.array([[1.0, 2.0], [3.0, 4.0]]))
        >>> form.tolist(), taus.shape
        ([[1.0, 2.0], [3.0, 4.0]], (1,))
    """
    return hessenberg_p.bind(a)


# --- tridiagonal ------------------------------------------------------------------------------


def _tridiagonal_abstract(a: ArrayType, *, lower: bool) -> list[ArrayType]:
    lead = check_matrix("tridiagonal", a, square=True)
    n, real = a.shape[-1], real_of(a.dtype)
    if n == 0:
        raise ArgumentTypeError(f"tridiagonal takes matrices of at least one row, got {a}")
    sizes = [((*lead, n), real), ((*lead, n - 1), real), ((*lead, n - 1), a.dtype)]
    return [ArrayType(a.shape, a.dtype), *[ArrayType(s, d) for s, d in sizes]]


def _tridiagonal_single(a: np.ndarray, *, lower: bool) -> tuple[np.ndarray, ...]:
    name = "hetrd" if a.dtype.kind == "c" else "sytrd"
    (reduce,) = scipy_linalg().get_lapack_funcs((name,), (a,))
    packed, d, e, taus, _ = reduce(a, lower=int(lower))
    return packed, d, e, taus


def _tridiagonal_lower(b: Any, eqn: Any, a: Any) -> list[Any]:
    need(b, eqn, "sytrd")
    outs = [v.type for v in eqn.outputs]
    name = "hetrd" if outs[0].dtype.kind == "c" else "sytrd"
    options = {"uplo": "L" if eqn.params["lower"] else "U"}
    return driver(b, name, [a], [eqn.inputs[0].type], outs, options, (1, 2, 3))


tridiagonal_p = register(
    Primitive(
        "tridiagonal",
        abstract=_tridiagonal_abstract,
        ref=matrices(_tridiagonal_single),
        lower=_tridiagonal_lower,
        jvp=_DISCRETE,
        transpose=NONLINEAR,
        batch=batch_rule(lambda: tridiagonal_p),
        shard=shard_leading,
        cost=cubic_cost(4.0 / 3),
        multiple_results=True,
    )
)


def tridiagonal(a: Any, *, lower: bool = True) -> list[Any]:
    """Tridiagonal form of Hermitian matrices.

    Args:
        a: Hermitian matrices `[..., n, n]`; one triangle is read.
        lower: which one.

    Returns:
        List of the packed form `[..., n, n]`, the real diagonal `[..., n]` and off-diagonal
        `[..., n - 1]`, and the scales of the reflections `[..., n - 1]`.

    Raises:
        TypeError: the matrices are not square, or have no row.

    Reference:
        LAPACK `sytrd`, `hetrd`.

    Example:
        >>> _, diagonal, beside, _ = lax.linalg.tridiagonal(np.array([[1.0, 2.0], [2.0, 5.0]]))
        >>> diagonal.tolist(), beside.tolist()
        ([1.0, 5.0], [2.0])
    """
    return tridiagonal_p.bind(a, lower=bool(lower))
