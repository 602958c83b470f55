"""`jax.cloud_tpu_init`: nothing in public."""
