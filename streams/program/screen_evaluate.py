"""What a person sees of an evaluation in the terminal: the short of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from streams.program.evaluate.words import counted, interval, many, percent
from streams.program.screen import console, say

if TYPE_CHECKING:
    from streams.program.evaluate import findings as f

WORST = 5
"""Labels and pairs that are named."""


def evaluated(found: f.Evaluation) -> None:
    """Print how right a folder is."""
    about = found.about
    if about.never_seen:
        say(f"{many(about.never_seen, 'gold label')} of texts that never came are left out.")
    if about.unknown_labels:
        say(f"Gold labels that the model does not have: {', '.join(about.unknown_labels[:WORST])}.")
    if about.waiting:
        say(f"{many(about.waiting, 'text')} are not decided about yet, and count as wrong.")
    if not about.compared:
        say("No text of the stream has a gold label: there is nothing to compare.")
        return
    console.print(_accuracy(found.accuracy))
    _labels(found)
    _confidence(found)
    for event in found.course.events:
        if event.kind == "drift":
            say(f"Drift after {many(event.place, 'text')}: {event.told}.")


def _accuracy(found: f.Accuracy) -> Table:
    table = Table(title="Right, beside gold labels", title_justify="left", title_style="bold")
    table.add_column("decided by")
    table.add_column("right", justify="right")
    table.add_column("95% interval, in %", justify="right")
    table.add_row("classifier", counted(found.classifier), interval(found.classifier))
    table.add_row("judge", counted(found.judge), interval(found.judge))
    if found.person.whole:
        table.add_row("person", counted(found.person), interval(found.person))
    table.add_row("undecided, held", f"{found.undecided:,}", "")
    if found.waiting:
        table.add_row("not decided yet", f"{found.waiting:,}", "")
    table.add_section()
    table.add_row("all", counted(found.all), interval(found.all))
    return table


def _labels(found: f.Evaluation) -> None:
    worst = [one for one in found.labels if one.right.part < one.right.whole][:WORST]
    if worst:
        told = ", ".join(f"{one.label} {one.right.part} of {one.right.whole}" for one in worst)
        say(f"Worst of {many(len(found.labels), 'label')}: {told}.")
    pairs = found.confusions.worst[:WORST]
    if pairs:
        told = "; ".join(f"{one.gold} taken for {one.given} {one.texts}" for one in pairs)
        say(f"Most taken for another: {told}.")


def _confidence(found: f.Evaluation) -> None:
    first, unasked = found.calibration.first_answer, found.accuracy.unasked
    target = f"{found.about.target:g}"
    say(
        f"Unasked, right: {counted(unasked)}; the target is {target}."
        f" Judged: {percent(found.accuracy.judged_share.value)} of the texts."
    )
    if first.ece is not None:
        say(
            f"The classifier's own first answer is right in"
            f" {percent(found.accuracy.first_answer.value)}; what it states is off by"
            f" {100 * first.ece:.1f} points (ECE)."
        )
