"""The judge's answers beside the classifier's own: what is asked, what stands, what is taught."""

from dataclasses import replace
from typing import Any

import pytest

from judge.memory_store import MemoryExampleStore
from judge.question import Answer, no_verdict, picked, verified
from models.classifier import Classifier
from streams.decided import labelled
from streams.delivery import deliver
from streams.embedded.log import SqliteLog
from streams.feed import Feed
from streams.records import Authority, Contender, Reliability, Uncertain
from streams.stage import Outgoing
from streams.stages.judge import JudgeStage
from streams.terms import Terms
from streams.topology import LABELED, RETRAIN, UNCERTAIN, VERDICTS
from streams.weighing import Scales, Weighing, wanted
from tests.unit.streams import make, tiny
from tests.unit.streams.test_judge_stage import Scripted

OTHERS = ("printer", "room", "travel")
VALID = verified("password", True, "clear")
INVALID = verified("password", False, "no")
ROOM = picked("room", OTHERS, "a room")
NONE = picked(None, OTHERS, "none of them")
UNSURE = no_verdict("verify", ("password",), "unsure", "cannot tell")


def known(reliable: float, *, believed: bool = False) -> Reliability:
    return Reliability(reliable=reliable, steps=[reliable] * 6, answers=100, believed=believed)


def case(*probabilities: float, **fields: Any) -> Uncertain:
    """A text that may be about a password first, then a printer, a room, travel."""
    labels = ("password", *OTHERS)
    contenders = [
        Contender(label=label, probability=p)
        for label, p in zip(labels, probabilities, strict=False)
    ]
    return make.uncertain(embedding=tiny.vector("hello")).model_copy(
        update={"contenders": contenders, "model": 3, **fields}
    )


def served(log: SqliteLog, trust: Reliability | None) -> Feed:
    feed = Feed(log)
    terms = Terms(0.9, trust=trust)
    log.append(feed.publish(tiny.classifier(), applied=0, learnt=0, touched=(), terms=terms))
    return feed


async def judged(
    log: SqliteLog, trust: Reliability | None, one: Uncertain, *script: Answer
) -> list[Outgoing]:
    feed = served(log, trust)
    stage = JudgeStage(
        Scripted(*script),
        MemoryExampleStore(64),
        concurrency=2,
        feed=feed,
        weighing=Weighing(feed, "weigh"),
    )
    return await deliver(stage, make.batch(UNCERTAIN, one))


async def test_a_good_judges_answer_is_the_label_and_is_taught(log: SqliteLog) -> None:
    out = await judged(log, known(0.95), case(0.5, 0.2, 0.2, 0.05), INVALID, ROOM)
    (event,) = make.of(LABELED, out)
    assert (event.label, event.authority, event.signed) == ("room", Authority.JUDGE, "scripted")
    assert event.confidence == pytest.approx(0.9, abs=0.1)
    (lesson,) = make.of(RETRAIN, out)
    assert (lesson.label, lesson.authority) == ("room", Authority.JUDGE)


async def test_against_a_poor_judge_the_classifiers_label_stands_and_says_so(
    log: SqliteLog,
) -> None:
    out = await judged(log, known(0.4), case(0.93, 0.03, 0.02, 0.01), INVALID, ROOM)
    (event,) = make.of(LABELED, out)
    assert (event.label, event.authority) == ("password", Authority.CLASSIFIER)
    assert (event.signed, event.decision) == ("model 3, against scripted", 3)
    final = make.of(VERDICTS, out)[-1]
    assert (final.decision, final.label) == ("accepted", "room")  # what the judge itself said
    assert final.weighed.label == "password"
    assert final.weighed.probability == pytest.approx(event.confidence, abs=1e-6)
    assert 0.6 < event.confidence < 0.93
    assert final.held is None


async def test_what_stays_doubtful_goes_out_and_is_not_taught(log: SqliteLog) -> None:
    out = await judged(log, known(0.5), case(0.45, 0.1, 0.3, 0.1), INVALID, ROOM)
    (event,) = make.of(LABELED, out)
    assert event.confidence < 0.7
    assert not make.of(RETRAIN, out)


async def test_the_label_of_an_audited_text_that_stands_is_not_published_twice(
    log: SqliteLog,
) -> None:
    audit = case(0.93, 0.03, 0.02, 0.01, audit=True)
    out = await judged(log, known(0.4), audit, INVALID, ROOM)
    assert not make.of(LABELED, out)
    out = await judged(log, known(0.97), case(0.6, 0.2, 0.15, 0.01, audit=True), INVALID, ROOM)
    assert [event.label for event in make.of(LABELED, out)] == ["room"]


