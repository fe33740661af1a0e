"""JSON Lines: an object a line; a field within another is a dotted path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from pydantic_core import from_json

from streams.program.reading.columns import Columns, chosen, find, repeats, shown
from streams.program.reading.files import Lines
from streams.program.reading.table import Row, named_path
from streams.program.reading.text_file import TextFile, without_mark

LOOKED_AT = 1_000
DEEPEST = 3
"""How deep fields are looked for; one that is asked for may lie deeper."""


class JsonLines:
    """Rows of fields; a line that is no object comes with its bytes."""

    def __init__(self, file: TextFile, wanted: Columns) -> None:
        """Raises `Fatal`: a field that was asked for is in none of the first rows."""
        self.file = file
        self.where = file.where
        self.preamble = b""
        self.said = f"JSON Lines, {file.written_in}"
        looked = [row.fields for row in islice(self._rows(file.sampled()), LOOKED_AT)]
        rows = [fields for fields in looked if fields is not None]
        seen = paths(rows)
        self.names = list(seen)
        self.seen = shown(seen)
        self.columns = self._columns(wanted, rows)

    def _columns(self, wanted: Columns, rows: list[dict[str, Any]]) -> Columns:
        if not rows:
            return Columns(wanted.text or "text", wanted.label or "label", wanted.id or "id")
        texts = [
            name
            for name in self.names
            if any(isinstance(named_path(row, name), str) for row in rows)
        ]
        # Deeper than is looked for, a field is there if it is there.
        known = [
            *self.names,
            *(
                name
                for name in (wanted.text, wanted.label, wanted.id)
                if name and any(named_path(row, name) is not None for row in rows)
            ),
        ]
        text = chosen("text", wanted, known, self.where, self.seen) if wanted.text else None
        text = text or find("text", texts)
        id_ = chosen("id", wanted, known, self.where, self.seen)
        if id_ and not wanted.id and id_ != "id":
            values = (named_path(row, id_) for row in rows)
            id_ = None if repeats(str(one) for one in values if one is not None) else id_
        label = chosen("label", wanted, known, self.where, self.seen)
        return Columns(text, label, id_)

    def rows(self) -> Iterator[Row]:
        """Return the rows from the first on."""
        return self._rows(self.file.open())

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def _rows(self, lines: Lines) -> Iterator[Row]:
        return _Rows(lines, self.file)


class _Rows:
    """Goes on after its end where the file has grown."""

    def __init__(self, lines: Lines, file: TextFile) -> None:
        self._lines, self._file, self._number = lines, file, 0

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        raw = self._lines.next()
        if not raw:
            raise StopIteration
        self._number += 1
        value = (without_mark(raw) if self._number == 1 else raw).rstrip(b"\r\n")
        if self._file.codec != "utf-8":
            value = self._file.text(value).encode("utf-8", "surrogateescape")
        return Row(self._number, raw, fields_of(value), value)


def fields_of(value: bytes) -> dict[str, Any] | None:
    """Return the object of a line, None where it is none."""
    try:
        found = from_json(value, allow_inf_nan=False)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def paths(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return every field of some rows, those within others by dotted paths, with a first value."""
    seen: dict[str, Any] = {}

    def look(fields: Mapping[str, Any], before: str, depth: int) -> None:
        for name, value in fields.items():
            path = f"{before}{name}"
            if isinstance(value, dict) and depth < DEEPEST:
                look(value, f"{path}.", depth + 1)
            elif seen.get(path) is None:
                seen[path] = value

    for row in rows:
        look(row, "", 1)
    return seen
