"""From what passes through a worker to its metrics."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from pydantic_core import from_json

from streams.errors import Unreadable
from streams.records import DeadLetter, Drift, Manifest, Verdict
from streams.stage import Delivered, Outgoing
from streams.telemetry.health import Health
from streams.telemetry.metrics import Metrics
from streams.topology import (
    CLASSIFY,
    DEADLETTERS,
    DRIFT,
    LABELED,
    MANIFEST,
    MODELS,
    TRAIN,
    UNCERTAIN,
    UNCERTAIN_LATER,
    VERDICTS,
)
from streams.watch import Watch
from streams.wire import unsqueezed

MOST_VALUES = 40
"""Values of a metric's label, beyond which all others are "other"."""

log = structlog.get_logger()


class Counting(Watch):
    """Counts what is published, once it is."""

    def __init__(self, metrics: Metrics, health: Health) -> None:
        self._metrics = metrics
        self._health = health
        self._values: dict[str, set[str]] = {}
        self._by_topic: dict[str, Callable[[str, Outgoing], None]] = {
            DEADLETTERS.name: self._dead,
            DRIFT.name: self._drift,
            LABELED.name: self._labeled,
            MODELS.name: self._version,
            UNCERTAIN.name: self._uncertain,
            UNCERTAIN_LATER.name: self._uncertain,
            VERDICTS.name: self._verdict,
        }

    def assigned(self, stage: str, partitions: int) -> None:
        """Note whether the stage is worked on here."""
        self._health.joined(stage, partitions)
        self._metrics.partitions.labels(stage).set(partitions)
        self._metrics.active.labels(stage).set(partitions > 0)

    def again(self, stage: str, why: str) -> None:
        """Count a step that is tried again."""
        self._health.fails(stage, why)
        self._metrics.retries.labels(stage).inc()

    def handled(
        self, stage: str, batch: Sequence[Delivered], outputs: Sequence[Outgoing], seconds: float
    ) -> None:
        """Count a batch and what it led to; a record that cannot be read is passed over."""
        told = self._metrics
        self._health.goes_on(stage)
        told.records.labels(stage).inc(len(batch))
        told.seconds.labels(stage).observe(seconds)
        told.last_batch.labels(stage).set(time.time())
        for topic, count in Counter(one.topic for one in outputs).items():
            told.published.labels(stage, topic).inc(count)
        for one in outputs:
            look = self._by_topic.get(one.topic)
            if look is not None and one.value is not None:
                try:
                    look(stage, one)
                except (ValueError, TypeError, Unreadable) as error:
                    log.debug("not counted", topic=one.topic, error=str(error))

    def _dead(self, stage: str, one: Outgoing) -> None:
        letter = DeadLetter.decode(one.value)
        self._metrics.dead.labels(stage, self._bounded("error", letter.error)).inc()

    def _drift(self, stage: str, one: Outgoing) -> None:
        self._metrics.drift.labels(Drift.decode(one.value).kind).inc()

    def _labeled(self, stage: str, one: Outgoing) -> None:
        if stage == CLASSIFY.name:
            outcome = "spared" if _fields(one).get("spared") else "sure"
            self._metrics.classified.labels(outcome).inc()

    def _uncertain(self, stage: str, one: Outgoing) -> None:
        if stage == CLASSIFY.name:
            outcome = "audit" if _fields(one).get("audit") else "doubtful"
            self._metrics.classified.labels(outcome).inc()

    def _verdict(self, stage: str, one: Outgoing) -> None:
        verdict, told = Verdict.decode(one.value), self._metrics
        told.verdicts.labels(verdict.question, verdict.outcome).inc()
        told.calls.inc(verdict.calls)
        told.tokens.inc(verdict.tokens)
        if verdict.kind is not None:
            told.failed.labels(self._bounded("kind", verdict.kind)).inc()
        if verdict.decision is not None:
            told.decisions.labels(verdict.decision).inc()

    def _version(self, stage: str, one: Outgoing) -> None:
        if stage == TRAIN.name and (one.key or b"").startswith(MANIFEST.encode()):
            self._metrics.versions.inc()
            self._metrics.refused.inc(unsqueezed(Manifest, one.value).refused is not None)

    def _bounded(self, label: str, value: str) -> str:
        known = self._values.setdefault(label, set())
        if value not in known and len(known) >= MOST_VALUES:
            return "other"
        known.add(value)
        return value


def _fields(one: Outgoing) -> dict[str, Any]:
    found = from_json(one.value or b"")
    return found if isinstance(found, dict) else {}
