"""The columns that come to somebody's own."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from streams.became import Became

ADDED = ("label", "confidence", "decided_by", "remark", "text_id")
"""`decided_by` is classifier, judge or person; `remark` says why there is no label; `text_id` is
what `redstream explain` takes.
"""

PREFIX = "redstream_"


def added_names(taken: Collection[str]) -> list[str]:
    """Return the names of the added columns: with the prefix where a name is taken."""
    names = {name.casefold() for name in taken}
    found = []
    for name in ADDED:
        while name.casefold() in names:
            name = PREFIX + name
        found.append(name)
    return found


def values(became: Became) -> list[Any]:
    """Return what stands in the added columns."""
    confidence = None if became.confidence is None else round(became.confidence, 4)
    return [became.label, confidence, became.decided_by, became.remark or None, became.text_id]


def cells(became: Became) -> list[str]:
    """Return the same as cells of a delimited file."""
    return ["" if value is None else str(value) for value in values(became)]
