"""Programs as people write them for NumPy arrays, mixed wildly.

Each takes the array module, an array of five floats and an integer; run with NumPy they are the
oracle.
"""

# ruff: noqa: B007, B905, C416, E731, RUF059, SIM113, SIM201

from __future__ import annotations

import bisect
import contextlib
import copy
import enum
import functools
import heapq
import itertools
import math
from collections import OrderedDict, deque
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

CASES: list[Any] = []


def case(f: Any) -> Any:
    """Enter a function into the table."""
    CASES.append(f)
    return f


@case
def bfs_layers(np, x, n):
    adj = np.abs(x[:, None] - x[None, :]) < 1.6
    dist = np.full(5, -1)
    dist[n % 5] = 0
    queue = np.zeros(5, dtype=int)
    queue[0] = n % 5
    head, tail = 0, 1
    while head < tail:
        u = queue[head]
        head += 1
        for v in range(5):
            if adj[u, v] and dist[v] < 0:
                dist[v] = dist[u] + 1
                queue[tail] = v
                tail += 1
    return np.sum(np.where(dist >= 0, dist, 0) * x)


@case
def dijkstra(np, x, n):
    w = (x[:, None] - x[None, :]) ** 2 + 0.1
    dist = np.full(5, np.inf)
    done = np.zeros(5, dtype=bool)
    dist[n % 5] = 0.0
    for _ in range(5):
        best, u = np.inf, -1
        for v in range(5):
            if not done[v] and dist[v] < best:
                best, u = dist[v], v
        if u == -1:
            break
        done[u] = True
        for v in range(5):
            alt = dist[u] + w[u, v]
            if alt < dist[v]:
                dist[v] = alt
    return dist


@case
def union_find(np, x, n):
    parent = np.arange(5)

    def find(i):
        while parent[i] != i:
            i = parent[i]
        return i

    joined = 0.0
    for i in range(5):
        for j in range(i + 1, 5):
            if abs(x[i] - x[j]) < 1.0:
                a, b = find(i), find(j)
                if a != b:
                    parent[a] = b
                    joined += x[i] * x[j]
    roots = sum(1 for i in range(5) if parent[i] == i)
    return joined * roots


@case
def edit_distance(np, x, n):
    a = (x > 0).astype(int)
    b = np.array([1, 0, 1, 1])
    d = np.zeros((6, 5))
    d[:, 0] = np.arange(6)
    d[0, :] = np.arange(5)
    for i in range(1, 6):
        for j in range(1, 5):
            cost = 0.0 if a[i - 1] == b[j - 1] else 1.0 + x[i - 1] ** 2
            d[i, j] = min(d[i - 1, j] + 1.3, d[i, j - 1] + 1.1, d[i - 1, j - 1] + cost)
    return d[-1, -1]


@case
def knapsack(np, x, n):
    weights = [1, 3, 2, 4, 1]
    cap = n + 3
    best = np.zeros(9)
    for i, w in enumerate(weights):
        for c in range(8, 0, -1):
            if c > cap or c < w:
                continue
            cand = best[c - w] + x[i]
            if cand > best[c]:
                best[c] = cand
    return best[cap]


@case
def rpn_parser(np, x, n):
    # tokens: 0..4 push x[t]; 5 add; 6 mul; 7 neg
    prog = np.array([0, 1, 5, 2, 6, 7, 3, 5])
    stack = np.zeros(10)
    sp = 0
    pc = 0
    while pc < n + 3:
        match prog[pc]:
            case 5:
                stack[sp - 2] = stack[sp - 2] + stack[sp - 1]
                sp -= 1
            case 6:
                stack[sp - 2] *= stack[sp - 1]
                sp -= 1
            case 7:
                stack[sp - 1] = -stack[sp - 1]
            case t:
                stack[sp] = x[t]
                sp += 1
        pc += 1
    return stack[:sp].sum() if False else np.sum(stack * (np.arange(10) < sp))


@case
def bracket_matching(np, x, n):
    depth, best, start, where = 0, 0, -1, -1
    for i in range(5):
        v = x[i]
        if v > 0:
            if depth == 0:
                start = i
            depth += 1
        elif depth > 0:
            depth -= 1
            if depth == 0 and i - start > best:
                best, where = i - start, start
        else:
            break
    else:
        return x[where] * best, depth
    return x[where] * best - 1.0, depth


class State(enum.Enum):
    IDLE = 0
    UP = 1
    DOWN = 2


@case
def enum_machine(np, x, n):
    state = State.IDLE
    energy = 0.0
    for v in x:
        match state:
            case State.IDLE if v > 0.5:
                state = State.UP
            case State.IDLE:
                energy += 0.1 * v
            case State.UP:
                energy += v * v
                if v < 0:
                    state = State.DOWN
            case State.DOWN:
                energy -= v
                state = State.IDLE if v > n - 3 else State.UP
    return energy, state is State.UP


