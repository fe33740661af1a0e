"""In lockstep a stream comes to the same over Kafka as over the embedded log."""

import asyncio
import json
import shutil
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from models.encoder import load_encoder
from streams.embedded.log import SqliteLog
from streams.embedded.runner import EmbeddedRunner
from streams.feed import Feed
from streams.figures import Figures
from streams.kafka.connection import Connection
from streams.kafka.reader import KafkaReader
from streams.kafka.topics import declared
from streams.program.assembly import Parts, build_judge, build_stages, open_store
from streams.program.encoding import encodings
from streams.program.fit import fit
from streams.program.folder import Folder
from streams.program.folder_source import FolderSource
from streams.program.settings import Settings
from streams.rounds import Rounds
from streams.stores import Stores
from tests.e2e import program
from tests.kafka.lockstep_log import LockstepLog
from tests.kafka.provided import AnyBroker

COUNT, LABELS = 40, 12


@pytest.fixture
def settings(tmp_var: Path) -> Settings:
    return Settings(var=tmp_var, encoder="hashing", judge="simulated", gold=program.GOLD)


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    path = tmp_path / "texts.jsonl"
    rows = program.TEXTS.read_bytes().splitlines(keepends=True)[:COUNT]
    path.write_bytes(b"".join(rows))
    return path


def examples(path: Path) -> Path:
    rows = program.EXAMPLES.read_text().splitlines(keepends=True)
    labels = sorted({json.loads(row)["label"] for row in rows})[:LABELS]
    path.write_text("".join(row for row in rows if json.loads(row)["label"] in labels))
    return path


def played(settings: Settings, log: Any, stream: Path) -> dict[str, object]:
    """Run a stream to its end, rounds and all; return what came of it."""
    feed = Feed(log)
    version = feed.newest()
    encoder = load_encoder("hashing", settings.encoder_path, made_by=version.manifest.encoder)
    store = open_store(settings, encoder.dimension)
    judge = build_judge(settings, log, feed)
    made = encodings(settings, encoder)
    parts = Parts(settings, log, feed, True, Stores.only(store), made, lambda: judge)
    stages = build_stages(parts, None)
    source = FolderSource(stream, log, follow=False)
    with closing(Figures(Folder(settings.var).ledger)) as figures:
        rounds = Rounds(log, figures, 1)
        runner = EmbeddedRunner(log, stages, source, batch=8, at_rest=rounds.at_rest)

        async def work() -> bool:
            try:
                return await runner.run(lockstep=True)
            finally:
                await store.close()

        assert asyncio.run(work())
        counts = figures.counts()
        return {
            "labels": figures.truths(),
            "held": program.held(settings.var),
            "model": program.model(settings.var),
            "calls": counts.calls,
            "accepted": counts.accepted,
        }


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_same_stream_gives_the_same_labels_and_model(
    kafka: AnyBroker, settings: Settings, stream: Path, tmp_path: Path
) -> None:
    fit(settings, examples(tmp_path / "examples.jsonl"), None, lambda name, share: None)
    elsewhere = settings.model_copy(update={"var": tmp_path / "elsewhere"})
    shutil.copytree(settings.var, elsewhere.var)
    with closing(SqliteLog(Folder(settings.var).log)) as embedded:
        connection = Connection(kafka.bootstrap, f"l{uuid.uuid4().hex[:12]}.")
        kafka.create(connection, declared(connection, 1, 1))
        with closing(KafkaReader(connection)) as brokers:
            log = LockstepLog(brokers)
            log.take_over(embedded)
            over_kafka = played(elsewhere, log, stream)
        expected = played(settings, embedded, stream)
    assert over_kafka == expected
    assert len(expected["labels"]) >= COUNT / 5  # type: ignore[arg-type]
    assert expected["calls"]
