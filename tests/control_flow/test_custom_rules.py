"""custom_jvp, custom_vjp, closure_convert, stop_gradient."""

import numpy as np
import pytest

import ms_func as ms
from ms_func.control_flow.closure_convert import closure_convert
from ms_func.control_flow.cond import cond
from ms_func.control_flow.custom_jvp import custom_jvp
from ms_func.control_flow.custom_vjp import custom_vjp
from ms_func.control_flow.identities import stop_gradient
from ms_func.control_flow.rules import SymbolicZero
from ms_func.control_flow.scan import scan
from ms_func.dtypes import float0
from tests.support.operations import lax
from tests.support.staged import program, total

X = np.float64(0.6)


@custom_jvp
def wave(x):
    """sin, said to have the derivative 2 cos."""
    return lax.sin(x)


@wave.defjvp
def wave_jvp(primals, tangents):
    (x,), (t,) = primals, tangents
    return wave(x), 2.0 * lax.cos(x) * t


@custom_vjp
def wave2(x):
    """sin, said to have the derivative 2 cos."""
    return lax.sin(x)


wave2.defvjp(lambda x: (wave2(x), lax.cos(x)), lambda cos_x, ct: (2.0 * cos_x * ct,))
BOTH = pytest.mark.parametrize("f", [wave, wave2], ids=["custom_jvp", "custom_vjp"])


@BOTH
def test_the_rule_is_the_derivative(f):
    for run in (f, ms.jit(f)):
        np.testing.assert_allclose(run(X), np.sin(X))
        np.testing.assert_allclose(ms.grad(run)(X), 2 * np.cos(X))
        np.testing.assert_allclose(ms.jvp(run, (X,), (X,))[1], 2 * np.cos(X) * X)
        np.testing.assert_allclose(ms.linearize(run, X)[1](X), 2 * np.cos(X) * X)


@BOTH
def test_higher_orders_differentiate_the_rule(f):
    np.testing.assert_allclose(ms.grad(ms.grad(f))(X), -2 * np.sin(X))
    np.testing.assert_allclose(ms.jacfwd(ms.grad(f))(X), -2 * np.sin(X))
    np.testing.assert_allclose(ms.jacrev(ms.jacfwd(f))(X), -2 * np.sin(X))
    np.testing.assert_allclose(ms.grad(ms.grad(ms.grad(f)))(X), -2 * np.cos(X))


@BOTH
def test_under_vmap_in_either_order(f):
    xs = np.array([0.1, 0.6, 2.0])
    np.testing.assert_allclose(ms.vmap(ms.grad(f))(xs), 2 * np.cos(xs))
    np.testing.assert_allclose(ms.grad(lambda x: total(ms.vmap(f)(x)))(xs), 2 * np.cos(xs))
    np.testing.assert_allclose(ms.jvp(ms.vmap(f), (xs,), (xs,))[1], 2 * np.cos(xs) * xs)
    hessian = ms.hessian(lambda x: total(ms.vmap(f)(x)))(xs)
    np.testing.assert_allclose(hessian, np.diag(-2 * np.sin(xs)))


@BOTH
def test_inside_control_flow(f):
    def run(x):
        out, _ = scan(lambda c, _: (cond(c > 0, f, lambda c: c * c, c) * x, None), x, length=3)
        return out

    def plain(x):
        c, d = x, 1.0
        for _ in range(3):
            value, slope = (np.sin(c), 2 * np.cos(c)) if c > 0 else (c * c, 2 * c)
            c, d = value * x, slope * d * x + value
        return c, d

    np.testing.assert_allclose(run(X), plain(X)[0])
    np.testing.assert_allclose(ms.grad(run)(X), plain(X)[1])
    np.testing.assert_allclose(ms.jvp(run, (X,), (1.0,))[1], plain(X)[1])
    xs = np.array([X, 0.1])
    np.testing.assert_allclose(ms.vmap(ms.grad(run))(xs), [plain(x)[1] for x in xs])


