"""Layouts in types, along axes of a mesh that are `AxisType.Explicit`."""

from __future__ import annotations

import numpy as onp
import pytest

import ms_func as ms
import ms_func.numpy as np
from ms_func import lax, nn, random
from ms_func.errors import ShardingTypeError
from ms_func.ir.parse import parse
from ms_func.ir.text import to_text
from ms_func.sharding import AxisType, Mesh, NamedSharding, P, set_mesh

MESH = Mesh((4, 2), ("X", "Y"), AxisType.Explicit)


@pytest.fixture(autouse=True, scope="module")
def mesh():
    with set_mesh(MESH):
        yield MESH


def numbers(*shape):
    return onp.arange(float(onp.prod(shape)), dtype=onp.float32).reshape(shape)


def laid(shape, *spec):
    return ms.device_put(numbers(*shape), P(*spec))


def text(tree):
    return [ms.typeof(x).str_short() for x in ms.tree.leaves(tree)]


OPERANDS = {
    "b": ((8, 4), "X", "Y"), "x": ((8, 4), "X"), "y": ((8, 4), None, "Y"), "r": ((8, 4),),
    "v": ((8,), "X"), "w": ((4,), "Y"), "z": ((8,), ("X", "Y")), "t": ((8, 4, 2), "X", "Y"),
    "m": ((4, 6), None, "Y"), "k": ((4, 8), "Y"), "p": ((3, 4), None, "Y"), "one": ((8, 1), "X"),
    "lhs": ((8, 2, 4), "X"), "rhs": ((8, 4, 2), "X"),
}  # fmt: skip

