"""All cases of all families in this folder: primitive -> list of cases."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from ms_func.rules import load
from tests.cases.case import Case

_HERE = Path(__file__).parent


def _collect() -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = {}
    for module in pkgutil.iter_modules([str(_HERE)]):
        if module.name in ("case", "primitives"):
            continue
        for name, cases in importlib.import_module(f"tests.cases.{module.name}").CASES.items():
            found.setdefault(name, []).extend(cases)
    return found


PRIMITIVES = {name: p for name, p in load().items() if not name.startswith("waves_")}
"""All but those of the package in tests/extension, which has tests of its own."""
CASES = _collect()
