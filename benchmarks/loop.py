"""The whole loop: a stream, a pupil that is taught while it runs, a judge's recorded answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.asking import Budget, Judgement
from benchmarks.baselines import fit_flat
from benchmarks.context import Context
from benchmarks.data import BadData, Problem, TextSet, Vectors, chosen_rows, read_rows
from benchmarks.measures import crossed
from benchmarks.methods import fit_recipe
from benchmarks.pupils import CachePupil, FlatPupil, Pupil, RecipePupil
from benchmarks.report import Check, Record, Shown, Table, mean, points, rounded, share
from benchmarks.streaming import BATCH, Reply, Rule, streamed
from models.heads import centroids

NAME = "loop"
SUMMARY = "recorded answers of an LLM teach while a stream runs: accuracy against calls"
MINUTES = 6
SETS = ("banking77",)
PANELS = 2

ANSWERS = "banking77_llm"
JUDGE = "gpt-label"
PER_LABEL = (3, 30)
SHARES = (0.03, 0.05, 0.1, 0.15, 0.25, 0.35, 0.5)
PUPILS = {
    "recipe": "recipe",
    "fixed": "recipe, weights and shares of the fit",
    "flat": "flat, names",
    "cache": "kNN cache",
}
OURS, BASELINES = "recipe", ("flat", "cache")
RULES: dict[Rule, str] = {"weigh": "answers weighed", "trust": "answers believed"}
ASKED = {(30, 0.05): 0.925, (3, 0.25): 0.845}
"""Accuracy asked for, by gold texts per label and share of calls."""

Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Stream:
    """Texts in order: vectors (n, d), gold (n,), and what the judge said (n,), by label number."""

    x: NDArray[np.float32]
    gold: Ints
    said: Ints


def run(context: Context) -> Record:
    """Measure and record."""
    name, *others = context.usable(SETS)
    if others:
        raise BadData("name one set: the recorded answers are about one")
    texts, vectors = context.load(name)
    sizes = context.per_label or PER_LABEL
    record = context.record(
        NAME, (name,), draws=context.draws, per_label=sizes, shares=SHARES, judge=JUDGE
    )
    record["notes"] = [
        "A draw is a draw of gold examples and of the stream's order, the same for every method. "
        "Every question is one call about all labels at once, with the answer as recorded. The "
        "final label is scored; of a text that nobody asked about it is the pupil's.",
        "Weighed: the product's own rule (`models/trust.py`, `docs/weighing.md`). What the judge's "
        "answer is worth is estimated from its agreement with the pupil, nobody is asked where it "
        "is worth nothing, and what stays doubtful is not taught. By default the product weighs "
        "where left-out examples are right in .8 or more: with 30 gold, not with 3. "
        "Believed: the answer is the label and is taught, and calls go to the least confident.",
        "C, k, temperature and weights are chosen on the gold examples; the rule's own numbers on "
        "training texts outside the stream, with another model's recorded answers.",
    ]
    rows = _recorded(context, texts)
    context.cells(len(sizes) * context.draws)
    for per_label in sizes:
        right: dict[str, list[NDArray[np.bool_]]] = {}
        calls: dict[str, list[float]] = {}
        judged: list[float] = []
        for seed in range(context.draws):
            problem, stream = _drawn(texts, vectors, rows, per_label, seed)
            judged.append(float((stream.said == stream.gold).mean()))
            starts = _starts(problem)
            for rule in RULES:
                for pupil in PUPILS:
                    for budget in SHARES:
                        final, asked = _run(problem, stream, starts[pupil](), budget, rule)
                        key = f"{pupil} {rule} {budget:g}"
                        right.setdefault(key, []).append(final == stream.gold)
                        calls.setdefault(key, []).append(asked)
            last = right[f"{OURS} weigh {SHARES[-1]:g}"][-1]
            context.done(f"{per_label} per label, draw {seed + 1}: {share(last.mean())}")
            record["cells"] = [c for c in record["cells"] if c["per_label"] != per_label]
            record["cells"].append(_cell(name, per_label, len(rows), right, calls, judged))
            context.save(record)
    return record


def _recorded(context: Context, texts: TextSet) -> dict[int, int]:
    """Training rows of the texts with a recorded answer, and the answer's label number."""
    path = context.data / ANSWERS / "ocats_dev.jsonl.gz"
    number = {label: i for i, label in enumerate(texts.labels)}
    place = {text: i for i, text in enumerate(texts.train)}
    found = {
        place[row["text"]]: number[row[JUDGE]]
        for row in read_rows(path)
        if row["text"] in place and row.get(JUDGE) in number
    }
    if len(found) < 2 * BATCH:
        raise BadData(f"{path} has {len(found)} usable rows: the stream needs {2 * BATCH}")
    return found


