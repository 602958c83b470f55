"""Every legal split of every primitive, stated as constraints and run on two devices.

The compiler's partitioner must compute what NumPy does on the whole operands: this is what
plans rely on. One program holds all splits of all cases of a primitive.
"""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
from ms_func.ir.notation import make_rule
from ms_func.ir.primitive import ELEMENTWISE, UNFOLDED, NotSupported
from ms_func.ir.types import typeof
from ms_func.parallel.cost import PROFILES
from ms_func.parallel.nodes import reduces_bits
from ms_func.parallel.splits import legal_splits
from ms_func.primitives.sharding import with_sharding_constraint
from ms_func.sharding import Mesh, NamedSharding, P
from tests.cases.primitives import CASES, PRIMITIVES

TWO = Mesh(np.array(ms.devices()[:2]), ("a",))
NAMES = [
    name
    for name, cases in sorted(CASES.items())
    if cases
    and not any(
        isinstance(rule, NotSupported)
        for rule in (PRIMITIVES[name].shard, PRIMITIVES[name].lower, PRIMITIVES[name].ref)
    )
    and PRIMITIVES[name].shard is not UNFOLDED
    and name != "sharding_constraint"  # its cases are over meshes of their own
]


def laid(spec):
    return NamedSharding(TWO, P(*(("a",) * bool(d) for d in spec.dims)))


def splits_of(name, case, arrays):
    """Splits of one use that cut something, as the planner considers them on the CPU."""
    p = PRIMITIVES[name]
    types = tuple(typeof(a) for a in arrays)
    outs = p.result_types(types, case.params)
    rule = make_rule(p, types, outs, case.params)
    bits = not PROFILES["cpu"].bitwise and outs[0].dtype.kind in "iu"
    return [
        s for s in legal_splits(rule, (2,)) if s.parts == 2 and not (bits and reduces_bits(rule, s))
    ]


def marked(name):
    """Elementwise operations are many, and splitting them is simple."""
    simple = PRIMITIVES[name].shard is ELEMENTWISE
    return pytest.param(name, marks=pytest.mark.slow) if simple else name


@pytest.mark.parametrize("name", [marked(name) for name in NAMES])
def test_every_split_computes_the_whole(name):
    p = PRIMITIVES[name]
    uses = []
    for case in CASES[name]:
        arrays = case.arrays(case.widest, name)
        uses += [(case, arrays, split) for split in splits_of(name, case, arrays)]
    if not uses:
        pytest.skip("nothing can be cut in two")

    def program(operands):
        outs = []
        for (case, _, split), args in zip(uses, operands, strict=True):
            args = [
                with_sharding_constraint(x, laid(s)) for x, s in zip(args, split.ins, strict=True)
            ]
            found = p.bind(*args, **case.params)
            found = found if p.multiple_results else [found]
            outs.append(
                [
                    with_sharding_constraint(x, laid(s))
                    for x, s in zip(found, split.outs, strict=True)
                ]
            )
        return outs

    got = ms.jit(program)([arrays for _, arrays, _ in uses])
    for (case, arrays, split), outs in zip(uses, got, strict=True):
        with np.errstate(all="ignore"):
            want = p.ref(*arrays, **case.params)
        for x, y in zip(outs, want if p.multiple_results else [want], strict=True):
            compare(np.asarray(x), np.asarray(y), f"{name} {case.params} {split}")


def compare(got, want, what):
    assert got.shape == want.shape, what
    assert got.dtype == want.dtype, what
    if want.dtype.kind in "fcV":
        kind = np.complex128 if want.dtype.kind == "c" else np.float64
        exact = {8: 1e-11, 16: 1e-11}.get(want.dtype.itemsize, 1e-5)
        np.testing.assert_allclose(
            got.astype(kind), want.astype(kind), rtol=exact, atol=exact, err_msg=what
        )
    else:
        np.testing.assert_array_equal(got, want, err_msg=what)
