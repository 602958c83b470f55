"""Recursion that Python knows, as deep as Python lets it be."""

import sys

import numpy as np
import pytest

import ms_func as ms


def halves(x, depth):
    if depth == 0:
        return x
    y = x * 0.5 if x > depth else x + 1
    return halves(y, depth - 1)


def total(tree):
    if isinstance(tree, tuple):
        found = 0.0
        for part in tree:
            found = found + total(part)
        return found
    return tree if tree > 0 else -tree


def test_a_recursion_with_choices_on_data():
    x = np.float32(3)
    assert ms.jit(halves, static_argnums=1)(x, 150) == halves(x, 150)


def test_a_recursion_through_a_loop():
    def f(x):
        tree = x
        for _ in range(130):
            tree = (tree, x)
        return total(tree)

    assert ms.jit(f)(np.float32(-2)) == 2 * 131


def test_the_limit_is_what_it_was():
    limit = sys.getrecursionlimit()

    def endless(x):
        return endless(x + 1) * 2

    with pytest.raises(RecursionError):
        ms.jit(endless)(1.0)
    assert sys.getrecursionlimit() == limit
