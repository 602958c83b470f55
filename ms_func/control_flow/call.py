"""`call`: a function applied as a unit instead of inlined, such as a nested `jit`.

Every transform of a call is a call of the transformed function, which is made once however
often the function is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func.ir.evaluate import evaluate as evaluate_reference
from ms_func.ir.function import Function
from ms_func.ir.primitive import NotSupported, Primitive, Zero, register
from ms_func.ir.types import ArrayType
from ms_func.primitives.families import is_linear
from ms_func.transforms.batch import batch
from ms_func.transforms.jvp import jvp
from ms_func.transforms.partial_eval import partial_eval
from ms_func.transforms.passes import prune
from ms_func.transforms.transpose import transpose
from ms_func.transforms.zeros import instantiate


def _abstract(*types: ArrayType, fn: Function, **params: Any) -> Sequence[ArrayType]:
    return fn.out_types


def _ref(*arrays: Any, fn: Function, **params: Any) -> Sequence[Any]:
    return evaluate_reference(fn, *arrays)


def _lower(b: Any, eqn: Any, *values: Any) -> Sequence[Any]:
    fn = eqn.params["fn"]
    if eqn.params["inline"]:
        return b.inline(fn, values)
    return b.call(fn, values, eqn.params["name"])


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, fn: Function, **params: Any) -> Any:
    active = tuple(type(t) is not Zero for t in tangents)
    made, nonzero = jvp(fn, active)
    dots = [t for t in tangents if type(t) is not Zero]
    outs = call_p.bind(*primals, *dots, fn=made, **params)
    n = len(fn.results)
    rest = iter(outs[n:])
    return outs[:n], [
        next(rest) if live else Zero(t.tangent)
        for live, t in zip(nonzero, fn.out_types, strict=True)
    ]


def _transpose(cts: Sequence[Any], *operands: Any, fn: Function, **params: Any) -> list[Any]:
    linear = tuple(is_linear(x) for x in operands)
    made = transpose(fn, linear)
    others = [x for x, lin in zip(operands, linear, strict=True) if not lin]
    outs = iter(call_p.bind(*others, *map(instantiate, cts), fn=made, **params))
    return [next(outs) if lin else None for lin in linear]


def _batch(size: int, args: Any, dims: Any, *, fn: Function, **params: Any) -> Any:
    made, out_dims = batch(fn, size, tuple(dims), ("any",) * len(fn.results))
    return call_p.bind(*args, fn=made, **params), out_dims


def _partial(split: Any, args: Any, params: dict[str, Any]) -> list[Any]:
    """Known part called now, the rest called on residuals when its inputs are known."""
    unknown = tuple(split.is_unknown(a) for a in args)
    known_fn, rest_fn, mask = partial_eval(params["fn"], unknown)
    ready = tuple(a for a, u in zip(args, unknown, strict=True) if not u)
    outs = split.bind_known(call_p, ready, {**params, "fn": known_fn})
    n = len(mask) - sum(mask)
    waiting = [a for a, u in zip(args, unknown, strict=True) if u]
    rest = iter(split.unknown.bind(call_p, (*outs[n:], *waiting), {**params, "fn": rest_fn}))
    first = iter(outs[:n])
    return [next(rest) if u else next(first) for u in mask]


def _prune(used: tuple[bool, ...], *, fn: Function, **params: Any) -> Any:
    made, operands = prune(fn, used)
    return operands, used, {**params, "fn": made}


call_p = register(
    Primitive(
        "call",
        abstract=_abstract,
        ref=_ref,
        lower=_lower,
        jvp=_jvp,
        transpose=_transpose,
        batch=_batch,
        shard=NotSupported("the body is planned as part of the caller's graph"),
        partial=_partial,
        multiple_results=True,
        callee=lambda *, fn, **params: fn,
        prune=_prune,
    )
)


def call(fn: Function, *args: Any, name: str = "f", inline: bool = False) -> list[Any]:
    """Apply `fn` to flat operands as one equation."""
    return call_p.bind(*args, fn=fn, name=name, inline=inline)
