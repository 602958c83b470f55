"""All cases of all families in this folder: primitive -> list of cases."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import ms_func
from ms_func.ir.primitive import primitives
from tests.cases.case import Case

_HERE = Path(__file__).parent


def _load_everything() -> None:
    """Import every module of ms_func that may register a primitive."""
    for folder in ("primitives", "control_flow", "transforms", "api", "source", "parallel"):
        root = Path(ms_func.__file__).parent / folder
        for module in pkgutil.iter_modules([str(root)]):
            importlib.import_module(f"ms_func.{folder}.{module.name}")


def _collect() -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = {}
    for module in pkgutil.iter_modules([str(_HERE)]):
        if module.name in ("case", "primitives"):
            continue
        for name, cases in importlib.import_module(f"tests.cases.{module.name}").CASES.items():
            found.setdefault(name, []).extend(cases)
    return found


_load_everything()
PRIMITIVES = primitives()
CASES = _collect()
