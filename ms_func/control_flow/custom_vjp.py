"""`custom_vjp`: a function whose reverse derivative is given instead of derived."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any

from ms_func import tree
from ms_func.control_flow import bodies
from ms_func.control_flow.custom_vjp_primitive import Rules, custom_vjp_p
from ms_func.control_flow.rules import (
    Call,
    Deferred,
    Identity,
    Mask,
    SymbolicZero,
    as_tangent,
    fixed_places,
    inside_rule,
    positional,
    record_now,
    recording,
    staged_call,
    without_tracers,
)
from ms_func.dtypes import is_inexact
from ms_func.errors import ArgumentTypeError, UnsupportedError
from ms_func.ir.function import Function
from ms_func.ir.primitive import (
    current,
)
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.cast import convert_element_type
from ms_func.tracing.arguments import function_name
from ms_func.tracing.policy import user_function
from ms_func.tracing.stage import Staged, stage
from ms_func.tracing.tracer import build
from ms_func.transforms.zeros import zeros


class CustomVJPPrimal:
    """An argument as forward rules with `symbolic_zeros` see it.

    Attributes:
        value: the argument.
        perturbed: whether a derivative with respect to it is asked for.

    Example:
        >>> @ms.custom_vjp
        ... def product(x, y):
        ...     return x * y
        >>> def forward(x, y):
        ...     print(x.perturbed, y.perturbed)
        ...     return x.value * y.value, (x.value, y.value)
        >>> product.defvjp(forward, lambda xy, ct: (ct * xy[1], ct * xy[0]), symbolic_zeros=True)
        >>> float(ms.grad(product)(2.0, 3.0))
        True False
        3.0
    """

    __slots__ = ("perturbed", "value")

    def __init__(self, value: Any, perturbed: bool) -> None:
        self.value = value
        self.perturbed = perturbed


class custom_vjp:
    """A function with a reverse derivative of its own.

    Args:
        fun: function of arrays or trees of arrays.
        nondiff_argnums: positions of arguments that are not differentiated, which may be
            anything; the backward rule gets them first.
        nondiff_argnames: the same by name.

    Example:
        >>> from ms_func.api.differentiate import grad
        >>> @custom_vjp
        ... def identity(x):
        ...     return x * 1.0
        >>> identity.defvjp(lambda x: (x * 1.0, None), lambda _, ct: (5 * ct,))
        >>> float(grad(identity)(1.0))
        5.0
    """

    def __init__(
        self,
        fun: Callable[..., Any],
        nondiff_argnums: int | Sequence[int] = (),
        nondiff_argnames: str | Sequence[str] = (),
    ) -> None:
        update_wrapper(self, fun, updated=())
        self.fun = fun
        self.nondiff_argnums = fixed_places(fun, nondiff_argnums, nondiff_argnames)
        self.fwd: Callable[..., Any] | None = None
        self.bwd: Callable[..., Any] | None = None
        self.symbolic_zeros = False

    def defvjp(
        self,
        fwd: Callable[..., Any],
        bwd: Callable[..., Any],
        symbolic_zeros: bool = False,
        optimize_remat: bool = False,
    ) -> None:
        """Set the rules.

        Args:
            fwd: function of all arguments giving `(result, residuals)`.
            bwd: function `bwd(*fixed, residuals, cotangent)` giving a tuple with the cotangent of
                each argument that is not fixed; None stands for zeros.
            symbolic_zeros: `fwd` gets each leaf as an object with `value` and `perturbed`, and
                `bwd` gets cotangents that vanish as `SymbolicZero`.
            optimize_remat: accepted for compatibility; the forward rule is optimised together
                with the program around it anyway.
        """
        self.fwd, self.bwd, self.symbolic_zeros = fwd, bwd, symbolic_zeros

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Result of the function; rules are recorded beside it where a program is recorded."""
        name = function_name(self.fun)
        if self.fwd is None or self.bwd is None:
            raise AttributeError(
                f"No VJP defined for custom_vjp function {name} using defvjp.\n"
                f"fix: give the rules with {name}.defvjp(fwd, bwd)"
            )
        args = positional(self.fun, name, args, kwargs)
        if not recording():
            return self.fun(*args)
        call, staged = staged_call(self.fun, name, "custom_vjp", args, self.nondiff_argnums)
        fn, rule, captured = self._with_rules(staged, call, name)
        outs = custom_vjp_p.bind(
            *captured, *call.leaves, fn=fn, rule=rule, num_captured=len(captured), name=name
        )
        return tree.unflatten(staged.out_tree, outs)

    def _with_rules(self, staged: Staged, call: Call, name: str) -> tuple[Function, Any, list[Any]]:
        """The function and its rules over common captured values."""
        if not self.symbolic_zeros and record_now(staged.captured):
            try:
                fwd, res_tree, res_types, fixed = self._record_fwd(
                    staged, call, name, call.active, call.leaves
                )
                bwd = self._record_bwd(staged, call, name, res_tree, res_types, fixed, None)
            except Exception:  # the rules are to blame only if a derivative asks for them
                pass
            else:
                (fn, fwd_fn, bwd_fn), captured = bodies.share_captured([staged, fwd, bwd])
                return fn, (fwd_fn, bwd_fn), captured
        key = (Identity(self.fwd), Identity(self.bwd), staged.fn, *call.key())
        rule = Deferred(key, lambda mask: self._late(key, mask, staged, call, name))
        return staged.fn, rule, staged.captured

    def _late(self, key: Any, mask: Mask, staged: Staged, call: Call, name: str) -> Rules:
        """Both rules, recorded when a derivative asks for them."""
        recorded, res_tree, res_types, fixed = self._record_fwd(staged, call, name, mask, None)
        fwd = without_tracers(recorded, name)

        def back(live: Mask | None) -> Staged:
            made = self._record_bwd(staged, call, name, res_tree, res_types, fixed, live)
            return without_tracers(made, name)

        full = back(None)
        (fwd_fn, bwd_fn), consts = bodies.share_captured([fwd, full])
        if not self.symbolic_zeros:
            return Rules(fwd_fn, bwd_fn, tuple(consts))
        lead = [typeof(x) for x in consts]

        def with_mask(live: Mask) -> Function:
            made = back(live)
            known = {id(x): i for i, x in enumerate(consts)}
            if any(id(x) not in known for x in made.captured):
                raise UnsupportedError(
                    f"the backward rule of `{name}` closes over other arrays when some cotangents "
                    "vanish\nfix: pass them as residuals"
                )
            own = [known[id(x)] for x in made.captured]

            def body(*args: Any) -> list[Any]:
                operands = [*(args[i] for i in own), *args[len(lead) :]]
                return current.interpreter.apply(made.fn, operands)

            return build(made.fn.name, [*lead, *made.fn.in_types[len(own) :]], body)

        return Rules(fwd_fn, Deferred(("bwd", mask, *key), with_mask), tuple(consts))

    def _record_fwd(
        self, staged: Staged, call: Call, name: str, mask: Mask, values: Sequence[Any] | None
    ) -> tuple[Staged, Any, list[ArrayType], dict[int, Any]]:
        """Forward rule, and structure, types and constant leaves of its residuals."""
        found: dict[str, Any] = {}

        def run(tracers: list[Any]) -> list[Any]:
            leaves = tracers
            if self.symbolic_zeros:
                leaves = [CustomVJPPrimal(x, m) for x, m in zip(tracers, mask, strict=True)]
            out = user_function(self.fwd)(*call.arguments(leaves))
            outs, residuals = self._checked_pair(out, staged, name)
            res_leaves, found["tree"] = tree.flatten(residuals)
            found["fixed"] = {i: x for i, x in enumerate(res_leaves) if _is_fixed(x)}
            return [*outs, *(x for i, x in enumerate(res_leaves) if i not in found["fixed"])]

        with inside_rule():
            made = stage(run, call.types, name=f"fwd_of_{name}", values=values, role="rule")
        types = list(made.fn.out_types[len(staged.fn.results) :])
        return made, found["tree"], types, found["fixed"]

    def _checked_pair(self, out: Any, staged: Staged, name: str) -> tuple[list[Any], Any]:
        """Result leaves and residuals of the forward rule.

        Raises:
            TypeError: it returned no pair, or its result is not like that of the function.
        """
        rule = function_name(self.fwd)
        if not isinstance(out, tuple | list) or len(out) != 2:
            raise ArgumentTypeError(
                f"Custom VJP fwd rule {rule} for function {name} must produce a pair (list or "
                "tuple of length two): the result of the function, and residuals for the backward "
                f"rule; got {out}\n"
                f"fix: end {rule} with `return result, residuals`; residuals may be None"
            )
        outs, out_tree = tree.flatten(out[0])
        if out_tree != staged.out_tree:
            raise ArgumentTypeError(
                f"Custom VJP fwd rule {rule} for function {name} must produce a pair whose first "
                f"element has the structure of the function's result, {staged.out_tree}, but got "
                f"{out_tree}"
            )
        for x, t in zip(outs, staged.fn.out_types, strict=True):
            got = typeof(x)
            if got.shape != t.shape or got.dtype != t.dtype:
                raise ArgumentTypeError(
                    f"Custom VJP fwd rule {rule} for function {name} must produce a pair whose "
                    f"first element has the types of the function's result, but got {got} for {t}"
                )
        return outs, out[1]

    def _record_bwd(
        self,
        staged: Staged,
        call: Call,
        name: str,
        res_tree: Any,
        res_types: Sequence[ArrayType],
        fixed: dict[int, Any],
        live: Mask | None,
    ) -> Staged:
        """Program of the backward rule; `live` tells the cotangents that do not vanish."""
        outs = staged.fn.out_types
        ct_types = [t.tangent for t in outs if is_inexact(t.dtype)]
        mask = live or (True,) * len(ct_types)
        n = len(res_types)

        def run(tracers: list[Any]) -> list[Any]:
            rest = iter(tracers[:n])
            residuals = [fixed[i] if i in fixed else next(rest) for i in range(n + len(fixed))]
            given = iter(tracers[n:])
            cts = iter(
                next(given) if m else SymbolicZero(t) for t, m in zip(ct_types, mask, strict=True)
            )
            full = [next(cts) if is_inexact(t.dtype) else self._no_cotangent(t) for t in outs]
            grads = user_function(self.bwd)(
                *call.fixed,
                tree.unflatten(res_tree, residuals),
                tree.unflatten(staged.out_tree, full),
            )
            return self._checked_grads(grads, call, name)

        types = [*res_types, *bodies.chosen(ct_types, mask)]
        with inside_rule():
            return stage(run, types, name=f"bwd_of_{name}", role="rule")

    def _no_cotangent(self, t: ArrayType) -> Any:
        return SymbolicZero(t.tangent) if self.symbolic_zeros else zeros(t.tangent)

    def _checked_grads(self, grads: Any, call: Call, name: str) -> list[Any]:
        """Cotangents of the inexact leaves from what the backward rule returned.

        Raises:
            TypeError: the structure is not that of the arguments.
            ValueError: a shape or dtype is not that of the argument.
        """
        leaves = _match_arguments(grads, call.in_tree)
        if leaves is None:
            raise ArgumentTypeError(
                "Custom VJP bwd rule must produce an output with the same container (pytree) "
                "structure as the args tuple of the primal function, and in particular must "
                "produce a tuple of length equal to the number of arguments to the primal "
                f"function, but got bwd output structure {tree.structure(grads)} for primal input "
                f"structure {call.in_tree}.\n"
                "fix: return a tuple with one entry for each argument, `(ct,)` for one"
            )

        def wrong(i: int, t: ArrayType) -> Callable[[ArrayType], Exception]:
            return lambda got: ValueError(
                "Custom VJP bwd rule must produce an output with the same type as the args tuple "
                f"of the primal function, but for `{name}` at leaf {i} it produced {got} for an "
                f"argument of type {t}"
            )

        return [
            as_tangent(_at_width(x, t), t, wrong(i, t))
            for i, (x, t) in enumerate(zip(leaves, call.types, strict=True))
            if is_inexact(t.dtype)
        ]


