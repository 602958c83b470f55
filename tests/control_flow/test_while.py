"""while_loop and fori_loop against Python loops."""

import numpy as np
import pytest

import ms_func as ms
from ms_func.control_flow.while_loop import fori_loop, while_loop
from ms_func.ir.evaluate import Reference
from tests.support.operations import lax
from tests.support.staged import names, program, total


def grow(x, w, stop):
    """A loop with a count, a value, and constants in test and body."""
    return while_loop(lambda c: c[0] < stop, lambda c: (c[0] + 1, lax.sin(c[1] * w) + c[1]), (0, x))


def python(x, w, stop):
    n = 0
    while n < stop:
        n, x = n + 1, np.sin(x * w) + x
    return n, x


@pytest.mark.parametrize("stop", [0, 1, 7])
def test_values_and_forward_derivatives_are_those_of_the_loop(stop):
    x, w = np.float64(0.4), np.float64(1.3)
    for run in (grow, ms.jit(grow)):
        n, y = run(x, w, stop)
        assert int(n) == stop
        np.testing.assert_allclose(y, python(x, w, stop)[1])
    value = lambda x, w: grow(x, w, stop)[1]  # noqa: E731
    h = 1e-6
    for way in ((1.0, 0.0), (0.3, -2.0)):
        dx, dw = (np.float64(v) for v in way)
        slope = (python(x + h * dx, w + h * dw, stop)[1]
                 - python(x - h * dx, w - h * dw, stop)[1]) / (2 * h)  # fmt: skip
        np.testing.assert_allclose(ms.jvp(value, (x, w), (dx, dw))[1], slope, rtol=1e-7)
        y, f_jvp = ms.linearize(value, x, w)
        np.testing.assert_allclose(y, value(x, w))
        np.testing.assert_allclose(f_jvp(dx, dw), slope, rtol=1e-7)
    h = 1e-4
    curve = (python(x + h, w, stop)[1] - 2 * python(x, w, stop)[1]
             + python(x - h, w, stop)[1]) / h**2  # fmt: skip
    twice = ms.jacfwd(ms.jacfwd(lambda x: value(x, w)))(x)
    np.testing.assert_allclose(twice, curve, rtol=1e-5, atol=1e-7)


def test_tangents_spread_over_carries_step_by_step():
    """Each step moves the tangent one carry further, so activity needs several rounds."""

    def run(x):
        def body(c):
            i, a, b, _, e = c
            return i + 1, a, a * 2.0, b * 3.0, e

        return while_loop(lambda c: c[0] < 5, body, (0, x, 1.0, 1.0, 1.0))

    out, dot = ms.jvp(run, (2.0,), (1.0,))
    assert [float(v) for v in out[1:]] == [2.0, 4.0, 12.0, 1.0]
    assert [float(v) for v in dot[1:]] == [1.0, 2.0, 6.0, 0.0]


def test_vmap_with_a_test_that_differs_between_the_lanes():
    run = lambda x: while_loop(lambda c: c < 100, lambda c: c * c, x)  # noqa: E731
    xs = np.array([2.0, 3.0, 200.0, 4.0])
    assert np.asarray(ms.jit(ms.vmap(run))(xs)).tolist() == [256.0, 6561.0, 200.0, 256.0]
    slopes = ms.vmap(ms.jacfwd(run))(xs)
    np.testing.assert_allclose(slopes, [8 * 2.0**7, 8 * 3.0**7, 1.0, 4 * 4.0**3])
    assert ms.vmap(run)(np.zeros(0)).shape == (0,)


def test_lanes_that_are_done_neither_move_nor_become_nan():
    run = lambda x: while_loop(lambda c: c > 0, lambda c: lax.sqrt(c) - 1.5, x)  # noqa: E731
    xs = np.array([-1.0, 5.0, 0.0])
    want = [-1.0, np.sqrt(5) - 1.5, 0.0]
    while want[1] > 0:
        want[1] = np.sqrt(want[1]) - 1.5
    np.testing.assert_allclose(ms.vmap(run)(xs), want)