@case
def annealing(np, x, n):
    seed = 12345
    pos = x.copy()
    best = np.sum(pos**2)
    temp = 1.0
    accepted = 0
    for k in range(n * 3):
        seed = (seed * 1103 + 12345) % 65536
        i = seed % 5
        seed = (seed * 1103 + 12345) % 65536
        step = seed / 65536.0 - 0.5
        old = pos[i]
        pos[i] = old + step
        e = np.sum(pos**2)
        seed = (seed * 1103 + 12345) % 65536
        if e < best or math.exp(-(e - best) / temp) > seed / 65536.0:
            best = e
            accepted += 1
        else:
            pos[i] = old
        temp *= 0.9
    return best + 0.1 * accepted


@case
def try_finally_loop(np, x, n):
    closed = 0

    def attempt(i):
        nonlocal closed
        try:
            if x[i] < -1:
                return -1.0
            for j in range(i):
                if x[j] > 2:
                    return x[j]
            return x[i] * 0.5
        finally:
            closed += 1

    s = 0.0
    for i in range(5):
        r = attempt(i)
        if r > 1 and n > 0:
            break
        s += r
    return s, closed


@case
def nested_break_else(np, x, n):
    out = 0.0
    for i in range(5):
        for j in range(i, 5):
            if x[i] + x[j] > 3:
                out += x[i] * x[j]
                break
            if x[j] < -2:
                continue
            out += 0.1 * x[j]
        else:
            out -= 1.0
            if i > n:
                break
            continue
        if out > 10:
            break
    else:
        out *= 2
    return out


@case
def counter_closures(np, x, n):
    def make(step):
        count = 0.0

        def tick(v):
            nonlocal count
            if v > 0:
                count += step * v
            return count

        def reset():
            nonlocal count
            old, count = count, 0.0
            return old

        return tick, reset

    t1, r1 = make(1.0)
    t2, r2 = make(2.0)
    acc = 0.0
    for i, v in enumerate(x):
        if i % 2 == n % 2:
            acc += t1(v)
        else:
            acc += t2(v)
        if acc > 3:
            acc -= r1()
    return acc + r1() + r2()


@dataclass
class Particle:
    pos: float
    vel: float
    alive: bool = True
    hits: int = 0

    def step(self, dt):
        self.pos = self.pos + self.vel * dt
        if self.pos < 0:
            self.vel = -self.vel * 0.9
            self.pos = -self.pos
            self.hits += 1
        if self.hits > 2:
            self.alive = False


@case
def particles(np, x, n):
    ps = [Particle(v, -v + 0.5) for v in x]
    for t in range(n + 1):
        for p in ps:
            if p.alive:
                p.step(0.4)
    return sum(p.pos for p in ps), sum(p.hits for p in ps)


class Rec(NamedTuple):
    lo: float
    hi: float
    k: int


@case
def bisect_namedtuple(np, x, n):
    s = Rec(-4.0, 4.0, 0)
    f = lambda t: t**3 + t - x[0]
    while s.hi - s.lo > 1e-9 and s.k < 60:
        mid = (s.lo + s.hi) / 2
        s = s._replace(lo=mid, k=s.k + 1) if f(mid) < 0 else Rec(s.lo, mid, s.k + 1)
    return s.k * 1.0


class Shape:
    scale = 1.0

    def __init__(self, r):
        self.r = r

    def area(self):
        raise NotImplementedError

    def scaled(self):
        return self.area() * self.scale


class Sq(Shape):
    def area(self):
        return self.r**2


class Ci(Shape):
    scale = 2.0

    def area(self):
        return math.pi * self.r**2

    @property
    def radius(self):
        return self.r


class Ring(Ci):
    def area(self):
        return super().area() - math.pi * (self.r / 2) ** 2


@case
def class_selection(np, x, n):
    total = 0.0
    for i in range(5):
        if x[i] > 1:
            s = Sq(x[i])
        elif x[i] > 0:
            s = Ci(x[i])
        else:
            s = Ring(x[i] - 1)
        total += s.scaled() if i < n else s.area()
    return total


@case
def walrus_loop(np, x, n):
    k, s = 0, 0.0
    while (y := x[k % 5] * (k + 1)) < 4 and (k := k + 1) < 20:
        if (z := y * 2) > 1:
            s += z
        s += 0.01
    return s + y + k


@case
def star_assign(np, x, n):
    a, *rest, b = x
    first, second, *_ = rest
    lst = [a, *rest, b]
    if a > b:
        a, b = b, a
        *init, last = lst
    else:
        last, *init = lst
    return a - b + last * sum(init) + first * second


