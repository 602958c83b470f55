"""Names that are bound on some ways only: as in Python, with its error where there is no value."""

import numpy as np
import pytest

import ms_func as ms

CASES = []
CERTAIN = []


def case(*args):
    def add(f):
        CASES.extend(pytest.param(f, a, id=f"{f.__name__}{a}") for a in args)
        return f

    return add


def certain(*args):
    def add(f):
        CERTAIN.append(pytest.param(f, args, id=f.__name__))
        return f

    return add


@case((2.0,), (-2.0,))
def one_side(x):
    if x > 0:
        y = x * 2
    return y + 1


@case((2.0, 3), (2.0, 0))
def any_number_of_steps(x, n):
    for i in range(n):
        y = x * i
    return y


@case((3.0,), (-1.0,))
def in_a_step_of_many(x):
    for i in range(60):
        if x > i:
            y = i * x
    return y


@case((2.0, 3), (2.0, 1), (2.0, 0))
def read_in_the_next_step(x, n):
    i = 0
    while i < n:
        if i > 0:
            z = y + x  # noqa: F821
        y = x * i
        i += 1
    return z + y


@case((2.0, 4), (9.0, 1), (9.0, 8), (2.0, 0))
def steps_cut_short(x, n):
    t = 0.0
    for i in range(n):
        if x > i:
            if x > 3 + i:
                continue
            y = x * i
        else:
            y = 2.0
        t = t + y * y
    return t + y


@case((2.0,), (-2.0,))
def caught(x):
    try:
        if x > 0:
            y = x
        return y * 2
    except UnboundLocalError:
        return -x


@case((2.0,), (-2.0,))
def deleted(x):
    y = x
    if x > 0:
        del y
        y = x + 1
    else:
        del y
    if x > -5:
        return y
    return x


@case((2.0,), (-2.0,), (-7.0,))
def a_list(x):
    if x > 0:
        y = [x, 2.0]
    elif x > -5:
        y = [x, 3.0]
    y.append(x)
    return sum(y)


@case((2.0,), (-2.0,))
def augmented(x):
    if x > 0:
        y = x
    y += 1
    return y * y


@pytest.mark.parametrize(("f", "args"), CASES)
def test_as_in_python(f, args):
    args = [np.float32(a) if isinstance(a, float) else np.int32(a) for a in args]
    try:
        expected = f(*args)
    except UnboundLocalError as error:
        text = str(error)
        lanes = ms.vmap(f, (0,) + (None,) * (len(args) - 1))
        for call, x in ((ms.jit(f), args[0]), (ms.jit(lanes), args[0][None])):
            with pytest.raises(UnboundLocalError) as found:
                call(x, *args[1:])
            assert text in str(found.value)
        return
    np.testing.assert_allclose(ms.jit(f)(*args), expected, rtol=1e-6)


@certain((2.0, 3), (2.0, 0), (9.0, 2))
def a_loop_with_else(x, n):
    for i in range(n):
        if x > 3:
            r = i
            break
        x = x * 2
    else:
        r = -1
    return r + r


@certain((2.0,), (9.0,))
def left_by_break_alone(x):
    while True:
        if x > 5:
            y = 1.0
            break
        x = x + 1
    return y


@certain((1.0,), (0.01,))
def a_step_is_certain(x):
    for i in range(50):
        y = x * i
        if y > 10:
            break
    return y


@certain((1.0,))
def rolled(x):
    for i in range(50):
        y = x * i
    return y


@certain((1.0,), (5.0,), (-1.0,))
def the_other_way_returns(x):
    if x > 0:
        if x > 3:
            return x
        y = x + 1
    else:
        y = 2.0
    z = y * y
    return y + z


@certain((1.0,), (-1.0,))
def handled(x):
    try:
        if x > 0:
            raise ValueError
        y = x
    except ValueError:
        y = x * 3
    return y


@certain((1.0,), (5.0,))
def before_finally(x):
    try:
        if x > 3:
            return x
        y = x
    finally:
        z = x * 2
    return y + z


@certain((2.0,), (-2.0,))
def under_the_same_condition(x):
    up = x > 0
    if up:
        y = x * 3
    return y if up else x


@pytest.mark.parametrize(("f", "args"), CERTAIN)
def test_what_is_bound_for_certain_is_not_checked(f, args):
    for given in args:
        given = [np.float32(a) if isinstance(a, float) else np.int32(a) for a in given]
        np.testing.assert_allclose(ms.jit(f)(*given), f(*given), rtol=1e-6)
        assert not ms.make_jaxpr(f)(*given).effects


def test_one_check_for_a_name_that_is_read_again():
    def f(x):
        if x > 0:
            y = x
        return y + y * y, y

    program = ms.make_jaxpr(f)(1.0)
    assert [e.primitive.name for e in program.eqns].count("check") == 1


def test_slopes_and_lanes():
    def f(x, n):
        for i in range(n):
            if x > i:
                y = x * x * i
        return y

    assert ms.grad(f)(2.5, 4) == 2 * 2.5 * 2
    assert ms.grad(ms.grad(f))(2.5, 4) == 4
    lanes = ms.vmap(ms.grad(f), (0, None))(np.float32([0.5, 1.5, 2.5]), 4)
    np.testing.assert_allclose(lanes, [0, 3, 10])
