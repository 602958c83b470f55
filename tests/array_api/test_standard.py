"""The array API standard 2024.12: dtypes, errors, inspection, exchange, the protocol of arrays.

Where a rule has a number it is written beside the test's name; the second implementation is NumPy,
or Python's own arithmetic of scalars, as in the standard's conformance suite.
"""

from __future__ import annotations

import itertools
import math
import operator
import pickle

import numpy as np
import pytest

import ms_func.numpy as xp

NAMES = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
         "float32", "float64", "complex64", "complex128")  # fmt: skip
KIND = {n: np.dtype(n).kind for n in NAMES}
SCALARS = {"b": [True], "i": [1, -3], "u": [1, 2], "f": [1, 2.5], "c": [1, 2.5, 1j]}


def dtype(name):
    return getattr(xp, name)


# --- dtypes and their promotion ------------------------------------------------------------------


def test_dtypes_are_equal_to_themselves_only():
    for a, b in itertools.product(NAMES, NAMES):
        assert (dtype(a) == dtype(b)) == (a == b)
        assert xp.zeros(2, dtype=dtype(a)).dtype == dtype(a)


def _promotes(a, b):
    """Whether the standard says what the two promote to."""
    ka, kb = KIND[a], KIND[b]
    same = (ka in "fc") == (kb in "fc") and (ka == "b") == (kb == "b")
    return same and not ("uint64" in (a, b) and "i" in (ka, kb))


PAIRS = [p for p in itertools.product(NAMES, NAMES) if _promotes(*p)]


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_promotion_follows_the_tables_whatever_the_rank(a, b):
    want = np.promote_types(a, b).name
    assert xp.result_type(dtype(a), dtype(b)) == want
    assert (xp.ones(2, dtype=dtype(a)) * xp.ones((), dtype=dtype(b))).dtype == want
    assert xp.concat([xp.ones(1, dtype=dtype(a)), xp.ones(1, dtype=dtype(b))]).dtype == want


OPERATORS = {"add": "iufc", "sub": "iufc", "mul": "iufc", "truediv": "fc", "pow": "iufc",
             "mod": "iuf", "floordiv": "iuf", "lt": "iuf", "eq": "biufc", "and_": "biu",
             "lshift": "iu"}  # fmt: skip


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("kind", NAMES)
def test_python_scalars_take_the_dtype_of_the_array(name, kind):
    if KIND[kind] not in OPERATORS[name]:
        return
    x, function = xp.ones(2, dtype=dtype(kind)), getattr(operator, name)
    for s in SCALARS[KIND[kind]]:
        if name in ("pow", "lshift") and KIND[kind] in "iu" and s < 0:
            continue
        for out in (function(x, s), function(s, x)):
            assert out.dtype == ("bool" if name in ("lt", "eq") else kind)


@pytest.mark.parametrize("kind", [n for n in NAMES if KIND[n] in "iu"])
def test_scalars_that_do_not_fit_are_refused(kind):
    x, info = xp.ones(2, dtype=dtype(kind)), np.iinfo(kind)
    assert int((x + (int(info.max) - 1))[0]) == info.max
    for value in (int(info.max) + 1, int(info.min) - 1):
        with pytest.raises(OverflowError):
            x + value
        with pytest.raises(OverflowError):
            xp.asarray(value, dtype=dtype(kind))


def test_sums_widen_to_the_default_integer():
    for name in NAMES:
        kind = KIND[name]
        if kind == "b":
            continue
        want = {"i": "int64" if name == "int64" else "int32",
                "u": "uint64" if name == "uint64" else "uint32"}.get(kind, name)  # fmt: skip
        x = xp.ones((2, 2), dtype=dtype(name))
        for f in (xp.sum, xp.prod, xp.linalg.trace):
            assert f(x).dtype == want
        assert xp.cumulative_sum(x, axis=0).dtype == want
        assert xp.sum(x, dtype=xp.float64).dtype == "float64"
        if kind == "f":
            assert xp.mean(x).dtype == xp.std(x).dtype == name


@pytest.mark.parametrize("name", NAMES)
def test_asarray_gives_the_dtype_asked_for(name):
    for x in (xp.ones(2, dtype=xp.int8), xp.asarray(1.0), [1, 0], np.ones(2)):
        for make in (xp.asarray, xp.array):
            out = make(x, dtype=dtype(name))
            assert out.dtype == name
            assert not out.weak_type


