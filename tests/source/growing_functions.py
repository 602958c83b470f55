"""Programs whose lists grow in loops as long as the data decide, for `test_array_programs`."""

from __future__ import annotations

import heapq
from collections import deque
from operator import itemgetter


def folded(w):
    """A number that tells what a list of numbers holds, and in which order."""
    total = 0.0
    for v in w:
        total = total * 0.5 + v
    return total, len(w)


def collatz(np, x, n):
    path = []
    n = n + 3
    while n > 1:
        path.append(n)
        n = n // 2 if n % 2 == 0 else 3 * n + 1
    return folded(path), sum(path), max(path, default=0)


def first_primes(np, x, n):
    primes, k = [], 2
    while len(primes) < n:
        for p in primes:
            if p * p > k:
                primes.append(k)
                break
            if k % p == 0:
                break
        else:
            primes.append(k)
        k += 1
    return folded(primes)


def newton(np, x, n):
    a = x[0] * x[0] + 1
    roots = [a]
    while abs(roots[-1] * roots[-1] - a) > 1e-2:
        roots.append((roots[-1] + a / roots[-1]) / 2)
    return roots[-1], sum(roots)


class Stack:
    """A stack of the user's."""

    def __init__(self):
        self.held = []

    def push(self, v):
        self.held.append(v)

    def pop(self):
        return self.held.pop()

    def __len__(self):
        return len(self.held)


def digits_reversed(np, x, n):
    stack, n = Stack(), 7 * n + 5
    while n > 0:
        stack.push(n % 3 * x[n % 3])
        n //= 3
    total = 0.0
    while len(stack):
        total = total * 0.5 + stack.pop()
    return total


def depth_first(np, x, n):
    near = np.abs(x[:, None] - x) < 2
    seen = np.zeros(5, bool)
    stack, furthest, total = [(n % 5, 0)], 0, 0.0
    while stack:
        u, depth = stack.pop()
        if seen[u]:
            continue
        seen[u] = True
        furthest = max(furthest, depth)
        total = total * 0.5 + x[u]
        for v in range(5):
            if near[u, v] and not seen[v]:
                stack.append((v, depth + 1))  # noqa: PERF401
    return total, furthest, seen


def breadth_first(np, x, n):
    near = np.abs(x[:, None] - x) < 1.5
    distance = np.full(5, -1)
    distance[n % 5] = 0
    queue = deque([n % 5])
    while queue:
        u = queue.popleft()
        for v in range(5):
            if near[u, v] and distance[v] < 0:
                distance[v] = distance[u] + 1
                queue.append(v)
    return distance


def layers(np, x, n):
    near = np.abs(x[:, None] - x) < 1.5
    seen = np.zeros(5, bool)
    front, depth = [n % 5], 0
    seen[n % 5] = True
    while front:
        following = []
        for u in front:
            for v in range(5):
                if near[u, v] and not seen[v]:
                    seen[v] = True
                    following.append(v)
        front = following
        depth += 1
    return depth, seen


def shortest_paths(np, x, n):
    far = np.abs(x[:, None] - x * 0.5) + 0.1
    distance = x * 0 + 99.0
    distance[n % 5] = 0.0
    heap = [(0.0, n % 5)]
    while heap:
        d, u = heapq.heappop(heap)
        if d > distance[u]:
            continue
        for v in range(5):
            if d + far[u, v] < distance[v]:
                distance[v] = d + far[u, v]
                heapq.heappush(heap, (d + far[u, v], v))
    return distance


def last_few(np, x, n):
    w, i = [], 0
    while i < n + 3:
        w.append(x[i % 5] * i)
        if len(w) > 4:
            w.pop(0)
        i += 1
    v = sorted(w, reverse=True)
    return folded(w), folded(v), w[0] * v[-1], w == v, min(w), w[-1] in v


def changed(np, x, n):
    w = [x[0]]
    while n > 0:
        w += [n * x[1], x[2] + n]
        w.insert(1, x[3] - n)
        w[0] += 1
        n -= 1
    w.append(x[4])
    del w[0]
    w.reverse()
    w.extend((x[0], 2 * x[0]))
    w.append(w.pop(1))
    w.remove(x[0])
    return folded(w), w.index(2 * x[0]), w.count(x[0])


def around(np, x, n):
    queue = deque([1.0, x[0], 2.0])
    while n > 0:
        v = queue.popleft()
        queue.append(v * 0.5 + queue[0])
        if v > x[1]:
            queue.appendleft(v * 0.25)
        queue.rotate(1)
        n -= 1
    return folded(queue), queue[0] - queue[-1]


def comprehended(np, x, n):
    w = [x[i % 5] * i for i in range(n) if x[i % 5] > 0]
    return folded(w), sum([i * 2 for i in range(n)]), folded([v for v in w if v > 1])


def of_pairs(np, x, n):
    odd, even = [], []
    while n > 0:
        if n % 2:
            odd.append((n, x[0] * n))
        else:
            even.append((n, x[1]))
        n -= 1
    both = odd + even
    return len(both), folded([k for k, _ in both]), sum(v for _, v in both)


def started_again(np, x, n):
    batch, sums, i = [], [], 0
    while i < 3 * n:
        batch.append(x[i % 5] * i)
        if len(batch) == 4:
            sums.append(sum(batch))
            batch = []
        i += 1
    return folded(sums), folded(batch)


def of_arrays(np, x, n):
    steps, v = [], np.array(x[:2]) * 0.5
    while np.sum(v) < 9:
        steps.append(v)
        v = v * 1.5 + 1
    return sum([np.sum(s) for s in steps]), len(steps), steps[-1]


def comprehended_twice(np, x, n):
    pairs = [(i, j) for i in range(n) if i != 1 for j in range(i)]
    values = [x[0] * (k + 1) for i, _ in pairs for k in range(2)]
    return folded([i * 10 + j for i, j in pairs]), folded(values), len({i + j for i, j in pairs})


def bounded(np, x, n):
    last = deque([x[i % 5] * i for i in range(n)], 2)
    last.extendleft([x[0], x[1]][: n % 2 + 1])
    first, latest = itemgetter(0, -1)(last) if last else (0.0, 0.0)
    last += (v for v in x[: n % 3])
    return folded(last), first, latest, len(last)


CASES = [
    collatz, first_primes, newton, digits_reversed, depth_first, breadth_first, layers,
    shortest_paths, last_few, changed, around, comprehended, of_pairs, started_again, of_arrays,
    comprehended_twice, bounded,
]  # fmt: skip
