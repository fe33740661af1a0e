"""`redstream forget` as a user meets it: nothing of a text is left in the folder, to the byte."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from streams.derived import readable
from streams.embedded.log import SqliteLog
from streams.records import Retrain
from streams.topology import RETRAIN
from tests.e2e import program
from tests.e2e.program import redstream
from tests.e2e.test_labels import streaming
from tests.searched import everywhere, vector_needles

COUNT = 60


def lessons(var: Path) -> list[Retrain]:
    with closing(SqliteLog(var / "log.sqlite", read_only=True)) as log:
        return [lesson for _, lesson in readable(log, RETRAIN, Retrain)]


def needles(lesson: Retrain) -> list[bytes]:
    """What there is of a text: its id, how it begins, and its embedding."""
    assert lesson.embedding is not None
    words = json.dumps(lesson.text)[1:41].encode()
    return [lesson.id.encode(), words, *vector_needles(lesson.embedding.f16)]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "texts.jsonl"
    path.write_bytes(b"".join(program.TEXTS.read_bytes().splitlines(keepends=True)[:COUNT]))
    return path


@pytest.fixture(scope="module")
def been(fitted: Path, texts: Path) -> Path:
    """A folder over which these texts have run."""
    var = Path(shutil.copytree(fitted, texts.parent / "var"))
    redstream("run", str(texts), *program.SIMULATED, "--var", str(var), "--lockstep")
    return var


@pytest.fixture
def ran(been: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(been, tmp_path / "ran"))


def test_nothing_is_left_and_what_comes_again_is_dropped(
    ran: Path, texts: Path, tmp_path: Path
) -> None:
    at, known = ("--var", str(ran)), lessons(ran)
    taught = next(one for one in known if one.kind == "accepted")
    seed = [one for one in known if one.kind == "seed"][3]
    held = sorted(program.held(ran))[0]
    words = next(str(row["text"]) for row in program.lines(texts) if row["id"] == held)
    wanted = [*needles(taught), *needles(seed), held.encode(), json.dumps(words)[1:41].encode()]
    before = everywhere(ran, wanted)
    assert before["log.sqlite:records"] > 3
    assert before["ledger.sqlite:held"]
    assert before["texts.sqlite:texts"]
    count = len(program.latest(ran)) + len(program.held(ran))

    listed = tmp_path / "ids"
    listed.write_text(f"{seed.id}\n\n{held}\n")
    dry = redstream("forget", taught.id, "--file", str(listed), "--dry-run", *at)
    assert "Nothing is forgotten" in dry
    assert everywhere(ran, wanted)["log.sqlite:records"] == before["log.sqlite:records"]
    told = redstream("forget", taught.id, "--file", str(listed), *at)
    assert "3 texts are forgotten" in told
    assert "example of the fit" in told
    assert everywhere(ran, wanted) == {}
    assert len(program.latest(ran)) + len(program.held(ran)) == count - 2

    assert f"{held} was forgotten on 20" in redstream("explain", held, *at)
    assert json.loads(redstream("explain", taught.id, "--json", *at)).keys() == {"id", "forgotten"}
    assert "was forgotten on" in redstream("forget", held, *at)
    assert "never seen: 'nobody'" in redstream("forget", "nobody", *at, fails=True)

    edited = texts.with_name("edited.jsonl")
    edited.write_bytes(b"".join(reversed(texts.read_bytes().splitlines(keepends=True))))
    out = tmp_path / "rows.csv"
    redstream("run", str(edited), *program.SIMULATED, *at, "--out", str(out))
    assert everywhere(ran, wanted) == {}
    assert len(program.latest(ran)) + len(program.held(ran)) == count - 2
    row = next(line for line in out.read_text().splitlines() if line.startswith(f"{held},"))
    assert ",forgotten," in row


def test_a_ledger_that_is_rebuilt_knows_no_more_than_the_one_that_forgot(ran: Path) -> None:
    at = ("--var", str(ran))
    taught = next(one for one in lessons(ran) if one.kind == "accepted")
    redstream("forget", taught.id, *at)

    def state() -> dict[str, list[tuple[object, ...]]]:
        with closing(sqlite3.connect(ran / "ledger.sqlite")) as db:
            tables = ("truths", "lessons", "forgotten", "tallies", "held_contenders", "versions")
            rows = {one: db.execute(f"SELECT * FROM {one}").fetchall() for one in tables}
            return {
                one: sorted(row for row in found if row[-1] != 0) for one, found in rows.items()
            }

    redstream("run", "-", *program.SIMULATED, *at)
    before = state()
    for path in ran.glob("ledger.sqlite*"):
        path.unlink()
    shutil.rmtree(ran / "examples")
    redstream("run", "-", *program.SIMULATED, *at)
    after = state()
    assert after.pop("versions")[-1] == before.pop("versions")[-1]
    assert after == before
    assert everywhere(ran, needles(taught)) == {}


def test_beside_a_run_it_is_forgotten_by_the_run(ran: Path) -> None:
    taught = next(one for one in lessons(ran) if one.kind == "accepted")
    lines = program.TEXTS.read_bytes().splitlines()
    again = [line for line in lines[:COUNT] if json.loads(line)["id"] == taught.id]
    with streaming(ran, *program.SIMULATED) as stream:
        stream.decided(COUNT).send(lines[COUNT : COUNT + 20])
        told = redstream("forget", taught.id, "--var", str(ran))
        assert "1 text is forgotten" in told
        assert everywhere(ran, needles(taught)) == {}
        stream.decided(COUNT + 18).send([*again, *lines[COUNT + 20 : COUNT + 40]])
        stream.end()
    assert everywhere(ran, needles(taught)) == {}


def test_killed_in_the_middle_the_same_command_finishes_it(ran: Path) -> None:
    taught = [one for one in lessons(ran) if one.kind == "accepted"][:4]
    ids, rng = [one.id for one in taught], random.Random(7)
    for _ in range(6):
        process = program.start("forget", *ids, "--var", str(ran))
        time.sleep(rng.uniform(0.6, 1.8))
        process.kill()
        process.communicate()
    redstream("forget", *ids, "--var", str(ran))
    assert everywhere(ran, [one for lesson in taught for one in needles(lesson)]) == {}