def test_limits_are_numbers_of_python():
    for name in ("float32", "float64", "complex64", "complex128"):
        got, want = xp.finfo(dtype(name)), np.finfo(name)
        for limit in ("eps", "max", "min", "smallest_normal"):
            assert type(getattr(got, limit)) is float
            assert getattr(got, limit) == getattr(want, limit)
        assert (got.bits, got.dtype) == (want.bits, want.dtype)
    assert pickle.loads(pickle.dumps(xp.finfo(xp.bfloat16))) == xp.finfo("bfloat16")


def test_intervals_are_computed_in_the_dtype_asked_for():
    for f, ends in (("linspace", (-8, 1 / 3)), ("logspace", (0, 0.3)), ("geomspace", (1, 0.1))):
        got = getattr(xp, f)(*ends, 7, dtype=xp.float64)
        np.testing.assert_allclose(got, getattr(np, f)(*ends, 7), rtol=1e-14)
        assert getattr(xp, f)(*ends, 7, dtype=xp.float16).dtype == "float16"


WHOLE = [
    (-(2**63), 2**63 - 1, 2**62), (2**63 - 1, -(2**63), -(2**62)), (0, 2**62 + 1, 2**62),
    (-(2**63), 2 - 2**63), (5, 0, 2),
]  # fmt: skip


def test_ranges_of_whole_numbers_up_to_the_limits():
    for ends in WHOLE:
        assert xp.arange(*ends, dtype=xp.int64).tolist() == list(range(*ends))
    ends = (2**63, 2**64 - 1, 2**61 + 1)
    assert xp.arange(*ends, dtype=xp.uint64).tolist() == list(range(*ends))


def test_full_converts_numbers_as_astype_does():
    for value in (300.7, -300.5, math.nan, math.inf, 2.5, True):
        for kind in ("int8", "uint16", "int64", "bool", "float32"):
            want = xp.astype(xp.asarray(value, dtype=xp.float64), dtype(kind))
            np.testing.assert_array_equal(xp.full(2, value, dtype=dtype(kind)), want)


def test_slices_whose_steps_exceed_the_index_dtype():
    for step in (2**63 - 1, -(2**63)):
        x, want = xp.arange(4), np.arange(4)
        x[::step], want[::step] = 9, 9
        np.testing.assert_array_equal(x, want)
        np.testing.assert_array_equal(x[::step], want[::step])


def test_astype_without_a_copy_gives_the_array_itself():
    x = xp.ones(2)
    assert xp.astype(x, xp.float32, copy=False) is x
    assert x.astype(xp.float32, copy=False) is x
    y = xp.astype(x, xp.float32)
    y[0] = 5
    assert x.tolist() == [1, 1]


# --- special values of real numbers --------------------------------------------------------------

EDGES = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 2.5, -2.5]


def _same(got, want):
    if math.isnan(want):
        return math.isnan(got)
    return got == want and math.copysign(1, got) == math.copysign(1, want)


def _floor_divide(x, y):
    """The floor of the quotient, as the standard prefers it to Python's rule."""
    with np.errstate(all="ignore"):
        return float(np.floor(np.float64(x) / np.float64(y)))


def _remainder(x, y):
    if math.isnan(x) or math.isnan(y) or math.isinf(x) or y == 0:
        return math.nan
    return x % y


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(("name", "rule"), [("floor_divide", _floor_divide),
                                            ("remainder", _remainder)])  # fmt: skip
def test_division_at_the_edges(kind, name, rule):
    x, y = (np.array(v, kind) for v in zip(*itertools.product(EDGES, EDGES), strict=True))
    got = np.asarray(getattr(xp, name)(xp.asarray(x), xp.asarray(y)))
    for a, b, g in zip(x.tolist(), y.tolist(), got.tolist(), strict=True):
        assert _same(g, rule(a, b)), (name, a, b, g)


def test_sign_of_zeros_is_zero_without_a_sign():
    out = np.asarray(xp.sign(xp.asarray([0.0, -0.0, math.nan])))
    assert not np.signbit(out[:2]).any()
    assert np.isnan(out[2])


