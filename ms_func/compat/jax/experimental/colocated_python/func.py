"""`jax.experimental.colocated_python.func`: nothing in public."""
