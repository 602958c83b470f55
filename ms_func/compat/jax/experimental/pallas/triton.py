"""`jax.experimental.pallas.triton`: what kernels for GPUs say; all of it is refused."""

from ms_func.compat.jax.experimental.pallas import refusals

_refused = refusals("jax.experimental.pallas.triton", """
CompilerParams atomic_add atomic_and atomic_cas atomic_max atomic_min atomic_or atomic_xchg
atomic_xor approx_tanh debug_barrier elementwise_inline_asm load store
""")  # fmt: skip
__all__ = [*_refused]  # pyright: ignore[reportUnsupportedDunderAll]
globals().update(_refused)
