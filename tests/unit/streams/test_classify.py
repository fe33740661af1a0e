"""classify: sure texts are labelled, unsure ones and audits go to the judge."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.classifier import Classifier, Contender, Prediction
from models.encoder import HashingEncoder
from models.errors import Fatal
from streams.asking import BACKLOG, Asking
from streams.delivery import deliver
from streams.embedded.log import SqliteLog
from streams.feed import Feed
from streams.held import MAX_ROUNDS
from streams.records import Authority, Forgotten
from streams.stage import Delivered, Outgoing, outgoing
from streams.stages.classify import Classify
from streams.terms import Shares, Terms
from streams.textindex import REQUEUED_HEADER, TextIndex
from streams.topology import (
    CLASSIFY,
    DEADLETTERS,
    FORGOTTEN,
    JUDGE,
    LABELED,
    RECHECK,
    TEXTS,
    UNCERTAIN,
    UNCERTAIN_LATER,
)
from streams.wire import Vector
from tests.unit.streams import make, tiny

Make = Callable[..., Classify]


class CountingEncoder(HashingEncoder):
    """The tiny encoder, which remembers what it was asked."""

    def __init__(self, dimension: int = 64) -> None:
        super().__init__(dimension)
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        return super().encode(texts)


@pytest.fixture
def encoder() -> CountingEncoder:
    return CountingEncoder()


@pytest.fixture
def make_stage(log: SqliteLog, encoder: CountingEncoder, tmp_var: Path) -> Iterator[Make]:
    feed = tiny.fitted(log)
    with ExitStack() as stack:

        def build(
            *, audit: float = 0.0, seed: int = 0, max_text: int = 1_000, certify: bool = False
        ) -> Classify:
            index = TextIndex(tmp_var / "texts.sqlite")
            stack.callback(index.close)
            asking = Asking(audit, seed, certify=certify)
            return Classify(encoder, feed, index, asking, max_text=max_text)

        yield build


@pytest.fixture
def stage(make_stage: Make) -> Classify:
    return make_stage()


def incoming(*lines: tuple[str, str], first: int = 0) -> list[Delivered]:
    """Ids and words, as they come from outside."""
    return make.batch(TEXTS, *(make.text(*line).encode() for line in lines), first=first)


def rechecked(words: str, lead: str, round: int = 1, **fields: object) -> list[Delivered]:
    held = make.recheck(
        lead=lead,
        round=round,
        text=make.text(words=words),
        embedding=tiny.vector(words),
        **fields,
    )
    return make.batch(RECHECK, held)


async def test_a_sure_text_is_labelled(stage: Classify) -> None:
    (event,) = make.of(LABELED, out := await stage.handle(incoming(("t1", "printer paper jam"))))
    assert (event.id, event.label, event.authority) == ("t1", "printer", Authority.CLASSIFIER)
    assert (event.decision, event.model, event.signed) == (1, 1, "model 1")
    assert event.confidence == event.contenders[0].probability > 0.9
    assert [(o.topic, o.key) for o in out] == [(LABELED.name, b"t1")]


async def test_an_unsure_text_goes_to_the_judge(stage: Classify) -> None:
    out = await stage.handle(incoming(("t1", tiny.UNSURE)))
    (case,) = make.of(UNCERTAIN, out)
    assert (case.text.id, case.text.text, case.model, case.round) == ("t1", tiny.UNSURE, 1, 1)
    assert (case.audit, case.inclusion, case.attempt) == (False, 1.0, 0)
    probabilities = [contender.probability for contender in case.contenders]
    assert probabilities == sorted(probabilities, reverse=True)
    assert make.of(LABELED, out) == []


async def test_the_judge_is_told_the_labels_beyond_the_contenders(
    stage: Classify, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = Prediction((Contender("fire", 0.5), Contender("oven", 0.2)), 0.3, 0.0, ("press", "cold"))
    of = tiny.classifier().scored(tiny.embed(tiny.UNSURE)[None])[1]
    monkeypatch.setattr(Classifier, "scored", lambda *given: ([said], of))
    (case,) = make.of(UNCERTAIN, await stage.handle(incoming(("t1", tiny.UNSURE))))
    assert case.further == ["press", "cold"]


async def test_what_it_was_predicted_from_travels_once(stage: Classify) -> None:
    (case,) = make.of(UNCERTAIN, await stage.handle(incoming(("t1", tiny.UNSURE))))
    assert case.scores is not None
    scored = case.scores.scored()
    weights = tiny.classifier().weights.full if scored.advised else tiny.classifier().weights.quick
    p = weights.probabilities(scored.features[None], np.asarray([scored.outside], np.float32))[0]
    said = {one.label: one.probability for one in case.contenders}
    assert dict(zip(scored.labels, p, strict=False)) == pytest.approx(said, abs=1e-3)
    again = make.recheck("t2", embedding=tiny.vector(tiny.UNSURE))
    (case,) = make.of(UNCERTAIN, await stage.handle(make.batch(RECHECK, again)))
    assert case.scores is None


async def test_the_embedding_travels_with_its_encoder(stage: Classify) -> None:
    (case,) = make.of(UNCERTAIN, await stage.handle(incoming(("t1", tiny.UNSURE))))
    assert case.embedding == tiny.vector(tiny.UNSURE)


async def test_unknown_fields_come_out_again(stage: Classify) -> None:
    line = b'{"id": "t1", "text": "printer paper jam", "channel": "mail"}'
    (event,) = make.of(LABELED, await stage.handle(make.batch(TEXTS, line)))
    assert event.attributes == {"channel": "mail"}


async def test_answers_keep_the_order_of_the_texts(stage: Classify) -> None:
    words = [*tiny.SURE.values(), tiny.UNSURE]
    out = await stage.handle(incoming(*((f"t{n}", w) for n, w in enumerate(words))))
    assert [o.key for o in out] == [b"t0", b"t1", b"t2", b"t3"]


async def test_a_repeat_is_dropped_and_a_conflict_is_a_dead_letter(stage: Classify) -> None:
    jam, other = "printer paper jam", "my password"
    out = await stage.handle(incoming(("t1", jam), ("t1", jam), ("t1", other)))
    assert len(make.of(LABELED, out)) == 1
    (letter,) = make.of(DEADLETTERS, out)
    assert (letter.position, letter.error) == ("texts/0/2", "IdConflict")
    assert letter.message == "id 't1' already stands for another text"
    assert b"my password" in letter.original()


async def test_what_is_no_text_is_a_dead_letter_and_disturbs_nothing(stage: Classify) -> None:
    batch = make.batch(TEXTS, b"not json", make.text("t1", "printer paper jam").encode(), b"")
    out = await stage.handle(batch)
    assert [letter.original() for letter in make.of(DEADLETTERS, out)] == [b"not json", b""]
    assert len(make.of(LABELED, out)) == 1


async def test_a_batch_delivered_again_gets_the_same_answers(make_stage: Make) -> None:
    batch = incoming(("t1", "printer paper jam"), ("t2", tiny.UNSURE), ("t1", "my password"))
    first, again = [await make_stage(audit=0.5).handle(batch) for _ in range(2)]
    assert [(o.topic, o.key) for o in again] == [(o.topic, o.key) for o in first]
    assert make.of(LABELED, again)[0].event == make.of(LABELED, first)[0].event


async def test_a_dead_letter_put_back_is_labelled_once(stage: Classify) -> None:
    value = make.text("t1", "printer paper jam").encode()
    await stage.handle(make.batch(TEXTS, value))
    back = Delivered(TEXTS.name, 0, 9, None, value, {REQUEUED_HEADER: "texts/0/0"})
    stranger = Delivered(TEXTS.name, 0, 10, None, value, {REQUEUED_HEADER: "texts/0/5"})
    assert len(make.of(LABELED, await stage.handle([back, stranger]))) == 1


async def test_audits_are_drawn_from_the_sure_by_id_and_seed(make_stage: Make) -> None:
    texts = [(f"t{n}", f"printer paper jam {n}") for n in range(200)]
    drawn = []
    for seed in (0, 0, 1):
        out = await make_stage(audit=0.3, seed=seed).handle(incoming(*texts))
        drawn.append({case.text.id for case in make.of(UNCERTAIN, out)})
        assert {case.audit for case in make.of(UNCERTAIN, out)} == {True}
        assert {case.inclusion for case in make.of(UNCERTAIN, out)} == {0.3}
        assert len(make.of(LABELED, out)) == 200
    assert drawn[0] == drawn[1] != drawn[2]
    assert 40 < len(drawn[0]) < 80


MANY = [(f"t{n}", f"printer paper jam {n}") for n in range(200)]


def published(log: SqliteLog, **terms: float) -> None:
    """The same model again, on other terms."""
    feed = Feed(log)
    model = feed.newest().classifier
    log.append(feed.publish(model, applied=0, learnt=0, touched=(), terms=Terms(**terms)))


async def test_everything_is_judged_until_the_trainer_knows_better(
    make_stage: Make, log: SqliteLog
) -> None:
    stage = make_stage(audit=0.1, certify=True)
    cases = make.of(UNCERTAIN, await stage.handle(incoming(*MANY)))
    assert len(cases) == 200
    assert {(case.audit, case.inclusion, case.rate) for case in cases} == {(True, 1.0, 1.0)}
    published(log, threshold=1.01, audit=0.1)
    (case,) = make.of(UNCERTAIN, await stage.handle(incoming(("u1", "printer paper jam"))))
    assert (case.audit, case.inclusion, case.rate) == (False, 1.0, 0.1)
    published(log, threshold=0.0, audit=0.1)
    out = await stage.handle(incoming(*((f"v{n}", tiny.UNSURE) for n in range(200))))
    assert len(make.of(LABELED, out)) == 200
    drawn = make.of(UNCERTAIN, out)
    assert 5 < len(drawn) < 40
    assert {(case.audit, case.inclusion, case.rate) for case in drawn} == {(True, 0.1, 0.1)}


async def test_a_judge_that_cannot_keep_up_is_spared_what_is_sure(
    make_stage: Make, log: SqliteLog
) -> None:
    stage = make_stage(audit=0.1, certify=True)
    await stage.start(log)
    log.append([Outgoing(UNCERTAIN.name, b"t", b"case")] * (BACKLOG + 1))
    cases = make.of(UNCERTAIN, await stage.handle(incoming(*MANY)))
    assert {(case.inclusion, case.rate) for case in cases} == {(0.1, 0.1)}
    log.commit(JUDGE.name, log.read(JUDGE.name, [UNCERTAIN.name], 10), [])
    cases = make.of(UNCERTAIN, await stage.handle(incoming(("u1", "printer paper jam"))))
    assert [case.rate for case in cases] == [1.0]


async def test_the_label_shares_of_the_version_weigh_in(make_stage: Make, log: SqliteLog) -> None:
    stage = make_stage()
    (before,) = make.of(UNCERTAIN, await stage.handle(incoming(("t1", tiny.UNSURE))))
    last = before.contenders[-1]
    feed = Feed(log)
    model, shares = feed.newest().classifier, Shares({last.label: 1000.0}, 1000)
    log.append(feed.publish(model, applied=0, learnt=0, touched=(), shares=shares))
    (after,) = make.of(UNCERTAIN, await stage.handle(incoming(("t2", tiny.UNSURE))))
    by_label = {one.label: one.probability for one in after.contenders}
    assert by_label[last.label] > last.probability


async def test_while_the_judge_is_behind_what_is_worth_most_comes_first(
    make_stage: Make, log: SqliteLog
) -> None:
    stage = make_stage()
    await stage.start(log)
    texts = [(f"t{n}", f"{words} {n}") for n in range(150) for words in (tiny.UNSURE, "trip hello")]
    texts = [(f"{id} {n}", words) for n, (id, words) in enumerate(texts)]
    out = await stage.handle(incoming(*texts))
    asked = make.of(UNCERTAIN, out)
    assert len(asked) > 40
    assert make.of(UNCERTAIN_LATER, out) == []
    log.append([Outgoing(UNCERTAIN.name, b"t", b"case")] * 2 * BACKLOG)
    again = [(f"again {id}", words) for id, words in texts]
    out = await stage.handle(incoming(*again))
    first, later = make.of(UNCERTAIN, out), make.of(UNCERTAIN_LATER, out)
    assert len(first) + len(later) == len(asked)
    assert 0.3 < len(first) / len(asked) < 0.7
    sure = [[case.contenders[0].probability for case in cases] for cases in (first, later)]
    assert max(sure[0]) <= min(sure[1]) + 0.05
    assert {case.due for case in later} == {0.0}


async def test_part_of_the_random_sample_does_not_teach(make_stage: Make) -> None:
    doubtful = [(f"t{n}", tiny.UNSURE) for n in range(200)]
    for texts in (MANY, doubtful):
        cases = make.of(
            UNCERTAIN, await make_stage(audit=0.3, certify=True).handle(incoming(*texts))
        )
        assert len(cases) == 200
        apart = {case.text.id for case in cases if case.apart}
        assert 15 < len(apart) < 50
    fewer = make.of(UNCERTAIN, await make_stage(audit=0.3).handle(incoming(*MANY)))
    assert {case.text.id for case in fewer if case.apart} == apart


@pytest.mark.parametrize(("audit", "count"), [(0.0, 0), (1.0, 3)])
async def test_no_or_every_sure_text_is_audited(make_stage: Make, audit: float, count: int) -> None:
    texts = [(label, words) for label, words in tiny.SURE.items()]
    out = await make_stage(audit=audit).handle(incoming(*texts))
    assert len(make.of(UNCERTAIN, out)) == count


async def test_a_recheck_that_is_sure_now_is_labelled_and_not_audited(make_stage: Make) -> None:
    out = await make_stage(audit=1.0).handle(rechecked("printer paper jam", lead="room"))
    assert [event.label for event in make.of(LABELED, out)] == ["printer"]
    assert make.of(UNCERTAIN, out) == []


async def test_a_recheck_asks_again_only_about_another_lead(
    stage: Classify, encoder: CountingEncoder
) -> None:
    (case,) = make.of(UNCERTAIN, await stage.handle(incoming(("t9", tiny.UNSURE))))
    lead, second = (contender.label for contender in case.contenders[:2])
    encoder.asked.clear()
    assert await stage.handle(rechecked(tiny.UNSURE, lead=lead)) == []
    (again,) = make.of(UNCERTAIN, await stage.handle(rechecked(tiny.UNSURE, lead=second)))
    assert (again.round, again.contenders[0].label, again.model) == (2, lead, 1)
    assert encoder.asked == []


async def test_the_last_round_is_not_followed_by_another(stage: Classify) -> None:
    ask = rechecked(tiny.UNSURE, lead="no such lead", round=MAX_ROUNDS - 1)
    assert len(make.of(UNCERTAIN, await stage.handle(ask))) == 1
    ask = rechecked(tiny.UNSURE, lead="no such lead", round=MAX_ROUNDS)
    assert await stage.handle(ask) == []


async def test_what_the_judge_has_refused_is_neither_given_nor_asked_about(
    stage: Classify,
) -> None:
    refused = rechecked("printer paper jam", lead="room", rejected=["printer"])
    assert await stage.handle(refused) == []
    (case,) = make.of(UNCERTAIN, await stage.handle(incoming(("t9", tiny.UNSURE))))
    last = case.contenders[-1].label
    ask = rechecked(tiny.UNSURE, lead="no such lead", rejected=[last])
    (again,) = make.of(UNCERTAIN, await stage.handle(ask))
    assert last not in [contender.label for contender in again.contenders]
    assert again.rejected == [last]


async def test_a_recheck_with_a_damaged_embedding_disturbs_nothing(stage: Classify) -> None:
    damaged = [
        make.recheck("t1", embedding=Vector(encoder=tiny.ENCODER.identity, f16="AAA")),
        make.recheck("t2", embedding=Vector.of(np.ones(3, np.float32), tiny.ENCODER.identity)),
    ]
    batch = [*make.batch(RECHECK, *damaged), *incoming(("t3", "printer paper jam"))]
    out = await deliver(stage, batch)
    assert [event.id for event in make.of(LABELED, out)] == ["t3"]
    assert len(make.of(DEADLETTERS, out)) == 2


async def test_a_new_version_is_in_service_from_the_next_batch_on(
    log: SqliteLog, stage: Classify
) -> None:
    feed = Feed(log)
    feed.newest()
    better = tiny.classifier().learn([tiny.example("visa for a trip", "travel")])
    log.append(feed.publish(better, applied=1, learnt=1, touched=["travel"]))
    (event,) = make.of(LABELED, await stage.handle(incoming(("t1", "printer paper jam"))))
    assert (event.decision, event.model, event.signed) == (2, 2, "model 2")


async def test_another_encoder_than_the_models_is_refused(log: SqliteLog, tmp_var: Path) -> None:
    feed, index = tiny.fitted(log), TextIndex(tmp_var / "texts.sqlite")
    stage = Classify(HashingEncoder(32), feed, index, Asking(0, 0, certify=False), max_text=9)
    with pytest.raises(Fatal, match="set REDSTREAM_ENCODER as it was"):
        await stage.start(log)
    await stage.close()


async def test_a_lost_index_is_read_again_from_the_log(log: SqliteLog, stage: Classify) -> None:
    lines = [make.text("t1", "x").encode(), b"not json", make.text("t2", "y").encode()]
    log.append([Outgoing(TEXTS.name, None, line) for line in lines])
    log.commit(CLASSIFY.name, log.read(CLASSIFY.name, [TEXTS.name], 9), ())
    await stage.start(log)
    (letter,) = make.of(DEADLETTERS, await stage.handle(incoming(("t2", "other"), first=3)))
    assert letter.error == "IdConflict"


async def test_a_forgotten_text_is_dropped_without_a_word(
    make_stage: Make, log: SqliteLog, encoder: CountingEncoder, tmp_var: Path
) -> None:
    stage = make_stage()
    await stage.start(log)
    assert await stage.handle(incoming(("t1", tiny.SURE["printer"]), ("t2", tiny.UNSURE)))
    record = Forgotten.of("t1", 5.0)
    log.append([outgoing(FORGOTTEN, record.digest, record)])
    encoder.asked.clear()
    case = make.delivered(RECHECK, make.recheck("t1"), key=b"t1")
    late = incoming(("t1", "other words"), ("t1", tiny.SURE["printer"]), ("t3", "new"), first=2)
    out = await stage.handle([case, *late])
    assert {one.key for one in out} == {b"t3"}
    assert encoder.asked == ["new"]
    with closing(TextIndex(tmp_var / "texts.sqlite")) as index:
        assert index.ids() == ["t2", "t3"]


async def test_a_stage_that_starts_again_knows_what_is_forgotten(
    make_stage: Make, log: SqliteLog, tmp_var: Path
) -> None:
    stage = make_stage()
    await stage.start(log)
    texts = incoming(("t1", "one"), ("t1~0123456789abcdef", "two"), ("t1~x", "three"))
    log.append([Outgoing(TEXTS.name, None, one.value) for one in texts])
    await stage.handle(texts)
    record = Forgotten.of("t1", 5.0)
    log.append([outgoing(FORGOTTEN, record.digest, record)])
    await make_stage().start(log)
    with closing(TextIndex(tmp_var / "texts.sqlite")) as index:
        assert index.revisions("t1") == ["t1~0123456789abcdef"]
        assert not index.has("t1")
