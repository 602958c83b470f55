"""The public modules, and the functions and classes in them that are ours."""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType
from typing import Any

from ms_func.numpy import ufunc
from tests.surface.surface import MODULES

_OTHERS = """
ad_checkpoint config custom_batching custom_derivatives debug distributed dlpack dtypes errors
experimental experimental.checkify experimental.jet experimental.multihost_utils experimental.ode
experimental.shard_map experimental.sparse experimental.sparse.linalg extend ffi flatten_util
nn.losses ode optim profiler ref scipy scipy.cluster scipy.sparse scipy.spatial sharding stages
test_util testing transforms.passes typing
"""
PUBLIC = ("ms_func", *(f"ms_func.{name}" for name in sorted((*MODULES, *_OTHERS.split()))))


def documented(module: ModuleType) -> dict[str, Any]:
    """Functions, ufuncs and classes of ours by name.

    Without exceptions, whose docstrings say what to do about them, dtypes, and what NumPy, the
    runtime or `typing` made.
    """
    found = {name: getattr(module, name) for name in module.__all__}
    return {name: x for name, x in found.items() if _ours(x) and not _exempt(x)}


def _ours(x: Any) -> bool:
    if isinstance(x, ufunc):
        return True
    if not (inspect.isroutine(inspect.unwrap(x)) or inspect.isclass(x)):
        return False
    return str(getattr(x, "__module__", "")).startswith("ms_func")


def _exempt(x: Any) -> bool:
    exception = inspect.isclass(x) and issubclass(x, BaseException)
    return exception or hasattr(x, "_scalar_dtype")


def bare(path: str) -> list[str]:
    """Names in a module whose docstring is one line, or shows no example."""
    out = []
    for name, x in documented(importlib.import_module(path)).items():
        text = inspect.getdoc(x) or ""
        if ">>> " not in text or len(text.splitlines()) < 2:
            out.append(f"{path}.{name}")
    return out
