"""The model feed: whole versions only, never one of a fenced-off trainer, and a way back."""

from collections.abc import Sequence

import pytest

from streams.embedded.log import SqliteLog
from streams.errors import NoModel, NoVersion
from streams.feed import KEPT, MANIFEST, PART, Feed
from streams.records import Manifest
from streams.stage import Delivered, Outgoing
from streams.topology import MODELS
from tests.unit.streams import make, tiny
from tests.unit.streams.tiny import publish, taught


def keys(records: Sequence[Outgoing | Delivered], prefix: str) -> list[str]:
    names = [(record.key or b"").decode() for record in records if record.value is not None]
    return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]


def lying(log: SqliteLog) -> list[Delivered]:
    return log.read_from(MODELS.name, 0, 100_000)


def manifest_record(manifest: Manifest) -> Outgoing:
    return Outgoing(MODELS.name, f"{MANIFEST}{manifest.number}".encode(), manifest.encode())


def damaged(records: list[Outgoing]) -> list[Outgoing]:
    """The same records, with one byte of the first part turned."""
    first, *others = records
    assert first.key is not None
    assert first.key.startswith(PART.encode())
    assert first.value is not None
    return [
        Outgoing(first.topic, first.key, first.value[:-1] + bytes([first.value[-1] ^ 1])),
        *others,
    ]


def test_without_a_model_a_reader_is_told_to_fit_one(log: SqliteLog) -> None:
    with pytest.raises(NoModel, match="run `redstream fit EXAMPLES` first"):
        Feed(log).newest()


def test_a_version_is_read_back_to_the_bit(log: SqliteLog) -> None:
    tiny.fitted(log)
    version = Feed(log).newest()
    assert version.number == 1
    assert version.classifier.hash() == version.manifest.hash == tiny.classifier().hash()
    assert version.manifest.labels == sorted(tiny.EXAMPLES)
    assert version.manifest.encoder == tiny.ENCODER.identity
    assert version.manifest.threshold == tiny.classifier().threshold


def test_the_manifest_comes_after_its_parts(log: SqliteLog) -> None:
    tiny.fitted(log)
    places = [(record.key or b"").startswith(MANIFEST.encode()) for record in lying(log)]
    assert places == [False] * (len(places) - 1) + [True]


def test_no_part_is_larger_than_a_record_may_be(log: SqliteLog) -> None:
    tiny.fitted(log)
    assert max(len(record.value or b"") for record in lying(log)) <= 64 * 1024


def test_readers_follow(log: SqliteLog) -> None:
    trainer, reader = tiny.fitted(log), Feed(log)
    assert reader.newest().number == 1
    publish(log, trainer, 1)
    version = reader.newest()
    assert (version.number, version.classifier.hash()) == (2, taught(1).hash())
    assert (version.manifest.applied, version.manifest.learnt) == (1, 1)
    assert version.manifest.touched == ["travel"]
    assert reader.newest() is version


def test_only_the_touched_parts_are_published_again(log: SqliteLog) -> None:
    trainer = tiny.fitted(log)
    everything = len(lying(log))
    assert 0 < len(keys(publish(log, trainer, 1), PART)) < everything / 2


def test_a_damaged_part_is_refused_and_the_older_version_served(log: SqliteLog) -> None:
    trainer, reader = tiny.fitted(log), Feed(log)
    older = reader.newest()
    log.append(damaged(trainer.publish(taught(1), applied=1, learnt=1, touched=["travel"])))
    assert reader.newest() is older


def test_a_manifest_that_cannot_be_read_is_refused_too(log: SqliteLog) -> None:
    feed = tiny.fitted(log)
    log.append([Outgoing(MODELS.name, f"{MANIFEST}2".encode(), b"no manifest")])
    assert feed.newest().number == Feed(log).newest().number == 1


def test_a_reader_that_starts_anew_serves_the_newest_whole_version(log: SqliteLog) -> None:
    trainer = tiny.fitted(log)
    log.append(damaged(trainer.publish(taught(1), applied=1, learnt=1, touched=["travel"])))
    assert Feed(log).newest().number == 1


def test_an_incomplete_version_is_refused_until_it_is_whole(log: SqliteLog) -> None:
    trainer, reader = tiny.fitted(log), Feed(log)
    older = reader.newest()
    part, *others = trainer.publish(taught(1), applied=1, learnt=1, touched=["travel"])
    log.append(others)
    assert reader.newest() is older
    log.append([part, others[-1]])
    assert reader.newest().number == 2


