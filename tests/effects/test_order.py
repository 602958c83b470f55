"""Law 18: printed lines are those of a run without compilation, in order, under every transform."""

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import debug, lax
from ms_func.experimental.jet import jet
from ms_func.primitives.effects import traced_print

show = debug.print


def straight(x):
    show("a {}", x)
    y = mnp.sin(x)
    show("b {} {y:.3f}", x, y=y)
    return y * x


def branches(x):
    show("before {}", x)
    y = lax.cond(
        x > 0,
        lambda x: (show("positive {}", x), 2 * x)[1],
        lambda x: (show("negative {}", x), -x)[1],
        x,
    )
    show("after {}", y)
    return y


def switched(x):
    def branch(i):
        return lambda x: (show("branch {} {}", i, x), x * (i + 1))[1]

    i = lax.convert_element_type(abs(x), np.int32)
    return lax.switch(i, [branch(0), branch(1), branch(2)], x)


def loop(x):
    def body(c):
        show("loop {}", c)
        return c * 2

    return lax.while_loop(lambda c: c < 10, body, abs(x) + 1)


def talking_test(x):
    def test(c):
        show("test {}", c)
        return c < 8

    def body(c):
        show("body {}", c)
        return c + 3

    return lax.while_loop(test, body, abs(x))


def scanned(x):
    def step(c, i):
        show("step {} {}", i, c)
        return mnp.sin(c) + i, c

    c, ys = lax.scan(step, x, mnp.arange(3.0))
    show("sum {}", ys.sum())
    return c


def counted(x):
    return lax.fori_loop(0, 3, lambda i, c: (show("{} {}", i, c), c * 2)[1], x)


def nested(x):
    def step(c, i):
        c = lax.cond(c > 1, lambda c: (show("big {}", c), c / 2)[1], lambda c: c + 1, c)
        return c, lax.while_loop(lambda k: k < i, lambda k: (show("k {}", k), k + 1)[1], 0.0)

    return lax.scan(step, x, mnp.arange(3.0))[0]


def jitted(x):
    inner = ms.jit(lambda y: (show("inner {}", y), y * y)[1])
    return inner(x) + inner(x)


def rematerialised(x):
    return ms.checkpoint(lambda x: nested(mnp.sin(straight(x))))(x)


def constant(x):
    show("nothing but text")
    return x * 1.0


FUNCTIONS = [
    straight, branches, switched, loop, talking_test, scanned, counted, nested, jitted,
    rematerialised, constant,
]  # fmt: skip
POINTS = [0.5, -1.75, 2.5]


def lines_of(capsys, run):
    capsys.readouterr()
    run()
    return capsys.readouterr().out.splitlines()


def eager(capsys, f, x):
    """The lines of a run in which every loop and branch is Python's own."""

    def run():
        with ms.disable_jit():
            f(mnp.asarray(x, np.float32))

    return lines_of(capsys, run)


@pytest.mark.parametrize("f", FUNCTIONS)
@pytest.mark.parametrize("x", POINTS)
def test_lines_of_a_compiled_run(capsys, f, x):
    want = eager(capsys, f, x)
    assert want
    value = np.float32(x)
    assert lines_of(capsys, lambda: f(mnp.asarray(value))) == want
    compiled = ms.jit(f)
    assert lines_of(capsys, lambda: compiled(value)) == want
    assert lines_of(capsys, lambda: compiled(value)) == want  # and again, from the cache
    assert lines_of(capsys, lambda: ms.jit(ms.jit(f))(value)) == want


@pytest.mark.parametrize("f", FUNCTIONS)
@pytest.mark.parametrize("x", POINTS)
def test_derivatives_print_what_the_function_prints(capsys, f, x):
    want = eager(capsys, f, x)
    x = np.float32(x)
    for run in (
        lambda: ms.grad(f)(x),
        lambda: ms.jit(ms.grad(f))(x),
        lambda: ms.grad(ms.jit(f))(x),
        lambda: ms.value_and_grad(ms.checkpoint(f))(x),
        lambda: ms.jvp(f, (x,), (x,)),
        lambda: ms.grad(ms.grad(f))(x),
        lambda: ms.jvp(ms.grad(f), (x,), (x,)),
    ):
        assert lines_of(capsys, run) == want


@pytest.mark.parametrize("f", FUNCTIONS)
def test_taylor_series_and_jacobians(capsys, f):
    want = eager(capsys, f, 0.5)
    x = np.float32(0.5)
    assert lines_of(capsys, lambda: jet(f, (x,), ((x, x),))) == want
    assert lines_of(capsys, lambda: ms.jacfwd(f)(x)) == want
    assert lines_of(capsys, lambda: ms.jacrev(f)(x)) == want
    assert lines_of(capsys, lambda: ms.hessian(f)(x)) == want
    assert lines_of(capsys, lambda: ms.hvp(f, (x,), (x,))) == want


def test_what_was_linearised_prints_once(capsys):
    assert len(lines_of(capsys, lambda: ms.linearize(scanned, 1.0))) == 4
    value, push = ms.linearize(scanned, 1.0)
    _, pull = ms.vjp(scanned, 1.0)
    assert lines_of(capsys, lambda: (push(1.0), push(2.0), pull(1.0), pull(value))) == []


