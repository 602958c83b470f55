"""`jax.experimental.pallas.ops.tpu.splash_attention`: attention on TPUs, refused."""

from ms_func.compat.jax.experimental.pallas.ops.tpu.splash_attention import (
    splash_attention_kernel,
    splash_attention_mask,
)

__all__ = [*splash_attention_kernel.__all__, *splash_attention_mask.__all__]  # pyright: ignore[reportUnsupportedDunderAll]
globals().update(splash_attention_kernel._refused | splash_attention_mask._refused)