@BOTH
def test_linear_functions_can_be_transposed(f):
    if f is wave:
        g = custom_jvp(lambda x: 3 * x)
        g.defjvp(lambda p, t: (g(p[0]), 7 * t[0]))
    else:
        g = custom_vjp(lambda x: 3 * x)
        g.defvjp(lambda x: (g(x), None), lambda _, ct: (7 * ct,))
    assert float(ms.linear_transpose(g, 1.0)(2.0)[0]) == 6.0


def test_python_control_flow_in_function_and_rule():
    @custom_jvp
    def f(x):
        return lax.sin(x) if x > 0 else lax.cos(x)

    f.defjvp(lambda p, t: (f(*p), 2 * t[0]) if p[0] > 0 else (f(*p), 3 * t[0]))
    np.testing.assert_allclose(f(-X), np.cos(X))
    assert [float(ms.grad(f)(x)) for x in (X, -X)] == [2.0, 3.0]


def test_several_arguments_trees_and_integers():
    @custom_jvp
    def f(tree, n):
        return {"a": tree[0] * n, "b": tree[1]}

    @f.defjvp
    def rule(primals, tangents):
        (tree, n), (dots, dn) = primals, tangents
        assert np.asarray(dn).dtype == float0
        return f(tree, n), {"a": 5.0 * dots[0], "b": dots[1]}

    def loss(x, y):
        out = f((x, y), 3)
        return out["a"] * out["b"]

    x, y = np.float64(2), np.float64(7)
    np.testing.assert_allclose(ms.grad(loss, (0, 1))(x, y), [5 * y, 3 * x])


def test_defjvps():
    @custom_jvp
    def f(x, y, z):
        return x * y + z

    f.defjvps(lambda t, out, x, y, z: 10 * y * t, None, lambda t, out, x, y, z: out * t)
    got = ms.grad(f, (0, 1, 2))(2.0, 3.0, 4.0)
    assert [float(g) for g in got] == [30.0, 0.0, 10.0]


def test_arguments_that_are_not_differentiated():
    apply = custom_jvp(lambda f, x: f(x), nondiff_argnums=(0,))
    apply.defjvp(lambda f, p, t: (f(p[0]), 3 * t[0]))
    np.testing.assert_allclose(ms.grad(lambda x: apply(lax.exp, x))(X), 3.0)
    by_name = custom_jvp(lambda x, mode: x if mode == "a" else -x, nondiff_argnames="mode")
    by_name.defjvp(lambda mode, p, t: (p[0], t[0] * (1.0 if mode == "a" else 8.0)))
    assert float(ms.grad(by_name)(X, mode="b")) == 8.0
    vjp = custom_vjp(lambda f, x: f(x), nondiff_argnums=(0,))
    vjp.defvjp(lambda f, x: (f(x), (x, "text")), lambda f, res, ct: (f(res[0]) * 3 * ct,))
    np.testing.assert_allclose(ms.grad(lambda x: vjp(lax.exp, x))(X), 3 * np.exp(X))


def test_keyword_arguments_and_defaults():
    f = custom_jvp(lambda x, scale=2.0: x * scale)
    f.defjvp(lambda p, t: (p[0] * p[1], 100 * t[0]))
    assert float(ms.grad(lambda x: f(x=x))(X)) == 100.0
    g = custom_vjp(lambda x, *, flag: x)
    g.defvjp(lambda x, flag: (x, None), lambda _, ct: (ct, None))
    with pytest.raises(TypeError, match="could not be resolved to positional-only"):
        g(1.0, flag=True)


# --- closures -------------------------------------------------------------------------------------


