"""Rounds over what is held when the input has ended: shown, ended by the rule, and not lost."""

from __future__ import annotations

import re
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from streams.records import Round
from streams.rounds import fell_enough
from streams.topology import CLASSIFY, RECHECK
from tests.e2e import program
from tests.e2e.program import redstream

TITLE = "Rounds over what was held"
RUN = ("run", str(program.TEXTS), *program.SIMULATED)
KILLS = 4


def ended(var: Path) -> list[Round]:
    return [found for found in program.rounds(var) if found.end is not None]


def test_rounds_are_shown_and_end_by_the_rule(var: Path) -> None:
    arguments = (*RUN, "--var", str(var), "--lockstep")
    assert TITLE not in redstream(*arguments, "--rounds", "0")
    before = program.held(var)
    assert program.rounds(var) == []
    shown = redstream(*arguments)
    told = redstream("status", "--var", str(var))
    found = ended(var)
    assert TITLE in shown
    assert re.search("held after .* right ", shown)
    assert TITLE in told
    assert "(gold)" not in told
    for one in found:
        assert one.end is not None
        cells = [one.number, one.before, one.end.examined, one.end.accepted, one.end.refused]
        row = " │ ".join(
            f"{cell:>{width}}" for cell, width in zip(cells, (5, 4, 8, 8, 7), strict=True)
        )
        assert row in shown
        assert row in told
        assert one.end.examined > 0
        assert one.end.accepted == one.before - one.end.after
    counts = [len(before), *(one.end.after for one in found if one.end)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == len(program.held(var))
    assert [fell_enough(one) for one in found] == [True] * (len(found) - 1) + [False]


def test_a_pipe_that_ends_has_its_rounds_and_its_run_again_none(var: Path) -> None:
    arguments = ("run", "-", *program.SIMULATED, "--var", str(var))
    redstream(*arguments, stdin=program.TEXTS.read_bytes())
    found = program.rounds(var)
    assert found[-1].end is not None
    redstream(*arguments)
    assert program.rounds(var) == found


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killed_in_the_middle_of_a_round_it_goes_on_as_if_it_had_not_been(
    var: Path, tmp_path: Path
) -> None:
    redstream(*RUN, "--var", str(var), "--lockstep", "--rounds", "0")
    calm, stormy = tmp_path / "calm", tmp_path / "stormy"
    for copy in (calm, stormy):
        shutil.copytree(var, copy)
    redstream(*RUN, "--var", str(calm), "--lockstep", REDSTREAM_BATCH="1")
    in_the_middle = sum(killed_in_a_round(stormy) for _ in range(KILLS))
    assert in_the_middle > 1
    redstream(*RUN, "--var", str(stormy), "--lockstep", REDSTREAM_BATCH="1")

    assert labels(stormy) == labels(calm)
    assert program.held(stormy) == program.held(calm)
    assert program.model(stormy) == program.model(calm)
    assert [counted(one) for one in ended(stormy)] == [counted(one) for one in ended(calm)]


def killed_in_a_round(var: Path) -> bool:
    """Kill a run when it has examined some more of a round; False if it was over before."""
    began = examined(var)
    process = program.start(*RUN, "--var", str(var), "--lockstep", REDSTREAM_BATCH="1")
    while process.poll() is None and examined(var) < began + 5:
        time.sleep(0.005)
    process.kill()
    process.communicate()
    found = program.rounds(var)
    return bool(found) and found[-1].end is None and examined(var) > began


def examined(var: Path) -> int:
    with sqlite3.connect(var / "log.sqlite") as db:
        row = db.execute(
            "SELECT positions.next FROM positions JOIN topics ON topics.id = positions.topic"
            " WHERE consumer = ? AND name = ?",
            (CLASSIFY.name, RECHECK.name),
        ).fetchone()
    return int(row[0]) if row else 0


def labels(var: Path) -> dict[str, str]:
    return {text_id: event.label for text_id, event in program.latest(var).items()}


def counted(found: Round) -> dict[str, object]:
    assert found.end is not None
    return {**found.model_dump(exclude={"at", "end"}), **found.end.model_dump(exclude={"at"})}
