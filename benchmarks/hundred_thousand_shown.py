"""What *hundred_thousand* shows of its record."""

from __future__ import annotations

from typing import Any

from benchmarks.context import clock
from benchmarks.report import Check, Record, Shown, Table

ASKED_BYTES, ASKED_SECONDS, ASKED_GROWTH = 5.0, 0.3, 0.1
MIB = 2**20
ASKED, SETTLED = 100_000, 10_000


def _at(cell: dict[str, Any], texts: int, column: int) -> float:
    """A column of the samples when so many texts were classified."""
    return float(next((row[column] for row in cell["samples"] if row[1] >= texts), 0))


def _end(cell: dict[str, Any], column: int) -> float:
    rows = [row for row in cell["samples"] if row[2]]
    return float(rows[-1][column])


def _mib(size: float) -> str:
    return f"{size / MIB:.0f}"


def shown(record: Record) -> Shown:
    """Tables and checks, from the record alone."""
    [cell] = record["cells"]
    count = cell["texts"]
    rows = [
        [f"{texts:,}", clock(_at(cell, texts, 0)), *(_mib(_at(cell, texts, i)) for i in (2, 3, 4))]
        for texts in (min(SETTLED, count // 2), count // 2, count)
    ]
    whole = _mib(sum(cell["files"].values()))
    rows.append(["end", clock(_end(cell, 0)), _mib(_end(cell, 2)), _mib(_end(cell, 3)), whole])
    head = ["texts", "after", "resident, MiB", "anonymous, MiB", "folder, MiB"]
    less = "" if count == ASKED else f"Recorded with {count:,} texts, of {ASKED:,} that are asked."
    memory = Table("One run", head, rows, less)
    files = Table(
        "The folder, MiB",
        ["what", "fitted", "at the end", "bytes a text", "times the text"],
        [
            [
                name,
                f"{cell['fitted'].get(name, 0) / MIB:.1f}",
                f"{size / MIB:.1f}",
                f"{size / count:.0f}",
                f"{size / cell['text_bytes']:.1f}",
            ]
            for name, size in sorted(cell["files"].items(), key=lambda one: -one[1])
            if size >= MIB / 10
        ],
        f"A text has {cell['text_bytes'] / count:.0f} bytes in the mean, a line of the file "
        f"{cell['input_bytes'] / count:.0f}.",
    )
    times = Table(
        "Seconds of CPU",
        ["command", "whole process", "inside"],
        [
            [name, f"{value:.2f}", f"{cell['inside'][name]:.3f}" if name in cell["inside"] else ""]
            for name, value in cell["commands"].items()
        ],
    )
    kept = Table(
        "What is kept, without indexes and free pages",
        ["what", "records", "MiB", "bytes a text", "bytes a record"],
        [
            [
                name,
                f"{records:,}",
                f"{size / MIB:.1f}",
                f"{size / count:.0f}",
                f"{size / max(1, records):.0f}",
            ]
            for name, records, size in cell["kept"]
            if size >= MIB / 10
        ],
    )
    return Shown([memory, files, kept, times], _checks(cell))


def _checks(cell: dict[str, Any]) -> list[Check]:
    count = cell["texts"]
    first, last = _at(cell, min(SETTLED, count // 2), 2), _at(cell, count, 2)
    growth = last / first - 1 if first else 0.0
    grown = sum(cell["files"].values()) / cell["text_bytes"]
    checks = [
        Check(
            f"memory grows by less than {ASKED_GROWTH:.0%} after {SETTLED:,} texts",
            f"{growth:.0%}, {(last - first) / MIB:.0f} MiB",
            growth < ASKED_GROWTH,
        ),
        Check(
            f"the folder within {ASKED_BYTES:g} times the text",
            f"{grown:.0f} times",
            grown <= ASKED_BYTES,
        ),
    ]
    for name, value in cell["commands"].items():
        checks.append(
            Check(f"{name} under {ASKED_SECONDS:g} s", f"{value:.2f} s", value < ASKED_SECONDS)
        )
    return checks


def plot(record: Record, axes: Any) -> None:
    """Memory and the folder by texts."""
    [cell] = record["cells"]
    rows = [row for row in cell["samples"] if row[2]]
    texts = [row[1] for row in rows]
    axes[0].plot(texts, [row[2] / MIB for row in rows], label="resident")
    axes[0].plot(texts, [row[3] / MIB for row in rows], "--", label="anonymous")
    axes[1].plot(texts, [row[4] / MIB for row in rows], label="folder")
    limit = ASKED_BYTES * cell["text_bytes"] / cell["texts"] / MIB
    axes[1].plot(texts, [limit * done for done in texts], "--", label="5 times the text")
    for panel, title in zip(axes, ("memory, MiB", "var/, MiB"), strict=True):
        panel.set(xlabel="texts", title=title, ylim=(0, None))
        panel.legend(frameon=False)
