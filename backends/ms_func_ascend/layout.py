"""Convolutions in the layout of the program: channels last, where that saves transposes.

They are translated with channels first. Where images come through a transpose from channels last
and go back through another, the operator takes `NHWC` images and `HWCN` filters itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ms_func_ascend.graph import Graph, Node, Tensor

_PORTS: dict[str, tuple[tuple[str, ...], str]] = {
    "Conv2D": (("image", "filter", "", ""), "image"),
    "Conv2DBackpropInput": (("image size", "filter", "image"), "image"),
    "Conv2DBackpropFilter": (("image", "filter size", "image"), "filter"),
}
"""What each input and the result of an operator are."""

_FIRST = {"image": [0, 3, 1, 2], "filter": [3, 2, 0, 1]}
"""Permutations from channels last (`NHWC`, `HWCN`) to channels first."""
_LAST = {"image": [0, 2, 3, 1], "filter": [2, 3, 1, 0]}
_NAMES = {"image": "NHWC", "filter": "HWCN"}


def channels_last(graph: Graph) -> None:
    """Turn convolutions of a graph around where that removes more transposes than it adds."""
    readers: dict[int, list[Node]] = {}
    for node in graph.nodes:
        for t in node.inputs:
            if t is not None:
                readers.setdefault(id(t), []).append(node)
    results = {id(t) for t in graph.results}
    for node in list(graph.nodes):
        if node.op in _PORTS:
            (roles, made), y = _PORTS[node.op], node.outputs[0]
            users = readers.get(id(y), [])
            back = [u for u in users if u.permutation() == _LAST[made]]
            whole = len(back) == len(users) and id(y) not in results
            gain = sum(_gain(t, r) for t, r in zip(node.inputs, roles, strict=True))
            if gain + (len(back) if whole else -1) > 0:
                _turn(graph, node, back, whole)


def _gain(t: Tensor | None, role: str) -> int:
    """Transposes that are saved at an input."""
    if t is None or role not in _FIRST or t.value is not None:
        return 0
    return 1 if t.node.permutation() == _FIRST[role] else -1


def _turn(graph: Graph, node: Node, back: Sequence[Node], whole: bool) -> None:
    """Put the operator on channels last in the place of `node`."""
    roles, made = _PORTS[node.op]
    inputs = [_turned(graph, t, r) for t, r in zip(node.inputs, roles, strict=True)]
    y = node.outputs[0]
    shape = [y.shape[p] for p in _LAST[made]]
    attrs = dict(node.attrs)
    for name in ("strides", "dilations"):
        attrs[name] = [1, *node.attr(name)[2:], 1]
    attrs["data_format"] = "NHWC"
    layouts = {
        port: _NAMES[role]
        for port, role in zip((*node.input_names, *node.output_names), (*roles, made), strict=True)
        if role in _NAMES
    }
    turned = graph.add(node.op, inputs, [(shape, y.dtype)], attrs, layouts=layouts,
                       source=node.source, name=node.name).outputs[0]  # fmt: skip
    for user in back:
        graph.redirect(user.outputs[0], turned)
    if not whole:
        graph.redirect(y, _transposed(graph, turned, _FIRST[made]))


def _turned(graph: Graph, t: Tensor | None, role: str) -> Tensor | None:
    """An input with channels last."""
    if t is None or not role:
        return t
    kind = role.removesuffix(" size")
    value = t.value
    if value is not None:
        held = value[_LAST[kind]] if role != kind else value.transpose(_LAST[kind])
        return graph.constant(np.ascontiguousarray(held), "Const")
    if t.node.permutation() == _FIRST[kind]:
        return t.node.inputs[0]
    return _transposed(graph, t, _LAST[kind])


def _transposed(graph: Graph, t: Tensor, perm: Sequence[int]) -> Tensor:
    order = graph.constant(np.array(perm, np.int64), "Const")
    shape = [t.shape[p] for p in perm]
    return graph.add("Transpose", [t, order], [(shape, t.dtype)], {}, name="transpose").outputs[0]
