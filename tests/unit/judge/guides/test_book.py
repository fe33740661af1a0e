"""The guides in force follow their file; every version is kept."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from judge.guides import Guide, together
from judge.guides.book import GuideBook
from judge.guides.history import History
from judge.llm.prompt import render_verify
from models.errors import Fatal
from tests.unit.judge.llm.make import NEAR, case

NAMES = {"a": "the a", "b": "the b"}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "guides.md"


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "kept" / "history.jsonl")


def test_the_file_comes_before_what_was_given_with_the_label(path: Path) -> None:
    path.write_text("## a\nFrom the file.\n")
    base = {label: Guide.of(label, name, "base") for label, name in NAMES.items()}
    book = GuideBook(path, NAMES, base)
    assert (book["a"].text, book["b"].text) == ("From the file.", "base")
    assert sorted(book) == ["a", "b"]
    assert "c" not in book


def test_a_change_counts_from_the_next_look_on(path: Path, clock: Clock) -> None:
    path.write_text("## a\nOne.\n")
    book = GuideBook(path, NAMES, clock=clock)
    path.write_text("## a\nOne, and more.\n")
    assert book["a"].text == "One."
    clock.now = 1.0
    assert book["a"].text == "One, and more."
    path.unlink()
    clock.now = 2.0
    assert "a" not in book


def test_an_unchanged_file_is_not_read_again(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text("## a\nOne.\n")
    book = GuideBook(path, NAMES, clock=clock)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("read again"))
    clock.now = 5.0
    assert book["a"].text == "One."


def test_a_file_that_breaks_while_followed_changes_nothing(path: Path, clock: Clock) -> None:
    path.write_text("## a\nOne.\n")
    book = GuideBook(path, NAMES, clock=clock)
    path.write_text("##a\nTwo.\n")
    clock.now = 1.0
    with capture_logs() as logs:
        assert book["a"].text == "One."
    assert f"{path}:1: a blank is missing" in logs[0]["error"]
    path.write_text("## a\nThree.\n")
    clock.now = 2.0
    assert book["a"].text == "Three."


def test_a_file_that_is_broken_at_the_start_stops(path: Path) -> None:
    path.write_text("##a\n")
    with pytest.raises(Fatal, match=":1: "):
        GuideBook(path, NAMES)


def test_what_a_person_wrote_is_kept_as_theirs_version_by_version(
    path: Path, clock: Clock, history: History
) -> None:
    written = Guide.of("a", "the a", "By a model.")
    history.record([written], "large")
    path.write_text("## a\nBy a model.\n")
    book = GuideBook(path, NAMES, history=history, clock=clock)
    assert history.origin(book["a"]) == "large"
    path.write_text("## a\nBy me.\n")
    clock.now = 1.0
    assert history.origin(book["a"]) == "hand"
    assert [(kept.guide.text, kept.origin) for kept in history.of("a")] == [
        ("By a model.", "large"),
        ("By me.", "hand"),
    ]


def test_a_verify_verdict_leads_back_to_the_guide_it_was_shown(history: History) -> None:
    old, new = Guide.of("a", "", "Old."), Guide.of("a", "", "New.")
    history.record([old, Guide.of("b")], "composed")
    history.record([new], "large")
    signed = render_verify(case(), "a", NEAR, {"a": old}, "seed").guides
    assert signed == together([old.version])
    for version in (signed, old.version):
        found = history.find("a", version)
        assert found is not None
        assert (found.guide, found.origin) == (old, "composed")
    assert history.find("b", old.version) is None


def test_a_line_cut_off_by_a_crash_costs_that_line_only(history: History, tmp_path: Path) -> None:
    one, two = Guide.of("a", "", "One."), Guide.of("a", "", "Two.")
    history.record([one], "hand")
    path = tmp_path / "kept" / "history.jsonl"
    path.write_bytes(path.read_bytes() + b'{"label": "a", "vers')
    history.record([two], "hand")
    assert [kept.guide for kept in history.of("a")] == [one, two]


def test_the_same_version_again_is_no_new_line(history: History) -> None:
    one, two = Guide.of("a", "", "One."), Guide.of("a", "", "Two.")
    for guide in (one, one, two, one):
        history.record([guide], "hand")
    assert [kept.guide for kept in history.all()] == [one, two, one]


def test_a_history_that_cannot_be_kept_is_a_warning(tmp_path: Path) -> None:
    with capture_logs() as logs:
        History(tmp_path).record([Guide.of("a")], "hand")  # a folder is no file
    assert logs[0]["event"] == "a guide's version was not kept"
