"""What `jit` makes of a function: its programs by signature, and how they are called.

The runtime's dispatcher comes here for signatures it has not seen, and while another program is
being recorded: then the function is recorded as a call.
"""

from __future__ import annotations

import logging
import warnings
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence
from functools import update_wrapper
from threading import Lock
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, WeakSet

import numpy as np

from ms_func import config, tree
from ms_func.api.jit_options import (
    PLATFORMS,
    UNSPECIFIED,
    Options,
)
from ms_func.api.layouts import argument_layouts, check_layouts, result_layouts
from ms_func.api.programs import apply
from ms_func.api.reasons import Signature, argument_names, is_text, reason, too_large
from ms_func.api.stages import Lowered, Traced, described
from ms_func.control_flow.call import call
from ms_func.dtypes import float0
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution import key_reuse, nonfinite
from ms_func.execution.array import ARRAYS, again, result_tree, wrap
from ms_func.execution.buffers import default_backend, move, put
from ms_func.execution.compile import Prepared, compiled_elsewhere, prepared, ready
from ms_func.execution.dispatch import (
    answer,
    as_array,
    bottom,
    check_aliases,
    dispatcher,
    seen_alike,
)
from ms_func.ir.axes import environment
from ms_func.ir.function import Function
from ms_func.ir.primitive import current
from ms_func.ir.references import discharge
from ms_func.ir.types import TYPES, ArrayType, RefType, ShapeDtypeStruct, typeof
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.sharding import constrained
from ms_func.tracing.arguments import (
    DOUBLE,
    beside_doubles,
    classes,
    completed,
    function_name,
    others,
)
from ms_func.tracing.origins import Source
from ms_func.tracing.policy import user_function
from ms_func.tracing.reference import Ref, swap
from ms_func.tracing.reference import operands as reference_values
from ms_func.tracing.stage import Staged, stage
from ms_func.tracing.tracebacks import user_traceback
from ms_func.tracing.tracer import Tracer, build
from ms_func.transforms.passes import dce

_WIDE = {bool: np.dtype(np.bool_), **DOUBLE}
"""What the dispatcher turns Python scalars into, unless their width is set. Integers are
missing: their range is checked in Python, because 64 bits narrowed by the program would wrap
silently."""


def _warn_of_unusable(fn: Function, donate: Sequence[int]) -> None:
    """Warn of donated operands whose memory no result can take over."""
    free = Counter((t.shape, t.dtype) for t in fn.out_types)
    used = {id(v) for e in fn.eqns for v in e.inputs} | {id(v) for v in fn.results}
    unusable = []
    for i in donate:
        t = fn.in_types[i]
        if id(fn.params[i]) not in used:
            continue
        if free[t.shape, t.dtype]:
            free[t.shape, t.dtype] -= 1
        else:
            unusable.append(str(t))
    if unusable:
        warnings.warn(
            f"Some donated buffers were not usable: {', '.join(unusable)}.\nSee an explanation at "
            "https://docs.jax.dev/en/latest/faq.html#buffer-donation.", stacklevel=7,
        )  # fmt: skip


class Recorded(NamedTuple):
    """A function recorded for one signature.

    Attributes:
        staged: the recorded call.
        donate: positions of parameters whose memory may be reused.
        ins: layout of each parameter, None where it follows the operand; None if all do.
        outs: layout of each result, None where it is free; None if all are.
    """

    staged: Staged
    donate: tuple[int, ...]
    ins: tuple[Any, ...] | None = None
    outs: tuple[Any, ...] | None = None

    @property
    def on_refs(self) -> bool:
        """Whether operands of the program are references."""
        fn = self.staged.fn
        return not fn.plain and any(type(t) is RefType for t in fn.in_types)

    def job(self, fn: Function) -> Prepared:
        """The program `fn` of this recording as it is to be compiled, on values of references."""
        fn, written = discharge.rule(fn)
        outs = self.outs and (*self.outs, *(None for _ in written))
        return prepared(fn, self.donate, self.ins, outs)

    def entry(self, leaves: Sequence[Any]) -> Function:
        """The program as the dispatcher calls it, with Python scalars at their width."""
        wide = {}
        if config.widens():
            wide = {i: _WIDE[type(x)] for i, x in enumerate(leaves) if type(x) in _WIDE}
        fn = self.staged.fn
        if not wide:
            return fn
        key = ("entry", len(self.staged.captured), *wide.items())
        if key not in fn.memo:
            fn.memo[key] = _widened(fn, len(self.staged.captured), wide)
        return fn.memo[key]


