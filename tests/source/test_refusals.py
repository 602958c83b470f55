"""What cannot be compiled is refused at the user's line, with the reason and a remedy."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func.errors import ConcretizationTypeError, StagingError, UnsupportedError


def yields_in_branch(x, n):
    def g():
        if x > 0:  # here
            yield x

    return sum(g())


def yields_in_loop(x, n):
    def g():
        while n > 0:  # here
            yield x

    return sum(g())


def filters(x, n):
    return sum([i for i in range(3) if x > i])  # here


def takes_from_a_list(x, n):
    return [x, 2 * x].pop(n)  # here


def slices_a_text(x, n):
    return x * len("abc"[n])  # here


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
    if n > 0:  # here
        w.append(x)
    return sum(w)


def catches(x, n):
    try:
        if x > 0:  # here
            raise ValueError("no")
    except ValueError:
        return x
    return 2 * x


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


def unpacks_a_range(x, n):
    a, b = range(n)  # here
    return a + b


def slices_a_list(x, n):
    return sum([1.0, 2.0, 3.0][:n]) * x  # here


def numpy_itself(x, n):
    return np.asarray(x)  # here


def leaves_through_item(x, n):
    return x.item() * 2  # here


REFUSALS = [
    (yields_in_branch, StagingError, "MS180 yield under a run-time condition"),
    (yields_in_loop, StagingError, "MS180 yield under a run-time condition"),
    (filters, StagingError, "MS170 .*the `if` of a comprehension"),
    (takes_from_a_list, StagingError, "MS103 .*an element of a list"),
    (slices_a_text, StagingError, "MS103 .*an element of a str"),
    (makes_a_shape, ConcretizationTypeError, "zeros needs a shape of concrete integers"),
    (disagrees_in_shape, StagingError, r"MS102 branches disagree: .* `y` is float32\[3\]"),
    (adds_to_nothing, StagingError, r"MS102 branches disagree: .* one of Choice\(None"),
    (disagrees_in_structure, StagingError, "MS102 branches disagree: .* `y` is a list of length 1"),
    (text_is_a_key, StagingError, "MS170 .* is a key or an element of a set"),
    (containers_of_two_kinds, StagingError, "MS102 branches disagree: .*a tuple of length 1 or a"),
    (grows, StagingError, r"MS101 carry type changed in loop: `y` enters as float32\[2\]"),
    (grows_a_text, StagingError, "MS101 .* do not settle"),
    (appends_in_branch, StagingError, "MS102 branches disagree: .*list of length 1"),
    (catches, UnsupportedError, "a ValueError raised under a run-time condition cannot be caught"),
    (returns_in_finally, StagingError, "MS170 .*a jump out of a `finally` block"),
    (text_decides, StagingError, "MS170 .*text that shows the value is compared"),
    (key_made_of_text, StagingError, "MS170 .*text that shows the value is compared"),
    (unpacks_a_range, ConcretizationTypeError, "used as a Python index"),
    (slices_a_list, ConcretizationTypeError, "used as a Python index"),
    (numpy_itself, ConcretizationTypeError, "NumPy was called on a traced value"),
    (leaves_through_item, ConcretizationTypeError, "used as a Python scalar"),
]


def marked_line(f: Any) -> int:
    """Line of `f` that carries the mark."""
    with open(__file__) as file:
        lines = file.read().splitlines()
    first = f.__code__.co_firstlineno
    return next(i for i in range(first, len(lines)) if lines[i - 1].endswith("# here"))


@pytest.mark.parametrize(("f", "kind", "words"), REFUSALS, ids=[r[0].__name__ for r in REFUSALS])
def test_refusal_names_line_reason_and_remedy(f, kind, words):
    with pytest.raises(kind) as caught:
        ms.jit(f)(1.0, 1)
    text = str(caught.value)
    where, _, rest = text.partition(": ")
    assert where == f"{__file__}:{marked_line(f)}"
    assert re.search(words, rest), text
    assert "^" in text
    assert "fix: " in text
    assert "racer" not in text
    source = text.splitlines()[1]
    column = text.splitlines()[2].index("^")
    assert source[column] != " "


def test_the_same_function_runs_outside_of_jit():
    assert sum([i for i in range(3) if i < 1.5]) == filters(1.5, 1)
    assert takes_from_a_list(1.5, 1) == 3
    assert catches(1.0, 1) == 1


def test_arrays_have_no_truth_value():
    def f(x):
        return x if mnp.ones(3) * x > 0 else -x

    with pytest.raises(ValueError, match=r"Use a\.any\(\) or a\.all\(\)"):
        ms.jit(f)(1.0)
