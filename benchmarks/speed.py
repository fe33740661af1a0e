"""What a text costs beyond its encoding, and what one accepted text's update costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from benchmarks.context import Context, clock
from benchmarks.data import Problem, draw
from benchmarks.measures import Interval
from benchmarks.methods import BATCH, fit_recipe, predict
from benchmarks.report import Check, Record, Shown, Table, rounded
from benchmarks.softmax import Softmax, fit_softmax
from benchmarks.synthetic import synthetic
from models.classifier import Classifier, Example
from models.metric import normed

NAME = "speed"
SUMMARY = "time per text over the encoder's own, and one subset's update, against the flat head"
MINUTES = 8
SETS = ("clinc150", "onet_titles")
PANELS = 1

PER_LABEL = 30
TESTS = 4096
ROUNDS = 5
MANY = (1000, 50)
"""Labels and examples each, of the update; synthetic, from the largest set's vectors."""
UPDATES = 20
FLAT_C = 30.0
FLAT_TOLERANCE = 1e-4
"""scikit-learn's own default: the quickest refit that a user would get."""

WARM_STEPS = 5
"""Of the flat head when it goes on from where it was; its own rule would stop it at none."""

F32 = NDArray[np.float32]


def run(context: Context) -> Record:
    """Measure and record."""
    sets = context.usable(SETS)
    record = context.record(
        NAME,
        sets,
        per_label=PER_LABEL,
        batch=BATCH,
        rounds=ROUNDS,
        flat_C=FLAT_C,
    )
    record["notes"] = [
        f"Batches of {BATCH}, one thread; the methods take turns, {ROUNDS} rounds, the median "
        "round is given. The flat head's time is that of its product and softmax: it does not "
        "depend on what its weights are.",
        "Job titles are the hard case: few texts are sure, so the arbiter is asked for most.",
        f"An update is `Classifier.learn` with one text, and what the next prediction needs; the "
        f"flat head is refitted at C = {FLAT_C:g}: from nothing to scikit-learn's tolerance, and "
        f"{WARM_STEPS} steps from where it was (by that tolerance it would take none, and learn "
        "nothing).",
        "Times are the process's own CPU time (there is one thread): a shared machine's clock "
        "counts the work of others as well. Caches are shared all the same: read the ratios.",
    ]
    context.cells(len(sets) + 3)
    for name in sets:
        problem = draw(*context.load(name), PER_LABEL, 0, at_least=5)
        classifier = fit_recipe(problem)
        cell = _per_text(name, problem, classifier)
        record["cells"].append(cell)
        context.save(record)
        context.done(f"{name}: {cell['recipe_ms']:.3f} ms a text, flat {cell['flat_ms']:.4f} ms")
    largest = max(sets, key=lambda name: record["sets"][name]["labels"])
    problem = synthetic(*context.load(largest), *MANY, seed=0)
    started = time.process_time()
    classifier = fit_recipe(problem)
    context.done(f"{MANY[0]:,} synthetic labels fitted in {clock(time.process_time() - started)}")
    cell = _per_text("synthetic", problem, classifier)
    record["cells"].append(cell)
    context.done(f"synthetic: {cell['recipe_ms']:.3f} ms a text, flat {cell['flat_ms']:.4f} ms")
    record["update"] = _update(problem, classifier, context.say)
    context.done("updates")
    return record


def _per_text(name: str, problem: Problem, classifier: Classifier) -> dict[str, Any]:
    x = np.resize(problem.test_x, (TESTS, problem.test_x.shape[1]))
    weights = np.zeros((problem.size, x.shape[1]), np.float32)
    np.add.at(weights, problem.y, problem.x)
    head = Softmax(6 * normed(weights), np.zeros(problem.size, np.float32), 0)
    predict(classifier, x[:BATCH])  # what is computed once is not a text's cost
    spent: dict[str, list[float]] = {"recipe": [], "flat": []}
    for _ in range(ROUNDS):
        for method, ask in (("recipe", _by_recipe(classifier)), ("flat", _by_flat(head))):
            started = time.process_time()
            ask(x)
            spent[method].append(1000 * (time.process_time() - started) / len(x))
    return {
        "set": name,
        "labels": problem.size,
        "examples": len(problem.y),
        "recipe_ms": float(np.median(spent["recipe"])),
        "flat_ms": float(np.median(spent["flat"])),
        "rounds_ms": {method: rounded(ms) for method, ms in spent.items()},
    }


def _by_recipe(classifier: Classifier) -> Callable[[F32], object]:
    return lambda x: predict(classifier, x)


def _by_flat(head: Softmax) -> Callable[[F32], object]:
    def ask(x: F32) -> None:
        for begin in range(0, len(x), BATCH):
            p = softmax(head.logits(x[begin : begin + BATCH]), axis=1)
            p.argmax(axis=1)

    return ask


