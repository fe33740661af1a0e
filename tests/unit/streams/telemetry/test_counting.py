"""What is published is counted by what it is, and no text, id or label gets into a metric."""

from __future__ import annotations

import time
from typing import Any

import pytest
from prometheus_client import generate_latest

from streams.errors import Unreadable
from streams.records import Claim, Drift, Manifest, Refusal
from streams.stage import Delivered, Outgoing, dead_letter, outgoing
from streams.telemetry.counting import MOST_VALUES, Counting
from streams.telemetry.health import Health
from streams.telemetry.metrics import Metrics
from streams.telemetry.serving import STATES, tell_version
from streams.topology import DRIFT, LABELED, MODELS, UNCERTAIN, VERDICTS
from streams.wire import squeezed

ANSWER = (
    '{"id": "SECRET-ID", "event": "e", "question": "verify", "options": ["SECRET-LABEL"],'
    ' "outcome": "%s", "kind": %s, "signed": "x", "proposed": "SECRET-LABEL", "confidence": 0.5,'
    ' "model": 1, "tokens": 70, "calls": 1, "final": true, "decision": "%s", "at": 1}'
)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def counting(metrics: Metrics, health: Health) -> Counting:
    return Counting(metrics, health)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"redstream_{name}", labels)


def batch(count: int) -> list[Delivered]:
    return [Delivered("texts", 0, n, b"SECRET-ID", b"SECRET-TEXT") for n in range(count)]


def manifest(number: int, **more: Any) -> Manifest:
    return Manifest(
        number=number, epoch=1, hash="h", encoder="e", threshold=0.8, labels=["SECRET-LABEL"],
        applied=0, learnt=0, touched=[], at=time.time(), **more,
    )  # fmt: skip


def test_a_batch_is_counted_with_its_time(metrics: Metrics, counting: Counting) -> None:
    counting.handled("classify", batch(3), [Outgoing(LABELED.name, b"SECRET-ID", b"{}")], 0.3)
    counting.handled("classify", batch(2), [], 0.1)
    counting.again("classify", "the disk is full")
    assert value(metrics, "records_total", stage="classify") == 5
    assert value(metrics, "batch_seconds_count", stage="classify") == 2
    assert value(metrics, "batch_seconds_sum", stage="classify") == pytest.approx(0.4)
    assert value(metrics, "retries_total", stage="classify") == 1
    assert value(metrics, "published_records_total", stage="classify", topic="labeled") == 1


def test_a_batch_that_is_tried_again_is_noted_until_it_is_done(
    health: Health, counting: Counting
) -> None:
    counting.again("ledger", "database or disk is full")
    counting.again("ledger", "database or disk is full")
    [(since, why)] = health.failing.values()
    assert (why, since <= time.monotonic()) == ("database or disk is full", True)
    counting.handled("train", batch(1), [], 0.1)
    assert health.failing
    counting.handled("ledger", batch(1), [], 0.1)
    assert not health.failing


def test_texts_are_counted_by_what_classify_made_of_them(
    metrics: Metrics, counting: Counting
) -> None:
    outputs = [
        Outgoing(LABELED.name, b"a", b'{"spared": false}'),
        Outgoing(LABELED.name, b"b", b'{"spared": true}'),
        Outgoing(UNCERTAIN.name, b"b", b'{"audit": true}'),
        Outgoing("uncertain-later", b"c", b'{"audit": false}'),
    ]
    counting.handled("classify", batch(3), outputs, 0.1)
    counting.handled("judge", batch(1), [outputs[0], outputs[3]], 0.1)
    for outcome in ("sure", "spared", "audit", "doubtful"):
        assert value(metrics, "classified_texts_total", outcome=outcome) == 1


