"""The library under test, through the names that ms_func and JAX share.

Nothing here or in `cases/` asks which of the two it is: both sides of a figure run the same
lines, on modules of the same names.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Library:
    """A library's public modules."""

    name: str
    ms: Any
    np: Any
    lax: Any
    nn: Any
    random: Any
    tree: Any

    def lower(self, fun: Callable[..., Any], *args: Any) -> Any:
        """Trace and lower `fun`; nothing is compiled or run."""
        return self.ms.jit(fun).lower(*args)

    def memory(self, fun: Callable[..., Any], *args: Any) -> int:
        """Bytes that the compiled program needs beside its arguments and results."""
        stats = self.lower(fun, *args).compile().memory_analysis()
        return int(stats.temp_size_in_bytes)

    def array(self, value: Any) -> Any:
        """`value` on the device."""
        return self.ms.device_put(value)


def load(name: str) -> Library:
    """Import `name` ("ms_func" or "jax")."""

    def part(which: str) -> ModuleType:
        return import_module(f"{name}.{which}")

    return Library(
        name,
        import_module(name),
        part("numpy"),
        part("lax"),
        part("nn"),
        part("random"),
        part("tree_util"),
    )


def operations(lowered: Any) -> int:
    """Number of StableHLO operations in a lowered program, sub-functions counted once."""
    return len(re.findall(r'(?:^|= |\n\s*)"?stablehlo\.\w+', lowered.as_text()))
