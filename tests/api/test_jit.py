"""jit: recording, dispatch, static and donated arguments, nesting, ahead of time."""

import copy
import gc
import threading
from functools import partial

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp


def counted(fun):
    """`fun` and a list that grows by one each time it runs in Python."""
    runs = []

    def wrapped(*args, **kwargs):
        runs.append(1)
        return fun(*args, **kwargs)

    return wrapped, runs


def test_python_runs_once_for_each_signature():
    fun, runs = counted(lambda x: x * 2 + 1)
    f = ms.jit(fun)
    for n in (3, 3, 4, 3, 4):
        x = np.arange(n, dtype=np.float32)
        np.testing.assert_array_equal(f(x), x * 2 + 1)
    assert len(runs) == 2
    f(np.arange(3, dtype=np.float64))
    assert len(runs) == 3


def test_arrays_and_python_scalars_of_one_type_share_a_record():
    fun, runs = counted(lambda x: x * 2)
    f = ms.jit(fun)
    weak = f(1.5)
    assert weak.weak_type
    assert float(f(weak)) == 6.0
    assert float(f(2.5)) == 5.0
    assert len(runs) == 1


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint32", "int64", "float16", "float32",
                                   "float64", "complex64", "complex128"])  # fmt: skip
def test_dtypes_are_honoured(dtype):
    x = np.ones(3, dtype)
    for result in (ms.jit(lambda x: x)(x), ms.jit(lambda x: x)(ms.device_put(x))):
        assert result.dtype == x.dtype
        np.testing.assert_array_equal(result, x)


def test_scalars_are_weak_and_32_bits_wide():
    f = ms.jit(lambda x: x)
    for value, dtype in ((1, "int32"), (1.0, "float32"), (1j, "complex64"), (True, "bool")):
        out = f(value)
        assert out.dtype == dtype
        assert out.item() == value
    with pytest.raises(OverflowError, match="whose argument path is x"):
        f(2**40)
    assert f(7).item() == 7


def test_negative_zero_and_nan_pass_through():
    f = ms.jit(lambda x: x * 1.0)
    assert np.signbit(np.asarray(f(-0.0)))
    assert np.isnan(np.asarray(f(float("nan"))))
    x = ms.device_put(np.float32(1))
    assert not np.signbit(np.asarray(x * 0.0))
    assert np.signbit(np.asarray(x * -0.0))


def test_trees_in_and_out():
    f = ms.jit(lambda d, pair: {"sum": d["a"] + pair[0], "rest": [pair[1], None, ()]})
    out = f({"a": np.float32(1)}, (np.float32(2), np.int32(3)))
    assert ms.tree.structure(out) == ms.tree.structure({"sum": 0, "rest": [0, None, ()]})
    assert float(out["sum"]) == 3.0
    assert all(isinstance(x, ms.Array) for x in ms.tree.leaves(out))


def test_registered_containers_pass_both_ways():
    class Pair:
        def __init__(self, a, b):
            assert isinstance(a, (ms.Array, float))
            self.a, self.b = a, b

    ms.tree.register_node(Pair, lambda p: ((p.a, p.b), None), lambda _, c: Pair(*c))
    f = ms.jit(lambda p: Pair(p.b, p.a * 2))
    for _ in range(3):
        out = f(Pair(1.0, 2.0))
        assert (float(out.a), float(out.b)) == (2.0, 2.0)


def test_static_arguments():
    fun, runs = counted(lambda x, n, flag=False: x * n if flag else x + n)
    by_number = ms.jit(fun, static_argnums=(1,), static_argnames="flag")
    assert float(by_number(2.0, 3)) == 5.0
    assert float(by_number(2.0, 3, flag=True)) == 6.0
    assert float(by_number(4.0, 3, flag=True)) == 12.0
    assert len(runs) == 2

    @partial(ms.jit, static_argnames=("n",))
    def power(x, n):
        assert isinstance(n, int)
        return x**n

    assert float(power(3.0, 2)) == 9.0
    assert float(power(3.0, n=3)) == 27.0


def test_static_arguments_that_are_equal_and_of_other_classes():
    f = ms.jit(lambda x, n: x * n, static_argnums=1, static_argnames="n")
    x = np.array([2], np.int32)
    for n in (1, 1.0, True, 1.0 + 0j):
        want = (mnp.asarray(x) * n).dtype
        assert (f(x, n).dtype, f(x, n=n).dtype) == (want, want)
    made = f.lower(x, 1).compile()
    with pytest.raises(TypeError, match=r"compiled: they were \(1,\) and are \(1\.0,\)"):
        made(x, 1.0)


def test_names_and_copies_of_jitted_functions():
    class Model:
        def __call__(self, x):
            return x + 1

    halved = ms.jit(partial(lambda k, x: x / k, 2))
    assert (halved.__name__, ms.jit(Model()).__name__) == ("<lambda>", "Model")
    assert float(copy.deepcopy({"f": halved})["f"](3.0)) == 1.5
    with pytest.raises(TypeError, match="Expected a callable value, got None"):
        ms.jit(None)


