"""Running programs: the interpreter at the bottom, which computes instead of recording.

A single operation and a whole `ir.Function` run the same way: compiled once for each set of
types and placements, then called by the runtime's C++ dispatcher, which keeps its own cache
by the signature of the operands and comes back to Python only for what it has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ms_func import config, runtime, tree
from ms_func.errors import ArgumentValueError
from ms_func.execution import key_reuse, nonfinite
from ms_func.execution.array import (
    ARRAYS,
    Array,
    KeyArray,
    numbers_of,
    result_tree,
    single_tree,
    wrap,
)
from ms_func.execution.buffers import default_backend, put
from ms_func.execution.compile import Prepared, Program, prepared, ready
from ms_func.execution.program_cache import fast_paths, forget
from ms_func.ir.function import Eqn, Function, Literal, Var
from ms_func.ir.loc import Loc
from ms_func.ir.primitive import Primitive, _Current
from ms_func.ir.references import discharge
from ms_func.ir.types import ArrayType, ShapeDtypeStruct, typeof
from ms_func.runtime import extension
from ms_func.tracing.reference import Ref, operands, swap
from ms_func.tracing.tracer import Tracer, outlived

_CONSTANTS = 4096
_OPERATIONS = 2048


def dispatcher(
    name: str,
    miss: Callable[..., Any],
    *,
    fun: Callable[..., Any] | None = None,
    static_argnums: Sequence[int] = (),
    static_argnames: Sequence[str] = (),
    cache: Any = fast_paths,
) -> Any:
    """C++ callable that asks `miss` for results and a fast path on each new signature."""
    return extension.pjit(
        name, fun, miss, list(static_argnums), list(static_argnames), object(),
        tree.dispatch_registry, _shard_argument, cache,
    )  # fmt: skip


def _shard_argument(x: Any, *placement: Any) -> Any:
    """Buffer for an operand that the dispatcher could not place by itself."""
    where = placement[0] if placement else None
    if isinstance(x, extension.Array):
        return default_backend().move(x, where)
    wide = WIDE.get(type(x)) if config.widens() else None
    return put(x, typeof(x) if wide is None else ArrayType((), wide), where)


WIDE = {
    kind: np.dtype(dtype)
    for kind, dtype in ((bool, "bool"), (int, "int64"), (float, "float64"), (complex, "complex128"))
}
"""What the dispatcher turns Python numbers into unless their width is set."""
_NARROW = {
    kind: np.dtype(dtype)
    for kind, dtype in ((bool, "bool"), (int, "int32"), (float, "float32"), (complex, "complex64"))
}
"""The same where JAX tells it to narrow."""


def forget_programs() -> None:
    """Drop all compiled programs, those of single operations too, and arrays of literals."""
    forget()
    bottom.operations.clear()
    bottom.constants.clear()


class Eager:
    """The interpreter at the bottom of every thread: operations run at once.

    Attributes:
        operations: dispatcher of each primitive with its parameters.
        constants: arrays of recent literals.
        loc: unused here; transforms that walk a program set it on any interpreter.
    """

    __slots__ = ("constants", "loc", "operations")
    name = "eager"

    def __init__(self) -> None:
        self.operations: dict[Any, Any] = {}
        self.constants: dict[Any, Array] = {}
        self.loc: Loc | None = None

    def bind(self, primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Run one operation."""
        for a in args:
            if type(a) is not Array:
                if any(type(x) is Ref for x in args):
                    return self._on_refs(primitive, args, params)
                args = tuple([self.operand(x) for x in args])
                if config.debug_key_reuse.value:
                    return self._watched(primitive, args, params)
                break
        key = (primitive, *params.items()) if params else primitive
        run = self.operations.get(key)
        if run is None:
            if len(self.operations) > _OPERATIONS:  # loops of new functions are such keys, too
                for old in list(self.operations)[: _OPERATIONS // 2]:
                    self.operations.pop(old, None)
            run = self.operations[key] = _operation(primitive, params)
        return run(*args)

    def _watched(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """Run one operation while the use of keys is looked at."""
        fn = _application(primitive, [Var(a.type) for a in args], params)
        outs = _run_watched(fn, args)
        return outs if primitive.multiple_results else outs[0]

    def _on_refs(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """Run one operation some of whose operands are references."""
        given = {id(a): a if type(a) is Ref else self.operand(a) for a in args}
        variables = {k: Var(a.type) for k, a in given.items()}  # type: ignore[arg-type]
        fn = _application(primitive, [variables[id(a)] for a in args], params)
        fn = Function(fn.name, list(variables.values()), fn.eqns, fn.results)
        outs = apply_on_refs(fn, list(given.values()))
        return outs if primitive.multiple_results else outs[0]

    def operand(self, x: Any) -> Array:
        """An operand as an array; those of literals are kept, since they tend to come again."""
        if type(x) is not Literal:
            return as_array(x)
        value = x.value if x.value and type(x.value) is not complex else repr(x.value)
        key = (x.type, value, config.default_device.value)
        found = self.constants.get(key)
        if found is None:
            if len(self.constants) > _CONSTANTS:
                self.constants.clear()
            found = self.constants[key] = as_array(x)
        return found

    def apply(self, fn: Function, args: Sequence[Any]) -> list[Any]:
        """Run a whole function as one compiled program."""
        if not fn.plain:
            if any(type(a) is Ref for a in args):
                return apply_on_refs(fn, args)
            if config.debug_key_reuse.value:
                return _run_watched(fn, [self.operand(a) for a in args])
        run = fn.memo.get("run")
        if run is None:
            run = fn.memo["run"] = dispatcher(fn.name, lambda *xs: _run(fn, xs))
        return run(*[a if type(a) is Array else self.operand(a) for a in args])


def apply_placed(
    fn: Function, args: Sequence[Any], layouts: tuple[Any, ...], donate: tuple[int, ...]
) -> list[Any]:
    """Run a whole function with its operands laid out over devices as given, moved if need be.

    Results may take over the memory of the operands `donate`. Of operands that are references what
    they hold is laid out.
    """
    if any(type(a) is Ref for a in args):
        return apply_on_refs(fn, args, lambda made, xs: apply_placed(made, xs, layouts, donate))
    key = ("run_placed", layouts, donate)
    run = fn.memo.get(key)
    if run is None:
        job = prepared(fn, donate, layouts)._replace(strict=False)
        run = fn.memo[key] = dispatcher(fn.name, lambda *xs: _run(fn, xs, job=job, donate=donate))
    return list(run(*[bottom.operand(a) for a in args]))


def _run_watched(fn: Function, args: Sequence[Any]) -> list[Any]:
    """Results of a function while the use of keys is looked at."""
    found = key_reuse.check(fn, args, at_once=True)
    outs = _run(fn, args)[0]
    key_reuse.label(outs, found)
    return outs


def apply_on_refs(
    fn: Function, args: Sequence[Any], run: Callable[[Function, list[Any]], list[Any]] | None = None
) -> list[Any]:
    """Results of a function some of whose operands are references, which are read and written.

    `run` applies the function on the values they hold.
    """
    check_aliases(fn.name, args)
    made, written = discharge.rule(fn)
    outs = (run or bottom.apply)(made, operands(args))
    for i, value in zip(written, outs[len(fn.results) :], strict=True):
        swap(args[i], value)
    return outs[: len(fn.results)]


def check_aliases(name: str, args: Sequence[Any]) -> None:
    """Refuse a reference that stands twice among operands.

    Raises:
        ValueError: there is one.
    """
    refs = [id(a) for a in args if type(a) is Ref]
    if len(set(refs)) < len(refs):
        twice = next(a for a in args if type(a) is Ref and refs.count(id(a)) > 1)
        raise ArgumentValueError(
            "only one reference to a mutable array may be passed as an argument to a function, but "
            f"a mutable array reference of type {twice.type} reaches `{name}` as two arguments, or "
            "was both closed over and passed as the argument of it\nfix: pass it once"
        )


@lru_cache(maxsize=1024)
def _identity(type: ArrayType) -> Function:
    v = Var(type)
    return Function("copy", [v], [], [v])


def fresh(x: Array) -> Array:
    """The elements of `x` in memory of its own, which giving `x` away leaves alone."""
    made = bottom.apply(_identity(x.type), [x])[0]
    if type(x) is KeyArray:
        made.numbers = numbers_of(x)
    return made


def as_array(x: Any) -> Array:
    """An operand as an array on a device.

    Raises:
        TypeError: it is not a number or an array of numbers.
        UnexpectedTracerError: it is a traced value of a recording that has ended.
    """
    if type(x) in ARRAYS:
        return x
    if type(x) is Literal:
        return wrap(put(x.value, x.type))
    if type(x) is Tracer:
        return as_array(outlived(x))
    if type(x) is ShapeDtypeStruct:
        raise TypeError(f"{x} is a description of an array and has no value")
    return wrap(put(x, typeof(x)))


def _operation(primitive: Primitive, params: dict[str, Any]) -> Any:
    """Dispatcher of one primitive."""

    def miss(*args: Any) -> Any:
        fn = _application(primitive, [Var(a.type) for a in args], params)
        types = fn.out_types
        many = primitive.multiple_results
        return _run(fn, args, _list_of(types) if many else result_tree(_ONE, types))

    return dispatcher(primitive.name, miss)


def recorded_answer(
    fn: Function, constants: Sequence[Array], operands: Sequence[Any], form: Any,
    seen: Sequence[Any],
) -> Any:  # fmt: skip
    """Answer of a dispatcher's miss by a program recorded for it.

    Args:
        fn: the program.
        constants: arrays that its first parameters are bound to.
        operands: arrays, NumPy's arrays and Python numbers for the other ones, in the order in
            which the dispatcher has them.
        form: structure of the results; one array is left for the caller to make, by `handle`.
        seen: the operands as the dispatcher has them.
    """
    given = [*constants, *operands]
    if key_reuse.active(fn):
        arrays = [
            x if type(x) in ARRAYS else wrap(put(x, v.type))
            for x, v in zip(given, fn.params, strict=True)
        ]
        return form.unflatten(_run_watched(fn, arrays)), None, False
    types = fn.out_types
    out_tree = single_tree(types) if form == _ONE else result_tree(form, types)
    return _run(fn, given, out_tree, bound=len(constants), seen=seen)


def _application(
    primitive: Primitive, variables: Sequence[Var], params: dict[str, Any]
) -> Function:
    """Program that applies one primitive."""
    types = primitive.result_types(tuple([v.type for v in variables]), params)
    outputs = [Var(t) for t in types]
    eqn = Eqn(primitive, variables, outputs, params, None)
    return Function(primitive.name, variables, [eqn], outputs)


_ONE = tree.structure(0)


def _list_of(types: tuple[ArrayType, ...]) -> Any:
    """Structure of results in a list."""
    return result_tree(tree.structure([0] * len(types)), types)


def _run(
    fn: Function, args: Sequence[Any], out_tree: Any = None, job: Prepared | None = None,
    bound: int = 0, donate: tuple[int, ...] = (), seen: Sequence[Any] | None = None,
) -> tuple[Any, Any, bool]:  # fmt: skip
    """Answer of a dispatcher's miss: results, fast path, whether to forget the entry.

    Args:
        fn: the program.
        args: operands.
        out_tree: structure of the results over buffers, None for a list.
        job: how to compile it, if not by itself.
        bound: how many operands come first that are not the dispatcher's arguments.
        donate: operands whose memory the program may take over.
        seen: the operands behind these as the dispatcher has them, if not as they are.
    """
    buffers = [
        a.buffer if type(a) in ARRAYS else put(a, v.type)
        for a, v in zip(args, fn.params, strict=True)
    ]
    program, fast = ready(job or prepared(fn), buffers, name=fn.name, donate=donate)
    outs = nonfinite.run(program, fn, buffers, fn.name)
    out_tree = _list_of(fn.out_types) if out_tree is None else out_tree
    seen = args[bound:] if seen is None else seen
    if not fast or config.searching() or not seen_alike(fn.params[bound:], seen):
        return out_tree.unflatten(outs), None, False
    return answer(program, outs, out_tree, buffers[:bound])


def seen_alike(params: Sequence[Var], operands: Sequence[Any]) -> bool:
    """Whether the dispatcher makes of operands what a program takes, whoever sets its width.

    Where JAX runs in the process too, its setting does: 64 bits of NumPy's may be narrowed, and
    then pass for an array of 32.
    """
    if not runtime.jax.here:
        return True
    narrow = runtime.jax.narrows()
    for v, x in zip(params, operands, strict=True):
        if type(x) in ARRAYS or isinstance(x, extension.Array):
            continue
        wide = WIDE.get(type(x))
        if wide is None or narrow is None:
            return False
        if v.type.dtype != (_NARROW[type(x)] if narrow else wide):
            return False
    return True


def answer(
    program: Program, outs: Sequence[Any], out_tree: Any, consts: Sequence[Any] = ()
) -> tuple[Any, Any, bool]:
    """Results in their structure and the fast path that gives them without Python."""
    return out_tree.unflatten(outs), program.fast_path(out_tree, consts), False


bottom = Eager()
"""The interpreter that no recording is nested in."""
_Current.interpreter = bottom
