"""A short form of `make chaos`: workers and broker of a run on Kafka killed at random moments."""

from contextlib import closing
from pathlib import Path

import pytest

from tests.kafka.provided import VARIABLE, AnyBroker
from tools.broker import start
from tools.chaos import played
from tools.jars import Unavailable, fetched


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_nothing_is_lost_when_workers_and_broker_are_killed(
    kafka: AnyBroker, tmp_path: Path
) -> None:
    """On a broker of its own: nobody else's is killed. `kafka` tells that there can be one."""
    try:
        jars = fetched()
    except Unavailable as error:
        pytest.skip(f"needs a broker that it may kill, not the one that {VARIABLE} names: {error}")
    (tmp_path / "broker").mkdir()
    with closing(start(jars, tmp_path / "broker")) as broker:
        report = played(broker, tmp_path, texts=400, kills=6, broker_kills=1)
    assert report.lost == []
    assert report.wrong == []
    assert sum(report.kills.values()) == 6
    assert report.events
