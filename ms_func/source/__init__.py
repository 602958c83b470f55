"""Ordinary Python control flow on traced values: source conversion and its run-time hooks."""

from __future__ import annotations
