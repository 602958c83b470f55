"""Ahead of time: the stages a jitted function goes through, each open to inspection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ms_func import config, tree
from ms_func.api.jit_options import TARGETS
from ms_func.api.reasons import argument_names
from ms_func.backend import platform_of
from ms_func.control_flow.bodies import cost_of
from ms_func.errors import ArgumentTypeError, ArgumentValueError, ShardingError
from ms_func.execution import nonfinite
from ms_func.execution.array import ARRAYS, on_host, result_tree
from ms_func.execution.buffers import default_backend, put
from ms_func.execution.compile import compiled, lower_program, option_items, program_placement
from ms_func.execution.dispatch import answer, dispatcher
from ms_func.execution.placement import may_move, public
from ms_func.ir.function import Function
from ms_func.ir.layout import Format, read_layout
from ms_func.ir.sharding import Sharding
from ms_func.ir.types import ArrayType, ShapeDtypeStruct, typeof
from ms_func.lowering.hlo import hlo_computation
from ms_func.tracing.arguments import classes, completed
from ms_func.tracing.tracer import Tracer
from ms_func.tree_mismatch import mismatches


def shape_struct(t: ArrayType) -> ShapeDtypeStruct:
    """The user's view of a type."""
    return ShapeDtypeStruct(t.shape, t.dtype, weak_type=t.weak_type, sharding=t.explicit)


@dataclass(frozen=True)
class ArgInfo:
    """What a stage knows of one argument: its type, and whether its memory may be taken over.

    Attributes:
        donated: whether it may.

    Example:
        >>> info = ms.jit(lambda x: 2 * x).lower(np.ones(3)).args_info
        >>> info[0][0].shape, info[0][0].donated
        ((3,), False)
    """

    _aval: ArrayType
    donated: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""
        return self._aval.shape

    @property
    def dtype(self) -> np.dtype:
        """Type of the elements."""
        return self._aval.dtype


class _Stage:
    """What every stage tells about the arguments; static ones are not among them."""

    _traced: Any

    def _arranged(self, values: Sequence[Any]) -> Any:
        """(positional, named) arguments with one value in the place of each array."""
        traced = self._traced
        leaves, in_tree, _ = traced._jitted._flatten(*traced._arguments)
        rest = iter(values)
        return tree.unflatten(in_tree, [next(rest) if _is_array(x) else x for x in leaves])

    @property
    def _argument_types(self) -> tuple[ArrayType, ...]:
        staged = self._traced._recorded.staged
        return staged.fn.in_types[len(staged.captured) :]

    @property
    def in_tree(self) -> Any:
        """Structure of (positional, named) arguments."""
        return self._traced._jitted._flatten(*self._traced._arguments)[1]

    @property
    def in_avals(self) -> Any:
        """Types of the arguments, as (positional, named)."""
        return self._arranged(self._argument_types)

    @property
    def donate_argnums(self) -> tuple[int, ...]:
        """Positions of donated arrays among all arrays of the arguments."""
        recorded = self._traced._recorded
        n = len(recorded.staged.captured)
        return tuple(i - n for i in recorded.donate)

    @property
    def args_info(self) -> Any:
        """An `ArgInfo` for each array, as (positional, named)."""
        donated = self.donate_argnums
        return self._arranged(
            [ArgInfo(t, i in donated) for i, t in enumerate(self._argument_types)]
        )


def _is_array(x: Any) -> bool:
    try:
        typeof(x)
    except TypeError:
        return False
    return True


def _type(x: Any) -> Any:
    """Type of an array; other values stand for themselves."""
    return typeof(x) if _is_array(x) else x


def _short(t: Any) -> str:
    return t.str_short() if type(t) is ArrayType else repr(t)


def _same(x: Any, wanted: Any) -> bool:
    """Whether an argument is of the type that a program takes, or the same object."""
    if type(wanted) is not ArrayType:
        return x is wanted or (type(x) is type(wanted) and x == wanted)
    if not _is_array(x):
        return False
    t = typeof(x)
    if type(x) in (int, float, complex):  # of the width that the program takes
        return not wanted.shape and t.dtype.kind == wanted.dtype.kind
    return t.shape == wanted.shape and t.face == wanted.face


