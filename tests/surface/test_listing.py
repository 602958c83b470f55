"""`dir()` of a public module, and `import *`, give its public names and nothing else."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest

import ms_func
from tests.surface.public import PUBLIC


@pytest.mark.parametrize("path", PUBLIC)
def test_dir_lists_public_names(path: str) -> None:
    module = importlib.import_module(path)
    assert dir(module) == sorted(set(module.__all__))
    assert len(module.__all__) == len(set(module.__all__))
    assert [name for name in dir(module) if not hasattr(module, name)] == []


def test_every_module_that_is_listed_is_public() -> None:
    """So that a new one comes under the tests of this folder."""
    seen, left = set(), [ms_func]
    while left:
        module = left.pop()
        seen.add(module.__name__)
        listed = (getattr(module, name) for name in module.__all__)
        left += [m for m in listed if isinstance(m, ModuleType) and m.__name__ not in seen]
    assert seen <= set(PUBLIC)
