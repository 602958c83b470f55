"""Calls of Python while a program runs: the primitives `callback` and `check`.

A `callback` hands NumPy arrays to a Python function and takes its results. With an effect it
happens exactly once for each lane, in program order; without one it may be dropped, merged
or moved like any operation. A `check` calls Python only when its condition fails.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from ms_func import tree
from ms_func.dtypes import bits, is_inexact
from ms_func.errors import ArgumentValueError, ShapeError
from ms_func.execution import host
from ms_func.execution.array import Array, wrap
from ms_func.execution.buffers import default_backend, put
from ms_func.execution.dispatch import as_array, bottom
from ms_func.ir.effects import EFFECTS, Effect
from ms_func.ir.host import HostFunction, Identity, host_function
from ms_func.ir.loc import user_loc
from ms_func.ir.primitive import NONLINEAR, Cost, Primitive, Zero, current, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering.emit import TOKEN
from ms_func.primitives.basis import broadcast_in_dim_p
from ms_func.primitives.batching import to_front
from ms_func.primitives.keys import random_unwrap_p, random_wrap_p
from ms_func.primitives.reduce import reduce_and
from ms_func.tracing.tracer import Tracer, build

Types = tuple[ArrayType, ...]
Lanes = tuple[tuple[int, tuple[bool, ...]], ...]
"""For each enclosing vmap, the outermost first: the number of lanes, and which operands have
them as a leading dimension."""

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
    call = _over_lanes(p["function"], p["lanes"], p["types"], eqn.loc)
    return _calling(b, eqn, call, values, [v.type for v in eqn.outputs], p["effect"] is not None)


def _calling(
    b: Any, eqn: Any, call: host.Host, values: Sequence[Any], outs: Sequence[ArrayType],
    ordered: bool,
) -> list[Any]:  # fmt: skip
    """Call `call` while the program runs, with the operands of `eqn`."""
    ins = [a.type for a in eqn.inputs]
    sent, taken = [*map(_in_bytes, ins)], [*map(_in_bytes, outs)]
    entry = host.entry(call, outs, eqn.params["function"].name, eqn.loc)

    def in_bytes(token: Any, *arrays: Any) -> tuple[Any, ...]:
        given = (x.astype(t.dtype, copy=False) for x, t in zip(arrays, ins, strict=True))
        token, *found = entry(token, *given)
        return token, *(x.astype(t.dtype, copy=False) for x, t in zip(found, taken, strict=True))

    values = [_converted(b, x, t, s) for x, t, s in zip(values, ins, sent, strict=True)]
    results = b.host_call(in_bytes, values, [t.ndim for t in ins], taken, ordered)
    return [_converted(b, x, s, t) for x, t, s in zip(results, outs, taken, strict=True)]


def _in_bytes(t: ArrayType) -> ArrayType:
    """What holds the elements of `t` in whole bytes: CUDA packs smaller ones, NumPy does not."""
    if bits(t.dtype) >= 8:
        return t
    kind = np.float16 if is_inexact(t.dtype) else np.int8
    return ArrayType(t.shape, np.dtype(kind), t.weak_type)


def _converted(b: Any, x: Any, t: ArrayType, into: ArrayType) -> Any:
    return x if into is t else b.convert(x, into)


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
        transpose=NONLINEAR,
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
    call = _over_lanes(function, lanes, (), eqn.loc)
    (every,) = b.inline(_all_of(eqn.inputs[0].type), [ok])
    made = b.operation("stablehlo.if", [TOKEN], [every], regions=2)

    def fail(inner: Any) -> list[Any]:
        return _calling(inner, eqn, call, [ok, *values], [], True)

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
        transpose=NONLINEAR,
        batch=lambda size, args, dims, **ps: (_batched(check_p, size, args, dims, ps), []),
        shard=_whole,
        cost=_no_cost,
        effects=lambda **params: frozenset({EFFECTS["check"]}),
        multiple_results=True,
        host=True,
    )
)

# --- arguments ----------------------------------------------------------------------------------


class Arguments:
    """Arguments of a host function: arrays become operands, the rest is part of the program.

    Attributes:
        operands: leaves that are operands; of keys their words.
        weak: which of them have a weak type.
        impls: generator of those that are keys, else None.
        key: what else the call depends on.
    """

    def __init__(self, args: Any, numbers: bool) -> None:
        leaves, self.in_tree = tree.flatten(args)
        self.fixed = [None if _is_operand(x, numbers) else (x,) for x in leaves]
        found = [x for x, f in zip(leaves, self.fixed, strict=True) if f is None]
        self.weak = tuple(typeof(x).weak_type for x in found)
        self.impls = tuple(getattr(typeof(x).key, "impl", None) for x in found)
        self.operands = [
            x if impl is None else random_unwrap_p.bind(x)
            for x, impl in zip(found, self.impls, strict=True)
        ]
        fixed = [f and _static_key(f[0]) for f in self.fixed]
        self.key: Hashable = (self.in_tree, self.weak, self.impls, *fixed)

    def rebuild(self, arrays: Sequence[np.ndarray]) -> Any:
        """The arguments with arrays in place of the operands.

        They are copies, since the runtime takes its memory back after the call, and lie on the
        CPU, since a callback must not wait for the device that waits for it.
        """
        rest = iter(map(_received, arrays, self.weak, self.impls))
        leaves = [next(rest) if f is None else f[0] for f in self.fixed]
        return tree.unflatten(self.in_tree, leaves)


def _is_operand(x: Any, numbers: bool) -> bool:
    """Whether a leaf is an array; Python numbers are if `numbers`."""
    if isinstance(x, (Tracer, Array, np.generic, np.ndarray)):
        return getattr(x.dtype, "kind", "V") not in "OSUM"
    return numbers and isinstance(x, (bool, int, float, complex))


def _static_key(x: Any) -> Hashable:
    """Value of a fixed leaf where it is plain data, else its identity."""
    if type(x) is Identity:
        return x
    if x is None or type(x) in (bool, int, str, bytes):
        return (type(x), x)
    return (type(x), repr(x)) if type(x) in (float, complex) else Identity(x)


def _received(x: np.ndarray, weak: bool, impl: str | None) -> Any:
    """An operand as it was given: keys went as their words."""
    found = wrap(put(x, ArrayType(x.shape, x.dtype, weak), _host_device()))
    return found if impl is None else random_wrap_p.bind(found, impl=impl)


def _host_device() -> Any:
    held = default_backend()
    return None if held.platform == "cpu" else held.devices("cpu")[0]


def call_host(
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
