"""Lists that grow in loops whose number of steps the data decide, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
from ms_func.errors import StagingBoolError, StagingError
from tests.source.growing_functions import CASES


def counted(x, n):
    w = []
    while n > 0:
        w.append(x * n)
        n -= 1
    return w


def looks(x, n):
    w = counted(x, n + 3)
    v = [e for e in w if e > 2 * x]
    return (
        [w, v, w[::-1], w[1:], w[:-1], w[n % 2 : 3], w[::2], w[-2:0:-1], [*w, x], (*w,), w + v],
        [list(reversed(w)), [*map(abs, w)], [*filter(lambda e: e > 3, w)], w[:]],
        [[a * b for a, b in zip(w, v, strict=False)], [k * e for k, e in enumerate(w)]],
        [any(e > 3 for e in w), all(e >= 0 for e in w), 3 * x in w, bool(v), w == list(w)],
    )


def test_lists_leave_a_program_as_long_as_they_are():
    jitted = ms.jit(looks)
    for n in range(4):
        got, wanted = jitted(0.5, n), looks(0.5, n)
        assert ms.tree.structure(got) == ms.tree.structure(wanted)
        assert ms.tree.leaves(got) == ms.tree.leaves(wanted)
    assert jitted._cache_size() == 1


def test_a_list_goes_into_and_out_of_inner_functions():
    """Also as what another compiled function gives or takes, whose derivative is taken."""
    inner = ms.jit(counted)
    f = ms.jit(lambda x, n: sum(ms.jit(lambda w: w[1:] + w)(inner(x, n))))
    assert f(2.0, 3) == sum([4, 2, 6, 4, 2])
    assert ms.grad(f)(2.0, 3) == 9
    assert ms.grad(ms.checkpoint(f))(2.0, 3) == 9


@pytest.mark.parametrize("f", CASES, ids=lambda f: f.__name__)
def test_no_list_is_laid_out(f):
    """The programs are loops: their texts do not depend on the room that lists have."""

    def size(room):
        with ms.config.list_capacity(room):
            made = ms.make_ir(lambda x, n: f(ms.numpy, x, n))(np.ones(5), 3)
        return sum(1 for _ in str(made).splitlines())

    assert size(64) == size(512)


def test_room_is_a_setting_and_an_overflow_an_error():
    with ms.config.list_capacity(8):
        f = ms.jit(lambda n: len(counted(1.0, n)))
        assert f(8) == 8
        with pytest.raises(MemoryError, match=r"beyond 8 elements in a loop; .*list_capacity"):
            f(9)


@pytest.mark.parametrize("change", ["w.pop()", "w.pop(0)", "w[len(w)]", "w[-1 - len(w)]",
                                    "del w[0]", "w[0] = 1.0", "w.popleft()"])  # fmt: skip
def test_what_is_not_there_is_an_index_error_at_run_time(change, tmp_path):
    kind = "deque" if "popleft" in change else "list"
    source = tmp_path / "f.py"
    source.write_text(
        "from collections import deque\n"
        "def f(n, k):\n"
        f"    w = {kind}([])\n"
        "    while n > 0:\n"
        "        w.append(1.0)\n"
        "        n -= 1\n"
        "    while k > 0:\n"
        f"        {change}\n"
        "        k -= 1\n"
    )
    scope = {}
    exec(compile(source.read_text(), str(source), "exec"), scope)
    ms.jit(scope["f"])(3, 0)
    with pytest.raises(IndexError):
        ms.jit(scope["f"])(0, 1)


def test_lanes_of_different_lengths_cannot_leave():
    with pytest.raises(StagingError, match=r"MS102.*different lengths"):
        ms.vmap(counted, (None, 0))(1.0, np.arange(3))


def test_functions_of_arrays_take_such_a_list():
    f = lambda n: ms.numpy.array(counted(1.0, n)).sum() + np.max(counted(1.0, n))  # noqa: E731
    assert [float(ms.jit(f)(n)) for n in (1, 3)] == [float(f(n)) for n in (1, 3)]
    assert ms.jit(lambda n: np.array(counted(1.0, n)))(3).tolist() == counted(1.0, 3)
    with pytest.raises(StagingBoolError, match="MS170 an array has a length that data decide"):
        ms.jit(lambda n: np.fft.fft(np.array(counted(1.0, n))))(3)


def rows(n):
    w = []
    while n > 0:
        w.append([n, 2 * n])
        n -= 1
    return w


def test_an_element_that_came_out_of_another_function_is_looked_at_but_not_changed():
    def f(n, changed):
        w = ms.jit(rows)(n)
        if changed:
            w[0][1] += 1
        return w[0][1] + w.pop()[0]

    assert ms.jit(f, static_argnums=1)(3, False) == 7
    with pytest.raises(StagingError, match=r"(?s)MS170 .* would not see its changes.*fix: use tup"):
        ms.jit(f, static_argnums=1)(3, True)


def test_a_list_made_of_a_list_is_not_looked_at_after_its_objects_changed_elsewhere():
    def f(n, late):
        w = rows(n)
        v = [*w]
        if not late:
            v[0][1] += 1
        w[-1][0] += 5
        return v[0][1] + v[-1][0]

    assert ms.jit(f, static_argnums=1)(3, False) == f(3, False) == 13
    with pytest.raises(StagingError, match=r"(?s)MS170 this copy .* changed there.*deepcopy"):
        ms.jit(f, static_argnums=1)(3, True)


def test_one_growing_list_twice_in_another_is_an_error_at_run_time():
    def f(n, twice):
        w, one = [], []
        while n > 0:
            w.append(one if twice else [])
            w[-1].append(n)
            n -= 1
        return sum(len(v) for v in w)

    assert ms.jit(f)(3, False) == 3
    with pytest.raises(NotImplementedError, match="holds one and the same list twice"):
        ms.jit(f)(3, True)


def test_elements_have_one_form():
    def f(n, first, others):
        w = [first]
        while n > 0:
            w.append(others)
            n -= 1
        return w[0]

    assert ms.jit(f)(3, 1, 2.5) == 1.0
    with pytest.raises(StagingError, match=r"MS101 .* an element of a list"):
        ms.jit(f)(3, np.ones(2), np.ones(3))


def test_a_store_to_an_array_in_a_growing_list_is_refused():
    def f(x, n, copied):
        w = []
        while n > 0:
            w.append(x * n)
            n -= 1
        v = w[0].copy() if copied else w[0]
        v[0] = 5.0
        w[0] = v
        return w[0] + w.pop()

    x = np.ones(3)
    np.testing.assert_array_equal(ms.jit(f, static_argnums=2)(x, 3, True), [6, 4, 4])
    with pytest.raises(StagingError, match=r"(?s)MS170 an array .*fix: store to a copy and put it"):
        ms.jit(f, static_argnums=2)(x, 3, False)


def test_objects_that_hold_objects_of_their_class_are_refused():
    def f(n):
        head = None
        while n > 0:
            head = [n, head]
            n -= 1
        return head[0]

    with pytest.raises(StagingError, match=r"MS101 the types of the values .* do not settle"):
        ms.jit(f)(3)
