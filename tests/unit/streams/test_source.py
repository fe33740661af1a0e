"""Sources: every row once, whatever happens to the program or the file between two rows."""

import csv as csv_module
import io
import json
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import Fatal
from streams.embedded.log import SqliteLog
from streams.incoming import SOURCE_HEADER, read_text
from streams.program.pipe_source import StandardInput
from streams.program.source import FileSource
from streams.records import FileMark
from streams.stage import Delivered, Outgoing
from streams.topology import MARKS, TEXTS


class Marks:
    """A log that only remembers where a file was left."""

    def __init__(self) -> None:
        self._marks: dict[bytes | None, bytes | None] = {}

    def append(self, records: list[Outgoing]) -> None:
        self._marks |= {r.key: r.value for r in records if r.topic == MARKS.name}

    def newest(self, topic: str, key: bytes) -> Delivered | None:
        value = self._marks.get(key)
        return None if value is None else Delivered(topic, 0, 0, key, value)


Log = SqliteLog | Marks


def take(path: Path, log: Log, *, limit: int = 100, takes: int = 1_000) -> list[Outgoing]:
    """Open the file, take so often or to the end, and commit; return the texts."""
    taken: list[Outgoing] = []
    with closing(FileSource(path, log)) as source:
        for _ in range(takes):
            records = source.take(limit)
            log.append(records)
            taken += [record for record in records if record.topic == TEXTS.name]
            if source.exhausted:
                break
    return taken


def values(records: list[Outgoing]) -> list[bytes | None]:
    return [record.value for record in records]


JSONL = (
    b'{"text": "a"}\n\n{"text": "b"}\r\nnot json\n'
    b'{"text": "\xc3\xbc"}\nbad \xff utf-8\n{"text": "z"}'
)
LINES = [line.rstrip(b"\r") for line in JSONL.split(b"\n")]
CSV = (
    b"\xef\xbb\xbfid,text,channel\r\n"
    b"1,plain,mail\r\n"
    b'2,"two\nlines, with ""quotes""",chat\r\n'
    b"3,bad \xff utf-8,mail\r\n"
    b"4,ragged\r\n"
    b'5,"an \xc3\xbcmlaut",\r\n'
    b",no id,mail\r\n"
    b"\r\n"
    b"7,last,mail"
)
CSV_VALUES: list[object] = [
    {"id": "1", "text": "plain", "channel": "mail"},
    {"id": "2", "text": 'two\nlines, with "quotes"', "channel": "chat"},
    b"3,bad \xff utf-8,mail",
    b"4,ragged",
    {"id": "5", "text": "an ümlaut", "channel": ""},
    {"text": "no id", "channel": "mail"},
    b"",
    {"id": "7", "text": "last", "channel": "mail"},
]


@pytest.fixture
def jsonl(tmp_path: Path) -> Path:
    path = tmp_path / "mail.jsonl"
    path.write_bytes(JSONL)
    return path


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "mail.CSV"
    path.write_bytes(CSV)
    return path


def test_lines_are_handed_over_as_they_are(jsonl: Path, log: SqliteLog) -> None:
    taken = take(jsonl, log)
    assert values(taken) == LINES
    assert [t.headers[SOURCE_HEADER] for t in taken] == [f"{jsonl}:{n}" for n in range(1, 8)]
    assert {t.key for t in taken} == {None}


def test_rows_are_handed_over_as_objects_and_what_is_none_as_its_bytes(
    csv: Path, log: SqliteLog
) -> None:
    taken = take(csv, log)
    found = [json.loads(v) if v and v.startswith(b"{") else v for v in values(taken)]
    assert found == CSV_VALUES
    assert [t.headers[SOURCE_HEADER] for t in taken] == [f"{csv}:{n}" for n in range(1, 9)]


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
@pytest.mark.parametrize("takes", [1, 2, 3])
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_killed_between_takes_every_row_comes_once(
    request: pytest.FixtureRequest, log: SqliteLog, kind: str, limit: int, takes: int
) -> None:
    path: Path = request.getfixturevalue(kind)
    taken: list[Outgoing] = []
    while more := take(path, log, limit=limit, takes=takes):
        taken += more
    assert taken == take(path, Marks())


def test_what_was_taken_but_not_committed_comes_again(jsonl: Path, log: SqliteLog) -> None:
    take(jsonl, log, limit=2, takes=1)
    with closing(FileSource(jsonl, log)) as killed:
        lost = killed.take(2)
    assert take(jsonl, log, limit=2, takes=1) == lost[:2]
    assert values(lost)[:2] == LINES[2:4]


