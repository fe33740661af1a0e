"""A look at single versions sees what the feed sees, and reads less."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from streams.embedded.log import SqliteLog
from streams.errors import NoModel, NoVersion
from streams.feed import Feed
from streams.glance import Glance
from streams.stage import Outgoing
from streams.topology import MANIFEST, MODELS, PART

pytestmark = pytest.mark.usefixtures("own_logs")


@pytest.fixture
def log(ran: Path, tmp_path: Path) -> Iterator[SqliteLog]:
    shutil.copytree(ran, tmp_path / "var")
    with closing(SqliteLog(tmp_path / "var" / "log.sqlite")) as opened:
        yield opened


def test_the_newest_version_is_the_feeds_and_only_its_parts_are_read(log: SqliteLog) -> None:
    feed, glance = Feed(log), Glance(log)
    assert glance.latest() == feed.newest().manifest
    assert not glance.repository.parts
    assert glance.newest().classifier.hash() == feed.newest().classifier.hash()
    named = set(glance.repository.named(glance.latest()).values())
    assert set(glance.repository.parts) == named
    assert len(named) < len(feed.repository.parts)
    assert glance.repository.manifests.keys() == feed.repository.manifests.keys()


def test_an_older_version_can_be_asked(log: SqliteLog) -> None:
    feed, glance = Feed(log), Glance(log)
    feed.newest()
    first = min(glance.repository.manifests)
    assert glance.whole(first)
    assert glance.load(first).classifier.hash() == feed.load(first).classifier.hash()
    with pytest.raises(NoVersion, match="there is no version 999"):
        glance.load(999)


@pytest.mark.parametrize("value", [b"damaged", None])
def test_a_newest_version_that_is_not_whole_is_passed_over(
    log: SqliteLog, value: bytes | None
) -> None:
    feed = Feed(log)
    newest = feed.newest()
    before = feed.repository.manifests[newest.number - 1]
    own = set(feed.repository.named(newest.manifest).values())
    own -= set(feed.repository.named(before).values())
    log.append([Outgoing(MODELS.name, f"{PART}{sorted(own)[0]}".encode(), value)])
    assert Glance(log).newest().number == Feed(log).newest().number == before.number


def test_without_a_version_it_says_so(tmp_path: Path) -> None:
    with closing(SqliteLog(tmp_path / "log.sqlite")) as log:
        assert log.keys(MODELS.name, MANIFEST) == []
        with pytest.raises(NoModel, match="redstream fit"):
            Glance(log).newest()
