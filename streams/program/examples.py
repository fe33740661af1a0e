"""Labelled examples and label names, read from files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from models.errors import Fatal
from streams.program.reading import (
    Columns,
    Row,
    Table,
    named_path,
    open_table,
    required,
    understood,
)
from streams.program.reading.columns import find


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
        if not any(row.raw.strip() for row in table.rows()):
            raise Fatal(f"{path} holds no {what}")
        text, label = required(table, "text"), required(table, "label")
        tell(f"Reading {understood(table, ('text', 'id', 'label'))}.")
        return [
            Taught(
                where,
                own_id(fields, table.columns.id, where),
                text_field(fields, label, where),
                text_field(fields, text, where),
            )
            for where, fields in rows_of(table)
        ]


def read_examples_of(
    label: str,
    path: Path,
    wanted: Columns | None = None,
    tell: Callable[[str], None] = lambda line: None,
    *,
    name: str | None = None,
) -> list[Taught]:
    """Read a file of texts that all have this label; where it has a column of labels, that must
    say so, or say its `name`. `tell` is told how it is read.

    Raises:
        Fatal: as `read_examples`.
    """
    with closing(open_table(path, wanted)) as table:
        text, id_, column = required(table, "text"), table.columns.id, table.columns.label
        roles = ("text", "id", "label") if column else ("text", "id")
        tell(f"Reading {understood(table, roles)}.")
        found = []
        for where, fields in rows_of(table):
            said = named_path(fields, column) if column else None
            if said not in (None, "", label, name):
                raise Fatal(
                    f"{where} is an example of {said!r}, not of {label!r}, says column {column!r}"
                )
            found.append(
                Taught(where, own_id(fields, id_, where), label, text_field(fields, text, where))
            )
    if not found:
        raise Fatal(f"{path} holds no examples")
    return found


def read_labels(
    path: Path, wanted: Columns | None = None, tell: Callable[[str], None] = lambda line: None
) -> list[LabelText]:
    """Read a file of labels, perhaps with what people call each and what belongs under it.

    Raises:
        Fatal: the file cannot be read, or a row names no label; names the row.
    """
    with closing(open_table(path, wanted)) as table:
        column = required(table, "label")
        name, guide = find("name", table.names), find("guide", table.names)
        told = {"name": name, "guide": guide}
        more = "".join(f", {what} column {it!r}" for what, it in told.items() if it)
        tell(f"Reading {understood(table, ('label',))}{more}.")
        return [
            LabelText(
                label := text_field(fields, column, where),
                str((name and named_path(fields, name)) or spoken(label)),
                str((guide and named_path(fields, guide)) or ""),
            )
            for where, fields in rows_of(table)
        ]


def spoken(label: str) -> str:
    """Return a label as words."""
    return label.replace("_", " ").strip()


def rows_of(table: Table) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return file and row, and what stands there, of all but empty lines. Raises `Fatal`."""
    for row in table.rows():
        if row.raw.strip():
            where = f"{table.where}:{row.number}"
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
