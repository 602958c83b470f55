"""Calls of Python while a program runs: `callback` and `check`, and what users call.

A `callback` hands NumPy arrays to a Python function and takes its results. With an effect it
happens exactly once for each lane, in program order; without one it may be dropped, merged
or moved like any operation. A `check` calls Python only when its condition fails.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from ms_func import tree
from ms_func.dtypes import canonicalize_dtype, is_inexact
from ms_func.errors import ArgumentTypeError, ArgumentValueError, ShapeError, UnsupportedError
from ms_func.execution import host
from ms_func.execution.array import Array, wrap
from ms_func.execution.buffers import default_backend, put
from ms_func.execution.dispatch import as_array, bottom
from ms_func.ir.effects import EFFECTS, Effect
from ms_func.ir.host import HostFunction, Identity, host_function, identity_of
from ms_func.ir.loc import user_loc
from ms_func.ir.primitive import Cost, NotSupported, Primitive, Zero, current, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering.emit import TOKEN
from ms_func.primitives.basis import broadcast_in_dim_p
from ms_func.primitives.batching import to_front
from ms_func.primitives.reduce import reduce_and
from ms_func.tracing.arguments import function_name
from ms_func.tracing.tracer import Tracer, build

Types = tuple[ArrayType, ...]
Lanes = tuple[tuple[int, tuple[bool, ...]], ...]
"""For each enclosing vmap, the outermost first: the number of lanes, and which operands have
them as a leading dimension."""

VMAP_METHODS = (
    "sequential", "sequential_unrolled", "expand_dims", "broadcast_all", "legacy_vectorized",
)  # fmt: skip

# --- lanes --------------------------------------------------------------------------------------


def _strip(lanes: Lanes, types: Sequence[ArrayType]) -> list[ArrayType]:
    """Types of the operands of one lane."""
    found = []
    for i, t in enumerate(types):
        sizes = tuple(n for n, mask in lanes if mask[i])
        if t.shape[: len(sizes)] != sizes:
            raise ShapeError(f"an operand of type {t} does not have lanes of sizes {sizes}")
        found.append(ArrayType(t.shape[len(sizes) :], t.dtype, t.weak_type))
    return found


def _over_lanes(function: HostFunction, lanes: Lanes, types: Types, loc: Any) -> host.Host:
    """The host function, called once for each lane in the order of lanes."""
    if not lanes:
        return function.call
    sizes = [n for n, _ in lanes]
    masks = list(zip(*(mask for _, mask in lanes), strict=True))

    def call(*arrays: Any) -> list[np.ndarray]:
        outs = [np.zeros((*sizes, *t.shape), t.dtype) for t in types]
        for lane in np.ndindex(*sizes):
            args = [
                np.asarray(x[tuple(i for i, m in zip(lane, mask, strict=True) if m)])
                for x, mask in zip(arrays, masks, strict=True)
            ]
            try:
                found = host.answered(function.call(*args), types, function.name, loc)
            except host.Raised as raised:
                raised.error.add_note(f"in lane {lane[0] if len(lane) == 1 else lane} of vmap")
                raise
            for out, x in zip(outs, found, strict=True):
                out[lane] = x
        return outs

    return call


def _batched(primitive: Primitive, size: int, args: Any, dims: Any, params: dict[str, Any]) -> Any:
    """The application with one more level of lanes, in front of all others."""
    mask = tuple(d is not None for d in dims)
    moved = [x if d is None else to_front(x, d, size) for x, d in zip(args, dims, strict=True)]
    return primitive.bind(*moved, **{**params, "lanes": ((size, mask), *params["lanes"])})


def _whole(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> str:
    """Index notation: no dimension may be cut."""
    left, right = (", ".join(" ".join("." * t.ndim) for t in side) for side in (ins, outs))
    return f"{left} -> {right}"


def _no_cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
    moved = float(sum(t.nbytes for t in (*ins, *outs)))
    return Cost(0.0, 0.0, moved)


# --- callback -----------------------------------------------------------------------------------


def _abstract(
    *ins: ArrayType, function: HostFunction, types: Types, effect: str | None, lanes: Lanes,
    vmap_method: str | None,
) -> list[ArrayType]:  # fmt: skip
    _strip(lanes, ins)
    sizes = tuple(n for n, _ in lanes)
    return [ArrayType((*sizes, *t.shape), t.dtype) for t in types]


def _ref(*arrays: Any, function: HostFunction, types: Types, lanes: Lanes, **params: Any) -> Any:
    outs = _over_lanes(function, lanes, types, None)(*arrays)
    sizes = tuple(n for n, _ in lanes)
    full = [ArrayType((*sizes, *t.shape), t.dtype) for t in types]
    return host.answered(outs, full, function.name, None)


def _lower(b: Any, eqn: Any, *values: Any) -> list[Any]:
    p = eqn.params
    outs = [v.type for v in eqn.outputs]
    call = _over_lanes(p["function"], p["lanes"], p["types"], eqn.loc)
    entry = host.entry(call, outs, p["function"].name, eqn.loc)
    ranks = [a.type.ndim for a in eqn.inputs]
    return b.host_call(entry, values, ranks, outs, p["effect"] is not None)


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    """A callback without results happens; one with results has no derivative."""
    types = params["types"]
    if any(is_inexact(t.dtype) for t in types):
        raise _no_derivative("Pure" if params["effect"] is None else "IO", params["function"])
    outs = callback_p.bind(*primals, **params)
    return outs, [Zero(typeof(x).tangent) for x in outs]


def _no_derivative(kind: str, function: HostFunction) -> Exception:
    return ArgumentValueError(
        f"{kind} callbacks do not support JVP: nothing is known of the derivative of "
        f"`{function.name}`\nfix: Please use `custom_jvp` or `custom_vjp` around the callback, or "
        "stop_gradient on its arguments"
    )


def _batch(size: int, args: Any, dims: Any, **params: Any) -> Any:
    method = params["vmap_method"] or "sequential"
    if params["effect"] is not None or method.startswith("sequential"):
        return _batched(callback_p, size, args, dims, params), [0] * len(params["types"])
    moved = []
    for x, d in zip(args, dims, strict=True):
        if d is not None:
            moved.append(to_front(x, d, size))
        elif method == "legacy_vectorized":
            moved.append(x)
        else:
            moved.append(_repeated(x, 1 if method == "expand_dims" else size))
    types = tuple(ArrayType((size, *t.shape), t.dtype) for t in params["types"])
    return callback_p.bind(*moved, **{**params, "types": types}), [0] * len(types)


def _repeated(x: Any, size: int) -> Any:
    shape = typeof(x).shape
    return broadcast_in_dim_p.bind(
        x, shape=(size, *shape), broadcast_dimensions=tuple(range(1, len(shape) + 1))
    )


def _effects(*, effect: str | None, **params: Any) -> frozenset[Effect]:
    return frozenset() if effect is None else frozenset({EFFECTS[effect]})


callback_p = register(
    Primitive(
        "callback",
        abstract=_abstract,
        ref=_ref,
        lower=_lower,
        jvp=_jvp,
        transpose=NotSupported("a Python function is not known to be linear"),
        batch=_batch,
        shard=_whole,
        cost=_no_cost,
        effects=_effects,
        multiple_results=True,
        host=True,
    )
)

# --- check --------------------------------------------------------------------------------------


def _check_abstract(
    ok: ArrayType, *ins: ArrayType, function: HostFunction, lanes: Lanes, debug: bool
) -> Any:
    kind = _strip(lanes, [ok, *ins])[0]
    if kind.shape or kind.dtype != np.bool_:
        raise ShapeError(f"check takes a boolean scalar, got {kind}")
    return []


def _check_ref(*arrays: Any, function: HostFunction, lanes: Lanes, debug: bool) -> list[Any]:
    try:
        _over_lanes(function, lanes, (), None)(*arrays)
    except host.Raised as raised:
        raise raised.error from None
    return []


def _check_lower(b: Any, eqn: Any, ok: Any, *values: Any) -> list[Any]:
    """Python is called only where the condition fails for some lane.

    With `debug` the check is for `checkify` alone.
    """
    if eqn.params["debug"]:
        return []
    function, lanes = eqn.params["function"], eqn.params["lanes"]
    entry = host.entry(_over_lanes(function, lanes, (), eqn.loc), [], function.name, eqn.loc)
    (every,) = b.inline(_all_of(eqn.inputs[0].type), [ok])
    made = b.operation("stablehlo.if", [TOKEN], [every], regions=2)

    def fail(inner: Any) -> list[Any]:
        return inner.host_call(entry, [ok, *values], [a.type.ndim for a in eqn.inputs], [], True)

    b.region(made, 0, [], lambda inner: [], threads=True)
    b.region(made, 1, [], fail, threads=True)
    return b.after(made, threads=True)


def _all_of(t: ArrayType) -> Any:
    return build("all", [t], lambda ok: [reduce_and(ok, tuple(range(t.ndim)))])


def _check_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    check_p.bind(*primals, **params)
    return [], []


check_p = register(
    Primitive(
        "check",
        abstract=_check_abstract,
        ref=_check_ref,
        lower=_check_lower,
        jvp=_check_jvp,
        transpose=NotSupported("a check is not linear"),
        batch=lambda size, args, dims, **ps: (_batched(check_p, size, args, dims, ps), []),
        shard=_whole,
        cost=_no_cost,
        effects=lambda **params: frozenset({EFFECTS["check"]}),
        multiple_results=True,
        host=True,
    )
)

# --- arguments ----------------------------------------------------------------------------------


class _Arguments:
    """Arguments of a host function: arrays become operands, the rest is part of the program.

    Attributes:
        operands: leaves that are operands.
        key: what else the call depends on.
    """

    def __init__(self, args: Any, numbers: bool) -> None:
        leaves, self.in_tree = tree.flatten(args)
        self.fixed = [None if _is_operand(x, numbers) else (x,) for x in leaves]
        self.operands = [x for x, f in zip(leaves, self.fixed, strict=True) if f is None]
        self.weak = tuple(typeof(x).weak_type for x in self.operands)
        fixed = [f and _static_key(f[0]) for f in self.fixed]
        self.key: Hashable = (self.in_tree, self.weak, *fixed)

    def rebuild(self, arrays: Sequence[np.ndarray]) -> Any:
        """The arguments with arrays in place of the operands.

        They are copies, since the runtime takes its memory back after the call, and lie on the
        CPU, since a callback must not wait for the device that waits for it.
        """
        rest = iter(
            wrap(put(x, ArrayType(x.shape, x.dtype, weak), _host_device()))
            for x, weak in zip(arrays, self.weak, strict=True)
        )
        leaves = [next(rest) if f is None else f[0] for f in self.fixed]
        return tree.unflatten(self.in_tree, leaves)


def _is_operand(x: Any, numbers: bool) -> bool:
    """Whether a leaf is an array; Python numbers are if `numbers`."""
    if isinstance(x, (Tracer, Array, np.generic, np.ndarray)):
        return getattr(x.dtype, "kind", "V") not in "OSUM"
    return numbers and isinstance(x, (bool, int, float, complex))


def _static_key(x: Any) -> Hashable:
    """Value of a fixed leaf where it is plain data, else its identity."""
    if x is None or type(x) in (bool, int, str, bytes):
        return (type(x), x)
    return (type(x), repr(x)) if type(x) in (float, complex) else Identity(x)


def _host_device() -> Any:
    held = default_backend()
    return None if held.platform == "cpu" else held.devices("cpu")[0]


def _call(
    name: str, call: Callable[..., Sequence[Any]], key: Hashable, operands: Sequence[Any],
    types: Types, effect: str | None, vmap_method: str | None = None,
) -> list[Any]:  # fmt: skip
    """Call a host function: at once where operations run at once, else when the program runs."""
    if current.interpreter is bottom:
        outs = call(*[np.asarray(as_array(x)) for x in operands])
        found = host.answered(outs, types, name, user_loc(3))
        return [wrap(put(x, t)) for x, t in zip(found, types, strict=True)]
    if effect != "print":  # errors name the line, so calls from two lines are two functions
        key = (key, user_loc(3))
    return callback_p.bind(
        *operands, function=host_function(name, call, key), types=types, effect=effect, lanes=(),
        vmap_method=vmap_method,
    )  # fmt: skip


# --- printing -----------------------------------------------------------------------------------


class _Checker(string.Formatter):
    """Finds arguments that a format string does not use."""

    def check_unused_args(self, used_args: Any, args: Any, kwargs: Any) -> None:
        unused = [a for i, a in enumerate(args) if i not in used_args]
        unused += [k for k in kwargs if k not in used_args]
        if unused:
            raise ValueError(
                f"Unused arguments to `debug.print`: {unused}. You may be passing an f-string "
                '(i.e, `f"{x}"`) into `debug.print` and should instead be passing in unformatted '
                'arguments: `debug.print("{x}", x=x)`'
            )

    def format_field(self, value: Any, format_spec: str) -> str:
        return ""  # values are not known yet


_checker = _Checker()


def debug_print(
    fmt: str, *args: Any, ordered: bool = False, partitioned: bool = False,
    skip_format_check: bool = False, **kwargs: Any,
) -> None:  # fmt: skip
    """Print values while the program runs, under any transform.

    Lines come in program order; under `vmap` one line for each lane that gets there, in the order
    of lanes; under `grad` once, when the value is computed.

    Args:
        fmt: format string, as of `str.format`.
        *args: values for it: arrays, trees of arrays, or anything that has a text.
        ordered: accepted; lines always keep the order of the program.
        partitioned: must be False: values split over devices are printed whole.
        skip_format_check: do not check that every argument is used.
        **kwargs: values by name.

    Raises:
        ValueError: an argument is not used by `fmt`.

    Example:
        >>> from ms_func.api.compile import jit
        >>> f = jit(lambda x: debug_print("x = {x:.2f}", x=x))
        >>> f(2.0)
        x = 2.00
    """
    if not isinstance(fmt, str):
        raise ArgumentTypeError(f"debug.print expects a format string, got {fmt!r}")
    if partitioned:
        raise UnsupportedError("debug.print(partitioned=True): fix: print the whole value")
    if not skip_format_check:
        _checker.vformat(fmt, args, kwargs)
    found = _Arguments((args, kwargs), numbers=False)

    def call(*arrays: np.ndarray) -> Sequence[Any]:
        a, k = found.rebuild(arrays)
        print(fmt.format(*a, **k))
        return ()

    _call("debug.print", call, (fmt, found.key), found.operands, (), "print")


def traced_print(
    *args: Any, sep: str | None = " ", end: str | None = "\n", file: Any = None, flush: bool = False
) -> None:
    """`print` of values that may be traced: the built-in one, called while the program runs.

    Args:
        *args: values, as of `print`; trees of arrays among them are put together again.
        sep: text between two values.
        end: text behind the last one.
        file: where to write; None is `sys.stdout` at that time.
        flush: whether to flush it.
    """
    found = _Arguments(args, numbers=False)

    def call(*arrays: np.ndarray) -> Sequence[Any]:
        values = found.rebuild(arrays)
        print(*values, sep=sep, end=end, file=file, flush=flush)
        return ()

    key = (sep, end, identity_of(file), flush, found.key)
    _call("print", call, key, found.operands, (), "print")


def debug_callback(
    callback: Callable[..., Any], *args: Any, ordered: bool = False, partitioned: bool = False,
    **kwargs: Any,
) -> None:  # fmt: skip
    """Call a Python function with values of the program, for what it does.

    It is called once, and for each lane under `vmap`; see `debug_print` for the order.

    Args:
        callback: function of arrays; what it returns is dropped.
        *args: arrays or trees of arrays; anything else is passed as it is.
        ordered: accepted; calls always keep the order of the program.
        partitioned: must be False.
        **kwargs: arguments by name.

    Raises:
        CallbackError: `callback` raised; the error is of that class too.

    Example:
        >>> from ms_func.api.compile import jit
        >>> seen = []
        >>> f = jit(lambda x: debug_callback(lambda v: seen.append(float(v)), x))
        >>> f(2.0); seen
        [2.0]
    """
    if not callable(callback):
        raise ArgumentTypeError(
            "first argument to jax.debug.callback must be callable, but got an object of type "
            f"{type(callback)}"
        )
    if partitioned:
        raise UnsupportedError("debug.callback(partitioned=True): fix: take the whole value")
    found = _Arguments((args, kwargs), numbers=True)

    def call(*arrays: np.ndarray) -> Sequence[Any]:
        a, k = found.rebuild(arrays)
        callback(*a, **k)
        return ()

    key = (identity_of(callback), found.key)
    _call(function_name(callback), call, key, found.operands, (), "callback")


# --- values -------------------------------------------------------------------------------------


def _result_types(result_shape_dtypes: Any) -> tuple[Types, Any]:
    leaves, out_tree = tree.flatten(result_shape_dtypes)
    try:
        types = tuple(ArrayType(tuple(x.shape), canonicalize_dtype(x.dtype)) for x in leaves)
    except AttributeError:
        raise ArgumentTypeError(
            "result_shape_dtypes must be a tree of objects with shape and dtype, such as "
            f"ShapeDtypeStruct, got {result_shape_dtypes!r}"
        ) from None
    return types, out_tree


def _value_callback(
    callback: Any, result_shape_dtypes: Any, args: Any, kwargs: Any, effect: str | None,
    vmap_method: str | None = None,
) -> Any:  # fmt: skip
    """Results of a Python function that is called while the program runs."""
    if not callable(callback):
        raise ArgumentTypeError(f"a callback must be callable, got {callback!r}")
    types, out_tree = _result_types(result_shape_dtypes)
    found = _Arguments((args, kwargs), numbers=True)
    name = function_name(callback)

    def call(*arrays: np.ndarray) -> Sequence[Any]:
        a, k = found.rebuild(arrays)
        leaves, got = tree.flatten(callback(*a, **k))
        if got != out_tree:
            raise host.CallbackError(
                f"callback `{name}` returned the structure {got}, where {out_tree} was promised"
            )
        return leaves

    key = (identity_of(callback), found.key, out_tree)
    outs = _call(name, call, key, found.operands, types, effect, vmap_method)
    return tree.unflatten(out_tree, outs)


def pure_callback(
    callback: Callable[..., Any], result_shape_dtypes: Any, *args: Any, sharding: Any = None,
    vectorized: Any = None, vmap_method: str | None = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """Result of a Python function that depends on its arguments alone.

    The call may be dropped, repeated or moved. It has no derivative; give one with `custom_jvp`
    or `custom_vjp`.

    Args:
        callback: function of arrays to arrays (NumPy ones or ours).
        result_shape_dtypes: tree of objects with `shape` and `dtype`: what it returns.
        *args: arrays or trees of arrays; anything else is passed as it is.
        sharding: must be None; the whole arguments are passed.
        vectorized: removed; use `vmap_method`.
        vmap_method: what happens under `vmap`. "sequential" (the default) and
            "sequential_unrolled" call it once for each lane; "expand_dims" and "broadcast_all"
            once for all, with the lanes in a leading dimension, of size 1 or repeated in arguments
            that all lanes share; "legacy_vectorized" leaves these as they are.
        **kwargs: arguments by name.

    Raises:
        CallbackError: when the program runs: `callback` raised, or returned something else than it
            promised.

    Example:
        >>> import numpy
        >>> from ms_func.ir.types import ShapeDtypeStruct
        >>> float(pure_callback(numpy.sin, ShapeDtypeStruct((), "float32"), numpy.float32(0)))
        0.0
    """
    if vectorized is not None:
        raise ArgumentTypeError(
            "pure_callback(vectorized=...) was removed\nfix: use vmap_method='legacy_vectorized' "
            "for True, 'sequential' for False"
        )
    if vmap_method is not None and vmap_method not in VMAP_METHODS:
        raise ArgumentValueError(
            f"vmap_method must be one of {', '.join(map(repr, VMAP_METHODS))}, got {vmap_method!r}"
        )
    _refuse_sharding("pure_callback", sharding)
    return _value_callback(callback, result_shape_dtypes, args, kwargs, None, vmap_method)


def io_callback(
    callback: Callable[..., Any], result_shape_dtypes: Any, *args: Any, sharding: Any = None,
    ordered: bool = False, **kwargs: Any,
) -> Any:  # fmt: skip
    """Result of a Python function that also does something.

    It is called exactly once, and once for each lane under `vmap`, in program order. It has no
    derivative.

    Args:
        callback: function of arrays to arrays (NumPy ones or ours).
        result_shape_dtypes: tree of objects with `shape` and `dtype`: what it returns.
        *args: arrays or trees of arrays; anything else is passed as it is.
        sharding: must be None; the call is made once, with the whole arguments.
        ordered: accepted; calls always keep the order of the program.
        **kwargs: arguments by name.

    Raises:
        CallbackError: when the program runs: `callback` raised, or returned something else than it
            promised.

    Example:
        >>> import itertools, numpy
        >>> from ms_func.ir.types import ShapeDtypeStruct
        >>> count = itertools.count(5)
        >>> int(io_callback(lambda: numpy.int32(next(count)), ShapeDtypeStruct((), "int32")))
        5
    """
    _refuse_sharding("io_callback", sharding)
    return _value_callback(callback, result_shape_dtypes, args, kwargs, "callback")


def _refuse_sharding(what: str, sharding: Any) -> None:
    if sharding is not None and len(getattr(sharding, "device_set", ())) != 1:
        raise UnsupportedError(
            f"{what}(sharding=...) over several devices: fix: leave it out; the callback gets the "
            "whole arguments"
        )


# --- checks -------------------------------------------------------------------------------------


def check(
    ok: Any, error: type[Exception] = AssertionError, message: Any = None, *args: Any, **kwargs: Any
) -> None:
    """Raise an exception on the host if a condition does not hold, when the program has run.

    The first failure in program order wins, and what the program would do on the host after it does
    not happen. The condition must be a scalar; under `vmap` the first lane that fails is named.

    Args:
        ok: boolean scalar.
        error: class of the exception.
        message: its argument; a string is formatted with the other arguments if there are any.
            None raises `error()`.
        *args: values for the message: arrays, or anything that has a text.
        **kwargs: values by name.

    Example:
        >>> from ms_func.api.compile import jit
        >>> def f(x):
        ...     check(x > 0, ValueError, "x must be positive, got {}", x)
        >>> try:
        ...     jit(f)(-1.0)
        ... except ValueError as error:
        ...     str(error)
        'x must be positive, got -1.0'
    """

    def make(message: Any, args: Any, kwargs: Any) -> Exception:
        if message is None:
            return error()
        formatted = isinstance(message, str) and (args or kwargs)
        return error(message.format(*args, **kwargs) if formatted else message)

    check_raising(ok, make, message, args, kwargs, key=(identity_of(error), "message"))


def check_raising(
    ok: Any, make: Callable[..., BaseException], *args: Any, key: Hashable = None,
    debug: bool = False,
) -> None:  # fmt: skip
    """`check` whose exception is made by a function of the concrete values of `args`.

    Args:
        ok: boolean scalar.
        make: from values to an exception; arrays arrive as arrays on the CPU.
        *args: values, trees of arrays among them.
        key: what tells this `make` from others; its identity if None.
        debug: whether the check counts only within `checkify`.
    """
    found = _Arguments(args, numbers=False)

    def call(ok: np.ndarray, *arrays: np.ndarray) -> Sequence[Any]:
        if not ok:
            raise host.Raised(make(*found.rebuild(arrays)))
        return ()

    operands = [ok, *found.operands]
    if current.interpreter is bottom:
        try:
            if not debug:
                call(*[np.asarray(as_array(x)) for x in operands])
        except host.Raised as raised:
            raise raised.error from None
        return
    key = (identity_of(make) if key is None else key, found.key, user_loc())
    check_p.bind(*operands, function=host_function("check", call, key), lanes=(), debug=debug)


def effects_barrier() -> None:
    """Wait until the effects of all programs started by this thread have happened.

    They have: a call of a program with effects returns when the last of them is done. Kept for
    programs written for JAX.
    """
