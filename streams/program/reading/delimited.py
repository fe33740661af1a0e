"""CSV and TSV: cells between commas, semicolons, tabs or pipes, in quotes where they need them."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from models.errors import Fatal
from streams.program.reading.columns import Columns, chosen, repeats, shown
from streams.program.reading.dialect import DELIMITERS, Dialect, dialect_of
from streams.program.reading.files import LONGEST_LINE, Incomplete, Lines
from streams.program.reading.table import Row, as_json
from streams.program.reading.text_file import TextFile, without_mark

csv.field_size_limit(LONGEST_LINE)

UNQUOTED = ("\t", "|")
"""Between these a quote is often a letter as any other."""


class Delimited:
    """Rows of cells; a row that is none comes with its bytes."""

    def __init__(self, file: TextFile, wanted: Columns, *, tabs: bool = False) -> None:
        """Raises `Fatal`: it holds nothing, or a column that was asked for is not there."""
        self.file = file
        asked = {name for name in (wanted.text, wanted.label, wanted.id) if name}
        sample = file.text(without_mark(file.sample))
        self.dialect = dialect_of(sample, tabs=tabs, asked=asked)
        self.names = self.dialect.names
        if not self.names:
            error = Incomplete if file.grows else Fatal
            raise error(f"{file.where} is empty")
        self.kind = "TSV" if self.dialect.delimiter == "\t" else "CSV"
        self.preamble = self._preamble(file.sampled())
        self.said = f"{self.kind}, {DELIMITERS[self.dialect.delimiter]}, {file.written_in}" + (
            "" if self.dialect.header else ", no header"
        )
        self.columns = Columns()
        self.columns = self._columns(wanted)

    def _columns(self, wanted: Columns) -> Columns:
        rows = [row.fields for row in self._rows(self._past(self.file.sampled())) if row.fields]
        self.seen = seen = shown({name: rows[0][name] if rows else "" for name in self.names})
        where = self.where = self.file.where
        text = chosen("text", wanted, self.names, where, seen)
        if text is None and len(self.names) == 1:
            text = self.names[0]
        id_ = chosen("id", wanted, self.names, where, seen)
        # One who is asked is believed, and so is a column that is called just that.
        if id_ and not wanted.id and id_.casefold() != "id" and id_ in self.names:
            id_ = None if repeats(row[id_] for row in rows if row[id_]) else id_
        return Columns(text, chosen("label", wanted, self.names, where, seen), id_)

    def rows(self) -> Iterator[Row]:
        """Return the rows from the first on."""
        return self._rows(self._past(self.file.open()))

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def _preamble(self, lines: Lines) -> bytes:
        first = lines.next() if self.dialect.separator_line else b""
        header = _next(lines, self.file, self.dialect, first=True) if self.dialect.header else None
        return first + (header[0] if header else b"")

    def _past(self, lines: Lines) -> Lines:
        self._preamble(lines)
        return lines

    def _rows(self, lines: Lines) -> Iterator[Row]:
        return _Rows(lines, self.file, self.dialect, self.names, self.columns.id)


class _Rows:
    """Goes on after its end where the file has grown."""

    def __init__(
        self, lines: Lines, file: TextFile, dialect: Dialect, names: list[str], id_: str | None
    ) -> None:
        self._lines, self._file, self._dialect = lines, file, dialect
        self._names, self._id, self._number = names, id_, 0

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        first = self._number == 0 and not self._dialect.header
        found = _next(self._lines, self._file, self._dialect, first=first)
        if found is None:
            raise StopIteration
        raw, cells, plain = found
        if len(self._names) == 1 and cells and len(cells) > 1:
            # One column that nobody put into quotes, for a comma divides nothing there.
            cells, plain = [self._file.text(raw).rstrip("\r\n")], False
        self._number += 1
        fields = None
        if cells is not None and len(cells) == len(self._names):
            fields = dict(zip(self._names, cells, strict=True))
        value = None
        if fields is not None:
            given = fields
            if self._id and not fields[self._id].strip():
                given = {name: cell for name, cell in fields.items() if name != self._id}
            value = as_json(given)
        if value is None:
            plain = plain and cells is not None
            return Row(
                self._number, raw, None, raw.rstrip(b"\r\n"), plain, self._wrong(raw, cells, fields)
            )
        return Row(self._number, raw, fields, value, plain)

    def _wrong(self, raw: bytes, cells: list[str] | None, fields: object) -> str | None:
        if not raw.strip():
            return None  # an empty line, which is told as such
        if cells is None:
            return "its quotes do not fit together"
        if fields is None:
            return f"it has {len(cells)} cells, and there are {len(self._names)} columns"
        return f"it is not {self._file.encoding.name}"


def _next(
    lines: Lines, file: TextFile, dialect: Dialect, *, first: bool
) -> tuple[bytes, list[str] | None, bool] | None:
    """Return the bytes of the next row, its cells (None: it has none), and whether it is plain.

    Before the `first` there may be a byte-order mark.
    """
    taken: list[bytes] = []
    ended = False

    def letters() -> Iterator[str]:
        nonlocal ended
        while line := lines.next():
            taken.append(line)
            yield file.text(without_mark(line) if first and len(taken) == 1 else line)
        ended = True

    try:
        cells = next(csv.reader(letters(), delimiter=dialect.delimiter, strict=True), None)
    except csv.Error:
        cells = None
        if ended and file.grows:
            lines.put_back(taken)
            return None
        if (ended or sum(map(len, taken)) >= LONGEST_LINE) and len(taken) > 1:
            # A quote that is never closed: it costs its own line, and no other.
            lines.put_back(taken[1:])
            del taken[1:]
        if dialect.delimiter in UNQUOTED and len(taken) == 1:
            return taken[0], file.text(taken[0]).rstrip("\r\n").split(dialect.delimiter), True
    if not taken:
        return None
    return b"".join(taken), cells, cells is not None