def test_vmap_with_a_shared_test_keeps_a_plain_loop():
    run = lambda x, n: while_loop(  # noqa: E731
        lambda c: c[0] < n, lambda c: (c[0] + 1, c[1] * 2), (0, x)
    )[1]
    batched = ms.vmap(run, in_axes=(0, None))
    made = program(batched, np.ones(3), 4)
    (loop,) = [e for e in made.eqns if e.primitive.name == "while"]
    assert loop.inputs[-2].type.shape == ()
    assert "select" not in names(loop.params["body"])
    assert np.asarray(batched(np.arange(3.0), 4)).tolist() == [0.0, 16.0, 32.0]


def test_vmap_over_constants_of_test_and_body():
    run = lambda limit, step: while_loop(  # noqa: E731
        lambda c: c < limit, lambda c: c + step, np.float64(0)
    )
    limits, steps = np.array([3.0, 1.0, 5.0]), np.array([1.0, 0.25, 2.0])
    got = ms.vmap(ms.vmap(run, (None, 0)), (0, None))(limits, steps)
    want = [[np.ceil(a / b) * b for b in steps] for a in limits]
    np.testing.assert_allclose(got, want)


def test_a_python_scalar_carry_takes_the_dtype_of_the_body():
    assert while_loop(lambda c: c < 3, lambda c: c + 0.5, 0).dtype == np.float32
    assert float(while_loop(lambda c: c < 3, lambda c: c + 0.5, 0)) == 3.0


def test_unused_carries_disappear():
    def run(x):
        body = lambda c: (c[0] + 1, lax.sin(c[1]), lax.exp(c[2]))  # noqa: E731
        return while_loop(lambda c: c[0] < 3, body, (0, x, x))[1]

    made = program(ms.jit(lambda x: ms.jvp(run, (x,), (x,))[1]), 1.0)
    assert "exp" not in repr(made)
    assert "cos" in repr(made)


def test_disable_jit_runs_python():
    seen = []

    def body(c):
        seen.append(int(c))
        return c + 1

    with ms.config.disable_jit(True), Reference():
        assert int(while_loop(lambda c: c < 3, body, np.int32(0))) == 3
        assert int(fori_loop(0, 2, lambda i, c: body(c), np.int32(5))) == 7
    assert seen == [0, 1, 2, 5, 6]


# --- fori_loop ----------------------------------------------------------------------------------


def test_fori_loop_with_known_bounds_has_every_derivative():
    def run(x):
        return fori_loop(1, 5, lambda i, c: c * x + i, x)

    def plain(x):
        c = x
        for i in range(1, 5):
            c = c * x + i
        return c

    x = np.float64(1.3)
    assert "scan" in names(program(run, x))
    np.testing.assert_allclose(run(x), plain(x))
    np.testing.assert_allclose(ms.grad(run)(x), ms.grad(plain)(x))
    np.testing.assert_allclose(ms.hessian(run)(x), ms.hessian(plain)(x))


@pytest.mark.parametrize(("lower", "upper"), [(0, 0), (5, 2), (-3, 2), (2, 3)])
def test_fori_loop_bounds(lower, upper):
    body = lambda i, c: c * 10 + i  # noqa: E731
    want = 1
    for i in range(lower, upper):
        want = want * 10 + i
    assert int(fori_loop(lower, upper, body, 1)) == want
    assert int(ms.jit(lambda a, b: fori_loop(a, b, body, 1))(lower, upper)) == want
    assert int(fori_loop(lower, upper, body, 1, unroll=2)) == want
    assert int(fori_loop(lower, upper, body, 1, unroll=True)) == want


