"""The published claims, one at a time: subsets, UMAP, the noise class, neighbours in the prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.ablation import alike
from benchmarks.baselines import Rows
from benchmarks.context import Context
from benchmarks.data import Problem, draw
from benchmarks.measures import auroc, crossed, over_draws
from benchmarks.report import Record, Shown, Table, mean, points, rounded, share
from models.heads import centroids
from models.published import NOISE_RATIO, Published
from models.subsets import Grouping

NAME = "claims"
SUMMARY = "the published R.E.D., ablated: subsets, UMAP, noise 0 to 4 times; neighbours or fixed"
MINUTES = 15
SETS = ("clinc150", "banking77")
PER_LABEL = (10, 30)
PANELS = 1

C = 15.0
"""What the published heads choose most often on held-out texts (`accuracy`)."""

SHOWN = 8
"""Examples of the label in question that a prompt shows."""

ASKED = 1_000
"""Test texts that *verify* is imagined to be asked about."""

Groups = Callable[[NDArray[np.float32]], list[list[int]]]
"""Subsets from the labels' centroids (labels, d)."""


def one_subset(x: NDArray[np.float32]) -> list[list[int]]:
    """All labels in one."""
    return [list(range(len(x)))]


LINES: dict[str, tuple[Grouping | Groups, float]] = {
    "published: least similar by UMAP, noise 2x": ("umap", NOISE_RATIO),
    "without UMAP": ("raw", NOISE_RATIO),
    "subsets at random": ("random", NOISE_RATIO),
    "subsets of the most similar": (alike, NOISE_RATIO),
    "noise 0": ("umap", 0.0),
    "noise 1x": ("umap", 1.0),
    "noise 4x": ("umap", 4.0),
    "one flat head": (one_subset, 0.0),
}
FIRST = next(iter(LINES))

Bools = NDArray[np.bool_]


def run(context: Context) -> Record:
    """Measure and record."""
    sets = context.usable(SETS)
    sizes = context.per_label or PER_LABEL
    record = context.record(NAME, sets, draws=context.draws, per_label=list(sizes), c=C)
    record["notes"] = [
        "The published form: every subset's head with a trained noise class, every text to every "
        "head, the highest probability wins. One C for all lines; the labels' names are one more "
        "example each, as everywhere.",
        f"Neighbours: of {ASKED} test texts, the leading label by centroid is to be verified. "
        f"Shown are {SHOWN} of its examples: the nearest to the text, or the same {SHOWN} drawn "
        "once. AUROC: how well the similarity of the text to what is shown tells valid from "
        "invalid. What a model makes of it cannot be measured without one.",
    ]
    context.cells(len(sets) * len(sizes) * context.draws)
    for name in sets:
        texts, vectors = context.load(name)
        for size in sizes:
            right: dict[str, list[Bools]] = {line: [] for line in LINES}
            evidence: list[dict[str, float]] = []
            for seed in range(context.draws):
                problem = draw(texts, vectors, size, seed)
                rows = Rows.of(problem)
                for line, (grouping, noise) in LINES.items():
                    said = _fitted(rows, problem, grouping, noise).predict(problem.test_x).label
                    right[line].append(said == problem.test_y)
                evidence.append(_evidence(problem))
                best = right[FIRST][-1].mean()
                context.done(f"{name}, {size} per label, draw {seed + 1}: {share(best)}")
            record["cells"].append(_cell(name, size, right, evidence))
            context.save(record)
    return record


def _fitted(rows: Rows, problem: Problem, grouping: Grouping | Groups, noise: float) -> Published:
    x, y, labels, seed = rows.x, rows.y, problem.size, problem.seed
    if callable(grouping):
        groups = grouping(centroids(x, y, labels))
        return Published.fit(x, y, labels, c=C, groups=groups, noise=noise, seed=seed)
    return Published.fit(x, y, labels, c=C, grouping=grouping, noise=noise, seed=seed)


