"""ir.Function -> StableHLO module. The only folder that imports `jaxlib.mlir`."""
