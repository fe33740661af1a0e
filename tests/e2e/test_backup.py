"""A backup that is made in the middle of a run, restored: it goes on to the same end."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e import program

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

COUNT = 160


def labelled(var: Path) -> int:
    """Return how many texts have a label so far, as anybody may look at any time."""
    with closing(sqlite3.connect(f"file:{var / 'ledger.sqlite'}?mode=ro", uri=True)) as db:
        (count,) = db.execute("SELECT COUNT(*) FROM truths").fetchone()
        return int(count)


@pytest.mark.parametrize("name", ["copy", "copy.tar"])
def test_a_run_goes_on_from_a_backup_made_meanwhile_to_the_same_end(
    var: Path, tmp_path: Path, name: str
) -> None:
    kept, texts = tmp_path / name, tmp_path / "texts.jsonl"
    texts.write_bytes(b"".join(program.TEXTS.read_bytes().splitlines(keepends=True)[:COUNT]))
    run = ("run", str(texts), *program.SIMULATED, "--lockstep")
    running = program.start(*run, "--var", str(var), REDSTREAM_BATCH="4")
    until = time.monotonic() + 60
    while not (var / "ledger.sqlite").exists() or labelled(var) < 30:
        assert time.monotonic() < until
        assert running.poll() is None
        time.sleep(0.05)
    said = program.redstream("backup", str(kept), "--var", str(var))
    assert running.poll() is None, "the run was over before the backup: it proves nothing"
    assert "texts with a label" in said
    running.communicate()
    assert running.returncode == 0

    again = tmp_path / "again"
    program.redstream("restore", str(kept), "--var", str(again))
    behind = labelled(again)
    assert 30 <= behind < labelled(var), "it is of the middle of the run"
    assert not (again / "examples").exists()
    status = program.redstream("status", "--var", str(again))
    assert str(behind) in status
    program.redstream(*run, "--var", str(again), REDSTREAM_BATCH="4")

    expected = {text_id: event.label for text_id, event in program.latest(var).items()}
    assert {i: event.label for i, event in program.latest(again).items()} == expected
    assert program.held(again) == program.held(var)
    assert program.model(again) == program.model(var)
    shutil.rmtree(again)
