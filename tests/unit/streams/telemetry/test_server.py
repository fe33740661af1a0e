"""The three pages answer over HTTP, on the loopback, whatever the worker's own loop does."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from models.errors import Fatal
from streams.telemetry.health import STALLED_SECONDS, Health
from streams.telemetry.metrics import Metrics
from streams.telemetry.server import serving


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def port(health: Health) -> Iterator[int]:
    with serving(Metrics(), health, "127.0.0.1", 0) as found:
        yield found


def test_livez_answers_until_the_loop_hangs(port: int, health: Health) -> None:
    assert get(port, "/livez")[0] == 200
    health.turned -= STALLED_SECONDS + 1
    status, said = get(port, "/livez")
    assert status == 503
    assert json.loads(said)["alive"] is False


def test_readyz_says_what_is_missing(port: int, health: Health) -> None:
    status, said = get(port, "/readyz")
    assert status == 503
    assert "no model is loaded" in json.loads(said)["missing"]
    health.begin(["train"])
    health.joined("train", 0)
    health.serves(2, time.time())
    health.kafka = ""
    status, said = get(port, "/readyz")
    assert status == 200
    assert json.loads(said)["stages"] == {"train": "stands by"}


def test_metrics_are_as_prometheus_reads_them(port: int, health: Health) -> None:
    health.begin(["judge"], ["judge"])
    health.kafka, health.store = "", "away"
    status, said = get(port, "/metrics")
    assert status == 200
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(said)
        for sample in family.samples
    }
    assert found["redstream_ready",] == 0
    assert found["redstream_kafka_up",] == 1
    assert found["redstream_store_up", "judge"] == 0
    assert found["process_resident_memory_bytes",] > 1e6


def test_a_store_that_nobody_asked_yet_is_not_away(port: int, health: Health) -> None:
    health.begin(["judge"], ["judge"])
    assert "redstream_store_up{" not in get(port, "/metrics")[1]


def test_nothing_else_answers(port: int) -> None:
    assert get(port, "/")[0] == 404


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = rf"served on 127.0.0.1:{port}: .*; name another port"
        with pytest.raises(Fatal, match=told), serving(Metrics(), Health(), "127.0.0.1", port):
            raise AssertionError
