"""What a compilation is made of and why it happened; options of the compiler; a device for jit."""

from __future__ import annotations

import linecache
import logging
import re

import numpy
import pytest

import ms_func as ms
import ms_func.numpy as np
from ms_func import lax
from tests.bad_input.refusal import refused

X = numpy.arange(3, dtype=numpy.float32)


# --- why ------------------------------------------------------------------------------------


def test_a_function_recorded_once_has_no_reason():
    f = ms.jit(lambda x: x + 1)
    f(X)
    f(2 * X)
    assert "not recorded more than once" in f.why_recompiled()


def test_reasons_name_the_argument_and_both_types():
    def step(x, params, n=0):
        return x * params["w"]

    f = ms.jit(step)
    f(X, {"w": X})
    f(X, {"w": X[:1]})
    f(X, {"w": 2.0})
    f(X, {"w": X, "b": X})
    first, second, third = f.why_recompiled().splitlines()
    assert "`params['w']` was float32[3] and is float32[1]" in first
    assert "`params['w']`" in second
    assert "float32[] from a Python number" in second
    assert "structure of the arguments" in third


def test_reasons_of_static_arguments():
    f = ms.jit(lambda x, n, *, flag: x * n, static_argnums=1, static_argnames="flag")
    f(X, 2, flag=True)
    f(X, 3, flag=True)
    f(X, 3, flag=False)
    first, second = f.why_recompiled().splitlines()
    assert "static argument `n` was 2 and is 3" in first
    assert "static argument `flag` was True and is False" in second


def test_the_nearest_earlier_call_is_compared_with():
    f = ms.jit(lambda x, y: x + y)
    f(X, X)
    f(X.astype(numpy.float64), X.astype(numpy.float64))
    f(X, X.astype(numpy.int32))
    assert f.why_recompiled().splitlines()[1].endswith("`y` was float32[3] and is int32[3]")


def test_compilations_are_logged_on_request(caplog):
    f = ms.jit(lambda x: x * 3 + 1)
    with caplog.at_level(logging.WARNING, "ms_func"):
        f(X)
        assert not caplog.records
        with ms.log_compiles():
            f(X[:2])
    text = caplog.text
    assert "Compiling <lambda> for f32[2]" in text
    assert "`x` was float32[3] and is float32[2]" in text


# --- where the time goes --------------------------------------------------------------------


def test_stages_and_lines():
    @ms.no_convert  # else the loop would be compiled as one
    def net(w, x):
        for _ in range(20):
            x = np.tanh(x @ w)  # many
        return np.sum(x)

    w = numpy.eye(3, dtype=numpy.float32)
    jitted = ms.jit(net)
    jitted(w, w)  # whatever is remembered must not make it look cheap
    profile = ms.profile_compile(ms.grad(net), w, w)
    assert set(profile.seconds) >= {"convert", "trace", "transform", "lower", "compile"}
    for stage in ("trace", "transform", "lower", "compile"):
        assert profile.seconds[stage] > 0
    (file, line), count = next(iter(profile.equations.items()))
    assert file == __file__
    assert "# many" in linecache.getline(file, line)
    assert count > 100
    assert str(count) in str(profile)
    assert ms.profile_compile(jitted, w, w).equations[file, line] == 40


def test_equations_of_loop_bodies_count_once():
    def f(x):
        return lax.fori_loop(0, 1000, lambda i, c: np.sin(c), x)

    assert sum(ms.profile_compile(f, 1.0).equations.values()) < 10


# --- options of the compiler ------------------------------------------------------------------


def test_options_reach_the_compiler():
    """Without the passes that fuse, each operation stands in a loop of its own."""
    f = lambda x: np.sum(np.sin(x) * 2 + np.cos(x))  # noqa: E731
    plain = ms.jit(f).lower(X).compile().as_text()
    options = {"xla_disable_hlo_passes": "fusion,instruction-fusion,cpu-instruction-fusion"}
    other = ms.jit(f, compiler_options=options)
    assert float(other(X)) == pytest.approx(float(f(X)), rel=1e-6)
    text = other.lower(X).compile().as_text()
    assert text.count("fusion(") > plain.count("fusion(")
    again = ms.jit(f).lower(X).compile(compiler_options=options).as_text()
    assert again.count("fusion(") == text.count("fusion(")


def test_options_are_part_of_what_is_remembered():
    f = lambda x: np.sum(np.sin(x) + 1)  # noqa: E731
    first = ms.jit(f).lower(X).compile().runtime_executable()
    second = ms.jit(f, compiler_options={"xla_backend_optimization_level": 0}).lower(X)
    assert second.compile().runtime_executable() is not first
    assert ms.jit(f).lower(X).compile().runtime_executable() is first


