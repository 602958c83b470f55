"""`jax.extend.core.primitives`: the primitives of the library, `<name>_p`."""

from __future__ import annotations

from typing import Any

from ms_func import lax as _lax
from ms_func.compat.composed import PRIMITIVES as _composed
from ms_func.compat.rules import Primitive as _Primitive
from ms_func.control_flow.call import call_p as jit_p
from ms_func.ir.primitive import primitives as _primitives

__all__ = ["call_p", "closed_call_p", "core_call_p", "jit_p"]

call_p = core_call_p = _Primitive("core_call")
closed_call_p = _Primitive("closed_call")
"""No program recorded here holds one: a call is that of `jit_p`."""


def __dir__() -> list[str]:
    known = (*_composed, *_primitives())
    return sorted({*__all__, *(f"{name}_p" for name in known)})


def __getattr__(name: str) -> Any:
    found = _composed.get(name.removesuffix("_p")) or getattr(_lax, name, None)
    if found is None and name.endswith("_p"):
        found = _primitives().get(name.removesuffix("_p"))
    if found is None:
        raise AttributeError(f"module 'jax.extend.core.primitives' has no attribute {name!r}")
    return found