class Traced(_Stage):
    """A function recorded for given argument types.

    Example:
        >>> traced = ms.jit(lambda x: 2 * x).trace(np.ones(3))
        >>> traced.out_info, traced.lower().compile()(np.ones(3)).tolist()
        (ShapeDtypeStruct(shape=(3,), dtype=float32), [2.0, 2.0, 2.0])
    """

    def __init__(
        self, jitted: Any, recorded: Any, arguments: Any, leaves: Sequence[Any] = ()
    ) -> None:
        self._jitted = jitted
        self._recorded = recorded
        self._arguments = arguments
        self._leaves = leaves
        self._traced = self

    @property
    def ir(self) -> Function:
        """The recorded program; captured values are its first parameters."""
        return self._recorded.staged.fn

    jaxpr = ir

    @property
    def captured(self) -> list[Any]:
        """Values that the function closes over, for the first parameters of `ir`."""
        return list(self._recorded.staged.captured)

    @property
    def out_avals(self) -> Any:
        """Types of the results."""
        staged = self._recorded.staged
        return staged.unflatten(staged.fn.out_types)

    @property
    def fun_name(self) -> str:
        """Name of the function."""
        return self._jitted.name

    @property
    def out_info(self) -> Any:
        """Results as `ShapeDtypeStruct`s."""
        staged, places = self._recorded.staged, self._recorded.outs
        found = [shape_struct(t) for t in staged.fn.out_types]
        if places is not None:
            pairs = zip(found, places, strict=True)
            found = [x if s is None else x.update(sharding=s) for x, s in pairs]
        return staged.unflatten(found)

    def closed(self) -> Lowered:
        """StableHLO of the program with captured values as constants in it, for any machine."""
        fn, captured = self.ir, self._recorded.staged.captured
        n = len(captured)
        arrays = [on_host(x) for x in captured]
        whole = Function(fn.name, [*fn.params[n:], *fn.params[:n]], fn.eqns, fn.results, arrays)
        return Lowered(self, whole, (), platforms=())

    @property
    def out_tree(self) -> Any:
        """Structure of the result."""
        return self._recorded.staged.out_tree

    def lower(self, *, lowering_platforms: Sequence[str] | None = None) -> Lowered:
        """StableHLO of the program.

        Args:
            lowering_platforms: kinds of devices it is for, of "cpu", "cuda", "rocm" and "tpu"; by
                default the kind it is placed on. Only a program for that can be compiled here.

        Raises:
            ValueError: there is no such platform.
            NotImplementedError: an operation has no kernel there, or none that all of them have.
        """
        return Lowered(self, self.ir, self._recorded.donate, _platforms(lowering_platforms))


def _check_described(leaves: Sequence[Any], wanted: Sequence[Any]) -> None:
    """Refuse descriptions of arrays that lie otherwise than `jit` was told."""
    for x, s in zip(leaves, wanted, strict=False):
        own = x.sharding if type(x) is ShapeDtypeStruct else None
        if not isinstance(own, Sharding) or not isinstance(s, Sharding):
            continue
        if not own.is_equivalent_to(s, len(x.shape)):
            raise ShardingError(
                "Sharding passed to jit does not match the sharding on the respective arg. Got jit "
                f"sharding: {s}, arg sharding: {own} for arg type: {x}"
            )


def _platforms(names: Sequence[str] | None) -> tuple[str, ...] | None:
    """Kinds of devices by their names."""
    if names is None:
        return None
    if isinstance(names, str) or not names or not set(TARGETS).issuperset(names):
        raise ArgumentValueError(
            f"lowering_platforms is a sequence of platforms, of {TARGETS}, got {names!r}"
        )
    return tuple(dict.fromkeys(names))


