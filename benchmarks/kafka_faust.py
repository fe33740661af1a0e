"""A plain Faust worker, the baseline: JSON in, JSON out, nothing lost, nothing else done.

`python -m benchmarks.kafka_faust UNTIL` ends after so many records; brokers and prefix as redstream
has them.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import Any

import faust

from benchmarks.kafka_worker import Batches
from streams.kafka.connection import Connection
from streams.topology import LABELED, TEXTS

BATCH = 256


def main() -> None:
    """Work until so many records are done."""
    connection = Connection(os.environ["REDSTREAM_KAFKA"], os.environ["REDSTREAM_KAFKA_PREFIX"])
    app = faust.App(
        connection.group("plain"),
        broker=[f"kafka://{connection.bootstrap}"],
        store="memory://",
        datadir=os.environ["REDSTREAM_VAR"],
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        table_standby_replicas=0,
    )
    raw: dict[str, Any] = {
        "key_type": bytes,
        "value_type": bytes,
        "key_serializer": "raw",
        "value_serializer": "raw",
    }
    texts = app.topic(connection.topic(TEXTS.name), **raw)
    labeled = app.topic(connection.topic(LABELED.name), **raw)
    batches = Batches(int(sys.argv[1]))

    @app.agent(texts, concurrency=1)
    async def work(stream: Any) -> None:
        async for events in stream.take_events(BATCH, within=0.02):
            sent = []
            for event in events:
                row = json.loads(event.value)
                event_out = json.dumps({**row, "label": "none", "confidence": 1.0}).encode()
                sent.append(await labeled.send(key=event.key, value=event_out))
            await asyncio.gather(*sent)
            batches("plain", len(events))

    asyncio.run(_until_stopped(app))


async def _until_stopped(app: faust.App) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await app.start()
    await stop.wait()
    await app.stop()


if __name__ == "__main__":
    main()
