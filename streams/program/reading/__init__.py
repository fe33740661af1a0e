"""Files that people have: CSV, TSV, JSON Lines and Parquet, as rows (`open_table`)."""

from streams.program.reading.columns import ASKED_BY_NAME, Columns
from streams.program.reading.files import Incomplete
from streams.program.reading.table import Row, Table, named_path, required, understood
from streams.program.reading.tables import SUFFIXES, open_table, readable, table_of_lines

__all__ = [
    "ASKED_BY_NAME",
    "SUFFIXES",
    "Columns",
    "Incomplete",
    "Row",
    "Table",
    "named_path",
    "open_table",
    "readable",
    "required",
    "table_of_lines",
    "understood",
]