@pytest.mark.parametrize("how", ["jit", "compile"])
def test_unknown_options_are_refused_and_the_function_works_later(how):
    f, options = lambda x: x + 1, {"nonsense": 1}
    ways = {
        "jit": lambda: ms.jit(f, compiler_options=options)(X),
        "compile": lambda: ms.jit(f).lower(X).compile(compiler_options=options),
    }
    with pytest.raises(RuntimeError, match="No such compile option: 'nonsense'"):
        ways[how]()
    assert ms.jit(f)(X).tolist() == [1.0, 2.0, 3.0]


def test_options_of_an_inner_jit_are_refused():
    inner = ms.jit(lambda x: x + 1, compiler_options={"xla_backend_optimization_level": 0})

    def outer(x):
        return inner(x)  # here

    with refused(ValueError, "compiler_options", "outermost", "fix:"):
        ms.jit(outer)(X)


# --- a device --------------------------------------------------------------------------------


def test_device_of_a_jitted_function():
    first, second = ms.devices()[:2]
    f = ms.jit(lambda x: (x + 1, np.arange(2)), device=second)
    for x in (X, np.asarray(X), ms.device_put(X, first)):
        y, z = f(x)
        assert y.tolist() == [1.0, 2.0, 3.0]
        assert y.devices() == z.devices() == {second}
    assert ms.jit(lambda: np.ones(2), device=second)().devices() == {second}
    grads = ms.jit(ms.grad(lambda x: np.sum(f(x)[0] ** 2)))(X)
    assert grads.tolist() == [2.0, 4.0, 6.0]


def test_device_beside_other_placements_is_refused():
    device = ms.devices()[0]
    with refused(ValueError, "device", "backend"):
        ms.jit(lambda x: x, device=device, backend="xla")  # here
    with refused(ValueError, "device", "fix:", at="shardings"):
        ms.jit(lambda x: x, device=device, in_shardings=None)  # shardings


def test_compiled_programs_say_what_differs_in_a_call():
    x = np.ones(2, np.float32)
    run = ms.jit(lambda x, y: x + y).lower(x, np.float32(1)).compile()
    assert run(x, 1.0).tolist() == [2, 2]  # a number is as good as an array without dimensions
    with refused(TypeError, "does not match the input pytree", "different lengths of tuple"):
        run(x)  # here
    with refused(
        TypeError, "Argument 'x' compiled with float32[2] and called with float32[3]", at="longer"
    ):
        run(np.ones(3, np.float32), x[0])  # longer
    with ms.as_jax() as jax:
        first, other = jax.devices()[:2]
        run = jax.jit(lambda x: x).lower(jax.device_put(x, first)).compile()
        with pytest.raises(ValueError, match="compiled for input shardings that disagree"):
            run(jax.device_put(x, other))


# --- what the stages tell -----------------------------------------------------------------------


def test_stages_describe_their_arguments_and_results():
    f = ms.jit(lambda x, y, n, *, k: {"a": (x + y["u"] * k) * n}, donate_argnums=0,
               static_argnums=2)  # fmt: skip
    traced = f.trace(X, {"u": 1.0}, 3, k=numpy.int32(2))
    lowered = traced.lower()
    compiled = lowered.compile()
    for stage in (traced, lowered, compiled):
        (x, y), named = stage.in_avals
        assert (x.shape, y["u"].dtype, named["k"].dtype) == ((3,), numpy.float32, numpy.int32)
        (x, y), named = stage.args_info
        assert (x.donated, y["u"].donated, named["k"].donated) == (True, False, False)
        assert (x.shape, x.dtype) == ((3,), numpy.float32)
        assert stage.donate_argnums == (0,)
        assert stage.in_tree == ms.tree.structure(((0, {"u": 0}), {"k": 0}))
        assert stage.out_info["a"].shape == (3,)
    assert traced.out_avals["a"].shape == (3,)
    assert compiled.out_info["a"].sharding.device_set == {ms.devices()[0]}
    (x, y), named = compiled.input_shardings
    assert x.device_set == y["u"].device_set == named["k"].device_set == {ms.devices()[0]}
    assert lowered.cost_analysis()["flops"] >= 7
    assert compiled.cost_analysis()["flops"] > 0
    assert compiled.memory_analysis().output_size_in_bytes == 12
    assert "HloModule" in compiled.as_text()
    for args in ((np.asarray(X), {"u": 1.0}, 3), (np.asarray(X), {"u": 1.0})):
        assert compiled.call(*args, k=numpy.int32(2))["a"].tolist() == [6.0, 9.0, 12.0]