@case
def dynamic_slice(np, x, n):
    s = 0.0
    i = n % 3
    for k in range(3):
        if x[k] > 0:
            s += np.sum(x[i : i + 2]) if k == 0 else x[i + k - 1]
    return s


@case
def insertion_sort_array(np, x, n):
    a = x.copy()
    for i in range(1, len(a)):
        key = a[i]
        j = i - 1
        while j >= 0 and a[j] > key:
            a[j + 1] = a[j]
            j -= 1
        a[j + 1] = key
    return a[n % 5], a[1:] - a[:-1]


@case
def heap_conditional_pop(np, x, n):
    h = [x[0], x[1]]
    heapq.heapify(h)
    out = 0.0
    for v in x[2:]:
        if v > h[0]:
            out += heapq.heapreplace(h, v)
        else:
            out -= heapq.heappushpop(h, v)
    return out + h[0] * 2


@case
def token_parser(np, x, n):
    tokens = ["(", "a", "+", "b", ")", "*", "c"]
    vals = {"a": x[0], "b": x[1], "c": x[2]}
    pos = 0

    def peek():
        return tokens[pos] if pos < len(tokens) else None

    def take():
        nonlocal pos
        t = tokens[pos]
        pos += 1
        return t

    def expr():
        v = term()
        while peek() == "+":
            take()
            v = v + term()
        return v

    def term():
        v = atom()
        while peek() == "*":
            take()
            w = atom()
            v = v * w if w > 0 else v - w
        return v

    def atom():
        t = take()
        if t == "(":
            v = expr()
            take()
            return v
        return vals[t]

    return expr()


@case
def int_vm(np, x, n):
    # (op, arg) program over registers; jumps on data
    ops = np.array([0, 1, 2, 3, 4])
    args = np.array([0, 1, 3, 0, 0])
    acc, pc, steps = x[0], 0, 0
    while steps < 20:
        op, arg = ops[pc], args[pc]
        steps += 1
        if op == 0:
            acc = acc + x[arg + 1]
        elif op == 1:
            acc = acc * 0.5 + x[arg]
        elif op == 2:
            if acc < 1.0:
                pc = arg
                continue
        elif op == 3:
            acc = acc + 0.25
            pc = 0 if acc < n else 4
            continue
        else:
            break
        pc += 1
    return acc, steps


@case
def lru_dict(np, x, n):
    cache = OrderedDict()
    hits = 0.0
    for k in [0, 1, 0, 2, 3, 0]:
        if k in cache:
            cache.move_to_end(k)
            hits += x[k]
        else:
            cache[k] = x[k] ** 2
            if len(cache) > 2:
                old, v = cache.popitem(last=False)
                hits -= v * 0.1
    return hits + sum(cache.values())


class Matrix:
    def __init__(self, rows):
        self.rows = rows

    def __matmul__(self, o):
        return Matrix([[sum(a * b for a, b in zip(r, c)) for c in zip(*o.rows)] for r in self.rows])

    def __getitem__(self, ij):
        i, j = ij
        return self.rows[i][j]

    def __setitem__(self, ij, v):
        i, j = ij
        self.rows[i][j] = v

    def __pow__(self, k):
        out, base = Matrix([[1.0, 0.0], [0.0, 1.0]]), self
        while k > 0:
            if k % 2 == 1:
                out = out @ base
            base = base @ base
            k //= 2
        return out


@case
def matrix_power(np, x, n):
    m = Matrix([[x[0], 1.0], [0.5, x[1]]])
    m[0, 1] = m[0, 1] if x[2] > 0 else -1.0
    return (m**n)[0, 0], (m**3)[1, 1]


class Vec2:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __add__(self, o):
        return Vec2(self.x + o.x, self.y + o.y)

    def __mul__(self, k):
        return Vec2(self.x * k, self.y * k)

    __rmul__ = __mul__

    def __abs__(self):
        return math.sqrt(self.x**2 + self.y**2)

    def __lt__(self, o):
        return abs(self) < abs(o)

    def __bool__(self):
        return abs(self) > 1e-3

    def __iter__(self):
        yield self.x
        yield self.y

    def __len__(self):
        return 2


@case
def vectors(np, x, n):
    a, b = Vec2(x[0], x[1]), Vec2(x[2], x[3])
    k = 0
    while a < b and k < n:
        a = a + 0.5 * b
        k += 1
    p, q = a if a < b else b
    c = sorted([a, b, a + b])
    return abs(c[-1]) + p * q if a else 0.0


@contextlib.contextmanager
def scaled(box, k):
    old = box["s"]
    box["s"] = old * k
    try:
        yield box
    finally:
        box["s"] = old


