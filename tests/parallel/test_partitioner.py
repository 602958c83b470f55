"""Every legal split of every primitive, stated as constraints and run on two devices.

The compiler's partitioner must compute what NumPy does on the whole operands: this is what
plans rely on; where it does not, the program of one device must. One program holds all splits of
all cases of a primitive.
"""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
from ms_func import lax
from ms_func.ir.function import Eqn, Var
from ms_func.ir.notation import make_rule
from ms_func.ir.primitive import ELEMENTWISE, MADE, UNFOLDED, NotSupported
from ms_func.ir.types import typeof
from ms_func.parallel.cost import PROFILES
from ms_func.parallel.nodes import reduces_bits
from ms_func.parallel.partition import by_device, layout
from ms_func.parallel.splits import legal_splits
from ms_func.primitives.sharding import with_sharding_constraint
from ms_func.primitives.window_geometry import Window
from ms_func.sharding import Mesh, NamedSharding, P
from tests.cases.case import of_shapes
from tests.cases.primitives import CASES, PRIMITIVES

TWO = Mesh(np.array(ms.devices()[:2]), ("a",))
SQUARE = Mesh(np.array(ms.devices()[:4]).reshape(2, 2), ("a", "b"))
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


def rule_for(name, case, arrays):
    p = PRIMITIVES[name]
    types = tuple(typeof(a) for a in arrays)
    return make_rule(p, types, p.result_types(types, case.params), case.params)


def splits_of(name, case, arrays, axes=(2,)):
    """Splits of one use that cut something, as the planner considers them on the CPU."""
    rule = rule_for(name, case, arrays)
    out = PRIMITIVES[name].result_types(tuple(typeof(a) for a in arrays), case.params)[0]
    bits = not PROFILES["cpu"].bitwise and out.dtype.kind in "iu"
    splits = [s for s in legal_splits(rule, axes) if s.parts > 1]
    return [s for s in splits if not (bits and reduces_bits(rule, s))]


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

    check(p, uses, ms.jit(program)([arrays for _, arrays, _ in uses]))


def check(p, uses, got):
    """Compare results with those of NumPy on the whole operands."""
    for (case, arrays, split), outs in zip(uses, got, strict=True):
        with np.errstate(all="ignore"):
            want = p.ref(*arrays, **case.params)
        for x, y in zip(outs, want if p.multiple_results else [want], strict=True):
            compare(np.asarray(x), np.asarray(y), f"{p.name} {case.params} {split}")


def kernel_gradient(left, right, strides=(1, 1), padding=((0, 0), (0, 0)), spread=(1, 1),
                    hole=(1, 1), **groups):  # fmt: skip
    """A convolution whose kernel is as large as what it slides along."""
    params = {
        "window_strides": strides, "padding": padding, "lhs_dilation": spread,
        "rhs_dilation": hole, "feature_group_count": 1, "batch_group_count": 1, "precision": None,
        "dimension_numbers": lax.conv_dimension_numbers(left, right, ("CHWN", "IHWO", "HWNC")),
        "preferred_element_type": None, **groups,
    }  # fmt: skip
    return of_shapes(left, right, params=params)


def largest(shape, window, strides, padding):
    params = Window(window, strides, padding, (1, 1), (1, 1))._asdict()
    scattered = Window(**params).out_shape(shape)
    return of_shapes(scattered, shape, params={**params, "which": "max"})


BEYOND = {
    "conv_general_dilated": [
        kernel_gradient((2, 8, 8, 3), (2, 8, 8, 2), padding=((1, 1), (0, 2))),
        kernel_gradient((2, 8, 6, 2), (2, 4, 3, 2), padding=((1, 1), (2, 0)), hole=(2, 2)),
        kernel_gradient((2, 4, 4, 2), (2, 8, 8, 2), padding=((1, 1), (2, 3)), spread=(2, 2)),
        kernel_gradient((2, 8, 8, 2), (2, 8, 8, 2), strides=(2, 1), padding=((-1, 3), (1, 1))),
        kernel_gradient((4, 4, 4, 2), (4, 4, 4, 2), padding=((1, 1), (1, 1)), batch_group_count=2),
        kernel_gradient((8, 4, 4, 3), (4, 4, 4, 2), feature_group_count=2),
    ],
    "pad": [of_shapes((8, 4), (), params={"padding_config": ((1, 1, 2), (0, 1, 1))})],
    "slice": [
        of_shapes((8, 12), params={"start_indices": (1, 2), "limit_indices": (7, 12),
                                   "strides": (2, 3)})
    ],
    "select_and_scatter_add": [
        largest((8, 8), (3, 3), (1, 1), ((1, 1), (0, 2))),
        largest((16, 8), (3, 4), (2, 2), ((0, 1), (1, 1))),
    ],
}  # fmt: skip
"""Uses beside those of the tables."""
LONG = ("conv_general_dilated", "cumlogsumexp", "select_and_scatter_add")
"""Compiled in several seconds each; `test_every_split_computes_the_whole` splits them, too."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name
     for name in NAMES if PRIMITIVES[name].local],
)  # fmt: skip
def test_programs_of_one_device_make_the_whole(name):
    p, uses = PRIMITIVES[name], []
    for case in (*CASES[name], *BEYOND.get(name, ())):
        arrays = case.arrays(case.widest, name)
        uses += [(case, arrays, s) for s in splits_of(name, case, arrays, (2, 2))]
    uses = [use for use in uses if region_of(p, *use)]

    def program(operands):
        found = []
        for use, args in zip(uses, operands, strict=True):
            region = region_of(p, *use)
            assert region is not None
            outs = region.primitive.bind(*args, **region.params)
            closed = [layout(SQUARE, s._replace(partial=())) for s in use[2].outs]
            pairs = zip(outs, closed, strict=True)
            found.append([with_sharding_constraint(x, s) for x, s in pairs])
        return found

    assert uses
    check(p, uses, ms.jit(program)([arrays for _, arrays, _ in uses]))


@pytest.mark.parametrize("name", [name for name in NAMES if PRIMITIVES[name].sums is MADE])
def test_sums_stay_open_until_they_are_added_up(name):
    """As plans state them: what each device has, then what all have together, once."""
    p, uses = PRIMITIVES[name], []
    for case in (*CASES[name], *BEYOND.get(name, ())):
        arrays = case.arrays(case.widest, name)
        splits = splits_of(name, case, arrays, (2, 2))
        uses += [(case, arrays, s) for s in splits if len(s.outs[0].partial) == 2]

    def program(operands):
        found = []
        for use, args in zip(uses, operands, strict=True):
            case, _, split = use
            region = region_of(p, *use)
            if region is None:
                pairs = zip(args, split.ins, strict=True)
                args = [with_sharding_constraint(x, layout(SQUARE, s)) for x, s in pairs]
                x = p.bind(*args, **case.params)
            else:
                (x,) = region.primitive.bind(*args, **region.params)
            for spec in (split.outs[0], split.outs[0]._replace(partial=())):
                x = with_sharding_constraint(x, layout(SQUARE, spec))
            found.append([x])
        return found

    if not uses:
        pytest.skip("nothing can be cut in four")
    check(p, uses, ms.jit(program)([arrays for _, arrays, _ in uses]))


def region_of(p, case, arrays, split):
    """The program of one device for one use, or None where the partitioner does as well."""
    types = tuple(typeof(a) for a in arrays)
    outs = [Var(t) for t in p.result_types(types, case.params)]
    eqn = Eqn(p, [Var(t) for t in types], outs, case.params, None)
    return by_device(eqn, rule_for(p.name, case, arrays), split, SQUARE)


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
