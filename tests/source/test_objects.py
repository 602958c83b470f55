"""Objects, containers, text and None that data choose and change are what they are in Python."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import ms_func as ms
from ms_func.errors import StagingError
from ms_func.ir.evaluate import evaluate
from tests.source import iterator_functions, list_functions, recursive_functions
from tests.source.object_functions import CASES
from tests.source.test_programs import by_name, close

NEW = [*list_functions.CASES, *recursive_functions.CASES, *iterator_functions.CASES]
POINTS = [(x, n) for x in (-1.31, 0.43, 2.72) for n in (0, 1, 4)]


@by_name([*CASES, *NEW])
def test_value_is_that_of_python(f):
    program = ms.make_ir(f)(np.float32(0), np.int32(0))
    if len(program.params) == 2 and not program.effects:
        got = [evaluate(program, np.float32(x), np.int32(n))[-1] for x, n in POINTS]
        if len(program.results) == 1:
            close(got, [f(x, n) for x, n in POINTS])
            return
    jitted = ms.jit(f)  # constants, checks, or a result that is one of several
    close([jitted(x, n) for x, n in POINTS], [f(x, n) for x, n in POINTS])


@by_name(iterator_functions.CASES)
def test_converted_function_is_the_same_on_plain_numbers(f):
    converted = ms.convert(f)
    assert [converted(x, n) for x, n in POINTS] == [f(x, n) for x, n in POINTS]


@by_name([*CASES[::8], *NEW[::8]])
def test_lanes_are_calls(f):
    xs, ns = np.float32([x for x, _ in POINTS]), np.int32([n for _, n in POINTS])
    close(ms.vmap(f)(xs, ns), [f(x, n) for x, n in POINTS])


@pytest.mark.slow
@by_name([*CASES, *NEW])
def test_derivative_of_lanes_is_the_slope(f):
    xs, ns = np.float32([x for x, _ in POINTS]), np.int32([n for _, n in POINTS])
    h = 1e-2
    around = [[float(f(x + d, n)) for x, n in POINTS] for d in (-h, 0, h)]
    want = (np.array(around[2]) - np.array(around[0])) / (2 * h)
    got = np.asarray(ms.jit(ms.vmap(ms.grad(f)))(xs, ns))
    np.testing.assert_allclose(got, want, rtol=1e-2, atol=1e-2)


def test_what_may_be_none_has_the_derivative_of_the_number_that_it_is():
    def f(x):
        for i in range(3):
            if x < i:
                return x * x * i
        return None

    assert float(ms.jit(ms.grad(f))(np.float32(1.5))) == 6.0
    assert np.asarray(ms.vmap(ms.grad(f))(np.float32([1.5, 0.25]))).tolist() == [6.0, 0.5]
    value, slope = ms.jit(ms.value_and_grad(f))(np.float32(0.5))
    assert (float(value), float(slope)) == (0.25, 1.0)
    with pytest.raises(TypeError, match="`f` returned None"):
        ms.jit(ms.grad(f))(np.float32(2))


def test_what_a_function_returns_may_be_none_or_text():
    def f(x):
        if x > 1:
            return "large"
        return x * 2 if x > 0 else None

    jitted = ms.jit(f)
    assert jitted(2.0) == "large"
    assert float(jitted(0.5)) == 1.0
    assert jitted(-1.0) is None
    with pytest.raises(StagingError, match="one lane gives one of"):
        ms.vmap(f)(np.float32([2.0, 0.5]))


def test_what_python_refuses_of_one_of_several_is_an_error_at_run_time():
    jitted = ms.jit(lambda x: (x if x > 0 else None) + 1)
    assert float(jitted(1.0)) == 2.0
    with pytest.raises(TypeError, match="unsupported operand"):
        jitted(-1.0)


@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda n: [1.0, 2.0, 3.0][n], IndexError),
        (lambda n: {0: 1.0, 2: 5.0}[n], KeyError),
        (lambda n: (abs, float)[n](n), IndexError),
    ],
)
def test_places_that_are_not_there(f, error):
    jitted = ms.jit(f)
    assert float(jitted(0)) == f(0)
    with pytest.raises(error):
        jitted(5)


class Current:
    """What is current is put back at the end of a `with`."""

    value = None

    def __enter__(self):
        self.old, Current.value = Current.value, self

    def __exit__(self, *raised):
        Current.value = self.old
        return raised[0] is not None and issubclass(raised[0], StopIteration)


def test_a_manager_that_catches_what_data_raise_leaves_nothing_traced_behind():
    def f(x):
        y = x
        with Current():
            if y > 2:
                y = y - 1
                raise StopIteration
            y += 10
        return y

    assert [float(ms.jit(f)(x)) for x in (3.0, 1.0)] == [f(3.0), f(1.0)]
    assert Current.value is None


def test_traced_values_are_instances_of_what_they_are_in_python():
    def f(x, kind):
        return 1 if isinstance(x, kind) else 0

    for x in (2.0, np.float64(2.0), np.float32(2.0), np.ones(3), np.ones((2, 2), np.int32)):
        for kind in (float, np.ndarray, (str, np.ndarray), float | np.ndarray):
            assert ms.jit(f, static_argnums=1)(x, kind) == f(x, kind)


def test_single_dispatch_goes_by_the_class_that_a_value_has_in_python():
    @functools.singledispatch
    def kind(x):
        return 0

    for number, c in enumerate((float, np.ndarray, list), 1):
        kind.register(c, lambda x, number=number: number)
    f = lambda x: kind(x)  # noqa: E731
    for x in (2.0, np.float64(2.0), np.float32(2.0), np.ones(3), [1.0, 2.0]):
        assert int(ms.jit(f)(x)) == f(x)
