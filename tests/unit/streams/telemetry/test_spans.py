"""Spans hang together along the way of a text, and are sent where an endpoint is set."""

from __future__ import annotations

import http.server
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from streams.stage import Delivered, Outgoing
from streams.telemetry import spans as module
from streams.topology import LABELED, UNCERTAIN, VERDICTS
from streams.trace import trace_id

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture(autouse=True)
def no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in module.ENDPOINTS:
        monkeypatch.delenv(name, raising=False)


def uncertain(key: bytes, **headers: str) -> Delivered:
    return Delivered(UNCERTAIN.name, 2, 7, key, b"{}", headers)


def test_without_an_endpoint_there_are_none() -> None:
    assert module.spans() is None


def test_without_the_packages_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(module.ENDPOINTS[1], "http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with structlog.testing.capture_logs() as said:
        assert module.spans() is None
    assert [one["event"] for one in said] == ["no spans are sent: install redstream[otel]"]


class Collector(http.server.BaseHTTPRequestHandler):
    """Keeps what is sent to it."""

    got: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *told: object) -> None: ...


@pytest.fixture
def collector() -> Iterator[Any]:
    handler = type("Kept", (Collector,), {"got": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_each_stage_is_the_parent_of_the_next_and_spans_are_sent(
    collector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("opentelemetry.sdk.trace", reason="the extra `otel` is not installed")
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    monkeypatch.setenv(module.ENDPOINTS[1], f"http://127.0.0.1:{collector.server_address[1]}")
    made = module.spans()
    assert made is not None
    batch = [uncertain(b"A", traceparent=PARENT, tracestate="a=b"), uncertain(b"B")]
    as_it_came = {"traceparent": PARENT, "tracestate": "a=b"}
    answers = [
        Outgoing(VERDICTS.name, b"A", b"{}", as_it_came),
        Outgoing(LABELED.name, b"A", b"{}", as_it_came),
        Outgoing(VERDICTS.name, b"B", b"{}"),
    ]
    one, two, none = made.traced("judge", batch, answers, 0.5)
    assert trace_id(one.headers) == TRACE
    assert one.headers["traceparent"] != PARENT
    assert one.headers["tracestate"] == "a=b"
    assert two.headers == one.headers
    assert none.headers == {}
    made.close()
    [(path, body)] = collector.RequestHandlerClass.got
    assert path == "/v1/traces"
    for part in (bytes.fromhex(TRACE), bytes.fromhex("00f067aa0ba902b7"), b"judge", b"uncertain"):
        assert part in body
