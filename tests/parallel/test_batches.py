"""A batch of problems that is split over devices stays split: nothing is gathered on the way."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import lax, scipy
from ms_func.parallel.hlo import collectives
from ms_func.sharding import Mesh, NamedSharding, P

MESH = Mesh((2, 4), ("a", "b"))
LAID = NamedSharding(MESH, P(("a", "b")))
X = np.random.default_rng(0).standard_normal((1024, 6, 6)).astype(np.float32) + 4 * np.eye(
    6, dtype=np.float32
)

LINEAR_ALGEBRA = {
    "cholesky": lambda x: mnp.linalg.cholesky(x @ x.swapaxes(1, 2)),
    "eigh": lambda x: mnp.linalg.eigh(x + x.swapaxes(1, 2))[0],
    "eig": lambda x: abs(mnp.linalg.eigvals(x)).sum(-1),
    "svd": lambda x: mnp.linalg.svd(x)[1],
    "qr": lambda x: mnp.linalg.qr(x)[1],
    "lu": lambda x: scipy.linalg.lu(x)[2],
    "solve": lambda x: mnp.linalg.solve(x, x[..., :2]),
    "inv": mnp.linalg.inv,
    "triangular": lambda x: scipy.linalg.solve_triangular(x, x),
    "tridiagonal": lambda x: lax.linalg.tridiagonal_solve(x[:, 0], x[:, 1], x[:, 2], x),
}
OTHERS = {
    "fft": lambda x: abs(mnp.fft.fft2(x)),
    "rfft": lambda x: mnp.fft.irfft(mnp.fft.rfft(x, axis=1), n=6, axis=1),
    "top_k": lambda x: lax.top_k(x, 2)[0],
    "sort": lambda x: mnp.sort(x, axis=-1),
    "cumsum": lambda x: mnp.cumsum(x, axis=1),
}


def sent(compiled):
    return sum(c.wire for c in collectives(compiled.as_text(), 8))


@pytest.mark.parametrize("name", sorted({**LINEAR_ALGEBRA, **OTHERS}))
def test_a_planned_batch_is_not_gathered(name):
    f = {**LINEAR_ALGEBRA, **OTHERS}[name]
    split = ms.jit(ms.shard(f, mesh=MESH, in_specs=(LAID.spec,), out_specs=LAID.spec))
    compiled = split.lower(X).compile()
    assert sent(compiled) == 0
    assert split.plan(X).redundancy < 1.01
    np.testing.assert_allclose(split(X), ms.jit(f)(X), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", sorted(LINEAR_ALGEBRA))
def test_a_batch_laid_out_by_hand_is_not_gathered(name):
    f = ms.jit(LINEAR_ALGEBRA[name], in_shardings=LAID)
    compiled = f.lower(X).compile()
    assert sent(compiled) == 0
    assert compiled.output_shardings.spec[0] == ("a", "b")


def test_fourier_transforms_inside_of_a_scan_and_their_gradients():
    def loss(w, x):
        def step(h, w):
            return mnp.fft.irfft(mnp.fft.rfft(h, axis=1) * w, n=6, axis=1), None

        return (lax.scan(step, x, w)[0] ** 2).sum()

    w = np.ones((3, 4, 6), np.float32)
    f = ms.value_and_grad(loss)
    split = ms.jit(ms.shard(f, mesh=MESH, in_specs=(P(), LAID.spec), objective="communication"))
    assert sent(split.lower(w, X).compile()) < X.nbytes / 64  # sums of gradients only
    for got, want in zip(split(w, X), ms.jit(f)(w, X), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4)


# --- windows that slide along a dimension that is cut ---------------------------------------------

ROWS = P(None, ("a", "b"))
IMAGE = np.random.default_rng(1).standard_normal((1, 64, 16, 4)).astype(np.float32)
KERNEL = np.random.default_rng(2).standard_normal((3, 3, 4, 4)).astype(np.float32)
LINE = IMAGE[0, 0].nbytes


def convolved(x, w, **options):
    options = {"window_strides": (1, 1), "padding": "SAME", **options}
    return lax.conv_general_dilated(x, w, dimension_numbers=("NHWC", "HWIO", "NHWC"), **options)


def pooled(x, size=2, step=2):
    window, steps = (1, size, size, 1), (1, step, step, 1)
    return lax.reduce_window(x, -np.inf, lax.max, window, steps, "SAME")


def averaged(x):
    return lax.reduce_window(x, 0.0, lax.add, (1, 3, 3, 1), (1, 2, 2, 1), "SAME")


WINDOWS = {
    # function of an image and a kernel, lines of the image that each device sends
    "3x3": (convolved, 2),
    "5x5": (lambda x, w: convolved(x, mnp.pad(w, ((1, 1), (1, 1), (0, 0), (0, 0)))), 4),
    "step 2": (lambda x, w: convolved(x, w, window_strides=(2, 2)), 1),
    "holes": (lambda x, w: convolved(x, w, rhs_dilation=(2, 2)), 4),
    "one side": (lambda x, w: convolved(x, w, padding=((2, 0), (1, 1))), 2),
    "spread": (lambda x, w: convolved(x, w, lhs_dilation=(2, 1), padding=((1, 2), (1, 1))), 1),
    "pool": (lambda x, w: pooled(x) + w[0, 0, 0], 0),
    "pool that overlaps": (lambda x, w: pooled(x, 3, 2) + w[0, 0, 0], 1),
    "pool step by step": (lambda x, w: pooled(x, 3, 1) + w[0, 0, 0], 2),
    "mean": (lambda x, w: averaged(x) + w[0, 0, 0], 1),
    "gradient of a mean": (
        lambda x, w: ms.grad(lambda x: (averaged(x) ** 2).sum())(x) + w[0, 0, 0],
        1.5,
    ),
    "gradient of a pool that overlaps": (
        lambda x, w: ms.grad(lambda x: (pooled(x, 3, 2) ** 2).sum())(x) + w[0, 0, 0],
        4.5,  # what lies in the windows that reach into a piece, and their cotangents
    ),
    "every second": (lambda x, w: x[:, ::2] * x[:, 1::2] + w[0, 0, 0], 0),
    "gradient of every second": (
        lambda x, w: ms.grad(lambda x: (x[:, ::2] ** 2).sum())(x) + w[0, 0, 0],
        0,
    ),
    "running sum": (lambda x, w: mnp.cumsum(x, 1) + w[0, 0, 0], 7),  # totals of the others
    "running maximum backwards": (
        lambda x, w: lax.cummax(x, axis=1, reverse=True) + w[0, 0, 0],
        7,
    ),
    "turned around": (lambda x, w: x + x[:, ::-1] + w[0, 0, 0], 8),  # all of a piece
    "roll": (lambda x, w: mnp.roll(x, 1, 1) + mnp.roll(x, -2, 1) + w[0, 0, 0], 3),
    "roll by more than a piece": (lambda x, w: mnp.roll(x, 20, 2) + w[0, 0, 0], 0),
}


@pytest.mark.parametrize("name", sorted(WINDOWS))
def test_windows_read_the_borders_of_their_neighbours(name):
    f, lines = WINDOWS[name]
    split = ms.jit(ms.shard(f, mesh=MESH, in_specs=(ROWS, P()), out_specs=ROWS))
    plan, compiled = split.plan(IMAGE, KERNEL), split.lower(IMAGE, KERNEL).compile()
    assert plan.wire_bytes == sent(compiled) == lines * LINE
    np.testing.assert_allclose(split(IMAGE, KERNEL), ms.jit(f)(IMAGE, KERNEL), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("mesh", "spec"), [(Mesh((8,), ("a",)), P(None, "a")), (MESH, P(None, "a", "b"))]
)
def test_gradients_of_networks_on_one_large_image_exchange_borders_only(mesh, spec):
    def loss(ws, x):
        h = pooled(mnp.tanh(convolved(x, ws[0])), 3)
        h = mnp.tanh(convolved(h, ws[1], window_strides=(2, 2)))
        h = convolved(h, ws[2], rhs_dilation=(2, 2))
        h = lax.conv_transpose(h, ws[3], (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return (h**2).mean()

    f = ms.value_and_grad(loss, argnums=(0, 1))
    ws, x = [KERNEL] * 4, np.tile(IMAGE, (1, 8, 4, 1))
    split = ms.jit(ms.shard(f, mesh=mesh, in_specs=(P(), spec), objective="communication"))
    plan = split.plan(ws, x)
    assert abs(plan.verify(split.lower(ws, x).compile()).surplus) < 0.05
    assert plan.wire_bytes < x.nbytes / 7
    assert plan.redundancy < 1.05
    for got, want in zip(
        ms.tree.leaves(split(ws, x)), ms.tree.leaves(ms.jit(f)(ws, x)), strict=True
    ):
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-5 * (1 + np.abs(want).max()))


@pytest.mark.parametrize("spec", [P(None, ("a", "b")), P(None, "b"), P(None, "a", "b")])
def test_gradients_of_networks_laid_out_by_hand_are_those_of_one_device(spec):
    """Rows by devices, also where a layer has fewer rows than devices, or some only repeat."""

    def loss(ws, x):
        for w in ws:
            x = mnp.tanh(convolved(x, w, window_strides=(2, 2)))
        return (x**2).mean()

    f, ws = ms.value_and_grad(loss), [KERNEL] * 5
    by_hand = ms.jit(f, in_shardings=(NamedSharding(MESH, P()), NamedSharding(MESH, spec)))
    for got, want in zip(
        ms.tree.leaves(by_hand(ws, IMAGE)), ms.tree.leaves(ms.jit(f)(ws, IMAGE)), strict=True
    ):
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-5 * (1 + np.abs(want).max()))


def test_prefixes_of_a_long_sequence_exchange_ends_of_pieces_only():
    def prefixes(x):
        pairs = lambda a, b: (a[0] * b[0], b[0] * a[1] + b[1])  # noqa: E731
        return (lax.associative_scan(pairs, (mnp.tanh(x), x))[1] ** 2).mean()

    x = np.random.default_rng(1).standard_normal((4096, 4)).astype(np.float32)
    f = ms.grad(prefixes)
    split = ms.jit(ms.shard(f, mesh=Mesh((8,), ("a",)), in_specs=P("a"), out_specs=P("a")))
    assert split.plan(x).wire_bytes == sent(split.lower(x).compile()) < x.nbytes / 8
    np.testing.assert_allclose(split(x), ms.jit(f)(x), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["", "r"])
def test_transforms_over_all_dimensions_are_taken_apart(kind):
    """Slabs: an exchange of all pieces on the way there, and one on the way back."""
    x = np.random.default_rng(1).standard_normal((32, 16, 16)).astype(np.float32)
    there, back = getattr(mnp.fft, f"{kind}fftn"), getattr(mnp.fft, f"i{kind}fftn")
    f = lambda x: back(there(x) ** 2, s=x.shape).real  # noqa: E731
    options = {"in_specs": LAID.spec, "out_specs": LAID.spec, "objective": "communication"}
    split = ms.jit(ms.shard(f, mesh=MESH, **options))
    piece = there(x).nbytes / 8
    assert sent(split.lower(x).compile()) == 2 * piece * 7 / 8
    assert split.plan(x).redundancy < 1.01
    np.testing.assert_allclose(split(x), ms.jit(f)(x), rtol=1e-4, atol=1e-3)


def test_a_stencil_in_a_loop():
    def heat(u):
        def step(u, _):
            around = sum(mnp.roll(u, s, d) for s in (1, -1) for d in (0, 1))
            return u + 0.1 * (around - 4 * u), None

        return lax.scan(step, u, None, length=10)[0]

    u = IMAGE[0, ..., 0]
    split = ms.jit(ms.shard(heat, mesh=Mesh((8,), ("a",)), in_specs=P("a"), out_specs=P("a")))
    assert split.plan(u).wire_bytes == sent(split.lower(u).compile()) == 10 * 2 * u[0].nbytes
    np.testing.assert_allclose(split(u), ms.jit(heat)(u), rtol=1e-4, atol=1e-5)


def test_the_diagonal_of_a_matrix_split_by_rows_is_read_in_place():
    x = np.random.default_rng(1).standard_normal((64, 64)).astype(np.float32)
    split = ms.jit(ms.shard(mnp.diag, mesh=MESH, in_specs=(LAID.spec,), out_specs=LAID.spec))
    assert sent(split.lower(x).compile()) == 0
    np.testing.assert_array_equal(split(x), np.diag(x))


CHOICES = {
    # function of the columns of an array, bytes of what a device offers of each column
    "argmax": (lambda x: mnp.argmax(x, 0), 8),
    "argmin of bytes": (lambda x: mnp.argmin(x.astype(np.int8), 0), 5),
    "argmax of bfloat16": (lambda x: mnp.argmax(x.astype("bfloat16"), 0), 8),  # sent as float32
    "three largest": (lambda x: lax.top_k(x, 3, axis=0), 24),
    "more than in a piece": (lambda x: lax.top_k(x, 600, axis=0)[1], 8 * 512),
}


@pytest.mark.parametrize("name", sorted(CHOICES))
def test_extrema_along_a_dimension_that_is_cut_are_chosen_among_those_of_the_pieces(name):
    f, offered = CHOICES[name]
    x = np.random.default_rng(1).integers(-9, 9, (4096, 16)).astype(np.float32)  # many are equal
    x[[7, 900, 4000], 3] = np.nan
    split = ms.jit(ms.shard(f, mesh=MESH, in_specs=LAID.spec, objective="communication"))
    got, compiled = split(x), split.lower(x).compile()
    assert split.plan(x).wire_bytes == sent(compiled) <= 7 * 16 * offered
    for a, b in zip(ms.tree.leaves(got), ms.tree.leaves(ms.jit(f)(x)), strict=True):
        np.testing.assert_array_equal(a, b)
