"""All stages on Kafka with a real encoder, beside the embedded run; and how fast lessons arrive."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import Problem
from benchmarks.kafka_stand import Child, Stand, rows_of, until
from benchmarks.kafka_worker import IDENTITY
from models.classifier import Classifier, Example
from streams.derived import everything
from streams.embedded.log import SqliteLog
from streams.records import Authority, Labeled, Retrain
from streams.stage import Log, outgoing
from streams.topology import (
    CLASSIFY,
    LABELED,
    LABELED_LATEST,
    RETRAIN,
    TEXTS,
    TRAIN,
    UNCERTAIN,
    VERDICTS,
    Topic,
)
from streams.wire import Vector

SETTINGS = {
    "REDSTREAM_JUDGE": "simulated",
    "REDSTREAM_ROUNDS": "0",
    "REDSTREAM_TARGET": "0.85",  # its judge errs in a tenth: .95 it cannot witness
    "REDSTREAM_ENCODER_PATH": "fp32",
}


@dataclass(frozen=True)
class Streamed:
    """Texts with their labels: examples to fit on, and others to label."""

    encoder: str
    examples: Sequence[tuple[str, str]]
    texts: Sequence[tuple[str, str]]

    def write(self, folder: Path) -> dict[str, str]:
        """Write the files that commands read; the settings that go with them."""
        _write(folder / "examples.jsonl", [{"text": t, "label": y} for t, y in self.examples])
        _write(folder / "texts.jsonl", [{"id": f"t{i:06d}", "text": t} for i, (t, _) in self._rows])
        _write(
            folder / "gold.jsonl",
            # Texts of later are the same ones again, under other ids.
            [
                {"id": f"{kind}{i:06d}", "text": t, "label": y}
                for kind in ("t", "warm", "late")
                for i, (t, y) in self._rows
            ],
        )
        gold = str(folder / "gold.jsonl")
        return SETTINGS | {"REDSTREAM_GOLD": gold, "REDSTREAM_ENCODER": self.encoder}

    @property
    def _rows(self) -> list[tuple[int, tuple[str, str]]]:
        return list(enumerate(self.texts))


def _write(path: Path, rows: Sequence[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def end_to_end(bootstrap: str, given: Streamed, seconds: float) -> dict[str, Any]:
    """The rate of the embedded run and of Kafka with all workers; then latencies at half of it."""
    with Stand(bootstrap) as stand:
        env = given.write(stand.folder)
        found: dict[str, Any] = {"texts": len(given.texts), "embedded": _embedded(stand, env)}
        program = ("-m", "streams.program")
        stand.child(*program, "fit", str(stand.folder / "examples.jsonl"), **env).ended()
        stand.child(*program, "up", "--local", **env)
        texts = [text for text, _ in given.texts]
        stand.joined(CLASSIFY.name, 1)
        stand.fill(rows_of(texts, 64, "warm"))
        stand.idle()
        before = time.time()
        stand.child(*program, "produce", str(stand.folder / "texts.jsonl"), **env).ended()
        stand.idle()
        began = min(
            one.at
            for part in stand.log.partitions(TEXTS.name)
            for one in stand.log.read_from(TEXTS.name, 0, len(texts) + 64, part)
            if one.at >= before
        )
        found["kafka"] = _rate(_labelled(stand.log, "t"), began)
        found["done_s"] = {
            topic.name: round(_last(stand.log, topic) - began, 1)
            for topic in (TEXTS, UNCERTAIN, VERDICTS, RETRAIN, LABELED)
        }
        found["ratio"] = round(found["kafka"]["rate"] / found["embedded"]["rate"], 3)
        per_second = found["kafka"]["rate"] / 2
        labeled = stand.watch(LABELED.name)
        rows = rows_of(texts, min(len(texts), int(seconds * per_second)), "late")
        sent = stand.fill(rows, per_second)
        stand.idle()
        found["latency"] = _latency(labeled.seen, sent) | {"per_second": round(per_second, 1)}
    return found


def _embedded(stand: Stand, env: dict[str, str]) -> dict[str, Any]:
    folder = stand.folder / "embedded"
    folder.mkdir()
    var = folder / "var"
    for number, command in enumerate((["fit", "examples.jsonl"], ["run", "texts.jsonl"])):
        place = folder / str(number)
        place.mkdir()
        given = ["-m", "streams.program", command[0], str(stand.folder / command[1])]
        Child(given, place, env | {"REDSTREAM_VAR": str(var)}).ended()
    log = SqliteLog(var / "log.sqlite")
    try:
        events = _labelled(log, "t")
    finally:
        log.close()
    return _rate(events, min(one.received for one in events))


def _last(log: Log, topic: Topic) -> float:
    """When the last record of a topic was published."""
    return max((records[-1].at for records in everything(log, topic)), default=0.0)


def _labelled(log: Log, prefix: str) -> list[Labeled]:
    found = [
        Labeled.decode(one.value)
        for records in everything(log, LABELED_LATEST)
        for one in records
        if one.value
    ]
    newest = {one.id: one for one in found if one.id.startswith(prefix)}
    return list(newest.values())


def _rate(events: Sequence[Labeled], began: float) -> dict[str, Any]:
    """From the first text to the last label that it has in the end."""
    sure = sum(one.authority is Authority.CLASSIFIER for one in events)
    seconds = max(one.at for one in events) - began
    return {"labelled": len(events), "sure": sure, "rate": round(len(events) / seconds, 1)}


def _latency(seen: Sequence[tuple[str, float, bytes]], sent: dict[str, float]) -> dict[str, Any]:
    """Of texts that the classifier labelled by itself, in milliseconds."""
    spent = []
    waiting = dict(sent)
    for key, at, value in seen:
        if key in waiting and Labeled.decode(value).authority is Authority.CLASSIFIER:
            spent.append(1000 * (at - waiting.pop(key)))
    p50, p99 = np.quantile(spent, [0.5, 0.99])
    return {"texts": len(spent), "p50_ms": round(float(p50), 1), "p99_ms": round(float(p99), 1)}


def lessons(bootstrap: str, problem: Problem, classifier: Classifier, count: int) -> dict[str, Any]:
    """From a lesson in `retrain` to each of two classify workers in service with it."""
    rng = np.random.default_rng(0)
    spent, alone = [], []
    with Stand(bootstrap) as stand:
        stand.serve(classifier)
        stand.prepare(["a text"], problem.test_x[:1])
        workers = [stand.worker(CLASSIFY.name) for _ in range(2)]
        stand.worker(TRAIN.name)
        stand.joined(CLASSIFY.name, 2)
        stand.joined(TRAIN.name, 1)
        for number in range(count + 1):
            row = int(rng.integers(len(problem.test_y)))
            label, x = problem.labels[problem.test_y[row]], problem.test_x[row]
            lesson = Retrain(
                kind="accepted",
                id=f"lesson-{number}",
                label=label,
                text="a text",
                embedding=Vector.of(x, IDENTITY),
                authority=Authority.JUDGE,
                at=time.time(),
            )
            began = time.time()
            stand.log.append([outgoing(RETRAIN, lesson.id, lesson)])
            at = _served(workers, number + 1)
            if number:  # the first one's update prepares what all others use
                spent.append(at - began)
            started = time.perf_counter()
            classifier = classifier.learn([Example(lesson.id, label, x, gold=False)])
            if number:
                alone.append(time.perf_counter() - started)
            time.sleep(float(rng.uniform(0, 1.5)))
    p50, p95 = np.quantile(spent, [0.5, 0.95])
    return {
        "labels": problem.size,
        "lessons": len(spent),
        "p50_s": round(float(p50), 3),
        "p95_s": round(float(p95), 3),
        "longest_s": round(max(spent), 3),
        "learn_alone_s": round(float(np.median(alone)), 3),
    }


def _served(workers: Sequence[Child], applied: int) -> float:
    """Wait until all workers have a version in service that knows so many lessons; since when."""
    found: dict[int, float] = {}

    def all_have() -> bool:
        for number, worker in enumerate(workers):
            if number not in found:
                times = [one["at"] for one in worker.reports() if one.get("applied", -1) >= applied]
                found.update({number: min(times)} if times else {})
        return len(found) == len(workers)

    until(f"version with {applied} lessons is served", all_have)
    return max(found.values())
