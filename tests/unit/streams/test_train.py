"""train: a lesson is learnt once, in its order, and every batch ends in one whole version."""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.classifier import Classifier
from streams.ageing import AFTER, ENOUGH
from streams.audits import Audits
from streams.delivery import deliver
from streams.embedded.log import SqliteLog
from streams.feed import MANIFEST, Feed
from streams.records import Authority, Drift, Manifest, Retrain, Verdict
from streams.stage import Delivered, Outgoing, outgoing
from streams.stages.train import Train
from streams.topology import DEADLETTERS, DRIFT, MODELS, RETRAIN, TRAIN, VERDICTS, Topic
from streams.wire import Record, Vector, unsqueezed
from tests.unit.streams import make, tiny


@pytest.fixture
def stage(log: SqliteLog) -> Train:
    return Train(tiny.fitted(log))


def lesson(words: str, label: str = "travel", **fields: object) -> Retrain:
    embedding = fields.pop("embedding", tiny.vector(words))
    return make.lesson(words, label, text=words, embedding=embedding, **fields)


def revoked(words: str) -> Retrain:
    return lesson(words, kind="revoked", embedding=None)


def manifests(records: list[Outgoing]) -> list[Manifest]:
    return [
        unsqueezed(Manifest, r.value)
        for r in records
        if r.topic == MODELS.name and (r.key or b"").startswith(MANIFEST.encode())
    ]


async def step(log: SqliteLog, stage: Train, batch: list[Delivered]) -> list[Outgoing]:
    """One batch as a runner does it: handled, published, committed."""
    out = await deliver(stage, batch)
    log.commit(TRAIN.name, batch, out)
    return out


def served(log: SqliteLog) -> Classifier:
    return Feed(log).newest().classifier


WORDS = ["visa for a trip", "lost luggage trip", "train delayed refund"]


def expected(*words: str, at: Sequence[int] = (0, 1, 2)) -> Classifier:
    """The model that has learnt `words` from these offsets in `retrain`: how old each is."""
    return tiny.classifier().learn(
        [
            replace(tiny.example(one, "travel"), arrival=offset)
            for one, offset in zip(words, at, strict=False)
        ]
    )


async def test_lessons_end_in_one_new_version(log: SqliteLog, stage: Train) -> None:
    out = await step(log, stage, make.batch(RETRAIN, *map(lesson, WORDS)))
    (manifest,) = manifests(out)
    assert (manifest.number, manifest.applied, manifest.learnt) == (2, 3, 3)
    assert "travel" in manifest.touched
    assert served(log).hash() == manifest.hash == expected(*WORDS).hash()


async def test_what_was_learnt_counts_on_over_batches_and_restarts(log: SqliteLog) -> None:
    tiny.fitted(log)
    for place, words in enumerate(WORDS):
        await step(log, Train(Feed(log)), make.batch(RETRAIN, lesson(words), first=place))
    manifest = Feed(log).newest().manifest
    assert (manifest.number, manifest.applied, manifest.learnt) == (4, 3, 3)
    assert served(log).hash() == expected(*WORDS).hash()


async def test_a_lesson_delivered_twice_is_learnt_once(log: SqliteLog, stage: Train) -> None:
    batch = make.batch(RETRAIN, *map(lesson, WORDS))
    await step(log, stage, batch)
    assert await stage.handle(batch) == []
    (manifest,) = manifests(
        await stage.handle([*batch, *make.batch(RETRAIN, lesson("x"), first=3)])
    )
    assert (manifest.number, manifest.applied, manifest.learnt) == (3, 4, 4)


async def test_the_seed_examples_are_in_the_first_version_already(log: SqliteLog) -> None:
    stage = Train(tiny.fitted(log, applied=2))
    seeds = [lesson(words, kind="seed") for words in WORDS[:2]]
    assert await stage.handle(make.batch(RETRAIN, *seeds)) == []


