"""Texts from a pipe: JSON Lines, CSV or TSV, gzipped or not, told by the first bytes."""

from __future__ import annotations

import queue
import tempfile
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

from models.errors import Fatal
from streams.incoming import ID_HEADER, TEXT_HEADER, WRONG_HEADER
from streams.program.reading import Columns, open_table, required, table_of_lines, understood
from streams.program.reading.files import GZIP
from streams.program.reading.table import Table
from streams.program.source import MOST_BYTES
from streams.stage import Outgoing
from streams.topology import TEXTS

PIECE = 1 << 16
"""Bytes of one read from a pipe."""


class StandardInput:
    """Reads a pipe as its rows come. What was not yet taken dies with the process."""

    def __init__(
        self,
        read: Callable[[int], bytes],
        wanted: Columns | None = None,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        """`read` returns at most so many bytes, waits for the first, and b"" at the end.

        Give it `os.read`, not a buffered stream: a thread that waits in one of those cannot be
        left behind when the program ends.
        """
        self._queue: queue.Queue[Outgoing | Exception | None] = queue.Queue(maxsize=1_000)
        self._held, self._less = 0, threading.Condition()
        self._wanted, self._tell = wanted or Columns(), tell
        self.exhausted = False
        threading.Thread(target=self._pump, args=(read,), daemon=True).start()

    def close(self) -> None:
        """Leave the stream to the process."""

    def _pump(self, read: Callable[[int], bytes]) -> None:
        try:
            first = piece = read(PIECE)
            while piece and len(first) < 4:  # enough to be told by
                first += (piece := read(PIECE))
            if first:
                self._rows(first, read)
            self._queue.put(None)
        except Exception as error:
            self._queue.put(error)

    def _rows(self, first: bytes, read: Callable[[int], bytes]) -> None:
        gzipped = first.startswith(GZIP)
        if gzipped:
            read = _unzipped(first, read)
            first = read(PIECE)
        while b"\n" not in first and len(first) < PIECE and (piece := read(PIECE)):
            first += piece  # what divides the cells is told from a whole line
        if first.startswith(b"PAR1"):
            with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
                file.write(first)
                while piece := read(PIECE):
                    file.write(piece)
                file.flush()
                return self._hand_over(open_table(Path(file.name), self._wanted))
        self._hand_over(table_of_lines("-", first, read, self._wanted, gzipped=gzipped))

    def _hand_over(self, table: Table) -> None:
        text, id_ = required(table, "text"), table.columns.id
        self._tell(f"Reading {understood(table)}.")
        headers = {TEXT_HEADER: text} if text != "text" else {}
        if id_ not in (None, "id"):
            headers[ID_HEADER] = f"{id_}"
        for row in table.rows():
            wrong = {WRONG_HEADER: row.wrong} if row.wrong else {}
            with self._less:
                self._less.wait_for(lambda: self._held < MOST_BYTES)
                self._held += len(row.value)
            self._queue.put(Outgoing(TEXTS.name, None, row.value, headers | wrong))

    def take(self, limit: int) -> list[Outgoing]:
        """Return what has arrived, up to `limit` records; never wait.

        Raises:
            Fatal: the stream cannot be read as rows, or nothing says where the texts are.
        """
        records: list[Outgoing] = []
        size = 0
        while len(records) < limit and size < MOST_BYTES:
            try:
                found = self._queue.get_nowait()
            except queue.Empty:
                break
            if isinstance(found, Exception):
                raise found
            if found is None:
                self.exhausted = True
                break
            records.append(found)
            size += len(found.value or b"")
            with self._less:
                self._held -= len(found.value or b"")
                self._less.notify()
        return records


def _unzipped(first: bytes, read: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """Return what reads the unpacked bytes of a gzip stream, of all its members."""
    stream, packed = zlib.decompressobj(zlib.MAX_WBITS | 16), first

    def plain(limit: int) -> bytes:
        nonlocal stream, packed
        while True:
            if stream.eof:
                packed = stream.unused_data + packed
                if not packed and not (packed := read(PIECE)):
                    return b""
                stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
            try:
                found = stream.decompress(stream.unconsumed_tail + packed, limit)
            except zlib.error as error:
                raise Fatal(f"what comes from the pipe is no whole gzip stream: {error}") from None
            packed = b""
            if found:
                return found
            if not stream.eof and not stream.unconsumed_tail and not (packed := read(PIECE)):
                raise Fatal("what comes from the pipe is cut off: its gzip stream has no end")

    return plain
