"""`x[index]`, `x.at[index]` and `x[index] = v` against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ms_func as ms
import ms_func.numpy as mnp
from ms_func.sharding import Mesh, NamedSharding, P
from tests.support.numpy_oracle import same


@st.composite
def entries(draw, n: int):
    """One entry that indexes a dimension of size `n`."""
    kind = draw(st.sampled_from(["int", "slice", "slice", "array", "column", "mask"]))
    if kind == "slice":
        bound = st.none() | st.integers(-n - 1, n + 1)
        return slice(draw(bound), draw(bound), draw(st.sampled_from([None, 1, 2, -1, -2])))
    if kind == "mask":
        return np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)), bool)
    place = st.integers(-n, n - 1)
    if kind == "int":
        return draw(place)
    found = np.array(draw(st.lists(place, min_size=3, max_size=3)), draw(st.sampled_from([
        np.int8, np.int32, np.int64])))  # fmt: skip
    return found if kind == "array" else found[:2, None]


@st.composite
def indexed(draw):
    """A shape and an index that NumPy accepts for it."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    used = draw(st.integers(0, len(shape)))
    index = [draw(entries(n)) for n in shape[:used]]
    if draw(st.booleans()):
        index.insert(draw(st.integers(0, len(index))), None)
    if draw(st.booleans()):
        index.append(Ellipsis)
    try:
        np.zeros(shape)[tuple(index)]
    except IndexError:  # masks and arrays that do not broadcast
        index = [0]
    return shape, tuple(index)


def on_device(index):
    return tuple(mnp.asarray(e) if isinstance(e, np.ndarray) else e for e in index)


@given(indexed())
@settings(max_examples=25)
def test_get(case):
    shape, index = case
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    want = x[index]
    same(mnp.asarray(x)[index], want)
    same(mnp.asarray(x)[on_device(index)], want)
    same(ms.jit(lambda x: x[index])(x), want)


@given(indexed(), st.sampled_from(["set", "add", "multiply", "min", "subtract", "divide"]))
@settings(max_examples=25)
def test_update(case, kind):
    shape, index = case
    x = np.arange(1, np.prod(shape) + 1, dtype=np.float32).reshape(shape)
    region = x[index]
    rng = np.random.default_rng(region.size)
    values = rng.integers(1, 5, region.shape).astype(np.float32)
    places = np.arange(x.size).reshape(shape)[index]
    if kind == "set" and len(np.unique(places)) < places.size:
        values = np.full_like(values, 3)  # which value stays would not be defined
    want = x.copy()
    if kind == "set":
        want[index] = values
    else:
        ufunc = {"min": np.minimum}.get(kind) or getattr(np, kind)
        ufunc.at(want.reshape(-1), places.ravel(), values.ravel())
    same(getattr(mnp.asarray(x).at[index], kind)(values), want, 1e-5)
    same(ms.jit(lambda x, v: getattr(x.at[index], kind)(v))(x, values), want, 1e-5)


X = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.mark.parametrize("i", [0, 1, 2, -1, -3])
def test_traced_integers(i):
    same(ms.jit(lambda x, i: x[i])(X, i), X[i])
    same(ms.jit(lambda x, i: x[:, i])(X, i), X[:, i])
    same(ms.jit(lambda x, i: x[1:, i, None])(X, i), X[1:, i, None])
    same(ms.jit(lambda x, i: x.at[i].set(7))(X, i), _with(X, i, 7))
    same(ms.jit(lambda x, i: x.at[1:, i].add(7))(X, i), _plus(X, (slice(1, None), i), 7))


def _with(x, index, value):
    x = x.copy()
    x[index] = value
    return x


def _plus(x, index, value):
    x = x.copy()
    x[index] += value
    return x


def test_one_program_for_all_places():
    fn = ms.make_ir(lambda x: x[1])(X)
    assert [e.primitive.name for e in fn.eqns] == ["slice", "reshape"]
    fn = ms.make_ir(lambda x: x[:, 1:3])(X)
    assert [e.primitive.name for e in fn.eqns] == ["slice"]
    fn = ms.make_ir(lambda x, i: x[i])(X, 1)
    assert "dynamic_slice" in [e.primitive.name for e in fn.eqns]


def test_python_booleans():
    for index in (True, False, (slice(None), True), (True, 1), np.True_):
        same(mnp.asarray(X)[index], X[index])


def test_masks():
    mask = X > 5
    same(mnp.asarray(X)[mnp.asarray(mask)], X[mask])
    same(mnp.asarray(X).at[mask].set(0), _with(X, mask, 0))
    same(ms.jit(lambda x: x.at[x > 5].add(1))(X), _plus(X, mask, 1))  # a scalar needs no shape
    same(ms.jit(lambda x: x[x > 5])(X), X[mask])
    with pytest.raises(IndexError, match="known only at run time"):
        ms.jit(lambda x: x[x > 5], convert=False)(X)


