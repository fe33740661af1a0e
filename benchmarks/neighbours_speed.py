"""How long Qdrant Edge takes for the nearest examples of a label, at 100,000 examples."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.context import Context
from benchmarks.report import Check, Record, Shown, Table
from benchmarks.synthetic import synthetic
from judge.examples import ExamplePoint
from judge.memory_store import MemoryExampleStore
from judge.qdrant_edge import EdgeExampleStore

NAME = "neighbours_speed"
SUMMARY = "nearest 8 of a label, and of any, among 100,000 examples in Qdrant Edge"
MINUTES = 3
SETS = ("onet_titles",)
PANELS = 1
LABELS, PER_LABEL = 1000, 100
ASKS = 2000
NEAREST = 8
ASKED_MS = 5.0
QUANTILES = (0.5, 0.95, 0.99)


def run(context: Context) -> Record:
    """Measure and record."""
    [name, *_] = context.usable(SETS)
    texts, vectors = context.load(name)
    record = context.record(NAME, (name,), labels=LABELS, per_label=PER_LABEL, asks=ASKS)
    record["notes"] = [
        f"Synthetic: real vectors of {name} as middles, {PER_LABEL} examples around each of "
        f"{LABELS:,} labels. One question at a time, from a store closed and opened again. Exact: "
        "the share of questions whose nearest examples are those of an exact search.",
    ]
    problem = synthetic(texts, vectors, LABELS, PER_LABEL, seed=0, tests=ASKS)
    points = [
        ExamplePoint(f"e{i}", problem.labels[y], f"text {i}", problem.x[i])
        for i, y in enumerate(problem.y)
    ]
    asks = [(x, problem.labels[y]) for x, y in zip(problem.test_x, problem.test_y, strict=True)]
    context.cells(1)
    with tempfile.TemporaryDirectory() as folder:
        cell = asyncio.run(_measured(context, Path(folder) / "edge", points, asks))
    record["cells"] = [cell]
    context.done(f"{len(points):,} examples")
    return record


async def _measured(
    context: Context,
    path: Path,
    points: list[ExamplePoint],
    asks: list[tuple[NDArray[np.float32], str]],
) -> dict[str, Any]:
    dimension = len(points[0].embedding)
    began = time.perf_counter()
    filling = EdgeExampleStore(path, dimension)
    for start in range(0, len(points), 1000):
        await filling.upsert(points[start : start + 1000])
    await filling.close()
    filled = time.perf_counter() - began
    context.say(f"{len(points):,} examples written in {filled:.0f} s")
    began = time.perf_counter()
    store = EdgeExampleStore(path, dimension)
    cell: dict[str, Any] = {"examples": len(points), "seconds_to_fill": round(filled, 1)}
    cell["seconds_to_open"] = round(time.perf_counter() - began, 2)
    exact = MemoryExampleStore(dimension)
    await exact.upsert(points)

    def asking(where: EdgeExampleStore | MemoryExampleStore, own: bool) -> Ask:
        return lambda x, label: where.nearest(x, NEAREST, label if own else None)

    for kind, own in (("label", True), ("any", False)):
        spent: list[float] = []
        agreed = 0
        for number, (x, label) in enumerate(asks):
            began = time.perf_counter()
            found = await asking(store, own)(x, label)
            spent.append(1000 * (time.perf_counter() - began))
            if number < 200:
                right = await asking(exact, own)(x, label)
                agreed += [n.id for n in found] == [n.id for n in right]
        cell[kind] = {f"p{100 * q:g}": round(float(np.quantile(spent, q)), 3) for q in QUANTILES}
        cell[kind]["exact"] = agreed / min(200, len(asks))
    await store.close()
    return cell


Ask = Callable[[NDArray[np.float32], str], Awaitable[list[Any]]]


def shown(record: Record) -> Shown:
    """Table and check, from the record alone."""
    rows, checks = [], []
    for cell in record["cells"]:
        for kind, title in (("label", f"nearest {NEAREST} of a label"), ("any", "of any label")):
            by = cell[kind]
            times = [f"{by[f'p{100 * q:g}']:.2f}" for q in QUANTILES]
            rows.append([title, *times, f"{by['exact']:.3f}"])
        worst = cell["label"]["p99"]
        what = f"{cell['examples']:,} examples: p99 of the nearest {NEAREST} of a label below 5 ms"
        checks.append(Check(what, f"{worst:.2f} ms", worst <= ASKED_MS))
    head = ["ms", *(f"p{100 * q:g}" for q in QUANTILES), "exact"]
    return Shown([Table("Qdrant Edge", head, rows)], checks)


def plot(record: Record, axes: Any) -> None:
    """Quantiles of both questions."""
    [panel] = axes
    for cell in record["cells"]:
        for kind in ("label", "any"):
            values = [cell[kind][f"p{100 * q:g}"] for q in QUANTILES]
            panel.plot(range(len(QUANTILES)), values, "o-", label=f"of {kind}")
    panel.set_xticks(range(len(QUANTILES)), [f"p{100 * q:g}" for q in QUANTILES])
    panel.axhline(ASKED_MS, linestyle=":", color="grey")
    panel.set(ylabel="ms", yscale="log")
    panel.legend(frameon=False)
