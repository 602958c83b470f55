"""`jax.numpy`: what calls of it may say beyond the signatures of `ms_func.numpy`."""

from __future__ import annotations

from typing import Any

from ml_dtypes import finfo, iinfo

from ms_func import lax as _lax
from ms_func.compat.strict import STRICT as _STRICT
from ms_func.numpy import asarray as _np_array
from ms_func.numpy import einsum as _einsum

__all__ = ["einsum", "finfo", "fromfile", "fromiter", "iinfo"]


def einsum(subscripts: Any, /, *operands: Any, _dot_general: Any = None, **options: Any) -> Any:
    """`ms_func.numpy.einsum`, or where libraries bring a product of their own, that product.

    Raises:
        NotImplementedError: with a product of one's own, there are not two operands with letters.
    """
    if _dot_general in (None, _lax.dot_general, _STRICT["dot_general"]):
        return _einsum(subscripts, *operands, **options)
    if not isinstance(subscripts, str) or len(operands) != 2:
        raise NotImplementedError("einsum with `_dot_general` takes letters and two operands")
    text = subscripts.replace(" ", "")
    inputs, _, output = text.partition("->")
    terms = inputs.split(",")
    if "->" not in text or "..." in text or any(len(set(t)) != len(t) for t in terms):
        raise NotImplementedError(
            "einsum with `_dot_general` takes letters that occur once in each term, with `->`"
        )
    kept = [_only(t, terms[1 - i] + output) for i, t in enumerate(terms)]
    a, b = (_einsum(f"{t}->{k}", x) if t != k else x for t, k, x in zip(terms, kept, operands,
                                                                       strict=True))  # fmt: skip
    return _product(kept[0], kept[1], output, _np_array(a), _np_array(b), _dot_general, options)


def _only(term: str, letters: str) -> str:
    return "".join(c for c in term if c in letters)


def _product(
    left: str, right: str, output: str, a: Any, b: Any, dot_general: Any, options: Any
) -> Any:
    """A product of two terms by `dot_general`, its dimensions in the order of `output`."""
    both = [c for c in left if c in right]
    batch, gone = [c for c in both if c in output], [c for c in both if c not in output]
    dims = (
        ([left.index(c) for c in gone], [right.index(c) for c in gone]),
        ([left.index(c) for c in batch], [right.index(c) for c in batch]),
    )
    given = {k: options[k] for k in ("precision", "preferred_element_type") if k in options}
    found = dot_general(a, b, dims, **{"precision": None, "preferred_element_type": None, **given})
    order = "".join(batch) + _only(left, output.translate(_without(batch))) + _only(
        right, output.translate(_without(batch)))  # fmt: skip
    return found.transpose([order.index(c) for c in output])


def _without(letters: Any) -> dict[int, None]:
    return {ord(c): None for c in letters}


def fromfile(*args: Any, **kwargs: Any) -> Any:
    """Refused, as by JAX: what a file holds may differ from call to call.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(_IMPURE.format("fromfile"))


def fromiter(*args: Any, **kwargs: Any) -> Any:
    """Refused, as by JAX: an iterator is used up by the call.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(_IMPURE.format("fromiter"))


_IMPURE = (
    "jnp.{0}() is not implemented because it may be non-pure and thus unsafe for use with JIT and "
    "other JAX transformations. Consider using jnp.asarray(np.{0}(...)) instead"
)
