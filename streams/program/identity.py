"""Which text a row of a file is: by its own id, else by its words and how often they came before.

So a file that was edited labels anew what is new or changed in it, wherever in the file that
stands, and nothing else. Rows with the very same words are as many texts, told apart by their
order; words in two files are two texts.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from streams.errors import Unreadable
from streams.incoming import usable_id
from streams.program.reading import Columns, Row, named_path
from streams.wire import content_of, derived_id


@dataclass(frozen=True)
class Identity:
    """`id` names the row; `content` is the key of its words, None where it has none."""

    id: str
    content: str | None


class Identities:
    """The rows of one file, from the first on and in order."""

    def __init__(self, path: Path, columns: Columns) -> None:
        self._path = path.absolute()
        self._text, self._id = columns.text or "text", columns.id or "id"
        # A file of SQLite's own that goes with it: a million rows are no matter of memory.
        self._seen = sqlite3.connect("", isolation_level=None)
        self._seen.execute("PRAGMA journal_mode = OFF")
        self._seen.execute("CREATE TABLE seen (what BLOB PRIMARY KEY, times INT) WITHOUT ROWID")

    def close(self) -> None:
        """Forget everything."""
        self._seen.close()

    def of(self, row: Row) -> Identity:
        """Return which text the next row is."""
        fields = row.fields or {}
        words = named_path(fields, self._text)
        text = words if isinstance(words, str) and words.strip() else None
        content = None
        if text is not None:
            try:
                content = content_of(text)
            except UnicodeEncodeError:
                text = None
        given = named_path(fields, self._id)
        if given is not None and not (isinstance(given, str) and not given.strip()):
            try:
                return Identity(usable_id(given), content)
            except Unreadable:
                text = content = None
        what = b"text:" + text.strip().encode() if text else b"row:" + row.raw.strip()
        key = blake2b(what, digest_size=16).digest()
        (times,) = self._seen.execute(
            "INSERT INTO seen VALUES (?, 1)"
            " ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times",
            (key,),
        ).fetchone()
        return Identity(derived_id("row", self._path, key.hex(), times), content)
