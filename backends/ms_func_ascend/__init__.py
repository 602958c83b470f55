"""Ascend backend: StableHLO modules as graphs of Ascend operators in AIR files.

`Ascend` compiles them with CANN and runs them on an NPU; `AscendReference` runs the same
files in a NumPy interpreter on any machine. `export` and `translate` need neither CANN nor a
card.
"""

from ms_func_ascend.air import describe, from_bytes, read, to_bytes, write
from ms_func_ascend.backend import Ascend, AscendReference, export
from ms_func_ascend.cann import AscendError, AscendUnavailable
from ms_func_ascend.emitter import Options
from ms_func_ascend.graph import Graph, GraphError, check_graph
from ms_func_ascend.simulate import SimulationError, simulate, simulate_ranks
from ms_func_ascend.translate import Refusal, UnsupportedOnAscend, translate

__all__ = [
    "Ascend",
    "AscendError",
    "AscendReference",
    "AscendUnavailable",
    "Graph",
    "GraphError",
    "Options",
    "Refusal",
    "SimulationError",
    "UnsupportedOnAscend",
    "check_graph",
    "describe",
    "export",
    "from_bytes",
    "read",
    "simulate",
    "simulate_ranks",
    "to_bytes",
    "translate",
    "write",
]