@case
def context_in_loop(np, x, n):
    box = {"s": 1.0}
    t = 0.0
    for i in range(n + 1):
        with scaled(box, x[i % 5]) as b:
            if b["s"] > 1:
                t += b["s"]
                continue
            t -= 0.5 * b["s"]
    return t + box["s"]


class Guard:
    def __init__(self):
        self.entered, self.left = 0, 0

    def __enter__(self):
        self.entered += 1
        return self

    def __exit__(self, *exc):
        self.left += 1
        return False


@case
def guard_break(np, x, n):
    g = Guard()
    s = 0.0
    i = 0
    while True:
        with g:
            if i >= 5:
                break
            if x[i] < 0:
                i += 1
                continue
            s += x[i]
        i += 1
        if s > 3:
            return s * 2, g.left
    return s, g.entered


@case
def early_structures(np, x, n):
    def pick(i):
        if x[i] > 1:
            return x[i], i
        if x[i] > 0:
            return x[i] * 2, -i
        return 0.0, 99

    best = pick(0)
    for i in range(1, 5):
        c = pick(i)
        if c > best:
            best = c
    return best


@case
def string_keys(np, x, n):
    table = {"low": 0.0, "mid": 0.0, "high": 0.0}
    for v in x:
        k = "low" if v < -0.5 else "mid" if v < 1 else "high"
        table[k] += v * v
    order = sorted(table.items(), key=lambda kv: kv[1])
    return [v for _, v in order], table["mid"]


@case
def method_by_name(np, x, n):
    class Ops:
        def up(self, v):
            return v + 1.5

        def down(self, v):
            return v * 0.5

        def flip(self, v):
            return -v

    o = Ops()
    v = x[0]
    for i in range(5):
        name = "up" if v < x[i] else "down" if v > 0 else "flip"
        v = getattr(o, name)(v)
    return v


@case
def del_and_rebuild(np, x, n):
    xs = list(x)
    del xs[n % 3]
    if xs[0] > 0:
        del xs[1]
    else:
        xs.pop()
    xs.insert(1, 10.0)
    return sum(i * v for i, v in enumerate(xs))


@case
def windows(np, x, n):
    best = -np.inf
    where = 0
    i = 0
    while i + 2 <= 5:
        w = x[i : i + 2]
        if w.sum() > best:
            best, where = w.sum(), i
        i += 1
    y = x.copy()
    y[where : where + 2] = y[where : where + 2][::-1] * 2
    return best, y


@case
def rotate_list(np, x, n):
    xs = [v for v in x]
    k = n % 5
    ys = xs[k:] + xs[:k]
    return sum(i * v for i, v in enumerate(ys))


@case
def prefix_lists(np, x, n):
    xs = list(x)
    return sum(xs[:n]) - sum(xs[n:]), max(xs[: n + 1]), len(xs[1:n])


@case
def events_for(np, x, n):
    events = [(abs(i - 1.5), i) for i in range(3)]
    heapq.heapify(events)
    log = 0.0
    for _ in range(5):
        if not events:
            break
        t, who = heapq.heappop(events)
        log += x[who] * t
        if x[who] > 0:
            heapq.heappush(events, (t + 0.5 + who, who))
    return log


@case
def nlargest_filtered(np, x, n):
    h = [v for v in x if v < 2]
    return sum(i * v for i, v in enumerate(heapq.nlargest(2, h))), heapq.nsmallest(
        1, h, key=lambda v: -v
    )[0]


@case
def insort_filtered(np, x, n):
    h = []
    for v in x:
        if v > 0:
            bisect.insort(h, v)
    return sum(i * v for i, v in enumerate(h)), h[0]


@case
def attribute_by_name(np, x, n):
    class P:
        def __init__(s):
            s.a, s.b = x[0], x[1]

        def up(s, v):
            return v + s.a

        def dn(s, v):
            return v - s.b

    p = P()
    v = 0.5
    for i in range(n + 2):
        key = "a" if v < x[i % 5] else "b"
        setattr(p, key, getattr(p, key) * 0.5 + 1)
        v = getattr(p, "up" if v < 1 else "dn")(v)
    return v, p.a, p.b, getattr(p, "zz", 3.0)


@case
def for_else_return(np, x, n):
    for i, v in enumerate(x):
        if v > 2:
            break
    else:
        return -1.0
    for w in x[::-1]:
        if w < v - 1:
            return w + i
    return 0.0


@case
def spiral(np, x, n):
    g = np.zeros((3, 3))
    dr, dc = 0, 1
    r = c = 0
    for k in range(9):
        g[r, c] = k * x[k % 5]
        nr, nc = r + dr, c + dc
        if not (0 <= nr < 3 and 0 <= nc < 3) or g[nr, nc] != 0:
            dr, dc = dc, -dr
            nr, nc = r + dr, c + dc
        r, c = nr, nc
        if r < 0 or r > 2 or c < 0 or c > 2:
            break
    return g


