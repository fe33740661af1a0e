"""What disk and system say when they refuse, in one line that says what to do next."""

from __future__ import annotations

import errno
import sqlite3

from pydantic import ValidationError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def told(error: Exception) -> str | None:
    """Return the line; None for an error of another kind, which is a defect of ours."""
    if isinstance(error, sqlite3.Error):
        return _database(error)
    if isinstance(error, ValidationError):  # what comes from outside is `Unreadable` long before
        return _damaged(f"no {error.title}")
    if not isinstance(error, OSError):
        return None
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in FULL:
        return f"the disk is full{where}: make room; nothing committed is lost"
    return f"{error.strerror or error}{where}: can this user read and write there?"


def _database(error: sqlite3.Error) -> str | None:
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_FULL":
        return "the disk is full: make room; nothing committed is lost"
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return f"cannot write into the --var folder ({error}): can this user write there?"
    if name.startswith("SQLITE_IOERR"):
        return f"the disk refuses ({error}): is it full, or damaged? Nothing committed is lost"
    odd = (
        *("user-defined function raised", "Could not decode", "malformed JSON"),
        *("unsupported file format", "no such table", "no such column"),
    )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or str(error).startswith(odd):
        return _damaged(str(error))
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"another process holds the --var folder ({error}): try again when it is done"
    return None


def _damaged(why: str) -> str:
    return (
        f"a file in the --var folder is damaged ({why}): bring it back from a backup"
        " (`redstream restore`); all but log.sqlite is rebuilt where it is missing"
    )
