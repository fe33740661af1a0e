"""Killed at random moments and started again, a run ends as one that nobody disturbed."""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path

import pytest

from tests.e2e import program

KILLS = int(os.environ.get("REDSTREAM_TEST_KILLS", "50"))


def killed(command: tuple[str, ...], kills: int, longest: float) -> int:
    """Kill the command at random moments; return how often it was over before that."""
    rng, too_late = random.Random(20261123), 0
    for _ in range(kills):
        process = program.start(*command, REDSTREAM_BATCH="4")
        # Some die while they start, most in the middle of work.
        time.sleep(rng.uniform(0.2, longest))
        too_late += process.poll() is not None
        process.kill()
        process.communicate()
    return too_late


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_fifty_kills_change_neither_labels_nor_model(tmp_path: Path) -> None:
    calm, stormy = tmp_path / "calm", tmp_path / "stormy"
    program.fit(calm)
    shutil.copytree(calm, stormy)
    arguments = ("run", str(program.TEXTS), *program.SIMULATED, "--lockstep")

    def command(var: Path) -> tuple[str, ...]:
        return (*arguments, "--var", str(var), "--out", str(tmp_path / f"{var.name}.jsonl"))

    began = time.monotonic()
    program.redstream(*command(calm), REDSTREAM_BATCH="4")
    whole = time.monotonic() - began
    too_late = killed(command(stormy), KILLS, 1.0 + 2 * whole / KILLS)
    assert too_late < KILLS / 4, "the run was over too early for the kills to mean anything"
    program.redstream(*command(stormy), REDSTREAM_BATCH="4")

    expected = {text_id: event.label for text_id, event in program.latest(calm).items()}
    assert {i: event.label for i, event in program.latest(stormy).items()} == expected
    assert program.held(stormy) == program.held(calm)
    assert expected.keys() | program.held(calm) == text_ids()
    assert program.model(stormy) == program.model(calm)
    written = program.lines(tmp_path / "stormy.jsonl")
    assert {row["id"]: row["label"] for row in written} == expected
    assert len({row["event"] for row in written}) == len(written)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_kills_of_a_free_run_lose_no_text_and_write_no_line_twice(tmp_path: Path) -> None:
    var, out = tmp_path / "var", tmp_path / "labeled.jsonl"
    program.fit(var)
    command = ("run", str(program.TEXTS), *program.SIMULATED, "--var", str(var), "--out", str(out))
    killed(command, max(1, KILLS // 5), 3.0)
    program.redstream(*command)
    latest, held = program.latest(var), program.held(var)
    assert latest.keys() | held == text_ids()
    assert not latest.keys() & held
    written = program.lines(out)
    assert {row["id"]: row["label"] for row in written} == {i: e.label for i, e in latest.items()}
    assert len({row["event"] for row in written}) == len(written)


def text_ids() -> set[str]:
    return {str(row["id"]) for row in program.lines(program.TEXTS)}
