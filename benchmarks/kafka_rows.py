"""Classify workers on Kafka with an encoder that costs nothing, or sleeps: what the plumbing does.

Each function measures one row of `benchmarks.kafka`, in topics of its own.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.kafka_stand import Stand, rows_of, until
from models.classifier import Classifier
from streams.records import DeadLetter, Labeled
from streams.topology import CLASSIFY, DEADLETTERS, LABELED, UNCERTAIN

SLEEP = 0.005
"""Seconds that the encoder takes for a text where two cores must not limit."""


@dataclass(frozen=True)
class Small:
    """A small model, and texts that it is sure of with their vectors (n, d)."""

    classifier: Classifier
    texts: list[str]
    vectors: NDArray[np.float32]


def ready(stand: Stand, small: Small) -> None:
    """Publish the model and lay the vectors ready."""
    stand.serve(small.classifier)
    stand.prepare(small.texts, small.vectors)


def plumbing(bootstrap: str, small: Small, texts: int) -> dict[str, Any]:
    """One worker from a full topic: records a second, beside plain Faust; then where time goes."""
    found: dict[str, Any] = {}
    for name in ("plain", "classify", "parts"):
        with Stand(bootstrap) as stand:
            ready(stand, small)
            stand.fill(rows_of(small.texts, texts))
            if name == "plain":
                child = stand.child("-m", "benchmarks.kafka_faust", str(texts))
            else:
                child = stand.worker(
                    CLASSIFY.name, "--until", str(texts), *(["--timers"] * (name == "parts"))
                )
            [told] = [one for one in child.ended() if "records" in one]
            count = sum(map(stand.log.count, (LABELED.name, UNCERTAIN.name)))
            assert count >= texts, f"{count} of {texts} texts were answered"
        per = told["records"]
        if name == "parts":
            found["parts_us"] = {
                part: round(1e6 * seconds / per, 1) for part, seconds in told["parts"].items()
            }
        else:
            found[name] = {
                "rate": round(per / told["seconds"], 1),
                "cpu_us": round(1e6 * told["cpu"] / per, 1),
            }
    return found


def scale(bootstrap: str, small: Small, texts: int, workers: tuple[int, ...]) -> dict[str, Any]:
    """Rates of so many workers whose encoder sleeps, `texts` for each worker."""
    rates = {}
    for count in workers:
        with Stand(bootstrap, partitions=max(workers)) as stand:
            rates[str(count)] = round(_slept(stand, small, texts * count, count), 1)
    return {"rates": rates, "ideal": 1 / SLEEP}


def _slept(stand: Stand, small: Small, texts: int, workers: int) -> float:
    ready(stand, small)
    for _ in range(workers):
        stand.worker(CLASSIFY.name, "--sleep", str(SLEEP))
    stand.joined(CLASSIFY.name, workers)
    labeled = stand.watch(LABELED.name)
    stand.fill(rows_of(small.texts, 64 * stand.partitions, "warm"))
    _quiet(stand)
    stand.fill(rows_of(small.texts, texts))
    _quiet(stand)
    return _rate([at for key, at, _ in labeled.seen if key.startswith("t")])


def _rate(times: list[float]) -> float:
    """A second, between the first and the last tenth: all workers are at work then."""
    low, high = int(0.1 * len(times)), int(0.9 * len(times)) - 1
    ordered = sorted(times)
    return (high - low) / (ordered[high] - ordered[low])


def membership(bootstrap: str, small: Small, per_second: float, seconds: float) -> dict[str, Any]:
    """A second worker joins a third of the way, and leaves by SIGTERM at two thirds."""
    with Stand(bootstrap) as stand:
        ready(stand, small)
        stand.worker(CLASSIFY.name, "--sleep", str(SLEEP / 2))
        stand.joined(CLASSIFY.name, 1)
        labeled = stand.watch(LABELED.name)
        stand.fill(rows_of(small.texts, 64 * stand.partitions, "warm"))
        _quiet(stand)
        sent: dict[str, float] = {}
        rows = rows_of(small.texts, int(per_second * seconds))
        filling = threading.Thread(target=lambda: sent.update(stand.fill(rows, per_second)))
        filling.start()
        time.sleep(seconds / 3)
        joins = time.time()
        second = stand.worker(CLASSIFY.name, "--sleep", str(SLEEP / 2))
        stand.joined(CLASSIFY.name, 2)
        joined = time.time()
        time.sleep(max(0.0, seconds / 3 - (joined - joins)))
        leaves = time.time()
        stopped = second.stop()
        filling.join()
        _quiet(stand)
        seen = [one for one in labeled.seen if one[0].startswith("t")]
        answered = Counter(key for key, _, _ in seen)
    times = sorted(at for _, at, _ in seen)
    gaps = np.diff(times)
    longest = int(gaps.argmax())
    first: dict[str, float] = {}
    for key, at, _ in seen:
        first.setdefault(key, at)
    late, slowest = max((at - sent[key], sent[key]) for key, at in first.items())
    return {
        "texts": len(rows),
        "per_second": per_second,
        "lost": len(sent.keys() - answered.keys()),
        "stall": round(float(gaps[longest]), 2),
        "stall_after_join": round(times[longest] - joins, 1),
        "stall_after_leave": round(times[longest] - leaves, 1),
        "late": round(late, 2),
        "late_after_join": round(slowest - joins, 1),
        "twice": round(sum(n > 1 for n in answered.values()) / len(answered), 4),
        "join": round(joined - joins, 1),
        "leave": round(stopped, 2),
    }


def _quiet(stand: Stand, stage: str = CLASSIFY.name) -> None:
    """Wait until nothing lies before classify, for two looks in a row."""
    for _ in range(2):
        until("nothing waits", lambda: not stand.log.waiting(stage, ["texts", "recheck"]))
        time.sleep(1.2)


def unreadable(bootstrap: str, small: Small, good: int, of_each: int) -> dict[str, Any]:
    """Bytes of ten kinds that are no text, among good ones."""
    with Stand(bootstrap) as stand:
        ready(stand, small)
        rows = rows_of(small.texts, good)
        bad = [
            (f"bad-{kind}-{number}", _bad(kind, number))
            for number in range(of_each)
            for kind in range(len(KINDS))
        ]
        mixed = [*rows, *bad]
        order = np.random.default_rng(0).permutation(len(mixed))
        labeled, dead = stand.watch(LABELED.name), stand.watch(DEADLETTERS.name)
        stand.worker(CLASSIFY.name)
        stand.joined(CLASSIFY.name, 1)
        stand.fill([mixed[i] for i in order])
        until("all are answered", lambda: len(labeled.seen) >= good and len(dead.seen) >= len(bad))
        _quiet(stand)
        names = {Labeled.decode(value).id for _, _, value in labeled.seen}
        letters = [DeadLetter.decode(value) for _, _, value in dead.seen]
    wanted = Counter((key.encode(), value) for key, value in bad)
    found = Counter(
        (base64.b64decode(letter.key or ""), base64.b64decode(letter.value)) for letter in letters
    )
    return {
        "good": good,
        "bad": len(bad),
        "labelled": len(names & {key for key, _ in rows}),
        "letters": len(letters),
        "original": sum((wanted & found).values()),
        "errors": dict(sorted(Counter(letter.error for letter in letters).items())),
    }


KINDS = (
    lambda n: f"no JSON {n}".encode(),
    lambda n: b"",
    lambda n: b'{"id": "x%d", "text": "cut' % n,
    lambda n: b"\xff\xfe\x00%d" % n,
    lambda n: json.dumps([n]).encode(),
    lambda n: json.dumps({"id": f"x{n}"}).encode(),
    lambda n: json.dumps({"id": f"x{n}", "text": n}).encode(),
    lambda n: json.dumps({"id": f"x{n}", "text": "  "}).encode(),
    lambda n: json.dumps({"id": f"x{n}", "text": "long " * 5_000}).encode(),
    lambda n: json.dumps({"id": [n], "text": "a text"}).encode(),
)


def _bad(kind: int, number: int) -> bytes:
    return KINDS[kind](number)
