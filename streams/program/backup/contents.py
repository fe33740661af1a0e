"""What of a folder is worth a copy, and the copy itself: of one moment, while a run goes on."""

from __future__ import annotations

import shutil
from contextlib import ExitStack, suppress
from pathlib import Path

from streams.database import at_a_moment, copied, unwritten, wal_of

LOG, LEDGER, TOPICS = "log.sqlite", "ledger.sqlite", "topics.sqlite"

DERIVED = (LEDGER, "texts.sqlite")
"""Databases that may be behind the log, and never ahead of it."""

ASIDE = ("verdicts.sqlite",)
"""What has nothing to do with places in the log: answers of the LLM and what was spent."""

FILES = (
    "audits.json",
    "following.json",
    "judge.json",
    "settings.json",
    "fitted.json",
    "guides.md",
    "guides.history.jsonl",
)

KNOWN = frozenset({LOG, TOPICS, *DERIVED, *ASIDE, *FILES})

REBUILT = ("examples*", "pipes", "workers", "faust")
"""What is not copied, by pattern: stores of examples are filled again from the log, a pipe that is
kept comes again, and what further workers derive is derived again."""


def copy_folder(var: Path, into: Path, *, log: bool) -> None:
    """Copy what is kept in a folder into an empty one; with or without the log.

    What is derived from the log is of the same moment. Nobody waits for it longer than it takes to
    note that moment.
    """
    # Before the log, as all that must not be ahead of it.
    for name in FILES:
        with suppress(FileNotFoundError):
            shutil.copyfile(var / name, into / name)
    names = [name for name in (*DERIVED, *ASIDE) if (var / name).exists()]
    with ExitStack() as stack:
        with ExitStack() as moment:
            if log and _written(var / LOG):
                moment.enter_context(unwritten(var / LOG))
            if log:
                names.insert(0, LOG)
            opened = [stack.enter_context(at_a_moment(var / name)) for name in names]
        for name, db in zip(names, opened, strict=True):
            copied(db, into / name)


def _written(path: Path) -> bool:
    """Tell whether anybody may be writing to a database: not where nobody can."""
    try:
        with path.open("r+b"):
            return True
    except PermissionError:
        return wal_of(path).exists()
    except OSError:  # a medium that is read only
        return False


def present(var: Path) -> list[str]:
    """Return what of a folder is ours, copied or not."""
    return sorted(path.name for name in (*KNOWN, *REBUILT) for path in var.glob(name))
