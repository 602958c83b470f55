"""How arguments and results of an exported program lie over devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ms_func.errors import ArgumentValueError
from ms_func.execution.array import ARRAYS
from ms_func.ir.mesh import Mesh
from ms_func.ir.sharding import NamedSharding, Sharding
from ms_func.primitives.sharding import read_sharding, written_sharding
from ms_func.tracing.tracer import Tracer


class Places(NamedTuple):
    """Layouts that the user gave, of arguments and results; None where there is none.

    Attributes:
        ins: one for each array of the arguments.
        outs: one for each array of the results.
        devices: number of devices that the program is for.
    """

    ins: tuple[Any, ...]
    outs: tuple[Any, ...]
    devices: int = 1

    @classmethod
    def of(cls, traced: Any) -> Places:
        """Those of a recorded function: as `jit` was told, and where arguments lie."""
        recorded = traced._recorded
        n, fn = len(recorded.staged.captured), recorded.staged.fn
        ins = (None,) * len(traced._leaves) if recorded.ins is None else recorded.ins[n:]
        outs = (None,) * len(fn.results) if recorded.outs is None else recorded.outs
        lying = [getattr(x, "sharding", None) for x in traced._leaves if _is_put(x)]
        found = [s.num_devices for s in (*ins, *outs, *lying) if isinstance(s, Sharding)]
        return cls(tuple(ins), tuple(outs), max(found, default=1))

    def written(self) -> list[Any]:
        """As JSON; single devices are left out."""
        sides = [[written_sharding(s) if isinstance(s, NamedSharding) else None for s in side]
                 for side in (self.ins, self.outs)]  # fmt: skip
        return [*sides, self.devices]

    @classmethod
    def read(cls, data: Sequence[Any]) -> Places:
        """What `written` gave."""
        ins, outs = (tuple(s and read_sharding(s) for s in side) for side in data[:2])
        return cls(ins, outs, data[2])

    def check(self, name: str, leaves: Sequence[Any]) -> None:
        """Refuse arguments on another number of devices, where they say on how many they are.

        Raises:
            ValueError: they are on another number, and the program is for several.
        """
        if self.devices == 1 or any(type(x) is Tracer for x in leaves):
            return
        put = [x for x in leaves if type(x) in ARRAYS and x.committed]
        here = max((len(x.devices()) for x in put), default=1)
        if here != self.devices:
            raise ArgumentValueError(
                f"Function {name} was exported for {self.devices} devices and is called in a "
                f"context with {here} devices, which is not allowed."
            )


def over(mesh: Mesh, side: Sequence[Any]) -> tuple[Any, ...]:
    """Layouts over another mesh of the same axes."""
    return tuple(s.update(mesh=mesh) if isinstance(s, NamedSharding) else None for s in side)


def _is_put(x: Any) -> bool:
    return type(x) not in ARRAYS or x.committed
