"""The pictures of the page, each from what was found alone."""

from __future__ import annotations

import math

from streams.program.evaluate import findings as f
from streams.program.evaluate.markup import Html
from streams.program.evaluate.svg import Chart, Point, shares, ticks
from streams.program.evaluate.words import counted, percent

WIDE, SMALL = 900, 380
LEAST = 25
"""Texts of which a rate is drawn: that of a few would only flicker."""

SIGNS = {"drift": "bad", "label": "person", "round": "judge"}
"""The colour of what happened, by its kind."""


def reliability(found: f.Reliability, title: str, class_: str) -> Html:
    """Draw stated confidence against what was right; a dot's area is the number of texts."""
    chart = Chart(title, SMALL, 320, (0, 1), (0, 1))
    chart.axes(shares(), shares(), "stated confidence", "right")
    chart.line([(0, 0), (1, 1)], "ideal")
    most = max((bin_.right.whole for bin_ in found.bins), default=1)
    chart.line([(b.confidence, b.right.value or 0.0) for b in found.bins], f"{class_} thin")
    for b in found.bins:
        told = f"stated {percent(b.confidence)}: {counted(b.right)}"
        chart.whisker(b.confidence, b.right.low, b.right.high, class_, told)
        radius = 2.5 + 6.5 * math.sqrt(b.right.whole / most)
        chart.dot(b.confidence, b.right.value or 0.0, class_, told, radius)
    return chart.drawn()


def thresholds(found: f.Thresholds) -> Html:
    """Draw what is right against the share that is judged."""
    curve = sorted(found.curve, key=lambda one: one.judged)
    values = [one.unasked.value for one in curve if one.unasked.value is not None]
    values += [one.right for one in (*curve, found.now) if one.right is not None]
    low = math.floor(10 * min(values, default=0.0)) / 10
    low = max(0.0, min(low, 0.9))
    chart = Chart("Right against share judged", SMALL, 320, (0, 1), (low, 1))
    chart.axes(shares(), shares(low, _step(low)), "share of texts judged", "")
    said = [(c.judged, c.unasked) for c in curve if c.unasked.whole >= LEAST]
    unasked = [(x, rate.value) for x, rate in said if rate.value is not None]
    chart.line(unasked, "classifier")
    chart.line([(c.judged, c.right) for c in curve if c.right is not None], "judge")
    if found.now.right is not None:
        judged, right = percent(found.now.judged), percent(found.now.right)
        told = f"as it was: {judged} judged, {right} right of all"
        chart.dot(found.now.judged, found.now.right, "now", told, 6)
    return chart.drawn()


def _step(low: float) -> float:
    return 0.2 if low < 0.4 else 0.1 if low < 0.8 else 0.05 if low < 0.9 else 0.02


def course(found: f.Course, texts: int) -> Html:
    """Draw what is right along the stream, with versions and what happened meanwhile."""
    windows = [w for w in found.windows if w.right.value is not None]
    low = min((w.right.low for w in windows), default=0.0)
    low = min([low, *(w.first_answer.value or 1.0 for w in windows)])
    low = max(0.0, math.floor(10 * low) / 10)
    chart = Chart("Right, along the stream", WIDE, 330, (0, max(texts, 1)), (low, 1), bottom=24)
    chart.axes(ticks(max(texts, 1), 8), shares(low, _step(low)))
    middle = [(w.first + w.last - 1) / 2 for w in windows]
    chart.band(
        [(x, w.right.low) for x, w in zip(middle, windows, strict=True)],
        [(x, w.right.high) for x, w in zip(middle, windows, strict=True)],
        "good",
    )
    for version in found.versions:
        chart.box(
            (version.place, version.place),
            (low, low + 0.02 * (1 - low)),
            "version",
            f"version {version.number}: {version.labels} labels,"
            f" {version.learnt} texts learnt, threshold {version.threshold:.3f}",
        )
    _lines(chart, windows, middle)
    _marks(chart, found, texts)
    return chart.drawn()


def judged(found: f.Course, texts: int) -> Html:
    """Draw the share judged along the stream, below the other."""
    chart = Chart("Share judged, along the stream", WIDE, 120, (0, max(texts, 1)), (0, 1))
    chart.axes(ticks(max(texts, 1), 8), shares(step=0.5), "texts of the stream")
    for w in found.windows:
        told = f"{w.first} to {w.last}: {percent(w.judged.value)} judged"
        chart.box((w.first - 1, w.last), (0, w.judged.value or 0.0), "judged", told)
    return chart.drawn()


def _lines(chart: Chart, windows: list[f.Window], middle: list[float]) -> None:
    first: list[Point] = [
        (x, w.first_answer.value)
        for x, w in zip(middle, windows, strict=True)
        if w.first_answer.value is not None
    ]
    right = [(x, w.right.value or 0.0) for x, w in zip(middle, windows, strict=True)]
    chart.line(first, "classifier")
    chart.line(right, "good")
    for x, w in zip(middle, windows, strict=True):
        where = f"{w.first} to {w.last}"
        chart.dot(x, w.right.value or 0.0, "good", f"{where}: right {counted(w.right)}")
        if w.first_answer.value is not None:
            told = f"{where}: first answer right {counted(w.first_answer)}"
            chart.dot(x, w.first_answer.value, "classifier", told, 2.5)


def _marks(chart: Chart, found: f.Course, texts: int) -> None:
    rows: list[float] = []
    for number, event in enumerate(found.events, 1):
        close = [n for n, place in enumerate(rows) if event.place - place < texts * 0.024]
        row = next(n for n in range(len(rows) + 1) if n not in close)
        rows[row : row + 1] = [event.place]
        chart.mark(event.place, event.told, str(number), SIGNS[event.kind], row)


def labels(found: list[f.Label]) -> Html:
    """Draw every label's share of right texts with its interval, the worst first."""
    some = sorted(found, key=lambda one: (one.right.value or 0.0, one.right.high))
    low = math.floor(5 * min((one.right.low for one in some), default=0.0)) / 5
    across = (-0.5, len(some) - 0.5)
    chart = Chart("Labels, the worst first", WIDE, 260, across, (low, 1), bottom=16)
    chart.axes([], shares(low, _step(low)))
    radius = max(1.2, min(4.5, 300 / max(len(some), 1)))
    for place, one in enumerate(some):
        told = f"{one.label}: {counted(one.right)}, {percent(one.right.low)} to"
        told += f" {percent(one.right.high)}"
        class_ = "bad" if one.right.high < 0.8 else "good" if one.right.low >= 0.8 else "middle"
        chart.whisker(place, one.right.low, one.right.high, class_, told)
        chart.dot(place, one.right.value or 0.0, class_, told, radius)
    return chart.drawn()
