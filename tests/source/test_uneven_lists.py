"""Random programs on lists whose length the data decide give what Python gives."""

from __future__ import annotations

import random

import numpy as np
import pytest

import ms_func as ms
from ms_func.ir.evaluate import evaluate
from tests.support.python_programs import load

POINTS = [(-1.5, 0), (0.25, 1), (1.75, 2), (3.0, 5)]
TESTS = ("x > 0", "n > 1", "x * n > 2", "len(w) > 1", "w", "s < 3", "1.0 in w", "n % 2 == 0")
VALUES = ("x", "1.0", "x * 2", "s * 0.5", "n * 0.5")
CHANGES = (
    "w.append({v})", "w.append({v})", "w.insert(0, {v})", "w += [{v}, 1.0]", "w.extend(v[:2])",
    "w.reverse()", "w.sort()", "w.sort(reverse=True)", "w = [e * 0.5 for e in w if e > {v}]",
    "w = w[1:]", "w = w[:-1]", "w = w[::-1]", "w = sorted(w, key=lambda e: -e)",
    "w = w + v", "v, w = w, v", "v = list(w)", "w = [e for e in w for _ in range(2)]",
    "w = [a + b for a, b in zip(w, v)]", "w.clear()", "w = list(map(lambda e: e + {v}, w))",
    "w = list(filter(lambda e: e < {v}, w))", "s += w.pop() if w else {v}",
    "s += w.pop(0) if len(w) > 1 else {v}", "s += sum(w)", "s += max(w, default=0.0)",
    "s += len(w)", "s += w[0] - w[-1] if w else 1.0", "s += any(e > {v} for e in w)",
    "s += all(e > {v} for e in w)", "s += min([e for e in w if e > {v}], default=2.0)",
    "s += w.count(1.0)", "s += next((e for e in w if e > {v}), 0.5)", "s += w == v",
    "for i, e in enumerate(w): s += i * e", "for e in reversed(w): s = s * 0.5 + e",
    "for e in w:\n    if e > {v}:\n        break\n    s += e",
    "if w:\n    w[-1] = {v}", "if w:\n    w[0] += {v}", "if w:\n    del w[0]",
    "if 1.0 in w:\n    w.remove(1.0)",
)  # fmt: skip


def program(seed: int) -> str:
    """Text of a function `f(x, n)`."""
    rnd = random.Random(seed)

    def change(indent: str) -> list[str]:
        text = rnd.choice(CHANGES).format(v=rnd.choice(VALUES))
        return [indent + line for line in text.split("\n")]

    lines = ["w, v, s = [x, 1.0], [n * 1.0], 0.0"]
    for _ in range(rnd.randrange(3, 7)):
        if rnd.random() < 0.6:
            lines += [f"if {rnd.choice(TESTS)}:", *change("    ")]
            if rnd.random() < 0.4:
                lines += ["else:", *change("    ")]
        else:
            lines += change("")
    lines.append("return s + 10 * len(w) + sum(e * (i + 1) for i, e in enumerate(w)) + len(v)")
    return "def f(x, n):\n" + "\n".join("    " + line for line in lines) + "\n"


def check(seed: int) -> None:
    text = program(seed)
    f = load(text, {})
    want = [f(*p) for p in POINTS]
    made = ms.make_ir(f)(np.float32(0), np.int32(0))
    if len(made.params) == 2:
        got = [evaluate(made, np.float32(x), np.int32(n))[-1] for x, n in POINTS]
    else:  # an array of constants is an operand
        jitted = ms.jit(f)
        got = [jitted(*p) for p in POINTS]
    np.testing.assert_allclose(np.array(got, np.float64), want, rtol=1e-4, atol=1e-4, err_msg=text)


@pytest.mark.parametrize("seed", range(25))
def test_value_is_that_of_python(seed):
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("hundred", range(1, 11))
def test_value_of_many_programs_is_that_of_python(hundred):
    for seed in range(100 * hundred, 100 * hundred + 100):
        check(seed)