@case
def lcs_backtrack(np, x, n):
    a = [1 if v > 0 else 0 for v in x]
    b = [1, 0, 1]
    L = [[0] * 4 for _ in range(6)]
    for i in range(5):
        for j in range(3):
            if a[i] == b[j]:
                L[i + 1][j + 1] = L[i][j] + 1
            else:
                L[i + 1][j + 1] = max(L[i][j + 1], L[i + 1][j])
    i, j, s = 5, 3, 0.0
    while i > 0 and j > 0:
        if a[i - 1] == b[j - 1]:
            s += x[i - 1]
            i -= 1
            j -= 1
        elif L[i - 1][j] >= L[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return s


@case
def coroutine_scheduler(np, x, n):
    def worker(k):
        acc = 0.0
        for i in range(3):
            acc += x[(k + i) % 5]
            yield acc
        return acc

    tasks = deque(worker(k) for k in range(3))
    log = 0.0
    while tasks:
        t = tasks.popleft()
        try:
            v = next(t)
        except StopIteration as e:
            log += e.value * 0.1
            continue
        if v > 0:
            log += v
        tasks.append(t)
    return log


@dataclass(order=True)
class Job:
    cost: float
    name: int = field(compare=False)


@case
def jobs(np, x, n):
    js = sorted(Job(v, i) for i, v in enumerate(x))
    best = min(js)
    worst = max(js, key=lambda j: j.cost * (1 if j.name % 2 else -1))
    return js[1].cost - best.cost, worst.name, replace(best, cost=1.0).name


@case
def match_class_data(np, x, n):
    @dataclass
    class Pt:
        x: float
        y: float

    t = 0.0
    for i in range(4):
        match Pt(x[i], x[i + 1]):
            case Pt(x=a, y=b) if a > b:
                t += a - b
            case Pt(0.0, _):
                t += 100
            case Pt(a, b):
                t += a * b
    return t


@case
def none_state(np, x, n):
    prev = None
    ups = 0
    for v in x:
        if prev is not None and v > prev:
            ups += 1
        prev = v if v > -1 else None
    return ups * 1.0 + (prev if prev is not None else -7.0)


@case
def string_state(np, x, n):
    mode = "start"
    trail = []
    v = x[0]
    for i in range(1, 5):
        if mode == "start":
            mode = "run" if x[i] > v else "wait"
        elif mode == "run":
            v = v + x[i]
            if v > 3:
                mode = "stop"
        elif mode == "wait":
            v = v - x[i]
            mode = "start"
        trail.append(mode == "run")
    return v, sum(trail), mode == "stop"


@case
def operators_overloaded(np, x, n):
    class Iv:
        def __init__(s, lo, hi):
            s.lo, s.hi = (lo, hi) if lo <= hi else (hi, lo)

        def __add__(s, o):
            return Iv(s.lo + o.lo, s.hi + o.hi)

        def __and__(s, o):
            lo, hi = max(s.lo, o.lo), min(s.hi, o.hi)
            return Iv(lo, hi) if lo <= hi else Iv(0.0, 0.0)

        def __contains__(s, v):
            return s.lo <= v <= s.hi

        def __eq__(s, o):
            return s.lo == o.lo and s.hi == o.hi

        def __neg__(s):
            return Iv(-s.hi, -s.lo)

        def __call__(s, t):
            return s.lo * (1 - t) + s.hi * t

        def __hash__(s):
            return 0

    a, b = Iv(x[0], x[1]), Iv(x[2], x[3])
    c = (a + b) & -a
    t = 0.0
    if x[4] in c:
        t += 1.0
    if a != b and not (a == b):
        t += c(0.25)
    return t + c.hi


@case
def quickselect(np, x, n):
    a = list(x)
    k = n % 5
    while True:
        p = a[0]
        lo = [v for v in a if v < p]
        hi = [v for v in a if v > p]
        if k < len(lo):
            a = lo
        elif k == len(lo):
            return p
        else:
            k -= len(lo) + 1
            a = hi


@case
def kadane(np, x, n):
    best = cur = x[0]
    start = s = e = 0
    for i in range(1, len(x)):
        if cur < 0:
            cur, s = x[i], i
        else:
            cur += x[i]
        if cur > best:
            best, start, e = cur, s, i
    return best, start, e


@case
def sliding_max_deque(np, x, n):
    q = deque()
    out = []
    for i in range(5):
        while q and x[q[-1]] <= x[i]:
            q.pop()
        q.append(i)
        if q[0] <= i - 3:
            q.popleft()
        if i >= 2:
            out.append(x[q[0]])
    return sum(k * v for k, v in enumerate(out)) + len(q)


@case
def rle(np, x, n):
    runs = []
    for v in x:
        s = 1 if v > 0 else -1
        if runs and runs[-1][0] == s:
            runs[-1][1] += v
        else:
            runs.append([s, v])
    return sum(k * r[1] for k, r in enumerate(runs)), len(runs)


@case
def copy_deep(np, x, n):
    s = {"a": [x[0], x[1]], "b": {"c": x[2]}}
    t = copy.deepcopy(s)
    if x[3] > 0:
        t["a"][0] = 5.0
        t["b"]["c"] *= 2
    else:
        s["a"].append(1.0)
        s["a"].pop(0)
    return s["a"][0] + t["a"][0] * 2 + s["b"]["c"] + 3 * t["b"]["c"]


@case
def mro_super(np, x, n):
    class A:
        def f(self, v):
            return v + 1

    class B(A):
        def f(self, v):
            return super().f(v) * 2 if v > 0 else v

    class C(A):
        def f(self, v):
            return super().f(v) - 3 if v > 1 else -v

    class D(B, C):
        def f(self, v):
            r = super().f(v)
            return r if r < 5 else super(B, self).f(r)

    objs = [B(), C(), D()]
    t = 0.0
    for i, v in enumerate(x):
        t += objs[i % 3].f(v)
    pick = objs[0] if x[0] > 1 else objs[2]
    return t + pick.f(x[1])


@case
def try_else_finally_loop(np, x, n):
    t, fin = 0.0, 0
    for i in range(5):
        try:
            if x[i] > 2:
                break
            if x[i] < -1:
                continue
            y = x[i] * 2
        finally:
            fin += 1
        t += y
    else:
        t += 100
    return t, fin


@case
def slice_assign_list(np, x, n):
    a = list(x)
    if x[0] > 0.5:
        a[1:3] = [a[2], a[1]]
    else:
        a[::2] = [0.0, 1.0, 2.0]
    a[-2:] = reversed(a[-2:])
    return sum((i + 1) * v for i, v in enumerate(a))


@case
def index_of_max_loops(np, x, n):
    i = max(range(len(x)), key=lambda k: x[k])
    j = min(range(len(x)), key=x.__getitem__)
    k = sorted(range(5), key=lambda q: -x[q])
    return x[i] - x[j], i, j, k[n % 5]


@case
def topological(np, x, n):
    adj = [[1, 2], [3], [3], [4], []]
    indeg = [0] * 5
    for u in range(5):
        for v in adj[u]:
            if x[u] > -1:
                indeg[v] += 1
    ready = [u for u in range(5) if indeg[u] == 0]
    order = 0.0
    k = 1
    while ready:
        u = ready.pop()
        order += k * x[u]
        k += 1
        if k > 5:
            break
    return order


@case
def decorator_count(np, x, n):
    calls = [0]

    def counted(f):
        @functools.wraps(f)
        def inner(*a, **k):
            calls[0] += 1
            r = f(*a, **k)
            return r if r > 0 else -r * 0.5

        return inner

    @counted
    def g(v, *, scale=2.0):
        return v * scale

    t = sum(g(v) if v > -1 else g(v, scale=3.0) for v in x)
    return t + calls[0]


@case
def gen_two_consumers(np, x, n):
    def fib():
        a, b = x[0], x[1]
        while True:
            yield a
            a, b = b, (a + b) * 0.5

    s = 0.0
    for i, v in enumerate(fib()):
        if i > n:
            break
        s += v
    p = sum(v for v, _ in zip(fib(), range(3)))
    return s, p


@case
def gen_recursive(np, x, n):
    def perms(k, acc):
        if k == 0:
            yield acc
            return
        for v in x[:3]:
            if v > -1:
                yield from perms(k - 1, acc + v * k)

    return sum(v * v for v in perms(2, 0.0)), max(perms(1, 0.0), default=-9.0)


@case
def gen_takewhile(np, x, n):
    def grow():
        v = abs(x[0]) + 0.1
        while True:
            yield v
            v *= 1.7

    return sum(itertools.takewhile(lambda v: v < 9, grow())) + sum(
        v for v in itertools.islice(grow(), 3)
    )


@case
def gen_closure_nonlocal(np, x, n):
    count = 0

    def ticks():
        nonlocal count
        while count < n + 1:
            count += 1
            yield count

    t = 0.0
    for c in ticks():
        t += c * x[c % 5]
        if t > 5:
            count += 10
    return t, count


@case
def gen_in_scan_body(np, x, n):
    def inner(v):
        while v < 2:
            yield v
            v = v * 1.5 + 0.3

    t = 0.0
    for i in range(20):
        for v in inner(abs(x[i % 5])):
            if v > 1.5:
                break
            t += v * 0.1
    return t


@case
def gen_accumulate_dict(np, x, n):
    def items():
        for i, v in enumerate(x):
            if v < -2:
                return
            yield i % 2, v

    d = {0: 0.0, 1: 0.0}
    for k, v in items():
        d[k] += v
        if v > 2:
            d[k] *= 2
    return d[0], d[1]


@case
def gen_while_break(np, x, n):
    def newton(a):
        g = 1.0 + abs(a)
        while True:
            yield g
            g = 0.5 * (g + (abs(a) + 0.1) / g)

    last = 0.0
    for g in newton(x[0]):
        if abs(g - last) < 1e-9:
            break
        last = g
    return g


@case
def gen_traced_loop(np, x, n):
    def halve(v):
        while v > 0.1:
            yield v
            v = v / 2

    return sum(halve(x[0])) + sum(v * v for v in halve(x[2]))


@case
def gen_traced_for(np, x, n):
    def take(k):
        for i in range(k):
            yield x[i % 5] * i

    t = 0.0
    for v in take(n):
        if v > 3:
            break
        t += v
    return t


@case
def gen_yield_jump(np, x, n):
    def until_negative():
        for v in x:
            if v < 0:
                return
            yield v

    return sum(until_negative()) + len(list(until_negative()))


@case
def gen_yield_continue(np, x, n):
    def some():
        for i, v in enumerate(x):
            if v < 0:
                continue
            yield i * v

    return sum(some())


@case
def gen_any_infinite(np, x, n):
    def grow(v):
        while True:
            v = abs(v) * 1.3 + 0.1
            yield v

    a = any(v > 9 for v in grow(x[0]))
    b = all(v < 9 for v in grow(x[1]))
    return (1.0 if a else 0.0) + (0.0 if b else 5.0)


@case
def gen_filtered_sum(np, x, n):
    def halve(v):
        while v > 0.1:
            yield v
            v = v / 2

    return sum(v * v for v in halve(x[0]) if v < 2) + max(halve(abs(x[1]) + 0.2))


@case
def gen_listed(np, x, n):
    def pos():
        for v in x:
            if v > 2:
                return
            if v > 0:
                yield v

    ys = list(pos())
    zs = [v * 2 for v in pos() if v > 0.4]
    return len(ys) + sum(ys) + sum(zs) + sum(sorted(pos())[:1])


@case
def gen_pipeline_traced(np, x, n):
    def source():
        k = 0
        v = x[0]
        while k < n:
            yield v
            v = v * 0.7 + x[k % 5]
            k += 1

    def clipped(it):
        for v in it:
            if v > 3:
                break
            if v < -1:
                continue
            yield v

    def pairs(it):
        prev = 0.0
        for v in it:
            yield v - prev
            prev = v

    return sum(pairs(clipped(source())))


@case
def gen_try_finally(np, x, n):
    log = []

    def values():
        try:
            for v in x:
                if v > 1.5:
                    return
                yield v
        finally:
            log.append(1.0)

    s = 0.0
    for v in values():
        if v < -0.8:
            break
        s += v
    return s + len(log)


@case
def gen_yield_from(np, x, n):
    def inner(k):
        i = 0
        while i < k:
            yield x[i]
            i += 1

    def outer():
        yield 1.0
        yield from inner(n)
        yield from [x[0], x[1]]

    return sum(v * (i + 1) for i, v in enumerate(outer())) if False else sum(outer())


class Tree:
    def __init__(self, v, left=None, right=None):
        self.v, self.left, self.right = v, left, right

    def __iter__(self):
        if self.left is not None:
            yield from self.left
        yield self.v
        if self.right is not None:
            yield from self.right


@case
def gen_tree(np, x, n):
    t = Tree(x[0], Tree(x[1]), Tree(x[2], Tree(x[3])))
    s = 0.0
    for k, v in enumerate(t):
        s = s * 0.5 + v * k
    return s + sum(v for v in t if v > 0)


@case
def gen_state_object(np, x, n):
    class Walk:
        def __init__(self, v):
            self.v = v
            self.steps = 0

        def __iter__(self):
            while abs(self.v) > 0.2:
                self.steps += 1
                yield self.v
                self.v *= 0.6

    w = Walk(x[0])
    s = 0.0
    for v in w:
        s += v
        if s > 2:
            break
    return s + w.steps * 0.1 + w.v


@case
def gen_nested_consumer(np, x, n):
    def rows():
        i = 0
        while i < n:
            yield i
            i += 1

    def cols(i):
        j = i
        while x[j % 5] > 0 and j < 8:
            yield x[j % 5]
            j += 1

    t = 0.0
    for i in rows():
        for v in cols(i):
            if v > 2:
                break
            t += v * i
        else:
            t += 0.5
    return t


@case
def gen_return_in_loop(np, x, n):
    def steps():
        v = x[0]
        while True:
            v = v * 0.8 + 0.3
            yield v

    k = 0
    for v in steps():
        k += 1
        if k > n:
            return v
        if v > 1.4:
            return v * 2


@case
def sudoku_of_constants(np, x, n):
    """Arrays of constants, copies of them among them, to which a recursion stores."""
    grid = np.array([[1, 0, 0], [0, 0, 1], [0, 0, 0]])
    grid = grid.copy()
    if x[0] > 1:
        grid[0, 0] = 0
    calls = 0

    def fits(r, c, v):
        return not any(grid[r, k] == v or grid[k, c] == v for k in range(3))

    def solve(at):
        nonlocal calls
        calls += 1
        if at == 9:
            return True
        r, c = divmod(at, 3)
        if grid[r, c] != 0:
            return solve(at + 1)
        for v in range(1, 4):
            if fits(r, c, v):
                grid[r, c] = v
                if solve(at + 1):
                    return True
                grid[r, c] = 0
        return False

    return solve(0), grid, calls


@case
def most_likely_path(np, x, n):
    """A pointer that is None until something better is found, followed at traced places."""
    score, back = [0.6, 0.4], []
    for t in range(4):
        now, pointers = [], []
        for s in range(2):
            best, arg = -100.0, None
            for q in range(2):
                v = score[q] + (0.7 if q == s else -0.2 * n)
                if v > best:
                    best, arg = v, q
            now.append(best + x[t] * s)
            pointers.append(arg)
        score = now
        back.append(pointers)
    s = max(range(2), key=lambda q: score[q])
    path = [s]
    for pointers in reversed(back):
        s = pointers[s]
        path.append(s)
    path.reverse()
    return max(score), path


@case
def evaluates_nested_tuples(np, x, n):
    """`match` on numbers that a recursion makes traced, and scalars times vectors."""

    def value(e, env):
        match e:
            case float() | int():
                return e
            case str():
                return env[e]
            case ("let", name, bound, body):
                return value(body, env | {name: value(bound, env)})
            case ("if", c, a, b):
                return value(a, env) if value(c, env) > 0 else value(b, env)
            case (op, a, b):
                a, b = value(a, env), value(b, env)
                return a + b if op == "+" else a * b

    inner = ("let", "a", ("+", "c", 1.0), ("*", "a", "a"))
    e = ("let", "c", ("*", "a", "b"), ("if", "c", inner, ("+", "b", ("if", "a", "c", 2))))
    env = {"a": x[0], "b": x[1]}
    for _ in range(n):
        env["a"] = env["a"] * 0.5 + value(e, env) * 0.1
    return value(e, env)


class Terms:
    def __init__(self, terms):
        self.terms = terms

    def __mul__(self, other):
        if isinstance(other, (int, float)):
            return Terms([v * other for v in self.terms])
        return sum(a * b for a, b in zip(self.terms, other.terms))

    __rmul__ = __mul__


@case
def scalars_times_vectors(np, x, n):
    v = Terms([float(n), x[1], 2.0])
    w = x[2] * v if x[0] > 0 else v * (v * v)
    return w.terms, w * v


@case
def asks_whether_it_can_be_called(np, x, n):
    f = (lambda t: t * t) if x[0] > 0 else (None if n > 2 else x[1])
    total = 0.0
    for v in x:
        if callable(f):
            total += f(v)
        elif f is None:
            total -= v
        else:
            total += f * v
    g = Terms([x[3]]) if x[2] > 0 else x[4]
    return total, g.terms[0] if hasattr(g, "terms") else 2 * g


@case
def arrays_that_take_wider_elements(np, x, n):
    """Single precision and integers meet what is computed of `x`."""
    h, counts = np.eye(2, dtype=np.float32), np.zeros(2, dtype=np.int32)
    for i in range(n):
        h = h + 0.5 * x[:2] * h
        while abs(h[0, 0]) > 2:
            h = h / 2
            counts = counts + x[2] * 0.25
    return h, counts * 1.0


@case
def interprets_a_text(np, x, n):
    """Letters of a text at traced places decide."""
    program, cells = "+[>++<-]>[-<+>]<.", np.array([n % 3, 0, 0])
    at = place = steps = 0
    total = 0.0
    while at < len(program) and steps < 99:
        letter = program[at]
        steps += 1
        if letter in "+-":
            cells[place] += 1 if letter == "+" else -1
        elif letter == ".":
            total += cells[place] * x[place]
        elif letter in "<>":
            place += {"<": -1, ">": 1}[letter]
        elif (letter == "[") == (cells[place] == 0):
            depth = step = 1 if letter == "[" else -1
            while depth:
                at += step
                depth += {"[": 1, "]": -1}.get(program[at], 0)
        at += 1
    return total, steps, cells, ord(program[-n])
