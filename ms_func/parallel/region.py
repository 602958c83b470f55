"""`shard_region`: marks a part of a program to be split over a mesh.

It is a call that every transform goes through. It does not plan: the planner looks at the
whole program when that is compiled, gradients and optimizer included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func.control_flow.call import call_like
from ms_func.control_flow.checkpoint import remat_p
from ms_func.control_flow.identities import optimization_barrier_p
from ms_func.errors import ShardingError
from ms_func.execution.buffers import default_backend
from ms_func.ir.function import Eqn, Function, Var
from ms_func.ir.mesh import AbstractMesh
from ms_func.ir.sharding import NamedSharding
from ms_func.ir.text import register_param_type
from ms_func.lowering.lower import alias_pairs
from ms_func.parallel.plan import Options, Plan, plan_mesh
from ms_func.parallel.unfold import LAID_OPEN
from ms_func.transforms.passes import inline, simplify, with_functions


def _lower(b: Any, eqn: Eqn, *values: Any) -> Sequence[Any]:
    """What is left of regions after planning: those in the bodies of loops, spliced in."""
    return b.inline(eqn.params["fn"], values)


def _program(fn: Function, donate: tuple[int, ...], ins: Any, outs: Any) -> Any:
    """The whole program planned and partitioned."""
    plan = plan_of(fn, donate, ins, outs)
    return plan.program, plan.in_shardings, plan.out_shardings


shard_region_p = call_like("shard_region", lower=_lower, program=_program)


def plan_of(fn: Function, donate: tuple[int, ...] = (), ins: Any = None, outs: Any = None) -> Plan:
    """Plan of a program that contains regions, remembered with it.

    Args:
        fn: the program.
        donate: positions of parameters whose memory results take over: their layouts are tied.
        ins: `NamedSharding` per parameter or None, where the user fixed them; outs: per result.

    Raises:
        ShardingError: two regions are over different meshes, or no plan fits what was asked.
    """
    platform = default_backend().platform
    key = ("plan", donate, ins, outs, platform)
    found = fn.memo.get(key)
    if found is None:
        flat, mesh, options = flattened(fn)
        flat = simplify(flat)
        found = fn.memo[key] = plan_mesh(
            flat,
            mesh,
            options,
            len(default_backend().devices()) if not isinstance(mesh, AbstractMesh) else mesh.size,
            platform,
            ties=tuple(alias_pairs(flat, donate).items()),
            pins_in=_pins(ins),
            pins_out=_pins(outs),
        )
    return found


def _pins(shardings: Any) -> dict[int, Any]:
    return {i: s.spec for i, s in enumerate(shardings or ()) if isinstance(s, NamedSharding)}


def flattened(fn: Function) -> tuple[Function, Any, Options]:
    """A program without calls and regions, and the mesh and options of its regions."""
    regions: list[Eqn] = []
    meshes: list[Eqn] = []

    def callee(eqn: Eqn) -> Function | None:
        if eqn.primitive is remat_p:
            return _recomputed(eqn)
        if eqn.primitive is not shard_region_p:
            return eqn.body()
        if eqn.params["mesh"] is not None:  # else that of the others
            meshes.append(eqn)
            _check_same(meshes[0], eqn)
        regions.append(eqn)
        return eqn.params["fn"]

    def flat(fn: Function) -> Function:
        fn = inline(fn, callee)
        eqns = [
            Eqn(e.primitive, e.inputs, e.outputs, with_functions(e.params, flat), e.loc)
            if e.primitive.name in LAID_OPEN
            else e
            for e in fn.eqns
        ]
        return Function(fn.name, fn.params, eqns, fn.results, fn.consts)

    return flat(fn), meshes[0].params["mesh"] if meshes else None, regions[0].params["options"]


def _recomputed(eqn: Eqn) -> Function:
    """Function of a checkpoint; what is computed for the second time stays behind a barrier."""
    fn: Function = eqn.params["fn"]
    if not eqn.params["barrier"]:
        return fn
    if "behind_barrier" not in fn.memo:
        params = [Var(v.type) for v in fn.params]
        walls = [
            Eqn(optimization_barrier_p, [p], [v], {}, eqn.loc)
            for p, v in zip(params, fn.params, strict=True)
        ]
        fn.memo["behind_barrier"] = Function(fn.name, params, [*walls, *fn.eqns], fn.results)
    return fn.memo["behind_barrier"]


def _check_same(first: Eqn, other: Eqn) -> None:
    if first.params["mesh"] != other.params["mesh"]:
        raise ShardingError(
            f"two parts of one program are split over different meshes: {first.params['mesh']}"
            + (f" at {first.loc}" if first.loc else "")
            + f" and {other.params['mesh']}\nfix: use one mesh for both",
            other.loc,
        )


def region(fn: Function, args: Sequence[Any], name: str, mesh: Any, options: Options) -> list[Any]:
    """Apply `fn` to flat operands as one equation, to be split over `mesh`."""
    return shard_region_p.bind(*args, fn=fn, name=name, mesh=mesh, options=options)


register_param_type(Options)
