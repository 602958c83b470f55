"""Index notation: how it is read, which splits it allows, and that Shardy derives the same.

That each split computes the right values is checked for every primitive in
`tests/primitives/test_rules.py`.
"""

from __future__ import annotations

import math

import pytest

from ms_func.dtypes import key_of
from ms_func.ir.notation import CUTTABLE, RuleError, parse_rule, rule_of
from ms_func.ir.primitive import UNFOLDED, NotSupported
from ms_func.ir.types import ArrayType, typeof
from ms_func.parallel.splits import Spec, legal_specs, legal_splits
from ms_func.tracing.tracer import build
from tests.cases.primitives import CASES, PRIMITIVES
from tests.parallel.shardy import our_factors, shardy_factors


def types(*shapes):
    return [ArrayType(s, "float32") for s in shapes]


# --- notation -----------------------------------------------------------------------------


def test_indices_get_sizes_and_kinds():
    rule = parse_rule("b m k, b k n -> b m n", types((2, 3, 4), (2, 4, 5)), types((2, 3, 5)))
    sizes = dict(zip(rule.names, rule.sizes, strict=True))
    kinds = dict(zip(rule.names, rule.kinds, strict=True))
    assert sizes == {"b": 2, "m": 3, "k": 4, "n": 5}
    assert kinds == {"b": "plain", "m": "plain", "k": "sum", "n": "plain"}
    assert str(rule) == "b m k, b k n -> b m n; k: sum"


def test_composed_dimensions_and_dimensions_without_index():
    rule = parse_rule("(i j) . -> i j .", types((6, 7)), types((2, 3, 7)))
    assert rule.sizes == (2, 3)
    assert rule.ins == (((0, 1), ()),)
    shared = parse_rule("(a b) c -> a (b c)", types((6, 5)), types((2, 15)))
    assert dict(zip(shared.names, shared.sizes, strict=True)) == {"a": 2, "b": 3, "c": 5}


def test_scalars_and_missing_operands():
    assert parse_rule("i, -> i", types((3,), ()), types((3,))).ins == (((0,),), ())
    assert parse_rule("-> i j", [], types((2, 3))).ins == ()


@pytest.mark.parametrize(
    ("text", "ins", "outs", "says"),
    [
        ("i j", [(2, 3)], [], "'->'"),
        ("i -> i", [(2, 3)], [(2,)], "dimensions"),
        ("i, j -> i", [(2,)], [(2,)], "terms"),
        ("i j -> i", [(2, 3)], [(3,)], "size"),
        ("i -> i; j: sum", [(2,)], [(2,)], "'j: sum'"),
        ("i -> i; i: often", [(2,)], [(2,)], "often"),
        ("(i j) -> i j", [(7,)], [(2, 3)], "size"),
    ],
)
def test_notation_that_does_not_fit_is_refused(text, ins, outs, says):
    with pytest.raises(RuleError, match=says):
        parse_rule(text, types(*ins), types(*outs))


# --- splits -------------------------------------------------------------------------------


def test_splits_of_a_product_on_two_axes():
    rule = parse_rule("m k, k n -> m n", types((8, 4), (4, 6)), types((8, 6)))
    splits = legal_splits(rule, (2, 4))
    assert len({s.cuts for s in splits}) == len(splits)
    # Axis 0 (2 devices) may cut m, k, n or nothing; axis 1 (4) may cut m, k or nothing; m has room
    # for both, k has not.
    assert len(splits) == 4 * 3 - 1
    assert all(4 % math.prod((2, 4)[a] for a in s.cuts[1]) == 0 for s in splits)
    open_sum = next(s for s in splits if s.cuts == ((1,), (0,), ()))
    assert open_sum.ins == (Spec(((1,), (0,))), Spec(((0,), ())))
    assert open_sum.outs == (Spec(((1,), ()), (0,)),)
    assert open_sum.parts == 8


def test_minor_part_of_a_composed_dimension_is_cut_only_below_a_complete_major_one():
    rule = parse_rule("(i j) -> i j", types((8,)), types((2, 4)))
    cuts = {s.cuts for s in legal_splits(rule, (2, 2))}
    assert ((0,), ()) in cuts
    assert ((0,), (1,)) in cuts  # i has 2 values and is cut in 2
    assert ((), (0,)) not in cuts
    assert ((), (0, 1)) not in cuts


