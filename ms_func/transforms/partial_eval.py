"""Splitting a program into what is known now and what waits for unknown inputs.

`Splitting` is the interpreter for it: an application whose operands are all known is
recorded in the known program, any other in the unknown one. Known values that the unknown
part uses become its captured operands: these are the residuals, each kept once, and
nothing is computed twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func.ir.function import Function
from ms_func.ir.loc import Loc
from ms_func.ir.primitive import DEFAULT, Primitive, current
from ms_func.ir.walk import walk
from ms_func.stopwatch import timed
from ms_func.tracing.tracer import Staging, Tracer


class Splitting:
    """Interpreter with two recordings: `known`, and `unknown` nested in it."""

    __slots__ = ("known", "outer", "unknown")

    def __init__(self, known: Any, name: str) -> None:
        self.known = known
        self.unknown = Staging(name)
        self.outer: Any = None

    def __enter__(self) -> Splitting:
        self.outer = current.interpreter
        current.interpreter = self
        return self

    def __exit__(self, *exc: object) -> None:
        current.interpreter = self.outer

    @property
    def loc(self) -> Loc | None:
        """Place given to new equations of either recording."""
        return self.unknown.loc

    @loc.setter
    def loc(self, loc: Loc | None) -> None:
        self.known.loc = self.unknown.loc = loc

    def is_unknown(self, x: Any) -> bool:
        """Whether a value belongs to the unknown recording."""
        return type(x) is Tracer and x.recorder is self.unknown

    def bind(self, primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Record in the unknown program if an operand is unknown, else in the known one."""
        unknown = self.unknown
        for a in args:
            if type(a) is Tracer and a.recorder is unknown:
                if primitive.partial is not DEFAULT:
                    return primitive.partial(self, args, params)
                return unknown.bind(primitive, args, params)
        return self.bind_known(primitive, args, params)

    def apply(self, fn: Function, args: Sequence[Any]) -> list[Any]:
        """Apply a whole function, equation by equation."""
        return evaluate(fn, args)

    def bind_known(
        self, primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]
    ) -> Any:
        """Apply a primitive in the known program."""
        inner, current.interpreter = current.interpreter, self.known
        try:
            return self.known.bind(primitive, args, params)
        finally:
            current.interpreter = inner


def evaluate(fn: Function, args: Sequence[Any]) -> list[Any]:
    """Apply the equations of `fn` under the interpreter in force, one by one."""
    return walk(fn, args, lambda eqn, ins: None)


@timed("transform")
def partial_eval(
    fn: Function, unknown: Sequence[bool]
) -> tuple[Function, Function, tuple[bool, ...]]:
    """Split `fn` by which parameters are unknown.

    Args:
        fn: the program.
        unknown: for each parameter, whether its value comes later.

    Returns:
        `known`: known parameters -> known results, then residuals;
        `rest`: residuals, then unknown parameters -> unknown results;
        which results are unknown.

    Example:
        >>> program = ms.make_ir(lambda x, y: (np.sin(x), np.sin(x) * y))(0.0, 0.0)
        >>> known, rest, later = ms.extend.partial_eval(program, (False, True))
        >>> [eqn.primitive.name for eqn in rest.eqns], len(known.results), later
        (['mul'], 2, (False, True))
    """
    key = ("partial_eval", tuple(unknown))
    if key in fn.memo:
        return fn.memo[key]
    known = Staging(f"known_{fn.name}")
    with known:
        split = Splitting(known, f"unknown_{fn.name}")
        with split:
            params = [
                (split.unknown if u else known).parameter(t)
                for t, u in zip(fn.in_types, unknown, strict=True)
            ]
            outs = evaluate(fn, params)
        mask = tuple(split.is_unknown(x) for x in outs)
        waiting = [p for p, u in zip(params, unknown, strict=True) if u]
        rest, residuals = split.unknown.finish(
            waiting, [x for x, u in zip(outs, mask, strict=True) if u]
        )
        ready = [p for p, u in zip(params, unknown, strict=True) if not u]
        first, _ = known.finish(
            ready, [*(x for x, u in zip(outs, mask, strict=True) if not u), *residuals]
        )
    fn.memo[key] = first, rest, mask
    return fn.memo[key]
