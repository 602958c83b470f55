"""Programs that change objects in lists and dictionaries as long as the data decide.

For `test_array_programs`: what is stored to one name of an object is seen through all others.
"""

# ruff: noqa: PERF401, RUF007 - these lists are to grow step by step; zip is tested
from __future__ import annotations

import copy
import heapq
from collections import OrderedDict, defaultdict, deque


def folded(values):
    total = 0.0
    for v in values:
        total = total * 0.5 + v
    return total


class Body:
    """A body that moves."""

    def __init__(self, place, speed):
        self.place, self.speed = place, speed

    def move(self, time):
        self.place += self.speed * time


def counters_on_a_stack(np, x, n):
    stack, total = [[n + 2, 0]], 0.0
    while stack:
        top = stack[-1]
        if top[1] == top[0]:
            stack.pop()
            continue
        top[1] += 1
        total = total * 0.5 + x[top[1] % 3]
        if top[0] > 1:
            stack.append([top[0] - 1, 0])
    return total


def a_name_from_outside(np, x, n):
    root = [0, x[0]]
    stack = [root]
    while n > 0:
        stack[-1][1] += x[1]
        if n % 2 == 0:
            stack.append([n, x[2]])
        n -= 1
    root[0] += 2
    return root[1], stack[0][0], stack[0][1], len(stack)


def grouped(np, x, n):
    groups = {}
    for i in range(n + 4):
        k = i * i % 5
        if k not in groups:
            groups[k] = []
        groups[k].append(x[i % 5])
    return folded([(k + 1) * sum(v) * len(v) for k, v in groups.items()])


def grouped_by_default(np, x, n):
    groups = defaultdict(list)
    i = 0
    while i < n + 4:
        groups[i % (n + 1)].append(x[i % 5])
        i += 1
    return folded([folded(v) for v in groups.values()]), len(groups)


def set_by_default(np, x, n):
    groups = {}
    while n > -3:
        groups.setdefault(n % 3, [1.0]).append(n * x[0])
        n -= 1
    return folded([sum(v) for v in groups.values()])


def bodies(np, x, n):
    held, steps = [Body(0.0, x[0])], 0
    while steps < n + 2:
        for b in held:
            b.move(0.5)
        if steps % 2 == 0:
            held.append(Body(x[1], 1.0 * steps))
        steps += 1
    return folded([b.place for b in held])


def one_object_in_two_lists(np, x, n):
    nodes, queue, k = [], [], 0
    for i in range(n + 3):
        nodes.append(Body(i * x[0], 0.0))
    queue.append(nodes[0])
    while queue:
        node = queue.pop()
        node.speed += 1.0
        k += 1
        if k < n:
            queue.append(nodes[k % 2])
            queue.append(nodes[k % 3])
    return folded([(i + 1) * b.speed + b.place for i, b in enumerate(nodes)])


def one_object_twice_in_a_list(np, x, n):
    one, other = [x[0], 0.0], [x[1], 1.0]
    w = []
    while n > -3:
        w.append(one if n % 3 == 0 else other)
        n -= 1
    w[0][1] += 2.0
    w[-1][0] *= 3.0
    return folded([a + b for a, b in w]), one[0] + other[0], one[1] - other[1]


def a_chosen_element(np, x, n):
    w = []
    while n > -2:
        w.append([n, x[0]])
        n -= 1
    one = w[0] if x[1] > 0 else w[-1]
    one[1] += 5.0
    other = w[1]
    other[0] += 7
    return folded([a * b for a, b in w]), one[0], one[1]


def exchanged(np, x, n):
    w = []
    for k in range(n + 3):
        w.append([k * x[0], k])
    i, j = n % 3, n % 2
    a, b = w[i], w[j]
    a[0], b[0] = b[0] + 1, a[0]
    return folded([u + v for u, v in w]), a[0], b[0]


def lists_in_elements(np, x, n):
    stack = [[0, []]]
    while n > -2:
        stack[-1][1].append(x[n % 3])
        if n % 2 == 0:
            stack.append([n, [1.0]])
        n -= 1
    return folded([k + folded(v) for k, v in stack])


def nested_brackets(np, x, n):
    codes = [1, 0, 1, 0, 2, 0, 2]
    stack, total = [[]], 0.0
    for i in range(n + 3):
        c = codes[i % 7]
        if c == 1:
            stack.append([])
        elif c == 0:
            stack[-1].append(x[i % 5])
        elif len(stack) > 1:
            done = stack.pop()
            stack[-1].append(sum(done))
    while stack:
        total = total * 0.5 + sum(stack.pop())
    return total


