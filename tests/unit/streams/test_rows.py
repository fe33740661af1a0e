"""Rows back: every one, in order and untouched, with what became of its text."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as of_hypothesis
from hypothesis import strategies as st
from pyarrow import parquet

from models.errors import Fatal
from streams.became import RowLookup
from streams.program.folder import Folder
from streams.program.reading import Columns
from streams.program.rows import RowsOut
from streams.program.run import run
from streams.program.settings import Settings
from streams.textindex import TextIndex
from tests.unit.streams import people

ADDED = ["label", "confidence", "decided_by", "remark", "text_id"]


def labelled(settings: Settings, texts: Path, out: Path, *, rows: bool = False) -> bytes:
    """Run, and return the output file."""
    finished = run(settings, str(texts), out, rows=rows, lockstep=True, watch=lambda sight: None)
    assert finished
    return out.read_bytes()


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def cells(content: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(content, newline=""), delimiter=delimiter))


def test_a_spreadsheet_comes_back_as_it_was_with_columns_behind(
    settings: Settings, tmp_path: Path
) -> None:
    texts = put(tmp_path / "tickets.csv", people.SPREADSHEET)
    written = labelled(settings, texts, tmp_path / "out.csv")
    before, after = people.SPREADSHEET.split(b"\r\n"), written.split(b"\r\n")
    assert len(after) == len(before) + 1  # its last row had no end
    for old, new in zip(before, after[:-1], strict=True):
        assert new.startswith(old)
    rows = cells(written.decode("utf-8-sig"), ";")
    assert rows[0][4:] == ["redstream_label", *ADDED[1:]]
    by_number = {row[0]: row for row in rows if row}
    assert by_number["010"][4] == "printer"
    assert by_number["010"][6] == "classifier"
    assert float(by_number["010"][5]) > 0.5
    assert by_number["009"][7] == "unusable: the field 'Beschreibung' is empty"
    assert by_number["011"][8] == (
        "unusable: no row of its file: it has 5 cells, and there are 4 columns"
    )
    assert by_number["012"][4] == "room"


def test_json_lines_keep_every_letter_and_get_fields_behind(
    settings: Settings, tmp_path: Path
) -> None:
    texts = put(tmp_path / "tickets.jsonl", people.NESTED)
    written = labelled(settings, texts, tmp_path / "out.jsonl", rows=True)
    before, after = people.NESTED.splitlines(), written.splitlines()
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        if old != b"not JSON":
            assert new.startswith(old.rstrip(b"} "))
    rows = [json.loads(line) for line in after]
    assert [row["redstream_label"] for row in rows] == [
        "printer",
        "password",
        None,
        None,
        "room",
        None,
    ]
    assert rows[1]["label"] == {"of": ["theirs", None]}
    assert rows[2]["redstream_row"] == "not JSON"
    assert rows[2]["remark"].startswith("unusable: not JSON")
    assert rows[3]["remark"] == "unusable: the field 'ticket.body' is int, not a string"
    assert rows[0]["text_id"] == "a"


def test_an_encoding_is_kept(settings: Settings, tmp_path: Path) -> None:
    texts = put(tmp_path / "tickets.tsv", people.LATIN)
    written = labelled(settings, texts, tmp_path / "out.tsv")
    for old, new in zip(people.LATIN.splitlines(), written.splitlines(), strict=True):
        assert new.startswith(old + b"\t")
    again = put(tmp_path / "utf16.csv", "text;n\né printer paper jam;1\n".encode("utf-16"))
    written = labelled(settings, again, tmp_path / "out16.csv")
    assert written.startswith(b"\xff\xfe")
    assert written.decode("utf-16").startswith("text;n;label;")


def test_a_label_that_the_encoding_has_not_turns_the_file_into_utf_8(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = put(tmp_path / "tickets.tsv", people.LATIN)
    monkeypatch.setattr("streams.program.rows.delimited.cells", lambda became: ["🔥"] * 5)
    written = labelled(settings, texts, tmp_path / "out.tsv")
    expected = people.LATIN.decode("latin-1").splitlines()
    for old, new in zip(expected, written.decode("utf-8-sig").splitlines(), strict=True):
        assert new.startswith(old + "\t")


def test_parquet_keeps_its_schema_and_its_values(settings: Settings, tmp_path: Path) -> None:
    before = people.a_parquet_file(tmp_path / "tickets.parquet")
    labelled(settings, tmp_path / "tickets.parquet", tmp_path / "out.parquet")
    after = parquet.read_table(tmp_path / "out.parquet")
    assert after.column_names == [*before.column_names, *ADDED]
    kept = after.select(before.column_names)
    assert kept.schema.equals(before.schema, check_metadata=True)
    assert str(kept.to_pydict()) == str(before.to_pydict())  # a NaN equals nothing
    assert after["label"].to_pylist()[:2] == ["printer", None]
    assert after["remark"].to_pylist()[1] == "unusable: the field 'body' is missing"
    about = parquet.ParquetFile(tmp_path / "out.parquet").metadata
    assert about.row_group(0).column(0).compression == "ZSTD"


def test_a_hundred_columns_with_newlines_in_quotes(settings: Settings, tmp_path: Path) -> None:
    texts = put(tmp_path / "wide.csv", people.wide())
    written = labelled(settings, texts, tmp_path / "out.csv").decode()
    before, after = cells(people.wide().decode()), cells(written)
    assert [row[:100] for row in after] == before
    assert {len(row) for row in after} == {105}
    assert [row[100] for row in after[1:]] == ["printer"] * 30


@pytest.mark.parametrize("name", ["out.tsv", "out.csv.gz", "out.jsonl.gz", "out.parquet"])
@pytest.mark.parametrize(
    ("given_name", "content"), [("a.csv", people.wide()), ("a.jsonl", people.NESTED)]
)
def test_rows_come_back_in_another_format(
    settings: Settings, tmp_path: Path, given_name: str, content: bytes, name: str
) -> None:
    texts = put(tmp_path / given_name, content)
    written = labelled(settings, texts, tmp_path / name, rows=True)
    if name.endswith(".gz"):
        assert written == labelled(settings, texts, tmp_path / name, rows=True)  # no time in it
        written = gzip.decompress(written)
    expected = 30 if given_name == "a.csv" else 6
    if "parquet" in name:
        rows = parquet.read_table(tmp_path / name).to_pylist()
    elif "jsonl" in name:
        rows = [json.loads(line) for line in written.splitlines()]
    else:
        header, *own = cells(written.decode(), "\t" if "tsv" in name else ",")
        rows = [dict(zip(header, row, strict=True)) for row in own]
    assert len(rows) == expected
    assert "printer" in (rows[0].get("label"), rows[0].get("redstream_label"))
    assert given_name == "a.jsonl" or rows[7]["column 3"] == "7.30"


cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=9)


@of_hypothesis(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(cell, cell, cell), max_size=6),
    st.sampled_from(",;\t|"),
    st.booleans(),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_whatever_the_csv_module_writes_comes_back(
    nothing_read: Folder,
    rows: list[tuple[str, str, str]],
    delimiter: str,
    windows: bool,
    codec: str,
) -> None:
    written = io.StringIO(newline="")
    end = "\r\n" if windows else "\n"
    writer = csv.writer(written, delimiter=delimiter, lineterminator=end)
    table = [("text", "a", "b"), *rows]
    writer.writerows(table)
    texts = put(nothing_read.var / "x.csv", written.getvalue().encode(codec))
    out = nothing_read.var / ("out.tsv" if delimiter == "\t" else "out.csv")
    RowsOut(nothing_read, texts, Columns(), out).write()
    content = out.read_bytes().decode(codec)
    assert [row[:3] for row in cells(content, delimiter)] == [list(row) for row in table]
    assert all(len(row) == 8 for row in cells(content, delimiter))


@pytest.fixture
def nothing_read(fitted: Path) -> Folder:
    return Folder(fitted)


def test_an_edited_file_labels_what_is_new_or_changed_alone(
    settings: Settings, tmp_path: Path
) -> None:
    texts = put(tmp_path / "a.csv", b"text,n\nprinter jam,1\nmy password,2\nprinter jam,3\n")
    labelled(settings, texts, tmp_path / "out.csv")
    assert seen(settings) == (3, 0)
    texts.write_bytes(
        b"text,n\nthe meeting room,0\nprinter jam,1\nmy old password,2\nprinter jam,3\n"
        b"printer jam,4\n"
    )
    rows = cells(labelled(settings, texts, tmp_path / "out.csv").decode())
    assert seen(settings) == (6, 2)  # three new, two that were there
    assert [row[:2] for row in rows[1:]] == cells(texts.read_text())[1:]
    assert len({row[6] for row in rows}) == 6
    texts.write_bytes(b"n,text\n3,printer jam\n")
    labelled(settings, texts, tmp_path / "out.csv")
    assert seen(settings) == (6, 3)


def test_a_row_changed_under_its_id_is_labelled_anew_and_the_old_words_never_come_back(
    settings: Settings, tmp_path: Path
) -> None:
    texts = put(tmp_path / "a.csv", b"id,text\n1,printer paper jam\n2,my password\n")
    labelled(settings, texts, tmp_path / "out.csv")
    texts.write_bytes(b"id,text\n2,the meeting room\n1,printer paper jam\n")
    rows = cells(labelled(settings, texts, tmp_path / "out.csv").decode())
    assert [row[2] for row in rows[1:]] == ["room", "printer"]
    assert rows[1][6].startswith("2~")
    assert seen(settings) == (3, 1)
    texts.write_bytes(b"id,text\n2,my password\n")
    rows = cells(labelled(settings, texts, tmp_path / "out.csv").decode())
    assert (rows[1][2], rows[1][6]) == ("password", "2")
    assert seen(settings) == (3, 2)


def test_one_id_for_two_texts_of_one_reading_is_a_conflict(
    settings: Settings, tmp_path: Path
) -> None:
    texts = put(tmp_path / "a.csv", b"id,text\n1,printer paper jam\n1,my password\n")
    rows = cells(labelled(settings, texts, tmp_path / "out.csv").decode())
    assert [row[2] for row in rows[1:]] == ["printer", ""]
    assert rows[2][5] == "unusable: id '1' already stands for another text"


def seen(settings: Settings) -> tuple[int, int]:
    """How many texts there were, and how many repeats."""
    index = TextIndex(Folder(settings.var).texts, read_only=True)
    try:
        return index.counts()
    finally:
        index.close()


def test_what_a_kill_left_half_written_is_written_whole(settings: Settings, tmp_path: Path) -> None:
    texts = put(tmp_path / "a.csv", b"text\nprinter paper jam\n")
    first = labelled(settings, texts, tmp_path / "out.csv")
    put(tmp_path / ".out.csv.part", b"half a li")
    assert labelled(settings, texts, tmp_path / "out.csv") == first
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize(
    ("texts", "out", "message"),
    [
        ("a.csv", "precious.csv", "holds something already"),
        ("a.csv", "a.csv", "is the file that is read"),
        ("a.csv", "a.csv/out.csv", "cannot write"),
        ("a.csv", "out.parquet.gz", "rows go into"),
        (".", "out.csv", "is a folder: name a folder with --out"),
        (".", ".", "is the folder that is read"),
        (".", "precious", "precious holds something already"),
        ("-", "out.parquet.gz", "rows go into"),
    ],
)
def test_an_output_that_cannot_be_is_one_line_before_any_work(
    settings: Settings, tmp_path: Path, texts: str, out: str, message: str
) -> None:
    put(tmp_path / "a.csv", b"text\nprinter paper jam\n")
    put(tmp_path / "precious.csv", b"do not lose me\n")
    (tmp_path / "precious").mkdir()
    put(tmp_path / "precious" / "too.csv", b"do not lose me\n")
    given_texts = texts if texts == "-" else str(tmp_path / texts)
    with pytest.raises(Fatal, match=message):
        run(settings, given_texts, tmp_path / out, lockstep=True, watch=lambda sight: None)
    assert (tmp_path / "precious.csv").read_bytes() == b"do not lose me\n"
    assert seen(settings) == (0, 0)


def test_a_read_only_folder_is_one_line(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "a.csv", b"text\nprinter paper jam\n")

    def touch(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", touch)
    with pytest.raises(Fatal, match=r"cannot write .*out\.csv: Permission denied"):
        labelled(settings, tmp_path / "a.csv", tmp_path / "out.csv")


def test_rows_that_were_not_read_say_so(settings: Settings, tmp_path: Path) -> None:
    lookup = RowLookup(Folder(settings.var).ledger, Folder(settings.var).texts)
    try:
        assert lookup.became("no such", "0" * 16).remark == "not read yet"
    finally:
        lookup.close()


def test_a_persons_none_is_no_label_and_says_so(settings: Settings, tmp_path: Path) -> None:
    texts = put(tmp_path / "a.csv", b"id,text\n1,printer paper jam\n")
    labelled(settings, texts, tmp_path / "out.csv")
    with closing(sqlite3.connect(Folder(settings.var).ledger)) as db:
        db.execute("UPDATE truths SET label = '', rank = 2")
        db.commit()
    rows = cells(labelled(settings, texts, tmp_path / "out.csv").decode())
    assert rows[1][2:] == ["", "", "person", "none of the labels", "1"]
