"""Shardy's own rule of a lowered operation, in the form of ours, as an oracle."""

from __future__ import annotations

from jaxlib.mlir import passmanager
from jaxlib.mlir.dialects import sdy

from ms_func.lowering import context as mlir
from ms_func.lowering.lower import lower_function

# A factor: where it stands (side, value, dimension, place in the dimension), whether it reduces.
Factors = frozenset


def shardy_factors(fn) -> Factors | str | None:
    """Factors that Shardy may split of the one operation that `fn` lowers to.

    The name of the operation where Shardy has no rule for it; None where there are several.
    """
    module = lower_function(fn)
    passes = "builtin.module(func.func(sdy-populate-op-sharding-rules))"
    with mlir.context():
        passmanager.PassManager.parse(passes).run(module.operation)
        block = module.body.operations[0].regions[0].blocks[0]
        *body, end = block.operations
        ops = [o for o in body if o.operation.name != "stablehlo.constant"]
        if len(ops) != 1:
            return None
        (op,) = ops
        if "sdy.sharding_rule" not in op.attributes:
            return op.operation.name
        rule = sdy.OpShardingRuleAttr(op.attributes["sdy.sharding_rule"])
        arguments, returned = list(block.arguments), list(end.operands)
        operands = [arguments.index(v) if v in arguments else None for v in op.operands]
        results = [returned.index(v) if v in returned else None for v in op.results]
        return _factors(rule, operands, results)


def _factors(rule, operands, results) -> Factors:
    places: dict[int, set] = {f: set() for f in range(len(rule.factor_sizes))}
    sides = [
        ("in", operands, rule.operand_mappings),
        ("out", results, rule.result_mappings),
    ]
    for side, numbers, mappings in sides:
        for number, mapping in zip(numbers, mappings, strict=True):
            if number is None:
                continue
            for d, dim in enumerate(sdy.TensorMappingAttr(mapping).dim_mappings):
                for k, f in enumerate(sdy.DimMappingAttr(dim).factor_indices):
                    places[f].add((side, number, d, k))
    fixed = {
        *rule.need_replication_factors, *rule.permutation_factors,
        *rule.blocked_propagation_factors,
    }  # fmt: skip
    return frozenset(
        (frozenset(where), f in set(rule.reduction_factors))
        for f, where in places.items()
        if rule.factor_sizes[f] > 1 and f not in fixed and where
    )


def our_factors(rule, cuttable) -> Factors:
    """Factors of our rule that may be split, in the same form."""
    places: dict[int, set] = {f: set() for f in range(len(rule.names))}
    for side, terms in (("in", rule.ins), ("out", rule.outs)):
        for n, term in enumerate(terms):
            for d, dim in enumerate(term):
                inside = [f for f in dim if rule.sizes[f] > 1]
                for k, f in enumerate(inside):
                    places[f].add((side, n, d, k))
    everywhere = [{f for d in t for f in d} for t in rule.outs]
    found = set()
    for f, where in places.items():
        if rule.kinds[f] in cuttable and rule.sizes[f] > 1 and where:
            missing = any(f not in have for have in everywhere)
            found.add((frozenset(where), missing))
    return frozenset(found)
