"""`shard_map`: a function runs on every device of a mesh, on the piece that lies there.

The primitive holds the program of one device. Its operands and results are whole arrays, with a
layout each; inside of the program collectives communicate along the axes of the mesh.
Transforms transform the program of one device and extend the list of layouts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ms_func.control_flow.bodies import chosen, cost_of, keep_results, merged
from ms_func.errors import ShardingError, UnsupportedError
from ms_func.ir.axes import BATCH_AXIS, Axes, names_of, renamed
from ms_func.ir.effects import calls_host
from ms_func.ir.evaluate import evaluate
from ms_func.ir.explicit import typed
from ms_func.ir.function import Eqn, Function, Var
from ms_func.ir.primitive import (
    BY_FUNCTIONS,
    Cost,
    NotSupported,
    Primitive,
    current,
    register,
)
from ms_func.ir.sharding import NamedSharding, PartitionSpec
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering.context import parsed
from ms_func.lowering.emit import TOKEN
from ms_func.lowering.shardings import manual_text
from ms_func.primitives.arithmetic import div
from ms_func.primitives.collective import group_attributes, psum_p, pvary_p
from ms_func.primitives.families import is_linear, literal
from ms_func.primitives.shape import reshape
from ms_func.primitives.sharding import LAYOUTS
from ms_func.tracing.tracer import build
from ms_func.transforms import discharge
from ms_func.transforms.batch import batch
from ms_func.transforms.jvp import jvp
from ms_func.transforms.partial_eval import evaluate as walk
from ms_func.transforms.partial_eval import partial_eval
from ms_func.transforms.passes import prune, with_functions
from ms_func.transforms.transpose import transpose
from ms_func.transforms.zeros import is_live, nonzeros, with_zeros

Specs = tuple[PartitionSpec, ...]
Mask = tuple[bool, ...]

# --- shapes -----------------------------------------------------------------------------------


def piece_type(t: ArrayType, mesh: Any, spec: PartitionSpec, check: bool) -> ArrayType:
    """Type of the piece of an array that one device holds; it may differ along the spec's axes."""
    piece = t.update(shape=NamedSharding(mesh, spec).shard_shape(t.shape))
    return piece.varying(t.vma.union(spec.axes())) if check else piece


def whole_type(t: ArrayType, mesh: Any, spec: PartitionSpec, manual: tuple[Any, ...]) -> ArrayType:
    """Type of the array whose pieces have type `t`."""
    axes = NamedSharding(mesh, spec).dim_axes(t.ndim)
    sizes = mesh.shape
    shape = [n * math.prod(sizes[a] for a in names) for n, names in zip(t.shape, axes, strict=True)]
    whole = t.update(shape=tuple(shape)).varying(t.vma.difference(manual))
    return whole if whole.vma else typed(whole, NamedSharding(mesh, spec))


def _abstract(
    *types: ArrayType,
    fn: Function,
    mesh: Any,
    in_specs: Specs,
    out_specs: Specs,
    manual: tuple[Any, ...],
    check: bool,
    **lanes: Any,
) -> list[ArrayType]:
    for t, spec, v in zip(types, in_specs, fn.params, strict=True):
        piece = piece_type(t, mesh, spec, check)
        same = piece.shape == v.type.shape and piece.dtype == v.type.dtype
        if not same or (check and piece.vma != v.type.vma):
            raise ShardingError(f"shard_map of {t} by {spec} gives {piece}, not {v.type}")
    return [
        whole_type(t, mesh, spec, manual) for t, spec in zip(fn.out_types, out_specs, strict=True)
    ]


def unmentioned(manual: Sequence[Any], spec: PartitionSpec) -> tuple[Any, ...]:
    """Manual axes along which a layout has copies."""
    used = spec.axes()
    return tuple(a for a in manual if a not in used)


# --- meaning ----------------------------------------------------------------------------------


def _ref(
    *arrays: Any,
    fn: Function,
    mesh: Any,
    in_specs: Specs,
    out_specs: Specs,
    manual: tuple[Any, ...],
    **params: Any,
) -> list[Any]:
    """All devices as lanes of nested batches, one for each manual axis."""
    sizes = [mesh.shape[a] for a in manual]
    stacks = [_pieces(x, mesh, spec, manual) for x, spec in zip(arrays, in_specs, strict=True)]
    made = _unmarked(fn)
    for axis, size in zip(reversed(manual), reversed(sizes), strict=True):
        made = renamed(made, {axis: BATCH_AXIS})
        made, _ = batch(made, size, (0,) * len(made.params), (0,) * len(made.results))
    found = evaluate(made, *stacks)
    return [
        _together(x, mesh, spec, manual, sizes) for x, spec in zip(found, out_specs, strict=True)
    ]


