"""XLA backend: StableHLO modules compiled and run through PJRT, on CPU and CUDA GPUs."""

from ms_func_xla.client import Xla

__all__ = ["Xla"]
