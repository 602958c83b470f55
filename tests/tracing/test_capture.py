"""What a recording takes from outside, and how it takes over whole functions."""

import numpy as np

from ms_func.ir import ArrayType, evaluate, verify
from ms_func.primitives.arithmetic import add, mul
from ms_func.primitives.elementwise import exp, sin
from ms_func.tracing.stage import stage
from ms_func.tracing.tracer import Staging, Tracer, build
from ms_func.transforms.passes import prune

F64 = ArrayType((), np.float64)


def test_handles_of_one_value_are_captured_once():
    def outer(x):
        again = Tracer(x.recorder, x.variable)
        staged = stage(lambda xs: add(x, again), [], name="inner")
        assert len(staged.captured) == 1
        return x.recorder.apply(staged.fn, staged.captured)

    fn = build("outer", [F64], outer)
    assert evaluate(fn, 2.0)[0] == 4.0


def test_a_captured_value_stays_when_its_handle_is_rebound():
    def outer(x):
        handle = mul(x, 1.0)
        staged = stage(lambda xs: add(handle, 1.0), [], name="inner")
        handle.variable = mul(x, 100.0).variable  # what assigning to an element does
        return x.recorder.apply(staged.fn, staged.captured)

    assert evaluate(build("outer", [F64], outer), 2.0)[0] == 3.0


def test_two_recordings_share_the_handle_of_a_captured_value():
    with Staging("outer") as trace:
        x = trace.parameter(F64)
        first = stage(lambda xs: sin(x), [], name="f")
        second = stage(lambda xs: exp(Tracer(trace, x.variable)), [], name="g")
        assert first.captured[0] is second.captured[0]


def test_a_function_applied_twice_defines_its_variables_twice():
    inner = build("inner", [F64], lambda x: [mul(sin(x), x), exp(x)])
    part, _ = prune(inner, (True, False))

    def outer(x):
        trace = x.recorder
        (y, _), (z, w) = trace.apply(inner, [x]), trace.apply(inner, [add(x, 1.0)])
        (v,) = trace.apply(part, [y])
        return [y, z, w, v]

    fn = build("outer", [F64], outer)
    verify(fn)
    f = lambda x: np.sin(x) * x  # noqa: E731
    np.testing.assert_allclose(
        evaluate(fn, 0.5), [f(0.5), f(1.5), np.exp(1.5), f(f(0.5))], rtol=1e-15
    )
    verify(inner)
    verify(part)
