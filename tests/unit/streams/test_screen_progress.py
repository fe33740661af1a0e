"""The line of progress, and what is told above it: it has to say what is spent, and why."""

from dataclasses import replace

import pytest

from streams.embedded.log import SqliteLog
from streams.figures import Counts
from streams.program.news import News, Newsreader
from streams.program.run import Sight
from streams.program.screen_progress import LATELY, Progress
from streams.records import Authority, Claim, Drift, Refusal
from streams.stage import Outgoing, outgoing
from streams.topology import DRIFT, MODELS
from tests.unit.streams import make, tiny
from tests.unit.streams.tiny import publish

COUNTS = Counts(
    labeled=dict.fromkeys(Authority, 0),
    held=0,
    for_a_person=0,
    rechecked=0,
    resolved=0,
    judged=0,
    audited=0,
    asked=0,
    accepted=0,
    calls=0,
    tokens=0,
    dead=0,
    version=3,
    learnt=0,
    threshold=0.9,
)


def sight(decided: int, asked: int, **fields: int) -> Sight:
    labeled = {**COUNTS.labeled, Authority.CLASSIFIER: decided}
    counts = replace(COUNTS, labeled=labeled, asked=asked, judged=0, audited=asked)
    return Sight(read=decided, classified=decided, counts=counts, **fields)


def claim(state: str) -> Claim:
    fields = {"target": 0.95, "bound": 0.9, "agreement": 0.9, "judged": 99, "reason": "so it is"}
    return Claim.model_validate({"state": state, **fields})


def test_audits_are_judged_texts_as_well() -> None:
    assert "judged 100% " in Progress().line(0.0, sight(200, 200))


def test_the_share_judged_lately_falls_while_the_share_of_all_still_holds_the_beginning() -> None:
    progress = Progress()
    progress.line(0.0, sight(0, 0))
    assert "judged 100% (last 500: 100%)" in progress.line(1.0, sight(LATELY, LATELY))
    for texts in range(LATELY + 10, 4 * LATELY + 1, 10):
        line = progress.line(2.0, sight(texts, LATELY + (texts - LATELY) // 20))
    assert "judged 29% (last 500: 5%)" in line


def test_nothing_is_said_of_lately_before_there_was_enough() -> None:
    progress = Progress()
    progress.line(0.0, sight(1_000, 1_000))  # of an earlier run
    assert "last" not in progress.line(1.0, sight(1_000 + LATELY - 1, 1_000))


def test_speed_is_that_of_now_and_not_of_the_whole_run() -> None:
    progress = Progress()
    progress.line(0.0, sight(0, 0))
    assert " 50/s" in progress.line(10.0, sight(500, 0))
    for second in range(11, 60):
        line = progress.line(float(second), sight(500, 0))
    assert " 0/s" in line


def test_a_look_at_which_nothing_has_happened_is_told_from_one_at_which_something_has() -> None:
    seen = sight(100, 50)
    assert Progress.known(seen) == Progress.known(sight(100, 50))
    assert Progress.known(seen) != Progress.known(sight(100, 51))


def test_where_the_target_stands_is_told_when_it_changes_and_not_again() -> None:
    progress = Progress()
    versions = [
        make.manifest(1),
        make.manifest(2, audit=1.0, claim=claim("open")),
        make.manifest(3, audit=1.0, claim=claim("open")),
        make.manifest(4, audit=0.05, claim=claim("certified")),
        make.manifest(5, audit=0.05, claim=claim("certified"), threshold=0.8),
    ]
    told = [line for one in versions for line in progress.told(News([one]))]
    assert [line.split(":")[0] for line in told] == ["Model 2", "Model 4"]
    assert "is not certified yet" in told[0]
    assert "is certified" in told[1]


def test_the_end_of_judging_everything_after_a_change_is_told() -> None:
    progress = Progress()
    busy = make.manifest(2, audit=1.0, claim=claim("below"))
    over = make.manifest(3, audit=0.05, claim=claim("below"))
    told = list(progress.told(News([busy, over])))
    assert "everything is judged for a while" in told[0]
    assert "no more is spent" in told[1]


def test_refused_lessons_are_told_but_not_those_of_a_run_before() -> None:
    progress = Progress()
    refused = Refusal(lessons=["t1", "t2"], texts=300, lost=14, won=1, p=0.0004)
    assert not list(progress.told(News([make.manifest(2, refused=refused)])))
    (line,) = progress.told(News([make.manifest(3, refused=refused)]))
    assert line == (
        "Model 3: Refused: 2 lessons that the judge accepted, since with them 14 of 300 texts kept"
        " apart went wrong and 1 came right (p 0.0004): t1, t2"
    )


def test_drift_is_told_and_counted() -> None:
    drift = Drift(kind="shares", labels=["fire"], since=1.0, at=2.0, texts=["t7"], examples=["oh"])
    told = list(Progress().told(News(drifts=[drift])))
    assert told[-1] == '  for example t7, "oh"'
    assert "· drift 2" in Progress().line(0.0, sight(1, 0, noticed=2))


@pytest.mark.parametrize("versions", [1, 3])
def test_every_version_since_the_last_look_is_news_once(log: SqliteLog, versions: int) -> None:
    trainer = tiny.fitted(log)
    newsreader = Newsreader(log)
    assert [one.number for one in newsreader.look(1).versions] == [1]
    for lessons in range(1, versions + 1):
        publish(log, trainer, lessons)
    newest = versions + 1
    assert [one.number for one in newsreader.look(newest).versions] == [*range(2, newest + 1)]
    assert newsreader.look(newest) == News()


def test_drift_of_before_the_run_is_no_news_and_what_cannot_be_read_is_none(log: SqliteLog) -> None:
    tiny.fitted(log)
    drift = Drift(kind="shares", labels=["fire"], since=1.0, at=2.0)
    log.append([outgoing(DRIFT, "shares", drift)])
    newsreader = Newsreader(log)
    log.append([Outgoing(DRIFT.name, b"shares", b"no drift"), outgoing(DRIFT, "shares", drift)])
    log.append([Outgoing(MODELS.name, b"manifest/2", b"no manifest")])
    news = newsreader.look(2)
    assert (news.drifts, news.versions) == ([drift], [])
    assert newsreader.look(2).drifts == []
