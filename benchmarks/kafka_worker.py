"""A worker of redstream as a process of a benchmark: `python -m benchmarks.kafka_worker STAGE`.

Its encoder is a fake one: vectors that lie ready, and if asked a sleep for each text. Settings come
by the environment; it reports to the file that REPORT names.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.kafka_timers import Timers
from models.encoder_paths import EncoderPath
from streams.feed import Version
from streams.program.logs import to_standard_error
from streams.program.settings import Settings
from streams.program.worker import work

IDENTITY = "benchmark"
"""Of the encoder in models that `benchmarks.methods.fit_recipe` makes."""


class Prepared:
    """Looks vectors up, and sleeps so many seconds for each text."""

    path: EncoderPath = "fp32"
    identity = IDENTITY

    def __init__(self, folder: Path, sleep: float) -> None:
        texts = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
        self._places = {text: place for place, text in enumerate(texts)}
        self._vectors = np.load(folder / "vectors.npy")
        self._sleep = sleep

    @property
    def dimension(self) -> int:
        """Of the vectors."""
        return int(self._vectors.shape[1])

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n, d) of n texts."""
        if self._sleep:
            time.sleep(self._sleep * len(texts))
        found: NDArray[np.float32] = self._vectors[[self._places[text] for text in texts]]
        return found


class Batches:
    """Notes when each batch was done; `until` so many records are, then ends the process."""

    def __init__(self, until: int | None, timers: Timers | None = None) -> None:
        self._until = until
        self._timers = timers
        self._done: list[tuple[float, float, int]] = []
        self._count = 0

    def __call__(self, stage: str, records: int) -> None:
        self._done.append((time.time(), time.process_time(), records))
        if len(self._done) == 1 and self._timers:
            self._timers.begin()
        before, self._count = self._count, self._count + records
        if self._until is not None and before < self._until <= self._count:
            # The first batch has what is done once behind it.
            first, last = self._done[0], self._done[-1]
            told = {"records": self._count - first[2], "seconds": last[0] - first[0]}
            told["cpu"] = last[1] - first[1]
            report(told | ({"parts": self._timers.end()} if self._timers else {}))
            os.kill(os.getpid(), signal.SIGTERM)


def report(told: dict[str, Any]) -> None:
    """Append a line to the report."""
    with Path(os.environ["REPORT"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(told) + "\n")


def served(version: Version) -> None:
    """Report a version that came into service."""
    report({"applied": version.manifest.applied, "at": time.time()})


def main() -> None:
    """Work until stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("stage")
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--sleep", type=float, default=0.0)
    parser.add_argument("--until", type=int)
    parser.add_argument("--timers", action="store_true")
    asked = parser.parse_args()
    to_standard_error()
    timers = Timers() if asked.timers else None
    work(
        Settings(),
        [asked.stage],
        on_commit=Batches(asked.until, timers),
        on_version=served,
        encoder=Prepared(asked.vectors, asked.sleep) if asked.vectors else None,
    )


if __name__ == "__main__":
    main()
