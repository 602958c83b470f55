"""Ordinary Python control flow on traced values: source conversion and its run-time hooks."""

from __future__ import annotations

from ms_func.source import convert as _convert
from ms_func.source import hooks as _hooks
from ms_func.source.hooks import above as _above
from ms_func.source.hooks.values import choice as _choice
from ms_func.tracing.policy import slots as _slots

_above.convert = _convert.for_call
_above.variant = _convert.variant
_above.learn = _convert.learn_anyway
_slots.convert = _convert.user_function
_slots.number = _choice.number_among
_slots.recorded = _hooks.recorded
_slots.why_native = _convert.why_native
