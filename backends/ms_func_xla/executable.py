"""A compiled program, and what the C++ dispatcher needs to call it without Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ms_func.backend import ArrayExecutable
from ms_func.ir.explicit import typed
from ms_func_xla.compat import result_handler
from ms_func_xla.sharding import tiling_of


class FastPath(NamedTuple):
    """What the dispatcher keeps for one signature; the field names are the runtime's."""

    xla_executable: Any
    out_pytree_def: Any
    in_shardings: Sequence[Any]
    out_shardings: Sequence[Any]
    out_avals: Sequence[Any]
    out_committed: Sequence[bool]
    kept_var_bitvec: Sequence[bool]
    in_device_local_layouts: Sequence[Any]
    const_args: Sequence[Any]


class XlaExecutable(ArrayExecutable):
    """A program loaded on its devices.

    `bind_types` fixes the types and placements that results carry; until then `run` gives
    them no type.
    """

    def __init__(self, loaded: Any) -> None:
        self.loaded = loaded
        self._handlers: list[Any] = []
        self._outputs: tuple[Any, ...] = ()

    def bind_types(self, types: Sequence[Any], shardings: Sequence[Any], committed: bool) -> None:
        """Set what the results are labelled with."""
        types = [
            typed(t, getattr(s, "public", None)) for t, s in zip(types, shardings, strict=True)
        ]
        self._outputs = (types, list(shardings), [committed] * len(types))
        self._handlers = [
            result_handler(t, s, committed) for t, s in zip(types, shardings, strict=True)
        ]

    @property
    def out_shardings(self) -> Sequence[Any]:
        """Placement of each result, as `bind_types` set it."""
        return self._outputs[1]

    def run(self, buffers: Sequence[Any]) -> list[Any]:
        """Start the program; the results may still be in the making when this returns."""
        return self.loaded.execute_sharded(buffers).consume_with_handlers(self._handlers)

    def fast_path(
        self,
        out_tree: Any,
        in_shardings: Sequence[Any],
        kept: Sequence[bool],
        const_args: Sequence[Any],
    ) -> Any:
        """Entry for the C++ dispatcher.

        Args:
            out_tree: structure of the results.
            in_shardings: placement of each operand that is kept.
            kept: which operands the program takes, constants first.
            const_args: values passed before the arguments.
        """
        types, shardings, committed = self._outputs
        n = len(in_shardings)
        return FastPath(
            self.loaded, out_tree, in_shardings, shardings, types, committed, list(kept),
            [None] * n, const_args,
        )  # fmt: skip

    def out_tilings(self) -> list[Any]:
        """Tiling of each result of a program over several devices; see `tiling_of`."""
        return [tiling_of(s) for s in self.loaded.get_output_shardings() or ()]

    @property
    def in_layouts(self) -> list[str]:
        """How the elements of each operand must lie, in the runtime's spelling."""
        return [str(a) for a in self.loaded.get_parameter_layouts()]

    @property
    def out_layouts(self) -> list[str]:
        """How the elements of each result lie, in the runtime's spelling."""
        return [str(a) for a in self.loaded.get_output_layouts()]

    @property
    def hlo_text(self) -> str:
        """The optimised program in XLA's text form."""
        return "\n".join(m.to_string() for m in self.loaded.hlo_modules())

    @property
    def cost_analysis(self) -> dict[str, float]:
        """XLA's estimate: flops, bytes accessed, transcendentals."""
        return self.loaded.cost_analysis()

    @property
    def memory_analysis(self) -> Any:
        """Bytes of arguments, results and temporaries."""
        return self.loaded.get_compiled_memory_stats()
