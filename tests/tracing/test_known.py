"""Values that are known while `grad`, `vmap` and their like record a function."""

import numpy
import pytest

import ms_func as ms
import ms_func.numpy as np
from ms_func import lax
from ms_func.errors import (
    ConcretizationTypeError,
    TracerArrayConversionError,
    UnexpectedTracerError,
)

X = numpy.float32([1, 2, 3])


@ms.no_convert
def by_constants(x):
    """Asks values made of constants alone for numbers, in each way that Python has."""
    total = np.arange(4).sum()
    rows = np.ones((int(total), 2)) * 0.5
    if total > 5 and float(rows.sum()) == 6.0:
        x = x * len(range(total)) * numpy.asarray(rows)[0, 1]
    return x + rows[:, 0].sum().item() - np.arange(3).tolist()[2]


def expected(x):
    return x * 3 + 3 - 2


def test_constants_have_values_under_vmap():
    numpy.testing.assert_allclose(ms.vmap(by_constants)(X), expected(X))


@pytest.mark.parametrize(
    "derive",
    [
        lambda f: ms.grad(f)(2.0),
        lambda f: ms.jvp(f, (2.0,), (1.0,))[1],
        lambda f: ms.linearize(f, 2.0)[1](1.0),
        lambda f: ms.vmap(ms.grad(f))(X)[0],
        lambda f: ms.grad(lambda x: ms.vmap(f)(x * X).sum())(2.0) / 6,
    ],
)
def test_constants_have_values_under_derivatives(derive):
    numpy.testing.assert_allclose(derive(by_constants), 3.0)


@pytest.mark.parametrize("outer", [ms.jit, lambda f: lambda x: lax.scan(
    lambda c, e: (c, f(e)), 0, x)])  # fmt: skip
def test_programs_that_run_later_do_not_know_constants(outer):
    with pytest.raises(ConcretizationTypeError):
        outer(ms.vmap(by_constants))(X[None])


def test_values_that_differ_between_lanes_are_not_known():
    with pytest.raises(ConcretizationTypeError):
        ms.vmap(ms.no_convert(lambda x: int(x.astype("int32") + np.arange(3).sum())))(X)
    with pytest.raises(TracerArrayConversionError):
        ms.vmap(ms.no_convert(lambda x: numpy.asarray(x + np.ones(2))))(X)


def test_a_closed_over_array_is_read_when_it_is_asked_for():
    size = np.array(2)
    f = ms.no_convert(lambda x: x * numpy.asarray(size + 1))
    numpy.testing.assert_allclose(ms.vmap(f)(X), X * 3)
    size[...] = 5
    numpy.testing.assert_allclose(ms.vmap(f)(X), X * 6)


def test_what_has_no_derivative_is_a_number_within_a_gradient():
    def f(x):
        scale = float(lax.stop_gradient(x)) + numpy.asarray(x > 1).sum() + float(np.floor(x))
        return x * scale

    assert ms.grad(f)(2.5) == 2.5 + 1 + 2


def test_what_has_no_derivative_around_a_batch_is_known_within():
    def f(x):
        positive = x > 0
        return ms.vmap(ms.no_convert(lambda y: x * y if (positive & True).all() else y))(X).sum()

    assert ms.grad(f)(2.0) == 6.0
    assert ms.grad(f)(-2.0) == 0.0


def test_what_has_a_derivative_is_none():
    with pytest.raises(TracerArrayConversionError):
        ms.grad(ms.no_convert(lambda x: x * numpy.asarray(x)))(2.0)
    inner = ms.no_convert(lambda x: ms.grad(ms.no_convert(lambda y: y * numpy.asarray(x)))(1.0))
    with pytest.raises(TracerArrayConversionError):
        ms.grad(inner)(2.0)
    assert ms.grad(lambda x: ms.grad(lambda y: y * numpy.asarray(x))(1.0))(2.0) == 1.0


@ms.custom_jvp
def sine(x):
    return np.sin(x)


sine.defjvp(ms.no_convert(lambda primals, tangents: (
    sine(*primals), numpy.cos(numpy.asarray(primals[0])) * tangents[0])))  # fmt: skip


def test_a_custom_rule_may_ask_numpy_and_its_derivative_may_not():
    numpy.testing.assert_allclose(ms.grad(sine)(0.5), numpy.cos(0.5), rtol=1e-6)
    with pytest.raises(TracerArrayConversionError):
        ms.grad(ms.grad(sine))(0.5)


def test_values_of_constants_outlive_the_recording():
    kept = []

    @ms.no_convert
    def f(x):
        kept.append(np.arange(2) * 3)
        return x * kept[-1].sum()

    ms.vmap(f)(X)
    numpy.testing.assert_array_equal(kept[-1] + 1, [1, 4])
    numpy.testing.assert_array_equal(numpy.asarray(kept[-1]), [0, 3])
    assert ms.jit(lambda x: ms.vmap(f)(x) + kept[-1].sum())(X).tolist() == [6.0, 9.0, 12.0]
    assert ms.grad(lambda x: f(x) * kept[-1].sum())(1.0) == 9.0


def test_values_from_around_a_recording_outlive_it():
    kept = []

    @ms.no_convert
    def f(y):
        slope = ms.grad(lambda z: (kept.append(np.cos(y)), z * 2)[1])(y)
        return slope + kept[-1]

    numpy.testing.assert_allclose(ms.vmap(f)(X), 2 + numpy.cos(X), rtol=1e-6)
    with pytest.raises(UnexpectedTracerError):
        kept[-1] + 1


def test_values_of_arguments_do_not_outlive_it():
    kept = []
    ms.vmap(ms.no_convert(lambda x: (kept.append(x + 1), x)[1]))(X)
    ms.grad(ms.no_convert(lambda x: (kept.append(x + 1), x)[1]))(1.0)
    ms.jit(ms.no_convert(lambda x: (kept.append(np.ones(2) + 1), x)[1]))(1.0)
    for value in kept:
        with pytest.raises(UnexpectedTracerError):
            value * 2


def test_values_of_constants_are_ready_and_placed():
    seen = []

    @ms.no_convert
    def f(x):
        c = np.ones(2)
        seen.append((c.block_until_ready().shape, c.is_fully_addressable, hasattr(x, "committed")))
        return x

    ms.vmap(f)(X)
    assert seen == [((2,), True, False)]
