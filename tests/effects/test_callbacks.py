"""Python functions in programs: values, effects, batching methods, failures, text."""

import itertools
import threading

import ml_dtypes
import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import debug, ir, lax
from ms_func.errors import CallbackError
from ms_func.experimental import io_callback
from ms_func.transforms.passes import cse, dce, simplify

F32 = ms.ShapeDtypeStruct((), np.float32)


def like(x):
    return ms.ShapeDtypeStruct(x.shape, x.dtype)


def program(f, *args):
    return ms.make_ir(f)(*args)


# --- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize("callback", [ms.pure_callback, io_callback])
def test_trees_of_arguments_and_results(callback):
    def host(x, *, scale):
        assert isinstance(x["a"], ms.Array)
        return {"sum": x["a"] + x["b"], "pair": (scale * np.asarray(x["a"]), np.int32(7))}

    def f(x, scale):
        out = {"sum": like(x["a"]), "pair": (like(x["a"]), ms.ShapeDtypeStruct((), np.int32))}
        return callback(host, out, x, scale=scale)

    x = {"a": mnp.arange(3.0), "b": mnp.ones(3)}
    for run in (f, ms.jit(f), ms.jit(ms.jit(f))):
        found = run(x, 2.0)
        assert found["sum"].tolist() == [1, 2, 3]
        assert found["pair"][0].tolist() == [0, 2, 4]
        assert int(found["pair"][1]) == 7


DTYPES = [
    "bool", "int8", "uint8", "int32", "int64", "uint64", "float16", "float32", "float64",
    "complex64", "complex128", "bfloat16", "float8_e4m3fn", "int4",
    "uint2", "float4_e2m1fn",
]  # fmt: skip


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 2)])
def test_every_dtype_and_shape_passes_unchanged(name, shape):
    dtype = np.dtype(getattr(ml_dtypes, name, name))
    x = (np.arange(np.prod(shape)).reshape(shape) % 3).astype(dtype)
    seen = []

    def host(v):
        seen.append(np.asarray(v))
        return v

    y = ms.jit(lambda v: ms.pure_callback(host, like(x), v) if x.size else v)(mnp.asarray(x))
    assert y.dtype == dtype
    np.testing.assert_array_equal(np.asarray(y), x)
    for v in seen:
        assert v.dtype == dtype
        np.testing.assert_array_equal(v, x)


def test_memory_orders_of_results():
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    kind = ms.ShapeDtypeStruct((3, 2), np.float32)
    f = ms.jit(lambda v: ms.pure_callback(lambda a: np.asarray(a).T, kind, v))
    np.testing.assert_array_equal(f(x), x.T)
    kept = []
    ms.jit(lambda v: debug.callback(kept.append, v))(x)
    ms.jit(lambda v: debug.callback(kept.append, v))(x + 1)
    np.testing.assert_array_equal(kept[0], x)  # arguments may be kept: they are copies


def test_arguments_that_are_no_arrays():
    seen = []
    f = ms.jit(
        lambda x: debug.callback(lambda *a, **k: seen.append((a[1], k["n"])), x, "s", n=None)
    )
    f(1.0)
    assert seen == [("s", None)]


def test_keys_are_keys_on_the_host(capsys):
    key = ms.random.key(3)
    kind = ms.ShapeDtypeStruct((), key.dtype)

    def host(k):
        return ms.random.fold_in(k, 1)

    def f(k):
        debug.print("{}", k.shape)
        debug.callback(lambda k: print(float(ms.random.uniform(k))), k)
        return ms.random.key_data(ms.pure_callback(host, kind, k))

    want = ms.random.key_data(host(key)).tolist()
    for run in (f, ms.jit(f)):
        assert run(key).tolist() == want
        assert capsys.readouterr().out == f"()\n{float(ms.random.uniform(key))}\n"
    assert ms.vmap(f)(ms.random.split(key, 2)).shape == (2, 2)


# --- once, never, or as often as it likes -------------------------------------------------------


def test_pure_calls_may_go_and_effects_may_not():
    calls = []

    def host(x):
        calls.append(float(x))
        return x

    ms.jit(lambda x: (ms.pure_callback(host, F32, x), x)[1])(1.0)
    assert calls == []
    ms.jit(lambda x: (io_callback(host, F32, x), x)[1])(1.0)
    assert calls == [1.0]


