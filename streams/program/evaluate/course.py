"""The figures along the stream, with what happened meanwhile."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise

from models.measures import Rate as Counted
from streams.program.evaluate import findings as f
from streams.program.evaluate.reading import Case, Known, Read
from streams.program.screen_drift import what
from streams.records import LabelCommand

WINDOWS, LEAST = 20, 25
"""Windows at most, and the fewest gold texts of one."""

VERSIONS = 300
"""Versions that are kept of many, evenly, and the last."""


def course(found: Read, texts: bool) -> f.Course:
    """Return windows of equally many gold texts, events and versions by place in the stream."""
    versions = found.versions
    step = -(-len(versions) // VERSIONS) or 1
    kept = versions[::step] + (versions[-1:] if versions and (len(versions) - 1) % step else [])
    return f.Course(
        windows=list(_windows(found)),
        events=sorted(_events(found, texts), key=lambda event: event.at),
        versions=[
            f.Published(
                number=one.number,
                place=_place(found, one.at),
                labels=one.labels,
                learnt=one.learnt,
                threshold=one.threshold,
            )
            for one in kept
        ],
    )


def _place(found: Read, at: float) -> int:
    """Return how many texts had been decided about at a time."""
    return bisect_right(found.decided, at)


def _windows(found: Read) -> Iterator[f.Window]:
    cases = found.cases
    count = max(1, min(WINDOWS, len(cases) // LEAST))
    ends = [len(cases) * n // count for n in range(count + 1)]
    for start, end in pairwise(ends):
        if some := cases[start:end]:
            yield _window(some, found.versions)


def _window(cases: list[Case], versions: list[Known]) -> f.Window:
    first = [case for case in cases if case.outcome.first is not None]
    models = [case.outcome.model for case in cases if case.outcome.model is not None]
    thresholds = {one.number: one.threshold for one in versions}
    return f.Window(
        first=cases[0].place,
        last=cases[-1].place,
        texts=len(cases),
        right=f.Rate.of(Counted.of(case.right for case in cases)),
        first_answer=f.Rate.of(Counted.of(case.first_right for case in first)),
        judged=f.Rate.of(Counted.of(case.outcome.asked for case in cases)),
        undecided=sum(case.outcome.label is None for case in cases),
        versions=(min(models), max(models)) if models else None,
        threshold=thresholds.get(max(models)) if models else None,
    )


def _events(found: Read, texts: bool) -> Iterator[f.Event]:
    for drift in found.drifts:
        yield f.Event(
            kind="drift",
            at=drift.at,
            place=_place(found, drift.at),
            told=what(drift),
            labels=drift.labels,
            texts=drift.examples if texts else None,
        )
    began = found.decided[0] if found.decided else float("inf")
    for command in (one for one in found.commands if one.at >= began):  # not those of the fit
        yield f.Event(
            kind="label",
            at=command.at,
            place=_place(found, command.at),
            told=_command(command),
            labels=[command.label, *([command.into] if command.into else [])],
            texts=[] if texts else None,
        )
    for one in found.rounds:
        if one.end is not None:
            yield f.Event(
                kind="round",
                at=one.end.at,
                place=_place(found, one.end.at),
                told=f"round {one.number} over {one.before} undecided: {one.end.accepted} got a"
                f" label, {one.end.after} are left",
                labels=[],
                texts=[] if texts else None,
            )


def _command(command: LabelCommand) -> str:
    match command.command:
        case "add":
            return f"label {command.label} added"
        case "retire":
            return f"label {command.label} retired"
        case "guide":
            return f"guide of {command.label} written"
        case "rename":
            return f"label {command.label} renamed to {command.into}"
        case "merge":
            return f"label {command.label} merged into {command.into}"
