"""jit, device_put and constraints with layouts over 8 devices: values, layouts, errors."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
from ms_func.errors import ShardingError
from ms_func.ir.parse import parse
from ms_func.ir.text import to_text
from ms_func.primitives.dot import dot
from ms_func.primitives.sharding import with_sharding_constraint
from ms_func.sharding import Mesh, NamedSharding, P

MESH = Mesh((2, 4), ("data", "model"))
RNG = np.random.default_rng(0)
X = RNG.standard_normal((16, 8)).astype(np.float32)
W = RNG.standard_normal((8, 32)).astype(np.float32)


def on(*entries, mesh=MESH):
    return NamedSharding(mesh, P(*entries))


def test_results_lie_where_they_were_asked_to():
    f = ms.jit(dot, in_shardings=(on("data"), on(None, "model")), out_shardings=on("model", "data"))
    for _ in range(3):
        y = f(X, W)
        assert y.sharding == on("model", "data")
        np.testing.assert_allclose(np.asarray(y), X @ W, rtol=1e-5, atol=1e-5)
    assert f._cache_size() == 1


@pytest.mark.parametrize("place", [lambda x: x, lambda x: ms.device_put(x)], ids=["numpy", "free"])
def test_operands_that_lie_elsewhere_by_chance_are_moved(place):
    f = ms.jit(lambda x: x * 2, in_shardings=on("data"))
    for _ in range(2):
        np.testing.assert_array_equal(np.asarray(f(place(X))), X * 2)


def test_operands_placed_on_purpose_in_another_way_are_refused():
    f = ms.jit(lambda x: x * 2, in_shardings=on("data"))
    np.testing.assert_array_equal(np.asarray(f(ms.device_put(X, on("data", None)))), X * 2)
    with pytest.raises(ShardingError, match=r"does not match.*P\('data',\).*P\('model',\)"):
        f(ms.device_put(X, on("model")))
    with pytest.raises(ShardingError, match="does not match"):
        f(ms.device_put(X, ms.devices()[3]))
    two = ms.device_put(X, ms.devices()[2]), ms.device_put(X, on("data"))
    with pytest.raises(ValueError, match="ncompatible devices"):
        ms.jit(lambda x, y: x + y)(*two)


def test_layouts_follow_operands_without_being_asked():
    x = ms.device_put(X, on("data", "model"))
    y = ms.jit(lambda x: x + 1)(x)
    assert y.sharding.is_equivalent_to(x.sharding, 2)
    z = x * 3  # one operation at a time
    assert z.sharding.is_equivalent_to(x.sharding, 2)
    np.testing.assert_array_equal(np.asarray(y + z), X + 1 + X * 3)


def test_trees_of_layouts_are_prefixes():
    f = ms.jit(
        lambda d, y: {"s": d["a"] + y, "t": (y, d["b"])},
        in_shardings=({"a": on("data"), "b": None}, on("data")),
        out_shardings={"s": on("data"), "t": (on(), None)},
    )
    out = f({"a": X, "b": W}, X)
    assert out["s"].sharding == on("data")
    assert out["t"][0].sharding.is_fully_replicated
    np.testing.assert_array_equal(np.asarray(out["t"][1]), W)
    with pytest.raises(
        ShardingError,
        match=r"in_shardings specification must be a tree prefix of the positional arguments",
    ):
        ms.jit(lambda x, y: x, in_shardings=(on(),))(X, X)
    with pytest.raises(ShardingError, match="out_shardings"):
        ms.jit(lambda x: x, out_shardings=(on(), on()))(X)


def test_specs_need_a_mesh():
    with MESH:
        f = ms.jit(lambda x: x * 2, in_shardings=P("data"), out_shardings=P(None, "model"))
        assert f(X).sharding == on(None, "model")
    with pytest.raises(RuntimeError, match="mesh"):
        ms.jit(lambda x: x * 2, in_shardings=P("data"))(X)


@pytest.mark.parametrize(
    "have", [P(), P("data"), P("model", "data"), P(("data", "model"))], ids=str
)
@pytest.mark.parametrize("want", [P(), P(None, "data"), P("data", "model")], ids=str)
def test_arrays_move_between_layouts(have, want):
    x = ms.device_put(X, on(*have))
    y = ms.device_put(x, on(*want))
    assert y.sharding.is_equivalent_to(on(*want), 2)
    for piece in y.addressable_shards:
        np.testing.assert_array_equal(np.asarray(piece.data), X[piece.index])
    back = ms.device_put(y, ms.devices()[3])
    assert back.devices() == {ms.devices()[3]}
    np.testing.assert_array_equal(np.asarray(back), X)


def test_device_put_while_recording_fixes_the_layout():
    y = ms.jit(lambda x: ms.device_put(x * 2, on("model")))(X)
    assert y.sharding.is_equivalent_to(on("model"), 2)


def test_arrays_from_their_pieces():
    rows = on("data", "model")
    x = ms.make_array_from_callback(X.shape, rows, lambda at: X[at])
    assert x.sharding == rows
    np.testing.assert_array_equal(np.asarray(x), X)
    pieces = [piece.data for piece in x.addressable_shards]
    again = ms.make_array_from_single_device_arrays(X.shape, rows, pieces)
    np.testing.assert_array_equal(np.asarray(again), X)
    with pytest.raises(ValueError, match=r"Expected 8 per-device arrays .* but got 3"):
        ms.make_array_from_single_device_arrays(X.shape, rows, pieces[:3])
    with pytest.raises(ValueError, match="Expected shard shape"):
        ms.make_array_from_callback(X.shape, rows, lambda at: X)


def test_donated_memory_is_used_for_results_of_the_same_layout():
    f = ms.jit(lambda x: x + 1, in_shardings=on("data"), out_shardings=on("data"), donate_argnums=0)
    x = ms.device_put(X, on("data"))
    np.testing.assert_array_equal(np.asarray(f(x)), X + 1)
    assert x.is_deleted()


def test_layouts_that_do_not_fit_are_refused():
    with pytest.raises(ShardingError, match=r"axis 0 is partitioned 2 times.*3"):
        ms.jit(lambda x: x, in_shardings=on("data"))(X[:3])
    with pytest.raises(ShardingError, match=r"axis 0 is partitioned 2 times.*3"):
        ms.jit(lambda x: x, out_shardings=on("data"))(X[:3])
    other = Mesh(np.array(ms.devices()[:4]), ("x",))
    with pytest.raises(ShardingError, match="same devices"):
        ms.jit(lambda x: x, in_shardings=on("data"), out_shardings=on("x", mesh=other))(X)
    big = Mesh((4, 4), ("a", "b"))
    with pytest.raises(ShardingError, match="16 devices"):
        ms.jit(lambda x: x, in_shardings=on("a", mesh=big))(X)


def test_ahead_of_time_programs_are_for_the_layouts_of_their_arguments():
    f = ms.jit(lambda x, y: {"z": x + y.sum()})
    described = ms.ShapeDtypeStruct(X.shape, X.dtype, sharding=on("data", "model"))
    placed = ms.device_put(X, on("data", "model"))
    for x in (described, placed):
        compiled = f.lower(x, X).compile()
        (in_x, in_y), named = compiled.input_shardings
        assert in_x.is_equivalent_to(on("data", "model"), 2)
        assert in_y.is_fully_replicated
        assert named == {}
        assert compiled.output_shardings["z"].is_equivalent_to(on("data", "model"), 2)
        out = compiled(placed, X)["z"]
        assert out.sharding.is_equivalent_to(on("data", "model"), 2)
        np.testing.assert_allclose(np.asarray(out), X + X.sum(), rtol=1e-4)


# --- constraints --------------------------------------------------------------------------


def test_a_constraint_fixes_the_layout_and_nothing_else():
    f = ms.jit(lambda x: with_sharding_constraint(x * 2, on("model")))
    for _ in range(2):
        y = f(X)
        assert y.sharding.is_equivalent_to(on("model"), 2)
        np.testing.assert_array_equal(np.asarray(y), X * 2)
    assert with_sharding_constraint(ms.device_put(X), on("data")).sharding == on("data")


def test_constraints_pass_through_transforms():
    def f(x):
        return with_sharding_constraint(x * x, on("data"))

    y, dy = ms.jvp(f, (X,), (X,))
    np.testing.assert_allclose(np.asarray(dy), 2 * X * X, rtol=1e-6)
    _, pull = ms.vjp(f, X)
    np.testing.assert_allclose(np.asarray(pull(y)[0]), 2 * X * X * X, rtol=1e-6)
    batched = ms.vmap(f)(np.stack([X, X]))
    np.testing.assert_allclose(np.asarray(batched), np.stack([X * X] * 2), rtol=1e-6)


def test_a_spec_with_dots_leaves_a_dimension_free():
    x = ms.device_put(X, on(None, "model"))
    y = ms.jit(lambda x: with_sharding_constraint(x, on("data", ...)))(x)
    assert y.sharding.is_equivalent_to(on("data", "model"), 2)


def test_nested_jit_with_layouts_states_them_inside():
    inner = ms.jit(lambda x: x * 2, out_shardings=on("model"))
    y = ms.jit(lambda x: inner(x) * 1)(X)
    assert y.sharding.is_equivalent_to(on("model"), 2)


def test_constraint_errors():
    with pytest.raises(ShardingError, match=r"cannot split.*size 3"):
        ms.jit(lambda x: with_sharding_constraint(x, on("data")))(X[:3])
    with pytest.raises(ShardingError, match="rank 1"):
        with_sharding_constraint(X[0], on(None, "data"))
    with pytest.raises(RuntimeError, match="mesh"):
        with_sharding_constraint(X, P("data"))
    with pytest.raises(TypeError, match="NamedSharding"):
        with_sharding_constraint(X, "data")


def test_programs_with_constraints_are_printed_and_read_back():
    f = ms.jit(lambda x: with_sharding_constraint(x, on(("data", "model"), ...)))
    fn = f.trace(X).ir
    assert parse(to_text(fn)) == fn
