"""Texts of no label: how well each method's score tells them, and its false alarms."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from benchmarks.baselines import Rows, fit_flat, tempered
from benchmarks.context import Context
from benchmarks.data import BadData, Problem, draw
from benchmarks.measures import auroc, recall_at, resampled
from benchmarks.methods import fit_recipe, predict
from benchmarks.report import Check, Record, Shown, Table, mean, points, rounded, share

NAME = "unknown"
SUMMARY = "out-of-scope texts: AUROC, recall at 5% false alarms, false alarms at the threshold set"
MINUTES = 6
SETS = ("clinc150",)
PER_LABEL = (30, 100)
PANELS = 1
SHRINK = 0.3
"""Of the covariances, as in the recipe: it was chosen there, for accuracy."""

TITLES = {
    "recipe": "recipe",
    "softmax": "largest softmax of flat",
    "tempered": "the same, tempered",
    "logit": "largest logit of flat",
    "energy": "logsumexp of flat's logits",
    "neighbour": "nearest neighbour",
    "mahalanobis": "Mahalanobis",
    "relative": "relative Mahalanobis",
}
ASKED = {30: (0.973, 0.87), 100: (0.978, 0.895)}

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


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
        "False alarms asked: 5%. Recall is at the score that 5% of the test texts with a label "
        "exceed. The threshold set is the one a user gets: found without any out-of-scope text.",
        "Where a draw takes every text there is, further draws would be the same: one is measured, "
        "and its interval is over texts only.",
    ]
    context.cells(len(sets) * len(sizes) * context.draws)
    for name in sets:
        texts, vectors = context.load(name)
        if not texts.out_of_scope:
            raise BadData(f"{name} has no oos_test.jsonl.gz, which this benchmark needs")
        for size in sizes:
            draws = 1 if size >= texts.natural.max() else context.draws
            scores: dict[str, list[F64]] = {}
            alarms: list[dict[str, float]] = []
            kept = 0
            for seed in range(draws):
                problem = draw(texts, vectors, size, seed)
                asked = np.concatenate([problem.test_x, vectors.out_of_scope])
                outside = np.arange(len(asked)) >= len(problem.test_y)
                for method, score in _baselines(problem, asked).items():
                    scores.setdefault(method, []).append(score)
                classifier = fit_recipe(problem)
                kept = max(len(s.vectors[s.active]) for s in classifier.shelves.values())
                score = np.asarray([p.unknown for p in predict(classifier, asked)])
                scores.setdefault("recipe", []).append(score)
                above = score > classifier.unknown_threshold
                alarms.append(
                    {
                        "false_alarms": float(above[~outside].mean()),
                        "recall": float(above[outside].mean()),
                    }
                )
                what = f"{name}, {size} per label, draw {seed + 1}"
                context.done(f"{what}: recipe's AUROC {share(auroc(score, outside))}")
            cell = _cell(scores, outside, alarms)
            cell |= {"set": name, "per_label": size, "kept_by_recipe": kept}
            record["cells"].append(cell)
            context.save(record)
    return record


def _baselines(problem: Problem, asked: F32) -> dict[str, F64]:
    """Scores, higher for stranger, of the texts asked (n, d)."""
    flat = fit_flat(problem)
    logits = flat.softmax.logits(asked)
    # A softmax is blind to a constant per text: without one, its scores can be compared.
    logits = logits - logits.mean(axis=1, keepdims=True)
    rows = Rows.of(problem)
    nearest = np.concatenate(
        [(asked[a : a + 512] @ rows.x.T).max(axis=1) for a in range(0, len(asked), 512)]
    )
    own, background = _distances(rows, problem.size, asked)
    found = {
        "softmax": -tempered(logits, 1).max(axis=1),
        "tempered": -tempered(logits, flat.temperature).max(axis=1),
        "logit": -logits.max(axis=1),
        "energy": -logsumexp(logits, axis=1),
        "neighbour": -nearest,
        "mahalanobis": own,
        "relative": own - background,
    }
    return {method: np.asarray(score, np.float64) for method, score in found.items()}


def _distances(rows: Rows, labels: int, asked: F32) -> tuple[F64, F64]:
    """Squared Mahalanobis distance to the nearest label's mean, and to the mean of everything."""
    x = rows.x.astype(np.float64)
    count = np.bincount(rows.y, minlength=labels)
    means = np.zeros((labels, x.shape[1]))
    np.add.at(means, rows.y, x)
    means /= count[:, None]
    within = _precision(x - means[rows.y], len(x) - labels)
    total = _precision(x - x.mean(axis=0), len(x) - 1)
    q = asked.astype(np.float64)
    white, middle = q @ within, means @ within
    own = np.square(white).sum(axis=1) + (np.square(middle).sum(axis=1) - 2 * white @ middle.T).min(
        axis=1
    )
    return own, np.square((q - x.mean(axis=0)) @ total).sum(axis=1)