def _unmarked(fn: Function) -> Function:
    """`fn` without account of what differs between devices: nothing differs between lanes."""
    if "unmarked" not in fn.memo:
        env: dict[Any, Any] = {v: Var(v.type.varying(frozenset())) for v in fn.params}
        eqns = []
        for e in fn.eqns:
            inputs = [env.get(a, a) for a in e.inputs]
            if e.primitive is pvary_p:
                env[e.outputs[0]] = inputs[0]
                continue
            outputs = [Var(v.type.varying(frozenset())) for v in e.outputs]
            env.update(zip(e.outputs, outputs, strict=True))
            params = {**with_functions(e.params, _unmarked)}
            if "checked" in params:  # of `axis_index`
                params["checked"] = False
            eqns.append(Eqn(e.primitive, inputs, outputs, params, e.loc))
        params = [env[v] for v in fn.params]
        results = [env.get(a, a) for a in fn.results]
        fn.memo["unmarked"] = Function(fn.name, params, eqns, results, fn.consts)
    return fn.memo["unmarked"]


def _pieces(x: np.ndarray, mesh: Any, spec: PartitionSpec, manual: Sequence[Any]) -> np.ndarray:
    """Piece of each device, stacked along one leading dimension per manual axis."""
    sharding = NamedSharding(mesh, spec)
    shape = sharding.shard_shape(x.shape)
    sizes = tuple(mesh.shape[a] for a in manual)
    out = np.empty((*sizes, *shape), x.dtype)
    for at in np.ndindex(*sizes):
        where = dict(zip(manual, at, strict=True))
        out[at] = x[_window(sharding, shape, where)]
    return out


def _together(
    x: np.ndarray, mesh: Any, spec: PartitionSpec, manual: Sequence[Any], sizes: Sequence[int]
) -> np.ndarray:
    sharding = NamedSharding(mesh, spec)
    shape = x.shape[len(sizes) :]
    axes = sharding.dim_axes(len(shape))
    whole = [
        n * math.prod(mesh.shape[a] for a in names) for n, names in zip(shape, axes, strict=True)
    ]
    out = np.empty(tuple(whole), x.dtype)
    for at in np.ndindex(*sizes):
        where = dict(zip(manual, at, strict=True))
        out[_window(sharding, shape, where)] = x[at]
    return out


def _window(
    sharding: NamedSharding, shape: Sequence[int], where: dict[Any, int]
) -> tuple[slice, ...]:
    """Part of the whole array that lies at a place of the mesh."""
    found = []
    for size, names in zip(shape, sharding.dim_axes(len(shape)), strict=True):
        tile = 0
        for a in names:
            tile = tile * sharding.mesh.shape[a] + where[a]
        found.append(slice(tile * size, (tile + 1) * size))
    return tuple(found)


def _lower(b: Any, eqn: Any, *values: Any) -> list[Any]:
    p = eqn.params
    fn, mesh, manual = p["fn"], p["mesh"], p["manual"]
    types = [v.type for v in eqn.outputs]
    with b.lowerer.manual_region(mesh, manual, eqn.loc):
        if b.lowerer.num_partitions == 1:
            return b.inline(fn, values)
        attributes = _boundary(b, eqn, types)
        region = "sdy.manual_computation", "sdy.return"
        if not calls_host(fn):
            return b.nested(
                *region, types, values, attributes, fn.in_types, lambda b, *xs: b.inline(fn, xs)
            )
        # The state of the host goes in and out; each device calls Python for itself.
        *outs, b.token = b.nested(
            *region, [*types, TOKEN], [*values, b.token], attributes, [*fn.in_types, TOKEN],
            lambda b, *xs: _calling(b, fn, manual, *xs),
        )  # fmt: skip
        return outs


