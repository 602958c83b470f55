"""Primitives of JAX that are functions of other operations here, as primitives of their own.

A program recorded here never holds one, unless a library applies it by `bind`. They serve as keys
of the tables that libraries keep of rules by primitive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ms_func
from ms_func import lax, numpy
from ms_func.compat.rules import LowerFun, Primitive, batchers, jvps, lowerings
from ms_func.ir.primitive import Zero
from ms_func.ir.types import typeof
from ms_func.transforms.zeros import instantiate


def composed(name: str, fun: Callable[..., Any], many: bool = False) -> Primitive:
    """The primitive `name` that means `fun(*operands, **params)`; all rules follow from that."""
    made = Primitive(name)
    made.multiple_results = many
    made.def_impl(fun)

    def types(*args: Any, **params: Any) -> Any:
        found = ms_func.eval_shape(lambda *xs: fun(*xs, **params), *map(_struct, args))
        return [typeof(t) for t in found] if many else typeof(found)

    def jvp(primals: Any, tangents: Any, **params: Any) -> Any:
        moving = [i for i, t in enumerate(tangents) if type(t) is not Zero]

        def part(*xs: Any) -> Any:
            full = list(primals)
            for i, x in zip(moving, xs, strict=True):
                full[i] = x
            return fun(*full, **params)

        return ms_func.jvp(part, tuple(primals[i] for i in moving),
                       tuple(instantiate(tangents[i]) for i in moving))  # fmt: skip

    def batch(args: Any, dims: Any, **params: Any) -> Any:
        out = ms_func.vmap(lambda *xs: fun(*xs, **params), tuple(dims))(*args)
        return (out, [0] * len(out)) if many else (out, 0)

    made.def_abstract_eval(types)
    lowerings[made, None] = LowerFun(fun, many)
    jvps[made], batchers[made] = jvp, batch
    return made


def _struct(t: Any) -> Any:
    return ms_func.ShapeDtypeStruct(t.shape, t.dtype, weak_type=t.weak_type)


PRIMITIVES: dict[str, Primitive] = {
    p.name: p
    for p in (
        composed("copy", lambda x: lax.reshape(x, typeof(x).shape)),
        composed("mulhi", lax.mulhi),
        composed("select_n", lax.select_n),
        composed("square", lax.square),
        composed("squeeze", lambda x, *, dimensions: lax.squeeze(x, dimensions)),
        composed("stack", lambda *xs, axis: numpy.stack(list(xs), axis)),
        composed("tile", lambda x, *, reps: lax.tile(x, reps)),
        composed("unstack", lambda x, *, axis: list(numpy.unstack(x, axis=axis)), many=True),
    )
}
