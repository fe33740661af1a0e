"""What each part of the recipe is worth: one thing changed at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.context import Context
from benchmarks.data import Problem, draw
from benchmarks.measures import crossed
from benchmarks.pieces import (
    NAMES,
    Fit,
    Scores,
    held_out,
    scores_of,
    settle,
    training_of,
    usual,
    whole,
)
from benchmarks.report import Record, Shown, Table, mean, points, rounded, share
from models.confidence import log_prior
from models.fitting import Fitted, Options, Training, fit_blocks, group
from models.heads import START, Rows, centroids, solve
from models.measures import ece
from models.metric import fit_metric
from models.published import NOISE_RATIO, STEPS
from models.scorer import Scorer

NAME = "ablation"
SUMMARY = "noise computed or trained, grouping, UMAP, subset size, each feature of the score"
MINUTES = 12
SETS = ("clinc150", "banking77")
PER_LABEL = (30,)
PANELS = 1

TRAINED_C = 15.0
"""Of the heads with trained noise; the published R.E.D. chooses it most often."""

Ints = NDArray[np.intp]
Said = tuple[Ints, NDArray[np.floating]]
Grouping = Callable[[Training, int], list[list[int]]]


def by_options(options: Options) -> Grouping:
    """Subsets as a fit with these options makes them."""
    return lambda training, seed: group(training, options, seed)


def most_similar(training: Training, seed: int) -> list[list[int]]:
    """Greedily, the label most similar to the subset's mean: the opposite of R.E.D.'s rule."""
    return alike(centroids(training.x, training.owner, training.labels))


def alike(x: NDArray[np.float32]) -> list[list[int]]:
    """Subsets of the most similar labels, by their centroids (labels, d)."""
    left = list(range(len(x)))
    groups = []
    for part in np.array_split(left, -(-len(x) // Options().size)):
        members = [left.pop(0)]
        while len(members) < len(part):
            likeness = x[left] @ x[members].sum(axis=0)
            members.append(left.pop(int(likeness.argmax())))
        groups.append(sorted(members))
    return groups


def one_subset(training: Training, seed: int) -> list[list[int]]:
    """All labels in one: no noise class at all."""
    return [list(range(training.labels))]


def trained_noise(
    training: Training, rows: Ints, groups: list[list[int]], options: Options, seed: int
) -> Fitted:
    """Heads as published, each with a noise class of its own; scores are log odds against it."""
    x, owner = training.x[rows], training.owner[rows]
    rng = np.random.default_rng([seed, 3])
    heads = []
    for members in groups:
        place = np.full(training.labels, -1, np.intp)
        place[members] = np.arange(len(members))
        mine, others = np.flatnonzero(place[owner] >= 0), np.flatnonzero(place[owner] < 0)
        wanted = round(NOISE_RATIO * len(mine) / len(members))
        few = len(others) < wanted
        drawn = rng.choice(others, size=wanted, replace=few) if len(others) else others
        index = np.concatenate([mine, drawn])
        target = np.append(place[owner[mine]], np.full(len(drawn), len(members))).astype(np.intp)
        nothing = np.full(len(index), -np.inf, np.float32)
        weights, bias = solve(
            Rows(x[index], target, nothing, np.ones(len(index), np.float32)),
            START * centroids(x[index], target, len(members) + 1),
            np.zeros(len(members) + 1, np.float32),
            c=TRAINED_C,
            steps=STEPS,
        )
        heads.append((weights[:-1] - weights[-1], bias[:-1] - bias[-1]))
    return Fitted(fit_metric(x, owner, training.labels), heads, groups)


USUAL = Options()
VARIANTS: dict[str, tuple[Grouping, Fit]] = {
    "recipe": (by_options(USUAL), fit_blocks),
    "noise trained, not computed": (by_options(USUAL), trained_noise),
    "without UMAP": (by_options(replace(USUAL, grouping="raw")), fit_blocks),
    "subsets at random": (by_options(replace(USUAL, grouping="random")), fit_blocks),
    "subsets of the most similar": (most_similar, fit_blocks),
    "subsets of 10": (by_options(replace(USUAL, size=10)), fit_blocks),
    "subsets of 50": (by_options(replace(USUAL, size=50)), fit_blocks),
    "one subset": (one_subset, fit_blocks),
}
HEADS = {
    "recipe": "heads alone, noise computed",
    "noise trained, not computed": "heads alone, noise trained",
}
"""Variants whose heads are looked at by themselves too."""

FEATURES = {
    "blk": "without the heads' score",
    "cosw": "without the whitened centroid",
    "ls": "without kernel evidence",
    "lsw": "without whitened kernel evidence",
    "rw": "without the arbiter",
    "prior": "without the prior",
}


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
    record["notes"] = [
        "Put together from the classifier's own pieces (benchmarks/pieces.py), the arbiter asked "
        "for every text; weights are fitted anew for each line, on held-out training texts.",
        "Draws here have as many examples of each label, so the prior says nothing; what it is "
        "worth where shares are skewed is in *thousand*.",
    ]
    context.cells(len(sets) * len(sizes) * context.draws * len(VARIANTS))
    for name in sets:
        texts, vectors = context.load(name)
        for size in sizes:
            kept: dict[str, list[Said]] = {}
            truth = np.zeros(0, np.intp)
            for seed in range(context.draws):
                problem = draw(texts, vectors, size, seed)
                truth = problem.test_y
                for variant, (grouping, fit) in VARIANTS.items():
                    for line, said in _variant(problem, variant, grouping, fit).items():
                        kept.setdefault(line, []).append(said)
                    right = (kept[variant][-1][0] == truth).mean()
                    what = f"{name}, {size} per label, draw {seed + 1}, {variant}"
                    context.done(f"{what}: {share(right)}")
            record["cells"].append(_cell(name, size, truth, kept))
            context.save(record)
    return record


def _variant(problem: Problem, variant: str, grouping: Grouping, fit: Fit) -> dict[str, Said]:
    training = training_of(problem)
    groups = grouping(training, problem.seed)
    held = held_out(training, groups, problem.seed, fit=fit)
    scorer = whole(training, groups, problem.seed, fit=fit)
    x, y = problem.test_x, problem.test_y
    test = scores_of(scorer, x, y, log_prior(training.counts))
    found = {variant: _said(held, test)}
    if variant in HEADS:
        found[HEADS[variant]] = _heads(scorer, x)
    if variant == "recipe":
        for feature, line in FEATURES.items():
            found[line] = _said(held, test, without=feature)
    return found


def _said(held: list[Scores], test: Scores, without: str = "") -> Said:
    features = np.concatenate([s.features for s in held])
    truth = np.concatenate([s.truth for s in held])
    asked = test.features
    if without:
        use = (np.asarray(NAMES) != without).astype(np.float32)
        features, asked = features * use, asked * use
    p, _ = settle(features, truth, asked, usual())
    best = p[:, :-1].argmax(axis=1)
    label = np.take_along_axis(test.contenders, best[:, None], axis=1)[:, 0]
    return label, p[:, :-1].max(axis=1)


def _heads(scorer: Scorer, x: NDArray[np.float32]) -> Said:
    """By the heads' scores alone, without a temperature: their ECE is not looked at."""
    z = x @ scorer.weights.T + scorer.bias - scorer.log_count
    return z.argmax(axis=1), np.full(len(x), np.nan)


