"""`einsum`: read the subscripts, choose an order of pairs, contract each with dot_general.

What depends on shapes only is planned once for each combination of subscripts and shapes.
"""

from __future__ import annotations

import functools
import string
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ms_func import config
from ms_func.dtypes import canonicalize_dtype
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import fusion
from ms_func.numpy.products import contract
from ms_func.numpy.promotion import admit, convert, join_types, no_out
from ms_func.primitives import arithmetic as ar
from ms_func.primitives import basis, compare, reduce
from ms_func.primitives import shape as sh
from ms_func.primitives.families import literal
from ms_func.primitives.sharding import laid_out

Shapes = tuple[tuple[int, ...], ...]


class Plan(NamedTuple):
    """How to evaluate an einsum.

    Attributes:
        inputs: labels of the operands, one character for each dimension.
        output: labels of the result.
        path: places of the operands that each step takes out of the list and contracts; the
            result goes to its end.
    """

    inputs: tuple[str, ...]
    output: str
    path: tuple[tuple[int, ...], ...]


def einsum(
    subscripts: Any, /, *operands: Any, out: None = None, optimize: Any = "auto",
    precision: Any = None, preferred_element_type: Any = None, out_sharding: Any = None,
) -> Array:  # fmt: skip
    """Sums of products in Einstein's notation.

    A label stands for a dimension. Labels that the result does not name are summed over; one
    that occurs twice in an operand takes its diagonal. `...` stands for leading dimensions that
    broadcast. Without `->` the result has the labels that occur once, in alphabetical order.

    Args:
        subscripts: labels of each operand, separated by commas, and optionally `->` and those
            of the result; or operands and lists of integers in turn.
        *operands: arrays.
        out: not supported.
        optimize: "auto", "optimal", "greedy", a path as `einsum_path` gives it, or False for
            left to right: the order in which more than two operands are contracted.
        precision: as for `lax.dot_general`.
        preferred_element_type: dtype of the sums and the result.
        out_sharding: sharding of the result.

    Raises:
        ValueError: the subscripts do not fit the operands.

    Example:
        >>> x = np.array([[1, 2], [3, 4]])
        >>> np.einsum("ij,jk->ik", x, x)
        Array([[ 7, 10],
               [15, 22]], dtype=int32)
        >>> np.einsum("ii", x), np.einsum("ij->j", x), np.einsum(x, [0, 1], x, [0, 1])
        (Array(5, dtype=int32), Array([4, 6], dtype=int32), Array(30, dtype=int32))
        >>> np.einsum("...i,i", np.ones((5, 2)), np.ones(2)).shape
        (5,)
    """
    no_out("einsum", out)
    if out_sharding is not None:
        return laid_out(
            out_sharding, einsum, subscripts, *operands, optimize=optimize, precision=precision,
            preferred_element_type=preferred_element_type,
        )  # fmt: skip
    text, arrays = _read(subscripts, operands)
    if not arrays:
        raise ArgumentValueError("einsum needs at least one operand")
    arrays = [admit("einsum", a, i) for i, a in enumerate(arrays)]
    dtype, weak = join_types([typeof(a) for a in arrays])
    arrays = [convert(a, dtype, weak) for a in arrays]
    optimize = _hashable(_strategy(optimize, len(arrays)))
    plan = plan_of(text, tuple([typeof(a).shape for a in arrays]), optimize)
    kind = None if preferred_element_type is None else canonicalize_dtype(preferred_element_type)
    if precision is None:
        precision = config.default_matmul_precision.value
    if precision is None or isinstance(precision, str):
        return fusion.run(_evaluate, arrays, plan, precision, kind)
    return _evaluate(*arrays, plan, precision, kind)


def einsum_path(
    subscripts: Any, /, *operands: Any, optimize: Any = "auto"
) -> tuple[list[Any], str]:
    """Order of contractions, a list of pairs of operands, and a report of its cost.

    Args:
        subscripts: as for `einsum`.
        *operands: arrays, of which the shapes matter only.
        optimize: "auto", "optimal", "greedy" or False, as for `einsum`.

    Returns:
        The path, for `optimize` of `einsum`: places of operands that are taken out of the list and
        contracted, their product going to its end; and the report as a text.

    Raises:
        ValueError: the subscripts do not fit the operands.

    Example:
        >>> shapes = [np.ones((2, 50)), np.ones((50, 3)), np.ones((3, 40))]
        >>> np.einsum_path("ij,jk,kl", *shapes)[0]
        [(0, 1), (0, 1)]
    """
    text, arrays = _read(subscripts, operands)
    empty = [np.broadcast_to(np.float32(0), np.shape(a)) for a in arrays]
    path, report = np.einsum_path(text, *empty, optimize=_strategy(optimize, len(arrays)))
    return [tuple(pair) for pair in path if not isinstance(pair, str)], report


def _strategy(optimize: Any, operands: int) -> Any:
    """What "auto" stands for: the best order of up to four operands, else a good one."""
    if not isinstance(optimize, str) or optimize != "auto":
        return optimize
    return "optimal" if operands <= 4 else "greedy"


