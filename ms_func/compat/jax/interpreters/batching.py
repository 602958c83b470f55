"""`jax.interpreters.batching`: rules of vectorisation of primitives of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func.compat.rules import AxisData, axis_batchers, batchers, fancy_batchers
from ms_func.ir.types import typeof
from ms_func.numpy import broadcast_to, expand_dims, moveaxis

__all__ = ["AxisData", "axis_primitive_batchers", "bdim_at_front", "broadcast",
           "defbroadcasting", "defvectorized", "fancy_primitive_batchers", "moveaxis",
           "not_mapped", "primitive_batchers", "register_vmappable",
           "unregister_vmappable"]  # fmt: skip

primitive_batchers = batchers
axis_primitive_batchers, fancy_primitive_batchers = axis_batchers, fancy_batchers
not_mapped = None


def broadcast(x: Any, sz: int, axis: int) -> Any:
    """`x` repeated `sz` times along a new dimension `axis`."""
    shape = list(typeof(x).shape)
    shape.insert(axis, sz)
    return broadcast_to(expand_dims(x, axis), tuple(shape))


def bdim_at_front(x: Any, bdim: int | None, size: int) -> Any:
    """`x` with its batch dimension in front, a new one where it has none."""
    return broadcast(x, size, 0) if bdim is None else moveaxis(x, bdim, 0)


def defvectorized(prim: Any) -> None:
    """The primitive works on each element: lanes may lie anywhere, all at one place."""

    def rule(args: Sequence[Any], dims: Sequence[Any], **params: Any) -> Any:
        if any(d != dims[0] for d in dims):
            raise ValueError(f"operands of {prim} are batched along different dimensions: {dims}")
        out = prim.bind(*args, **params)
        return (out, [dims[0]] * len(out)) if prim.multiple_results else (out, dims[0])

    batchers[prim] = rule


def defbroadcasting(prim: Any) -> None:
    """The primitive works on each element of operands of one shape."""

    def rule(args: Sequence[Any], dims: Sequence[Any], **params: Any) -> Any:
        size = next(typeof(x).shape[d] for x, d in zip(args, dims, strict=True) if d is not None)
        laid = [bdim_at_front(x, d, size) for x, d in zip(args, dims, strict=True)]
        out = prim.bind(*laid, **params)
        return (out, [0] * len(out)) if prim.multiple_results else (out, 0)

    batchers[prim] = rule


_vmappable: dict[type, tuple[Any, ...]] = {}


def register_vmappable(
    data_type: type, spec_type: type, axis_size_type: type, to_elt: Any, from_elt: Any,
    make_iota: Any = None,
) -> None:  # fmt: skip
    """Accepted. Values of the class are refused where `vmap` would split them."""
    _vmappable[data_type] = (spec_type, axis_size_type, to_elt, from_elt, make_iota)


def unregister_vmappable(data_type: type) -> None:
    """Take back `register_vmappable`.

    Raises:
        KeyError: the class was not registered.
    """
    del _vmappable[data_type]
