"""What has no end is never in memory as a whole."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from streams.program import pipe_source, source
from streams.program.pipe_source import StandardInput
from streams.program.reading import files
from tests.hostile.files import NoMarks


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LONGEST_LINE", 1_000)
    monkeypatch.setattr(pipe_source, "MOST_BYTES", 3_000)
    monkeypatch.setattr(source, "MOST_BYTES", 3_000)


def test_a_pipe_without_line_ends_is_read_no_further_than_it_is_taken() -> None:
    given, done = 0, threading.Event()

    def read(limit: int) -> bytes:
        nonlocal given
        given += 1_000
        if given > 100_000:
            done.set()
            return b""
        return b'{"text": "' + b"a" * 990

    with closing(StandardInput(read)) as pipe:
        time.sleep(0.3)
        before = given
        taken = [len(record.value or b"") for record in pipe.take(64)]
        assert before < 100_000
        assert sum(taken) <= 4_000
        while not pipe.exhausted:
            assert sum(len(record.value or b"") for record in pipe.take(64)) <= 4_000
    assert done.is_set()


def test_a_file_without_line_ends_is_handed_over_in_bounded_parts(tmp_path: Path) -> None:
    path = tmp_path / "endless.jsonl"
    path.write_bytes(b'{"text": "' + b"a" * 50_000)
    with closing(source.FileSource(path, NoMarks())) as file:
        sizes = []
        while not file.exhausted:
            sizes.append(sum(len(r.value or b"") for r in file.take(64) if r.topic == "texts"))
    assert max(sizes) <= 4_000
    assert sum(sizes) == 50_010
