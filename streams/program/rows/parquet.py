"""Rows into Parquet: of such a file with their own types, of any other as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

import pyarrow as arrow
from pyarrow import parquet

from streams.became import Became
from streams.program.reading import Row
from streams.program.reading.parquet import ParquetTable
from streams.program.rows.added import values
from streams.program.rows.delimited import as_text

KINDS = (arrow.string(), arrow.float64(), arrow.string(), arrow.string(), arrow.string())
"""Of the added columns."""

BATCH = 5_000


def same_parquet(
    table: ParquetTable, out: BinaryIO, names: list[str], look: Callable[[Row], Became]
) -> None:
    """Write every batch as it stands, with columns behind its own; schema and metadata are kept."""
    fields = [arrow.field(name, kind) for name, kind in zip(names, KINDS, strict=True)]
    schema = arrow.schema([*table.schema, *fields], metadata=table.schema.metadata)
    with parquet.ParquetWriter(out, schema, compression=_compression(table)) as writer:
        for batch, rows in table.batches():
            added = [values(look(row)) for row in rows]
            columns = [*batch.columns, *_arrays(added)]
            writer.write_batch(arrow.record_batch(columns, schema=schema))


def _arrays(added: list[list[Any]]) -> list[Any]:
    columns = list(zip(*added, strict=True)) or [()] * len(KINDS)
    return [arrow.array(column, kind) for column, kind in zip(columns, KINDS, strict=True)]


def _compression(table: ParquetTable) -> str:
    about = table.file.metadata
    if not about.num_row_groups or not about.num_columns:
        return "snappy"
    found = str(about.row_group(0).column(0).compression).lower()
    return "none" if found == "uncompressed" else found


class ToParquet:
    """Columns of text; what was no text is JSON."""

    def __init__(self, out: BinaryIO, columns: list[str], names: list[str]) -> None:
        self._columns = columns
        own = [arrow.field(name, arrow.string()) for name in columns]
        more = [arrow.field(name, kind) for name, kind in zip(names, KINDS, strict=True)]
        self._schema = arrow.schema([*own, *more])
        self._writer: Any = parquet.ParquetWriter(out, self._schema)
        self._own: list[list[str | None]] = []
        self._added: list[list[Any]] = []

    def row(self, row: Row, became: Became) -> None:
        """Write a row; one that cannot be read stands in the first column."""
        if row.fields is None:
            unread = row.value.decode("utf-8", "replace")
            self._own.append([unread, *[None] * (len(self._columns) - 1)])
        else:
            self._own.append([as_text(row.fields.get(name)) for name in self._columns])
        self._added.append(values(became))
        if len(self._own) >= BATCH:
            self._flush()

    def close(self) -> None:
        """Write what is left and the file's end."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if not self._own:
            return
        own = [arrow.array(column, arrow.string()) for column in zip(*self._own, strict=True)]
        batch = arrow.record_batch([*own, *_arrays(self._added)], schema=self._schema)
        self._writer.write_batch(batch)
        self._own, self._added = [], []