def test_custom_jvp_over_a_traced_value():
    """The rule covers the argument; the way through the closure is differentiated as written."""

    def outer(x):
        y = 2.0 * x

        @custom_jvp
        def h(z):
            return y * z

        h.defjvp(lambda p, t: (h(p[0]), 10.0 * y * t[0]))
        return h(x)

    # d/dz says 10 y, and through y comes z * 2.
    np.testing.assert_allclose(ms.grad(outer)(X), 10 * 2 * X + 2 * X)
    np.testing.assert_allclose(ms.jit(ms.grad(outer))(X), 22 * X)
    np.testing.assert_allclose(ms.grad(ms.grad(outer))(X), 22.0)
    np.testing.assert_allclose(ms.vmap(ms.grad(outer))(np.array([X, 1.0])), [22 * X, 22.0])


def test_custom_vjp_over_a_traced_value():
    def outer(x, w):
        @custom_vjp
        def h(z):
            return w * z

        h.defvjp(lambda z: (h(z), None), lambda _, ct: (10.0 * w * ct,))
        return h(x)

    w = np.float64(3)
    np.testing.assert_allclose(ms.grad(outer)(X, w), 30.0)
    np.testing.assert_allclose(ms.jit(ms.vmap(ms.grad(outer), (None, 0)))(X, np.array([w, 1.0])),
                               [30.0, 10.0])  # fmt: skip
    with pytest.raises(NotImplementedError, match="with respect to a value it closes over") as info:
        ms.grad(outer, argnums=1)(X, w)
    assert "fix: pass the value to `h` as an argument" in str(info.value)


def test_cotangents_of_another_precision_are_converted():
    f = custom_vjp(lambda x: x)
    f.defvjp(lambda x: (x, None), lambda _, ct: ((2 * ct).astype(np.float16),))
    slope = ms.grad(f)(np.float32(3))
    assert (float(slope), slope.dtype) == (2.0, np.float32)


def test_converted_closures_take_the_types_of_the_examples():
    def f(y):
        g, hoisted = closure_convert(lambda x: x * y, np.ones(2))
        return g(np.ones(3), *hoisted)

    with pytest.raises(TypeError, match="of the types of the examples"):
        ms.grad(f)(2.0)


def test_rules_may_close_over_what_is_differentiated_where_the_arguments_are_not():
    def outer(y, x):
        f = custom_vjp(lambda x: 2 * x)
        f.defvjp(lambda x: (2 * x, x), lambda r, ct: (ct * y,))
        return f(x) * y

    np.testing.assert_allclose([ms.grad(outer)(2.0, 3.0), ms.grad(outer, 1)(2.0, 3.0)], [6, 4])
    with pytest.raises(NotImplementedError, match="with respect to a value it closes over"):
        ms.grad(outer, (0, 1))(2.0, 3.0)


def test_closure_convert():
    def solve(f, x):
        g, hoisted = closure_convert(f, x)
        return apply(g, x, *hoisted)

    apply = custom_vjp(lambda g, x, *rest: g(x, *rest), nondiff_argnums=(0,))
    apply.defvjp(
        lambda g, x, *rest: (g(x, *rest), (x, rest)),
        lambda g, res, ct: (ct * 100.0, *(ct * res[0] for _ in res[1])),
    )
    loss = lambda x, w: solve(lambda z: w * z, x)  # noqa: E731
    w = np.float64(3)
    np.testing.assert_allclose(loss(X, w), 3 * X)
    np.testing.assert_allclose(ms.grad(loss, (0, 1))(X, w), [100.0, X])


# --- symbolic zeros -------------------------------------------------------------------------------


