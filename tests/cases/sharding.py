"""Uses of constraints and regions; what they do on several devices is tested in tests/parallel."""

from __future__ import annotations

from ms_func.parallel.plan import Options
from ms_func.primitives.arithmetic import mul
from ms_func.primitives.elementwise import sin
from ms_func.sharding import Mesh, NamedSharding, PartitionSpec
from tests.cases.case import ANY, of_shapes
from tests.cases.control_flow import program

_MESH = Mesh((2, 2), ("a", "b"))


def _laid(*entries):
    return {"sharding": NamedSharding(_MESH, PartitionSpec(*entries))}


_REGION = {
    "fn": program("f", [(4, 2)], lambda x: [sin(x), mul(x, x)]),
    "name": "f",
    "mesh": _MESH,
    "options": Options(),
}

CASES = {
    "shard_region": [of_shapes((4, 2), params=_REGION, dtypes=("float64",), ulps=16)],
    "sharding_constraint": [
        of_shapes((4, 2), params=_laid("a", "b"), dtypes=ANY),
        of_shapes((4, 3), params=_laid(("a", "b")), dtypes=("float64",)),
        of_shapes((2, 4), params=_laid(..., "a"), dtypes=("float64",)),
        of_shapes((), params=_laid(), dtypes=("float64",)),
    ],
}
