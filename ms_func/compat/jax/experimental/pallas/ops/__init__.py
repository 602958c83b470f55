"""`jax.experimental.pallas.ops`: kernels that JAX brings."""
