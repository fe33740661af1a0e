"""Texts whose right label is known, and answers that were recorded, read from files."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from models.errors import Fatal
from streams.incoming import SOURCE_HEADER
from streams.program.examples import read_rows, row_of, text_field
from streams.program.source import FileSource
from streams.stage import Delivered
from streams.wire import derived_id

_PIECE = 1_000


@dataclass(frozen=True)
class GoldText:
    """A text whose right label is known; `where` is its file and line."""

    where: str
    id: str
    text: str
    label: str


def read_gold_texts(path: Path) -> list[GoldText]:
    """Read a CSV file, or JSON Lines, with `text`, `label` and optionally `id`.

    Raises:
        Fatal: the file cannot be read, a line is unusable, or an id stands for two texts.
    """
    found: dict[str, GoldText] = {}
    with closing(FileSource(path, _NothingRead())) as source:
        while not source.exhausted:
            for record in source.take(_PIECE):
                where = record.headers.get(SOURCE_HEADER)
                if where is None or not record.value:
                    continue  # the mark behind the texts, or an empty line
                one = _gold_text(record.value, where)
                if found.setdefault(one.id, one) != one and found[one.id].text != one.text:
                    raise Fatal(f"{where}: the id {one.id!r} stands for another text already")
                if found[one.id].label != one.label:
                    raise Fatal(f"{where}: the same text has two labels")
    if not found:
        raise Fatal(f"{path} holds no texts")
    return list(found.values())


def _gold_text(value: bytes, where: str) -> GoldText:
    row = row_of(value, where)
    text, label = text_field(row, "text", where), text_field(row, "label", where)
    id_ = text_field(row, "id", where) if "id" in row else derived_id("seed", label, text)
    return GoldText(where, id_, text, label)


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


class _NothingRead:
    """A log without marks: every file is read from its start."""

    def read_from(self, topic: str, offset: int, limit: int) -> list[Delivered]:
        return []

    def end(self, topic: str) -> int:
        return 0

    def position(self, group: str, topic: str) -> int:
        return 0

    def newest(self, topic: str, key: bytes) -> Delivered | None:
        return None
