"""Workers on Apache Kafka go through a change of encoder, one of them killed in the middle."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from streams.feed import Feed
from streams.records import Manifest, Retrain, Uncertain
from streams.topology import DEADLETTERS, RETRAIN, UNCERTAIN
from tests.e2e.test_kafka import COUNT, Cluster, cluster, ids, texts

__all__ = ["cluster"]

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]


def serving(cluster: Cluster) -> Manifest:
    return Feed(cluster.log).newest().manifest


def asked_with(cluster: Cluster) -> set[str]:
    """The encoders whose vectors went to the judge."""
    return {Uncertain.decode(value).embedding.encoder for value in cluster.values(UNCERTAIN)}


def test_classify_workers_switch_one_is_killed_and_every_text_is_decided_once(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.begin("worker", "judge", "remember", "later")
    cluster.begin("worker", "train", "drift")
    cluster.begin("worker", "ledger")
    doomed = cluster.begin("worker", "classify")
    cluster.begin("worker", "classify")
    stream = texts(tmp_path / "texts.jsonl", 0, 3 * COUNT)
    parts = [texts(tmp_path / f"{n}.jsonl", n * COUNT, COUNT) for n in range(3)]
    cluster("produce", str(parts[0]))
    cluster.wait(lambda: (cluster.var / "ledger.sqlite").exists() and bool(cluster.decided()))
    before = serving(cluster)

    change = cluster.begin("encoder", "change", "hashing:64")
    cluster("produce", str(parts[1]))  # while it works
    assert change.wait(100) == 0
    cluster.processes.remove(change)
    doomed.send_signal(signal.SIGKILL)
    cluster("produce", str(parts[2]))
    cluster.wait(lambda: cluster.decided() == ids(stream))

    now = serving(cluster)
    assert now.encoded is not None
    assert (now.epoch, now.encoded.name) == (before.epoch + 1, "hashing:64")
    cluster.wait(lambda: now.encoder in asked_with(cluster))
    assert asked_with(cluster) == {before.encoder, now.encoder}
    cluster.wait(cluster.truths_hold)
    assert not cluster.values(DEADLETTERS)
    # All that was taught is in the model, or on its way into it.
    taught = [Retrain.decode(value) for value in cluster.values(RETRAIN)]
    cluster.wait(lambda: serving(cluster).applied == cluster.log.end(RETRAIN.name))
    last = {one.id: one for one in taught}
    shelves = Feed(cluster.log).newest().classifier.shelves
    held = {id_ for shelf in shelves.values() for id_ in shelf.members}
    assert {one.id for one in last.values() if one.kind != "revoked"} <= held
