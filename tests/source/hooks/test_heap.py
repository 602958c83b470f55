"""Stores to objects under conditions and in loops known only at run time."""

from __future__ import annotations

import collections
import random

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp

F, I = np.float64, np.int32


def both(f, *calls):
    jitted = ms.jit(f)
    for args in calls:
        got, want = jitted(*args), f(*args)
        assert ms.tree.structure(got) == ms.tree.structure(want)
        for a, b in zip(ms.tree.leaves(got), ms.tree.leaves(want), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)


SIGNS = (F(3),), (F(-3),)


def test_each_branch_sees_the_heap_as_it_was():
    def f(x):
        items, table = [x, x + 1], {"a": x}
        if x > 0:
            items[0] = items[1] * 10
            items.append(x * 3)
            table["b"] = x
        else:
            items.append(x * 4)
            table["b"] = -x
            table["a"] = x * 100
        return items, table

    both(f, *SIGNS)


def test_aliases_of_a_list_see_a_store_in_a_branch():
    def f(x):
        items = [x, x]
        alias = items
        if x > 0:
            items[0] = x * 2
        return alias[0], items is alias

    both(f, *SIGNS)


def test_containers_made_in_a_branch():
    def f(x):
        if x > 0:
            d, rows = {}, []
            d["k"] = x
            rows.append(x)
            d["rows"] = rows
        else:
            d = {"k": x * 2, "rows": [x + 5]}
        return d

    both(f, *SIGNS)


def test_other_containers():
    def f(x):
        q, s, o = collections.deque([x, 1.0], 3), {1}, collections.OrderedDict(a=x)
        if x > 0:
            q.append(x * 2)
            s.add(2)
            o["a"] = x * 3
        else:
            q.append(x * 5)
            s.add(2)
        q.rotate(1)
        return list(q), len(s), o["a"]

    both(f, *SIGNS)


def test_attributes_slots_properties_and_classes():
    class Plain:
        def __init__(self, v):
            self.v = v
            self._w = v

        @property
        def w(self):
            return self._w

        @w.setter
        def w(self, value):
            self._w = value * 2

    class Slotted:
        __slots__ = ("v",)

    def f(x):
        a, b = Plain(x), Slotted()
        b.v = x
        if x > 0:
            a.v = x * 2
            a.w = x
            b.v += 1
            a.new = x
        else:
            a.new = -x
        return a.v, a.w, b.v, a.new

    both(f, *SIGNS)


_total = 0.0


def test_globals_are_stored_and_leave_no_trace_behind():
    def f(x):
        global _total
        _total = x
        if x > 0:
            _total = _total * 2
        y = _total
        _total = 0.0
        return y

    both(f, *SIGNS)
    assert _total == 0.0


def test_arrays_are_handles():
    def f(x, k):
        y = mnp.zeros(5, F)
        z = y
        early = y + 1
        for i in range(k):
            y[i] = x * i
            if y[i] > 4:
                y[0] += 1
        return y, z, early

    jitted = ms.jit(f)
    y, z, early = jitted(F(3), I(3))
    np.testing.assert_array_equal(y, [1, 3, 6, 0, 0])
    np.testing.assert_array_equal(y, z)
    np.testing.assert_array_equal(early, np.ones(5))


def test_objects_in_loops():
    class Account:
        def __init__(self, balance):
            self.balance, self.moves = balance, [0, 0]

        def move(self, amount):
            self.balance = self.balance + amount
            self.moves[1] = self.moves[0]
            self.moves[0] = amount

    def f(x, k):
        account = Account(x)
        while account.balance < 100:
            account.move(account.balance * 0.5)
        for i in range(k):
            if account.balance > 50:
                account.move(-10.0 * i)
        return account.balance, account.moves

    both(f, (F(3), I(4)), (F(200), I(9)), (F(60), I(0)))


def test_a_list_longer_in_one_branch_is_as_long_as_the_data_say():
    @ms.jit
    def f(x):
        rows = [x]
        if x > 0:
            rows.append(2 * x)
        return {"rows": rows, "count": len(rows)}

    assert f(F(1)) == {"rows": [1, 2], "count": 2}
    assert f(F(-1)) == {"rows": [-1], "count": 1}


def test_lanes_with_lists_of_different_lengths_are_an_error():
    def f(x):
        rows = [x]
        if x > 0:
            rows.append(x)
        return rows

    with pytest.raises(ms.errors.StagingError, match=r"MS102.*different lengths"):
        ms.vmap(f)(np.float32([1, -1]))