# Types as JAX 0.10 gives them, which works them out by rules of its own.
CASES = [
    ("product, nothing contracted is cut", lambda x, m: x @ m, "float32[8@X,6@Y]"),
    ("product with a vector", lambda x: x @ numbers(4), "float32[8@X]"),
    ("contraction, one operand cut", lambda x, r: x.T @ r, "float32[4,4]"),
    ("batched product", lambda lhs, rhs: np.matmul(lhs, rhs), "float32[8@X,2,2]"),
    ("outer", lambda v, w: np.outer(v, w), "float32[8@X,4@Y]"),
    ("sum with a whole one", lambda b, r: b + r, "float32[8@X,4@Y]"),
    ("sum of two layouts that fit", lambda x, y: x + y, "float32[8@X,4@Y]"),
    ("sum with a row", lambda x, w: x + w, "float32[8@X,4@Y]"),
    ("sum with a column", lambda b, v: b + v[:, None], "float32[8@X,4@Y]"),
    ("sum with a number", lambda b: b + 1, "float32[8@X,4@Y]"),
    ("sum with a NumPy array", lambda b: b + numbers(8, 4), "float32[8@X,4@Y]"),
    ("comparison", lambda b, x: b > x, "bool[8@X,4@Y]"),
    ("sum over rows", lambda b: b.sum(0), "float32[4@Y]"),
    ("sum, dimension kept", lambda b: b.sum(1, keepdims=True), "float32[8@X,1]"),
    ("maximum", lambda b: b.max(0), "float32[4@Y]"),
    ("variance", lambda b: b.var(1), "float32[8@X]"),
    ("running sum", lambda x: np.cumsum(x, 1), "float32[8@X,4]"),
    ("sort", lambda x: np.sort(x, 1), "float32[8@X,4]"),
    ("argmax", lambda x: (x.argmax(0), x.argmax(1)), "int32[4] int32[8@X]"),
    ("two dimensions to one", lambda b, x: (b.reshape(32), x.reshape(32)),
     "float32[32@(X,Y)] float32[32@X]"),
    ("one dimension to two", lambda x, z: (x.reshape(4, 2, 4), z.reshape(4, 2)),
     "float32[4@X,2,4] float32[4@X,2@Y]"),
    ("part of the dimensions to one", lambda t: (t.reshape(8, 8), t.reshape(32, 2)),
     "float32[8@X,8@Y] float32[32@(X,Y),2]"),
    ("transpose", lambda b: b.T, "float32[4@Y,8@X]"),
    ("dimensions moved", lambda t: np.moveaxis(t, 0, -1), "float32[4@Y,2,8@X]"),
    ("dimensions of size 1", lambda one, b: (one.squeeze(1), b[None]),
     "float32[8@X] float32[1,8@X,4@Y]"),
    ("repetition", lambda w, x: (np.broadcast_to(w, (8, 4)), np.tile(x, (1, 2))),
     "float32[8,4@Y] float32[8@X,8]"),
    ("part of a whole dimension", lambda x: (x[:, 0:2], x[:, 0]), "float32[8@X,2] float32[8@X]"),
    ("chosen columns", lambda x: x[:, onp.array([0, 1])], "float32[8@X,2]"),
    ("part at a place", lambda x: lax.dynamic_slice(x, (0, 1), (8, 2)), "float32[8@X,2]"),
    ("part written", lambda x: x.at[:, 0].set(1.0), "float32[8@X,4]"),
    ("joined", lambda x: np.concatenate([x, x], 1), "float32[8@X,8]"),
    ("joined along the axis", lambda x: np.concatenate([x, x]), "float32[16@X,4]"),
    ("stacked", lambda b: np.stack([b, b]), "float32[2,8@X,4@Y]"),
    ("padded", lambda x: np.pad(x, ((0, 0), (1, 1))), "float32[8@X,6]"),
    ("chosen elements", lambda b: np.where(b > 3, b, 0), "float32[8@X,4@Y]"),
    ("chosen between a matrix and a row", lambda x, w: np.where(w > 1, x, w), "float32[8@X,4@Y]"),
    ("all written", lambda b, r: b.at[...].set(r), "float32[8@X,4@Y]"),
    ("reversed", lambda x: (np.flip(x, 0), lax.rev(x, (0, 1))), "float32[8@X,4] float32[8@X,4]"),
    ("limited", lambda x, b: lax.clamp(x, b, x), "float32[8@X,4@Y]"),
    ("repeated alike", lambda r, v: np.broadcast_arrays(r, v[:, None]),
     "float32[8@X,4] float32[8@X,4]"),
    ("clipped", lambda b: np.clip(b, 0, 1), "float32[8@X,4@Y]"),
    ("softmax", lambda b: nn.softmax(b * 0), "float32[8@X,4@Y]"),
    ("logsumexp", lambda x: nn.logsumexp(x * 0, 0), "float32[4]"),
    ("one_hot", lambda v: nn.one_hot(v.astype(int), 8), "float32[8@X,8]"),
    ("another dtype", lambda b: b.astype("bfloat16"), "bfloat16[8@X,4@Y]"),
    ("like another", lambda b: np.zeros_like(b), "float32[8@X,4@Y]"),
    ("largest", lambda x: lax.top_k(x, 2), "float32[8@X,2] int32[8@X,2]"),
    ("windows", lambda x: lax.reduce_window(x, 0.0, lax.add, (1, 2), (1, 1), "VALID"),
     "float32[8@X,3]"),
    ("scan", lambda w, p: lax.scan(lambda c, a: (c + a, c * a), w, p),
     "float32[4@Y] float32[3,4@Y]"),
    ("while", lambda x: lax.while_loop(lambda c: c.sum() < 1e4, lambda c: c * 2, x + 1),
     "float32[8@X,4]"),
    ("cond", lambda b: lax.cond(b.sum() > 0, lambda a: a + 1, lambda a: a * 2, b),
     "float32[8@X,4@Y]"),
    ("map", lambda p: lax.map(lambda a: a * 2, p), "float32[3,4@Y]"),
    ("vmap", lambda b: ms.vmap(lambda a: a * 2, out_axes=1)(b), "float32[4@Y,8@X]"),
    ("vmap over the other", lambda b: ms.vmap(lambda a: a.sum(), in_axes=1)(b), "float32[4@Y]"),
    ("vmap of a product", lambda x, m: ms.vmap(lambda a: a @ m)(x), "float32[8@X,6@Y]"),
    ("vmap of reshard", lambda b: ms.vmap(lambda a: ms.reshard(a, P()))(b), "float32[8@X,4]"),
    ("vmap of a scan", lambda x: ms.vmap(lambda a: lax.scan(lambda c, e: (c + e, c), 0.0, a))(x),
     "float32[8@X] float32[8@X,4]"),
    ("gradient", lambda b: ms.grad(lambda a: (np.sin(a) ** 2).sum())(b), "float32[8@X,4@Y]"),
    ("gradient of a product",
     lambda x, m: ms.grad(lambda a, c: ((a @ c) ** 2).sum(), (0, 1))(x / 99, m),
     "float32[8@X,4] float32[4,6@Y]"),
    ("gradient of a contraction",
     lambda k, b: ms.grad(lambda c: (np.matmul(b, c, out_sharding=P("X")) ** 2).sum())(k / 99),
     "float32[4@Y,8]"),
    ("gradient of a row", lambda w, b: ms.grad(lambda a: ((b + a) ** 2).sum())(w), "float32[4@Y]"),
    ("gradient of reshard",
     lambda x: ms.grad(lambda a: (ms.reshard(a, P(None, "X")) ** 2).sum())(x), "float32[8@X,4]"),
    ("gradient of a scan",
     lambda w, p: ms.grad(lambda a: lax.scan(lambda c, e: (np.sin(c + e), None), a, p)[0].sum())(w),
     "float32[4@Y]"),
    ("gradient of chosen rows",
     lambda x: ms.grad(lambda a: (a.at[onp.array([1, 2])].get(out_sharding=P()) ** 2).sum())(x),
     "float32[8@X,4]"),
    ("gradient of checkpoint",
     lambda k, b: ms.grad(ms.checkpoint(
         lambda c: np.sin(np.matmul(b, c, out_sharding=P("X"))).sum()))(k / 99),
     "float32[4@Y,8]"),
    ("gradient of nothing", lambda b: ms.grad(lambda a: np.sum(0 * ms.lax.stop_gradient(a)))(b),
     "float32[8@X,4@Y]"),
    ("both ways", lambda b: ms.jvp(ms.grad(lambda a: (a**3).sum()), (b,), (b,)),
     "float32[8@X,4@Y] float32[8@X,4@Y]"),
    ("product, laid out", lambda b, k: np.einsum("ij,jk->ik", b, k, out_sharding=P("X")),
     "float32[8@X,8]"),
    ("reshape, laid out", lambda x: np.reshape(x, (16, 2), out_sharding=P("X")), "float32[16@X,2]"),
    ("rows, laid out", lambda y: y.at[onp.array([0, 1])].get(out_sharding=P(None, "Y")),
     "float32[2,4@Y]"),
    ("rows written, laid out", lambda x: x.at[0].set(1.0, out_sharding=P("X")), "float32[8@X,4]"),
    ("new", lambda: np.ones((8, 4), out_sharding=P("X")), "float32[8@X,4]"),
    ("counted", lambda: np.arange(8, out_sharding=P("X")), "int32[8@X]"),
    ("random", lambda: random.uniform(random.key(0), (8, 4), out_sharding=P("X", "Y")),
     "float32[8@X,4@Y]"),
    ("by hand", lambda b: ms.shard_map(lambda a: lax.psum(a, "Y"), in_specs=P("X", "Y"),
                                       out_specs=P("X", None))(b), "float32[8@X,2]"),
]  # fmt: skip