def test_verdicts_are_counted_by_kind_with_calls_and_tokens(
    metrics: Metrics, counting: Counting
) -> None:
    said = [("valid", "null", "accepted"), ("no_verdict", '"timed out"', "away")]
    outputs = [Outgoing(VERDICTS.name, b"SECRET-ID", (ANSWER % one).encode()) for one in said]
    counting.handled("judge", batch(2), outputs, 0.1)
    assert value(metrics, "verdicts_total", question="verify", outcome="valid") == 1
    assert value(metrics, "failed_answers_total", kind="timed out") == 1
    assert value(metrics, "decisions_total", decision="away") == 1
    assert value(metrics, "judge_calls_total") == 2
    assert value(metrics, "judge_tokens_total") == 140


def test_versions_refusals_and_drift_are_counted(metrics: Metrics, counting: Counting) -> None:
    refusal = Refusal(lessons=["SECRET-ID"], texts=9, lost=4, won=0, p=0.01)
    versions = [manifest(1), manifest(2, refused=refusal)]
    outputs = [Outgoing(MODELS.name, b"manifest/1", squeezed(one)) for one in versions]
    outputs.append(Outgoing(MODELS.name, b"part/abc", b"\x00"))
    counting.handled("train", batch(2), outputs, 0.1)
    event = Drift(kind="shares", labels=["SECRET-LABEL"], since=0, at=0)
    counting.handled("drift", batch(1), [outgoing(DRIFT, "shares", event)], 0.1)
    assert value(metrics, "versions_total") == 2
    assert value(metrics, "versions_refused_total") == 1
    assert value(metrics, "drift_events_total", kind="shares") == 1


def test_dead_letters_are_counted_by_error_and_kinds_are_bounded(
    metrics: Metrics, counting: Counting
) -> None:
    [one] = batch(1)
    counting.handled("judge", [one], [dead_letter(one, "judge", Unreadable("SECRET-TEXT"))], 0.1)
    assert value(metrics, "dead_letters_total", stage="judge", error="Unreadable") == 1
    for number in range(2 * MOST_VALUES):
        strange = type(f"Error{number}", (Exception,), {})("x")
        counting.handled("judge", [one], [dead_letter(one, "judge", strange)], 0.1)
    errors = {
        sample.labels["error"]
        for family in metrics.registry.collect()
        if family.name == "redstream_dead_letters"
        for sample in family.samples
    }
    assert len(errors) == MOST_VALUES + 1
    assert "other" in errors


def test_what_cannot_be_read_is_passed_over(metrics: Metrics, counting: Counting) -> None:
    topics = (LABELED, UNCERTAIN, VERDICTS, DRIFT, MODELS)
    for stage in ("classify", "judge", "train", "drift"):
        bad = [Outgoing(topic.name, b"manifest/1", b"\xff\x00") for topic in topics]
        counting.handled(stage, batch(1), [*bad, Outgoing(LABELED.name, b"x", None)], 0.1)
        assert value(metrics, "records_total", stage=stage) == 1


def test_the_version_in_service_tells_of_its_certificate(metrics: Metrics) -> None:
    claim = Claim(state="too few", target=0.95, bound=0.4, judged=3, reason="SECRET-TEXT")
    tell_version(metrics, manifest(7, claim=claim), 0.83)
    assert value(metrics, "model_version") == 7
    assert value(metrics, "claim_target") == 0.95
    states = {
        state: value(metrics, "claim_state", state=state.replace(" ", "_")) for state in STATES
    }
    assert [state for state, holds in states.items() if holds] == ["too few"]
    tell_version(metrics, manifest(8), 0.83)
    assert value(metrics, "claim_state", state="too_few") == 0


def test_nothing_of_a_text_is_in_any_metric(metrics: Metrics, counting: Counting) -> None:
    said = [
        Outgoing(VERDICTS.name, b"SECRET-ID", (ANSWER % ("valid", "null", "accepted")).encode())
    ]
    [one] = batch(1)
    said.append(dead_letter(one, "judge", Unreadable("SECRET-TEXT")))
    said.append(outgoing(MODELS, "manifest/7", manifest(7)))
    counting.handled("train", batch(3), said, 0.1)
    tell_version(metrics, manifest(7), 0.8)
    assert b"SECRET" not in generate_latest(metrics.registry)
