"""Texts whose right label is known, and answers that were recorded, read from files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models.errors import Fatal
from streams.program.examples import read_rows, read_taught, text_field
from streams.wire import derived_id


@dataclass(frozen=True)
class GoldText:
    """A text whose right label is known; `where` is its file and line."""

    where: str
    id: str
    text: str
    label: str


def read_gold_texts(path: Path) -> list[GoldText]:
    """Read a file with text, label and optionally id.

    Raises:
        Fatal: the file cannot be read, a line is unusable, or an id stands for two texts.
    """
    found: dict[str, GoldText] = {}
    for taught in read_taught(path, what="texts"):
        id_ = taught.id or derived_id("seed", taught.label, taught.text)
        one = GoldText(taught.where, id_, taught.text, taught.label)
        if found.setdefault(one.id, one) != one and found[one.id].text != one.text:
            raise Fatal(f"{one.where}: the id {one.id!r} stands for another text already")
        if found[one.id].label != one.label:
            raise Fatal(f"{one.where}: the same text has two labels")
    return list(found.values())


def read_recorded(path: Path) -> Mapping[str, str | None]:
    """Read JSON Lines with `id` and `label`: what somebody once answered, null for "none".

    Raises:
        Fatal: the file cannot be read, or a line is unusable.
    """
    return {
        text_field(row, "id", where): (
            None if "label" in row and row["label"] is None else text_field(row, "label", where)
        )
        for where, row in read_rows(path)
    }
