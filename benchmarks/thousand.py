"""A thousand labels: real job titles, with more and more information for recipe and flat alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.baselines import centroid, neighbours
from benchmarks.context import Context, clock
from benchmarks.data import Problem, draw
from benchmarks.information import LEVELS, Said, flat_levels, recipe_levels
from benchmarks.measures import crossed
from benchmarks.methods import TITLES, published
from benchmarks.report import Check, Record, Shown, Table, mean, points, rounded, share
from models.measures import ece

NAME = "thousand"
SUMMARY = "a thousand labels (O*NET), with and without letters, words and natural label shares"
MINUTES = 45
SETS = ("onet_titles",)
AT_LEAST = 5
PER_LABEL = 30
MOST_DRAWS = 3
PANELS = 1


def run(context: Context) -> Record:
    """Measure and record."""
    sets = context.usable(SETS)
    draws = min(context.draws, MOST_DRAWS)
    record = context.record(
        NAME,
        sets,
        draws=draws,
        per_label=PER_LABEL,
        at_least=AT_LEAST,
    )
    record["notes"] = [
        f"At most {MOST_DRAWS} draws: a flat head at a thousand labels takes minutes. From 500 "
        "labels on its C and temperature are chosen on one split with a fifth held out, instead of "
        "five.",
        'Words: the vectors of the encoder "default+words". Flat is fitted on the very same '
        "vectors, and has lexical cosines (TF-IDF, to a label's centroid and its nearest example) "
        "besides, in a logit over all labels.",
        "Natural shares: how often each label occurs in the whole training set, of which at most "
        f"{PER_LABEL} texts each are drawn. The recipe takes them as the labels' counts, flat as "
        "one more number of the logit, its held-out texts weighted accordingly.",
    ]
    context.cells(len(sets) * draws * 5)
    for name in sets:
        texts, vectors = context.load(name)
        kept: dict[str, dict[str, list[Said]]] = {}
        seconds: dict[str, list[float]] = {}
        chosen: dict[str, list[Any]] = {}
        problem: Problem | None = None
        for seed in range(draws):
            problem = draw(texts, vectors, PER_LABEL, seed, at_least=AT_LEAST)
            for method, level, said, spent, settings in _answers(problem):
                kept.setdefault(level, {}).setdefault(method, []).append(said)
                if level == LEVELS[0]:
                    seconds.setdefault(method, []).append(spent)
                    chosen.setdefault(method, []).append(settings)
                right = (said[0] == problem.test_y).mean()
                what = f"{name}, draw {seed + 1}, {method}, {level}: {share(right)}"
                if level == LEVELS[0]:
                    context.done(f"{what} in {clock(spent)}")
                else:
                    context.say(what)
            record["cells"] = record["cells"][: sets.index(name)]
            record["cells"].append(_cell(name, problem, kept, seconds, chosen))
            context.save(record)
    return record


def _answers(problem: Problem) -> Iterator[tuple[str, str, Said, float, Any]]:
    for method, ask in (
        ("neighbours", neighbours),
        ("centroid", centroid),
        ("published", published),
    ):
        answer = ask(problem)
        said = answer.label, answer.confidence
        yield method, LEVELS[0], said, answer.fit_seconds, answer.chosen
    for level, said, fitted in flat_levels(problem):
        settings = {"C": fitted.c, "held_out_log_loss_by_C": fitted.loss_by_c}
        yield "flat", level, said, fitted.seconds, settings
    for level, said, spent in recipe_levels(problem):
        yield "recipe", level, said, spent, {}


def _cell(
    name: str,
    problem: Problem,
    kept: dict[str, dict[str, list[Said]]],
    seconds: dict[str, list[float]],
    chosen: dict[str, list[Any]],
) -> dict[str, Any]:
    cell: dict[str, Any] = {
        "set": name,
        "labels": problem.size,
        "examples": len(problem.y),
        "test": len(problem.test_y),
        "fit_seconds": {m: rounded(s, 1) for m, s in seconds.items()},
        "chosen": chosen,
        "levels": {},
    }
    for level, by_method in kept.items():
        found: dict[str, Any] = {}
        right = {
            method: np.stack([label == problem.test_y for label, _ in said])
            for method, said in by_method.items()
        }
        for method, said in by_method.items():
            found[method] = {
                "accuracy": rounded(right[method].mean(axis=1)),
                "ece": rounded(ece(c, ok) for (_, c), ok in zip(said, right[method], strict=True)),
            }
        if len(right.get("recipe", ())) == len(right.get("flat", ())) and "recipe" in right:
            gap = right["recipe"].astype(np.float64) - right["flat"]
            found["recipe_minus_flat"] = crossed(gap).json()
        cell["levels"][level] = found
    return cell


def shown(record: Record) -> Shown:
    """Tables and checks, from the record alone."""
    tables, checks = [], []
    for cell in record["cells"]:
        rows = []
        for level in LEVELS:
            by = cell["levels"].get(level, {})
            if not {"recipe", "flat", "recipe_minus_flat"} <= by.keys():
                continue
            gap = by["recipe_minus_flat"]
            rows.append(
                [
                    level,
                    *(share(mean(by[m]["accuracy"])) for m in ("recipe", "flat")),
                    points(gap),
                    *(f"{mean(by[m]['ece']):.3f}" for m in ("recipe", "flat")),
                ]
            )
            checks.append(
                Check(f"{level}: above flat by half a point", points(gap), gap["mean"] >= 0.005)
            )
            error = mean(by["recipe"]["ece"])
            checks.append(Check(f"{level}: ECE at most .04", f"{error:.3f}", error <= 0.04))
            if level == LEVELS[-1]:
                value = mean(by["recipe"]["accuracy"])
                checks.append(Check(f"{level}: .535", share(value), value >= 0.535))
        plain = cell["levels"].get(LEVELS[0], {})
        others = ", ".join(
            f"{TITLES[m]} {share(mean(plain[m]['accuracy']))}"
            for m in ("neighbours", "centroid", "published")
            if m in plain
        )
        head = [
            "information",
            "recipe",
            "flat",
            "recipe - flat, points (95%)",
            "ECE recipe",
            "flat",
        ]
        size = f"{cell['labels']} labels, {cell['examples']:,} examples"
        draws = len(plain.get("recipe", {}).get("accuracy", ()))
        title = f"{cell['set']}: {size}, {draws} draws"
        tables.append(Table(title, head, rows, f"On vectors alone: {others}."))
    return Shown(tables, checks)


def plot(record: Record, axes: Any) -> None:
    """Accuracy of recipe and flat at every level, draw by draw."""
    for panel, cell in zip(axes, record["cells"], strict=False):
        levels = [v for v in LEVELS if "recipe_minus_flat" in cell["levels"].get(v, {})]
        for shift, mark, method in ((-0.12, "o", "recipe"), (0.12, "s", "flat")):
            pairs = [
                (i + shift, value)
                for i, level in enumerate(levels)
                for value in cell["levels"][level][method]["accuracy"]
            ]
            panel.plot(*zip(*pairs, strict=True), mark, markersize=4, label=method)
        panel.set_xticks(range(len(levels)), levels, fontsize=7)
        panel.set(ylabel="accuracy", title=cell["set"])
        panel.legend(frameon=False)