async def test_a_batch_not_committed_is_learnt_the_same_way_again(
    log: SqliteLog, stage: Train
) -> None:
    batch = make.batch(RETRAIN, *map(lesson, WORDS))
    lost, kept = await stage.handle(batch), await step(log, stage, batch)
    assert manifests(lost)[0].hash == manifests(kept)[0].hash == served(log).hash()


async def test_an_unknown_label_is_a_dead_letter_and_the_rest_is_learnt(
    log: SqliteLog, stage: Train
) -> None:
    batch = make.batch(RETRAIN, lesson(WORDS[0]), lesson("boo", "ghosts"), lesson(WORDS[1]))
    out = await step(log, stage, batch)
    (letter,) = make.of(DEADLETTERS, out)
    assert (letter.position, letter.stage) == ("retrain/0/1", "train")
    assert letter.message == "no label 'ghosts' in model 1"
    assert served(log).hash() == expected(*WORDS[:2], at=(0, 2)).hash()


async def test_a_lesson_that_cannot_be_read_costs_no_other(log: SqliteLog, stage: Train) -> None:
    batch = make.batch(RETRAIN, lesson(WORDS[0]), b"no lesson", lesson(WORDS[1]))
    out = await step(log, stage, batch)
    assert [letter.offset for letter in make.of(DEADLETTERS, out)] == [1]
    assert served(log).hash() == expected(*WORDS[:2], at=(0, 2)).hash()


@pytest.mark.parametrize(
    "broken",
    [
        Vector(encoder="e", f16="AAA"),
        Vector.of(np.ones(3, np.float32), "e"),
        Vector.of(np.full(64, np.nan, np.float32), "e"),
    ],
    ids=["damaged", "another length", "not a number"],
)
async def test_a_lesson_whose_embedding_is_broken_costs_no_other(
    log: SqliteLog, stage: Train, broken: Vector
) -> None:
    bad = lesson("bad", embedding=broken)
    batch = make.batch(RETRAIN, lesson(WORDS[0]), bad, lesson(WORDS[1]), lesson(WORDS[2]))
    out = await step(log, stage, batch)
    assert [letter.offset for letter in make.of(DEADLETTERS, out)] == [1]
    assert Feed(log).newest().manifest.learnt == 3
    assert served(log).hash() == expected(*WORDS, at=(0, 2, 3)).hash()


async def test_only_dead_letters_make_no_version(stage: Train) -> None:
    out = await stage.handle(make.batch(RETRAIN, lesson("boo", "ghosts"), b"no lesson"))
    assert {record.topic for record in out} == {DEADLETTERS.name}


async def test_what_is_revoked_is_unlearnt(log: SqliteLog, stage: Train) -> None:
    await step(log, stage, make.batch(RETRAIN, *map(lesson, WORDS)))
    out = await step(log, stage, make.batch(RETRAIN, revoked(WORDS[2]), first=3))
    assert manifests(out)[0].touched
    assert served(log).hash() == expected(*WORDS[:2]).hash()


async def test_the_last_word_on_a_text_counts(log: SqliteLog, stage: Train) -> None:
    words = WORDS[0]
    batch = make.batch(
        RETRAIN,
        lesson(words, "printer"),
        revoked(words),
        lesson(words, "travel"),
        lesson(WORDS[1]),
        revoked(WORDS[1]),
    )
    await step(log, stage, batch)
    assert served(log).hash() == expected(words, at=[2]).hash()


async def test_a_text_taught_again_under_another_label_moves(log: SqliteLog, stage: Train) -> None:
    await step(log, stage, make.batch(RETRAIN, lesson(WORDS[0], "printer")))
    await step(log, stage, make.batch(RETRAIN, lesson(WORDS[0], "travel"), first=1))
    assert served(log).hash() == expected(WORDS[0], at=[1]).hash()


