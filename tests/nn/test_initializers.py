"""Initial values are placed where they are asked for."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
from ms_func import random
from ms_func.nn import initializers
from ms_func.sharding import Mesh, NamedSharding, P

MADE = {
    "zeros": initializers.zeros, "constant": initializers.constant(2.0),
    "uniform": initializers.uniform(), "normal": initializers.normal(),
    "truncated_normal": initializers.truncated_normal(), "he_normal": initializers.he_normal(),
    "orthogonal": initializers.orthogonal(), "delta_orthogonal": initializers.delta_orthogonal(),
}  # fmt: skip


@pytest.mark.skipif(len(ms.devices()) < 8, reason="needs 8 devices")
@pytest.mark.parametrize("name", MADE)
def test_out_sharding(name):
    place = NamedSharding(Mesh((2, 4), ("a", "b")), P(None, "a", "b"))
    init, key, shape = MADE[name], random.key(0), (3, 4, 4)
    placed = init(key, shape, out_sharding=place)
    assert placed.sharding.is_equivalent_to(place, 3)
    np.testing.assert_array_equal(placed, init(key, shape))
