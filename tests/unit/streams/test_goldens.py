"""What earlier versions wrote, opened by this one: records in `test_records`, files here."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import BaseModel

from streams import records
from streams.embedded.log import SqliteLog
from streams.figures import Figures
from streams.kafka.copyfile import CopyFile
from streams.ledger import Ledger
from streams.records import Labeled, Text
from streams.stage import Delivered, Outgoing
from streams.textindex import Claim, TextIndex
from streams.topology import LABELED, MODELS, RETRAIN, TEXTS, TOPICS
from streams.wire import Record, unsqueezed
from tests.unit.streams import make
from tests.unit.streams.golden import RECORDS
from tools import goldens

LOGS = [folder for folder in goldens.folders() if (folder / goldens.LOG).exists()]


@pytest.fixture(params=LOGS, ids=lambda folder: folder.name)
def var(request: pytest.FixtureRequest, tmp_var: Path) -> Path:
    """A folder as a version left it."""
    for path in request.param.glob("*.sqlite"):
        shutil.copyfile(path, tmp_var / path.name)
    return tmp_var


def test_the_version_of_this_code_has_its_set() -> None:
    """Where this fails: `python -m tools.goldens`."""
    folder = goldens.GOLDEN / goldens.current()
    assert {path.stem for path in folder.glob("*.json")} == RECORDS.keys()
    for kind, record in RECORDS.items():
        assert (folder / f"{kind}.json").read_bytes() == record.encode() + b"\n"
    assert len(list(folder.glob("*.sqlite"))) == 4


def within(value: object) -> Iterator[str]:
    """Yield the kinds of all records in a record, and its own."""
    match value:
        case BaseModel():
            yield type(value).__name__
            for name in type(value).model_fields:
                yield from within(getattr(value, name))
        case list() | tuple():
            for one in value:
                yield from within(one)


def test_every_kind_of_record_has_a_golden_one() -> None:
    """Where this fails: add one to `tests.unit.streams.golden`, then `python -m tools.goldens`."""
    kinds = {
        name
        for name, kind in vars(records).items()
        if inspect.isclass(kind) and issubclass(kind, Record)
    }
    kinds |= {topic.record.__name__ for topic in TOPICS if topic.record}
    assert kinds <= {kind for record in RECORDS.values() for kind in within(record)}


def test_a_set_of_a_released_version_is_never_written_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(goldens, "ROOT", tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    changes = tmp_path / "CHANGELOG.md"
    changes.write_text("# Changelog\n\n## Unreleased (1.2.3)\n\n## 1.2.30\n")
    assert not goldens.released("1.2.3")
    changes.write_text("# Changelog\n\n## 1.2.3 (2027-01-01)\n")
    assert goldens.released("1.2.3")
    assert goldens.main() == 1


def kept(log: SqliteLog, topic: str) -> list[Delivered]:
    return log.read_from(topic, 0, 9)


def test_a_log_is_read_as_it_is_and_written_on(var: Path) -> None:
    with closing(SqliteLog(var / goldens.LOG, read_only=True)) as log:
        before = {topic.name: kept(log, topic.name) for topic in TOPICS}
    for topic in TOPICS:
        for one in before[topic.name]:
            if topic.record:
                topic.record.decode(one.value)
    assert Text.decode(before[TEXTS.name][0].value) == RECORDS["Text"]
    assert before[TEXTS.name][0].headers == {"redstream-source": "mail:1"}
    tree, manifest = before[MODELS.name]
    assert unsqueezed(type(RECORDS["Tree"]), tree.value) == RECORDS["Tree"]
    assert unsqueezed(records.Manifest, manifest.value).number == 8
    with closing(SqliteLog(var / goldens.LOG)) as log:
        assert {topic.name: kept(log, topic.name) for topic in TOPICS} == before
        log.append([Outgoing(LABELED.name, b"new", make.labeled("new").encode())])
        assert [one.offset for one in kept(log, LABELED.name)] == [0, 1]
        assert log.position("ledger", RETRAIN.name) == 1


def test_a_ledger_is_read_and_goes_on(var: Path) -> None:
    event = RECORDS["Labeled"]
    assert isinstance(event, Labeled)
    with closing(Ledger(var / goldens.LEDGER_FILE)) as ledger:
        assert ledger.position(LABELED.name) == 1
        ledger.apply([(Delivered(LABELED.name, 0, 1, b"new", None), make.labeled("new"))])
    with closing(Figures(var / goldens.LEDGER_FILE)) as figures:
        assert figures.counts().version == 8
        assert figures.truths().keys() == {"T0001", "new"}
        story = figures.story("T0001")
        assert [one.label for one in story.events] == [event.label]
        assert [one.outcome for one in story.verdicts] == ["none"]


def test_ids_that_were_seen_are_known(var: Path) -> None:
    text = RECORDS["Text"]
    assert isinstance(text, Text)
    with closing(TextIndex(var / goldens.TEXTS_FILE)) as index:
        assert index.position() == 1
        again = Delivered(TEXTS.name, 0, 7, None, None)
        assert index.claim([(again, text)]) == [Claim.REPEAT]


def test_a_backup_of_topics_is_read() -> None:
    copies = [folder / goldens.COPY for folder in LOGS if (folder / goldens.COPY).exists()]
    assert copies
    for path in copies:
        with closing(CopyFile(path, read_only=True)) as copy:
            lanes = {lane.topic: lane for lane in copy.lanes()}
            [[text]] = copy.records(lanes[TEXTS.name])
            assert Text.decode(text.value) == RECORDS["Text"]
            assert [one.next for one in copy.positions()] == [1]
