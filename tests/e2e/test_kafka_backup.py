"""A stream on Kafka that is backed up while its workers work, and goes on elsewhere."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from streams.topology import DEADLETTERS, LABELED, LABELED_LATEST, RETRAIN, VERDICTS
from tests.e2e import program
from tests.e2e.test_kafka import Cluster, ids, texts, version
from tests.kafka.provided import AnyBroker

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_stream_moves_to_another_cluster_and_goes_on_there(
    kafka: AnyBroker, tmp_path: Path
) -> None:
    here, there, copy = tmp_path / "here", tmp_path / "there", tmp_path / "copy.tar"
    here.mkdir()
    there.mkdir()
    first, second = texts(tmp_path / "1.jsonl", 0, 80), texts(tmp_path / "2.jsonl", 80, 40)
    with closing(Cluster(kafka, here)) as old:
        old("topics", "create")
        old("fit", str(program.EXAMPLES), "--labels", str(program.LABELS))
        up = old.begin("up", "--local")
        old("produce", str(first))
        old.wait(lambda: (here / "ledger.sqlite").exists() and len(old.decided()) >= 20)
        old("backup", str(copy))  # while they work
        old.wait(lambda: old.decided() == ids(first))
        old.end(up)
        told = {topic.name: set(old.values(topic)) for topic in (LABELED, VERDICTS, RETRAIN)}

    with closing(Cluster(kafka, there)) as new:
        said = new("restore", str(copy))
        assert "texts with a label" in said
        before = {event.id: event.event for event in new.events(LABELED_LATEST)}
        assert len(before) >= 15
        for name, values in told.items():
            topic = next(one for one in (LABELED, VERDICTS, RETRAIN) if one.name == name)
            assert set(new.values(topic)) <= values
        assert "is not empty" in new("restore", str(copy), "--replace", fails=True)
        model = version(new)
        assert f"model {model}" in said
        paid = len(new.values(VERDICTS))
        up = new.begin("up", "--local")
        new("produce", str(second))
        new.wait(lambda: new.decided() == ids(first) | ids(second))
        assert new.values(DEADLETTERS) == []
        assert version(new) > model
        # What had a label has it still, or a greater one: nothing was begun anew.
        events = {event.event for event in new.events(LABELED)}
        assert set(before.values()) <= events
        assert len(new.values(VERDICTS)) > paid
        assert json.loads(new("explain", next(iter(before)), "--json"))
        new.end(up)
