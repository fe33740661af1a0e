"""librdkafka's mock broker: it speaks Kafka's protocol, keeps everything in memory, and lacks much.

Topics cannot be created by its clients, nothing is compacted, each partition keeps its newest 5 MB,
and what was published in a transaction cannot be read (wrong checksums). It comes with the package
`confluent-kafka`; its calls are those of `rdkafka_mock.h`.
"""

import ctypes
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from streams.kafka.connection import Connection
from streams.kafka.topics import Declared
from tools.jars import Unavailable

PRODUCER = 0
"""RD_KAFKA_PRODUCER: the kind of the client that a mock cluster hangs on."""


class MockBroker:
    """One broker in this process."""

    real = False

    def __init__(self) -> None:
        """Start it.

        Raises:
            Unavailable: the package is not there.
        """
        self._library = lib = ctypes.CDLL(str(_library()))
        pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
        lib.rd_kafka_conf_new.restype = pointer
        lib.rd_kafka_new.restype = pointer
        lib.rd_kafka_new.argtypes = [number, pointer, text, ctypes.c_size_t]
        lib.rd_kafka_mock_cluster_new.restype = pointer
        lib.rd_kafka_mock_cluster_new.argtypes = [pointer, number]
        lib.rd_kafka_mock_cluster_bootstraps.restype = text
        lib.rd_kafka_mock_cluster_bootstraps.argtypes = [pointer]
        lib.rd_kafka_mock_topic_create.argtypes = [pointer, text, number, number]
        lib.rd_kafka_mock_cluster_destroy.argtypes = [pointer]
        lib.rd_kafka_destroy.argtypes = [pointer]
        lib.rd_kafka_conf_set.argtypes = [pointer, text, text, text, ctypes.c_size_t]
        said = ctypes.create_string_buffer(512)
        config = lib.rd_kafka_conf_new()
        lib.rd_kafka_conf_set(config, b"log_level", b"3", said, len(said))
        self._client = lib.rd_kafka_new(PRODUCER, config, said, len(said))
        self._cluster = lib.rd_kafka_mock_cluster_new(self._client, 1)
        lib.rd_kafka_mock_group_initial_rebalance_delay_ms.argtypes = [pointer, ctypes.c_int32]
        lib.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        self.bootstrap: str = lib.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def create(self, connection: Connection, wanted: list[Declared]) -> None:
        """Create topics, with as many partitions as are declared."""
        for one in wanted:
            error = self._library.rd_kafka_mock_topic_create(
                self._cluster, one.name.encode(), one.partitions, 1
            )
            assert not error, (one.name, error)

    def remove(self, names: list[str]) -> None:
        """Nothing: it keeps little, and not for long."""

    def close(self) -> None:
        """Stop it."""
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)


def _library() -> Path:
    try:
        for file in files("confluent-kafka") or ():
            if file.name.startswith("librdkafka"):
                return Path(str(file.locate()))
    except PackageNotFoundError:
        pass
    raise Unavailable("confluent-kafka with its librdkafka is not installed")
