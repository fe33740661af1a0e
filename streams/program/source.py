"""Where texts come from: a file, or standard input.

A source hands over records as they are: what is no usable text becomes a dead letter in
`classify`, with the bytes that stood in the file. Its mark travels with the records, so that a
run that was killed reads on where the last transaction ended.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

from models.errors import Fatal
from streams.embedded.runner import Source
from streams.incoming import (
    ID_HEADER,
    READING_HEADER,
    ROW_HEADER,
    SOURCE_HEADER,
    TEXT_HEADER,
    WRONG_HEADER,
)
from streams.program.identity import Identities
from streams.program.plain import is_unicode
from streams.program.reading import Columns, Row, open_table, required, understood
from streams.records import FileMark
from streams.rounds import Rounds
from streams.stage import Marks, Outgoing, outgoing
from streams.topology import MARKS, TEXTS

MOST_BYTES = 32 << 20
"""Of records handed over at a time: a line without an end comes in pieces of 16 MB."""


class FileSource:
    """Reads a file from its mark on. Changed before the mark, it is read from the start again:
    what was seen is dropped by its id, what is new or changed is labelled (`identity`).
    """

    def __init__(
        self,
        path: Path,
        reader: Marks,
        wanted: Columns | None = None,
        *,
        grows: bool = False,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        """With `grows` a line without an end is one that is still being written, and `take` may
        find more after it found nothing. `tell` is told what was understood.

        Raises:
            Incomplete: it is cut off, or with `grows` nothing is in it yet.
            Fatal: it cannot be read, or nothing says where the texts are.
        """
        self._path = path.absolute()
        if not is_unicode(str(self._path)):  # its texts name it, in JSON
            raise Fatal(f"{self._path} has a name that is no UTF-8: give it another")
        self._grows = grows
        self._table = open_table(path, wanted, grows=grows)
        try:
            text = required(self._table, "text")
        except Fatal:
            self._table.close()
            raise
        tell(f"Reading {understood(self._table)}.")
        columns = self._table.columns
        self._headers = {TEXT_HEADER: text} if text != "text" else {}
        if columns.id not in (None, "id"):
            self._headers[ID_HEADER] = f"{columns.id}"
        self.exhausted = False
        empty = FileMark(role="in", path=str(self._path), bytes=0, rows=0)
        found = reader.newest(MARKS.name, empty.key.encode())
        self._mark = FileMark.decode(found.value) if found else empty
        self._begin()
        if self._mark.rows and not self._passed(self._mark):
            self._end()
            again = {"bytes": 0, "rows": 0, "reading": (self._mark.reading or 1) + 1}
            self._mark = self._mark.model_copy(update=again)
            self._begin()

    def _begin(self) -> None:
        self._identities = Identities(self._path, self._table.columns)
        self._rows = self._table.rows()
        self._digest = blake2b(self._table.preamble, digest_size=16)
        self._read, self._bytes = 0, len(self._table.preamble)

    def _end(self) -> None:
        self._identities.close()
        self._table.close()

    def _passed(self, mark: FileMark) -> bool:
        """Go to the mark; False where what lies before it is not what was read."""
        for row in self._rows:
            self._next(row)
            if self._read == mark.rows:
                return self._digest.hexdigest() == mark.digest
        return False

    def _next(self, row: Row) -> str:
        self._read = row.number
        self._bytes += len(row.raw)
        self._digest.update(row.raw)
        return self._identities.of(row).id

    def close(self) -> None:
        """Let go of the file."""
        self._end()

    def take(self, limit: int) -> list[Outgoing]:
        """Return up to `limit` further records and the mark that moves past them."""
        records, size = [], 0
        reading = self._mark.reading
        again = {READING_HEADER: str(reading)} if reading else {}
        for row in self._rows:
            headers = {
                SOURCE_HEADER: f"{self._path}:{row.number}",
                ROW_HEADER: self._next(row),
                **self._headers,
                **again,
                **({WRONG_HEADER: row.wrong} if row.wrong else {}),
            }
            records.append(Outgoing(TEXTS.name, None, row.value, headers))
            size += len(row.value)
            if len(records) == limit or size >= MOST_BYTES:
                break
        else:
            self.exhausted = not self._grows
        if records:
            moved = {
                "bytes": self._bytes,
                "rows": self._read,
                "digest": self._digest.hexdigest(),
            }
            self._mark = self._mark.model_copy(update=moved)
            records.append(outgoing(MARKS, self._mark.key, self._mark))
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
