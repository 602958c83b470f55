"""Keys as values of their own dtype: what moves elements moves keys, and nothing else takes them.

The oracle is the same operation on the words of the keys, by NumPy, or a Python loop.
"""

from __future__ import annotations

import copy
import pickle

import jaxlib
import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import dtypes, lax, random
from ms_func.ir.parse import parse
from ms_func.ir.text import to_text
from ms_func.ir.verify import verify
from ms_func.sharding import Mesh, NamedSharding, P
from ms_func.transforms.physical import physical

KEY = random.key(7)
KEYS = random.split(KEY, 6)
IMPLS = ["threefry2x32", "rbg", "unsafe_rbg"]


def words(keys):
    return np.asarray(random.key_data(keys))


W = words(KEYS)


def test_what_a_key_is():
    assert str(KEY.dtype) == repr(KEY.dtype) == KEY.dtype.name == "key<fry>"
    assert (KEYS.shape, KEYS.ndim, KEYS.size, len(KEYS), KEY.nbytes) == ((6,), 1, 6, 6, 8)
    assert str(ms.typeof(KEYS)) == "key<fry>[6]"
    assert KEY.dtype == KEYS.dtype == random.key_dtype()
    assert KEY.dtype != random.key(0, impl="rbg").dtype
    assert len({KEY.dtype, KEYS.dtype}) == 1
    assert isinstance(KEY, ms.Array)
    assert random.key_impl(KEY) == random.key_impl(random.PRNGKey(0)) == "threefry2x32"
    assert repr(random.key(3)) == "Array((), dtype=key<fry>) overlaying:\n[0 3]"


def test_categories_of_dtypes():
    for found in (KEY.dtype, ms.typeof(KEY).dtype, dtypes.prng_key):
        assert dtypes.issubdtype(found, dtypes.prng_key)
        assert dtypes.issubdtype(found, dtypes.extended)
        assert dtypes.issubdtype(found, np.generic)
    for kind in (np.number, np.integer, np.floating, np.inexact, np.bool_):
        assert not dtypes.issubdtype(KEY.dtype, kind)
    assert not dtypes.issubdtype(np.float32, dtypes.prng_key)
    assert mnp.issubdtype(KEY.dtype, dtypes.prng_key)


