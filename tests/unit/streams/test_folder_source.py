"""Files of a folder: every row once and in order, also of files that come and grow meanwhile."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from models.errors import Fatal
from streams.embedded.log import SqliteLog
from streams.program.folder_source import LOOK_SECONDS, FolderSource
from streams.topology import TEXTS


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
    with pytest.raises(Fatal, match=r"no file that ends in \.jsonl or \.csv"):
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
    with (
        closing(FolderSource(folder / "a.csv", log, follow=False)) as source,
        pytest.raises(Fatal, match="no column 'text'"),
    ):
        taken(source, log)