def test_out_of_bounds_modes():
    x = mnp.arange(3.0)
    i = mnp.array([0, 5, -9])
    same(x[i], np.array([0, 2, 0], np.float32))
    same(x.at[i].get(mode="clip"), np.array([0, 2, 0], np.float32))
    same(x.at[i].get(mode="fill", fill_value=-1), np.array([0, -1, -1], np.float32))
    assert np.isnan(np.asarray(x.at[i].get(mode="fill"))[1])
    same(x.at[i].set(9), np.array([9, 1, 2], np.float32))
    same(x.at[i].add(1, mode="clip"), np.array([2, 1, 3], np.float32))
    same(x.at[7].set(9), np.arange(3, dtype=np.float32))


@pytest.mark.parametrize("index", [0, np.array([0, 3]), (slice(None), 1)])
def test_updates_of_nothing_are_dropped(index):
    x = mnp.zeros((0, 0))
    same(x.at[index].set(1), np.zeros((0, 0), np.float32))
    same(x.at[index].add(1), np.zeros((0, 0), np.float32))


def test_derivatives():
    i = np.array([0, 2, 0])
    same(ms.grad(lambda x: (x[i] * np.array([1.0, 2, 3], np.float32)).sum())(mnp.arange(3.0)),
         np.array([4, 0, 2], np.float32))  # fmt: skip
    same(ms.grad(lambda v: (mnp.arange(3.0).at[i].add(v) ** 2).sum())(mnp.ones(3)),
         2 * np.array([2, 3, 2], np.float32))  # fmt: skip
    same(ms.grad(lambda x: x[::-2][0] * x[1:][0])(mnp.array([2.0, 3.0, 5.0])),
         np.array([0, 5, 3], np.float32))  # fmt: skip


def test_apply_and_power():
    same(mnp.arange(4.0).at[::2].apply(lambda v: v + 10), np.array([10, 1, 12, 3], np.float32))
    same(mnp.arange(4.0).at[1:].power(2), np.array([0, 1, 4, 9], np.float32))


def test_assignment_rebinds_the_handle():
    x = mnp.zeros((2, 3))
    alias, earlier = x, x + 0
    x[0, 1:] = mnp.array([5.0, 6.0])
    x[1] += 1
    want = np.array([[0, 5, 6], [1, 1, 1]], np.float32)
    same(x, want)
    same(alias, want)
    same(earlier, np.zeros((2, 3), np.float32))


def test_assignment_while_tracing():
    def f(x, v):
        y = x * 1
        y[0] = v
        y[1:] *= 2
        return y

    same(ms.jit(f)(mnp.ones(3), 5.0), np.array([5, 2, 2], np.float32))
    same(ms.grad(lambda x: f(x, 5.0).sum())(mnp.ones(3)), np.array([0, 2, 2], np.float32))


def test_assignment_to_an_outer_array_is_refused():
    outer = mnp.zeros(3)

    def f(v):
        outer[0] = v
        return v

    with pytest.raises(TypeError, match="outside of the function being recorded"):
        ms.jit(f)(1.0)


def test_iteration_and_membership():
    x = mnp.asarray(X)
    for row, want in zip(x, X, strict=True):
        same(row, want)
    a, b, c = ms.jit(lambda x: tuple(r.sum() for r in x))(X)
    same((a, b, c), tuple(X.sum(1)))
    assert 5.0 in x
    assert 50.0 not in x
    with pytest.raises(TypeError, match="0-d"):
        iter(mnp.asarray(1.0))


@pytest.mark.parametrize(
    ("index", "error", "text"),
    [
        ((1, 2, 3), IndexError, "Too many indices: array is 2-dimensional, but 3 were indexed"),
        ((..., ...), IndexError, "single ellipsis"),
        ("a", TypeError, "strings are no indices"),
        (1.0, TypeError, "integer or boolean type"),
        (np.array([1.0]), TypeError, "integer or boolean type"),
        (np.array([True, False]), IndexError, "boolean index did not match shape"),
        (5, IndexError, "index 5 is out of bounds for axis 0 with size 3"),
        ((0, -5), IndexError, "out of bounds for axis 1 with size 4"),
    ],
)
def test_refusals(index, error, text):
    with pytest.raises(error, match=text):
        mnp.asarray(X)[index]


def test_values_that_an_integer_cannot_hold_saturate():
    for value in (1e20, np.float32(1e20), np.float32([1e20]), mnp.float32(1e20)):
        with pytest.warns(FutureWarning, match="incompatible"):
            same(mnp.int32([1, 2]).at[:1].set(value), np.int32([2**31 - 1, 2]))


def test_values_that_do_not_fit():
    with pytest.raises(ValueError, match="Incompatible shapes"):
        mnp.asarray(X).at[0].set(np.ones(3, np.float32))
    with pytest.warns(FutureWarning, match="cannot safely cast"):
        mnp.arange(3).at[0].set(1.5)
    with pytest.raises(ValueError, match="Unknown gather mode"):
        mnp.asarray(X).at[0].set(1, mode="foo")


