"""Rows into JSON Lines: of such a file as they stand, with fields behind their own."""

from __future__ import annotations

import json
from typing import BinaryIO

from streams.became import Became
from streams.program.reading import Row, Table
from streams.program.reading.jsonl import JsonLines
from streams.program.reading.table import without_infinities
from streams.program.rows.added import PREFIX, values


class ToJsonLines:
    """An object a line; a line that was none stands in it as `redstream_row`."""

    def __init__(self, table: Table, out: BinaryIO, names: list[str]) -> None:
        self._out, self._names = out, names
        self._codec = table.file.encoding.codec if isinstance(table, JsonLines) else None

    def row(self, row: Row, became: Became) -> None:
        """Write a row."""
        # Letters beyond ASCII are escaped: every encoding has what is added.
        added = json.dumps(dict(zip(self._names, values(became), strict=True)))
        if self._codec is None or row.fields is None:
            unread = {f"{PREFIX}row": row.value.decode("utf-8", "replace")}
            fields = unread if row.fields is None else without_infinities(row.fields)
            own = json.dumps(fields, ensure_ascii=False, default=str)
        else:
            own = row.value.decode("utf-8").strip()
        before = own[:-1].rstrip()
        between = "" if before == "{" else ", "
        written = f"{before}{between}{added[1:]}\n"
        self._out.write(written.encode(self._codec or "utf-8", "replace"))

    def close(self) -> None:
        """All is written."""
