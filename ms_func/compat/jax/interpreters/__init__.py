"""`jax.interpreters`: tables of the rules of primitives made by `jax.extend.core.Primitive`."""