@pytest.mark.parametrize(("lower", "upper"), [(0.0, 3.0), (0.5, 3.2), (2.0, -1.0)])
def test_fori_loop_between_floats(lower, upper):
    body = lambda i, c: c * 10 + i  # noqa: E731
    want = 1.0
    for i in np.arange(lower, upper):
        want = want * 10 + i
    assert float(fori_loop(lower, upper, body, 1.0)) == want
    assert float(ms.jit(lambda a, b: fori_loop(a, b, body, 1.0))(lower, np.float32(upper))) == want


def test_fori_loop_with_a_bound_for_each_lane():
    run = lambda n, x: fori_loop(0, n, lambda i, c: c + i * x, 0.0)  # noqa: E731
    ns, xs = np.array([0, 3, 5], np.int32), np.array([1.0, 2.0, 3.0])
    got = ms.vmap(run)(ns, xs)
    np.testing.assert_allclose(got, [n * (n - 1) / 2 * x for n, x in zip(ns, xs, strict=True)])
    slope = ms.vmap(ms.jacfwd(run, argnums=1))(ns, xs)
    np.testing.assert_allclose(slope, [n * (n - 1) / 2 for n in ns])


def test_fori_loop_index_dtype():
    seen = []
    body = lambda i, c: (seen.append(i.dtype.name), c)[1]  # noqa: E731
    fori_loop(np.int8(0), np.int8(3), body, 1.0)
    fori_loop(0, np.int64(3), body, 1.0)
    ms.jit(lambda n: fori_loop(0, n, body, 1.0))(np.int16(3))
    assert set(seen[:1]) == {"int8"}
    assert seen[-1] == "int16"
    assert "int64" in seen


# --- errors -------------------------------------------------------------------------------------


def test_a_static_bound_that_is_not_reached_through_a_python_int():
    """Gradients of a loop whose bound is an argument: known without jit, unknown under it."""
    run = lambda x, n: fori_loop(0, n, lambda i, c: c * x, 1.0)  # noqa: E731
    assert float(ms.grad(run)(2.0, 3)) == 12.0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: while_loop(3, lambda c: c, 0.0), TypeError, "should be callable"),
        (lambda: while_loop(lambda c: 1.0, lambda c: c, 0.0), TypeError, "must return a boolean"),
        (lambda: while_loop(lambda c: (True, True), lambda c: c, 0.0), TypeError,
         "must return a boolean scalar, but got pytree"),
        (lambda: while_loop(lambda c: np.array([True]), lambda c: c, 0.0), TypeError,
         "must return a boolean scalar, but got output type"),
        (lambda: while_loop(lambda c: True, lambda c: (c, c), 0.0), TypeError,
         "while_loop body function carry input and carry output must have the same pytree"),
        (lambda: while_loop(lambda c: True, lambda c: (np.ones(1, np.float32), c[1]),
                            (np.float32(0), 3.0)), TypeError,
         r"input carry component c\[0\] has type float32\[\] but .* float32\[1\], so the shapes"),
        (lambda: fori_loop(0.0, 3, lambda i, x: x, 1.0), TypeError, "must have equal types"),
        (lambda: fori_loop(0j, 3j, lambda i, x: x, 1.0), TypeError, "those of real scalars"),
        (lambda: fori_loop(np.int8(0), np.int16(3), lambda i, x: x, 1.0), TypeError,
         r"must have equal types, .* got int8\[\] and int16\[\]"),
        (lambda: ms.jit(lambda n: fori_loop(0, n, lambda i, x: x, 1.0, unroll=2))(3), ValueError,
         "if the loop bounds are statically known"),
        (lambda: fori_loop(0, 3, 5, 1.0), TypeError, "should be callable"),
    ],
)  # fmt: skip
def test_calls_that_are_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_total_of_a_loop_over_arrays():
    run = lambda x: while_loop(lambda c: total(c) < 10, lambda c: c + x, x)  # noqa: E731
    x = np.array([1.0, 2.0])
    np.testing.assert_allclose(ms.jit(run)(x), 4 * x)