def _boundary(b: Any, eqn: Any, types: Sequence[ArrayType]) -> dict[str, Any]:
    """Attributes of the region: the layouts of what goes in and out, and its axes."""
    p, fn, mesh = eqn.params, eqn.params["fn"], eqn.params["mesh"]
    token = [TOKEN] if calls_host(fn) else []
    partial = len(b.lowerer.manual.axes) < len(mesh.axis_names)
    if partial and token:
        raise UnsupportedError(
            "Python cannot be called where some axes of the mesh are manual and others are "
            "not: it would be called once for each device along the others as well\n"
            "fix: call it outside of shard_map, or make all axes manual",
            eqn.loc,
        )
    whole = [(NamedSharding(mesh, PartitionSpec()), 0) for _ in token]
    ins, outs = (
        [*((NamedSharding(mesh, s), t.ndim) for s, t in zip(specs, side, strict=True)), *whole]
        for specs, side in ((p["in_specs"], fn.in_types), (p["out_specs"], types))
    )
    texts = manual_text(b.lowerer.mesh_symbol(mesh), p["manual"], ins, outs, partial)
    return {name: parsed(text) for name, text in texts.items()}


def _calling(b: Any, fn: Function, manual: Any, *values: Any) -> list[Any]:
    """Results of a program that calls Python, and the state of the host after all devices."""
    *args, b.token = values
    outs = b.inline(fn, args)
    every = group_attributes(b, Axes(manual), None)
    made = b.operation("stablehlo.all_reduce", [TOKEN], [b.token], every)
    b.reducer(made, "stablehlo.maximum", TOKEN.dtype)
    return [*outs, made.results[0]]


def _cost(
    ins: Sequence[ArrayType], outs: Sequence[ArrayType], *, fn: Function, mesh: Any, **params: Any
) -> Cost:
    """That of all devices together."""
    return Cost(*(mesh.size * c for c in cost_of(fn)))


# --- derivatives ----------------------------------------------------------------------------------


def bind_shard_map(
    operands: Sequence[Any],
    fn: Function,
    mesh: Any,
    in_specs: Specs,
    out_specs: Specs,
    manual: tuple[Any, ...],
    check: bool,
    **lanes: Any,
) -> list[Any]:
    """Record or run a region; see `shard_map`."""
    fn = leveled(fn, out_specs, manual) if check else fn
    return shard_map_p.bind(
        *operands,
        fn=fn,
        mesh=mesh,
        in_specs=in_specs,
        out_specs=out_specs,
        manual=manual,
        check=check,
        **lanes,
    )


def leveled(fn: Function, out_specs: Specs, manual: tuple[Any, ...]) -> Function:
    """`fn` whose results count as differing along exactly the manual axes of their layouts."""
    missing = [
        Axes(a for a in manual if a in spec.axes() and a not in t.vma)
        for spec, t in zip(out_specs, fn.out_types, strict=True)
    ]
    if not any(missing):
        return fn
    key = ("leveled", *missing)
    if key not in fn.memo:

        def body(*args: Any) -> list[Any]:
            found = current.interpreter.apply(fn, args)
            return [
                pvary_p.bind(x, axes=axes) if axes else x
                for x, axes in zip(found, missing, strict=True)
            ]

        fn.memo[key] = build(fn.name, fn.in_types, body)
    return fn.memo[key]


def _jvp(
    primals: Sequence[Any],
    tangents: Sequence[Any],
    *,
    fn: Function,
    in_specs: Specs,
    out_specs: Specs,
    **params: Any,
) -> Any:
    mask = is_live(tangents)
    made, nonzero = jvp(fn, mask)
    found = bind_shard_map(
        [*primals, *nonzeros(tangents)],
        made,
        in_specs=(*in_specs, *chosen(in_specs, mask)),
        out_specs=(*out_specs, *chosen(out_specs, nonzero)),
        **params,
    )
    n = len(fn.results)
    return found[:n], with_zeros(nonzero, found[n:], [typeof(x) for x in found[:n]])


