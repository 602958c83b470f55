"""Sparse arrays against NumPy on the same arrays with all elements."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as xp
from ms_func import as_jax
from ms_func.experimental import sparse
from ms_func.experimental.sparse import BCOO, BCSR

slow = pytest.mark.slow


def _few(n, rows):
    """The first rows in every run, the others in the slow one: each compiles for itself."""
    return [pytest.param(*row, marks=() if i < n else slow) for i, row in enumerate(rows)]


LAYOUTS = _few(1, [
    ((2, 3, 4), 1, 1), ((3, 4), 0, 0), ((4,), 0, 0), ((3, 4), 1, 0), ((3, 4), 0, 1),
    ((2, 3, 4), 1, 0), ((2, 3, 4), 0, 1), ((2, 3, 4), 2, 0), ((2, 2, 3, 2), 1, 1), ((3, 4), 2, 0),
    ((), 0, 0),
])  # fmt: skip
laid = pytest.mark.parametrize(("shape", "n_batch", "n_dense"), LAYOUTS)


def _array(shape, seed=0, part=0.5):
    rng = np.random.default_rng([seed, *shape])
    x = rng.normal(size=shape).astype("float32")
    return np.where(rng.random(shape) < part, x, 0).astype("float32")


def _sparse(shape, n_batch=0, n_dense=0, seed=0, repeated=False):
    """A sparse array with padding, and the same with all elements."""
    x = _array(shape, seed)
    m = BCOO.fromdense(x, n_batch=n_batch, n_dense=n_dense)
    m = BCOO.fromdense(x, n_batch=n_batch, n_dense=n_dense, nse=m.nse + 2)
    if repeated:  # each element in two halves
        at = n_batch
        halves = xp.concatenate([m.data / 2, m.data / 2], at)
        m = BCOO((halves, xp.concatenate([m.indices, m.indices], at)), shape=shape)
    return m, x


def _equal(found, expected):
    found = found.todense() if isinstance(found, sparse.JAXSparse) else found
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@laid
@pytest.mark.parametrize("repeated", [pytest.param(False, marks=slow), True])
def test_elements(shape, n_batch, n_dense, repeated):
    m, x = _sparse(shape, n_batch, n_dense, repeated=repeated)
    assert (m.n_batch, m.n_dense, m.n_sparse) == (n_batch, n_dense, len(shape) - n_batch - n_dense)
    assert (m.shape, m.ndim, m.size, m.dtype) == (x.shape, x.ndim, x.size, x.dtype)
    _equal(m, x)
    _equal(ms.jit(lambda m: m)(m), x)
    once = m.sum_duplicates()
    assert once.nse <= m.nse
    assert once.unique_indices
    assert once.indices_sorted
    _equal(once, x)
    _equal(m.sort_indices(), x)
    _equal(abs(m), abs(x))
    _equal(-m, -x)
    _equal(m.astype("float16"), x.astype("float16"))
    full = ms.jit(lambda m: m.sum_duplicates(nse=m.nse))(m)
    _equal(full, x)


@laid
def test_layouts_of_one_array(shape, n_batch, n_dense):
    m, x = _sparse(shape)
    there = m.update_layout(n_batch=n_batch, n_dense=n_dense, on_inefficient=None)
    assert (there.n_batch, there.n_dense) == (n_batch, n_dense)
    _equal(there, x)
    _equal(there.update_layout(n_batch=0, n_dense=0), x)
    if n_batch + n_dense:
        with pytest.raises(sparse.SparseEfficiencyError):
            m.update_layout(n_batch=n_batch, n_dense=n_dense)


@laid
def test_sums(shape, n_batch, n_dense):
    m, x = _sparse(shape, n_batch, n_dense, repeated=True)
    for mask in product([False, True], repeat=len(shape)):
        axes = tuple(i for i, k in enumerate(mask) if k)
        _equal(m.sum(axes), x.sum(axes))
    _equal(m.sum(), x.sum())


@laid
def test_order_of_dimensions(shape, n_batch, n_dense):
    m, x = _sparse(shape, n_batch, n_dense)
    n_sparse = m.n_sparse
    end = n_batch + n_sparse
    axes = [*range(n_batch)[::-1], *range(n_batch, end)[::-1], *range(end, m.ndim)[::-1]]
    _equal(m.transpose(axes), x.transpose(axes))
    _equal(sparse.bcoo_rev(m, range(m.ndim)), np.flip(x))
    if n_batch and n_sparse:
        with pytest.raises(NotImplementedError, match="update_layout"):
            m.transpose([n_batch, *(i for i in range(m.ndim) if i != n_batch)])


@laid
def test_arithmetic(shape, n_batch, n_dense):
    m, x = _sparse(shape, n_batch, n_dense, repeated=True)
    n, y = _sparse(shape, n_batch, n_dense, seed=1)
    _equal(m + n, x + y)
    _equal(m - n, x - y)
    _equal(m * 2.5, x * 2.5)
    _equal(2.5 * m / 4, 2.5 * x / 4)
    _equal(m * n, x * y)
    _equal(m * y, x * y)
    _equal(m + y, x + y)
    _equal(m**2, x**2)
    row = _array(shape[-1:], 2, 1.0)
    _equal(m * row, x * row)
    there = (
        (x != 0).any(tuple(range(m.ndim - n_dense, m.ndim)), keepdims=True) if n_dense else x != 0
    )
    if not m.n_sparse:  # the one place of each batch is stored, also where it holds zero
        there = np.ones_like(x, bool)
    _equal(sparse.bcoo_extract(m.sum_duplicates(), y), np.where(there, y, 0))


@pytest.mark.parametrize("item", _few(3, [
    ((slice(None, None, 2), slice(3, 0, -1)),), ((slice(2), None, -1),), ((slice(2, 2),),),
    ((0,),), ((slice(1, 3),),), ((slice(None), 1),), ((Ellipsis, 2),), ((-1, Ellipsis),),
    ((None, slice(2)),), ((1, 2),),
]))  # fmt: skip
@pytest.mark.parametrize(("n_batch", "n_dense"), _few(1, [(0, 0), (1, 0), (0, 1)]))
def test_parts(item, n_batch, n_dense):
    m, x = _sparse((3, 4), n_batch, n_dense, repeated=True)
    _equal(m[item], x[item])
    _equal(ms.jit(lambda m: m[item])(m), x[item])


def test_parts_at_places_known_when_it_runs():
    for nb, nd in ((0, 0), (1, 0), (0, 1)):
        m, x = _sparse((3, 4), nb, nd)
        cut = ms.jit(lambda m, i: sparse.bcoo_dynamic_slice(m, (i, 1), (2, 3)))
        _equal(cut(m, 1), x[1:3, 1:4])
        _equal(cut(m, 7), x[1:3, 1:4])


@pytest.mark.parametrize(("n_batch", "n_dense", "new"), _few(2, [
    (0, 0, (2, 12)), (0, 0, (24,)), (1, 0, (2, 12)), (1, 0, (2, 3, 2, 2)), (0, 1, (6, 4)),
    (0, 1, (6, 2, 2)), (1, 1, (2, 3, 2, 2)), (1, 0, (4, 6)),
]))  # fmt: skip
def test_shapes(n_batch, n_dense, new):
    m, x = _sparse((2, 3, 4), n_batch, n_dense)
    _equal(m.reshape(new), x.reshape(new))
    _equal(m.reshape(-1, new[-1]), x.reshape(-1, new[-1]))


@slow
def test_broadcasts_and_concatenations():
    m, x = _sparse((3, 4))
    wide = sparse.bcoo_broadcast_in_dim(m, shape=(3, 2, 4), broadcast_dimensions=(0, 2))
    _equal(wide, np.broadcast_to(x[:, None], (3, 2, 4)))
    one, y = _sparse((1, 4), seed=3)
    _equal(sparse.bcoo_broadcast_in_dim(one, shape=(3, 4), broadcast_dimensions=(0, 1)),
           np.broadcast_to(y, (3, 4)))  # fmt: skip
    for (nb, nd), axis in product([(0, 0), (1, 0), (0, 1)], [0, 1]):
        parts = [_sparse((3, 4), nb, nd, seed=s) for s in (1, 2)]
        out = sparse.bcoo_concatenate([p for p, _ in parts], dimension=axis)
        _equal(out, np.concatenate([p for _, p in parts], axis))


@pytest.mark.parametrize(("left", "right", "dims"), _few(1, [
    ((3, 4), (4, 2), (((1,), (0,)), ((), ()))),
    ((3, 4), (4,), (((1,), (0,)), ((), ()))),
    ((3, 4), (3, 4), (((0, 1), (0, 1)), ((), ()))),
    ((2, 3, 4), (2, 4, 5), (((2,), (1,)), ((0,), (0,)))),
    ((2, 3, 4), (3, 2), (((1,), (0,)), ((0,), (1,)))),
    ((3,), (4,), (((), ()), ((), ()))),
]))  # fmt: skip
def test_products(left, right, dims):
    oracle = ms.lax.dot_general
    layouts = [(0, 0), (1, 0), (0, 1)] if len(left) > 1 else [(0, 0)]
    for nb, nd in layouts:
        a, x = _sparse(left, nb, nd, repeated=True)
        y = _array(right, 1)
        b = BCOO.fromdense(y)
        expected = oracle(x, y, dims)
        _equal(sparse.bcoo_dot_general(a, y, dimension_numbers=dims), expected)
        _equal(sparse.bcoo_dot_general(a, b, dimension_numbers=dims), expected)
        _equal(sparse.bcoo_dot_general(x, b, dimension_numbers=dims), expected)


@pytest.mark.parametrize(("left", "right"), _few(2, [
    ((3, 4), (4, 2)), ((3, 4), (4,)), ((4,), (4, 2)), ((4,), (4,)), ((2, 3, 4), (2, 4, 5)),
    ((2, 3, 4), (4, 5)), ((2, 3, 4), (4,)), ((3, 4), (2, 4, 5)),
]))  # fmt: skip
def test_matrix_products(left, right):
    (a, x), (b, y) = _sparse(left), _sparse(right, seed=1)
    for p, q in ((a, y), (x, b), (a, b)):
        if p is x and len(left) != len(right) and len(right) > 2:
            continue  # NumPy's own `@` comes first there, and broadcasts
        _equal(p @ q, x @ y)


def test_transforms():
    m, x = _sparse((3, 4))
    v = _array((4,), 2, 1.0)

    def f(data):
        return (xp.sin(BCOO((data, m.indices), shape=m.shape) @ v) ** 2).sum()

    slow = ms.grad(lambda x: (xp.sin(x @ v) ** 2).sum())(x)
    _equal(BCOO((ms.jit(ms.grad(f))(m.data), m.indices), shape=m.shape),
           np.where(x != 0, slow, 0))  # fmt: skip
    found = sparse.grad(lambda m: (xp.sin(m @ v) ** 2).sum())(m)
    assert isinstance(found, BCOO)
    _equal(found, np.where(x != 0, slow, 0))
    value, (found, other) = sparse.value_and_grad(lambda m, v: (m @ v).sum(), (0, 1))(m, v)
    _equal(value, (x @ v).sum())
    _equal(other, x.sum(0))
    jac = sparse.jacrev(lambda m: m @ v)(m)
    _equal(jac, np.where(x != 0, np.eye(3)[:, :, None] * v, 0))
    rows = ms.vmap(lambda x: BCOO.fromdense(x, nse=4))(np.stack([x, 2 * x]))
    assert rows.shape == (2, 3, 4)
    full = ms.vmap(lambda x: BCOO.fromdense(x, nse=12))(np.stack([x, 2 * x]))
    _equal(ms.vmap(lambda m: m @ v)(full), np.stack([x @ v, 2 * (x @ v)]))


def test_functions_of_ordinary_arrays():
    m, x = _sparse((3, 4), repeated=True)
    v = _array((4,), 2, 1.0)

    @sparse.sparsify
    def f(m, v):
        return xp.sum(m * 2.0, 0), ms.jit(lambda m: -m.T)(m), m @ v, xp.sin(m), v + 1

    with_zeros = (np.sum(x * 2.0, 0), -x.T, x @ v, np.sin(x), v + 1)
    for g in (f, ms.jit(f)):
        out = g(m, v)
        assert [isinstance(o, BCOO) for o in out] == [True, True, False, True, False]
        for o, e in zip(out, with_zeros, strict=True):
            _equal(o, e)
    with pytest.raises(NotImplementedError, match="cos"):
        sparse.sparsify(xp.cos)(m)


@pytest.mark.parametrize("kind", ["BCSR", "COO", "CSR", "CSC"])
def test_other_formats(kind):
    x, v, w = _array((3, 4)), _array((4, 2), 1), _array((2, 3), 2)
    cls = getattr(sparse, kind)
    m = cls.fromdense(x)
    assert m.nse == (x != 0).sum()
    _equal(m, x)
    _equal(cls.fromdense(x, nse=m.nse + 3), x)
    _equal(ms.jit(lambda m: m @ v)(m), x @ v)
    _equal(w @ m if kind == "BCSR" else m.__rmatmul__(w), w @ x)
    _equal(sparse.eye(3, 4, 1, sparse_format=kind.lower()), np.eye(3, 4, 1))
    _equal(sparse.empty((3, 4), sparse_format=kind.lower()), np.zeros((3, 4)))
    if kind != "BCSR":
        _equal(m.T, x.T)


def test_compressed_batches():
    x = _array((2, 3, 4))
    m = BCSR.fromdense(x, n_batch=1)
    assert (m.n_batch, m.indptr.shape) == (1, (2, 4))
    _equal(m, x)
    _equal(m.to_bcoo(), x)


def test_from_scipy():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    x = _array((3, 4))
    for cls, made in ((BCOO, scipy_sparse.coo_array(x)), (BCSR, scipy_sparse.csr_array(x))):
        _equal(cls.from_scipy_sparse(made), x)


def test_random_places():
    m = sparse.random_bcoo(
        ms.random.key(0), (20, 10), nse=0.25, sorted_indices=True, dtype="float32"
    )
    assert m.nse == 50
    assert m.sum_duplicates().nse == 50
    assert np.array_equal(m.indices, m.sort_indices().indices)
    assert (np.asarray(m.data) < 1).all()
    many = sparse.random_bcoo(ms.random.key(0), (3, 20, 2), nse=4, n_batch=1, n_dense=1)
    assert (many.data.shape, many.indices.shape) == ((3, 4, 2), (3, 4, 1))


def test_solutions():
    a = (_array((4, 4)) + 4 * np.eye(4)).astype("float32")
    m, b = sparse.CSR.fromdense(a), _array((4,), 1, 1.0)
    from ms_func.experimental.sparse.linalg import spsolve

    _equal(spsolve(m.data, m.indices, m.indptr, b), np.linalg.solve(a, b))


@pytest.mark.parametrize(("make", "error"), [
    (lambda: BCOO((np.ones(3), np.zeros((3, 1))), shape=(4,)), TypeError),
    (lambda: BCOO((np.ones(3), np.zeros((2, 1), int)), shape=(4,)), ValueError),
    (lambda: BCOO((np.ones(3), np.zeros((3, 1), int)), shape=(4, 2)), ValueError),
    (lambda: np.asarray(BCOO.fromdense(np.ones(2))), TypeError),
    (lambda: BCOO.fromdense(np.ones(2))[None, [0, 1]], NotImplementedError),
    (lambda: 1 / BCOO.fromdense(np.ones(2)), TypeError),
    (lambda: BCSR((np.ones(2), np.arange(2), np.arange(2)), shape=(2, 3)), ValueError),
    (lambda: ms.jit(BCOO.fromdense)(np.ones(2)), TypeError),
    (lambda: BCOO.fromdense(np.ones((2, 3))) @ np.ones(2), TypeError),
])  # fmt: skip
def test_refusals(make, error):
    with pytest.raises(error):
        make()


def test_vmap_takes_the_leading_batch_dimension_of_sparse_arrays():
    dense = np.arange(12.0).reshape(2, 2, 3) % 4
    for kind in (BCOO, BCSR):
        rows = kind.fromdense(dense, n_batch=1)
        assert repr(rows) == f"{kind.__name__}(float64[2, 2, 3], nse={rows.nse}, n_batch=1)"
        np.testing.assert_allclose(ms.vmap(lambda m: m @ np.ones(3))(rows), dense.sum(-1))
    rows = BCOO.fromdense(dense, n_batch=1)
    assert ms.vmap(lambda m: xp.full((), m.ndim))(rows).tolist() == [2, 2]
    twice = ms.vmap(lambda m: 2 * m)(rows)
    assert twice.shape == rows.shape
    np.testing.assert_allclose(twice.todense(), 2 * dense)


def test_the_alias_has_them():
    with as_jax() as jax:
        from jax.experimental import sparse as theirs
        from jax.experimental.sparse import linalg

        m = theirs.BCOO.fromdense(jax.numpy.eye(3))
        assert repr(m) == "BCOO(float32[3, 3], nse=3)"
        assert m.indices.dtype == "int32"
        assert callable(linalg.spsolve)


def test_loops_and_branches_of_sparse_arrays():
    m, lax = _sparse((2, 3))[0], ms.lax
    v = xp.arange(float(m.shape[1]))
    square = BCOO.fromdense(np.diag([1.0, 2.0, 0.0]).astype("f"))
    three = xp.ones(3)

    def power(a):
        return lax.scan(lambda c, _: (a @ c, a.sum()), three, None, length=3)

    out, sums = sparse.sparsify(power)(square)
    np.testing.assert_array_equal(out, [1, 8, 0])
    np.testing.assert_array_equal(sums, [3, 3, 3])
    fori = sparse.sparsify(lambda a: lax.fori_loop(0, 3, lambda i, c: a @ c, three))
    np.testing.assert_array_equal(fori(square), [1, 8, 0])
    choose = sparse.sparsify(lambda p, a: lax.cond(p, lambda q: q * 2.0, lambda q: q, a))
    for p in (True, False):
        np.testing.assert_array_equal(choose(p, m).todense(), m.todense() * (1 + p))
    pick = sparse.sparsify(lambda i, a: lax.switch(i, [lambda q: q @ v, lambda q: -(q @ v)], a))
    np.testing.assert_allclose(pick(1, m), -(m.todense() @ v))
    with pytest.raises(NotImplementedError, match="a scan goes over"):
        sparse.sparsify(lambda a: lax.scan(lambda c, x: (c, x @ v), 0.0, a))(m)
    part = sparse.sparsify(lambda a: lax.dynamic_slice(a, (0, 1), (1, 2)).astype("int32"))(m)
    np.testing.assert_array_equal(part.todense(), np.asarray(m.todense()[:1, 1:3]).astype(int))


def test_sparse_arrays_indexed_by_arrays():
    dense = np.arange(60.0).reshape(3, 4, 5) * (np.arange(60).reshape(3, 4, 5) % 3 == 0)
    i, j = np.array([0, 2, -1]), np.array([[1, 3, 0]])
    for kinds in ({}, {"n_batch": 1}, {"n_dense": 1}):
        x = BCOO.fromdense(dense.astype("f"), **kinds)
        for index in (
            i, (i, 1), (slice(1, None), i), (slice(None), i, slice(0, 2)), (i, j), (i, j, i),
            (i, slice(None), i), (Ellipsis, i), [0, 1], dense[:, 0, 0] > 20,
        ):  # fmt: skip
            got = x[index]
            np.testing.assert_array_equal(got.todense(), dense[index], err_msg=str(index))
    assert BCOO.fromdense(dense[0].astype("f"))[i].n_batch == 1
