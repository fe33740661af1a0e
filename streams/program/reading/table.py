"""What all formats come to: a table that gives its rows, in order, as often as asked."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from streams.program.reading.columns import Columns, unknown


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number from 1, its bytes with the line's end, and what stands in it.

    `fields` is None where it cannot be read as a row, and `wrong` may then say why. `plain`: the
    bytes are the row as the format writes it, and can be handed back as they are.
    """

    number: int
    raw: bytes
    fields: dict[str, Any] | None
    value: bytes
    plain: bool = True
    wrong: str | None = None


class Table(Protocol):
    """A file as rows.

    `where` is the file, `said` how it is written and `seen` what stands in it, for people.
    `columns` say where text, label and id are, `names` are all columns (of JSON Lines: of its
    first rows), `preamble` the bytes before the first row.
    """

    where: str
    said: str
    seen: str
    columns: Columns
    names: list[str]
    preamble: bytes

    def rows(self) -> Iterator[Row]:
        """Return the rows from the first on. Of a file that grows, more may come after the end."""

    def close(self) -> None:
        """Let go of the file."""


def as_json(fields: Mapping[str, Any]) -> bytes | None:
    """Return a row as JSON, None where it is not Unicode."""
    try:
        return json.dumps(fields, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return None


def without_infinities(value: Any) -> Any:
    """Return a value without the numbers that JSON has not."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): without_infinities(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_infinities(inner) for inner in value]
    return value


def named_path(fields: Mapping[str, Any], path: str) -> Any:
    """Return what stands under a name, or under a dotted path of names; None if nothing does."""
    if path in fields:
        return fields[path]
    head, dot, rest = path.partition(".")
    inner = fields.get(head)
    return named_path(inner, rest) if dot and isinstance(inner, dict) else None


def required(table: Table, role: str) -> str:
    """Return the column of the text, the label or the id. Raises `Fatal`: there is none."""
    found: str | None = getattr(table.columns, role)
    if found is None:
        raise unknown(role, table.where, table.seen)
    return found


def understood(table: Table, roles: Sequence[str] = ("text", "id")) -> str:
    """Return in one line what was understood: how it is written, and where these columns are."""
    told = [table.said]
    for role in roles:
        found = getattr(table.columns, role)
        told.append(f"{role} column {found!r}" if found else f"no {role} column")
    return f"{table.where}: {', '.join(told)}"
