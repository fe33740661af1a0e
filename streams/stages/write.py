"""write: the newest truths into a JSON Lines file, one line for each time a truth changed.

That a text is forgotten is no line: what was written about it before is in a person's hands.

The mark that says how many bytes are committed travels with the position: after a crash the
file is cut back to it, so that no line is lost or written twice.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from models.errors import Fatal
from streams.records import FileMark
from streams.stage import Delivered, Outgoing, Reader, outgoing
from streams.topology import MARKS, WRITE


class Write:
    """Appends to one file; each file has a position of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self.spec = replace(WRITE, name=f"{WRITE.name}:{self._path}")
        self._reader: Reader | None = None

    async def start(self, reader: Reader) -> None:
        """Cut the file back to its last committed byte."""
        self._reader = reader
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch()
        self._append(self._mark(), b"")

    async def close(self) -> None:
        """Nothing stays open between batches."""

    def _mark(self) -> FileMark:
        empty = FileMark(role="out", path=str(self._path), bytes=0, rows=0)
        found = self._reader and self._reader.newest(MARKS.name, empty.key.encode())
        return FileMark.decode(found.value) if found else empty

    async def handle(self, batch: Sequence[Delivered]) -> list[Outgoing]:
        """Write the batch behind what is committed."""
        mark = self._mark()
        values = [one.value for one in batch if one.value is not None]
        lines = b"".join(value + b"\n" for value in values)
        await asyncio.to_thread(self._append, mark, lines)
        moved = mark.model_copy(
            update={"bytes": mark.bytes + len(lines), "rows": mark.rows + len(values)}
        )
        return [outgoing(MARKS, mark.key, moved)]

    def _append(self, mark: FileMark, lines: bytes) -> None:
        with self._path.open("r+b") as file:
            if file.seek(0, os.SEEK_END) < mark.bytes:
                raise Fatal(
                    f"{self._path} is shorter than what was written to it: it was changed by"
                    " somebody else; name another --out to write everything again"
                )
            file.seek(mark.bytes)
            file.truncate()
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
