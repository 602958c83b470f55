"""Primitives of JAX that are functions of other operations here, as primitives of their own.

A program recorded here never holds one, unless a library applies it by `bind`. They serve as keys
of the tables that libraries keep of rules by primitive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ms_func
from ms_func import lax, numpy, random
from ms_func.compat.rules import LowerFun, Primitive, batchers, jvps, lowerings
from ms_func.ir.primitive import Zero
from ms_func.ir.types import typeof
from ms_func.transforms.zeros import instantiate


def composed(name: str, fun: Callable[..., Any], many: bool = False) -> Primitive:
    """The primitive `name` that means `fun(*operands, **params)`; all rules follow from that."""
    made = Primitive(name)
    made.multiple_results = many  # type: ignore[misc]  # one made in JAX's way is filled in bit by bit
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


def _in_order(x: Any) -> Any:
    """Integers that are ordered as IEEE 754's total order has the floats `x`."""
    if not numpy.issubdtype(x.dtype, numpy.floating):
        return x
    bits = lax.bitcast_convert_type(x, f"int{8 * x.dtype.itemsize}")
    return numpy.where(bits < 0, bits ^ numpy.iinfo(bits.dtype).max, bits)


def _by_total_order(compare: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, y: compare(_in_order(x), _in_order(y))


def _approx_top_k(x: Any, *, is_max_k: bool, **options: Any) -> list[Any]:
    search = lax.approx_max_k if is_max_k else lax.approx_min_k
    return list(search(x, **options))


def _random_gamma(key: Any, a: Any, *, log_space: bool) -> Any:
    return (random.loggamma if log_space else random.gamma)(key, a, dtype=a.dtype)


def _sink(*xs: Any, prevent_mlir_dce: bool = False) -> list[Any]:
    for x in xs:
        lax.dce_sink(x, prevent_mlir_dce=prevent_mlir_dce)
    return []


def _device_put(*xs: Any, devices: Any = (None,), **_: Any) -> list[Any]:
    places = devices if len(devices) == len(xs) else [devices[0]] * len(xs)
    return [ms_func.device_put(x, d) for x, d in zip(xs, places, strict=True)]


PRIMITIVES: dict[str, Primitive] = {
    p.name: p
    for p in (
        Primitive("select_and_scatter"),  # a key only: JAX has no function that applies it
        composed("after_all", lax.after_all),
        composed("approx_top_k", _approx_top_k, many=True),
        composed("cholesky_update", lax.linalg.cholesky_update),
        composed("copy", lambda x: lax.reshape(x, typeof(x).shape)),
        composed("create_token", lax.create_token),
        composed("dce_sink", _sink, many=True),
        composed("device_put", _device_put, many=True),
        composed("eq_to", _by_total_order(lax.eq)),
        composed("householder_product", lax.linalg.householder_product),
        composed("le_to", _by_total_order(lax.le)),
        composed("lt_to", _by_total_order(lax.lt)),
        composed("lu_pivots_to_permutation", lambda x, *, permutation_size:
                 lax.linalg.lu_pivots_to_permutation(x, permutation_size)),
        composed("mulhi", lax.mulhi),
        composed("ormqr", lax.linalg.ormqr),
        composed("ragged_all_to_all", lax.ragged_all_to_all),
        composed("random_gamma", _random_gamma),
        composed("scatter-sub", lambda x, places, updates, *, dimension_numbers, mode=None, **_:
                 lax.scatter_sub(x, places, updates, dimension_numbers, mode=mode)),
        composed("select_n", lax.select_n),
        composed("square", lax.square),
        composed("squeeze", lambda x, *, dimensions: lax.squeeze(x, dimensions)),
        composed("stack", lambda *xs, axis: numpy.stack(list(xs), axis)),
        composed("stage", lax.stage),
        composed("symmetric_product", lax.linalg.symmetric_product),
        composed("tile", lambda x, *, reps: lax.tile(x, reps)),
        composed("unstack", lambda x, *, axis: list(numpy.unstack(x, axis=axis)), many=True),
    )
}  # fmt: skip
