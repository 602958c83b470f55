"""ir.Function -> StableHLO module. Nothing else in the core imports `jaxlib.mlir`."""
