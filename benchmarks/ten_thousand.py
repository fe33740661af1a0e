"""Ten thousand labels, made up from real vectors: does it run, and how does each cost grow?"""

from __future__ import annotations

import math
import multiprocessing
import resource
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.context import Context, clock
from benchmarks.data import BadData, TextSet, Vectors
from benchmarks.methods import fit_recipe, numbered, predict
from benchmarks.report import Check, Record, Shown, Table, share
from benchmarks.softmax import fit_softmax
from benchmarks.synthetic import synthetic
from models.measures import ece
from models.threads import one_thread

NAME = "ten_thousand"
SUMMARY = (
    "1,000, 3,000 and 10,000 labels (synthetic): fit time, time per text, memory, against flat"
)
MINUTES = 25
SETS = ("onet_titles",)
PANELS = 3

LABELS = (1000, 3000, 10_000)
PER_LABEL = 10
TESTS = 2048
FLAT_C = 30.0
FLAT_SLOPE = 0.1
"""Tolerance of the flat head, times the examples: at a fixed one, as many labels as these have
slopes so small from the beginning that the solver would not take a step."""
FLAT_LIMIT = {10_000: 3}
"""Steps after which the flat head is stopped, where all of them would take most of an hour."""

GIB = 2**30


def run(context: Context) -> Record:
    """Measure and record."""
    [name, *_] = context.usable(SETS)
    texts, vectors = context.load(name)
    record = context.record(NAME, (name,), per_label=PER_LABEL, flat_C=FLAT_C, tests=TESTS)
    record["notes"] = [
        f"Synthetic: real vectors of {name} as middles, {PER_LABEL} examples around each. Accuracy "
        "says only that what was fitted works.",
        "Each fit has a process of its own; memory is that process's greatest, with Python, the "
        "libraries and the data in it.",
        "The flat head at one C, without the choice of it. Where it was stopped after some "
        "steps, its time is that of those steps times the steps that the "
        "next smaller size took: an estimate, marked ~.",
    ]
    context.cells(2 * len(LABELS))
    for labels in LABELS:
        cell: dict[str, Any] = {"labels": labels, "examples": labels * PER_LABEL}
        record["cells"].append(cell)
        for method in ("recipe", "flat"):
            cell[method] = _apart(method, texts, vectors, labels)
            spent = clock(cell[method]["fit_seconds"])
            memory = cell[method]["peak_bytes"] / GIB
            context.done(f"{labels:,} labels, {method}: fitted in {spent}, {memory:.2f} GiB")
            context.save(record)
    return record


