"""Functions that build linked lists, trees and graphs of objects; plain Python is the oracle."""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass

import numpy as np

from tests.support.python_programs import table

CASES, case = table()


class Link:
    def __init__(self, value, rest):
        self.value = value
        self.rest = rest


class Tree:
    def __init__(self, key):
        self.key = key
        self.left = None
        self.right = None

    def insert(self, key):
        if key < self.key:
            if self.left is None:
                self.left = Tree(key)
            else:
                self.left.insert(key)
        elif self.right is None:
            self.right = Tree(key)
        else:
            self.right.insert(key)

    @property
    def is_leaf(self):
        return self.left is None and self.right is None


def keys(*xs):
    return np.array(xs)


@case((1.5, 0), (1.5, 4))
def a_list_of_any_length(x, n):
    head = None
    for i in range(n):
        head = Link(x * i, head)
    total, k = 0.0, 1
    while head is not None:
        total += head.value * k
        head = head.rest
        k += 1
    return total


@case((3.5,), (0.5,), (-1.0,))
def reversed_in_place(x):
    head = None
    for i in range(6):
        if x > i:
            head = Link(x * i, head)
    before = None
    while head is not None:
        rest = head.rest
        head.rest = before
        before = head
        head = rest
    total, k = 0.0, 1
    while before is not None:
        total += before.value * k
        k += 1
        before = before.rest
    return total


@case((keys(3.0, 1.0, 2.0, 0.5, 4.0),), (keys(1.0, 2.0, 3.0, 4.0, 5.0),))
def a_tree_by_loops(xs):
    root = None
    for v in xs:
        new = Tree(v)
        if root is None:
            root = new
            continue
        here = root
        while True:
            if v < here.key:
                if here.left is None:
                    here.left = new
                    break
                here = here.left
            else:
                if here.right is None:
                    here.right = new
                    break
                here = here.right
    total, depth = 0.0, 0
    while root is not None:
        total += root.key
        root = root.left
        depth += 1
    return total, depth


@case((keys(3.0, 1.0, 2.0, 0.5, 4.0),), (keys(1.0, 2.0, 3.0, 4.0, 5.0),))
def a_tree_by_recursion(xs):
    def insert(node, v):
        if node is None:
            return Tree(v)
        if v < node.key:
            node.left = insert(node.left, v)
        else:
            node.right = insert(node.right, v)
        return node

    def depth(node):
        return 0 if node is None else 1 + max(depth(node.left), depth(node.right))

    def weighed(node, k):
        if node is None:
            return 0.0
        return node.key * k + weighed(node.left, k + 1) + weighed(node.right, k + 2)

    root = None
    for v in xs:
        root = insert(root, v)
    return depth(root), weighed(root, 1)


@case((keys(3.0, 1.0, 2.0, 0.5, 4.0),), (keys(1.0, 2.0, 3.0, 4.0, 5.0),))
def a_tree_by_methods(xs):
    root = Tree(xs[0])
    for v in xs[1:]:
        root.insert(v)
    stack, found = [root], 0.0
    leaves = 0
    while stack:
        node = stack.pop()
        if node.is_leaf:
            leaves += 1
        found = found * 0.5 + node.key
        if node.left is not None:
            stack.append(node.left)
        if node.right is not None:
            stack.append(node.right)
    return found, leaves


@case((keys(3, 1, 2, 5, 4), 3), (keys(5, 4, 3, 2, 1), 9))
def sorted_on_insertion(xs, limit):
    head = None
    for v in xs:
        new = Link(v, None)
        if head is None or v < head.value:
            new.rest = head
            head = new
        else:
            here = head
            while here.rest is not None and here.rest.value < v:
                here = here.rest
            new.rest = here.rest
            here.rest = new
    while head is not None and head.value < limit:
        head = head.rest
    return -1 if head is None else head.value


@case((5,), (8,))
def the_last_of_a_circle(n):
    first = Link(1, None)
    last = first
    for i in range(2, n + 1):
        last.rest = Link(i, None)
        last = last.rest
    last.rest = first
    here = last
    while here.rest is not here:
        here = here.rest
        here.rest = here.rest.rest
    return here.value