@pytest.mark.parametrize(("f", "types"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_types_are_those_of_jax_and_values_those_of_whole_arrays(f, types):
    names = f.__code__.co_varnames[: f.__code__.co_argcount]
    args = [laid(*OPERANDS[n]) for n in names]
    out = ms.jit(f)(*args)
    assert text(out) == types.split()
    assert text(ms.eval_shape(f, *args)) == types.split()
    for x in ms.tree.leaves(out):
        dims = x.sharding.dim_axes(x.ndim)
        told = ms.typeof(x).sharding.dim_axes(x.ndim)
        assert dims == told or x.ndim == 0, "the array lies as its type tells"
    with set_mesh(Mesh((4, 2), ("X", "Y"))):  # the compiler decides about both axes
        whole = f(*[np.array(numbers(*OPERANDS[n][0])) for n in names])
    for got, want in zip(ms.tree.leaves(out), ms.tree.leaves(whole), strict=True):
        got, want = (onp.asarray(v, onp.float32) for v in (got, want))
        onp.testing.assert_allclose(got, want, rtol=2e-5, atol=1e-4)


@pytest.mark.parametrize("f", [c[1] for c in CASES[:6]], ids=[c[0] for c in CASES[:6]])
def test_single_operations_give_the_types_of_programs(f):
    args = [laid(*OPERANDS[n]) for n in f.__code__.co_varnames[: f.__code__.co_argcount]]
    assert text(f(*args)) == text(ms.eval_shape(f, *args))


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: x.T @ x, r"dot_general contracts dimensions that are sharded, and it is ambig"),
        (lambda b, k: b @ k, r"f32\[8@X,4@Y\], f32\[4@Y,8\]"),
        (lambda v: np.outer(v, v), r"would cut two dimensions of the result f32\[8,8\] along one"),
        (lambda x: x + ms.reshard(numbers(8, 4), P("Y")), "got incompatible shardings"),
        (lambda x: np.cumsum(x, 0), "cumsum needs the whole dimension that .* has cut"),
        (lambda x: np.sort(x, 0), "sort needs the whole dimension"),
        (lambda y: y.reshape(32), "along the minor one of two"),
        (lambda x: x.reshape(2, 4, 4), "cannot tell how the dimensions of the result are cut"),
        (lambda x: x[0], "dynamic_slice cannot cut a dimension of size 1 along"),
        (lambda x: np.pad(x, ((1, 1), (0, 0))), "cannot cut a dimension of size 10"),
        (lambda x: x[onp.array([0, 1])], r"use `.at\[...\].get\(out_sharding=\)`"),
    ],
)
@pytest.mark.parametrize("wrap", [lambda f: f, ms.jit, ms.vmap], ids=["eager", "jit", "vmap"])
def test_a_choice_is_the_users(f, message, wrap):
    args = [laid(*OPERANDS[n]) for n in f.__code__.co_varnames[: f.__code__.co_argcount]]
    if wrap is ms.vmap:
        args = [np.stack([a, a]) for a in args]
    with pytest.raises(ShardingTypeError, match=message) as caught:
        wrap(f)(*args)
    assert "test_explicit.py" in str(caught.value)
    assert "fix: say how the result is to be laid out with out_sharding=" in str(caught.value)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x, y: lax.select(x > 0, x, y), "select cases must have the same shardings"),
        (lambda x, r: lax.select(r > 0, x, x), "select `which` must be scalar or have the same"),
        (lambda x, r: np.concatenate([x, r]), "All operands should have the same sharding"),
        (lambda x, r: np.stack([x, r]), "All operands should have the same sharding"),
        (lambda x, r: lax.dynamic_update_slice(x, r[:, :2], (0, 1)), "must be equal to update"),
        (lambda x, y: x.at[...].set(y), "Incompatible types for broadcasting"),
        (lambda x, r: ms.vmap(lambda a, b: a * b)(x, r), "Mapped away dimension of inputs"),
        (lambda x: lax.scan(lambda c, a: (c, a), 0.0, x), "0th dimension of all xs should be"),
        (lambda x: lax.top_k(x.T, 2), "input should be unsharded over the axis"),
        (lambda x: lax.map(lambda a: a + 1, x), "0th dimension of all xs should be replicated"),
    ],
)
def test_operands_are_to_lie_alike(f, message):
    args = [laid(*OPERANDS[n]) for n in f.__code__.co_varnames[: f.__code__.co_argcount]]
    for run in (f, ms.jit(f)):
        with pytest.raises(ValueError, match=message) as caught:
            run(*args)
        assert "test_explicit.py" in str(caught.value)
        assert "reshard" in str(caught.value)


