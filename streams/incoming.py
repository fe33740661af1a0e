"""Texts from outside: bytes of any origin become a `Text`, or a clear reason why not."""

from __future__ import annotations

import time
from collections.abc import Mapping
from math import isfinite

from pydantic_core import from_json

from streams.errors import TooLarge, Unreadable
from streams.records import Text
from streams.wire import derived_id

SOURCE_HEADER = "redstream-source"
"""Names the file and line a record was read from; ids of texts without one derive from it."""

LONGEST_ID = 200

DEEPEST = 64
"""How deep attributes may nest: they travel inside other records, whose readers have a limit."""


def read_text(
    value: bytes | None,
    position: str,
    headers: Mapping[str, str] | None = None,
    *,
    max_text: int,
) -> Text:
    """Read one incoming text.

    `position` (topic/partition/offset) gives the id where neither the record nor its source
    header does. Unknown fields become `attributes`. `max_text` is in characters.

    Raises:
        Unreadable: not JSON, not an object, no usable `text` or `id`.
        TooLarge: a longer text than `max_text`.
    """
    if not value or not value.strip():
        raise Unreadable("an empty line")
    if len(value) > 16 * max_text:
        raise TooLarge(f"{len(value)} bytes; the limit is {16 * max_text} (REDSTREAM_MAX_TEXT)")
    try:
        data = from_json(value, allow_inf_nan=False)
    except ValueError as error:
        raise Unreadable(f"not JSON: {error}") from None
    if _depth(data) > DEEPEST:
        raise Unreadable(f"nested more than {DEEPEST} deep")
    if not isinstance(data, dict):
        raise Unreadable(f"not a JSON object but {type(data).__name__}")
    text = data.pop("text", None)
    if not isinstance(text, str):
        found = "is missing" if text is None else f"is {type(text).__name__}, not a string"
        raise Unreadable(f"the field 'text' {found}")
    if not text.strip():
        raise Unreadable("the field 'text' is empty")
    if len(text) > max_text:
        raise TooLarge(f"{len(text)} characters; the limit is {max_text} (REDSTREAM_MAX_TEXT)")
    source = (headers or {}).get(SOURCE_HEADER)
    return Text(
        id=_usable_id(data.pop("id", None), source or position),
        text=text,
        attributes=data,
        source=source or position,
        received=time.time(),
    )


def _usable_id(given: object, position: str) -> str:
    if given is None:
        return derived_id("text", position)
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise Unreadable(f"the field 'id' is {type(given).__name__}, not a string")
    usable = str(given).strip()
    if not usable or len(usable) > LONGEST_ID or not usable.isprintable():
        raise Unreadable(f"the field 'id' must be 1 to {LONGEST_ID} printable characters")
    return usable


def _depth(value: object) -> int:
    """Return how deep a JSON value nests; refuse numbers that JSON cannot carry on."""
    if isinstance(value, float) and not isfinite(value):
        raise Unreadable("a number too large to carry")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)