def _partial(split: Any, args: Any, params: dict[str, Any]) -> list[Any]:
    """Known part now, the rest later; a residual that differs between devices is stacked."""
    unknown = tuple(split.is_unknown(a) for a in args)
    ready = chosen(args, [not u for u in unknown])
    in_specs, out_specs, manual, check = (
        params[k] for k in ("in_specs", "out_specs", "manual", "check")
    )
    halves = _halves(params["fn"], unknown, manual, check)
    ready_ins = chosen(in_specs, [not u for u in unknown])
    ready_outs = (*chosen(out_specs, [not m for m in halves.mask]), *halves.stacks)
    known = leveled(halves.known, ready_outs, manual) if check else halves.known
    found = split.bind_known(
        shard_map_p,
        tuple(ready),
        {**params, "fn": known, "in_specs": tuple(ready_ins), "out_specs": ready_outs},
    )
    n = len(found) - len(halves.stacks)
    residuals = iter(zip(found[n:], halves.stacks, strict=True))
    passed = [next(residuals) if k is None else (ready[k], ready_ins[k]) for k in halves.kept]
    late_outs = tuple(chosen(out_specs, halves.mask))
    rest = leveled(halves.rest, late_outs, manual) if check else halves.rest
    late = split.unknown.bind(
        shard_map_p,
        (*(x for x, _ in passed), *chosen(args, unknown)),
        {
            **params,
            "fn": rest,
            "in_specs": (*(s for _, s in passed), *chosen(in_specs, unknown)),
            "out_specs": late_outs,
        },
    )
    return merged(halves.mask, late, found[:n])


class _Halves(NamedTuple):
    """A region in two.

    Attributes:
        known: known operands -> known results, then residuals that are no operands.
        rest: residuals, then unknown operands -> unknown results.
        mask: which results are unknown.
        kept: for each residual the known operand it is, or None.
        stacks: layout of each of the other residuals.
    """

    known: Function
    rest: Function
    mask: Mask
    kept: tuple[int | None, ...]
    stacks: Specs


def _halves(fn: Function, unknown: Mask, manual: tuple[Any, ...], check: bool) -> _Halves:
    """Known and waiting program.

    Residuals get a leading dimension of size 1 on the way, along which those of the devices that
    hold different ones are stacked.
    """
    key = ("halves", unknown, manual, check)
    if key in fn.memo:
        return fn.memo[key]
    known, rest, mask = partial_eval(fn, unknown)
    n = len(mask) - sum(mask)
    place = {v: i for i, v in enumerate(known.params)}
    kept = tuple(place.get(a) for a in known.results[n:])  # type: ignore[arg-type]

    def first(*args: Any) -> list[Any]:
        found = current.interpreter.apply(known, args)
        own = [x for x, k in zip(found[n:], kept, strict=True) if k is None]
        return [*found[:n], *(reshape(x, (1, *typeof(x).shape)) for x in own)]

    def second(*args: Any) -> list[Any]:
        given = [
            x if k is not None else reshape(x, typeof(x).shape[1:])
            for x, k in zip(args, kept, strict=False)
        ]
        return current.interpreter.apply(rest, [*given, *args[len(kept) :]])

    own = [v.type for v, k in zip(rest.params, kept, strict=False) if k is None]
    stacks = tuple(PartitionSpec(tuple(a for a in manual if a in t.vma or not check)) for t in own)
    types = [
        v.type if k is not None else v.type.update(shape=(1, *v.type.shape))
        for v, k in zip(rest.params, kept, strict=False)
    ]
    fn.memo[key] = _Halves(
        build(known.name, known.in_types, first),
        build(rest.name, [*types, *rest.in_types[len(kept) :]], second),
        mask,
        kept,
        stacks,
    )
    return fn.memo[key]


def _transpose(
    cts: Sequence[Any],
    *operands: Any,
    fn: Function,
    in_specs: Specs,
    out_specs: Specs,
    **params: Any,
) -> list[Any]:
    linear = tuple(is_linear(x) for x in operands)
    live = is_live(cts)
    others = [x for x, lin in zip(operands, linear, strict=True) if not lin]
    ct_ins, ct_outs = tuple(chosen(out_specs, live)), tuple(chosen(in_specs, linear))
    kept = keep_results(fn, live)
    if params["check"]:  # then the types say how often a value counts
        made = transpose(kept, linear)
    else:
        made = _backwards(kept, linear, params["mesh"], ct_ins, ct_outs, params["manual"])
    found = iter(
        bind_shard_map(
            [*others, *chosen(cts, live)],
            made,
            in_specs=(*chosen(in_specs, [not lin for lin in linear]), *ct_ins),
            out_specs=ct_outs,
            **params,
        )
    )
    return [next(found) if lin else None for lin in linear]


