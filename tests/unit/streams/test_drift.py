"""The drift stage: which records the detectors see, what it publishes, and that it repeats."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from models.drift import Change, Judged
from models.two_sample import Sample
from streams import drift
from streams.embedded.log import SqliteLog
from streams.ledger import Ledger
from streams.program import screen
from streams.program.folder import Folder
from streams.program.screen_drift import drifted
from streams.program.settings import Settings
from streams.program.summary import DRIFTS, summarize
from streams.records import Authority, Drift, Uncertain, Verdict
from streams.stage import Delivered, Outgoing, own_part
from streams.stages.drift import Notice
from streams.textindex import TextIndex
from streams.topology import DEADLETTERS, DRIFT, LABELED, NOTICE, UNCERTAIN, VERDICTS
from streams.wire import Vector
from tests.unit.streams import make

Seen = list[tuple[str, Any]]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """What reached which detector: tests of windows are noted by their last text."""
    noted: Seen = []

    class Disagreement:
        def observe(self, judged: Judged) -> Change | None:
            noted.append(("judged", judged))
            if judged.label != "drifts":
                return None
            return Change(("drifts",), (judged.id,), 5.0, 12.0, 10.0, {"rate_since": 0.25})

    class Windows:
        def __init__(self, test: Any, **sizes: int) -> None:
            self._name = test.__name__

        def observe(self, sample: Sample) -> Change | None:
            noted.append((self._name, sample))
            return None

    monkeypatch.setattr(drift, "Disagreement", Disagreement)
    monkeypatch.setattr(drift, "Windows", Windows)
    return noted


def judged(seen: Seen) -> list[tuple[str, str, str | None]]:
    return [(one.id, one.label, one.said) for kind, one in seen if kind == "judged"]


def ids(seen: Seen, kind: str) -> list[str]:
    return [one.id for name, one in seen if name == kind]


def final(id: str, outcome: str = "valid", label: str | None = "printer", **fields: Any) -> Verdict:
    decision = "undecided" if label is None else "accepted"
    usual = {"final": True, "decision": decision, "audit": True, "inclusion": 0.05, "rate": 0.05}
    return make.verdict(id, outcome, label=label, **{**usual, **fields})


async def handled(*records: Any, topic: Any = VERDICTS, stage: Notice | None = None) -> list[Drift]:
    out = await (stage or Notice(seed=0)).handle(make.batch(topic, *records))
    assert not make.of(DEADLETTERS, out)
    return make.of(DRIFT, out)


async def test_agreement_is_a_final_verdict_that_accepts_the_proposed_label(seen: Seen) -> None:
    await handled(
        final("right"),
        final("other", "chosen", "fire", question="choose"),
        final("none", "none", None, question="choose"),
    )
    assert judged(seen) == [
        ("right", "printer", "printer"),
        ("other", "printer", "fire"),
        ("none", "printer", None),
    ]


async def test_what_says_nothing_of_the_label_or_not_for_the_first_time_is_passed_over(
    seen: Seen,
) -> None:
    await handled(
        final("open", final=False, decision=None),
        final("again", round=2),
        final("away", "no_verdict", None, decision="away", kind="away"),
        final("unsure", "no_verdict", None, kind="unsure"),
        final("echo", independent=False),
        final("person", authority=Authority.PERSON, question="review"),
        final("twin", event="e1"),
        final("twin", event="e1"),
    )
    assert [id for id, *_ in judged(seen)] == ["twin"]


async def test_what_a_person_labels_is_no_share_of_the_stream(seen: Seen) -> None:
    events = [make.labeled("t1"), make.labeled("t2", authority=Authority.PERSON)]
    await handled(*events, topic=LABELED)
    assert ids(seen, "shares") == ["t1"]


async def test_audits_and_doubtful_texts_are_series_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Alarming:
        def __init__(self) -> None:
            self.count = 0

        def observe(self, one: Judged) -> Change | None:
            self.count += 1
            return Change((), (one.id,), 0.0, 1.0, 1.0) if self.count == 2 else None

    monkeypatch.setattr(drift, "Disagreement", Alarming)
    found = await handled(
        final("a1"),
        final("d1", audit=False, inclusion=1.0),
        final("a2"),
        final("d2", audit=False, inclusion=1.0),
    )
    assert [(event.series, event.texts) for event in found] == [
        ("audits", ["a2"]),
        ("doubtful", ["d2"]),
    ]


async def test_another_judge_begins_a_series_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[object] = []

    class Counted:
        def __init__(self) -> None:
            begun.append(self)

        def observe(self, one: Judged) -> None:
            return None

    monkeypatch.setattr(drift, "Disagreement", Counted)
    await handled(final("1"), final("2"), final("3", signed="other"), final("4", signed="other"))
    assert len(begun) == 2


def cases(**fields: Any) -> list[Uncertain]:
    return [
        make.uncertain(f"t{i}", text=make.text(f"t{i}", "words " * 100), **fields)
        for i in range(400)
    ]


async def test_doubtful_texts_are_thinned_out_to_the_audits_rate(seen: Seen) -> None:
    await handled(*cases(rate=0.1), topic=UNCERTAIN)
    drawn = ids(seen, "embeddings")
    assert 20 < len(drawn) < 65
    seen.clear()
    await handled(*cases(rate=0.1), topic=UNCERTAIN)
    assert ids(seen, "embeddings") == drawn


@pytest.mark.parametrize(
    "fields",
    [
        {"audit": True, "inclusion": 0.1, "rate": 0.1},
        {"rate": 1.0},  # all is judged
    ],
)
async def test_audits_all_count_and_so_does_everything_while_all_is_judged(
    seen: Seen, fields: dict[str, Any]
) -> None:
    await handled(*cases(**fields), topic=UNCERTAIN)
    assert len(ids(seen, "embeddings")) == 400
    assert np.linalg.norm(seen[0][1].vector) == pytest.approx(1)


async def test_a_case_examined_again_or_postponed_is_no_new_text(seen: Seen) -> None:
    await handled(
        make.uncertain("a"),
        make.uncertain("a", attempt=1),
        make.uncertain("a", round=2),
        make.uncertain("a"),
        topic=UNCERTAIN,
    )
    assert ids(seen, "embeddings") == ["a"]


async def test_vectors_of_another_encoder_are_not_compared_with_those_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drift, "EMBEDDINGS", {"reference": 2, "window": 2})
    other = Vector.of(np.ones(3, np.float32), "encoder-2")
    stream = [
        *(make.uncertain(f"a{i}") for i in range(3)),
        *(make.uncertain(f"b{i}", embedding=other) for i in range(4)),
    ]
    assert await handled(*stream, topic=UNCERTAIN) == []


async def test_shares_count_the_first_label_of_every_text(seen: Seen) -> None:
    await handled(
        make.labeled("t1", "printer"),
        make.labeled("t1", "fire", Authority.JUDGE),
        make.labeled("t2", "fire", Authority.JUDGE),
        topic=LABELED,
    )
    assert [(one.id, one.label) for kind, one in seen if kind == "shares"] == [
        ("t1", "printer"),
        ("t2", "fire"),
    ]


async def test_an_event_says_what_moved_since_when_and_shows_texts(seen: Seen) -> None:
    stage = Notice(seed=0)
    case = make.uncertain("t1", text=make.text("t1", "x" * 1_000))
    await stage.handle(make.batch(UNCERTAIN, case))
    verdict = make.delivered(VERDICTS, final("t1", proposed="drifts"))
    (out,) = await stage.handle([Delivered(**{**_fields(verdict), "at": 77.0})])
    (event,) = make.of(DRIFT, [out])
    assert (own_part(out.key), event.kind) == (b"disagreement", "disagreement")
    assert event.series == "audits"
    assert (event.labels, event.since, event.at) == (["drifts"], 5.0, 77.0)
    assert event.evidence == {"statistic": 12.0, "bound": 10.0, "rate_since": 0.25}
    assert (event.texts, event.examples) == (["t1"], ["x" * drift.EXCERPT])


def _fields(delivered: Delivered) -> dict[str, Any]:
    return {name: getattr(delivered, name) for name in Delivered.__slots__}


async def test_a_batch_delivered_again_publishes_the_same_and_changes_nothing(seen: Seen) -> None:
    stage = Notice(seed=0)
    batch = make.batch(VERDICTS, final("t1"), final("t2", proposed="drifts"), b"no verdict")
    first = await stage.handle(batch)
    assert [record.topic for record in first] == [DEADLETTERS.name, DRIFT.name]
    # At once, one by one, or the readable ones alone, as after a failure.
    assert (await stage.handle(batch))[1:] == first[1:]
    assert await stage.handle(batch[1:2]) == first[1:]
    assert len(judged(seen)) == 2


async def test_after_a_restart_the_state_is_that_of_the_log(seen: Seen, log: SqliteLog) -> None:
    records = [("verdicts", final(f"t{i}", proposed="drifts" if i == 3 else "a")) for i in range(5)]
    log.append([Outgoing(topic, b"", record.encode()) for topic, record in records])
    batch = log.read(NOTICE.name, [topic.name for topic in NOTICE.reads], 4)
    before = Notice(seed=0)
    published = await before.handle(batch)
    assert len(published) == 1
    after = Notice(seed=0)
    await after.start(log)  # nothing was committed
    assert await after.handle(batch) == published
    log.commit(NOTICE.name, batch, published)
    seen.clear()
    again = Notice(seed=0)
    await again.start(log)
    assert [id for id, *_ in judged(seen)] == ["t0", "t1", "t2", "t3"]
    rest = log.read(NOTICE.name, [topic.name for topic in NOTICE.reads], 4)
    assert await again.handle(rest) == []
    assert [id for id, *_ in judged(seen)][4:] == ["t4"]


@pytest.mark.parametrize(
    "broken",
    [
        b"no case",
        make.uncertain("x", embedding=Vector(encoder="e", f16="AAA")).encode(),
        make.uncertain("x", embedding=Vector.of(np.full(2, np.nan, np.float32), "e")).encode(),
        make.uncertain("x", labels=()).encode(),
    ],
)
async def test_what_cannot_be_used_costs_no_other(seen: Seen, broken: bytes) -> None:
    batch = make.batch(UNCERTAIN, make.uncertain("a"), broken, make.uncertain("b"))
    out = await Notice(seed=0).handle(batch)
    assert [letter.offset for letter in make.of(DEADLETTERS, out)] == [1]
    assert ids(seen, "embeddings") == ["a", "b"]


def stream(wrong: Sequence[float], seed: int = 0) -> Iterator[Verdict]:
    rng = np.random.default_rng(seed)
    for place, rate in enumerate(wrong):
        miss = rng.random() < rate
        yield final(f"t{place}", "chosen", "fire" if miss else "printer", confidence=0.97)


async def test_audits_that_turn_against_a_label_lead_to_one_event() -> None:
    (event,) = await handled(*stream([0.03] * 600 + [0.3] * 100))
    assert (event.kind, event.series, event.labels) == ("disagreement", "audits", ["printer"])
    assert event.evidence["pairs"] == [f"printer → fire: {_count(event)}"]
    assert event.texts


def _count(event: Drift) -> int:
    rate, texts = event.evidence["rate_since"], event.evidence["texts_since"]
    assert isinstance(rate, float)
    assert isinstance(texts, int)
    return round(rate * texts)


def told(**fields: Any) -> list[str]:
    usual: dict[str, Any] = {"kind": "embeddings", "labels": ["a", "b"], "since": 0.0, "at": 60.0}
    return list(drifted(Drift(**{**usual, **fields})))


def test_an_event_is_told_in_words() -> None:
    evidence = {"rate_before": 0.02, "rate_since": 0.125, "texts_since": 56, "pairs": ["a → b: 7"]}
    lines = told(kind="disagreement", series="audits", evidence=evidence)
    assert "the judge disagrees on 0.125 of 56 audited texts, before on 0.020." in lines[0]
    assert lines[0].startswith("Drift since 19")
    assert lines[1:] == ["  a → b: 7"]
    doubtful = told(kind="disagreement", series="doubtful", evidence=evidence)
    assert "56 doubtful texts" in doubtful[0]


def test_labels_and_the_first_example_are_shown() -> None:
    lines = told(labels=list("abcdefgh"), texts=["t1", "t2"], examples=["on fire", "x"])
    assert "the texts are others than before" in lines[0]
    assert lines[1:] == ["  most under a, b, c, d, e, f and 2 more", '  for example t1, "on fire"']
    moved = told(kind="shares", evidence={"p": 0.0002, "shares": ["a: 0.1 → 0.3"]})
    assert "(p 0.0002)" in moved[0]
    assert moved[1] == "  a: 0.1 → 0.3"


def test_status_tells_the_latest_events(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Folder(settings.var)
    Ledger(folder.ledger).close()
    TextIndex(folder.texts).close()
    assert (summarize(settings).noticed, summarize(settings).drifts) == (0, [])
    events = [Drift(kind="shares", labels=[f"label {i}"], since=0.0, at=float(i)) for i in range(5)]
    with closing(SqliteLog(folder.log)) as log:
        log.append([Outgoing(DRIFT.name, b"shares", event.encode()) for event in events])
    found = summarize(settings)
    assert (found.noticed, found.drifts) == (5, events[-DRIFTS:])
    screen.summary(found, None, settings, None)
    told = capsys.readouterr().out
    assert "Drift was noticed 5 times; the latest:" in told
    assert "label 1" not in told
    assert "most under label 4" in told
