"""Operands that do not fit: named with both shapes, at the user's line, eager and traced alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy
import pytest

import ms_func as ms
import ms_func.numpy as np
from ms_func import lax
from tests.bad_input.refusal import refused

X = numpy.ones((2, 5), numpy.float32)
W = numpy.ones((3, 4), numpy.float32)


def as_is(f: Callable) -> Callable:
    return f


def differentiated(f: Callable) -> Callable:
    return ms.grad(lambda *args: np.sum(f(*args)))


def mapped(f: Callable) -> Callable:
    return lambda *args: ms.vmap(f)(*(numpy.stack([a, a]) for a in args))


HOW = pytest.mark.parametrize("how", [as_is, ms.jit, differentiated, mapped])


@HOW
def test_matmul(how) -> None:
    def f(x, w):
        return x @ w  # here

    with refused(TypeError, "5", "3"):
        how(f)(np.asarray(X) if how is as_is else X, np.asarray(W) if how is as_is else W)


@HOW
def test_addition(how) -> None:
    def f(x, w):
        return np.add(x, w)  # here

    with refused(TypeError, "(2, 5)", "(3, 4)"):
        how(f)(X, W)


@HOW
def test_dot_general(how) -> None:
    def f(x, w):
        return lax.dot_general(x, w, (((1,), (0,)), ((), ())))  # here

    with refused(TypeError, "5", "3"):
        how(f)(X, W)


@HOW
def test_reshape(how) -> None:
    def f(x, w):
        return np.reshape(x, (3, 3))  # here

    with refused(TypeError, "(3, 3)"):
        how(f)(X, W)


@HOW
def test_concatenate(how) -> None:
    def f(x, w):
        return np.concatenate([x, w])  # here

    with refused(TypeError, "5", "4"):
        how(f)(X, W)


@HOW
def test_where(how) -> None:
    def f(x, w):
        return np.where(x > 0, x, w)  # here

    with refused(TypeError, "(2, 5)", "(3, 4)"):
        how(f)(X, W)


@HOW
def test_axis_out_of_range(how) -> None:
    def f(x, w):
        return np.sum(x, axis=2)  # here

    with refused(ValueError, "axis 2", "dimension 2", named=False):
        how(f)(X, W)


@HOW
def test_convolution_channels(how) -> None:
    def f(x, w):
        image, kernel = x.reshape(1, 1, 2, 5), w.reshape(2, 2, 1, 3)
        return lax.conv_general_dilated(image, kernel, (1, 1), "SAME")  # here

    with refused((TypeError, ValueError), "2", "1"):
        how(f)(X, W)


def test_index_out_of_dimensions() -> None:
    with refused(IndexError, "2-dimensional", "3", named=False):
        np.asarray(X)[0, 0, 0]  # here


def test_wrong_dtype() -> None:
    with refused(TypeError, "float32", "fix:"):
        lax.bitwise_and(X, X)  # here


def test_mixed_dtypes_in_lax() -> None:
    with refused(TypeError, "float32, int32", "fix:"):
        lax.add(X, X.astype(numpy.int32))  # here
