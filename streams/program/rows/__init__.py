"""Somebody's own rows, as they stand in their file, with what became of them (`RowsOut`)."""

from streams.program.rows.folder import RowsOutFolder
from streams.program.rows.output import RowsOut, Written
from streams.program.rows.where import rows_out

__all__ = ["RowsOut", "RowsOutFolder", "Written", "rows_out"]
