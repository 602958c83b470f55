"""Random programs under random plans: whatever is chosen compiles and computes the same.

Plans are drawn, not searched, so that layouts meet which the search would never pick.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import ms_func as ms
from ms_func.execution.compile import Prepared, ready
from ms_func.parallel.cost import model_for
from ms_func.parallel.hlo import collectives
from ms_func.parallel.memory import Memory
from ms_func.parallel.nodes import build_graph
from ms_func.parallel.plan import Options, Plan
from ms_func.parallel.search import Solution
from ms_func.sharding import Mesh
from ms_func.transforms.passes import inline, simplify
from tests.support.programs import moderate, programs

MESH = Mesh((2, 2), ("a", "b"))
SHAPES = st.sampled_from([(4,), (8,), (4, 2), (2, 4), (4, 4), (2, 2, 4), (8, 4), (4, 1, 4), (3, 4)])
STRAIGHT = programs(shapes=SHAPES, kinks=True, max_steps=6)
LOOPS = programs(shapes=SHAPES, kinks=True, control=True)


def random_plan(fn, rng, tries=40):
    """A plan of random choices in which every layout can be reached."""
    model = model_for(MESH, "cpu", "communication")
    graph = build_graph(fn, model, MESH.axis_names, redundancy=np.inf)
    problem = graph.problem()
    closed = [
        [c for c, s in enumerate(n.choices) if n.kind == "equation" or not s.partial]
        for n in graph.nodes
    ]
    for _ in range(tries):
        choices = [int(rng.choice(c)) for c in closed]
        price = problem.price(choices)
        if np.isfinite(price):
            solution = Solution(tuple(choices), price, 0.0, 0)
            return Plan(MESH, graph, solution, Options("communication"), Memory(graph), 0.0)
    return None


def run(plan, arrays):
    """Results of the planned program, and its optimised text."""
    job = Prepared(plan.program, plan.in_shardings, plan.out_shardings, False)
    buffers = [ms.device_put(a).buffer for a in arrays]
    program, _ = ready(job, buffers, name="planned")
    outs = program.run(buffers)
    values = [np.asarray(ms.execution.array.wrap(b)) for b in outs]
    return values, program.executable.hlo_text


@settings(max_examples=15)
@given(STRAIGHT, st.integers(0, 2**32 - 1))
def test_any_plan_computes_the_same(program, seed):
    check_random_plan(program, seed)


@pytest.mark.slow
@settings(max_examples=100)
@given(LOOPS, st.integers(0, 2**32 - 1))
def test_any_plan_of_loops_computes_the_same(program, seed):
    check_random_plan(program, seed)


def check_random_plan(program, seed):
    arrays = program.arguments(seed)
    want = [np.asarray(x) for x in ms.jit(program)(*arrays)]
    assume(moderate(want))
    fn = simplify(inline(program.function()))
    plan = random_plan(fn, np.random.default_rng(seed))
    assume(plan is not None)
    got, text = run(plan, arrays)
    for x, y in zip(want, got, strict=True):
        np.testing.assert_allclose(y, x, rtol=1e-9, atol=1e-9)
    sent = sum(c.wire for c in collectives(text, 4))
    assert sent <= 1.5 * plan.wire_bytes + 4096


@settings(max_examples=10)
@given(STRAIGHT, st.integers(0, 2**32 - 1))
def test_searched_plans_compute_the_same(program, seed):
    arrays = program.arguments(seed)
    want = [np.asarray(x) for x in ms.jit(program)(*arrays)]
    assume(moderate(want))
    got = ms.shard(program, mesh=MESH)(*arrays)
    for x, y in zip(want, got, strict=True):
        np.testing.assert_allclose(np.asarray(y), x, rtol=1e-9, atol=1e-9)
