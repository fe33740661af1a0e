"""train: what the judge's answers are worth goes into the version, and an alarm suspends it."""

import time
from pathlib import Path

from streams.ageing import AFTER
from streams.answers import Answers
from streams.audits import Audits
from streams.embedded.log import SqliteLog
from streams.feed import Feed
from streams.records import Verdict, Weighed
from streams.stages.train import Train
from streams.topology import DRIFT, RETRAIN, VERDICTS
from tests.unit.streams import make, tiny
from tests.unit.streams.test_train import drift, kept_apart, manifests, poison, published


def weighing(log: SqliteLog, tmp_var: Path, feed: Feed | None = None) -> Train:
    audits = Audits(tmp_var / "audits.json", 0.95, 0.05)
    return Train(feed or Feed(log), audits, answers=Answers())


def answered(count: int, *, likely: bool = True) -> list[Verdict]:
    """Answers that the classifier held likely, or that look like mistakes."""
    fits = Weighed(rightly=0.7, wrongly=0.01) if likely else Weighed(rightly=0.01, wrongly=0.4)
    return [
        make.verdict(
            f"w{likely}{n}",
            final=True,
            decision="accepted",
            label="printer" if likely else "room",
            confidence=0.99,
            weighed=fits,
        )
        for n in range(count)
    ]


async def test_what_answers_are_worth_is_in_the_version_and_follows_them(
    log: SqliteLog, tmp_var: Path
) -> None:
    stage = weighing(log, tmp_var, tiny.fitted(log))
    await stage.start(log)
    good = manifests(await published(log, stage, VERDICTS, *answered(300)))[-1].trust
    assert good is not None
    assert good.reliable > 0.95
    assert not good.believed
    assert await published(log, stage, VERDICTS, *answered(5)) == []
    poor = manifests(await published(log, stage, VERDICTS, *answered(300, likely=False)))[-1].trust
    assert poor is not None
    assert poor.reliable < good.reliable - 0.2
    again = weighing(log, tmp_var)
    await again.start(log)
    assert await published(log, again, VERDICTS) == []  # as it was, from the log alone


async def test_after_an_alarm_answers_are_believed_for_a_while(
    log: SqliteLog, tmp_var: Path
) -> None:
    stage = weighing(log, tmp_var, tiny.fitted(log))
    await stage.start(log)
    await published(log, stage, VERDICTS, *answered(100))
    (alarm,) = manifests(await published(log, stage, DRIFT, drift(time.time(), "printer")))
    assert alarm.trust is not None
    assert alarm.trust.believed
    again = weighing(log, tmp_var)
    await again.start(log)
    await published(log, again, VERDICTS, *answered(100))
    assert Feed(log).newest().terms.trust == alarm.trust
    (after,) = manifests(await published(log, again, VERDICTS, *answered(AFTER)))
    assert after.trust is not None
    assert not after.trust.believed


async def test_who_does_not_weigh_says_nothing_of_trust(log: SqliteLog, tmp_var: Path) -> None:
    stage = weighing(log, tmp_var, tiny.fitted(log))
    await stage.start(log)
    await published(log, stage, VERDICTS, *answered(300))
    other = Train(Feed(log), Audits(tmp_var / "audits.json", 0.95, 0.05))
    await other.start(log)
    (manifest,) = manifests(await published(log, other, VERDICTS))
    assert manifest.trust is None


async def test_versions_are_compared_on_what_was_left_after_weighing(
    log: SqliteLog, tmp_var: Path
) -> None:
    """A judge that calls everything travel does not vouch for lessons that say so."""
    stage = weighing(log, tmp_var, tiny.fitted(log))
    await stage.start(log)
    stands = [
        one.model_copy(
            update={
                "label": "travel",
                "weighed": Weighed(rightly=0.01, wrongly=0.4, label=one.proposed, probability=0.8),
            }
        )
        for one in kept_apart()
    ]
    await published(log, stage, VERDICTS, *stands)
    (manifest,) = manifests(await published(log, stage, RETRAIN, *poison()))
    assert manifest.refused is not None
    doubtful = [
        one.model_copy(update={"weighed": one.weighed.model_copy(update={"probability": 0.6})})
        for one in stands
        if one.weighed
    ]
    audits = Audits(tmp_var / "other.json", 0.95, 0.05)
    for delivered, one in zip(make.batch(VERDICTS, *doubtful), doubtful, strict=True):
        audits.observe(delivered, one)
    assert audits.apart == []
