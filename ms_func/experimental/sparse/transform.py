"""Functions of ordinary arrays on sparse ones, and derivatives with respect to sparse arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any

from ms_func import numpy as np
from ms_func import tree
from ms_func.api import differentiate
from ms_func.api import jacobian as jacobians
from ms_func.api.programs import as_value
from ms_func.control_flow.cond import cond, switch
from ms_func.control_flow.scan import scan
from ms_func.control_flow.while_loop import while_loop
from ms_func.errors import UnsupportedError
from ms_func.experimental.sparse import arithmetic, indexing, layout
from ms_func.experimental.sparse.formats import BCOO, JAXSparse, is_sparse
from ms_func.experimental.sparse.products import bcoo_dot_general
from ms_func.extend import walk
from ms_func.ir.function import Eqn, Literal
from ms_func.ir.types import ArrayType, typeof
from ms_func.tracing.stage import stage

# --- sparsify --------------------------------------------------------------------------------

_LINEAR = frozenset(("neg", "real", "imag", "conj", "convert"))
_KEEP_ZERO = _LINEAR | frozenset((
    "abs", "sign", "sin", "sinh", "tan", "tanh", "asin", "asinh", "atan", "atanh", "expm1", "log1p",
    "sqrt", "cbrt", "floor", "ceil", "round", "integer_pow",
))  # fmt: skip
"""Operations on one operand that give zero for zero; the first are linear."""


def sparsify(f: Callable[..., Any], use_tracer: bool = False) -> Callable[..., Any]:
    """`f`, written for ordinary arrays, on arguments some of which are `BCOO`.

    The program of `f` is recorded and gone through; operations that keep zeros work on the stored
    elements.

    Args:
        f: function of arrays.
        use_tracer: accepted for compatibility.

    Raises:
        NotImplementedError: an operation of `f` has no sparse form.

    Example:
        >>> from ms_func.experimental.sparse import BCOO
        >>> m = BCOO.fromdense(np.eye(2))
        >>> sparsify(lambda m, v: -2.0 * (m @ v))(m, np.array([1.0, 2.0])).tolist()
        [-2.0, -4.0]
    """

    @wraps(f, updated=())
    def sparse(*args: Any, **kwargs: Any) -> Any:
        leaves, in_tree = tree.flatten((args, kwargs), is_leaf=is_sparse)
        types = [ArrayType(x.shape, x.dtype) if is_sparse(x) else typeof(x) for x in leaves]

        def call(tracers: list[Any]) -> Any:
            positional, named = tree.unflatten(in_tree, tracers)
            return f(*positional, **named)

        staged = stage(call, types, name=getattr(f, "__name__", "f"))
        values = [*staged.captured, *leaves]
        return tree.unflatten(staged.out_tree, walk(staged.fn, values, _rule))

    return sparse


def _rule(eqn: Eqn, ins: list[Any]) -> Sequence[Any] | None:
    """Results of one equation, or None where no operand is sparse."""
    if not any(map(is_sparse, ins)):
        return None
    name, params = eqn.primitive.name, eqn.params
    if name == "call":
        return walk(params["fn"], ins, _rule)
    ins = [as_value(x) if isinstance(x, Literal) else x for x in ins]
    if name in _LOOPS:
        return _LOOPS[name](*ins, **params)
    if name in _KEEP_ZERO:
        (x,) = ins
        unique = x if x.unique_indices or name in _LINEAR else x.sum_duplicates(nse=x.nse)
        return [unique._like(eqn.primitive.bind(unique.data, **params))]
    rule = _RULES.get(name)
    if rule is None:
        raise UnsupportedError(f"sparse rule for `{name}` is not implemented", eqn.loc)
    return [rule(*ins, **params)]


def _cond(which: Any, *operands: Any, branches: Sequence[Any]) -> list[Any]:
    parts = [partial(_walked, fn) for fn in branches]
    if typeof(which).dtype == bool:
        return cond(which, parts[1], parts[0], *operands)
    return switch(which, parts, *operands)


def _scan(
    *operands: Any, body: Any, length: int, num_consts: int, num_carry: int, reverse: bool,
    unroll: Any, **rest: Any,
) -> list[Any]:  # fmt: skip
    n, m = num_consts, num_consts + num_carry
    if any(map(is_sparse, operands[m:])):
        raise UnsupportedError("sparsify: a scan goes over the elements of a sparse array")

    def step(carry: Any, xs: Any) -> Any:
        outs = walk(body, [*operands[:n], *carry, *xs], _rule)
        return outs[:num_carry], outs[num_carry:]

    carry, stacked = scan(step, list(operands[n:m]), list(operands[m:]), length, reverse, unroll)
    return [*carry, *stacked]


def _while(*operands: Any, body: Any, num_cond: int, num_body: int, **rest: Any) -> list[Any]:
    n, m = num_cond, num_cond + num_body
    test = rest["cond"]
    return while_loop(
        lambda carry: walk(test, [*operands[:n], *carry], _rule)[0],
        lambda carry: list(walk(body, [*operands[n:m], *carry], _rule)),
        list(operands[m:]),
    )


def _walked(fn: Any, *values: Any) -> list[Any]:
    return list(walk(fn, values, _rule))


_LOOPS: dict[str, Callable[..., list[Any]]] = {"cond": _cond, "scan": _scan, "while": _while}


def _sub(a: Any, b: Any) -> Any:
    return a + (-b)


def _div(a: Any, b: Any) -> Any:
    return a / b


def _total(x: Any) -> Any:
    return x if x.ndim else x.todense()


_RULES: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b if is_sparse(a) else b + a,
    "sub": _sub,
    "mul": lambda a, b: a * b if is_sparse(a) else b * a,
    "div": _div,
    "dot_general": lambda a, b, *, dimension_numbers, preferred_element_type=None, **rest: (
        bcoo_dot_general(
            a, b, dimension_numbers=dimension_numbers, preferred_element_type=preferred_element_type
        )
    ),
    "reduce_sum": lambda x, *, axes, **rest: _total(arithmetic.bcoo_reduce_sum(x, axes=axes)),
    "transpose": lambda x, *, permutation: layout.bcoo_transpose(x, permutation=permutation),
    "reshape": lambda x, *, new_sizes: layout.bcoo_reshape(x, new_sizes=new_sizes),
    "broadcast_in_dim": lambda x, *, shape, broadcast_dimensions: layout.bcoo_broadcast_in_dim(
        x, shape=shape, broadcast_dimensions=broadcast_dimensions
    ),
    "rev": lambda x, *, dimensions: layout.bcoo_rev(x, dimensions),
    "slice": lambda x, *, start_indices, limit_indices, strides=None: indexing.bcoo_slice(
        x, start_indices=start_indices, limit_indices=limit_indices, strides=strides
    ),
    "dynamic_slice": lambda x, *starts, slice_sizes: indexing.bcoo_dynamic_slice(
        x, starts, slice_sizes
    ),
    "concatenate": lambda *xs, dimension: layout.bcoo_concatenate(xs, dimension=dimension),
}


# --- derivatives -----------------------------------------------------------------------------


def _on_data(transform: Callable[..., Any]) -> Callable[..., Any]:
    """A transform of `ms_func` that takes sparse arguments by their elements."""

    @wraps(transform)
    def of(
        fun: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False,
        **kwargs: Any,
    ) -> Callable[..., Any]:  # fmt: skip
        numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)

        @wraps(fun, updated=())
        def derived(*args: Any, **options: Any) -> Any:
            args = tuple(args)
            at = tuple(n % len(args) for n in numbers)
            datas = tuple(tree.map(_data, args[n], is_leaf=is_sparse) for n in at)

            def call(*given: Any) -> Any:
                full = list(args)
                for n, data in zip(at, given, strict=True):
                    full[n] = _with_data(args[n], data)
                return fun(*full, **options)

            out = transform(call, tuple(range(len(at))), has_aux=has_aux, **kwargs)(*datas)
            return _as_sparse(transform, out, [args[n] for n in at], isinstance(argnums, int),
                              has_aux)  # fmt: skip

        return derived

    return of


def _data(x: Any) -> Any:
    return x.data if is_sparse(x) else x


def _with_data(like: Any, data: Any) -> Any:
    """Sparse arrays with other elements."""
    leaves, structure = tree.flatten(like, is_leaf=is_sparse)
    return tree.unflatten(structure, [
        _replaced(x, d) if is_sparse(x) else d
        for x, d in zip(leaves, tree.leaves(data), strict=True)
    ])  # fmt: skip


def _replaced(x: JAXSparse, data: Any) -> JAXSparse:
    """A sparse array with other elements, which may have further leading dimensions."""
    leaves, structure = tree.flatten(x)
    if np.shape(data) == leaves[0].shape:
        return tree.unflatten(structure, [data, *leaves[1:]])
    assert isinstance(x, BCOO)
    more = np.ndim(data) - leaves[0].ndim
    lead = np.shape(data)[:more]
    indices = np.broadcast_to(x.indices, (*lead, *x.indices.shape))
    return BCOO((data, indices), shape=(*lead, *x.shape), indices_sorted=x.indices_sorted,
                unique_indices=x.unique_indices)  # fmt: skip


def _as_sparse(transform: Any, out: Any, likes: list[Any], single: bool, has_aux: bool) -> Any:
    """The derivatives among the results in the format of their arguments."""

    def placed(found: Any) -> Any:
        made = tuple(_with_data(like, d) for like, d in zip(likes, found, strict=True))
        return made[0] if single else made

    if transform is differentiate.value_and_grad:
        return out[0], placed(out[1])
    return (placed(out[0]), out[1]) if has_aux else placed(out)


grad = _on_data(differentiate.grad)
value_and_grad = _on_data(differentiate.value_and_grad)
jacfwd = _on_data(jacobians.jacfwd)
jacrev = jacobian = _on_data(jacobians.jacrev)