@pytest.mark.parametrize("known", [False, True])
def test_a_reader_that_looks_in_the_middle_of_an_update_serves_it_when_it_is_whole(
    log: SqliteLog, known: bool
) -> None:
    """A log that takes records one by one shows parts without their manifest."""
    trainer, reader = tiny.fitted(log), Feed(log)
    if known:
        reader.newest()
    publish(log, trainer, 1)
    trainer.newest()
    records = trainer.publish(taught(2), applied=2, learnt=2, touched=["travel"])
    (at,) = [n for n, one in enumerate(records) if (one.key or b"").startswith(MANIFEST.encode())]
    log.append(records[:at])
    assert reader.newest().number == 2
    log.append(records[at:])
    assert (reader.newest().number, reader.newest().classifier.hash()) == (3, taught(2).hash())


def test_a_manifest_without_its_parts_never_brings_a_reader_down(log: SqliteLog) -> None:
    tiny.fitted(log)
    reader = Feed(log)
    reader.newest()
    log.append([manifest_record(make.manifest(7, parts={"head/000": "ab" * 32}))])
    assert reader.newest().number == 1


def fenced(log: SqliteLog) -> Feed:
    """A log in which a trainer of epoch 1 published after one of epoch 2."""
    trainer = tiny.fitted(log)
    first = trainer.newest().manifest
    log.append([manifest_record(first.model_copy(update={"number": 2, "epoch": 2}))])
    return trainer


def test_a_version_of_an_older_epoch_is_refused(log: SqliteLog) -> None:
    first = fenced(log).newest().manifest
    reader = Feed(log)
    assert reader.newest().number == 2
    log.append([manifest_record(first.model_copy(update={"number": 3, "epoch": 1}))])
    assert reader.newest().number == 2


def test_a_reader_that_starts_anew_refuses_an_older_epoch_too(log: SqliteLog) -> None:
    first = fenced(log).newest().manifest
    log.append([manifest_record(first.model_copy(update={"number": 3, "epoch": 1}))])
    assert Feed(log).newest().number == 2


def test_every_kept_version_can_be_loaded_and_what_none_names_is_gone(log: SqliteLog) -> None:
    trainer = tiny.fitted(log)
    for lessons in range(1, KEPT + 5):
        publish(log, trainer, lessons)
    reader = Feed(log)
    reader.newest()
    assert sorted(reader.repository.manifests) == list(range(6, KEPT + 6))
    named: set[str] = set()
    for number, manifest in reader.repository.manifests.items():
        loaded = reader.load(number).classifier
        assert loaded.hash() == manifest.hash
        named |= {*loaded.digests().values()}
    assert set(keys(lying(log), PART)) == named


def test_a_trainer_that_starts_anew_drops_old_versions_as_well(log: SqliteLog) -> None:
    tiny.fitted(log)
    for lessons in range(1, KEPT + 3):
        publish(log, Feed(log), lessons)
    assert len(keys(lying(log), MANIFEST)) == KEPT


def test_publishing_an_older_manifest_again_rolls_back(log: SqliteLog) -> None:
    trainer, reader = tiny.fitted(log), Feed(log)
    for lessons in (1, 2, 3):
        publish(log, trainer, lessons)
    assert reader.newest().number == 4
    key = f"{MANIFEST}2".encode()
    (older,) = [record for record in lying(log) if record.key == key]
    log.append([Outgoing(MODELS.name, key, older.value)])
    for follower in (reader, trainer, Feed(log)):
        version = follower.newest()
        assert (version.number, version.classifier.hash()) == (2, taught(1).hash())


def test_after_a_rollback_the_next_version_has_a_new_number(log: SqliteLog) -> None:
    trainer = tiny.fitted(log)
    publish(log, trainer, 1)
    (first,) = [r for r in lying(log) if r.key == f"{MANIFEST}1".encode()]
    log.append([Outgoing(MODELS.name, first.key, first.value)])
    publish(log, trainer, 2)
    assert (Feed(log).newest().number, Feed(log).newest().manifest.learnt) == (3, 2)


def test_who_follows_keeps_the_content_of_one_version_and_reads_others_again(
    log: SqliteLog,
) -> None:
    trainer, reader = tiny.fitted(log), Feed(log)
    for lessons in (1, 2, 3):
        publish(log, trainer, lessons)
        reader.newest()
    repository = reader.repository
    held = {sha for sha, part in repository.parts.items() if part is not None}
    assert held == {*repository.named(reader.newest().manifest).values()}
    assert set(repository.parts) == set(keys(lying(log), PART))  # known all the same
    assert repository.missing(reader.manifest(2)) == []
    assert reader.load(2).classifier.hash() == taught(1).hash()
    assert not repository.without(reader.manifest(2))


def test_content_let_go_of_and_damaged_since_is_missing(log: SqliteLog) -> None:
    trainer, reader = tiny.fitted(log), Feed(log)
    for lessons in (1, 2, 3):
        publish(log, trainer, lessons)
        reader.newest()
    gone = sorted(reader.repository.without(reader.manifest(2)))[0]
    log.append([Outgoing(MODELS.name, f"{PART}{gone}".encode(), b"damaged")])
    with pytest.raises(NoVersion, match="version 2 is not whole: 1 of its"):
        reader.load(2)