def _update(problem: Problem, classifier: Classifier, say: Callable[[str], None]) -> dict[str, Any]:
    seconds = []
    for number in range(UPDATES + 1):
        label = problem.labels[problem.test_y[number]]
        one = Example(f"new-{number}", label, problem.test_x[number], gold=False)
        started = time.process_time()
        classifier = classifier.learn([one])
        classifier.predict(problem.test_x[:1])
        seconds.append(time.process_time() - started)
    first, later = seconds[0], seconds[1:]
    say(f"an update: {1000 * float(np.median(later)):.0f} ms, the very first {1000 * first:.0f} ms")
    x, y = np.concatenate([problem.x, problem.names]), _with_names(problem)
    started = time.process_time()
    flat = fit_softmax(x, y, problem.size, FLAT_C, tolerance=FLAT_TOLERANCE)
    cold = time.process_time() - started
    say(f"flat from nothing: {cold:.1f} s, {flat.steps} steps")
    x, y = np.concatenate([x, problem.test_x[:1]]), np.append(y, problem.test_y[0])
    started = time.process_time()
    # At any usual tolerance one text more in thousands is let pass, and nothing is learnt.
    again = fit_softmax(x, y, problem.size, FLAT_C, start=flat, tolerance=0, limit=WARM_STEPS)
    warm = time.process_time() - started
    say(f"flat from where it was: {warm:.1f} s, {again.steps} steps")
    low, middle, high = np.quantile(later, [0.1, 0.5, 0.9])
    return {
        "labels": problem.size,
        "per_label": len(problem.y) // problem.size,
        "update_seconds": Interval(float(middle), float(low), float(high)).json(),
        "first_update_seconds": round(first, 4),
        "flat_cold_seconds": round(cold, 3),
        "flat_cold_steps": flat.steps,
        "flat_warm_seconds": round(warm, 3),
        "flat_warm_steps": again.steps,
    }


def _with_names(problem: Problem) -> NDArray[np.intp]:
    return np.concatenate([problem.y, np.arange(problem.size)]).astype(np.intp)


def shown(record: Record) -> Shown:
    """Tables and checks, from the record alone."""
    rows = [
        [
            c["set"],
            f"{c['labels']:,}",
            f"{c['examples']:,}",
            f"{c['recipe_ms']:.3f}",
            f"{c['flat_ms']:.4f}",
            f"{c['recipe_ms'] / c['flat_ms']:.0f}",
        ]
        for c in record["cells"]
    ]
    head = ["set", "labels", "examples", "recipe, ms", "flat, ms", "ratio"]
    tables = [Table("Time per text, beyond the encoder's", head, rows)]
    checks = []
    for c in record["cells"]:
        asked = 0.2 if c["labels"] <= 200 else 1.0
        text = f"{c['set']}, {c['labels']:,} labels: {asked:g} ms a text"
        checks.append(Check(text, f"{c['recipe_ms']:.3f} ms", c["recipe_ms"] <= asked))
    if "update" in record:
        u = record["update"]
        ours = u["update_seconds"]["mean"]
        cold, warm = u["flat_cold_seconds"], u["flat_warm_seconds"]
        lines = [
            ["recipe, one text learnt (median)", f"{ours:.3f}", "", "1"],
            ["recipe, the very first", f"{u['first_update_seconds']:.3f}", "", ""],
            [
                "flat refit, from nothing",
                f"{cold:.2f}",
                f"{u['flat_cold_steps']}",
                f"{cold / ours:.0f}",
            ],
            [
                "flat refit, from where it was",
                f"{warm:.2f}",
                f"{u['flat_warm_steps']}",
                f"{warm / ours:.0f}",
            ],
        ]
        title = f"One accepted text, {u['labels']:,} labels with {u['per_label']} examples each"
        tables.append(Table(title, ["", "seconds", "steps", "times the update"], lines))
        checks.append(
            Check("an update in 1/50 of a flat refit", f"1/{cold / ours:.0f}", cold / ours >= 50)
        )
    return Shown(tables, checks)


def plot(record: Record, axes: Any) -> None:
    """Milliseconds per text by set."""
    panel, cells = axes[0], record["cells"]
    for shift, method in ((-0.2, "recipe"), (0.2, "flat")):
        values = [c[f"{method}_ms"] for c in cells]
        panel.bar([i + shift for i in range(len(cells))], values, 0.4, label=method)
    panel.set_xticks(range(len(cells)), [f"{c['set']}\n{c['labels']:,} labels" for c in cells])
    panel.set(ylabel="ms per text", yscale="log")
    panel.legend(frameon=False)
