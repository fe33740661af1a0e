"""Parquet, through pyarrow; its own types are kept where rows come back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as arrow
from pyarrow import parquet

from models.errors import Fatal
from streams.program.reading.columns import Columns, chosen, repeats, shown
from streams.program.reading.files import Incomplete, is_gzipped, reading, unpacked
from streams.program.reading.jsonl import paths
from streams.program.reading.table import Row, named_path, without_infinities

BATCH = 1_000
"""Rows in memory at a time."""

MAGIC = b"PAR1"

UNREADABLE = (ValueError, OverflowError, LookupError)
"""What pyarrow raises for values that Python cannot hold, beside errors of its own."""


class ParquetTable:
    """Rows of a Parquet file. Columns of bytes are no part of a row: they travel nowhere."""

    def __init__(self, path: Path, wanted: Columns) -> None:
        """Raises `Fatal`: it cannot be read, or a column that was asked for is not there."""
        self.where = str(path)
        self.preamble = b""
        self.path = path
        packed = is_gzipped(path)
        with reading(path), _arrow_errors(path):
            self._unpacked: IO[bytes] | None = unpacked(path) if packed else None
            if self._unpacked is None:
                _whole(path)
            self.file = parquet.ParquetFile(self._unpacked or path)
        self.said = "Parquet" + (", gzipped" if packed else "")
        self.schema: Any = self.file.schema_arrow
        self.names = list(self.schema.names)
        self._rowlike = [f.name for f in self.schema if not _is_bytes(f.type)]
        rows = [row.fields or {} for row in next(self._batches(BATCH), [])]
        seen = paths(rows) if rows else dict.fromkeys(self.names, "")
        self.seen = shown(seen)
        names = [*self.names, *(name for name in seen if name not in self.names)]
        id_ = chosen("id", wanted, names, self.where, self.seen)
        if id_ and not wanted.id and id_.casefold() != "id":
            values = (named_path(row, id_) for row in rows)
            id_ = None if repeats(str(one) for one in values if one is not None) else id_
        text = chosen("text", wanted, names, self.where, self.seen)
        if text is None and len(names) == 1:
            text = names[0]
        label = chosen("label", wanted, names, self.where, self.seen)
        self.columns = Columns(text, label, id_)

    def rows(self) -> Iterator[Row]:
        """Return the rows from the first on."""
        for batch in self._batches(BATCH):
            yield from batch

    def batches(self) -> Iterator[tuple[Any, list[Row]]]:
        """Return record batches with all columns, each with its rows."""
        number = 0
        with _arrow_errors(self.path):
            for batch in self.file.iter_batches(batch_size=BATCH):
                rows = _rows(batch.select(self._rowlike), number)
                number += len(rows)
                yield batch, rows

    def close(self) -> None:
        """Close the file."""
        self.file.close()
        if self._unpacked is not None:
            self._unpacked.close()

    def _batches(self, size: int) -> Iterator[list[Row]]:
        number = 0
        with _arrow_errors(self.path):
            for batch in self.file.iter_batches(batch_size=size, columns=self._rowlike):
                rows = _rows(batch, number)
                number += len(rows)
                yield rows


def _rows(batch: Any, before: int) -> list[Row]:
    try:
        read: list[tuple[dict[str, Any], str | None]] = [(one, None) for one in batch.to_pylist()]
    except UNREADABLE:
        read = [_value_by_value(batch, place) for place in range(batch.num_rows)]
    found = []
    for number, (fields, wrong) in enumerate(read, before + 1):
        value = json.dumps(without_infinities(fields), ensure_ascii=False, default=str)
        raw = value.encode("utf-8", "replace")
        found.append(Row(number, raw, None if wrong else fields, raw, wrong=wrong))
    return found


def _value_by_value(batch: Any, place: int) -> tuple[dict[str, Any], str | None]:
    """Return a row without the values that Python has not (a moment of the year 300,000), and why
    it is none where a text of it is no UTF-8.
    """
    fields: dict[str, Any] = {}
    wrong = None
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            fields[name] = column[place].as_py()
        except UnicodeDecodeError:
            fields[name], wrong = None, f"column {name!r} is not UTF-8"
            if isinstance(column[place], arrow.StringScalar | arrow.LargeStringScalar):
                fields[name] = column[place].as_buffer().to_pybytes().decode("utf-8", "replace")
        except UNREADABLE:
            fields[name] = None
    return fields, wrong


def _is_bytes(kind: Any) -> bool:
    types = arrow.types
    return bool(
        types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)
    )


def _whole(path: Path) -> None:
    """Raises `Incomplete`: its end is not there (yet)."""
    with path.open("rb") as file:
        begins = file.read(4) == MAGIC
        size = file.seek(0, 2)
        file.seek(max(0, size - 4))
        if begins and (size < 12 or file.read(4) != MAGIC):
            raise Incomplete(f"{path} is cut off: a Parquet file ends otherwise")
        if not begins:
            raise Fatal(f"{path} is no Parquet file")


@contextmanager
def _arrow_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except arrow.ArrowException as error:
        raise Fatal(f"cannot read {path}: {str(error).splitlines()[0]}") from None
