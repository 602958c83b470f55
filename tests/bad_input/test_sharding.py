"""Meshes and shardings that do not fit the devices or the arrays."""

from __future__ import annotations

import numpy
import pytest

import ms_func as ms
import ms_func.numpy as np
from ms_func.sharding import Mesh, NamedSharding, PartitionSpec
from tests.bad_input.refusal import refused

SIX = numpy.arange(6, dtype=numpy.float32)
EIGHT = numpy.arange(8, dtype=numpy.float32)


@pytest.fixture
def mesh() -> Mesh:
    return ms.make_mesh((4,), ("d",))


def test_mesh_larger_than_the_devices() -> None:
    with refused(ValueError, "1024 devices", str(ms.device_count()), "fix:"):
        ms.make_mesh((1024,), ("d",))  # here


def test_planned_mesh_larger_than_the_devices() -> None:
    f = ms.shard(lambda x: x * 2, mesh=Mesh((1024,), ("d",)))
    with refused(ValueError, "1024 devices", "fix:"):
        f(np.zeros(1024))  # here


def test_mesh_with_one_name_twice() -> None:
    with refused(ValueError, "names must differ"):
        Mesh((2, 2), ("d", "d"))  # here


def test_mesh_with_too_few_names() -> None:
    with refused(ValueError, "axis"):
        Mesh((2, 2), ("d",))  # here


def test_placing_an_array_that_does_not_divide(mesh) -> None:
    with refused(ValueError, "6", "4"):
        ms.device_put(SIX, NamedSharding(mesh, PartitionSpec("d")))  # here


def test_axis_that_the_mesh_does_not_have(mesh) -> None:
    with refused(ValueError, "'x'", "'d'"):
        NamedSharding(mesh, PartitionSpec("x"))  # here


def test_axis_used_twice(mesh) -> None:
    with refused(ValueError, "'d'"):
        NamedSharding(mesh, PartitionSpec("d", "d"))  # here


def test_more_entries_than_dimensions(mesh) -> None:
    with refused(ValueError, "1"):
        ms.device_put(EIGHT, NamedSharding(mesh, PartitionSpec(None, "d")))  # here


def test_jit_input_that_does_not_divide(mesh) -> None:
    split = NamedSharding(mesh, PartitionSpec("d"))
    f = ms.jit(lambda x: x * 2, in_shardings=split)
    with refused(ValueError, "6", "4"):
        f(SIX)  # here
    assert f(EIGHT).tolist() == (2 * EIGHT).tolist()


def test_jit_output_that_does_not_divide(mesh) -> None:
    split = NamedSharding(mesh, PartitionSpec("d"))
    f = ms.jit(lambda x: x[:6], out_shardings=split)
    with refused(ValueError, "6", "4"):
        f(EIGHT)  # here


def test_constraint_that_does_not_divide(mesh) -> None:
    def f(x):
        return ms.lax.with_sharding_constraint(x, NamedSharding(mesh, PartitionSpec("d")))  # here

    with refused(ValueError, "6", "4"):
        ms.jit(f)(SIX)


def test_trees_of_shardings_that_do_not_match(mesh) -> None:
    split = NamedSharding(mesh, PartitionSpec("d"))
    with refused(ValueError, "in_shardings"):
        ms.jit(lambda t: t["a"], in_shardings=({"b": split},))({"a": EIGHT})  # here


def test_arrays_on_different_devices() -> None:
    first, second = ms.devices()[:2]
    x, y = ms.device_put(EIGHT, first), ms.device_put(EIGHT, second)
    with pytest.raises(ValueError, match="incompatible devices"):
        ms.jit(lambda x, y: x + y)(x, y)
