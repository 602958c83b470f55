"""The names and signatures that people know are there: the recorded ones of JAX 0.10.

`python -m tests.surface --peer PYTHON` compares with an installed one and prints the rest.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.surface.surface import differences, surface

NAMES = json.loads((Path(__file__).parent / "names.json").read_text())
NEARLY = {"lax": 0.93, "lax.linalg": 0.85, "random": 0.97}
"""Share of the names that must be there, where it is not all of them.

What is missing are primitives that are no primitives here, and operations on compiler tokens.
"""
OTHERWISE = {
    "clip": "the array is not optional",
    "negative": "takes one operand, not any number",
}


@pytest.fixture(scope="module")
def ours():
    return surface("ms_func")


@pytest.mark.parametrize("module", NAMES)
def test_names_are_there(module, ours):
    missing = [n for n in NAMES[module] if n not in ours[module]]
    assert len(missing) <= (1 - NEARLY.get(module, 1.0)) * len(NAMES[module]), missing


@pytest.mark.parametrize("module", NAMES)
def test_functions_are_called_the_same_way(module, ours):
    different = {
        name: found
        for name, theirs in NAMES[module].items()
        if name in ours[module] and (found := differences(theirs, ours[module][name]))
    }
    assert set(different) <= set(OTHERWISE), different


def test_a_difference_is_seen():
    theirs = [["x", "", False], ["axis", "", True], ["where", "k", True]]
    assert not differences(theirs, [*theirs, ["more", "k", True]])
    assert differences(theirs, theirs[:2]) == ["where is not taken by name"]
    assert differences(theirs, [["x", "", False], ["dim", "", True], ["where", "k", True]]) == [
        "position 1 is dim, not axis", "axis is not taken by name",
    ]  # fmt: skip
    assert differences(theirs, [*theirs, ["more", "k", False]]) == []
    assert differences(theirs[:1], theirs[:1] + [["y", "", False]]) == ["y is required"]