@pytest.mark.parametrize(
    "index",
    [[0, 2], [True, False, True], ([0, 0], slice(1, 3)), ([], slice(None)),
     ([True, False, True], 1), (..., [0, 1]), ([[0], [2]], [1, 2]),
     ([0, -1], [True, False, True, False])],
)  # fmt: skip
def test_lists_among_other_indices(index):
    same(mnp.asarray(X)[index], X[index])
    np.testing.assert_array_equal(ms.jit(lambda i: mnp.asarray(X)[[i, 0], :])(2), X[[2, 0]])


@pytest.mark.parametrize("index", [np.array([0, 0, 2, -1, 2]), np.array([9, 1]), slice(0, 2),
                                   np.array([True, False, True]), np.array([], int)])  # fmt: skip
def test_apply_counts_repetitions(index):
    """As `ufunc.at`; what is out of bounds is left out."""
    x, want = np.array([1.0, 2.0, 3.0], np.float32), np.array([1.0, 2.0, 3.0], np.float32)
    places = (
        [0, 1]
        if isinstance(index, slice)
        else np.arange(3)[index]
        if index.dtype == bool
        else index
    )
    for k in [k for k in places if k < 3]:
        want[k] = 2 * want[k] + 1

    def double(x):
        return x.at[index].apply(lambda v: 2 * v + 1)

    same(double(mnp.asarray(x)), want)
    same(ms.jit(double)(x), want)


def test_apply_is_differentiated_as_often_as_it_is_applied():
    got = ms.grad(lambda x: x.at[np.array([1, 1])].apply(mnp.sin).sum())(mnp.asarray([1.0, 2.0]))
    np.testing.assert_allclose(got, [1, np.cos(np.sin(2.0)) * np.cos(2.0)], rtol=1e-6)


def test_updates_take_lists_and_segments_are_counted_from_the_front():
    x = mnp.zeros((2, 3))
    assert x.at[0].set([1, 2, 3]).tolist() == [[1, 2, 3], [0, 0, 0]]
    data, ids = mnp.arange(5.0), mnp.array([0, 1, 9, -1, 1])
    assert ms.ops.segment_sum(data, ids, 3).tolist() == [0, 5, 0]
    assert ms.ops.segment_sum(data, ids, 3, mode="clip").tolist() == [3, 5, 2]
    assert mnp.put(data, mnp.array([9]), 7.0, inplace=False).tolist() == [0, 1, 2, 3, 7]


@pytest.mark.parametrize("shape", [(5,), (0,), (), (1, 2)])
def test_segments_are_joined_in_buckets(shape):
    rows = np.arange(1.0, 1.0 + np.prod(shape), dtype=np.float32).reshape(shape)
    ids = np.array([0, 1, 9, -1, 1])[: 0 if shape == (0,) else 5]
    inside = (ids >= 0) & (ids < 3)
    want = np.zeros((3, *shape[1:]), np.float32)
    np.add.at(want, ids[inside], np.broadcast_to(rows, (len(ids), *shape[1:]))[inside])
    assert ms.ops.segment_sum(rows, ids, 3, bucket_size=2).tolist() == want.tolist()


@pytest.mark.skipif(len(ms.devices()) < 8, reason="needs 8 devices")
@pytest.mark.parametrize("name", ["segment_sum", "segment_prod", "segment_max", "segment_min"])
def test_segments_are_placed(name):
    place = NamedSharding(Mesh((8,), ("a",)), P("a"))
    data, ids = np.arange(1.0, 17.0), np.arange(16) % 8
    found = getattr(ms.ops, name)(data, ids, 8, out_sharding=place)
    assert found.sharding.is_equivalent_to(place, 1)
    np.testing.assert_array_equal(found, getattr(ms.ops, name)(data, ids, 8))


def test_an_index_that_is_clamped_has_the_derivative_of_what_it_reads():
    with ms.as_jax() as jax:
        import jax.numpy

        slope = jax.grad(lambda x: x[9] ** 2)(jax.numpy.arange(3.0))
        row = jax.grad(lambda x: (x[:, -9] ** 2).sum())(jax.numpy.arange(6.0).reshape(2, 3))
        assert slope.__array_namespace__() is jax.numpy
    assert slope.__array_namespace__() is mnp
    assert slope.tolist() == [0, 0, 4]
    assert row.tolist() == [[0, 0, 0], [6, 0, 0]]


def test_a_list_is_not_compared_and_a_mask_is_not_dropped():
    x = mnp.arange(2)
    for compare in (lambda: x == [0, 1], lambda: x != (0, 1), lambda: x == {}):
        with pytest.raises(TypeError, match="unsupported operand"):
            compare()
    with pytest.raises(ValueError, match="masked"):
        mnp.asarray(np.ma.array([1, 2], mask=[0, 1]))
    with pytest.raises(OverflowError):
        mnp.asarray(float("inf"), dtype=int)
    assert x.byteswap().tolist() == np.asarray(x).byteswap().tolist()
    assert bytes(x) == np.asarray(x).tobytes()
