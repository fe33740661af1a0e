"""Files of a folder: every row once and in order, also of files that come and grow meanwhile."""

import gzip
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from models.errors import Fatal
from streams.embedded.log import SqliteLog
from streams.program.folder_source import LOOK_SECONDS, FolderSource
from streams.topology import TEXTS
from tests.unit.streams import people


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (made := tmp_path / "texts").mkdir()
    return made


def add(path: Path, *texts: str, end: str = "\n") -> None:
    with path.open("a") as file:
        file.write("\n".join(json.dumps({"text": text}) for text in texts) + end)


def taken(source: FolderSource, log: SqliteLog, limit: int = 100) -> list[str]:
    """Take until there is nothing, and commit."""
    texts = []
    while records := source.take(limit):
        log.append(records)
        texts += [json.loads(r.value or b"")["text"] for r in records if r.topic == TEXTS.name]
    return texts


def test_files_come_by_their_names_and_others_are_passed_over(folder: Path, log: SqliteLog) -> None:
    add(folder / "b.jsonl", "third")
    add(folder / "a.jsonl", "first", "second")
    (folder / "c.csv").write_text("text\nfourth\n")
    add(folder / ".hidden.jsonl", "no")
    add(folder / "notes.txt", "no")
    (folder / "d.jsonl").mkdir()
    with closing(FolderSource(folder, log, follow=False)) as source:
        assert taken(source, log, limit=1) == ["first", "second", "third", "fourth"]
        assert source.exhausted
    with closing(FolderSource(folder, log, follow=False)) as again:
        assert taken(again, log) == []


def test_a_folder_without_files_is_told_unless_it_may_grow(folder: Path, log: SqliteLog) -> None:
    with pytest.raises(Fatal, match=r"no file that ends in \.jsonl, \.csv, "):
        FolderSource(folder, log, follow=False)
    assert not FolderSource(folder, log, follow=True).exhausted


@pytest.mark.parametrize("follow", [False, True])
def test_a_missing_file_is_told(folder: Path, log: SqliteLog, follow: bool) -> None:
    with pytest.raises(Fatal, match="cannot read"):
        FolderSource(folder / "no.jsonl", log, follow=follow)


def test_files_that_come_and_grow_are_read_on(folder: Path, log: SqliteLog) -> None:
    clock = Clock()
    with closing(FolderSource(folder, log, follow=True, clock=clock)) as source:
        add(folder / "b.jsonl", "one")
        assert taken(source, log) == []  # it has just looked
        clock.now += LOOK_SECONDS
        assert taken(source, log) == ["one"]
        add(folder / "b.jsonl", "two", "three")
        (folder / "a.csv").write_text("text,id\nfour,4\n")
        clock.now += LOOK_SECONDS
        assert taken(source, log) == ["four", "two", "three"]
        with (folder / "a.csv").open("a") as file:
            file.write("five,5\n")
        clock.now += LOOK_SECONDS
        assert taken(source, log) == ["five"]
        assert not source.exhausted


@pytest.mark.parametrize("of", [lambda folder: folder, lambda folder: folder / "a.jsonl"])
def test_a_line_still_being_written_waits_for_its_end(
    folder: Path, log: SqliteLog, of: Callable[[Path], Path]
) -> None:
    clock, file = Clock(), folder / "a.jsonl"
    add(file, "one")
    with file.open("a") as half:
        half.write('{"text": "tw')
    with closing(FolderSource(of(folder), log, follow=True, clock=clock)) as source:
        assert taken(source, log) == ["one"]
        with file.open("a") as half:
            half.write('o"}\n')
        clock.now += LOOK_SECONDS
        assert taken(source, log) == ["two"]
    with closing(FolderSource(of(folder), log, follow=False)) as again:
        assert taken(again, log) == []


def test_without_following_a_last_line_needs_no_end(folder: Path, log: SqliteLog) -> None:
    add(folder / "a.jsonl", "one", "two", end="")
    with closing(FolderSource(folder, log, follow=False)) as source:
        assert taken(source, log) == ["one", "two"]


def test_a_file_that_cannot_be_read_disturbs_no_other(folder: Path, log: SqliteLog) -> None:
    (folder / "a.csv").write_text("no,such,column\n1,2,3\n")
    add(folder / "b.jsonl", "one")
    clock = Clock()
    with closing(FolderSource(folder, log, follow=True, clock=clock)) as source:
        assert taken(source, log) == ["one"]
        clock.now += LOOK_SECONDS
        assert taken(source, log) == []
    with pytest.raises(Fatal, match="no column is called as one that holds the text"):
        FolderSource(folder / "a.csv", log, follow=False)


def test_what_is_gzipped_or_parquet_is_read_when_it_is_whole(folder: Path, log: SqliteLog) -> None:
    people.a_parquet_file(folder / "done")
    whole = {
        "a.csv.gz": gzip.compress(b"text\none\ntwo\n"),
        "b.parquet": (folder / "done").read_bytes(),
        "c.csv": "text\nthree\n".encode("utf-16"),
    }
    for name, content in whole.items():
        (folder / name).write_bytes(content[: len(content) // 2 if name != "c.csv" else 0])
    clock = Clock()
    with closing(FolderSource(folder, log, follow=True, clock=clock)) as source:
        assert all_of(source, log) == []
        for number, (name, content) in enumerate(whole.items(), 1):
            (folder / name).write_bytes(content)
            clock.now += LOOK_SECONDS
            assert len(all_of(source, log)) == {1: 2, 2: 3, 3: 1}[number]
        clock.now += LOOK_SECONDS
        assert all_of(source, log) == []
    with closing(FolderSource(folder, log, follow=False)) as again:
        assert all_of(again, log) == []


def all_of(source: FolderSource, log: SqliteLog) -> list[bytes | None]:
    values = []
    while records := source.take(2):
        log.append(records)
        values += [record.value for record in records if record.topic == TEXTS.name]
    return values


def test_a_quoted_cell_still_being_written_waits_for_its_end(folder: Path, log: SqliteLog) -> None:
    clock = Clock()
    (folder / "a.csv").write_text('text,n\none,1\n"half\n')
    with closing(FolderSource(folder, log, follow=True, clock=clock)) as source:
        assert taken(source, log) == ["one"]
        with (folder / "a.csv").open("a") as file:
            file.write('a cell",2\n')
        clock.now += LOOK_SECONDS
        assert taken(source, log) == ["half\na cell"]


def test_how_files_are_read_is_told_where_it_changes(folder: Path, log: SqliteLog) -> None:
    add(folder / "a.jsonl", "one")
    add(folder / "b.jsonl", "two")
    (folder / "c.csv").write_text("text\nthree\n")
    told: list[str] = []
    with closing(FolderSource(folder, log, follow=False, tell=told.append)) as source:
        taken(source, log)
    assert [line.split(": ")[1].split(",")[0] for line in told] == ["JSON Lines", "CSV"]