def test_unhashable_static_argument_is_named():
    f = ms.jit(lambda x, n: x, static_argnums=1)
    with pytest.raises(ValueError, match="Non-hashable static arguments"):
        f(1.0, [1, 2])
    assert float(f(1.0, (1, 2))) == 1.0


def test_static_argument_numbers_out_of_range():
    with pytest.raises(ValueError, match="static_argnums"):
        ms.jit(lambda x: x, static_argnums=3)
    with pytest.raises(ValueError, match="static_argnames"):
        ms.jit(lambda x: x, static_argnames="y")


def test_values_that_are_no_arrays_are_static():
    f = ms.jit(lambda mode, x: x + 1 if mode == "up" else x - 1)
    assert float(f("up", 1.0)) == 2.0
    assert float(f("down", 1.0)) == 0.0


def test_donated_arrays_are_given_up():
    f = ms.jit(lambda x, y: x + y, donate_argnums=0)
    x, y = ms.device_put(np.ones(4, np.float32)), ms.device_put(np.ones(4, np.float32))
    where = x.unsafe_buffer_pointer()
    z = f(x, y)
    assert x.is_deleted()
    assert not y.is_deleted()
    assert z.unsafe_buffer_pointer() == where
    with pytest.raises(RuntimeError, match="deleted"):
        np.asarray(x)


def test_nested_jit_is_one_program_with_a_call():
    inner = ms.jit(lambda x: x * 2, inline=False)
    outer = ms.jit(lambda x: inner(x) + inner(x + 1))
    assert float(outer(1.0)) == 6.0
    text = outer.lower(1.0).as_text()
    assert text.count("call @") == 2
    assert text.count("func.func private") == 1
    spliced = ms.jit(lambda x: ms.jit(lambda y: y * 2, inline=True)(x)).lower(1.0).as_text()
    assert "call @" not in spliced


def test_a_compiled_function_called_while_recording_is_recorded():
    g = ms.jit(lambda x: x * 2)
    one = g(ms.device_put(np.float32(0.5)))
    recorded = ms.make_ir(lambda x: x + g(one))(1.0)
    assert [e.primitive.name for e in recorded.eqns] == ["call", "add"]
    assert float(g(one)) == 2.0


def test_closures_over_arrays_are_values_at_the_time_of_recording():
    weights = ms.device_put(np.arange(3, dtype=np.float32))
    host = np.ones(3, np.float32)
    f = ms.jit(lambda x: x * weights + host)
    expected = np.arange(3) * 2 + 1
    np.testing.assert_array_equal(f(2.0), expected)
    host[:] = 7
    np.testing.assert_array_equal(f(2.0), expected)


def test_closure_over_a_tracer_is_not_kept():
    @ms.jit
    def outer(x):
        return ms.jit(lambda y: x * y)(3.0)

    assert float(outer(2.0)) == 6.0
    assert float(outer(np.float32(4))) == 12.0


def test_error_in_the_function_leaves_everything_usable():
    class Oops(Exception):
        pass

    attempts = []

    @ms.jit
    def f(x):
        attempts.append(1)
        if len(attempts) == 1:
            raise Oops("user error")
        return x + 1

    with pytest.raises(Oops, match="user error"):
        f(1.0)
    assert float(f(1.0)) == 2.0
    assert float(ms.grad(lambda x: x * x)(3.0)) == 6.0


def test_results_that_are_no_arrays_are_refused():
    with pytest.raises(TypeError, match=r"of type <class 'str'>, .*: 'text'"):
        ms.jit(lambda x: "text")(1.0)


def test_escaped_tracer_is_reported_where_it_is_used():
    kept = []
    ms.jit(lambda x: kept.append(x) or x)(1.0)
    with pytest.raises(ms.errors.UnexpectedTracerError, match="after that recording had ended"):
        kept[0] + 1


def test_truth_value_of_a_traced_value_names_the_line():
    def f(x):
        if x > 0:
            return x
        return -x

    with pytest.raises(ms.errors.TracerBoolConversionError, match=r"test_jit\.py:\d+"):
        ms.jit(f, convert=False)(1.0)
    assert float(ms.grad(f, convert=False)(-2.0)) == -1.0  # values are at hand


def test_equal_programs_compile_once(monkeypatch):
    from ms_func.execution import compile as compiling

    compiled = []
    original = compiling._compile
    monkeypatch.setattr(compiling, "_compile", lambda *args: compiled.append(1) or original(*args))
    x = np.arange(7, dtype=np.float32)
    for _ in range(3):
        np.testing.assert_array_equal(ms.jit(lambda x: x * 3 - 1.25)(x), x * 3 - 1.25)
    assert len(compiled) == 1


