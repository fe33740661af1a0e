"""What is kept of the model feed and what goes: pins, rollbacks, what is damaged or unknown."""

import hashlib

import pytest

from streams.embedded.log import SqliteLog
from streams.errors import NoVersion
from streams.feed import KEPT, MANIFEST, PART, Feed, spans
from streams.records import Manifest, Tree
from streams.repository import PIN, TREE, pin, unpin
from streams.stage import Outgoing
from streams.topology import MODELS
from streams.wire import unsqueezed
from tests.unit.streams import make, tiny
from tests.unit.streams.tiny import publish, taught


def lying(log: SqliteLog) -> dict[str, bytes]:
    records = log.read_from(MODELS.name, 0, 100_000)
    return {(r.key or b"").decode(): r.value or b"" for r in records}


def numbers(log: SqliteLog) -> list[int]:
    keys = [key for key in lying(log) if key.startswith(MANIFEST)]
    return sorted(int(key.removeprefix(MANIFEST)) for key in keys)


def nothing_is_left_over(log: SqliteLog) -> bool:
    """What lies in the log is what the manifests there name, directly or by their trees."""
    records = lying(log)
    manifests = [m for m in records if m.startswith(MANIFEST)]
    trees = {TREE + sha for m in manifests for sha in unsqueezed(Manifest, records[m]).trees}
    parts = {PART + sha for t in trees for sha in unsqueezed(Tree, records[t]).parts.values()}
    pins = {key for key in records if key.startswith(PIN)}
    return set(records) == {*manifests, *trees, *parts, *pins}


def grown(log: SqliteLog, trainer: Feed, versions: int) -> None:
    """Publish so many versions; what differs between them is one label's examples and its head."""
    for _ in range(versions):
        publish(log, trainer, trainer.newest().manifest.learnt + 1)


def put(log: SqliteLog, manifest: Manifest) -> None:
    log.append([Outgoing(MODELS.name, f"{MANIFEST}{manifest.number}".encode(), manifest.encode())])


@pytest.mark.parametrize("restarted", [False, True])
def test_a_pinned_version_outlives_thirty_others(log: SqliteLog, restarted: bool) -> None:
    trainer = tiny.fitted(log)
    grown(log, trainer, 1)
    log.append([pin(2)])
    grown(log, Feed(log) if restarted else trainer, 30)
    assert numbers(log) == [2, *range(33 - KEPT, 33)]
    assert nothing_is_left_over(log)
    reader = Feed(log)
    assert reader.newest().number == 32
    assert reader.load(2).classifier.hash() == taught(1).hash()


@pytest.mark.parametrize("restarted", [False, True])
def test_without_its_pin_an_old_version_goes_with_the_next(log: SqliteLog, restarted: bool) -> None:
    trainer = tiny.fitted(log)
    log.append([pin(1)])
    grown(log, trainer, KEPT + 2)
    assert numbers(log)[0] == 1
    log.append([unpin(1)])
    if restarted:
        trainer = Feed(log)
    else:
        trainer.repository.take(b"pin/1", None)  # as a log delivers it that keeps tombstones
    grown(log, trainer, 2)
    assert numbers(log) == list(range(6, KEPT + 6))
    assert nothing_is_left_over(log)


def test_a_pin_of_a_version_that_is_not_there_keeps_nothing(log: SqliteLog) -> None:
    trainer = tiny.fitted(log)
    log.append([pin(99)])
    grown(log, trainer, KEPT)
    assert numbers(log) == list(range(2, KEPT + 2))


def test_what_is_in_service_stays_however_many_refused_ones_come_after(log: SqliteLog) -> None:
    tiny.fitted(log)
    for number in range(2, KEPT + 10):
        put(log, make.manifest(number, parts={"head/000": "ab" * 32}))
    trainer = Feed(log)
    assert trainer.newest().number == 1
    publish(log, trainer, 1)
    assert 1 in numbers(log)
    assert Feed(log).newest().number == KEPT + 10
    publish(log, trainer, 2)
    assert 1 not in numbers(log)


def test_keys_of_a_later_redstream_are_passed_over(log: SqliteLog) -> None:
    tiny.fitted(log)
    for key in (b"gate/7", b"pin/all", b"pin/", b"\xff\xfe", b"part", b"manifest"):
        log.append([Outgoing(MODELS.name, key, b"\x00")])
    reader = Feed(log)
    assert reader.newest().number == 1
    assert reader.repository.pinned == set()


def test_a_version_whose_parts_are_of_a_later_format_is_refused(log: SqliteLog) -> None:
    tiny.fitted(log)
    part = b"of a later format"
    sha = hashlib.sha256(part).hexdigest()
    log.append([Outgoing(MODELS.name, f"{PART}{sha}".encode(), part)])
    put(log, make.manifest(2, parts={"state": sha}))
    assert Feed(log).newest().number == 1


