"""`jax.experimental.sparse`: its modules; the names are those of `ms_func.experimental.sparse`."""

__all__: list[str] = []
