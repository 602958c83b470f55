"""Comparing functions of the array library with NumPy's of the same name."""

from __future__ import annotations

from typing import Any

import numpy as np

import ms_func as ms

TOLERANCE = {np.dtype(np.float16): 5e-3, np.dtype(np.float32): 2e-5, np.dtype(np.complex64): 4e-5}
NARROW = {
    np.dtype(np.float64): np.dtype(np.float32),
    np.dtype(np.int64): np.dtype(np.int32),
    np.dtype(np.uint64): np.dtype(np.uint32),
    np.dtype(np.complex128): np.dtype(np.complex64),
}
"""Where NumPy widens to 64 bits on its own account, the library stays at 32."""


def same(got: Any, want: Any, tol: float | None = None) -> None:
    """One structure of arrays, with equal shapes and (close) elements."""
    if isinstance(want, (tuple, list)):
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            same(g, w, tol)
        return
    want = np.asarray(want)
    assert isinstance(got, ms.Array), f"{type(got).__name__} is no array"
    value = np.asarray(got)
    assert value.shape == want.shape
    kinds = {"b": "b", "i": "iu", "u": "iu", "f": "f", "c": "c"}
    assert value.dtype.kind in kinds.get(want.dtype.kind, "V"), (value.dtype, want.dtype)
    if value.dtype.kind in "bi":
        np.testing.assert_array_equal(value, want)
        return
    tol = tol or TOLERANCE.get(value.dtype, 1e-12)
    wide = np.complex128 if value.dtype.kind == "c" else np.float64
    np.testing.assert_allclose(value.astype(wide), want.astype(wide), rtol=tol, atol=tol)


def both(name: str, *args: Any, tol: float | None = None, **options: Any) -> None:
    """`name` of the library, eagerly and compiled, agrees with NumPy."""
    same(reach(ms.numpy, name)(*args, **options), reach(np, name)(*args, **options), tol)
    compiled(name, *args, tol=tol, **options)


def compiled(name: str, *args: Any, tol: float | None = None, **options: Any) -> None:
    """`name` of the library under `jit` agrees with NumPy."""
    want = reach(np, name)(*args, **options)
    function = reach(ms.numpy, name)
    places = [i for i, a in enumerate(args) if isinstance(a, np.ndarray)]

    def run(*arrays: Any) -> Any:
        full = list(args)
        for i, a in zip(places, arrays, strict=True):
            full[i] = a
        return function(*full, **options)

    same(ms.jit(run)(*(args[i] for i in places)), want, tol)


def reach(module: Any, name: str) -> Any:
    """Function of a dotted name."""
    for part in name.split("."):
        module = getattr(module, part)
    return module


def sample(dtype: Any, *shape: int, seed: int = 0, low: float = -3, high: float = 3) -> np.ndarray:
    """Random numbers of any dtype."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        return rng.integers(0 if dtype.kind == "u" else int(low), int(high) + 1, shape).astype(
            dtype
        )
    found = rng.uniform(low, high, shape)
    if dtype.kind == "c":
        found = found + 1j * rng.uniform(low, high, shape)
    return found.astype(dtype)