def tuples_with_objects(np, x, n):
    heap = []
    while n > -3:
        heapq.heappush(heap, (n % 3, n, [x[0] * n, 0]))
        n -= 1
    total = 0.0
    while len(heap) > 1:
        k, _, held = heapq.heappop(heap)
        heap[0][2][1] += held[1] + k + 1
        total = total * 0.5 + held[0]
    return total, heap[0][2][1]


def copies_of_a_list(np, x, n):
    w = []
    while n > -2:
        w.append([n, x[0]])
        n -= 1
    v, u = w[:], list(w)
    v[0][1] += 1.0
    u[-1][0] += 10
    w.append([0, 0.0])
    s = sorted(w, key=lambda e: -e[0])
    s[0][1] -= 0.5
    return [folded([a * b for a, b in of]) for of in (w, v, u, s)], len(v)


def copies_of_elements(np, x, n):
    w = []
    while n > -2:
        w.append([n, x[0]])
        n -= 1
    deep, own = copy.deepcopy(w), [list(e) for e in w]
    deep[0][1] += 1.0
    own[0][1] += 2.0
    w[0][1] += 4.0
    return folded([a * b for a, b in w]), folded([a * b for a, b in deep]), own[0][1]


def a_name_that_moves_on(np, x, n):
    w = []
    for k in range(n + 3):
        w.append(Body(1.0 * k, 0.0))
    current, k = w[0], 0
    while k < n:
        current.speed += x[0]
        k += 1
        current = w[k % 3]
    current.place += 2.0
    return folded([b.place + b.speed for b in w])


def tables_in_a_table(np, x, n):
    table = defaultdict(lambda: defaultdict(float))
    while n > -3:
        table[n % 3][n % 2] += x[n % 5]
        n -= 1
    return folded([folded(row.values()) for row in table.values()])


def neighbours(np, x, n):
    near, edges = defaultdict(set), 0
    for i in range(n + 4):
        a, b = i % 4, i * i % 3
        if b not in near[a]:
            edges += 1
        near[a].add(b)
        near[b].add(a)
    return edges, folded([len(near[k]) for k in range(3)])


