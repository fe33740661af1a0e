"""The stages on Apache Kafka: rates, latencies, and what is lost when workers come and go."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.context import Context
from benchmarks.data import chosen_rows, draw
from benchmarks.kafka_rows import Small, membership, plumbing, scale, unreadable
from benchmarks.kafka_shown import NOTES, SHOWN
from benchmarks.kafka_stand import brokers
from benchmarks.kafka_stream import Streamed, end_to_end, lessons
from benchmarks.methods import fit_recipe, predict
from benchmarks.report import Record, Shown, Table
from benchmarks.synthetic import synthetic

NAME = "kafka"
SUMMARY = "the stages on Apache Kafka: rates, latencies, workers that come and go"
MINUTES = 10
SETS = ("clinc150",)
PANELS = 1
LABELS, PER_LABEL = 10, 30
STREAM_LABELS, STREAM_PER_LABEL = 40, 20
LESSON_PER_LABEL = 20


def small_of(context: Context, name: str) -> Small:
    """A model of ten labels, and training texts that it was not fitted on and is sure of."""
    texts, vectors = context.load(name)
    only = np.arange(min(LABELS, len(texts.labels)))
    classifier = fit_recipe(draw(texts, vectors, PER_LABEL, 0, only=only))
    drawn = chosen_rows(texts.train_y, only, PER_LABEL, 0)
    rows = np.setdiff1d(np.flatnonzero(np.isin(texts.train_y, only)), drawn)
    said = predict(classifier, vectors.train[rows])
    sure = [i for i, one in zip(rows, said, strict=True) if one.confidence >= classifier.threshold]
    return Small(classifier, [texts.train[i] for i in sure], vectors.train[sure])


def streamed_of(context: Context, name: str) -> Streamed:
    """Training texts of forty labels: some as examples, the others in random order as a stream."""
    texts, _ = context.load(name)
    only = np.arange(min(STREAM_LABELS, len(texts.labels)))
    drawn = chosen_rows(texts.train_y, only, STREAM_PER_LABEL, 0)
    rows = np.setdiff1d(np.flatnonzero(np.isin(texts.train_y, only)), drawn)
    rows = np.random.default_rng(0).permutation(rows)

    def pairs(chosen: Sequence[int]) -> list[tuple[str, str]]:
        return [(texts.train[i], texts.labels[texts.train_y[i]]) for i in chosen]

    return Streamed(context.encoder_name, pairs(drawn.tolist()), pairs(rows.tolist()))


@dataclass
class Given:
    """What rows are measured with; `few`: less of it, for who works on them."""

    context: Context
    name: str
    bootstrap: str
    few: bool = False

    def plumbing(self) -> dict[str, Any]:
        """One classify worker with an encoder that costs nothing, beside plain Faust."""
        return plumbing(self.bootstrap, self.small, 10_000 if self.few else 20_000)

    def end_to_end(self) -> dict[str, Any]:
        """All workers beside the embedded run, and latencies at half of that rate."""
        given = streamed_of(self.context, self.name)
        if self.few:
            given = replace(given, texts=given.texts[:800])
        return end_to_end(self.bootstrap, given, 10 if self.few else 20)

    def lessons(self) -> dict[str, Any]:
        """From a lesson to every worker's new version."""
        labels = 100 if self.few else 1_000
        problem = synthetic(*self.context.load(self.name), labels, LESSON_PER_LABEL, seed=0)
        return lessons(self.bootstrap, problem, fit_recipe(problem), 5 if self.few else 20)

    def scale(self) -> dict[str, Any]:
        """One, two, four workers whose encoder sleeps."""
        return scale(self.bootstrap, self.small, 600 if self.few else 3_000, (1, 2, 4))

    def membership(self) -> dict[str, Any]:
        """A worker joins and leaves under load."""
        return membership(self.bootstrap, self.small, 200, 15 if self.few else 30)

    def unreadable(self) -> dict[str, Any]:
        """Bytes that are no text, among good ones."""
        less = 10 if self.few else 1
        return unreadable(self.bootstrap, self.small, 10_000 // less, 100 // less)

    @cached_property
    def small(self) -> Small:
        """The small model and its texts."""
        return small_of(self.context, self.name)


ROWS = ("plumbing", "end_to_end", "lessons", "scale", "membership", "unreadable")


def run(context: Context) -> Record:
    """Measure and record."""
    [name, *_] = context.usable(SETS)
    record = context.record(NAME, (name,), labels=LABELS, per_label=PER_LABEL)
    record["notes"] = NOTES
    context.cells(len(ROWS))
    with brokers() as bootstrap:
        given = Given(context, name, bootstrap)
        for row in ROWS:
            load = os.getloadavg()[0]  # before the row: of others
            found = getattr(given, row)()
            record["cells"].append({"row": row, "load": round(load, 1), **found})
            context.save(record)
            context.done(row)
    return record


def shown(record: Record) -> Shown:
    """Tables and checks, from the record alone."""
    cells = {cell["row"]: cell for cell in record["cells"]}
    made = [SHOWN[row](cell) for row, cell in cells.items()]
    loads = [[row, f"{cell['load']:.1f}"] for row, cell in cells.items()]
    tables = [table for shown in made for table in shown.tables]
    tables.append(Table("Load of the machine before each row", ["row", "load"], loads))
    return Shown(tables, [check for shown in made for check in shown.checks])


def plot(record: Record, axes: Any) -> None:
    """Where a classify worker's time goes."""
    [panel] = axes
    parts = {k: v for c in record["cells"] for k, v in c.get("parts_us", {}).items()}
    names = sorted(parts, key=lambda name: parts[name])
    panel.barh(names, [parts[name] for name in names])
    panel.set(xlabel="processor time, \u00b5s a record")


def alone() -> None:
    """Rows by name, for who works on them: nothing is recorded."""
    from rich.console import Console

    parser = argparse.ArgumentParser(prog="python -m benchmarks.kafka")
    parser.add_argument("rows", nargs="*", default=ROWS)
    parser.add_argument("--few", action="store_true")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--encoder", default="default")
    asked = parser.parse_args()
    context = Context(asked.data, Path(), asked.cache, 1, asked.encoder, Console(stderr=True))
    with brokers() as bootstrap:
        given = Given(context, context.usable(SETS)[0], bootstrap, asked.few)
        for name in asked.rows:
            json.dump({name: getattr(given, name)()}, sys.stdout, indent=1)
            print(flush=True)


if __name__ == "__main__":
    alone()