def test_a_constraint_is_an_assertion():
    x = laid((8, 4), "X")
    for wrap in (lambda f: f, ms.jit):
        same = wrap(lambda a: lax.with_sharding_constraint(a, P("X")))(x)
        assert text(same) == ["float32[8@X,4]"]
        with pytest.raises(AssertionError, match="acts as an assert when all axes of mesh are"):
            wrap(lambda a: lax.with_sharding_constraint(a, P("Y")))(x)


def test_carries_and_branches_keep_their_layout_as_in_jax():
    x, r = laid((8, 4), "X"), laid((8, 4))
    with ms.as_jax():
        with pytest.raises(TypeError, match="equal output types"):
            lax.cond(True, lambda: x, lambda: r)
        with pytest.raises(TypeError, match="must have equal types"):
            ms.jit(lambda r, x: lax.while_loop(lambda c: c.sum() < 9, lambda c: c + x, r))(r, x)


def test_arrays_over_different_meshes_do_not_meet():
    other = NamedSharding(Mesh((8,), ("X",), AxisType.Explicit), P("X"))
    with pytest.raises(ShardingTypeError, match="arrays over different meshes"):
        ms.jit(lambda a, b: a + b)(laid((8,), "X"), ms.device_put(numbers(8), other))


def test_axes_that_the_compiler_decides_about_are_not_told():
    mesh = Mesh((4, 2), ("X", "Y"), (AxisType.Explicit, AxisType.Auto))
    x = ms.device_put(numbers(8, 4), NamedSharding(mesh, P("X", "Y")))
    assert text(x) == ["float32[8@X,4]"]
    out = ms.jit(lambda a: a * 2)(x)
    assert text(out) == ["float32[8@X,4]"]
    assert out.sharding.spec == P("X", "Y"), "nothing is gathered"
    plain = ms.device_put(numbers(8, 4), NamedSharding(Mesh((8,), ("X",)), P("X")))
    assert text(plain) == ["float32[8,4]"]


