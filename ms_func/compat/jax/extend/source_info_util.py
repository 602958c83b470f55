"""`jax.extend.source_info_util`."""

from ms_func.ir.loc import hide_frames_of as register_exclusion

__all__ = ["register_exclusion"]
