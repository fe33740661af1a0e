"""Tables and checks of `benchmarks.kafka`, a row each, from what was recorded of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.report import Check, Shown, Table, share

NOTES = [
    "Apache Kafka on the same machine, one broker, its topics anew for each row; redstream's "
    "workers, plain Faust and the embedded run are processes of their own.",
    "Plumbing: a classify worker whose vectors lie ready, with a model of ten labels that is sure "
    "of all texts, from a topic that was filled before; a second run with timers says where the "
    "time goes. Plain Faust after the same recipe: JSON in and out, batches of 256, every answer "
    "awaited. Rates are from the end of the first batch to that of the last.",
    "All stages: default encoder, simulated judge, model of forty labels; training texts, which "
    "the model was not fitted on. From the first text in the log to the last label. Latencies are "
    "of texts that the classifier labelled by itself, at half of that rate, until the event "
    "reaches a consumer.",
    "Lessons: a text in `retrain`, until the slower of two idle classify workers has a version in "
    "service that knows it; labels made up around real vectors. Learning alone: the classifier's "
    "own update, in the benchmark's process.",
    "Workers whose encoder sleeps 5 ms a text, four partitions: between the first and the last "
    "tenth of the labels.",
    "Joining and leaving: 200 texts a second before a worker whose encoder sleeps 2.5 ms; a second "
    "one joins after a third, and gets SIGTERM after two thirds. Stall: the longest time without "
    "any label; late: the longest that a single text waited.",
]


def _plumbing(cell: dict[str, Any]) -> Shown:
    rows = [
        [title, f"{cell[key]['rate']:.0f}", f"{cell[key]['cpu_us']:.0f}"]
        for title, key in (("redstream, classify", "classify"), ("plain Faust", "plain"))
    ]
    parts = sorted(cell["parts_us"].items(), key=lambda item: -item[1])
    rate = cell["classify"]["rate"]
    return Shown(
        [
            Table("The plumbing alone", ["worker", "records/s", "CPU µs a record"], rows),
            Table(
                "Where a classify worker's time goes",
                ["part", "CPU µs a record"],
                [[name, f"{us:.0f}"] for name, us in parts],
            ),
        ],
        [Check("3,000 records a second of one classify worker", f"{rate:.0f}", rate >= 3_000)],
    )


def _end_to_end(cell: dict[str, Any]) -> Shown:
    rows = [
        [title, f"{cell[key]['rate']:.1f}", f"{cell[key]['labelled']}", f"{cell[key]['sure']}"]
        for title, key in (("Kafka, all workers", "kafka"), ("embedded", "embedded"))
    ]
    late = cell["latency"]
    head = ["run", "texts/s", "labelled", "by the classifier"]
    times = [f"{late['per_second']:.0f}", f"{late['texts']}"]
    times += [f"{late['p50_ms']:.0f}", f"{late['p99_ms']:.0f}"]
    return Shown(
        [
            Table(f"All stages, {cell['texts']:,} texts", head, rows),
            Table(
                "On Kafka, the last record of a topic after the first text",
                ["topic", "s"],
                [[topic, f"{after:.1f}"] for topic, after in cell["done_s"].items()],
            ),
            Table("Produce to labelled", ["texts/s", "labelled", "p50, ms", "p99, ms"], [times]),
        ],
        [
            Check(".8 of the embedded run's rate", share(cell["ratio"]), cell["ratio"] >= 0.8),
            Check("p50 below 150 ms", f"{late['p50_ms']:.0f} ms", late["p50_ms"] <= 150),
            Check("p99 below 500 ms", f"{late['p99_ms']:.0f} ms", late["p99_ms"] <= 500),
        ],
    )


def _lessons(cell: dict[str, Any]) -> Shown:
    keys = ("p50_s", "p95_s", "longest_s", "learn_alone_s")
    row = [f"{cell['lessons']}", *(f"{cell[key]:.2f}" for key in keys)]
    head = ["lessons", "p50, s", "p95, s", "longest, s", "learning alone, s"]
    title = f"A lesson to every worker's new version, {cell['labels']:,} labels"
    return Shown(
        [Table(title, head, [row])],
        [Check("p95 below 2 s", f"{cell['p95_s']:.2f} s", cell["p95_s"] <= 2)],
    )


def _scale(cell: dict[str, Any]) -> Shown:
    one = cell["rates"]["1"]
    growth = {count: rate / one / int(count) for count, rate in cell["rates"].items()}
    rows = [[n, f"{rate:.0f}", share(growth[n])] for n, rate in cell["rates"].items()]
    least = min(growth.values())
    return Shown(
        [Table("Workers whose encoder sleeps", ["workers", "texts/s", "of the ideal"], rows)],
        [Check("rate grows by .9 of the ideal", share(least), least >= 0.9)],
    )


def _membership(cell: dict[str, Any]) -> Shown:
    row = [f"{cell['texts']:,}", f"{cell['lost']}", f"{cell['stall']:.1f}", f"{cell['late']:.1f}"]
    row += [share(cell["twice"]), f"{cell['join']:.1f}", f"{cell['leave']:.1f}"]
    head = ["texts", "lost", "stall, s", "late, s", "labelled twice", "joined in, s", "left in, s"]
    return Shown(
        [Table("A worker joins, and leaves by SIGTERM", head, [row])],
        [
            Check("no text lost", f"{cell['lost']}", cell["lost"] == 0),
            Check("stall of at most 5 s", f"{cell['stall']:.1f} s", cell["stall"] <= 5),
        ],
    )


def _unreadable(cell: dict[str, Any]) -> Shown:
    row = [f"{cell[key]:,}" for key in ("good", "bad", "labelled", "letters", "original")]
    head = ["good", "bad", "labelled", "dead letters", "with original bytes and key"]
    well = cell["labelled"] == cell["good"] and cell["letters"] == cell["bad"] == cell["original"]
    return Shown(
        [Table("Bytes of ten kinds that are no text", head, [row])],
        [
            Check(
                f"{cell['good']:,} labelled, {cell['bad']:,} dead letters with original bytes",
                f"{cell['labelled']:,}, {cell['original']:,}",
                well,
            )
        ],
    )


SHOWN: dict[str, Callable[[dict[str, Any]], Shown]] = {
    "plumbing": _plumbing,
    "end_to_end": _end_to_end,
    "lessons": _lessons,
    "scale": _scale,
    "membership": _membership,
    "unreadable": _unreadable,
}
