"""Every function of the table against NumPy, and the derivatives of the smooth ones."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any, cast

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ms_func as ms
from ms_func.test_util import check_grads
from tests.numpy.table import NOT_COMPARED, TABLE, Draw, Entry
from tests.support.numpy_oracle import NARROW, reach

FEW, MANY = 4, 60
SEEDS = st.integers(0, 2**32 - 1)


def test_the_table_is_complete():
    names = set(ms.numpy.__all__)
    for part in ("linalg", "fft"):
        names |= {f"{part}.{n}" for n in getattr(ms.numpy, part).__all__}
    assert names - set(TABLE) - NOT_COMPARED == set()
    assert set(TABLE) <= names


@pytest.mark.parametrize("name", TABLE)
def test_numpy_gives_the_same(name):
    _compare(name, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLE)
def test_numpy_gives_the_same_on_many_operands(name):
    _compare(name, MANY)


def _compare(name: str, examples: int) -> None:
    entry = TABLE[name]

    @settings(max_examples=examples)
    @given(SEEDS, st.sampled_from(entry.dtypes))
    def run(seed: int, dtype: str) -> None:
        draw = Draw(seed, dtype, entry.special, entry.domain)
        args, options = _split(entry.make(draw))
        want = _numpy(name, entry, args, options)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            got = reach(ms.numpy, name)(*_ours(args), **options, **_functional(name))
        got, want = entry.alike(got), entry.alike(want)
        _same(got, want, entry, draw.dtype, f"{name}{args}{options}")

    run()


def _split(made: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if len(made) == 2 and isinstance(made[1], dict):
        return made
    return tuple(made), {}


def _functional(name: str) -> dict[str, Any]:
    """What functions that write in place need here."""
    return {"inplace": False} if name in ("put", "place", "fill_diagonal", "put_along_axis") else {}


def _ours(args: Any) -> Any:
    """The arguments with NumPy's function replaced by ours of that name."""
    return tuple(getattr(ms.numpy, a.__name__) if callable(a) else a for a in args)


def _numpy(name: str, entry: Entry, args: Any, options: dict[str, Any]) -> Any:
    """NumPy's answer; where it writes in place, what it wrote to."""
    args = tuple(a.copy() if isinstance(a, np.ndarray) else a for a in args)
    if entry.wide:
        args = tuple(_widened(a) for a in args)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        out = reach(np, name)(*args, **options)
    return args[0] if _functional(name) else out


def _widened(x: Any) -> Any:
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "fc":
        return x
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


def _same(got: Any, want: Any, entry: Entry, dtype: np.dtype, message: str) -> None:
    if isinstance(want, (tuple, list)) and not (want and isinstance(want[0], (int, np.integer))):
        assert len(got) == len(want), message
        for g, w in zip(got, want, strict=True):
            _same(g, w, entry, dtype, message)
        return
    value, want = cast("tuple[Any, Any]", (np.asarray(got), np.asarray(want)))
    assert value.shape == want.shape, message
    kind = want.dtype.kind
    assert value.dtype.kind in ("iuV" if kind in "iu" else f"{kind}V"), message
    if kind in "biu":
        np.testing.assert_array_equal(value, want.astype(value.dtype), message)
        return
    if dtype.itemsize == 8 and dtype.kind in "fi" and not entry.wide:
        assert value.dtype in (want.dtype, NARROW.get(want.dtype)), message
    with np.errstate(all="ignore"):
        want = want.astype(value.dtype)  # the rounding is allowed, and so is overflow by it
    eps = float(ml_dtypes.finfo(value.dtype).eps)
    if kind == "c":
        parts = replace(entry, tol=max(entry.tol, 65), wide=True)  # as exact as the larger of both
        _same((value.real, value.imag), (want.real, want.imag), parts, dtype, message)
        return
    finite = np.abs(want[np.isfinite(want)]).astype(np.float64)
    scale = float(finite.max(initial=0)) if entry.tol > 64 else 0.0
    np.testing.assert_allclose(
        value.astype(np.float64), want.astype(np.float64), rtol=entry.tol * eps,
        atol=entry.tol * eps * (scale + 1), err_msg=message,
    )  # fmt: skip
    if entry.signs and want.dtype.kind == "f":
        zero = (want == 0) & (value == 0)
        np.testing.assert_array_equal(np.signbit(value)[zero], np.signbit(want)[zero], message)


# --- derivatives ------------------------------------------------------------------------------

SMOOTH = [name for name, entry in TABLE.items() if entry.smooth]


@pytest.mark.slow
@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_to_second_order(name):
    _check_derivatives(name, 2)


@pytest.mark.parametrize("name", SMOOTH[::9])
def test_derivatives(name):
    _check_derivatives(name, 1)


def _check_derivatives(name: str, order: int) -> None:
    """By finite differences, in both modes and their nestings, in double precision."""
    entry = TABLE[name]
    draw = Draw(1, "float64", False, entry.domain)
    args, options = _split(entry.make(draw))
    while any(isinstance(a, np.ndarray) and not a.size for a in args):
        args, options = _split(entry.make(draw))
    places = [i for i, a in enumerate(args) if isinstance(a, np.ndarray) and a.dtype.kind == "f"]

    def run(*arrays: Any) -> Any:
        full = list(args)
        for i, a in zip(places, arrays, strict=True):
            full[i] = a
        out = reach(ms.numpy, name)(*full, **options)
        return [o for o in ms.tree.leaves(out) if o.dtype.kind in "fc"]

    arrays = tuple(args[i] for i in places)
    check_grads(lambda *v: _parts(run(*v)), arrays, order, atol=1e-4, rtol=1e-4)


def _parts(outs: Any) -> Any:
    """Real and imaginary parts of results."""
    np_ = ms.numpy
    return [p for o in outs for p in ((np_.real(o), np_.imag(o)) if o.dtype.kind == "c" else (o,))]
