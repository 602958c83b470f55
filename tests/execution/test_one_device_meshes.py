"""Arrays laid out over a mesh of one device, together with others."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms


@pytest.fixture
def row():
    mesh = ms.make_mesh((1,), ("x",))
    return ms.device_put(np.arange(3.0, dtype="f"), ms.NamedSharding(mesh, ms.P("x")))


def test_numbers_and_other_ranks_go_along(row):
    assert np.array_equal(row == 1, [False, True, False])
    assert float(row.sum()) == 3.0
    assert row.sum().sharding.spec == ms.P()
    assert np.array_equal(row + np.ones((2, 3), "f"), np.arange(3.0) + np.ones((2, 3)))
    assert (row * 2).sharding == row.sharding
    assert float(ms.jit(lambda a, b: (a * b)[1])(row, np.float32(4))) == 4.0


def test_the_mesh_in_force_gives_devices_to_an_abstract_one(row):
    mesh = row.sharding.mesh
    abstract = ms.NamedSharding(mesh.abstract_mesh, ms.P("x"))
    f = ms.jit(lambda x: ms.lax.with_sharding_constraint(x * 2, abstract))
    with mesh:
        assert np.array_equal(f(row), 2 * np.arange(3.0))
    with pytest.raises(ms.errors.ShardingError, match="no devices"):
        ms.jit(lambda x: ms.lax.with_sharding_constraint(x, abstract))(row)