async def test_none_of_them_is_weighed_too(log: SqliteLog) -> None:
    doubtful = case(0.5, 0.2, 0.1, rest=0.2)
    out = await judged(log, known(0.97), doubtful, INVALID, picked(None, OTHERS[:2], "none"))
    assert not make.of(LABELED, out)
    assert make.of(VERDICTS, out)[-1].held.rejected == ["password", "printer", "room"]
    out = await judged(log, known(0.3), doubtful, INVALID, picked(None, OTHERS[:2], "none"))
    (event,) = make.of(LABELED, out)
    assert (event.label, event.authority) == ("password", Authority.CLASSIFIER)
    assert make.of(VERDICTS, out)[-1].held is None


@pytest.mark.parametrize("script", [(UNSURE,), (INVALID, no_verdict("choose", OTHERS, "odd", ""))])
async def test_no_verdict_is_no_evidence(log: SqliteLog, script: tuple[Answer, ...]) -> None:
    out = await judged(log, known(0.4), case(0.8, 0.1), *script)
    assert not make.of(LABELED, out)
    final = make.of(VERDICTS, out)[-1]
    assert final.weighed is None
    assert final.held is not None


async def test_after_a_change_answers_are_believed_and_still_measured(log: SqliteLog) -> None:
    out = await judged(log, known(0.4, believed=True), case(0.93, 0.03, 0.02), INVALID, ROOM)
    (event,) = make.of(LABELED, out)
    assert (event.label, event.authority, event.confidence) == ("room", Authority.JUDGE, None)
    assert len(make.of(RETRAIN, out)) == 1
    weighed = make.of(VERDICTS, out)[-1].weighed
    assert weighed.label is None
    assert 0 < weighed.rightly < weighed.wrongly


async def test_what_was_refused_before_has_no_share_in_the_next_round(log: SqliteLog) -> None:
    again = case(0.1, 0.05, 0.05, rest=0.1, rejected=["travel"], round=2)
    out = await judged(log, known(0.8), again, VALID)
    (event,) = make.of(LABELED, out)
    assert event.label == "password"
    assert event.confidence > 0.6


async def test_a_label_that_is_new_to_the_model_is_believed(log: SqliteLog) -> None:
    fire = picked("fire", ("fire",), "smoke")
    one = case(0.9, 0.05).model_copy(
        update={"contenders": [Contender(label="password", probability=0.9)]}
    )
    scales = Scales(served(log, known(0.4)).newest())
    decision = make.decision("fire", INVALID, fire)
    assert scales.weighed(one, decision) is None
    assert [e.label for e in make.of(LABELED, labelled(one, decision, Scripted(VALID)))] == ["fire"]


def test_nothing_is_gained_from_a_poor_judge_about_what_is_likely(log: SqliteLog) -> None:
    predictions = tiny.classifier().predict(tiny.embed(tiny.SURE["room"])[None])
    good, poor = (Scales(replace_trust(log, known(r))) for r in (0.99, 0.2))
    assert poor.gains_nothing(predictions, [True]) == [True]
    assert poor.gains_nothing([*predictions, *predictions], [False, True]) == [False, True]
    doubtful = tiny.classifier().predict(tiny.embed(tiny.UNSURE)[None])
    assert good.gains_nothing(doubtful, [True]) == [False]
    believed = Scales(replace_trust(log, known(0.2, believed=True)))
    assert believed.gains_nothing(predictions, [True]) == [False]
    assert good.gains_nothing([], []) == []


def replace_trust(log: SqliteLog, trust: Reliability) -> Any:
    version = served(log, None).newest()
    return replace(version, manifest=version.manifest.model_copy(update={"trust": trust}))


@pytest.mark.parametrize(("right", "weighs"), [(0.79, False), (0.81, True)])
def test_by_itself_it_weighs_where_the_fit_is_as_good_as_judges_are(
    log: SqliteLog, right: float, weighs: bool
) -> None:
    classifier = tiny.classifier()
    reference = replace(classifier.reference, right=right)
    version = replace(
        served(log, None).newest(),
        classifier=Classifier(replace(classifier.live, reference=reference)),
    )
    assert wanted("auto", version) is weighs
    assert wanted("weigh", version)
    assert not wanted("believe", version)


def test_scales_are_made_once_for_a_version(log: SqliteLog) -> None:
    weighing = Weighing(served(log, known(0.8)), "weigh")
    first = weighing.now()
    assert first is weighing.now()
    served(log, known(0.4))
    assert weighing.now() is not first
