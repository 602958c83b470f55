"""`jax.lib`: empty in JAX too."""
