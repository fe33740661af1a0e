"""A pipe: rows as they come, whatever they are, told by the first bytes."""

from __future__ import annotations

import gzip
import io
import json
import queue
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from models.errors import Fatal
from streams.incoming import TEXT_HEADER, read_text
from streams.program.pipe_source import StandardInput
from streams.program.reading import Columns
from streams.stage import Outgoing
from tests.unit.streams import people


def drained(source: StandardInput) -> list[Outgoing]:
    taken: list[Outgoing] = []
    end = time.monotonic() + 20
    while not source.exhausted:
        assert time.monotonic() < end
        taken += source.take(2)
        time.sleep(0.001)
    return taken


def texts(read: Callable[[int], bytes], wanted: Columns | None = None) -> list[str]:
    taken = drained(StandardInput(read, wanted))
    return [read_text(t.value, "texts/0/0", t.headers, max_text=99).text for t in taken]


def in_pieces(content: bytes, size: int) -> Callable[[int], bytes]:
    """As a slow writer gives them."""
    stream = io.BytesIO(content)
    return lambda limit: stream.read(min(size, limit))


CSV = 'n;Beschreibung\n1;"two\nlines; here"\n2;Größe\n'.encode()
FOUND = ["two\nlines; here", "Größe"]


@pytest.mark.parametrize("size", [1, 3, 7, 1 << 16])
@pytest.mark.parametrize("members", [0, 1, 2])
def test_a_table_comes_through_in_whatever_pieces(size: int, members: int) -> None:
    halves = {0: CSV, 1: gzip.compress(CSV), 2: gzip.compress(CSV[:20]) + gzip.compress(CSV[20:])}
    assert texts(in_pieces(halves[members], size)) == FOUND


def test_a_parquet_file_comes_through(tmp_path: Path) -> None:
    people.a_parquet_file(tmp_path / "a.parquet")
    taken = drained(StandardInput(io.BytesIO((tmp_path / "a.parquet").read_bytes()).read))
    rows = [json.loads(t.value or b"") for t in taken]
    assert [row["body"] for row in rows] == ["printer paper jam", None, "my password"]
    assert taken[0].headers[TEXT_HEADER] == "body"


def test_the_text_may_be_asked_for_and_what_was_understood_is_told() -> None:
    told: queue.Queue[str] = queue.Queue()
    source = StandardInput(io.BytesIO(b"a,b\nx,y\n").read, Columns(text="b"), told.put)
    assert [t.value for t in drained(source)] == [b'{"a": "x", "b": "y"}']
    assert told.get() == "Reading -: CSV, commas, UTF-8, text column 'b', no id column."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\nx,y\n", "-: no column is called as one that holds the text"),
        (gzip.compress(b"text\nx\n" * 99)[:-9], "cut off: its gzip stream has no end"),
        (b"\x1f\x8bno gzip", "no whole gzip stream"),
        ("text\nx\n".encode("utf-16"), "UTF-16: put it into a file"),
    ],
)
def test_what_cannot_be_read_stops_the_run_with_one_line(content: bytes, message: str) -> None:
    with pytest.raises(Fatal, match=message):
        drained(StandardInput(io.BytesIO(content).read))


def test_nothing_at_all_is_nothing() -> None:
    assert drained(StandardInput(io.BytesIO(b"").read)) == []
