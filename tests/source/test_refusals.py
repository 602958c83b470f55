"""What cannot be compiled is refused at the user's line, with the reason and a remedy."""

from __future__ import annotations

import array
import contextlib
import io
import random
import re
from collections import deque
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import lax
from ms_func.errors import (
    ConcretizationTypeError,
    StagingError,
    TracerBoolConversionError,
    UnsupportedError,
)
from ms_func.source.hooks.recursion import enter


def yields_in_branch(x, n):
    def g():
        for v in (x, 1.0):
            if v > 0:  # here
                wanted = not (yield v)
                if not wanted:
                    break

    return sum(g())


def advances_in_branch(x, n):
    values = (v for v in (x, 2 * x))
    first = next(values) if n > 0 else x
    return first + next(values)  # here


def advances_in_both_branches(x, n):
    def g():
        yield x
        yield 2 * x

    values = g()
    if n > 0:
        return next(values)  # here
    return -next(values)


def draws_in_loop(x, n):
    r = np.random.default_rng(0)
    for _ in range(n):
        x = x + r.normal()  # here
    return x


def draws_after_a_branch_did(x, n):
    r = random.Random(1)
    if n > 0:
        x = x + r.random()
    return x + r.random()  # here


def writes_to_a_buffer(x, n):
    b = io.StringIO()
    if n > 0:
        b.write("a")
    return len(b.getvalue()) * x  # here


def yields_in_loop(x, n):
    def g():
        while n > 0:  # here
            try:
                yield x
            except ValueError:
                return

    return sum(g())


def never_ends(x, n):
    def g():
        while True:
            try:
                yield x
            except ValueError:
                return

    s = 0.0
    for v in g():  # here
        s += v
        if s > n:
            break
    return s


def advances_an_iterator_of_a_class(x, n):
    class Countdown:
        def __init__(self):
            self.k = n

        def __iter__(self):
            return self

        def __next__(self):
            if self.k == 0:  # here
                raise StopIteration
            self.k -= 1
            return x

    steps = Countdown()
    return x * next(steps, 0) + next(steps, 0)


def turns_a_deque(x, n):
    w = deque([x, 2 * x])
    w.rotate(n)  # here
    return w[0]


def looks_up_by_a_float(x, n):
    return (x, 1.0)[x]  # here


def stores_by_a_float(x, n):
    w = [1.0, 2.0]
    w[x] = 3.0  # here
    return w


def cuts_by_a_float(x, n):
    return [1.0, 2.0][:x]  # here


def slices_a_text(x, n):
    return x * len("abc"[n:])  # here


def makes_a_shape(x, n):
    return mnp.zeros(n)  # here


def disagrees_in_shape(x, n):
    if n > 0:  # here
        y = mnp.ones(2)
    else:
        y = mnp.ones(3)
    return y


def adds_to_nothing(x, n):
    return mnp.sin(x if n > 0 else None)  # here


def disagrees_in_structure(x, n):
    if n > 0:  # here
        y = (x, x)
    else:
        y = [x]
    return y[0]


def text_is_a_key(x, n):
    return len({"a" if n > 0 else "bb": x})  # here


def containers_of_two_kinds(x, n):
    y = [x] if n > 0 else (x,)  # here
    return y[0]


def grows(x, n):
    y = mnp.ones(2)
    while n > 0:  # here
        y = mnp.concatenate([y, y])
        n -= 1
    return y


def grows_a_text(x, n):
    text = ""
    for _ in range(n):  # here
        text += "a"
    return x * len(text)


def appends_in_branch(x, n):
    w = [x]
    if n > 0:
        w.append(x)
    return mnp.stack(w)  # here


def catches_around_a_transform(x, n):
    def f(x):
        if x > 0:  # here
            raise ValueError("no")
        return 2 * x

    try:
        return ms.vmap(f)(x[None])[0]
    except ValueError:
        return x


def catches_in_groups(x, n):
    try:
        if x > 0:  # here
            raise ValueError("no")
    except* ValueError:
        x = -x
    return 2 * x


