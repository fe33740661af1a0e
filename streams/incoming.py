"""Texts from outside: bytes of any origin become a `Text`, or a clear reason why not."""

from __future__ import annotations

import time
from collections.abc import Mapping
from math import isfinite
from typing import Any

from pydantic_core import from_json

from streams.errors import TooLarge, Unreadable
from streams.records import Text
from streams.wire import derived_id

SOURCE_HEADER = "redstream-source"
"""Names the file and the row a record was read from."""

ROW_HEADER = "redstream-row"
"""The id of a row of a file: its text's, unless that has one of its own."""

READING_HEADER = "redstream-reading"
"""How often the file was read from its start, this time included; none: once."""

WRONG_HEADER = "redstream-wrong"
"""Why a row of a file is none: it comes as its bytes."""

TEXT_HEADER, ID_HEADER = "redstream-text", "redstream-id"
"""Names or dotted paths of the fields that hold text and id; none: `text`, `id`."""

LONGEST_ID = 200

LONGEST_SOURCE = 5_000
"""Characters of the name of a file with a row, which travels with the text to its end."""

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

    `position` (topic/partition/offset) gives the id where neither the record nor its headers do.
    Unknown fields become `attributes`. `max_text` is in characters.

    Raises:
        Unreadable: not JSON, not an object, no usable `text` or `id`.
        TooLarge: a longer text than `max_text`.
    """
    headers = _usable(headers or {})
    if wrong := headers.get(WRONG_HEADER):
        raise Unreadable(f"no row of its file: {wrong}")
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
    field = headers.get(TEXT_HEADER, "text")
    text = _taken_out(data, field)
    if not isinstance(text, str):
        found = "is missing" if text is None else f"is {type(text).__name__}, not a string"
        raise Unreadable(f"the field {field!r} {found}")
    if not text.strip():
        raise Unreadable(f"the field {field!r} is empty")
    if len(text) > max_text:
        raise TooLarge(f"{len(text)} characters; the limit is {max_text} (REDSTREAM_MAX_TEXT)")
    source = headers.get(SOURCE_HEADER, position)
    name = headers.get(ID_HEADER, "id")
    given = _taken_out(data, name)
    row = headers.get(ROW_HEADER)
    own = usable_id(row, ROW_HEADER) if row else derived_id("text", source)
    return Text(
        id=own if given is None else usable_id(given, name),
        text=text,
        attributes=data,
        source=source,
        received=time.time(),
    )


def _usable(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return headers, which anybody can set, that say something usable of a text, or nothing.

    Raises:
        Unreadable: one is no UTF-8, far too long, or no number where it must be one.
    """
    for name in (SOURCE_HEADER, TEXT_HEADER, ID_HEADER, ROW_HEADER):
        value = headers.get(name, "")
        if len(value) > LONGEST_SOURCE or any("\ud800" <= one <= "\udfff" for one in value):
            raise Unreadable(f"the header {name} is no UTF-8, or over {LONGEST_SOURCE} characters")
    reading = headers.get(READING_HEADER, "1")
    if not (reading.isascii() and reading.isdecimal() and len(reading) < 10):
        raise Unreadable(f"the header {READING_HEADER} is no number")
    return headers


def usable_id(given: object, name: str = "id") -> str:
    """Return an id of somebody's own as text. Raises `Unreadable`: it can be none."""
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise Unreadable(f"the field {name!r} is {type(given).__name__}, not a string")
    usable = str(given).strip()
    if not usable or len(usable) > LONGEST_ID or not usable.isprintable():
        raise Unreadable(f"the field {name!r} must be 1 to {LONGEST_ID} printable characters")
    return usable


def _taken_out(fields: dict[str, Any], path: str) -> Any:
    """Take out what stands under a name, or under a dotted path; None if nothing does."""
    if path in fields:
        return fields.pop(path)
    head, dot, rest = path.partition(".")
    inner = fields.get(head)
    return _taken_out(inner, rest) if dot and isinstance(inner, dict) else None


def _depth(value: object) -> int:
    """Return how deep a JSON value nests; refuse numbers that JSON cannot carry on."""
    if isinstance(value, float) and not isfinite(value):
        raise Unreadable("a number too large to carry")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)
