"""Programs with sets and dictionaries whose keys are data, for `test_array_programs`."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict


def counts(np, x, n):
    c = {}
    for i in range(5):
        k = (i * n + i * i) % 4
        c[k] = c.get(k, 0.0) + x[i]
    return max(c.values()), len(c), sum(c.values()), c[0]


def counts_without_get(np, x, n):
    c, i = {}, 0
    while i < n + 4:
        if i * i % 5 in c:
            c[i * i % 5] += x[i % 5]
        else:
            c[i * i % 5] = x[i % 5] * 2
        i += 1
    total = 0.0
    for k, v in c.items():
        total = total * 0.5 + v * k
    return total, [c[k] for k in (0, 1)], 7 in c


def first_repetition(np, x, n):
    seen, k = set(), n + 3
    while k not in seen:
        seen.add(k)
        k = (k * k + 1) % 31
    return k, len(seen), sum(seen)


def where_it_was(np, x, n):
    """Positions of two numbers with a given sum."""
    places = {}
    for i in range(5):
        k = (3 * i * i + n) % 11
        if 7 - k in places:
            return places[7 - k], i
        places[k] = i
    return -1, len(places)


def distances(np, x, n):
    near = np.abs(x[:, None] - x) < 1.5
    far, queue = {n % 5: 0}, [n % 5]
    while queue:
        u = queue.pop(0)
        for v in range(5):
            if near[u, v] and v not in far:
                far[v] = far[u] + 1
                queue.append(v)
    return len(far), max(far.values()), [far.get(v, -1) for v in range(5)]


def walk(np, x, n):
    place, seen, again = (0, 0), {(0, 0)}, 0
    for i in range(n + 6):
        a, b = place
        if x[i % 5] > 0.5:
            a += 1
        elif x[i % 5] > -0.5:
            b += 1
        else:
            a -= 1
        place = a, b
        again += place in seen
        seen.add(place)
    return again, len(seen), place


def by_recursion(np, x, n):
    near = np.abs(x[:, None] - x) < 1.45
    visited, order = set(), []

    def visit(u):
        if u in visited:
            return
        visited.add(u)
        order.append(u)
        for v in range(5):
            if near[u, v]:
                visit(v)

    visit(n % 5)
    total = 0.0
    for u in order:
        total = total * 0.5 + x[u]
    return total, len(visited), order[-1]


def remembered(np, x, n):
    memo = {0: x[0], 1: x[1]}
    k = 2
    while k <= n + 2:
        memo[k] = memo[k - 1] + memo[k - 2] * 0.5
        k += 1
    return memo[n + 1], len(memo), memo.get(-1, 3.0)


def set_algebra(np, x, n):
    a = {n, n + 1, 5 * n}
    b = {k * n % 7 for k in range(6) if k != n}
    c = a - b
    c |= {n}
    return (
        [len(a | b), len(a & b), len(c), len(a ^ b), a <= b, a < a | b, a == {5 * n, n + 1, n}],
        [a.isdisjoint(b), b.issubset(a | b), n in c, bool(a & b), sum(a), max(b), sorted(a)[0]],
    )


def changed_sets(np, x, n):
    s, i = set(), 0
    while i < n + 4:
        s.add(i * 3 % 5)
        s.discard(2)
        if 4 in s:
            s.remove(4)
        i += 1
    s |= set(range(3))
    s -= {1}
    s.update([n, n + 1])
    return len(s), sum(s), [k in s for k in range(5)], len(s.intersection([0, n]))


def changed_dictionaries(np, x, n):
    d, i = {}, 0
    while i < n + 3:
        k = i * i % 7
        d[k] = d.get(k, 0.0) + x[i % 5]
        if len(d) > 3:
            d.pop(k)
        i += 1
    d.setdefault(2, x[4])
    e = {k: v * v for k, v in d.items() if v > 0}
    f = {**d, 100: x[0]} | {n: 2.0}
    del f[100]
    return (
        [len(d), len(e), len(f), max(d), 3 in d, d == dict(d), d != f, 0 in list(d)],
        [sum(d.values()), sum(e.values()), sum(f.values()), min(e.values(), default=1.0)],
        [sum([k * v for k, v in sorted(f.items())]), f.pop(n), f.get(n, 9.0)],
    )


def kinds(np, x, n):
    numbers, ordered, amounts, i = defaultdict(float), OrderedDict(), Counter(), 0
    while i < n + 3:
        numbers[i % 3] += x[i % 5]
        ordered[i % 4] = x[i % 5]
        amounts[i * n % 3] += i
        i += 1
    k, v = ordered.popitem()
    again = Counter([n, n + i % 2, 3])
    return numbers[0], numbers[9], len(numbers), k, v, amounts[1], amounts[7], again[n], len(again)


def recently_used(np, x, n):
    order, values, missed, i = [], {}, 0, 0
    while i < 3 * n + 2:
        k = (i * 5 + i // 3) % 6
        if k in values:
            order.remove(k)
        else:
            missed += 1
            if len(order) >= 3:
                del values[order.pop(0)]
            values[k] = x[i % 5]
        order.append(k)
        i += 1
    return missed, sum(values[k] * k for k in order), len(values)


def pairs(np, x, n):
    table, k = {}, n + 2
    while k > 0:
        table[k % 2, k % 3] = x[k % 5]
        k -= 1
    total = 0.0
    for (a, b), v in table.items():
        total += a * 10 + b * 100 + v
    for a, b in sorted(table):
        total = total * 0.5 + a - b
    return total, len(table), (1, 1) in table


def made_anew_in_each_step(np, x, n):
    table, k = {n: x[0]}, 0
    while k < n:
        k += 1
        table = {key: 0.5 * v for key, v in table.items() if v > -2.0}
        table[k % 3] = x[k % 5]
    total = 0.0
    for v in table.values():
        total = total * 0.5 + v
    return total, len(table), sum(table)


CASES = [
    counts, counts_without_get, first_repetition, where_it_was, distances, walk, by_recursion,
    remembered, set_algebra, changed_sets, changed_dictionaries, kinds, recently_used, pairs,
    made_anew_in_each_step,
]  # fmt: skip
