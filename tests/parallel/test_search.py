"""The search finds the optimum: brute force and SciPy's solver say the same."""

import itertools

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import lax
from ms_func.parallel.descent import descend
from ms_func.parallel.levels import Levels
from ms_func.parallel.problem import Problem
from ms_func.parallel.search import solve
from ms_func.sharding import Mesh


def random_problem(seed, nodes=8, choices=6):
    """Random graph with cycles, parallel edges, self edges and forbidden pairs."""
    rng = np.random.default_rng(seed)
    problem = Problem()
    sizes = rng.integers(1, choices + 1, rng.integers(1, nodes + 1))
    for n in sizes:
        problem.add_node(rng.random(n) * 3)
    for _ in range(int(rng.integers(0, 2 * len(sizes) + 1))):
        i, j = rng.integers(0, len(sizes), 2)
        table = rng.random((sizes[i], sizes[j]))
        if rng.random() < 0.3:
            table[rng.random(table.shape) < 0.2] = 50.0
        problem.add_edge(int(i), int(j), table)
    return problem


def brute_force(problem):
    """Least price over all assignments, computed on one big table."""
    n = len(problem.nodes)
    total = np.zeros([len(v) for v in problem.nodes])
    for i, v in enumerate(problem.nodes):
        total = total + v.reshape([-1 if k == i else 1 for k in range(n)])
    for (i, j), m in problem.edges.items():
        shape = [1] * n
        shape[i], shape[j] = m.shape
        total = total + m.reshape(shape)
    return total.min()


def test_optimum_equals_brute_force_on_300_random_graphs():
    for seed in range(300):
        problem = random_problem(seed)
        found = solve(problem)
        assert found.exact
        assert problem.price(found.choices) == found.price
        best = brute_force(problem)
        assert abs(found.price - best) <= 1e-9 * max(1.0, abs(best)), seed


def test_prices_that_are_moved_keep_the_optimum_among_what_is_left():
    """Bounds against brute force; what is dropped is dearer than the choices at hand."""
    for seed in range(60):
        problem, rng = random_problem(seed, nodes=7, choices=5), np.random.default_rng(seed)
        best = brute_force(problem)
        first = [int(rng.integers(len(v))) for v in problem.nodes]
        levels, top = Levels(problem, problem.price(first)), 2 * problem.price(first)
        for _ in range(5):
            assert levels.sweep() <= best + 1e-9
            left = levels.problem()
            some = [int(rng.integers(len(v))) for v in left.nodes]
            whole = problem.price(levels.numbers(some))
            assert left.price(some) == pytest.approx(whole) or left.price(some) >= top - 1e-9
            assert levels.drop(min(problem.price(levels.numbers(levels.choices())), best * 1.05))
            assert brute_force(levels.problem()) == pytest.approx(best)
        assert problem.price(levels.numbers(levels.choices())) >= best - 1e-9


