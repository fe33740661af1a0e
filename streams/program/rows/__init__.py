"""Somebody's own rows, as they stand in their file, with what became of them (`RowsOut`)."""

from streams.program.rows.output import RowsOut, Written, rows_out

__all__ = ["RowsOut", "Written", "rows_out"]
