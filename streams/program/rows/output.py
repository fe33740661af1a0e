"""Where somebody's own rows go with their labels: a new file each time, put in place when whole.

The file follows from the rows of the input and from what the ledger knows of each: nothing else is
kept, so a run that was killed at any moment ends in the same file.
"""

from __future__ import annotations

import gzip
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from models.errors import Fatal
from streams.became import Became, RowLookup
from streams.program.folder import Folder
from streams.program.identity import Identities
from streams.program.reading import Columns, Row, Table, open_table
from streams.program.reading.delimited import Delimited
from streams.program.reading.jsonl import JsonLines
from streams.program.reading.tables import GZ, kind_of
from streams.program.rows.added import added_names
from streams.program.rows.delimited import OtherDelimited, SameDelimited
from streams.program.rows.jsonl import ToJsonLines
from streams.records import FileMark
from streams.stage import Log, outgoing
from streams.topology import MARKS


class _Writer(Protocol):
    def row(self, row: Row, became: Became) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Written:
    """How many rows came back, how many of them without a label, and in UTF-8 where the input is
    in an encoding that has not the letters of a label.
    """

    rows: int = 0
    unlabelled: int = 0
    utf8: bool = False

    def __add__(self, more: Written) -> Written:
        return Written(
            self.rows + more.rows, self.unlabelled + more.unlabelled, self.utf8 or more.utf8
        )


class RowsOut:
    """One output file of one input file."""

    def __init__(
        self, folder: Folder, texts: Path, wanted: Columns, out: Path, *, as_read: bool = False
    ) -> None:
        """`as_read`: a delimited file keeps its delimiter, whatever the output's name says."""
        self._folder, self._texts, self._wanted = folder, texts, wanted
        self._as_read = as_read
        self.path = out.absolute()
        self._part = self.path.with_name(f".{self.path.name}.part")

    def claim(self, log: Log) -> None:
        """Make sure, before anything is done, that the file is ours and can be written.

        Raises:
            Fatal: it holds something of somebody else's, or its folder cannot be written.
        """
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._part.touch()
            self._part.unlink()
            claimed(log, self.path, holds=self.path.exists() and self.path.stat().st_size > 0)

    def write(self) -> Written:
        """Write the file as things stand now, and put it in place.

        Raises:
            Fatal: the input or the output cannot be used any more.
        """
        with closing(open_table(self._texts, self._wanted)) as table:
            try:
                written = self._written(table, utf8=False)
            except UnicodeEncodeError:
                written = self._written(table, utf8=True)
        with writing(self.path):
            self._part.replace(self.path)
        return written

    def _written(self, table: Table, *, utf8: bool) -> Written:
        counts: Counter[bool] = Counter()
        identities = Identities(self._texts, table.columns)
        lookup = RowLookup(self._folder.ledger, self._folder.texts)

        def look(row: Row) -> Became:
            identity = identities.of(row)
            became = lookup.became(identity.id, identity.content)
            counts[became.label is not None] += 1
            return became

        with ExitStack() as stack:
            stack.enter_context(closing(identities))
            stack.enter_context(closing(lookup))
            stack.enter_context(writing(self.path))
            out = stack.enter_context(self._open())
            self._all(table, out, look, utf8=utf8)
        return Written(counts.total(), counts[False], utf8)

    def _all(
        self, table: Table, out: BinaryIO, look: Callable[[Row], Became], *, utf8: bool
    ) -> None:
        kind = kind_of(self.path)
        columns = _all_names(table)
        names = added_names(columns)
        if kind == "parquet":
            from streams.program.reading.parquet import ParquetTable
            from streams.program.rows.parquet import ToParquet, same_parquet

            if isinstance(table, ParquetTable):
                return same_parquet(table, out, names, look)
            writer: _Writer = ToParquet(out, columns, names)
        elif kind == "jsonl":
            writer = ToJsonLines(table, out, names)
        elif isinstance(table, Delimited) and (
            self._as_read or (kind == "tsv") == (table.dialect.delimiter == "\t")
        ):
            writer = SameDelimited(table, out, names, utf8=utf8)
        else:
            delimiter = "\t" if kind == "tsv" else ","
            writer = OtherDelimited(out, columns, names, delimiter=delimiter)
        for row in table.rows():
            writer.row(row, look(row))
        writer.close()

    @contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        with self._part.open("wb") as file:
            if self.path.suffix.lower() == GZ:
                # No time and no name in it: the same rows are the same bytes.
                with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
                    yield cast("BinaryIO", packed)
            else:
                yield file
            file.flush()
            os.fsync(file.fileno())


def _all_names(table: Table) -> list[str]:
    """Return the columns; of JSON Lines the names on top of every line, in order of appearance."""
    if not isinstance(table, JsonLines):
        return table.names
    names: dict[str, None] = {}
    for row in table.rows():
        names.update(dict.fromkeys(row.fields or ()))
    return list(names)


def claimed(log: Log, path: Path, *, holds: bool) -> None:
    """Make a place ours, which stays so. Raises `Fatal`: it is not, and `holds` something."""
    mark = FileMark(role="rows", path=str(path), bytes=0, rows=0)
    if log.newest(MARKS.name, mark.key.encode()) is not None:
        return
    if holds:
        raise Fatal(f"{path} holds something already: move it away, or name another --out")
    log.append([outgoing(MARKS, mark.key, mark)])


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Have what the disk says in one line of ours, as `Fatal`."""
    try:
        yield
    except OSError as error:
        raise Fatal(f"cannot write {path}: {error.strerror or error}") from None
