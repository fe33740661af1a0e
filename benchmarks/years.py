"""Years of drift: labels come, fade and change their share; 15% of the texts are judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.baselines import fit_flat
from benchmarks.context import Context
from benchmarks.data import BadData
from benchmarks.dated import FEW, LEAST, PARTS, read_dated
from benchmarks.embeddings import vectors_of
from benchmarks.followers import Follower, RecipeFollower, fit
from benchmarks.followers_flat import FlatFollower, IncrementalFollower, LayeredFollower
from benchmarks.following import (
    AUDITED,
    BATCH,
    FROM,
    PER_LABEL,
    SHARE,
    Stream,
    begun,
    follow,
)
from benchmarks.measures import over_draws
from benchmarks.methods import examples_of
from benchmarks.report import Check, Record, Shown, Table, mean, points, rounded, share

NAME = "years"
SUMMARY = "years of drift in order of time, 15% judged: accuracy by year"
MINUTES = 30
SETS = ("nvd_cwe",)
PANELS = 2

DRAWS = PARTS - 1
"""Samples that are measured, at most: the last is what choices were made on."""

METHODS = {
    "recipe": "recipe",
    "weights": "recipe, weights refitted alone",
    "shares": "recipe, running shares alone",
    "fixed": "recipe, neither",
    "once": "recipe, never fitted in full again",
    "frozen": "recipe, never updated",
    "flat": "flat, each quarter",
    "layered": "flat under our layer",
    "incremental": "incremental softmax",
}
OURS, FLATS = "recipe", ("flat", "layered")
MEASURES = {"alone": "classifier alone", "system": "whole system"}
LATE = 2016
"""Half of the change of shares lies before and after this year."""

F64 = NDArray[np.float64]


def run(context: Context) -> Record:
    """Measure and record."""
    name, *others = context.usable(SETS)
    if others:
        raise BadData("name one set: each is a stream of its own")
    draws = min(context.draws, DRAWS)
    record = context.record(
        NAME,
        (),
        draws=draws,
        per_label=PER_LABEL,
        examples_of_new=FEW,
        judged=SHARE,
        audited=AUDITED,
        batch=BATCH,
    )
    record["notes"] = [
        "A draw is a quarter of the set, disjoint from the others, with its own judge and audits; "
        f"labels with fewer than {LEAST} texts in it are left out. The examples at the start are "
        f"from before {FROM}. A new label is commanded once {FEW} of its texts have gone by (wrong "
        "for every method), with those. Numbers of labels are no names: nobody has any.",
        "Judged are the least confident texts, by each method's own confidence within the last "
        f"300, and {AUDITED:.0%} at random, the same for all. An answer is one call; it is the "
        "final label and is taught, right or wrong; a label not yet known is no answer.",
        "*Flat* is refitted each quarter on all it was given, its C chosen each year by its newest "
        "fifth; *under our layer* it takes the place of the heads. *Incremental softmax* is "
        "river's SoftmaxRegression with SGD, on arrays (a test holds the two together), its rate "
        "the best of five by the last 1,500 answers before they were learnt.",
    ]
    context.cells(draws * len(METHODS))
    record["cells"] = [{"set": name, "methods": {}, "draws": []}]
    for seed in range(draws):
        dated = read_dated(context.data, name, seed)
        stream = begun(
            dated,
            vectors_of(context.encoder, dated.as_set(), context.cache, context.say).train,
            seed,
        )
        record["sets"].setdefault(name, dated.as_set().about())
        _measure(context, record, stream)
    return record


def starts(stream: Stream) -> dict[str, Callable[[], Follower]]:
    """Every method as it is before the stream; what is fitted on gold is fitted once."""
    problem, labels = stream.problem, stream.dated.labels
    examples = examples_of(problem)
    base = fit(examples, problem.labels, problem.seed)
    first = fit_flat(problem, names=False)

    def recipe(**choices: bool) -> RecipeFollower:
        return RecipeFollower(base, examples, labels, **choices)

    def flat() -> FlatFollower:
        return FlatFollower(problem, first, stream.start, len(labels))

    return {
        "recipe": recipe,
        "weights": lambda: recipe(shares=False),
        "shares": lambda: recipe(weights=False),
        "fixed": lambda: recipe(weights=False, shares=False),
        "once": lambda: recipe(fits=False),
        "frozen": lambda: recipe(learns=False),
        "flat": flat,
        "layered": lambda: LayeredFollower(base, examples, labels, flat()),
        "incremental": lambda: IncrementalFollower(
            problem.x, stream.start[problem.y], len(labels), problem.seed
        ),
    }


def _measure(context: Context, record: Record, stream: Stream) -> None:
    """Adds what one draw gives to the record's only cell."""
    [cell] = record["cells"]
    dated = stream.dated
    years = sorted(set(dated.year[stream.begin :].tolist()))
    cell["draws"].append(
        {
            "texts": len(stream.x) - stream.begin,
            "before": stream.begin,
            "labels": len(dated.labels),
            "labels_at_the_start": len(stream.start),
            "labels_left_out": dated.labels_left_out,
            "texts_left_out": dated.texts_left_out,
            "judge_wrong": round(stream.wrong, 4),
            "years": years,
            "texts_by_year": [int((dated.year == year).sum()) for year in years],
        }
    )
    for method, make in starts(stream).items():
        found = follow(stream, make())
        by = cell["methods"].setdefault(method, {"alone": [], "system": [], "calls": []})
        by["alone"].append(_by_year(stream, found.alone, years))
        by["system"].append(_by_year(stream, found.final, years))
        by["calls"].append(round(float(found.asked[stream.begin :].mean()), 4))
        context.done(f"{METHODS[method]}: {_said(by)}")
        context.save(record)


