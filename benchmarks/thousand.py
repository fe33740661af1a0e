"""A thousand labels: real job titles, with more and more information for recipe and flat alike."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.baselines import Flat, Rows, centroid, fit_flat, neighbours
from benchmarks.context import Context, clock
from benchmarks.data import Problem, draw
from benchmarks.lexical import Lexical
from benchmarks.logit import fit_logit, probabilities
from benchmarks.measures import crossed, ece
from benchmarks.methods import TITLES, fit_recipe, numbered, predict, published
from benchmarks.pieces import held_out_scorers, scores_of, settle, training_of, usual
from benchmarks.report import Check, Record, Shown, Table, mean, points, rounded, share
from models.confidence import log_prior
from models.threads import one_thread

NAME = "thousand"
SUMMARY = "a thousand labels (O*NET), with and without lexical features and natural label shares"
MINUTES = 15
SETS = ("onet_titles",)
AT_LEAST = 5
PER_LABEL = 30
MOST_DRAWS = 3
PANELS = 1

LEVELS = ("vectors", "+ shares", "+ lexical", "+ lexical + shares")
LEXICAL = {"+ lexical", "+ lexical + shares"}
SHARES = {"+ shares", "+ lexical + shares"}
LEXICAL_SCALE = 10.0
"""Cosines to nats, about: where the weights start matters little, that they are alike does."""

F32 = NDArray[np.float32]
Said = tuple[NDArray[np.intp], NDArray[np.floating]]


def run(context: Context) -> Record:
    """Measure and record."""
    sets = context.usable(SETS)
    draws = min(context.draws, MOST_DRAWS)
    record = context.record(
        NAME,
        {name: context.load(name)[0].about() for name in sets},
        draws=draws,
        per_label=PER_LABEL,
        at_least=AT_LEAST,
    )
    record["notes"] = [
        f"At most {MOST_DRAWS} draws: a flat head at a thousand labels takes minutes. From 500 "
        "labels on its C and temperature are chosen on one split with a fifth held out, instead of "
        "five.",
        "The classifier as it is gives the recipe's line *vectors*; its other lines are put "
        "together from its pieces, since it reads no texts: lexical scores help to choose the "
        "contenders, too. Flat gets the same numbers (lexical "
        "cosines, log of natural over drawn share) in the same kind of logit, over all labels.",
        "Natural shares: how often each label occurs in the whole training set, of which at most "
        f"{PER_LABEL} texts each are drawn; held-out texts are weighted accordingly.",
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
        yield (
            method,
            LEVELS[0],
            (answer.label, answer.confidence),
            answer.fit_seconds,
            answer.chosen,
        )
    lexical = Lexical(
        [*problem.texts, *problem.name_texts],
        np.concatenate([problem.y, np.arange(problem.size)]),
        problem.size,
    ).scores(problem.test_texts)
    fitted = fit_flat(problem)
    settings = {"C": fitted.c, "held_out_log_loss_by_C": fitted.loss_by_c}
    for level, said in _flat(problem, fitted, lexical):
        yield "flat", level, said, fitted.seconds, settings
    yield from _recipe(problem, lexical)


def _held_lexical(problem: Problem, inside: NDArray[np.intp], out: NDArray[np.intp]) -> F32:
    """Lexical scores of held-out rows (numbers: texts, then names) by the others."""
    texts = [*problem.texts, *problem.name_texts]
    y = np.concatenate([problem.y, np.arange(problem.size)])
    known = Lexical([texts[i] for i in inside], y[inside], problem.size)
    return known.scores([texts[i] for i in out])


def _flat(problem: Problem, fitted: Flat, lexical: F32) -> Iterator[tuple[str, Said]]:
    rows = Rows.of(problem)
    drawn = np.bincount(problem.y, minlength=problem.size)
    ratio = problem.natural / drawn
    inside = np.setdiff1d(np.arange(len(rows.y)), fitted.held)
    held_lexical = _held_lexical(problem, inside, fitted.held)
    y = rows.y[fitted.held]
    test_logits = fitted.softmax.logits(problem.test_x)
    for level in LEVELS:
        weight = ratio[y] if level in SHARES else None
        held = _stack(fitted.held_logits, held_lexical, np.log(ratio), level)
        test = _stack(test_logits, lexical, np.log(ratio), level)
        first = np.asarray([1.0] + [0.5] * (held.shape[2] - 1))
        p = probabilities(test, fit_logit(held, y, first, weight))
        yield level, (p.argmax(axis=1), p.max(axis=1))


def _stack(logits: F32, lexical: F32, prior: NDArray[np.floating], level: str) -> F32:
    """(n, labels, f): the flat head's numbers at a level."""
    parts = [logits[:, :, None] - logits.max(axis=1)[:, None, None]]
    if level in LEXICAL:
        parts.append(LEXICAL_SCALE * lexical)
    if level in SHARES:
        parts.append(np.broadcast_to(prior.astype(np.float32)[None, :, None], parts[0].shape))
    return np.concatenate(parts, axis=2)


