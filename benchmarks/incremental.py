"""Whether what is learnt piece by piece is what is learnt at once: by hash, through the log."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.context import Context
from benchmarks.data import Problem, TextSet, Vectors, draw
from benchmarks.methods import examples_of, fit_recipe, infos_of, numbered, predict
from benchmarks.report import Check, Record, Shown, Table, share
from models.classifier import Classifier
from streams.embedded.log import SqliteLog
from streams.feed import Feed
from streams.records import Retrain
from streams.stage import Delivered, outgoing
from streams.stages.train import Train
from streams.topology import RETRAIN
from streams.wire import Vector

NAME = "incremental"
SUMMARY = "one accepted sequence in any batches, delivered twice, restarted, revoked: model hashes"
MINUTES = 4
SETS = ("clinc150", "banking77")
PANELS = 1

PER_LABEL, LESSONS = 10, 300
WRONG = 0.1
"""Share of the lessons under another label than theirs, as an erring judge accepts them."""

Batches = list[list[Delivered]]


@dataclass(frozen=True)
class Way:
    """How the sequence reaches the trainer: `cut` makes the batches; `twice`: each of them is
    delivered again after its version is out; `restart`: each meets a trainer that reads its model
    from the log.
    """

    title: str
    cut: Callable[[Sequence[Delivered]], Batches]
    twice: bool = False
    restart: bool = False


def run(context: Context) -> Record:
    """Measure and record."""
    sets = context.usable(SETS)
    record = context.record(NAME, sets, per_label=PER_LABEL, lessons=LESSONS, wrong=WRONG)
    record["notes"] = [
        f"{PER_LABEL} examples of each label are fitted; {LESSONS} texts more are accepted, "
        f"{WRONG:.0%} of them under a wrong label, and reach the trainer through an embedded log. "
        "The hash is that of all that a label depends on. *Afresh*: examples in another order, "
        "fitted again, all lessons learnt at once. *Revoked*: as many other lessons learnt "
        "behind them, and taken back.",
        "A full fit on examples and lessons together is another model (docs/adr/0001: the "
        "reference stays as it is while the model learns); its accuracy stands beside.",
    ]
    ways = _ways()
    context.cells(len(sets) * (len(ways) + 2))
    for name in sets:
        problem, more = _sequence(*context.load(name))
        base = fit_recipe(problem)
        lessons = _lessons(more, range(LESSONS))
        others = _lessons(more, range(LESSONS, 2 * LESSONS))
        cell: dict[str, Any] = {"set": name, "ways": {}, "base": base.hash()}
        record["cells"].append(cell)
        for way in ways:
            began = time.perf_counter()
            learnt, versions = _through_the_log(base, lessons, way)
            cell["ways"][way.title] = {
                "hash": learnt.hash(),
                "versions": versions,
                "seconds": round(time.perf_counter() - began, 2),
            }
            context.done(f"{name}, {way.title}: {learnt.hash()[:12]}")
            context.save(record)
        cell["ways"]["afresh, all at once"] = {"hash": _afresh(problem, lessons).hash()}
        revoked, versions = _through_the_log(base, [*lessons, *others, *_back(others)], ways[1])
        cell["ways"]["as many others revoked"] = {"hash": revoked.hash(), "versions": versions}
        gone, _ = _through_the_log(base, [*lessons, *_back(lessons)], ways[1])
        cell["all revoked"] = gone.hash()
        context.done(f"{name}, revoked: {revoked.hash()[:12]}, all: {gone.hash()[:12]}")
        cell["right"] = _right(problem, learnt)
        cell["right_before"] = _right(problem, base)
        cell["right_full"] = _right(problem, _full(problem, lessons))
        context.done(f"{name}: {share(cell['right'])}, full fit {share(cell['right_full'])}")
        context.save(record)
    return record


def _ways() -> list[Way]:
    rng = np.random.default_rng(3)

    def at_once(records: Sequence[Delivered]) -> Batches:
        return [list(records)]

    def in_pieces(records: Sequence[Delivered]) -> Batches:
        ends = np.cumsum(rng.integers(1, 65, len(records)))
        pieces = np.split(np.arange(len(records)), ends[ends < len(records)])
        return [[records[i] for i in piece] for piece in pieces]

    def singly(records: Sequence[Delivered]) -> Batches:
        return [[record] for record in records]

    return [
        Way("one batch", at_once),
        Way("batches of 1 to 64", in_pieces),
        Way("batches of 1 to 64, each twice", in_pieces, twice=True),
        Way("batches of 1 to 64, restarted at each", in_pieces, restart=True),
        Way("one by one, each twice, restarted", singly, twice=True, restart=True),
    ]


def _sequence(texts: TextSet, vectors: Vectors) -> tuple[Problem, Problem]:
    """The examples, and texts beyond them to be accepted."""
    problem = draw(texts, vectors, PER_LABEL, 0)
    extra = -(-2 * LESSONS // problem.size)
    whole = draw(texts, vectors, PER_LABEL + extra + 5, 0)
    # A smaller draw is the beginning of a larger one, label by label.
    place = np.concatenate([np.arange(n) for n in np.bincount(whole.y, minlength=whole.size)])
    rest = np.random.default_rng(1).permutation(np.flatnonzero(place >= PER_LABEL))
    beyond = {"x": whole.x[rest], "y": whole.y[rest], "texts": tuple(whole.texts[i] for i in rest)}
    return problem, Problem(**{**vars(whole), **beyond})


def _lessons(more: Problem, rows: range) -> list[Retrain]:
    rng = np.random.default_rng([2, rows.start])
    lessons = []
    for row in rows:
        label = int(more.y[row]) if rng.random() >= WRONG else int(rng.integers(more.size))
        vector = Vector.of(more.x[row], "benchmark")
        name = more.labels[label]
        lessons.append(Retrain(kind="accepted", id=f"l{row}", label=name, embedding=vector, at=0.0))
    return lessons


def _back(lessons: Sequence[Retrain]) -> Iterator[Retrain]:
    for lesson in lessons:
        yield lesson.model_copy(update={"kind": "revoked", "embedding": None})


def _through_the_log(
    base: Classifier, lessons: Sequence[Retrain], way: Way
) -> tuple[Classifier, int]:
    """What the trainer made of it, read back from the log, and the number of its version."""
    with tempfile.TemporaryDirectory() as folder, closing(_log(folder)) as log:
        feed = Feed(log)
        log.append(feed.publish(base, applied=0, learnt=0, touched=()))
        log.append([outgoing(RETRAIN, one.id, one) for one in lessons])
        asyncio.run(_taught(log, way))
        version = Feed(log).newest()
        return version.classifier, version.number


def _log(folder: str) -> SqliteLog:
    return SqliteLog(Path(folder) / "log.sqlite")


async def _taught(log: SqliteLog, way: Way) -> None:
    stage = Train(Feed(log))
    for batch in way.cut(log.read_from(RETRAIN.name, 0, 10 * LESSONS)):
        if way.restart:
            stage = Train(Feed(log))
        for _ in range(1 + way.twice):
            log.append(await stage.handle(batch))


def _afresh(problem: Problem, lessons: Sequence[Retrain]) -> Classifier:
    examples = examples_of(problem)
    order = np.random.default_rng(9).permutation(len(examples))
    base = Classifier.fit(
        [examples[i] for i in order],
        infos_of(problem)[::-1],
        encoder="benchmark",
        seed=problem.seed,
    )
    return _through_the_log(base, lessons, _ways()[0])[0]


def _full(problem: Problem, lessons: Sequence[Retrain]) -> Classifier:
    number = {label: i for i, label in enumerate(problem.labels)}
    both = {
        "x": np.concatenate(
            [problem.x, [one.embedding.array() for one in lessons if one.embedding]]
        ),
        "y": np.concatenate([problem.y, [number[one.label] for one in lessons]]).astype(np.intp),
        "texts": (*problem.texts, *("" for _ in lessons)),
    }
    return fit_recipe(Problem(**{**vars(problem), **both}))


def _right(problem: Problem, classifier: Classifier) -> float:
    said = numbered(problem, predict(classifier, problem.test_x))
    return round(float((said == problem.test_y).mean()), 6)


def shown(record: Record) -> Shown:
    """Tables and checks, from the record alone."""
    tables, checks = [], []
    for cell in record["cells"]:
        hashes = {way["hash"] for way in cell["ways"].values()}
        rows = [
            [title, way["hash"][:16], str(way.get("versions", "")), str(way.get("seconds", ""))]
            for title, way in cell["ways"].items()
        ]
        rows.append(["all revoked", cell.get("all revoked", "")[:16], "", ""])
        rows.append(["the fit alone", cell["base"][:16], "", ""])
        note = ""
        if "right_full" in cell:
            note = (
                f"Accuracy: {share(cell['right_before'])} before the lessons, "
                f"{share(cell['right'])} after them, {share(cell['right_full'])} by a full fit "
                "on examples and lessons."
            )
            back = cell["all revoked"] == cell["base"]
            words = (
                f"{len(hashes)} hash of {len(rows) - 2} ways, and back: {'yes' if back else 'NO'}"
            )
            checks.append(
                Check("identical; unlearn(learn(x)) too", words, len(hashes) == 1 and back)
            )
        head = ["the sequence came as", "model hash", "versions", "seconds"]
        tables.append(
            Table(f"{cell['set']}: {record['settings']['lessons']} lessons", head, rows, note)
        )
    return Shown(tables, checks)


def plot(record: Record, axes: Any) -> None:
    """Accuracy before and after the lessons, and by a full fit."""
    [panel] = axes
    names = [cell["set"] for cell in record["cells"] if "right_full" in cell]
    parts = (("right_before", "before"), ("right", "lessons learnt"), ("right_full", "full fit"))
    for place, (key, label) in enumerate(parts):
        values = [cell[key] for cell in record["cells"] if "right_full" in cell]
        panel.bar(np.arange(len(names)) + 0.27 * (place - 1), values, 0.25, label=label)
    panel.set_xticks(range(len(names)), names)
    panel.set(ylabel="accuracy", ylim=(0.7, 1.0))
    panel.legend(frameon=False, fontsize=7)
