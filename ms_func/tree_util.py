"""Familiar spellings of `ms_func.tree`; no code of its own."""

from ms_func.tree import PyTreeDef as PyTreeDef
from ms_func.tree import all as tree_all
from ms_func.tree import all_leaves as all_leaves
from ms_func.tree import broadcast as tree_broadcast
from ms_func.tree import children as treedef_children
from ms_func.tree import flatten as tree_flatten
from ms_func.tree import flatten_one_level as flatten_one_level
from ms_func.tree import flatten_one_level_with_keys as flatten_one_level_with_keys
from ms_func.tree import flatten_with_path as tree_flatten_with_path
from ms_func.tree import keystr as keystr
from ms_func.tree import leaves as tree_leaves
from ms_func.tree import leaves_with_path as tree_leaves_with_path
from ms_func.tree import map as tree_map
from ms_func.tree import map_with_path as tree_map_with_path
from ms_func.tree import reduce as tree_reduce
from ms_func.tree import reduce_associative as tree_reduce_associative
from ms_func.tree import structure as tree_structure
from ms_func.tree import transpose as tree_transpose
from ms_func.tree import treedef_is_leaf as treedef_is_leaf
from ms_func.tree import treedef_tuple as treedef_tuple
from ms_func.tree import unflatten as tree_unflatten
from ms_func.tree_classes import DictKey as DictKey
from ms_func.tree_classes import FlattenedIndexKey as FlattenedIndexKey
from ms_func.tree_classes import GetAttrKey as GetAttrKey
from ms_func.tree_classes import KeyEntry as KeyEntry
from ms_func.tree_classes import KeyPath as KeyPath
from ms_func.tree_classes import Partial as Partial
from ms_func.tree_classes import SequenceKey as SequenceKey
from ms_func.tree_classes import is_tree_node as is_tree_node
from ms_func.tree_classes import register_dataclass as register_dataclass
from ms_func.tree_classes import register_node as register_pytree_node
from ms_func.tree_classes import register_node_class as register_pytree_node_class
from ms_func.tree_classes import register_static as register_static
from ms_func.tree_classes import register_with_keys as register_pytree_with_keys
from ms_func.tree_classes import register_with_keys_class as register_pytree_with_keys_class
from ms_func.tree_classes import registry as default_registry

__all__ = [
    "DictKey",
    "FlattenedIndexKey",
    "GetAttrKey",
    "KeyEntry",
    "KeyPath",
    "Partial",
    "PyTreeDef",
    "SequenceKey",
    "all_leaves",
    "default_registry",
    "flatten_one_level",
    "flatten_one_level_with_keys",
    "is_tree_node",
    "keystr",
    "register_dataclass",
    "register_pytree_node",
    "register_pytree_node_class",
    "register_pytree_with_keys",
    "register_pytree_with_keys_class",
    "register_static",
    "tree_all",
    "tree_broadcast",
    "tree_flatten",
    "tree_flatten_with_path",
    "tree_leaves",
    "tree_leaves_with_path",
    "tree_map",
    "tree_map_with_path",
    "tree_reduce",
    "tree_reduce_associative",
    "tree_structure",
    "tree_transpose",
    "tree_unflatten",
    "treedef_children",
    "treedef_is_leaf",
    "treedef_tuple",
]
__dir__ = __all__.copy
