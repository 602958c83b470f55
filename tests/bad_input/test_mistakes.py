"""What beginners get wrong: the error names their line, what is wrong, and often the repair."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy
import pytest

import ms_func as ms
import ms_func.numpy as np
from ms_func import lax, nn, random

ROW, PAIR, MATRIX = (numpy.ones(s, numpy.float32) for s in (3, 2, (2, 3)))


def forgets_the_residuals(x):
    f = ms.custom_vjp(lambda x: x)
    f.defvjp(lambda x: x, lambda residuals, ct: (ct,))
    return ms.grad(f)(x)


def forgets_the_tuple(x):
    f = ms.custom_vjp(lambda x: x)
    f.defvjp(lambda x: (x, None), lambda residuals, ct: ct)
    return ms.grad(f)(x)


def forgets_the_tangent(x):
    f = ms.custom_jvp(lambda x: x)
    f.defjvp(lambda primals, tangents: primals[0])
    return ms.grad(f)(x)


def asks_which_of_many(x):
    return x if x > 0 else -x


AMBIGUOUS = "truth value of an array with more than one element"
MISTAKES: dict[str, tuple[type[Exception], Callable[[], object], tuple[str, ...]]] = {
    "matrices": (TypeError, lambda: np.asarray(MATRIX) @ PAIR, ("(2, 3) and (2,)", "transpose")),
    "ranks": (TypeError, lambda: np.concatenate([ROW, MATRIX]), ("(3,), (2, 3)", "x[None]")),
    "no list": (ValueError, lambda: np.concatenate(np.asarray(ROW), 0), ("concatenate([x, y])",)),
    "stack": (ValueError, lambda: np.stack([ROW, PAIR]), ("got (3,), (2,)", "fix: use concat")),
    "reshape": (TypeError, lambda: np.reshape(ROW, (2, 2)), ("(2, 2)", "one of them may be -1")),
    "one branch": (TypeError, lambda: np.where(ROW > 0, ROW), ("position 2", "both x and y")),
    "index": (TypeError, lambda: np.take(ROW, 0.5), ("float", "x // y in place of x / y")),
    "labels": (ValueError, lambda: np.einsum("ij,jk", MATRIX, MATRIX), ("'j'", "(2, 3), (2, 3)")),
    "terms": (ValueError, lambda: np.einsum("ijk->i", MATRIX), ("'ijk'", "one label for each")),
    "square": (ValueError, lambda: np.linalg.inv(MATRIX), ("[..., n, n]", "(2, 3)")),
    "empty": (ValueError, lambda: np.max(np.zeros(0)), ("zero-size array", "max")),
    "truth": (ValueError, lambda: bool(np.asarray(ROW)), (AMBIGUOUS,)),
    "truth of none": (ValueError, lambda: bool(np.zeros(0)), ("empty array", "array.size > 0")),
    "traced truth": (ValueError, lambda: ms.jit(asks_which_of_many)(ROW), (AMBIGUOUS,)),
    "item": (TypeError, lambda: ms.jit(lambda x: x.item())(1.0), ("only at run time", "an array")),
    "called": (TypeError, lambda: ms.jit(np.sum(ROW)), ("jit(f), not", "jit(f(x))")),
    "static name": (
        ValueError, lambda: ms.jit(lambda x, n: x, static_argnames="m"), ("'m'", "it takes n, x"),
    ),
    "mapped sizes": (ValueError, lambda: ms.vmap(np.add)(ROW, PAIR), ("3 (f32[3])", "fix: map")),
    "nothing mapped": (ValueError, lambda: ms.vmap(np.sin, None)(ROW), ("fix: give an argument",)),
    "axes in a dict": (
        TypeError, lambda: ms.vmap(np.sin, {"a": 0})({"a": ROW}), ("in_axes=({'a': 0},)",),
    ),
    "pair": (TypeError, lambda: forgets_the_residuals(1.0), ("return result, residuals",)),
    "cotangents": (TypeError, lambda: forgets_the_tuple(1.0), ("`(ct,)` for one",)),
    "tangent": (TypeError, lambda: forgets_the_tangent(1.0), ("tangent_of_the_result",)),
    "steps": (ValueError, lambda: lax.scan(lambda c, x: (c, c), 0.0), ("fix: pass length=",)),
    "lengths": (
        ValueError, lambda: lax.scan(lambda c, x: (c, c), 0.0, (ROW, PAIR)), ("3, 2", "closure"),
    ),
    "predicate": (TypeError, lambda: lax.cond(ROW > 0, np.sin, np.cos, 1.0), (".any() or .all()",)),
    "channels": (
        TypeError, lambda: lax.conv(np.ones((1, 3, 8, 8)), np.ones((4, 4, 3, 3)), (1, 1), "SAME"),
        ("3 // 1 != 4", "dimension 1 of f32[1,3,8,8]"),
    ),
    "trees": (
        ValueError, lambda: ms.tree.map(max, {"a": 1}, {"b": 1}), ("['a']", "['b']", "fix: give"),
    ),
    "seed": (TypeError, lambda: random.key(1.5), ("an integer; got 1.5",)),
    "fan": (ValueError, lambda: nn.initializers.he_normal()(random.key(0), (3,)), ("at least 2D",)),
    "mesh axis": (
        ValueError, lambda: ms.NamedSharding(ms.make_mesh((1,), ("x",)), ms.P("y")),
        ("y", "('x',)", "fix: name axes of this mesh"),
    ),
    "too many parts": (
        ValueError,
        lambda: ms.device_put(ROW, ms.NamedSharding(ms.make_mesh((1,), ("x",)), ms.P(None, "x"))),
        ("rank at least 2", "no more entries than"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "mistake", "words"), MISTAKES.values(), ids=MISTAKES)
def test_the_error_names_the_users_line_and_the_mistake(kind, mistake, words) -> None:
    with pytest.raises(kind) as caught:
        mistake()
    said = str(caught.value)
    assert said.startswith(f"{__file__}:")
    for word in words:
        assert word in said


def fails_on_the_host(x):
    return ms.pure_callback(lambda v: [][v], ms.ShapeDtypeStruct((), "float32"), x)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: np.reshape(ROW, (2, 2)),
        lambda: np.sum(ROW, axis=1),
        lambda: ms.jit(lambda x: x.item())(1.0),
        lambda: ms.jit(fails_on_the_host)(np.int32(3)).block_until_ready(),
    ],
    ids=["shape", "axis", "traced", "callback"],
)
def test_errors_go_from_process_to_process(wrong) -> None:
    """As a pool of processes sends them: by pickle."""
    with pytest.raises(Exception) as caught:  # noqa: PT011
        wrong()
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is type(caught.value)
    assert str(again) == str(caught.value)
    assert again.message == caught.value.message  # type: ignore[attr-defined]
