"""LAPACK drivers, which front ends call by name for programs on a CPU.

Cholesky factors, triangular systems, eigenvalues and singular values have operators. LU and QR
factors in LAPACK's packed form do not: they are written as the loops they are, in StableHLO,
and translated like any program. Matrices are the last two dimensions, all others a batch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ms_func_ascend.emitter import BOOL, I32, Emitter, Unsupported
from ms_func_ascend.graph import Tensor
from ms_func_ascend.operators.linalg import adjoint, cholesky_factor, hermitian, solve, triangle
from ms_func_ascend.operators.registry import rule
from ms_func_ascend.reader import Program, read

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


def _getrf(t: Any, op: Any, x: Tensor) -> list[Tensor]:
    if 0 in x.shape:
        return [t.e.const(np.zeros(r.type.shape, r.type.dtype)) for r in op.results]
    return _program(t, "getrf", [x])


def _geqrf(t: Any, op: Any, x: Tensor) -> list[Tensor]:
    return _program(t, "geqrf", [x])


def _orgqr(t: Any, op: Any, x: Tensor, taus: Tensor) -> list[Tensor]:
    if 0 in taus.shape:  # no reflection is the one that reflects nothing
        taus = t.e.const(np.zeros((*taus.shape[:-1], 1), taus.dtype))
    return _program(t, "orgqr", [x, taus])


def _program(t: Any, name: str, operands: list[Tensor]) -> list[Tensor]:
    """Translate a driver written in StableHLO; leading dimensions are made one."""
    e, x = t.e, operands[0]
    lead, size = x.shape[:-2], math.prod(x.shape[:-2])
    flat = [e.reshape(v, (size, *v.shape[len(lead) :])) for v in operands]
    program = _written(name, size, *x.shape[-2:], flat[-1].shape[-1], x.dtype.name)
    made = t.run_inline(program, flat)
    return [e.reshape(m, (*lead, *m.shape[1:])) for m in made]


_DRIVERS: dict[str, Callable[..., list[Tensor]]] = {
    "potrf": _potrf, "trsm": _trsm, "getrf": _getrf, "geqrf": _geqrf, "orgqr": _orgqr,
    "ungqr": _orgqr, "syevd": _syevd, "heevd": _syevd, "gesdd": _gesdd,
}  # fmt: skip


@cache
def _written(name: str, size: int, m: int, n: int, k: int, dtype: str) -> Program:
    """Program of a driver for `size` matrices of m rows and n columns."""
    element = {"float32": "f32", "float64": "f64", "complex64": "complex<f32>",
               "complex128": "complex<f64>"}.get(dtype)  # fmt: skip
    if element is None:
        raise Unsupported(f"{name} of {dtype}", "cast to float32")
    text = {"getrf": _LU, "geqrf": _QR, "orgqr": _Q}[name]
    zero, one = ("(0.0, 0.0)", "(1.0, 0.0)") if "complex" in element else ("0.0", "1.0")
    part = element.removeprefix("complex<").removesuffix(">")
    words = {
        "MAT": f"tensor<{size}x{m}x{n}x{element}>", "IMAT": f"tensor<{size}x{m}x{n}xi32>",
        "BMAT": f"tensor<{size}x{m}x{n}xi1>", "COL": f"tensor<{size}x{m}x{element}>",
        "COL3": f"tensor<{size}x{m}x1x{element}>", "RCOL": f"tensor<{size}x{m}x{part}>",
        "ICOL": f"tensor<{size}x{m}xi32>", "BCOL": f"tensor<{size}x{m}xi1>",
        "ROW": f"tensor<{size}x{n}x{element}>", "ROW3": f"tensor<{size}x1x{n}x{element}>",
        "VEC": f"tensor<{size}x{element}>", "VEC1": f"tensor<{size}x1x{element}>",
        "RVEC": f"tensor<{size}x{part}>",
        "IVEC": f"tensor<{size}xi32>", "BVEC": f"tensor<{size}xi1>",
        "PIV": f"tensor<{size}x{min(m, n)}xi32>", "BPIV": f"tensor<{size}x{min(m, n)}xi1>",
        "TAU": f"tensor<{size}x{k if name == 'orgqr' else min(m, n)}x{element}>",
        "BTAU": f"tensor<{size}x{min(m, n)}xi1>", "ITAU": f"tensor<{size}x{min(m, n)}xi32>",
        "S": f"tensor<{element}>", "R": f"tensor<{part}>", "ZERO": zero, "ONE": one,
        "COUNT": str(k if name == "orgqr" else min(m, n)), "SIZE": str(size), "M": str(m),
        "N": str(n),
    }  # fmt: skip
    same = r"stablehlo.optimization_barrier \1 : \2"
    conj = r"chlo.conj \1 : \2 -> \2" if "complex" in element else same
    text = re.sub(r"CONJ\((%\w+), (\$\w+)\)", conj, text)
    return read(re.sub(r"\$(\w+)", lambda found: words[found[1]], text))


_COMMON = """  %k0 = stablehlo.constant dense<0> : tensor<i32>
  %k1 = stablehlo.constant dense<1> : tensor<i32>
  %end = stablehlo.constant dense<$COUNT> : tensor<i32>
  %zero = stablehlo.constant dense<$ZERO> : $S
  %rows = stablehlo.iota dim = 1 : $IMAT
  %cols = stablehlo.iota dim = 2 : $IMAT
  %row = stablehlo.iota dim = 1 : $ICOL
