"""Names and attributes bound on some ways only: as in Python, with its error without a value."""

import types

import numpy as np
import pytest

import ms_func as ms
from ms_func.errors import StagingError

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


class Bag:
    pass


class Slotted:
    __slots__ = ("a", "b")


class Rest:
    def __getattr__(self, name):
        if name == "a":
            return 42.0
        raise AttributeError(name)


class Default:
    a = 3.0


@case((2.0,), (-2.0,))
def an_attribute(x):
    o = Bag()
    if x > 0:
        o.a = x * 2
    return o.a + 1


@case((2.0,), (-2.0,))
def a_slot(x):
    o = Slotted()
    if x > 0:
        o.a = x * 2
    return o.a + hasattr(o, "a")


@case((2.0,), (-2.0,))
def an_attribute_that_is_asked_for(x):
    o, p = Bag(), Slotted()
    if x > 0:
        o.a = p.b = x * 2
    s = o.a if hasattr(o, "a") else 7.0
    return s + getattr(o, "a", 5.0) * getattr(p, "b", x)


@case((2.0,), (-2.0,))
def an_attribute_that_the_class_has_otherwise(x):
    o, p = Rest(), Default()
    if x > 0:
        o.a = p.a = x
    return o.a + 10 * p.a + Default.a


@case((2.0, 3), (2.0, 0))
def an_attribute_of_the_last_step(x, n):
    o = Bag()
    for i in range(n):
        o.last = x * i
    return o.last


@case((2.0,), (-2.0,))
def an_attribute_taken_away(x):
    o = Bag()
    o.a = x
    if x > 0:
        del o.a
    del o.a
    return x


@case((2.0,), (-2.0,))
def an_attribute_that_is_caught(x):
    o = Bag()
    if x > 0:
        o.a = x
    try:
        return o.a * 2
    except AttributeError:
        return x - 1


@case((2.0,), (-2.0,))
def a_variable_of_an_inner_function(x):
    def g():
        return y * 2

    if x > 0:
        y = x
    return g()


@case((2.0,), (-2.0,))
def a_variable_of_a_method_and_a_lambda(x):
    class A:
        def get(self):
            return k + 1

    f = lambda: k * 2  # noqa: E731
    if x > 0:
        k = x
    try:
        return A().get() + f()
    except NameError:
        return x * 5


@case((2.0,), (-2.0,))
def a_variable_that_is_taken_away(x):
    y = x

    def g():
        return y

    if x > 0:
        del y
    return g()


@pytest.mark.parametrize(("f", "args"), CASES)
def test_as_in_python(f, args):
    args = [np.float32(a) if isinstance(a, float) else np.int32(a) for a in args]
    try:
        expected = f(*args)
    except (NameError, AttributeError) as error:
        text = str(error) if isinstance(error, NameError) else "attribute"
        lanes = ms.vmap(f, (0,) + (None,) * (len(args) - 1))
        for call, x in ((ms.jit(f), args[0]), (ms.jit(lanes), args[0][None])):
            with pytest.raises(type(error)) as found:
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


@certain((2.0,), (-2.0,))
def attributes_of_objects_that_a_branch_makes(x):
    if x > 0:
        o = Bag()
        o.a = x
    else:
        o = Bag()
        o.a = x * 3
        o.b = 1.0
    return o.a


@certain((2.0,), (-2.0,))
def variables_of_functions_made_in_a_branch(x):
    if x > 0:
        g = lambda v: v * x  # noqa: E731
    else:
        z = x + 1
        g = lambda v: v + z  # noqa: E731
    return g(x)


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


def test_an_object_whose_class_cannot_be_changed_is_refused_where_it_is_read():
    def f(x):
        o = types.SimpleNamespace()
        if x > 0:
            o.a = x
        return o.a + 1 if asks else getattr(o, "a", 5.0) + hasattr(o, "a")

    asks = False
    assert [float(ms.jit(f)(x)) for x in (2.0, -2.0)] == [3, 5]
    asks = True
    with pytest.raises(StagingError, match="MS170 data decide whether this attribute is there"):
        ms.jit(f)(2.0)


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
