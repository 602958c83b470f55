"""Meshes and layouts under their field names: re-exports of `ir.mesh` and `ir.sharding`."""

from __future__ import annotations

from ms_func.ir.mesh import AbstractDevice as AbstractDevice
from ms_func.ir.mesh import AbstractMesh as AbstractMesh
from ms_func.ir.mesh import AxisType as AxisType
from ms_func.ir.mesh import Link as Link
from ms_func.ir.mesh import Mesh as Mesh
from ms_func.ir.mesh import current_mesh as get_mesh
from ms_func.ir.mesh import get_abstract_mesh as get_abstract_mesh
from ms_func.ir.mesh import set_mesh as set_mesh
from ms_func.ir.mesh import use_mesh as use_abstract_mesh
from ms_func.ir.mesh import use_mesh as use_mesh
from ms_func.ir.sharding import NamedSharding as NamedSharding
from ms_func.ir.sharding import P as P
from ms_func.ir.sharding import PartitionSpec as PartitionSpec
from ms_func.ir.sharding import Sharding as Sharding
from ms_func.ir.sharding import SingleDeviceSharding as SingleDeviceSharding

__all__ = [
    "AbstractDevice", "AbstractMesh", "AxisType", "Link", "Mesh", "NamedSharding", "P",
    "PartitionSpec", "Sharding", "SingleDeviceSharding", "get_abstract_mesh",
    "get_mesh", "set_mesh", "use_abstract_mesh",
    "use_mesh",
]  # fmt: skip
__dir__ = __all__.copy