def test_symbolic_zeros_of_custom_jvp():
    seen = []
    f = custom_jvp(lambda x, y: x * y)

    def rule(primals, tangents):
        seen.append([type(t) is SymbolicZero for t in tangents])
        (x, y), (tx, ty) = primals, tangents
        terms = [y * tx if type(tx) is not SymbolicZero else None,
                 x * ty if type(ty) is not SymbolicZero else None]  # fmt: skip
        live = [t for t in terms if t is not None]
        return x * y, live[0] if len(live) == 1 else live[0] + live[1]

    f.defjvp(rule, symbolic_zeros=True)
    assert float(ms.grad(f)(2.0, 3.0)) == 3.0
    assert float(ms.grad(f, 1)(2.0, 3.0)) == 2.0
    assert float(ms.jvp(f, (2.0, 3.0), (1.0, 1.0))[1]) == 5.0
    assert seen == [[False, True], [True, False], [False, False]]
    got = ms.vmap(ms.grad(f), (0, None))(np.array([1.0, 2.0]), 3.0)
    assert np.asarray(got).tolist() == [3.0, 3.0]


def test_symbolic_zeros_of_custom_vjp():
    asked, vanish = [], []
    f = custom_vjp(lambda x, y: (x * y, x))

    def fwd(x, y):
        asked.append((x.perturbed, y.perturbed))
        return (x.value * y.value, x.value), (x.value, y.value)

    def bwd(res, cts):
        vanish.append([type(ct) is SymbolicZero for ct in cts])
        x, y = res
        first = cts[0]
        return (first * y, first * x) if type(cts[1]) is SymbolicZero else (cts[1], None)

    f.defvjp(fwd, bwd, symbolic_zeros=True)
    assert float(ms.grad(lambda x, y: f(x, y)[0])(2.0, 3.0)) == 3.0
    assert asked[-1] == (True, False)
    assert vanish[-1] == [False, True]


def test_residuals_may_hold_anything():
    f = custom_vjp(lambda x: x)
    f.defvjp(lambda x: (x, {"x": x, "name": "text", "none": None}),
             lambda res, ct: (ct * (5.0 if res["name"] == "text" else 0.0),))  # fmt: skip
    assert float(ms.jit(ms.grad(f))(X)) == 5.0


def test_vmap_sums_the_cotangent_of_a_shared_argument():
    f = custom_vjp(lambda w, x: w * x)
    f.defvjp(lambda w, x: (w * x, (w, x)), lambda res, ct: (res[1] * ct, res[0] * ct))
    xs = np.array([1.0, 2.0, 4.0])
    loss = lambda w: total(ms.vmap(f, (None, 0))(w, xs))  # noqa: E731
    np.testing.assert_allclose(ms.grad(loss)(X), 7.0)
    np.testing.assert_allclose(ms.grad(lambda xs: total(ms.vmap(f, (None, 0))(X, xs)))(xs), [X] * 3)


def test_rules_are_not_run_for_their_values():
    """A rule that fails is to blame only if a derivative asks for it."""
    f = custom_jvp(lambda x: x + 1)
    f.defjvp(lambda p, t: 1 / 0)
    assert float(ms.jit(f)(1.0)) == 2.0
    with pytest.raises(ZeroDivisionError):
        ms.grad(f)(1.0)
    assert "sin" in repr(program(wave, X))


# --- errors -------------------------------------------------------------------------------------


def test_without_rules():
    with pytest.raises(AttributeError, match="No JVP defined for custom_jvp function"):
        custom_jvp(lambda x: x)(1.0)
    with pytest.raises(AttributeError, match="No VJP defined for custom_vjp function"):
        custom_vjp(lambda x: x)(1.0)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda p, t: p[0], "must produce a pair"),
        (lambda p, t: ((p[0],), t[0]), "equal container"),
        (lambda p, t: ([p[0]], [t[0]]), "structure of the function's result"),
        (lambda p, t: (p[0], np.ones(2)), "corresponding shapes and dtypes"),
        (lambda p, t: (p[0], np.int32(1)), "corresponding shapes and dtypes"),
        (lambda p, t: (np.ones(2), np.ones(2)), "types of the function's result"),
    ],
)
def test_jvp_rules_that_are_wrong(rule, message):
    f = custom_jvp(lambda x: lax.sin(x))
    f.defjvp(rule)
    with pytest.raises(TypeError, match=message):
        ms.grad(f)(X)


