"""scan, map and associative_scan against Python loops."""

import numpy as np
import pytest

import ms_func as ms
from ms_func.control_flow.associative_scan import associative_scan
from ms_func.control_flow.scan import map as lax_map
from ms_func.control_flow.scan import scan
from ms_func.ir.evaluate import Reference, evaluate
from tests.support.operations import lax
from tests.support.staged import names, program, total


def step(w):
    """A step with a constant, a carry of two leaves and two results."""

    def body(carry, x):
        c, n = carry
        new = lax.sin(c * w) + x * x
        return (new, n + 1), {"y": new * x, "n": n}

    return body


def looped(f, init, xs, length, reverse=False):
    """What scan means."""

    def row(a, i):
        part = lax.dynamic_slice(a, (i, *[0] * (a.ndim - 1)), (1, *a.shape[1:]))
        return lax.squeeze(part, (0,))

    carry, ys = init, [None] * length
    for i in reversed(range(length)) if reverse else range(length):
        carry, ys[i] = f(carry, ms.tree.map(lambda a, i=i: row(a, i), xs))
    return carry, ms.tree.map(lambda *parts: stacked(parts), *ys)


def stacked(parts):
    return lax.concatenate([lax.expand_dims(p, (0,)) for p in parts], 0)


W, X = np.array([0.3, -0.7, 1.1]), np.random.default_rng(0).uniform(-1, 1, (7, 3))


def run(w, c, xs, **options):
    return scan(step(w), (c, np.int32(0)), xs, **options)


def unrolled(w, c, xs, reverse=False):
    return looped(step(w), (c, np.int32(0)), xs, len(X), reverse)


def loss(run, **options):
    def scalar(w, c, xs):
        (c, _), ys = run(w, c, xs, **options)
        return total(c * c) + total(ys["y"])

    return scalar


def close(got, want, rtol=1e-9):
    for a, b in zip(ms.tree.leaves(got), ms.tree.leaves(want), strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-11)


