"""Creation, manipulation, joining, reductions, products against NumPy."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from tests.support.numpy_oracle import both, compiled, same, sample

X = sample("float32", 3, 4)
Y = sample("int32", 3, 4, seed=1)
Z = sample("float32", 2, 3, 4)

# --- creation -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("arange", (5,)), ("arange", (2, 9, 3)), ("arange", (0, 1, 0.25)), ("arange", (3, 0, -1)),
        ("linspace", (0, 1, 5)), ("linspace", (1, 7, 4, False)), ("logspace", (0, 2, 3)),
        ("geomspace", (1, 100, 3)), ("eye", (3,)), ("eye", (3, 4, 1)), ("eye", (3, 4, -5)),
        ("identity", (2,)), ("tri", (3, 4, -1)), ("zeros", ((2, 0),)), ("ones", (3,)),
        ("full", ((2, 2), 7.5)), ("full", ((2, 3), np.arange(3))), ("zeros_like", (X,)),
        ("ones_like", (Y,)), ("full_like", (X, 3)), ("indices", ((2, 3),)),
        ("tril_indices", (3,)), ("triu_indices", (3, 1, 4)), ("diag_indices", (3,)),
        ("vander", (X[0], 3)), ("hanning", (7,)), ("blackman", (7,)), ("bartlett", (6,)),
        ("hamming", (1,)),
    ],
)  # fmt: skip
def test_creation(name, args):
    same(getattr(mnp, name)(*args), getattr(np, name)(*args), 1e-5)


def test_linspace_ends_are_exact():
    x = np.asarray(mnp.linspace(0.1, 0.7, 11))
    assert (x[0], x[-1]) == (np.float32(0.1), np.float32(0.7))
    _, step = mnp.linspace(0, 1, 5, retstep=True)
    assert float(step) == 0.25
    same(ms.jit(lambda a, b: mnp.linspace(a, b, 3, axis=-1))(X[0], X[1]),
         np.linspace(X[0], X[1], 3, axis=-1))  # fmt: skip


def test_array():
    assert mnp.array([[1, 2], [3, 4]]).dtype == np.int32
    assert mnp.array([1, 2.5, True]).dtype == np.float32
    assert mnp.array([np.int8(1), 2]).dtype == np.int8
    assert mnp.array(np.ones(2)).dtype == np.float64  # explicit dtypes are honoured
    assert mnp.array([], None).dtype == np.float32
    assert mnp.array(5, ndmin=3).shape == (1, 1, 1)
    same(ms.jit(lambda x, y: mnp.array([[x, y], [y, 1]]))(2.0, 3.0),
         np.array([[2, 3], [3, 1]], np.float32))  # fmt: skip
    same(mnp.asarray(memoryview(b"ab")), np.array([97, 98], np.uint8))
    pixels = np.eye(2)
    image = SimpleNamespace(__array_interface__=pixels.__array_interface__)  # as those of Pillow
    same(mnp.asarray(image), pixels)


@pytest.mark.parametrize("dtype", [float, int, "float64", "int16"])
def test_stored_elements_have_the_width_of_numpy(dtype, tmp_path):
    values = np.arange(3).astype(dtype)
    values.tofile(tmp_path / "values")
    wanted = mnp.zeros(0, dtype).dtype
    for found in (
        mnp.frombuffer(values.tobytes(), dtype), mnp.fromfile(tmp_path / "values", dtype),
        mnp.fromiter(iter(values), dtype),
    ):  # fmt: skip
        same(found, values.astype(wanted))
        assert found.dtype == wanted


@pytest.mark.parametrize(
    ("value", "error"),
    [(None, ValueError), ("a", TypeError), ([1, "a"], TypeError), ([[1], [1, 2]], ValueError),
     ([2**40], OverflowError), (object(), TypeError), (np.array(["a"]), TypeError)],
)  # fmt: skip
def test_array_refusals(value, error):
    with pytest.raises(error):
        mnp.array(value)


def test_shapes_must_be_known():
    with pytest.raises(TypeError, match="static"):
        ms.jit(lambda n: mnp.zeros(n))(3)
    with pytest.raises(TypeError, match="static"):
        ms.jit(lambda n: mnp.arange(n))(3)


def test_dtype_names_make_arrays():
    assert mnp.float32(2).dtype == np.float32
    same(mnp.float32("1.5"), np.float32("1.5"))
    with pytest.raises(ValueError, match="could not convert"):
        mnp.float32("a")
    assert mnp.bfloat16 == mnp.zeros(2, mnp.bfloat16).dtype
    assert mnp.float32 == np.float32
    assert np.dtype(mnp.int8) == np.int8
    assert float(ms.jit(mnp.float16)(3)) == 3.0
    assert mnp.finfo(mnp.bfloat16).bits == 16
    assert mnp.iinfo("int8").max == 127
    assert mnp.isdtype(mnp.float32, "real floating")


# --- shapes -----------------------------------------------------------------------------------

MANIPULATIONS = [
    ("reshape", (2, -1)), ("ravel",), ("squeeze",), ("expand_dims", 1), ("expand_dims", (0, -1)),
    ("transpose",), ("swapaxes", 0, 1), ("moveaxis", 0, -1), ("rollaxis", 1), ("flip",),
    ("flip", 1), ("fliplr",), ("flipud",), ("rot90",), ("rot90", 3), ("roll", 5), ("roll", -1, 1),
    ("roll", (1, 2), (0, 1)), ("atleast_3d",), ("tile", (2, 1, 2)), ("tile", 2), ("repeat", 2),
    ("repeat", 3, 1), ("repeat", [1, 0, 2], 0), ("resize", (5, 3)), ("diagonal",), ("diagonal", 1),
    ("trace",), ("tril",), ("triu", 1), ("diag",), ("diagflat",), ("delete", 1, 0),
    ("delete", [0, 2], 1), ("delete", slice(1, 3), 1), ("broadcast_to", (2, 3, 4)),
    ("matrix_transpose",),
]  # fmt: skip


@pytest.mark.parametrize("case", MANIPULATIONS, ids=str)
def test_manipulation(case):
    name, *args = case
    compiled(name, X, *args)


@pytest.mark.parametrize("order", ["C", "F"])
def test_reshape_orders(order):
    compiled("reshape", Z, (4, 6), order=order)
    compiled("ravel", Z, order=order)


@pytest.mark.parametrize("name", ["vstack", "hstack", "dstack", "column_stack", "stack",
                                  "concatenate"])  # fmt: skip
def test_joining(name):
    for a, b in ((X, X), (X[0], X[1])):
        same(getattr(mnp, name)([a, mnp.asarray(b)]), getattr(np, name)([a, b]))


def test_joining_promotes():
    same(mnp.concatenate([X, Y]), np.concatenate([X, Y]).astype(np.float32))
    same(mnp.block([[X, Y], [Y, X]]), np.block([[X, Y], [Y, X]]))
    same(mnp.append(X, Y[:1], 0), np.append(X, Y[:1], 0))


@pytest.mark.parametrize(("name", "how"), [("split", 2), ("split", [1, 3]), ("array_split", 3),
                                           ("hsplit", [1])])  # fmt: skip
def test_splitting(name, how):
    axis = () if name == "hsplit" else (1,)
    same(getattr(mnp, name)(X, how, *axis), getattr(np, name)(X, how, *axis))


def test_insert():
    same(mnp.insert(X, 1, 9.0, 1), np.insert(X, 1, 9.0, 1))
    same(mnp.insert(Y[0], [2, 0], np.array([7, 8])), np.insert(Y[0], [2, 0], [7, 8]))


@pytest.mark.parametrize("mode", ["constant", "edge", "linear_ramp", "maximum", "mean", "minimum",
                                  "reflect", "symmetric", "wrap"])  # fmt: skip
@pytest.mark.parametrize("width", [1, ((1, 0), (2, 5))])
def test_pad(mode, width):
    compiled("pad", X, width, mode, tol=1e-4)
    compiled("pad", Y, width, mode)


@pytest.mark.parametrize("end", [0, 5])
def test_pad_booleans_by_a_ramp(end):
    x = np.array([[True, False, True], [False, True, True]])
    same(mnp.pad(x, (3, 1), "linear_ramp", end_values=end),
         np.pad(x, (3, 1), "linear_ramp", end_values=end))  # fmt: skip


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("indexing", ["xy", "ij"])
def test_meshgrid(indexing, sparse):
    a, b = np.arange(3), np.arange(4.0, dtype=np.float32)
    same(mnp.meshgrid(a, b, indexing=indexing, sparse=sparse),
         np.meshgrid(a, b, indexing=indexing, sparse=sparse))  # fmt: skip


def test_slice_notation():
    same(mnp.mgrid[:3, 2:4], np.mgrid[:3, 2:4])
    same(mnp.ogrid[0:2, 0:1:3j], [g.astype(np.float32) for g in np.ogrid[0:2, 0:1:3j]])
    same(mnp.r_[1, 2, 5:7], np.r_[1, 2, 5:7])
    same(mnp.c_[np.arange(2), np.arange(2)], np.c_[np.arange(2), np.arange(2)])


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: mnp.reshape(X, (5, 5)), TypeError, r"cannot reshape array of shape \(3, 4\)"),
        (lambda: mnp.transpose(X, (1, 2)), ValueError, "axis 2 is out of bounds"),
        (lambda: mnp.roll(X, (1, 2, 3), (0, 1)), ValueError, "3 shifts do not fit 2 axes"),
        (lambda: mnp.block([]), ValueError, "equally deep and not empty"),
        (lambda: mnp.block([[1], 2]), ValueError, r"depths \[0, 1\]"),
        (lambda: mnp.squeeze(X, 0), ValueError, "cannot select an axis to squeeze out"),
        (lambda: mnp.expand_dims(X, 5), ValueError, "axis 5 is out of bounds"),
        (lambda: mnp.concatenate([]), ValueError, "Need at least one array to concatenate"),
        (lambda: mnp.concatenate([X, X[0]]), TypeError, "different numbers of dimensions"),
        (lambda: mnp.stack([]), ValueError, "Need at least one array to stack"),
        (lambda: mnp.split(X, 5, 1), ValueError, "array split does not result in an equal"),
        (lambda: mnp.broadcast_to(X, (2, 2)), ValueError, "Incompatible shapes"),
        (lambda: mnp.broadcast_shapes((2,), (3,)), ValueError, "Incompatible shapes"),
        (lambda: mnp.sum(X, axis=5), ValueError, "axis 5 is out of bounds"),
        (lambda: mnp.sum(X, axis=(0, 0)), ValueError, "duplicate value in 'axis'"),
        (lambda: mnp.sum([1]), TypeError, "sum requires ndarray or scalar arguments"),
        (lambda: mnp.sum(X, out=X), NotImplementedError, "'out' argument"),
        (lambda: mnp.max(mnp.zeros(0)), ValueError, "which has no identity"),
        (lambda: mnp.max(X, where=X > 0), ValueError, "specify 'initial'"),
        (lambda: mnp.sum(X, where=X), ValueError, "where must be None or a boolean array"),
        (lambda: mnp.any(X, where=1), ValueError, "where must be None or a boolean array"),
        (lambda: mnp.arange(None), TypeError, "arange needs a number"),
        (lambda: mnp.arange(0, 1, 0), ZeroDivisionError, "step is 0"),
        (lambda: mnp.arange(3j), ValueError, "real numbers"),
        (lambda: mnp.argmax(mnp.zeros(0)), ValueError, "attempt to get argmax"),
        (lambda: mnp.matmul(1, 2), ValueError, "must have ndim at least 1"),
        (lambda: mnp.matmul(X, X), TypeError, "contracting dimensions"),
        (lambda: mnp.einsum("ij,jk", X, X), ValueError, "Size of label 'j'"),
        (lambda: mnp.linalg.matrix_norm(X[0]), ValueError, "must be at least 2D"),
        (lambda: mnp.eye(-1), ValueError, "negative dimensions"),
        (lambda: mnp.tile(X, -1), ValueError, "negative repetitions"),
        (lambda: mnp.put(X, 0, 1, mode="raise", inplace=False), NotImplementedError, "'raise'"),
        (lambda: mnp.pad(mnp.zeros(0), 1, "edge"), ValueError, "axis 0 is empty"),
        (lambda: mnp.pad(X, 1, mode="foo"), NotImplementedError, "Unimplemented padding mode"),
    ],
)
def test_refusals(call, error, text):
    with pytest.raises(error, match=text):
        call()


# --- reductions ---------------------------------------------------------------------------------


REDUCTIONS = ["sum", "prod", "mean", "var", "std", "max", "min", "any", "all", "ptp",
              "count_nonzero"]  # fmt: skip


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize(
    ("axis", "keepdims"), [(None, False), (0, True), (-1, False), ((0, 1), True)]
)
def test_reductions(name, axis, keepdims):
    both(name, X, axis, keepdims=keepdims, tol=1e-4)


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "max", "min"])
@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool", "float16", "complex64"])
def test_reductions_of_dtypes(name, dtype):
    if (name, dtype) not in {("max", "complex64"), ("min", "complex64")}:
        compiled(name, sample(dtype, 3, 4), 1, tol=5e-3)


def test_result_dtypes_of_reductions():
    ones = {d: mnp.ones(3, d) for d in ("bool", "int8", "uint8", "float16", "bfloat16", "int64")}
    assert {d: x.sum().dtype.name for d, x in ones.items()} == {
        "bool": "int32", "int8": "int32", "uint8": "uint32", "float16": "float16",
        "bfloat16": "bfloat16", "int64": "int64",
    }  # fmt: skip
    assert ones["int8"].mean().dtype == np.float32
    assert ones["int8"].cumsum().dtype == np.int8
    assert ones["float16"].sum(dtype=np.float32).dtype == np.float32


@pytest.mark.parametrize("name", ["sum", "prod", "cumsum", "cumprod", "nansum", "add.reduce"])
def test_sums_as_booleans(name):
    both(name, np.array([2, 0, 1]), dtype=bool)
    both(name, np.array([True, True]), dtype=bool)


def test_degrees_of_freedom_are_given_once():
    with pytest.raises(ValueError, match="simultaneously"):
        mnp.std(X, ddof=1, correction=1)


def test_half_precision_sums_do_not_stall():
    assert float(mnp.ones(5000, np.float16).sum()) == 5000  # 2048 + 1 == 2048 in float16


def test_masked_reductions():
    mask = X > 0
    both("sum", X, 0, where=mask, initial=2.0)
    both("max", X, 0, where=mask, initial=-9.0)
    both("mean", X, where=mask)
    both("var", X, 1, where=np.array([[True, True, False, True]]), ddof=1, tol=1e-4)
    both("any", Y, 1, where=mask)


@pytest.mark.parametrize("name", ["nanmax", "nanmin"])
@pytest.mark.parametrize("end", [-np.inf, np.inf])
def test_extrema_at_infinity_share_their_whole_derivative(name, end):
    slope = ms.grad(getattr(mnp, name))(np.full(4, end, np.float32))
    np.testing.assert_array_equal(slope, 0.25)


@pytest.mark.parametrize("name", ["nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax",
                                  "nanmin", "nanmedian"])  # fmt: skip
def test_reductions_without_nan(name):
    x = X.copy()
    x[0, 1] = x[2, 2] = np.nan
    both(name, x, 1, tol=1e-4)
    both(name, x, tol=1e-4)


def test_nanstd_of_integers_is_refused_as_by_numpy():
    with pytest.raises(TypeError):
        np.nanstd(X, dtype=np.int32)
    with pytest.raises(TypeError, match="fix: nanstd"):
        mnp.nanstd(X, dtype=np.int32)


def test_what_does_not_count_has_no_derivative():
    x = np.array([1.0, np.nan, 5.0, 6.0])
    known = ~np.isnan(x)
    for f in (mnp.nanvar, mnp.nanstd, lambda v: mnp.std(v, where=known, ddof=1)):
        want = np.zeros(4)
        plain = mnp.var if f is mnp.nanvar else mnp.std
        ddof = int(f not in (mnp.nanvar, mnp.nanstd))
        want[known] = ms.grad(lambda v, p=plain, d=ddof: p(v, ddof=d))(x[known])
        np.testing.assert_allclose(ms.grad(f)(x), want)
        np.testing.assert_allclose(ms.jacfwd(f)(x), want)


def test_masked_means_count_beyond_the_whole_numbers_of_float32():
    ones = mnp.ones(2**24 + 1, "float64")
    assert float(mnp.mean(ones, where=True)) == 1


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "nancumsum"])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_running(name, axis):
    compiled(name, X, axis, tol=1e-4)
    compiled(name, Y, axis)


def test_average():
    w = np.abs(X[0])
    both("average", X, 1, w)
    both("average", X)
    both("average", X, weights=np.abs(X), returned=True)


def test_extremum_derivatives_share_a_tie():
    same(ms.grad(mnp.max)(mnp.array([1.0, 3.0, 3.0])), np.array([0, 0.5, 0.5], np.float32))


# --- products -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "right"),
    [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)),
     ((5, 2, 3), (1, 3, 4)), ((2, 3), (5, 3, 4)), ((1, 5, 2, 3), (6, 1, 3, 4)), ((3,), (5, 3, 4)),
     ((5, 2, 3), (3,)), ((4, 5, 2, 3), (5, 3, 2))],
)  # fmt: skip
def test_matmul(left, right):
    compiled("matmul", sample("float32", *left), sample("float32", *right, seed=1), tol=1e-4)


@pytest.mark.parametrize(
    ("name", "args"),
    [("dot", (X, X.T)), ("dot", (X, np.float32(2))), ("vdot", (X, X)), ("inner", (X, X)),
     ("outer", (X, X)), ("kron", (X, X[:2])), ("tensordot", (X, X.T, 1)),
     ("tensordot", (Z, Z, ([0, 2], [0, 2]))), ("cross", (X[:, :3], X[:, 1:])),
     ("convolve", (X[0], X[1, :2])), ("correlate", (X[1, :2], X[0], "same"))],
)  # fmt: skip
def test_products(name, args):
    compiled(name, *args, tol=1e-4)


@pytest.mark.parametrize("text", [
    "ij,jk", "ij->ji", "ij->", "ij,ij->ij", "ij,kj->ki", "i...,...j", "ij,jk,kl->il", "ij,ik->jk",
    "i,j->ji", "ij,j...->i...", "ijk->kij", "a,b,c->cab",
])  # fmt: skip
def test_einsum(text):
    sizes = {"i": 2, "j": 3, "k": 4, "l": 2, "a": 2, "b": 3, "c": 2}
    terms = text.split("->")[0].split(",")
    shapes = [tuple(sizes[c] for c in t.replace("...", "")) for t in terms]
    if text == "i...,...j":
        shapes = [(2, 4), (4, 3)]
    elif "..." in text:
        shapes[-1] = (3, 4)
    arrays = [sample("float32", *s, seed=i) for i, s in enumerate(shapes)]
    compiled("einsum", text, *arrays, tol=1e-4)


def test_einsum_diagonals_and_other_forms():
    m = X[:, :3]
    for text in ("ii", "ii->i", "ij,ii->j"):
        arrays = [m] * text.count(",") + [m]
        both("einsum", text, *arrays, tol=1e-4)
    same(mnp.einsum(X, [0, 1], [1, 0]), X.T)
    assert [e.primitive.name for e in ms.make_ir(
        lambda a, b: mnp.einsum("bhqd,bhkd->bhqk", a, b))(Z[None], Z[None]).eqns
    ] == ["dot_general"]  # fmt: skip


@pytest.mark.parametrize("order", [None, 1, 2, 3, 0, np.inf, -np.inf])
def test_vector_norms(order):
    compiled("linalg.norm", X, order, axis=1, tol=1e-4)
    same(mnp.linalg.vector_norm(X, axis=1, ord=order), np.linalg.norm(X, order, axis=1), 1e-4)


@pytest.mark.parametrize("order", [None, "fro", 1, -1, np.inf, -np.inf])
def test_matrix_norms(order):
    compiled("linalg.norm", X, order, tol=1e-4)
    compiled("linalg.norm", X, order, axis=(1, 0), keepdims=True, tol=1e-4)
    same(mnp.linalg.matrix_norm(X, ord=order), np.linalg.norm(X, order), 1e-4)


def test_matrix_power_and_chains():
    both("linalg.matrix_power", X[:, :3], 5, tol=1e-3)
    same(mnp.linalg.multi_dot([X[0], X.T, X]), np.linalg.multi_dot([X[0], X.T, X]), 1e-4)


@pytest.mark.parametrize(
    "call",
    [
        lambda np, a, m: np.sum(a, where=m),
        lambda np, a, m: np.sum(a, 1, where=m, keepdims=True),
        lambda np, a, m: np.mean(a, axis=(0, 1), where=m),
        lambda np, a, m: np.append(a, a[:1], 0),
        lambda np, a, m: np.append(a, a[0]),
        lambda np, a, m: np.block([[a, a], [a, a]]),
        lambda np, a, m: np.broadcast_arrays(a, a[0])[1],
        lambda np, a, m: np.average(a, weights=a[0], axis=1),
        lambda np, a, m: np.average(a, axis=1, weights=a[0]),
        lambda np, a, m: np.gradient(a)[1],
        lambda np, a, m: np.gradient(a, axis=0),
        lambda np, a, m: np.trapezoid(a, a[0]),
        lambda np, a, m: np.lexsort((a[1], a[0])),
    ],
)
def test_eager_calls_with_arrays_anywhere(call):
    """Twice: what is kept from the first call gives the same."""
    a = np.random.default_rng(0).uniform(1, 2, (3, 4)).astype(np.float32)
    expected = call(np, a, a > 1.5)
    for _ in range(2):
        found = call(mnp, mnp.asarray(a), mnp.asarray(a > 1.5))
        np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("shift", "axis"),
    [((1, -2), (0, 0)), (3, (1, 0)), ([2], (0, 1)), ((1, 2), 1), ((1, 2), None), (1, (2, 2))],
)
def test_roll_joins_shifts_and_axes(shift, axis):
    x = np.arange(24).reshape(2, 3, 4)
    want = np.roll(x, shift, axis)
    np.testing.assert_array_equal(mnp.roll(x, shift, axis), want)
    np.testing.assert_array_equal(
        ms.jit(mnp.roll, static_argnums=2)(x, np.array(shift), axis), want
    )


@pytest.mark.parametrize("kind", ["int8", "uint8", "uint32", "int64"])
def test_roll_by_a_traced_shift_of_any_width(kind):
    x = np.arange(300)
    for shift in (5, 100, -7) if kind.startswith("i") else (5, 200):
        got = ms.jit(mnp.roll)(x, mnp.asarray(shift, dtype=kind))
        np.testing.assert_array_equal(got, np.roll(x, shift))


def test_operands_without_elements():
    none, rows = np.zeros(0, np.float32), np.zeros((0, 3), np.float32)
    for args in ((none,), (none, none), (rows, None, 1.0, 0)):
        np.testing.assert_array_equal(mnp.trapezoid(*args), np.trapezoid(*args))
    np.testing.assert_array_equal(mnp.linalg.lstsq(rows, none)[0], np.zeros(3))


def test_chosen_numbers_have_their_dtype_for_good():
    x = mnp.array([0, 1, 1])
    for out in (mnp.choose(x, [1, 2.5]), mnp.piecewise(x, [x > 0], [1, 2])):
        assert not out.weak_type
