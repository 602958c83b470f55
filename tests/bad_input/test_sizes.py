"""Sizes that overflow, are negative or do not fit the device; malformed einsum; endless loops."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy
import pytest

import ms_func as ms
import ms_func.numpy as np
from ms_func import lax
from ms_func.errors import OutOfMemoryError
from tests.bad_input.refusal import refused

X = numpy.ones((2, 3), numpy.float32)
Y = numpy.ones((3, 4), numpy.float32)
V = numpy.arange(3, dtype=numpy.float32)

# --- overflow: the runtime would end the process ------------------------------------------------

OVERFLOWING = {
    "zeros": lambda x: np.zeros((2**40, 2**40)),
    "broadcast": lambda x: np.broadcast_to(x, (2**33, 2**33)),
    "bytes, not elements": lambda x: np.zeros((2**31, 2**31), np.float64),
    "beside an empty dimension": lambda x: np.zeros((2**40, 0, 2**40)),
    "pad": lambda x: lax.pad(np.zeros(3), 0.0, [(2**62, 2**62, 0)]),
    "interior padding": lambda x: lax.pad(np.zeros(3), 0.0, [(0, 0, 2**62)]),
    "new dimensions": lambda x: lax.broadcast(np.zeros(3), (2**31, 2**31)),
    "stack of a scan": lambda x: lax.scan(
        lambda c, _: (c, np.broadcast_to(x, (2**40,))), 0.0, None, length=2**30
    ),
    "random": lambda x: ms.random.normal(ms.random.key(0), (2**40, 2**40)),
    "arange of a batch": lambda x: ms.vmap(lambda i: np.zeros(2**50))(np.zeros(2**20)),
}


@pytest.mark.parametrize("name", OVERFLOWING)
@pytest.mark.parametrize("how", [lambda f: f, ms.jit, lambda f: lambda x: ms.eval_shape(f, x)],
                         ids=["eager", "jit", "eval_shape"])  # fmt: skip
def test_overflowing_sizes_are_refused(name, how):
    with pytest.raises((TypeError, ValueError), match="more than 64 bits can count") as caught:
        how(OVERFLOWING[name])(1.0)
    assert f"{__file__}:" in str(caught.value)
    assert "fix:" in str(caught.value)
    assert float(np.sum(np.zeros(3))) == 0.0


def test_sizes_that_no_device_has_are_described_all_the_same():
    out = ms.eval_shape(lambda x: np.broadcast_to(x, (2**30, 2**20)), 1.0)
    assert out.shape == (2**30, 2**20)
    assert np.zeros((2**40, 0)).shape == (2**40, 0)


# --- more than the device has -------------------------------------------------------------------


def test_results_larger_than_the_memory_of_the_device():
    with refused(OutOfMemoryError, "128 TiB", "results", "fix:"):
        np.zeros(2**45)  # here
    with refused(MemoryError, "`<lambda>` needs 128 TiB", "broadcast_in_dim f32[35184372088832]",
                 at="jit", named=False):  # fmt: skip
        ms.jit(lambda: np.ones(2**45))()  # jit
    assert np.zeros(3).tolist() == [0.0, 0.0, 0.0]


def open_lines() -> list[str]:
    return Path(__file__).read_text().splitlines()


def test_the_line_of_the_largest_value_is_named():
    def f(x):
        y = np.sin(x) * 2
        table = np.broadcast_to(y, (2**23, 2**22)) + np.arange(2.0**22)  # here: table
        return np.sort(table, axis=0)

    with pytest.raises(OutOfMemoryError) as caught:
        ms.jit(f)(1.0)
    (place,) = [i for i, line in enumerate(open_lines(), 1) if line.endswith("# here: table")]
    assert str(caught.value).startswith(f"{__file__}:{place}:")
    assert "f32[8388608,4194304]" in str(caught.value)
    assert "values in between" in str(caught.value)


def test_what_the_compiler_avoids_is_no_matter():
    assert float(ms.jit(lambda: np.sum(np.zeros(2**40)))()) == 0.0


def test_nothing_of_it_ends_the_process():
    code = """
import ms_func as ms, ms_func.numpy as np
for shape in [(2**40, 2**40), (2**62, 4), (2**45,), (2**31, 2**31), (-1,)]:
    for how in (lambda f: f, ms.jit):
        try:
            how(lambda: np.zeros(shape))()
        except (TypeError, ValueError, MemoryError):
            pass
        else:
            raise SystemExit(f"{shape} was not refused")
print(np.ones(2).tolist())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[1.0, 1.0]"


# --- negative lengths -----------------------------------------------------------------------------

