"""One way to open and write the SQLite files of a `var/` folder."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from models.errors import Fatal

BUSY_SECONDS = 30
TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)")


def open_database(
    path: Path,
    schema: str,
    version: int,
    *,
    read_only: bool = False,
    synchronous: Literal["FULL", "NORMAL"] = "NORMAL",
) -> sqlite3.Connection:
    """Open a database in WAL mode and create what is missing.

    Raises:
        Fatal: the file has another format, or does not exist and is opened to read only.
    """
    if read_only and not path.exists():
        raise Fatal(f"there is no {path}: run `redstream fit` first, or name its folder with --var")
    mode = "ro" if read_only else "rwc"
    try:
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=BUSY_SECONDS,
        )
        found = db.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise Fatal(f"cannot open {path}: {error}; is this the right --var folder?") from None
    if read_only and found == 0:
        db.close()
        raise Fatal(f"{path} holds nothing yet: run `redstream run` first")
    if found not in (0, version):
        db.close()
        raise Fatal(f"{path} has format {found}; this redstream reads format {version}")
    if read_only and not set(TABLE.findall(schema)) <= _tables(db):
        db.close()
        raise Fatal(f"{path} was made by an older redstream: `redstream run` brings it up to date")
    if not read_only:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA synchronous = {synchronous}")
        db.executescript(schema)
        db.execute(f"PRAGMA user_version = {version}")
    return db


def _tables(db: sqlite3.Connection) -> set[str]:
    return {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block writes, or nothing of it."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
