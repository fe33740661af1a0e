"""What a person reads of the label set, of one label, and of a change before it is made."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

from rich.table import Table

from streams.lookup import Heard
from streams.program.labels_list import Listed
from streams.program.labels_show import Shown
from streams.program.plain import brief
from streams.program.screen import cell, console, say

NAMED = 8
"""Labels that are shown by name in one line."""

EXAMPLE = 120


def all_of_them(found: Listed) -> None:
    """Print a table of all labels, and what became of others."""
    table = Table(title=f"model {found.version}", title_justify="left", title_style="bold")
    table.add_column("label", overflow="fold")
    table.add_column("name", overflow="fold")
    for column in ("exemplars", "gold", "learnt", "subset"):
        table.add_column(column, justify="right")
    table.add_column("added", no_wrap=True)
    for row in found.rows:
        when = "-"
        if row.added is not None:
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.added))
        numbers = (str(row.exemplars), str(row.gold), str(row.learnt), str(row.subset))
        table.add_row(cell(row.label), cell(row.name), *numbers, when)
    console.print(table)
    for old, now in sorted(found.renamed.items()):
        say(f"{old} is called {now} now.")
    if found.retired:
        say(f"Retired: {', '.join(found.retired)}.")
    if found.waiting:
        say(f"Waiting for the trainer: {', '.join(found.waiting)}.")


def one(found: Shown) -> None:
    """Print all about one label."""
    for line in lines(found):
        say(line)


def lines(found: Shown) -> Iterator[str]:
    """Tell it in lines."""
    row = found.row
    yield f"{row.label}{f' ({row.name})' if row.name != row.label else ''}"
    if found.earlier:
        yield f"  called before, or merged into it: {', '.join(found.earlier)}"
    yield f"  guide ({found.origin}, {found.guide.version}): {found.guide.text or 'none'}"
    yield (
        f"  examples in use: {row.exemplars}, {row.gold} of them gold; learnt beyond those of the"
        f" fit: {row.learnt}"
    )
    for text, gold in found.texts:
        yield f"    {'gold  ' if gold else '      '}{brief(text, EXAMPLE)}"
    yield f"  subset {row.subset}, with {_named(found.subset)}"
    yield (
        f"  given out lately: {found.share:.1%} of all; texts that have it now: {found.labelled};"
        f" held texts that may have it: {found.held}"
    )
    yield f"  where it was proposed and the classifier was sure: {_heard(found.audits)}"
    yield f"  where it was doubtful: {_heard(found.doubtful)}"
    if found.said_instead:
        yield f"  the judge said instead: {_counted(found.said_instead)}"
    if found.said_for:
        yield f"  the judge said it where these were proposed: {_counted(found.said_for)}"


def _heard(heard: Heard) -> str:
    if not heard.judged:
        return "the judge was not asked yet"
    share = heard.confirmed / heard.judged
    return f"confirmed by the judge {heard.confirmed} of {heard.judged} times ({share:.2f})"


def _counted(counts: Counter[str]) -> str:
    return _named([f"{label} {count}" for label, count in counts.most_common()])


def _named(labels: list[str]) -> str:
    shown = ", ".join(labels[:NAMED]) or "no other label"
    return f"{shown} and {len(labels) - NAMED} more" if len(labels) > NAMED else shown
