"""Prices: closed forms, laws of ways between layouts, and what the compiler really sends."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import ms_func as ms
from ms_func.parallel.cost import PROFILES, collective, model_for
from ms_func.parallel.hlo import collectives
from ms_func.parallel.splits import Spec, legal_specs
from ms_func.sharding import Link, Mesh, NamedSharding, P

MESH = Mesh((2, 4), ("a", "b"))
SHAPE = (16, 64)


def model(objective="communication", mesh=MESH, platform="cpu"):
    return model_for(mesh, platform, objective)


def test_ring_formulas():
    """Each device sends n-1 of n parts, twice for an all-reduce."""
    link = Link(alpha=1e-6, beta=1e-9)
    assert collective("all_reduce", 4, 4000, link).wire == 6000
    assert collective("all_gather", 4, 4000, link).wire == 3000
    assert collective("reduce_scatter", 4, 4000, link).wire == 3000
    assert collective("all_to_all", 4, 4000, link).wire == 750
    assert collective("permute", 2, 4000, link).wire == 4000
    assert collective("all_reduce", 1, 4000, link).wire == 0
    assert collective("all_reduce", 4, 4000, link).seconds == pytest.approx(6e-6 + 6e-6)
    with pytest.raises(ValueError, match="broadcast"):
        collective("broadcast", 2, 1, link)


def test_ways_obey_the_triangle_inequality_and_staying_is_free():
    m = model()
    specs = legal_specs(SHAPE, m.axes)
    specs += [Spec(s.dims, (1,)) for s in specs if not any(1 in d for d in s.dims)]
    d = m.matrix(SHAPE, 4, specs, specs)
    assert (np.diagonal(d) == 0).all()
    assert (d >= 0).all()
    for k in range(len(specs)):
        assert (d <= d[:, k : k + 1] + d[k] + 1e-6).all()
    closed = [i for i, s in enumerate(specs) if not s.partial]
    opened = [i for i, s in enumerate(specs) if s.partial]
    assert np.isinf(d[np.ix_(closed, opened)]).all()  # a finished sum cannot be opened again
    assert np.isfinite(d[np.ix_(opened, closed)]).all()


def test_paths_lead_where_they_should_at_the_price_of_the_matrix():
    m = model()
    specs = legal_specs(SHAPE, m.axes)
    for p, q in itertools.product(specs, specs):
        steps = m.path(SHAPE, 4, p, q)
        at, price = p, 0.0
        for step in steps:
            moves = {s.to: c for s, c in m.moves(SHAPE, 4 * math.prod(SHAPE), at)}
            price += moves[step.to]
            at = step.to
        assert at == q
        assert price == pytest.approx(m.reshard(SHAPE, 4, p, q), rel=1e-12, abs=1e-12)


def test_known_ways():
    m = model()
    whole, rows = Spec(((), ())), Spec(((0,), ()))
    size = 4 * math.prod(SHAPE)
    assert m.reshard(SHAPE, 4, whole, rows) == pytest.approx(0, abs=1)  # a slice
    assert m.reshard(SHAPE, 4, rows, whole) == pytest.approx(size / 2, abs=1)
    assert m.reshard(SHAPE, 4, rows, Spec(((), (0,)))) == pytest.approx(size / 4, abs=1)
    both = Spec(((), ()), (0, 1))
    assert m.reshard(SHAPE, 4, both, whole) == pytest.approx(2 * 7 / 8 * size, abs=1)


def test_reduce_scatter_where_the_compiler_forms_it():
    four = Mesh((4,), ("b",))
    opened, rows = Spec(((), ()), (0,)), Spec(((0,), ()))
    size = 4 * math.prod(SHAPE)
    here = model(mesh=four).reshard(SHAPE, 4, opened, rows)
    there = model(mesh=four, platform="cuda").reshard(SHAPE, 4, opened, rows)
    assert here == pytest.approx(1.5 * size, abs=1)  # all-reduce and slice
    assert there == pytest.approx(0.75 * size, abs=1)
    assert not PROFILES["cpu"].reduce_scatter


def test_an_idle_axis_shares_the_reduction():
    """Slice along it, add up halves over four devices, slice again, gather the quarters' halves."""
    m = model()
    size = 4 * math.prod(SHAPE)
    opened, rows = Spec(((), ()), (1,)), Spec(((1,), ()))
    assert m.reshard(SHAPE, 4, opened, rows) == pytest.approx(1.5 * size / 2 + size / 8, abs=1)
    steps = [s.kind for s in m.path(SHAPE, 4, opened, rows)]
    assert steps.count("all_reduce") == 1
    assert "all_gather" in steps


def test_time_prefers_fast_links():
    slow = Mesh((2, 2), ("a", "b"), links={"a": Link(1e-4, 1e-7), "b": Link(1e-6, 1e-10)})
    m = model("time", slow)
    whole = Spec(((), ()))
    far = m.reshard(SHAPE, 4, Spec(((0,), ())), whole)
    near = m.reshard(SHAPE, 4, Spec(((1,), ())), whole)
    assert far > 50 * near


def test_compiled_changes_of_layout_send_what_was_priced():
    """All pairs of layouts, one program per source layout, its steps stated one by one."""
    m = model()
    specs = legal_specs(SHAPE, m.axes)
    names = MESH.axis_names

    def laid(s):
        return NamedSharding(MESH, P(*(tuple(names[a] for a in d) for d in s.dims)))

    for p in specs:
        targets = [q for q in specs if q != p]

        def f(*xs, p=p, targets=targets):
            outs = []
            for k, (x, q) in enumerate(zip(xs, targets, strict=True)):
                x = x * np.float32(k + 2)  # not to be merged with another one
                for step in m.path(SHAPE, 4, p, q):
                    x = ms.constrain(x, laid(step.to))
                outs.append(x)
            return outs

        jitted = ms.jit(f, in_shardings=laid(p), out_shardings=[laid(q) for q in targets])
        x = ms.ShapeDtypeStruct(SHAPE, np.float32)
        text = jitted.lower(*[x] * len(targets)).compile().as_text()
        sent = sum(c.wire for c in collectives(text, 8))
        priced = sum(m.reshard(SHAPE, 4, p, q) for q in targets)
        assert sent == pytest.approx(priced, rel=0.02, abs=4), p
