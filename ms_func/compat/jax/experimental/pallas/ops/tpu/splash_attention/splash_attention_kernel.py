"""`splash_attention_kernel`: attention on TPUs, refused."""

from ms_func.compat.jax.experimental.pallas import refusals

_refused = refusals("jax.experimental.pallas.ops.tpu.splash_attention.splash_attention_kernel", """
BlockSizes QKVLayout SegmentIds SplashAttentionKernel attention_reference
attention_reference_custom get_kernel_name make_attention_reference make_masked_mha_reference
make_masked_mqa_reference make_splash_mha make_splash_mha_single_device make_splash_mqa
make_splash_mqa_single_device
""")  # fmt: skip
__all__ = [*_refused]  # pyright: ignore[reportUnsupportedDunderAll]
globals().update(_refused)