def _by_year(stream: Stream, label: NDArray[np.intp], years: list[int]) -> list[float | None]:
    right = label == stream.dated.y
    return rounded(right[stream.dated.year == year].mean() for year in years)


def _said(by: dict[str, Any]) -> str:
    alone, system = (mean(by[part][-1]) for part in MEASURES)
    return f"{share(alone)} alone, {share(system)} in all"


def _table(cell: dict[str, Any], method: str, part: str) -> F64:
    """(draws, years)."""
    return np.asarray(cell["methods"][method][part], np.float64)


def shown(record: Record) -> Shown:
    """Tables and checks, from the record alone."""
    [cell] = record["cells"]
    titles = {m: title for m, title in METHODS.items() if m in cell["methods"]}
    years = np.asarray(cell["draws"][0]["years"])
    everything, late = years >= 0, years >= min(LATE, years.max())
    drawn = cell["draws"][0]
    rows = []
    for method, title in titles.items():
        row = [title]
        for part in MEASURES:
            for when in (everything, late):
                ours, own = _table(cell, OURS, part)[:, when], _table(cell, method, part)[:, when]
                gap = over_draws((ours - own).mean(axis=1).tolist())
                row.append(share(float(own.mean())))
                if part == "alone":
                    row.append("" if method == OURS else points(gap.json()))
        by = cell["methods"][method]
        rows.append([*row, share(mean(by["calls"]))])
    since = f"from {LATE} on"
    header = ["", "alone", "recipe - it, points", since, "recipe - it, points"]
    header += ["system", since, "judged"]
    note = (
        "Means over the years, each counting the same; 95% intervals over draws. First draw: "
        f"{drawn['texts']:,} texts after {drawn['before']:,} older ones, {drawn['labels']} labels, "
        f"{drawn['labels_at_the_start']} of them known at the start; left out "
        f"{drawn['texts_left_out']} texts of {drawn['labels_left_out']} rare labels. "
        "The judge was wrong about "
        + ", ".join(share(one["judge_wrong"]) for one in cell["draws"])
        + " of the texts."
    )
    tables = [Table(f"{cell['set']}, mean over the years", header, rows, note)]
    for part, title in MEASURES.items():
        by_year = [_table(cell, method, part).mean(axis=0) for method in titles]
        lines = [[str(year), *(share(one[i]) for one in by_year)] for i, year in enumerate(years)]
        tables.append(Table(f"{cell['set']}, {title}", ["year", *titles.values()], lines))
    checks = []
    for flat in (one for one in FLATS if one in cell["methods"]):
        for part, title in MEASURES.items():
            each = 100 * (_table(cell, OURS, part) - _table(cell, flat, part)).mean(axis=0)
            against = f"{title}, above {METHODS[flat]}"
            all_in, later, least = (float(v) for v in (each.mean(), each[late].mean(), each.min()))
            asked = f"{against}: 4 points over the years"
            checks.append(Check(asked, f"{all_in:+.1f}", all_in >= 4))
            checks.append(Check(f"{against}: 6 {since}", f"{later:+.1f}", later >= 6))
            found = f"{least:+.1f} in {years[each.argmin()]}"
            checks.append(Check(f"{against}: in no year below by more than 1", found, least >= -1))
    return Shown(tables, checks)


def plot(record: Record, axes: Any) -> None:
    """Accuracy by year; years without texts are left out of the axis."""
    [cell] = record["cells"]
    years = [str(year)[2:] for year in cell["draws"][0]["years"]]
    for (part, title), panel in zip(MEASURES.items(), axes, strict=True):
        for method, name in METHODS.items():
            if method not in cell["methods"] or method in ("weights", "shares", "once"):
                continue
            values = _table(cell, method, part).mean(axis=0)
            style = "-" if method == OURS else "--"
            panel.plot(years, values, style, marker=".", label=name)
        panel.set(xlabel="year", ylabel="accuracy", title=f"{cell['set']}, {title}")
        panel.tick_params(axis="x", labelsize=6)
        panel.legend(frameon=False, fontsize=6)
