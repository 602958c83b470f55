"""Programs and single operations become values: arrays, compile cache, eager dispatch."""