def _apart(method: str, texts: TextSet, vectors: Vectors, labels: int) -> dict[str, Any]:
    """Measured in a process of its own, so that its memory is its own."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_measure, args=(theirs, method, texts, vectors, labels))
    process.start()
    theirs.close()
    try:
        found: dict[str, Any] = ours.recv()
    except EOFError:
        process.join()
        raise BadData(
            f"{method} at {labels:,} labels ended with status {process.exitcode}, for want of "
            "memory perhaps"
        ) from None
    process.join()
    return found


def _measure(out: Connection, method: str, texts: TextSet, vectors: Vectors, labels: int) -> None:
    problem = synthetic(texts, vectors, labels, PER_LABEL, seed=0, tests=TESTS)
    found: dict[str, Any] = {}
    with one_thread():
        started = time.perf_counter()
        if method == "recipe":
            classifier = fit_recipe(problem)
            found["fit_seconds"] = round(time.perf_counter() - started, 1)
            predict(classifier, problem.test_x[:256])
            started = time.perf_counter()
            said = predict(classifier, problem.test_x)
            found["ms"] = round(1000 * (time.perf_counter() - started) / TESTS, 4)
            right = numbered(problem, said) == problem.test_y
            confidence = [p.confidence for p in said]
            found["ece"] = round(ece(np.asarray(confidence), right), 4)
        else:
            limit = FLAT_LIMIT.get(labels, 300)
            flat = fit_softmax(
                problem.x,
                problem.y,
                labels,
                FLAT_C,
                tolerance=FLAT_SLOPE / len(problem.y),
                limit=limit,
            )
            found["fit_seconds"] = round(time.perf_counter() - started, 1)
            found |= {"steps": flat.steps, "stopped": flat.steps >= limit}
            started = time.perf_counter()
            said_y = flat.logits(problem.test_x).argmax(axis=1)
            found["ms"] = round(1000 * (time.perf_counter() - started) / TESTS, 4)
            right = said_y == problem.test_y
    found["accuracy"] = round(float(right.mean()), 4)
    found["peak_bytes"] = _peak()
    out.send(found)
    out.close()


def _peak() -> int:
    """The most memory this process has had, in bytes."""
    try:
        # Of this program alone; Linux's ru_maxrss begins with that of the process that started it.
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024)


def _flat_seconds(cells: list[dict[str, Any]], number: int) -> tuple[float, bool]:
    """Seconds of a whole flat fit, and whether that is an estimate."""
    flat = cells[number].get("flat")
    if flat is None:
        return math.nan, True
    if not flat["stopped"]:
        return flat["fit_seconds"], False
    steps = cells[number - 1]["flat"]["steps"] if number else flat["steps"]
    return flat["fit_seconds"] / flat["steps"] * steps, True


def shown(record: Record) -> Shown:
    """The table, how each grows, and checks; from the record alone."""
    cells = [c for c in record["cells"] if "recipe" in c]
    rows = []
    for number, cell in enumerate(cells):
        ours, flat = cell["recipe"], cell.get("flat", {})
        seconds, estimate = _flat_seconds(cells, number)
        rows.append(
            [
                f"{cell['labels']:,}",
                clock(ours["fit_seconds"]),
                f"{'~' * estimate}{clock(seconds)}" if flat else "",
                f"{ours['ms']:.2f}",
                f"{flat['ms']:.3f}" if flat else "",
                f"{ours['peak_bytes'] / GIB:.2f}",
                f"{flat['peak_bytes'] / GIB:.2f}" if flat else "",
                share(ours["accuracy"]),
                share(flat["accuracy"]) if flat and not flat["stopped"] else "",
            ]
        )
    head = [
        "labels", "fit", "flat", "ms a text", "flat", "GiB", "flat", "accuracy", "flat",
    ]  # fmt: skip
    note = ""
    if len(cells) > 1:
        grown = [
            f"{what} with the labels to the power {_power(cells, key):.2f}"
            for what, key in (("fit time grows", "fit_seconds"), ("time per text", "ms"),
                              ("memory", "peak_bytes"))
        ]  # fmt: skip
        note = "The recipe: " + ", ".join(grown) + "."
    checks = [
        Check(
            f"{c['labels']:,} labels: under 4 GiB",
            f"{c['recipe']['peak_bytes'] / GIB:.2f} GiB",
            c["recipe"]["peak_bytes"] < 4 * GIB,
        )
        for c in cells[-1:]
    ]
    return Shown([Table(f"{PER_LABEL} examples a label", head, rows, note)], checks)


def _power(cells: list[dict[str, Any]], key: str) -> float:
    first, last = cells[0], cells[-1]
    return math.log(last["recipe"][key] / first["recipe"][key]) / math.log(
        last["labels"] / first["labels"]
    )


def plot(record: Record, axes: Any) -> None:
    """Fit time, time per text, memory."""
    cells = [c for c in record["cells"] if "recipe" in c]
    labels = [c["labels"] for c in cells]
    whole = [c for i, c in enumerate(cells) if not _flat_seconds(cells, i)[1]]
    for panel, (key, title, unit) in zip(
        axes,
        (("fit_seconds", "fit, s", 1), ("ms", "ms a text", 1), ("peak_bytes", "memory, GiB", GIB)),
        strict=True,
    ):
        panel.plot(labels, [c["recipe"][key] / unit for c in cells], "-o", label="recipe")
        known = whole if key == "fit_seconds" else [c for c in cells if "flat" in c]
        values = [c["flat"][key] / unit for c in known]
        panel.plot([c["labels"] for c in known], values, "--s", label="flat")
        panel.set(xscale="log", yscale="log", xlabel="labels", title=title)
        panel.legend(frameon=False)