@pytest.mark.parametrize("impl", IMPLS)
def test_words_and_back(impl):
    keys = random.split(random.key(5, impl=impl), (2, 3))
    n = 2 if impl == "threefry2x32" else 4
    assert random.key_data(keys).shape == (2, 3, n)
    back = random.wrap_key_data(random.key_data(keys), impl=impl)
    assert back.dtype == keys.dtype
    np.testing.assert_array_equal(words(back), words(keys))
    traced = ms.jit(lambda k: random.wrap_key_data(random.key_data(k), dtype=k.dtype))(keys)
    np.testing.assert_array_equal(words(traced), words(keys))
    assert random.key(1, dtype=keys.dtype).dtype == keys.dtype


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("seed", [0, 5, -1, 2**32 + 3, 2**63 + 1])
def test_seeds(impl, seed):
    """The low 32 bits of a seed are the second word, the high ones the first."""
    high = 0 if -(2**31) <= seed < 0 else (seed >> 32) & 0xFFFFFFFF
    pair = [high, seed & 0xFFFFFFFF]
    want = pair if impl == "threefry2x32" else pair * 2
    assert words(random.key(seed, impl=impl)).tolist() == want
    assert random.PRNGKey(seed, impl=impl).tolist() == want
    if abs(seed) < 2**31:
        traced = ms.jit(lambda s: random.key(s, impl=impl))(np.int32(seed))
        assert words(traced).tolist() == want
        assert words(random.key(np.int32(seed), impl=impl)).tolist() == want
    with ms.config.x64(True):
        wide = [(seed >> 32) & 0xFFFFFFFF, seed & 0xFFFFFFFF]
        assert words(random.key(seed, impl=impl)).tolist() == wide * (len(want) // 2)


MOVES = {
    "reverse": lambda k: k[::-1],
    "row": lambda k: k[2],
    "rows": lambda k: k[np.array([4, 0, 4])],
    "mask": lambda k: k[np.arange(6) % 2 == 0],
    "reshape": lambda k: k.reshape(2, 3),
    "transpose": lambda k: k.reshape(2, 3).T,
    "new axis": lambda k: k[None, :, None],
    "squeeze": lambda k: k[:, None].squeeze(1),
    "ravel": lambda k: k.reshape(2, 3).ravel(),
    "broadcast": lambda k: mnp.broadcast_to(k[:1], (4, 1)),
    "stack": lambda k: mnp.stack([k[:2], k[2:4]], axis=1),
    "concatenate": lambda k: mnp.concatenate([k, k[:2]]),
    "roll": lambda k: mnp.roll(k, 2),
    "repeat": lambda k: mnp.repeat(k, 2),
    "tile": lambda k: mnp.tile(k, 2),
    "take": lambda k: mnp.take(k, np.array([1, 5])),
    "split": lambda k: mnp.split(k, 3)[1],
    "where": lambda k: mnp.where(np.arange(6) > 2, k, k[::-1]),
    "where one": lambda k: mnp.where(True, k[0], k[1]),
    "set": lambda k: k.at[np.array([1, 2])].set(k[5]),
    "moveaxis": lambda k: mnp.moveaxis(k.reshape(2, 3), 0, 1),
    "dynamic slice": lambda k: lax.dynamic_slice(k, (mnp.asarray(2),), (3,)),
    "dynamic update": lambda k: lax.dynamic_update_slice(k, k[:2], (mnp.asarray(3),)),
    "barrier": lambda k: lax.optimization_barrier(k),
    "zeros": lambda k: mnp.zeros((2, 3), k.dtype),
    "zeros like": mnp.zeros_like,
    "array": lambda k: mnp.array([k[0], k[3]]),
    "copy": lambda k: k.copy(),
}


def as_numpy(move):
    """The words that a move gives, from numbers moved in the same way."""
    places = np.asarray(move(mnp.arange(6)))
    return W[places]


@pytest.mark.parametrize("name", MOVES)
def test_moving_keys_moves_their_words(name):
    move = MOVES[name]
    want = as_numpy(move) if "zeros" not in name else None
    for found in (move(KEYS), ms.jit(move)(KEYS)):
        assert found.dtype == KEYS.dtype
        if want is None:
            assert not words(found).any()
        else:
            np.testing.assert_array_equal(words(found), want)
    lanes = ms.vmap(move)(mnp.stack([KEYS, KEYS[::-1]]))
    np.testing.assert_array_equal(words(lanes[1]), words(move(KEYS[::-1])))


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("name", ["transpose", "rows", "where", "set", "stack"])
def test_moves_of_all_generators(name, impl):
    keys = random.split(random.key(1, impl=impl), 6)
    want = words(keys)[np.asarray(MOVES[name](mnp.arange(6)))]
    np.testing.assert_array_equal(words(ms.jit(MOVES[name])(keys)), want)


def test_assignment_and_iteration():
    keys = KEYS.copy()
    keys[1] = KEYS[4]
    np.testing.assert_array_equal(words(keys), W[[0, 4, 2, 3, 4, 5]])
    np.testing.assert_array_equal([words(k) for k in KEYS], W)


def test_equality():
    np.testing.assert_array_equal(KEYS[2] == KEYS, np.arange(6) == 2)
    np.testing.assert_array_equal(ms.jit(lambda a, b: a != b)(KEYS, KEYS[2]), np.arange(6) != 2)
    assert bool(mnp.array_equal(KEYS, KEYS.copy()))


def test_one_program_for_each_dtype():
    f = ms.jit(lambda x: x)
    kinds = [KEYS[:2], *(random.split(random.key(0, impl=i), 2) for i in IMPLS[1:])]
    kinds += [mnp.zeros(2, "uint32"), mnp.zeros((2, 2), "uint32")]
    for x in kinds * 2:
        y = f(x)
        assert y.dtype == x.dtype
        assert y.shape == x.shape
        assert type(y) is type(x)


def test_copies_and_pickles():
    for back in (copy.copy(KEYS), copy.deepcopy(KEYS), pickle.loads(pickle.dumps(KEYS))):
        np.testing.assert_array_equal(words(back), W)
        assert back.dtype == KEYS.dtype
    assert pickle.loads(pickle.dumps(KEY.dtype)) is KEY.dtype
    assert ms.device_get(KEYS).dtype == KEYS.dtype


# --- under transforms --------------------------------------------------------------------------


def by_hand(n):
    key, out = KEY, []
    for _ in range(n):
        key, sub = random.split(key)
        out.append(float(random.normal(sub)))
    return np.asarray(out, np.float32)


def test_loops_carry_keys():
    def step(key, _):
        key, sub = random.split(key)
        return key, random.normal(sub)

    np.testing.assert_array_equal(lax.scan(step, KEY, None, length=4)[1], by_hand(4))
    final = lax.while_loop(lambda s: s[0] < 4, lambda s: (s[0] + 1, step(s[1], 0)[0]), (0, KEY))[1]
    np.testing.assert_array_equal(words(final), words(lax.scan(step, KEY, None, length=4)[0]))
    folded = lax.fori_loop(0, 2, lambda i, k: random.fold_in(k, i), KEY)
    np.testing.assert_array_equal(words(folded), words(random.fold_in(random.fold_in(KEY, 0), 1)))
    np.testing.assert_array_equal(words(lax.scan(lambda c, k: (c, k), 0, KEYS)[1]), W)
    each = [float(random.uniform(k)) for k in KEYS]
    np.testing.assert_array_equal(lax.map(random.uniform, KEYS), np.asarray(each, np.float32))


@pytest.mark.parametrize("impl", IMPLS)
def test_lanes_draw_what_each_would_alone(impl):
    keys = random.split(random.key(3, impl=impl), 3)

    def draw(key, p):
        one, two = random.split(key)
        return lax.cond(p, random.normal, lambda k: random.uniform(k), mnp.where(p, one, two))

    p = np.array([True, False, True])
    want = [float(draw(k, v)) for k, v in zip(keys, p, strict=True)]
    np.testing.assert_array_equal(ms.vmap(draw)(keys, p), np.asarray(want, np.float32))
    np.testing.assert_array_equal(ms.jit(ms.vmap(draw))(keys, p), np.asarray(want, np.float32))


def test_batched_loops_of_keys():
    def steps(n, key):
        def more(s):
            return s[0] + 1, random.split(s[1])[1]

        return lax.while_loop(lambda s: s[0] < n, more, (0, key))[1]

    n = np.array([0, 3, 1])
    lanes = ms.vmap(steps)(n, KEYS[:3])
    for i in range(3):
        np.testing.assert_array_equal(words(lanes[i]), words(steps(int(n[i]), KEYS[i])))


def test_derivatives_pass_keys_by():
    z = np.asarray(random.normal(KEY, (3,)))

    def f(s, key):
        return s * s * random.normal(key, (3,)).sum()

    np.testing.assert_allclose(ms.grad(f)(2.0, KEY), 4 * z.sum(), rtol=1e-6)
    np.testing.assert_allclose(ms.grad(ms.grad(f))(2.0, KEY), 2 * z.sum(), rtol=1e-6)
    np.testing.assert_allclose(ms.grad(ms.checkpoint(f))(2.0, KEY), 4 * z.sum(), rtol=1e-6)
    zero = np.zeros((), dtypes.float0)
    _, dot = ms.jvp(f, (2.0, KEY), (1.0, zero))
    np.testing.assert_allclose(dot, 4 * z.sum(), rtol=1e-6)
    _, back = ms.vjp(f, 2.0, KEY)
    by_s, by_key = back(1.0)
    np.testing.assert_allclose(by_s, 4 * z.sum(), rtol=1e-6)
    assert by_key.dtype == dtypes.float0
    assert by_key.shape == ()
    nothing = ms.grad(lambda k: random.normal(k), allow_int=True)(KEY)
    assert nothing.dtype == dtypes.float0


def test_derivatives_through_loops_with_keys():
    def walk(s, key):
        def step(carry):
            x, key, i = carry
            key, sub = random.split(key)
            return x * s + random.normal(sub), key, i + 1

        return lax.while_loop(lambda c: c[2] < 4, step, (s, key, 0))[0]

    z = by_hand(4)
    s = 1.3
    # s^5 + sum of z[i] s^(3-i)
    want = 5 * s**4 + sum(z[i] * (3 - i) * s ** (2 - i) for i in range(3))
    np.testing.assert_allclose(ms.grad(walk)(s, KEY), want, rtol=1e-5)
    np.testing.assert_allclose(ms.jvp(lambda s: walk(s, KEY), (s,), (1.0,))[1], want, rtol=1e-5)


def test_programs_print_verify_and_become_words():
    program = ms.make_ir(lambda k: random.uniform(random.split(k, 3)[1], (2,)))(KEY)
    verify(program)
    text = to_text(program)
    assert "random_split" in text
    assert "key<fry>[3]" in text
    assert parse(text) == program
    plain = physical(program)
    verify(plain)
    assert plain.plain
    assert [str(t) for t in plain.in_types] == ["u32[2]"]
    assert ms.eval_shape(lambda k: random.split(k, 4), ms.ShapeDtypeStruct((), KEY.dtype)) == (
        ms.ShapeDtypeStruct((4,), KEY.dtype)
    )


def test_ahead_of_time():
    compiled = ms.jit(lambda k: random.split(k, 3)).lower(KEY).compile()
    np.testing.assert_array_equal(words(compiled(KEY)), words(random.split(KEY, 3)))
    assert len(ms.export(lambda x: x + random.uniform(KEY), 1.0)) > 0


def test_pieces_on_devices():
    one = NamedSharding(Mesh((1,), ("a",)), P("a"))
    made = ms.make_array_from_callback((6,), one, lambda at: KEYS[at])
    np.testing.assert_array_equal(words(made), W)
    made = ms.make_array_from_single_device_arrays((6,), one, [KEYS])
    np.testing.assert_array_equal(words(made), W)
    np.testing.assert_array_equal(words(made.addressable_data(0)), W)
    assert not mnp.isdtype(KEY.dtype, "numeric")


def test_python_functions_get_keys():
    seen = []
    ms.jit(lambda k: ms.debug.callback(seen.append, k))(KEYS)
    ms.block_until_ready(ms.jit(lambda x: x)(1.0))
    assert seen[0].dtype == KEYS.dtype
    np.testing.assert_array_equal(words(seen[0]), W)


def test_donated_keys():
    key = random.key(3)
    want = words(random.split(key, 1))
    got = ms.jit(lambda k: random.split(k, 1)[0], donate_argnums=0)(key)
    np.testing.assert_array_equal(words(got), want[0])


@pytest.mark.skipif(len(ms.devices()) < 8, reason="needs 8 devices")
@pytest.mark.parametrize("impl", IMPLS[:1])
def test_numbers_do_not_depend_on_the_sharding(impl):
    mesh = Mesh((4, 2), ("a", "b"))
    key = random.key(11, impl=impl)
    rows = NamedSharding(mesh, P("a", "b"))
    # From jaxlib 0.12 on XLA rounds `erf_inv` by how many elements a device has; bits are the same.
    rounded = 2 if tuple(map(int, jaxlib.__version__.split(".")[:2])) >= (0, 12) else 0
    for draw, ulps in ((random.uniform, 0), (random.normal, rounded)):
        want = np.asarray(draw(key, (8, 4)))
        placed = draw(key, (8, 4), out_sharding=rows)
        assert placed.sharding.is_equivalent_to(rows, 2)
        inside = ms.jit(lambda k, draw=draw: draw(k, (8, 4)), out_shardings=rows)(key)
        for got in (placed, inside):
            np.testing.assert_array_max_ulp(np.asarray(got), want, ulps)
    keys = random.split(key, 8)
    spread = ms.device_put(keys, NamedSharding(mesh, P("a")))
    assert len(spread.addressable_shards) == 8
    assert spread.addressable_shards[0].data.shape == (2,)
    np.testing.assert_array_equal(words(spread), words(keys))
    drawn = ms.jit(ms.vmap(lambda k: random.uniform(k, (3,))))
    np.testing.assert_array_equal(drawn(spread), drawn(keys))


@pytest.mark.skipif(len(ms.devices()) < 8, reason="needs 8 devices")
@pytest.mark.parametrize("impl", IMPLS)
def test_keys_in_manual_regions(impl):
    mesh = Mesh((8,), ("x",))
    keys = random.split(random.key(2, impl=impl), 8)
    want = ms.vmap(random.uniform)(keys)

    def draw(k):
        return ms.vmap(random.uniform)(k)

    spread = ms.shard_map(draw, mesh=mesh, in_specs=P("x"), out_specs=P("x"))
    np.testing.assert_array_equal(spread(keys), want)
    np.testing.assert_array_equal(ms.jit(spread)(keys), want)
    moved = ms.shard_map(lambda k: k[::-1], mesh=mesh, in_specs=P("x"), out_specs=P("x"))
    np.testing.assert_array_equal(words(moved(keys)), words(keys))


# --- refusals ----------------------------------------------------------------------------------

REFUSALS = {
    "add": (lambda: KEY + 1, TypeError),
    "add keys": (lambda: mnp.add(KEY, KEY), TypeError),
    "compare": (lambda: KEY < KEY, TypeError),
    "negate": (lambda: -KEY, TypeError),
    "sort": (lambda: mnp.sort(KEYS), TypeError),
    "sum": (lambda: KEYS.sum(), TypeError),
    "argmax": (lambda: mnp.argmax(KEYS), TypeError),
    "product": (lambda: KEYS @ KEYS, TypeError),
    "sine": (lambda: mnp.sin(KEY), TypeError),
    "cumulative": (lambda: mnp.cumsum(KEYS), TypeError),
    "convert": (lambda: KEY.astype("uint32"), TypeError),
    "to key": (lambda: mnp.zeros(3).astype(KEY.dtype), TypeError),
    "add at": (lambda: KEYS.at[0].add(KEY), TypeError),
    "numpy": (lambda: np.asarray(KEY), TypeError),
    "bool": (lambda: bool(KEY), TypeError),
    "float": (lambda: float(KEY), TypeError),
    "item": (lambda: KEY.item(), TypeError),
    "list": (lambda: KEYS.tolist(), TypeError),
    "hash": (lambda: hash(KEY), TypeError),
    "mixed": (lambda: mnp.stack([KEY, random.key(0, impl="rbg")]), TypeError),
    "gradient": (lambda: ms.grad(lambda k: 1.0)(KEY), TypeError),
    "bad words": (lambda: random.wrap_key_data(np.zeros(3, np.uint32)), TypeError),
    "float words": (lambda: random.wrap_key_data(np.zeros(2, np.float32)), TypeError),
    "float seed": (lambda: random.key(1.5), TypeError),
    "seeds": (lambda: random.key(np.arange(3)), TypeError),
    "no such generator": (lambda: random.key(0, impl="foo"), ValueError),
    "two generators": (lambda: random.key(0, impl="rbg", dtype=KEY.dtype), ValueError),
    "many keys": (lambda: random.normal(KEYS), ValueError),
    "no key": (lambda: random.normal(3), TypeError),
    "fold negative": (lambda: random.fold_in(KEY, -1), OverflowError),
    "fold many": (lambda: random.fold_in(KEY, np.arange(2)), TypeError),
    "large seed": (lambda: random.key(2**64), OverflowError),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name):
    call, error = REFUSALS[name]
    with pytest.raises(error):
        call()


@pytest.mark.parametrize("name", ["add keys", "sum", "product", "sine", "cumulative", "sort"])
def test_refusals_while_tracing(name):
    call, error = REFUSALS[name]
    with pytest.raises(error):
        ms.jit(call)()


def test_rounds_of_a_chain_of_keys_are_compiled_once_each():
    """Each round has two xors; XLA would copy small producers into each fusion that reads them."""

    def chain(key):
        out = []
        for _ in range(6):
            key, part = random.split(key)
            out.append(random.bits(part, (7,)))
        return out

    compiled = ms.jit(chain).lower(KEY).compile()
    rounds = compiled.as_text().count(" xor(") / 2
    assert 12 * 10 <= rounds <= 12 * 25  # 12 blocks of 20 rounds: split and bits, six times
    for found, expected in zip(compiled(KEY), chain(KEY), strict=True):
        assert np.array_equal(found, expected)
