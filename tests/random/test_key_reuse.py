"""MS150: a random key used twice is found in every kind of program, and both lines are named.

What counts as a use is what common practice says: drawing and splitting do, `fold_in`,
`key_data` and comparing do not.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import lax, random
from ms_func.errors import KeyReuseError


@pytest.fixture(autouse=True)
def watched():
    with ms.config.debug_key_reuse(True):
        yield


def key():
    return random.key(0)


def both(*uses):
    def run():
        k = key()
        return [use(k) for use in uses]

    return run


def closed(run):
    """`run` on a key that it closes over."""
    return lambda: run(key())


REUSED = {
    "two draws": both(random.normal, random.uniform),
    "split and draw": both(random.split, random.normal),
    "draw and split": both(random.normal, random.split),
    "two splits": both(random.split, random.split),
    "the same element": closed(lambda k: [random.normal(random.split(k)[0]) for k in [k, k]]),
    "one element twice": closed(lambda k: (lambda ks: [random.normal(ks[i]) for i in (0, 1, 1)])(
        random.split(k))),
    "element and lanes": closed(lambda k: (lambda ks: (ks, random.normal(ks[1]),
                                                       ms.vmap(random.normal)(ks)))(
        random.split(k))),
    "a copy": both(random.normal, lambda k: random.normal(k.copy())),
    "inside jit": closed(lambda k: ms.jit(lambda k: random.normal(k) + random.uniform(k))(k)),
    "jitted twice": closed(lambda k: [ms.jit(random.normal)(k), ms.jit(random.normal)(k)]),
    "one jitted function twice": closed(lambda k: (lambda f: [f(k), f(k)])(ms.jit(random.normal))),
    "jit in jit": closed(lambda k: ms.jit(
        lambda k: ms.jit(random.normal)(k) + ms.jit(random.normal)(k))(k)),
    "closed over": closed(lambda k: [ms.jit(lambda: random.normal(k))(), random.normal(k)]),
    "a loop": closed(lambda k: lax.scan(lambda c, _: (c + random.normal(k), None), 0.0, None,
                                        length=3)),
    "a carry": closed(lambda k: lax.scan(lambda c, _: (c, random.normal(c)), k, None, length=3)),
    "while": closed(lambda k: lax.while_loop(lambda c: c < 3, lambda c: c + 1 + 0 *
                                             random.normal(k), 0.0)),
    "fori": closed(lambda k: lax.fori_loop(0, 3, lambda i, c: c + random.normal(k), 0.0)),
    "after a scan over them": closed(lambda k: (lambda ks: (
        lax.map(random.normal, ks), random.normal(ks[1])))(random.split(k))),
    "after a branch": closed(lambda k: (lax.cond(True, random.normal, lambda k: 0.0, k),
                                        random.normal(k))),
    "gradient": closed(lambda k: ms.grad(
        lambda x: x * random.normal(k) + x * x * random.normal(k))(2.0)),
    "jitted gradient": closed(lambda k: ms.jit(ms.grad(
        lambda x: x * random.normal(k) + x * x * random.normal(k)))(2.0)),
    "lanes": closed(lambda k: ms.vmap(lambda k: random.normal(k) + random.uniform(k))(
        random.split(k))),
    "equal lanes": closed(lambda k: ms.vmap(random.normal)(mnp.stack([k, k]))),
    "returned": closed(lambda k: random.normal(ms.jit(lambda k: (random.normal(k), k))(k)[1])),
    "a reference": closed(lambda k: (lambda r: [random.normal(r[...]) for _ in range(2)])(
        ms.new_ref(k))),
}  # fmt: skip

FINE = {
    "fold": both(lambda k: random.fold_in(k, 0), lambda k: random.fold_in(k, 1), random.normal),
    "clone": both(random.normal, lambda k: random.normal(random.clone(k))),
    "data": both(random.normal, random.key_data),
    "equal": both(random.normal, lambda k: k == k),
    "elements": closed(lambda k: [random.normal(k) for k in random.split(k, 3)]),
    "elements in jit": closed(lambda k: ms.jit(
        lambda ks: random.normal(ks[0]) + random.normal(ks[1]))(random.split(k))),
    "reversed": closed(lambda k: (lambda ks: [random.normal(ks[::-1][0]), random.normal(ks[0])])(
        random.split(k))),
    "carry": closed(lambda k: lax.scan(lambda c, _: tuple(random.split(c)), k, None, length=3)),
    "over them": closed(lambda k: lax.map(random.normal, random.split(k, 3))),
    "fold in a loop": closed(lambda k: lax.fori_loop(
        0, 3, lambda i, c: c + random.normal(random.fold_in(k, i)), 0.0)),
    "either branch": closed(lambda k: lax.cond(True, random.normal, random.uniform, k)),
    "gradient": closed(lambda k: ms.grad(lambda x: x * random.normal(k))(2.0)),
    "remat": closed(lambda k: ms.grad(ms.checkpoint(
        lambda x: mnp.sin(mnp.sin(x) * random.normal(k))))(2.0)),
    "lanes": closed(lambda k: ms.vmap(random.normal)(random.split(k))),
    "words": lambda: [random.normal(random.PRNGKey(0)) for _ in range(2)],
    "seeds": lambda: [random.normal(random.key(0)) for _ in range(2)],
    "chosen at run time": closed(lambda k: ms.jit(lambda ks, i: random.normal(ks[i]))(
        random.split(k), 1)),
    "generator": lambda: (lambda g: [ms.jit(g.normal)() for _ in range(3)])(random.Generator(0)),
    "no key": lambda: ms.jit(lambda x: x + 1)(np.ones(3)),
    "gamma": closed(lambda k: random.gamma(k, 2.0, (3,))),
    "permutation": closed(lambda k: random.permutation(k, 10)),
}  # fmt: skip


@pytest.mark.parametrize("name", REUSED)
def test_found(name):
    with pytest.raises(KeyReuseError, match="MS150 random key used twice"):
        REUSED[name]()


@pytest.mark.parametrize("name", FINE)
def test_fine(name):
    FINE[name]()


def test_both_lines_are_named():
    k = key()
    random.normal(k)
    with pytest.raises(KeyReuseError) as found:
        random.uniform(k)
    first, again = map(int, re.findall(r"(?:first|again) at .*?:(\d+)", str(found.value)))
    assert again == first + 2
    assert "random.uniform(k)" in str(found.value)
    assert "fix: split the key" in str(found.value)


def test_off_by_default():
    with ms.config.debug_key_reuse(False):
        k = key()
        assert float(random.normal(k)) == float(ms.jit(random.normal)(k))
    random.normal(k)  # uses before did not count


def test_results_are_the_same():
    def f(k):
        one, two = random.split(k)
        return lax.scan(lambda c, k: (c + random.normal(k), c), 0.0, random.split(one, 3)), two

    with ms.config.debug_key_reuse(False):
        want = ms.jit(f)(key())
    got = ms.jit(f)(key())
    np.testing.assert_array_equal(got[0][0], want[0][0])
    assert bool(got[1] == want[1])