def _steps(x, w):
    """A loop whose number of steps depends on the data, with a constant in its body."""
    far = lambda c: lax.lt(lax.mul(c, c), 50.0)  # noqa: E731
    return while_loop(far, lambda c: lax.add(lax.mul(c, 1.3), lax.mul(w, lax.sin(c))), x)


def _python_steps(x, w):
    while x * x < 50:
        x = 1.3 * x + w * np.sin(x)
    return x


def test_second_derivatives_agree_in_every_order_of_modes():
    x, w, h = np.float64(0.7), np.float64(0.2), 1e-4
    wanted = (_python_steps(x + h, w) - 2 * _python_steps(x, w) + _python_steps(x - h, w)) / h**2
    modes = [ms.jacfwd, ms.jacrev]
    np.testing.assert_allclose(ms.hessian(_steps)(x, w), wanted, rtol=1e-4)
    with Reference():
        for outer in modes:
            for inner in modes:
                np.testing.assert_allclose(outer(inner(_steps))(x, w), wanted, rtol=1e-4)


def test_reverse_mode_through_a_batch_of_gradients():
    """The lanes of the inner reverse sweep share the loop that it runs along."""
    w = np.float64(0.2)

    def gradients(x):
        y, pull = ms.vjp(lambda x: _steps(x, w), x)
        return total(ms.vmap(lambda ct: pull(lax.mul(ct, y))[0])(np.array([1.0, 2.0])))

    x, h = np.float64(0.7), 1e-5
    slope = (gradients(x + h) - gradients(x - h)) / (2 * h)
    np.testing.assert_allclose(ms.grad(gradients)(x), slope, rtol=1e-6)


def test_no_cotangent_of_the_states_is_lost():
    w, x = np.float64(0.2), np.float64(0.7)
    slope = ms.grad(lambda x: _steps(x, w))
    y, pull = ms.vjp(slope, x)
    back = ms.linear_transpose(lambda ct: pull(ct)[0], y)(y)
    np.testing.assert_allclose(back[0], ms.jvp(slope, (x,), (y,))[1], rtol=1e-9)


class Strict:
    """A node of trees that takes arrays of rank one, and nothing else in their place."""

    def __init__(self, row):
        if ms.typeof(row).ndim != 1:
            raise ValueError(f"no row: {row}")
        self.row = row


ms.tree_util.register_pytree_node(Strict, lambda s: ((s.row,), None), lambda _, rows: Strict(*rows))


def test_nodes_of_carries_are_made_of_arrays_of_the_carry_only():
    x = np.arange(3, dtype="float32")

    def total(s):
        looped = ms.lax.while_loop(
            lambda c: c[0] < 3, lambda c: (c[0] + 1, Strict(c[1].row * 2)), (0, s)
        )
        scanned, _ = ms.lax.scan(lambda s, _: (Strict(s.row + 1), None), looped[1], None, length=2)
        called = ms.custom_derivatives.linear_call(
            lambda _, s: Strict(s.row * 3), lambda _, s: Strict(s.row * 3), (), scanned
        )
        return (called.row**2).sum()

    assert np.allclose(total(Strict(x)), ((8 * x + 2) ** 2 * 9).sum())
    assert np.allclose(ms.grad(total)(Strict(x)).row, 2 * 9 * 8 * (8 * x + 2))


def test_without_programs_a_loop_runs_in_python_on_arrays():
    seen = []

    def body(c):
        seen.append(float(c[0]))
        return c[0] + 1, c[1]

    with ms.config.disable_jit(True):
        n, flag = lax.while_loop(lambda c: c[0] < 2, body, (0.0, True))
        assert isinstance(n, ms.Array)
        assert isinstance(flag, ms.Array)
        assert n.weak_type
        assert lax.while_loop(lambda c: c, lambda c: False, True).dtype == bool
        lanes = ms.vmap(lambda x: lax.while_loop(lambda c: c < 3, lambda c: c + 2, x))
        assert lanes(np.arange(4)).tolist() == [4, 3, 4, 3]
    assert seen == [0, 1]
