"""What lies in a `var/` folder after somebody changed it, and what a worker's port is sent."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import shutil
import socket
import sqlite3
import tempfile
import zlib
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from models.classifier import Classifier
from models.snapshot import MAGIC
from streams.embedded.log import SqliteLog
from streams.feed import Feed
from streams.packing import unpacked
from streams.program.deadletters import list_dead
from streams.program.explain import explain
from streams.program.settings import Settings
from streams.program.summary import summarize
from streams.telemetry.health import Health
from streams.telemetry.metrics import Metrics
from streams.telemetry.server import serving
from streams.topology import TOPICS
from tests.hostile.boundary import Boundary, Unanswered, answered
from tests.hostile.given import almost, any_bytes, damaged, odd_values, spoiled
from tests.hostile.people import folder
from tests.unit.streams import tiny

FILES = ("log.sqlite", "ledger.sqlite", "texts.sqlite", "audits.json", "following.json")


@cache
def whole() -> Path:
    """A folder at rest, all of it in its files."""
    bench = folder()
    bench.run()
    copy = Path(tempfile.mkdtemp(prefix="redstream-whole-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    for path in bench.settings.var.glob("*"):
        if path.is_file():
            shutil.copy(path, copy / path.name)
    for path in copy.glob("*.sqlite"):
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.execute("PRAGMA journal_mode = DELETE")
    return copy


cuts = st.lists(
    st.tuples(st.integers(0, 1 << 22), st.integers(0, 40), st.binary(max_size=40)),
    min_size=1,
    max_size=6,
)

COLUMNS = (
    ("log.sqlite", "records", ("value", "headers", "key", "packed", "at", "topic")),
    ("log.sqlite", "topics", ("next", "first", "name")),
    ("log.sqlite", "positions", ("next",)),
    ("ledger.sqlite", "events", ("json", "at")),
    ("ledger.sqlite", "verdicts", ("json", "outcome")),
    ("ledger.sqlite", "held", ("json", "round")),
    ("ledger.sqlite", "truths", ("label", "rank", "event")),
    ("ledger.sqlite", "versions", ("hash", "threshold")),
    ("ledger.sqlite", "tallies", ("count", "name")),
    ("texts.sqlite", "texts", ("position", "content")),
)

cells = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.binary(max_size=40),
    st.text(max_size=20).filter(str.isprintable),
    st.sampled_from(
        ["{}", "[]", '{"at": NaN}', "x" * 10_000, b"\x01" + zlib.compress(b"a" * 10**6)]
    ),
)

columns = st.sampled_from([(f, t, c) for f, t, names in COLUMNS for c in names])


def looked_at(var: Path) -> None:
    settings = Settings(var=var, encoder="hashing")
    for look in (
        lambda: summarize(settings),
        lambda: list_dead(settings, all_of_them=True),
        lambda: explain(settings, "good-1"),
        lambda: read_through(var),
    ):
        answered(look)


def read_through(var: Path) -> None:
    with contextlib.closing(SqliteLog(var / "log.sqlite", read_only=True)) as log:
        for topic in TOPICS:
            log.read_from(topic.name, 0, 1_000)
        Feed(log).newest()


def bytes_changed(given: tuple[str, list[tuple[int, int, bytes]]]) -> str:
    """A folder of which one file was written over in places."""
    name, where = given
    with tempfile.TemporaryDirectory() as place:
        var = Path(place) / "var"
        shutil.copytree(whole(), var)
        path = var / name
        if path.exists():
            path.write_bytes(spoiled(path.read_bytes(), where))
        looked_at(var)
    return "value"


def cells_changed(given: tuple[tuple[str, str, str], object]) -> str:
    """A folder of which a column says something else."""
    (name, table, column), value = given
    with tempfile.TemporaryDirectory() as place:
        var = Path(place) / "var"
        shutil.copytree(whole(), var)
        with contextlib.closing(sqlite3.connect(var / name)) as db:
            db.create_function("plain", 1, lambda kept: "{}")  # triggers of ours ask for it
            with contextlib.suppress(sqlite3.IntegrityError):
                db.execute(f"UPDATE {table} SET {column} = ?", (value,))
            db.commit()
        looked_at(var)
    return "value"


@cache
def parts() -> dict[str, bytes]:
    return tiny.classifier().to_parts()


def sealed(body: bytes, total: int) -> bytes:
    whole_ = total.to_bytes(4, "big") + body
    return MAGIC + hashlib.sha256(whole_).digest() + whole_


@st.composite
def changed_parts(draw: st.DrawFn) -> dict[str, bytes]:
    """A model of which one part is damaged, or whole and says something else."""
    known = dict(parts())
    name = draw(st.sampled_from(sorted(known)))
    body = known[name][40:]
    size = int.from_bytes(body[:4], "big")
    kind = draw(st.integers(0, 3))
    if kind == 0:
        known[name] = draw(damaged(known[name]))
    elif kind == 1:
        known[name] = sealed(draw(damaged(body)), draw(st.sampled_from([0, 1, 2, 2**32 - 1])))
    else:
        header = draw(almost(body[4 : 4 + size]))
        if kind == 3:
            header = json.dumps({"meta": draw(odd_values), "arrays": draw(odd_values)}).encode()
        size_ = draw(st.sampled_from([len(header), len(header), 2**32 - 1, 0]))
        known[name] = sealed(size_.to_bytes(4, "big") + header + body[4 + size :], 1)
    return known


def model_read(given: dict[str, bytes]) -> str:
    def read() -> None:
        model = Classifier.from_parts(given)
        with contextlib.suppress(ValueError):  # sizes that fit each other and nothing else
            model.predict(tiny.embed("a printer")[None])

    return answered(read)


def unsqueezed(given: tuple[int, bytes]) -> str:
    try:
        unpacked(*given)
    except ValueError:
        return "error"
    return "value"


OPEN = contextlib.ExitStack()


@cache
def port() -> int:
    return OPEN.enter_context(serving(Metrics(), Health(), "127.0.0.1", 0))


REQUESTS = (
    b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n",
    b"POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n\r\nabc",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    b"GET /livez HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
    b"GET /../../etc/passwd HTTP/1.0\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /livez HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
)

requests = st.one_of(
    st.sampled_from(REQUESTS), st.sampled_from(REQUESTS[:3]).flatmap(damaged), any_bytes
)


def requested(sent: bytes) -> str:
    """Send bytes to a worker's port; afterwards it must answer whoever asks properly."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port()), 5) as wire:
        wire.settimeout(0.02)
        wire.sendall(sent)
        wire.recv(1 << 16)
    with socket.create_connection(("127.0.0.1", port()), 5) as wire:
        wire.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        if not wire.recv(1 << 16).startswith(b"HTTP/1.0 200"):
            raise Unanswered("the port answers nobody any more")
    return "value"


KEPT = (
    Boundary("files of the folder", st.tuples(st.sampled_from(FILES), cuts), bytes_changed),
    Boundary("rows of the folder", st.tuples(columns, cells), cells_changed),
    Boundary("parts of a model", changed_parts(), model_read),
    Boundary("squeezed values", st.tuples(st.integers(0, 3), any_bytes), unsqueezed),
    Boundary("port of a worker", requests, requested),
)
