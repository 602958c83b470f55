"""`jax.experimental.pallas.tpu`: what kernels for TPUs say; all of it is refused."""

from ms_func.compat.jax.experimental.pallas import refusals

_refused = refusals("jax.experimental.pallas.tpu", """
BufferedRef CompilerParams DMA Format InterpretParams MemorySpace PrefetchScalarGridSpec
SMEM SemaphoreType VMEM
async_copy async_remote_copy bitcast create_tensorcore_mesh delay emit_pipeline
get_barrier_semaphore make_async_copy make_async_remote_copy matmul_acc_lhs matmul_pop
matmul_push_rhs prng_random_bits prng_seed repeat roll run_on_first_core sync_copy
""")  # fmt: skip
__all__ = [*_refused]  # pyright: ignore[reportUnsupportedDunderAll]
globals().update(_refused)