class Group:
    def __init__(self, number):
        self.number = number
        self.parent = self
        self.size = 1

    def find(self):
        here = self
        while here.parent is not here:
            here.parent = here.parent.parent
            here = here.parent
        return here


@case((keys(0, 1, 2, 3), keys(1, 2, 0, 4)), (keys(0, 0, 0, 0), keys(1, 2, 3, 4)))
def groups_that_are_united(a, b):
    groups = [Group(i) for i in range(5)]
    count = 5
    for i, j in zip(a, b):  # noqa: B905
        x, y = groups[i].find(), groups[j].find()
        if x is not y:
            if x.size < y.size:
                x, y = y, x
            y.parent = x
            x.size += y.size
            count -= 1
    return count, groups[0].find().size


@dataclass
class Term:
    sign: int
    value: float
    left: Term | None = None
    right: Term | None = None

    def result(self, x):
        if self.left is None:
            return self.value * x
        a, b = self.left.result(x), self.right.result(x)
        return a + b if self.sign > 0 else a * b


@case((1.5, keys(1, -1, 1)), (0.5, keys(-1, -1, -1)))
def an_expression(x, signs):
    term = Term(0, 2.0)
    for s in signs:
        term = Term(s, 0.0, term, Term(0, 1.0))
    return term.result(x)


