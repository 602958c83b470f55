"""Uses of `sharding_constraint`; what it does on several devices is tested in tests/parallel."""

from __future__ import annotations

from ms_func.sharding import Mesh, NamedSharding, PartitionSpec
from tests.cases.case import ANY, of_shapes

_MESH = Mesh((2, 2), ("a", "b"))


def _laid(*entries):
    return {"sharding": NamedSharding(_MESH, PartitionSpec(*entries))}


CASES = {
    "sharding_constraint": [
        of_shapes((4, 2), params=_laid("a", "b"), dtypes=ANY),
        of_shapes((4, 3), params=_laid(("a", "b")), dtypes=("float64",)),
        of_shapes((2, 4), params=_laid(..., "a"), dtypes=("float64",)),
        of_shapes((), params=_laid(), dtypes=("float64",)),
    ],
}