@pytest.mark.parametrize(
    ("fwd", "bwd", "error", "message"),
    [
        (None, lambda r, ct: ct, TypeError, "produce a tuple of length equal"),
        (None, lambda r, ct: (ct, ct), TypeError, "produce a tuple of length equal"),
        (None, lambda r, ct: (np.ones(2),), ValueError, "same type as the args tuple"),
        (None, lambda r, ct: (np.int32(1),), ValueError, "same type as the args tuple"),
        (lambda x: x, lambda r, ct: (ct,), TypeError, "must produce a pair"),
        (lambda x: ((x,), x), lambda r, ct: (ct,), TypeError, "structure of the function's result"),
        (lambda x: (np.ones(2), x), lambda r, ct: (ct,), TypeError, "types of the function's"),
    ],
)
def test_vjp_rules_that_are_wrong(fwd, bwd, error, message):
    f = custom_vjp(lambda x: lax.sin(x))
    f.defvjp(fwd or (lambda x: (lax.sin(x), x)), bwd)
    with pytest.raises(error, match=message):
        ms.grad(f)(X)


@pytest.mark.parametrize(
    "bwd", [lambda r, ct: (ct * ct,), lambda r, ct: (ct + 1.0,), lambda r, ct: (lax.abs(ct),)]
)
def test_forward_mode_of_a_backward_rule_that_is_not_linear(bwd):
    f = custom_vjp(lambda x: x)
    f.defvjp(lambda x: (x, None), bwd)
    ms.grad(f)(X)
    with pytest.raises(TypeError, match="can't apply forward-mode autodiff") as info:
        ms.jvp(f, (X,), (X,))
    assert "custom_jvp" in str(info.value)


def test_no_cotangent_stands_for_zeros():
    f = custom_vjp(lambda x, y: x * y["a"])
    f.defvjp(lambda x, y: (x * y["a"], None), lambda r, ct: (None, {"a": ct}))
    got = ms.grad(f, (0, 1))(X, {"a": X})
    assert float(got[0]) == 0.0
    assert float(got[1]["a"]) == 1.0


# --- stop_gradient --------------------------------------------------------------------------------


def test_stop_gradient():
    f = lambda x: stop_gradient(x) * x  # noqa: E731
    np.testing.assert_allclose(ms.grad(f)(X), X)
    assert float(ms.jvp(stop_gradient, (X,), (X,))[1]) == 0.0
    out = stop_gradient({"a": np.arange(3), "b": (np.ones(2), True)})
    assert out["a"].dtype == np.arange(3).dtype
    assert out["b"][1] is True
    np.testing.assert_allclose(ms.vmap(ms.grad(f))(np.array([1.0, 2.0])), [1.0, 2.0])


def test_a_key_may_be_among_the_residuals():
    """`a * noise(key)` with a rule of its own; the rule is recorded when it is asked for."""

    @ms.custom_vjp
    def scaled(key, a):
        return a * ms.random.normal(key)

    scaled.defvjp(
        lambda key, a: (scaled(key, a), key), lambda key, ct: (None, ct * ms.random.normal(key))
    )
    key = ms.random.key(0)
    noise = float(ms.random.normal(key))

    def run(a):
        (_, a), _ = scan(lambda c, _: ((c[0], scaled(*c)), None), (key, a), None, length=2)
        return a

    for f, order in ((lambda a: scaled(key, a), 1), (run, 2)):
        np.testing.assert_allclose(ms.grad(f)(2.0), noise**order, rtol=1e-6)
        np.testing.assert_allclose(ms.jit(ms.grad(f))(2.0), noise**order, rtol=1e-6)
        np.testing.assert_allclose(ms.jvp(f, (2.0,), (3.0,))[1], 3 * noise**order, rtol=1e-6)
