"""Settings that must be in force before `ms_func` makes its first device."""

from __future__ import annotations

import os

# Eight virtual devices, so that sharding is tested on any machine; the CPU also where a GPU is.
os.environ.setdefault("MS_FUNC_NUM_CPU_DEVICES", "8")
os.environ.setdefault("MS_FUNC_PLATFORM", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest
from hypothesis import HealthCheck, settings

# The same examples in every run: a failure is found again. No deadline: machines differ.
settings.register_profile(
    "ms_func",
    deadline=None,
    derandomize=True,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("ms_func")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Tests of one file run in one process (`pytest -n`), where they share compiled programs."""
    option = config.option
    if getattr(option, "numprocesses", None) and option.dist == "no":
        option.dist = "worksteal"
