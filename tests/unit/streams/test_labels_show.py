"""`redstream labels show`, and what a change of the label set would touch before it is made."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from models.errors import Fatal
from streams.embedded.log import SqliteLog
from streams.errors import BadCommand
from streams.feed import Feed, Version
from streams.ledger import open_ledger
from streams.program.cli import app
from streams.program.folder import Folder
from streams.program.labels import Prepared, prepare_rename, publish
from streams.program.labels_add import prepare_add
from streams.program.labels_dry import Examples, Foreseen, foresee, in_words
from streams.program.labels_screen import lines
from streams.program.labels_show import show
from streams.program.review import Review, take_in
from streams.program.settings import Settings
from streams.stage import outgoing
from streams.topology import LABELS
from tests.unit.streams import folder, tiny
from tests.unit.streams.test_labels_program import command, nothing

pytestmark = pytest.mark.usefixtures("own_logs")


@pytest.fixture
def settings(ran: Path, tmp_path: Path) -> Settings:
    shutil.copytree(ran, tmp_path / "var")
    return Settings(var=tmp_path / "var", encoder="hashing")


@pytest.fixture
def run(settings: Settings) -> Callable[..., Result]:
    def call(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["labels", *arguments, "--var", str(settings.var)])

    return call


# One label


def test_a_label_is_shown_with_what_it_means_and_was_taught(settings: Settings) -> None:
    found = show(settings, "travel")
    assert (found.row.exemplars, found.row.gold, found.row.learnt) == (8, 6, 2)
    assert [gold for _, gold in found.texts] == [True] * 5
    assert {text for text, _ in found.texts} <= {*tiny.EXAMPLES["travel"]}
    assert found.guide.text
    assert found.origin == "composed"
    assert found.subset == ["password", "printer", "room"]
    assert 0 < found.share < 1
    assert (found.labelled, found.held) == (2, 2)


def test_what_the_judge_made_of_it_is_counted_for_sure_and_doubtful_texts(
    settings: Settings,
) -> None:
    travel, printer = show(settings, "travel"), show(settings, "printer")
    judged = travel.audits.judged + travel.doubtful.judged
    confirmed = travel.audits.confirmed + travel.doubtful.confirmed
    assert (judged, confirmed) == (2, 2)
    assert (printer.audits.judged, printer.audits.confirmed) == (1, 0)
    words = "\n".join(lines(printer))
    assert "sure: confirmed by the judge 0 of 1 times (0.00)" in words


def test_confusions_go_both_ways(settings: Settings) -> None:
    with closing(open_ledger(Folder(settings.var).ledger)) as db:
        db.execute(
            "UPDATE verdicts SET json = json_set(plain(json), '$.label', 'room') WHERE id = 'J1'"
        )
    assert show(settings, "travel").said_instead == {"room": 1}
    assert show(settings, "room").said_for == {"travel": 1}
    assert "the judge said instead: room 1" in "\n".join(lines(show(settings, "travel")))


def test_a_label_that_is_none_is_told_what_became_of_it(settings: Settings) -> None:
    publish(settings, prepare_rename(settings, "room", "hall", None, nothing))
    with pytest.raises(Fatal, match="'room' is called 'hall' now"):
        show(settings, "room")
    with pytest.raises(Fatal, match="did you mean 'travel'"):
        show(settings, "travels")
    publish(settings, Prepared(command("retire", "printer")))
    with pytest.raises(Fatal, match="'printer' was retired"):
        show(settings, "printer")
    assert show(settings, "hall").earlier == ["room"]


def test_a_folder_that_was_only_fitted_shows_its_labels_too(tmp_path: Path) -> None:
    fitted = Settings(var=tiny.fit_folder(tmp_path), encoder="hashing")
    assert show(fitted, "travel").row.exemplars == 6


# Before a change is made


def whole(settings: Settings) -> dict[str, bytes]:
    """What is kept, but for the guides' history, which any look at them writes."""
    files = ("log.sqlite", "ledger.sqlite", "texts.sqlite")
    return {name: dump(settings.var / name) for name in files}


def dump(path: Path) -> bytes:
    with closing(sqlite3.connect(path)) as db:
        return "\n".join(db.iterdump()).encode()


def served(settings: Settings) -> Version:
    return folder.served(settings)


def prepared(settings: Settings, what: str) -> Prepared:
    match what:
        case "add":
            path = settings.var / "coffee.jsonl"
            rows = [{"text": "coffee machine leaks"}, {"text": "hello coffee"}]
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            return prepare_add(
                settings, "coffee", name=None, guide="", examples=path, progress=nothing
            )
        case "rename":
            return prepare_rename(settings, "travel", "trips", None, nothing)
        case "merge":
            return Prepared(command("merge", "travel", "room"))
    return Prepared(command("retire", "travel"))


