"""Files that people have: how they are written, and where the texts are, told from them alone."""

from __future__ import annotations

import gzip
from contextlib import closing
from pathlib import Path

import pytest

from models.errors import Fatal
from streams.program.reading import Columns, Incomplete, open_table, required, understood
from tests.unit.streams import people


def told(path: Path, content: bytes, wanted: Columns | None = None) -> str:
    path.write_bytes(content)
    with closing(open_table(path, wanted)) as table:
        return understood(table).removeprefix(f"{path}: ")


def texts(path: Path, content: bytes, wanted: Columns | None = None) -> list[object]:
    path.write_bytes(content)
    with closing(open_table(path, wanted)) as table:
        name = required(table, "text")
        return [row.fields[name] if row.fields else row.value for row in table.rows()]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", b"text,id\nx,1\n", "CSV, commas, UTF-8, text column 'text', id column 'id'"),
        (
            "a.csv",
            people.SPREADSHEET,
            "CSV, semicolons, UTF-8 with a byte-order mark, text column 'Beschreibung',"
            " no id column",
        ),
        ("a.csv", b"sep=;\r\nn;text\r\n1;x\r\n", "CSV, semicolons, UTF-8, text column 'text'"),
        ("a.csv", b"n|text\n1|x, y\n", "CSV, pipes, UTF-8, text column 'text'"),
        ("a.csv", b"n\ttext\n1\tx\n", "TSV, tabs, UTF-8"),
        ("a.csv", "text;n\né;1\n".encode("utf-16"), "CSV, semicolons, UTF-16, text column 'text'"),
        ("a.csv", b"Ticket description,Kind\nx,y\n", "CSV, commas, UTF-8, text column 'Ticket d"),
        ("a.csv", b",body\n0,x\n", "CSV, commas, UTF-8, text column 'body', no id column"),
        ("a.csv", b"hello you, there\nsecond one\nthird\n", "CSV, commas, UTF-8, no header, text"),
        ("a.csv", b"title,body\nx,y\n", "CSV, commas, UTF-8, text column 'body'"),
        ("a.csv", b"key,text\n1,x\n1,y\n", "CSV, commas, UTF-8, text column 'text', no id column"),
        ("a.csv", b"id,text\n1,x\n1,y\n", "CSV, commas, UTF-8, text column 'text', id column 'id'"),
        ("a.tsv", people.LATIN, "TSV, tabs, Windows-1252, text column 'message', id column 'id'"),
        ("a.tsv", b"text\n\x81\xe9\n", "TSV, tabs, Latin-1, text column 'text'"),
        (
            "a.jsonl",
            people.NESTED,
            "JSON Lines, UTF-8, text column 'ticket.body', id column 'key'",
        ),
        ("a.ndjson", b'{"text": "x"}\n', "JSON Lines, UTF-8, text column 'text', no id column"),
        ("a", b' {"text": "x"}\n', "JSON Lines, UTF-8, text column 'text'"),
        ("a.dat", b"text;n\nx;1\n", "CSV, semicolons, UTF-8, text column 'text'"),
    ],
)
def test_what_a_file_is_is_told_from_it(
    tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    assert told(tmp_path / name, content).startswith(expected)
    packed = told(tmp_path / f"{name}.gz", gzip.compress(content))
    assert packed.replace(", gzipped", "").startswith(expected)


@pytest.mark.parametrize("name", ["a.parquet", "nameless"])
def test_a_parquet_file_is_told(tmp_path: Path, name: str) -> None:
    people.a_parquet_file(tmp_path / name)
    for path in (tmp_path / name, people.zipped(tmp_path / name)):
        if path.name == "nameless.gz":
            continue  # neither name nor first bytes say so
        with closing(open_table(path)) as table:
            assert "text column 'body', id column 'uuid'" in understood(table)
            fields = [row.fields or {} for row in table.rows()]
        assert [one["body"] for one in fields] == ["printer paper jam", None, "my password"]
        assert "picture" not in fields[0]


def test_a_letter_beyond_ascii_late_in_the_file_tells_its_encoding(tmp_path: Path) -> None:
    content = b"text\n" + b"plain words\n" * 40_000 + b"caf\xe9\n"
    assert texts(tmp_path / "a.csv", content)[-1] == "café"


def test_one_damaged_row_does_not_make_the_others_another_encoding(tmp_path: Path) -> None:
    content = "text\ncafé\nnaïve\nbad ".encode() + b"\xff\nlast\n"
    assert texts(tmp_path / "a.csv", content) == ["café", "naïve", b"bad \xff", "last"]


def test_a_name_asked_for_is_the_column_however_it_is_written(tmp_path: Path) -> None:
    content = b'{"A": {"b c": {"d": {"e": "deep"}}}, "text": "no"}\n'
    assert told(tmp_path / "a.jsonl", content, Columns(text="A.b c.d.e")).endswith(
        "text column 'A.b c.d.e', no id column"
    )
    assert "'Words'" in told(tmp_path / "a.csv", b"Words,text\nx,y\n", Columns(text="words"))
    assert "'2'" in told(tmp_path / "a.csv", b"1,x y\n2,z\n", Columns(text="2"))


@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", b"a;b\n1;x\n"), ("a.jsonl", b'{"a": 1, "b": "x"}\n')]
)
def test_where_nothing_tells_it_says_what_it_saw_and_what_to_pass(
    tmp_path: Path, name: str, content: bytes
) -> None:
    with pytest.raises(Fatal, match=r"--text-column\. It has: a \('1'\), b \('x'\)$"):
        texts(tmp_path / name, content)
    with pytest.raises(Fatal, match=r"no column 'c' \(--text-column\)\. It has: a \('1'\)"):
        texts(tmp_path / name, content, Columns(text="c"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.json", b'[{"text": "x"}]', "one JSON array: write an object a line"),
        ("a.csv.gz", gzip.compress(b"text\nx\n" * 9)[:-9], "cut off: its gzip stream"),
        ("a.parquet", b"PAR1 and no end", "cut off: a Parquet file ends otherwise"),
        ("a.parquet", b"text\n", "is no Parquet file"),
        ("a.parquet", b"PAR1" + b"\0" * 8 + b"PAR1", "cannot read"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    with pytest.raises(Fatal, match=message) as error:
        texts(tmp_path / name, content)
    assert "\n" not in str(error.value)


def test_a_file_still_being_written_is_told_apart(tmp_path: Path) -> None:
    (path := tmp_path / "a.csv").touch()
    with pytest.raises(Incomplete):
        open_table(path, grows=True)


def test_a_quote_that_is_never_closed_costs_its_own_row(tmp_path: Path) -> None:
    content = b'n,text\n1,a\n2,"open\n3,b\n4,c\n'
    assert texts(tmp_path / "a.csv", content) == ["a", b'2,"open', "b", "c"]


def test_a_column_that_nobody_put_into_quotes_keeps_its_commas(tmp_path: Path) -> None:
    assert texts(tmp_path / "a.csv", b'text\nno, really, no\n"a, b"\n') == [
        "no, really, no",
        "a, b",
    ]