_LIMIT = 4096
_REMEMBERED = 64
"""Signatures, and reasons for a further recording, that `why_recompiled` looks back on."""

log = logging.getLogger("ms_func")


_all: WeakSet[Jitted] = WeakSet()
_all_lock = Lock()


def in_use() -> list[Jitted]:
    """Every use of `jit` whose callable is still alive."""
    with _all_lock:
        return list(_all)


_shared: WeakKeyDictionary[Any, dict[Options, OrderedDict[Any, Recorded]]] = WeakKeyDictionary()


def _programs_of(fun: Any, options: Options) -> OrderedDict[Any, Recorded]:
    """Where a use of `jit` keeps its programs: by JAX's rules every use of one function shares."""
    if not config.jax_rules():
        return OrderedDict()
    try:
        return _shared.setdefault(fun, {}).setdefault(options, OrderedDict())
    except TypeError:  # no weak reference to it, or options that have no hash
        return OrderedDict()


class Jitted:
    """One use of `jit`: the function, its options, and what has been recorded of it."""

    def __init__(self, fun: Callable[..., Any], options: Options) -> None:
        self.fun = fun
        self.name = function_name(fun)
        self.options = options
        self.recorded = _programs_of(fun, options)
        self.signatures: deque[Signature] = deque(maxlen=_REMEMBERED)
        self.reasons: deque[str] = deque(maxlen=_REMEMBERED)
        self.lock = Lock()
        made = dispatcher(
            self.name, self.miss, fun=fun, static_argnums=options.static_argnums,
            static_argnames=options.static_argnames,
        )  # fmt: skip
        update_wrapper(made, fun, updated=())
        if not hasattr(made, "__name__"):  # a partial function, or an object that can be called
            made.__name__ = made.__qualname__ = self.name
        made.trace, made.lower, made.eval_shape = self.trace, self.lower, self.eval_shape
        made.clear_cache, made.why_recompiled = self.clear_cache, self.why_recompiled
        made.__deepcopy__ = lambda memo: made  # as of any function
        attach = getattr(fun, "attach", None)
        if attach is not None:  # what `shard` returns has more to show
            attach(made, self.program_for, self.options)
        self.callable = made
        with _all_lock:
            _all.add(self)

    def clear_cache(self) -> None:
        """Forget all recorded programs of this function."""
        self.recorded.clear()
        self.signatures.clear()
        self.reasons.clear()
        self.callable._clear_cache()

    def why_recompiled(self) -> str:
        """What made this function be recorded more than once: one line for each time.

        Example:
            >>> from ms_func.api.compile import jit
            >>> f = jit(lambda x: x * 2)
            >>> _ = f(np.ones(3)), f(np.ones(4))
            >>> print(f.why_recompiled())
            `<lambda>` was recorded again: `x` was float32[3] and is float32[4]
        """
        if not self.reasons:
            return f"`{self.name}` was not recorded more than once"
        return "\n".join(f"`{self.name}` was recorded again: {r}" for r in self.reasons)

    # --- calls --------------------------------------------------------------------------

    @user_traceback
    def miss(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, bool]:
        """Answer the dispatcher: results, a fast path or None, whether to forget the entry."""
        if config.disable_jit.value:
            return self.fun(*args, **kwargs), None, False
        leaves, recorded = self.record(args, kwargs)
        if current.interpreter is not bottom:
            return self.apply(recorded, leaves), None, False
        staged = recorded.staged
        operands = [*staged.captured, *leaves]
        if recorded.on_refs:
            return self.run_on_refs(recorded, operands), None, False
        if self.options.backend is not None and self.platform is None:
            return self.run_elsewhere(recorded, operands), None, False
        if key_reuse.active(staged.fn):
            return self.run_watched(recorded, operands), None, False
        entry = recorded.entry(leaves)
        try:
            buffers, fast = place_operands(entry, staged.captured, leaves)
        except OverflowError:
            names, _ = argument_names(self.fun, args, kwargs, self.options)
            raise too_large(names, self._flatten(args, kwargs)[0]) from None
        if self.options.device is not None or self.platform is not None:
            return self.run_on_device(recorded, entry, buffers), None, False
        program, movable = ready(
            recorded.job(entry), buffers, name=self.module_name, donate=recorded.donate,
            options=self.options.compiler_options,
        )  # fmt: skip
        outs = nonfinite.run(program, entry, buffers, f"jit({self.name})")
        n = len(staged.captured)
        out_tree = result_tree(staged.out_tree, staged.fn.out_types)
        if not (fast and movable and seen_alike(entry.params[n:], leaves)) or config.searching():
            return out_tree.unflatten(outs), None, False
        return answer(program, outs, out_tree, buffers[:n])

    @property
    def module_name(self) -> str:
        """What the compiled program is called, as JAX calls it by JAX's rules."""
        return f"jit_{self.name}".rstrip(">") if config.jax_rules() else self.name

    @property
    def platform(self) -> str | None:
        """The platform that `backend` names, None where it names a backend or nothing."""
        return self.options.backend if self.options.backend in PLATFORMS else None

    def run_on_device(self, recorded: Recorded, entry: Function, buffers: Sequence[Any]) -> Any:
        """Run on the device that the user chose, wherever the operands lie."""
        staged, device = recorded.staged, self.options.device
        if device is None:
            device = default_backend().devices(self.platform)[0]
        with config.default_device(device):
            there = [move(b, device) for b in buffers]
            program, _ = ready(
                recorded.job(entry), there, name=self.module_name, donate=recorded.donate,
                options=self.options.compiler_options,
            )  # fmt: skip
            found = nonfinite.run(program, entry, there, f"jit({self.name})")
            outs = [move(b, device) for b in found]
        return result_tree(staged.out_tree, staged.fn.out_types).unflatten(outs)

    def apply(self, recorded: Recorded, leaves: Sequence[Any]) -> Any:
        """Record a call of the program in the recording in force."""
        if self.options.compiler_options:
            raise ArgumentValueError(
                "`compiler_options` can only be passed to the outermost jit, got "
                f"{dict(self.options.compiler_options)} for `{self.name}`, which is called while "
                "another function is recorded\nfix: pass them to the jit around it"
            )
        staged = recorded.staged
        operands = [*staged.captured, *beside_doubles(list(leaves))]
        if recorded.ins is not None:
            operands = [*map(constrained, operands, recorded.ins)]
        if self.options.inline:
            outs = apply(staged.fn, operands)
        else:
            outs = call(staged.fn, *operands, name=self.name)
        if recorded.outs is not None:
            outs = [*map(constrained, outs, recorded.outs)]
        return staged.unflatten(outs)

    def run_on_refs(self, recorded: Recorded, operands: Sequence[Any]) -> Any:
        """Run on what references hold, and let them hold what the program gives.

        Memory that nobody else has been given a handle of is used again.
        """
        check_aliases(self.name, operands)
        fn, written = discharge.rule(recorded.staged.fn)
        if key_reuse.active(recorded.staged.fn):
            return self.run_watched(recorded, operands)
        values = [x.value if type(x) is Ref else x for x in operands]
        if any(type(x) is Ref and (x.busy or x.tracer is not None) for x in operands):
            values = reference_values(operands)  # raises
        own = [i for i in written if not operands[i].shared]
        donate = tuple(sorted({*recorded.donate, *own}))
        job = recorded.job(recorded.staged.fn)
        buffers, _ = place_operands(fn, [], values)
        program, _ = ready(job, buffers, name=self.module_name, donate=donate)
        outs = [wrap(b) for b in nonfinite.run(program, fn, buffers, f"jit({self.name})")]
        count = recorded.staged.own
        for i, value in zip(written, outs[count:], strict=True):
            operands[i].value, operands[i].shared = value, False
        return recorded.staged.unflatten(outs[:count])

    def run_watched(self, recorded: Recorded, operands: Sequence[Any]) -> Any:
        """Run while the use of keys is looked at."""
        staged = recorded.staged
        fn, written = discharge.rule(staged.fn)
        values = reference_values(operands)
        found = key_reuse.check(fn, values)
        buffers, _ = place_operands(fn, [], values)
        program, _ = ready(recorded.job(staged.fn), buffers, name=self.module_name)
        outs = [wrap(b) for b in program.run(buffers)]
        key_reuse.label(outs, found)
        for i, value in zip(written, outs[staged.own :], strict=True):
            swap(operands[i], value)
        return staged.unflatten(outs[: staged.own])

    def run_elsewhere(self, recorded: Recorded, operands: Sequence[Any]) -> Any:
        """Run on a backend that takes and gives NumPy arrays."""
        assert self.options.backend is not None
        staged = recorded.staged
        program = compiled_elsewhere(
            recorded.job(staged.fn), described(operands), self.name, self.options.backend,
            self.options.compiler_options,
        )  # fmt: skip
        values = [
            np.asarray(x, v.type.dtype) for x, v in zip(operands, staged.fn.params, strict=True)
        ]
        outs = program.executable.run(values)
        return staged.unflatten(
            [wrap(put(np.asarray(x), t)) for x, t in zip(outs, program.out_types, strict=True)]
        )

    # --- recording ------------------------------------------------------------------------

    def record(self, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[list[Any], Recorded]:
        """Leaves of the arguments that are arrays, and the program for their types."""
        leaves, in_tree, statics = self._flatten(args, kwargs)
        try:
            kinds = tuple([_kind(x, self.name) for x in beside_doubles(leaves)])
        except ArgumentTypeError:
            if config.jax_rules():
                self._refuse_objects(args, kwargs, leaves, is_text)
            raise
        arrays = [x for x, k in zip(leaves, kinds, strict=True) if type(k) in TYPES]
        state = environment(), config.recording(), config.searching()
        key = (in_tree, kinds, statics, classes(statics), state)
        try:
            found = self.recorded.get(key)
        except TypeError:
            raise _unhashable(self.name, statics, leaves) from None
        if found is None:
            if config.no_tracing.value:
                raise RuntimeError(
                    f"`{self.name}` would have to be recorded for jit, but config.no_tracing is set"
                )
            if config.jax_rules() and len(arrays) < len(kinds):
                self._refuse_objects(args, kwargs, kinds, lambda k: type(k) not in TYPES)
            self._explain(args, kwargs, in_tree, kinds, statics)
            found = self._record(args, kwargs, leaves, in_tree, kinds)
            if not any(type(x) is Tracer for x in found.staged.captured):
                with self.lock:
                    self.recorded[key] = found
                    if len(self.recorded) > _LIMIT:
                        self.recorded.popitem(last=False)
        return arrays, found

    def _refuse_objects(
        self, args: Any, kwargs: Any, kinds: Sequence[Any], strange: Callable[[Any], bool]
    ) -> None:
        """Refuse an argument that is no array, which by JAX's rules is to be named as static."""
        names, _ = argument_names(self.fun, args, kwargs, self.options)
        name, kind = next((n, k) for n, k in zip(names, kinds, strict=False) if strange(k))
        if hasattr(kind, "__jax_array__"):
            raise ArgumentValueError(
                "Triggering __jax_array__() during abstractification is no longer supported: the "
                f"value of type {type(kind)} was passed to {self.fun} at path {name}\n"
                "fix: convert it by jax.numpy.asarray before the call"
            )
        raise ArgumentTypeError(
            f"Error interpreting argument to {self.fun} as an abstract array. The problematic "
            f"value is of type {type(kind)} and was passed to the function at path {name}.\n"
            "This typically means that a jit-wrapped function was called with a non-array "
            "argument, and this argument was not marked as static\n"
            "fix: name it in static_argnums or static_argnames"
        )

    def _explain(self, args: Any, kwargs: Any, in_tree: Any, kinds: Any, statics: Any) -> None:
        """Remember, and log where asked for, why this function is recorded once more."""
        new = Signature(in_tree, kinds, statics)
        if self.signatures:
            names = argument_names(self.fun, args, kwargs, self.options)
            self.reasons.append(reason(self.signatures, new, *names))
            if config.log_compiles.value:
                log.warning("Recording `%s` again: %s", self.name, self.reasons[-1])
        self.signatures.append(new)

    def _flatten(
        self, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> tuple[list[Any], Any, tuple[Any, ...]]:
        o = self.options
        if not o.static_argnums and not o.static_argnames:
            leaves, in_tree = tree.flatten((args, kwargs))
            return leaves, in_tree, ()
        dynamic = others(args, o.static_argnums)
        named = {k: v for k, v in kwargs.items() if k not in o.static_argnames}
        statics = (
            *(args[i] for i in o.static_argnums if i < len(args)),
            *((k, kwargs[k]) for k in sorted(kwargs) if k in o.static_argnames),
        )
        leaves, in_tree = tree.flatten((dynamic, named))
        return leaves, in_tree, statics

    def _record(
        self, args: Sequence[Any], kwargs: dict[str, Any], leaves: Sequence[Any], in_tree: Any,
        kinds: Sequence[Any],
    ) -> Recorded:  # fmt: skip
        o = self.options
        places = [i for i, k in enumerate(kinds) if type(k) in TYPES]
        types = [kinds[i] for i in places]
        fun = user_function(self.fun, o.convert)

        def run(tracers: Sequence[Any]) -> Any:
            full = list(leaves)
            for i, tracer in zip(places, tracers, strict=True):
                full[i] = tracer
            dynamic, named = tree.unflatten(in_tree, full)
            positional = completed(args, o.static_argnums, dynamic)
            static = {k: v for k, v in kwargs.items() if k in o.static_argnames}
            return fun(*positional, **named, **static)

        def names() -> list[str]:
            found = argument_names(self.fun, args, kwargs, o)[0]
            return [found[i] for i in places]

        staged = stage(run, types, name=self.name, refs="keep", source=Source("jit", fun, names))
        captured = [_snapshot(x) for x in staged.captured]
        staged = staged._replace(captured=captured, fn=dce(staged.fn))
        n = len(staged.captured)
        donate = tuple(n + i for i in self._donated(args, kwargs, places))
        if donate and config.jax_rules():
            _warn_of_unusable(staged.fn, donate)
        return Recorded(staged, donate, *self._layouts(staged, args, kwargs, places))

    def _layouts(self, staged: Staged, args: Any, kwargs: Any, places: Sequence[int]) -> Any:
        """Layouts of parameters and results, as far as the user gave any."""
        o, ins, outs = self.options, None, None
        if o.in_shardings is not UNSPECIFIED:
            dynamic = others(args, o.static_argnums)
            named = {k: v for k, v in kwargs.items() if k not in o.static_argnames}
            found = argument_layouts(self.name, o.in_shardings, dynamic, named)
            free = [None] * len(staged.captured)
            names = argument_names(self.fun, args, kwargs, o)[0]
            ins = check_layouts(
                [*free, *(found[i] for i in places)], staged.fn.in_types, "arguments",
                [*("a captured value" for _ in free), *(names[i] for i in places)],
            )  # fmt: skip
        if o.out_shardings is not UNSPECIFIED:
            outs = result_layouts(self.name, o.out_shardings, staged.out_tree, staged.fn.out_types)
        return ins if ins and any(ins) else None, outs if outs and any(outs) else None

    def _donated(self, args: Sequence[Any], kwargs: dict[str, Any], places: Any) -> list[int]:
        """Positions among the array leaves that belong to donated arguments."""
        o = self.options
        if not o.donate_argnums and not o.donate_argnames:
            return []
        flags: list[bool] = []
        for i, a in enumerate(args):
            if i not in o.static_argnums:
                flags.extend([i in o.donate_argnums] * len(tree.leaves(a)))
        for k in sorted(kwargs):
            if k not in o.static_argnames:
                flags.extend([k in o.donate_argnames] * len(tree.leaves(kwargs[k])))
        return [n for n, i in enumerate(places) if flags[i]]

    def program_for(self, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Program for these arguments, donated parameters, layouts of parameters and results."""
        _, recorded = self.record(args, kwargs)
        return recorded.staged.fn, recorded.donate, recorded.ins, recorded.outs

    # --- ahead of time ----------------------------------------------------------------------

    @user_traceback
    def trace(self, *args: Any, **kwargs: Any) -> Traced:
        """Record for these arguments (arrays or `ShapeDtypeStruct`s) without compiling."""
        leaves, recorded = self.record(args, kwargs)
        return Traced(self, recorded, (args, kwargs), leaves)

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """StableHLO for these arguments, ready to be compiled or exported."""
        return self.trace(*args, **kwargs).lower()

    def eval_shape(self, *args: Any, **kwargs: Any) -> Any:
        """Shapes and dtypes of the results, without compiling."""
        return self.trace(*args, **kwargs).out_info


def _kind(x: Any, name: str) -> Any:
    """Type of an array leaf; other leaves stand for themselves, as static arguments."""
    try:
        return typeof(x)
    except TypeError:
        if isinstance(x, (np.ndarray, np.generic)):
            raise ArgumentTypeError(
                f"argument of jitted function `{name}` has dtype {x.dtype}, which is not numeric"
            ) from None
        return x


def _snapshot(x: Any) -> Any:
    """A captured value as it is now: later changes through the same handle do not count."""
    return x if type(x) in (Tracer, Ref, ShapeDtypeStruct) else again(as_array(x))


def place_operands(
    fn: Function, captured: Sequence[Any], leaves: Sequence[Any]
) -> tuple[list[Any], bool]:
    """Buffers of captured values and arguments; whether C++ could make them by itself."""
    n = len(captured)
    fast = True
    found = []
    for i, (x, var) in enumerate(zip([*captured, *leaves], fn.params, strict=True)):
        if type(x) in ARRAYS:
            found.append(x.buffer)
            continue
        if i >= n and (
            not isinstance(x, (np.ndarray, np.generic, bool, float, complex))
            or var.type.dtype == float0
            or (isinstance(x, np.ndarray) and not x.dtype.isnative)
        ):
            fast = False
        found.append(put(x, var.type))
    return found, fast


def _widened(fn: Function, captured: int, wide: dict[int, np.dtype]) -> Function:
    """`fn` taking Python scalars at the width the dispatcher gives them."""
    types = list(fn.in_types)
    for i, dtype in wide.items():
        types[captured + i] = ArrayType((), dtype)

    def body(*args: Any) -> list[Any]:
        narrow = [
            x if x.type is t else convert_element_type(x, t.dtype, t.weak_type)
            for x, t in zip(args, fn.in_types, strict=True)
        ]
        return current.interpreter.apply(fn, narrow)

    return build(fn.name, types, body)


def _unhashable(name: str, statics: Sequence[Any], leaves: Sequence[Any]) -> Exception:
    for value in statics:
        try:
            hash(value)
        except TypeError:
            return ArgumentValueError(
                f"Non-hashable static arguments are used in a jit function: `{name}` got {value!r} "
                f"of type {type(value).__name__}\n"
                "fix: pass a hashable value, such as a tuple instead of a list"
            )
    for x in leaves:
        try:
            typeof(x)
        except TypeError:
            return ArgumentTypeError(
                f"jitted function `{name}` got the argument {x!r} of type "
                f"{type(x).__name__}, which is neither an array nor hashable\n"
                "fix: register its type with tree.register_node, or close over it"
            )
    raise AssertionError("unreachable")
