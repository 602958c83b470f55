"""Objects that hold objects of their kind: compiled once, batched and derived."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from tests.source.linked_functions import CASES, Link
from tests.source.test_programs import by_name

SMOOTH = [f for f in CASES if np.asarray(f.points[0][0]).dtype.kind == "f"]


def some(cases: Any, *fast: str) -> list[Any]:
    """All cases, a few of them in the fast suite."""
    return [f if f.__name__ in fast else pytest.param(f, marks=pytest.mark.slow) for f in cases]


def close(got: Any, wanted: Any) -> None:
    for a, b in zip(ms.tree.leaves(got), ms.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(np.asarray(a, np.float64), b, rtol=1e-5)


@by_name(some(CASES, "a_tree_by_loops", "the_last_of_a_circle", "operators_of_links",
              "protocols_of_links", "links_as_keys", "copies_of_links",
              "links_under_conditions", "a_tree_of_known_size",
              "particles_that_collide", "links_in_a_class_with_a_list"))  # fmt: skip
def test_value_under_jit_is_that_of_python(f):
    jitted = ms.jit(f)
    for args in f.points:
        close(jitted(*args), f(*args))
    assert jitted._cache_size() == 1


@by_name(some(CASES, "a_queue"))
def test_lanes_are_calls(f):
    stacked = ms.tree.map(lambda *xs: np.stack(xs), *f.points)
    got = ms.vmap(f)(*stacked)
    for k, args in enumerate(f.points):
        close(ms.tree.map(lambda x, k=k: x[k], got), f(*args))


@by_name(some(SMOOTH, "a_list_of_any_length"))
def test_derivative_is_the_slope(f):
    slope = ms.jit(ms.grad(lambda *args: sum(x * 1.0 for x in ms.tree.leaves(f(*args)))))
    for x, *rest in f.points:
        plain = lambda v, rest=rest: float(sum(ms.tree.leaves(f(v, *rest))))  # noqa: E731
        x, h = np.asarray(x, np.float64), 1e-6
        steps = h * np.eye(x.size).reshape(x.size, *x.shape)
        want = [(plain((x + d)[()]) - plain((x - d)[()])) / (2 * h) for d in steps]
        np.testing.assert_allclose(slope(x, *rest), np.reshape(want, x.shape), atol=1e-4)


def test_what_none_does_not_have():
    def f(n):
        head = None
        for i in range(n):
            head = Link(i, head)
        return head.value

    assert ms.jit(f)(3) == 2
    with pytest.raises(AttributeError, match="'NoneType' object has no attribute 'value'"):
        ms.jit(f)(0)


def test_more_objects_than_there_is_room_for():
    def f(n):
        head = None
        for i in range(n):
            head = Link(i, head)
        return 0 if head is None else head.value

    with ms.config.list_capacity(8):
        assert ms.jit(f)(8) == 7
        with pytest.raises(MemoryError, match="more than 8 objects of `Link`"):
            ms.jit(f)(9)


def test_where_pools_do_not_help_the_first_error_stays():
    def f(n):
        head = None
        for i in range(n):
            head = Link([i], head)
        return mnp.zeros(3)

    with pytest.raises(ms.errors.StagingError, match="MS101"):
        ms.jit(f)(3)