"""

_LU = (
    """func.func public @main(%a: $MAT) -> ($MAT, $PIV, $IVEC) {
"""
    + _COMMON
    + """  %places = stablehlo.iota dim = 1 : $PIV
  %p0 = stablehlo.constant dense<0> : $PIV
  %i0 = stablehlo.constant dense<0> : $IVEC
  %low = stablehlo.constant dense<-1.0> : $RCOL
  %minus = stablehlo.constant dense<0xFFF0000000000000> : tensor<f64>
  %ninf = stablehlo.convert %minus : (tensor<f64>) -> $R
  %s:4 = stablehlo.while(%k = %k0, %x = %a, %piv = %p0, %info = %i0)
      : tensor<i32>, $MAT, $PIV, $IVEC
    cond {
      %c = stablehlo.compare LT, %k, %end : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %c : tensor<i1>
    } do {
      %col3 = stablehlo.dynamic_slice %x, %k0, %k0, %k, sizes = [$SIZE, $M, 1]
        : ($MAT, tensor<i32>, tensor<i32>, tensor<i32>) -> $COL3
      %col = stablehlo.reshape %col3 : ($COL3) -> $COL
      %re = stablehlo.real %col : ($COL) -> $RCOL
      %im = stablehlo.imag %col : ($COL) -> $RCOL
      %are = stablehlo.abs %re : $RCOL
      %aim = stablehlo.abs %im : $RCOL
      %mag0 = stablehlo.add %are, %aim : $RCOL
      %kcol = stablehlo.broadcast_in_dim %k, dims = [] : (tensor<i32>) -> $ICOL
      %below = stablehlo.compare GE, %row, %kcol : ($ICOL, $ICOL) -> $BCOL
      %mag = stablehlo.select %below, %mag0, %low : $BCOL, $RCOL
      %best:2 = "stablehlo.reduce"(%mag, %row, %ninf, %k0) ({
        ^bb0(%u: $R, %i: tensor<i32>, %v: $R, %j: tensor<i32>):
        %g = stablehlo.compare GT, %u, %v : ($R, $R) -> tensor<i1>
        %nan = stablehlo.compare NE, %u, %u : ($R, $R) -> tensor<i1>
        %first = stablehlo.or %g, %nan : tensor<i1>
        %eq = stablehlo.compare EQ, %u, %v : ($R, $R) -> tensor<i1>
        %lt = stablehlo.compare LT, %i, %j : (tensor<i32>, tensor<i32>) -> tensor<i1>
        %tie = stablehlo.and %eq, %lt : tensor<i1>
        %take = stablehlo.or %first, %tie : tensor<i1>
        %w = stablehlo.select %first, %u, %v : tensor<i1>, $R
        %h = stablehlo.select %take, %i, %j : tensor<i1>, tensor<i32>
        stablehlo.return %w, %h : $R, tensor<i32> }) {dimensions = array<i64: 1>}
        : ($RCOL, $ICOL, $R, tensor<i32>) -> ($RVEC, $IVEC)
      %p = stablehlo.broadcast_in_dim %best#1, dims = [0] : ($IVEC) -> $IMAT
      %kk = stablehlo.broadcast_in_dim %k, dims = [] : (tensor<i32>) -> $IMAT
      %isp = stablehlo.compare EQ, %rows, %p : ($IMAT, $IMAT) -> $BMAT
      %isk = stablehlo.compare EQ, %rows, %kk : ($IMAT, $IMAT) -> $BMAT
      %z = stablehlo.broadcast_in_dim %zero, dims = [] : ($S) -> $MAT
      %only = stablehlo.select %isp, %x, %z : $BMAT, $MAT
      %rowp = stablehlo.reduce(%only init: %zero) applies stablehlo.add across dimensions = [1]
        : ($MAT, $S) -> $ROW
      %rowk3 = stablehlo.dynamic_slice %x, %k0, %k, %k0, sizes = [$SIZE, 1, $N]
        : ($MAT, tensor<i32>, tensor<i32>, tensor<i32>) -> $ROW3
      %rowk = stablehlo.reshape %rowk3 : ($ROW3) -> $ROW
      %rowks = stablehlo.broadcast_in_dim %rowk, dims = [0, 2] : ($ROW) -> $MAT
      %rowps = stablehlo.broadcast_in_dim %rowp, dims = [0, 2] : ($ROW) -> $MAT
      %x1 = stablehlo.select %isp, %rowks, %x : $BMAT, $MAT
      %x2 = stablehlo.select %isk, %rowps, %x1 : $BMAT, $MAT
      %pivot1 = stablehlo.dynamic_slice %rowp, %k0, %k, sizes = [$SIZE, 1]
        : ($ROW, tensor<i32>, tensor<i32>) -> $VEC1
      %pivot = stablehlo.reshape %pivot1 : ($VEC1) -> $VEC
      %zv = stablehlo.broadcast_in_dim %zero, dims = [] : ($S) -> $VEC
      %ok = stablehlo.compare NE, %pivot, %zv : ($VEC, $VEC) -> $BVEC
      %new3 = stablehlo.dynamic_slice %x2, %k0, %k0, %k, sizes = [$SIZE, $M, 1]
        : ($MAT, tensor<i32>, tensor<i32>, tensor<i32>) -> $COL3
      %new = stablehlo.reshape %new3 : ($COL3) -> $COL
      %pivots = stablehlo.broadcast_in_dim %pivot, dims = [0] : ($VEC) -> $COL
      %oks = stablehlo.broadcast_in_dim %ok, dims = [0] : ($BVEC) -> $BCOL
      %ratio = stablehlo.divide %new, %pivots : $COL
      %l = stablehlo.select %oks, %ratio, %new : $BCOL, $COL
      %ls = stablehlo.broadcast_in_dim %l, dims = [0, 1] : ($COL) -> $MAT
      %under = stablehlo.compare GT, %rows, %kk : ($IMAT, $IMAT) -> $BMAT
      %right = stablehlo.compare GT, %cols, %kk : ($IMAT, $IMAT) -> $BMAT
      %here = stablehlo.compare EQ, %cols, %kk : ($IMAT, $IMAT) -> $BMAT
      %in = stablehlo.and %under, %here : $BMAT
      %x3 = stablehlo.select %in, %ls, %x2 : $BMAT, $MAT
      %rest = stablehlo.and %under, %right : $BMAT
      %outer = stablehlo.multiply %ls, %rowps : $MAT
      %less = stablehlo.subtract %x3, %outer : $MAT
      %x4 = stablehlo.select %rest, %less, %x3 : $BMAT, $MAT
      %kp = stablehlo.broadcast_in_dim %k, dims = [] : (tensor<i32>) -> $PIV
      %at = stablehlo.compare EQ, %places, %kp : ($PIV, $PIV) -> $BPIV
      %o = stablehlo.broadcast_in_dim %k1, dims = [] : (tensor<i32>) -> $IVEC
      %p1 = stablehlo.add %best#1, %o : $IVEC
      %ps = stablehlo.broadcast_in_dim %p1, dims = [0] : ($IVEC) -> $PIV
      %piv1 = stablehlo.select %at, %ps, %piv : $BPIV, $PIV
      %next = stablehlo.add %k, %k1 : tensor<i32>
      %nexts = stablehlo.broadcast_in_dim %next, dims = [] : (tensor<i32>) -> $IVEC
      %none = stablehlo.compare EQ, %info, %i0 : ($IVEC, $IVEC) -> $BVEC
      %fail = stablehlo.not %ok : $BVEC
      %now = stablehlo.and %none, %fail : $BVEC
      %info1 = stablehlo.select %now, %nexts, %info : $BVEC, $IVEC
      stablehlo.return %next, %x4, %piv1, %info1 : tensor<i32>, $MAT, $PIV, $IVEC
    }
  return %s#1, %s#2, %s#3 : $MAT, $PIV, $IVEC
}"""
)

# Householder: beta = -sign(re alpha) |x|, tau = (beta - alpha) / beta, v = x / (alpha - beta)
# with v_k = 1, and the rest of the matrix becomes A - conj(tau) v (v^H A) (LAPACK, xLARFG).
_QR = (
    """func.func public @main(%a: $MAT) -> ($MAT, $TAU) {
"""
    + _COMMON
    + """  %places = stablehlo.iota dim = 1 : $ITAU
  %one = stablehlo.constant dense<$ONE> : $S
  %t0 = stablehlo.constant dense<$ZERO> : $TAU
  %rzero = stablehlo.constant dense<0.0> : $R
  %s:3 = stablehlo.while(%k = %k0, %x = %a, %taus = %t0) : tensor<i32>, $MAT, $TAU
    cond {
      %c = stablehlo.compare LT, %k, %end : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %c : tensor<i1>
    } do {
      %col3 = stablehlo.dynamic_slice %x, %k0, %k0, %k, sizes = [$SIZE, $M, 1]
        : ($MAT, tensor<i32>, tensor<i32>, tensor<i32>) -> $COL3
      %col = stablehlo.reshape %col3 : ($COL3) -> $COL
      %kcol = stablehlo.broadcast_in_dim %k, dims = [] : (tensor<i32>) -> $ICOL
      %zcol = stablehlo.broadcast_in_dim %zero, dims = [] : ($S) -> $COL
      %below = stablehlo.compare GT, %row, %kcol : ($ICOL, $ICOL) -> $BCOL
      %at = stablehlo.compare EQ, %row, %kcol : ($ICOL, $ICOL) -> $BCOL
      %tail = stablehlo.select %below, %col, %zcol : $BCOL, $COL
      %head = stablehlo.select %at, %col, %zcol : $BCOL, $COL
      %alpha = stablehlo.reduce(%head init: %zero) applies stablehlo.add across dimensions = [1]
        : ($COL, $S) -> $VEC
      %size = stablehlo.abs %tail : ($COL) -> $RCOL
      %sq = stablehlo.multiply %size, %size : $RCOL
      %sum = stablehlo.reduce(%sq init: %rzero) applies stablehlo.add across dimensions = [1]
        : ($RCOL, $R) -> $RVEC
      %are = stablehlo.real %alpha : ($VEC) -> $RVEC
      %aim = stablehlo.imag %alpha : ($VEC) -> $RVEC
      %mag = stablehlo.abs %alpha : ($VEC) -> $RVEC
      %mag2 = stablehlo.multiply %mag, %mag : $RVEC
      %all = stablehlo.add %mag2, %sum : $RVEC
      %norm = stablehlo.sqrt %all : $RVEC
      %rz = stablehlo.broadcast_in_dim %rzero, dims = [] : ($R) -> $RVEC
      %neg = stablehlo.negate %norm : $RVEC
      %isneg = stablehlo.compare LT, %are, %rz : ($RVEC, $RVEC) -> $BVEC
      %rbeta = stablehlo.select %isneg, %norm, %neg : $BVEC, $RVEC
      %nt = stablehlo.compare EQ, %sum, %rz : ($RVEC, $RVEC) -> $BVEC
      %ni = stablehlo.compare EQ, %aim, %rz : ($RVEC, $RVEC) -> $BVEC
      %done = stablehlo.and %nt, %ni : $BVEC
      %sbeta = stablehlo.convert %rbeta : ($RVEC) -> $VEC
      %beta = stablehlo.select %done, %alpha, %sbeta : $BVEC, $VEC
      %diff = stablehlo.subtract %beta, %alpha : $VEC
      %tau0 = stablehlo.divide %diff, %beta : $VEC
      %zv = stablehlo.broadcast_in_dim %zero, dims = [] : ($S) -> $VEC
      %tau = stablehlo.select %done, %zv, %tau0 : $BVEC, $VEC
      %scale = stablehlo.subtract %alpha, %beta : $VEC
      %ov = stablehlo.broadcast_in_dim %one, dims = [] : ($S) -> $VEC
      %scale1 = stablehlo.select %done, %ov, %scale : $BVEC, $VEC
      %scales = stablehlo.broadcast_in_dim %scale1, dims = [0] : ($VEC) -> $COL
      %v0 = stablehlo.divide %tail, %scales : $COL
      %ocol = stablehlo.broadcast_in_dim %one, dims = [] : ($S) -> $COL
      %v = stablehlo.select %at, %ocol, %v0 : $BCOL, $COL
      %vc = CONJ(%v, $COL)
      %tauc = CONJ(%tau, $VEC)
      %w0 = stablehlo.dot_general %vc, %x, batching_dims = [0] x [0], contracting_dims = [1] x [1]
        : ($COL, $MAT) -> $ROW
      %tauw = stablehlo.broadcast_in_dim %tauc, dims = [0] : ($VEC) -> $ROW
      %w = stablehlo.multiply %w0, %tauw : $ROW
      %vs = stablehlo.broadcast_in_dim %v, dims = [0, 1] : ($COL) -> $MAT
      %ws = stablehlo.broadcast_in_dim %w, dims = [0, 2] : ($ROW) -> $MAT
      %outer = stablehlo.multiply %vs, %ws : $MAT
      %less = stablehlo.subtract %x, %outer : $MAT
      %kk = stablehlo.broadcast_in_dim %k, dims = [] : (tensor<i32>) -> $IMAT
      %right = stablehlo.compare GT, %cols, %kk : ($IMAT, $IMAT) -> $BMAT
      %x1 = stablehlo.select %right, %less, %x : $BMAT, $MAT
      %here = stablehlo.compare EQ, %cols, %kk : ($IMAT, $IMAT) -> $BMAT
      %under = stablehlo.compare GT, %rows, %kk : ($IMAT, $IMAT) -> $BMAT
      %level = stablehlo.compare EQ, %rows, %kk : ($IMAT, $IMAT) -> $BMAT
      %iv = stablehlo.and %here, %under : $BMAT
      %ib = stablehlo.and %here, %level : $BMAT
      %betas = stablehlo.broadcast_in_dim %beta, dims = [0] : ($VEC) -> $MAT
      %x2 = stablehlo.select %iv, %vs, %x1 : $BMAT, $MAT
      %x3 = stablehlo.select %ib, %betas, %x2 : $BMAT, $MAT
      %kt = stablehlo.broadcast_in_dim %k, dims = [] : (tensor<i32>) -> $ITAU
      %place = stablehlo.compare EQ, %places, %kt : ($ITAU, $ITAU) -> $BTAU
      %taut = stablehlo.broadcast_in_dim %tau, dims = [0] : ($VEC) -> $TAU
      %taus1 = stablehlo.select %place, %taut, %taus : $BTAU, $TAU
      %next = stablehlo.add %k, %k1 : tensor<i32>
      stablehlo.return %next, %x3, %taus1 : tensor<i32>, $MAT, $TAU
    }
  return %s#1, %s#2 : $MAT, $TAU
}"""
)

# Q = H_1 ... H_k applied to the first columns of the identity, last reflection first.
_Q = (
    """func.func public @main(%a: $MAT, %taus: $TAU) -> $MAT {
"""
    + _COMMON
    + """  %one = stablehlo.constant dense<$ONE> : $S
  %eye = stablehlo.compare EQ, %rows, %cols : ($IMAT, $IMAT) -> $BMAT
  %ones = stablehlo.broadcast_in_dim %one, dims = [] : ($S) -> $MAT
  %zeros = stablehlo.broadcast_in_dim %zero, dims = [] : ($S) -> $MAT
  %q0 = stablehlo.select %eye, %ones, %zeros : $BMAT, $MAT
  %last = stablehlo.subtract %end, %k1 : tensor<i32>
  %s:2 = stablehlo.while(%k = %last, %q = %q0) : tensor<i32>, $MAT
    cond {
      %c = stablehlo.compare GE, %k, %k0 : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %c : tensor<i1>
    } do {
      %col3 = stablehlo.dynamic_slice %a, %k0, %k0, %k, sizes = [$SIZE, $M, 1]
        : ($MAT, tensor<i32>, tensor<i32>, tensor<i32>) -> $COL3
      %col = stablehlo.reshape %col3 : ($COL3) -> $COL
      %kcol = stablehlo.broadcast_in_dim %k, dims = [] : (tensor<i32>) -> $ICOL
      %zcol = stablehlo.broadcast_in_dim %zero, dims = [] : ($S) -> $COL
      %ocol = stablehlo.broadcast_in_dim %one, dims = [] : ($S) -> $COL
      %below = stablehlo.compare GT, %row, %kcol : ($ICOL, $ICOL) -> $BCOL
      %at = stablehlo.compare EQ, %row, %kcol : ($ICOL, $ICOL) -> $BCOL
      %tail = stablehlo.select %below, %col, %zcol : $BCOL, $COL
      %v = stablehlo.select %at, %ocol, %tail : $BCOL, $COL
      %tau1 = stablehlo.dynamic_slice %taus, %k0, %k, sizes = [$SIZE, 1]
        : ($TAU, tensor<i32>, tensor<i32>) -> $VEC1
      %tau = stablehlo.reshape %tau1 : ($VEC1) -> $VEC
      %vc = CONJ(%v, $COL)
      %w0 = stablehlo.dot_general %vc, %q, batching_dims = [0] x [0], contracting_dims = [1] x [1]
        : ($COL, $MAT) -> $ROW
      %tauw = stablehlo.broadcast_in_dim %tau, dims = [0] : ($VEC) -> $ROW
      %w = stablehlo.multiply %w0, %tauw : $ROW
      %vs = stablehlo.broadcast_in_dim %v, dims = [0, 1] : ($COL) -> $MAT
      %ws = stablehlo.broadcast_in_dim %w, dims = [0, 2] : ($ROW) -> $MAT
      %outer = stablehlo.multiply %vs, %ws : $MAT
      %less = stablehlo.subtract %q, %outer : $MAT
      %next = stablehlo.subtract %k, %k1 : tensor<i32>
      stablehlo.return %next, %less : tensor<i32>, $MAT
    }
  return %s#1 : $MAT
}"""
)
