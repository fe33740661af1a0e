"""Spans of OpenTelemetry: one for each traced record that a stage handles, as the parent of what
follows from it. The packages are an extra (`redstream[otel]`), and endpoint and the like come from
OpenTelemetry's own variables.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import structlog

from streams.stage import Delivered, Outgoing
from streams.trace import carried, text_id

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

STOP_SECONDS = 2.0
"""How long a worker that stops waits for spans to be sent."""

log = structlog.get_logger()


class Spans:
    """Makes the spans of one process."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("redstream")
        self._propagator = TraceContextTextMapPropagator()
        self._kind = SpanKind.CONSUMER

    def traced(
        self, stage: str, batch: Sequence[Delivered], outputs: Sequence[Outgoing], seconds: float
    ) -> list[Outgoing]:
        """Make a span of so many seconds up to now for each traced record of a batch, and return
        what it led to as following from that.
        """
        now = time.time()
        return carried(batch, outputs, partial(self._context, stage, now - seconds, now))

    def _context(
        self,
        stage: str,
        began: float,
        ended: float,
        delivered: Delivered,
        context: Mapping[str, str],
    ) -> dict[str, str]:
        from opentelemetry.trace import set_span_in_context

        attributes: dict[str, str | int] = {
            "messaging.system": "kafka",
            "messaging.destination.name": delivered.topic,
            "messaging.destination.partition.id": str(delivered.partition),
            "messaging.kafka.offset": delivered.offset,
        }
        if (known := text_id(delivered)) is not None:
            attributes["redstream.text_id"] = known
        span = self._tracer.start_span(
            stage,
            self._propagator.extract(context),
            self._kind,
            attributes,
            start_time=int(began * 1e9),
        )
        span.end(int(ended * 1e9))
        following: dict[str, str] = {}
        self._propagator.inject(following, set_span_in_context(span))
        return following

    def close(self) -> None:
        """Send what is left, as far as that is quick."""
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(STOP_SECONDS)


def spans() -> Spans | None:
    """Return who makes spans, where an endpoint is set and the packages are there."""
    endpoint = next((name for name in ENDPOINTS if os.environ.get(name)), None)
    if endpoint is None:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("no spans are sent: install redstream[otel]", set=endpoint)
        return None
    named = os.environ.get("OTEL_SERVICE_NAME", "redstream")
    provider = TracerProvider(resource=Resource.create({"service.name": named}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Spans(provider)