NEGATIVE = {
    "zeros": (lambda: np.zeros(-1), "negative"),
    "full": (lambda: np.full((2, -3), 1.0), "negative"),
    "ones": (lambda: np.ones((-2, 2)), "negative"),
    "eye": (lambda: np.eye(-1), "negative"),
    "linspace": (lambda: np.linspace(0, 1, -1), "non-negative"),
    "iota": (lambda: lax.iota("int32", -1), "negative"),
    "broadcast_to": (lambda: np.broadcast_to(1.0, (-1,)), "negative"),
    "tile": (lambda: np.tile(np.ones(2), -1), "negative"),
    "repeat": (lambda: np.repeat(np.ones(2), -1), "negative"),
    "reshape": (lambda: np.reshape(V, -2), "(-2,)"),
    "two unknown sizes": (lambda: np.reshape(X, (-1, -1)), "(-1, -1)"),
    "scan": (lambda: lax.scan(lambda c, _: (c, None), 0.0, None, length=-1), "-1"),
    "split": (lambda: np.split(V, -1), "larger than 0"),
    "split in no parts": (lambda: np.split(V, 0), "larger than 0"),
    "top_k": (lambda: lax.top_k(V, -1), "nonnegative"),
    "top_k of more": (lambda: lax.top_k(V, 4), "no larger"),
    "dynamic_slice": (lambda: lax.dynamic_slice(V, (0,), (-1,)), "(-1,)"),
    "dynamic_slice of more": (lambda: lax.dynamic_slice(V, (0,), (4,)), "(4,)"),
    "one_hot": (lambda: ms.nn.one_hot(np.arange(3), -1), "negative"),
    "random": (lambda: ms.random.normal(ms.random.key(0), (-1,)), "negative"),
    "pad": (lambda: np.pad(V, -1), "negative"),
}


@pytest.mark.parametrize("name", NEGATIVE)
@pytest.mark.parametrize("how", [lambda f: f, ms.jit], ids=["eager", "jit"])
def test_negative_lengths_are_refused(name, how):
    f, words = NEGATIVE[name]
    with pytest.raises((TypeError, ValueError)) as caught:
        how(f)()
    assert words in str(caught.value)
    assert f"{__file__}:" in str(caught.value)


def test_a_range_that_ends_before_it_begins_is_empty():
    assert np.arange(-3).shape == (0,)
    assert lax.fori_loop(5, 2, lambda i, c: c + 1, 0) == 0


# --- einsum ------------------------------------------------------------------------------------

EINSUMS = {
    "too few operands": (("ij,jk", X), "einsum subscripts, 2, must be"),
    "too many operands": (("ij", X, Y), "einsum subscripts, 1, must be"),
    "no operand": (("",), "at least one operand"),
    "unknown output": (("ij,jk->il", X, Y), "'l'"),
    "two arrows": (("ij,jk->ik->", X, Y), "can only contain one '->'"),
    "half an arrow": (("ij,jk-ik", X, Y), "no part of one"),
    "signs": (("i!,jk", X, Y), "labels are letters"),
    "too many labels": (("ijk,jk", X, Y), "does not fit an operand of 2 dimensions"),
    "too few labels": (("i,jk", X, Y), "does not fit an operand of 2 dimensions"),
    "sizes": (("ij,jk", X, X), "'j'"),
    "two ellipses": (("i...j...,jk", X, Y), "one ellipsis"),
    "a dot": (("i.j,jk", X, Y), "one ellipsis"),
    "repeated output": (("ij->ii", X), "more than once"),
    "number as subscripts": ((3, X), "list of labels"),
    "labels out of range": ((X, [0, 99]), "0 to 51"),
}


@pytest.mark.parametrize("name", EINSUMS)
@pytest.mark.parametrize("how", [lambda f: f, ms.jit], ids=["eager", "jit"])
def test_malformed_einsums_are_refused(name, how):
    args, words = EINSUMS[name]
    with pytest.raises((TypeError, ValueError)) as caught:
        how(lambda: np.einsum(*args))()
    assert words in str(caught.value)
    assert f"{__file__}:" in str(caught.value)
    assert np.einsum("ij,jk", X, Y).shape == (2, 4)


# --- loops that would not end -------------------------------------------------------------------


def test_an_endless_loop_in_a_branch_not_taken_ends_under_vmap():
    """Where no lane, or not this lane, takes the branch, its loop makes no step."""

    def endless(x):
        return lax.while_loop(lambda c: c < 1.0, lambda c: c * 1.0, x)

    def f(x):
        return lax.cond(x >= 1.0, endless, lambda x: x * 2, x)

    for g in (ms.vmap(f), ms.jit(ms.vmap(f)), ms.vmap(ms.jit(f))):
        assert g(numpy.array([0.5, 0.25], numpy.float32)).tolist() == [1.0, 0.5]
        assert g(numpy.array([0.5, 2.0], numpy.float32)).tolist() == [1.0, 2.0]
    slopes = ms.vmap(ms.grad(f))(numpy.array([0.5, 2.0], numpy.float32))
    assert slopes.tolist() == [2.0, 1.0]
    nested = ms.vmap(ms.vmap(f))(numpy.array([[0.5, 2.0], [0.25, 0.75]], numpy.float32))
    assert nested.tolist() == [[1.0, 2.0], [0.5, 1.5]]
