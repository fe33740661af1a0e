"""Whether a process lives and is ready, from what its parts have noted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

STALLED_SECONDS = 90.0
"""A loop that has not turned for so long hangs: a question to brokers takes 60 s at most."""

SILENT_SECONDS = 15.0
"""Brokers that have not answered for so long count as away."""

FAILING_SECONDS = 5.0
"""A stage whose batch has failed for so long, and is tried again, is not ready."""


@dataclass
class Health:
    """How a worker stands. Written by its own loop and its looks, read by the thread that answers.

    `stages`: how many partitions each has; None before its group has let it in. `needing_store` are
    those that need the example store. `kafka` and `store` are what is wrong with them, "" where
    they answer, None before somebody asked; `asked` is since when (monotonic) an answer of the
    brokers is waited for. `waits` is why the worker cannot begin; `judge` why the LLM is not asked;
    `behind` why an older version of the model serves than the newest; `failing`, by stage, since
    when (monotonic) its batch fails in passing, and why.
    """

    stages: dict[str, int | None] = field(default_factory=dict)
    needing_store: tuple[str, ...] = ()
    version: int = 0
    published: float = 0.0
    kafka: str | None = None
    asked: float | None = None
    store: str | None = None
    waits: str = ""
    judge: str = ""
    failing: dict[str, tuple[float, str]] = field(default_factory=dict)
    behind: str = ""
    turned: float = field(default_factory=time.monotonic)

    def begin(self, stages: Sequence[str], needing_store: Sequence[str] = ()) -> None:
        """Note which stages are to be worked on; nothing is known of them yet."""
        self.stages = dict.fromkeys(stages)
        self.needing_store = tuple(needing_store)
        self.kafka = self.asked = self.store = None
        self.judge, self.behind, self.failing = "", "", {}

    def joined(self, stage: str, partitions: int) -> None:
        """Note that the group has let the stage in."""
        self.stages = {**self.stages, stage: partitions}

    def serves(self, version: int, published: float) -> None:
        """Note the version of the model in service, and when it was published."""
        self.version, self.published = version, published

    def fails(self, stage: str, why: str) -> None:
        """Note that a stage's batch has failed for a passing reason, and is tried again."""
        since, _ = self.failing.get(stage, (time.monotonic(), ""))
        self.failing = {**self.failing, stage: (since, why)}

    def goes_on(self, stage: str) -> None:
        """Note that a stage has done its batch."""
        if stage in self.failing:
            self.failing = {name: one for name, one in self.failing.items() if name != stage}

    def fails_for(self, stage: str) -> float:
        """Return for how many seconds the batch in hand has failed; 0: it does not."""
        return time.monotonic() - self.failing[stage][0] if stage in self.failing else 0.0

    def turn(self) -> None:
        """Note that the loop turns."""
        self.turned = time.monotonic()

    @property
    def stalled(self) -> float:
        """Return for how many seconds the loop has not turned."""
        return time.monotonic() - self.turned

    @property
    def alive(self) -> bool:
        """Tell whether the loop turns."""
        return self.stalled < STALLED_SECONDS

    @property
    def brokers(self) -> str:
        """Return what is wrong with the brokers, "" where nothing is."""
        asked = self.asked
        if asked is not None and (silent := time.monotonic() - asked) > SILENT_SECONDS:
            return f"the brokers have not answered for {silent:.0f} s"
        return "the brokers were not asked yet" if self.kafka is None else self.kafka

    def missing(self) -> list[str]:
        """Return what is missing before the process is ready; empty where it is."""
        found = [f"not in the group of {name}" for name, has in self.stages.items() if has is None]
        if not self.stages:
            found.append("no stage has begun")
        if self.waits:
            found.append(self.waits)
        elif not self.version:
            found.append("no model is loaded")
        if self.behind:
            found.append(self.behind)
        if self.brokers and self.brokers != self.waits:
            found.append(self.brokers)
        if self.needing_store and self.store != "":
            found.append(self.store or "the example store was not asked yet")
        if self.judge:
            found.append(self.judge)
        known = " ".join(found)  # one outage is one reason
        found += [
            f"{stage} tries again: {why}"
            for stage, (_, why) in self.failing.items()
            if self.fails_for(stage) > FAILING_SECONDS and why not in known
        ]
        if not self.alive:
            found.append(f"the event loop has not turned for {self.stalled:.0f} s")
        return found

    def answer(self) -> dict[str, object]:
        """Return what `/readyz` says."""
        missing = self.missing()
        return {
            "ready": not missing,
            "missing": missing,
            "stages": {
                name: "not in its group" if has is None else "works" if has else "stands by"
                for name, has in self.stages.items()
            },
            "partitions": {name: has or 0 for name, has in self.stages.items()},
            "model": self.version or None,
            "model_age_seconds": round(time.time() - self.published) if self.version else None,
        }
