"""The errors that `docs/special_functions.md` promises are not exceeded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.scipy import accuracy

PAGE = Path(__file__).resolve().parents[2] / "docs" / "special_functions.md"
ROWS = {
    found[2]: (found[1], int(found[3]), int(found[4]))
    for found in re.finditer(
        r"^\| (`(\w+)`.*?) \| (\d+) \| (\d+) \|$", PAGE.read_text(), re.MULTILINE
    )
}


def test_the_page_has_all_entries():
    assert {name: row[0] for name, row in ROWS.items()} == {
        name: accuracy.shown(name) for name in accuracy.ENTRIES
    }


@pytest.mark.parametrize("name", accuracy.ENTRIES)
def test_single_precision(name):
    assert accuracy.single(name) <= ROWS[name][1]


@pytest.mark.slow
@pytest.mark.parametrize("name", accuracy.ENTRIES)
def test_double_precision(name):
    pytest.importorskip("mpmath")
    assert accuracy.double(name) <= ROWS[name][2]


def test_errors_are_seen():
    got = accuracy.sample(accuracy.ENTRIES["erf"], 5, "float64")[0]
    assert accuracy.ulps("erf", got, got) == 0
    assert accuracy.ulps("erf", got, got * (1 + 1e-12)) > 1000
