"""Labelled examples, label names and gold labels, read from files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic_core import from_json

from models.errors import Fatal


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


def read_examples(path: Path) -> list[SeedExample]:
    """Read JSON Lines with `text` and `label`.

    Raises:
        Fatal: the file cannot be read, holds nothing, or a line is no example; names the line.
    """
    examples = [
        SeedExample(text_field(row, "text", where), text_field(row, "label", where))
        for where, row in read_rows(path)
    ]
    if not examples:
        raise Fatal(f"{path} holds no examples")
    return examples


def read_taught(path: Path) -> list[Taught]:
    """Read JSON Lines with `label`, `text` and optionally `id`; other fields are passed over.

    Raises:
        Fatal: as `read_examples`.
    """
    taught = [
        Taught(
            where,
            text_field(row, "id", where) if "id" in row else None,
            text_field(row, "label", where),
            text_field(row, "text", where),
        )
        for where, row in read_rows(path)
    ]
    if not taught:
        raise Fatal(f"{path} holds no examples")
    return taught


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


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, object]]]:
    """Read JSON Lines: file and line, and the object that stands there. Raises `Fatal`."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise Fatal(f"cannot read {path}: {error.strerror}") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            where = f"{path}:{number}"
            yield where, row_of(line, where)


def row_of(line: bytes, where: str) -> dict[str, object]:
    """Return the JSON object of a line. Raises `Fatal`."""
    try:
        row = from_json(line)
    except ValueError as error:
        raise Fatal(f"{where} is not JSON: {error}") from None
    if not isinstance(row, dict):
        raise Fatal(f"{where} is not a JSON object")
    return row


def text_field(row: dict[str, object], name: str, where: str) -> str:
    """Return a field of a row as text, without blanks around it. Raises `Fatal`."""
    value = row.get(name)
    if not isinstance(value, str | int) or not str(value).strip():
        raise Fatal(f"{where}: the field {name!r} is missing or empty")
    return str(value).strip()