def _at_width(x: Any, t: ArrayType) -> Any:
    """A cotangent of an argument: a rule may compute it at another precision."""
    if not _is_array(x):
        return x
    got = typeof(x)
    same_field = is_inexact(got.dtype) and (got.dtype.kind == "c") == (t.dtype.kind == "c")
    if not same_field or got.dtype == t.dtype:
        return x
    return convert_element_type(x, t.dtype, t.weak_type)


def _is_fixed(x: Any) -> bool:
    """Whether a residual stays what it is: Python's flags and counts, and what is no array."""
    return type(x) in (bool, int) or not _is_array(x)


def _is_array(x: Any) -> bool:
    try:
        typeof(x)
    except TypeError:
        return False
    return True


def _match_arguments(grads: Any, in_tree: Any) -> list[Any] | None:
    """One entry per leaf of the arguments.

    A cotangent in place of a sub-tree is that of each of its leaves; None stands for zeros.
    """
    if isinstance(grads, list):
        grads = tuple(grads)
    dummy = tree.unflatten(in_tree, [_LEAF] * in_tree.num_leaves)
    if not isinstance(grads, tuple) or len(grads) != len(dummy):
        return None
    leaves: list[Any] = []
    for g, d in zip(grads, dummy, strict=True):
        found = _match(g, d)
        if found is None:
            return None
        leaves += found
    return leaves


_LEAF = object()


def _match(grad: Any, like: Any) -> list[Any] | None:
    if grad is None:
        return [None] * len(tree.leaves(like))
    _, like_tree = tree.flatten(like)
    own, own_tree = tree.flatten(grad)
    if own_tree == like_tree:  # also where both hold None in the same place
        return own
    try:
        return tree.broadcast_prefix(grad, like, is_leaf=lambda x: x is None)
    except ValueError:
        return None
