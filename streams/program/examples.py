"""Labelled examples, label names and gold labels, read from files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from models.errors import Fatal
from streams.program.reading import Columns, Row, named_path, open_table, required, understood


@dataclass(frozen=True)
class SeedExample:
    """One labelled text to start from."""

    text: str
    label: str


@dataclass(frozen=True)
class Taught:
    """One text that a person labelled; `where` is its file and line."""

    where: str
    id: str | None
    label: str
    text: str


@dataclass(frozen=True)
class LabelText:
    """What a label is called and what belongs under it."""

    label: str
    name: str
    guide: str = ""


def read_examples(
    path: Path, wanted: Columns | None = None, tell: Callable[[str], None] = lambda line: None
) -> list[SeedExample]:
    """Read a file of texts with their labels. `tell` is told how it is read.

    Raises:
        Fatal: the file cannot be read, holds nothing, or a row is no example; names the row.
    """
    return [SeedExample(one.text, one.label) for one in read_taught(path, wanted, tell)]


def read_taught(
    path: Path,
    wanted: Columns | None = None,
    tell: Callable[[str], None] = lambda line: None,
    *,
    what: str = "examples",
) -> list[Taught]:
    """Read a file of texts with their labels, and perhaps ids; other columns are passed over.

    Raises:
        Fatal: as `read_examples`.
    """
    with closing(open_table(path, wanted)) as table:
        rows = [(f"{path}:{row.number}", row) for row in table.rows() if row.raw.strip()]
        if not rows:
            raise Fatal(f"{path} holds no {what}")
        text, label = required(table, "text"), required(table, "label")
        tell(f"Reading {understood(table)}, label column {label!r}.")
        return [
            Taught(
                where,
                own_id(fields, table.columns.id, where),
                text_field(fields, label, where),
                text_field(fields, text, where),
            )
            for where, fields in ((where, fields_of(row, where)) for where, row in rows)
        ]


def read_labels(path: Path) -> list[LabelText]:
    """Read JSON Lines with `label`, and optionally `name` and `guide`."""
    return [
        LabelText(
            label := text_field(row, "label", where),
            str(row.get("name") or spoken(label)),
            str(row.get("guide") or ""),
        )
        for where, row in read_rows(path)
    ]


def read_gold(path: Path) -> dict[str, str]:
    """Read JSON Lines with `id` and `label`; kept away from everything that predicts."""
    return {
        text_field(row, "id", where): text_field(row, "label", where)
        for where, row in read_rows(path)
    }


def spoken(label: str) -> str:
    """Return a label as words."""
    return label.replace("_", " ").strip()


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read a file: file and row, and what stands there. Raises `Fatal`."""
    with closing(open_table(path)) as table:
        for row in table.rows():
            if row.raw.strip():
                where = f"{path}:{row.number}"
                yield where, fields_of(row, where)


def fields_of(row: Row, where: str) -> dict[str, Any]:
    """Return what stands in a row. Raises `Fatal`: it is none."""
    if row.wrong:
        raise Fatal(f"{where} is not a row: {row.wrong}")
    return row_of(row.value, where) if row.fields is None else row.fields


def row_of(line: bytes, where: str) -> dict[str, Any]:
    """Return the JSON object of a line. Raises `Fatal`."""
    try:
        row = from_json(line)
    except ValueError as error:
        raise Fatal(f"{where} is not JSON: {error}") from None
    if not isinstance(row, dict):
        raise Fatal(f"{where} is not a JSON object")
    return row


def own_id(row: dict[str, Any], column: str | None, where: str) -> str | None:
    """Return the id that a row has, None if it has none. Raises `Fatal`."""
    if column is None or (named_path(row, column) in (None, "") and column not in row):
        return None
    return text_field(row, column, where)


def text_field(row: dict[str, Any], name: str, where: str) -> str:
    """Return a field of a row as text, without blanks around it. Raises `Fatal`."""
    value = named_path(row, name)
    if not isinstance(value, str | int) or not str(value).strip():
        raise Fatal(f"{where}: the field {name!r} is missing or empty")
    return str(value).strip()
