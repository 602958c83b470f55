"""How the elements of an array lie in the memory of its devices."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ms_func.errors import ArgumentTypeError, UnsupportedError
from ms_func.ir.sharding import Sharding


class _Auto:
    """The layout that the compiler likes best."""

    def __repr__(self) -> str:
        return "AUTO"


@dataclass(frozen=True)
class Layout:
    """Order of the dimensions in memory.

    Attributes:
        major_to_minor: dimensions from the slowest to the fastest.
        tiling: sizes of tiles; None where it is left open.
        sub_byte_element_size_in_bits: bits of an element that is smaller than a byte, or 0.

    Example:
        >>> import ms_func.numpy as np
        >>> np.ones((2, 3)).format.layout
        Layout(major_to_minor=(0, 1), tiling=(), sub_byte_element_size_in_bits=0)
    """

    AUTO: ClassVar[_Auto] = _Auto()

    major_to_minor: tuple[int, ...]
    tiling: tuple[tuple[int, ...], ...] | None = None
    sub_byte_element_size_in_bits: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "major_to_minor", tuple(self.major_to_minor))

    def update(self, **changes: Any) -> Layout:
        """The same layout with some fields replaced."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Format:
    """A layout and a sharding: how an array lies in memory, and on which devices.

    Raises:
        TypeError: `layout` is no layout, or `sharding` no sharding.
    """

    layout: Any = None
    sharding: Any = None

    def __post_init__(self) -> None:
        if not (self.layout is None or isinstance(self.layout, (Layout, _Auto))):
            raise ArgumentTypeError(
                "Invalid value received for the layout argument. Expected values are `None`, "
                f"`Layout.AUTO` or an instance of `Layout`. Got {self.layout!r} of type "
                f"{type(self.layout)}"
            )
        if not (self.sharding is None or isinstance(self.sharding, Sharding)):
            raise ArgumentTypeError(
                "Invalid value received for the sharding argument. Expected values are `None` or "
                f"an instance of `Sharding`. Got {self.sharding!r} of type {type(self.sharding)}"
            )

    @property
    def place(self) -> Sharding | None:
        """The sharding, where nothing but row-major order is asked for.

        Raises:
            NotImplementedError: another order is asked for.
        """
        layout = self.layout
        if isinstance(layout, Layout):
            order = layout.major_to_minor
            if order != tuple(range(len(order))) or layout.tiling:
                raise UnsupportedError(
                    f"{layout} cannot be asked for: arrays that go into and come out of programs "
                    "lie in row-major order\nfix: leave the layout out"
                )
        return self.sharding


def read_layout(text: str) -> Layout:
    """A layout from the runtime's spelling: dimensions from the fastest, tiles, bits of elements.

    Example:
        >>> read_layout("{1,0:T(8,128)}")
        Layout(major_to_minor=(0, 1), tiling=((8, 128),), sub_byte_element_size_in_bits=0)
    """
    order, _, more = text.strip("{}").partition(":")
    tiles = "".join(re.findall(r"T((?:\([\d,]+\))+)", more))
    bits = re.search(r"E\((\d+)\)", more)
    return Layout(
        _numbers(order)[::-1],
        tuple(map(_numbers, re.findall(r"\(([\d,]+)\)", tiles))),
        int(bits[1]) if bits else 0,
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(n) for n in text.split(",") if n)
