"""References: what a program with them means is what NumPy does with arrays changed in place."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import lax, random
from ms_func import ref as refs
from ms_func.ir.parse import parse
from ms_func.ir.text import to_text
from ms_func.ir.verify import verify
from ms_func.transforms.discharge import discharged

X = np.arange(6, dtype=np.float32)


def held(ref):
    return np.asarray(ref[...])


# --- eager ---------------------------------------------------------------------------------------

WRITES = {
    "one": lambda r, v: r.__setitem__(2, v),
    "negative": lambda r, v: r.__setitem__(-1, v),
    "slice": lambda r, v: r.__setitem__(slice(1, 4), v),
    "strided": lambda r, v: r.__setitem__(slice(None, None, 2), v),
    "all": lambda r, v: r.__setitem__(..., v),
    "list of places": lambda r, v: r.__setitem__(np.array([0, 3]), v),
    "mask": lambda r, v: r.__setitem__(np.arange(6) > 2, v),
}


@pytest.mark.parametrize("jitted", [False, True])
@pytest.mark.parametrize("name", WRITES)
def test_writes_are_those_of_numpy(name, jitted):
    want, ref = X.copy(), ms.new_ref(X)
    WRITES[name](want, np.float32(7))

    def write(r, v):
        WRITES[name](r, v)

    (ms.jit(write) if jitted else write)(ref, np.float32(7))
    np.testing.assert_array_equal(held(ref), want)


def test_augmented_assignment_and_functions():
    ref, want = ms.new_ref(X), X.copy()
    ref[1] += 2
    ref[2:4] *= 3
    want[1] += 2
    want[2:4] *= 3
    refs.addupdate(ref, np.array([0, 0, 5]), np.ones(3, np.float32))
    np.add.at(want, [0, 0, 5], 1)
    old = refs.swap(ref, 3, -1.0)
    assert float(old) == want[3]
    want[3] = -1
    np.testing.assert_array_equal(held(ref), want)
    np.testing.assert_array_equal(refs.get(ref, slice(0, 2)), want[:2])
    refs.set(ref, (), 0.0)
    np.testing.assert_array_equal(ms.freeze(ref), 0 * want)


def test_what_was_read_before_a_write_stays():
    ref = ms.new_ref(X)
    before = ref[...]
    double = ms.jit(lambda r: r.__setitem__(..., r[...] * 2))
    double(ref)
    middle = ref[...]
    double(ref)
    double(ref)
    np.testing.assert_array_equal(before, X)
    np.testing.assert_array_equal(middle, 2 * X)
    np.testing.assert_array_equal(held(ref), 8 * X)
    np.testing.assert_array_equal(X, np.arange(6))  # the array it was made of is untouched


def test_empty_references():
    ref = ms.empty_ref(ms.ShapeDtypeStruct((2,), np.int32))
    assert (held(ref).tolist(), ref.dtype) == ([0, 0], np.int32)
    ms.free_ref(ref)
    with pytest.raises(ValueError, match="after freeze"):
        ref[0] = 1


def test_attributes():
    ref = ms.new_ref(np.zeros((2, 3), np.int32))
    assert (ref.shape, ref.ndim, ref.size, ref.dtype, len(ref)) == ((2, 3), 2, 6, np.int32, 2)
    assert str(ms.typeof(ref)) == "ref<i32[2,3]>"
    assert repr(ms.new_ref(1.5)) == "Ref(1.5, dtype=float32)"


# --- programs ------------------------------------------------------------------------------------


def accumulate(x):
    """x[0], x[0] + x[1], ... by a cell."""
    total, out = ms.new_ref(0.0), ms.new_ref(mnp.zeros_like(x))
    for i in range(x.shape[0]):
        total[...] += x[i]
        out[i] = total[...]
    return ms.freeze(out)


def accumulate_by_loop(x):
    total, out = ms.new_ref(0.0), ms.new_ref(mnp.zeros_like(x))

    def step(i, _):
        total[...] += x[i]
        out[i] = total[...]
        return 0

    lax.fori_loop(0, x.shape[0], step, 0)
    return ms.freeze(out)


def accumulate_by_scan(x):
    total = ms.new_ref(0.0)

    def step(_, v):
        total[...] += v
        return None, total[...]

    return lax.scan(step, None, x)[1]


def accumulate_by_while(x):
    count, total, out = ms.new_ref(0), ms.new_ref(0.0), ms.new_ref(mnp.zeros_like(x))

    def step(carry):
        total[...] += x[count[...]]
        out[count[...]] = total[...]
        count[...] += 1
        return carry

    lax.while_loop(lambda _: count[...] < x.shape[0], step, 0)
    return ms.freeze(out)


def accumulate_by_calls(x):
    total = ms.new_ref(0.0)

    @ms.jit
    def add(ref, v):
        ref[...] += v
        return ref[...]

    return mnp.stack([add(total, v) for v in x])


FORMS = [accumulate, accumulate_by_loop, accumulate_by_scan, accumulate_by_while,
         accumulate_by_calls]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_local_references_under_each_transform(form):
    want = np.cumsum(X)
    np.testing.assert_allclose(form(mnp.asarray(X)), want)
    np.testing.assert_allclose(ms.jit(form)(X), want)
    grad = ms.grad(lambda x: (form(x) * X).sum())
    matrix = np.tril(np.ones((6, 6)))
    np.testing.assert_allclose(grad(X), matrix.T @ X)
    np.testing.assert_allclose(ms.jit(grad)(X), matrix.T @ X)
    np.testing.assert_allclose(ms.jacfwd(form)(X), matrix)
    np.testing.assert_allclose(ms.jacrev(form)(X), matrix)
    batch = np.stack([X, 2 * X, X - 1])
    np.testing.assert_allclose(ms.vmap(form)(batch), np.cumsum(batch, 1))
    np.testing.assert_allclose(ms.vmap(form, in_axes=1, out_axes=1)(batch), np.cumsum(batch, 0))
    np.testing.assert_allclose(ms.jit(ms.vmap(grad))(batch), np.tile(matrix.T @ X, (3, 1)))
    np.testing.assert_allclose(ms.jvp(form, (X,), (X,))[1], want)
    np.testing.assert_allclose(ms.linearize(form, X)[1](X), want)
    np.testing.assert_allclose(ms.checkpoint(form)(X), want)
    np.testing.assert_allclose(ms.grad(lambda x: ms.checkpoint(form)(x).sum())(X), matrix.sum(0))


def test_hessian_through_a_reference():
    def f(x):
        ref = ms.new_ref(x)
        lax.fori_loop(0, 3, lambda i, c: (ref.__setitem__(..., ref[...] * x), c)[1], 0)
        return ref[...]

    np.testing.assert_allclose(ms.grad(ms.grad(f))(2.0), 12 * 2.0**2)


@pytest.mark.parametrize("flag", [False, True])
def test_branches_write(flag):
    def f(p, x):
        ref = ms.new_ref(x)
        lax.cond(p, lambda: ref.__setitem__(0, 9.0), lambda: ref.__setitem__(1, ref[0] - 1))
        return ref[...]

    want = X.copy()
    if flag:
        want[0] = 9
    else:
        want[1] = want[0] - 1
    for call in (f, ms.jit(f)):
        np.testing.assert_array_equal(call(flag, X), want)
    lanes = ms.vmap(f)(np.array([flag, not flag]), np.stack([X, X + 1]))
    np.testing.assert_array_equal(lanes[0], want)


def test_branches_take_references_as_operands():
    ref = ms.new_ref(X)

    def add(r, v):
        r[...] += v
        return r[0]

    for flag in (True, False):
        lax.cond(flag, add, lambda r, v: r[1], ref, 1.0)
    lax.switch(2, [add, add, lambda r, v: add(r, 2 * v)], ref, 1.0)
    np.testing.assert_array_equal(held(ref), X + 3)


def test_references_from_outside():
    ref = ms.new_ref(X)

    @ms.jit
    def closed(v):
        ref[0] += v
        return ref[0]

    assert [float(closed(1.0)) for _ in range(3)] == [1, 2, 3]
    ref[0] = 10.0
    assert float(closed(1.0)) == 11  # the value at the call, not at the trace
    lax.scan(lambda c, v: (c, closed(v)), 0, np.ones(4, np.float32))
    assert float(ref[0]) == 15
    ms.jit(lambda: lax.fori_loop(0, 2, lambda i, c: (closed(1.0), c)[1], 0))()
    assert float(ref[0]) == 17
    assert float(ms.grad(lambda x: x * ref[0])(2.0)) == 17


def test_scan_over_references():
    rows, seen = ms.new_ref(X.reshape(3, 2)), ms.new_ref(np.zeros(3, np.float32))

    def step(total, x):
        row, cell, v = x
        row[0] += v
        cell[...] = total
        return total + row[...].sum(), row[1]

    total, ys = lax.scan(step, 0.0, (rows, seen, np.ones(3, np.float32)))
    want = X.reshape(3, 2) + [1, 0]
    np.testing.assert_array_equal(held(rows), want)
    np.testing.assert_array_equal(held(seen), np.cumsum([0, *want.sum(1)])[:3])
    np.testing.assert_array_equal(ys, want[:, 1])
    assert float(total) == want.sum()
    double = ms.jit(lambda r: lax.map(lambda x: x.__setitem__(..., 2 * x[...]), r))
    double(rows)
    np.testing.assert_array_equal(held(rows), 2 * want)
    lax.scan(lambda c, r: (c + 1, r.__setitem__(..., c)), 0.0, seen, reverse=True)
    np.testing.assert_array_equal(held(seen), [2, 1, 0])


def test_plumbing_out_of_a_gradient():
    ref = ms.new_ref(0.0)

    def loss(x):
        y = mnp.sin(x)
        ref[...] = lax.stop_gradient(y)
        return y * y

    np.testing.assert_allclose(ms.grad(loss)(0.5), np.sin(1.0), rtol=1e-6)
    np.testing.assert_allclose(ref[...], np.sin(0.5), rtol=1e-6)
    _, back = ms.vjp(loss, 0.7)
    np.testing.assert_allclose(ref[...], np.sin(0.7), rtol=1e-6)
    np.testing.assert_allclose(back(1.0)[0], np.sin(1.4), rtol=1e-6)
    ms.value_and_grad(loss)(0.2)
    np.testing.assert_allclose(ref[...], np.sin(0.2), rtol=1e-6)
    ms.grad(lambda x: ms.checkpoint(loss)(x))(0.3)
    np.testing.assert_allclose(ref[...], np.sin(0.3), rtol=1e-6)


def test_batched_references():
    ref, shared = ms.new_ref(np.zeros((3, 2), np.float32)), ms.new_ref(0)

    def f(row, v):
        row[0] += v
        row[1] = v * v
        shared[...] += 1
        return row[...]

    v = np.arange(3, dtype=np.float32)
    out = ms.vmap(f)(ref, v)
    np.testing.assert_array_equal(held(ref), np.stack([v, v * v], 1))
    np.testing.assert_array_equal(out, np.stack([v, v * v], 1))
    assert int(shared[...]) == 1  # all lanes take the step together
    columns = ms.new_ref(np.zeros((2, 3), np.float32))
    ms.jit(ms.vmap(f, in_axes=(1, 0)))(columns, v)
    np.testing.assert_array_equal(held(columns), np.stack([v, v * v]))


def test_tangents_of_references():
    ref, dot = ms.new_ref(X), ms.new_ref(np.ones_like(X))

    def f(r, s):
        r[...] = r[...] * s
        return r[...].sum()

    y, dy = ms.jvp(f, (ref, 2.0), (dot, 1.0))
    np.testing.assert_allclose([y, dy], [2 * X.sum(), 12 + X.sum()])
    np.testing.assert_allclose(held(ref), 2 * X)
    np.testing.assert_allclose(held(dot), 2 + X)


def test_references_to_keys():
    ref = ms.new_ref(random.key(0))

    def draw():
        ref[...], sub = random.split(ref[...])
        return random.uniform(sub)

    key, want = random.key(0), []
    for _ in range(4):
        key, sub = random.split(key)
        want.append(float(random.uniform(sub)))
    got = [draw(), ms.jit(draw)(), *lax.scan(lambda c, _: (c, draw()), 0, None, length=2)[1]]
    np.testing.assert_array_equal(np.asarray(got), np.asarray(want, np.float32))


def test_memory_is_used_again_under_jit():
    ref = ms.new_ref(np.zeros(1000, np.float32))
    add = ms.jit(lambda r: r.__setitem__(..., r[...] + 1))
    add(ref)
    before = ref.value
    add(ref)
    assert before.is_deleted()
    assert float(ref[0]) == 2


@pytest.mark.skipif(len(ms.devices()) < 8, reason="needs 8 devices")
def test_references_over_several_devices():
    mesh = ms.make_mesh((8,), ("x",))
    rows = ms.NamedSharding(mesh, ms.P("x"))
    ref = ms.new_ref(ms.device_put(np.arange(16.0, dtype=np.float32), rows))
    ms.jit(lambda r: r.__setitem__(..., r[...] + 1))(ref)
    np.testing.assert_array_equal(held(ref), np.arange(16) + 1)
    assert ref.sharding.is_equivalent_to(rows, 1)

    def local(x):
        cell = ms.new_ref(x)
        cell[0] *= 2
        return cell[...] + lax.psum(cell[0], "x")

    specs = {"mesh": mesh, "in_specs": ms.P("x"), "out_specs": ms.P("x")}
    want = held(ref).reshape(8, 2) * [2, 1]
    for check in (True, False):
        got = ms.shard_map(local, **specs, check_vma=check)(held(ref))
        np.testing.assert_array_equal(got, (want + want[:, 0].sum()).ravel())


@pytest.mark.skipif(len(ms.devices()) < 8, reason="needs 8 devices")
@pytest.mark.parametrize("wrap", [lambda f: f, ms.jit])
@pytest.mark.parametrize("check", [True, False])
def test_references_cut_along_a_mesh(wrap, check):
    mesh, rows = ms.make_mesh((8,), ("x",)), np.arange(8, dtype=np.float32)
    P, here = ms.P, ms.new_ref(np.float32(0))

    def cut(f, ins, outs):
        return wrap(ms.shard_map(f, mesh=mesh, in_specs=ins, out_specs=outs, check_vma=check))

    def step(ref, x):
        ref[...] += x * lax.axis_index("x")
        here[...] = lax.psum(x[0], "x")
        return 2 * x

    ref = ms.new_ref(rows)
    f = cut(step, (P("x"), P("x")), P("x"))
    for n in (1, 2):
        np.testing.assert_array_equal(f(ref, rows), 2 * rows)
        np.testing.assert_array_equal(held(ref), rows + n * rows * np.arange(8))
    assert float(here[...]) == 28
    assert ref.sharding.spec == P("x")

    def body(c, x):
        return c, ms.shard_map(step, mesh=mesh, in_specs=(P("x"), P("x")), out_specs=P("x"),
                               check_vma=check)(ref, x)  # fmt: skip

    ref = ms.new_ref(np.zeros(8, np.float32))
    wrap(lambda xs: lax.scan(body, 0, xs))(np.stack([rows, rows]))
    np.testing.assert_array_equal(held(ref), 2 * rows * np.arange(8))

    def local(x):
        cell = ms.new_ref(x)
        lax.fori_loop(0, 2, lambda i, _: cell.__setitem__(..., cell[...] * x), None)
        return cell[...]

    cubes = cut(local, P("x"), P("x"))
    np.testing.assert_array_equal(ms.grad(lambda v: cubes(v).sum())(rows), 3 * rows**2)
    np.testing.assert_array_equal(ms.vmap(cubes)(np.stack([rows, -rows]))[1], -(rows**3))


def test_a_reference_that_devices_share_holds_what_is_the_same_on_them():
    ref, mesh = ms.new_ref(np.zeros(1, np.float32)), ms.make_mesh((1,), ("x",))
    with pytest.raises(TypeError, match="may differ along x, stands where one of type"):
        ms.shard_map(lambda x: ref.__setitem__(..., x), mesh=mesh, in_specs=ms.P("x"),
                     out_specs=None)(X[:1])  # fmt: skip


def test_disabled_jit():
    with ms.config.disable_jit(True):
        ref = ms.new_ref(X)
        ms.jit(lambda r: r.__setitem__(0, 5.0))(ref)
        lax.scan(lambda c, v: (c, ref.__setitem__(1, v)), 0, X[:2])
    assert held(ref)[:2].tolist() == [5, 1]


# --- the language of programs -------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_programs_verify_print_and_discharge(form):
    program = ms.make_ir(form)(X)
    verify(program)
    assert {str(e) for e in program.effects} == {"ref_read", "ref_write"}
    assert "ref<f32[" in to_text(program)
    assert parse(to_text(program)) == program
    pure, written = discharged(program)
    verify(pure)
    assert written == ()
    assert not pure.effects
    assert pure.plain
    assert pure.in_types == program.in_types


def test_parameters_become_values():
    ref = ms.new_ref(X)
    program = ms.make_ir(lambda r, x: r.__setitem__(0, x))(ref, 1.0)
    pure, written = discharged(program)
    assert written == (0,)
    assert [str(t) for t in pure.in_types] == ["f32[6]", "f32*[]"]
    assert [str(t) for t in pure.out_types] == ["f32[6]"]
    program = ms.make_ir(lambda r: r[0])(ref)
    assert discharged(program)[1] == ()


# --- refusals -----------------------------------------------------------------------------------


def _used_after_its_trace():
    kept = []

    @ms.jit
    def f():
        kept.append(ms.new_ref(1.0))
        return 0

    f()
    return kept[0][...]


REF = ms.new_ref(X)
REFUSALS = {
    "returned": (lambda: ms.jit(lambda r: r)(REF), ValueError, "cannot be returned"),
    "made and returned": (lambda: ms.jit(lambda: ms.new_ref(1.0))(), ValueError, "be returned"),
    "returned by a step": (lambda: lax.scan(lambda c, x: (c, x), REF, X), ValueError,
                           "cannot be returned"),
    "returned by grad": (lambda: ms.grad(lambda x: (x, REF), has_aux=True)(1.0), ValueError,
                         "cannot be returned"),
    "two arguments": (lambda: ms.jit(lambda a, b: a[0])(REF, REF), ValueError, "twice"),
    "argument and closure": (lambda: ms.jit(lambda a: a[0] + REF[0])(REF), ValueError, "twice"),
    "two arguments inside": (lambda: ms.jit(
        lambda r: ms.jit(lambda a, b: a[0])(r, r))(ms.new_ref(X)), ValueError, "twice"),
    "scan over it and closing over it": (lambda: lax.scan(lambda c, r: (c, REF[0]), 0.0, REF),
                                         ValueError, "inside of a scan over it"),
    "while carries it": (lambda: lax.while_loop(lambda r: r[0] < 1, lambda r: r, REF), ValueError,
                         "cannot be returned"),
    "differentiated": (lambda: ms.grad(lambda x: (REF.__setitem__(0, x), x)[1])(1.0), ValueError,
                       "no derivative"),
    "lanes differ": (lambda: ms.vmap(lambda x: REF.__setitem__(0, x))(X), ValueError,
                     "differ between the lanes"),
    "dtype": (lambda: REF.__setitem__(..., np.arange(6)), ValueError, "Invalid dtype"),
    "shape": (lambda: REF.__setitem__(..., X[:3]), ValueError, "Invalid shape"),
    "index": (lambda: REF[6], IndexError, "out of bounds"),
    "no array": (lambda: ms.new_ref([1, 2]), TypeError, "array or a number"),
    "no reference": (lambda: refs.get(X, 0), TypeError, "must be called on a reference"),
    "arithmetic": (lambda: REF + 1, TypeError, "unsupported operand"),
    "function": (lambda: mnp.sin(REF), TypeError, "requires ndarray or scalar"),
    "escaped": (_used_after_its_trace, RuntimeError, "after"),
    "in a test": (lambda: lax.while_loop(
        lambda i: (REF.__setitem__(0, 1.0), i < 3)[1], lambda i: i + 1, 0), NotImplementedError,
        "test of a while_loop"),
    "in a solver": (lambda: lax.custom_linear_solve(
        lambda x: (REF.__setitem__(0, 1.0), x)[1], X, lambda mv, b: b), ValueError,
        "not possible in this place"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name):
    call, error, text = REFUSALS[name]
    with pytest.raises(error, match=text):
        call()


def test_use_after_freeze():
    ref = ms.new_ref(X)
    np.testing.assert_array_equal(ms.freeze(ref), X)
    for use in (lambda: ref[...], lambda: ref.__setitem__(0, 1.0), lambda: ms.freeze(ref),
                lambda: ms.jit(lambda r: r[0])(ref)):  # fmt: skip
        with pytest.raises(ValueError, match="after freeze"):
            use()

    def inside():
        local = ms.new_ref(1.0)
        ms.freeze(local)
        return local[...]

    with pytest.raises(ValueError, match="after freeze"):
        ms.jit(inside)()
