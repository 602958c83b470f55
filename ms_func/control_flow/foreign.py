"""The primitive `ffi_call`: a kernel of somebody else, called by its registered name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ms_func.control_flow.lanes import one_by_one
from ms_func.errors import ArgumentTypeError, ArgumentValueError, UnsupportedError
from ms_func.ir.effects import EFFECTS
from ms_func.ir.primitive import NONLINEAR, NotSupported, Primitive, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering import foreign
from ms_func.primitives.batching import to_front
from ms_func.primitives.shape import broadcast_in_dim

Frozen = tuple[tuple[str, Any], ...]


def frozen(attributes: Mapping[str, Any]) -> Frozen:
    """Attributes of a call as a parameter: arrays by their bytes, dicts as tuples."""
    return tuple([(name, _frozen(v)) for name, v in sorted(attributes.items())])


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return ("dict", frozen(value))
    if isinstance(value, np.ndarray):
        return ("array", value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, np.generic):
        return ("scalar", value.dtype.str, value.tobytes())
    if not isinstance(value, (bool, int, float, str)):
        raise ArgumentTypeError(f"No attribute handler defined for type: {type(value)}")
    return value


def _thawed(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    kind, *rest = value
    if kind == "dict":
        return {name: _thawed(v) for name, v in rest[0]}
    data = np.frombuffer(rest[-1], rest[0])
    return data.reshape(rest[1]) if kind == "array" else data[0]


def _lower(b: Any, eqn: Any, *values: Any) -> Any:
    p = eqn.params
    ins, outs = [a.type for a in eqn.inputs], [v.type for v in eqn.outputs]
    attributes = {name: _thawed(v) for name, v in p["attributes"]}
    return foreign.call(b, p["target"], values, ins, outs, attributes, p["in_layouts"],
                        p["out_layouts"], p["side_effect"], p["aliases"])  # fmt: skip


def _jvp(primals: Any, tangents: Any, *, target: str, **params: Any) -> Any:
    raise ArgumentValueError(
        f"The FFI call to `{target}` cannot be differentiated: nothing is known of its derivative. "
        "You can use `jax.custom_jvp` or `jax.custom_vjp` to add support."
    )


def _batch(size: int, args: Sequence[Any], dims: Sequence[Any], **params: Any) -> Any:
    method = params["vmap_method"] or "sequential"
    if method.startswith("sequential"):
        return one_by_one(size, ffi_call_p, args, dims, **params)
    if params["in_layouts"] is not None or params["out_layouts"] is not None:
        raise UnsupportedError(
            f"`{params['target']}` with layouts of its own is vectorised one by one only\n"
            "fix: vmap_method='sequential'"
        )
    moved = [
        to_front(x, d, size) if d is not None or method == "legacy_vectorized"
        else _repeated(x, 1 if method == "expand_dims" else size)
        for x, d in zip(args, dims, strict=True)
    ]  # fmt: skip
    types = tuple(ArrayType((size, *t.shape), t.dtype) for t in params["types"])
    return ffi_call_p.bind(*moved, **{**params, "types": types}), [0] * len(types)


def _repeated(x: Any, size: int) -> Any:
    shape = typeof(x).shape
    return broadcast_in_dim(x, (size, *shape), tuple(range(1, len(shape) + 1)))


ffi_call_p = register(
    Primitive(
        "ffi_call",
        abstract=lambda *ins, types, **params: list(types),
        ref=NotSupported("only the kernel itself knows what it computes"),
        lower=_lower,
        jvp=_jvp,
        transpose=NONLINEAR,
        batch=_batch,
        shard=NotSupported("a foreign kernel sees whole arrays"),
        effects=lambda *, side_effect, **params: (
            frozenset({EFFECTS["foreign"]}) if side_effect else frozenset()
        ),
        multiple_results=True,
    )
)
