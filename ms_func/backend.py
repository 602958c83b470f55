"""What a backend is, and how one is found.

A backend compiles StableHLO modules and runs them. Ours and anybody else's are found by the
entry-point group `ms_func.backends`; the core knows none of them by name but the default
from `config`, and the one that holds arrays, which does more (`ArrayBackend`). The border is a
StableHLO module as an MLIR object: nothing of the IR crosses it.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ms_func.ir.loc import hide_frames_of
from ms_func.once import once


@dataclass(frozen=True)
class CompileOptions:
    """How to compile one module.

    Attributes:
        name: name of the program, for messages.
        devices: devices one run spans, in the order of partitions; empty means the default.
        num_partitions: number of devices the program is split over by the partitioner.
        flags: settings only this backend knows.
    """

    name: str = "main"
    devices: tuple[Any, ...] = ()
    num_partitions: int = 1
    flags: dict[str, Any] = field(default_factory=dict)


@runtime_checkable
class Executable(Protocol):
    """A compiled program."""

    def run(self, buffers: Sequence[Any]) -> list[Any]:
        """Results of the program for `buffers` (of `Backend.put`, or NumPy arrays)."""
        ...


@runtime_checkable
class Backend(Protocol):
    """Compiles and runs StableHLO modules."""

    name: str

    def devices(self) -> Sequence[Any]:
        """Devices that programs can run on."""
        ...

    def compile(self, module: Any, options: CompileOptions) -> Executable:
        """Compile a StableHLO module (`jaxlib.mlir.ir.Module`) with a public `main`.

        Raises:
            UnsupportedError: the module uses operations the backend does not have; all of
                them are named, with their source lines, before anything runs.
        """
        ...

    def export(self, module: Any, options: CompileOptions) -> bytes | dict[str, bytes]:
        """File that carries a module to another machine, in the backend's own format.

        For a module of several devices it may be several files: from the end of a name to bytes.
        """
        ...

    def put(self, array: np.ndarray, placement: Any = None, type: Any = None) -> Any:
        """Buffer with the elements of `array` on a device or sharding; None is the default.

        `type` is the core's description of the array, to be given back as the buffer's `aval`
        by a backend that holds arrays; others ignore it.
        """
        ...

    def get(self, buffer: Any) -> np.ndarray:
        """Elements of a buffer."""
        ...


class ArrayExecutable(Executable, Protocol):
    """A compiled program whose results are arrays of the process.

    Attributes:
        loaded: the runtime's own program.
    """

    loaded: Any

    def bind_types(self, types: Sequence[Any], shardings: Sequence[Any], committed: bool) -> None:
        """Set types and placements of the results, without which `run` labels none."""
        ...

    def fast_path(
        self, out_tree: Any, in_shardings: Sequence[Any], kept: Sequence[bool],
        const_args: Sequence[Any],
    ) -> Any:  # fmt: skip
        """What the dispatcher needs to call the program without Python; see `api.compile`."""
        ...

    def out_tilings(self) -> list[Any]:
        """How the partitioner split each result of a program over several devices."""
        ...

    @property
    def out_shardings(self) -> Sequence[Any]:
        """Placement of each result, as `bind_types` set it."""
        ...

    @property
    def in_layouts(self) -> list[str]:
        """How the elements of each operand must lie, in the runtime's spelling."""
        ...

    @property
    def out_layouts(self) -> list[str]:
        """How the elements of each result lie, in the runtime's spelling."""
        ...

    @property
    def hlo_text(self) -> str:
        """The optimised program as text."""
        ...

    @property
    def cost_analysis(self) -> dict[str, float]:
        """The compiler's estimate: flops, bytes accessed, transcendentals."""
        ...

    @property
    def memory_analysis(self) -> Any:
        """Bytes of arguments, results and temporaries."""
        ...


class ArrayBackend(Backend, Protocol):
    """The backend whose buffers are the arrays of the process, and which joins processes.

    Attributes:
        platform: kind of its devices, such as "cpu" or "cuda".
        group: the processes that work together; None where this one is alone.
    """

    platform: Any
    group: Any

    @property
    def default_device(self) -> Any:
        """Device of what nobody placed."""
        ...

    @property
    def started(self) -> bool:
        """Whether it runs threads, which a forked child would lack."""
        ...

    def devices(self, platform: str | None = None) -> Sequence[Any]:
        """Devices of the platform in use, or of the one named."""
        ...

    def client(self, platform: str | None = None) -> Any:
        """Client of the runtime for a platform."""
        ...

    def memory(self, device: Any) -> int | None:
        """Bytes of memory of a device; None where the runtime does not tell."""
        ...

    def compile(self, module: Any, options: CompileOptions) -> ArrayExecutable:
        """As that of any backend."""
        ...

    def save(self, executable: Any) -> bytes:
        """A compiled program as bytes, for devices of the same kind."""
        ...

    def load(self, data: bytes, devices: Sequence[Any]) -> ArrayExecutable:
        """The compiled program behind bytes of `save`, on as many devices."""
        ...

    def sharding(self, place: Any, ndim: int = 0) -> Any:
        """The runtime's placement for a device, or for a sharding of arrays of rank `ndim`."""
        ...

    def move(self, buffer: Any, placement: Any) -> Any:
        """Buffer with the elements of another one at a device or sharding; None leaves it."""
        ...

    def label(self, buffer: Any, type: Any, device: Any) -> Any:
        """A buffer imported from another library with its type attached."""
        ...

    def relabel(self, buffer: Any, type: Any) -> Any:
        """The same memory as an array of another type."""
        ...

    def join(self, *where: Any, **how: Any) -> None:
        """Join a group of processes, before the first array is made; see `distributed`."""
        ...

    def leave(self) -> None:
        """Leave the group."""
        ...


def platform_of(device: Any) -> str:
    """Kind of device that programs are made for; the runtime calls CUDA devices "gpu".

    Example:
        >>> platform_of(get("xla").devices("cpu")[0])
        'cpu'
    """
    return "cuda" if device.platform == "gpu" else device.platform


def files(path: str | Path, data: bytes | dict[str, bytes]) -> dict[Path, bytes]:
    """What to write where, for what a backend exported.

    Args:
        path: the file that the user named.
        data: its bytes; or several files, by what their names have behind that of `path`.

    Example:
        >>> [str(p) for p in files("step.air", {"rank0.air": b"", "rank1.air": b""})]
        ['step_rank0.air', 'step_rank1.air']
    """
    path = Path(path)
    if isinstance(data, bytes):
        return {path: data}
    return {path.with_name(f"{path.stem}_{end}"): held for end, held in data.items()}


@once
def get(name: str) -> Backend:
    """The installed backend of that name; made once.

    Raises:
        RuntimeError: no such backend is installed.

    Example:
        >>> get("xla") is get("xla"), len(get("xla").devices()) > 0
        (True, True)
    """
    from importlib.metadata import entry_points  # reads every installed package: not at import

    found = {e.name: e for e in entry_points(group="ms_func.backends")}
    if name not in found:
        installed = ", ".join(sorted(found)) or "none"
        raise RuntimeError(
            f"Unknown backend {name!r}: installed are {installed}\n"
            "fix: install the package that provides it, or pass one of the installed names"
        )
    made = found[name].load()
    hide_frames_of(os.path.dirname(inspect.getfile(made)))
    return made()
