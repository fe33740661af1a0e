"""Accuracy, calibration and ranking on everyday label sets, at 5, 10 and 30 examples per label."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.baselines import Answer
from benchmarks.context import Context
from benchmarks.data import Problem, draw
from benchmarks.measures import auroc, crossed, resampled
from benchmarks.methods import METHODS, TITLES
from benchmarks.report import Check, Record, Shown, Table, mean, points, rounded, share
from models.measures import ece

NAME = "accuracy"
SUMMARY = "accuracy of every method at 5, 10, 30 per label; ECE and AUROC of recipe and flat"
MINUTES = 9
SETS = ("clinc150", "banking77")
PER_LABEL = (5, 10, 30)

Bools = NDArray[np.bool_]


def run(context: Context) -> Record:
    """Measure and record."""
    sets = context.usable(SETS)
    sizes = context.per_label or PER_LABEL
    record = context.record(
        NAME,
        sets,
        draws=context.draws,
        per_label=list(sizes),
    )
    context.cells(len(sets) * len(sizes) * context.draws * len(METHODS))
    for name in sets:
        texts, vectors = context.load(name)
        for size in sizes:
            answers: dict[str, list[Answer]] = {method: [] for method in METHODS}
            problem: Problem | None = None
            for seed in range(context.draws):
                problem = draw(texts, vectors, size, seed)
                for method, ask in METHODS.items():
                    answer = ask(problem)
                    answers[method].append(answer)
                    right = (answer.label == problem.test_y).mean()
                    what = f"{name}, {size} per label, draw {seed + 1}, {method}"
                    context.done(f"{what}: {share(right)} in {answer.fit_seconds:.1f} s")
            if problem is not None:
                record["cells"].append(cell(name, size, problem.test_y, answers))
            context.save(record)
    return record


def cell(
    name: str, size: int, truth: NDArray[np.intp], answers: dict[str, list[Answer]]
) -> dict[str, Any]:
    """What is recorded of one set at one size: per draw, and differences from flat."""
    right = {m: np.stack([a.label == truth for a in said]) for m, said in answers.items()}
    found: dict[str, Any] = {"set": name, "per_label": size, "methods": {}, "recipe_minus": {}}
    for method, said in answers.items():
        rows = right[method]
        found["methods"][method] = {
            "accuracy": rounded(rows.mean(axis=1)),
            "ece": rounded(ece(a.confidence, ok) for a, ok in zip(said, rows, strict=True)),
            "auroc": rounded(auroc(a.confidence, ok) for a, ok in zip(said, rows, strict=True)),
            "fit_seconds": rounded((a.fit_seconds for a in said), 2),
            "predict_seconds": rounded((a.predict_seconds for a in said), 3),
            "chosen": [a.chosen for a in said],
        }
        if method != "recipe":
            difference = right["recipe"].astype(np.float64) - rows
            found["recipe_minus"][method] = {"accuracy": crossed(difference).json()}
    both = [(answers[m], right[m]) for m in ("recipe", "flat")]
    (ours, ours_right), (theirs, theirs_right) = both

    def gap(number: int, rows: NDArray[np.intp]) -> float:
        return auroc(ours[number].confidence[rows], ours_right[number, rows]) - auroc(
            theirs[number].confidence[rows], theirs_right[number, rows]
        )

    one = np.zeros(len(truth), np.intp)
    found["recipe_minus"]["flat"]["auroc"] = resampled(gap, len(ours), one).json()
    return found


def shown(record: Record) -> Shown:
    """Tables and checks, from the record alone."""
    cells = record["cells"]
    methods = list(cells[0]["methods"]) if cells else []
    first = [
        [
            f"{c['set']}, {c['per_label']}",
            *(share(mean(c["methods"][m]["accuracy"])) for m in methods),
            points(c["recipe_minus"]["flat"]["accuracy"]),
        ]
        for c in cells
    ]
    second = []
    for c in cells:
        by = c["methods"]
        second.append(
            [
                f"{c['set']}, {c['per_label']}",
                *(f"{mean(by[m]['ece']):.3f}" for m in ("recipe", "flat")),
                *(f"{mean(by[m]['auroc']):.3f}" for m in ("recipe", "flat")),
                points(c["recipe_minus"]["flat"]["auroc"]),
            ]
        )
    draws = record["settings"]["draws"]
    return Shown(
        tables=(
            Table(
                f"Accuracy, {draws} draws",
                ["set, per label", *(TITLES[m] for m in methods), "recipe - flat, points (95%)"],
                first,
                "Same vectors, names as one more example for each method. The interval is over "
                "draws and texts.",
            ),
            Table(
                "Calibration (ECE, 15 bins) and ranking (AUROC) of the confidence",
                [
                    "set, per label",
                    "ECE recipe",
                    "ECE flat",
                    "AUROC recipe",
                    "AUROC flat",
                    "AUROC recipe - flat, hundredths (95%)",
                ],
                second,
                "Flat has one temperature, fitted on held-out scores.",
            ),
        ),
        checks=tuple(_checks(cells)),
    )


def _checks(cells: list[dict[str, Any]]) -> list[Check]:
    found = []
    for c in cells:
        where, size = c["set"], c["per_label"]
        if where not in SETS or size not in PER_LABEL:
            continue
        gap = c["recipe_minus"]["flat"]["accuracy"]
        label = f"{where}, {size} per label"
        text = f"{points(gap)} points"
        if size == 30 or (where == "banking77" and size == 10):
            found.append(Check(f"{label}: above flat, interval clear of 0", text, gap["low"] > 0))
        else:
            found.append(
                Check(f"{label}: at most .2 points below flat", text, gap["mean"] >= -0.002)
            )
        ours, theirs = c["methods"]["recipe"], c["methods"]["flat"]
        if where == "banking77" and size == 30:
            value = mean(ours["accuracy"])
            found.append(Check(f"{label}: .915", share(value), value >= 0.915))
        if size >= 10:
            value = mean(ours["ece"])
            found.append(Check(f"{label}: ECE at most .02", f"{value:.3f}", value <= 0.02))
        a, b = mean(ours["auroc"]), mean(theirs["auroc"])
        found.append(Check(f"{label}: AUROC above flat's", f"{a:.3f} against {b:.3f}", a > b))
    return found


def plot(record: Record, axes: Any) -> None:
    """Accuracy against examples per label; one panel would be too full for two sets' methods."""
    style = {"recipe": "-o", "flat": "--s", "neighbours": ":^", "centroid": ":v", "published": ":x"}
    names = list(dict.fromkeys(c["set"] for c in record["cells"]))
    for panel, name in zip(axes, names, strict=False):
        cells = [c for c in record["cells"] if c["set"] == name]
        for method in cells[0]["methods"]:
            sizes = [c["per_label"] for c in cells]
            values = [mean(c["methods"][method]["accuracy"]) for c in cells]
            panel.plot(sizes, values, style.get(method, "-"), label=TITLES[method])
        panel.set(title=name, xlabel="examples per label", xscale="log", ylabel="accuracy")
        panel.set_xticks(sizes, [str(s) for s in sizes])
        panel.minorticks_off()
        panel.legend(frameon=False)


PANELS = 2
