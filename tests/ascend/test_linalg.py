"""Factorisations, triangular systems and Fourier transforms against NumPy and SciPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.linalg import lapack

from ms_func_ascend import UnsupportedOnAscend, from_bytes, simulate, to_bytes, translate
from tests.support.ascend import check, module, one_op, tensor, typed, values

DTYPES = ["float32", "float64", "complex64", "complex128"]
LETTER = {"float32": "s", "float64": "d", "complex64": "c", "complex128": "z"}
TOLERANCE = {"float32": 2e-4, "float64": 1e-10, "complex64": 2e-4, "complex128": 1e-10}


def positive(dtype: str, *lead: int, n: int = 5) -> np.ndarray:
    """Hermitian positive definite matrices."""
    x = values(dtype, (*lead, n, n), 1, special=False)
    return (x @ np.conj(np.swapaxes(x, -1, -2)) + 3 * np.eye(n)).astype(dtype)


def run(text: str, *arguments: np.ndarray) -> list[np.ndarray]:
    return simulate(from_bytes(to_bytes(translate(text))), list(arguments))


def call(
    name: str, operands: Sequence[np.ndarray], results: Sequence[tuple[Sequence[int], str]],
    options: str = "",
) -> list[np.ndarray]:  # fmt: skip
    """A LAPACK driver, called as front ends call it on a CPU."""
    target = f"lapack_{LETTER[operands[0].dtype.name]}{name}_ffi"
    kinds = [tensor(shape, dtype) for shape, dtype in results]
    names = ", ".join(f"%arg{k}" for k in range(len(operands)))
    head = f"%r:{len(kinds)}" if len(kinds) > 1 else "%r"
    body = (
        f"  {head} = stablehlo.custom_call @{target}({names}) "
        f"{{api_version = 4 : i32, backend_config = {{{options}}}}} : "
        f"({', '.join(map(typed, operands))}) -> "
        f"{'(' if len(kinds) > 1 else ''}{', '.join(kinds)}{')' if len(kinds) > 1 else ''}"
    )
    returned = ", ".join(f"%r#{k}" for k in range(len(kinds))) if len(kinds) > 1 else "%r"
    return run(module(body, list(operands), kinds, returned), *operands)


def close(got: np.ndarray, want: np.ndarray) -> None:
    rtol = TOLERANCE[got.dtype.name]
    np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol)


def each(function: object, *stacks: np.ndarray) -> list[np.ndarray]:
    """A function of matrices over the leading dimension, its results stacked."""
    rows = [function(*matrices) for matrices in zip(*stacks, strict=True)]  # type: ignore[operator]
    return [np.stack(parts) for parts in zip(*rows, strict=True)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lower", [True, False])
def test_cholesky_reads_one_triangle(dtype: str, lower: bool) -> None:
    a = positive(dtype, 2)
    given = np.tril(a) if lower else np.triu(a)
    given += np.triu(np.full_like(a, 7), 1) if lower else np.tril(np.full_like(a, 7), -1)
    text = f"stablehlo.cholesky %arg0, lower = {str(lower).lower()} : {typed(a)}"
    (got,) = run(one_op(text, [given], typed(a)), given)
    want = np.linalg.cholesky(a)
    close(got, want if lower else np.conj(np.swapaxes(want, -1, -2)))
    packed, info = call("potrf", [given], [(a.shape, dtype), ((2,), "int32")],
                        f"uplo = {76 if lower else 85} : ui8")  # fmt: skip
    close(np.tril(packed) if lower else np.triu(packed), got)
    assert (info == 0).all()


def test_a_matrix_that_is_not_positive_gives_nan_and_says_so() -> None:
    a = -np.eye(3, dtype=np.float32)
    text = f"stablehlo.cholesky %arg0, lower = true : {typed(a)}"
    assert np.isnan(np.diagonal(run(one_op(text, [a], typed(a)), a)[0])).all()
    _, info = call("potrf", [a], [(a.shape, "float32"), ((), "int32")], "uplo = 76 : ui8")
    assert info != 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("how", ["NO_TRANSPOSE", "TRANSPOSE", "ADJOINT"])
def test_triangular_systems(dtype: str, left: bool, lower: bool, how: str) -> None:
    for unit in (False, True):
        a = values(dtype, (2, 4, 4), 1, special=False) + 4 * np.eye(4, dtype=dtype)
        b = values(dtype, (2, 4, 3) if left else (2, 3, 4), 2, special=False)
        text = (
            f'"stablehlo.triangular_solve"(%arg0, %arg1) {{left_side = {str(left).lower()}, '
            f"lower = {str(lower).lower()}, unit_diagonal = {str(unit).lower()}, "
            f"transpose_a = #stablehlo<transpose {how}>}} : ({typed(a)}, {typed(b)}) -> {typed(b)}"
        )
        (got,) = run(one_op(text, [a, b], typed(b)), a, b)
        half = np.tril(a) if lower else np.triu(a)
        if unit:
            half = (half * (1 - np.eye(4)) + np.eye(4)).astype(dtype)
        op = half if how == "NO_TRANSPOSE" else np.swapaxes(half, -1, -2)
        op = np.conj(op) if how == "ADJOINT" else op
        close(op @ got if left else got @ op, b)
        options = (
            f"diag = {ord('U' if unit else 'N')} : ui8, side = {ord('L' if left else 'R')} : ui8, "
            f"trans_x = {ord(how[0] if how != 'ADJOINT' else 'C')} : ui8, "
            f"uplo = {ord('L' if lower else 'U')} : ui8"
        )
        close(call("trsm", [a, b], [(b.shape, dtype)], options)[0], got)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(2, 4, 4), (2, 5, 3), (2, 3, 5), (1, 1, 1)])
def test_lu_is_lapacks(dtype: str, shape: tuple[int, ...]) -> None:
    a = values(dtype, shape, 1, special=False)
    k = min(shape[1:])
    lu, pivots, info = call("getrf", [a], [(shape, dtype), ((shape[0], k), "int32"),
                                           ((shape[0],), "int32")])  # fmt: skip
    driver = getattr(lapack, f"{LETTER[dtype]}getrf")
    want_lu, want_pivots, want_info = each(driver, a)
    close(lu, want_lu)
    np.testing.assert_array_equal(pivots, want_pivots + 1)
    np.testing.assert_array_equal(info, want_info)


@pytest.mark.parametrize("shape", [(2, 0, 0), (2, 0, 3), (2, 3, 0)])
def test_factors_of_nothing(shape: tuple[int, ...]) -> None:
    a, taus = np.zeros(shape, np.float32), np.zeros((2, 0), np.float32)
    lu, pivots, info = call("getrf", [a], [(shape, "float32"), ((2, 0), "int32"),
                                           ((2,), "int32")])  # fmt: skip
    assert (lu.shape, pivots.shape, info.tolist()) == (shape, (2, 0), [0, 0])
    (q,) = call("orgqr", [np.zeros((2, 4, 3), np.float32), taus], [((2, 4, 3), "float32")])
    np.testing.assert_array_equal(q, [np.eye(4, 3)] * 2)


def test_lu_of_a_singular_matrix_names_the_pivot() -> None:
    a = np.array([[[1, 2, 3], [2, 4, 6], [0, 0, 5]]], np.float32)
    lu, pivots, info = call("getrf", [a], [((1, 3, 3), "float32"), ((1, 3), "int32"),
                                           ((1,), "int32")])  # fmt: skip
    want_lu, want_pivots, want_info = lapack.sgetrf(a[0])
    close(lu[0], want_lu)
    np.testing.assert_array_equal(pivots[0], want_pivots + 1)
    assert info[0] == want_info != 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "size"),
    [((2, 4, 4), 1), ((2, 5, 3), 1), ((2, 3, 5), 1), ((1, 1, 1), 1), ((1, 4, 3), 1e-23),
     ((1, 4, 3), 1e25)],
)  # fmt: skip
def test_qr_is_lapacks(dtype: str, shape: tuple[int, ...], size: float) -> None:
    a = (values(dtype, shape, 1, special=False) * size).astype(dtype)
    k = min(shape[1:])
    packed, taus = call("geqrf", [a], [(shape, dtype), ((shape[0], k), dtype)])
    driver = getattr(lapack, f"{LETTER[dtype]}geqrf")
    want, want_taus = each(lambda x: driver(x)[:2], a)
    upper = np.where(np.arange(shape[1])[:, None] <= np.arange(shape[2]), size, 1)
    close((packed / upper).astype(dtype), (want / upper).astype(dtype))
    close(taus, want_taus)
    left = np.ascontiguousarray(packed[..., :k])
    name = "orgqr" if dtype[0] == "f" else "ungqr"
    (q,) = call(name, [left, taus], [(left.shape, dtype)])
    close(q @ np.triu((packed / upper).astype(dtype)[:, :k]), (a / size).astype(dtype))
    close(np.conj(np.swapaxes(q, -1, -2)) @ q, np.broadcast_to(np.eye(k), (shape[0], k, k)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_eigenvalues(dtype: str) -> None:
    a = positive(dtype, 2)
    part = dtype if dtype[0] == "f" else {"complex64": "float32", "complex128": "float64"}[dtype]
    name = "syevd" if dtype[0] == "f" else "heevd"
    given = np.tril(a) + np.triu(np.full_like(a, 7), 1)
    vectors, found, info = call(name, [given], [(a.shape, dtype), ((2, 5), part), ((2,), "int32")],
                                "mode = 86 : ui8, uplo = 76 : ui8")  # fmt: skip
    np.testing.assert_allclose(found, np.linalg.eigvalsh(a), rtol=TOLERANCE[dtype])
    residue = a @ vectors - vectors * found[:, None, :]
    np.testing.assert_allclose(residue, np.zeros_like(a), atol=2e-3 if part == "float32" else 1e-9)
    assert (info == 0).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("mode", "full"), [("A", True), ("S", False)])
def test_singular_values(dtype: str, mode: str, full: bool) -> None:
    a = values(dtype, (2, 5, 3), 1, special=False)
    part = dtype if dtype[0] == "f" else {"complex64": "float32", "complex128": "float64"}[dtype]
    m = 5 if full else 3
    _, s, u, vt, info = call(
        "gesdd", [a],
        [(a.shape, dtype), ((2, 3), part), ((2, 5, m), dtype), ((2, 3, 3), dtype),
         ((2,), "int32")],
        f"mode = {ord(mode)} : ui8",
    )  # fmt: skip
    np.testing.assert_allclose(s, np.linalg.svd(a, compute_uv=False), rtol=TOLERANCE[dtype])
    close(((u[..., :3] * s[:, None, :]) @ vt).astype(dtype), a)
    assert (info == 0).all()


def test_an_unknown_driver_is_refused() -> None:
    a = positive("float32")
    wanted = "lapack_sgeev_ffi', eigenvalues of any matrix; fix: eigh"
    with pytest.raises(UnsupportedOnAscend, match=wanted):
        call("geev", [a], [(a.shape, "float32")])


@pytest.mark.parametrize("n", [1, 2, 7, 8, 30, 96, 521])
@pytest.mark.parametrize("kind", ["FFT", "IFFT", "RFFT", "IRFFT"])
def test_fourier_transforms_of_any_length(kind: str, n: int) -> None:
    half = n // 2 + 1
    source = values("float32" if kind == "RFFT" else "complex64",
                    (3, half if kind == "IRFFT" else n), 1, special=False)  # fmt: skip
    out = tensor((3, half if kind == "RFFT" else n), "float32" if kind == "IRFFT" else "complex64")
    text = f"stablehlo.fft %arg0, type = {kind}, length = [{n}] : ({typed(source)}) -> {out}"
    check(one_op(text, [source], out), source, rtol=1e-4)


@pytest.mark.parametrize("kind", ["FFT", "IFFT", "RFFT", "IRFFT"])
def test_fourier_transforms_of_several_dimensions(kind: str) -> None:
    last = 4 if kind == "IRFFT" else 6
    source = values("float32" if kind == "RFFT" else "complex64", (2, 5, last), 1, special=False)
    out = tensor((2, 5, 4 if kind == "RFFT" else 6),
                 "float32" if kind == "IRFFT" else "complex64")  # fmt: skip
    text = f"stablehlo.fft %arg0, type = {kind}, length = [5, 6] : ({typed(source)}) -> {out}"
    check(one_op(text, [source], out), source, rtol=1e-4)
