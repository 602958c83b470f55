"""checkpoint: the same values and derivatives, fewer residuals."""

import numpy as np
import pytest

import ms_func as ms
from ms_func.control_flow.checkpoint import checkpoint, checkpoint_policies
from ms_func.control_flow.identities import checkpoint_name, optimization_barrier
from ms_func.control_flow.residuals import print_saved_residuals, saved_residuals
from ms_func.control_flow.scan import scan
from ms_func.transforms.linearize import linearize
from tests.support.operations import lax
from tests.support.staged import program, total

P = checkpoint_policies
POLICIES = {
    "none": None,
    "nothing": P.nothing_saveable,
    "everything": P.everything_saveable,
    "dots": P.dots_saveable,
    "dots_no_batch": P.dots_with_no_batch_dims_saveable,
    "names": P.save_only_these_names("mid"),
    "other_names": P.save_only_these_names("other"),
    "any_names_but": P.save_any_names_but_these("mid"),
    "anything_but": P.save_anything_except_these_names("mid"),
    "both": P.save_from_both_policies(P.dots_saveable, P.save_only_these_names("mid")),
}


def f(x, w):
    y = checkpoint_name(lax.sin(x * w), "mid")
    return total(lax.exp(lax.cos(y) * x))


X, W = np.array([0.3, -1.2, 0.8]), np.array([1.1, 0.4, -0.6])


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_values_and_derivatives_do_not_change(policy):
    g = checkpoint(f, policy=policy)
    np.testing.assert_allclose(g(X, W), f(X, W))
    for order in (lambda h: ms.grad(h, (0, 1)), ms.hessian, lambda h: ms.jacrev(ms.grad(h))):
        np.testing.assert_allclose(order(g)(X, W), order(f)(X, W), rtol=1e-9)
        np.testing.assert_allclose(ms.jit(order(g))(X, W), order(f)(X, W), rtol=1e-9)
    np.testing.assert_allclose(ms.jvp(g, (X, W), (W, X)), ms.jvp(f, (X, W), (W, X)))
    rows = np.stack([X, W])
    got, want = (ms.vmap(ms.grad(h), (0, None))(rows, W) for h in (g, f))
    np.testing.assert_allclose(got, want)


def residuals(g, *args):
    """Residuals that are no arguments."""
    made = program(g, *args)
    primal, _, _ = linearize(made, (True,) * len(args))
    kept = primal.results[len(made.results) :]
    return [r for r in kept if r not in primal.params]


def test_fewer_residuals_are_kept():
    plain = len(residuals(f, X, W))
    count = {name: len(residuals(checkpoint(f, policy=p), X, W)) for name, p in POLICIES.items()}
    assert plain >= 3
    assert count["none"] == count["nothing"] == count["dots"] == count["other_names"] == 0
    assert count["names"] == count["both"] == 1
    assert count["everything"] == plain


def test_dots_are_kept():
    g = lambda x: total(lax.sin(lax.dot(x, x)))  # noqa: E731
    x = np.eye(3)
    assert len(residuals(checkpoint(g), x)) == 0
    assert len(residuals(checkpoint(g, policy=P.dots_saveable), x)) == 1


def test_inside_a_scan():
    def run(wrap):
        step = wrap(lambda c, x: (lax.sin(c * x) + lax.cos(c), None))
        return lambda c, xs: scan(step, c, xs)[0]

    xs = np.linspace(0.1, 1, 6)
    plain, again = run(lambda g: g), run(checkpoint)
    c = np.float64(0.5)
    np.testing.assert_allclose(ms.grad(again, (1))(c, xs), ms.grad(plain, (1))(c, xs))
    np.testing.assert_allclose(ms.hessian(again)(c, xs), ms.hessian(plain)(c, xs))
    assert len(residuals(again, c, xs)) == 1  # the carry of each step
    assert len(residuals(plain, c, xs)) >= 2


def test_the_second_computation_stands_behind_a_barrier():
    def text(**options):
        g = checkpoint(lambda x: lax.sin(lax.sin(x)), **options)
        return ms.jit(ms.grad(g)).lower(1.0).as_text()

    assert "optimization_barrier" in text()
    assert "optimization_barrier" not in text(prevent_cse=False)
    behind = text().partition("optimization_barrier")[2]
    assert behind.count("stablehlo.sine") == 1  # the inner one, again
    assert behind.count("stablehlo.cosine") == 2
    assert "optimization_barrier" not in ms.jit(checkpoint(lax.sin)).lower(1.0).as_text()


def test_static_arguments_keywords_and_closures():
    @checkpoint
    def g(x, scale=1.0):
        return lax.sin(x) * scale

    assert float(ms.grad(g)(0.0, scale=3.0)) == 3.0
    h = checkpoint(lambda n, x: x**n if isinstance(n, int) else None, static_argnums=0)
    assert float(ms.grad(h, 1)(3, 2.0)) == 12.0
    outer = lambda x: checkpoint(lambda y: y * lax.sin(x))(x)  # noqa: E731
    np.testing.assert_allclose(ms.grad(outer)(0.5), np.sin(0.5) + 0.5 * np.cos(0.5), rtol=1e-6)


def test_python_control_flow_on_known_values():
    g = checkpoint(lambda x: lax.sin(x) if x > 0 else lax.cos(x))
    np.testing.assert_allclose(ms.grad(g)(0.5), np.cos(0.5), rtol=1e-6)
    np.testing.assert_allclose(ms.grad(g)(-0.5), -np.sin(-0.5), rtol=1e-6)