def test_a_part_of_such_a_list_is_not_taken_for_the_list():
    """Code that is not converted cuts it and joins it as a plain list."""

    @ms.no_convert
    def cut(rows):
        return rows[1:]

    def f(x):
        rows = [x]
        if x > 0:
            rows.append(x)
        return len(cut(rows))

    with pytest.raises(ms.errors.StagingError, match=r"MS170 a list has a length that data decide"):
        ms.jit(f)(F(1))


def test_a_failed_attempt_leaves_the_heap_as_python_does():
    """A long loop whose body needs its index is recorded, given up and laid out."""
    seen = {}

    def f(x):
        for i in range(20):
            seen[i] = i
            x = x + {f"k{j}": float(j) for j in range(20)}[f"k{i}"]
        return x

    assert float(ms.jit(f)(F(0))) == sum(range(20))
    assert list(seen) == list(range(20))


_MOVES = ("items[{i}] = {v}", "items.append({v})", "table['{k}'] = {v}", "obj.{a} = {v}",
          "items[{i}] += {v}", "obj.{a} *= 0.5", "y[{i}] = {v}", "items.insert(0, {v})",
          "x = items[{i}] + table['{k}']", "items.reverse()", "table.update({k}={v})",
          "items.sort(key=lambda t: 0)")  # fmt: skip


def _sequence(rnd, depth):
    lines = []
    for _ in range(rnd.randrange(2, 5)):
        v = rnd.choice(["x", "items[0]", "obj.p + 1", "table['u'] * 0.5", "y[1]"])
        move = rnd.choice(_MOVES).format(i=rnd.randrange(2), v=v, k=rnd.choice("uw"),
                                         a=rnd.choice("pq"))  # fmt: skip
        if depth and rnd.random() < 0.5:
            grow = rnd.choice(["items.append(x)", "items.insert(1, y[0])", "pass"])
            once = [line for line in _sequence(rnd, depth - 1) if "append" not in line
                    and "insert" not in line]  # fmt: skip
            twice = [line for line in _sequence(rnd, depth - 1) if "append" not in line
                     and "insert" not in line]  # fmt: skip
            lines += [f"if {rnd.choice(['x', 'obj.q', 'items[1]'])} > 0.3:"]
            lines += ["    " + line for line in (*once, grow)]
            lines += ["else:"] + ["    " + line for line in (*twice, grow)]
        else:
            lines.append(move)
    return lines


@pytest.mark.parametrize("seed", range(25))
def test_random_sequences_of_stores_mean_what_python_means(seed):
    """Law 21 of the design: stores under conditions equal those of Python."""
    import linecache

    body = _sequence(random.Random(seed), 2)
    text = "\n".join([
        "def f(x, y):", "    class Obj: pass", "    obj = Obj()", "    obj.p, obj.q = x, -x",
        "    items, table = [x, x * 2], {'u': x, 'w': 0.25}", *("    " + line for line in body),
        "    return x, items, table, obj.p, obj.q, y",
    ])  # fmt: skip
    file = f"<stores {seed}>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    scope = {"__name__": "stores"}
    exec(compile(text, file, "exec"), scope)
    f = scope["f"]
    jitted = ms.jit(f)
    for x in (0.7, -0.4, 0.2):
        y = np.array([x, 0.5])
        got = jitted(F(x), y)
        want = f(F(x), y.copy())
        assert ms.tree.structure(got) == ms.tree.structure(want)
        for a, b in zip(ms.tree.leaves(got), ms.tree.leaves(want), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, err_msg=text)


@pytest.mark.parametrize("scale", [1.0, -1.0])
def test_stores_under_a_mask_known_at_run_time(scale):
    def f(x, xp):
        rows = xp.arange(6.0).reshape(3, 2) * x
        high = rows.sum(1) > 1
        rows[high] = 4
        rows[~high] -= 2.0
        rows[rows == 4] *= x
        return rows

    np.testing.assert_allclose(ms.jit(f, static_argnums=1)(scale, mnp), f(scale, np))


def test_a_masked_store_of_an_array_needs_as_many_elements():
    def f(x):
        x[x > 0] += x[:2]
        return x

    np.testing.assert_allclose(ms.jit(f)(mnp.arange(3.0)), [0, 1, 3])
    with pytest.raises(ValueError, match="parts of different sizes"):
        ms.jit(f)(mnp.arange(1.0, 4.0))


def test_what_a_recording_that_fails_has_stored_is_put_back():
    log, table, box = [1.0], {}, type("Box", (), {})()
    box.a, count = 1, 0

    def f(x):
        nonlocal count
        count += 1
        log.append(x)
        table["a"] = box.a = box.b = x
        return mnp.ones(x)

    for broken in (ms.jit(f), ms.grad(lambda x: f(x)), ms.vmap(f)):
        with pytest.raises(TypeError):
            broken(F([2, 3]))
        assert (log, table, vars(box), count) == ([1.0], {}, {"a": 1}, 0)
