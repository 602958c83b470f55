"""`jax.extend.core.primitives`: the primitives of the library, `<name>_p`."""

from __future__ import annotations

from typing import Any

from ms_func import lax as _lax
from ms_func.ir.primitive import primitives as _primitives

__all__: list[str] = []


def __getattr__(name: str) -> Any:
    found = getattr(_lax, name, None)
    if found is None and name.endswith("_p"):
        found = _primitives().get(name.removesuffix("_p"))
    if found is None:
        raise AttributeError(f"module 'jax.extend.core.primitives' has no attribute {name!r}")
    return found
