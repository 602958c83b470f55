"""Random programs with lists, sets and dictionaries that grow in a loop give what Python gives."""

from __future__ import annotations

import random

import numpy as np
import pytest

import ms_func as ms
from tests.source.test_uneven_lists import CHANGES, TESTS, VALUES
from tests.support.python_programs import load

POINTS = [(-1.5, 0), (0.25, 1), (1.75, 3)]
DOUBLING = ("w = w + v", "w += [{v}, 1.0]", "w = [e for e in w for _ in range(2)]",
            "v = [e for e in w for _ in range(2)]")  # fmt: skip
LISTS = [
    *(c for c in CHANGES if c not in DOUBLING), *["w.append({v})"] * 3, "w += [{v}]", "v = w[:3]",
    "w = w[-5:]", "w, v = v[:4], w[:6]",
]  # fmt: skip
KEYS = [
    "d[k % 3] = {v}", "d[k % 3] = d.get(k % 3, 0.0) + {v}", "d.pop(k % 3, None)",
    "s += sum(d.values())", "s += max(d.values(), default=0.0)", "s += len(d) + len(q)",
    "s += (k % 3) in d", "s += d.setdefault(k % 2, {v})", "for a, b in d.items(): s += a * b",
    "d = {{a: b * 0.5 for a, b in d.items() if b > {v}}}", "if k % 2 in q:\n    s += {v}",
    "q.add(k % 4)", "q.discard(k % 3)", "q |= {{k % 5}}", "q = q - {{k % 2}}",
]  # fmt: skip
LAST = (
    "return s + 10 * len(w) + sum(e * (i + 1) for i, e in enumerate(w)) + len(v)"
    " + sum(d.values()) + 3 * sum(d) + 5 * len(d) + len(q) + sum(q)"
)


def program(seed: int) -> str:
    """Text of a function `f(x, n)`."""
    rnd = random.Random(seed)
    changes = LISTS + KEYS * rnd.randrange(3)

    def change(indent: str) -> list[str]:
        text = rnd.choice(changes).format(v=rnd.choice(VALUES))
        return [indent + line for line in text.split("\n")]

    lines = ["w, v, s, k = [x, 1.0], [n * 1.0], 0.0, n + 2", "d, q = {}, set()"]
    lines += ["w = []"] * (rnd.random() < 0.3)
    lines.append("while k > 0:")
    for _ in range(rnd.randrange(2, 5)):
        if rnd.random() < 0.5:
            test = rnd.choice((*TESTS, "k % 2 == 0", "k > 2"))
            lines += [f"    if {test}:", *change("        ")]
            if rnd.random() < 0.4:
                lines += ["    else:", *change("        ")]
        else:
            lines += change("    ")
    lines += ["    k -= 1", LAST]
    return "def f(x, n):\n" + "\n".join("    " + line for line in lines) + "\n"


REFUSED = {147}
"""A name for a dictionary that is stored to on one side, and for a new one on the other."""


def check(seed: int) -> None:
    text = program(seed)
    f = load(text, {})
    jitted = ms.jit(f)
    if seed in REFUSED:
        with pytest.raises(ms.errors.StagingError, match="MS102"):
            jitted(*POINTS[0])
        return
    for point in POINTS:
        try:
            wanted = f(*point)
        except (IndexError, KeyError, ValueError) as error:
            with pytest.raises(type(error)):
                jitted(*point)
        else:
            got = float(jitted(*point))
            np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4, err_msg=text)


@pytest.mark.parametrize("seed", range(8))
def test_value_is_that_of_python(seed):
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("ten", range(1, 25))
def test_value_of_many_programs_is_that_of_python(ten):
    for seed in range(10 * ten, 10 * ten + 10):
        check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1020))
def test_lanes_are_calls(seed):
    """Only of programs that raise nothing: a check fails for all lanes together."""
    text = program(seed)
    f = load(text, {})
    try:
        wanted = [f(*p) for p in POINTS]
    except (IndexError, KeyError, ValueError):
        return
    xs, ns = (np.array(column) for column in zip(*POINTS, strict=True))
    got = ms.jit(ms.vmap(f))(xs.astype(np.float32), ns.astype(np.int32))
    np.testing.assert_allclose(got, np.array(wanted), rtol=1e-4, atol=1e-4, err_msg=text)