def _drawn(
    texts: TextSet, vectors: Vectors, rows: dict[int, int], per_label: int, seed: int
) -> tuple[Problem, Stream]:
    """Gold examples outside the stream, and the stream in random order."""
    free = np.setdiff1d(np.arange(len(texts.train)), list(rows))
    everything = np.arange(len(texts.labels))
    gold = free[chosen_rows(texts.train_y[free], everything, per_label, seed)]
    if len(np.unique(texts.train_y[gold])) < len(texts.labels):
        raise BadData("a label has no training text outside the stream")
    order = np.random.default_rng([seed, 13]).permutation(np.asarray(sorted(rows), np.intp))
    problem = Problem(
        seed=seed,
        labels=texts.labels,
        x=vectors.train[gold],
        y=texts.train_y[gold],
        texts=tuple(texts.train[i] for i in gold),
        names=vectors.names,
        name_texts=texts.names,
        natural=texts.natural,
        test_x=vectors.test[:0],
        test_y=texts.test_y[:0],
        test_texts=(),
    )
    said = np.asarray([rows[int(i)] for i in order], np.intp)
    return problem, Stream(vectors.train[order], texts.train_y[order], said)


def _starts(problem: Problem) -> dict[str, Callable[[], Pupil]]:
    """Pupils as they are before the stream; what is fitted on gold is fitted once."""
    recipe, flat = fit_recipe(problem), fit_flat(problem)
    return {
        "recipe": lambda: RecipePupil(problem, recipe),
        "fixed": lambda: RecipePupil(problem, recipe, weights=False, shares=False),
        "flat": lambda: FlatPupil(problem, flat),
        "cache": lambda: CachePupil(problem),
    }


def _run(
    problem: Problem, stream: Stream, pupil: Pupil, budget_share: float, rule: Rule
) -> tuple[Ints, float]:
    """Final labels (n,) and calls per text; every question is about all labels at once."""
    judgement = Judgement(centroids(problem.x, problem.y, problem.size))
    came = streamed(
        stream.x,
        pupil,
        lambda row, leading, p: Reply(int(stream.said[row])),
        judgement,
        Budget(budget_share),
        rule,
    )
    return came.final, came.calls / len(stream.x)


def _cell(
    name: str,
    per_label: int,
    texts: int,
    right: dict[str, list[NDArray[np.bool_]]],
    calls: dict[str, list[float]],
    judged: Sequence[float],
) -> dict[str, Any]:
    values = {key: np.stack(one).astype(np.float64) for key, one in right.items()}
    cell: dict[str, Any] = {
        "set": name,
        "per_label": per_label,
        "texts": texts,
        "judge_for_every_text": rounded(judged),
        "runs": {},
    }
    for key, one in values.items():
        pupil, rule, budget = key.split()
        run: dict[str, Any] = {
            "accuracy": crossed(one).json(),
            "by_draw": rounded(one.mean(axis=1)),
            "calls": rounded(calls[key]),
        }
        if pupil == OURS:
            run["minus"] = {
                f"{other} {way}": crossed(one - values[f"{other} {way} {budget}"]).json()
                for other in PUPILS
                for way in RULES
                if (other, way) != (pupil, rule)
            }
        cell["runs"][key] = run
    return cell


