"""Where texts come from: a JSONL or CSV file, or standard input.

A source hands over records as they are: what is no usable text becomes a dead letter in
`classify`, with the bytes that stood in the file. Its mark travels with the records, so that a
run that was killed reads on where the last transaction ended.
"""

from __future__ import annotations

import csv
import json
import queue
import threading
from collections.abc import Callable, Iterator
from hashlib import blake2b
from os import SEEK_CUR
from pathlib import Path
from typing import BinaryIO

from models.errors import Fatal
from streams.embedded.runner import Source
from streams.incoming import SOURCE_HEADER
from streams.records import FileMark
from streams.rounds import Rounds
from streams.stage import Outgoing, Reader, outgoing
from streams.topology import MARKS, TEXTS

LONGEST_LINE = 16 << 20
"""A longer line is handed over in pieces of this many bytes (and ends in the dead letters)."""

PIECE = 1 << 16
"""Bytes of one read from a pipe."""

csv.field_size_limit(LONGEST_LINE)


class FileSource:
    """Reads a file from its mark on. Changed before the mark, it is read from the start again:
    what was seen is dropped by its id, what is new is labelled.
    """

    def __init__(self, path: Path, reader: Reader, *, grows: bool = False) -> None:
        """With `grows` a line without an end is one that is still being written, and `take` may
        find more after it found nothing.
        """
        self._grows = grows
        self._path = path.absolute()
        try:
            self._file: BinaryIO = self._path.open("rb")
        except OSError as error:
            raise Fatal(f"cannot read {path}: {error.strerror}") from None
        self._digest = blake2b(digest_size=16)
        self._bytes = self._rows = 0
        self._resume(reader)
        self.exhausted = False
        self._values = self._rows_left()

    def _rows_left(self) -> Iterator[bytes]:
        return self._csv_rows() if self._path.suffix.lower() == ".csv" else self._lines()

    def _resume(self, reader: Reader) -> None:
        empty = FileMark(role="in", path=str(self._path), bytes=0, rows=0)
        found = reader.newest(MARKS.name, empty.key.encode())
        mark = FileMark.decode(found.value) if found else empty
        while piece := self._file.read(min(1 << 20, mark.bytes - self._file.tell())):
            self._digest.update(piece)
        if self._digest.hexdigest() == mark.digest:
            self._bytes, self._rows = mark.bytes, mark.rows
        else:
            self._digest = blake2b(digest_size=16)
            self._file.seek(0)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def take(self, limit: int) -> list[Outgoing]:
        """Return up to `limit` further records and the mark that moves past them."""
        records = []
        for value in self._values:
            source = f"{self._path}:{self._rows}"
            records.append(Outgoing(TEXTS.name, None, value, {SOURCE_HEADER: source}))
            if len(records) == limit:
                break
        else:
            self.exhausted = not self._grows
            if self._grows:
                self._values = self._rows_left()
        if records:
            mark = FileMark(
                role="in",
                path=str(self._path),
                bytes=self._bytes,
                rows=self._rows,
                digest=self._digest.hexdigest(),
            )
            records.append(outgoing(MARKS, mark.key, mark))
        return records

    def _raw_lines(self) -> Iterator[bytes]:
        while line := self._file.readline(LONGEST_LINE):
            if self._grows and not line.endswith(b"\n") and len(line) < LONGEST_LINE:
                self._file.seek(-len(line), SEEK_CUR)
                return
            self._bytes += len(line)
            self._digest.update(line)
            yield line

    def _lines(self) -> Iterator[bytes]:
        for line in self._raw_lines():
            self._rows += 1
            if self._rows == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            yield line.rstrip(b"\r\n")

    def _csv_rows(self) -> Iterator[bytes]:
        columns = self._csv_header()
        taken: list[bytes] = []

        def decoded() -> Iterator[str]:
            for line in self._raw_lines():
                taken.append(line)
                yield line.decode("utf-8", "surrogateescape")

        rows = csv.reader(decoded(), strict=True)
        while True:
            taken.clear()
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error:
                cells = []
            self._rows += 1
            raw = b"".join(taken)
            yield _row_value(columns, cells) or raw.rstrip(b"\r\n")

    def _csv_header(self) -> list[str]:
        at = self._file.tell()
        self._file.seek(0)
        header = self._file.readline(LONGEST_LINE)
        if at == 0:
            self._bytes = len(header)
            self._digest.update(header)
        else:
            self._file.seek(at)
        columns = next(csv.reader([header.decode("utf-8-sig", "replace")]), [])
        if "text" not in columns:
            raise Fatal(f"{self._path} has no column 'text' but {', '.join(columns) or 'nothing'}")
        return columns


def _row_value(columns: list[str], cells: list[str]) -> bytes | None:
    """Return the row as JSON; None where it does not fit the header or is not UTF-8."""
    if len(cells) != len(columns):
        return None
    row = dict(zip(columns, cells, strict=True))
    if row.get("id") == "":
        del row["id"]
    try:
        return json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return None


class StandardInput:
    """Reads JSON Lines from a pipe, as they come. What was not yet taken dies with the process."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        """`read` returns at most so many bytes, waits for the first, and b"" at the end.

        Give it `os.read`, not a buffered stream: a thread that waits in one of those cannot be
        left behind when the program ends.
        """
        self._queue: queue.Queue[bytes | None] = queue.Queue(maxsize=1_000)
        self.exhausted = False
        threading.Thread(target=self._pump, args=(read,), daemon=True).start()

    def close(self) -> None:
        """Leave the stream to the process."""

    def _pump(self, read: Callable[[int], bytes]) -> None:
        rest = b""
        while piece := read(PIECE):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                self._queue.put(line.rstrip(b"\r"))
            if len(rest) >= LONGEST_LINE:
                self._queue.put(rest)
                rest = b""
        if rest:
            self._queue.put(rest.rstrip(b"\r"))
        self._queue.put(None)

    def take(self, limit: int) -> list[Outgoing]:
        """Return what has arrived, up to `limit` records; never wait."""
        records: list[Outgoing] = []
        while len(records) < limit:
            try:
                line = self._queue.get_nowait()
            except queue.Empty:
                break
            if line is None:
                self.exhausted = True
                break
            records.append(Outgoing(TEXTS.name, None, line))
        return records


class RoundsEndFirst:
    """A source whose texts end a round in hand: what follows from them is not the round's."""

    def __init__(self, source: Source, rounds: Rounds) -> None:
        self._source = source
        self._rounds = rounds

    @property
    def exhausted(self) -> bool:
        """Tell whether nothing more will come."""
        return self._source.exhausted

    def take(self, limit: int) -> list[Outgoing]:
        """Return up to `limit` further records and the mark that moves past them."""
        records = self._source.take(limit)
        return [*self._rounds.interrupted(), *records] if records else []

    def close(self) -> None:
        """Let go of what is read."""
        self._source.close()
