"""LAPACK drivers, which front ends call by name for programs on a CPU.

Cholesky factors, triangular systems, eigenvalues and singular values have operators; LU and QR
factors are the programs of `factors.py`, translated like any program. Matrices are the last two
dimensions, all others a batch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from ms_func.extend import ArrayType
from ms_func_ascend.emitter import BOOL, I32, Emitter, Unsupported
from ms_func_ascend.graph import Tensor
from ms_func_ascend.operators import factors
from ms_func_ascend.operators.factors import program
from ms_func_ascend.operators.linalg import adjoint, cholesky_factor, hermitian, solve, triangle
from ms_func_ascend.operators.registry import rule

_ERASED = ("Sharding", "SPMDFullToShardShape", "annotate_device_placement")
_NAME = re.compile(r"lapack_([sdcz])(\w+)_ffi$")
_OPTION = re.compile(r"(\w+) = (-?\d+)")


_LACKING = {
    "geev": (", eigenvalues of any matrix", "eigh, if the matrix is symmetric"),
    "gees": (", a Schur form", "eigh, if the matrix is symmetric"),
    "gehrd": (", a Hessenberg form", "qr, or eigh if the matrix is symmetric"),
    "sytrd": (", a tridiagonal form", "eigh, which needs none"),
    "hetrd": (", a tridiagonal form", "eigh, which needs none"),
    "geqp3": (", QR with pivots", "qr without pivots, or svd where the rank is asked for"),
    "gtsv": (", a tridiagonal system", "solve with the whole matrix"),
}
"""Kernels without a translation: what they compute, and what can be translated instead."""


@rule("custom_call")
def _custom_call(t: Any, op: Any, *xs: Tensor) -> list[Tensor]:
    target = str(op.attrs.get("call_target_name"))
    if target in _ERASED:
        return list(xs)
    found = _NAME.match(target)
    if found is None or found[2] not in _DRIVERS:
        if "python" in target:
            raise Unsupported(
                "a call of Python while the program runs (printing, a check or a callback)",
                "leave it out of what is translated",
            )
        what, fix = _LACKING.get(found[2] if found else "", ("", "write it with array operations"))
        raise Unsupported(f"a call of the external kernel {target!r}{what}", fix)
    return _DRIVERS[found[2]](t, op, *xs)


def _options(op: Any) -> dict[str, str]:
    """Character options of a call: `uplo`, `side`, ..."""
    given = f"{op.attrs.get('backend_config', '')}{op.attrs.get('mhlo.backend_config', '')}"
    return {name: chr(int(value)) for name, value in _OPTION.findall(given)}


def _status(e: Emitter, made: Tensor) -> Tensor:
    """LAPACK's `info`: 1 where a factor has NaN, that is where the driver failed."""
    rank = len(made.shape)
    bad = e.is_nan(e.parts(made)[0] if made.dtype.kind == "c" else made)
    axes = e.ints([rank - 2, rank - 1])
    return e.cast(e.one("ReduceAny", [bad, axes], made.shape[:-2], BOOL), I32)


def _potrf(t: Any, op: Any, x: Tensor) -> list[Tensor]:
    """Factor in one triangle, what was there in the other."""
    lower = _options(op).get("uplo", "L") == "L"
    factor = cholesky_factor(t.e, x, lower)
    packed = t.e.select(triangle(t.e, x, lower), factor, x)
    return [packed, _status(t.e, factor)]


def _trsm(t: Any, op: Any, matrix: Tensor, rhs: Tensor, *more: Tensor) -> list[Tensor]:
    given = _options(op)
    how = {"N": "NO_TRANSPOSE", "T": "TRANSPOSE", "C": "ADJOINT"}[given["trans_x"]]
    return [
        solve(t.e, matrix, rhs, given["side"] == "L", given["uplo"] == "L", how,
              given["diag"] == "U")
    ]  # fmt: skip


def _syevd(t: Any, op: Any, x: Tensor) -> list[Tensor]:
    """Eigenvectors in columns and eigenvalues, ascending; the sign of a vector is free."""
    e, part = t.e, op.results[1].type.dtype
    whole = hermitian(e, x, _options(op).get("uplo", "L") == "L")
    outputs = [(x.shape[:-1], x.dtype), (x.shape, x.dtype)]
    values, vectors = e.node("SelfAdjointEig", [whole], outputs)
    values = e.parts(values)[0] if x.dtype.kind == "c" else values
    assert values.dtype == part
    return [vectors, values, _zero(e, x)]


def _gesdd(t: Any, op: Any, x: Tensor) -> list[Tensor]:
    """Singular values, left vectors, adjoint right vectors; what is left of the operand first."""
    e = t.e
    full = _options(op).get("mode", "A") == "A"
    m, n = x.shape[-2:]
    k, lead = min(m, n), x.shape[:-2]
    outputs = [((*lead, k), x.dtype), ((*lead, m, m if full else k), x.dtype),
               ((*lead, n, n if full else k), x.dtype)]  # fmt: skip
    values, left, right = e.node("Svd", [x], outputs, full_matrices=full)
    values = e.parts(values)[0] if x.dtype.kind == "c" else values
    found = [x, values, left, adjoint(e, right), _zero(e, x)]
    return [_shaped(e, f, r.type.shape) for f, r in zip(found, op.results, strict=True)]


def _shaped(e: Emitter, x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """`x`, or for a result that the mode leaves without meaning, zeros of its shape."""
    return x if x.shape == shape else e.broadcast_to(e.like(0, x), shape)


def _zero(e: Emitter, x: Tensor) -> Tensor:
    return e.broadcast_to(e.const(np.int32(0)), x.shape[:-2])


def _by_columns(factor: Callable[..., Any]) -> Callable[..., list[Tensor]]:
    """Driver that is a program of stacked matrices: leading dimensions are made one."""

    def driver(t: Any, op: Any, *operands: Tensor) -> list[Tensor]:
        e, lead = t.e, operands[0].shape[:-2]
        flat = [e.reshape(x, (math.prod(lead), *x.shape[len(lead) :])) for x in operands]
        staged = program(factor, *(ArrayType(x.shape, x.dtype) for x in flat))
        return [e.reshape(x, (*lead, *x.shape[1:])) for x in t.run_inline(staged, flat)]

    return driver


_DRIVERS: dict[str, Callable[..., list[Tensor]]] = {
    "potrf": _potrf, "trsm": _trsm, "getrf": _by_columns(factors.lu),
    "geqrf": _by_columns(factors.qr), "orgqr": _by_columns(factors.q),
    "ungqr": _by_columns(factors.q), "syevd": _syevd, "heevd": _syevd, "gesdd": _gesdd,
}  # fmt: skip
