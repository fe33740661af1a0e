"""Rows into a delimited file: as their bytes stood, where it is written as the file they are of."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

from streams.became import Became
from streams.program.reading import Row
from streams.program.reading.delimited import Delimited
from streams.program.reading.table import without_infinities
from streams.program.rows.added import cells


def line(values: Sequence[str], delimiter: str) -> str:
    """Return cells as a line without its end, in quotes where they need them."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="").writerow(values)
    return out.getvalue()


class SameDelimited:
    """Adds cells behind the bytes of each row, in the file's own encoding."""

    def __init__(self, table: Delimited, out: BinaryIO, names: list[str], *, utf8: bool) -> None:
        """With `utf8` all is written in UTF-8, whatever the file was."""
        self._file, self._out = table.file, out
        self._delimiter, self._columns = table.dialect.delimiter, table.names
        self._encode = _encoder(table, utf8=utf8)
        header = table.file.text(table.preamble)
        body = header.rstrip("\r\n")
        self._end = header[len(body) :] or "\n"
        if utf8 and not table.preamble.startswith(b"\xef\xbb\xbf"):
            body = "\ufeff" + body  # spreadsheets look for it
        if table.dialect.header:
            out.write(
                self._encode(f"{body}{self._delimiter}{line(names, self._delimiter)}{self._end}")
            )
        else:
            out.write(self._encode(header))

    def row(self, row: Row, became: Became) -> None:
        """Write a row. Raises `UnicodeEncodeError`: what is added is none of the encoding's."""
        letters = self._file.text(row.raw)
        body = letters.rstrip("\r\n")
        if not body:
            self._out.write(self._encode(body + (letters[len(body) :] or self._end)))
            return
        if not row.plain:
            known = [str(row.fields[name]) for name in self._columns] if row.fields else [body]
            body = line(known, self._delimiter)
        if row.fields is None:
            read = next(csv.reader(io.StringIO(body, newline=""), delimiter=self._delimiter), [])
            body += self._delimiter * max(0, len(self._columns) - len(read))
        more = line(cells(became), self._delimiter)
        end = letters[len(letters.rstrip("\r\n")) :] or self._end
        self._out.write(self._encode(f"{body}{self._delimiter}{more}{end}"))

    def close(self) -> None:
        """All is written."""


def _encoder(table: Delimited, *, utf8: bool) -> Callable[[str], bytes]:
    codec = "utf-8" if utf8 else table.file.encoding.codec

    def encode(letters: str) -> bytes:
        # Bytes that are no letters in the file's encoding come back as they were.
        return letters.encode(codec, "surrogateescape")

    return encode


class OtherDelimited:
    """Writes rows of any file as CSV or TSV in UTF-8."""

    def __init__(
        self, out: BinaryIO, columns: list[str], names: list[str], *, delimiter: str
    ) -> None:
        self._out, self._delimiter, self._columns = out, delimiter, columns
        self._write([*columns, *names])

    def row(self, row: Row, became: Became) -> None:
        """Write a row; one that cannot be read stands in the first cell."""
        if row.fields is None:
            own = [row.value.decode("utf-8", "replace")] + [""] * (len(self._columns) - 1)
        else:
            own = [as_text(row.fields.get(name)) or "" for name in self._columns]
        self._write([*own, *cells(became)])

    def close(self) -> None:
        """All is written."""

    def _write(self, values: list[str]) -> None:
        self._out.write((line(values, self._delimiter) + "\n").encode("utf-8", "replace"))


def as_text(value: Any) -> str | None:
    """Return a value as letters: a string as it stands, anything else as JSON."""
    value = without_infinities(value)
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str).strip('"')
