"""train: the weights of a version are refitted on what was judged; its model is of the lessons."""

from pathlib import Path

import pytest

from streams.embedded.log import SqliteLog
from streams.feed import Feed
from streams.following import REFIT, Following
from streams.records import Layered, Manifest, Retrain
from streams.stages.train import Train
from streams.topology import RETRAIN, VERDICTS
from tests.unit.streams import make, tiny
from tests.unit.streams.test_following import LABELS, answer, answers
from tests.unit.streams.test_train import WORDS, lesson, published, step


@pytest.fixture
def stage(log: SqliteLog, tmp_var: Path) -> Train:
    return following(tiny.fitted(log), tmp_var)


def following(feed: Feed, folder: Path) -> Train:
    return Train(feed, following=Following(folder / "following.json"))


def lessons(place: int) -> list[Retrain]:
    return [lesson(WORDS[place])]


def newest(log: SqliteLog) -> Manifest:
    return Feed(log).newest().manifest


def layer(log: SqliteLog) -> Layered:
    found = newest(log).layer
    assert found is not None
    return found


async def test_what_was_judged_comes_with_the_next_version(log: SqliteLog, stage: Train) -> None:
    await step(log, stage, make.batch(VERDICTS, *answers(4 * REFIT)))
    assert newest(log).number == 1
    await step(log, stage, make.batch(RETRAIN, *lessons(0)))
    assert layer(log).judged == 4 * REFIT
    version = Feed(log).newest()
    x = tiny.embed(tiny.UNSURE)[None]
    room = [
        {one.label: one.probability for one in said.contenders}["room"]
        for said in (version.classifier.predict(x)[0], version.predict(x)[0])
    ]
    assert room[1] > room[0]


async def test_the_model_itself_and_its_hash_are_those_of_the_lessons(
    log: SqliteLog, stage: Train
) -> None:
    await step(log, stage, make.batch(VERDICTS, *answers(REFIT)))
    await step(log, stage, make.batch(RETRAIN, *lessons(0)))
    with_it = newest(log).hash
    assert with_it == Feed(log).newest().classifier.hash()
    assert Feed(log).newest().classifier.live.weights is None


@pytest.mark.parametrize("cut", [0, 30, 2 * REFIT])
@pytest.mark.parametrize("lost", [False, True])
async def test_a_restart_or_other_batches_end_in_the_same_layer(
    log: SqliteLog, stage: Train, tmp_var: Path, cut: int, lost: bool
) -> None:
    everything = [answer(n, ("room", "travel", None)[n % 3]) for n in range(2 * REFIT + 5)]
    await published(log, stage, VERDICTS, *everything[:cut])
    await stage.close()
    if lost:
        (tmp_var / "following.json").unlink()
    again = following(Feed(log), tmp_var)
    await again.start(log)
    await published(log, again, VERDICTS, *everything[cut:])
    await step(log, again, make.batch(RETRAIN, *lessons(0)))
    whole, fitted = Following(tmp_var / "another.json"), tiny.classifier().reference.combination
    for one, verdict in zip(make.batch(VERDICTS, *everything), everything, strict=True):
        whole.observe(one, verdict, LABELS, fitted)
    assert layer(log) == whole.layered(fitted)


async def test_without_it_a_version_says_nothing_of_it(log: SqliteLog) -> None:
    stage = Train(tiny.fitted(log))
    await step(log, stage, make.batch(VERDICTS, *answers(REFIT)))
    await step(log, stage, make.batch(RETRAIN, *lessons(0)))
    assert newest(log).layer is None
