"""`checkpoint`: compute again in the backward pass instead of keeping residuals.

A `remat_call` applies a function. When it is split into known and unknown parts, the known
results are computed as usual, but the residuals are not kept: the unknown part starts from
the operands and computes what it needs again. A policy says which intermediate values are
kept all the same; they are marked in the function when it is recorded, so that the rules
need not know the policy.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ms_func import config, tree
from ms_func.control_flow import bodies
from ms_func.control_flow.bodies import Mask, chosen, merged
from ms_func.control_flow.call import call_like
from ms_func.control_flow.identities import name_p
from ms_func.control_flow.scan_primitive import scan_p, scan_with_kept
from ms_func.errors import ArgumentValueError
from ms_func.ir.function import Eqn, Function, Literal, Var
from ms_func.ir.primitive import (
    ELEMENTWISE,
    LANES,
    PIECEWISE_LINEAR,
    Primitive,
    current,
    register,
)
from ms_func.primitives.families import is_linear
from ms_func.tracing.arguments import (
    argument_paths,
    beside_doubles,
    check_callable,
    completed,
    function_name,
    leaf_types,
    normalize_argnums,
    others,
    parameters,
    wraps,
)
from ms_func.tracing.origins import Source
from ms_func.tracing.policy import user_function
from ms_func.tracing.reference import operands
from ms_func.tracing.stage import canonical, stage
from ms_func.tracing.tracer import build
from ms_func.transforms.partial_eval import partial_eval
from ms_func.transforms.passes import dce, has_effects, inline, prune
from ms_func.transforms.transpose import transpose
from ms_func.transforms.zeros import instantiate, is_live

Policy = Callable[..., Any]

# --- the mark of values to keep -------------------------------------------------------------

kept_p = register(
    Primitive(
        "kept",
        abstract=lambda x: x,
        ref=lambda x: np.asarray(x),
        lower=lambda b, eqn, x: x,
        jvp=lambda primals, tangents: (kept_p.bind(*primals), tangents[0]),
        jet=PIECEWISE_LINEAR,
        transpose=lambda ct, x: [ct],
        batch=ELEMENTWISE,
        shard=ELEMENTWISE,
        words=LANES,
    )
)


def _marked(fn: Function, policy: Policy) -> Function:
    """`fn` with every value that the policy approves marked as one to keep."""
    env: dict[Any, Any] = {}
    eqns: list[Eqn] = []
    for eqn in inline(fn).eqns:
        inputs = [env.get(a, a) for a in eqn.inputs]
        params = eqn.params
        if eqn.primitive is scan_p:
            params = {**params, "body": _marked(params["body"], policy)}
        eqns.append(Eqn(eqn.primitive, inputs, eqn.outputs, params, eqn.loc))
        if policy(eqn.primitive, *(a.type for a in inputs), **eqn.params):
            for v in eqn.outputs:
                env[v] = Var(v.type)
                eqns.append(Eqn(kept_p, [v], [env[v]], {}, eqn.loc))
    # `inline` may return another object; its results are the ones that belong to its equations.
    results = [env.get(a, a) for a in inline(fn).results]
    return canonical(Function(fn.name, inline(fn).params, eqns, results))


# --- rules --------------------------------------------------------------------------------------


def _lower(b: Any, eqn: Any, *values: Any) -> list[Any]:
    """The equations in place; behind a barrier where they are computed for the second time."""
    if eqn.params["barrier"] and values:
        types = [a.type for a in eqn.inputs]
        made = b.operation("stablehlo.optimization_barrier", types, values, regions=0)
        values = tuple(made.results)
    return b.inline(eqn.params["fn"], values)


class _Plan(NamedTuple):
    """A remat call split in two.

    Attributes:
        now: known operands -> known results, then the values to keep.
        later: needed operands, kept values, unknown operands -> unknown results.
        needed: which of the known operands `later` takes.
        mask: which results are unknown.
    """

    now: Function
    later: Function
    needed: Mask
    mask: Mask


def _plan(fn: Function, unknown: Mask) -> _Plan:
    key = ("remat_plan", unknown)
    if key in fn.memo:
        return fn.memo[key]
    known, rest, mask = partial_eval(fn, unknown)
    n = len(mask) - sum(mask)
    known, stacked = _stacking(known)
    residuals = known.results[n:]
    again, kept = _recomputation(known, residuals, stacked)
    pruned, keep = prune(again, (True,) * len(residuals))
    n_params = len(known.params)
    needed, used = keep[:n_params], keep[n_params:]  # a stack may serve another result alone
    kept = bodies.chosen(kept, used)
    now = dce(Function(known.name, known.params, known.eqns, [*known.results[:n], *kept]))

    def later(*args: Any) -> list[Any]:
        found = current.interpreter.apply(pruned, args[: len(pruned.params)])
        return current.interpreter.apply(rest, [*found, *args[len(pruned.params) :]])

    types = [*pruned.in_types, *rest.in_types[len(residuals) :]]
    made = build(f"again_{fn.name}", types, later)
    fn.memo[key] = _Plan(now, made, needed, mask)
    return fn.memo[key]


def _stacking(known: Function) -> tuple[Function, dict[int, tuple[list[Var], Eqn]]]:
    """`known` whose scans also give stacks of the values that their steps are to keep.

    Returns:
        The program; for each such scan, by the identity of its equation, the stacks and the
        scan that reads them instead of computing the values again.
    """
    stacked: dict[int, tuple[list[Var], Eqn]] = {}
    eqns = []
    for eqn in known.eqns:
        found = scan_with_kept(eqn, kept_p) if eqn.primitive is scan_p else None
        if found is None:
            eqns.append(eqn)
        else:
            now, stacks, again = found
            eqns.append(now)
            stacked[id(now)] = stacks, again
    if not stacked:
        return known, stacked
    return Function(known.name, known.params, eqns, known.results), stacked


def _recomputation(
    known: Function, residuals: Sequence[Any], stacked: dict[int, tuple[list[Var], Eqn]]
) -> tuple[Function, list[Var]]:
    """Program of the residuals from the operands and the kept values it needs, and these."""
    wanted: set[Any] = {a for a in residuals if type(a) is not Literal}
    eqns: list[Eqn] = []
    kept: list[Var] = []
    for eqn in reversed(known.eqns):
        if wanted.isdisjoint(eqn.outputs):
            continue
        if eqn.primitive is kept_p or has_effects(eqn):  # what has an effect happens once
            kept.extend(v for v in reversed(eqn.outputs) if v in wanted)
            continue
        if id(eqn) in stacked:
            stacks, eqn = stacked[id(eqn)]
            kept.extend(reversed(stacks))
            wanted.update(stacks)
        eqns.append(eqn)
        wanted.update(a for a in eqn.inputs if type(a) is not Literal)
    kept.reverse()
    return Function(known.name, [*known.params, *kept], eqns[::-1], residuals), kept


def _partial(partial: Any, args: Any, params: dict[str, Any]) -> list[Any]:
    unknown = tuple(partial.is_unknown(a) for a in args)
    plan = _plan(params["fn"], unknown)
    ready = chosen(args, [not u for u in unknown])
    outs = bodies.apply_known(partial, plan.now, ready)
    n = len(plan.mask) - sum(plan.mask)
    operands = [*chosen(ready, plan.needed), *outs[n:], *chosen(args, unknown)]
    late = {**params, "fn": plan.later, "barrier": params["prevent_cse"]}
    return merged(plan.mask, partial.unknown.bind(remat_p, tuple(operands), late), outs[:n])


def _transpose(cts: Sequence[Any], *operands: Any, fn: Function, **params: Any) -> list[Any]:
    linear, live = tuple(is_linear(x) for x in operands), is_live(cts)
    made = transpose(bodies.keep_results(fn, live), linear)
    others = [x for x, lin in zip(operands, linear, strict=True) if not lin]
    outs = iter(remat_p.bind(*others, *map(instantiate, chosen(cts, live)), fn=made, **params))
    return [next(outs) if lin else None for lin in linear]


remat_p = call_like("remat_call", lower=_lower, transpose=_transpose, partial=_partial)


# --- what users call ----------------------------------------------------------------------------


def checkpoint(
    fun: Callable[..., Any],
    *,
    prevent_cse: bool = True,
    policy: Policy | None = None,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Iterable[str] = (),
    concrete: bool = False,
) -> Callable[..., Any]:
    """`fun`, computed again in the backward pass instead of keeping its residuals.

    Args:
        fun: function of arrays or trees of arrays.
        prevent_cse: keep the compiler from merging the second computation with the first,
            which would undo the saving. Not needed inside a `scan`.
        policy: which intermediate values to keep all the same; see `checkpoint_policies`. A
            function of a primitive, the types of its operands and its parameters.
        static_argnums: arguments that `fun` takes as they are.
        static_argnames: the same by name.
        concrete: accepted for compatibility; Python control flow may look at values wherever
            they are known.

    Example:
        >>> from ms_func.api.differentiate import grad
        >>> float(grad(checkpoint(lambda x: x * x))(3.0))
        6.0
    """
    check_callable("checkpoint", fun)
    if concrete and config.jax_rules():
        raise NotImplementedError(
            "The `concrete` option to `jax.checkpoint` was deprecated in JAX v0.8.2, and removed "
            "in JAX v0.10.0. In its place please use `static_argnums`"
        )
    name = function_name(fun)
    names = (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)
    by_name = frozenset(_positions(fun, names)) if names else frozenset()

    @wraps(fun)
    def again(*args: Any, **kwargs: Any) -> Any:
        fixed = _static(static_argnums, len(args), name) | by_name
        free = {k: v for k, v in kwargs.items() if k not in names}
        static = {k: v for k, v in kwargs.items() if k in names}
        leaves, in_tree = tree.flatten((others(args, fixed), free))

        def call(tracers: list[Any]) -> Any:
            moving, named = tree.unflatten(in_tree, tracers)
            return user_function(fun)(*completed(args, fixed, moving), **named, **static)

        def paths() -> list[str]:
            moving = [None if i in fixed else a for i, a in enumerate(args)]
            return argument_paths(fun, moving, free)

        leaves = beside_doubles(leaves)
        types = leaf_types(leaves, "checkpoint", name)
        source = Source("checkpoint / remat", fun, paths)
        values = None if config.jax_rules() and config.convert.value is False else leaves
        staged = stage(call, types, name=name, values=values, refs="write", operands=leaves,
                       source=source)  # fmt: skip
        if policy is checkpoint_policies.everything_saveable:
            outs = current.interpreter.apply(staged.fn, [*staged.captured, *operands(leaves)])
            return staged.unflatten(outs)
        fn = staged.fn if policy is None else _marked(staged.fn, policy)
        outs = remat_p.bind(
            *staged.captured, *operands(leaves), fn=fn, barrier=False, prevent_cse=bool(prevent_cse)
        )
        return staged.unflatten(outs)

    return again


def _positions(fun: Callable[..., Any], names: Sequence[str]) -> list[int]:
    """Positions of parameters by name, where they have one."""
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [i for i, p in enumerate(parameters(fun)) if p.kind in by_place and p.name in names]


def _static(static_argnums: Any, count: int, name: str) -> frozenset[int]:
    listed = static_argnums if isinstance(static_argnums, tuple | list) else (static_argnums,)
    if not listed:
        return frozenset()
    if any(not -count <= n < count for n in listed):
        library = "jax." * config.jax_rules()
        raise ArgumentValueError(
            f"the `static_argnums` argument to `{library}checkpoint` / `{library}remat` can only "
            "take integer values greater than or equal to `-len(args)` and less than `len(args)`, "
            f"but got {tuple(listed)}, while `len(args)` = {count} in a call of `{name}`"
        )
    return frozenset(normalize_argnums(tuple(listed), count, f"checkpoint of `{name}`"))


remat = checkpoint


# --- policies -----------------------------------------------------------------------------------


def _is_dot(prim: Primitive) -> bool:
    return prim.name in ("dot_general", "conv_general_dilated")


class checkpoint_policies:
    """Policies for `checkpoint`: which values to keep for the backward pass.

    Each is (or makes) a function of a primitive, the types of its operands and its parameters.

    Example:
        >>> def layer(w, x):
        ...     return np.sin(x @ w).sum()
        >>> dots = ms.checkpoint(layer, policy=ms.checkpoint_policies.dots_saveable)
        >>> kept = ms.ad_checkpoint.saved_residuals(dots, np.ones((2, 2)), np.ones(2))
        >>> sorted(residual.source for residual in kept)
        ['argument w', 'argument x', 'dot_general']
    """

    @staticmethod
    def everything_saveable(prim: Any, *types: Any, **params: Any) -> bool:
        """Keep everything, as if there were no `checkpoint`."""
        return True

    @staticmethod
    def nothing_saveable(prim: Any, *types: Any, **params: Any) -> bool:
        """Keep nothing: the default."""
        return False

    @staticmethod
    def dots_saveable(prim: Any, *types: Any, **params: Any) -> bool:
        """Keep results of matrix products and convolutions."""
        return _is_dot(prim)

    checkpoint_dots = dots_saveable

    @staticmethod
    def dots_with_no_batch_dims_saveable(prim: Any, *types: Any, **params: Any) -> bool:
        """Keep results of matrix products without batch dimensions, as of weights and inputs."""
        if prim.name != "dot_general":
            return False
        (_, _), (lhs_batch, rhs_batch) = params["dimension_numbers"]
        return not lhs_batch and not rhs_batch

    checkpoint_dots_with_no_batch_dims = dots_with_no_batch_dims_saveable

    @staticmethod
    def offload_dot_with_no_batch_dims(offload_src: str, offload_dst: str) -> Policy:
        """As `dots_with_no_batch_dims_saveable`; the values stay in the memory of the device.

        Moving them elsewhere would change where they lie, not what they are.
        """
        return checkpoint_policies.dots_with_no_batch_dims_saveable

    @staticmethod
    def save_and_offload_only_these_names(
        *,
        names_which_can_be_saved: Sequence[str],
        names_which_can_be_offloaded: Sequence[str],
        offload_src: str,
        offload_dst: str,
    ) -> Policy:
        """Keep values named by `checkpoint_name`; those to be offloaded stay on the device too.

        Args:
            names_which_can_be_saved: names of values to keep.
            names_which_can_be_offloaded: names of values that are kept as well.
            offload_src: accepted for compatibility.
            offload_dst: accepted for compatibility.

        Returns:
            A policy.

        Raises:
            ValueError: a name is to be saved and offloaded.
        """
        both = {*names_which_can_be_saved} & {*names_which_can_be_offloaded}
        if both:
            raise ArgumentValueError(
                "The names should be exclusive and should not intersect in "
                f"`names_which_can_be_saved` and `names_which_can_be_offloaded`, got {both} in both"
            )
        return checkpoint_policies.save_only_these_names(
            *names_which_can_be_saved, *names_which_can_be_offloaded
        )

    @staticmethod
    def save_only_these_names(*names_which_can_be_saved: str) -> Policy:
        """Keep values named by `checkpoint_name` with one of these names.

        Args:
            *names_which_can_be_saved: the names.

        Returns:
            A policy.

        Example:
            >>> from ms_func.ad_checkpoint import checkpoint_name, saved_residuals
            >>> inner = ms.checkpoint_policies.save_only_these_names("inner")
            >>> f = ms.checkpoint(lambda x: np.sin(checkpoint_name(2 * x, "inner")), policy=inner)
            >>> [residual.source for residual in saved_residuals(f, 1.0)]
            ["named 'inner'"]
        """
        names = frozenset(names_which_can_be_saved)
        return lambda prim, *types, **params: prim is name_p and params["name"] in names

    @staticmethod
    def save_any_names_but_these(*names_not_to_save: str) -> Policy:
        """Keep values named by `checkpoint_name` with a name that is none of these.

        Args:
            *names_not_to_save: the names.

        Returns:
            A policy.
        """
        names = frozenset(names_not_to_save)
        return lambda prim, *types, **params: prim is name_p and params["name"] not in names

    @staticmethod
    def save_anything_except_these_names(*names_not_to_save: str) -> Policy:
        """Keep everything but values named by `checkpoint_name` with one of these names.

        Args:
            *names_not_to_save: the names.

        Returns:
            A policy.
        """
        names = frozenset(names_not_to_save)
        return lambda prim, *types, **params: not (prim is name_p and params["name"] in names)

    @staticmethod
    def save_from_both_policies(policy_1: Policy, policy_2: Policy) -> Policy:
        """Keep what either of two policies keeps.

        Args:
            policy_1: a policy.
            policy_2: another.

        Returns:
            A policy.
        """
        return lambda prim, *types, **params: (
            policy_1(prim, *types, **params) or policy_2(prim, *types, **params)
        )
