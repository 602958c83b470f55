"""shard: values are those of one device, whatever the plan; transforms go through it."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import lax
from ms_func.errors import ShardingError
from ms_func.ir.evaluate import Reference
from ms_func.primitives.sort import sort
from ms_func.primitives.threefry import threefry_bits
from ms_func.sharding import Mesh, NamedSharding, P
from tests.parallel.nets import arrays, difference, mlp, mlp_loss, product, transformer

MESHES = [Mesh((8,), ("a",)), Mesh((2, 4), ("a", "b")), Mesh((2, 2, 2), ("a", "b", "c"))]
EIGHT = pytest.mark.parametrize("mesh", MESHES, ids=lambda m: "x".join(map(str, m.axis_sizes)))
RNG = np.random.default_rng(0)


def normal(*shape):
    return (RNG.standard_normal(shape) * 0.3).astype(np.float32)


# --- programs: name -> function and operands ------------------------------------------------

X, W, V = normal(64, 48), normal(48, 32), normal(32, 64)
T = normal(8, 16, 4, 8)
IDS = RNG.integers(0, 64, (40,)).astype(np.int32)


def chain(x, w, v):
    return product(lax.tanh(product(x, w)), v)


def shared(x, w):
    y = product(x, w)
    return product(y * y, lax.transpose(w, (1, 0))) + x


def heads(x):
    y = lax.reshape(x, (8, 16, 32))
    return lax.reshape(lax.transpose(y, (1, 0, 2)), (16, 256))


def pieces(x):
    top, rest = lax.slice(x, (0, 0), (16, 48)), lax.slice(x, (16, 0), (64, 48), (2, 1))
    return lax.concatenate([top, rest, lax.rev(top, (0,))], 0)


def padded(x):
    return lax.pad(x, np.float32(1), ((1, 2, 0), (0, 0, 1)))


def lookup(x, ids):
    rows = lax.gather(
        x, ids[:, None], lax.GatherDimensionNumbers((1,), (0,), (0,)), (1, x.shape[1])
    )
    return rows * np.float32(2)


def reductions(x):
    return (
        lax.reduce_max(x, axes=(0,)),
        lax.reduce_sum(x, axes=(1,)),
        lax.reduce_min(x, axes=(0, 1)),
    )


def places(x):
    return lax.argmax(x, 1, np.int32), lax.cumsum(x, axis=0), sort(x, dimension=0)


def windowed(x, i):
    row = lax.dynamic_slice(x, (i, np.int32(0)), (8, 48))
    return lax.dynamic_update_slice(x, row * np.float32(3), (np.int32(2), np.int32(0)))


def looped(x, w):
    def body(c, _):
        return lax.tanh(product(c, w)), lax.reduce_sum(c, axes=(0,))

    return lax.scan(body, x, None, length=3)


def branched(x, p):
    return lax.cond(p > 0, lambda x: lax.sin(x), lambda x: x * np.float32(2), x)


def four(t):
    return lax.dot_general(t, t, (((1, 3), (1, 3)), ((0,), (0,))))


def images(x, k):
    y = lax.conv_general_dilated(x, k, (1, 1), "SAME")
    return lax.conv_general_dilated(lax.max(y, np.float32(0)), k, (2, 2), "VALID")


def numbers(x):
    key = np.array([1, 2], np.uint32)
    return ms.random.normal(key, (64, 48)) * x


PROGRAMS = {
    "images": (images, (normal(8, 16, 12, 12), normal(16, 16, 3, 3))),
    "numbers": (numbers, (X,)),
    "chain": (chain, (X, W, V)),
    "shared": (shared, (X, W)),
    "heads": (heads, (normal(128, 32),)),
    "pieces": (pieces, (X,)),
    "padded": (padded, (X,)),
    "lookup": (lookup, (X, IDS)),
    "reductions": (reductions, (X,)),
    "places": (places, (X,)),
    "windowed": (windowed, (X, np.int32(5))),
    "looped": (looped, (X, normal(48, 48) * np.float32(0.2))),
    "branched": (branched, (X, np.float32(1))),
    "four": (four, (T,)),
}


@EIGHT
@pytest.mark.parametrize("name", sorted(PROGRAMS))
@pytest.mark.parametrize("objective", ["communication", "time"])
def test_values_equal_those_of_one_device(name, mesh, objective):
    f, args = PROGRAMS[name]
    split = ms.shard(f, mesh=mesh, objective=objective)
    assert difference(ms.jit(f)(*args), split(*args)) < 2e-5


@EIGHT
@pytest.mark.parametrize(
    "name", ["chain", "shared", "heads", "pieces", "lookup", "looped", "four", "images"]
)
def test_gradients_equal_those_of_one_device(name, mesh):
    f, args = PROGRAMS[name]

    def loss(g):
        def scalar(*args):
            out = g(*args)
            return sum(lax.reduce_sum(lax.sin(y), axes=tuple(range(y.ndim)))
                       for y in ms.tree.leaves(out))  # fmt: skip

        return scalar

    with Reference():
        want = ms.grad(loss(f))(*args)
    split = ms.shard(f, mesh=mesh, search_seconds=1)
    outside = ms.jit(ms.grad(loss(split)))(*args)
    inside = ms.shard(ms.grad(loss(f)), mesh=mesh, search_seconds=1)(*args)
    eager = ms.grad(loss(split))(*args)
    for got in (outside, inside, eager):
        assert difference(want, got) < 2e-5


@pytest.mark.parametrize(
    "mesh",
    [
        MESHES[1],
        pytest.param(MESHES[0], marks=pytest.mark.slow),
        pytest.param(MESHES[2], marks=pytest.mark.slow),
    ],
    ids=["2x4", "8", "2x2x2"],
)
def test_training_steps_equal_those_of_one_device(mesh):
    for step, types in (mlp(64, 64, 256), transformer(1, 8, 32, 64)):
        state, batch = arrays(types)
        want = ms.jit(step)
        got = donating(step, mesh)
        placed, laid = got.place(state, batch)
        for _ in range(3):
            state, loss = want(state, batch)
            placed, seen = got(placed, laid)
            assert abs(float(loss) - float(seen)) < 1e-5 * abs(float(loss))
        # Adam divides by the root of small second moments, which enlarges rounding.
        assert difference(state, placed) < 1e-4
        assert got._cache_size() == 1


def test_random_bits_do_not_depend_on_the_plan():
    key = np.array([3, 5], np.uint32)
    want = np.asarray(ms.jit(lambda k: threefry_bits(k, 32, (64, 128)))(key))
    for spec in (P("a", "b"), P(("a", "b")), P(None, "b"), P("b", "a")):
        f = ms.shard(lambda k: threefry_bits(k, 32, (64, 128)), mesh=MESHES[1], out_specs=spec)
        np.testing.assert_array_equal(np.asarray(f(key)), want)


def test_transforms_go_through():
    mesh = MESHES[1]
    sharded = ms.shard(chain, mesh=mesh)
    xs = normal(3, 64, 48)
    batched = ms.vmap(sharded, in_axes=(0, None, None))(xs, W, V)
    assert difference(np.stack([np.asarray(chain(x, W, V)) for x in xs]), batched) < 2e-5
    split_batch = ms.shard(ms.vmap(chain, in_axes=(0, None, None)), mesh=mesh)(xs, W, V)
    assert difference(batched, split_batch) < 2e-5
    _, dot = ms.jvp(lambda x: sharded(x, W, V), (X,), (X,))
    _, want = ms.jvp(lambda x: chain(x, W, V), (X,), (X,))
    assert difference(want, dot) < 2e-5
    twice = ms.shard(ms.shard(chain, mesh=mesh), mesh=mesh)
    assert difference(chain(X, W, V), twice(X, W, V)) < 2e-5


def test_shard_in_a_loop():
    sharded = ms.shard(lambda c, w: lax.tanh(product(c, w)), mesh=MESHES[1])
    w = normal(48, 48) * np.float32(0.2)
    got = ms.jit(lambda x, w: lax.fori_loop(0, 3, lambda _, c: sharded(c, w), x))(X, w)
    want = X
    for _ in range(3):
        want = np.tanh(want @ w)
    assert difference(want, got) < 2e-5


# --- layouts that the user fixes ------------------------------------------------------------


def test_specs_are_kept_exactly():
    mesh = MESHES[1]
    f = ms.jit(
        ms.shard(chain, mesh=mesh, in_specs=(P("b"), P(None, "a"), "auto"), out_specs=P("a", "b"))
    )
    plan = f.plan(X, W, V)
    assert plan.in_shardings[0].is_equivalent_to(NamedSharding(mesh, P("b")), 2)
    assert plan.in_shardings[1].is_equivalent_to(NamedSharding(mesh, P(None, "a")), 2)
    y = f(X, W, V)
    assert y.sharding.is_equivalent_to(NamedSharding(mesh, P("a", "b")), 2)
    assert difference(chain(X, W, V), y) < 2e-5


def test_constraints_inside_use_the_mesh_of_shard():
    mesh = MESHES[1]

    def f(x, w):
        return ms.constrain(product(x, w), P(..., "b")) * np.float32(2)

    g = ms.jit(ms.shard(f, mesh=mesh))
    y = g(X, W)
    assert y.sharding.spec[1] == "b"
    assert difference(f_plain(X, W), y) < 2e-5


def f_plain(x, w):
    return np.asarray(x @ w) * 2


def test_layouts_of_jit_are_kept_as_well():
    mesh = MESHES[1]
    on = NamedSharding(mesh, P("b"))
    f = ms.jit(ms.shard(chain, mesh=mesh), in_shardings=(on, None, None), out_shardings=on)
    y = f(X, W, V)
    assert y.sharding == on
    assert f.plan(X, W, V).in_shardings[0].is_equivalent_to(on, 2)
    assert difference(chain(X, W, V), y) < 2e-5


def test_operands_are_moved_to_the_plan():
    mesh = MESHES[1]
    f = ms.jit(ms.shard(chain, mesh=mesh))
    x = ms.device_put(X, NamedSharding(mesh, P(None, "a")))
    for _ in range(2):
        assert difference(chain(X, W, V), f(x, W, V)) < 2e-5
    half = Mesh(np.array(ms.devices()[:4]), ("x",))
    with pytest.raises(ValueError, match="ncompatible devices"):
        f(ms.device_put(X, NamedSharding(half, P("x"))), W, V)


# --- plans --------------------------------------------------------------------------------


def test_plans_need_no_devices():
    step, types = transformer(1, 64, 128, 512)
    f = ms.jit(ms.shard(step, mesh=Mesh((64, 16), ("data", "model")), objective="communication"))
    plan = f.plan(*types)
    assert plan.redundancy < 1.25
    for t, s in zip(plan.fn.in_types, plan.in_shardings, strict=True):
        s.shard_shape(t.shape)  # every layout fits
    assert plan is f.plan(*types)


def test_donated_state_keeps_its_layout():
    step, types = mlp(256)
    f = ms.jit(ms.shard(step, mesh=MESHES[1], objective="communication"), donate_argnums=0)
    plan = f.plan(*types)
    n = len(ms.tree.leaves(types[0]))
    for i in range(n):
        ndim = plan.fn.in_types[i].ndim
        assert plan.in_shardings[i].is_equivalent_to(plan.out_shardings[i], ndim)
    specs = f.input_specs(*types)
    assert specs[0][0]["w1"] == plan.in_shardings[2].spec


def test_a_small_batch_is_split_by_columns_and_rows_and_a_large_one_by_batch():
    mesh = MESHES[0]
    for batch, spec in ((256, P(None, "a")), (65536, P())):
        step, types = mlp(batch)
        f = donating(step, mesh)
        (params, _, _), (x, _) = f.input_specs(*types)
        assert params["w1"] == spec
        assert (x == P("a")) == (batch > 256)


def test_the_mesh_is_searched_for():
    step, types = mlp(4096)
    plans = [
        ms.jit(ms.shard(step, mesh=m, objective="communication"), donate_argnums=0).plan(*types)
        for m in (None, 8, Mesh((2, 4), ("a", "b")), Mesh((8,), ("a",)))
    ]
    assert plans[0].wire_bytes == plans[1].wire_bytes == plans[2].wire_bytes < plans[3].wire_bytes
    assert ms.shard(chain)(X, W, V).shape == (64, 64)


def donating(step, mesh, **options):
    sharded = ms.shard(step, mesh=mesh, objective="communication", **options)
    return ms.jit(sharded, donate_argnums=0)


def test_no_template_beats_the_plan():
    """Pinning the parameters as an expert would can only cost more."""
    mesh = MESHES[1]
    templates = {
        "data": {"w1": P(), "b1": P(), "w2": P(), "b2": P()},
        "columns and rows": {"w1": P(None, "b"), "b1": P("b"), "w2": P("b"), "b2": P()},
        "all": {"w1": P("a", "b"), "b1": P("b"), "w2": P("b", "a"), "b2": P()},
    }
    for batch in (64, 1024):
        step, types = mlp(batch, 256, 512)
        free = donating(step, mesh).plan(*types)
        for name, spec in templates.items():
            pinned = donating(step, mesh, in_specs=((spec, "auto", "auto"), "auto"))
            assert free.solution.price <= pinned.plan(*types).solution.price + 1e-6, name


def test_the_report_shows_the_plan():
    step, types = mlp(256)
    f = ms.jit(ms.shard(step, mesh=MESHES[0], objective="communication"), donate_argnums=0)
    text = str(f.plan(*types))
    assert "a=8 (8 devices)" in text
    assert "0.88 MiB" in text
    assert "optimal" in text
    assert "nets.py:" in text
    assert text.count("dot_general") >= 5
    assert "state[0]['w1'], state[1]['w1'], state[2]['w1']  f32[512,2048]  P(None, 'a')" in text
    assert "about 6.01 MiB per device at most: 4.01 MiB arguments, the rest estimated" in text


def test_the_report_of_the_fastest_plan_says_how_long_it_takes():
    x = ms.ShapeDtypeStruct((1024, 1024), "float32")
    plan = ms.shard(lambda x: x @ x, mesh=MESHES[0], in_specs=P("a")).plan(x)
    # 2 x 1024^3 operations on 8 devices of 5e10 a second each; 7 messages of 1 us with 7/8 of
    # 4 MiB at 1e-10 s each to gather one operand.
    assert "5.369 ms work, 0.374 ms communication" in str(plan)


def test_static_arguments_are_no_part_of_a_plan():
    def f(x, rows, op, scale):
        return op(x.reshape(rows, -1)) * scale

    g = ms.jit(ms.shard(f, mesh=MESHES[1]), static_argnums=(1, 2))
    want = np.sin(X.reshape(4, -1)) * 0.5
    assert g.input_specs(X, 4, mnp.sin, np.float32(0.5))[1:3] == (None, None)
    x, rows, op, scale = g.place(X, 4, mnp.sin, np.float32(0.5))
    assert (rows, op) == (4, mnp.sin)
    np.testing.assert_allclose(g(x, rows, op, scale), want, rtol=1e-6)
    assert "scale" in str(g.plan(X, 4, mnp.sin, np.float32(0.5)))


def test_alternatives_are_explained():
    step, types = mlp(256)
    plan = donating(step, MESHES[0]).plan(*types)
    text = plan.explain("dot_general")
    assert text.count("* ") == 5
    first = text.split("nets.py")[1]
    rows = first.splitlines()[1:]
    assert rows[0].strip().startswith("* i3@a")
    # Columns instead of rows of w2 need the activations whole: 7/8 of 2 MiB to gather them, and
    # 7/8 of 1 MiB for their cotangent or for the result.
    second = text.split("nets.py")[2]
    assert "i3@a" in second
    assert "2.625 MiB (+1.750 MiB)" in second
    assert "nets.py" in plan.explain("lax.dot_general(x, w")
    with pytest.raises(ValueError, match="nonsense"):
        plan.explain("nonsense")


# --- errors -------------------------------------------------------------------------------


def test_errors_say_what_to_do():
    mesh = MESHES[1]
    with pytest.raises(TypeError, match="Mesh"):
        ms.shard(chain, mesh="data")
    with pytest.raises(TypeError, match="callable"):
        ms.shard(3)
    with pytest.raises(ValueError, match="objective"):
        ms.shard(chain, mesh=mesh, objective="beauty")(X, W, V)
    with pytest.raises(ShardingError, match="prefix"):
        ms.shard(chain, mesh=mesh, in_specs=(P(),))(X, W, V)
    with pytest.raises(ShardingError, match="no names"):
        ms.shard(chain, in_specs=P("a"))(X, W, V)
    with pytest.raises(ShardingError, match="'q'"):
        ms.shard(chain, mesh=mesh, in_specs=P("q"))(X, W, V)
    with pytest.raises(ShardingError, match="divisible"):
        ms.shard(lambda x: x * 2, mesh=mesh, in_specs=P("b"))(X[:7])
    with pytest.raises(ShardingError, match="16 devices"):
        ms.shard(chain, mesh=Mesh((16,), ("a",)))(X, W, V)


def test_two_meshes_in_one_program_are_refused_with_both_lines():
    f = ms.shard(lambda x: x * 2, mesh=MESHES[0])
    g = ms.shard(lambda x: x + 1, mesh=MESHES[1])
    with pytest.raises(ShardingError, match=r"different meshes.*test_shard.py.*"):
        ms.jit(lambda x: g(f(x)))(X)


def test_mlp_loss_is_what_numpy_computes():
    (params, _, _), (x, t) = arrays(mlp(16, 8, 32)[1])
    h = np.maximum(x @ params["w1"] + params["b1"], 0)
    want = np.mean((h @ params["w2"] + params["b2"] - t) ** 2)
    got = ms.shard(mlp_loss, mesh=MESHES[1])(params, x, t)
    assert abs(float(got) - want) < 1e-5
