"""`jax.experimental.colocated_python.serialization`: one class, which libraries name."""

from ms_func.runtime import extension as _extension

DeviceList = _extension.DeviceList

__all__ = ["DeviceList"]
