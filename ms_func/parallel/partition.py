"""A plan written into the program: explicit constraints wherever a layout is decided.

XLA's partitioner keeps to what is stated and guesses the rest; stated are the result of
every equation with a choice, what such equations read, and every step of every change of
layout, so that it compiles to the collectives that were priced. Inside a chain of
elementwise operations there is nothing to guess.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ms_func.control_flow.shard_map import piece_type, shard_map_p
from ms_func.ir.axes import Axis, bound
from ms_func.ir.function import Atom, Eqn, Function, Literal, Var
from ms_func.ir.mesh import AbstractMesh
from ms_func.ir.notation import Cut, Rule
from ms_func.ir.primitive import MADE
from ms_func.ir.sharding import NamedSharding, PartitionSpec
from ms_func.parallel.graph import led
from ms_func.parallel.splits import Spec, Split
from ms_func.parallel.unfold import LAID_OPEN, places
from ms_func.primitives.basis import broadcast_in_dim_p
from ms_func.primitives.sharding import sharding_constraint_p
from ms_func.tracing.tracer import build


def emit(plan: Any) -> Function:
    """The planned program with its layouts as `sharding_constraint` equations."""
    return _Emitter(plan).run()


class _Emitter:
    """Copies the equations of a program and adds constraints.

    Attributes:
        number: number of each equation.
        eqns: new equations of the function being written.
        boundary: values that equations with a choice, and bodies, read.
        env: what stands for a value of the old program, in the layout of its node.
        moved: what stands for a value in another layout.
    """

    def __init__(self, plan: Any) -> None:
        self.plan, self.graph = plan, plan.graph
        self.choices = plan.solution.choices
        self.number = {id(e): i for i, e in enumerate(self.graph.eqns)}
        self.eqns: list[Eqn] = []
        self.boundary = {
            a
            for i in (*self.graph.eqn_node, *self.graph.sheet.opened)
            for a in self.graph.eqns[i].inputs
            if type(a) is Var
        }
        self.env: dict[Atom, Atom] = {}
        self.moved: dict[tuple[Atom, Spec], Atom] = {}

    def run(self) -> Function:
        """The new program."""
        fn = self.graph.fn
        self._equations(fn)
        results = [self._result(j, a) for j, a in enumerate(fn.results)]
        return Function(fn.name, fn.params, self.eqns, results, fn.consts)

    def _equations(self, fn: Function) -> None:
        for eqn in fn.eqns:
            i = self.number[id(eqn)]
            if i in self.graph.eqn_node:
                self._equation(i, eqn)
            elif i in self.graph.sheet.opened:
                self._opened(eqn)
            elif eqn.primitive is sharding_constraint_p:
                self._constraint(eqn)
            else:
                self._elementwise(eqn)

    # --- loops and branches -------------------------------------------------------------------

    def _opened(self, eqn: Eqn) -> None:
        """A loop or branch: operands and results get the layouts they have in its bodies."""
        wanted: dict[int, Spec] = {}
        zeros: set[int] = set()
        bodies = []
        for body, operands, plain in places(eqn):
            for k, (v, n) in enumerate(zip(body.params, operands, strict=True)):
                spec = self.spec(v)
                wanted.setdefault(n, spec if k < plain else led(spec))
                if v in self.graph.sheet.zeros:
                    zeros.add(n)
            bodies.append(body)
        inputs = [self._operand(a, wanted.get(k), k in zeros) for k, a in enumerate(eqn.inputs)]
        ends = self._result_specs(eqn)
        made = [self._body(eqn, body, ends) for body in bodies]
        outputs = [Var(v.type) for v in eqn.outputs]
        self.eqns.append(Eqn(eqn.primitive, inputs, outputs, _with_bodies(eqn, made), eqn.loc))
        for old, new, (outer, _) in zip(eqn.outputs, outputs, ends, strict=True):
            self._settle(old, new, outer, eqn)

    def _operand(self, a: Atom, want: Spec | None, is_zero: bool) -> Atom:
        """An operand of a loop in the layout it has inside; zeros are made where they are."""
        if want is None or (type(a) is Literal and not want.partial):
            return self.env.get(a, a)
        if not is_zero:
            return self._read(a, want, False)
        zero, made = Literal(a.type.dtype.type(0), a.type.update(shape=())), Var(a.type)
        params = {"shape": a.type.shape, "broadcast_dimensions": ()}
        self.eqns.append(Eqn(broadcast_in_dim_p, [zero], [made], params, None))
        return self._constrain(made, [want], None)

    def _result_specs(self, eqn: Eqn) -> list[tuple[Spec, Spec]]:
        """Layout of each result outside, and of the value inside that it comes from."""
        name, params, found = eqn.primitive.name, eqn.params, []
        for k, v in enumerate(eqn.outputs):
            if name == "cond":
                found.append((self.spec(v),) * 2)
            elif name == "scan" and k >= params["num_carry"]:
                inner = params["body"].results[k]
                spec = self.spec(inner) if type(inner) is Var else Spec(((),) * inner.type.ndim)
                found.append((led(spec), spec))
            else:
                first = params["num_consts"] if name == "scan" else params["num_body"]
                found.append((self.spec(params["body"].params[first + k]),) * 2)
        return found

    def _body(self, eqn: Eqn, body: Function, ends: Sequence[tuple[Spec, Spec]]) -> Function:
        """A body with constraints, its parameters and results in the layouts of their nodes."""
        outer, self.eqns = self.eqns, []
        for v in body.params:
            if v.type.shape or self.spec(v).partial:
                self.env[v] = self._constrain(v, [self.spec(v)], None)
        self._equations(body)
        results = []
        test = eqn.primitive.name == "while" and body is eqn.params["cond"]
        for k, a in enumerate(body.results):
            if type(a) is Literal or test:
                results.append(self.env.get(a, a))
                continue
            want = ends[k][1]
            found = self._move(a, self.env.get(a, a), self.spec(a), want)
            stated = a.type.shape or want.partial
            results.append(self._constrain(found, [want], None) if stated else found)
        made, self.eqns = Function(body.name, body.params, self.eqns, results, body.consts), outer
        return made

    # --- equations ----------------------------------------------------------------------------

    def chosen(self, node: int) -> Any:
        """Choice taken at a node."""
        return self.graph.nodes[node].choices[self.choices[node]]

    def spec(self, v: Atom) -> Spec:
        """Layout of a value."""
        return self.chosen(self.graph.value_node[v])

    def _equation(self, i: int, eqn: Eqn) -> None:
        split = self.chosen(self.graph.eqn_node[i])
        copied = i not in self.graph.open_eqns
        inputs = [
            a if type(a) is Literal else self._read(a, split.ins[k], copied)
            for k, a in enumerate(eqn.inputs)
        ]
        outputs = [Var(v.type) for v in eqn.outputs]
        made = Eqn(eqn.primitive, inputs, outputs, eqn.params, eqn.loc)
        self.eqns.append(by_device(made, self.graph.rules[i], split, self.plan.mesh) or made)
        for old, new, raw in zip(eqn.outputs, outputs, split.outs, strict=True):
            self._settle(old, new, raw, eqn)

    def _settle(self, old: Atom, v: Atom, raw: Spec, eqn: Eqn) -> None:
        """The result of an equation brought to the layout of its value.

        Layouts on the way are kept for readers that want them.
        """
        for spec in self._stages(old, raw, eqn):
            v = self.moved[old, spec] = self._constrain(v, [spec], eqn)
        self.env[old] = v

    def _stages(self, v: Atom, raw: Spec, eqn: Eqn) -> list[Spec]:
        """Layouts to state for a result that comes out in layout `raw`."""
        want, sums = self.spec(v), eqn.primitive.sums
        steps = [s.to for s in self._path(v, raw, want)]
        if not raw.partial:
            return [raw, *steps]
        if steps and _finishes(raw, steps[0]) and sums is MADE:
            return steps
        if sums is not None or eqn.primitive.name in LAID_OPEN:
            return [raw, *steps]
        closed = Spec(raw.dims)  # the partitioner adds up at once
        return [closed, *(s.to for s in self._path(v, closed, want))]

    def _read(self, v: Atom, want: Spec, copied: bool = True) -> Atom:
        """A value in the layout that an equation reads it in, by way of its shared copy."""
        here = self.spec(v)
        node = self.graph.read_node.get(v) if copied else None
        if node is not None and self.chosen(node) != here:
            copy = self.chosen(node)
            source = self._move(v, self.env.get(v, v), here, copy)
            return self._move(v, source, copy, want)
        return self._move(v, self.env.get(v, v), here, want)

    def _move(self, v: Atom, source: Atom, have: Spec, want: Spec) -> Atom:
        """`source`, which holds value `v` in layout `have`, brought to layout `want`."""
        if have != want and (v, want) in self.moved:
            return self.moved[v, want]
        for step in self._path(v, have, want):
            key = (v, step.to)
            if key not in self.moved:
                self.moved[key] = self._constrain(source, [step.to], None)
            source = self.moved[key]
        return source

    def _path(self, v: Atom, have: Spec, want: Spec) -> Sequence[Any]:
        model = self.graph.model
        return model.path(v.type.shape, model.width(v.type), have, want)

    def _constrain(self, v: Atom, specs: Sequence[Spec], eqn: Eqn | None) -> Atom:
        """`v` after one constraint per layout."""
        loc = None if eqn is None else eqn.loc
        for spec in specs:
            made = Var(v.type)
            params = {"sharding": layout(self.plan.mesh, spec)}
            self.eqns.append(Eqn(sharding_constraint_p, [v], [made], params, loc))
            v = made
        return v

    def _elementwise(self, eqn: Eqn) -> None:
        want = self.spec(eqn.outputs[0])
        shape = eqn.outputs[0].type.shape
        inputs: list[Atom] = []
        for a in eqn.inputs:
            if type(a) is Literal:
                inputs.append(a)
            elif a.type.shape == shape:
                inputs.append(self._move(a, self.env.get(a, a), self.spec(a), want))
            else:
                inputs.append(self.env.get(a, a))
        outputs = [Var(v.type) for v in eqn.outputs]
        self.eqns.append(Eqn(eqn.primitive, inputs, outputs, eqn.params, eqn.loc))
        for old, new in zip(eqn.outputs, outputs, strict=True):
            pinned = old in self.boundary and bool(shape)
            self.env[old] = self._constrain(new, [want], eqn) if pinned else new

    def _constraint(self, eqn: Eqn) -> None:
        (a,), (out,) = eqn.inputs, eqn.outputs
        want = self.spec(out)
        if type(a) is Literal:
            self.env[out] = self._constrain(a, [want], eqn)
            return
        moved = self._move(a, self.env.get(a, a), self.spec(a), want)
        self.env[out] = self._constrain(moved, [want], eqn)

    def _result(self, j: int, a: Atom) -> Atom:
        if type(a) is Literal:
            return a
        node = self.graph.pinned_out.get(j)
        found = self.env.get(a, a)
        return found if node is None else self._move(a, found, self.spec(a), self.chosen(node))


def _with_bodies(eqn: Eqn, made: Sequence[Function]) -> dict[str, Any]:
    """Parameters of a loop or branch with other bodies."""
    if eqn.primitive.name == "cond":
        return {**eqn.params, "branches": tuple(made)}
    if eqn.primitive.name == "scan":
        return {**eqn.params, "body": made[0]}
    return {**eqn.params, "cond": made[0], "body": made[1]}


def layout(mesh: AbstractMesh, spec: Spec) -> NamedSharding:
    """A layout in terms of axis names."""
    names = mesh.axis_names
    dims = [tuple(names[a] for a in d) for d in spec.dims]
    while dims and not dims[-1]:
        dims.pop()
    unreduced = {names[a] for a in spec.partial}
    return NamedSharding(mesh, PartitionSpec(*dims, unreduced=unreduced))


def by_device(eqn: Eqn, rule: Rule, split: Split, mesh: AbstractMesh) -> Eqn | None:
    """The same equation as a region in which each device works on its own pieces.

    None where the partitioner does as well.
    """
    names, sizes = mesh.axis_names, mesh.axis_sizes
    cuts = {
        rule.names[f]: Cut(tuple(names[a] for a in axes), math.prod(sizes[a] for a in axes))
        for f, axes in enumerate(split.cuts)
        if axes
    }
    types, local = [a.type for a in eqn.inputs], eqn.primitive.local
    outs = [v.type for v in eqn.outputs]
    compute = local(types, outs, cuts, **eqn.params) if local and cuts else None
    if compute is None:
        return None
    in_specs, out_specs = (
        tuple([layout(mesh, s).spec for s in specs]) for specs in (split.ins, split.outs)
    )
    pieces = [piece_type(t, mesh, s, False) for t, s in zip(types, in_specs, strict=True)]
    with bound(*map(Axis, names, sizes, [mesh] * len(names))):
        fn = build(eqn.primitive.name, pieces, lambda *xs: _listed(compute(*xs)))
    params = {
        "fn": fn, "mesh": mesh, "in_specs": in_specs, "out_specs": out_specs, "manual": names,
        "check": False,
    }  # fmt: skip
    return Eqn(shard_map_p, eqn.inputs, eqn.outputs, params, eqn.loc)


def _listed(found: Any) -> list[Any]:
    return list(found) if isinstance(found, list | tuple) else [found]


def _finishes(raw: Spec, to: Spec) -> bool:
    """Whether a step adds up everything that is open at once, along one axis."""
    return not to.partial and to.dims == raw.dims and len(raw.partial) == 1