def test_a_trainer_killed_between_parts_and_manifest_leaves_the_version_before(
    log: SqliteLog,
) -> None:
    trainer = tiny.fitted(log)
    reader = Feed(log)
    reader.newest()
    *parts, manifest = trainer.publish(taught(1), applied=1, learnt=1, touched=["travel"])
    log.append(parts)
    for follower in (reader, Feed(log)):
        assert follower.newest().number == 1
    publish(log, Feed(log), 1)
    assert unsqueezed(Manifest, manifest.value).hash == reader.newest().manifest.hash
    assert reader.newest().number == 2


def test_a_part_that_was_damaged_since_is_published_again(log: SqliteLog) -> None:
    trainer = tiny.fitted(log)
    sha = trainer.newest().classifier.digests()["metric"]
    log.append([Outgoing(MODELS.name, f"{PART}{sha}".encode(), b"damaged")])
    with pytest.raises(NoVersion, match="no version of the model in the log is whole"):
        Feed(log).newest()
    publish(log, trainer, 1)
    assert Feed(log).newest().number == 2


def test_a_rollback_is_the_next_version_for_every_reader(log: SqliteLog) -> None:
    trainer, reader = tiny.fitted(log), Feed(log)
    grown(log, trainer, 3)
    before = reader.newest()
    older = trainer.load(2)
    log.append(trainer.restore(older.manifest, older.classifier, older.manifest.learnt))
    for follower in (reader, trainer, Feed(log)):
        version = follower.newest()
        manifest = version.manifest
        assert version.classifier.hash() == manifest.hash == taught(1).hash()
        assert (manifest.number, manifest.restores, manifest.learnt) == (5, 2, 1)
        assert (manifest.applied, manifest.left_out) == (before.manifest.applied, [(1, 3)])
        assert manifest.touched == list(version.classifier.touched_since(before.classifier))
        assert "travel" in manifest.touched


def test_a_rollback_publishes_no_part_again(log: SqliteLog) -> None:
    trainer = tiny.fitted(log)
    grown(log, trainer, 3)
    older = trainer.load(2)
    records = trainer.restore(older.manifest, older.classifier, older.manifest.learnt)
    assert [record.key for record in records] == [b"manifest/5"]


def test_a_rollback_outlives_the_version_it_brought_back(log: SqliteLog) -> None:
    trainer = tiny.fitted(log)
    grown(log, trainer, KEPT - 1)
    older = trainer.load(1)
    log.append(trainer.restore(older.manifest, older.classifier, older.manifest.learnt))
    assert 1 not in numbers(log)
    assert Feed(log).newest().classifier.hash() == taught(0).hash()
    assert nothing_is_left_over(log)


def test_what_was_left_out_stays_on_record_until_it_is_undone(log: SqliteLog) -> None:
    trainer = tiny.fitted(log)
    grown(log, trainer, 3)
    older = trainer.load(2)
    log.append(trainer.restore(older.manifest, older.classifier, older.manifest.learnt))
    trainer.newest()
    log.append(trainer.publish(taught(2), applied=5, learnt=2, touched=[]))
    assert trainer.newest().manifest.left_out == [(1, 3)]
    again = trainer.load(1)
    log.append(trainer.restore(again.manifest, again.classifier, again.manifest.learnt))
    assert trainer.newest().manifest.left_out == [(0, 5)]
    undone = trainer.load(6)
    log.append(trainer.restore(undone.manifest, undone.classifier, undone.manifest.learnt))
    assert trainer.newest().manifest.left_out == [(1, 3)]


def test_an_older_epochs_version_comes_back_in_the_epoch_of_now(log: SqliteLog) -> None:
    first = tiny.fitted(log).newest().manifest
    put(log, first.model_copy(update={"number": 2, "epoch": 2}))
    trainer = Feed(log)
    trainer.newest()
    older = trainer.load(1)
    log.append(trainer.restore(older.manifest, older.classifier, older.manifest.learnt))
    for follower in (trainer, Feed(log)):
        manifest = follower.newest().manifest
        assert (manifest.number, manifest.epoch, manifest.restores) == (3, 2, 1)


def test_a_version_that_is_not_there_is_answered_with_those_that_are(log: SqliteLog) -> None:
    trainer = tiny.fitted(log)
    log.append([pin(1)])
    grown(log, trainer, KEPT + 3)
    trainer.newest()
    with pytest.raises(NoVersion, match="there is no version 3; there are 1, 5 to 24"):
        trainer.load(3)
    assert spans([]) == "none"