def _evidence(problem: Problem) -> dict[str, float]:
    """AUROC and mean similarity of what a prompt would show, by how it was chosen."""
    rng = np.random.default_rng([problem.seed, 11])
    chosen = rng.permutation(len(problem.test_y))[:ASKED]
    x, y = problem.test_x[chosen], problem.test_y[chosen]
    lead = (x @ centroids(problem.x, problem.y, problem.size).T).argmax(axis=1)
    own = [np.flatnonzero(problem.y == label) for label in range(problem.size)]
    fixed = [rng.permutation(rows)[:SHOWN] for rows in own]
    found: dict[str, list[float]] = {"nearest": [], "fixed": []}
    means: dict[str, list[float]] = {"nearest": [], "fixed": []}
    for row, label in zip(x, lead, strict=True):
        near = np.sort(problem.x[own[label]] @ row)[::-1][:SHOWN]
        same = problem.x[fixed[label]] @ row
        for kind, cosines in (("nearest", near), ("fixed", same)):
            found[kind].append(float(cosines.max()))
            means[kind].append(float(cosines.mean()))
    valid = lead == y
    result = {f"{kind}_auroc": auroc(np.asarray(v), valid) for kind, v in found.items()}
    return result | {f"{kind}_similarity": float(np.mean(v)) for kind, v in means.items()}


def _cell(
    name: str, size: int, right: dict[str, list[Bools]], evidence: Sequence[dict[str, float]]
) -> dict[str, Any]:
    first = np.stack(right[FIRST]).astype(np.float64)
    lines = {
        line: {
            "accuracy": rounded(np.stack(hits).mean(axis=1)),
            "minus_published": crossed(np.stack(hits).astype(np.float64) - first).json(),
        }
        for line, hits in right.items()
    }
    shown = {key: over_draws([one[key] for one in evidence]).json() for key in evidence[0]}
    return {"set": name, "per_label": size, "lines": lines, "evidence": shown}


def shown(record: Record) -> Shown:
    """Tables, from the record alone."""
    tables, rows = [], []
    for cell in record["cells"]:
        lines = [
            [
                line,
                share(mean(by["accuracy"])),
                points(by["minus_published"]) if line != FIRST else "",
            ]
            for line, by in cell["lines"].items()
        ]
        title = f"{cell['set']}, {cell['per_label']} per label, {record['settings']['draws']} draws"
        tables.append(Table(title, ["", "accuracy", "it - published, points (95%)"], lines))
        e = cell["evidence"]
        keys = ("nearest_auroc", "fixed_auroc", "nearest_similarity", "fixed_similarity")
        rows.append(
            [f"{cell['set']}, {cell['per_label']}", *(f"{e[key]['mean']:.3f}" for key in keys)]
        )
    head = ["", "AUROC, nearest", "AUROC, fixed", "mean cosine, nearest", "mean cosine, fixed"]
    tables.append(Table(f"{SHOWN} examples shown with a question", head, rows))
    return Shown(tables)


def plot(record: Record, axes: Any) -> None:
    """Differences from the published form, with their intervals."""
    [panel] = axes
    names = [line for line in LINES if line != FIRST]
    for number, cell in enumerate(record["cells"]):
        gaps = [cell["lines"][line]["minus_published"] for line in names]
        errors = [[100 * abs(gap["mean"] - gap[k]) for gap in gaps] for k in ("low", "high")]
        panel.errorbar(
            [100 * gap["mean"] for gap in gaps],
            [i + 0.15 * number for i in range(len(names))],
            xerr=errors,
            fmt="o",
            markersize=3,
            label=f"{cell['set']}, {cell['per_label']}",
        )
    panel.set_yticks(range(len(names)), names, fontsize=7)
    panel.axvline(0, color="grey", linewidth=0.6)
    panel.invert_yaxis()
    panel.set(xlabel="points of accuracy, against the published form")
    panel.legend(frameon=False, fontsize=7)
