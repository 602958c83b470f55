"""Threefry with the older layout of counters, against a cipher of NumPy on counters in halves."""

import numpy as np
import pytest

import ms_func as ms
from ms_func import random
from ms_func.primitives.threefry import threefry


@pytest.fixture(autouse=True)
def older():
    with ms.config.threefry_partitionable(False):
        yield


def words(key, count):
    """`count` words: the first half of the counters meets the second."""
    index = np.arange(count, dtype=np.uint32)
    high, low = np.append(index, [0] * (count % 2)).reshape(2, -1)
    pair = np.asarray(random.key_data(key))
    return np.concatenate(threefry((pair[0], pair[1]), (high, low)))[:count]


@pytest.mark.parametrize("shape", [(), (3,), (2, 2), (5,)])
def test_words_of_32_bits(shape):
    key = random.key(7)
    expected = words(key, int(np.prod(shape))).reshape(shape)
    np.testing.assert_array_equal(random.bits(key, shape), expected)


@pytest.mark.parametrize("width", [8, 16])
@pytest.mark.parametrize("size", [1, 5, 8])
def test_pieces_of_a_word_come_from_its_low_bits_up(width, size):
    key = random.key(7)
    pieces = 32 // width
    drawn = words(key, -(-size // pieces))
    expected = [int(drawn[i // pieces]) >> i % pieces * width & 2**width - 1 for i in range(size)]
    np.testing.assert_array_equal(random.bits(key, (size,), f"uint{width}"), expected)


def test_the_halves_of_64_bits_are_drawn_one_half_after_the_other():
    key = random.key(7)
    high, low = words(key, 6).astype(np.uint64).reshape(2, 3)
    np.testing.assert_array_equal(random.bits(key, (3,), "uint64"), high << np.uint64(32) | low)


def test_keys_are_pairs_of_words_in_order():
    key = random.key(7)
    for shape in [(2,), (3,), (2, 2)]:
        made = random.key_data(random.split(key, shape))
        expected = words(key, 2 * int(np.prod(shape))).reshape(*shape, 2)
        np.testing.assert_array_equal(made, expected)


def test_values_that_jax_has_with_this_setting():
    key = random.key(7)
    assert random.bits(key, (3,)).tolist() == [966301609, 1830345032, 1948237315]
    assert random.permutation(key, 5).tolist() == [1, 4, 2, 0, 3]
    np.testing.assert_allclose(
        random.normal(key, (3,)), [-0.75546646, -0.18615817, -0.11654735], rtol=1e-6
    )


def test_lanes_are_a_loop_over_keys():
    keys = random.split(random.key(1), 3)
    lanes = ms.vmap(lambda k: random.uniform(k, (3,)))(keys)
    np.testing.assert_array_equal(lanes, np.stack([random.uniform(k, (3,)) for k in keys]))


def test_a_jitted_function_is_recorded_for_each_layout():
    draw = ms.jit(lambda key: random.bits(key, (3,)))
    older = draw(random.key(7))
    with ms.config.threefry_partitionable(True):
        newer = draw(random.key(7))
        np.testing.assert_array_equal(newer, random.bits(random.key(7), (3,)))
    np.testing.assert_array_equal(draw(random.key(7)), older)
    assert not np.array_equal(newer, older)
