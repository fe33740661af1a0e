"""Records as JSON, and tables that are printed and put on the page alike."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.data import BadData

Record = dict[str, Any]
"""One benchmark's results; `cells` is what was measured, the rest says on what and with what."""


KEYS = ("mean", "low", "high")
"""Of an interval in a record."""


@dataclass(frozen=True)
class Table:
    """Ready to be shown: everything is text already. `note` is a sentence below."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Check:
    """A figure that was asked for, what was found, and whether that reaches it."""

    asked: str
    found: str
    reached: bool


@dataclass(frozen=True)
class Shown:
    """What a benchmark makes of its record."""

    tables: Sequence[Table] = ()
    checks: Sequence[Check] = field(default_factory=tuple)


def path_of(out: Path, benchmark: str) -> Path:
    """Where a benchmark's record lies."""
    return out / f"{benchmark}.json"


def save(out: Path, record: Record) -> None:
    """Write a record whole or not at all."""
    out.mkdir(parents=True, exist_ok=True)
    path = path_of(out, record["benchmark"])
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False, default=_plain)
    unfinished.write_text(_short_lists(text) + "\n", encoding="utf-8")
    unfinished.replace(path)


def load(out: Path, benchmark: str) -> Record | None:
    """A benchmark's record, None where there is none. Raises `BadData` for a damaged one."""
    path = path_of(out, benchmark)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BadData(f"{path} is damaged ({error}): run the benchmark again") from None
    if not isinstance(record, dict) or record.get("benchmark") != benchmark:
        raise BadData(f"{path} is no record of {benchmark}: run the benchmark again")
    return record


def _plain(value: Any) -> Any:
    if isinstance(value, np.floating):
        return round(float(value), 6)
    if isinstance(value, np.integer):
        return int(value)
    raise TypeError(f"{type(value)} in a record")


def _short_lists(text: str) -> str:
    """Lists of numbers on one line, so that a change in a record is read at a glance."""
    return re.sub(r"\[\s+([-\d.e+,\s]+?)\s+\]", _one_line, text)


def _one_line(found: re.Match[str]) -> str:
    return "[" + " ".join(found[1].split()) + "]"


def show(console: Console, shown: Shown) -> None:
    """Print tables and checks."""
    for table in shown.tables:
        rich = RichTable(title=table.title, caption=table.note or None, title_justify="left")
        for number, name in enumerate(table.header):
            rich.add_column(name, justify="left" if number == 0 else "right")
        for row in table.rows:
            rich.add_row(*row)
        console.print(rich)
    for check in shown.checks:
        mark = "[green]reached[/green]" if check.reached else "[yellow]not reached[/yellow]"
        console.print(f"{mark}: asked {check.asked}; found {check.found}", highlight=False)


def share(value: float) -> str:
    """A proportion as it is written in this project: .943."""
    text = f"{value:.4f}"
    return text[1:] if text.startswith("0") else text.replace("-0", "-")


def points(interval: dict[str, float | None]) -> str:
    """A difference of proportions in points: +.31 (+.05 to +.57); without bounds for one draw."""
    mean, low, high = (100 * v if v is not None else None for v in map(interval.get, KEYS))
    if mean is None:
        return ""
    known = low is not None and high is not None
    return f"{mean:+.2f}" + (f" ({low:+.2f} to {high:+.2f})" if known else "")


def mean(values: Iterable[float | None]) -> float:
    """Of what there is; not a number where there is nothing."""
    known = [float(v) for v in values if v is not None]
    return sum(known) / len(known) if known else math.nan


def rounded(values: Iterable[float], digits: int = 6) -> list[float | None]:
    """As a record keeps them: None for what could not be computed."""
    return [round(float(v), digits) if math.isfinite(v) else None for v in values]