def test_passes_keep_effects():
    def f(x):
        io_callback(np.sin, F32, x)
        io_callback(np.sin, F32, x)
        ms.pure_callback(np.cos, F32, x)
        return sum(ms.pure_callback(np.sin, F32, x) for _ in range(2))

    fn = program(f, 1.0)
    assert [str(e) for e in fn.effects] == ["callback"]
    for change, count in ((dce, 4), (cse, 3), (simplify, 3)):
        made = change(fn)
        ir.verify(made)
        assert sum(e.primitive.name == "callback" for e in made.eqns) == count
        assert change(made) is made
    assert ms.jit(f)(1.0) == 2 * np.sin(np.float32(1))


def test_counting_in_loops_branches_and_lanes():
    def fresh():
        count = itertools.count(1)
        return lambda: np.float32(next(count))

    def sequence(host, n):
        return lambda x: lax.scan(lambda c, _: (c, io_callback(host, F32)), x, length=n)[1]

    assert ms.jit(sequence(fresh(), 4))(0.0).tolist() == [1, 2, 3, 4]
    host = fresh()
    assert ms.vmap(lambda x: x + io_callback(host, F32))(np.zeros(3, np.float32)).tolist() == [
        1,
        2,
        3,
    ]
    host = fresh()
    picked = ms.vmap(lambda x: lax.cond(x > 0, lambda: io_callback(host, F32), lambda: -1.0))
    assert picked(np.array([1, -1, 1], np.float32)).tolist() == [1, -1, 2]


def test_derivatives_call_once():
    calls = []

    def host(x):
        calls.append(float(x))
        return x * 2

    def f(x):
        y = io_callback(host, F32, lax.stop_gradient(x))
        return mnp.sin(x) * y

    x = np.float32(0.5)
    want = 2 * x * np.cos(x)
    for run in (ms.grad(f), ms.jit(ms.grad(f)), ms.grad(ms.checkpoint(f)), ms.grad(ms.jit(f))):
        calls.clear()
        np.testing.assert_allclose(run(x), want, rtol=1e-6)
        assert calls == [0.5]

    def scanned(x):
        return lax.scan(lambda c, _: (f(c), None), x, length=3)[0]

    calls.clear()
    g = ms.grad(scanned)(x)
    assert len(calls) == 3
    values = [x]
    for _ in range(3):
        values.append(np.sin(values[-1]) * 2 * values[-1])
    np.testing.assert_allclose(calls, values[:3], rtol=1e-5)
    np.testing.assert_allclose(g, np.prod([2 * v * np.cos(v) for v in values[:3]]), rtol=1e-4)

    def loop(x):
        return lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, f(c[1])), (0, x))[1]

    with pytest.raises(NotImplementedError, match="io_callback"):
        ms.grad(loop)(x)


def test_no_derivative_is_made_up():
    for callback, kind in ((ms.pure_callback, "Pure"), (io_callback, "IO")):
        f = lambda x, callback=callback: callback(np.sin, F32, x)  # noqa: E731
        with pytest.raises(ValueError, match=f"{kind} callbacks do not support JVP"):
            ms.grad(f)(1.0)
        with pytest.raises(ValueError, match="do not support JVP"):
            ms.jvp(f, (1.0,), (1.0,))

    @ms.custom_jvp
    def sine(x):
        return ms.pure_callback(np.sin, F32, x)

    sine.defjvp(lambda p, t: (sine(*p), mnp.cos(p[0]) * t[0]))
    np.testing.assert_allclose(ms.grad(sine)(1.0), np.cos(1.0), rtol=1e-6)
    count = lambda x: x * ms.pure_callback(lambda v: np.int32(v), ms.ShapeDtypeStruct((), np.int32), x)  # noqa: E731, E501  # fmt: skip
    assert float(ms.grad(count)(3.5)) == 3.0


# --- batching -----------------------------------------------------------------------------------


def batched_shapes(method, nested=False):
    """Shapes of the arguments in each call of a function of one batched and one shared vector."""
    shapes = []

    def host(x, y):
        shapes.append((x.shape, y.shape))
        return np.asarray(x) + np.asarray(y)

    def f(x, y):
        return ms.pure_callback(
            host, ms.ShapeDtypeStruct((2,), np.float32), x, y, vmap_method=method
        )

    x, y = np.arange(6, dtype=np.float32).reshape(3, 2), np.float32([10, 20])
    run = ms.jit(ms.vmap(f, in_axes=(0, None)))
    want = x + y
    if nested:
        run = ms.vmap(run, in_axes=(None, 0))
        y = np.stack([y, y + 1, y + 2, y + 3])
        want = x[None] + y[:, None]
    found = run(x, y)
    np.testing.assert_array_equal(found, want)
    return shapes