def _recipe(problem: Problem, lexical: F32) -> Iterator[tuple[str, str, Said, float, Any]]:
    started = time.perf_counter()
    classifier = fit_recipe(problem)
    spent = time.perf_counter() - started
    said = predict(classifier, problem.test_x)
    answer = numbered(problem, said), np.asarray([p.confidence for p in said])
    yield "recipe", LEVELS[0], answer, spent, {}
    training = training_of(problem)
    number = {label: i for i, label in enumerate(problem.labels)}
    groups = [[number[label] for label in names] for names in classifier.live.subsets]
    with one_thread():
        scorer, out, inside = next(held_out_scorers(training, groups, problem.seed))
    # Rows of the training are by label; those of the texts and names are not.
    order = np.argsort(np.concatenate([problem.y, np.arange(problem.size)]), kind="stable")
    held_lexical = _held_lexical(problem, order[inside], order[out])
    capped, natural = log_prior(training.counts), log_prior(problem.natural)
    owner = training.owner[out]
    ratio = problem.natural / np.bincount(problem.y, minlength=problem.size)
    asked = (
        (scorer, training.x[out], owner, held_lexical),
        (classifier.live.scorer, problem.test_x, problem.test_y, lexical),
    )
    for with_words in (False, True):
        held, test = (
            scores_of(one, x, y, capped, out, inside, words.sum(axis=2) if with_words else None)
            for one, x, y, words in asked
        )
        for level in LEVELS[1:]:
            if (level in LEXICAL) != with_words:
                continue
            prior, weight = (natural, ratio[owner]) if level in SHARES else (capped, None)
            blocks = [
                _widened(scores.with_prior(prior), scores.contenders, words, level)
                for scores, words in ((held, held_lexical), (test, lexical))
            ]
            extra = [0.5] * (blocks[0].shape[2] - len(usual()))
            p, _ = settle(blocks[0], held.truth, blocks[1], usual(extra), weight)
            best = p[:, :-1].argmax(axis=1)
            label = np.take_along_axis(test.contenders, best[:, None], axis=1)[:, 0]
            yield "recipe", level, (label, p[:, :-1].max(axis=1)), spent, {}


def _widened(features: F32, contenders: NDArray[np.intp], lexical: F32, level: str) -> F32:
    if level not in LEXICAL:
        return features
    more = np.zeros((*features.shape[:2], 2), np.float32)
    more[:, :-1] = LEXICAL_SCALE * np.take_along_axis(lexical, contenders[:, :, None], axis=1)
    return np.concatenate([features, more], axis=2)


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
    """Accuracy of recipe and flat at every level."""
    for panel, cell in zip(axes, record["cells"], strict=False):
        levels = [v for v in LEVELS if "recipe_minus_flat" in cell["levels"].get(v, {})]
        for shift, method in ((-0.2, "recipe"), (0.2, "flat")):
            values = [mean(cell["levels"][v][method]["accuracy"]) for v in levels]
            panel.bar([i + shift for i in range(len(levels))], values, 0.4, label=method)
        panel.set_xticks(range(len(levels)), levels, fontsize=7)
        panel.set(ylabel="accuracy", title=cell["set"], ylim=(0.4, None))
        panel.legend(frameon=False)