def ends_what_is_raised(x, n):
    try:
        if x > 0:  # here
            raise ValueError("no")
        x = -x
    finally:
        return 2 * x  # noqa: B012 - a refusal is no exception of the program's


def falls_back(x, n):
    try:
        return x * len("abc"[n:])  # here
    except TypeError:
        return x


def returns_in_finally(x, n):
    y = x
    with contextlib.suppress(KeyError):
        try:
            y = 2 * x
        finally:
            if n > 0:  # here
                return x  # noqa: B012
    return y


def text_decides(x, n):
    return x if str(n) == "1" else 2 * x  # here


def key_made_of_text(x, n):
    return {"layer1": x}[f"layer{n}"]  # here


def slices_an_array(x, n):
    return np.fft.fft(mnp.arange(3.0)[:n]).real[0] * x  # here


def numpy_itself(x, n):
    return np.busday_count(x, x)  # here


def leaves_through_item(x, n):
    return x.item() * 2  # here


def measures_text(x, n):
    return len(f"{n}") * x  # here


def takes_text_apart(x, n):
    return x if str(n).startswith("1") else -x  # here


OUTSIDE = np.zeros(3)


def stores_to_numpy(x, n):
    OUTSIDE[0] = x  # here
    return OUTSIDE.sum()


def changes_bytes(x, n):
    b = bytearray(b"abc")
    if n > 0:
        b.append(1)  # here
    return len(b) * x


def changes_c_array(x, n):
    a = array.array("d", [1.0])
    if n > 0:
        a[0] = 2.0  # here
    return a[0] * x


def looks_at_locals(x, n):
    y = locals()["x"]
    return y if n > 0 else -y  # here


def calls_itself_for_ever(x, n):
    return calls_itself_for_ever(x, n - 1) if n > 0 else calls_itself_for_ever(x, n + 1)  # here


def multiplies_a_tuple(x, n):
    return sum((x,) * n)  # here


