"""Faust's own part of a worker: the group, and how it fetches. All else is ours (`worker`)."""

from __future__ import annotations

from pathlib import Path

import faust

from streams.kafka.connection import Connection
from streams.kafka.fetching import Fetching
from streams.kafka.owner import OneOwner
from streams.kafka.publisher import LARGEST
from streams.topology import StageSpec

BUFFERED = 4
"""Batches that are fetched ahead."""


def faust_app(
    connection: Connection, spec: StageSpec, folder: Path, *, limit: int, alone: bool
) -> tuple[faust.App, faust.TopicT]:
    """Return the app of a stage's group, and all that the stage reads, as raw bytes.

    Batches have `limit` records; `alone`: one member of the group gets all partitions.
    """
    session = connection.session
    app = faust.App(
        connection.group(spec.name),
        broker=[f"kafka://{one.strip()}" for one in connection.bootstrap.split(",")],
        broker_credentials=connection.security.credentials(),
        store="memory://",
        datadir=str(folder / "faust"),
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=2 * LARGEST,
        broker_session_timeout=session,
        broker_heartbeat_interval=session / 3,
        broker_request_timeout=max(40.0, session + 5),
        broker_max_poll_interval=24 * 3_600.0,
        broker_commit_interval=0.5,
        broker_max_poll_records=BUFFERED * limit,
        stream_buffer_maxsize=BUFFERED * limit,
        stream_wait_empty=False,
        stream_ack_cancelled_tasks=False,
        stream_ack_exceptions=False,
        table_standby_replicas=1 if alone else 0,
        PartitionAssignor=OneOwner,
    )
    app.transport.Consumer = Fetching  # type: ignore[misc]
    topic = app.topic(
        *(connection.topic(topic.name) for topic in spec.reads),
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        allow_empty=True,
    )
    return app, topic
