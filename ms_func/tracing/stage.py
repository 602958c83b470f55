"""Run a Python function once on tracers and keep what it did as an ir.Function."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, NamedTuple

from ms_func import config, tree
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.ir.function import Function, FunctionKey
from ms_func.ir.references import discharge
from ms_func.ir.types import ArrayType, RefType, typeof
from ms_func.stopwatch import timed, watched
from ms_func.tracing import leaks
from ms_func.tracing.arguments import kind
from ms_func.tracing.origins import Source
from ms_func.tracing.policy import slots
from ms_func.tracing.reference import Ref, handed_out, read, swap
from ms_func.tracing.tracer import Staging, Tracer


class Staged(NamedTuple):
    """A recorded call.

    Attributes:
        fn: the program; captured values are its first parameters.
        captured: arrays and outer tracers for these parameters.
        out_tree: structure of the Python result.
        constants: leaves of the result that are no arrays, by position (only where allowed).
        writes: references that the last results of the program are to be written to.
        places: the parameters of the program that have what these hold at first.
    """

    fn: Function
    captured: list[Any]
    out_tree: Any
    constants: dict[int, Any]
    writes: tuple[Any, ...] = ()
    places: tuple[int, ...] = ()

    @property
    def own(self) -> int:
        """Number of results of the program that belong to the Python result."""
        return len(self.fn.results) - len(self.writes)

    def unflatten(self, results: Sequence[Any]) -> Any:
        """Python result from the flat results of the program; references are written now."""
        if self.writes:
            own = len(results) - len(self.writes)
            for ref, value in zip(self.writes, results[own:], strict=True):
                swap(ref, value)
            results = results[:own]
        if self.constants:
            rest, n = iter(results), len(results) + len(self.constants)
            results = [self.constants[i] if i in self.constants else next(rest) for i in range(n)]
        return tree.unflatten(self.out_tree, results)


@timed("trace")
def stage(
    call: Callable[[list[Tracer]], Any],
    types: Sequence[ArrayType],
    *,
    name: str,
    values: Sequence[Any] | None = None,
    keep_constants: bool = False,
    refs: str = "read",
    operands: Sequence[Any] | None = None,
    decided: frozenset[Any] = frozenset(),
    border: bool = False,
    role: str = "",
    source: Source | None = None,
) -> Staged:
    """Record `call`, which gets one tracer per type and returns a tree of arrays.

    Args:
        call: runs the user's function on the tracers.
        types: types of the parameters.
        name: name of the program.
        values: arrays (or outer tracers) behind the parameters, where Python control flow
            may look at them because the program is about to run on them.
        keep_constants: let result leaves that are no arrays pass as they are.
        refs: "keep" leaves references in the program; else it is one on the values they hold:
            with "write" the program gives what is to be written to those from outside, with
            "read" they can only be read.
        operands: arguments behind the parameters, where references are among them.
        decided, border, role, source: see `Staging`.

    Raises:
        TypeError: a leaf of the result is not an array or a number.
        ValueError: a leaf of the result is a reference, or one is written that cannot be.
    """
    trace = Staging(name, decided, border, role)
    trace.source = source
    staged = _record(trace, call, types, values, keep_constants, refs, operands)
    if config.check_tracer_leaks.value:
        leaks.check(trace)
    return staged


def _record(
    trace: Staging, call: Callable[[list[Tracer]], Any], types: Sequence[ArrayType],
    values: Sequence[Any] | None, keep_constants: bool, refs: str, operands: Sequence[Any] | None,
) -> Staged:  # fmt: skip
    name = trace.name
    with trace:
        params = [trace.parameter(t) for t in types]
        if trace.source is not None:
            trace.source.parameters = [p.variable for p in params]
        if values is not None:
            trace.values = {p.variable: v for p, v in zip(params, values, strict=True)}
        # The user gets handles of their own: a store to one does not change the parameter.
        given = [handed_out(Tracer(trace, p.variable)) for p in params]
        leaves, out_tree = tree.flatten(slots.recorded(call, given))
        constants = _constants(leaves, out_tree, name, keep_constants)
        results = [x for i, x in enumerate(leaves) if i not in constants]
        fn, captured = trace.finish(params, results)
    staged = Staged(canonical(fn), captured, out_tree, constants)
    if refs == "keep" or fn.plain:
        return staged
    return _on_values(staged, operands if values is None else values, refs == "write")


def _on_values(staged: Staged, operands: Sequence[Any] | None, may_write: bool) -> Staged:
    """A recorded call on the values of references, which are read now."""
    fn, written = discharge.rule(staged.fn)
    if fn is staged.fn:
        return staged
    n = len(staged.captured)
    if written and not may_write:
        raise ArgumentValueError(
            f"`{staged.fn.name}` writes to a reference of type {staged.fn.params[written[0]].type} "
            "from outside, which is not possible in this place\n"
            "fix: return the new value, or write to references that the function makes itself"
        )
    targets = [staged.captured[i] if i < n else operands[i - n] for i in written]  # type: ignore[index]
    captured = [
        read(x) if type(v.type) is RefType else x
        for x, v in zip(staged.captured, staged.fn.params, strict=False)
    ]
    return staged._replace(fn=canonical(fn), captured=captured, writes=tuple(targets),
                           places=written)  # fmt: skip


def _constants(leaves: Sequence[Any], out_tree: Any, name: str, keep: bool) -> dict[int, Any]:
    """Result leaves that are not arrays, where they are allowed."""
    found = {}
    for i, leaf in enumerate(leaves):
        if type(leaf) is Tracer:
            continue
        if type(leaf) is Ref:
            raise ArgumentValueError(
                f"function `{name}` returned a mutable array reference of type {leaf.type}, but "
                "mutable array references cannot be returned\n"
                "fix: return what it holds, ref[...] or freeze(ref)"
            )
        try:
            typeof(leaf)
        except TypeError:
            if not keep:
                paths = tree.leaves_with_path(tree.unflatten(out_tree, range(len(leaves))))
                path = paths[i][0] if len(paths) == len(leaves) else ()  # lists that data fill
                where = f" at output component {tree.keystr(path)}" if path else ""
                raise ArgumentTypeError(
                    f"function `{name}` returned a value of type {type(leaf)}{where}, which is not "
                    f"a valid {kind()}: {leaf!r}\nfix: return arrays, or trees of them"
                ) from None
            found[i] = leaf
    return found


_programs: OrderedDict[FunctionKey, Function] = OrderedDict()
_lock = Lock()
_LIMIT = 1024


def forget_structures() -> None:
    """Drop what was derived from the functions that were recorded so far."""
    with _lock:
        _programs.clear()


def canonical(fn: Function) -> Function:
    """The first function seen with the structure of `fn`, which holds what was derived from it.

    It may come from other lines, so there is no such sharing while lines are searched for.
    """
    if config.searching() or watched():
        return fn
    with _lock:
        found = _programs.setdefault(fn.key, fn)
        _programs.move_to_end(found.key)  # the same object: equal keys are slower to find
        if len(_programs) > _LIMIT:
            _programs.popitem(last=False)
    return found
