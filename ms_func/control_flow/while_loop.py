"""`while_loop` and `fori_loop`: loops whose number of steps may be known only at run time."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func import config, tree
from ms_func.control_flow import bodies
from ms_func.control_flow.carry import common_carry
from ms_func.control_flow.loop_checkpoint import slots_for
from ms_func.control_flow.scan import scan
from ms_func.control_flow.while_bodies import Loop
from ms_func.control_flow.while_primitive import while_p
from ms_func.dtypes import issubdtype
from ms_func.errors import (
    ArgumentTypeError,
    ArgumentValueError,
    ConcretizationTypeError,
    ShapeError,
)
from ms_func.execution.dispatch import as_array
from ms_func.ir.loc import user_loc
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.arithmetic import add
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import lt
from ms_func.tracing.arguments import beside_doubles, function_name, leaf_types
from ms_func.tracing.policy import user_function
from ms_func.tracing.stage import Staged
from ms_func.tracing.tracebacks import user_traceback


@user_traceback
def while_loop(
    cond_fun: Callable[[Any], Any],
    body_fun: Callable[[Any], Any],
    init_val: Any,
    *,
    max_trips: int | None = None,
    checkpoints: int | None = None,
) -> Any:
    """Apply `body_fun` to a carry for as long as `cond_fun` of it is true.

    Every derivative works, of every order. Reverse mode keeps a fixed number of carries
    however many steps there are, and runs the steps between them again.

    Args:
        cond_fun: function of the carry giving a scalar boolean.
        body_fun: function of the carry giving a carry of the same structure, shapes, dtypes.
        init_val: first carry: array or tree of arrays. A Python scalar takes the dtype that
            the body returns.
        max_trips: number of steps the loop is known not to exceed. Reverse mode then keeps
            the carry of every step if 64 MiB hold them. It does not end the loop.
        checkpoints: number of carries that reverse mode keeps, at least 4; by default as many
            as 64 MiB hold, between 4 and 64.

    Returns:
        The carry for which `cond_fun` was false.

    Raises:
        TypeError: the test is no scalar boolean, or the carry changes structure or types.

    Example:
        >>> int(while_loop(lambda x: x < 100, lambda x: 2 * x, 3))
        192
    """
    if not (callable(cond_fun) and callable(body_fun)):
        raise ArgumentTypeError(
            "lax.while_loop: body_fun and cond_fun arguments should be callable."
        )
    cond_fun, body_fun = user_function(cond_fun), user_function(body_fun)
    leaves, carry_tree = tree.flatten(init_val)
    leaf_types(leaves, "while_loop", function_name(body_fun))
    if config.disable_jit.value:
        try:
            return _run_in_python(cond_fun, body_fun, init_val)
        except ConcretizationTypeError:
            pass  # lanes of a `vmap` decide, or an operand of a derivative
    body, test, leaves = _recorded(cond_fun, body_fun, beside_doubles(leaves), carry_tree)
    types = [typeof(x) for x in leaves]
    sizes = len(test.captured), len(body.captured)
    loop = Loop(test.fn, body.fn, *sizes, _slots(types, max_trips, checkpoints))
    outs = while_p.bind(*test.captured, *body.captured, *leaves, **loop._asdict())
    return tree.unflatten(carry_tree, outs)


def _recorded(
    cond_fun: Any, body_fun: Any, leaves: list[Any], carry_tree: Any
) -> tuple[Staged, Staged, list[Any]]:
    """Body, test and first carry of a loop.

    Where the test differs between the devices of a region, so does everything that the number
    of steps has an influence on, and both are recorded again.
    """
    decided: frozenset[Any] = frozenset()
    arguments = one_argument(carry_tree)
    while True:
        body, leaves = common_carry(
            "while_loop",
            body_fun,
            leaves,
            carry_tree,
            lambda types, axes=decided: bodies.stage_on_tree(
                body_fun, arguments, types, refs="keep", decided=axes, what="while_body"
            ),
            lambda staged: (staged.out_tree, staged.fn.out_types),
        )
        types = [typeof(x) for x in leaves]
        test = bodies.stage_on_tree(
            cond_fun, arguments, types, refs="keep", decided=decided, what="while_cond"
        )
        _check_test(test)
        axes = test.fn.out_types[0].vma
        if axes <= decided:
            return body, test, leaves
        bodies.same_on_all_devices((test.fn, body.fn), axes, "while_loop", "test")
        decided |= axes
        leaves = bodies.raised(leaves, decided)


def _slots(types: Sequence[ArrayType], max_trips: int | None, checkpoints: int | None) -> int:
    """Number of carries that reverse mode keeps; 0 leaves it to their size."""
    if checkpoints is not None:
        if not isinstance(checkpoints, int) or checkpoints < 4:
            raise ArgumentValueError(
                f"while_loop needs checkpoints of at least 4, got {checkpoints!r}"
            )
        return checkpoints
    return 0 if max_trips is None else slots_for(types, operator.index(max_trips))


def one_argument(arg_tree: Any) -> Any:
    """Structure of a tuple with one argument of structure `arg_tree`."""
    return tree.treedef_tuple([arg_tree])


def _run_in_python(cond_fun: Any, body_fun: Any, value: Any) -> Any:
    value = tree.map(_as_handle, value)
    while cond_fun(value):
        value = tree.map(_as_handle, body_fun(value))
    return value


def _as_handle(x: Any) -> Any:
    """A number or an array of NumPy as an array."""
    return as_array(x) if isinstance(x, (bool, int, float, complex, np.ndarray, np.generic)) else x


def _check_test(test: Staged) -> None:
    if test.out_tree != tree.structure(0):
        raise ShapeError(
            f"cond_fun must return a boolean scalar, but got pytree {test.out_tree}.", user_loc(3)
        )
    (t,) = test.fn.out_types
    if t.shape != () or t.dtype != np.bool_:
        raise ShapeError(
            f"cond_fun must return a boolean scalar, but got output type(s) [{t}].\n"
            "fix: compare, for example x > 0, or reduce with .any() or .all()",
            user_loc(3),
        )


@user_traceback
def fori_loop(
    lower: Any,
    upper: Any,
    body_fun: Callable[[Any, Any], Any],
    init_val: Any,
    *,
    unroll: int | bool | None = None,
) -> Any:
    """Apply `body_fun(i, carry)` for `i` from `lower` to `upper - 1`.

    Bounds that are known while tracing make it a `scan`, through which reverse mode works;
    others make it a `while_loop`.

    Args:
        lower: first index, an integer or a float; those of floats are floats, one apart.
        upper: index behind the last one; no step is made if it is not above `lower`.
        body_fun: function of an index and the carry giving the new carry. The index is weakly
            typed where both bounds are.
        init_val: first carry: array or tree of arrays.
        unroll: steps to lay out in one iteration of the loop; only with known bounds.

    Returns:
        The last carry.

    Example:
        >>> int(fori_loop(1, 5, lambda i, x: i * x, 1))
        24
    """
    if not callable(body_fun):
        raise ArgumentTypeError("lax.fori_loop: body_fun argument should be callable.")
    body_fun = user_function(body_fun)
    dtype = _index_dtype(lower, upper)
    known = _static(lower), _static(upper)
    if known[0] is not None and known[1] is not None:
        length = max(known[1] - known[0], 0)
        if config.disable_jit.value and length == 0:
            return init_val

        def step(carry: Any, _: None) -> Any:
            i, value = carry
            return (add(i, 1), body_fun(i, value)), None

        first: Any = np.asarray(known[0], dtype)[()]
        whole = type(lower) is int and type(upper) is int
        if (whole or config.jax_rules()) and not config.disable_jit.value:
            first = known[0]  # weak, in JAX whatever the dtypes of the bounds
        loop = scan(step, (first, init_val), length=length, unroll=1 if unroll is None else unroll)
        return loop[0][1]
    if unroll is not None and unroll is not False and unroll != 1:
        raise ArgumentValueError(
            "Can only use `unroll` in `fori_loop` if the loop bounds are statically known."
        )
    weak = typeof(lower).weak_type and typeof(upper).weak_type
    start, stop = (convert_element_type(x, dtype, weak) for x in (lower, upper))

    def body(carry: Any) -> Any:
        i, value = carry
        return add(i, 1), body_fun(i, value)

    return while_loop(lambda carry: lt(carry[0], stop), body, (start, init_val))[1]


def _static(bound: Any) -> int | None:
    """Python int of a bound that is known while tracing; JAX counts known floats in integers."""
    try:
        return int(bound) if config.jax_rules() else operator.index(bound)
    except (TypeError, ConcretizationTypeError):
        return None


def _index_dtype(lower: Any, upper: Any) -> np.dtype:
    """The one real dtype of both bounds; a Python number takes that of the other.

    Raises:
        TypeError: a bound is no real scalar, or their dtypes differ.
    """
    low, high = typeof(lower), typeof(upper)
    whole = [issubdtype(t.dtype, np.integer) for t in (low, high)]
    scalars = all(
        t.shape == () and (w or issubdtype(t.dtype, np.floating))
        for t, w in zip((low, high), whole, strict=True)
    )
    weak = (low.weak_type or high.weak_type) and whole[0] == whole[1]
    if not scalars or (low.dtype != high.dtype and not weak):
        raise ArgumentTypeError(
            "lower and upper arguments to fori_loop must have equal types, those of real scalars, "
            f"got {low.dtype.name}{list(low.shape)} and {high.dtype.name}{list(high.shape)}"
        )
    return high.dtype if low.weak_type else low.dtype
