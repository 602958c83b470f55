"""`jax.experimental.colocated_python.serialization`: nothing in public."""
