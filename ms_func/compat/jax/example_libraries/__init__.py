"""`jax.example_libraries`: small libraries of layers and of optimizers."""
