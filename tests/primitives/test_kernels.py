"""Kernels of linear algebra that programs for CUDA call; `tests/device` runs them.

Names, options and orders of memory are those that the kernels of jaxlib's CUDA plugin take.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import lax
from ms_func.errors import UnsupportedError
from ms_func.ir.types import ArrayType
from ms_func.lowering.lower import lower_function
from ms_func.tracing.tracer import build
from tests.cases.primitives import PRIMITIVES

COLUMNS, ROWS = "[1, 2, 0]", "[2, 1, 0]"
SQUARE, TALL, WIDE, VECTOR = (5, 4, 4), (5, 4, 3), (5, 3, 4), (5, 4)
KERNELS = [
    # primitive, its parameters, operands, kernel, options, order of the matrices
    ("cholesky", {}, [SQUARE], "cusolver_potrf_ffi", "lower = true", COLUMNS),
    ("lu", {}, [TALL], "cusolver_getrf_ffi", "", COLUMNS),
    ("geqrf", {}, [TALL], "cusolver_geqrf_ffi", "", COLUMNS),
    ("qr", {"full_matrices": False}, [TALL], "cusolver_orgqr_ffi", "", COLUMNS),
    ("eigh", {"lower": False}, [SQUARE], "cusolver_syevd_ffi", "algorithm = 0 : ui8, lower = false",
     COLUMNS),
    ("tridiagonal", {"lower": True}, [SQUARE], "cusolver_sytrd_ffi", "lower = true", COLUMNS),
    ("tridiagonal_solve", {}, [VECTOR] * 3 + [TALL], "cusparse_gtsv2_ffi", "", COLUMNS),
    ("svd", {"full_matrices": False, "compute_uv": True}, [WIDE], "cusolver_gesvdj_ffi",
     "compute_uv = true, full_matrices = true", COLUMNS),
    ("svd", {"full_matrices": True, "compute_uv": True}, [(2, 1030, 3)], "cusolver_gesvd_ffi",
     "compute_uv = true, full_matrices = true, transposed = false", COLUMNS),
    ("svd", {"full_matrices": False, "compute_uv": False}, [(2, 3, 1030)], "cusolver_gesvd_ffi",
     "compute_uv = false, full_matrices = false, transposed = true", ROWS),
]  # fmt: skip


def lowered(name, params, shapes, dtype, platform="cuda"):
    types = [ArrayType(s, np.dtype(dtype)) for s in shapes]

    def f(*args):
        found = PRIMITIVES[name].bind(*args, **params)
        return found if PRIMITIVES[name].multiple_results else [found]

    return str(lower_function(build("f", types, f), platform=platform))


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
@pytest.mark.parametrize(("name", "params", "shapes", "kernel", "options", "order"), KERNELS)
def test_programs_for_cuda_call_its_kernels(name, params, shapes, kernel, options, order, dtype):
    text = lowered(name, params, shapes, dtype)
    (call,) = [line for line in text.splitlines() if f"@{kernel}(" in line]
    assert f"backend_config = {{{options}}}" in call
    first = re.search(r"result_layouts = \[dense<(\[[\d, ]*\])>", call)
    assert first[1] == order
    assert "lapack" not in text


def test_the_order_of_rows_is_found_by_a_kernel():
    text = lowered("lu", {}, [TALL], "float32")
    (call,) = [line for line in text.splitlines() if "@cu_lu_pivots_to_permutation(" in line]
    assert "tensor<5x3xi32>) -> tensor<5x4xi32>" in call
    assert "stablehlo.while" not in text


@pytest.mark.parametrize(("dtype", "kernel"), [("float32", "real"), ("complex128", "comp")])
def test_general_eigenvalues_are_found_by_a_hybrid_kernel(dtype, kernel):
    text = lowered("eig", {"vectors": True, "left": False}, [SQUARE], dtype)
    (call,) = [line for line in text.splitlines() if f"@cuhybrid_eig_{kernel}(" in line]
    assert 'backend_config = {left = false, magma = "auto", right = true}' in call


def test_pivots_are_found_by_a_hybrid_kernel():
    text = lowered("qr_pivots", {}, [SQUARE], "float32")
    (call,) = [line for line in text.splitlines() if "@cuhybrid_geqp3(" in line]
    assert 'backend_config = {magma = "auto"}' in call


@pytest.mark.parametrize("name", ["schur", "hessenberg"])
def test_what_cuda_has_no_kernel_for_is_refused(name):
    params = {"schur": {"vectors": True}}.get(name, {})
    with pytest.raises(UnsupportedError, match=f"`{name}` does not run on cuda"):
        lowered(name, params, [SQUARE], "float32")


def test_a_small_tridiagonal_system_is_filled_up_to_three_equations():
    text = lowered("tridiagonal_solve", {}, [(5, 1)] * 3 + [(5, 1, 2)], "float32")
    assert "tensor<5x3x2xf32>) -> tensor<5x3x2xf32>" in text
    assert text.count("stablehlo.pad") == 4


def test_a_gradient_of_singular_values_decomposes_once():
    f = ms.jit(ms.value_and_grad(lambda a: mnp.linalg.svdvals(a).sum()))
    assert f.lower(np.ones((4, 3), np.float32)).as_text().count("gesdd") == 1


def for_cuda(f, *args):
    return ms.jit(f).trace(*args).lower(lowering_platforms=("cuda",)).as_text()


def test_complex_convolutions_are_four_real_ones():
    x = np.ones((1, 1, 8), np.complex64)
    text = for_cuda(lambda x: lax.conv(x, x[..., :3], (1,), "SAME"), x)
    assert len(re.findall(r"stablehlo.convolution.*-> tensor<1x1x8xf32>", text)) == 4


def test_convolutions_of_integers_are_products():
    x = np.ones((1, 1, 8), np.int32)
    text = for_cuda(lambda x: lax.conv(x, x[..., :3], (1,), "SAME"), x)
    assert "stablehlo.convolution" not in text
    assert text.count("stablehlo.dot_general") == 1


@pytest.mark.parametrize(("terms", "dtype"), [(3, "f32"), (2001, "f64"), (8, "i8")])
def test_products_of_bytes_that_xla_doubles_are_taken_in_floats(terms, dtype):
    x = np.ones((8, terms), np.int8)
    text = for_cuda(lambda x, y: lax.dot(x, y, preferred_element_type=np.int32), x, x.T)
    assert re.search(rf"stablehlo.dot_general.*<8x{terms}x{dtype}>", text)
    assert re.search("return.*<8x8xi32>", text)


def test_sums_of_windows_of_short_floats_are_taken_in_float32():
    x = np.ones(640, np.float16)
    text = for_cuda(
        lambda x: lax.reduce_window(x, np.float16(0), lax.add, (64,), (64,), "VALID"), x
    )
    assert re.search(r"stablehlo.add .* : tensor<f32>", text)
    assert "-> tensor<10xf16>" in text