EXPECTED = {
    "add": [Examples("coffee", 0, 2)],
    "rename": [Examples("travel", 8, 0), Examples("trips", 0, 8)],
    "merge": [Examples("room", 6, 14), Examples("travel", 8, 0)],
    "retire": [Examples("travel", 8, 0, 8)],
}


@pytest.mark.parametrize("what", EXPECTED)
def test_what_is_foreseen_is_what_happens_and_nothing_is_written(
    settings: Settings, what: str
) -> None:
    told = prepared(settings, what)
    before, old = whole(settings), served(settings)
    found = foresee(settings, told)
    assert whole(settings) == before
    assert found.examples == EXPECTED[what]
    assert found.labelled == (0 if what == "add" else 2)
    publish(settings, told)
    new = served(settings)
    assert (found.model, new.number) == (old.number, old.number + 1)
    solved = [
        number
        for number, head in enumerate(new.classifier.live.heads)
        if not any(head.same(one) for one in old.classifier.live.heads)
    ]
    assert found.solved == solved
    with closing(sqlite3.connect(Folder(settings.var).ledger)) as db:
        again = db.execute("SELECT COUNT(*) FROM rechecks WHERE version = ?", (new.number,))
        assert (found.held,) == (found.at_once,) == again.fetchone()


def test_what_waits_is_taken_as_carried_out(settings: Settings) -> None:
    with closing(SqliteLog(Folder(settings.var).log)) as log:
        waiting = prepared(settings, "rename").command
        log.append([outgoing(LABELS, waiting.label, waiting)])
        assert Feed(log).newest().manifest.labels == sorted(tiny.LABELS)
    found = foresee(settings, Prepared(command("merge", "trips", "room")))
    assert found.examples == [Examples("room", 6, 14), Examples("trips", 8, 0)]
    assert found.labelled == 2  # under the name they were given
    with pytest.raises(BadCommand, match="'travel' is called 'trips' now"):
        foresee(settings, Prepared(command("retire", "travel")))


def test_texts_that_wait_for_a_person_are_not_examined_again(settings: Settings) -> None:
    before = foresee(settings, prepared(settings, "retire")).held
    with sqlite3.connect(Folder(settings.var).ledger) as db:
        db.execute("UPDATE held SET round = 4 WHERE id = 'H1'")
    assert foresee(settings, prepared(settings, "retire")).held == before - 1


def test_lines_of_guides_and_gold_are_named(settings: Settings) -> None:
    guides = settings.var / "guides.md"
    guides.write_text("# Guides\n\n## room\nRooms.\n\n## travel\nTrips.\n")
    gold = settings.var / "gold.jsonl"
    gold.write_text('{"id": "a", "label": "room"}\n{"id": "b", "label": "travel"}\n')
    told = settings.model_copy(update={"gold": gold})
    found = foresee(told, Prepared(command("retire", "travel")))
    assert found.lines == [
        f"{guides}:6 has its guide under 'travel'",
        f"{gold} has it as gold 1 times, first at {gold}:2",
    ]


def test_it_is_told_in_words_and_the_command_writes_nothing(
    run: Callable[..., Result], settings: Settings
) -> None:
    before = whole(settings)
    for arguments in (
        ("retire", "travel"),
        ("merge", "travel", "room"),
        ("rename", "travel", "trips", "--encoder", "hashing"),
        ("add", "coffee", "--guide", "The coffee machine.", "--encoder", "hashing"),
    ):
        result = run(*arguments, "--dry-run")
        assert result.exit_code == 0, result.output
        assert "nothing is written" in result.stdout
        assert "nothing is fitted again" in result.stdout
    assert whole(settings) == before
    assert "examples in use: 8" in run("show", "travel").stdout


def test_more_held_texts_than_a_version_brings_back_are_said_to_come_in_turn() -> None:
    found = Foreseen(command("retire", "a"), 3, 2, [0], [], 100, 64, 7, [])
    assert "examined again: 100, 64 with the next version" in "\n".join(in_words(found))


def test_a_persons_word_is_no_confirmation_of_the_judge(settings: Settings) -> None:
    before = show(settings, "printer")
    with closing(Review(settings)) as desk:
        desk.decide(desk.item("A1"), "printer")
    take_in(settings)
    after = show(settings, "printer")
    assert after.audits == before.audits
    assert after.row.gold == before.row.gold + 1
