"""`redstream forget` on Apache Kafka while workers work."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from streams.derived import everything
from streams.records import Retrain
from streams.stage import Delivered, Outgoing, text_of
from streams.topology import (
    DEADLETTERS,
    DRIFT,
    FORGOTTEN,
    LABELED_LATEST,
    MARKS,
    RETRAIN,
    TEXTS,
    UNCERTAIN,
    VERDICTS,
    Topic,
)
from tests.e2e import program
from tests.e2e.test_kafka import Cluster, cluster, ids, texts
from tests.searched import everywhere

__all__ = ["cluster"]

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]

COUNT = 60


def records(cluster: Cluster, topic: Topic) -> list[Delivered]:
    return [one for some in everything(cluster.log, topic) for one in some]


def about(cluster: Cluster, topic: Topic, text_id: str) -> list[Delivered]:
    return [one for one in records(cluster, topic) if text_of(one.key) == text_id]


def test_what_is_forgotten_is_erased_by_keys_and_stays_forgotten(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.begin("up", "--local")
    first = texts(tmp_path / "first.jsonl", 0, COUNT)
    cluster("produce", str(first))
    wanted = ids(first)
    cluster.wait(lambda: (cluster.var / "ledger.sqlite").exists() and cluster.decided() >= wanted)

    def taught() -> list[Retrain]:
        lessons = [Retrain.decode(one.value) for one in records(cluster, RETRAIN) if one.value]
        return [one for one in lessons if one.kind == "accepted" and one.id in wanted]

    lesson = taught()[0]
    gone = lesson.id
    keys = {one.key for one in records(cluster, RETRAIN)}
    told = cluster("forget", gone, "--yes")
    assert "1 text is forgotten" in told
    assert f"{cluster.prefix}retrain: until 20" in told
    assert "then compaction removes it" in told
    assert f"{cluster.prefix}texts: until 20" in told

    for topic in (RETRAIN, VERDICTS, LABELED_LATEST):
        last = {one.key: one.value for one in about(cluster, topic, gone)}
        assert last, topic.name
        assert set(last.values()) == {None}, topic.name
    assert keys == {one.key for one in records(cluster, RETRAIN)}  # no other one was touched
    assert gone.encode() not in b"".join(
        one.value or b"" for one in records(cluster, FORGOTTEN) + records(cluster, DRIFT)
    )
    assert f"{gone} was forgotten on 20" in cluster("explain", gone)

    # The same text once more, a case that was on its way, and others.
    (row,) = [line for line in first.read_bytes().splitlines() if json.loads(line)["id"] == gone]
    (case,) = {one.value for one in about(cluster, UNCERTAIN, gone)} or {None}
    late = [Outgoing(UNCERTAIN.name, gone.encode(), case)] if case else []
    cluster.log.append([Outgoing(TEXTS.name, gone.encode(), row), *late])
    second = texts(tmp_path / "second.jsonl", COUNT, 20)
    cluster("produce", str(second))
    both = (wanted | ids(second)) - {gone}
    cluster.wait(lambda: cluster.decided() >= both)
    time.sleep(2)
    assert about(cluster, LABELED_LATEST, gone)[-1].value is None
    assert about(cluster, RETRAIN, gone)[-1].value is None
    assert about(cluster, VERDICTS, gone)[-1].value is None
    snapshots = [one for one in records(cluster, MARKS) if one.key == b"snapshot:drift"]
    assert snapshots, "the detectors say that they have forgotten it"
    assert not records(cluster, DEADLETTERS)

    for process in list(cluster.processes):
        cluster.end(process)
    words = json.dumps(lesson.text)[1:41].encode()
    found = everywhere(cluster.var / "examples", [words, gone.encode()])
    assert found == {}
    ledger = everywhere(cluster.var, [words])
    assert not any(name.startswith("ledger.sqlite:") for name in ledger)
    assert program.redstream("topics", "check", **cluster.environment).startswith("All topics")
