"""Every function of the array library refuses what is no operand, axis, dtype or argument."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ms_func as ms
from tests.numpy.table import TABLE, Draw
from tests.support.numpy_oracle import reach

LINE = "test_arrays.py:"


def call_of(name: str) -> tuple[Callable[..., Any], list[Any], dict[str, Any]]:
    """A function and arguments it takes, with an array of elements as the first array."""
    entry = TABLE[name]
    dtype = "float32" if "float32" in entry.dtypes else entry.dtypes[-1]
    made: Any = ()
    for seed in range(20):
        made = entry.make(Draw(seed, dtype, False, entry.domain))
        found = made[0] if len(made) == 2 and isinstance(made[1], dict) else made
        if any(isinstance(a, np.ndarray) and a.ndim and a.size for a in found[:1]):
            break
    plain = len(made) == 2 and isinstance(made[1], dict)
    args, options = (list(made[0]), made[1]) if plain else (list(made), {})
    args = [getattr(ms.numpy, a.__name__) if callable(a) else a for a in args]
    if name in ("put", "place", "fill_diagonal", "put_along_axis"):
        options = {**options, "inplace": False}
    return reach(ms.numpy, name), args, options


def first_array(args: list[Any]) -> int | None:
    return next((i for i, a in enumerate(args) if isinstance(a, np.ndarray)), None)


WITH_ARRAYS = [n for n in TABLE if first_array(call_of(n)[1]) is not None]
ANY_VALUE = {"array_equal", "array_equiv", "broadcast_arrays"}
"""Functions that say False of, or pass on, whatever they are given."""


@pytest.mark.parametrize("name", [n for n in TABLE if n != "piecewise"])  # hands them on
def test_unknown_keywords(name):
    function, args, options = call_of(name)
    error = ValueError if name == "pad" else TypeError  # as in NumPy, they depend on the mode
    with pytest.raises(error, match=r"keyword argument.*no_such_thing"):
        function(*args, **options, no_such_thing=1)


WRONG = ("abc", None, np.array([object()]), np.array(["a"]), {"a": 1})


@pytest.mark.parametrize("name", [n for n in WITH_ARRAYS if n not in ANY_VALUE])
def test_what_is_no_array(name):
    function, args, options = call_of(name)
    place = first_array(args)
    for wrong in WRONG:
        args[place] = wrong
        with pytest.raises((TypeError, ValueError)):
            function(*args, **options)


def takes(name: str, parameter: str) -> bool:
    """Whether a function has a parameter that the call of the table does not give by position."""
    function, args, _ = call_of(name)
    places = list(inspect.signature(function).parameters)
    return parameter in places and places.index(parameter) >= len(args)


ALONG = [n for n in WITH_ARRAYS if takes(n, "axis") and n != "append"]  # looks at shapes first


@pytest.mark.parametrize("name", ALONG)
def test_axes_that_are_not_there(name):
    function, args, options = call_of(name)
    for axis in (99, -99):
        found = rf"(?s){LINE}.*axis {axis} is out of bounds"
        with pytest.raises(np.exceptions.AxisError, match=found):
            function(*args, **{**options, "axis": axis})


@pytest.mark.parametrize("name", ALONG)
def test_axes_that_are_no_integers(name):
    function, args, options = call_of(name)
    with pytest.raises(TypeError, match=r"1\.5"):
        function(*args, **{**options, "axis": 1.5})


@pytest.mark.parametrize("name", [n for n in TABLE if takes(n, "dtype")])
def test_dtypes_that_are_none(name):
    function, args, options = call_of(name)
    with pytest.raises(TypeError, match=rf"{LINE}.*data type 'no_such' not understood"):
        function(*args, **{**options, "dtype": "no_such"})


@pytest.mark.parametrize("name", [n for n in TABLE if takes(n, "out")])
def test_out_is_refused(name):
    function, args, options = call_of(name)
    with pytest.raises(NotImplementedError, match=r"out'? argument .* is not supported"):
        function(*args, **{**options, "out": np.zeros(3)})
