"""Ten labels added, with five examples each, to a classifier of the others."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.baselines import TOLERANCE, fit_flat
from benchmarks.context import Context
from benchmarks.data import BadData, Problem, TextSet, Vectors, draw
from benchmarks.measures import crossed, over_draws
from benchmarks.methods import examples_of, fit_recipe, infos_of, numbered, predict
from benchmarks.report import Check, Record, Shown, Table, mean, points, rounded, share
from benchmarks.softmax import fit_softmax

NAME = "labels_added"
SUMMARY = "ten labels added with five examples each: accuracy on them and on the rest, seconds"
MINUTES = 4
SETS = ("clinc150",)
PANELS = 1
PER_LABEL = 30
ADDED = 10
FEW = 5

WAYS = {
    "added": "recipe, added in place",
    "refit": "recipe, full refit",
    "refit_even": "recipe, full refit, counts removed",
    "flat": "flat refit",
    "flat_even": "flat refit, counts removed",
}
Bools = NDArray[np.bool_]


def run(context: Context) -> Record:
    """Measure and record."""
    sets = context.usable(SETS)
    record = context.record(
        NAME,
        sets,
        draws=context.draws,
        per_label=PER_LABEL,
        added=ADDED,
        examples_of_added=FEW,
    )
    record["notes"] = [
        "Which ten are new is drawn anew each time. *Counts removed*: log of a label's examples "
        "taken out of the flat scores, an even prior in the recipe; added in place, a label gets "
        "the mean prior, which is the same here.",
        "The flat head's C was chosen on the old labels, its choice is not in the seconds.",
    ]
    context.cells(len(sets) * context.draws)
    for name in sets:
        texts, vectors = context.load(name)
        if len(texts.labels) < ADDED + 2:
            raise BadData(f"{name} has too few labels to hold {ADDED} back")
        right: dict[str, list[Bools]] = {way: [] for way in WAYS}
        fresh: list[Bools] = []
        seconds: dict[str, list[float]] = {way: [] for way in WAYS}
        for seed in range(context.draws):
            problem, new = _mixed(texts, vectors, seed)
            said, spent = _answers(texts, vectors, problem, new, seed)
            fresh.append(np.isin(problem.test_y, new))
            for way in WAYS:
                right[way].append(said[way] == problem.test_y)
                seconds[way].append(spent[way])
            last = right["added"][-1]
            context.done(
                f"{name}, draw {seed + 1}: new {share(last[fresh[-1]].mean())}, "
                f"rest {share(last[~fresh[-1]].mean())} in {spent['added']:.2f} s"
            )
            record["cells"] = [c for c in record["cells"] if c["set"] != name]
            record["cells"].append(_cell(name, right, fresh, seconds))
            context.save(record)
    return record


def _mixed(texts: TextSet, vectors: Vectors, seed: int) -> tuple[Problem, NDArray[np.intp]]:
    """All labels, of which ten, named second, have few examples."""
    whole = draw(texts, vectors, PER_LABEL, seed)
    new = np.sort(np.random.default_rng([seed, 5]).permutation(whole.size)[:ADDED])
    keep = np.ones(len(whole.y), bool)
    for label in new:
        keep[np.flatnonzero(whole.y == label)[FEW:]] = False
    kept = {
        "x": whole.x[keep],
        "y": whole.y[keep],
        "texts": tuple(t for t, k in zip(whole.texts, keep, strict=True) if k),
    }
    return Problem(**{**vars(whole), **kept}), new


def _answers(
    texts: TextSet, vectors: Vectors, problem: Problem, new: NDArray[np.intp], seed: int
) -> tuple[dict[str, NDArray[np.intp]], dict[str, float]]:
    spent: dict[str, float] = {}
    said: dict[str, NDArray[np.intp]] = {}
    names = set(np.asarray(problem.labels)[new].tolist())
    before = np.setdiff1d(np.arange(len(texts.labels)), new)
    base = draw(texts, vectors, PER_LABEL, seed, only=before)
    classifier = fit_recipe(base)
    predict(classifier, problem.test_x[:1])
    # Ids are numbers within a draw: those of the new texts must not be taken already.
    examples = [
        replace(e, id=f"new-{e.id}", gold=False) for e in examples_of(problem) if e.label in names
    ]
    infos = [info for info in infos_of(problem) if info.label in names]
    started = time.perf_counter()
    classifier = classifier.add_labels(infos, examples)
    spent["added"] = time.perf_counter() - started
    said["added"] = numbered(problem, predict(classifier, problem.test_x))
    started = time.perf_counter()
    again = fit_recipe(problem)
    spent["refit"] = spent["refit_even"] = time.perf_counter() - started
    said["refit"] = numbered(problem, predict(again, problem.test_x))
    even = {label: 1 for label in problem.labels}
    said["refit_even"] = numbered(problem, predict(again, problem.test_x, even))
    c = fit_flat(base).c
    x = np.concatenate([problem.x, problem.names])
    y = np.concatenate([problem.y, np.arange(problem.size)]).astype(np.intp)
    started = time.perf_counter()
    flat = fit_softmax(x, y, problem.size, c, tolerance=TOLERANCE)
    spent["flat"] = spent["flat_even"] = time.perf_counter() - started
    logits = flat.logits(problem.test_x)
    said["flat"] = logits.argmax(axis=1)
    said["flat_even"] = (logits - np.log(np.bincount(y))).argmax(axis=1)
    return said, spent


def _cell(
    name: str, right: dict[str, list[Bools]], fresh: list[Bools], seconds: dict[str, list[float]]
) -> dict[str, Any]:
    cell: dict[str, Any] = {"set": name, "ways": {}, "added_minus": {}}
    for way in WAYS:
        pairs = list(zip(right[way], fresh, strict=True))
        cell["ways"][way] = {
            "new": rounded(ok[new].mean() for ok, new in pairs),
            "rest": rounded(ok[~new].mean() for ok, new in pairs),
            "seconds": rounded(seconds[way], 3),
        }
        if way != "added":
            # The new labels differ from draw to draw, so only whole tests are paired text by text.
            gap = np.stack(right["added"]).astype(np.float64) - np.stack(right[way])
            ours = cell["ways"]["added"]["new"]
            new = np.asarray(ours) - np.asarray(cell["ways"][way]["new"])
            cell["added_minus"][way] = {
                "all": crossed(gap).json(),
                "new": over_draws(new.tolist()).json(),
            }
    return cell


def shown(record: Record) -> Shown:
    """Tables and checks, from the record alone."""
    tables, checks = [], []
    for cell in record["cells"]:
        rows = []
        for way, title in WAYS.items():
            by = cell["ways"][way]
            gap = cell["added_minus"].get(way)
            rows.append(
                [
                    title,
                    share(mean(by["new"])),
                    share(mean(by["rest"])),
                    f"{mean(by['seconds']):.2f}",
                    *(points(gap[part]) if gap else "" for part in ("new", "all")),
                ]
            )
        settings = record["settings"]
        title = f"{cell['set']}: {settings['added']} labels added, {settings['draws']} draws"
        head = ["", "new labels", "the rest", "seconds", "added - it, new, points", "all texts"]
        note = "Intervals are 95%: of the new over draws, of all over draws and texts."
        tables.append(Table(title, head, rows, note))
        ours = cell["ways"]["added"]
        new, rest, spent = (mean(ours[k]) for k in ("new", "rest", "seconds"))
        checks += [
            Check("new labels: .88", share(new), new >= 0.88),
            Check("old labels: .939", share(rest), rest >= 0.939),
            Check("in a tenth of a second", f"{spent:.2f} s", spent <= 0.1),
        ]
    return Shown(tables, checks)


def plot(record: Record, axes: Any) -> None:
    """Accuracy on new labels against seconds."""
    panel = axes[0]
    for cell in record["cells"]:
        for way, title in WAYS.items():
            by = cell["ways"][way]
            panel.plot(mean(by["seconds"]), mean(by["new"]), "o", label=title)
    panel.set(xscale="log", xlabel="seconds", ylabel="accuracy on the new labels")
    panel.xaxis.set_minor_formatter("")
    panel.legend(frameon=False, fontsize=7)
