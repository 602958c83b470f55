"""Shardy's own rule of a lowered operation, in the form of ours, as an oracle."""

from __future__ import annotations

from jaxlib.mlir import passmanager
from jaxlib.mlir.dialects import sdy

from ms_func.lowering import context as mlir
from ms_func.lowering.lower import lower_function

# A factor: where it stands (side, value, dimension, place in the dimension), whether it reduces.
Factors = frozenset


def shardy_factors(fn) -> Factors | None:
    """Factors that Shardy may split of the one operation that `fn` lowers to.

    None where it lowers to several operations, or to one that Shardy has no rule for.
    """
    module = lower_function(fn)
    with mlir.context():
        passmanager.PassManager.parse(
            "builtin.module(func.func(sdy-populate-op-sharding-rules))"
        ).run(module.operation)
        block = module.body.operations[0].regions[0].blocks[0]
        plain = ("stablehlo.constant", "func.return")
        ops = [o for o in block.operations if o.operation.name not in plain]
        if len(ops) != 1 or "sdy.sharding_rule" not in ops[0].attributes:
            return None
        (op,) = ops
        rule = sdy.OpShardingRuleAttr(op.attributes["sdy.sharding_rule"])
        arguments = list(block.arguments)
        operands = [arguments.index(v) if v in arguments else None for v in op.operands]
        return _factors(rule, operands)


def _factors(rule, operands) -> Factors:
    places: dict[int, set] = {f: set() for f in range(len(rule.factor_sizes))}
    sides = [("in", operands, rule.operand_mappings)]
    sides.append(("out", range(len(rule.result_mappings)), rule.result_mappings))
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
