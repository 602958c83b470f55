"""Primitives made in JAX's way, programs as data, wrapped functions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ms_func import as_jax

_count = itertools.count()


def _scale(jax, *, rules: str = "impl abstract lower jvp batch"):
    """A primitive `k * x` with some of its rules."""
    from jax.extend.core import Primitive
    from jax.interpreters import ad, batching, mlir

    scale_p = Primitive(f"scale_{next(_count)}")
    if "impl" in rules:
        scale_p.def_impl(lambda x, *, k: np.asarray(x) * k)
    if "abstract" in rules:
        scale_p.def_abstract_eval(lambda x, *, k: jax.core.ShapedArray(x.shape, x.dtype))
    if "lower" in rules:
        mlir.register_lowering(scale_p, mlir.lower_fun(lambda x, *, k: x * k, False))
    if "jvp" in rules:
        ad.deflinear2(scale_p, lambda ct, x, *, k: [scale_p.bind(ct, k=k)])
    if "batch" in rules:
        batching.defvectorized(scale_p)
    return scale_p


def test_a_primitive_with_all_rules():
    with as_jax() as jax:
        p = _scale(jax)
        f = lambda x: p.bind(x, k=3.0) * x  # noqa: E731
        assert float(f(2.0)) == 12.0
        assert float(jax.jit(f)(2.0)) == 12.0
        assert float(jax.grad(f)(2.0)) == 12.0
        assert float(jax.jit(jax.grad(jax.grad(f)))(2.0)) == 6.0
        rows = np.arange(3, dtype="float32")
        assert np.allclose(jax.vmap(jax.grad(f))(rows), 6 * rows)
        assert p.name in str(jax.make_jaxpr(f)(1.0))


@pytest.mark.parametrize(
    ("missing", "use", "message"),
    [
        ("impl", lambda jax, f: f(1.0), "Evaluation rule"),
        ("abstract", lambda jax, f: jax.jit(f)(1.0), "Abstract evaluation"),
        ("lower", lambda jax, f: jax.jit(f)(1.0), "translation rule"),
        ("jvp", lambda jax, f: jax.grad(f)(1.0), "Differentiation rule"),
        ("batch", lambda jax, f: jax.vmap(f)(np.ones(2, "float32")), "Batching rule"),
    ],
)
def test_a_rule_that_is_missing_is_named(missing, use, message):
    every = "impl abstract lower jvp batch"
    with as_jax() as jax:
        p = _scale(jax, rules=every.replace(missing, ""))
        with pytest.raises(NotImplementedError, match=message):
            use(jax, lambda x: p.bind(x, k=2.0))


def test_rules_for_each_operand():
    with as_jax() as jax:
        from jax.extend.core import Primitive
        from jax.interpreters import ad, mlir

        p = Primitive("product_of_two")
        p.def_abstract_eval(lambda x, y: x)
        mlir.register_lowering(p, mlir.lower_fun(lambda x, y: x * y, False))
        ad.defbilinear(p, lambda ct, x, y: p.bind(ct, y), lambda ct, x, y: p.bind(x, ct))
        f = jax.jit(lambda x, y: p.bind(x, y) + x)
        assert [float(g) for g in jax.grad(f, (0, 1))(2.0, 5.0)] == [6.0, 2.0]


def test_programs_have_what_they_close_over_as_constants():
    with as_jax() as jax:
        import jax.extend.core

        c = jax.numpy.arange(3.0)
        program = jax.make_jaxpr(lambda x: (x + c).sum())(c)
        assert len(program.jaxpr.invars) == 1
        assert len(program.jaxpr.constvars) == 1
        assert np.array_equal(program.consts[0], c)
        assert program.in_avals[0].shape == (3,)
        assert [e.primitive.name for e in program.eqns] == ["add", "reduce_sum"]
        (out,) = jax.core.eval_jaxpr(program.jaxpr, program.consts, 2 * c)
        assert float(out) == 9.0
        traced = jax.jit(lambda x: jax.core.eval_jaxpr(program.jaxpr, program.consts, x)[0])
        assert float(traced(c)) == 6.0
        assert float(jax.extend.core.jaxpr_as_fun(program)(c)[0]) == 6.0


def test_partial_evaluation_of_a_flat_function():
    with as_jax() as jax:
        from jax.extend import linear_util as lu
        from jax.interpreters import partial_eval as pe

        args, in_tree = jax.tree.flatten(((2.0, {"a": 3.0}), {}))
        flat, out_tree = jax.api_util.flatten_fun(
            lu.wrap_init(lambda x, d: {"known": d["a"] * 2, "unknown": x + d["a"]}), in_tree
        )
        unknown = pe.PartialVal.unknown(jax.core.ShapedArray((), np.dtype("float32")))
        given = [unknown, pe.PartialVal.known(args[1])]
        program, found, consts = pe.trace_to_jaxpr_nounits(flat, given)
        values = jax.tree.unflatten(out_tree(), found)
        assert values["known"].is_known()
        assert float(values["known"].get_known()) == 6.0
        assert values["unknown"].get_aval().shape == ()
        assert float(jax.core.eval_jaxpr(program, consts, 5.0)[1]) == 8.0


def test_wrapped_functions():
    with as_jax():
        from jax.extend import linear_util as lu

        @lu.transformation
        def doubled(extra, *args):
            out = yield tuple(2 * a for a in args), {}
            yield out + extra

        @lu.transformation_with_aux2
        def counted(f, store, *args):
            store.store(len(args))
            return f(*args)

        f, count = counted(doubled(lu.wrap_init(lambda x, y: x * y), 1))
        with pytest.raises(lu.StoreException):
            count()
        assert f.call_wrapped(3, 4) == 49
        assert count() == 2
        assert lu.merge_linear_aux(count, counted(lu.wrap_init(abs))[1]) == (True, 2)


def test_rules_may_close_over_arrays_and_keys():
    with as_jax() as jax:
        import jax.numpy as jnp
        from jax.extend.core import Primitive
        from jax.interpreters import ad, batching, mlir

        c, key = jnp.arange(3.0), jax.random.key(0)
        p = Primitive("shifted_sine")
        p.def_impl(lambda x: jnp.sin(x) + c)
        p.def_abstract_eval(lambda x: x)
        noise = jax.random.normal(key, (3,))
        lowered = mlir.lower_fun(lambda x: jnp.sin(x) + c + 0 * jax.random.normal(key, (3,)), False)
        mlir.register_lowering(p, lowered)
        ad.defjvp(p, lambda t, x: t * jnp.cos(x + 0 * c) + 0 * noise)
        batching.primitive_batchers[p] = lambda xs, ds: (jnp.sin(xs[0]) + c, ds[0])
        x = jnp.array([0.1, 0.2, 0.3])
        expected = np.cos(np.asarray(x))
        assert np.allclose(jax.jit(p.bind)(x), np.sin(np.asarray(x)) + np.arange(3), atol=1e-6)
        assert np.allclose(jax.grad(lambda x: p.bind(x).sum())(x), expected, atol=1e-6)
        rows = jnp.stack([x, 2 * x])
        total = jax.jit(jax.grad(lambda r: jax.vmap(p.bind)(r).sum()))
        assert np.allclose(total(rows), np.cos(np.asarray(rows)), atol=1e-6)
        looped = jax.jit(lambda x: jax.lax.fori_loop(0, 2, lambda i, x: p.bind(x), x))
        assert np.allclose(looped(x), p.bind(p.bind(x)), atol=1e-6)


def test_rules_may_call_the_host():
    seen = []
    with as_jax() as jax:
        from jax.extend.core import Primitive
        from jax.interpreters import mlir

        def told(x):
            jax.debug.callback(lambda v: seen.append(float(v)), x)
            return x + 1

        p = Primitive("told")
        p.def_abstract_eval(lambda x: x)
        mlir.register_lowering(p, mlir.lower_fun(told, False))
        f = jax.jit(lambda x: jax.jit(p.bind)(x) * 2)
        assert float(f(1.0)) == 4.0
        jax.effects_barrier()
        assert seen == [1.0]


def test_a_lowering_of_another_type_is_an_error():
    with as_jax() as jax:
        from jax.extend.core import Primitive
        from jax.interpreters import mlir

        p = Primitive("of_two_types")
        p.def_abstract_eval(lambda x: x)
        mlir.register_lowering(p, mlir.lower_fun(lambda x: x.sum(), False))
        with pytest.raises(TypeError, match="of_two_types"):
            jax.jit(p.bind)(np.ones(3, "float32"))


def test_traced_numbers_of_a_derivative_are_told_from_others():
    with as_jax() as jax:
        from jax.interpreters import ad

        found = {}

        def f(x, outer):
            trace = jax.core.find_top_trace([x])
            y = x * 2
            found["same"] = y._trace.main is trace.main
            found["kinds"] = [isinstance(v, ad.JVPTracer) for v in (y, outer + 1, x > 0, 1.0)]
            return y

        jax.jit(lambda o: jax.jvp(lambda x: f(x, o), (1.0,), (1.0,)))(2.0)
        assert found == {"same": True, "kinds": [True, False, False, False]}


def test_primitives_that_are_functions_here():
    with as_jax() as jax:
        from jax import lax

        x = np.array([[1.0, 2.0, 3.0]], "float32")
        cases = [
            (lax.square_p, (x,), {}, x**2),
            (lax.squeeze_p, (x,), {"dimensions": (0,)}, x[0]),
            (lax.tile_p, (x,), {"reps": (2, 1)}, np.tile(x, (2, 1))),
            (lax.stack_p, (x, 2 * x), {"axis": 0}, np.stack([x, 2 * x])),
            (lax.select_n_p, (x > 1, x, -x), {}, np.where(x > 1, -x, x)),
            (lax.stage_p, (x,), {}, x),
            (lax.linalg.symmetric_product_p, (x, np.ones((1, 1), "float32")),
             {"alpha": 2.0, "beta": 0.5}, 2 * x @ x.T + 0.5),
            (lax.linalg.lu_pivots_to_permutation_p, (np.array([2, 1], "int32"),),
             {"permutation_size": 3}, np.array([2, 1, 0])),
            *[(p, (np.array([0.0, -0.0, np.nan, -np.nan, 1.0], "float32"), np.array(
                [-0.0, 0.0, np.nan, -np.inf, 2.0], "float32")), {}, np.array(out))
              for p, out in ((lax.eq_to_p, [0, 0, 1, 0, 0]), (lax.lt_to_p, [0, 1, 0, 1, 1]),
                             (lax.le_to_p, [0, 1, 1, 1, 1]))],
        ]  # fmt: skip
        for p, args, params, expected in cases:
            assert np.array_equal(
                jax.jit(lambda *a, p=p, q=params: p.bind(*a, **q))(*args), expected
            )
            rows = [np.stack([a, a]) for a in args]
            found = jax.vmap(lambda *a, p=p, q=params: p.bind(*a, **q))(*rows)
            assert np.array_equal(found, np.stack([expected, expected]))
        assert np.array_equal(jax.grad(lambda v: lax.square_p.bind(v).sum())(x), 2 * x)
        options = {"reduction_dimension": -1, "recall_target": 0.9, "aggregate_to_topk": True,
                   "reduction_input_size_override": -1}  # fmt: skip
        top, _ = lax.approx_top_k_p.bind(x, k=2, is_max_k=True, **options)
        assert np.array_equal(top, [[3, 2]])
        draws = jax.random.random_gamma_p.bind(jax.random.key(0), np.full(900, 2.0, "float32"),
                                               log_space=False)  # fmt: skip
        assert abs(draws.mean() - 2) < 0.25
        with pytest.warns(UserWarning, match="int64"):
            assert lax.argmax(x, 1, np.int64).dtype == "int32"


def test_parameters_go_by_the_names_of_jax():
    with as_jax() as jax:
        from jax.extend.core import primitives

        program = jax.make_jaxpr(lambda x: jax.jit(lambda y: y * 2)(x) + 1)(1.0)
        (call,) = [e for e in program.eqns if e.primitive is primitives.jit_p]
        assert [e.primitive.name for e in call.params["jaxpr"].jaxpr.eqns] == ["mul"]


def test_a_lowering_that_emits_mlir_gives_way_to_what_happens_outside_of_programs():
    with as_jax() as jax:
        import jax.numpy as jnp
        from jax.extend.core import Primitive
        from jax.interpreters import ad, batching, mlir

        p = Primitive("sine_of_mlir")
        p.def_impl(lambda x, *, k: jnp.sin(x) * k)
        p.def_abstract_eval(lambda x, *, k: x)
        mlir.register_lowering(p, lambda ctx, x, *, k: 1 / 0)
        ad.defjvp(p, lambda t, x, *, k: t * jnp.cos(x) * k)
        batching.defvectorized(p)
        x = np.arange(3, dtype="float32")
        f = jax.jit(lambda x: p.bind(x, k=2.0) + 1)
        assert np.allclose(f(x), 2 * np.sin(x) + 1)
        assert np.allclose(jax.jit(jax.vmap(jax.grad(f)))(x), 2 * np.cos(x))
        assert p.get_bind_params({"k": 1}) == {"k": 1}
        q = Primitive("only_mlir")
        q.def_abstract_eval(lambda x: x)
        mlir.register_lowering(q, lambda ctx, x: 1 / 0)
        with pytest.raises(NotImplementedError, match="inside of JAX"):
            jax.jit(q.bind)(x)


def test_primitives_that_are_compiled_to_be_applied():
    from functools import partial

    with as_jax() as jax:
        from jax.extend.core import Primitive
        from jax.interpreters import mlir, xla

        p = Primitive("compiled_square")
        p.def_impl(partial(xla.apply_primitive, p))
        p.def_abstract_eval(lambda x: x)
        mlir.register_lowering(p, mlir.lower_fun(lambda x: x * x, False))
        assert float(p.bind(np.float32(3))) == 9.0
        assert float(jax.jit(p.bind)(np.float32(3))) == 9.0


def test_rules_get_numbers_for_literals():
    with as_jax() as jax:
        from jax.extend.core import Primitive
        from jax.interpreters import batching, mlir

        seen = []
        p = Primitive("first_times")
        p.def_abstract_eval(lambda k, x: x)
        mlir.register_lowering(p, mlir.lower_fun(lambda k, x: k * x, False))

        def batched(args, dims):
            seen.append(np.asarray(args[0]).item())
            return p.bind(*args), dims[1]

        batching.primitive_batchers[p] = batched
        out = jax.vmap(lambda x: p.bind(np.int32(2), x))(np.ones(3, "float32"))
        assert seen == [2]
        assert np.array_equal(out, [2.0, 2.0, 2.0])