# --- special values of complex numbers -----------------------------------------------------------

COMPLEX_EDGES = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 100.0]
UNSIGNED = {"cos", "cosh", "sin", "sinh", "tan", "tanh", "exp"}
"""Functions at whose edges the sign of a part may be left open."""


@pytest.mark.parametrize("kind", ["complex64", "complex128"])
@pytest.mark.parametrize("name", ["acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh",
                                  "exp", "log", "sin", "sinh", "sqrt", "tan", "tanh", "abs",
                                  "log2", "log10"])  # fmt: skip
def test_complex_functions_follow_annex_g(name, kind):
    """NumPy's are those of the C library."""
    z = np.array([complex(a, b) for a, b in itertools.product(COMPLEX_EDGES, COMPLEX_EDGES)], kind)
    got = np.asarray(getattr(xp, name)(xp.asarray(z)))
    with np.errstate(all="ignore"):
        want = getattr(np, name)(z)
    eps = np.finfo(kind).eps
    for part in (np.real, np.imag):
        g, w = part(got), part(want)
        unsigned = name in UNSIGNED and not np.isfinite(z).all()
        edge = ~np.isfinite(w) | (w == 0)
        loose = np.abs if unsigned else lambda v: v
        np.testing.assert_array_equal(loose(g[edge]), loose(w[edge]))
        size = np.where(np.isfinite(want), np.abs(want), np.abs(w))[~edge]
        near = np.abs(g[~edge] - w[~edge]) <= 64 * eps * size
        assert near.all(), (name, z[~edge][~near])
        if not unsigned:
            zero = w == 0
            np.testing.assert_array_equal(np.signbit(g[zero]), np.signbit(w[zero]))


def test_log1p_and_expm1_of_small_complex_numbers():
    """Against the series, to third order."""
    z = np.array([1e-4 + 2e-4j, -3e-5 + 1e-4j, 1e-4j])
    np.testing.assert_allclose(xp.log1p(xp.asarray(z)), z - z**2 / 2 + z**3 / 3, rtol=1e-11)
    np.testing.assert_allclose(xp.expm1(xp.asarray(z)), z + z**2 / 2 + z**3 / 6, rtol=1e-11)


def test_exp2_is_exact_at_whole_numbers():
    for kind in ("float32", "float64"):
        n = np.arange(-120, 128).astype(kind)
        exact = [float(np.float64(2) ** v) for v in n]
        np.testing.assert_array_equal(np.asarray(xp.exp2(xp.asarray(n)), np.float64), exact)
    assert math.isinf(float(xp.exp2(xp.asarray(1024.0, dtype=xp.float64))))


# --- errors --------------------------------------------------------------------------------------

X = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
REFUSED = {
    "two ellipses": (IndexError, lambda x: x[..., ...]),
    "too many indices": (IndexError, lambda x: x[0, 0, 0, 0]),
    "mask of too many dimensions": (IndexError, lambda x: x[0, 0][xp.ones((4, 1), dtype=bool)]),
    "mask of another size": (IndexError, lambda x: x[0, 0][xp.ones(3, dtype=bool)]),
    "index arrays": (Exception, lambda x: x[xp.asarray([0, 1]), xp.asarray([0, 1, 2])]),
    "axis of expand_dims": (IndexError, lambda x: xp.expand_dims(x, axis=5)),
    "squeeze": (ValueError, lambda x: xp.squeeze(x, axis=1)),
    "nonzero of rank 0": (Exception, lambda x: xp.nonzero(x[0, 0, 0])),
    "matmul of rank 0": (Exception, lambda x: xp.matmul(x[0, 0, 0], x)),
    "matmul": (Exception, lambda x: xp.matmul(x, x)),
    "broadcast_to": (ValueError, lambda x: xp.broadcast_to(x, (2, 3, 5))),
    "sum": (Exception, lambda x: xp.sum(x, axis=3)),
    "argmax": (Exception, lambda x: xp.argmax(x, axis=-4)),
    "flip": (Exception, lambda x: xp.flip(x, axis=3)),
    "sort": (Exception, lambda x: xp.sort(x, axis=3)),
    "outer": (ValueError, lambda x: xp.linalg.outer(x, x)),
    "version": (ValueError, lambda x: x.__array_namespace__(api_version="1999.12")),
    "int of infinity": (OverflowError, lambda x: int(xp.asarray(math.inf))),
    "int of NaN": (ValueError, lambda x: int(xp.asarray(math.nan))),
    "int of complex": (TypeError, lambda x: int(xp.asarray(1j))),
    "float of complex": (TypeError, lambda x: float(xp.asarray(1j))),
    "index of float": (TypeError, lambda x: operator.index(xp.asarray(1.0))),
    "a device that is not there": (BufferError, lambda x: x.__dlpack__(dl_device=(2, 0))),
    "asarray without a copy": (ValueError, lambda x: xp.asarray([1, 2], copy=False)),
    "asarray to another dtype": (ValueError, lambda x: xp.asarray(x, xp.int8, copy=False)),
    "isdtype": (ValueError, lambda x: xp.isdtype(x.dtype, "number")),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    error, call = REFUSED[case]
    with pytest.raises(error):
        call(xp.asarray(X))


# --- inspection, devices, exchange ---------------------------------------------------------------


def test_inspection():
    info = xp.__array_namespace_info__()
    assert set(info.capabilities()) == {"boolean indexing", "data-dependent shapes",
                                        "max dimensions"}  # fmt: skip
    assert set(info.dtypes()) == set(NAMES)
    assert set(info.dtypes(kind=("bool", "signed integer"))) == {"bool", "int8", "int16", "int32",
                                                                 "int64"}  # fmt: skip
    defaults = info.default_dtypes(device=info.default_device())
    assert defaults["real floating"] == xp.asarray(1.0).dtype
    assert defaults["indexing"] == xp.argmax(xp.asarray([1.0])).dtype
    assert xp.asarray(X).device == info.default_device()
    for version in ("2021.12", "2022.12", "2023.12", "2024.12", None):
        assert xp.asarray(X).__array_namespace__(api_version=version) is xp


def test_devices_are_taken_by_all_that_create():
    (device, *_) = xp.__array_namespace_info__().devices()
    for made in (
        xp.zeros(2, device=device), xp.asarray(X, device=device), xp.arange(3, device=device),
        xp.eye(2, device=device), xp.linspace(0, 1, 3, device=device),
        xp.full((2,), 1.0, device=device), xp.empty_like(xp.ones(2), device=device),
        xp.astype(xp.ones(2), xp.int8, device=device), xp.fft.fftfreq(3, device=device),
        xp.asarray(X).to_device(device), xp.from_dlpack(np.ones(2), device=device),
    ):  # fmt: skip
        assert made.device == device


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("copy", [None, True, False])
def test_dlpack_there_and_back(kind, copy):
    x = xp.ones((2, 3), dtype=dtype(kind))
    np.testing.assert_array_equal(np.from_dlpack(x, copy=copy), np.ones((2, 3), kind))
    back = xp.from_dlpack(x, copy=copy)
    assert back.dtype == kind
    assert x.__dlpack_device__() == (1, 0)


def test_dlpack_copies_what_cannot_be_shared():
    fixed = np.arange(3.0)
    fixed.flags.writeable = False
    for x in (np.arange(10)[::2], np.arange(4)[::-1], fixed):
        np.testing.assert_array_equal(xp.from_dlpack(x), x)
        with pytest.raises(BufferError, match="copy=False"):
            xp.from_dlpack(x, copy=False)
    x = xp.ones(3)
    there = xp.from_dlpack(x, device=x.device, copy=False)
    assert there.unsafe_buffer_pointer() == x.unsafe_buffer_pointer()
    assert xp.from_dlpack(x, copy=True).unsafe_buffer_pointer() != x.unsafe_buffer_pointer()


# --- decompositions of matrices without elements -------------------------------------------------


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 0, 3), (0, 0)])
def test_matrices_without_elements(shape):
    x = np.ones(shape, np.float32)
    for full in (True, False):
        got = xp.linalg.svd(xp.asarray(x), full_matrices=full)
        for g, w in zip(got, np.linalg.svd(x, full_matrices=full), strict=True):
            np.testing.assert_array_equal(g, w)
    for order in ("fro", "nuc", 1, 2, np.inf):
        assert not np.any(np.asarray(xp.linalg.matrix_norm(xp.asarray(x), ord=order)))
