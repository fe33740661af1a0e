"""Every file that somebody gives, whatever it holds, and the pipe."""

from __future__ import annotations

import gzip
import io
import json
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import cache, partial
from pathlib import Path

import pyarrow as arrow
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pyarrow import parquet

from judge.guides.file import load_guides
from models.errors import RedstreamError
from streams.embedded.log import SqliteLog
from streams.incoming import read_text
from streams.program.examples import read_examples, read_examples_of, read_labels
from streams.program.folder_source import FolderSource
from streams.program.gold import read_gold, read_gold_texts, read_recorded
from streams.program.pipe_source import StandardInput
from streams.program.reading import Columns
from streams.stage import Delivered, Outgoing
from streams.topology import MARKS
from streams.wire import content_of
from tests.hostile.boundary import Boundary, Unanswered, answered
from tests.hostile.given import almost_json, any_bytes, damaged, odd_texts, odd_values

MOST_ROWS = 100_000


@cache
def seeds() -> dict[str, tuple[bytes, ...]]:
    """Whole files of each kind, to be damaged."""
    rows = [{"id": f"r{n}", "text": f"words {n}", "label": "abc"[n % 3]} for n in range(6)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    cells = "id,text,label\r\n" + "".join(f'r{n},"words, ""{n}""",a\r\n' for n in range(6))
    tabs = cells.replace(",", "\t")
    return {
        ".jsonl": (lines.encode(), gzip.compress(lines.encode()), lines.encode("utf-16")),
        ".csv": (cells.encode(), b"sep=;\n" + cells.replace(",", ";").encode("cp1252")),
        ".tsv": (tabs.encode(),),
        ".parquet": (tables(rows), tables(rows, compression="none", use_dictionary=False)),
        ".txt": (lines.encode(), cells.encode()),
    }


def tables(rows: list[dict[str, str]], **how: object) -> bytes:
    file = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist(rows), file, **how)
    return file.getvalue()


def _column(kind: arrow.DataType) -> arrow.Array:
    """Values at the ends of what a type can hold."""
    width = kind.bit_width
    ends = [0, 1, -1, 2 ** (width - 1) - 1, -(2 ** (width - 1))]
    if arrow.types.is_unsigned_integer(kind):
        ends = [0, 1, 2**width - 1]
    elif arrow.types.is_temporal(kind):
        numbers = arrow.int64() if width == 64 else arrow.int32()
        return arrow.array(ends[-2:] * 2, numbers).view(kind)
    return arrow.array([ends[-1], *ends[:2], None], kind)


KINDS = (
    *(arrow.int64(), arrow.uint64(), arrow.timestamp("s"), arrow.timestamp("ns", "UTC")),
    *(arrow.timestamp("us", "No/Where"), arrow.date64(), arrow.date32(), arrow.duration("s")),
    arrow.time64("ns"),
)


@st.composite
def odd_tables(draw: st.DrawFn) -> bytes:
    """Parquet files with types that JSON has not, names twice, values out of range, no UTF-8."""
    texts = [b"printer", draw(st.sampled_from([b"\xff\xfe", b"", b"jam", b"\x00"])), b"a", None]
    columns = [arrow.array(texts, arrow.binary()).view(arrow.string())]
    names = ["text"]
    for number in range(draw(st.integers(0, 3))):
        columns.append(_column(draw(st.sampled_from(KINDS))))
        names.append(draw(st.sampled_from(["text", "id", "a", "", "id.x", f"c{number}"])))
    nested = draw(st.integers(0, 3))
    if nested == 1:
        columns.append(arrow.array([{"a": b"\xff"}, None, {"a": b""}, {}]))
    elif nested == 2:
        columns.append(arrow.array([[("k", 1)], None, [], []], arrow.map_("string", "int64")))
    if nested in (1, 2):
        names.append(draw(st.sampled_from(["id", "more", "text"])))
    table = arrow.Table.from_arrays(columns, names=names)
    file = io.BytesIO()
    try:
        parquet.write_table(table, file)
    except arrow.ArrowException:
        return b"PAR1PAR1"
    return file.getvalue()


def lines() -> SearchStrategy[bytes]:
    """Lines of which some are JSON."""
    values = st.dictionaries(st.sampled_from(["id", "text", "label", "a.b", ""]), odd_values)
    dumps = values.map(lambda value: json.dumps(value).encode("utf-8", "replace"))
    line = st.one_of(dumps, almost_json, st.binary(max_size=30))
    return st.lists(line, max_size=8).map(b"\n".join)


