"""The device that these tests run on."""

from __future__ import annotations

import os

import pytest

import ms_func as ms


@pytest.fixture(scope="session")
def device():
    """A CUDA device; DEVICE_TESTS_ON=cpu tries the tests themselves where there is none."""
    try:
        return ms.devices(os.environ.get("DEVICE_TESTS_ON", "cuda"))[0]
    except RuntimeError as error:
        pytest.skip(str(error))