def test_other_reductions_are_finished_and_whole_indices_never_cut():
    rule = parse_rule("i j k -> i k; j: max, k: whole", types((4, 4, 4)), types((4, 4)))
    splits = legal_splits(rule, (2,))
    assert {s.cuts for s in splits} == {((), (), ()), ((0,), (), ()), ((), (0,), ())}
    maximum = next(s for s in splits if s.cuts[1])
    assert maximum.finish == ((0,),)
    assert maximum.outs[0].partial == ()


def test_layouts_of_a_value():
    specs = legal_specs((4, 6), (2, 4))
    assert Spec(((), ())) in specs
    assert Spec(((0,), ())) in specs
    assert Spec(((), (1,))) not in specs  # 6 is not divisible by 4
    assert Spec(((0, 1), ())) not in specs  # nor 4 by 8
    assert len(specs) == 5


# --- Shardy -------------------------------------------------------------------------------

DIFFERENCES = {
    "conv_general_dilated": "the window of the kernel is cut where it is an array only",
    "dynamic_update_slice": "the window may lie across pieces of a dimension it does not fill",
    "pad": "cropping moves elements between pieces",
    "reduce": "there is no collective for a computation of the user's",
    "reshape": "only boundaries that divide one another become indices",
    "scatter": "a scattered dimension is whole even where the window fills it",
    "scatter_add": "a scattered dimension is whole even where the window fills it",
    "scatter_max": "a scattered dimension is whole even where the window fills it",
    "scatter_min": "a scattered dimension is whole even where the window fills it",
    "scatter_mul": "a scattered dimension is whole even where the window fills it",
    "split": "the dimension that is divided into parts stays whole even if there is one part",
}
"""Primitives that may be split in fewer ways than Shardy would split them, and why."""

MORE = {
    "conv_general_dilated": "what moves between neighbours is priced",
    "pad": "each device lays out its own elements",
    "rev": "the exchange of pieces is priced",
    "slice": "each device takes its own elements",
    **dict.fromkeys(
        ("cumlogsumexp", "cummax", "cummin", "cumprod", "cumsum", "linear_recurrence"),
        "the totals of the devices before are priced",
    ),
    **dict.fromkeys(
        ("reduce_window", "reduce_window_max", "reduce_window_min", "reduce_window_sum",
         "select_and_gather_add", "select_and_scatter_add"),
        "windows side by side need nothing of one another",
    ),
}  # fmt: skip
"""Primitives that may be split in more ways than Shardy would split them, and why."""


def cases_with_rules():
    for name, p in sorted(PRIMITIVES.items()):
        if p.shard is not UNFOLDED and type(p.shard) is not NotSupported:
            for k, case in enumerate(CASES.get(name, [])):
                if not any(
                    key_of(typeof(a).dtype) for a in case.arrays(case.widest)
                ):  # words when lowered
                    yield name, k, case


def applied(name, case):
    """The function that applies a primitive once to the operands of a case."""
    p = PRIMITIVES[name]

    def body(*args):
        out = p.bind(*args, **case.params)
        return out if p.multiple_results else [out]

    return build(name, [typeof(a) for a in case.arrays(case.widest)], body)


WITHOUT_RULE = {
    "func.call": "a call, whose body has rules",
    "stablehlo.custom_call": "a library call, opaque to Shardy",
    "stablehlo.iota": "without operands, so its users decide",
    "stablehlo.optimization_barrier": "results follow operands one by one",
}
"""Operations for which Shardy derives no rule, and why. Those of CHLO are legalised before."""


def test_rules_equal_those_of_shardy_or_are_listed():
    compared, differing = set(), set()
    for name, k, case in cases_with_rules():
        fn = applied(name, case)
        if any(key_of(t.dtype) for t in (*fn.in_types, *fn.out_types)):  # words when lowered
            continue
        theirs = shardy_factors(fn)
        if theirs is None:  # several operations
            continue
        ours = our_factors(rule_of(fn.eqns[0]), CUTTABLE)
        if isinstance(theirs, str):
            known = theirs in WITHOUT_RULE or theirs.startswith("chlo.")
            assert known or not ours, (name, theirs)
            continue
        compared.add(name)
        if ours == theirs:
            continue
        differing.add(name)
        assert name in DIFFERENCES or name in MORE, (name, k, rule_of(fn.eqns[0]), ours ^ theirs)
        assert ours < theirs or name in MORE, f"{name} case {k} allows splits that Shardy does not"
    gone = set(DIFFERENCES) - differing
    assert gone <= {"dynamic_update_slice", "pad"}, gone  # newer versions think as we do
    assert len(compared) >= 60
