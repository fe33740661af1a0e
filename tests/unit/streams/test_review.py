"""A person's review over a folder that was run: which texts, what is decided, and what follows."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from judge.guides import Guide
from models.errors import Fatal
from streams.embedded.log import SqliteLog
from streams.feed import Feed
from streams.figures import Figures, Story
from streams.lookup import Lookup
from streams.program import review_screen
from streams.program.cli import app
from streams.program.folder import Folder, working
from streams.program.lessons import training_set
from streams.program.plain import brief, visible
from streams.program.review import Review, take_in
from streams.program.review_keys import Keys, Session, found
from streams.program.settings import Settings
from streams.records import Authority
from streams.stage import outgoing
from streams.topology import LABELED_LATEST, VERDICTS
from tests.unit.streams.reviewed_folder import HELD, TEXTS

pytestmark = pytest.mark.usefixtures("own_logs")


@pytest.fixture
def settings(ran: Path, tmp_path: Path) -> Settings:
    shutil.copytree(ran, tmp_path / "var")
    return Settings(var=tmp_path / "var", encoder="hashing")


@pytest.fixture
def desk(settings: Settings) -> Iterator[Review]:
    with closing(Review(settings)) as review:
        yield review


@pytest.fixture
def run(settings: Settings) -> Callable[..., Result]:
    def call(*arguments: str) -> Result:
        more = ["--var", str(settings.var), "--encoder", "hashing"]
        return CliRunner().invoke(app, ["review", *arguments, *more])

    return call


def story(settings: Settings, id_: str) -> Story:
    with closing(Figures(Folder(settings.var).ledger)) as figures:
        return figures.story(id_)


def truth(settings: Settings, id_: str) -> tuple[str, Authority] | None:
    event = story(settings, id_).truth
    return None if event is None else (event.label, event.authority)


def taught(settings: Settings) -> dict[str, tuple[str, bool]]:
    """Label and goldness of what the run's texts have taught, in the log and in the model."""
    with closing(SqliteLog(Folder(settings.var).log, read_only=True)) as log:
        lessons = training_set(log)
        shelves = Feed(log).newest().classifier.shelves
    found = {id_: (one.label, one.gold) for id_, one in lessons.items() if id_ in TEXTS}
    learnt = {
        id_: (label, bool(gold))
        for label, shelf in shelves.items()
        for id_, gold in zip(shelf.ids, shelf.gold, strict=True)
        if id_ in TEXTS
    }
    assert learnt == found
    return found


# Which texts, and what is known of them


def test_the_held_are_shown_those_worth_most_first_and_by_label(desk: Review) -> None:
    confidence = {id_: desk.item(id_).story.held for id_ in HELD}
    by_worth = sorted(
        HELD,
        key=lambda id_: confidence[id_].contenders[0].probability,  # type: ignore[union-attr]
    )
    assert desk.queue() == by_worth
    assert sorted(desk.queue("held", "travel")) == ["H1", "H2"]
    with pytest.raises(Fatal, match="did you mean 'travel'"):
        desk.queue("held", "travels")


def test_who_waits_for_a_person_comes_first(desk: Review, settings: Settings) -> None:
    last = desk.queue()[-1]
    with sqlite3.connect(Folder(settings.var).ledger) as db:
        db.execute("UPDATE held SET round = 4 WHERE id = ?", (last,))
    assert desk.queue()[0] == last
    assert desk.item(last).for_a_person


def test_audits_that_were_not_confirmed_can_be_looked_at(desk: Review) -> None:
    assert desk.queue("audits") == ["A1"]
    item = desk.item("A1")
    assert (item.now, item.before) == ("printer", None)
    desk.decide(item, "room")
    assert desk.queue("audits") == []


def test_an_item_has_all_that_helps_to_decide(desk: Review) -> None:
    item = desk.item("H1")
    assert {one.label for one in item.case.contenders} == {"password", "printer", "room", "travel"}
    assert set(item.case.rejected) == {"password", "printer", "room", "travel"}
    assert [one.outcome for one in item.story.verdicts] == ["invalid", "none"]
    assert "J1" in [near.id for near in item.near]
    assert all(near.text for near in item.near)
    assert item.case.text.attributes == {"from": "desk"}