async def test_a_revocation_of_what_was_never_learnt_changes_nothing(
    log: SqliteLog, stage: Train
) -> None:
    await step(log, stage, make.batch(RETRAIN, revoked("never learnt")))
    assert served(log).hash() == tiny.classifier().hash()
    assert Feed(log).newest().manifest.touched == []


@pytest.mark.parametrize("size", [2, 3, 5])
async def test_the_size_of_the_batches_does_not_change_what_is_learnt(
    log: SqliteLog, tmp_path: Path, stage: Train, size: int
) -> None:
    first, second, third = WORDS
    lessons = [
        lesson(first, "printer"),
        lesson(second),
        lesson(first),
        revoked(second),
        lesson(third),
        lesson(second),
    ]
    with closing(SqliteLog(tmp_path / "other.sqlite")) as other:
        one_by_one = Train(tiny.fitted(other))
        for delivered in make.batch(RETRAIN, *lessons):
            await step(other, one_by_one, [delivered])
        alone = served(other).hash()
    for start in range(0, len(lessons), size):
        part = lessons[start : start + size]
        await step(log, stage, make.batch(RETRAIN, *part, first=start))
    assert served(log).hash() == alone


def judged(count: int) -> list[Verdict]:
    return [
        make.verdict(f"j{n}", final=True, decision="accepted", label="printer", confidence=0.99)
        for n in range(count)
    ]


def auditing(log: SqliteLog, tmp_var: Path, feed: Feed | None = None) -> Train:
    return Train(feed or Feed(log), Audits(tmp_var / "audits.json", 0.95, 0.05))


async def test_what_was_judged_sets_threshold_and_audits(log: SqliteLog, tmp_var: Path) -> None:
    stage = auditing(log, tmp_var, tiny.fitted(log))
    (manifest,) = manifests(await step(log, stage, make.batch(VERDICTS, *judged(300))))
    assert manifest.claim is not None
    assert manifest.claim.state == "certified"
    assert (manifest.audit, manifest.applied, manifest.touched) == (0.05, 0, [])
    first = Feed(log).newest()
    assert first.terms.threshold == manifest.threshold < first.classifier.threshold
    assert manifest.hash == first.classifier.hash() == tiny.classifier().hash()


async def test_verdicts_that_change_nothing_make_no_version(log: SqliteLog, tmp_var: Path) -> None:
    stage = auditing(log, tmp_var, tiny.fitted(log))
    await step(log, stage, make.batch(VERDICTS, *judged(300)))
    assert await step(log, stage, make.batch(VERDICTS, *judged(5), first=300)) == []


async def test_a_lesson_keeps_the_terms_and_its_place(log: SqliteLog, tmp_var: Path) -> None:
    stage = auditing(log, tmp_var, tiny.fitted(log))
    (before,) = manifests(await step(log, stage, make.batch(VERDICTS, *judged(300))))
    (after,) = manifests(await step(log, stage, make.batch(RETRAIN, *map(lesson, WORDS))))
    assert (after.threshold, after.audit, after.claim) == (
        before.threshold,
        before.audit,
        before.claim,
    )
    assert (after.applied, after.learnt) == (3, 3)
    assert after.hash == expected(*WORDS).hash()


async def test_what_was_judged_is_read_again_where_it_was_lost(
    log: SqliteLog, tmp_var: Path
) -> None:
    stage = auditing(log, tmp_var, tiny.fitted(log))
    log.append([outgoing(VERDICTS, verdict.id, verdict) for verdict in judged(300)])
    batch = log.read(TRAIN.name, [VERDICTS.name], 300)
    log.commit(TRAIN.name, batch, await deliver(stage, batch))
    again = auditing(log, tmp_var)
    await again.start(log)
    assert await deliver(again, batch) == []  # all known, and nothing new to say


