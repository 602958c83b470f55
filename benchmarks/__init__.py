"""Figures of ms_func beside those of JAX: `python -m benchmarks` (see README.md)."""