def _cell(name: str, size: int, truth: Ints, kept: dict[str, list[Said]]) -> dict[str, Any]:
    right = {line: np.stack([label == truth for label, _ in said]) for line, said in kept.items()}
    lines = {}
    for line, said in kept.items():
        lines[line] = {
            "accuracy": rounded(right[line].mean(axis=1)),
            "ece": [
                round(ece(c, ok), 6)
                for (_, c), ok in zip(said, right[line], strict=True)
                if not np.isnan(c).any()
            ],
            "minus_recipe": crossed(right[line].astype(np.float64) - right["recipe"]).json(),
        }
    return {"set": name, "per_label": size, "lines": lines}


def shown(record: Record) -> Shown:
    """The table, from the record alone."""
    order = ["recipe", *HEADS.values(), *list(VARIANTS)[1:], *FEATURES.values()]
    tables = []
    for cell in record["cells"]:
        rows = []
        for line in order:
            by = cell["lines"].get(line)
            if by is None:
                continue
            error = f"{mean(by['ece']):.3f}" if by["ece"] else ""
            gap = points(by["minus_recipe"]) if line != "recipe" else ""
            rows.append([line, share(mean(by["accuracy"])), gap, error])
        title = f"{cell['set']}, {cell['per_label']} per label, {record['settings']['draws']} draws"
        tables.append(Table(title, ["", "accuracy", "it - recipe, points (95%)", "ECE"], rows))
    return Shown(tables)


def plot(record: Record, axes: Any) -> None:
    """Differences from the recipe, with their intervals."""
    panel = axes[0]
    names: list[str] = []
    for number, cell in enumerate(record["cells"]):
        lines = {k: v["minus_recipe"] for k, v in cell["lines"].items() if k != "recipe"}
        names = list(lines)
        values = [100 * v["mean"] for v in lines.values()]
        errors = [[100 * abs(v["mean"] - v[k]) for v in lines.values()] for k in ("low", "high")]
        where = [i + 0.25 * number for i in range(len(names))]
        panel.errorbar(values, where, xerr=errors, fmt="o", markersize=3, label=cell["set"])
    panel.set_yticks(range(len(names)), names, fontsize=6)
    panel.axvline(0, color="grey", linewidth=0.6)
    panel.invert_yaxis()
    panel.set(xlabel="points of accuracy, against the recipe")
    panel.legend(frameon=False, fontsize=7)