def test_vmap_methods():
    for method in (None, "sequential", "sequential_unrolled"):
        assert batched_shapes(method) == [((2,), (2,))] * 3
        assert batched_shapes(method, nested=True) == [((2,), (2,))] * 12
    assert batched_shapes("expand_dims") == [((3, 2), (1, 2))]
    assert batched_shapes("broadcast_all") == [((3, 2), (3, 2))]
    assert batched_shapes("expand_dims", nested=True) == [((1, 3, 2), (4, 1, 2))]
    assert batched_shapes("broadcast_all", nested=True) == [((4, 3, 2), (4, 3, 2))]


def test_legacy_vectorized_leaves_shared_arguments_alone():
    shapes = []

    def host(x, y):
        shapes.append((x.shape, y.shape))
        return np.asarray(x) + np.asarray(y)

    f = lambda x, y: ms.pure_callback(host, like(x), x, y, vmap_method="legacy_vectorized")  # noqa: E731
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = ms.vmap(f, in_axes=(1, None), out_axes=1)(x, np.float32([1, 2]).sum())
    np.testing.assert_array_equal(found, x + 3)
    assert shapes == [((3, 2), ())]


def test_what_all_lanes_share_is_called_once():
    calls = []
    host = lambda y: (calls.append(1), y)[1]  # noqa: E731
    f = lambda x, y: x + ms.pure_callback(host, F32, y)  # noqa: E731
    assert ms.vmap(f, in_axes=(0, None))(np.zeros(3, np.float32), 2.0).tolist() == [2, 2, 2]
    assert len(calls) == 1


# --- failures -----------------------------------------------------------------------------------


def test_exceptions_keep_their_class():
    class Own(Exception):
        def __init__(self, a, b):
            super().__init__(a, b)

    for error in (
        KeyError("k"),
        ValueError("v"),
        Own(1, 2),
        OSError(2, "gone"),
        ZeroDivisionError(),
    ):

        def host(x, error=error):
            raise error

        f = ms.jit(lambda x, host=host: ms.pure_callback(host, F32, x) + 1)
        for _ in range(2):
            with pytest.raises(type(error)) as caught:
                f(1.0)
            assert isinstance(caught.value, RuntimeError)
            assert isinstance(caught.value, CallbackError)
            assert caught.value.__cause__ is error
            assert "callback `host` raised" in str(caught.value)
            assert "test_callbacks.py" in str(caught.value)


def test_promises_are_checked():
    def wrong(host, shape=(), dtype=np.float32):
        return ms.jit(lambda x: ms.pure_callback(host, ms.ShapeDtypeStruct(shape, dtype), x))

    with pytest.raises(RuntimeError, match=r"returned float32\[2\]"):
        wrong(lambda x: np.zeros(2, np.float32))(1.0)
    with pytest.raises(RuntimeError, match=r"returned float64\[\]"):
        wrong(lambda x: np.float64(x))(1.0)
    with pytest.raises(RuntimeError, match="structure"):
        wrong(lambda x: (x, x))(1.0)
    with pytest.raises(RuntimeError, match="TypeError"):
        wrong(lambda: np.float32(1))(1.0)
    with pytest.raises(RuntimeError, match="structure"):
        ms.pure_callback(lambda x: None, F32, 1.0)
    with pytest.raises(TypeError, match="result_shape_dtypes"):
        ms.pure_callback(np.sin, 3, 1.0)
    with pytest.raises(ValueError, match="vmap_method"):
        ms.pure_callback(np.sin, F32, 1.0, vmap_method="none")
    with pytest.raises(TypeError, match="must be callable"):
        debug.callback("no", 1.0)


def test_a_failure_ends_the_effects_of_its_run():
    seen = []

    def host(i):
        seen.append(int(i))
        if i == 2:
            raise StopIteration("two")

    def f(n):
        lax.fori_loop(0, n, lambda i, c: (debug.callback(host, i), c)[1], 0)

    with pytest.raises(StopIteration):
        ms.jit(f)(6)
    assert seen == [0, 1, 2]