def cells() -> SearchStrategy[bytes]:
    """Rows of cells, not always as many."""
    cell = st.one_of(odd_texts, st.sampled_from(['"', '""', '"a', 'a"b', "text", "id", "label"]))
    row = st.tuples(st.sampled_from(",;\t|"), st.lists(cell, max_size=5)).map(
        lambda made: made[0].join(made[1])
    )
    codec = st.sampled_from(["utf-8", "cp1252", "utf-16", "latin-1"])
    ended = st.tuples(st.sampled_from(["\n", "\r\n", "\r", "\n\n"]), st.lists(row, max_size=8))
    return st.builds(lambda made, how: made[0].join(made[1]).encode(how, "replace"), ended, codec)


@st.composite
def given_files(draw: st.DrawFn) -> tuple[str, bytes]:
    """A name's end and what is in the file."""
    suffix = draw(st.sampled_from(list(seeds())))
    kind = draw(st.integers(0, 4))
    if kind == 0:
        return suffix, draw(any_bytes)
    if kind == 1:
        return suffix, draw(lines())
    if kind == 2:
        return suffix, draw(cells())
    if kind == 3:
        return ".parquet", draw(odd_tables())
    content = draw(damaged(draw(st.sampled_from(seeds()[suffix]))))
    return suffix, gzip.compress(content) if draw(st.integers(0, 9)) == 0 else content


Reads = Callable[[Path], object]


def written(reads: Reads, given: tuple[str, bytes]) -> str:
    """Put something into a file and have it read."""
    suffix, content = given
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"given{suffix}"
        path.write_bytes(content)
        return answered(lambda: reads(path))


class NoMarks:
    """A log in which nothing was noted."""

    def newest(self, topic: str, key: bytes) -> Delivered | None:
        return None


def drained(source: FolderSource | StandardInput) -> None:
    """Take all; each record must be a text or have a reason why not."""
    rows = 0
    while not source.exhausted:
        for record in source.take(64):
            if record.topic != MARKS.name:
                rows += 1
                _text_or_reason(record, rows)
        if rows > MOST_ROWS:
            raise Unanswered("a small file without an end")


def _text_or_reason(record: Outgoing, row: int) -> None:
    try:
        text = read_text(record.value, f"texts/0/{row}", record.headers, max_text=2_000)
    except RedstreamError:
        return
    content_of(text.text)
    text.encode()


def texts_of(path: Path) -> None:
    with closing(FolderSource(path, NoMarks(), Columns(), follow=False)) as source:
        drained(source)


def texts_beside(path: Path) -> None:
    """In a folder, beside one that is whole."""
    (path.parent / "whole.jsonl").write_text('{"text": "a whole one"}\n')
    (path.parent / "\udcff.csv").write_text("text\na name that is no UTF-8\n")
    with closing(FolderSource(path.parent, NoMarks(), Columns(), follow=False)) as source:
        drained(source)


def piped(given: tuple[str, bytes]) -> str:
    file = io.BytesIO(given[1])

    def run() -> None:
        with closing(StandardInput(lambda limit: file.read(min(limit, 1_000)))) as source:
            drained(source)

    return answered(run)


def databases(given: bytes) -> str:
    """A log that somebody has changed."""

    def opened(path: Path) -> None:
        with closing(SqliteLog(path, read_only=True)) as log:
            log.read_from(MARKS.name, 0, 10)

    return written(opened, (".sqlite", given))


GUIDES = b'# Label guides\n\n## card_lost\nName: lost card\n\nIt is gone.\n\n## "a b"\nText.\n'

guides = st.one_of(
    damaged(GUIDES),
    st.lists(odd_texts).map(lambda all_: "\n## ".join(all_).encode("utf-8", "replace")),
)

FILES = (
    Boundary("file of texts", given_files(), partial(written, texts_of), 2),
    Boundary("folder of texts", given_files(), partial(written, texts_beside)),
    Boundary("pipe", given_files(), piped),
    Boundary("file of examples", given_files(), partial(written, read_examples)),
    Boundary(
        "file of a label's examples",
        given_files(),
        partial(written, partial(read_examples_of, "a")),
    ),
    Boundary("file of labels", given_files(), partial(written, read_labels)),
    Boundary("file of gold labels", given_files(), partial(written, read_gold)),
    Boundary("file of gold texts", given_files(), partial(written, read_gold_texts)),
    Boundary("file of recorded answers", given_files(), partial(written, read_recorded)),
    Boundary(
        "file of guides",
        guides.map(lambda content: (".md", content)),
        partial(written, lambda path: load_guides(path, {"card_lost": "lost card"})),
    ),
)
