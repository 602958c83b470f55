"""Run a Python function once on tracers and keep what it did as an ir.Function."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, NamedTuple

from ms_func import config, tree
from ms_func.errors import ArgumentTypeError
from ms_func.ir.function import Function, FunctionKey
from ms_func.ir.types import ArrayType, typeof
from ms_func.tracing.tracer import Staging, Tracer


class Staged(NamedTuple):
    """A recorded call.

    Attributes:
        fn: the program; captured values are its first parameters.
        captured: arrays and outer tracers for these parameters.
        out_tree: structure of the Python result.
        constants: leaves of the result that are no arrays, by position (only where allowed).
    """

    fn: Function
    captured: list[Any]
    out_tree: Any
    constants: dict[int, Any]

    def unflatten(self, results: Sequence[Any]) -> Any:
        """Python result from the flat results of the program."""
        if self.constants:
            rest, n = iter(results), len(results) + len(self.constants)
            results = [self.constants[i] if i in self.constants else next(rest) for i in range(n)]
        return tree.unflatten(self.out_tree, results)


def stage(
    call: Callable[[list[Tracer]], Any],
    types: Sequence[ArrayType],
    *,
    name: str,
    values: Sequence[Any] | None = None,
    keep_constants: bool = False,
) -> Staged:
    """Record `call`, which gets one tracer per type and returns a tree of arrays.

    Args:
        call: runs the user's function on the tracers.
        types: types of the parameters.
        name: name of the program.
        values: arrays (or outer tracers) behind the parameters, where Python control flow
            may look at them because the program is about to run on them.
        keep_constants: let result leaves that are no arrays pass as they are.

    Raises:
        TypeError: a leaf of the result is not an array or a number.
    """
    trace = Staging(name)
    with trace:
        params = [trace.parameter(t) for t in types]
        if values is not None:
            trace.values = {p.variable: v for p, v in zip(params, values, strict=True)}
        leaves, out_tree = tree.flatten(call(params))
        constants = _constants(leaves, name, keep_constants)
        results = [x for i, x in enumerate(leaves) if i not in constants]
        fn, captured = trace.finish(params, results)
    return Staged(canonical(fn), captured, out_tree, constants)


def _constants(leaves: Sequence[Any], name: str, keep: bool) -> dict[int, Any]:
    """Result leaves that are not arrays, where they are allowed."""
    found = {}
    for i, leaf in enumerate(leaves):
        if type(leaf) is Tracer:
            continue
        try:
            typeof(leaf)
        except TypeError:
            if not keep:
                raise ArgumentTypeError(
                    f"function `{name}` returned {leaf!r} of type {type(leaf).__name__}, which is "
                    "not an array or a number\nfix: return arrays, or trees of them"
                ) from None
            found[i] = leaf
    return found


_programs: OrderedDict[FunctionKey, Function] = OrderedDict()
_lock = Lock()
_LIMIT = 4096


def canonical(fn: Function) -> Function:
    """The first function seen with the structure of `fn`, which holds what was derived from it.

    It may come from other lines, so there is no such sharing while lines are searched for.
    """
    if config.searching():
        return fn
    key = fn.key
    found = _programs.get(key)
    if found is None:
        with _lock:
            found = _programs.setdefault(key, fn)
            if len(_programs) > _LIMIT:
                _programs.popitem(last=False)
    return found
