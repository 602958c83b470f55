"""Lengths for which Fourier transforms are fast."""

from __future__ import annotations

from functools import cache


@cache
def fast_length(n: int) -> int:
    """The least number from `n` on whose prime factors are 2, 3 and 5."""
    while True:
        rest = n
        for p in (2, 3, 5):
            while rest % p == 0 and rest > 1:
                rest //= p
        if rest <= 1:
            return n
        n += 1