def _backwards(
    fn: Function, linear: Mask, mesh: Any, ct_ins: Specs, ct_outs: Specs, manual: tuple[Any, ...]
) -> Function:
    """Program of one device from cotangents of results to those of operands.

    What has copies along an axis counts once: each device gets an equal share of the cotangent of
    a result, and the cotangent of an operand is the sum over its copies.
    """
    key = ("backwards", linear, mesh, ct_ins, ct_outs, manual)
    if key in fn.memo:
        return fn.memo[key]
    made = transpose(fn, linear)
    n = len(made.params) - len(ct_ins)

    def body(*args: Any) -> list[Any]:
        shares = []
        for ct, spec in zip(args[n:], ct_ins, strict=True):
            count = math.prod(mesh.shape[a] for a in unmentioned(manual, spec))
            shares.append(ct if count == 1 else div(ct, literal(count, ct)))
        found = current.interpreter.apply(made, [*args[:n], *shares])
        summed = []
        for ct, spec in zip(found, ct_outs, strict=True):
            axes = Axes(unmentioned(manual, spec))
            summed.append(psum_p.bind(ct, axes=axes, groups=None) if axes else ct)
        return summed

    fn.memo[key] = build(made.name, made.in_types, body)
    return fn.memo[key]


# --- batching and pruning -----------------------------------------------------------------------


def _batch(
    size: int,
    args: Any,
    dims: Any,
    *,
    fn: Function,
    in_specs: Specs,
    out_specs: Specs,
    lanes: Any = None,
    **params: Any,
) -> Any:
    """The lanes are one more dimension of pieces, which lies along `lanes` if they are given."""
    split = 1 if lanes is None else math.prod(params["mesh"].shape[a] for a in lanes)
    if split > 1 and BATCH_AXIS in names_of(fn):
        raise UnsupportedError(
            "a collective inside shard_map over the lanes of a vmap whose spmd_axis_name splits "
            "these lanes between devices\nfix: leave spmd_axis_name out"
        )
    made, found = batch(fn, size // split, tuple(dims), ("any",) * len(fn.results))
    if params["check"] and lanes:
        made = _split_lanes(made, dims, frozenset(lanes))
    bound = bind_shard_map(
        args,
        made,
        in_specs=tuple(_with_lanes(s, d, lanes) for s, d in zip(in_specs, dims, strict=True)),
        out_specs=tuple(_with_lanes(s, d, lanes) for s, d in zip(out_specs, found, strict=True)),
        **params,
    )
    return bound, list(found)


def _split_lanes(fn: Function, dims: Any, lanes: frozenset[Any]) -> Function:
    """`fn` for lanes that lie on different devices: what has them differs along these axes."""
    types = [
        t if d is None else t.varying(t.vma | lanes) for t, d in zip(fn.in_types, dims, strict=True)
    ]
    return build(fn.name, types, lambda *args: walk(fn, args))


def _with_lanes(spec: PartitionSpec, dim: int | None, lanes: Any) -> PartitionSpec:
    if dim is None:
        return spec
    if lanes and set(lanes).intersection(spec.axes()):
        raise ShardingError(
            f"vmap spmd_axis_name cannot appear in shard_map in_specs or out_specs: {lanes} is in "
            f"{spec}"
        )
    entries = [*spec, *((None,) * (dim - len(spec)))]
    return PartitionSpec(*entries[:dim], lanes, *entries[dim:])


def _prune(used: Mask, *, fn: Function, in_specs: Specs, out_specs: Specs, **params: Any) -> Any:
    made, operands = prune(fn, used)
    changed = {
        "fn": made,
        "in_specs": tuple(chosen(in_specs, operands)),
        "out_specs": tuple(chosen(out_specs, used)),
    }
    return operands, used, {**params, **changed}


def _refs(uses: discharge.Uses) -> tuple[list[Any], dict[int, Any]]:
    """What references hold at the end lies as they were cut."""
    params = uses.params
    made, written = discharge.discharged(params["fn"])
    outs = (*params["out_specs"], *[params["in_specs"][i] for i in written])
    found = shard_map_p.bind(*uses.operands, **{**params, "fn": made, "out_specs": outs})
    n = len(params["out_specs"])
    return found[:n], dict(zip(written, found[n:], strict=True))


shard_map_p = register(
    Primitive(
        "shard_map",
        abstract=_abstract,
        ref=_ref,
        lower=_lower,
        jvp=_jvp,
        transpose=_transpose,
        batch=_batch,
        shard=NotSupported("the user has already said how the work is split"),
        cost=_cost,
        partial=_partial,
        prune=_prune,
        varying=BY_FUNCTIONS,
        refs=_refs,
        binds=lambda *, manual, **params: manual,
        multiple_results=True,
    )
)
LAYOUTS.add(shard_map_p)