def test_nothing_is_gathered_on_the_way():
    """A step of a network, batch and hidden layer split: what its layout asks for, no more."""
    x, w, v = laid((8, 16), "X"), laid((16, 32), None, "Y"), laid((32, 16), "Y")

    def loss(w, v, x):
        return (np.matmul(np.tanh(x @ w), v, out_sharding=P("X")) ** 2).sum()

    program = ms.jit(ms.grad(loss, (0, 1))).lower(w, v, x).compile().as_text()
    assert program.count(" all-gather(") == 0
    assert program.count(" all-to-all(") == 0


def test_programs_are_written_and_read_with_their_layouts():
    x = laid((8, 4), "X", "Y")
    fn = ms.make_ir(lambda a: ms.reshard(np.sin(a).T, P("X")))(x)
    again = parse(to_text(fn))
    assert to_text(again) == to_text(fn)
    assert again.in_types[0].str_short() == "float32[8@X,4@Y]"


def test_descriptions_tell_layouts():
    x = ms.ShapeDtypeStruct((8, 4), np.float32, sharding=NamedSharding(MESH, P("X")))
    out = ms.eval_shape(lambda a: a * 2, x)
    assert out.sharding.spec == P("X", None)
    lowered = ms.jit(lambda a: a * 2).lower(x)
    assert lowered.out_info.sharding.spec == P("X", None)
    assert lowered.compile()(laid((8, 4), "X")).sharding.spec == P("X", None)


def test_plans_take_arrays_whatever_their_types_tell():
    x, w = laid((8, 16), "X"), laid((16, 32), None, "Y")

    def f(x, w):
        return np.tanh(x @ w).sum(0)

    out = ms.jit(ms.shard(f, mesh=MESH))(x, w)
    onp.testing.assert_allclose(out, onp.tanh(numbers(8, 16) @ numbers(16, 32)).sum(0), rtol=1e-5)
