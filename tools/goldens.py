"""Golden files: what each version of redstream wrote, so that later ones are held to read it.

    python -m tools.goldens

writes the set of the version in pyproject.toml, until CHANGELOG.md says that it is released: one
record of every kind, and small databases with them in. The shape that a record had before such a
change is kept, in `development/`.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from streams.database import at_a_moment, copied
from streams.derived import everything
from streams.embedded.log import SqliteLog
from streams.kafka.copyfile import CopyFile, Position
from streams.ledger import Ledger
from streams.records import Text
from streams.stage import Delivered, Outgoing
from streams.stages.ledger import LedgerStage
from streams.textindex import TextIndex
from streams.topology import LEDGER, MANIFEST, MODELS, RETRAIN, TEXTS, TOPICS, TREE
from streams.wire import Record, squeezed

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"
DEVELOPMENT = GOLDEN / "development"
"""Shapes that records and databases had before the first release, oldest first (v1, v2, ...)."""

LOG, LEDGER_FILE, TEXTS_FILE, COPY = "log.sqlite", "ledger.sqlite", "texts.sqlite", "topics.sqlite"


def current() -> str:
    """Return the version that this code is, or becomes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def released(version: str) -> bool:
    """Tell whether the changelog has a section of its own for it, without "Unreleased"."""
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return re.search(rf"^## {re.escape(version)}\b", changes, re.MULTILINE) is not None


def folders() -> list[Path]:
    """Return the folders of what was written, oldest first, this version's last."""
    later = [one for one in GOLDEN.iterdir() if one.is_dir() and one != DEVELOPMENT]
    later.sort(key=lambda folder: [int(part) for part in folder.name.split(".")])
    return [*_development(), *later]


def _development() -> list[Path]:
    return sorted(DEVELOPMENT.iterdir(), key=lambda one: int(one.name.removeprefix("v")))


def newest(kind: str) -> Path:
    """Return the newest golden file of a kind of record."""
    return [path for one in folders() if (path := one / f"{kind}.json").exists()][-1]


def main() -> int:
    """Write the set of this version."""
    version = current()
    if released(version):
        sys.stderr.write(f"{version} is released: what it writes stays as it is\n")
        return 1
    from tests.unit.streams.golden import RECORDS  # here: who asks for paths needs no samples

    folder = GOLDEN / version
    folder.mkdir(exist_ok=True)
    changed = False
    for kind, record in RECORDS.items():
        path, written = folder / f"{kind}.json", record.encode() + b"\n"
        if not path.exists() or path.read_bytes() != written:
            changed = True
            if path.exists():
                path.rename(_given_up(path.name))
            path.write_bytes(written)
    if changed or not (folder / LOG).exists():
        write_databases(folder, RECORDS)
    return 0


def _given_up(name: str) -> Path:
    """Return where the shape that a record had so far is kept: behind all older ones."""
    last = _development()[-1]
    if (last / name).exists():
        last = DEVELOPMENT / f"v{int(last.name.removeprefix('v')) + 1}"
        last.mkdir()
    return last / name


def published(records: Mapping[str, Record]) -> list[Outgoing]:
    """Return one record for every topic that has records of ours, and in `models` two."""
    found = [
        Outgoing(topic.name, b"T0001", records[topic.record.__name__].encode())
        for topic in TOPICS
        if topic.record
    ]
    tree, manifest = records["Tree"], records["Manifest"]
    text = records["Text"]
    assert isinstance(text, Text)
    return [
        *found,
        Outgoing(TEXTS.name, text.id.encode(), text.encode(), {"redstream-source": "mail:1"}),
        Outgoing(MODELS.name, f"{TREE}{'ee' * 32}".encode(), squeezed(tree)),
        Outgoing(MODELS.name, f"{MANIFEST}8".encode(), squeezed(manifest)),
    ]


def write_databases(folder: Path, records: Mapping[str, Record]) -> None:
    """Write a log, and what is derived from it, with one record of every kind."""
    with tempfile.TemporaryDirectory() as scratch:
        there = Path(scratch)
        with closing(SqliteLog(there / LOG)) as log:
            log.append(published(records))
            for topic in LEDGER.reads:
                log.commit(LEDGER.name, log.read_from(topic.name, 0, 9), ())
            asyncio.run(_derived(there, log))
            with closing(CopyFile(there / COPY)) as copy:
                for topic in TOPICS:
                    lane = copy.begin(topic.name, 0, log.end(topic.name))
                    for found in everything(log, topic):
                        copy.add(lane, found)
                copy.note([Position(LEDGER.name, RETRAIN.name, 0, log.end(RETRAIN.name))])
        for name in (LOG, LEDGER_FILE, TEXTS_FILE, COPY):
            (folder / name).unlink(missing_ok=True)
            with at_a_moment(there / name) as db:
                copied(db, folder / name)
            _in_small_pages(folder / name)


def _in_small_pages(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA page_size = 512")
        db.execute("VACUUM")


async def _derived(folder: Path, log: SqliteLog) -> None:
    stage = LedgerStage(Ledger(folder / LEDGER_FILE))
    await stage.start(log)
    await stage.close()
    with closing(TextIndex(folder / TEXTS_FILE)) as index:
        index.claim([(one, _text(one)) for one in log.read_from(TEXTS.name, 0, 9)])


def _text(delivered: Delivered) -> Text:
    return Text.decode(delivered.value)


if __name__ == "__main__":
    sys.exit(main())