@case((3,), (0,))
def a_queue(n):
    class Queue:
        def __init__(self):
            self.head = None
            self.tail = None

        def put(self, v):
            new = Link(v, None)
            if self.tail is None:
                self.head = new
            else:
                self.tail.rest = new
            self.tail = new

        def get(self):
            found = self.head.value
            self.head = self.head.rest
            if self.head is None:
                self.tail = None
            return found

    queue, total = Queue(), 0
    queue.put(n)
    while queue.head is not None:
        v = queue.get()
        total = total * 2 + v
        if v > 1:
            queue.put(v // 2)
            queue.put(v - 2)
    return total


class Counted:
    made = 1
    total = 0

    def __init__(self, v):
        if v > 1:
            self.made = v
        self.next = None
        self._twice = 0

    @property
    def twice(self):
        return self._twice

    @twice.setter
    def twice(self, v):
        self._twice = 2 * v


@case((4,), (1,))
def defaults_of_the_class_and_properties(n):
    head = None
    for i in range(n):
        new = Counted(i)
        new.next = head
        new.twice = i + 1
        head = new
    total = 0
    while head is not None:
        total = total * 3 + head.made + head.twice
        head = head.next
    return total


class Amount:
    """A link with operators of its own."""

    def __init__(self, value, rest=None):
        self.value = value
        self.rest = rest

    def __add__(self, other):
        return Amount(self.value + other.value)

    def __iadd__(self, more):
        self.value += more
        return self

    def __rmul__(self, times):
        return Amount(times * self.value)

    def __lt__(self, other):
        return self.value < other.value

    def __neg__(self):
        return Amount(-self.value)

    def __getitem__(self, k):
        return self.value * k

    def __iter__(self):
        yield self.value
        yield 2 * self.value

    def __len__(self):
        return 3

    def __bool__(self):
        return bool(self.value > 2)

    def __contains__(self, value):
        return value < self.value

    def __call__(self, k):
        return self.value + k

    def __float__(self):
        return float(self.value)

    def __enter__(self):
        self.value += 0.25
        return self

    def __exit__(self, *what):
        self.value *= 2


def amounts(x, n):
    head = None
    while n > 0:
        head = Amount(x + n, head)
        n -= 1
    return head


@case((0.5, 3), (1.5, 2), (0.25, 0))
def operators_of_links(x, n):
    head, total = amounts(x, n), 0.0
    link = head
    while link is not None:
        total += (link + head).value + (2.0 * -link).value + link[2]
        total += 1.0 if link < head else 3.0
        total += max(link, head).value + sorted([head, link])[0].value
        link += 0.5
        link = link.rest
    return total


@case((0.5, 3), (1.5, 2), (0.25, 0))
def protocols_of_links(x, n):
    link, total = amounts(x, n), 0.0
    while link is not None:
        for v in link:
            total = total * 0.5 + v
        if link and 1.5 in link:
            total += len(link) + link(4.0) + float(link)
        with link as same:
            total += same.value
        total += link.value
        link = link.rest
    return total


@case((0.5, 3), (1.5, 2), (0.25, 0))
def links_as_keys(x, n):
    head = None
    for i in range(n):
        head = Link(x * i, head)
    seen, notes, link = set(), {}, head
    for _ in range(5):
        if link is None or link in seen:
            link = head
        if link is not None:
            seen.add(link)
            notes[link] = link.value + len(seen)
            link = link.rest
    return sum(notes.values()) + 10.0 * len(seen)


@case((0.5, 3), (1.5, 2))
def copies_of_links(x, n):
    head = Link(x, None)
    for i in range(n):
        head = Link(x * i, head)
    other = copy.copy(head)
    other.value += 1.0
    other.rest.value += 0.5
    return head.value, head.rest.value, other.value, head != other


class Chain:
    """A list of links that knows its length."""

    def __init__(self):
        self.head = None
        self.size = 0

    def push(self, value):
        self.head = Link(value, self.head)
        self.size += 1

    def __iter__(self):
        link = self.head
        while link is not None:
            yield link.value
            link = link.rest

    def __len__(self):
        return self.size

    def reverse(self):
        before, link = None, self.head
        while link is not None:
            link.rest, before, link = before, link, link.rest
        self.head = before


@case((keys(0.5, -1.0, 2.0, 0.25, 1.5),), (keys(-0.5, -1.0, -2.0, -0.25, -1.5),))
def links_under_conditions(x):
    """Known links, of which data decide which ones are there."""
    chain, total = Chain(), 0.0
    for v in x:
        if v > 0:
            chain.push(v)
    for v in chain:
        total = total * 0.5 + v
    chain.reverse()
    for v in chain:
        total = total * 0.25 + v
    return total + len(chain)


@case((keys(0.5, -1.0, 2.0, 0.25),), (keys(-0.5, 1.0, -2.0, -0.25),))
def a_tree_of_known_size(x):
    root, total, waiting = Tree(x[0]), 0.0, []
    for key in x[1:]:
        root.insert(key)
    node = root
    while waiting or node is not None:
        while node is not None:
            waiting.append(node)
            node = node.left
        node = waiting.pop()
        total = total * 0.5 + node.key
        node = node.right
    return total


class Particle:
    __slots__ = ("place", "speed")

    def __init__(self, place, speed):
        self.place, self.speed = place, speed


@case((keys(0.53, -1.07, 2.11),), (keys(1.57, 0.93, -2.13),))
def particles_that_collide(x):
    """Which objects are neighbours, data decide anew in each round."""
    particles = [Particle(float(i), v) for i, v in enumerate(x)]
    for _ in range(8):
        for p in particles:
            p.place += 0.2 * p.speed
        particles.sort(key=lambda p: p.place)
        for p, q in itertools.pairwise(particles):
            if q.place - p.place < 0.1 and p.speed > q.speed:
                p.speed, q.speed = q.speed, p.speed
    return [p.place * (k + 1) + p.speed for k, p in enumerate(particles)]


class Graph:
    """Links that a class keeps in a list, which no array can hold."""

    def __init__(self):
        self.nodes = []

    def add(self, value):
        self.nodes.append(Link(value, self.nodes[-1] if self.nodes else None))


@case((1.5, 3), (0.5, 2), (-1.0, 0))
def links_in_a_class_with_a_list(x, n):
    graph, total = Graph(), 0.0
    while n > 0:
        graph.add(x * n)
        n -= 1
    if not graph.nodes:
        return x
    link = graph.nodes[-1]
    while link is not None:
        total = total * 0.5 + link.value
        link = link.rest
    return total + min(graph.nodes, key=lambda m: m.value).value
