"""The names and signatures that people know are there: the recorded ones of JAX 0.10.

`python -m tests.surface --peer PYTHON` compares with an installed one and prints the rest.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.surface.surface import differences, surface

NAMES = json.loads((Path(__file__).parent / "names.json").read_text())
SHARE = {
    "numpy": 1.0, "numpy.linalg": 1.0, "numpy.fft": 1.0, "lax": 0.8, "nn": 0.9,
    "nn.initializers": 1.0, "random": 0.9, "scipy.special": 1.0, "scipy.linalg": 1.0,
    "scipy.optimize": 1.0, "image": 1.0,
}  # fmt: skip
"""Least share of the names of a module that must be there."""
CALLED = [
    "numpy", "numpy.linalg", "numpy.fft", "lax", "scipy.linalg", "scipy.optimize", "image",
]  # fmt: skip
OTHERWISE = {
    "clip": "the array is not optional",
    "negative": "takes one operand, not any number",
}


@pytest.fixture(scope="module")
def ours():
    return surface("ms_func")


@pytest.mark.parametrize("module", SHARE)
def test_names_are_there(module, ours):
    missing = [n for n in NAMES[module] if n not in ours[module]]
    assert len(missing) <= (1 - SHARE[module]) * len(NAMES[module]), missing


@pytest.mark.parametrize("module", CALLED)
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
