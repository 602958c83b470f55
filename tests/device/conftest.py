"""The device that these tests run on."""

from __future__ import annotations

import glob
import os

import pytest

import ms_func as ms


@pytest.fixture(scope="session")
def device():
    """A CUDA device; DEVICE_TESTS_ON=cpu tries the tests themselves where there is none.

    Where one is visible and cannot be used, the tests fail.
    """
    where = os.environ.get("DEVICE_TESTS_ON", "cuda")
    if where == "cuda" and not glob.glob("/dev/nvidia[0-9]*"):
        pytest.skip("no NVIDIA device is visible")
    return ms.devices(where)[0]
