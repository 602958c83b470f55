"""`debug_nans` and `debug_infs`: the line that a NaN or an infinity comes from."""

import inspect
import threading
from functools import partial

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import debug, lax


def line_of(f, text):
    lines, start = inspect.getsourcelines(f)
    (found,) = (i for i, line in enumerate(lines) if text in line)
    return start + found


def straight(x):
    y = mnp.sin(x) * 2
    z = mnp.log(y)
    return z + 1


def branch(x):
    def negative(x):
        return mnp.log(x)

    return lax.cond(x < 0, negative, lambda x: x, x)


def steps(x):
    def step(c, _):
        return mnp.log(c), c

    return lax.scan(step, x + 4, None, length=6)[0]


def loop(x):
    def body(c):
        return c[0] + 1, mnp.log(c[1])

    return lax.while_loop(lambda c: c[0] < 6, body, (0, x + 4))[1]


def inside(x):
    inner = ms.jit(lambda x: mnp.log(x))
    return inner(x) * 0


@pytest.mark.parametrize("f", [straight, branch, steps, loop, inside])
@pytest.mark.parametrize("way", [ms.jit, lambda f: ms.jit(ms.value_and_grad(f))])
def test_names_the_operation_and_the_line(f, way):
    run = way(f)
    run(np.float32(-1.0))  # not asked for
    with ms.debug_nans(True):
        with pytest.raises(FloatingPointError, match=r"invalid value \(nan\) .* log") as caught:
            run(np.float32(-1.0))
        assert caught.value.loc.line == line_of(f, "mnp.log")
        assert caught.value.loc.file == __file__
    run(np.float32(-1.0))


def square_root(x):
    y = mnp.sqrt(x)
    return y * y.astype(np.float32)


def root_in_scan(x):
    def step(c, _):
        return mnp.sqrt(c) * c, None

    return lax.scan(step, x, None, length=2)[0] * 0


@pytest.mark.parametrize("f", [square_root, root_in_scan])
def test_in_the_backward_pass(f):
    """The value is finite and its derivative is not: 0 times infinity at sqrt."""
    with ms.debug_nans(True):
        assert float(f(np.float32(0))) == 0.0
        for run in (ms.grad(f), ms.jit(ms.grad(f))):
            with pytest.raises(FloatingPointError) as caught:
                run(np.float32(0))
            assert caught.value.loc.line == line_of(f, "mnp.sqrt")


def test_single_operations():
    x = mnp.float32(-1)
    with ms.debug_nans(True), pytest.raises(FloatingPointError, match="encountered in log"):
        mnp.log(x)
    with ms.debug_infs(True):
        with pytest.raises(FloatingPointError, match=r"\(inf\) encountered in exp"):
            mnp.exp(mnp.float32(1000))
        assert np.isnan(mnp.log(x))
    assert np.isinf(mnp.exp(mnp.float32(1000)))


def test_what_no_result_depends_on_is_no_matter():
    with ms.debug_nans(True):
        f = ms.jit(lambda x: mnp.where(x > 0, mnp.log(x), 0.0))
        assert float(f(np.float32(-1))) == 0.0


def test_effects_do_not_happen_again(capsys):
    def f(x):
        debug.print("once")
        return mnp.log(x)

    with ms.debug_nans(True), pytest.raises(FloatingPointError, match="log"):
        ms.jit(f)(-1.0)
    assert capsys.readouterr().out == "once\n"


def test_donated_operands():
    f = ms.jit(lambda x: mnp.log(x), donate_argnums=0)
    with ms.debug_nans(True), pytest.raises(FloatingPointError, match="log"):
        f(mnp.asarray([-1.0], np.float32))


def test_other_threads_are_left_alone():
    found = []

    def work():
        found.append(float(ms.jit(lambda x: mnp.log(x))(np.float32(-1))))

    with ms.debug_nans(True):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert np.isnan(found).all()
    assert len(found) == 1


def test_without_compilation_values_are_concrete():
    @partial(ms.jit, convert=False)
    def f(x):
        return lax.fori_loop(0, 3, lambda i, c: c + int(i) * float(x), 0.0)

    with pytest.raises(TypeError):
        f(2.0)
    with ms.disable_jit():
        assert float(f(2.0)) == 6.0
        with ms.disable_jit(disable=False), pytest.raises(TypeError):
            f(2.0)
