"""Questions about structures, static nodes, prefixes, partial functions."""

from __future__ import annotations

import functools
from collections import OrderedDict, namedtuple
from dataclasses import dataclass

import numpy as np
import pytest

from ms_func import jit, tree, tree_util
from ms_func.flatten_util import ravel_pytree

Point = namedtuple("Point", "x y")


@pytest.mark.parametrize("kind", [list, tuple, dict, type(None), OrderedDict, Point])
def test_containers_are_nodes(kind):
    assert tree_util.is_tree_node(kind)


@pytest.mark.parametrize("kind", [int, np.ndarray, str, set])
def test_other_classes_are_leaves(kind):
    assert not tree_util.is_tree_node(kind)


def test_one_level():
    value = {"b": [1, 2], "a": 3}
    children, aux = tree_util.flatten_one_level(value)
    assert list(children) == [3, [1, 2]]
    pairs, same = tree_util.flatten_one_level_with_keys(value)
    assert [tree_util.keystr((k,)) for k, _ in pairs] == ["['a']", "['b']"]
    assert same == aux
    with pytest.raises(ValueError, match="flatten"):
        tree_util.flatten_one_level(3)


def test_structures_of_parts():
    leaf = tree_util.tree_structure(1)
    pair = tree_util.treedef_tuple([leaf, tree_util.tree_structure([1, 2])])
    assert pair == tree_util.tree_structure((1, [1, 2]))
    assert tree_util.treedef_children(pair)[0] == leaf
    assert tree_util.treedef_is_leaf(leaf)
    assert not tree_util.treedef_is_leaf(pair)
    assert tree_util.treedef_is_leaf(tree_util.tree_structure(None))  # one node, as in JAX


def test_prefixes_are_repeated():
    assert tree.broadcast({"a": 1, "b": 2}, {"a": [0, 0], "b": (0,)}) == {"a": [1, 1], "b": (2,)}
    with pytest.raises(ValueError, match="different lengths of list"):
        tree.broadcast([1, 2, 3], [0, 0])


def test_reduction_halves():
    depth = tree.reduce_associative(lambda a, b: max(a, b) + 1, [0] * 9)
    assert depth == 4
    assert tree.reduce_associative(lambda a, b: a + b, [], identity=7) == 7
    with pytest.raises(TypeError, match="identity"):
        tree.reduce_associative(lambda a, b: a + b, ())


def test_static_objects_are_part_of_the_structure():
    @tree_util.register_static
    @dataclass(frozen=True)
    class Shape:
        sides: int

    assert tree.leaves([Shape(3), 1]) == [1]
    assert tree.structure(Shape(3)) == tree.structure(Shape(3)) != tree.structure(Shape(4))
    assert jit(lambda s, x: x * s.sides)(Shape(3), 2.0) == 6.0


def test_partial_of_a_partial_keeps_it_whole():
    inner = functools.partial(lambda a, b, c: (a, b, c), 1)
    made = tree.Partial(inner, 2)
    assert made(3) == (1, 2, 3)
    assert tree.leaves(made) == [2]
    assert tree.structure(made) == tree.structure(tree.Partial(inner, 5))
    assert tree.leaves(tree.Partial(tree.Partial(max, 1), 2)) == [1, 2]


def test_all_leaves_with_a_predicate():
    assert tree.all_leaves([1, 2])
    assert not tree.all_leaves([1, [2]])
    assert tree.all_leaves([(1,), (2,)], is_leaf=lambda x: isinstance(x, tuple))


def test_vectors_of_another_dtype_give_trees_of_it_where_leaves_have_one():
    flat, unravel = ravel_pytree((np.arange(3.0, dtype="f"), np.ones(2, "f")))
    assert [x.tolist() for x in unravel(flat < 1)] == [[True, False, False], [False, False]]
    _, unravel = ravel_pytree((np.arange(3.0, dtype="f"), np.arange(2)))
    with pytest.raises(TypeError, match="but expected dtype"):
        unravel(flat < 1)
