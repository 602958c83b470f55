"""Programs without keys and without operations to be expanded: the last pass before compilation.

An array of keys of shape s becomes an array of uint32 of shape (*s, w), where w is the number
of words of a key. Operations on keys say what they are on words. An operation that moves
elements as they are, such as `reshape` or `gather`, becomes what `vmap` makes of it when the
words are lanes. Operations that carry programs keep them, written on words. An operation that is
computed by others is replaced by these.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import key_of
from ms_func.errors import UnsupportedError
from ms_func.execution.buffers import to_numpy
from ms_func.execution.compile import final_form
from ms_func.ir.constant import Constant
from ms_func.ir.effects import INSPECT
from ms_func.ir.function import Eqn, Function, Literal
from ms_func.ir.primitive import LANES, current
from ms_func.ir.types import ArrayType
from ms_func.ir.walk import walk
from ms_func.primitives.batching import move_batch
from ms_func.primitives.constants import constant_p
from ms_func.primitives.keys import numpy_words
from ms_func.primitives.stacks import stack
from ms_func.tracing.tracer import build
from ms_func.transforms.batch import run_rule
from ms_func.transforms.discharge import discharged
from ms_func.transforms.passes import hoist_invariants, inline, with_functions


def physical(fn: Function) -> Function:
    """`fn` on words in place of keys, expanded; the same object where there is nothing to do."""
    if fn.plain:
        return inline(fn) if INSPECT in fn.effects else fn
    found = fn.memo.get("physical")
    if found is None:
        plain, written = discharged(fn)
        assert not written, f"`{fn.name}` writes to references from outside"
        found = _on_words(plain) if has_keys(plain) or _expands(plain) else plain
        found = inline(found) if INSPECT in found.effects else found
        fn.memo["physical"] = found.memo["physical"] = found
    return found


def has_keys(fn: Function) -> bool:
    """Whether a value anywhere in `fn` is a key."""
    if fn.plain:
        return False
    found = fn.memo.get("has_keys")
    if found is None:
        found = fn.memo["has_keys"] = any(v.type.key is not None for v in fn.params) or any(
            any(v.type.key is not None for v in e.outputs)
            or (bool(e.params) and any(map(has_keys, e.functions())))
            for e in fn.eqns
        )
    return found


def _expands(fn: Function) -> bool:
    """Whether an operation anywhere in `fn` is computed by others."""
    if fn.plain:
        return False
    found = fn.memo.get("expands")
    if found is None:
        found = fn.memo["expands"] = any(
            e.primitive.expand is not None or (bool(e.params) and any(map(_expands, e.functions())))
            for e in fn.eqns
        )
    return found


def _on_words(fn: Function) -> Function:
    def body(*args: Any) -> list[Any]:
        return [_words(x) for x in walk(fn, args, _equation)]

    made = build(fn.name, [v.type.words for v in fn.params], body)
    if not fn.consts:
        return made
    consts = [numpy_words(c) if key_of(c.dtype) is not None else c for c in fn.consts]
    return Function(made.name, made.params, made.eqns, made.results, consts)


def _words(x: Any) -> Any:
    """A value; a literal that is a key as its words."""
    if type(x) is not Literal or x.type.key is None:
        return x
    words = np.atleast_1d(np.asarray(x.value, x.type.dtype)).view(np.uint32)
    return stack([Literal(w, ArrayType((), w.dtype)) for w in words])


def _equation(eqn: Eqn, ins: Sequence[Any]) -> Sequence[Any]:
    """Results of one equation on words."""
    p, ins = eqn.primitive, [_words(x) for x in ins]
    types = [a.type for a in eqn.inputs]
    if p.expand is not None:
        return _expanded(eqn, ins)
    if p.words is not None and p.words is not LANES:
        out = p.words(types, *ins, **eqn.params)
    elif any(f for f in eqn.functions()):
        out = p.bind(*ins, **with_functions(eqn.params, physical))
    elif all(t.key is None for t in types):
        out = p.bind(*ins, **eqn.params)
    elif p.words is LANES:
        return _by_lanes(eqn, ins)
    else:
        raise UnsupportedError(f"`{p.name}` does not accept keys", eqn.loc)
    return out if p.multiple_results else (out,)


def _expanded(eqn: Eqn, ins: Sequence[Any]) -> Sequence[Any]:
    """What an operation is computed by, in its place."""
    made, held = eqn.primitive.expand([a.type for a in eqn.inputs], **eqn.params)  # type: ignore[misc]
    for v, t in zip(eqn.outputs, made.out_types, strict=True):
        if (v.type.shape, v.type.dtype) != (t.shape, t.dtype):
            raise TypeError(
                f"`{eqn.primitive.name}` has type {v.type} by its abstract rule, but is computed "
                f"as one of type {t}"
            )
    values = [_held(x, v.type) for x, v in zip(held, made.params, strict=False)]
    return current.interpreter.apply(physical(made), [*values, *ins])


def _held(x: Any, t: ArrayType) -> Any:
    """An array, or number, of a type that stands in a program by value; a key as its words."""
    elements = np.asarray(x, t.dtype) if t.key is None else to_numpy(x.buffer)
    return constant_p.bind(value=Constant(elements))


def _by_lanes(eqn: Eqn, ins: Sequence[Any]) -> list[Any]:
    """An operation that moves elements, on words as lanes that come back to the end."""
    kinds = [a.type.key for a in eqn.inputs]
    size = next(k.words for k in kinds if k is not None)
    dims = [a.type.ndim if k is not None else None for a, k in zip(eqn.inputs, kinds, strict=True)]
    outs, out_dims = run_rule(eqn, size, ins, dims)
    return [
        move_batch(x, d, -1, size) if v.type.key is not None else x
        for x, d, v in zip(outs, out_dims, eqn.outputs, strict=True)
    ]


final_form.rule = lambda fn: physical(hoist_invariants(fn))
