"""Right labels, and answers that were recorded, read from files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import Fatal
from streams.program.examples import read_taught, rows_of, text_field
from streams.program.reading import Columns, named_path, open_table, required, understood
from streams.wire import derived_id


@dataclass(frozen=True)
class GoldText:
    """A text whose right label is known; `where` is its file and line."""

    where: str
    id: str
    text: str
    label: str


def read_gold(
    path: Path, wanted: Columns | None = None, tell: Callable[[str], None] = lambda line: None
) -> dict[str, str]:
    """Read a file with ids and right labels; kept away from everything that predicts.

    `tell` is told how it is read.

    Raises:
        Fatal: the file cannot be read, a row is unusable, or an id has two labels; names the row.
    """
    found: dict[str, str] = {}
    for where, id_, fields, column in by_id(path, wanted, tell):
        label = text_field(fields, column, where)
        if found.setdefault(id_, label) != label:
            raise Fatal(f"{where}: the id {id_!r} has the label {found[id_]!r} already")
    return found


def read_gold_texts(
    path: Path, wanted: Columns | None = None, tell: Callable[[str], None] = lambda line: None
) -> list[GoldText]:
    """Read a file with texts, labels and perhaps ids. `tell` is told how it is read.

    Raises:
        Fatal: the file cannot be read, a row is unusable, or an id stands for two texts.
    """
    found: dict[str, GoldText] = {}
    for taught in read_taught(path, wanted, tell, what="texts"):
        id_ = taught.id or derived_id("seed", taught.label, taught.text)
        one = GoldText(taught.where, id_, taught.text, taught.label)
        if found.setdefault(one.id, one) != one and found[one.id].text != one.text:
            raise Fatal(f"{one.where}: the id {one.id!r} stands for another text already")
        if found[one.id].label != one.label:
            raise Fatal(f"{one.where}: the same text has two labels")
    return list(found.values())


def read_recorded(
    path: Path, wanted: Columns | None = None, tell: Callable[[str], None] = lambda line: None
) -> Mapping[str, str | None]:
    """Read a file with ids and labels: what somebody once answered; null, or an empty cell, for
    "none". `tell` is told how it is read.

    Raises:
        Fatal: the file cannot be read, or a row is unusable.
    """
    return {
        id_: None if _none(fields, label) else text_field(fields, label, where)
        for where, id_, fields, label in by_id(path, wanted, tell)
    }


def _none(fields: dict[str, Any], label: str) -> bool:
    said = named_path(fields, label)
    return said == "" or (said is None and label in fields)


def by_id(
    path: Path, wanted: Columns | None, tell: Callable[[str], None] = lambda line: None
) -> Iterator[tuple[str, str, dict[str, Any], str]]:
    """Yield file and row, the row's id, all that stands in it, and the column of the label."""
    with closing(open_table(path, wanted)) as table:
        id_, label = required(table, "id"), required(table, "label")
        tell(f"Reading {understood(table, ('id', 'label'))}.")
        for where, fields in rows_of(table):
            yield where, text_field(fields, id_, where), fields, label
