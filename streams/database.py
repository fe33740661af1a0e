"""One way to open and write the SQLite files of a `var/` folder."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
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
    older: Mapping[int, str] | None = None,
) -> sqlite3.Connection:
    """Open a database in WAL mode and create what is missing.

    `older` are the formats that can be read as well, each with the statements that make a file the
    next one; who only reads leaves it as it is (`format_of`).

    Raises:
        Fatal: the file has another format, or does not exist and is opened to read only.
    """
    if read_only and not path.exists():
        raise Fatal(f"there is no {path}: run `redstream fit` first, or name its folder with --var")
    try:
        db = _connected(path, read_only=read_only)
        found = db.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise Fatal(f"cannot open {path}: {error}; is this the right --var folder?") from None
    if read_only and found == 0:
        db.close()
        raise Fatal(f"{path} holds nothing yet: run `redstream run` first")
    older = older or {}
    if found not in (0, version, *older):
        db.close()
        raise Fatal(f"{path} has format {found}; this redstream reads format {version}")
    if read_only and not set(TABLE.findall(schema)) <= _tables(db):
        db.close()
        raise Fatal(f"{path} was made by an older redstream: `redstream run` brings it up to date")
    if not read_only:
        if not found:
            # What is freed can go back to the file system (`give_back`); of a new file only.
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA synchronous = {synchronous}")
        for number in sorted(older):
            if found and number >= found:
                moved = f"BEGIN IMMEDIATE; {older[number]}; PRAGMA user_version = {number + 1};"
                db.executescript(f"{moved} COMMIT;")
        db.executescript(schema)
        db.execute(f"PRAGMA user_version = {version}")
    return db


def _connected(path: Path, *, read_only: bool) -> sqlite3.Connection:
    mode = "ro" if read_only else "rwc"
    if read_only and not os.access(path.parent, os.W_OK) and not wal_of(path).exists():
        mode += "&immutable=1"  # a copy on a medium that cannot be written: nobody else writes it
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=BUSY_SECONDS,
    )


@contextmanager
def at_a_moment(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file to read, as it is now whatever is written to it meanwhile."""
    with closing(_connected(path, read_only=True)) as db:
        db.execute("BEGIN")
        db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()  # from here on it stands still
        yield db


@contextmanager
def unwritten(path: Path) -> Iterator[None]:
    """Have nobody write to a file while the block runs; keep it to milliseconds."""
    with closing(_connected(path, read_only=False)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


def copied(db: sqlite3.Connection, path: Path) -> None:
    """Copy what an open connection sees into a new file, and read the copy through.

    Raises:
        sqlite3.DatabaseError: what was copied is damaged.
    """
    with closing(sqlite3.connect(path)) as copy:
        db.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, also while it is read
        ((said,), *_) = copy.execute("PRAGMA quick_check(1)").fetchall()
        if said != "ok":
            raise sqlite3.DatabaseError(said)


def format_of(db: sqlite3.Connection) -> int:
    """Return the format of an open file: an older one, where it was opened to read."""
    (number,) = db.execute("PRAGMA user_version").fetchone()
    return int(number)


def made_durable(db: sqlite3.Connection) -> bool:
    """Have all that is committed on the disk, also after a power cut; tell whether it is."""
    busy, _, _ = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return not busy


def give_back(db: sqlite3.Connection) -> None:
    """Return freed pages to the file system, where they are a quarter of the file or more."""
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    if 4 * free >= pages:
        # As a script: execute() would take the first of its steps, one page, and stop.
        db.executescript("PRAGMA incremental_vacuum")


def scoured(path: Path, seconds: float = BUSY_SECONDS) -> bool:
    """Leave nothing in a database's files but what is in it: write it anew, and empty its log.

    SQLite only marks what is deleted as free. Others may read and write before and after, and wait
    meanwhile. False where somebody did not let it for so long; True also where there is none.
    """
    if not path.exists():
        return True
    with closing(sqlite3.connect(path, isolation_level=None, timeout=seconds)) as db:
        try:
            db.execute("VACUUM")
            busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError:
            return False
        return not busy


def wal_of(path: Path) -> Path:
    """Return where what is not yet in the file itself lies."""
    return path.with_name(f"{path.name}-wal")


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