REFUSALS = [
    (yields_in_branch, StagingError, "MS180 yield under a run-time condition", "v > 0"),
    (
        advances_in_both_branches,
        StagingError,
        "MS180 an iterator is advanced here",
        "next(values)",
    ),
    (draws_in_loop, StagingError, "MS170 .*a Generator from outside of it", "r.normal()"),
    (draws_after_a_branch_did, StagingError, "MS170 a Random is used here", "r.random()"),
    (writes_to_a_buffer, StagingError, "MS170 a StringIO is used here", "b.getvalue()"),
    (advances_in_branch, StagingError, "MS180 an iterator is advanced here", "next(values)"),
    (never_ends, StagingError, "MS180 this loop takes its values from an iterator", "g()"),
    (yields_in_loop, StagingError, "MS180 yield under a run-time condition", "n > 0"),
    (turns_a_deque, StagingError, "MS103 .*an element of a deque", "w.rotate(n)"),
    (slices_a_text, StagingError, "MS103 .*an element of a str", '"abc"[n:]'),
    (looks_up_by_a_float, StagingError, "MS103 .*dtype float32, which is no index", "(x, 1.0)[x]"),
    (stores_by_a_float, StagingError, "MS103 .*dtype float32, which is no index", "w[x]"),
    (cuts_by_a_float, StagingError, "MS103 .*dtype float32, which is no index", "[1.0, 2.0][:x]"),
    (
        makes_a_shape,
        ConcretizationTypeError,
        "concrete values of integer type",
        "mnp.zeros(n)",
    ),
    (disagrees_in_shape, StagingError, r"MS102 branches disagree: .* `y` is float32\[3\]", "n > 0"),
    (
        adds_to_nothing,
        StagingError,
        r"MS102 branches disagree: .* one of Choice\(None",
        "mnp.sin(x if n > 0 else None)",
    ),
    (
        disagrees_in_structure,
        StagingError,
        "MS102 branches disagree: .* `y` is a list of length 1",
        "n > 0",
    ),
    (
        text_is_a_key,
        StagingError,
        "MS170 .* is a key or an element of a set",
        '{"a" if n > 0 else "bb": x}',
    ),
    (
        containers_of_two_kinds,
        StagingError,
        "MS102 branches disagree: .*a tuple of length 1 or a",
        "[x] if n > 0 else (x,)",
    ),
    (grows, StagingError, r"MS101 carry type changed in loop: `y` enters as float32\[2\]", "n > 0"),
    (grows_a_text, StagingError, "MS101 .* do not settle", "range(n)"),
    (
        appends_in_branch,
        StagingError,
        "MS170 a list has a length that data decide",
        "mnp.stack(w)",
    ),
    (
        catches_around_a_transform,
        UnsupportedError,
        "a ValueError raised under a run-time condition cannot be caught",
        "x > 0",
    ),
    (
        ends_what_is_raised,
        UnsupportedError,
        "a ValueError raised under a run-time condition cannot be caught",
        "x > 0",
    ),
    (returns_in_finally, StagingError, "MS170 .*a jump out of a `finally` block", "n > 0"),
    (text_decides, StagingError, "MS170 .*text that shows the value is compared", 'str(n) == "1"'),
    (
        key_made_of_text,
        StagingError,
        "MS170 .*text that shows the value is compared",
        '{"layer1": x}[f"layer{n}"]',
    ),
    (
        slices_an_array,
        StagingError,
        "MS170 an array has a length that data decide, and `fft` needs",
        "np.fft.fft(mnp.arange(3.0)[:n])",
    ),
    (
        numpy_itself,
        ConcretizationTypeError,
        "numpy.busday_count was called",
        "np.busday_count(x, x)",
    ),
    (leaves_through_item, ConcretizationTypeError, "used as a Python scalar", "x.item()"),
    (
        measures_text,
        StagingError,
        "MS170 .*text that shows the value is taken apart or measured",
        'len(f"{n}")',
    ),
    (
        takes_text_apart,
        StagingError,
        "MS170 .*text that shows the value is taken apart",
        'str(n).startswith("1")',
    ),
    (catches_in_groups, UnsupportedError, "a ValueError raised .* cannot be caught", "x > 0"),
    (falls_back, StagingError, "MS103", '"abc"[n:]'),
    (
        advances_an_iterator_of_a_class,
        StagingError,
        "MS180 whether this iterator ends is known only when the program runs",
        "self.k == 0",
    ),
    (stores_to_numpy, StagingError, "MS170 .*stored to a NumPy array of shape", "OUTSIDE[0]"),
    (changes_bytes, StagingError, "MS170 side effect .*type bytearray is changed", "b.append(1)"),
    (changes_c_array, StagingError, "MS170 side effect .*type array is changed", "a[0]"),
    (looks_at_locals, TracerBoolConversionError, r"(?s)truth value.*MS104 .*locals\(\)", "n > 0"),
    (
        calls_itself_for_ever,
        StagingError,
        "MS105 `calls_itself_for_ever` calls itself",
        "calls_itself_for_ever(x, n + 1)",
    ),
    (multiplies_a_tuple, ConcretizationTypeError, "used as a Python index", "(x,) * n"),
]


def marked_line(f: Any) -> int:
    """Line of `f` that carries the mark."""
    with open(__file__) as file:
        lines = file.read().splitlines()
    first = f.__code__.co_firstlineno
    return next(i for i in range(first, len(lines)) if lines[i - 1].endswith("# here"))


def test_recursion_on_ever_new_structure(monkeypatch):
    """It is refused after some levels, and not recorded for ever."""
    monkeypatch.setattr(enter, "_FORMS", 5)

    def grows(pair, x):
        return x if x < 0 else grows((pair,), x - 1) + grows([pair], x - 2)

    with pytest.raises(StagingError, match=r"MS105 `grows` .* arguments of ever new structure"):
        ms.jit(lambda x: grows((), x))(1.0)