def _inside(lines):
    return [w for w in lines if not w.startswith(("before", "after"))]


@pytest.mark.parametrize("f", [branches, switched, loop, talking_test])
def test_lanes_that_do_not_take_part_print_nothing(capsys, f):
    """Where the predicate is batched lanes come one after the other."""
    xs = np.array(POINTS, np.float32)
    want = [w for x in xs for w in eager(capsys, f, x)]
    found = lines_of(capsys, lambda: ms.vmap(f)(xs))
    assert _inside(found) == _inside(want)
    assert lines_of(capsys, lambda: ms.vmap(ms.grad(f))(xs)) == found
    assert lines_of(capsys, lambda: ms.grad(lambda x: ms.vmap(f)(x).sum())(xs)) == found


@pytest.mark.parametrize("f", [straight, scanned, counted, constant])
def test_each_statement_prints_its_lanes_in_order(capsys, f):
    xs = np.array(POINTS, np.float32)
    columns = zip(*(eager(capsys, f, x) for x in xs), strict=True)
    want = [line for column in columns for line in column]
    assert lines_of(capsys, lambda: ms.vmap(f)(xs)) == want
    assert lines_of(capsys, lambda: ms.jit(ms.vmap(f))(xs)) == want
    assert lines_of(capsys, lambda: ms.vmap(ms.jit(f))(xs)) == want
    assert lines_of(capsys, lambda: ms.vmap(ms.vmap(f))(xs[None])) == want


def test_nested_lanes(capsys):
    def f(x, y):
        show("{} {}", x, y)
        return x + y

    xs, ys = np.arange(2), np.arange(3)
    want = [f"{x} {y}" for x in xs for y in ys]
    both = ms.vmap(ms.vmap(f, in_axes=(None, 0)), in_axes=(0, None))
    assert lines_of(capsys, lambda: both(xs, ys)) == want
    both = ms.vmap(ms.vmap(f, in_axes=(0, None)), in_axes=(None, 0))
    assert lines_of(capsys, lambda: both(xs, ys)) == [f"{x} {y}" for y in ys for x in xs]
    rows = np.arange(6).reshape(3, 2)
    by_column = ms.vmap(lambda c: (show("{}", c), c)[1], in_axes=1)
    assert lines_of(capsys, lambda: by_column(rows)) == ["[0 2 4]", "[1 3 5]"]


def test_no_lanes_print_nothing(capsys):
    assert lines_of(capsys, lambda: ms.vmap(branches)(np.zeros(0, np.float32))) == []
    assert lines_of(capsys, lambda: ms.vmap(constant)(np.zeros(0, np.float32))) == []


def test_results_nobody_uses_and_equal_lines_stay(capsys):
    def f(x):
        show("same {}", x)
        show("same {}", x)
        lax.scan(lambda c, _: (c, show("in a loop")), x, length=2)
        return 0.0

    want = ["same 1.0", "same 1.0", "in a loop", "in a loop"]
    assert lines_of(capsys, lambda: ms.jit(f)(1.0)) == want
    assert lines_of(capsys, lambda: ms.grad(f)(1.0)) == want


def test_print_is_the_builtin_with_values_at_run_time(capsys):
    def f(x):
        traced_print("x", x, [x, {"k": x + 1}], 3, None, sep="|", end="!\n")
        return x

    x = mnp.float32(2)
    want = lines_of(capsys, lambda: print("x", x, [x, {"k": x + 1}], 3, None, sep="|", end="!\n"))
    assert lines_of(capsys, lambda: ms.jit(f)(x)) == want
    assert lines_of(capsys, lambda: f(x)) == want


def test_formats(capsys):
    def f(x, n):
        show("{n:03d} {x:.1f} {0} {1!r} {{}}", x[1], "text", n=n, x=x[0])

    args = np.array([1.25, 2.5], np.float32), np.int32(7)
    assert lines_of(capsys, lambda: ms.jit(f)(*args)) == ["007 1.2 2.5 'text' {}"]
    with pytest.raises(ValueError, match="Unused positional arguments"):
        ms.jit(lambda x: show(f"{x}", x))(1.0)
    with pytest.raises(IndexError):
        show("{} {}", 1.0)
    with pytest.raises(KeyError):
        show("{a}", b=1.0)


def test_logging_and_fixed_options(capsys, caplog):
    with caplog.at_level("INFO", logger="ms_func.debug"):
        ms.jit(lambda x: debug.log("x = {}", x))(2)
    assert [r.getMessage() for r in caplog.records if r.name == "ms_func.debug"] == ["x = 2"]
    say = debug.print(ordered=True)
    assert lines_of(capsys, lambda: ms.jit(lambda x: say("{}", x))(2)) == ["2"]
    seen = []
    ms.jit(lambda x: debug.callback(ordered=True)(seen.append, x))(2)
    assert seen == [2]


def test_printing_a_tangent(capsys):
    @ms.custom_jvp
    def f(x):
        return x * x

    @f.defjvp
    def _(primals, tangents):
        show("tangent {}", tangents[0])
        return f(*primals), 2 * primals[0] * tangents[0]

    assert lines_of(capsys, lambda: ms.jvp(f, (3.0,), (5.0,))) == ["tangent 5.0"]
    with pytest.raises(NotImplementedError, match="cannot be transposed"):
        ms.grad(f)(3.0)