def test_programs_within_callbacks():
    def deep(n):
        def host(x):
            return deep(n - 1)(x) + 1 if n else x

        return ms.jit(lambda x: ms.pure_callback(host, F32, x))

    assert float(deep(6)(np.float32(1))) == 7.0
    big = np.ones((300, 300), np.float32)
    f = ms.jit(lambda x: ms.pure_callback(lambda v: ms.jit(lambda v: (v @ v).sum())(v), F32, x @ x))
    np.testing.assert_allclose(f(big), 300.0**5, rtol=1e-6)

    def failing(x):
        ms.jit(lambda v: debug.callback(lambda _: {}["missing"], v))(x)
        return x

    with pytest.raises(KeyError, match="missing"):
        ms.jit(lambda x: ms.pure_callback(failing, F32, x))(1.0)


def test_threads():
    found = {}

    def work(k):
        g = ms.jit(lambda x: io_callback(lambda v: np.float32(v * 2), F32, x) + k)
        found[k] = [float(g(np.float32(i))) for i in range(20)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == {k: [2 * i + k for i in range(20)] for k in range(4)}


# --- programs as data ---------------------------------------------------------------------------


def test_text_and_hash():
    def f(x):
        debug.print("x {}", x)
        return ms.vmap(lambda x: ms.pure_callback(np.sin, F32, x))(x)

    x = np.zeros(3, np.float32)
    fn, again = program(f, x), program(f, x)
    assert fn == again
    assert hash(fn) == hash(again)
    text = ir.to_text(fn)
    assert "effects {print}" in text
    back = ir.parse(text)
    assert back == fn
    assert ir.to_text(back) == text
    assert fn != program(lambda x: (debug.print("y {}", x), f(x))[1], x)
    with pytest.raises(ir.verify.__globals__["IRError"], match="not of this process"):
        ir.parse(text.replace('HostFunction "', 'HostFunction "no'))


def test_recording_again_compiles_nothing(caplog):
    host = np.sin
    f = lambda x: (debug.print("{}", x), ms.pure_callback(host, F32, x))[1]  # noqa: E731
    ms.jit(f)(1.0)
    with ms.config.log_compiles(True):
        ms.jit(f)(1.0)
        assert not [r for r in caplog.records if "Compiling" in r.message]
        ms.jit(lambda x: (debug.print("other {}", x), x)[1])(1.0)
        assert [r for r in caplog.records if "Compiling" in r.message]


def test_the_numpy_meaning():
    fn = program(lambda x: ms.pure_callback(np.sin, F32, x) + 1, 1.0)
    np.testing.assert_allclose(ir.evaluate(fn, np.float32(1))[0], np.sin(1) + 1, rtol=1e-6)


def test_ahead_of_time(capsys):
    compiled = ms.jit(lambda x: (debug.print("aot {}", x), x)[1]).lower(np.float32(1)).compile()
    compiled(np.float32(2))
    assert capsys.readouterr().out == "aot 2.0\n"


def test_programs_that_call_python_stay_here():
    f = ms.jit(lambda x: (debug.print("{}", x), x)[1])
    for backend in ("xla", "ascend"):
        with pytest.raises(NotImplementedError, match="Python"):
            ms.export(f, np.float32(1), backend=backend)
    with pytest.raises(NotImplementedError, match="Python"):
        ms.jit(f, backend="ascend-ref")(np.float32(1))


def test_python_sees_no_value_of_an_effect_before_it_happens():
    def f(x):
        y = io_callback(lambda v: np.float32(v), F32, lax.stop_gradient(x))
        return x * y.item()

    with pytest.raises(TypeError, match="value"):
        ms.grad(f)(1.0)


def test_python_may_look_at_what_is_computed_beside_an_effect(capsys):
    """Known values decide while `grad` records; the effect happens once, when the program runs."""
    inner = ms.jit(lambda x: (debug.print("inner {}", x), lax.fori_loop(0, 2, double, x))[1])

    @ms.no_convert
    def f(x):
        y = inner(x)
        return y * x if y > 0 else -y

    assert float(ms.grad(f)(np.float32(1.5))) == 12.0
    assert float(ms.grad(f)(np.float32(-1.5))) == -4.0
    assert capsys.readouterr().out == "inner 1.5\nin loop\nin loop\ninner -1.5\nin loop\nin loop\n"


def double(i, x):
    debug.print("in loop")
    return 2 * x
