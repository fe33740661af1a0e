"""Recursion as published: validate, learn, and predict the rest again, until nothing moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.context import Context
from benchmarks.data import Problem
from benchmarks.loop_draw import MANY_LABELS, Drawn, drawn
from benchmarks.methods import fit_recipe, numbered, predict
from benchmarks.report import Check, Record, Shown, Table, mean, share
from benchmarks.simulated import ERROR, Simulated
from models.classifier import Classifier, Example
from models.prediction import Prediction

NAME = "recursion"
SUMMARY = "rounds over a finite pool: uncertain texts validated, learnt, and predicted again"
MINUTES = 25
SETS = ("clinc150", "onet_titles")
PANELS = 2

PER_LABEL = 10
POOL = 5_000
ROUNDS = 20
"""Rounds that are run; five are asked for, the rest shows what the stopping rule gives up."""

ASKED_ROUNDS = 5
STOP = 0.01
"""The published rule: stop where the count of uncertain texts falls by less than this share."""

GIVEN_UP = 0.005
"""The most accuracy that rounds after the stop may still add."""

TEST = 1_500
MOST_DRAWS = 2
WAYS = {"learning": "learning between rounds", "frozen": "the same questions, nothing learnt"}

Ints = NDArray[np.intp]


def run(context: Context) -> Record:
    """Measure and record."""
    sets = context.usable(SETS)
    record = context.record(
        NAME,
        sets,
        draws=context.draws,
        per_label=PER_LABEL,
        pool=POOL,
        rounds=ROUNDS,
        judge_error=ERROR,
        stop=STOP,
    )
    record["notes"] = [
        "The pool is training texts outside the gold examples. A round: what is not labelled yet "
        "is predicted; from the threshold on (cross-validated on the gold examples for .95) it is "
        "labelled unasked; of every other text its likeliest label not yet refused is put to the "
        "judge, *valid* or *invalid*, one call each. What is valid is labelled and learnt at the "
        "end of the round. Uncertain is what then has no label; it counts as wrong.",
        "The simulated judge errs on 10% of the texts (mean over labels), always the same way: "
        "asking again, or about another label, never gets another belief out of it. A run asks "
        "*choose* behind a refusal and so needs fewer rounds; this is the published form.",
        f"Test: {TEST:,} texts of the test set, by the classifier alone after the round.",
    ]
    context.cells(len(sets) * context.draws)
    for name in sets:
        texts, vectors = context.load(name)
        cell: dict[str, Any] = {"set": name, "ways": {way: [] for way in WAYS}}
        many = len(texts.labels) >= MANY_LABELS
        for seed in range(min(context.draws, MOST_DRAWS) if many else context.draws):
            one = drawn(texts, vectors, PER_LABEL, POOL, seed)
            cell |= {"labels": one.problem.size, "texts": len(one.x)}
            judge = Simulated.of(one.problem, one.x, one.gold, seed)
            fitted = fit_recipe(one.problem)
            for way in WAYS:
                cell["ways"][way].append(rounds(one, judge, fitted, way == "learning"))
            record["cells"] = [c for c in record["cells"] if c["set"] != name] + [cell]
            context.save(record)
            last = cell["ways"]["learning"][-1]
            context.done(f"{name}, draw {seed + 1}: {', '.join(map(share, last['accuracy']))}")
    return record


@dataclass
class _Pool:
    """Every text's label so far, -1 for none, and what was refused of it."""

    final: Ints
    refused: list[set[str]]
    taught: list[int] = field(default_factory=list)

    @property
    def open(self) -> Ints:
        """Texts without a label."""
        return np.flatnonzero(self.final < 0)


def rounds(one: Drawn, judge: Simulated, classifier: Classifier, learns: bool) -> dict[str, Any]:
    """Figures round by round."""
    problem = one.problem
    pool = _Pool(np.full(len(one.x), -1, np.intp), [set() for _ in one.x])
    asked = np.random.default_rng(0).permutation(len(problem.test_y))[:TEST]
    found: dict[str, list[float]] = {key: [] for key in FIGURES}
    for number in range(ROUNDS):
        begun = len(pool.open)
        calls, accepted = _round(pool, one, judge, classifier, number)
        if learns and accepted:
            classifier = classifier.learn(accepted)
        labelled = pool.final >= 0
        right = pool.final == one.gold
        taught = np.asarray(pool.taught, np.intp)
        before = found["calls"][-1] if number else 0.0
        test = found["test"][-1] if number and not (learns and accepted) else None
        if test is None:
            test = _right(classifier, problem, asked)
        values = {
            "began": begun,
            "uncertain": len(pool.open),
            "accepted": len(accepted),
            "rejected": calls - len(accepted),
            "unasked": begun - len(pool.open) - len(accepted),
            "accuracy": float(right.mean()),
            "precision": float(right[labelled].mean()) if labelled.any() else 1.0,
            "taught_right": float(right[taught].mean()) if len(taught) else 1.0,
            "calls": before + calls / len(one.x),
            "test": test,
        }
        for key in FIGURES:
            found[key].append(round(values[key], 6))
    return found


FIGURES = (
    "began",
    "uncertain",
    "accepted",
    "rejected",
    "unasked",
    "accuracy",
    "precision",
    "taught_right",
    "calls",
    "test",
)


def _right(classifier: Classifier, problem: Problem, rows: Ints) -> float:
    said = numbered(problem, predict(classifier, problem.test_x[rows]))
    return float((said == problem.test_y[rows]).mean())


