"""Opens a file as what it is: by its name, and where that says nothing by its first bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from models.errors import Fatal
from streams.program.reading.columns import Columns
from streams.program.reading.delimited import Delimited
from streams.program.reading.encoding import UTF8, encoding_of_piece
from streams.program.reading.files import Incomplete, Lines, open_bytes, reading
from streams.program.reading.jsonl import JsonLines
from streams.program.reading.table import Table
from streams.program.reading.text_file import TextFile, text_file, without_mark

KINDS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
}
SUFFIXES = (".jsonl", ".csv", ".tsv", ".parquet")
"""Told to people; each may be followed by .gz."""

GZ = ".gz"


def kind_of(path: Path) -> str | None:
    """Return what a name says: jsonl, csv, tsv, parquet, or None."""
    name = path.name.lower().removesuffix(GZ)
    return KINDS.get(Path(name).suffix)


def readable(path: Path) -> bool:
    """Tell whether a folder's file is one to read: by its name, and none that begins with a dot."""
    return kind_of(path) is not None and not path.name.startswith(".") and path.is_file()


def open_table(path: Path, wanted: Columns | None = None, *, grows: bool = False) -> Table:
    """Open a file. With `grows` its last line may still be in the making.

    Raises:
        Incomplete: it is cut off, or with `grows` nothing is in it yet.
        Fatal: it cannot be read, or has not the columns that are asked for.
    """
    wanted = wanted or Columns()
    kind = kind_of(path) or _looks_like(path)
    if kind == "parquet":
        from streams.program.reading.parquet import ParquetTable  # here: it takes a while to load

        return ParquetTable(path, wanted)
    text = text_file(path, grows=grows)
    if grows and not text.sample:
        raise Incomplete(f"{path} is empty")
    if kind == "jsonl":
        return JsonLines(text, wanted)
    return Delimited(text, wanted, tabs=kind == "tsv")


def table_of_lines(
    where: str, start: bytes, read: Callable[[int], bytes], wanted: Columns, *, gzipped: bool
) -> Table:
    """Return the table of a stream that can be read once; `start` was read from it already.

    Raises:
        Fatal: as `open_table`.
    """
    json = _begins_like_json(start)
    # What comes later may differ, and JSON is UTF-8 by its standard.
    encoding = UTF8 if json else encoding_of_piece(start)
    if encoding.codec.startswith("utf-16"):
        raise Fatal(f"{where} is UTF-16: put it into a file, or turn it into UTF-8 first")
    file = _Rest(start, read)
    text = TextFile(where, encoding, gzipped, start, lambda: Lines(file.readline))
    return JsonLines(text, wanted) if json else Delimited(text, wanted)


class _Rest:
    """The lines of a stream, of which a part was read already; waits for no more than a line."""

    def __init__(self, start: bytes, read: Callable[[int], bytes]) -> None:
        self._held, self._read, self._ended = start, read, False

    def readline(self, limit: int) -> bytes:
        looked = 0
        while (end := self._held.find(b"\n", looked)) < 0:
            looked = len(self._held)
            if looked >= limit or self._ended:
                break
            piece = self._read(1 << 16)
            self._ended = not piece
            self._held += piece
        end = min(limit, end + 1 if end >= 0 else len(self._held))
        line, self._held = self._held[:end], self._held[end:]
        return line


def _begins_like_json(start: bytes) -> bool:
    return without_mark(start).lstrip()[:1] == b"{"


def _looks_like(path: Path) -> str:
    with reading(path), open_bytes(path) as file:
        start = file.read(1 << 12)
    if start.startswith(b"PAR1"):
        return "parquet"
    if without_mark(start).lstrip()[:1] == b"[":
        raise Fatal(
            f"{path} is one JSON array: write an object a line instead (jq -c '.[]' does it)"
        )
    return "jsonl" if _begins_like_json(start) else "csv"