def _hashable(optimize: Any) -> Any:
    if isinstance(optimize, (list, tuple)):
        return tuple(tuple(v) if isinstance(v, (list, tuple)) else v for v in optimize)
    return optimize


def _read(subscripts: Any, operands: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """Subscripts as text, and the operands."""
    if isinstance(subscripts, str):
        return subscripts.replace(" ", ""), list(operands)
    listed = [subscripts, *operands]
    result = listed.pop() if len(listed) % 2 else None
    rows = [_sublist(row) for row in listed[1::2]]
    text = ",".join(rows)
    return (text if result is None else f"{text}->{_sublist(result)}"), listed[::2]


def _sublist(row: Any) -> str:
    if isinstance(row, (str, bytes)) or not isinstance(row, Sequence):
        raise ArgumentTypeError(
            f"einsum takes subscripts as a string, or a list of labels after each operand, got "
            f"{type(row).__name__}\nfix: einsum('ij,jk', x, y) or einsum(x, [0, 1], y, [1, 2])"
        )
    for i in row:
        if i is not Ellipsis and not (isinstance(i, int) and 0 <= i < len(_LABELS)):
            raise ArgumentValueError(f"einsum: labels in lists are numbers 0 to 51, got {i!r}")
    return "".join("..." if i is Ellipsis else _LABELS[i] for i in row)


_LABELS = string.ascii_uppercase + string.ascii_lowercase


# --- planning ---------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4096)
def plan_of(text: str, shapes: Shapes, optimize: Any) -> Plan:
    """Plan for subscripts and shapes.

    Raises:
        ValueError: they do not fit each other.
    """
    left, arrow, right = text.partition("->")
    if "->" in right or "-" in left or ">" in left:
        raise ArgumentValueError(
            f"Subscripts can only contain one '->', and no part of one, got {text!r} for einsum"
        )
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ArgumentValueError(
            f"Number of einsum subscripts, {len(terms)}, must be equal to the number of operands, "
            f"{len(shapes)}, got {text!r}"
        )
    inputs, dots = _without_ellipsis(text, terms, shapes)
    if arrow:
        output = right.replace("...", dots)
    else:
        counts = Counter("".join(inputs))
        output = dots + "".join(sorted(c for c, n in counts.items() if n == 1 and c not in dots))
    _check(text, inputs, output, shapes)
    return Plan(inputs, output, _path(inputs, output, shapes, optimize))


def _without_ellipsis(text: str, terms: list[str], shapes: Shapes) -> tuple[tuple[str, ...], str]:
    """Terms with every ellipsis spelled out in labels that occur nowhere else."""
    free = [c for c in string.ascii_letters if c not in text]
    ranks = [len(s) - len(t.replace("...", "")) for t, s in zip(terms, shapes, strict=True)]
    longest = max((r for r, t in zip(ranks, terms, strict=True) if "..." in t), default=0)
    dots = "".join(free[:longest])
    out = []
    for term, rank, shape in zip(terms, ranks, shapes, strict=True):
        if term.count("...") > 1 or "." in term.replace("...", ""):
            raise ArgumentValueError(
                f"einsum: Invalid Ellipses. Term {term!r} of {text!r} must have one ellipsis `...` "
                "or none"
            )
        if rank < 0 or (rank > 0 and "..." not in term):
            raise ArgumentValueError(
                f"einsum: term {term!r} of {text!r} does not fit an operand of {len(shape)} "
                f"dimensions: Einstein sum subscript {term!r} does not contain the correct number "
                f"of indices for the shape {shape}\n"
                "fix: write one label for each dimension, or ... for those that are left"
            )
        out.append(term.replace("...", dots[len(dots) - rank :] if "..." in term else ""))
    return tuple(out), dots


def _check(text: str, inputs: tuple[str, ...], output: str, shapes: Shapes) -> None:
    known = set("".join(inputs))
    if not all(c.isalnum() for c in known):
        raise ArgumentValueError(
            f"einsum: invalid subscripts {text!r}; labels are letters or digits"
        )
    for c in output:
        if c not in known:
            raise ArgumentValueError(
                f"Output character {c!r} did not appear in the input of einsum, got {text!r}"
            )
    if len(set(output)) != len(output):
        raise ArgumentValueError(
            f"Output character appeared more than once in the output of einsum, got {text!r}"
        )
    sizes: dict[str, int] = {}
    for i, (term, shape) in enumerate(zip(inputs, shapes, strict=True)):
        for c, n in zip(term, shape, strict=True):
            if sizes.setdefault(c, n) != n:
                if 1 not in (n, sizes[c]):
                    raise ArgumentValueError(
                        f"Size of label {c!r} for operand {i} ({n}) does not match previous terms "
                        f"({sizes[c]}).\nfix: {text!r} was given operands of shapes "
                        f"{', '.join(map(str, shapes))}; transpose one, or use another label"
                    )
                sizes[c] = max(sizes[c], n)


def _path(
    inputs: tuple[str, ...], output: str, shapes: Shapes, optimize: Any
) -> tuple[tuple[int, ...], ...]:
    n = len(inputs)
    if isinstance(optimize, tuple):
        return tuple(tuple(step) for step in optimize if not isinstance(step, str))
    if n <= 2 or optimize is False:
        return ((0, 1), *[(0, n - 2 - i) for i in range(n - 2)]) if n > 1 else ((0,),)
    method = optimize if isinstance(optimize, str) and optimize != "auto" else "optimal"
    if n > 6:
        method = "greedy"
    empty = [np.broadcast_to(np.float32(0), s) for s in shapes]
    path, _ = np.einsum_path(f"{','.join(inputs)}->{output}", *empty, optimize=method)
    return tuple(tuple(step) for step in path[1:])


# --- evaluation -------------------------------------------------------------------------------


def _evaluate(*args: Any) -> Any:
    *arrays, plan, precision, kind = args
    operands = list(zip(arrays, plan.inputs, strict=True))
    for step in plan.path:
        taken = [operands.pop(i) for i in sorted(step, reverse=True)][::-1]
        while taken:
            first = taken.pop(0)
            second = taken.pop(0) if taken else None
            rest = [t for _, t in (*taken, *operands)]
            kept = set(plan.output).union(*rest)
            last = not taken and not operands
            goal = plan.output if last else None
            made = _pair(first, second, kept, goal, precision, kind)
            taken.insert(0, made) if taken else operands.append(made)
            if len(taken) == 1:
                operands.append(taken.pop())
    ((out, labels),) = operands
    out = _ordered(out, labels, plan.output)
    return out if kind is None else convert(out, kind)


def _pair(
    first: tuple[Any, str], second: tuple[Any, str] | None, kept: set[str], goal: str | None,
    precision: Any, kind: Any,
) -> tuple[Any, str]:  # fmt: skip
    """Contract one or two operands; labels that nobody else needs are summed."""
    x, a = _without_repeats(*first)
    if second is None:
        return _summed(x, a, kept)
    y, b = _without_repeats(*second)
    x, a, y, b = _unit_dimensions(x, a, y, b)
    x, a = _summed(x, a, kept | set(b))
    y, b = _summed(y, b, kept | set(a))
    batch = [c for c in a if c in b and c in kept]
    summed = [c for c in a if c in b and c not in kept]
    free_a, free_b = ([c for c in t if c not in batch and c not in summed] for t in (a, b))
    if goal is not None and goal == "".join([*batch, *free_b, *free_a]):
        x, a, y, b, free_a, free_b = y, b, x, a, free_b, free_a
    places = [tuple([t.index(c) for c in cs]) for cs in (summed, batch) for t in (a, b)]
    out = contract(x, y, tuple(places[:2]), tuple(places[2:]), precision, kind)
    return out, "".join([*batch, *free_a, *free_b])


def _without_repeats(x: Any, labels: str) -> tuple[Any, str]:
    """Diagonals of dimensions that share a label: everything else is left out of a sum."""
    for c, n in Counter(labels).items():
        while n > 1:
            n -= 1
            i = labels.index(c)
            j = labels.index(c, i + 1)
            shape = typeof(x).shape
            if shape[i] != shape[j]:
                gone = i if shape[i] == 1 else j
                x = sh.squeeze(x, (gone,))
            else:
                rows = sh.broadcasted_iota(np.int32, shape, i)
                same = compare.eq(rows, sh.broadcasted_iota(np.int32, shape, j))
                gone = i
                flags = typeof(x).dtype == np.bool_
                x = compare.select(same, x, literal(0, x))
                x = (reduce.reduce_or if flags else reduce.reduce_sum)(x, (i,))
            labels = labels[:gone] + labels[gone + 1 :]
    return x, labels


def _unit_dimensions(x: Any, a: str, y: Any, b: str) -> tuple[Any, str, Any, str]:
    """Drop a dimension of size 1 whose label has another size in the other operand."""
    for c in [c for c in a if c in b]:
        m, n = typeof(x).shape[a.index(c)], typeof(y).shape[b.index(c)]
        if m != n and m == 1:
            x, a = sh.squeeze(x, (a.index(c),)), a.replace(c, "")
        elif m != n:
            y, b = sh.squeeze(y, (b.index(c),)), b.replace(c, "")
    return x, a, y, b


def _summed(x: Any, labels: str, kept: set[str]) -> tuple[Any, str]:
    """Sum over the labels that are not kept."""
    axes = tuple(i for i, c in enumerate(labels) if c not in kept)
    if not axes:
        return x, labels
    if typeof(x).dtype == np.bool_:
        return reduce.reduce_or(x, axes), "".join(c for c in labels if c in kept)
    return reduce.reduce_sum(x, axes), "".join(c for c in labels if c in kept)


def _ordered(x: Any, labels: str, output: str) -> Any:
    """Dimensions in the order of the output."""
    if labels == output:
        return ar.mul(x, 1) if not hasattr(x, "type") else x
    return basis.transpose_p.bind(x, permutation=tuple(labels.index(c) for c in output))
