"""Drawings of which device holds which part."""

from __future__ import annotations

import re
from functools import partial

import pytest

import ms_func as ms
import ms_func.numpy as np
from ms_func.sharding import NamedSharding, PartitionSpec

SPECS = [(), ("x",), (None, "y"), ("x", "y"), (("x", "y"),)]
PLACED = [
    *(((8, 4), spec) for spec in SPECS),
    *(((8,), spec) for spec in SPECS if len(spec) < 2),
    ((3, 2), (None, "y")),
]


@pytest.mark.parametrize(("shape", "spec"), PLACED, ids=repr)
def test_each_device_stands_where_its_part_is(shape, spec, capsys):
    sharding = NamedSharding(ms.make_mesh((4, 2), ("x", "y")), PartitionSpec(*spec))
    x = ms.device_put(np.zeros(shape), sharding)
    ms.debug.visualize_array_sharding(x)
    lines = capsys.readouterr().out.splitlines()
    cells = [re.findall(r"CPU ([\d,]+)", line) for line in lines if "CPU" in line]
    assert len({len(line) for line in lines}) == 1
    starts = {d: [s.start or 0 for s in i] for d, i in sharding.devices_indices_map(shape).items()}
    starts = {d: (0, *s)[-2:] for d, s in starts.items()}
    rows, columns = (sorted({s[k] for s in starts.values()}) for k in (0, 1))
    for device, (row, column) in starts.items():
        assert str(device.id) in cells[rows.index(row)][columns.index(column)].split(",")
    assert sum(len(c.split(",")) for row in cells for c in row) == 8


def test_what_cannot_be_drawn():
    with pytest.raises(ValueError, match="one or two dimensions"):
        ms.debug.visualize_array_sharding(np.zeros((2, 2, 2)))
    inspect = partial(ms.debug.inspect_array_sharding, callback=print)
    x = ms.device_put(np.zeros((8, 2)), NamedSharding(ms.make_mesh((8,), ("x",)), ms.P("x")))
    with pytest.raises(NotImplementedError, match=r"test_visualize.py:\d+: .* in a loop"):
        ms.jit(lambda x: ms.lax.map(lambda row: (inspect(row), row)[1], x))(x)
    with pytest.raises(TypeError, match="takes arrays, got float"):
        ms.debug.inspect_array_sharding(1.0, callback=print)


@pytest.mark.parametrize("transform", [
    lambda f: f, ms.jit, lambda f: ms.jit(lambda x: ms.jit(f)(x) + 1),
    lambda f: ms.jit(lambda x: ms.jvp(f, (x,), (x,))), lambda f: ms.jit(ms.grad(f)),
])  # fmt: skip
def test_where_values_of_programs_lie(transform):
    """`sin` keeps the layout of its operand, and a transpose turns it."""
    mesh = ms.make_mesh((4, 2), ("x", "y"))
    x = ms.device_put(np.ones((8, 4)), NamedSharding(mesh, PartitionSpec("x", "y")))
    told = []

    def f(x):
        y = np.sin(x)
        ms.debug.inspect_array_sharding([y, y.T], callback=told.append)
        return y.sum()

    g = transform(f)
    g(x)
    rows, turned = told
    assert rows.is_equivalent_to(x.sharding, 2)
    assert turned.is_equivalent_to(NamedSharding(mesh, PartitionSpec("y", "x")), 2)


def test_values_on_one_device_are_drawn_while_a_program_is_compiled(capsys):
    f = ms.jit(
        lambda x: ms.lax.map(lambda row: (ms.debug.visualize_array_sharding(row), row)[1], x)
    )
    f(f(np.zeros((2, 3))))
    assert capsys.readouterr().out.count("CPU 0") == 1