def paths(np, x, n):
    links = defaultdict(list)
    for i in range(n + 3):
        links[i // 2].append(i + 1)
    queue, reached, total = deque([(0, 0)]), {0}, 0.0
    while queue:
        u, depth = queue.popleft()
        total += depth * x[u % 5]
        for v in links[u]:
            if v not in reached:
                reached.add(v)
                queue.append((v, depth + 1))
    return total, len(reached)


def rows_that_get_longer(np, x, n):
    rows = []
    while n > -2:
        rows.append([x[0] * n])
        n -= 1
    for _ in range(3):
        for row in rows:
            row.append(sum(row))
    return folded([folded(row) for row in rows])


def recent(np, x, n):
    held, total = OrderedDict(), 0.0
    for i in range(n + 5):
        k = i * i % 4
        if k in held:
            held[k][0] += 1
            held.move_to_end(k)
        else:
            held[k] = [1, x[i % 5]]
        if len(held) > 2:
            _, (count, v) = held.popitem(last=False)
            total = total * 0.5 + count * v
    return total, folded([c for c, _ in held.values()])


def is_the_same(np, x, n):
    w = []
    for k in range(n + 2):
        w.append([k, x[0]])
    a, b = w[n % 2], w[0]
    same = 1.0 if a is b else 2.0
    other = 3.0 if a is not w[1] else 4.0
    return same + 10 * other + (w.index(a) if x[1] > 0 else -1)


def moved_between(np, x, n):
    ready, waiting = deque(), []
    for k in range(n + 3):
        ready.append(Body(1.0 * k, x[k % 5]))
    done = 0.0
    while len(ready) + len(waiting) > 0:
        if not ready:
            ready.extend(waiting)
            waiting.clear()
        task = ready.popleft()
        task.place -= 1.0
        if task.place > 0:
            waiting.append(task)
        else:
            done = done * 0.5 + task.speed
    return done


def by_a_function(np, x, n):
    def add(w, k, v):
        w[k].append(v)
        return w[k]

    groups = {}
    for i in range(n + 3):
        if i % 3 not in groups:
            groups[i % 3] = []
        last = add(groups, i % 3, x[i % 5])
    last.append(1.0)
    return folded([folded(v) for v in groups.values()])


def filled_by_recursion(np, x, n):
    levels = []

    def visit(k, depth):
        if len(levels) <= depth:
            levels.append([0, 0.0])
        levels[depth][0] += 1
        levels[depth][1] += x[k % 5]
        if k > 1:
            visit(k // 2, depth + 1)
            visit(k - 2, depth + 1)

    visit(n + 3, 0)
    return folded([a * b for a, b in levels])


def appended_under_conditions(np, x, n):
    w = [[0.5, x[0]]]
    if x[0] > n:
        if w[0][0] > x[1]:
            w.append([0.5, n * 0.25])
            w[-1][0] = x[2]
        w[0][0] += 1.0
    return w[n % len(w)][0]


def names_put_into_a_list_perhaps(np, x, n):
    w, u = [[0.5, x[0]]], []
    e, f = w[0], [x[1], 1.0]
    while n > 1:
        u.append(e)
        n -= 1
    w.append(e)
    if n % 2 == 0:
        if w[0][1] <= 1:
            e[0] += x[n % 3]
            e = w[0] if x[1] > n else f
            e, f = f, e
        w[0][0] = n * 1.0
    return w[0][0], w[1][0], e[0], f[0], len(u)


def names_carried_into_lists(np, x, n):
    w, u = [[0.5, x[0]]], []
    e = f = w[0]
    while n > 0:
        u.append(e)
        f[1] += 2.5
        w.append([e[0] + 1, w[-1][1]])
        e = w[n % len(w)] if n % 2 == 0 else f
        n -= 1
    w[0] = f
    return folded([a - 2 * b for a, b in w]), folded([a - 2 * b for a, b in u]), e[0], f[1]


def pairs_of_neighbours(np, x, n):
    w = []
    for i in range(n + 3):
        w.append([x[i % 5], i])
    w.sort(key=lambda p: p[0])
    for i, p in enumerate(w):
        p[1] += i
    for p, q in zip(w, w[1:], strict=False):
        q[0] += p[0]
    return folded([a + b for a, b in w])


def visited_objects(np, x, n):
    nodes, seen, total = [], set(), 0.0
    for i in range(n + 3):
        nodes.append(Body(x[i % 5], 1.0 * i))
    queue, k = [nodes[0]], 0
    while queue:
        u = queue.pop()
        if u in seen:
            continue
        seen.add(u)
        total = total * 0.5 + u.place
        k += 1
        queue.append(nodes[k % 3])
        queue.append(nodes[0])
    return total, k, nodes[0] in seen


def lists_bound_anew(np, x, n):
    first, other = Body(x[0], 1.0), Body(x[1], 2.0)
    queue = [first]
    while n > 0:
        queue = [other, first] if n % 2 == 0 else [other, Body(x[2], 0.5), first]
        n -= 1
    first.place = 5.0
    return folded([b.place for b in queue]), len(queue)


def sorted_copies(np, x, n):
    bodies = [Body(x[0], 1.0)]
    while n > 0:
        bodies.append(Body(x[n % 3], 1.0 * n))
        n -= 1
    order = sorted(bodies, key=lambda b: b.place)
    bodies[0].place += 10.0
    bodies[-1].place -= 3.0
    return folded([b.place for b in order])


def joined_copies(np, x, n):
    first = Body(x[0], 1.0)
    bodies = deque([first])
    while n > 0:
        bodies.append(Body(x[n % 3], 1.0 * n))
        n -= 1
    joined = [first, *list(bodies)]
    recent = deque(bodies, 2)
    bodies.pop().place = 4.0
    first.place += 0.5
    return folded([b.place for b in joined]), folded([b.place for b in recent])


CASES = [
    counters_on_a_stack, a_name_from_outside, grouped, grouped_by_default, set_by_default,
    bodies, one_object_in_two_lists, one_object_twice_in_a_list, a_chosen_element, exchanged,
    lists_in_elements, nested_brackets, tuples_with_objects, copies_of_a_list,
    copies_of_elements, a_name_that_moves_on, tables_in_a_table, neighbours, paths,
    rows_that_get_longer, recent, is_the_same, appended_under_conditions,
    names_put_into_a_list_perhaps, names_carried_into_lists, pairs_of_neighbours,
    visited_objects, moved_between, by_a_function, filled_by_recursion, lists_bound_anew,
    sorted_copies, joined_copies,
]  # fmt: skip