def test_optimization_barrier_is_the_identity():
    tree = {"a": X, "b": (W, 3)}
    out = optimization_barrier(tree)
    np.testing.assert_allclose(out["a"], X)
    assert int(out["b"][1]) == 3
    g = lambda x: total(lax.sin(optimization_barrier(x)))  # noqa: E731
    np.testing.assert_allclose(ms.grad(g)(X), np.cos(X))
    np.testing.assert_allclose(ms.vmap(optimization_barrier)(X), X)


def test_saved_residuals(capsys):
    g = lambda x, w: total(lax.exp(x) * w)  # noqa: E731
    found = saved_residuals(g, np.ones((4, 2)), np.ones((4, 2), np.float64))
    assert sorted(r.source for r in found) == ["argument w", "exp"]
    assert all(r.type.nbytes == 64 for r in found)
    assert [r.loc.file for r in found if r.source == "exp"] == [__file__]
    assert [r.source for r in saved_residuals(checkpoint(g), X, W)] == ["argument x", "argument w"]
    h = lambda x, w: total(lax.sin(lax.dot(x, w)))  # noqa: E731
    dots = checkpoint(h, policy=ms.checkpoint_policies.dots_saveable)
    assert "dot_general" in [r.source for r in saved_residuals(dots, np.eye(3), np.ones(3))]
    print_saved_residuals(g, X, W)
    assert "f64[3], 24 bytes, from exp at " in capsys.readouterr().out


# --- policies look into the steps of scans --------------------------------------------------------


def layers(x, w):
    """A scan of layers whose products are named."""

    def layer(h, w):
        product = checkpoint_name(lax.dot(w, h), "product")
        return lax.sin(lax.tanh(product)), total(product * product)

    h, sums = lax.scan(layer, x, w)
    return total(h) + total(sums)


def computed(policy):
    """Matrix products of the gradient, and stacks of `[4, 3]` between its two passes."""
    x, w = np.linspace(0.1, 0.9, 3), np.linspace(-1, 1, 36).reshape(4, 3, 3)
    f = ms.checkpoint(layers, policy=policy) if policy != "none" else layers
    text = ms.jit(ms.value_and_grad(f, (0, 1))).lower(x, w).as_text()
    found = [r.type.shape for r in saved_residuals(f, x, w)]
    return text.count("stablehlo.dot_general"), found.count((4, 3)), ms.grad(f, (0, 1))(x, w)


def test_policies_inside_scans():
    save = ms.checkpoint_policies
    plain, _, want = computed("none")
    again, none_kept, got = computed(None)
    assert again == plain + 1  # the products once more
    assert none_kept == 0
    for policy in (save.dots_saveable, save.save_only_these_names("product")):
        dots, kept, found = computed(policy)
        assert dots == plain
        assert kept == 1
        for a, b in zip(found, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    assert computed(save.everything_saveable)[0] == plain
    assert computed(save.save_only_these_names("other"))[:2] == (again, 0)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_policies_inside_scans_of_every_order():
    x, w = np.linspace(0.1, 0.9, 3), np.linspace(-1, 1, 36).reshape(4, 3, 3)
    kept = ms.checkpoint(layers, policy=ms.checkpoint_policies.dots_saveable)
    for order in (ms.hessian, lambda f: ms.jacrev(ms.jacrev(f))):
        np.testing.assert_allclose(order(kept)(x, w), order(layers)(x, w), rtol=1e-9, atol=1e-12)
    rows = np.stack([x, x * 0.5])
    got = ms.vmap(ms.grad(kept, 1), (0, None))(rows, w)
    np.testing.assert_allclose(got[1], ms.grad(layers, 1)(rows[1], w), rtol=1e-9)


def test_static_arguments_by_name():

    def g(x, power, *, flag):
        assert isinstance(power, int)
        assert isinstance(flag, str)
        return lax.sin(x**power if flag == "yes" else x)

    again = ms.checkpoint(g, static_argnames=("power", "flag"))
    for args, kwargs in (((0.5, 3), {}), ((0.5,), {"power": 3})):
        slope = ms.grad(lambda x: again(x, *args[1:], **kwargs, flag="yes"))(0.5)  # noqa: B023
        np.testing.assert_allclose(slope, np.cos(0.125) * 0.75, rtol=1e-6)


def test_policies_that_offload_keep_the_same_values():
    x, w = np.linspace(0.1, 0.9, 3), np.linspace(-1, 1, 36).reshape(4, 3, 3)
    policies = [
        P.offload_dot_with_no_batch_dims("device", "pinned_host"),
        P.save_and_offload_only_these_names(
            names_which_can_be_saved=["other"], names_which_can_be_offloaded=["product"],
            offload_src="device", offload_dst="pinned_host",
        ),
    ]  # fmt: skip
    for policy in policies:
        assert computed(policy)[1] == 1
        np.testing.assert_allclose(
            ms.grad(ms.checkpoint(layers, policy=policy))(x, w), ms.grad(layers)(x, w), rtol=1e-12
        )


def test_nothing_is_computed_again_where_everything_is_kept():
    def f(x):
        return lax.sin(lax.sin(lax.sin(x)))

    policies = ms.checkpoint_policies
    for policy, again in ((policies.everything_saveable, 0), (policies.nothing_saveable, 2)):
        linear = ms.linearize(ms.checkpoint(f, policy=policy), 1.0)[1]
        text = repr(ms.make_ir(linear)(1.0))
        assert text.count(" sin ") == again
        assert text.count(" cos ") == (3 if again else 0)
