"""`redstream forget` over a fitted folder: model, versions, guides, report, cache, its words."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from judge.guides.compose import quoted
from judge.guides.guide import Guide
from judge.guides.history import COMPOSED, HAND, History
from judge.llm.answer import Said
from judge.llm.cache import VerdictCache
from models.errors import Fatal
from streams.errors import NoVersion
from streams.feed import Feed
from streams.ledger import open_ledger
from streams.program.folder import Folder, log_of, working
from streams.program.forget import Done, forget
from streams.program.forget_files import strike_out
from streams.program.forget_kafka import _until
from streams.program.forget_look import Found, look
from streams.program.forget_screen import finding, lines
from streams.program.lessons import take_in
from streams.program.rollback import rollback, set_pin
from streams.program.settings import Settings
from streams.records import Forgotten
from streams.stage import Outgoing, outgoing
from streams.topology import FORGOTTEN, RETRAIN, TEXTS
from tests.searched import everywhere
from tests.unit.streams import tiny
from tests.unit.streams.folder import learn, lesson, put, revoked, served, teach

A, B, C = "visa for a trip", "lost luggage zebra trip", "train delayed refund"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(var=tiny.fit_folder(tmp_path), encoder="hashing")


def forgotten(settings: Settings, *ids: str) -> Done:
    return forget(settings, look(settings, ids), lambda line: None)


def test_the_model_is_the_one_that_never_learnt_it(settings: Settings, tmp_path: Path) -> None:
    teach(settings, lesson(A), lesson(B), lesson(C))
    done = forgotten(settings, B)
    assert done.taken_in
    (tmp_path / "other").mkdir()
    other = Settings(var=tiny.fit_folder(tmp_path / "other"), encoder="hashing")
    # In the place of B a lesson that is taken back: places order what a label is known by.
    teach(other, lesson(A), lesson("another"), lesson(C), revoked("another"))
    assert served(settings).manifest.hash == served(other).manifest.hash
    assert everywhere(settings.var, [B.encode()]) == {}
    assert look(settings, [B])[0].forgotten is not None


def test_versions_that_have_it_go_pinned_or_not_and_others_stay(settings: Settings) -> None:
    teach(settings, lesson(A), lesson(B), lesson(C))  # versions 2, 3 and 4
    assert set_pin(settings, 3, pinned=True)
    done = forgotten(settings, B)
    assert (done.versions, done.version) == ([3, 4], 5)
    with log_of(settings) as log:
        feed = Feed(log)
        feed.newest()
        assert sorted(feed.repository.manifests) == [1, 2, 5]
        assert feed.repository.pinned == set()
    with pytest.raises(NoVersion):
        rollback(settings, 3)
    assert rollback(settings, 2).now.number == 6
    assert everywhere(settings.var, [B.encode()]) == {}


def test_a_rollback_does_not_bring_it_back(settings: Settings) -> None:
    teach(settings, lesson(A), lesson(B))
    rollback(settings, 1)
    done = forgotten(settings, B)
    assert done.versions == [3]
    assert all(B not in shelf.members for shelf in served(settings).classifier.shelves.values())


def test_an_example_of_the_fit_takes_all_versions_with_its_vector(settings: Settings) -> None:
    teach(settings, lesson(A))
    with log_of(settings) as log:
        seed = json.loads(log.read_from(RETRAIN.name, 0, 1)[0].value or b"")
    (found,) = look(settings, [seed["id"]])
    assert (found.seed, found.words) == (True, {seed["text"]})
    done = forgotten(settings, seed["id"])
    assert (done.versions, done.version) == ([1, 2], 3)
    assert everywhere(settings.var, [seed["id"].encode(), seed["text"].encode()]) == {}
    told = "\n".join(lines([found], done, []))
    assert "Metric, first heads, shares and threshold were computed with it" in told
    assert seed["text"] not in told


def test_what_comes_under_it_is_neither_taught_nor_taken_in(
    settings: Settings, tmp_path: Path
) -> None:
    teach(settings, lesson(A), lesson(B))
    forgotten(settings, B)
    put(settings, lesson(B))
    learn(settings)
    with log_of(settings) as log:
        assert log.end(RETRAIN.name) == len(tiny.EXAMPLES) * 6 + 2
    file = tmp_path / "again.jsonl"
    file.write_text(json.dumps({"id": B, "text": "new words", "label": "travel"}))
    with pytest.raises(Fatal, match="was forgotten"):
        take_in(settings, file, lambda what, share: None)


def test_an_id_nobody_knows_is_known_as_such_and_one_that_waits_is_not(settings: Settings) -> None:
    with working(settings) as log:
        value = json.dumps({"id": "waits", "text": "words"}).encode()
        log.append([outgoing(FORGOTTEN, "x", Forgotten.of("gone", 5.0))])
        log.append([Outgoing(TEXTS.name, None, value)])
    nobody, waits, gone = look(settings, ["nobody", "waits", "gone", "nobody"])
    assert (nobody.known, waits.known, gone.forgotten) == (False, True, 5.0)


def test_interrupted_before_the_files_it_is_finished_by_the_same_again(settings: Settings) -> None:
    teach(settings, lesson(A), lesson(B))
    with log_of(settings, appends=True) as log:
        record = Forgotten.of(B, 5.0)
        log.append([outgoing(FORGOTTEN, record.digest, record)])
    assert everywhere(settings.var, [B.encode()])
    assert forgotten(settings, B).taken_in
    assert everywhere(settings.var, [B.encode()]) == {}
    with closing(open_ledger(Folder(settings.var).ledger, read_only=True)) as db:
        assert db.execute("SELECT at FROM forgotten").fetchall() == [(5.0,)]


# files beside the log


def test_quotations_are_struck_out_of_guides_but_for_what_a_person_wrote(
    settings: Settings,
) -> None:
    folder = Folder(settings.var)
    words = "my printer is on fire again"
    composed = Guide.of("printer", "printer", f"Texts such as {quoted(words)}; {quoted('jam')}")
    by_hand = Guide.of("room", "room", f"Not {words}")
    other = Guide.of("travel", "travel", "Trips.")
    history = History(folder.guide_versions)
    history.record([composed], COMPOSED)
    history.record([by_hand, other], HAND)
    entries = [f"## {g.label}\nName: {g.name}\n\n{g.text}\n" for g in (composed, by_hand, other)]
    folder.guides.write_text("\n".join(entries))
    assert strike_out(settings, {words}) == ["room"]
    written = folder.guides.read_text()
    assert f'Texts such as "…"; {quoted("jam")}' in written
    assert f"Not {words}" in written
    assert [kept.guide.label for kept in history.all()] == ["travel"]


def test_the_report_of_the_fit_shows_it_no_more(settings: Settings) -> None:
    path = Folder(settings.var).report
    report = json.loads(path.read_text())
    twin = {"text": "a", "label": "x", "other_text": "b", "other_label": "y", "similarity": 1.0}
    report["twins"] = [twin, {**twin, "text": "c"}]
    report["confusions"] = [{"label": "x", "said": "y", "count": 2, "texts": ["b", "d"]}]
    path.write_text(json.dumps(report))
    assert strike_out(settings, {"c", "d"}) == []
    left = json.loads(path.read_text())
    assert left["twins"] == [twin]
    assert left["confusions"][0]["texts"] == ["b"]


def test_the_cache_keeps_answers_and_no_words(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.sqlite"
    with closing(VerdictCache(path)) as cache:
        cache.put(b"k", Said("printer", "because of the zebra", ("t1",)))
        cache.forget_words(1)
        assert cache.get(b"k") == Said("printer", "", ())
        assert everywhere(tmp_path, [b"zebra"]) == {}
        cache.put(b"l", Said("fire", "smoke", ()))
        cache.forget_words(1)  # nothing was forgotten since
        assert cache.get(b"l") == Said("fire", "smoke", ())


# what it tells


def test_what_is_found_is_told_without_words_or_label() -> None:
    found = Found("t1", known=True, lessons=2, labelled=True, words={"secret"})
    assert finding(found) == "t1: has a label, taught the model 2 times"
    assert finding(Found("t1", known=True, seed=True)) == "t1: an example of the fit"
    assert finding(Found("t\x1b[1", known=True)) == "t␛[1: seen"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"cleanup.policy": "delete", "retention.ms": "604800000", "segment.ms": "604800000"},
            "until 1970-01-15 at the latest (14 days, kept 7 days in segments of up to 7 days)",
        ),
        (
            {"cleanup.policy": "compact", "max.compaction.lag.ms": "604800000"},
            "until 1970-01-08 (7 days), then compaction removes it",
        ),
        (
            {"cleanup.policy": "compact", "max.compaction.lag.ms": str(2**63 - 1)},
            "until the brokers compact it, which may be never: max.compaction.lag.ms is not set"
            " (`redstream topics check`)",
        ),
        (
            {"cleanup.policy": "delete", "retention.ms": "-1"},
            "for ever, since it is kept for ever and not compacted: it is declared as compacted"
            " (`redstream topics check`)",
        ),
    ],
)
def test_how_long_a_topic_keeps_it_follows_from_its_settings(
    config: dict[str, str], said: str
) -> None:
    assert _until(RETRAIN, config, 0.0) == said