OPTIONS = [
    {},
    {"reverse": True},
    {"unroll": 2},
    {"unroll": 3, "reverse": True},
    {"unroll": True},
    {"unroll": 100},
    {"checkpoint": "sqrt"},
    {"checkpoint": 2, "reverse": True},
    {"checkpoint": 7},
    {"checkpoint": 20},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_values_and_derivatives_are_those_of_the_loop(options):
    c = np.ones(3)
    back = options.get("reverse", False)
    close(ms.jit(lambda *a: run(*a, **options))(W, c, X), unrolled(W, c, X, back))
    one, two = loss(run, **options), loss(unrolled, reverse=back)
    ways = (W + 1, c - 3, np.cos(X))
    with Reference():
        gradient, tangent = ms.grad(two, (0, 1, 2))(W, c, X), ms.jvp(two, (W, c, X), ways)
    close(ms.grad(one, (0, 1, 2))(W, c, X), gradient)
    close(ms.jvp(one, (W, c, X), ways), tangent)


def test_second_derivatives():
    c = np.ones(3)
    compiled = ms.hessian(loss(run))(W, c, X)
    with Reference():
        close(compiled, ms.hessian(loss(unrolled))(W, c, X))
        for second in (lambda f: ms.jacrev(ms.jacfwd(f)), lambda f: ms.jacrev(ms.grad(f))):
            close(second(loss(run))(W, c, X), compiled)


def test_vmap_over_every_choice_of_operands():
    rng = np.random.default_rng(1)
    for axes in ((0, None, None), (None, 0, None), (None, None, 0), (None, None, 2), (0, 0, 1)):
        args = [a if d is None else np.stack([a + rng.uniform(-1, 1, a.shape) for _ in range(4)], d)
                for a, d in zip((W, np.ones(3), X), axes, strict=True)]  # fmt: skip
        got = ms.jit(ms.vmap(run, axes))(*args)
        lanes = [run(*lane(args, axes, i)) for i in range(4)]
        close(got, ms.tree.map(lambda *xs: np.stack(xs), *lanes))
        grads = ms.vmap(ms.grad(loss(run)), axes)(*args)
        with Reference():
            want = [ms.grad(loss(run))(*lane(args, axes, i)) for i in range(4)]
        close(grads, np.stack(want))


def lane(args, axes, i):
    return [a if d is None else np.take(a, i, d) for a, d in zip(args, axes, strict=True)]


def test_nested_loops():
    def nest(x):
        inner = lambda c: scan(lambda d, _: (lax.sin(d) * x, d), c, length=3)  # noqa: E731
        return scan(lambda c, _: (inner(c)[0] + x, total(inner(c)[1])), x, length=2)

    def plain(x):
        c, ys = x, []
        for _ in range(2):
            d, ds = c, []
            for _ in range(3):
                d, e = lax.sin(d) * x, d
                ds.append(e)
            c = d + x
            ys.append(ds[0] + ds[1] + ds[2])
        return c, stacked(ys)

    x = np.float64(0.7)
    both = lambda f: lambda x: f(x)[0] * total(f(x)[1])  # noqa: E731
    close(nest(x), plain(x))
    close(ms.grad(both(nest))(x), ms.grad(both(plain))(x))
    close(ms.hessian(both(nest))(x), ms.hessian(both(plain))(x))
    xs = np.array([0.1, 0.9])
    close(ms.vmap(ms.grad(both(nest)))(xs), np.stack([ms.grad(both(plain))(x) for x in xs]))


def test_carries_that_swap_and_carries_that_are_reset():
    def swap(x, y):
        return scan(lambda c, _: ((c[1], lax.sin(c[0])), c[0]), (x, y), length=4)

    def reset(x):
        return scan(lambda c, t: (t * x, c * c), x, np.arange(1.0, 4.0))

    x, y = np.float64(0.5), np.float64(2.0)
    np.testing.assert_allclose(swap(x, y)[1], [x, y, np.sin(x), np.sin(y)])
    np.testing.assert_allclose(
        ms.grad(lambda x: swap(x, y)[0][0])(x), np.cos(np.sin(x)) * np.cos(x)
    )
    np.testing.assert_allclose(ms.grad(lambda y: total(swap(x, y)[1]))(y), 1 + np.cos(y))
    np.testing.assert_allclose(ms.grad(lambda x: total(reset(x)[1]))(x), 2 * x * (1 + 1 + 4))


def test_no_steps_and_one_step():
    c, ys = ms.jit(lambda x: scan(lambda c, x: (c + x, c * x), 1.0, x))(np.zeros((0,), np.float32))
    assert c == 1.0
    assert ys.shape == (0,)
    f = lambda c, xs: scan(lambda c, x: (c * x, c), c, xs)[0]  # noqa: E731
    assert ms.grad(f)(np.float64(3), np.zeros(0)) == 1.0
    assert ms.grad(f)(np.float64(3), np.array([5.0])) == 5.0


def test_results_without_leaves_and_elements_without_leaves():
    c, ys = scan(lambda c, _: (c + 1, None), 0, length=5)
    assert (int(c), ys) == (5, None)
    (), ys = scan(lambda _, x: ((), x * 2), (), np.arange(3))
    assert ys.tolist() == [0, 2, 4]


def test_a_python_scalar_carry_takes_the_dtype_of_the_body():
    c, _ = scan(lambda c, x: (c + x, None), 0, np.ones(3, np.float32))
    assert c.dtype == np.float32
    c, _ = scan(lambda c, x: ((c[0] + x, c[0] * c[1]), None), (0, 1), np.ones(3, np.float16))
    assert [v.dtype.name for v in c] == ["float16", "float16"]


def test_integer_and_boolean_carries_beside_differentiated_ones():
    def f(x):
        def body(c, k):
            value, flag, n = c
            return (lax.select(flag, value * x, value + x), ~flag, n + k), n

        return scan(body, (x, np.bool_(True), np.int32(1)), np.arange(4, dtype=np.int32))

    (value, flag, n), ns = f(2.0)
    assert (float(value), bool(flag), int(n), ns.tolist()) == (14.0, True, 7, [1, 1, 2, 4])
    assert ms.grad(lambda x: f(x)[0][0])(2.0) == 4 * 2**3 / 2**3 * 2**2 - 16 + 17


def test_what_does_not_change_is_kept_once():
    """Residuals: constants and functions of them are no stacks, elements are stacked already."""

    def f(w, xs):
        return scan(lambda c, x: (c * lax.exp(w) * x, None), np.ones(3), xs)[0]

    made = program(lambda w, xs: ms.vjp(f, w, xs)[0], np.ones(3), np.ones((5, 3)))
    (loop,) = [e for e in made.eqns if e.primitive.name == "scan"]
    stacked = [v for v in loop.outputs if v.type.shape == (5, 3)]
    assert len(stacked) <= 3
    assert names(loop.params["body"]).count("exp") == 0
    assert names(made).count("exp") == 1


def test_unused_carries_and_results_disappear():
    def f(x):
        (a, _), _ = scan(lambda c, _: ((lax.sin(c[0]), lax.exp(c[1])), lax.cos(c[1])), (x, x),
                          length=3)  # fmt: skip
        return a

    made = program(ms.jit(ms.grad(f)), 1.0)
    text = repr(made)
    assert "sin" in text
    assert "exp" not in text


def test_reference_agrees_with_compiled_program():
    made = program(lambda c, xs: scan(lambda c, x: (c * x, c), c, xs, reverse=True), 1.0, X[:, 0])
    got = evaluate(made, np.float32(1), X[:, 0])
    want = scan(lambda c, x: (c * x, c), np.float64(1), X[:, 0], reverse=True)
    close([np.float64(got[0]), got[1]], [np.float64(want[0]), want[1]], rtol=1e-6)


def test_disable_jit_runs_python():
    seen = []

    def body(c, x):
        seen.append(float(x))
        return c + x, c

    with ms.config.disable_jit(True), Reference():
        c, ys = scan(body, np.float64(0), np.array([1.0, 2.0]), reverse=True)
    assert seen == [2.0, 1.0]
    assert float(c) == 3.0
    assert ys.tolist() == [2.0, 0.0]


def test_the_body_is_recorded_once():
    calls = []

    def body(c, x):
        calls.append(1)
        return lax.sin(c) * x, c

    f = lambda c, xs: scan(body, c, xs)[0]  # noqa: E731
    ms.jit(ms.vmap(ms.grad(ms.grad(f)), (0, None)))(np.ones(2), np.ones(4))
    assert len(calls) == 1


# --- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: scan(3, 0, np.ones(2)), TypeError, "should be a callable"),
        (lambda: scan(lambda c, x: c, 0.0, np.ones(2)), TypeError, "must be a pair, got"),
        (lambda: scan(lambda c, x: (c, c, c), 0.0, np.ones(2)), TypeError, "must be a pair, got"),
        (lambda: scan(lambda c, x: (c, x), 0.0, (np.ones(2), np.ones(3))), ValueError,
         "different leading axis sizes: 2, 3"),
        (lambda: scan(lambda c, x: (c, x), 0.0, np.ones(2), length=3), ValueError,
         r"`length` argument of 3 which disagrees with leading axis sizes \[2\]"),
        (lambda: scan(lambda c, x: (c, x), 0.0), ValueError, "`length` not provided"),
        (lambda: scan(lambda c, x: (c, x), 0.0, np.float32(1)), ValueError, "no leading axis"),
        (lambda: scan(lambda c, x: (c, x), 0.0, np.ones(2), unroll=-1), ValueError, "`unroll`"),
        (lambda: scan(lambda c, x: (c, x), 0.0, np.ones(2), checkpoint=0), ValueError, "positive"),
        (lambda: ms.jit(lambda n: scan(lambda c, x: (c, x), 0.0, None, n))(3), TypeError,
         "expects a concrete"),
        (lambda: scan(lambda c, x: (c, x), "a", np.ones(2)), TypeError, "not an array"),
    ],
)  # fmt: skip
def test_calls_that_are_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_carry_of_another_structure():
    with pytest.raises(TypeError, match="must have the same pytree structure") as info:
        scan(lambda c, x: ((c[0], c[0], c[0]), x), (1.0, 2.0), np.ones(2))
    text = "The input carry c is a tuple of length 2 but the corresponding component of the carry"
    assert text in str(info.value)
    assert "so the lengths do not match" in str(info.value)


