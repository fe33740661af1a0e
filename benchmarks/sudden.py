"""Twenty labels pass their texts on at once: how soon it is noticed, and made good."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.baselines import fit_flat
from benchmarks.context import Context
from benchmarks.data import Problem, chosen_rows, draw
from benchmarks.methods import fit_recipe
from benchmarks.report import Check, Record, Shown, Table, mean, rounded, share
from benchmarks.sudden_learners import FlatLearner, Learner, Lesson, RecipeLearner
from benchmarks.sudden_stream import AT, ERROR, LENGTH, SWAPPED, Stream, streamed
from models.drift import Disagreement, Judged
from streams.ageing import AFTER, Tally

NAME = "sudden"
SUMMARY = "20 labels swap their texts in mid-stream: alarm, and recovery with and without it"
MINUTES = 15
SETS = ("clinc150",)
PANELS = 1

PER_LABEL = 30
BATCH = 100
WINDOW = 500
AUDITS = 0.05

NIGHT = 2_000
"""Texts to a day, after which the flat head is refitted."""

WITHIN = 0.01
MOST_DRAWS = 3

METHODS = (
    "recipe, alarms answered",
    "recipe, alarms ignored",
    "recipe, never updated",
    "flat nightly, alarms answered",
    "flat nightly, alarms ignored",
)

F32 = NDArray[np.float32]
Ints = NDArray[np.intp]


def run(context: Context) -> Record:
    """Measure and record."""
    sets = context.usable(SETS)
    draws = min(context.draws, MOST_DRAWS)
    record = context.record(
        NAME, sets, draws=draws, per_label=PER_LABEL, texts=LENGTH, change_at=AT, error=ERROR
    )
    record["notes"] = [
        f"Training texts beside the examples, drawn with replacement; from text {AT:,} on "
        f"{SWAPPED} labels pass their texts on in a ring. The simulated judge errs in {ERROR:.0%} "
        "by label pair. Doubtful texts (below the threshold cross-validated for .95) and "
        f"{AUDITS:.0%} of the others are judged, by all labels at the end; what it says is taught "
        "and given out. An alarm of the detector (`drift_alarms`) has all of the next "
        f"{AFTER:,} texts judged; labels that it names, or about which the judge then disagrees "
        "more often than about others, forget what they were taught before, "
        f"as in the trainer (`streams/ageing.py`); flat, which is refitted each {NIGHT:,} texts "
        "on all it has, gets the same alarm, audits and rule.",
        "Alone: the classifier's own label, judged or not. Recovered: texts from the change "
        f"to the end of the first {WINDOW} in which it is within a point of the mean of the 2,000 "
        "texts before the change.",
    ]
    context.cells(len(sets) * draws * len(METHODS))
    for name in sets:
        texts, vectors = context.load(name)
        for seed in range(draws):
            problem = draw(texts, vectors, PER_LABEL, seed)
            fitted = chosen_rows(texts.train_y, np.arange(len(texts.labels)), PER_LABEL, seed)
            rest = np.setdiff1d(np.arange(len(texts.train)), fitted)
            stream = streamed(problem, vectors.train[rest], texts.train_y[rest], seed)
            for method, learner in _learners(problem).items():
                answered = method.endswith("answered")
                cell = _run(stream, learner(), answered=answered)
                record["cells"].append({"set": name, "seed": seed, "method": method, **cell})
                context.done(f"{name}, draw {seed + 1}, {method}")
                context.save(record)
    return record


def _learners(problem: Problem) -> dict[str, Callable[[], Learner]]:
    recipe, flat = fit_recipe(problem), fit_flat(problem)
    made: list[Callable[[], Learner]] = [
        lambda: RecipeLearner(recipe, problem.labels),
        lambda: RecipeLearner(recipe, problem.labels),
        lambda: RecipeLearner(recipe, problem.labels, learns=False),
        lambda: FlatLearner(problem, flat, NIGHT),
        lambda: FlatLearner(problem, flat, NIGHT),
    ]
    return dict(zip(METHODS, made, strict=True))


def _run(stream: Stream, learner: Learner, *, answered: bool) -> dict[str, Any]:
    alone = np.zeros(LENGTH, np.bool_)
    final = np.zeros(LENGTH, np.bool_)
    asked = np.zeros(LENGTH, np.bool_)
    detector = Disagreement()
    alarms: list[int] = []
    audits, all_until, since, tally = 0, 0, 0, Tally()
    named: set[int] = set()
    labels = stream.problem.labels
    for begin in range(0, LENGTH, BATCH):
        rows = slice(begin, begin + BATCH)
        said, confidence = learner.say(stream.x[rows])
        lessons = []
        for row in range(BATCH):
            place, label = begin + row, int(said[row])
            sure = confidence[row] >= learner.threshold
            alone[place] = label == stream.gold[place]
            audited = stream.luck[place] < AUDITS
            asked[place] = not sure or audited or place < all_until
            told = int(stream.believed[place]) if asked[place] else label
            final[place] = told == stream.gold[place]
            if asked[place]:
                lessons.append(Lesson(place, stream.x[place], told))
                tally.observe(labels[label], agreed=told == label)
            if not (sure and asked[place]):
                continue
            audits += place >= AT and not any(at >= AT for at in alarms)
            one = Judged(
                str(place), labels[label], labels[told], 1 - float(confidence[row]), float(place)
            )
            found = detector.observe(one)
            if found is None:
                continue
            alarms.append(place)
            if answered:
                all_until, since, tally = place + AFTER, int(found.since), Tally()
                named |= {labels.index(name) for name in found.labels}
        if begin < all_until:
            named |= {labels.index(name) for name in tally.changed()}
            learner.forget(named, since)
        learner.learn(lessons, begin + BATCH)
    return _summed(alone, final, asked, alarms, audits) | {
        "named": len(named),
        "named_right": len(named & stream.moved),
    }


def _summed(
    alone: NDArray[np.bool_],
    final: NDArray[np.bool_],
    asked: NDArray[np.bool_],
    alarms: list[int],
    audits: int,
) -> dict[str, Any]:
    before = float(alone[AT - 2_000 : AT].mean())
    windows = alone.reshape(-1, WINDOW).mean(axis=1)
    after = windows[AT // WINDOW :]
    back = np.flatnonzero(after >= before - WITHIN)
    first = next((at for at in alarms if at >= AT), None)
    return {
        "before": before,
        "alone": rounded(windows),
        "final": rounded(final.reshape(-1, WINDOW).mean(axis=1)),
        "asked": rounded(asked.reshape(-1, WINDOW).mean(axis=1)),
        "recovered": int((back[0] + 1) * WINDOW) if len(back) else None,
        "alarm": None if first is None else first - AT,
        "audits": audits if first is not None else None,
        "false_alarms": sum(at < AT for at in alarms),
        "end": float(alone[-2_000:].mean()),
        "end_final": float(final[-2_000:].mean()),
        "after_final": float(final[AT:].mean()),
        "after_asked": float(asked[AT:].mean()),
    }


def shown(record: Record) -> Shown:
    """Tables and checks, from the record alone."""
    tables, checks = [], []
    for name in dict.fromkeys(cell["set"] for cell in record["cells"]):
        rows = []
        for method in METHODS:
            cells = [c for c in record["cells"] if c["set"] == name and c["method"] == method]
            if not cells:
                continue
            rows.append([method, *_row(cells)])
        head = [
            "",
            "alarm after texts (audits)",
            "false alarms",
            "named, of them swapped",
            "alone before",
            "alone, last 2,000",
            "recovered after",
            "whole system after",
            "judged after",
        ]
        tables.append(Table(f"{name}, {record['settings']['draws']} draws", head, rows))
        ours = [c for c in record["cells"] if c["set"] == name and c["method"] == METHODS[0]]
        back = sum(c["recovered"] is not None for c in ours)
        asked = f"{name}: within a point again before the stream ends"
        checks.append(Check(asked, f"{back} of {len(ours)}", back == len(ours)))
    return Shown(tables, checks)


def _row(cells: list[dict[str, Any]]) -> list[str]:
    alarms = [(c["alarm"], c["audits"]) for c in cells if c["alarm"] is not None]
    back = [c["recovered"] for c in cells if c["recovered"] is not None]
    found = [f"{median(values):,.0f}" for values in zip(*alarms, strict=True)]
    return [
        f"{found[0]} ({found[1]})" if alarms else "-",
        str(sum(c["false_alarms"] for c in cells)),
        f"{mean(c['named'] for c in cells):.1f}, {mean(c['named_right'] for c in cells):.1f}",
        share(mean(c["before"] for c in cells)),
        share(mean(c["end"] for c in cells)),
        f"{median(back):,.0f} in {len(back)} of {len(cells)}" if back else "not at all",
        share(mean(c["after_final"] for c in cells)),
        f"{mean(c['after_asked'] for c in cells):.2f}",
    ]


def plot(record: Record, axes: Any) -> None:
    """The classifier's own accuracy along the stream."""
    [panel] = axes
    first = record["cells"][0]["set"]
    for method in METHODS:
        cells = [c for c in record["cells"] if c["set"] == first and c["method"] == method]
        if not cells:
            continue
        line = np.mean([c["alone"] for c in cells], axis=0)
        style = "--" if method.startswith("flat") else "-"
        places = (np.arange(len(line)) + 1) * WINDOW
        panel.plot(places, line, style, linewidth=1.2, label=method)
    panel.axvline(AT, color="grey", linewidth=0.6)
    panel.set(xlabel="texts", ylabel="accuracy of the classifier alone")
    panel.legend(frameon=False, fontsize=6)
