"""Drawings of which device holds which part."""

from __future__ import annotations

import re

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
    with pytest.raises(NotImplementedError, match=r"test_visualize.py:\d+: .* is being traced"):
        ms.jit(ms.debug.visualize_array_sharding)(np.zeros(3))
    with pytest.raises(TypeError, match="takes arrays, got float"):
        ms.debug.inspect_array_sharding(1.0, callback=print)
