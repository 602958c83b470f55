"""The meaning of a program by the NumPy rules of its primitives, equation by equation.

Slow and obvious: the oracle that compiled programs, transforms and passes are tested
against. Every result is checked against the type that its equation promises.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ms_func.errors import UnsupportedError
from ms_func.ir.function import Atom, Eqn, Function, Literal
from ms_func.ir.loc import Loc
from ms_func.ir.primitive import NotSupported, Primitive, current
from ms_func.ir.types import ArrayType, typeof


def evaluate(fn: Function, *arrays: Any) -> list[np.ndarray]:
    """Results of `fn` on `arrays`, computed with NumPy alone.

    Args:
        fn: the program.
        *arrays: one value per parameter that is not bound to a constant of `fn`; numbers and
            anything NumPy understands, of the dtype and shape of the parameter.

    Returns:
        One array per result.

    Raises:
        TypeError: the number, a shape or a dtype of the arguments does not fit.
        UnsupportedError: an operation has no meaning outside a compiled program.

    Example:
        >>> import numpy
        >>> program = ms.make_ir(lambda x: 2 * x)(np.ones(2))
        >>> ms.extend.evaluate(program, numpy.float32([0.5, 3.0]))
        [array([1., 6.], dtype=float32)]
    """
    values = [*arrays, *fn.consts]
    if len(values) != len(fn.params):
        raise TypeError(
            f"`{fn.name}` takes {len(fn.params) - len(fn.consts)} arrays, got {len(arrays)}"
        )
    env: dict[Atom, np.ndarray] = {}
    for var, value in zip(fn.params, values, strict=True):
        env[var] = _fitting(value, var.type, fn.name)
    outer, current.interpreter = current.interpreter, Reference()
    try:
        for eqn in fn.eqns:
            ins = [env[a] if type(a) is not Literal else a.array for a in eqn.inputs]
            env.update(zip(eqn.outputs, _apply(eqn, ins), strict=True))
    finally:
        current.interpreter = outer
    return [env[a] if type(a) is not Literal else a.array for a in fn.results]


Watch = Callable[[Primitive, Sequence[np.ndarray], Sequence[np.ndarray], Loc | None], None]


class _Watching(threading.local):
    watch: Watch | None = None


_watching = _Watching()


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Show each evaluated equation of this thread to a function, inner ones first.

    What happens on the side does not happen: the program has run before.

    Args:
        watch: function of the primitive, operands, results and the user's line.
    """
    before, _watching.watch = _watching.watch, watch
    try:
        yield
    finally:
        _watching.watch = before


class Reference:
    """Interpreter that applies primitives to NumPy arrays at once; see `current.interpreter`.

    Example:
        >>> from ms_func.primitives.elementwise import exp
        >>> with Reference():
        ...     float(exp(np.float64(0)))
        1.0
    """

    __slots__ = ("loc", "outer")

    def __init__(self) -> None:
        self.loc: Loc | None = None
        self.outer: Any = None

    def __enter__(self) -> Reference:
        self.outer, current.interpreter = current.interpreter, self
        return self

    def __exit__(self, *exc: object) -> None:
        current.interpreter = self.outer

    def bind(self, primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Result of the NumPy rule; a list for primitives with several results."""
        taken = tuple(typeof(a) for a in args)
        types = primitive.result_types(taken, params)
        arrays = [
            a.array if type(a) is Literal else np.asarray(a, t.dtype)
            for a, t in zip(args, taken, strict=True)
        ]
        out = _call(primitive, arrays, params, types, self.loc)
        return out if primitive.multiple_results else out[0]

    def apply(self, fn: Function, args: Sequence[Any]) -> list[np.ndarray]:
        """Results of a whole program."""
        return evaluate(fn, *(a.array if type(a) is Literal else a for a in args))


def _fitting(value: Any, type: ArrayType, name: str) -> np.ndarray:
    """Argument as an array; Python numbers take the dtype of the parameter."""
    number = isinstance(value, (bool, int, float, complex))
    array = np.asarray(value, type.dtype if number else None)
    if array.shape != type.shape or array.dtype != type.dtype:
        raise TypeError(
            f"`{name}` takes a value of type {type}, got {ArrayType(array.shape, array.dtype)}"
        )
    return array


def _apply(eqn: Eqn, ins: Sequence[np.ndarray]) -> list[np.ndarray]:
    types = [v.type for v in eqn.outputs]
    return _call(eqn.primitive, ins, eqn.params, types, eqn.loc)


def _call(
    primitive: Primitive,
    ins: Sequence[np.ndarray],
    params: dict[str, Any],
    types: Sequence[ArrayType],
    loc: Loc | None,
) -> list[np.ndarray]:
    """Results of one NumPy rule, held to the promised types."""
    rule, watch = primitive.ref, _watching.watch
    if watch is not None and primitive.effects is not None and primitive.effects(**params):
        if not types:
            return []
        raise UnsupportedError(f"`{primitive.name}` must not happen twice", loc)
    if isinstance(rule, NotSupported):
        raise UnsupportedError(f"`{primitive.name}` cannot be evaluated: {rule.reason}", loc)
    with np.errstate(all="ignore"):
        out = rule(*ins, **params)
    arrays = [np.asarray(x) for x in (out if primitive.multiple_results else (out,))]
    got = [(x.shape, x.dtype) for x in arrays]
    if got != [(t.shape, t.dtype) for t in types]:
        raise AssertionError(
            f"the NumPy rule of `{primitive.name}` gave {got} where its type rule promises {types}"
        )
    if watch is not None:
        watch(primitive, ins, arrays, loc)
    return arrays
