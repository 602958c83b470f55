"""`jax.monitoring`: events that libraries record, handed to whoever listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = [
    "clear_event_listeners",
    "record_event",
    "record_event_duration_secs",
    "record_event_time_span",
    "record_scalar",
    "register_event_duration_secs_listener",
    "register_event_listener",
    "register_event_time_span_listener",
    "register_scalar_listener",
    "unregister_event_duration_listener",
    "unregister_event_listener",
    "unregister_event_time_span_listener",
    "unregister_scalar_listener",
]

_events: list[Callable[..., None]] = []
_durations: list[Callable[..., None]] = []
_spans: list[Callable[..., None]] = []
_scalars: list[Callable[..., None]] = []


def record_event(event: str, **kwargs: str | int) -> None:
    """Tell listeners of an event."""
    for listener in _events:
        listener(event, **kwargs)


def record_event_duration_secs(event: str, duration: float, **kwargs: str | int) -> None:
    """Tell listeners of an event that took `duration` seconds."""
    for listener in _durations:
        listener(event, duration, **kwargs)


def record_event_time_span(
    event: str, start_time: float, end_time: float, **kwargs: str | int
) -> None:
    """Tell listeners of an event between two times."""
    for listener in _spans:
        listener(event, start_time, end_time, **kwargs)


def record_scalar(event: str, value: float | int, **kwargs: str | int) -> None:
    """Tell listeners of a number."""
    for listener in _scalars:
        listener(event, value, **kwargs)


def _registry(listeners: list[Callable[..., None]], what: str) -> tuple[Any, Any]:
    def register(callback: Callable[..., None]) -> None:
        listeners.append(callback)

    def unregister(callback: Callable[..., None]) -> None:
        if callback not in listeners:
            raise ValueError(f"{callback!r} is not registered to listen to {what}")
        listeners.remove(callback)

    register.__doc__ = f"Call `callback` on {what}."
    unregister.__doc__ = f"Stop calling `callback` on {what}."
    return register, unregister


register_event_listener, unregister_event_listener = _registry(_events, "events")
register_event_duration_secs_listener, unregister_event_duration_listener = _registry(
    _durations, "durations"
)
register_event_time_span_listener, unregister_event_time_span_listener = _registry(_spans, "spans")
register_scalar_listener, unregister_scalar_listener = _registry(_scalars, "numbers")


def clear_event_listeners() -> None:
    """Forget all listeners."""
    for listeners in (_events, _durations, _spans, _scalars):
        listeners.clear()