def test_methods_and_partials():
    class Model:
        def __init__(self, w):
            self.w = w

        @partial(ms.jit, static_argnums=0)
        def apply(self, x):
            return self.w * x

    assert float(Model(3.0).apply(2.0)) == 6.0
    assert float(ms.jit(partial(lambda a, b: a - b, 5.0))(2.0)) == 3.0


def test_name_and_docstring_are_kept():
    @ms.jit
    def documented(x):
        """What it does."""
        return x

    assert documented.__name__ == "documented"
    assert documented.__doc__ == "What it does."
    assert documented.__wrapped__(3) == 3
    for change in (ms.grad, ms.value_and_grad, ms.jacfwd, ms.jacrev, ms.vmap):
        made = change(partial(documented, 1))
        assert made.__name__ == made.__qualname__ == "documented"
        assert " of documented" in made.__doc__
    assert "What it does." in ms.vmap(documented).__doc__


def test_ahead_of_time():
    f = ms.jit(lambda x, y: (x @ y).sum())
    x, y = ms.ShapeDtypeStruct((2, 3), "float32"), ms.ShapeDtypeStruct((3,), "float32")
    lowered = f.lower(x, y)
    assert "stablehlo.dot_general" in lowered.as_text()
    compiled = lowered.compile()
    value = compiled(np.ones((2, 3), np.float32), np.ones(3, np.float32))
    assert float(value) == 6.0
    assert compiled.cost_analysis()["flops"] > 0
    assert lowered.out_info.shape == ()
    with pytest.raises(TypeError, match="Argument types differ"):
        compiled(np.ones((3, 3), np.float32), np.ones(3, np.float32))


def test_eval_shape_computes_nothing():
    x = ms.ShapeDtypeStruct((10**6, 10**6), "float32")
    out = ms.eval_shape(lambda x: {"t": x.T @ x}, x)
    assert (out["t"].shape, out["t"].dtype) == ((10**6, 10**6), np.float32)


def test_disable_jit_runs_operation_by_operation():
    seen = []
    f = ms.jit(lambda x: seen.append(float(x.sum())) or x + 1, convert=False)
    x = mnp.ones(2)
    with ms.config.disable_jit(True):
        np.testing.assert_array_equal(f(x), [2, 2])
        np.testing.assert_array_equal(f(x * 2), [3, 3])
    assert seen == [2.0, 4.0]
    with pytest.raises(ms.errors.ConcretizationTypeError):
        f(x)


def test_clear_cache_records_again():
    fun, runs = counted(lambda x: x)
    f = ms.jit(fun)
    f(1.0)
    f.clear_cache()
    f(1.0)
    assert len(runs) == 2


def test_threads_record_and_run_independently():
    failures = []

    def work(k):
        try:
            for i in range(20):
                x = np.full(k + 1, i, np.float32)
                got = ms.jit(lambda x: ms.grad(lambda y: (y * y * k).sum())(x))(x)
                np.testing.assert_array_equal(got, 2 * k * x)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures


def test_a_dropped_function_is_collected():
    import weakref

    def f(x):
        return x + 1

    jitted = ms.jit(f)
    jitted(1.0)
    alive = weakref.ref(f)
    del f, jitted
    gc.collect()
    assert alive() is None


def test_make_ir_shows_the_program():
    fn = ms.make_ir(lambda x: mnp.sin(x) * 2)(1.0)
    assert [e.primitive.name for e in fn.eqns] == ["sin", "mul"]
    assert "sin" in str(fn)


def test_float0_passes_through_programs():
    f = ms.jit(ms.grad(lambda x, n: x * n, argnums=(0, 1), allow_int=True))
    for _ in range(2):
        gx, gn = f(2.0, 3)
        assert float(gx) == 3.0
        assert gn.dtype == ms.dtypes.float0
    nothing = np.zeros(3, ms.dtypes.float0)
    assert ms.jit(lambda t: t)(nothing).shape == (3,)


def test_settings_that_decide_what_is_recorded_are_seen_after_the_first_call():
    f = ms.jit(lambda x: x @ x)
    x = np.ones((2, 2), np.float32)
    f(x)
    with ms.config.default_matmul_precision("highest"):
        assert "HIGHEST" in f.lower(x).as_text()
    assert "HIGHEST" not in f.lower(x).as_text()
    g = ms.jit(lambda x: x + mnp.ones((3, 2, 2), np.float32))
    g(x)
    with ms.config.numpy_rank_promotion("raise"), pytest.raises(ValueError, match="rank"):
        g(x)


def test_functions_are_recorded_for_each_value_of_a_context_of_the_users():
    scale = ms.config.make_user_context(1.0)
    runs = []

    @ms.jit
    def f(x):
        runs.append(scale.value)
        return x * scale.value

    assert f(2.0) == 2.0
    with scale(3.0):
        assert f(2.0) == 6.0
        assert f(4.0) == 12.0
    assert f(2.0) == 2.0
    assert runs == [1.0, 3.0]
