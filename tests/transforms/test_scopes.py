"""Scopes of derived programs say by which transform they came about."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as jnp
from ms_func import lax
from ms_func.experimental import jet

_numbers = itertools.count(101)


def scoped():
    """A function of two scopes; its number makes it a program that nobody else has recorded."""
    number = float(next(_numbers))

    def f(x):
        with ms.named_scope("wave"):
            y = jnp.sin(number * x)
            with ms.named_scope("inner"):
                return y * jnp.exp(y)

    return f


def scopes_of(f, *args) -> set[str]:
    """Scopes of the operations, without their names."""
    text = ms.jit(f).lower(*args).as_text(debug_info=True)
    paths = re.findall(r'loc\("([^"]*wave[^"]*)"', text)
    return {path.rpartition("/")[0] for path in paths}


def paths(*marks: str) -> set[str]:
    return {f"{mark.format('wave')}{end}" for mark in marks for end in ("", "/inner")}


CASES = {
    "none": (lambda f: f, paths("{}")),
    "jvp": (lambda f: lambda x: ms.jvp(f, (x,), (x,)), paths("jvp({})")),
    "grad": (lambda f: ms.grad(lambda x: f(x).sum()), paths("jvp({})", "transpose(jvp({}))")),
    "linearize": (lambda f: lambda x: ms.linearize(f, x)[1](x), paths("jvp({})")),
    "vmap": (lambda f: ms.vmap(f), paths("vmap({})")),
    "vmap of grad": (
        lambda f: ms.vmap(ms.grad(f)), paths("vmap(jvp({}))", "vmap(transpose(jvp({})))")),
    "jet": (lambda f: lambda x: jet.jet(f, (x,), ([x],)), paths("jet({})")),
    "a scope around": (
        lambda f: ms.named_scope("outer")(ms.vmap(f)), paths("outer/vmap({})")),
    "jit inside": (lambda f: ms.vmap(ms.jit(f)), paths("vmap({})")),
    "a loop": (
        lambda f: lambda x: ms.jvp(
            lambda x: lax.fori_loop(0, 900, lambda i, y: f(y), x), (x,), (x,)),
        paths("jvp({})")),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_outermost_scope_is_marked(name):
    transform, expected = CASES[name]
    assert scopes_of(transform(scoped()), np.ones(3, "f")) == expected


def test_without_a_scope_nothing_is_marked():
    text = ms.jit(ms.grad(lambda x: jnp.sin(77.125 * x))).lower(1.0).as_text(debug_info=True)
    assert "jvp(" not in text
