"""Comparison of trees, for tests of libraries; checks of derivatives are those of `test_util`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func import tree
from ms_func.testing import check_grads, check_jvp, check_vjp

__all__ = ["check_close", "check_grads", "check_jvp", "check_vjp"]

_TOLERANCES = {"float16": 1e-3, "float32": 1e-6, "float64": 1e-15, "complex64": 1e-6,
               "complex128": 1e-15, "bfloat16": 1e-2}  # fmt: skip
"""Of dtypes; those of a shorter float are 0.1, and others are compared exactly."""


def check_close(xs: Any, ys: Any, atol: Any = None, rtol: Any = None, err_msg: str = "") -> None:
    """See that two trees hold nearly the same arrays.

    Args:
        xs: tree of arrays.
        ys: another.
        atol: absolute tolerance for each element of an array, which an array of n elements has n
            times: a number, or numbers by dtype; by default one of the dtype.
        rtol: the same, relative to `ys`.
        err_msg: text for the error.

    Raises:
        AssertionError: they differ, in shape or values.
    """
    tree.map(lambda x, y: _check(np.asarray(x), np.asarray(y), atol, rtol, err_msg), xs, ys)


def _check(x: np.ndarray, y: np.ndarray, atol: Any, rtol: Any, err_msg: str) -> None:
    assert x.shape == y.shape, f"shapes {x.shape} and {y.shape} differ {err_msg}"
    atol, rtol = (x.size * max(_tolerance(a.dtype, t) for a in (x, y)) for t in (atol, rtol))
    np.testing.assert_allclose(_wide(x), _wide(y), rtol, atol, err_msg=err_msg)


def _tolerance(dtype: np.dtype[Any], given: Any) -> float:
    if given is not None and not isinstance(given, dict):
        return given
    usual = _TOLERANCES.get(dtype.name, 0.1 if "float" in dtype.name else 0.0)
    return {np.dtype(k): v for k, v in (given or {}).items()}.get(dtype, usual)


def _wide(x: np.ndarray) -> np.ndarray:
    """Elements of short types of `ml_dtypes` at a dtype that NumPy compares."""
    return x.astype(np.float64) if x.dtype.kind == "V" else x
