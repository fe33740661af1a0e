"""What a person sees in the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.figures import RECENT_VERSIONS
from streams.program import screen_rounds
from streams.program.plain import visible
from streams.program.screen_drift import drifted
from streams.program.screen_judge import standing, without_verdict, worth
from streams.program.screen_progress import Progress
from streams.program.screen_target import promised
from streams.records import Authority, DeadLetter

if TYPE_CHECKING:
    from streams.program.grades import Grades
    from streams.program.run import Sight
    from streams.program.settings import Settings
    from streams.program.summary import Summary

PLAIN_SECONDS = 5.0
"""Seconds between two progress lines where the output is no terminal."""

JUDGES = {
    "local": "the local judge (weighs neighbours; no LLM)",
    "simulated": "a SIMULATED judge (knows the gold labels and errs on purpose; no LLM)",
}

TAKEN_BACK = {
    "gate": "refused, since they made the model worse (`redstream models list`)",
    "drift": "forgotten, since their labels have changed",
    "review": "taken back by a person",
}
"""Why lessons are no more, by who took them back."""

console = Console(highlight=False)


def say(message: str) -> None:
    """Print one line; what may be in it from outside does the terminal no harm."""
    console.print(visible(message), markup=False)


def cell(words: object, style: str = "") -> Text:
    """Return what may come from outside, for a table: on one line, and markup is text in it."""
    return Text(visible(str(words), lines=False), style)


@contextmanager
def steps() -> Iterator[Callable[[str, float], None]]:
    """Show the steps of a long piece of work, each with the time it was reached."""
    started = time.monotonic()
    last = ""

    def step(name: str, _: float) -> None:
        nonlocal last
        if name != last:
            console.print(cell(f"{time.monotonic() - started:5.1f} s", "dim"), cell(name), sep="  ")
            last = name

    yield step


def announce(settings: Settings, texts: str) -> None:
    """Say what is about to run."""
    from streams.program.llm_settings import where

    judge = JUDGES.get(settings.judge) or f"the LLM {settings.llm_model} at {where(settings)}"
    say(f"Labelling {texts} with {judge}.")


@contextmanager
def watching() -> Iterator[Callable[[Sight], None]]:
    """Keep one live line on a terminal; elsewhere print a line now and then."""
    progress, printed, shown = Progress(), -PLAIN_SECONDS, ""
    live = console.status("starting") if console.is_terminal else None
    if live:
        live.start()

    def watch(sight: Sight) -> None:
        nonlocal printed, shown
        now = time.monotonic()
        line = progress.line(now, sight)
        for told in progress.told(sight.news):
            say(told)
        if live:
            live.update(cell(line))
        elif now - printed >= PLAIN_SECONDS and (known := progress.known(sight)) != shown:
            printed, shown = now, known
            console.print(cell(line), soft_wrap=True)

    try:
        yield watch
    finally:
        if live:
            live.stop()


def summary(found: Summary, grades: Grades | None, settings: Settings, out: Path | None) -> None:
    """Print how things stand."""
    counts = found.counts
    table = Table(title=cell(settings.var, "bold"), title_justify="left")
    table.add_column("decided by")
    table.add_column("texts", justify="right")
    if grades:
        table.add_column("right (gold)", justify="right")
    for authority in Authority:
        if counts.labeled[authority] or authority is not Authority.PERSON:
            right = [grades.right[authority].plain] if grades else []
            table.add_row(str(authority), str(counts.labeled[authority]), *right)
    table.add_row("undecided, held", str(counts.held), *(["-"] if grades else []))
    table.add_section()
    overall = [grades.overall.plain] if grades else []
    table.add_row("all", str(sum(counts.labeled.values()) + counts.held), *overall)
    console.print(table)
    _facts(found, settings)
    _rounds(found, grades, settings)
    if grades:
        _graded(grades, counts.learnt)
    if out:
        say(f"Labelled events: {out}")


def _facts(found: Summary, settings: Settings) -> None:
    counts = found.counts
    say(
        f"Judge: {counts.calls} calls, {counts.tokens} tokens"
        f"{f' ({found.estimated} estimated)' if found.estimated else ''},"
        f" about {counts.judged} doubtful texts"
        f" and {counts.audited} audits; {counts.accepted} accepted,"
        f" {counts.for_a_person} wait for a person."
    )
    if found.no_verdicts:
        say(without_verdict(found.no_verdicts))
    for line in standing(found.judge) if found.judge else ():
        say(line)
    if found.manifest and found.manifest.trust:
        say(f"{worth(found.manifest.trust)} {_unheeded(found)}")
    if found.manifest:
        say(promised(found.manifest))
    taught = ", ".join(f"{label} {n}" for label, n in found.lessons.most_common(5))
    say(
        f"Taught: {found.lessons.total()} texts under {len(found.lessons)} labels"
        f"{f' (most: {taught})' if taught else ''}; the model is at version {counts.version}."
    )
    if found.manifest:
        say(f"Its encoder: {found.manifest.called}.")
    if found.taken_back:
        by = ", ".join(_taken_back(who, n) for who, n in found.taken_back.most_common())
        say(f"Taken back: {by}.")
    if found.noticed > len(found.drifts):
        say(f"Drift was noticed {found.noticed} times; the latest:")
    for event in found.drifts:
        for line in drifted(event):
            say(line)
    if found.repeats:
        say(f"Repeats dropped: {found.repeats}.")
    if counts.dead:
        say(f"Dead letters: {counts.dead}. See `redstream deadletters list --var {settings.var}`.")
    if found.backlog:
        waiting = ", ".join(f"{stage} {n}" for stage, n in found.backlog.items())
        who = "The workers go" if settings.kafka else "`redstream run` goes"
        say(f"Still waiting in the log: {waiting}. {who} on with it.")


def _taken_back(who: str, count: int) -> str:
    return f"{count} {TAKEN_BACK.get(who, f'by {who}')}"


def _unheeded(found: Summary) -> str:
    return (
        f"{found.outweighed} of them did not outweigh the classifier; {found.spared} doubtful"
        " texts went out unasked, where an answer was worth nothing."
    )


def _rounds(found: Summary, grades: Grades | None, settings: Settings) -> None:
    if found.counts.rechecked:
        say(
            f"Held texts examined again for the last {RECENT_VERSIONS} versions:"
            f" {found.counts.rechecked}, of which {found.counts.resolved} have a label now."
        )
    if found.rounds:
        console.print(screen_rounds.table(found.rounds, grades.rounds if grades else None))
        if over := screen_rounds.why_over(found.rounds[-1], settings.rounds):
            say(over)


def _graded(grades: Grades, learnt: int) -> None:
    if learnt:
        say(f"Of what the judge taught, right: {grades.lessons_right.plain}.")
    table = Table(title="By quarter of the stream", title_justify="left", title_style="bold")
    table.add_column("quarter")
    table.add_column("judged", justify="right")
    table.add_column("classifier's own first answer right", justify="right")
    for number, quarter in enumerate(grades.quarters, 1):
        table.add_row(str(number), quarter.judged.plain, quarter.proposed_right.plain)
    console.print(table)


def dead_letters(found: Sequence[DeadLetter]) -> None:
    """Print a table of dead letters."""
    if not found:
        say("No dead letters.")
        return
    table = Table()
    for column in ("position", "stage", "error", "message", "bytes"):
        table.add_column(column, overflow="fold")
    for letter in found:
        size = len(letter.original())
        table.add_row(
            *map(cell, (letter.position, letter.stage, letter.error, letter.message, size))
        )
    console.print(table)