def _round(
    pool: _Pool, one: Drawn, judge: Simulated, classifier: Classifier, number: int
) -> tuple[int, list[Example]]:
    """Label what is sure, ask about the rest; calls made and what is to be learnt."""
    calls, accepted = 0, []
    place = {label: i for i, label in enumerate(one.problem.labels)}
    rows = pool.open
    for row, said in zip(rows.tolist(), predict(classifier, one.x[rows]), strict=True):
        lead = _lead(said, pool.refused[row])
        if lead is None:
            continue
        if lead == said.label and said.confidence >= classifier.threshold:
            pool.final[row] = place[lead]
            continue
        calls += 1
        if judge.believed[row] != place[lead]:
            pool.refused[row].add(lead)
            continue
        pool.final[row] = place[lead]
        pool.taught.append(row)
        accepted.append(Example(f"r{number}-{row:06d}", lead, one.x[row], gold=False))
    return calls, accepted


def _lead(said: Prediction, refused: set[str]) -> str | None:
    return next((c.label for c in said.contenders if c.label not in refused), None)


def stops(uncertain: Sequence[float]) -> int | None:
    """The number of the round, from 1, after which the rule stops; None if it never does."""
    for number in range(1, len(uncertain)):
        before, after = uncertain[number - 1], uncertain[number]
        if before - after < STOP * before or not after:
            return number + 1
    return None


def shown(record: Record) -> Shown:
    """Tables and checks, from the record alone."""
    tables, checks = [], []
    for cell in record["cells"]:
        title = f"{cell['set']}, {cell['labels']} labels, {PER_LABEL} gold each"
        title += f", {cell['texts']:,} texts"
        for way, what in WAYS.items():
            curves = cell["ways"][way]
            rows = []
            for i in range(max(stops(c["uncertain"]) or len(c["uncertain"]) for c in curves)):
                of = {key: mean(c[key][i] for c in curves) for key in FIGURES}
                counts = (
                    f"{of[k]:,.0f}"
                    for k in ("began", "unasked", "accepted", "rejected", "uncertain")
                )
                shares = (share(of[k]) for k in ("accuracy", "precision", "taught_right", "test"))
                rows.append([str(i + 1), *counts, *shares, f"{of['calls']:.3f}"])
            head = ["round", "open", "labelled unasked", "valid", "invalid", "uncertain"]
            head += ["accuracy", "of what is labelled", "taught right", "test", "calls so far"]
            note = f"Means over {len(curves)} draws; calls per text of the pool."
            tables.append(Table(f"{title}, {what}", head, rows, note))
        checks += _checks(cell)
    return Shown(tables, checks)


def _checks(cell: dict[str, Any]) -> list[Check]:
    curves, name = cell["ways"]["learning"], cell["set"]
    first = [c["accuracy"][:ASKED_ROUNDS] for c in curves]
    rising = all(b > a for one in first for a, b in pairwise(one))
    counts_by = [c["uncertain"][:ASKED_ROUNDS] for c in curves]
    falling = all(b < a for one in counts_by for a, b in pairwise(one))
    by_round = ", ".join(share(mean(one[i] for one in first)) for i in range(len(first[0])))
    counts = ", ".join(
        f"{mean(c['uncertain'][i] for c in curves):,.0f}" for i in range(len(first[0]))
    )
    stop = [stops(c["uncertain"]) for c in curves]
    after = [c["accuracy"][(s or 0) - 1 :] for c, s in zip(curves, stop, strict=True)]
    lost = max(max(one) - one[0] for one in after)
    known = sorted(s for s in stop if s is not None)
    if len(known) < len(stop):
        run = len(curves[0]["uncertain"])
        said = f"did not stop in {run} rounds in {len(stop) - len(known)} of {len(stop)} draws"
    else:
        said = f"stops after {known[0]} to {known[-1]} rounds, {share(lost)} given up"
    last = min(ASKED_ROUNDS, len(first[0])) - 1
    frozen = mean(c["accuracy"][last] for c in cell["ways"]["frozen"])
    found = mean(c["accuracy"][last] for c in curves)
    return [
        Check(f"{name}: accuracy rises in each of five rounds", by_round, rising),
        Check(f"{name}: fewer uncertain in each of five rounds", counts, falling),
        Check(
            f"{name}: the rule stops, and at most {share(GIVEN_UP)} is given up",
            said,
            len(known) == len(stop) and lost <= GIVEN_UP,
        ),
        Check(
            f"{name}: above the same questions with nothing learnt",
            f"{share(found)}, {share(frozen)}",
            found > frozen,
        ),
    ]


def plot(record: Record, axes: Any) -> None:
    """Accuracy and the share of uncertain texts, round by round."""
    for cell, panel in zip(record["cells"], axes, strict=False):
        for way, style in (("learning", "-o"), ("frozen", "--s")):
            curves = cell["ways"][way]
            x = np.arange(1, len(curves[0]["accuracy"]) + 1)
            for key, scale in (("accuracy", 1), ("uncertain", cell["texts"])):
                y = np.mean([c[key] for c in curves], axis=0) / scale
                color = "C0" if key == "accuracy" else "C1"
                panel.plot(x, y, style, color=color, markersize=3, label=f"{key}, {way}")
        panel.set(xlabel="round", ylabel="share of the pool", title=cell["set"])
        panel.legend(frameon=False, fontsize=6)