def test_descent_over_axes_is_no_worse_than_any_coarser_mesh():
    """Choices are pairs of what two axes do; with both the same they are those of one axis."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        pairs = np.array(list(itertools.product(range(3), repeat=2)))
        problem = Problem([rng.random(9) * 3 for _ in range(6)], places=[pairs] * 6)
        for i, j in itertools.combinations(range(6), 2):
            problem.add_edge(i, j, rng.random((9, 9)))
        same = np.flatnonzero(pairs[:, 0] == pairs[:, 1])
        coarse = Problem([v[same] for v in problem.nodes])
        coarse.edges = {key: m[np.ix_(same, same)] for key, m in problem.edges.items()}
        solver = lambda p: solve(p).choices  # noqa: E731
        found = list(descend(problem, [0] * 6, solver, lambda: False))
        prices = [problem.price(f) for f in found]
        assert prices[0] == pytest.approx(brute_force(coarse))
        assert brute_force(problem) - 1e-9 <= min(prices) <= prices[0]
        best = found[prices.index(min(prices))]
        for axis in (0, 1):  # neither axis alone leads to anything better
            keep = [np.flatnonzero(pairs[:, axis] == pairs[c, axis]) for c in best]
            near = Problem([v[k] for v, k in zip(problem.nodes, keep, strict=True)])
            near.edges = {
                (i, j): m[np.ix_(keep[i], keep[j])] for (i, j), m in problem.edges.items()
            }
            assert brute_force(near) >= min(prices) - 1e-9


def test_recurrences_written_step_by_step_are_planned_like_loops():
    def plan(cell):
        def loss(w, x):
            return (cell(w, x) ** 2).mean()

        f = ms.shard(ms.grad(loss), mesh=Mesh((2, 4), ("d", "m")), objective="communication",
                     search_seconds=1)  # fmt: skip
        w = {"x": ms.ShapeDtypeStruct((64, 128), "float32"),
             "h": ms.ShapeDtypeStruct((128, 128), "float32")}  # fmt: skip
        return f.plan(w, ms.ShapeDtypeStruct((12, 32, 64), "float32"))

    def step(w, h, x):
        return mnp.tanh(x @ w["x"] + h @ w["h"])

    def unrolled(w, x):
        h = mnp.zeros((32, 128))
        for t in range(12):
            h = step(w, h, x[t])
        return h

    def looped(w, x):
        return lax.scan(lambda h, x: (step(w, h, x), None), mnp.zeros((32, 128)), x)[0]

    assert plan(unrolled).wire_bytes <= 1.01 * plan(looped).wire_bytes


def test_optimum_equals_mixed_integer_programming():
    for seed in range(5):
        problem = random_problem(1000 + seed, nodes=14, choices=5)
        assert solve(problem).price == pytest.approx(milp_optimum(problem), rel=1e-7)


def milp_optimum(problem):
    """One-hot nodes and products of them as edge variables, solved by HiGHS."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    starts, cost, rows, rhs = [], [], [], []
    for v in problem.nodes:
        starts.append(len(cost))
        cost.extend(v)
    integers = len(cost)
    for start, v in zip(starts, problem.nodes, strict=True):
        rows.append({start + c: 1.0 for c in range(len(v))})
        rhs.append(1.0)
    for (i, j), m in problem.edges.items():
        pairs = len(cost) + np.arange(m.size).reshape(m.shape)
        cost.extend(m.ravel())
        for node, lines in ((i, pairs), (j, pairs.T)):
            for c, line in enumerate(lines):
                rows.append({starts[node] + c: -1.0, **dict.fromkeys(line.tolist(), 1.0)})
                rhs.append(0.0)
    matrix = np.zeros((len(rows), len(cost)))
    for r, row in enumerate(rows):
        matrix[r, list(row)] = list(row.values())
    found = milp(
        np.array(cost),
        integrality=np.arange(len(cost)) < integers,
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(matrix, rhs, rhs),
        options={"mip_rel_gap": 0},
    )
    return found.fun


def complete_problem(n, choices):
    rng = np.random.default_rng(0)
    problem = Problem()
    for _ in range(n):
        problem.add_node(rng.random(choices))
    for i, j in itertools.combinations(range(n), 2):
        problem.add_edge(i, j, rng.random((choices, choices)))
    return problem


def test_wide_graphs_are_branched_to_the_same_optimum():
    problem = complete_problem(8, 5)
    whole, branched = solve(problem), solve(problem, limit=5_000)
    assert whole.exact
    assert branched.exact
    assert branched.largest <= 5_000
    assert branched.price == pytest.approx(whole.price, rel=1e-9)


def test_stopping_early_gives_a_plan_and_a_bound():
    problem = complete_problem(9, 5)
    best = solve(problem).price
    found = solve(problem, limit=500, seconds=0.0)
    assert found.bound <= best <= found.price < 1.5 * best
    assert problem.price(found.choices) == found.price


def test_long_chain_with_skips_is_exact():
    rng = np.random.default_rng(1)
    problem = Problem()
    for k in range(200):
        problem.add_node(rng.random(10))
        for back in (1, 2, 5):
            if k >= back and rng.random() < (1.0 if back == 1 else 0.3):
                problem.add_edge(k - back, k, rng.random((10, 10)))
    found = solve(problem)
    assert found.exact
    moved = list(found.choices)
    for k in range(200):
        for c in range(10):
            moved[k] = c
            assert problem.price(moved) >= found.price - 1e-9
        moved[k] = found.choices[k]