class Lowered(_Stage):
    """A function lowered to StableHLO for given argument types.

    Example:
        >>> lowered = ms.jit(lambda x: 2 * x).lower(np.ones(3))
        >>> "stablehlo.multiply" in lowered.as_text()
        True
    """

    def __init__(
        self, traced: Traced, fn: Function, donate: tuple[int, ...],
        platforms: tuple[str, ...] | None = None,
    ) -> None:  # fmt: skip
        self._traced = traced
        self._platforms = platforms
        recorded = traced._recorded
        self._job = recorded.job(fn)
        if config.jax_rules() and recorded.ins is not None:
            _check_described(traced._leaves, recorded.ins[-len(traced._leaves) :])
        # Captured values that are constants of the program have no say in where it runs.
        values = traced._leaves if fn.consts else [*recorded.staged.captured, *traced._leaves]
        operands = described(values)
        self._placement = program_placement(self._job, operands)
        self._module = lower_program(
            self._job,
            self._placement,
            name=traced._jitted.module_name,
            donate=donate,
            platforms=platforms,
        )
        self.out_tree = traced._recorded.staged.out_tree

    @property
    def out_info(self) -> Any:
        """Results as `ShapeDtypeStruct`s."""
        return tree.map(lambda x: x.update(weak_type=False), self._traced.out_info)

    def cost_analysis(self) -> dict[str, float]:
        """Estimates before the compiler has seen it: flops, bytes accessed, transcendentals."""
        cost = cost_of(self._job.fn)
        return {
            "flops": cost.flops, "bytes accessed": cost.bytes,
            "transcendentals": cost.transcendentals,
        }  # fmt: skip

    def compiler_ir(self, dialect: str = "stablehlo") -> Any:
        """The module: of MLIR, or with dialect "hlo" the computation of XLA.

        Raises:
            ValueError: there is no such dialect.
        """
        if dialect == "hlo":
            return hlo_computation(self._module)
        if dialect != "stablehlo":
            raise ArgumentValueError(f"dialect must be 'stablehlo' or 'hlo', got {dialect!r}")
        return self._module

    def as_text(self, dialect: str | None = None, *, debug_info: bool = False) -> str:
        """The module as text, of StableHLO or with dialect "hlo" of XLA."""
        if dialect == "hlo":
            return self.compiler_ir("hlo").as_hlo_text()
        if dialect not in (None, "stablehlo"):
            raise ArgumentValueError(f"dialect must be 'stablehlo' or 'hlo', got {dialect!r}")
        return self._module.operation.get_asm(enable_debug_info=debug_info)

    def compile(self, compiler_options: dict[str, Any] | None = None) -> Compiled:
        """Compile for the default device.

        Args:
            compiler_options: options of XLA by name, beside those given to `jit`.

        Raises:
            ValueError: it was lowered for another kind of device.
        """
        here = platform_of(self._placement.devices[0])
        if self._platforms and here not in self._platforms:
            raise ArgumentValueError(
                f"`{self._traced._jitted.name}` was lowered for {', '.join(self._platforms)}, and "
                f"would run on {here}\nfix: lower it without lowering_platforms"
            )
        own = dict(self._traced._jitted.options.compiler_options)
        return Compiled(self, option_items({**own, **(compiler_options or {})}))


