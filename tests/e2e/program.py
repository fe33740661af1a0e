"""Runs the program as a user would: in a process of its own, with the encoder without weights."""

from __future__ import annotations

import atexit
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from streams.embedded.log import SqliteLog
from streams.records import Labeled, Round
from streams.topology import LABELED_LATEST, ROUNDS, Topic

ROOT = Path(__file__).parents[2]
HELPDESK = ROOT / "examples" / "helpdesk"
EXAMPLES = HELPDESK / "examples.jsonl"
LABELS = HELPDESK / "labels.jsonl"
GOLD = HELPDESK / "gold.jsonl"
_SCRATCH = tempfile.TemporaryDirectory(prefix="redstream-e2e-")
atexit.register(_SCRATCH.cleanup)
TEXTS = Path(_SCRATCH.name) / "texts.jsonl"
"""The first 400 of the example's texts: enough for every test here, and none waits for the rest."""
TEXTS.write_bytes(b"".join((HELPDESK / "texts.jsonl").read_bytes().splitlines(keepends=True)[:400]))
SIMULATED = ("--judge", "simulated", "--gold", str(GOLD))
ENVIRONMENT = {
    **os.environ,
    "REDSTREAM_ENCODER": "hashing",
    "OMP_NUM_THREADS": "1",
    "COLUMNS": "200",
}


def start(*arguments: str, **more: str) -> subprocess.Popen[bytes]:
    """Start the program."""
    return subprocess.Popen(
        [sys.executable, "-c", "from streams.program.cli import main; main()", *arguments],
        cwd=ROOT,
        env={**ENVIRONMENT, **more},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def redstream(*arguments: str, stdin: bytes = b"", fails: bool = False, **more: str) -> str:
    """Run the program to its end; return its output, or the error where it `fails`."""
    process = start(*arguments, **more)
    output, errors = process.communicate(stdin)
    assert (process.returncode != 0) == fails, errors.decode()
    assert b"Traceback" not in errors, errors.decode()
    return (errors if fails else output).decode()


def fit(var: Path) -> None:
    """Fit the help desk example into a folder."""
    redstream("fit", str(EXAMPLES), "--labels", str(LABELS), "--var", str(var))


def latest(var: Path) -> dict[str, Labeled]:
    """Return the newest truth of every text, read from the log itself."""
    events = [Labeled.decode(value) for value in _values(var, LABELED_LATEST)]
    assert len({event.id for event in events}) == len(events)
    return {event.id: event for event in events}


def held(var: Path) -> set[str]:
    """Return the ids of the texts that are held undecided."""
    with sqlite3.connect(var / "ledger.sqlite") as db:
        return {text_id for (text_id,) in db.execute("SELECT id FROM held")}


def model(var: Path) -> tuple[int, str]:
    """Return the number and the hash of the newest version."""
    with sqlite3.connect(var / "ledger.sqlite") as db:
        row: tuple[int, str] = db.execute(
            "SELECT number, hash FROM versions ORDER BY number DESC"
        ).fetchone()
        return row


def lines(path: Path) -> list[dict[str, object]]:
    """Read JSON Lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def rounds(var: Path) -> list[Round]:
    """Return every word on a round, in the order of the log."""
    return [Round.decode(value) for value in _values(var, ROUNDS)]


def _values(var: Path, topic: Topic) -> list[bytes | None]:
    with closing(SqliteLog(var / "log.sqlite", read_only=True)) as log:
        return [record.value for record in log.read_from(topic.name, 0, 1_000_000)]