def shown(record: Record) -> Shown:
    """Tables and checks, from the record alone."""
    tables, checks = [], []
    for cell in record["cells"]:
        runs = cell["runs"]
        for rule, title in RULES.items():
            rows = []
            for budget in record["settings"]["shares"]:
                row = [share(budget)]
                for pupil in PUPILS:
                    run = runs[f"{pupil} {rule} {budget:g}"]
                    low, high = run["accuracy"]["low"], run["accuracy"]["high"]
                    row.append(
                        f"{share(run['accuracy']['mean'])} ({share(low)} to {share(high)}) "
                        f"at {share(mean(run['calls']))}"
                    )
                gap = runs[f"{OURS} {rule} {budget:g}"]["minus"]
                rows.append([*row, *(points(gap[f"{b} {rule}"]) for b in BASELINES)])
            judge = f"{share(mean(cell['judge_for_every_text']))} at {share(1)}"
            rows.append(["the LLM for every text", *[judge] * len(PUPILS), *[""] * len(BASELINES)])
            head = [
                "calls allowed",
                *PUPILS.values(),
                *(f"recipe - {PUPILS[b]}" for b in BASELINES),
            ]
            note = "Accuracy with its 95% interval over draws and texts, at calls per text as made."
            tables.append(Table(f"{_title(cell)}, {title}", head, rows, note))
        checks += _checks(cell, record["settings"]["shares"])
    return Shown(tables, checks)


def _title(cell: dict[str, Any]) -> str:
    return f"{cell['set']}, {cell['per_label']} gold per label, {cell['texts']:,} texts"


def _checks(cell: dict[str, Any], shares: Sequence[float]) -> list[Check]:
    runs = cell["runs"]
    ours = [runs[f"{OURS} weigh {budget:g}"]["accuracy"]["mean"] for budget in shares]
    best = [
        max(runs[f"{b} {rule} {budget:g}"]["accuracy"]["mean"] for b in BASELINES for rule in RULES)
        for budget in shares
    ]
    above = sum(a > b for a, b in zip(ours, best, strict=True))
    falls = max(max(ours[: i + 1]) - value for i, value in enumerate(ours))
    each = f"{cell['per_label']} gold"
    checks = [
        Check(
            f"{each}: above both baselines, by either rule, at every share of calls",
            f"{above} of {len(shares)}",
            above == len(shares),
        ),
        Check(f"{each}: never falling as calls grow", f"falls by {share(falls)}", falls <= 0),
    ]
    for (per_label, budget), figure in ASKED.items():
        if per_label == cell["per_label"] and budget in shares:
            found = ours[list(shares).index(budget)]
            asked = f"{each}: {share(figure)} at {share(budget)} calls"
            checks.append(Check(asked, share(found), found >= figure))
    return checks


def plot(record: Record, axes: Any) -> None:
    """Accuracy against calls as made; dashed where answers are believed."""
    for cell, panel in zip(record["cells"], axes, strict=False):
        for number, (pupil, title) in enumerate(PUPILS.items()):
            for rule, style in (("weigh", "-"), ("trust", "--")):
                runs = [cell["runs"][f"{pupil} {rule} {b:g}"] for b in record["settings"]["shares"]]
                panel.plot(
                    [mean(run["calls"]) for run in runs],
                    [run["accuracy"]["mean"] for run in runs],
                    style,
                    color=f"C{number}",
                    label=title if rule == "weigh" else None,
                )
        judge = mean(cell["judge_for_every_text"])
        panel.axhline(judge, color="0.5", lw=0.8, ls=":", label="the LLM for every text")
        panel.set(xlabel="calls per text", ylabel="accuracy", title=_title(cell))
        panel.legend(frameon=False, fontsize=6)
