"""Checks in programs, with the names of their exceptions."""

from __future__ import annotations

from typing import Any

from ms_func.errors import CheckifyRuntimeError as JaxException
from ms_func.experimental.checkify import (
    Error,
    ErrorCategory,
    all_checks,
    automatic_checks,
    check,
    check_error,
    checkify,
    debug_check,
    div_checks,
    float_checks,
    index_checks,
    init_error,
    nan_checks,
    user_checks,
)

Out = Any

__all__ = ["Error", "ErrorCategory", "JaxException", "Out", "all_checks", "automatic_checks",
           "check", "check_error", "checkify", "debug_check", "div_checks", "float_checks",
           "index_checks", "init_error", "nan_checks", "user_checks"]  # fmt: skip