def test_numbers_beside_doubles_keep_their_digits():
    x = np.ones(2, np.float64)
    f = ms.jit(lambda x, p: x * p["rate"])
    assert f(x, {"rate": 0.1}).tolist() == [0.1, 0.1]
    assert f(x, {"rate": 0.3}).tolist() == [0.3, 0.3]  # by the C++ dispatcher
    assert f.lower(x, {"rate": 0.1}).compile()(x, {"rate": 0.1}).tolist() == [0.1, 0.1]
    assert ms.jit(lambda x: f(x, {"rate": 0.1}))(x).tolist() == [0.1, 0.1]
    assert ms.jit(lambda z, c: z * c)(x + 0j, 0.1j)[0] == 0.1j
    mixed = ms.jit(lambda x, y, c: (x * c, y * c))(x, x.astype(np.float32), 0.1)
    assert [m.dtype for m in mixed] == [np.float64, np.float32]
    assert ms.jit(lambda y, c: y * c)(x.astype(np.float32), 0.1).dtype == np.float32


def _times(x, c):
    return x * c


@pytest.mark.parametrize(
    "call",
    [
        lambda x, c: lax.cond(True, _times, lambda x, c: x, x, c),
        lambda x, c: lax.cond(x[0] > 0, _times, lambda x, c: x, x, c),
        lambda x, c: lax.switch(0, [_times, _times], x, c),
        lambda x, c: lax.while_loop(lambda s: s[1] < 1, lambda s: (x * s[1], s[1] + 1), (x, c))[0],
        lambda x, c: lax.fori_loop(0, 1, lambda i, s: (s[0] * s[1], s[1]), (x, c))[0],
        lambda x, c: lax.scan(lambda s, y: (s, y * s), c, x)[1],
        lambda x, c: np.vectorize(_times)(x, c),
        lambda x, c: np.vectorize(_times, signature="(n),()->(n)")(x, c),
        lambda x, c: ms.checkpoint(_times)(x, c),
        lambda x, c: ms.vjp(_times, x, c)[0],
        lambda x, c: ms.linearize(_times, x, c)[0],
        lambda x, c: ms.jvp(_times, (x, c), (x, c))[0],
        lambda x, c: ms.custom_gradient(lambda x, c: (x * c, lambda ct: (ct * c, 0.0)))(x, c),
    ],
)
def test_numbers_beside_doubles_under_other_transforms(call):
    x = numpy.ones(2)
    assert call(x, 0.1).tolist() == [0.1, 0.1]
    assert call(x.astype(numpy.float32), 0.1).dtype == numpy.float32
    out = lax.fori_loop(0, 2, lambda i, s: (s[0] * s[1], 2.0), (x, 0.5))  # a number in its place
    assert out[0].tolist() == [1.0, 1.0]


def test_programs_are_lowered_for_the_platforms_that_are_named():
    def kernels(f, *platforms):
        traced = ms.jit(f).trace(np.eye(3))
        text = traced.lower(lowering_platforms=platforms or None).as_text()
        return set(re.findall(r"custom_call @(\w+)", text))

    root, values = np.linalg.cholesky, lambda x: np.linalg.svd(x, compute_uv=False)
    assert kernels(root) == kernels(root, "cpu") == {"lapack_spotrf_ffi"}
    assert kernels(root, "cuda") == {"cusolver_potrf_ffi"}
    assert kernels(root, "tpu") == kernels(root, "cpu", "cuda") == set()  # what XLA has itself
    for platforms in (("tpu",), ("cpu", "cuda")):
        with pytest.raises(NotImplementedError, match=f"does not run on {'/'.join(platforms)}"):
            kernels(values, *platforms)


def test_what_is_lowered_for_other_platforms_is_not_compiled():
    traced = ms.jit(lambda x: x * 2).trace(1.0)
    for platforms in (("cuda", "cpu"), ("cpu", "cpu")):
        assert traced.lower(lowering_platforms=platforms).compile()(3.0) == 6
    with pytest.raises(ValueError, match="was lowered for cuda, tpu, and would run on cpu"):
        traced.lower(lowering_platforms=("cuda", "tpu")).compile()
    for unknown in (("gpu",), "cpu", ()):
        with pytest.raises(ValueError, match="lowering_platforms is a sequence of platforms"):
            traced.lower(lowering_platforms=unknown)
