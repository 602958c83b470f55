"""The table of all primitives and their rules: `python -m ms_func.rules`.

One row per primitive, one column per slot. A dot is a rule of its own, a name one of the
markers, and a number points to the reason why a rule cannot exist.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ms_func.ir.primitive import (
    NONLINEAR,
    Linear,
    Multilinear,
    NotSupported,
    Primitive,
    Recurrence,
    primitives,
)

SLOTS = ("abstract", "ref", "lower", "jvp", "transpose", "batch", "shard", "cost", "jet", "partial")


def load() -> dict[str, Primitive]:
    """All primitives of the package by name, after every module that registers some is imported."""
    for folder in ("primitives", "control_flow", "transforms", "parallel", "api"):
        root = Path(__file__).parent / folder
        for module in pkgutil.iter_modules([str(root)]):
            importlib.import_module(f"ms_func.{folder}.{module.name}")
    return primitives()


def table(found: Iterable[Primitive]) -> str:
    """The table as text, reasons below it."""
    reasons: dict[str, int] = {}
    rows = [
        ["", *SLOTS],
        *([p.name, *(_cell(p, getattr(p, slot), reasons) for slot in SLOTS)] for p in found),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    notes = [f"{n:3}  {reason}" for reason, n in reasons.items()]
    return "\n".join([*lines, "", *notes])


def _cell(p: Primitive, rule: Any, reasons: dict[str, int]) -> str:
    if rule is None:
        return "EMPTY"
    if isinstance(rule, NotSupported):
        reason = rule.reason.replace(f"{p.name} ", "it ", 1)
        return str(reasons.setdefault(reason, len(reasons) + 1))
    if isinstance(rule, (Linear, Multilinear)):
        return f"{type(rule).__name__}{rule.argnums}".replace(",)", ")")
    if isinstance(rule, Recurrence):
        return "Recurrence"
    return "." if callable(rule) else repr(rule)


def counts(found: Iterable[Primitive]) -> dict[str, int]:
    """Number of cells, and of those without a rule: "empty", "not supported", "not linear"."""
    cells = [getattr(p, slot) for p in found for slot in SLOTS]
    return {
        "cells": len(cells),
        "empty": sum(rule is None for rule in cells),
        "not supported": sum(isinstance(rule, NotSupported) for rule in cells),
        "not linear": sum(rule is NONLINEAR for rule in cells),
    }


def main() -> int:
    """Print the table and how much of it is filled; the exit status is 1 where a slot is empty."""
    found = sorted(load().values(), key=lambda p: p.name)
    print(table(found))
    n = counts(found)
    print(
        f"\n{len(found)} primitives, {n['cells']} cells: {n['empty']} empty, "
        f"{n['not supported']} not supported ({n['not supported'] / n['cells']:.1%}), "
        f"{n['not linear']} without anything to transpose"
    )
    return int(n["empty"] > 0)


if __name__ == "__main__":
    sys.exit(main())
