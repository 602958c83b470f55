"""Uses of collectives, which have a meaning only together: tests/collectives is about that."""

from __future__ import annotations

from ms_func.ir.axes import Axes
from ms_func.primitives.arithmetic import add, mul
from ms_func.primitives.collective import psum_p
from ms_func.primitives.elementwise import sin
from ms_func.primitives.reduce import reduce_sum
from ms_func.primitives.shape import broadcast_in_dim
from ms_func.sharding import Mesh, PartitionSpec
from tests.cases.case import ANY, NUMBERS, Arg, Case, of_shapes
from tests.cases.control_flow import program

I = Axes(("i",))
_MESH = Mesh((2, 2), ("a", "b"))
_ALL = {"axes": I, "groups": None}
_PIECES = {**_ALL, "dimension": 1, "count": 2}


def _mixed(x, y):
    """Of a piece split both ways and one that the devices along "a" share."""
    total = psum_p.bind(mul(sin(x), y), axes=Axes(("b",)), groups=None)
    return [mul(x, sin(y)), reduce_sum(total, (1,)), add(x, 1.0)]


def _shard_map():
    params = {
        "fn": program("f", [(2, 1), (1,)], lambda x, y: _mixed(x, _wide(y))),
        "mesh": _MESH,
        "in_specs": (PartitionSpec("a", "b"), PartitionSpec("b")),
        "out_specs": (PartitionSpec("a", "b"), PartitionSpec("a"), PartitionSpec(None, ("a", "b"))),
        "manual": ("a", "b"),
        "check": False,
    }
    return [Case((Arg((4, 2)), Arg((2,))), params, ("float64",), ulps=64)]


def _wide(y):
    return broadcast_in_dim(y, (2, 1), (1,))


CASES = {
    "psum": [of_shapes((3, 2), params=_ALL, dtypes=NUMBERS)],
    "psum_invariant": [of_shapes((3, 2), params=_ALL, dtypes=NUMBERS)],
    "pmax": [of_shapes((3, 2), params=_ALL, dtypes=ANY)],
    "pmin": [of_shapes((3, 2), params=_ALL, dtypes=ANY)],
    "pvary": [of_shapes((3, 2), params={"axes": I}, dtypes=ANY)],
    "all_gather": [of_shapes((3, 2), params=_PIECES, dtypes=ANY)],
    "all_gather_invariant": [of_shapes((3, 2), params=_PIECES, dtypes=ANY)],
    "reduce_scatter": [of_shapes((3, 2), params=_PIECES, dtypes=NUMBERS)],
    "all_to_all": [
        of_shapes((3, 2), params={**_ALL, "split": 1, "concat": 0, "count": 2}, dtypes=ANY)
    ],
    "ppermute": [of_shapes((3, 2), params={"axes": I, "perm": ((0, 1), (1, 0))}, dtypes=ANY)],
    "axis_index": [of_shapes(params={"axes": I, "checked": False}, dtypes=("int32",))],
    "shard_map": _shard_map(),
}
