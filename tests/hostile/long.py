"""`python -m tests.hostile.long`: the whole program among 10,000 hostile records, or more.

Embedded and on Kafka, in batches; after each the memory of each process is looked at.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import closing, suppress
from pathlib import Path

from streams.derived import backlog
from streams.embedded.log import SqliteLog
from streams.errors import Unreadable
from streams.kafka.connection import Connection
from streams.kafka.reader import KafkaReader
from streams.records import Labeled
from streams.stage import Outgoing
from streams.topology import (
    DRIFT,
    LABELED,
    LABELED_LATEST,
    LABELS,
    MODELS,
    RECHECK,
    RETRAIN,
    ROUNDS,
    UNCERTAIN,
    UNCERTAIN_LATER,
    VERDICTS,
)
from tests.e2e import program
from tests.hostile.given import any_bytes
from tests.hostile.program import (
    Report,
    count,
    drawn,
    good_texts,
    hostile_texts,
    memory,
    mixed,
    of_topic,
)
from tests.hostile.topics import sent
from tools.broker import start
from tools.jars import fetched

TEAMS = (("classify",), ("judge", "remember", "later"), ("train",), ("drift",), ("ledger",))
OTHERS = (
    *(UNCERTAIN, UNCERTAIN_LATER, VERDICTS, RETRAIN, MODELS, LABELED, RECHECK, ROUNDS),
    *(LABELED_LATEST, LABELS, DRIFT),
)
PATIENCE = 600.0


def embedded(folder: Path, hostile: int, good: int, *, batches: int) -> Report:
    """One run after the other over a folder, each with its share of what is in the log."""
    var, report = folder / "var", Report(hostile, good)
    program.fit(var)
    records = hostile_texts(hostile)
    for place in range(batches):
        part = records[place * hostile // batches : (place + 1) * hostile // batches]
        share = good // batches
        with closing(SqliteLog(var / "log.sqlite")) as log:
            log.append(mixed(part, good_texts(place * share, share)))
        rows = json.dumps({"id": f"last-{place}", "text": "the printer jams"}) + "\n"
        (folder / "texts.jsonl").write_text(rows)
        report.memory_mib.append({"run": _run(folder, var)})
        report.good += 1
    with closing(SqliteLog(var / "log.sqlite", read_only=True)) as log:
        count(log, {*program.latest(var), *program.held(var)}, report)
    return report


def _run(folder: Path, var: Path) -> float:
    """One `redstream run`; the most MiB that it held."""
    highest = 0.0
    with (folder / "errors").open("ab") as said:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "streams.program", "run", str(folder / "texts.jsonl")),
                *("--var", str(var), *program.SIMULATED),
            ],
            cwd=program.ROOT,
            env=program.ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        while process.poll() is None:
            with suppress(OSError, ValueError, IndexError):
                highest = max(highest, memory({"run": process.pid})["run"])
            time.sleep(0.1)
    errors = (folder / "errors").read_text()
    assert process.returncode == 0, errors[-3_000:]
    assert "Traceback" not in errors, errors[:3_000]
    return highest


def on_kafka(
    bootstrap: str, var: Path, hostile: int, good: int, *, batches: int, others: int
) -> Report:
    """Workers as their user starts them; `others`: hostile records to each other topic."""
    report = Report(hostile, good)
    connection = Connection(bootstrap, f"h{uuid.uuid4().hex[:10]}.")
    environment = {
        **program.ENVIRONMENT,
        "REDSTREAM_KAFKA": bootstrap,
        "REDSTREAM_KAFKA_PREFIX": connection.prefix,
        "REDSTREAM_KAFKA_PARTITIONS": "4",
        "REDSTREAM_VAR": str(var),
        "REDSTREAM_JUDGE": "simulated",
        "REDSTREAM_GOLD": str(program.GOLD),
    }
    words = [sys.executable, "-m", "streams.program"]

    def command(*arguments: str) -> None:
        subprocess.run([*words, *arguments], cwd=program.ROOT, env=environment, check=True)

    command("topics", "create")
    command("fit", str(program.EXAMPLES), "--labels", str(program.LABELS))
    workers: dict[str, subprocess.Popen[bytes]] = {}
    with closing(KafkaReader(connection)) as log, (var / "errors").open("ab") as errors:
        try:
            for team in TEAMS:
                workers["+".join(team)] = subprocess.Popen(
                    [*words, "worker", *team],
                    cwd=program.ROOT,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                )
            records = hostile_texts(hostile)
            for topic in OTHERS:
                log.append(
                    Outgoing(topic.name, one.key or b"k", one.value, one.headers)
                    for one in drawn(sent(any_bytes), others, 7)
                )
            for place in range(batches):
                part = records[place * hostile // batches : (place + 1) * hostile // batches]
                share = good // batches
                log.append(mixed(part, good_texts(place * share, share)))
                _quiet(log, workers, var)
                report.memory_mib.append(memory({n: w.pid for n, w in workers.items()}))
        finally:
            for worker in workers.values():
                worker.terminate()
            for worker in workers.values():
                with suppress(subprocess.TimeoutExpired):
                    worker.wait(30)
                worker.kill()
        said = (var / "errors").read_text()
        assert "Traceback" not in said, said[:4_000]
        decided = {_id(one.value) for one in of_topic(log, LABELED_LATEST)} - {""}
        count(log, decided | program.held(var), report)
    return report


def _id(value: bytes | None) -> str:
    try:
        return Labeled.decode(value).id
    except Unreadable:  # it was sent here
        return ""


def _quiet(log: KafkaReader, workers: dict[str, subprocess.Popen[bytes]], var: Path) -> None:
    """Wait until nothing waits any more. Raises where a worker has ended."""
    until, calm = time.monotonic() + PATIENCE, 0
    while calm < 3:
        ended = [name for name, worker in workers.items() if worker.poll() is not None]
        assert not ended, f"{ended} ended: {(var / 'errors').read_text()[-4_000:]}"
        assert time.monotonic() < until, f"{backlog(log)} {(var / 'errors').read_text()[-4_000:]}"
        calm = 0 if backlog(log) or not log.position("ledger", LABELED.name) else calm + 1
        time.sleep(1)


def main() -> int:
    """Exit status 1 where a record is missing, or was answered wrongly."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hostile", type=int, default=10_000)
    parser.add_argument("--good", type=int, default=1_000)
    parser.add_argument("--batches", type=int, default=5)
    parser.add_argument("--others", type=int, default=200, help="records to each other topic")
    parser.add_argument("--out", type=Path, help="write what came of it into this JSON file")
    asked = parser.parse_args()
    told = {}
    with tempfile.TemporaryDirectory(prefix="redstream-hostile-") as place:
        report = embedded(Path(place), asked.hostile, asked.good, batches=asked.batches)
        told["embedded"] = report.told()
        print(json.dumps(told["embedded"]), flush=True)
        (Path(place) / "broker").mkdir()
        (var := Path(place) / "kafka").mkdir()
        with closing(start(fetched(), Path(place) / "broker")) as broker:
            report = on_kafka(
                broker.bootstrap, var, asked.hostile, asked.good,
                batches=asked.batches, others=asked.others,
            )  # fmt: skip
        told["kafka"] = report.told()
        print(json.dumps(told["kafka"]), flush=True)
    if asked.out:
        asked.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return 1 if any(one["missing"] or one["wrong"] for one in told.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
