"""Rows back of a pipe and of a folder: the same as of one file."""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyarrow import parquet

from models.errors import Fatal
from streams.program.folder import Folder
from streams.program.run import run
from streams.program.settings import Settings
from streams.textindex import TextIndex
from tests.unit.streams import people

Piped = Callable[..., bytes]


def labelled(settings: Settings, texts: str | Path, out: Path, *, rows: bool = False) -> list[str]:
    """Run, and return what was told."""
    told: list[str] = []
    assert run(
        settings, str(texts), out, rows=rows, lockstep=True, watch=lambda sight: None,
        tell=told.append,
    )  # fmt: skip
    return told


@pytest.fixture
def piped(settings: Settings, tmp_path: Path) -> Iterator[Piped]:
    """Run over what comes from standard input, and return the output file."""
    before = os.dup(0)

    def piped(content: bytes, out: str, *, rows: bool = False) -> bytes:
        (tmp_path / "stdin").write_bytes(content)
        with (tmp_path / "stdin").open("rb") as file:
            os.dup2(file.fileno(), 0)
            labelled(settings, "-", tmp_path / out, rows=rows)
        return (tmp_path / out).read_bytes()

    yield piped
    os.dup2(before, 0)
    os.close(before)


def of_a_file(settings: Settings, tmp_path: Path, content: bytes, name: str, out: str) -> bytes:
    texts = tmp_path / name
    texts.write_bytes(content)
    labelled(settings, texts, tmp_path / f"file-{out}", rows=True)
    return (tmp_path / f"file-{out}").read_bytes()


def without_ids(content: bytes) -> list[list[str]]:
    """The cells but for the last column: rows without an id are called by where they came from."""
    return [row[:-1] for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))]


def seen(settings: Settings) -> int:
    index = TextIndex(Folder(settings.var).texts, read_only=True)
    try:
        return index.counts()[0]
    finally:
        index.close()


@pytest.mark.parametrize("zipped", [False, True])
def test_a_spreadsheet_comes_back_through_a_pipe_as_from_a_file(
    settings: Settings, tmp_path: Path, piped: Piped, zipped: bool
) -> None:
    content = people.SPREADSHEET.replace(b";", b"|") if zipped else people.SPREADSHEET
    written = piped(gzip.compress(content) if zipped else content, "out.csv")
    before, after = content.split(b"\r\n"), written.split(b"\r\n")
    assert len(after) == len(before) + 1  # its last row had no end
    for old, new in zip(before, after[:-1], strict=True):
        assert new.startswith(old)
    file = of_a_file(settings, tmp_path, content, "tickets.csv", "out.csv")
    assert without_ids(written) == without_ids(file)


def test_json_lines_and_parquet_come_back_through_a_pipe(
    settings: Settings, tmp_path: Path, piped: Piped
) -> None:
    written = piped(people.NESTED, "out.jsonl", rows=True)
    for old, new in zip(people.NESTED.splitlines(), written.splitlines(), strict=True):
        assert old == b"not JSON" or new.startswith(old.rstrip(b"} "))
    before = people.a_parquet_file(tmp_path / "a.parquet")
    piped((tmp_path / "a.parquet").read_bytes(), "out.parquet")
    after = parquet.read_table(tmp_path / "out.parquet")
    assert after.select(before.schema.names).schema == before.schema
    assert str(after.select(before.schema.names)) == str(before)  # one has a NaN in it
    assert "label" in after.schema.names


def test_utf_16_comes_through_a_pipe_whose_rows_come_back(piped: Piped) -> None:
    written = piped("text;n\né printer paper jam;1\n".encode("utf-16"), "out.csv")
    assert written.decode("utf-16").startswith("text;n;label;")


def test_the_same_pipe_again_is_no_work_and_a_longer_one_labels_what_is_new(
    settings: Settings, tmp_path: Path, piped: Piped
) -> None:
    first = piped(b"text\nprinter paper jam\nmy password\n", "out.csv")
    assert seen(settings) == 2
    assert piped(b"text\nprinter paper jam\nmy password\n", "out.csv") == first
    assert seen(settings) == 2
    longer = piped(b"text\nthe room\nprinter paper jam\nmy password\n", "out.csv")
    assert seen(settings) == 3
    assert longer.splitlines()[2:] == first.splitlines()[1:]
    assert not Folder(settings.var).pipes.exists()


def test_an_id_with_other_words_in_the_next_pipe_is_a_new_text(piped: Piped) -> None:
    piped(b"id,text\n1,printer paper jam\n", "out.csv")
    written = piped(b"id,text\n1,the meeting room\n", "out.csv")
    assert b",room," in written
    assert b",1~" in written


def test_a_pipe_is_called_a_pipe(settings: Settings, tmp_path: Path, piped: Piped) -> None:
    with pytest.raises(Fatal, match=r"^-: no column is called as one that holds the text"):
        piped(b"a,b\n1,2\n", "out.csv")
    with pytest.raises(Fatal, match=r"^- is empty"):
        piped(b"", "out.csv")
    assert not Folder(settings.var).pipes.exists()


def test_a_folder_comes_back_file_by_file_each_as_it_was(
    settings: Settings, tmp_path: Path
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    files = {
        "a.csv": people.SPREADSHEET,
        "b.tsv": people.LATIN,
        "c.csv": b"id\ttext\n1\tprinter, paper jam\n",
        "d.jsonl.gz": gzip.compress(b'{"text": "the room"}\n'),
        "e.csv": b"nobody,knows\n1,2\n",
        "notes.txt": b"no texts",
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    people.a_parquet_file(folder / "f.parquet")
    told = labelled(settings, folder, out)
    assert sorted(path.name for path in out.iterdir()) == [
        "a.csv",
        "b.tsv",
        "c.csv",
        "d.jsonl.gz",
        "f.parquet",
    ]
    for name in ("a.csv", "b.tsv", "c.csv"):
        written = (out / name).read_bytes()
        for old, new in zip(files[name].splitlines(), written.splitlines(), strict=True):
            assert new.startswith(old)
    assert b'"label": "room"' in gzip.decompress((out / "d.jsonl.gz").read_bytes())
    assert told[-2].startswith("No rows come back of this file: ")
    assert "e.csv: no column is called as one that holds the text" in told[-2]
    assert told[-1].startswith(f"Rows with their labels: {out} (")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    labelled(settings, folder, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_zipped_parquet_comes_back_as_parquet(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    people.a_parquet_file(tmp_path / "a.parquet")
    zipped = gzip.compress((tmp_path / "a.parquet").read_bytes())
    (folder / "a.parquet.gz").write_bytes(zipped)
    labelled(settings, folder, tmp_path / "out")
    table = parquet.read_table(tmp_path / "out" / "a.parquet.gz.parquet")
    assert "label" in table.schema.names


def test_a_folder_still_gets_events(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").write_bytes(b"text\nprinter paper jam\n")
    labelled(settings, folder, tmp_path / "out.jsonl")
    assert b'"label":"printer"' in (tmp_path / "out.jsonl").read_bytes().replace(b": ", b":")
