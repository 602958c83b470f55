"""`splash_attention_mask`: masks of attention on TPUs, refused."""

from ms_func.compat.jax.experimental.pallas import refusals

_refused = refusals("jax.experimental.pallas.ops.tpu.splash_attention.splash_attention_mask", """
CausalMask ChunkedCausalMask FullMask LocalMask LogicalAnd LogicalOr Mask MultiHeadMask NumpyMask
make_causal_mask make_chunk_attention_mask make_local_attention_mask make_random_mask
""")  # fmt: skip
__all__ = [*_refused]  # pyright: ignore[reportUnsupportedDunderAll]
globals().update(_refused)
