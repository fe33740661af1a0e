"""Short forms of `make chaos` on a broker of their own: nobody else's is killed or set back."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.kafka.provided import VARIABLE, AnyBroker
from tools.broker import Broker, start
from tools.chaos import away, kills, same, soak
from tools.jars import Unavailable, fetched

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    try:
        jars = fetched()
    except Unavailable as error:
        pytest.skip(f"needs a broker that it may kill, not the one that {VARIABLE} names: {error}")
    with closing(start(jars, tmp_path_factory.mktemp("broker"))) as broker:
        yield broker


@pytest.fixture
def own(kafka: AnyBroker, request: pytest.FixtureRequest) -> Broker:
    """`kafka` tells that there can be one."""
    broker: Broker = request.getfixturevalue("started")
    return broker


def test_nothing_is_lost_when_workers_and_broker_are_killed(own: Broker, tmp_path: Path) -> None:
    report = kills.killed(own, tmp_path, texts=400, kills=6, broker_kills=1)
    assert report.lost == []
    assert report.wrong == []
    assert sum(report.kills.values()) == 6
    assert report.events


def test_what_was_away_is_told_and_nothing_is_lost(own: Broker, tmp_path: Path) -> None:
    lasting = {"broker": 10.0, "qdrant": 6.0, "llm": 6.0, "disk": 6.0}
    for report in away.away(own, tmp_path, lasting, texts=40):
        assert report.lost == []
        assert report.wrong == []
        assert report.ended == []  # each went on by itself
        assert report.untrue == []


@pytest.mark.parametrize("learning", [False, True], ids=["as fitted", "learning"])
def test_whatever_disturbs_a_run_it_comes_to_the_same(
    own: Broker, tmp_path: Path, learning: bool
) -> None:
    every = "+".join(same.DISTURBANCES)
    [report] = same.compared(
        own, tmp_path, [every], texts=90, learning=learning, seconds=24.0, stay=4.0
    )
    assert report.lost == []
    assert report.wrong == []
    assert report.others == []
    assert report.learnt_twice == []
    assert report.labelled + report.held >= 90
    assert report.twice >= report.labelled / 2
    assert report.times == 5  # the clock three times, all positions twice
    assert report.reassigned >= 2


def test_a_stream_is_measured_and_nothing_of_it_is_lost(own: Broker, tmp_path: Path) -> None:
    said: list[str] = []
    tell: Callable[[str], None] = said.append
    report = soak.soaked(own, tmp_path, texts=2_500, say=tell)
    json.dumps(asdict(report))  # as it is written into the report
    assert report.lost == []
    assert report.wrong == []
    assert len(said) == 1  # every 2,000 texts
    assert all(value > 20 for values in report.anonymous.values() for value in values)
    assert report.ledger_bytes_per_text > 100
    assert report.log_bytes_per_text.keys() >= {"texts", "labeled", "retrain", "models"}