async def test_without_audits_the_threshold_is_that_of_the_examples(
    log: SqliteLog, stage: Train
) -> None:
    assert await step(log, stage, make.batch(VERDICTS, *judged(300))) == []
    (manifest,) = manifests(await step(log, stage, make.batch(RETRAIN, lesson(WORDS[0]))))
    assert manifest.threshold == tiny.classifier().threshold
    assert (manifest.audit, manifest.claim) == (None, None)


async def test_a_verdict_that_cannot_be_read_is_the_ledgers_to_report(
    log: SqliteLog, tmp_var: Path
) -> None:
    stage = auditing(log, tmp_var, tiny.fitted(log))
    out = await step(log, stage, make.batch(VERDICTS, b"no verdict", *judged(300)))
    assert make.of(DEADLETTERS, out) == []
    (manifest,) = manifests(out)
    assert manifest.claim is not None
    assert manifest.claim.judged == 300


def kept_apart() -> list[Verdict]:
    return [
        make.verdict(
            f"a{n} {words}",
            final=True,
            decision="accepted",
            label=label,
            proposed=label,
            apart=tiny.vector(words),
        )
        for n in range(4)
        for label, texts in tiny.EXAMPLES.items()
        for words in texts
    ]


def poison() -> list[Retrain]:
    return [
        make.lesson(f"{words} {n}", "travel", text=words, embedding=tiny.vector(words))
        for n in range(6)
        for words in tiny.EXAMPLES["printer"]
    ]


async def test_lessons_that_make_the_model_worse_are_refused_and_taken_back(
    log: SqliteLog, tmp_var: Path
) -> None:
    stage = auditing(log, tmp_var, tiny.fitted(log))
    await step(log, stage, make.batch(VERDICTS, *kept_apart()))
    good = lesson("visa for a trip", authority=Authority.PERSON)
    out = await step(log, stage, make.batch(RETRAIN, *poison(), good))
    (manifest,) = manifests(out)
    assert manifest.refused is not None
    assert manifest.refused.lessons == [one.id for one in poison()]
    assert manifest.refused.lost > manifest.refused.won == 0
    assert manifest.refused.texts == 96
    assert (manifest.applied, manifest.learnt) == (37, 1)
    told = replace(tiny.example("visa for a trip", "travel"), arrival=36, gold=True)
    assert manifest.hash == served(log).hash() == tiny.classifier().learn([told]).hash()
    revoked = make.of(RETRAIN, out)
    assert [(one.kind, one.id, one.signed) for one in revoked] == [
        ("revoked", one.id, "gate") for one in poison()
    ]


async def test_without_texts_kept_apart_nothing_is_refused(log: SqliteLog, tmp_var: Path) -> None:
    stage = auditing(log, tmp_var, tiny.fitted(log))
    (manifest,) = manifests(await step(log, stage, make.batch(RETRAIN, *poison())))
    assert manifest.refused is None
    assert manifest.learnt == len(poison())


async def test_the_texts_kept_apart_are_known_again_after_a_restart(
    log: SqliteLog, tmp_var: Path
) -> None:
    stage = auditing(log, tmp_var, tiny.fitted(log))
    await step(log, stage, make.batch(VERDICTS, *kept_apart()))
    await stage.close()
    (manifest,) = manifests(await step(log, auditing(log, tmp_var), make.batch(RETRAIN, *poison())))
    assert manifest.refused is not None


def drift(since: float, *labels: str, **fields: object) -> Drift:
    return Drift.model_validate(
        {"kind": "disagreement", "labels": labels, "since": since, "at": since, **fields}
    )


def new_meaning(count: int, label: str = "printer") -> list[Retrain]:
    """Lessons of a label that mean something else than its examples."""
    words = ["ferry", "harbour", "island", "sail", "anchor", "deck"][:count]
    return [make.lesson(w, label, text=w, embedding=tiny.vector(w)) for w in words]


