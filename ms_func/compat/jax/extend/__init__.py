"""`jax.extend`: as far as it denotes something here."""