def test_a_text_whose_embedding_was_not_kept_is_encoded_again(
    desk: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = desk.item("S1").case.embedding
    monkeypatch.setattr(Lookup, "taught_at", lambda self, ids: {})
    case = desk.item("S1").case
    assert case.embedding == kept
    assert case.contenders[0].label == "travel"


def test_an_unknown_id_is_an_error_that_names_the_nearest(desk: Review) -> None:
    with pytest.raises(Fatal, match=r"no text 'J11' was seen in .*did you mean 'J1'"):
        desk.item("J11")


# What is decided


def test_what_is_decided_is_the_truth_and_is_taught_as_gold(
    desk: Review, settings: Settings
) -> None:
    before = taught(settings)
    desk.decide(desk.item("H1"), "travel")
    assert truth(settings, "H1") is None  # nobody has taken it in yet
    assert desk.queue() == ["H2"]
    number = take_in(settings)
    assert number is not None
    assert truth(settings, "H1") == ("travel", Authority.PERSON)
    assert taught(settings) == {**before, "H1": ("travel", True)}
    assert desk.queue("people") == ["H1"]
    assert desk.item("H1").now == "travel"


def test_a_person_overrules_the_judge_and_moves_what_the_text_taught(
    desk: Review, settings: Settings
) -> None:
    assert taught(settings)["J1"] == ("travel", False)
    desk.decide(desk.item("J1"), "room")
    take_in(settings)
    assert truth(settings, "J1") == ("room", Authority.PERSON)
    assert taught(settings)["J1"] == ("room", True)


def test_none_of_the_labels_takes_back_what_the_text_taught(
    desk: Review, settings: Settings
) -> None:
    desk.decide(desk.item("J1"), None)
    take_in(settings)
    assert truth(settings, "J1") == ("", Authority.PERSON)
    assert "J1" not in taught(settings)


@pytest.mark.parametrize("taken_in_between", [False, True])
def test_undone_what_others_said_holds_again(
    desk: Review, settings: Settings, taken_in_between: bool
) -> None:
    before = taught(settings)
    desk.decide(desk.item("J1"), "room")
    desk.decide(desk.item("H1"), "travel")
    if taken_in_between:
        take_in(settings)
    assert [item and item.id for item in (desk.undo(), desk.undo(), desk.undo())] == [
        "H1",
        "J1",
        None,
    ]
    take_in(settings)
    assert truth(settings, "J1") == ("travel", Authority.JUDGE)
    assert truth(settings, "H1") is None
    assert story(settings, "H1").held is not None
    assert [one.round for one in story(settings, "H1").reviews] == [1, 2]
    assert taught(settings) == before
    assert sorted(desk.queue()) == ["H1", "H2"]


def test_undoing_a_second_decision_brings_the_first_back(desk: Review, settings: Settings) -> None:
    desk.decide(desk.item("J1"), "room")
    take_in(settings)
    with closing(Review(settings)) as another_day:
        another_day.decide(another_day.item("J1"), "printer")
        another_day.undo()
    take_in(settings)
    assert truth(settings, "J1") == ("room", Authority.PERSON)
    assert [one.round for one in story(settings, "J1").reviews] == [1, 2, 3]


def test_a_later_sitting_knows_what_was_not_taken_in_yet(settings: Settings) -> None:
    """As after a kill."""
    with closing(Review(settings)) as killed:
        killed.decide(killed.item("H1"), "room")
    with closing(Review(settings)) as later:
        assert later.queue() == ["H2"]
        assert not later.undecided("H1")
        assert later.item("H1").now == "room"
        later.decide(later.item("H1"), "travel")
    take_in(settings)
    assert truth(settings, "H1") == ("travel", Authority.PERSON)


def test_a_verdict_delivered_twice_is_one(desk: Review, settings: Settings) -> None:
    verdict = desk.decide(desk.item("H1"), "travel")
    with working(settings) as log:
        log.append([outgoing(VERDICTS, verdict.id, verdict)])
    take_in(settings)
    assert truth(settings, "H1") == ("travel", Authority.PERSON)
    assert len(story(settings, "H1").reviews) == 1
    assert taught(settings)["H1"] == ("travel", True)
    with closing(SqliteLog(Folder(settings.var).log, read_only=True)) as log:
        assert log.newest(LABELED_LATEST.name, b"H1") is not None


def test_while_somebody_holds_the_folder_it_waits_in_the_log(
    desk: Review, settings: Settings
) -> None:
    with working(settings):
        desk.decide(desk.item("H1"), "travel")
        assert take_in(settings) is None
    assert take_in(settings) is not None
    assert truth(settings, "H1") == ("travel", Authority.PERSON)


def test_a_log_that_cannot_be_written_is_told_and_nothing_is_decided(
    desk: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(desk.log, "append", full)
    with pytest.raises(Fatal, match="'H1' was not kept: database or disk is full"):
        desk.decide(desk.item("H1"), "travel")
    assert desk.decided == 0


# For scripts


def test_one_text_is_decided_by_a_command(run: Callable[..., Result], settings: Settings) -> None:
    result = run("H1", "--label", "travel")
    assert (result.exit_code, "H1: travel." in result.stdout) == (0, True), result.output
    assert truth(settings, "H1") == ("travel", Authority.PERSON)
    again = run("H1", "--label", "travel")
    assert (again.exit_code, "has said travel already" in again.stdout) == (0, True)
    assert run("H1", "--none").exit_code == 0
    assert truth(settings, "H1") == ("", Authority.PERSON)
    assert len(story(settings, "H1").reviews) == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("H1", "--label", "travels"), "there is no label 'travels'; did you mean 'travel'?"),
        (("H11", "--label", "travel"), "no text 'H11'"),
        (("H1", "--none", "--label", "travel"), "--none is said of one text"),
        (("--none",), "--none is said of one text"),
        ((), "review needs a terminal"),
        (("H1",), "review needs a terminal"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(
    run: Callable[..., Result], arguments: tuple[str, ...], told: str
) -> None:
    result = run(*arguments)
    assert result.exit_code != 0
    assert isinstance(result.exception, Fatal)
    assert told in str(result.exception)
    assert "\n" not in str(result.exception)


# Keys, and what is shown


def sit(desk: Review, typed: str, *ids: str, held: bool = True) -> None:
    pieces = iter([*typed, ""])
    session = Session(desk, guides_of(desk), Keys(lambda: next(pieces)))
    session.go_through(ids or desk.queue(), held=held)


def guides_of(desk: Review) -> dict[str, Guide]:
    return {label: Guide.of(label) for label in desk.labels.labels}


def words(desk: Review) -> dict[str, str | None]:
    return {id_: desk.item(id_).now for id_ in TEXTS}


def test_keys_decide_skip_search_and_undo(desk: Review) -> None:
    first, second = desk.queue()
    before = words(desk)
    lead = desk.item(first).case.contenders[0].label
    sit(desk, "1nq")
    assert words(desk) == {**before, first: lead, second: ""}


def test_what_is_undone_is_shown_again_before_what_came_after(desk: Review) -> None:
    first, second = desk.queue()
    sit(desk, "1nuu" + "n" + "/room\r1")
    assert (words(desk)[first], words(desk)[second]) == ("", "room")


def test_the_very_last_decision_can_be_undone_too(desk: Review) -> None:
    first, second = desk.queue()
    sit(desk, "ss")
    assert words(desk)[first] is words(desk)[second] is None
    sit(desk, "sn" + "u" + "1")
    assert words(desk)[second] == desk.item(second).case.contenders[0].label


def test_keys_that_mean_nothing_decide_nothing(desk: Review) -> None:
    before = words(desk)
    sit(desk, "9xX?m\r" + "/zzzz\r" + "/\x1b" + "/room\rx" + "q")
    assert words(desk) == before


def test_a_sequence_is_one_key_and_ctrl_d_the_last(desk: Review) -> None:
    pieces = iter(["\x1b[A1", "\x1bOPs", "\x1b", "n\x04"])
    keys = Keys(lambda: next(pieces))
    assert [keys.next() for _ in range(6)] == ["\x1b", "1", "\x1b", "s", "\x1b", "n"]
    with pytest.raises(EOFError):
        keys.next()


def test_the_end_of_the_keys_keeps_what_was_decided(desk: Review) -> None:
    sit(desk, "n\x04")
    assert list(words(desk).values()).count("") == 1


def test_a_search_finds_by_words_of_label_or_name_and_what_is_nearly_so() -> None:
    guides = {
        label: Guide.of(label, name)
        for label, name in [("vpn_connection", "VPN and remote access"), ("wifi", "Wireless")]
    }
    assert found("remote vpn", guides) == ["vpn_connection"]
    assert found("wify", guides) == ["wifi"]
    assert found("", guides) == ["vpn_connection", "wifi"]


def test_nothing_that_a_terminal_obeys_reaches_it(
    desk: Review, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_screen, "console", Console(highlight=False, width=100))
    item = desk.item("H2")
    review_screen.show(item, "1 of 1", guides_of(desk))
    shown = capsys.readouterr().out
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    assert "␛[2J␛]0;owned␇ \\x9b31m \\u202e this" in shown.replace("\\u009b", "\\x9b")


def test_what_is_visible_stays_readable() -> None:
    assert visible("Grüße\r\n\tan 漢字 👩‍👩‍👧 \xa0!") == "Grüße\n    an 漢字 👩‍👩‍👧  !"
    assert visible("a\rb\x00\ud800", lines=False) == "a b␀\\ud800"
    assert brief("words " * 100, 20) == "words words words w…"