@pytest.mark.parametrize(
    ("f", "kind", "words", "under"), REFUSALS, ids=[r[0].__name__ for r in REFUSALS]
)
def test_refusal_names_line_reason_and_remedy(f, kind, words, under):
    with pytest.raises(kind) as caught:
        ms.jit(f)(1.0, 1)
    text = str(caught.value)
    where, _, rest = text.partition(": ")
    assert where == f"{__file__}:{marked_line(f)}"
    assert re.search(words, rest), text
    assert "fix: " in text
    assert "racer" not in text
    lines = text.splitlines()
    source, carets = next(x for x in pairwise(lines) if set(x[1]) == {" ", "^"})
    column = carets.index("^")
    assert source[column : column + carets.count("^")] == under


def collects(x, n):
    values = mnp.where(x > mnp.arange(3), mnp.arange(3), 0)
    return mnp.sum(values)


def stacks(x, n):
    return mnp.stack([x, 2 * x])[n]


def switches(x, n):
    return lax.switch(n, [lambda: x, lambda: 2 * x])


def makes_a_known_shape(x, n):
    return mnp.zeros(n) + x


def agrees_in_structure(x, n):
    y = [x, x] if n > 0 else [x, 2 * x]
    return y[1]


def stores_to_a_long_array(x, n):
    y = mnp.zeros(4)
    for i in range(n):
        y[i] = x
    return mnp.sum(y)


def appends_in_both(x, n):
    w = [x]
    if n > 0:
        w.append(x)
    else:
        w.append(0.0)
    return sum(w)


def tries_inside(x, n):
    if x > 0:
        try:
            raise ValueError("no")
        except ValueError:
            return x
    return 2 * x


def decides_after(x, n):
    try:
        y = 2 * x
    finally:
        done = n > 0
    return x if done else y


def compares_the_value(x, n):
    return x if n == 1 else 2 * x


def numpy_of_ours(x, n):
    return mnp.asarray(x) + n


def stores_to_ours(x, n):
    a = mnp.zeros(3)
    a[0] = x
    return a.sum()


def keeps_a_list(x, n):
    b = [1, 2, 3]
    if n > 0:
        b[0] = 5
    return b[0] * x


def own_function(x, n):
    def names():
        return sorted(locals())

    return x if n > len(names()) else -x


def ends(x, n):
    return ends(x, n - 1) + x if n > 0 else x


def starts_with_a_float(x, n):
    total = 0.0
    while n > 0:
        total = total * 0.5 + x
        n -= 1
    return total


def asks_before(x, n):
    if n <= 3:
        return x
    assert n > 3
    return 2 * x


FIXED = [collects, stacks, switches, agrees_in_structure,
         stores_to_a_long_array, appends_in_both, tries_inside, decides_after, compares_the_value,
         numpy_of_ours, stores_to_ours, keeps_a_list, own_function, ends, starts_with_a_float,
         asks_before]  # fmt: skip


@pytest.mark.parametrize("f", FIXED, ids=[f.__name__ for f in FIXED])
def test_the_remedy_works(f):
    """As the messages above advise."""
    compiled = ms.jit(f)
    for x, n in ((1.5, 1), (1.5, 0), (0.5, 1)):
        np.testing.assert_allclose(compiled(x, n), f(x, n), rtol=1e-6)


@pytest.mark.parametrize("f", [makes_a_known_shape, slices_an_array, multiplies_a_tuple])
def test_static_arguments_are_known(f):
    np.testing.assert_allclose(ms.jit(f, static_argnums=1)(1.5, 2), f(1.5, 2))


def test_the_same_function_runs_outside_of_jit():
    assert turns_a_deque(1.5, 1) == 3
    assert falls_back(1.0, 1) == 2


def test_arrays_have_no_truth_value():
    def f(x):
        return x if mnp.ones(3) * x > 0 else -x

    with pytest.raises(ValueError, match=r"Use a\.any\(\) or a\.all\(\)"):
        ms.jit(f)(1.0)
