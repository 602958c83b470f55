"""Ahead of time: the stages a jitted function goes through, each open to inspection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func import tree
from ms_func.errors import ArgumentTypeError
from ms_func.execution import nonfinite
from ms_func.execution.array import ARRAYS, on_host, result_tree
from ms_func.execution.buffers import default_backend, put
from ms_func.execution.compile import compiled, lower_program, option_items, program_placement
from ms_func.execution.placement import public
from ms_func.ir.function import Function
from ms_func.ir.types import ArrayType, ShapeDtypeStruct, typeof


def shape_struct(t: ArrayType) -> ShapeDtypeStruct:
    """The user's view of a type."""
    return ShapeDtypeStruct(t.shape, t.dtype, weak_type=t.weak_type)


class Traced:
    """A function recorded for given argument types."""

    def __init__(
        self, jitted: Any, recorded: Any, arguments: Any, leaves: Sequence[Any] = ()
    ) -> None:
        self._jitted = jitted
        self._recorded = recorded
        self._arguments = arguments
        self._leaves = leaves

    @property
    def ir(self) -> Function:
        """The recorded program; captured values are its first parameters."""
        return self._recorded.staged.fn

    jaxpr = ir

    @property
    def fun_name(self) -> str:
        """Name of the function."""
        return self._jitted.name

    @property
    def out_info(self) -> Any:
        """Results as `ShapeDtypeStruct`s."""
        staged = self._recorded.staged
        return staged.unflatten([shape_struct(t) for t in staged.fn.out_types])

    def closed(self) -> Lowered:
        """StableHLO of the program with captured values as constants in it."""
        fn, captured = self.ir, self._recorded.staged.captured
        n = len(captured)
        arrays = [on_host(x) for x in captured]
        whole = Function(fn.name, [*fn.params[n:], *fn.params[:n]], fn.eqns, fn.results, arrays)
        return Lowered(self, whole, ())

    def lower(self) -> Lowered:
        """StableHLO of the program."""
        return Lowered(self, self.ir, self._recorded.donate)


class Lowered:
    """A function lowered to StableHLO for given argument types."""

    def __init__(self, traced: Traced, fn: Function, donate: tuple[int, ...]) -> None:
        self._traced = traced
        recorded = traced._recorded
        self._job = recorded.job(fn)
        # Captured values that are constants of the program have no say in where it runs.
        operands = [] if fn.consts else _operands(traced)
        self._placement = program_placement(self._job, operands)
        self._module = lower_program(
            self._job, self._placement, name=traced.fun_name, donate=donate
        )
        self.in_tree = tree.structure(traced._arguments)
        self.out_tree = traced._recorded.staged.out_tree

    @property
    def out_info(self) -> Any:
        """Results as `ShapeDtypeStruct`s."""
        return self._traced.out_info

    def compiler_ir(self, dialect: str = "stablehlo") -> Any:
        """The MLIR module."""
        return self._module

    def as_text(self, dialect: str | None = None, *, debug_info: bool = False) -> str:
        """The module as text."""
        return self._module.operation.get_asm(enable_debug_info=debug_info)

    def compile(self, compiler_options: dict[str, Any] | None = None) -> Compiled:
        """Compile for the default device.

        Args:
            compiler_options: options of XLA by name, beside those given to `jit`.
        """
        own = dict(self._traced._jitted.options.compiler_options)
        return Compiled(self, option_items({**own, **(compiler_options or {})}))


class Compiled:
    """A compiled program, called with arguments of the types it was made for."""

    def __init__(self, lowered: Lowered, options: tuple[tuple[str, Any], ...] = ()) -> None:
        traced = lowered._traced
        self._traced = traced
        self.in_tree, self.out_tree = lowered.in_tree, lowered.out_tree
        self._types = traced.ir.in_types
        job, donate = lowered._job, traced._recorded.donate
        self._program = compiled(
            job.fn, lowered._placement, name=traced.fun_name, donate=donate,
            out_shardings=job.outs, types=job.types, options=options,
        )  # fmt: skip

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program."""
        jitted, recorded = self._traced._jitted, self._traced._recorded
        leaves, again = jitted.record(args, kwargs)
        if again.staged.fn is not recorded.staged.fn:
            raise ArgumentTypeError(
                f"`{jitted.name}` was compiled for arguments of types "
                f"{', '.join(map(str, self._types))} and called with others: "
                f"{', '.join(map(str, again.staged.fn.in_types))}"
            )
        buffers = _buffers(recorded.staged, leaves)
        return result_tree(self.out_tree, self._traced.ir.out_types).unflatten(
            nonfinite.run(self._program, self._traced.ir, buffers, jitted.name)
        )

    @property
    def input_shardings(self) -> Any:
        """How the arguments must lie: those by position, and those by name."""
        n = len(self._traced._recorded.staged.captured)
        found = [public(s) for s in self._program.placement.in_shardings[n:]]
        return tree.unflatten(self.in_tree, found)

    @property
    def output_shardings(self) -> Any:
        """How the results lie."""
        n = len(self._traced.ir.results)
        found = [public(s) for s in self._program.executable.out_shardings[:n]]
        return tree.unflatten(self.out_tree, found)

    def as_text(self) -> str:
        """The optimised program as text."""
        return self._program.executable.hlo_text

    def cost_analysis(self) -> dict[str, float]:
        """Estimates of the compiler: flops, bytes accessed, transcendentals."""
        return self._program.executable.cost_analysis

    def memory_analysis(self) -> Any:
        """Bytes of arguments, results and temporaries."""
        return self._program.executable.memory_analysis

    def runtime_executable(self) -> Any:
        """The runtime's own object."""
        return self._program.executable.loaded


def _buffers(staged: Any, leaves: Sequence[Any]) -> list[Any]:
    """Captured values and arguments on the device, at the types of the program."""
    return [
        x.buffer if type(x) in ARRAYS else put(x, v.type)
        for x, v in zip([*staged.captured, *leaves], staged.fn.params, strict=True)
    ]


class _Operand:
    """What placement needs to know of an operand that is only described."""

    __slots__ = ("_committed", "_sharding", "aval")

    def __init__(self, x: Any) -> None:
        self.aval = typeof(x)
        where = getattr(x, "sharding", None)
        self._committed = where is not None
        self._sharding = default_backend().sharding(where, self.aval.words.ndim) if where else None


def _operands(traced: Traced) -> list[Any]:
    """Captured values and arguments, as far as they say where they lie."""
    values = [*traced._recorded.staged.captured, *traced._leaves]
    return [x.buffer if type(x) in ARRAYS else _Operand(x) for x in values]
