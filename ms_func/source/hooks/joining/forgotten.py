"""Objects that were made in a region and are gone with it, so that nobody outside sees them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Container, Sequence
from typing import Any

from ms_func.source.hooks.heap import identity
from ms_func.source.hooks.heap.journal import Location
from ms_func.source.hooks.joining.region import Region
from ms_func.source.hooks.values.nodes import walk


class Held:
    """How often the journals of regions, and nodes, hold each object.

    Attributes:
        places: identities of the places in the journals, which may share one.
        count: how often each object is held, by identity.
    """

    def __init__(self, regions: Sequence[Region], linked: Counter[int] | None = None) -> None:
        places = {id(x): x for r in regions for x in r.entries.values()}
        self.places = places.keys()
        self.count = Counter(id(x.owner) for x in places.values())
        if linked is not None:
            self.count += linked

    def of(self, x: Any) -> int:
        """How often these, the tables and the journal hold an object."""
        return self.count[id(x)] + identity.held(x, self.places)


def is_forgotten(location: Location, known: Held) -> bool:
    """Whether only the journal still knows the object, which was then made in a region.

    Values and overlays of the regions must have been let go; `known` tells who else holds it.
    """
    return sys.getrefcount(location.owner) <= known.of(location.owner) + 1


def unlink(nodes: Sequence[Any], held: Held) -> Counter[int]:
    """Forget which objects the nodes stand for where nobody else knows these any more.

    Args:
        nodes: all nodes of a plan that was released which stand for objects.
        held: how often each object is held by the journal.

    Returns:
        How often the nodes hold each object.
    """
    count = Counter(id(x) for n in nodes for x in n.origins if x is not None)
    for n in nodes:
        kept: list[Any] = []
        for x in n.origins:
            own = count[id(x)]
            is_known = sys.getrefcount(x) > own + held.of(x) + identity.OF_LOCAL or own > 1
            kept.append(x if is_known and x is not None else None)
        x = None
        is_known = any(y is not None for y in kept)
        n.origins, n.which = (tuple(kept), n.which) if is_known else ((), None)
    return Counter(id(x) for n in nodes for x in n.origins if x is not None)


def forget(
    regions: Sequence[Region], places: dict[Any, Location], nodes: Sequence[Any],
    stores: dict[Any, Any], keep: Container[Any] = (),
) -> None:  # fmt: skip
    """Leave out what is stored to objects that were made in the regions, and are gone with them.

    Where one of these holds another, that one is known to nobody once the first is gone.

    Args:
        regions: the regions.
        places: their locations by key.
        nodes: how values are joined, by a plan that was released.
        stores: the same for what is stored to the locations.
        keep: keys of locations that stay.
    """
    for r in regions:
        r.let_go()
    linking = [n for n in walk([*nodes, *stores.values()]) if n.origins]  # counted, so kept alive
    linked = unlink(linking, Held(regions))
    while True:
        known = Held(regions, linked)
        gone = [k for k in places if k not in keep and is_forgotten(places[k], known)]
        for key in gone:
            del stores[key], places[key]
            for r in regions:
                r.entries.pop(key, None)
        if not gone:
            return
