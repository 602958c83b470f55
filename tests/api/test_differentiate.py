"""grad, vjp, jvp, linearize, Jacobians: values, structures, refusals."""

import functools

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp


def loss(params, x):
    hidden = mnp.tanh(x @ params["w1"] + params["b1"])
    return mnp.mean((hidden @ params["w2"]) ** 2)


def example(dtype=np.float64):
    rng = np.random.default_rng(0)
    params = {"w1": rng.normal(size=(3, 4)), "b1": rng.normal(size=4), "w2": rng.normal(size=4)}
    return {k: v.astype(dtype) for k, v in params.items()}, rng.normal(size=(5, 3)).astype(dtype)


def numeric_gradient(f, x, step=1e-6):
    """Central differences, coordinate by coordinate."""
    g = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += step
        down[i] -= step
        g[i] = (f(up) - f(down)) / (2 * step)
    return g


def test_gradient_of_a_tree_is_a_tree():
    params, x = example()
    g = ms.grad(loss)(params, x)
    assert ms.tree.structure(g) == ms.tree.structure(params)
    for name, value in params.items():
        expected = numeric_gradient(lambda v: float(loss({**params, name: v}, x)), value)  # noqa: B023
        np.testing.assert_allclose(g[name], expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("wrap", [lambda f: f, ms.jit])
def test_jit_and_grad_commute(wrap):
    params, x = example()
    expected = ms.grad(loss)(params, x)
    got = wrap(ms.grad(wrap(loss)))(params, x)
    for a, b in zip(ms.tree.leaves(got), ms.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_argnums_pick_arguments():
    f = lambda x, y, z: x * y**2 + z  # noqa: E731
    assert float(ms.grad(f, argnums=1)(2.0, 3.0, 4.0)) == 12.0
    gx, gz = ms.grad(f, argnums=(0, 2))(2.0, 3.0, 4.0)
    assert (float(gx), float(gz)) == (9.0, 1.0)
    assert float(ms.grad(f, argnums=-1)(2.0, 3.0, 4.0)) == 1.0
    assert float(ms.grad(lambda x, *, scale: x * scale)(1.0, scale=5.0)) == 5.0


def test_value_and_auxiliary_data():
    f = lambda x: (x * x, {"twice": 2 * x, "text": "kept"})  # noqa: E731
    (value, aux), g = ms.value_and_grad(f, has_aux=True)(3.0)
    assert (float(value), float(aux["twice"]), aux["text"], float(g)) == (9.0, 6.0, "kept", 6.0)
    g, aux = ms.grad(f, has_aux=True)(3.0)
    assert (float(g), float(aux["twice"])) == (6.0, 6.0)


def test_control_flow_by_values_at_hand():
    def f(x):
        total = x
        while total < 10:
            total = total * x
        return total

    assert float(ms.grad(f)(3.0)) == 27.0
    assert float(ms.grad(ms.grad(f))(3.0)) == 18.0


def test_an_integer_on_the_way_taken_is_a_float_where_another_way_is():
    def f(x):
        if x > 0:
            return 1
        return x * x

    assert [float(ms.grad(f)(x)) for x in (2.0, -2.0)] == [0.0, -4.0]
    with pytest.raises(TypeError, match="requires real-valued outputs"):
        ms.grad(lambda x: 1 if x > 0 else 2)(1.0)


def test_gradients_of_integers():
    with pytest.raises(TypeError, match="requires real- or complex-valued inputs"):
        ms.grad(lambda x: x * 2.0)(3)
    g = ms.grad(lambda x: x * 2.0, allow_int=True)(np.int32([1])[0])
    assert g.dtype == ms.dtypes.float0


def test_results_that_are_no_scalars_are_refused():
    x = np.ones(3, np.float32)
    with pytest.raises(
        TypeError, match=r"Gradient only defined for scalar-output functions.*\(3,\)"
    ):
        ms.grad(lambda x: x)(x)
    with pytest.raises(TypeError, match="Gradient only defined for scalar-output functions"):
        ms.grad(lambda x: (x.sum(), x.sum()))(x)
    with pytest.raises(TypeError, match="requires real-valued outputs"):
        ms.grad(lambda x: x.sum().astype("int32"))(x)
    with pytest.raises(TypeError, match="two-element tuple"):
        ms.grad(lambda x: x.sum(), has_aux=True)(x)


def test_arguments_that_are_no_arrays_are_refused():
    with pytest.raises(TypeError, match="not a valid array or number"):
        ms.grad(lambda s: 1.0)("text")
    with pytest.raises(TypeError, match="argnums=2"):
        ms.grad(lambda x: x, argnums=2)(1.0)


def test_complex_gradients():
    z = 1 + 2j
    assert complex(ms.grad(lambda z: mnp.abs(z) ** 2)(z)) == pytest.approx(2 - 4j)
    assert complex(ms.grad(lambda z: z**3, holomorphic=True)(z)) == pytest.approx(3 * z**2)
    with pytest.raises(TypeError, match="holomorphic"):
        ms.grad(lambda z: z**2)(z)
    with pytest.raises(TypeError, match="complex"):
        ms.grad(lambda x: x, holomorphic=True)(1.0)


def test_jvp_is_linear_and_matches_differences():
    params, x = example()
    rng = np.random.default_rng(1)
    v = ms.tree.map(lambda p: rng.normal(size=p.shape), params)
    f = lambda p: loss(p, x)  # noqa: E731
    value, dot = ms.jvp(f, (params,), (v,))
    step = 1e-6
    up, down = (ms.tree.map(lambda p, d: p + s * d, params, v) for s in (step, -step))  # noqa: B023
    assert float(value) == pytest.approx(float(f(params)))
    assert float(dot) == pytest.approx((float(f(up)) - float(f(down))) / (2 * step), rel=1e-6)
    _, twice = ms.jvp(f, (params,), (ms.tree.map(lambda d: 2 * d, v),))
    assert float(twice) == pytest.approx(2 * float(dot), rel=1e-12)


def test_jvp_checks_its_tangents():
    x = np.ones(3, np.float32)
    with pytest.raises(TypeError, match="same tree structure"):
        ms.jvp(lambda x: x, (x,), (x, x))
    with pytest.raises(ValueError, match="do not match"):
        ms.jvp(lambda x: x, (x,), (np.ones(2, np.float32),))
    with pytest.raises(TypeError, match="do not match"):
        ms.jvp(lambda x: x, (x,), (np.ones(3, np.int32),))
    with pytest.raises(TypeError, match="tuples or lists"):
        ms.jvp(lambda x: x, x, x)


def test_linearize_runs_the_function_once():
    runs = []

    def f(x):
        runs.append(1)
        return mnp.sin(x) * x

    y, f_lin = ms.linearize(f, 2.0)
    slopes = [float(f_lin(t)) for t in (1.0, -3.0)]
    slope = np.cos(2.0) * 2 + np.sin(2.0)
    assert float(y) == pytest.approx(np.sin(2.0) * 2)
    assert slopes == pytest.approx([slope, -3 * slope])
    assert len(runs) == 1


def test_vjp_functions_cross_jit():
    params, x = example()
    _, pull = ms.jit(functools.partial(ms.vjp, lambda p: loss(p, x)))(params)
    (g,) = ms.jit(lambda pull, ct: pull(ct))(pull, np.float64(1))
    expected = ms.grad(loss)(params, x)
    for a, b in zip(ms.tree.leaves(g), ms.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_vjp_checks_its_cotangent():
    _, pull = ms.vjp(lambda x: (x, x * 2), np.ones(3, np.float32))
    with pytest.raises(ValueError, match="structure"):
        pull(np.ones(3, np.float32))
    with pytest.raises(ValueError, match="argument to VJP function"):
        pull((np.ones(2, np.float32), np.ones(3, np.float32)))
    (g,) = pull((np.ones(3, np.float32), np.ones(3, np.float32)))
    np.testing.assert_array_equal(g, [3, 3, 3])


def test_vjp_with_aux_and_integers():
    value, pull, aux = ms.vjp(lambda x, n: (x * n, n + 1), 2.0, 3, has_aux=True)
    gx, gn = pull(1.0)
    assert (float(value), int(aux), float(gx)) == (6.0, 4, 3.0)
    assert gn.dtype == ms.dtypes.float0


def test_linear_transpose():
    a = np.arange(6.0).reshape(2, 3)
    back = ms.linear_transpose(lambda x: a @ x, np.zeros(3))
    np.testing.assert_allclose(back(np.ones(2))[0], a.T @ np.ones(2))
    with pytest.raises(NotImplementedError, match="linear"):
        ms.linear_transpose(lambda x: x * x, 1.0)(1.0)


def test_jacobians_agree():
    a = np.random.default_rng(2).normal(size=(4, 3))
    f = lambda x: {"y": mnp.tanh(a @ x), "s": mnp.sum(x**2)}  # noqa: E731
    x = np.array([0.1, -0.2, 0.3])
    forward, reverse = ms.jacfwd(f)(x), ms.jacrev(f)(x)
    for name in ("y", "s"):
        np.testing.assert_allclose(forward[name], reverse[name], rtol=1e-12)
    np.testing.assert_allclose(forward["y"], (1 - np.tanh(a @ x) ** 2)[:, None] * a, rtol=1e-12)
    np.testing.assert_allclose(forward["s"], 2 * x)
    by_two = ms.jacrev(lambda x, y: x * y, argnums=(0, 1))(x, x)
    np.testing.assert_allclose(by_two[0], np.diag(x))


@pytest.mark.parametrize("outer", [ms.jacfwd, ms.jacrev])
@pytest.mark.parametrize("inner", [ms.jacfwd, ms.jacrev])
def test_hessians_in_all_orders(outer, inner):
    x = np.array([0.3, -0.5, 0.7])
    f = lambda x: mnp.sum(mnp.sin(x)) * mnp.prod(x)  # noqa: E731
    h = np.asarray(outer(inner(f))(x))
    np.testing.assert_allclose(h, h.T, rtol=1e-12)
    np.testing.assert_allclose(h, ms.hessian(f)(x), rtol=1e-12)
    expected = np.stack([(ms.grad(f)(x + d) - ms.grad(f)(x - d)) / 2e-6 for d in np.eye(3) * 1e-6])
    np.testing.assert_allclose(h, expected, rtol=1e-6)
    v = np.array([1.0, 2.0, -1.0])
    np.testing.assert_allclose(ms.hvp(f, (x,), (v,)), h @ v, rtol=1e-12)


def test_derivatives_of_high_order():
    f = mnp.sin
    expected = [np.sin, np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x)]
    for order in range(6):
        assert float(f(0.7)) == pytest.approx(expected[order % 4](0.7), rel=1e-5)
        f = ms.grad(f)


def test_a_repeated_gradient_compiles_nothing(monkeypatch):
    from ms_func.execution import compile as compiling

    params, x = example(np.float32)
    ms.grad(loss)(params, x)
    monkeypatch.setattr(compiling, "_compile", lambda *args: pytest.fail("compiled again"))
    ms.grad(loss)(params, x)


def test_perturbations_are_not_confused():
    f = lambda x: x * ms.grad(lambda y: x + y)(1.0)  # noqa: E731
    assert float(ms.grad(f)(1.0)) == 1.0
    g = lambda x: x * ms.jvp(lambda y: x * y, (2.0,), (1.0,))[1]  # noqa: E731
    assert float(ms.grad(g)(3.0)) == 6.0


def test_functions_linear_over_the_integers_are_transposed():
    back = ms.linear_transpose(lambda x, y: 3 * x + y[0], 1, mnp.arange(2))
    of_x, of_y = back(5)
    assert of_x.dtype == of_y.dtype == np.int32
    assert int(of_x) == 15
    assert of_y.tolist() == [5, 0]
    with pytest.raises(TypeError, match="got f32"):
        back(5.0)
    with pytest.raises(TypeError, match="and integer -> integer"):
        ms.linear_transpose(lambda x: x.astype(np.float32), 1)


def test_a_gradient_is_as_weak_as_its_argument():
    def f(x):
        return (mnp.ones(3, np.float32) * x).sum()

    for derive in (ms.grad, lambda g: lambda x: ms.vjp(g, x)[1](np.float32(1))[0]):
        assert derive(f)(1.0).weak_type
        assert not derive(f)(np.float32(1)).weak_type


def test_weak_tangents_take_the_dtype_of_what_they_belong_to():
    x, weak = np.array([1.0, 2.0]), mnp.ones(2, bool) * 3.0
    assert weak.weak_type
    assert weak.dtype == np.float32
    value, dot = ms.jvp(mnp.max, (x,), (weak,))
    assert (value.dtype, dot.dtype, float(dot)) == (np.float64, np.float64, 3.0)


def test_jacobians_have_the_dtype_and_weakness_of_what_they_belong_to():
    of_number = ms.jacfwd(lambda x: (x * 2, x * np.ones(2, np.float32)))(1.0)
    assert [a.weak_type for a in of_number] == [True, False]
    assert ms.jacrev(lambda x: x * np.ones(2, np.float32))(1.0).weak_type
    for jacobian in (ms.jacfwd, ms.jacrev):
        with pytest.raises(TypeError, match="outputs with complex dtype"):
            jacobian(lambda z: z.real, holomorphic=True)(1j)
        with pytest.raises(TypeError, match="Expected a callable"):
            jacobian(3)
        with pytest.raises(ValueError, match="argnums=2"):
            jacobian(lambda x: x, argnums=2)(1.0)


def test_a_pullback_takes_one_cotangent():
    _, pull = ms.vjp(lambda x: (x, x), 1.0)
    with pytest.raises(TypeError, match="was called with 2"):
        pull(1.0, 1.0)