def _precision(centred: F64, freedom: int) -> F64:
    """The inverse root of the shrunk covariance, (d, d)."""
    covariance = centred.T @ centred / max(1, freedom)
    d = len(covariance)
    shrunk = (1 - SHRINK) * covariance + SHRINK * np.trace(covariance) / d * np.eye(d)
    values, axes = np.linalg.eigh(shrunk)
    return np.asarray((axes / np.sqrt(np.maximum(values, 1e-12))) @ axes.T)


def _cell(
    scores: dict[str, list[F64]], outside: NDArray[np.bool_], alarms: list[dict[str, float]]
) -> dict[str, Any]:
    ours = scores["recipe"]
    found: dict[str, Any] = {"methods": {}, "recipe_minus": {}, "at_threshold": {}}
    for method, said in scores.items():
        found["methods"][method] = {
            "auroc": rounded(auroc(score, outside) for score in said),
            "recall": rounded(recall_at(score, outside) for score in said),
        }
        if method == "recipe":
            continue

        def gap(number: int, rows: NDArray[np.intp], said: list[F64] = said) -> float:
            flags = outside[rows]
            return auroc(ours[number][rows], flags) - auroc(said[number][rows], flags)

        strata = outside.astype(np.intp)
        found["recipe_minus"][method] = resampled(gap, len(ours), strata).json()
    for key in ("false_alarms", "recall"):
        found["at_threshold"][key] = rounded(a[key] for a in alarms)
    return found


def shown(record: Record) -> Shown:
    """Tables and checks, from the record alone."""
    tables, checks = [], []
    for cell in record["cells"]:
        size, by = cell["per_label"], cell["methods"]
        rows = []
        for method in (m for m in TITLES if m in by):
            gap = cell["recipe_minus"].get(method)
            rows.append(
                [
                    TITLES[method],
                    share(mean(by[method]["auroc"])),
                    share(mean(by[method]["recall"])),
                    points(gap) if gap else "",
                ]
            )
        alarms = mean(cell["at_threshold"]["false_alarms"])
        recall = mean(cell["at_threshold"]["recall"])
        note = f"At the threshold set: {alarms:.1%} false alarms, recall {share(recall)}."
        if cell["kept_by_recipe"] < size:
            note += f" The recipe keeps {cell['kept_by_recipe']} of them; the others use all."
        title = f"{cell['set']}, {size} per label, {len(by['recipe']['auroc'])} draw(s)"
        head = ["score", "AUROC", "recall at 5%", "AUROC recipe - it, hundredths (95%)"]
        tables.append(Table(title, head, rows, note))
        ours = mean(by["recipe"]["auroc"]), mean(by["recipe"]["recall"])
        if size in ASKED:
            asked = ASKED[size]
            reached = ours[0] >= asked[0] and ours[1] >= asked[1]
            text = f"{size} per label: AUROC {share(asked[0])}, recall {share(asked[1])}"
            checks.append(Check(text, f"{share(ours[0])}, {share(ours[1])}", reached))
        best = {k: max(mean(by[m][k]) for m in by if m != "recipe") for k in ("auroc", "recall")}
        reached = ours[0] > best["auroc"] and ours[1] > best["recall"]
        text = f"{share(best['auroc'])}, {share(best['recall'])} for the best of them"
        checks.append(Check(f"{size} per label: above all baselines", text, reached))
        checks.append(
            Check(
                f"{size} per label: 3 to 6% false alarms where 5% was asked",
                f"{alarms:.1%}",
                0.03 <= alarms <= 0.06,
            )
        )
    return Shown(tables, checks)


def plot(record: Record, axes: Any) -> None:
    """Recall at 5% false alarms by method."""
    panel = axes[0]
    for cell in record["cells"]:
        by = cell["methods"]
        known = [m for m in TITLES if m in by]
        where = [list(TITLES).index(m) for m in known]
        values = [mean(by[m]["recall"]) for m in known]
        panel.plot(values, where, "o", label=f"{cell['per_label']} per label")
    panel.set_yticks(range(len(TITLES)), list(TITLES.values()), fontsize=7)
    panel.grid(axis="y", linewidth=0.4)
    panel.invert_yaxis()
    panel.set(xlabel="recall at 5% false alarms")
    panel.legend(frameon=False, fontsize=7)
