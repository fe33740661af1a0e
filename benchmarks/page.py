"""docs/benchmarks.md, from the records alone: no number is written here by hand."""

from __future__ import annotations

from pathlib import Path

from benchmarks import registry
from benchmarks.context import clock
from benchmarks.data import BadData
from benchmarks.report import Record, Shown, Table, load, path_of

TOP = """\
# What was measured

This page is written by `python -m benchmarks page` from the records in `benchmarks/results/`; do
not edit it. `make bench` runs everything anew.

Every method reads the same vectors and gets the same information. Draws are paired, their seeds
fixed; each choice (C, temperature, weights) is made on training examples, no test set is tuned on.
*Flat* is logistic regression on the vectors, C and one temperature chosen by held-out log loss,
with the labels' names as one more example each, as the recipe has them. *Recipe* is the classifier
of this project. Intervals are 95%, over draws and texts together. Where a baseline wins, the table
says so; what was asked for and not reached is listed as such.
"""

MIXED = """\
**The sections below were not all measured with the same `models/`:** the small print of each names
its version. Numbers of different versions are not to be compared with one another.
"""


def write_page(out: Path, docs: Path) -> Path:
    """Write the page beside the folder `plots`; its path. Raises `BadData` for damaged records."""
    parts = [TOP]
    codes: set[str] = set()
    for benchmark in registry.BENCHMARKS:
        record = load(out, benchmark.NAME)
        if record is None:
            parts.append(f"## {benchmark.NAME}\n\nNot run yet: {benchmark.SUMMARY}.\n")
            continue
        codes.add(record.get("models", ""))
        plot = docs / "plots" / f"{benchmark.NAME}.svg"
        try:
            shown = benchmark.shown(record)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise BadData(
                f"{path_of(out, benchmark.NAME)} is of another version ({error!r}): run the "
                "benchmark again, or remove it"
            ) from error
        parts.append(_section(benchmark.NAME, benchmark.SUMMARY, record, shown, plot.is_file()))
    if len(codes) > 1:
        parts.insert(1, MIXED)
    docs.mkdir(parents=True, exist_ok=True)
    path = docs / "benchmarks.md"
    path.write_text("\n".join(parts), encoding="utf-8")
    return path


def _section(name: str, summary: str, record: Record, shown: Shown, plot: bool) -> str:
    lines = [f"## {name}", "", f"{summary[0].upper()}{summary[1:]}.", ""]
    if not record["complete"]:
        lines += ["**Incomplete:** the run was interrupted; what follows is what it had.", ""]
    for table in shown.tables:
        lines += _table(table)
    if shown.checks:
        lines += ["| asked | found | |", "| --- | --- | --- |"]
        lines += [
            f"| {c.asked} | {c.found} | {'reached' if c.reached else '**not reached**'} |"
            for c in shown.checks
        ]
        lines.append("")
    if plot:
        lines += [f"![{name}](plots/{name}.svg)", ""]
    lines += [f"- {note}" for note in record["notes"]]
    lines += [""] * bool(record["notes"])
    return "\n".join([*lines, _origin(record), ""])


def _table(table: Table) -> list[str]:
    rule = ["---", *["---:"] * (len(table.header) - 1)]
    rows = [table.header, rule, *table.rows]
    lines = [f"**{table.title}**", "", *("| " + " | ".join(row) + " |" for row in rows), ""]
    return [*lines, table.note, ""] if table.note else lines


def _origin(record: Record) -> str:
    machine, versions = record["machine"], record["versions"]
    sets = "; ".join(
        f"{name}: {about['labels']:,} labels, {about['train']:,} / {about['test']:,} texts"
        for name, about in record["sets"].items()
    )
    said = ", ".join(f"{k} {v}" for k, v in versions.items())
    settings = ", ".join(f"{k} {v}" for k, v in record["settings"].items())
    return (
        f"<sub>{sets}. {settings}. {clock(record['seconds'])} on {machine['cores']} cores "
        f"({machine['cpu']}), one thread. Encoder {record['encoder']['name']} "
        f"`{record['encoder']['identity']}`, models `{record['models']}`; {said}.</sub>"
    )
