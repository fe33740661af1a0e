"""A model is moved to another encoder and back while it serves, and nothing is lost."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from streams.derived import readable
from streams.embedded.log import SqliteLog
from streams.feed import Feed, Version
from streams.records import DeadLetter, Manifest
from streams.topology import DEADLETTERS
from tests.e2e import program

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PATIENCE = 100.0
PART = 120


def rows(first: int) -> bytes:
    lines = program.TEXTS.read_bytes().splitlines(keepends=True)
    return b"".join(lines[first : first + PART])


def ids(count: int) -> set[str]:
    lines = program.TEXTS.read_bytes().splitlines()[:count]
    return {json.loads(line)["id"] for line in lines}


def served(var: Path) -> Version:
    with closing(SqliteLog(var / "log.sqlite", read_only=True)) as log:
        return Feed(log).newest()


def decided(var: Path) -> set[str]:
    try:
        return program.latest(var).keys() | program.held(var)
    except sqlite3.OperationalError:
        return set()


def dead(var: Path) -> list[DeadLetter]:
    with closing(SqliteLog(var / "log.sqlite", read_only=True)) as log:
        return [letter for _, letter in readable(log, DEADLETTERS, DeadLetter)]


def wait(process: subprocess.Popen[bytes], done: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not done():
        assert process.poll() is None, process.communicate()[1].decode()
        assert time.monotonic() < until
        time.sleep(0.2)


def test_a_run_goes_on_through_a_change_of_encoder_and_back_and_through_a_kill(
    var: Path, tmp_path: Path
) -> None:
    stream, out = tmp_path / "stream.jsonl", tmp_path / "out.jsonl"
    command = ("run", str(stream), "--follow", *program.SIMULATED, "--out", str(out))
    command = (*command, "--var", str(var))
    stream.write_bytes(rows(0))
    run = program.start(*command)
    wait(run, lambda: decided(var) == ids(PART))
    before = served(var).manifest

    told = program.redstream("encoder", "change", "hashing:64", "--var", str(var))
    assert "in vectors of hashing:64" in told
    with stream.open("ab") as file:
        file.write(rows(PART))
    wait(run, lambda: decided(var) == ids(2 * PART))
    wait(run, lambda: any(e.model >= before.number + 2 for e in program.latest(var).values()))
    now = served(var).manifest
    assert now.encoded is not None
    assert (now.encoded.name, now.epoch) == ("hashing:64", before.epoch + 1)
    assert now.encoder != before.encoder
    # What was taught before it, and goes on being taught, is in it.
    assert now.learnt >= before.learnt

    run.kill()  # in the middle of whatever it does
    run.communicate()
    program.redstream("encoder", "change", "hashing", "--var", str(var))
    with stream.open("ab") as file:
        file.write(rows(2 * PART))
    run = program.start(*command)
    wait(run, lambda: decided(var) == ids(3 * PART))
    run.terminate()
    _, errors = run.communicate(timeout=60)
    assert b"Traceback" not in errors, errors.decode()
    back = served(var).manifest
    assert back.encoder == before.encoder
    assert not dead(var)
    written = {row["id"] for row in program.lines(out)}
    assert written == set(program.latest(var))
    shown = program.redstream("encoder", "show", "--var", str(var))
    assert "from hashing:64" in shown


def test_an_encoder_that_is_not_there_changes_nothing(var: Path) -> None:
    before = served(var).manifest
    told = program.redstream(
        "encoder", "change", "/nowhere/weights", "--var", str(var), fails=True, HF_HUB_OFFLINE="1"
    )
    assert "cannot be loaded" in told
    assert served(var).manifest == before


def test_the_encoder_of_the_log_wins_over_the_setting(var: Path, tmp_path: Path) -> None:
    program.redstream("encoder", "change", "hashing:64", "--var", str(var))
    process = program.start("run", str(program.TEXTS), *program.SIMULATED, "--var", str(var))
    wait(process, lambda: len(decided(var)) > 20)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert "moved to the encoder 'hashing:64', which is used" in " ".join(errors.decode().split())
    assert errors.decode().count("which is used") == 1


def test_a_rollback_over_a_change_says_what_to_do(var: Path) -> None:
    first: Manifest = served(var).manifest
    program.redstream("encoder", "change", "hashing:64", "--var", str(var))
    told = program.redstream("models", "rollback", str(first.number), "--var", str(var), fails=True)
    assert "`redstream encoder change hashing` does" in told
