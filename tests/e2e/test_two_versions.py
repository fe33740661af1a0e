"""Workers of this version and of a later one on the same topics: an upgrade, and the way back.

What a later version is like nobody knows; what this one promises is that it bears one whose records
have more fields, everywhere. So the later one is a copy of the code that writes them.
"""

from __future__ import annotations

import inspect
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from streams.derived import everything
from streams.kafka.connection import Connection
from streams.kafka.reader import KafkaReader
from streams.stage import Delivered
from streams.topology import LABELED, VERDICTS, Topic
from tests.kafka.provided import AnyBroker
from tests.unit.streams.test_records import FREE, of_a_later_version
from tools.broker import Broker
from tools.chaos.cluster import ROOT
from tools.rolling import played

GROWN = f"""

import json as _json

FREE = {FREE!r}


{inspect.getsource(of_a_later_version)}

_written_before = Record.encode


def _written(self):
    return _json.dumps(of_a_later_version(_json.loads(_written_before(self)))).encode()


Record.encode = _written
"""


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """The folder of a code that is this one, but for what it writes."""
    folder = tmp_path / "later"
    for name in ("models", "judge", "streams"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / "streams" / "wire.py").open("a", encoding="utf-8") as wire:
        wire.write(GROWN)
    return folder


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_workers_of_two_versions_work_together_in_an_upgrade_and_back(
    kafka: AnyBroker, later: Path, tmp_path: Path
) -> None:
    assert isinstance(kafka, Broker)
    report = played(kafka, tmp_path, ROOT, later, texts=180)
    errors = (tmp_path / "errors").read_text(errors="replace")
    assert "Traceback" not in errors, errors[-4_000:]
    assert (report.lost, report.wrong, report.dead, report.died) == ([], [], [], [])
    # Each of them has published versions of the model that the other went on from.
    models = report.models
    assert models["before"] < models["after"] < models["end"]
    with closing(KafkaReader(Connection(kafka.bootstrap, report.prefix))) as reader:
        for topic in (LABELED, VERDICTS):
            written = [b"a later field" in (one.value or b"") for one in records_of(reader, topic)]
            assert {True, False} <= set(written), "both have worked"


def records_of(reader: KafkaReader, topic: Topic) -> list[Delivered]:
    return [one for records in everything(reader, topic) for one in records]
