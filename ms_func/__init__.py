"""Composable function transformations: grad, jit, vmap, shard."""
