"""Meshes, specs and shardings: which device holds which piece, by slicing with NumPy."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import ms_func as ms
from ms_func.errors import ShardingError
from ms_func.sharding import (
    AbstractMesh,
    AxisType,
    Mesh,
    NamedSharding,
    P,
    PartitionSpec,
    SingleDeviceSharding,
    get_mesh,
    set_mesh,
    use_mesh,
)

MESH = Mesh((2, 4), ("data", "model"))
X = np.arange(64 * 16, dtype=np.float32).reshape(64, 16)


# --- meshes -------------------------------------------------------------------------------


def test_a_mesh_is_made_from_devices_or_from_sizes():
    devices = np.array(ms.devices()[:8]).reshape(2, 4)
    given = Mesh(devices, ("data", "model"))
    assert given == MESH
    assert hash(given) == hash(MESH)
    assert (MESH.devices == devices).all()
    assert dict(given.shape) == {"data": 2, "model": 4}
    assert list(given.shape) == ["data", "model"]
    assert (given.size, given.axis_names) == (8, ("data", "model"))
    assert Mesh(ms.devices()[:2], "x").shape["x"] == 2
    assert Mesh(devices[::-1], ("data", "model")) != MESH


def test_a_mesh_without_devices_serves_for_types_and_plans():
    big = Mesh((64, 16), ("a", "b"))
    assert NamedSharding(big, P("a", "b")).shard_shape((128, 32)) == (2, 2)
    with pytest.raises(ShardingError, match="1024 devices"):
        _ = big.devices
    abstract = AbstractMesh((2, 4), ("data", "model"))
    assert abstract == MESH.abstract_mesh
    assert abstract != MESH
    assert NamedSharding(abstract, P("model")).shard_shape((8,)) == (2,)


def test_mesh_errors():
    with pytest.raises(ShardingError, match="differ"):
        Mesh((2, 2), ("x", "x"))
    with pytest.raises(ShardingError, match=r"ndim.*1.*2"):
        Mesh(np.array(ms.devices()[:4]), ("x", "y"))
    with pytest.raises(ShardingError, match="positive"):
        Mesh((0,), ("x",))
    with pytest.raises(ShardingError, match="should match the number of axis_types"):
        Mesh((2,), ("x",), (AxisType.Auto, AxisType.Auto))
    with pytest.raises(ShardingError, match="16 devices"):
        ms.make_mesh((16,), ("x",))


def test_the_mesh_in_force():
    assert get_mesh() is None
    with MESH as mesh:
        assert get_mesh() is mesh
        with use_mesh(Mesh((8,), ("z",))) as inner:
            assert get_mesh() is inner
        assert get_mesh() is mesh
    assert get_mesh() is None
    before = set_mesh(MESH)
    assert get_mesh() is MESH
    with before:
        pass
    assert get_mesh() is None


# --- specs --------------------------------------------------------------------------------


def test_specs_are_values():
    spec = P("x", None, ("y", "z"))
    assert spec is not P("x", None, ("y", "z"))
    assert spec == P("x", None, ("y", "z"))
    assert hash(spec) == hash(P("x", None, ("y", "z")))
    assert list(spec) == ["x", None, ("y", "z")]
    assert (len(spec), spec[0], spec.index(None)) == (3, "x", 1)
    assert repr(spec) == "P('x', None, ('y', 'z'))"
    assert P(("x",), ()) == P("x", None)
    assert P("x") != P("x", None)
    assert P("x") + P("y") == P("x", "y")
    assert P(...) == P(PartitionSpec.UNCONSTRAINED)
    assert P("x", unreduced={"y"}) != P("x")
    for restored in (pickle.loads(pickle.dumps(spec)), copy.deepcopy(spec)):
        assert restored == spec
    assert pickle.loads(pickle.dumps(P(...)))[0] is PartitionSpec.UNCONSTRAINED


def test_specs_of_sums():
    spec = P("x", unreduced={"y"}, reduced={"z"})
    assert pickle.loads(pickle.dumps(spec)) == spec == P("x").update(unreduced={"y"}, reduced={"z"})
    assert repr(spec) == "P('x', unreduced={'y'}, reduced={'z'})"
    assert hash(spec) == hash(P("x", reduced={"z"}, unreduced={"y"})) != hash(P("x"))
    for given, message in (
        ({"unreduced": {"x"}}, "overlap"), ({"unreduced": {None}}, "cannot contain None"),
        ({"unreduced": {"y"}, "reduced": {"y"}}, "overlap"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            P("x", **given)
    with pytest.raises(TypeError, match="should be of type"):
        P("x", reduced="y")


# --- shardings ------------------------------------------------------------------------------

SPECS = [
    P(), P("data"), P("model"), P(None, "data"), P("data", "model"), P("model", "data"),
    P(("data", "model")), P(("model", "data")), P(None, ("model", "data")),
]  # fmt: skip


@pytest.mark.parametrize("spec", SPECS, ids=repr)
def test_every_device_holds_the_piece_the_map_says(spec):
    s = NamedSharding(MESH, spec)
    x = ms.device_put(X, s)
    assert x.sharding == s
    np.testing.assert_array_equal(np.asarray(x), X)
    index = s.devices_indices_map(X.shape)
    assert list(index) == list(MESH.devices.flat)
    assert len(x.addressable_shards) == 8
    for shard in x.addressable_shards:
        assert index[shard.device] == shard.index
        np.testing.assert_array_equal(np.asarray(shard.data), X[shard.index])
        assert shard.data.shape == s.shard_shape(X.shape)
        assert shard.data.devices() == {shard.device}
    copies = 8 // len({str(shard.index) for shard in x.addressable_shards})
    assert {shard.replica_id for shard in x.addressable_shards} == set(range(copies))


def test_major_axis_comes_first():
    """By hand: along ("model", "data") device (d, m) holds eighth 2 m + d."""
    index = NamedSharding(MESH, P(("model", "data"))).devices_indices_map((8,))
    for d in range(2):
        for m in range(4):
            assert index[MESH.devices[d, m]] == (slice(2 * m + d, 2 * m + d + 1),)


def test_equivalence_is_about_pieces_not_spelling():
    a = NamedSharding(MESH, P("data"))
    assert a.is_equivalent_to(NamedSharding(MESH, P("data", None)), 2)
    assert not a.is_equivalent_to(NamedSharding(MESH, P(None, "data")), 2)
    flat = Mesh(MESH.devices.reshape(8), ("all",))
    both = NamedSharding(MESH, P(("data", "model")))
    assert both.is_equivalent_to(NamedSharding(flat, P("all")), 1)
    assert not NamedSharding(MESH, P(("model", "data"))).is_equivalent_to(both, 1)
    one = SingleDeviceSharding(ms.devices()[0])
    assert one.is_equivalent_to(NamedSharding(Mesh((1,), ("x",)), P("x")), 1)


def test_facts():
    s = NamedSharding(MESH, P("model"))
    assert not s.is_fully_replicated
    assert NamedSharding(MESH, P()).is_fully_replicated
    assert NamedSharding(Mesh((1, 8), ("a", "b")), P("a")).is_fully_replicated
    assert s.is_fully_addressable
    assert s.addressable_devices == s.device_set == set(ms.devices()[:8])
    assert s.replicated_axes == {"data"}
    assert s.num_devices == 8
    assert s.update(spec=P()) == NamedSharding(MESH, P())
    one = SingleDeviceSharding(ms.devices()[1])
    assert one == SingleDeviceSharding(ms.devices()[1])
    assert one.shard_shape((3, 2)) == (3, 2)
    assert ms.device_put(X, one).sharding == one


def test_sharding_errors():
    s = NamedSharding(MESH, P("model"))
    with pytest.raises(ShardingError, match=r"axis 0 is partitioned 4 times.*6"):
        s.shard_shape((6, 2))
    with pytest.raises(ShardingError, match=r"rank 0.*P\(\)"):
        s.shard_shape(())
    with pytest.raises(ShardingError, match="'q'"):
        NamedSharding(MESH, P("q"))
    with pytest.raises(ShardingError, match="duplicate"):
        NamedSharding(MESH, P("data", "data"))
    with pytest.raises(TypeError, match="PartitionSpec"):
        NamedSharding(MESH, ("data",))
    with pytest.raises(ShardingError, match="partitioned 4 times"):
        ms.device_put(X[:6], s)
