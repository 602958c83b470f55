"""Every function of the standard against `array-api-strict`: elements, shapes and dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ms_func.numpy as xp
from tests.array_api.calls import CALLS, Draw
from tests.support.numpy_oracle import NARROW, reach

strict = pytest.importorskip("array_api_strict")
pytestmark = pytest.mark.slow

BY_DEFAULT = {
    "zeros", "ones", "full", "full_like", "eye", "arange", "linspace", "sum", "prod", "argmax",
    "cumulative_sum", "cumulative_prod", "argmin", "argsort", "nonzero", "count_nonzero",
    "searchsorted", "unique_all", "unique_counts", "unique_inverse", "linalg.trace",
    "linalg.matrix_rank", "fft.fftfreq", "fft.rfftfreq",
}  # fmt: skip
"""Functions whose results may have a default dtype: 32 bits here, 64 bits there."""
ELSEWHERE = {
    "asarray", "astype", "bool", "broadcast_shapes", "can_cast", "empty", "empty_like", "finfo",
    "from_dlpack", "iinfo", "isdtype", "isin", "result_type", "linalg", "fft", "e", "inf", "nan",
    "newaxis", "pi", "linalg.cholesky", "linalg.eigh", "linalg.qr", "linalg.svd", "linalg.eig",
    "linalg.eigvals", "linalg.matmul", "linalg.matrix_transpose", "linalg.tensordot",
    "linalg.vecdot",
}  # fmt: skip
"""Names with tests of their own, or that are other names of functions in the table."""
CALLS_EACH = 12


def test_the_table_is_complete():
    names = set(strict.__all__) - {n for n in strict.__all__ if n.startswith("_") or "strict" in n}
    for part in ("linalg", "fft"):
        names |= {f"{part}.{n}" for n in getattr(strict, part).__all__}
    dtypes = {n for n in names if hasattr(np, n) and isinstance(getattr(np, n), type)}
    flags = {n for n in names if "Strict" in n or n == "Device"}
    assert names - dtypes - flags - set(CALLS) - ELSEWHERE == set()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", CALLS)
def test_both_give_the_same(name):
    done = 0
    for seed in range(CALLS_EACH):
        args, options = CALLS[name](Draw(seed))
        try:
            want = _run(strict, name, args, options)
        except TypeError:  # dtypes that the standard does not combine
            continue
        _same(_run(xp, name, args, options), want, name, (args, options))
        done += 1
    assert done > 2


def _run(module: Any, name: str, args: list[Any], options: dict[str, Any]) -> Any:
    def given(x: Any) -> Any:
        if isinstance(x, list):
            return [given(v) for v in x]
        return module.asarray(x) if isinstance(x, np.ndarray) else x

    named = {k: getattr(module, v) if k == "dtype" else v for k, v in options.items()}
    return reach(module, name)(*[given(a) for a in args], **named)


def _same(got: Any, want: Any, name: str, call: Any) -> None:
    if isinstance(want, (tuple, list)):
        assert len(got) == len(want), call
        for g, w in zip(got, want, strict=True):
            _same(g, w, name, call)
        return
    value, expected = np.asarray(got), np.asarray(want._array)
    assert value.shape == expected.shape, call
    if value.dtype != expected.dtype:
        assert name in BY_DEFAULT, (value.dtype, expected.dtype, call)
        assert NARROW[expected.dtype] == value.dtype, call
    expected = expected.astype(value.dtype)
    if value.dtype.kind in "biu":
        np.testing.assert_array_equal(value, expected, str(call))
        return
    eps = float(np.finfo(value.dtype).eps)
    size = float(np.max(np.abs(expected), initial=1, where=np.isfinite(expected)))
    tolerance = eps * (1e4 if name.startswith("linalg.") else 300)
    np.testing.assert_allclose(value, expected, tolerance, tolerance * size, err_msg=str(call))
