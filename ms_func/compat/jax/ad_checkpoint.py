"""`jax.ad_checkpoint`: what a policy may answer."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Offloadable", "Recompute", "Saveable"]

Saveable, Recompute = True, False
"""Answers of a policy: keep the value, or compute it again."""


class Offloadable(NamedTuple):
    """Answer of a policy: keep the value in another memory."""

    src: Any
    dst: Any