def test_a_carry_of_another_type_names_the_leaf():
    start = {"a": np.float32(0), "b": np.float32(0)}
    with pytest.raises(TypeError, match="must have equal types") as info:
        scan(lambda c, x: ({"a": np.ones(1, np.float32), "b": np.int32(1)}, x), start, np.ones(2))
    assert "carry component c['a'] has type float32[] but" in str(info.value)
    assert "float32[1], so the shapes do not match" in str(info.value)
    assert "carry component c['b'] has type float32[] but" in str(info.value)
    assert "int32[], so the dtypes do not match" in str(info.value)


# --- map ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [None, 1, 2, 3, 7, 10])
def test_map_is_a_loop(batch_size):
    f = lambda x: {"s": total(lax.sin(x)), "x": x}  # noqa: E731
    out = ms.jit(lambda xs: lax_map(f, xs, batch_size=batch_size))(X)
    np.testing.assert_allclose(out["s"], np.sin(X).sum(1))
    np.testing.assert_allclose(out["x"], X)
    slope = ms.grad(lambda xs: total(lax_map(f, xs, batch_size=batch_size)["s"]))(X)
    np.testing.assert_allclose(slope, np.cos(X))


# --- associative_scan -----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 8, 13])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan_is_a_running_combination(n, reverse):
    x = np.random.default_rng(n).uniform(-1, 1, (2, n))
    got = ms.jit(lambda x: associative_scan(lax.add, x, reverse=reverse, axis=1))(x)
    want = np.cumsum(x[:, ::-1], 1)[:, ::-1] if reverse else np.cumsum(x, 1)
    np.testing.assert_allclose(got, want, atol=1e-12)
    np.testing.assert_allclose(associative_scan(lax.add, x, reverse=reverse, axis=-1), want,
                               atol=1e-12)  # fmt: skip


