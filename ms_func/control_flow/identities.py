"""Operations that return their operands and tell the transforms something about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func import tree
from ms_func.dtypes import is_inexact
from ms_func.ir.primitive import (
    BY_FUNCTIONS,
    ELEMENTWISE,
    LANES,
    PIECEWISE_LINEAR,
    ZERO,
    Primitive,
    register,
)
from ms_func.ir.types import ArrayType, typeof
from ms_func.transforms.zeros import instantiate, is_live, nonzeros, with_zeros

# --- stop_gradient ----------------------------------------------------------------------------

stop_gradient_p = register(
    Primitive(
        "stop_gradient",
        abstract=lambda x: x,
        ref=lambda x: np.asarray(x),
        lower=lambda b, eqn, x: x,
        jvp=ZERO,
        transpose=lambda ct, x: [ct],  # of a linear program, in which it is the identity
        batch=ELEMENTWISE,
        shard=ELEMENTWISE,
        words=LANES,
    )
)


def stop_gradient(x: Any) -> Any:
    """`x`, a constant to every derivative.

    Args:
        x: array or tree of arrays; integer and boolean leaves are returned as they are.

    Example:
        >>> from ms_func.api.differentiate import grad
        >>> float(grad(lambda x: x * stop_gradient(x))(3.0))
        3.0
    """

    def stop(leaf: Any) -> Any:
        return stop_gradient_p.bind(leaf) if is_inexact(typeof(leaf).dtype) else leaf

    return tree.map(stop, x)


# --- checkpoint_name --------------------------------------------------------------------------


def _name_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, name: str) -> Any:
    out = name_p.bind(*primals, name=name)
    return out, tangents[0]


name_p = register(
    Primitive(
        "name",
        abstract=lambda x, name: x,
        ref=lambda x, name: np.asarray(x),
        lower=lambda b, eqn, x: x,
        jvp=_name_jvp,
        jet=PIECEWISE_LINEAR,
        transpose=lambda ct, x, name: [ct],
        batch=ELEMENTWISE,
        shard=ELEMENTWISE,
        words=LANES,
    )
)


def checkpoint_name(x: Any, name: str) -> Any:
    """`x`, known to the policies of `checkpoint` by `name`.

    Args:
        x: array or tree of arrays.
        name: what `save_only_these_names` and its relatives refer to.

    Returns:
        The values of `x`.

    Example:
        >>> from ms_func.ad_checkpoint import checkpoint_name
        >>> keep = ms.checkpoint_policies.save_only_these_names("sine")
        >>> f = ms.checkpoint(lambda x: checkpoint_name(np.sin(x), "sine") ** 2, policy=keep)
        >>> float(ms.grad(f)(0.0))
        0.0
    """
    return tree.map(lambda leaf: name_p.bind(leaf, name=name), x)


# --- optimization_barrier -----------------------------------------------------------------------


def _barrier_lower(b: Any, eqn: Any, *values: Any) -> list[Any]:
    made = b.operation(
        "stablehlo.optimization_barrier", [v.type for v in eqn.outputs], values, regions=0
    )
    return list(made.results)


def _barrier_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    outs = optimization_barrier_p.bind(*primals)
    dots = optimization_barrier_p.bind(*nonzeros(tangents))
    return outs, with_zeros(is_live(tangents), dots, [typeof(x) for x in primals])


def _barrier_transpose(cts: Sequence[Any], *operands: Any) -> list[Any]:
    return list(optimization_barrier_p.bind(*map(instantiate, cts)))


def _barrier_shard(ins: Sequence[ArrayType], outs: Sequence[ArrayType]) -> str:
    """A single operand is free; several stay whole, since they are split independently."""
    if len(ins) == 1:
        term = " ".join(f"i{d}" for d in range(ins[0].ndim))
        return f"{term} -> {term}"
    terms = ", ".join(" ".join("." * t.ndim) for t in ins)
    return f"{terms} -> {terms}"


optimization_barrier_p = register(
    Primitive(
        "optimization_barrier",
        abstract=lambda *types: list(types),
        varying=BY_FUNCTIONS,
        ref=lambda *arrays: list(arrays),
        lower=_barrier_lower,
        jvp=_barrier_jvp,
        jet=PIECEWISE_LINEAR,
        transpose=_barrier_transpose,
        batch=lambda size, args, dims: (optimization_barrier_p.bind(*args), list(dims)),
        shard=_barrier_shard,
        multiple_results=True,
        words=LANES,
    )
)


def optimization_barrier(operand: Any) -> Any:
    """`operand`, an array or a tree of arrays, which the compiler may not look behind.

    Nothing that uses the result is computed before the whole operand is, and no common
    subexpression is shared across.

    Args:
        operand: tree of arrays or numbers of any dtype.

    Returns:
        The same tree and values, as arrays.

    Raises:
        TypeError: a leaf is no array or number.

    Reference:
        StableHLO `optimization_barrier`.

    Example:
        >>> lax.optimization_barrier({"a": np.array([1, 2]), "b": 0.5})
        {'a': Array([1, 2], dtype=int32), 'b': Array(0.5, dtype=float32, weak_type=True)}
    """
    leaves, treedef = tree.flatten(operand)
    return tree.unflatten(treedef, optimization_barrier_p.bind(*leaves))
