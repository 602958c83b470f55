"""Recursive Python functions on data that store to what is outside of them, or stand in loops.

Each takes a float and an integer; plain Python on floats is the oracle.
"""

from __future__ import annotations

from typing import Any

import numpy as np

CASES: list[Any] = []
GRID = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 1]])
TOKENS = (4, -1, 2, -2, -3, 3, -1, 5, -4, 0)
"""`4 + 2 * (3 + 5)`: numbers, and -1 to -4 for `+`, `*` and the parentheses."""
total = 0


def case(f: Any) -> Any:
    """Enter a function into the table."""
    CASES.append(f)
    return f


@case
def counts_its_calls(x, n):
    count = 0

    def steps(k):
        nonlocal count
        count += 1
        if k <= 1:
            return x
        return 0.5 * steps(k // 2) if k % 2 == 0 else steps(3 * k + 1) + 1

    return steps(n + 2) + count


@case
def sorts_a_list_in_place(x, n):
    w = [x, 1.0, n * 1.0, -x, 2.0]

    def sort(low, high):
        if low >= high:
            return
        pivot, i = w[high], low
        for j in range(low, high):
            if w[j] < pivot:
                w[i], w[j] = w[j], w[i]
                i += 1
        w[i], w[high] = w[high], w[i]
        sort(low, i - 1)
        sort(i + 1, high)

    sort(0, 4)
    return sum((i + 1) * v for i, v in enumerate(w))


@case
def passes_the_list_on(x, n):
    def go(w, k):
        w[0] = w[0] + k
        if k > 1:
            go(w, k - 1)
            w[1] = w[1] * 0.5 + 1

    w = [x, 1.0]
    go(w, n)
    return w[0] * 10 + w[1]


@case
def changes_itself(x, n):
    class Walk:
        def __init__(self):
            self.depth = 0
            self.sum = x

        def go(self, k):
            self.depth += 1
            if k > 1:
                self.go(k - 1)
                self.sum += self.depth * k

    walk = Walk()
    walk.go(n)
    return walk.sum + walk.depth


@case
def moves_discs(x, n):
    pegs, moves = [0, 0, 0], 0

    def move(k, a, b, c):
        nonlocal moves
        if k > 0:
            move(k - 1, a, c, b)
            moves += 1
            pegs[a] -= k
            pegs[c] += k
            move(k - 1, b, a, c)

    move(n, 0, 1, 2)
    return x * moves + pegs[2]


@case
def takes_no_argument(x, n):
    k, sum_ = n, x

    def go():
        nonlocal k, sum_
        if k > 0:
            sum_ = sum_ * 0.5 + k
            k -= 1
            go()
            sum_ += 1

    go()
    return sum_


@case
def parses(x, n):
    at = n % 2 * 4

    def factor():
        nonlocal at
        token = TOKENS[at]
        at += 1
        if token == -3:
            value = sum_()
            at += 1
            return value
        return token * x

    def product():
        nonlocal at
        value = factor()
        while TOKENS[at] == -2:
            at += 1
            value = value * factor()
        return value

    def sum_():
        nonlocal at
        value = product()
        while TOKENS[at] == -1:
            at += 1
            value = value + product()
        return value

    return sum_() + at


@case
def keeps_what_it_found(x, n):
    known, calls = [0.0] * 8, 0

    def f(k):
        nonlocal calls
        calls += 1
        if k < 2:
            return x + k
        if known[k] != 0:
            return known[k]
        known[k] = f(k - 1) * 0.5 + f(k - 2)
        return known[k]

    return f(n + 1) + calls


@case
def visits_a_graph(x, n):
    seen, order = [False] * 4, 0.0
    edges = ((1, 2), (3,), (3,), (0,))

    def visit(u):
        nonlocal order
        seen[u] = True
        order = order * 2 + u * x
        for v in range(4):
            if any(v == w for w in edges[u]) and not seen[v]:
                visit(v)

    for start in range(n % 3 + 1):
        if not seen[start]:
            visit(start)
    return order


@case
def fills(x, n):
    cells = [[int(v) for v in row] for row in GRID]

    def fill(i, j):
        if i < 0 or j < 0 or i > 2 or j > 2 or cells[i][j] != 1:
            return 0
        cells[i][j] = 2
        return 1 + fill(i + 1, j) + fill(i - 1, j) + fill(i, j + 1) + fill(i, j - 1)

    return x * fill(n % 3, n % 2) + sum(map(sum, cells))


@case
def calls_in_a_while_loop(x, n):
    count = 0

    def go(k):
        nonlocal count
        count += 1
        i, s = 0, x
        while i < k:
            s += go(i) * 0.5 + 1
            i += 2
        return s

    return go(n) + count


@case
def calls_in_a_range(x, n):
    def go(k):
        s = x
        for i in range(k):
            if i % 2 == 0:
                continue
            s += go(i)
            if s > 5:
                break
        return s

    return go(n + 1)


@case
def changes_a_global(x, n):
    global total
    total = 0

    def go(k):
        global total
        total += k
        if k > 2:
            go(k // 2)
            total *= 2

    go(n + 3)
    return x * total


@case
def two_functions_keep_count(x, n):
    seen = [0, 0]

    def even(k):
        seen[0] += 1
        return True if k == 0 else odd(k - 1)

    def odd(k):
        seen[1] += 1
        return False if k == 0 else even(k - 1)

    return (x if even(n) else -x) + seen[0] * 10 + seen[1]


@case
def returns_containers(x, n):
    log = {"calls": 0, "sum": 0.0}

    def go(k):
        log["calls"] += 1
        if k <= 1:
            return {"a": k * x, "b": [1.0, 2.0]}
        one = go(k - 1)
        log["sum"] += one["a"]
        return {"a": one["b"][0] + k, "b": [one["a"], one["b"][1]]}

    found = go(n)
    return found["a"] + found["b"][0] + log["calls"] + log["sum"]


@case
def towers_of_hanoi(x, n):
    moves = []

    def hanoi(k, a, b, c):
        if k == 0:
            return 0
        first = hanoi(k - 1, a, c, b)
        moves.append((ord(a) - 64) * x + ord(c))
        return first + 1 + hanoi(k - 1, b, a, c)

    return hanoi(n, "A", "B", "C") + sum(v * (k + 1) for k, v in enumerate(moves))


@case
def calls_itself_in_another_mode(x, n):
    def walk(k, mode):
        if k == 0:
            return x
        if mode == "double":
            return 2 * walk(k - 1, "add")
        return x + walk(k - 1, "double")

    return walk(n, "double")


def _numbers(x):
    return np.array([0.3, 1.0, -0.4, 0.7, 0.1]) * x


@case
def hands_on_an_array_that_it_sorts_in_place(x, n):
    def swap(v, i, j):
        v[i], v[j] = v[j] * 1, v[i] * 1

    def sort(v, low, high):
        if low < high:
            k = low
            for j in range(low, high):
                if v[j] < v[high]:
                    swap(v, j, k)
                    k += 1
            swap(v, k, high)
            sort(v, low, k - 1)
            sort(v, k + 1, high)

    v = _numbers(x)
    sort(v, 0, n % 5)
    return (v * np.arange(1, 6)).sum()


@case
def hands_back_the_array_that_it_was_given(x, n):
    def halve(v, low, high):
        if low >= high:
            return v
        middle = (low + high) // 2
        if v[middle] < v[high]:
            v[high] = v[middle] * 0.5
        v = halve(v, low, middle)
        v[low] = v[low] + v[high]
        return halve(v, middle + 1, high)

    v = _numbers(x)
    found = halve(v, 0, n % 5)
    return (v * np.arange(5)).sum() + found[0] * 3


@case
def hands_on_copies_that_it_changes(x, n):
    def go(v, k):
        if k <= 0:
            return v
        v = v.copy()
        v[k % 5] = v[(k + 1) % 5] * 0.5 + k
        return go(v, k - 1) + go(v, k - 2)

    v = _numbers(x)
    return (go(v, n) * np.arange(5)).sum() + v[1]


@case
def fills_the_grid_that_it_is_given(x, n):
    def fill(grid, i, j):
        if i < 0 or j < 0 or i > 2 or j > 2 or grid[i, j] != 1:
            return 0
        grid[i, j] = 2
        return 1 + fill(grid, i + 1, j) + fill(grid, i - 1, j) + fill(grid, i, j + 1)

    grid = GRID.copy()
    size = fill(grid, n % 3, 0)
    return x * size + grid.sum() + GRID.sum()


@case
def merges_by_a_second_array(x, n):
    def sort(v, other, low, high):
        if high - low < 2:
            return
        middle = (low + high) // 2
        sort(v, other, low, middle)
        sort(v, other, middle, high)
        i, j = low, middle
        for k in range(low, high):
            if j >= high or (i < middle and v[i] <= v[j]):
                other[k] = v[i]
                i += 1
            else:
                other[k] = v[j]
                j += 1
        for k in range(low, high):
            v[k] = other[k]

    v = _numbers(x)
    sort(v, np.zeros(5), 0, 1 + n % 5)
    return (v * np.arange(1, 6)).sum()


@case
def stores_constants_at_traced_places(x, n):
    """In arrays that the function makes itself, with traced numbers among several indices."""
    i = n % 3

    def stairs(board, k):
        if k < 0:
            return board[[0, i], [i, 0]].sum()
        board[k, 1] = 2
        board[[0, k], [3, k]] = 1
        return stairs(board, k - 1)

    board, row = np.zeros((3, 4)), np.arange(4)
    found = stairs(board, i)
    board[..., i + 1] += 5
    row[[i, 3]] = [7, 8]
    return (board * GRID[[i, 0, 1]].sum()).sum() * x + (row * row).sum() + found


@case
def searches_with_a_path_over_a_tuple(x, n):
    path, total = [], [0.0]

    def walk(depth, reached):
        if reached > n + 2:
            return
        if depth == 5:
            total[0] += sum(path) * reached
            return
        for c in (0.5, 0.75):
            path.append(c * x)
            walk(depth + 1, reached + c * x)
            path.pop()

    walk(0, 0.0)
    return total[0]