class Compiled(_Stage):
    """A compiled program, called with arguments of the types it was made for.

    Example:
        >>> compiled = ms.jit(lambda x: 2 * x).lower(np.ones(3)).compile()
        >>> compiled(np.arange(3.0)).tolist(), compiled.out_info.shape
        ([0.0, 2.0, 4.0], (3,))
        >>> compiled(np.ones(4))
        Traceback (most recent call last):
            ...
        ms_func.errors.ArgumentTypeError: ...
    """

    def __init__(self, lowered: Lowered, options: tuple[tuple[str, Any], ...] = ()) -> None:
        traced = lowered._traced
        self._traced = traced
        self.out_tree = lowered.out_tree
        job, donate = lowered._job, traced._recorded.donate
        self._program = compiled(
            job.fn, lowered._placement, name=traced._jitted.module_name, donate=donate,
            out_shardings=job.outs, types=job.types, options=options,
        )  # fmt: skip
        self._dispatch = dispatcher(traced._jitted.name, self._miss)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program; static arguments may be given again or left out."""
        return self._dispatch(*args, **kwargs)

    def _miss(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, bool]:
        """Answer the dispatcher, which calls the program by itself for arrays of the same kind."""
        jitted, recorded = self._traced._jitted, self._traced._recorded
        leaves = tree.leaves((args, kwargs))
        if any(type(x) is Tracer for x in leaves):
            raise ArgumentTypeError(
                f"Cannot apply {'JAX ' if config.jax_rules() else ''}transformations to a function "
                f"lowered and compiled for a particular signature, here `{jitted.name}`. Detected "
                f"argument of Tracer type {Tracer}\nfix: call the jitted function itself"
            )
        args, kwargs = self._with_statics(args, kwargs)
        operands = self._operands(args, kwargs)
        buffers = _buffers(recorded.staged, operands)
        outs = nonfinite.run(self._program, self._traced.ir, buffers, jitted.name)
        out_tree = result_tree(self.out_tree, self._traced.ir.out_types)
        same = len(leaves) == len(operands) and all(type(x) in ARRAYS for x in leaves)
        if not same or self._program.calls_host or config.searching() or (
            not may_move(buffers, self._program.placement, strict=False)
        ):  # fmt: skip
            return out_tree.unflatten(outs), None, False
        return answer(self._program, outs, out_tree, buffers[: self._captured_count])

    call = __call__

    def _operands(self, args: Any, kwargs: Any) -> list[Any]:
        """Arrays among the arguments.

        Raises:
            TypeError: they are of other structure or types than the program was made for, or
                static ones have other values.
            ValueError: by JAX's rules, one lies elsewhere.
        """
        jitted, what = self._traced._jitted, self._traced._arguments
        given, in_tree, statics = jitted._flatten(args, kwargs)
        made, wanted, fixed = jitted._flatten(*what)
        if in_tree != wanted:
            now = (args, kwargs)
            places = mismatches("args and kwargs", what, now) or mismatches("the call", now, what)
            raise ArgumentTypeError(
                "Function compiled with input pytree does not match the input pytree it was called "
                f"with. There are {len(places)} mismatches, including:\n" + "\n".join(places)
            )
        types = iter(self._argument_types)
        pairs = [(x, next(types)) if _is_array(was) else (x, was)
                 for x, was in zip(given, made, strict=True)]  # fmt: skip
        if statics != fixed or classes(statics) != classes(fixed):
            raise ArgumentTypeError(
                "Static arguments differ from those for which this computation was compiled: they "
                f"were {fixed} and are {statics}\n"
                "fix: leave them out of the call, or compile the function for the new ones"
            )
        if not all(_same(x, t) for x, t in pairs):
            names = argument_names(jitted.fun, args, kwargs, jitted.options)[0]
            raise ArgumentTypeError(
                "Argument types differ from the types for which this computation was compiled. The "
                "mismatches are:\n" + "\n".join(
                    f"Argument '{n}' compiled with {_short(t)} and called with {_short(_type(x))}"
                    for n, (x, t) in zip(names, pairs, strict=True) if not _same(x, t)
                )
            )  # fmt: skip
        arrays = [x for x, t in pairs if type(t) is ArrayType]
        if config.jax_rules():
            self._check_places(args, kwargs, arrays)
        return arrays

    def _check_places(self, args: Any, kwargs: Any, arrays: Sequence[Any]) -> None:
        """Refuse arrays that were put elsewhere than the program takes them from."""
        required = self._program.placement.in_shardings[self._captured_count :]
        wrong = [
            (i, x.sharding, public(s))
            for i, (x, s) in enumerate(zip(arrays, required, strict=True))
            if type(x) in ARRAYS and x.committed
            and not x.sharding.is_equivalent_to(public(s), x.ndim)
        ]  # fmt: skip
        if not wrong:
            return
        names = argument_names(self._traced._jitted.fun, args, kwargs,
                               self._traced._jitted.options)[0]  # fmt: skip
        listed = "\n".join(
            f"Argument {names[i]} with shape {arrays[i].type.str_short()}:\n"
            f"  Passed sharding: {passed}\n  Required sharding: {wanted}"
            for i, passed, wanted in wrong
        )
        raise ArgumentValueError(
            "Computation was compiled for input shardings that disagree with the shardings of "
            f"arguments passed to it. Here are the {len(wrong)} mismatches:\n{listed}"
        )

    def _with_statics(self, args: Any, kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Arguments with the static ones of the trace where they are missing."""
        options, (given, named) = self._traced._jitted.options, self._traced._arguments
        missing = [i for i in options.static_argnums if i < len(given)]
        if missing and len(args) == len(given) - len(missing):
            args = tuple(completed(given, missing, args))
        static = {k: v for k, v in named.items() if k in options.static_argnames}
        return args, {**static, **kwargs}

    @property
    def _captured_count(self) -> int:
        return len(self._traced._recorded.staged.captured)

    @property
    def _out_types(self) -> tuple[ArrayType, ...]:
        return self._traced.ir.out_types

    @property
    def _out_places(self) -> list[Any]:
        places = self._program.executable.out_shardings
        return [public(s) for _, s in zip(self._out_types, places, strict=False)]

    @property
    def out_info(self) -> Any:
        """Results as `ShapeDtypeStruct`s that tell where they lie."""
        found = [
            ShapeDtypeStruct(t.shape, t.face, sharding=s)
            for t, s in zip(self._out_types, self._out_places, strict=True)
        ]
        return tree.unflatten(self.out_tree, found)

    @property
    def input_shardings(self) -> Any:
        """How the arguments must lie: those by position, and those by name."""
        places = self._program.placement.in_shardings[self._captured_count :]
        return self._arranged([public(s) for s in places])

    @property
    def output_shardings(self) -> Any:
        """How the results lie."""
        return tree.unflatten(self.out_tree, self._out_places)

    @property
    def input_formats(self) -> Any:
        """Layouts and shardings of the arguments: those by position, and those by name."""
        n, program = self._captured_count, self._program
        kept = iter(program.executable.in_layouts)
        layouts = [read_layout(next(kept)) if k else None for k in program.kept]
        places = [public(s) for s in program.placement.in_shardings]
        return self._arranged([Format(a, s) for a, s in zip(layouts[n:], places[n:], strict=True)])

    @property
    def output_formats(self) -> Any:
        """Layouts and shardings of the results."""
        layouts = map(read_layout, self._program.executable.out_layouts)
        found = [Format(a, s) for a, s in zip(layouts, self._out_places, strict=False)]
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


def described(values: Sequence[Any]) -> list[Any]:
    """Operands for placement: as far as values, or descriptions of them, say where they lie."""
    return [x.buffer if type(x) in ARRAYS else _Operand(x) for x in values]
