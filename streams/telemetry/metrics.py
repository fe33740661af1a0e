"""Every metric: its name, what it says, and its labels. None holds a text, an id or a label's name.

What is counted is of this process, from its start on; what is a gauge over all workers of a stage
(the lag), or over the whole stream (the ledger's), says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0)
"""Seconds. A batch of classify takes tenths, one of a judge up to `BATCH_SECONDS` and its waits."""


@dataclass(frozen=True)
class Declared:
    """One metric, as the page of metrics tells of it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


class Metrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.declared: list[Declared] = []
        self._flow()
        self._judging()
        self._model()
        self._ledger()
        self._health()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def _flow(self) -> None:
        self.records = self._counter("records", "Records that were handled", "stage")
        self.published = self._counter(
            "published_records", "Records that were published", "stage", "topic"
        )
        self.seconds = self._histogram(
            "batch_seconds", "Seconds from a batch to its answers on the brokers", "stage"
        )
        self.retries = self._counter(
            "retries", "Steps that were tried again: something was away, or failed", "stage"
        )
        self.dead = self._counter(
            "dead_letters", "Records that could not be used, by kind of error", "stage", "error"
        )
        self.last_batch = self._gauge(
            "last_batch_timestamp_seconds", "When the last batch was published", "stage"
        )
        self.lag = self._gauge(
            "lag_records",
            "Records that wait for the stage, for all its workers together",
            "stage",
        )
        self.oldest = self._gauge(
            "oldest_uncertain_age_seconds",
            "Age of the oldest text that waits for the judge, of this worker's partitions; 0: none",
            "stage",
        )

    def _judging(self) -> None:
        self.classified = self._counter(
            "classified_texts",
            "Texts by what classify made of them: sure, spared or doubtful; an audit is a sure or"
            " spared one that is judged as well",
            "outcome",
        )
        self.verdicts = self._counter(
            "verdicts", "Answers of the judge, by question and outcome", "question", "outcome"
        )
        self.failed = self._counter(
            "failed_answers", "Answers of the judge without a verdict, by why", "kind"
        )
        self.decisions = self._counter(
            "decisions", "Texts by what came of judging them", "decision"
        )
        self.calls = self._counter("judge_calls", "Questions to the judge")
        self.tokens = self._counter("judge_tokens", "Tokens that questions to the judge took")
        self.llm_retries = self._counter("llm_retries", "Requests to the LLM made again")
        self.llm_tokens = self._counter("llm_tokens", "Tokens by direction", "direction")
        self.llm_money = self._counter("llm_money", "Money that requests cost, by the set prices")
        self.llm_hits = self._counter("llm_cache_hits", "Questions answered from the cache")
        self.budget_used = self._gauge(
            "llm_budget_used", "What the window has used of its limit", "window", "unit"
        )
        self.budget_limit = self._gauge(
            "llm_budget_limit", "The limit of this worker's part", "window", "unit"
        )
        self.budget_left = self._gauge(
            "llm_budget_left", "What is left of the limit", "window", "unit"
        )
        self.budget_full = self._gauge("llm_budget_full", "1 while a window has no room")
        self.circuit = self._gauge("llm_circuit_open", "1 while the LLM counts as away")
        self.resumes = self._gauge(
            "llm_resumes_in_seconds", "Seconds until the LLM is asked again; 0: it is asked now"
        )

    def _model(self) -> None:
        self.version = self._gauge("model_version", "Version of the model in service; 0: none")
        self.version_at = self._gauge(
            "model_published_timestamp_seconds",
            "When the version in service was published; its age is time() less this",
        )
        self.labels = self._gauge("model_labels", "Labels that the version in service knows")
        self.threshold = self._gauge(
            "model_threshold", "Confidence from which texts go out unasked"
        )
        self.behind = self._gauge(
            "encoder_missing",
            "1 while an older version serves: the newest one's encoder cannot be loaded (classify)",
        )
        self.target = self._gauge("claim_target", "Precision wanted of texts that go out unasked")
        self.bound = self._gauge(
            "claim_bound", "Lower bound of that precision by the newest certificate"
        )
        self.agreement = self._gauge(
            "claim_agreement", "Share of audited texts on which the judge agrees"
        )
        self.claim = self._gauge("claim_state", "1 for the state of the certificate", "state")
        self.versions = self._counter("versions", "Versions of the model that train published")
        self.refused = self._counter(
            "versions_refused", "Lessons that the gate refused: they would have made it worse"
        )
        self.drift = self._counter("drift_events", "Changes of the stream noticed", "kind")

    def _ledger(self) -> None:
        self.texts = self._gauge(
            "labeled_texts", "Texts that have a label, by whose it is (ledger)", "authority"
        )
        self.held = self._gauge("held_texts", "Texts that are undecided (ledger)")
        self.person = self._gauge(
            "held_for_person_texts", "Undecided texts that only a person can decide (ledger)"
        )
        self.oldest_held = self._gauge(
            "oldest_held_age_seconds",
            "Age of the oldest undecided text that may be judged again; 0: none (ledger)",
        )
        self.judged = self._gauge("judged_texts", "Texts that were put to the judge (ledger)")
        self.judged_share = self._gauge(
            "judged_share", "Share of all decided texts that were put to the judge (ledger)"
        )
        self.open_dead = self._gauge(
            "open_dead_letters", "Dead letters that were not put back (ledger)"
        )

    def _health(self) -> None:
        self.partitions = self._gauge("partitions", "Partitions this worker has", "stage")
        self.active = self._gauge(
            "active", "1 where this worker works on the stage, 0 where it stands by", "stage"
        )
        self.ready = self._gauge("ready", "1 where /readyz says that the process is ready")
        self.kafka = self._gauge("kafka_up", "1 where the brokers answer")
        self.store = self._gauge(
            "store_up", "1 where the example store answers a stage that needs it", "stage"
        )
        self.failing = self._gauge(
            "failing_seconds",
            "For how long the batch in hand has failed in passing and been tried again; 0: it does"
            " not",
            "stage",
        )
        self.info = self._gauge("info", "1, with the version of the program", "version")
        self.info.labels(version("redstream")).set(1)

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        self._declare(f"{name}_total", "counter", labels, told)
        return Counter(f"redstream_{name}", told, labels, registry=self.registry)

    def _gauge(self, name: str, told: str, *labels: str) -> Gauge:
        self._declare(name, "gauge", labels, told)
        return Gauge(f"redstream_{name}", told, labels, registry=self.registry)

    def _histogram(self, name: str, told: str, *labels: str) -> Histogram:
        self._declare(name, "histogram", labels, told)
        return Histogram(f"redstream_{name}", told, labels, buckets=BUCKETS, registry=self.registry)

    def _declare(self, name: str, kind: str, labels: Sequence[str], told: str) -> None:
        self.declared.append(Declared(f"redstream_{name}", kind, tuple(labels), told))
