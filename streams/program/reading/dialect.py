"""How a delimited file is written: what divides its cells, and whether its first row names them."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass

from streams.program.reading.columns import find

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
LOOKED_AT = 50
"""Rows from which the delimiter is told."""

SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
"""What spreadsheets put before the header."""

LONGEST_NAME, MOST_WORDS = 60, 6


@dataclass(frozen=True)
class Dialect:
    """`separator_line`: the file begins with one; `header`: the next row names the columns."""

    delimiter: str
    header: bool
    names: list[str]
    separator_line: bool = False


def dialect_of(sample: str, *, tabs: bool, asked: set[str]) -> Dialect:
    """Tell from the beginning of a file. `tabs`: its name says so; `asked`: names asked for."""
    said = SEPARATOR_LINE.match(sample)
    if said:
        sample = sample[said.end() :]
    found = said[1] if said and said[1] in DELIMITERS else _delimiter(sample, tabs=tabs)
    delimiter = found or ("\t" if tabs else ",")
    first = next(iter(_rows(sample, delimiter)), [])
    if not found and len(first) > 1:
        first = sample.lstrip("\r\n").splitlines()[:1]
    header = _is_header(first, asked)
    names = first if header else [str(number) for number in range(1, len(first) + 1)]
    return Dialect(delimiter, header, _apart(names), bool(said))


def _rows(sample: str, delimiter: str) -> list[list[str]]:
    found = []
    try:
        for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter):
            if row:
                found.append(row)
            if len(found) > LOOKED_AT:
                break
    except csv.Error:
        pass
    return found


def _delimiter(sample: str, *, tabs: bool) -> str | None:
    """Return what divides the first row and then the others into as many cells; None: nothing."""
    best, most = None, (False, 0.0, 0)
    for delimiter in DELIMITERS:
        rows = _rows(sample, delimiter)
        cells = len(rows[0]) if rows else 0
        said_so = tabs and delimiter == "\t"
        if cells < 2:
            continue
        alike = sum(len(row) == cells for row in rows) / len(rows)
        if alike < 0.5 and not (said_so or find("text", rows[0])):
            continue  # a comma in somebody's sentence
        score = (said_so, round(alike, 2), cells)
        if score > most:
            best, most = delimiter, score
    return best


def _is_header(cells: list[str], asked: set[str]) -> bool:
    """Tell whether a first row names columns: short, different, no numbers, no sentences."""
    names = [cell.strip() for cell in cells]
    if asked & set(names) or any(find(role, names) for role in ("text", "label")):
        return True
    given = [name for name in names if name]
    return (
        len(given) >= max(1, len(names) - 1)  # an index has no name
        and len(set(given)) == len(given)
        and not any(re.fullmatch(r"[-+\d.,:/\s]+", name) for name in given)
        and all(len(name) <= LONGEST_NAME and len(name.split()) <= MOST_WORDS for name in given)
        and not any(re.search(r"[.!?]\s|[.!?]$", name) for name in given)
        and (len(given) > 1 or len(given[0].split()) <= 2)
    )


def _apart(names: list[str]) -> list[str]:
    """Return names of which none is empty and none stands twice."""
    found: list[str] = []
    for number, name in enumerate(names, 1):
        plain = name.strip() or str(number)
        apart, more = plain, 1
        while apart in found:
            more += 1
            apart = f"{plain} {more}"
        found.append(apart)
    return found