def test_associative_scan_of_a_function_that_does_not_commute():
    """Affine maps x -> a x + b under composition."""
    rng = np.random.default_rng(3)
    a, b = rng.uniform(-1, 1, 9), rng.uniform(-1, 1, 9)

    def compose(f, g):
        return {"a": g["a"] * f["a"], "b": g["a"] * f["b"] + g["b"]}

    got = associative_scan(compose, {"a": a, "b": b})
    x = np.float64(0.4)
    for i in range(9):
        y = x
        for j in range(i + 1):
            y = a[j] * y + b[j]
        np.testing.assert_allclose(np.asarray(got["a"])[i] * x + np.asarray(got["b"])[i], y)


def test_derivative_of_associative_scan():
    x = np.array([0.5, -0.3, 0.8, 1.2, 0.1])
    got = ms.jacrev(lambda x: associative_scan(lax.mul, x))(x)
    want = [[np.prod(np.delete(x[: i + 1], j)) if j <= i else 0.0 for j in range(5)]
            for i in range(5)]  # fmt: skip
    np.testing.assert_allclose(got, want)


def test_associative_scan_refuses():
    with pytest.raises(TypeError, match="should be callable"):
        associative_scan(3, np.ones(2))
    with pytest.raises(ValueError, match="must have the same first dimension"):
        associative_scan(lax.add, (np.ones(2), np.ones(3)))
