"""Public functions that move elements: their shorthands, their checks, their derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
from ms_func import lax
from ms_func.errors import ShapeError
from ms_func.ir.notation import make_rule
from ms_func.ir.types import ArrayType
from ms_func.primitives.shape import reshape_p
from ms_func.tracing.tracer import build
from ms_func.transforms.passes import simplify

X = np.arange(24, dtype=np.float32).reshape(4, 6)


def same(got, want):
    assert np.asarray(got).dtype == np.asarray(want).dtype
    np.testing.assert_array_equal(got, want)


# --- shapes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "want"),
    [
        (lambda: lax.reshape(X, (6, 4), (1, 0)), X.T.reshape(6, 4)),
        (lambda: lax.reshape(X, 24), X.reshape(24)),
        (lambda: lax.squeeze(X[None, :, :, None], (0, -1)), X),
        (lambda: lax.expand_dims(X, (-1, 0)), X[None, ..., None]),
        (lambda: lax.collapse(X[None], 0, 2), X),
        (lambda: lax.collapse(X[None], 1), X.reshape(1, 24)),
        (lambda: lax.broadcast(X, (2, 3)), np.broadcast_to(X, (2, 3, 4, 6))),
        (lambda: lax.tile(X, (2, 3)), np.tile(X, (2, 3))),
        (lambda: lax.rev(X, (1,)), X[:, ::-1]),
        (lambda: lax.iota("int16", 3), np.arange(3, dtype=np.int16)),
        (lambda: lax.full((2,), 1.9, int), np.array([1, 1], np.int32)),
        (lambda: lax.full_like(X, 2), np.full_like(X, 2)),
        (lambda: lax.stack([X, X], -1), np.stack([X, X], -1)),
        (lambda: lax.unstack(X, 1)[5], X[:, 5]),
        (lambda: lax.split(X, (1, 3), -2)[1], X[1:]),
        (lambda: lax.broadcast_to_rank(X, 4), X[None, None]),
        (lambda: lax.pad(X, 0.0, [(1, -1, 0), (0, 0, 1)])[1:, ::2], X[:3]),
        (lambda: lax.concatenate([X, X], 1), np.concatenate([X, X], 1)),
    ],
)
def test_shape_functions_are_numpys(call, want):
    same(call(), want)


def test_scalars_stay_weak():
    assert lax.full((2,), 3.0).weak_type
    assert lax.broadcast_in_dim(1, (2, 2), ()).weak_type
    assert not lax.full((2,), 3.0, np.float32).weak_type


def test_broadcast_shapes():
    assert lax.broadcast_shapes((2, 1), (3,)) == (2, 3)
    with pytest.raises(ValueError, match="Incompatible shapes"):
        lax.broadcast_shapes((2, 1), (3, 3))


# --- slices -----------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [-9, -6, -2, 0, 3, 5, 9])
@pytest.mark.parametrize("kind", [int, np.int32, np.int8, np.asarray])
def test_dynamic_slices_wrap_once_and_then_stay_inside(start, kind):
    """A negative start counts from the end, and then the slice is moved inside."""
    begin = min(max(start + 6 if start < 0 else start, 0), 3)
    got = lax.dynamic_slice(X, (0, kind(start)), (4, 3))
    same(got, X[:, begin : begin + 3])
    jitted = ms.jit(lambda s: lax.dynamic_slice(X, (0, s), (4, 3)))(kind(start))
    same(jitted, X[:, begin : begin + 3])


def test_narrow_starts_reach_every_place_of_a_long_array():
    x = np.arange(300, dtype=np.float32)
    for start in (np.uint8(255), np.int8(-1), np.int8(-128)):
        begin = int(start) if start >= 0 else 300 + int(start)
        same(lax.dynamic_slice(x, (ms.numpy.asarray(start),), (1,)), x[begin : begin + 1])


def test_negative_starts_may_be_refused():
    got = lax.dynamic_slice(X, (np.int32(-1), 0), (2, 6), allow_negative_indices=False)
    same(got, X[:2])


def test_starts_come_in_one_array_too():
    same(lax.dynamic_slice(X, np.array([1, 2]), (2, 2)), X[1:3, 2:4])
    same(lax.dynamic_slice(X, ms.numpy.asarray(np.array([1, 2])), (2, 2)), X[1:3, 2:4])


@pytest.mark.parametrize(
    ("call", "want"),
    [
        (lambda: lax.slice_in_dim(X, -3, None, 2, -1), X[:, -3::2]),
        (lambda: lax.index_in_dim(X, -1, 1, keepdims=False), X[:, -1]),
        (lambda: lax.index_in_dim(X, 2), X[2:3]),
        (lambda: lax.dynamic_slice_in_dim(X, -2, 2, -1), X[:, -2:]),
        (lambda: lax.dynamic_index_in_dim(X, np.int32(1), 1, keepdims=False), X[:, 1]),
        (lambda: lax.dynamic_update_slice(X, X[:1], (-1, 0))[3], X[0]),
        (lambda: lax.dynamic_update_slice_in_dim(X, X[:2], 9, 0)[2:], X[:2]),
        (lambda: lax.dynamic_update_index_in_dim(X, X[0], 1, 0)[1], X[0]),
        (lambda: lax.dynamic_update_index_in_dim(X, X[:, :1], -1, 1)[:, 5], X[:, 0]),
    ],
)
def test_slices_along_one_axis_are_numpys(call, want):
    same(call(), want)


# --- gather and scatter -----------------------------------------------------------------------

ROWS = lax.GatherDimensionNumbers((1,), (0,), (0,))
TO_ROWS = lax.ScatterDimensionNumbers((1,), (0,), (0,))
PLACES = np.array([[1], [9], [-1], [1]])


def test_gather_modes():
    def read(mode, **kwargs):
        return np.asarray(lax.gather(X, PLACES, ROWS, (1, 6), mode=mode, **kwargs))

    same(read("clip"), X[[1, 3, 0, 1]])
    filled = read("fill")
    same(filled[[0, 3]], X[[1, 1]])
    assert np.isnan(filled[[1, 2]]).all()
    assert (read(lax.GatherScatterMode.FILL_OR_DROP, fill_value=7)[1] == 7).all()


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [("int8", -128), ("uint16", 65535), ("bool", True), ("int32", np.iinfo("int32").min)],
)
def test_what_is_read_outside_depends_on_the_dtype(dtype, fill):
    got = lax.gather(X.astype(dtype), PLACES, ROWS, (1, 6), mode="fill")
    assert (np.asarray(got)[1] == fill).all()


def test_scatter_drops_what_is_outside_unless_told_to_clip():
    updates = np.ones((4, 6), np.float32)
    want = X.copy()
    want[1] += 2
    same(lax.scatter_add(X, PLACES, updates, TO_ROWS), want)
    want[3] += 1
    want[0] += 1
    same(lax.scatter_add(X, PLACES, updates, TO_ROWS, mode="clip"), want)
    same(lax.scatter_sub(want, PLACES, updates, TO_ROWS, mode="clip"), X)


def test_of_several_updates_to_a_place_one_has_the_gradient():
    updates = np.arange(24, dtype=np.float32).reshape(4, 6)

    def f(updates):
        out = lax.scatter(X, PLACES, updates, TO_ROWS)
        return lax.reduce_sum(lax.mul(out, out), (0, 1))

    out = np.asarray(lax.scatter(X, PLACES, updates, TO_ROWS))
    grads = np.asarray(ms.grad(f)(updates))
    winner = 0 if (out[1] == updates[0]).all() else 3
    same(grads[winner], 2 * updates[winner])
    assert (np.delete(grads, winner, 0) == 0).all()


def test_gradient_of_a_product_with_zeros_among_the_updates():
    places = np.array([[0], [0], [1], [1]])
    numbers = lax.ScatterDimensionNumbers((), (0,), (0,))
    updates = np.array([0.0, 3.0, 0.0, 0.0])

    def f(updates):
        return lax.reduce_sum(lax.scatter_mul(np.array([2.0, 5.0]), places, updates, numbers), (0,))

    same(ms.grad(f)(updates), np.array([6.0, 0.0, 0.0, 0.0]))


def test_equal_extrema_share_the_gradient():
    places = np.array([[0], [0], [1]])
    numbers = lax.ScatterDimensionNumbers((), (0,), (0,))

    def f(x, u):
        return lax.reduce_sum(lax.scatter_max(x, places, u, numbers), (0,))

    gx, gu = ms.grad(f, (0, 1))(np.array([2.0, 5.0]), np.array([2.0, 2.0, 1.0]))
    np.testing.assert_allclose(gx, [1 / 3, 1])
    np.testing.assert_allclose(gu, [1 / 3, 1 / 3, 0])


def test_modes_by_name():
    mode = lax.GatherScatterMode
    assert mode.from_any("drop") is mode.from_any(None) is mode.FILL_OR_DROP
    assert mode.from_any(mode.CLIP) is mode.CLIP
    with pytest.raises(ValueError, match='Unknown gather mode "wrap"'):
        mode.from_any("wrap")


# --- simplification ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "nothing",
    [
        lambda x: lax.slice(x, (0, 0), (4, 6)),
        lambda x: lax.pad(x, 0.0, [(0, 0, 0)] * 2),
        lambda x: lax.rev(x, ()),
        lambda x: lax.rev(lax.rev(x, (0, 1)), (0, 1)),
        lambda x: lax.transpose(lax.transpose(x, (1, 0)), (1, 0)),
        lambda x: lax.reshape(lax.reshape(x, (24,)), (4, 6)),
        lambda x: lax.reduce_sum(x, ()),
        lambda x: lax.dynamic_slice(x, (3, 3), (4, 6)),
        lambda x: lax.dynamic_update_slice(lax.neg(x), x, (3, 3)),
        lambda x: lax.concatenate([x], 0),
    ],
)
def test_operations_that_do_nothing_vanish(nothing):
    fn = build("f", [ArrayType((4, 6), "float32")], lambda x: [nothing(x)])
    made = simplify(fn)
    assert not made.eqns
    assert made.results == made.params


# --- splitting of a reshape -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ((24,), (2, 3, 4), "(i0 i1 i2) -> i0 i1 i2"),
        ((4, 6), (2, 12), "(i0 i1) i2 -> i0 (i1 i2)"),
        ((4, 1, 6), (4, 6), "i0 . i1 -> i0 i1"),
        ((6, 4), (8, 3), ". . -> . ."),
        ((2, 6, 5), (12, 5), "i0 i1 i2 -> (i0 i1) i2"),
        ((0, 3), (3, 0), ". . -> . ."),
    ],
)
def test_factors_of_a_reshape(old, new, rule):
    types = [ArrayType(old, "float32")], [ArrayType(new, "float32")]
    assert str(make_rule(reshape_p, *types, {"new_sizes": new})) == rule


# --- misuse -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: lax.broadcast_in_dim(X, (4, 7), (0, 1)), ShapeError, "target broadcast shape"),
        (lambda: lax.broadcast_in_dim(X, (4, 6), (1, 0)), ShapeError, "increase"),
        (lambda: lax.broadcast_in_dim(X, (4, 6), (0,)), ShapeError, "one entry"),
        (lambda: lax.reshape(X, (5, 5)), ShapeError, "24 elements"),
        (lambda: lax.reshape(X, (-1, 4)), ShapeError, "negative"),
        (lambda: lax.transpose(X, (0, 0)), ShapeError, "permutation"),
        (lambda: lax.squeeze(X, (0,)), ValueError, "size 1"),
        (lambda: lax.squeeze(X, (2,)), ValueError, "out of bounds"),
        (lambda: lax.expand_dims(X, (0, 0)), ValueError, "not unique"),
        (lambda: lax.concatenate([], 0), ValueError, "at least one"),
        (lambda: lax.concatenate([X, X[:, :2]], 0), ShapeError, "differ in dimensions other"),
        (lambda: lax.pad(X, 0.0, [(0, 0, 0)]), ValueError, "number of axes of operand"),
        (lambda: lax.pad(X, 0.0, [(0, 0, -1), (0, 0, 0)]), ValueError, "at least 0"),
        (
            lambda: lax.pad(X, 0.0, [(-5, 0, 0), (0, 0, 0)]),
            ValueError,
            "after padding is not at least 0",
        ),
        (lambda: lax.pad(X, np.int32(0), [(0, 0, 0)] * 2), ShapeError, "same dtype"),
        (lambda: lax.rev(X, (2,)), ShapeError, "must be unique"),
        (lambda: lax.iota(bool, 3), ShapeError, "iota"),
        (lambda: lax.slice(X, (0, 0), (5, 6)), ShapeError, "start <= limit <= size"),
        (lambda: lax.split(X, (1, 2)), ValueError, "do not add up"),
        (lambda: lax.index_in_dim(X, 6, 1), IndexError, "out of bounds"),
        (lambda: lax.dynamic_slice(X, (0,), (1, 1)), ValueError, "2 start indices"),
        (lambda: lax.dynamic_slice(X, (0, 0), (5, 1)), ShapeError, "operand shape"),
        (lambda: lax.dynamic_slice(X, (0.5, 0), (1, 1)), ShapeError, "integers of the same type"),
        (lambda: lax.dynamic_update_slice(X, X[0], (0, 0)), ShapeError, "same rank"),
        (lambda: lax.gather(X, PLACES * 1.0, ROWS, (1, 6)), ValueError, "integer dtype"),
        (lambda: lax.gather(X, PLACES, ROWS, (2, 6)), ShapeError, "size 1 in collapsed"),
        (lambda: lax.gather(X, PLACES, ROWS, (1, 7)), ShapeError, "does not fit"),
        (lambda: lax.scatter_add(X, PLACES, X[:2], TO_ROWS), ShapeError, "outside the window"),
        (lambda: lax.stack([]), ValueError, "at least one"),
        (lambda: lax.stack([X, X[:1]]), ValueError, "the same shape"),
    ],
)
def test_misuse_is_explained(call, error, words):
    with pytest.raises(error, match=words):
        call()
