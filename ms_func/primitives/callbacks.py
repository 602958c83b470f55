"""Values that Python functions compute while a program runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func import tree
from ms_func.config import x64
from ms_func.dtypes import canonicalize_dtype, narrowed
from ms_func.errors import ArgumentTypeError, ArgumentValueError, UnsupportedError
from ms_func.execution import host
from ms_func.execution.array import Array
from ms_func.ir.host import identity_of
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.host_calls import Arguments, Types, call_host
from ms_func.primitives.keys import random_unwrap_p, random_wrap_p
from ms_func.tracing.arguments import function_name

VMAP_METHODS = (
    "sequential", "sequential_unrolled", "expand_dims", "broadcast_all", "legacy_vectorized",
)  # fmt: skip


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
    if x64.value is False:
        _refuse_wide(result_shape_dtypes)
    types, out_tree = _result_types(result_shape_dtypes)
    found = Arguments((args, kwargs), numbers=True)
    name = function_name(callback)

    def call(*arrays: np.ndarray) -> Sequence[Any]:
        a, k = found.rebuild(arrays)
        leaves, got = tree.flatten(callback(*a, **k))
        leaves = [random_unwrap_p.bind(x) if _is_key(x) else x for x in leaves]
        if len(leaves) != out_tree.num_leaves:
            raise host.CallbackError(
                f"callback `{name}` returned the structure {got}, where {out_tree} was promised"
            )
        return leaves

    key = (identity_of(callback), found.key, out_tree)
    held = tuple(_words_of(t) for t in types)
    outs = call_host(name, call, key, found.operands, held, effect, vmap_method)
    outs = [
        x if t.key is None else random_wrap_p.bind(x, impl=t.key.impl)
        for x, t in zip(outs, types, strict=True)
    ]
    return tree.unflatten(out_tree, outs)


def _refuse_wide(promised: Any) -> None:
    """Refuse results of 64 bits where there are none."""
    for leaf in tree.leaves(promised):
        dtype = getattr(leaf, "dtype", None)
        if isinstance(dtype, np.dtype) and narrowed(dtype) != dtype:
            raise ArgumentValueError(
                "result_shape_dtypes cannot specify 64-bit types when `jax_enable_x64` is "
                f"disabled, got {leaf}"
            )


def _is_key(x: Any) -> bool:
    return isinstance(x, Array) and typeof(x).key is not None


def _words_of(t: ArrayType) -> ArrayType:
    """Type of what crosses the border: of keys their words."""
    return t if t.key is None else ArrayType((*t.shape, t.key.words), np.dtype(np.uint32))


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
