"""What an accepted text costs the model feed, in bytes published, at a thousand labels."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.context import Context
from benchmarks.data import Problem
from benchmarks.methods import fit_recipe
from benchmarks.report import Record, Shown, Table
from benchmarks.synthetic import synthetic
from models.classifier import Classifier, Example
from streams.embedded.log import SqliteLog
from streams.feed import PART, Feed
from streams.terms import Shares

NAME = "feed_bytes"
SUMMARY = "bytes the model feed publishes for an accepted text, at a thousand labels"
MINUTES = 4
SETS = ("onet_titles",)
PANELS = 1

LABELS, PER_LABEL = 1_000, 50
BATCHES = (1, 25, 100, 250)
ROUNDS = 3


def run(context: Context) -> Record:
    """Measure and record."""
    [name, *_] = context.usable(SETS)
    record = context.record(NAME, (name,), labels=LABELS, per_label=PER_LABEL, rounds=ROUNDS)
    record["notes"] = [
        f"{LABELS:,} labels made up around real vectors, {PER_LABEL} examples each. A version is "
        "published to an embedded log after so many accepted texts of random labels: its new parts "
        "(heads and exemplars of what they touch), the trees that name them, and its manifest "
        "with the shares of all labels; keys included. Names: trees and manifest. Mean of "
        f"{ROUNDS} versions. Whole: all parts of a version, as a reader that starts anew reads.",
    ]
    context.cells(1 + len(BATCHES))
    problem = synthetic(*context.load(name), LABELS, PER_LABEL, seed=0)
    classifier = fit_recipe(problem)
    folder = tempfile.TemporaryDirectory()
    log = SqliteLog(Path(folder.name) / "log.sqlite")
    feed = Feed(log)
    log.append(feed.publish(classifier, applied=0, learnt=0, touched=()))
    record["whole"] = sum(map(len, classifier.to_parts().values()))
    context.done(f"fitted, {record['whole'] / 2**20:.1f} MiB")
    rng = np.random.default_rng(7)
    for batch in BATCHES:
        found = []
        for _ in range(ROUNDS):
            rows = rng.choice(len(problem.test_y), batch, replace=False)
            before = feed.newest().classifier
            learnt = before.learn([_example(problem, int(i), rng) for i in rows])
            shares = {label: round(float(rng.gamma(1.0)), 2) for label in problem.labels}
            found.append(_published(log, feed, before, learnt, shares))
        cell = {key: float(np.mean([one[key] for one in found])) for key in found[0]}
        record["cells"].append({"texts": batch, **cell})
        context.done(f"{batch} texts: {cell['bytes'] / batch / 1024:.0f} KiB each")
        context.save(record)
    log.close()
    folder.cleanup()
    return record


def _example(problem: Problem, row: int, rng: np.random.Generator) -> Example:
    text_id = f"t{row}-{rng.integers(2**31)}"
    return Example(text_id, problem.labels[problem.test_y[row]], problem.test_x[row], gold=False)


def _published(
    log: SqliteLog,
    feed: Feed,
    before: Classifier,
    learnt: Classifier,
    shares: dict[str, float],
) -> dict[str, int]:
    touched = learnt.touched_since(before)
    records = feed.publish(
        learnt, applied=0, learnt=0, touched=touched, shares=Shares(shares, counted=1)
    )
    log.append(records)
    new = [one for one in records if one.value is not None]
    sizes = [len(one.key or b"") + len(one.value or b"") for one in new]
    parts = sum((one.key or b"").startswith(PART.encode()) for one in new)
    return {
        "bytes": sum(sizes),
        "names": sum(sizes[parts:]),
        "manifest": sizes[-1],
        "records": len(new),
        "subsets": len({learnt.subset_of(label) for label in touched}),
    }


def shown(record: Record) -> Shown:
    """The table, from the record alone."""
    rows = [
        [
            str(cell["texts"]),
            f"{cell['subsets']:.0f}",
            f"{cell['records']:.0f}",
            f"{cell['bytes'] / 1024:,.0f}",
            f"{cell['names'] / 1024:,.0f}",
            f"{cell['manifest'] / 1024:,.0f}",
            f"{cell['bytes'] / cell['texts'] / 1024:,.1f}",
        ]
        for cell in record["cells"]
    ]
    head = ["texts", "subsets", "records", "KiB", "of it names", "of these manifest", "KiB a text"]
    whole = f"Whole version: {record['whole'] / 2**20:.1f} MiB."
    return Shown([Table("A version's new records", head, rows, whole)])


def plot(record: Record, axes: Any) -> None:
    """KiB a text, by how many are learnt with one version."""
    [panel] = axes
    texts = [cell["texts"] for cell in record["cells"]]
    panel.loglog(texts, [cell["bytes"] / cell["texts"] / 1024 for cell in record["cells"]], "o-")
    panel.set(xlabel="accepted texts in a version", ylabel="KiB a text")