async def published(log: SqliteLog, stage: Train, topic: Topic, *records: Record) -> list[Outgoing]:
    """Records on their way through the log: as a run has them, read at the group's position."""
    log.append([outgoing(topic, f"k{n}", record) for n, record in enumerate(records)])
    batch = log.read(TRAIN.name, [one.name for one in TRAIN.reads], 5_000)
    return await step(log, stage, batch)


async def test_after_an_alarm_everything_is_judged_and_what_was_said_before_counts_no_more(
    log: SqliteLog, tmp_var: Path
) -> None:
    stage = auditing(log, tmp_var, tiny.fitted(log))
    await stage.start(log)
    await published(log, stage, RETRAIN, lesson("toner from before", "printer"))
    (before,) = manifests(await published(log, stage, VERDICTS, *judged(300)))
    assert (before.audit, before.judged_from) == (0.05, 0)
    (after,) = manifests(await published(log, stage, DRIFT, drift(time.time(), "printer")))
    assert (after.audit, after.judged_from) == (1.0, 300)
    assert after.claim is not None
    assert (after.claim.state, after.claim.judged) == ("too few", 0)
    assert (after.taught_from, after.ageing) == (1, {"printer": 1})
    # Also where a certificate comes soon, and after a restart.
    again = auditing(log, tmp_var)
    await again.start(log)
    out = await published(log, again, VERDICTS, *judged(300))
    assert manifests(out)[-1].audit == 1.0
    (last,) = manifests(await published(log, again, VERDICTS, *judged(AFTER)))
    assert last.audit == 0.05


@pytest.mark.parametrize("fields", [{"kind": "shares"}, {"series": "doubtful"}])
async def test_other_drift_makes_nothing_forgotten(
    log: SqliteLog, tmp_var: Path, fields: dict[str, str]
) -> None:
    stage = auditing(log, tmp_var, tiny.fitted(log))
    await stage.start(log)
    await published(log, stage, VERDICTS, *judged(300))
    assert await published(log, stage, DRIFT, drift(0.0, "printer", **fields)) == []


async def test_a_label_that_changed_forgets_its_past_once_enough_was_taught_since(
    log: SqliteLog, tmp_var: Path
) -> None:
    stage = auditing(log, tmp_var, tiny.fitted(log))
    await stage.start(log)
    await published(log, stage, RETRAIN, lesson("toner from before", "printer"))
    (alarm,) = manifests(await published(log, stage, DRIFT, drift(time.time(), "printer")))
    assert alarm.ageing == {"printer": 1}
    out = await published(log, stage, RETRAIN, *new_meaning(ENOUGH - 1))
    assert (make.of(RETRAIN, out), manifests(out)[0].ageing) == ([], {"printer": 1})
    out = await published(log, stage, RETRAIN, *new_meaning(ENOUGH)[-1:])
    gone = make.of(RETRAIN, out)
    assert {(one.kind, one.signed, one.label) for one in gone} == {("revoked", "drift", "printer")}
    assert {one.id for one in gone} == {*tiny.EXAMPLES["printer"], "toner from before"}
    assert manifests(out)[0].ageing == {}
    await published(log, stage, RETRAIN)
    kept = served(log).shelves["printer"].members
    assert kept == {one.id for one in new_meaning(ENOUGH)}


async def test_what_is_judged_after_an_alarm_names_further_labels(
    log: SqliteLog, tmp_var: Path
) -> None:
    stage = auditing(log, tmp_var, tiny.fitted(log))
    await stage.start(log)
    await published(log, stage, RETRAIN, lesson("toner from before", "printer"))
    await published(log, stage, VERDICTS, *judged(10))
    await published(log, stage, DRIFT, drift(time.time(), "printer"))
    wrong = [
        make.verdict(
            f"w{n}",
            final=True,
            decision="accepted",
            label="room",
            proposed="travel",
            confidence=0.99,
        )
        for n in range(5)
    ]
    (manifest,) = manifests(await published(log, stage, VERDICTS, *judged(100), *wrong))
    assert manifest.ageing == {"printer": 1, "travel": 1}