def test_the_mark_travels_with_the_rows(jsonl: Path, log: SqliteLog) -> None:
    with closing(FileSource(jsonl, log)) as source:
        *texts, marked = source.take(3)
    mark = FileMark.decode(marked.value)
    assert (len(texts), marked.topic, marked.key) == (3, MARKS.name, f"in:{jsonl}".encode())
    assert (mark.rows, mark.bytes) == (3, len(b"\n".join(JSONL.split(b"\n")[:3])) + 1)


def test_a_file_that_grew_is_read_on(jsonl: Path, log: SqliteLog) -> None:
    jsonl.write_bytes(JSONL + b"\n")
    take(jsonl, log)
    with jsonl.open("ab") as file:
        file.write(b'{"text": "new"}\n')
    (new,) = take(jsonl, log)
    assert (new.value, new.headers[SOURCE_HEADER]) == (b'{"text": "new"}', f"{jsonl}:8")


@pytest.mark.parametrize("changed", [b'{"text": "A"}' + JSONL[13:], JSONL[:20], b"", b"x" * 500])
def test_a_file_changed_before_the_mark_is_read_from_its_start(
    jsonl: Path, log: SqliteLog, changed: bytes
) -> None:
    take(jsonl, log)
    jsonl.write_bytes(changed)
    assert values(take(jsonl, log)) == [
        line.rstrip(b"\r") for line in changed.split(b"\n") if changed
    ]


def test_two_files_have_their_own_marks(jsonl: Path, csv: Path, log: SqliteLog) -> None:
    assert len(take(jsonl, log)) == 7
    assert len(take(csv, log)) == 8
    assert take(jsonl, log) == take(csv, log) == []


def test_a_very_long_line_comes_in_pieces(
    jsonl: Path, log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.program.reading.files.LONGEST_LINE", 8)
    jsonl.write_bytes(b"0123456789abcdefghij\nshort\n")
    assert values(take(jsonl, log)) == [b"01234567", b"89abcdef", b"ghij", b"short"]


def test_a_byte_order_mark_is_no_part_of_the_first_line(jsonl: Path, log: SqliteLog) -> None:
    jsonl.write_bytes(b"\xef\xbb\xbf" + b'{"text": "a"}\n')
    (first,) = take(jsonl, log)
    assert read_text(first.value, "texts/0/0", max_text=100).text == "a"


def test_a_file_without_a_text_column_is_refused_with_what_it_has(
    csv: Path, log: SqliteLog
) -> None:
    csv.write_text("id,words\n1,a\n")
    with pytest.raises(
        Fatal,
        match=r"mail\.CSV: no column .* the text; .*--text-column.*: id \('1'\), words \('a'\)",
    ):
        take(csv, log)


def test_an_empty_csv_file_is_refused(csv: Path, log: SqliteLog) -> None:
    csv.write_bytes(b"")
    with pytest.raises(Fatal, match=r"mail\.CSV is empty"):
        take(csv, log)


def test_a_missing_file_is_told(tmp_path: Path, log: SqliteLog) -> None:
    with pytest.raises(Fatal, match=r"cannot read .*gone\.jsonl: No such file or directory"):
        FileSource(tmp_path / "gone.jsonl", log)


def test_a_quote_that_is_never_closed_is_handed_over_with_its_bytes(
    csv: Path, log: SqliteLog
) -> None:
    csv.write_bytes(b'text\na\n"never closed\nb\n')
    taken = values(take(csv, log))
    assert taken[0] == b'{"text": "a"}'
    assert b"\n".join(value or b"" for value in taken[1:]).startswith(b'"never closed')


cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(cell, cell), max_size=8), st.integers(1, 4), st.booleans())
def test_whatever_the_csv_module_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    cells: list[tuple[str, str]],
    limit: int,
    windows: bool,
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    with (path := folder / "x.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv_module.writer(file, lineterminator="\r\n" if windows else "\n", quoting=1)
        writer.writerows([("text", "other"), *cells])
    log = Marks()
    taken = [record for _ in range(4) for record in take(path, log, limit=limit, takes=3)]
    assert list(map(json.loads, values(taken))) == [{"text": a, "other": b} for a, b in cells]


def test_standard_input_gives_lines_as_they_come_and_never_waits() -> None:
    source = StandardInput(io.BytesIO(b'{"text": "a"}\r\nbad \xff\n\nlast').read)
    taken: list[Outgoing] = []
    end = time.monotonic() + 10
    while not source.exhausted and time.monotonic() < end:
        taken += source.take(2)
    assert values(taken) == [b'{"text": "a"}', b"bad \xff", b"", b"last"]
    assert {record.topic for record in taken} == {TEXTS.name}
    assert source.take(5) == []
